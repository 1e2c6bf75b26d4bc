"""Where people's joints are."""
