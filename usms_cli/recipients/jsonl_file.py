"""JSON Lines: one record a line (jsonlines.org). Blank lines are skipped.

A line that is no JSON object is a Problem, so the others can still be sent.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from usms_cli.recipients.columns import ColumnFinder
from usms_cli.recipients.decoding import TextFile, lines_of
from usms_cli.recipients.json_values import NOT_JSON, JsonRecords, escapes_marked
from usms_cli.recipients.raw import OnBytes
from usms_cli.recipients.record import Problem, Record

_DECODER = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_PAIRS = json.JSONDecoder(object_pairs_hook=list, parse_float=Decimal)
_AT_BYTE = re.compile(r" \(byte (\d+)\)$")


def records(
    text: TextFile, finder: ColumnFinder, on_bytes: OnBytes | None = None
) -> Iterator[Record | Problem]:
    """Yield the record of each line, or why there is none.

    Raises InputError for text that is none, a line too long to be a record, and keys of the
    first record that are unclear; UsageError if an option names a key that no record has.
    """
    made = JsonRecords(finder)
    decode = _DECODER.decode
    number = 0
    for chunk in text.chunks(on_bytes):
        for line in map(escapes_marked, lines_of(chunk)):
            number += 1
            try:
                found: dict[str, object] = decode(line)
            except NOT_JSON as error:
                if line.strip():
                    yield Problem(number, _what_is_wrong(error, line))
                continue
            keys, values = tuple(found), list(found.values())
            if line.count(":") > len(keys):
                pairs = _PAIRS.decode(line)
                if len(pairs) > len(keys):  # a key stands there again, which a dict drops
                    keys, values = tuple(key for key, _ in pairs), [value for _, value in pairs]
            yield made.record(number, keys, values)
    finder.finish()


def is_record(line: str) -> bool:
    """Tell whether a line is a JSON object whole, and not the API's own body."""
    try:
        return "TaskContent" not in _DECODER.decode(line)
    except NOT_JSON:
        return False


def _what_is_wrong(error: Exception, line: str) -> str:
    if isinstance(error, RecursionError):
        return "its JSON is nested too deep"
    if isinstance(error, ArithmeticError) or "out of range" in str(error):
        return "it has a number that is too large: write it as a string"
    if isinstance(error, msgspec.ValidationError):
        return "it is no JSON object with the keys and values of a record"
    reason = str(error).removeprefix("JSON is malformed: ")
    if at := _AT_BYTE.search(reason):
        column = len(line.encode()[: int(at[1])].decode(errors="ignore")) + 1
        reason = f"{reason[: at.start()]} in column {column}"
    return f"it is not valid JSON: {reason[:1].lower()}{reason[1:]}"
