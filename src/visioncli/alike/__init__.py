"""Pictures that look alike: the nearest by their features, and those that are the same picture."""
