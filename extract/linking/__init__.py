"""Mentions to the identifiers of a graph."""
