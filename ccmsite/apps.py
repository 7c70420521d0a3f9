"""The site app: system checks and the server's commands."""

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """Registers the system checks and keeps the roles."""

    name = "ccmsite"
    verbose_name = "Site"

    def ready(self) -> None:
        """Have the checks run with every command, and the roles kept after every migration."""
        from ccmsite import roles
        from ccmsite.checks import register_checks

        register_checks()
        roles.connect()
