"""The parts that a page is put together from: numbers, moments, bars, tables, a chart of time.

Each bar stands beside its number, so nothing is told by length or colour alone.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from usms_cli.journal.figures import Timeline, Top
from usms_cli.report.markup import Markup, element, foreign, together
from usms_cli.text import count

_TOO_SHORT_TO_DRAW = 6  # spans of time


class Part(NamedTuple):
    """A part of a whole. `style` is the class that gives it its colour."""

    name: str
    style: str
    meaning: str
    number: int


def share(part: int, whole: int) -> str:
    """Return a part in percent; never as none or all of it when it is not."""
    if part <= 0 or part >= whole:
        return "100%" if part > 0 else "0%"
    percent = 100 * part / whole
    if percent < 0.1:
        return "< 0.1%"
    return "> 99.9%" if percent > 99.9 else f"{percent:.1f}%"


def moment(at: float, *, seconds: bool = False, zone: bool = True) -> Markup:
    """Return a time in Unix seconds as local time, with its zone."""
    local = datetime.fromtimestamp(at).astimezone()
    text = f"{local.day} {local:%B %Y, %H:%M}" + (f":{local:%S}" if seconds else "")
    if zone:
        text += f" {_zone(local)}"
    return element("time", text, datetime=local.isoformat(timespec="seconds"))


def period(first: float, last: float) -> Markup:
    """Return from when to when, in local time, the day once where it is the same."""
    begin, end = (datetime.fromtimestamp(at).astimezone() for at in (first, last))
    if begin.date() != end.date() or begin.utcoffset() != end.utcoffset():
        return together(moment(first), " to ", moment(last))
    until = element("time", f"{end:%H:%M}", datetime=end.isoformat(timespec="seconds"))
    if f"{begin:%H:%M}" == f"{end:%H:%M}":
        return moment(first)
    return together(moment(first, zone=False), "–", until, f" {_zone(begin)}")


def parts_of(whole: int, caption: str, column: str, parts: Sequence[Part]) -> Markup:
    """Return what a whole consists of: as one bar, and as a table that says the same."""
    bar = element(
        "div",
        *(
            element("i", class_=part.style, style=f"flex-grow:{part.number}")
            for part in parts
            if part.number
        ),
        class_="split",
        aria_hidden="true",
    )
    rows = [
        element(
            "tr",
            element(
                "th",
                element("span", class_=f"swatch {part.style}", aria_hidden="true"),
                element("b", part.name),
                " ",
                element("small", part.meaning),
                scope="row",
            ),
            element("td", f"{part.number:,}"),
            element("td", share(part.number, whole)),
        )
        for part in parts
    ]
    return together(bar, _table(caption, ("", column, "Share"), rows, "parts"))


def ranking(caption: str, column: str, top: Top, style: str) -> Markup:
    """Return the names with the largest numbers, each with a bar, and how many more there are."""
    largest = max((one.number for one in top.first), default=0)
    rows = [
        element(
            "tr",
            element(
                "th",
                foreign(one.name) if one.name else "no reason given",
                element(
                    "i",
                    class_=f"bar {style}",
                    style=f"width:{100 * one.number / largest:.2f}%",
                    aria_hidden="true",
                ),
                scope="row",
            ),
            element("td", f"{one.number:,}"),
            element("td", share(one.number, top.total)),
        )
        for one in top.first
    ]
    rest = top.total - sum(one.number for one in top.first)
    return together(
        _table(caption, (column, "Number", "Share"), rows, "ranking"),
        _rest(top.more, f"and {top.more:,} more, with {rest:,}"),
    )


def listing(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], more: int = 0
) -> Markup:
    """Return a plain table, the last column of which holds numbers."""
    written = [
        element("tr", element("th", row[0], scope="row"), *(element("td", one) for one in row[1:]))
        for row in rows
    ]
    return together(_table(caption, columns, written, "listing"), _rest(more, f"and {more:,} more"))


def over_time(timeline: Timeline) -> Markup:
    """Return when recipients were handed over: as columns, and as a table that says the same."""
    start, width, numbers = timeline
    total, most = sum(numbers), max(numbers)
    if len(numbers) < _TOO_SHORT_TO_DRAW:
        within = count(len(numbers) * width, "second")
        when = moment(start, seconds=True)
        return element("p", f"{total:,} within {within}, from ", when, ".", class_="lead")
    columns = element(
        "div",
        *(element("i", style=f"height:{100 * one / most:.2f}%") for one in numbers),
        class_="columns",
        aria_hidden="true",
    )
    ends = [start, start + width * len(numbers) / 2, start + width * len(numbers)]
    axis = element(
        "div",
        *(element("span", _label(at, timeline)) for at in ends),
        class_="axis",
        aria_hidden="true",
    )
    busiest = start + width * numbers.index(most)
    rows = [
        element(
            "tr",
            element("th", moment(start + width * place, seconds=width < 60), scope="row"),
            element("td", f"{one:,}"),
        )
        for place, one in enumerate(numbers)
        if one
    ]
    return element(
        "figure",
        element("p", f"{most:,}", class_="top", aria_hidden="true"),
        columns,
        axis,
        element(
            "figcaption",
            f"{total:,} handed over, a column for {_each(width)}. "
            f"Most in one: {most:,}, from {_label(busiest, timeline)}.",
        ),
        element(
            "details",
            element("summary", "The same as a table"),
            _table("Recipients handed over", ("From", "Recipients"), rows, "listing"),
        ),
    )


def _table(caption: str, columns: Sequence[str], rows: Iterable[Markup], style: str) -> Markup:
    head = element("tr", *(element("th", one, scope="col") for one in columns))
    return element(
        "table",
        element("caption", caption),
        element("thead", head),
        element("tbody", *rows),
        class_=style,
    )


def _rest(number: int, text: str) -> Markup:
    return element("p", text, class_="more") if number else Markup()


def _label(at: float, timeline: Timeline) -> str:
    local = datetime.fromtimestamp(at).astimezone()
    if timeline.width >= 86400:
        return f"{local.day} {local:%b %Y}"
    if timeline.width * len(timeline.numbers) > 86400:
        return f"{local.day} {local:%b, %H:%M}"
    return f"{local:%H:%M}" if timeline.width >= 60 else f"{local:%H:%M:%S}"


def _each(seconds: int) -> str:
    units = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
    size, unit = next(one for one in units if seconds % one[0] == 0)
    return f"each {unit}" if seconds == size else f"every {seconds // size} {unit}s"


def _zone(local: datetime) -> str:
    offset = f"{local:%z}"
    return "UTC" if offset == "+0000" else f"UTC{offset[:3]}:{offset[3:5]}"
