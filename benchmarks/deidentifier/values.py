"""Values of the training notes: people, places, numbers, codes and dates, all made up."""

from __future__ import annotations

import calendar
import datetime
import random
import re
import string
import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from faker import Faker

from medkg.extract.deidentify.dates import ORDINALS

FOLDER = Path(__file__).parent
# Locales of Faker (MIT) that write their names in Latin letters.
LOCALES = (
    "en_US", "en_US", "en_US", "en_GB", "en_GB", "en_IN", "en_AU", "en_CA", "en_IE", "en_NZ", "es_MX",
    "es_ES", "fr_FR", "fr_CA", "de_DE", "it_IT", "pl_PL", "nl_NL", "pt_BR", "pt_PT", "tr_TR", "vi_VN",
    "yo_NG", "zu_ZA", "id_ID", "fil_PH", "sv_SE", "fi_FI", "no_NO", "dk_DK", "hu_HU", "cs_CZ", "ro_RO",
    "hr_HR", "sk_SK", "sl_SI", "lt_LT", "lv_LV", "et_EE", "sw", "ha_NG", "ig_NG", "tw_GH", "az_AZ",
)  # fmt: skip
_SIGNS = {
    "#": string.digits, "%": "123456789", "@": "ABCDEFGHJKLMNPQRSTUVWXYZ", "~": string.ascii_lowercase,
    "*": string.ascii_uppercase + string.digits,
}  # fmt: skip


class Person(NamedTuple):
    """A person of a note."""

    female: bool
    first: str
    last: str


@cache
def lists() -> dict[str, list[str]]:
    """The lists of `lists.toml`, by name."""
    table = tomllib.loads((FOLDER / "lists.toml").read_text(encoding="utf-8"))
    return {
        name: [
            word.strip().replace("_", " ")
            for word in re.split(r"\|\s*" if "|" in words else r"\s+", words.strip())
            if word.strip()
        ]
        for name, words in table.items()
    }


@cache
def words() -> list[str]:
    """Everyday words, of which some are surnames as well."""
    return (FOLDER / "words.txt").read_text(encoding="utf-8").split()


@cache
def _of_faker() -> dict[str, list[list[str]]]:
    """First names of both sexes, surnames and towns of each locale."""
    names: dict[str, list[list[str]]] = {"female": [], "male": [], "last": [], "town": []}
    for number, locale in enumerate(LOCALES):
        try:
            faker = Faker(locale)
        except AttributeError:
            continue
        faker.seed_instance(number)
        of_locale = {
            "female": {faker.first_name_female() for _ in range(250)},
            "male": {faker.first_name_male() for _ in range(250)},
            "last": {faker.last_name() for _ in range(400)},
            "town": {faker.city() for _ in range(200)},
        }
        for kind, values in of_locale.items():
            names[kind].append(sorted(v for v in values if len(v) > 1 and v[0].isupper()))
    return names


def all_of(kind: str) -> list[str]:
    """All names of a kind that notes may have, but for invented ones."""
    own = lists()["towns" if kind == "town" else kind]
    return [*own, *(name for names in _of_faker()[kind] for name in names)]


@cache
def _pairs(kind: str) -> dict[str, list[str]]:
    """What follows two letters in the names of a kind, for names that nobody has."""
    follows: dict[str, list[str]] = {}
    for name in [*lists()[kind], *(n for each in _of_faker()[kind] for n in each)]:
        framed = f"^^{name.lower()}$"
        for place in range(2, len(framed)):
            follows.setdefault(framed[place - 2 : place], []).append(framed[place])
    return follows


def _invented(draw: random.Random, kind: str) -> str:
    while True:
        name = "^^"
        while not name.endswith("$") and len(name) < 14:
            name += draw.choice(_pairs(kind)[name[-2:]])
        name = name.strip("^$").strip()
        if 3 <= len(name) <= 11 and name.isalpha():
            return name.title()


def name(draw: random.Random, kind: str) -> str:
    """A first name (`female`, `male`) or surname (`last`): known, of our lists, or invented."""
    chance = draw.random()
    if chance < 0.22:
        return draw.choice(lists()[kind])
    if chance < 0.26:
        return draw.choice(words()).title()
    if chance < 0.45:
        return _invented(draw, kind)
    word = draw.choice(draw.choice(_of_faker()[kind]))
    if chance < 0.49:
        return f"{word}-{draw.choice(draw.choice(_of_faker()[kind]))}"
    if kind == "last" and chance < 0.52:
        return draw.choice(["O'", "Mc", "Mac", "Fitz", "D'"]) + word
    return word


