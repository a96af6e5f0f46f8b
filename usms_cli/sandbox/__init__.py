"""A stand-in for the uSpeedo API on loopback: nothing it takes is ever sent to anybody.

Of the standard library, so that it shares no code with the client that it tests (but for
`text.visible`, which makes its log safe to show).

    server    Sandbox: sockets, HTTP, threads
    api       which path does what, and the real API's checks of a request
    account   what the sandbox has taken, and the receipts for it
    rules     the test phones, templates, keys and senders, one table each
    answers   an answer, and how it is delivered

Users read docs/sandbox.md; a test keeps it in step with the tables.
"""

from usms_cli.sandbox.server import Sandbox

__all__ = ["Sandbox"]
