"""The tree's own rules: files of at most 400 lines, functions of at most 60, few blanket excepts, known words.

And test modules of different names: pytest imports those without packages by their names alone.
"""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

MAX_FILE, MAX_FUNCTION = 400, 60
PACKAGES = ("ccmsite", "providers", "proxy")
BANNED_NAMES = ("utils", "helpers", "manager")
BLANKET_ALLOWED = {"ccmsite/light.py": 1, "proxy/engine.py": 1, "proxy/logbook.py": 1, "proxy/snapshot.py": 1}
"""The outermost guards: of the ASGI handler and the engine, and the two background threads that must not die."""


def source_files():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    return [Path(name) for name in listed if "migrations" not in Path(name).parts and Path(name).exists()]


def is_blanket(handler):
    return handler.type is None or getattr(handler.type, "id", "") in ("Exception", "BaseException")


def complaints(path):
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    if lines > MAX_FILE:
        yield f"{path}: {lines} lines, the cap is {MAX_FILE}"
    if path.stem in BANNED_NAMES:
        yield f"{path}: no module of ours is called {path.stem}"
    blankets = 0
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION:
                yield f"{path}:{node.lineno}: {node.name} has {length} lines, the cap is {MAX_FUNCTION}"
        if isinstance(node, ast.ExceptHandler) and is_blanket(node):
            blankets += 1
    if path.parts[0] in PACKAGES and blankets > BLANKET_ALLOWED.get(path.as_posix(), 0):
        yield f"{path}: {blankets} blanket except clauses, {BLANKET_ALLOWED.get(path.as_posix(), 0)} allowed"


def namesakes(paths):
    names = Counter(path.name for path in paths if path.name.startswith("test_"))
    for path in paths:
        if names[path.name] > 1:
            yield f"{path}: another test module is called {path.name}, too"


def main():
    paths = source_files()
    found = [line for path in paths for line in complaints(path)]
    found += namesakes(paths)
    print("\n".join(found) or "the tree keeps its rules")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
