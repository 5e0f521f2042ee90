"""Drug safety: what a graph holds against giving a drug to a patient; nothing here is learned."""
