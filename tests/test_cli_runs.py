"""Runs: named and unnamed, gone on with, listed, deleted; one process a run, however it ends."""

import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import Usms, command, phones, write_csv
from tests.support.gateway import TAKEN, Gateway, Reply, Target

REFUSED = Reply(status=401, takes=False, body=b"")
SEND = ("send", "r.csv", "-t", "T1", "-s", "S")


def list_of(usms: Usms, count: int, name: str = "r.csv") -> list[str]:
    everybody = phones(count)
    write_csv(usms.folder / name, [(phone, "x") for phone in everybody])
    return everybody


def wait_until(happened: Callable[[], object]) -> None:
    give_up = time.monotonic() + 15
    while not happened():
        assert time.monotonic() < give_up, "it never happened"
        time.sleep(0.01)


def end(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=20)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def blocked_after(gateway: Gateway, requests: int) -> threading.Event:
    """Let the gateway take everything, but answer only the first requests until it is set."""
    gate = threading.Event()
    gateway.plan = lambda number, _: Reply(gate=gate if number > requests else None)
    return gate


def test_a_named_run_happens_once(usms: Usms, gateway: Gateway) -> None:
    list_of(usms, 3)
    gateway.plan = lambda *_: Reply(fails={"13800000001": "blacklist"})
    call = (*SEND, "--run", "job", "--json")
    first = usms(*call)
    assert (first.status, first.report["status"], first.report["run"]) == (1, "complete", "job")
    again = usms(*call, "--failures", "failed.csv", "--batch-size", "1")
    assert (again.status, again.report) == (1, first.report)
    assert "13800000001" in (usms.folder / "failed.csv").read_text()
    # The input is the checked records, not the file: the same by another way is the same.
    lines = [f'{{"mobile": "+86{phone}", "params": ["x"]}}\n' for phone in phones(3)]
    piped = usms("send", "-", *SEND[2:], "--run", "job", "--json", stdin="".join(lines))
    assert (piped.status, piped.report["counts"]) == (1, first.report["counts"])
    assert len(gateway.requests) == 1


@pytest.mark.parametrize(
    "change", [("-t", "T2"), ("-s", ""), ("--param", "other"), ("--allow-duplicates",)]
)
def test_other_input_under_the_name_of_a_run_is_refused(
    usms: Usms, gateway: Gateway, change: tuple[str, ...]
) -> None:
    rows = [("13800138000", "x", "a"), ("13800138000", "x", "a"), ("13800138001", "x", "a")]
    write_csv(usms.folder / "r.csv", rows, "phone,param1,other")
    assert usms(*SEND, "--run", "job").status == 0
    result = usms(*SEND, "--run", "job", "--json", *change)
    if change == ("--allow-duplicates",):  # an option of sending is no part of the input
        assert result.status == 0
    else:
        assert (result.status, result.out) == (2, "")
        assert "job" in result.err
    assert len(gateway.requests) == 1


def test_a_named_run_that_is_unfinished_goes_on(usms: Usms, gateway: Gateway) -> None:
    everybody = list_of(usms, 30)
    gateway.plan = lambda number, _: REFUSED if number == 2 else Reply()
    call = (*SEND, "--run", "job", "--batch-size", "10", "--concurrency", "1", "--json")
    stopped = usms(*call)
    assert (stopped.status, stopped.report["status"]) == (4, "stopped")
    assert stopped.report["counts"]["pending"] == 20
    assert "usms resume job" in stopped.err
    done = usms(*call)
    assert (done.status, done.report["counts"]["accepted"]) == (0, 30)
    assert gateway.phones == dict.fromkeys(everybody, 1)


def test_without_a_name_an_unfinished_run_is_not_begun_again(usms: Usms, gateway: Gateway) -> None:
    everybody = list_of(usms, 3)
    gateway.plan = lambda number, _: REFUSED if number == 1 else Reply()
    assert usms(*SEND).status == 4
    [run] = usms.inside("runs", "--json").report
    result = usms(*SEND, "--yes", "--json", "--batch-size", "7")
    assert (result.status, result.out, len(gateway.requests)) == (2, "", 1)
    assert f"usms resume {run['run']}" in result.err
    assert "--run" in result.err
    assert usms("resume", "last").status == 0
    assert gateway.phones == dict.fromkeys(everybody, 1)
    # It is complete now: then the same input is sent again, and a notice says so.
    result = usms(*SEND)
    assert result.status == 0
    assert run["run"] in result.err
    assert gateway.phones == dict.fromkeys(everybody, 2)
    assert usms("send", "r.csv", "-t", "T2", "-s", "S").err == ""


