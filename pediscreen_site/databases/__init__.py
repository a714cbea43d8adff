"""Django's own databases, whose errors are counted."""
