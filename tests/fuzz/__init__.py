"""A fuzzer for all that reads what comes from outside: files, answers, settings and runs.

    __main__   the command, and one case from its number to what came of it
    making     hostile input, made of what people really have
    readers    a file by its reader, held against what other means read in it:
    oracles    texts, sign by sign and by Python's csv and json
    sheets     workbooks
    drafts     several files into a draft
    answers    answers to a request, and their verdicts
    questions  answers to questions: receipts and templates
    kept       what was written before: settings and runs

A few hundred cases of it run with the tests (tests/test_fuzz.py).
"""
