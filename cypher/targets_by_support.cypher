// Targets of a disease by how many independent sources say so
// Topic: targets
//
// Sources, documents and references behind each association. Several sources may repeat one study;
// the references tell.
//
// Parameters
//   disease: identifier of Disease such as "DOID:2841". The disease.
//   adme: boolean = false. Also targets that take part in a drug's fate (enzymes, transporters).
//   top: integer = 50. Rows at most, the best supported first.
// Columns
//   target: the target's identifier
//   target_name: its name
//   sources: the sources that have the association
//   documents: how many documents state it
//   references: how many publications are cited for it
//   evidence_count: pieces of evidence that assert it
//   probability: of the association
//   drugs: how many drugs are recorded to act on it
MATCH (disease:Disease {id: $disease})-[edge:ASSOCIATED_WITH]->(target:Target)
WHERE $adme OR target.adme IS NULL
WITH target, edge
ORDER BY size(edge.sources) DESC, edge.evidence_count DESC, edge.probability DESC, target.id
LIMIT $top
OPTIONAL MATCH (evidence:Evidence {edge: edge.id})
WHERE evidence.polarity = 'asserted'
WITH target, edge, count(DISTINCT evidence.document) AS documents,
  collect(evidence.references) AS lists
RETURN target.id AS target, target.name AS target_name, edge.sources AS sources, documents,
  size(reduce(all = [], list IN lists | all + [r IN list WHERE NOT r IN all])) AS references,
  edge.evidence_count AS evidence_count, edge.probability AS probability,
  COUNT { (target)<-[:TARGETS]-() } AS drugs
ORDER BY size(sources) DESC, evidence_count DESC, probability DESC, target
