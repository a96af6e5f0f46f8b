"""Pending recipients become requests: grouped by template and sender, in the API's writing."""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from usms_cli.recipients.phones import MAINLAND, MAINLAND_MOBILES, api_form


@dataclass(frozen=True, slots=True)
class Task:
    """A template and a sender that share a `TaskContent` entry; `id` is the journal's."""

    id: int
    template: str
    sender: str


class Recipient(NamedTuple):
    """A checked recipient: `id` is its place in the input, `phone` the digits of its E.164 number.

    `params` are its template parameters as a JSON list, empty where there are none.
    """

    id: int
    phone: int
    params: bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """Recipients of one task, in order: all of that task's sendable ones from first to last.

    They come by column, as the journal has them. Most are sent without a look at one of them, and
    to make a Recipient of each would take as long as to write them into a request.
    """

    task: Task
    ids: Sequence[int]
    phones: Sequence[int]
    params: Sequence[bytes]

    @property
    def first(self) -> int:
        """The id of the first recipient."""
        return self.ids[0]

    @property
    def last(self) -> int:
        """The id of the last recipient."""
        return self.ids[-1]

    @property
    def size(self) -> int:
        """How many recipients it has."""
        return len(self.ids)

    def recipients(self) -> Iterator[Recipient]:
        """Yield them one by one."""
        return map(Recipient, self.ids, self.phones, self.params)

    def part(self, first: int, end: int) -> "Piece":
        """Return those from place `first` up to but not including place `end`."""
        inside = slice(max(first, 0), max(end, 0))
        return Piece(self.task, self.ids[inside], self.phones[inside], self.params[inside])


@dataclass(slots=True)
class Batch:
    """What goes into one request.

    `resend` is True where its recipients are unknown and are sent again because the user said so.
    `tries` counts the requests with it that were surely not taken.
    """

    pieces: list[Piece]
    resend: bool = False
    tries: int = 0
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = sum(piece.size for piece in self.pieces)

    def tasks(self) -> dict[Task, int]:
        """Return how many recipients each task has, in the order of the request's `TaskContent`."""
        tasks: dict[Task, int] = {}
        for piece in self.pieces:
            tasks[piece.task] = tasks.get(piece.task, 0) + piece.size
        return tasks

    def members(self) -> Iterator[tuple[Task, Recipient]]:
        """Yield every recipient with its task."""
        for piece in self.pieces:
            for recipient in piece.recipients():
                yield piece.task, recipient

    def part(self, first: int, end: int) -> "Batch":
        """Return the recipients from place `first` up to but not including place `end`."""
        pieces: list[Piece] = []
        for piece in self.pieces:
            inside = piece.part(first, end)
            if inside.size:
                pieces.append(inside)
            first -= piece.size
            end -= piece.size
        return Batch(pieces, self.resend)

    def without(self, tasks: Container[int]) -> "Batch":
        """Return the recipients of all but some tasks, which are named by their ids."""
        kept = [piece for piece in self.pieces if piece.task.id not in tasks]
        return Batch(kept, self.resend, self.tries)

    def body(self) -> bytes:
        """Return the request's JSON, as SendBatchUSMSMessage takes it.

        A recipient without parameters has no `TemplateParams` key: the API wants it left out.
        """
        targets: dict[Task, list[bytes]] = {}
        for piece in self.pieces:
            targets.setdefault(piece.task, []).extend(_targets(piece))
        entries = [
            b'{"TemplateId":%b,"SenderId":%b,"Target":[%b]}'
            % (_json(task.template), _json(task.sender), b",".join(of_task))
            for task, of_task in targets.items()
        ]
        return b'{"TaskContent":[%b]}' % b",".join(entries)


_json = msgspec.json.Encoder().encode


def _targets(piece: Piece) -> list[bytes]:
    """Return the JSON of each recipient: a phone has nothing to escape, parameters are JSON.

    What nearly all recipients are is written out, as to call for each takes twice the time.
    """
    return [
        b'{"Phone":"%d","TemplateParams":%b}' % (phone - MAINLAND, params)
        if params and phone in MAINLAND_MOBILES
        else _target(api_form(phone), params)
        for phone, params in zip(piece.phones, piece.params, strict=True)
    ]


def _target(phone: str, params: bytes) -> bytes:
    written = b'"Phone":"%b"' % phone.encode()
    return b'{%b,"TemplateParams":%b}' % (written, params) if params else b"{%b}" % written


def batches(pieces: Iterable[Piece], size: int, *, resend: bool = False) -> Iterator[Batch]:
    """Fill requests of at most `size` recipients from pieces, in order, splitting pieces to fit."""
    filling: list[Piece] = []
    room = size
    for piece in pieces:
        begin = 0
        while begin < piece.size:
            part = piece.part(begin, begin + room)
            begin += part.size
            room -= part.size
            filling.append(part)
            if not room:
                yield Batch(filling, resend)
                filling, room = [], size
    if filling:
        yield Batch(filling, resend)
