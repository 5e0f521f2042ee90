"""Forgetting on a graph server: the same as in a folder, without reading the whole graph.

What goes is found by the evidence to be forgotten, so evidence goes last, and of a patient's what
links it to its documents last of all: after an interruption, the same command finds the rest.
"""

from __future__ import annotations

import polars as pl

from ...core.errors import StoreError
from ...core.progress import progress
from ..edges import edges_from
from ..forget import (
    ENDS,
    MENTIONS,
    MOLECULE,
    PATIENT,
    ForgetRequest,
    ForgetSummary,
    Ids,
    changed,
    citing,
    documents_of_others,
    ends,
    merges_of,
    naming,
    spellings,
    texts,
    unnamed,
    without_names,
)
from ..frames import (
    EDGES,
    EVIDENCE,
    NODES,
    STRING_LIST,
    Columns,
    Source,
    conform,
    empty,
)
from .aliases import write_aliases
from .bulk import BulkRefused, run_sql
from .connection import Connection
from .constraints import drop_constraints, make_constraints
from .journal import writing
from .names import Cypher, Quoted, key
from .property_graph import forget_predictions
from .read import (
    evidence_parts,
    read_evidence,
    read_merges,
    read_parts,
    read_predictions,
    read_sources,
)
from .rows import (
    Advance,
    delete_nodes,
    delete_predictions,
    delete_relationships,
    kinds_of,
    merge_relationships,
    native,
    node_row,
    with_checksum,
    with_kinds,
)

_EDGES_AT_ONCE = 50_000
_LOOKED_FOR = 50  # identifiers that the server looks for in texts; for more, all texts are read
_EVIDENCE = {**EVIDENCE, "load": pl.String}
_LEFT = {name: _EVIDENCE[name] for name in ("id", "edge", "relation", "source", "load", *ENDS)}


def forget_on(
    connection: Connection,
    *,
    source: Ids = (),
    document: Ids = (),
    patient: Ids = (),
    model: Ids = (),
) -> ForgetSummary:
    """What `Store.forget` does."""
    request = ForgetRequest.of(source, document, patient, model)
    with connection.errors():
        predictions = forget_predictions(connection, sorted(request.models))
    summary = ForgetSummary()
    if request.sources or request.ids:
        summary = _forget_rest(connection, request)
    with connection.errors():
        summary.nodes += _delete_unpredicted(connection)
    summary.predictions += sum(predictions.values())
    summary.unknown = sorted([*summary.unknown, *(m for m, n in predictions.items() if not n)])
    return summary


def _delete_unpredicted(connection: Connection) -> int:
    """Delete the generated molecules that no prediction is about; returns how many."""
    if MOLECULE not in connection.labels():
        return 0
    match = Cypher(
        f"MATCH (n:{connection.names.label(MOLECULE)})"
        " WHERE n.checksum IS NOT NULL AND NOT EXISTS { MATCH (n)-->() }"
    )
    ids = texts(str(row[0]) for row in connection.rows(f"{match} RETURN n.id"))
    delete_nodes(connection, MOLECULE, ids)
    return ids.len()


def _forget_rest(connection: Connection, request: ForgetRequest) -> ForgetSummary:
    """Forget all but models' predictions."""
    with (
        connection.errors(),
        writing(connection) as writer,
        progress("Forgetting") as advance,
    ):
        summary = _Forgetting(writer, request).run(advance)
        if connection.server is not None:
            try:
                # A changed record leaves a rest of itself in its page.
                run_sql(connection.server, "CHECK DATABASE COMPRESS")
            except BulkRefused as error:
                raise StoreError(
                    f"{connection.uri}: forgotten, but its files may still hold some of it"
                    f" ({error}); give the same command again"
                ) from error
            _make_indexes_anew(connection)
    return summary


def _make_indexes_anew(connection: Connection) -> None:
    """Drop the embedded server's indexes, which keep deleted keys, and make them again.

    Its own REBUILD INDEX loses them. After an interruption, the next command makes those that lack.
    """
    kinds = sorted(set(connection.labels()) & set(connection.schema.kinds))
    drop_constraints(connection, kinds)
    make_constraints(connection, kinds)


def identifiers_on(
    connection: Connection, *, document: Ids = (), patient: Ids = ()
) -> frozenset[str]:
    """What `Store.identifiers` does."""
    forgetting = _Forgetting(connection, ForgetRequest.of((), document, patient))
    return forgetting.request.ids.union(forgetting.documents_of_patients()[0])


