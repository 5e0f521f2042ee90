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
from pathlib import Path

import numpy as np
import polars as pl

from ..core.errors import DataError, MissingError
from ..core.quarantine import Quarantine
from ..graph.frames import Source
from ..graph.kg import KnowledgeGraph, Part
from .info import SourceInfo
from .stream import require_folder
from .text_tables import read_table
from .umls_concepts import (
    NOT_LOADED,
    POSSIBLE_CONCEPTS,
    Selection,
    SemanticTypes,
    concept_nodes,
    concept_numbers,
    read_atoms,
    read_definitions,
    type_indices,
)
from .umls_files import files_of, release_of
from .umls_relations import read_relations

LICENCE = "UMLS Metathesaurus licence; some vocabularies under their owners' terms"
HOME_PAGE = "https://www.nlm.nih.gov/research/umls"


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
        quarantine: gets the rows that can't be used.
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
    folder = require_folder(path)
    selection = Selection(_listed(languages), _listed(sources), _types(semantic_types))
    source = Source(
        "umls",
        release_of(folder),
        LICENCE,
        HOME_PAGE,
        reliability=0.95,
    )
    return KnowledgeGraph.from_parts(
        parts(folder, selection, source, quarantine),
        [source],
        quarantine=quarantine,
        origin=str(folder),
    )


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _types(text: str) -> SemanticTypes:
    table = read_table(
        Path(__file__).parent / "data" / "umls_semantic_types.tsv",
        ["tui", "name", "kind"],
        Quarantine(),
    )
    if text:
        tuis = all(re.fullmatch(r"T\d{3}", part) for part in _listed(text))
        chosen = _listed(text) if tuis else [part.strip() for part in text.split(";")]
        known = set(table["tui"]) | set(table["name"])
        if unknown := [part for part in chosen if part not in known]:
            raise MissingError(
                f"umls loads no semantic type {unknown[0]!r}; those it loads are"
                f" {'; '.join(table['name'])}"
            )
        table = table.filter(pl.col("tui").is_in(chosen) | pl.col("name").is_in(chosen))
    return SemanticTypes(table["tui"].to_list(), table["name"].to_list(), table["kind"].to_list())


# The graph


def parts(
    folder: Path, selection: Selection, source: Source, quarantine: Quarantine
) -> Iterator[Part]:
    """Concepts, then relations; memory doesn't depend on the length of MRCONSO and MRREL."""
    for name in ("MRCONSO", "MRSTY"):
        if not files_of(folder, name):
            raise MissingError(f"{folder} has no {name}.RRF, nor has its META folder")
    kinds = type_indices(folder, selection.types, quarantine)
    is_named = np.zeros(POSSIBLE_CONCEPTS, dtype=bool)
    definitions = read_definitions(folder, kinds, quarantine)
    repeated = 0
    for atoms in read_atoms(folder, kinds, selection, quarantine):
        nodes = concept_nodes(atoms, kinds, definitions, selection)
        numbers = concept_numbers(nodes["id"].str.strip_prefix("UMLS:"))
        # The name of a concept that comes again is only one more synonym.
        is_repeated = pl.Series(is_named[numbers])
        is_named[numbers] = True
        if is_repeated.any():
            repeated += int(is_repeated.sum())
            first = (
                pl.when(is_repeated).then(pl.concat_list("name", "synonyms")).otherwise("synonyms")
            )
            nodes = nodes.with_columns(synonyms=first)
        yield Part(nodes=nodes)
    if repeated:
        logging.getLogger(__name__).warning(
            "%s: MRCONSO is not sorted by CUI; %d concepts come again and keep their first name",
            folder,
            repeated,
        )
    if not is_named.any():
        raise DataError(
            "MRCONSO has no concept of these languages, sources and semantic types", path=folder
        )
    kinds[~is_named] = NOT_LOADED
    if files_of(folder, "MRREL"):
        yield from read_relations(folder, kinds, selection, source, quarantine)


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