def test_a_run_is_found_by_its_name_its_beginning_or_as_the_last(usms: Usms) -> None:
    for number, name in enumerate(("may", "may-2", "june.3")):
        list_of(usms, number + 1)
        assert usms(*SEND, "--run", name).status == 0

    def shown(reference: str) -> str:
        result = usms.inside("show", reference, "--json")
        return str(result.report["run"]) if result.status == 0 else result.err

    assert [shown(one) for one in ("may", "may-", "j", "last")] == [
        "may", "may-2", "june.3", "june.3"
    ]  # fmt: skip
    assert "may, may-2" in shown("m")
    assert "no run" in shown("nobody")


def test_a_run_keeps_to_its_mode_and_address(usms: Usms, gateway: Gateway) -> None:
    list_of(usms, 3)
    assert usms(*SEND, "--run", "real", "--limit", "1").status == 0
    assert usms(*SEND, "--run", "trial", "--limit", "1", "--sandbox").status == 0
    calls: list[tuple[str, ...]] = [
        (*SEND, "--run", "real", "--sandbox"),
        (*SEND, "--run", "trial"),
    ]
    for call in calls:
        result = usms(*call, "--json")
        assert (result.status, result.out) == (2, "")
    with Gateway() as other:
        usms.environment = {"USPEEDO_BASE_URL": other.address}
        for call in (("resume", "real"), (*SEND, "--run", "real")):
            result = usms(*call, "--json")
            assert (result.status, result.out, other.requests) == (2, "", [])
            assert gateway.address in result.err
    # What began in the sandbox goes on in one, without a key pair, and says so.
    usms.environment = {"USPEEDO_ACCESSKEY_ID": "", "USPEEDO_ACCESSKEY_SECRET": ""}
    assert "sandbox" in usms("resume", "trial").out
    result = usms.inside("show", "trial", "--json")
    assert (result.report["sandbox"], result.report["counts"]["accepted"]) == (True, 3)
    assert len(gateway.requests) == 1


def test_runs_are_listed_newest_first_and_deleted(usms: Usms) -> None:
    assert usms.inside("runs", "--json").report == []
    nothing = usms.inside("runs")
    assert (nothing.status, nothing.out) == (0, "")
    assert "no run in" in nothing.err
    list_of(usms, 2)
    for name in ("one", "two", "three"):
        assert usms(*SEND, "--run", name, "--limit", "1").status == 0
    runs = usms.inside("runs", "--json").report
    assert [run["run"] for run in runs] == ["three", "two", "one"]
    assert {run["status"] for run in runs} == {"limited"}
    assert runs[0]["counts"]["pending"] == 1
    table = usms.inside("runs").out
    assert table.index("three") < table.index("two") < table.index("one")
    assert "limited" in table
    assert "\x1b" not in table
    assert usms.inside("runs", "delete", "one", "nobody", "--yes").status == 2
    assert usms.inside("runs", "delete", "--older-than", "1d", "--yes").status == 0
    assert len(usms.inside("runs", "--json").report) == 3
    assert usms.inside("runs", "delete", "t", "--yes").status == 2  # two of them begin so
    assert usms.inside("runs", "delete", "one", "tw", "--yes").status == 0
    assert [run["run"] for run in usms.inside("runs", "--json").report] == ["three"]
    assert usms.inside("runs", "delete", "--older-than", "0m", "--yes").status == 0
    assert [path.name for path in usms.state.iterdir() if "admission" not in path.name] == []


def test_an_input_that_is_being_sent_to_the_last_is_not_begun_again(
    usms: Usms, gateway: Gateway
) -> None:
    everybody = list_of(usms, 3)
    gate = blocked_after(gateway, 0)
    sending = usms.start(*SEND)
    wait_until(lambda: gateway.requests)  # all are under way, and nobody is pending
    result = usms(*SEND, "--json")
    assert (result.status, result.out) == (2, "")
    assert "is unfinished" in result.err
    gate.set()
    assert end(sending)[0] == 0
    assert gateway.phones == dict.fromkeys(everybody, 1)


