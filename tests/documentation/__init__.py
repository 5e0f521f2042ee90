"""The commands of README and docs, run in the pages' order."""
