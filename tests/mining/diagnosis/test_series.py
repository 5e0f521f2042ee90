"""Series of diseases: the types of one."""

from __future__ import annotations

import pytest

from medkg.mining.diagnosis.series import same_series, series_of


@pytest.mark.parametrize(
    ("name", "series"),
    [
        ("noonan syndrome 3", "noonan syndrome"),
        ("waardenburg syndrome type 2e", "waardenburg syndrome"),
        ("mucopolysaccharidosis type iii", "mucopolysaccharidosis"),
        ("fanconi anemia complementation group d2", "fanconi anemia complementation"),
        ("deafness autosomal recessive 1a", "deafness autosomal recessive"),
        ("ehlers danlos syndrome classic type 1", "ehlers danlos syndrome classic"),
        ("marfan syndrome", "marfan syndrome"),
        ("hemophilia a", "hemophilia a"),
        ("vitamin d", "vitamin d"),
        ("distal trisomy 13", "distal trisomy 13"),
        ("ring chromosome 14", "ring chromosome 14"),
    ],
)
def test_series(name: str, series: str) -> None:
    assert series_of(name) == series


def test_the_types_of_a_disease_are_of_one_series() -> None:
    names = {
        "a": "Telangiectasia, hereditary hemorrhagic, type 2",
        "b": "Marfan syndrome",
        "c": "Hereditary hemorrhagic telangiectasia",
        "d": "Tuberous sclerosis-1",
        "e": "Telangiectasia, hereditary hemorrhagic, type 1",
        "f": "Tuberous sclerosis-2",
        "g": "Tuberous sclerosis complex",
    }
    assert same_series(names) == {
        "Hereditary hemorrhagic telangiectasia": ["a", "c", "e"],
        "Tuberous sclerosis": ["d", "f"],
    }
