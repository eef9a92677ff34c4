"""What changed between two contracts, and whom each change breaks: those who read the data, or those who write it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any, Literal

from headwater.checks.base import CHECKS, Check, Level, States, Target
from headwater.checks.freshness import duration
from headwater.checks.judging import judged
from headwater.core.contract import ColumnPromise, Contract, Rule
from headwater.core.errors import NotFound, UsageError
from headwater.core.findings import Finding
from headwater.core.schema import plain_type, widen
from headwater.core.types import parse_type

__all__ = ["Change", "ContractChange", "Party", "contract_changes"]

Party = Literal["readers", "writers"]

_BOTH: tuple[Party, ...] = ("readers", "writers")
_READERS: tuple[Party, ...] = ("readers",)
_WRITERS: tuple[Party, ...] = ("writers",)
_WARNINGS = frozenset({"warning", "warn", "info", "low", "medium"})

_AT_LEAST = frozenset({"above", "minimum", "minimum_rows"})
_AT_MOST = frozenset({"below", "maximum", "max_fraction", "max_drop", "max_growth", "max_level", "tolerance"})
_ALLOWED = frozenset({"values", "languages", "ignore", "exclude"})
_FORBIDDEN = frozenset({"words"})
_SUBJECTS = frozenset(
    {
        "condition",
        "columns",
        "dependent",
        "determinants",
        "dataset",
        "references",
        "q",
        "query",
        "by",
        "label",
    }
    | {"statistic", "split", "reference", "every"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference between two contracts.

    Parameters
    ----------
    what : str
        What changed: ``columns.age.type``, ``key``, ``rules.validity.range(age).maximum``.
    old, new : object
        What it said before and says now; None where it said nothing.
    breaks : tuple of {"readers", "writers"}
        Whom it breaks: readers may meet data that they were promised not to meet, writers may have data refused
        that was good before. Empty for a compatible change.
    reason : str
        Why, in a few words.
    column : str, optional
        The column it is about, if it is about one.
    """

    what: str
    old: Any = None
    new: Any = None
    breaks: tuple[Party, ...] = ()
    reason: str = ""
    column: str | None = None

    @property
    def is_breaking(self) -> bool:
        """Whether it breaks anyone."""
        return bool(self.breaks)

    def to_dict(self) -> dict[str, Any]:
        """Return the change as a JSON-able mapping."""
        return {
            "what": self.what,
            "old": _plain(self.old),
            "new": _plain(self.new),
            "breaks": list(self.breaks),
            "is_breaking": self.is_breaking,
            "reason": self.reason,
            "column": self.column,
        }


def contract_changes(old: Contract | None, new: Contract | None) -> list[Change]:
    """Return what changed between two contracts, each change with whom it breaks.

    A promise taken back or made wider breaks readers; one made new or narrower breaks writers. What says
    nothing of the data (owner, description, version, licence) breaks nobody.

    Parameters
    ----------
    old, new : Contract, optional
        The contracts; None for one that promises nothing.

    Returns
    -------
    list of Change
        In the order of columns, roles, rules, facts; empty where both promise the same.

    Examples
    --------
    >>> was = Contract(dataset="people", columns=(ColumnPromise(name="age", type="int64"),))
    >>> now = Contract(dataset="people", columns=(ColumnPromise(name="age", type="int32"),))
    >>> [(change.what, change.breaks) for change in contract_changes(was, now)]
    [('columns.age.type', ('writers',))]
    """
    name = (old or new or Contract(dataset="")).dataset
    before, after = old or Contract(dataset=name), new or Contract(dataset=name)
    return [
        *_column_changes(before, after),
        *_role_changes(before, after),
        *_rule_changes(before.rules, after.rules),
        *_fact_changes(before, after),
    ]


@CHECKS.register("schema.contract")
@dataclass(frozen=True, kw_only=True)
class ContractChange(Check):
    """The contract promises readers what that of the baseline did, and asks no more of writers.

    A promise taken back or made wider breaks readers, one made new or narrower breaks writers; see
    `contract_changes`. Without a baseline there is nothing to compare. The cost does not depend on the rows.

    Parameters
    ----------
    breaks : {"any", "readers", "writers"}
        Whom the change may not break.
    level : {"warn", "fail"}
        The outcome if it does.
    """

    id = "schema.contract"
    title = "Broken contract"

    breaks: str = "any"
    level: Level = "fail"

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Return the check where the baseline has a contract; it only warns where no rule asks for it."""
        return (
            (cls(level="warn"),)
            if target.baseline is not None and target.baseline.contract is not None
            else ()
        )

    def __post_init__(self) -> None:
        """Refuse other parties."""
        if self.breaks not in ("any", *_BOTH):
            raise UsageError(
                f"breaks is one of any, readers, writers, not {self.breaks!r}.", breaks=self.breaks
            )

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Compare the two contracts."""
        if target.baseline is None:
            return [judged(self, False, "There is no baseline whose contract could be compared.")]
        now = target.dataset.contract or target.contract
        changes = contract_changes(target.baseline.contract, now)
        broken = [one for one in changes if one.is_breaking and self.breaks in ("any", *one.breaks)]
        if not broken:
            told = f"{len(changes)} compatible changes" if changes else "no change"
            return [judged(self, False, f"The contract breaks nothing of the baseline's: {told}.")]
        return [
            judged(
                self,
                True,
                f"The contract breaks {' and '.join(one.breaks)}: {one.what}, {one.reason}.",
                severity=0.9,
                level=self.level,
                column=one.column,
                evidence=one.to_dict(),
            )
            for one in broken
        ]


