"""Davis and KIBA: how tightly compounds bind kinases, those that they don't bind among them.

Both are matrices of measurements in the form of DeepDTA (https://github.com/hkmztrk/DeepDTA), one
folder each, its files plain or compressed:

- `ligands_can.txt`: a JSON object, from compounds to SMILES (Davis: PubChem's CID, KIBA: ChEMBL)
- `proteins.txt`: a JSON object, from proteins to sequences (Davis: the assay's name of a kinase and
  its form, such as ABL1(E255K); KIBA: UniProt's accession)
- `affinity.tsv`: the matrix `Y` as text, a row for each compound and a column for each protein, in
  the order of the other two files, without a header; nan is not measured
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from math import isfinite, nan
from pathlib import Path
from typing import NamedTuple

import polars as pl

from ..core.errors import DataError, MissingError
from ..core.json_reading import read_json
from ..core.progress import track
from ..core.quarantine import Quarantine
from ..graph.frames import STRING_LIST, Columns, Source
from ..graph.kg import KnowledgeGraph, Part
from .frames import NodeRow, as_json, nodes_frame
from .hgnc import gene_nodes, gene_table
from .info import SourceInfo
from .stream import published_file, require_folder, text_lines
from .text_tables import PART_ROWS, read_table

# Davis. What binds at 1 µM or better is a binder, as is customary for targets of drugs. No binding
# up to 10 µM, the highest concentration that was tried, is written as 10,000 nM (Davis et al.,
# 2011).
BINDS_UP_TO_NM = 1_000.0
NO_BINDING_FROM_NM = 10_000.0
# KIBA. Tang et al. (2014) take a score of up to 3.0 for a binder; the files have the scores turned
# round, as He et al. (2017, https://doi.org/10.1186/s13321-017-0209-z) did, where this is 12.1. The
# score falls by about 1 where the affinity falls tenfold, so Davis' no binding is at 11.1.
BINDS_FROM_SCORE = 12.1
NO_BINDING_UP_TO_SCORE = 11.1

# The probability of what is only possible: what a form shows against the wild type.
POSSIBLE = 0.5
_DATA = Path(__file__).parent / "data"


class _Protein(NamedTuple):
    """A column of the matrix: the assay's name, the gene's Target, and the form that was tried.

    Attributes:
        form: what of `variant`, `state`, `domain` and `partner` the name tells.
    """

    name: str
    target: str
    form: Mapping[str, str] = {}

    @property
    def is_mutant(self) -> bool:
        """Whether it is no wild type."""
        return "variant" in self.form


class _Unmapped(NamedTuple):
    """Why a protein is no Target."""

    reason: str


@dataclass(frozen=True)
class _Dataset:
    """What the two sets differ in.

    Attributes:
        reference: the publication.
        prefix: of the compounds' identifiers, which `ligand` fits.
        quantity: the qualifier that holds the measured value.
        is_sound: whether a value can be one.
        binds: whether a value says that the compound binds; `denies` that it doesn't.
        protein: the protein of a name in `proteins.txt`.
        remedy: what may be wrong where a matrix holds nothing that doesn't bind.
    """

    source: Source
    reference: str
    prefix: str
    ligand: re.Pattern[str]
    quantity: str
    is_sound: Callable[[float], bool]
    binds: Callable[[float], bool]
    denies: Callable[[float], bool]
    protein: Callable[[str], _Protein | _Unmapped]
    remedy: str


def _load(dataset: _Dataset, path: Path | None, quarantine: Quarantine) -> KnowledgeGraph:
    """A matrix of affinities as a graph: Drug TARGETS Target, asserted or denied.

    A measurement is evidence with its value as a qualifier: asserted where the compound binds,
    negated where it doesn't, and hypothetical, so that it makes no edge and denies none, in
    between. Forms of a protein (variants, states, domains, complexes) are qualifiers. Where they
    disagree, certain is that the wild type binds, in any state or domain, or that it doesn't; a
    form's evidence to the contrary is possible, and so is a mutant's that it doesn't bind where
    another form does.

    Args:
        path: the folder.
        quarantine: gets proteins that are no known gene, compounds without an identifier or a
            structure, rows of another length, and cells without a number.

    Raises:
        MissingError: no path, or a file is not there.
        DataError: a file can't be read, or the three don't belong together.
    """
    name = dataset.source.name
    if path is None:
        raise MissingError(
            f"{name} needs a path (--path): the folder with ligands_can.txt, proteins.txt and"
            " affinity.tsv; docs/sources.md says how to get them"
        )
    folder = require_folder(path)
    ligands_file, proteins_file, matrix = (
        _file(folder, file) for file in ("ligands_can.txt", "proteins.txt", "affinity.tsv")
    )
    ligands = _ligands(ligands_file, dataset, quarantine)
    proteins = _proteins(proteins_file, dataset, quarantine)
    nodes = pl.concat(
        [_drugs(ligands), protein_nodes(protein.target for protein in proteins if protein)],
        how="diagonal",
    )
    evidence = _evidence(matrix, list(ligands), proteins, dataset, quarantine)
    return KnowledgeGraph.from_parts(
        _parts(nodes, evidence, dataset),
        [dataset.source],
        quarantine=quarantine,
        origin=str(folder),
    )


def _file(folder: Path, name: str) -> Path:
    file = published_file(folder, [name])
    if file is None:
        raise MissingError(
            f"{folder} has no {name}; give the folder with ligands_can.txt, proteins.txt and"
            " affinity.tsv"
        )
    return file


def _object(path: Path) -> dict[str, object]:
    members = read_json(path)
    if not isinstance(members, dict):
        raise DataError("is no JSON object of identifiers; copy the file anew", path=path)
    return members


# The compounds


class _Ligand(NamedTuple):
    """A row of the matrix: the compound's CURIE and SMILES."""

    curie: str
    smiles: str | None


