"""The starter set: approved drugs curated for medkg, with what joins them to HPO and Hetionet.

Reads the tables of `data/starter` (see the card there), or a folder with tables of the same form:

- drugs: drug, synonyms, drug_class
- targets: drug, symbol, action, role, reference
- indications: drug, relation, disease, reference
- diseases: disease, synonyms
- effects: drug, effect, reference
- interactions: drug, other, effect, reference
- names: kind, name, synonyms (what notes name every day and no other table does)
- forms: drug, form_of (a group that notes name as one drug, or what a combination holds)
- disease_forms: disease, form_of (a wider disease)
- structures: drug, inchi
- identifiers: kind, name, id, xrefs, confirmed_by

Each may be split over several files (`drugs-1.tsv`, `drugs-2.tsv`); several values in one field are
separated by `|`. A name without an identifier keeps one of medkg's own, `medkg:<name>`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import polars as pl

from ..core.errors import MissingError
from ..core.quarantine import Quarantine
from ..graph.frames import Source
from ..graph.identifiers import name_key, normalise_curies
from ..graph.kg import KnowledgeGraph
from .adme import adme_roles
from .frames import json_column
from .info import SourceInfo
from .stream import require_folder
from .text_tables import read_table

SOURCE = Source(
    "starter",
    "1",
    "Apache-2.0 (facts, curated for medkg; structures from Hetionet)",
    "",
    reliability=0.95,
)


def load(path: Path | None, quarantine: Quarantine) -> KnowledgeGraph:
    """The starter set as a graph.

    Args:
        path: folder with the tables; by default the one that comes with medkg.
        quarantine: gets the rows that can't be used.

    Raises:
        MissingError: a table is not there.
        DataError: a table can't be read.
    """
    folder = require_folder(path) if path else _own_folder()
    tables = _Tables.read(folder, quarantine)
    indices = _Indices.of(tables)
    evidence = _evidence(tables, indices, quarantine)
    return KnowledgeGraph.build(
        _nodes(tables, indices, _structures(tables, indices, quarantine)),
        evidence.with_columns(source=pl.lit(SOURCE.name), release=pl.lit(SOURCE.release)),
        [SOURCE],
        quarantine=quarantine,
        origin=str(folder),
    )


def _own_folder() -> Path:
    """Where the tables lie that come with medkg."""
    return Path(__file__).parent / "data" / "starter"


# The tables


@dataclass(frozen=True)
class _Tables:
    """The complete rows of each table, with the `file` and `line` that they stand in."""

    identifiers: pl.DataFrame
    drugs: pl.DataFrame
    targets: pl.DataFrame
    indications: pl.DataFrame
    diseases: pl.DataFrame
    effects: pl.DataFrame
    interactions: pl.DataFrame
    names: pl.DataFrame
    forms: pl.DataFrame
    disease_forms: pl.DataFrame
    structures: pl.DataFrame

    @classmethod
    def read(cls, folder: Path, quarantine: Quarantine) -> Self:
        """Read all tables of a folder."""

        def rows(name: str, required: list[str], optional: Sequence[str] = ()) -> pl.DataFrame:
            return _read_rows(folder, name, required, optional, quarantine)

        identifiers = rows("identifiers", ["kind", "name", "id"], ["xrefs"])
        return cls(
            identifiers=_with_standard_curies(identifiers, quarantine),
            drugs=rows("drugs", ["drug"], ["synonyms", "drug_class"]),
            targets=rows("targets", ["drug", "symbol"], ["action", "role", "reference"]),
            indications=rows("indications", ["drug", "relation", "disease"], ["reference"]),
            diseases=rows("diseases", ["disease", "synonyms"]),
            effects=rows("effects", ["drug", "effect"], ["reference"]),
            interactions=rows("interactions", ["drug", "other"], ["effect", "reference"]),
            names=rows("names", ["kind", "name"], ["synonyms"]),
            forms=rows("forms", ["drug", "form_of"]),
            disease_forms=rows("disease_forms", ["disease", "form_of"]),
            structures=rows("structures", ["drug", "inchi"]),
        )

    @property
    def classified_drugs(self) -> pl.DataFrame:
        """The rows of drugs that have a class."""
        return self.drugs.filter(pl.col("drug_class").is_not_null())

    @property
    def disease_names(self) -> pl.Series:
        """The diseases of indications, and those that are a form of another or have one."""
        forms = self.disease_forms
        return pl.concat([self.indications["disease"], forms["disease"], forms["form_of"]])

    def names_of_kind(self, kind: str) -> pl.DataFrame:
        """The rows of `names` of a kind."""
        return self.names.filter(kind=kind)


def _read_rows(
    folder: Path,
    name: str,
    required: list[str],
    optional: Sequence[str],
    quarantine: Quarantine,
) -> pl.DataFrame:
    """The rows of a table's files, with the file they stand in; incomplete ones are set aside."""
    files = sorted({*folder.glob(f"{name}.tsv"), *folder.glob(f"{name}-*.tsv")})
    if not files:
        raise MissingError(f"{folder} has no {name}.tsv of the starter set")
    rows = pl.concat(
        read_table(file, required, quarantine, optional).with_columns(file=pl.lit(str(file)))
        for file in files
    )
    is_incomplete = pl.any_horizontal(pl.col(required).is_null())
    for file, line in rows.filter(is_incomplete).select("file", "line").rows():
        quarantine.add("empty field", path=file, line=line)
    return rows.filter(~is_incomplete)


