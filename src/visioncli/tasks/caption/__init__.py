"""Sentences about what was detected."""
