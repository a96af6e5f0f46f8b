"""The page of a run: what it says, what it never says, and that no text breaks out of it."""

import json
import re
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.command import Usms, phones, write_csv
from tests.support.gateway import Gateway, Reply, Target
from tests.support.page import Node, read_page
from tests.support.receipts import always, receipt
from tests.support.runs import FIRST, new_info
from usms_cli.journal.draft import Draft
from usms_cli.journal.view import View
from usms_cli.report.countries import country_name
from usms_cli.report.html_page import write_page
from usms_cli.report.html_parts import share
from usms_cli.report.report import report_on_run
from usms_cli.text import visible

STYLE = Path(__file__).parents[1] / "usms_cli/report/page.css"
SEND = ("send", "r.csv", "-t", "T1", "-s", "S", "--run", "job")


def page_of(usms: Usms, run: str = "job") -> Node:
    assert usms.inside("show", run, "-q", "--html", "page.html").status == 0
    return read_page(usms.folder / "page.html")


def rows(page: Node, caption: str) -> list[list[str]]:
    """The rows of the table with a caption, as text."""
    [table] = [one for one in page.all("table") if one.all("caption")[0].text == caption]
    [tbody] = table.all("tbody")
    return [
        [cell.text for cell in row.children if isinstance(cell, Node)] for row in tbody.all("tr")
    ]


def numbers(page: Node, caption: str) -> dict[str, str]:
    """The number beside each name of a table with shares."""
    return {name: number for name, number, _ in rows(page, caption)}


@pytest.fixture
def mixed(usms: Usms, gateway: Gateway) -> Usms:
    """A run stopped early, with each outcome but `excluded`, and two receipts."""
    listed = [*((phone, f"Ms Secret {phone[-1]}") for phone in phones(8)), ("1380013", "x")]
    write_csv(usms.folder / "r.csv", [*listed, listed[0], ("(852)55311111", "Mr Chan")])

    def plan(number: int, targets: list[Target]) -> Reply:
        if number == 1:
            return Reply(fails={"13800000001": "13800000001 is on the <b>blacklist</b>"})
        return Reply(status=502, body=b"") if number == 2 else Reply(status=401, takes=False)

    gateway.plan = plan
    usms(*SEND, "--skip-invalid", "--batch-size", "4", "--concurrency", "1")
    gateway.receipts = always(
        {
            "S1-1": [
                receipt("13800000000"),
                receipt("13800000002", "Fail", ReceiptDesc="13800000002 switched off"),
            ]
        }
    )
    assert usms("receipts", "job", "-q").status == 1
    return usms


def test_the_page_says_what_the_report_says(mixed: Usms) -> None:
    report = mixed.inside("show", "job", "--json").report
    page = page_of(mixed)
    outcomes = {
        re.match(r"[a-z]+", name)[0]: number  # type: ignore[index]
        for name, number in numbers(page, "Records by outcome").items()
    }
    counts = {name: number for name, number in report["counts"].items() if number}
    assert outcomes == {name: str(counts[name]) for name in outcomes}
    assert sum(map(int, outcomes.values())) == report["counts"]["records"] == counts.pop("records")
    assert outcomes.keys() == counts.keys()
    assert numbers(page, "Failed by reason") == {"… is on the <b>blacklist</b>": "1"}
    assert numbers(page, "Failed by country") == {"Mainland China": "1"}
    fates = numbers(page, "Accepted recipients by what became of them")
    assert [*fates.values()] == ["1", "1", "1"]
    assert numbers(page, "Undelivered by reason") == {"… switched off": "1"}
    assert numbers(page, "Undelivered by country") == {"Mainland China": "1"}
    assert rows(page, "To be sent, by template and sender") == [["T1", "S", "9"]]
    assert rows(page, "The input") == [["r.csv", "11"]]
    assert "8 within 1 second" in page.text or "8 within 2 seconds" in page.text
    # How to go on, and why it ended.
    commands = [code.text for code in page.all("code")]
    assert "usms resume job" in commands
    assert "usms receipts job --wait 30" in commands
    assert report["problem"] in page.text


def test_without_receipts_nothing_is_said_of_delivery(usms: Usms, gateway: Gateway) -> None:
    write_csv(usms.folder / "r.csv", [(phone, "x") for phone in phones(2)])
    assert usms(*SEND).status == 0
    headings = [heading.text for heading in page_of(usms).all("h2")]
    assert headings == ["Outcome", "Sends over time", "What was sent", "About this run"]


def test_nobody_is_named_on_the_page(mixed: Usms) -> None:
    page_of(mixed)
    text = (mixed.folder / "page.html").read_text()
    assert "Secret" not in text
    assert "Chan" not in text
    for phone in (*phones(8), "1380013", "55311111"):
        assert phone not in text


