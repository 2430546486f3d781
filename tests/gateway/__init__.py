"""Tests of the gateway, mirroring `gateway/`."""
