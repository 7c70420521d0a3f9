"""Fixtures for every test live beside the tests that use them; the settings are in tests/settings.py."""

from hypothesis import HealthCheck, settings

# How fast a machine is today is no property of the code.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
