"""Outcomes and fates: what they are called, and where the recipients with one are found."""

from typing import Literal, get_args

Outcome = Literal["accepted", "failed", "unknown", "pending", "invalid", "duplicate", "excluded"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

Fate = Literal["delivered", "undelivered", "waiting"]  # of the message to an accepted recipient
FATES: tuple[Fate, ...] = get_args(Fate)

NOT_LEFT_OUT = "NOT EXISTS (SELECT 1 FROM left_out l WHERE l.task = r.task AND l.id = r.id)"
"""Whether a recipient `r` is to be sent to, as far as its task is."""

_OWNED = """
FROM request q JOIN span s ON s.request = q.id
JOIN recipient r ON r.task = s.task AND r.id BETWEEN s.first AND s.last
JOIN task t ON t.id = r.task
LEFT JOIN apart a ON a.task = r.task AND a.id = r.id
"""
"""The recipients that requests own, each with its request, its task and what sets it apart."""

_COLUMNS = "r.id, r.phone, r.params, t.template, t.sender"

# A request is looked into only where it owns a recipient with the outcome: its counts tell.
_SENT = f"""
SELECT {_COLUMNS}, COALESCE(a.reason, q.reason,
    CASE WHEN q.ended IS NULL THEN :unanswered END), r.line
{_OWNED}
WHERE q.{{outcome}} > 0 AND COALESCE(a.outcome, q.outcome) = :outcome
  AND {NOT_LEFT_OUT}
ORDER BY r.id
"""

_LEFT_OUT = f"""
SELECT {_COLUMNS}, l.reason, r.line
FROM left_out l JOIN recipient r ON r.task = l.task AND r.id = l.id JOIN task t ON t.id = r.task
WHERE l.outcome = :outcome ORDER BY r.id
"""

_RECEIVED = f"""
SELECT {_COLUMNS}, x.reason, r.line
FROM receipt x JOIN recipient r ON r.task = x.task AND r.id = x.id JOIN task t ON t.id = r.task
WHERE x.delivered = {{}} ORDER BY r.id
"""

_WAITING = f"""
SELECT {_COLUMNS}, IFNULL(x.reason, 'no receipt yet'), r.line
{_OWNED}
LEFT JOIN receipt x ON x.task = r.task AND x.id = r.id
LEFT JOIN receipt_count c ON c.request = q.id
WHERE q.accepted > IFNULL(c.delivered + c.undelivered, 0)
  AND COALESCE(a.outcome, q.outcome) = 'accepted' AND x.delivered IS NULL
  AND {NOT_LEFT_OUT}
ORDER BY r.id
"""

PENDING_FROM = f"""
FROM task t JOIN recipient r ON r.task = t.id
WHERE t.reason IS NULL AND {NOT_LEFT_OUT}
  AND r.id > IFNULL((SELECT s.last FROM span s WHERE s.task = r.task AND s.first <= r.id
                     ORDER BY s.first DESC LIMIT 1), 0)
"""
"""The pending recipients `r`, each with its task `t`."""

ROWS: dict[Outcome | Fate, str] = {
    "accepted": _SENT.format(outcome="accepted"),
    "failed": _SENT.format(outcome="failed"),
    "unknown": _SENT.format(outcome="unknown"),
    "delivered": _RECEIVED.format(1),
    "undelivered": _RECEIVED.format(0),
    "waiting": _WAITING,
    "pending": f"SELECT {_COLUMNS}, NULL, r.line {PENDING_FROM} ORDER BY r.id",
    "duplicate": _LEFT_OUT,
    "excluded": _LEFT_OUT,
    "invalid": f"""
        SELECT id, phone, params, template, sender, reason, line FROM invalid
        UNION ALL
        SELECT {_COLUMNS}, t.reason, r.line
        FROM task t JOIN recipient r ON r.task = t.id WHERE t.reason IS NOT NULL
        UNION ALL
        SELECT {_COLUMNS}, l.reason, r.line
        FROM left_out l JOIN recipient r ON r.task = l.task AND r.id = l.id
        JOIN task t ON t.id = r.task WHERE l.outcome = 'invalid'
        ORDER BY 1
        """,
}
"""The records with each outcome or fate, in the order of the input: id, phone, parameters,
template, sender, reason and line. `:outcome` is the outcome, `:unanswered` the reason where no
answer came."""
