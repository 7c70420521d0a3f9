"""The proxy's pages: one noun a module."""

from proxy.admin import client_key, drill, health, history, logical_model, people, prices, provider, routing

__all__ = ["client_key", "drill", "health", "history", "logical_model", "people", "prices", "provider", "routing"]
