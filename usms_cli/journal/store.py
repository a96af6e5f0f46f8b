"""The state directory: the names of runs, their locks, finding and deleting them.

A run NAME is the file `NAME.db`, readable by its owner alone. While a process sends for it, it
holds a lock on `.NAME.lock`, and while one asks for its receipts, on `.NAME~receipts.lock`; the
system drops the lock when the process ends, however it ends. What the sandbox knows of a run of its
own is `.NAME.sandbox`.
"""

import fcntl
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from usms_cli.errors import UsageError, UsmsError
from usms_cli.journal.schema import journal_errors, remove_sides
from usms_cli.journal.view import View
from usms_cli.text import quoted, quoted_path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_PATIENCE = 0.5  # seconds; somebody who only looks whether a run is locked holds it for an instant


def check_name(name: str) -> str:
    """Return `name` if a run may have it.

    :raises UsageError: it may not.
    """
    if name == "last" or not _NAME.fullmatch(name):
        raise UsageError(
            f"{quoted(name)} cannot be the name of a run",
            'A name has letters, digits, ".", "_" and "-", begins with a letter or a digit, is at '
            'most 100 long, and is not "last".',
        )
    return name


class Store:
    """The runs in a directory, which is made when it is first written to."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path(self, name: str) -> Path:
        """Return where a run of this name is, or would be."""
        return self.directory / f"{name}.db"

    def draft_path(self, name: str) -> Path:
        """Return where a run that is locked is written until it is whole; removes what is there."""
        path = self.directory / f".{name}.draft"
        with journal_errors(path):
            path.unlink(missing_ok=True)
        return path

    def sandbox_path(self, name: str) -> Path:
        """Return where a sandbox remembers what it took for a run, so that receipts follow."""
        return self.directory / f".{name}.sandbox"

    def exists(self, name: str) -> bool:
        """Tell whether there is a run of this very name."""
        return self.path(name).exists()

    def new_name(self) -> str:
        """Return a dated name for a run that was given none."""
        return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"

    def size(self, name: str) -> int:
        """Return the bytes that a run takes on disk, with what stands beside it."""
        own, sandbox = self.path(name), self.sandbox_path(name)
        size = 0
        for part in (own, own.with_name(f"{own.name}-wal"), sandbox):
            with suppress(FileNotFoundError):
                size += part.stat().st_size
        return size

    def names(self) -> list[str]:
        """Return the names of all runs, in no order."""
        try:
            return [path.stem for path in self.directory.glob("*.db") if _NAME.fullmatch(path.stem)]
        except OSError:
            return []

    def open(self, name: str) -> View:
        """Open a run to read it.

        :raises UsageError: it is no run of this version.
        :raises JournalError: it cannot be read.
        """
        return View.open(self.path(name))

    def begun(self, name: str) -> float:
        """Return when a run was begun, in Unix seconds.

        Of a file that cannot be read that is when it was last written, as it was not begun later.
        """
        try:
            with closing(self.open(name)) as view:
                return view.info.created
        except UsmsError:
            with journal_errors(self.path(name)):
                return self.path(name).stat().st_mtime

    def find(self, reference: str) -> str:
        """Return the name of the run meant by a name, a unique beginning of one, or `last`.

        :raises UsageError: there is no such run, or more than one.
        """
        if self.exists(reference) and _NAME.fullmatch(reference):
            return reference
        names = self.names()
        if reference == "last":
            if not names:
                raise UsageError(
                    f"there is no run in {quoted_path(self.directory)} yet",
                    "Begin one: usms send FILE",
                )
            return max(names, key=self.begun)
        found = sorted(name for name in names if reference and name.startswith(reference))
        if len(found) == 1:
            return found[0]
        if found:
            shown = ", ".join(found[:5]) + (f" and {len(found) - 5:,} more" if found[5:] else "")
            raise UsageError(
                f"{quoted(reference)} begins the names of several runs: {shown}",
                "Write more of the name that is meant; `usms runs` lists all.",
            )
        raise UsageError(f"there is no run {quoted(reference)}", "`usms runs` lists all.")

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Keep every other process from sending for a run, or from beginning one of that name.

        :raises UsageError: another process does so now.
        """
        path = self._lock_path(name)
        with journal_errors(path):
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = _acquire(path, _PATIENCE)
        if descriptor is None:
            raise UsageError(
                f"another process is sending for the run {quoted(name)}",
                f"Watch it with `usms show {name}`, and call again when it has ended.",
            )
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            os.close(descriptor)

    @contextmanager
    def in_use(self, name: str) -> Iterator[None]:
        """Keep a run from being deleted, whoever else uses it or sends for it."""
        path = self._use_path(name)
        with journal_errors(path):
            descriptor = _acquire(path, _PATIENCE, fcntl.LOCK_SH)
        if descriptor is None:
            raise UsageError(
                f"the run {quoted(name)} is being deleted", "`usms runs` lists what is left."
            )
        try:
            yield
        finally:
            _release(path, descriptor)

    @contextmanager
    def admission(self) -> Iterator[None]:
        """Let one process at a time look whether its run may begin, and begin it."""
        path = self.directory / ".admission"
        with journal_errors(path):
            path.touch(mode=0o600)
            with path.open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield

    def is_running(self, name: str) -> bool:
        """Tell whether a process is sending for a run."""
        try:
            descriptor = os.open(self._lock_path(name), os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def sweep(self) -> None:
        """Remove what killed processes left: drafts that nobody is writing, and their locks."""
        left = [*self.directory.glob(".*.lock"), *self.directory.glob(".*.draft")]
        for name in {path.name[1 : -len(path.suffix)] for path in left}:
            lock = self._lock_path(name)
            with suppress(OSError):  # what another user left, say
                descriptor = _acquire(lock, 0)
                if descriptor is not None:
                    (self.directory / f".{name}.draft").unlink(missing_ok=True)
                    lock.unlink(missing_ok=True)
                    os.close(descriptor)

    def delete(self, name: str) -> None:
        """Delete a run.

        :raises UsageError: a process is sending for it, or asking for its receipts.
        """
        with self.lock(name), journal_errors(self.path(name)):
            use = self._use_path(name)
            descriptor = _acquire(use, _PATIENCE)
            if descriptor is None:
                raise UsageError(
                    f"another process is asking for the receipts of the run {quoted(name)}",
                    "End it, or wait for its end, and call again.",
                )
            try:
                sandbox = self.sandbox_path(name)
                sandbox.unlink(missing_ok=True)
                remove_sides(sandbox)
                # Before what stands beside it: without that it would have forgotten who was sent.
                self.path(name).unlink(missing_ok=True)
                remove_sides(self.path(name))
            finally:
                _release(use, descriptor)

    def _lock_path(self, name: str) -> Path:
        return self.directory / f".{name}.lock"

    def _use_path(self, name: str) -> Path:
        return self.directory / f".{name}~receipts.lock"  # no name of a run has "~"


def _acquire(path: Path, patience: float, kind: int = fcntl.LOCK_EX) -> int | None:
    """Lock a file, made if need be, and return its descriptor; None if another process has it."""
    give_up = time.monotonic() + patience
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            # Whoever had it may have removed the file while we waited: then this lock is nobody's.
            if os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False)):
                return descriptor
        except BlockingIOError:
            if time.monotonic() >= give_up:
                os.close(descriptor)
                return None
            time.sleep(0.02)
        except FileNotFoundError:
            pass
        os.close(descriptor)


def _release(path: Path, descriptor: int) -> None:
    """Give up a lock, and remove its file unless others share it."""
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    os.close(descriptor)
