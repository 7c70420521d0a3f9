from tests.proxy.conftest import live, upstream

__all__ = ["live", "upstream"]
