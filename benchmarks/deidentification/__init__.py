"""A test set for de-identification: made-up notes, and passages marked by hand. See README.md."""
