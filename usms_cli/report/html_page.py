"""A run as one page for a browser: for the colleague who does not live in a terminal.

The page holds counts, never a phone or a parameter, since it will be mailed around. It needs
nothing but itself: no script, no font, no picture, no request.
"""

import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from usms_cli import __version__
from usms_cli.journal.figures import without_numbers
from usms_cli.journal.outcomes import FATES, OUTCOMES, Fate, Outcome
from usms_cli.journal.view import ReceiptCounts
from usms_cli.recipients.phones import country_of
from usms_cli.report.countries import top_countries
from usms_cli.report.html_parts import (
    Part,
    listing,
    moment,
    over_time,
    parts_of,
    period,
    ranking,
    share,
)
from usms_cli.report.markup import Markup, element, foreign, together
from usms_cli.report.report import Report, Status, next_steps
from usms_cli.report.writing import replacing
from usms_cli.text import count

_MOST_NAMES = 10
_MOST_SPANS = 60

# Nothing may be fetched, run or sent, whatever got into the page.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_STANDINGS: dict[Status, str] = {
    "complete": "Nothing is left to be sent.",
    "stopped": "It stopped early.",
    "interrupted": "It was interrupted.",
    "limited": "Only a first part was to be sent.",
    "running": "It is being sent now.",
}

_MEANINGS: dict[Outcome, str] = {
    "accepted": "taken by the API; receipts tell whether it arrived",
    "failed": "turned down by the API, with a reason",
    "unknown": "perhaps sent: what became of the request cannot be known",
    "pending": "not sent yet",
    "invalid": "not sent: the record has a mistake",
    "duplicate": "not sent again: the same as an earlier record",
    "excluded": "not sent: on a list of people who are not to be messaged",
}

_FATES: dict[Fate, str] = {
    "delivered": "it reached the phone",
    "undelivered": "it did not reach the phone",
    "waiting": "no receipt yet, or one that does not know",
}


def write_page(report: Report, path: Path) -> None:
    """Write a run's report as a page.

    :raises UsageError: the file cannot be written.
    """
    page = _page(report, time.time())
    with replacing(path) as file:
        file.write(page)


