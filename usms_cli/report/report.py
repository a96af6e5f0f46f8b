"""What every form of a report says: how a run stands, and what exit status that is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from usms_cli.errors import ExitStatus
from usms_cli.journal.view import Counts, ReceiptCounts, Row, View
from usms_cli.recipients.phones import InvalidPhone, PhoneReader, always_international, api_form
from usms_cli.template_findings import TemplateChecks

Status = Literal["complete", "stopped", "interrupted", "limited", "running", "rejected", "dry-run"]


@dataclass(frozen=True)
class Report:
    """How a run stands. `name` is None for what was never made a run; `problem` says why it ended
    early, if it did. `templates` is what was found of them, if they were checked; `receipts` what
    became of the messages, if that is known of any."""

    view: View
    status: Status
    counts: Counts
    name: str | None
    problem: str | None = None
    templates: TemplateChecks | None = None
    receipts: ReceiptCounts | None = None

    def phone(self, row: Row) -> str:
        """Return a row's phone as it is shown and exported, so that it is read as the same again.

        Bare digits are mainland China only where that is the run's region, and a country code in
        parentheses may be an area code there; then it is written with "+", which has one meaning.
        """
        if isinstance(row.phone, str):
            return row.phone
        text = self._write(row.phone)
        try:
            read = self._reader.read(text)
        except InvalidPhone:
            read = 0
        return text if read == row.phone else f"+{row.phone}"

    @cached_property
    def _write(self) -> Callable[[int], str]:
        return api_form if self.view.info.region == "CN" else always_international

    @cached_property
    def _reader(self) -> PhoneReader:
        return PhoneReader(self.view.info.region)

    def exit_status(self) -> ExitStatus:
        """Return what a command that sends ends in."""
        match self.status:
            case "rejected":
                return ExitStatus.INPUT
            case "stopped":
                return ExitStatus.STOPPED
            case "interrupted":
                return ExitStatus.INTERRUPTED
        counts = self.counts
        if counts.failed or counts.unknown or counts.invalid:
            return ExitStatus.PROBLEMS
        return ExitStatus.OK


def report_on_run(view: View, *, running: bool) -> Report:
    """Return how a run stands, from what is on disk and whether a process is sending for it."""
    counts = view.counts()
    status, problem = _standing(view, counts.pending, running)
    receipts = view.receipts() if view.has_receipts() else None
    return Report(view, status, counts, view.info.name, problem, receipts=receipts)


def _standing(view: View, pending: int, running: bool) -> tuple[Status, str | None]:
    if running:
        return "running", None
    last = view.last_call()
    status = _STATUS_OF_CALL.get(last.status or "", "interrupted") if last else "interrupted"
    # Whoever was under way when the last call was cut off is unknown, and not pending.
    cut_off = status == "interrupted" and view.has_unanswered()
    if not pending and not cut_off:
        return "complete", None
    if last is None or last.status is None:
        return "interrupted", "the process ended before the run did"
    return status, last.problem


class Step(NamedTuple):
    """What somebody may want to do next, and the command that does it."""

    what: str
    command: str


def next_steps(report: Report) -> Iterator[Step]:
    """Yield what can be done about a run; nothing about what was never made one."""
    counts, name = report.counts, report.name
    if name is None:
        return
    if counts.pending and report.status != "running":
        yield Step(f"Go on with the {counts.pending:,} pending", f"usms resume {name}")
    if counts.failed or counts.invalid:
        yield Step("Failures as a file to mend and send", f"usms show {name} --failures FILE")
    if counts.unknown and report.status != "running":
        yield Step(
            "Unknown cannot be resolved by asking; send them again, perhaps twice",
            f"usms resume {name} --resend-unknown",
        )
    if report.receipts and report.receipts.undelivered:
        yield Step(
            "Undelivered as a file to send again", f"usms show {name} --export undelivered FILE"
        )
    if report.receipts and report.receipts.waiting:
        yield Step("Ask again for those waiting", f"usms receipts {name} --wait 30")


_STATUS_OF_CALL: dict[str, Status] = {
    "complete": "complete",
    "stopped": "stopped",
    "limited": "limited",
}
