"""`usms send --check-template`: templates are asked for, and messages measured, before a send."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Result, Usms, phones, write_csv
from tests.support.gateway import Gateway, Reply
from tests.support.terminal import OnTerminal

SEND = ("send", "r.csv", "-t", "T1", "-s", "S", "--check-template")


def template(id_: str = "T1", text: str = "Dear {1}", **fields: Any) -> dict[str, Any]:
    return {"TemplateId": id_, "TemplateName": "n", "Template": text, "Purpose": 2, "Status": 2,
            "ErrDesc": ""} | fields  # fmt: skip


def have(gateway: Gateway, *templates: dict[str, Any]) -> None:
    gateway.templates = {one["TemplateId"]: one for one in templates}


def runs(usms: Usms) -> list[Path]:
    return list(usms.state.glob("*.db"))


def nothing_sent(result: Result, usms: Usms, gateway: Gateway, status: int) -> None:
    assert result.status == status, result.err
    assert gateway.requests == []
    assert runs(usms) == []


@pytest.fixture
def three(usms: Usms) -> Usms:
    write_csv(usms.folder / "r.csv", [(phone, "Ann") for phone in phones(3)])
    return usms


# --- what is asked -------------------------------------------------------------------------


def test_an_approved_template_that_fits_is_sent_with(three: Usms, gateway: Gateway) -> None:
    have(gateway, template())
    result = three(*SEND)
    assert result.status == 0
    assert gateway.questions == [["T1"]]
    assert len(gateway.phones) == 3
    assert "Dear Ann" in result.err
    assert "8 characters, GSM 7-bit, 1 part" in result.err
    assert "3 messages: 3 parts" in result.err
    assert "Dear Ann" not in result.out  # the run's report is as it is without


def test_each_template_is_asked_for_once_at_most_100_at_a_time(
    usms: Usms, gateway: Gateway
) -> None:
    ids = [f"T{number}" for number in range(250)]
    rows = [(phone, id_, "x") for phone, id_ in zip(phones(500), ids * 2, strict=True)]
    write_csv(usms.folder / "r.csv", rows, "phone,template,param1")
    have(gateway, *(template(id_) for id_ in ids))
    result = usms.inside(*SEND, "--json")
    assert result.status == 0
    assert [len(question) for question in gateway.questions] == [100, 100, 50]
    assert [id_ for question in gateway.questions for id_ in question] == ids
    found = result.report["templates"]
    assert [one["template_id"] for one in found] == ids
    assert {(one["messages"], one["parts"]) for one in found} == {(2, 2)}


def test_templates_of_nobody_that_may_be_sent_to_are_not_asked_for(
    usms: Usms, gateway: Gateway
) -> None:
    rows = [
        ("13800138000", "T1", "x"),
        ("13800138000", "T1", "x"),
        ("12", "T-invalid", "x"),
        ("13800138001", "T-excluded", "x"),
    ]
    write_csv(usms.folder / "r.csv", rows, "phone,template,param1")
    write_csv(usms.folder / "out.csv", [("13800138001",)], "phone")
    have(gateway, template())
    result = usms.inside(*SEND, "--exclude", "out.csv", "--skip-invalid", "--json")
    assert result.status == 1
    assert gateway.questions == [["T1"]]
    [found] = result.report["templates"]
    assert (found["messages"], found["parts"]) == (1, 1)  # neither duplicates nor excluded ones


@pytest.mark.parametrize("content", ["phone,param1\n12,x\n13800138000,x\n", 'phone\n"1'])
def test_a_list_that_is_rejected_anyway_is_not_asked_about(
    usms: Usms, gateway: Gateway, content: str
) -> None:
    (usms.folder / "r.csv").write_text(content)
    nothing_sent(usms.inside(*SEND), usms, gateway, 3)
    assert gateway.questions == []


def test_without_the_option_nobody_is_asked(three: Usms, gateway: Gateway) -> None:
    assert three(*SEND[:-1]).status == 0
    assert gateway.questions == []


# --- what differs --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "the API has no such template"),
        (template(Status=0), "waits for its review"),
        (template(Status=1), "is in review"),
        (template(Status="3", ErrDesc="no company"), 'refused it, because: "no company"'),
        (template(Status=4, ErrDesc=None), "is disabled;"),
        (template(Status=9), 'its status "9", which is not known to mean approved'),
        (template(Status=None), "does not say whether it is approved"),
        (template(Template=None), "does not give its text"),
        (template(text="Hello"), "no variable, but its records have 1 parameter;"),
        (template(text="{1} {2}"), "2 variables, {1} to {2}, but its records have 1 parameter;"),
        (template(text="{1} {3}"), "3 variables, {1} to {3}, but"),
        (template(Status=3, ErrDesc="\x1b[31m[red]\u202e"), r'"\x1b[31m[red]\u202e"'),
    ],
)  # fmt: skip
def test_a_template_that_cannot_be_sent_ends_the_call(
    three: Usms, gateway: Gateway, given: dict[str, Any] | None, said: str
) -> None:
    if given:
        have(gateway, given)
    for mode in ((), ("--dry-run",), ("--skip-invalid", "--yes")):
        result = three.inside(*SEND, *mode, "--json", "--run", "a")
        nothing_sent(result, three, gateway, 3)
        assert 'template "T1" (r.csv:2): ' in result.err
        assert said in result.err
        assert "nothing was sent: the template cannot be sent" in result.err
        assert result.report["status"] == "rejected"
        assert result.report["run"] is None
        assert "the template cannot be sent" in result.report["problem"]
        [found] = result.report["templates"]
        assert found["problem"] is not None
        assert found["first"] is None
        assert len(gateway.questions) == 1
        gateway.questions.clear()


def test_a_variable_that_stands_twice_is_one(three: Usms, gateway: Gateway) -> None:
    have(gateway, template(text="{1}! {1}!"))
    result = three(*SEND, "--json")
    assert result.status == 0
    assert result.report["templates"][0]["first"]["text"] == "Ann! Ann!"


def test_every_difference_is_named_of_many_the_first_twenty(usms: Usms, gateway: Gateway) -> None:
    rows = [(phone, f"T{number}", "x") for number, phone in enumerate(phones(45))]
    write_csv(usms.folder / "r.csv", rows, "phone,template,param1")
    have(gateway, *(template(f"T{number}") for number in range(10)))
    result = usms.inside(*SEND, "--json")
    nothing_sent(result, usms, gateway, 3)
    assert result.err.count("the API has no such template") == 20
    assert 'template "T10" (r.csv:12): ' in result.err
    assert "and 15 more templates" in result.err
    assert "35 of 45 templates" in result.err
    problems = [one["problem"] for one in result.report["templates"]]
    assert (problems[:10], None in problems[10:]) == ([None] * 10, False)
    plain = usms.inside(*SEND, "--dry-run", "--quiet")
    assert (plain.status, plain.out) == (3, "")
    assert plain.err.count("the API has no such template") == 20
    whole = usms.inside(*SEND, "--dry-run")
    assert whole.out.count("the API has no such template") == 35  # nothing is cut off in a pipe
    assert whole.out.count("First message") == 10


# --- no answer -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(status=401, body=b""), "key pair was refused"),
        (Reply(body=b'{"RetCode": 215398, "Message": "Failed to parse token"}'), "Failed to parse"),
        (Reply(body=b'{"RetCode": 215392, "Message": "Invalid parameter [id]"}'), "parameter [id]"),
        (Reply(status=503, body=b""), "503 Service Unavailable"),
        (Reply(fault="drop"), "no answer of the API"),
        (Reply(body=b"<html>hello \x1b[31m</html>"), r"<html>hello \x1b[31m</html>"),
        (Reply(body=b'{"RetCode": 0, "Data": {"a": 1}}'), '"Data": {"a": 1}'),
    ],
    ids=["401", "215398", "215392", "503", "dropped", "page", "another shape"],
)
@pytest.mark.parametrize("mode", [(), ("--dry-run",)], ids=["send", "dry run"])
def test_without_an_answer_nothing_is_sent_and_no_run_is_left(
    three: Usms, gateway: Gateway, reply: Reply, said: str, mode: tuple[str, ...]
) -> None:
    gateway.says = reply
    result = three.inside(*SEND, "--json", "--retries", "0", *mode)
    nothing_sent(result, three, gateway, 4)
    assert "nothing was sent: " in result.err
    assert said in result.err
    assert result.report["status"] == "stopped"
    assert result.report["run"] is None
    assert "nothing was sent" in result.report["problem"]
    assert result.report["counts"]["pending"] == 3
    text = three.inside(*SEND, "--retries", "0", *mode)
    assert "Stopped: nothing was sent" in text.out
    assert "\x1b" not in text.out + text.err


def test_an_api_that_cannot_be_reached_is_asked_again_and_then_given_up(three: Usms) -> None:
    three.environment["USPEEDO_BASE_URL"] = "http://127.0.0.1:9"
    result = three(*SEND, "--retries", "1", "--verbose")
    assert (result.status, runs(three)) == (4, [])
    assert "asking again" in result.err


def test_the_retries_and_the_timeout_are_those_of_a_send(three: Usms, gateway: Gateway) -> None:
    gateway.says = Reply(seconds=5, body=b"{}")
    result = three(*SEND, "--retries", "0", "--timeout", "0.3")
    nothing_sent(result, three, gateway, 4)
    assert "no answer in time" in result.err
    assert len(gateway.questions) == 1


# --- the key pair --------------------------------------------------------------------------


def test_a_dry_run_that_asks_needs_a_key_pair(three: Usms, gateway: Gateway) -> None:
    three.environment = {"USPEEDO_ACCESSKEY_ID": "", "USPEEDO_ACCESSKEY_SECRET": ""}
    result = three(*SEND, "--dry-run", "--json")
    nothing_sent(result, three, gateway, 2)
    assert result.out == ""
    assert "no key pair" in result.err
    assert three(*SEND[:-1], "--dry-run").status == 0
    assert gateway.questions == []


def test_an_address_of_an_env_file_gets_no_key_pair_of_the_environment(
    three: Usms, gateway: Gateway
) -> None:
    (three.folder / ".env").write_text(f"USPEEDO_BASE_URL={gateway.address}\n")
    three.address = None
    result = three(*SEND, "--dry-run")
    nothing_sent(result, three, gateway, 2)
    assert "comes from the .env file" in result.err
    assert gateway.questions == []


def test_a_dry_run_asks_shows_and_sends_nothing(three: Usms, gateway: Gateway) -> None:
    have(gateway, template(text="Dear {1} [b]\x1b[31m\n"))
    result = three(*SEND, "--dry-run")
    nothing_sent(result, three, gateway, 0)
    assert gateway.questions == [["T1"]]
    assert r"Dear Ann [b]\x1b[31m\n" in result.out
    assert "\x1b" not in result.out + result.err
    assert "3 messages: 3 parts" in result.out
    assert "3 records: 3 valid" in result.out
    assert not three.state.exists()


# --- length and cost -----------------------------------------------------------------------


def test_the_cost_is_that_of_all_and_says_what_is_surprising(usms: Usms, gateway: Gateway) -> None:
    rows = [(phone, "Ann") for phone in phones(97)]
    rows[40] = (rows[40][0], "Ann 😀")
    rows[60] = (rows[60][0], "A" * 80)
    rows.append(rows[0])  # a duplicate costs nothing
    write_csv(usms.folder / "r.csv", rows)
    have(gateway, template(text="Dear {1}" + "." * 100))
    result = usms.inside(*SEND, "--dry-run", "--json", "--limit", "5")
    [found] = result.report["templates"]
    assert (found["messages"], found["parts"]) == (97, 95 + 2 + 2)
    assert (found["ucs2"], found["multipart"]) == (1, 2)
    assert found["first"] == {
        "text": "Dear Ann" + "." * 100,
        "characters": 108,
        "encoding": "GSM 7-bit",
        "parts": 1,
        "source": "r.csv",
        "line": 2,
    }
    assert (found["first_ucs2"]["line"], found["first_ucs2"]["encoding"]) == (42, "UCS-2")
    assert (found["longest"]["line"], found["longest"]["parts"]) == (42, 2)
    text = usms.inside(*SEND, "--dry-run").out
    assert "1 of 97 in UCS-2" in text
    assert "2 of 97 in more than one part" in text
    assert "r.csv:42" in text
    assert "97 messages: 99 parts by the provider's published rules" in text


def test_the_first_message_is_the_first_of_the_list_whatever_its_sender(
    usms: Usms, gateway: Gateway
) -> None:
    rows = [
        ("13800138000", "B", "T2", "x"),
        ("13800138001", "A", "T1", "first"),
        ("13800138002", "B", "T1", "second"),
        ("13800138003", "A", "T1", "王" * 100),
        ("13800138004", "B", "T1", "王" * 90),
        ("13800138005", "A", "T1", "third"),
    ]
    write_csv(usms.folder / "r.csv", rows, "phone,sender,template,param1")
    have(gateway, template("T1"), template("T2", "王{1}"))
    second, first = usms.inside(*SEND, "--dry-run", "--json").report["templates"]
    assert (first["first"]["line"], first["first"]["text"]) == (3, "Dear first")
    assert (first["first_ucs2"]["line"], first["longest"]["line"]) == (5, 5)
    assert (first["messages"], first["parts"], first["ucs2"]) == (5, 3 + 2 + 2, 2)
    assert second["first_ucs2"] is None  # its own text needs UCS-2
    assert second["ucs2"] == 1


def long_list(usms: Usms, gateway: Gateway, letters: int = 490) -> None:
    rows = [(phone, "Ann") for phone in phones(30)]
    rows[3] = (rows[3][0], "A" * 13)
    rows[7] = (rows[7][0], "A" * 10)
    rows[9] = rows[3]
    write_csv(usms.folder / "r.csv", rows)
    have(gateway, template(text="{1}" + "." * letters))


def test_a_message_of_more_than_500_characters_is_an_invalid_record(
    usms: Usms, gateway: Gateway
) -> None:
    long_list(usms, gateway)
    result = usms.inside(*SEND, "--json", "--failures", "f.csv", "--run", "a")
    nothing_sent(result, usms, gateway, 3)
    report = result.report
    assert (report["status"], report["counts"]["invalid"], report["counts"]["pending"]) == (
        "rejected", 1, 28,
    )  # fmt: skip
    [invalid] = report["invalid"]
    assert (invalid["source"], invalid["line"]) == ("r.csv", 5)
    assert invalid["reason"].startswith("its message has 503 characters")
    assert "500 are the most" in result.err
    assert "r.csv:5: " in result.err
    rows = (usms.folder / "f.csv").read_text().splitlines()
    assert [row.split(",")[:4] for row in rows[1:]] == [["13800000003", "T1", "S", "A" * 13]]
    skipped = usms.inside(*SEND, "--json", "--skip-invalid", "--run", "a")
    assert skipped.status == 1
    assert skipped.report["counts"] == report["counts"] | {"accepted": 28, "pending": 0}
    assert len(gateway.phones) == 28
    assert "13800000003" not in gateway.phones
    assert usms("show", "a", "--json").report["invalid"] == report["invalid"]
    asked = len(gateway.questions)
    again = usms.inside(*SEND, "--json", "--skip-invalid", "--run", "a")
    assert (again.status, len(gateway.requests), len(gateway.questions)) == (1, 1, asked)


def test_if_every_message_is_too_long_nothing_is_left_to_send(usms: Usms, gateway: Gateway) -> None:
    long_list(usms, gateway, 498)
    result = usms.inside(*SEND, "--skip-invalid", "--json", "--run", "a")
    nothing_sent(result, usms, gateway, 1)
    assert (result.report["status"], result.report["counts"]["pending"]) == ("complete", 0)
    assert len(result.report["invalid"]) == 29
    assert result.report["templates"][0]["first"] is None
    result = usms.inside(*SEND)
    nothing_sent(result, usms, gateway, 3)
    assert result.err.count("500 are the most") == 20
    assert "and 9 more" in result.err
    assert "No message is short enough" in result.out


def test_of_several_hundred_templates_each_loses_its_own_long_message(
    usms: Usms, gateway: Gateway
) -> None:
    ids = [f"T{number}" for number in range(230)]
    rows = [(phone, id_, "x") for phone, id_ in zip(phones(460), ids * 2, strict=True)]
    rows += [
        (phone, id_, "y" * 30) for phone, id_ in zip(phones(230, 13900000000), ids, strict=True)
    ]
    write_csv(usms.folder / "r.csv", rows, "phone,template,param1")
    have(gateway, *(template(id_, "." * 480 + "{1}") for id_ in ids))
    result = usms.inside(*SEND, "--skip-invalid", "--dry-run", "--json")
    assert result.status == 1
    assert [row["line"] for row in result.report["invalid"]] == list(range(462, 692))
    assert {(one["messages"], one["parts"]) for one in result.report["templates"]} == {(2, 8)}


# --- named runs ----------------------------------------------------------------------------


def test_a_run_that_goes_on_is_checked_again_for_those_who_are_pending(
    three: Usms, gateway: Gateway
) -> None:
    have(gateway, template())
    assert three(*SEND, "--run", "a", "--limit", "1").status == 0
    have(gateway, template(Status=4))
    result = three(*SEND, "--run", "a", "--json")
    assert (result.status, result.report["run"]) == (3, None)
    assert 'template "T1" (r.csv:3): it is disabled' in result.err  # the first that is pending
    assert len(gateway.requests) == 1
    have(gateway, template())
    result = three(*SEND, "--run", "a", "--json")
    assert (result.status, result.report["counts"]["accepted"]) == (0, 3)
    assert result.report["templates"][0]["messages"] == 2
    questions = len(gateway.questions)
    have(gateway)
    result = three(*SEND, "--run", "a", "--json")
    assert (result.status, result.report["templates"]) == (0, [])
    assert len(gateway.questions) == questions  # of a complete run nothing is asked


def test_a_run_that_was_begun_unchecked_does_not_go_on_with_a_message_that_is_too_long(
    usms: Usms, gateway: Gateway
) -> None:
    long_list(usms, gateway)
    assert usms(*SEND[:-1], "--run", "a", "--limit", "1").status == 0
    for more in ((), ("--skip-invalid",)):
        result = usms.inside(*SEND, "--run", "a", *more)
        assert result.status == 3
        assert "r.csv:5: its message has 503 characters" in result.err
        assert 'of the run "a", 1 pending message has more than 500 characters' in result.err
        assert len(gateway.requests) == 1


def test_another_input_under_the_name_is_found_before_anybody_is_asked(
    three: Usms, gateway: Gateway
) -> None:
    assert three(*SEND[:-1], "--run", "a").status == 0
    write_csv(three.folder / "r.csv", [(phone, "Bo") for phone in phones(3)])
    assert three(*SEND, "--run", "a").status == 2
    assert gateway.questions == []


# --- on a terminal -------------------------------------------------------------------------


def test_a_terminal_shows_the_message_before_the_question(usms: Usms, gateway: Gateway) -> None:
    rows = [(phone, f"T{number}", "陈女士") for number, phone in enumerate(phones(7))]
    write_csv(usms.folder / "r.csv", rows, "phone,template,param1")
    have(gateway, *(template(f"T{number}") for number in range(7)))
    terminal = OnTerminal(usms, *SEND)
    terminal.until("[y/N]")
    before, _, question = terminal.text.partition("To  ")
    assert "[y/N]" in question
    assert before.count("Dear 陈女士") == 5
    assert "and 2 more templates" in before
    assert "7 messages of 7 templates: 7 parts" in before
    assert gateway.requests == []
    terminal.type("n\n")
    assert terminal.end() == 2
    assert runs(usms) == []


def test_ctrl_c_while_the_api_is_asked_leaves_no_run(three: Usms, gateway: Gateway) -> None:
    gateway.says = Reply(seconds=60, body=b"{}")
    terminal = OnTerminal(three, *SEND, "--yes")
    terminal.until("Checking messages")
    terminal.interrupt()
    assert terminal.end() == 130
    assert gateway.requests == []
    assert list(three.state.glob("*")) == []


def test_a_terminal_names_a_difference_once(three: Usms, gateway: Gateway) -> None:
    terminal = OnTerminal(three, *SEND)
    assert terminal.end() == 3
    assert terminal.text.count("the API has no such template") == 1
    assert "[y/N]" not in terminal.text


# --- the sandbox ---------------------------------------------------------------------------

SANDBOX: list[tuple[str, Callable[[dict[str, Any]], bool]]] = [
    ("sandbox-1-variable", lambda one: one["first"]["text"] == "Your code is Ann."),
    ("sandbox-2-variables", lambda one: "2 variables" in one["problem"]),
    ("sandbox-no-variables", lambda one: "no variable" in one["problem"]),
    ("sandbox-missing", lambda one: "no such template" in one["problem"]),
    ("sandbox-waiting", lambda one: "waits" in one["problem"]),
    ("sandbox-in-review", lambda one: "in review" in one["problem"]),
    ("sandbox-refused", lambda one: "names no company" in one["problem"]),
    ("sandbox-disabled", lambda one: "too many complaints" in one["problem"]),
    ("sandbox-markup", lambda one: "\x1b[31m" in one["first"]["text"]),
    ("sandbox-long", lambda one: one["parts"] == 4),
    ("any-other", lambda one: one["problem"] is None),
]


@pytest.mark.parametrize(("id_", "expected"), SANDBOX, ids=[id_ for id_, _ in SANDBOX])
def test_the_sandbox_has_a_template_for_each_case(
    usms: Usms, gateway: Gateway, id_: str, expected: Callable[[dict[str, Any]], bool]
) -> None:
    usms.environment = {"USPEEDO_ACCESSKEY_ID": "", "USPEEDO_ACCESSKEY_SECRET": ""}
    write_csv(usms.folder / "r.csv", [("13800138000", "Ann")])
    for mode in ("--dry-run", "--yes"):
        result = usms.inside("send", "r.csv", "-t", id_, "-s", "S", "--sandbox",
                             "--check-template", "--json", mode)  # fmt: skip
        [found] = result.report["templates"]
        assert expected(found), found
        assert result.status == (0 if found["problem"] is None else 3)
        assert result.report["sandbox"]
    assert (gateway.questions, gateway.requests) == ([], [])


def test_in_the_sandbox_any_other_template_has_as_many_variables_as_the_list_has_parameters(
    usms: Usms,
) -> None:
    write_csv(usms.folder / "r.csv", [("13800138000", "a", "b", "c")], "phone,param1,param2,param3")
    result = usms.inside(*SEND, "--sandbox", "--json")
    assert result.status == 0
    assert result.report["templates"][0]["first"]["text"] == "Sandbox message a, b, c"


def test_a_long_parameter_makes_the_sandboxs_long_template_too_long(usms: Usms) -> None:
    write_csv(usms.folder / "r.csv", [("13800138000", "x" * 20)])
    result = usms.inside("send", "r.csv", "-t", "sandbox-long", "-s", "S", "--sandbox",
                         "--check-template", "--json")  # fmt: skip
    assert result.status == 3
    assert json.loads(result.out)["counts"]["invalid"] == 1