def _page(report: Report, now: float) -> str:
    sandbox = report.view.info.sandbox
    name = report.name or ""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"{name} · {'sandbox ' if sandbox else ''}SMS run"),
        element("style", Markup(files("usms_cli.report").joinpath("page.css").read_text("utf-8"))),
    )
    body = element(
        "body",
        *([_sandbox()] if sandbox else []),
        element("header", *_header(report, now)),
        element("main", *_sections(report)),
        element("footer", *_footer(now)),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _sandbox() -> Markup:
    return element(
        "p",
        element("strong", "Sandbox"),
        " Nobody was really messaged: a stand-in for the API answered.",
        class_="sandbox",
        role="note",
    )


def _header(report: Report, now: float) -> Iterator[Markup]:
    yield element("p", "SMS run", class_="kicker")
    yield element("h1", foreign(report.name or ""))
    activity = report.view.figures.activity()
    when: Markup | str = "Nothing was handed to the API yet."
    if activity and report.status == "running":
        when = together("Sending since ", moment(activity.first), ".")
    elif activity:
        when = together("Sent ", period(activity.first, activity.last), ".")
    yield element(
        "p",
        element("span", report.status, class_=f"status {report.status}"),
        " ",
        when,
        class_="standing",
    )
    rest = f" {report.counts.pending:,} pending." if report.counts.pending else ""
    yield element(
        "p",
        f"{_STANDINGS[report.status]}{rest} As of ",
        moment(now, seconds=report.status == "running"),
        ".",
        class_="standing",
    )


def _sections(report: Report) -> Iterator[Markup]:
    figures = report.view.figures
    yield _section("Outcome", "What became of each record of the input.", *_outcome(report))
    if report.receipts:
        about = "What became of the accepted messages, as far as receipts have come."
        yield _section("Delivery", about, *_delivery(report, report.receipts))
    timeline = figures.timeline(_MOST_SPANS, time.localtime().tm_gmtoff)
    if timeline:
        about = "Recipients by the moment at which the request with them was made."
        yield _section("Sends over time", about, over_time(timeline))
    if report.counts.failed:
        phones = ((country_of(phone), number) for phone, number in figures.phones("failed"))
        failed_in = top_countries(phones, _MOST_NAMES)
        yield _section(
            "Failed",
            "Why the API turned recipients down, and where their numbers belong.",
            ranking("Failed by reason", "Reason", figures.reasons("failed", _MOST_NAMES), "failed"),
            ranking("Failed by country", "Country", failed_in, "failed"),
        )
    if report.counts.unknown:
        unknown = figures.reasons("unknown", _MOST_NAMES)
        about = "Why it cannot be known whether recipients were messaged."
        if report.status == "running":
            about = "Requests still under way are among these."
        yield _section("Unknown", about, ranking("By reason", "Reason", unknown, "unknown"))
    if report.counts.invalid:
        invalid = figures.reasons("invalid", _MOST_NAMES)
        about = "What is wrong with the records that were not sent."
        yield _section("Invalid", about, ranking("By reason", "Reason", invalid, "invalid"))
    yield _section("What was sent", "Templates and senders, and the files.", *_contents(report))
    yield _section("About this run", "", _details(report))


def _section(title: str, about: str, *content: Markup) -> Markup:
    name = title.lower().replace(" ", "-")
    heading = element("h2", title, id=name)
    introduction = element("div", heading, *([element("p", about)] if about else []))
    return element(
        "section", introduction, element("div", *content), aria_labelledby=name, class_=name
    )


def _outcome(report: Report) -> Iterator[Markup]:
    counts = report.counts
    taker = "the sandbox" if report.view.info.sandbox else "the API"
    yield _hero(
        counts.accepted, counts.records, f"{count(counts.records, 'record')} accepted by {taker}"
    )
    parts = [
        Part(outcome, outcome, _MEANINGS[outcome], getattr(counts, outcome))
        for outcome in OUTCOMES
        if getattr(counts, outcome) or outcome == "accepted"
    ]
    yield parts_of(counts.records, "Records by outcome", "Records", parts)
    yield from _notes(report)


def _delivery(report: Report, receipts: ReceiptCounts) -> Iterator[Markup]:
    numbers = {fate: getattr(receipts, fate) for fate in FATES}
    accepted = sum(numbers.values())
    yield _hero(receipts.delivered, accepted, f"{accepted:,} accepted delivered")
    parts = [Part(fate, fate, _FATES[fate], number) for fate, number in numbers.items()]
    yield parts_of(accepted, "Accepted recipients by what became of them", "Recipients", parts)
    yield element("p", f"{count(receipts.parts, 'message part')} charged so far.", class_="more")
    if receipts.undelivered:
        reasons = report.view.figures.reasons("undelivered", _MOST_NAMES)
        countries = top_countries(report.view.undelivered_by("country"), _MOST_NAMES)
        yield ranking("Undelivered by reason", "Reason", reasons, "undelivered")
        yield ranking("Undelivered by country", "Country", countries, "undelivered")


def _hero(part: int, whole: int, of_what: str) -> Markup:
    return element(
        "p",
        element("strong", f"{part:,}"),
        " ",
        element("span", f"of {of_what}, {share(part, whole)}"),
        class_="hero",
    )


def _notes(report: Report) -> Iterator[Markup]:
    problem = []
    if report.problem:
        problem = [
            element("p", element("b", "Why it ended: "), foreign(without_numbers(report.problem)))
        ]
    steps = [
        element("p", element("b", step.what), " ", element("code", step.command))
        for step in next_steps(report)
    ]
    if problem or steps:
        yield element("aside", *problem, *steps, aria_label="What to do next")


def _contents(report: Report) -> Iterator[Markup]:
    templates, more = report.view.figures.templates(_MOST_NAMES)
    rows = [
        (
            foreign(one.template),
            foreign(one.sender) if one.sender else "(none)",
            f"{one.recipients:,}",
        )
        for one in templates
    ]
    if rows:
        columns = ("Template", "Sender", "Recipients")
        yield listing("To be sent, by template and sender", columns, rows, more)
    sources, more = report.view.figures.sources(_MOST_NAMES)
    names = [(foreign(one.name), f"{one.number:,}") for one in sources]
    yield listing("The input", ("File", "Records"), names, more)


def _details(report: Report) -> Markup:
    view = report.view
    activity = view.figures.activity()
    rows: list[tuple[str, str]] = [
        ("Begun", moment(view.info.created, seconds=True)),
        ("Requests", f"{activity.requests if activity else 0:,}"),
        ("Session numbers", f"{view.session_count():,}"),
        ("API", "the sandbox" if view.info.sandbox else foreign(view.info.address)),
    ]
    if activity:
        rows[1:1] = [
            ("First request", moment(activity.first, seconds=True)),
            ("Last answer", moment(activity.last, seconds=True)),
        ]
    return element(
        "dl", *(element("div", element("dt", name), element("dd", what)) for name, what in rows)
    )


def _footer(now: float) -> Iterator[Markup]:
    yield element(
        "p",
        "This page holds counts: no phones, and nothing of what the messages said about anyone. "
        "Numbers of seven digits or more are left out of reasons.",
    )
    yield element("p", f"Made by usms {__version__}, ", moment(now, seconds=True), ".")
