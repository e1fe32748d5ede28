"""Reports on drift for people who want to see the rows: what they show, and how it goes with the verdict."""
