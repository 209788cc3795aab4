/* Layers of a causal transformer, one step of them forward and backward (freerun/parts/models/transformer.py is the definition).

       y = norm(x),  [q k v] = A y,  x += M attention(q; keys, values so far),  y' = norm(x),  x += F max(0, E y');  h = norm(x)

       s_j = q k_j / sqrt(D),   p = softmax(s),   o = sum_j p_j v_j          j <= t, for each head of D columns

       ds_j = p_j (do v_j - do o),   dq = sum_j ds_j k_j / sqrt(D),   dk_j += ds_j q / sqrt(D),   dv_j += p_j do

   All is done in rows [width][n], a number of every sequence of the batch beside each other: each sequence by itself, whatever the
   batch and the width of the vectors. What was attended to is not kept: p comes again from the largest score and the sum. */

enum { ATTEND, MIX, RISE, FALL, LAYER }; /* the weights of a layer, in their order */

/* Rows that a step keeps of a layer (kept_rows in sizes.h), by where they begin: the two normalised streams, what was attended to,
   the query over the root of D, the risen stream, two factors of normalisation, a largest score and a sum for each head. */
typedef struct {
    REAL *first, *seen, *second, *query, *risen, *first_scale, *second_scale, *most, *sum;
} NAME(Kept);
#define Kept NAME(Kept)

static Kept kept_of(const Rollout *q, long layer, long n, const REAL *a)
{
    long H = q->H;
    REAL *base = (REAL *)a + layer * kept_rows(q) * n, *scales = base + (4 * H + q->wide) * n;
    return (Kept){base, base + H * n, base + 2 * H * n, base + 3 * H * n, base + 4 * H * n,
                  scales, scales + n, scales + 2 * n, scales + (2 + q->heads) * n};
}

/* Gradients that a step tells of a layer (told_rows in sizes.h): of [q k v], of what is mixed in, of the risen and the fallen. */
typedef struct {
    REAL *attend, *mix, *rise, *fall;
} NAME(Told);
#define Told NAME(Told)

static Told told_of(const Rollout *q, long layer, long n, const REAL *told)
{
    long H = q->H;
    REAL *base = (REAL *)told + layer * told_rows(q) * n;
    return (Told){base, base + 3 * H * n, base + 4 * H * n, base + (4 * H + q->wide) * n};
}

static const Weight *weight_of(const Rollout *q, long layer, int part) { return &q->weights[q->blocks + layer * LAYER + part]; }

/* The keys and values of a head: [T][2 D][n], the keys of a step and then its values. */
static REAL *memory_of(const Rollout *q, long layer, long head, long n, const REAL *memory)
{
    return (REAL *)memory + (layer * q->heads + head) * q->T * 2 * (q->H / q->heads) * n;
}

/* The weights of all layers as tiles, for the forward pass or, turned round, for the backward pass. */
static void layers_packed(const Rollout *q, long r, int back, REAL *to)
{
    for (long i = q->blocks; i < q->blocks + q->layers * LAYER; i++) {
        const Weight *w = &q->weights[i];
        const REAL *from = (const REAL *)w->value + BREAK_GROUP(r) * w->step;
        to = back ? packed(to, from, w->columns, w->rows, 1, w->columns) : packed(to, from, w->rows, w->columns, w->columns, 1);
    }
}

static void layers_cleared(const Rollout *q, long r)
{
    for (long i = q->blocks; i < q->blocks + q->layers * LAYER; i++) {
        const Weight *w = &q->weights[i];
        memset((REAL *)w->slope + r * w->step, 0, w->rows * w->columns * sizeof(REAL));
    }
}

/* y = x / root(mean of squares), and the factor */
static void normalised(long H, long n, const REAL *x, REAL *y, REAL *scale)
{
    for (long b = 0; b < n; b += LANES) {
        vec sum = all(0);
        for (long c = 0; c < H; c++) sum = fma_(load(x + c * n + b), load(x + c * n + b), sum);
        vec factor = all(1) / root_of(sum / all((REAL)H) + all((REAL)1e-5));
        store(scale + b, factor);
        for (long c = 0; c < H; c++) store(y + c * n + b, load(x + c * n + b) * factor);
    }
}

/* dx (+)= scale (dy - y mean(y dy)) */
static void normalised_back(long H, long n, const REAL *y, const REAL *scale, const REAL *dy, REAL *dx, int add)
{
    for (long b = 0; b < n; b += LANES) {
        vec sum = all(0), factor = load(scale + b);
        if (!add) for (long c = 0; c < H; c++) store(dx + c * n + b, all(0));
        for (long c = 0; c < H; c++) sum = fma_(load(y + c * n + b), load(dy + c * n + b), sum);
        sum /= all((REAL)H);
        for (long c = 0; c < H; c++) {
            vec d = factor * (load(dy + c * n + b) - load(y + c * n + b) * sum);
            store(dx + c * n + b, load(dx + c * n + b) + d);
        }
    }
}

