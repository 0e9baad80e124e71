# ruff: noqa: INP001 -- a script
"""Warns of what has grown over its budget: `python .ci/budgets.py FOLDER`. Never fails; a reader decides."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FILE_LINES = 400
FUNCTION_LINES = 30
CLASS_ATTRIBUTES = 12
CLASS_METHODS = 12
NESTING = 3

_BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.AsyncFor, ast.AsyncWith, ast.Match)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    docstring = node.body[0] if ast.get_docstring(node, clean=False) is not None else None
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    return lines - ((docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0)


def nesting(node: ast.AST) -> int:
    """How deep blocks stand inside each other; `elif` is no deeper than `if`."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and child in node.orelse
        deepest = max(deepest, nesting(child) + (isinstance(child, _BLOCKS) and not is_elif))
    return deepest


def attributes(node: ast.ClassDef) -> int:
    """How many attributes the methods of a class set on `self`."""
    return len(
        {
            target.attr
            for target in ast.walk(node)
            if isinstance(target, ast.Attribute)
            and isinstance(target.ctx, ast.Store)
            and isinstance(target.value, ast.Name)
            and target.value.id == "self"
        }
    )


def findings(file: Path) -> Iterator[str]:
    """What is over budget in a file."""
    text = file.read_text("utf-8")
    if (lines := len(text.splitlines())) > FILE_LINES:
        yield f"{file}: {lines} lines (budget {FILE_LINES})"
    for node in ast.walk(ast.parse(text)):
        where = f"{file}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, _FUNCTIONS):
            if (lines := body_lines(node)) > FUNCTION_LINES:
                yield f"{where}: {node.name} has {lines} lines (budget {FUNCTION_LINES})"
            if (depth := nesting(node)) > NESTING:
                yield f"{where}: {node.name} nests {depth} blocks (budget {NESTING})"
        elif isinstance(node, ast.ClassDef):
            if (count := attributes(node)) > CLASS_ATTRIBUTES:
                yield f"{where}: {node.name} has {count} attributes (budget {CLASS_ATTRIBUTES})"
            methods = sum(isinstance(m, _FUNCTIONS) and not m.name.startswith("_") for m in node.body)
            if methods > CLASS_METHODS:
                yield f"{where}: {node.name} has {methods} public methods (budget {CLASS_METHODS})"


def main(folder: str) -> None:
    """Print what is over budget below a folder."""
    found = [line for file in sorted(Path(folder).rglob("*.py")) for line in findings(file)]
    sys.stdout.writelines(f"warning: {line}\n" for line in found)
    sys.stdout.write(f"budgets: {len(found)} over\n")


if __name__ == "__main__":
    main(sys.argv[1])
