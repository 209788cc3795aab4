/* One replica through all steps, forward and backward: its weights stay in the nearest cache while time passes. */

/* Gather the weights of a replica into its two matrices; entries that no weight fills are 0. */
static void gathered(const Rollout *q, const Sizes *s, long r, REAL *drive, REAL *output)
{
    memset(drive, 0, s->rows * s->gates * sizeof(REAL));
    memset(output, 0, s->outs * q->O * sizeof(REAL));
    for (long i = 0; i < q->count; i++) {
        const Weight *w = &q->weights[i];
        if (w->matrix > 1) continue;
        REAL *to = w->matrix ? output : drive;
        long width = w->matrix ? q->O : s->gates;
        const REAL *from = (const REAL *)w->value + BREAK_GROUP(r) * w->step;
        for (long k = 0; k < w->rows; k++)
            memcpy(to + (w->row + k) * width + w->column, from + k * w->columns, w->columns * sizeof(REAL));
    }
}

/* The gradients of the two matrices back to those of the weights. */
static void scattered(const Rollout *q, const Sizes *s, long r, const REAL *drive, const REAL *output)
{
    for (long i = 0; i < q->count; i++) {
        const Weight *w = &q->weights[i];
        if (w->matrix > 1) continue;
        const REAL *from = w->matrix ? output : drive;
        long width = w->matrix ? q->O : s->gates;
        REAL *to = (REAL *)w->slope + r * w->step;
        for (long k = 0; k < w->rows; k++)
            memcpy(to + k * w->columns, from + (w->row + k) * width + w->column, w->columns * sizeof(REAL));
    }
}

static const REAL *at(const void *tensor, const Rollout *q, long t, long r, long width)
{
    return tensor ? (const REAL *)tensor + (t * q->R + r) * q->B * width : NULL;
}

/* The mask of a step as a row, 1 where the batch is padded; returns whether any sequence is free. */
static int mask_in(const Rollout *q, long t, long r, long stride, REAL *mask)
{
    const REAL *from = at(q->mask, q, t, r, 1);
    int free = 0;
    if (!from) return 0;
    for (long b = 0; b < q->B; b++) free |= from[b] < 1;
    if (!free) return 0;
    memcpy(mask, from, q->B * sizeof(REAL));
    for (long b = q->B; b < stride; b++) mask[b] = 1;
    return 1;
}

/* a = W z, by the blocks of the matrix that are not 0 */
static REAL *drive_packed(const Rollout *q, const Sizes *s, const REAL *w, REAL *to)
{
    long I = s->inputs, G = s->gates, H = s->hidden;
    if (q->cell == GRU) {
        to = packed(to, w + I * G, 1 + H, H, G, 1);
        to = packed(to, w + H, s->rows, 2 * H, G, 1);
        return packed(to, w + 3 * H, I + 1, H, G, 1);
    }
    return packed(to, w, s->last_h ? s->rows : I + 1, G, G, 1);
}

static const REAL *driven(const Rollout *q, const Sizes *s, const REAL *w, const REAL *z, REAL *a)
{
    long I = s->inputs, H = s->hidden, n = s->stride;
    if (q->cell == GRU) {
        product(H, 1 + H, w, z + I * n, n, a, 0), w += H * (1 + H);
        product(2 * H, s->rows, w, z, n, a + H * n, 0), w += 2 * H * s->rows;
        product(H, I + 1, w, z, n, a + 3 * H * n, 0);
        return w + H * (I + 1);
    }
    long read = s->last_h ? s->rows : I + 1;
    product(s->gates, read, w, z, n, a, 0);
    return w + s->gates * read;
}

