"""What the options about recipients may choose from. Imports nothing, for the sake of start-up."""

from typing import Literal

Format = Literal["csv", "tsv", "json", "jsonl", "xlsx"]
PhoneCheck = Literal["valid", "possible"]
