/* One step of Adam or AdamW for each replica, in the operations of freerun/engine/optimizer.py, in their order, each rounded:

       g = shrink gradient (+ decay w),   m = keep m + add g,   v = keep v + add g g
       change = rate (m / bias) / (1 / (1 / sqrt(v / bias)) + epsilon) (+ rate decay w),   w -= change

   Nothing is fused: the bits are those of any instruction set, and of PyTorch. */

static inline vec some(const REAL *p, long count)
{
    vec x = all(0);
    memcpy(&x, p, (count < LANES ? count : LANES) * sizeof(REAL));
    return x;
}

static inline void put(REAL *p, vec x, long count) { memcpy(p, &x, (count < LANES ? count : LANES) * sizeof(REAL)); }

void NAME(adam)(const Descent *q, long first, long last)
{
    const vec keep1 = all((REAL)q->keep[0]), keep2 = all((REAL)q->keep[1]), add1 = all((REAL)q->add[0]), add2 = all((REAL)q->add[1]);
    const vec bias1 = all((REAL)q->bias[0]), bias2 = all((REAL)q->bias[1]), epsilon = all((REAL)q->epsilon), one = all(1);
    REAL *change = q->work;
    for (long r = first; r < last; r++) {
        const long at = r * q->P;
        const REAL *slope = (const REAL *)q->gradient + at;
        REAL *weights = (REAL *)q->weights + at, *m = (REAL *)q->first + at, *v = (REAL *)q->second + at;
        const REAL rate_ = ((const REAL *)q->rate)[r], decay_ = ((const REAL *)q->decay)[r];
        const vec rate = all(rate_), decay = all(decay_), both = all(rate_ * decay_), shrink = all(((const REAL *)q->shrink)[r]);
        const ivec live = (ivec){0} - (WORD)q->alive[r];
        ivec wrong = {0};
        for (long i = 0; i < q->P; i += LANES) {
            const long left = q->P - i;
            vec w = some(weights + i, left), g = either(live, some(slope + i, left) * shrink, all(0));
            if (!q->decoupled) g = g + decay * w;
            vec mean = some(m + i, left) * keep1 + g * add1, square = some(v + i, left) * keep2 + g * g * add2;
            put(m + i, mean, left), put(v + i, square, left);
            vec step = rate * ((mean / bias1) / (one / (one / root_of(square / bias2)) + epsilon));
            if (q->decoupled) step = step + both * w;
            put(change + i, step, left);
            vec after = w - step, gone = after - after; /* 0 where it is finite, else not a number */
            wrong |= gone != gone;
        }
        q->finite[r] = 1;
        for (long lane = 0; lane < LANES; lane++) q->finite[r] &= !wrong[lane];
        if (q->alive[r] && q->finite[r])
            for (long i = 0; i < q->P; i++) weights[i] -= change[i];
    }
}
