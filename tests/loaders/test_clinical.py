"""What the readers of patients and of annotated documents have in common: parts, names, memory."""

from __future__ import annotations

import json
import tarfile
import tracemalloc
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medkg.core.errors import DataError
from medkg.core.quarantine import Quarantine
from medkg.graph.frames import Source, empty
from medkg.graph.kg import KnowledgeGraph, Part
from medkg.loaders import clinical
from medkg.loaders.clinical import (
    MeasuredValue,
    PartBuffer,
    Patients,
    local_id,
)
from medkg.loaders.sources import load

from . import test_bioc, test_fhir, test_omop, test_pubtator
from .published import case, write_phenopackets

WRITERS: dict[str, Callable[[Path], Path]] = {
    "bioc": test_bioc.SAMPLES["bioc"].write,
    "fhir": test_fhir.write_bulk,
    "omop": test_omop.write,
    "phenopackets": write_phenopackets,
    "pubtator": test_pubtator.SAMPLES["pubtator"].write,
}


def test_an_entity_keeps_the_kind_that_it_was_first_met_with() -> None:
    buffer = PartBuffer(Source("test", "1", ""), "observed")
    assert buffer.add_node("SNOMEDCT:1", "Symptom", None, ["HP:1"]) == "Symptom"
    assert buffer.add_node("SNOMEDCT:1", "Disease", "Cough", ["HP:2", "SNOMEDCT:1"]) == "Symptom"
    nodes = buffer.take_part().nodes
    assert nodes is not None
    assert nodes.select("kind", "name", "xrefs").rows() == [("Symptom", "Cough", ["HP:1", "HP:2"])]
    assert buffer.add_node("SNOMEDCT:1", "Disease") == "Symptom"


def test_pseudonyms_and_names_as_identifiers() -> None:
    assert Patients().identifier("ward 3/7") == "patient:ward_3_7"
    hidden = Patients("0123456789abcdef")
    assert hidden.identifier("7") == hidden.identifier("7") != hidden.identifier("8")
    with pytest.raises(DataError, match="16 to 64"):
        Patients("k" * 65)
    assert local_id("fhir", "Drug", "  Metformin, 500 mg") == "fhir:drug_metformin_500_mg"
    assert local_id("fhir", "Drug", "…") != local_id("fhir", "Drug", "??")
    assert len(local_id("fhir", "Drug", "x" * 500)) < 40


def test_quantities_keep_what_was_given() -> None:
    assert MeasuredValue(1.26, "g/L", None, 1.0).qualifiers() == {
        "value": 1.26,
        "unit": "g/L",
        "range_low": None,
        "range_high": 1.0,
        "standard_value": 126.0,
        "standard_high": 100.0,
        "standard_unit": "mg/dL",
    }
    assert "standard_value" not in MeasuredValue(3, "spoons").qualifiers()
    assert "standard_value" not in MeasuredValue(3, None).qualifiers()


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_in_parts_or_whole_is_the_same_graph(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = WRITERS[name](tmp_path / "in")
    whole = load(name, path)
    monkeypatch.setattr(clinical, "_PART_ROWS", 1)
    assert load(name, path).checksum() == whole.checksum()


def many_phenopackets(path: Path, number: int) -> Path:
    path = path.with_suffix(".tar")
    with tarfile.open(path, "w") as archive:
        for at in range(number):
            data = json.dumps(case(f"case{at}")).encode()
            info = tarfile.TarInfo(f"{at}.json")
            info.size = len(data)
            archive.addfile(info, BytesIO(data))
    return path


def many_observations(path: Path, number: int) -> Path:
    path = path.with_suffix(".ndjson")
    texts = [json.dumps({**test_fhir.glucose(), "id": f"o{at}"}) for at in range(number)]
    path.write_text("\n".join(texts), encoding="utf-8")
    return path


def many_entries(path: Path, number: int) -> Path:
    held = [{**test_fhir.glucose(), "id": f"o{at}"} for at in range(number)]
    return test_fhir.write_bundle(path.with_suffix(".json"), *held)


def many_measurements(path: Path, number: int) -> Path:
    rows = [f"{at},1,3004501,2020-03-01,,{at},,8636,,," for at in range(100, 100 + number)]
    return test_omop.write(path, {"measurement": rows})


def many_texts(path: Path, number: int) -> Path:
    lines = [line and f"{at}{line[1:]}" for at in range(number) for line in test_pubtator.LINES[:8]]
    return test_pubtator.write(path, *lines)


def many_documents(path: Path, number: int) -> Path:
    return test_bioc.write_xml(path, *({**test_bioc.document(), "id": at} for at in range(number)))


@pytest.mark.parametrize(
    ("name", "write", "number"),
    [
        ("bioc", many_documents, 200),
        ("fhir", many_observations, 400),
        ("fhir", many_entries, 400),
        ("omop", many_measurements, 1_500),
        ("phenopackets", many_phenopackets, 300),
        ("pubtator", many_texts, 200),
    ],
)
def test_memory_does_not_grow_with_the_input(
    name: str,
    write: Callable[[Path, int], Path],
    number: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The reader alone: its parts are counted and dropped, in place of being built into a graph."""
    monkeypatch.setattr(clinical, "_PART_ROWS", 100)
    counts: list[int] = []

    def consume(_: Any, parts: Iterable[Part], sources: Any, **others: Any) -> KnowledgeGraph:
        counts.append(sum(1 for _ in parts))
        return KnowledgeGraph.build(
            pl.DataFrame(schema={"id": pl.String, "kind": pl.String, "name": pl.String}),
            empty(dict.fromkeys(("subject", "relation", "object", "source"), pl.String)),
            sources,
        )

    monkeypatch.setattr(KnowledgeGraph, "from_parts", classmethod(consume))
    load(name, write(tmp_path / "first", 2), quarantine=Quarantine())  # imports, caches
    peaks = []
    for times in (1, 5):
        path = write(tmp_path / f"many{times}", times * number)
        tracemalloc.start()
        load(name, path, quarantine=Quarantine())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert counts[2] > 2 * counts[1] > 2
    # Kept rows would be a megabyte at least; what is kept of cases is their identifiers.
    assert peaks[1] < peaks[0] + 700_000
