"""The values of a JSON record: a phone, parameters, a template and a sender made of them.

Both JSON readers come here, so a record means the same in an array and on a line of its own.
Numbers with a point or an exponent must come as Decimal, since a float would change them.
"""

import re
from decimal import Decimal
from typing import Any

import msgspec

from usms_cli.recipients.columns import ColumnFinder, Columns, UnclearColumnsError, refusal
from usms_cli.recipients.record import Problem, Record
from usms_cli.text import quoted

_EXACT = 2**53
"""Above it many programs round integers, so the digits may be another person's (RFC 8259, 6)."""

NOT_JSON = (msgspec.DecodeError, RecursionError, ArithmeticError)
"""What a decoder of msgspec raises, the last one for a number beyond what Decimal holds."""

_LAYOUTS = 1000
_LONGEST_NUMBER = 100
_TOO_LARGE: int = 10**_LONGEST_NUMBER

_LIST = msgspec.json.Decoder(list[Any], float_hook=Decimal)

_MARK = "\uffff"
"""Stands for an escape that is no character. It is none itself, so no text can have meant it."""

_HEX = "[0-9a-fA-F]{2}"
_ESCAPE = re.compile(
    rf"\\u[dD][89abAB]{_HEX}\\u[dD][c-fC-F]{_HEX}|\\(?:u(?:[dD][89a-fA-F]{_HEX}|0000)|.)"
)


def escapes_marked(text: str) -> str:
    r"""Return JSON text with `\u0000` and halves of surrogate pairs replaced by a mark.

    yajl, the parser below ijson, reads half a pair as "?", which would be sent. A record with a
    mark in a value that is used is a Problem. `text` must not begin or end within an escape.
    """
    return _ESCAPE.sub(_marked, text) if "\\u" in text else text


def _marked(escape: re.Match[str]) -> str:
    return _MARK if len(escape[0]) == len(r"\u0000") else escape[0]


class UnusableError(Exception):
    """A value that no phone, parameter, template or sender can be."""


class JsonRecords:
    """Makes records of keys and values, remembering what each set of keys means."""

    def __init__(self, finder: ColumnFinder) -> None:
        self._finder = finder
        self._layouts: dict[tuple[str, ...], Columns | str] = {}

    def record(
        self,
        number: int,
        keys: tuple[str, ...],
        values: list[object],
        template: str | None = None,
        sender: str | None = None,
        api_form: bool = False,
    ) -> Record | Problem:
        """Return the record, or the Problem if a value cannot be what its key says.

        `number` is its line or number; `template` and `sender` count where it names none.
        Raises InputError if the keys of the first record are unclear or have no phone: then
        the keys of the file are not what we think. A later record with such keys is a Problem
        of its own. A Problem holds nothing that could be sent by mistake.
        """
        columns = self._layouts.get(keys) or self._layout(keys)
        if isinstance(columns, str):
            return Problem(number, columns)
        values.append(None)
        names = columns.names
        try:
            if columns.outcome is not None:
                outcome = text_value(values[columns.outcome], names[columns.outcome])
                if reason := refusal(outcome):
                    return Problem(number, reason)
            if columns.params_list is not None:
                params = list_of_params(values[columns.params_list], names[columns.params_list])
            else:
                params = [text_value(values[at], names[at]) for at in columns.params]
            if columns.template is not None:
                template = text_value(values[columns.template], names[columns.template]) or template
            if columns.sender is not None and values[columns.sender] is not None:
                sender = text_value(values[columns.sender], names[columns.sender])
            phone = values[columns.phone]
            if reason := _not_a_phone(phone):
                return Problem(number, reason)
            text = text_value(phone, names[columns.phone])
            return Record(number, text, params, template, sender, api_form)
        except UnusableError as error:
            return Problem(number, str(error))

    def _layout(self, keys: tuple[str, ...]) -> Columns | str:
        layout: Columns | str
        first = not self._layouts
        try:
            layout = self._finder.keys(keys)
            if first:
                self._finder.require_phone(layout)
        except UnclearColumnsError as error:
            if first:
                raise
            layout = error.what
        if len(self._layouts) >= _LAYOUTS:
            self._layouts.clear()
        self._layouts[keys] = layout
        return layout


def params_in_cell(cell: str, name: str) -> list[str]:
    """Return the parameters of a JSON list written in a cell; raise UnusableError if it is none."""
    if not cell:
        return []
    try:
        return list_of_params(_LIST.decode(escapes_marked(cell)), name)
    except NOT_JSON as error:
        raise UnusableError(
            f'{quoted(name)} is {quoted(cell)}, not a JSON list such as ["Anna", "5"]'
        ) from error


def list_of_params(value: object, name: str) -> list[str]:
    """Return the parameters that a JSON list holds, none for null; raise UnusableError if not."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise UnusableError(f"{quoted(name)} is {_kind(value)}, not a list of parameters")
    return [text_value(item, name) for item in value]


def text_value(value: object, name: str) -> str:
    """Return a value as the text that is sent: digits of a number as written, null as nothing.

    Raises UnusableError, naming the key `name`, for what is no text.
    """
    if type(value) is str:
        if _MARK in value:
            raise UnusableError(
                f"{quoted(name)} has an escape that is no character (half of a surrogate pair, "
                r"or \u0000)"
            )
        return value.strip()
    if value is None:
        return ""
    if type(value) is int and _is_short(value):
        return str(value)
    if type(value) is Decimal and _is_short(value):
        return format(value, "f")
    raise UnusableError(f"{quoted(name)} holds {_kind(value)}: write it as a string")


def _kind(value: object) -> str:
    """Return what a value is, for a message."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return "a nested value"
    if isinstance(value, str):
        return "a string"
    return (
        "a number"
        if isinstance(value, int | Decimal) and _is_short(value)
        else "a very long number"
    )


def _is_short(number: int | Decimal) -> bool:
    """Tell whether a number has no more digits than can be meant."""
    if isinstance(number, Decimal):
        return abs(number.adjusted()) < _LONGEST_NUMBER
    return abs(number) < _TOO_LARGE


def _not_a_phone(value: object) -> str | None:
    """Return why a number cannot be a phone, None if it may be one or is no number."""
    if isinstance(value, Decimal):
        return (
            f"the phone is the number {quoted(str(value))}, with a point or an exponent, "
            "as a spreadsheet writes it: write the phone as a string of digits"
        )
    if type(value) is int and not 0 <= value <= _EXACT:
        return (
            f"the phone is {'negative' if value < 0 else 'a number beyond 2^53'}, where programs "
            "and spreadsheets change digits: write the phone as a string of digits"
        )
    return None