def person(draw: random.Random, last: str | None = None) -> Person:
    """Somebody."""
    female = draw.random() < 0.5
    return Person(female, name(draw, "female" if female else "male"), last or name(draw, "last"))


def town(draw: random.Random) -> str:
    """A town: a real one, one of Faker's, or one put together."""
    chance = draw.random()
    if chance < 0.3:
        return draw.choice(lists()["towns"])
    if chance < 0.65:
        return draw.choice(draw.choice(_of_faker()["town"]))
    word = draw.choice(lists()["town_words"]) + draw.choice(lists()["town_ends"])
    if chance < 0.8:
        return word.title()
    return f"{word.title()} {draw.choice(lists()['town_more'])}"


def _namesake(draw: random.Random) -> str:
    """What places are called after."""
    word = draw.choice(lists()["town_words"]).title()
    return draw.choice([
        lambda: name(draw, "last"), lambda: town(draw), lambda: word,
        lambda: f"{draw.choice(['St.', 'St', 'Saint'])} {name(draw, draw.choice(['female', 'male']))}'s",
        lambda: f"{word}{draw.choice(lists()['town_ends'])}",
        lambda: f"{draw.choice(['North', 'South', 'East', 'West', 'Royal', 'Old', 'New', 'Mount', 'Holy', 'Sacred', 'Lake', 'Queen', 'Prince', 'Our Lady of'])} {town(draw)}",
    ])()  # fmt: skip


_PLACES = {
    "hospital": "General Hospital|Hospital|Medical Center|Medical Centre|Memorial Hospital|Infirmary|Regional"
    "|Health System|University Hospital|Community Hospital|Children's|VA Medical Center|County Hospital|General"
    "|Regional Medical Center|Health|District General|Royal Infirmary|Women's Hospital|Cancer Institute|NHS Trust"
    "|Rehabilitation Hospital|Mercy|Baptist|Heart Institute|Eye Hospital|Medical College",
    "clinic": "Clinic|Family Practice|Health Center|Medical Group|Associates|Urgent Care|Walk-in Centre|Cardiology"
    "|Orthopedics|Dialysis|Imaging|Primary Care|Physicians|Dental|Women's Health|Pediatrics|Wellness Center",
    "surgery": "Surgery|Medical Practice|Health Centre|Medical Centre|Practice|Group Practice|Family Doctors",
    "home": "Care Home|Nursing Home|Manor|House|Lodge|Court|Assisted Living|Rest Home|Village|Gardens|Hospice"
    "|Rehabilitation Center|Residential Home|SNF|Retirement Community|Place|Villa",
    "school": "High School|Elementary School|Primary School|University|College|Academy|High|Elementary|School"
    "|Community College|Middle School|Grammar School|Preschool|Nursery|State University|Tech|Comprehensive",
    "employer": "Ltd|Inc.|LLC|Motors|Foods|Logistics|& Co|Brothers|Construction|Bakery|Farms|Insurance|Bank"
    "|Electric|Steel|Airlines|Brewery|Mills|Hardware|Taxis|Group|Industries|Council|Fire Department|Software"
    "|Market|Pizza|Solutions|Landscaping|Post Office|Textiles|Packaging|& Partners|Press|Studios|Hotel",
    "pharmacy": "Pharmacy|Drugs|Chemist|Drugstore|Apothecary",
    "county": "County|County|Parish|Borough|District|Council|Shire|Township|Island",
    "ward": "Ward|Unit|Suite|Wing|Pavilion|Tower|Building|Annex",
    "road": "Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Court|Ct|Boulevard|Blvd|Way|Close|Crescent|Terrace"
    "|Place|Parkway|Square|Row|Hill|Grove|Mews|Trail|Circle|Gardens|Walk|Highway",
}  # fmt: skip


