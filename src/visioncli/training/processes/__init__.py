"""How many processes a run has, and what each needs of the others."""
