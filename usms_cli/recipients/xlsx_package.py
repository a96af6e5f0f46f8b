"""An .xlsx file as a package: a zip of XML parts (ECMA-376), looked through before it is read.

The library that reads the cells trusts the file: it would unpack a bomb, make room for every
cell between two far corners, give an error (#N/A) or a formula without a value as an empty cell,
and know nothing of hidden rows and of how a number is shown. So each part is unpacked once here,
counted, and searched for such cells.
"""

import posixpath
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import chain
from typing import IO, NamedTuple
from xml.parsers import expat

from usms_cli.errors import InputError
from usms_cli.recipients.decoding import LONGEST
from usms_cli.recipients.raw import BLOCK, place
from usms_cli.recipients.xlsx_cells import Flaw

_LARGEST = 2 << 30  # bytes, of all parts unpacked; a full sheet of twenty columns has as much
_SUSPECT = 64 << 20
_TIMES = 200  # what no sheet of people is packed by, and a bomb a thousand times is
_ROWS, _CELLS = 1 << 20, 1 << 25

_MIMETYPE = "mimetype"  # of OpenDocument

_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    expat.ExpatError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,  # of a place in the file that cannot be
    UnicodeError,
    ValueError,
)
_SAVE = "Open it in Excel and save it once more as .xlsx, or as CSV UTF-8."

_TAG = rb"<(?:\w+:)?"
_IS = rb"""\s*=\s*["']"""
_REFERENCE = re.compile(rb"""\sr%b([A-Z]{1,3})([0-9]{1,7})["']""" % _IS)
_ATTRIBUTE = re.compile(rb"""\s(s|t|hidden)%b([^"']*)["']""" % _IS)
_ROW_OR_CELL = re.compile(
    _TAG + rb"(?:row(?P<row>|\s[^>]*)|c(?P<cell>\s[^>]*))>"
    rb"(?P<formula>\s*" + _TAG + rb"f[\s/>][^<]*(?:</[^>]*>\s*)?)?"
    rb"(?P<value>" + _TAG + rb"v(?:\s[^>]*)?>[^<])?"
)
_CELL = re.compile(rb"""%bc(?=[\s/>])(?:[^>]*?\sr%b([A-Z]{1,3})([0-9]{1,7})["'])?""" % (_TAG, _IS))
_VALUE = re.compile(_TAG + rb"(?:v(?:\s[^>/]*)?>(?:[^<]|<!)|is[\s>])")

# Formats that are not written out in the file (ECMA-376, 18.8.30): those that numbers often have.
_BUILT_IN = {
    0: "General",
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    49: "@",
}


class _Relation(NamedTuple):
    """A part that another one refers to."""

    id: str
    part: str


class OddCell(NamedTuple):
    """A cell that is not its stored value alone; row and column count from 1 and 0.

    `shown` is the format of its number, or why it has no text. `column` is None for what is so
    of the whole row.
    """

    row: int
    column: int | None
    shown: str | Flaw


