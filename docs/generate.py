"""Write docs/reference: the command line from its help, the Python interface from the docstrings.

Run by ``make docs``. Docstrings are read from the source without importing it, so that the pages are
the same whatever extras are installed.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "headwater"
REFERENCE = ROOT / "docs" / "reference"
COMMAND = "hw"
WIDTH = 100
NOTICE = "<!-- Written by `make docs` from the source; change it there. -->\n"
FIELDS = {"Parameters", "Other Parameters", "Attributes", "Returns", "Yields", "Raises", "Warns"}

METHOD_KINDS = {"property", "classmethod", "staticmethod"}

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


class Module(NamedTuple):
    """One source file, parsed."""

    name: str
    tree: ast.Module


def main() -> None:
    """Replace the pages under docs/reference."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for old in REFERENCE.glob("*.md"):
        if old.name not in wanted:
            old.unlink()
    for name, text in wanted.items():
        (REFERENCE / name).write_text(text)
    print(f"docs/reference: {len(wanted)} pages")


def pages() -> dict[str, str]:
    """Return every page of the reference as file name to Markdown."""
    groups: dict[str, list[Module]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        if parts[0] == "cli" or any(part.startswith("_") and part != "__init__" for part in parts):
            continue
        name = ".".join(("headwater", *parts)).removesuffix(".__init__")
        groups.setdefault(parts[0], []).append(Module(name, ast.parse(path.read_text())))
    root = groups.pop("__init__")[0]
    bodies = {
        group: [text for module in modules if (text := module_section(module))]
        for group, modules in groups.items()
    }
    made = {f"{group}.md": group_page(groups[group][0], body) for group, body in bodies.items() if body}
    listing = [
        f"- [`headwater.{group}`]({group}.md): {summary(groups[group][0])}"
        for group, body in bodies.items()
        if body
    ]
    command = command_line()
    if command is not None:
        made["cli.md"] = command
        listing.insert(0, f"- [Command line](cli.md): every command of `{COMMAND}`")
    index = [f"# Reference\n\n{NOTICE}\n{summary(root)}\n", "## Public names\n", *public_names(root)]
    return {"index.md": "\n".join([*index, "\n## Pages\n", *listing]) + "\n", **made}


# The command line


def command_line() -> str | None:
    """Return the page of all commands, or None while the package has no command line."""
    if importlib.util.find_spec("headwater.cli.main") is None:
        return None
    module = importlib.import_module("headwater.cli.main")
    root = next(value for value in (module.main, *vars(module).values()) if isinstance(value, click.Group))
    parts = [section(names, context) for names, context in commands(root, (COMMAND,), None)]
    return f"# Command line\n\n{NOTICE}\n" + "\n".join(parts)


def commands(
    command: click.Command, names: tuple[str, ...], parent: click.Context | None
) -> Iterator[tuple[tuple[str, ...], click.Context]]:
    """Yield the command and, depth first, all below it, each with the context that renders its help."""
    context = click.Context(
        command,
        info_name=names[-1],
        parent=parent,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        color=False,
    )
    yield names, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                yield from commands(child, (*names, name), context)


def section(names: tuple[str, ...], context: click.Context) -> str:
    """Return one command's help under a heading."""
    heading = "#" * min(len(names) + 1, 4)
    return f"{heading} {' '.join(names)}\n\n```text\n{context.command.get_help(context).rstrip()}\n```\n"


# The Python interface


def public_names(root: Module) -> list[str]:
    """Return a line for each name of the package itself, with the module it comes from."""
    lines = []
    for node in ast.walk(root.tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("headwater."):
            target = f"{node.module.split('.')[1]}.md#{anchor(node.module)}"
            lines += [f"- `headwater.{name.name}`: [`{node.module}`]({target})" for name in node.names]
    return sorted(lines)


def summary(module: Module) -> str:
    """Return the first line of a module's docstring."""
    return (ast.get_docstring(module.tree) or "").split("\n")[0]


def anchor(heading: str) -> str:
    """Return the link target that Markdown gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def group_page(package: Module, bodies: list[str]) -> str:
    """Return the page of one subpackage, or of one module beside them."""
    title = ".".join(package.name.split(".")[:2])
    return "\n".join([f"# {title}\n", NOTICE, summary(package), "", *bodies])


def module_section(module: Module) -> str | None:
    """Return a module's public functions and classes, in the order of the file."""
    exported = public(module.tree)
    definitions = [
        node
        for node in module.tree.body
        if isinstance(node, Definition) and node.name in exported and "overload" not in decorators(node)
    ]
    if not definitions:
        return None
    head = f"## {module.name}\n\n{as_text(ast.get_docstring(module.tree) or '')}\n"
    return "\n".join([head, *(definition_section(node) for node in definitions)])


def public(tree: ast.Module) -> set[str]:
    """Return the names in a module's ``__all__``."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def definition_section(node: Definition) -> str:
    """Return a function or class with its signature and docstring."""
    lines = [f"### {node.name}\n", f"```text\n{signature(node)}\n```\n", docstring(node)]
    for child in methods(node):
        if not child.name.startswith("_"):
            title = f"#### {node.name}.{child.name}"
            lines.append(f"{title}\n\n```text\n{signature(child)}\n```\n\n{docstring(child)}")
    return "\n".join(lines)


def methods(node: Definition) -> list[Function]:
    """Return a class's functions, without the overloads that only describe one."""
    found = (
        [child for child in node.body if isinstance(child, Function)]
        if isinstance(node, ast.ClassDef)
        else []
    )
    return [child for child in found if "overload" not in decorators(child)]


def decorators(node: Definition) -> list[str]:
    """Return the names of a definition's decorators."""
    return [ast.unparse(item) for item in node.decorator_list]


def signature(node: Definition) -> str:
    """Return how a function or class is written: its arguments, or its fields and constructor."""
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        lines = [f"class {node.name}({bases})" if bases else f"class {node.name}"]
        lines += [f"    {name}" for name in class_fields(node)]
        lines += [f"    {call(node.name, child)}" for child in methods(node) if child.name == "__init__"]
        return "\n".join(lines)
    marks = "".join(f"@{name}\n" for name in decorators(node) if name in METHOD_KINDS)
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return marks + call(node.name, node, result)


def class_fields(node: ast.ClassDef) -> list[str]:
    """Return the annotated fields of a class, and the members of an enumeration."""
    annotated = [
        item
        for item in node.body
        if isinstance(item, ast.AnnAssign) and not ast.unparse(item.target).startswith("_")
    ]
    members = [
        item for item in node.body if isinstance(item, ast.Assign) and ast.unparse(item.targets[0]).isupper()
    ]
    return [ast.unparse(item) for item in (*annotated, *members)]


def call(name: str, node: Function, result: str = "") -> str:
    """Return a call with its arguments, one a line when they are long."""
    arguments = argument_list(node.args)
    line = f"{name}({', '.join(arguments)}){result}"
    if len(line) <= WIDTH:
        return line
    body = "".join(f"    {argument},\n" for argument in arguments)
    return f"{name}(\n{body}){result}"


def argument_list(arguments: ast.arguments) -> list[str]:
    """Return each argument with its type and default, leaving out ``self`` and ``cls``."""
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
    out = [argument(item, default) for item, default in zip(plain, defaults, strict=True)]
    if out and plain[0].arg in ("self", "cls"):
        out = out[1:]
    if arguments.vararg:
        out.append("*" + argument(arguments.vararg, None))
    elif arguments.kwonlyargs:
        out.append("*")
    out += [
        argument(item, value) for item, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    if arguments.kwarg:
        out.append("**" + argument(arguments.kwarg, None))
    return out


def argument(item: ast.arg, default: ast.expr | None) -> str:
    """Return one argument as source."""
    text = f"{item.arg}: {ast.unparse(item.annotation)}" if item.annotation else item.arg
    if default is None:
        return text
    return f"{text} = {ast.unparse(default)}" if item.annotation else f"{text}={ast.unparse(default)}"


def docstring(node: Definition) -> str:
    """Return a numpydoc docstring as Markdown."""
    text = ast.get_docstring(node) or ""
    out = []
    for title, body in sections(text):
        if title in FIELDS:
            out.append(f"**{title}**\n\n{fields(body)}\n")
        elif title:
            out.append(f"**{title}**\n\n{as_text(body)}\n")
        else:
            out.append(f"{as_text(body)}\n")
    return "\n".join(out)


def sections(text: str) -> Iterator[tuple[str, str]]:
    """Yield a docstring's parts as title and body; the first has no title."""
    pieces = re.split(r"(?m)^(\w[\w ]*)\n-{3,}\n", text)
    yield "", pieces[0].strip()
    for title, body in zip(pieces[1::2], pieces[2::2], strict=True):
        yield title, body.strip("\n")


def fields(body: str) -> str:
    """Return ``name : type`` entries with their indented texts as a list."""
    items: list[str] = []
    for line in body.splitlines():
        if line.startswith(" "):
            items[-1] += f"{' ' if items[-1].endswith(':') else chr(10) + '  '}{as_text(line.strip())}"
        elif line.strip():
            name, colon, kind = line.partition(" : ")
            items.append(f"- `{name.strip()}`" + (f" ({as_text(kind.strip())}):" if colon else ":"))
    return "\n".join(items)


def as_text(text: str) -> str:
    """Return reStructuredText as Markdown: code marks, literal blocks and doctests."""
    out: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        if paragraph.lstrip().startswith(">>>"):
            out.append(f"```pycon\n{paragraph}\n```")
        elif out and out[-1].endswith("::") and paragraph.startswith(" "):
            out[-1] = out[-1].removesuffix("::").rstrip()
            out[-1] += ":" if out[-1] else ""
            out.append(f"```text\n{textwrap.dedent(paragraph)}\n```")
        else:
            out.append(re.sub(r"``([^`]+)``", r"`\1`", paragraph))
    return "\n\n".join(part for part in out if part)


if __name__ == "__main__":
    main()
