"""Shapley values of any game: what each player adds to what a coalition is worth, shared out fairly.

References
----------
Shapley (1953). A value for n-person games. Contributions to the theory of games 2.
Castro, Gomez, Tejada (2009). Polynomial calculation of the Shapley value based on sampling. Computers & Operations
Research 36. doi:10.1016/j.cor.2008.04.004
Mitchell, Cooper, Frank, Holmes (2022). Sampling permutations for Shapley value estimation. JMLR 23 (each permutation
together with its reverse, which lowers the variance).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headwater.core.errors import UsageError

__all__ = ["Shares", "shapley"]

F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Shares:
    """What each player adds.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (players, k)
        They sum to ``whole - base``.
    error : numpy.ndarray of float64, shape (players, k)
        Standard error; zero where all coalitions were tried.
    base, whole : numpy.ndarray of float64, shape (k,)
        What nobody, and what all together are worth.
    """

    values: F64
    error: F64
    base: F64
    whole: F64


def shapley(
    worth: Callable[[Bools], F64], players: int, *, exact_up_to: int = 8, pairs: int = 16, seed: int = 0
) -> Shares:
    """Return the Shapley values of a game.

    Parameters
    ----------
    worth : callable
        Takes coalitions, a Boolean array of shape (m, players), and gives what each is worth, shape (m, k).
    players : int
        How many there are.
    exact_up_to : int
        Up to so many players all coalitions are tried.
    pairs : int
        With more: so many random orders, each with its reverse, at least 2.
    seed : int
        Of the random orders.

    Returns
    -------
    Shares

    Raises
    ------
    UsageError
        If there is no player, or there are fewer than 2 pairs.

    Examples
    --------
    >>> def worth(coalitions):
    ...     return coalitions.all(axis=1, keepdims=True).astype(float)
    >>> shapley(worth, 2).values.ravel().tolist()
    [0.5, 0.5]
    """
    if players < 1 or pairs < 2:
        raise UsageError(f"Shapley values need a player and 2 pairs of orders: got {players} and {pairs}.")
    return _exact(worth, players) if players <= exact_up_to else _sampled(worth, players, pairs, seed)


def _exact(worth: Callable[[Bools], F64], players: int) -> Shares:
    codes = np.arange(1 << players)
    coalitions = (codes[:, None] >> np.arange(players)) & 1 == 1
    value = np.asarray(worth(coalitions), np.float64)
    size = coalitions.sum(axis=1)
    share = np.array([1 / (players * math.comb(players - 1, n)) for n in range(players)])
    out = np.empty((players, value.shape[1]))
    for player in range(players):
        without = codes[~coalitions[:, player]]
        gain = value[without | (1 << player)] - value[without]
        out[player] = share[size[without]] @ gain
    return Shares(values=out, error=np.zeros_like(out), base=value[0], whole=value[-1])


def _sampled(worth: Callable[[Bools], F64], players: int, pairs: int, seed: int) -> Shares:
    rng = np.random.default_rng(seed)
    orders = np.stack([rng.permutation(players) for _ in range(pairs)])
    orders = np.concatenate([orders, orders[:, ::-1]])
    # In an order the player at place p joins those before; the coalition of step s has the first s of them.
    place = np.argsort(orders, axis=1)
    coalitions = place[:, None, :] < np.arange(players + 1)[None, :, None]
    value = np.asarray(worth(coalitions.reshape(-1, players)), np.float64)
    value = value.reshape(len(orders), players + 1, -1)
    gain = np.diff(value, axis=1)
    own = np.take_along_axis(gain, place[:, :, None], axis=1)
    means = own.reshape(2, pairs, players, -1).mean(axis=0)
    error = means.std(axis=0, ddof=1) / math.sqrt(pairs)
    return Shares(values=means.mean(axis=0), error=error, base=value[0, 0], whole=value[0, -1])
