"""A real pseudo-terminal, of 80 columns unless said, with a call of `usms` on it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

from tests.support.command import SECRET, Usms, command

_SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07)")


class OnTerminal:
    """A call whose three streams are a terminal. `shown` is what came on it until now."""

    def __init__(
        self, usms: Usms, *arguments: str | Path, stdin: int | None = None, columns: int = 80
    ) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.shown = ""
        self._bytes = b""
        self._process = subprocess.Popen(
            command(*arguments),
            cwd=usms.folder,
            env={"TERM": "xterm-256color", **usms.environ()},
            stdin=theirs if stdin is None else stdin,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    @property
    def text(self) -> str:
        """What was shown, without colours and movements of the cursor."""
        return _SEQUENCE.sub("", self.shown).replace("\r\n", "\n")

    def until(self, words: str) -> None:
        """Wait until the words are shown."""
        while words not in self.text:
            assert self._read(), self.text

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def interrupt(self) -> None:
        """What Ctrl-C does on a terminal of its own."""
        self._process.send_signal(signal.SIGINT)

    def hang_up(self) -> int:
        """Close the terminal under the call, wait for its end, and return the exit status."""
        os.close(self._ours)
        return self._process.wait(20)

    def end(self) -> int:
        """Wait for the end, and return the exit status."""
        while self._read():
            pass
        os.close(self._ours)
        assert SECRET not in self.shown
        assert "Traceback" not in self.shown, self.shown
        return self._process.wait(20)

    def _read(self) -> bool:
        give_up = time.monotonic() + 20
        while not select.select([self._ours], [], [], 0.1)[0]:
            assert time.monotonic() < give_up, self.text
        try:
            piece = os.read(self._ours, 65536)
        except OSError:  # how Linux says that nobody holds the other end
            piece = b""
        self._bytes += piece
        self.shown = self._bytes.decode(errors="replace")
        return bool(piece)
