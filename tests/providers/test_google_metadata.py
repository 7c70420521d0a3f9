"""Tokens on Google Cloud: the metadata server gives them, to a process that starts there."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from providers.google_adc import SCOPE

MACHINE = ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "NO_GCE_CHECK")


class Metadata(BaseHTTPRequestHandler):
    """Google's metadata server, as far as tokens go."""

    def do_GET(self):
        path = self.path.partition("?")[0].rstrip("/")
        told = {"email": "robot@p.example", "scopes": [SCOPE], "aliases": ["default"]}
        token = {"access_token": "token-meta", "expires_in": 1800, "token_type": "Bearer"}
        body = json.dumps(token if path.endswith("/token") else told).encode()
        if path.endswith("/project-id"):
            body = b"p-1"
        self.send_response(200 if self.headers.get("metadata-flavor") == "Google" else 403)
        self.send_header("metadata-flavor", "Google")
        self.send_header("content-type", "text/plain" if path.endswith("/project-id") else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing to tell."""


SCRIPT = """
import asyncio, time
from providers.google_adc import DEFAULT, access_token
token, ends = asyncio.run(access_token(DEFAULT))
print(token.reveal(), round((ends - time.time()) / 60))
"""


def test_on_google_cloud_the_metadata_server_gives_the_token(tmp_path):
    """A process of its own, because google-auth reads the server's address when it is imported."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    address = f"127.0.0.1:{server.server_port}"
    env = {name: value for name, value in os.environ.items() if name not in MACHINE}
    try:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60,
            env=env | {"GCE_METADATA_HOST": address, "GCE_METADATA_IP": address, "CLOUDSDK_CONFIG": str(tmp_path)},
        )  # fmt: skip
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
    assert done.stdout.split() == ["token-meta", "30"], done.stderr
