"""Closed kinematic loops: joint positions that satisfy the `connect` and `weld` equalities of a model."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

CLOSED = 1e-5  # m (and rad, scaled, of welds): a residual below which a loop counts as closed
ITERATIONS = 50
LONGEST_STEP = 0.3  # rad or m in an iteration
SMALLEST = 1e-4  # singular values of the passive joints' Jacobian below this share of the largest are left out

Array = NDArray[np.float64]


class Loops:
    """Solves for the joints that nobody drives, with the driven ones given, by Newton's method."""

    def __init__(self, model: mujoco.MjModel, driven: NDArray[np.int64]) -> None:
        """driven: addresses of the driven joints in qvel."""
        kinds = (int(mujoco.mjtEq.mjEQ_CONNECT), int(mujoco.mjtEq.mjEQ_WELD))
        self._ids = [i for i in range(model.neq) if int(model.eq_type[i]) in kinds and model.eq_active0[i]]
        self._model, self._data, self._driven = model, mujoco.MjData(model), driven
        self._passive = np.setdiff1d(np.arange(model.nv), driven)

    def __bool__(self) -> bool:
        return bool(self._ids)

    def residual(self, qpos: Array) -> tuple[Array, Array]:
        """How far the loops of a posture [nq] are open, [c], and its derivative by all degrees of freedom, [c, nv]."""
        model, data = self._model, self._data
        data.qpos[:] = qpos
        mujoco.mj_fwdPosition(model, data)
        equality = data.efc_type[: data.nefc] == int(mujoco.mjtConstraint.mjCNSTR_EQUALITY)
        rows = np.flatnonzero(equality & np.isin(data.efc_id[: data.nefc], self._ids))
        jacobian = np.zeros((data.nefc, model.nv))
        if mujoco.mj_isSparse(model):
            mujoco.mju_sparse2dense(jacobian, data.efc_J, data.efc_J_rownnz, data.efc_J_rowadr, data.efc_J_colind)
        else:
            jacobian[:] = data.efc_J.reshape(-1, model.nv)[: data.nefc]
        return data.efc_pos[rows].copy(), jacobian[rows]

    def follow(self, qpos: Array) -> Array:
        """How passive joints move with the driven ones on the closed loop: [passive, driven] at a posture [nq]."""
        _, jacobian = self.residual(qpos)
        return -np.linalg.pinv(jacobian[:, self._passive], rcond=SMALLEST) @ jacobian[:, self._driven]

    def reduced(self, qpos: Array, jacobian: Array) -> Array:
        """Jacobians [N, m, nv] at postures [N, nq] as those of the driven joints alone, [N, m, driven]."""
        carried = np.stack([self.follow(row) for row in qpos])
        return jacobian[:, :, self._driven] + jacobian[:, :, self._passive] @ carried

    def close(self, qpos: Array, iterations: int = ITERATIONS) -> NDArray[np.bool_]:
        """Move the passive joints of postures [N, nq] in place until the loops are closed; which of them are, [N]."""
        closed = np.zeros(len(qpos), dtype=bool)
        for i, row in enumerate(qpos):
            for _ in range(iterations):
                open_by, jacobian = self.residual(row)
                if np.abs(open_by).max(initial=0.0) < CLOSED:
                    break
                step = np.zeros(self._model.nv)
                step[self._passive] = -np.linalg.pinv(jacobian[:, self._passive], rcond=SMALLEST) @ open_by
                step *= min(1.0, LONGEST_STEP / max(float(np.abs(step).max()), 1e-9))
                mujoco.mj_integratePos(self._model, row, step, 1.0)
            closed[i] = np.abs(self.residual(row)[0]).max(initial=0.0) < CLOSED and self._within(row)
        return closed

    def _within(self, qpos: Array) -> bool:
        """Whether every limited hinge and slide of a posture [nq] is within its range."""
        model = self._model
        limited = np.flatnonzero(model.jnt_limited & (model.jnt_type >= int(mujoco.mjtJoint.mjJNT_SLIDE)))
        values, ranges = qpos[model.jnt_qposadr[limited]], model.jnt_range[limited]
        return bool(((values >= ranges[:, 0] - 1e-6) & (values <= ranges[:, 1] + 1e-6)).all())