def _column_changes(old: Contract, new: Contract) -> Iterator[Change]:
    for name, change in _named_changes(old, new):
        yield replace(change, column=name)


def _named_changes(old: Contract, new: Contract) -> Iterator[tuple[str, Change]]:
    was, now = ({column.name: column for column in side.columns} for side in (old, new))
    for name, column in was.items():
        if name in now:
            yield from ((name, change) for change in _promise_changes(column, now[name]))
        else:
            told = "no longer promised"
            yield name, Change(what=f"columns.{name}", old=column.type or "any", breaks=_READERS, reason=told)
    for name, column in now.items():
        if name not in was:
            # A first list of columns, too: data without the column passed before.
            told = "must now be there"
            yield name, Change(what=f"columns.{name}", new=column.type or "any", breaks=_WRITERS, reason=told)


def _promise_changes(old: ColumnPromise, new: ColumnPromise) -> Iterator[Change]:
    place = f"columns.{old.name}"
    if old.type != new.type:
        breaks, reason = _type_change(old.type, new.type)
        if reason:
            yield Change(what=f"{place}.type", old=old.type, new=new.type, breaks=breaks, reason=reason)
    if old.required != new.required:
        yield _tighter(f"{place}.required", old.required, new.required, "null is refused", "null may come")
    if old.unique != new.unique:
        yield _tighter(f"{place}.unique", old.unique, new.unique, "repeats are refused", "repeats may come")
    for fact in ("classification", "description"):
        a, b = getattr(old, fact), getattr(new, fact)
        if a != b:
            yield Change(what=f"{place}.{fact}", old=a or None, new=b or None)


def _type_change(old: str, new: str) -> tuple[tuple[Party, ...], str]:
    if not old:
        return _WRITERS, "the type is now given"
    if not new:
        return _READERS, "any type may come"
    was, now = (plain_type(parse_type(name)) for name in (old, new))
    if was == now:
        return (), ""
    wide = widen(was, now)
    if wide == was:
        return _WRITERS, "the type is narrower"
    return (_READERS, "the type is wider") if wide == now else (_BOTH, "another type")


def _role_changes(old: Contract, new: Contract) -> Iterator[Change]:
    # What identifies a row, and what a row's time, label or group is, is read and written by both.
    for role, reason in (
        ("key", "rows are known by other columns"),
        ("label", "another label"),
        ("time", "another time of rows"),
    ):
        a, b = getattr(old, role), getattr(new, role)
        if a != b:
            breaks = _BOTH if a and b else _WRITERS if b and role == "key" else _READERS if a else ()
            told = reason if a and b else "now promised" if b else "no longer promised"
            yield Change(what=role, old=a or None, new=b or None, breaks=breaks, reason=told)
    if set(old.sensitive) != set(new.sensitive):
        yield Change(what="sensitive", old=old.sensitive or None, new=new.sensitive or None)


def _rule_changes(old: Sequence[Rule], new: Sequence[Rule]) -> Iterator[Change]:
    rest = list(new)
    left = []
    for rule in old:
        if rule in rest:
            rest.remove(rule)
        else:
            left.append(rule)
    for rule in left:
        other = next((one for one in rest if one.check == rule.check and _about(one) == _about(rule)), None)
        if other is None:
            breaks = () if _only_warns(rule) else _READERS
            told = "the rule is gone"
            yield Change(what=_place(rule), old=_said(rule), breaks=breaks, reason=told, column=rule.column)
            continue
        rest.remove(other)
        yield from (replace(change, column=rule.column) for change in _within_rule(_place(rule), rule, other))
    for rule in rest:
        breaks = () if _only_warns(rule) else _WRITERS
        yield Change(
            what=_place(rule), new=_said(rule), breaks=breaks, reason="a new rule", column=rule.column
        )


