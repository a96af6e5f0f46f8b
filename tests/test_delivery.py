"""Batches on their way to a gateway that fails on purpose: what is reported is compared with the
gateway's own ledger, recipient by recipient."""

import json
import random
import socket
import threading
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.command import Usms, phones, write_csv
from tests.support.gateway import TAKEN, Gateway, Plan, Reply, Target, in_turn, refusal
from tests.support.runs import To, account_at, deliver, outcomes, people, write_run
from usms_cli.api.client import Client
from usms_cli.delivery import Delivery
from usms_cli.journal.ledger import Ledger
from usms_cli.journal.schema import Pace
from usms_cli.journal.settlement import SentCounts
from usms_cli.recipients.phones import api_form

SLOW_DOWN = Reply(takes=False, status=429, headers={"Retry-After": "0"})
WRONG_KEY = Reply(takes=False, body=b'{"RetCode": 215398, "Message": "Failed to parse token"}')


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usms_cli.delivery.FIRST_BACKOFF", 0.02)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "r.db"


def sizes(gateway: Gateway) -> list[int]:
    return [len(seen.targets) for seen in gateway.requests]


def honest(run: Path, gateway: Gateway) -> dict[str, list[str]]:
    """Return the outcomes, after comparing them with whom the gateway messaged."""
    found, taken = outcomes(run), gateway.phones
    for phone in found.get("accepted", ()):
        assert taken[phone] >= 1, f"{phone} is reported as accepted, and was not messaged"
    for outcome in ("failed", "pending"):
        for phone in found.get(outcome, ()):
            assert not taken[phone], f"{phone} is reported as {outcome}, and was messaged"
    return found


def nobody_twice(gateway: Gateway) -> None:
    assert set(gateway.taken.values()) <= {1}


# --- how many at once ------------------------------------------------------------------------


def test_2500_recipients_go_out_in_three_requests(run: Path, gateway: Gateway) -> None:
    write_run(run, people(2500))
    tallies: list[SentCounts] = []
    ending = deliver(run, gateway.address, watch=tallies.append)
    assert ending.status == "done"
    assert sorted(sizes(gateway)) == [500, 1000, 1000]
    assert len(honest(run, gateway)["accepted"]) == 2500
    assert tallies[-1] == SentCounts(accepted=2500)
    nobody_twice(gateway)


def test_templates_and_senders_share_a_request_each_in_an_entry_of_its_own(
    run: Path, gateway: Gateway
) -> None:
    write_run(run, [To(8613800000000, ("a",)), To(8613800000001, (), "T2", ""), *people(1)])
    # The last has no parameters where another of its template has one: none is right.
    deliver(run, gateway.address)
    (request,) = gateway.requests
    assert request.body == {
        "TaskContent": [{"TemplateId": "T2", "SenderId": "", "Target": [{"Phone": "13800000001"}]}]
    }
    assert len(outcomes(run)["invalid"]) == 2


def test_the_first_request_goes_alone_and_the_others_overlap(run: Path, gateway: Gateway) -> None:
    write_run(run, people(130))
    gateway.plan = lambda *_: Reply(seconds=0.2)
    deliver(run, gateway.address, batch_size=10, concurrency=4)
    assert gateway.requests[1].at - gateway.requests[0].at >= 0.2
    assert gateway.most_under_way == 4
    assert len(gateway.requests) == 13
    nobody_twice(gateway)


@pytest.mark.parametrize(("concurrency", "most"), [(1, 1), (2, 2), (8, 8)])
def test_no_more_requests_are_under_way_than_allowed(
    run: Path, gateway: Gateway, concurrency: int, most: int
) -> None:
    write_run(run, people(120))
    gate = threading.Event()

    def plan(number: int, _: list[Target]) -> Reply:
        if number > 1 and gateway.under_way == most:
            threading.Timer(0.2, gate.set).start()  # time for more to come, if they may
        return Reply(gate=gate) if number > 1 else TAKEN

    gateway.plan = plan
    deliver(run, gateway.address, batch_size=10, concurrency=concurrency)
    assert gateway.most_under_way == most
    assert len(honest(run, gateway)["accepted"]) == 120


