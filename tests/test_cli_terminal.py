"""What a person sees on a real terminal: tables, a question, progress."""

import json
import os
import re
import threading
import time

import pytest
from rich.cells import cell_len

from tests.support.command import Usms, phones, write_csv
from tests.support.gateway import TAKEN, Gateway, Reply
from tests.support.terminal import OnTerminal

SEND = ("send", "r.csv", "-t", "T1", "-s", "S")
QUESTION = "[y/N]"


def test_on_a_terminal_tables_show_twenty_failures_and_how_to_see_the_rest(
    usms: Usms, gateway: Gateway
) -> None:
    everybody = phones(30)
    write_csv(usms.folder / "r.csv", [(phone, "x") for phone in everybody])
    gateway.plan = lambda *_: Reply(fails={phone: f"on list {phone}" for phone in everybody[:25]})
    terminal = OnTerminal(usms, *SEND, "--run", "job", "--yes")
    assert terminal.end() == 1
    assert QUESTION not in terminal.text
    assert "\x1b[3" in terminal.shown  # colours
    assert "S1-1" in terminal.text
    rows = [line for line in terminal.text.splitlines() if re.search(r"1380000\d{4}", line)]
    assert len(rows) == 20
    assert "and 5 more: `usms show job --export failed FILE`" in terminal.text
    assert "25 failed" in terminal.text

    usms.environment = {"NO_COLOR": "1"}
    again = OnTerminal(usms, "show", "job")
    assert again.end() == 0
    assert "and 5 more" in again.text
    assert re.search(r"\x1b\[[0-9;]*3[0-9]", again.shown) is None


def test_a_terminal_is_only_told_once_why_nothing_was_sent(usms: Usms, gateway: Gateway) -> None:
    write_csv(usms.folder / "r.csv", [("12", "x"), *((f"bad{n}", "x") for n in range(30))])
    terminal = OnTerminal(usms, *SEND)
    assert terminal.end() == 3
    assert terminal.text.count('"12"') == 1
    assert "and 11 more" in terminal.text
    assert gateway.requests == []


@pytest.mark.parametrize(
    ("keys", "sent"),
    [("y\n", True), ("YES\n", True), *((no, False) for no in ("n\n", "\n", "yo\n", "\x04"))],
)
def test_a_question_is_asked_before_anything_is_sent(
    usms: Usms, gateway: Gateway, keys: str, sent: bool
) -> None:
    write_csv(usms.folder / "r.csv", [(phone, "x") for phone in phones(3)])
    terminal = OnTerminal(usms, *SEND, "--run", "job", "--limit", "2")
    terminal.until(QUESTION)
    for words in ("2 recipients", "of 3", '"T1"', '"S"', "1 request", gateway.address):
        assert words in " ".join(terminal.text.split())
    assert gateway.requests == []
    terminal.type(keys)
    assert terminal.end() == (0 if sent else 2)
    assert len(gateway.requests) == sent
    assert len(list(usms.state.glob("*.db"))) == sent


def test_the_question_shows_whom_it_is_about(usms: Usms, gateway: Gateway) -> None:
    rows = [
        ("13800138000", "T1", "[red]Wáng"),
        ("(852)55311111", "T2", "b"),
        ("+85255311112", "T1", "c"),
        ("+85255311112", "T1", "c"),
        ("13800138009", "T1", "d"),
        ("138", "T1", "e"),
    ]
    write_csv(usms.folder / "r.csv", rows, "phone,template,param1")
    write_csv(usms.folder / "out.csv", [("13800138009",)], "phone")
    terminal = OnTerminal(usms, *SEND, "--skip-invalid", "--exclude", "out.csv")
    terminal.until(QUESTION)
    shown = [" ".join(line.split()) for line in terminal.text.splitlines()]
    for line in (
        "To 3: Hong Kong 2, Mainland China 1",
        'Template "T1" from "S": 2',
        '"T2" from "S": 1',
        'First 13800138000 ["[red]Wáng"] (r.csv:2)',
        "Left out 1 invalid, 1 duplicate, 1 excluded",
        f"Through 1 request to {gateway.address}",
        "Send to 3 recipients? [y/N]",
    ):
        assert any(line in one for one in shown), (line, shown)
    terminal.type("y\n")
    assert terminal.end() == 1
    assert sum(gateway.taken.values()) == 3


