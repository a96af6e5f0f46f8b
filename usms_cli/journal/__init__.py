"""The run on disk: recipients, requests and outcomes. The only room that knows SQL.

    schema      what a run file holds, and how one is opened
    outcomes    what outcomes are called, and where the recipients with one are found
    draft       a run that is being written, before anything may be sent
    writer      its recipients, thousands in a statement
    exclusions  the phones it must never be sent to
    ledger      the sending side: what is pending, what was started, what came of it
    settlement  what came of a request, as it is recorded
    receipts    what became of the accepted recipients' messages, as it is learned
    view        the reading side: counts, session numbers, recipients by outcome
    figures     sums over a run: reasons, templates, requests over time
    store       the state directory: names, locks, finding and deleting runs

Knows nothing of HTTP or terminals.
"""
