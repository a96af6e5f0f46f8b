"""Who is meant by the failed phones of an answer: nobody is said to have failed or been accepted
where the answer leaves it open."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usms_cli.api.verdicts import FailedPhone, NotTaken, Refused, Stop, Taken, Unknown, Verdict
from usms_cli.batching import Batch, Piece, Task
from usms_cli.journal.settlement import SentCounts, Settlement
from usms_cli.recipients.phones import api_form
from usms_cli.settle import settle

T1, T2 = Task(1, "T1", "S"), Task(2, "T2", "S")
CN = 8613800138000
HK = 85255311111
US = 13800138000  # the same digits as CN without its country code
IT = 390612345678  # a zero that belongs to the number

Person = tuple[Task, int, tuple[str, ...]]


def batch_of(*people: Person) -> Batch:
    """A request with recipients whose ids count from 1."""
    pieces = [
        Piece(task, [id_], [phone], [msgspec.json.encode(params) if params else b""])
        for id_, (task, phone, params) in enumerate(people, start=1)
    ]
    return Batch(pieces)


def outcomes(settlement: Settlement, batch: Batch) -> dict[int, str]:
    """Every recipient's outcome by id; checks that the counts say the same."""
    found: dict[int, str] = {one.id: settlement.outcome for _, one in batch.members()}
    tasks = {one.id: task.id for task, one in batch.members()}
    assert len({one.id for one in settlement.apart}) == len(settlement.apart)
    for one in settlement.apart:
        assert tasks[one.id] == one.task
        found[one.id] = one.outcome
    counts = Counter(found.values())
    said = SentCounts(counts["accepted"], counts["failed"], counts["unknown"])
    assert settlement.counts(batch.size) == said
    return found


def taken(*failed: FailedPhone, sessions: Sequence[str] = ("a",)) -> Taken:
    return Taken(tuple(sessions), failed)


def failing(phone: str, *params: str) -> FailedPhone:
    return FailedPhone(phone, params or None, "no such number")


# --- the verdicts ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (Refused("why"), "pending"),
        (Stop("why"), "pending"),
        (NotTaken("why", 3.0), "pending"),
        (Unknown("why"), "unknown"),
    ],
)
def test_what_is_not_taken_is_pending_and_what_is_unknown_is_unknown(
    verdict: Verdict, outcome: str
) -> None:
    batch = batch_of((T1, CN, ()), (T2, HK, ()))
    settlement = settle(verdict, batch)
    assert outcomes(settlement, batch) == {1: outcome, 2: outcome}
    assert settlement.reason == "why"
    assert not settlement.sessions


def test_a_taken_request_without_failures_is_accepted() -> None:
    batch = batch_of((T1, CN, ()), (T2, HK, ()))
    assert outcomes(settle(taken(), batch), batch) == {1: "accepted", 2: "accepted"}


def test_without_a_session_number_only_the_failures_are_sure() -> None:
    batch = batch_of((T1, CN, ()), (T1, HK, ()))
    settlement = settle(taken(failing("13800138000"), sessions=()), batch)
    assert outcomes(settlement, batch) == {1: "failed", 2: "unknown"}
    assert settlement.reason == "the API gave no session number for it"


def test_without_a_session_number_all_may_have_failed() -> None:
    batch = batch_of((T1, CN, ()), (T1, HK, ()))
    verdict = taken(failing("13800138000"), failing("(852)55311111"), sessions=())
    settlement = settle(verdict, batch)
    assert outcomes(settlement, batch) == {1: "failed", 2: "failed"}


# --- whose phone it is -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phone", "writings"),
    [
        (
            CN,
            [
                "13800138000",
                "+8613800138000",
                "8613800138000",
                "008613800138000",
                "(86)13800138000",
                "(0086)13800138000",
                "(+86) 138-0013-8000",
                " 138 0013 8000 ",
                "１３８００１３８０００",
            ],
        ),
        (HK, ["(852)55311111", "85255311111", "+852 5531 1111", "0085255311111", "55311111"]),
        (IT, ["(39)0612345678", "390612345678", "+39 06 1234 5678", "0612345678"]),
    ],
)
def test_a_failed_phone_is_known_in_whatever_writing(phone: int, writings: list[str]) -> None:
    batch = batch_of((T1, phone, ()), (T1, 8613900139000, ()))
    for writing in writings:
        settlement = settle(taken(failing(writing)), batch)
        assert outcomes(settlement, batch) == {1: "failed", 2: "accepted"}, writing
        assert settlement.apart[0].reason == "no such number"


