"""BindingDB: measured affinities of small molecules and proteins (https://www.bindingdb.org).

Reads the table that BindingDB publishes (`BindingDB_All_*.tsv` or a part of it, as on
https://www.bindingdb.org/rwd/bind/chemsearch/marvin/Download.jsp; a row for each measurement), and
tables of pairs for learning that were made of it: a CSV of SMILES, sequence of the protein, and 1
or 0 (`SMILES,Protein,Y`, or MolTrans' `SMILES,Target Sequence,Label`). These name proteins by
nothing but sequences, so a file has to say which sequence is whose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import polars as pl

from ..core.errors import DataError, MissingError
from ..core.json_reading import read_json
from ..core.progress import progress
from ..core.quarantine import Quarantine
from ..graph.frames import STRING_LIST, Columns, Source
from ..graph.identifiers import content_ids
from ..graph.kg import KnowledgeGraph, Part
from .affinity import (
    BINDS_UP_TO_NM,
    NO_BINDING_FROM_NM,
    POSSIBLE,
    is_accession,
    protein_nodes,
    target_of_accession,
)
from .clinical import RELEASE
from .frames import NodeRow, as_json, json_column, nodes_frame
from .info import SourceInfo
from .stream import plain_suffix, published_files, text_lines
from .text_tables import PART_ROWS, column_aliases, find_header, read_table_parts

SOURCE = Source(
    "bindingdb",
    "unknown",
    "CC-BY-3.0; what BindingDB took from ChEMBL CC-BY-SA-3.0",
    "https://www.bindingdb.org",
    reliability=0.9,
)
PREFIX = "BINDINGDB"  # of compounds: BDBM and the number of the monomer

_CHAIN = "Primary ID of Target Chain"
_COLUMNS = column_aliases(
    {
        "monomer": ["BindingDB MonomerID"],
        "smiles": ["Ligand SMILES"],
        "protein": ["Target Name"],
        "ki_nm": ["Ki (nM)"],
        "kd_nm": ["Kd (nM)"],
        "ic50_nm": ["IC50 (nM)"],
        # Before 2025 the columns of a chain were not numbered; the first are those of the first.
        "swissprot": [f"UniProt (SwissProt) {_CHAIN} 1", f"UniProt (SwissProt) {_CHAIN}"],
    }
)
_OPTIONAL = column_aliases(
    {
        "name": ["BindingDB Ligand Name"],
        "organism": ["Target Source Organism According to Curator or DataSource"],
        "trembl": [f"UniProt (TrEMBL) {_CHAIN} 1", f"UniProt (TrEMBL) {_CHAIN}"],
        "chains": ["Number of Protein Chains in Target (>1 implies a multichain complex)"],
        "doi": ["Article DOI"],
        "pmid": ["PMID"],
        "pubchem": ["PubChem CID"],
        "chembl": ["ChEMBL ID of Ligand"],
        "drugbank": ["DrugBank ID of Ligand"],
    }
)
# An EC50 tells an effect, not binding.
_QUANTITIES = ("ki_nm", "kd_nm", "ic50_nm")
_PAIRS = column_aliases(
    {"smiles": ["SMILES"], "sequence": ["Protein", "Target Sequence"], "label": ["Y", "Label"]}
)
_MAN = "Homo sapiens"

_VALUE = re.compile(
    r"(?P<relation>[<>~=]?)=?\s*(?P<number>\d{1,20}(?:\.\d{0,20})?(?:[eE][+-]?\d\d?)?)"
)
# Tyrosine-protein kinase ABL1 [T315I], EGFR [L858R,T790M].
_VARIANT = re.compile(r"\[(?P<variant>[A-Z]\d{1,5}[A-Z](?:,[A-Z]\d{1,5}[A-Z])*)\]")
_XREFS = {
    "pubchem": ("PUBCHEM.COMPOUND", re.compile(r"\d{1,12}")),
    "chembl": ("CHEMBL.COMPOUND", re.compile(r"CHEMBL\d{1,12}")),
    "drugbank": ("drugbank", re.compile(r"DB\d{5}")),
}
_HEADER_OF_FASTA = re.compile(r">(?:\w{2}\|)?(?P<accession>[A-Z0-9]{6,10})(?:[|\s]|$)")


class _Measurement(NamedTuple):
    """What one value tells of a compound and a protein.

    Attributes:
        binds, denies: whether it says that the compound binds, that it doesn't; neither in between.
        variant: of the protein, where it is a mutant.
        quantity: the qualifier that holds the value.
        relation: `<` or `>` where the value is a bound.
    """

    subject: str
    object: str
    binds: bool
    denies: bool
    protein: str | None = None
    variant: str | None = None
    quantity: str | None = None
    value: float | None = None
    relation: str | None = None
    reference: str | None = None


_MEASUREMENT: Columns = {
    "subject": pl.String,
    "object": pl.String,
    "binds": pl.Boolean,
    "denies": pl.Boolean,
    "protein": pl.String,
    "variant": pl.String,
    "quantity": pl.String,
    "value": pl.Float64,
    "relation": pl.String,
    "reference": pl.String,
}


def load(
    path: Path | None, quarantine: Quarantine, *, release: str = "", proteins: str = ""
) -> KnowledgeGraph:
    """BindingDB as a graph: Drug TARGETS Target, asserted or denied.

    A Ki, Kd or IC50 of at most 1 µM says that a compound binds, one of 10 µM or more that it
    doesn't; one in between is hypothetical, so that it makes no edge and denies none. Where
    measurements disagree, certain is that the wild type binds; the others' evidence to the contrary
    is possible, as is a mutant's.

    Args:
        path: BindingDB's table or a table of pairs, or a folder with either.
        quarantine: gets rows of complexes, of other organisms' proteins and of proteins without an
            accession, compounds without an identifier or a structure, and values that are none.
        release: of the file, as evidence will state it.
        proteins: for tables of pairs, a file with the proteins' sequences: FASTA as UniProt has it,
            or a JSON object from accessions to sequences.

    Raises:
        MissingError: no path, no file of `proteins` where one is needed, or one is not there.
        DataError: a file can't be read as what it should be.
    """
    if path is None:
        raise MissingError(
            "bindingdb needs a path (--path): BindingDB_All_*.tsv of https://www.bindingdb.org,"
            " plain or compressed; docs/sources.md says how to get it"
        )
    files = published_files(path, "BindingDB*.tsv", "BindingDB*_tsv", "*.csv")
    content = _Content()
    for file in files:
        if plain_suffix(file) == ".csv":
            _read_pairs(file, proteins, content, quarantine)
        else:
            _read_table(file, content, quarantine)
    source = replace(SOURCE, release=release or SOURCE.release)
    nodes = pl.concat([content.drug_nodes(), protein_nodes(content.targets)], how="diagonal")
    return KnowledgeGraph.from_parts(
        [Part(nodes=nodes), Part(evidence=_evidence(content.frame(), source))],
        [source],
        quarantine=quarantine,
        origin=str(path),
    )


@dataclass
class _Content:
    """What files hold: compounds by identifier, targets, and measurements.

    Attributes:
        targets: as the keys of a dictionary, in order.
        frames: finished parts of the measurements; `rows` is the one at work.
    """

    drugs: dict[str, NodeRow] = field(default_factory=dict)
    targets: dict[str, None] = field(default_factory=dict)
    frames: list[pl.DataFrame] = field(default_factory=list)
    rows: list[_Measurement] = field(default_factory=list)

    def add(self, drug: NodeRow, measurements: list[_Measurement]) -> None:
        """Take a compound, and what was measured of it."""
        if measurements:
            self.drugs.setdefault(drug["id"], drug)
        self.targets |= dict.fromkeys(measurement.object for measurement in measurements)
        self.rows += measurements
        if len(self.rows) >= PART_ROWS:
            self._end_part()

    def drug_nodes(self) -> pl.DataFrame:
        """The compounds' nodes."""
        return nodes_frame(list(self.drugs.values()))

    def frame(self) -> pl.DataFrame:
        """All measurements."""
        self._end_part()
        return pl.concat(self.frames)

    def _end_part(self) -> None:
        self.frames.append(pl.DataFrame(self.rows, schema=_MEASUREMENT, orient="row"))
        self.rows = []


