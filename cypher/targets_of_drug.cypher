// Targets that a drug is recorded to act on
// Topic: targets
//
// With what it does there and the diseases that the target is associated with.
//
// Parameters
//   drug: identifier of Drug such as "drugbank:DB00619". The drug.
//   adme: boolean = false. Also targets that take part in a drug's fate (enzymes, transporters).
//   top: integer = 50. Rows at most, the most probable first.
// Columns
//   target: the target's identifier
//   target_name: its name
//   action: what the drug does there, where a source says so
//   probability: that it acts on it
//   sources: the sources that say so
//   diseases: names of up to five diseases that the target is associated with
//   drugs: how many other drugs act on it
MATCH (drug:Drug {id: $drug})-[edge:TARGETS]->(target:Target)
WHERE $adme OR target.adme IS NULL
WITH edge, target
ORDER BY edge.probability DESC, target.id
LIMIT $top
OPTIONAL MATCH (target)<-[association:ASSOCIATED_WITH]-(disease:Disease)
WITH edge, target, association, disease
ORDER BY association.probability DESC, disease.name
WITH edge, target, collect(disease.name)[..5] AS diseases
RETURN target.id AS target, target.name AS target_name, edge.action AS action,
  edge.probability AS probability, edge.sources AS sources, diseases,
  COUNT { (target)<-[:TARGETS]-() } - 1 AS drugs
ORDER BY probability DESC, target
