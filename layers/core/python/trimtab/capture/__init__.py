"""From the bytes of a capture object to rows, and from rows to profiles that add."""
