"""Nuclei in pictures of microscopes: outlined, counted and measured."""
