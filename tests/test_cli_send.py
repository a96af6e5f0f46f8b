"""What `usms send` sends: whom, what, in how many requests."""

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import KEY_ID, SECRET, Result, Usms, phones, write_csv
from tests.support.gateway import Gateway, Target


def outcomes(result: Result) -> dict[str, int]:
    """The counts of a report that are not zero, but for their sum."""
    counts: dict[str, int] = result.report["counts"]
    assert counts.pop("records") == sum(counts.values())
    return {outcome: number for outcome, number in counts.items() if number}


def test_the_example_of_the_api_document_is_sent_as_it_stands_there(
    usms: Usms, gateway: Gateway
) -> None:
    write_csv(usms.folder / "two.csv", [("13800138000", "123456"), ("13900139000", "654321")])
    result = usms.send("two.csv", "--template", "template_id_1", "--sender", "USpeedo")
    assert (result.status, outcomes(result)) == (0, {"accepted": 2})
    [request] = gateway.requests
    assert request.body == {
        "TaskContent": [
            {
                "TemplateId": "template_id_1",
                "SenderId": "USpeedo",
                "Target": [
                    {"Phone": "13800138000", "TemplateParams": ["123456"]},
                    {"Phone": "13900139000", "TemplateParams": ["654321"]},
                ],
            }
        ]
    }
    assert request.path == "/api/v1/usms/SendBatchUSMSMessage"
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert headers["content-type"] == "application/json"
    key_pair = base64.b64encode(f"{KEY_ID}:{SECRET}".encode()).decode()
    assert headers["authorization"] == f"Basic {key_pair}"


def test_2500_records_go_out_in_three_requests_each_recipient_in_one(
    usms: Usms, gateway: Gateway
) -> None:
    everybody = phones(2500)
    write_csv(usms.folder / "many.csv", [(phone, "x") for phone in everybody])
    result = usms.send("many.csv")
    assert (result.status, outcomes(result)) == (0, {"accepted": 2500})
    assert sorted(len(request.targets) for request in gateway.requests) == [500, 1000, 1000]
    assert gateway.phones == dict.fromkeys(everybody, 1)
    sessions = result.report["sessions"]
    assert sum(session["recipients"] for session in sessions) == 2500
    assert {session["session_no"] for session in sessions} == {"S1-1", "S2-1", "S3-1"}


def test_records_with_their_own_template_or_sender_go_beside_those_with_the_defaults(
    usms: Usms, gateway: Gateway
) -> None:
    (usms.folder / "nothing.json").write_text(
        '[{"phone": "13800138004"}, {"phone": "13800138005", "sender": null},'
        ' {"phone": "13800138006", "sender": ""}, {"phone": "13800138007", "template": ""}]'
    )
    (usms.folder / "mixed.csv").write_text(
        "phone,template,sender,param1\n"
        "13800138000,,Own,a\n13800138001,T9,,b\n13800138002,T9,Own,c\n13800138003,,D,d\n"
    )
    # An empty cell of a sender column means none.
    assert usms.send("mixed.csv").status == 0
    assert set(gateway.taken) == {
        Target("13800138000", ("a",), "T1", "Own"),
        Target("13800138001", ("b",), "T9", ""),
        Target("13800138002", ("c",), "T9", "Own"),
        Target("13800138003", ("d",), "T1", "D"),
    }
    [request] = gateway.requests
    assert len(request.body["TaskContent"]) == 4
    gateway.taken.clear()
    assert usms.send("nothing.json").status == 0
    assert {target.phone[-1]: target.sender for target in gateway.taken} == {
        "4": "S",
        "5": "S",
        "6": "",
        "7": "S",
    }
    assert {target.template for target in gateway.taken} == {"T1"}


def test_a_short_row_has_no_cell_of_the_sender_column_so_it_gets_the_default(
    usms: Usms, gateway: Gateway
) -> None:
    (usms.folder / "short.csv").write_text("phone,sender\n13800138000\n13800138001,\n")
    assert usms.send("short.csv").status == 0
    assert {target.phone[-1]: target.sender for target in gateway.taken} == {"0": "S", "1": ""}


def test_a_template_without_variables_has_no_key_for_them_and_an_empty_sender_is_sent(
    usms: Usms, gateway: Gateway
) -> None:
    write_csv(usms.folder / "plain.csv", [("13800138000", ""), ("13800138001", " ")])
    assert usms.send("plain.csv", "--sender", "").status == 0
    [request] = gateway.requests
    [task] = request.body["TaskContent"]
    assert task["SenderId"] == ""
    assert task["Target"] == [{"Phone": "13800138000"}, {"Phone": "13800138001"}]


