"""New molecules: language models of SMILES, trained on a library and guided by known ligands."""
