"""Receipts in a run: kept, counted, never more than one for a recipient, beside whoever sends."""

from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.runs import FIRST, To, people, write_run
from usms_cli.batching import batches
from usms_cli.journal.ledger import Ledger
from usms_cli.journal.outcomes import FATES, Fate
from usms_cli.journal.receipts import Change, Kept, ReceiptBook
from usms_cli.journal.schema import JournalError
from usms_cli.journal.settlement import Apart, SessionRow, Settlement
from usms_cli.journal.view import ReceiptCounts, View

YES, NO, OPEN = Kept(True, 1, 10, ""), Kept(False, 2, 10, "off"), Kept(None, 1, 10, "Unknow")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "r.db"


@pytest.fixture
def book(path: Path) -> Iterator[ReceiptBook]:
    """A run to ten people in two requests, `a` and `b`; of the first its third is apart."""
    write_run(path, people(10))
    send(path, 5, {"a": 5}, Apart(1, 3, "failed", "no"))
    send(path, 5, {"b": 5})
    with closing(ReceiptBook(path)) as book:
        yield book


def send(path: Path, size: int, sessions: dict[str, int | None], *apart: Apart) -> None:
    """Send to the first so many who are pending, with these session numbers as the answer."""
    rows = [SessionRow(no, "T1", "S", number) for no, number in sessions.items()]
    with closing(Ledger(path)) as ledger:
        batch = next(batches(ledger.pending(size), size))
        request = ledger.start(batch)
        ledger.settle(request, batch, Settlement("taken", "accepted", None, apart, rows))
        ledger.commit()


def keep(book: ReceiptBook, no: str, receipts: dict[int, Kept]) -> None:
    """Keep receipts by the places of their recipients."""
    with book.updating():
        changes = [
            Change(one, receipts[one.id], None if receipts[one.id].delivered else "CN")
            for one in book.addressees(no)
            if one.id in receipts
        ]
        book.keep(no, changes)


def check(path: Path) -> ReceiptCounts:
    """Return the counts, after comparing them with the rows."""
    with closing(View.open(path)) as view:
        counts = view.receipts()
        found: dict[Fate, list[int]] = {}
        for fate in FATES:
            found[fate] = [int(row.phone) - FIRST + 1 for row in view.rows(fate)]
            assert found[fate] == sorted(set(found[fate]))
            assert len(found[fate]) == getattr(counts, fate)
        accepted = [int(row.phone) - FIRST + 1 for row in view.rows("accepted")]
        assert sorted(chain(*found.values())) == accepted
        assert len(accepted) == view.counts().accepted
        for by in ("reason", "country"):
            numbers = [number for _, number in view.undelivered_by(by)]
            assert sum(numbers) == counts.undelivered
            assert len(numbers) == view.count_undelivered_by(by)
    return counts


def test_without_receipts_all_who_are_accepted_are_waiting(book: ReceiptBook, path: Path) -> None:
    assert check(path) == ReceiptCounts(0, 0, 9, 0)
    assert not book.view.has_receipts()
    assert {row.reason for row in book.view.rows("waiting")} == {"no receipt yet"}


def test_receipts_are_counted_and_replaced_and_counted_anew(book: ReceiptBook, path: Path) -> None:
    keep(book, "a", {1: YES, 2: NO, 4: OPEN})
    keep(book, "b", {6: NO})
    assert check(path) == ReceiptCounts(1, 2, 6, 6)
    assert book.view.has_receipts()
    keep(book, "a", {2: YES, 4: NO})
    assert check(path) == ReceiptCounts(2, 2, 5, 6)
    keep(book, "a", {1: NO, 2: NO})
    assert check(path) == ReceiptCounts(0, 4, 5, 8)
    with closing(View.open(path)) as view:
        assert {row.reason for row in view.rows("undelivered")} == {"off"}


def test_undelivered_are_counted_by_reason_and_country_the_most_frequent_first(
    book: ReceiptBook, path: Path
) -> None:
    keep(book, "a", {1: NO, 2: NO._replace(reason="blocked"), 4: NO})
    with book.updating():
        [one] = [one for one in book.addressees("b") if one.id == 6]
        book.keep("b", [Change(one, NO._replace(reason=""), "")])
    assert list(book.view.undelivered_by("reason")) == [("off", 2), ("", 1), ("blocked", 1)]
    assert list(book.view.undelivered_by("country")) == [("CN", 3), ("", 1)]
    check(path)


