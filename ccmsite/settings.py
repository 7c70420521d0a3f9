"""Settings. Everything an operator may change comes from the environment (see docs/configuration.md)."""

from __future__ import annotations

import os
from typing import Any

from django.templatetags.static import static

from ccmsite import environment
from ccmsite.environment import BASE_DIR, env
from ccmsite.logs import logging_config
from ccmsite.navigation import navigation
from ccmsite.sqlite import PrivateConnection

CCM_COMPLAINTS: list[str] = environment.load()
"""What is wrong with the environment; the system checks turn each into an error with a hint."""


def _noted(result: tuple[Any, str]) -> Any:
    value, complaint = result
    if complaint:
        CCM_COMPLAINTS.append(complaint)
    return value


DEBUG = env.bool("DEBUG", False)
SECRET_KEY = os.environ.get("SECRET_KEY", "")
ALLOWED_HOSTS = [host.strip() for host in env.list("ALLOWED_HOSTS", default=[]) if host.strip()] or [
    "localhost",
    "127.0.0.1",
    "[::1]",
]
CSRF_TRUSTED_ORIGINS = [origin.strip() for origin in env.list("CSRF_TRUSTED_ORIGINS", default=[]) if origin.strip()]

CCM_FIELD_KEYS = [key.strip() for key in os.environ.get("CCM_FIELD_KEYS", "").split(",") if key.strip()]
CCM_HTTPS = env.bool("CCM_HTTPS", False)
CCM_REQUIRE_CLIENT_KEY = _noted(environment.choice("CCM_REQUIRE_CLIENT_KEY", ("auto", "always", "never"), "auto"))
CCM_MAX_BODY_MB = _noted(environment.number("CCM_MAX_BODY_MB", 64))
CCM_MAX_BODY_BYTES = int(CCM_MAX_BODY_MB * 1024 * 1024)
CCM_LOG_LEVEL = _noted(
    environment.choice("CCM_LOG_LEVEL", ("debug", "info", "warning", "error", "critical"), "info")
).upper()
CCM_LOG_FORMAT = _noted(environment.choice("CCM_LOG_FORMAT", ("console", "json"), "console"))
CCM_METRICS_TOKEN = os.environ.get("CCM_METRICS_TOKEN", "")
CCM_SPILL_MB = _noted(environment.number("CCM_SPILL_MB", 256))
CCM_SPILL_BYTES = int(CCM_SPILL_MB * 1024 * 1024)
CCM_STALE_CONFIG_S = 60 * _noted(environment.number("CCM_STALE_CONFIG_MINUTES", 15))
CCM_MEMORY_LIMIT_MB = _noted(environment.number("CCM_MEMORY_LIMIT_MB", 0))
CCM_RUN_DIR = os.environ.get("CCM_RUN_DIR", "") or BASE_DIR / "run"
REDIS_URL = _noted(environment.redis_url("REDIS_URL"))
CCM_OAUTH_CLIENTS = environment.oauth_clients()

INSTALLED_APPS = [
    "daphne",
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.simple_history",
    "simple_history",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "channels",
    "ccmsite",
    "providers",
    "proxy",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "axes.middleware.AxesMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]

ROOT_URLCONF = "ccmsite.urls"
ASGI_APPLICATION = "ccmsite.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES: dict[str, dict[str, Any]] = {"default": _noted(environment.database("DATABASE_URL", "sqlite:///db.sqlite3"))}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # One writer at a time is SQLite's nature: wait for it, and take the lock when a transaction opens.
    DATABASES["default"]["OPTIONS"] = {
        "factory": PrivateConnection,
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA busy_timeout=20000",
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
    }
else:
    # The pool's waits between attempts grow up to minutes: give up soon, so that the next query tries afresh.
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
        "min_size": 1, "max_size": 8, "timeout": 10, "reconnect_timeout": 5,
    }  # fmt: skip
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": (
        {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [REDIS_URL], "prefix": environment.layer_prefix(SECRET_KEY)},
        }
        if REDIS_URL
        else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    )
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en-us"
TIME_ZONE = _noted(environment.time_zone("TIME_ZONE", "UTC"))
USE_I18N = True
FORMAT_MODULE_PATH = "ccmsite.formats"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
SERVESTATIC_USE_FINDERS = True
"""Static files are served from the packages themselves: no collectstatic before the first run."""

# Coding agents send conversations, not forms: the cap is CCM_MAX_BODY_MB, enforced before Django sees the body.
DATA_UPLOAD_MAX_MEMORY_SIZE = CCM_MAX_BODY_BYTES

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_SAVE_EVERY_REQUEST = False
CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        # The theme's scripts (Alpine) evaluate the expressions in its markup; there is no inline script.
        "script-src": ["'self'", "'unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

AXES_FAILURE_LIMIT = 5
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_COOLOFF_TIME = "ccmsite.throttle.cool_off"
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = True
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "admin/locked.html"
AXES_HTTP_RESPONSE_CODE = 429
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
# Only the address of the connection: a header that names another is the client's own word.
AXES_CLIENT_IP_CALLABLE = "ccmsite.throttle.address"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CCM_HTTPS
CSRF_COOKIE_SECURE = CCM_HTTPS
SECURE_SSL_REDIRECT = CCM_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if CCM_HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if CCM_HTTPS else None

LOGGING = logging_config(CCM_LOG_LEVEL, CCM_LOG_FORMAT)

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "CCM",
    "SITE_HEADER": "CCM",
    "SITE_SUBHEADER": "Coding-agent proxy",
    "SITE_URL": None,
    "SITE_SYMBOL": "alt_route",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "sizes": "any", "href": lambda request: static("proxy/favicon.svg")}
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [lambda request: static("proxy/pages.css")],
    "DASHBOARD_CALLBACK": "proxy.pages.dashboard.index",
    "SIDEBAR": {"show_search": True, "navigation": navigation()},
}
