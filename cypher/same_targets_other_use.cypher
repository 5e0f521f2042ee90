// Drugs that share targets but no use
// Topic: treatment
//
// Drugs that act on a drug's targets and treat nothing that it treats: each may do what the other
// does. The likeness is the share of the targets of either that both have (Jaccard index).
//
// Parameters
//   drug: identifier of Drug such as "drugbank:DB00619". The drug.
//   adme: boolean = false. Also targets that take part in a drug's fate (enzymes, transporters).
//   top: integer = 20. Rows at most, the most alike first.
// Columns
//   other: identifier of the other drug
//   other_name: its name
//   likeness: of their targets, from 0 to 1
//   shared_targets: names of the targets that both act on
//   treats: names of up to five diseases or symptoms that the other treats
MATCH (drug:Drug {id: $drug})-[:TARGETS]->(target:Target)
WHERE $adme OR target.adme IS NULL
WITH drug, collect(target) AS own
UNWIND own AS target
MATCH (target)<-[:TARGETS]-(other:Drug)
WHERE other.id <> $drug
WITH drug, own, other, target
ORDER BY target.name
WITH drug, size(own) AS size, other, collect(target.name) AS shared_targets
WHERE NOT EXISTS { MATCH (drug)-[:TREATS]->()<-[:TREATS]-(other) }
WITH size, other, shared_targets,
  COUNT { MATCH (other)-[:TARGETS]->(t:Target) WHERE $adme OR t.adme IS NULL } AS theirs
WITH other, shared_targets,
  1.0 * size(shared_targets) / (size + theirs - size(shared_targets)) AS likeness
ORDER BY likeness DESC, size(shared_targets) DESC, other.id
LIMIT $top
OPTIONAL MATCH (other)-[treats:TREATS]->(treated)
WITH other, likeness, shared_targets, treats, treated
ORDER BY treats.probability DESC, treated.name
RETURN other.id AS other, other.name AS other_name, likeness, shared_targets,
  collect(treated.name)[..5] AS treats
ORDER BY likeness DESC, size(shared_targets) DESC, other