def test_the_page_needs_nothing_from_elsewhere(mixed: Usms) -> None:
    page = page_of(mixed)
    text = (mixed.folder / "page.html").read_text()
    tags = set(re.findall(r"<([a-z0-9]+)", text))
    assert not tags & {"script", "link", "img", "iframe", "object", "a", "form", "base"}
    assert not re.search(r"url\(|@import|\bon[a-z]+=|\b(src|href)=", text)
    [policy] = [
        one.attributes["content"] or ""
        for one in page.all("meta")
        if one.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_the_page_can_be_read_by_everybody(mixed: Usms) -> None:
    page = page_of(mixed)
    assert page.attributes == {"lang": "en"}
    assert page.all("title")[0].text == "job · SMS run"
    assert [heading.text for heading in page.all("h1")] == ["job"]
    names = {heading.attributes["id"] for heading in page.all("h2")}
    assert {section.attributes["aria-labelledby"] for section in page.all("section")} == names
    for table in page.all("table"):
        assert table.all("caption")[0].text
        assert {cell.attributes["scope"] for cell in table.all("th")} == {"col", "row"}
    for bar in page.all("i"):  # a bar is never without its number, and only looks
        assert bar.text == ""
    hidden = [one for one in page.all("div") if "split" in (one.attributes.get("class") or "")]
    assert {one.attributes["aria-hidden"] for one in hidden} == {"true"}


def test_times_are_local_with_their_zone(mixed: Usms) -> None:
    for zone, name, offset in (
        ("Asia/Shanghai", "UTC+08:00", "+08:00"),
        ("Asia/Kathmandu", "UTC+05:45", "+05:45"),
        ("America/Phoenix", "UTC-07:00", "-07:00"),
        ("UTC", "UTC.", "+00:00"),
    ):
        mixed.environment["TZ"] = zone
        assert mixed("show", "job", "-q", "--html", "page.html").status == 0
        page = read_page(mixed.folder / "page.html")
        assert name in page.text
        moments = [one.attributes["datetime"] or "" for one in page.all("time")]
        assert {moment[-6:] for moment in moments} == {offset}


def test_a_running_run_says_so_and_as_of_when(usms: Usms, gateway: Gateway) -> None:
    write_csv(usms.folder / "r.csv", [(phone, "x") for phone in phones(3)])
    gate = threading.Event()
    gateway.plan = lambda number, _: Reply(gate=gate if number > 1 else None)
    sending = usms.start(*SEND, "--batch-size", "1", "--concurrency", "1")
    give_up = time.monotonic() + 15
    while len(gateway.requests) < 2:
        assert time.monotonic() < give_up
        time.sleep(0.01)
    page = page_of(usms)
    gate.set()
    sending.communicate(timeout=20)
    [status] = [one for one in page.all("span") if "status" in str(one.attributes.get("class"))]
    assert status.text == "running"
    assert re.search(r"Sending since .*It is being sent now\. .*As of .*\d\d:\d\d:\d\d", page.text)
    assert "under way" in page.text
    assert "usms resume" not in page.text


def test_a_run_in_the_sandbox_says_so_loudly(usms: Usms) -> None:
    write_csv(usms.folder / "r.csv", [("13800138000", "x")])
    assert usms(*SEND, "--sandbox").status == 0
    page = page_of(usms)
    [note] = [one for one in page.all("p") if one.attributes.get("role") == "note"]
    assert note.text == "Sandbox Nobody was really messaged: a stand-in for the API answered."
    assert "accepted by the sandbox" in page.text
    assert page.all("title")[0].text == "job · sandbox SMS run"


def test_a_page_names_the_largest_and_counts_the_rest(usms: Usms, gateway: Gateway) -> None:
    everybody = phones(60)
    write_csv(usms.folder / "r.csv", [(phone, "x") for phone in everybody])
    reasons = [f"reason {'abcdefghijkl'[number % 12]}" for number in range(60)]
    gateway.plan = lambda *_: Reply(fails=dict(zip(everybody, reasons, strict=True)))
    assert usms(*SEND).status == 1
    page = page_of(usms)
    assert len(rows(page, "Failed by reason")) == 10
    assert "and 2 more, with 10" in page.text


def test_the_page_is_beside_other_forms_and_the_owners_alone(mixed: Usms) -> None:
    page = mixed.folder / "page.html"
    page.write_text("an older page")
    page.chmod(0o644)
    result = mixed("show", "job", "--json", "--html", "page.html", "--failures", "f.csv")
    assert (result.status, json.loads(result.out)["run"]) == (0, "job")
    assert (mixed.folder / "f.csv").exists()
    assert page.stat().st_mode & 0o777 == 0o600
    assert "an older page" not in page.read_text()
    plain = mixed("show", "job", "--html", "page.html")
    assert plain.out == mixed("show", "job").out
    assert list(mixed.folder.glob(".page*")) == []


def test_where_no_page_can_be_written_nothing_is_shown(mixed: Usms) -> None:
    for path in (".", "nowhere/page.html"):
        result = mixed("show", "job", "--html", path)
        assert (result.status, result.out) == (2, "")
        assert "cannot write" in result.err


def write_hostile(folder: Path, text: str, problem: str) -> Node:
    """The page of a run in which every text that is not ours is `text`."""
    path = folder / "r.db"
    with Draft(folder / "draft") as draft:
        draft.begin_source(text)
        for number in range(4):
            draft.add(FIRST + number, text, text, (text,), 2)
        draft.add_invalid(text, text, text, (text,), 3, text)
        draft.seal(new_info(name="r", address=text), allow_duplicates=False)
        draft.publish(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        insert = "INSERT INTO request VALUES (?, 1e9, 1e9, 0, 'taken', ?, ?, ?, 0, ?)"
        connection.execute(insert, (1, "accepted", None, 2, 0))
        connection.execute(insert, (2, "unknown", text, 0, 1))
        connection.executemany("INSERT INTO span VALUES (1, ?, ?, ?)", [(1, 2, 1), (3, 3, 2)])
        connection.execute("UPDATE request SET accepted = 1, failed = 1 WHERE id = 1")
        connection.execute("INSERT INTO apart VALUES (1, 2, 'failed', ?)", (text,))
        connection.execute("INSERT INTO session VALUES (?, 1, ?, ?, 1)", (text,) * 3)
        connection.execute("INSERT INTO receipt VALUES (1, 1, 1, 0, 1, 0, ?, 'CN')", (text,))
        connection.execute("INSERT INTO receipt_count VALUES (1, 0, 1, 1)")
        connection.execute("INSERT INTO call VALUES (1, 1e9, 1e9, 'stopped', ?)", (problem,))
    with closing(View.open(path)) as view:
        write_page(report_on_run(view, running=False), folder / "page.html")
    return read_page(folder / "page.html")


def without_long_numbers(text: str) -> bool:
    return sum(map(str.isdigit, text)) < 7 and '"' not in text


HOSTILE = st.one_of(
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            "</bdi></th></style><style>*{display:none}</style>",
            "<!-- ", "]]>", "&lt;b&gt;", "&#60;", "'><img src=x onerror=x>", "</title>",
            "\x1b[31m\u202e\x00\r\n", "${7*7}{{7}}", "<\x00script>", "王小明", "&amp",
        ]
    ),
    st.text(st.sampled_from("<>&'/=!-;#xlt \x00\x1b\u202ea王"), min_size=1),
    st.text(st.characters(codec="utf-8"), min_size=1),
)  # fmt: skip