BODY = """{"TaskContent": [
    {"TemplateId": "T1", "SenderId": "S", "Target": [{"Phone": "13800138000",
    "TemplateParams": ["Ann"]}, {"Phone": "(852)55311111", "TemplateParams": ["Bo"]}]}]}"""


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("r.tsv", "phone\tparam1\n13800138000\tAnn\n(852)55311111\tBo\n", ()),
        ("r.json", '[{"Phone":"13800138000","param1":"Ann"},'
         '{"phone":"+852 5531 1111","params":["Bo"]}]', ()),
        ("r.jsonl", '{"手机号":"13800138000","变量1":"Ann"}\n'
         '{"phone":"(852)55311111","{1}":"Bo"}\n', ()),
        ("body.json", BODY, ("--region", "US")),
        ("r.txt", "手机号;姓名\n13800138000;Ann\n0085255311111;Bo\n", ("--param", "姓名")),
        ("odd.dat", "who#tel\nAnn#13800138000\nBo#+852-5531-1111\n",
         ("--format", "csv", "--delimiter", "#", "--param", "WHO", "--phone-column", "Tel")),
    ],
)  # fmt: skip
def test_every_format_means_the_same_also_from_standard_input(
    usms: Usms, gateway: Gateway, name: str, content: str, options: tuple[str, ...]
) -> None:
    expected = {
        Target("13800138000", ("Ann",), "T1", "S"): 1,
        Target("(852)55311111", ("Bo",), "T1", "S"): 1,
    }
    (usms.folder / name).write_text(content, encoding="utf-8")
    assert usms.send(name, *options).status == 0
    assert gateway.taken == expected
    told = ("--format", "tsv") if name.endswith("tsv") else ()
    assert usms.send("-", *options, *told, "--run", "again", stdin=content).status == 0
    assert gateway.taken == dict.fromkeys(expected, 2)


def test_several_files_are_one_input_and_duplicates_are_found_across_them(
    usms: Usms, gateway: Gateway
) -> None:
    write_csv(usms.folder / "a.csv", [("13800138000", "x"), ("13800138001", "x")])
    write_csv(usms.folder / "b.csv", [("+86 138 0013 8001", "x"), ("13800138002", "x")])
    result = usms.send("a.csv", "b.csv", "--failures", "f.csv")
    assert (result.status, outcomes(result)) == (0, {"accepted": 3, "duplicate": 1})
    assert len(gateway.requests) == 1
    assert gateway.phones == {"13800138000": 1, "13800138001": 1, "13800138002": 1}


def test_identical_records_go_once_unless_allowed_and_different_ones_each_time(
    usms: Usms, gateway: Gateway
) -> None:
    rows = [("13800138000", "x"), ("13800138000", "x"), ("13800138000", "y"), ("13800138001", "x")]
    write_csv(usms.folder / "twice.csv", rows)
    result = usms.send("twice.csv")
    assert (result.status, outcomes(result)) == (0, {"accepted": 3, "duplicate": 1})
    assert "1 phone gets more than one message" in result.err
    assert gateway.phones == {"13800138000": 2, "13800138001": 1}
    result = usms.send("twice.csv", "--allow-duplicates", "--run", "all")
    assert (result.status, outcomes(result)) == (0, {"accepted": 4})
    assert gateway.taken[Target("13800138000", ("x",), "T1", "S")] == 1 + 2


def test_a_limit_leaves_the_rest_for_resume(usms: Usms, gateway: Gateway) -> None:
    everybody = phones(25)
    write_csv(usms.folder / "r.csv", [(phone, "x") for phone in everybody])
    result = usms.send("r.csv", "--limit", "10", "--run", "first")
    assert (result.status, result.report["status"]) == (0, "limited")
    assert outcomes(result) == {"accepted": 10, "pending": 15}
    assert sorted(gateway.phones) == everybody[:10]
    result = usms("resume", "first", "--json")
    assert (result.status, result.report["status"]) == (0, "complete")
    assert outcomes(result) == {"accepted": 25}
    assert gateway.phones == dict.fromkeys(everybody, 1)