def _ligands(path: Path, dataset: _Dataset, quarantine: Quarantine) -> list[_Ligand | None]:
    """The compounds in order; None for one that has no identifier."""
    ligands: list[_Ligand | None] = []
    for local, smiles in _object(path).items():
        if not dataset.ligand.fullmatch(local):
            quarantine.add("compound without identifier", path=path, row=local[:500])
            ligands.append(None)
            continue
        text = smiles.strip() if isinstance(smiles, str) else ""
        if not text:
            quarantine.add("compound without structure", path=path, row=local)
        ligands.append(_Ligand(f"{dataset.prefix}:{local}", text or None))
    return ligands


def _drugs(ligands: Iterable[_Ligand | None]) -> pl.DataFrame:
    """The compounds' nodes; some have a name and cross-references by the table that ships."""
    known = read_table(_DATA / "affinity_drugs.tsv", ["id", "name", "xrefs"], Quarantine())
    facts = {id_: (name, xrefs) for id_, name, xrefs, _ in known.iter_rows()}
    rows: list[NodeRow] = []
    for curie, smiles in filter(None, ligands):
        name, xrefs = facts.get(curie, (None, ""))
        rows.append(
            {
                "id": curie,
                "kind": "Drug",
                "name": name,
                "xrefs": xrefs.split("|") if xrefs else [],
                "properties": as_json({"smiles": smiles}),
            }
        )
    return nodes_frame(rows)


# The proteins


def _proteins(path: Path, dataset: _Dataset, quarantine: Quarantine) -> list[_Protein | None]:
    """The proteins in order; None for one that is no Target."""
    proteins: list[_Protein | None] = []
    for name in _object(path):
        protein = dataset.protein(name)
        if isinstance(protein, _Unmapped):
            quarantine.add(protein.reason, path=path, row=name[:500])
            proteins.append(None)
        else:
            proteins.append(protein)
    return proteins


def protein_nodes(ids: Iterable[str]) -> pl.DataFrame:
    """The nodes of these targets; a protein that HGNC's table lacks is named by its accession."""
    wanted = pl.DataFrame({"id": list(dict.fromkeys(ids))}, schema={"id": pl.String})
    genes = gene_nodes(gene_table().join(wanted, on="id", how="semi"))
    others = wanted.join(genes, on="id", how="anti").select(
        "id", kind=pl.lit("Target"), name=pl.col("id").str.split(":").list.last()
    )
    return pl.concat([genes, others], how="diagonal")


# A kinase, perhaps its cyclin, a form in brackets, and its state: ABL1(F317I)p, CDK4-cyclinD1.
_ASSAY = re.compile(
    r"(?P<kinase>[\w-]+?)(?:-(?P<partner>cyclin\w+))?(?:\((?P<form>[\w.-]+)\))?"
    r"(?P<state>p|-phosphorylated|-nonphosphorylated)?"
)
# JH1domain-catalytic, KinDom.1-N-terminal, KinDom2S808G (with a variant).
_DOMAIN = re.compile(
    r"(?P<domain>(?:JH|KinDom)\.?\d(?:domain)?(?:-[A-Za-z-]+)?)(?P<variant>[A-Z]\d+[A-Z])?"
)
_ORGANISM = re.compile(r"[A-Z][a-z]{3,}")  # Pfalciparum


