"""Rotations of one qubit as quaternions `(w, x, y, z)`: the unitary `w - i(xX + yY + zZ)`, global phase left out.

A product's right factor acts first. Angles come from `atan2` of both legs, so small ones keep all their digits.
"""

from __future__ import annotations

from math import atan2, cos, hypot, pi, remainder, sin
from typing import NamedTuple

Turn = tuple[float, float, float, float]

TINY = 1e-10
"""Radians; a smaller rotation is none. Transpilers leave such crumbs, and hardware cannot tell."""

NONE: Turn = (1.0, 0.0, 0.0, 0.0)
X: Turn = (0.0, 1.0, 0.0, 0.0)
Z: Turn = (0.0, 0.0, 0.0, 1.0)


class Split(NamedTuple):
    """Three angles in the order of writing: the right-most acts first."""

    last: float
    middle: float
    first: float


def rx(angle: float) -> Turn:
    return cos(angle / 2), sin(angle / 2), 0.0, 0.0


def rz(angle: float) -> Turn:
    return cos(angle / 2), 0.0, 0.0, sin(angle / 2)


def r(theta: float, phi: float) -> Turn:
    """About the axis at `phi` in the plane of x and y."""
    return cos(theta / 2), sin(theta / 2) * cos(phi), sin(theta / 2) * sin(phi), 0.0


def times(a: Turn, b: Turn) -> Turn:
    """First `b`, then `a`; of length one again, so that errors do not add up over long circuits."""
    aw, ax, ay, az = a
    bw, bx, by, bz = b
    w = aw * bw - ax * bx - ay * by - az * bz
    x = aw * bx + ax * bw + ay * bz - az * by
    y = aw * by - ax * bz + ay * bw + az * bx
    z = aw * bz + ax * by - ay * bx + az * bw
    length = hypot(w, x, y, z)
    return w / length, x / length, y / length, z / length


def is_none(angle: float) -> bool:
    """True for a multiple of a full turn."""
    return abs(remainder(angle, 2 * pi)) < TINY


def is_half(angle: float) -> bool:
    """True for a multiple of half a turn."""
    return abs(remainder(angle, pi)) < TINY


def as_rz_r(turn: Turn) -> Split:
    """`rz(last) r(middle, first)`, with the middle in [0, pi]."""
    w, x, y, z = turn
    theta = 2 * atan2(hypot(x, y), hypot(w, z))
    if pi - theta < TINY:  # then any other `last` would do, too
        return Split(0.0, pi, atan2(y, x))
    half = atan2(z, w)
    return Split(2 * half, theta, atan2(y, x) - half)


def as_x_z_x(turn: Turn) -> Split:
    """`rx(last) rz(middle) rx(first)`, with the middle in [0, pi]."""
    w, x, y, z = turn
    middle = 2 * atan2(hypot(y, z), hypot(w, x))
    if middle < TINY:
        return Split(2 * atan2(x, w), 0.0, 0.0)
    if pi - middle < TINY:
        return Split(2 * atan2(-y, z), pi, 0.0)
    total, difference = atan2(x, w), atan2(-y, z)
    return Split(total + difference, middle, total - difference)


def as_rx_rz(turn: Turn) -> Split:
    """`rx(last) rz(middle)` of what is known to be such a product."""
    last, middle, first = as_x_z_x(turn)
    if round(first / pi) % 2:  # rz(m) rx(pi) = rx(pi) rz(-m)
        return Split(last + pi, -middle, 0.0)
    return Split(last, middle, 0.0)


def as_rx_r(turn: Turn) -> tuple[float, Turn]:
    """`rx(angle)` and an `r` that acts before it."""
    w, x, y, z = turn
    angle = 2 * atan2(z, y) if hypot(y, z) > TINY else 2 * atan2(x, w)
    return angle, times(rx(-angle), turn)


def towards_rz(turn: Turn) -> float | None:
    """The angle for which `turn rx(angle)` is a rotation about z only; None where there is none."""
    w, x, y, z = turn
    if abs(x * z - w * y) > TINY / 2:
        return None
    return 2 * (atan2(-x, w) if hypot(w, x) > hypot(y, z) else atan2(-y, z))
