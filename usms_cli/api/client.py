"""SendBatchUSMSMessage: one request in, one verdict out."""

from dataclasses import replace

from usms_cli.api.connection import Answer, Connection
from usms_cli.api.verdicts import Taken, Unknown, Verdict, judge, judge_failure
from usms_cli.settings import Account

SEND_PATH = "/api/v1/usms/SendBatchUSMSMessage"


class Client:
    """Makes requests over a connection of its own, kept open between them. For one thread.

    :param timeout: seconds for one request, from its start to the last byte of its answer.
    :raises UsageError: the address cannot be used.
    """

    def __init__(self, account: Account, timeout: float) -> None:
        self._connection = Connection(account, timeout)
        self._timeout = timeout

    def close(self) -> None:
        self._connection.close()

    def send(self, body: bytes) -> Verdict:
        """Make one request, once. Raises nothing: not to know is a verdict too."""
        came = self._connection.exchange("POST", SEND_PATH, body=body)
        if isinstance(came, Answer):
            verdict = judge(came.status, came.headers, came.body)
        else:
            verdict = judge_failure(came.error)
        if came.late and isinstance(verdict, Unknown):
            return Unknown(f"no answer within {self._timeout:g} seconds")
        return self._discreet(verdict)

    def _discreet(self, verdict: Verdict) -> Verdict:
        """Return the verdict without the secret in its words, should the answer repeat it."""
        masked = self._connection.masked
        if isinstance(verdict, Taken):
            failed = (replace(one, reason=masked(one.reason)) for one in verdict.failed)
            return replace(verdict, failed=tuple(failed))
        return replace(verdict, reason=masked(verdict.reason))
