"""What Google's libphonenumber says of digits, kept from guessing.

Its `parse` repairs what it is given: it drops a country code that stands where none is expected,
the prefixes of carriers, and a `1` too many after `+1`. A repaired number can be another person's,
so only two repairs count here: the trunk prefix that a national writing begins with, and the `0`
of `+44 (0)7400 123456`.
"""

from typing import NamedTuple

import phonenumbers
from phonenumbers import (
    CountryCodeSource,
    NumberParseException,
    PhoneNumber,
    PhoneNumberType,
    ValidationResult,
)

_MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
_OTHER_KINDS = {
    PhoneNumberType.FIXED_LINE: "a fixed-line number",
    PhoneNumberType.TOLL_FREE: "a toll-free number",
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.VOIP: "an internet telephony number",
    PhoneNumberType.PERSONAL_NUMBER: "a personal number",
    PhoneNumberType.PAGER: "a pager",
    PhoneNumberType.UAN: "a company's access number",
    PhoneNumberType.VOICEMAIL: "a voicemail number",
}
_UNFIT = {
    ValidationResult.IS_POSSIBLE: "in no number range in use",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "without the area code it needs",
    ValidationResult.INVALID_COUNTRY_CODE: "without a country code that exists",
    ValidationResult.TOO_SHORT: "too short for a number",
    ValidationResult.TOO_LONG: "too long for a number",
    ValidationResult.INVALID_LENGTH: "of no length that numbers have",
}
_UNPARSED = {
    NumberParseException.INVALID_COUNTRY_CODE: "no country has its country code",
    NumberParseException.TOO_LONG: "too long for a number",
}


class Reading(NamedTuple):
    """What digits mean, read in one way.

    `e164` is the number in E.164 as an int (country code and national number), 0 if there is none;
    `valid` says it is in a range in use, for whatever kind of telephone; `possible`, that it is of
    a right length. `complaint` is why it is not a mobile's number, "" if it is.
    """

    e164: int
    valid: bool
    possible: bool
    complaint: str


def international(digits: str) -> Reading:
    """Read digits that begin with a country code, as they stand after a `+`."""
    if digits.startswith("0"):
        return _unreadable("no country code begins with 0")
    try:
        number = phonenumbers.parse(f"+{digits}")
    except NumberParseException as error:
        return _unreadable(_UNPARSED.get(error.error_type, "too short for a number"))
    code = str(number.country_code)
    national = phonenumbers.national_significant_number(number)
    if digits not in (code + national, code + _trunk_zero(code) + national):
        return _unreadable("a dialling prefix stands between country code and number")
    return _judged(number, f"with country code {code}")


def national(digits: str, region: str) -> Reading:
    """Read digits as they are written within `region` (ISO code), trunk prefix or not."""
    try:
        number = phonenumbers.parse(digits, region, keep_raw_input=True)
    except NumberParseException as error:
        return _unreadable(_UNPARSED.get(error.error_type, "too short for a number"))
    if number.preferred_domestic_carrier_code:
        return _unreadable("a carrier's prefix stands before the number")
    if number.country_code_source == CountryCodeSource.FROM_NUMBER_WITH_IDD:
        return _unreadable('it begins with a prefix for calls abroad; write "+" instead')
    reading = _judged(number, f"in {region}")
    if number.country_code_source == CountryCodeSource.FROM_NUMBER_WITHOUT_PLUS_SIGN:
        trunk = phonenumbers.ndd_prefix_for_region(region, True)
        if trunk != str(number.country_code) or digits != str(reading.e164):
            return _unreadable(f"not a number as it is written in {region}")
    return reading


def area_code(e164: int) -> str:
    """Return the digits of a number that its country writes apart as an area code, or ""."""
    number = phonenumbers.parse(f"+{e164}")
    size = phonenumbers.length_of_national_destination_code(number)
    return phonenumbers.national_significant_number(number)[:size]


def _trunk_zero(code: str) -> str:
    """Return the trunk prefix of the country with this code if it is a zero (Hungary: `06`).

    Others (`1`, `8`) can be digits of a number abroad: `0011 65…` is how Australia calls Singapore.
    """
    region = phonenumbers.region_code_for_country_code(int(code))
    trunk = phonenumbers.ndd_prefix_for_region(region, True) or ""
    return trunk if trunk.startswith("0") else ""


def _judged(number: PhoneNumber, place: str) -> Reading:
    national = phonenumbers.national_significant_number(number)
    e164 = int(f"{number.country_code}{national}")
    kind = phonenumbers.number_type(number)
    length = phonenumbers.is_possible_number_with_reason(number)
    possible = length == ValidationResult.IS_POSSIBLE
    if kind in _MOBILE:
        return Reading(e164, True, possible, "")
    if kind in _OTHER_KINDS:
        return Reading(e164, True, possible, f"{_OTHER_KINDS[kind]}, not a mobile")
    return Reading(e164, False, possible, f"{_UNFIT[length]} {place}")


def _unreadable(complaint: str) -> Reading:
    return Reading(0, False, False, complaint)
