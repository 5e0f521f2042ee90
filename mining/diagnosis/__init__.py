"""Diagnosis: the patient's node classified over all diseases."""
