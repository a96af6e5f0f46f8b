"""Text for people: what files and the API say is seen, never acted on; numbers with their words."""

import codecs
import re
import sys
from pathlib import Path

# C0 and C1 controls, line and paragraph separators, the marks that reorder text, surrogates.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)

WRITTEN_OUT = "usms.written-out"
"""How a stream takes what its encoding lacks: written out as `\\u624b`, our own signs as ASCII."""

_OWN_SIGNS = {"…": "...", "·": "-"}


def _write_out(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    written = (
        _OWN_SIGNS.get(sign) or sign.encode("ascii", "backslashreplace").decode("ascii")
        for sign in lacking
    )
    return "".join(written), error.end


codecs.register_error(WRITTEN_OUT, _write_out)


def written(text: str, encoding: str) -> str:
    """Return text, visible, as a stream of an encoding shows it, so that it can be measured."""
    return visible(text).encode(encoding, WRITTEN_OUT).decode(encoding)


def visible(text: str) -> str:
    r"""Return `text` with control and reordering characters written out, as `\x1b` or `\n`."""
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def quoted(text: str, longest: int = 200) -> str:
    """Return a value as it was found, visible, in quotes, shortened in the middle if very long."""
    if len(text) > longest:
        text = f"{text[: longest // 2]}…{text[-longest // 4 :]}"
    return f'"{visible(text)}"'


def quoted_path(path: Path) -> str:
    """Return where a file is, visible, in quotes, and whole."""
    return quoted(str(path), sys.maxsize)


def count(number: int, one: str, many: str = "") -> str:
    """Return a number with what it counts, as `1 file` or `2,000 files`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
