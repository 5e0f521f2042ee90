// The most connected diseases, drugs and targets
// Topic: graph
//
// How many relationships each has; of a target only those with drugs and diseases. What nearly
// everything leads to says little of a path through it. Betweenness and communities need more than
// one query: medkg central.
//
// Parameters
//   top: integer = 10. Rows at most, of each kind, the most connected first.
// Columns
//   kind: Disease, Drug or Target
//   entity: the entity's identifier
//   entity_name: its name
//   degree: how many relationships it has
CALL {
  MATCH (n:Drug)
  WITH n, COUNT { (n)--() } AS degree
  ORDER BY degree DESC, n.id
  LIMIT $top
  RETURN 'Drug' AS kind, n, degree
  UNION ALL
  MATCH (n:Disease)
  WITH n, COUNT { (n)--() } AS degree
  ORDER BY degree DESC, n.id
  LIMIT $top
  RETURN 'Disease' AS kind, n, degree
  UNION ALL
  CALL {
    MATCH (:Disease)-[:ASSOCIATED_WITH]->(n:Target)
    RETURN n, count(*) AS joined
    UNION ALL
    MATCH (:Drug)-[:TARGETS]->(n:Target)
    RETURN n, count(*) AS joined
  }
  WITH n, sum(joined) AS degree
  ORDER BY degree DESC, n.id
  LIMIT $top
  RETURN 'Target' AS kind, n, degree
}
RETURN kind, n.id AS entity, n.name AS entity_name, degree
ORDER BY kind, degree DESC, entity
