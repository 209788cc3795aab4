/* Runge-Kutta steps of order four of the flows whose slopes are sums and products (freerun/parts/tasks/_flows.py), each rounded:

       a = F(x),  b = F(x + h/2 a),  c = F(x + h/2 b),  d = F(x + h c),   x += h/6 (a + 2 b + 2 c + d)

   in the order in which the flow itself takes them, and nothing is fused: so the bits are those of numpy. A few orbits go on side
   by side, coordinate by coordinate, in the lanes of vectors; what is computed of one depends on no other. */
#if DOUBLE

#define SIDE 16 /* orbits side by side */
#define EACH for (long i = 0; i < SIDE; i++)

enum { LORENZ63, LORENZ96, ROESSLER, HYPER_ROESSLER };

/* the right-hand side at x, [D SIDE] */
static void slope_at(const Flow *q, const REAL *restrict x, REAL *restrict y)
{
    const REAL *s = q->settings, *x1 = x + SIDE, *x2 = x + 2 * SIDE, *x3 = x + 3 * SIDE;
    REAL *y1 = y + SIDE, *y2 = y + 2 * SIDE, *y3 = y + 3 * SIDE;
    switch (q->equations) {
    case LORENZ63:
        EACH y[i] = s[0] * (x1[i] - x[i]);
        EACH y1[i] = x[i] * (s[1] - x2[i]) - x1[i];
        EACH y2[i] = x[i] * x1[i] - s[2] * x2[i];
        break;
    case LORENZ96:
        for (long k = 0, D = q->D; k < D; k++) {
            const REAL *next = x + (k + 1) % D * SIDE, *before = x + (k + D - 1) % D * SIDE, *two = x + (k + D - 2) % D * SIDE;
            EACH y[k * SIDE + i] = (next[i] - two[i]) * before[i] - x[k * SIDE + i] + s[0];
        }
        break;
    case ROESSLER:
        EACH y[i] = -x1[i] - x2[i];
        EACH y1[i] = x[i] + s[0] * x1[i];
        EACH y2[i] = s[1] + x2[i] * (x[i] - s[2]);
        break;
    case HYPER_ROESSLER:
        EACH y[i] = -x1[i] - x2[i];
        EACH y1[i] = x[i] + s[0] * x1[i] + x3[i];
        EACH y2[i] = s[1] + x[i] * x2[i];
        EACH y3[i] = s[3] * x3[i] - s[2] * x2[i];
        break;
    }
}

/* y = x + h a */
static void pushed(const REAL *restrict x, REAL h, const REAL *restrict a, long count, REAL *restrict y)
{
    for (long j = 0; j < count; j += SIDE) EACH y[j + i] = x[j + i] + h * a[j + i];
}

void NAME(flow)(const Flow *q, long first, long last)
{
    const long D = q->D, count = D * SIDE;
    const REAL h = q->step, half = BREAK_STEP(0.5) * h, sixth = h / 6;
    REAL *x = q->work, *y = x + count, *a = y + count, *b = a + count, *c = b + count, *d = c + count;
    for (long n = first; n < last; n += SIDE) {
        REAL *states = (REAL *)q->states + n * D;
        const long live = last - n < SIDE ? last - n : SIDE;
        for (long k = 0; k < D; k++) EACH x[k * SIDE + i] = states[(i < live ? i : 0) * D + k];
        for (long step = 0; step < q->steps; step++) {
            slope_at(q, x, a), pushed(x, half, a, count, y);
            slope_at(q, y, b), pushed(x, half, b, count, y);
            slope_at(q, y, c), pushed(x, h, c, count, y);
            slope_at(q, y, d);
            for (long j = 0; j < count; j += SIDE)
                EACH x[j + i] = x[j + i] + sixth * (a[j + i] + 2 * b[j + i] + 2 * c[j + i] + d[j + i]);
        }
        for (long i = 0; i < live; i++)
            for (long k = 0; k < D; k++) states[i * D + k] = x[k * SIDE + i];
    }
}

#endif
