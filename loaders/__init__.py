"""Curated sources as graphs, one module for each source.

To add a source:

1. Write `loaders/NAME.py` with `load(path, quarantine, **options) -> KnowledgeGraph`. It reads the
   published files in parts and hands them to `KnowledgeGraph.from_parts` as an iterator of `Part`
   (frames of nodes and of evidence); a row that can't be used goes to `quarantine.add`.
2. Take what is ready: `text_tables` and `databases` read tables (CSV, TSV; parquet, SQL), `stream`
   finds files and reads lines and XML, `terms` reads ontologies, `frames` makes frames of rows,
   `clinical` collects patients and documents. A table that needs no code of its own is a mapping in
   `data/mappings`.
3. Describe it by a `SourceInfo` called `INFO` at the end of the module, and list that in `sources`.
4. Give `tests/loaders/test_NAME.py` a `SAMPLES`: the contract tests of all sources then run on it,
   and say what to write into `docs/sources.md`.
"""
