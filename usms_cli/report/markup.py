"""HTML that text cannot break out of: every element is made here, and text is text wherever it is.

A `str` that is not `Markup` is escaped where it meets an element, with nothing left to remember.
"""

import html

from usms_cli.text import visible

_WITHOUT_END = {"br", "col", "meta"}


class Markup(str):
    """What is HTML already: made by `element`, or a constant of this program."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str) -> Markup:
    """Return an element. Its children are elements, or text, which is shown as it is.

    :param attributes: as in HTML, with `_` for `-`, and one at the end of a word of Python's.
    """
    tag = name + "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_escape(value)}"'
        for key, value in attributes.items()
    )
    if name in _WITHOUT_END:
        return Markup(f"<{tag}>")
    return Markup(f"<{tag}>{together(*children)}</{name}>")


def together(*parts: str) -> Markup:
    """Return elements and text, one after the other."""
    return Markup("".join(part if isinstance(part, Markup) else _escape(part) for part in parts))


def foreign(text: str) -> Markup:
    """Return text of a file or of the API: not ours to translate, in its own direction."""
    return element("bdi", text, translate="no")


def _escape(text: str) -> str:
    return html.escape(visible(text))
