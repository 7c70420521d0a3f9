"""Fixtures for every test live beside the tests that use them; the settings are in tests/settings.py."""
