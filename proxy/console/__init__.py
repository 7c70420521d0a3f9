"""The console: a request made from a form, sent through the engine that serves clients, and watched on its way."""
