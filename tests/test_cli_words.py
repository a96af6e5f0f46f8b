"""What is said reads well: numbers with their words."""

import subprocess

import pytest
from rich.cells import cell_len

from tests.support.command import Usms, command, phones, write_csv
from tests.support.gateway import Gateway, Reply

SEND = ("send", "r.csv", "-t", "T1", "-s", "S")


@pytest.mark.parametrize(
    ("rows", "extra", "said"),
    [
        (["13800138000", "12"], (), "1 of 2 records is invalid"),
        (["12"], (), "1 of 1 record is invalid"),
        (["12", "13"], (), "2 of 2 records are invalid"),
        (["13800138000"], ("--at-most", "0"), "1 recipient, more than --at-most 0 allows"),
    ],
)
def test_one_is_said_as_one(
    usms: Usms, gateway: Gateway, rows: list[str], extra: tuple[str, ...], said: str
) -> None:
    write_csv(usms.folder / "r.csv", [(row, "x") for row in rows])
    result = usms.inside(*SEND, *extra)
    assert (result.status, gateway.requests) == (3, [])
    assert said in result.err


@pytest.mark.parametrize(("retries", "said"), [("0", "after 1 try\n"), ("1", "after 2 tries\n")])
def test_it_is_said_how_often_a_request_was_tried(
    usms: Usms, gateway: Gateway, retries: str, said: str
) -> None:
    write_csv(usms.folder / "r.csv", [(phone, "x") for phone in phones(2)])
    gateway.plan = lambda *_: Reply(takes=False, status=429, body=b"")
    result = usms.inside(*SEND, "--retries", retries)
    assert result.status == 4
    assert said in result.err


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "gbk", "utf-8"])
def test_what_a_console_cannot_write_is_written_out_and_columns_stay_below_each_other(
    usms: Usms, gateway: Gateway, encoding: str
) -> None:
    write_csv(usms.folder / "r.csv", [("13800138000", "王 ✓"), ("13800138001", "Wang")])
    gateway.plan = lambda *_: Reply(fails=dict.fromkeys(phones(2, 13800138000), "no"))
    assert usms.inside(*SEND, "--run", "job").status == 1
    done = subprocess.run(
        command("show", "job"),
        env={**usms.environ(), "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
    )
    shown = done.stdout.decode(encoding).splitlines()
    assert shown[0] == f"Run job {'-' if encoding == 'ascii' else '·'} complete"
    table = [line for line in shown if line.endswith(("where", "r.csv:2", "r.csv:3"))]
    places = {cell_len(line[: line.rindex(word)]) for line in table for word in line.split()[-1:]}
    assert (len(table), len(places)) == (3, 1)
