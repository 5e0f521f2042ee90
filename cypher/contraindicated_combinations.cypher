// Treatments of a disease that are known to interact
// Topic: safety
//
// Pairs of drugs, each of which treats the disease, that are known to interact; with side effects
// that both cause.
//
// Parameters
//   disease: identifier of Disease such as "DOID:10763". The disease.
//   top: integer = 50. Rows at most, the most probable first.
// Columns
//   drug: identifier of the one drug
//   drug_name: its name
//   other: identifier of the other
//   other_name: its name
//   effect: what the interaction does, where a source says so
//   probability: of the interaction
//   sources: the sources that have it
//   both_cause: names of up to five side effects that both cause
MATCH (disease:Disease {id: $disease})<-[:TREATS]-(drug:Drug)-[edge:INTERACTS_WITH]-(other:Drug)
WHERE drug.id < other.id AND EXISTS { MATCH (other)-[:TREATS]->(disease) }
WITH drug, edge, other
ORDER BY edge.probability DESC, drug.id, other.id
LIMIT $top
OPTIONAL MATCH (drug)-[:CAUSES]->(effect)<-[:CAUSES]-(other)
WITH drug, edge, other, effect
ORDER BY effect.name
WITH drug, edge, other, collect(effect.name)[..5] AS both_cause
RETURN drug.id AS drug, drug.name AS drug_name, other.id AS other, other.name AS other_name,
  edge.effect AS effect, edge.probability AS probability, edge.sources AS sources, both_cause
ORDER BY probability DESC, drug, other
