"""What a classifier sees in a picture before it names it."""
