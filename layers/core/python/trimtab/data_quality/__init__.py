"""Faults of the data itself, as an upstream mistake makes them: told apart from a world that changed."""
