"""Time and peak memory of a command, from its start to its end."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SPAWN = str(Path(__file__).with_name("spawn.py"))


@dataclass(frozen=True)
class Measured:
    """What a command took: seconds, seconds of processor time, and bytes of memory at its peak."""

    seconds: float
    processor: float
    peak: int
    status: int


def measure(
    command: Sequence[str],
    environ: Mapping[str, str] | None = None,
    *,
    statuses: Collection[int] = (0,),
    log: bool = False,
) -> Measured:
    """Run a command to its end.

    :param environ: what it has in its environment beside ours.
    :param statuses: the exit statuses that are right; any other ends the benchmark.
    :param log: it writes so much to standard error that this goes to the null device.
    """
    with tempfile.TemporaryDirectory(prefix="usms-bench-") as folder:
        errors = Path(os.devnull if log else f"{folder}/errors")
        answer = subprocess.run(
            [sys.executable, "-I", "-S", _SPAWN, str(errors), *command],
            env={**os.environ, **(environ or {})},
            cwd=folder,  # where no .env is
            stdout=subprocess.PIPE,
            check=True,
        )
        measured = Measured(**json.loads(answer.stdout))
        if measured.status not in statuses:
            said = "" if log else errors.read_text(errors="replace")[-2000:]
            sys.exit(f"{' '.join(command)}\nended with status {measured.status}:\n{said}")
    return measured
