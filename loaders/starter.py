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
- identifiers: kind, name, id, xrefs, confirmed_by

Each may be split over several files (`drugs-1.tsv`, `drugs-2.tsv`); several values in one field are
separated by `|`. A name without an identifier keeps one of medkg's own, `medkg:<name>`.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from ..core.errors import MissingError
from ..core.quarantine import Quarantine
from ..graph.frames import Source
from ..graph.identifiers import name_key, normalise_curies
from ..graph.kg import KnowledgeGraph
from .adme import adme_roles
from .frames import json_column
from .info import SourceInfo
from .stream import need_folder
from .text_tables import read_table

SOURCE = Source(
    "starter",
    "1",
    "Apache-2.0 (facts, curated for medkg)",
    "",
    reliability=0.95,
)


def load(path: Path | None, quarantine: Quarantine) -> KnowledgeGraph:
    """The starter set as a graph.

    Args:
        path: folder with the tables; by default the one that comes with medkg.

    Raises:
        MissingError: a table is not there.
        DataError: a table can't be read.
    """
    folder = need_folder(path) if path else Path(__file__).parent / "data" / "starter"
    known = _identified(
        _read(folder, "identifiers", ["kind", "name", "id"], quarantine, ["xrefs"]), quarantine
    )
    drugs = _read(folder, "drugs", ["drug"], quarantine, ["synonyms", "drug_class"])
    targets = _read(folder, "targets", ["drug", "symbol"], quarantine, ["action", "role", *_CITED])
    indications = _read(folder, "indications", ["drug", "relation", "disease"], quarantine, _CITED)
    diseases = _read(folder, "diseases", ["disease", "synonyms"], quarantine, [])
    effects = _read(folder, "effects", ["drug", "effect"], quarantine, _CITED)
    interactions = _read(folder, "interactions", ["drug", "other"], quarantine, ["effect", *_CITED])
    more = _read(folder, "names", ["kind", "name"], quarantine, ["synonyms"])
    forms = _read(folder, "forms", ["drug", "form_of"], quarantine, [])
    classes = drugs.filter(pl.col("drug_class").is_not_null())

    others = {kind: more.filter(kind=kind) for kind in ("Drug", "Disease", "Symptom")}
    # A drug that only an interaction names is a node too; the other tables need a row in drugs, and
    # forms one in drugs or names.
    own = [drugs["drug"], interactions["other"]]
    drug_ids = _Names(known, ["Drug"], pl.concat(own))
    form_ids = _Names(known, ["Drug"], pl.concat([*own, others["Drug"]["name"]]))
    disease_ids = _Names(known, ["Disease"], indications["disease"])
    effect_ids = _Names(known, ["Symptom", "Disease"], effects["effect"])
    target_ids = _Names(known, ["Target"], targets["symbol"])
    other_ids = {kind: _Names(known, [kind], rows["name"]) for kind, rows in others.items()}

    evidence = pl.concat(
        [
            targets.select(
                "file",
                "line",
                subject=drug_ids.of("drug"),
                relation=pl.lit("TARGETS"),
                object=target_ids.of("symbol"),
                references=_references(),
                qualifiers=json_column(targets, ["action", "role"]),
            ),
            indications.select(
                "file",
                "line",
                "relation",
                subject=drug_ids.of("drug"),
                object=disease_ids.of("disease"),
                references=_references(),
            ),
            effects.select(
                "file",
                "line",
                subject=drug_ids.of("drug"),
                relation=pl.lit("CAUSES"),
                object=effect_ids.of("effect"),
                references=_references(),
            ),
            interactions.select(
                "file",
                "line",
                subject=drug_ids.of("drug"),
                relation=pl.lit("INTERACTS_WITH"),
                object=drug_ids.of("other"),
                references=_references(),
                qualifiers=json_column(interactions, ["effect"]),
            ),
            classes.select(
                "file",
                "line",
                subject=drug_ids.of("drug"),
                relation=pl.lit("IN_CLASS"),
                object=_class_id(),
            ),
            forms.select(
                "file",
                "line",
                subject=form_ids.of("drug"),
                relation=pl.lit("SUBCLASS_OF"),
                object=form_ids.of("form_of"),
            ),
        ],
        how="diagonal_relaxed",
    )
    for file, line in (
        evidence.filter(pl.any_horizontal(pl.col("subject", "object").is_null()))
        .select("file", "line")
        .rows()
    ):
        quarantine.add("unknown drug", path=file, line=line)
    evidence = evidence.filter(pl.all_horizontal(pl.col("subject", "object").is_not_null()))

    named = drugs.select(id=drug_ids.of("drug"), kind=pl.lit("Drug"), name="drug")
    also = pl.concat(
        [
            drugs.select(_synonyms(), id=drug_ids.of("drug"), kind=pl.lit("Drug")),
            diseases.select(_synonyms(), id=disease_ids.of("disease"), kind=pl.lit("Disease")),
            *(
                others[kind].select(_synonyms(), id=ids.of("name"), kind="kind")
                for kind, ids in other_ids.items()
            ),
        ]
    ).explode("name")
    class_nodes = classes.select(id=_class_id(), kind=pl.lit("DrugClass"), name="drug_class")
    names = pl.concat(
        [
            named,
            drug_ids.nodes(interactions["other"]),
            disease_ids.nodes(indications["disease"]),
            effect_ids.nodes(effects["effect"]),
            target_ids.nodes(targets["symbol"]),
            class_nodes,
            *(ids.nodes(others[kind]["name"]) for kind, ids in other_ids.items()),
            also.select("id", "kind", "name"),
        ]
    ).drop_nulls()
    nodes = names.group_by("id", "kind", maintain_order=True).agg(
        pl.col("name").first(), synonyms=pl.col("name").slice(1).unique()
    )
    xrefs = (
        known.select("id", pl.col("xrefs").str.split("|"))
        .drop_nulls("xrefs")
        .explode("xrefs")
        .group_by("id")
        .agg("xrefs")
    )
    nodes = nodes.join(xrefs, on="id", how="left", maintain_order="left").with_columns(
        adme=pl.when(pl.col("kind") == "Target").then(adme_roles(nodes["name"])),
        synonyms=pl.col("synonyms").list.set_difference(pl.concat_list("name")),
    )
    return KnowledgeGraph.build(
        nodes.with_columns(properties=json_column(nodes, ["adme"])).drop("adme"),
        evidence.drop("file", "line").with_columns(
            source=pl.lit(SOURCE.name), release=pl.lit(SOURCE.release)
        ),
        [SOURCE],
        quarantine=quarantine,
        origin=str(folder),
    )


