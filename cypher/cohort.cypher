// The patients with a disease, a phenotype, or both
// Topic: patients
//
// A disease counts where it is recorded, or predicted with at least the probability asked for; a
// phenotype where the patient shows it or one of its kinds, up to two steps below it.
//
// Parameters
//   disease: identifier of Disease = null. The disease; none: any patient.
//   symptom: identifier of Symptom = null. The phenotype; none: any patient.
//   min_probability: number = 0.5. Of the disease, where it is only predicted.
//   top: integer = 100. Rows at most.
// Columns
//   patient: the patient's identifier
//   recorded: whether the disease is recorded of the patient
//   probability: what a model gives it, the highest
//   rank: its rank there
//   symptoms: names of what the patient shows
//   lacking: names of what the patient lacks
MATCH (patient:Patient)
WHERE $symptom IS NULL
  OR EXISTS { MATCH (patient)-[:HAS_PHENOTYPE]->(:Symptom {id: $symptom}) }
  OR EXISTS {
    MATCH (patient)-[:HAS_PHENOTYPE]->(:Symptom)-[:SUBCLASS_OF]->(:Symptom {id: $symptom})
  }
  OR EXISTS {
    MATCH (patient)-[:HAS_PHENOTYPE]->(:Symptom)-[:SUBCLASS_OF]->(:Symptom)
      -[:SUBCLASS_OF]->(:Symptom {id: $symptom})
  }
OPTIONAL MATCH (patient)-[p:PREDICTED_HAS_DISEASE]->(:Disease {id: $disease})
WITH patient, p
ORDER BY p.probability DESC, p.rank
WITH patient, collect(p.probability)[0] AS probability, collect(p.rank)[0] AS rank,
  EXISTS { MATCH (patient)-[:HAS_DISEASE]->(:Disease {id: $disease}) } AS recorded
WHERE $disease IS NULL OR recorded OR probability >= $min_probability
WITH patient, probability, rank, recorded
ORDER BY recorded DESC, probability DESC, patient.id
LIMIT $top
OPTIONAL MATCH (patient)-[has:HAS_PHENOTYPE|LACKS_PHENOTYPE]->(symptom:Symptom)
WITH patient, probability, rank, recorded, symptom, type(has) AS has_type
ORDER BY symptom.name
WITH patient, probability, rank, recorded,
  collect(CASE WHEN has_type = 'HAS_PHENOTYPE' THEN symptom.name END) AS symptoms,
  collect(CASE WHEN has_type = 'LACKS_PHENOTYPE' THEN symptom.name END) AS lacking
RETURN patient.id AS patient, recorded, probability, rank, symptoms, lacking
ORDER BY recorded DESC, probability DESC, patient
