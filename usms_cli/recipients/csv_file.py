"""Tables in text: cells parted by a comma, semicolon, tab or pipe, the first row their names.

Quotes are those of RFC 4180, and strict: text after a closing quote, or a quote that never
closes, ends the reading, since nobody can say then where a cell ends. Spaces beside a quoted
cell are allowed. A quote within an unquoted cell (`5" pipe`) is a character.
"""

import csv
import io
import re
from collections.abc import Iterator
from itertools import chain

from usms_cli.errors import InputError, UsageError
from usms_cli.recipients.columns import ColumnFinder
from usms_cli.recipients.decoding import LONGEST, TOO_LONG, TextFile
from usms_cli.recipients.raw import OnBytes, place
from usms_cli.recipients.record import Problem, Record
from usms_cli.recipients.table import Table
from usms_cli.text import quoted

_DELIMITERS = ",;\t|"
_BLANK = _DELIMITERS + " \r\n"
_SPELLED = {"tab": "\t", "\\t": "\t"}
_SEP_LINE = re.compile(r'"?sep=(.)"?[\r\n]', re.IGNORECASE)  # what Excel writes and reads
_TOO_WIDE = "a cell that holds the delimiter must stand in quotes"
_HOW_TO_QUOTE = "Close each quote, and double a quote that is part of a quoted cell."


def parse_delimiter(text: str) -> str:
    """Return the character that --delimiter means; raise UsageError if it cannot be one."""
    character = _SPELLED.get(text.casefold(), text)
    if len(character) != 1 or character in '"\r\n\0':
        raise UsageError(
            f"--delimiter {quoted(text)} is not one character that can part cells.",
            "Use a character such as ; or | or the word tab.",
        )
    return character


def records(
    text: TextFile, finder: ColumnFinder, delimiter: str | None, on_bytes: OnBytes | None = None
) -> Iterator[Record | Problem]:
    """Yield the record of each row, or why it is none, with the line that it begins in.

    Raises InputError for text that is none, a header that is missing, unclear or without a
    phone, quotes that do not match, and a line or cell too long to be one; UsageError if an
    option names a column that is not there.
    """
    csv.field_size_limit(LONGEST)
    announced = _SEP_LINE.match(text.sample)
    if delimiter is None:
        delimiter = announced[1] if announced else _find_delimiter(text.sample, finder)
    rows = _rows(text, delimiter, on_bytes)
    if announced:
        next(rows)
    table = Table(text.name, next(rows, (0, []))[1], finder, _TOO_WIDE)
    yield from table.records(rows)


def _find_delimiter(sample: str, finder: ColumnFinder) -> str:
    """Return the delimiter that makes the most known names of the header, or the most names."""

    def names(delimiter: str) -> tuple[int, int]:
        lines = io.StringIO(sample, newline="")
        rows = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
        header = next((row for row in rows if "".join(row).strip(_BLANK)), [])
        return sum(map(finder.knows, header)), len(header)

    return max(_DELIMITERS, key=names)


def _rows(
    text: TextFile, delimiter: str, on_bytes: OnBytes | None
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, their cells without spaces around, and their lines."""
    batch: list[str] = []
    before = 0  # lines before the batch
    last = 0  # the line that the record before ended in

    def batches() -> Iterator[list[str]]:
        nonlocal batch, before
        size, since = 0, -1
        for lines in text.batches(on_bytes):
            size = size + sum(map(len, lines)) if last == since else 0
            since = last
            if size > LONGEST:
                raise _quoting_error(text.name, last + 1, before, csv.Error("field limit"))
            before, batch = before + len(batch), lines
            yield lines

    reader = csv.reader(chain.from_iterable(batches()), _Style(delimiter))
    strip = str.strip
    while True:
        try:
            for row in reader:
                line, last = last + 1, reader.line_num
                cells = list(map(strip, row))
                if any(cells):
                    yield line, cells
            return
        except csv.Error as error:
            line, last = last + 1, reader.line_num
            cells = _despaced(batch[last - before - 1], delimiter) if line == last else []
            if not cells:
                raise _quoting_error(text.name, line, last, error) from error
            if any(cells):
                yield line, cells


class _Style(csv.excel):
    """How cells are written: as csv.excel has it, strictly, but for spaces before a cell."""

    strict = True

    def __init__(self, delimiter: str) -> None:
        self.delimiter = delimiter
        self.skipinitialspace = delimiter != " "  # Python 3.13 refuses both
        super().__init__()


def _despaced(line: str, delimiter: str) -> list[str]:
    """Return the cells of a line, leaving out spaces after closing quotes; none if no use."""
    part = re.escape(delimiter)
    cell = re.compile(rf'( *"(?:[^"]|"")*+") *(?=[{part}\r\n]|$)|[^{part}]+')
    tidied = cell.sub(lambda match: match[1] or match[0], line)
    try:
        return [value.strip() for value in next(csv.reader([tidied], _Style(delimiter)))]
    except csv.Error:
        return []


def _quoting_error(name: str, line: int, last: int, error: csv.Error) -> InputError:
    """Return the error for a record from `line` on, which csv gave up in line `last`."""
    if "field limit" in str(error):
        what = f"begins a record that {TOO_LONG}: a quote in it may never close"
    elif "end of data" in str(error):
        what = "begins a record with a quote that never closes"
    elif line == last:
        what = "has a cell with text after its closing quote"
    else:
        what = (
            f"begins a record with a quote that does not close there: it closes in line {last}, "
            "where text follows it"
        )
    return InputError(f"{place(name, line)} {what}.", _HOW_TO_QUOTE)
