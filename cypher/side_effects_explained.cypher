// Side effects of a drug that one of its targets may explain
// Topic: safety
//
// For each side effect, the target of the drug whose other drugs cause it most often, compared
// with all drugs. Drugs on one target are often of one class, so it need not be the target.
//
// Parameters
//   drug: identifier of Drug such as "drugbank:DB00619". The drug.
//   at_least: integer = 3. Other drugs on the target that cause it.
//   adme: boolean = false. Also targets that take part in a drug's fate (enzymes, transporters).
//   top: integer = 30. Rows at most, the most telling first.
// Columns
//   effect: the side effect's identifier
//   effect_name: its name
//   target: the target's identifier
//   target_name: its name
//   drugs: how many other drugs on the target cause it
//   share: of the other drugs on the target
//   elsewhere: share of all drugs with side effects that cause it
//   lift: the one by the other
//   path: drug, target and side effect
MATCH (any:Drug)
WHERE EXISTS { (any)-[:CAUSES]->() }
WITH count(any) AS drugs
MATCH (drug:Drug {id: $drug})-[:CAUSES]->(effect)
WITH drugs, drug, collect(effect.id) AS own
MATCH (drug)-[:TARGETS]->(target:Target)<-[:TARGETS]-(other:Drug)
WHERE other.id <> $drug AND ($adme OR target.adme IS NULL) AND EXISTS { (other)-[:CAUSES]->() }
WITH drugs, own, drug, target, collect(other) AS others
WHERE size(others) >= $at_least
UNWIND others AS other
WITH drugs, own, drug, other, collect({target: target, acting: size(others)}) AS acted_on
MATCH (other)-[:CAUSES]->(effect)
WHERE effect.id IN own
UNWIND acted_on AS one
WITH drugs, drug, one.target AS target, one.acting AS acting, effect, count(other) AS causing
WHERE causing >= $at_least
WITH drugs, drug, effect,
  collect({target: target, causing: causing, share: 1.0 * causing / acting}) AS by_target
WITH drug, effect, by_target, 1.0 * COUNT { (effect)<-[:CAUSES]-(:Drug) } / drugs AS elsewhere
UNWIND by_target AS each
WITH drug, each.target AS target, effect, each.causing AS causing, each.share AS share, elsewhere,
  each.share / elsewhere AS lift
WHERE share > elsewhere
ORDER BY causing * log(lift) DESC, target.id
WITH drug, effect, collect({target: target, causing: causing, share: share,
  elsewhere: elsewhere, lift: lift})[0] AS best
WITH drug, effect, best, best.target AS target
ORDER BY best.causing * log(best.lift) DESC, effect.id
LIMIT $top
RETURN effect.id AS effect, effect.name AS effect_name, target.id AS target,
  target.name AS target_name, best.causing AS drugs, best.share AS share,
  best.elsewhere AS elsewhere, best.lift AS lift,
  drug.name + ' → ' + target.name + ' → ' + effect.name AS path
ORDER BY drugs * log(lift) DESC, effect
