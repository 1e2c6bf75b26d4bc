"""The rows of the registry, one module a source."""
