"""What speaks against giving a drug to a patient, read from the graph; nothing here is learned."""
