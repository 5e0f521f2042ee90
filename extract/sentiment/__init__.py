"""What patients write of their drugs: how they rate them, effect, and side effects."""
