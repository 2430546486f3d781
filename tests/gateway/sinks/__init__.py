"""Tests of `gateway/sinks`."""
