"""Pictures that a network makes: from seeds, between them, of two of them, or nearest to a photograph."""
