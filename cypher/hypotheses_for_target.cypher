// Drugs that a model predicts for a target
// Topic: hypotheses
//
// Each with the diseases that it treats, since what a drug is used for shows how well it is known.
//
// Parameters
//   target: identifier of Target such as "NCBIGene:3815". The target.
//   known: boolean = false. Also the drugs that the graph already holds for it.
//   top: integer = 20. Rows at most, the best ranked first.
// Columns
//   drug: the drug's identifier
//   drug_name: its name
//   probability: that it acts on the target, as the model has it
//   score: the model's raw score
//   rank: its rank
//   direction: what was ranked, targets of the drug (tail) or drugs of the target (head)
//   model: the model
//   known: whether the graph already holds the pair
//   treats: names of up to ten diseases that the drug treats
//   explanation: the model's explanation, as JSON
MATCH (drug:Drug)-[prediction:PREDICTED_TARGETS]->(target:Target {id: $target})
WHERE $known OR NOT prediction.known
WITH prediction, drug
ORDER BY prediction.probability DESC, drug.id, prediction.model
LIMIT $top
OPTIONAL MATCH (drug)-[treats:TREATS]->(disease)
WITH prediction, drug, treats, disease
ORDER BY treats.probability DESC, disease.name
WITH prediction, drug, collect(disease.name)[..10] AS treats
RETURN drug.id AS drug, drug.name AS drug_name, prediction.probability AS probability,
  prediction.score AS score, prediction.rank AS rank, prediction.direction AS direction,
  prediction.model AS model, prediction.known AS known, treats,
  prediction.explanation AS explanation
ORDER BY probability DESC, drug, model