def test_ctrl_c_at_the_question_sends_nothing_and_leaves_no_run(
    usms: Usms, gateway: Gateway
) -> None:
    write_csv(usms.folder / "r.csv", [("13800138000", "x")])
    terminal = OnTerminal(usms, *SEND, "--run", "job")
    terminal.until(QUESTION)
    terminal.interrupt()
    assert terminal.end() == 130
    assert gateway.requests == []
    assert list(usms.state.glob("*.db")) == []


def test_nothing_is_asked_when_nobody_could_answer(usms: Usms, gateway: Gateway) -> None:
    write_csv(usms.folder / "r.csv", [("13800138000", "x")])
    nothing = os.open(os.devnull, os.O_RDONLY)
    terminal = OnTerminal(usms, *SEND, "--run", "job", stdin=nothing)
    os.close(nothing)
    assert terminal.end() == 0
    assert QUESTION not in terminal.text
    assert len(gateway.requests) == 1


def test_a_resend_of_the_unknown_and_a_second_sending_are_asked_for(
    usms: Usms, gateway: Gateway
) -> None:
    write_csv(usms.folder / "r.csv", [("13800138000", "x")])
    gateway.plan = lambda *_: Reply(status=502, body=b"")
    assert usms(*SEND, "--run", "job").status == 1
    for keys, status in (("n\n", 2), ("y\n", 1)):
        terminal = OnTerminal(usms, "resume", "job", "--resend-unknown")
        terminal.until(QUESTION)
        terminal.type(keys)
        assert terminal.end() == status
    assert len(gateway.requests) == 2
    terminal = OnTerminal(usms, *SEND)
    terminal.until(QUESTION)
    assert "the run job of the last 24 hours" in " ".join(terminal.text.split())
    terminal.type("n\n")
    assert terminal.end() == 2
    assert len(gateway.requests) == 2


def test_a_terminal_that_is_closed_changes_nothing(usms: Usms, gateway: Gateway) -> None:
    gate = threading.Event()
    gateway.plan = lambda number, _: Reply(gate=gate) if number == 2 else TAKEN
    write_csv(usms.folder / "r.csv", [(phone, "x") for phone in phones(5)])
    terminal = OnTerminal(usms, *SEND, "--run", "job", "--yes", "-v", "--batch-size", "1")
    while len(gateway.requests) < 2:
        time.sleep(0.01)
    threading.Timer(0.3, gate.set).start()
    assert terminal.hang_up() == 0
    assert usms("show", "job", "--json").report["counts"]["accepted"] == 5


def test_a_question_before_runs_are_deleted_counts_them_and_names_the_first_ten(
    usms: Usms, gateway: Gateway
) -> None:
    write_csv(usms.folder / "r.csv", [(phone, "x") for phone in phones(2)])
    names = [f"run{number:02}" for number in range(12)]
    for name in names:
        assert usms.inside(*SEND, "--limit", "1", "--yes", "--run", name).status == 0
    terminal = OnTerminal(usms, "runs", "delete", *names)
    terminal.until(QUESTION)
    assert f"Delete 12 runs: {', '.join(names[:10])} and 2 more?" in terminal.text
    terminal.type("n\n")
    assert terminal.end() == 2
    terminal = OnTerminal(usms, "runs", "delete", "run00")
    terminal.until(QUESTION)
    assert "Delete 1 run: run00?" in terminal.text
    terminal.type("y\n")
    assert terminal.end() == 0
    assert len(usms.inside("runs", "--json").report) == 11


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_what_is_copied_out_of_a_table_stands_in_one_piece_and_nothing_is_cut_off(
    usms: Usms, gateway: Gateway, columns: int
) -> None:
    parameter = "赵先生，您好：" * 9 + "end"
    rows = [("13800138000", "模板" * 12, "y"), ("19999990101", "T1", parameter)]
    write_csv(usms.folder / "r.csv", rows, "phone,template,param1")
    session = "7ad0f6c1-8a2e-4f55-9c3b-5d1c7ad0f6c1"
    answer = {
        "RetCode": 0,
        "SessionNo": [session],
        "FailedTargetPhones": [{"Phone": "19999990101", "FailureReason": "on the blacklist"}],
    }
    gateway.plan = lambda *_: Reply(body=json.dumps(answer).encode())
    sent = OnTerminal(usms, *SEND, "--yes", "--run", "spring-2026-11-24-a", columns=columns)
    assert sent.end() == 1
    lines = [line.rstrip() for line in sent.text.splitlines()]
    assert any(session in line for line in lines)
    assert any("19999990101" in line for line in lines)
    tables = lines[lines.index("Session numbers") : lines.index("2 records: 1 accepted, 1 failed")]
    assert max(map(cell_len, tables)) <= columns
    squeezed = re.sub(r"\s", "", sent.text)
    assert "…" not in squeezed
    assert squeezed.count("您好") + squeezed.count("好：") >= 9
    listed = OnTerminal(usms, "runs", columns=columns)
    assert listed.end() == 0
    [line] = [line for line in listed.text.splitlines() if "spring-2026" in line]
    assert re.match(r"spring-2026-11-24-a +now +complete +2 +1 +1 +[\d.]+ kB$", line.rstrip())


