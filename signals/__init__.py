"""Examinations: signals and values become coded findings of a patient."""