def dying_from(batch: int, slow: dict[int, float]) -> Plan:
    """Take the batches of ten before one, some of them slowly, and drop all others."""
    places = {phone: place for place, phone in enumerate(phones(200))}

    def plan(_: int, targets: list[Target]) -> Reply:
        number = places[targets[0].phone] // 10
        dies = number >= batch
        return Reply(seconds=slow.get(number, 0.1), fault="drop" if dies else None, takes=not dies)

    return plan


def test_after_an_unknown_no_more_are_under_way_than_may_end_so(
    run: Path, gateway: Gateway
) -> None:
    write_run(run, people(200))
    gateway.plan = dying_from(9, {})
    deliver(run, gateway.address, batch_size=10, concurrency=8)
    # Those that were under way when it died, and no more.
    assert len(gateway.requests) <= 9 + 8
    assert len(honest(run, gateway)["pending"]) >= 200 - 170


def test_an_answer_to_a_request_from_before_does_not_tell_that_the_gateway_lives(
    run: Path, gateway: Gateway
) -> None:
    write_run(run, people(200))
    gateway.plan = dying_from(9, {8: 2.0})
    deliver(run, gateway.address, batch_size=10, concurrency=2)
    assert len(gateway.requests) == 9 + 5
    assert len(honest(run, gateway)["unknown"]) == 50


def test_the_first_request_of_each_template_goes_alone_of_its_kind(
    run: Path, gateway: Gateway
) -> None:
    write_run(run, [*people(50, "T1"), *people(50, "T2", first=50)])

    def plan(number: int, targets: list[Target]) -> Reply:
        seen = [one for one in gateway.requests if one.targets[0].template == "T2"]
        waits = targets[0].template == "T2" and len(seen) == 1
        return Reply(seconds=0.3 if waits else 0.0)

    gateway.plan = plan
    deliver(run, gateway.address, batch_size=10)
    first, second, *_ = (one.at for one in gateway.requests if one.targets[0].template == "T2")
    assert second - first >= 0.3


def test_only_the_first_so_many_are_sent_with_a_limit(run: Path, gateway: Gateway) -> None:
    write_run(run, people(50))
    assert deliver(run, gateway.address, batch_size=10, limit=15).status == "done"
    assert sizes(gateway) == [10, 5]
    assert honest(run, gateway)["accepted"] == phones(15)
    deliver(run, gateway.address, batch_size=10, limit=10)
    assert honest(run, gateway)["accepted"] == phones(25)
    deliver(run, gateway.address, batch_size=10)
    assert honest(run, gateway)["accepted"] == phones(50)
    nobody_twice(gateway)


def test_an_interruption_awaits_what_is_under_way_and_starts_nothing_more(
    run: Path, gateway: Gateway
) -> None:
    write_run(run, people(100))

    def plan(number: int, targets: list[Target]) -> Reply:
        if number == 3:
            delivery.interrupt()
        return Reply(seconds=0.0 if number == 1 else 0.2)

    gateway.plan = plan
    with closing(Ledger(run)) as ledger:
        delivery = Delivery(
            ledger,
            lambda: Client(account_at(gateway.address), 5.0),
            Pace(batch_size=10, concurrency=2),
            lambda _: None,
        )
        assert delivery.run().status == "interrupted"
    found = honest(run, gateway)
    assert (len(found["accepted"]), len(found["pending"])) == (30, 70)


# --- not taken -------------------------------------------------------------------------------