@pytest.mark.parametrize(
    ("writing", "expected"),
    [
        ("13800138000", {1: "failed", 2: "accepted"}),
        ("(1)3800138000", {1: "accepted", 2: "failed"}),
        ("+8613800138000", {1: "failed", 2: "accepted"}),
        ("3800138000", {1: "accepted", 2: "failed"}),
        ("1 380 013 8000", {1: "unknown", 2: "unknown"}),
    ],
)
def test_a_mainland_and_a_us_number_with_the_same_digits_are_told_apart_as_sent(
    writing: str, expected: dict[int, str]
) -> None:
    batch = batch_of((T1, CN, ()), (T1, US, ()), (T1, HK, ()))
    settlement = settle(taken(failing(writing)), batch)
    assert outcomes(settlement, batch) == expected | {3: "accepted"}


def test_two_ways_to_write_one_number_that_is_alone_in_its_request() -> None:
    """The digits of a US number are no mainland one's when none was sent."""
    batch = batch_of((T1, US, ()), (T1, HK, ()))
    settlement = settle(taken(failing("13800138000")), batch)
    assert outcomes(settlement, batch) == {1: "failed", 2: "accepted"}


@pytest.mark.parametrize(
    "stranger",
    [
        failing("13900139000"),
        failing(""),
        failing("not a phone"),
        failing("13800138000,13900139000"),
        failing("1380013800"),
        failing("138001380000"),
        failing("1" * 5000),
        failing("13800138000", "other"),
        failing("(852)55311111", "Li"),
    ],
)
def test_a_failed_phone_that_is_nobodys_leaves_everybody_unknown_and_is_named(
    stranger: FailedPhone,
) -> None:
    batch = batch_of((T1, CN, ("Li",)), (T1, HK, ("Wu",)))
    settlement = settle(taken(failing("13800138000", "Li"), stranger), batch)
    assert outcomes(settlement, batch) == {1: "unknown", 2: "unknown"}
    assert settlement.reason is not None
    assert f'"{stranger.phone[:25]}' in settlement.reason
    assert "no such number" in settlement.reason
    assert [row.no for row in settlement.sessions] == ["a"]


# --- the same phone more than once -----------------------------------------------------------


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ([("x",)], {1: "failed", 2: "accepted", 3: "accepted"}),
        ([("x",), ("z",)], {1: "failed", 2: "accepted", 3: "failed"}),
        ([("x",), ("y",), ("z",)], {1: "failed", 2: "failed", 3: "failed"}),
        ([()], {1: "unknown", 2: "unknown", 3: "unknown"}),
        ([(), ()], {1: "unknown", 2: "unknown", 3: "unknown"}),
        ([(), (), ()], {1: "failed", 2: "failed", 3: "failed"}),
        ([("x",), ()], {1: "failed", 2: "unknown", 3: "unknown"}),
        ([(), ("x",)], {1: "failed", 2: "unknown", 3: "unknown"}),
        ([("x",), (), ()], {1: "failed", 2: "failed", 3: "failed"}),
    ],
)
def test_one_phone_with_different_parameters_is_told_apart_by_them(
    listed: list[tuple[str, ...]], expected: dict[int, str]
) -> None:
    batch = batch_of((T1, CN, ("x",)), (T1, CN, ("y",)), (T1, CN, ("z",)), (T1, HK, ("x",)))
    verdict = taken(*(failing("13800138000", *params) for params in listed))
    assert outcomes(settle(verdict, batch), batch) == expected | {4: "accepted"}


@pytest.mark.parametrize(
    ("listed", "expected"),
    [(1, "unknown"), (2, "failed"), (3, "failed")],
)
@pytest.mark.parametrize("params", [(), ("x",)])
def test_identical_recipients_fail_together_or_cannot_be_told_apart(
    listed: int, expected: str, params: tuple[str, ...]
) -> None:
    batch = batch_of((T1, CN, params), (T1, HK, params), (T1, CN, params))
    settlement = settle(taken(*[failing("13800138000", *params)] * listed), batch)
    assert outcomes(settlement, batch) == {1: expected, 2: "accepted", 3: expected}


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ([("x",)], "unknown"),
        ([()], "unknown"),
        ([("x",), ("x",)], "failed"),
        ([(), ()], "failed"),
    ],
)
def test_one_phone_with_equal_parameters_under_two_templates(
    listed: list[tuple[str, ...]], expected: str
) -> None:
    batch = batch_of((T1, CN, ("x",)), (T2, CN, ("x",)), (T2, HK, ("x",)))
    settlement = settle(taken(*(failing("13800138000", *one) for one in listed)), batch)
    assert outcomes(settlement, batch) == {1: expected, 2: expected, 3: "accepted"}


def test_an_unknown_one_is_no_proof_that_the_other_failed() -> None:
    """One of the two `x` failed, and one more of the three: it may be the other `x`, or `y`."""
    batch = batch_of((T1, CN, ("x",)), (T1, CN, ("x",)), (T1, CN, ("y",)))
    verdict = taken(failing("13800138000", "x"), failing("13800138000"))
    assert outcomes(settle(verdict, batch), batch) == {1: "unknown", 2: "unknown", 3: "unknown"}


