"""The text of an input: blocks of it, or whole lines, decoded strictly and never guessed.

Text is UTF-8, with or without a byte order mark, or UTF-16 with one; anything else must be
named with --encoding. A byte order mark outranks --encoding, so that one option can stand
beside several files. Without a mark, text that is UTF-8 all the same is refused: the option was
meant for another file, and what it makes of this one would be sent.
"""

import codecs
import io
import re
from collections.abc import Iterator

from usms_cli.errors import InputError, UsageError
from usms_cli.recipients.raw import OnBytes, RawFile, place
from usms_cli.text import quoted

LONGEST = 1 << 20
"""How many characters a line, a cell or a JSON record may have."""

TOO_LONG = "is longer than a million characters"

_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}

# Ways of writing other text that Python counts as encodings; some give what is no character.
_NO_ENCODINGS = {"idna", "punycode", "raw-unicode-escape", "unicode-escape", "utf-7"}

# What lists of recipients are found in when it is not Unicode; see docs.python.org, codecs.
_LIKELY = ("gb18030", "big5", "shift_jis", "euc_kr", "cp1252", "cp1251")


class TextFile:
    """A RawFile as text. All errors of decoding name the line they are in."""

    def __init__(self, raw: RawFile, encoding: str | None = None) -> None:
        """Take the encoding from the byte order mark, from the user, or as UTF-8.

        Raises UsageError if there is no such encoding, InputError if the input begins like a
        binary file or does not begin in this encoding.
        """
        if encoding is not None:
            check_encoding(encoding)
        self.raw = raw
        self.name = raw.name
        marked = (name for mark, name in _MARKS.items() if raw.head.startswith(mark))
        self.encoding = next(marked, encoding or "utf-8")
        if self.encoding == "utf-32" and encoding is None:
            raise InputError(
                f"{place(self.name)} is UTF-32 text",
                "Add --encoding utf-32, or save it as UTF-8.",
            )
        name = codecs.lookup(self.encoding).name
        if name in ("utf-16", "utf-32") and not raw.head.startswith(tuple(_MARKS)):
            raise InputError(
                f"{place(self.name)} has no byte order mark, and {name} comes in two orders",
                f"Say which it is: --encoding {name}-le or {name}-be. If it is UTF-8, leave "
                "--encoding out.",
            )
        self.sample = self._decode(codecs.getincrementaldecoder(self.encoding)(), raw.head, 1)
        self.sample = self.sample.removeprefix("\ufeff")

    def blocks(self, on_bytes: OnBytes | None = None) -> Iterator[str]:
        """Yield the text in blocks that never end between CR and LF.

        Raises InputError for a NUL or a byte that is not of the encoding, and what
        `RawFile.blocks` raises.
        """
        decoder = codecs.getincrementaldecoder(self.encoding)()
        utf8 = None if codecs.lookup(self.encoding).name.startswith("utf") else _Utf8()
        line = 1
        text = ""
        held = ""
        first = True
        for block in self.raw.blocks(on_bytes):
            if utf8:
                utf8.feed(block)
            text = held + self._decode(decoder, block, line)
            if first:
                text, first = text.removeprefix("\ufeff"), False
            held = "\r" if text.endswith("\r") else ""
            text = text.removesuffix(held)
            line += _line_breaks(text)
            yield text
        yield held + self._decode(decoder, b"", line)
        if utf8 and utf8.line:
            as_said = utf8.line.encode().decode(self.encoding, "replace")
            raise InputError(
                f"{place(self.name)} is UTF-8 text, though --encoding says {self.encoding}: "
                f"{quoted(as_said)} reads {quoted(utf8.line)} as UTF-8",
                "Send it in a call of its own, without --encoding. If UTF-8 is wrong, convert it: "
                f"iconv -f {self.encoding} -t utf-8 FILE | usms send -",
            )

    def chunks(self, on_bytes: OnBytes | None = None) -> Iterator[str]:
        """Yield the text in whole lines, with their endings: LF, CRLF or CR, as an editor counts.

        Raises InputError for a line that is too long to be one, and what `blocks` raises.
        """
        line = 1
        rest = ""
        for block in self.blocks(on_bytes):
            text = rest + block
            end = max(text.rfind("\n"), text.rfind("\r")) + 1
            chunk, rest = text[:end], text[end:]
            if len(text) > LONGEST:
                lengths = map(len, [*lines_of(chunk), rest])
                number = next((n for n, size in enumerate(lengths) if size > LONGEST), None)
                if number is not None:
                    raise InputError(
                        f"{place(self.name, line + number)} {TOO_LONG}",
                        "Is it a file of recipients, with one on each line?",
                    )
            line += _line_breaks(chunk)
            if chunk:
                yield chunk
        if rest:
            yield rest

    def _decode(self, decoder: codecs.IncrementalDecoder, block: bytes, line: int) -> str:
        """Return `block` as text, which begins in `line`; raise InputError if it is none."""
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise self._undecodable(error, line) from error
        if "\0" in text:
            line += _line_breaks(text[: text.index("\0")])
            raise InputError(
                f"{place(self.name, line)} has a NUL byte: this is no text file",
                "Save the list as CSV, UTF-8. If it is UTF-16 text without a byte order mark, "
                "add --encoding utf-16-le.",
            )
        return text

    def _undecodable(self, error: UnicodeDecodeError, line: int) -> InputError:
        """Return the error for bytes that are not of the encoding, with what they may be."""
        data, at = error.object, error.start
        line += _line_breaks(data[:at].decode(self.encoding, "ignore"))
        begin = max(data.rfind(b"\n", 0, at), data.rfind(b"\r", 0, at)) + 1
        ends = [end for end in (data.find(b"\n", at), data.find(b"\r", at)) if end >= 0]
        sample = data[begin : min(ends, default=len(data))]
        whole = data[: max(data.rfind(b"\n"), data.rfind(b"\r")) + 1] or sample
        guesses = []
        for name in () if b"\0" in data else ("utf-8", *_LIKELY):  # with a NUL it is no text
            try:
                whole.decode(name)
                guesses.append(f"  --encoding {name:<10} {quoted(sample.decode(name))}")
            except UnicodeDecodeError:
                continue
        choose = "Choose the line that reads right, and add its option:\n" + "\n".join(guesses)
        return InputError(
            f"{place(self.name, line)} is not {self.encoding.upper()} text",
            choose if guesses else "Save the file as UTF-8, or name its encoding with --encoding.",
        )


