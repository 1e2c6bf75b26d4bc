"""Where the evidence for an answer lies."""
