"""Calls that are wrong end in 2, say why in one message, send nothing and show no secret."""

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import KEY_ID, SECRET, Result, Usms, command, write_csv
from tests.support.gateway import Gateway, Reply, refusal

CALL = ("send", "r.csv", "-t", "T1", "-s", "S", "--json")
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")


@pytest.fixture(autouse=True)
def recipients(usms: Usms) -> None:
    write_csv(usms.folder / "r.csv", [("13800138000", "x"), ("13800138001", "y")])


def assert_wrong(result: Result, gateway: Gateway, *said: str) -> None:
    """The call ended in 2, nothing was sent, and standard output is empty."""
    assert (result.status, result.out, gateway.requests) == (2, "", [])
    for words in said:
        assert words in result.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("send", "missing.csv", "-t", "T1", "-s", "S"), "missing.csv"),
        (("send", "r.csv", "missing.csv", "-t", "T1", "-s", "S"), "missing.csv"),
        (("send", "-t", "T1", "-s", "S"), "FILE"),
        (("send", "r.csv", "-s", "S"), "template"),
        (("send", "r.csv", "-t", "T1"), "sender"),
        ((*CALL, "--no-such-option"), "--no-such-option"),
        ((*CALL, "--limit", "0"), "--limit"),
        ((*CALL, "--timeout", "0"), "--timeout"),
        ((*CALL, "--timeout", "nan"), "--timeout"),
        ((*CALL, "--concurrency", "0"), "--concurrency"),
        ((*CALL, "--retries", "-1"), "--retries"),
        ((*CALL, "--format", "pdf"), "--format"),
        ((*CALL, "--delimiter", ";;"), "--delimiter"),
        ((*CALL, "--encoding", "klingon"), "--encoding"),
        ((*CALL, "--region", "XX"), "region"),
        ((*CALL, "--param", "town"), "town"),
        ((*CALL, "--phone-column", "whom"), "whom"),
        ((*CALL, "--run", "last"), "last"),
        ((*CALL, "--run", "../x"), "../x"),
        ((*CALL, "--run", ""), "name"),
        (("send", "r.csv", "-t", "\udcff", "-s", "S"), "no text"),
        ((*CALL, "--failures", "r.csv"), "r.csv"),
        ((*CALL, "--failures", "./sub/../r.csv"), "r.csv"),
        ((*CALL, "--failures", "no/such/folder/f.csv"), "folder"),
        ((*CALL, "--failures", "."), "directory"),
        ((*CALL, "--env-file", "missing.env"), "missing.env"),
        (("resume", "nobody"), "nobody"),
        (("show", "last"), "no run"),
        (("runs", "delete"), "--older-than"),
        (("runs", "delete", "--older-than", "soon"), "soon"),
        (("launch",), "launch"),
    ],
)
def test_a_call_that_is_wrong(
    usms: Usms, gateway: Gateway, arguments: tuple[str, ...], said: str
) -> None:
    (usms.folder / "sub").mkdir()
    before = (usms.folder / "r.csv").read_text()
    assert_wrong(usms.inside(*arguments), gateway, said)
    assert (usms.folder / "r.csv").read_text() == before
    assert list(usms.state.glob("*.db")) == []


def test_a_failures_file_that_is_an_input_by_another_name(usms: Usms, gateway: Gateway) -> None:
    (usms.folder / "link.csv").symlink_to("r.csv")
    assert_wrong(usms(*CALL, "--failures", "link.csv"), gateway, "r.csv")


@pytest.mark.parametrize(
    "address",
    [
        "http://api.uspeedo.com",
        "http://127.0.0.1.example.org",
        "http://user:word@127.0.0.1",
        "https://",
        "api.uspeedo.com",
        "ftp://127.0.0.1",
        "https://api.uspeedo.com/?x=1",
        "https://api.uspeedo.com:port",
        "https://api.uspeedo.com\n.example.org",
    ],
)
def test_an_address_to_which_no_key_pair_may_go(usms: Usms, gateway: Gateway, address: str) -> None:
    usms.environment = {"USPEEDO_BASE_URL": address}
    assert_wrong(usms.inside(*CALL), gateway, "USPEEDO_BASE_URL")