_CITED = ["reference"]


def _references() -> pl.Expr:
    return pl.col("reference").str.split("|")


def _synonyms() -> pl.Expr:
    return pl.col("synonyms").str.split("|").alias("name")


def _class_id() -> pl.Expr:
    return pl.lit("medkg:class_") + _slugs(pl.col("drug_class"))


def _slugs(names: pl.Expr) -> pl.Expr:
    return name_key(names).str.replace_all(" ", "-")


def _read(
    folder: Path, name: str, columns: list[str], quarantine: Quarantine, optional: list[str]
) -> pl.DataFrame:
    """The rows of a table's files, with the file they stand in; incomplete ones set aside."""
    files = sorted({*folder.glob(f"{name}.tsv"), *folder.glob(f"{name}-*.tsv")})
    if not files:
        raise MissingError(f"{folder} has no {name}.tsv of the starter set")
    parts = [
        read_table(file, columns, quarantine, optional).with_columns(file=pl.lit(str(file)))
        for file in files
    ]
    rows = pl.concat(parts)
    empty = pl.any_horizontal(pl.col(columns).is_null())
    for file, line in rows.filter(empty).select("file", "line").rows():
        quarantine.add("empty field", path=file, line=line)
    return rows.filter(~empty)


def _identified(known: pl.DataFrame, quarantine: Quarantine) -> pl.DataFrame:
    """With identifiers in the standard spelling; rows without one are set aside."""
    curies, reasons = normalise_curies(known["id"])
    for (file, line, text), reason in zip(
        known.select("file", "line", "id").rows(), reasons, strict=True
    ):
        if reason is not None:
            quarantine.add(reason, path=file, line=line, row=text)
    return known.with_columns(id=curies).drop_nulls("id")


class _Names:
    """The identifiers and kinds of names, by name key.

    Names in `known` of the given kinds (the first kind's first) have the identifier listed there;
    those of `own`, where they are not known, one of medkg's.
    """

    def __init__(self, known: pl.DataFrame, kinds: list[str], own: pl.Series):
        key = name_key(pl.col("name"))
        listed = [
            known.filter(kind=kind).select("kind", "id", key=key, name="name") for kind in kinds
        ]
        made = pl.DataFrame({"name": own}).select(
            kind=pl.lit(kinds[0]),
            id=pl.lit("medkg:") + _slugs(pl.col("name")),
            key=key,
            name="name",
        )
        table = pl.concat([*listed, made]).unique("key", keep="first", maintain_order=True)
        self._table = table
        self._ids = dict(table.select("key", "id").rows())

    def of(self, column: str) -> pl.Expr:
        """The identifiers of a column of names, null for unknown ones."""
        return name_key(pl.col(column)).replace_strict(
            self._ids, default=None, return_dtype=pl.String
        )

    def nodes(self, names: pl.Series) -> pl.DataFrame:
        """The nodes (id, kind, name) of those names that have an identifier."""
        keys = pl.DataFrame({"given": names.unique(maintain_order=True)}).select(
            "given", key=name_key(pl.col("given"))
        )
        return keys.join(self._table, on="key", maintain_order="left").select(
            "id", "kind", name="given"
        )


INFO = SourceInfo(
    "starter",
    "Approved drugs curated for medkg: targets, indications, effects, interactions",
    SOURCE.licence,
    SOURCE.home_page,
    SOURCE.release,
    "comes with medkg; or a folder with tables of the same form",
    "Drug TARGETS Target, TREATS, PALLIATES and CONTRAINDICATED_FOR Disease,"
    " CAUSES Symptom, INTERACTS_WITH Drug, IN_CLASS DrugClass,"
    " SUBCLASS_OF Drug",
    False,
    load,
    bundled=True,
)
