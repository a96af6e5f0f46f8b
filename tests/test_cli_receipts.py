"""`usms receipts`: what became of the messages, asked for, kept, and reported."""

import json
import signal
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Usms, phones, write_csv
from tests.support.gateway import Gateway, Reply
from tests.support.receipts import always, body, everybody_delivered, receipt
from tests.support.runs import new_info, people
from tests.support.terminal import OnTerminal
from usms_cli.batching import batches
from usms_cli.journal.draft import Draft
from usms_cli.journal.ledger import Ledger
from usms_cli.journal.settlement import SessionRow, Settlement
from usms_cli.sandbox import Sandbox

SEND = ("send", "r.csv", "-t", "T1", "-s", "S", "--run", "job", "--quiet")
A, B, C = "13800000000", "13800000001", "13800000002"


def sent(usms: Usms, count: int = 3, *options: str) -> list[str]:
    """Send the run `job` to so many."""
    everybody = phones(count)
    write_csv(usms.folder / "r.csv", [(phone, "x") for phone in everybody])
    usms.inside(*SEND, *options)
    return everybody


def receipts_of(usms: Usms, *options: str | Path, status: int | None = None) -> Any:
    result = usms.inside("receipts", "job", "--json", *options)
    assert status in (None, result.status), result.err
    return result.report["receipts"]


def numbers(receipts: Any) -> tuple[int, ...]:
    return (*(receipts[key] for key in ("delivered", "undelivered", "waiting", "parts")),)


# --- what is reported ------------------------------------------------------------------------


def test_every_recipient_is_delivered_undelivered_or_waiting(usms: Usms, gateway: Gateway) -> None:
    sent(usms)
    off = receipt(B, "Fail", ReceiptDesc="switched off")
    gateway.receipts = always({"S1-1": [receipt(A, CostCount=3), off]})
    result = usms("receipts", "job", "--json")
    assert result.status == 1
    assert result.report["counts"]["accepted"] == 3
    assert result.report["receipts"] == {
        "delivered": 1,
        "undelivered": 1,
        "waiting": 1,
        "parts": 4,
        "undelivered_by_reason": {"switched off": 1},
        "undelivered_by_country": {"CN": 1},
    }
    assert gateway.questions == [["S1-1"]]
    shown = usms("receipts", "job")
    assert "Receipts: 1 delivered, 1 undelivered, 1 waiting; 4 message parts charged" in shown.out
    assert "switched off" in shown.out
    assert "usms show job --export undelivered FILE" in shown.out
    quiet = usms("receipts", "job", "-q")
    assert (quiet.status, quiet.out, quiet.err) == (1, "", "")


def test_all_delivered_is_success(usms: Usms, gateway: Gateway) -> None:
    sent(usms)
    gateway.receipts = everybody_delivered(gateway)
    assert numbers(receipts_of(usms, status=0)) == (3, 0, 0, 3)


def test_failed_recipients_do_not_count_against_the_receipts(usms: Usms, gateway: Gateway) -> None:
    gateway.plan = lambda *_: Reply(fails={B: "no"})
    sent(usms)
    gateway.receipts = always({"S1-1": [receipt(A), receipt(C)]})
    assert numbers(receipts_of(usms, status=0)) == (2, 0, 0, 2)


def test_what_is_known_is_in_show_and_in_runs(usms: Usms, gateway: Gateway) -> None:
    sent(usms)
    before = usms.inside("show", "job", "--json").report
    assert "receipts" not in before
    assert "Receipts" not in usms.inside("show", "job").out
    assert usms.inside("runs", "--json").report[0]["receipts"] is None
    assert "delivered" not in usms.inside("runs").out
    gateway.receipts = always({"S1-1": [receipt(A), receipt(B, "Fail")]})
    known = receipts_of(usms)
    assert usms.inside("show", "job", "--json").report["receipts"] == known
    shown = usms.inside("show", "job").out
    assert "Receipts: 1 delivered, 1 undelivered, 1 waiting" in shown
    assert "S1-1" in shown
    line = usms.inside("runs", "--json").report[0]
    assert line["receipts"] == {"delivered": 1, "undelivered": 1, "waiting": 1, "parts": 2}
    assert usms.inside("runs").out.splitlines()[2].split()[-2:] == ["delivered", "size"]
    assert usms.inside("runs").out.splitlines()[3].split()[-3] == "1"  # "57.3 kB" after it
    assert len(gateway.questions) == 1


