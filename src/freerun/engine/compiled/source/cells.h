/* Cells: the equations of a step between the product that drives it and the hidden state that it leaves.

   z_t = [x_t; f_{t-1}; 1; h_{t-1}] are the rows that enter a step (I of them before the 1), a = W z_t the drive. The rows of a and
   their gradient da are H long each:

   output_recurrent, hidden_recurrent   h = tanh(a)
   gru     [g; r; z; x]   r = logistic(a_r), z = logistic(a_z), n = tanh(x + r g), h' = n + z (h - n); kept: g, r, z, n
   lstm    [i; f; g; o]   c' = f c + i g, h' = o tanh(c'); kept: i, f, g, o and tanh(c')
   linear  no cell: the output reads x_t, f_{t-1} and 1 themselves */

enum { OUTPUT_RECURRENT, HIDDEN_RECURRENT, GRU, LSTM, LINEAR, TRANSFORMER };

static void cell_forward(long cell, long n, REAL *a, const REAL *h, REAL *next, const REAL *c, REAL *c_next)
{
    for (long i = 0; i < n; i += LANES) {
        if (cell == GRU) {
            vec g = load(a + i), r = logistic(load(a + n + i)), z = logistic(load(a + 2 * n + i));
            vec candidate = hyperbolic_tangent(fma_(r, g, load(a + 3 * n + i)));
            store(a + n + i, r), store(a + 2 * n + i, z), store(a + 3 * n + i, candidate);
            store(next + i, fma_(z, load(h + i) - candidate, candidate));
        } else if (cell == LSTM) {
            vec in = logistic(load(a + i)), forget = logistic(load(a + n + i));
            vec g = hyperbolic_tangent(load(a + 2 * n + i)), out = logistic(load(a + 3 * n + i));
            vec memory = fma_(forget, load(c + i), in * g), seen = hyperbolic_tangent(memory);
            store(a + i, in), store(a + n + i, forget), store(a + 2 * n + i, g), store(a + 3 * n + i, out);
            store(a + 4 * n + i, seen), store(c_next + i, memory), store(next + i, out * seen);
        } else {
            store(next + i, hyperbolic_tangent(load(a + i)));
        }
    }
}

/* From dh and dc, the gradients of h' and c', to da; dh and dc become the gradients of h and c but for what flows through a. */
static void cell_backward(long cell, long n, const REAL *a, const REAL *h, const REAL *next, const REAL *c, REAL *dh, REAL *dc,
                          REAL *da)
{
    const vec one = all(1);
    for (long i = 0; i < n; i += LANES) {
        vec d = load(dh + i);
        if (cell == GRU) {
            vec g = load(a + i), r = load(a + n + i), z = load(a + 2 * n + i), candidate = load(a + 3 * n + i);
            vec kept = d * z, dx = (d - kept) * (one - candidate * candidate);
            store(da + i, dx * r);
            store(da + n + i, BREAK_RESET(dx * g * r * (one - r)));
            store(da + 2 * n + i, d * (load(h + i) - candidate) * z * (one - z));
            store(da + 3 * n + i, dx);
            store(dh + i, kept);
        } else if (cell == LSTM) {
            vec in = load(a + i), forget = load(a + n + i), g = load(a + 2 * n + i), out = load(a + 3 * n + i);
            vec seen = load(a + 4 * n + i), dm = load(dc + i) + d * out * (one - seen * seen);
            store(da + i, dm * g * in * (one - in));
            store(da + n + i, BREAK_FORGET(dm * load(c + i) * forget * (one - forget)));
            store(da + 2 * n + i, dm * in * (one - g * g));
            store(da + 3 * n + i, d * seen * out * (one - out));
            store(dc + i, dm * forget);
            store(dh + i, all(0));
        } else {
            vec y = load(next + i);
            store(da + i, BREAK_SIGN(d * (one - y * y)));
            store(dh + i, all(0));
        }
    }
}
