// Drugs that are recorded to act on a target
// Topic: targets
//
// With what each does there, and what it treats.
//
// Parameters
//   target: identifier of Target such as "NCBIGene:3815". The target.
//   top: integer = 50. Rows at most, the most probable first.
// Columns
//   drug: the drug's identifier
//   drug_name: its name
//   action: what it does there, where a source says so
//   probability: that it acts on it
//   sources: the sources that say so
//   treats: names of up to five diseases or symptoms that it treats
//   targets: how many targets it has in all
MATCH (target:Target {id: $target})<-[edge:TARGETS]-(drug:Drug)
WITH edge, drug
ORDER BY edge.probability DESC, drug.id
LIMIT $top
OPTIONAL MATCH (drug)-[treats:TREATS]->(treated)
WITH edge, drug, treats, treated
ORDER BY treats.probability DESC, treated.name
WITH edge, drug, collect(treated.name)[..5] AS treats
RETURN drug.id AS drug, drug.name AS drug_name, edge.action AS action,
  edge.probability AS probability, edge.sources AS sources, treats,
  COUNT { (drug)-[:TARGETS]->() } AS targets
ORDER BY probability DESC, drug
