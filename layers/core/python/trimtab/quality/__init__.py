"""How good a model's answers are: with labels that come late, and without any."""
