"""JSON of any size in constant memory: an array of records, one record, or the API's own body.

The body is `{"TaskContent": [{"TemplateId", "SenderId", "Target": [{"Phone",
"TemplateParams"}]}]}` (the API's page of SendBatchUSMSMessage), with any other keys beside.
Keys of JSON have no order (RFC 8259, 4), and a template may follow the phones it is for, so
two walks go through a body: one is ahead and tells the other what each entry is about.
"""

import re
from collections.abc import Iterator

import msgspec

from usms_cli.recipients.columns import ColumnFinder
from usms_cli.recipients.decoding import TextFile
from usms_cli.recipients.json_values import JsonRecords, UnusableError, text_value
from usms_cli.recipients.json_walk import Walk
from usms_cli.recipients.raw import OnBytes
from usms_cli.recipients.record import Problem, Record
from usms_cli.text import quoted

_TASK_CONTENT = re.compile(r'"TaskContent"\s*:')


def records(
    text: TextFile, finder: ColumnFinder, on_bytes: OnBytes | None = None
) -> Iterator[Record | Problem]:
    """Yield each record, or why it is none, with its number.

    Raises InputError for what is no text, no JSON, too long for one record, or built otherwise
    than the shapes above, and for unclear keys of the first record; UsageError if an option
    names a key that no record has.
    """
    begin = text.sample.lstrip()
    is_body = begin.startswith("{") and _TASK_CONTENT.search(begin) is not None
    if is_body:
        text.raw.spool()
    walk = Walk(text, on_bytes)
    made = JsonRecords(finder)
    event, _ = next(walk.events)
    if event == "start_array":
        yield from _array(walk, made, _Entry())
    elif event != "start_map":
        raise walk.error("is neither a list of records nor an object")
    elif is_body:
        ahead = Walk(text)
        next(ahead.events)
        for _, _ in zip(_entries(walk), _entries(ahead), strict=True):
            yield from _targets(walk, made, _entry(ahead))
    else:
        walk.number = 1
        yield made.record(1, *walk.members())
    walk.over = True
    for _ in walk.events:  # to the end, where an error may be
        pass
    finder.finish()


class _Entry(msgspec.Struct, frozen=True):
    """What an entry of the body says of all its targets; of a mere array, nothing."""

    template: str | None = None
    sender: str | None = None
    api_form: bool = False


def _entries(walk: Walk) -> Iterator[int]:
    """Stop at the beginning of each entry of TaskContent, whose members come next.

    Raises InputError if there is no list of objects, or two.
    """
    entries = 0
    seen = False
    for _, key in walk.events:
        if key is None:  # the end of the body
            break
        event, _ = next(walk.events)
        if key != "TaskContent":
            walk.skip(event)
            continue
        if event != "start_array" or seen:
            raise walk.error("has a TaskContent that is not one list")
        seen = True
        for event, _ in walk.events:
            if event == "end_array":
                break
            entries += 1
            if event != "start_map":
                raise walk.error(f"has no object as entry {entries} of TaskContent")
            yield entries
    if not seen:
        raise walk.error("has a TaskContent, but not as a key of the outermost object")


def _array(walk: Walk, made: JsonRecords, entry: _Entry) -> Iterator[Record | Problem]:
    """Yield the records of an array whose beginning was read."""
    for event, _ in walk.events:
        if event == "end_array":
            return
        walk.number += 1
        number = walk.number
        if event == "start_map":
            keys, values = walk.members()
            yield made.record(number, keys, values, entry.template, entry.sender, entry.api_form)
        else:
            walk.skip(event)
            yield Problem(number, "it is no JSON object with the keys and values of a record")


def _entry(walk: Walk) -> _Entry:
    """Return what an entry whose beginning was read says, going past its targets.

    Raises InputError for a key that stands there twice, and for a template or sender that is
    none.
    """
    found: dict[str, object] = {}
    for _, key in walk.events:
        if key is None:
            break
        event, value = next(walk.events)
        if key in found:
            raise walk.error(f"is in an entry with two {quoted(key)}")
        found[key] = {} if event.startswith("start") else value
        if event == "start_array":
            for event, _ in walk.events:
                if event == "end_array":
                    break
                walk.number += 1
                walk.skip(event)
        else:
            walk.skip(event)
    try:
        template, sender = found.get("TemplateId"), found.get("SenderId")
        return _Entry(
            template=text_value(template, "TemplateId") or None,
            sender=None if sender is None else text_value(sender, "SenderId"),
            api_form=True,
        )
    except UnusableError as error:
        raise walk.error(f"is in an entry where {error}") from error


def _targets(walk: Walk, made: JsonRecords, entry: _Entry) -> Iterator[Record | Problem]:
    """Yield the records of an entry whose beginning was read; InputError if it has no list."""
    seen = False
    for _, key in walk.events:
        if key is None:
            break
        event, _ = next(walk.events)
        if key != "Target":
            walk.skip(event)
        elif event == "start_array":
            seen = True
            yield from _array(walk, made, entry)
        else:
            raise walk.error("or just after has a Target that is not a list")
    if not seen:
        raise walk.error("or just after has an entry without a Target")
