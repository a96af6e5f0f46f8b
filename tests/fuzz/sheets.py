"""Sheets of a workbook written as XML, as many programs do it, and read by other means."""

import io
import random
import re
import zipfile
from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.support.workbook import sheet_of
from usms_cli.recipients.columns import ColumnFinder
from usms_cli.recipients.record import Problem, Record

_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_REFERENCE = re.compile("([A-Z]+)([0-9]+)")
_TEXTS = ("Anna", "13800138000", "(852)55311111", "a>b", "<", " x ", "_x0041_", "#N/A", "", "]]>")


class Cell(NamedTuple):
    """A cell as XML has it: `text` is None where there is none that could be sent; `may_differ`:
    what is shown may be another, as of a number."""

    text: str | None
    may_differ: bool


def any_sheet(chance: random.Random) -> bytes:
    """Make a workbook of one sheet, with hidden rows, formulas, errors and odd spellings."""
    rows = "".join(_row(chance, number) for number in range(2, chance.randint(2, 7)))
    names = ("phone", "param1", "note")
    header = "".join(
        f'<c r="{letter}1" t="inlineStr"><is><t>{name}</t></is></c>'
        for letter, name in zip("ABC", names, strict=True)
    )
    return sheet_of(f'<row r="1">{header}</row>{rows}')


def _row(chance: random.Random, number: int) -> str:
    hidden = chance.choice(("", "", "", ' hidden="1"', ' hidden="true"', ' hidden="0"'))
    cells = [_cell(chance, f"{letter}{number}") for letter in "ABC" if chance.random() < 0.9]
    gap = chance.choice(("", "", "\n", "<!-- x -->"))
    hidden = _quoted(chance, hidden)
    return f'<row r="{number}" spans="1:3"{hidden} ht="15">{gap.join(cells)}{gap}</row>'


def _quoted(chance: random.Random, attribute: str) -> str:
    """Return an attribute as XML may have it too, now and then."""
    if chance.random() < 0.98:
        return attribute
    return chance.choice(
        (attribute.replace('"', "'"), attribute.replace("=", " = "), f"\n{attribute}")
    )


def _spelled(chance: random.Random, text: str) -> str:
    """Return text as XML, now and then in an odd way."""
    kind = chance.random()
    if kind < 0.9:
        return escape(text)
    if kind < 0.93:
        return f"<![CDATA[{text.replace(']]>', '')}]]>"
    if kind < 0.96:
        return "".join(f"&#{ord(sign)};" for sign in text)
    return chance.choice(("<!--x-->", "<?x y?>")).join((escape(text[:2]), escape(text[2:])))


def _cell(chance: random.Random, reference: str) -> str:
    value = chance.choice(_TEXTS)
    text = _spelled(chance, value)
    formula = chance.choice(
        ("", "", "", "<f>1+1</f>", "<f/>", '<f t="shared" si="0"/>', "<f>A1</f >")
    )
    kind, content = chance.choice(
        (
            ("inlineStr", f'<is><t xml:space="preserve">{text}</t></is>'),
            ("inlineStr", f'<is><r><t xml:space="preserve">{text}</t></r><r><t>b</t></r></is>'),
            ("str", f"{formula}<v>{text}</v>"),
            ("n", f"{formula}<v>{chance.choice(('13800138000', '5', '0.5', '1E3'))}</v>"),
            ("e", f"{formula}<v>#N/A</v>"),
            ("b", "<v>1</v>"),
            ("n", formula),
            ("n", f"{formula}<v></v>"),
            ("d", "<v>2020-01-01T00:00:00</v>"),
        )
    )
    attributes = [f'r="{reference}"', f't="{kind}"']
    if chance.random() < 0.2:
        attributes.append(chance.choice(('s="0"', 'cm="1"', 'vm="1"', 'ph="1"')))
    attributes = [_quoted(chance, one) for one in attributes]
    chance.shuffle(attributes)
    return f"<c {' '.join(attributes)}>{content}</c>"


def check_book(content: bytes, found: Sequence[Record | Problem], finder: ColumnFinder) -> None:
    """Compare the records of a workbook of one sheet with what its XML says.

    :raises AssertionError: a record is not what stands in its row, or stands in a hidden one.
    """
    rows = _read(content)
    if rows is None or not found:
        return
    lines = [
        line for line, (_, cells) in rows.items() if any(cell.text != "" for cell in cells.values())
    ]
    header = rows[min(lines)][1]
    names = [header[at].text or "" if at in header else "" for at in range(max(header) + 1)]
    while names and not names[-1]:
        names.pop()
    columns = finder.header([name.strip() for name in names])
    for one in found:
        assert one.line in rows, "a row that is not there"
        if isinstance(one, Problem):
            continue
        hidden, cells = rows[one.line]
        assert not hidden, "a hidden row was read"
        pairs = [(columns.phone, one.phone)]
        if columns.params_list is None:
            pairs += zip(columns.params, one.params, strict=True)
        for at, text in pairs:
            cell = cells.get(at, Cell("", False))
            assert cell.text is not None, f"row {one.line}: there is no text, and {text!r} was read"
            assert cell.may_differ or cell.text.strip() == text, (
                f"row {one.line}: {cell} is {text!r}"
            )


def _read(content: bytes) -> dict[int, tuple[bool, dict[int, Cell]]] | None:
    """Return the rows of a book with one sheet: whether they are hidden, and their cells."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            names = package.namelist()
            if sum(name.startswith("xl/worksheets/") for name in names) != 1:
                return None
            shared = _parsed(package.read("xl/sharedStrings.xml"))
            sheet = _parsed(package.read("xl/worksheets/sheet1.xml"))
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError, OSError, ValueError):
        return None
    strings = [_text_of(item) for item in shared]
    rows: dict[int, tuple[bool, dict[int, Cell]]] = {}
    for row in sheet.iter("row"):
        hidden = row.get("hidden") in ("1", "true")
        for cell in row.iter("c"):
            reference = _REFERENCE.fullmatch(cell.get("r", ""))
            if reference is None:
                return None
            at = 0
            for letter in reference[1]:
                at = at * 26 + ord(letter) - ord("A") + 1
            rows.setdefault(int(reference[2]), (hidden, {}))[1][at - 1] = _cell_of(cell, strings)
    return rows


def _parsed(content: bytes) -> ElementTree.Element:
    """Return XML as a tree, without the namespaces of its tags."""
    root = ElementTree.fromstring(content)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _cell_of(cell: ElementTree.Element, strings: Sequence[str]) -> Cell:
    kind = cell.get("t", "n")
    value = cell.find("v")
    text = "" if value is None else value.text or ""
    if kind == "s":
        if not text.isdecimal():  # the library reads some number all the same; nobody writes it
            return Cell(text, True)
        return Cell(strings[int(text)] if int(text) < len(strings) else None, False)
    inline = cell.find("is")
    if kind == "inlineStr" or inline is not None:  # any other kind nobody writes
        return Cell("" if inline is None else _text_of(inline), kind != "inlineStr")
    if kind == "str":
        return Cell(_unescaped(text), False)
    if kind in ("e", "b"):
        return Cell(None, False)
    if kind != "n":
        return Cell(text, True)
    if not text.strip():
        return Cell("" if cell.find("f") is None else None, False)
    return Cell(text, True)


def _text_of(item: ElementTree.Element) -> str:
    return _unescaped("".join(one.text or "" for one in item.iter("t")))


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda one: chr(int(one[1], 16)), text)
