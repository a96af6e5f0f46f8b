"""What is installed: the program, its man page, and nothing else."""

import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from usms_cli import __version__

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution of the tree as it is."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", folder],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    return folder


def test_the_wheel_holds_the_program_and_its_man_page_alone(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    info = f"usms_cli-{__version__}.dist-info"
    modules = {
        str(path.relative_to(REPOSITORY))
        for path in REPOSITORY.glob("usms_cli/**/*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert "usms_cli/py.typed" in modules
    assert {name for name in names if not name.startswith(info)} == modules | {
        f"usms_cli-{__version__}.data/data/share/man/man1/usms.1"
    }
    assert f"{info}/licenses/LICENSE" in names


def test_the_version_stands_in_one_place(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        info = f"usms_cli-{__version__}.dist-info"
        told = Parser().parsestr(file.read(f"{info}/METADATA").decode())
    assert told["Version"] == __version__
    said = subprocess.run(
        [sys.executable, "-m", "usms_cli", "--version"], capture_output=True, text=True, check=True
    )
    assert said.stdout == f"usms {__version__}\n"


def test_the_source_distribution_can_be_tested(built: Path) -> None:
    (source,) = built.glob("*.tar.gz")
    with tarfile.open(source) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    wanted = {"check", "README.md", "samples/recipients.csv", "tests/conftest.py", "docs/usms.1"}
    assert wanted <= names
    assert not {name for name in names if name.startswith((".ci", ".venv", ".git/"))}


def test_the_changelog_has_the_sections_that_it_says_it_has() -> None:
    text = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)
    assert releases[0] == "Unreleased"
    kinds = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
