"""What stands in a record is read as the number it means, or refused; never as another's."""

import time

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from usms_cli.errors import UsageError
from usms_cli.recipients.phones import (
    InvalidPhone,
    PhoneReader,
    always_international,
    api_form,
    country_of,
    digits_of,
    same_phone_keys,
)

CHINA = PhoneReader()
EXCLUDING = PhoneReader("CN", "possible")


def sent(text: str, region: str = "CN") -> str:
    """Return what is sent to the API for a phone."""
    return api_form(PhoneReader(region).read(text))


def refusal(text: str, region: str = "CN", reader: PhoneReader | None = None) -> str:
    """Return why a phone is refused."""
    with pytest.raises(InvalidPhone) as caught:
        (reader or PhoneReader(region)).read(text)
    assert not text.strip() or text not in caught.value.reason
    return caught.value.reason


def example_mobiles() -> list[tuple[str, int, str]]:
    """Return region, number and usual national writing of an example mobile for every region."""
    found = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        number = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
        if number is not None:
            e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
            national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
            found.append((region, int(e164), national))
    return found


EXAMPLES = example_mobiles()


@pytest.mark.parametrize(
    "text",
    [
        *("13800138000", "138 0013 8000", "138-0013-8000", "138.0013.8000", " 13800138000\n"),
        *("+8613800138000", "+86 138-0013-8000", "+ 86 138 0013 8000", "+86(138)00138000"),
        *("008613800138000", "00 86 138 0013 8000", "(86)13800138000", "(86) 138-0013-8000"),
        *("(+86)13800138000", "+(86)13800138000", "(0086)13800138000", "013800138000"),
        *(
            "１３８００１３８０００",
            "＋８６　１３８－００１３－８０００",
            "（８６）１３８００１３８０００",
        ),
        *(
            "١٣٨٠٠١٣٨٠٠٠",
            "138\u00a00013\u20098000",
            "138–0013‑8000",
            "138\t0013\t8000",
            "１３８．００１３．８０００",
        ),
    ],
)
def test_one_number_is_read_from_every_usual_writing(text: str) -> None:
    assert CHINA.read(text) == 8613800138000


