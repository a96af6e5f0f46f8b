"""Two and three processes at the same moment: one sends, and whoever looks on disturbs nobody."""

import json
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.command import Result, Usms, phones, write_csv
from tests.support.gateway import TAKEN, Gateway, Reply, Target
from usms_cli.journal.store import Store

_INPUT = "phone,param1\n" + "".join(f"{phone},x\n" for phone in phones(30))
_NAMED = ["--run", "night"]


@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("name", [_NAMED, []], ids=["named", "unnamed"])
def test_one_of_several_calls_sends(
    name: list[str], processes: int, usms: Usms, gateway: Gateway
) -> None:
    _hold_until_others_gave_up(gateway, processes - 1, started := _Calls())
    for _ in range(processes):
        started.add(
            usms.start("send", "-", "-t", "T1", "-s", "S", "--json", "--batch-size", "4", *name,
                       stdin=subprocess.PIPE)
        )  # fmt: skip
    time.sleep(0.5)  # so that all have begun, and wait for their input
    started.feed(_INPUT)
    statuses = started.ends()
    assert sorted(statuses) == [0, *[2] * (processes - 1)]
    for status, out, err in started.outputs:
        if status == 0:
            assert json.loads(out)["counts"]["accepted"] == 30
        else:
            assert out == ""
            assert "another process is sending" in err or "is unfinished" in err
    assert gateway.phones == Counter(phones(30))
    assert len(usms("runs", "--json").report) == 1


def test_a_run_that_appears_at_the_last_moment_is_seen(usms: Usms, gateway: Gateway) -> None:
    table = write_csv(usms.folder / "a.csv", [(phone, "x") for phone in phones(30)])
    assert usms.send(table, "--run", "other", "--limit", "3").status == 0
    other, aside = usms.state / "other.db", usms.folder / "other.db"
    other.rename(aside)
    with Store(usms.state).admission():
        process = usms.start("send", table, "-t", "T1", "-s", "S")
        deadline = time.monotonic() + 20
        while not list(usms.state.glob(".*.draft")) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.5)  # it has looked, and found nothing
        aside.rename(other)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "is unfinished" in err
    assert gateway.phones == Counter(phones(3))


@pytest.mark.parametrize("processes", [2, 3])
def test_one_of_several_goes_on_with_a_run(processes: int, usms: Usms, gateway: Gateway) -> None:
    table = write_csv(usms.folder / "a.csv", [(phone, "x") for phone in phones(30)])
    assert usms.send(table, "--run", "night", "--limit", "3").status == 0
    _hold_until_others_gave_up(gateway, processes - 1, started := _Calls())
    for number in range(processes):
        call = (
            ["resume", "night"] if number % 2 else ["send", table, "-t", "T1", "-s", "S", *_NAMED]
        )
        started.add(usms.start(*call, "--json", "--batch-size", "4"))
    assert sorted(started.ends()) == [0, *[2] * (processes - 1)]
    assert gateway.phones == Counter(phones(30))


def test_the_same_call_over_and_over_sends_once(usms: Usms, gateway: Gateway) -> None:
    """Whoever comes in the last moment, or after it, reports the run that is complete."""
    gateway.plan = lambda number, targets: Reply(seconds=0.02)
    table = write_csv(usms.folder / "a.csv", [(phone, "x") for phone in phones(30)])
    started = _Calls()
    for _ in range(8):
        started.add(
            usms.start(
                "send", table, "-t", "T1", "-s", "S", "--json", "--batch-size", "10", *_NAMED
            )
        )
        time.sleep(0.1)
    statuses = started.ends()
    assert set(statuses) <= {0, 2}
    assert 0 in statuses
    for status, out, _ in started.outputs:
        assert status or json.loads(out)["counts"]["accepted"] == 30
    assert gateway.phones == Counter(phones(30))


def test_whoever_looks_on_disturbs_nobody(usms: Usms, gateway: Gateway) -> None:
    looked = threading.Event()

    def plan(number: int, _: list[Target]) -> Reply:
        if number == 150:
            looked.wait(30)
        return Reply(seconds=0.01)

    gateway.plan = plan
    people = phones(400)
    table = write_csv(usms.folder / "a.csv", [(phone, "x") for phone in people])
    sending = usms.start(
        "send", table, "-t", "T1", "-s", "S", "--json", "--batch-size", "2", *_NAMED
    )
    while not gateway.requests:
        time.sleep(0.01)

    def look(call: list[str]) -> list[Result]:
        return [usms(*call) for _ in range(4)]

    with ThreadPoolExecutor() as pool:
        shown = pool.submit(look, ["show", "night", "--json"])
        listed = pool.submit(look, ["runs", "--json"])
        exported = pool.submit(look, ["show", "night", "--export", "accepted", "accepted.csv"])
        deleted = pool.submit(look, ["runs", "delete", "night", "--yes"])
    looked.set()
    out, err = sending.communicate(timeout=60)
    assert (sending.returncode, err) == (0, "")
    assert json.loads(out)["counts"]["accepted"] == 400
    assert gateway.phones == Counter(people)
    for result in shown.result():
        assert (result.status, result.err) == (0, "")
        counts = result.report["counts"]
        assert result.report["status"] == "running"
        assert counts.pop("records") == sum(counts.values()) == 400
    for result in listed.result():
        assert (result.status, result.err) == (0, "")
        assert [run["status"] for run in result.report] == ["running"]
    assert {result.status for result in exported.result()} == {0}
    assert {result.status for result in deleted.result()} == {2}


class _Calls:
    """Processes that were started together."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[str]] = []
        self.outputs: list[tuple[int, str, str]] = []

    def add(self, process: "subprocess.Popen[str]") -> None:
        self._processes.append(process)

    def feed(self, text: str) -> None:
        for process in self._processes:
            assert process.stdin
            process.stdin.write(text)
            process.stdin.flush()
        for process in self._processes:
            assert process.stdin
            process.stdin.close()
            process.stdin = None

    def ended(self) -> int:
        return sum(process.poll() is not None for process in self._processes)

    def ends(self) -> list[int]:
        """Wait for all, and return their exit statuses."""
        for process in self._processes:
            out, err = process.communicate(timeout=60)
            assert "Traceback" not in err, err
            self.outputs.append((process.returncode, out, err))
        return [status for status, _, _ in self.outputs]


def _hold_until_others_gave_up(gateway: Gateway, others: int, calls: _Calls) -> None:
    """Let the gateway answer nobody before all calls but the one that sends have ended."""

    def plan(number: int, targets: list[Target]) -> Reply:
        deadline = time.monotonic() + 10
        while calls.ended() < others and time.monotonic() < deadline:
            time.sleep(0.01)
        return TAKEN

    gateway.plan = plan
