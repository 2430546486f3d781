"""Tests of `gateway/cli`, through its front door."""
