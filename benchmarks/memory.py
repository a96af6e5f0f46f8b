"""Compare peak memory and time for each record at two sizes of a list: neither may grow.

    python benchmarks/memory.py
    python benchmarks/memory.py --records 1000000

The lists are as in practice: of a hundred records five repeat an earlier one, five stand in an
exclusion list, and one has a phone that is none (`--skip-invalid`); the gateway fails one recipient
of each request. For each size, each command in its own process and once: a dry run, a send, another
that stops in the middle and its resume, the receipts twice, the list of runs, `show --json`, the
page, and the export of every outcome that there is. Times are for each record of the list, start-up
included, so that the smaller size has a little more of that. Ten million records need about 3 GB of
disk, and some minutes.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tools.contestants import usms, usms_environ
from tools.data import write_exclusions, write_mixed_list
from tools.gateway import Gateway
from tools.measure import Measured, measure
from tools.tables import machine, mib, table

_FATES = ("delivered", "undelivered")
_OK = (0, 1)  # 1: done, but some are failed or were invalid and skipped


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--base", type=int, default=100_000, help="the size to compare with")
    parser.add_argument("--dir", type=Path, help="where the lists and the runs are kept meanwhile")
    options = parser.parse_args()
    sizes = [max(1, size // 100) * 100 for size in (options.base, options.records)]
    found = []
    with tempfile.TemporaryDirectory(prefix="usms-bench-", dir=options.dir) as folder:
        print(machine(Path(folder)))
        for size in sizes:
            with (
                tempfile.TemporaryDirectory(dir=folder) as part,
                Gateway(failing=True, receipts=True) as gateway,
            ):
                found.append(_measure_all(Path(part), gateway, size))
    (small, small_disk), (large, large_disk) = found
    rows = []
    for about, at_small in small.items():
        at_large = large[about]
        each = [one.seconds / n * 1e6 for one, n in zip((at_small, at_large), sizes, strict=True)]
        rows.append(
            (
                about,
                *(mib(at_small.peak), mib(at_large.peak), f"{at_large.peak / at_small.peak:.2f}"),
                *(f"{each[0]:.2f}", f"{each[1]:.2f}", f"{each[1] / each[0]:.2f}"),
            )
        )
    print(f"{sizes[0]:,} and {sizes[1]:,} records; a run takes on disk")
    for size, disk in zip(sizes, (small_disk, large_disk), strict=True):
        print(f"{disk / 2**20:,.1f} MiB for {size:,} records, {disk / size:.1f} bytes for each")
    header = ("", "peak MiB", "large", "ratio", "µs a record", "large", "ratio")
    print(f"\n{table(header, rows)}")


def _measure_all(folder: Path, gateway: Gateway, records: int) -> tuple[dict[str, Measured], int]:
    """Run every command on a list of one size.

    :return: what each took, and the size of a finished run in bytes.
    """
    state, export = folder / "state", str(folder / "export.csv")
    send = ["send", *_make_lists(folder, records), "-t", "T", "-s", "S", "--yes", "--quiet"]
    send.append("--skip-invalid")
    some = ["--run", "some", "--limit", str(records // 2)]
    calls = {
        "`send --dry-run`": [*send, "--dry-run"],
        "`send`": [*send, "--run", "all"],
        "`send --limit` (half)": [*send, *some],
        "`show --export pending`": ["show", "some", "--export", "pending", export],
        "`resume` (half)": ["resume", "some", "--yes", "--quiet"],
        "`receipts`": ["receipts", "all", "--quiet"],
        "`receipts` again": ["receipts", "all", "--quiet"],
        "`runs`": ["runs"],
        "`show --json`": ["show", "all", "--json"],
        "`show --failures`": ["show", "all", "--failures", export],
        "`show --html`": ["show", "all", "--html", str(folder / "page.html"), "--quiet"],
    }
    for outcome in ("accepted", "failed", "invalid", "duplicate", "excluded", *_FATES):
        calls[f"`show --export {outcome}`"] = ["show", "all", "--export", outcome, export]
    environ = usms_environ(gateway.address, state)
    found = {}
    for about, call in calls.items():
        found[about] = measure(usms(*call), environ, statuses=_OK)
        seconds, peak = found[about].seconds, mib(found[about].peak)
        print(f"{records:,}: {about:28}{seconds:9.2f} s {peak:>6} MiB", file=sys.stderr)
    return found, (state / "all.db").stat().st_size


def _make_lists(folder: Path, records: int) -> list[str]:
    """Return the list, and the exclusion list as an option."""
    file, exclude = folder / "list.csv", folder / "exclude.csv"
    write_mixed_list(file, records // 100)
    write_exclusions(exclude, records // 100)
    return [str(file), "--exclude", str(exclude)]


if __name__ == "__main__":
    main()
