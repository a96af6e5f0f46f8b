"""The process ends before and after every write and every request, and is started again.

First inside this process, at each step in turn; then real processes, really killed.
"""

import shutil
import signal
import subprocess
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.reliability.harness import Power, PowerOff, Record, Run, World
from tests.support.command import Usms, phones, write_csv
from tests.support.gateway import TAKEN, Gateway, Reply, Target
from usms_cli.journal import draft, schema
from usms_cli.journal.ledger import Ledger
from usms_cli.journal.schema import Pace
from usms_cli.journal.store import Store
from usms_cli.journal.view import View

_FIRST = 8613800138000


def _records(count: int, template: str = "T1", first: int = _FIRST) -> list[Record]:
    return [Record(first + number, template, params=("a",)) for number in range(count)]


@dataclass(frozen=True)
class Scenario:
    """A run whose every step is crashed at, one a run."""

    records: list[Record]
    world: Callable[[], World]
    pace: Pace
    resend_unknown: bool = False


_SCENARIOS = {
    "plain": Scenario(
        _records(7) + _records(4, "T2"), World, Pace(batch_size=3, concurrency=1, retries=0)
    ),
    "several under way": Scenario(
        _records(12) + _records(4, "T2"), World, Pace(batch_size=2, concurrency=4, retries=0)
    ),
    "bad recipients": Scenario(
        _records(9) + _records(3, "T2"),
        lambda: World(
            bad=frozenset({"13800138000", "13800138005"}), fails=frozenset({"13800138003"})
        ),
        Pace(batch_size=6, concurrency=2, retries=0),
    ),
    "a refused template": Scenario(
        _records(5) + _records(5, "T2", first=_FIRST + 20),
        lambda: World(refused_templates=frozenset({"T1"})),
        Pace(batch_size=10, concurrency=2, retries=0),
    ),
    "faults": Scenario(
        _records(14),
        lambda: World(
            faults=deque(["429", "drop, taken", "502, not taken", "503 with Retry-After", "401"])
        ),
        Pace(batch_size=2, concurrency=2, retries=3),
    ),
    "sent again on demand": Scenario(
        _records(8),
        lambda: World(
            faults=deque(["drop, taken", "drop, not taken", None, "cut, taken", None, "429"]),
            bad=frozenset({"13800138002"}),
        ),
        Pace(batch_size=2, concurrency=1, retries=3),
        resend_unknown=True,
    ),
}


def _ways(scenario: Scenario) -> Callable[[Power, Power], None]:
    """Return what goes one way: crashed at a step of the first call, and one of the second."""

    def go(first: Power, second: Power) -> None:
        with Run(scenario.records, scenario.world()) as run:
            if scenario.resend_unknown:
                run.deliver(scenario.pace)
            resend = scenario.resend_unknown
            run.deliver(scenario.pace, power=first, resend_unknown=resend)
            run.deliver(scenario.pace, power=second, resend_unknown=resend)
            run.finish()

    return go


@pytest.mark.parametrize("name", _SCENARIOS)
def test_a_crash_at_any_step_is_gone_on_from(name: str) -> None:
    go = _ways(_SCENARIOS[name])
    step, reached = 0, True
    while reached:
        step += 1
        power = Power(step)
        go(power, Power())
        reached = power.is_off
    assert step > 20, "hardly a step was found to crash at"


@pytest.mark.parametrize("name", ["bad recipients", "sent again on demand"])
def test_a_crash_while_going_on_from_a_crash(name: str) -> None:
    go = _ways(_SCENARIOS[name])
    again = 0
    for first in range(3, 40, 5):
        for second in range(2, 30, 4):
            power = Power(second)
            go(Power(first), power)
            again += power.is_off
    assert again > 20, "hardly any crash came while going on"


