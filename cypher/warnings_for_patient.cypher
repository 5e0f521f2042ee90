// What speaks against drugs for a patient
//
// Contraindications for a patient's diseases, interactions with the patient's drugs, and adverse
// effects that the patient has already. No row is no proof that a drug is safe. medkg recommend
// looks further: at wider diseases, equal names and forms of a drug.
//
// Parameters
//   patient: identifier of Patient. The patient.
//   drugs: identifiers of Drug. Those that might be given.
//   top: integer = 100. Rows at most, the gravest first.
// Columns
//   drug: the drug's identifier
//   drug_name: its name
//   warning: contraindicated, interaction or adverse effect
//   about: identifier of the patient's disease, drug or symptom
//   about_name: its name
//   effect: what the interaction does, where a source says so
//   probability: the edge's probability
//   sources: the sources that have it
//   references: what they cite
MATCH (patient:Patient {id: $patient})-[:HAS_DISEASE|HAS_PHENOTYPE|TAKES]->(what)
UNWIND $drugs AS id
MATCH (drug:Drug {id: id})-[edge:CONTRAINDICATED_FOR|INTERACTS_WITH|CAUSES]-(what)
WITH DISTINCT drug, edge, what,
  CASE type(edge) WHEN 'CONTRAINDICATED_FOR' THEN 0 WHEN 'INTERACTS_WITH' THEN 1 ELSE 2 END AS place
ORDER BY place, edge.probability DESC, drug.id, what.id
LIMIT $top
OPTIONAL MATCH (e:Evidence {edge: edge.id})
WITH drug, edge, what, place, e
ORDER BY e.id
WITH drug, edge, what, place, collect(e.references) AS lists
RETURN drug.id AS drug, drug.name AS drug_name,
  CASE place WHEN 0 THEN 'contraindicated' WHEN 1 THEN 'interaction' ELSE 'adverse effect' END
    AS warning,
  what.id AS about, what.name AS about_name, edge.effect AS effect,
  edge.probability AS probability, edge.sources AS sources,
  reduce(all = [], list IN lists | all + list) AS references
ORDER BY place, probability DESC, drug, about
