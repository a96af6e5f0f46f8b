"""A table: a header that names the columns, then a record a row, however the cells were stored."""

import re
from collections.abc import Iterable, Iterator, Sequence

from usms_cli.errors import InputError
from usms_cli.recipients.columns import ColumnFinder, Columns, refusal
from usms_cli.recipients.json_values import UnusableError, params_in_cell
from usms_cli.recipients.raw import place
from usms_cli.recipients.record import Block, Found, Problem, Record

_LIKE_A_PHONE = re.compile(r"[+(]?\d[\d\s().-]{5,}\d")


class Table:
    """Makes records of the rows below a header."""

    def __init__(self, name: str, header: list[str], finder: ColumnFinder, too_wide: str) -> None:
        """Find the columns; `too_wide` is what to do about a row with more cells than columns.

        Raises InputError for a header that is missing, unclear or without a phone, UsageError
        if an option names a column that is not there.
        """
        self.columns = _columns(name, header, finder)
        self._too_wide = too_wide

    @property
    def width(self) -> int:
        """How many columns the header has."""
        return len(self.columns.names) - 1

    def records(self, lines: Sequence[int], rows: list[list[str]]) -> Iterator[Found]:
        """Yield what is in rows that begin in these lines; blank ones are skipped."""
        if set(map(len, rows)) == {self.width}:
            return self.of_columns(lines, list(zip(*rows, strict=True)))
        return self._one_by_one(lines, rows)

    def of_columns(self, lines: Sequence[int], cells: Sequence[Sequence[str]]) -> Iterator[Found]:
        """Do as `records` for rows as wide as the header, whose cells come by column."""
        block = self._block(lines, cells)
        return iter((block,)) if block else self._one_by_one(lines, zip(*cells, strict=True))

    def _one_by_one(self, lines: Sequence[int], rows: Iterable[Iterable[str]]) -> Iterator[Found]:
        for line, row in zip(lines, rows, strict=True):
            cells = list(map(str.strip, row))
            if any(cells):
                yield self.record(line, cells)

    def _block(self, lines: Sequence[int], cells: Sequence[Sequence[str]]) -> Block | None:
        """Return rows as one block, or None if they differ or one may be blank."""
        columns = self.columns
        if columns.params_list is not None or columns.outcome is not None:
            return None

        def column(at: int) -> list[str]:
            return list(map(str.strip, cells[at]))

        phones = column(columns.phone)
        templates = set() if columns.template is None else set(column(columns.template))
        senders = set() if columns.sender is None else set(column(columns.sender))
        if "" in phones or len(templates) > 1 or len(senders) > 1:
            return None
        return Block(
            lines,
            phones,
            [column(at) for at in columns.params],
            template=next(iter(templates), None) or None,
            sender=next(iter(senders), None),
        )

    def record(self, line: int, cells: list[str]) -> Record | Problem:
        """Return the record of a row of any shape, whose cells have no spaces around them.

        Its Problem holds nothing that could be sent.
        """
        columns = self.columns
        width, found = self.width, len(cells)
        if any(cells[width:]):
            reason = f"it has {found} cells where the header has {width}: {self._too_wide}"
            return Problem(line, reason)
        cells += [""] * (width - found)
        if columns.outcome is not None and (refused := refusal(cells[columns.outcome])):
            return Problem(line, refused)
        at = columns.params_list
        try:
            values = (
                [cells[position] for position in columns.params]
                if at is None
                else params_in_cell(cells[at], columns.names[at])
            )
        except UnusableError as error:
            return Problem(line, str(error))
        template, sender = columns.template, columns.sender
        return Record(
            line,
            cells[columns.phone],
            values,
            None if template is None else cells[template] or None,
            cells[sender] if sender is not None and sender < found else None,
        )


def _columns(name: str, header: list[str], finder: ColumnFinder) -> Columns:
    """Return the columns that a header names; raise InputError if it is none."""
    while header and not header[-1]:
        header.pop()
    if not header:
        raise InputError(f"{place(name)} has blank lines only", "Is it the right file?")
    if not any(map(finder.knows, header)) and any(map(_LIKE_A_PHONE.fullmatch, header)):
        raise InputError(
            f"{place(name)} begins with a record; its first line must name the columns",
            "Put a line above it such as: phone,param1,param2",
        )
    return finder.header(header)
