"""The UMLS Metathesaurus: concepts of some two hundred vocabularies, with names and relations.

Reads MRSTY, MRCONSO, MRREL and MRDEF in Rich Release Format (rows of fields that each end with |,
without quotes), plain, compressed, or in the release's parts (`MRCONSO.RRF.aa.gz`, `.ab.gz`, …).
Columns as in the UMLS Reference Manual, https://www.ncbi.nlm.nih.gov/books/NBK9685/.

What stays in memory beside a part of a file: one number for each possible concept (its kind), and
the definitions of those that are loaded.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from ..core.errors import DataError, MissingError
from ..core.progress import progress
from ..core.quarantine import Quarantine
from ..graph.frames import Source
from ..graph.kg import KnowledgeGraph, Part
from ..graph.schema import Schema
from .base import json_column, read_lines, read_table
from .info import SourceInfo
from .stream import COMPRESSED, need_folder, read_blocks

LICENCE = "UMLS Metathesaurus licence; some vocabularies under their owners' terms"
HOME_PAGE = "https://www.nlm.nih.gov/research/umls"

_COLUMNS = {
    "MRCONSO": (
        "CUI LAT TS LUI STT SUI ISPREF AUI SAUI SCUI SDUI SAB TTY CODE STR SRL SUPPRESS CVF"
    ),
    "MRREL": ("CUI1 AUI1 STYPE1 REL CUI2 AUI2 STYPE2 RELA RUI SRUI SAB SL RG DIR SUPPRESS CVF"),
    "MRSTY": "CUI TUI STN STY ATUI CVF",
    "MRDEF": "CUI AUI ATUI SATUI SAB DEF SUPPRESS CVF",
}
_CUI = r"^C\d{7}$"
_CONCEPTS = 10_000_000  # there are seven digits


class _Code(NamedTuple):
    """How a vocabulary's codes become CURIEs.

    Attributes:
        pattern: what a code looks like; its first group is the identifier.
        types: the term types that name the code's own concept; of others, such as entry terms,
            the code is that of a wider one. Empty for all.
    """

    prefix: str
    pattern: str
    types: tuple[str, ...] = ()


# Vocabularies by the UMLS's abbreviation, https://www.nlm.nih.gov/research/umls/sourcereleasedocs
_CODES = {
    "ATC": _Code("ATC", r"^([A-Z]\w*)$"),
    "DRUGBANK": _Code("drugbank", r"^(DB\d{5})$"),
    "FMA": _Code("FMA", r"^(\d+)$"),
    "GO": _Code("GO", r"^GO:(\d{7})$", ("PT", "OP", "MTH_PT")),
    "HGNC": _Code("HGNC", r"^(?:HGNC:)?(\d+)$"),
    "HPO": _Code("HP", r"^HP:(\d{7})$", ("PT", "OP")),
    "ICD10": _Code("ICD10", r"^([A-Z]\d\d(?:\.\w+)?)$", ("PT", "HT")),
    "ICD10CM": _Code("ICD10CM", r"^([A-Z]\w\w(?:\.\w+)?)$", ("PT", "HT")),
    "LNC": _Code("LOINC", r"^(\d+-\d)$"),
    "MDR": _Code("MEDDRA", r"^(\d{8})$"),
    "MSH": _Code("MESH", r"^([CD]\d+)$", ("MH", "NM")),
    "NCI": _Code("NCIT", r"^(C\d+)$", ("PT", "HT")),
    "OMIM": _Code("OMIM", r"^(\d{6})$", ("PT",)),
    "ORPHANET": _Code("ORPHA", r"^(?:ORPHA:?)?(\d+)$", ("PT",)),
    "RXNORM": _Code("RXCUI", r"^(\d+)$"),
    "SNOMEDCT_US": _Code("SNOMEDCT", r"^(\d+)$"),
}


class _Relation(NamedTuple):
    """What a relation of MRREL becomes; `turned` where our subject is CUI1."""

    name: str
    turned: bool = False


# REL and RELA say what the second concept is to the first (manual, chapter 3, "Related Concepts"):
# in CUI1|…|PAR|CUI2|…|inverse_isa, CUI2 is the parent; in CUI1|…|RO|CUI2|…|may_treat, the drug.
# Each assertion has a row in either direction, so may_prevent, which is no treatment, and what the
# schema has no relation for can be left out by name.
_HIERARCHY = {"CHD": _Relation("SUBCLASS_OF"), "PAR": _Relation("SUBCLASS_OF", turned=True)}
_RELATIONS = {
    "isa": _Relation("SUBCLASS_OF"),
    "inverse_isa": _Relation("SUBCLASS_OF", turned=True),
    "part_of": _Relation("PART_OF"),
    "has_part": _Relation("PART_OF", turned=True),
    "may_treat": _Relation("TREATS"),
    "may_be_treated_by": _Relation("TREATS", turned=True),
    "contraindicated_with_disease": _Relation("CONTRAINDICATED_FOR"),
    "has_contraindicated_drug": _Relation("CONTRAINDICATED_FOR", turned=True),
    "induces": _Relation("CAUSES"),
    "induced_by": _Relation("CAUSES", turned=True),
    "has_manifestation": _Relation("HAS_SYMPTOM"),
    "manifestation_of": _Relation("HAS_SYMPTOM", turned=True),
    "has_definitional_manifestation": _Relation("HAS_SYMPTOM"),
    "definitional_manifestation_of": _Relation("HAS_SYMPTOM", turned=True),
    "disease_has_finding": _Relation("HAS_SYMPTOM"),
    "is_finding_of_disease": _Relation("HAS_SYMPTOM", turned=True),
    "disease_has_associated_gene": _Relation("ASSOCIATED_WITH"),
    "gene_associated_with_disease": _Relation("ASSOCIATED_WITH", turned=True),
    "has_finding_site": _Relation("LOCALIZES_TO"),
    "finding_site_of": _Relation("LOCALIZES_TO", turned=True),
    "disease_has_primary_anatomic_site": _Relation("LOCALIZES_TO"),
    "is_primary_anatomic_site_of_disease": _Relation("LOCALIZES_TO", turned=True),
}


# Definitions of these vocabularies first, then of any other.
_DEFINITIONS = ("MSH", "NCI", "HPO")


class _Types(NamedTuple):
    """The semantic types that are loaded, the first that fits a concept of several first."""

    tuis: list[str]
    names: list[str]
    kinds: list[str]


@dataclass
class _Wanted:
    """What the options ask for."""

    languages: list[str]
    sources: list[str]
    types: _Types


def load(
    path: Path | None,
    quarantine: Quarantine,
    *,
    languages: str = "ENG",
    sources: str = "",
    semantic_types: str = "",
) -> KnowledgeGraph:
    """UMLS as a graph: a node a concept, its kind by its semantic type, and MRREL's relations.

    The name is the preferred one (TS P, STT PF, ISPREF Y; the first language goes first); other
    names that aren't suppressed are synonyms, and the vocabularies' codes are cross-references.
    The files should be sorted by CUI, as released; in one that isn't, a concept that comes again
    keeps the name that came first, and a warning says so.

    Args:
        path: folder with MRCONSO.RRF and MRSTY.RRF, and MRREL.RRF and MRDEF.RRF where wanted; or
            one whose META folder has them.
        languages: as LAT has them, separated by commas.
        sources: vocabularies as SAB has them (SNOMEDCT_US, MSH), separated by commas; all if empty.
        semantic_types: TUIs separated by commas, or names separated by semicolons; all that
            `data/umls_semantic_types.tsv` gives a kind if empty.

    Raises:
        MissingError: no path, a file is not there, or an unknown semantic type.
        DataError: a file can't be read as what it should be, or has nothing that is wanted.
    """
    if path is None:
        raise MissingError(
            "umls needs a path (--path): the META folder of a release, with MRCONSO.RRF, MRSTY.RRF,"
            " MRREL.RRF and MRDEF.RRF (licence and files: https://www.nlm.nih.gov/research/umls)"
        )
    folder = need_folder(path)
    wanted = _Wanted(_listed(languages), _listed(sources), _types(semantic_types))
    source = Source(
        "umls",
        _release(folder),
        LICENCE,
        HOME_PAGE,
        reliability=0.95,
    )
    return KnowledgeGraph.from_parts(
        parts(folder, wanted, source, quarantine),
        [source],
        quarantine=quarantine,
        origin=str(folder),
    )


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _types(text: str) -> _Types:
    table = read_table(
        Path(__file__).parent / "data" / "umls_semantic_types.tsv",
        ["tui", "name", "kind"],
        Quarantine(),
    )
    if text:
        tuis = all(re.fullmatch(r"T\d{3}", part) for part in _listed(text))
        asked = _listed(text) if tuis else [part.strip() for part in text.split(";")]
        known = set(table["tui"]) | set(table["name"])
        if unknown := [part for part in asked if part not in known]:
            raise MissingError(
                f"umls loads no semantic type {unknown[0]!r}; those it loads are"
                f" {'; '.join(table['name'])}"
            )
        table = table.filter(pl.col("tui").is_in(asked) | pl.col("name").is_in(asked))
    return _Types(table["tui"].to_list(), table["name"].to_list(), table["kind"].to_list())


def _release(folder: Path) -> str:
    """2030AB, as release.dat or the folder's name says; empty where neither does."""
    for file in (folder / "release.dat", folder.parent / "release.dat"):
        if file.is_file():
            named = re.search(r"\d{4}A[A-Z]", file.read_text(encoding="utf-8", errors="replace"))
            if named:
                return named[0]
    named = re.search(r"\d{4}A[A-Z]", str(folder.absolute()))
    return named[0] if named else ""


