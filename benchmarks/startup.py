"""Measure how long `usms` takes to do next to nothing.

    python benchmarks/startup.py

Runs in turn, each as a process from start to end, and prints medians and their ratios to
`python -c "import typer"`, which is the least that a Typer program can take: the version, a shell
completion, a help page, and a send of three recipients to a sandbox started for it, journal and
syncs included. The disk cache is warm.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

from tools.contestants import usms, usms_environ
from tools.data import write_list
from tools.measure import measure
from tools.tables import machine, mib, table

_COMPLETION = {"_USMS_COMPLETE": "complete_bash", "COMP_WORDS": "usms se", "COMP_CWORD": "1"}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=20, help="times that each is run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="usms-bench-") as name:
        folder = Path(name)
        print(machine(folder))
        three = folder / "three.csv"
        write_list(three, 3)
        state = folder / "state"
        calls: dict[str, tuple[list[str], dict[str, str]]] = {
            "`python -c pass`": ([sys.executable, "-c", "pass"], {}),
            '`python -c "import typer"`': ([sys.executable, "-c", "import typer"], {}),
            "`usms --version`": (_script("--version"), {}),
            "shell completion": (_script(), _COMPLETION),
            "`usms send --help`": (_script("send", "--help"), {}),
            "three to the sandbox": (
                _script("send", str(three), "-t", "T", "-s", "S", "--sandbox", "--yes"),
                usms_environ("", state),
            ),
        }
        found = {about: [measure(*call)] for about, call in calls.items()}  # warms the cache
        for _ in range(options.repeat):
            for about, call in calls.items():
                shutil.rmtree(state, ignore_errors=True)
                found[about].append(measure(*call))
    seconds = {about: median(one.seconds for one in all_[1:]) for about, all_ in found.items()}
    least = seconds['`python -c "import typer"`']
    rows = [
        (
            about,
            f"{seconds[about] * 1000:.0f}",
            f"{seconds[about] / least:.2f}",
            mib(max(one.peak for one in all_)),
        )
        for about, all_ in found.items()
    ]
    print(f"median of {options.repeat}:\n")
    print(table(("", "ms", "of import typer", "peak MiB"), rows))


def _script(*arguments: str) -> list[str]:
    """Return a call of the command as it is installed beside this Python, if it is."""
    script = Path(sys.executable).with_name("usms")
    return [str(script), *arguments] if script.exists() else usms(*arguments)


if __name__ == "__main__":
    main()
