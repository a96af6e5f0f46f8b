"""Phones: from any writing to the one number that is meant, and to the writing the API wants.

A number is held as an int, the digits of its E.164 form (ITU-T E.164: country code, then national
number), such as 8613800138000. No country code begins with 0, so nothing is lost.
"""

from collections.abc import Iterable

import phonenumbers

from usms_cli.errors import UsageError
from usms_cli.recipients.choices import PhoneCheck
from usms_cli.recipients.phone_judge import Reading, area_code, international, national
from usms_cli.recipients.phone_patterns import (
    ANY,
    COUNTRY_CODES,
    country_code,
    mobile_after,
    mobile_within,
    never_national,
)
from usms_cli.recipients.phone_writing import LONGEST, InvalidPhone, digits_of, take_apart
from usms_cli.text import quoted

__all__ = [
    "MAINLAND",
    "MAINLAND_MOBILES",
    "InvalidPhone",
    "PhoneReader",
    "always_international",
    "api_form",
    "country_of",
    "digits_of",
    "same_phone_keys",
]

MAINLAND = 86_00000000000
"""What a mainland number in E.164 is above the same number bare."""

MAINLAND_MOBILES = range(MAINLAND + 10000000000, MAINLAND + 20000000000)
"""The numbers that the API writes bare."""

_TAIL = 6  # digits: numbers are given out in ranges of a million, or in smaller ones
_MOST_RANGES = 20_000


class PhoneReader:
    """Reads phones as people and programs write them; never one person's as another's.

    `region` is the ISO code of the country that a number without a country code belongs to, else
    `UsageError`. With `check` `"valid"` a number must be in a range given to mobiles (or shared by
    mobiles and fixed lines); with `"possible"` it need only be of a right length, for mobiles or
    not. What is read with `"valid"` is read as the same number with `"possible"`.
    """

    def __init__(self, region: str = "CN", check: PhoneCheck = "valid") -> None:
        self._region = region.upper()
        if self._region not in phonenumbers.SUPPORTED_REGIONS:
            raise UsageError(
                f"no region {quoted(region)} is known",
                hint="Give the two letters of a country, such as CN, US or GB.",
            )
        self._mobiles_only = check == "valid"
        self._code = str(phonenumbers.country_code_for_region(self._region))
        self._mobile_here = mobile_within(self._region).fullmatch
        self._never_national = never_national(self._region).fullmatch
        # The first number of each range of which all numbers are mobiles, by how it is written up
        # to its last digits; 0 for a range that is not of one kind.
        self._ranges: dict[str, int] = {}

    def read(self, text: str) -> int:
        """Return the number that `text` is a writing of, or raise `InvalidPhone`."""
        return self.read_plain((text,))[0] or self.read_by_library(text)

    def read_plain(self, texts: Iterable[str]) -> list[int]:
        """Return of each text the number that it is a plain writing of, 0 where `read` must say."""
        first_of, look = self._ranges.get, self._plain_mobile
        return [
            first + int(tail)
            if (first := first_of(text[:-_TAIL])) and (tail := text[-_TAIL:]).isdecimal()
            else look(text)
            for text in texts
        ]

    def read_by_library(self, text: str) -> int:
        """Do as `read` does, without its short cuts."""
        writing = take_apart(text)
        digits = writing.digits
        if writing.international:
            return self._accepted(international(digits))
        here = national(digits, self._region)
        if _may_be_country_code(writing.bracketed):
            abroad = international(digits)
            if not (here.e164 and area_code(here.e164).endswith(writing.bracketed)):
                return self._accepted(abroad)
            if abroad.valid and here.valid and abroad.e164 != here.e164:
                raise InvalidPhone(
                    f"ambiguous: {writing.bracketed} is a country code, and an area code in "
                    f'{self._region}; write it with "+"'
                )
            return self._accepted(abroad, here)
        if not here.valid:
            _refuse_what_a_spreadsheet_cut(digits, self._region)
        return self._accepted(here)

    def _plain_mobile(self, text: str) -> int:
        """Return the number of a mobile in one of the plain writings, or 0 to have it looked at.

        All that is written alike but for its last digits is known from then on, if it is alike.
        """
        if len(text) > LONGEST or ANY in text:
            return 0
        plain = text.replace(" ", "").replace("-", "")
        if plain != text:
            return self.read_plain((plain,))[0]
        number = int(self._plain_digits(text) or 0)
        head = text[:-_TAIL]
        if number and head not in self._ranges and len(self._ranges) < _MOST_RANGES:
            first = self._plain_digits(head + ANY * _TAIL)
            self._ranges[head] = int(first.replace(ANY, "0") or 0)
        return number

    def _plain_digits(self, plain: str) -> str:
        """Return the digits in E.164 of a mobile in one of the plain writings, or ""."""
        match = self._mobile_here(plain)
        if match:
            return self._code + match["number"]
        if plain.startswith("("):
            code, _, rest = plain[1:].partition(")")
            digits = code + rest
            if code not in COUNTRY_CODES or not self._never_national(digits):
                return ""
        elif plain.startswith(("+", "00")):
            digits = plain[1:] if plain[0] == "+" else plain[2:]
            code = country_code(digits)
        else:
            return ""
        return digits if code and mobile_after(code).fullmatch(digits, len(code)) else ""

    def _accepted(self, *readings: Reading) -> int:
        """Return the number of the first valid reading, or else of the first possible one."""
        best = min(readings, key=lambda reading: (not reading.valid, not reading.possible))
        if best.complaint and (self._mobiles_only or not best.possible):
            raise InvalidPhone(best.complaint)
        return best.e164


def api_form(e164: int) -> str:
    """Return a number as the API writes it: a mainland mobile bare, any other `(852)55311111`."""
    if e164 in MAINLAND_MOBILES:
        return str(e164 - MAINLAND)
    return always_international(e164)


def always_international(e164: int) -> str:
    """Return a number with its country code in parentheses, mainland ones too."""
    digits = str(e164)
    code = country_code(digits)
    return f"({code}){digits[len(code) :]}"


def same_phone_keys(e164: int) -> tuple[str, ...]:
    """Return what `digits_of` may make of the number in another's writing: an answer of the API.

    With the country code, with `00` before that, and without either.
    """
    digits = str(e164)
    return digits, f"00{digits}", digits[len(country_code(digits)) :]


def country_of(e164: int) -> str:
    """Return the ISO code of the region a number belongs to, or "" where it belongs to none."""
    if e164 in MAINLAND_MOBILES:
        return "CN"
    try:
        number = phonenumbers.parse(f"+{e164}")
    except phonenumbers.NumberParseException:
        return ""
    region = phonenumbers.region_code_for_number(number)
    return region if region in phonenumbers.SUPPORTED_REGIONS else ""


def _may_be_country_code(bracketed: str) -> bool:
    """Say whether leading digits in parentheses name a country; `1868` does for Trinidad."""
    return bracketed in COUNTRY_CODES or (len(bracketed) == 4 and bracketed[0] == "1")


def _refuse_what_a_spreadsheet_cut(digits: str, region: str) -> None:
    if international(digits).valid:
        raise InvalidPhone(
            f'a spreadsheet may have dropped the leading "+"; write it as +{country_code(digits)}…'
        )
    if not digits.startswith("0") and national(f"0{digits}", region).valid:
        raise InvalidPhone('a spreadsheet may have dropped the leading "0"')
