"""Where weight files are, how they come here, and how they are read and put into a network."""
