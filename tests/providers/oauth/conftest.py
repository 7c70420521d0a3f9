import pytest

from tests.authorization_server import AuthorizationServer
from tests.providers.oauth import accounts


@pytest.fixture
def auth():
    with AuthorizationServer() as server:
        yield server


@pytest.fixture
def flow(auth, monkeypatch):
    accounts.forget()
    yield accounts.use(auth, monkeypatch)
    accounts.forget()
