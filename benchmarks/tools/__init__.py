"""What the benchmarks share: lists, a gateway, and a clock that stands outside.

data.py        lists of recipients, the same on every machine
gateway.py     a stand-in for the API that costs next to nothing
measure.py     time and peak memory of a command
spawn.py       the small parent that a measured command is started from
contestants.py who is compared: ours, the yardsticks, and where those are installed
tables.py      what was measured, on what machine, as Markdown
"""
