"""KnowledgeGraph to tensors: link prediction and diagnosis, ranked, calibrated, explained."""
