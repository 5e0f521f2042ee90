// Targets that several diseases share
// Topic: targets
//
// Targets that at least so many of the diseases are associated with. How many drugs act on each
// tells whether a drug for all of them is near.
//
// Parameters
//   diseases: identifiers of Disease such as ["DOID:2841", "DOID:3083"]. The diseases.
//   at_least: integer = 2. How many of them.
//   adme: boolean = false. Also targets that take part in a drug's fate (enzymes, transporters).
//   top: integer = 50. Rows at most, those that most share first.
// Columns
//   target: the target's identifier
//   target_name: its name
//   shared_by: how many of the diseases
//   diseases: their names
//   probability: of the associations, their mean
//   drugs: how many drugs are recorded to act on it
UNWIND $diseases AS id
MATCH (disease:Disease {id: id})-[edge:ASSOCIATED_WITH]->(target:Target)
WHERE $adme OR target.adme IS NULL
WITH target, disease, edge
ORDER BY disease.name
WITH target, collect(disease.name) AS diseases, avg(edge.probability) AS probability
WHERE size(diseases) >= $at_least
WITH target, diseases, probability, COUNT { (target)<-[:TARGETS]-() } AS drugs
ORDER BY size(diseases) DESC, drugs DESC, probability DESC, target.id
LIMIT $top
RETURN target.id AS target, target.name AS target_name, size(diseases) AS shared_by, diseases,
  probability, drugs
ORDER BY shared_by DESC, drugs DESC, probability DESC, target
