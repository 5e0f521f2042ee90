"""Chinese writing: its characters, the simplified form of traditional ones, and how they sound."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from typing import Any

from .extras import require

# Ranges for a class of a regular expression: CJK unified ideographs, extension A, compatibility.
HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_CHARACTER = re.compile(f"[{HAN}]")
_WORD = re.compile(rf"[{HAN}]|[^\s{HAN}]+")
_LETTER = re.compile(r"[^\W\d_]")
# Full-width digits, letters and the signs of values and units; not the signs that part sentences.
_WIDE = (
    "".join(chr(code + 0xFEE0) for code in range(0x21, 0x7F) if chr(code).isalnum())
    + "％／．＋＜＞"
)
_NARROW = str.maketrans({wide: chr(ord(wide) - 0xFEE0) for wide in _WIDE})
# A text is Chinese from this part of its letters on: "患者服用 metformin 500 mg" is, a paper that
# cites "麻黄 (Ephedra)" is not.
_LEAST_SHARE = 0.2


def has_han(text: str) -> bool:
    """Whether a text has a Chinese character."""
    return _CHARACTER.search(text) is not None


def is_chinese(text: str) -> bool:
    """Whether a text is to be read as Chinese: a fifth of its letters or more are characters."""
    characters = len(_CHARACTER.findall(text))
    return characters > 0 and characters >= _LEAST_SHARE * len(_LETTER.findall(text))


def word_count(text: str) -> int:
    """How many words a text has, each Chinese character counted as one."""
    return len(_WORD.findall(text))


def simplified(text: str) -> str:
    """A text with traditional characters made simplified, by OpenCC, and full-width digits and
    letters made narrow, one for one.

    Other text stays as it is, and so do traditional characters where OpenCC (the extra `chinese`)
    is not installed.
    """
    text = text.translate(_NARROW)
    if not has_han(text) or find_spec("opencc") is None:
        return text
    converted: str = _converter().convert(text)
    # Of characters that OpenCC's phrases make of other lengths offsets would no longer hold.
    return converted if len(converted) == len(text) else "".join(map(_converter().convert, text))


def pinyin(text: str) -> tuple[str, ...]:
    """The syllables of a text's characters, without tones; other characters as they are.

    Raises:
        MissingExtraError: pypinyin is not installed.
    """
    require("pypinyin", "chinese")
    from pypinyin import lazy_pinyin

    return tuple(lazy_pinyin(text))


@cache
def _converter() -> Any:
    """OpenCC's converter; its tables take a tenth of a second to read."""
    from opencc import OpenCC

    return OpenCC("t2s")