static void forward_one(const Rollout *q, long r)
{
    const Sizes s = sizes_of(q);
    const long n = s.stride, I = s.inputs, H = s.hidden, F = q->F, O = q->O;
    Room m = room_of(q, &s, r);
    gathered(q, &s, r, m.drive, m.output);
    REAL *output_pack = drive_packed(q, &s, m.drive, m.packs);
    packed(output_pack, m.output, s.outs, O, O, 1);
    REAL *mask = taken(&m.rest, n), *truth = taken(&m.rest, F * n), *o = taken(&m.rest, O * n), *phi = taken(&m.rest, O * n);
    REAL *draws = taken(&m.rest, O * n), *scratch = taken(&m.rest, s.gates * n);
    REAL *noise = taken(&m.rest, F * n);
    if (q->cell == TRANSFORMER) layers_packed(q, r, 0, m.blocks);

    for (int part = 0; part < 2; part++) { /* the state before the first step */
        REAL *to = part ? m.c : m.z + (I + 1) * n;
        if (part ? !s.c : !H) continue;
        if (q->state[part]) turned_in(to, at(q->state[part], q, 0, r, H), q->B, H, n);
        else memset(to, 0, H * n * sizeof(REAL));
    }
    turned_in(m.z + q->X * n, at(q->start, q, 0, r, F), q->B, F, n);
    for (long t = 0; t < q->T; t++) {
        long now = q->keeps ? t : t % 2, then = q->keeps ? t + 1 : (t + 1) % 2, only = q->keeps ? t : 0;
        REAL *z = m.z + now * s.z, *next = m.z + then * s.z, *a = s.a ? m.a + only * s.a : scratch, *kept = m.soft + only * s.soft;
        if (q->X) turned_in(z, at(q->inputs, q, t, r, q->X), q->B, q->X, n);
        for (long b = 0; b < n; b++) z[I * n + b] = 1, next[I * n + b] = 1;
        if (H) {
            REAL *h = next + (I + 1) * n, *drive = q->cell == TRANSFORMER ? scratch : a;
            driven(q, &s, m.packs, z, drive);
            if (q->cell == TRANSFORMER) layers_forward(q, &s, &m, t, drive, a, h);
            else cell_forward(q->cell, H * n, a, z + (I + 1) * n, h, m.c + now * s.c, m.c + then * s.c);
        }
        product(O, s.outs, output_pack, H ? next + I * n : z, n, o, 0);
        if (q->residual)
            for (long k = 0; k < O; k++) {
                REAL scale = ((const REAL *)q->residual)[r * O + k];
                for (long b = 0; b < n; b += LANES)
                    store(o + k * n + b, load(z + (q->X + k) * n + b) + all(scale) * load(o + k * n + b));
            }
        turned_out((REAL *)at(q->outputs, q, t, r, O), o, q->B, O, n);
        if (q->states[0]) turned_out((REAL *)at(q->states[0], q, t, r, H), next + (I + 1) * n, q->B, H, n);
        if (q->states[1]) turned_out((REAL *)at(q->states[1], q, t, r, H), m.c + then * s.c, q->B, H, n);
        if (!F) continue;
        int free = mask_in(q, t, r, n, mask);
        turned_in(truth, at(q->truth, q, BREAK_FEED(t), r, F), q->B, F, n);
        REAL *fed = next + q->X * n;
        if (free) {
            long width = q->rule == GUMBEL ? O : 1;
            if (q->draws) turned_in(draws, at(q->draws, q, BREAK_DRAW(t), r, width), q->B, width, n);
            feedback_forward(q->rule, O, n, o, draws, (REAL)q->temperature, kept, phi);
            memcpy(fed, phi, F * n * sizeof(REAL));
            if (q->noise) turned_in(noise, at(q->noise, q, t, r, F), q->B, F, n), added(fed, noise, F * n);
            blend(F, n, mask, truth, fed);
        } else {
            memcpy(fed, truth, F * n * sizeof(REAL));
        }
        turned_out((REAL *)at(q->fed, q, t, r, F), fed, q->B, F, n);
    }
}

/* Charge the weights with the steps [begin, end), whose gradients da [chunk gates n] and do [chunk O n] have been gathered. */
static void charged(const Rollout *q, const Sizes *s, const Room *m, long begin, long end, const REAL *da, const REAL *d_out,
                    REAL *drive, REAL *output)
{
    long n = s->stride, I = s->inputs, H = s->hidden, G = s->gates, O = q->O, steps = end - begin;
    const REAL *z = m->z + begin * s->z;
    outer_product(s->outs, O, steps, H ? z + s->z + I * n : z, s->z, d_out, O * n, n, output, O);
    if (!H) return;
    outer_product(I + 1, G - s->first_u, steps, z, s->z, da + s->first_u * n, G * n, n, drive + s->first_u, G);
    if (s->first_u) outer_product(1, s->first_u, steps, z + I * n, s->z, da, G * n, n, drive + I * G, G);
    if (s->last_h) outer_product(H, s->last_h, steps, z + (I + 1) * n, s->z, da, G * n, n, drive + (I + 1) * G, G);
}

