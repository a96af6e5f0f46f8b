"""The report: as JSON, as text in a pipe, as CSV, and what of it can be sent again."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Result, Usms, phones, write_csv
from tests.support.gateway import Gateway, Reply, Target

SEND = ("send", "r.csv", "-t", "T1", "-s", "S")
COUNTS = ("accepted", "failed", "unknown", "pending", "invalid", "duplicate", "excluded")
LONG = "a reason that goes on and on " * 20 + "to its end"


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def every_outcome(usms: Usms, gateway: Gateway) -> Result:
    """A run with one record of each outcome but `excluded`, and two accepted."""
    rows = [
        *((phone, f"for {phone[-1]}") for phone in phones(5)),
        ("13800000000", "for 0"),
        ("=1+1", "for nobody"),
    ]
    write_csv(usms.folder / "r.csv", rows)

    def plan(number: int, targets: list[Target]) -> Reply:
        if number == 1:
            return Reply(fails={"13800000001": "=LIST()"})
        return Reply(status=502, body=b"") if number == 2 else Reply(status=401, takes=False)

    gateway.plan = plan
    one_by_one = ("--batch-size", "2", "--concurrency", "1", "--limit", "3")
    return usms(*SEND, "--run", "job", "--skip-invalid", "--json", *one_by_one)


def test_the_json_report_has_the_keys_and_types_that_are_promised(
    usms: Usms, gateway: Gateway
) -> None:
    result = every_outcome(usms, gateway)
    assert result.status == 1
    assert result.report == {
        "run": "job",
        "status": "limited",
        "sandbox": False,
        "counts": {
            "records": 7,
            "accepted": 1,
            "failed": 1,
            "unknown": 1,
            "pending": 2,
            "invalid": 1,
            "duplicate": 1,
            "excluded": 0,
        },
        "sessions": [
            {"session_no": "S1-1", "template_id": "T1", "sender_id": "S", "recipients": 1}
        ],
        "failures": [
            {
                "phone": "13800000001",
                "template_params": ["for 1"],
                "template_id": "T1",
                "sender_id": "S",
                "reason": "=LIST()",
                "source": "r.csv",
                "line": 3,
            }
        ],
        "unknown": [
            {
                "phone": "13800000002",
                "template_params": ["for 2"],
                "template_id": "T1",
                "sender_id": "S",
                "reason": result.report["unknown"][0]["reason"],
                "source": "r.csv",
                "line": 4,
            }
        ],
        "invalid": [
            {"source": "r.csv", "line": 8, "reason": result.report["invalid"][0]["reason"]}
        ],
        "problem": None,
    }
    assert list(result.report["counts"]) == ["records", *COUNTS]
    assert "502" in result.report["unknown"][0]["reason"]
    assert usms.inside("show", "job", "--json").report == result.report
    stopped = usms("resume", "job", "--json")
    assert (stopped.status, stopped.report["status"]) == (4, "stopped")
    assert "401" in stopped.report["problem"]
    assert stopped.report["counts"]["pending"] == 2


def test_sessions_have_no_template_or_sender_where_those_differ(
    usms: Usms, gateway: Gateway
) -> None:
    rows = [("13800138000", "T1", "A"), ("13800138001", "T2", "B"), ("13800138002", "T1", "B")]
    write_csv(usms.folder / "r.csv", rows, "phone,template,sender")
    answer: dict[str, Any] = {"RetCode": 0, "SessionNo": "one-for-all", "FailedTargetPhones": []}
    gateway.plan = lambda *_: Reply(body=json.dumps(answer).encode())
    result = usms(*SEND, "--json")
    [session] = result.report["sessions"]
    assert (session["session_no"], session["template_id"]) == ("one-for-all", None)
    assert session["sender_id"] is None
    assert result.report["counts"]["accepted"] == 3


def test_in_a_pipe_the_report_is_plain_and_whole(usms: Usms, gateway: Gateway) -> None:
    everybody = phones(250)
    write_csv(usms.folder / "r.csv", [(phone, "王" * 40) for phone in everybody])
    answer = {
        "RetCode": 0,
        "SessionNo": ["9" * 300],
        "FailedTargetPhones": [
            {"Phone": phone, "TemplateParams": ["王" * 40], "FailureReason": LONG + phone}
            for phone in everybody[:200]
        ],
    }
    gateway.plan = lambda *_: Reply(body=json.dumps(answer).encode())
    # What asks for colours elsewhere asks for none here, and a width is no reason to cut.
    usms.environment = {"TERM": "xterm-256color", "COLUMNS": "40", "NO_COLOR": "1"}
    sent = usms(*SEND, "--run", "job")
    usms.environment.pop("NO_COLOR")
    assert sent.status == 1
    for result in (sent, usms("show", "job")):
        assert "\x1b" not in result.out + result.err
        assert "\r" not in result.out + result.err
        lines = result.out.splitlines()
        assert len([line for line in lines if "9" * 300 in line]) == 1
        for phone in everybody[:200]:
            [row] = [line for line in lines if line.startswith(phone)]
            assert LONG + phone in row
            assert "王" * 40 in row
        assert "250 records: 50 accepted, 200 failed" in result.out
        assert "more:" not in result.out
    assert sent.err == ""  # no bar


def test_quiet_prints_problems_alone(usms: Usms, gateway: Gateway) -> None:
    write_csv(usms.folder / "r.csv", [("13800138000", "x", "y")], "phone,param1,city")
    result = usms(*SEND, "-q")
    assert (result.status, result.out, result.err) == (0, "", "")
    result = usms(*SEND, "-q", "--json", "--run", "b")
    assert (result.report["status"], result.err) == ("complete", "")
    gateway.plan = lambda *_: Reply(status=401, takes=False, body=b"")
    result = usms(*SEND, "-q", "--run", "c")
    assert (result.status, result.out) == (4, "")
    assert "401" in result.err
    write_csv(usms.folder / "r.csv", [("12", "x")])
    result = usms(*SEND, "-q")
    assert (result.status, result.out) == (3, "")
    assert "r.csv:2" in result.err


PARAMS = [
    'a, "quoted" b',
    "two\nlines",
    "two\r\nlines",
    "a lone\rreturn",
    "=SUM(A1)",
    "-1",
    "@x",
    "+86",
    "'quoted'",
    "王女士;“好”\t|",
    "back\\slash",
    "0012",
    "\ufeffmark",
    "{1}",
]


def test_failures_go_back_into_send_as_they_are_once_or_repeatably(
    usms: Usms, gateway: Gateway
) -> None:
    records: list[dict[str, Any]] = [
        {"phone": phone, "template": "T7", "sender": "", "params": [f"  {param} ", "x", param]}
        for phone, param in zip(phones(len(PARAMS)), PARAMS, strict=True)
    ]
    records += [{"phone": "(852)55311111", "template": "T8", "sender": "Own", "params": []}]
    (usms.folder / "r.json").write_text(json.dumps(records), encoding="utf-8")
    gateway.plan = lambda _, targets: Reply(
        fails={target.phone: "+bad" for target in targets} if len(gateway.requests) == 1 else {}
    )
    first = usms.send("r.json", "--failures", "failed.csv")
    assert first.status == 1
    asked = set(gateway.requests[0].targets)
    rows = table(usms.folder / "failed.csv")
    assert list(rows[0]) == [
        "phone", "template_id", "sender_id", "param1", "param2", "param3", "reason", "source",
        "line",
    ]  # fmt: skip
    assert [row["param3"] for row in rows[:-1]] == PARAMS  # unchanged, formulas too
    assert {row["reason"] for row in rows} == {"'+bad"}
    assert [row["line"] for row in rows] == [str(number + 1) for number in range(len(rows))]
    again = usms("send", "failed.csv", "--run", "again", "--json")
    assert again.status == 0, again.err
    assert set(gateway.taken) == asked
    assert usms("send", "failed.csv", "--run", "again").status == 0
    assert set(gateway.taken.values()) == {1}


def test_reasons_and_sources_are_no_formulas_and_files_are_whole_and_private(
    usms: Usms, gateway: Gateway
) -> None:
    write_csv(usms.folder / "=r.csv", [(phone, "=1+1") for phone in phones(4)])
    reasons = dict(zip(phones(4), ("=cmd", "+1", "-1", "@SUM\0\r\n"), strict=True))
    gateway.plan = lambda *_: Reply(fails=reasons)
    existing = usms.folder / "failed.csv"
    existing.write_text("old")
    existing.chmod(0o644)
    before = existing.stat().st_ino
    usms.send("=r.csv", "--failures", "failed.csv")
    assert existing.stat().st_ino != before  # another file was put in its place
    assert existing.stat().st_mode & 0o777 == 0o600
    rows = table(existing)
    assert [row["reason"][:3] for row in rows] == ["'=c", "'+1", "'-1", "'@S"]
    assert {(row["source"], row["param1"]) for row in rows} == {("'=r.csv", "=1+1")}
    assert [path.name for path in usms.folder.iterdir() if "failed" in path.name] == ["failed.csv"]
    gateway.plan = lambda *_: Reply()
    assert usms("send", "failed.csv").status == 0


def test_the_failures_file_is_always_written(usms: Usms, gateway: Gateway) -> None:
    write_csv(usms.folder / "r.csv", [("13800138000", "x")])
    header = ["phone,template_id,sender_id,param1,reason,source,line"]
    assert usms(*SEND, "--failures", "failed.csv").status == 0
    assert (usms.folder / "failed.csv").read_text().splitlines() == header
    rows = [("13800138000", "x", "y"), ("12", "x", "y"), ("13800138001", "x", "")]
    write_csv(usms.folder / "r.csv", rows, "phone,param1,param2")
    assert usms(*SEND, "--failures", "failed.csv").status == 3  # one each of three is a tie
    found = table(usms.folder / "failed.csv")
    assert [(row["phone"], row["line"]) for row in found] == [("12", "3"), ("13800138001", "4")]
    assert {row["template_id"] for row in found} == {"T1"}
    assert gateway.phones == {"13800138000": 1}


def test_another_region_writes_the_mainland_with_its_code(usms: Usms, gateway: Gateway) -> None:
    write_csv(usms.folder / "r.csv", [("+8613800138000", "x"), ("(201) 555-0123", "x")])
    gateway.plan = lambda _, targets: Reply(fails={target.phone: "no" for target in targets})
    result = usms.send("r.csv", "--region", "US", "--failures", "failed.csv")
    assert result.status == 1
    asked = {target.phone for target in gateway.requests[0].targets}
    assert asked == {"13800138000", "(1)2015550123"}
    rows = [row["phone"] for row in table(usms.folder / "failed.csv")]
    assert rows[0] == "(86)13800138000"
    gateway.plan = lambda *_: Reply()
    assert usms("send", "failed.csv", "--region", "US").status == 0
    assert set(gateway.phones) == asked


def test_every_outcome_can_be_exported_and_who_was_messaged_is_not_sent_again(
    usms: Usms, gateway: Gateway
) -> None:
    every_outcome(usms, gateway)
    gateway.plan = lambda *_: Reply()
    asked = len(gateway.requests)
    expected = {
        "accepted": ["13800000000"],
        "failed": ["13800000001"],
        "unknown": ["13800000002"],
        "pending": ["13800000003", "13800000004"],
        "invalid": ["=1+1"],
        "duplicate": ["13800000000"],
        "excluded": [],
    }
    for outcome, phones_ in expected.items():
        target = f"{outcome}.csv"
        assert usms.inside("show", "job", "--export", outcome, target, "-q").status == 0
        rows = table(usms.folder / target)
        assert [row["phone"] for row in rows] == phones_
        if outcome in ("failed", "invalid"):
            assert all("outcome" not in row for row in rows)
        else:
            assert {row["outcome"] for row in rows} == ({outcome} if rows else set())
        call = ("send", target, "-t", "T9", "-s", "S", "--run", f"x-{outcome}", "--json")
        result = usms.inside(*call, "--skip-invalid")
        if outcome in ("accepted", "unknown", "pending"):
            assert usms.inside(*call).status == 3
            assert result.status in (1, 3)
            assert f'"{outcome}"' in result.report["invalid"][0]["reason"]
            assert len(gateway.requests) == asked
        elif outcome in ("failed", "duplicate"):
            assert result.status == 0
            asked += 1
            assert len(gateway.requests) == asked
        elif outcome == "invalid":
            assert re.search("phone", result.report["invalid"][0]["reason"])
    assert usms.inside("show", "job", "--export", "delivered!", "x.csv").status == 2
    result = usms.inside("show", "job", "--export", "failed", "no/folder/x.csv", "--json")
    assert (result.status, result.out) == (2, "")


@pytest.mark.parametrize("outcome", ["delivered", "Waiting "])
def test_receipts_outcomes_are_refused_too(usms: Usms, gateway: Gateway, outcome: str) -> None:
    write_csv(usms.folder / "r.csv", [("13800138000", outcome)], "phone,outcome")
    assert usms.inside(*SEND).status == 3
    assert gateway.requests == []