@pytest.mark.parametrize(
    ("text", "region", "form"),
    [
        ("(852)55311111", "CN", "(852)55311111"),
        ("(00852)55311111", "CN", "(852)55311111"),
        ("(+852) 5531-1111", "CN", "(852)55311111"),
        ("(852)55311111", "US", "(852)55311111"),
        ("(1)6502530000", "CN", "(1)6502530000"),
        ("(1) 380 234 5678", "CN", "(1)3802345678"),
        ("(1868) 291-1234", "CN", "(1)8682911234"),
        ("13802345678", "US", "(1)3802345678"),
        ("13802345678", "CN", "13802345678"),
        ("(650) 253-0000", "US", "(1)6502530000"),
        ("1 (650) 253-0000", "US", "(1)6502530000"),
        ("+1 (248) 251-1234", "US", "(1)2482511234"),
        ("0086 138 0013 8000", "US", "13800138000"),
        ("0033612345678", "RU", "(33)612345678"),
        ("+44 (0)7400 123456", "CN", "(44)7400123456"),
        ("(0)7400 123456", "GB", "(44)7400123456"),
        ("7400 123456", "GB", "(44)7400123456"),
        ("8 (912) 345-67-89", "RU", "(7)9123456789"),
        ("06 20 123 4567", "HU", "(36)201234567"),
        ("+36 06 20 123 4567", "CN", "(36)201234567"),
        ("(11) 96123-4567", "BR", "(55)11961234567"),
        ("011 15-2345-6789", "AR", "(54)91123456789"),
        ("(351) 15-312-3456", "AR", "(54)93513123456"),
        ("(55) 1234 5678", "MX", "(52)5512345678"),
        ("01 23 45 67 89", "CI", "(225)0123456789"),
        ("+225 0123456789", "CN", "(225)0123456789"),
        ("06.12.34.56.00", "FR", "(33)612345600"),
        ("+881 612345678", "CN", "(881)612345678"),
        ("13800138000", "cn", "13800138000"),
    ],
)
def test_a_phone_is_sent_as_the_api_writes_it(text: str, region: str, form: str) -> None:
    assert sent(text, region) == form


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("", "empty"),
        (" \u3000", "empty"),
        ("-", "no digits"),
        ("n/a", "letters"),
        ("+43 664 12345l67", "letters"),
        ("手机13800138000", "letters"),
        ("tel:13800138000", "letters"),
        ("13800138000 x12", "extension"),
        ("13800138000#12", "extension"),
        ("13800138000 ext. 12", "extension"),
        ("13800138000转12", "extension"),
        ("13800138000;13900139000", "more than one number"),
        ("13800138000,", "more than one number"),
        ("13800138000 / 1", "more than one number"),
        ("13800138000\n13900139000", "more than one number"),
        ("13800138000 13900139000", "too long"),
        ("12306 13800138000", "carrier's prefix"),
        ("'13800138000", '"\'" does not belong'),
        ("\u202a13800138000\u202c", "U+202A"),
        ("13800138000\u200b", "U+200B"),
        ("138\ufe0f00138000", "U+FE0F"),
        ("138\x0000138000", "U+0000"),
        ("138\ud80000138000", "U+D800"),
        ("138²0138000", '"²" does not belong'),
        ("1.38001E+10", "spreadsheet"),
        ("1,38001e10", "spreadsheet"),
        ("8.61E+12", "spreadsheet"),
        ("13800138000.0", "spreadsheet"),
        ("13800138000．０", "spreadsheet"),
        ("13800138000. 0", "spreadsheet"),
        ("13800138000.00", "spreadsheet"),
        ("13800138.000", "spreadsheet"),
        ("+8613800138000.0", "spreadsheet"),
        ("8613800138000", 'spreadsheet may have dropped the leading "+"; write it as +86…'),
        ("85255311111", 'spreadsheet may have dropped the leading "+"; write it as +852…'),
        ("++8613800138000", '"+" may stand at the beginning only'),
        ("138+00138000", '"+" may stand at the beginning only'),
        ("+(+86)13800138000", 'more than one "+"'),
        ("+008613800138000", "no country code begins with 0"),
        ("00008613800138000", "no country code begins with 0"),
        ("(138 0013 8000", "parentheses"),
        ("()13800138000", "parentheses"),
        ("((86))13800138000", "parentheses"),
        ("+999 123456", "no country has its country code"),
        ("1", "too short"),
        ("1380013800.5", "spreadsheet"),
        ("138 0013 800.0", "spreadsheet"),
        ("1380013800", "in CN"),
        ("138001380001", "no number range in use in CN"),
        ("010 1234 5678", "fixed-line"),
        ("400 123 4567", "shared-cost"),
        ("+39 06 1234 5678", "fixed-line"),
        ("+39 (0)333 1234567", "no number range in use with country code 39"),
        ("+852 1", "too short"),
        ("+1 1 659 823 4567", "dialling prefix"),
    ],
)
def test_what_is_no_mobile_phone_is_refused_with_the_reason(text: str, because: str) -> None:
    assert because in refusal(text)


@pytest.mark.parametrize(
    ("text", "region", "because"),
    [
        ("(248) 251-1234", "US", "ambiguous"),
        ("(248) 421-7123", "US", "ambiguous"),
        ("(33) 91234-5678", "BR", "ambiguous"),
        ("553111.12", "HK", "spreadsheet made it a decimal"),
        ("406123.45", "NO", "spreadsheet made it a decimal"),
        ("0011 65 9823 4567", "AU", "dialling prefix"),
        ("011 44 7400 123456", "US", 'write "+"'),
        ("79123456789", "RU", "spreadsheet"),
        ("612345678", "IT", "spreadsheet"),
        ("123456789", "CI", "spreadsheet"),
        ("620 123 4567", "HU", "spreadsheet"),
        ("0 15 11 96123-4567", "BR", "carrier's prefix"),
        ("+54 11 15 2345 6789", "AR", "dialling prefix"),
        ("253-0000", "US", "area code"),
        ("(1)380 013 8000", "CN", "no number range in use with country code 1"),
    ],
)
def test_what_could_be_anothers_number_is_refused(text: str, region: str, because: str) -> None:
    assert because in refusal(text, region)


def test_every_country_is_read_in_its_own_writing() -> None:
    misread = {}
    for region, number, national in EXAMPLES:
        try:
            if PhoneReader(region).read(national) != number:
                misread[region] = "another number"
        except InvalidPhone as problem:
            misread[region] = problem.reason.partition(":")[0]
    # (670) 234-5678 is Saipan and, taken apart, East Timor.
    assert misread == {"MP": "ambiguous"}