def _evidence(measurements: pl.DataFrame, source: Source) -> pl.DataFrame:
    """The evidence that measurements give, each a row of it."""
    binds, denies, is_wild = pl.col("binds"), pl.col("denies"), pl.col("variant").is_null()

    def any_of_pair(condition: pl.Expr) -> pl.Expr:
        return condition.any().over("subject", "object")

    wild_binds = any_of_pair(is_wild & binds)
    contrary = (
        pl.when(denies & is_wild)
        .then(wild_binds)
        .when(denies)
        .then(any_of_pair(binds))
        .otherwise(any_of_pair(is_wild & denies) & ~wild_binds)
    )
    certainty = (
        pl.when(~binds & ~denies)
        .then(pl.lit("hypothetical"))
        .when(contrary)
        .then(pl.lit("possible"))
        .otherwise(pl.lit("certain"))
    )
    rows = measurements.with_columns(
        polarity=pl.when(denies).then(pl.lit("negated")).otherwise(pl.lit("asserted")),
        certainty=certainty,
        **{name: pl.when(quantity=name).then("value") for name in _QUANTITIES},
    )
    names = ["protein", "variant", *_QUANTITIES, "relation"]
    return rows.select(
        "subject",
        "object",
        "polarity",
        "certainty",
        relation=pl.lit("TARGETS"),
        probability=pl.when(certainty="possible").then(POSSIBLE).otherwise(1.0),
        qualifiers=json_column(rows, names),
        level=pl.lit("observed"),
        references=pl.concat_list("reference").list.drop_nulls().cast(STRING_LIST),
        source=pl.lit(source.name),
        release=pl.lit(source.release),
    )


