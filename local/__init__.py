"""The local cloud, the traffic player and the demo. Never shipped."""
