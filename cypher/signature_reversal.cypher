// Drugs that reverse what a disease does to the expression of genes
// Topic: treatment
//
// Genes that go up in the disease and down by the drug, or the other way round, against those that
// both move the same way. The score is the negative cosine of both signatures, from -1 (the drug
// does the same) to 1 (it undoes all).
//
// Parameters
//   disease: identifier of Disease such as "DOID:2841". The disease.
//   at_least: integer = 3. Genes that both move, so that one alone is no signature.
//   top: integer = 20. Rows at most, what reverses most first.
// Columns
//   drug: the drug's identifier
//   drug_name: its name
//   score: negative cosine of the signatures
//   reversed: how many genes it moves against the disease
//   mimicked: how many it moves as the disease does
//   genes: names of up to ten that it reverses
//   treats: whether the graph says that it treats the disease
//   contraindicated_for: this disease, or names of what it is a form of, if on record against it
//   may_cause: names of up to five signs of the disease, or the disease, that it may cause
MATCH (disease:Disease {id: $disease})-[one:UPREGULATES|DOWNREGULATES]->(target:Target)
WITH disease, target, type(one) AS ours,
  COUNT { (disease)-[:UPREGULATES|DOWNREGULATES]->() } AS moved
MATCH (target)<-[two:UPREGULATES|DOWNREGULATES]-(drug:Drug)
WITH disease, moved, drug, target, type(two) <> ours AS against
ORDER BY target.name
WITH disease, moved, drug, sum(CASE WHEN against THEN 1 ELSE 0 END) AS reversed,
  sum(CASE WHEN against THEN 0 ELSE 1 END) AS mimicked,
  collect(CASE WHEN against THEN target.name END)[..10] AS genes
WHERE reversed + mimicked >= $at_least
WITH disease, drug, reversed, mimicked, genes, (reversed - mimicked)
  / sqrt(1.0 * moved * COUNT { (drug)-[:UPREGULATES|DOWNREGULATES]->() }) AS score
ORDER BY score DESC, drug.id
LIMIT $top
RETURN drug.id AS drug, drug.name AS drug_name, score, reversed, mimicked, genes,
  EXISTS { MATCH (drug)-[:TREATS]->(disease) } AS treats,
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