def place(draw: random.Random, kind: str) -> str:
    """A named place of a kind: what it is called after, and what it is."""
    what = draw.choice(_PLACES[kind].split("|"))
    of = _namesake(draw)
    if kind == "road":
        return draw.choice([f"{of} {what}", f"{of} {what}", f"{draw.randint(1, 99)}th {what}"])
    if kind == "county" and draw.random() < 0.2:
        return draw.choice([f"Co. {of}", f"County {of}", f"Co {of}"])
    if kind == "ward":
        return draw.choice(
            [f"{of} {what}", f"Ward {draw.randint(1, 30)}{draw.choice('ABC')}", f"Ward {of}",
             f"{draw.randint(2, 12)} {draw.choice(['East', 'West', 'North', 'South'])}"]
        )  # fmt: skip
    if kind in ("hospital", "clinic", "surgery", "home", "school") and draw.random() < 0.15:
        return of  # "seen at Lakeview", "from St. Mary's"
    if kind == "employer" and draw.random() < 0.15:
        return draw.choice(lists()["employers"])
    if kind == "employer" and draw.random() < 0.3:
        other = name(draw, "last")
        return draw.choice(
            [f"{of} & {other}", f"the {of} {what}", f"{of}'s", f"{name(draw, 'last')} and Sons"]
        )
    if kind == "hospital" and draw.random() < 0.15:
        return draw.choice(
            [f"the {of} {what}", f"{what} of {town(draw)}", f"University of {town(draw)} {what}",
             "".join(draw.choices("BCDGHJKLMNPRSTVW", k=2)) + draw.choice(["H", "MC", "GH", "UH", "RI"]),
             f"{draw.choice(['Children', 'Women', 'Veterans'])}'s Hospital of {town(draw)}", f"Hospital {of}", f"{of} Hosp", f"Royal {of}", f"{of} ED"]
        )  # fmt: skip
    return f"{of} {what}"


def address(draw: random.Random) -> str:
    """A number and a road, with a flat at times."""
    number = draw.choice([draw.randint(1, 99), draw.randint(100, 9999), draw.randint(1, 30)])
    written = f"{number}{draw.choice(['', '', '', '', 'A', 'b'])} {place(draw, 'road')}"
    extra = draw.choice(["Apt", "Unit", "Flat", "Suite", "#"])
    if draw.random() < 0.15:
        written += f"{draw.choice([',', ''])} {extra} {draw.randint(1, 40)}{draw.choice(['', 'B'])}"
    return f"PO Box {draw.randint(10, 9999)}" if draw.random() < 0.04 else written


_DIGITS = "zero|oh|one|two|three|four|five|six|seven|eight|nine".split("|")


def spoken_address(draw: random.Random) -> str:
    """A number in words and a road."""
    number = draw.choice(
        _DIGITS[2:] + "ten eleven twelve fifteen twenty thirty-two forty one sixty".split()
    )
    return f"{number} {place(draw, 'road')}"


def spoken_postcode(draw: random.Random) -> str:
    """A British postcode as it is said."""
    first, second, third = ("".join(draw.choices("ABCDEGHKLMNPRSTW", k=k)) for k in (2, 1, 1))
    numbers = [draw.choice(_DIGITS) for _ in range(2)]
    return draw.choice([f"{first} {numbers[0]} {second}{third} {numbers[1]}", f"{first} {numbers[0]}, {numbers[1]} {second}{third}",
                        f"{first}{draw.randint(1, 20)} {draw.randint(1, 9)}{second}{third}"])  # fmt: skip