def test_what_is_committed_is_synced() -> None:
    """No test here takes the machine's power away: this much at least can be seen."""
    with Run(_records(1), World()) as run, closing(Ledger(run.path)) as ledger:
        connection = ledger._connection
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize(("sync", "there"), [(1, False), (2, True)])
def test_a_run_is_published_whole_or_not_at_all(
    sync: int, there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    power = Power(sync)
    synced: list[Path] = []

    def crash(path: Path) -> None:
        synced.append(path)
        power.step_or_die()

    monkeypatch.setattr(draft, "_sync", crash)
    store = Store(tmp_path)
    with pytest.raises(PowerOff):
        _publish(store, "night")
    assert store.exists("night") is there
    assert synced == [store.draft_path("night"), tmp_path][:sync]
    if there:
        with closing(store.open("night")) as view:
            assert view.counts().pending == 1


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_a_deletion_that_is_killed_forgets_nobody(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    pace = Pace(batch_size=2, concurrency=1)
    with Run(_records(6), World()) as run:
        run.deliver(pace, limit=2)
        with closing(View.open(run.path)):
            # While somebody looks on, what is committed stays beside the file.
            run.deliver(pace, limit=2)
            for side in ("", "-wal"):
                shutil.copyfile(f"{run.path}{side}", f"{store.path('night')}{side}")
        stood = run.standing()
    assert stood.pending == 2
    power = Power(step)
    unlink = Path.unlink

    def crash(path: Path, missing_ok: bool = False) -> None:
        if path.name.startswith("night.db"):
            power.step_or_die()
        unlink(path, missing_ok)

    with monkeypatch.context() as patched, suppress(PowerOff):
        patched.setattr(Path, "unlink", crash)
        store.delete("night")
    if not store.exists("night"):
        _publish(store, "night")
        stood = replace(stood, pending=1)
    with closing(store.open("night")) as view:
        assert view.counts().pending == stood.pending


def _publish(store: Store, name: str) -> None:
    with draft.Draft(store.draft_path(name)) as written:
        written.begin_source("a.csv")
        written.add(_FIRST, "T1", "S", ["a"], 2)
        info = schema.RunInfo(
            name=name, created=0, sandbox=False, address="x", region="CN", pace=Pace()
        )
        written.seal(info, allow_duplicates=False)
        written.publish(store.path(name))


def _csv(folder: Path, count: int = 12) -> Path:
    return write_csv(folder / "a.csv", [(phone, "x") for phone in phones(count)])


@pytest.mark.parametrize("takes", [True, False])
@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_process_killed_in_the_middle_of_a_request(
    number: int, takes: bool, usms: Usms, gateway: Gateway
) -> None:
    """Its recipients are unknown, those before it accepted, those after it pending."""
    processes: list[subprocess.Popen[str]] = []

    def kill(request: int, _: list[Target]) -> Reply:
        if request != number:
            return TAKEN
        processes[0].kill()
        processes[0].wait()
        return Reply(takes=takes, fault="drop")

    gateway.plan = kill
    processes.append(
        usms.start("send", _csv(usms.folder), "-t", "T1", "-s", "S", "--run", "night",
                   "--batch-size", "3", "--concurrency", "1")
    )  # fmt: skip
    processes[0].communicate()
    assert processes[0].returncode == -signal.SIGKILL
    shown = usms("show", "night", "--json").report
    before = 3 * (number - 1)
    expected = {"accepted": before, "unknown": 3, "pending": 9 - before}
    assert expected.items() <= shown["counts"].items()
    assert shown["status"] == "interrupted"

    done = usms("resume", "night", "--json")
    assert done.status == 1
    assert {"accepted": 9, "unknown": 3, "pending": 0}.items() <= done.report["counts"].items()
    unknown = {one["phone"] for one in done.report["unknown"]}
    assert unknown == set(phones(12)[before : before + 3])
    assert gateway.phones == Counter(set(phones(12)) - (set() if takes else unknown))

    again = usms("resume", "night", "--json", "--resend-unknown", "--yes")
    assert again.status == 0
    assert again.report["counts"]["accepted"] == 12
    assert gateway.phones == Counter(phones(12)) + (Counter(unknown) if takes else Counter())


def test_a_process_killed_with_several_requests_under_way(usms: Usms, gateway: Gateway) -> None:
    processes: list[subprocess.Popen[str]] = []
    together = threading.Event()

    def kill(request: int, _: list[Target]) -> Reply:
        if request < 4:
            return TAKEN if request == 1 else Reply(seconds=5)
        if request == 4:
            processes[0].kill()
            together.set()
        return TAKEN

    gateway.plan = kill
    processes.append(
        usms.start("send", _csv(usms.folder), "-t", "T1", "-s", "S", "--run", "night",
                   "--batch-size", "2", "--concurrency", "3")
    )  # fmt: skip
    assert together.wait(20)
    processes[0].communicate()
    done = usms("resume", "night", "--json").report
    assert {"accepted": 6, "unknown": 6, "pending": 0}.items() <= done["counts"].items()
    assert gateway.phones == Counter(phones(12))


@pytest.mark.parametrize("whole", [False, True])
def test_a_process_killed_while_it_reads_leaves_no_run(
    whole: bool, usms: Usms, gateway: Gateway
) -> None:
    process = usms.start(
        "send", "-", "-t", "T1", "-s", "S", "--run", "night", stdin=subprocess.PIPE
    )
    assert process.stdin
    rows = "".join(f"{phone},x\n" for phone in phones(3000))
    process.stdin.write("phone,param1\n" + rows[: None if whole else 20_000])
    process.stdin.flush()
    draft_path = usms.state / ".night.draft"
    deadline = time.monotonic() + 20
    while not draft_path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert draft_path.exists()
    process.kill()
    process.communicate()
    assert usms("runs", "--json").report == []
    assert not gateway.requests
    other = usms.send(_csv(usms.folder), "--run", "night")
    assert other.status == 0
    assert gateway.phones == Counter(phones(12))
    assert not draft_path.exists()
