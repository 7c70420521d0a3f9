"""The ASGI entry: proxied paths to the light handler, everything else to Django."""

from __future__ import annotations

import os
from typing import cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ccmsite.settings")

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

django_app = get_asgi_application()  # the apps must be loaded before our own modules are

from ccmsite.light import App, LightHandler  # noqa: E402
from ccmsite.sockets import websocket_app  # noqa: E402

application = ProtocolTypeRouter({"http": LightHandler(cast(App, django_app)), "websocket": websocket_app()})
