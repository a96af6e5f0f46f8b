"""JSON arrays, lone records, and the API's own body, of any size and in any order of keys."""

import json
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import ijson  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from usms_cli.errors import InputError, UsageError
from usms_cli.recipients.decoding import LONGEST
from usms_cli.recipients.record import Problem, Record
from usms_cli.recipients.source import ReadOptions, open_source

Read = Callable[..., list[Record | Problem]]


def of_json(read: Read, content: str, **options: Any) -> list[Record | Problem]:
    return read(content, "list.json", **options)


def reason(found: Record | Problem) -> str:
    assert isinstance(found, Problem)
    return found.reason


def test_an_array_of_records(read: Read) -> None:
    content = """[{"phone": " 13800138000 ", "param2": "b", "param1": "a"},
      {"Phone Number": 13800138001, "params": ["x", 5, null], "template": 9, "sender": ""},
      {"phone": "3", "template": "", "sender": null, "meta": {"deep": [[1]]}}]"""
    assert of_json(read, content) == [
        Record(1, "13800138000", ["a", "b"]),
        Record(2, "13800138001", ["x", "5", ""], "9", ""),
        Record(3, "3", []),
    ]


def test_an_empty_array_is_nothing_to_send(read: Read) -> None:
    assert of_json(read, " []\n") == []
    assert of_json(read, "[]", params=("name",)) == []


