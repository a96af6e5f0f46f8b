"""The arithmetic of messages, against the published rules and, slowly, against itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usms_cli.messages import Encoding, Size, TemplateText

GSM, UCS2 = Encoding.GSM, Encoding.UCS2

# GSM 03.38, typed from the standard's table row by row, for the code to be held against.
ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅå" "Δ_ΦΓΛΩΠΨΣΘΞÆæßÉ" " !\"#¤%&'()*+,-./" "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO" "PQRSTUVWXYZÄÖÑÜ§" "¿abcdefghijklmno" "pqrstuvwxyzäöñüà"
)  # fmt: skip
EXTENSION = "\f^{}\\[~]|€"


def size(text: str) -> Size:
    """The size of a text, all of which is a parameter."""
    return TemplateText("{1}").size([text])


@pytest.mark.parametrize(
    ("text", "encoding", "parts"),
    [
        ("a" * 160, GSM, 1),
        ("a" * 161, GSM, 2),
        ("a" * 308, GSM, 2),
        ("a" * 309, GSM, 3),
        ("a" * 462, GSM, 3),
        ("a" * 463, GSM, 4),
        ("王" * 70, UCS2, 1),
        ("王" * 71, UCS2, 2),
        ("王" * 134, UCS2, 2),
        ("王" * 135, UCS2, 3),
        ("a" * 69 + "王", UCS2, 1),
        ("a" * 159 + "王", UCS2, 3),  # one letter makes it three for one
        # A letter of the extension table is two.
        ("€" * 80, GSM, 1),
        ("€" * 80 + "a", GSM, 2),
        ("€" * 154, GSM, 2),
        ("€" * 154 + "a", GSM, 3),
        # An emoji is two UTF-16 units, or more.
        ("😀" * 35, UCS2, 1),
        ("😀" * 35 + "a", UCS2, 2),
        ("👩‍👩‍👧" + "a" * 62, UCS2, 1),
        ("👩‍👩‍👧" + "a" * 63, UCS2, 2),
        # What looks like a letter of the alphabet and is none.
        ("`", UCS2, 1),
        ("ç", UCS2, 1),
        ("Ç", GSM, 1),
        ("’", UCS2, 1),
        ("é", GSM, 1),
        ("e\u0301", UCS2, 1),
        ("\t", UCS2, 1),
        ("\u00a0", UCS2, 1),
        ("１", UCS2, 1),
        ("", GSM, 1),
    ],
)
def test_encoding_and_parts_are_those_of_the_published_rules(
    text: str, encoding: Encoding, parts: int
) -> None:
    assert size(text) == Size(len(text), encoding, parts)


def test_the_alphabet_is_that_of_the_standard_and_no_letter_more() -> None:
    assert len(ALPHABET) == 127  # and the escape to the extension table
    for code in range(0x3000):
        letter = chr(code)
        in_table = letter in ALPHABET or letter in EXTENSION
        assert (size(letter).encoding is GSM) == in_table, letter
        if in_table:
            fits = 160 - (letter in EXTENSION)
            assert size("a" * (fits - 1) + letter).parts == 1
            assert size("a" * fits + letter).parts == 2


@pytest.mark.parametrize(
    ("text", "variables", "message"),
    [
        ("Hello", 0, "Hello"),
        ("", 0, ""),
        ("{1}", 1, "one"),
        ("Dear {1}, {2}!", 2, "Dear one, two!"),
        ("{2}{1}", 2, "twoone"),
        ("{1} {1} {2} {1}", 2, "one one two one"),
        ("{1} and {3}", 3, "one and three"),  # by place: {3} is the third parameter
        ("{0} {01} { 1} {a} {} {{1}}", 1, "{0} {01} { 1} {a} {} {one}"),
        ("{1", 0, "{1"),
        ("{１}{1234}", 0, "{１}{1234}"),
    ],
)
def test_parameters_fill_the_variables_of_their_place(
    text: str, variables: int, message: str
) -> None:
    template = TemplateText(text)
    assert template.variables == variables
    assert template.message(["one", "two", "three"][:variables]) == message


def test_a_parameter_that_looks_like_a_variable_is_left_alone() -> None:
    assert TemplateText("{1} {2}").message(["{2}", "{1}"]) == "{2} {1}"


LETTERS = st.sampled_from(ALPHABET + EXTENSION + "`ç王😀\u0301")
TEXTS = st.one_of(st.text(LETTERS), st.text(ALPHABET + EXTENSION), st.text(ALPHABET), st.text())
PIECES = st.one_of(TEXTS, st.sampled_from(["{1}", "{2}", "{3}", "{12}"]))


@given(st.lists(PIECES).map("".join), st.data())
def test_the_size_is_that_of_the_message_put_together(text: str, data: st.DataObject) -> None:
    template = TemplateText(text)
    count = template.variables
    params = data.draw(st.lists(TEXTS, min_size=count, max_size=count))
    message = template.message(params)
    assert template.size(params) == slow_size(message) == size(message)


def slow_size(text: str) -> Size:
    """The rules once more, a letter at a time."""
    if all(letter in ALPHABET + EXTENSION for letter in text):
        units = sum(2 if letter in EXTENSION else 1 for letter in text)
        single, part, encoding = 160, 154, GSM
    else:
        units = sum(len(letter.encode("utf-16-le", "surrogatepass")) // 2 for letter in text)
        single, part, encoding = 70, 67, UCS2
    parts = 1
    if units > single:
        parts = units // part + (units % part > 0)
    return Size(len(text), encoding, parts)
