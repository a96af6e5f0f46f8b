"""Templates as the API may give them: what no document shows is read leniently, never guessed."""

import json
from contextlib import closing
from typing import Any

import pytest

from tests.support.command import SECRET
from tests.support.gateway import Gateway, Reply
from tests.support.runs import account_at
from usms_cli.api.connection import Connection
from usms_cli.api.templates import Template, TemplateStatus, ask_for_templates
from usms_cli.errors import StoppedError

APPROVED = Template("Dear {1}", TemplateStatus.APPROVED, "")


def says(data: Any, **more: Any) -> bytes:
    return json.dumps({"RetCode": 0, "Message": "", "Data": data} | more).encode()


def ask(body: bytes, *ids: str) -> dict[str, Template]:
    with Gateway() as gateway:
        gateway.says = Reply(body=body)
        with closing(Connection(account_at(gateway.address), 5)) as connection:
            return ask_for_templates(connection, 0, ids or ("T1",))


def one(**fields: Any) -> dict[str, Any]:
    return {"TemplateId": "T1", "Template": "Dear {1}", "Status": 2} | fields


def test_templates_come_back_by_id_in_whatever_order() -> None:
    data = [one(TemplateId="T2", Status=3, ErrDesc=" no "), one(), one(TemplateId="T9")]
    found = ask(says(data), "T1", "T2", "T3")
    assert found == {"T1": APPROVED, "T2": Template("Dear {1}", TemplateStatus.REFUSED, "no")}
    assert list(found) == ["T1", "T2"]


@pytest.mark.parametrize(
    ("field", "template"),
    [
        ({}, APPROVED),
        ({"Status": "2"}, APPROVED),
        ({"Status": " 2 "}, APPROVED),
        ({"ErrDesc": None, "Purpose": None, "Extra": {"a": [1]}}, APPROVED),
        ({"TemplateId": " T1 "}, APPROVED),
        ({"Status": None}, Template("Dear {1}", None, "")),
        ({"Status": ""}, Template("Dear {1}", None, "")),
        ({"Status": 7}, Template("Dear {1}", "7", "")),
        ({"Status": "Approved"}, Template("Dear {1}", "Approved", "")),
        ({"Status": "9" * 5000}, Template("Dear {1}", "9" * 5000, "")),
        ({"Template": None}, Template(None, TemplateStatus.APPROVED, "")),
        ({"Template": ""}, Template(None, TemplateStatus.APPROVED, "")),
    ],
)
def test_a_field_may_be_missing_or_in_another_writing(
    field: dict[str, Any], template: Template
) -> None:
    assert ask(says([one(**field)])) == {"T1": template}


def test_a_field_that_is_not_there_is_not_made_up() -> None:
    assert ask(says([{"TemplateId": "T1"}])) == {"T1": Template(None, None, "")}


def test_an_id_may_be_a_number() -> None:
    assert ask(says([one(TemplateId=17)]), "17") == {"17": APPROVED}


@pytest.mark.parametrize(
    "body",
    [says(None), says([]), b'{"RetCode": 0}', says([None, {}, one(TemplateId=None)])],
    ids=["null", "empty", "none", "nameless"],
)
def test_no_data_is_no_template(body: bytes) -> None:
    assert ask(body) == {}


@pytest.mark.parametrize(
    "data",
    ["T1", {"T1": one()}, [one(Status=True)], [one(Status={})], [one(Template=5)], [["T1"]], 0],
    ids=["text", "object", "truth", "status", "text 5", "list", "number"],
)
def test_what_does_not_fit_at_all_is_shown_in_the_words_of_the_api(data: Any) -> None:
    with pytest.raises(StoppedError) as caught:
        ask(says(data))
    assert "cannot be understood" in caught.value.message
    assert json.dumps(data)[:20] in caught.value.message


def test_a_template_that_repeats_the_secret_does_not_spread_it() -> None:
    field = {"Template": f"Dear {SECRET}", "ErrDesc": SECRET, "Status": SECRET}
    assert ask(says([one(**field)])) == {"T1": Template("Dear …", "…", "…")}
