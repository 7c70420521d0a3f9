"""The ASGI entry: proxied paths to the light handler, everything else to Django."""

from __future__ import annotations

import os
from typing import cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ccmsite.settings")

from channels.routing import ProtocolTypeRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.exceptions import ImproperlyConfigured

if settings.CCM_COMPLAINTS:  # uvicorn and daphne run no system checks
    raise ImproperlyConfigured("; ".join(settings.CCM_COMPLAINTS))

django_app = get_asgi_application()  # the apps must be loaded before our own modules are

from ccmsite.light import App, LightHandler  # noqa: E402
from ccmsite.sockets import websocket_app  # noqa: E402

application = ProtocolTypeRouter({"http": LightHandler(cast(App, django_app)), "websocket": websocket_app()})
