"""Find the pipelines of a file or a module."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from headwater.core.errors import InputError, NotFound, UsageError
from headwater.pipelines.pipeline import Pipeline
from headwater.pipelines.source_code import remember

__all__ = ["USUAL_FILE", "all_pipelines", "load_module", "load_pipeline", "pipelines_of"]

USUAL_FILE = "pipelines.py"
"""The file that is looked into where none is named."""


def load_pipeline(what: str = "") -> tuple[Pipeline, str]:
    """Return a pipeline and the file that it is written in.

    Parameters
    ----------
    what : str
        ``FILE.py:NAME``, ``module:NAME`` or ``NAME``, which is looked for in ``pipelines.py``. The name may be left out
        where there is one pipeline.

    Raises
    ------
    NotFound
        If there is no such file, module or pipeline.
    InputError
        If the file raises.
    UsageError
        If there are several and none is named.
    """
    place, colon, name = what.rpartition(":")
    if not colon:
        is_place = what.endswith(".py") or Path(what).is_file()
        place, name = (what, "") if is_place else ("", what)
    module = load_module(place or USUAL_FILE)
    found = pipelines_of(module)
    if not found:
        raise NotFound(
            f"{place or USUAL_FILE} has no pipeline. Write a function with @hw.pipeline in it.",
            kind="pipeline",
            name=name,
        )
    if name and name not in found:
        raise NotFound.among("pipeline", name, found, where=place or USUAL_FILE)
    if not name and len(found) > 1:
        raise UsageError(
            f"{place or USUAL_FILE} has several pipelines: {', '.join(found)}. Name one, as in "
            f"{place or USUAL_FILE}:{next(iter(found))}."
        )
    chosen = found[name or next(iter(found))]
    return chosen, str(getattr(module, "__file__", "") or "")


def all_pipelines(place: str = "") -> list[Pipeline]:
    """Return the pipelines of a file or module; of ``pipelines.py`` by default."""
    return list(pipelines_of(load_module(place or USUAL_FILE)).values())


def pipelines_of(module: ModuleType) -> dict[str, Pipeline]:
    """Return the pipelines of a module by name, in the order in which they are written."""
    return {one.name: one for one in vars(module).values() if isinstance(one, Pipeline)}


def load_module(place: str) -> ModuleType:
    """Return a module by name, or by the path of its file.

    Raises
    ------
    NotFound
        If there is no such file or module.
    InputError
        If it raises.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    if not place.endswith(".py"):
        try:
            return importlib.import_module(place)
        except ModuleNotFoundError as error:
            if error.name and not place.startswith(error.name):
                raise _broken(place, error) from error
            raise NotFound(
                f"There is no module {place!r}: name a file that ends in .py, or a module that can be imported here.",
                kind="module",
                name=place,
            ) from error
        except Exception as error:
            raise _broken(place, error) from error
    path = Path(place).absolute()
    if not path.is_file():
        raise NotFound(
            f"There is no file {place}. Write pipelines into {USUAL_FILE}, or name another file.",
            kind="file",
            name=place,
        )
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    name = path.stem
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) != str(path):
        name = f"headwater_pipelines_{name}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        sys.modules.pop(name, None)
        raise _broken(place, error) from error
    remember(module)
    return module


def _broken(place: str, error: Exception) -> InputError:
    line = ""
    trace = error.__traceback__
    while trace is not None:
        if place.endswith(".py") and trace.tb_frame.f_code.co_filename == str(Path(place).absolute()):
            line = f", line {trace.tb_lineno}"
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.lineno:
        line = f", line {error.lineno}"
    return InputError(f"{place}{line}: {type(error).__qualname__}: {error}", path=place)
