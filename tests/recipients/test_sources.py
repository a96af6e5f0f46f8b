"""What an input is: where it comes from, how its text is encoded, which format it has."""

import io
import json
import os
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from usms_cli.errors import InputError, UsageError
from usms_cli.recipients import raw
from usms_cli.recipients.raw import BLOCK
from usms_cli.recipients.record import Problem, Record
from usms_cli.recipients.source import ReadOptions, open_source

Read = Callable[..., list[Record | Problem]]

_TEXT = st.characters(exclude_categories=["Cs", "Cc", "Cn"]) | st.sampled_from('\\"u\n\r,😀')
_VALUE = st.text(_TEXT).filter(str.strip)

TABLE = "phone,param1\n1,安娜\n"
RECORDS = [Record(2, "1", ["安娜"])]


@pytest.mark.parametrize(
    "content",
    [
        TABLE.encode(),
        b"\xef\xbb\xbf" + TABLE.encode(),
        b"\xff\xfe" + TABLE.encode("utf-16-le"),
        b"\xfe\xff" + TABLE.encode("utf-16-be"),
    ],
)
def test_unicode_text_is_read_as_it_is(read: Read, content: bytes) -> None:
    assert read(content) == RECORDS
    assert read(content, encoding="gb18030" if content[0] > 127 else None) == RECORDS


@pytest.mark.parametrize(
    "encoding", ["gb18030", "big5", "shift_jis", "utf-16-le", "utf-16", "utf-32"]
)
def test_other_text_is_read_when_its_encoding_is_said(read: Read, encoding: str) -> None:
    table = TABLE.replace("娜", "")
    assert read(table.encode(encoding), encoding=encoding) == [Record(2, "1", ["安"])]


def test_text_of_unknown_encoding_is_refused_with_what_it_may_be(read: Read) -> None:
    with pytest.raises(InputError) as caught:
        read(("phone,param1\n" + "0,a\n" * 99_999 + "1,安娜\x1b[1m\n").encode("gb18030"))
    assert "line 100001 is not UTF-8 text" in caught.value.message
    assert '--encoding gb18030    "1,安娜\\x1b[1m"' in caught.value.hint
    assert '--encoding cp1252     "1,°²ÄÈ\\x1b[1m"' in caught.value.hint


def test_text_that_is_not_what_was_said_is_refused(read: Read) -> None:
    with pytest.raises(InputError) as caught:
        read(TABLE.encode(), encoding="ascii")
    assert "line 2 is not ASCII text" in caught.value.message
    assert "--encoding utf-8" in caught.value.hint
    with pytest.raises(InputError, match="line 2 is not UTF-8 text"):
        read(TABLE.encode()[:-2])


@pytest.mark.parametrize(
    "name", ["klingon", "base64", "rot13", "undefined", "a\0b", "idna", "utf7", "unicode_escape"]
)
def test_an_encoding_that_is_none_is_an_error_of_the_call(read: Read, name: str) -> None:
    with pytest.raises(UsageError, match="--encoding"):
        read(TABLE, encoding=name)


def test_a_mark_that_is_missing_is_named_with_what_to_type(read: Read) -> None:
    content = TABLE.encode("utf-16-be")
    with pytest.raises(InputError, match="has no byte order mark") as caught:
        read(content, encoding="utf-16")
    assert "--encoding utf-16-le or utf-16-be" in caught.value.hint
    assert read(content, encoding="utf-16-be") == RECORDS


def test_utf_8_that_is_said_to_be_something_else_is_not_garbled(read: Read) -> None:
    """One --encoding stands beside several files, and nearly any bytes are text in some."""
    content = "phone,param1\n" + "1,a\n" * BLOCK + "1,安娜\n"
    for encoding in ("gb18030", "cp1252"):
        with pytest.raises(InputError, match="is UTF-8 text, though --encoding says") as caught:
            read(content.replace("安娜", "é你好"), encoding=encoding)
        assert '"1,é你好" as UTF-8' in caught.value.message
        assert "without --encoding" in caught.value.hint
    with pytest.raises(InputError, match="is UTF-8 text"):
        read("phone\n1\u2028a\n", encoding="gb18030")
    mixed = content.encode() + "1,安娜\n".encode("gb18030")
    assert len(read(mixed, encoding="gb18030")) == BLOCK + 2
    assert len(read(content.encode("gb18030"), encoding="gb18030")) == BLOCK + 1
    assert read(TABLE.replace("安娜", "Anna"), encoding="gb18030") == [Record(2, "1", ["Anna"])]


def test_a_rare_encoding_is_never_guessed_from_its_mark(read: Read) -> None:
    with pytest.raises(InputError, match="is UTF-32 text") as caught:
        read(TABLE.encode("utf-32"))
    assert "--encoding utf-32" in caught.value.hint


