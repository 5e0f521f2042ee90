// Where the graph contradicts itself
// Topic: evidence
//
// Drugs recorded both to treat a disease and to be contraindicated in it, and edges that some
// evidence asserts and some negates.
//
// Parameters
//   top: integer = 50. Rows at most of each sort.
// Columns
//   contradiction: treats and contraindicated, or asserted and negated
//   subject: identifier of the one entity
//   subject_name: its name
//   relation: the relation
//   object: identifier of the other entity
//   object_name: its name
//   supporting: number of pieces of evidence for it
//   opposing: number of pieces of evidence against it
//   sources: sources of what is against it
//   sentences: sentences that are against it
CALL {
  MATCH (drug:Drug)-[treats:TREATS]->(disease)
  MATCH (drug)-[against:CONTRAINDICATED_FOR]->(disease)
  WITH drug, disease, treats, against
  ORDER BY drug.id, disease.id
  LIMIT $top
  OPTIONAL MATCH (e:Evidence {edge: against.id})
  WITH drug, disease, treats, against, e
  ORDER BY e.id
  RETURN 'treats and contraindicated' AS contradiction, drug.id AS subject,
    drug.name AS subject_name, 'TREATS' AS relation, disease.id AS object,
    disease.name AS object_name, treats.evidence_count AS supporting,
    against.evidence_count AS opposing, against.sources AS sources,
    collect(e.sentence) AS sentences
  UNION ALL
  MATCH (e:Evidence {polarity: 'negated'})
  WHERE e.experiencer = 'patient' AND e.temporality = 'current' AND e.certainty = 'certain'
  WITH e ORDER BY e.id
  WITH e.edge AS edge, e.subject AS subject, e.relation AS relation, e.object AS object,
    count(e) AS opposing, collect(DISTINCT e.source) AS sources, collect(e.sentence) AS sentences
  MATCH (f:Evidence {edge: edge})
  WHERE f.polarity = 'asserted' AND f.certainty = 'certain' AND f.experiencer = 'patient'
    AND f.temporality = 'current'
  WITH subject, relation, object, opposing, sources, sentences, count(f) AS supporting
  ORDER BY subject, relation, object
  LIMIT $top
  OPTIONAL MATCH (s1:Drug {id: subject})
  OPTIONAL MATCH (s2:Disease {id: subject})
  OPTIONAL MATCH (s3:Patient {id: subject})
  OPTIONAL MATCH (s4:Target {id: subject})
  OPTIONAL MATCH (o1:Disease {id: object})
  OPTIONAL MATCH (o2:Symptom {id: object})
  OPTIONAL MATCH (o3:Target {id: object})
  OPTIONAL MATCH (o4:Drug {id: object})
  RETURN 'asserted and negated' AS contradiction, subject,
    coalesce(s1.name, s2.name, s3.name, s4.name, subject) AS subject_name, relation, object,
    coalesce(o1.name, o2.name, o3.name, o4.name, object) AS object_name,
    supporting, opposing, sources, sentences
}
RETURN contradiction, subject, subject_name, relation, object, object_name, supporting, opposing,
  sources, sentences
ORDER BY contradiction DESC, subject, relation, object
