"""Molecules: their structures, targets by structure, and screening of libraries."""
