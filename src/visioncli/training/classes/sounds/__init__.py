"""What differs where classes are those of recordings."""
