"""The providers app."""

from django.apps import AppConfig


class ProvidersConfig(AppConfig):
    """Providers and their credentials."""

    name = "providers"
    verbose_name = "Providers"
