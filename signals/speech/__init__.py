"""Recorded speech to text."""
