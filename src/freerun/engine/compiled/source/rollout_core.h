/* A whole rollout, forward and backward, as one operation: replicas outside, time inside, the batch in the lanes of vectors.

       u_t = [x_t; f_{t-1}],   o_t, s_t = step(u_t, s_{t-1}),   f_t = m_t y_t + (1 - m_t) phi(o_t)

   One replica is computed by one thread in one order, and nothing that is computed depends on another: so its bits are the same
   alone and in any group. The library knows nothing of Python. docs/engine.md describes the whole. */

#include <stddef.h>
#include <string.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "rollout.h"

#if defined(__AVX512F__)
#define WIDTH 64
#elif defined(__AVX2__)
#define WIDTH 32
#else
#define WIDTH 16
#endif

#if DOUBLE
#define REAL double
#define WORD int64_t
#define NAME(x) x##_float64
#else
#define REAL float
#define WORD int32_t
#define NAME(x) x##_float32
#endif

/* Faults that the tests put in, to see that the laws catch them (tests/laws/test_compiled.py). */
#ifndef BREAK_SIGN
#define BREAK_SIGN(x) (x)
#endif
#ifndef BREAK_RESET
#define BREAK_RESET(x) (x)
#endif
#ifndef BREAK_FORGET
#define BREAK_FORGET(x) (x)
#endif
#ifndef BREAK_CUT
#define BREAK_CUT(t) (t)
#endif
#ifndef BREAK_FEED
#define BREAK_FEED(t) (t)
#endif
#ifndef BREAK_DRAW
#define BREAK_DRAW(t) (t)
#endif
#ifndef BREAK_SOFT
#define BREAK_SOFT(x) (x)
#endif
#ifndef BREAK_PAST
#define BREAK_PAST(t) (t)
#endif
#ifndef BREAK_MEAN
#define BREAK_MEAN(x) (x)
#endif
#ifndef BREAK_SLOT
#define BREAK_SLOT(t) (t)
#endif
#ifndef BREAK_LOSS
#define BREAK_LOSS(x) (x)
#endif
#ifndef BREAK_GROUP
#define BREAK_GROUP(r) (r)
#endif
#ifndef BREAK_STEP
#define BREAK_STEP(x) (x)
#endif
#ifndef BREAK_MIXED
#define BREAK_MIXED(x) (x)
#endif
#ifndef BREAK_KNOWN
#define BREAK_KNOWN(x) (x)
#endif

#include "vectors.h"
#include "products.h"
#include "cells.h"
#include "feedback.h"
#include "sizes.h"
#include "transformer.h"
#include "replica.h"
#include "descent.h"
#include "flows.h"
#include "smoothing.h"
#include "ngrams.h"
