// What speaks against drugs for a patient
// Topic: patients
//
// Allergies to the drug, its class or what it is a form of (in two steps), contraindications for a
// patient's diseases, interactions with the patient's drugs, and adverse effects that the patient has
// already. No row is no proof that a drug is safe. medkg recommend looks further: at wider diseases,
// equal names and drugs like it.
//
// Parameters
//   patient: identifier of Patient such as "patient:1". The patient.
//   drugs: identifiers of Drug such as ["drugbank:DB00945", "drugbank:DB00682"]. Candidates.
//   top: integer = 100. Rows at most, the gravest first.
// Columns
//   drug: the drug's identifier
//   drug_name: its name
//   warning: allergy, contraindicated, interaction or adverse effect
//   about: identifier of the patient's disease, drug or symptom, or of what the allergy is to
//   about_name: its name
//   effect: what the interaction does or the allergy did, where a source says so
//   probability: the edge's probability
//   sources: the sources that have it
//   references: what they cite
MATCH (patient:Patient {id: $patient})
  -[has:HAS_DISEASE|HAS_PHENOTYPE|TAKES|ALLERGIC_TO]->(what)
UNWIND $drugs AS id
MATCH (drug:Drug {id: id})
OPTIONAL MATCH (drug)-[against:CONTRAINDICATED_FOR|INTERACTS_WITH|CAUSES]-(what)
OPTIONAL MATCH (drug)-[form:SUBCLASS_OF|IN_CLASS]->(what)
OPTIONAL MATCH (drug)-[:SUBCLASS_OF]->(:Drug)-[further:SUBCLASS_OF|IN_CLASS]->(what)
WITH drug, what, has, against, coalesce(form, further) AS form,
  type(has) = 'ALLERGIC_TO' AS allergic
WHERE (allergic AND (drug.id = what.id OR form IS NOT NULL))
  OR (NOT allergic AND against IS NOT NULL)
WITH DISTINCT drug, what, CASE WHEN allergic THEN has ELSE against END AS edge
WITH drug, what, edge, CASE type(edge) WHEN 'ALLERGIC_TO' THEN 0 WHEN 'CONTRAINDICATED_FOR' THEN 1
  WHEN 'INTERACTS_WITH' THEN 2 ELSE 3 END AS place
ORDER BY place, edge.probability DESC, drug.id, what.id
LIMIT $top
OPTIONAL MATCH (e:Evidence {edge: edge.id})
WITH drug, edge, what, place, e
ORDER BY e.id
WITH drug, edge, what, place, collect(e.references) AS lists
RETURN drug.id AS drug, drug.name AS drug_name,
  CASE place WHEN 0 THEN 'allergy' WHEN 1 THEN 'contraindicated' WHEN 2 THEN 'interaction'
    ELSE 'adverse effect' END AS warning,
  what.id AS about, what.name AS about_name, coalesce(edge.effect, edge.reaction) AS effect,
  edge.probability AS probability, edge.sources AS sources,
  reduce(all = [], list IN lists | all + list) AS references
ORDER BY place, probability DESC, drug, about
