// Targets of a disease that little is known of
// Topic: targets
//
// Targets that the disease is associated with and that have the fewest drugs, other diseases and
// documents: where there is room for something new.
//
// Parameters
//   disease: identifier of Disease such as "DOID:2841". The disease.
//   adme: boolean = false. Also targets that take part in a drug's fate (enzymes, transporters).
//   top: integer = 30. Rows at most, the least studied first.
// Columns
//   target: the target's identifier
//   target_name: its name
//   drugs: how many drugs are recorded to act on it
//   diseases: how many other diseases it is associated with
//   documents: how many documents mention it
//   association: probability of its association with the disease
//   predicted: how many new drugs a model predicts for it
MATCH (:Disease {id: $disease})-[edge:ASSOCIATED_WITH]->(target:Target)
WHERE $adme OR target.adme IS NULL
WITH target, edge.probability AS association, COUNT { (target)<-[:TARGETS]-() } AS drugs,
  COUNT { (target)<-[:ASSOCIATED_WITH]-() } - 1 AS diseases,
  COUNT { (target)<-[:MENTIONS]-() } AS documents
ORDER BY drugs, diseases + documents, association DESC, target.id
LIMIT $top
RETURN target.id AS target, target.name AS target_name, drugs, diseases, documents, association,
  COUNT { MATCH (target)<-[p:PREDICTED_TARGETS]-(:Drug) WHERE NOT p.known } AS predicted
ORDER BY drugs, diseases + documents, association DESC, target
