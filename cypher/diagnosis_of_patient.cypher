// What a model takes a patient's disease to be, and why
// Topic: patients
//
// Each predicted disease with the patient's symptoms that it has, those that it is not known to
// have, and those of its symptoms that the patient is said not to have.
//
// Parameters
//   patient: identifier of Patient such as "patient:1". The patient.
//   top: integer = 10. Rows at most, the most probable first.
// Columns
//   disease: the disease's identifier
//   disease_name: its name
//   probability: as the model has it
//   rank: its rank
//   model: the model
//   matching: names of the patient's symptoms that the disease has
//   unexpected: names of the patient's symptoms that it is not known to have
//   absent: names of symptoms of the disease that the patient lacks
//   explanation: the model's explanation, as JSON
MATCH (patient:Patient {id: $patient})-[prediction:PREDICTED_HAS_DISEASE]->(disease:Disease)
WITH patient, prediction, disease
ORDER BY prediction.probability DESC, disease.id, prediction.model
LIMIT $top
OPTIONAL MATCH (patient)-[has:HAS_PHENOTYPE|LACKS_PHENOTYPE]->(symptom:Symptom)
WITH prediction, disease, symptom, type(has) = 'HAS_PHENOTYPE' AS present,
  EXISTS { MATCH (disease)-[:HAS_SYMPTOM]->(symptom) } AS typical
ORDER BY symptom.name
WITH prediction, disease,
  collect(CASE WHEN present AND typical THEN symptom.name END) AS matching,
  collect(CASE WHEN present AND NOT typical THEN symptom.name END) AS unexpected,
  collect(CASE WHEN NOT present AND typical THEN symptom.name END) AS absent
RETURN disease.id AS disease, disease.name AS disease_name,
  prediction.probability AS probability, prediction.rank AS rank, prediction.model AS model,
  matching, unexpected, absent, prediction.explanation AS explanation
ORDER BY probability DESC, disease, model
