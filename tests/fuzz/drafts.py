"""Files of recipients taken in as a call does: what the draft, the report and the exports say of
them adds up, and is read again as it was."""

import io
import json
import random
from collections import Counter
from contextlib import closing
from pathlib import Path

from rich.console import Console

from tests.fuzz.making import any_file
from tests.fuzz.readers import REGIONS, check_message, options_for, read
from tests.support.runs import new_info
from usms_cli.errors import InputError, UsageError
from usms_cli.journal.draft import Draft
from usms_cli.journal.outcomes import OUTCOMES
from usms_cli.journal.view import Row
from usms_cli.recipients.check import Checker
from usms_cli.recipients.choices import PhoneCheck
from usms_cli.recipients.exclude import Excluder
from usms_cli.recipients.phones import PhoneReader
from usms_cli.recipients.record import Problem
from usms_cli.recipients.source import ReadOptions, open_source
from usms_cli.report.csv_export import export_failures, export_outcome
from usms_cli.report.json_report import write_json
from usms_cli.report.report import Report
from usms_cli.report.tables import print_report
from usms_cli.text import visible

_LONG = 100_000  # characters of a value, which its export may write as twice as many


def try_draft(chance: random.Random, folder: Path) -> str:
    """Take in one or two files, perhaps without those of another.

    :raises AssertionError: what is said of them is not so.
    """
    region = chance.choice(REGIONS)
    check: PhoneCheck = chance.choice(("valid", "possible"))
    paths = [folder / f"list{number}" for number in range(chance.choice((1, 1, 2)))]
    made = ""
    for path in paths:
        content, made = any_file(chance, 0.2)
        path.write_bytes(content)
    options = options_for(chance, made)
    with Draft(folder / "draft") as draft:
        try:
            _take_in(chance, draft, paths, options, region, check)
        except (InputError, UsageError) as error:
            if "for any record" not in error.message:
                named = [*map(str, paths), str(folder / "others")]
                check_message(error, next((one for one in named if one in error.message), named[0]))
            return f"draft: {type(error).__name__}"
        records = draft.records
        info = draft.seal(new_info(region=region), allow_duplicates=chance.random() < 0.2)
        assert draft.phones_sent_differently() <= info.recipients
        view = draft.view()
        counts = view.counts()
        assert counts.records == records
        rows = {outcome: list(view.rows(outcome)) for outcome in OUTCOMES}
        assert {one: len(found) for one, found in rows.items()} == {
            one: getattr(counts, one) for one in OUTCOMES
        }
        assert sum(map(len, rows.values())) == records
        lines = Counter((row.source, row.line) for found in rows.values() for row in found)
        assert not lines or lines.most_common(1)[0][1] == 1, "a record was counted twice"
        report = Report(view, "dry-run", counts, None)
        _check_reports(chance, report, rows["invalid"])
        if all(
            len(text) < _LONG for row in rows["invalid"] for text in (str(row.phone), *row.params)
        ):
            _check_failures(report, folder / "failures.csv", rows["invalid"])
        for outcome in ("pending", "duplicate"):
            _check_export(report, folder / "export.csv", outcome, rows[outcome], check)
    return "draft: sealed"


def _take_in(
    chance: random.Random,
    draft: Draft,
    paths: list[Path],
    options: ReadOptions,
    region: str,
    check: PhoneCheck,
) -> None:
    template, sender = chance.choice(("T", "T", None)), chance.choice(("S", "S", "", None))
    checker = Checker(draft, template=template, sender=sender, region=region, phone_check=check)
    for path in paths:
        with closing(open_source(str(path), options)) as source:
            draft.begin_source(path.name)
            checker.check(source.read())
    checker.finish()
    if chance.random() < 0.3:
        others = paths[0].with_name("others")
        others.write_bytes(
            any_file(chance, 0.2)[0] if chance.random() < 0.5 else b"phone\n13800138000\n"
        )
        excluder = Excluder(draft.exclusions, region)
        with closing(open_source(str(others), ReadOptions(phones_only=True))) as source:
            excluder.exclude(str(others), source.records())


def _check_reports(chance: random.Random, report: Report, invalid: list[Row]) -> None:
    out = io.BytesIO()
    write_json(report, out)
    said = json.loads(out.getvalue())
    assert said["counts"]["invalid"] == len(said["invalid"]) == len(invalid)
    if chance.random() < 0.1:
        text = io.StringIO()
        print_report(report, Console(file=text, width=80, highlight=False))
        for line in text.getvalue().split("\n"):
            assert visible(line) == line, line


def _check_failures(report: Report, path: Path, rows: list[Row]) -> None:
    """What is exported to be mended is read as it was."""
    export_failures(report, path)
    again = read(str(path), ReadOptions())
    assert again.error is None, again.error
    assert len(again.found) == len(rows)
    for one, row in zip(again.found, rows, strict=True):
        assert not isinstance(one, Problem), one.reason
        assert one.phone == report.phone(row).strip()
        while one.params and not one.params[-1]:
            one.params.pop()
        assert one.params == _stripped(row.params)
        assert (one.template or "", one.sender) == (row.template, row.sender)


def _check_export(
    report: Report, path: Path, outcome: str, rows: list[Row], check: PhoneCheck
) -> None:
    """Whoever may have been messaged is refused again, and anybody's phone is read as it was."""
    export_outcome(report, outcome, path)  # type: ignore[arg-type]
    again = read(str(path), ReadOptions())
    assert again.error is None, again.error
    assert all(isinstance(one, Problem) == (outcome == "pending") for one in again.found)
    reader = PhoneReader(report.view.info.region, check)
    phones = read(str(path), ReadOptions(phones_only=True)).found
    assert [reader.read(one.phone) for one in phones] == [row.phone for row in rows]


def _stripped(params: list[str]) -> list[str]:
    while params and not params[-1]:
        params.pop()
    return params
