"""Names that are nearly the same."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from medkg.graph.identifiers import name_key_of
from medkg.graph.similar_names import similar_names


def nodes(*rows: tuple[str, str], kind: str = "Disease") -> pl.DataFrame:
    return pl.DataFrame(
        [(id_, kind, name, name_key_of(name)) for id_, name in rows],
        schema=["id", "kind", "name", "name_key"],
        orient="row",
    )


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("Sleep disorders", "sleep disorder", "order or number of words"),
        ("Anemia, sideroblastic", "Sideroblastic anemia", "order or number of words"),
        ("Biopsies", "Biopsy", "order or number of words"),
        ("Dyspnea", "Dyspnoea", "one letter"),
        ("Metastatic melanoma", "Metastatic melonama", None),
        ("Metastatic melanoma", "Metastatic melanmoa", "one letter"),
        ("Melanoma, metastaic", "Metastatic melanoma", "one letter"),
        ("Cushing syndrome", "Cushing's syndrome", None),
        ("Diabetes type 1", "Diabetes type 2", None),
        ("Acuity 0.1", "Acuity 1.0", None),
        ("Gout", "Gaut", None),
        ("Fever", "fever", None),
    ],
)
def test_pairs(one: str, other: str, differ: str | None) -> None:
    similar = similar_names(nodes(("OMIM:1", one), ("ORPHA:2", other)))
    assert similar["differ"].to_list() == ([] if differ is None else [differ])
    turned = similar_names(nodes(("ORPHA:2", other), ("OMIM:1", one)))
    assert turned.equals(similar)
    if differ is not None:
        assert similar.select("id", "id_2", "name", "name_2").row(0) == (
            "OMIM:1",
            "ORPHA:2",
            one,
            other,
        )


def test_one_vocabulary_means_two_things_and_our_own_names_may_not() -> None:
    assert similar_names(nodes(("HP:1", "Adduction"), ("HP:2", "Abduction"))).is_empty()
    assert similar_names(nodes(("text:1", "Adduction"), ("text:2", "Abduction"))).height == 1


def test_kinds_and_symbols_are_kept_apart() -> None:
    both = pl.concat([nodes(("OMIM:1", "Dyspnea")), nodes(("HP:2", "Dyspnoea"), kind="Symptom")])
    assert similar_names(both).is_empty()
    symbols = nodes(("HGNC:1", "ABCDEFG"), ("NCBIGene:1", "ABCDEFH"), kind="Target")
    assert similar_names(symbols).is_empty()
    assert similar_names(symbols.clear()).is_empty()


@settings(max_examples=60)
@given(
    st.lists(
        st.lists(
            st.sampled_from(["abcdef", "abcdeg", "abdcef", "bcdef", "xabcdef", "of", "typ", "q7"]),
            min_size=1,
            max_size=3,
            unique=True,
        ).map(" ".join),
        min_size=2,
        max_size=6,
        unique=True,
    )
)
def test_it_finds_what_comparing_all_pairs_finds(names: list[str]) -> None:
    similar = similar_names(nodes(*((f"text:{n}", name) for n, name in enumerate(names))))
    pairs = set(similar.filter(differ="one letter").select("name", "name_2").iter_rows())
    expected = set()
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            here, there = set(one.split()), set(other.split())
            if len(here - there) == len(there - here) == 1:
                (mine,), (theirs,) = here - there, there - here
                # Shorter words and those with digits aren't compared.
                long = min(len(mine), len(theirs)) >= 6
                if long and OSA.distance(mine, theirs) == 1:
                    expected.add((one, other))
    assert pairs == expected
