"""Numbers below a hundred as they are spoken."""

from __future__ import annotations

_ONES = (
    "", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
# By their value, with a blank between tens and ones; 0 is empty.
UP_TO_99 = [
    " ".join(w for w in ((_TENS[n // 10], _ONES[n % 10]) if n >= 20 else (_ONES[n],)) if w)
    for n in range(100)
]