def lines_of(chunk: str) -> list[str]:
    """Return the lines of a chunk with their endings."""
    return io.StringIO(chunk, newline="").readlines()


class _Utf8:
    """Tells whether bytes are UTF-8; `line` is the first one that would show it, or ""."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._valid = True
        self.line = ""

    def feed(self, block: bytes) -> None:
        """Look at the next bytes."""
        if not self._valid:
            return
        try:
            text = self._decoder.decode(block)
        except UnicodeDecodeError:
            self._valid = False
            self.line = ""
            return
        if not self.line and not text.isascii():
            self.line = next(line for line in re.split("[\r\n]", text) if not line.isascii())


def check_encoding(name: str) -> None:
    """Raise UsageError for what --encoding cannot mean."""
    try:
        bytes(4).decode(name)  # not of no bytes, which is text whatever the name
        codecs.getincrementaldecoder(name)
        if codecs.lookup(name).name in _NO_ENCODINGS:
            raise LookupError(name)
    except (LookupError, ValueError) as error:
        raise UsageError(
            f"--encoding {quoted(name)} is no encoding of text",
            f"Usual ones are utf-8, utf-16, {', '.join(_LIKELY)}.",
        ) from error


def _line_breaks(text: str) -> int:
    """Count the line breaks, CRLF being one."""
    breaks = text.count("\n")
    return breaks + text.count("\r") - text.count("\r\n") if "\r" in text else breaks