def _assayed_kinase(name: str) -> _Protein | _Unmapped:
    """The protein of an assay of Davis: a gene of man, in a form."""
    assay = _ASSAY.fullmatch(name)
    if assay is None:
        return _Unmapped("no name of a kinase")
    form = assay["form"] or ""
    if _ORGANISM.fullmatch(form):
        return _Unmapped("kinase of another organism")
    gene = _genes_by_kinase().get(assay["kinase"])
    if gene is None:
        return _Unmapped("no human gene of this name")
    domain = _DOMAIN.fullmatch(form)
    parts = {
        "variant": domain["variant"] if domain else form,
        "domain": domain["domain"] if domain else None,
        "partner": assay["partner"],
        "state": "phosphorylated" if assay["state"] == "p" else (assay["state"] or "").strip("-"),
    }
    return _Protein(name, gene, {part: text for part, text in parts.items() if text})


@cache
def _genes_by_kinase() -> dict[str, str]:
    """HGNC's identifiers by approved symbol, and by the names of Davis' assays, which go first."""
    ids = dict(gene_table().select("symbol", "id").iter_rows())
    names = read_table(_DATA / "davis_kinases.tsv", ["kinase", "symbol"], Quarantine())
    return ids | {kinase: ids[symbol] for kinase, symbol, _ in names.iter_rows()}


_ACCESSION = re.compile(r"[OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9](?:[A-Z][A-Z0-9]{2}[0-9]){1,2}")


def _accession(name: str) -> _Protein | _Unmapped:
    """The protein of an accession: its gene, or itself where HGNC's table has no gene of it."""
    if not is_accession(name):
        return _Unmapped("no accession of UniProt")
    return _Protein(name, target_of_accession(name))


def is_accession(text: str) -> bool:
    """Whether a text has the form of UniProt's accessions."""
    return _ACCESSION.fullmatch(text) is not None


def target_of_accession(accession: str) -> str:
    """The identifier of an accession's gene, or of itself where HGNC's table has no gene of it."""
    return _genes_by_accession().get(accession, f"UniProtKB:{accession}")


@cache
def _genes_by_accession() -> dict[str, str]:
    return dict(gene_table().drop_nulls("uniprot").select("uniprot", "id").iter_rows())


# The matrix


class _Measured(NamedTuple):
    """A piece of evidence as a row."""

    subject: str
    object: str
    polarity: str
    certainty: str
    probability: float
    qualifiers: str | None


_EVIDENCE_COLUMNS: Columns = {
    "subject": pl.String,
    "object": pl.String,
    "polarity": pl.String,
    "certainty": pl.String,
    "probability": pl.Float64,
    "qualifiers": pl.String,
}


def _parts(nodes: pl.DataFrame, evidence: Iterable[_Measured], dataset: _Dataset) -> Iterator[Part]:
    yield Part(nodes=nodes)
    rows: list[_Measured] = []
    for row in evidence:
        rows.append(row)
        if len(rows) == PART_ROWS:
            yield Part(evidence=_frame(rows, dataset))
            rows = []
    yield Part(evidence=_frame(rows, dataset))


def _frame(rows: Sequence[_Measured], dataset: _Dataset) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=_EVIDENCE_COLUMNS, orient="row").with_columns(
        relation=pl.lit("TARGETS"),
        level=pl.lit("observed"),
        references=pl.lit([dataset.reference], dtype=STRING_LIST),
        source=pl.lit(dataset.source.name),
        release=pl.lit(dataset.source.release),
    )


def _evidence(
    path: Path,
    ligands: Sequence[_Ligand | None],
    proteins: Sequence[_Protein | None],
    dataset: _Dataset,
    quarantine: Quarantine,
) -> Iterator[_Measured]:
    """The evidence of a matrix, a row of it at a time."""
    lines = (line for line in text_lines(path) if line[1].strip())
    rows = usable = denials = 0
    for number, text in track(lines, dataset.source.name, len(ligands)):
        ligand = ligands[rows] if rows < len(ligands) else None
        rows += 1
        cells = text.split("\t")
        if len(cells) != len(proteins):
            quarantine.add("wrong number of columns", path=path, line=number)
            continue
        usable += 1
        if ligand is None:
            continue
        values = [_value(cell) for cell in cells]
        for protein, cell, value in zip(proteins, cells, values, strict=True):
            if value is None or (isfinite(value) and not dataset.is_sound(value)):
                place = f"{ligand.curie} {protein.name if protein else ''} {cell[:100]}"
                quarantine.add("no affinity", path=path, line=number, row=place)
        for row in _of_ligand(ligand, proteins, values, dataset):
            denials += row.polarity == "negated"
            yield row
    if rows != len(ligands) or not usable:
        raise DataError(
            f"has {rows} rows, {usable} of them with {len(proteins)} columns; ligands_can.txt lists"
            f" {len(ligands)} compounds and proteins.txt {len(proteins)} proteins: copy all three"
            " files anew from one release",
            path=path,
        )
    if not denials:
        raise DataError(f"holds nothing that doesn't bind: {dataset.remedy}", path=path)