def _with_standard_curies(identifiers: pl.DataFrame, quarantine: Quarantine) -> pl.DataFrame:
    """The rows with identifiers in the standard spelling; those without one are set aside."""
    curies, reasons = normalise_curies(identifiers["id"])
    for (file, line, text), reason in zip(
        identifiers.select("file", "line", "id").rows(), reasons, strict=True
    ):
        if reason is not None:
            quarantine.add(reason, path=file, line=line, row=text)
    return identifiers.with_columns(id=curies).drop_nulls("id")


# From names to identifiers


class _NameIndex:
    """The identifiers and kinds of names, by name key.

    Names that are listed under one of the kinds (the first kind's first) have the identifier there;
    the other names of a table get one of medkg's own.

    Args:
        identifiers: kind, name and id of what is listed.
        kinds: the kinds that a name is looked up in; a name that is not listed is of the first.
        names: all names of a table.
    """

    def __init__(self, identifiers: pl.DataFrame, kinds: Sequence[str], names: pl.Series):
        key = name_key(pl.col("name"))
        listed = [
            identifiers.filter(kind=kind).select("kind", "id", key=key, name="name")
            for kind in kinds
        ]
        own = pl.DataFrame({"name": names}).select(
            kind=pl.lit(kinds[0]),
            id=pl.lit("medkg:") + _slugs(pl.col("name")),
            key=key,
            name="name",
        )
        self._table = pl.concat([*listed, own]).unique("key", keep="first", maintain_order=True)
        self._ids = dict(self._table.select("key", "id").rows())

    def ids(self, column: str) -> pl.Expr:
        """The identifiers of a column of names, null for unknown ones."""
        return name_key(pl.col(column)).replace_strict(
            self._ids, default=None, return_dtype=pl.String
        )

    def nodes(self, names: pl.Series) -> pl.DataFrame:
        """The nodes (id, kind, name) of those names that have an identifier."""
        keys = pl.DataFrame({"spelling": names.unique(maintain_order=True)}).select(
            "spelling", key=name_key(pl.col("spelling"))
        )
        return keys.join(self._table, on="key", maintain_order="left").select(
            "id", "kind", name="spelling"
        )


@dataclass(frozen=True)
class _Indices:
    """The identifiers of the names in each column of the tables.

    A drug that only an interaction names is a node too; the other tables need a row in drugs, and
    forms and structures one in drugs or names.
    """

    drugs: _NameIndex
    forms: _NameIndex
    diseases: _NameIndex
    effects: _NameIndex
    targets: _NameIndex
    everyday: Mapping[str, _NameIndex]  # of the table `names`, by kind

    @classmethod
    def of(cls, tables: _Tables) -> Self:
        """Index the names of all tables."""
        known = tables.identifiers
        drugs = pl.concat([tables.drugs["drug"], tables.interactions["other"]])
        everyday_drugs = tables.names_of_kind("Drug")["name"]
        return cls(
            drugs=_NameIndex(known, ["Drug"], drugs),
            forms=_NameIndex(known, ["Drug"], pl.concat([drugs, everyday_drugs])),
            diseases=_NameIndex(known, ["Disease"], tables.disease_names),
            effects=_NameIndex(known, ["Symptom", "Disease"], tables.effects["effect"]),
            targets=_NameIndex(known, ["Target"], tables.targets["symbol"]),
            everyday={
                kind: _NameIndex(known, [kind], tables.names_of_kind(kind)["name"])
                for kind in ("Drug", "Disease", "Symptom")
            },
        )


# The graph


def _evidence(tables: _Tables, indices: _Indices, quarantine: Quarantine) -> pl.DataFrame:
    """The evidence of all tables; rows that name an unknown drug are set aside."""
    drug = indices.drugs.ids("drug")
    references = pl.col("reference").str.split("|")
    evidence = pl.concat(
        [
            tables.targets.select(
                "file",
                "line",
                subject=drug,
                relation=pl.lit("TARGETS"),
                object=indices.targets.ids("symbol"),
                references=references,
                qualifiers=json_column(tables.targets, ["action", "role"]),
            ),
            tables.indications.select(
                "file",
                "line",
                "relation",
                subject=drug,
                object=indices.diseases.ids("disease"),
                references=references,
            ),
            tables.effects.select(
                "file",
                "line",
                subject=drug,
                relation=pl.lit("CAUSES"),
                object=indices.effects.ids("effect"),
                references=references,
            ),
            tables.interactions.select(
                "file",
                "line",
                subject=drug,
                relation=pl.lit("INTERACTS_WITH"),
                object=indices.drugs.ids("other"),
                references=references,
                qualifiers=json_column(tables.interactions, ["effect"]),
            ),
            tables.classified_drugs.select(
                "file", "line", subject=drug, relation=pl.lit("IN_CLASS"), object=_class_id()
            ),
            *_form_evidence(tables, indices),
        ],
        how="diagonal_relaxed",
    )
    lacks_end = pl.any_horizontal(pl.col("subject", "object").is_null())
    for file, line in evidence.filter(lacks_end).select("file", "line").rows():
        quarantine.add("unknown drug", path=file, line=line)
    return evidence.filter(~lacks_end).drop("file", "line")


