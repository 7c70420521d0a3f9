"""The configuration as a file, and a client key, in a real browser."""

import re
import subprocess

import httpx
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.server]
FILE = """
[[providers]]
name = "spare"
provider_type = "openai"
api_key = "sk-0123456789-spare"

[[models]]
name = "fresh"
[[models.mappings]]
provider = "{provider}"
actual_model = "gpt-test"
"""


def test_a_file_is_mended_applied_and_downloaded_and_a_key_made_and_rotated(site, page, tmp_path):
    """Upload → finding → mend → plan → apply → nothing left to do; a key is shown, copied, used, and rotated away."""
    path = tmp_path / "ccm.toml"
    path.write_text(FILE.format(provider="sprae"))
    page.goto(f"{site}/admin/config/")
    page.set_input_files("#config-file", path)
    page.get_by_role("button", name="Show what would change").click()
    page.get_by_text("1 problem in the file").wait_for()
    assert "there is no provider 'sprae'" in page.locator(".ccm-list.dots").first.inner_text()

    box = page.get_by_label("Text of the file")
    box.fill(box.input_value().replace("sprae", "spare"))
    page.get_by_role("button", name="Show what would change").click()
    page.get_by_text("3 changes to make").wait_for()
    assert "sk-0123456789-spare" not in page.locator(".ccm-table").inner_text()
    page.get_by_role("button", name="Apply").click()
    page.get_by_text("3 changes made").wait_for()

    with page.expect_download() as download:
        page.get_by_role("link", name="Download ccm.toml").click()
    saved = tmp_path / "again.toml"
    download.value.save_as(saved)
    assert "${CCM_SPARE_API_KEY}" in saved.read_text()
    page.set_input_files("#config-file", saved)
    page.get_by_role("button", name="Show what would change").click()
    page.get_by_text("Nothing would change").wait_for()

    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{site}/admin/proxy/clientkey/add/")
    page.fill("#id_name", "laptop-2")
    page.locator("[name=_save]").click()
    page.get_by_text("This key is shown once").wait_for()
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(rf"export ANTHROPIC_BASE_URL={site}\nexport ANTHROPIC_AUTH_TOKEN=ccm_[\w-]+", copied)

    page.get_by_role("link", name="To the client keys").click()
    page.get_by_role("row", name="laptop-2").get_by_role("link", name="Rotate").click()
    page.get_by_role("button", name="Rotate").click()
    page.get_by_text("The old key works no more.").wait_for()
    page.goto(f"{site}/admin/proxy/clientkey/")
    assert "never" in page.get_by_role("row", name="laptop-2").inner_text()

    line = subprocess.run(  # as in docs/claude-code.md
        ["curl", "-sf", "--noproxy", "*", "--data-binary", "@-", f"{site}/api/statusline"],
        input='{"session_id": "none"}', capture_output=True, text=True, timeout=20,
    ).stdout  # fmt: skip
    assert line.startswith("ccm: no answer yet · $0.00 today")
    assert "ccm_active_requests" in httpx.get(f"{site}/metrics", trust_env=False).text
