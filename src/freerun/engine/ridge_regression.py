"""Ridge regression of a readout, in closed form over all that training has shown, in double precision."""

from __future__ import annotations

import torch
from jaxtyping import Float

from freerun.engine.feeding import Lessons
from freerun.engine.replicas import Group
from freerun.errors import ConfigError
from freerun.parts import registry
from freerun.parts.layers import per_replica


class Solver:
    """The sums that the readouts of a group follow from; every replica's are its own, so that a group changes no bit.

    They begin with the first update: a run that was stopped begins anew.
    """

    def __init__(self, group: Group) -> None:
        self.group = group
        if "output.weight" not in group.parameters.shapes:
            name = registry.name_of(group.model)
            raise ConfigError(f"model {name}: its readout is solved, so that it has to be called output: linear('output', ...)")
        count, size = len(group.experiments), group.parameters.shapes["output.weight"].rows + 1
        like = group.parameters.flat.double()
        self.products = [like.new_zeros(size, size) for _ in range(count)]
        self.answers = [like.new_zeros(size, group.outputs) for _ in range(count)]
        self.total = [0.0] * count

    @torch.no_grad()
    def update(self, lessons: Lessons, update: int) -> dict[str, list[float]]:
        """Add the batch of an update and solve; return its loss by the new readout, not finite where none is found."""
        group = self.group
        sequences, rolled = lessons.stepped(update)
        features = torch.stack([group.model.features(state) for state in rolled.states])
        targets = sequences.targets
        if group.residual is not None:
            before = torch.cat([group.encoded(sequences)[1][None], rolled.fed[:-1]])
            targets = (targets - before) / group.residual
        counted = sequences.weights.clone()
        counted[: group.warmup] = 0
        found = [self._solved(r, features[:, r], targets[:, r], counted[:, r]) for r in range(len(self.total))]
        for r, readout in enumerate(found):
            if readout is not None:
                group.parameters.put(r, {"output.weight": readout[:-1], "output.bias": readout[-1:]})
        again = group.roll(group.weights(), sequences, None, None, truth=rolled.fed)
        loss = per_replica(torch.sum, group.objective(again.outputs, sequences.targets) * group.shares(sequences), axis=1)
        return {"loss": [float("nan") if part is None else float(x) for part, x in zip(found, loss, strict=True)]}

    def _solved(
        self,
        r: int,
        features: Float[torch.Tensor, "T B H"],
        targets: Float[torch.Tensor, "T B O"],
        counted: Float[torch.Tensor, "T B"],
    ) -> Float[torch.Tensor, "D O"] | None:
        """Return the readout of a replica, its last row the constant; None where rounding leaves none."""
        seen = torch.cat([features, features.new_ones(*features.shape[:2], 1)], -1).flatten(0, 1).double()
        weighed = (seen * counted.reshape(-1, 1).double()).mT.contiguous()
        self.products[r] += weighed @ seen
        self.answers[r] += weighed @ targets.flatten(0, 1).double().contiguous()
        self.total[r] += float(counted.double().contiguous().sum())
        ridge = torch.full_like(self.products[r][0], self.group.model.ridge * self.total[r])  # type: ignore[attr-defined]
        ridge[-1] = 0  # the constant is free
        factor, fault = torch.linalg.cholesky_ex(self.products[r] + torch.diag(ridge))
        return None if int(fault) else torch.cholesky_solve(self.answers[r], factor)