@settings(max_examples=60)
@given(HOSTILE.filter(without_long_numbers))
def test_no_text_leaves_its_element(text: str) -> None:
    with TemporaryDirectory() as tame, TemporaryDirectory() as hostile:
        expected = write_hostile(Path(tame), "plain", "plain")
        page = write_hostile(Path(hostile), text, text)
    assert page.shape == expected.shape
    found = [one.text for one in page.all("bdi")]
    plain = [one.text for one in expected.all("bdi")]
    assert found == [visible(text) if one == "plain" else one for one in plain]
    assert plain.count("plain") > 8


@given(st.integers(0, 10**8), st.integers(0, 10**8))
def test_a_share_is_all_or_none_only_when_it_is(one: int, other: int) -> None:
    text = share(one, one + other)
    assert (text == "100%") == (one > 0 and other == 0)
    assert (text == "0%") == (one == 0)
    assert text not in ("100.0%", "0.0%")


def test_every_region_has_a_name() -> None:
    names = {country_name(code) for code in phonenumbers.SUPPORTED_REGIONS}
    assert len(names) == len(phonenumbers.SUPPORTED_REGIONS)
    assert all(len(name) > 2 for name in names)
    assert country_name("") == "Country not known"


def palettes() -> list[dict[str, str]]:
    """The colours of the page: light, dark and printed."""
    blocks = re.findall(r":root \{(.*?)\}", STYLE.read_text(), re.DOTALL)
    return [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+);", block)) for block in blocks]


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    values = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (
        one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in values
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", palettes(), ids=["light", "dark", "printed"])
def test_colours_can_be_told_from_what_they_stand_on(palette: dict[str, str]) -> None:
    paper, wash = palette["paper"], palette["wash"]
    texts = ("ink", "soft", "accepted", "failed", "pending")  # the last three also colour a status
    assert all(contrast(palette[text], paper) >= 4.5 for text in texts)
    assert all(contrast(palette[text], wash) >= 4.5 for text in ("ink", "soft"))
    assert contrast(palette["sandbox"], palette["on-sandbox"]) >= 4.5
    bars = ("unknown", "invalid", "duplicate", "excluded", "columns")
    assert all(contrast(palette[bar], paper) >= 3 for bar in bars)
