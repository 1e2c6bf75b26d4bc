"""How a network learns: looking at the data, splits, features that are computed once, the loop, the run's folder."""
