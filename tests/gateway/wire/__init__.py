"""Tests of gateway/wire."""
