"""YAML text into a validated model, or one line that names source, line, key, what was expected and what came.

Reads text, never files: who calls it did the I/O.
"""

import re
from collections.abc import Hashable, Sequence
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from contract.errors import DocumentError

Model = TypeVar("Model", bound=BaseModel)
MAX_DOCUMENT_BYTES = 4_000_000  # a site with 10 000 vertices is 0.6 MB


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader without two traps of YAML 1.1: a key written twice is refused (YAML would keep the last and say
    nothing), and 22:00 stays a time (YAML would read the base-60 number 1320)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = key_node.value
            if isinstance(key_node, yaml.ScalarNode):
                if key in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"key '{key}' stands here twice", key_node.start_mark
                    )
                seen.add(key)
        return super().construct_mapping(node, deep=deep)


_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:int"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?(0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$"), list("-+0123456789")
)


def parse_document(text: str, model: type[Model], *, source: str) -> Model:
    """Validate YAML `text` as `model`; `source` is what the error calls it (a path).

    Raises DocumentError with one line: the first thing wrong and how many more there are.
    """
    if len(text) > MAX_DOCUMENT_BYTES:
        raise DocumentError(f"{source}: expected at most {MAX_DOCUMENT_BYTES} characters, got {len(text)}")
    try:
        root = yaml.compose(text, Loader=_StrictLoader)
        data = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark
        where = f"{source}:{mark.line + 1}" if mark else source
        raise DocumentError(f"{where}: {err.problem or 'not YAML'}") from err
    except (yaml.YAMLError, RecursionError) as err:
        raise DocumentError(f"{source}: not YAML: {str(err).splitlines()[0]}") from err
    if not isinstance(data, dict):
        raise DocumentError(f"{source}: expected a mapping of keys, got {type(data).__name__}")
    try:
        return model.model_validate(data)
    except ValidationError as err:
        raise DocumentError(_one_line(err, root, source)) from err


def parse_object(data: object, model: type[Model], *, source: str) -> Model:
    """Validate an object that came as one, not as text. Raises DocumentError with one line."""
    try:
        return model.model_validate(data)
    except ValidationError as err:
        path = [str(part) for part in err.errors(include_url=False)[0]["loc"]]
        raise DocumentError(f"{source}: {'.'.join(path) or 'document'}: {_message(err)}") from err


def place_of(text: str, path: Sequence[int | str]) -> str:
    """`LINE: KEY` of what stands at `path` in a document that could be read, as `parse_document` names it."""
    line, names = _locate(yaml.compose(text, Loader=_StrictLoader), path)
    return f"{line}: {'.'.join(names)}"


def _one_line(err: ValidationError, root: yaml.Node | None, source: str) -> str:
    first = err.errors(include_url=False)[0]
    path = [part for part in first["loc"] if isinstance(part, int) or not part.startswith("function-")]
    line, names = _locate(root, path)
    return f"{source}:{line}: {'.'.join(names) or 'document'}: {_message(err)}"


def _message(err: ValidationError) -> str:
    """What is wrong first, and how many more there are."""
    errors = err.errors(include_url=False)
    first = errors[0]
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "unknown key"
    elif first["type"] == "missing":
        message = "required, but missing"
    elif isinstance(first["input"], str | int | float | bool):
        message = f"{message}, got {first['input']!r}"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{message}{more}"


def _locate(root: yaml.Node | None, path: Sequence[int | str]) -> tuple[int, list[str]]:
    """The line (from 1) nearest to `path`, and the path with list items named by their `id` where they have one.

    Parts that the file does not hold (the tag of a union, a missing key) are passed over.
    """
    node, names = root, []
    line = root.start_mark.line + 1 if root else 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            match = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if match is None:
                if part == path[-1]:
                    names.append(str(part))
                continue
            line, node = match[0].start_mark.line + 1, match[1]
            names.append(str(part))
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
            names.append(_item_name(node, part))
    return line, names


def _item_name(node: yaml.Node, index: int) -> str:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == "id" and isinstance(value, yaml.ScalarNode):
                return f"'{value.value}'"
    return str(index)
