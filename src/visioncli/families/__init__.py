"""Networks of other libraries, and files that bring their own graph."""
