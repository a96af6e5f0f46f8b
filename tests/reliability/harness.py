"""A run sent inside this process to a failing gateway, crashed on purpose, and held against the
gateway's own ledger.

The program's own pieces do the work, from the draft to the last verdict. In their way stands a
`Power` that can go off at any step: nothing is written and no request begun from then on, and the
run goes on from the files as they were at that instant.
"""

import shutil
import socket
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Self
from unittest import mock

import msgspec

from tests.support.gateway import Gateway, Reply, Target, refusal, targets_of
from usms_cli.api.client import Client
from usms_cli.api.verdicts import Unknown, Verdict
from usms_cli.batching import Batch
from usms_cli.delivery import Delivery, Ending
from usms_cli.journal.draft import Draft
from usms_cli.journal.ledger import Ledger
from usms_cli.journal.outcomes import OUTCOMES, Outcome
from usms_cli.journal.schema import UNANSWERED, Pace, RunInfo
from usms_cli.journal.settlement import SentCounts, Settlement
from usms_cli.journal.view import Row, View
from usms_cli.recipients.phones import api_form
from usms_cli.settings import Account, Secret

# On no disk, where it can be had: the program syncs at every step, and that is not what is tested.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None

REFUSED_CONNECTION = "connection refused"

_UNKNOWABLE = {
    "drop": Reply(fault="drop"),
    "reset": Reply(fault="reset"),
    "cut": Reply(fault="cut"),
    "408": Reply(status=408, body=b""),
    "500 with a session number": Reply(status=500),
    "502": Reply(status=502, body=b"<html>bad gateway</html>"),
    "bare 503": Reply(status=503, body=b""),
    "garbage": Reply(body=b"\x00<html>"),
    "215400": Reply(body=b'{"RetCode":215400,"Message":"Service error"}'),
    "no session number": Reply(body=b'{"RetCode":0,"Message":"success"}'),
}
# What the answer cannot tell, each after the gateway took the request and before.
UNKNOWABLE = {
    f"{name}, {when}": replace(reply, takes=takes)
    for name, reply in _UNKNOWABLE.items()
    for when, takes in (("taken", True), ("not taken", False))
}
NOT_TAKEN = {
    "429": Reply(takes=False, status=429, headers={"Retry-After": "0"}, body=b""),
    "503 with Retry-After": Reply(takes=False, status=503, headers={"Retry-After": "0"}, body=b""),
}
STOP = {
    "215398": refusal("Failed to parse token", 215398),
    "401": Reply(takes=False, status=401, body=b""),
    "403": Reply(takes=False, status=403, body=b""),
    "302": Reply(takes=False, status=302, headers={"Location": "/"}, body=b""),
}
FAULTS = {**UNKNOWABLE, **NOT_TAKEN, **STOP}


class PowerOff(BaseException):
    """The process is no more."""


class Power:
    """Counts steps, and goes off at one of them."""

    def __init__(self, off_at: int | None = None) -> None:
        self.steps = 0
        self.is_off = False
        self._off_at = off_at
        self._lock = threading.Lock()

    def step(self) -> bool:
        """Come a step further; return whether the power is off."""
        with self._lock:
            self.steps += 1
            self.is_off = self.is_off or self.steps == self._off_at
            return self.is_off

    def step_or_die(self) -> None:
        if self.step():
            raise PowerOff


@dataclass(frozen=True)
class Record:
    """A record of the input; `phone` is the digits of its E.164 number, None where invalid."""

    phone: int | None
    template: str = "T1"
    sender: str = "S"
    params: tuple[str, ...] = ()

    @property
    def target(self) -> Target:
        return Target(api_form(self.phone or 0), self.params, self.template, self.sender)


@dataclass
class World:
    """What the gateway does.

    bad: phones for which it refuses every request that holds one.
    fails: phones that it lists as failed.
    refused_templates: templates for which it refuses every request.
    faults: names of `FAULTS`, or REFUSED_CONNECTION, or None, for the requests that come, in turn.
    """

    bad: frozenset[str] = frozenset()
    fails: frozenset[str] = frozenset()
    refused_templates: frozenset[str] = frozenset()
    faults: deque[str | None] = field(default_factory=deque)

    def mend(self) -> None:
        self.bad = self.refused_templates = frozenset()
        self.faults.clear()

    def reply(self, fault: str | None, targets: Sequence[Target]) -> Reply:
        if fault:
            return FAULTS[fault]
        if any(one.phone in self.bad for one in targets):
            return refusal()
        if any(one.template in self.refused_templates for one in targets):
            return refusal("no such template", 215391)
        return Reply(fails=dict.fromkeys(self.fails, "blocked"))


@dataclass(frozen=True)
class Standing:
    """A run as its file tells it: how many of each target have an outcome."""

    by_outcome: Mapping[Outcome, Counter[Target]]
    pending: int
    unknown: int

    def of(self, outcome: Outcome, target: Target) -> int:
        return self.by_outcome[outcome][target]