static void backward_one(const Rollout *q, long r)
{
    const Sizes s = sizes_of(q);
    const long n = s.stride, I = s.inputs, H = s.hidden, G = s.gates, X = q->X, F = q->F, O = q->O;
    const int carries = q->rule == MEAN || soft(q->rule);
    Room m = room_of(q, &s, r);
    gathered(q, &s, r, m.drive, m.output);
    /* transposed: from da to the gradients of h and of u = [x; f], and from do to what the output read */
    REAL *to_h = m.packs, *to_u = packed(to_h, m.drive + (I + 1) * G, s.last_h, s.last_h ? H : 0, 1, G);
    const REAL *u = H ? m.drive + s.first_u : m.output;
    long u_inner = H ? G - s.first_u : O, width = H ? G : O;
    REAL *from_output = packed(to_u, u, u_inner, I, 1, width);
    if (H) packed(from_output, m.output + O, O, H, 1, O);
    REAL *drive = taken(&m.rest, s.rows * G), *output = taken(&m.rest, s.outs * O);
    REAL *mask = taken(&m.rest, n), *df = taken(&m.rest, F * n), *du = taken(&m.rest, I * n), *direct = taken(&m.rest, F * n);
    REAL *dh = taken(&m.rest, H * n), *dc = taken(&m.rest, H * n), *given = taken(&m.rest, (H + O + F) * n);
    REAL *da = taken(&m.rest, s.chunk * G * n), *d_out = taken(&m.rest, s.chunk * O * n);
    REAL *told = taken(&m.rest, s.chunk * s.told), *d_memory = taken(&m.rest, q->T * s.memory);
    long first = q->T; /* the first step whose key and value the present one gives a gradient to */
    if (q->cell == TRANSFORMER) layers_packed(q, r, 1, m.blocks), layers_cleared(q, r);
    memset(d_memory, 0, q->T * s.memory * sizeof(REAL));
    memset(drive, 0, s.rows * G * sizeof(REAL)), memset(output, 0, s.outs * O * sizeof(REAL));
    memset(df, 0, F * n * sizeof(REAL)), memset(dh, 0, H * n * sizeof(REAL)), memset(dc, 0, H * n * sizeof(REAL));

    for (long end = q->T; end > 0;) {
        long begin = end > s.chunk ? end - s.chunk : 0;
        for (long t = end - 1; t >= begin; t--) {
            const REAL *z = m.z + t * s.z, *next = z + s.z, *kept = m.soft + t * s.soft;
            REAL *da_t = da + (t - begin) * G * n, *do_t = d_out + (t - begin) * O * n;
            int free = F && mask_in(q, t, r, n, mask);
            if (q->d_fed && F) turned_in(given, at(q->d_fed, q, t, r, F), q->B, F, n), added(df, given, F * n);
            if (q->d_outputs) turned_in(do_t, at(q->d_outputs, q, t, r, O), q->B, O, n);
            else memset(do_t, 0, O * n * sizeof(REAL));
            if (free) feedback_backward(q->rule, O, n, mask, kept, (REAL)q->temperature, df, do_t);
            if (q->d_truth && F) { /* m df */
                if (free)
                    for (long k = 0; k < F; k++)
                        for (long b = 0; b < n; b += LANES) {
                            vec share = load(mask + b);
                            store(df + k * n + b, either(share == all(0), all(0), share * load(df + k * n + b)));
                        }
                turned_out((REAL *)at(q->d_truth, q, t, r, F), df, q->B, F, n);
            }
            if (q->residual) { /* o = f + residual o' */
                memcpy(direct, do_t, F * n * sizeof(REAL));
                for (long k = 0; k < O; k++) {
                    REAL scale = ((const REAL *)q->residual)[r * O + k];
                    for (long b = 0; b < n; b += LANES) store(do_t + k * n + b, all(scale) * load(do_t + k * n + b));
                }
            }
            int cut = q->cuts ? q->cuts[BREAK_CUT(t) * q->R + r] : 0;
            if (H) {
                for (int part = 0; part < 2; part++)
                    if (q->d_states[part])
                        turned_in(given, at(q->d_states[part], q, t, r, H), q->B, H, n), added(part ? dc : dh, given, H * n);
                product(H, O, from_output, do_t, n, dh, 1);
                const REAL *c = m.c + t * s.c, *a = m.a + t * s.a, *h = next + (I + 1) * n;
                if (q->cell == TRANSFORMER) {
                    if (t < first)
                        for (first = t; first && !(q->cuts && q->cuts[first * q->R + r] & 2);) first--;
                    layers_backward(q, &s, &m, t, first, a, h, dh, d_memory, told + (t - begin) * s.told, da_t);
                } else {
                    cell_backward(q->cell, H * n, a, z + (I + 1) * n, h, c, dh, dc, da_t);
                }
                if (s.last_h && t && !(cut & 2)) product(H, s.last_h, to_h, da_t, n, dh, 1);
                else memset(dh, 0, H * n * sizeof(REAL)), memset(dc, 0, H * n * sizeof(REAL));
            }
            /* what entered this step: was its gradient asked for, or can it flow on? */
            int flows = F && !(cut & 1) && (t ? q->d_truth || (carries && mask_in(q, t - 1, r, n, mask)) : q->d_start != NULL);
            if (flows || q->d_inputs) product(I, u_inner, to_u, H ? da_t + s.first_u * n : do_t, n, du, 0);
            if (q->d_inputs) turned_out((REAL *)at(q->d_inputs, q, t, r, X), du, q->B, X, n);
            if (flows) {
                memcpy(df, du + X * n, F * n * sizeof(REAL));
                if (q->residual) added(df, direct, F * n);
            } else {
                memset(df, 0, F * n * sizeof(REAL));
            }
        }
        charged(q, &s, &m, begin, end, da, d_out, drive, output);
        if (q->cell == TRANSFORMER) layers_charged(q, &s, r, end - begin, m.a + begin * s.a, told);
        end = begin;
    }
    if (q->d_start) turned_out((REAL *)at(q->d_start, q, 0, r, F), df, q->B, F, n);
    scattered(q, &s, r, drive, output);
}

