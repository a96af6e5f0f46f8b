"""What lies on disk beside recipients: a `.env` file, and the file of a run."""

import io
import random
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from tests.fuzz.making import spoilt
from tests.support.runs import FIRST, To, fill, new_info
from usms_cli.api.verdicts import FailedPhone, Taken, Unknown, Verdict
from usms_cli.batching import batches
from usms_cli.errors import UsageError, UsmsError
from usms_cli.journal.draft import Draft
from usms_cli.journal.ledger import Ledger
from usms_cli.journal.outcomes import FATES, OUTCOMES
from usms_cli.journal.receipts import Change, Kept, ReceiptBook
from usms_cli.journal.store import Store
from usms_cli.recipients.phones import api_form
from usms_cli.report.csv_export import export_outcome
from usms_cli.report.html_page import write_page
from usms_cli.report.json_report import write_json
from usms_cli.report.report import report_on_run
from usms_cli.report.tables import print_report
from usms_cli.settings import BASE_URL, KEY_ID, KEY_SECRET, SENDER_ID, TEMPLATE_ID, Settings
from usms_cli.settle import settle
from usms_cli.text import visible

_NAMES = (BASE_URL, KEY_ID, KEY_SECRET, TEMPLATE_ID, SENDER_ID)
_VALUES = (
    *("key", "k:1", "sEcrEt", "${HOME}", "a b", "", "'q'", '"q\\n"', "x #y", "é", "\x1b", "\x85"),
    *("https://api.uspeedo.com/", "https://x@y.z", "http://127.0.0.1:8080", "http://[::1]"),
    *("ftp://x", "http://evil.example", "https://e:99999", "https://[", "https://a?b"),
    *("HTTPS://A.B", "//", "https:"),
)


def try_env_file(chance: random.Random, folder: Path) -> str:
    """Read the settings of a `.env` file, with some in the environment.

    :raises AssertionError: a secret is shown, or a key pair goes where it must not.
    """
    lines = [_line(chance) for _ in range(chance.choice((1, 3, 5, 8)))]
    content = chance.choice(("\n", "\r\n")).join(lines).encode(errors="surrogateescape")
    path = folder / ".env"
    path.write_bytes(spoilt(chance, content) if chance.random() < 0.5 else content)
    environ = {name: "fromenv" for name in _NAMES if chance.random() < 0.1}
    if BASE_URL in environ:
        environ[BASE_URL] = "https://env.example"
    try:
        settings = Settings(path, environ)
        account = settings.account()
    except UsageError as error:
        assert visible(error.message) == error.message, error.message  # noqa: PT017
        return "env: UsageError"
    assert account.address.startswith(("https://", "http://127.0.0.1", "http://[::1]", "HTTPS:"))
    assert "sEcrEt" not in repr(account).replace(account.key_id, "").replace(account.address, "")
    pair = (account.key_id, account.secret.reveal())
    if "fromenv" in pair:
        assert account.address in ("https://env.example", "https://api.uspeedo.com")
    return "env: read"


def _line(chance: random.Random) -> str:
    name, value = chance.choice(_NAMES), chance.choice(_VALUES)
    quote = chance.choice(("", "", "'", '"'))
    export = chance.choice(("", "", "export "))
    return chance.choice(
        (f"{export}{name}={quote}{value}{quote}", f"{name} = {value}", name, "# x")
    )


def try_run_file(chance: random.Random, folder: Path) -> str:
    """Show a run whose file was damaged, and go through it as sending would.

    :raises AssertionError: what is said of it cannot be shown.
    """
    store = Store(folder)
    path = store.path("r")
    path.write_bytes(_damaged(chance, _run()))
    try:
        assert store.find("last") == "r"
        store.size("r")
        with closing(store.open("r")) as view:
            report = report_on_run(view, running=False)
            write_json(report, io.BytesIO())
            for outcome in chance.sample((*OUTCOMES, *FATES), 3):
                export_outcome(report, outcome, folder / "export.csv")
            if chance.random() < 0.5:
                write_page(report, folder / "page.html")
            else:
                text = io.StringIO()
                print_report(report, Console(file=text, width=80, highlight=False))
                assert all(visible(line) == line for line in text.getvalue().split("\n"))
        with closing(Ledger(path)) as ledger:
            for batch in (*batches(ledger.pending(7), 7), *batches(ledger.unknown(7), 7)):
                batch.body()
                settle(Taken(("s",), (FailedPhone("1", ("a",), "no"),)), batch)
        with closing(ReceiptBook(path)) as book:
            for session in book.sessions(only_waiting=chance.random() < 0.5):
                list(book.addressees(session.no))
    except UsmsError as error:
        return f"run: {type(error).__name__}"
    return "run: shown"


def _damaged(chance: random.Random, content: bytes) -> bytes:
    """Return a file with some of its bytes changed, a part overwritten, or the end cut off."""
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        at = chance.randrange(len(changed))
        while not changed[at]:  # most of a page is empty
            at = chance.randrange(len(changed))
        kind = chance.random()
        if kind < 0.4:
            changed[at] ^= 1 << chance.randrange(8)
        elif kind < 0.7:
            changed[at] = chance.randrange(256)
        elif kind < 0.8:
            changed[at : at + 8] = chance.choice((b"\xff" * 8, bytes(8), chance.randbytes(8)))
        elif kind < 0.9:
            page, other = (chance.randrange(len(changed) // 4096) * 4096 for _ in range(2))
            changed[page : page + 4096] = changed[other : other + 4096]
        else:
            del changed[max(200, at) :]
            break
    return bytes(changed)


@cache
def _run() -> bytes:
    """Return the file of a run in which there is something of everything."""
    people = [
        To(FIRST + number, (f"p{number}", "x" * number) if number % 3 else (), f"T{number % 3}")
        for number in range(40)
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "r.db"
        with Draft(path.with_suffix(".draft")) as draft:
            fill(draft, people + people[:3])
            draft.add_invalid("12", "T1", "S", ["a"], 50, 'phone "12": too short for a number')
            draft.exclusions.begin_source("out.csv")
            draft.exclusions.add(people[5].phone, 2)
            draft.seal(new_info(), allow_duplicates=False)
            draft.publish(path)
        with closing(Ledger(path)) as ledger:
            ledger.begin_call()
            failing = FailedPhone(api_form(people[0].phone), None, "blocked")
            verdicts: list[Verdict | None] = [
                Taken(("s1",), (failing,)),
                Taken(("s2", "s3"), ()),
                Unknown("HTTP 502"),
                None,
            ]
            sent = batches(ledger.pending(8), 8)
            for verdict, batch in zip(verdicts, sent, strict=False):
                request = ledger.start(batch)
                if verdict:
                    ledger.settle(request, batch, settle(verdict, batch))
                ledger.commit()
            ledger.end_call("stopped", "five requests in a row ended unknown")
        with closing(ReceiptBook(path)) as book, book.updating():
            receipts = (Kept(True, 1, 10, ""), Kept(False, 2, 10, "off"), Kept(None, 1, 10, "?"))
            addressees = [one for one in book.addressees("s1") if one.accepted]
            changes = [
                Change(one, kept, "CN") for one, kept in zip(addressees, receipts, strict=False)
            ]
            book.keep("s1", changes)
        with closing(Ledger(path)) as ledger:  # what is in the log beside it goes into the file
            ledger.counts()
        return path.read_bytes()
