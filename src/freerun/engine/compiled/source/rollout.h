/* What a rollout, or a step of attention, is told from Python (freerun/engine/compiled/library.py): in the same order there.
   Letters: T time, R replicas, B batch, X exogenous input, F what is fed, O output, H hidden. NULL: there is none. */

#include <stdint.h>

#define WEIGHTS 10

typedef struct {
    const void *value;        /* [R rows columns] */
    void *slope;              /* its gradient */
    int64_t rows, columns;    /* of the weight */
    int64_t row, column;      /* where it begins in its matrix */
    int64_t output;           /* the matrix: 0 for the drive of the cell, 1 for the output */
} Weight;

typedef struct {
    int64_t cell, rule;
    int64_t T, R, B, X, F, O, H;
    int64_t keeps;            /* activations of all steps are kept, for a gradient */
    double temperature;
    Weight weights[WEIGHTS];
    const uint8_t *cuts;      /* [T R]: 1 cuts the feed that enters a step, 2 the state, 3 both */
    const void *truth;        /* [T R B F] */
    const void *start;        /* [R B F] */
    const void *mask;         /* [T R B]; NULL for 1 */
    const void *inputs;       /* [T R B X] */
    const void *draws;        /* [T R B], or [T R B O] for gumbel: the noise g */
    const void *noise;        /* [T R B F], added to what the model feeds itself */
    const void *residual;     /* [R O] */
    const void *state[2];     /* [R B H] before the first step; NULL for zeros */
    void *outputs, *fed;      /* [T R B O], [T R B F] */
    void *states[2];          /* [T R B H] */
    const void *d_outputs, *d_fed, *d_states[2];
    void *d_truth, *d_start, *d_inputs;
    void *kept;               /* [R kept] numbers, at a multiple of 64 bytes */
    void *work;               /* numbers for the work on one replica, at a multiple of 64 bytes */
} Rollout;

typedef struct {
    int64_t t, H, C, heads;   /* this step; the width; steps that the memory has room for, a multiple of a stripe */
    double root;              /* of the width of a head */
    const void *given;        /* [N 3H]: query, key and value of this step, N sequences */
    void *memory;             /* [N 2H C] */
    void *out;                /* [N H] */
    void *kept;               /* [N heads C'], C' the multiple of a stripe that t + 1 steps need: what was attended to */
    const void *d_out;
    void *d_given, *d_memory;
    void *work;               /* 2 rows of C or H numbers, whichever is more, at a multiple of 64 bytes */
} Attention;
