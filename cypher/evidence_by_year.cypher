// Evidence about an entity by year
// Topic: evidence
//
// How many pieces of evidence speak of its relations, for and against, by the year that a source
// gives them; without a year they come last.
//
// Parameters
//   entity: identifier such as "drugbank:DB00619". Of any kind.
//   relation: relation = null. Only this relation.
// Columns
//   year: the year
//   relation: the relation
//   asserted: pieces of evidence for one
//   negated: pieces of evidence against one
//   sources: the sources
OPTIONAL MATCH (n1:Drug {id: $entity})
OPTIONAL MATCH (n2:Disease {id: $entity})
OPTIONAL MATCH (n3:Target {id: $entity})
OPTIONAL MATCH (n4:Symptom {id: $entity})
OPTIONAL MATCH (n5:DrugClass {id: $entity})
OPTIONAL MATCH (n6:Anatomy {id: $entity})
OPTIONAL MATCH (n7:Pathway {id: $entity})
OPTIONAL MATCH (n8:BiologicalProcess {id: $entity})
OPTIONAL MATCH (n9:MolecularFunction {id: $entity})
OPTIONAL MATCH (n10:CellularComponent {id: $entity})
OPTIONAL MATCH (n11:Exposure {id: $entity})
OPTIONAL MATCH (n12:Patient {id: $entity})
OPTIONAL MATCH (n13:Procedure {id: $entity})
OPTIONAL MATCH (n14:Document {id: $entity})
OPTIONAL MATCH (n15:Molecule {id: $entity})
WITH coalesce(n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, n12, n13, n14, n15) AS entity
MATCH (entity)-[edge]-()
WHERE NOT type(edge) STARTS WITH 'PREDICTED_' AND ($relation IS NULL OR type(edge) = $relation)
MATCH (e:Evidence {edge: edge.id})
WITH left(e.date, 4) AS year, e.relation AS relation, e.polarity AS polarity, e.source AS source
ORDER BY source
RETURN year, relation, sum(CASE polarity WHEN 'asserted' THEN 1 ELSE 0 END) AS asserted,
  sum(CASE polarity WHEN 'negated' THEN 1 ELSE 0 END) AS negated,
  collect(DISTINCT source) AS sources
ORDER BY year DESC, relation
