import pytest

from providers import client
from proxy import budget, health, logbook, selection, snapshot
from tests.live import running
from tests.official import CHECKS
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
    for request in server.requests:
        if ":generateContent" in request.path or ":streamGenerateContent" in request.path:
            asked = dict(request.json.get("request", request.json))  # Code Assist wraps it, and has a key of its own
            asked.pop("session_id", None)
            CHECKS["gemini"](asked)


@pytest.fixture
async def records(monkeypatch):
    """What an engine that runs in this loop hands to the log; afterwards nothing is remembered."""
    kept = []
    monkeypatch.setattr(logbook.LOGBOOK, "put_nowait", kept.append)
    monkeypatch.setattr(logbook.LOGBOOK, "begin", lambda record: None)
    yield kept
    snapshot._current = None
    health.BOARD.clear()
    budget.BUDGET.clear()
    selection.SELECTOR.forget()
    await client.close()
