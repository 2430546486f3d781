"""The shared streams, on a real Redis."""
