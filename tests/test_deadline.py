"""The time of an exchange is kept by one thread for all exchanges of a connection."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from usms_cli.api.deadline import Deadline

PATIENCE = 30.0  # seconds that a slow machine may take; nothing here waits for them


class Cuts:
    """Counts them, and waits for one."""

    def __init__(self) -> None:
        self.number = 0
        self._one = threading.Event()

    def __call__(self) -> None:
        self.number += 1
        self._one.set()

    def wait(self) -> None:
        assert self._one.wait(PATIENCE)
        self.forget()

    def forget(self) -> None:
        self._one.clear()


@contextmanager
def deadline(seconds: float, cuts: Cuts) -> Iterator[Deadline]:
    kept = Deadline(seconds, cuts)
    try:
        yield kept
    finally:
        kept.close()


def test_each_exchange_that_takes_too_long_is_cut_once() -> None:
    cuts = Cuts()
    with deadline(0.02, cuts) as kept:
        for number in range(1, 4):
            with kept:
                cuts.wait()
                time.sleep(0.1)
            assert cuts.number == number


def test_an_exchange_after_a_long_pause_is_cut_too() -> None:
    cuts = Cuts()
    with deadline(0.05, cuts) as kept:
        with kept:
            pass
        time.sleep(0.2)  # nobody waits for anything now
        with kept:
            cuts.wait()
    assert cuts.number == 1


def test_exchanges_in_time_are_not_cut_however_many_there_are() -> None:
    cuts = Cuts()
    with deadline(PATIENCE, cuts) as kept:
        for _ in range(1000):
            with kept:
                pass
    assert cuts.number == 0


def test_an_exchange_has_its_whole_time_though_others_went_before() -> None:
    cuts = Cuts()
    with deadline(0.5, cuts) as kept:
        with kept:
            time.sleep(0.3)
        cuts.forget()  # on a machine so slow that this one was late
        begun = time.monotonic()
        with kept:
            cuts.wait()
    assert time.monotonic() - begun >= 0.5


def test_the_thread_ends_with_its_connection() -> None:
    before = set(threading.enumerate())
    with deadline(PATIENCE, Cuts()) as kept, kept:
        (thread,) = set(threading.enumerate()) - before
    thread.join(PATIENCE)
    assert not thread.is_alive()
