"""One of several processes that need the same account's token at the same moment: see test_processes.py.

    python -m tests.providers.oauth.renewing_process CREDENTIAL_PK TOKEN_URL TASKS

Says `ready`, waits for a line, then has so many tasks ask for the token, and prints what each was served with.
"""

import asyncio
import json
import os
import sys
from dataclasses import replace

import django


async def served(target, tasks):
    from providers import credentials
    from providers.errors import UpstreamFailure

    async def one():
        try:
            return (await credentials.ready(target)).secret.reveal()
        except UpstreamFailure as error:
            return f"failed: {error}"

    return await asyncio.gather(*(one() for _ in range(tasks)))


def main(pk, token_url, tasks):
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    from django.conf import settings
    from django.db import connection

    # The test database of whoever started this.
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = os.environ["CCM_TEST_DATABASE"]
    from providers.models import Credential
    from providers.oauth import flows
    from providers.oauth.keeper import KEEPER
    from providers.targets import Timeouts
    from providers.template import template_of

    flows.FLOWS["anthropic"] = replace(flows.FLOWS["anthropic"], token_url=token_url, client_id="client-of-the-tests")
    target = template_of(Credential.objects.get(pk=pk).provider, Timeouts())
    connection.close()
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(asyncio.run(served(target, tasks))), flush=True)
    KEEPER.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
