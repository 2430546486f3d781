"""Tests that keep the documents and the floor plan true."""
