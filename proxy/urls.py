"""The proxy's own paths. The light handler serves them; Django's handler can too."""

from __future__ import annotations

from django.urls import path, re_path

from proxy import views

urlpatterns = [
    path("v1/messages", views.messages),
    path("v1/messages/count_tokens", views.count_tokens),
    path("v1/chat/completions", views.chat_completions),
    path("v1/responses", views.responses),
    path("v1/models", views.models),
    path("v1/models/<path:model_id>", views.models),
    path("health", views.probe),
    path("healthz", views.probe),
    path("readyz", views.ready),
    path("api/hello", views.probe),
    path("api/statusline", views.status_line),
    path("metrics", views.metrics),
    re_path(r"^v1(?:/(?P<path>.*))?$", views.not_found),
]
