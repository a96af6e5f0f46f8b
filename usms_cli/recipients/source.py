"""An input of recipients, whatever its format: what it is, and its records one by one."""

import io
from collections.abc import Iterator

import msgspec

from usms_cli.errors import InputError
from usms_cli.recipients import csv_file, json_file, jsonl_file
from usms_cli.recipients.choices import Format
from usms_cli.recipients.columns import ColumnFinder, PhoneFinder
from usms_cli.recipients.decoding import TextFile
from usms_cli.recipients.raw import OnBytes, RawFile, place
from usms_cli.recipients.record import Block, Found, Problem, Record

_EXTENSIONS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}


class ReadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the user said about all inputs of a call; None where it is to be found out.

    With `phones_only` nothing but the phones is looked for.
    """

    format: Format | None = None
    delimiter: str | None = None
    sheet: str | None = None
    encoding: str | None = None
    phone_column: str | None = None
    params: tuple[str, ...] = ()
    phones_only: bool = False


class Source:
    """One input, open. `name` is as typed, `size` its bytes, or None where nobody can know."""

    def __init__(self, name: str, options: ReadOptions) -> None:
        """Open `name` and find out its format; see `open_source`."""
        self._options = options
        self._delimiter = "\t" if options.format == "tsv" else None
        if options.delimiter is not None:
            self._delimiter = csv_file.parse_delimiter(options.delimiter)
        self.name = name
        self._raw = RawFile(name)
        self.size = self._raw.size
        try:
            self.format = _format_of_bytes(name, self._raw.head, options.format)
            self._text = None if self.format == "xlsx" else TextFile(self._raw, options.encoding)
        except BaseException:
            self.close()
            raise
        if self._text:
            self.format = self.format or _format(name, self._text.sample)
            if self.format in ("json", "jsonl") and options.format != "jsonl":
                self.format = _json_format(self._text.sample)
        self._finder = (
            PhoneFinder(name, options.phone_column)
            if options.phones_only
            else ColumnFinder(name, options.phone_column, options.params)
        )

    @property
    def unused(self) -> list[str]:
        """The columns or keys met so far that mean nothing, for people; the first hundred."""
        return self._finder.unused

    def records(self, on_bytes: OnBytes | None = None) -> Iterator[Record | Problem]:
        """Yield each record on its own, or why it is none; else as `read`."""
        for found in self.read(on_bytes):
            if isinstance(found, Block):
                yield from found.records()
            else:
                yield found

    def read(self, on_bytes: OnBytes | None = None) -> Iterator[Found]:
        """Yield all records, or why one is none; once. `on_bytes` is told of each block read.

        Raises InputError for what cannot be read as a whole, UsageError if an option names a
        column or sheet that is not there, or an extra is missing.
        """
        if self._text is None:
            from usms_cli.recipients import xlsx_file

            return xlsx_file.records(self._raw, self._finder, self._options.sheet, on_bytes)
        if self.format == "json":
            return json_file.records(self._text, self._finder, on_bytes)
        if self.format == "jsonl":
            return jsonl_file.records(self._text, self._finder, on_bytes)
        return csv_file.records(self._text, self._finder, self._delimiter, on_bytes)

    def close(self) -> None:
        """Close the file."""
        self._raw.close()


def open_source(name: str, options: ReadOptions) -> Source:
    """Return the input `name`, `-` being standard input, ready to be read once.

    The format is what `options` or the name's extension says, or what the content looks like.
    Raises UsageError if there is no such file, it may not be read or an option is impossible;
    InputError if it is empty, a directory, or of no format that is read here.
    """
    return Source(name, options)


def _format_of_bytes(name: str, head: bytes, said: Format | None) -> Format | None:
    """Return what was said, or xlsx for a workbook by its first bytes, or None for a text.

    Raises InputError for content that is neither, or not what was said.
    """
    if head.startswith(b"\xd0\xcf\x11\xe0"):  # OLE: of Excel before 2007, and around a cipher
        raise InputError(
            f"{place(name)} is an Excel workbook with a password, or of before 2007 (.xls)",
            "Open it in Excel and save it as .xlsx without a password, or as CSV UTF-8.",
        )
    if head.startswith(b"\x1f\x8b"):
        raise InputError(
            f"{place(name)} is compressed by gzip",
            "Unpack it on the way: gzip -dc FILE | usms send -",
        )
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):  # a zip, of which xlsx is one
        if said in (None, "xlsx"):
            return "xlsx"
        raise InputError(
            f"{place(name)} is an Excel workbook or an archive, not text",
            f"Leave out --format {said}, so that it is read as what it is.",
        )
    if said == "xlsx" or (said is None and name.casefold().endswith((".xlsx", ".xlsm"))):
        raise InputError(
            f"{place(name)} is no Excel workbook, though its name or --format says so",
            "If it is a text, say which: --format csv. If not, it is damaged: save it once more.",
        )
    return said


def _format(name: str, sample: str) -> Format:
    """Return the format by the extension or, where it says none, by how the content begins."""
    for extension, known in _EXTENSIONS.items():
        if name.casefold().endswith(extension):
            return known
    begin = "".join(sample[:1000].split())[:2]  # a header may begin with {1}
    return "json" if begin in ("[{", "[]", '{"', "{}") else "csv"


def _json_format(sample: str) -> Format:
    """Return jsonl if the first line is a record whole, json if it is a part of something."""
    lines = io.StringIO(sample, newline="")
    first = next(filter(str.strip, lines), "")
    return "jsonl" if jsonl_file.is_record(first) else "json"
