// How two entities are connected
//
// Paths of up to three recorded relationships between them, the most probable first, with the
// evidence of every step. Predictions and mentions in documents are no steps. For paths of three
// steps, the 200 most probable relationships of either end are followed.
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
  ORDER BY probability DESC, x.id LIMIT $top
  UNION ALL
  MATCH (b:__target__ {id: $target})-[t]-(y)
  WHERE NOT type(t) STARTS WITH 'PREDICTED_' AND type(t) <> 'MENTIONS'
  WITH y.id AS id, max(t.probability) AS probability
  ORDER BY probability DESC, id LIMIT 200
  WITH collect(id) AS before_last
  MATCH (a:__source__ {id: $source})-[r]-(x)
  WHERE NOT type(r) STARTS WITH 'PREDICTED_' AND type(r) <> 'MENTIONS' AND x.id <> $target
  WITH before_last, a, r, x
  ORDER BY r.probability DESC, x.id LIMIT 200
  MATCH (x)-[s]-(y)
  WHERE y.id IN before_last AND y <> a AND y.id <> $target
    AND NOT type(s) STARTS WITH 'PREDICTED_' AND type(s) <> 'MENTIONS'
  WITH a, r, x, s, y
  ORDER BY r.probability * s.probability DESC, x.id, y.id LIMIT 1000
  MATCH (y)-[t]-(b:__target__ {id: $target})
  WHERE a <> b AND x <> y AND NOT type(t) STARTS WITH 'PREDICTED_' AND type(t) <> 'MENTIONS'
  RETURN [a, x, y, b] AS steps, [r, s, t] AS edges,
    r.probability * s.probability * t.probability AS probability
  ORDER BY probability DESC, x.id, y.id LIMIT $top
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
