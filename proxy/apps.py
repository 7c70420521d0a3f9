"""The proxy app."""

from django.apps import AppConfig


class ProxyConfig(AppConfig):
    """Logical models, routing, client keys and the request history."""

    name = "proxy"
    verbose_name = "Routing and history"

    def ready(self) -> None:
        """Let every change of configuration reach the snapshots of all processes."""
        from proxy import revision

        revision.connect()
