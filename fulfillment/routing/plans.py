"""Plans of many orders: the cheapest at given prices, what they use, what they cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fulfillment.routing.backlog import Backlog, Floats, Ints, Shape
from fulfillment.routing.subsets import NEVER, divisions, members


@dataclass(slots=True)
class Plans:
    """One plan for each of m orders of one shape. order [m]: row of the shape. part [m, k]: the mask of the parcel that
    the line is in, 0 where it is left out. at [m, k]: its warehouse, 0 where it is left out. cost [m]: fen, with
    split and unfilled, without prices."""

    order: NDArray[np.intp]
    part: NDArray[np.int16]
    at: NDArray[np.int16]
    cost: Floats

    def pick(self, which: NDArray[np.intp] | NDArray[np.bool_]) -> Plans:
        return Plans(self.order[which], self.part[which], self.at[which], self.cost[which])


def join(plans: list[Plans]) -> Plans:
    return Plans(
        np.concatenate([p.order for p in plans]),
        np.concatenate([p.part for p in plans]),
        np.concatenate([p.at for p in plans]),
        np.concatenate([p.cost for p in plans]),
    )


def best_plans(
    backlog: Backlog,
    shape: Shape,
    duals: Floats | None,
    rows: NDArray[np.intp] | None = None,
    *,
    free: Floats | None = None,
    giving_back: Plans | None = None,
) -> tuple[Plans, Floats]:
    """The cheapest plan of each order at these prices (none: at cost), and that minimum, prices included.

    rows: only these of the shape. free [R]: what is left of each resource; a line is served only where it finds enough.
    giving_back: the plans that these orders have now, whose use each of them may count as free for itself.
    """
    which = np.arange(len(shape.rows)) if rows is None else rows
    money = shape.money if rows is None else shape.money[rows]
    resource = shape.resource if rows is None else shape.resource[rows]
    quantity = shape.quantity if rows is None else shape.quantity[rows]
    steer = money
    bits = members(shape.lines)
    if duals is not None:
        price = duals[resource] * quantity[:, :, None]
        steer = steer + (np.matmul(bits.astype(float), price) if shape.lines > 1 else price)
        parcel_price = duals[backlog.parcels_at :]
        if parcel_price.any():
            steer = steer + parcel_price
    if free is not None:
        steer = np.where(_blocked(backlog, shape, resource, quantity, free, giving_back), NEVER, steer)
    nearest = steer.argmin(axis=2)
    parcel = np.take_along_axis(steer, nearest[:, :, None], 2)[:, :, 0]
    unfilled, split = shape.unfilled[which], shape.split[which]
    # An order that goes whole or not at all never leaves single lines out; that nothing goes is weighed at the end.
    leave_out = np.where(shape.whole[which], NEVER, unfilled)
    first, step, best = _divide(shape.lines, parcel, leave_out, split, unfilled * shape.lines)
    return _trace(shape, which, money, nearest, first, step, unfilled, split), best


def _blocked(
    backlog: Backlog,
    shape: Shape,
    resource: NDArray[np.intp],
    quantity: Ints,
    free: Floats,
    giving_back: Plans | None,
) -> NDArray[np.bool_]:
    """[n, S, W]: parcels for which too little is left."""
    left = free[resource]
    parcels = free[backlog.parcels_at :]
    if giving_back is not None:
        plan, line = np.nonzero(giving_back.part)
        w = giving_back.at[plan, line]
        left[plan, line, w] += quantity[plan, line]
        own = np.zeros((len(resource), backlog.warehouses))
        own[plan, w] = 1
        parcels = parcels + own
    lacks = left < quantity[:, :, None]
    if shape.lines > 1:
        lacks = np.matmul(members(shape.lines).astype(np.float32), lacks.astype(np.float32)) > 0
    return lacks | (parcels < 1).reshape(-1, 1, backlog.warehouses)


def _divide(
    lines: int, parcel: Floats, leave_out: Floats, split: Floats, nothing: Floats
) -> tuple[NDArray[np.int16], NDArray[np.int16], Floats]:
    """The programme of `subsets.divide` for all orders at once: first part [n], step [n, 2^k], cost [n]."""
    n, whole = len(parcel), (1 << lines) - 1
    rest = np.zeros((whole + 1, n))
    step = np.zeros((whole + 1, n), np.int16)
    columns = [None, *np.ascontiguousarray(parcel.T)]
    for mask, without_low, pairs in divisions(lines) if lines > 1 else ():
        best, taken = leave_out + rest[without_low], np.zeros(n, np.int16)
        for part, other in pairs:
            cost = columns[part] + split + rest[other]
            better = cost < best
            best = np.where(better, cost, best)
            taken[better] = part
        rest[mask], step[mask] = best, taken
    best, first = nothing.copy(), np.zeros(n, np.int16)
    for mask in range(1, whole + 1):
        cost = columns[mask] + rest[whole ^ mask]
        better = cost < best
        best = np.where(better, cost, best)
        first[better] = mask
    return first, step, best


def _trace(
    shape: Shape,
    which: NDArray[np.intp],
    money: Floats,
    nearest: NDArray[np.intp],
    first: NDArray[np.int16],
    step: NDArray[np.int16],
    unfilled: Floats,
    split: Floats,
) -> Plans:
    n, lines = len(which), shape.lines
    every = np.arange(n)
    part, at = np.zeros((n, lines), np.int16), np.zeros((n, lines), np.int16)
    cost, parcels = np.zeros(n), np.zeros(n, np.int64)
    taken, left = first.astype(np.int64), np.where(first > 0, (1 << lines) - 1, 0)
    for _ in range(lines):
        active = taken > 0
        if active.any():
            w = nearest[every, np.maximum(taken, 1) - 1]
            cost += np.where(active, money[every, np.maximum(taken, 1) - 1, w], 0)
            parcels += active
            inside = (taken[:, None] >> np.arange(lines)) & 1 > 0
            part = np.where(inside, taken[:, None], part).astype(np.int16)
            at = np.where(inside, w[:, None], at).astype(np.int16)
        left = np.where(active, left & ~taken, left & (left - 1))
        if not left.any():
            break
        taken = step[left, every].astype(np.int64)
    missing = (part == 0).sum(axis=1)
    extra = split * np.maximum(parcels - 1, 0)
    return Plans(which, part, at, cost + extra + unfilled * missing)


def usage(backlog: Backlog, shape: Shape, plans: Plans) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """What the plans use, as a sparse matrix: (plan, resource, amount); a resource may come twice for one plan."""
    served = plans.part > 0
    plan, line = np.nonzero(served)
    w = plans.at[plan, line].astype(np.intp)
    resource = shape.resource[plans.order[plan], line, w]
    amount = shape.quantity[plans.order[plan], line].astype(float)
    # A parcel is counted at the lowest of its lines.
    part = plans.part[plan, line]
    lead = (part & -part) == (1 << line)
    parcels = backlog.parcels_at + w[lead]
    return (
        np.concatenate([plan, plan[lead]]),
        np.concatenate([resource, parcels]),
        np.concatenate([amount, np.ones(int(lead.sum()))]),
    )


def used(backlog: Backlog, shape: Shape, plans: Plans) -> Floats:
    """[R]: how much of each resource the plans use together."""
    _, resource, amount = usage(backlog, shape, plans)
    return np.bincount(resource, amount, minlength=len(backlog.capacity)).astype(np.float64)


def signature(shape: Shape, plans: Plans) -> Ints:
    """[m]: a number for each plan, the same only for the same plan of the same order."""
    mixed = plans.order.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for line in range(shape.lines):
        code = plans.part[:, line].astype(np.uint64) * np.uint64(4096) + plans.at[:, line].astype(np.uint64)
        mixed = (mixed ^ (code + np.uint64(1))) * np.uint64(0xD6E8FEB86659FD93)
        mixed ^= mixed >> np.uint64(32)
    return mixed.view(np.int64)


def nothing_served(shape: Shape) -> Plans:
    """For each order of the shape the plan that leaves everything out."""
    n = len(shape.rows)
    empty = np.zeros((n, shape.lines), np.int16)
    return Plans(np.arange(n), empty, empty.copy(), shape.unfilled * shape.lines)