def test_what_was_not_taken_is_tried_again_and_nobody_is_messaged_twice(
    run: Path, gateway: Gateway
) -> None:
    write_run(run, people(50))
    away = replace(SLOW_DOWN, status=503)
    gateway.plan = in_turn(SLOW_DOWN, TAKEN, away, SLOW_DOWN, SLOW_DOWN)
    assert deliver(run, gateway.address, batch_size=10).status == "done"
    assert len(honest(run, gateway)["accepted"]) == 50
    assert len(gateway.requests) == 9
    nobody_twice(gateway)


def test_retry_after_holds_back_every_request(run: Path, gateway: Gateway) -> None:
    write_run(run, people(400))
    wait = Reply(takes=False, status=429, headers={"Retry-After": "1"})
    gateway.plan = lambda number, _: wait if number == 4 else Reply(seconds=0.05)
    deliver(run, gateway.address, batch_size=10)
    told = gateway.requests[3].at
    after = [seen.at - told for seen in gateway.requests if seen.at > told]
    assert len(after) == 37
    assert [at for at in after if 0.4 < at < 1.0] == []
    assert len([at for at in after if at <= 0.4]) <= 5
    nobody_twice(gateway)


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ("3600", "60 minutes"),
        ("999999999999", "more than a day"),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "more than a day"),
    ],
)
def test_a_pause_that_is_too_long_stops_the_run_and_is_told(
    run: Path, gateway: Gateway, after: str, said: str
) -> None:
    write_run(run, people(2))
    gateway.plan = lambda *_: Reply(takes=False, status=503, headers={"Retry-After": after})
    ending = deliver(run, gateway.address, batch_size=10)
    assert (ending.status, len(gateway.requests)) == ("stopped", 1)
    assert str(ending.problem).endswith(f"asks to wait for {said}")


