// What is recorded of a patient
// Topic: patients
//
// Everything that notes and other sources say of a patient: what is so now, which makes an edge, and
// what is past, possible, denied or the family's, which alone makes none. A row for each thing and
// what is said of it; evidence_of_edge has every sentence.
//
// Parameters
//   patient: identifier of Patient such as "patient:1". The patient.
//   relation: relation = null. Only this relation.
//   top: integer = 1000. Rows at most, what is so now first.
// Columns
//   relation: the relation
//   object_name: name of what the patient has, lacks, takes, is allergic to, underwent or carries
//   status: current, historical, possible, hypothetical, negated, family or other, joined by commas
//   dose: of what is taken now, and how often
//   reaction: what an allergy of now did
//   probability: how probable the reading is, the highest
//   sentence: the first that says so
//   document: the document that it is in
//   object: identifier of the thing
OPTIONAL MATCH (:Patient {id: $patient})-[has]->()
WITH collect(CASE WHEN has IS NULL THEN null
  ELSE {id: has.id, dose: has.dose, frequency: has.frequency, reaction: has.reaction} END) AS edges
MATCH (e:Evidence {subject: $patient})
WHERE $relation IS NULL OR e.relation = $relation
WITH edges, e,
  CASE e.experiencer WHEN 'patient' THEN '' ELSE e.experiencer + ', ' END
  + CASE e.polarity WHEN 'negated' THEN 'negated, ' ELSE '' END
  + CASE e.certainty WHEN 'certain' THEN '' ELSE e.certainty + ', ' END
  + e.temporality AS status
ORDER BY coalesce(e.document, ''), e.start, e.id
WITH edges, e.relation AS relation, e.object AS object, e.edge AS edge, status,
  max(e.probability) AS probability,
  collect(e.sentence)[0] AS sentence, collect(e.document)[0] AS document
OPTIONAL MATCH (disease:Disease {id: object})
OPTIONAL MATCH (symptom:Symptom {id: object})
OPTIONAL MATCH (drug:Drug {id: object})
OPTIONAL MATCH (procedure:Procedure {id: object})
OPTIONAL MATCH (target:Target {id: object})
OPTIONAL MATCH (class:DrugClass {id: object})
OPTIONAL MATCH (exposure:Exposure {id: object})
WITH relation, object, status, probability, sentence, document,
  [known IN edges WHERE known.id = edge][0] AS known,
  coalesce(disease.name, symptom.name, drug.name, procedure.name, target.name, class.name,
    exposure.name) AS object_name
RETURN relation, object_name, status,
  CASE WHEN status = 'current' THEN known.dose + coalesce(', ' + known.frequency, '') END AS dose,
  CASE WHEN status = 'current' THEN known.reaction END AS reaction,
  probability, sentence, document, object
ORDER BY status <> 'current', relation, object_name, object, status
LIMIT $top
