"""Surrogates and tags in the place of identifiers."""

from __future__ import annotations

import re

from medkg.extract.deidentify.identifiers import Identifier
from medkg.extract.deidentify.replace import replaced
from medkg.extract.deidentify.surrogates import Surrogates

KEY = bytes(range(32))


def of(
    text: str,
    *marked: tuple[str, str],
    key: bytes = KEY,
    patient: str = "p",
    style: str = "surrogates",
) -> str:
    identifiers, place = [], 0
    for written, kind in marked:
        start = text.index(written, place)
        place = start + len(written)
        identifiers.append(Identifier(start, place, kind))
    content = replaced(text, identifiers, Surrogates(key, patient), style)  # type: ignore[arg-type]
    for each in content.replacements:
        assert content.text[each.start : each.start + len(each.replacement)] == each.replacement
    return content.text


def test_parts_and_initials_of_a_name_agree() -> None:
    text = "Mary Quillfeather; QUILLFEATHER, MARY; Ms Quillfeather; M. Quillfeather; MQ"
    names = ["Mary Quillfeather", "QUILLFEATHER, MARY", "Quillfeather", "M. Quillfeather", "MQ"]
    new = of(text, *((name, "NAME") for name in names)).split("; ")
    first, last = new[0].split()
    assert new[1:] == [
        f"{last}, {first}".upper(),
        f"Ms {last}",
        f"{first[0]}. {last}",
        f"{first[0]}{last[0]}",
    ]
    assert "quillfeather" not in " ".join(new).lower()


def test_a_first_name_keeps_its_sex() -> None:
    from medkg.extract.deidentify.surrogates import _lists

    assert of("Mary", ("Mary", "NAME")) in _lists()["female"]
    assert of("Robert", ("Robert", "NAME")) in _lists()["male"]


def test_a_place_is_the_same_in_all_its_names() -> None:
    new = of("Fulton; the Fulton Clinic", ("Fulton", "LOCATION"), ("Fulton Clinic", "LOCATION"))
    town, clinic = new.split("; ")
    assert clinic == f"the {town} Clinic"
    assert town != "Fulton"


def test_numbers_keep_their_form() -> None:
    assert re.fullmatch(r"\(\d{3}\) \d{3}-\d{4}", of("(312) 555-0142", ("(312) 555-0142", "PHONE")))
    assert re.fullmatch(r"[A-Z]{2}-\d{4}[a-z]", of("AB-1234c", ("AB-1234c", "MRN")))
    assert re.fullmatch(r"[A-Z]{3}_\d{4}\.jpg", of("IMG_2231.jpg", ("IMG_2231.jpg", "PHOTO")))
    assert of("IMG_2231", ("IMG_2231", "PHOTO")) != "IMG_2231"


def test_dates_of_a_patient_are_moved_alike_and_ages_are_grouped() -> None:
    new = of(
        "1 March 2020, 15 March 2020, 93",
        ("1 March 2020", "DATE"),
        ("15 March 2020", "DATE"),
        ("93", "AGE"),
    )
    assert "March 2020" not in new
    assert new.endswith("90+")
    assert of("1 March 2020", ("1 March 2020", "DATE")) == ", ".join(new.split(", ")[:1])


def test_another_key_or_patient_gives_another_surrogate() -> None:
    marked = ("Quillfeather 4455667", ("Quillfeather", "NAME"), ("4455667", "MRN"))
    news = {of(*marked), of(*marked, key=b"k" * 32), of(*marked, patient="q")}
    assert len(news) == 3
    assert of(*marked) in news


def test_tags_are_numbered_by_what_they_stand_for() -> None:
    text = "Ann Lee and Bo Day, ann lee"
    marked = [("Ann Lee", "NAME"), ("Bo Day", "NAME"), ("ann lee", "NAME")]
    assert of(text, *marked, style="tags") == "[NAME-1] and [NAME-2], [NAME-1]"
