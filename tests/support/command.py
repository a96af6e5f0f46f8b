"""The command `usms` as a real process, with a state directory and an environment of its own."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from usms_cli.cli.app import app

KEY_ID = "test-key-id"
SECRET = "s3cret-never-to-be-shown"

_REPOSITORY = Path(__file__).parents[2]
_SCHEMA = Draft202012Validator(json.loads((_REPOSITORY / "docs/report.schema.json").read_text()))


@dataclass(frozen=True)
class Result:
    """What a process printed and how it ended."""

    status: int
    out: str
    err: str

    @property
    def report(self) -> Any:
        """The report of a call with --json, after holding it against the published schema."""
        report = json.loads(self.out)
        _SCHEMA.validate(report)
        if isinstance(report, dict):
            counts = dict(report["counts"])
            assert counts.pop("records") == sum(counts.values())
        return report


@dataclass
class Usms:
    """Calls `usms` in a folder. `address` is where it sends; None leaves the default."""

    folder: Path
    address: str | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def environ(self) -> dict[str, str]:
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("USPEEDO_", "USMS_", "COV_"))
            and name.upper() not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")
        }
        clean |= {
            "USMS_STATE_DIR": str(self.state),
            "USPEEDO_ACCESSKEY_ID": KEY_ID,
            "USPEEDO_ACCESSKEY_SECRET": SECRET,
            "HOME": str(self.folder),
        }
        if self.address:
            clean["USPEEDO_BASE_URL"] = self.address
        return clean | self.environment

    def start(self, *arguments: str | Path, **options: Any) -> "subprocess.Popen[str]":
        """Start a call and return its process, with all streams piped."""
        return subprocess.Popen(
            command(*arguments),
            cwd=self.folder,
            env=self.environ(),
            stdin=options.pop("stdin", subprocess.DEVNULL),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            **options,
        )

    def __call__(self, *arguments: str | Path, stdin: str | bytes | None = None) -> Result:
        """Make a call, wait for its end, and check what holds for every call."""
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            command(*arguments),
            cwd=self.folder,
            env=self.environ(),
            input=data,
            stdin=None if data is not None else subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )
        result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
        _check(result)
        return result

    def inside(self, *arguments: str | Path) -> Result:
        """Make a call in this process: faster, for what needs no process of its own."""
        kept = signal.getsignal(signal.SIGTERM)
        ours = (name for name in os.environ if name.startswith(("USPEEDO_", "USMS_")))
        unset: dict[str, str | None] = dict.fromkeys(ours)
        try:
            with contextlib.chdir(self.folder):
                done = CliRunner().invoke(
                    app, list(map(str, arguments)), env=unset | self.environ(), prog_name="usms"
                )
        finally:
            signal.signal(signal.SIGTERM, kept)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        result = Result(done.exit_code, done.stdout, done.stderr)
        _check(result)
        return result

    def send(self, *arguments: str | Path, stdin: str | bytes | None = None) -> Result:
        """Call `usms send --json` with template T1 and sender S unless given otherwise."""
        given = [str(argument) for argument in arguments]
        defaults: list[str] = []
        if not {"-t", "--template"} & set(given):
            defaults += ["--template", "T1"]
        if not {"-s", "--sender"} & set(given):
            defaults += ["--sender", "S"]
        return self("send", *given, *defaults, "--json", stdin=stdin)


def _check(result: Result) -> None:
    """Make sure of what holds for every call: no traceback, no secret, errors in one style."""
    assert "Traceback" not in result.err, result.err
    assert SECRET not in result.out + result.err
    assert re.search(r"^usms: error: .*\.$", result.err, re.MULTILINE) is None, result.err


def command(*arguments: str | Path) -> Sequence[str]:
    return [sys.executable, "-m", "usms_cli", *map(str, arguments)]


def phones(count: int, first: int = 13800000000) -> list[str]:
    """Mainland mobiles, all different."""
    return [str(first + number) for number in range(count)]


def write_csv(path: Path, rows: Iterable[Sequence[str]], header: str = "phone,param1") -> Path:
    lines = [header, *(",".join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
