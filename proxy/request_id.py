"""Request ids: `req_` and 24 hexadecimal digits, the first 11 of which are the time in milliseconds."""

from __future__ import annotations

import random
import time


def new_request_id() -> str:
    """A fresh id; ids made later sort later."""
    return f"req_{time.time_ns() // 1_000_000:011x}{random.getrandbits(52):013x}"
