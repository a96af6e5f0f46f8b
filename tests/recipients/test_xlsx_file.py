"""Workbooks as people keep them: what they see in a cell is what is read, or nothing."""

import csv
import io
import re
import struct
import sys
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.workbook import DATE, ERROR, TRUE, Cell, Sheet, pack, sheet_of, workbook
from usms_cli.errors import InputError, UsageError
from usms_cli.recipients.record import Problem, Record
from usms_cli.recipients.source import ReadOptions, open_source

Read = Callable[..., list[Record | Problem]]

TABLE: Sheet = [["phone", "param1"], ["1", "a"]]
RECORDS = [Record(2, "1", ["a"])]


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("name", ["list.xlsx", "LIST.XLSM", "list.csv", "list"])
def test_a_workbook_is_known_by_its_content(read: Read, name: str, shared: bool) -> None:
    assert read(workbook(TABLE, shared=shared), name) == RECORDS
    assert read(workbook(TABLE), name, format="xlsx") == RECORDS


@pytest.mark.parametrize(
    ("stored", "seen"),
    [
        (13800138000, "13800138000"),
        (Cell("1.3800138E10"), "13800138000"),
        (Cell("13800138000.0"), "13800138000"),
        (0.1, "0.1"),
        (Cell("0.30000000000000004"), "0.3"),
        (-5, "-5"),
        (Cell("-0"), "0"),
        (123456789012345, "123456789012345"),
        (Cell("0.00001"), "0.00001"),
        (Cell("7", format="0000"), "0007"),
        (Cell("-7", format="0000"), "-0007"),
        (Cell("12.5", format="0.00"), "12.50"),
        (Cell("2.675", format="0.00"), "2.68"),
        (Cell("12.7", format="0"), "13"),
        (Cell("5", format="@"), "5"),
        (Cell("5", format="0_ "), "5"),
        (Cell("5", format="0_);[Red]\\(0\\)"), "5"),
        (Cell("5", format="[$-804]00"), "05"),
        (Cell("12", "str"), "12"),
        ("  007 ", "007"),
        ("1E+10", "1E+10"),
        (None, ""),
    ],
)
def test_a_number_is_the_digits_that_people_see(
    read: Read, stored: str | int | float | Cell | None, seen: str
) -> None:
    assert read(workbook([["phone", "param1", "x"], ["1", stored, "y"]])) == [
        Record(2, "1", [seen])
    ]


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        (ERROR, "an error of a formula"),
        (Cell("#N/A", "e", "0.00"), "an error of a formula"),
        (Cell("#N/A", "e", "m/d/yyyy"), "an error of a formula"),
        (TRUE, "holds TRUE"),
        (DATE, "a date or time (2023-03-15)"),
        (Cell("0.5", format="h:mm"), "a date or time (12:00:00)"),
        (Cell("0.5", format="[h]:mm"), "a date or time"),
        (Cell("0.15", format="0%"), 'the number 0.15, but shows it in the format "0%"'),
        (Cell("1234.5", format="#,##0"), '"#,##0"'),
        (Cell("5", format='"+"0'), "but shows it"),
        (Cell("-5", format="0_);[Red]\\(0\\)"), "but shows it"),
        (Cell("5", format="[$€-407]0"), "but shows it"),
        (Cell("1234567890123456"), "digits may be lost"),
        (Cell("1E+21"), "digits may be lost"),
        (Cell("1E-12"), "digits may be lost"),
        (Cell("NaN"), "digits may be lost"),
    ],
)
def test_a_cell_that_is_no_text_is_a_problem_where_it_is_used(
    read: Read, stored: Cell, reason: str
) -> None:
    header = ["phone", "param1", "template", "sender", "outcome"]
    for column, title in enumerate(header):
        row: list[str | Cell] = ["1", "a", "T", "S", ""]
        row[column] = stored
        [problem] = read(workbook([header, row]))
        assert isinstance(problem, Problem)
        assert problem.line == 2
        assert f'"{title}" holds' in problem.reason
        assert reason in problem.reason
        assert (problem.phone, problem.params) == ("", [])
    assert read(workbook([["phone", "x"], ["1", stored]])) == [Record(2, "1", [])]


def test_a_phone_with_a_fraction_is_none(read: Read) -> None:
    [problem] = read(workbook([["phone"], [Cell("13800138000.12")]]))
    assert isinstance(problem, Problem)
    assert "decimal number 13800138000.12" in problem.reason


