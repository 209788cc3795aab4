/* Witten-Bell smoothing of models that were counted on the same strings (freerun/measurement/statistics/text_distance.py):

       p(y | h) = (c(h y) + d(h) p(y | h')) / (c(h) + d(h)),   p(y | h') where h was not counted

   length by length, one model after the other, so that what one takes stays in the cache. Each operation is rounded, in the order
   that numpy takes them in. */
#if DOUBLE

void NAME(smooth)(const Smoothing *q, long first, long last)
{
    for (long m = first; m < last; m++) {
        REAL *shorter = q->work, *chance = shorter + q->most;
        *shorter = q->bottom;
        for (long n = 0; n < q->lengths; n++) {
            const long count = q->strings[n];
            const REAL *counted = (const REAL *)q->counts[n] + m * count;
            const int64_t *context = q->contexts[n], *less = q->shorter[n];
            for (long i = 0, end; i < count; i = end) {
                REAL total = 0, kinds = 0;
                for (end = i; end < count && context[end] == context[i]; end++) total += counted[end], kinds += counted[end] > 0;
                if (BREAK_KNOWN(total > 0)) {
                    const REAL all_of = total + kinds;
                    for (long j = i; j < end; j++) chance[j] = (counted[j] + kinds * shorter[less[j]]) / all_of;
                } else {
                    for (long j = i; j < end; j++) chance[j] = shorter[less[j]];
                }
            }
            REAL *swap = shorter;
            shorter = chance, chance = swap;
        }
        for (long j = 0; j < q->strings[q->lengths - 1]; j++) ((REAL *)q->chances)[j * q->models + m] = shorter[j];
    }
}

#endif
