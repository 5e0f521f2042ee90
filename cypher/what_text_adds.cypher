// What text adds to the curated sources
// Topic: evidence
//
// Relations that only documents assert, the most probable first. What a source mined from texts
// without saying which (as Hetionet's side effects) counts as curated here. What documents say of
// single patients is left out unless its relation is asked for.
//
// Parameters
//   relation: relation = null. Only this relation.
//   top: integer = 50. Rows at most.
// Columns
//   subject: identifier of the one entity
//   subject_name: its name
//   relation: the relation
//   object: identifier of the other entity
//   object_name: its name
//   probability: the highest that a document gives it
//   evidence_count: number of pieces of evidence that assert it
//   documents: the documents that say so
//   sentences: the sentences that say so
//   path: both ends, by name
MATCH (document:Document)
MATCH (mined:Evidence {document: document.id})
WHERE mined.level = 'text-mined' AND mined.polarity = 'asserted'
  AND mined.certainty <> 'hypothetical' AND mined.experiencer = 'patient' AND mined.temporality = 'current'
  AND mined.relation <> 'MENTIONS' AND ($relation IS NULL OR mined.relation = $relation)
WITH mined.edge AS edge, mined.subject AS subject, mined.relation AS relation,
  mined.object AS object, max(mined.probability) AS probability
OPTIONAL MATCH (patient:Patient {id: subject})
WITH edge, subject, relation, object, probability, patient
WHERE $relation IS NOT NULL OR patient IS NULL
MATCH (e:Evidence {edge: edge})
WHERE e.polarity = 'asserted'
WITH edge, subject, relation, object, probability, count(e) AS evidence_count,
  sum(CASE WHEN e.document IS NULL THEN 1 ELSE 0 END) AS others
WHERE others = 0
WITH edge, subject, relation, object, probability, evidence_count
ORDER BY probability DESC, subject, relation, object
LIMIT $top
MATCH (e:Evidence {edge: edge})
WHERE e.polarity = 'asserted'
WITH subject, relation, object, probability, evidence_count, e
ORDER BY e.document, e.start, e.id
WITH subject, relation, object, probability, evidence_count,
  collect(DISTINCT e.document) AS documents, collect(e.sentence) AS sentences
OPTIONAL MATCH (s1:Drug {id: subject})
OPTIONAL MATCH (s2:Disease {id: subject})
OPTIONAL MATCH (s3:Target {id: subject})
OPTIONAL MATCH (s4:Symptom {id: subject})
OPTIONAL MATCH (s5:Patient {id: subject})
OPTIONAL MATCH (s6:Procedure {id: subject})
OPTIONAL MATCH (s7:Exposure {id: subject})
OPTIONAL MATCH (o1:Disease {id: object})
OPTIONAL MATCH (o2:Symptom {id: object})
OPTIONAL MATCH (o3:Target {id: object})
OPTIONAL MATCH (o4:Drug {id: object})
OPTIONAL MATCH (o5:Procedure {id: object})
OPTIONAL MATCH (o6:DrugClass {id: object})
OPTIONAL MATCH (o7:Exposure {id: object})
WITH subject, relation, object, probability, evidence_count, documents, sentences,
  coalesce(s1.name, s2.name, s3.name, s4.name, s5.name, s6.name, s7.name, subject) AS subject_name,
  coalesce(o1.name, o2.name, o3.name, o4.name, o5.name, o6.name, o7.name, object) AS object_name
RETURN subject, subject_name, relation, object, object_name, probability, evidence_count, documents,
  sentences, subject_name + ' → ' + object_name AS path
ORDER BY probability DESC, subject, relation, object
