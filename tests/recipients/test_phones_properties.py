"""What holds for every text: the short cuts agree with the library, and forms are read back.

`benchmarks/phones_agree.py` compares on millions.
"""

import phonenumbers
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType

from usms_cli.recipients.phones import (
    InvalidPhone,
    PhoneReader,
    always_international,
    api_form,
    digits_of,
    same_phone_keys,
)

REGIONS = ("CN", "US", "IT", "GB", "HK", "SC", "CI", "AR", "MX", "BR", "CA", "RU", "KR")
READERS = {region: PhoneReader(region) for region in REGIONS}
LENIENT = {region: PhoneReader(region, "possible") for region in REGIONS}
SIGNS = "0123456789+()- .０１x"


def _examples() -> list[tuple[str, str]]:
    kinds = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE, PhoneNumberType.TOLL_FREE)
    numbers = (
        phonenumbers.example_number_for_type(region, kind)
        for region in (*REGIONS, "SG", "DE", "FR", "TT")
        for kind in kinds
    )
    return [
        (str(number.country_code), phonenumbers.national_significant_number(number))
        for number in numbers
        if number is not None
    ]


@st.composite
def near_misses(draw: st.DrawFn) -> str:
    """Draw a number in use, its last digits anew, in some writing, with one sign spoilt or none."""
    code, national = draw(st.sampled_from(_examples()))
    kept = draw(st.integers(2, len(national)))
    size = len(national) - kept
    tail = draw(st.text("0123456789", min_size=size, max_size=size))
    before = draw(
        st.sampled_from(["", "0", "1", f"+{code}", f"00{code}", f"({code})", code, f"+{code}(0)"])
    )
    text: str = before + national[:kept] + tail
    spot = draw(st.integers(0, len(text)))
    sign: str = draw(st.sampled_from(["", "", *SIGNS]))
    return text[:spot] + sign + text[spot:]


TAILS = st.lists(st.text("0123456789５", min_size=6, max_size=6), max_size=5)
TEXTS = st.one_of(near_misses(), near_misses(), st.text(SIGNS, max_size=16), st.text(max_size=20))


def outcome(reader: PhoneReader, text: str) -> int | str:
    try:
        return reader.read(text)
    except InvalidPhone as problem:
        return problem.reason


def careful(reader: PhoneReader, text: str) -> int | str:
    """Return what the library alone says."""
    try:
        return reader.read_by_library(text)
    except InvalidPhone as problem:
        return problem.reason


@settings(max_examples=1500)
@given(st.sampled_from(REGIONS), TEXTS)
def test_short_cuts_say_what_the_library_says(region: str, text: str) -> None:
    for reader in (READERS[region], LENIENT[region]):
        assert outcome(reader, text) == careful(reader, text)


@settings(max_examples=1000)
@given(st.sampled_from(REGIONS), near_misses(), TAILS)
def test_a_number_that_was_read_decides_of_no_other(
    region: str, text: str, tails: list[str]
) -> None:
    reader = PhoneReader(region)
    outcome(reader, text)
    for number in (text[:-6] + tail for tail in tails):
        assert outcome(reader, number) == careful(reader, number)


@settings(max_examples=1000)
@given(st.sampled_from(REGIONS), TEXTS)
def test_what_is_valid_is_possible_and_the_same_number(region: str, text: str) -> None:
    number = outcome(READERS[region], text)
    if isinstance(number, int):
        assert outcome(LENIENT[region], text) == number


@settings(max_examples=1000)
@given(st.sampled_from(REGIONS), TEXTS)
def test_what_is_read_is_read_again_from_what_is_written(region: str, text: str) -> None:
    number = outcome(READERS[region], text)
    if not isinstance(number, int):
        return
    assert outcome(READERS[region], f"+{number}") == number
    for home, form in (("CN", api_form(number)), (region, always_international(number))):
        again = outcome(READERS[home], form)
        assert again == number or str(again).startswith("ambiguous")
        assert digits_of(form) in same_phone_keys(number)


@settings(max_examples=1000)
@given(st.sampled_from(REGIONS), TEXTS)
def test_no_digit_is_made_up_or_lost(region: str, text: str) -> None:
    number = outcome(READERS[region], text)
    if isinstance(number, int) and region != "AR":  # whose 15 and 9 stand for each other
        written = digits_of(text).replace("0", "")
        assert str(number).replace("0", "").endswith(written.removeprefix("8" * (region == "RU")))