@pytest.mark.parametrize("after", ["0", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_retry_after_of_nothing_does_not_use_up_the_retries(
    after: str, run: Path, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("usms_cli.delivery.FIRST_BACKOFF", 0.1)
    write_run(run, people(5))
    gateway.plan = lambda *_: replace(SLOW_DOWN, headers={"Retry-After": after})
    assert deliver(run, gateway.address, retries=3).status == "stopped"
    times = [seen.at for seen in gateway.requests]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert all(pause > least for pause, least in zip(pauses, (0.1, 0.2, 0.4), strict=True))


@pytest.mark.parametrize("retries", [0, 2])
@pytest.mark.parametrize("status", [429, 503])
def test_when_the_retries_are_used_up_the_run_stops_and_all_are_pending(
    run: Path, gateway: Gateway, retries: int, status: int
) -> None:
    write_run(run, people(50))
    gateway.plan = lambda *_: replace(SLOW_DOWN, status=status)
    ending = deliver(run, gateway.address, batch_size=10, retries=retries)
    assert ending.status == "stopped"
    assert str(status) in str(ending.problem)
    assert len(gateway.requests) == retries + 1
    assert honest(run, gateway) == {"pending": phones(50)}


def test_a_wait_of_more_than_ten_minutes_stops_at_once(run: Path, gateway: Gateway) -> None:
    write_run(run, people(50))
    gateway.plan = in_turn(Reply(takes=False, status=503, headers={"Retry-After": "601"}))
    ending = deliver(run, gateway.address, batch_size=10)
    assert ending.status == "stopped"
    assert "10 minutes" in str(ending.problem)
    assert len(gateway.requests) == 1
    assert honest(run, gateway) == {"pending": phones(50)}


def test_where_nothing_listens_everybody_stays_pending(run: Path, gateway: Gateway) -> None:
    write_run(run, people(50))
    with socket.create_server(("127.0.0.1", 0)) as unused:
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
    ending = deliver(run, address, batch_size=10, retries=1)
    assert ending.status == "stopped"
    assert "no connection was made" in str(ending.problem)
    assert honest(run, gateway) == {"pending": phones(50)}


# --- unknown ---------------------------------------------------------------------------------


@pytest.mark.parametrize("takes", [True, False])
@pytest.mark.parametrize("before", [0, 1, 7])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_five_unknown_in_a_row_stop_the_run(
    run: Path, gateway: Gateway, takes: bool, before: int, concurrency: int
) -> None:
    write_run(run, people(300))
    gateway.plan = in_turn(*[TAKEN] * before, then=Reply(takes=takes, status=503))
    ending = deliver(run, gateway.address, batch_size=10, concurrency=concurrency)
    assert ending.status == "stopped"
    assert "5 requests in a row ended unknown" in str(ending.problem)
    found = honest(run, gateway)
    # A row is one of answers: those of the good requests may come among the first of the others.
    most = 50 + (30 if before > 1 and concurrency > 1 else 0)
    assert 50 <= len(found["unknown"]) <= most
    assert len(found["accepted"]) == 10 * before if before else "accepted" not in found


def test_fewer_than_five_unknown_in_a_row_stop_nothing(run: Path, gateway: Gateway) -> None:
    write_run(run, people(210))
    gateway.plan = lambda number, _: TAKEN if number % 5 == 1 else Reply(status=502)
    ending = deliver(run, gateway.address, batch_size=10, concurrency=1)
    assert ending.status == "done"
    found = honest(run, gateway)
    assert (len(found["accepted"]), len(found["unknown"])) == (50, 160)


def test_a_failed_phone_that_is_nobodys_leaves_its_request_unknown(
    run: Path, gateway: Gateway
) -> None:
    write_run(run, people(30))
    body = {
        "RetCode": 0,
        "SessionNo": ["a"],
        "FailedTargetPhones": [{"Phone": "13999999999", "FailureReason": "no"}],
    }
    gateway.plan = in_turn(TAKEN, Reply(body=json.dumps(body).encode()))
    deliver(run, gateway.address, batch_size=10)
    found = honest(run, gateway)
    assert (len(found["accepted"]), len(found["unknown"])) == (20, 10)


# --- stop and refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        WRONG_KEY,
        replace(WRONG_KEY, status=400),
        Reply(takes=False, status=401),
        Reply(takes=False, status=403),
        Reply(takes=False, status=302, headers={"Location": "/"}),
    ],
    ids=["215398", "215398 as 400", "401", "403", "302"],
)
def test_a_wrong_key_costs_one_request(run: Path, gateway: Gateway, reply: Reply) -> None:
    write_run(run, [one for t in range(10) for one in people(10, f"T{t}", first=10 * t)])
    gateway.plan = in_turn(replace(reply, seconds=0.1))
    assert deliver(run, gateway.address, batch_size=10).status == "stopped"
    assert len(gateway.requests) == 1
    assert honest(run, gateway) == {"pending": phones(100)}


def test_a_refused_template_stays_pending_and_the_others_go_on(run: Path, gateway: Gateway) -> None:
    write_run(run, [*people(900, "T1"), *people(900, "T2", first=900)])

    def plan(number: int, targets: list[Target]) -> Reply:
        return refusal() if any(one.template == "T1" for one in targets) else TAKEN

    gateway.plan = plan
    ending = deliver(run, gateway.address)
    assert ending.status == "stopped"
    assert 'template "T1": Invalid parameter [TemplateId]' in str(ending.problem)
    assert honest(run, gateway) == {"pending": phones(900), "accepted": phones(1800)[900:]}
    assert len(gateway.requests) < 15
    nobody_twice(gateway)


def test_a_bad_recipient_fails_and_the_others_go_out(run: Path, gateway: Gateway) -> None:
    write_run(run, people(2500))
    bad = {phones(2500)[place] for place in (0, 777, 1000, 1001, 2499)}

    def plan(number: int, targets: list[Target]) -> Reply:
        return refusal("bad phone") if bad & {one.phone for one in targets} else TAKEN

    gateway.plan = plan
    tallies: list[SentCounts] = []
    assert deliver(run, gateway.address, watch=tallies.append).status == "done"
    found = honest(run, gateway)
    assert set(found["failed"]) == bad
    assert len(found["accepted"]) == 2495
    assert tallies[-1] == SentCounts(accepted=2495, failed=5)
    nobody_twice(gateway)
    requests = len(gateway.requests)
    deliver(run, gateway.address)
    assert len(gateway.requests) == requests


def test_everybody_refused_stops_after_few_requests(run: Path, gateway: Gateway) -> None:
    write_run(run, [one for t in range(60) for one in people(3, f"T{t}", first=3 * t)])
    gateway.plan = lambda *_: refusal("no money left", 1)
    ending = deliver(run, gateway.address)
    assert ending.status == "stopped"
    assert "40 templates in a row were refused: no money left" in str(ending.problem)
    assert len(gateway.requests) < 250
    assert honest(run, gateway) == {"pending": phones(180)}


def test_many_refused_templates_keep_no_later_one_from_being_sent(
    run: Path, gateway: Gateway
) -> None:
    write_run(run, [one for t in range(60) for one in people(3, f"T{t}", first=3 * t)])
    gateway.plan = lambda _, targets: (
        TAKEN if {one.template for one in targets} == {"T59"} else refusal()
    )
    assert deliver(run, gateway.address).status == "stopped"
    assert honest(run, gateway) == {"pending": phones(180)}
    assert deliver(run, gateway.address).status == "stopped"
    assert honest(run, gateway) == {"accepted": phones(180)[-3:], "pending": phones(180)[:-3]}


@pytest.mark.parametrize("batch_size", [1, 20, 100])
@pytest.mark.parametrize("slow", [0.0, 0.3])
def test_a_template_refused_from_some_request_on_stays_pending(
    slow: float, batch_size: int, run: Path, gateway: Gateway
) -> None:
    """Also where a bad recipient that was found had shown it to be good, and where the last to be
    taken are answered after the first to be refused."""
    everybody = phones(500)
    write_run(run, people(500))

    def plan(number: int, targets: list[Target]) -> Reply:
        wanted = {one.phone for one in targets}
        if everybody[7] in wanted or not wanted <= set(everybody[:200]):
            return refusal("no money left", 1)
        return Reply(seconds=slow) if everybody[199] in wanted else TAKEN

    gateway.plan = plan
    ending = deliver(run, gateway.address, batch_size=batch_size)
    assert ending.status == "stopped"
    assert ending.problem == 'template "T1": no money left (RetCode 1)'
    found = honest(run, gateway)
    assert found["failed"] == [everybody[7]]
    assert found["pending"] == everybody[200:]
    assert len(gateway.requests) < 200 / batch_size + 40


def test_all_templates_that_are_refused_are_counted(run: Path, gateway: Gateway) -> None:
    write_run(run, [one for t in range(9) for one in people(3, f"T{t}", first=3 * t)])
    gateway.plan = lambda _, targets: (
        TAKEN if {one.template for one in targets} == {"T8"} else refusal()
    )
    ending = deliver(run, gateway.address)
    assert str(ending.problem).endswith("; and 5 more templates")
    assert honest(run, gateway) == {"pending": phones(24), "accepted": phones(27)[24:]}


# --- faults, before and after the batch was taken --------------------------------------------

FAULTS = {
    "drop": Reply(fault="drop"),
    "reset": Reply(fault="reset"),
    "hang": Reply(seconds=20.0),
    "drip": Reply(fault="drip", seconds=0.05),
    "cut": Reply(fault="cut"),
    "408": Reply(status=408),
    "500": Reply(status=500, body=b'{"RetCode": 215392, "Message": "no"}'),
    "502": Reply(status=502, body=b"<html>Bad Gateway</html>"),
    "503": Reply(status=503),
    "215400": Reply(body=b'{"RetCode": 215400, "Message": "server error"}'),
    "garbage": Reply(body=b"<html>hello</html>"),
    "empty": Reply(body=b""),
    "no session": Reply(body=b'{"RetCode": 0, "Message": "success"}'),
}


@pytest.mark.parametrize("takes", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("fault", FAULTS)
def test_after_a_fault_the_report_agrees_with_the_gateway(
    run: Path, gateway: Gateway, fault: str, takes: bool
) -> None:
    write_run(run, people(40))
    gateway.plan = in_turn(TAKEN, replace(FAULTS[fault], takes=takes))
    timeout = 0.4 if fault in ("hang", "drip") else 5.0
    ending = deliver(run, gateway.address, batch_size=10, concurrency=1, limit=30, timeout=timeout)
    assert ending.status == "done"
    everybody = phones(40)
    assert honest(run, gateway) == {
        "accepted": everybody[:10] + everybody[20:30],
        "unknown": everybody[10:20],
        "pending": everybody[30:],
    }
    deliver(run, gateway.address, batch_size=10)
    nobody_twice(gateway)
    assert honest(run, gateway) == {
        "accepted": everybody[:10] + everybody[20:],
        "unknown": everybody[10:20],
    }
    deliver(run, gateway.address, resend_unknown=True)
    assert honest(run, gateway) == {"accepted": everybody}
    assert {phone for phone, times in gateway.phones.items() if times > 1} == (
        set(everybody[10:20]) if takes else set()
    )


def test_a_fault_in_mid_isolation_leaves_no_doubt_about_the_others(
    run: Path, gateway: Gateway
) -> None:
    write_run(run, people(100))
    bad = phones(100)[42]

    def plan(number: int, targets: list[Target]) -> Reply:
        if number == 6:
            return Reply(fault="drop")
        return refusal() if bad in {one.phone for one in targets} else TAKEN

    gateway.plan = plan
    deliver(run, gateway.address)
    honest(run, gateway)
    deliver(run, gateway.address)
    nobody_twice(gateway)
    found = honest(run, gateway)
    assert found["failed"] == [bad]
    assert "pending" not in found
    assert len(found["unknown"]) == len(gateway.requests[5].targets)


# --- sending again to those who are unknown --------------------------------------------------


def unknown_run(run: Path, gateway: Gateway, count: int = 30) -> None:
    """Make a run of whose recipients the second ten are unknown, and were messaged."""
    write_run(run, people(count))
    gateway.plan = in_turn(TAKEN, Reply(fault="drop"))
    deliver(run, gateway.address, batch_size=10, concurrency=1)
    assert honest(run, gateway)["unknown"] == phones(20)[10:]


@pytest.mark.parametrize(
    "reply",
    [
        refusal("bad"),
        Reply(takes=False, status=400, body=b""),
        Reply(takes=False, status=401),
        replace(SLOW_DOWN, headers={"Retry-After": "601"}),
        Reply(takes=False, status=500),
        WRONG_KEY,
    ],
    ids=["refused", "400", "401", "429", "500", "215398"],
)
def test_a_no_on_sending_again_says_nothing_of_the_first_time(
    run: Path, gateway: Gateway, reply: Reply
) -> None:
    unknown_run(run, gateway)
    gateway.plan = lambda *_: reply
    deliver(run, gateway.address, resend_unknown=True)
    everybody = phones(30)
    assert honest(run, gateway) == {
        "accepted": everybody[:10] + everybody[20:],
        "unknown": everybody[10:20],
    }
    gateway.plan = in_turn()
    deliver(run, gateway.address, resend_unknown=True)
    assert honest(run, gateway) == {"accepted": everybody}


def test_who_is_listed_as_failed_on_sending_again_stays_unknown(
    run: Path, gateway: Gateway
) -> None:
    unknown_run(run, gateway)
    failing = phones(30)[12]
    gateway.plan = lambda *_: Reply(fails={failing: "no such number"})
    deliver(run, gateway.address, resend_unknown=True)
    found = honest(run, gateway)
    assert found["unknown"] == [failing]
    assert len(found["accepted"]) == 29
    assert sizes(gateway)[-1] == 10


def test_without_being_told_to_unknown_ones_are_never_sent_again(
    run: Path, gateway: Gateway
) -> None:
    unknown_run(run, gateway)
    requests = len(gateway.requests)
    assert deliver(run, gateway.address).status == "done"
    assert len(gateway.requests) == requests


def test_sending_again_goes_on_with_what_is_pending(run: Path, gateway: Gateway) -> None:
    write_run(run, people(60))
    gateway.plan = in_turn(TAKEN, Reply(fault="drop"), WRONG_KEY)
    deliver(run, gateway.address, batch_size=10, concurrency=1)
    deliver(run, gateway.address, batch_size=10, resend_unknown=True)
    assert honest(run, gateway) == {"accepted": phones(60)}
    assert [one.phone for one in gateway.requests[3].targets] == phones(20)[10:]


# --- anything --------------------------------------------------------------------------------


def mischief(chance: random.Random, bad: set[str]) -> Plan:
    """A gateway with every fault in any order, and a few recipients that it refuses or fails."""
    faults = [reply for name, reply in FAULTS.items() if name not in ("hang", "drip")]

    def plan(number: int, targets: list[Target]) -> Reply:
        refused = bad & {one.phone for one in targets}
        draw = chance.random()
        if draw < 0.25:
            return replace(chance.choice(faults), takes=chance.random() < 0.5)
        if draw < 0.35:
            return SLOW_DOWN
        if draw < 0.38:
            return WRONG_KEY
        if refused and draw < 0.7:
            return refusal()
        return Reply(fails=dict.fromkeys(refused, "bad"))

    return plan


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_gateway_does_nobody_is_messaged_twice_or_misreported(
    run: Path, gateway: Gateway, seed: int
) -> None:
    chance = random.Random(seed)
    records = [*people(150, "T1"), *people(100, "T2", first=150), *people(5, "T3", first=250)]
    write_run(run, records)
    bad = set(chance.sample([api_form(one.phone) for one in records], 6))
    gateway.plan = mischief(chance, bad)
    for _ in range(4):
        deliver(run, gateway.address, batch_size=chance.choice([7, 20, 60]), concurrency=3)
        honest(run, gateway)
        nobody_twice(gateway)
    gateway.plan = in_turn()
    deliver(run, gateway.address)
    nobody_twice(gateway)
    found = honest(run, gateway)
    assert "pending" not in found
    assert set(found.get("failed", ())) <= bad
    deliver(run, gateway.address, resend_unknown=True)
    assert "unknown" not in honest(run, gateway)


# --- through the command ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "status", "counts"),
    [
        (in_turn(), 0, {"accepted": 60}),
        (in_turn(Reply(fails={"13800000003": "no"})), 1, {"accepted": 59, "failed": 1}),
        (in_turn(Reply(fault="drop")), 1, {"accepted": 50, "unknown": 10}),
        (in_turn(then=Reply(fault="drop")), 4, {"unknown": 50, "pending": 10}),
        (in_turn(WRONG_KEY), 4, {"pending": 60}),
        (lambda *_: refusal(), 4, {"pending": 60}),
    ],
    ids=["taken", "one failed", "one unknown", "all unknown", "wrong key", "refused"],
)
def test_the_exit_status_says_how_it_ended(
    usms: Usms, gateway: Gateway, tmp_path: Path, plan: Plan, status: int, counts: dict[str, int]
) -> None:
    gateway.plan = plan
    file = write_csv(tmp_path / "list.csv", [[phone] for phone in phones(60)], "phone")
    result = usms.send(file, "--batch-size", "10")
    assert result.status == status, result.err
    found = {name: n for name, n in result.report["counts"].items() if n and name != "records"}
    assert found == counts
    gateway.plan = in_turn()
    again = usms("resume", "last", "--json")
    assert set(gateway.taken.values()) <= {1}
    assert again.report["counts"]["unknown"] == counts.get("unknown", 0)
