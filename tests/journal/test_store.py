"""The state directory: names, finding, locks between processes, and files that are no runs."""

import fcntl
import io
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path

import pytest

from tests.support.runs import FIRST, To, fill, new_info, people, write_run
from usms_cli.api.verdicts import Taken
from usms_cli.batching import batches
from usms_cli.errors import UsageError
from usms_cli.journal.draft import Draft
from usms_cli.journal.ledger import Ledger
from usms_cli.journal.outcomes import OUTCOMES
from usms_cli.journal.receipts import ReceiptBook
from usms_cli.journal.schema import VERSION, JournalError, open_for_reading
from usms_cli.journal.store import Store, check_name
from usms_cli.journal.view import View
from usms_cli.report.csv_export import export_outcome
from usms_cli.report.html_page import write_page
from usms_cli.report.json_report import write_json
from usms_cli.report.report import report_on_run
from usms_cli.settle import settle


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state")


def make(store: Store, name: str, created: float = 1.0, number: int = 1) -> None:
    with store.lock(name), Draft(store.draft_path(name)) as draft:
        fill(draft, people(number))
        draft.seal(new_info(name=name, created=created), allow_duplicates=False)
        draft.publish(store.path(name))


def make_sent(store: Store, number: int = 2) -> None:
    """Make a run of which the first was sent, in one request."""
    make(store, "a", number=number)
    with closing(Ledger(store.path("a"))) as ledger:
        ledger.begin_call()
        batch = next(batches(ledger.pending(1), 1))
        request = ledger.start(batch)
        ledger.settle(request, batch, settle(Taken(("s",), ()), batch))
        ledger.end_call("stopped", "why")


def show(store: Store) -> None:
    with closing(store.open("a")) as view:
        report = report_on_run(view, running=False)
        write_json(report, io.BytesIO())
        for outcome in OUTCOMES:
            export_outcome(report, outcome, store.directory / "export.csv")
        write_page(report, store.directory / "page.html")


