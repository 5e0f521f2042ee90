// The phenotypes that carry a diagnosis, with the literature that says so
// Topic: patients
//
// Each phenotype that the patient shows or lacks, with the one of the disease that it is, or is a
// kind of (narrower), or of which that is a kind (broader), up to two steps apart. The weight is
// the information of the disease's phenotype: -ln of the share of diseases that have it.
//
// Parameters
//   patient: identifier of Patient such as "patient:1". The patient.
//   disease: identifier of Disease such as "DOID:2841". The disease, recorded or predicted.
//   top: integer = 50. Rows at most.
// Columns
//   phenotype: the patient's phenotype
//   phenotype_name: its name
//   status: seen, or lacking
//   match: exact, narrower or broader than the disease's
//   of: the disease's phenotype
//   of_name: its name
//   frequency: how often the disease shows it, where it is stated
//   weight: its information
//   sources: who says so
//   references: the literature
//   probability: of the disease by the model that predicted it last, if one did
MATCH (any:Disease)
WHERE EXISTS { MATCH (any)-[:HAS_SYMPTOM]->(:Symptom) }
WITH count(any) AS diseases
CALL {
  MATCH (:Patient {id: $patient})-[has:HAS_PHENOTYPE|LACKS_PHENOTYPE]->(s:Symptom)
  MATCH (s)<-[r:HAS_SYMPTOM]-(:Disease {id: $disease})
  RETURN s, type(has) AS status, 'exact' AS match, 0 AS steps, s AS of, r
  UNION ALL
  MATCH (:Patient {id: $patient})-[has:HAS_PHENOTYPE]->(s:Symptom)-[:SUBCLASS_OF]->(of:Symptom)
  MATCH (of)<-[r:HAS_SYMPTOM]-(:Disease {id: $disease})
  RETURN s, type(has) AS status, 'narrower' AS match, 1 AS steps, of, r
  UNION ALL
  MATCH (:Patient {id: $patient})-[has:HAS_PHENOTYPE]->(s:Symptom)-[:SUBCLASS_OF]->(a:Symptom)
  MATCH (a)-[:SUBCLASS_OF]->(of:Symptom)<-[r:HAS_SYMPTOM]-(:Disease {id: $disease})
  RETURN s, type(has) AS status, 'narrower' AS match, 2 AS steps, of, r
  UNION ALL
  MATCH (:Patient {id: $patient})-[has:HAS_PHENOTYPE|LACKS_PHENOTYPE]->(s:Symptom)
  MATCH (s)<-[:SUBCLASS_OF]-(of:Symptom)<-[r:HAS_SYMPTOM]-(:Disease {id: $disease})
  RETURN s, type(has) AS status, 'broader' AS match, 1 AS steps, of, r
  UNION ALL
  MATCH (:Patient {id: $patient})-[has:HAS_PHENOTYPE|LACKS_PHENOTYPE]->(s:Symptom)
  MATCH (s)<-[:SUBCLASS_OF]-(a:Symptom)<-[:SUBCLASS_OF]-(of:Symptom)
  MATCH (of)<-[r:HAS_SYMPTOM]-(:Disease {id: $disease})
  RETURN s, type(has) AS status, 'broader' AS match, 2 AS steps, of, r
}
WITH diseases, s, status, match, steps, of, r
ORDER BY steps
WITH diseases, s, status, of, collect(match)[0] AS match, collect(r)[0] AS r
WITH s, status, match, of, r,
  log((diseases + 1.0) / (COUNT { MATCH (of)<-[:HAS_SYMPTOM]-(:Disease) } + 1.0)) AS weight
ORDER BY status, weight DESC, s.id, of.id
LIMIT $top
OPTIONAL MATCH (evidence:Evidence {edge: r.id})
WITH s, status, match, of, r, weight, evidence
ORDER BY evidence.id
WITH s, status, match, of, r, weight, collect(evidence.references) AS cited,
  collect(DISTINCT evidence.source) AS sources
OPTIONAL MATCH (:Patient {id: $patient})-[p:PREDICTED_HAS_DISEASE]->(:Disease {id: $disease})
WITH s, status, match, of, r, weight, cited, sources, p
ORDER BY p.date DESC, p.model
WITH s, status, match, of, r, weight, cited, sources, collect(p.probability)[0] AS probability
RETURN s.id AS phenotype, s.name AS phenotype_name,
  CASE WHEN status = 'HAS_PHENOTYPE' THEN 'seen' ELSE 'lacking' END AS status, match,
  of.id AS of, of.name AS of_name, toFloat(r.frequency) AS frequency,
  round(1000000 * weight) / 1000000 AS weight, sources,
  reduce(all = [], list IN cited | all + [c IN list WHERE NOT c IN all]) AS references, probability
ORDER BY status DESC, weight DESC, phenotype, of
