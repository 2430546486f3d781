"""Tests of gateway/capture."""