def test_addressees_say_who_is_accepted_and_what_is_kept(book: ReceiptBook) -> None:
    keep(book, "a", {2: NO})
    found = {one.id: one for one in book.addressees("a")}
    assert [one.id for one in found.values() if not one.accepted] == [3]
    assert sorted(found) == [1, 2, 3, 4, 5]
    assert (found[1].kept, found[2].kept) == (None, NO)
    assert all(one.own and not one.elsewhere for one in found.values())


def test_a_receipt_belongs_to_the_session_that_it_came_with(path: Path) -> None:
    write_run(path, [To(FIRST), To(FIRST + 1)])
    send(path, 2, {"a": None, "b": None})
    with closing(ReceiptBook(path)) as book:
        keep(book, "b", {1: YES})
        [of_a, _] = book.addressees("a")
        assert (of_a.elsewhere, of_a.kept) == (True, None)
        [of_b, _] = book.addressees("b")
        assert (of_b.elsewhere, of_b.kept) == (False, YES)


def test_a_session_number_that_came_twice_is_one_for_both_requests(path: Path) -> None:
    write_run(path, people(4))
    send(path, 2, {"a": 2})
    send(path, 2, {"a": 2})
    with closing(ReceiptBook(path)) as book:
        assert list(book.sessions(only_waiting=False)) == [("a", 4)]
        keep(book, "a", {1: YES, 2: YES, 3: YES})
        assert list(book.sessions(only_waiting=True)) == [("a", 2)]
        keep(book, "a", {4: NO})
        assert list(book.sessions(only_waiting=True)) == []
    assert check(path) == ReceiptCounts(3, 1, 0, 5)


def test_sessions_are_those_with_accepted_recipients_or_with_waiting_ones(path: Path) -> None:
    write_run(path, people(1200))
    send(path, 1, {"none": 1}, Apart(1, 1, "failed", "no"))
    with closing(Ledger(path)) as ledger:
        for number, batch in enumerate(batches(ledger.pending(1200), 1), 2):
            rows = [SessionRow(f"s{number}", "T1", "S", 1)]
            settlement = Settlement("taken", "accepted", sessions=rows)
            ledger.settle(ledger.start(batch), batch, settlement)
        ledger.commit()
    with closing(ReceiptBook(path)) as book:
        found = [one.no for one in book.sessions(only_waiting=False)]
        assert sorted(found) == sorted(f"s{number}" for number in range(2, 1201))
        keep(book, "s7", {7: YES})
        keep(book, "s8", {8: OPEN})
        left = [one.no for one in book.sessions(only_waiting=True)]
        assert set(found) - set(left) == {"s7"}


def test_receipts_are_kept_beside_a_process_that_sends(path: Path) -> None:
    write_run(path, people(6))
    send(path, 2, {"a": 2})
    with closing(Ledger(path)) as ledger, closing(ReceiptBook(path)) as book:
        batch = next(batches(ledger.pending(2), 2))
        request = ledger.start(batch)
        ledger.commit()
        keep(book, "a", {1: YES, 2: NO})
        rows = [SessionRow("b", "T1", "S", 2)]
        ledger.settle(request, batch, Settlement("taken", "accepted", sessions=rows))
        ledger.commit()
        assert [one.no for one in book.sessions(only_waiting=True)] == ["b"]
        keep(book, "b", {3: YES})
    assert check(path) == ReceiptCounts(2, 1, 1, 4)


def test_what_goes_wrong_half_way_is_not_kept_by_halves(book: ReceiptBook, path: Path) -> None:
    changes = [Change(one, YES, None) for one in book.addressees("a") if one.accepted]
    bad = YES._replace(time=None)  # type: ignore[arg-type]
    changes.append(changes[0]._replace(receipt=bad))
    with pytest.raises(JournalError), book.updating():
        book.keep("a", changes)
    assert check(path) == ReceiptCounts(0, 0, 9, 0)
    keep(book, "a", {1: YES})
    assert check(path) == ReceiptCounts(1, 0, 8, 1)


@settings(max_examples=30)
@given(
    st.lists(
        st.dictionaries(st.sampled_from([1, 2, 4, 5]), st.sampled_from([YES, NO, OPEN])), max_size=6
    )
)
def test_the_counts_always_agree_with_the_rows(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[dict[int, Kept]]
) -> None:
    path = tmp_path_factory.mktemp("run") / "r.db"
    write_run(path, people(5))
    send(path, 5, {"a": 5}, Apart(1, 3, "unknown", "?"))
    with closing(ReceiptBook(path)) as book:
        for receipts in rounds:
            keep(book, "a", receipts)
            check(path)
