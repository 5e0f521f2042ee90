"""The query library: one .cypher file per question."""
