"""A stand-in for the uSpeedo API on loopback: nothing it takes is ever sent to anybody.

Standard library only, so that it shares no code with the client that it tests.

    server.py   Sandbox: sockets, HTTP, threads
    api.py      which path does what, and the real API's checks of a request
    account.py  what the sandbox has taken, and the receipts for it
    rules.py    the test phones, templates, keys and senders, one table each
    answers.py  an answer, and how it is delivered

Users read docs/sandbox.md; a test keeps it in step with the tables.
"""

from usms_cli.sandbox.server import Sandbox

__all__ = ["Sandbox"]
