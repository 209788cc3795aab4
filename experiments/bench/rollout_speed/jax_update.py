"""The same update in JAX: a scan over time, its gradient, clipping and Adam, mapped over seeds and compiled as a whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

#: One thread, as everything that is timed here; read when JAX is first imported.
_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
Weights = dict[str, Any]


def available() -> bool:
    """Whether JAX is installed (the extra `bench`)."""
    return find_spec("jax") is not None


def jax_update(model: str, forced: bool, sizes: tuple[int, int, int, int, int]) -> Callable[[], None]:
    """One update of all seeds: squared error of a rollout, its gradient clipped to norm 1, Adam.

    Args:
        model: gru, lstm, hidden_recurrent or output_recurrent.
        forced: the truth is fed at every step, not what the model has made.
        sizes: R seeds, B sequences, T steps, hidden width H, width Y of what is fed and made.
    """
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_ONE_THREAD}"
    import jax
    import jax.numpy as jnp

    R, B, T, H, Y = sizes
    cell = {"gru": _gru, "lstm": _lstm, "hidden_recurrent": _recurrent, "output_recurrent": _memoryless}[model]
    columns = {"gru": 3, "lstm": 4}.get(model, 1) * H
    keys = iter(jax.random.split(jax.random.key(0), 8))

    def draw(*shape: int) -> Any:
        return 0.1 * jax.random.normal(next(keys), (R, *shape))

    weights = {"in": draw(Y, columns), "bias": jnp.zeros((R, columns)), "out": draw(H, Y), "end": jnp.zeros((R, Y))}
    if model != "output_recurrent":
        weights["back"] = draw(H, columns)
    target = jax.random.normal(next(keys), (R, T, B, Y))

    def loss(weights: Weights, target: Any) -> Any:
        def step(carry: Any, truth: Any) -> Any:
            state, fed = carry
            hidden, state = cell(jnp, weights, fed, state)
            made = hidden @ weights["out"] + weights["end"]
            return (state, truth if forced else made), made

        start = ((jnp.zeros((B, H)), jnp.zeros((B, H))), jnp.zeros((B, Y)))
        return jnp.square(jax.lax.scan(step, start, target)[1] - target).mean()

    def update(weights: Weights, moments: Any, count: Any, target: Any) -> Any:
        slope = jax.grad(loss)(weights, target)
        norm = jnp.sqrt(sum(jnp.square(part).sum() for part in slope.values()))
        slope = {name: part / jnp.maximum(norm, 1.0) for name, part in slope.items()}
        first = {name: 0.9 * moments[0][name] + 0.1 * part for name, part in slope.items()}
        second = {name: 0.999 * moments[1][name] + 0.001 * jnp.square(part) for name, part in slope.items()}
        sizes = {
            name: first[name] / (1 - 0.9**count) / (jnp.sqrt(second[name] / (1 - 0.999**count)) + 1e-8) for name in weights
        }
        return {name: weights[name] - 1e-3 * sizes[name] for name in weights}, (first, second)

    compiled = jax.jit(jax.vmap(update, in_axes=(0, 0, None, 0)), donate_argnums=(0, 1))
    zeros = {name: jnp.zeros_like(value) for name, value in weights.items()}
    now: list[Any] = [weights, (zeros, {name: jnp.zeros_like(value) for name, value in weights.items()}), 0]

    def run() -> None:
        now[2] += 1
        now[0], now[1] = jax.block_until_ready(compiled(now[0], now[1], float(now[2]), target))

    return run


def _gru(jnp: Any, weights: Weights, fed: Any, state: Any) -> Any:
    inward, back = fed @ weights["in"] + weights["bias"], state[0] @ weights["back"]
    (r, z, n), (rh, zh, nh) = jnp.split(inward, 3, -1), jnp.split(back, 3, -1)
    z = _sigmoid(jnp, z + zh)
    hidden = (1 - z) * jnp.tanh(n + _sigmoid(jnp, r + rh) * nh) + z * state[0]
    return hidden, (hidden, state[1])


def _lstm(jnp: Any, weights: Weights, fed: Any, state: Any) -> Any:
    i, f, g, o = jnp.split(fed @ weights["in"] + weights["bias"] + state[0] @ weights["back"], 4, -1)
    kept = _sigmoid(jnp, f) * state[1] + _sigmoid(jnp, i) * jnp.tanh(g)
    hidden = _sigmoid(jnp, o) * jnp.tanh(kept)
    return hidden, (hidden, kept)


def _recurrent(jnp: Any, weights: Weights, fed: Any, state: Any) -> Any:
    hidden = jnp.tanh(fed @ weights["in"] + weights["bias"] + state[0] @ weights["back"])
    return hidden, (hidden, state[1])


def _memoryless(jnp: Any, weights: Weights, fed: Any, state: Any) -> Any:
    return jnp.tanh(fed @ weights["in"] + weights["bias"]), state


def _sigmoid(jnp: Any, x: Any) -> Any:
    return 1 / (1 + jnp.exp(-x))