/* The squared error of the outputs of a replica, averaged over coordinates, and its gradient: share / O times 2 (o - y). */
static void squared_error(const Rollout *q, long r)
{
    const long O = q->O;
    const REAL width = (REAL)O;
    for (long t = 0; t < q->T; t++) {
        const REAL *o = at(q->outputs, q, t, r, O), *y = at(q->targets, q, t, r, O), *share = at(q->shares, q, t, r, 1);
        REAL *slope = (REAL *)at(q->d_outputs, q, t, r, O), *loss = (REAL *)at(q->losses, q, t, r, 1);
        for (long b = 0; b < q->B; b++, o += O, y += O, slope += O) {
            const REAL each = share[b] / width;
            REAL sum = 0;
            for (long k = 0; k < O; k++) {
                const REAL error = o[k] - y[k];
                sum += error * error;
                slope[k] = each * BREAK_LOSS((REAL)2 * error);
            }
            if (loss) loss[b] = sum / width;
        }
    }
}

long NAME(kept)(const Rollout *q) { return kept_size(q); }
long NAME(work)(const Rollout *q) { return work_size(q); }
long NAME(both)(const Rollout *q) { return both_size(q); }
void NAME(forward)(const Rollout *q, long first, long last)
{
    for (long r = first; r < last; r++) forward_one(q, r);
}
void NAME(backward)(const Rollout *q, long first, long last)
{
    for (long r = first; r < last; r++) backward_one(q, r);
}

/* Forward, the squared error, and backward: one replica after the other, so that what is kept of one stays in the caches. */
void NAME(descend)(const Rollout *q, long first, long last)
{
    for (long r = first; r < last; r++) forward_one(q, r), squared_error(q, r), backward_one(q, r);
}
