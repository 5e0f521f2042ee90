// Drug and target hypotheses for a disease
// Topic: hypotheses
//
// Drugs that a model predicts to act on a target that the disease is associated with: the path that
// joins them, and the evidence of the step between disease and target. A disease without targets in
// the graph has none: ask hypotheses_for_drug of its treatments, or repurposing.
//
// Parameters
//   disease: identifier of Disease such as "DOID:2841". The disease.
//   known: boolean = false. Also the pairs of drug and target that the graph already holds.
//   adme: boolean = false. Also targets that take part in a drug's fate (enzymes, transporters).
//   top: integer = 20. Rows at most, the most probable first.
// Columns
//   drug: the drug's identifier
//   drug_name: its name
//   target: the target's identifier
//   target_name: its name
//   probability: that the drug acts on the target, as the model has it
//   rank: the target's rank among all for the drug, or the drug's for the target
//   model: the model
//   association: probability of the association between target and disease
//   treats: whether the graph already says that the drug treats the disease
//   contraindicated_for: this disease, or names of what it is a form of, if on record against it
//   may_cause: names of up to five signs of the disease, or the disease, that it may cause
//   path: drug, target and disease, by name
//   evidence: what supports the association (source, document, sentence, references)
//   explanation: the model's explanation of its prediction, as JSON
MATCH (disease:Disease {id: $disease})-[association:ASSOCIATED_WITH]->(target:Target)
WHERE $adme OR target.adme IS NULL
MATCH (drug:Drug)-[prediction:PREDICTED_TARGETS]->(target)
WHERE $known OR NOT prediction.known
WITH disease, association, target, drug, prediction
ORDER BY prediction.probability DESC, drug.id, target.id, prediction.model
LIMIT $top
OPTIONAL MATCH (evidence:Evidence {edge: association.id})
WITH disease, association, target, drug, prediction, evidence
ORDER BY evidence.probability DESC, evidence.id
WITH disease, association, target, drug, prediction,
  collect(CASE WHEN evidence IS NULL THEN null ELSE {
    source: evidence.source, document: evidence.document,
    sentence: evidence.sentence, references: evidence.references
  } END) AS evidence
RETURN drug.id AS drug, drug.name AS drug_name, target.id AS target, target.name AS target_name,
  prediction.probability AS probability, prediction.rank AS rank, prediction.model AS model,
  association.probability AS association,
  EXISTS { MATCH (drug)-[:TREATS]->(disease) } AS treats,
  COLLECT {
    MATCH (drug)-[:CONTRAINDICATED_FOR]->(other)
    WHERE other.id = disease.id OR EXISTS { MATCH (disease)-[:SUBCLASS_OF]->(other) }
    RETURN other.name ORDER BY other.name
  } AS contraindicated_for,
  COLLECT {
    MATCH (drug)-[:CAUSES]->(effect)
    WHERE effect.id = disease.id OR EXISTS { MATCH (disease)-[:HAS_SYMPTOM]->(effect) }
    RETURN effect.name ORDER BY effect.name LIMIT 5
  } AS may_cause,
  drug.name + ' → ' + target.name + ' ← ' + disease.name AS path,
  evidence, prediction.explanation AS explanation
ORDER BY probability DESC, drug, target, model
