import pytest

from tests.live import running
from tests.official import CHECKS
from tests.upstream import ScriptedUpstream


@pytest.fixture
def live():
    from ccmsite.asgi import application

    with running(application) as server:
        yield server


@pytest.fixture
def upstream():
    with ScriptedUpstream() as server:
        yield server
    for request in server.requests:
        if ":generateContent" in request.path or ":streamGenerateContent" in request.path:
            CHECKS["gemini"](request.json)
