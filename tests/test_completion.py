"""Shell completion: commands, options, and the runs that are on disk."""

import subprocess
from pathlib import Path

import pytest

from tests.support.command import Usms, command, phones, write_csv


@pytest.fixture
def finished(usms: Usms) -> Usms:
    table = write_csv(usms.folder / "a.csv", [(phone, "x") for phone in phones(2)])
    for name in ("night-1", "night-2", "day"):
        assert usms.send(table, "--run", name).status == 0
    return usms


def complete(usms: Usms, words: str, *, shell: str = "bash") -> list[str]:
    """Return what a shell is offered after `words`, as its completion script asks for it."""
    environment = usms.environ() | {
        "_USMS_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    done = subprocess.run(
        command(), env=environment, cwd=usms.folder, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_names_of_runs_are_completed_from_disk(finished: Usms, shell: str) -> None:
    offered = " ".join(complete(finished, "usms resume nig", shell=shell))
    assert "night-1" in offered
    assert "night-2" in offered
    assert "day" not in offered


@pytest.mark.parametrize("call", ["usms show ", "usms resume ", "usms runs delete "])
def test_every_command_that_takes_a_run_completes_it(finished: Usms, call: str) -> None:
    assert {"night-1", "night-2", "day", "last"} <= set(complete(finished, call))


def test_there_may_be_no_runs_yet(usms: Usms) -> None:
    assert complete(usms, "usms show ") == ["last"]
    assert not usms.state.exists()


def test_commands_and_options_are_completed(usms: Usms) -> None:
    assert "send" in complete(usms, "usms se")
    assert "--dry-run" in complete(usms, "usms send --dr")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_installed_in_the_home_of_the_user(
    usms: Usms, tmp_path: Path, shell: str
) -> None:
    # Else the shell is whatever runs the tests.
    usms.environment["_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"] = "1"
    done = usms("--install-completion", shell)
    assert done.status == 0, done.err
    files = [path for path in tmp_path.rglob("*") if path.is_file() and "usms" in path.read_text()]
    assert files
