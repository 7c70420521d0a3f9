"""The site app: system checks and the server's commands."""

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """Registers the system checks."""

    name = "ccmsite"
    verbose_name = "Site"
