"""The first minutes of a newcomer: quickstart, a server, a request, the history; on every server we name."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

import anthropic
import pytest

pytestmark = pytest.mark.server
ROOT = pathlib.Path(__file__).resolve().parent.parent
KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY", "SECRET_KEY", "CCM_FIELD_KEYS")


@pytest.fixture
def home(tmp_path):
    """An installation of its own: environment, database and run directory under a temporary folder."""
    env = {name: value for name, value in os.environ.items() if name not in KEYS}
    env |= {
        "CCM_ENV_FILE": str(tmp_path / ".env"), "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
        "CCM_RUN_DIR": str(tmp_path / "run"), "CCM_LOG_LEVEL": "warning", "DJANGO_SETTINGS_MODULE": "ccmsite.settings",
    }  # fmt: skip
    return env


def manage(env, *arguments, check=True):
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, timeout=90
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def ask(port, **body):
    with anthropic.Anthropic(base_url=f"http://127.0.0.1:{port}", api_key="any", max_retries=0) as client:
        return client.messages.create(
            **{"model": "demo", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}], **body}
        )


def test_from_nothing_to_an_answer_in_the_history(home):
    """quickstart, serve, one request by the SDK, its row in the history, restart, stop; SIGTERM loses no row."""
    first = manage(home, "quickstart").stdout
    assert "ANTHROPIC_BASE_URL" in first
    assert oct(pathlib.Path(home["CCM_ENV_FILE"]).stat().st_mode)[-3:] == "600"
    again = manage(home, "quickstart").stdout
    assert "password" not in again.lower() or first != again
    port = free_port()
    manage(home, "serve", f"127.0.0.1:{port}", "--detach")
    try:
        assert "hello" in ask(port).content[0].text
        assert ask(port, model="claude-opus-5-5").model == "claude-opus-5-5"
        status = json.loads(manage(home, "status", "--json").stdout)
        assert status["healthy"] is True
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            assert json.load(answer) == {"ready": True, "reasons": []}
        assert manage(home, "serve", f"127.0.0.1:{port}", check=False).returncode != 0
        manage(home, "restart")
        ask(port)
    finally:
        manage(home, "stop")
    assert manage(home, "status", check=False).returncode == 3
    rows = json.loads(manage(home, "history", "--json").stdout)
    listed = rows if isinstance(rows, list) else rows["requests"]
    assert len(listed) == 3


def test_a_change_reaches_a_running_server(home, tmp_path):
    """A model imported while two workers serve is known to both within moments."""
    manage(home, "quickstart")
    port = free_port()
    manage(home, "serve", f"127.0.0.1:{port}", "--detach", "--workers", "2")
    try:
        config = tmp_path / "ccm.toml"
        config.write_text(
            '[[providers]]\nname = "echo"\nprovider_type = "echo"\nmodels = []\n'
            '[[models]]\nname = "fresh"\n[[models.mappings]]\npriority = 1\nprovider = "echo"\nactual_model = "echo"\n'
        )
        manage(home, "importconfig", str(config))
        end, seen = time.monotonic() + 10, 0
        while seen < 8 and time.monotonic() < end:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=5) as answer:
                seen = seen + 1 if "fresh" in answer.read().decode() else 0
            time.sleep(0.05)
        assert seen == 8
    finally:
        manage(home, "stop")


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "daphne", "-b", "127.0.0.1", "-p", "{port}", "ccmsite.asgi:application"],
        ["-m", "uvicorn", "--lifespan", "off", "--host", "127.0.0.1", "--port", "{port}", "ccmsite.asgi:application"],
        ["manage.py", "runserver", "127.0.0.1:{port}", "--noreload"],
    ],
    ids=["daphne", "uvicorn", "runserver"],
)
def test_any_asgi_server_will_do(home, command):
    """The same request is answered under plain daphne, uvicorn and runserver, streaming too."""
    manage(home, "quickstart")
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, *(part.format(port=port) for part in command)], cwd=ROOT, env=home,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        assert ask(port).content[0].text == "echo: hello"
        with anthropic.Anthropic(base_url=f"http://127.0.0.1:{port}", api_key="any", max_retries=0) as client:
            question = [{"role": "user", "content": "a longer question, in pieces"}]
            with client.messages.stream(model="demo", max_tokens=9, messages=question) as stream:
                assert "".join(stream.text_stream) == "echo: a longer question, in pieces"
    finally:
        server.terminate()
        server.wait(15)