def test_numbers_in_a_pipe_stand_below_each_other(usms: Usms, gateway: Gateway) -> None:
    for count in (3, 12):
        write_csv(usms.folder / "r.csv", [(phone, "x") for phone in phones(count)])
        assert usms.inside(*SEND, "--run", f"of-{count}").status == 0
    _, _, *rows, _ = usms.inside("runs").out.splitlines()
    ends = [re.search(r"records|complete +\d+", row) for row in rows]
    assert len({end and end.end() for end in ends}) == 1


@pytest.mark.parametrize("key", ["\x04", "\x03"])
def test_what_follows_a_question_without_an_answer_begins_a_line(
    usms: Usms, gateway: Gateway, key: str
) -> None:
    write_csv(usms.folder / "r.csv", [("13800138000", "x")])
    terminal = OnTerminal(usms, *SEND)
    terminal.until(QUESTION)
    terminal.type(key) if key == "\x04" else terminal.interrupt()
    assert terminal.end() == (2 if key == "\x04" else 130)
    assert gateway.requests == []
    assert terminal.text.splitlines()[-1].startswith("usms: error: ")


@pytest.mark.parametrize("columns", [60, 200])
def test_a_long_name_leaves_room_for_the_bar(usms: Usms, gateway: Gateway, columns: int) -> None:
    name = "a-long-name-" * 9 + ".csv"
    write_csv(usms.folder / name, [(phone, "x") for phone in phones(2)])
    terminal = OnTerminal(usms, "send", name, *SEND[2:], "--dry-run", columns=columns)
    assert terminal.end() == 0
    assert "100%" in terminal.text


@pytest.mark.parametrize("call", [("send", "--help"), ("runs", "delete", "--help"), ("--help",)])
def test_help_can_be_read_on_a_light_and_on_a_dark_background(
    usms: Usms, call: tuple[str, ...]
) -> None:
    terminal = OnTerminal(usms, *call)
    assert terminal.end() == 0
    colours = re.findall(r"\x1b\[([0-9;]*)m", terminal.shown)
    used = {int(one) for colour in colours for one in colour.split(";") if one}
    assert used
    assert used.isdisjoint({30, 33, 37, 90, 93, 97})  # black, yellow, white; 38 and 48: any


def test_a_terminal_that_can_do_nothing_gets_lines_and_no_bars(
    usms: Usms, gateway: Gateway
) -> None:
    write_csv(usms.folder / "r.csv", [("138", "Tai Man " * 9)])
    usms.environment = {"TERM": "dumb"}
    terminal = OnTerminal(usms, *SEND, "--dry-run", columns=60)
    assert terminal.end() == 3
    assert "\x1b" not in terminal.shown
    assert "Reading" not in terminal.text
    table = terminal.text[: terminal.text.index("1 record")].splitlines()
    assert max(map(cell_len, table)) <= 60
