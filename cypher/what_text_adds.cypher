// What text adds to the curated sources
//
// Edges that only text-mined evidence supports, the most probable first. What documents say of
// single patients is left out unless its relation is asked for. Reads every relationship, so it
// takes seconds on a graph of millions.
//
// Parameters
//   relation: text = null. Only this relation.
//   top: integer = 50. Rows at most.
// Columns
//   subject: identifier of the one entity
//   subject_name: its name
//   relation: the relation
//   object: identifier of the other entity
//   object_name: its name
//   probability: the edge's probability
//   evidence_count: number of pieces of evidence that assert it
//   documents: the documents that say so
//   sentences: the sentences that say so
MATCH (mined:Evidence {level: 'text-mined'})
WITH collect(DISTINCT mined.source) AS sources
MATCH (subject)-[edge]->(object)
WHERE (type(edge) = $relation OR ($relation IS NULL AND NOT subject:Patient))
  AND type(edge) <> 'MENTIONS' AND NOT type(edge) STARTS WITH 'PREDICTED_'
  AND all(source IN edge.sources WHERE source IN sources)
WITH subject, edge, object
ORDER BY edge.probability DESC, subject.id, type(edge), object.id
LIMIT $top
MATCH (e:Evidence {edge: edge.id})
WHERE e.level = 'text-mined' AND e.polarity = 'asserted'
WITH subject, edge, object, e
ORDER BY e.document, e.start, e.id
WITH subject, edge, object, collect(DISTINCT e.document) AS documents,
  collect(e.sentence) AS sentences
RETURN subject.id AS subject, subject.name AS subject_name, type(edge) AS relation,
  object.id AS object, object.name AS object_name, edge.probability AS probability,
  edge.evidence_count AS evidence_count, documents, sentences
ORDER BY probability DESC, subject, relation, object
