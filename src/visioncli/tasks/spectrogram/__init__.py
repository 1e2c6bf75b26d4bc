"""Drawing what a recording sounds like."""
