"""Learning masks: a class for each pixel."""
