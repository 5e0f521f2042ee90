// Diseases and drugs that may cause a symptom
// Topic: diseases
//
// Diseases that have it, and drugs that cause it; the symptom's direct kinds count too.
//
// Parameters
//   symptom: identifier of Symptom such as "UMLS:C0020538". The symptom.
//   drugs: boolean = true. Also drugs.
//   top: integer = 50. Rows at most, the most probable first.
// Columns
//   kind: Disease or Drug
//   cause: the cause's identifier
//   cause_name: its name
//   as: the symptom, or the kind of it, that it causes
//   frequency: how often, where a source says so
//   probability: of the edge
//   sources: the sources that say so
CALL {
  MATCH (s:Symptom {id: $symptom}) RETURN s
  UNION
  MATCH (:Symptom {id: $symptom})<-[:SUBCLASS_OF]-(s:Symptom) RETURN s
}
MATCH (s)<-[edge:HAS_SYMPTOM|CAUSES]-(cause)
WHERE $drugs OR type(edge) = 'HAS_SYMPTOM'
RETURN labels(cause)[0] AS kind, cause.id AS cause, cause.name AS cause_name, s.name AS `as`,
  edge.frequency AS frequency, edge.probability AS probability, edge.sources AS sources
ORDER BY kind, probability DESC, cause, `as`
LIMIT $top
