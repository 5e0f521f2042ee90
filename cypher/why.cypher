// How two entities are connected
// Topic: targets
//
// Paths of up to three recorded relationships between them. A path weighs the product of its
// steps' probabilities and, for every entity on the way, of its degree to the power of -0.8
// (degree-weighted as in Himmelstein et al., eLife 2017), so that a way through what everything
// is joined to, as nausea, comes last. Predictions and mentions in documents are no steps. For
// paths of three steps, the 200 neighbours of either end that weigh most are followed.
//
// Parameters
//   source: identifier such as "drugbank:DB00619". Where the path begins.
//   target: identifier such as "DOID:2531". Where it ends.
//   adme: boolean = false. Also by targets that take part in a drug's fate (enzymes, transporters).
//   top: integer = 20. Paths at most, the heaviest first.
// Columns
//   length: number of steps
//   weight: degree-weighted, 1 for a direct relationship that is certain
//   probability: product of the steps' probabilities
//   path: the entities on it, by name, with the direction of each relationship
//   relations: relations along it
//   nodes: identifiers along it
//   evidence: what supports its steps (step, polarity, source, document, sentence, references)
OPTIONAL MATCH (a1:Drug {id: $source})
OPTIONAL MATCH (a2:Disease {id: $source})
OPTIONAL MATCH (a3:Target {id: $source})
OPTIONAL MATCH (a4:Symptom {id: $source})
OPTIONAL MATCH (a5:DrugClass {id: $source})
OPTIONAL MATCH (a6:Anatomy {id: $source})
OPTIONAL MATCH (a7:Pathway {id: $source})
OPTIONAL MATCH (a8:BiologicalProcess {id: $source})
OPTIONAL MATCH (a9:MolecularFunction {id: $source})
OPTIONAL MATCH (a10:CellularComponent {id: $source})
OPTIONAL MATCH (a11:Exposure {id: $source})
OPTIONAL MATCH (a12:Patient {id: $source})
OPTIONAL MATCH (a13:Procedure {id: $source})
OPTIONAL MATCH (a14:Document {id: $source})
OPTIONAL MATCH (a15:Molecule {id: $source})
WITH coalesce(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15) AS a
OPTIONAL MATCH (b1:Drug {id: $target})
OPTIONAL MATCH (b2:Disease {id: $target})
OPTIONAL MATCH (b3:Target {id: $target})
OPTIONAL MATCH (b4:Symptom {id: $target})
OPTIONAL MATCH (b5:DrugClass {id: $target})
OPTIONAL MATCH (b6:Anatomy {id: $target})
OPTIONAL MATCH (b7:Pathway {id: $target})
OPTIONAL MATCH (b8:BiologicalProcess {id: $target})
OPTIONAL MATCH (b9:MolecularFunction {id: $target})
OPTIONAL MATCH (b10:CellularComponent {id: $target})
OPTIONAL MATCH (b11:Exposure {id: $target})
OPTIONAL MATCH (b12:Patient {id: $target})
OPTIONAL MATCH (b13:Procedure {id: $target})
OPTIONAL MATCH (b14:Document {id: $target})
OPTIONAL MATCH (b15:Molecule {id: $target})
WITH a, coalesce(b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14, b15) AS b
CALL {
  WITH a, b
  MATCH (a)-[r]-(b)
  WHERE NOT type(r) STARTS WITH 'PREDICTED_' AND type(r) <> 'MENTIONS'
  RETURN [a, b] AS steps, [r] AS edges, r.probability AS probability, 1.0 AS spread
  UNION ALL
  WITH a, b
  MATCH (a)-[r]-(x)-[s]-(b)
  WHERE a <> b AND x <> a AND x <> b AND ($adme OR x.adme IS NULL)
    AND NOT type(r) STARTS WITH 'PREDICTED_' AND type(r) <> 'MENTIONS'
    AND NOT type(s) STARTS WITH 'PREDICTED_' AND type(s) <> 'MENTIONS'
  WITH a, b, r, x, s, r.probability * s.probability AS probability,
    COUNT { (x)--() } ^ 0.8 AS spread
  ORDER BY probability / spread DESC, x.id LIMIT $top
  RETURN [a, x, b] AS steps, [r, s] AS edges, probability, spread
  UNION ALL
  WITH a, b
  MATCH (b)-[t]-(y)
  WHERE NOT type(t) STARTS WITH 'PREDICTED_' AND type(t) <> 'MENTIONS' AND y <> a
    AND ($adme OR y.adme IS NULL)
  WITH a, b, y, max(t.probability) AS p
  WITH a, b, y, p / COUNT { (y)--() } ^ 0.8 AS q
  ORDER BY q DESC, y.id LIMIT 200
  WITH a, b, collect(y.id) AS before_last
  MATCH (a)-[r]-(x)
  WHERE NOT type(r) STARTS WITH 'PREDICTED_' AND type(r) <> 'MENTIONS' AND x <> b
    AND ($adme OR x.adme IS NULL)
  WITH b, before_last, a, r, x, COUNT { (x)--() } ^ 0.8 AS first
  ORDER BY r.probability / first DESC, x.id LIMIT 200
  MATCH (x)-[s]-(y)
  WHERE y.id IN before_last AND y <> a AND y <> b AND y <> x
    AND NOT type(s) STARTS WITH 'PREDICTED_' AND type(s) <> 'MENTIONS'
  WITH a, b, r, x, s, y, first * COUNT { (y)--() } ^ 0.8 AS spread
  ORDER BY r.probability * s.probability / spread DESC, x.id, y.id LIMIT 1000
  MATCH (y)-[t]-(b)
  WHERE a <> b AND NOT type(t) STARTS WITH 'PREDICTED_' AND type(t) <> 'MENTIONS'
  WITH a, b, r, x, s, y, t, spread, r.probability * s.probability * t.probability AS probability
  ORDER BY probability / spread DESC, x.id, y.id LIMIT $top
  RETURN [a, x, y, b] AS steps, [r, s, t] AS edges, probability, spread
}
WITH steps, edges, probability, probability / spread AS weight, [n IN steps | n.id] AS nodes,
  [r IN edges | type(r)] AS relations
ORDER BY weight DESC, size(edges), nodes, relations
LIMIT $top
UNWIND range(0, size(edges) - 1) AS step
WITH steps, edges, probability, weight, nodes, relations, step, edges[step].id AS edge
OPTIONAL MATCH (evidence:Evidence {edge: edge})
WITH steps, edges, probability, weight, nodes, relations, step, evidence
ORDER BY step, evidence.probability DESC, evidence.id
WITH steps, edges, probability, weight, nodes, relations,
  collect(CASE WHEN evidence IS NULL THEN null ELSE {
    step: step + 1, polarity: evidence.polarity, source: evidence.source,
    document: evidence.document, sentence: evidence.sentence, references: evidence.references
  } END) AS evidence
RETURN size(edges) AS length, weight, probability,
  reduce(text = steps[0].name, i IN range(0, size(edges) - 1) |
    text + CASE WHEN startNode(edges[i]) = steps[i] THEN ' → ' ELSE ' ← ' END
    + steps[i + 1].name) AS path,
  relations, nodes, evidence
ORDER BY weight DESC, length, nodes, relations
