"""Excel workbooks (.xlsx), read by python-calamine, which is the extra `[excel]`.

Unlike a text, a sheet is held in memory while it is read. The formats of its numbers and the
errors of its formulas, which calamine does not give, come from the package beside it.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import NamedTuple

from usms_cli.errors import InputError, UsageError
from usms_cli.recipients.columns import ColumnFinder, Columns
from usms_cli.recipients.json_values import UnusableError
from usms_cli.recipients.raw import OnBytes, RawFile, place
from usms_cli.recipients.record import Problem, Record
from usms_cli.recipients.table import Table
from usms_cli.recipients.xlsx_cells import Flaw, shown
from usms_cli.recipients.xlsx_package import Package
from usms_cli.text import quoted

_TOO_WIDE = "name the column in the header, or clear the cell"
_TELL_EACH = 1000  # rows


class _Row(NamedTuple):
    """A row that is not empty. `odd` has how its odd cells are shown, None being the whole row."""

    line: int
    values: list[object]
    odd: dict[int | None, str | Flaw]


def records(
    raw: RawFile, finder: ColumnFinder, sheet: str | None, on_bytes: OnBytes | None = None
) -> Iterator[Record | Problem]:
    """Yield the record of each row, or why it is none, with the number that Excel shows for it.

    :param sheet: which sheet; None: the only visible one that is not empty.
    Raises UsageError if the extra is missing, there is no such sheet, or an option names a
    column that is not there; InputError for a file that is no sound workbook, a sheet that must
    be chosen or is too large, and a header that is missing, unclear or without a phone.
    """
    _require_extra(raw.name)
    raw.spool()
    package = Package(raw.name, raw.file)
    sheet = _choose(package, sheet)
    package.check_texts(sheet)
    package.check_extent(sheet)
    rows = _rows(raw, package, sheet, on_bytes)
    first = next(rows, None)
    header = [_title(value) for value in first.values] if first else []
    table = Table(raw.name, header, finder, _TOO_WIDE)
    for row in rows:
        try:
            if None in row.odd:
                raise UnusableError(Flaw.HIDDEN.value)
            cells = _cells(row, table.columns)
        except UnusableError as error:
            yield Problem(row.line, str(error))
            continue
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            # A cell that is empty is there all the same, as far as the header goes.
            cells += [""] * (len(table.columns.names) - 1 - len(cells))
            yield table.record(row.line, cells)
    raw.check_unchanged()


def _require_extra(name: str) -> None:
    """Raise UsageError if python-calamine is not installed."""
    if find_spec("python_calamine") is None:
        raise UsageError(
            f"{place(name)} is an Excel workbook, and reading one needs the extra `excel`",
            "Install usms-cli[excel] the way that usms-cli was installed (with pip, pipx or uv), "
            "or save the sheet as CSV UTF-8.",
        )


def _choose(package: Package, sheet: str | None) -> str:
    """Return the sheet that is meant, never by a guess between two: see `records`."""
    where = place(package.name)
    listed = ", ".join(map(quoted, package.sheets))
    if sheet is not None:
        if sheet in package.sheets:
            return sheet
        raise UsageError(f"--sheet {quoted(sheet)}: {where} has no such sheet", f"It has {listed}.")
    filled = [name for name in package.visible if not package.is_empty(name)]
    if len(filled) == 1:
        return filled[0]
    if filled:
        names = ", ".join(map(quoted, filled))
        raise InputError(
            f"{where} has more than one sheet with something in it: {names}",
            "Save the one that is meant as a file of its own, or, unless it is for --exclude, "
            "say which with --sheet NAME.",
        )
    raise InputError(
        f"{where} has no visible sheet with anything in it",
        f"It has {listed or 'no sheet'}: choose a hidden one with --sheet NAME."
        if len(package.sheets) > len(package.visible)
        else "Is it the right file?",
    )


def _rows(raw: RawFile, package: Package, sheet: str, on_bytes: OnBytes | None) -> Iterator[_Row]:
    """Yield the rows of a sheet that are not blank, each with its odd cells."""
    odd_cells = package.odd_cells(sheet)
    ahead = next(odd_cells, None)
    told = 0
    height, rows = _values(raw, package, sheet)
    for line, values in enumerate(rows, 1):
        odd: dict[int | None, str | Flaw] = {}
        while ahead is not None and ahead.row <= line:
            if ahead.row < line:  # the rows of the file are in no order
                raise package.damaged()
            odd[ahead.column] = ahead.shown
            ahead = next(odd_cells, None)
        if (
            any(value.strip() if isinstance(value, str) else True for value in values)
            or Flaw.ERROR in odd.values()
            or Flaw.UNSAVED in odd.values()
        ):
            yield _Row(line, values, odd)
        if on_bytes and raw.size and (line % _TELL_EACH == 0 or line == height):
            now = raw.size * line // height
            on_bytes(now - told)
            told = now


def _values(raw: RawFile, package: Package, sheet: str) -> tuple[int, Iterator[list[object]]]:
    """Return how many rows a sheet has, and the values of each from row 1 and column A on."""
    from python_calamine import CalamineError, load_workbook

    try:
        with load_workbook(raw.file) as workbook:
            cells = workbook.get_sheet_by_name(sheet)
    except CalamineError as error:
        raise package.damaged() from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # of the library, which has no other name
            raise package.damaged() from error
        raise
    left: list[object] = [""] * (cells.start[1] if cells.start else 0)
    height = cells.end[0] + 1 if cells.end else 0
    return height, (left + row for row in cells.iter_rows())


def _title(value: object) -> str:
    """Return a cell of the header; one that is no text is shown as it is, and names nothing."""
    try:
        return shown(value)
    except UnusableError:
        return str(value)


def _cells(row: _Row, columns: Columns) -> list[str]:
    """Return the text of each cell; raise UnusableError if one that is used has none."""
    cells: list[str] = []
    for at, value in enumerate(row.values):
        if type(value) is str and at not in row.odd and "\0" not in value:
            cells.append(value.strip())
            continue
        try:
            cells.append(shown(value, row.odd.get(at, "General")))
            if at == columns.phone and isinstance(value, float) and not value.is_integer():
                raise UnusableError(f"holds the decimal number {value:.15g}, which is no phone")
        except UnusableError as error:
            if at in columns.used:
                raise UnusableError(f"{quoted(columns.names[at])} {error}") from error
            cells.append(str(value) or "#")  # it is not blank
    return cells
