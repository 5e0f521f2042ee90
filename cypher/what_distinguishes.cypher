// Phenotypes that tell two diseases apart
// Topic: diseases
//
// What one of the two has and the other is not known to have, with how often it is seen and how
// much it tells, -ln of the share of diseases that have it.
//
// Parameters
//   disease: identifier of Disease such as "DOID:2841". The disease.
//   other: identifier of Disease such as "DOID:3083". The other.
//   top: integer = 40. Rows at most, the most telling first.
// Columns
//   phenotype: the phenotype's identifier
//   phenotype_name: its name
//   in_disease: name of the disease that has it
//   frequency: how often, where a source says so
//   weight: how much it tells
MATCH (any:Disease)
WHERE EXISTS { (any)-[:HAS_SYMPTOM]->(:Symptom) }
WITH count(any) AS diseases
UNWIND [[$disease, $other], [$other, $disease]] AS pair
MATCH (one:Disease {id: pair[0]})-[edge:HAS_SYMPTOM]->(s:Symptom)
WHERE NOT EXISTS { MATCH (s)<-[:HAS_SYMPTOM]-(:Disease {id: pair[1]}) }
  AND NOT EXISTS {
    MATCH (s)<-[:SUBCLASS_OF]-(:Symptom)<-[:HAS_SYMPTOM]-(:Disease {id: pair[1]}) }
WITH one, edge, s,
  log((diseases + 1.0) / COUNT { (s)<-[:HAS_SYMPTOM]-(:Disease) }) AS weight
RETURN s.id AS phenotype, s.name AS phenotype_name, one.name AS in_disease,
  toFloat(edge.frequency) AS frequency, weight
ORDER BY weight DESC, phenotype
LIMIT $top
