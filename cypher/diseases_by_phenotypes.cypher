// Diseases that look like a disease
// Topic: diseases
//
// By the phenotypes that both have, each weighing its information, -ln of the share of diseases
// that have it; the score is the weight of those in common as a share of that of either (a
// weighted Jaccard index).
//
// Parameters
//   disease: identifier of Disease such as "DOID:2841". The disease.
//   top: integer = 20. Rows at most, the most alike first.
// Columns
//   other: identifier of the other disease
//   other_name: its name
//   score: how alike they are, from 0 to 1
//   shared: how many phenotypes both have
//   phenotypes: names of up to ten of them, the most telling first
//   only_here: how many the given disease has that the other lacks
MATCH (any:Disease)
WHERE EXISTS { (any)-[:HAS_SYMPTOM]->(:Symptom) }
WITH count(any) AS diseases
MATCH (disease:Disease {id: $disease})-[:HAS_SYMPTOM]->(s:Symptom)
WITH diseases, s, log((diseases + 1.0) / COUNT { (s)<-[:HAS_SYMPTOM]-(:Disease) }) AS weight
WITH diseases, collect({s: s, weight: weight}) AS own, sum(weight) AS whole
UNWIND own AS each
WITH diseases, size(own) AS size, whole, each.s AS s, each.weight AS weight
MATCH (s)<-[:HAS_SYMPTOM]-(other:Disease)
WHERE other.id <> $disease
WITH diseases, size, whole, other, s, weight
ORDER BY weight DESC, s.name
WITH diseases, size, whole, other, sum(weight) AS both, collect(s.name) AS phenotypes
ORDER BY both DESC, other.id
LIMIT 60
MATCH (other)-[:HAS_SYMPTOM]->(t:Symptom)
WITH size, whole, other, both, phenotypes,
  sum(log((diseases + 1.0) / COUNT { (t)<-[:HAS_SYMPTOM]-(:Disease) })) AS theirs
RETURN other.id AS other, other.name AS other_name, both / (whole + theirs - both) AS score,
  size(phenotypes) AS shared, phenotypes[..10] AS phenotypes,
  size - size(phenotypes) AS only_here
ORDER BY score DESC, other
LIMIT $top
