"""GA4GH Phenopackets (version 2): published cases as patients with phenotypes and a diagnosis.

Reads one .json file, a folder of them, or a tar archive (.tar, .tar.gz, .tar.xz, .tar.bz2), whose
members are read where they lie and never unpacked.
"""

from __future__ import annotations

import json
import lzma
import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from ..graph.errors import DataError, MissingError, SchemaError
from ..graph.frames import Source
from ..graph.identifiers import normalise_curie
from ..graph.kg import KnowledgeGraph
from ..graph.progress import track
from ..graph.quarantine import Quarantine
from .info import SourceInfo

SOURCE = Source(
    "phenopackets",
    "",
    "as stated by the publisher of the phenopackets (Phenopacket Store: CC BY 4.0, CC0-1.0)",
    "https://github.com/monarch-initiative/phenopacket-store",
)

_NODES: dict[str, Any] = {
    "id": pl.String,
    "kind": pl.String,
    "name": pl.String,
    "properties": pl.String,
}
_EVIDENCE: dict[str, Any] = {
    "subject": pl.String,
    "relation": pl.String,
    "object": pl.String,
    "references": pl.List(pl.String),
    "qualifiers": pl.String,
}


def load(path: Path | None, quarantine: Quarantine) -> KnowledgeGraph:
    """Cases as a graph: HAS_PHENOTYPE, LACKS_PHENOTYPE (excluded ones) and HAS_DISEASE.

    The evidence's references hold the case's publication. Genes and variants are not read.

    Raises:
        MissingError: no path, or nothing is there.
        DataError: no case can be read.
    """
    if path is None:
        raise MissingError(
            "phenopackets needs a path (--path): a .json file, a folder or a tar archive"
        )
    nodes: dict[str, tuple[str, str, str, str | None]] = {}
    evidence: list[tuple[str, str, str, list[str], str | None]] = []
    cases = 0
    for name, data in track(_documents(path), "phenopackets"):
        try:
            case = json.loads(data)
            rows = _read_case(case, name)
        except (ValueError, KeyError, TypeError, AttributeError, SchemaError):
            quarantine.add("no phenopacket", path=path, row=name)
            continue
        patient = rows[0][0]
        if patient[0] in nodes:
            quarantine.add("identifier of an earlier phenopacket", path=path, row=name)
            continue
        cases += 1
        for node in rows[0]:
            nodes.setdefault(node[0], node)
        evidence += rows[1]
    if not cases:
        raise DataError("holds no phenopacket", path=path)
    return KnowledgeGraph.build(
        pl.DataFrame(list(nodes.values()), schema=_NODES, orient="row"),
        pl.DataFrame(evidence, schema=_EVIDENCE, orient="row").with_columns(
            source=pl.lit(SOURCE.name), level=pl.lit("observed")
        ),
        [SOURCE],
        quarantine=quarantine,
        origin=str(path),
    )


def _documents(path: Path) -> Iterator[tuple[str, bytes]]:
    """The JSON files there are, with their names."""
    if not path.exists():
        raise MissingError(f"{path}: there is no such file or folder")
    if path.is_dir():
        for file in sorted(path.rglob("*.json")):
            yield str(file.relative_to(path)), file.read_bytes()
    elif path.suffix == ".json":
        yield path.name, path.read_bytes()
    else:
        try:
            with tarfile.open(path) as archive:
                for member in archive:
                    content = archive.extractfile(member) if member.isfile() else None
                    if content is not None and member.name.endswith(".json"):
                        yield member.name, content.read()
        except (tarfile.TarError, OSError, EOFError, lzma.LZMAError, zlib.error) as error:
            raise DataError(
                f"is neither .json nor a readable tar archive: {error}", path=path
            ) from error


_Node = tuple[str, str, str, str | None]
_Row = tuple[str, str, str, list[str], str | None]


def _read_case(case: dict[str, Any], name: str) -> tuple[list[_Node], list[_Row]]:
    """The nodes (the patient first) and the evidence of one phenopacket."""
    identifier = str(case.get("id") or Path(name).stem)
    patient = f"patient:{re.sub(r'[^A-Za-z0-9_.-]+', '_', identifier)}"
    subject = case.get("subject", {})
    references = _publications(case, identifier)
    facts = {
        "sex": str(subject.get("sex", "")).lower().replace("_sex", ""),
        "age": _when(subject.get("timeAtLastEncounter", {})),
        "vital_status": subject.get("vitalStatus", {}).get("status", "").lower(),
        "publication": references[0] if references else "",
    }
    facts = {key: value for key, value in facts.items() if value not in ("", "unknown")}
    nodes: list[_Node] = [(patient, "Patient", identifier, json.dumps(facts) if facts else None)]
    rows: list[_Row] = []
    for feature in case["phenotypicFeatures"]:
        phenotype = normalise_curie(feature["type"]["id"])
        nodes.append((phenotype, "Symptom", feature["type"].get("label") or phenotype, None))
        relation = "LACKS_PHENOTYPE" if feature.get("excluded") else "HAS_PHENOTYPE"
        onset = _when(feature.get("onset", {}))
        qualifiers = json.dumps({"onset": onset}) if onset else None
        rows.append((patient, relation, phenotype, references, qualifiers))
    for term in _diagnoses(case):
        disease = normalise_curie(term["id"])
        nodes.append((disease, "Disease", term.get("label") or disease, None))
        rows.append((patient, "HAS_DISEASE", disease, references, None))
    return nodes, rows


def _diagnoses(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The terms of the diseases that are not excluded; where none is listed, of the solved ones."""
    listed = [d["term"] for d in case.get("diseases", []) if not d.get("excluded")]
    solved = [
        interpretation["diagnosis"]["disease"]
        for interpretation in case.get("interpretations", [])
        if interpretation.get("progressStatus") in ("SOLVED", "COMPLETED")
    ]
    return listed or solved


def _publications(case: dict[str, Any], identifier: str) -> list[str]:
    external = case.get("metaData", {}).get("externalReferences", [])
    stated = [str(r["id"]) for r in external if str(r.get("id", "")).startswith("PMID:")]
    named = re.match(r"PMID_(\d+)", identifier)
    return sorted(set(stated)) or ([f"PMID:{named[1]}"] if named else [])


def _when(time: dict[str, Any]) -> str:
    """An age as ISO 8601 duration, weeks of gestation, or the name of a stage of life."""
    if "age" in time:
        return str(time["age"].get("iso8601duration", ""))
    if "gestationalAge" in time:
        return f"gestational week {time['gestationalAge'].get('weeks', '')}".strip()
    return str(time.get("ontologyClass", {}).get("label", ""))


INFO = SourceInfo(
    "phenopackets",
    "Cases as GA4GH Phenopackets, such as those of the Phenopacket Store",
    SOURCE.licence,
    SOURCE.home_page,
    "that of the files given",
    ".json file, folder of them, or tar archive (plain, .gz, .xz, .bz2)",
    "Patient HAS_PHENOTYPE and LACKS_PHENOTYPE Symptom, Patient HAS_DISEASE Disease",
    True,
    load,
)
