"""A walk through a JSON text of any size, event by event, in constant memory."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import ijson  # type: ignore[import-untyped]

from usms_cli.errors import InputError
from usms_cli.recipients.decoding import LONGEST, TOO_LONG, TextFile
from usms_cli.recipients.json_values import escapes_marked
from usms_cli.recipients.raw import OnBytes, place
from usms_cli.text import visible

_Events = Iterator[tuple[str, Any]]  # ijson has no types; values are checked in json_values

_NESTED: dict[str, object] = {}
"""Stands for a value that is deeper than a parameter can be."""

_DEEPEST = 1000
_SHAPES = "JSON is one list of records, whole, or one record on each line, or the API's own body."


class Walk:
    """A pass through the events of a JSON text; `number` is the record that it is in.

    `over` is to be True once the value that is the text has ended: nothing may follow it.
    """

    def __init__(self, text: TextFile, on_bytes: OnBytes | None = None) -> None:
        self._name = text.name
        self.number = 0
        self.over = False
        # Not `ijson.items` nor `parse`, which keep a path that grows with the square of the depth.
        self.events: _Events = chain.from_iterable(self._batches(text, on_bytes))

    def error(self, what: str, hint: str = _SHAPES) -> InputError:
        """Return the error for where the walk is; `what` may begin with "or just after"."""
        where = f", record {self.number}" if self.number else ""
        if not where:
            what = what.removeprefix("or just after ")
        return InputError(f"{place(self._name)}{where} {what}", hint)

    def skip(self, event: str) -> None:
        """Go past the value that begins with `event`; raise InputError if it is too deep."""
        if not event.startswith("start"):
            return
        depth = 1
        for event, _ in self.events:
            if event == "start_map" or event == "start_array":
                depth += 1
                if depth > _DEEPEST:
                    raise self.error("is nested too deep")
            elif event == "end_map" or event == "end_array":
                depth -= 1
                if not depth:
                    return

    def members(self) -> tuple[tuple[str, ...], list[object]]:
        """Return keys and values of an object whose beginning was read."""
        keys: list[str] = []
        values: list[object] = []
        for event, value in self.events:
            if event == "map_key":
                keys.append(value)
            elif event == "end_map":
                break
            elif event == "start_array":
                values.append(self._items())
            elif event == "start_map":
                self.skip(event)
                values.append(_NESTED)
            else:
                values.append(value)
        return tuple(keys), values

    def _items(self) -> list[object]:
        """Return the values of an array whose beginning was read."""
        values: list[object] = []
        for event, value in self.events:
            if event == "end_array":
                break
            self.skip(event)
            values.append(_NESTED if event.startswith("start") else value)
        return values

    def _batches(self, text: TextFile, on_bytes: OnBytes | None) -> Iterator[_Events]:
        """Yield lists of events; raise InputError for what is no JSON or one endless record."""
        found = ijson.sendable_list()
        parser = ijson.basic_parse_coro(found)
        number = size = 0
        pieces = _between_escapes(text.blocks(on_bytes))
        for piece in chain(pieces, [None]):
            error: Exception | None = None
            try:
                if piece is None:
                    if self.over:  # yajl says nothing of what follows if that breaks off
                        parser.send(b"\n")
                    parser.close()
                elif piece:
                    parser.send(piece.encode())
            except SystemError as caught:  # an integer with more digits than int() takes
                found.clear()  # its event is not to be touched: it holds a null pointer
                error = caught
            except (ijson.JSONError, ValueError, ArithmeticError) as caught:
                error = caught
            yield found
            found.clear()
            if error:
                cause = error.__cause__ or error
                what = visible(str(cause).splitlines()[0]).rstrip(".")
                if isinstance(cause, ValueError) and not isinstance(cause, ijson.JSONError):
                    what = "it has a number of thousands of digits"
                raise self.error(f"or just after is not valid JSON: {what}") from error
            size = size + len(piece or "") if number == self.number else 0
            number = self.number
            if size > LONGEST:
                raise self.error(TOO_LONG, "Is it a list of records?")


def _between_escapes(blocks: Iterator[str]) -> Iterator[str]:
    """Yield the text cut after quotes, where no escape can be under way, with escapes marked."""
    rest = ""
    for block in blocks:
        block = rest + block
        end = block.rfind('"') + 1
        if not end and len(block) > LONGEST:  # which `_batches` refuses if it is one record
            end = len(block)
        rest = block[end:]
        yield escapes_marked(block[:end])
    yield escapes_marked(rest)
