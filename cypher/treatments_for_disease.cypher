// Treatments of a disease
// Topic: treatment
//
// Drugs that sources record to treat or to palliate a disease, and those that a model predicts to
// treat it; and for which disease each is contraindicated: this one, or one that it is directly a
// form of.
//
// Parameters
//   disease: identifier of Disease or Symptom such as "DOID:2841". The disease, or the symptom.
//   top: integer = 20. Rows at most: those on record first, then the most probable.
// Columns
//   drug: the drug's identifier
//   drug_name: its name
//   status: treats, palliates or hypothesis
//   probability: the edge's, or the prediction's
//   model: the model that predicts it
//   rank: the model's rank for it
//   sources: the sources that record it
//   contraindicated_for: names of the diseases that the graph says it must not be given for
OPTIONAL MATCH (a:Disease {id: $disease})
OPTIONAL MATCH (b:Symptom {id: $disease})
WITH coalesce(a, b) AS disease
MATCH (drug:Drug)-[edge:TREATS|PALLIATES|PREDICTED_TREATS]->(disease)
WITH disease, drug, edge,
  CASE type(edge) WHEN 'TREATS' THEN 0 WHEN 'PALLIATES' THEN 1 ELSE 2 END AS place
ORDER BY place, edge.probability DESC, drug.id
LIMIT $top
OPTIONAL MATCH (drug)-[:CONTRAINDICATED_FOR]->(other)
WHERE other.id = disease.id OR EXISTS { MATCH (disease)-[:SUBCLASS_OF]->(other) }
WITH drug, edge, place, other
ORDER BY other.name
WITH drug, edge, place, collect(other.name) AS contraindicated_for
RETURN drug.id AS drug, drug.name AS drug_name,
  CASE place WHEN 0 THEN 'treats' WHEN 1 THEN 'palliates' ELSE 'hypothesis' END AS status,
  edge.probability AS probability, edge.model AS model, edge.rank AS rank,
  edge.sources AS sources, contraindicated_for
ORDER BY place, probability DESC, drug
