"""Tests of what runs Banyan in production, run for real."""
