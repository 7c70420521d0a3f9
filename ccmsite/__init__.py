"""The Django project: settings, the ASGI entry, the admin site, the server and its checks."""
