"""What a note says about a mention: negation, certainty, whose, when, how much."""
