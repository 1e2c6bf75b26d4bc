"""The set that is learned from: looked at, split, read and augmented."""
