"""A disk that fills up: the run stops before the next request, and goes on when there is room."""

import resource
import subprocess
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.reliability.harness import Record, Run, World
from tests.support.command import Usms, phones, write_csv
from tests.support.gateway import TAKEN, Gateway, Reply, Target
from usms_cli.cli.delivering import deliver_and_report
from usms_cli.cli.terminal import Terminal
from usms_cli.journal.ledger import Ledger
from usms_cli.journal.schema import JournalError, PaceChange
from usms_cli.journal.store import Store
from usms_cli.settings import Account, Secret

_PEOPLE = phones(40)
_ONE_BY_ONE = ["--batch-size", "1", "--concurrency", "1"]
_CALL = ["-t", "T1", "-s", "S", "--run", "night", "--json"]


@pytest.fixture
def table(usms: Usms) -> Path:
    return write_csv(usms.folder / "a.csv", [(phone, "x") for phone in _PEOPLE])


@pytest.fixture
def small_disk(usms: Usms) -> Iterator[Path]:
    """A disk of four megabytes, for the state directory."""
    usms.state.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(usms.state)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no small disk can be mounted here: {error}")
    try:
        yield usms.state
    finally:
        subprocess.run(["umount", str(usms.state)], check=True)


@pytest.mark.parametrize("number", [1, 2, 17])
def test_files_that_may_not_grow(number: int, table: Path, usms: Usms, gateway: Gateway) -> None:
    """From one request on, whatever the process writes fails."""
    processes: list[subprocess.Popen[str]] = []

    def plan(request: int, _: list[Target]) -> Reply:
        if request == number:
            resource.prlimit(processes[0].pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        return TAKEN

    gateway.plan = plan
    processes.append(usms.start("send", table, *_CALL, *_ONE_BY_ONE))
    _stopped(processes[0])
    assert len(gateway.requests) == number
    shown = usms("show", "night", "--json").report
    # The answer to the last request could not be kept.
    expected = {"accepted": number - 1, "unknown": 1, "pending": 40 - number}
    assert expected.items() <= shown["counts"].items()
    _goes_on(usms, gateway)


def test_files_of_any_largest_size(table: Path, usms: Usms, gateway: Gateway) -> None:
    """However far the process comes, nobody is sent whose start is not on disk."""
    statuses: list[int] = []
    for limit in (20_000, 57_400, 60_000, 90_000, 200_000, 400_000, 700_000):
        gateway.taken.clear()
        process = usms.start("send", table, *_CALL, *_ONE_BY_ONE, preexec_fn=_limited_to(limit))
        _, err = process.communicate(timeout=60)
        assert "Traceback" not in err
        statuses.append(process.returncode)
        if (usms.state / "night.db").exists():
            pending = usms.folder / "pending.csv"
            usms("show", "night", "--export", "pending", str(pending))
            assert not [phone for phone in gateway.phones if phone in pending.read_text()]
            _goes_on(usms, gateway)
            usms("runs", "delete", "night", "--yes")
        else:
            assert not gateway.taken
    assert statuses[0] == 4
    assert statuses[-1] == 0
    assert set(statuses) == {0, 4}


def test_a_small_disk_full_before_the_run_is_whole(
    small_disk: Path, table: Path, usms: Usms, gateway: Gateway
) -> None:
    with _filled(small_disk):
        _stopped(usms.start("send", table, *_CALL))
    assert not gateway.requests
    assert usms("runs", "--json").report == []
    assert usms("send", table, *_CALL).status == 0
    assert gateway.phones == Counter(_PEOPLE)


@pytest.mark.parametrize("number", [1, 2, 9])
def test_a_small_disk_that_fills_up(
    number: int, small_disk: Path, table: Path, usms: Usms, gateway: Gateway
) -> None:
    filling = _filled(small_disk)

    def plan(request: int, _: list[Target]) -> Reply:
        if request == number:
            filling.__enter__()
        return TAKEN

    gateway.plan = plan
    _stopped(usms.start("send", table, *_CALL, *_ONE_BY_ONE))
    # There may have been room for a few more: in the page that was being written.
    assert number <= len(gateway.requests) <= number + 4
    filling.__exit__(None, None, None)
    shown = usms("show", "night", "--json").report
    assert shown["counts"]["accepted"] + shown["counts"]["unknown"] == len(gateway.requests)
    assert shown["counts"]["unknown"] <= 1
    _goes_on(usms, gateway)


@pytest.mark.parametrize(("fault", "status"), [(None, 0), ("401", 4)])
def test_only_how_the_call_ended_cannot_be_written(
    fault: str | None, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(ledger: Ledger, status: str, problem: str | None) -> None:
        raise JournalError("the disk is full")

    monkeypatch.setattr(Ledger, "end_call", full)
    with Run([Record(8613800138000)], World(faults=deque([fault]))) as run:
        store = Store(run.path.parent)
        account = Account(run.gateway.address, "key", Secret("secret"))
        try:
            ended = deliver_and_report(
                store, run.path.stem, account, Terminal(quiet=True), PaceChange()
            )
        except JournalError as error:
            ended = error.exit_status
        assert ended == status
        run.check()


def _stopped(process: "subprocess.Popen[str]") -> None:
    _, err = process.communicate(timeout=60)
    assert process.returncode == 4, err
    assert "cannot use the journal" in err
    assert "Traceback" not in err


def _goes_on(usms: Usms, gateway: Gateway) -> None:
    """With room again, everybody is sent who was not, and nobody who was."""
    done = usms("resume", "night", "--json")
    assert done.status in (0, 1)
    counts = done.report["counts"]
    assert (counts["pending"], counts["accepted"] + counts["unknown"]) == (0, 40)
    assert counts["unknown"] <= 1
    assert gateway.phones == Counter(_PEOPLE)


def _limited_to(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@contextmanager
def _filled(disk: Path) -> Iterator[None]:
    """Leave no byte on a disk."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        filler.unlink()
