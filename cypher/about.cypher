// What the graph knows of an entity
// Topic: graph
//
// Its relations, and predictions of models, by relation and by the kind of what is at the other
// end, with examples.
//
// Parameters
//   entity: identifier such as "drugbank:DB00619". Of any kind.
// Columns
//   relation: the relation
//   direction: out, where the entity is its subject, or in
//   kind: of what is at the other end
//   count: how many
//   examples: names of up to five, the most probable first
//   sources: the sources that say so
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
WITH entity, edge, other
ORDER BY edge.probability DESC, other.name
WITH type(edge) AS relation,
  CASE WHEN startNode(edge) = entity THEN 'out' ELSE 'in' END AS direction,
  labels(other)[0] AS kind, collect(other.name) AS names, collect(edge.sources) AS lists
RETURN relation, direction, kind, size(names) AS `count`, names[..5] AS examples,
  reduce(all = [], list IN lists | all + [s IN list WHERE NOT s IN all]) AS sources
ORDER BY `count` DESC, relation, direction, kind
