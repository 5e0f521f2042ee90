// Patients like a given one
// Topic: patients
//
// By the phenotypes that both show, each weighing its information, -ln of the share of diseases
// that have it; the score is the weight of those that both show, as a share of the weight of those
// that either shows (a weighted Jaccard index). Phenotypes must be the same, not only akin.
//
// Parameters
//   patient: identifier of Patient such as "patient:1". The patient.
//   top: integer = 20. Rows at most, the most alike first.
// Columns
//   other: the other patient
//   score: how alike they are, from 0 to 1
//   shared: names of the phenotypes that both show
//   others: how many the other shows beside
//   diseases: names of the other's recorded diseases
//   predicted: name of the disease that is predicted first of the other
MATCH (any:Disease)
WHERE EXISTS { MATCH (any)-[:HAS_SYMPTOM]->(:Symptom) }
WITH count(any) AS diseases
MATCH (:Patient {id: $patient})-[:HAS_PHENOTYPE]->(s:Symptom)
WITH diseases, s, COUNT { MATCH (s)<-[:HAS_SYMPTOM]-(:Disease) } AS having
WITH diseases, s, log((diseases + 1.0) / (having + 1.0)) AS weight
WITH diseases, collect(s) AS own, collect(weight) AS weights,
  sum(weight) AS whole
UNWIND range(0, size(own) - 1) AS i
WITH diseases, whole, own[i] AS s, weights[i] AS weight
MATCH (s)<-[:HAS_PHENOTYPE]-(other:Patient)
WHERE other.id <> $patient
WITH diseases, whole, other, s, weight
ORDER BY weight DESC, s.name
WITH diseases, whole, other, sum(weight) AS both, collect(s.name) AS shared
MATCH (other)-[:HAS_PHENOTYPE]->(t:Symptom)
WITH diseases, whole, other, both, shared, t,
  COUNT { MATCH (t)<-[:HAS_SYMPTOM]-(:Disease) } AS having
WITH whole, other, both, shared, count(t) AS shown,
  sum(log((diseases + 1.0) / (having + 1.0))) AS theirs
WITH other, shared, shown - size(shared) AS others,
  CASE WHEN whole + theirs - both > 0
    THEN round(1000000 * both / (whole + theirs - both)) / 1000000 ELSE 0.0 END AS score
ORDER BY score DESC, other.id
LIMIT $top
OPTIONAL MATCH (other)-[:HAS_DISEASE]->(known:Disease)
WITH other, score, shared, others, known
ORDER BY known.name
WITH other, score, shared, others, collect(known.name) AS diseases
OPTIONAL MATCH (other)-[p:PREDICTED_HAS_DISEASE]->(first:Disease)
WHERE p.rank = 1
WITH other, score, shared, others, diseases, first, p
ORDER BY p.probability DESC, first.name
RETURN other.id AS other, score, shared, others, diseases, collect(first.name)[0] AS predicted
ORDER BY score DESC, other