def _value(cell: str) -> float | None:
    """The number of a cell: NaN where nothing was measured, None where it is none."""
    try:
        value = float(cell) if cell.strip() else nan
    except ValueError:
        return None
    return None if value in (float("inf"), float("-inf")) else value


def _of_ligand(
    ligand: _Ligand,
    proteins: Sequence[_Protein | None],
    values: Sequence[float | None],
    dataset: _Dataset,
) -> Iterator[_Measured]:
    """The evidence of a compound."""
    measured = [
        (protein, value)
        for protein, value in zip(proteins, values, strict=True)
        if protein and value is not None and isfinite(value) and dataset.is_sound(value)
    ]
    binding = {protein.target for protein, value in measured if dataset.binds(value)}
    wild = [(protein.target, value) for protein, value in measured if not protein.is_mutant]
    wild_binding = {target for target, value in wild if dataset.binds(value)}
    wild_denied = {target for target, value in wild if dataset.denies(value)} - wild_binding
    for protein, value in measured:
        if dataset.denies(value):
            polarity, against = "negated", binding if protein.is_mutant else wild_binding
        else:
            polarity, against = "asserted", wild_denied
        certainty = "possible" if protein.target in against else "certain"
        if polarity == "asserted" and not dataset.binds(value):
            certainty = "hypothetical"
        yield _Measured(
            ligand.curie,
            protein.target,
            polarity,
            certainty,
            POSSIBLE if certainty == "possible" else 1.0,
            as_json({"protein": protein.name, dataset.quantity: value, **protein.form}),
        )


_DAVIS = _Dataset(
    source=Source(
        "davis",
        "2011",
        "as published (Davis et al., 2011)",
        "https://doi.org/10.1038/nbt.1990",
        reliability=0.95,
    ),
    reference="DOI:10.1038/nbt.1990",
    prefix="PUBCHEM.COMPOUND",
    ligand=re.compile(r"[0-9]{1,12}"),
    quantity="kd_nm",
    is_sound=lambda kd: kd > 0,
    binds=lambda kd: kd <= BINDS_UP_TO_NM,
    denies=lambda kd: kd >= NO_BINDING_FROM_NM,
    protein=_assayed_kinase,
    remedy="give Kd in nM, where 10,000 is no binding, and not its logarithm (pKd)",
)
_KIBA = _Dataset(
    source=Source(
        "kiba",
        "2014",
        "as published (Tang et al., 2014)",
        "https://doi.org/10.1021/ci400709d",
        reliability=0.9,
    ),
    reference="DOI:10.1021/ci400709d",
    prefix="CHEMBL.COMPOUND",
    ligand=re.compile(r"CHEMBL[0-9]{1,12}"),
    quantity="kiba_score",
    is_sound=lambda score: score >= 0,
    binds=lambda score: score >= BINDS_FROM_SCORE,
    denies=lambda score: score <= NO_BINDING_UP_TO_SCORE,
    protein=_accession,
    remedy="give the scores of which the higher is the better binder (12.1 is the threshold)",
)
_FORM = "folder with ligands_can.txt, proteins.txt and affinity.tsv; plain or compressed"
_YIELDS = "Drug TARGETS Target, and evidence against it where nothing binds"

INFOS = (
    SourceInfo(
        "davis",
        "Davis: dissociation constants of 68 inhibitors and 442 kinases, mutants among them",
        _DAVIS.source.licence,
        _DAVIS.source.home_page,
        _DAVIS.source.release,
        _FORM,
        _YIELDS,
        True,
        partial(_load, _DAVIS),
    ),
    SourceInfo(
        "kiba",
        "KIBA: one score of binding, of Ki, Kd and IC50, of 2,111 compounds and 229 kinases",
        _KIBA.source.licence,
        _KIBA.source.home_page,
        _KIBA.source.release,
        _FORM,
        _YIELDS,
        True,
        partial(_load, _KIBA),
    ),
)
