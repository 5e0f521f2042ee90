// Molecules that a generator wrote for a target
// Topic: hypotheses
//
// Ideas, of which nothing is known: none of them is a drug of the graph, and other questions about
// drugs don't list them. What the score is, and how they were made, is in the explanation.
//
// Parameters
//   target: identifier of Target such as "NCBIGene:3815". The target.
//   top: integer = 50. Rows at most, those of the latest generation first, the best ranked first.
// Columns
//   molecule: its identifier, an InChIKey
//   smiles: its structure, without stereochemistry
//   score: by what it was ranked
//   rank: its rank in its generation
//   model: the generation, as it is forgotten by
//   generated_on: when
//   qed: drug-likeness, 0 to 1
//   sa: synthetic accessibility, 1 (looks easy) to 10
//   explanation: the generator and its checksum, what guided it, how the molecule was made, as JSON
MATCH (molecule:Molecule)-[prediction:PREDICTED_TARGETS]->(:Target {id: $target})
RETURN molecule.id AS molecule, molecule.smiles AS smiles, prediction.score AS score,
  prediction.rank AS rank, prediction.model AS model, prediction.date AS generated_on,
  molecule.qed AS qed, molecule.sa AS sa, prediction.explanation AS explanation
ORDER BY generated_on DESC, model, rank, molecule
LIMIT $top
