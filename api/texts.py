"""Clinical text: read into a graph, annotated, chosen for review, de-identified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from medkg.core.errors import DataError
from medkg.core.extras import explained_imports
from medkg.core.quarantine import Quarantine
from medkg.graph.document_readings import (
    TEXT_SOURCE,
    drop_superseded_readings,
    recorded_origins,
    recorded_readings,
)
from medkg.graph.kg import KnowledgeGraph, Part
from medkg.graph.merge import merge
from medkg.terminology import default_terminology

if TYPE_CHECKING:
    from spacy.language import Language

    from medkg.extract.annotated import AnnotatedText
    from medkg.extract.deidentify.replace import Style
    from medkg.extract.deidentify.run import Summary as DeidentificationSummary
    from medkg.extract.document_form import Texts
    from medkg.extract.documents import TextDocument
    from medkg.extract.run import Engine, Summary


@explained_imports()
def read_texts(
    paths: Sequence[Path | str] | Path | str,
    *,
    terminology: KnowledgeGraph | None = None,
    model: Path | str | None = None,
    relations_model: Path | None = None,
    linker: str | None = None,
    language: str | None = None,
    texts: Texts = "auto",
    sentences: bool = True,
    min_probability: float = 0.0,
    quarantine: Quarantine | None = None,
    workers: int | None = None,
    engine: Engine = "processes",
    address: str | None = None,
    into: KnowledgeGraph | None = None,
    keep: Path | None = None,
    summary: Summary | None = None,
    deidentify_key: Path | None = None,
) -> KnowledgeGraph:
    """Read clinical text into a graph: mentions, their context, links, relations with sentences.

    Args:
        paths: one or several: files of text, Markdown, XML (PubMed, PubMed Central, BioC),
            PubTator, JSON, PDF, folders of them, `FILE.csv:TEXT`, `FILE.csv:ID,TEXT`; or
            addresses of such (`s3://BUCKET/FOLDER`).
        terminology: the graph whose entities the text is linked to; see `default_terminology`.
        model: a recogniser's folder, or a spaCy model by name or folder; by default medkg's.
        relations_model: folder of a relation model (`medkg train relations`); by default medkg's.
        linker: `scispacy_linker:umls` (or mesh, rxnorm, go, hpo); by default medkg's own.
        language: of all texts, "en" or "zh" (Chinese); by default each text tells.
        texts: whether a plain text is a note about one patient, who becomes a node, or a paper:
            as its form tells ("auto"; in doubt, and in rows of a table, a note), or all as "notes"
            or as "papers".
        sentences: keep the sentences; without them only offsets are kept.
        min_probability: relations of sentences that are less probable are left out; what is said
            of a patient and which names a text mentions are not. From .62 on some 86 in 100
            relations of papers are right, without it 79 (`benchmarks/statements.py`).
        quarantine: gets what can't be read. Without one, the first such document is an error.
        workers: processes; by default this one, or with Ray one a CPU of the cluster. Several
            need `if __name__ == "__main__":` in a script.
        engine: "processes" of this machine, or "ray": those of a Ray cluster.
        address: of a Ray cluster that runs ("auto", `HOST:6379`); None: one is started on this
            machine for this call.
        into: a graph to put what is read into. Documents that it holds as they are now are not
            read again, what it holds of changed ones is replaced, all else stays.
        keep: folder for finished documents, from which the same call goes on after an
            interruption; delete it when the graph is saved.
        summary: gets the counts of what was read.
        deidentify_key: file of a secret (made if needed): the texts are read without what
            identifies patients, under surrogates that are drawn by it (see `deidentify`).

    Raises:
        DataError: a path is not there, or nothing could be read.
        MedkgError: the cluster can't be joined.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("note.txt").write_text("She takes metformin. No fever.")
        >>> edges = medkg.read_texts("note.txt", texts="notes").edges
        >>> edges.filter(subject="patient:note")["relation"].sort().to_list()
        ['LACKS_PHENOTYPE', 'TAKES']
    """
    from medkg.extract import run

    strict = quarantine is None
    quarantine = Quarantine() if quarantine is None else quarantine
    summary = run.Summary() if summary is None else summary
    documents = _documents(paths, quarantine, texts, deidentify_key, strict=strict)
    known: dict[str, str] = {}
    if into is not None:
        known = dict(recorded_readings(into).drop_nulls().iter_rows())
        documents = _without_namesakes(documents, known, recorded_origins(into), quarantine)
    graph = run.read_documents(
        documents,
        default_terminology() if terminology is None else terminology,
        model=model,
        relations_model=relations_model,
        linker=linker,
        language=language,
        sentences=sentences,
        min_probability=min_probability,
        quarantine=quarantine,
        workers=workers,
        engine=engine,
        address=address,
        keep=keep,
        known=known,
        summary=summary,
    )
    _check_read(quarantine, strict=strict, any_read=summary.documents + summary.unchanged > 0)
    return graph if into is None else _updated(into, graph)


def _without_namesakes(
    documents: Iterator[TextDocument],
    known: Mapping[str, str],
    origins: Mapping[str, str],
    quarantine: Quarantine,
) -> Iterator[TextDocument]:
    """The documents but those whose name a graph has for the text of another file."""
    for document in documents:
        other = origins.get(document.id, "")
        elsewhere = other and document.origin and other != document.origin
        if elsewhere and known.get(document.id, "").split(" ")[0] != document.sha256:
            quarantine.add(
                "the graph has a document of this name from another file; rename the file, or, if"
                " it is the same document, take the old one out first (medkg forget --document)",
                path=document.id,
            )
        else:
            yield document


def _updated(kg: KnowledgeGraph, new: KnowledgeGraph) -> KnowledgeGraph:
    """A graph with new readings of documents in it."""
    if any(source.name != TEXT_SOURCE for source in kg.sources):
        return merge(kg, new)
    # Both were linked to one terminology, so that nothing is left to join.
    old = drop_superseded_readings((kg, new))[0]
    graph = KnowledgeGraph.from_parts(
        (part for each in (new, old) for part in _parts(each)),
        {*old.sources, *new.sources},
        schema=old.schema.joined(new.schema),
        origin=TEXT_SOURCE,
    )
    return graph.with_frames(predictions=old.predictions, merges=old.merges)


def _parts(kg: KnowledgeGraph) -> Iterator[Part]:
    yield Part(nodes=kg.nodes)
    for batch in kg.batches("evidence"):
        yield Part(evidence=batch)


@explained_imports()
def deidentify(
    paths: Sequence[Path | str] | Path | str,
    out: Path | str,
    *,
    style: Style = "surrogates",
    key_file: Path | str | None = None,
    texts: Texts = "auto",
    quarantine: Quarantine | None = None,
) -> DeidentificationSummary:
    """Write copies of texts without what identifies patients, and a report of what was replaced.

    The kinds are those of HIPAA's Safe Harbor. No program finds all of them: look through the
    report (`OUT.review.html`) and some of the texts before giving them to anybody.

    Args:
        paths: see `read_texts`.
        out: folder for the copies; key and report lie beside it.
        style: "surrogates", the same for the same person or place of a patient, with all dates
            moved by as many weeks; or "tags" (`[NAME-1]`), numbered by patient.
        key_file: the secret that surrogates are drawn by; default: `OUT.key`. It is made if needed.
        texts: whether a plain text is a note about one patient, see `read_texts`.
        quarantine: gets what can't be read. Without one, the first such document is an error.

    Raises:
        DataError: a path is not there, nothing could be read, or `out` holds something else.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("letter.txt").write_text("Mary Smith was seen on 3 May 2024 with fever.")
        >>> summary = medkg.deidentify("letter.txt", "clean", style="tags")
        >>> next(Path("clean/texts").iterdir()).read_text()
        '[NAME-1] was seen on [DATE-1] with fever.'
    """
    from medkg.extract.deidentify.run import deidentify_files

    strict = quarantine is None
    quarantine = Quarantine() if quarantine is None else quarantine
    key = None if key_file is None else Path(key_file)
    summary = deidentify_files(
        paths, Path(out), style=style, key_file=key, quarantine=quarantine, texts=texts
    )
    _check_read(quarantine, strict=strict, any_read=True)
    return summary


def _documents(
    paths: Sequence[Path | str] | Path | str,
    quarantine: Quarantine,
    texts: Texts,
    key_file: Path | None,
    *,
    strict: bool,
) -> Iterator[TextDocument]:
    """The documents of paths; with a key, without what identifies patients.

    The first one is read at once: models, which take long to load, aren't where there is none.

    Raises:
        DataError: a path is not there, or nothing can be read.
    """
    from medkg.extract.documents import iter_documents

    documents = iter_documents(paths, quarantine, texts=texts)
    first = list(islice(documents, 1))
    _check_read(quarantine, strict=strict, any_read=bool(first))
    documents = chain(first, documents)
    if key_file is None:
        return documents
    from medkg.extract.deidentify.documents import deidentified_documents
    from medkg.extract.deidentify.keys import read_key

    return deidentified_documents(documents, read_key(key_file))


@explained_imports()
def annotate(
    paths: Sequence[Path | str] | Path | str,
    *,
    terminology: KnowledgeGraph | None = None,
    model: Path | str | None = None,
    relations_model: Path | None = None,
    texts: Texts = "auto",
    linker: str | None = None,
    language: str | None = None,
    min_probability: float = 0.0,
    quarantine: Quarantine | None = None,
    deidentify_key: Path | None = None,
    names: str | None = None,
) -> list[AnnotatedText]:
    """Read texts document by document: mentions, relations, and the triples they give a graph.

    In a notebook each of them draws itself, by displaCy.

    Args:
        paths, terminology, model, relations_model, texts, linker, language,
            min_probability, quarantine, deidentify_key: see `read_texts`.
        names: name what mentions link to in a language ("zh") where it has a name in it.

    Raises:
        DataError: a path is not there, or nothing could be read.
        MissingError: no names are kept in the language.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("note.txt").write_text("She takes metformin. No fever.")
        >>> text = medkg.annotate("note.txt")[0]
        >>> [(mention.text, mention.identifier) for mention in text.mentions]
        [('metformin', 'drugbank:DB00331'), ('fever', 'HP:0001945')]
    """
    from medkg.extract.annotate import annotate_documents

    strict = quarantine is None
    quarantine = Quarantine() if quarantine is None else quarantine
    documents = _documents(paths, quarantine, texts, deidentify_key, strict=strict)
    nlp, terms = _pipeline(terminology, model, relations_model, linker, language, min_probability)
    annotated = list(annotate_documents(nlp, documents, terms, quarantine, names))
    _check_read(quarantine, strict=strict, any_read=bool(annotated))
    return annotated


def _check_read(quarantine: Quarantine, *, strict: bool, any_read: bool) -> None:
    """Raise where nothing was read, or, being strict, where anything was not."""
    if quarantine.rows and (strict or not any_read):
        first = quarantine.rows[0]
        what = f"{len(quarantine)} set aside" if any_read else "nothing could be read"
        raise DataError(f"{first.reason} ({what})", path=first.path)


def _pipeline(
    terminology: KnowledgeGraph | None,
    model: Path | str | None,
    relations_model: Path | None,
    linker: str | None = None,
    language: str | None = None,
    min_probability: float = 0.0,
) -> tuple[Language, KnowledgeGraph]:
    """The models, and the graph whose names they link to."""
    from medkg.extract.pipeline import build_pipeline

    if all(given is None for given in (model, relations_model, linker)):
        return kept_pipeline(terminology, language, min_probability)
    terms = default_terminology() if terminology is None else terminology
    nlp = build_pipeline(
        terms,
        ner_model=model,
        relations_model=relations_model,
        linker=linker,
        language=language,
        min_probability=min_probability,
    )
    return nlp, terms


@lru_cache(maxsize=2)
def kept_pipeline(
    terminology: KnowledgeGraph | None, language: str | None, min_probability: float
) -> tuple[Language, KnowledgeGraph]:
    """The models that ship, kept for the next texts of a notebook: to load them takes seconds.

    The last two are kept, with their graphs, as a notebook reads notes for a graph and for a model
    in turn; `kept_pipeline.cache_clear()` frees them.

    Args:
        terminology: the same object links to the same names, since a graph doesn't change.
    """
    from medkg.extract.pipeline import build_pipeline

    terms = default_terminology() if terminology is None else terminology
    return build_pipeline(terms, language=language, min_probability=min_probability), terms


@explained_imports()
def review(
    paths: Sequence[Path | str] | Path | str,
    out: Path | str,
    form: str = "doccano",
    *,
    most: int = 100,
    terminology: KnowledgeGraph | None = None,
    model: Path | str | None = None,
    relations_model: Path | None = None,
    texts: Texts = "auto",
    quarantine: Quarantine | None = None,
) -> pl.DataFrame:
    """Write the documents of which the models are least sure, for a person to correct.

    Args:
        paths, terminology, model, relations_model, texts, quarantine: see `read_texts`.
        out: file to write for Doccano, folder for brat.
        form: "doccano" or "brat".
        most: how many documents.

    Returns:
        What was written, least sure first: `document`, `score` (see `extract.review.score`),
        `mentions`, `relations`.

    Raises:
        DataError: an unknown form, a path is not there, nothing could be read, or `out` is there
            already and may hold an annotator's corrections.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("note.txt").write_text("She takes metformin. No fever.")
        >>> medkg.review("note.txt", "doubtful.jsonl")["mentions"].to_list()
        [2]
    """
    from medkg.extract.annotate import annotate_documents
    from medkg.extract.review import FORMS, check_unused, most_doubtful

    if form not in FORMS:
        raise DataError(f"there is no form {form!r}; take {' or '.join(FORMS)}")
    check_unused(Path(out))
    strict = quarantine is None
    quarantine = Quarantine() if quarantine is None else quarantine
    documents = _documents(paths, quarantine, texts, None, strict=strict)
    nlp, terms = _pipeline(terminology, model, relations_model)
    ranked = most_doubtful(annotate_documents(nlp, documents, terms, quarantine), most)
    _check_read(quarantine, strict=strict, any_read=bool(ranked))
    FORMS[form](ranked, out)
    return pl.DataFrame(
        [
            {
                "document": text.id,
                "score": points,
                "mentions": len(text.mentions),
                "relations": len(text.relations),
            }
            for points, text in ranked
        ]
    )
