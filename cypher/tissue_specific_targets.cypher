// Targets of a disease that few other tissues express
// Topic: targets
//
// Targets that are expressed where the disease is, and in how many tissues besides: the fewer, the
// less a drug would do elsewhere.
//
// Parameters
//   disease: identifier of Disease such as "DOID:2841". The disease.
//   adme: boolean = false. Also targets that take part in a drug's fate (enzymes, transporters).
//   top: integer = 30. Rows at most, the most specific first.
// Columns
//   target: the target's identifier
//   target_name: its name
//   specificity: share of the tissues that express it that the disease is located in
//   tissues: names of up to five of these
//   elsewhere: how many other tissues express it
//   drugs: how many drugs are recorded to act on it
MATCH (disease:Disease {id: $disease})-[:LOCALIZES_TO]->(place:Anatomy)
WITH disease, collect(place.id) AS located
MATCH (disease)-[:ASSOCIATED_WITH]->(target:Target)
WHERE $adme OR target.adme IS NULL
WITH target, located
MATCH (target)<-[:EXPRESSES]-(tissue:Anatomy)
WITH target, tissue, tissue.id IN located AS here
ORDER BY tissue.name
WITH target, count(tissue) AS everywhere,
  collect(CASE WHEN here THEN tissue.name END) AS tissues
WHERE size(tissues) > 0
WITH target, tissues, everywhere, 1.0 * size(tissues) / everywhere AS specificity
ORDER BY specificity DESC, everywhere DESC, target.id
LIMIT $top
RETURN target.id AS target, target.name AS target_name, specificity, tissues[..5] AS tissues,
  everywhere - size(tissues) AS elsewhere, COUNT { (target)<-[:TARGETS]-() } AS drugs
ORDER BY specificity DESC, size(tissues) DESC, target
