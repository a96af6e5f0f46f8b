"""Compare the short cuts of the phone reader with libphonenumber itself, on random writings.

    python benchmarks/phones_agree.py --count 2000000

Writings are mutations of numbers that exist, so that many are valid and many only just not. Prints
what was compared, and ends with status 1 on a disagreement, each of which is shown.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from os import cpu_count

import phonenumbers

from usms_cli.recipients.phones import InvalidPhone, PhoneReader

REGIONS = (
    *("CN", "US", "IT", "GB", "HK", "SC", "CI", "AR", "MX", "BR", "CA", "RU", "DE", "FR"),
    *("AU", "KR", "JP", "SG", "GG", "AG", "HU", "LT", "BY", "NZ", "IL", "FI", "MG", "GA"),
)
SIGNS = "0123456789" * 3 + "+() -."


def examples() -> list[tuple[str, str, str]]:
    """Return for every region an example of each kind: country code, number, national writing."""
    found = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in phonenumbers.PhoneNumberType.values():
            number = phonenumbers.example_number_for_type(region, kind)
            if number is not None:
                written = phonenumbers.format_number(
                    number, phonenumbers.PhoneNumberFormat.NATIONAL
                )
                national = phonenumbers.national_significant_number(number)
                found.append((str(number.country_code), national, written))
    return found


def writings(count: int, seed: int) -> Iterator[str]:
    """Yield `count` writings: examples with their last digits drawn anew, then often spoilt."""
    chance = random.Random(seed)
    known = examples()
    mainland = [entry for entry in known if entry[0] == "86"]
    for _ in range(count):
        code, national, written = chance.choice(mainland if chance.random() < 0.2 else known)
        kept = chance.randrange(len(national) + 1)
        digits = national[:kept] + "".join(chance.choices("0123456789", k=len(national) - kept))
        forms = (digits, f"0{digits}", f"1{digits}", f"+{code}{digits}", f"00{code}{digits}")
        more = (f"({code}){digits}", f"{code}{digits}", f"+{code} (0){digits}", written)
        text = list(chance.choice(forms + more))
        while chance.random() < 0.4 and text:
            spot = chance.randrange(len(text))
            text[spot : spot + chance.randrange(3)] = chance.choices(SIGNS, k=chance.randrange(3))
        yield "".join(text)


def outcome(reader: PhoneReader, text: str, short_cuts: bool) -> int | str:
    """Return the number read, or the reason why there is none."""
    try:
        return reader.read(text) if short_cuts else reader.read_by_library(text)
    except InvalidPhone as problem:
        return problem.reason


def compare(count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Compare on `count` writings; return how many were what, and the disagreements."""
    chance = random.Random(seed)
    readers = [PhoneReader(region) for region in REGIONS]
    readers += [PhoneReader(region, "possible") for region in REGIONS[:10]]
    china = readers[0]
    counts: Counter[str] = Counter()
    disagreements = []
    for text in writings(count, seed):
        reader = china if chance.random() < 0.2 else chance.choice(readers)
        quick = outcome(reader, text, short_cuts=True)
        careful = outcome(reader, text, short_cuts=False)
        counts["read" if isinstance(careful, int) else "refused"] += 1
        if quick != careful:
            disagreements.append(f"{text!r}: {quick} by short cut, {careful} by the library")
    return counts, disagreements


def main() -> int:
    """Compare on all processors and print the sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    workers = cpu_count() or 1
    shares = [options.count // workers] * workers
    seeds = range(options.seed, options.seed + workers)
    begun = time.perf_counter()
    total: Counter[str] = Counter()
    disagreements: list[str] = []
    with ProcessPoolExecutor(workers) as pool:
        for counts, found in pool.map(compare, shares, seeds):
            total += counts
            disagreements += found
    seconds = time.perf_counter() - begun
    print(
        f"{total.total()} writings compared in {seconds:.0f} s: {total['read']} read, "
        f"{total['refused']} refused, {len(disagreements)} disagreements"
    )
    for line in disagreements[:50]:
        print(line)
    return 1 if disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