# BindingDB's own table


def _read_table(path: Path, content: _Content, quarantine: Quarantine) -> None:
    """Take the measurements of a table as BindingDB publishes it.

    Its rows may end before the columns of further chains, which nothing is read of.
    """
    header = find_header(path, _COLUMNS)
    if missing := header.missing(_COLUMNS):
        raise DataError(
            f"is no table of BindingDB: it lacks the columns {', '.join(missing)}; give the"
            " tab-separated file that https://www.bindingdb.org offers",
            path=path,
        )
    places = {name: header.position(names) for name, names in (_COLUMNS | _OPTIONAL).items()}
    columns = {name: place for name, place in places.items() if place is not None}
    least = 1 + max(columns[name] for name in _COLUMNS)
    with progress("bindingdb", None) as step:
        for line, text in text_lines(path):
            if line <= header.line or not text.strip():
                continue
            step(1)
            fields = text.split("\t")
            if not least <= len(fields) <= len(header.names):
                quarantine.add("wrong number of columns", path=path, line=line, row=text[:500])
                continue
            row = {name: fields[at].strip() for name, at in columns.items() if at < len(fields)}
            problem = _take(row, content)
            if problem is not None:
                shown = " ".join(row[name] for name in ("monomer", "protein", *_QUANTITIES))
                quarantine.add(problem, path=path, line=line, row=shown[:500])


def _take(row: Mapping[str, str], content: _Content) -> str | None:
    """Take the measurements of a row; else the reason why not."""
    if not re.fullmatch(r"\d{1,12}", row["monomer"]):
        return "compound without identifier"
    if not row["smiles"]:
        return "compound without structure"
    if row.get("chains", "1") not in ("", "1"):
        return "complex of several proteins"
    accession = row["swissprot"] or row.get("trembl", "")
    if not is_accession(accession):
        return "protein without accession"
    target = target_of_accession(accession)
    # Of man's proteins, those that HGNC's table lacks are known by the organism alone.
    if row.get("organism", "") != _MAN and not target.startswith("HGNC:"):
        return "protein of another organism"
    values = {name: row[name] for name in _QUANTITIES if row[name]}
    if not values:
        return "no Ki, Kd or IC50"
    drug = _drug(row)
    measured = [_measured(drug["id"], target, row, name, text) for name, text in values.items()]
    content.add(drug, [measurement for measurement in measured if measurement is not None])
    return "no affinity" if None in measured else None


def _drug(row: Mapping[str, str]) -> NodeRow:
    """The compound of a row: of its names, separated by ::, the first."""
    xrefs = [
        f"{prefix}:{row[column]}"
        for column, (prefix, pattern) in _XREFS.items()
        if pattern.fullmatch(row.get(column, ""))
    ]
    return {
        "id": f"{PREFIX}:BDBM{row['monomer']}",
        "kind": "Drug",
        "name": row.get("name", "").partition("::")[0] or None,
        "xrefs": xrefs,
        "properties": as_json({"smiles": row["smiles"]}),
    }


