"""USMSTemplate: what the API has under the ids of templates.

No document shows this path's answer; its shape is that of the provider's older page. So a field may
be missing or null, and a number written as a string; what a template must have to be sent is for
the caller to judge.
"""

from collections.abc import Callable, Sequence
from enum import IntEnum

import msgspec

from usms_cli.api.answers import Reply
from usms_cli.api.asking import ask
from usms_cli.api.connection import Connection

TEMPLATE_PATH = "/api/v1/usms/USMSTemplate"


class TemplateStatus(IntEnum):
    """How far a template is."""

    WAITING = 0
    IN_REVIEW = 1
    APPROVED = 2
    REFUSED = 3
    DISABLED = 4


class Template(msgspec.Struct, frozen=True):
    """A template as the API has it.

    :param text: None where it gives none.
    :param status: text where it is none of those that are documented, None where it gives none.
    :param error: why it was refused, in the API's words; "" where it does not say.
    """

    text: str | None
    status: TemplateStatus | str | None
    error: str


def ask_for_templates(
    connection: Connection, retries: int, ids: Sequence[str]
) -> dict[str, Template]:
    """Return the templates that exist of at most `MOST_IDS` ids, by id.

    :raises StoppedError: as `ask` does.
    """
    answer = ask(connection, retries, TEMPLATE_PATH, ids, _Answer)
    found: dict[str, Template] = {}
    for one in answer.data or ():
        if one is not None and one.template_id is not None:
            found.setdefault(str(one.template_id).strip(), _checked(one, connection.masked))
    return {id_: found[id_] for id_ in ids if id_ in found}


def _checked(one: "_Template", masked: Callable[[str], str]) -> Template:
    status = _status(one.status)
    return Template(
        text=masked(one.template) if one.template else None,
        status=masked(status) if isinstance(status, str) else status,
        error=masked(one.err_desc or "").strip(),
    )


class _Template(msgspec.Struct, rename="pascal"):
    template_id: str | int | None = None
    template: str | None = None
    status: int | str | None = None
    err_desc: str | None = None


class _Answer(Reply, rename="pascal"):
    data: list[_Template | None] | None = None


def _status(given: int | str | None) -> TemplateStatus | str | None:
    if given is None or given == "":
        return None
    try:
        return TemplateStatus(int(given))
    except ValueError:
        return str(given)
