"""Relations between mentions: models, rules, training, evaluation."""