def test_reasons_are_shown_and_never_interpreted(usms: Usms, gateway: Gateway) -> None:
    sent(usms)
    reason = "[red]full[/red]\x1b[31m"
    gateway.receipts = always({"S1-1": [receipt(A, "Fail", ReceiptDesc=reason)]})
    assert receipts_of(usms)["undelivered_by_reason"] == {reason: 1}
    shown = usms("show", "job").out
    assert "[red]full[/red]\\x1b[31m" in shown
    assert "\x1b" not in shown


# --- asked again -----------------------------------------------------------------------------


def test_asked_again_receipts_are_brought_up_to_date_and_none_is_lost(
    usms: Usms, gateway: Gateway
) -> None:
    sent(usms)
    gateway.receipts = always({"S1-1": [receipt(A), receipt(B, "Unknow"), receipt(C, "Fail")]})
    assert numbers(receipts_of(usms)) == (1, 1, 1, 3)
    later = {"ReceiptTime": 1_795_600_000}
    gateway.receipts = always({"S1-1": [receipt(B, **later), receipt(C, "Unknow", **later)]})
    assert numbers(receipts_of(usms)) == (2, 1, 0, 3)
    gateway.receipts = always({"S1-1": [receipt(C, **later)]})
    assert numbers(receipts_of(usms, status=0)) == (3, 0, 0, 3)
    gateway.receipts = always({})
    assert numbers(receipts_of(usms, status=0)) == (3, 0, 0, 3)


def test_a_phone_sent_to_several_times_has_its_receipts_in_order(
    usms: Usms, gateway: Gateway
) -> None:
    rows = [(A, "x"), (B, "x"), (A, "y"), (A, "z")]
    write_csv(usms.folder / "r.csv", rows)
    usms.inside(*SEND)
    said = [receipt(A), receipt(A, "Fail"), receipt("+86 138 0000 0001")]
    gateway.receipts = always({"S1-1": said})
    for _ in range(2):
        assert numbers(receipts_of(usms)) == (2, 1, 1, 3)
        usms.inside("show", "job", "--export", "undelivered", "u.csv", "-q")
        assert f"{A},T1,S,y," in (usms.folder / "u.csv").read_text()


def test_the_same_phone_in_several_sessions_of_a_request(usms: Usms, gateway: Gateway) -> None:
    write_csv(usms.folder / "r.csv", [(A, "T1"), (A, "T2"), (B, "T2")], "phone,template")
    # Three sessions for two entries: which is whose nobody can say.
    answer = {"RetCode": 0, "SessionNo": ["x", "y", "z"], "FailedTargetPhones": []}
    gateway.plan = lambda *_: Reply(body=json.dumps(answer).encode())
    usms.inside(*SEND)
    said = {"x": [receipt(A)], "y": [receipt(A, "Fail")], "z": [receipt(B)]}
    gateway.receipts = always(said)
    for _ in range(2):
        assert numbers(receipts_of(usms)) == (2, 1, 0, 3)
    gateway.receipts = always(dict(reversed(said.items())))
    assert numbers(receipts_of(usms)) == (2, 1, 0, 3)


# --- what is not ours ------------------------------------------------------------------------


