// Drugs for one disease that nothing on record forbids in another
// Topic: safety
//
// Treatments of the one disease that are neither contraindicated in the other, or in what it is
// directly a form of, nor known to cause it; with the signs of the other that the drug may cause,
// and worsen. That nothing is on record is no proof that a drug is safe.
//
// Parameters
//   disease: identifier of Disease such as "DOID:10763". To be treated.
//   other: identifier of Disease such as "DOID:2841". What the patient has besides.
//   top: integer = 50. Rows at most, what causes fewest signs of the other first.
// Columns
//   drug: the drug's identifier
//   drug_name: its name
//   probability: that it treats the disease
//   treats_other: whether it treats the other too
//   may_cause: names of signs of the other that it may cause, up to five
//   sources: the sources that say that it treats the disease
MATCH (other:Disease {id: $other})
MATCH (drug:Drug)-[treats:TREATS]->(:Disease {id: $disease})
WHERE NOT EXISTS { MATCH (drug)-[:CONTRAINDICATED_FOR|CAUSES]->(other) }
  AND NOT EXISTS { MATCH (drug)-[:CONTRAINDICATED_FOR]->(:Disease)<-[:SUBCLASS_OF]-(other) }
OPTIONAL MATCH (drug)-[:CAUSES]->(sign:Symptom)<-[:HAS_SYMPTOM]-(other)
WITH other, drug, treats, sign
ORDER BY sign.name
WITH other, drug, treats, collect(sign.name) AS signs
WITH other, drug, treats, signs[..5] AS may_cause, size(signs) AS n
ORDER BY n, treats.probability DESC, drug.id
LIMIT $top
RETURN drug.id AS drug, drug.name AS drug_name, treats.probability AS probability,
  EXISTS { MATCH (drug)-[:TREATS]->(other) } AS treats_other, may_cause, treats.sources AS sources
ORDER BY n, probability DESC, drug
