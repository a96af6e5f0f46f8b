"""What a reader of any format yields: a record as it was found, or why a line is none.

Where many records are alike they may come as a block, so that what is the same for all is done
once, and what is not, for a column at a time: that takes half as long.
"""

from collections.abc import Iterator, Sequence

import msgspec


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record as it stands in a file, not yet checked.

    `line` counts from 1 as an editor does; in a JSON array or body it is the record's number.
    `template` and `sender` are None where the record names none and the default is meant;
    a sender of `""` is meant: none. `api_form` is True for a record of the API's own body,
    whose phone is written as the API writes phones, whatever the region.
    """

    line: int
    phone: str
    params: list[str]
    template: str | None = None
    sender: str | None = None
    api_form: bool = False


class Problem(msgspec.Struct, frozen=True):
    """Why a record cannot be sent, with as much of it as could be read."""

    line: int
    reason: str
    phone: str = ""
    params: list[str] = []
    template: str | None = None
    sender: str | None = None


class Block(msgspec.Struct, frozen=True):
    """Records one after the other that have the same template, sender and number of parameters.

    `params` has a list for each parameter, with its value in each record; the rest is as in Record.
    """

    lines: Sequence[int]
    phones: list[str]
    params: list[list[str]]
    template: str | None
    sender: str | None

    def record(self, at: int) -> Record:
        """Return one of the records."""
        params = [values[at] for values in self.params]
        return Record(self.lines[at], self.phones[at], params, self.template, self.sender)

    def records(self) -> Iterator[Record]:
        """Yield the records one by one."""
        return map(self.record, range(len(self.lines)))


Found = Record | Problem | Block