_CODES = {
    "mrn": "%######|%#######|%########|#########|@######|@@######|@@@#####|###-###|##-##-##|######-#|%###-####|@##-#####"
    "|%#####|MR######|MRN-#####|HN%####|*****###|%##.###.###|###/####/##|U######|H##-####|%## ### ####|########@",
    "plan": "@@@%########|%########|@########|@@########|###-##-####-@|%########@|####-####-##|@@@-######|GRP#####|%#####|XK*######"
    "|#####-##|@@######@|W#### #####|########-##|H####-###|%*@#*@#@@##",
    "account": "%#######|%#########|A#######|ACC######|####-####-####-####|#### #### ####|AC ######|##-##-## ########|INV-#####"
    "|%###-#####|B#-######|GA######|@@######|####|000#######|######/##|FIN######",
    "licence": "@#######|@@######|@###-####-####|%######|%########|MD-#####|RN######|C%######|#######|@@@@%######@@#@@|ME#####|LIC-####"
    "|##@####|PT####|A-######|@##-##-####|OS#####|##-#####",
    "plate": "@@@ ####|@@@-####|@@## @@@|%@@@###|@## @@@|###-@@@|@@@###|@@ #####|## @ ####|@@-##-@@|@@##@@@|%##@@|@@##@@####|@@#####",
    "serial": "SN#######|@@@######@|########|%######@|@##-####-##|@@###@###|##@@#####|SER-#####|*****#####|%#########|LOT ####@|@####"
    "|##-####|@@@-####-#|PX####/##|#######-@|##*#*##*#",
    "bio": "FP-#####|FPT######|IR######|BIO-####-@@|VP-###|template ####|######|RET-######|vp####@|F#-####-##|hand ###@@|scan ####-##|@@@####",
    "other": "%######|S##-#####|##-######|@@#####|ABC-##-####|#####|%###-##-##|P########|@########|Case ####|case ##/####|Trial @@@-###"
    "|REF-####|@@@/##/####|ref ######|##@######|NCT########|Subj ###-###|@##/###|Study @@@@-##|##-CV-#####|E####|##/####|file ####-@"
    "|TICKET-####|SUB-###|R-###-####|%#-####-%|INC######|CR####/##|Protocol ##-####|no ####/##",
    "claim": "WC-######|CL########|##-#######|%########|@@##-#####|CLM ######",
    "pager": "####|#####|###|###-####|%-####",
    "postcode": "@@# #@@|@@## #@@|@# #@@|@#@ #@@|@@#@ #@@",
}  # fmt: skip
_PHONES = (
    "###-###-####|(###) ###-####|###.###.####|### ### ####|+1 ### ### ####|1-###-###-####|###-####|##########|(###)###-####"
    "|0#### ######|0### ### ####|020 #### ####|07### ######|07### ### ###|+44 #### ######|+44 (0)## #### ####|04## ### ###|(0#) #### ####"
    "|+353 ## ### ####|+91 ##### #####|+49 ### #######|+33 # ## ## ## ##|###-###-#### ext ###|###-###-#### x####|00## ### ######|08# ### ####"
)  # fmt: skip


def _filled(draw: random.Random, patterns: str) -> str:
    pattern = draw.choice(patterns.split("|"))
    return "".join(draw.choice(_SIGNS[sign]) if sign in _SIGNS else sign for sign in pattern)


def code(draw: random.Random, kind: str) -> str:
    """A number or code of a kind, by a drawn pattern."""
    return _filled(draw, _CODES[kind])


def phone(draw: random.Random) -> str:
    """A phone number of one of many countries."""
    return _filled(draw, _PHONES)


def _plain(word: str) -> str:
    return "".join(c for c in word.lower() if c.isascii() and c.isalnum()) or "user"


def online(draw: random.Random, kind: str, who: Person) -> str:
    """An address on the Internet, or a file's name, of somebody."""
    first, last, number = _plain(who.first), _plain(who.last), draw.randint(1, 99)
    domain = draw.choice(
        [
            "example.com",
            "mail.example.net",
            "example.org",
            f"{last}.example.co.uk",
            "health.example",
        ]
    )
    user = draw.choice(
        [f"{first}.{last}", f"{first[0]}{last}", f"{first}{number}", f"{last}_{first[0]}"]
    )
    return {
        "email": f"{user}@{domain}",
        "user": user,
        "handle": f"@{user.replace('.', '_')}",
        "url": draw.choice([f"https://{domain}/{user}", f"www.{last}{number}.example", f"http://portal.{domain}/r/{number}",
                            f"{domain}/{user}"]),
        "ip": draw.choice([".".join(str(draw.randint(1, 254)) for _ in range(4)), f"fe80::{draw.randint(1, 9999):x}:{number}"]),
        "photo": draw.choice([f"{last}_{number}", f"IMG{draw.randint(1000, 99999)}", f"wound-{first}-{number}", f"DSC_{number}",
                              f"scan{number}"]) + draw.choice([".jpg", ".png", ".JPG", ".dcm", ".tiff", ".jpeg", ".heic"]),
    }[kind]  # fmt: skip


