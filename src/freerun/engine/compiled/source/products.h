/* Products of small matrices with a batch in the lanes of the vectors.

   Activations are rows [width][stride]: one number of every sequence of the batch beside each other, stride a multiple of STRIPE.
   Each number of a product is one sum, in the order of the inner index, whatever the tile it is computed in. */

#if WIDTH == 64
#define TILE 8 /* rows of a tile of a product: with two vectors each, TILE * 2 sums at once */
#define GRID_ROWS 4
#define GRID_COLUMNS 4
#elif WIDTH == 32
#define TILE 6
#define GRID_ROWS 2
#define GRID_COLUMNS 3
#else
#define TILE 4
#define GRID_ROWS 1
#define GRID_COLUMNS 2
#endif

/* The weights [inner][outer] of a block of a matrix as tiles [outer / TILE][inner][TILE]; the last tile may be narrower. */
static REAL *packed(REAL *to, const REAL *from, long inner, long outer, long inner_stride, long outer_stride)
{
    for (long j = 0; j < outer; j += TILE) {
        long rows = outer - j < TILE ? outer - j : TILE;
        for (long k = 0; k < inner; k++)
            for (long i = 0; i < rows; i++) *to++ = from[k * inner_stride + (j + i) * outer_stride];
    }
    return to;
}

static inline __attribute__((always_inline)) void tile(
    const int rows, const int vectors, long inner, const REAL *w, const REAL *x, long stride, REAL *y, int add)
{
    vec sums[TILE][2];
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) sums[i][v] = add ? load(y + i * stride + v * LANES) : all(0);
    for (long k = 0; k < inner; k++, w += rows, x += stride) {
        vec seen[2];
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) seen[v] = load(x + v * LANES);
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) {
            vec weight = all(w[i]);
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++) sums[i][v] = fma_(weight, seen[v], sums[i][v]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) store(y + i * stride + v * LANES, sums[i][v]);
}

static inline __attribute__((always_inline)) void tiles(
    const int rows, long inner, const REAL *w, const REAL *x, long stride, REAL *y, int add)
{
    long b = 0;
    for (; b + 2 * LANES <= stride; b += 2 * LANES) tile(rows, 2, inner, w, x + b, stride, y + b, add);
    if (b < stride) tile(rows, 1, inner, w, x + b, stride, y + b, add);
}

/* y_j (+)= sum_k w_kj x_k, for packed weights */
static void product(long outer, long inner, const REAL *w, const REAL *x, long stride, REAL *y, int add)
{
    for (long j = 0; j < outer; j += TILE, w += inner * TILE, y += TILE * stride) {
        switch (outer - j) {
        case 1: tiles(1, inner, w, x, stride, y, add); break;
        case 2: tiles(2, inner, w, x, stride, y, add); break;
        case 3: tiles(3, inner, w, x, stride, y, add); break;
#if TILE > 4
        case 4: tiles(4, inner, w, x, stride, y, add); break;
        case 5: tiles(5, inner, w, x, stride, y, add); break;
#endif
#if TILE > 6
        case 6: tiles(6, inner, w, x, stride, y, add); break;
        case 7: tiles(7, inner, w, x, stride, y, add); break;
#endif
        default: tiles(TILE, inner, w, x, stride, y, add);
        }
    }
}

/* Sums of stripes, in one order on every instruction set: the upper half of a stripe on its lower, and so on down to one number. */
typedef REAL quarter __attribute__((vector_size(4 * sizeof(REAL)), may_alias));

static inline __attribute__((always_inline)) quarter folded(const vec *parts)
{
    REAL sums[STRIPE] __attribute__((aligned(64)));
#pragma GCC unroll 4
    for (int p = 0; p < PARTS; p++) store(sums + p * LANES, parts[p]);
    const quarter *q = (const quarter *)sums;
    return DOUBLE ? q[0] + q[1] : (q[0] + q[2]) + (q[1] + q[3]);
}

static inline REAL summed(const vec *parts)
{
    quarter s = folded(parts);
    return (s[0] + s[2]) + (s[1] + s[3]);
}

static inline __attribute__((always_inline)) void totals(const int count, vec (*parts)[PARTS], REAL *slope)
{
    REAL s[4][4] __attribute__((aligned(64)));
#pragma GCC unroll 4
    for (int j = 0; j < count; j++) *(quarter *)s[j] = folded(parts[j]);
#pragma GCC unroll 4
    for (int j = 0; j < count; j++) slope[j] += (s[j][0] + s[j][2]) + (s[j][1] + s[j][3]);
}

static inline __attribute__((always_inline)) void grid(
    const int rows, const int columns, long steps, const REAL *z, long z_step, const REAL *d, long d_step, long stride,
    REAL *slope, long slope_stride)
{
    vec sums[GRID_ROWS][GRID_COLUMNS][PARTS];
#pragma GCC unroll 4
    for (int k = 0; k < rows; k++)
#pragma GCC unroll 4
        for (int j = 0; j < columns; j++)
#pragma GCC unroll 4
            for (int p = 0; p < PARTS; p++) sums[k][j][p] = all(0);
    for (long t = 0; t < steps; t++, z += z_step, d += d_step)
        for (long b = 0; b < stride; b += STRIPE)
#pragma GCC unroll 4
            for (int p = 0; p < PARTS; p++) {
                vec seen[GRID_ROWS];
#pragma GCC unroll 4
                for (int k = 0; k < rows; k++) seen[k] = load(z + k * stride + b + p * LANES);
#pragma GCC unroll 4
                for (int j = 0; j < columns; j++) {
                    vec slope_j = load(d + j * stride + b + p * LANES);
#pragma GCC unroll 4
                    for (int k = 0; k < rows; k++) sums[k][j][p] = fma_(seen[k], slope_j, sums[k][j][p]);
                }
            }
#pragma GCC unroll 4
    for (int k = 0; k < rows; k++) totals(columns, sums[k], slope + k * slope_stride);
}

/* slope_kj += sum over steps and batch of z_k d_j: the gradient of weights that took rows z to rows with the gradient d */
static void outer_product(long rows, long columns, long steps, const REAL *z, long z_step, const REAL *d, long d_step, long stride,
                          REAL *slope, long slope_stride)
{
#define AT(R_, C_) grid(R_, C_, steps, z + k * stride, z_step, d + j * stride, d_step, stride, slope + k * slope_stride + j, slope_stride)
#define ROW(R_)                                                                                                                    \
    switch (columns - j) {                                                                                                         \
    case 1: AT(R_, 1); break;                                                                                                      \
    case 2: AT(R_, GRID_COLUMNS < 2 ? GRID_COLUMNS : 2); break;                                                                    \
    case 3: AT(R_, GRID_COLUMNS < 3 ? GRID_COLUMNS : 3); break;                                                                    \
    default: AT(R_, GRID_COLUMNS);                                                                                                 \
    }
    for (long k = 0; k < rows; k += GRID_ROWS)
        for (long j = 0; j < columns; j += GRID_COLUMNS) {
            switch (rows - k) {
            case 1: ROW(1) break;
#if GRID_ROWS > 2
            case 2: ROW(2) break;
            case 3: ROW(3) break;
#endif
            default: ROW(GRID_ROWS)
            }
        }
#undef AT
#undef ROW
}
