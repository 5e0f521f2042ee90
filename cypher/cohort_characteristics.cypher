// What patients with a disease have more often, or less often, than other patients
// Topic: patients
//
// Diseases, phenotypes, drugs and examinations: of each its share of the patients with the disease
// and of all others, and the difference in standard deviations (SMD; from 0.1 on groups count as
// unlike). What is not recorded counts as not there. Ages and values, and what comes at which time,
// are in `medkg cohort`.
//
// Parameters
//   disease: identifier of Disease such as "DOID:2841". The disease.
//   at_least: integer = 5. Patients that have it, in all and in each group, if it is to be shown.
//   top: integer = 50. Rows at most, what differs most first.
// Columns
//   relation: the relation that patients have to it
//   thing: its identifier
//   thing_name: its name
//   patients: how many with the disease have it; none where they are some, but too few
//   share: of those with the disease; none there too
//   elsewhere: share of the other patients; none where too few of them have it, or there are none
//   smd: the difference in standard deviations; none where all of one group and none of the other do
MATCH (:Disease {id: $disease})<-[:HAS_DISEASE]-(member:Patient)
WITH count(DISTINCT member) AS size
MATCH (any:Patient)
WITH size, count(any) - size AS others
MATCH (patient:Patient)
WITH size, others, patient, CASE WHEN EXISTS {
  MATCH (patient)-[:HAS_DISEASE]->(:Disease {id: $disease}) } THEN 1 ELSE 0 END AS with_disease
MATCH (patient)-[has:HAS_PHENOTYPE|HAS_DISEASE|TAKES|UNDERWENT]->(thing)
WITH size, others, thing, type(has) AS relation, count(patient) AS having,
  sum(with_disease) AS patients
WHERE having >= $at_least AND thing.id <> $disease
WITH size, others, thing, relation,
  CASE WHEN patients = 0 OR patients >= $at_least THEN patients END AS patients,
  CASE WHEN having = patients OR having - patients >= $at_least THEN having - patients END AS rest
WHERE patients IS NOT NULL OR rest IS NOT NULL
WITH thing, relation, patients, toFloat(patients) / size AS share,
  CASE WHEN others > 0 THEN toFloat(rest) / others END AS elsewhere
WITH thing, relation, patients, share, elsewhere,
  (share * (1 - share) + elsewhere * (1 - elsewhere)) / 2 AS variance
RETURN relation, thing.id AS thing, thing.name AS thing_name, patients, share, elsewhere,
  CASE WHEN variance > 0 THEN (share - elsewhere) / sqrt(variance) END AS smd
ORDER BY coalesce(abs(share - elsewhere), -1.0) DESC, relation, thing_name, thing
LIMIT $top
