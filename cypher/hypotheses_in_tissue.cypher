// Hypotheses whose target is expressed where the disease is
// Topic: hypotheses
//
// Drugs that a model predicts to act on a target of the disease, with the tissues that the disease
// is located in and the target is expressed in. A target that is nowhere recorded there is left
// out.
//
// Parameters
//   disease: identifier of Disease such as "DOID:2841". The disease.
//   adme: boolean = false. Also targets that take part in a drug's fate (enzymes, transporters).
//   top: integer = 20. Rows at most, the most probable first.
// Columns
//   drug: the drug's identifier
//   drug_name: its name
//   target: the target's identifier
//   target_name: its name
//   probability: that the drug acts on the target, as the model has it
//   model: the model
//   tissues: names of up to five of the tissues
//   contraindicated_for: this disease, or names of what it is a form of, if on record against it
//   may_cause: names of up to five signs of the disease, or the disease, that it may cause
//   path: drug, target and disease
MATCH (disease:Disease {id: $disease})-[:LOCALIZES_TO]->(place:Anatomy)
WITH disease, collect(place.id) AS located
MATCH (disease)-[:ASSOCIATED_WITH]->(target:Target)
WHERE ($adme OR target.adme IS NULL) AND EXISTS { (target)<-[:PREDICTED_TARGETS]-() }
MATCH (target)<-[:EXPRESSES]-(tissue:Anatomy)
WHERE tissue.id IN located
WITH disease, target, tissue
ORDER BY tissue.name
WITH disease, target, collect(tissue.name)[..5] AS tissues
MATCH (drug:Drug)-[prediction:PREDICTED_TARGETS]->(target)
WHERE NOT prediction.known
WITH disease, target, tissues, drug, prediction
ORDER BY prediction.probability DESC, drug.id, target.id, prediction.model
LIMIT $top
RETURN drug.id AS drug, drug.name AS drug_name, target.id AS target, target.name AS target_name,
  prediction.probability AS probability, prediction.model AS model, tissues,
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
  drug.name + ' → ' + target.name + ' ← ' + disease.name AS path
ORDER BY probability DESC, drug, target, model