_DATES = {
    "full": "%m/%d/%Y|%-m/%-d/%Y|%m/%d/%y|%-m/%-d/%y|%d/%m/%Y|%d/%m/%y|%d.%m.%Y|%-d.%-m.%y|%Y-%m-%d|%Y/%m/%d|%d-%m-%Y|%B %-d, %Y"
    "|%B %-d %Y|%b %-d, %Y|%b. %-d, %Y|%-d %B %Y|%-d %b %Y|%-d%o %B %Y|%d-%b-%Y|%d-%b-%y|%d%b%Y|%B %-d%o, %Y|%-d%o of %B, %Y|%Y%m%d|%-d %b '%y"
    "|%b-%d-%Y|the %-d%o of %B %Y|%d %b %y",
    "short": "%-m/%-d|%m/%d|%-d/%-m|%d/%m|%B %-d|%b %-d|%-d %B|%-d %b|%-d%o %B|%B %-d%o|the %-d%o of %B|%-d-%b|%b. %-d|the %-d%o|%B the %-d%o|%d%b",
    "month": "%B %Y|%b %Y|%m/%Y|%-m/%Y|%B of %Y|%b '%y|%b-%y|%B|%B, %Y|%-m/%y|early %B|%B '%y",
    "month alone": "%B",
    "spoken": "%W of %B, nineteen %T|%B %W, nineteen %T|%W of %B %Y|%W %B nineteen %T|%B %W %Y|%-d%o of the %-m%o, %Y|%-d %-m %y",
    "spoken short": "%W of %B|%B %W|%B the %W|the %W of %B|%W|%B %-d%o",
}  # fmt: skip
_SPOKEN_TENS = "forty|fifty|sixty|seventy|eighty|ninety".split("|")
_SPOKEN_ONES = "|one|two|three|four|five|six|seven|eight|nine".split("|")


def date(draw: random.Random, form: str, earliest: int = 2005, latest: int = 2026) -> str:
    """A date in a drawn form."""
    day = datetime.date(draw.randint(earliest, latest), 1, 1) + datetime.timedelta(
        draw.randrange(365)
    )
    ending = "th" if 11 <= day.day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    fields = {
        "%-d": str(day.day), "%d": f"{day.day:02}", "%-m": str(day.month), "%m": f"{day.month:02}",
        "%y": f"{day.year % 100:02}", "%Y": str(day.year), "%B": calendar.month_name[day.month],
        "%b": calendar.month_abbr[day.month], "%o": ending, "%W": ORDINALS[day.day - 1].replace("-", draw.choice("- ")),
        "%T": f"{draw.choice(_SPOKEN_TENS)} {draw.choice(_SPOKEN_ONES)}".strip(),
    }  # fmt: skip
    return re.sub(r"%-?[a-zA-Z]", lambda f: fields[f.group()], draw.choice(_DATES[form].split("|")))


def date_range(draw: random.Random) -> str:
    """Days from and to."""
    month, first = draw.randint(1, 12), draw.randint(1, 20)
    last, name_ = first + draw.randint(1, 8), calendar.month_name[month]
    short = calendar.month_abbr[month]
    return draw.choice([
        f"{name_} {first}-{last}", f"{first}-{last} {name_}", f"{month}/{first}-{month}/{last}", f"{first} to {last} {name_}",
        f"{short} {first} - {last}", f"{first}/{month} - {last}/{month}", f"{name_} {first} to {last}", f"{first}–{last} {short}",
        f"{month}/{first} to {month}/{last}", f"{first}th-{last}th {name_}",
    ])  # fmt: skip


def holiday(draw: random.Random) -> str:
    """A day that calendars name."""
    return draw.choice(
        "Christmas|Thanksgiving|Easter|Easter Sunday|New Year's Eve|Labor Day|Memorial Day|the Fourth of July|Halloween"
        "|Valentine's Day|Boxing Day|Good Friday|Diwali|Ramadan|Passover|Yom Kippur|Lunar New Year|St. Patrick's Day"
        "|Veterans Day|Canada Day|Anzac Day|Eid al-Fitr|Father's Day|Christmas Eve|Juneteenth|Holi|May Day".split(
            "|"
        )
    )


def ssn(draw: random.Random) -> str:
    """A social security number, whole or its last digits."""
    return draw.choice(
        [
            _filled(draw, "%##-##-####"),
            _filled(draw, "%########"),
            _filled(draw, "%## ## ####"),
            _filled(draw, "####"),
        ]
    )
