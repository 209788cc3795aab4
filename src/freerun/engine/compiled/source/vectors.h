/* Vectors of WIDTH bytes and the elementary functions on them, for one type REAL of numbers.

   Every operation acts on each lane alone, products are fused with sums by `fma` alone, and no sum depends on the number of lanes
   (see `total` in products.h): so two instruction sets that have fused operations give the same bits, whatever their width.
   Compile without contraction (-ffp-contract=off) and without -ffast-math. */

#define LANES ((long)(WIDTH / sizeof(REAL)))
#define STRIPE ((long)(64 / sizeof(REAL))) /* the batch is padded to a multiple of so many numbers, 64 bytes */
#define PARTS ((int)(64 / WIDTH))          /* vectors in a stripe */

typedef REAL vec __attribute__((vector_size(WIDTH), may_alias));
typedef WORD ivec __attribute__((vector_size(WIDTH), may_alias));

static inline vec load(const REAL *p) { return *(const vec *)p; }
static inline void store(REAL *p, vec x) { *(vec *)p = x; }
static inline vec all(REAL x) { return x - (vec){0}; }
static inline vec either(ivec which, vec a, vec b) { return (vec)((which & (ivec)a) | (~which & (ivec)b)); }

/* a b + c, rounded once where the processor can */
static inline vec fma_(vec a, vec b, vec c)
{
#if DOUBLE && defined(__AVX512F__)
    return (vec)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif DOUBLE && defined(__FMA__)
    return (vec)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(__AVX512F__)
    return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}

static inline vec root_of(vec x)
{
#if DOUBLE && defined(__AVX512F__)
    return (vec)_mm512_sqrt_pd((__m512d)x);
#elif DOUBLE && defined(__AVX2__)
    return (vec)_mm256_sqrt_pd((__m256d)x);
#elif defined(__AVX512F__)
    return (vec)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
    return (vec)_mm256_sqrt_ps((__m256)x);
#else
    for (long i = 0; i < LANES; i++) x[i] = DOUBLE ? __builtin_sqrt(x[i]) : __builtin_sqrtf(x[i]);
    return x;
#endif
}

/* exp(x) = p (1 + q), p = 2^n with n the whole number nearest to x / ln 2, q = exp(x - n ln 2) - 1 by a polynomial.
   x must lie in [-LARGEST, LARGEST]; what is not a number stays so. */
#if DOUBLE
#define LARGEST 708.0
#define MAGIC 6755399441055744.0 /* 1.5 * 2^52: its sum with a small number holds the nearest whole number in its last bits */
#define BIAS 1023
#define MANTISSA 52
#define LN2_HIGH 6.93147180369123816490e-01
#define LN2_LOW 1.90821492927058770002e-10
static const REAL COEFFICIENTS[] = {
    1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
    1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5,
};
#else
#define LARGEST 87.0f
#define MAGIC 12582912.0f /* 1.5 * 2^23 */
#define BIAS 127
#define MANTISSA 23
#define LN2_HIGH 0.693359375f
#define LN2_LOW -2.12194440e-4f
static const REAL COEFFICIENTS[] = { /* Cephes, expf */
    1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f,
};
#endif
#define TERMS ((int)(sizeof COEFFICIENTS / sizeof *COEFFICIENTS))

static inline void exponential_parts(vec x, vec *p, vec *q)
{
    vec shifted = fma_(x, all((REAL)1.4426950408889634), all(MAGIC));
    vec n = shifted - all(MAGIC);
    vec r = fma_(n, all(-LN2_LOW), fma_(n, all(-LN2_HIGH), x));
    vec c = all(COEFFICIENTS[0]);
#pragma GCC unroll 12
    for (int i = 1; i < TERMS; i++) c = fma_(c, r, all(COEFFICIENTS[i]));
    *q = fma_(c * r, r, r);
    *p = (vec)(((ivec)shifted + BIAS) << MANTISSA);
}

/* exp(x) for x <= 0, exactly 0 below -LARGEST */
static inline vec decay(vec x)
{
    vec p, q;
    ivec tiny = x < all(-LARGEST);
    exponential_parts(either(tiny, all(-LARGEST), x), &p, &q);
    return either(tiny, all(0), fma_(p, q, p));
}

/* 1 / (1 + exp(-x)) */
static inline vec logistic(vec x)
{
    vec p, q, y = -x;
    y = either(y < all(-LARGEST), all(-LARGEST), y);
    y = either(y > all(LARGEST), all(LARGEST), y);
    exponential_parts(y, &p, &q);
    return all(1) / (all(1) + fma_(p, q, p));
}

/* tanh(x) = -e / (2 + e) with e = exp(-2 |x|) - 1, and the sign of x */
static inline vec hyperbolic_tangent(vec x)
{
    vec p, q;
    ivec sign = (ivec)x & (ivec)all((REAL)-0.0);
    vec y = all(-2) * (vec)((ivec)x ^ sign);
    y = either(y < all(-LARGEST), all(-LARGEST), y);
    exponential_parts(y, &p, &q);
    vec e = fma_(p, q, p - all(1));
    return (vec)((ivec)(-e / (all(2) + e)) ^ sign);
}

/* Rows [width][stride] of a batch from and to rows [batch][width]; what pads the batch is set to 0. */
static void turned_in(REAL *to, const REAL *from, long batch, long width, long stride)
{
    for (long k = 0; k < width; k++) {
        for (long b = 0; b < batch; b++) to[k * stride + b] = from[b * width + k];
        for (long b = batch; b < stride; b++) to[k * stride + b] = 0;
    }
}

static void turned_out(REAL *to, const REAL *from, long batch, long width, long stride)
{
    for (long b = 0; b < batch; b++)
        for (long k = 0; k < width; k++) to[b * width + k] = from[k * stride + b];
}

static void added(REAL *to, const REAL *from, long count)
{
    for (long i = 0; i < count; i += LANES) store(to + i, load(to + i) + load(from + i));
}
