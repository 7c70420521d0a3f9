"""The settings of the test run: never the developer's own `.env`; the database may come from DATABASE_URL."""

import os
import tempfile

os.environ["CCM_ENV_FILE"] = os.devnull
os.environ["SECRET_KEY"] = "only-for-tests"
os.environ["CCM_FIELD_KEYS"] = "dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktdGVzdCE="
os.environ["CCM_LOG_LEVEL"] = "warning"
os.environ["CCM_REQUIRE_CLIENT_KEY"] = "auto"
os.environ.pop("ALLOWED_HOSTS", None)

from ccmsite.settings import *  # noqa: F403
from ccmsite.settings import DATABASES

_run_dir = tempfile.TemporaryDirectory(prefix="ccm-tests-")  # gone when the process ends
CCM_RUN_DIR = os.environ.get("CCM_RUN_DIR") or _run_dir.name
# The usual one takes a second for each user on purpose.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    # Several clones may be tested on one server at the same time.
    DATABASES["default"]["TEST"] = {"NAME": f"test_ccm_{os.getpid()}"}
