// Diseases that share genes with a disease
// Topic: diseases
//
// By the targets that both are associated with, each weighing its information, -ln of the share of
// diseases that are associated with it; the score is the weight of those in common as a share of
// that of either (a weighted Jaccard index).
//
// Parameters
//   disease: identifier of Disease such as "DOID:2841". The disease.
//   top: integer = 20. Rows at most, the most alike first.
// Columns
//   other: identifier of the other disease
//   other_name: its name
//   score: how alike they are, from 0 to 1
//   shared: how many targets both have
//   targets: names of up to ten of them, the most telling first
//   treats_both: names of up to five drugs that treat both
MATCH (any:Disease)-[:ASSOCIATED_WITH]->(:Target)
WITH count(DISTINCT any) AS diseases
MATCH (disease:Disease {id: $disease})-[:ASSOCIATED_WITH]->(target:Target)
WITH diseases, disease, target,
  log((diseases + 1.0) / COUNT { (target)<-[:ASSOCIATED_WITH]-(:Disease) }) AS weight
WITH diseases, disease, collect({target: target, weight: weight}) AS own, sum(weight) AS whole
UNWIND own AS each
WITH diseases, disease, whole, each.target AS target, each.weight AS weight
MATCH (target)<-[:ASSOCIATED_WITH]-(other:Disease)
WHERE other.id <> $disease
WITH diseases, disease, whole, other, target, weight
ORDER BY weight DESC, target.name
WITH diseases, disease, whole, other, sum(weight) AS both, collect(target.name) AS targets
ORDER BY both DESC, other.id
LIMIT 60
MATCH (other)-[:ASSOCIATED_WITH]->(t:Target)
WITH disease, whole, other, both, targets,
  sum(log((diseases + 1.0) / COUNT { (t)<-[:ASSOCIATED_WITH]-(:Disease) })) AS theirs
WITH disease, other, targets, both / (whole + theirs - both) AS score
ORDER BY score DESC, other.id
LIMIT $top
OPTIONAL MATCH (disease)<-[:TREATS]-(drug:Drug)-[:TREATS]->(other)
WITH other, score, targets, drug
ORDER BY drug.name
RETURN other.id AS other, other.name AS other_name, score, size(targets) AS shared,
  targets[..10] AS targets, collect(drug.name)[..5] AS treats_both
ORDER BY score DESC, other
