"""Where functions, classes, methods and top-level names of a Python file begin and end."""

import ast
import re


def outline(source):
    """{qualified name: (first line, last line)} in the order of the file; decorators belong to their function.

    A file that does not parse is read by its indentation. A name defined twice keeps its last definition.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _by_indentation(source)
    found = {}
    _visit(tree, "", found)
    return found


def _visit(node, prefix, found):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            first = min([child.lineno] + [d.lineno for d in child.decorator_list])
            found[prefix + child.name] = (first, child.end_lineno)
            _visit(child, prefix + child.name + ".", found)
        elif isinstance(child, (ast.Assign, ast.AnnAssign)) and not prefix:
            targets = child.targets if isinstance(child, ast.Assign) else [child.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    found[target.id] = (child.lineno, child.end_lineno)
        elif isinstance(child, (ast.If, ast.Try, ast.With)):
            _visit(child, prefix, found)


_HEAD = re.compile(r"^([ \t]*)(?:async[ \t]+def|def|class)[ \t]+(\w+)")


def _by_indentation(source):
    lines = re.split(r"\r\n|\n|\r", source)
    found, open_blocks, last = {}, [], 0
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        indent = len(line) - len(line.lstrip())
        while open_blocks and indent <= open_blocks[-1][0]:
            _, name, first = open_blocks.pop()
            found[name] = (first, last)
        head = _HEAD.match(line)
        if head:
            name = (open_blocks[-1][1] + "." if open_blocks else "") + head.group(2)
            open_blocks.append((indent, name, number))
            found[name] = (number, number)
        last = number
    for _, name, first in open_blocks:
        found[name] = (first, last)
    return found


def matching(names, wanted):
    """The qualified names that `wanted` may mean: itself, else every one that ends in it."""
    if wanted in names:
        return [wanted]
    return [name for name in names if name.endswith("." + wanted)]
