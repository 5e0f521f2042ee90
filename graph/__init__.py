"""The hub: schema, KnowledgeGraph, evidence, identifiers, stores. Imports nothing else of medkg."""