def test_characters_and_line_ends_across_blocks_stay_whole(read: Read) -> None:
    for pad in range(4):
        rows = BLOCK // 4
        content = "x" * pad + ",phone\r" + "安,1\r\n" * rows
        found = read(content, delimiter=",")
        assert [found[0].line, found[-1].line, len(found)] == [2, rows + 1, rows]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(_VALUE, _VALUE), min_size=1),
    size=st.integers(4, 40),
    ascii_only=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-16"]),
)
def test_records_are_the_same_whatever_the_blocks(
    read: Read, rows: list[tuple[str, str]], size: int, ascii_only: bool, encoding: str
) -> None:
    objects = [
        json.dumps({"phone": phone, "param1": param}, ensure_ascii=ascii_only)
        for phone, param in rows
    ]
    quoted = ('"{}","{}"'.format(*(cell.replace('"', '""') for cell in row)) for row in rows)
    expected = [(phone.strip(), [param.strip()]) for phone, param in rows]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(raw, "BLOCK", size)
        for content, name in (
            ("[" + ",\r".join(objects) + "]", "json"),
            ("\r\n".join(objects), "jsonl"),
            ("\r".join(["phone,param1", *quoted]), "csv"),
        ):
            found = read(content.encode(encoding), format=name, delimiter=",")
            assert [(each.phone, each.params) for each in found] == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04...", "is damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel workbook"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"phone\n1\n2\x00\n", "line 3 has a NUL byte"),
        ("phone\n1\n2\0\n".encode("utf-16"), "line 3 has a NUL byte"),
        (b"phone\n" + b"1\n" * BLOCK + b"\0", f"line {BLOCK + 2} has a NUL byte"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is not UTF-8 text"),
        (b"p\0h\0o\0n\0e\0\n\0", "line 1 has a NUL byte"),
    ],
)
def test_what_is_no_text_is_refused(read: Read, content: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(content)
    assert message in caught.value.message
    assert caught.value.hint


def test_a_name_that_leads_nowhere(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file"):
        open_source(str(tmp_path / "none.csv"), ReadOptions())
    with pytest.raises(UsageError, match="cannot be opened"):
        open_source("a\0b", ReadOptions())
    with pytest.raises(InputError, match="is a directory"):
        open_source(str(tmp_path), ReadOptions())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_an_error_of_the_call(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.touch(mode=0)
    with pytest.raises(UsageError, match="Permission denied"):
        open_source(str(path), ReadOptions())


@pytest.mark.parametrize("name", ["list.txt", "list", "list.dat"])
@pytest.mark.parametrize(
    "content",
    [
        "phone,param1\n1,a\n",
        "{1}\tphone\na\t1\n",
        '[{"phone":"1","param1":"a"}]',
        '\n {"phone":"1","param1":"a"}\n',
        '{\n"phone":"1","param1":"a"}\n',
        '{"TaskContent":[{"Target":[{"Phone":"1","TemplateParams":["a"]}]}]}',
    ],
)
def test_the_content_tells_the_format_where_the_name_does_not(
    read: Read, name: str, content: str
) -> None:
    assert [(each.phone, each.params) for each in read(content, name)] == [("1", ["a"])]


def test_the_format_that_is_said_outranks_the_name(read: Read) -> None:
    assert read('[{"phone":"1"}]', "list.csv", format="json") == [Record(1, "1", [])]
    assert read("phone\n1\n", "list.json", format="csv") == [Record(2, "1", [])]
    found = read('{"phone":"1"}\n[\n', "list.csv", format="jsonl")
    assert [type(each) for each in found] == [Record, Problem]


def test_bytes_are_told_as_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("phone\n" + "1\n" * 300_000)
    told: list[int] = []
    with closing(open_source(str(path), ReadOptions())) as source:
        assert sum(1 for _ in source.records(told.append)) == 300_000
        assert sum(told) == source.size == path.stat().st_size
    assert len(told) > 1


@pytest.mark.parametrize(
    "content",
    [
        "phone\n" + "1\n" * BLOCK,
        '{"phone":"1"}\n',
        "[" + '{"phone":"1"},' * BLOCK + '{"phone":"1"}]',
        '{"TaskContent":[{"TemplateId":"T","Target":['
        + '{"Phone":"1"},' * BLOCK
        + '{"Phone":1}]}]}',
    ],
)
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(content)
    with closing(open_source(str(path), ReadOptions())) as source:
        records = source.records()
        next(records)
        with path.open("a") as file:
            file.write(" ")
        with pytest.raises(InputError, match="was changed while it was read"):
            list(records)


@pytest.mark.parametrize(
    ("content", "record"),
    [
        (TABLE, RECORDS[0]),
        ('{"phone":"1"}', Record(1, "1", [])),
        (
            '{"TaskContent":[{"Target":[{"Phone":"1"}],"TemplateId":"T"}]}',
            Record(1, "1", [], "T", None, True),
        ),
    ],
)
def test_a_pipe_is_read_once_and_a_body_in_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, record: Record
) -> None:
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    for name in (str(fifo), "-"):
        writer = threading.Thread(target=fifo.write_text, args=(content,))
        writer.start()
        with fifo.open("rb") if name == "-" else io.BytesIO() as stdin:
            monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stdin))
            with closing(open_source(name, ReadOptions())) as source:
                told: list[int] = []
                assert source.size is None
                assert list(source.records(told.append)) == [record]
                assert sum(told) == len(content.encode())
            assert not stdin.closed
        writer.join()


def test_standard_input_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"name\nAnna\n")))
    source = open_source("-", ReadOptions())
    assert source.name == "-"
    with pytest.raises(InputError, match=r"^standard input: no column is the phone"):
        list(source.records())


def test_a_name_is_shown_and_never_acted_on(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        open_source(str(tmp_path / "\x1b[31m.csv"), ReadOptions())
    assert "\x1b" not in caught.value.message
