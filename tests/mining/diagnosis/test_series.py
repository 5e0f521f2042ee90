"""Series of diseases: the types of one."""

from __future__ import annotations

import pytest

from medkg.graph.identifiers import name_key_of
from medkg.mining.diagnosis.series import series_members, series_name, series_of


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
        ("distal deletion 22q11", "distal deletion 22q11"),
        ("hereditary factor x", "hereditary factor x"),
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
        "h": "Coenzyme Q10 deficiency, primary, 2",
        "i": "Coenzyme Q10 deficiency, primary, 1",
    }
    keys = {disease: name_key_of(name) for disease, name in names.items()}
    members = series_members(keys)
    assert members == {
        **{key: ["a", "c", "e"] for key in "ace"},
        **{key: ["d", "f"] for key in "df"},
        **{key: ["h", "i"] for key in "hi"},
    }
    called = [series_name([names[each] for each in members[disease]]) for disease in "adh"]
    assert called == [
        "Hereditary hemorrhagic telangiectasia",
        "Tuberous sclerosis",
        "Coenzyme Q10 deficiency, primary",
    ]
