// Side effects that several of the drugs taken cause
// Topic: safety
//
// What drugs taken together add up to: every side effect that at least so many of them cause, and
// which.
//
// Parameters
//   drugs: identifiers of Drug such as ["drugbank:DB00945", "drugbank:DB00682"]. What is taken.
//   at_least: integer = 2. How many of them must cause it.
//   top: integer = 50. Rows at most, what most of them cause first.
// Columns
//   effect: the side effect's identifier
//   effect_name: its name
//   caused_by: how many of the drugs cause it
//   drugs: their names
//   probability: that at least one of the edges is right, if they were independent
//   elsewhere: share of all drugs with side effects that cause it
MATCH (any:Drug)
WHERE EXISTS { (any)-[:CAUSES]->() }
WITH count(any) AS all
UNWIND $drugs AS id
MATCH (drug:Drug {id: id})-[edge:CAUSES]->(effect)
WITH all, effect, drug, edge
ORDER BY drug.name
WITH all, effect, collect(drug.name) AS names, collect(edge.probability) AS probabilities
WHERE size(names) >= $at_least
WITH effect, names, 1 - reduce(none = 1.0, p IN probabilities | none * (1 - p)) AS probability,
  1.0 * COUNT { (effect)<-[:CAUSES]-(:Drug) } / all AS elsewhere
RETURN effect.id AS effect, effect.name AS effect_name, size(names) AS caused_by, names AS drugs,
  probability, elsewhere
ORDER BY caused_by DESC, elsewhere, effect
LIMIT $top