/* What a head sees of `live` steps, for the sequences of one vector; `sums`: D vectors of room */
static inline __attribute__((always_inline)) void head_forward(
    const long D, long n, long live, const REAL *query, const REAL *memory, REAL *scores, vec *sums, REAL *seen, REAL *most_,
    REAL *sum_)
{
    const long step = 2 * D * n;
    vec most = all(0), sum = all(0);
    for (long j = 0; j < live; j++) {
        const REAL *key = memory + j * step;
        vec score = all(0);
#pragma GCC unroll 16
        for (long c = 0; c < D; c++) score = fma_(load(query + c * n), load(key + c * n), score);
        store(scores + j * LANES, score);
        most = j ? either((most >= score) | (most != most), most, score) : score;
    }
#pragma GCC unroll 16
    for (long c = 0; c < D; c++) sums[c] = all(0);
    for (long j = 0; j < live; j++) {
        const REAL *value = memory + j * step + D * n;
        vec share = decay(load(scores + j * LANES) - most);
        sum += share;
#pragma GCC unroll 16
        for (long c = 0; c < D; c++) sums[c] = fma_(share, load(value + c * n), sums[c]);
    }
    store(most_, most), store(sum_, sum);
#pragma GCC unroll 16
    for (long c = 0; c < D; c++) store(seen + c * n, sums[c] / sum);
}

/* Its gradient: of the query, and of the keys and values of the steps from `first` on; `slopes`: D vectors of room */
static inline __attribute__((always_inline)) void head_backward(
    const long D, long n, long first, long live, const REAL *query, const REAL *memory, const REAL *seen, const REAL *d_seen,
    REAL *d_memory, vec *slopes, REAL *d_query, vec most, vec sum)
{
    const long step = 2 * D * n;
    vec mean = all(0), each = all(1) / sum;
#pragma GCC unroll 16
    for (long c = 0; c < D; c++) mean = fma_(load(seen + c * n), load(d_seen + c * n), mean), slopes[c] = all(0);
    for (long j = 0; j < live; j++) {
        const REAL *key = memory + j * step, *value = key + D * n;
        vec score = all(0), slope = all(0);
#pragma GCC unroll 16
        for (long c = 0; c < D; c++) {
            score = fma_(load(query + c * n), load(key + c * n), score);
            slope = fma_(load(d_seen + c * n), load(value + c * n), slope);
        }
        vec share = decay(score - most) * each;
        slope = share * (slope - BREAK_MEAN(mean));
#pragma GCC unroll 16
        for (long c = 0; c < D; c++) slopes[c] = fma_(slope, load(key + c * n), slopes[c]);
        if (j < first) continue;
        REAL *d_key = d_memory + j * step, *d_value = d_key + D * n;
#pragma GCC unroll 16
        for (long c = 0; c < D; c++) {
            store(d_key + c * n, fma_(slope, load(query + c * n), load(d_key + c * n)));
            store(d_value + c * n, fma_(share, load(d_seen + c * n), load(d_value + c * n)));
        }
    }
#pragma GCC unroll 16
    for (long c = 0; c < D; c++) store(d_query + c * n, slopes[c]);
}

/* `CALL` with the width of a head as a constant where it is a usual one, else with room in memory */
#define BY_WIDTH(D_, room, CALL)                                                                                                   \
    switch (D_) {                                                                                                                  \
    case 4: { vec held[4]; CALL(4, held); break; }                                                                                 \
    case 8: { vec held[8]; CALL(8, held); break; }                                                                                 \
    case 16: { vec held[16]; CALL(16, held); break; }                                                                              \
    default: CALL(D_, (vec *)(room));                                                                                              \
    }

/* One step through all layers: from the drive x, which is worked in, to h; `a`: what the step keeps. */
static void layers_forward(const Rollout *q, const Sizes *s, const Room *m, long t, REAL *x, REAL *a, REAL *h)
{
    const long n = s->stride, H = q->H, D = H / q->heads, wide = q->wide, live = BREAK_PAST(t) + 1;
    const REAL *w = m->blocks;
    REAL *room = m->rest, *given = taken(&room, 3 * H * n), *scores = taken(&room, q->T * STRIPE), *sums = taken(&room, D * STRIPE);
    for (long c = 0; c < H; c++) {
        vec place = all(((const REAL *)q->places)[t * H + c]);
        for (long b = 0; b < n; b += LANES) store(x + c * n + b, load(x + c * n + b) + place);
    }
    for (long layer = 0; layer < q->layers; layer++) {
        Kept k = kept_of(q, layer, n, a);
        normalised(H, n, x, k.first, k.first_scale);
        product(3 * H, H, w, k.first, n, given, 0), w += 3 * H * H;
        for (long i = 0; i < H * n; i += LANES) store(k.query + i, load(given + i) / all((REAL)q->root));
        for (long head = 0; head < q->heads; head++) {
            REAL *memory = memory_of(q, layer, head, n, m->memory), *fresh = memory + t * 2 * D * n;
            memcpy(fresh, given + (H + head * D) * n, D * n * sizeof(REAL));
            memcpy(fresh + D * n, given + (2 * H + head * D) * n, D * n * sizeof(REAL));
            for (long b = 0; b < n; b += LANES) {
                const long at = head * D * n + b;
#define SEE(D_, held) \
    head_forward(D_, n, live, k.query + at, memory + b, scores, held, k.seen + at, k.most + head * n + b, k.sum + head * n + b)
                BY_WIDTH(D, sums, SEE)
#undef SEE
            }
        }
        product(H, H, w, k.seen, n, x, 1), w += H * H;
        normalised(H, n, x, k.second, k.second_scale);
        product(wide, H, w, k.second, n, k.risen, 0), w += wide * H;
        for (long i = 0; i < wide * n; i += LANES) {
            vec y = load(k.risen + i);
            store(k.risen + i, either(y <= all(0), all(0), y));
        }
        product(H, wide, w, k.risen, n, x, 1), w += H * wide;
    }
    normalised(H, n, x, h, a + q->layers * kept_rows(q) * n);
}

