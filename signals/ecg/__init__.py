"""Electrocardiograms: read, cut into beats, classified, and what they show as findings."""
