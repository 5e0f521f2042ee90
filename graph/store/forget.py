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
    PATIENT,
    Asked,
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
from .bulk import BulkRefused, run_sql
from .connection import Connection
from .constraints import constraint_statements, make_constraints
from .journal import writing
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
    on: Connection, *, source: Ids = (), document: Ids = (), patient: Ids = ()
) -> ForgetSummary:
    """What `Store.forget` does."""
    asked = Asked.of(source, document, patient)
    with on.errors(), writing(on), progress("Forgetting") as advance:
        summary = _Forgetting(on, asked).run(advance)
        if on.server is not None:
            try:
                # A changed record leaves a rest of itself in its page.
                run_sql(on.server, "CHECK DATABASE COMPRESS")
            except BulkRefused as error:
                raise StoreError(
                    f"{on.uri}: forgotten, but its files may still hold some of it ({error}); give"
                    " the same command again"
                ) from error
            _make_indexes_anew(on)
    return summary


def _make_indexes_anew(on: Connection) -> None:
    """Drop the embedded server's indexes, which keep deleted keys, and make them again.

    Its own REBUILD INDEX loses them. After an interruption, the next command makes those that lack.
    """
    kinds = sorted(set(on.labels()) & set(on.schema.kinds))
    for statement in constraint_statements(kinds):
        _, sort, name, *_ = statement.split()
        on.change(f"DROP {sort} {name} IF EXISTS")
    make_constraints(on, kinds)


