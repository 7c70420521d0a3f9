"""A configuration file that says a bit of everything, and what its import finds and leaves."""

from django.apps import apps

from proxy.configfile.importing import import_text

ENVIRON = {"KIMI": "kimi-secret-123456", "ZAI": "zai$secret$987654"}
FILE = """
[server]
api_key = "the-proxy-key-of-the-client"

[router]
default = "Main"
think = "main"
auto_map_regex = false
total_timeout_s = 900
scale_counts = true
hold_thinking_s = 20
adaptive_first_content = true
continue_streams = false
mid_stream_failure = "cut"

[[router.rules]]
name = "large"
min_input_tokens = 60000
model = "main"

[[router.rules]]
name = "no images"
has_image = false
model_regex = "^a$"
model = "main"

[[providers]]
name = "kimi"
provider_type = "anthropic"
api_key = "${KIMI}"
base_url = "https://api.kimi.com/coding/"
models = []
headers = { "X-Title" = "costs $$5", "X-Auth-Extra" = "hidden-value-of-a-header" }

[[providers]]
name = "zai"
provider_type = "z.ai"
api_key = "$ZAI"
models = ["glm-4.6"]
connect_timeout_s = 5
first_content_timeout_s = 45.5

[[providers.credentials]]
label = "API key"
api_key = "a-second-key-000000"
enabled = false

[[providers]]
name = "echo"
provider_type = "echo"
max_concurrency = 4

[[models]]
name = "main"
description = "the usual"

[[models.mappings]]
priority = 1
provider = "zai"
actual_model = "glm-4.6"
context_window = 200000

[[models.mappings]]
priority = 1
provider = "kimi"
actual_model = "k2"
enabled = false
weight = 3

[[models.mappings]]
priority = 1
provider = "echo"
actual_model = "echo"
drill = "status:529"
price = "3 / 15 / 0.3"
first_content_timeout_s = 30
idle_timeout_s = 0.5
connect_timeout_s = 3
total_timeout_s = 7200
"""


def imported(text=FILE, environ=ENVIRON, **options):
    result = import_text(text, environ, **options)
    assert [str(finding) for finding in result.errors] == []
    return result


def errors_of(text, **options):
    before = dump()
    found = [str(finding) for finding in import_text(text, ENVIRON, **options).errors]
    assert dump() == before
    return found


def dump():
    """Every row of the configuration and of its history, and the revision."""
    names = [model for label in ("providers", "proxy") for model in apps.get_app_config(label).get_models()]
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in names}
