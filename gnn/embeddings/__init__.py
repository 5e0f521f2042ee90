"""Embeddings of a whole graph: a vector for every node and relation, trained on its triples."""