def _measured(
    drug: str, target: str, row: Mapping[str, str], quantity: str, text: str
) -> _Measurement | None:
    """What a value tells; None for one that is no concentration."""
    parsed = _VALUE.fullmatch(text)
    value = float(parsed["number"]) if parsed else 0.0
    if parsed is None or value <= 0:
        return None
    relation = parsed["relation"] if parsed["relation"] in ("<", ">") else None
    variant = _VARIANT.search(row["protein"])
    reference = f"PMID:{row['pmid']}" if row.get("pmid", "").isdecimal() else None
    if reference is None and row.get("doi", "").startswith("10."):
        reference = f"DOI:{row['doi']}"
    return _Measurement(
        drug,
        target,
        binds=value <= BINDS_UP_TO_NM and relation != ">",
        denies=value >= NO_BINDING_FROM_NM and relation != "<",
        protein=row["protein"] or None,
        variant=variant["variant"] if variant else None,
        quantity=quantity,
        value=value,
        relation=relation,
        reference=reference,
    )


# Tables of pairs


def _read_pairs(path: Path, proteins: str, content: _Content, quarantine: Quarantine) -> None:
    """Take the pairs of a table that names proteins by their sequences."""
    if not proteins:
        raise MissingError(
            f"{path} names proteins by their sequences; say whose these are: --option"
            " proteins=FILE, such as UniProt's human proteome (FASTA), or a JSON object from"
            " accessions to sequences"
        )
    accession_of = _accessions(Path(proteins), quarantine)
    for part in read_table_parts(path, _PAIRS, quarantine, separator=","):
        ids = content_ids(part["smiles"].fill_null(""))
        rows = part.select("line", "smiles", "sequence", "label").iter_rows()
        for id_, (line, smiles, sequence, label) in zip(ids, rows, strict=True):
            accession = accession_of.get(sequence or "")
            binds = {"1": True, "1.0": True, "0": False, "0.0": False}.get(label or "")
            if smiles is None:
                reason = "compound without structure"
            elif accession is None:
                reason = "sequence of no known protein"
            elif binds is None:
                reason = "neither 1 nor 0"
            else:
                target = target_of_accession(accession)
                drug: NodeRow = {
                    "id": f"{PREFIX}:{id_}",
                    "kind": "Drug",
                    "properties": as_json({"smiles": smiles}),
                }
                measurement = _Measurement(drug["id"], target, binds, not binds, accession)
                content.add(drug, [measurement])
                continue
            shown = f"{(smiles or '')[:200]} {(sequence or '')[:50]} {(label or '')[:20]}"
            quarantine.add(reason, path=path, line=line, row=shown)


def _accessions(path: Path, quarantine: Quarantine) -> dict[str, str]:
    """Accessions by sequence; of several with one sequence, the first."""
    if not path.is_file():
        raise MissingError(f"{path}: there is no such file of proteins (--option proteins=)")
    first = next((text.strip() for _, text in text_lines(path) if text.strip()), "")
    pairs = _of_json(path) if first.startswith("{") else _of_fasta(path)
    accession_of: dict[str, str] = {}
    for accession, sequence in pairs:
        if not is_accession(accession):
            quarantine.add("no accession of UniProt", path=path, row=accession[:500])
        elif sequence:
            accession_of.setdefault(sequence, accession)
    if not accession_of:
        raise DataError(
            "holds no sequence under an accession of UniProt; give a FASTA file of UniProt, or a"
            " JSON object from accessions to sequences",
            path=path,
        )
    return accession_of


def _of_json(path: Path) -> Iterator[tuple[str, str]]:
    members = read_json(path)
    for accession, sequence in members.items() if isinstance(members, dict) else ():
        yield accession, sequence if isinstance(sequence, str) else ""


def _of_fasta(path: Path) -> Iterator[tuple[str, str]]:
    accession = ""
    lines: list[str] = []
    for _, text in text_lines(path):
        if not text.startswith(">"):
            lines.append(text.strip())
            continue
        if lines:
            yield accession, "".join(lines)
        header = _HEADER_OF_FASTA.match(text)
        accession, lines = header["accession"] if header else text, []
    if lines:
        yield accession, "".join(lines)


INFO = SourceInfo(
    "bindingdb",
    "BindingDB: measured affinities of small molecules and proteins",
    SOURCE.licence,
    SOURCE.home_page,
    SOURCE.release,
    "BindingDB_All_*.tsv or a part of it, plain or compressed; or a table of pairs for learning"
    " (.csv: SMILES, sequence, 1 or 0)",
    "Drug TARGETS Target, and evidence against it where nothing binds",
    True,
    load,
    options={
        "release": RELEASE,
        "proteins": "for pairs: the proteins' sequences by accession (FASTA or JSON)",
    },
)