@pytest.mark.parametrize("missing", ["USPEEDO_ACCESSKEY_ID", "USPEEDO_ACCESSKEY_SECRET"])
def test_half_a_key_pair(usms: Usms, gateway: Gateway, missing: str) -> None:
    usms.environment = {missing: ""}
    assert_wrong(usms.inside(*CALL), gateway, missing)


def env_file(usms: Usms, *, address: bool, pair: bool, name: str = ".env") -> None:
    """Put settings into a .env file rather than the environment."""
    lines = ["USPEEDO_TEMPLATE_ID=from-file"]
    if address:
        lines.append(f"USPEEDO_BASE_URL={usms.address}")
        usms.environment |= {"USPEEDO_BASE_URL": ""}
    if pair:
        lines += [f"USPEEDO_ACCESSKEY_ID={KEY_ID}", f"export USPEEDO_ACCESSKEY_SECRET='{SECRET}'"]
        usms.environment |= {"USPEEDO_ACCESSKEY_ID": "", "USPEEDO_ACCESSKEY_SECRET": ""}
    (usms.folder / name).write_text("\n".join(lines) + "\n")


def test_an_address_from_a_file_never_gets_a_key_pair_from_the_environment(
    usms: Usms, gateway: Gateway
) -> None:
    env_file(usms, address=True, pair=False)
    assert_wrong(usms(*CALL), gateway, "USPEEDO_BASE_URL")
    env_file(usms, address=True, pair=True)
    for half in ("USPEEDO_ACCESSKEY_ID", "USPEEDO_ACCESSKEY_SECRET"):
        usms.environment |= {"USPEEDO_ACCESSKEY_ID": "", "USPEEDO_ACCESSKEY_SECRET": ""}
        usms.environment |= {half: "real"}
        assert_wrong(usms(*CALL), gateway, "USPEEDO_BASE_URL")


@pytest.mark.parametrize(("address", "pair"), [(True, True), (False, True), (False, False)])
def test_an_address_and_a_key_pair_that_may_meet(
    usms: Usms, gateway: Gateway, address: bool, pair: bool
) -> None:
    env_file(usms, address=address, pair=pair, name="settings.env")
    assert usms(*CALL, "--env-file", "settings.env").status == 0
    assert {target.template for target in gateway.taken} == {"T1"}


def test_the_environment_wins_over_the_file_and_nothing_in_it_is_expanded(
    usms: Usms, gateway: Gateway
) -> None:
    (usms.folder / ".env").write_text(
        "USPEEDO_ACCESSKEY_ID=from-file\nUSPEEDO_ACCESSKEY_SECRET=a${HOME}b\n"
        "USPEEDO_TEMPLATE_ID=from-file\nUSPEEDO_SENDER_ID=from-file\n"
    )
    usms.environment = {
        "USPEEDO_ACCESSKEY_ID": "",
        "USPEEDO_ACCESSKEY_SECRET": "",
        "USPEEDO_TEMPLATE_ID": "from-environment",
        "USPEEDO_SENDER_ID": "",
    }
    assert usms("send", "r.csv").status == 0
    assert {(one.template, one.sender) for one in gateway.taken} == {
        ("from-environment", "from-file")
    }
    [request] = gateway.requests
    pair = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
    assert pair == "from-file:a${HOME}b"


def test_the_secret_is_in_no_output_and_in_no_file(usms: Usms, gateway: Gateway) -> None:
    basic = "dGVzdC1rZXktaWQ6czNjcmV0"  # how the header of the key pair begins

    def shameless(number: int, _: object) -> Reply:
        if number == 1:
            return refusal(f"Failed to parse token {SECRET}", 215398)
        return Reply(takes=False, status=307, headers={"Location": f"/{SECRET}"}, body=b"")

    gateway.plan = shameless
    outputs = [
        usms("send", "r.csv", "-t", "T1", "-s", "S", "-v", "--run", "one"),
        usms("resume", "one", "--verbose", "--failures", "failed.csv"),
        usms("show", "one", "--json", "-v"),
        usms("send", "r.csv", "-v", "--template", "T1"),
        usms(*CALL, "-v", "--timeout", "0.001", "--run", "two"),
    ]
    assert [result.status for result in outputs[:4]] == [4, 4, 0, 2]
    for result in outputs:
        assert SECRET not in result.out + result.err
        assert basic not in result.out + result.err
    for folder, _, files in os.walk(usms.folder):
        for name in files:
            content = Path(folder, name).read_bytes()
            assert SECRET.encode() not in content, name
            assert basic.encode() not in content, name


