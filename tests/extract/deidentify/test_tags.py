"""Tags: the same for the same person and thing, grouped ages."""

from __future__ import annotations

from medkg.extract.deidentify.tags import Tags


def test_a_part_of_a_name_has_the_number_of_the_whole() -> None:
    tags = Tags()
    assert tags.tag("NAME", "Ada Okafor") == "[NAME-1]"
    assert tags.tag("NAME", "Bo Day") == "[NAME-2]"
    same = ["OKAFOR, ADA", "Okafor", "A. Okafor", "ada"]
    assert {tags.tag("NAME", name) for name in same} == {"[NAME-1]"}


def test_the_whole_of_a_name_that_was_known_by_a_part_has_its_number() -> None:
    tags = Tags()
    assert tags.tag("NAME", "Okafor") == tags.tag("NAME", "Ada Okafor") == "[NAME-1]"


def test_a_surname_of_two_people_is_numbered_as_itself() -> None:
    tags = Tags()
    people = [tags.tag("NAME", "Ada Okafor"), tags.tag("NAME", "Emeka Okafor")]
    assert len({*people, tags.tag("NAME", "Okafor")}) == 3
    assert tags.tag("NAME", "E. Okafor") == people[1]


def test_kinds_are_numbered_apart_and_ages_are_grouped() -> None:
    tags = Tags()
    assert [tags.tag("NAME", "Leeds"), tags.tag("LOCATION", "Leeds")] == [
        "[NAME-1]",
        "[LOCATION-1]",
    ]
    assert tags.tag("LOCATION", "leeds ") == "[LOCATION-1]"
    assert tags.tag("AGE", "94") == "90+"
