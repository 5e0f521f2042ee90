"""Annotated corpora and their readers."""
