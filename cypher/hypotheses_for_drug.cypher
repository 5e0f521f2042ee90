// Targets that a model predicts for a drug
// Topic: hypotheses
//
// Each with the diseases that the target is associated with, the most probable first.
//
// Parameters
//   drug: identifier of Drug such as "drugbank:DB00619". The drug.
//   known: boolean = false. Also the targets that the graph already holds.
//   adme: boolean = false. Also targets that take part in a drug's fate (enzymes, transporters).
//   top: integer = 20. Rows at most, the best ranked first.
// Columns
//   target: the target's identifier
//   target_name: its name
//   probability: that the drug acts on it, as the model has it
//   score: the model's raw score
//   rank: its rank
//   direction: what was ranked, targets of the drug (tail) or drugs of the target (head)
//   model: the model
//   known: whether the graph already holds the pair
//   diseases: names of up to ten diseases that the target is associated with
//   explanation: the model's explanation, as JSON
MATCH (drug:Drug {id: $drug})-[prediction:PREDICTED_TARGETS]->(target:Target)
WHERE ($known OR NOT prediction.known) AND ($adme OR target.adme IS NULL)
WITH prediction, target
ORDER BY prediction.probability DESC, target.id, prediction.model
LIMIT $top
OPTIONAL MATCH (target)<-[association:ASSOCIATED_WITH]-(disease:Disease)
WITH prediction, target, association, disease
ORDER BY association.probability DESC, disease.name
WITH prediction, target, collect(disease.name)[..10] AS diseases
RETURN target.id AS target, target.name AS target_name, prediction.probability AS probability,
  prediction.score AS score, prediction.rank AS rank, prediction.direction AS direction,
  prediction.model AS model, prediction.known AS known, diseases,
  prediction.explanation AS explanation
ORDER BY probability DESC, target, model
