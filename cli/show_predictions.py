"""What a link model predicts, on the terminal: rows, what their numbers mean, what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from medkg.mining.links.model import LinkModel

OTHER_END = {"tail": "head", "head": "tail"}  # of a query, by what is ranked
_NAMED_QUERIES = 5  # of those without an answer
_MOST_ROWS = 50  # printed of several queries


def of_queries(
    model: LinkModel,
    rows: pl.DataFrame,
    queries: Sequence[str],
    direction: str,
    top: int,
    *,
    known: bool,
) -> None:
    """Print the pairs of a query, or of several, what their numbers mean, and why some lack pairs.

    Args:
        direction: what is ranked, tail or head.
        top: how many new pairs of each were asked for.
    """
    other = OTHER_END[direction]
    named = queries[0] if len(queries) == 1 else f"{len(queries):,} {other}s"
    base = None if known else model.stated[direction].base_rate
    _print_rows(model, rows, named, base, other)
    if not known:
        _print_unranked(model, rows, queries, direction, top)


def _print_rows(
    model: LinkModel, rows: pl.DataFrame, queries: str, base: float | None, of_query: str
) -> None:
    """Print the pairs of a query, or of several, and what their numbers mean.

    Args:
        base: the base rate of new pairs; None of known ones.
        of_query: the column of the queries, head or tail.
    """
    import polars as pl

    from medkg.cli import show

    title = "Known" if base is None else "New"
    kind, relation, _ = model.task.edge_type
    of = f"{title} {relation} of" if of_query == "head" else f"{title}: {kind} {relation}"
    if rows.is_empty():
        show.out.print(f"{of} {queries}: none")
        return
    of_first = rows.filter(pl.col(of_query) == rows[of_query][0])
    most = max(_MOST_ROWS, of_first.height)
    # What the title says is said in no row.
    shown = rows.drop("relation", "known", "model", "graph")
    if (shown["status"] == "new").all():
        shown = shown.drop("status", "sources")
    shown = shown.with_columns(tail_name=_with_roles(model, rows))
    if of_first.height == rows.height:
        queries = f"{rows[f'{of_query}_name'][0]} ({rows[of_query][0]})"
        shown = shown.drop(of_query, f"{of_query}_name")
    show.frame(shown, f"{of} {queries}", most=most)
    if base is None:
        show.out.print(
            "known pairs have no probability, since a source records them; rank: that the pair"
            " would have among the new ones, were it not known"
        )
    else:
        show.out.print(
            f"probability: {model.meaning}; of the first 100 candidates of a query {base:.2g} are"
            " (the base rate); what the graph holds is left out, see --known"
        )
    if unranked := rows["rank"].null_count():
        show.out.print(
            f"{unranked} pairs, the last, have no rank: nothing spoke for them while they were held"
            " back"
        )
    show.out.print(signed(model))


def _with_roles(model: LinkModel, rows: pl.DataFrame) -> pl.Series:
    """The tails' names, and of those that handle many drugs what they are: CYP3A4 (enzyme)."""
    import polars as pl

    from medkg.mining.links.adme_roles import adme_roles

    roles = adme_roles(model.graph)
    named = [
        name if name is None or tail not in roles else f"{name} ({roles[tail]})"
        for tail, name in rows.select("tail", "tail_name").iter_rows()
    ]
    return pl.Series("tail_name", named, dtype=pl.String)


def signed(model: LinkModel) -> str:
    """Which model and which graph gave the numbers."""
    return f"by {model.name}, trained on the graph {model.record['checksum'][:12]}"


def _print_unranked(
    model: LinkModel, rows: pl.DataFrame, queries: Sequence[str], direction: str, top: int
) -> None:
    """Say why queries have fewer new pairs than were asked for, if they have."""
    from medkg.cli import show

    if len(queries) > 1:
        of_query = OTHER_END[direction]
        having = set(rows[of_query])
        # Several queries are identifiers, as `having` are.
        without = [model.names[query] for query in queries if query not in having]
        if without:
            more = ", …" if len(without) > _NAMED_QUERIES else ""
            show.out.print(
                f"{len(without):,} of {len(queries):,} {of_query}s have no new pair"
                f" ({', '.join(without[:_NAMED_QUERIES])}{more}): nothing that the model knows"
                " speaks for one, or they are no small molecules"
            )
        return
    if rows.height >= top or (direction == "tail" and _print_modality(model, queries[0])):
        return
    if unranked := model.ranks.unranked(direction, model.query_number(queries[0], direction)):
        or_no_molecule = ", or they are no small molecules" if direction == "head" else ""
        show.out.print(
            f"{unranked:,}{' other' if rows.height else ''} {direction}s are not ranked: nothing"
            f" that the model knows speaks for them{or_no_molecule}"
        )
    if rows.is_empty() and direction == "tail":
        _print_facts(model, queries[0])


def _print_facts(model: LinkModel, head: str) -> None:
    """Say how little the graph holds of a head that has no new pair, and what ranks some."""
    import polars as pl

    from medkg.cli import show
    from medkg.core.errors import ModelError
    from medkg.mining.molecules.nearest_ligands import structure_ranker_of
    from medkg.mining.molecules.structures import structure_text

    node = model.task.heads[model.query_number(head, "tail")]
    edges = model.graph.edges.filter((pl.col("subject") == node) | (pl.col("object") == node))
    (properties,) = model.graph.nodes.filter(id=node)["properties"]
    structure = "a" if structure_text(properties) else "no"
    show.out.print(
        f"the graph holds {edges.height:,} edges and {structure} structure of"
        f" {model.names[node]}: the less it holds, the less there is to compare it by"
    )
    try:
        structure_ranker_of(model)
    except ModelError:
        return
    show.out.print(
        "give its structure to rank them by that alone: medkg predict MODEL --smiles SMILES"
    )


def _print_modality(model: LinkModel, head: str) -> bool:
    """Say what a head is that gets no new pairs; whether it is such a one."""
    from medkg.cli import show
    from medkg.mining.links.modality import CLASS_OF_DRUGS

    modality = model.modality(model.query_number(head, "tail"))
    if modality is None:
        return False
    why = "what it is like tells of no target but those that it is known for"
    if modality == CLASS_OF_DRUGS:
        why = "ask for one of its drugs"
    show.out.print(f"{head} is no small molecule ({modality}): {why}; --known shows what is")
    return True