class _Forgetting:
    """One command to forget."""

    def __init__(self, on: Connection, asked: Asked):
        self.on = on
        self.labels = sorted(set(on.labels()) & set(on.schema.kinds))
        self.sources = read_sources(on)
        self.merges = read_merges(on)
        self.named = asked
        self.asked = asked.with_merged(self.merges)

    def run(self, advance: Advance) -> ForgetSummary:
        self.asked.check(dict(kinds_of(self.on, texts(self.asked.ids)).iter_rows()))
        documents, shared = self._documents_of_patients()
        self.asked = self.asked.with_private(documents)
        gone = self._evidence_to_go()
        sources = [each for each in self.sources if each.name not in self.asked.sources]
        nodes = self._nodes_to_go(gone, sources)
        deleted, differing = self._edges_after(gone, sources)
        unknown = self._unknown(gone, nodes)
        cited = pl.concat([nodes["id"], deleted["id"], gone["id"]])
        summary = ForgetSummary(
            evidence=gone.height,
            edges=deleted.height,
            edges_changed=differing.height,
            nodes=nodes.height,
            predictions=self._delete_predictions(nodes["id"], cited),
            documents=documents,
            shared=shared,
            unknown=unknown,
        )
        delete_relationships(self.on, with_kinds(self.on, deleted))
        merge_relationships(self.on, with_kinds(self.on, differing))
        for (kind,), part in nodes.group_by("kind"):
            delete_nodes(self.on, str(kind), part["id"])
        summary.nodes_changed = self._clean_nodes()
        self._delete_loads(gone)
        links = gone["relation"].eq(MENTIONS) & gone["object"].is_in(sorted(self.asked.private))
        for part in (gone.filter(~links), gone.filter(links)):
            delete_nodes(self.on, "Evidence", part["id"], advance)
        summary.merges = self._delete_merges(nodes["id"])
        summary.sources = self._delete_sources()
        return summary

    # What is to go

    def _documents_of_patients(self) -> tuple[list[str], list[str]]:
        """The documents that mention these patients and no other, and those that do."""
        patients = sorted(self.asked.private)
        found = self.on.rows(
            "MATCH (e:Evidence) WHERE e.relation = $relation AND e.object IN $patients"
            " RETURN DISTINCT e.subject",
            relation=MENTIONS,
            patients=patients,
        )
        about = [str(row[0]) for row in found] if patients else []
        condition = "e.document IN $about OR e.subject IN $about"
        told = pl.concat(evidence_parts(self.on, _LEFT, condition, about=about))
        of_told = kinds_of(self.on, ends(told)).filter(kind=PATIENT)["id"]
        shared = documents_of_others(told, about, of_told, self.asked.private)
        return sorted(set(about) - shared), sorted(shared)

    def _evidence_to_go(self) -> pl.DataFrame:
        """Its rows without their texts. The server looks roughly, `Asked.wanted` exactly."""
        conditions = ["e.source IN $sources", *(f"e.{end} IN $documents" for end in ENDS)]
        if len(self.asked.private) > _LOOKED_FOR:
            conditions = ["true"]
        elif self.asked.private:
            conditions.append(_holding("e", EVIDENCE))
        found = evidence_parts(
            self.on,
            _EVIDENCE,
            " OR ".join(conditions),
            sources=sorted(self.asked.sources),
            documents=sorted(self.asked.documents),
            private=spellings(self.asked.private),
        )
        return pl.concat(part.filter(self.asked.wanted(part)).select(list(_LEFT)) for part in found)

    def _nodes_to_go(self, gone: pl.DataFrame, sources: list[Source]) -> pl.DataFrame:
        """Identifier and kind of the nodes to delete."""
        if self.sources and not sources:
            every = (
                part.with_columns(kind=pl.lit(label))
                for label in self.labels
                for part in read_parts(
                    self.on,
                    f"MATCH (n:{label}) WHERE n.checksum IS NOT NULL",
                    "n",
                    {"id": pl.String},
                )
            )
            return pl.concat([empty({"id": pl.String, "kind": pl.String}), *every])
        touched = ends(gone)
        for part in evidence_parts(self.on, _LEFT, "true") if touched.len() else ():
            touched = unnamed(touched, part.join(gone.select("id"), on="id", how="anti"))
        return kinds_of(self.on, pl.concat([touched, texts(self.asked.ids)]).unique())

    def _edges_after(
        self, gone: pl.DataFrame, left: list[Source]
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The edges that only the evidence to go supports, and those that it leaves changed."""
        edges = gone["edge"].unique(maintain_order=True)
        deleted, differing = [empty(EDGES)], [empty(EDGES)]
        for start in range(0, edges.len(), _EDGES_AT_ONCE):
            there = read_evidence(self.on, edges.slice(start, _EDGES_AT_ONCE))
            rest = there.join(gone.select("id"), on="id", how="anti")
            before = edges_from(there, self.sources, self.on.schema)
            after = edges_from(rest, left, self.on.schema)
            deleted.append(before.join(after, on="id", how="anti"))
            differing.append(changed(before, after))
        return pl.concat(deleted), pl.concat(differing)

    def _unknown(self, gone: pl.DataFrame, kinds: pl.DataFrame) -> list[str]:
        there = {each.name for each in self.sources}.union(
            kinds["id"], self.merges["merged"], ends(gone), gone["source"]
        )
        return sorted((self.named.sources | self.named.ids) - there)

    # What is done about it

    def _delete_predictions(self, nodes: pl.Series, cited: pl.Series) -> int:
        predictions = read_predictions(self.on)
        is_gone = nodes.implode()
        doomed = predictions.filter(
            pl.col("head").is_in(is_gone)
            | pl.col("tail").is_in(is_gone)
            | citing(predictions, cited)
            | naming(predictions, self.asked.private)
        )
        delete_predictions(self.on, doomed)
        return doomed.height

    def _clean_nodes(self) -> int:
        """Take out what names a patient in nodes that stay."""
        if not self.asked.private:
            return 0
        count = 0
        for label in self.labels:
            columns = {name: dtype for name, dtype in NODES.items() if name != "kind"}
            found = read_parts(
                self.on,
                f"MATCH (n:{label}) WHERE {_holding('n', columns)}",
                "n",
                columns,
                private=spellings(self.asked.private),
            )
            for part in found:
                before = conform(part.with_columns(kind=pl.lit(label)), NODES)
                after = with_checksum(without_names(before, self.asked.private), NODES)
                had = dict(before.select("id", "properties").iter_rows())
                self.on.send(
                    f"UNWIND $rows AS row MATCH (n:{label} {{id: row.id}}) SET n += row",
                    (
                        {**dict.fromkeys((*native(had[row["id"]]), "properties")), **node_row(row)}
                        for row in after.iter_rows(named=True)
                    ),
                )
                count += after.height
        return count

    def _delete_loads(self, gone: pl.DataFrame) -> None:
        """The records of loads of whose evidence nothing is left, and names that name a patient."""
        counts = gone.drop_nulls("load").group_by("load").len()
        there = self.on.rows(
            "MATCH (e:Evidence) WHERE e.load IN $loads RETURN e.load, count(e)",
            loads=counts["load"].to_list(),
        )
        delete_nodes(
            self.on, "Load", texts(row[0] for row in there if tuple(row) in set(counts.rows()))
        )
        columns = {"id": pl.String, "name": pl.String}
        loads = pl.concat(read_parts(self.on, "MATCH (l:Load)", "l", columns))
        self.on.send(
            "UNWIND $rows AS row MATCH (l:Load {id: row.id}) SET l.name = ''",
            loads.filter(naming(loads, self.asked.private)).select("id").iter_rows(named=True),
        )

    def _delete_merges(self, nodes: pl.Series) -> int:
        doomed = self.merges.filter(merges_of(self.merges, nodes, self.asked.private))
        delete_nodes(self.on, "Merge", doomed["id"])
        return doomed.height

    def _delete_sources(self) -> int:
        names = [each.name for each in self.sources if each.name in self.asked.sources]
        self.on.send(
            "UNWIND $rows AS row MATCH (s:Source {name: row.name})"
            " WHERE s.checksum IS NOT NULL DELETE s",
            [{"name": name} for name in sorted(set(names))],
        )
        return len(names)


def _holding(variable: str, columns: Columns) -> str:
    """The condition that a text of these columns holds one of `$private`."""
    parts = []
    for name, dtype in columns.items():
        value = f"{variable}.`{name}`"
        if dtype == pl.String:
            parts.append(f"{value} CONTAINS id")
        elif dtype == STRING_LIST:
            parts.append(f"any(x IN coalesce({value}, []) WHERE x CONTAINS id)")
    return f"any(id IN $private WHERE {' OR '.join(parts)})"