def _within_rule(place: str, old: Rule, new: Rule) -> Iterator[Change]:
    if _only_warns(old) != _only_warns(new):
        yield _tighter(
            f"{place}.severity",
            old.severity,
            new.severity,
            "it fails where it warned",
            "it warns where it failed",
            is_tighter=_only_warns(old),
        )
    elif old.severity != new.severity:
        yield Change(what=f"{place}.severity", old=old.severity, new=new.severity)
    usual = _defaults(old.check)
    warns = _only_warns(old) and _only_warns(new)
    for name in dict.fromkeys((*old.parameters, *new.parameters)):
        a, b = (rule.parameters.get(name, usual.get(name)) for rule in (old, new))
        if _plain(a) == _plain(b) or name == "level":
            continue
        breaks, reason = _parameter_change(name, a, b)
        yield Change(what=f"{place}.{name}", old=a, new=b, breaks=() if warns else breaks, reason=reason)
    if old.description != new.description:
        yield Change(what=f"{place}.description", old=old.description or None, new=new.description or None)


def _parameter_change(name: str, old: Any, new: Any) -> tuple[tuple[Party, ...], str]:
    """Say whom another value of a parameter breaks; both where what it means cannot be told from its name."""
    if name in _ALLOWED or name in _FORBIDDEN:
        was, now = (set(map(str, value or ())) for value in (old, new))
        # No list of allowed values lets all pass.
        if name == "languages" and not (was and now):
            return (_WRITERS, "stricter") if now else (_READERS, "looser")
        gone, come = was - now, now - was
        if name in _FORBIDDEN:
            gone, come = come, gone
        told = " and ".join(
            f"{count} {one} value{'s' if count > 1 else ''}"
            for count, one in ((len(gone), "fewer allowed"), (len(come), "more allowed"))
            if count
        )
        breaks = _BOTH if gone and come else _WRITERS if gone else _READERS if come else ()
        return breaks, told or "the same values"
    if name in _AT_LEAST or name in _AT_MOST:
        order = _order(old, new, none_is=float("inf") if name in _AT_MOST else float("-inf"))
        if order is not None:
            is_tighter = order > 0 if name in _AT_LEAST else order < 0
            return (_WRITERS, "stricter") if is_tighter else (_READERS, "looser")
    if name == "allow_new":
        return (_WRITERS, "stricter") if old else (_READERS, "looser")
    if name == "blank":
        return (_WRITERS, "stricter") if new else (_READERS, "looser")
    return _BOTH, "another rule"


def _order(old: Any, new: Any, *, none_is: float) -> int | None:
    """Return 1 if the new limit is above the old one, -1 if below, None if they cannot be compared."""
    sides = []
    for value in (old, new):
        if value is None:
            return (1 if old is None else -1) * (-1 if none_is > 0 else 1)
        sides.append(_as_number(value))
    a, b = sides
    try:
        return 1 if b > a else -1
    except TypeError:
        return None


def _as_number(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return duration(value).total_seconds()
        except UsageError:
            return value  # Dates in ISO form have the order of their text.
    return value


def _fact_changes(old: Contract, new: Contract) -> Iterator[Change]:
    for fact in ("owner", "description", "version", "license"):
        a, b = getattr(old, fact), getattr(new, fact)
        if a != b:
            yield Change(what=fact, old=a or None, new=b or None)


def _tighter(
    what: str, old: Any, new: Any, tighter: str, looser: str, *, is_tighter: bool | None = None
) -> Change:
    narrow = bool(new) if is_tighter is None else is_tighter
    return Change(
        what=what,
        old=old,
        new=new,
        breaks=_WRITERS if narrow else _READERS,
        reason=tighter if narrow else looser,
    )


def _about(rule: Rule) -> str:
    """Return what a rule is about: a rule with other limits about the same is the same rule, changed."""
    parts = [rule.column or ""]
    parts += [str(_plain(rule.parameters[name])) for name in sorted(_SUBJECTS & rule.parameters.keys())]
    return ", ".join(" ".join(part.split()) for part in parts if part)


def _place(rule: Rule) -> str:
    about = _about(rule)
    return f"rules.{rule.check}({about})" if about else f"rules.{rule.check}"


def _only_warns(rule: Rule) -> bool:
    level = rule.parameters.get("level")
    return level == "warn" if level is not None else rule.severity.lower() in _WARNINGS


def _said(rule: Rule) -> Any:
    return dict(rule.parameters) or "yes"


def _defaults(check: str) -> dict[str, Any]:
    try:
        kind: Any = CHECKS[check]
    except NotFound:
        return {}
    return {field.name: field.default for field in fields(kind) if field.default is not MISSING}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
