// The evidence for and against a relation between two entities
// Topic: evidence
//
// Everything that was recorded about the two, negated and hypothetical statements included, whether
// or not it makes an edge.
//
// Parameters
//   subject: identifier such as "drugbank:DB00619". The one.
//   object: identifier such as "NCBIGene:3815". The other; the order makes no difference.
//   relation: relation = null. Only this relation.
// Columns
//   relation: the relation
//   polarity: asserted or negated
//   certainty: certain, possible or hypothetical
//   experiencer: who it is about: patient, family or other
//   temporality: current or historical
//   probability: how probable the reading is
//   level: curated, text-mined, observed or predicted
//   source: where it comes from
//   release: the source's release
//   document: the document
//   sentence: the sentence
//   start: where the sentence begins in the document, in characters
//   end: where it ends
//   references: what it cites
//   extractor: what read it
//   edge: the edge's id
//   evidence: the evidence's id
UNWIND [[$subject, $object], [$object, $subject]] AS pair
MATCH (e:Evidence {subject: pair[0]})
WHERE e.object = pair[1] AND ($relation IS NULL OR e.relation = $relation)
RETURN DISTINCT e.relation AS relation, e.polarity AS polarity, e.certainty AS certainty,
  e.experiencer AS experiencer, e.temporality AS temporality, e.probability AS probability,
  e.level AS level, e.source AS source, e.release AS release, e.document AS document,
  e.sentence AS sentence, e.start AS start, e.`end` AS `end`, e.references AS references,
  e.extractor AS extractor, e.edge AS edge, e.id AS evidence
ORDER BY relation, polarity, probability DESC, source, document, start, evidence