def test_what_one_listed_phone_leaves_open_another_may_settle() -> None:
    """Both writings of the digits: the one that is as it was sent names its number for sure."""
    batch = batch_of((T1, CN, ()), (T1, US, ()))
    for listed in (("1 380 013 8000", "13800138000"), ("13800138000", "1 380 013 8000")):
        settlement = settle(taken(*map(failing, listed)), batch)
        assert outcomes(settlement, batch)[1] == "failed"


# --- sessions --------------------------------------------------------------------------------


def sessions_of(settlement: Settlement) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in settlement.sessions]


def test_as_many_sessions_as_entries_are_theirs_in_order() -> None:
    batch = batch_of((T1, CN, ()), (T1, HK, ()), (T2, CN, ()))
    assert sessions_of(settle(taken(sessions=["a", "b"]), batch)) == [
        ("a", "T1", "S", 2),
        ("b", "T2", "S", 1),
    ]


def test_a_session_is_for_the_accepted_ones_alone() -> None:
    batch = batch_of((T1, CN, ()), (T1, HK, ()), (T2, IT, ()))
    verdict = taken(failing("13800138000"), sessions=["a", "b"])
    assert sessions_of(settle(verdict, batch)) == [("a", "T1", "S", 1), ("b", "T2", "S", 1)]


def test_an_entry_of_which_nobody_was_accepted_has_no_session() -> None:
    batch = batch_of((T1, CN, ()), (T2, HK, ()))
    verdict = taken(failing("13800138000"), sessions=["a"])
    assert sessions_of(settle(verdict, batch)) == [("a", "T2", "S", 1)]


def test_one_session_for_several_entries_is_the_whole_requests() -> None:
    batch = batch_of((T1, CN, ()), (T2, HK, ()), (T2, IT, ()))
    assert sessions_of(settle(taken(sessions=["a"]), batch)) == [("a", None, "S", 3)]


def test_sessions_that_fit_no_entry_are_kept_without_a_number_of_recipients() -> None:
    batch = batch_of((T1, CN, ()), (T1, HK, ()))
    assert sessions_of(settle(taken(sessions=["a", "b"]), batch)) == [
        ("a", "T1", "S", None),
        ("b", "T1", "S", None),
    ]


# --- any batch, any failures -----------------------------------------------------------------

PHONES = [CN, US, HK, IT, 8613900139000, 13900139000, 12125550123, 8612125550123]


def writings(phone: int) -> list[str]:
    """How an answer may write a phone, the ways left out that name another number of the pool."""
    digits = str(phone)
    code = next(code for code in ("86", "852", "39", "1") if digits.startswith(code))
    others = {api_form(one) for one in PHONES if one != phone}
    ways = [api_form(phone), f"+{digits}", digits, f"00{digits}", f"({code}){digits[len(code) :]}"]
    return [way for way in [*ways, digits[len(code) :]] if way not in others]


@st.composite
def answers(draw: st.DrawFn, with_params: st.SearchStrategy[bool]) -> tuple[Batch, set[int], Taken]:
    """A request, who of it failed in truth, and an answer that says so."""
    person = st.tuples(
        st.sampled_from([T1, T2]),
        st.sampled_from(PHONES),
        st.sampled_from([(), ("x",), ("y",), ("x", "y")]),
    )
    people = draw(st.lists(person, min_size=1, max_size=12))
    batch = batch_of(*people)
    truth = draw(st.sets(st.integers(1, len(people))))
    listed = [
        failing(
            draw(st.sampled_from(writings(people[id_ - 1][1]))),
            *(people[id_ - 1][2] if draw(with_params) else ()),
        )
        for id_ in sorted(truth)
    ]
    return batch, truth, Taken(("a",), tuple(draw(st.permutations(listed))))


@given(answers(st.booleans()))
def test_nobody_is_said_to_have_failed_or_been_accepted_who_did_not(
    case: tuple[Batch, set[int], Taken],
) -> None:
    batch, truth, verdict = case
    found = outcomes(settle(verdict, batch), batch)
    assert len(found) == batch.size
    for id_, outcome in found.items():
        if outcome == "failed":
            assert id_ in truth
        if outcome == "accepted":
            assert id_ not in truth


@given(answers(st.just(True)))
def test_unknown_are_only_those_that_cannot_be_told_apart(
    case: tuple[Batch, set[int], Taken],
) -> None:
    batch, truth, verdict = case
    found = outcomes(settle(verdict, batch), batch)
    people = {one.id: (str(one.phone)[-10:], one.params) for _, one in batch.members()}
    alike = Counter(people.values())
    without = {phone for phone, params in people.values() if not params}
    for id_, (phone, params) in people.items():
        if alike[phone, params] == 1 and phone not in without:
            assert found[id_] == ("failed" if id_ in truth else "accepted")
