// Drugs that might be repurposed for a disease
// Topic: treatment
//
// Every drug that paths join to the disease, of five sorts: by a target that the disease is
// associated with; by a target, the structure or the class of a drug that treats it; by a disease
// like it that the drug treats. Paths of a sort are counted, each weighing the product of the
// degrees on it to the power of -0.4 (degree-weighted path count; Himmelstein et al., eLife 2017),
// so that what joins everything counts little. The count is taken relative to the mean over all
// drugs, by asinh, and the score is the sum over the sorts. No path uses what is recorded of the
// drug and this disease, so that known treatments can be ranked beside the others. It ranks; it is
// no probability.
//
// Parameters
//   disease: identifier of Disease such as "DOID:2841". The disease.
//   known: boolean = false. Also drugs that are recorded to treat it.
//   adme: boolean = false. Also by targets that take part in a drug's fate (enzymes, transporters).
//   top: integer = 20. Rows at most, the highest score first.
// Columns
//   drug: the drug's identifier
//   drug_name: its name
//   score: sum over the sorts of paths
//   by_target: what its targets that the disease is associated with add to the score
//   by_shared_target: what targets shared with drugs that treat the disease add
//   by_structure: what its likeness to these drugs adds
//   by_class: what the classes shared with them add
//   by_disease: what diseases like this one that it treats add
//   through: of each sort the heaviest joint's name, the best sort first
//   treats: names of up to five diseases or symptoms that it treats
//   known: whether the graph says that it treats this disease
//   contraindicated_for: this disease, or names of what it is a form of, if on record against it
//   may_cause: names of up to five signs of the disease, or the disease, that it may cause
MATCH (any:Drug)
WITH count(any) AS drugs
CALL {
  MATCH (d:Disease {id: $disease})-[:ASSOCIATED_WITH]->(t:Target)
  WHERE $adme OR t.adme IS NULL
  WITH d, t, COUNT { (t)<-[:TARGETS]-() } AS on_t, COUNT { (t)<-[:ASSOCIATED_WITH]-() } AS of_t
  MATCH (t)<-[:TARGETS]-(drug:Drug)
  WITH d, drug, t, on_t, of_t, COUNT { (drug)-[:TARGETS]->() } AS targets
  RETURN drug.id AS drug, 'target' AS sort, t.name AS through,
    (1.0 * targets * on_t * of_t * COUNT { (d)-[:ASSOCIATED_WITH]->() }) ^ -0.4 AS weight
  UNION ALL
  MATCH (d:Disease {id: $disease})<-[:TREATS]-(k:Drug)
  WITH d, k, COUNT { (d)<-[:TREATS]-() } AS by, COUNT { (k)-[:TREATS]->() } AS uses,
    COUNT { (k)-[:TARGETS]->() } AS of_k
  MATCH (k)-[:TARGETS]->(t:Target)
  WHERE $adme OR t.adme IS NULL
  WITH t, collect([k.id, (1.0 * by * uses * of_k) ^ -0.4]) AS known
  WITH t, known, reduce(sum = 0.0, each IN known | sum + each[1]) AS whole,
    COUNT { (t)<-[:TARGETS]-() } AS on_t
  MATCH (t)<-[:TARGETS]-(drug:Drug)
  WITH drug, t, on_t, whole
    - reduce(own = 0.0, e IN known | own + CASE WHEN e[0] = drug.id THEN e[1] ELSE 0.0 END) AS w
  WHERE w > 0.000000000001
  RETURN drug.id AS drug, 'shared target' AS sort, t.name AS through,
    w * on_t ^ -0.8 * COUNT { (drug)-[:TARGETS]->() } ^ -0.4 AS weight
  UNION ALL
  MATCH (d:Disease {id: $disease})<-[:TREATS]-(k:Drug)
  WITH k, COUNT { (d)<-[:TREATS]-() } AS by, COUNT { (k)-[:TREATS]->() } AS uses,
    COUNT { (k)-[:RESEMBLES]-() } AS like_k
  MATCH (k)-[:RESEMBLES]-(drug:Drug)
  RETURN drug.id AS drug, 'structure' AS sort, k.name AS through,
    (1.0 * by * uses * like_k * COUNT { (drug)-[:RESEMBLES]-() }) ^ -0.4 AS weight
  UNION ALL
  MATCH (d:Disease {id: $disease})<-[:TREATS]-(k:Drug)
  WITH d, k, COUNT { (d)<-[:TREATS]-() } AS by, COUNT { (k)-[:TREATS]->() } AS uses,
    COUNT { (k)-[:IN_CLASS]->() } AS of_k
  MATCH (k)-[:IN_CLASS]->(c:DrugClass)<-[:IN_CLASS]-(drug:Drug)
  WHERE drug.id <> k.id
  RETURN drug.id AS drug, 'class' AS sort, c.name AS through,
    (1.0 * by * uses * of_k * COUNT { (drug)-[:IN_CLASS]->() }) ^ -0.4
      * COUNT { (c)<-[:IN_CLASS]-() } ^ -0.8 AS weight
  UNION ALL
  MATCH (d:Disease {id: $disease})-[:RESEMBLES]-(e:Disease)<-[:TREATS]-(drug:Drug)
  WITH d, e, drug, COUNT { (drug)-[:TREATS]->() }
    - COUNT { MATCH (drug)-[:TREATS]->(:Disease {id: $disease}) } AS uses
  RETURN drug.id AS drug, 'disease' AS sort, e.name AS through,
    (1.0 * COUNT { (d)-[:RESEMBLES]-() } * COUNT { (e)-[:RESEMBLES]-() }
      * COUNT { (e)<-[:TREATS]-() } * uses) ^ -0.4 AS weight
}
WITH drugs, drug, sort, through, weight
ORDER BY weight DESC, through
WITH drugs, drug, sort, sum(weight) AS weight, collect(through)[0] AS through
WITH drugs, sort, sum(weight) / drugs AS mean,
  collect({drug: drug, weight: weight, through: through}) AS rows
