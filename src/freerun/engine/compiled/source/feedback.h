/* Feedback: phi, from outputs o to what is fed, rows [K][stride], and its gradient.

   mean              phi = o
   expected          phi = softmax(o)
   gumbel            phi = softmax((o + g) / temperature), g given
   sample            phi = e(k), k the number of symbols whose cumulated softmax(o) is at most the draw u
   argmax            phi = e(k), k the first of the largest
   straight_through  sample or argmax forward, softmax(o / temperature) backward */

enum { NOTHING, MEAN, SAMPLE, ARGMAX, EXPECTED, GUMBEL, THROUGH_SAMPLE, THROUGH_ARGMAX };

static int soft(long rule) { return rule == EXPECTED || rule == GUMBEL || rule == THROUGH_SAMPLE || rule == THROUGH_ARGMAX; }

/* y = softmax((o + shift) / temperature); `shift` may be NULL */
static void softmax(long width, long stride, const REAL *o, const REAL *shift, REAL temperature, REAL *y)
{
    for (long b = 0; b < stride; b += LANES) {
        vec most = all(0), sum = all(0);
        for (long k = 0; k < width; k++) {
            vec x = load(o + k * stride + b);
            if (shift) x += load(shift + k * stride + b);
            if (temperature != 1) x /= all(temperature);
            store(y + k * stride + b, x);
            most = k ? either((most >= x) | (most != most), most, x) : x;
        }
        for (long k = 0; k < width; k++) {
            vec e = decay(load(y + k * stride + b) - most);
            store(y + k * stride + b, e);
            sum += e;
        }
        for (long k = 0; k < width; k++) store(y + k * stride + b, load(y + k * stride + b) / sum);
    }
}

static void sampled(long width, long stride, const REAL *p, const REAL *u, REAL *y)
{
    for (long b = 0; b < stride; b += LANES) {
        vec cumulated = all(0), draw = load(u + b);
        ivec before = (ivec){0} == 0; /* all symbols so far were passed */
        for (long k = 0; k < width; k++) {
            cumulated += load(p + k * stride + b);
            ivec stops = k + 1 < width ? ~(cumulated <= draw) : (ivec){0} == 0;
            store(y + k * stride + b, either(before & stops, all(1), all(0)));
            before &= ~stops;
        }
    }
}

static void largest(long width, long stride, const REAL *o, REAL *y)
{
    for (long b = 0; b < stride; b += LANES) {
        vec most = load(o + b);
        for (long k = 1; k < width; k++) {
            vec x = load(o + k * stride + b);
            most = either((most >= x) | (most != most), most, x);
        }
        ivec open = (ivec){0} == 0;
        for (long k = 0; k < width; k++) {
            vec x = load(o + k * stride + b);
            ivec here = open & ((x == most) | ((x != x) & (most != most)));
            store(y + k * stride + b, either(here, all(1), all(0)));
            open &= ~here;
        }
    }
}

/* y = phi(o); `draw`: u or g; `kept`: where a soft rule keeps the softmax that its gradient goes through */
static void feedback_forward(long rule, long width, long stride, const REAL *o, const REAL *draw, REAL temperature, REAL *kept,
                             REAL *y)
{
    switch (rule) {
    case MEAN: memcpy(y, o, width * stride * sizeof(REAL)); break;
    case ARGMAX:
    case THROUGH_ARGMAX: largest(width, stride, o, y); break;
    case SAMPLE:
    case THROUGH_SAMPLE:
        softmax(width, stride, o, NULL, 1, kept);
        sampled(width, stride, kept, draw, y);
        break;
    case EXPECTED: softmax(width, stride, o, NULL, 1, kept); break;
    case GUMBEL: softmax(width, stride, o, draw, temperature, kept); break;
    }
    if (rule == EXPECTED || rule == GUMBEL) memcpy(y, kept, width * stride * sizeof(REAL));
    if (rule == THROUGH_ARGMAX || (rule == THROUGH_SAMPLE && temperature != 1)) softmax(width, stride, o, NULL, temperature, kept);
}

/* f = m y + (1 - m) phi; exactly one of them where m is 1 or 0, whatever the other is */
static void blend(long width, long stride, const REAL *mask, const REAL *truth, REAL *fed)
{
    for (long k = 0; k < width; k++)
        for (long b = 0; b < stride; b += LANES) {
            vec m = load(mask + b), y = load(truth + k * stride + b), own = load(fed + k * stride + b);
            vec mixed = m * y + (all(1) - m) * own;
            store(fed + k * stride + b, either(m == all(1), y, either(m == all(0), own, mixed)));
        }
}

/* do += phi'(o)^T ((1 - m) df), with the softmax s that was kept: s (d - sum d s) / temperature */
static void feedback_backward(long rule, long width, long stride, const REAL *mask, const REAL *kept, REAL temperature,
                              const REAL *df, REAL *d_out)
{
    if (rule != MEAN && !soft(rule)) return;
    for (long b = 0; b < stride; b += LANES) {
        vec m = load(mask + b), free = all(1) - m, mean = all(0);
        for (long k = 0; k < width; k++) {
            vec d = either(m == all(1), all(0), free * load(df + k * stride + b));
            if (soft(rule)) mean += d * load(kept + k * stride + b);
        }
        for (long k = 0; k < width; k++) {
            vec d = either(m == all(1), all(0), free * load(df + k * stride + b));
            if (soft(rule)) d = load(kept + k * stride + b) * BREAK_SOFT(d - mean);
            if (soft(rule) && temperature != 1) d /= all(temperature);
            store(d_out + k * stride + b, load(d_out + k * stride + b) + d);
        }
    }
}
