"""What log lines tell of requests."""

import io
import logging
import logging.config

import pytest
from django.test import RequestFactory

from ccmsite.logs import logging_config

CODE = "code-canary-0123"


@pytest.fixture
def lines():
    """The text that loggers write through the handler of the settings."""
    config = logging_config("DEBUG", "console")
    handler = logging.StreamHandler(io.StringIO())
    built = config["formatters"]["lines"]
    handler.setFormatter(built["()"](foreign_pre_chain=built["foreign_pre_chain"], processors=built["processors"]))
    yield handler
    handler.close()


def test_a_refused_request_is_logged_without_its_query(lines):
    """Django gives the request along with its warnings."""
    request = RequestFactory().get("/admin/sign-in/back/", {"code": CODE})
    record = logging.LogRecord("django.request", logging.WARNING, "", 0, "Bad Request: %s", (request.path,), None)
    record.request = request
    lines.emit(record)
    text = lines.stream.getvalue()
    assert CODE not in text and "request='GET /admin/sign-in/back/'" in text


@pytest.mark.parametrize("name", ["django.channels.server", "django.server"])
def test_the_lines_of_runserver_hold_no_query(lines, name):
    """Its access log is the only one there is."""
    words = "HTTP %(method)s %(path)s %(status)s [%(time_taken).2f]"
    details = {"method": "GET", "path": f"/admin/sign-in/back/?code={CODE}&state=s", "status": 302, "time_taken": 0.1}
    lines.emit(logging.LogRecord(name, logging.INFO, "", 0, words, (details,), None))
    text = lines.stream.getvalue()
    assert CODE not in text and "GET /admin/sign-in/back/?… 302 [0.10]" in text


def test_other_lines_keep_their_question_marks(lines):
    """Only access logs hold addresses."""
    lines.emit(logging.LogRecord("ccmsite", logging.INFO, "", 0, "really?yes", None, None))
    assert "really?yes" in lines.stream.getvalue()
