"""What the tests share: a command in a folder of its own, and a gateway that fails on demand."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.command import Usms
from tests.support.gateway import Gateway

# Tests that a shell runs in the background would hand down that Ctrl-C is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No test asserts a time: another program's work is no fault of ours.
settings.register_profile("usms", deadline=None)
settings.load_profile("usms")


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as serving:
        yield serving


@pytest.fixture
def usms(tmp_path: Path, gateway: Gateway) -> Usms:
    """The command, sending to the gateway."""
    return Usms(tmp_path, gateway.address)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name no test by bytes: a workbook holds the time at which it was made.

    Processes that share the tests would not find the same ones.
    """
    return argname if isinstance(val, bytes) else None
