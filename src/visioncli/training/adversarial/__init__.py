"""How networks learn that make pictures: several of them, against each other, step by step in turns."""
