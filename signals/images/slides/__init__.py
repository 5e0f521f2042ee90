"""Slides of tissue: read in tiles, and classified by attention over them."""