NASTY = "[red]x[/red] [/nope] \x1b[31m\x1b]0;title\x07 \u202e abc"


def test_markup_and_escape_sequences_in_files_are_shown_as_text(
    usms: Usms, gateway: Gateway
) -> None:
    nasty_name = "[red]\x1b[31m.csv"
    write_csv(usms.folder / nasty_name, [(NASTY, "x")], f"phone,param1,{NASTY}")
    for extra in ((), ("--json",), ("-q",), ("-v",)):
        result = usms("send", nasty_name, "-t", NASTY, "-s", "[bold]", "--dry-run", *extra)
        assert result.status == 3
        assert CONTROLS.search(result.out + result.err) is None
        assert "[red]" in result.err
        assert r"\x1b[31m" in result.err
    (usms.folder / "head.csv").write_text(f"{NASTY}\nx\n")
    result = usms("send", "head.csv", "-t", NASTY, "-s", "[bold]", "--dry-run")
    assert result.status == 3
    assert CONTROLS.search(result.out + result.err) is None
    result = usms("send", nasty_name, "-t", "T", "-s", "S", "--run", NASTY)
    assert_wrong(result, gateway, "[red]")
    assert CONTROLS.search(result.err) is None


def test_markup_and_escape_sequences_from_the_api_are_shown_as_text(
    usms: Usms, gateway: Gateway
) -> None:
    answer = {
        "RetCode": 0,
        "SessionNo": [NASTY],
        "FailedTargetPhones": [{"Phone": "13800138000", "FailureReason": NASTY}],
    }
    gateway.plan = lambda number, _: (
        Reply(body=json.dumps(answer).encode()) if number == 1 else refusal(NASTY, 215398)
    )
    for name, status in (("one", 1), ("two", 4)):
        sent = usms("send", "r.csv", "-t", "T1", "-s", "S", "--run", name, "-v")
        shown = usms("show", name)
        assert sent.status == status
        for result in (sent, shown):
            assert CONTROLS.search(result.out + result.err) is None
            assert r"[red]x[/red] [/nope] \x1b[31m" in result.out
    assert r"[/nope] \x1b" in sent.err


def test_a_file_name_that_is_no_utf8(usms: Usms, gateway: Gateway) -> None:
    name = os.fsdecode(b"r\xff.csv")
    write_csv(usms.folder / name, [("13800138000", "x"), ("12", "y")])
    result = usms.send(name, "--skip-invalid", "--failures", "failed.csv")
    assert result.status == 1
    assert len(gateway.taken) == 1
    assert result.report["invalid"][0]["line"] == 3
    assert len((usms.folder / "failed.csv").read_text().splitlines()) == 2
    assert usms("send", name, "-t", "T", "-s", "S", "--dry-run").status == 3


def test_a_state_directory_that_cannot_be_written(usms: Usms, gateway: Gateway) -> None:
    (usms.folder / "file").touch()
    usms.environment = {"USMS_STATE_DIR": str(usms.folder / "file" / "state")}
    result = usms(*CALL)
    assert (result.status, gateway.requests) == (4, [])
    assert "file/state" in result.err


def test_a_run_file_that_is_none(usms: Usms, gateway: Gateway) -> None:
    usms.state.mkdir()
    (usms.state / "broken.db").write_bytes(b"no database" * 100)
    named = [*CALL, "--run", "broken"]
    # Nor may another input be sent without a name: it cannot be known whether that run had it.
    for arguments in (["show", "broken"], ["resume", "broken"], named, [*CALL]):
        result = usms(*arguments)
        assert result.status in (2, 4)
        assert "broken.db" in result.err
        assert gateway.requests == []
    assert "broken.db" in usms("runs").err
    assert usms("runs", "delete", "broken").status == 0
    assert usms(*named).status == 0


