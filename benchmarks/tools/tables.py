"""What was measured, and on what machine, as Markdown that can be pasted into a page."""

import os
import platform
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from statistics import median

import usms_cli


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; all columns but the first are figures, and stand to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        figures = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
        return f"| {' | '.join([cells[0].ljust(widths[0]), *figures])} |"

    rule = "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])])
    return "\n".join([line(header), f"|{rule}|", *map(line, rows)])


def mib(size: float) -> str:
    """Return a number of bytes in MiB."""
    return f"{size / 2**20:,.0f}"


def machine(folder: Path) -> str:
    """Say on what the figures are measured.

    :param folder: where the lists and runs are. A request costs syncs, so the disk matters.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return (
        f"{date.today()}, usms {usms_cli.__version__}{_commit()}: {os.cpu_count()} processors "
        f"({_processor()}), {memory / 2**30:.0f} GiB, {_file_system(folder)} "
        f"with {_sync(folder) * 1000:.2f} ms a sync, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}"
    )


def _sync(folder: Path) -> float:
    """Return the median time that a page takes to get to the disk, in seconds."""
    times = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(50):
            file.write(bytes(4096))
            begun = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - begun)
    return median(times)


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    try:
        answer = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f" ({answer.stdout.strip()})"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _file_system(folder: Path) -> str:
    """Return the kind of file system that a folder is on, such as ext4 or tmpfs."""
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    except OSError:
        return "file system unknown"
    whole = folder.resolve()
    fitting = [(len(mount[1]), mount[2]) for mount in mounts if whole.is_relative_to(mount[1])]
    return max(fitting)[1]
