"""What every test may use. Settings come from here, never from the developer's own `.env`."""

import os

os.environ["CCM_ENV_FILE"] = os.devnull
os.environ.setdefault("SECRET_KEY", "only-for-tests")
os.environ.setdefault("CCM_FIELD_KEYS", "dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktdGVzdCE=")
os.environ.setdefault("CCM_LOG_LEVEL", "warning")
