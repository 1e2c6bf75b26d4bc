"""Learning classes: a head on frozen features, then layers."""
