"""Findings in words that no name has: their likeness to the names of phenotypes, by a model."""
