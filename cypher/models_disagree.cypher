// Predictions on which two models disagree
// Topic: hypotheses
//
// Pairs that several models predict with probabilities that lie apart.
//
// Parameters
//   drug: identifier of Drug = null. Only predictions for this drug.
//   at_least: number = 0.1. The least difference of the probabilities.
//   adme: boolean = false. Also targets that take part in a drug's fate (enzymes, transporters).
//   top: integer = 50. Rows at most, what lies farthest apart first.
// Columns
//   head: identifier of the one entity
//   head_name: its name
//   relation: the predicted relation
//   tail: identifier of the other
//   tail_name: its name
//   difference: of the highest and the lowest probability
//   models: the models, the most convinced first
//   probabilities: their probabilities
MATCH (head:Drug)-[p:PREDICTED_TARGETS|PREDICTED_TREATS]->(tail)
WHERE ($drug IS NULL OR head.id = $drug) AND ($adme OR tail.adme IS NULL)
WITH head, tail, p
ORDER BY p.probability DESC, p.model
WITH head, tail, substring(type(p), 10) AS relation, collect(p.model) AS models,
  collect(p.probability) AS probabilities
WHERE size(models) > 1 AND probabilities[0] - probabilities[size(models) - 1] >= $at_least
RETURN head.id AS head, head.name AS head_name, relation, tail.id AS tail, tail.name AS tail_name,
  probabilities[0] - probabilities[size(models) - 1] AS difference, models, probabilities
ORDER BY difference DESC, head, tail
LIMIT $top