def test_lines_are_the_numbers_of_rows(read: Read) -> None:
    rows: Sheet = [
        [],
        [None, " "],
        [None, "phone", "param1"],
        [],
        [None, "1", "a"],
        [ERROR],
        [None, "2", "b"],
    ]
    assert read(workbook(rows)) == [
        Record(5, "1", ["a"]),
        Record(6, "", [""]),
        Record(7, "2", ["b"]),
    ]


def test_styled_cells_without_a_value_are_nothing(read: Read) -> None:
    rows = (
        '<row r="1"><c r="A1" t="str"><v>phone</v></c></row>'
        '<row r="2"><c r="A2"><v>1</v></c><c r="XFD2" s="0"/></row><row r="900000" ht="3"/>'
    )
    assert read(sheet_of(rows)) == [Record(2, "1", [])]


def test_merged_cells_and_formulas_have_their_value_once(read: Read) -> None:
    rows = (
        '<row r="1"><c r="A1" t="str"><v>phone</v></c><c r="B1" t="str"><v>param1</v></c></row>'
        '<row r="2"><c r="A2"><v>1</v></c><c r="B2" t="str"><f>"a"&amp;"b"</f><v>ab</v></c></row>'
        '<row r="3"><c r="A3"/><c r="B3" t="str"><f>A1</f><v></v></c></row>'
    )
    assert read(sheet_of(rows)) == [Record(2, "1", ["ab"])]


def test_a_formula_whose_value_was_not_saved_is_a_problem_where_it_is_used(read: Read) -> None:
    formulas = ("<f>A1</f><v></v>", "<f>A1</f>", '<f t="shared" si="0"/><v/>', "<f/>")
    rows = '<row r="1"><c r="A1" t="str"><v>phone</v></c><c r="B1" t="str"><v>{}</v></c></row>'
    for line, formula in enumerate(formulas, 2):
        rows += f'<row r="{line}"><c r="A{line}"><v>1</v></c><c r="B{line}">{formula}</c></row>'
    found = read(sheet_of(rows.format("param1")))
    assert [record.line for record in found] == [2, 3, 4, 5]
    for problem in found:
        assert isinstance(problem, Problem)
        assert '"param1" holds a formula whose value is not in the file' in problem.reason
    assert read(sheet_of(rows.format("x"))) == [Record(line, "1", []) for line in (2, 3, 4, 5)]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [(Cell("0.5", format="0%"), "but shows it"), (Cell("#N/A", "e"), "an error of a formula")],
)
def test_the_attributes_of_a_cell_have_no_order(read: Read, cell: Cell, reason: str) -> None:
    """They have none in XML, though Excel writes `r`, `s` and `t` one after the other."""
    with zipfile.ZipFile(io.BytesIO(workbook([["phone", "param1"], ["1", cell]]))) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    turned = re.sub(rb'(r="B2") (s=".") (t="[ne]")', rb"\3 \2 \1", parts[sheet])
    assert turned != parts[sheet]
    [problem] = read(pack(parts | {sheet: turned}))
    assert isinstance(problem, Problem)
    assert reason in problem.reason


def test_a_hidden_row_is_a_problem_that_says_so(read: Read) -> None:
    """A filter hides those whom it leaves out, and nobody can know whether they are meant."""
    rows = "".join(
        f'<row r="{line}" {hidden}><c r="A{line}" t="str"><v>{value}</v></c></row>'
        for line, value, hidden in (
            (1, "phone", 'hidden="1"'),
            (2, "1", ""),
            (3, "2", 'ht="0" hidden="true"'),
            (4, " ", 'hidden="1"'),
            (5, "3", 'hidden="0"'),
        )
    )
    first, problem, last = read(sheet_of(rows))
    assert (first, last) == (Record(2, "1", []), Record(5, "3", []))
    assert isinstance(problem, Problem)
    assert problem.line == 3
    assert "the row is hidden" in problem.reason


