"""The same files read by other means: the readers must agree where these can tell."""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

from tests.fuzz.sheets import check_book
from usms_cli.errors import InputError, UsageError
from usms_cli.recipients import csv_file
from usms_cli.recipients.columns import ColumnFinder, PhoneFinder, refusal
from usms_cli.recipients.record import Problem, Record
from usms_cli.recipients.source import ReadOptions

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def check_against(
    content: bytes, format_: str | None, found: Sequence[Record | Problem], options: ReadOptions
) -> None:
    """Compare what was found in a file with what there is.

    :raises AssertionError: it is something else.
    """
    if format_ == "xlsx":
        check_book(content, found, _finder(options))
        return
    text = _text_of(content, options.encoding or "utf-8")
    if format_ in ("csv", "tsv"):
        _check_table(text, format_, found, options)
    elif format_ == "jsonl":
        _check_lines(text, found, options)
    else:
        _check_array(text, found, options)


def check_refusal(content: bytes, message: str, options: ReadOptions) -> None:
    """Make sure that a file which is said to be broken is so.

    :raises AssertionError: it is not.
    """
    try:
        text = _text_of(content, options.encoding or "utf-8")
    except UnicodeError:
        return
    assert not re.search(r"is not [A-Z0-9_-]+ text", message), f"it is text: {message}"
    if re.search("closing quote|never closes|does not close", message):
        with suppress(csv.Error):
            for _ in _their_rows(text, _delimiter(text, options)[0]):
                pass
            raise AssertionError(f"it is a table: {message}")
    elif "is not valid JSON" in message and not re.search(r"\d{300}|[eE][+-]?\d{3}", text):
        with suppress(ValueError, RecursionError):
            _decoder.decode(text.strip(" \t\r\n"))
            raise AssertionError(f"it is JSON: {message}")


def _text_of(content: bytes, encoding: str) -> str:
    """Return a file's text as Python decodes it, whole."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return content.decode(name).removeprefix("\ufeff")
    return content.decode(encoding).removeprefix("\ufeff")


def _finder(options: ReadOptions) -> ColumnFinder:
    if options.phones_only:
        return PhoneFinder("list", options.phone_column)
    return ColumnFinder("list", options.phone_column, options.params)


def _check_table(
    text: str, format_: str, found: Sequence[Record | Problem], options: ReadOptions
) -> None:
    delimiter, announced = _delimiter(text, options)
    rows = list(_own_rows(text, delimiter))
    with suppress(csv.Error):  # spaces after a quoted cell
        theirs = [[cell.strip() for cell in row] for row in _their_rows(text, delimiter)]
        ours = [row for _, row in rows if any(row)]
        assert [row for row in theirs if any(row)] == ours, "unlike Python's csv"
    filled = [(line, row) for line, row in rows if any(row)]
    if announced:
        filled.pop(0)
    header = filled.pop(0)[1]
    while not header[-1]:
        header.pop()
    columns = _finder(options).header(header)
    assert [line for line, _ in filled] == [one.line for one in found], "other lines"
    for (_, cells), one in zip(filled, found, strict=True):
        if any(cells[len(header) :]):
            assert isinstance(one, Problem)
            continue
        sender_there = columns.sender is not None and columns.sender < len(cells)
        cells += [""] * (len(header) - len(cells)) + [""]
        if columns.outcome is not None and refusal(cells[columns.outcome]):
            assert isinstance(one, Problem)
        elif columns.params_list is None or isinstance(one, Record):
            assert isinstance(one, Record)
            assert one.phone == cells[columns.phone]
            assert one.template == (
                None if columns.template is None else cells[columns.template] or None
            )
            assert one.sender == (cells[columns.sender] if sender_there else None)  # type: ignore[index]
            if columns.params_list is None:
                assert one.params == [cells[at] for at in columns.params]


def _delimiter(text: str, options: ReadOptions) -> tuple[str, bool]:
    """Return the delimiter, and whether the first line announces it."""
    announced = csv_file._SEP_LINE.match(text)
    if options.delimiter is not None:
        return csv_file.parse_delimiter(options.delimiter), announced is not None
    if options.format == "tsv":
        return "\t", announced is not None
    if announced:
        return announced[1], True
    return csv_file._find_delimiter(text[: 1 << 17], _finder(options)), False


def _their_rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """Yield the rows of a table as Python's csv reads it strictly."""
    return csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        strict=True,
        skipinitialspace=delimiter != " ",
    )


