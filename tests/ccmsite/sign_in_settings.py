"""The settings of a server whose sign-ins lead to the tests' authorization server (CCM_TEST_AUTH, its address)."""

import os
from dataclasses import replace

from ccmsite.settings import *  # noqa: F403
from providers.oauth.flows import FLOWS
from tests.ccmsite.sign_in_names import CLIENT

_AUTH = os.environ["CCM_TEST_AUTH"]

for _flow in list(FLOWS.values()):
    _uri = {
        "paste": f"{_AUTH}/callback",
        "loopback": f"http://localhost:{os.environ['CCM_TEST_PORT']}/auth/callback",
        "own": "",
    }[_flow.redirect]
    FLOWS[_flow.name] = replace(
        _flow, authorize_url=f"{_AUTH}/authorize", token_url=f"{_AUTH}/token", redirect_uri=_uri,
        client_id=f"{CLIENT}-{_flow.name}",
    )  # fmt: skip