def test_a_run_that_was_killed_with_nobody_pending_is_interrupted_until_it_is_gone_on_with(
    usms: Usms, gateway: Gateway
) -> None:
    list_of(usms, 3)
    blocked_after(gateway, 0)
    sending = usms.start(*SEND)
    wait_until(lambda: gateway.requests)
    sending.kill()
    end(sending)
    gateway.plan = lambda *_: TAKEN
    shown = usms("show", "last", "--json").report
    assert (shown["status"], shown["counts"]["unknown"]) == ("interrupted", 3)
    result = usms(*SEND, "--json")
    assert (result.status, result.out, len(gateway.requests)) == (2, "", 1)
    assert f"usms resume {shown['run']}" in result.err
    for _ in range(2):
        result = usms("resume", "last", "--json")
        assert (result.status, result.report["status"]) == (1, "complete")
        assert (result.report["problem"], len(gateway.requests)) == (None, 1)
    assert usms("show", "last", "--json").report["status"] == "complete"
    # Now it is a complete run like any other.
    result = usms(*SEND)
    assert result.status == 0
    assert "of the last 24 hours sent the same input" in result.err


def test_a_damaged_run_is_in_the_way_of_no_other(usms: Usms, gateway: Gateway) -> None:
    everybody = list_of(usms, 2)
    assert usms(*SEND, "--run", "good", "--limit", "1").status == 0
    damaged = usms.state / "damaged.db"
    damaged.write_bytes(b"no database" * 100)
    result = usms("show", "last")  # which may be that one
    assert (result.status, "damaged.db" in result.err) == (2, True)
    os.utime(damaged, (1e9, 1e9))
    assert usms("show", "last").status == 0
    assert usms("resume", "last").status == 0
    assert gateway.phones == dict.fromkeys(everybody, 1)
    # But of the damaged one nobody knows whether it was to send the same.
    result = usms(*SEND, "--json")
    assert (result.status, result.out) == (2, "")
    assert "usms runs delete damaged" in result.err
    assert "--run NAME" in result.err
    assert usms("runs", "delete", "--older-than", "30d").status == 0
    assert not damaged.exists()
    assert usms(*SEND).status == 0


def test_a_run_in_use_is_in_the_way_of_no_other_deletion(usms: Usms, gateway: Gateway) -> None:
    list_of(usms, 2)
    for name in ("a", "c"):
        assert usms(*SEND, "--run", name, "--limit", "1").status == 0
    gate = blocked_after(gateway, 0)
    sending = usms.start(*SEND, "--run", "b")
    wait_until(lambda: gateway.under_way)
    result = usms("runs", "delete", "a", "b", "c")
    assert (result.status, "another process is sending" in result.err) == (2, True)
    assert {path.name for path in usms.state.glob("*.db")} == {"b.db"}
    gate.set()
    assert end(sending)[0] == 0


def test_a_run_can_be_read_but_not_sent_or_deleted_beside_a_sending_process(
    usms: Usms, gateway: Gateway
) -> None:
    list_of(usms, 3)
    gate = blocked_after(gateway, 1)
    call = (*SEND, "--run", "job", "--batch-size", "1", "--concurrency", "1")
    sending = usms.start(*call)
    wait_until(lambda: len(gateway.requests) == 2)
    shown = usms("show", "job", "--json")
    assert (shown.status, shown.report["status"]) == (0, "running")
    counts = shown.report["counts"]
    assert (counts["accepted"], counts["unknown"], counts["pending"]) == (1, 1, 1)
    assert [run["status"] for run in usms.inside("runs", "--json").report] == ["running"]
    for second in (call, ("resume", "job"), ("runs", "delete", "job", "--yes")):
        result = usms(*second)
        assert (result.status, result.out) == (2, "")
        assert "job" in result.err
    gate.set()
    assert end(sending)[0] == 0
    assert set(gateway.phones.values()) == {1}
    assert usms.inside("show", "job", "--json").report["status"] == "complete"


def test_a_killed_process_leaves_an_interrupted_run_that_goes_on(
    usms: Usms, gateway: Gateway
) -> None:
    everybody = list_of(usms, 3)
    gate = blocked_after(gateway, 1)
    call = (*SEND, "--run", "job", "--batch-size", "1", "--concurrency", "1")
    sending = usms.start(*call)
    wait_until(lambda: len(gateway.requests) == 2)
    sending.kill()
    assert sending.wait(10) == -signal.SIGKILL
    sending.communicate()
    gate.set()
    shown = usms.inside("show", "job", "--json").report
    assert shown["status"] == "interrupted"
    assert (shown["counts"]["unknown"], shown["counts"]["pending"]) == (1, 1)
    assert [one["phone"] for one in shown["unknown"]] == everybody[1:2]
    assert usms.inside("runs", "--json").report[0]["status"] == "interrupted"
    result = usms("resume", "job", "--json")
    assert (result.status, result.report["counts"]["unknown"]) == (1, 1)
    assert gateway.phones == dict.fromkeys(everybody, 1)
    result = usms("resume", "job", "--resend-unknown", "--json")
    assert (result.status, result.report["counts"]["accepted"]) == (0, 3)
    assert gateway.phones == {**dict.fromkeys(everybody, 1), everybody[1]: 2}


