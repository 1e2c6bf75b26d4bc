"""One run on many machines: pieces of its inputs, done by actors of a Ray cluster, joined at the end."""
