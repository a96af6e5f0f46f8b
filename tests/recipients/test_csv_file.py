"""Tables in text: what people really export, and what must be refused."""

import csv
import io
from collections.abc import Callable
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from usms_cli.errors import InputError, UsageError
from usms_cli.recipients import raw
from usms_cli.recipients.decoding import LONGEST
from usms_cli.recipients.record import Problem, Record
from usms_cli.recipients.source import ReadOptions, open_source

Read = Callable[..., list[Record | Problem]]


def test_a_plain_table(read: Read) -> None:
    assert read("phone,param1,param2\n13800138000,Anna,5\n13800138001, Bob ,6\n") == [
        Record(2, "13800138000", ["Anna", "5"]),
        Record(3, "13800138001", ["Bob", "6"]),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_the_delimiter_and_line_ending_are_found(read: Read, delimiter: str, ending: str) -> None:
    content = ending.join(["name|phone;param1,x", "", "a|1;A,z"])
    content = content.replace("|", delimiter).replace(";", delimiter).replace(",", delimiter)
    assert read(content) == [Record(3, "1", ["A"])]


def test_a_delimiter_in_a_quoted_name_is_none(read: Read) -> None:
    assert read('phone,"first; last; middle",param1\n1,x,A\n') == [Record(2, "1", ["A"])]
    assert read("phone,a|b|c|d,param1\n1,x,A\n") == [Record(2, "1", ["A"])]


def test_a_single_column_needs_no_delimiter(read: Read) -> None:
    assert read("phone\n13800138000\n(852)55311111") == [
        Record(2, "13800138000", []),
        Record(3, "(852)55311111", []),
    ]


def test_the_line_that_excel_writes_names_the_delimiter(read: Read) -> None:
    assert read("sep=;\nphone;param1\n1;a,b\n") == [Record(3, "1", ["a,b"])]
    assert read('"sep=,"\r\nphone,param1\r\n1,a\r\n') == [Record(3, "1", ["a"])]


@pytest.mark.parametrize(("given", "meant"), [("#", "#"), ("tab", "\t"), ("\\t", "\t"), (" ", " ")])
def test_the_delimiter_may_be_said(read: Read, given: str, meant: str) -> None:
    assert read(f"phone{meant}param1\n1{meant}A\n", delimiter=given) == [Record(2, "1", ["A"])]


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n"])
def test_an_impossible_delimiter_is_an_error_of_the_call(read: Read, delimiter: str) -> None:
    with pytest.raises(UsageError, match="--delimiter"):
        read("phone\n1\n", delimiter=delimiter)


def test_a_tsv_is_parted_by_tabs_alone_when_said(read: Read) -> None:
    assert read("phone\tparam1\n1\ta,b\n", format="tsv") == [Record(2, "1", ["a,b"])]


def test_a_line_break_in_quotes_is_kept_and_lines_are_still_an_editors(read: Read) -> None:
    content = 'phone,param1\r\n1,"two\r\nlines"\r\n\r\n , \r\n2,"a""b"\r\n'
    assert read(content) == [Record(2, "1", ["two\r\nlines"]), Record(6, "2", ['a"b'])]


def test_other_separators_of_unicode_do_not_break_lines(read: Read) -> None:
    content = "phone,param1\n1,a\u2028b\x0bc\x85d\n2,x\n"
    assert read(content)[1] == Record(3, "2", ["x"])


def test_spaces_beside_quotes_are_dropped(read: Read) -> None:
    content = 'phone , param1, param2\n"1" , "a, ""b"" ,c" ,x" y\n"2"  ,b, "c" \n3,d,e\n'
    assert read(content) == [
        Record(2, "1", ['a, "b" ,c', 'x" y']),
        Record(3, "2", ["b", "c"]),
        Record(4, "3", ["d", "e"]),
    ]
    assert read('phone,param1\n" " ,\n1,a\n') == [Record(3, "1", ["a"])]


def test_a_quote_within_an_unquoted_cell_is_a_character(read: Read) -> None:
    assert read('phone,param1\n1,5" pipe\n') == [Record(2, "1", ['5" pipe'])]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ('1,a\n2,"b\n3,c\n', "line 3 begins a record with a quote that never closes"),
        ('1,a\n2,"b\r\n', "line 3 begins a record with a quote that never closes"),
        ('1,a\n2,"b\n3,"c"\n', "line 3 begins a record with a quote that does not close there"),
        ('1,a\n2,"b" c\n', "line 3 has a cell with text after its closing quote"),
        ('1,"b\nc" ,d\n', "line 2 begins a record"),
    ],
)
def test_quotes_that_do_not_match_end_the_reading(read: Read, rows: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read("phone,param1\n" + rows)
    assert message in caught.value.message


def test_an_endless_line_or_cell_is_refused_without_being_held(read: Read) -> None:
    with pytest.raises(InputError, match="line 2 is longer than a million"):
        read("phone,param1\n1," + "x" * (LONGEST + 1) + "\n2,b\n")
    with pytest.raises(InputError, match="line 3 is longer than a million"):
        read("phone,param1\n1,a\n2," + "x" * (3 * LONGEST))
    for cells in ('1,"' + "x\n" * LONGEST, '"\n",' * LONGEST):
        with pytest.raises(InputError, match="line 2 begins a record that is longer"):
            read("phone,param1\n" + cells)


def test_too_many_cells_are_a_problem_that_cannot_be_sent(read: Read) -> None:
    first, second, third = read("phone,param1\n1,a,b\n2,a,\n3,a,, \n")
    assert isinstance(first, Problem)
    assert "3 cells where the header has 2" in first.reason
    assert (first.line, first.phone, first.params) == (2, "", [])
    assert [second, third] == [Record(3, "2", ["a"]), Record(4, "3", ["a"])]


def test_empty_names_at_the_end_of_a_header_are_no_columns(read: Read) -> None:
    assert read("phone,param1,,\n1,a,,\n") == [Record(2, "1", ["a"])]
    assert read(",phone,,param1\n0,1,,a\n") == [Record(2, "1", ["a"])]


def test_cells_that_are_missing_are_empty(read: Read) -> None:
    content = "param1,phone,param2,sender,template\na,1\nb\nc,3,z,,\nd,4,z,S,T\n"
    assert read(content) == [
        Record(2, "1", ["a", ""], None, None),
        Record(3, "", ["b", ""], None, None),
        Record(4, "3", ["c", "z"], None, ""),
        Record(5, "4", ["d", "z"], "T", "S"),
    ]


def test_parameters_may_be_a_json_list_in_a_cell(read: Read) -> None:
    content = 'phone,params\n1,"[""Anna"", 5, 1.50, null]"\n2,\n3,Anna\n4,"[[1]]"\n5,[true]\n'
    content += "6,[1e99999999999999999999]\n"
    first, second, *bad = read(content)
    assert [first, second] == [Record(2, "1", ["Anna", "5", "1.50", ""]), Record(3, "2", [])]
    assert [type(each) for each in bad] == [Problem] * 4
    assert isinstance(bad[0], Problem)
    assert 'not a JSON list such as ["Anna", "5"]' in bad[0].reason


def test_an_export_of_people_who_were_messaged_is_refused_row_by_row(read: Read) -> None:
    first, second = read("phone,param1,outcome\n1,a,accepted\n2,b,failed\n")
    assert isinstance(first, Problem)
    assert '"accepted"' in first.reason
    assert first.phone == ""  # so that a file of failures cannot message them again
    assert second == Record(3, "2", ["b"])


@pytest.mark.parametrize(
    "content", ["13800138000,Anna\n", "+86 138-0013-8000\n", "a;(852)5531111\n"]
)
def test_a_table_without_a_header_is_told_what_to_add(read: Read, content: str) -> None:
    with pytest.raises(InputError) as caught:
        read(content)
    assert "begins with a record" in caught.value.message
    assert "phone,param1" in caught.value.hint


def test_blank_lines_alone_are_no_table(read: Read) -> None:
    with pytest.raises(InputError, match="blank lines only"):
        read("\n \n,,\n")


def test_a_header_alone_is_nothing_to_send(read: Read) -> None:
    assert read("\n\nphone,param1\n") == []


def test_columns_without_use_are_known_after_reading(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("unused") / "list.csv"
    path.write_text("phone,Name,param1\n1,a,b\n")
    with closing(open_source(str(path), ReadOptions())) as source:
        list(source.records())
        assert source.unused == ['"Name"']


_CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\r\n",;|\t'))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(_CELL, _CELL, _CELL)),
    delimiter=st.sampled_from(",;\t|"),
    ending=st.sampled_from(["\n", "\r\n", "\r"]),
    quote_all=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_any_table_that_csv_writes_comes_back(
    read: Read,
    rows: list[tuple[str, str, str]],
    delimiter: str,
    ending: str,
    quote_all: bool,
    encoding: str,
) -> None:
    file = io.StringIO(newline="")
    # Before Python 3.13 the writer leaves line breaks unquoted that are not its own.
    quote_all = quote_all or any("\r" in cell or "\n" in cell for row in rows for cell in row)
    writer = csv.writer(
        file,
        delimiter=delimiter,
        lineterminator=ending,
        quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL,
    )
    writer.writerow(["phone", "param1", "param2"])
    expected = []
    for row in rows:
        line = len(io.StringIO(file.getvalue(), newline="").readlines()) + 1
        writer.writerow(row)
        cells = [cell.strip() for cell in row]
        if any(cells):
            expected.append(Record(line, cells[0], cells[1:]))
    assert read(file.getvalue().encode(encoding)) == expected


def test_a_row_that_is_short_takes_nothing_from_one_that_is_long(read: Read) -> None:
    first, second, third = read("phone,param1,param2\n1,a\n2,b,c,d\n3,e,f\n")
    assert first == Record(2, "1", ["a", ""])
    assert isinstance(second, Problem)
    assert second.line == 3
    assert third == Record(4, "3", ["e", "f"])


_PLAIN = st.text(" ab1é中", max_size=4)
_QUOTED = st.text(' a,"\n\r', max_size=4).map(
    lambda text: f'"{text.replace(chr(34), 2 * chr(34))}"'
)
_ROW = st.lists(_PLAIN, min_size=3, max_size=3) | st.lists(_PLAIN | _QUOTED, max_size=4)


@settings(max_examples=300)
@given(
    rows=st.lists(st.tuples(_ROW, st.sampled_from(["\n", "\n", "\r\n", "\r"])), max_size=12),
    last=_ROW,
    block=st.sampled_from([1, 7, 32, 1000]),
)
def test_rows_are_those_that_csv_reads_wherever_a_block_ends(
    read: Read, rows: list[tuple[list[str], str]], last: list[str], block: int
) -> None:
    text = "phone,param1,param2\n"
    text += "".join(",".join(cells) + ending for cells, ending in rows) + ",".join(last)
    reader = csv.reader(io.StringIO(text, newline="").readlines(), strict=True)
    expected: list[Record | int] = []
    next(reader)
    before = reader.line_num
    for row in reader:
        cells = list(map(str.strip, row))
        if any(cells[3:]):
            expected.append(before + 1)
        elif any(cells):
            expected.append(Record(before + 1, cells[0], [*cells[1:3], "", ""][:2]))
        before = reader.line_num
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(raw, "BLOCK", block)
        found = read(text)
    assert [one.line if isinstance(one, Problem) else one for one in found] == expected
