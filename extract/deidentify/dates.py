"""Dates in all forms that notes have, but for those that only their context tells.

A year, a weekday or a time alone is no identifier, and "3/10" may be a pain score: the model of
`network.py` decides what these patterns leave open.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth",
    "eighteenth", "nineteenth", "twentieth", "twenty-first", "twenty-second", "twenty-third",
    "twenty-fourth", "twenty-fifth", "twenty-sixth", "twenty-seventh", "twenty-eighth",
    "twenty-ninth", "thirtieth", "thirty-first",
)  # fmt: skip
# Days that calendars name, of many countries and faiths: with "Day", "Eve" or a weekday after it.
_WITH_DAY = (
    r"Christmas|Xmas|New Year['’]?s?|Easter|Thanksgiving|Hallowe['’]?en|Independence|Memorial"
    r"|Labou?r|Veterans['’]?|Columbus|Indigenous Peoples['’]?|Martin Luther King(?:,? Jr\.?)?|MLK"
    r"|Presidents?['’]?s?|Valentine['’]?s?|(?:St\.?|Saint) \w{4,10}['’]?s?|Burns|Mother['’]?s['’]?"
    r"|Father['’]?s['’]?|Mothering|Boxing|Ash|Shrove|Palm|Maundy|Holy|Whit|Pancake|Groundhog"
    r"|Canada|Australia|Anzac|Waitangi|Bastille|Victoria|Remembrance|Armistice|All Saints['’]?"
    r"|All Souls['’]?|May|Republic|King['’]s|Queen['’]s|Ascension|Lunar New Year|Chinese New Year"
    r"|Flag|Family|Heritage|Freedom|Unity|National|Constitution|Liberation|Bonfire|Guy Fawkes"
    r"|Orthodox (?:Easter|Christmas)|Grandparents['’]?|Election|Patriots['’]?|Earth|Super Bowl"
)
_ALONE = (
    r"Christmas|Xmas|Easter|Thanksgiving|Hallowe['’]?en|Juneteenth|Kwanzaa|Cinco de Mayo"
    r"|D[ií]a de (?:los )?Muertos|Mardi Gras|Hogmanay|Passover|Yom Kippur|Rosh Hashanah?"
    r"|C?Hann?uk+ah?|Sukkot|Purim|Shavuot|Pesach|Simchat Torah|Ramadan|Eid(?:[ -][au]l[ -]\w+)?"
    r"|Ashura|Muharram|Mawlid|Diwali|Deepavali|Holi|Navratri|Dussehra|Durga Puja|[VB]aisakhi|Vesak"
    r"|Onam|Pongal|Janmashtami|Raksha Bandhan|Ganesh Chaturthi|(?:Lunar |Chinese )?New Year['’]?s?"
    r"|Now?ruz|Norouz|Songkran|Chuseok|Seollal|Obon|Golden Week|Timkat|Meskel|Pentecost|Whitsun"
    r"|Epiphany|Candlemas|Lammas|Michaelmas|Martinmas|Corpus Christi|Midsummer(?:['’]s)?"
    r"|Mid-Autumn Festival|Dragon Boat Festival|Qingming|(?:the )?(?:Fourth|4th) of July"
    r"|Guy Fawkes|Twelfth Night|St(?:\.|aint)? (?:Patrick|Valentine|George|Andrew)['’]?s"
    r"|Valentine['’]?s"
)
_DAY_NAMED = (
    r"(?:Day|Eve|Sunday|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Night|Weekend|week)"
)


def any_of(words: Iterable[str], joined: str) -> str:
    """A pattern of any of the words, the longest first; their parts may be parted otherwise."""
    longest_first = sorted(words, key=len, reverse=True)
    return "|".join(word.replace(joined, "[- ]") for word in longest_first)


_D = r"(?:0?[1-9]|[12]\d|3[01])"  # day
_M = r"(?:0?[1-9]|1[0-2])"  # month
_Y4 = r"(?:1[89]\d\d|20\d\d)"
_Y2 = r"\d\d"
_LONG = "|".join(MONTHS)
_SHORT = r"jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
_JOINED = rf"(?:{_LONG}|{_SHORT})"  # between signs: 5-Mar-24
_MONTH = rf"(?:(?:{_LONG})\b|(?:{_SHORT})\b\.?)"
_ORDINAL = any_of(ORDINALS, "-")
_DAY = rf"(?:(?:{_ORDINAL})|{_D}(?:\s?(?:st|nd|rd|th))?)"
_ONES = r"(?:one|two|three|four|five|six|seven|eight|nine)"
_TEENS = r"(?:ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen)"
_TENS = r"(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
_TWO_DIGITS = rf"(?:{_TENS}(?:[- ]{_ONES})?|{_TEENS}|oh[- ]{_ONES}|{_ONES})"
_SPOKEN_YEAR = (
    rf"(?:(?:nineteen|twenty|eighteen)[- ](?:hundred[- ](?:and[- ])?)?{_TWO_DIGITS}"
    rf"|two thousand(?:[- ](?:and[- ])?{_TWO_DIGITS})?)"
)
_YEAR = rf"(?:{_Y4}|['’]\d\d|{_SPOKEN_YEAR})\b"
_TO = r"\s?(?:-|–|—|/|to|until|till|through|thru|and|or|&)\s?"
_NO_QUANTITY = r"(?![/%]|[.,:]?\d|\s?(?:mg|ml|mcg|g|units?|tabs?|weeks?|months?|times)\b)"


def _numbers(first: str, second: str, third: str) -> str:
    """Three numbers with the same sign between them: a slash, a hyphen or a full stop."""
    return "|".join(
        rf"{first}\s?{sign}\s?{second}\s?{sign}\s?{third}" for sign in ("/", "-", r"\.")
    )


_PATTERNS = (
    # 2024-03-05 (also before a time's T), 2024/3/5, 20240305
    rf"(?<![\d/.-])(?:{_numbers(_Y4, _M, _D)})(?!\d|[-/.]\d)",
    rf"\b{_Y4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?=\b|T\d)",
    # 03/05/2024, 5.3.24, 05-03-2024, in either order
    rf"(?<![\d/.-])(?:{_numbers(_D, _M, f'(?:{_Y4}|{_Y2})')})(?!\d|[-/.]\d)",
    rf"(?<![\d/.-])(?:{_numbers(_M, _D, f'(?:{_Y4}|{_Y2})')})(?!\d|[-/.]\d)",
    rf"(?<![\d/.-]){_M}[/-]{_Y4}(?!\d|[-/]\d)",
    # 3/4-3/9
    rf"(?<![\d/.-]){_D}/{_D}\s?[-–]\s?{_D}/{_D}(?![\d/-])",
    # 3-7 March (2024), 3rd to 7th of March; March 3-7(, 2024)
    rf"\b{_DAY}{_TO}(?:the\s)?{_DAY}\s(?:of\s)?{_MONTH}(?:,?\s{_YEAR})?",
    rf"\b{_MONTH}\s(?:the\s)?{_DAY}{_TO}(?:the\s)?{_DAY}\b{_NO_QUANTITY}(?:,?\s{_YEAR})?",
    # 5 March 2024, 5th of March, the fifth of March nineteen eighty two, 5-Mar-24, 05MAR2024
    rf"\b{_DAY}\s(?:(?:day\s)?of\s)?{_MONTH}(?:,?\s(?:in\s|of\s)?{_YEAR})?",
    rf"\b{_D}[-/. ]{_JOINED}[-/. ](?:{_Y4}|['’]?{_Y2})\b(?!:)",
    rf"\b{_D}[-/]?{_JOINED}(?:['’]?(?:{_Y4}|{_Y2}))?\b",
    rf"\b{_Y4}[-/. ]{_JOINED}[-/. ]{_D}\b",
    # March 5, 2024; March the fifth; Mar 5th '24
    rf"\b{_MONTH}\s(?:the\s)?{_DAY}\b{_NO_QUANTITY}(?:,?\s(?:of\s)?{_YEAR})?",
    rf"\b{_JOINED}[-/]{_D}[-/](?:{_Y4}|{_Y2})\b",
    # March 2024, March of 2024, Mar-24, Mar '24
    rf"\b{_MONTH},?\s(?:of\s|in\s)?{_YEAR}",
    rf"\b{_JOINED}[-/ ]['’]?(?:{_Y4}|{_Y2})\b{_NO_QUANTITY}",
    # A month alone, but for those that are words.
    rf"\b(?:{'|'.join(month for month in MONTHS if month not in ('march', 'may'))})\b",
    rf"\b(?:in|since|until|till|during|of|last|next|this|every|late|early|mid)[- ]({_MONTH})",
    # on the 5th, since the twenty-first
    rf"\b(?:on|since|until|till|by|from|before|after)\sthe\s({_DAY}(?<=[a-z]))\b(?=\s*(?:[,.;:)\n]|$"
    r"|(?:and|at|for|with|w|by|was|of\sth(?:is|e)\smonth)\b))",
    # Days of months in figures, where a word before them says so: "on 3/4", and no "pain 3/4".
    rf"\b(?:on|since|until|till|dated?|due|starting|beginning|after|before)\s({_D}/{_D})(?![\d/]|\s?(?:pain|strength|on\b))",
    rf"\b(?:{_WITH_DAY})\s{_DAY_NAMED}\b",
    r"\bGood\sFriday\b",
    rf"\b(?:{_ALONE})\b",
)
_DATES = [re.compile(pattern, re.IGNORECASE) for pattern in _PATTERNS]


def find_dates(text: str) -> Iterator[tuple[int, int]]:
    """The places of dates, those that overlap included; a month that is a word only capitalised."""
    for pattern in _DATES:
        for match in pattern.finditer(text):
            group = 1 if pattern.groups else 0
            start, end = match.span(group)
            if match[group].lower() in ("may", "march", "mar") and not match[group][0].isupper():
                continue
            yield start, end
