"""Tests of `gateway/admin`, through its front door."""