def test_receipts_of_others_are_told_and_not_counted(usms: Usms, gateway: Gateway) -> None:
    gateway.plan = lambda *_: Reply(fails={C: "no"})
    sent(usms)
    strangers = [receipt("13900000000"), receipt(C), receipt(A), receipt(A), receipt(B, "Blocked")]
    content = body({"S1-1": strangers, "else": [receipt(A)] * 2})
    gateway.receipts = lambda *_: Reply(body=content)
    result = usms("receipts", "job", "--json")
    assert numbers(result.report["receipts"]) == (1, 0, 1, 2)
    assert result.status == 1
    for words in (
        "2 receipts of sessions that were not asked for",
        "1 receipt with a phone that is nobody's in the session",
        "1 receipt of recipients who are not accepted",
        "1 receipt more than messages to the same phone",
        '1 receipt has the result "Blocked", which no document knows: counted as waiting',
    ):
        assert words in result.err
    assert usms("receipts", "job", "-q").err == ""


def test_a_receipt_changes_no_outcome(usms: Usms, gateway: Gateway) -> None:
    failed = [{"Phone": "13900000000", "FailureReason": "who?"}]
    answer = {"RetCode": 0, "SessionNo": ["x"], "FailedTargetPhones": failed}
    gateway.plan = lambda *_: Reply(body=json.dumps(answer).encode())
    sent(usms)
    gateway.receipts = always({"x": [receipt(A), receipt(B)]})
    result = usms("receipts", "job", "--json")
    assert result.report["counts"]["unknown"] == 3
    assert numbers(result.report["receipts"]) == (0, 0, 0, 0)
    assert result.status == 0  # nobody is accepted, so nobody is missing


# --- exports ---------------------------------------------------------------------------------


def test_the_undelivered_can_be_sent_again_as_they_are(usms: Usms, gateway: Gateway) -> None:
    sent(usms)
    gateway.receipts = always({"S1-1": [receipt(A), receipt(B, "Fail")]})
    receipts_of(usms, "--export", "undelivered", "u.csv", status=1)
    lines = (usms.folder / "u.csv").read_text().splitlines()
    assert lines[1:] == [f"{B},T1,S,x,switched off,r.csv,3,undelivered"]
    again = usms("send", "u.csv", "--json")
    assert again.status == 0
    assert [target.phone for target in gateway.requests[-1].targets] == [B]
    for fate, phone in (("delivered", A), ("waiting", C)):
        receipts_of(usms, "--export", fate, "out.csv")
        for command in ("receipts", "show"):
            usms.inside(command, "job", "-q", "--export", fate, f"{command}.csv")
            lines = (usms.folder / f"{command}.csv").read_text().splitlines()
            assert [line.partition(",")[0] for line in lines[1:]] == [phone]
        assert usms.send("out.csv").status == 3


def test_an_export_that_is_none_or_cannot_be_written_is_refused_before_asking(
    usms: Usms, gateway: Gateway
) -> None:
    sent(usms)
    for export in (("failed", "out.csv"), ("delivered", "no/such/out.csv")):
        result = usms("receipts", "job", "--json", "--export", *export)
        assert (result.status, result.out) == (2, "")
    assert gateway.questions == []


# --- when it does not go well ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(status=401, body=b""), "the key pair was refused"),
        (Reply(body=b'{"RetCode": 215398, "Message": "Failed to parse token"}'), "Failed to parse"),
        (Reply(status=503, body=b""), "there is no answer of the API"),
        (Reply(body=b'{"RetCode": 1, "Message": "not today"}'), "not today"),
        (Reply(body=b"<html>Hello"), "<html>Hello"),
        (Reply(fault="drop"), "there is no answer of the API"),
    ],
)
def test_what_is_known_is_reported_also_when_the_api_does_not_answer(
    usms: Usms, gateway: Gateway, reply: Reply, words: str
) -> None:
    sent(usms, 3, "--retries", "0")
    gateway.receipts = always({"S1-1": [receipt(A), receipt(B)]})
    receipts_of(usms)
    gateway.receipts = lambda *_: reply
    result = usms("receipts", "job", "--json", "--export", "delivered", "out.csv")
    assert result.status == 4
    assert words in result.err
    assert numbers(result.report["receipts"]) == (2, 0, 1, 2)
    assert len((usms.folder / "out.csv").read_text().splitlines()) == 3


