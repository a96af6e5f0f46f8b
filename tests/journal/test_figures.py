"""Figures: they add up to what the rows say, name nobody, and need no more room for more rows."""

import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Literal

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumberFormat, PhoneNumberType

from tests.support.gateway import Gateway, Reply, Target, refusal
from tests.support.runs import FIRST, To, deliver, fill, new_info, people, write_run
from usms_cli.journal.draft import Draft
from usms_cli.journal.figures import Figures, Tally, Template, without_numbers, without_values
from usms_cli.journal.view import View
from usms_cli.recipients.phones import api_form, country_of


@contextmanager
def figures_of(path: Path) -> Iterator[Figures]:
    with closing(View.open(path)) as view:
        yield view.figures


@pytest.fixture
def mixed(tmp_path: Path, gateway: Gateway) -> Path:
    """A run with failures in and by whole requests, and unknowns of both kinds."""
    path = tmp_path / "r.db"
    everybody = [*people(8), *people(8, "T2", first=20), *people(1, "gone", first=40)]
    everybody += everybody[:3]  # duplicates, which stand within the spans of requests
    write_run(path, [*everybody, To(85255311111, (), "T2")])
    lost = api_form(FIRST + 24)

    def plan(number: int, targets: list[Target]) -> Reply:
        if any(target.template == "gone" for target in targets):
            return refusal()
        if any(target.phone == lost for target in targets):
            return Reply(status=502, body=b"")
        last_digits = {"13800000001": "blacklist", "(852)55311111": "no such number"}
        return Reply(fails=last_digits)

    gateway.plan = plan
    deliver(path, gateway.address, batch_size=4, concurrency=1)
    return path


def test_reasons_add_up_to_what_the_rows_say(mixed: Path) -> None:
    outcomes: tuple[Literal["failed", "unknown"], ...] = ("failed", "unknown")
    with closing(View.open(mixed)) as view:
        for outcome in outcomes:
            rows = Counter(without_numbers(row.reason) for row in view.rows(outcome))
            top = view.figures.reasons(outcome, 100)
            assert rows
            assert dict(top.first) == rows
            assert (top.more, top.total) == (0, getattr(view.counts(), outcome))
        phones = Counter(row.phone for row in view.rows("failed"))
        assert dict(view.figures.phones("failed")) == phones


def test_only_the_largest_are_named_and_the_rest_is_counted(tmp_path: Path) -> None:
    with Draft(tmp_path / "draft") as draft:
        for number in range(6):
            for line in range(number + 1):
                draft.add_invalid("x", "T", "S", (), line, f"reason {'abcdef'[number]}")
        draft.seal(new_info(), allow_duplicates=False)
        top = draft.view().figures.reasons("invalid", 2)
    assert top.first == [Tally("reason f", 6), Tally("reason e", 5)]
    assert (top.more, top.total) == (4, 21)


def test_every_invalid_record_has_its_reason_among_them(tmp_path: Path) -> None:
    with Draft(tmp_path / "draft") as draft:
        fill(draft, [*people(3), To(FIRST + 9, ("one", "more"))])
        draft.add_invalid("x", "T1", "S", (), 5, "no phone")
        draft.seal(new_info(), allow_duplicates=False)
        view = draft.view()
        draft.reject([(next(view.pending_messages("T1")), "too long")])
        found = Counter(row.reason for row in view.rows("invalid"))
        assert len(found) == 3
        assert dict(view.figures.reasons("invalid", 9).first) == found


def test_without_requests_there_is_nothing_to_show(tmp_path: Path) -> None:
    write_run(tmp_path / "r.db", people(3))
    with figures_of(tmp_path / "r.db") as figures:
        assert figures.reasons("failed", 5) == ([], 0, 0)
        assert list(figures.phones("failed")) == []
        assert figures.activity() is None
        assert figures.timeline(60, 0) is None


def test_reasons_that_differ_in_a_number_or_in_what_was_found_are_one(tmp_path: Path) -> None:
    with Draft(tmp_path / "draft") as draft:
        for phone in ("1380013", 'a "quoted": one', "=1+1"):
            draft.add_invalid(phone, "T", "S", (), 1, f'phone "{phone}": too short for a number')
        for cell in ("Anna", '["Anna", "5"'):
            reason = f'"params" is "{cell}", not a JSON list such as ["x"]'
            draft.add_invalid("13800138000", "T", "S", (), 1, reason)
        draft.seal(new_info(), allow_duplicates=False)
        top = draft.view().figures.reasons("invalid", 9)
    assert top.first == [Tally("phone: too short for a number", 3), Tally('"…"]', 2)]


