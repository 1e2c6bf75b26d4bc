"""Finding objects: boxes of classes."""
