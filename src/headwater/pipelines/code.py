"""A name for the code of a function: another one when what it does may have changed.

What counts are the function, the functions, classes and constants of the project that it uses, and theirs; of installed
packages the version. Comments, docstrings and formatting do not count.
"""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from headwater.core.ids import canonical_json, digest

__all__ = ["code_fingerprint", "is_of_project"]

_PLAIN = (str, bytes, int, float, bool, type(None))


def code_fingerprint(function: Callable[..., Any]) -> str:
    """Return a name for what a function does.

    Parameters
    ----------
    function : callable
        Any function. What it reaches by name is followed; what it finds at run time (``getattr``, files, the
        network) is not.
    """
    facts: dict[str, str] = {}
    _follow(function, facts)
    return digest(canonical_json(sorted(facts.items())))[:32]


def _follow(thing: Any, facts: dict[str, str], name: str = "") -> None:
    """Add what a thing is, and what it uses, to the facts."""
    thing = inspect.unwrap(getattr(thing, "function", thing)) if callable(thing) else thing
    if isinstance(thing, FunctionType | type):
        label = f"{thing.__module__}.{thing.__qualname__}"
        if label in facts:
            return
        if not is_of_project(sys.modules.get(thing.__module__)):
            _add_package(thing.__module__, facts)
            return
        facts[label] = _source(thing)
        functions = [thing] if isinstance(thing, FunctionType) else _methods(thing)
        for function in functions:
            for used, value in _used(function):
                _follow(value, facts, f"{label}:{used}")
        if isinstance(thing, type):
            for base in thing.__bases__:
                _follow(base, facts)
    elif isinstance(thing, ModuleType):
        if is_of_project(thing):
            facts[thing.__name__] = _module_source(thing)
        else:
            _add_package(thing.__name__, facts)
    elif isinstance(thing, _PLAIN):
        facts[name] = repr(thing)
    elif isinstance(thing, list | tuple | set | frozenset | dict):
        facts[name] = _plain(thing)
    else:
        kind = type(thing)
        facts[name] = f"{kind.__module__}.{kind.__qualname__}"
        if getattr(kind, "__dataclass_fields__", None):
            facts[name] += repr(thing)
        _follow(kind, facts)


def _used(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield what a function reaches by name: globals, what it closes over, and defaults."""
    closed = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    for name, cell in closed.items():
        try:
            yield name, cell.cell_contents
        except ValueError:  # not bound yet
            continue
    for name in sorted(_global_names(function.__code__)):
        if name in function.__globals__ and not hasattr(builtins, name):
            yield name, function.__globals__[name]
    for number, value in enumerate(
        [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    ):
        yield f"default {number}", value


def _global_names(code: CodeType) -> set[str]:
    names = {
        str(one.argval) for one in dis.get_instructions(code) if one.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _global_names(constant)
    return names


def _methods(thing: type) -> list[FunctionType]:
    return [value for value in vars(thing).values() if isinstance(value, FunctionType)]


def _source(thing: FunctionType | type) -> str:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, SyntaxError, TypeError):
        # No source, as in a prompt, or a lambda in the middle of a line: what it compiles to.
        return _compiled(thing.__code__) if isinstance(thing, FunctionType) else repr(thing)
    return _normal(tree, bare=True)


def _module_source(module: ModuleType) -> str:
    try:
        return _normal(ast.parse(inspect.getsource(module)))
    except (OSError, SyntaxError, TypeError):
        return module.__name__


def _normal(tree: ast.Module, *, bare: bool = False) -> str:
    """Return code without docstrings; with ``bare``, without the decorators of what stands at the top."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if bare and node in tree.body and not isinstance(node, ast.Module):
                node.decorator_list = []
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)


def _compiled(code: CodeType) -> str:
    inner = [_compiled(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts]
    return digest(b"".join([code.co_code, repr(code.co_names).encode(), *(one.encode() for one in inner)]))


def _plain(value: Any) -> str:
    """Return a collection of plain values as text; of others only the types."""
    if isinstance(value, dict):
        return repr(sorted((repr(key), _plain(item)) for key, item in value.items()))
    if isinstance(value, set | frozenset):
        return repr(sorted(_plain(item) for item in value))
    if isinstance(value, list | tuple):
        return repr([_plain(item) for item in value])
    return repr(value) if isinstance(value, _PLAIN) else f"<{type(value).__qualname__}>"


def is_of_project(module: ModuleType | None) -> bool:
    """Say whether code is the user's: neither installed, nor of Python, nor ours."""
    name = getattr(module, "__name__", "") or ""
    if name == "builtins" or name.partition(".")[0] == "headwater":
        return False
    file = getattr(module, "__file__", None)
    if file is None:
        # A prompt, a notebook, or a file that was run: the user's.
        return module is None or name in ("__main__", "") or not hasattr(module, "__spec__")
    path = Path(file).resolve()
    paths = sysconfig.get_paths()
    places = {Path(paths[place]).resolve() for place in ("stdlib", "platstdlib", "purelib", "platlib")}
    return not any(path.is_relative_to(place) for place in places)


def _add_package(module: str, facts: dict[str, str]) -> None:
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        facts["python"] = f"{sys.version_info.major}.{sys.version_info.minor}"
        return
    for name in metadata.packages_distributions().get(top, [top]):
        try:
            facts[f"package {name}"] = metadata.version(name)
        except metadata.PackageNotFoundError:
            facts[f"package {name}"] = ""
