// Predictions that evidence contradicts
// Topic: hypotheses
//
// What a model predicts although a source negates just that, or says that the drug must not be
// given in what it is predicted to treat, or causes it.
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
//   against: what speaks against it, a relation or negated
//   evidence: a sentence or, without one, the source that says so, up to three
MATCH (drug:Drug)-[p:PREDICTED_TARGETS|PREDICTED_TREATS]->(tail)
WHERE ($drug IS NULL OR drug.id = $drug) AND ($adme OR tail.adme IS NULL)
WITH drug, collect({p: p, tail: tail}) AS predictions
MATCH (e:Evidence {subject: drug.id})
WHERE e.polarity = 'negated' OR e.relation = 'CONTRAINDICATED_FOR' OR e.relation = 'CAUSES'
UNWIND predictions AS each
WITH drug, each.p AS p, each.tail AS tail, e
WHERE e.object = tail.id AND e.experiencer = 'patient' AND e.certainty = 'certain'
  AND ((e.polarity = 'negated' AND 'PREDICTED_' + e.relation = type(p))
    OR (e.polarity = 'asserted' AND type(p) = 'PREDICTED_TREATS'
      AND e.relation IN ['CONTRAINDICATED_FOR', 'CAUSES']))
WITH drug, p, tail, CASE e.polarity WHEN 'negated' THEN 'negated' ELSE e.relation END AS against, e
ORDER BY e.probability DESC, e.id
WITH drug, p, tail, against, collect(coalesce(e.sentence, e.source))[..3] AS evidence
RETURN drug.id AS drug, drug.name AS drug_name, substring(type(p), 10) AS relation,
  tail.id AS tail, tail.name AS tail_name, p.probability AS probability, p.model AS model,
  against, evidence
ORDER BY probability DESC, drug, tail, model, against
LIMIT $top
