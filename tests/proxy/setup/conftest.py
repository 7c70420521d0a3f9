"""A provider to call."""

import pytest

from providers.models import Credential, Provider

SECRET = "sk-canary-0123456789"


@pytest.fixture
def served(upstream):
    """Stores a provider at a fault of the scripted upstream, with a key."""

    def make(fault="ok", **fields):
        row = Provider.objects.create(
            name="mine", preset="openai-compatible", base_url=f"{upstream.url}/{fault}", enabled=False, **fields
        )
        credential = Credential(provider=row)
        credential.set_secret(SECRET)
        credential.save()
        return row

    return make