def _form_evidence(tables: _Tables, indices: _Indices) -> list[pl.DataFrame]:
    """Which drugs and diseases are forms of others."""
    return [
        rows.select(
            "file",
            "line",
            subject=index.ids(form),
            relation=pl.lit("SUBCLASS_OF"),
            object=index.ids("form_of"),
        )
        for rows, index, form in (
            (tables.forms, indices.forms, "drug"),
            (tables.disease_forms, indices.diseases, "disease"),
        )
    ]


def _nodes(tables: _Tables, indices: _Indices, structures: pl.DataFrame) -> pl.DataFrame:
    """A node for each identifier, with its names, cross-references and properties: the structures
    of drugs, the ADME roles of targets."""
    nodes = (
        _all_names(tables, indices)
        .group_by("id", "kind", maintain_order=True)
        .agg(pl.col("name").first(), synonyms=pl.col("name").slice(1).unique())
    )
    xrefs = (
        tables.identifiers.select("id", pl.col("xrefs").str.split("|"))
        .drop_nulls("xrefs")
        .explode("xrefs")
        .group_by("id")
        .agg("xrefs")
    )
    nodes = nodes.join(xrefs, on="id", how="left", maintain_order="left")
    nodes = nodes.join(structures, on="id", how="left", maintain_order="left").with_columns(
        adme=pl.when(pl.col("kind") == "Target").then(adme_roles(nodes["name"])),
        synonyms=pl.col("synonyms").list.set_difference(pl.concat_list("name")),
    )
    properties = json_column(nodes, ["adme", "inchi"])
    return nodes.with_columns(properties=properties).drop("adme", "inchi")


def _structures(tables: _Tables, indices: _Indices, quarantine: Quarantine) -> pl.DataFrame:
    """The drugs' structures (id, inchi); rows that name an unknown drug are set aside."""
    structures = tables.structures.with_columns(id=indices.forms.ids("drug"))
    for file, line in structures.filter(pl.col("id").is_null()).select("file", "line").rows():
        quarantine.add("unknown drug", path=file, line=line)
    return (
        structures.drop_nulls("id")
        .unique("id", keep="first", maintain_order=True)
        .select("id", "inchi")
    )


def _all_names(tables: _Tables, indices: _Indices) -> pl.DataFrame:
    """All names (id, kind, name), the preferred one of each identifier first."""
    drugs, classified = tables.drugs, tables.classified_drugs
    synonym = pl.col("synonyms").str.split("|").alias("name")
    synonyms = [
        drugs.select(synonym, id=indices.drugs.ids("drug"), kind=pl.lit("Drug")),
        tables.diseases.select(synonym, id=indices.diseases.ids("disease"), kind=pl.lit("Disease")),
        *(
            tables.names_of_kind(kind).select(synonym, id=index.ids("name"), kind="kind")
            for kind, index in indices.everyday.items()
        ),
    ]
    return pl.concat(
        [
            drugs.select(id=indices.drugs.ids("drug"), kind=pl.lit("Drug"), name="drug"),
            indices.drugs.nodes(tables.interactions["other"]),
            indices.diseases.nodes(tables.disease_names),
            indices.effects.nodes(tables.effects["effect"]),
            indices.targets.nodes(tables.targets["symbol"]),
            classified.select(id=_class_id(), kind=pl.lit("DrugClass"), name="drug_class"),
            *(
                index.nodes(tables.names_of_kind(kind)["name"])
                for kind, index in indices.everyday.items()
            ),
            pl.concat(synonyms).explode("name").select("id", "kind", "name"),
        ]
    ).drop_nulls()


def _class_id() -> pl.Expr:
    return pl.lit("medkg:class_") + _slugs(pl.col("drug_class"))


def _slugs(names: pl.Expr) -> pl.Expr:
    return name_key(names).str.replace_all(" ", "-")


INFO = SourceInfo(
    "starter",
    "Approved drugs curated for medkg: targets, indications, effects, interactions",
    SOURCE.licence,
    SOURCE.home_page,
    SOURCE.release,
    "comes with medkg; or a folder with tables of the same form",
    "Drug TARGETS Target, TREATS, PALLIATES and CONTRAINDICATED_FOR Disease,"
    " CAUSES Symptom, INTERACTS_WITH Drug, IN_CLASS DrugClass,"
    " SUBCLASS_OF Drug and Disease",
    False,
    load,
    bundled=True,
)
