"""The question before a send: what is about to happen, for a person to agree to."""

from collections.abc import Iterator

import msgspec
from rich.table import Table
from rich.text import Text

from usms_cli.cli.terminal import Terminal
from usms_cli.journal.schema import RunInfo
from usms_cli.journal.view import View
from usms_cli.recipients.phones import api_form, country_of
from usms_cli.report.countries import top_countries
from usms_cli.text import count, quoted, written

_SHOWN = 5  # countries, and templates
_LONGEST = 200  # characters of the first message's parameters


def agreed(info: RunInfo, view: View, terminal: Terminal, limit: int | None) -> bool:
    """Show what a sealed draft would send, ask once, and return whether the answer is yes.

    :param limit: only the first so many are to be sent now; None: all.
    """
    number = min(info.recipients, limit or info.recipients)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, text in _lines(info, view, number):
        table.add_row(name, Text(written(text, terminal.err.encoding)))
    terminal.err.print(table)
    return terminal.confirm(f"Send to {count(number, 'recipient')}?")


def _lines(info: RunInfo, view: View, number: int) -> Iterator[tuple[str, str]]:
    found = ((country_of(phone), many) for phone, many in view.figures.phones("sendable"))
    countries = top_countries(found, _SHOWN)
    listed = ", ".join(f"{one.name} {one.number:,}" for one in countries.first)
    others = count(countries.more, "more country", "more countries")
    more = f" and {others}" if countries.more else ""
    of = f"the first {number:,} of " if number < info.recipients else ""
    yield "To", f"{of}{info.recipients:,}: {listed}{more}"
    templates, rest = view.figures.templates(_SHOWN)
    for one in templates:
        sender = quoted(one.sender) if one.sender else "no sender"
        yield "Template", f"{quoted(one.template)} from {sender}: {one.recipients:,}"
    if rest:
        yield "", f"and {rest:,} more"
    for row in view.rows("pending", most=1):
        params = msgspec.json.encode(row.params).decode() if row.params else "no parameters"
        if len(params) > _LONGEST:
            params = f"{params[:_LONGEST]}…"
        yield "First", f"{api_form(int(row.phone))} {params} ({row.source}:{row.line})"
    left_out = {"invalid": info.invalid, "duplicate": info.duplicate, "excluded": info.excluded}
    if any(left_out.values()):
        yield "Left out", ", ".join(f"{many:,} {why}" for why, many in left_out.items() if many)
    size = min(info.pace.batch_size, info.pace.rate or info.pace.batch_size)
    where = "the sandbox" if info.sandbox else info.address
    yield "Through", f"{count(-(-number // size), 'request')} to {where}"
