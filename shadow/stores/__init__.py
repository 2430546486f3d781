"""Stores of findings beside the file of one machine; named only where a process is wired up."""
