"""From profiles to a verdict: statistics, column and window decisions, hysteresis."""
