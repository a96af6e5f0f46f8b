"""A phone as people write it, taken apart: its digits, and whether they name a country.

libphonenumber skips over what it does not know (letters, a second number, the `.0` of a data
frame), so what may stand in a phone is settled here, before the library sees digits alone.
"""

import re
import unicodedata
from typing import NamedTuple

LONGEST = 100  # characters; generous for digits, brackets and spaces, and cheap to look at

_LOOK_ALIKES = {
    **dict.fromkeys("‐‑‒–—―−﹘﹣－", "-"),
    "．": ".",
    "（": "(",
    "）": ")",
    "＋": "+",
}
_POWER_OF_TEN = re.compile(r"[+-]?\d+(?:[.,]\d*)?E[+-]?\d+", re.ASCII | re.IGNORECASE)
_DECIMAL = re.compile(r"\+?\d+\.(?:0+|\d\d?)|.*\. *0", re.ASCII)  # but `06.12.34.56.00` is French
_EXTENSION = re.compile(r"[\d\s)](?:#|x|ext|extn|extension|转|分机)[.:\s]*\d+", re.IGNORECASE)
_SEPARATORS = ",;/|&\\\n、，；／"
_DROPPED = str.maketrans("", "", " -.")
_GROUPED = re.compile(r"(\+?)(?:\((\+?)(\d+)\))?((?:\d|\(\d+\))*)", re.ASCII)
_BRACKETS = str.maketrans("", "", "()")


class InvalidPhone(ValueError):  # noqa: N818 - it says what the value is
    """What stands in a record is no phone a message may go to; `reason` is a clause for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Writing(NamedTuple):
    """The digits of a phone, and how they were written.

    `international` is True after `+` or `00`, which are not among `digits`. `bracketed` holds the
    leading digits that stand in parentheses, if any do and the writing is not international.
    """

    digits: str
    international: bool
    bracketed: str = ""


class _PlainCharacters(dict[int, str]):
    """For `str.translate`: digits of any script, wide signs and spaces, each as its ASCII sign."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        digit = unicodedata.decimal(char, None)
        if digit is not None:
            plain = str(digit)
        elif char == "\t" or unicodedata.category(char) == "Zs":
            plain = " "
        else:
            plain = _LOOK_ALIKES.get(char, char)
        if len(self) < 1000:  # a file of strange signs must not fill the memory
            self[code] = plain
        return plain


_PLAIN = _PlainCharacters()


def take_apart(text: str) -> Writing:
    """Return what is written in `text`, or raise `InvalidPhone` where that cannot be one phone."""
    if len(text) > LONGEST:
        raise InvalidPhone("too long to be a phone")
    plain = text.strip().translate(_PLAIN)
    if not plain:
        raise InvalidPhone("the phone is empty")
    if _POWER_OF_TEN.fullmatch(plain):
        raise InvalidPhone("a spreadsheet wrote it as a power of ten, and digits are lost")
    _check_characters(plain)
    if _DECIMAL.fullmatch(plain):
        raise InvalidPhone("a spreadsheet made it a decimal number")
    return _grouped(plain.translate(_DROPPED))


def digits_of(text: str) -> str:
    """Return the digits of a phone in any writing as ASCII digits, or "" if it holds more than one.

    Spaces, `-`, `.`, parentheses and `+` are left out; anything else makes the answer "".
    """
    if len(text) > LONGEST:
        return ""
    digits = text.strip().translate(_PLAIN).translate(_DROPPED).translate(_BRACKETS)
    digits = digits.removeprefix("+")
    return digits if digits.isascii() and digits.isdigit() else ""


def _check_characters(plain: str) -> None:
    stray = next((char for char in plain if char not in "0123456789 -.()+"), "")
    if not stray:
        return
    if _EXTENSION.search(plain):
        raise InvalidPhone("an extension does not belong in a phone")
    if stray in _SEPARATORS:
        raise InvalidPhone("it seems to hold more than one number")
    if stray.isalpha():
        raise InvalidPhone("letters do not belong in a phone")
    if stray.isprintable() and not unicodedata.category(stray).startswith("M"):
        raise InvalidPhone(f'"{stray}" does not belong in a phone')
    raise InvalidPhone(f"the invisible character U+{ord(stray):04X} does not belong in a phone")


def _grouped(signs: str) -> Writing:
    """Take apart what is left when only digits, parentheses and `+` are."""
    if not any(map(str.isdigit, signs)):
        raise InvalidPhone("there are no digits in it")
    match = _GROUPED.fullmatch(signs)
    if match is None:
        if signs.rfind("+") > signs.startswith("("):
            raise InvalidPhone('"+" may stand at the beginning only')
        raise InvalidPhone("its parentheses do not match")
    outer_plus, inner_plus, bracketed, rest = match.groups(default="")
    if outer_plus and inner_plus:
        raise InvalidPhone('there is more than one "+"')
    digits = bracketed + rest.translate(_BRACKETS)
    if outer_plus or inner_plus:
        return Writing(digits, international=True)
    if (bracketed or rest).startswith("00"):
        return Writing(digits[2:], international=True)
    return Writing(digits, international=False, bracketed=bracketed)
