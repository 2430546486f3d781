"""Tests of the shadow's work."""
