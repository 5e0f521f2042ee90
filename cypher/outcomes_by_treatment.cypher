// What became of patients with a disease, by the drug that they take
// Topic: patients
//
// Of each drug the share of its patients with the outcome, beside the share of the others with the
// disease, and in what the two groups differ (by 0.1 standard deviations or more). It is no effect
// of the drug: who gets it differs from who doesn't, and `unlike` names in what, as far as it is
// recorded. `medkg effect` weighs patients so that these differences go. Outcomes from before the
// drug count too, since no dates are compared.
//
// Parameters
//   disease: identifier of Disease such as "DOID:2841". The disease.
//   outcome: identifier of Symptom or Disease such as "HP:0002094". What becomes of them.
//   at_least: integer = 1. Patients that take the drug.
//   top: integer = 10. Rows at most, what most take first.
// Columns
//   drug: the drug's identifier
//   drug_name: its name
//   patients: how many with the disease take it
//   share: of them with the outcome
//   others: how many with the disease don't take it
//   elsewhere: share of them with the outcome
//   difference: of the shares
//   unlike: names of up to ten diseases, phenotypes and drugs in which the two differ most
MATCH (:Disease {id: $disease})<-[:HAS_DISEASE]-(patient:Patient)
WITH DISTINCT patient
WITH count(patient) AS size, sum(CASE WHEN EXISTS {
    MATCH (patient)-[:HAS_PHENOTYPE|HAS_DISEASE]->(o) WHERE o.id = $outcome }
  THEN 1 ELSE 0 END) AS all_events
MATCH (:Disease {id: $disease})<-[:HAS_DISEASE]-(patient:Patient)-[:TAKES]->(drug:Drug)
WITH DISTINCT size, all_events, drug, patient
WITH size, all_events, drug, count(patient) AS patients, sum(CASE WHEN EXISTS {
    MATCH (patient)-[:HAS_PHENOTYPE|HAS_DISEASE]->(o) WHERE o.id = $outcome }
  THEN 1 ELSE 0 END) AS events
WHERE patients >= $at_least
WITH drug, patients, events, size - patients AS others, all_events - events AS other_events
ORDER BY patients DESC, drug.name, drug.id
LIMIT $top
MATCH (:Disease {id: $disease})<-[:HAS_DISEASE]-(patient:Patient)
WITH DISTINCT drug, patients, events, others, other_events, patient
WITH drug, patients, events, others, other_events, patient, CASE WHEN EXISTS {
    MATCH (patient)-[:TAKES]->(d:Drug) WHERE d.id = drug.id } THEN 1 ELSE 0 END AS with_drug
OPTIONAL MATCH (patient)-[:HAS_PHENOTYPE|HAS_DISEASE|TAKES]->(thing)
WHERE thing.id <> $disease AND thing.id <> $outcome AND thing.id <> drug.id
WITH drug, patients, events, others, other_events, thing, sum(with_drug) AS with_drug,
  count(thing) AS having
WITH drug, patients, events, others, other_events, thing, toFloat(with_drug) / patients AS p,
  CASE WHEN others > 0 THEN toFloat(having - with_drug) / others END AS q
WITH drug, patients, events, others, other_events, thing, abs(p - q) AS gap,
  (p * (1 - p) + q * (1 - q)) / 2 AS variance
ORDER BY gap DESC, thing.name
WITH drug, patients, events, others, other_events,
  collect(CASE WHEN gap > 0 AND gap * gap >= 0.01 * variance THEN thing.name END)[..10] AS unlike
WITH drug, patients, others, unlike, toFloat(events) / patients AS share,
  CASE WHEN others > 0 THEN toFloat(other_events) / others END AS elsewhere
RETURN drug.id AS drug, drug.name AS drug_name, patients, share, others, elsewhere,
  share - elsewhere AS difference, unlike
ORDER BY patients DESC, drug_name, drug