def test_what_came_before_a_call_went_wrong_is_kept(usms: Usms, gateway: Gateway) -> None:
    sent(usms, 300, "--batch-size", "1", "--concurrency", "1")
    good = everybody_delivered(gateway)
    gateway.receipts = lambda number, ids: (
        good(number, ids) if number == 1 else Reply(status=401, body=b"")
    )
    assert numbers(receipts_of(usms, status=4)) == (100, 0, 200, 100)
    assert len(gateway.questions) == 2
    # One that is refused keeps no other from being asked.
    gateway.questions.clear()
    gateway.receipts = lambda number, ids: (
        good(number, ids) if number != 1 else Reply(body=b'{"RetCode": 1, "Message": "no"}')
    )
    assert numbers(receipts_of(usms, status=4))[0] >= 200
    assert len(gateway.questions) == 3


def test_a_run_without_sessions_is_not_asked_about(usms: Usms, gateway: Gateway) -> None:
    gateway.plan = lambda *_: Reply(status=401, body=b"", takes=False)
    sent(usms)
    result = usms("receipts", "job", "--json")
    assert (result.status, gateway.questions) == (0, [])
    assert "no session number" in result.err
    assert numbers(result.report["receipts"]) == (0, 0, 0, 0)


def test_a_wrong_call_is_told_and_asks_nothing(usms: Usms, gateway: Gateway) -> None:
    sent(usms)
    assert usms("receipts", "other").status == 2
    usms.environment = {"USPEEDO_ACCESSKEY_SECRET": ""}
    assert usms("receipts", "job").status == 2
    usms.environment = {"USPEEDO_BASE_URL": "http://127.0.0.1:9"}
    result = usms("receipts", "job", "--json")
    assert (result.status, result.out) == (2, "")
    assert gateway.address in result.err
    assert gateway.questions == []


# --- many ------------------------------------------------------------------------------------


def run_with_sessions(path: Path, address: str, count: int) -> None:
    """Make a run of so many requests, each to one recipient, without sending them."""
    with Draft(path.with_suffix(".draft")) as draft:
        draft.begin_source("list.csv")
        for line, one in enumerate(people(count), start=2):
            draft.add(one.phone, one.template, one.sender, one.params, line)
        draft.seal(new_info(name=path.stem, address=address), allow_duplicates=False)
        draft.publish(path)
    with closing(Ledger(path)) as ledger:
        for number, batch in enumerate(batches(ledger.pending(1), 1)):
            request = ledger.start(batch)
            rows = [SessionRow(f"s{number}", "T1", "S", 1)]
            ledger.settle(request, batch, Settlement("taken", "accepted", sessions=rows))
        ledger.commit()


def test_ten_thousand_sessions_are_asked_about_in_a_hundred_calls(
    usms: Usms, gateway: Gateway
) -> None:
    usms.state.mkdir()
    run_with_sessions(usms.state / "job.db", gateway.address, 10_000)

    def answer(number: int, ids: list[str]) -> Reply:
        found = {no: [receipt(f"{13800000000 + int(no[1:])}")] for no in ids}
        return Reply(body=body(found))

    gateway.receipts = answer
    assert numbers(receipts_of(usms, status=0)) == (10_000, 0, 0, 10_000)
    assert [len(ids) for ids in gateway.questions] == [100] * 100
    assert len({no for ids in gateway.questions for no in ids}) == 10_000