@pytest.mark.parametrize("call", [(), ("--version",), ("--help",), ("send", "--help")])
def test_help_for_which_there_is_no_room_is_an_error_in_one_line(
    usms: Usms, call: tuple[str, ...]
) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command(*call),
            env=usms.environ(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    said = "usms: error: cannot write the output: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, said)


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "cp1252", "gbk"])
def test_help_is_shown_whatever_the_encoding_of_the_console(usms: Usms, encoding: str) -> None:
    done = subprocess.run(
        command("send", "--help"),
        env={**usms.environ(), "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    shown = done.stdout.decode(encoding)
    assert "How often a request" in shown
    assert "\\u" not in shown
    assert {len(line.rstrip()) for line in shown.splitlines() if line[:1] in "|+"} <= {0, 80}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("send", 'missing argument "FILE..."'),
        ("send r.csv --batch-size y", '--batch-size: "y" is no whole number from 1 to 1000'),
        ("send r.csv --batch-size 1001", '--batch-size: "1001" is no whole number from 1 to 1000'),
        ("send r.csv --limit 0", '--limit: "0" is no whole number of 1 or more'),
        ("send r.csv --timeout nan", '--timeout: "nan" is no number from 0.001 to 86400'),
        ("send r.csv --format pdf", '--format: "pdf" is not one of "csv", "tsv", "json"'),
        ("send r.csv --tempalte T", "--template"),
        ("show last --export failed", 'option "--export" requires 2 arguments'),
        ("resume one two", "too many arguments: two"),
        ("receipts last --wait soon", '--wait: "soon" is no number from 0 to 10080'),
        ("sandbox --port web", '--port: "web" is no whole number from 0 to 65535'),
        ("sned", 'Did you mean "send"?'),
    ],
)
def test_a_call_that_cannot_be_understood_is_said_as_any_other_error(
    usms: Usms, call: str, said: str
) -> None:
    result = usms.inside(*call.split())
    first, *rest = result.err.splitlines()
    assert (result.status, result.out) == (2, "")
    assert first.startswith("usms: error: ")
    assert said in first
    assert re.fullmatch(r"See usms.* --help\.", rest[-1])


def test_usms_alone_shows_the_way(usms: Usms) -> None:
    result = usms.inside()
    assert (result.status, result.err) == (2, "")
    assert "usms send FILE" in result.out


def test_what_help_shows_first_can_be_pasted(usms: Usms) -> None:
    [line] = re.findall(r"^ (printf .*--sandbox) *$", usms.inside("--help").out, re.MULTILINE)
    usms.environment["PATH"] = os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ["PATH"]]
    )
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=usms.folder,
        env=usms.environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 record: 1 accepted" in done.stdout


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("send missing.csv -t T1 -s S", "missing.csv"),
        ("send r.csv -t T1 -s S --exclude missing.csv", "missing.csv"),
        ("send r.csv -t T1 -s S --region XX", '"XX"'),
        ("send r.csv -t T1 -s S --delimiter ;;", "--delimiter"),
        ("send r.csv -t T1 -s S --encoding klingon", "--encoding"),
        ("send r.csv -t \udcff -s S", "no text"),
        ("send r.csv -t T1 -s S", "no key pair"),
        ("send pipe -t T1 -s S --delimiter ;;", "--delimiter"),
        ("send pipe -t T1 -s S --encoding klingon", "--encoding"),
        ("send pipe -t T1 -s S", "no key pair"),
    ],
)
def test_a_wrong_call_is_said_before_the_key_pair_is_asked_for(
    usms: Usms, gateway: Gateway, call: str, said: str
) -> None:
    usms.environment = {"USPEEDO_ACCESSKEY_ID": "", "USPEEDO_ACCESSKEY_SECRET": ""}
    os.mkfifo(usms.folder / "pipe")  # which nobody writes to, so that reading it would not end
    result = usms.inside(*call.split())
    assert_wrong(result, gateway, said)
    assert ("no key pair" in result.err) == (said == "no key pair")