@contextmanager
def another_process(store: Store, name: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that holds the lock of a run, and a draft of it, until its input ends."""
    code = (
        "import sys; from pathlib import Path; from usms_cli.journal.store import Store\n"
        "store = Store(Path(sys.argv[1]))\n"
        "with store.lock(sys.argv[2]):\n"
        "    store.draft_path(sys.argv[2]).touch()\n"
        "    print('locked', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(store.directory), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process


# --- names -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["a", "7", "spring-2026", "A.b_c-d", "20260101-120000-ab12", "lasting", "x" * 100]
)
def test_names_that_a_run_may_have(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "last", ".a", "-a", "_a", "a b", "a/b", "../a", "a\n", "é", "名", "١", "a:b", "x" * 101],
)
def test_names_that_no_run_may_have(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a run"):
        check_name(name)


def test_a_new_name_is_one_and_no_other(store: Store) -> None:
    names = {store.new_name() for _ in range(20)}
    assert len(names) == 20
    assert all(check_name(name) == name for name in names)


# --- finding ---------------------------------------------------------------------------------


def test_a_run_is_found_by_name_by_a_unique_beginning_or_as_the_last(store: Store) -> None:
    for name, created in (("spring", 3.0), ("spring-2", 9.0), ("autumn", 5.0), ("a.b", 1.0)):
        make(store, name, created)
    assert sorted(store.names()) == ["a.b", "autumn", "spring", "spring-2"]
    assert store.find("spring") == "spring"
    assert store.find("spring-") == "spring-2"
    assert store.find("au") == "autumn"
    assert store.find("a.") == "a.b"
    assert store.find("last") == "spring-2"


@pytest.mark.parametrize(("written", "last"), [(4.0, "new"), (6.0, "damaged")])
def test_a_damaged_run_is_the_last_only_where_it_may_be(
    store: Store, written: float, last: str
) -> None:
    make(store, "old", 3.0)
    make(store, "new", 5.0)
    store.path("damaged").write_bytes(b"no run")
    os.utime(store.path("damaged"), (written, written))
    assert store.find("last") == last


@pytest.mark.parametrize("reference", ["spr", "s"])
def test_a_beginning_of_several_is_an_error_that_names_them(store: Store, reference: str) -> None:
    make(store, "spring-1")
    make(store, "spring-2")
    with pytest.raises(UsageError, match=r"several runs: spring-1, spring-2"):
        store.find(reference)


@pytest.mark.parametrize("reference", ["x", "", "../state/spring", "spring.db", "SPRING", "*"])
def test_what_is_no_run_is_not_found(store: Store, reference: str) -> None:
    make(store, "spring")
    with pytest.raises(UsageError, match="there is no run"):
        store.find(reference)


@pytest.mark.parametrize("reference", ["last", "x"])
def test_in_an_empty_place_nothing_is_found_and_nothing_made(store: Store, reference: str) -> None:
    with pytest.raises(UsageError, match="there is no run"):
        store.find(reference)
    assert store.names() == []
    assert not store.directory.exists()


def test_a_run_that_is_being_written_is_no_run_yet(store: Store) -> None:
    with store.lock("a"), Draft(store.draft_path("a")) as draft:
        fill(draft, people(1))
        assert store.names() == []
        assert not store.exists("a")


# --- locks -----------------------------------------------------------------------------------


def test_two_processes_never_have_one_run(store: Store) -> None:
    with another_process(store, "a"):
        with (
            pytest.raises(UsageError, match='another process is sending for the run "a"'),
            store.lock("a"),
        ):
            pytest.fail("the lock was given twice")
        assert store.is_running("a")
        assert not store.is_running("b")
        with store.lock("b"):
            pass
    with store.lock("a"):
        assert store.is_running("a")
    assert not store.is_running("a")


def test_a_killed_process_holds_nothing(store: Store) -> None:
    with another_process(store, "a") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not store.is_running("a")
        with store.lock("a"):
            pass


def test_a_lock_that_is_given_back_in_time_is_waited_for(store: Store) -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with store.lock("a"):
            held.set()
            done.wait(5)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(5)
    threading.Timer(0.1, done.set).start()
    with store.lock("a"):
        assert done.is_set()
    thread.join()


def test_of_many_who_want_a_lock_one_has_it_at_a_time(store: Store) -> None:
    """Also while its file is removed and made anew by each."""
    inside, most, turns = 0, 0, 0
    count = threading.Lock()

    def work() -> None:
        nonlocal inside, most, turns
        for _ in range(20):
            try:
                with store.lock("a"):
                    with count:
                        inside += 1
                        most = max(most, inside)
                        turns += 1
                    time.sleep(0.0005)
                    with count:
                        inside -= 1
            except UsageError:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert turns > 20


def test_a_lock_on_a_file_that_was_removed_meanwhile_is_no_lock(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who had it before removes its file, and that may be between our opening and our locking."""
    flock, path = fcntl.flock, store.directory / ".a.lock"
    calls: list[int] = []

    def late(descriptor: int, operation: int) -> None:
        calls.append(operation)
        if len(calls) == 1:
            path.unlink()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with store.lock("a"):
        assert len(calls) == 2
        assert store.is_running("a")


def test_what_a_killed_process_left_is_swept_and_nothing_else(store: Store) -> None:
    make(store, "whole")
    with another_process(store, "dead") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    with another_process(store, "alive"):
        store.sweep()
        left = {path.name for path in store.directory.iterdir()}
        assert left == {"whole.db", ".alive.draft", ".alive.lock"}


def test_the_directory_and_the_locks_are_their_owners_alone(store: Store) -> None:
    before = os.umask(0)
    try:
        with store.lock("a"):
            assert store.directory.stat().st_mode & 0o777 == 0o700
            for path in store.directory.iterdir():
                assert path.stat().st_mode & 0o077 == 0, path
    finally:
        os.umask(before)


# --- deleting --------------------------------------------------------------------------------


def test_a_deleted_run_leaves_nothing(store: Store) -> None:
    make(store, "a")
    make(store, "ab")
    with closing(Ledger(store.path("a"))) as ledger:
        ledger.begin_call()
        store.delete("a")
    assert {path.name for path in store.directory.iterdir()} == {"ab.db"}


def test_what_the_sandbox_knew_of_a_run_is_deleted_with_it(store: Store) -> None:
    make(store, "a")
    store.sandbox_path("a").touch()
    make(store, "a.b")
    store.sandbox_path("a.b").touch()
    store.delete("a")
    assert not store.sandbox_path("a").exists()
    assert store.sandbox_path("a.b").exists()


def test_a_run_that_is_used_is_not_deleted_however_many_use_it(store: Store) -> None:
    make(store, "a")
    with store.in_use("a"):
        with store.in_use("a"), store.lock("a"):  # beside one that sends
            pass
        with pytest.raises(UsageError, match="asking for the receipts"):
            store.delete("a")
        assert store.exists("a")
    store.delete("a")
    assert list(store.directory.glob(".*lock")) == []


def test_a_run_that_is_being_sent_is_not_deleted(store: Store) -> None:
    make(store, "a")
    with another_process(store, "a"), pytest.raises(UsageError, match="another process"):
        store.delete("a")
    assert store.exists("a")


# --- what is no run --------------------------------------------------------------------------


def set_version(path: Path, version: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version={version}")


@pytest.mark.parametrize("version", [VERSION - 1, VERSION + 1])
def test_a_run_of_another_version_is_refused_and_left_as_it_is(store: Store, version: int) -> None:
    make(store, "a")
    set_version(store.path("a"), version)
    before = store.path("a").read_bytes()
    for opening in (View.open, Ledger, ReceiptBook):
        with pytest.raises(UsageError, match="another version of usms"):
            opening(store.path("a"))
    assert store.path("a").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 3\0" + b"x" * 500])
def test_a_file_that_is_no_run_is_refused(store: Store, content: bytes) -> None:
    store.directory.mkdir()
    store.path("a").write_bytes(content)
    for opening in (View.open, Ledger, ReceiptBook):
        with pytest.raises(UsageError, match="is not a run of usms, or is damaged"):
            opening(store.path("a"))


def test_another_programs_database_is_refused(store: Store) -> None:
    store.directory.mkdir()
    with closing(sqlite3.connect(store.path("a"))) as connection:
        connection.execute("CREATE TABLE info (content BLOB)")
        connection.execute(f"PRAGMA user_version={VERSION}")
    with pytest.raises(UsageError, match="is not a run of usms"):
        store.open("a")


def test_a_run_that_is_cut_off_is_an_error_of_the_journal(store: Store) -> None:
    make(store, "a")
    whole = store.path("a").read_bytes()
    store.path("a").write_bytes(whole[:4096])
    with pytest.raises((JournalError, UsageError)):
        store.open("a")


@pytest.mark.parametrize("text", [b'"records":', b'["a"]', b"list.csv"])
def test_a_run_whose_content_is_damaged_is_an_error_of_the_journal(
    text: bytes, store: Store
) -> None:
    store.directory.mkdir()
    write_run(store.path("a"), [To(FIRST, ("a",))])
    whole = store.path("a").read_bytes()
    assert text in whole
    store.path("a").write_bytes(whole.replace(text, b"\xff" * len(text)))
    with pytest.raises(JournalError, match="cannot use the journal"), closing(store.open("a")) as v:
        list(v.rows("pending"))


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE info SET content = 5",
        "UPDATE info SET content = '{}'",
        "UPDATE task SET params = 'excluded'",
        "UPDATE task SET params = 1 << 40",
        "UPDATE task SET template = x'ff'",
        "UPDATE source SET first = 1, name = x'00'",
        "UPDATE recipient SET line = 'x'",
        "UPDATE recipient SET params = 5",
        "UPDATE call SET status = x'00'",
        "UPDATE request SET failed = 'x'",
        "UPDATE request SET started = 1e300",
        "UPDATE request SET started = 'x'",
        "UPDATE session SET recipients = 'x'",
    ],
)
def test_a_run_with_values_that_were_not_written_is_an_error_of_the_journal(
    damage: str, store: Store
) -> None:
    make_sent(store)
    with closing(sqlite3.connect(store.path("a"))) as connection, connection:
        connection.execute(damage)
    with pytest.raises(JournalError, match="cannot use the journal"):
        show(store)
    assert store.find("last") == "a"


