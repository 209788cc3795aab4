/* One step of causal attention over a memory of keys and values that grows in place, forward and backward.

       s_j = q k_j / sqrt(D),   p = softmax(s),   o = sum_j p_j v_j          j <= t, for each head of D columns

       dv_j += p_j do,   dp_j = do v_j,   ds_j = p_j (dp_j - sum_i p_i dp_i),   dq = sum_j ds_j k_j / sqrt(D),   dk_j += ds_j q / sqrt(D)

   A sequence's memory is rows [2 H][C], first the keys and then the values: the steps of one column lie beside each other, in the
   lanes, 0 where none was yet. One sequence is computed by one thread in one order. */

/* the sum of a_j b_j */
static REAL product_of(const REAL *a, const REAL *b, long count)
{
    vec parts[PARTS];
    for (int v = 0; v < PARTS; v++) parts[v] = all(0);
    for (long j = 0; j < count; j += STRIPE)
        for (int v = 0; v < PARTS; v++) parts[v] = fma_(load(a + j + v * LANES), load(b + j + v * LANES), parts[v]);
    return summed(parts);
}

/* y = sum_c x_c r_c of so many rows r_c, in the order of c */
static void combined(const REAL *x, const REAL *rows, long columns, long stride, long count, REAL *y)
{
    for (long j = 0; j < count; j += STRIPE) {
        vec sums[PARTS];
        for (int v = 0; v < PARTS; v++) sums[v] = all(0);
        for (long c = 0; c < columns; c++)
            for (int v = 0; v < PARTS; v++) sums[v] = fma_(all(x[c]), load(rows + c * stride + j + v * LANES), sums[v]);
        for (int v = 0; v < PARTS; v++) store(y + j + v * LANES, sums[v]);
    }
}

/* the softmax of the first `live` of `count` numbers, 0 behind them */
static void soft_row(REAL *y, long live, long count)
{
    REAL most = y[0];
    for (long j = 1; j < live; j++) most = most >= y[j] || most != most ? most : y[j];
    vec parts[PARTS];
    for (int v = 0; v < PARTS; v++) parts[v] = all(0);
    for (long j = live; j < count; j++) y[j] = most;
    for (long j = 0; j < count; j += LANES) store(y + j, decay(load(y + j) - all(most)));
    for (long j = live; j < count; j++) y[j] = 0;
    for (long j = 0; j < count; j += STRIPE)
        for (int v = 0; v < PARTS; v++) parts[v] += load(y + j + v * LANES);
    vec sum = all(summed(parts));
    for (long j = 0; j < count; j += LANES) store(y + j, load(y + j) / sum);
}

void NAME(attend)(const Attention *q, long first, long last)
{
    long H = q->H, C = q->C, D = H / q->heads, live = BREAK_PAST(q->t) + 1, count = rounded(q->t + 1);
    REAL *scaled = q->work;
    for (long n = first; n < last; n++) {
        const REAL *query = (const REAL *)q->given + n * 3 * H, *fresh = query + H;
        REAL *keys = (REAL *)q->memory + n * 2 * H * C, *values = keys + H * C;
        REAL *out = (REAL *)q->out + n * H, *p = (REAL *)q->kept + n * q->heads * count;
        for (long c = 0; c < 2 * H; c++) keys[c * C + q->t] = fresh[c];
        for (long c = 0; c < H; c++) scaled[c] = query[c] / (REAL)q->root;
        for (long head = 0; head < q->heads; head++, p += count) {
            combined(scaled + head * D, keys + head * D * C, D, C, count, p);
            soft_row(p, live, count);
            for (long c = head * D; c < (head + 1) * D; c++) out[c] = product_of(p, values + c * C, count);
        }
    }
}

void NAME(attend_back)(const Attention *q, long first, long last)
{
    long H = q->H, C = q->C, D = H / q->heads, count = rounded(q->t + 1);
    REAL *scaled = q->work, *ds = scaled + rounded(H);
    for (long n = first; n < last; n++) {
        const REAL *query = (const REAL *)q->given + n * 3 * H, *d_out = (const REAL *)q->d_out + n * H;
        const REAL *keys = (const REAL *)q->memory + n * 2 * H * C, *values = keys + H * C;
        const REAL *p = (const REAL *)q->kept + n * q->heads * count;
        REAL *d_keys = (REAL *)q->d_memory + n * 2 * H * C, *d_values = d_keys + H * C, *d_given = (REAL *)q->d_given + n * 3 * H;
        for (long c = 0; c < H; c++) scaled[c] = query[c] / (REAL)q->root;
        for (long head = 0; head < q->heads; head++, p += count) {
            combined(d_out + head * D, values + head * D * C, D, C, count, ds);
            vec mean = all(product_of(p, ds, count));
            for (long j = 0; j < count; j += LANES) store(ds + j, load(p + j) * (load(ds + j) - BREAK_MEAN(mean)));
            for (long c = head * D; c < (head + 1) * D; c++) {
                REAL *dk = d_keys + c * C, *dv = d_values + c * C;
                vec from_query = all(scaled[c]), from_out = all(d_out[c]);
                d_given[c] = product_of(ds, keys + c * C, count) / (REAL)q->root;
                for (long j = 0; j < count; j += LANES) {
                    store(dk + j, fma_(from_query, load(ds + j), load(dk + j)));
                    store(dv + j, fma_(from_out, load(p + j), load(dv + j)));
                }
            }
        }
        for (long c = 0; c < 2 * H; c++) d_given[H + c] = d_keys[c * C + BREAK_SLOT(q->t)];
    }
}
