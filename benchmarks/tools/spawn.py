"""Run a command and print its time, peak memory and status as JSON; its output is dropped.

A process of its own, since a child inherits the peak memory of the parent that starts it: that one
must be small. Imports nothing that it can do without, and is run with `python -I -S`.
"""

import os
import sys
import time

_KIB = 1024 if sys.platform != "darwin" else 1  # ru_maxrss is in KiB but on macOS


def main() -> None:
    """Run the command that the arguments are."""
    errors, command = sys.argv[1], sys.argv[2:]
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
    ]
    begun = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - begun
    print(
        f'{{"seconds": {seconds}, "processor": {usage.ru_utime + usage.ru_stime}, '
        f'"peak": {usage.ru_maxrss * _KIB}, "status": {os.waitstatus_to_exitcode(status)}}}'
    )


if __name__ == "__main__":
    main()
