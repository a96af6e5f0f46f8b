"""Options in, exit status out; one module a command.

What a command needs is imported when it runs: `usms --version` and completion pay for none of it.
"""
