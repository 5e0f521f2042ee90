"""One path network for all relations of a graph."""