def test_a_run_is_readable_by_its_owner_alone(usms: Usms, gateway: Gateway) -> None:
    list_of(usms, 2)
    gate = blocked_after(gateway, 0)
    modes: dict[str, int] = {}
    sending = usms.start(*SEND, "--failures", "failed.csv", preexec_fn=lambda: os.umask(0))
    wait_until(lambda: gateway.requests)
    everything = [usms.state, *usms.state.iterdir()]
    modes |= {path.name: path.stat().st_mode & 0o777 for path in everything}
    gate.set()
    assert end(sending)[0] == 0
    everything = [*usms.state.iterdir(), usms.folder / "failed.csv"]
    modes |= {path.name: path.stat().st_mode & 0o777 for path in everything}
    assert modes.pop("state") == 0o700
    assert [name for name in modes if name.endswith(".db")]
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_awaits_what_is_under_way_and_leaves_the_rest(
    usms: Usms, gateway: Gateway, number: signal.Signals, status: int
) -> None:
    everybody = list_of(usms, 4)
    gate = blocked_after(gateway, 1)
    sending = usms.start(
        *SEND, "--json", "--batch-size", "1", "--concurrency", "1", "--failures", "failed.csv"
    )
    wait_until(lambda: len(gateway.requests) == 2)
    sending.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        sending.wait(0.3)
    gate.set()
    ended, out, err = end(sending)
    assert ended == status
    assert '"status":"interrupted"' in out
    assert '"accepted":2,"failed":0,"unknown":0,"pending":2' in out
    assert "usms resume" in err
    assert (usms.folder / "failed.csv").exists()
    assert usms("resume", "last").status == 0
    assert gateway.phones == dict.fromkeys(everybody, 1)


@pytest.mark.parametrize("size", [1, 2])
def test_a_second_signal_does_not_wait(usms: Usms, gateway: Gateway, size: int) -> None:
    list_of(usms, 2)
    blocked_after(gateway, 0)
    sending = usms.start(*SEND, "--json", "--batch-size", str(size), "--timeout", "100")
    wait_until(lambda: gateway.requests)
    sending.send_signal(signal.SIGINT)
    time.sleep(0.2)
    sending.send_signal(signal.SIGINT)
    ended, out, _ = end(sending)
    assert ended == 130
    assert '"status":"interrupted"' in out
    assert f'"unknown":{size},"pending":{2 - size}' in out


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_the_input_is_read_leaves_no_run(
    usms: Usms, gateway: Gateway, number: signal.Signals, status: int
) -> None:
    call = ("send", "-", "-t", "T1", "-s", "S", "--run", "job", "--json")
    reading = usms.start(*call, stdin=subprocess.PIPE)
    assert reading.stdin
    reading.stdin.write("phone\n13800138000\n")
    reading.stdin.flush()
    wait_until(lambda: list(usms.state.glob(".job.draft*")))
    time.sleep(0.2)
    reading.send_signal(number)
    ended, out, _ = end(reading)
    assert (ended, out) == (status, "")
    assert gateway.requests == []
    assert list(usms.state.iterdir()) == []
    assert usms(*call, stdin="phone\n13800138001\n").status == 0
    assert gateway.phones == {"13800138001": 1}


def test_a_process_killed_while_it_reads_leaves_no_run_either(usms: Usms, gateway: Gateway) -> None:
    reading = usms.start("send", "-", "-t", "T1", "-s", "S", stdin=subprocess.PIPE)
    wait_until(lambda: list(usms.state.glob(".*.draft")))
    reading.kill()
    reading.communicate()
    assert usms.inside("runs", "--json").report == []
    for left in usms.state.glob(".*.lock"):
        left.unlink()  # as if a signal had come just when the draft was made
    list_of(usms, 1)
    assert usms(*SEND).status == 0
    assert list(usms.state.glob(".*.draft*")) == []
    assert len(usms.inside("runs", "--json").report) == 1


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_reader_that_goes_away_loses_nothing(
    usms: Usms, gateway: Gateway, form: tuple[str, ...]
) -> None:
    everybody = list_of(usms, 3000)
    failing = dict.fromkeys(everybody[:2000], "on the blacklist, for a long while")
    gateway.plan = lambda number, _: Reply(fails=failing) if number < 3 else REFUSED
    sending = usms.start(
        *SEND, "--run", "job", "--failures", "failed.csv", "--concurrency", "1", *form
    )
    assert sending.stdout
    sending.stdout.close()
    ended, _, err = end(sending)
    assert ended == 4  # what was done, not whether somebody listened
    assert "usms resume job" in err
    assert "Broken" not in err
    assert "Exception" not in err
    assert (usms.folder / "failed.csv").read_text().count("on the blacklist") == 2000
    report = usms.inside("show", "job", "--json").report
    assert (report["status"], report["counts"]["failed"]) == ("stopped", 2000)