# The files


def _files(folder: Path, name: str) -> list[Path]:
    """A file, or the pieces that it was split into, in order; none where it isn't there."""
    for place in (folder, folder / "META"):
        for pattern in (f"{name}.RRF", f"{name}.RRF.[a-z][a-z]"):
            for suffix in ("", *COMPRESSED):
                if found := sorted(place.glob(f"{pattern}{suffix}")):
                    return found
    return []


def _whole(folder: Path, name: str) -> Path:
    """What to call a file, in pieces or not: its lines are counted through."""
    files = _files(folder, name)
    return (files[0].parent if files else folder) / f"{name}.RRF"


def _rows(folder: Path, name: str, kept: str, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
    """`line` and the kept columns of a file, in parts; bad rows are set aside."""
    columns = _COLUMNS[name].split()
    places = {column: columns.index(column) for column in kept.split()}
    with progress(f"umls {name}") as advance:
        # A line may be cut between two pieces of a file.
        blocks = chain.from_iterable(map(read_blocks, _files(folder, name)))
        path = _whole(folder, name)
        for lines in read_lines(blocks, path):
            lines = lines.with_columns(pl.col("text").str.strip_suffix("\r"))
            # Each field, the last one too, ends with |.
            sound = lines["text"].str.count_matches("|", literal=True) == len(columns)
            bad = lines.filter(~sound & (lines["text"] != ""))
            for number, text in bad.iter_rows():
                quarantine.add("wrong number of fields", path=path, line=number, row=text[:200])
            lines = lines.filter(sound)
            fields = lines["text"].str.split_exact("|", len(columns))
            yield pl.DataFrame(
                {
                    "line": lines["line"],
                    **{column: fields.struct.field(f"field_{at}") for column, at in places.items()},
                }
            )
            advance()


# The graph


def parts(folder: Path, wanted: _Wanted, source: Source, quarantine: Quarantine) -> Iterator[Part]:
    """Concepts, then relations; memory doesn't depend on the length of MRCONSO and MRREL."""
    for name in ("MRCONSO", "MRSTY"):
        if not _files(folder, name):
            raise MissingError(f"{folder} has no {name}.RRF, nor has its META folder")
    kinds = _kinds(folder, wanted.types, quarantine)
    named = np.zeros(_CONCEPTS, dtype=bool)
    definitions = _definitions(folder, kinds, quarantine)
    repeated = 0
    for atoms in _concepts(folder, kinds, wanted, quarantine):
        nodes = _nodes(atoms, kinds, definitions, wanted)
        numbers = _numbers(nodes["id"].str.strip_prefix("UMLS:"))
        # The name of a concept that comes again is only one more synonym.
        again = pl.Series(named[numbers])
        named[numbers] = True
        if again.any():
            repeated += int(again.sum())
            first = pl.when(again).then(pl.concat_list("name", "synonyms")).otherwise("synonyms")
            nodes = nodes.with_columns(synonyms=first)
        yield Part(nodes=nodes)
    if repeated:
        logging.getLogger(__name__).warning(
            "%s: MRCONSO is not sorted by CUI; %d concepts come again and keep their first name",
            folder,
            repeated,
        )
    if not named.any():
        raise DataError(
            "MRCONSO has no concept of these languages, sources and semantic types", path=folder
        )
    kinds[~named] = _NONE
    if _files(folder, "MRREL"):
        yield from _relations(folder, kinds, wanted, source, quarantine)


_NONE = 255  # in place of a type: the concept isn't loaded
_Kinds = npt.NDArray[np.uint8]


def _numbers(cuis: pl.Series) -> npt.NDArray[np.uint32]:
    return cuis.str.slice(1).cast(pl.UInt32).to_numpy()


def _kinds(folder: Path, types: _Types, quarantine: Quarantine) -> _Kinds:
    """For each possible concept the place of its type in `types`, the first of several."""
    kinds = np.full(_CONCEPTS, _NONE, dtype=np.uint8)
    places = {tui: place for place, tui in enumerate(types.tuis)}
    for rows in _rows(folder, "MRSTY", "CUI TUI", quarantine):
        rows = rows.filter(pl.col("CUI").str.contains(_CUI)).select(
            "CUI", place=pl.col("TUI").replace_strict(places, default=None, return_dtype=pl.UInt8)
        )
        rows = rows.filter(pl.col("place").is_not_null())
        np.minimum.at(kinds, _numbers(rows["CUI"]), rows["place"].to_numpy())
    if (kinds == _NONE).all():
        raise DataError("MRSTY has no concept of these semantic types", path=folder)
    return kinds


def _definitions(folder: Path, kinds: _Kinds, quarantine: Quarantine) -> pl.DataFrame:
    """One definition for each concept that is loaded."""
    ranks = {source: rank for rank, source in enumerate(_DEFINITIONS)}
    found = pl.DataFrame(schema={"CUI": pl.String, "definition": pl.String, "rank": pl.Int64})
    for rows in _rows(folder, "MRDEF", "CUI SAB DEF SUPPRESS", quarantine):
        rows = rows.filter(pl.col("CUI").str.contains(_CUI), SUPPRESS="N")
        rows = rows.filter(pl.Series(kinds[_numbers(rows["CUI"])] != _NONE)).select(
            "CUI",
            definition="DEF",
            rank=pl.col("SAB").replace_strict(ranks, default=len(ranks), return_dtype=pl.Int64),
        )
        found = (
            pl.concat([found, rows])
            .sort("rank", maintain_order=True)
            .unique("CUI", keep="first", maintain_order=True)
        )
    return found.select("CUI", "definition")


def _concepts(
    folder: Path, kinds: _Kinds, wanted: _Wanted, quarantine: Quarantine
) -> Iterator[pl.DataFrame]:
    """The wanted atoms, those of one concept together where the file is sorted."""
    columns = "CUI LAT TS STT ISPREF SAB TTY CODE STR SUPPRESS"
    path = _whole(folder, "MRCONSO")
    carried: pl.DataFrame | None = None
    for rows in _rows(folder, "MRCONSO", columns, quarantine):
        valid = pl.col("CUI").str.contains(_CUI)
        for line, cui, text in rows.filter(~valid).select("line", "CUI", "STR").iter_rows():
            quarantine.add("no CUI", path=path, line=line, row=f"{cui} {text}"[:200])
        rows = rows.filter(
            valid, pl.col("LAT").is_in(wanted.languages), pl.col("STR") != "", SUPPRESS="N"
        )
        if wanted.sources:
            rows = rows.filter(pl.col("SAB").is_in(wanted.sources))
        rows = rows.filter(pl.Series(kinds[_numbers(rows["CUI"])] != _NONE, dtype=pl.Boolean))
        if carried is not None:
            rows = pl.concat([carried, rows])
        if rows.height:
            last = pl.col("CUI") == rows["CUI"][-1]
            carried = rows.filter(last)
            if (whole := rows.filter(~last)).height:
                yield whole
    if carried is not None and carried.height:
        yield carried


def _nodes(
    atoms: pl.DataFrame, kinds: _Kinds, definitions: pl.DataFrame, wanted: _Wanted
) -> pl.DataFrame:
    languages = {language: -place for place, language in enumerate(wanted.languages)}
    preference = (
        pl.col("LAT").replace_strict(languages, return_dtype=pl.Int32) * 8
        + (pl.col("TS") == "P").cast(pl.Int32) * 4
        + (pl.col("STT") == "PF").cast(pl.Int32) * 2
        + (pl.col("ISPREF") == "Y").cast(pl.Int32)
    )
    concepts = (
        atoms.with_columns(preference=preference, xref=_xref())
        .sort("preference", descending=True, maintain_order=True)
        .group_by("CUI", maintain_order=True)
        .agg(
            name=pl.col("STR").first(),
            synonyms=pl.col("STR").filter(pl.col("STR") != pl.col("STR").first()).unique(),
            xrefs=pl.col("xref").drop_nulls().unique(),
        )
        .join(definitions, on="CUI", how="left", maintain_order="left")
    )
    places = kinds[_numbers(concepts["CUI"])]
    concepts = concepts.with_columns(
        kind=pl.Series([wanted.types.kinds[place] for place in places], dtype=pl.String),
        semantic_type=pl.Series([wanted.types.names[place] for place in places], dtype=pl.String),
    )
    return concepts.select(
        "kind",
        "name",
        "synonyms",
        "xrefs",
        id=pl.lit("UMLS:") + pl.col("CUI"),
        properties=json_column(concepts, ["definition", "semantic_type"]),
    )


def _xref() -> pl.Expr:
    """The CURIE of an atom's code; null where the code isn't the concept's own."""
    curie = pl.lit(None, dtype=pl.String)
    for source, code in _CODES.items():
        own = pl.col("SAB") == source
        if code.types:
            own &= pl.col("TTY").is_in(code.types)
        local = pl.col("CODE").str.extract(code.pattern, 1)
        curie = pl.when(own).then(pl.lit(f"{code.prefix}:") + local).otherwise(curie)
    return curie


def _relations(
    folder: Path, kinds: _Kinds, wanted: _Wanted, source: Source, quarantine: Quarantine
) -> Iterator[Part]:
    """Evidence of the relations that the schema allows between the kinds of their ends."""
    schema = Schema.default()
    names = {relation.name for relation in _RELATIONS.values()}
    allowed = pl.DataFrame(
        [(name, *joined) for name in sorted(names) for joined in schema.relation(name).joins],
        schema=dict.fromkeys(("relation", "head", "tail"), pl.String),
        orient="row",
    )
    # A hierarchy that says no more is one of kinds; other attributes of it are looked up by name.
    meanings = pl.DataFrame(
        [("", rel, *relation) for rel, relation in _HIERARCHY.items()]
        + [(rela, None, *relation) for rela, relation in _RELATIONS.items()],
        schema={"RELA": pl.String, "REL": pl.String, "relation": pl.String, "turned": pl.Boolean},
        orient="row",
    )
    by_hierarchy = meanings.filter(pl.col("RELA") == "").drop("RELA")
    by_attribute = meanings.filter(pl.col("RELA") != "").drop("REL")
    of = np.array([*wanted.types.kinds], dtype=object)
    for rows in _rows(folder, "MRREL", "CUI1 REL CUI2 RELA SAB SUPPRESS", quarantine):
        rows = rows.filter(
            pl.col("CUI1").str.contains(_CUI),
            pl.col("CUI2").str.contains(_CUI),
            pl.col("CUI1") != pl.col("CUI2"),
            SUPPRESS="N",
        )
        if wanted.sources:
            rows = rows.filter(pl.col("SAB").is_in(wanted.sources))
        loaded = [kinds[_numbers(rows[column])] != _NONE for column in ("CUI1", "CUI2")]
        rows = rows.filter(pl.Series(loaded[0] & loaded[1], dtype=pl.Boolean))
        rows = pl.concat(
            [
                rows.filter(pl.col("RELA") == "").drop("RELA").join(by_hierarchy, on="REL"),
                rows.filter(pl.col("RELA") != "").join(by_attribute, on="RELA").drop("RELA"),
            ],
            how="diagonal",
        )
        if rows.is_empty():
            continue
        turned = pl.col("turned")
        rows = rows.select(
            "relation",
            "SAB",
            subject=pl.when(turned).then("CUI1").otherwise("CUI2"),
            object=pl.when(turned).then("CUI2").otherwise("CUI1"),
        ).unique(maintain_order=True)
        rows = rows.with_columns(
            head=pl.Series(of[kinds[_numbers(rows["subject"])]], dtype=pl.String),
            tail=pl.Series(of[kinds[_numbers(rows["object"])]], dtype=pl.String),
        ).join(allowed, on=["relation", "head", "tail"], how="semi", maintain_order="left")
        rows = rows.rename({"SAB": "vocabulary"})
        yield Part(
            evidence=rows.select(
                "relation",
                subject=pl.lit("UMLS:") + pl.col("subject"),
                object=pl.lit("UMLS:") + pl.col("object"),
                source=pl.lit(source.name),
                release=pl.lit(source.release),
                qualifiers=json_column(rows, ["vocabulary"]),
            )
        )


INFO = SourceInfo(
    "umls",
    "UMLS Metathesaurus: concepts of some two hundred vocabularies, their names and relations",
    LICENCE,
    HOME_PAGE,
    "that of release.dat or of the folder's name",
    "folder with MRCONSO, MRSTY, MRREL and MRDEF (.RRF), plain, compressed or in pieces (.aa.gz)",
    "nodes of all kinds but Patient and Document; SUBCLASS_OF, PART_OF, TREATS,"
    " CONTRAINDICATED_FOR, CAUSES, HAS_SYMPTOM, ASSOCIATED_WITH, LOCALIZES_TO",
    True,
    load,
    options={
        "languages": "languages of names, separated by commas (ENG)",
        "sources": "vocabularies, as SNOMEDCT_US,MSH (all)",
        "semantic_types": "TUIs separated by commas, or names separated by semicolons (all)",
    },
)
