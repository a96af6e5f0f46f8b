"""Measure what each step of a recipient's way costs: the budget in docs/performance.md.

    python benchmarks/steps.py

Takes one list through the parts of `usms send`, one part after the other in one thread, and prints
the shortest time of several for each, in microseconds a recipient, and the least processor time,
which says more on a machine that is not idle. In a send some of them overlap
(requests are made by threads of their own) and hold each other up (one interpreter lock), so their
sum is not the time of a send; nor is starting the program in it.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from tools.data import write_list
from tools.gateway import Gateway
from tools.tables import machine, table

from usms_cli.api.client import Client
from usms_cli.api.templates import Template, TemplateStatus
from usms_cli.api.verdicts import Taken
from usms_cli.batching import batches
from usms_cli.journal.draft import Draft
from usms_cli.journal.ledger import Ledger
from usms_cli.journal.schema import Pace, RunInfo
from usms_cli.journal.view import View
from usms_cli.recipients.check import Checker
from usms_cli.recipients.phones import PhoneReader
from usms_cli.recipients.record import Block, Found
from usms_cli.recipients.source import ReadOptions, open_source
from usms_cli.settings import Account, Secret
from usms_cli.settle import settle
from usms_cli.template_check import check_templates
from usms_cli.template_findings import TemplateChecks

T = TypeVar("T")

_INFO = RunInfo(name="r", created=0, sandbox=False, address="", region="CN", pace=Pace())


class Clock:
    """Keeps the shortest time of each step and its least processor time, in seconds."""

    def __init__(self, repeat: int) -> None:
        self.best: dict[str, float] = {}
        self.processor: dict[str, float] = {}
        self.repeat = repeat

    def once(self, step: str, what: Callable[[], T]) -> T:
        """Do something and take its time."""
        begun, used = time.perf_counter(), time.process_time()
        result = what()
        seconds, processor = time.perf_counter() - begun, time.process_time() - used
        self.best[step] = min(seconds, self.best.get(step, seconds))
        self.processor[step] = min(processor, self.processor.get(step, processor))
        return result

    def several(self, step: str, what: Callable[[], T]) -> T:
        """Do something several times, and return what came of it."""
        for _ in range(self.repeat - 1):
            self.once(step, what)
        return self.once(step, what)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--repeat", type=int, default=7, help="times that each step is done")
    options = parser.parse_args()
    clock = Clock(options.repeat)
    with tempfile.TemporaryDirectory(prefix="usms-bench-") as name:
        folder = Path(name)
        print(machine(folder))
        file, run = folder / "list.csv", folder / "run.db"
        write_list(file, options.records)
        _take_in(clock, file, run)
        _deliver(clock, run)
        size = run.stat().st_size
    times = (clock.best, clock.processor)
    rows = [
        (step, *(f"{took[step] / options.records * 1e6:.2f}" for took in times))
        for step in clock.best
    ]
    rows.append(("sum", *(f"{sum(took.values()) / options.records * 1e6:.2f}" for took in times)))
    print(f"{options.records:,} records, shortest of {options.repeat}; ", end="")
    print(f"{size / options.records:.1f} bytes a record on disk:\n")
    print(table(("", "µs a recipient", "of processor time"), rows))


def _take_in(clock: Clock, file: Path, run: Path) -> None:
    """Take a file the way to a run."""

    def read() -> list[Found]:
        with closing(open_source(str(file), ReadOptions())) as source:
            return list(source.read())

    records = clock.several("read CSV", read)
    blocks = [found.phones for found in records if isinstance(found, Block)]
    read_plain = PhoneReader().read_plain
    clock.several("phone", lambda: [read_plain(phones) for phones in blocks])
    for number in range(clock.repeat):
        with Draft(run.with_name(f"{number}.db")) as draft:
            _fill(clock, draft, records)
            clock.once("publish: a sync", lambda: draft.publish(run))
    for took in (clock.best, clock.processor):
        took["check, journal in"] -= took["phone"]


def _fill(clock: Clock, draft: Draft, records: list[Found]) -> None:
    draft.begin_source("list.csv")
    checker = Checker(draft, template="T", sender="S", region="CN", phone_check="valid")
    clock.once("check, journal in", lambda: checker.check(records))
    clock.once("seal: duplicates, counts", lambda: draft.seal(_INFO, allow_duplicates=False))
    clock.once("phones with several messages", draft.phones_sent_differently)
    clock.once("messages measured, with --check-template", lambda: _measure(draft.view()))


def _measure(view: View) -> None:
    """Do what --check-template does once the API has answered."""
    template = Template("Dear {1}, your code is {2}.", TemplateStatus.APPROVED, "")
    with TemplateChecks() as checks:
        check_templates(view, lambda _: {"T": template}, _refuse, lambda _: None, checks)
        if checks.problems:
            raise RuntimeError("the list has another number of parameters")


def _refuse(recipients: object) -> None:
    raise RuntimeError("a message of the list is too long")


def _deliver(clock: Clock, run: Path) -> None:
    """Take a run the way to a gateway, and the verdicts back."""
    with closing(Ledger(run)) as ledger, Gateway() as gateway:
        found = clock.several("batch out", lambda: list(batches(ledger.pending(1000), 1000)))
        bodies = clock.several("encode", lambda: [batch.body() for batch in found])
        account = Account(gateway.address, "key", Secret("secret"))
        with closing(Client(account, 30)) as client:
            verdicts = clock.several("HTTP", lambda: [client.send(body) for body in bodies])
        if not all(isinstance(verdict, Taken) for verdict in verdicts):
            raise RuntimeError("the gateway did not take everybody")
        pairs = list(zip(verdicts, found, strict=True))
        settlements = clock.several("verdict", lambda: [settle(*pair) for pair in pairs])

        def record() -> None:
            for batch, settlement in zip(found, settlements, strict=True):
                request = ledger.start(batch)
                ledger.commit()
                ledger.settle(request, batch, settlement)
            ledger.commit()

        clock.once("start and outcome on disk: syncs", record)


if __name__ == "__main__":
    main()
