"""Records that come as a block are checked as they would be one by one."""

from contextlib import closing
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.runs import new_info
from usms_cli.errors import InputError, UsageError
from usms_cli.journal.draft import Draft
from usms_cli.journal.outcomes import OUTCOMES, Outcome
from usms_cli.journal.view import Row
from usms_cli.recipients import csv_file
from usms_cli.recipients.check import Checker
from usms_cli.recipients.record import Block
from usms_cli.recipients.source import ReadOptions, open_source
from usms_cli.recipients.table import Table

_PHONES = ["13800138000", " 13800138001 ", "+86 138-0013-8002", "(852)55311111", "12", "x", ""]
_cells = st.sampled_from(["a", " b ", "", '"c, d"', '"two\nlines"', '"e" '])
_rows = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(_PHONES), _cells, _cells, st.sampled_from(["T1", "T2", ""])),
        st.lists(_cells, max_size=6),
    ),
    max_size=12,
)
_HEADERS = ["phone,param1,param2,template", "phone,param1,note,sender", "mobile,params,x,y"]


def _taken_in(path: Path, template: str | None) -> tuple[str, str, list[tuple[Outcome, Row]]]:
    """Return why the reading of a file ended early, the digest, and all outcomes."""
    unreadable = ""
    with (
        Draft(path.with_name("draft")) as draft,
        closing(open_source(str(path), ReadOptions())) as source,
    ):
        checker = Checker(draft, template=template, sender="S", region="CN", phone_check="valid")
        draft.begin_source("list.csv")
        try:
            checker.check(source.read())
            checker.finish()
        except (InputError, UsageError) as error:
            unreadable = error.message
        info = draft.seal(new_info(), allow_duplicates=False)
        outcomes = [(outcome, row) for outcome in OUTCOMES for row in draft.view().rows(outcome)]
    return unreadable, info.digest, outcomes


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(_rows, st.sampled_from([*product(_HEADERS, ["T", None])]), st.integers(1, 5))
def test_a_block_is_checked_as_its_records_would_be_one_by_one(
    tmp_path: Path, rows: list[list[str]], kind: tuple[str, str | None], size: int
) -> None:
    header, template = kind
    path = tmp_path / "list.csv"
    path.write_text("\n".join([header, *(",".join(row) for row in rows), ""]), newline="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_file, "_BLOCK", size)
        in_blocks = _taken_in(path, template)
        patch.setattr(Table, "_block", lambda *_: None)
        one_by_one = _taken_in(path, template)
    assert in_blocks == one_by_one


def test_records_that_are_alike_come_as_blocks(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("phone,param1\n" + "13800138000,x\n" * 2500 + "13800138000,x,y\n")
    with closing(open_source(str(path), ReadOptions())) as source:
        found = list(source.read())
    assert [len(one.lines) for one in found if isinstance(one, Block)] == [1000, 1000]
    assert len(found) == 2 + 501