@given(
    st.text(),
    st.from_regex(r"\A\+?\(?[0-9][0-9 ().-]{5,20}[0-9]\Z").filter(
        lambda text: sum(map(str.isdigit, text)) >= 7
    ),
    st.text(),
)
def test_no_number_as_long_as_a_phone_is_left_in_a_reason(
    before: str, phone: str, after: str
) -> None:
    left = without_numbers(f"{before}{phone}{after}")
    assert not re.search(r"\d{7}", left)
    assert phone not in left
    assert without_values(f'phone "{phone}{before}": {left}') == f"phone: {left}"


def test_templates_and_files_are_counted_without_what_is_not_sent(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    with Draft(tmp_path / "r.draft") as draft:
        draft.begin_source("empty.csv")
        fill(draft, [*people(3), *people(2), To(FIRST + 50, (), "T2", ""), To(FIRST + 51, ("x",))])
        draft.begin_source("second.csv")
        draft.add(FIRST + 60, "T2", "", (), 2)
        draft.add_invalid("x", "T3", "S", (), 3, "no phone")
        draft.seal(new_info(), allow_duplicates=False)
        draft.publish(path)
    with figures_of(path) as figures:
        assert figures.templates(9) == ([Template("T1", "S", 3), Template("T2", "", 2)], 0)
        assert figures.templates(1) == ([Template("T1", "S", 3)], 1)
        assert figures.sources(9) == ([Tally("list.csv", 7), Tally("second.csv", 2)], 0)
        assert figures.sources(1) == ([Tally("list.csv", 7)], 1)


def shared_mobiles() -> list[int]:
    """Mobiles of every region that shares its country code with another, many of each."""
    chance = Random(7)
    found: list[int] = []
    for code, regions in COUNTRY_CODE_TO_REGION_CODE.items():
        for region in regions if len(regions) > 1 else ():
            example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
            if example is None:
                continue
            national = phonenumbers.national_significant_number(example)
            for _ in range(200):
                kept = chance.randint(3, len(national))
                digits = national[:kept] + "".join(
                    chance.choice("0123456789") for _ in national[kept:]
                )
                number = phonenumbers.parse(f"+{code}{digits}")
                if phonenumbers.is_valid_number(number):
                    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
                    found.append(int(e164[1:]))
    return sorted(set(found))


def test_phones_that_are_counted_together_are_of_one_country(tmp_path: Path) -> None:
    everybody = shared_mobiles()
    path = tmp_path / "r.db"
    write_run(path, [To(phone) for phone in everybody])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO apart SELECT task, id, 'failed', 'x' FROM recipient")
    numbers: Counter[str] = Counter()
    with figures_of(path) as figures:
        for phone, number in figures.phones("failed"):
            numbers[country_of(phone)] += number
    assert len(numbers) > 30
    assert numbers == Counter(map(country_of, everybody))


@given(
    st.lists(
        st.one_of(
            st.floats(0, 4e9),
            st.floats(1.8e9, 1.8e9 + 100),
            st.floats(1.8e9, 1.8e9 + 1e6),
        ),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from([0, 8 * 3600, -12_600, 20_700]),
    st.integers(7, 60),
)
def test_every_send_is_in_the_span_of_its_time(times: list[float], offset: int, most: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "r.db"
        write_run(path, people(1))
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executemany(
                "INSERT INTO request VALUES (NULL, ?, ?, 0, 'taken', 'accepted', NULL, 2, 1, 0)",
                [(at, at + 1) for at in times],
            )
            # One that took nobody is no send.
            query = (
                "INSERT INTO request VALUES (NULL, 0, 5e9, 0, 'refused', 'pending', '', 0, 0, 0)"
            )
            connection.execute(query)
        with figures_of(path) as figures:
            timeline = figures.timeline(most, offset)
            assert figures.activity() == (len(times) + 1, 0, 5e9)
    assert timeline
    start, width, numbers = timeline
    assert 0 < len(numbers) <= most
    assert (start + offset) % width == 0
    expected = Counter(int((at - start) // width) for at in times)
    assert numbers == [3 * expected[place] for place in range(len(numbers))]
    assert numbers[0]
    assert numbers[-1]


def test_figures_hold_no_more_for_more_recipients(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    write_run(path, people(3000))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO apart SELECT task, id, 'failed', 'reason ' || id FROM recipient"
        )
    calls: list[Callable[[Figures], object]] = [
        lambda figures: figures.reasons("failed", 10).first,
        lambda figures: list(figures.phones("failed")),
        lambda figures: figures.templates(10)[0],
        lambda figures: figures.sources(10)[0],
    ]
    with figures_of(path) as figures:
        for call in calls:
            held = call(figures)
            assert isinstance(held, list)
            assert 0 < len(held) <= 10
