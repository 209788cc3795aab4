/* What comes next after some strings by an n-gram model (freerun/parts/ngrams.py): a row of a table, of the longest tabled context
   that was seen, and with it mixed what was counted after longer ones, in the operations of that file, each rounded. */
#if DOUBLE

/* where a number stands among rising ones; -1 where it does not */
static long place_of(const int64_t *rising, long count, int64_t number)
{
    long low = 0;
    for (long left = count; left > 1;) {
        const long half = left / 2;
        low += rising[low + half] <= number ? half : 0;
        left -= half;
    }
    return count && rising[low] == number ? low : -1;
}

void NAME(follow)(const Ngrams *q, long first, long last)
{
    const long K = q->symbols;
    for (long i = first; i < last; i++) {
        int64_t code[LENGTHS] = {0};
        long place[LENGTHS], row = 0;
        for (long n = 1, power = 1; n < q->lengths; n++, power *= K)
            code[n] = code[n - 1] + q->before[(q->lengths - 1 - n) * q->strings + i] * power;
        for (long n = q->tabled; n < q->lengths; n++) place[n] = place_of(q->contexts[n], q->count[n], code[n]);
        for (long n = (q->tabled < q->lengths ? q->tabled : q->lengths) - 1; n >= 0; n--) {
            const long seen = place_of(q->contexts[n], q->count[n], code[n]);
            if (seen >= 0) {
                row = q->begins[n] + seen;
                break;
            }
        }
        REAL *chance = (REAL *)q->chances + i * K;
        memcpy(chance, (const REAL *)q->table + row * K, K * sizeof(REAL));
        for (long n = q->tabled; n < q->lengths; n++) {
            if (place[n] < 0) continue;
            const int64_t *bounds = q->bounds[n] + place[n];
            const REAL kinds = bounds[1] - bounds[0], all_of = q->totals[n][place[n]] + (bounds[1] - bounds[0]);
            for (long k = 0; k < K; k++) chance[k] *= kinds;
            for (long g = bounds[0]; g < bounds[1]; g++) chance[q->grams[n][g] % K] += q->seen[n][g];
            for (long k = 0; k < K; k++) chance[k] /= BREAK_MIXED(all_of);
        }
    }
}

#endif
