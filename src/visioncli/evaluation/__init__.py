"""How good a network is: predictions for pictures whose answer is known, and numbers with their intervals."""
