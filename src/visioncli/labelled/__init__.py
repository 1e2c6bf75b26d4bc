"""Pictures with the classes that they are of: what networks are trained on and measured with."""
