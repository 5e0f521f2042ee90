"""The concepts of the UMLS Metathesaurus (MRSTY, MRCONSO, MRDEF) as nodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from ..core.errors import DataError
from ..core.quarantine import Quarantine
from .frames import json_column
from .umls_files import CUI_PATTERN, read_rows, whole_name

POSSIBLE_CONCEPTS = 10_000_000  # there are seven digits


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


# Definitions of these vocabularies first, then of any other.
_DEFINITIONS = ("MSH", "NCI", "HPO")


class SemanticTypes(NamedTuple):
    """The semantic types that are loaded, the first that fits a concept of several first."""

    tuis: list[str]
    names: list[str]
    kinds: list[str]


@dataclass
class Selection:
    """What the options ask for."""

    languages: list[str]
    sources: list[str]
    types: SemanticTypes


NOT_LOADED = 255  # in place of a type: the concept isn't loaded
# For each possible concept the index of its semantic type, or NOT_LOADED.
TypeIndices = npt.NDArray[np.uint8]


def concept_numbers(cuis: pl.Series) -> npt.NDArray[np.uint32]:
    """The digits of CUIs as numbers, by which arrays over all possible concepts are indexed."""
    return cuis.str.slice(1).cast(pl.UInt32).to_numpy()


def type_indices(folder: Path, types: SemanticTypes, quarantine: Quarantine) -> TypeIndices:
    """For each possible concept the place of its type in `types`, the first of several."""
    kinds = np.full(POSSIBLE_CONCEPTS, NOT_LOADED, dtype=np.uint8)
    places = {tui: place for place, tui in enumerate(types.tuis)}
    for rows in read_rows(folder, "MRSTY", "CUI TUI", quarantine):
        rows = rows.filter(pl.col("CUI").str.contains(CUI_PATTERN)).select(
            "CUI", place=pl.col("TUI").replace_strict(places, default=None, return_dtype=pl.UInt8)
        )
        rows = rows.filter(pl.col("place").is_not_null())
        np.minimum.at(kinds, concept_numbers(rows["CUI"]), rows["place"].to_numpy())
    if (kinds == NOT_LOADED).all():
        raise DataError("MRSTY has no concept of these semantic types", path=folder)
    return kinds


def read_definitions(folder: Path, kinds: TypeIndices, quarantine: Quarantine) -> pl.DataFrame:
    """One definition for each concept that is loaded."""
    ranks = {source: rank for rank, source in enumerate(_DEFINITIONS)}
    definitions = pl.DataFrame(schema={"CUI": pl.String, "definition": pl.String, "rank": pl.Int64})
    for rows in read_rows(folder, "MRDEF", "CUI SAB DEF SUPPRESS", quarantine):
        rows = rows.filter(pl.col("CUI").str.contains(CUI_PATTERN), SUPPRESS="N")
        rows = rows.filter(pl.Series(kinds[concept_numbers(rows["CUI"])] != NOT_LOADED)).select(
            "CUI",
            definition="DEF",
            rank=pl.col("SAB").replace_strict(ranks, default=len(ranks), return_dtype=pl.Int64),
        )
        definitions = (
            pl.concat([definitions, rows])
            .sort("rank", maintain_order=True)
            .unique("CUI", keep="first", maintain_order=True)
        )
    return definitions.select("CUI", "definition")


def read_atoms(
    folder: Path, kinds: TypeIndices, selection: Selection, quarantine: Quarantine
) -> Iterator[pl.DataFrame]:
    """The wanted atoms, those of one concept together where the file is sorted."""
    columns = "CUI LAT TS STT ISPREF SAB TTY CODE STR SUPPRESS"
    path = whole_name(folder, "MRCONSO")
    carried: pl.DataFrame | None = None
    for rows in read_rows(folder, "MRCONSO", columns, quarantine):
        valid = pl.col("CUI").str.contains(CUI_PATTERN)
        for line, cui, text in rows.filter(~valid).select("line", "CUI", "STR").iter_rows():
            quarantine.add("no CUI", path=path, line=line, row=f"{cui} {text}"[:200])
        rows = rows.filter(
            valid, pl.col("LAT").is_in(selection.languages), pl.col("STR") != "", SUPPRESS="N"
        )
        if selection.sources:
            rows = rows.filter(pl.col("SAB").is_in(selection.sources))
        rows = rows.filter(
            pl.Series(kinds[concept_numbers(rows["CUI"])] != NOT_LOADED, dtype=pl.Boolean)
        )
        if carried is not None:
            rows = pl.concat([carried, rows])
        if rows.height:
            last = pl.col("CUI") == rows["CUI"][-1]
            carried = rows.filter(last)
            if (whole := rows.filter(~last)).height:
                yield whole
    if carried is not None and carried.height:
        yield carried


def concept_nodes(
    atoms: pl.DataFrame, kinds: TypeIndices, definitions: pl.DataFrame, selection: Selection
) -> pl.DataFrame:
    """The nodes of concepts, of which all atoms are given."""
    languages = {language: -place for place, language in enumerate(selection.languages)}
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
    places = kinds[concept_numbers(concepts["CUI"])]
    concepts = concepts.with_columns(
        kind=pl.Series([selection.types.kinds[place] for place in places], dtype=pl.String),
        semantic_type=pl.Series(
            [selection.types.names[place] for place in places], dtype=pl.String
        ),
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