class _Forgetting:
    """One command to forget."""

    def __init__(self, connection: Connection, request: ForgetRequest):
        self.connection = connection
        self.labels = sorted(set(connection.labels()) & set(connection.schema.kinds))
        self.sources = read_sources(connection)
        self.merges = read_merges(connection)
        self.named = request
        self.request = request.with_merged(self.merges)

    def run(self, advance: Advance) -> ForgetSummary:
        self.request.check(dict(kinds_of(self.connection, texts(self.request.ids)).iter_rows()))
        documents, shared = self.documents_of_patients()
        self.request = self.request.with_private(documents)
        removed = self._evidence_to_go()
        sources = [each for each in self.sources if each.name not in self.request.sources]
        nodes = self._nodes_to_go(removed, sources)
        deleted, differing = self._edges_after(removed, sources)
        unknown = self._unknown(removed, nodes)
        cited = pl.concat([nodes["id"], deleted["id"], removed["id"]])
        summary = ForgetSummary(
            evidence=removed.height,
            edges=deleted.height,
            edges_changed=differing.height,
            nodes=nodes.height,
            predictions=self._delete_predictions(nodes["id"], cited),
            documents=documents,
            shared=shared,
            unknown=unknown,
        )
        delete_relationships(self.connection, with_kinds(self.connection, deleted))
        merge_relationships(self.connection, with_kinds(self.connection, differing))
        for (kind,), part in nodes.group_by("kind"):
            delete_nodes(self.connection, str(kind), part["id"])
        summary.nodes_changed = self._clean_nodes()
        self._delete_loads(removed)
        links = removed["relation"].eq(MENTIONS) & removed["object"].is_in(
            sorted(self.request.private)
        )
        for part in (removed.filter(~links), removed.filter(links)):
            delete_nodes(self.connection, "Evidence", part["id"], advance)
        summary.merges = self._delete_merges(nodes["id"])
        summary.sources = self._delete_sources()
        return summary

    # What is to go

    def documents_of_patients(self) -> tuple[list[str], list[str]]:
        """The documents that mention these patients and no other, and those that do."""
        patients = sorted(self.request.private)
        mentions = self.connection.rows(
            "MATCH (e:Evidence) WHERE e.relation = $relation AND e.object IN $patients"
            " RETURN DISTINCT e.subject",
            relation=MENTIONS,
            patients=patients,
        )
        about = [str(row[0]) for row in mentions] if patients else []
        condition = Cypher("e.document IN $about OR e.subject IN $about")
        statements = pl.concat(evidence_parts(self.connection, _LEFT, condition, about=about))
        patients_named = kinds_of(self.connection, ends(statements)).filter(kind=PATIENT)["id"]
        shared = documents_of_others(statements, about, patients_named, self.request.private)
        return sorted(set(about) - shared), sorted(shared)

    def _evidence_to_go(self) -> pl.DataFrame:
        """The evidence to forget, without its texts; the server preselects, `wanted` decides."""
        conditions = [
            Cypher("e.source IN $sources"),
            *(Cypher(f"e.{key(end)} IN $documents") for end in ENDS),
        ]
        if len(self.request.private) > _LOOKED_FOR:
            conditions = [Cypher("true")]
        elif self.request.private:
            conditions.append(_holding(key("e"), EVIDENCE))
        evidence = evidence_parts(
            self.connection,
            _EVIDENCE,
            Cypher(" OR ".join(conditions)),
            sources=sorted(self.request.sources),
            documents=sorted(self.request.documents),
            private=spellings(self.request.private),
        )
        return pl.concat(
            part.filter(self.request.wanted(part)).select(list(_LEFT)) for part in evidence
        )

    def _nodes_to_go(self, removed: pl.DataFrame, sources: list[Source]) -> pl.DataFrame:
        """Identifier and kind of the nodes to delete."""
        if self.sources and not sources:
            every = (
                part.with_columns(kind=pl.lit(label))
                for label in self.labels
                for part in read_parts(
                    self.connection,
                    Cypher(
                        f"MATCH (n:{self.connection.names.label(label)})"
                        " WHERE n.checksum IS NOT NULL"
                    ),
                    "n",
                    {"id": pl.String},
                )
            )
            return pl.concat([empty({"id": pl.String, "kind": pl.String}), *every])
        touched = ends(removed)
        for part in evidence_parts(self.connection, _LEFT, Cypher("true")) if touched.len() else ():
            touched = unnamed(touched, part.join(removed.select("id"), on="id", how="anti"))
        return kinds_of(self.connection, pl.concat([touched, texts(self.request.ids)]).unique())

    def _edges_after(
        self, removed: pl.DataFrame, left: list[Source]
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The edges that only the evidence to go supports, and those that it leaves changed."""
        edges = removed["edge"].unique(maintain_order=True)
        deleted, differing = [empty(EDGES)], [empty(EDGES)]
        for start in range(0, edges.len(), _EDGES_AT_ONCE):
            stored = read_evidence(self.connection, edges.slice(start, _EDGES_AT_ONCE))
            rest = stored.join(removed.select("id"), on="id", how="anti")
            before = edges_from(stored, self.sources, self.connection.schema)
            after = edges_from(rest, left, self.connection.schema)
            deleted.append(before.join(after, on="id", how="anti"))
            differing.append(changed(before, after))
        return pl.concat(deleted), pl.concat(differing)

    def _unknown(self, removed: pl.DataFrame, kinds: pl.DataFrame) -> list[str]:
        known = {each.name for each in self.sources}.union(
            kinds["id"], self.merges["merged"], ends(removed), removed["source"]
        )
        return sorted((self.named.sources | self.named.ids) - known)

    # What is done about it

    def _delete_predictions(self, nodes: pl.Series, cited: pl.Series) -> int:
        predictions = read_predictions(self.connection)
        is_gone = nodes.implode()
        removed = predictions.filter(
            pl.col("head").is_in(is_gone)
            | pl.col("tail").is_in(is_gone)
            | citing(predictions, cited)
            | naming(predictions, self.request.private)
        )
        delete_predictions(self.connection, removed)
        return removed.height

    def _clean_nodes(self) -> int:
        """Take out what names a patient in nodes that stay."""
        if not self.request.private:
            return 0
        count = 0
        for label in self.labels:
            quoted = self.connection.names.label(label)
            columns = {name: dtype for name, dtype in NODES.items() if name != "kind"}
            nodes = read_parts(
                self.connection,
                Cypher(f"MATCH (n:{quoted}) WHERE {_holding(key('n'), columns)}"),
                "n",
                columns,
                private=spellings(self.request.private),
            )
            for part in nodes:
                before = conform(part.with_columns(kind=pl.lit(label)), NODES)
                after = with_checksum(without_names(before, self.request.private), NODES)
                had = dict(before.select("id", "properties").iter_rows())
                self.connection.send(
                    f"UNWIND $rows AS row MATCH (n:{quoted} {{id: row.id}}) SET n += row",
                    (
                        {**dict.fromkeys((*native(had[row["id"]]), "properties")), **node_row(row)}
                        for row in after.iter_rows(named=True)
                    ),
                )
                count += after.height
        return count

    def _delete_loads(self, removed: pl.DataFrame) -> None:
        """The records of loads of whose evidence nothing is left, and names that name a patient."""
        counts = removed.drop_nulls("load").group_by("load").len()
        rows = self.connection.rows(
            "MATCH (e:Evidence) WHERE e.load IN $loads RETURN e.load, count(e)",
            loads=counts["load"].to_list(),
        )
        delete_nodes(
            self.connection,
            "Load",
            texts(row[0] for row in rows if tuple(row) in set(counts.rows())),
        )
        columns = {"id": pl.String, "name": pl.String}
        loads = pl.concat(read_parts(self.connection, Cypher("MATCH (l:Load)"), "l", columns))
        self.connection.send(
            "UNWIND $rows AS row MATCH (l:Load {id: row.id}) SET l.name = ''",
            loads.filter(naming(loads, self.request.private)).select("id").iter_rows(named=True),
        )

    def _delete_merges(self, nodes: pl.Series) -> int:
        is_removed = merges_of(self.merges, nodes, self.request.private)
        removed = self.merges.filter(is_removed)
        # First, as the records say which nodes have them.
        write_aliases(self.connection, self.merges.filter(~is_removed), removed)
        delete_nodes(self.connection, "Merge", removed["id"])
        return removed.height

    def _delete_sources(self) -> int:
        names = [each.name for each in self.sources if each.name in self.request.sources]
        self.connection.send(
            "UNWIND $rows AS row MATCH (s:Source {name: row.name})"
            " WHERE s.checksum IS NOT NULL DELETE s",
            [{"name": name} for name in sorted(set(names))],
        )
        return len(names)


def _holding(variable: Quoted, columns: Columns) -> Cypher:
    """The condition that a text of these columns holds one of `$private`."""
    conditions = [
        *(Cypher(f"{variable}.{key(name)} CONTAINS id") for name in _of(columns, pl.String)),
        *(
            Cypher(f"any(x IN coalesce({variable}.{key(name)}, []) WHERE x CONTAINS id)")
            for name in _of(columns, STRING_LIST)
        ),
    ]
    return Cypher("any(id IN $private WHERE " + " OR ".join(conditions) + ")")


def _of(columns: Columns, dtype: pl.DataType | type[pl.DataType]) -> list[str]:
    """The names of the columns of a type."""
    return [name for name, own in columns.items() if own == dtype]
