"""Import an optional package where it is used, or fail with the line that installs it."""

from __future__ import annotations

import importlib
from types import ModuleType

from headwater.core.errors import MissingExtra

__all__ = ["require"]


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import ``module``, an optional dependency.

    Parameters
    ----------
    module : str
        Dotted module name, for example ``"sklearn.ensemble"``.
    extra : str
        The extra of Headwater that installs it.
    purpose : str
        What needs it, as the start of a sentence.

    Returns
    -------
    ModuleType
        The imported module.

    Raises
    ------
    MissingExtra
        If the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra.for_package(module.partition(".")[0], extra, purpose) from error
