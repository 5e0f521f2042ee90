// Side effects that two drugs share
// Topic: safety
//
// With the targets that both are recorded to act on, which may be the reason.
//
// Parameters
//   drug: identifier of Drug such as "drugbank:DB00945". The one drug.
//   other: identifier of Drug such as "drugbank:DB00682". The other.
//   adme: boolean = false. Also targets that take part in a drug's fate (enzymes, transporters).
//   top: integer = 50. Rows at most, the most probable first.
// Columns
//   effect: the side effect's identifier
//   effect_name: its name
//   kind: Symptom or Disease
//   probability: product of both edges' probabilities
//   frequency: how often the one drug causes it, where a source says so
//   other_frequency: how often the other does
//   shared_targets: names of the targets that both act on
MATCH (drug:Drug {id: $drug})-[one:CAUSES]->(effect)
MATCH (other:Drug {id: $other})-[two:CAUSES]->(effect)
WITH drug, other, effect, one, two
ORDER BY one.probability * two.probability DESC, effect.id
LIMIT $top
OPTIONAL MATCH (drug)-[:TARGETS]->(target:Target)
WHERE ($adme OR target.adme IS NULL) AND EXISTS { MATCH (other)-[:TARGETS]->(target) }
WITH effect, one, two, target
ORDER BY target.name
RETURN effect.id AS effect, effect.name AS effect_name, head(labels(effect)) AS kind,
  one.probability * two.probability AS probability, one.frequency AS frequency,
  two.frequency AS other_frequency, collect(DISTINCT target.name) AS shared_targets
ORDER BY probability DESC, effect