def test_one_record_may_be_alone(read: Read) -> None:
    assert of_json(read, '{\n  "phone": "1",\n  "param1": "a"\n}\n') == [Record(1, "1", ["a"])]
    assert of_json(read, '{"phone": "1"}') == [Record(1, "1", [])]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("5", "5"),
        ("-0.50", "-0.50"),
        ("0.0000001", "0.0000001"),
        ("1e5", "100000"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("null", ""),
        ('" \\ud83d\\ude00 "', "😀"),
        (r'"\\ud800"', r"\ud800"),
    ],
)
@pytest.mark.parametrize("form", ['[{{"phone":"1","param1":{}}}]', '{{"phone":"1","param1":{}}}'])
def test_a_parameter_is_sent_as_it_is_written(read: Read, form: str, value: str, text: str) -> None:
    assert of_json(read, form.format(value)) == [Record(1, "1", [text])]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ('{"phone":"1","param1":true}', '"param1" holds true: write it as a string'),
        ('{"phone":"1","param1":{"a":1}}', '"param1" holds a nested value'),
        ('{"phone":"1","param1":["a"]}', '"param1" holds a nested value'),
        ('{"phone":"1","params":["a",["b"]]}', '"params" holds a nested value'),
        ('{"phone":"1","params":"a"}', '"params" is a string, not a list'),
        ('{"phone":"1","param1":1e999999999}', "a very long number"),
        (r'{"phone":"1","param1":"\ud800"}', "half of a surrogate pair"),
        (r'{"phone":"1","param1":"a\udc00b"}', "half of a surrogate pair"),
        (r'{"phone":"1","param1":"\u0000"}', "no character"),
        ('{"phone":13800138000.0}', "spreadsheet"),
        ('{"phone":1.38001E+10}', "spreadsheet"),
        ('{"phone":9007199254740993}', "2^53"),
        ('{"phone":-13800138000}', "negative"),
        ('{"phone":true}', '"phone" holds true'),
        ('{"phone":["1"]}', "nested"),
        ('{"phone":"1","template":{}}', "nested"),
        ('{"phone":"1","phone":"2"}', "the same name"),
        ('{"phone":"1","mobile":"2"}', "could each be the phone"),
        ('{"phone":"1","param1":"a","param3":"b"}', "parameter 2 is missing"),
        ('{"phone":"1","outcome":"accepted"}', "its outcome is"),
        ('["1"]', "JSON"),
        ("null", "JSON"),
        ('{"phone":"1","param1":' + "[" * 900 + "]" * 900 + "}", "nested"),
    ],
)
@pytest.mark.parametrize("name", ["list.json", "list.jsonl"])
def test_a_bad_record_is_a_problem_and_the_others_are_read(
    read: Read, record: str, message: str, name: str
) -> None:
    content = ['{"phone":"1","param1":"a"}', record, '{"phone":"2","param1":"b"}']
    whole = f"[{','.join(content)}]" if name == "list.json" else "\n".join(content)
    first, bad, last = read(whole, name)
    assert [first, last] == [Record(1, "1", ["a"]), Record(3, "2", ["b"])]
    assert message in reason(bad)
    assert bad.line == 2
    assert (bad.phone, bad.params) == ("", [])  # nothing that a file of failures would send


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"phone":"1"}', "record 1 or just after is not valid JSON"),
        ('[{"phone":"1"},', "record 1 or just after is not valid JSON"),
        ('[{"phone":"1"}] x', "record 1 or just after is not valid JSON"),
        ('[{"phone":"1"}]"', "record 1 or just after is not valid JSON"),
        ('[{"phone":"1"}] "x]', "record 1 or just after is not valid JSON"),
        ('{"phone":"1"\n}\ntru', "record 1 or just after is not valid JSON"),
        ('[{"phone":"1"},{"phone":NaN}]', "record 2 or just after is not valid JSON"),
        ('[{"phone":"1"},{"phone":01}]', "record 2 or just after is not valid JSON"),
        (r'[{"phone":"\ud8"},{"phone":"1"}]', "not valid JSON"),
        ('{"phone":"1"\n}\n{"phone":"2"\n}', "record 1 or just after is not valid JSON"),
        ("[" * 100_000 + "]" * 100_000, "record 1 is nested too deep"),
        (
            '[{"phone":"1","x":' + "[" * 100_000 + "]" * 100_000 + "}]",
            "record 1 is nested too deep",
        ),
        ("[" * 100_000, "nested too deep"),
        ('{"a":' * 100_000, "nested too deep"),
        ("[" * 900, "not valid JSON"),
        ('[{"phone":' + "9" * 10_000 + "}]", "not valid JSON"),
        ('[{"phone":1e99999999999999999999}]', "not valid JSON"),
        ("17", "neither a list of records nor an object"),
        ('[{"name":"Anna"}]', "no column is the phone"),
        ('[{"phone":"1","param1":"' + "x" * 2 * LONGEST + '"}]', "longer than a million"),
        ('[{"phone":"1","param1":"' + r"\n" * 2 * LONGEST + '"}]', "longer than a million"),
        ("[" + " " * 3 * LONGEST + "]", "longer than a million"),
    ],
)
def test_what_is_no_list_of_records_is_refused(read: Read, content: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        of_json(read, content)
    assert message in caught.value.message
    assert caught.value.hint


def test_the_other_parser_of_ijson_refuses_the_same(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ijson.get_backend("python")
    monkeypatch.setattr(ijson, "basic_parse_coro", other.basic_parse_coro)
    assert of_json(read, '[{"phone":"1","param1":1.50}]') == [Record(1, "1", ["1.50"])]
    for bad in ('[{"phone":NaN}]', '[{"phone":"1"', '[{"a":"\n"}]', f"[{'9' * 10_000}]", "[1] 2"):
        with pytest.raises(InputError, match="not valid JSON"):
            of_json(read, bad)


def test_a_phone_that_is_missing_or_null_is_empty(read: Read) -> None:
    content = '[{"phone":"1"},{"param1":"a"},{"phone":null}]'
    assert [each.phone for each in of_json(read, content)] == ["1", "", ""]


def test_options_name_keys(read: Read) -> None:
    content = '[{"Cell":"1","First Name":"A"},{"cell":"2"},{"cell":"3","first_name":"C"}]'
    assert of_json(read, content, phone_column="cell", params=("first name",)) == [
        Record(1, "1", ["A"]),
        Record(2, "2", [""]),
        Record(3, "3", ["C"]),
    ]
    with pytest.raises(UsageError, match="--param"):
        of_json(read, content, phone_column="cell", params=("name",))
    with pytest.raises(UsageError, match="--phone-column"):
        of_json(read, content, phone_column="x")


BODY = {
    "Action": "SendBatchUSMSMessage",
    "TaskContent": [
        {
            "Target": [{"Phone": "13800138000", "TemplateParams": ["a"]}, {"Phone": "(852)1"}],
            "SenderId": "",
            "TemplateId": "T1",
        },
        {"TemplateId": "T2", "SenderId": None, "Target": [{"TemplateParams": [], "Phone": "2"}]},
        {"Target": [{"Phone": 3}], "More": {"x": [1, {}]}},
        {"Target": []},
    ],
    "Extra": [{"Target": 1}],
}
RECORDS = [
    Record(1, "13800138000", ["a"], "T1", "", True),
    Record(2, "(852)1", [], "T1", "", True),
    Record(3, "2", [], "T2", None, True),
    Record(4, "3", [], None, None, True),
]


@pytest.mark.parametrize("indent", [None, 2])
def test_the_body_of_the_api_is_read_in_any_order_of_keys(read: Read, indent: int | None) -> None:
    content = json.dumps(BODY, indent=indent)
    assert of_json(read, content) == RECORDS
    assert read(content, "body.txt") == RECORDS
    assert read(content, "body.jsonl") == RECORDS


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"TaskContent":{}}', "TaskContent that is not one list"),
        ('{"TaskContent":[],"TaskContent":[]}', "TaskContent that is not one list"),
        ('{"TaskContent":[3]}', "no object as entry 1"),
        ('{"TaskContent":[{"Target":{}}]}', "Target that is not a list"),
        ('{"TaskContent":[{"TemplateId":"T"}]}', "entry without a Target"),
        ('{"TaskContent":[{"Target":[],"TemplateId":["T"]}]}', '"TemplateId" holds a nested'),
        ('{"TaskContent":[{"Target":[],"TemplateId":"A","TemplateId":"B"}]}', "two"),
        ('{"TaskContent":[{"Target":[]}]', "not valid JSON"),
        (
            '{"data":\n{"TaskContent":[{"Target":[{"Phone":"1"}]}]}}',
            "not as a key of the outermost",
        ),
        ('{"TaskContent":[{"Target":[{"Phone":"1"}],', "record 1 or just after is not valid JSON"),
    ],
)
def test_a_body_built_otherwise_is_refused(read: Read, body: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        of_json(read, body)
    assert message in caught.value.message
    assert "or just after" not in caught.value.message or "record" in caught.value.message
    assert caught.value.hint


def test_a_record_may_speak_of_what_a_body_has(read: Read) -> None:
    assert of_json(read, '{"phone":"1",\n"param1":"TaskContent"}') == [
        Record(1, "1", ["TaskContent"])
    ]


def test_a_bad_target_is_a_problem_with_its_number_over_all_entries(read: Read) -> None:
    target = '{"Phone":"1"}'
    body = f'{{"TaskContent":[{{"Target":[{target}]}},{{"Target":[{target},7,{{"Phone":[]}}]}}]}}'
    *good, third, fourth = of_json(read, body)
    assert [each.line for each in (*good, third, fourth)] == [1, 2, 3, 4]
    assert "no JSON object" in reason(third)
    assert "nested" in reason(fourth)


@pytest.mark.parametrize("form", ["array", "body"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, form: str) -> None:
    path = tmp_path / "list.json"
    records = ",\n".join('{"Phone":"13800138000","TemplateParams":["Anna"]}' for _ in range(60_000))
    path.write_text(
        f"[{records}]" if form == "array" else f'{{"TaskContent":[{{"Target":[{records}]}}]}}'
    )
    tracemalloc.start()
    with closing(open_source(str(path), ReadOptions())) as source:
        count = sum(1 for _ in source.records())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 60_000
    assert peak < 20_000_000  # two blocks of events, however long the file


_VALUE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"])).map(str.strip)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(_VALUE.filter(bool), _VALUE, _VALUE)),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 1]),
)
def test_a_record_means_the_same_in_every_format(
    read: Read, rows: list[tuple[str, str, str]], ascii_only: bool, indent: int | None
) -> None:
    names = ("phone", "param1", "param2")
    dicts = [dict(zip(names, row, strict=True)) for row in rows]
    array = json.dumps(dicts, ensure_ascii=ascii_only, indent=indent)
    lines = "".join(json.dumps(each, ensure_ascii=ascii_only) + "\n" for each in dicts)
    cells = (",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)
    table = "\n".join([",".join(names), *cells])
    target = [{"Phone": row[0], "TemplateParams": row[1:]} for row in rows]
    body = json.dumps({"TaskContent": [{"Target": target}]}, ensure_ascii=ascii_only)

    expected = [(row[0], list(row[1:])) for row in rows]
    for content, name in ((array, "a.json"), (table, "a.csv"), (body, "a.json")):
        found = read(content, name)
        assert [(each.phone, each.params) for each in found] == expected
    if rows:
        assert [(each.phone, each.params) for each in read(lines, "a.jsonl")] == expected
