"""Run a Python tool with throw-away settings: `with_settings.py mypy proxy`, `with_settings.py manage.py check`.

The tools need Django's settings to load but no installation, so a fresh clone can be linted.
"""

import os
import runpy
import sys

os.environ.setdefault("CCM_ENV_FILE", os.devnull)
os.environ.setdefault("SECRET_KEY", "only-for-tools")
os.environ.setdefault("CCM_FIELD_KEYS", "dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktdGVzdCE=")
os.environ.setdefault("DATABASE_URL", "sqlite://:memory:")
sys.path.insert(0, os.getcwd())
sys.argv = sys.argv[1:]
if sys.argv[0].endswith(".py"):
    runpy.run_path(sys.argv[0], run_name="__main__")
else:
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
