"""Tests of the flags."""