def test_a_few_calls_are_made_at_once(usms: Usms, gateway: Gateway) -> None:
    sent(usms, 300, "--batch-size", "1")
    gate = threading.Event()
    good = everybody_delivered(gateway)

    def answer(number: int, ids: list[str]) -> Reply:
        if number == 3:
            gate.set()
        return replace(good(number, ids), gate=gate)

    gateway.receipts = answer
    assert numbers(receipts_of(usms, status=0)) == (300, 0, 0, 300)


def test_no_call_asks_for_more_receipts_than_an_answer_can_hold(
    usms: Usms, gateway: Gateway
) -> None:
    sent(usms, 40_000)
    gateway.receipts = everybody_delivered(gateway)
    assert numbers(receipts_of(usms, status=0))[0] == 40_000
    assert sorted(len(ids) for ids in gateway.questions) == [8, 16, 16]


# --- waiting ---------------------------------------------------------------------------------


def test_it_waits_until_no_receipt_is_missing(usms: Usms) -> None:
    with Sandbox(receipt_delay=2.0) as sandbox:
        usms.address = sandbox.address
        sent(usms)
        assert numbers(receipts_of(usms, status=1)) == (0, 0, 3, 0)
        begun = time.monotonic()
        assert numbers(receipts_of(usms, "--wait", "2", status=0)) == (3, 0, 0, 3)
        assert time.monotonic() - begun < 60


def test_it_asks_a_last_time_when_the_time_is_over(usms: Usms, gateway: Gateway) -> None:
    sent(usms)
    gateway.receipts = lambda number, ids: Reply(
        body=body({"S1-1": [receipt(A)] if number == 1 else [receipt(A), receipt(B)]})
    )
    assert numbers(receipts_of(usms, "--wait", "0.01", status=1)) == (2, 0, 1, 2)
    assert len(gateway.questions) == 2


def test_while_it_waits_an_api_that_does_not_answer_is_asked_again(
    usms: Usms, gateway: Gateway
) -> None:
    sent(usms, 3, "--retries", "0")
    good = everybody_delivered(gateway)
    gateway.receipts = lambda number, ids: (
        Reply(status=502, body=b"") if number == 1 else good(number, ids)
    )
    assert numbers(receipts_of(usms, "--wait", "0.01", status=0)) == (3, 0, 0, 3)


def test_while_it_waits_only_those_who_wait_are_asked_about(usms: Usms, gateway: Gateway) -> None:
    sent(usms, 3, "--batch-size", "1")
    good = everybody_delivered(gateway)
    gateway.receipts = lambda number, ids: good(number, ids if number > 1 else ids[1:])
    receipts_of(usms, "--wait", "0.01", status=0)
    assert [len(ids) for ids in gateway.questions] == [3, 1]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_it_reports_what_is_known(
    usms: Usms, gateway: Gateway, number: signal.Signals, status: int
) -> None:
    sent(usms)
    gateway.receipts = always({"S1-1": [receipt(A)]})
    process = usms.start("receipts", "job", "--wait", "60", "--json", "-v")
    assert process.stderr
    while "asking again" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == status
    assert "Traceback" not in err
    assert numbers(json.loads(out)["receipts"]) == (1, 0, 2, 1)
    assert numbers(usms.inside("show", "job", "--json").report["receipts"]) == (1, 0, 2, 1)


def test_interrupted_it_waits_for_no_answer(usms: Usms, gateway: Gateway) -> None:
    sent(usms, 2, "--batch-size", "1")
    gate = threading.Event()
    gateway.receipts = lambda *_: Reply(gate=gate, body=body({}))
    process = usms.start("receipts", "job", "--json")
    give_up = time.monotonic() + 20
    while not gateway.questions:
        assert time.monotonic() < give_up
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert numbers(json.loads(out)["receipts"]) == (0, 0, 2, 0)