class Package:
    """The parts of an .xlsx file. `sheets` holds the part of each sheet, `visible` the names."""

    def __init__(self, name: str, file: IO[bytes]) -> None:
        """Look through everything but the cells.

        Raises InputError for what is no .xlsx file, or one that is damaged, protected, or much
        larger than it seems.
        """
        self.name = name
        try:
            self._zip = zipfile.ZipFile(file)
            self._check_kind()
            self._check_sizes()
            workbook = self._relations("")["officeDocument"][0].part
            relations = self._relations(workbook)
            self.sheets, self.visible = self._find_sheets(workbook, relations["worksheet"])
            self._strings = [relation.part for relation in relations["sharedStrings"]]
            self._odd_styles = self._find_odd_styles(relations["styles"])
        except _BROKEN as error:
            raise self.damaged() from error

    def damaged(self) -> InputError:
        """Return the error for a file that is not what it should be."""
        return InputError(f"{place(self.name)} is damaged, or was not copied whole", _SAVE)

    def is_empty(self, sheet: str) -> bool:
        """Tell whether a sheet has no value in any cell."""
        return not any(map(_VALUE.search, self._pieces(self.sheets[sheet])))

    def check_texts(self, sheet: str) -> None:
        """Raise InputError if there is text in CDATA, which the library leaves out."""
        for piece in chain(*map(self._pieces, (self.sheets[sheet], *self._strings))):
            if b"<![CDATA[" in piece:
                raise InputError(f"{place(self.name)} holds CDATA, which cannot be read", _SAVE)

    def check_extent(self, sheet: str) -> None:
        """Raise InputError if the cells of a sheet reach too far for all to be held."""
        columns, rows = {b""}, {b""}
        for piece in self._pieces(self.sheets[sheet]):
            if found := set(_CELL.findall(piece)):
                columns.update(column for column, _ in found)
                rows = {max(rows | {row for _, row in found}, key=_long_then_large)}
                if (b"", b"") in found:
                    raise InputError(f"{place(self.name)} does not say where its cells are", _SAVE)
        width = _column_number(max(columns, key=_long_then_large)) + 1
        height = int(max(rows) or 0)
        if height > _ROWS:
            raise self.damaged()
        if width * height > _CELLS:
            raise InputError(
                f"{place(self.name)} has cells as far as column {width:,} and row {height:,}: "
                "too many to be read",
                "Delete the empty rows and columns in Excel, or save the sheet as CSV UTF-8.",
            )

    def odd_cells(self, sheet: str) -> Iterator[OddCell]:
        """Yield hidden rows, and cells that have a number in a format, an error, or a formula
        whose value is not there, in the order of the file."""
        odd_styles = {b"%d" % style: code for style, code in self._odd_styles.items()}
        quick = re.compile(
            rb"""%b(?:f[\s/>]|row\s[^>]*?hidden|c(?=\s)[^>]*?\s(?:t%be|s%b(?:%b))["'])"""
            % (_TAG, _IS, _IS, b"|".join(odd_styles) or b"none")
        )
        hidden = False
        for piece in self._pieces(self.sheets[sheet]):
            if not hidden and not quick.search(piece):
                continue
            for found in _ROW_OR_CELL.finditer(piece):
                attributes = dict(_ATTRIBUTE.findall(found["row"] or found["cell"] or b""))
                if found["cell"] is None:
                    hidden = attributes.get(b"hidden") in (b"1", b"true")
                    continue
                reference = _REFERENCE.search(found["cell"])
                if reference is None:
                    raise self.damaged()
                column, row = _column_number(reference[1]), int(reference[2])
                if hidden:
                    yield OddCell(row, None, Flaw.HIDDEN)
                    hidden = False
                kind = attributes.get(b"t")
                if kind == b"e":
                    yield OddCell(row, column, Flaw.ERROR)
                elif found["formula"] and not found["value"] and kind != b"str":
                    yield OddCell(row, column, Flaw.UNSAVED)
                elif (style := attributes.get(b"s")) in odd_styles:
                    yield OddCell(row, column, odd_styles[style])

    def _check_kind(self) -> None:
        """Raise InputError if it is a zip of another kind, or encrypted."""
        names = self._zip.namelist()
        if len(set(names)) < len(names):
            raise self.damaged()
        if any(info.flag_bits & 1 for info in self._zip.infolist()):
            raise InputError(
                f"{place(self.name)} is protected by a password", "Save it without the password."
            )
        if _MIMETYPE in names and b"opendocument" in self._zip.read(_MIMETYPE):
            what = "is an OpenDocument file (.ods)"
        elif "xl/workbook.bin" in names:
            what = "is a binary workbook (.xlsb)"
        elif any(name.endswith(".iwa") for name in names):
            what = "is a document of Apple's (.numbers)"
        elif "_rels/.rels" in names and any(name.endswith("workbook.xml") for name in names):
            return
        else:
            raise InputError(
                f"{place(self.name)} is a zip archive, and no Excel workbook",
                "Unpack it, and name the files in it.",
            )
        raise InputError(f"{place(self.name)} {what}", "Save it as .xlsx, or as CSV UTF-8.")

    def _check_sizes(self) -> None:
        """Raise InputError if what is packed is, or says it is, larger than any list."""
        parts = self._zip.infolist()
        size = sum(part.file_size for part in parts)
        packed = sum(part.compress_size for part in parts)
        if size > _LARGEST or size > max(_SUSPECT, _TIMES * packed):
            raise InputError(
                f"{place(self.name)} unpacks to {size / (1 << 30):,.1f} GiB: that is too much to "
                "be a list, and may be a trap (a zip bomb)",
                "If you trust it, save the sheet as CSV UTF-8, which may be of any size.",
            )
        for part in parts:  # to its end, where it turns out whether the size was true
            if part.filename.casefold().endswith((".xml", ".rels")):
                for _ in self._blocks(part.filename):
                    pass

    def _relations(self, part: str) -> dict[str, list[_Relation]]:
        """Return what a part, or with "" the package, refers to, by the last word of its type."""
        folder, base = posixpath.split(part)
        found: dict[str, list[_Relation]] = defaultdict(list)

        def element(tag: str, values: dict[str, str]) -> None:
            if tag == "Relationship" and values.get("TargetMode") != "External":
                path = posixpath.normpath(posixpath.join("/", folder, values["Target"]))
                kind = values["Type"].rpartition("/")[2]
                found[kind].append(_Relation(values["Id"], path.lstrip("/")))

        self._each_element(posixpath.join(folder, "_rels", f"{base}.rels"), element)
        return found

    def _find_sheets(
        self, workbook: str, relations: list[_Relation]
    ) -> tuple[dict[str, str], list[str]]:
        """Return the part of each sheet, by its name, and the names of those that are visible."""
        targets = {relation.id: relation.part for relation in relations}
        sheets: dict[str, str] = {}
        visible: list[str] = []

        def element(tag: str, values: dict[str, str]) -> None:
            if tag != "sheet" or values["id"] not in targets:  # a chart is no table
                return
            if values["name"] in sheets:
                raise self.damaged()
            sheets[values["name"]] = targets[values["id"]]
            self._zip.getinfo(targets[values["id"]])
            if values.get("state", "visible") == "visible":
                visible.append(values["name"])

        self._each_element(workbook, element)
        return sheets, visible

    def _find_odd_styles(self, relations: list[_Relation]) -> dict[int, str]:
        """Return the format of numbers of each style that may show other digits than are stored."""
        formats = dict(_BUILT_IN)
        styles: dict[int, str] = {}
        parents: list[str] = []
        count = 0

        def element(tag: str, values: dict[str, str]) -> None:
            nonlocal count
            if tag == "numFmt":
                formats[int(values["numFmtId"])] = values["formatCode"]
            elif tag in ("cellStyleXfs", "cellXfs", "dxfs"):
                parents.append(tag)
            elif tag == "xf" and parents[-1:] == ["cellXfs"]:
                number = int(values.get("numFmtId", 0))
                styles[count] = formats.get(number, f"built-in format {number}")
                count += 1

        for relation in relations:
            self._each_element(relation.part, element)
        return {style: shown for style, shown in styles.items() if shown not in ("General", "@")}

    def _each_element(self, part: str, tell: Callable[[str, dict[str, str]], None]) -> None:
        """Tell of each element of a small part: its name and attributes, without prefixes."""
        parser = expat.ParserCreate(namespace_separator=" ")

        def start(tag: str, values: dict[str, str]) -> None:
            tell(tag.rpartition(" ")[2], {key.rpartition(" ")[2]: values[key] for key in values})

        parser.StartElementHandler = start
        for block in self._blocks(part):
            parser.Parse(block)
        parser.Parse(b"", True)

    def _pieces(self, part: str) -> Iterator[bytes]:
        """Yield a sheet unpacked, cut before a cell, or between tags where there is none."""
        rest = b""
        for block in self._blocks(part):
            block = rest + block
            end = block.rfind(b"<c ")
            if end < 0 or len(block) > LONGEST:
                end = block.rfind(b"<")
            rest = block[end:]
            if len(rest) > LONGEST:
                raise self.damaged()
            yield block[:end]
        yield rest

    def _blocks(self, part: str) -> Iterator[bytes]:
        try:
            with self._zip.open(part) as file:
                while block := file.read(BLOCK):
                    yield block
        except _BROKEN as error:
            raise self.damaged() from error


def _long_then_large(reference: bytes) -> tuple[int, bytes]:
    return len(reference), reference


def _column_number(letters: bytes) -> int:
    """Return the place, from 0, of a column by its letters: A is 0, AA is 26."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1
