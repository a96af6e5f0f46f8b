"""Every sample can be read, and shows what docs/files.md says it shows."""

import re
import shutil
from pathlib import Path

import pytest

from tests.support.command import Usms

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
SAMPLES = sorted(path.name for path in (ROOT / "samples").iterdir())
CALL = ("-t", "T1", "-s", "USpeedo", "--dry-run")


@pytest.fixture(autouse=True)
def samples(usms: Usms) -> None:
    shutil.copytree(ROOT / "samples", usms.folder / "samples")


@pytest.mark.parametrize("sample", SAMPLES)
def test_each_sample_can_be_read(usms: Usms, sample: str) -> None:
    result = usms.inside("send", f"samples/{sample}", *CALL)
    assert result.status == 0
    assert "valid" in result.out


def test_who_is_excluded_by_the_sample_is_left_out(usms: Usms) -> None:
    files = ("samples/recipients.csv", "--exclude", "samples/opted-out.csv")
    assert "4 records: 3 valid, 1 excluded" in usms.inside("send", *files, *CALL).out


def test_the_page_names_each_sample_that_shows_a_format() -> None:
    named = set(re.findall(r"`samples/([^`]+)`", PAGE))
    assert named <= set(SAMPLES)
    assert {Path(sample).suffix for sample in named} == {".csv", ".xlsx", ".json", ".jsonl"}
