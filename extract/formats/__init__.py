"""Readers of the forms that documents come in: one module for each."""
