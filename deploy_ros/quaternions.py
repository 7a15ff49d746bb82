"""Rotations as unit quaternions wxyz [4], in numpy for one robot; `ashore.sim.rotations` has them for batches."""

from __future__ import annotations

import numpy as np


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The rotation b, then a."""
    (w, *v), (s, *u) = a, b
    vector = w * np.array(u) + s * np.array(v) + np.cross(v, u)
    return np.array([w * s - np.dot(v, u), *vector])


def inverse(q: np.ndarray) -> np.ndarray:
    return np.asarray(q * [1.0, -1.0, -1.0, -1.0])


def rotate(q: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """[3] -> [3]."""
    return multiply(multiply(q, np.array([0.0, *vector])), inverse(q))[1:]


def canonical(q: np.ndarray) -> np.ndarray:
    """Of q and -q, which are one rotation, the one with w >= 0."""
    return -q if q[0] < 0 else q


def yaw(q: np.ndarray) -> float:
    """Turn about the vertical, rad in (-pi, pi]: where the rotated x axis points, seen from above."""
    w, x, y, z = q.tolist()
    return float(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))


def about_z(angle: float) -> np.ndarray:
    """The turn by `angle` rad about z."""
    return np.array([np.cos(angle / 2), 0.0, 0.0, np.sin(angle / 2)])


def columns(q: np.ndarray) -> np.ndarray:
    """The first two columns of the rotation's matrix, one after the other: [6]."""
    return np.concatenate((rotate(q, np.array([1.0, 0.0, 0.0])), rotate(q, np.array([0.0, 1.0, 0.0]))))


def from_columns(six: np.ndarray) -> np.ndarray:
    """The quaternion of the rotation whose matrix has nearly these first two columns, [6]: x is taken as it is."""
    x = six[:3] / np.linalg.norm(six[:3])
    z = np.cross(x, six[3:])
    z = z / np.linalg.norm(z)
    y = np.cross(z, x)
    # The eigenvector to the largest eigenvalue is the quaternion (Bar-Itzhack, "New method for extracting the quaternion
    # from a rotation matrix", J. Guidance 23, 2000).
    (a, b, c), (d, e, f), (g, h, i) = np.stack((x, y, z), 1)
    k = np.array(
        [
            [a + e + i, h - f, c - g, d - b],
            [h - f, a - e - i, b + d, c + g],
            [c - g, b + d, e - a - i, f + h],
            [d - b, c + g, f + h, i - a - e],
        ]
    )
    return canonical(np.linalg.eigh(k)[1][:, -1])


def turning(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The shortest turn that brings one unit vector [3] to another."""
    w = 1.0 + float(np.dot(start, end))
    if w < 1e-9:  # opposite: half a turn about anything across
        across = np.cross(start, np.eye(3)[np.argmin(np.abs(start))])
        return np.array([0.0, *(across / np.linalg.norm(across))])
    q = np.array([w, *np.cross(start, end)])
    return q / np.linalg.norm(q)
