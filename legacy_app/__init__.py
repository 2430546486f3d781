"""Workplace Roleplay as it has always been: a Flask application behind gunicorn."""
