// Pairs of drugs that reach different genes of a disease
// Topic: treatment
//
// Of the drugs that treat the disease, and that act on targets it is associated with, pairs that
// have none of these targets in common, those that together reach most first. Pairs that are known
// to interact are marked.
//
// Parameters
//   disease: identifier of Disease such as "DOID:2841". The disease.
//   treating: boolean = true. Only drugs that are recorded to treat the disease.
//   adme: boolean = false. Also targets that take part in a drug's fate (enzymes, transporters).
//   top: integer = 20. Rows at most, what reaches most first.
// Columns
//   drug: identifier of the one drug
//   drug_name: its name
//   other: identifier of the other
//   other_name: its name
//   covered: how many targets of the disease both reach together
//   targets: names of those that the one reaches
//   other_targets: names of those that the other reaches
//   interact: whether an interaction is on record
MATCH (disease:Disease {id: $disease})-[:ASSOCIATED_WITH]->(target:Target)<-[:TARGETS]-(drug:Drug)
WHERE ($adme OR target.adme IS NULL)
  AND (NOT $treating OR EXISTS { MATCH (drug)-[:TREATS]->(disease) })
WITH drug, target
ORDER BY target.name
WITH drug, collect(target.name) AS targets
ORDER BY size(targets) DESC, drug.id
LIMIT 60
WITH collect({drug: drug, targets: targets}) AS all
UNWIND all AS one
UNWIND all AS two
WITH one.drug AS drug, two.drug AS other, one.targets AS targets, two.targets AS other_targets
WHERE drug.id < other.id AND none(t IN targets WHERE t IN other_targets)
WITH drug, other, targets, other_targets, size(targets) + size(other_targets) AS covered
ORDER BY covered DESC, drug.id, other.id
LIMIT $top
RETURN drug.id AS drug, drug.name AS drug_name, other.id AS other, other.name AS other_name,
  covered, targets, other_targets, EXISTS { MATCH (drug)-[:INTERACTS_WITH]-(other) } AS interact
ORDER BY covered DESC, drug, other
