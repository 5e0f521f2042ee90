// The best and the least supported facts about an entity
// Topic: evidence
//
// Its relations by how many sources and pieces of evidence assert them.
//
// Parameters
//   entity: identifier such as "drugbank:DB00619". Of any kind.
//   least: boolean = false. The least supported first.
//   top: integer = 30. Rows at most, the best supported first.
// Columns
//   relation: the relation
//   other: identifier of what is at the other end
//   other_name: its name
//   sources: the sources that assert it
//   evidence_count: pieces of evidence that assert it
//   probability: of the edge
//   path: both ends
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
MATCH (entity)-[edge]-(other)
WHERE NOT type(edge) STARTS WITH 'PREDICTED_' AND type(edge) <> 'MENTIONS'
WITH entity, edge, other, CASE WHEN $least THEN -1 ELSE 1 END AS sign
RETURN type(edge) AS relation, other.id AS other, other.name AS other_name, edge.sources AS sources,
  edge.evidence_count AS evidence_count, edge.probability AS probability,
  CASE WHEN startNode(edge) = entity THEN entity.name + ' → ' + other.name
    ELSE entity.name + ' ← ' + other.name END AS path
ORDER BY sign * size(sources) DESC, sign * evidence_count DESC, sign * probability DESC, relation,
  other
LIMIT $top
