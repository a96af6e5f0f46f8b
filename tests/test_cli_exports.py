"""Exports come back in as the same people, whatever the region; who was sent to never does."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from tests.support.command import Usms, command, phones, write_csv
from tests.support.gateway import Gateway, Reply, Target

REGIONS = ["CN", "US", "GB", "DE", "IT", "CI", "HK", "BR", "MX", "AR"]
EXAMPLES = [
    phonenumbers.format_number(example, PhoneNumberFormat.E164)
    for region in [*REGIONS, "FR", "MO", "TW", "SC", "TT", "KZ", "VA", "GG"]
    if (example := phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE))
]
PARAMS = ["plain", "=1+1", "'quoted", 'a "b", c', "第二\n行", "0012", "-5"]


def fail_everybody(number: int, targets: list[Target]) -> Reply:
    return Reply(fails={target.phone: "+refused; on purpose" for target in targets})


@pytest.mark.parametrize("region", REGIONS)
def test_failures_are_the_same_people_again(usms: Usms, gateway: Gateway, region: str) -> None:
    gateway.plan = fail_everybody
    national = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    assert national
    phones = [*EXAMPLES, phonenumbers.format_number(national, PhoneNumberFormat.NATIONAL)]
    rows = [
        (phone, '"{}"'.format(PARAMS[place % len(PARAMS)].replace('"', '""')))
        for place, phone in enumerate(phones)
    ]
    rows[-1] = (phones[-1], "last")
    write_csv(usms.folder / "r.csv", rows)
    call = ("--region", region, "--failures")
    first = usms.send("r.csv", *call, "failed.csv")
    assert (first.status, first.report["counts"]["failed"]) == (
        1,
        first.report["counts"]["records"],
    )
    failed = (usms.folder / "failed.csv").read_bytes()
    assert usms.send("failed.csv", *call, "again.csv").status == 1
    sent, again = (request.targets for request in gateway.requests)
    assert again == sent
    assert len(sent) == len(rows)
    # Only where it came from differs now.
    assert (usms.folder / "again.csv").read_bytes() == failed.replace(b",r.csv,", b",failed.csv,")


def test_invalid_records_come_back_mended(usms: Usms, gateway: Gateway) -> None:
    write_csv(usms.folder / "r.csv", [("13800138000", "x"), ("1380013", "y"), ("12-34", "=z")])
    assert usms.send("r.csv", "--skip-invalid", "--failures", "failed.csv").status == 1
    path = usms.folder / "failed.csv"
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") == 3
    path.write_text(text.replace("12-34", "13800138002").replace("1380013,", "13800138001,"))
    assert usms.send("failed.csv").status == 0
    sent = {(target.phone, target.params) for target in gateway.taken}
    assert sent == {("13800138000", ("x",)), ("13800138001", ("y",)), ("13800138002", ("=z",))}


def test_an_invalid_record_of_a_body_is_exported_as_the_person_it_names(
    usms: Usms, gateway: Gateway
) -> None:
    """Bare digits are mainland China in a body of the API, and may be an American in a CSV."""
    target = {"Phone": "13802345678", "TemplateParams": ["", "b"]}
    body = {"TaskContent": [{"TemplateId": "T", "SenderId": "S", "Target": [target]}]}
    (usms.folder / "body.json").write_text(json.dumps(body))
    call = ("--region", "US", "--failures", "failed.csv")
    assert usms.send("body.json", *call).status == 3
    path = usms.folder / "failed.csv"
    path.write_text(path.read_text().replace(",,b,", ",a,b,"))
    assert usms.send("failed.csv", "--region", "US").status == 0
    assert [(target.phone, target.params) for target in gateway.taken] == [
        ("13802345678", ("a", "b"))
    ]


@pytest.mark.parametrize("outcome", ["accepted", "unknown", "pending"])
def test_who_was_or_may_be_messaged_is_not_messaged_again(
    usms: Usms, gateway: Gateway, outcome: str
) -> None:
    replies = {"unknown": Reply(fault="drop"), "pending": Reply(takes=False, status=401)}
    gateway.plan = lambda *_: replies.get(outcome, Reply())
    write_csv(usms.folder / "r.csv", [("13800138000", "x"), ("13800138001", "y")])
    usms.send("r.csv")
    assert usms("show", "last", "--export", outcome, "out.csv").status == 0
    assert len((usms.folder / "out.csv").read_text().splitlines()) == 3
    requests = len(gateway.requests)
    assert usms("send", "out.csv").status == 3  # its template and sender are in its columns
    for arguments in (("out.csv",), ("out.csv", "--skip-invalid", "--run", "skipping")):
        result = usms.send(*arguments, "--failures", "failed.csv")
        assert result.report["counts"]["invalid"] == 2
        assert f'its outcome is "{outcome}"' in result.report["invalid"][0]["reason"]
        assert len(gateway.requests) == requests
        # Nor does the file of failures name them, since that is to be sent again.
        lines = (usms.folder / "failed.csv").read_text().splitlines()
        assert not any("1380013800" in line for line in lines)


def test_who_was_excluded_or_a_duplicate_is_exported_with_the_outcome(
    usms: Usms, gateway: Gateway, tmp_path: Path
) -> None:
    write_csv(usms.folder / "a.csv", [("13800138000", "x"), ("13800138001", "y")])
    write_csv(usms.folder / "b.csv", [("+86 138-0013-8001", "y"), ("13800138002", "z")])
    (usms.folder / "stop.csv").write_text("phone\n13800138002\n")
    assert usms.send("a.csv", "b.csv", "--exclude", "stop.csv").status == 0
    for outcome, reason in (
        ("duplicate", "13800138001,T1,S,y,the same as line 3 of a.csv,b.csv,2,duplicate"),
        ("excluded", '13800138002,T1,S,z,"in stop.csv, line 2",b.csv,3,excluded'),
    ):
        assert usms("show", "last", "--export", outcome, "out.csv").status == 0
        assert (usms.folder / "out.csv").read_text().splitlines()[1:] == [reason]


def test_odd_lines_are_named_with_the_count_of_the_majority_across_files(
    usms: Usms, gateway: Gateway
) -> None:
    write_csv(usms.folder / "a.csv", [("13800138000", "x"), ("13800138001", "")])
    write_csv(usms.folder / "b.csv", [("13800138002", "x"), ("13800138003", "x")])
    result = usms.send("a.csv", "b.csv")
    assert (result.status, gateway.requests) == (3, [])
    [invalid] = result.report["invalid"]
    assert (invalid["source"], invalid["line"]) == ("a.csv", 3)
    assert "has 0 template parameters" in invalid["reason"]
    assert "most records" in invalid["reason"]
    assert "have 1" in invalid["reason"]


def test_whoever_reads_standard_output_may_have_enough_of_an_export(
    usms: Usms, gateway: Gateway
) -> None:
    write_csv(usms.folder / "r.csv", [(phone, "x" * 100) for phone in phones(2000)])
    gateway.plan = fail_everybody
    assert usms.send("r.csv").status == 1
    with subprocess.Popen(
        command("show", "last", "--quiet", "--failures", "/dev/stdout"),
        cwd=usms.folder,
        env=usms.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert (process.stderr.read(), process.wait(30)) == (b"", 0)


def test_a_pipe_or_device_is_written_to_and_never_replaced(usms: Usms) -> None:
    write_csv(usms.folder / "r.csv", [("138", "x")])
    pipe = usms.folder / "failures"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(pipe.read_text)
        assert usms.send("r.csv", "--dry-run", "--failures", pipe).status == 3
        assert reading.result(10).startswith("phone,template_id,sender_id,param1,reason,source,")
    assert pipe.is_fifo()


def test_an_export_for_which_there_is_no_room_is_an_error_and_its_hint(usms: Usms) -> None:
    write_csv(usms.folder / "r.csv", [(phone, "x" * 100) for phone in phones(200)])
    assert usms("send", "r.csv", "-t", "T1", "-s", "S", "--run", "job", "--yes").status == 0
    result = usms("show", "job", "-q", "--export", "accepted", "/dev/full")
    said, hint = result.err.splitlines()
    assert (result.status, said) == (
        2,
        'usms: error: cannot write "/dev/full": No space left on device',
    )
    assert hint.startswith("Name a file")


def test_a_link_stays_and_what_it_leads_to_is_written(usms: Usms) -> None:
    write_csv(usms.folder / "r.csv", [("138", "x")])
    (usms.folder / "kept").mkdir()
    link = usms.folder / "failures.csv"
    link.symlink_to("kept/f.csv")
    for _ in range(2):
        assert usms.send("r.csv", "--dry-run", "--failures", link).status == 3
        assert link.is_symlink()
        assert (usms.folder / "kept" / "f.csv").read_text().startswith("phone,template_id,")
    assert [path.name for path in (usms.folder / "kept").iterdir()] == ["f.csv"]


@pytest.mark.parametrize("where", ["x" * 300, "round.csv", "no/f.csv", "."])
def test_a_place_where_no_file_can_be_is_a_wrong_call(
    usms: Usms, gateway: Gateway, where: str
) -> None:
    write_csv(usms.folder / "r.csv", [("13800138000", "x")])
    (usms.folder / "round.csv").symlink_to("round.csv")
    result = usms.send("r.csv", "--failures", where)
    assert (result.status, result.out, gateway.requests) == (2, "", [])
    assert "cannot write" in result.err
    result = usms.send(where if where != "." else "x/y", "--failures", "f.csv")
    assert (result.status, result.out, gateway.requests) == (2, "", [])


def test_the_longest_name_that_a_file_can_have_is_one(usms: Usms) -> None:
    write_csv(usms.folder / "r.csv", [("138", "x")])
    name = "失" * 85
    assert usms.send("r.csv", "--dry-run", "--failures", name).status == 3
    assert (usms.folder / name).is_file()


def test_standard_input_is_an_input_and_not_written_over(usms: Usms) -> None:
    path = write_csv(usms.folder / "r.csv", [("138", "x")])
    text = path.read_text()
    with path.open() as stdin:
        process = usms.start(
            *("send", "-", "-t", "T1", "-s", "S", "--dry-run", "--failures", "r.csv"), stdin=stdin
        )
        _, err = process.communicate(timeout=60)
    assert (process.returncode, path.read_text()) == (2, text)
    assert "standard input is an input, and --failures would write over it" in err


def test_standard_output_is_written_to_behind_the_report_and_never_replaced(usms: Usms) -> None:
    write_csv(usms.folder / "r.csv", [("138", "x")])
    path = usms.folder / "out.txt"
    path.write_text("before\n")
    inode = path.stat().st_ino
    with path.open("a") as out:
        call = ("send", "r.csv", "-t", "T1", "-s", "S", "--dry-run", "--failures", "/dev/stdout")
        done = subprocess.run(
            command(*call),
            cwd=usms.folder,
            env=usms.environ(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            check=False,
        )
    text = path.read_text()
    assert (done.returncode, path.stat().st_ino) == (3, inode)
    assert (
        text.index("before") < text.index("1 record: 1 invalid") < text.index("phone,template_id")
    )


@pytest.mark.parametrize(
    "call",
    [
        ("send", "r.csv", "-t", "T1", "-s", "S", "--failures", "-"),
        ("show", "job", "--export", "accepted", "-"),
        ("show", "job", "--html", "-"),
        ("resume", "job", "--failures", "-"),
        ("receipts", "job", "--export", "waiting", "-"),
    ],
)
def test_a_dash_is_no_file_to_write(usms: Usms, gateway: Gateway, call: tuple[str, ...]) -> None:
    write_csv(usms.folder / "r.csv", [("13800138000", "x")])
    assert usms.inside("send", "r.csv", "-t", "T", "-s", "S", "--run", "job").status == 0
    result = usms.inside(*call)
    assert (result.status, result.out, len(gateway.requests)) == (2, "", 1)
    assert "type /dev/stdout for standard output" in result.err
    assert not (usms.folder / "-").exists()
