"""Small children for a real supervisor: they hold page rows, count, and answer with their process number."""
