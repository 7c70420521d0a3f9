"""Where Vertex AI keeps the models of a publisher.

Source: Google Cloud's list of Vertex AI endpoints: regions, multi-regions and `global`.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from providers.errors import Failure, FailureKind, UpstreamFailure
from providers.targets import Target

_VERSION = re.compile(r"/v\d\w*$")
LOCATION = re.compile(r"[a-z][a-z0-9-]*")
"""What a location's name looks like as a whole."""
_FULL_NAME = re.compile(r"publishers/([a-z][a-z0-9-]*)/models/(.+)")
_MULTI_REGIONS = ("us", "eu")


def vertex_models(target: Target, publisher: str, version: str = "v1") -> str:
    """The address under which a publisher's models stand, without a slash at its end.

    Raises UpstreamFailure (incapable) that names the provider's setting when one is missing or wrong.
    """
    for setting, value in (("project ID", target.project), ("location", target.location)):
        if not value:
            raise _unset(f"set the {setting} of the provider {target.provider}: its address cannot be built without")
    if not LOCATION.fullmatch(target.location):
        raise _unset(f"the location of the provider {target.provider} must be a name such as global or europe-west4")
    host = vertex_host(target.location) if target.base_url in ("", target.preset.base_url) else target.base_url
    place = f"projects/{quote(target.project, safe='', errors='replace')}/locations/{target.location}"
    return f"{versioned(host, version)}/{place}/publishers/{publisher}/models"


def published(model: str, publisher: str) -> tuple[str, str]:
    """Publisher and bare name of a model, which may be written in full as `publishers/P/models/NAME`."""
    full = _FULL_NAME.fullmatch(model)
    return (full[1], full[2]) if full else (publisher, model.removeprefix("models/"))


def vertex_host(location: str) -> str:
    """The host that serves a location."""
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if location in _MULTI_REGIONS:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


def versioned(base_url: str, version: str) -> str:
    """An address that ends in a version: the one it has, else the given one."""
    return base_url if _VERSION.search(base_url) else f"{base_url}/{version}"


def _unset(words: str) -> UpstreamFailure:
    return UpstreamFailure(Failure(FailureKind.INCAPABLE, words, 400, None, "invalid_request_error"))
