"""What a verdict means for the recipients of a request, as it is recorded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

_AGAIN = "an earlier request may have taken it; sent again"


class Apart(NamedTuple):
    """A recipient that fared differently from the rest of its request."""

    task: int
    id: int
    outcome: Literal["failed", "unknown"]
    reason: str


class SessionRow(NamedTuple):
    """A session number as it is kept; None: several, or not known."""

    no: str
    template: str | None
    sender: str | None
    recipients: int | None


@dataclass(frozen=True, slots=True)
class SentCounts:
    """How many of those who were sent have each outcome that this can end in."""

    accepted: int = 0
    failed: int = 0
    unknown: int = 0

    @property
    def total(self) -> int:
        """How many there are of all three."""
        return self.accepted + self.failed + self.unknown

    def __add__(self, other: "SentCounts") -> "SentCounts":
        return SentCounts(
            self.accepted + other.accepted,
            self.failed + other.failed,
            self.unknown + other.unknown,
        )


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a verdict means for the recipients of a request.

    `outcome` is that of all but those in `apart`; "pending" gives them back.
    """

    verdict: str
    outcome: Literal["accepted", "failed", "unknown", "pending"]
    reason: str | None = None
    apart: Sequence[Apart] = ()
    sessions: Sequence[SessionRow] = ()

    def counts(self, size: int) -> SentCounts:
        """Return how many of a request's `size` recipients it makes accepted, failed, unknown."""
        failed = sum(one.outcome == "failed" for one in self.apart)
        unknown, others = len(self.apart) - failed, size - len(self.apart)
        return SentCounts(
            accepted=others * (self.outcome == "accepted"),
            failed=failed + others * (self.outcome == "failed"),
            unknown=unknown + others * (self.outcome == "unknown"),
        )

    def of_resend(self) -> "Settlement":
        """Return what it means for recipients who were unknown before, and were sent again.

        They become accepted or stay unknown: that the API says no now tells nothing of the request
        before.
        """
        apart = [
            one._replace(outcome="unknown", reason=f"{_AGAIN}: {one.reason}") for one in self.apart
        ]
        if self.outcome == "accepted":
            return replace(self, apart=apart)
        reason = f"{_AGAIN}: {self.reason}"
        return replace(self, outcome="unknown", reason=reason, apart=apart)
