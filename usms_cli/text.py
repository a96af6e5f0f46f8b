"""Text for people: what files and the API say is seen, never acted on; numbers with their words."""

import re
import sys
from pathlib import Path

# C0 and C1 controls, line and paragraph separators, the marks that reorder text, surrogates.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)


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
