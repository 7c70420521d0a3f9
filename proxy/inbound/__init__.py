"""What clients speak to us: one module per wire format, none knowing another."""
