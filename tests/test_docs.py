"""The pages and the program say the same: examples run, help is what is printed."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs import generate
from tests.support.command import Usms, phones, write_csv
from usms_cli.sandbox import Sandbox

REPOSITORY = Path(__file__).parents[1]
PAGES = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")])

_BLOCK = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
_LOOKS_LIKE_A_FILE = re.compile(r"`((?:samples|docs|tests|benchmarks|usms_cli)/[\w./*-]+)`")

_READMES = ("README.md", "README.zh-CN.md")


def blocks(page: Path) -> list[str]:
    """Return what a page tells a reader to type, but for the set-up, which CI does itself."""
    found = (match[2] for match in _BLOCK.finditer(page.read_text(encoding="utf-8")))
    return [block for block in found if "pip" not in block]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Usms]:
    """A folder with the files that the examples speak of, and a sandbox to send to."""
    shutil.copytree(REPOSITORY / "samples", tmp_path / "samples")
    shutil.copy(REPOSITORY / ".env.example", tmp_path)
    (tmp_path / "lists").mkdir()
    for name in ("recipients.csv", "list.csv", "reminders.csv"):
        shutil.copy(REPOSITORY / "samples/recipients.csv", tmp_path / name)
    for number in (1, 2):
        write_csv(tmp_path / f"lists/part-{number}.csv", [(phone, "x") for phone in phones(2)])
    tools = tmp_path / "tools"
    tools.mkdir()
    psql = tools / "psql"  # a database is more than an example needs
    psql.write_text("#!/bin/sh\nprintf 'phone,param1\\n13800138000,Ms Wang\\n'\n")
    psql.chmod(0o755)
    with Sandbox() as sandbox:
        usms = Usms(tmp_path, sandbox.address)
        path = [str(tools), str(Path(sys.executable).parent), os.environ["PATH"]]
        usms.environment["PATH"] = os.pathsep.join(path)
        yield usms


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if blocks(page) and page.name != _READMES[1]],
    ids=lambda page: str(page.name),
)
def test_every_example_runs_as_it_stands(page: Path, desk: Usms) -> None:
    for block in blocks(page):
        if "jq" in block and not shutil.which("jq"):
            pytest.skip("jq is not installed")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.replace("/data/", f"{desk.folder}/")],
            cwd=desk.folder,
            env=desk.environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr


def test_the_help_in_the_docs_is_the_help_that_is_printed() -> None:
    page = (REPOSITORY / "docs/commands.md").read_text(encoding="utf-8")
    assert page == generate.commands_page()


def test_the_man_page_is_that_of_this_program() -> None:
    page = (REPOSITORY / "docs/usms.1").read_text(encoding="utf-8")
    assert page == generate.man_page()


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_the_man_page_is_sound() -> None:
    done = subprocess.run(
        ["groff", "-man", "-Kutf8", "-Tutf8", "-ww", "-z", REPOSITORY / "docs/usms.1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", [words for words, _ in generate.commands()])
def test_help_says_what_a_command_is_for_and_gives_an_example(words: str) -> None:
    printed = generate.help_of(words)
    assert re.search(rf"^ {re.escape(words)} [^\[]", printed, re.MULTILINE), printed


@pytest.mark.parametrize(
    "step",
    [
        r"^(#+) ",  # headings
        r"^( *```\w+\n.*?^ *```)$",  # what to type, and what is printed
        r"^\| (\S[^|]*) \| \S[^|]* \|$",  # rows of tables
        r"\]\(([^)]+)\)",  # links
        r"(`[^`\n]+`)",  # names
    ],
    ids=["headings", "blocks", "rows", "links", "names"],
)
def test_the_chinese_readme_keeps_step_with_the_english_one(step: str) -> None:
    english, chinese = (
        sorted(re.findall(step, (REPOSITORY / name).read_text("utf-8"), re.MULTILINE | re.DOTALL))
        for name in _READMES
    )
    own_words = {"status": "状态", "README.zh-CN.md": "README.md"}
    assert {own_words.get(one, one) for one in english} == set(chinese)
    assert len(english) == len(chinese) or step.startswith("(`")


def test_every_module_is_found_in_the_architecture_or_in_its_room() -> None:
    page = (REPOSITORY / "docs/architecture.md").read_text(encoding="utf-8")
    package = REPOSITORY / "usms_cli"
    for module in package.rglob("*.py"):
        if module.name.startswith("__"):
            continue
        room = module.parent
        if room == package:
            assert f"`{module.name}`" in page
            continue
        assert f"`{room.name}/`" in page
        tree = ast.parse((room / "__init__.py").read_text(encoding="utf-8"))
        listed = ast.get_docstring(tree, clean=False) or ""
        assert re.search(rf"^    (\w+, )*{module.stem}\b", listed, re.MULTILINE), module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link for link in _LINK.findall(text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    named = _LOOKS_LIKE_A_FILE.findall(text)
    assert [name for name in named if not list(REPOSITORY.glob(name))] == []
