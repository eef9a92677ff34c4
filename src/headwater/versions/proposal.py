"""A proposal: what was said and found about bringing one branch into another, event by event.

Each event is a commit without datasets. Its parents are the events before it, then the commits that it speaks of; so
a record keeps its data, is collected, verified and copied as branches are, and nothing said is ever replaced. Two
copies of a repository may add events at the same time: the record is then joined, and holds both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from headwater.core.errors import CorruptObject
from headwater.core.ids import CommitId
from headwater.store.commit import Commit, Provenance, load_commit, save_commit
from headwater.store.objects import Objects

__all__ = [
    "Event",
    "EventKind",
    "Picture",
    "Proposal",
    "Review",
    "Status",
    "add_event",
    "event_names",
    "join_events",
    "read_events",
    "record_of",
]

EventKind = Literal[
    "open",
    "edit",
    "update",
    "comment",
    "approve",
    "request-changes",
    "close",
    "reopen",
    "merging",
    "merged",
    "join",
]
Status = Literal["open", "approved", "merged", "closed"]

_SHORT = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to a proposal: what, by whom, when, and its facts."""

    id: CommitId
    kind: EventKind
    author: str
    time: datetime
    facts: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the event as JSON-able values."""
        return {
            "id": self.id,
            "kind": self.kind,
            "author": self.author,
            "time": self.time.isoformat(),
            **self.facts,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """How a proposal looked between two commits: what it changes, whether it merges, what the checks found.

    Parameters
    ----------
    source_commit, target_commit : CommitId
        Where the two branches were.
    diff : mapping
        For each dataset that the branch changes, how many rows and which columns.
    candidate : CommitId, optional
        The commit that merging makes, which is what was checked; None if there are conflicts.
    conflicts : int
        Cells that both branches changed.
    outcome : str, optional
        The worst outcome of the checks; None if they did not run.
    reports : sequence of mapping
        For each dataset that was checked its outcome, counts, and findings that do not pass.
    """

    source_commit: CommitId
    target_commit: CommitId
    diff: Mapping[str, Any] = field(default_factory=dict)
    candidate: CommitId | None = None
    conflicts: int = 0
    outcome: str | None = None
    reports: Sequence[Mapping[str, Any]] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the picture as JSON-able values."""
        return {
            "source_commit": self.source_commit,
            "target_commit": self.target_commit,
            "diff": dict(self.diff),
            "candidate": self.candidate,
            "conflicts": self.conflicts,
            "outcome": self.outcome,
            "reports": list(self.reports),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Picture:
        """Read what `to_dict` returned."""
        return cls(**{**value, "reports": tuple(value["reports"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The last word of one reviewer, and the commit that it was about."""

    author: str
    verdict: Literal["approve", "request-changes"]
    commit: CommitId
    time: datetime
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A proposal to bring a branch into another one, as its events tell it.

    Parameters
    ----------
    number : int
        Its number in this repository.
    id : CommitId
        Its first event, which names it everywhere.
    head : CommitId
        Its last event.
    source, target : str
        The branch, and the one that it shall go into.
    title, description, author : str
        What it is about, and who made it.
    time : datetime
        When it was made.
    reviewers : tuple of str
        Who was asked.
    required : int
        How many others must approve.
    only : tuple of str
        The checks, or families of them, that it is held to; empty for all that fit.
    picture : Picture
        How it looked when it was last refreshed.
    impact : mapping, optional
        What the change does to a model, with ``source_commit`` and ``target_commit``.
    reviews : tuple of Review
        The last word of each reviewer, in the order in which they were said.
    merge_commit : CommitId, optional
        The commit that it was merged by.
    is_closed : bool
        Whether it was closed without merging.
    events : tuple of Event
        All that happened, the oldest first.
    """

    number: int
    id: CommitId
    head: CommitId
    source: str
    target: str
    title: str
    description: str
    author: str
    time: datetime
    reviewers: tuple[str, ...]
    required: int
    only: tuple[str, ...]
    picture: Picture
    impact: Mapping[str, Any] | None
    reviews: tuple[Review, ...]
    merge_commit: CommitId | None
    is_closed: bool
    events: tuple[Event, ...]

    @property
    def approvals(self) -> tuple[str, ...]:
        """Who approved the commit that the branch is at, its author aside."""
        return tuple(
            review.author
            for review in self.reviews
            if review.verdict == "approve"
            and review.commit == self.picture.source_commit
            and review.author != self.author
        )

    @property
    def objections(self) -> tuple[str, ...]:
        """Who asked for changes and has not approved since."""
        return tuple(review.author for review in self.reviews if review.verdict == "request-changes")

    @property
    def status(self) -> Status:
        """``merged``, ``closed``, ``approved`` by enough reviewers, or ``open``."""
        if self.merge_commit is not None:
            return "merged"
        if self.is_closed:
            return "closed"
        enough = len(self.approvals) >= max(1, self.required)
        return "approved" if enough and not self.objections else "open"

    @property
    def is_open(self) -> bool:
        """Whether it is neither merged nor closed."""
        return self.status in ("open", "approved")

    def reasons(self) -> list[str]:
        """Return why it cannot be merged as it was last refreshed; an empty list if it can."""
        if not self.is_open:
            return [f"It is {self.status} already."]
        found = []
        picture = self.picture
        if picture.conflicts or picture.candidate is None:
            found.append(
                f"{picture.conflicts} conflict(s): {self.source} and {self.target} changed the same cells. Merge "
                f"{self.target} into {self.source} first, and decide them there."
            )
        elif picture.outcome is None:
            found.append(
                "The checks have not run for the commits that the branches are at: "
                f"`hw propose refresh {self.number}` runs them."
            )
        elif picture.outcome in ("fail", "error"):
            bad = [
                f"{r['dataset']} ({r['outcome']})" for r in picture.reports if r["outcome"] == picture.outcome
            ]
            found.append(f"The checks do not pass: {', '.join(bad)}.")
        lacking = self.required - len(self.approvals)
        if lacking > 0:
            stale = [
                r.author for r in self.reviews if r.verdict == "approve" and r.author not in self.approvals
            ]
            stale = [name for name in stale if name != self.author]
            why = f" {', '.join(stale)} approved an earlier commit." if stale else ""
            found.append(
                f"{lacking} more approval(s) of commit {picture.source_commit[:_SHORT]} needed, by others than "
                f"{self.author}.{why}"
            )
        if self.objections:
            found.append(f"Changes are requested by {', '.join(self.objections)}.")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the proposal as JSON-able values."""
        return {
            "number": self.number,
            "id": self.id,
            "status": self.status,
            "title": self.title,
            "description": self.description,
            "source": self.source,
            "target": self.target,
            "author": self.author,
            "time": self.time.isoformat(),
            "reviewers": list(self.reviewers),
            "required_approvals": self.required,
            "approvals": list(self.approvals),
            "objections": list(self.objections),
            "only": list(self.only),
            **self.picture.to_dict(),
            "impact": self.impact,
            "merge_commit": self.merge_commit,
            "reasons": self.reasons(),
            "events": [event.to_dict() for event in self.events],
        }


def add_event(
    objects: Objects,
    kind: EventKind,
    facts: Mapping[str, Any],
    *,
    after: CommitId | None,
    author: str,
    keeps: Sequence[CommitId] = (),
) -> Commit:
    """Store an event behind ``after`` (None: it is the first); ``keeps`` are the commits that it speaks of."""
    before = () if after is None else (after,)
    record = {
        "event": kind,
        "previous": len(before),
        "proposal": "" if after is None else record_of(load_commit(after, objects)),
        "facts": dict(facts),
    }
    return save_commit(
        objects,
        datasets={},
        parents=(*before, *dict.fromkeys(keeps)),
        author=author,
        message=f"proposal: {kind}",
        provenance=Provenance(kind="proposal", record=record),
    )


def join_events(objects: Objects, heads: Sequence[CommitId]) -> Commit:
    """Store the event that joins two ends of one record; the same for everybody who joins them."""
    ends = [load_commit(name, objects) for name in sorted(heads)]
    record = {"event": "join", "previous": len(ends), "proposal": record_of(ends[0]), "facts": {}}
    return save_commit(
        objects,
        datasets={},
        parents=tuple(end.id for end in ends),
        author="",
        message="proposal: join",
        provenance=Provenance(kind="proposal", record=record),
        time=max(end.time for end in ends),
    )


def record_of(event: Commit) -> CommitId:
    """Return the first event of the record that an event is of.

    Raises
    ------
    CorruptObject
        If the commit is no event.
    """
    return CommitId(_record(event)["proposal"] or event.id)


def event_names(head: CommitId, objects: Objects) -> set[CommitId]:
    """Return the ids of all events up to ``head``."""
    return {commit.id for commit in _walk(head, objects)}


def read_events(number: int, head: CommitId, objects: Objects) -> Proposal:
    """Return the proposal whose last event is ``head``.

    Raises
    ------
    CorruptObject
        If its record cannot be read.
    """
    events = [_event(commit) for commit in sorted(_walk(head, objects), key=lambda c: (c.order, c.id))]
    first = events[0]
    if first.kind != "open":
        raise CorruptObject(
            f"The record of proposal {number} does not begin with its opening. Run `hw fsck`."
        )
    facts = dict(first.facts)
    picture, impact = Picture.from_dict(facts["picture"]), None
    reviews: dict[str, Review] = {}
    merged: CommitId | None = None
    closed = False
    for event in events:
        if event.kind in ("open", "edit"):
            facts.update(event.facts)
        if "picture" in event.facts:
            picture = Picture.from_dict(event.facts["picture"])
        if event.facts.get("impact"):
            impact = event.facts["impact"]
        if event.kind in ("approve", "request-changes"):
            # Taken out and put in again, so that they stand in the order of what was said last.
            reviews.pop(event.author, None)
            reviews[event.author] = Review(
                author=event.author,
                verdict=event.kind,
                commit=event.facts["commit"],
                time=event.time,
                text=event.facts["text"],
            )
        elif event.kind in ("close", "reopen"):
            closed = event.kind == "close"
        elif event.kind == "merged":
            merged = event.facts["commit"]
    return Proposal(
        number=number,
        id=first.id,
        head=head,
        source=facts["source"],
        target=facts["target"],
        title=facts["title"],
        description=facts["description"],
        author=first.author,
        time=first.time,
        reviewers=tuple(facts["reviewers"]),
        required=facts["required"],
        only=tuple(facts["only"]),
        picture=picture,
        impact=impact,
        reviews=tuple(reviews.values()),
        merge_commit=merged,
        is_closed=closed,
        events=tuple(events),
    )


def _walk(head: CommitId, objects: Objects) -> list[Commit]:
    found: dict[CommitId, Commit] = {}
    waiting = [head]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = load_commit(name, objects)
            waiting.extend(found[name].parents[: _record(found[name])["previous"]])
    return list(found.values())


def _event(commit: Commit) -> Event:
    record = _record(commit)
    return Event(
        id=commit.id,
        kind=record["event"],
        author=commit.author,
        time=commit.time.astimezone(UTC),
        facts=record["facts"],
    )


def _record(commit: Commit) -> Mapping[str, Any]:
    record = commit.provenance.record
    if (
        commit.provenance.kind != "proposal"
        or not {"event", "previous", "proposal", "facts"} <= record.keys()
    ):
        raise CorruptObject(
            f"Commit {commit.id[:_SHORT]} is no event of a proposal. Run `hw fsck`.", object=commit.id
        )
    return record
