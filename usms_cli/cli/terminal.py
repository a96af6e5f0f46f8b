"""What a person sees: the streams, questions, notices and progress bars of a command."""

import errno
import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console, ConsoleDimensions
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from usms_cli.cli.guard import forget
from usms_cli.errors import UsageError
from usms_cli.report.json_report import write_json
from usms_cli.report.report import Report
from usms_cli.report.tables import print_report
from usms_cli.report.templates import print_templates
from usms_cli.template_findings import TemplateChecks
from usms_cli.text import visible


class Watch(Protocol):
    """Told how much more is done since the last time, and what to say beside the bar."""

    def __call__(self, more: int, note: str = "") -> None: ...


@dataclass
class Terminal:
    """Standard output and standard error, as the options want them used."""

    quiet: bool = False
    json: bool = False
    verbose: bool = False

    def __post_init__(self) -> None:
        self.out = _Output(highlight=False)
        self.err = Console(stderr=True, highlight=False)
        for console in (self.out, self.err):
            if console.is_dumb_terminal:  # which rich takes to have 80 columns, whatever it has
                console.size = ConsoleDimensions(*shutil.get_terminal_size())
        if self.verbose:
            handler = logging.StreamHandler()
            handler.setFormatter(_VisibleFormatter("usms: %(message)s"))
            logger = logging.getLogger("usms_cli")
            logger.addHandler(handler)
            logger.setLevel(logging.DEBUG)

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there to see a question and to answer it."""
        return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()

    @property
    def shows_report(self) -> bool:
        """Whether a report is seen where the errors are."""
        return not self.quiet and not self.json and self.out.is_terminal

    def notice(self, message: str) -> None:
        """Say something that is no problem, unless only problems are wanted."""
        if not self.quiet:
            self.problem(message)

    def problem(self, message: str) -> None:
        """Say something that somebody has to know, on standard error."""
        self.err.print(Text(f"usms: {visible(message)}"), soft_wrap=True)

    def confirm(self, question: str) -> bool:
        """Ask a question on standard error, and return whether the answer is yes."""
        answer = ""
        try:
            sys.stderr.write(f"{visible(question)} [y/N] ")
            sys.stderr.flush()
            answer = sys.stdin.readline()
        finally:
            if not answer.endswith("\n"):  # Ctrl-D or Ctrl-C: what follows begins a line
                sys.stderr.write("\n")
        return answer.strip().lower() in ("y", "yes")

    def preview(self, checks: TemplateChecks) -> None:
        """Show on standard error what is about to be sent, unless only problems are wanted."""
        if not self.quiet:
            print_templates(checks, self.err)

    def report(
        self, report: Report, print_tables: Callable[[Report, Console], None] = print_report
    ) -> None:
        """Print a report to standard output, in the form that is wanted.

        :raises UsageError: it cannot be written, though somebody may want it.
        """
        try:
            if self.json:
                write_json(report, sys.stdout.buffer)
            elif not self.quiet:
                print_tables(report, self.out)
            sys.stdout.flush()
        except BrokenPipeError:
            forget(sys.stdout)
        except OSError as error:
            forget(sys.stdout)
            if error.errno != errno.EIO:  # which a terminal gives when it was closed
                raise UsageError(f"cannot write the report: {error.strerror}") from None

    @contextmanager
    def progress(
        self, title: str, total: int | None, *, bytes_: bool = False, steady: bool = True
    ) -> Iterator[Watch]:
        """Show a bar on standard error while something goes on, if that is a terminal that can.

        :param total: what it comes to at the end, None if nobody knows.
        :param steady: it goes on at a rate that tells when it ends.
        """
        if self.quiet or not self.err.is_interactive:
            yield _say_nothing
            return
        third = self.err.width // 3
        name = Column(max_width=third, no_wrap=True, overflow="ellipsis")
        columns = (
            TextColumn("{task.description}", markup=False, table_column=name),
            BarColumn(min(third, 40)),
            TaskProgressColumn() if bytes_ else MofNCompleteColumn(),
            *((_Rate(),) if steady and not bytes_ else ()),
            TextColumn("{task.fields[note]}", markup=False),
            *((TimeRemainingColumn(),) if steady else ()),
        )
        with Progress(*columns, console=self.err, transient=True) as progress:
            task = progress.add_task(visible(title), total=total, note="")

            def watch(more: int, note: str = "") -> None:
                progress.update(task, advance=more, note=note)

            yield watch


class _Output(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the caller; rich would end the program here, with a status of its own."""
        raise BrokenPipeError


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


def _say_nothing(more: int, note: str = "") -> None:
    pass


class _VisibleFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))
