// Interactions of drugs
// Topic: safety
//
// Among several drugs, the interactions between them; of one drug, all that it has.
//
// Parameters
//   drugs: identifiers of Drug such as ["drugbank:DB00945", "drugbank:DB00682"]. One, or all that are taken.
//   top: integer = 100. Rows at most, the most probable first.
// Columns
//   drug: identifier of the one drug
//   drug_name: its name
//   other: identifier of the other
//   other_name: its name
//   effect: what the interaction does, where a source says so
//   probability: the edge's probability
//   sources: the sources that have it
//   references: what they cite
UNWIND $drugs AS id
MATCH (drug:Drug {id: id})-[edge:INTERACTS_WITH]-(other:Drug)
WHERE size($drugs) = 1 OR (other.id IN $drugs AND drug.id < other.id)
WITH drug, edge, other
ORDER BY edge.probability DESC, drug.id, other.id
LIMIT $top
OPTIONAL MATCH (e:Evidence {edge: edge.id})
WITH drug, edge, other, e
ORDER BY e.id
WITH drug, edge, other, collect(e.references) AS lists
RETURN drug.id AS drug, drug.name AS drug_name, other.id AS other, other.name AS other_name,
  edge.effect AS effect, edge.probability AS probability, edge.sources AS sources,
  reduce(all = [], list IN lists | all + list) AS references
ORDER BY probability DESC, drug, other
