"""Pictures made of pictures: styles of painters and of the user's own."""