def _own_rows(text: str, delimiter: str) -> Iterable[tuple[int, list[str]]]:
    """Read a table sign by sign; yield the line that each row begins in, and its cells."""
    line = begin = 1
    cells: list[str] = []
    cell = ""
    where = "start"
    skips = " " if delimiter != " " else ""
    for sign in re.findall(r"\r\n|.", text, re.DOTALL):
        ends = sign in ("\r", "\n", "\r\n")
        line += ends
        if where == "quoted":
            if sign == '"':
                where = "closed"
            else:
                cell += sign
            continue
        if where == "closed" and sign == '"':
            cell += '"'
            where = "quoted"
        elif sign == delimiter or ends:
            cells.append(cell.strip())
            cell, where = "", "start"
            if ends:
                yield begin, cells
                cells, begin = [], line
        elif where == "start" and sign == '"':
            where = "quoted"
        elif (where == "start" and sign in skips) or (where == "closed" and sign == " "):
            pass
        else:
            assert where != "closed", "text after a closing quote was read"
            cell += sign
            where = "plain"
    assert where != "quoted", "a quote that never closes was read"
    if cell or cells or where != "start":
        yield begin, [*cells, cell.strip()]


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object, those too that stand there twice."""


def _no_constant(name: str) -> None:
    raise ValueError(name)


_decoder = json.JSONDecoder(
    object_pairs_hook=_Pairs, parse_float=Decimal, parse_constant=_no_constant
)


def _check_lines(text: str, found: Sequence[Record | Problem], options: ReadOptions) -> None:
    lines = io.StringIO(text, newline="").readlines()
    at = {one.line: one for one in found}
    finder = _finder(options)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = _decoder.decode(line.strip(" \t\r\n"))
        except (ValueError, RecursionError, ArithmeticError):
            assert isinstance(at[number], Problem), f"line {number} is no JSON"
            continue
        _check_record(value, at[number], finder)
    assert all(one.line <= len(lines) for one in found)


def _check_array(text: str, found: Sequence[Record | Problem], options: ReadOptions) -> None:
    try:
        # yajl takes \v and \f for spaces, which does no harm: they cannot stand in a value.
        value = _decoder.decode(text.replace("\v", " ").replace("\f", " ").strip(" \t\r\n"))
    except RecursionError:
        return
    except ValueError as error:
        raise AssertionError(f"it is no JSON, and was read: {error}") from error
    finder = _finder(options)
    template = sender = None
    records: list[tuple[Any, str | None, str | None, bool]] = []
    if isinstance(value, _Pairs):
        tasks = dict(value).get("TaskContent")
        if tasks is None:
            records = [(value, None, None, False)]
        else:
            for entry in tasks:
                said = dict(entry)
                template, sender = said.get("TemplateId"), said.get("SenderId")
                for key, targets in entry:
                    if key == "Target":
                        records += [(one, template, sender, True) for one in targets]
    else:
        records = [(one, None, None, False) for one in value]
    assert [one.line for one in found] == list(range(1, len(records) + 1)), "other numbers"
    for (one, template, sender, api_form), was in zip(records, found, strict=True):
        _check_record(one, was, finder, template, sender)
        assert isinstance(was, Problem) or was.api_form == api_form


def _check_record(
    value: Any,
    found: Record | Problem,
    finder: ColumnFinder,
    template: Any = None,
    sender: Any = None,
) -> None:
    if not isinstance(value, _Pairs):
        assert isinstance(found, Problem)
        return
    keys = [key for key, _ in value]
    values = [one for _, one in value]
    if isinstance(found, Problem):
        plain = all(one is None or (isinstance(one, str) and _is_text(one)) for one in values)
        try:
            columns = finder.keys([*filter(_is_text, keys)])
        except (InputError, UsageError):
            return
        clear = columns.params_list is None and columns.outcome is None
        assert not (plain and clear and all(map(_is_text, keys))), found.reason
        return
    columns = finder.keys(keys)
    values.append(None)
    assert not isinstance(values[columns.phone], float | list | bool | Decimal)
    assert found.phone == _text(values[columns.phone])
    params = [values[at] for at in columns.params]
    if columns.params_list is not None:
        params = values[columns.params_list] or []
    assert found.params == list(map(_text, params))
    if columns.outcome is not None:
        assert not refusal(_text(values[columns.outcome]))
    assert found.template == (
        (_text(values[columns.template]) if columns.template is not None else "")
        or _text(template)
        or None
    )
    if columns.sender is not None and values[columns.sender] is not None:
        sender = values[columns.sender]
    assert found.sender == (None if sender is None else _text(sender))


def _is_text(text: str) -> bool:
    """Tell whether JSON may say this; U+FFFF is no character, and stands for what is none."""
    return not any(sign in "\0\uffff" or "\ud800" <= sign <= "\udfff" for sign in text)


def _text(value: Any) -> str:
    assert not isinstance(value, bool | list), "this is no text"
    if isinstance(value, Decimal):
        return f"{value:f}"
    text = "" if value is None else str(value).strip()
    assert _is_text(text)
    return text
