from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from medkg.graph.errors import DataError, MissingError
from medkg.graph.quarantine import Quarantine
from medkg.loaders.sources import load

from .published import case, write_phenopackets


def write_archive(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:xz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def test_patient(tmp_path: Path) -> None:
    file = tmp_path / "case.json"
    file.write_text(json.dumps(case()))
    graph = load("phenopackets", file)
    patient = "patient:PMID_7_A"
    assert set(graph.edges.select("subject", "relation", "object").rows()) == {
        (patient, "HAS_PHENOTYPE", "HP:0001250"),
        (patient, "LACKS_PHENOTYPE", "HP:0000252"),
        (patient, "HAS_DISEASE", "OMIM:100001"),
    }
    node = graph.nodes.filter(id=patient).row(0, named=True)
    assert json.loads(node["properties"]) == {
        "sex": "female",
        "age": "P6Y",
        "publication": "PMID:7",
    }
    assert set(graph.evidence["references"].list.join(",")) == {"PMID:7"}
    onset = graph.edges.filter(relation="HAS_PHENOTYPE")["properties"][0]
    assert json.loads(onset) == {"onset": "Congenital onset"}


def test_file_folder_and_archive_are_the_same(tmp_path: Path) -> None:
    folder = write_phenopackets(tmp_path / "in")
    members = {f"cases/{file.name}": file.read_bytes() for file in sorted(folder.iterdir())}
    archive = write_archive(tmp_path / "cases.tar.xz", members)
    assert load("phenopackets", folder).checksum() == load("phenopackets", archive).checksum()


def test_names_in_an_archive_write_nothing(tmp_path: Path) -> None:
    members = {"../../outside.json": json.dumps(case()).encode(), "notes.txt": b"no case"}
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    graph = load("phenopackets", write_archive(inside / "cases.tar.xz", members))
    assert graph.info()["kinds"]["Patient"] == 1
    assert [path.name for path in sorted(tmp_path.rglob("*.*"))] == ["cases.tar.xz"]


def test_bad_cases_are_set_aside_by_name(tmp_path: Path) -> None:
    bad = ["{", "[]", json.dumps(case("PMID_7_A")), json.dumps({**case("X"), "diseases": [{}]})]
    quarantine = Quarantine()
    graph = load("phenopackets", write_phenopackets(tmp_path / "in", *bad), quarantine=quarantine)
    assert graph.info()["kinds"]["Patient"] == 2
    assert [(row.reason, row.row) for row in quarantine.rows] == [
        ("no phenopacket", "2.json"),
        ("no phenopacket", "3.json"),
        ("identifier of an earlier phenopacket", "4.json"),
        ("no phenopacket", "5.json"),
    ]


def test_excluded_diagnosis_is_none_and_a_solved_one_serves(tmp_path: Path) -> None:
    excluded = case(
        diseases=[{"term": {"id": "OMIM:1", "label": "Not this"}, "excluded": True}],
        interpretations=[
            {
                "progressStatus": "SOLVED",
                "diagnosis": {"disease": {"id": "OMIM:100002", "label": "This"}},
            }
        ],
    )
    file = tmp_path / "case.json"
    file.write_text(json.dumps(excluded))
    graph = load("phenopackets", file)
    assert graph.edges.filter(relation="HAS_DISEASE")["object"].to_list() == ["OMIM:100002"]


def test_what_is_no_archive(tmp_path: Path) -> None:
    file = tmp_path / "cases.tar"
    file.write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"neither \.json nor"):
        load("phenopackets", file)
    with pytest.raises(MissingError, match=r"absent\.json"):
        load("phenopackets", tmp_path / "absent.json")


def test_published_cases(shared_data: Path) -> None:
    quarantine = Quarantine()
    graph = load(
        "phenopackets",
        shared_data / "phenopackets" / "phenopackets-train.tar.xz",
        quarantine=quarantine,
    )
    assert quarantine.rows == []
    assert graph.info()["kinds"]["Patient"] == 4_475
    diagnosed = graph.edges.filter(relation="HAS_DISEASE")
    assert diagnosed.height == 4_475
    assert diagnosed["object"].n_unique() == 372
