"""The proxy app."""

from django.apps import AppConfig


class ProxyConfig(AppConfig):
    """Logical models, routing, client keys and the request history."""

    name = "proxy"
    verbose_name = "Routing and history"

    def ready(self) -> None:
        """Let every change of configuration reach all processes; a provider or key that is saved starts anew."""
        from proxy import health_store, revision

        revision.connect()
        health_store.connect()
