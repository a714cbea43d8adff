"""Django's sqlite3, whose errors are counted."""
