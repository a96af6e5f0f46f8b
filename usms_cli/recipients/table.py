"""A table: a header that names the columns, then a record a row, however the cells were stored."""

import re
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter

from usms_cli.errors import InputError
from usms_cli.recipients.columns import ColumnFinder, Columns, refusal
from usms_cli.recipients.json_values import UnusableError, params_in_cell
from usms_cli.recipients.raw import place
from usms_cli.recipients.record import Problem, Record

_LIKE_A_PHONE = re.compile(r"[+(]?\d[\d\s().-]{5,}\d")


class Table:
    """Makes records of the rows below a header. Cells come without spaces around them."""

    def __init__(self, name: str, header: list[str], finder: ColumnFinder, too_wide: str) -> None:
        """Find the columns; `too_wide` is what to do about a row with more cells than columns.

        Raises InputError for a header that is missing, unclear or without a phone, UsageError
        if an option names a column that is not there.
        """
        self.columns = _columns(name, header, finder)
        self._too_wide = too_wide
        self._params = _picker(self.columns.params)

    def records(self, rows: Iterable[tuple[int, list[str]]]) -> Iterator[Record | Problem]:
        """Yield the record of each row, or why it is none."""
        columns, params = self.columns, self._params
        width = len(columns.names) - 1
        phone, template, sender = columns.phone, columns.template, columns.sender
        simple = columns.params_list is None and columns.outcome is None
        for line, cells in rows:
            if simple and len(cells) == width:
                yield Record(
                    line,
                    cells[phone],
                    params(cells),
                    None if template is None else cells[template] or None,
                    None if sender is None else cells[sender],
                )
            else:
                yield self.record(line, cells)

    def record(self, line: int, cells: list[str]) -> Record | Problem:
        """Return the record of a row of any shape. Its Problem holds nothing that could be sent."""
        columns = self.columns
        width, found = len(columns.names) - 1, len(cells)
        if any(cells[width:]):
            reason = f"it has {found} cells where the header has {width}: {self._too_wide}"
            return Problem(line, reason)
        cells += [""] * (width - found)
        if columns.outcome is not None and (refused := refusal(cells[columns.outcome])):
            return Problem(line, refused)
        at = columns.params_list
        try:
            values = (
                self._params(cells) if at is None else params_in_cell(cells[at], columns.names[at])
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
        raise InputError(f"{place(name)} has blank lines only.", "Is it the right file?")
    if not any(map(finder.knows, header)) and any(map(_LIKE_A_PHONE.fullmatch, header)):
        raise InputError(
            f"{place(name)} begins with a record; its first line must name the columns.",
            "Put a line above it such as: phone,param1,param2",
        )
    return finder.header(header)


def _picker(positions: tuple[int, ...]) -> Callable[[list[str]], list[str]]:
    """Return what takes the parameters out of a row of cells."""
    first, end = (positions[0], positions[-1] + 1) if positions else (0, 0)
    if positions == tuple(range(first, end)):
        return itemgetter(slice(first, end))
    return lambda cells: [cells[position] for position in positions]
