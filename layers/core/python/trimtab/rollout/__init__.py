"""Canary judgement and traffic shifting: minutes of two variants → decision; the ladder, restoration, their records."""
