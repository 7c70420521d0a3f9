"""Setting up a provider: from the choice of a vendor to the first request. The pages are in `proxy.pages`."""
