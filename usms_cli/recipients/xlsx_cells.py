"""A cell of a workbook as the text that people see in it, or why it has none we could send."""

import math
import re
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum

from usms_cli.recipients.json_values import UnusableError
from usms_cli.text import quoted

_REMEDY = "format the column as text, and write it as it is to be read"

# What a format adds without adding a sign: colours, a locale, spaces as wide as a sign, filling.
_UNSEEN = re.compile(
    r"\[(?:black|blue|cyan|green|magenta|red|white|yellow|color ?\d+|\$-[0-9a-f]+)\]|_.|\*.",
    re.IGNORECASE,
)
_GENERAL = ("", "general", "@", "#")
_DIGITS = re.compile(r"#*(0+)(?:\.(0+))?")

_SMALLEST, _LARGEST = 1e-9, 1e15  # beyond these Excel shows powers of ten, and drops digits


class Flaw(Enum):
    """Why a cell, or a row, has no text that could be sent: a clause for people."""

    ERROR = "holds an error of a formula, such as #N/A: correct the formula"
    UNSAVED = (
        "holds a formula whose value is not in the file: open it in Excel, and save it once more"
    )
    HIDDEN = "the row is hidden, by a filter perhaps: show it in Excel, or delete it"


def shown(value: object, how: str | Flaw = "General") -> str:
    """Return the text of a cell's value; raise UnusableError, with a clause, if it has none.

    :param how: the format of numbers there, or why there is no text.
    """
    if isinstance(how, Flaw):
        raise UnusableError(how.value)
    if isinstance(value, str):
        if "\0" in value:
            raise UnusableError(f"holds the character U+0000, which is no text: {_REMEDY}")
        return value.strip()
    if isinstance(value, bool):
        raise UnusableError(f"holds {str(value).upper()}: {_REMEDY}")
    if isinstance(value, int | float):
        return _number(float(value), how)
    raise UnusableError(f"holds a date or time ({value}): {_REMEDY}")


def _number(value: float, format_code: str) -> str:
    """Return the digits of a number, fifteen at most, as Excel keeps and shows them."""
    if format_code == "General" and abs(value) < _LARGEST and value.is_integer():
        return str(int(value))
    if not math.isfinite(value) or (value and not _SMALLEST <= abs(value) < _LARGEST):
        raise UnusableError(f"holds the number {value:g}, of which digits may be lost: {_REMEDY}")
    number = Decimal(f"{value:.15g}") + 0  # without the sign of -0
    positive, *others = format_code.split(";")
    code = _UNSEEN.sub("", positive).strip().casefold()
    if code in _GENERAL and not (others and value <= 0):
        return f"{number:f}"
    digits = _DIGITS.fullmatch(code)
    if digits is None or (others and value <= 0):
        raise UnusableError(
            f"holds the number {number:f}, but shows it in the format "
            f"{quoted(format_code)}: {_REMEDY}"
        )
    places = len(digits[2] or "")
    rounded = number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    width = len(digits[1]) + (places + 1 if places else 0) + (rounded < 0)
    return f"{rounded:f}".zfill(width)
