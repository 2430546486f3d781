"""Tests of gateway/sessions."""