UNWIND rows AS row
WITH row.drug AS drug, sort, row.through AS through,
  log(row.weight / mean + sqrt(row.weight * row.weight / (mean * mean) + 1)) AS part
ORDER BY part DESC
WITH drug, sum(part) AS score, collect(through) AS through,
  sum(CASE WHEN sort = 'target' THEN part ELSE 0.0 END) AS by_target,
  sum(CASE WHEN sort = 'shared target' THEN part ELSE 0.0 END) AS by_shared_target,
  sum(CASE WHEN sort = 'structure' THEN part ELSE 0.0 END) AS by_structure,
  sum(CASE WHEN sort = 'class' THEN part ELSE 0.0 END) AS by_class,
  sum(CASE WHEN sort = 'disease' THEN part ELSE 0.0 END) AS by_disease
OPTIONAL MATCH (:Drug {id: drug})-[of_this:TREATS]->(:Disease {id: $disease})
WITH drug, of_this IS NOT NULL AS known, score, through, by_target, by_shared_target, by_structure,
  by_class, by_disease
WHERE $known OR NOT known
WITH drug AS id, known, score, through, by_target, by_shared_target, by_structure, by_class, by_disease
ORDER BY score DESC, id
LIMIT $top
MATCH (drug:Drug {id: id}), (disease:Disease {id: $disease})
RETURN id AS drug, drug.name AS drug_name, score, by_target, by_shared_target, by_structure,
  by_class, by_disease, through,
  COLLECT {
    MATCH (drug)-[treats:TREATS]->(other)
    RETURN other.name ORDER BY coalesce(treats.probability, 1.0) DESC, other.name LIMIT 5
  } AS treats,
  known,
  COLLECT {
    MATCH (drug)-[:CONTRAINDICATED_FOR]->(other)
    WHERE other.id = disease.id OR EXISTS { MATCH (disease)-[:SUBCLASS_OF]->(other) }
    RETURN other.name ORDER BY other.name
  } AS contraindicated_for,
  COLLECT {
    MATCH (drug)-[:CAUSES]->(effect)
    WHERE effect.id = disease.id OR EXISTS { MATCH (disease)-[:HAS_SYMPTOM]->(effect) }
    RETURN effect.name ORDER BY effect.name LIMIT 5
  } AS may_cause
ORDER BY score DESC, drug
