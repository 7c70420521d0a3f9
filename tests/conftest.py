"""What every test may use. Settings come from here, never from the developer's own `.env`."""

import os

from django.conf import settings

os.environ["CCM_ENV_FILE"] = os.devnull
os.environ.setdefault("SECRET_KEY", "only-for-tests")
os.environ.setdefault("CCM_FIELD_KEYS", "dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktdGVzdCE=")
os.environ.setdefault("CCM_LOG_LEVEL", "warning")

# pytest-django has loaded the settings before this file is read.
settings.SECRET_KEY = os.environ["SECRET_KEY"]
settings.CCM_FIELD_KEYS = os.environ["CCM_FIELD_KEYS"].split(",")
