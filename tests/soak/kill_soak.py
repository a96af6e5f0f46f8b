"""Kill real processes at random moments, some thousand times, and count whom it harmed: nobody.

    python -m tests.soak.kill_soak --kills 2000 --seed 1

Each run sends some hundred records to a gateway that fails at random, is killed (SIGKILL) several
times, begun or gone on with again in between, and at last sent to its end. After each kill, and at
the end, the run's file is held against the gateway's ledger, recipient by recipient. Ends in 1 if
anybody was messaged twice or lost, or if anything was claimed that is not so.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.reliability.harness import MEMORY, NOT_TAKEN, STOP, UNKNOWABLE, read_outcomes
from tests.support.command import Usms, phones, write_csv
from tests.support.gateway import Gateway, Reply, Target, refusal
from usms_cli.journal.outcomes import Outcome

_TEMPLATES = ("T1", "T2", "T3")
_UNKNOWABLE = list(UNKNOWABLE.values())
_NOT_TAKEN = list(NOT_TAKEN.values())
_STOP = list(STOP.values())
_LONGEST = 120.0  # seconds that a call may take which nobody kills


@dataclass
class Score:
    """What has been done so far, in all lanes."""

    wanted: int
    kills: int = 0
    without_a_run: int = 0
    runs: int = 0
    records: int = 0
    requests: int = 0
    unknown: int = 0
    violations: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_over(self) -> bool:
        return self.kills >= self.wanted or bool(self.violations)

    def add_kill(self, *, there_was_a_run: bool) -> None:
        with self.lock:
            self.kills += 1
            self.without_a_run += not there_was_a_run
            if self.kills % 100 == 0:
                print(f"{self.kills} kills", file=sys.stderr, flush=True)


class Life:
    """One run, from its first call to its last."""

    def __init__(self, chance: random.Random, folder: Path, gateway: Gateway, score: Score) -> None:
        self._chance = chance
        self._gateway = gateway
        self._score = score
        self._usms = Usms(folder, gateway.address)
        self._path = self._usms.state / "night.db"
        self._process: subprocess.Popen[str] | None = None
        self._may_be_killed = True
        people = phones(700)
        rows = [
            (phone, chance.choice(_TEMPLATES), chance.choice("ab"))
            for phone in chance.choices(people, k=chance.randint(100, 900))
        ]
        self._records = len(rows)
        self._table = write_csv(folder / "a.csv", rows, "phone,template,param1")
        self._people = {Target(phone, (param,), template, "S") for phone, template, param in rows}
        self._fails = {phone: "blocked" for phone in people if chance.random() < 0.03}
        self._bad = {phone for phone in people if chance.random() < 0.005}
        self._resent: Counter[Target] = Counter()
        gateway.plan = self._plan

    def go(self) -> None:
        for _ in range(self._chance.randint(3, 12)):
            self._call()
            self._check()
        self._to_the_end()
        if self._chance.random() < 0.5:
            for _ in range(3):
                self._call(resend=True)
                self._check()
            self._to_the_end()
        with self._score.lock:
            self._score.runs += 1
            self._score.records += self._records
            self._score.requests += len(self._gateway.requests)
            self._score.unknown += self._outcomes()["unknown"].total()

    def _to_the_end(self) -> None:
        """Let everything be well, and send the rest."""
        self._may_be_killed = False
        err = self._call()
        self._check()
        assert not self._outcomes()["pending"], f"somebody was lost: {err}"
        self._may_be_killed = True

    def _call(self, *, resend: bool = False) -> str:
        """Call the command, and kill it unless it ends before, or may not be killed.

        :return: what it said on standard error.
        """
        chance = self._chance
        call = ["send", str(self._table), "--sender", "S", "--run", "night"]
        if self._path.exists() and (resend or chance.random() < 0.5):
            call = ["resume", "night"]
        if resend:
            call += ["--resend-unknown", "--yes"]
            self._resent.update(self._outcomes()["unknown"])
        elif self._may_be_killed and call[0] == "send" and chance.random() < 0.2:
            call += ["--limit", str(chance.randint(1, 200))]
        size, concurrency = chance.randint(1, 8), chance.randint(1, 6)
        call += ["--batch-size", str(size), "--concurrency", str(concurrency)]
        call += ["--timeout", "0.5" if self._may_be_killed else str(_LONGEST)]
        before = len(self._gateway.requests)
        self._process = process = self._usms.start(*call)
        if not self._may_be_killed:
            patience = _LONGEST
        elif chance.random() < 0.2:
            patience = chance.uniform(0.1, 1.2)
        else:
            # However slow the machine is, most are to be killed while they send.
            while len(self._gateway.requests) == before and process.poll() is None:
                time.sleep(0.005)
            patience = chance.uniform(0.0, 0.8)
        try:
            _, err = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            process.kill()
            _, err = process.communicate()
        assert "Traceback" not in err, err
        if process.returncode == -signal.SIGKILL:
            assert self._may_be_killed, "it took too long"
            self._score.add_kill(there_was_a_run=self._path.exists())
        else:
            assert process.returncode in (0, 1, 4), (process.returncode, err)
        return err

    def _outcomes(self) -> Mapping[Outcome, Counter[Target]]:
        return read_outcomes(self._path, self._records)

    def _check(self) -> None:
        """Hold the run's file against the gateway's ledger."""
        while self._gateway.under_way:
            time.sleep(0.005)
        taken = self._gateway.taken
        if not self._path.exists():
            assert not taken, "somebody was messaged before there was a run"
            return
        outcomes = self._outcomes()
        everybody = Counter[Target]()
        for outcome, found in outcomes.items():
            everybody += found if outcome != "duplicate" else Counter()
        assert everybody == Counter(self._people)
        for one in self._people:
            accepted, unknown = outcomes["accepted"][one], outcomes["unknown"][one]
            most = accepted + unknown + self._resent[one]
            assert accepted <= taken[one] <= most, (one, taken[one], accepted, unknown)
        assert not set(taken) - self._people

    def _plan(self, _: int, targets: list[Target]) -> Reply:
        chance = self._chance
        slow = chance.uniform(0.0, 0.03)
        if not self._may_be_killed:
            return Reply(fails=self._fails)
        kind = chance.random()
        if kind < 0.01 and self._process:
            self._process.kill()
            return Reply(takes=chance.random() < 0.5, fault="drop")
        if kind < 0.08:
            return replace(chance.choice(_UNKNOWABLE), seconds=slow)
        if kind < 0.10:
            return Reply(takes=chance.random() < 0.5, seconds=0.7)  # longer than --timeout
        if kind < 0.16:
            return chance.choice(_NOT_TAKEN)
        if kind < 0.17:
            return chance.choice(_STOP)
        if any(one.phone in self._bad for one in targets):
            return refusal()
        return Reply(fails=self._fails, seconds=slow)


def _lane(number: int, seed: int, score: Score) -> None:
    chance = random.Random(f"{seed} {number}")
    while not score.is_over:
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder, Gateway() as gateway:
            try:
                Life(chance, Path(folder), gateway, score).go()
            except Exception as error:  # of any kind: it is what this looks for
                with score.lock:
                    score.violations.append(f"lane {number}: {type(error).__name__}: {error}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill usms at random moments.")
    parser.add_argument("--kills", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lanes", type=int, default=4, help="runs at once")
    arguments = parser.parse_args()
    score = Score(arguments.kills)
    began = time.monotonic()
    lanes = [
        threading.Thread(target=_lane, args=(number, arguments.seed, score))
        for number in range(arguments.lanes)
    ]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    print(
        f"{score.kills:,} kills (seed {arguments.seed}), {score.without_a_run:,} of them before "
        f"there was a run; {score.runs:,} runs of {score.records:,} records in "
        f"{score.requests:,} requests; at the end {score.unknown:,} unknown; "
        f"violations: {len(score.violations)}; {time.monotonic() - began:.0f} s"
    )
    for violation in score.violations:
        print(violation)
    return 1 if score.violations else 0


if __name__ == "__main__":
    sys.exit(main())
