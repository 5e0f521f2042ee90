"""Groups of patients: what characterises them, and what treatments do, confounding named."""
