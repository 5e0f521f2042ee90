"""Getting at graphs and servers: what joins the packages for a user of Python."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from medkg.core.errors import StoreError
from medkg.core.extras import require
from medkg.core.quarantine import Quarantine
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.languages import named_in
from medkg.graph.look_up import check_hops
from medkg.graph.store import Store
from medkg.graph.view import DEFAULT_LIMIT, SubgraphView, view_around


class Connection(Store):
    """An open graph server: write, read, and ask by name or in Cypher. Made by `connect`.

    Use it in a `with` block, or call `close`.
    """

    def query(self, question: str, /, **parameters: Any) -> pl.DataFrame:
        """Ask a query of the library by its name, or Cypher of your own. Neither can write.

        Questions of your own join the library where MEDKG_LIBRARY names their folder.

        Returns:
            The columns that a question's head names (`medkg query NAME --print`), or those that the
            Cypher returns.

        Raises:
            MissingError: no query of that name (the names are listed).
            DataError: a parameter is missing, unknown, or of the wrong type; or the Cypher has a
                label or a relation that there isn't (what is near is listed).
            StoreError: the server refuses the Cypher, or it would write.
        """
        from medkg.cypher import library
        from medkg.cypher.unknown_names import refuse_unknown_names

        if not question.isidentifier():
            refuse_unknown_names(self, question)
            return super().query(question, **parameters)

        return library.get(question).run(self, **parameters)

    def pages(
        self, cypher: str, size: int = 10_000, /, **params: object
    ) -> Generator[pl.DataFrame]:
        """The answer of Cypher of your own in frames of at most `size` rows, one after the other.

        No more than a page of it is in memory. Read to the end, or close the iterator, to end the
        query.

        Returns:
            Frames with the columns that the Cypher returns.

        Raises:
            DataError: the Cypher has a label or a relation that there isn't (what is near is
                listed).
            StoreError: as `query`; the time counts until the last page is read.
        """
        from medkg.cypher.unknown_names import refuse_unknown_names

        refuse_unknown_names(self, cypher)
        return super().pages(cypher, size, **params)


def connect(
    uri: str,
    *,
    user: str | None = None,
    password: str | None = None,
    database: str | None = None,
    ca: Path | str | None = None,
) -> Connection:
    """Connect to a graph server.

    Args:
        uri: `bolt://host:port` or `neo4j://host:port` for a Neo4j; `embedded:DIR` for the server
            that comes with medkg, its data in DIR.
        user, password: by default NEO4J_USERNAME and NEO4J_PASSWORD of the environment; an
            embedded server needs neither.
        database: the server's default where none is given.
        ca: for `bolt+s://` and `neo4j+s://`, the certificate of one's own authority, by default
            that of NEO4J_CA; else this machine's authorities count.

    Raises:
        StoreError: nothing answers there, it refuses the log-in, or its certificate isn't trusted.

    Example:
        >>> with medkg.connect("embedded:server") as server:
        ...     summary = server.write(medkg.load("common"))
        ...     server.query("MATCH (d:Disease) RETURN count(d) AS n")["n"].to_list()
        [449]
    """
    return Connection.open(uri, user=user, password=password, database=database, ca=ca)


def open(path: Path | str) -> KnowledgeGraph:
    """Open a saved graph folder. See `KnowledgeGraph.open`.

    Example:
        >>> medkg.load("common").save("common")
        >>> medkg.open("common").nodes.height
        2307
    """
    return KnowledgeGraph.open(path)


def read(
    where: Path | str,
    *,
    mapping: Path | str | None = None,
    quarantine: Quarantine | None = None,
) -> KnowledgeGraph:
    """The graph in a folder, or on a server by its URI.

    Args:
        mapping: for a server's graph that medkg did not write: the YAML file that says what its
            labels, relationship types and properties are (`medkg.write_predictions` has an
            example). Nothing there is changed.
        quarantine: gets what the mapping can't make use of.

    Raises:
        DataError: the mapping is wrong, or names what the server doesn't have.
        StoreError: the server doesn't answer.

    Example:
        >>> medkg.load("common").save("common")
        >>> medkg.read("common").edges["relation"].unique().to_list()
        ['HAS_SYMPTOM']
    """
    if mapping is not None:
        from medkg.loaders.property_graph import MappedServer

        with connect(existing_server(str(where))) as connection:
            graph = MappedServer(connection, mapping)
            return graph.read(Quarantine() if quarantine is None else quarantine)
    if is_uri(str(where)):
        with connect(existing_server(str(where))) as connection:
            return connection.read()
    return KnowledgeGraph.open(where)


def existing_server(uri: str) -> str:
    """A server that is there: an embedded one without its folder is a slip, not a new one.

    Raises:
        StoreError: there is no such folder.
    """
    if uri.startswith("embedded:") and not Path(uri.removeprefix("embedded:")).is_dir():
        raise StoreError(f"{uri}: there is no such folder; medkg write --into makes one")
    return uri


def is_uri(text: str) -> bool:
    """Whether a text names a server and not a folder."""
    return text.startswith("embedded:") or "://" in text


def centrality(
    graph: KnowledgeGraph | Connection,
    around: str | Sequence[str] | None = None,
    *,
    hops: int = 1,
    relations: Sequence[str] | None = None,
    seed: int = 0,
) -> pl.DataFrame:
    """How central nodes are, and which community each belongs to.

    Edges count once between two nodes, whatever their relation and direction; patients and
    documents are nodes like others. A Neo4j with the Graph Data Science library answers itself
    where all of it is asked for; anything else is computed by networkx, which takes a minute for
    forty thousand edges, and in proportion for more.

    Args:
        graph: a graph, or an open connection to a server.
        around: of the surroundings of these entities only, by identifiers or names.
        hops: how far from them.
        relations: of these relations only; by default of all.
        seed: of the sampled nodes and, by networkx, of the communities' order of joining.

    Returns:
        A row for each node that has an edge, the most central first: `id`, `kind`, `name`;
        `degree`, its number of neighbours; `betweenness`, the share (0 to 1) of the pairs of other
        nodes whose shortest paths lead through it, estimated from the paths of 200 nodes where
        there are more; `community`, its number by Louvain's method, the largest 0.

    Raises:
        MissingError: a name that the graph lacks, or that means several nodes.
        SchemaError: no such relation.
        StoreError: the server refuses, or doesn't answer.

    Example:
        >>> kg = medkg.load("starter")
        >>> rows = medkg.centrality(kg, "imatinib", hops=2, relations=["TARGETS"])
        >>> rows["name"][0], rows["degree"][0] > 100
        ('CYP3A4', True)
    """
    from medkg.graph.centrality import centrality_of
    from medkg.graph.store.data_science import centrality_on, has_library

    if isinstance(graph, KnowledgeGraph):
        kg = graph if around is None else graph.neighbourhood(around, hops, relations=relations)
    elif around is None and has_library(graph.connection):
        graph.record_read()
        return centrality_on(graph.connection, relations, seed)
    else:
        kg = graph.read(around, hops, relations=relations)
    return centrality_of(kg, relations, seed)


# How many edges of each node are followed where the graph is on a server.
_FOLLOWED = 40


def view(
    kg: KnowledgeGraph | Connection | Path | str,
    around: str | Sequence[str],
    path: Path | str | None = None,
    *,
    hops: int = 1,
    limit: int = DEFAULT_LIMIT,
    names: str | None = None,
) -> SubgraphView:
    """An interactive view of what is around some entities: a notebook draws it, a file holds it.

    More hops never show fewer nodes, and what is left out is said.

        medkg.view(kg, "imatinib")                                # in a notebook
        medkg.view(kg, ["imatinib", "KIT"], "page.html", hops=2)  # a page that works offline

    Args:
        kg: a graph, its folder, or a server (an open connection, or its URI), of which only the
            neighbourhood is read: the most probable 40 edges of each node.
        around: identifiers or names.
        path: an HTML page to write too.
        hops: how far from the entities nodes are shown at first.
        limit: how many nodes are shown at first, 2,000 at most; up to three times as many are held
            back until they are asked for.
        names: show the nodes' names in a language ("zh") where they have one.

    Raises:
        MissingError: a name that the graph lacks, or that means several nodes; no such language.
        DataError: a limit that is too low or too high, or hops below 0.
        MissingExtraError: the extra `plots`, which brings Bokeh, is not installed.

    Example:
        >>> from pathlib import Path
        >>> page = medkg.view(medkg.load("starter"), "imatinib", "imatinib.html")
        >>> "imatinib.html" in [file.name for file in Path(".").iterdir()]
        True
    """
    require("bokeh", "plots")
    check_hops(hops)
    texts = [around] if isinstance(around, str) else list(around)
    if isinstance(kg, Connection):
        kg = kg.read(texts, hops + 1, most=_FOLLOWED, predictions=True)
    elif not isinstance(kg, KnowledgeGraph) and is_uri(str(kg)):
        with connect(existing_server(str(kg))) as connection:
            kg = connection.read(texts, hops + 1, most=_FOLLOWED, predictions=True)
    elif not isinstance(kg, KnowledgeGraph):
        kg = KnowledgeGraph.open(kg)
    ids = [kg.resolve(text) for text in texts]
    shown = kg if names is None else named_in(names, kg)
    made = view_around(shown, ids, hops=hops, limit=limit)
    if path is not None:
        made.save(path)
    return made
