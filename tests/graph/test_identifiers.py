from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medkg.core.errors import SchemaError
from medkg.graph.identifiers import (
    MALFORMED,
    NO_CURIE,
    content_ids,
    is_curie,
    name_key,
    name_key_of,
    normalise_curie,
    normalise_curies,
)
from medkg.graph.schema import Schema

PREFIXES = Path(__file__).resolve().parents[2] / "benchmarks" / "prefixes.py"


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("ORPHANET:558", "ORPHA:558"),
        ("hp:0001945", "HP:0001945"),
        ("MSH:D003920", "MESH:D003920"),
        (" drugbank:DB00945 ", "drugbank:DB00945"),
        ("UniProt:P10721", "UniProtKB:P10721"),
        ("MyOwn:1", "MyOwn:1"),
        ("mim:606764", "OMIM:606764"),
        ("UMLS_CUI:C0000737", "UMLS:C0000737"),
        ("SNOMEDCT_US_2023_03_01:38341003", "SNOMEDCT:38341003"),
        ("hgnc:HGNC:5", "HGNC:5"),
        ("CHEBI:CHEBI:15365", "CHEBI:15365"),
        ("GO:GO_0008150", "GO:0008150"),
        ("drugbank:db00945", "drugbank:DB00945"),
        ("WP:554", "WP:WP554"),
        ("MedDRA:10011224", "MEDDRA:10011224"),
        ("HP_0001945", "HP:0001945"),
        ("Orphanet_558", "ORPHA:558"),
        ("http://purl.obolibrary.org/obo/HP_0001945", "HP:0001945"),
        ("http://purl.obolibrary.org/obo/ZFA_0000001", "ZFA:0000001"),
        ("<http://www.orpha.net/ORDO/Orphanet_558>", "ORPHA:558"),
        ("https://identifiers.org/hgnc/HGNC:5", "HGNC:5"),
        ("https://identifiers.org/hgnc:5", "HGNC:5"),
        ("https://bioregistry.io/mondo:0005148", "MONDO:0005148"),
        ("http://snomed.info/id/38341003", "SNOMEDCT:38341003"),
        ("https://www.ncbi.nlm.nih.gov/gene/3815", "NCBIGene:3815"),
        ("https://doi.org/10.7554/eLife.26726", "DOI:10.7554/eLife.26726"),
        # Categories, blocks and isoforms, which the Bioregistry's patterns leave out
        ("ICD10CM:I10", "ICD10CM:I10"),
        ("ICD10CM:E08-E13", "ICD10CM:E08-E13"),
        ("UniProtKB:P10721-2", "UniProtKB:P10721-2"),
    ],
)
def test_prefixes_get_one_spelling(given_: str, expected: str) -> None:
    assert normalise_curie(given_) == expected
    assert normalise_curie(expected) == expected


@pytest.mark.parametrize("text", ["", "aspirin", "HP:", ":1", "HP:00 1", "1HP:2", "text_slug"])
def test_what_is_no_curie_is_named(text: str) -> None:
    assert not is_curie(text)
    with pytest.raises(SchemaError, match="is no CURIE"):
        normalise_curie(text)


def test_an_address_of_nothing_known_is_no_curie() -> None:
    with pytest.raises(SchemaError, match="is no CURIE"):
        normalise_curie("https://example.org/thing/1")


@pytest.mark.parametrize(
    "text", ["HP:1945", "drugbank:aspirin", "NCBIGene:KIT", "MESH:C07.465", "HP_12", "UMLS:0000737"]
)
def test_an_identifier_that_its_source_never_gives_is_malformed(text: str) -> None:
    with pytest.raises(SchemaError, match="malformed"):
        normalise_curie(text)


def test_columns_are_normalised_with_reasons() -> None:
    given_ = pl.Series("id", ["ORPHANET:558", None, "HP:1", "aspirin", "ORPHANET:558", "my:x"])
    curies, reasons = normalise_curies(given_)
    assert curies.name == "id"
    assert curies.to_list() == ["ORPHA:558", None, None, None, "ORPHA:558", "my:x"]
    assert reasons.to_list() == [None, NO_CURIE, MALFORMED, NO_CURIE, None, None]
    assert [s.len() for s in normalise_curies(pl.Series([], dtype=pl.String))] == [0, 0]


_PARTS = st.sampled_from(
    ["HP", "hgnc", "Orphanet", "MedDRA", "mine", "0001945", "5", ":", "_", "http://", "x", " "]
)


@given(st.lists(_PARTS, max_size=8).map("".join) | st.text(max_size=30))
def test_one_and_many_agree_and_a_standard_identifier_stays(text: str) -> None:
    curies, reasons = normalise_curies(pl.Series([text]))
    assert curies.is_null().item() != reasons.is_null().item()
    if curies[0] is None:
        with pytest.raises(SchemaError):
            normalise_curie(text)
    else:
        assert normalise_curie(text) == curies[0] == normalise_curie(curies[0])


def test_every_prefix_of_the_schema_is_spelled_as_the_schema_does() -> None:
    table = json.loads(files("medkg.graph").joinpath("prefixes.json").read_text("utf-8"))
    checked = {record["prefix"] for record in table if "pattern" in record}
    kinds = Schema.default().kinds.values()
    # These two are ours; PC7 and CTD are in no registry.
    own = {"patient", "note", "PC7", "CTD"}
    assert {prefix for kind in kinds for prefix in kind.prefixes} == checked | own


def test_the_table_is_what_the_bioregistry_gives() -> None:
    pytest.importorskip("bioregistry")
    # In a process of its own, since it takes memory; another release may know more spellings.
    code = (
        f"import json, runpy; t = runpy.run_path({str(PREFIXES)!r})['table']();"
        "print(json.dumps({s: r['prefix'] for r in t for s in r['prefix_synonyms']}))"
    )
    made = json.loads(subprocess.check_output([sys.executable, "-c", code], text=True))
    table = json.loads(files("medkg.graph").joinpath("prefixes.json").read_text("utf-8"))
    shipped = {s: record["prefix"] for record in table for s in record["prefix_synonyms"]}
    same = [spelling for spelling, prefix in shipped.items() if made.get(spelling) == prefix]
    assert len(same) > 0.95 * len(shipped)


def test_the_registry_is_loaded_only_when_an_identifier_is_read() -> None:
    code = "import sys, medkg, medkg.graph.identifiers; print('curies' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


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