class Run:
    """A run of some records, from its journal on. Use as a context manager."""

    def __init__(
        self, records: Sequence[Record], world: World, *, allow_duplicates: bool = False
    ) -> None:
        self._records = records
        self._world = world
        valid = Counter(one.target for one in records if one.phone)
        self._copies = valid if allow_duplicates else Counter(valid.keys())
        self._allow_duplicates = allow_duplicates
        self._resent: Counter[Target] = Counter()  # how often, each time counted
        self._ever_unknown: Counter[Target] = Counter()  # how many when they were resent
        self._bound: Counter[Target] = Counter()  # in requests that took them or may have
        self._doubtful: set[Target] = set()
        self._violations: list[str] = []
        self._lock = threading.Lock()
        self._may_fail = world.bad | world.fails
        self._generation = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=MEMORY)))
            self.gateway = stack.enter_context(Gateway(self._plan))
            silent = stack.enter_context(closing(socket.socket()))
            silent.bind(("127.0.0.1", 0))  # and never listens
            self._silent = f"http://127.0.0.1:{silent.getsockname()[1]}"
            stack.enter_context(mock.patch("usms_cli.delivery.FIRST_BACKOFF", 0.0))
            self.path = self._folder / "run.db"
            self._draw_up()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _draw_up(self) -> None:
        with Draft(self._folder / "draft") as draft:
            draft.begin_source("a.csv")
            for line, one in enumerate(self._records, 2):
                if one.phone:
                    draft.add(one.phone, one.template, one.sender, one.params, line)
                else:
                    draft.add_invalid("x", one.template, one.sender, one.params, line, "no phone")
            info = RunInfo(
                name="run",
                created=time.time(),
                sandbox=False,
                address=self.gateway.address,
                region="CN",
                pace=Pace(),
            )
            draft.seal(info, allow_duplicates=self._allow_duplicates)
            draft.publish(self.path)

    def deliver(
        self,
        pace: Pace,
        *,
        power: Power | None = None,
        limit: int | None = None,
        resend_unknown: bool = False,
        interrupt_at: Iterable[int] = (),
    ) -> Ending | None:
        """Send as a call of `usms` does, and check everything after it.

        :param interrupt_at: at which of the requests of this delivery a signal comes.
        :return: how it ended; None where the power went off.
        """
        before = self.standing()
        if resend_unknown:
            self._resent.update(before.by_outcome["unknown"])
            self._ever_unknown |= before.by_outcome["unknown"]
        ending = self._deliver(pace, power or Power(), limit, resend_unknown, Counter(interrupt_at))
        after = self.check()
        if limit is not None:
            assert before.pending - after.pending <= limit
        if ending and ending.status == "done":
            assert after.pending == max(0, before.pending - (limit or before.pending))
        return ending

    def _deliver(
        self,
        pace: Pace,
        power: Power,
        limit: int | None,
        resend_unknown: bool,
        interrupt_at: Counter[int],
    ) -> Ending | None:
        clients: list[_Client] = []
        ledger = _Ledger(self.path, power)
        requests = count(1)

        def connect() -> _Client:
            clients.append(_Client(self, power, pace.timeout, interrupt))
            return clients[-1]

        def interrupt() -> None:
            for _ in range(interrupt_at[next(requests)]):
                delivery.interrupt()

        delivery = Delivery(
            ledger, connect, pace, _look_away, limit=limit, resend_unknown=resend_unknown
        )
        ending: Ending | None = None
        try:
            with suppress(PowerOff):
                ledger.begin_call()
                ending = delivery.run()
                ledger.end_call(ending.status, ending.problem)
                if interrupt_at.total() < 2:
                    assert not ledger.unanswered(), "what was under way was not awaited"
                return ending
            power.is_off = True
            return None
        finally:
            for client in clients:
                client.closed.wait(10)
            self._doubtful |= ledger.unanswered()
            if power.is_off:
                self._leave_as_it_is()
            ledger.close()

    def _leave_as_it_is(self) -> None:
        """Go on from a copy of the files, so that nothing mends them before they are opened."""
        self._generation += 1
        copy = self._folder / f"run-{self._generation}.db"
        for side in ("", "-wal", "-journal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{self.path}{side}", f"{copy}{side}")
        self.path = copy

    def finish(self) -> Standing:
        """Let the gateway mend its ways, and send the rest: nobody may be lost."""
        self._world.mend()
        self.deliver(Pace(batch_size=7, concurrency=2))
        standing = self.standing()
        assert standing.pending == 0
        return standing

    def standing(self) -> Standing:
        by_outcome = read_outcomes(self.path, len(self._records))
        assert sum(by_outcome.values(), Counter()) == Counter(
            one.target for one in self._records if one.phone
        )
        pending, unknown = (by_outcome[outcome].total() for outcome in ("pending", "unknown"))
        return Standing(by_outcome, pending, unknown)

    def check(self) -> Standing:
        """Hold the run's file against the gateway's ledger, recipient by recipient."""
        assert not self._violations, self._violations
        standing = self.standing()
        taken = self.gateway.taken
        assert not set(taken) - set(self._copies), "a stranger was messaged"
        for one in self._copies:
            accepted, unknown = standing.of("accepted", one), standing.of("unknown", one)
            most = accepted + unknown + self._resent[one]
            assert accepted <= taken[one] <= most, (one, taken[one], accepted, unknown)
            # Whoever may have been messaged stays so, whatever the API says the second time.
            assert accepted + unknown >= self._ever_unknown[one]
            assert not unknown or one in self._doubtful, f"{one} could be known"
            assert not standing.of("failed", one) or one.phone in self._may_fail
        return standing

    def client(self, timeout: float) -> Client:
        """Return a client for the next request: most speak to the gateway, some to nobody."""
        with self._lock:
            refused = bool(self._world.faults) and self._world.faults[0] == REFUSED_CONNECTION
            if refused:
                self._world.faults.popleft()
        address = self._silent if refused else self.gateway.address
        return Client(Account(address, "key", Secret("secret")), timeout)

    def check_on_disk(self, body: bytes) -> None:
        """Make sure that another process sees a request as started, and without an answer."""
        targets = Counter(targets_of(msgspec.json.decode(body)))
        with closing(View.open(self.path)) as view:
            rows = [row for row in view.rows("unknown") if row.reason == UNANSWERED]
        missing = targets - Counter(map(_target, rows))
        if missing:
            self._violations.append(f"sent before it was on disk: {missing}")

    def _plan(self, _: int, targets: list[Target]) -> Reply:
        with self._lock:
            fault = self._world.faults.popleft() if self._world.faults else None
            if fault == REFUSED_CONNECTION:  # too late for this one: somebody else's turn
                fault = None
        reply = self._world.reply(fault, targets)
        unknowable = fault in UNKNOWABLE
        if unknowable:
            self._doubtful.update(targets)
        for one in targets:
            self._bound[one] += unknowable or (reply.takes and one.phone not in reply.fails)
            if self._bound[one] > self._copies[one] + self._resent[one]:
                self._violations.append(f"sent again, and may have been taken before: {one}")
        return reply


