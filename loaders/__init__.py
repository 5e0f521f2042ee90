"""Curated sources to a KnowledgeGraph, one file each."""