def test_standard_error_that_nobody_reads_changes_nothing(usms: Usms, gateway: Gateway) -> None:
    everybody = [(phone, "x", "y") for phone in phones(3)]
    write_csv(usms.folder / "unused.csv", everybody, "phone,param1,why")
    gateway.plan = lambda number, _: TAKEN if number < 3 else REFUSED
    call = ("unused.csv", "-t", "T1", "-s", "S", "--batch-size", "1", "--concurrency", "1")
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        command("send", *call, "--run", "job", "-v"),
        cwd=usms.folder,
        env=usms.environ(),
        stdout=subprocess.PIPE,
        stderr=write,
        check=False,
    )
    os.close(write)
    assert done.returncode == 4
    assert b"2 accepted, 1 pending" in done.stdout


def test_a_report_for_which_there_is_no_room_is_kept(usms: Usms, gateway: Gateway) -> None:
    everybody = list_of(usms, 3)
    gateway.plan = lambda *_: Reply(fails={everybody[0]: "blocked"})
    for form in ([], ["--json"]):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                command(*SEND, "--run", "job", "--failures", "failed.csv", *form),
                cwd=usms.folder,
                env=usms.environ(),
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "No space left" in done.stderr
        assert "usms show job" in done.stderr
        assert everybody[0] in (usms.folder / "failed.csv").read_text()
    assert gateway.phones == dict.fromkeys(everybody[1:], 1)


def test_a_call_without_standard_streams_sends_all_the_same(usms: Usms, gateway: Gateway) -> None:
    everybody = list_of(usms, 2)
    line = " ".join(map(shlex.quote, command(*SEND, "--run", "job")))
    for closed in (">&-", "<&-", ">&- 2>&- <&-"):
        done = subprocess.run(
            f"{line} {closed}", shell=True, cwd=usms.folder, env=usms.environ(), check=False
        )
        assert done.returncode == 0
    assert gateway.phones == dict.fromkeys(everybody, 1)


def test_two_processes_begin_one_run_at_the_same_moment(usms: Usms, gateway: Gateway) -> None:
    everybody = list_of(usms, 5)
    for extra in (("--run", "job"), ()):
        gateway.taken.clear()
        gateway.requests.clear()
        gate = blocked_after(gateway, 0)
        processes = [usms.start(*SEND, *extra, "--batch-size", "2") for _ in range(3)]
        # The one that sends is held back until the others have ended.
        wait_until(lambda: sum(one.poll() is not None for one in processes) == 2)  # noqa: B023
        gate.set()
        assert sorted(end(process)[0] for process in processes) == [0, 2, 2]
        assert gateway.phones == dict.fromkeys(everybody, 1)


def test_a_run_without_network_stops_with_everything_pending(usms: Usms, tmp_path: Path) -> None:
    list_of(usms, 3)
    with Gateway() as gone:
        usms.environment = {"USPEEDO_BASE_URL": gone.address}
    result = usms(*SEND, "--json", "--retries", "1", "--failures", "failed.csv")
    assert (result.status, result.report["status"]) == (4, "stopped")
    assert result.report["counts"]["pending"] == 3
    assert result.report["problem"]
    assert (tmp_path / "failed.csv").read_text() == (
        "phone,template_id,sender_id,param1,reason,source,line\n"
    )
    # The address is as it began; the API is reachable again.
    with Gateway(port=gone.port) as back:
        assert usms("resume", "last", "--quiet").status == 0
        assert set(back.taken) == {Target(phone, ("x",), "T1", "S") for phone in phones(3)}


def test_where_no_run_is_meant_it_is_said_what_to_type(usms: Usms) -> None:
    assert "begin one with: usms send FILE" in usms.inside("runs").err
    assert "Begin one: usms send FILE" in usms.inside("show", "last").err
    list_of(usms, 2)
    for number in range(7):
        assert usms.inside(*SEND, "--limit", "1", "--run", f"job-{number}").status == 0
    several = usms.inside("show", "job")
    assert several.status == 2
    assert "job-4 and 2 more\nWrite more of the name" in several.err
    assert "`usms runs` lists all" in usms.inside("show", "nobody").err
    assert "usms runs delete --older-than 30d" in usms.inside("runs", "delete").err