def test_a_terminal_shows_how_it_stands_while_it_waits(usms: Usms, gateway: Gateway) -> None:
    sent(usms)
    gateway.receipts = always({"S1-1": [receipt(A), receipt(B, "Fail")]})
    terminal = OnTerminal(usms, "receipts", "job", "--wait", "60")
    terminal.until("asking again at")
    assert "2/3" in terminal.text
    terminal.interrupt()
    assert terminal.end() == 130
    assert "1 delivered, 1 undelivered, 1 waiting" in terminal.text


# --- beside others ---------------------------------------------------------------------------


def test_it_disturbs_neither_sending_nor_resuming_but_keeps_the_run_from_deletion(
    usms: Usms, gateway: Gateway
) -> None:
    gateway.receipts = everybody_delivered(gateway)
    sent(usms, 10, "--batch-size", "2", "--limit", "4")
    gateway.receipts = always({})
    waiting = usms.start("receipts", "job", "--wait", "60", "--json", "-v")
    assert waiting.stderr
    while "asking again" not in waiting.stderr.readline():
        assert waiting.poll() is None
    refused = usms("runs", "delete", "job")
    assert refused.status == 2
    assert "asking for the receipts" in refused.err
    assert usms("resume", "job", "-q").status == 0
    gateway.receipts = everybody_delivered(gateway)
    assert numbers(receipts_of(usms, status=0)) == (10, 0, 0, 10)
    out, _ = waiting.communicate(timeout=30)
    assert waiting.returncode == 0
    assert numbers(json.loads(out)["receipts"]) == (10, 0, 0, 10)
    assert usms("runs", "delete", "job").status == 0
    assert [path.name for path in usms.state.iterdir()] == [".admission"]


def test_receipts_of_a_run_that_is_being_sent(usms: Usms, gateway: Gateway) -> None:
    write_csv(usms.folder / "r.csv", [(phone, "x") for phone in phones(4)])
    gate = threading.Event()
    gateway.plan = lambda number, _: Reply(gate=gate if number > 2 else None)
    gateway.receipts = everybody_delivered(gateway)
    with usms.start(*SEND, "--batch-size", "1", "--concurrency", "1") as process:
        give_up = time.monotonic() + 20
        while len(gateway.requests) < 3:
            assert time.monotonic() < give_up
            time.sleep(0.01)
        report = usms("receipts", "job", "--json").report
        assert report["status"] == "running"
        assert numbers(report["receipts"]) == (2, 0, 0, 2)
        gate.set()
        assert process.wait(20) == 0
    assert numbers(receipts_of(usms, status=0)) == (4, 0, 0, 4)


# --- the sandbox -----------------------------------------------------------------------------


def test_a_run_in_the_sandbox_has_its_receipts_too(usms: Usms) -> None:
    everybody = ["13800138000", "19999990104", *(f"199999902{n:02}" for n in range(1, 9))]
    write_csv(usms.folder / "r.csv", [(phone, "x") for phone in everybody])
    usms.environment = {"USPEEDO_ACCESSKEY_ID": "", "USPEEDO_ACCESSKEY_SECRET": ""}
    assert usms(*SEND, "--sandbox").status == 1
    result = usms("receipts", "job", "--json")
    assert (result.status, result.report["sandbox"]) == (1, True)
    assert numbers(result.report["receipts"]) == (3, 4, 2, 8)
    reasons = result.report["receipts"]["undelivered_by_reason"]
    assert reasons["phone is switched off"] == reasons["rejected by the carrier"] == 1
    memory = usms.state / ".job.sandbox"
    assert memory.stat().st_mode & 0o077 == 0
    usms("runs", "delete", "job")
    assert not memory.exists()


def test_the_sandbox_that_is_served_takes_its_time_with_receipts(usms: Usms) -> None:
    with usms.start("sandbox", "--port", "0", "--receipt-delay", "3600") as process:
        assert process.stdout
        usms.address = process.stdout.readline().split()[2].rstrip(";")
        sent(usms)
        assert numbers(receipts_of(usms, status=1)) == (0, 0, 3, 0)
        process.terminate()
