"""Recognising mentions: models, names, training, evaluation."""