@pytest.mark.parametrize("equals", ["='{}'", ' = "{}"', "\n=\t'{}'"])
def test_attributes_may_be_written_in_any_way_of_xml(read: Read, equals: str) -> None:
    def sign(name: str, value: str) -> str:
        return f" {name}{equals.format(value)}"

    rows = f"<row{sign('r', '1')}><c{sign('r', 'A1')}{sign('t', 'str')}><v>phone</v></c></row>"
    rows += f"<row{sign('hidden', '1')}><c{sign('r', 'A2')}><v>1</v></c></row>"
    rows += f"<row><c{sign('r', 'A3')}{sign('t', 'e')}><v>#N/A</v></c></row>"
    rows += f"<row><c{sign('r', 'A4')}><v>2</v></c></row>"
    hidden, broken, good = read(sheet_of(rows))
    assert isinstance(hidden, Problem)
    assert "the row is hidden" in hidden.reason
    assert isinstance(broken, Problem)
    assert "an error of a formula" in broken.reason
    assert good == Record(4, "2", [])


def test_a_character_that_no_text_has_is_a_problem(read: Read) -> None:
    rows = (
        '<row r="1"><c r="A1" t="str"><v>phone</v></c><c r="B1" t="str"><v>param1</v></c></row>'
        '<row r="2"><c r="A2"><v>1</v></c><c r="B2" t="str"><v>a_x0000_</v></c></row>'
    )
    [problem] = read(sheet_of(rows))
    assert isinstance(problem, Problem)
    assert '"param1" holds the character U+0000' in problem.reason


def test_a_sheet_is_chosen_or_there_is_only_one(read: Read) -> None:
    other: Sheet = [["phone"], ["2"]]
    two = workbook(TABLE, other, names=["People", "Staff"])
    with pytest.raises(InputError) as caught:
        read(two)
    assert '"People", "Staff"' in caught.value.message
    assert "--sheet" in caught.value.hint
    assert read(two, sheet="Staff") == [Record(2, "2", [])]
    with pytest.raises(UsageError, match=r'--sheet "staff".*no such sheet'):
        read(two, sheet="staff")
    hidden = workbook(TABLE, other, [], names=["People", "Old", "Empty"], hidden=["Old"])
    assert read(hidden) == RECORDS
    assert read(hidden, sheet="Old") == [Record(2, "2", [])]


def test_what_is_hidden_is_never_sent_by_mistake(read: Read) -> None:
    for data in (workbook([], TABLE, hidden=["Sheet2"]), workbook([])):
        with pytest.raises(InputError, match="no visible sheet with anything in it") as caught:
            read(data)
        assert caught.value.hint


def test_a_header_alone_is_nothing_to_send_and_no_header_an_error(read: Read) -> None:
    assert read(workbook([["phone"]])) == []
    with pytest.raises(InputError, match="begins with a record"):
        read(workbook([[13800138000, "Anna"]]))
    with pytest.raises(InputError, match="no column is the phone"):
        read(workbook([["name"], ["Anna"]]))
    with pytest.raises(InputError, match="same name"):
        read(workbook([["phone", "Phone"], ["1", "2"]]))
    with pytest.raises(InputError, match="blank lines only"):
        read(workbook([[" "]]))


def test_more_cells_than_columns_are_a_problem(read: Read) -> None:
    [problem] = read(workbook([["phone", None], ["1", None, "x"]]))
    assert isinstance(problem, Problem)
    assert "3 cells where the header has 1" in problem.reason


def _tampered() -> bytes:
    """Return a workbook whose sheet is larger than the zip says."""
    data = bytearray(workbook([["phone"], *[[str(n)] for n in range(999)]]))
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        size = struct.pack("<I", package.getinfo("xl/worksheets/sheet1.xml").file_size)
    return bytes(data.replace(size, struct.pack("<I", 100)))


def _with_strings(strings: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(workbook(TABLE))) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    return pack(parts | {"xl/sharedStrings.xml": strings})


