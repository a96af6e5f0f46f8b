"""Whatever bytes a file holds, reading it ends in records, problems or an error for people."""

import io
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.workbook import DATE, ERROR, Cell, pack, sheet_of, workbook
from usms_cli.errors import UsmsError
from usms_cli.recipients.phones import InvalidPhone, PhoneReader
from usms_cli.recipients.record import Problem, Record

Read = Callable[..., list[Record | Problem]]

_SAMPLES = Path(__file__).parents[2] / "samples"
_BOOKS = [
    workbook([["phone", "param1"], [13800138000, Cell("0.5", format="0%")], ["1", ERROR]]),
    workbook([[], [None, "phone"], [None, DATE]], names=["A"], shared=False),
    sheet_of(
        '<row r="1"><c r="A1" t="str"><v>phone</v></c></row>'
        '<row r="2" hidden="1"><c r="A2"><f>1+1</f><v>2</v></c></row>'
        '<row r="3"><c r="A3"><f>B1</f></c></row>'
    ),
]
_TEXTS = [
    *(path.read_bytes() for path in _SAMPLES.iterdir() if path.suffix != ".xlsx"),
    "sep=;\r手机号;变量1\r1;2\r".encode("utf-16"),
    "手机号,变量1\n13800138000,张三\n".encode("gb18030"),
    b'{"phone":"1","params":["a",1.50,null]}\n{"PHONE":2,"param1":"\\ud83d\\ude00"}\n',
    b'[{"phone":"1","x":{"b":[1]},"sender":null},{"phone":1e3},{"outcome":"accepted"},[],3]',
    b'phone,params,outcome\n1,"[""a"",5,null]",\n2,"[1e400]",accepted\n3, "[]" ,\n',
]
_PIECES = st.sampled_from(
    [
        *(b'\0 \r \n \r\n " "" , ; \t | { } [ ] : \\ ( ) + < > </c> <f> <v> <c <row'.split(b" ")),
        *(b'\\u0000 \\ud800 1e999 1e99999999999999999999 NaN null true "TaskContent":'.split()),
        *(b"sep= phone param1 params outcome accepted E+10 .0 XFD1048576 A0 _x0000_ &#0;".split()),
        *(b"\xef\xbb\xbf \xff\xfe \xfe\xff \xff \xe2\x80\xa8 \xed\xa0\x80 \xef\xbf\xbf".split()),
        *(b' r="A1"| t="e"| s="1"| hidden="1"|<!--|<![CDATA['.split(b"|")),
        b"9" * 400,
        b"[" * 1200,
        b'{"a":' * 1200,
    ]
)


@st.composite
def spoilt(draw: st.DrawFn, content: bytes) -> bytes:
    """Draw the content with a few pieces put in, left out, turned or repeated."""
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        end = min(len(content), at + draw(st.sampled_from([0, 0, 1, 2, 9, 60])))
        new = draw(st.one_of(_PIECES, st.binary(max_size=3), st.just(content[at : at + 60] * 3)))
        content = content[:at] + new + content[end:]
    return content


@st.composite
def spoilt_books(draw: st.DrawFn) -> bytes:
    """Draw a workbook with a spoilt part, or spoilt as a zip."""
    book = draw(st.sampled_from(_BOOKS))
    if draw(st.integers(0, 4)) == 0:
        return draw(spoilt(book))
    with zipfile.ZipFile(io.BytesIO(book)) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    name = draw(st.sampled_from(sorted(parts)))
    return pack(parts | {name: draw(spoilt(parts[name]))})


_READER = PhoneReader("CN")
_OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "format": st.sampled_from(["csv", "tsv", "json", "jsonl", "xlsx"]),
        "delimiter": st.sampled_from([",", ";", "tab", " "]),
        "encoding": st.sampled_from(["gb18030", "utf-16", "utf-32", "cp1252", "shift_jis", "hz"]),
        "phone_column": st.just("param1"),
        "params": st.sampled_from([("sender",), ("param1", "phone")]),
        "phones_only": st.booleans(),
    },
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(st.sampled_from(_TEXTS).flatmap(spoilt), spoilt_books()),
    name=st.sampled_from(["list", "list.csv", "list.json", "list.jsonl", "list.xlsx"]),
    options=st.one_of(st.just({}), _OPTIONS),
)
def test_any_bytes_are_records_problems_or_an_error_for_people(
    read: Read, content: bytes, name: str, options: dict[str, Any]
) -> None:
    found: list[Record | Problem] | UsmsError
    try:
        found = read(content, name, **options)
    except UsmsError as error:
        found = error
    if isinstance(found, UsmsError):
        assert name in found.message or "--" in found.message
        return
    for record in found:
        assert record.line > 0
        for text in (record.phone, *record.params, record.template or "", record.sender or ""):
            assert text == text.strip()
            assert "\0" not in text
            text.encode()
        if isinstance(record, Record):
            with suppress(InvalidPhone):
                _READER.read(record.phone)
