"""What the check of a list's templates found: their messages, as examples, and what they cost."""

from collections.abc import Iterator
from tempfile import SpooledTemporaryFile

import msgspec

from usms_cli.messages import Encoding

_IN_MEMORY = 2**20  # bytes


class Message(msgspec.Struct, frozen=True):
    """One message as its reader will see it, how long it is, and where its record stands."""

    text: str
    characters: int
    encoding: Encoding
    parts: int
    source: str
    line: int


class TemplateCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one template.

    `problem` says in what it differs from what the list expects; then nothing is measured.
    The counts are of the messages that may be sent: `messages` of them in `parts` parts, `ucs2`
    in UCS-2, `multipart` in more than one part. `first_ucs2` is the first that its parameters alone
    put into UCS-2, `longest` one with the most parts.
    """

    template_id: str
    problem: str | None
    source: str
    line: int
    messages: int = 0
    parts: int = 0
    ucs2: int = 0
    multipart: int = 0
    first: Message | None = None
    first_ucs2: Message | None = None
    longest: Message | None = None


class TemplateChecks:
    """What was found of all templates, in the order of the input. Use as a context manager.

    A list may have as many templates as recipients, so this is a file once it is large.
    """

    def __init__(self) -> None:
        self.templates = self.problems = self.messages = self.parts = 0
        self._file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 (closed by __exit__)

    def __enter__(self) -> "TemplateChecks":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, check: TemplateCheck) -> None:
        """Add what was found of one more template, and count it."""
        self.templates += 1
        self.problems += check.problem is not None
        self.messages += check.messages
        self.parts += check.parts
        self._file.write(msgspec.json.encode(check) + b"\n")

    def __iter__(self) -> Iterator[TemplateCheck]:
        self._file.seek(0)
        for line in self._file:
            yield msgspec.json.decode(line, type=TemplateCheck)

    def differing(self) -> Iterator[TemplateCheck]:
        """Yield those that are not what the list expects."""
        return (check for check in self if check.problem is not None)
