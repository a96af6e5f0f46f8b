"""The sending side of a run: every recipient in exactly one outcome, whatever is recorded."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from tests.support.runs import FIRST, To, people, write_run
from usms_cli.batching import Batch, Recipient, batches
from usms_cli.journal import schema
from usms_cli.journal.ledger import Ledger
from usms_cli.journal.outcomes import OUTCOMES
from usms_cli.journal.schema import UNANSWERED
from usms_cli.journal.settlement import Apart, SessionRow, Settlement
from usms_cli.journal.view import View

ACCEPTED = Settlement("taken", "accepted")
UNKNOWN = Settlement("unknown", "unknown", "no answer")
REFUSED = Settlement("refused", "pending", "bad")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "r.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    """A run to a hundred people."""
    write_run(path, people(100))
    with closing(Ledger(path)) as ledger:
        yield ledger


def pending(ledger: Ledger, size: int = 1000, first: int | None = None) -> list[Batch]:
    return list(batches(ledger.pending(size, first), size))


def ids(batch: Batch) -> list[int]:
    return [one.id for _, one in batch.members()]


def test_a_batch_is_whole_though_its_parameters_are_too_long_for_a_row(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_LONGEST", 10_000)
    people_ = [To(FIRST + n, (f"{n} " + "x" * 600,)) for n in range(100)]
    write_run(path, people_)
    with closing(Ledger(path)) as ledger:
        (batch,) = pending(ledger)
    assert [one.phone for _, one in batch.members()] == [one.phone for one in people_]
    assert [msgspec.json.decode(one.params) for _, one in batch.members()] == [
        list(one.params) for one in people_
    ]


def send(ledger: Ledger, batch: Batch, settlement: Settlement) -> int:
    request = ledger.start(batch)
    ledger.settle(request, batch, settlement)
    ledger.commit()
    return request


def standing(path: Path) -> dict[str, set[int]]:
    """Return each outcome's recipients, by their places from 1; checks the counts."""
    found: dict[str, set[int]] = {}
    with closing(View.open(path)) as view:
        counts = view.counts()
        for outcome in OUTCOMES:
            rows = [row.line - 1 for row in view.rows(outcome)]
            assert len(rows) == len(set(rows)) == getattr(counts, outcome), outcome
            if rows:
                found[outcome] = set(rows)
    assert sum(map(len, found.values())) == counts.records
    return found


# --- pending ---------------------------------------------------------------------------------


def test_all_are_pending_at_first_in_order(ledger: Ledger) -> None:
    assert [ids(batch) for batch in pending(ledger, 40)] == [
        [*range(1, 41)],
        [*range(41, 81)],
        [*range(81, 101)],
    ]


def test_gaps_between_what_was_sent_are_pending(ledger: Ledger, path: Path) -> None:
    first, second, third, *_ = pending(ledger, 10)
    send(ledger, second, ACCEPTED)
    send(ledger, first.part(3, 5), UNKNOWN)
    send(ledger, third.part(9, 10), ACCEPTED)
    left = [id_ for batch in pending(ledger, 7) for id_ in ids(batch)]
    assert left == [1, 2, 3, *range(6, 11), *range(21, 30), *range(31, 101)]
    assert standing(path)["pending"] == set(left)


def test_the_last_and_the_first_may_be_gone(ledger: Ledger) -> None:
    (everybody,) = pending(ledger)
    send(ledger, everybody.part(0, 1), ACCEPTED)
    send(ledger, everybody.part(99, 100), ACCEPTED)
    assert [ids(batch) for batch in pending(ledger)] == [[*range(2, 100)]]


def test_what_is_given_back_is_pending_again(ledger: Ledger, path: Path) -> None:
    first, *_ = pending(ledger, 10)
    send(ledger, first, REFUSED)
    assert standing(path) == {"pending": set(range(1, 101))}
    assert ids(pending(ledger, 10)[0]) == ids(first)


def test_only_the_first_so_many_pending_ones_of_the_input(path: Path) -> None:
    """Of the input, whatever template they have; and pending: what was sent does not count."""
    write_run(path, [To(FIRST + n, (), f"T{n % 3}") for n in range(30)])
    with closing(Ledger(path)) as ledger:
        (batch,) = pending(ledger, first=7)
        assert sorted(ids(batch)) == [*range(1, 8)]
        send(ledger, batch, ACCEPTED)
        (batch,) = pending(ledger, first=7)
        assert sorted(ids(batch)) == [*range(8, 15)]
        assert sorted(ids(pending(ledger, first=1000)[0])) == [*range(8, 31)]


def test_a_template_may_be_given_up_while_one_reads(path: Path) -> None:
    write_run(path, [*people(50, "T1"), *people(50, "T2", first=50)])
    given_up: set[int] = set()
    with closing(Ledger(path)) as ledger:
        reading = ledger.pending(10, given_up=given_up)
        first = next(reading)
        given_up.add(first.task.id)
        assert {piece.task.template for piece in reading} == {"T2"}


