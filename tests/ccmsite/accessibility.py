"""What axe-core says of a page. `make services` fetches it; without it nothing is said."""

import functools
import os
import pathlib

import pytest

GRAVE = ("serious", "critical")
FAULTS = """
async () => {
  const {violations} = await axe.run(document, {resultTypes: ["violations"]});
  return violations.map(({id, impact, help, nodes}) => (
    {id, impact, help, where: nodes.slice(0, 5).map((node) => node.target.join(" ") + " " + node.html.slice(0, 200))}));
}
"""


@functools.cache
def axe():
    """The script, or a skipped test."""
    path = os.environ.get("CCM_TEST_AXE", "")
    if not path:
        pytest.skip("needs axe-core: make services prints the line that names it in CCM_TEST_AXE")
    return pathlib.Path(path).read_text()


def grave_faults(page):
    """The serious and critical faults of the page as it is now, in words."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe())
    found = [fault for fault in page.evaluate(FAULTS) if fault["impact"] in GRAVE]
    return [f"{fault['id']}: {fault['help']}: {where}" for fault in found for where in fault["where"]]
