"""The only place that talks to AWS: one module per service, typed in and out, no decisions."""