def test_invalid_and_duplicate_records_are_never_pending(path: Path) -> None:
    write_run(path, [To(FIRST), To(FIRST), To(FIRST + 1, ("x",)), To(FIRST + 2), To(FIRST)])
    with closing(Ledger(path)) as ledger:
        (batch,) = pending(ledger)
        assert ids(batch) == [1, 4]
        send(ledger, batch, ACCEPTED)
        assert pending(ledger) == []
    assert standing(path) == {"accepted": {1, 4}, "duplicate": {2, 5}, "invalid": {3}}


# --- started, settled ------------------------------------------------------------------------


def test_a_request_without_an_answer_is_unknown(ledger: Ledger, path: Path) -> None:
    first, *_ = pending(ledger, 10)
    ledger.start(first)
    ledger.commit()
    ledger.close()
    assert standing(path)["unknown"] == set(range(1, 11))
    with closing(View.open(path)) as view:
        assert {row.reason for row in view.rows("unknown")} == {UNANSWERED}


def test_what_is_not_committed_did_not_happen(ledger: Ledger, path: Path) -> None:
    first, *_ = pending(ledger, 10)
    ledger.start(first)
    assert standing(path) == {"pending": set(range(1, 101))}
    ledger.commit()
    assert len(standing(path)["unknown"]) == 10
    ledger.settle(1, first, ACCEPTED)
    assert len(standing(path)["unknown"]) == 10
    ledger.commit()
    assert len(standing(path)["accepted"]) == 10


def test_those_apart_fare_differently(ledger: Ledger, path: Path) -> None:
    first, *_ = pending(ledger, 10)
    apart = [Apart(1, 3, "failed", "no such number"), Apart(1, 5, "unknown", "which?")]
    send(ledger, first, Settlement("taken", "accepted", apart=apart))
    found = standing(path)
    assert (found["failed"], found["unknown"]) == ({3}, {5})
    assert found["accepted"] == {*range(1, 11)} - {3, 5}
    with closing(View.open(path)) as view:
        assert [row.reason for row in view.rows("failed")] == ["no such number"]


def test_a_refused_recipient_that_stood_alone_fails_with_the_reason(
    ledger: Ledger, path: Path
) -> None:
    first, *_ = pending(ledger, 10)
    alone = first.part(4, 5)
    request = send(ledger, alone, REFUSED)
    assert "failed" not in standing(path)
    ledger.fail(request, alone)
    ledger.commit()
    assert standing(path)["failed"] == {5}
    with closing(View.open(path)) as view:
        assert [row.reason for row in view.rows("failed")] == ["bad"]


def test_somebody_of_a_template_was_accepted_or_not(path: Path) -> None:
    write_run(path, [*people(10, "T1"), *people(10, "T2", first=10)])
    with closing(Ledger(path)) as ledger:
        one, two = pending(ledger, 10)
        task_one, task_two = one.pieces[0].task.id, two.pieces[0].task.id
        send(ledger, one, ACCEPTED)
        send(ledger, two.part(0, 3), UNKNOWN)
        send(ledger, two.part(3, 6), REFUSED)
        assert ledger.has_accepted(task_one)
        assert not ledger.has_accepted(task_two)


def test_session_numbers_are_kept(ledger: Ledger, path: Path) -> None:
    first, second, *_ = pending(ledger, 10)
    for batch, no in ((first, "b"), (second, "a")):
        rows = [SessionRow(no, "T1", "S", 10), SessionRow("both", "T1", no, 5)]
        send(ledger, batch, Settlement("taken", "accepted", sessions=rows))
    with closing(View.open(path)) as view:
        found = [(one.session_no, one.sender_id, one.recipients) for one in view.sessions()]
        assert found == [("b", "S", 10), ("both", None, 10), ("a", "S", 10)]
        assert view.session_count() == 3


# --- sent again ------------------------------------------------------------------------------


def unknown(ledger: Ledger, size: int = 1000) -> list[Batch]:
    return list(batches(ledger.unknown(size), size, resend=True))


def test_the_unknown_ones_are_found_wherever_they_are(ledger: Ledger) -> None:
    first, second, third, *_ = pending(ledger, 10)
    send(ledger, first, UNKNOWN)
    send(ledger, second, Settlement("taken", "accepted", apart=[Apart(1, 15, "unknown", "?")]))
    send(ledger, third, Settlement("taken", "unknown", apart=[Apart(1, 25, "failed", "no")]))
    expected = [*range(1, 11), 15, *range(21, 25), *range(26, 31)]
    for size in (1, 3, 1000):
        assert [id_ for batch in unknown(ledger, size) for id_ in ids(batch)] == expected


def test_a_request_takes_over_whom_it_sends_again(ledger: Ledger, path: Path) -> None:
    first, second, *_ = pending(ledger, 10)
    send(ledger, first, UNKNOWN)
    send(ledger, second, UNKNOWN)
    middle = unknown(ledger, 5)[1]  # 6 to 10
    send(ledger, middle, ACCEPTED)
    across = next(batch for batch in unknown(ledger, 7))  # 1 to 5, and 11 and 12
    assert ids(across) == [1, 2, 3, 4, 5, 11, 12]
    send(ledger, across, ACCEPTED)
    found = standing(path)
    assert found["accepted"] == set(range(1, 13))
    assert found["unknown"] == set(range(13, 21))


