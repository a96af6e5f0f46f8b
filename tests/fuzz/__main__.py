"""Feed hostile input to all that reads what comes from outside, for an hour: nothing breaks, and
nothing is said that is not so.

    python -m tests.fuzz --minutes 60 --seed 1

Each case is made from the seed and its number, so that it can be made again: `--only 4711`. The
minutes are of this process's own work, however busy the machine is. Ends in 1 if anything was
found.
"""

import argparse
import logging
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tests.fuzz.answers import try_verdict
from tests.fuzz.drafts import try_draft
from tests.fuzz.kept import try_env_file, try_run_file
from tests.fuzz.questions import try_receipts, try_templates
from tests.fuzz.readers import try_reader
from tests.reliability.harness import MEMORY

Try = Callable[[random.Random, Path], str]

_TRIES: tuple[Try, ...] = (
    *([try_reader] * 6),
    *([try_draft] * 3),
    *([try_verdict] * 4),
    *(try_receipts, try_templates, try_env_file, try_run_file),
)
_LONGEST = 30.0  # seconds of work that a case may take
_MOST_MEMORY = 4 << 30
_MOST_FINDINGS = 20


@dataclass
class Score:
    """What has been done so far: what came of the cases, and the first of each kind of finding."""

    cases: int = 0
    came: Counter[str] = field(default_factory=Counter)
    findings: dict[str, str] = field(default_factory=dict)


def run_case(seed: int, number: int, score: Score) -> None:
    """Make a case and judge it."""
    chance = random.Random(f"{seed} {number}")
    signal.signal(signal.SIGPROF, _took_too_long)
    signal.setitimer(signal.ITIMER_PROF, _LONGEST)
    try:
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            score.came[chance.choice(_TRIES)(chance, Path(folder))] += 1
    except Exception as error:  # of any kind: it is what this looks for
        where = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} in {Path(where.filename).name}:{where.lineno}"
        score.findings.setdefault(kind, f"case {number}: {traceback.format_exc()}")
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    score.cases += 1


def _took_too_long(_: int, frame: FrameType | None) -> NoReturn:
    raise TimeoutError(f"it took more than {_LONGEST:g} seconds")


def main() -> int:
    parser = argparse.ArgumentParser(description="Feed hostile input to usms.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="the number of one case")
    arguments = parser.parse_args()
    logging.disable()
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    score = Score()
    began = time.process_time()
    if arguments.only is not None:
        run_case(arguments.seed, arguments.only, score)
    while arguments.only is None and len(score.findings) < _MOST_FINDINGS:
        known = len(score.findings)
        run_case(arguments.seed, score.cases, score)
        spent = time.process_time() - began
        for finding in list(score.findings.values())[known:]:
            print(finding, file=sys.stderr, flush=True)
        if score.cases % 10_000 == 0:
            print(f"{score.cases:,} cases, {spent / 60:.0f} minutes", file=sys.stderr, flush=True)
        if spent >= arguments.minutes * 60:
            break
    spent = time.process_time() - began
    for came, times in sorted(score.came.items()):
        print(f"{times:>9,}  {came}")
    print(
        f"{score.cases:,} cases (seed {arguments.seed}) in {spent / 60:.1f} minutes of work; "
        f"findings: {len(score.findings)}"
    )
    for finding in score.findings.values():
        print(finding)
    return 1 if score.findings else 0


if __name__ == "__main__":
    sys.exit(main())
