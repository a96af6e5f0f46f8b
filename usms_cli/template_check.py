"""Before a send: is each template what the list expects, and what will its messages cost.

Nothing here grows with the list: messages are measured as they come from the journal.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import islice

import msgspec

from usms_cli.api.asking import MOST_IDS
from usms_cli.api.templates import Template, TemplateStatus
from usms_cli.journal.view import Pending, View
from usms_cli.messages import MOST_CHARACTERS, Encoding, Size, TemplateText
from usms_cli.template_findings import Message, TemplateCheck, TemplateChecks
from usms_cli.text import count, quoted

_CHUNK = 1000

_NOBODY: Pending = (0, sys.maxsize, 0, [])

Ask = Callable[[Sequence[str]], Mapping[str, Template]]
Reject = Callable[[Sequence[tuple[Pending, str]]], None]


def check_templates(
    view: View, ask: Ask, reject: Reject, watch: Callable[[int], None], checks: TemplateChecks
) -> None:
    """Check the templates of all pending recipients, and measure their messages.

    :param ask: returns templates by id, of at most `MOST_IDS` ids; each is asked for once.
    :param reject: told of recipients whose message is too long, and of how long it is.
    :param watch: told how many messages more were measured.
    :param checks: what is found is added to these.
    :raises StoppedError: `ask` raised it.
    """
    expected = view.pending_templates()
    while some := dict(islice(expected, MOST_IDS)):
        found = ask(list(some))
        for id_, params in some.items():
            checks.add(_check(view, id_, params, found.get(id_), reject, watch))


def _check(
    view: View,
    id_: str,
    params: int,
    template: Template | None,
    reject: Reject,
    watch: Callable[[int], None],
) -> TemplateCheck:
    _, place, line, _ = next(view.pending_messages(id_))
    check = TemplateCheck(template_id=id_, problem=None, source=view.source_of(place), line=line)
    text = _text_of(template, params)
    if isinstance(text, str):
        return msgspec.structs.replace(check, problem=text)
    return _measured(check, text, view, reject, watch)


def _text_of(template: Template | None, params: int) -> TemplateText | str:
    """Return the text of a template that can be sent with so many parameters, or what differs."""
    if template is None:
        return "the API has no such template; look its id up in the uSpeedo console"
    why = f", because: {quoted(template.error, MOST_CHARACTERS)}" if template.error else ""
    match template.status:
        case TemplateStatus.APPROVED:
            pass
        case TemplateStatus.WAITING:
            return "it waits for its review, and can be sent once it is approved"
        case TemplateStatus.IN_REVIEW:
            return "it is in review, and can be sent once it is approved"
        case TemplateStatus.REFUSED:
            return f"its review refused it{why}; change it in the uSpeedo console"
        case TemplateStatus.DISABLED:
            return f"it is disabled{why}; ask uSpeedo, or take another"
        case None:
            return "the API does not say whether it is approved"
        case other:
            return f"the API calls its status {quoted(other)}, which is not known to mean approved"
    if template.text is None:
        return "the API does not give its text, so its variables cannot be counted"
    text = TemplateText(template.text)
    if text.variables != params:
        return (
            f"it has {_variables(text.variables)}, but its records have {_parameters(params)}; "
            "choose as many columns with --param, or take another template"
        )
    return text


def _variables(number: int) -> str:
    if number < 2:
        return "1 variable, {1}" if number else "no variable"
    return f"{number} variables, {{1}} to {{{number}}}"


def _parameters(number: int) -> str:
    return count(number, "parameter") if number else "no parameter"


def _measured(
    check: TemplateCheck,
    text: TemplateText,
    view: View,
    reject: Reject,
    watch: Callable[[int], None],
) -> TemplateCheck:
    """Measure the pending messages of a template, and reject those that are too long."""
    messages = parts = ucs2 = multipart = most_parts = 0
    first = first_ucs2 = longest = _NOBODY
    pending = view.pending_messages(check.template_id)
    while some := list(islice(pending, _CHUNK)):
        too_long = []
        for one in some:
            _, place, _, params = one
            size = text.size(params)
            if size.characters > MOST_CHARACTERS:
                too_long.append((one, _too_long(size, check.template_id)))
                continue
            messages += 1
            parts += size.parts
            multipart += size.parts > 1
            if place < first[1]:  # tasks come one after the other, and not in the input's order
                first = one
            if size.encoding is Encoding.UCS2:
                ucs2 += 1
                if place < first_ucs2[1]:
                    first_ucs2 = one
            if size.parts > most_parts or (size.parts == most_parts and place < longest[1]):
                most_parts, longest = size.parts, one
        if too_long:
            reject(too_long)
        watch(len(some))

    def shown(one: Pending) -> Message | None:
        if one is _NOBODY:
            return None
        _, place, line, params = one
        return Message(text.message(params), *text.size(params), view.source_of(place), line)

    return msgspec.structs.replace(
        check,
        messages=messages,
        parts=parts,
        ucs2=ucs2,
        multipart=multipart,
        first=shown(first),
        first_ucs2=shown(first_ucs2) if text.encoding is Encoding.GSM else None,
        longest=shown(longest),
    )


def _too_long(size: Size, template: str) -> str:
    return (
        f"its message has {size.characters:,} characters with the text of template "
        f"{quoted(template)}, and {MOST_CHARACTERS} are the most"
    )
