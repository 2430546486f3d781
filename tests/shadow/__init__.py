"""Tests of the package shadow; the tree mirrors it."""