def test_killed_while_sending_again_they_are_unknown_as_before(ledger: Ledger, path: Path) -> None:
    first, *_ = pending(ledger, 10)
    send(ledger, first, UNKNOWN)
    ledger.start(unknown(ledger, 4)[1])
    ledger.commit()
    ledger.close()
    assert standing(path)["unknown"] == set(range(1, 11))


@pytest.mark.parametrize(
    "settlement",
    [
        REFUSED,
        UNKNOWN,
        Settlement("stop", "pending", "wrong key"),
        Settlement("not taken", "pending", "429"),
        Settlement("taken", "unknown", "no session"),
    ],
    ids=lambda one: one.verdict,
)
def test_whatever_but_accepted_leaves_them_unknown(
    ledger: Ledger, path: Path, settlement: Settlement
) -> None:
    first, *_ = pending(ledger, 10)
    send(ledger, first, UNKNOWN)
    (again,) = unknown(ledger)
    request = send(ledger, again, settlement)
    ledger.fail(request, again)
    ledger.commit()
    found = standing(path)
    assert found["unknown"] == set(range(1, 11))
    assert "failed" not in found
    with closing(View.open(path)) as view:
        assert {row.reason for row in view.rows("unknown")} == {
            f"an earlier request may have taken it; sent again: {settlement.reason}"
        }


def test_who_is_listed_as_failed_on_sending_again_stays_unknown(ledger: Ledger, path: Path) -> None:
    first, *_ = pending(ledger, 10)
    send(ledger, first, UNKNOWN)
    (again,) = unknown(ledger)
    send(ledger, again, Settlement("taken", "accepted", apart=[Apart(1, 3, "failed", "no")]))
    found = standing(path)
    assert found["unknown"] == {3}
    assert found["accepted"] == {*range(1, 11)} - {3}


# --- anything --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(25))
def test_whatever_is_recorded_everybody_has_the_outcome_that_it_gives(
    path: Path, seed: int
) -> None:
    """Beside the ledger a model, one outcome a recipient; after each step they must agree."""
    chance = random.Random(seed)
    people_ = [To(FIRST + chance.randrange(40), (), f"T{chance.randrange(3)}") for _ in range(60)]
    write_run(path, people_)
    model = {id_: outcome for outcome, found in standing(path).items() for id_ in found}
    ledger = Ledger(path)
    for _ in range(25):
        if chance.random() < 0.1:
            ledger.close()
            ledger = Ledger(path)
        resend = chance.random() < 0.3
        size = chance.choice([1, 3, 8, 20])
        found = unknown(ledger, size) if resend else pending(ledger, size)
        wanted = "unknown" if resend else "pending"
        assert Counter(id_ for batch in found for id_ in ids(batch)) == Counter(
            id_ for id_, outcome in model.items() if outcome == wanted
        )
        if not found:
            continue
        batch = chance.choice(found)
        request = ledger.start(batch)
        model |= dict.fromkeys(ids(batch), "unknown")
        ledger.commit()
        assert standing(path) == by_outcome(model)
        if chance.random() < 0.1:
            continue  # killed
        settlement = random_settlement(chance, batch)
        ledger.settle(request, batch, settlement)
        alone_failed = settlement.outcome == "pending" and chance.random() < 0.3
        if alone_failed:
            ledger.fail(request, batch)
        ledger.commit()
        apart = {one.id: one.outcome for one in settlement.apart}
        for id_ in ids(batch):
            outcome = apart.get(id_, "failed" if alone_failed else settlement.outcome)
            model[id_] = "unknown" if resend and outcome != "accepted" else outcome
        assert standing(path) == by_outcome(model)
    ledger.close()


def random_settlement(chance: random.Random, batch: Batch) -> Settlement:
    outcomes: list[Literal["accepted", "unknown", "pending"]] = ["accepted", "unknown", "pending"]
    outcome = chance.choice(outcomes)
    apart = [
        Apart(task.id, one.id, chance.choice(["failed", "unknown"]), "why")
        for task, one in batch.members()
        if outcome != "pending" and chance.random() < 0.2
    ]
    return Settlement("v", outcome, "why", apart)


def by_outcome(model: dict[int, str]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for id_, outcome in model.items():
        found.setdefault(outcome, set()).add(id_)
    return found


def test_a_recipients_place_phone_and_parameters_come_back_as_added(path: Path) -> None:
    write_run(path, [To(FIRST, ("x", "参")), To(85255311111, ("", "y"))])
    with closing(Ledger(path)) as ledger:
        (batch,) = pending(ledger)
        assert [one for _, one in batch.members()] == [
            Recipient(1, FIRST, '["x","参"]'.encode()),
            Recipient(2, 85255311111, b'["","y"]'),
        ]
