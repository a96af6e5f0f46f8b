"""A run being written: what is judged only when the whole input is there."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.runs import FIRST, To, deliver, fill, new_info, outcomes, people, write_run
from usms_cli.journal import draft as module
from usms_cli.journal.draft import Draft
from usms_cli.journal.outcomes import OUTCOMES
from usms_cli.journal.schema import JournalError, RunInfo
from usms_cli.journal.view import View

A, B, C = 8613800000001, 8613800000002, 8613800000003


@pytest.fixture
def draft(tmp_path: Path) -> Iterator[Draft]:
    with Draft(tmp_path / "r.draft") as draft:
        yield draft


def seal(draft: Draft, *, allow_duplicates: bool = False) -> RunInfo:
    """Seal, and check that every record has exactly one outcome and the counts say so."""
    info = draft.seal(new_info(), allow_duplicates=allow_duplicates)
    view = draft.view()
    counts = view.counts()
    lines = [row.line for outcome in OUTCOMES for row in view.rows(outcome)]
    assert len(lines) == counts.records == draft.records == info.records
    for outcome in OUTCOMES:
        assert getattr(counts, outcome) == len(list(view.rows(outcome))), outcome
    assert info.recipients == counts.pending
    return info


def lines(draft: Draft, outcome: str) -> list[int]:
    return [row.line for row in draft.view().rows(outcome)]  # type: ignore[arg-type]


# --- numbers of parameters -------------------------------------------------------------------


def with_params(*counts: int, template: str = "T1", sender: str = "S") -> list[To]:
    return [
        To(A + place, tuple("x" * count), template, sender) for place, count in enumerate(counts)
    ]


@pytest.mark.parametrize(
    ("counts", "invalid"),
    [
        ((1, 1, 1), []),
        ((0, 0), []),
        ((2,), []),
        ((1, 1, 2), [4]),
        ((2, 1, 1), [2]),
        ((0, 1, 1), [2]),
        ((3, 0, 0, 1, 0), [2, 5]),
        ((1, 2), [2, 3]),
        ((1, 2, 1, 2), [2, 3, 4, 5]),
        ((1, 2, 3), [2, 3, 4]),
        ((1, 1, 2, 2, 3), [2, 3, 4, 5, 6]),
        ((1, 1, 2, 2, 2, 3), [2, 3, 7]),
    ],
)
def test_the_number_of_parameters_that_most_records_have_is_the_right_one(
    draft: Draft, counts: tuple[int, ...], invalid: list[int]
) -> None:
    fill(draft, with_params(*counts))
    seal(draft)
    assert lines(draft, "invalid") == invalid


def test_the_reason_says_what_the_others_have(draft: Draft) -> None:
    fill(draft, with_params(2, 1, 1))
    seal(draft)
    (row,) = draft.view().rows("invalid")
    assert row.reason == 'has 2 template parameters, but most records of template "T1" have 1'
    assert (row.phone, row.params, row.template, row.source) == (A, ["x", "x"], "T1", "list.csv")


def test_in_a_tie_the_reason_says_that_none_is_right(draft: Draft) -> None:
    fill(draft, with_params(2, 1))
    seal(draft)
    for row in draft.view().rows("invalid"):
        assert "none is right" in row.reason


def test_each_template_has_a_number_of_its_own(draft: Draft) -> None:
    fill(draft, [*with_params(1, 1, 2), *with_params(2, 2, 1, template="T2")])
    seal(draft)
    assert lines(draft, "invalid") == [4, 7]


def test_a_template_has_one_number_for_all_its_senders(draft: Draft) -> None:
    fill(draft, [*with_params(1, 1), *with_params(1, 2, 2, sender="")])
    seal(draft)
    assert lines(draft, "invalid") == [5, 6]


def test_a_record_that_is_invalid_otherwise_counts_too(draft: Draft) -> None:
    fill(draft, with_params(1, 2))
    for line in (4, 5):
        draft.add_invalid("no phone", "T1", "S", ["x", "y"], line, "no phone")
        draft.count_vote("T1", "S", 2)
    seal(draft)
    assert lines(draft, "invalid") == [2, 4, 5]


def test_records_of_a_wrong_number_are_no_duplicates(draft: Draft) -> None:
    fill(draft, [To(A, ("x",)), To(A, ("x",)), To(A), To(B), To(C)])
    info = seal(draft)
    assert (info.invalid, info.duplicate) == (2, 0)


# --- duplicates ------------------------------------------------------------------------------


def test_identical_records_are_sent_once(draft: Draft) -> None:
    fill(draft, [To(A, ("x",)), To(B, ("x",)), To(A, ("x",)), To(A, ("x",))])
    info = seal(draft)
    assert (info.recipients, info.duplicate) == (2, 2)
    assert lines(draft, "pending") == [2, 3]
    assert lines(draft, "duplicate") == [4, 5]


def test_a_duplicate_says_where_the_first_stands(draft: Draft) -> None:
    fill(draft, [To(B), To(A)])
    draft.begin_source("more.csv")
    draft.add(A, "T1", "S", [], 2)
    seal(draft)
    (row,) = draft.view().rows("duplicate")
    assert (row.reason, row.source) == ("the same as line 3 of list.csv", "more.csv")


def test_duplicates_may_be_allowed(draft: Draft) -> None:
    fill(draft, [To(A), To(A), To(A)])
    info = seal(draft, allow_duplicates=True)
    assert (info.recipients, info.duplicate) == (3, 0)


@pytest.mark.parametrize(
    "other", [To(A, ("y",)), To(A, ("x",), "T2"), To(A, ("x",), "T1", ""), To(B, ("x",))], ids=str
)
def test_records_that_differ_in_anything_are_no_duplicates(draft: Draft, other: To) -> None:
    fill(draft, [To(A, ("x",)), other])
    assert seal(draft).recipients == 2


def test_phones_with_different_contents_are_counted(draft: Draft) -> None:
    fill(
        draft,
        [
            *(To(A, ("x",)), To(A, ("y",))),
            *(To(B, ("x",)), To(B, ("x",), "T2")),
            *(To(C, ("x",)), To(C, ("x",))),
        ],
    )
    seal(draft)
    assert draft.phones_sent_differently() == 2


# --- the digest ------------------------------------------------------------------------------

records = st.lists(
    st.builds(
        To,
        st.sampled_from([A, B, C]),
        st.sampled_from([(), ("x",), ("x", ""), ('","',), ("参",)]),
        st.sampled_from(["T1", "T2", '1"']),
        st.sampled_from(["", "S", "1"]),
    ),
    max_size=12,
)


def digest(path: Path, given_records: list[To], **seal_options: bool) -> str:
    with Draft(path) as draft:
        fill(draft, given_records)
        return draft.seal(new_info(), allow_duplicates=False, **seal_options).digest


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(records, st.data())
def test_the_same_records_have_the_same_digest_however_they_come(
    tmp_path: Path, records: list[To], data: st.DataObject
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        whole = digest(tmp_path / "a", records)
        patch.setattr(module, "CHUNK", data.draw(st.integers(1, 3)))
        patch.setattr(module, "_KNOWN_TASKS", data.draw(st.integers(1, 3)))
        with Draft(tmp_path / "b") as draft:
            for line, one in enumerate(records):
                if data.draw(st.booleans()):
                    draft.begin_source(f"{line}.csv")
                if data.draw(st.booleans()):
                    draft.add_invalid("x", "T1", "S", [], line, "no phone")
                draft.add(one.phone, one.template, one.sender, one.params, 7 * line)
            other = draft.seal(new_info(name="other", created=2.0), allow_duplicates=True)
    assert other.digest == whole


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(records, records)
def test_different_records_have_different_digests(
    tmp_path: Path, one: list[To], other: list[To]
) -> None:
    same = digest(tmp_path / "a", one) == digest(tmp_path / "b", other)
    assert same == (one == other)


@pytest.mark.parametrize(
    "change",
    [
        lambda all_: all_[::-1],
        lambda all_: all_[:-1],
        lambda all_: [*all_, all_[-1]],
        lambda all_: [all_[0]._replace(phone=C), *all_[1:]],
        lambda all_: [all_[0]._replace(params=("y",)), *all_[1:]],
        lambda all_: [all_[0]._replace(params=("x", "")), *all_[1:]],
        lambda all_: [all_[0]._replace(template="T"), *all_[1:]],
        lambda all_: [all_[0]._replace(sender=""), *all_[1:]],
    ],
)
def test_any_change_of_a_record_changes_the_digest(
    tmp_path: Path, change: Callable[[list[To]], list[To]]
) -> None:
    given_records = [To(A, ("x",)), To(B, ("x",))]
    assert digest(tmp_path / "a", given_records) != digest(tmp_path / "b", change(given_records))


def test_the_same_digest_comes_of_more_templates_than_are_kept_in_mind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [To(A + n, (), f"T{n % 25}") for n in range(2500)]
    whole = digest(tmp_path / "a", many)
    monkeypatch.setattr(module, "_KNOWN_TASKS", 10)
    assert digest(tmp_path / "b", many) == whole


# --- the file --------------------------------------------------------------------------------


def test_a_draft_that_is_not_published_leaves_nothing(tmp_path: Path) -> None:
    with Draft(tmp_path / "r.draft") as draft:
        fill(draft, people(3000))
        seal(draft)
    assert list(tmp_path.iterdir()) == []


def test_a_draft_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    def stop_in_the_middle() -> Iterator[To]:
        yield from people(1500)
        raise KeyError

    with pytest.raises(KeyError), Draft(tmp_path / "r.draft") as draft:
        fill(draft, stop_in_the_middle())
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "r.draft"
    path.write_text("mine")
    with pytest.raises(JournalError, match="cannot use the journal"):
        Draft(path)
    assert path.read_text() == "mine"


def test_a_run_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    before = os.umask(0)
    try:
        write_run(path, people(3))
        seen: set[str] = set()

        def look(_: object) -> None:
            for file in tmp_path.iterdir():
                seen.add(file.name)
                assert stat.S_IMODE(file.stat().st_mode) == 0o600, file

        deliver(path, "http://127.0.0.1:9", retries=0, watch=look)
    finally:
        os.umask(before)
    assert {"r.db", "r.db-wal"} <= seen


def test_a_published_run_holds_what_was_added(tmp_path: Path) -> None:
    path = tmp_path / "r.db"
    info = write_run(path, [To(A, ("x", "参")), To(B, ("", "y"), "T1", "")])
    with closing(View.open(path)) as view:
        assert view.info == info
        assert [(row.phone, row.params, row.sender) for row in view.rows("pending")] == [
            (A, ["x", "参"], "S"),
            (B, ["", "y"], ""),
        ]


# --- what only the API knows -----------------------------------------------------------------


def test_pending_messages_come_by_template_whole_and_without_those_left_out(draft: Draft) -> None:
    many = [
        To(A + number, (f"{number}",), "T1", "S" if number % 3 else "") for number in range(4000)
    ]
    fill(
        draft, [To(B + 10_000, ("x", "y"), "T0"), *many, many[7], To(A, (), "T2"), To(A, (), "T1")]
    )
    seal(draft)
    view = draft.view()
    assert list(view.pending_templates()) == [("T0", 2), ("T1", 1), ("T2", 0)]
    found = sorted((place, line, params) for _, place, line, params in view.pending_messages("T1"))
    assert found == [(number + 2, number + 3, [f"{number}"]) for number in range(4000)]
    assert [params for *_, params in view.pending_messages("T2")] == [[]]
    assert list(view.pending_messages("T9")) == []


def test_who_is_rejected_while_they_are_read_is_invalid_and_counted_so(
    draft: Draft, tmp_path: Path
) -> None:
    fill(draft, [*people(2500), *people(3), *people(1, "T2", first=2500)])
    info = seal(draft)
    assert (info.recipients, info.duplicate) == (2501, 3)
    for one in draft.view().pending_messages("T1"):
        if one[1] % 2:
            draft.reject([(one, f"no {one[1]}")])
    info = draft.recount(info)
    assert (info.recipients, info.invalid, info.duplicate) == (1251, 1250, 3)
    rows = list(draft.view().rows("invalid"))
    assert [row.line for row in rows] == list(range(2, 2502, 2))
    assert (rows[0].reason, rows[0].phone, rows[0].template) == ("no 1", FIRST, "T1")
    path = tmp_path / "r.db"
    draft.publish(path)
    assert {outcome: len(found) for outcome, found in outcomes(path).items()} == {
        "pending": 1251,
        "invalid": 1250,
        "duplicate": 3,
    }


def test_a_template_whose_recipients_are_all_rejected_is_no_more(draft: Draft) -> None:
    fill(draft, people(3))
    info = seal(draft)
    draft.reject([(one, "no") for one in draft.view().pending_messages("T1")])
    assert list(draft.view().pending_templates()) == []
    assert draft.recount(info).recipients == 0
