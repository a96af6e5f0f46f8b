"""A message as its reader gets it: the text with its parameters, its encoding and its parts.

The rules are the provider's, as published: up to 160 letters of the GSM 7-bit alphabet are one
message, or up to 70 of any other; longer text is cut into parts of 154 and 67, each of which is
charged; 500 characters are the most. Where they leave open what a character is, it is counted as
the networks do: by GSM 03.38 a letter of the extension table is two, and in UCS-2 a character is as
many as it takes UTF-16 units, so an emoji is two or more. For the limit of 500 each is one, so that
nothing is refused that could be sent.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

MOST_CHARACTERS = 500

# GSM 03.38 (3GPP TS 23.038, section 6.2.1): the default alphabet and its extension table.
_ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = "\f^{}\\[~]|€"

_is_basic = re.compile(f"[{re.escape(_ALPHABET)}]*").fullmatch
_is_gsm = re.compile(f"[{re.escape(_ALPHABET + _EXTENSION)}]*").fullmatch
_extension_letters = re.compile(f"[{re.escape(_EXTENSION)}]").findall
_two_units = re.compile("[\U00010000-\U0010ffff]").findall
_VARIABLE = re.compile(r"\{([1-9][0-9]{0,2})\}", re.ASCII)


class Encoding(StrEnum):
    """How a message goes over the air."""

    GSM = "GSM 7-bit"
    UCS2 = "UCS-2"


_PARTS = {Encoding.GSM: (160, 154), Encoding.UCS2: (70, 67)}  # one message, a part of several


class Size(NamedTuple):
    """How long a message is; `parts` is what it costs."""

    characters: int
    encoding: Encoding
    parts: int


class TemplateText:
    """A template's text, in which `{1}`, `{2}` … stand for the parameters.

    Parameters are given by their place, so a template has as many variables as its highest number,
    whether a number stands in it once, several times or not at all.
    """

    def __init__(self, text: str) -> None:
        pieces = _VARIABLE.split(text)  # fixed text and numbers in turn
        self._fixed = pieces[::2]
        self._places = [int(number) - 1 for number in pieces[1::2]]
        self.variables = max(self._places, default=-1) + 1
        self._in_order = self._places == list(range(self.variables))
        fixed = "".join(self._fixed)
        self.encoding = Encoding.GSM if _is_gsm(fixed) else Encoding.UCS2
        self._characters = len(fixed)
        self._gsm_units = len(fixed) + len(_extension_letters(fixed))
        self._ucs2_units = len(fixed) + len(_two_units(fixed))

    def message(self, params: Sequence[str]) -> str:
        """Return the text with its parameters, one for each variable."""
        return self._fixed[0] + "".join(
            params[place] + fixed
            for place, fixed in zip(self._places, self._fixed[1:], strict=True)
        )

    def size(self, params: Sequence[str]) -> Size:
        """Return the size of `message(params)`, without putting that together."""
        filled = "".join(params if self._in_order else [params[place] for place in self._places])
        characters = self._characters + len(filled)
        units = len(filled)
        if self.encoding is Encoding.GSM:
            if _is_basic(filled):
                return _size(characters, self._gsm_units + units, Encoding.GSM)
            if _is_gsm(filled):
                units += len(_extension_letters(filled))
                return _size(characters, self._gsm_units + units, Encoding.GSM)
        if not filled.isascii():
            units += len(_two_units(filled))
        return _size(characters, self._ucs2_units + units, Encoding.UCS2)


@lru_cache(maxsize=4096)  # messages of a list are of few sizes
def _size(characters: int, units: int, encoding: Encoding) -> Size:
    single, part = _PARTS[encoding]
    return Size(characters, encoding, 1 if units <= single else -(-units // part))
