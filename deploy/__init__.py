"""What runs Banyan outside of a test: the demo, the rollback script."""
