// How often something is recorded of patients, by year
// Topic: patients
//
// Of the patients of whom anything is recorded in a year, how many then have this disease,
// phenotype, drug or examination: a trend of what is recorded, which changes with the records too.
// What has no date is left out; who is allergic to a drug doesn't take it.
//
// Parameters
//   entity: identifier of Disease or Symptom or Drug or Procedure such as "HP:0002094". What is counted.
//   disease: identifier of Disease = null. Only patients with this disease.
// Columns
//   year: the year
//   having: patients of whom it is recorded in that year
//   patients: patients of whom anything is
//   share: the one as a share of the other
MATCH (patient:Patient)
WHERE $disease IS NULL
  OR EXISTS { MATCH (patient)-[:HAS_DISEASE]->(:Disease {id: $disease}) }
MATCH (e:Evidence {subject: patient.id})
WHERE e.date IS NOT NULL AND e.experiencer = 'patient'
WITH left(e.date, 4) AS year, patient.id AS patient,
  max(CASE WHEN e.object = $entity AND e.relation IN ['HAS_PHENOTYPE', 'HAS_DISEASE', 'TAKES', 'UNDERWENT']
    AND e.polarity = 'asserted' AND e.certainty = 'certain' AND e.temporality = 'current'
    THEN 1 ELSE 0 END) AS has_it
WITH year, sum(has_it) AS having, count(patient) AS patients
RETURN year, having, patients, toFloat(having) / patients AS share
ORDER BY year
