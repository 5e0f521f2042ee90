// Drugs that might be repurposed for a disease
//
// Drugs that act on targets that the disease is associated with, by what is recorded and by what a
// model predicts, and that are not recorded to treat it. The score is 1 - Π(1 - p·q) over the
// targets: p that the drug acts on the target, q that the target is associated with the disease.
//
// Parameters
//   disease: identifier of Disease. The disease.
//   top: integer = 20. Rows at most, the highest score first.
// Columns
//   drug: the drug's identifier
//   drug_name: its name
//   score: how strongly its targets join it to the disease, from 0 to 1
//   recorded_targets: names of the targets that it is recorded to act on
//   predicted_targets: names of those that it is only predicted to act on
//   treats: names of up to ten diseases that it treats
//   contraindicated: whether the graph says that it must not be given in this disease
MATCH (disease:Disease {id: $disease})-[association:ASSOCIATED_WITH]->(target:Target)
MATCH (drug:Drug)-[action:TARGETS|PREDICTED_TARGETS]->(target)
WITH disease, target, drug, max(association.probability) AS q,
  max(CASE WHEN type(action) = 'TARGETS' THEN action.probability END) AS recorded,
  max(CASE WHEN type(action) = 'PREDICTED_TARGETS' THEN action.probability END) AS predicted
WHERE NOT EXISTS { MATCH (drug)-[:TREATS]->(disease) }
WITH disease, drug, target, recorded, coalesce(recorded, predicted) * q AS strength
ORDER BY strength DESC, target.name
WITH disease, drug, collect(strength) AS strengths,
  collect(CASE WHEN recorded IS NOT NULL THEN target.name END) AS recorded_targets,
  collect(CASE WHEN recorded IS NULL THEN target.name END) AS predicted_targets
WITH disease, drug, recorded_targets, predicted_targets,
  round(1000000 * (1 - reduce(rest = 1.0, strength IN strengths | rest * (1 - strength))))
    / 1000000 AS score
ORDER BY score DESC, drug.id
LIMIT $top
OPTIONAL MATCH (drug)-[treats:TREATS]->(other:Disease)
WITH disease, drug, score, recorded_targets, predicted_targets, treats, other
ORDER BY treats.probability DESC, other.name
WITH disease, drug, score, recorded_targets, predicted_targets,
  collect(other.name)[..10] AS treats
RETURN drug.id AS drug, drug.name AS drug_name, score, recorded_targets, predicted_targets, treats,
  EXISTS { MATCH (drug)-[:CONTRAINDICATED_FOR]->(disease) } AS contraindicated
ORDER BY score DESC, drug