@pytest.mark.parametrize(
    "damage", ["request SET failed = 3", "task SET records = 0", "request SET accepted = -5"]
)
def test_a_run_whose_numbers_do_not_agree_is_shown_as_far_as_it_can_be(
    damage: str, store: Store
) -> None:
    make_sent(store)
    with closing(sqlite3.connect(store.path("a"))) as connection, connection:
        connection.execute(f"UPDATE {damage}")
    show(store)
    assert (store.directory / "page.html").read_text("utf-8").rstrip().endswith("</html>")


def test_what_seems_to_be_huge_in_a_damaged_run_is_not_read(store: Store) -> None:
    make(store, "a")
    with closing(open_for_reading(store.path("a"))) as connection, pytest.raises(sqlite3.Error):
        connection.execute("SELECT zeroblob(100000000)")


def test_a_run_goes_on_only_if_its_file_is_sound(store: Store) -> None:
    make_sent(store)
    path = store.path("a")
    content = bytearray(path.read_bytes())
    page = content.index(b"T1") // 4096 * 4096
    content[page + 1 : page + 3] = b"\xff\xff"  # where the first free place is
    path.write_bytes(content)
    show(store)
    with pytest.raises(JournalError, match="Page"):
        Ledger(path)


def test_recipients_out_of_order_are_not_read_over_and_over(store: Store) -> None:
    make_sent(store, 40)
    path = store.path("a")
    content = path.read_bytes()
    phone = (FIRST + 34).to_bytes(6)
    assert content.count(b"\x23" + phone) == 1  # the 35th
    path.write_bytes(content.replace(b"\x23" + phone, b"\x5a" + phone))
    with closing(Ledger(path)) as ledger, pytest.raises(JournalError, match="not in order"):
        list(ledger.pending(3))


def test_session_numbers_out_of_order_are_not_read_over_and_over(store: Store) -> None:
    make_sent(store, 40)
    path = store.path("a")
    with closing(Ledger(path)) as ledger:
        for number, batch in enumerate(islice(batches(ledger.pending(2), 2), 3)):
            request = ledger.start(batch)
            ledger.settle(request, batch, settle(Taken((f"session-{number}",), ()), batch))
        ledger.commit()
    with closing(ReceiptBook(path)):  # which makes the index
        pass
    content = path.read_bytes()
    at = content.rindex(b"session-2")  # in the index, which came last
    path.write_bytes(content[:at] + b"session-0" + content[at + 9 :])
    with closing(ReceiptBook(path)) as book, pytest.raises(JournalError, match="not in order"):
        list(islice(book.sessions(only_waiting=False), 100))


def test_a_run_that_is_not_there_is_an_error_of_the_journal(store: Store) -> None:
    store.directory.mkdir()
    with pytest.raises(JournalError, match="cannot use the journal"):
        store.open("a")
    assert not store.exists("a")
