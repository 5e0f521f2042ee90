// Side effects that drugs on a target cause more often than others
// Topic: safety
//
// What to expect of a new drug on a target, by the drugs that act on it already: the share of them
// that cause an effect, against that of all drugs.
//
// Parameters
//   target: identifier of Target such as "NCBIGene:3815". The target.
//   at_least: integer = 3. Drugs on the target that cause it.
//   top: integer = 30. Rows at most, the most telling first.
// Columns
//   effect: the side effect's identifier
//   effect_name: its name
//   drugs: how many drugs on the target cause it
//   share: of the drugs on the target that have side effects on record
//   elsewhere: share of all such drugs that cause it
//   lift: the one by the other
//   examples: names of up to five of these drugs
MATCH (any:Drug)
WHERE EXISTS { (any)-[:CAUSES]->() }
WITH count(any) AS drugs
MATCH (:Target {id: $target})<-[:TARGETS]-(own:Drug)
WHERE EXISTS { (own)-[:CAUSES]->() }
WITH drugs, count(own) AS acting
MATCH (:Target {id: $target})<-[:TARGETS]-(drug:Drug)
MATCH (drug)-[:CAUSES]->(effect)
WITH drugs, acting, effect, count(drug) AS causing
WHERE causing >= $at_least
WITH effect, causing, 1.0 * causing / acting AS share,
  1.0 * COUNT { (effect)<-[:CAUSES]-(:Drug) } / drugs AS elsewhere
WHERE share > elsewhere
WITH effect, causing, share, elsewhere, share / elsewhere AS lift
ORDER BY causing * log(lift) DESC, effect.id
LIMIT $top
RETURN effect.id AS effect, effect.name AS effect_name, causing AS drugs, share, elsewhere, lift,
  COLLECT {
    MATCH (:Target {id: $target})<-[:TARGETS]-(drug:Drug)-[:CAUSES]->(effect)
    RETURN drug.name ORDER BY drug.name LIMIT 5
  } AS examples
ORDER BY drugs * log(lift) DESC, effect
