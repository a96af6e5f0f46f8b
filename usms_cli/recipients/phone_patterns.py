"""Regular expressions, made of libphonenumber's own data, for mobiles in their plainest writing.

The library needs about 30 µs for a number; a pattern says the same in well under one. Each is
written so that whatever it matches, the library cannot see otherwise: none of `parse`'s repairs
applies (trunk and carrier prefixes, prefixes for calls abroad), and no kind of number that
`number_type` asks for earlier fits. What a pattern does not match is left to the library.
`tests/recipients/test_phones_properties.py` and `benchmarks/phones_agree.py` hold them together.

In what is matched, `ANY` may stand for a digit: a pattern matches only if it would do so with each
digit in its place. Thus one match can speak for a whole range of numbers.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from phonenumbers.phonemetadata import PhoneMetadata, PhoneNumberDesc

COUNTRY_CODES = frozenset(map(str, COUNTRY_CODE_TO_REGION_CODE))
ANY = "\0"
_NEVER = "(?!)"
_ATOM = re.compile(r"(?P<kept>\{[\d,]+\})|\\d|\[(?P<digits>[^]]+)\]|\d")


def country_code(digits: str) -> str:
    """Return the country code that digits in E.164 begin with, or "". No code begins another."""
    for size in (2, 1, 3):
        if digits[:size] in COUNTRY_CODES:
            return digits[:size]
    return ""


@cache
def mobile_after(code: str) -> re.Pattern[str]:
    """Return the pattern of a mobile's national number, as it stands after `+` and `code`.

    Of the regions that share a code only the first, the main one, is looked at: the library asks
    it first too.
    """
    return re.compile(_mobile(_metadata(code, _regions(code)[0])), re.ASCII)


def mobile_within(region: str) -> re.Pattern[str]:
    """Return the pattern of a mobile written in its own region; its group `number` is national.

    Before that may stand `+` and the country code, or the trunk prefix. Where another region shares
    the country code and is its main one, nothing matches.
    """
    data = _metadata("", region)
    code = str(data.country_code)
    if _regions(code)[0] != region:
        return re.compile(_NEVER)
    abroad = _maybe(f"00|{data.international_prefix or _NEVER}")
    before = rf"(?!{abroad})(?:\+{code}|{_trunk_prefix(data)})?"
    return re.compile(rf"{before}(?P<number>{_mobile(data)})", re.ASCII)


def never_national(region: str) -> re.Pattern[str]:
    """Return a pattern of digits that are no valid number, of any kind, written in `region`."""
    data = _metadata("", region)
    code = str(data.country_code)
    repaired = [code, data.national_prefix_for_parsing, data.international_prefix]
    numbers = [
        pattern
        for sharing in _regions(code)
        for pattern in _patterns(_kinds(_metadata(code, sharing)))
    ]
    never = rf"(?!{_maybe(_any_of(repaired))})(?!{_maybe(_any_of(numbers))}\Z)"
    return re.compile(never + _surely(r"\d+"), re.ASCII)


def _mobile(data: PhoneMetadata) -> str:
    if data.mobile is None or data.general_desc is None:
        return _NEVER
    mobile, general = data.mobile, data.general_desc
    lengths = set(mobile.possible_length) & set(general.possible_length)
    right_length = _any_of(rf"\d{{{length}}}" for length in sorted(lengths))
    others = [
        kind
        for kind in _kinds(data)
        if kind not in (mobile, data.fixed_line)
        and not (kind.possible_length and lengths.isdisjoint(kind.possible_length))
    ]
    return (
        rf"(?={_surely(right_length)}\Z)"
        rf"(?!{_maybe(data.national_prefix_for_parsing or _NEVER)})"
        rf"(?={_surely(data.leading_digits or '')})"
        rf"(?={_surely(_any_of(_patterns([general])))}\Z)"
        rf"(?!{_maybe(_any_of(_patterns(others)))}\Z)"
        rf"{_surely(_any_of(_patterns([mobile])))}"
    )


def _surely(pattern: str) -> str:
    """Return a pattern of the library's with `ANY` where it takes every digit."""
    return pattern.replace(r"\d", rf"[\d{ANY}]")


def _maybe(pattern: str) -> str:
    """Return a pattern of the library's with `ANY` where it takes some digit."""

    def widened(atom: re.Match[str]) -> str:
        return atom["kept"] or f"[{atom['digits'] or atom[0]}{ANY}]"

    return _ATOM.sub(widened, pattern)


def _trunk_prefix(data: PhoneMetadata) -> str:
    """Return what national writings may begin with, "" where the library tries others first."""
    trunk = data.national_prefix or ""
    prefixes = (data.national_prefix_for_parsing or "").split("|")
    return trunk if prefixes[0] == trunk else ""


def _kinds(data: PhoneMetadata) -> Iterator[PhoneNumberDesc]:
    """Yield the kinds of number of a region, all that `number_type` tells apart."""
    kinds = (
        *(data.premium_rate, data.toll_free, data.shared_cost, data.voip, data.personal_number),
        *(data.pager, data.uan, data.voicemail, data.fixed_line, data.mobile),
    )
    return (kind for kind in kinds if kind is not None)


def _patterns(kinds: Iterable[PhoneNumberDesc]) -> list[str | None]:
    return [kind.national_number_pattern for kind in kinds]


def _any_of(patterns: Iterable[str | None]) -> str:
    """Return a pattern for what matches any of the patterns there are."""
    return f"(?:{'|'.join(p for p in patterns if p is not None) or _NEVER})"


def _regions(code: str) -> tuple[str, ...]:
    return COUNTRY_CODE_TO_REGION_CODE[int(code)]


def _metadata(code: str, region: str) -> PhoneMetadata:
    """Return the library's data of one region, or of a code that belongs to none (`001`)."""
    data = PhoneMetadata.metadata_for_region_or_calling_code(int(code or 0), region)
    if data is None:
        raise LookupError(f"libphonenumber has no data for {region} {code}")
    return data
