"""docs/reliability.md names a test for each promise, and each of them exists."""

import ast
import pathlib
import re

ROOT = pathlib.Path(__file__).parent.parent
DOC = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
PROMISES = [line for line in DOC.partition("## The soak run")[0].splitlines() if line.startswith("| ")][1:]


def functions_in(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_promise_has_a_test():
    """Each row of the table ends with at least one."""
    assert len(PROMISES) > 20
    assert [line for line in PROMISES if not NAMED.search(line.rsplit("|", 2)[1])] == []


def test_every_test_that_is_named_exists():
    """A test that was renamed or removed is renamed or removed in the promise, too."""
    assert [name for name in NAMED.findall(DOC) if name[1] not in functions_in(name[0])] == []


def test_every_module_that_is_named_exists():
    """Scripts are called by their module, the checker by its path."""
    modules = [name.replace(".", "/") + ".py" for name in re.findall(r"python -m ([\w.]+)", DOC)]
    paths = [*modules, *re.findall(r"`(tests/[\w/]+\.py)`", DOC)]
    assert len(paths) >= 4
    assert [path for path in paths if not (ROOT / path).is_file()] == []
