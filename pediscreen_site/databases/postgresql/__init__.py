"""Django's postgresql, whose errors are counted."""
