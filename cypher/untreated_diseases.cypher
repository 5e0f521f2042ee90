// Diseases without a treatment on record whose targets have drugs
// Topic: treatment
//
// Where a known drug acts on what the disease is associated with, and nothing on record treats it:
// places to look for a first treatment.
//
// Parameters
//   adme: boolean = false. Also targets that take part in a drug's fate (enzymes, transporters).
//   top: integer = 30. Rows at most, the most drugs on its targets first.
// Columns
//   disease: the disease's identifier
//   disease_name: its name
//   targets: how many targets it is associated with
//   with_drugs: how many of these a drug acts on
//   drugs: how many drugs act on them
//   examples: names of up to five of these targets, those with the fewest drugs first
MATCH (:Drug)-[:TARGETS]->(target:Target)
WHERE $adme OR target.adme IS NULL
WITH target, count(*) AS acting
MATCH (target)<-[:ASSOCIATED_WITH]-(disease:Disease)
WITH disease, target, acting
ORDER BY acting, target.name
WITH disease, sum(acting) AS drugs, collect(target.name) AS names
WHERE NOT EXISTS { (disease)<-[:TREATS]-() }
WITH disease, drugs, names
ORDER BY drugs DESC, disease.id
LIMIT $top
MATCH (disease)-[:ASSOCIATED_WITH]->(target:Target)
WHERE $adme OR target.adme IS NULL
WITH disease, drugs, names, count(target) AS targets
RETURN disease.id AS disease, disease.name AS disease_name, targets, size(names) AS with_drugs,
  drugs, names[..5] AS examples
ORDER BY drugs DESC, disease
