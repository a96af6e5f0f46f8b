"""What the check of templates found, for people: what readers will see, and what it costs.

On a terminal at most twenty that differ and five others are shown; elsewhere all.
"""

from collections.abc import Iterator
from itertools import islice

from rich.console import Console
from rich.text import Text

from usms_cli.messages import Encoding
from usms_cli.template_findings import Message, TemplateCheck, TemplateChecks
from usms_cli.text import count, quoted, visible

_DIFFERING = 20
_OTHERS = 5


def differences(checks: TemplateChecks) -> Iterator[str]:
    """Yield a line for each template that cannot be sent, at most twenty, and how many more."""
    for check in islice(checks.differing(), _DIFFERING):
        yield _difference(check)
    if checks.problems > _DIFFERING:
        more = count(checks.problems - _DIFFERING, "more template")
        yield f"and {more}; --json lists them all"


def _difference(check: TemplateCheck) -> str:
    where = f"{visible(check.source)}:{check.line}"
    return f"template {quoted(check.template_id)} ({where}): {visible(check.problem or '')}"


def print_templates(checks: TemplateChecks, console: Console) -> None:
    """Print the templates that differ, then the first message and the cost of the others."""
    differing, good = checks.problems, checks.templates - checks.problems
    shown = (_DIFFERING, _OTHERS) if console.is_terminal else (differing, good)
    if differing:
        _print(console, "")
        for check in islice(checks.differing(), shown[0]):
            _print(console, _difference(check), "red")
    for check in islice((check for check in checks if check.problem is None), shown[1]):
        _print(console, "")
        for line, style in _lines(check):
            _print(console, line, style)
    if hidden := max(0, differing - shown[0]) + max(0, good - shown[1]):
        _print(console, f"\nand {count(hidden, 'more template')}; --json lists them all")
    if good:
        messages = count(checks.messages, "message")
        if good > 1:
            messages += f" of {good:,} templates"
        parts = count(checks.parts, "part")
        _print(console, f"\n{messages}: {parts} by the provider's published rules", "bold")


def _lines(check: TemplateCheck) -> Iterator[tuple[str, str]]:
    heading = f"Template {quoted(check.template_id)}: {count(check.messages, 'message')}, "
    yield heading + count(check.parts, "part"), "bold"
    first, ucs2, longest = check.first, check.first_ucs2, check.longest
    if first is None or longest is None:
        yield "No message is short enough to be sent", "red"
        return
    yield f"First message ({_size(first)}):", ""
    yield visible(first.text), "cyan"
    of = f"of {check.messages:,}"
    if ucs2:
        why = f"since a parameter has characters that {Encoding.GSM} lacks"
        yield f"{check.ucs2:,} {of} in {Encoding.UCS2}, {why}; the first: {_size(ucs2)}", "yellow"
    if longest.parts > first.parts:
        more = f"{check.multipart:,} {of} in more than one part"
        yield f"{more}; the most: {_size(longest)}", "yellow"


def _size(message: Message) -> str:
    characters, parts = count(message.characters, "character"), count(message.parts, "part")
    return f"{visible(message.source)}:{message.line}, {characters}, {message.encoding}, {parts}"


def _print(console: Console, line: str, style: str = "") -> None:
    console.print(Text(line, style), soft_wrap=not console.is_terminal)