/* From dh to dx, the gradient of the drive; `told`: where the gradients of the layers are gathered. */
static void layers_backward(const Rollout *q, const Sizes *s, const Room *m, long t, long first, const REAL *a, const REAL *h,
                            const REAL *dh, REAL *d_memory, REAL *told, REAL *dx)
{
    const long n = s->stride, H = q->H, D = H / q->heads, wide = q->wide;
    const REAL *w = m->blocks + s->blocks;
    REAL *room = m->rest, *dy = taken(&room, H * n), *d_seen = taken(&room, H * n), *slopes = taken(&room, D * STRIPE);
    normalised_back(H, n, h, a + q->layers * kept_rows(q) * n, dh, dx, 0);
    for (long layer = q->layers - 1; layer >= 0; layer--) {
        Kept k = kept_of(q, layer, n, a);
        Told d = told_of(q, layer, n, told);
        memcpy(d.fall, dx, H * n * sizeof(REAL));
        w -= H * wide, product(wide, H, w, dx, n, d.rise, 0);
        for (long i = 0; i < wide * n; i += LANES) store(d.rise + i, either(load(k.risen + i) <= all(0), all(0), load(d.rise + i)));
        w -= wide * H, product(H, wide, w, d.rise, n, dy, 0);
        normalised_back(H, n, k.second, k.second_scale, dy, dx, 1);
        memcpy(d.mix, dx, H * n * sizeof(REAL));
        w -= H * H, product(H, H, w, dx, n, d_seen, 0);
        for (long head = 0; head < q->heads; head++) {
            const REAL *memory = memory_of(q, layer, head, n, m->memory);
            REAL *slope = memory_of(q, layer, head, n, d_memory), *own = slope + BREAK_SLOT(t) * 2 * D * n;
            for (long b = 0; b < n; b += LANES) {
                const long at = head * D * n + b;
#define SEE(D_, held)                                                                                                              \
    head_backward(D_, n, first, t + 1, k.query + at, memory + b, k.seen + at, d_seen + at, slope + b, held, d.attend + at,         \
                  load(k.most + head * n + b), load(k.sum + head * n + b))
                BY_WIDTH(D, slopes, SEE)
#undef SEE
            }
            memcpy(d.attend + (H + head * D) * n, own, D * n * sizeof(REAL));
            memcpy(d.attend + (2 * H + head * D) * n, own + D * n, D * n * sizeof(REAL));
        }
        for (long i = 0; i < H * n; i += LANES) store(d.attend + i, load(d.attend + i) / all((REAL)q->root));
        w -= 3 * H * H, product(H, 3 * H, w, d.attend, n, dy, 0);
        normalised_back(H, n, k.first, k.first_scale, dy, dx, 1);
    }
}

/* Charge the weights of the layers with some steps: `a`, `told`: of the first of them. */
static void layers_charged(const Rollout *q, const Sizes *s, long r, long steps, const REAL *a, const REAL *told)
{
    const long n = s->stride, H = q->H, wide = q->wide;
    for (long layer = 0; layer < q->layers; layer++) {
        Kept k = kept_of(q, layer, n, a);
        Told d = told_of(q, layer, n, told);
        const REAL *read[] = {k.first, k.seen, k.second, k.risen}, *slopes[] = {d.attend, d.mix, d.rise, d.fall};
        const long rows[] = {H, H, H, wide}, columns[] = {3 * H, H, wide, H};
        for (int part = ATTEND; part < LAYER; part++) {
            const Weight *w = weight_of(q, layer, part);
            REAL *slope = (REAL *)w->slope + r * w->step;
            outer_product(rows[part], columns[part], steps, read[part], s->a, slopes[part], s->told, n, slope, columns[part]);
        }
    }
}
