"""Options in, exit status out; one module a command.

    app                the commands, put together
    send, resume, runs, show, receipts, sandbox
                       a command each: its options, and what is done with them
    options            the options that several commands share
    calls              what is wrong with a call, in our words
    guard              how every command ends
    terminal           what a person sees: streams, questions, notices, progress
    sending            `send` in order: from files to a run on disk
    admission          whether that run may begin or go on
    template_checking  `--check-template` in order
    question           the question before a send
    delivering         what `send` and `resume` share: a run is sent, and reported
    inquiring          `receipts` in order

What a command needs is imported when it runs: `usms --version` and completion pay for none of it.
"""
