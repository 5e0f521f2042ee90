// How two entities are connected
//
// Paths of up to three recorded relationships between them, the most probable first, with the
// evidence of every step. Predictions and mentions in documents are no steps.
//
// Parameters
//   source: identifier. Where the path begins.
//   target: identifier. Where it ends.
//   top: integer = 20. Paths at most.
// Columns
//   length: number of steps
//   probability: product of the steps' probabilities
//   path: the path in words
//   nodes: identifiers along it
//   relations: relations along it
//   evidence: what supports its steps (step, polarity, source, document, sentence, references)
CALL {
  MATCH (a:__source__ {id: $source})-[r]-(b:__target__ {id: $target})
  WHERE NOT type(r) STARTS WITH 'PREDICTED_' AND type(r) <> 'MENTIONS'
  RETURN [a, b] AS steps, [r] AS edges, r.probability AS probability
  UNION ALL
  MATCH (a:__source__ {id: $source})-[r]-(x)-[s]-(b:__target__ {id: $target})
  WHERE a <> b AND x <> a AND x <> b
    AND NOT type(r) STARTS WITH 'PREDICTED_' AND type(r) <> 'MENTIONS'
    AND NOT type(s) STARTS WITH 'PREDICTED_' AND type(s) <> 'MENTIONS'
  RETURN [a, x, b] AS steps, [r, s] AS edges, r.probability * s.probability AS probability
  ORDER BY probability DESC LIMIT $top
  UNION ALL
  MATCH (a:__source__ {id: $source})-[r]-(x)-[s]-(y)-[t]-(b:__target__ {id: $target})
  WHERE a <> b AND x <> a AND x <> b AND y <> a AND y <> b AND x <> y
    AND NOT type(r) STARTS WITH 'PREDICTED_' AND type(r) <> 'MENTIONS'
    AND NOT type(s) STARTS WITH 'PREDICTED_' AND type(s) <> 'MENTIONS'
    AND NOT type(t) STARTS WITH 'PREDICTED_' AND type(t) <> 'MENTIONS'
  RETURN [a, x, y, b] AS steps, [r, s, t] AS edges,
    r.probability * s.probability * t.probability AS probability
  ORDER BY probability DESC LIMIT $top
}
WITH steps, edges, probability, [n IN steps | n.id] AS nodes, [r IN edges | type(r)] AS relations
ORDER BY probability DESC, size(edges), nodes, relations
LIMIT $top
UNWIND range(0, size(edges) - 1) AS step
WITH steps, edges, probability, nodes, relations, step, edges[step].id AS edge
OPTIONAL MATCH (evidence:Evidence {edge: edge})
WITH steps, edges, probability, nodes, relations, step, evidence
ORDER BY step, evidence.probability DESC, evidence.id
WITH steps, edges, probability, nodes, relations,
  collect(CASE WHEN evidence IS NULL THEN null ELSE {
    step: step + 1, polarity: evidence.polarity, source: evidence.source,
    document: evidence.document, sentence: evidence.sentence, references: evidence.references
  } END) AS evidence
RETURN size(edges) AS length, probability,
  reduce(text = steps[0].name, i IN range(0, size(edges) - 1) |
    text
    + CASE WHEN startNode(edges[i]) = steps[i] THEN ' -' ELSE ' <-' END
    + type(edges[i])
    + CASE WHEN startNode(edges[i]) = steps[i] THEN '-> ' ELSE '- ' END
    + steps[i + 1].name) AS path,
  nodes, relations, evidence
ORDER BY probability DESC, length, nodes, relations
