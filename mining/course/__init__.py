"""Risk of an event over time, from a patient's visits."""
