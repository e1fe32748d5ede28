"""From findings to messages that people read."""