def test_at_most_guards_against_a_list_that_grew(usms: Usms, gateway: Gateway) -> None:
    rows = [(phone, "x") for phone in phones(1001)]
    write_csv(usms.folder / "r.csv", [*rows, rows[0]])  # a duplicate is no recipient
    result = usms.send("r.csv", "--at-most", "1000")
    assert (result.status, gateway.requests, result.report["status"]) == (3, [], "rejected")
    assert "1,001" in result.err
    assert "1,000" in result.err
    assert list(usms.state.glob("*.db")) == []
    assert usms.send("r.csv", "--at-most", "1001").status == 0
    assert len(gateway.phones) == 1001


def test_the_size_of_a_batch_is_1_to_1000(usms: Usms, gateway: Gateway) -> None:
    write_csv(usms.folder / "r.csv", [(phone, "x") for phone in phones(3)])
    for size in ("0", "1001", "-1", "many"):
        result = usms.inside("send", "r.csv", "-t", "T1", "-s", "S", "--batch-size", size)
        assert (result.status, result.out) == (2, "")
        assert "--batch-size" in result.err
    assert gateway.requests == []
    assert usms.send("r.csv", "--batch-size", "1").status == 0
    assert [len(request.targets) for request in gateway.requests] == [1, 1, 1]


def test_a_dry_run_needs_no_credentials_keeps_nothing_and_asks_nobody(
    usms: Usms, gateway: Gateway
) -> None:
    usms.environment = {"USPEEDO_ACCESSKEY_ID": "", "USPEEDO_ACCESSKEY_SECRET": ""}
    write_csv(usms.folder / "good.csv", [("13800138000", "x"), ("13800138000", "x")])
    result = usms.send("good.csv", "--dry-run", "--run", "trial")
    assert (result.status, result.report["status"], result.report["run"]) == (0, "dry-run", None)
    assert outcomes(result) == {"pending": 1, "duplicate": 1}

    write_csv(usms.folder / "bad.csv", [("13800138000", "x"), ("12", "x"), ("13800138001", "x")])
    result = usms.send("bad.csv", "--dry-run", "--failures", "failed.csv")
    assert (result.status, result.report["status"], result.report["run"]) == (3, "rejected", None)
    assert outcomes(result) == {"pending": 2, "invalid": 1}
    assert '"12"' in (usms.folder / "failed.csv").read_text().replace('""', '"')
    result = usms.send("bad.csv", "--dry-run", "--skip-invalid")
    assert (result.status, outcomes(result)) == (1, {"pending": 2, "invalid": 1})
    assert (gateway.requests, usms.state.exists()) == ([], False)


def test_one_bad_line_in_3000_and_nothing_is_sent_unless_it_is_to_be_skipped(
    usms: Usms, gateway: Gateway
) -> None:
    everybody = phones(3000)
    everybody[1776] = "12345 call me"
    write_csv(usms.folder / "big.csv", [(phone, "x") for phone in everybody])
    result = usms("send", "big.csv", "-t", "T1", "-s", "S", "--run", "big")
    assert (result.status, gateway.requests) == (3, [])
    assert result.err.count("big.csv:1778: ") == 1
    assert '"12345 call me"' in result.err
    assert "letters" in result.err or "holds" in result.err
    assert usms("runs", "--json").report == []
    result = usms.send("big.csv", "--skip-invalid", "--run", "big")
    assert (result.status, outcomes(result)) == (1, {"accepted": 2999, "invalid": 1})
    assert len(gateway.phones) == 2999
    assert set(gateway.phones.values()) == {1}
    [invalid] = result.report["invalid"]
    assert (invalid["source"], invalid["line"]) == ("big.csv", 1778)


def test_ten_thousand_bad_lines_are_all_reported_and_few_of_them_shown(
    usms: Usms, gateway: Gateway
) -> None:
    write_csv(usms.folder / "bad.csv", [(f"bad{number}", "x") for number in range(10_000)])
    result = usms.send("bad.csv", "--failures", "failed.csv")
    assert (result.status, gateway.requests) == (3, [])
    assert [row["line"] for row in result.report["invalid"]] == list(range(2, 10_002))
    assert len(result.err.splitlines()) < 100
    assert "9,980 more" in result.err
    assert (usms.folder / "failed.csv").read_text().count("\n") == 10_001


