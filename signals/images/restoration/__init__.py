"""Pictures with their noise taken out, or at twice their size."""
