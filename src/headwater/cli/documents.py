"""Contracts as YAML documents: read with a useful error, written with their columns in order."""

from __future__ import annotations

from pathlib import Path

from headwater.core.contract import Contract
from headwater.core.errors import InputError

__all__ = ["contract_yaml", "read_contract"]


def read_contract(path: Path) -> Contract:
    """Read an ODCS document from a YAML (or JSON) file.

    Raises
    ------
    InputError
        If the file is not YAML, or not a data contract.
    """
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.", file=str(path)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a YAML document: {error}", file=str(path)) from error
    if not isinstance(document, dict):
        raise InputError(f"{path} holds no YAML mapping, so it is no data contract.", file=str(path))
    try:
        return Contract.from_odcs(document)
    except InputError as error:
        raise InputError(f"{path}: {error.message}", file=str(path)) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not a whole ODCS data contract: {type(error).__name__} {error}", file=str(path)
        ) from error


def contract_yaml(contract: Contract) -> str:
    """Return a contract as an ODCS document in YAML."""
    import yaml

    text: str = yaml.safe_dump(contract.to_odcs(), sort_keys=False, allow_unicode=True, width=100)
    return text
