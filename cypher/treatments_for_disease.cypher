// Treatments of a disease
// Topic: treatment
//
// Drugs that sources record to treat or to palliate a disease, and those that a model predicts to
// treat it; with what on record speaks against each.
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
//   contraindicated_for: this disease, or names of what it is a form of, if on record against it
//   may_cause: names of up to five signs of the disease, or the disease, that it may cause
OPTIONAL MATCH (a:Disease {id: $disease})
OPTIONAL MATCH (b:Symptom {id: $disease})
WITH coalesce(a, b) AS disease
MATCH (drug:Drug)-[edge:TREATS|PALLIATES|PREDICTED_TREATS]->(disease)
WITH disease, drug, edge,
  CASE type(edge) WHEN 'TREATS' THEN 0 WHEN 'PALLIATES' THEN 1 ELSE 2 END AS place
ORDER BY place, edge.probability DESC, drug.id
LIMIT $top
RETURN drug.id AS drug, drug.name AS drug_name,
  CASE place WHEN 0 THEN 'treats' WHEN 1 THEN 'palliates' ELSE 'hypothesis' END AS status,
  edge.probability AS probability, edge.model AS model, edge.rank AS rank,
  edge.sources AS sources,
  COLLECT {
    MATCH (drug)-[:CONTRAINDICATED_FOR]->(other)
    WHERE other.id = disease.id OR EXISTS { MATCH (disease)-[:SUBCLASS_OF]->(other) }
    RETURN other.name ORDER BY other.name
  } AS contraindicated_for,
  COLLECT {
    MATCH (drug)-[:CAUSES]->(effect)
    WHERE effect.id = disease.id OR EXISTS { MATCH (disease)-[:HAS_SYMPTOM]->(effect) }
    RETURN effect.name ORDER BY effect.name LIMIT 5
  } AS may_cause
ORDER BY place, probability DESC, drug
