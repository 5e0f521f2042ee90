// Predictions that other evidence supports
// Topic: hypotheses
//
// What a model predicts as new, where the graph joins the two in another way (the drug changes the
// expression of the target, say) or documents mention both. It is no proof of what is predicted.
//
// Parameters
//   drug: identifier of Drug = null. Only predictions for this drug.
//   adme: boolean = false. Also targets that take part in a drug's fate (enzymes, transporters).
//   top: integer = 50. Rows at most, the most probable first.
// Columns
//   drug: the drug's identifier
//   drug_name: its name
//   relation: the predicted relation
//   tail: identifier of what it is predicted to act on or to treat
//   tail_name: its name
//   probability: as the model has it
//   model: the model
//   relations: the relations that the graph has between the two
//   documents: documents that mention both, up to five
//   evidence: a sentence or, without one, the source behind these relations, up to three
MATCH (drug:Drug)-[p:PREDICTED_TARGETS|PREDICTED_TREATS]->(tail)
WHERE ($drug IS NULL OR drug.id = $drug) AND NOT p.known AND ($adme OR tail.adme IS NULL)
  AND (EXISTS { MATCH (drug)<-[:MENTIONS]-(:Document)-[:MENTIONS]->(tail) }
    OR EXISTS { MATCH (drug)-[:UPREGULATES|DOWNREGULATES|CAUSES|PALLIATES]->(tail) })
WITH drug, p, tail
ORDER BY p.probability DESC, drug.id, tail.id, p.model
LIMIT $top
OPTIONAL MATCH (drug)<-[:MENTIONS]-(document:Document)-[:MENTIONS]->(tail)
WITH drug, p, tail, document
ORDER BY document.id
WITH drug, p, tail, collect(DISTINCT document.id)[..5] AS documents
OPTIONAL MATCH (drug)-[r:UPREGULATES|DOWNREGULATES|CAUSES|PALLIATES]->(tail)
OPTIONAL MATCH (e:Evidence {edge: r.id})
WITH drug, p, tail, documents, r, e
ORDER BY type(r), e.probability DESC, e.id
WITH drug, p, tail, documents, collect(DISTINCT type(r)) AS relations,
  collect(coalesce(e.sentence, e.source))[..3] AS evidence
RETURN drug.id AS drug, drug.name AS drug_name, substring(type(p), 10) AS relation,
  tail.id AS tail, tail.name AS tail_name, p.probability AS probability, p.model AS model,
  relations, documents, evidence
ORDER BY probability DESC, drug, tail, model
