/* What a rollout, a step of descent, a flow, a smoothing or an n-gram model is told from Python (freerun/engine/compiled/library.py): in the same order there.
   Letters: T time, R replicas, B batch, X exogenous input, F what is fed, O output, H hidden. NULL: there is none. */

#include <stdint.h>

typedef struct {
    const void *value;        /* [rows columns] of the first replica */
    void *slope;              /* its gradient */
    int64_t step;             /* numbers from one replica's to the next one's, of value and of slope */
    int64_t rows, columns;    /* of the weight */
    int64_t row, column;      /* where it begins in its matrix */
    int64_t matrix;           /* 0 for the drive of the cell, 1 for the output, 2 for none: it is a matrix by itself */
} Weight;

typedef struct {
    int64_t cell, rule;
    int64_t T, R, B, X, F, O, H;
    int64_t layers, heads, wide; /* of a transformer; wide: of its feed-forward part */
    int64_t count, blocks;    /* weights in all; the first of those of a transformer's layers, which follow each other */
    int64_t keeps;            /* activations of all steps are kept, for a gradient */
    double temperature, root; /* root: of the width of a head */
    const Weight *weights;
    const uint8_t *cuts;      /* [T R]: 1 cuts the feed that enters a step, 2 the state, 3 both */
    const void *truth;        /* [T R B F] */
    const void *start;        /* [R B F] */
    const void *mask;         /* [T R B]; NULL for 1 */
    const void *inputs;       /* [T R B X] */
    const void *draws;        /* [T R B], or [T R B O] for gumbel: the noise g */
    const void *noise;        /* [T R B F], added to what the model feeds itself */
    const void *residual;     /* [R O] */
    const void *places;       /* [T H], added to what enters a transformer */
    const void *state[2];     /* [R B H] before the first step; NULL for zeros */
    void *outputs, *fed;      /* [T R B O], [T R B F] */
    void *states[2];          /* [T R B H] */
    const void *d_outputs, *d_fed, *d_states[2];
    void *d_truth, *d_start, *d_inputs;
    const void *targets;      /* [T R B O], for `descend`: what the squared error is taken to, and */
    const void *shares;       /* [T R B]: the weight of each prediction in the loss of its replica; and */
    void *losses;             /* [T R B]: the error of each, summed over coordinates in their order; NULL: not asked for */
    void *kept;               /* [R kept] numbers, at a multiple of 64 bytes; NULL: in the room for work, for one replica */
    void *work;               /* numbers for the work on one replica, at a multiple of 64 bytes */
} Rollout;

typedef struct {
    int64_t P, decoupled;     /* weights of a replica; whether they decay beside the gradient (AdamW) or in it */
    double keep[2], add[2];   /* shares of the old moments and of the new gradient, or of its square */
    double bias[2], epsilon;  /* what corrects the moments, what keeps from dividing by 0 */
    const void *rate, *decay, *shrink; /* [R]; shrink clips the gradient */
    const uint8_t *alive;     /* [R] */
    const void *gradient;     /* [R P] */
    void *weights, *first, *second;
    uint8_t *finite;          /* [R]: whether the new weights are; they are taken only then, and where a replica is alive */
    void *work;               /* P numbers */
} Descent;

typedef struct {
    int64_t equations;        /* which, as in flows.h */
    int64_t D, steps;         /* coordinates of a state; steps to take */
    double step, settings[4]; /* the length of a step; the settings of the equations, in their order */
    void *states;             /* [N D], before and after */
    void *work;               /* 6 D rows of 16 numbers */
} Flow;

#define LENGTHS 8

typedef struct {
    int64_t lengths, models, most; /* lengths of strings; models; the most strings of a length */
    int64_t strings[LENGTHS];      /* of each length */
    const void *counts[LENGTHS];   /* [models strings] */
    const int64_t *contexts[LENGTHS], *shorter[LENGTHS]; /* the context of each string, rising; its place without the oldest symbol */
    double bottom;            /* the probability of every symbol before anything was counted */
    void *chances;            /* [strings models], of the longest */
    void *work;               /* 2 `most` rows of 8 numbers */
} Smoothing;

typedef struct {
    int64_t lengths, tabled, symbols, strings; /* contexts of 0, 1, ... symbols; of how many lengths the table tells; K; N */
    int64_t count[LENGTHS], begins[LENGTHS];   /* contexts of each length; their first row in the table */
    const int64_t *contexts[LENGTHS], *bounds[LENGTHS], *totals[LENGTHS]; /* rising; where their grams begin; how often each came */
    const int64_t *grams[LENGTHS], *seen[LENGTHS];
    const void *table;        /* [rows K] */
    const int64_t *before;    /* [lengths - 1, N] */
    void *chances;            /* [N K] */
    void *work;               /* nothing */
} Ngrams;
