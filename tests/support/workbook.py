"""Writes .xlsx files cell by cell, so that a test decides what is stored and how it is shown."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)
_ROOT = (
    f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="r1" Type="{_OFFICE}/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>'
)
_BUILT_IN = {"General": 0, "0": 1, "0.00": 2, "#,##0": 3, "0%": 9, "m/d/yyyy": 14, "@": 49}


@dataclass(frozen=True)
class Cell:
    """A cell as the file stores it: its value's text, `t`, and the format of its number."""

    value: str
    type: str = "n"
    format: str = "General"


ERROR = Cell("#N/A", "e")
TRUE = Cell("1", "b")
DATE = Cell("45000", format="m/d/yyyy")

Sheet = Sequence[Sequence[str | int | float | Cell | None]]


def workbook(
    *sheets: Sheet, names: Sequence[str] = (), hidden: Sequence[str] = (), shared: bool = True
) -> bytes:
    """Return a file of these sheets; strings stand in the shared table, or in their cells."""
    names = names or [f"Sheet{number + 1}" for number in range(len(sheets))]
    strings: dict[str, int] = {}
    formats = {"General": 0}
    parts = {
        f"xl/worksheets/sheet{number + 1}.xml": _sheet(rows, strings if shared else None, formats)
        for number, rows in enumerate(sheets)
    }
    entries = relations = ""
    for number, name in enumerate(names, 1):
        state = ' state="hidden"' if name in hidden else ""
        entries += f'<sheet name={quoteattr(name)} sheetId="{number}"{state} r:id="r{number}"/>'
        relations += (
            f'<Relationship Id="r{number}" Type="{_OFFICE}/worksheet" '
            f'Target="worksheets/sheet{number}.xml"/>'
        )
    for kind in ("styles", "sharedStrings"):
        relations += f'<Relationship Id="{kind}" Type="{_OFFICE}/{kind}" Target="{kind}.xml"/>'
    parts["xl/workbook.xml"] = (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{entries}</sheets></workbook>'
    )
    parts["xl/_rels/workbook.xml.rels"] = (
        f'<Relationships xmlns="{_PACKAGE}">{relations}</Relationships>'
    )
    items = "".join(f"<si>{_text(text)}</si>" for text in strings)
    parts["xl/sharedStrings.xml"] = f'<sst xmlns="{_MAIN}">{items}</sst>'
    parts["xl/styles.xml"] = _styles(formats)
    return pack({"[Content_Types].xml": _TYPES, "_rels/.rels": _ROOT} | parts)


def pack(parts: Mapping[str, str | bytes]) -> bytes:
    """Return a zip of these parts."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return file.getvalue()


def sheet_of(rows: str) -> bytes:
    """Return a file with one sheet, whose rows are written out as XML."""
    with zipfile.ZipFile(io.BytesIO(workbook([]))) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    content = f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>'
    return pack(parts | {"xl/worksheets/sheet1.xml": content.encode()})


def _sheet(rows: Sheet, strings: dict[str, int] | None, formats: dict[str, int]) -> str:
    written = ""
    for number, row in enumerate(rows, 1):
        cells = "".join(
            _cell(value, f"{_letters(column)}{number}", strings, formats)
            for column, value in enumerate(row)
            if value is not None
        )
        written += f'<row r="{number}">{cells}</row>'
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{written}</sheetData></worksheet>'


def _cell(
    value: str | int | float | Cell,
    place: str,
    strings: dict[str, int] | None,
    formats: dict[str, int],
) -> str:
    if isinstance(value, str):
        if strings is None:
            return f'<c r="{place}" t="inlineStr"><is>{_text(value)}</is></c>'
        number = strings.setdefault(value, len(strings))
        return f'<c r="{place}" t="s"><v>{number}</v></c>'
    cell = value if isinstance(value, Cell) else Cell(repr(value))
    style = formats.setdefault(cell.format, len(formats))
    return f'<c r="{place}" s="{style}" t="{cell.type}"><v>{escape(cell.value)}</v></c>'


def _text(text: str) -> str:
    escaped = escape(text.replace("_x", "_x005F_x"), {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})
    return f'<t xml:space="preserve">{escaped}</t>'


def _styles(formats: Mapping[str, int]) -> str:
    """Return the table of styles, with one style for each format."""
    own = [code for code in formats if code not in _BUILT_IN]
    numbers = _BUILT_IN | {code: 164 + at for at, code in enumerate(own)}
    written = "".join(
        f'<numFmt numFmtId="{numbers[code]}" formatCode={quoteattr(code)}/>' for code in own
    )
    styles = "".join(f'<xf numFmtId="{numbers[code]}"/>' for code in formats)
    return (
        f'<styleSheet xmlns="{_MAIN}"><numFmts>{written}</numFmts>'
        f'<cellStyleXfs><xf numFmtId="9"/></cellStyleXfs><cellXfs>{styles}</cellXfs></styleSheet>'
    )


def _letters(column: int) -> str:
    """Return the letters of a column by its place from 0: 0 is A, 26 is AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
