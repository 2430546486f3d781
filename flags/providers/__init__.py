"""Other sources of dials than the state of this machine. Named only where a process is wired up."""
