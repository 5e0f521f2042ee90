"""The library's questions about hypotheses, as they are asked for who may see no document."""

from __future__ import annotations

from dataclasses import replace

from medkg.cypher.library import Query
from medkg.graph.store.names import Cypher, curated_count

_COLUMNS = (
    *("drug", "drug_name", "target", "target_name"),
    *("probability", "score", "rank", "direction", "model", "known"),
)


def curated_question(question: Query, kind: str) -> Query:
    """A question about a drug, target or disease, answered by predictions and curated facts alone.

    It takes what the question takes. A pair is known, and a disease has a target, if the graph
    holds that by evidence that was read in no text; what else it says of either is left out.
    """
    cypher = Cypher(
        f"{_pairs(kind)}"
        " WITH drug, target, prediction, EXISTS {"
        f" MATCH (drug)-[fact:TARGETS]->(target) WHERE {curated_count('fact')} > 0 }} AS known"
        " WHERE $known OR NOT known"
        " RETURN drug.id AS drug, drug.name AS drug_name, target.id AS target,"
        " target.name AS target_name, prediction.probability AS probability,"
        " prediction.score AS score, prediction.rank AS rank, prediction.direction AS direction,"
        " prediction.model AS model, known"
        " ORDER BY coalesce(probability, -1.0) DESC, drug, target, model LIMIT $top"
    )
    columns = {name: question.columns.get(name, "") for name in _COLUMNS}
    return replace(question, cypher=cypher, columns=columns)


def _pairs(kind: str) -> Cypher:
    """The predicted pairs of a drug and a target that are about an entity."""
    if kind == "Drug":
        return Cypher(
            "MATCH (drug:Drug {id: $drug})-[prediction:PREDICTED_TARGETS]->(target:Target)"
            " WHERE $adme OR target.adme IS NULL"
        )
    if kind == "Target":
        return Cypher(
            "MATCH (drug:Drug)-[prediction:PREDICTED_TARGETS]->(target:Target {id: $target})"
        )
    return Cypher(
        "MATCH (:Disease {id: $disease})-[association:ASSOCIATED_WITH]->(target:Target)"
        f" WHERE ($adme OR target.adme IS NULL) AND {curated_count('association')} > 0"
        " MATCH (drug:Drug)-[prediction:PREDICTED_TARGETS]->(target)"
    )
