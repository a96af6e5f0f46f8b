"""Pending recipients become requests: grouped by template and sender, in the API's writing."""

from collections.abc import Container, Iterable, Iterator
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


Row = tuple[int, int, bytes]
"""A Recipient as the journal has it. Most are sent without a look at their fields, and to make a
Recipient of each would take as long as to write them into a request."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Recipients of one task, in order: all of that task's sendable ones from first to last."""

    task: Task
    rows: list[Row]

    @property
    def first(self) -> int:
        """The id of the first recipient."""
        return self.rows[0][0]

    @property
    def last(self) -> int:
        """The id of the last recipient."""
        return self.rows[-1][0]


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
        self.size = sum(len(piece.rows) for piece in self.pieces)

    def tasks(self) -> dict[Task, list[Row]]:
        """Return the recipients by task, in the order of the request's `TaskContent`."""
        tasks: dict[Task, list[Row]] = {}
        for piece in self.pieces:
            tasks.setdefault(piece.task, []).extend(piece.rows)
        return tasks

    def members(self) -> Iterator[tuple[Task, Recipient]]:
        """Yield every recipient with its task."""
        for piece in self.pieces:
            for row in piece.rows:
                yield piece.task, Recipient(*row)

    def part(self, first: int, end: int) -> "Batch":
        """Return the recipients from place `first` up to but not including place `end`."""
        pieces: list[Piece] = []
        for piece in self.pieces:
            inside = piece.rows[max(first, 0) : max(end, 0)]
            if inside:
                pieces.append(Piece(piece.task, inside))
            first -= len(piece.rows)
            end -= len(piece.rows)
        return Batch(pieces, self.resend)

    def without(self, tasks: Container[int]) -> "Batch":
        """Return the recipients of all but some tasks, which are named by their ids."""
        kept = [piece for piece in self.pieces if piece.task.id not in tasks]
        return Batch(kept, self.resend, self.tries)

    def body(self) -> bytes:
        """Return the request's JSON, as SendBatchUSMSMessage takes it.

        A recipient without parameters has no `TemplateParams` key: the API wants it left out.
        """
        entries = [
            b'{"TemplateId":%b,"SenderId":%b,"Target":[%b]}'
            % (_json(task.template), _json(task.sender), b",".join(_targets(rows)))
            for task, rows in self.tasks().items()
        ]
        return b'{"TaskContent":[%b]}' % b",".join(entries)


_json = msgspec.json.Encoder().encode


def _targets(rows: list[Row]) -> list[bytes]:
    """Return the JSON of each recipient: a phone has nothing to escape, parameters are JSON.

    What nearly all recipients are is written out, as to call for each takes twice the time.
    """
    return [
        b'{"Phone":"%d","TemplateParams":%b}' % (phone - MAINLAND, params)
        if params and phone in MAINLAND_MOBILES
        else _target(api_form(phone), params)
        for _, phone, params in rows
    ]


def _target(phone: str, params: bytes) -> bytes:
    written = b'"Phone":"%b"' % phone.encode()
    return b'{%b,"TemplateParams":%b}' % (written, params) if params else b"{%b}" % written


def batches(pieces: Iterable[Piece], size: int, *, resend: bool = False) -> Iterator[Batch]:
    """Fill requests of at most `size` recipients from pieces, in order, splitting pieces to fit."""
    filling: list[Piece] = []
    room = size
    for piece in pieces:
        rows = piece.rows
        while rows:
            part, rows = rows[:room], rows[room:]
            filling.append(Piece(piece.task, part))
            room -= len(part)
            if not room:
                yield Batch(filling, resend)
                filling, room = [], size
    if filling:
        yield Batch(filling, resend)
