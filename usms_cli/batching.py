"""Pending recipients become requests: grouped by template and sender, in the API's writing."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from usms_cli.recipients.phones import api_form


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
    """Recipients of one task, in order: all of that task's sendable ones from first to last."""

    task: Task
    recipients: list[Recipient]


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
        self.size = sum(len(piece.recipients) for piece in self.pieces)

    def tasks(self) -> dict[Task, list[Recipient]]:
        """Return the recipients by task, in the order of the request's `TaskContent`."""
        tasks: dict[Task, list[Recipient]] = {}
        for piece in self.pieces:
            if piece.task in tasks:
                tasks[piece.task] = tasks[piece.task] + piece.recipients
            else:
                tasks[piece.task] = piece.recipients
        return tasks

    def members(self) -> Iterator[tuple[Task, Recipient]]:
        """Yield every recipient with its task."""
        for piece in self.pieces:
            for recipient in piece.recipients:
                yield piece.task, recipient

    def part(self, first: int, end: int) -> "Batch":
        """Return the recipients from place `first` up to but not including place `end`."""
        pieces: list[Piece] = []
        for piece in self.pieces:
            inside = piece.recipients[max(first, 0) : max(end, 0)]
            if inside:
                pieces.append(Piece(piece.task, inside))
            first -= len(piece.recipients)
            end -= len(piece.recipients)
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
            _Entry(task.template, task.sender, [_target(one) for one in recipients])
            for task, recipients in self.tasks().items()
        ]
        return _encoder.encode(_Body(entries))


class _Target(msgspec.Struct, rename="pascal"):
    phone: str
    template_params: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Entry(msgspec.Struct, rename="pascal"):
    template_id: str
    sender_id: str
    target: list[_Target]


class _Body(msgspec.Struct, rename="pascal"):
    task_content: list[_Entry]


_encoder = msgspec.json.Encoder()


def _target(recipient: Recipient) -> _Target:
    _, phone, params = recipient
    return _Target(api_form(phone), msgspec.Raw(params)) if params else _Target(api_form(phone))


def batches(pieces: Iterable[Piece], size: int, *, resend: bool = False) -> Iterator[Batch]:
    """Fill requests of at most `size` recipients from pieces, in order, splitting pieces to fit."""
    filling: list[Piece] = []
    room = size
    for piece in pieces:
        recipients = piece.recipients
        while recipients:
            part, recipients = recipients[:room], recipients[room:]
            filling.append(Piece(piece.task, part))
            room -= len(part)
            if not room:
                yield Batch(filling, resend)
                filling, room = [], size
    if filling:
        yield Batch(filling, resend)
