// Diseases that would explain a set of symptoms
// Topic: diseases
//
// Plain Cypher, without a model: each symptom weighs its information content, -ln of the share of
// diseases that have it, and the score is the share of the whole weight that a disease covers.
// Only symptoms that the disease is annotated with count, not broader or narrower ones.
//
// Parameters
//   symptoms: identifiers of Symptom such as ["HP:0002094", "HP:0012735"]. What the patient has.
//   top: integer = 20. Rows at most, the highest score first.
// Columns
//   disease: the disease's identifier
//   disease_name: its name
//   score: share of the symptoms' weight that it covers, from 0 to 1
//   matching: names of the symptoms that it has
//   unexpected: names of the symptoms that it is not known to have
MATCH (any:Disease)
WHERE EXISTS { MATCH (any)-[:HAS_SYMPTOM]->(:Symptom) }
WITH count(any) AS diseases
UNWIND $symptoms AS id
MATCH (symptom:Symptom {id: id})
WITH diseases, symptom, COUNT { MATCH (symptom)<-[:HAS_SYMPTOM]-(:Disease) } AS having
WITH symptom, log((diseases + 1.0) / (having + 1.0)) AS weight
ORDER BY symptom.name
WITH collect(symptom) AS symptoms, collect(weight) AS weights
WITH symptoms, weights, reduce(sum = 0.0, weight IN weights | sum + weight) AS whole
UNWIND range(0, size(symptoms) - 1) AS i
WITH symptoms, whole, symptoms[i] AS symptom, weights[i] AS weight
MATCH (symptom)<-[:HAS_SYMPTOM]-(disease:Disease)
WITH symptoms, whole, symptom, weight, disease
ORDER BY symptom.name
WITH symptoms, whole, disease, sum(weight) AS covered, collect(symptom.name) AS matching
WITH symptoms, disease, matching,
  CASE WHEN whole > 0 THEN round(1000000 * covered / whole) / 1000000 ELSE 0.0 END AS score
ORDER BY score DESC, size(matching) DESC, disease.id
LIMIT $top
RETURN disease.id AS disease, disease.name AS disease_name, score, matching,
  [s IN symptoms WHERE NOT s.name IN matching | s.name] AS unexpected
ORDER BY score DESC, size(matching) DESC, disease
