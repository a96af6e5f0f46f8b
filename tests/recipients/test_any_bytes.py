"""Whatever bytes a file holds, reading it ends in records, problems or an error for people."""

import io
import zipfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.hostile import BOOKS, PIECES, TEXTS
from tests.support.workbook import pack
from usms_cli.errors import UsmsError
from usms_cli.recipients.phones import InvalidPhone, PhoneReader
from usms_cli.recipients.record import Problem, Record

Read = Callable[..., list[Record | Problem]]


@st.composite
def spoilt(draw: st.DrawFn, content: bytes) -> bytes:
    """Draw the content with a few pieces put in, left out, turned or repeated."""
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        end = min(len(content), at + draw(st.sampled_from([0, 0, 1, 2, 9, 60])))
        new = draw(
            st.one_of(
                st.sampled_from(PIECES), st.binary(max_size=3), st.just(content[at : at + 60] * 3)
            )
        )
        content = content[:at] + new + content[end:]
    return content


@st.composite
def spoilt_books(draw: st.DrawFn) -> bytes:
    """Draw a workbook with a spoilt part, or spoilt as a zip."""
    book = draw(st.sampled_from(BOOKS))
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
    content=st.one_of(st.sampled_from(TEXTS).flatmap(spoilt), spoilt_books()),
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