_BOMB = "<worksheet><sheetData>" + " " * (80 << 20)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (workbook(TABLE)[:-40], "is damaged"),
        (workbook(TABLE)[:200], "is damaged"),
        (workbook(TABLE)[:50] + workbook(TABLE)[60:], "is damaged"),
        (workbook(TABLE).replace(b"xl/worksheets/sheet1", b"xl/worksheets/sheet2"), "is damaged"),
        (_tampered(), "is damaged"),
        (sheet_of('<row r="1"><c r="A1"><v>1'), "is damaged"),
        (sheet_of('<row r="1"><c r="A1" r="A" t="e"><v>1</v></c></row>'), "is damaged"),
        (sheet_of('<row r="1"><c r="A1" t="s"><v>7</v></c></row>'), "is damaged"),
        (sheet_of('<row r="1"><c r="A9999999"><v>7</v></c></row>'), "is damaged"),
        (sheet_of('<row r="1"><c r="A1" t="str"><v><![CDATA[1]]></v></c></row>'), "CDATA"),
        (_with_strings("<sst><si><t>phone<![CDATA[1]]></t></si></sst>"), "CDATA"),
        (sheet_of('<row r="1"><c><v>7</v></c></row>'), "does not say where its cells are"),
        (
            sheet_of('<row r="1"><c r="A1"><v>1</v></c><c r="XFD1048576"><v>1</v></c></row>'),
            "column 16,384 and row 1,048,576",
        ),
        (pack({"xl/workbook.xml": "<workbook", "_rels/.rels": ""}), "is damaged"),
        (pack({"xl/workbook.xml": "<workbook/>", "_rels/.rels": "<a/>"}), "is damaged"),
        (pack({"xl/workbook.xml": _BOMB, "_rels/.rels": "<a/>"}), "a zip bomb"),
        (pack({"xl/workbook.bin": b""}), ".xlsb"),
        (pack({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}), ".ods"),
        (pack({"Index/Document.iwa": b""}), ".numbers"),
        (pack({"list.csv": "phone\n1\n"}), "a zip archive, and no Excel workbook"),
        (pack({}), "a zip archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 4096, "with a password, or of before 2007"),
        (b"phone\n1\n", "is no Excel workbook"),
    ],
)
def test_what_is_no_sound_workbook_is_refused(read: Read, content: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(content, "list.xlsx")
    assert message in caught.value.message
    assert "list.xlsx" in caught.value.message
    assert caught.value.hint


def test_a_part_that_is_encrypted_is_named_as_such(read: Read) -> None:
    data = bytearray(workbook(TABLE))
    directory = data.index(b"PK\x01\x02")
    data[directory + 8] |= 1
    with pytest.raises(InputError, match="protected by a password"):
        read(bytes(data))


def test_a_workbook_said_to_be_text(read: Read) -> None:
    with pytest.raises(InputError, match="not text") as caught:
        read(workbook(TABLE), format="csv")
    assert "--format csv" in caught.value.hint


def test_without_the_extra_it_says_what_to_install(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(UsageError) as caught:
        read(workbook(TABLE))
    assert "Install usms-cli[excel] the way" in caught.value.hint


def test_a_workbook_comes_from_a_pipe_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=Pipe(workbook(TABLE))))
    with closing(open_source("-", ReadOptions())) as source:
        assert (source.format, source.size) == ("xlsx", None)
        assert list(source.records()) == RECORDS


def test_a_workbook_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(workbook([*TABLE, ["2", "b"]]))
    with closing(open_source(str(path), ReadOptions())) as source:
        records = source.records()
        next(records)
        with path.open("ab") as file:
            file.write(b" ")
        with pytest.raises(InputError, match="was changed while it was read"):
            list(records)


def test_bytes_are_told_in_proportion_to_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(workbook([["phone"], *[[number] for number in range(2500)]]))
    told: list[int] = []
    with closing(open_source(str(path), ReadOptions())) as source:
        assert sum(1 for _ in source.records(told.append)) == 2500
    assert len(told) == 3
    assert sum(told) == path.stat().st_size


_CELL = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cn"], exclude_characters="\ufffe\uffff")
    | st.sampled_from('\r\n\t",;|_x')
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(_CELL, _CELL, st.sampled_from(["", "accepted", "x"]))),
    header=st.sampled_from(
        [
            ["phone", "param1", "outcome"],
            ["手机号", "sender", "x"],
            ["x", "Mobile", "template"],
            ["phone", "params", "param9"],
            ["phone", "", "param1"],
        ]
    ),
    shared=st.booleans(),
)
def test_a_table_is_the_same_as_csv_and_as_a_workbook(
    read: Read, rows: list[tuple[str, str, str]], header: list[str], shared: bool
) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows([header, *rows])

    def found(content: str | bytes) -> object:
        try:
            records = read(content, delimiter=",")
        except InputError as error:
            return error.message
        return [
            (each.phone, each.params, each.template, each.sender, getattr(each, "reason", None))
            for each in records
        ]

    assert found(workbook([header, *rows], shared=shared)) == found(file.getvalue())
