"""Lists of recipients, the same on every machine: distinct mobiles of mainland China."""

from collections.abc import Iterable
from pathlib import Path

_PREFIXES: tuple[int, ...] = (
    *range(130, 140),
    *range(150, 154),
    *range(155, 160),
    *range(180, 190),
)
_NUMBERS = 100_000_000  # that begin with one prefix
_STRIDE = 61_803_399  # has no divisor in common with that, so that no number comes twice
_NAMES = ("Li Wei", "Wang Fang", "Zhang Min", "Liu Jie", "Chen Jing", "Yang Lei", "Zhao Yan")
_REPEATED = (10, 30, 50, 70, 90)
_EXCLUDED = (5, 25, 45, 65, 85)


def phone(number: int) -> int:
    """Return the mobile with a number; neighbours in a list are far apart as phones."""
    turn, prefix = divmod(number, len(_PREFIXES))
    return _PREFIXES[prefix] * _NUMBERS + turn * _STRIDE % _NUMBERS


def write_list(path: Path, records: int) -> None:
    """Write a CSV of distinct recipients, each with a code and a name as its parameters."""
    _write(path, "phone,param1,param2\n", map(_row, range(records)))


def write_mixed_list(path: Path, hundreds: int) -> None:
    """Write a list as it comes in practice.

    Of a hundred records one has a phone that is none, and five repeat a record from about the
    middle of what stands before. `write_exclusions` excludes five more.
    """

    def row(number: int) -> str:
        block, place = divmod(number, 100)
        if place == 0:
            return f"1380013800,{number},spoilt\n"
        return _row(block // 2 * 100 + 11 + place // 20 if place in _REPEATED else number)

    _write(path, "phone,param1,param2\n", map(row, range(hundreds * 100)))


def write_exclusions(path: Path, hundreds: int) -> None:
    """Write the phones that a mixed list has and that are not to be sent to."""
    numbers = (100 * block + place for block in range(hundreds) for place in _EXCLUDED)
    _write(path, "phone\n", (f"{phone(number)}\n" for number in numbers))


def _row(number: int) -> str:
    return f"{phone(number)},{number * 7919 % 10**6:06},{_NAMES[number % len(_NAMES)]}\n"


def _write(path: Path, header: str, rows: Iterable[str]) -> None:
    with path.open("w", encoding="ascii", newline="") as file:
        file.write(header)
        file.writelines(rows)
