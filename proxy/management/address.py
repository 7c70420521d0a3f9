"""ADDR:PORT as people type it."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Where a client on the same machine finds what listens here."""
        everywhere = self.host in ("0.0.0.0", "::")  # noqa: S104
        return f"http://{replace(self, host='127.0.0.1') if everywhere else self}"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """`127.0.0.1:13456`, `[::1]:13456` or a port alone. Raises ValueError, which names the fix."""
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{text!r} is no address: write ADDR:PORT, such as 127.0.0.1:13456")
    return Address(host.strip("[]") or "127.0.0.1", int(port))
