"""Joining the shards of one run: `vision merge`."""
