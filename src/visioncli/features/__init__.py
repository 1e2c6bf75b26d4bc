"""Features of pictures, and the cache in which training and `vision embed` keep them."""
