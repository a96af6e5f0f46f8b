"""A run on disk without the command: written by the real draft, sent by the real delivery."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.command import KEY_ID, SECRET
from usms_cli.api.client import Client
from usms_cli.delivery import Delivery, Ending
from usms_cli.journal.draft import Draft
from usms_cli.journal.ledger import Ledger
from usms_cli.journal.outcomes import OUTCOMES
from usms_cli.journal.schema import Pace, RunInfo
from usms_cli.journal.settlement import SentCounts
from usms_cli.journal.view import View
from usms_cli.recipients.phones import api_form
from usms_cli.settings import Account, Secret

FIRST = 8613800000000


class To(NamedTuple):
    """A record to be sent."""

    phone: int
    params: tuple[str, ...] = ()
    template: str = "T1"
    sender: str = "S"


def people(count: int, template: str = "T1", first: int = 0) -> list[To]:
    """Records with mainland phones, all different."""
    return [To(FIRST + number, (), template) for number in range(first, first + count)]


def new_info(**fields: Any) -> RunInfo:
    defaults: dict[str, Any] = {
        "name": "r",
        "created": 1.0,
        "sandbox": False,
        "address": "http://127.0.0.1",
        "region": "CN",
        "pace": Pace(),
    }
    return RunInfo(**defaults | fields)


def fill(draft: Draft, records: Iterable[To]) -> None:
    """Add records to a draft, each on a line of its own from line 2 on."""
    draft.begin_source("list.csv")
    for line, one in enumerate(records, start=2):
        draft.add(one.phone, one.template, one.sender, one.params, line)


def write_run(path: Path, records: Iterable[To], *, allow_duplicates: bool = False) -> RunInfo:
    """Make a whole run at `path`."""
    with Draft(path.with_suffix(".draft")) as draft:
        fill(draft, records)
        info = draft.seal(new_info(), allow_duplicates=allow_duplicates)
        draft.publish(path)
    return info


def account_at(address: str) -> Account:
    return Account(address, KEY_ID, Secret(SECRET))


def deliver(
    path: Path,
    address: str,
    *,
    limit: int | None = None,
    resend_unknown: bool = False,
    watch: Callable[[SentCounts], None] = lambda _: None,
    **pace: Any,
) -> Ending:
    """Send what is pending of a run, as one call of the command does."""
    given = Pace(**{"timeout": 5.0, **pace})
    connect = partial(Client, account_at(address), given.timeout)
    with closing(Ledger(path)) as ledger:
        ledger.begin_call()
        delivery = Delivery(
            ledger, connect, given, watch, limit=limit, resend_unknown=resend_unknown
        )
        ending = delivery.run()
        ledger.end_call(ending.status, ending.problem)
    return ending


def outcomes(path: Path) -> dict[str, list[str]]:
    """Return the phones of a run by outcome, as the API writes them, and check the counts."""
    found: dict[str, list[str]] = defaultdict(list)
    with closing(View.open(path)) as view:
        counts = view.counts()
        for outcome in OUTCOMES:
            for row in view.rows(outcome):
                found[outcome].append(api_form(int(row.phone)))
    assert {one: len(found.get(one, ())) for one in OUTCOMES} == {
        one: getattr(counts, one) for one in OUTCOMES
    }
    assert counts.records == sum(map(len, found.values()))
    return dict(found)