class _Ledger(Ledger):
    """A ledger whose process may end before and after everything it does."""

    def __init__(self, path: Path, power: Power) -> None:
        super().__init__(path)
        self._power = power
        self._written: dict[int, set[Target] | None] = {}  # None: with its verdict
        self._on_disk: dict[int, set[Target] | None] = {}

    def unanswered(self) -> set[Target]:
        """Return the targets of requests that were started and have no verdict, on disk."""
        return set[Target]().union(*filter(None, self._on_disk.values()))

    def commit(self) -> None:
        if not self._connection.in_transaction:
            return
        self._power.step_or_die()
        super().commit()
        self._on_disk |= self._written
        self._written.clear()
        self._power.step_or_die()

    def start(self, batch: Batch) -> int:
        self._power.step_or_die()
        request = super().start(batch)
        self._written[request] = set(targets_of(msgspec.json.decode(batch.body())))
        return request

    def settle(self, request: int, batch: Batch, settlement: Settlement) -> None:
        self._power.step_or_die()
        super().settle(request, batch, settlement)
        self._written[request] = None

    def fail(self, request: int, batch: Batch) -> None:
        self._power.step_or_die()
        super().fail(request, batch)


class _Client(Client):
    """A client whose process may end before it sends and after it was answered."""

    def __init__(
        self, run: Run, power: Power, timeout: float, interrupt: Callable[[], None]
    ) -> None:
        self.closed = threading.Event()
        self._run = run
        self._power = power
        self._patience = timeout
        self._interrupt = interrupt

    def send(self, body: bytes) -> Verdict:
        self._interrupt()
        if self._power.step():
            return Unknown("the power is off")
        self._run.check_on_disk(body)
        with closing(self._run.client(self._patience)) as client:
            verdict = client.send(body)
        self._power.step()
        return verdict

    def close(self) -> None:
        self.closed.set()


def read_outcomes(path: Path, records: int) -> dict[Outcome, Counter[Target]]:
    """Read who has which outcome, but for the invalid ones, and check that it is in itself true.

    :param records: how many the input has, on lines that begin with the second.
    """
    with closing(View.open(path)) as view:
        counts = msgspec.structs.asdict(view.counts())
        rows = {outcome: list(view.rows(outcome)) for outcome in OUTCOMES}
        sessions = list(view.sessions())
    assert counts.pop("records") == sum(counts.values()) == records
    assert counts == {outcome: len(found) for outcome, found in rows.items()}
    lines = sorted(row.line for found in rows.values() for row in found)
    assert lines == list(range(2, records + 2)), "a record has two outcomes or none"
    assert sum(one.recipients or 0 for one in sessions) == counts["accepted"]
    rows["invalid"].clear()
    return {outcome: Counter(map(_target, found)) for outcome, found in rows.items()}


def _look_away(_: SentCounts) -> None:
    pass


def _target(row: Row) -> Target:
    return Target(api_form(int(row.phone)), tuple(row.params), row.template, row.sender)
