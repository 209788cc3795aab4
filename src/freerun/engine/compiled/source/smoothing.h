/* Witten-Bell smoothing of models that were counted on the same strings (freerun/measurement/statistics/text_distance.py):

       p(y | h) = (c(h y) + d(h) p(y | h')) / (c(h) + d(h)),   p(y | h') where h was not counted

   length by length, a few models side by side. Each operation is rounded, in the order that numpy takes them in. */
#if DOUBLE

#define ABREAST 8 /* models side by side, in the lanes of vectors */
#define EVERY for (long m = 0; m < ABREAST; m++)

void NAME(smooth)(const Smoothing *q, long first, long last)
{
    for (long at = first; at < last; at += ABREAST) {
        const long live = last - at < ABREAST ? last - at : ABREAST;
        REAL *shorter = q->work, *chance = shorter + q->most * ABREAST;
        EVERY shorter[m] = q->bottom;
        for (long n = 0; n < q->lengths; n++) {
            const long count = q->strings[n];
            const int64_t *context = q->contexts[n], *less = q->shorter[n];
            const REAL *counted[ABREAST];
            EVERY counted[m] = (const REAL *)q->counts[n] + (at + (m < live ? m : 0)) * count;
            for (long i = 0, end; i < count; i = end) {
                REAL total[ABREAST] = {0}, kinds[ABREAST] = {0};
                for (end = i; end < count && context[end] == context[i]; end++)
                    EVERY {
                        const REAL seen = counted[m][end];
                        chance[end * ABREAST + m] = seen, total[m] += seen, kinds[m] += seen > 0;
                    }
                for (long j = i; j < end; j++) {
                    REAL *of = chance + j * ABREAST;
                    const REAL *before = shorter + less[j] * ABREAST;
                    EVERY of[m] = BREAK_KNOWN(total[m] > 0) ? (of[m] + kinds[m] * before[m]) / (total[m] + kinds[m]) : before[m];
                }
            }
            REAL *swap = shorter;
            shorter = chance, chance = swap;
        }
        for (long j = 0; j < q->strings[q->lengths - 1]; j++)
            memcpy((REAL *)q->chances + j * q->models + at, shorter + j * ABREAST, live * sizeof(REAL));
    }
}

#endif
