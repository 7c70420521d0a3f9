"""What we speak to upstreams: one module or package per wire format, none knowing another."""
