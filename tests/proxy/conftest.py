import pytest

from tests.live import running
from tests.providers.oauth.conftest import auth, flow  # noqa: F401
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
