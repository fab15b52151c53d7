"""Which names of TensorRT a source file touches, and whether a release has them.

Run as a program with the real bindings on the path: `python tensorrt_names.py MODULE FILE...` prints one line for each
name that the module has not. Types are followed from `trt` through calls and assignments, by the signatures that the
bindings themselves state; what cannot be followed is reported too, so nothing is passed over in silence.
"""

import ast
import inspect
import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

MODULE = "trt"  # the name our sources give the module
PLAIN = {"str", "int", "bool", "None", "float", "bytes", "tuple", "list", "List", "Tuple", "object", "Optional", "Dims"}
RENAMED = {"IParserError": "ParserError"}  # how C++ signatures in the bindings call what Python sees


class Following(ast.NodeVisitor):
    """`what` holds what a name or `self._name` is: the module, a class (seen through an instance), or None: plain."""

    def __init__(self, trt: ModuleType, file: str) -> None:
        self._trt = trt
        self._file = file
        self._what: dict[str, object] = {MODULE: trt}
        self._parameters: dict[str, list[str]] = {}
        self.missing: set[str] = set()
        self.touched: set[str] = set()

    def follow(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                self._parameters[node.name] = [each.arg for each in (*node.args.args, *node.args.kwonlyargs)]
            if isinstance(node, ast.ClassDef):
                starts = [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
                for start in starts:
                    names = [each.arg for each in (*start.args.args[1:], *start.args.kwonlyargs)]
                    self._parameters[node.name] = names
        for _ in range(4):  # what a function is given is only known once its callers were seen
            self.visit(tree)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target in node.targets:
            key = _key(target)
            found = self._value(node.value)
            if key and found is not None:
                self._what[key] = found

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.generic_visit(node)
        self._value(node)

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        self._value(node)
        if isinstance(node.func, ast.Name) and node.func.id in self._parameters:
            names = self._parameters[node.func.id]
            given = [*zip(names, node.args, strict=False), *((each.arg, each.value) for each in node.keywords)]
            for name, value in given:
                found = self._value(value)
                if name and found is not None:
                    self._what[name] = found

    def _value(self, node: ast.expr) -> object:
        key = _key(node)
        if key in self._what:
            return self._what[key]
        if isinstance(node, ast.Attribute):
            owner = self._value(node.value)
            if owner is None:
                return None
            return self._member(owner, node)
        if isinstance(node, ast.Call):
            called = self._value(node.func)
            if inspect.isclass(called):
                return called
            if called is not None and callable(called):
                return self._answer(called, node)
        return None

    def _member(self, owner: object, node: ast.Attribute) -> object:
        name = f"{getattr(owner, '__name__', owner)}.{node.attr}"
        self.touched.add(name)
        if not hasattr(owner, node.attr):
            self.missing.add(f"{self._file}:{node.lineno}: no {name}")
            return None
        member: object = getattr(owner, node.attr)
        if isinstance(member, property):
            return None  # numbers, names and shapes
        return member

    def _answer(self, called: object, node: ast.Call) -> object:
        """The class that a method says it returns. Several signatures of one method return the same."""
        answers = re.findall(r"-> ([\w.:]+)", inspect.getdoc(called) or "")
        if not answers:
            self.missing.add(f"{self._file}:{node.lineno}: what {called} returns cannot be followed")
            return None
        last = re.split(r"[.:]+", answers[0])[-1]
        found: object = getattr(self._trt, RENAMED.get(last, last), None)
        if found is None and last not in PLAIN:
            self.missing.add(f"{self._file}:{node.lineno}: {last}, which {called} returns, cannot be followed")
        return found if inspect.isclass(found) else None


def _key(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return node.attr.lstrip("_")
    return ""


def names_in(trt: ModuleType, source: str, *, file: str) -> Following:
    """What one file touches, and what of it the release has not."""
    following = Following(trt, file)
    following.follow(ast.parse(source))
    return following


if __name__ == "__main__":
    bindings = import_module(sys.argv[1])
    touched: set[str] = set()
    for path in sys.argv[2:]:
        result = names_in(bindings, Path(path).read_text(encoding="utf-8"), file=Path(path).name)
        touched |= result.touched
        for line in sorted(result.missing):
            print(line)
    print("touched", *sorted(touched))
