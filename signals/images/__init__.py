"""Pictures of examinations: read, classified, and what they show as findings."""
