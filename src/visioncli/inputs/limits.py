"""How large an input may be and how long it may take, for readers that are loaded only where they are used."""

TIMEOUT_SECONDS = 10.0
"""How long a server may stay silent."""
TOTAL_SECONDS = 60.0
"""How long one input may take in all, so that a trickle cannot hold up a batch."""
MAX_BYTES = 256 << 20
"""Of a download."""
MOST_MEMBER = 256 << 20
"""Bytes of a member of an archive, or of a picture in a table."""
