// Predictions that a source has confirmed since
// Topic: hypotheses
//
// What a model predicted as new and the graph holds now, because a source was loaded, or a text
// read, after the model had answered.
//
// Parameters
//   drug: identifier of Drug = null. Only predictions for this drug.
//   adme: boolean = false. Also targets that take part in a drug's fate (enzymes, transporters).
//   top: integer = 50. Rows at most, the most probable first.
// Columns
//   drug: the drug's identifier
//   drug_name: its name
//   relation: the predicted relation
//   tail: identifier of what it acts on or treats
//   tail_name: its name
//   probability: as the model had it
//   rank: its rank
//   model: the model
//   predicted_on: when
//   sources: the sources that have it now
//   path: drug and what it acts on or treats
MATCH (drug:Drug)-[p:PREDICTED_TARGETS|PREDICTED_TREATS]->(tail)
WHERE ($drug IS NULL OR drug.id = $drug) AND NOT p.known AND ($adme OR tail.adme IS NULL)
MATCH (drug)-[r:TARGETS|TREATS]->(tail)
WHERE 'PREDICTED_' + type(r) = type(p)
RETURN drug.id AS drug, drug.name AS drug_name, type(r) AS relation, tail.id AS tail,
  tail.name AS tail_name, p.probability AS probability, p.rank AS rank, p.model AS model,
  p.date AS predicted_on, r.sources AS sources, drug.name + ' → ' + tail.name AS path
ORDER BY probability DESC, drug, tail, model
LIMIT $top
