// What the drugs of a class have in common: targets and side effects
// Topic: safety
//
// Side effects that drugs of the class cause more often than other drugs do, with the targets that
// most of the drugs with this effect act on.
//
// Parameters
//   drug_class: identifier of DrugClass such as "NDFRT:N0000175076". The class.
//   at_least: integer = 2. Drugs of the class that cause it.
//   adme: boolean = false. Also targets that take part in a drug's fate (enzymes, transporters).
//   top: integer = 30. Rows at most, the most drugs first.
// Columns
//   effect: the side effect's identifier
//   effect_name: its name
//   drugs: how many drugs of the class cause it
//   share: of the drugs of the class
//   elsewhere: share of all drugs with side effects that cause it
//   targets: names of up to three targets of these drugs, the commonest first
MATCH (any:Drug)
WHERE EXISTS { (any)-[:CAUSES]->() }
WITH count(any) AS drugs
MATCH (class:DrugClass {id: $drug_class})<-[:IN_CLASS]-(drug:Drug)
WITH drugs, collect(drug) AS members
UNWIND members AS drug
MATCH (drug)-[:CAUSES]->(effect)
WITH drugs, size(members) AS size, effect, collect(drug) AS causing
WHERE size(causing) >= $at_least
WITH size, effect, causing, 1.0 * COUNT { (effect)<-[:CAUSES]-(:Drug) } / drugs AS elsewhere
WHERE 1.0 * size(causing) / size > elsewhere
WITH size, effect, causing, elsewhere
ORDER BY size(causing) DESC, elsewhere, effect.id
LIMIT $top
UNWIND causing AS drug
OPTIONAL MATCH (drug)-[:TARGETS]->(target:Target)
WHERE $adme OR target.adme IS NULL
WITH size, effect, size(causing) AS causing, elsewhere, target, count(DISTINCT drug) AS acting
ORDER BY acting DESC, target.name
WITH size, effect, causing, elsewhere, collect(target.name)[..3] AS targets
RETURN effect.id AS effect, effect.name AS effect_name, causing AS drugs,
  1.0 * causing / size AS share, elsewhere, targets
ORDER BY drugs DESC, elsewhere, effect
