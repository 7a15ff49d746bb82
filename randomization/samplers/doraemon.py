"""Domain randomization via entropy maximization (Tiboni et al., ICLR 2024, arXiv 2311.01885).

Every dimension is an independent Beta over its limits, along its own scale. They start narrow, with their mode at nominal,
and broaden as far as the wanted success rate allows, judged by the training episodes themselves. As in the released code
(gabrieletiboni/doraemon: train_until_lb, hard_performance_constraint), nothing moves before that rate was reached once.

Unlike there, an episode that began before an update still counts, as one of a mixture of what was drawn from: dropping it
would favour short episodes.
"""

from __future__ import annotations

from typing import Any

import torch
from scipy.special import betaincinv
from torch import Tensor

from ashore.configs.sampler import DoraemonSettings
from ashore.configs.space import Dimension
from ashore.randomization.samplers import betas
from ashore.randomization.samplers.base import CENTRAL, Space
from ashore.randomization.samplers.beta_update import update


class DoraemonSampler:
    """A token is the number of the update after which its episode was drawn. m of the d dimensions are not held."""

    def __init__(self, dimensions: tuple[Dimension, ...], settings: DoraemonSettings) -> None:
        self._space, self._settings = Space(dimensions), settings
        space = self._space
        self.num_uniforms = len(dimensions)
        self._least, most = space.limits(settings.within)
        self._width = most - self._least
        self._free = (self._width > 0).nonzero().squeeze(1)
        start = betas.narrow(
            mode=((space.start - self._least) / self._width)[self._free].numpy(),
            std=(settings.start * space.scale / self._width)[self._free].numpy(),
        )
        self._most = (
            10 + start.reshape(2, -1).sum(0)[None].repeat(2, 0).ravel()
        )  # of a and b: a little above the start, as released
        self.history = torch.from_numpy(start)[None]  # [updates + 1, 2m]: a and b of each
        self.began = not settings.wait
        self._x = torch.zeros(settings.episodes, len(self._free), dtype=torch.float64)
        self._token = torch.zeros(settings.episodes, dtype=torch.int64)
        self._score = torch.zeros(settings.episodes, dtype=torch.float64)
        self._count = 0
        self._last: dict[str, float] = {}

    @property
    def parameters(self) -> Tensor:
        """a, then b, of the dimensions that are not held: [2m]."""
        return self.history[-1]

    def sample(self, u: Tensor) -> tuple[Tensor, Tensor]:
        token = torch.full((len(u),), len(self.history) - 1, dtype=torch.int64)
        return self._space.exact(self._quantile(u.double())), token

    def _quantile(self, p: Tensor) -> Tensor:
        """The value, along the scale, with probability p [n, d] below it."""
        a, b = self.parameters.chunk(2)
        shares = torch.zeros_like(p)
        shares[:, self._free] = torch.from_numpy(betaincinv(a.numpy(), b.numpy(), p[:, self._free].numpy()))
        return torch.addcmul(self._least, shares, self._width)

    def observe(self, token: Tensor, values: Tensor, score: Tensor) -> None:
        x = ((self._space.along(values) - self._least) / self._width)[:, self._free]
        while len(token):
            end = min(self._count + len(token), self._settings.episodes)
            taken = end - self._count
            for table, new in ((self._x, x), (self._token, token), (self._score, score)):
                table[self._count : end] = new[:taken]
            token, x, score, self._count = token[taken:], x[taken:], score[taken:], end
            if self._count == self._settings.episodes:
                self._update()
                self._count = 0

    def _update(self) -> None:
        s, now = self._settings, self.parameters.numpy()
        logs, score = betas.features(self._x.numpy()), self._score.numpy()
        tokens, counts = self._token.unique(return_counts=True)
        drawn = betas.log_mixture(logs, self.history[tokens].numpy(), (counts / len(self._token)).numpy())
        seen = betas.Episodes(logs, drawn, score)
        self.began = self.began or seen.success(now).value >= s.success
        following = now
        if self.began and len(self._free):
            eps = min(s.kl * len(self._free), s.kl_most)
            following = update(now, seen, s.success, eps, self._most)
        self.history = torch.cat((self.history, torch.from_numpy(following)[None]))
        self._last = {
            "success": float(score.mean()),
            "expected_success": seen.success(following).value,
            "kl": betas.divergence(now, following).value,
            "ess": seen.effective(following),
        }

    def ranges(self) -> tuple[Tensor, Tensor]:
        tail = torch.full((1, self.num_uniforms), (1 - CENTRAL) / 2, dtype=torch.float64)
        low, high = (self._space.exact(self._quantile(p))[0] for p in (tail, 1 - tail))
        return low, high

    def entropies(self) -> Tensor:
        nats = torch.full_like(self._width, -torch.inf)
        nats[self._free] = torch.from_numpy(betas.entropies(self.parameters.numpy())) + self._width[self._free].log()
        return self._space.relative(nats)

    def report(self) -> dict[str, float]:
        """Of the last update: success in its episodes and as expected after it, nats moved, effective sample size."""
        return {"updates": float(len(self.history) - 1), **self._last}

    def state_dict(self) -> dict[str, Any]:
        return {
            "history": self.history.clone(),
            "began": self.began,
            "x": self._x[: self._count].clone(),
            "token": self._token[: self._count].clone(),
            "score": self._score[: self._count].clone(),
            "last": dict(self._last),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.history, self.began, self._last = state["history"].clone(), state["began"], dict(state["last"])
        self._count = len(state["token"])
        for table, saved in ((self._x, "x"), (self._token, "token"), (self._score, "score")):
            table[: self._count] = state[saved]
