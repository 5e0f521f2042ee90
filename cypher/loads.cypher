// What was loaded into the graph, and when
// Topic: graph
//
// Every load, with its sources and how it ended; new_since_last_load shows what it says of an
// entity.
//
// Parameters
//   top: integer = 20. Rows at most, the latest first.
// Columns
//   load: its id
//   name: its name
//   time: when it began
//   state: complete, interrupted or writing
//   sources: its sources
//   counts: what was added, changed and removed, as JSON
MATCH (l:Load)
RETURN l.id AS `load`, l.name AS name, l.time AS time, l.state AS state, l.sources AS sources,
  l.counts AS counts
ORDER BY time DESC, `load`
LIMIT $top
