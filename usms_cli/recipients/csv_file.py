"""Tables in text: cells parted by a comma, semicolon, tab or pipe, the first row their names.

Quotes are those of RFC 4180, and strict: text after a closing quote, or a quote that never
closes, ends the reading, since nobody can say then where a cell ends. Spaces beside a quoted
cell are allowed. A quote within an unquoted cell (`5" pipe`) is a character.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice

from usms_cli.errors import InputError, UsageError
from usms_cli.recipients.columns import ColumnFinder
from usms_cli.recipients.decoding import LONGEST, TOO_LONG, TextFile, lines_of
from usms_cli.recipients.raw import OnBytes, place
from usms_cli.recipients.record import Found
from usms_cli.recipients.table import Table
from usms_cli.text import quoted

_DELIMITERS = ",;\t|"
_BLANK = _DELIMITERS + " \r\n"
_BLOCK = 1000  # rows
_SPELLED = {"tab": "\t", "\\t": "\t"}
_SEP_LINE = re.compile(r'"?sep=(.)"?[\r\n]', re.IGNORECASE)  # what Excel writes and reads
_TOO_WIDE = "a cell that holds the delimiter must stand in quotes"
_HOW_TO_QUOTE = "Close each quote, and double a quote that is part of a quoted cell."


def parse_delimiter(text: str) -> str:
    """Return the character that --delimiter means; raise UsageError if it cannot be one."""
    character = _SPELLED.get(text.casefold(), text)
    if len(character) != 1 or character in '"\r\n\0':
        raise UsageError(
            f"--delimiter {quoted(text)} is not one character that can part cells",
            "Use a character such as ; or | or the word tab.",
        )
    return character


def records(
    text: TextFile, finder: ColumnFinder, delimiter: str | None, on_bytes: OnBytes | None = None
) -> Iterator[Found]:
    """Yield the record of each row, or why it is none, with the line that it begins in.

    Raises InputError for text that is none, a header that is missing, unclear or without a
    phone, quotes that do not match, and a line or cell too long to be one; UsageError if an
    option names a column that is not there.
    """
    csv.field_size_limit(LONGEST)
    announced = _SEP_LINE.match(text.sample)
    if delimiter is None:
        delimiter = announced[1] if announced else _find_delimiter(text.sample, finder)
    rows = _Rows(text, delimiter, on_bytes)
    if announced:
        rows.next_not_blank()
    table = Table(text.name, rows.next_not_blank(), finder, _TOO_WIDE)
    while True:
        for lines, columns in rows.take_plain(table.width):
            yield from table.of_columns(lines, columns)
        lines, found = rows.take(_BLOCK)
        if not found:
            return
        yield from table.records(lines, found)


def _find_delimiter(sample: str, finder: ColumnFinder) -> str:
    """Return the delimiter that makes the most known names of the header, or the most names."""

    def names(delimiter: str) -> tuple[int, int]:
        lines = io.StringIO(sample, newline="")
        rows = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
        header = next((row for row in rows if "".join(row).strip(_BLANK)), [])
        return sum(map(finder.knows, header)), len(header)

    return max(_DELIMITERS, key=names)


class _Rows:
    """The rows of a text, blank ones too, each with the line that it begins in."""

    def __init__(self, text: TextFile, delimiter: str, on_bytes: OnBytes | None) -> None:
        self._name = text.name
        self._delimiter = delimiter
        self._chunks = text.chunks(on_bytes)
        self._chunk = ""  # the next one, once it was looked at
        self._lines: list[str] = []  # those of the chunk that csv reads
        self._left = iter(self._lines)  # those of them that it has not read
        self._before = 0  # lines before these
        self._unseen = 0  # lines that csv was never given
        self._last = 0  # the line that the row before ended in
        self._end: InputError | None = None
        self._reader = csv.reader(chain.from_iterable(self._given()), _Style(delimiter))

    def next_not_blank(self) -> list[str]:
        """Return the cells of the next row that is not blank, without spaces around them.

        Returns none at the end.
        """
        cells: list[str] = []
        while not any(cells) and (row := self.take(1)[1]):
            cells = list(map(str.strip, row[0]))
        self._chunk = "".join(self._left)
        self._lines, self._before = [], self._last
        return cells if any(cells) else []

    def take_plain(self, width: int) -> Iterator[tuple[Sequence[int], list[list[str]]]]:
        """Yield the columns of the next rows, after their lines, until csv must read what follows.

        That is where a chunk has a quote, or a row that has not `width` cells. To cut the others
        takes a quarter of the time.
        """
        while not self._end and self._last == self._before + len(self._lines):
            columns = _cut(self._peek(), self._delimiter, width)
            if not columns:
                return
            first, rows = self._last + 1, len(columns[0])
            self._chunk, self._lines = "", []
            self._unseen += rows
            self._before = self._last = self._last + rows
            for begin in range(0, rows, _BLOCK):
                part = slice(begin, begin + _BLOCK)
                yield range(first, first + rows)[part], [column[part] for column in columns]

    def take(self, most: int) -> tuple[Sequence[int], list[list[str]]]:
        """Return the next rows, after the lines that they begin in; none at the end.

        Raises InputError if the next row cannot be read.
        """
        if self._end:
            raise self._end
        lines: list[int] = []
        rows: list[list[str]] = []
        try:
            for row in islice(self._reader, most):
                lines.append(self._last + 1)
                self._last = self._unseen + self._reader.line_num
                rows.append(row)
                if self._last == self._before + len(self._lines):
                    break
        except csv.Error as error:
            line, self._last = self._last + 1, self._unseen + self._reader.line_num
            if cells := self._mended(line):
                lines.append(line)
                rows.append(cells)
            else:
                self._end = _quoting_error(self._name, line, self._last, error)
        except InputError as error:
            self._end = error
        if self._end and not rows:
            raise self._end
        return lines, rows

    def _peek(self) -> str:
        """Return the next chunk, which stays the next; "" at the end."""
        self._chunk = self._chunk or next(self._chunks, "")
        return self._chunk

    def _given(self) -> Iterator[Iterator[str]]:
        """Yield the lines of the next chunk whenever csv asks for more."""
        size, since = 0, -1
        while chunk := self._peek():
            lines, self._chunk = lines_of(chunk), ""
            size = size + len(chunk) if self._last == since else 0
            since = self._last
            if size > LONGEST:
                error = csv.Error("field limit")
                raise _quoting_error(self._name, self._last + 1, self._before, error)
            self._before += len(self._lines)
            self._lines, self._left = lines, iter(lines)
            yield self._left

    def _mended(self, line: int) -> list[str]:
        """Return the cells of the row that csv gave up; none if it is no row."""
        if line != self._last:
            return []
        return _despaced(self._lines[line - self._before - 1], self._delimiter)


class _Style(csv.excel):
    """How cells are written: as csv.excel has it, strictly, but for spaces before a cell."""

    strict = True

    def __init__(self, delimiter: str) -> None:
        self.delimiter = delimiter
        self.skipinitialspace = delimiter != " "  # Python 3.13 refuses both
        super().__init__()


def _cut(chunk: str, delimiter: str, width: int) -> list[list[str]]:
    """Return the columns of lines that have no quotes and `width` cells each, else none."""
    text = chunk.replace("\r\n", "\n").removesuffix("\n")
    if not text or '"' in text or "\r" in text:
        return []
    breaks, period = text.count("\n"), width + 1
    # With each line break as a cell of its own, it is every so-manyth one, or a row is odd.
    cells = text.replace("\n", f"{delimiter}\n{delimiter}").split(delimiter)
    if len(cells) != breaks * period + width or cells[width::period].count("\n") != breaks:
        return []
    return [cells[at::period] for at in range(width)]


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
    return InputError(f"{place(name, line)} {what}", _HOW_TO_QUOTE)
