// What the last load brought about an entity
// Topic: evidence
//
// Its relations that the last load, or all since the one given, wrote evidence for. Evidence that
// was there and is written with other content, as of a later release, is no new assertion.
//
// Parameters
//   entity: identifier such as "drugbank:DB00619". Of any kind.
//   since: load = null. A load by its id, and all after it; none: the last one.
//   top: integer = 50. Rows at most, the latest first.
// Columns
//   relation: the relation
//   other: identifier of what is at the other end
//   other_name: its name
//   polarity: asserted or negated
//   evidence: the sentence or, without one, the source
//   is_new: whether it asserts a relation that nothing before these loads asserted
//   time: of the load
//   path: both ends
 MATCH (l:Load)
 WITH max(CASE WHEN $since IS NULL OR l.id = $since THEN l.time END) AS start
 MATCH (l:Load)
 WHERE l.time >= start
 WITH collect(l.id) AS loads
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
WITH loads, coalesce(n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, n12, n13, n14, n15) AS entity
 MATCH (entity)-[edge]-(other)
 WHERE NOT type(edge) STARTS WITH 'PREDICTED_'
 MATCH (e:Evidence {edge: edge.id})
 WHERE e.load IN loads
 MATCH (l:Load {id: e.load})
 WITH loads, e.edge AS edge, e.id AS id, type(edge) AS relation, other.id AS other,
   other.name AS other_name, e.polarity AS polarity, coalesce(e.sentence, e.source) AS evidence,
   e.polarity = 'asserted' AND e.certainty <> 'hypothetical' AND e.experiencer = 'patient'
     AND e.temporality = 'current' AS asserts,
   l.time AS time,
   CASE WHEN startNode(edge) = entity THEN entity.name + ' → ' + other.name
     ELSE entity.name + ' ← ' + other.name END AS path
 ORDER BY time DESC, relation, other, id
 LIMIT $top
 RETURN relation, other, other_name, polarity, evidence,
   asserts AND NOT EXISTS {
     MATCH (before:Evidence {edge: edge})
     WHERE before.polarity = 'asserted' AND before.certainty <> 'hypothetical'
       AND before.experiencer = 'patient' AND before.temporality = 'current'
       AND NOT coalesce(before.first_load, before.load) IN loads
   } AS is_new,
   time, path
 ORDER BY time DESC, relation, other, id
