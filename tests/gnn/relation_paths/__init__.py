"""One path network for all relations."""
