"""JSON Lines: a record on each line, and what is wrong with a line."""

from collections.abc import Callable

import pytest

from usms_cli.errors import InputError
from usms_cli.recipients.decoding import LONGEST
from usms_cli.recipients.record import Problem, Record

Read = Callable[..., list[Record | Problem]]

FIRST = '{"phone":"1","param1":"a"}'


def test_lines_are_records_and_blank_ones_are_none(read: Read) -> None:
    content = f'\n{FIRST}\r\n  \r\n{{"mobile": 2, "参数1": "b:c"}}'
    assert read(content, "list.jsonl") == [Record(2, "1", ["a"]), Record(4, "2", ["b:c"])]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"phone":"1"', "not valid JSON"),
        ('{"phone":"1",}', "not valid JSON: trailing comma in object in column 14"),
        ('{"手机":1 2}', "in column 9"),
        ('{"phone":NaN}', "not valid JSON"),
        ('{"phone":"1"} x', "not valid JSON"),
        ("phone", "not valid JSON"),
        ('{"phone":1e99999999999999999999}', "a number that is too large"),
        ('"13800138000"', "it is no JSON object with the keys and values of a record"),
        ('{"phone":' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deep"),
        ('{"phone":' + "9" * 10_000 + "}", "a number that is too large"),
    ],
)
def test_a_bad_line_is_a_problem_that_says_where(read: Read, line: str, message: str) -> None:
    good, bad, last = read(f"{FIRST}\n{line}\n{FIRST}\n", "list.jsonl")
    assert isinstance(bad, Problem)
    assert message in bad.reason
    assert (good.line, bad.line, last.line) == (1, 2, 3)


def test_a_key_that_occurs_again_is_seen_beside_colons_in_values(read: Read) -> None:
    _, good, bad = read(
        f'{FIRST}\n{{"phone":"a:b"}}\n{{"phone":"2","x":":","phone":"3"}}\n', "a.jsonl"
    )
    assert good == Record(2, "a:b", [])
    assert isinstance(bad, Problem)
    assert "the same name" in bad.reason


def test_a_first_line_that_is_no_record_is_no_list(read: Read) -> None:
    with pytest.raises(InputError, match="not valid JSON"):
        read("phone,param1\n1,a\n", "list.jsonl")
    with pytest.raises(InputError, match="no column is the phone"):
        read('{"name":"Anna"}\n', "list.jsonl")


def test_a_line_without_end_is_refused(read: Read) -> None:
    with pytest.raises(InputError, match="line 2 is longer than a million characters"):
        read(f'{FIRST}\n{{"phone":"' + "1" * 2 * LONGEST, "list.jsonl")


def test_an_array_in_a_file_of_lines_is_read_as_one(read: Read) -> None:
    assert read(f"[{FIRST}]", "list.jsonl") == [Record(1, "1", ["a"])]
    assert read(f"{FIRST}\n{FIRST}", "list.json") == [Record(1, "1", ["a"]), Record(2, "1", ["a"])]