@pytest.mark.parametrize("region", ["CN", "US", "IT", "DE", "JP"])
def test_every_country_is_read_in_its_international_writings(region: str) -> None:
    reader = PhoneReader(region)
    for _, number, _ in EXAMPLES:
        code, national = always_international(number)[1:].split(")")
        for text in (
            *(f"+{number}", f"00{number}", f"(+{code}){national}", f"(00{code}) {national}"),
            f"+{code} {national[:3]}-{national[3:5]}.{national[5:]}",
        ):
            assert reader.read(text) == number, text


def test_a_leading_country_code_in_parentheses_is_refused_where_it_is_also_an_area_code() -> None:
    ambiguous = set()
    for region, number, _ in EXAMPLES:
        try:
            assert CHINA.read(always_international(number)) == number
        except InvalidPhone:
            assert "ambiguous" in refusal(always_international(number))
            ambiguous.add(region)
    # (591)71234567 is Bolivia, and a telephone in Fuzhou, 0591; and so on.
    assert ambiguous == {"BO", "BQ", "FM", "GY", "IS", "LV", "MH", "SR"}


@pytest.mark.parametrize("text", ["+86 75512345678", "010 1234 5678", "+1 2125550123"])
def test_possible_numbers_need_only_be_of_a_right_length(text: str) -> None:
    assert always_international(EXCLUDING.read(text)).startswith(("(86)", "(1)"))


@pytest.mark.parametrize("text", ["85255311111", "8613800138000", "+86 1", "253", "(248) 1"])
def test_a_possible_number_is_not_taken_for_one_with_its_plus_lost(text: str) -> None:
    assert refusal(text, reader=EXCLUDING)


def test_parentheses_mean_the_same_however_numbers_are_checked() -> None:
    for text in ("(248) 999-1234", "(650) 253-0000", "(852)55311111"):
        assert PhoneReader("US", "possible").read(text) == PhoneReader("US").read(text)
    assert "ambiguous" in refusal("(248) 251-1234", reader=PhoneReader("US", "possible"))


@pytest.mark.parametrize("region", ["", "C", "UK", "XX", "001", "China", "\x1b[31m"])
def test_a_region_that_is_none_is_a_wrong_call(region: str) -> None:
    with pytest.raises(UsageError) as caught:
        PhoneReader(region)
    assert "CN" in caught.value.hint
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize("unit", ["1", "(", " ", "+", "٣", "-.", "\x00", "1("])
def test_a_text_of_any_length_is_refused_at_once(unit: str) -> None:
    text = unit * (20_000_000 // len(unit))
    begun = time.perf_counter()
    assert refusal(text) == "too long to be a phone"
    assert digits_of(text) == ""
    assert time.perf_counter() - begun < 0.5


@pytest.mark.parametrize(
    ("number", "form", "international"),
    [
        (8613800138000, "13800138000", "(86)13800138000"),
        (8675512345678, "(86)75512345678", "(86)75512345678"),
        (861012345678, "(86)1012345678", "(86)1012345678"),
        (85255311111, "(852)55311111", "(852)55311111"),
        (390612345678, "(39)0612345678", "(39)0612345678"),
        (2250123456789, "(225)0123456789", "(225)0123456789"),
        (16502530000, "(1)6502530000", "(1)6502530000"),
    ],
)
def test_forms_of_a_number(number: int, form: str, international: str) -> None:
    assert api_form(number) == form
    assert always_international(number) == international


@pytest.mark.parametrize(
    "text",
    [
        *("+86 138-0013-8000", "8613800138000", "(86)13800138000", "0086 138 0013 8000"),
        *("13800138000", "（＋８６）１３８００１３８０００", "+8613800138000"),
    ],
)
def test_a_sent_phone_is_found_again_in_another_writing(text: str) -> None:
    assert digits_of(text) in same_phone_keys(8613800138000)


@pytest.mark.parametrize("text", ["", "+", "138001380x0", "1;2", "13800138000,", "1+2", "²"])
def test_a_writing_that_is_not_one_phone_has_no_digits(text: str) -> None:
    assert digits_of(text) == ""


@pytest.mark.parametrize(
    ("number", "country"),
    [
        *((8613800138000, "CN"), (85255311111, "HK"), (390612345678, "IT")),
        *((16502530000, "US"), (16042530000, "CA"), (881612345678, ""), (9991234567, "")),
    ],
)
def test_the_country_of_a_number(number: int, country: str) -> None:
    assert country_of(number) == country
