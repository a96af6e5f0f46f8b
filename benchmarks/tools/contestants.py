"""Who is compared, and where the yardsticks are installed."""

import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

_YARDSTICKS = Path(__file__).parents[1] / "yardsticks"
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "usms-benchmarks")


@dataclass(frozen=True)
class Contestant:
    """A way to send a list.

    `command` is what to run, in which FILE and ADDRESS stand for the list and the gateway's
    address. `requires` is to be installed for it, in an environment of its own. `sends` is whether
    the gateway has to see everybody. `log`: it fills standard error.
    """

    name: str
    about: str
    command: tuple[str, ...]
    requires: tuple[str, ...] = ()
    sends: bool = True
    log: bool = False

    def call(self, file: Path, address: str) -> list[str]:
        """Return the command for a list and a gateway.

        What has to be installed for it is installed the first time.
        """
        python = _installed(self.requires) if self.requires else sys.executable
        meant = {"FILE": str(file), "ADDRESS": address}
        return [python, *(meant.get(part, part) for part in self.command)]


def usms(*arguments: str) -> list[str]:
    """Return the command line of `usms` with these arguments."""
    return [sys.executable, "-m", "usms_cli", *arguments]


def usms_environ(address: str, state: Path) -> dict[str, str]:
    """Return the environment in which `usms` sends to a gateway and keeps its runs in a folder."""
    return {
        "USPEEDO_BASE_URL": address,
        "USPEEDO_ACCESSKEY_ID": "key",
        "USPEEDO_ACCESSKEY_SECRET": "secret",
        "USMS_STATE_DIR": str(state),
    }


_SEND = ("-m", "usms_cli", "send", "FILE", "-t", "T", "-s", "S", "--yes", "--quiet")
_SDK = ("uspeedo-sdk-py==1.5.1",)
_SAMPLE = ("requests==2.32.5",)

CONTESTANTS = (
    Contestant("usms", "`usms send`, everything on", _SEND),
    Contestant("dry-run", "`usms send --dry-run`", (*_SEND, "--dry-run"), sends=False),
    Contestant(
        "sdk",
        f"the provider's SDK in a loop ({_SDK[0]})",
        (str(_YARDSTICKS / "sdk_loop.py"), "FILE", "ADDRESS"),
        _SDK,
        log=True,
    ),
    Contestant(
        "sdk-no-log",
        "the same without its log",
        (str(_YARDSTICKS / "sdk_loop.py"), "FILE", "ADDRESS", "--no-log"),
        _SDK,
    ),
    Contestant(
        "sample",
        f"the API document's sample in a loop ({_SAMPLE[0]})",
        (str(_YARDSTICKS / "sample_loop.py"), "FILE", "ADDRESS"),
        _SAMPLE,
    ),
    Contestant(
        "limit",
        "the limit: csv, msgspec, one kept connection",
        (str(_YARDSTICKS / "limit.py"), "FILE", "ADDRESS"),
    ),
)


def contestants(names: str | None) -> list[Contestant]:
    """Return those with the names given, parted by commas; None: all."""
    known = {one.name: one for one in CONTESTANTS}
    wanted = list(known) if names is None else names.split(",")
    for name in wanted:
        if name not in known:
            sys.exit(f"no contestant is called {name!r}; there are {', '.join(known)}")
    return [known[name] for name in wanted]


def _installed(requires: tuple[str, ...]) -> str:
    """Return the Python of an environment with these packages, made the first time."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = _CACHE / "-".join([*requires, version])
    python = folder / "bin" / "python"
    done = folder / "complete"
    if not done.exists():
        print(f"installing {' '.join(requires)} into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requires],
            check=True,
        )
        done.touch()
    return str(python)
