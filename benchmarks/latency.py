"""Measure how well the time of requests is hidden: each takes 200 ms, as over a real network.

    python benchmarks/latency.py

Runs in turn `usms send` at several `--concurrency` and the provider's SDK in a bare loop, which
makes one request at a time, against a gateway that waits before each answer, and prints how many
times as fast ours is. The gateway takes as many requests at once as come; a real account may not.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

from tools.contestants import contestants, usms_environ
from tools.data import write_list
from tools.gateway import Gateway
from tools.measure import measure
from tools.tables import machine, table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--repeat", type=int, default=3, help="times that each is run")
    parser.add_argument("--latency-ms", type=float, default=200, help="time that an answer takes")
    parser.add_argument(
        "--concurrency", type=int, nargs="+", default=[1, 4, 16], metavar="N", help="ours, in turn"
    )
    options = parser.parse_args()
    ours, sdk = contestants("usms,sdk")
    found: dict[str, list[float]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="usms-bench-") as name,
        Gateway(options.latency_ms / 1000) as gateway,
    ):
        folder = Path(name)
        print(machine(folder))
        file = folder / "list.csv"
        write_list(file, options.records)
        calls = {sdk.about: sdk.call(file, gateway.address)}
        for concurrency in options.concurrency:
            about = f"`usms send --concurrency {concurrency}`"
            calls[about] = [*ours.call(file, gateway.address), "--concurrency", str(concurrency)]
        for turn in range(options.repeat):
            for about, call in calls.items():
                with tempfile.TemporaryDirectory(dir=folder) as state:
                    environ = usms_environ(gateway.address, Path(state))
                    seconds = measure(call, environ, log=about == sdk.about).seconds
                arrived = gateway.counted().recipients
                if arrived != options.records:
                    sys.exit(f"{about}: {arrived} recipients arrived")
                found.setdefault(about, []).append(seconds)
                print(f"{turn + 1}: {about:32}{seconds:8.2f} s", file=sys.stderr)
    medians = {about: median(times) for about, times in found.items()}
    rows = [
        (
            about,
            f"{seconds:.2f}",
            f"{options.records / seconds:,.0f}",
            f"{medians[sdk.about] / seconds:.1f}",
        )
        for about, seconds in medians.items()
    ]
    print(
        f"{options.records:,} records, {options.latency_ms:g} ms a request, "
        f"median of {options.repeat}:\n"
    )
    print(table(("", "seconds", "records/s", "times the SDK"), rows))


if __name__ == "__main__":
    main()
