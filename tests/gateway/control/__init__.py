"""Tests of `gateway/control`, through its front door."""
