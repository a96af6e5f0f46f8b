"""What a reader of any format yields: a record as it was found, or why a line is none."""

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
