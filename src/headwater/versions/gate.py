"""The gate of a branch: what is checked before a commit becomes part of it, and what keeps it out.

A gate is kept in the repository as a ref of its own, so that everybody who writes there meets it, whatever checkout of
code they have. Each setting is a commit without datasets behind the one before: who set it and when stays known, and
a copy of the repository can tell which of two settings is the newer one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal, get_args

from headwater.core.errors import CorruptObject, NotFound, UsageError, require_choice
from headwater.core.findings import Finding, Outcome
from headwater.core.ids import CommitId, ObjectId
from headwater.store.commit import Commit, Provenance, load_commit, save_commit
from headwater.store.graph import merge_base
from headwater.store.refs import RefKind, valid_name

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = ["BRANCH_ITSELF", "Blocks", "Gate", "GateSuite", "Gates", "bring_gates"]

GateSuite = Literal["default", "contract"]
Blocks = Literal["fail", "warn"]

BRANCH_ITSELF = "branch"
"""The baseline that means the branch as it was before."""

_KIND: RefKind = "gates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What a commit must pass to become part of a branch.

    Parameters
    ----------
    branch : str
        The branch.
    suite : {"default", "contract"}
        All checks that `hw check` runs, or those alone that the contract asks for.
    only : tuple of str
        Ids or families of checks; all of the suite if empty.
    blocks : {"fail", "warn"}
        The outcome from which on a finding keeps the commit out. A check that broke always does.
    floor : float
        Findings of a lower severity keep nothing out.
    against : str, optional
        The baseline: ``branch`` for the branch as it was before, a ref, or None for none.
    datasets : tuple of str
        The datasets it looks at, or patterns of their names as ``web_*``; all if empty.
    divert : tuple of str
        Checks, as ``id`` or ``id:column``, whose rows go to quarantine instead of keeping the commit out.
    """

    branch: str
    suite: GateSuite = "default"
    only: tuple[str, ...] = ()
    blocks: Blocks = "fail"
    floor: float = 0.0
    against: str | None = BRANCH_ITSELF
    datasets: tuple[str, ...] = ()
    divert: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        require_choice("suite", self.suite, get_args(GateSuite))
        require_choice("blocks", self.blocks, get_args(Blocks))
        if not 0 <= self.floor <= 1:
            raise UsageError(f"The floor of severities is between 0 and 1, not {self.floor}.")

    def blocking(self, finding: Finding) -> bool:
        """Say whether a finding keeps a commit out."""
        if finding.outcome is Outcome.ERROR:
            return True
        if finding.allowed is not None or finding.severity < self.floor or self.diverts(finding):
            return False
        return finding.outcome is Outcome.FAIL or (finding.outcome is Outcome.WARN and self.blocks == "warn")

    def diverts(self, finding: Finding) -> bool:
        """Say whether the rows of a finding go to quarantine."""
        names = {finding.check, f"{finding.check}:{finding.column or ''}"}
        return finding.outcome in (Outcome.WARN, Outcome.FAIL) and bool(names & {*self.divert})

    def covers(self, dataset: str) -> bool:
        """Say whether the gate looks at a dataset; quarantine itself passes."""
        named = not self.datasets or any(fnmatchcase(dataset, name) for name in self.datasets)
        return named and not dataset.endswith(".quarantine")

    def to_dict(self) -> dict[str, Any]:
        """Return the gate as JSON-able values."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Gate:
        """Read what `to_dict` returned."""
        given: dict[str, Any] = {name: _tupled(v) for name, v in value.items()}
        return cls(**given)


class Gates(Mapping[str, Gate]):
    """The gates of a repository, by branch."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo

    def __getitem__(self, branch: str) -> Gate:
        head = self._repo.refs.get(_KIND, branch)
        if head is None:
            raise NotFound.among("gate", branch, self)
        return _gate_of(load_commit(head, self._repo.objects))

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._repo.refs.names(_KIND)))

    def __len__(self) -> int:
        return len(self._repo.refs.names(_KIND))

    def of(self, branch: str) -> Gate | None:
        """Return the gate of a branch; None if it has none."""
        head = self._repo.refs.get(_KIND, branch)
        return None if head is None else _gate_of(load_commit(head, self._repo.objects))

    def set(self, branch: str, **options: Any) -> Gate:
        """Give a branch a gate; what is not named stays as it was, or is as `Gate` has it.

        Parameters
        ----------
        branch : str
            The branch; it need not be there yet.
        **options : Any
            ``suite``, ``only``, ``blocks``, ``floor``, ``against``, ``datasets`` and ``divert``: see `Gate`.

        Raises
        ------
        UsageError
            If a value means nothing, or the branch has no valid name.
        """
        if not valid_name(branch):
            raise UsageError(f"{branch!r} is not a valid branch name.", name=branch)
        made: list[Gate] = []

        def step(now: CommitId | None) -> CommitId:
            there = Gate(branch=branch) if now is None else _gate_of(load_commit(now, self._repo.objects))
            made[:] = [replace(there, **{n: _tupled(v) for n, v in options.items()})]
            if now is not None and made[0] == there:
                return now
            return _save(self._repo, made[0], now)

        self._repo.refs.update(_KIND, branch, step, reason="gate: set", author=self._repo.author)
        return made[0]

    def remove(self, branch: str) -> Gate:
        """Take the gate of a branch away; what waits in quarantine stays there."""
        gate = self[branch]
        self._repo.refs.update(
            _KIND, branch, lambda _: None, reason="gate: removed", author=self._repo.author
        )
        return gate


def bring_gates(repo: Repo, there: Repo) -> list[str]:
    """Take over the gates of another repository that are new here, or newer settings of ours; return the branches.

    A gate that was set otherwise, or removed, here stays so.
    """
    brought = []
    for branch, head in there.refs.names(_KIND).items():
        ours = repo.refs.get(_KIND, branch)
        if ours == head or (ours is None and branch in repo.refs.all_names(_KIND)):
            continue
        if ours is not None and not (
            there.objects.is_here(ObjectId(ours)) and merge_base(ours, head, there.objects) == ours
        ):
            continue
        at: CommitId | None = head
        while at is not None and not repo.objects.is_here(ObjectId(at)):
            repo.objects.put(there.objects.get(ObjectId(at)))
            parents = load_commit(at, there.objects).parents
            at = parents[0] if parents else None
        if repo.refs.move(_KIND, branch, head, expected=ours, reason="fetch", author=repo.author):
            brought.append(branch)
    return brought


def _save(repo: Repo, gate: Gate, before: CommitId | None) -> CommitId:
    return save_commit(
        repo.objects,
        datasets={},
        parents=() if before is None else (before,),
        author=repo.author,
        message=f"gate of {gate.branch}",
        provenance=Provenance(kind="gate", id=gate.branch, record=gate.to_dict()),
    ).id


def _gate_of(commit: Commit) -> Gate:
    if commit.provenance.kind != "gate":
        raise CorruptObject(f"Commit {commit.id[:12]} is no gate. Run `hw fsck`.", object=commit.id)
    return Gate.from_dict(commit.provenance.record)


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
