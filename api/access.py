"""Getting at graphs, servers and models: what joins the packages for a user of Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from medkg.graph.errors import DataError, MissingError, ModelError
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.merge import merge
from medkg.graph.page import write_page
from medkg.graph.quarantine import Quarantine
from medkg.graph.store import Store
from medkg.loaders.sources import load

if TYPE_CHECKING:
    from medkg.extract.annotated import AnnotatedText
    from medkg.gnn.diagnosis import DiagnosisModel
    from medkg.gnn.links import LinkModel


class Connection(Store):
    """An open graph server: write, read, and ask by name or in Cypher. Made by `connect`.

    Use it in a `with` block, or call `close`.
    """

    def query(self, question: str, /, **parameters: Any) -> pl.DataFrame:
        """Ask a query of the library by its name, or Cypher of your own. Neither can write.

        Raises:
            MissingError: no query of that name (the names are listed).
            DataError: a parameter is missing, unknown, or of the wrong type.
            StoreError: the server refuses the Cypher, or it would write.
        """
        if not question.isidentifier():
            return super().query(question, **parameters)
        from medkg.cypher import library

        return library.get(question).run(self, **parameters)


def connect(
    uri: str, *, user: str | None = None, password: str | None = None, database: str | None = None
) -> Connection:
    """Connect to a graph server.

    Args:
        uri: `bolt://host:port` or `neo4j://host:port` for a Neo4j; `embedded:DIR` for the server
            that comes with medkg, its data in DIR.
        user, password: by default NEO4J_USERNAME and NEO4J_PASSWORD of the environment; an
            embedded server needs neither.
        database: the server's default where none is given.

    Raises:
        StoreError: nothing answers there, or it refuses the log-in.
    """
    return Connection.open(uri, user=user, password=password, database=database)


def open(path: Path | str) -> KnowledgeGraph:
    """Open a saved graph folder. See `KnowledgeGraph.open`."""
    return KnowledgeGraph.open(path)


def read(where: Path | str) -> KnowledgeGraph:
    """The graph in a folder, or on a server by its URI."""
    if is_uri(str(where)):
        with connect(str(where)) as connection:
            return connection.read()
    return KnowledgeGraph.open(where)


def is_uri(text: str) -> bool:
    """Whether a text names a server and not a folder."""
    return text.startswith("embedded:") or "://" in text


def default_terminology() -> KnowledgeGraph:
    """The entities that text is linked to where no graph is given: the starter drugs and HPO."""
    return merge(load("starter"), load("hpo", quarantine=Quarantine()))


def extract(
    paths: Sequence[Path | str],
    *,
    terminology: KnowledgeGraph | None = None,
    model: Path | str | None = None,
    patients: bool = True,
    sentences: bool = True,
    quarantine: Quarantine | None = None,
) -> KnowledgeGraph:
    """Read clinical text into a graph: mentions, their context, links, relations with sentences.

    Args:
        paths: text files, folders of them, PubTator files, or `FILE.csv:COLUMN`.
        terminology: the graph whose entities the text is linked to; see `default_terminology`.
        model: a mention recogniser's folder, or any spaCy model by name or folder (scispaCy's
            `en_ner_bc5cdr_md`); the one that comes with medkg by default.
        patients: a plain text is a note about one patient, who becomes a node.
        sentences: keep the sentences; without them only offsets are kept.
        quarantine: gets what can't be read. Without one, the first such thing is an error.

    Raises:
        DataError: a path is not there, or nothing could be read.
    """
    from medkg.extract import pipeline

    aside = Quarantine() if quarantine is None else quarantine
    graph = pipeline.extract(
        pipeline.read_documents([str(path) for path in paths], aside, patients=patients),
        default_terminology() if terminology is None else terminology,
        model=model,
        sentences=sentences,
        quarantine=aside,
    )
    if aside.rows and (quarantine is None or graph.nodes.is_empty()):
        first = aside.rows[0]
        what = "nothing could be read" if graph.nodes.is_empty() else f"{len(aside)} set aside"
        raise DataError(f"{first.reason} ({what})", path=first.path)
    return graph


def annotate(
    paths: Sequence[Path | str],
    *,
    terminology: KnowledgeGraph | None = None,
    model: Path | str | None = None,
    patients: bool = True,
    quarantine: Quarantine | None = None,
) -> list[AnnotatedText]:
    """What is read in texts, document by document: mentions, relations and the graph's triples.

    In a notebook each of them draws itself, by displaCy.

    Args:
        paths, terminology, model, patients, quarantine: see `extract`.

    Raises:
        DataError: a path is not there, or nothing could be read.
    """
    from medkg.extract import pipeline
    from medkg.extract.annotate import annotate_documents

    aside = Quarantine() if quarantine is None else quarantine
    terms = default_terminology() if terminology is None else terminology
    documents = pipeline.read_documents([str(path) for path in paths], aside, patients=patients)
    nlp = pipeline.build_pipeline(terms, ner_model=model)
    found = list(annotate_documents(nlp, documents, terms, aside))
    if aside.rows and (quarantine is None or not found):
        first = aside.rows[0]
        what = f"{len(aside)} set aside" if found else "nothing could be read"
        raise DataError(f"{first.reason} ({what})", path=first.path)
    return found


def load_model(
    path: Path | str, graph: KnowledgeGraph | Path | str | None = None
) -> LinkModel | DiagnosisModel:
    """Load a trained link-prediction or diagnosis model.

    Args:
        path: its folder.
        graph: the graph to predict on; by default the recorded one, its checksum verified.

    Raises:
        ModelError: no model folder, a damaged one, or one of another version.
    """
    import json

    from medkg.gnn import diagnosis, links

    config = Path(path) / "config.json"
    if not config.is_file():
        raise ModelError(f"{path}: is no model folder (it has no config.json)")
    try:
        kind = json.loads(config.read_text(encoding="utf-8"))["kind"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{config}: is damaged: {error}; train the model anew") from error
    if isinstance(graph, str | Path):
        graph = read(graph)
    if kind == "links":
        return links.load_model(path, graph)
    if kind == "diagnosis":
        return diagnosis.load_model(path, graph)
    raise ModelError(f"{path}: is a model for {kind!r}, which this command can't use")


# How many edges a page follows from each node: the first number that leaves few enough nodes.
_FOLLOWED = (60, 30, 15, 8, 4, 2, 1)


def view(
    kg: KnowledgeGraph | Path | str,
    around: str | Sequence[str],
    path: Path | str,
    *,
    hops: int = 1,
) -> KnowledgeGraph:
    """Write a page of the subgraph around some entities, and return it.

    Where the neighbourhood is too large to read, fewer edges are followed from each node, the most
    probable first. Predictions are shown where they are about one of the entities.

    Args:
        kg: a graph, its folder, or a server's URI, of which only the neighbourhood is read.
    """
    texts = [around] if isinstance(around, str) else list(around)
    if not isinstance(kg, KnowledgeGraph) and is_uri(str(kg)):
        with connect(str(kg)) as connection:
            kg = connection.read(texts, hops, most=_FOLLOWED[0], predictions=True)
    elif not isinstance(kg, KnowledgeGraph):
        kg = KnowledgeGraph.open(kg)
    ids = [kg.resolve(text) for text in texts]
    for most in _FOLLOWED:
        part = kg.neighbourhood(ids, hops, most=most, predictions=True)
        if part.nodes.height <= 50:
            break
    else:
        raise MissingError(f"{hops} hops around {texts} are too many for a page; take fewer")
    part = part.predictions_of(ids)
    names = dict(kg.nodes.filter(pl.col("id").is_in(ids)).select("id", "name").iter_rows())
    write_page(part, path, "Around " + ", ".join(names[i] for i in ids), centre=ids)
    return part
