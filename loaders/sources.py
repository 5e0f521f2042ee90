"""The sources that can be loaded, and `load`."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..core.errors import MissingError
from ..core.input_files import as_path
from ..core.quarantine import Quarantine
from ..graph.kg import KnowledgeGraph
from . import (
    affinity,
    bindingdb,
    bioc,
    common,
    drugbank,
    fhir,
    hetionet,
    hgnc,
    hpo,
    icd,
    kgx,
    mesh,
    omop,
    ontology,
    orphanet,
    phenopackets,
    primekg,
    pubtator,
    starter,
    table,
    umls,
)
from .drug_facts import with_drug_facts
from .gene_names import with_gene_names
from .info import SourceInfo
from .languages import with_names

# A module imports what is heavy only when it loads, so that the list of sources comes at once.
_INFOS: tuple[SourceInfo, ...] = (
    *affinity.INFOS,
    bindingdb.INFO,
    bioc.INFO,
    common.INFO,
    drugbank.INFO,
    fhir.INFO,
    hetionet.INFO,
    hgnc.INFO,
    hpo.INFO,
    *icd.INFOS,
    kgx.INFO,
    mesh.INFO,
    omop.INFO,
    *ontology.INFOS,
    orphanet.INFO,
    phenopackets.INFO,
    primekg.INFO,
    pubtator.INFO,
    starter.INFO,
    *table.INFOS,
    umls.INFO,
)
SOURCES: dict[str, SourceInfo] = {info.name: info for info in _INFOS}


def load(
    name: str,
    path: Path | str | None = None,
    *,
    quarantine: Quarantine | None = None,
    fetch: bool = False,
    language: str | None = None,
    labels: Path | str | None = None,
    **options: str,
) -> KnowledgeGraph:
    """Load a curated source.

    Its targets get every name that HGNC has of them, its drugs the starter set's names and, those
    that are no small molecules, the property `modality`.

    Args:
        name: one of `SOURCES`.
        path: the published files; needed where the source's `needs_path` says so. Without one,
            those of a source that may be downloaded are (see `medkg.loaders.download.fetch`).
        fetch: download the publisher's files though some come with medkg.
        quarantine: gets the rows that can't be used. Without one, they are counted in a warning.
        language: give the nodes their names in it too: "zh", Chinese.
        labels: a table of such names of one's own, see `medkg.loaders.languages.with_names`.
        options: those that the source's `options` name.

    Raises:
        MissingError: no such source, option or language, labels without a language, or a file is
            not there or can't be fetched.
        DataError: a file can't be read as what it should be.

    Example:
        >>> kg = medkg.load("common")
        >>> kg.sources[0].licence
        'Apache-2.0 (facts, curated for medkg)'
    """
    source = _source(name)
    if unknown := sorted(set(options) - set(source.options)):
        allowed = ", ".join(source.options) or "none"
        raise MissingError(f"{name} has no option {unknown[0]!r}; it has: {allowed}")
    if labels is not None and language is None:
        raise MissingError("labels are names in a language; say which: zh")
    bad_rows = Quarantine() if quarantine is None else quarantine
    if path is None and (fetch or (source.downloads and not source.bundled)):
        from .download import fetch as fetch_files

        path = fetch_files(source)
    graph = source.load(None if path is None else as_path(path), bad_rows, **options)
    if name != "kgx":  # what was exported comes back as it was
        graph = with_drug_facts(with_gene_names(graph))
    if language is not None:
        graph = with_names(graph, language, None if labels is None else Path(labels), bad_rows)
    if quarantine is None and bad_rows.rows:
        logging.getLogger(__name__).warning(
            "%s: %d rows set aside (%s); give a quarantine to see them",
            name,
            len(bad_rows),
            ", ".join(f"{reason}: {count}" for reason, count in bad_rows.counts().items()),
        )
    return graph


def describe(name: str) -> dict[str, Any]:
    """A source: whose it is, what it reads, yields and takes as options, and how to get its files.

    Raises:
        MissingError: no such source.
    """
    source = _source(name)
    facts = asdict(source)
    return {
        "name": facts.pop("name"),
        "files": source.comes,
        **{
            key: value
            for key, value in facts.items()
            if key not in ("load", "needs_path", "bundled")
        },
        "downloads": [download.url for download in source.downloads],
    }


def _source(name: str) -> SourceInfo:
    if name not in SOURCES:
        raise MissingError(f"there is no source {name!r}; there are {', '.join(sorted(SOURCES))}")
    return SOURCES[name]
