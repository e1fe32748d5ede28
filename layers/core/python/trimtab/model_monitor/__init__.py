"""Model Monitor's documents, read and written: for people whose dashboards and baselines are made for it."""
