"""Compare `usms send` with what else people would use, on one list and one gateway.

    python benchmarks/run.py
    python benchmarks/run.py --records 200000 --repeat 5 --only usms,sdk,limit

Makes a CSV of distinct mobiles with two parameters, starts a gateway that costs next to nothing on
loopback, and runs in turn, each in its own process and from its start to its end:

    usms        `usms send` with everything on: checks, duplicates, journal with full syncs, report
    dry-run     `usms send --dry-run`: the same without the sending
    sdk         the provider's SDK in a bare loop: no check, no duplicates, no journal, no report
    sdk-no-log  the same with the log off that the SDK writes by default
    sample      the API document's `requests` sample in a loop, likewise
    limit       csv, a compiled encoder and one kept connection, and nothing else

After each run the gateway is asked whether everybody arrived. Medians are printed with their
ratios to the SDK and to the limit, and the highest peak memory. Not measured: a real network
(`--latency-ms` lets each answer take its time), TLS, and a cold disk cache.
"""

import argparse
import sys
import tempfile
from math import ceil
from pathlib import Path
from statistics import median

from tools.contestants import Contestant, contestants, usms_environ
from tools.data import write_list
from tools.gateway import Gateway
from tools.measure import Measured, measure
from tools.tables import machine, mib, table

_BATCH = 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3, help="times that each is run")
    parser.add_argument("--only", metavar="NAMES", help="some of those above, parted by commas")
    parser.add_argument("--latency-ms", type=float, default=0, help="time that each answer takes")
    parser.add_argument("--dir", type=Path, help="where the list and the runs are kept meanwhile")
    options = parser.parse_args()
    taking_part = contestants(options.only)
    found: dict[str, list[Measured]] = {one.name: [] for one in taking_part}
    with (
        tempfile.TemporaryDirectory(prefix="usms-bench-", dir=options.dir) as name,
        Gateway(options.latency_ms / 1000) as gateway,
    ):
        folder = Path(name)
        print(machine(folder))
        file = folder / "list.csv"
        write_list(file, options.records)
        for one in taking_part:
            one.call(file, gateway.address)  # so that what has to be installed is
        for turn in range(options.repeat):
            for one in taking_part:
                measured = _run(one, file, options.records, gateway, folder)
                found[one.name].append(measured)
                print(f"{turn + 1}: {one.name:12}{measured.seconds:8.2f} s", file=sys.stderr)
    each = f", {options.latency_ms:g} ms a request" if options.latency_ms else ""
    print(f"{options.records:,} records, median of {options.repeat}{each}:\n")
    print(_table(taking_part, found, options.records))


def _run(one: Contestant, file: Path, records: int, gateway: Gateway, folder: Path) -> Measured:
    """Run one of them once, and make sure that it did what it was to do."""
    with tempfile.TemporaryDirectory(dir=folder) as state:
        environ = usms_environ(gateway.address, Path(state))
        measured = measure(one.call(file, gateway.address), environ, log=one.log)
    arrived = gateway.counted()
    wanted = records if one.sends else 0
    if (arrived.recipients, arrived.requests) != (wanted, ceil(wanted / _BATCH)):
        sys.exit(f"{one.name}: {arrived} arrived, where {wanted} recipients were to")
    return measured


def _table(taking_part: list[Contestant], found: dict[str, list[Measured]], records: int) -> str:
    seconds = {name: median(one.seconds for one in times) for name, times in found.items()}

    def ratio(name: str, yardstick: str) -> str:
        return f"{seconds[name] / seconds[yardstick]:.2f}" if yardstick in seconds else ""

    rows = [
        (
            one.about,
            f"{seconds[one.name]:.2f}",
            f"{records / seconds[one.name]:,.0f}",
            ratio(one.name, "sdk"),
            ratio(one.name, "limit"),
            f"{median(each.processor for each in found[one.name]):.2f}",
            mib(max(each.peak for each in found[one.name])),
        )
        for one in taking_part
    ]
    header = ("", "seconds", "records/s", "of the SDK", "of the limit", "CPU s", "peak MiB")
    return table(header, rows)


if __name__ == "__main__":
    main()
