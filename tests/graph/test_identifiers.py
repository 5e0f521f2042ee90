from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medkg.graph.errors import SchemaError
from medkg.graph.identifiers import content_ids, is_curie, name_key, name_key_of, normalise_curie


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("ORPHANET:558", "ORPHA:558"),
        ("hp:0001945", "HP:0001945"),
        ("MSH:D003920", "MESH:D003920"),
        (" drugbank:DB00945 ", "drugbank:DB00945"),
        ("UniProt:P10721", "UniProtKB:P10721"),
        ("MyOwn:1", "MyOwn:1"),
    ],
)
def test_prefixes_get_one_spelling(given_: str, expected: str) -> None:
    assert normalise_curie(given_) == expected
    assert normalise_curie(expected) == expected


@pytest.mark.parametrize("text", ["", "aspirin", "HP:", ":1", "HP:00 1", "1HP:2"])
def test_what_is_no_curie_is_named(text: str) -> None:
    assert not is_curie(text)
    with pytest.raises(SchemaError, match="is no CURIE"):
        normalise_curie(text)


def test_name_keys_ignore_case_and_signs() -> None:
    assert name_key_of("Type-2  Diabetes (mellitus)") == "type 2 diabetes mellitus"
    assert name_key_of("β-Blocker") == "β blocker"
    assert name_key_of("ﬁbrosis") == "fibrosis"


@given(st.text())
def test_name_keys_are_their_own_keys(text: str) -> None:
    once = name_key_of(text)
    assert name_key_of(once) == once
    assert pl.Series([text]).to_frame("n").select(name_key(pl.col("n"))).item() == once


@given(st.lists(st.text(), unique=True, max_size=50))
def test_content_ids_are_12_characters_and_differ(texts: list[str]) -> None:
    ids = content_ids(texts)
    assert len(set(ids)) == len(texts)
    assert all(len(i) == 12 for i in ids)
    assert ids == content_ids(texts)


def test_content_ids_never_change() -> None:
    # Graphs on disk and on servers hold them.
    assert content_ids(["a\x1fTREATS\x1fb"]) == ["3e3uWQl_NYEL"]
