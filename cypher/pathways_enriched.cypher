// Pathways in which a disease's genes are frequent
// Topic: targets
//
// How many of the disease's targets take part in each pathway, against how many would by chance.
// The probability is of at least so many by chance (Poisson), before any correction for the number
// of pathways.
//
// Parameters
//   disease: identifier of Disease such as "DOID:2841". The disease.
//   at_least: integer = 3. Targets of the disease in the pathway.
//   top: integer = 20. Rows at most, the least probable by chance first.
// Columns
//   pathway: the pathway's identifier
//   pathway_name: its name
//   p: probability of so many by chance
//   fold: how many times as many as by chance
//   targets: how many of the disease's targets
//   size: how many targets take part in it
//   names: names of up to ten of them
MATCH (any:Target)
WHERE EXISTS { (any)-[:PARTICIPATES_IN]->(:Pathway) }
WITH count(any) AS background
MATCH (:Disease {id: $disease})-[:ASSOCIATED_WITH]->(own:Target)
WHERE EXISTS { (own)-[:PARTICIPATES_IN]->(:Pathway) }
WITH background, count(own) AS n
MATCH (:Disease {id: $disease})-[:ASSOCIATED_WITH]->(target:Target)
MATCH (target)-[:PARTICIPATES_IN]->(each:Pathway)
WITH background, n, each.id AS id, target.name AS name
ORDER BY name
WITH background, n, id, collect(name) AS names
WHERE size(names) >= $at_least
MATCH (pathway:Pathway {id: id})
WITH n, pathway, names, background, COUNT { (pathway)<-[:PARTICIPATES_IN]-() } AS size
WITH pathway.id AS pathway, pathway.name AS pathway_name, names, size, size(names) AS k,
  1.0 * n * size / background AS mean
WITH pathway, pathway_name, names, size, k, mean,
  exp(k * log(mean) - mean - reduce(sum = 0.0, i IN range(1, k) | sum + log(i)))
    * reduce(sum = 1.0, j IN range(1, 30) |
      sum + reduce(term = 1.0, i IN range(1, j) | term * mean / (k + i))) AS p
WHERE k > mean
RETURN pathway, pathway_name, p, k / mean AS fold, k AS targets, size, names[..10] AS names
ORDER BY p, pathway
LIMIT $top
