"""What users name -> a stream of items; what is read from files and servers."""