def test_the_count_of_parameters_that_most_records_of_a_template_have_is_right(
    usms: Usms, gateway: Gateway
) -> None:
    rows = [
        ("13800138000", "T1", "a", "b"),
        ("13800138001", "T1", "a", ""),
        ("13800138002", "T1", "a", "b"),
        ("13800138003", "T2", "a", ""),
        ("13800138004", "T2", "", ""),
        ("13800138005", "T3", "a", ""),
        ("13800138006", "T1", "", "b"),
    ]
    write_csv(usms.folder / "r.csv", rows, "phone,template,param1,param2")
    result = usms.send("r.csv")
    assert (result.status, gateway.requests) == (3, [])
    reasons = {row["line"]: row["reason"] for row in result.report["invalid"]}
    assert set(reasons) == {3, 5, 6, 8}
    assert "1 template parameter, but most" in reasons[3]
    assert "have 2" in reasons[3]
    assert "none is right" in reasons[5]
    assert "none is right" in reasons[6]
    assert "parameter 1 is empty" in reasons[8]


@pytest.mark.parametrize("content", ["phone,param1\n", "\n phone , param1 \n\n , \n"])
def test_a_header_without_records_is_nothing_to_send(
    usms: Usms, gateway: Gateway, content: str
) -> None:
    (usms.folder / "r.csv").write_text(content)
    result = usms.send("r.csv", "--run", "free")
    assert (result.status, outcomes(result), result.report["run"]) == (0, {}, None)
    assert gateway.requests == []


def test_an_empty_array_is_nothing_to_send_and_a_file_of_no_bytes_is_wrong(
    usms: Usms, gateway: Gateway
) -> None:
    (usms.folder / "r.json").write_text("[]")
    result = usms.send("r.json")
    assert (result.status, outcomes(result)) == (0, {})
    (usms.folder / "empty.csv").touch()
    result = usms.send("empty.csv")
    assert result.status == 3
    assert "empty.csv" in result.err
    result = usms.send("-", stdin="")
    assert result.status == 3
    assert "standard input" in result.err
    assert gateway.requests == []


def test_a_column_without_a_name_is_said_to_be_unused(usms: Usms) -> None:
    write_csv(usms.folder / "r.csv", [("13800138000", "lost", "x")], "phone,,param1")
    assert "columns not used: column 2 without a name;" in usms.send("r.csv").err
    lines = '{"phone": "13800138000", "": "lost", "town": "x"}\n'
    assert 'standard input: columns not used: column 2 without a name, "town"' in (
        usms.send("-", stdin=lines).err
    )


def test_columns_that_mean_nothing_are_named_once(usms: Usms) -> None:
    rows = [(phone, "x", "y", "z", "1") for phone in phones(3)]
    write_csv(usms.folder / "r.csv", rows, "phone,param1,City,notes,line")
    result = usms.send("r.csv")
    assert result.status == 0
    assert [line for line in result.err.splitlines() if "City" in line] == [
        'usms: r.csv: columns not used: "City", "notes"; '
        "--param COLUMN makes one with a name a template parameter"
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name,param1\nAnn,x\n", "no column is the phone"),
        ("phone,mobile\n13800138000,13800138001\n", "could each be the phone"),
        ('phone,param1\n13800138000,"x\n', "never closes"),
    ],
)
def test_a_file_that_is_unclear_as_a_whole_is_refused(
    usms: Usms, gateway: Gateway, content: str, said: str
) -> None:
    (usms.folder / "r.csv").write_text(content)
    result = usms.send("r.csv", "--skip-invalid")
    assert (result.status, gateway.requests) == (3, [])
    assert said in result.err
    assert "r.csv" in result.err


def test_a_file_that_cannot_be_read_to_its_end_is_reported_too(usms: Usms) -> None:
    (usms.folder / "r.csv").write_text('phone,param1\n12,a\n13800138000,"b\n')
    result = usms.send("r.csv", "--skip-invalid", "--failures", "failed.csv")
    report: dict[str, Any] = result.report
    assert (result.status, report["status"], report["run"]) == (3, "rejected", None)
    assert "line 3 begins a record with a quote that never closes" in report["problem"]
    assert [row["line"] for row in report["invalid"]] == [2]
    assert (usms.folder / "failed.csv").read_text().splitlines()[1].startswith("12,T1,S,a,")
    assert list(usms.state.glob("*.db")) == []


def test_a_sender_that_only_the_environment_names(
    usms: Usms, gateway: Gateway, tmp_path: Path
) -> None:
    usms.environment = {"USPEEDO_TEMPLATE_ID": "TE", "USPEEDO_SENDER_ID": "SE"}
    write_csv(tmp_path / "r.csv", [("13800138000", "x")])
    assert usms("send", "r.csv").status == 0
    assert usms("send", "r.csv", "-s", "").status == 0
    assert set(gateway.taken) == {
        Target("13800138000", ("x",), "TE", "SE"),
        Target("13800138000", ("x",), "TE", ""),
    }
