/* How many numbers a replica keeps and works with, and where they stand. */

typedef struct {
    long stride, inputs, rows, gates, kept_gates, hidden, outs; /* outs: rows that the output reads, one of them the 1 */
    long first_u, last_h; /* drives [first_u, gates) read u, [0, last_h) read h */
    long z, a, c, soft;   /* numbers kept a step */
    long memory, told;    /* numbers a step of a transformer: keys and values of all layers; gradients gathered of its layers */
    long blocks;          /* numbers of the weights of its layers */
    long chunk;           /* steps whose gradients are gathered before weights are charged */
} NAME(Sizes);
#define Sizes NAME(Sizes)

static long rounded(long count) { return (count + STRIPE - 1) / STRIPE * STRIPE; }

/* Rows that a step keeps of a layer of a transformer, and of gradients that are gathered of it (transformer.h). */
static long kept_rows(const Rollout *q) { return 4 * q->H + q->wide + 2 + 2 * q->heads; }
static long told_rows(const Rollout *q) { return 5 * q->H + q->wide; }

static Sizes sizes_of(const Rollout *q)
{
    Sizes s = {0};
    long H = q->cell == LINEAR ? 0 : q->H, states = q->cell == HIDDEN_RECURRENT || q->cell == GRU || q->cell == LSTM;
    s.stride = rounded(q->B);
    s.inputs = q->X + q->F;
    s.rows = s.inputs + 1 + H;
    s.hidden = H;
    s.gates = q->cell == GRU || q->cell == LSTM ? 4 * H : H;
    s.kept_gates = q->cell == LSTM ? 5 * H : q->cell == GRU ? 4 * H : 0;
    s.first_u = q->cell == GRU ? H : 0;
    s.last_h = !states ? 0 : q->cell == GRU ? 3 * H : s.gates;
    s.outs = q->cell == LINEAR ? s.inputs + 1 : 1 + H;
    s.z = s.rows * s.stride;
    s.a = s.kept_gates * s.stride;
    s.c = q->cell == LSTM ? H * s.stride : 0;
    s.soft = soft(q->rule) || q->rule == SAMPLE ? q->O * s.stride : 0;
    if (q->cell == TRANSFORMER) {
        s.a = (q->layers * kept_rows(q) + 1) * s.stride;
        s.memory = q->layers * 2 * H * s.stride;
        s.told = q->layers * told_rows(q) * s.stride;
        s.blocks = q->layers * (4 * H * H + 2 * H * q->wide);
    }
    long step = ((s.rows + s.gates + q->O) * s.stride + (s.told ? s.a + s.told : 0)) * (long)sizeof(REAL);
    s.chunk = step > 0 ? (512L << 10) / step : q->T;
    s.chunk = s.chunk < 1 ? 1 : s.chunk > q->T ? q->T : s.chunk;
    return s;
}

/* Numbers that a replica keeps between its forward and its backward pass, or (without a gradient) needs for two steps. */
static long kept_size(const Rollout *q)
{
    Sizes s = sizes_of(q);
    long T = q->keeps ? q->T : 1;
    return (T + 1) * (s.z + s.c) + T * (s.a + s.soft) + q->T * s.memory;
}

static long work_size(const Rollout *q)
{
    Sizes s = sizes_of(q);
    long matrices = s.rows * s.gates + s.outs * q->O, widest = s.gates + 2 * (s.inputs + 2 * s.hidden + 4 * q->O + 4 * q->F + 8);
    long layers = 0;
    if (q->cell == TRANSFORMER)
        layers = rounded(s.blocks) + 6 * s.hidden * s.stride + q->T * (s.memory + STRIPE) + s.chunk * s.told;
    return 6 * rounded(matrices) + rounded(1) * 16 + widest * s.stride + s.chunk * (s.gates + q->O) * s.stride + layers;
}

/* Numbers for the work on one replica, forward and backward at once: what is kept in between is in it. */
static long both_size(const Rollout *q) { return rounded(work_size(q)) + kept_size(q); }

/* Where the numbers of one replica stand. */
typedef struct {
    REAL *z, *a, *c, *soft; /* kept, by step */
    REAL *memory;           /* of a transformer: kept, by layer, head and step */
    REAL *drive, *output;   /* the two matrices [rows gates], [outs O] */
    REAL *packs, *blocks;   /* the same as tiles, and a transformer's layers */
    REAL *rest;             /* what is left of the room for work */
} NAME(Room);
#define Room NAME(Room)

static Room room_of(const Rollout *q, const Sizes *s, long r)
{
    Room m;
    long T = q->keeps ? q->T : 1;
    m.z = q->kept ? (REAL *)q->kept + r * kept_size(q) : (REAL *)q->work + rounded(work_size(q));
    m.a = m.z + (T + 1) * s->z;
    m.c = m.a + T * s->a;
    m.soft = m.c + (T + 1) * s->c;
    m.memory = m.soft + T * s->soft;
    m.drive = (REAL *)q->work;
    m.output = m.drive + rounded(s->rows * s->gates);
    m.packs = m.output + rounded(s->outs * q->O);
    m.blocks = m.packs + 2 * (rounded(s->rows * s->gates) + rounded(s->outs * q->O)) + 8 * STRIPE;
    m.rest = m.blocks + rounded(s->blocks);
    return m;
}

static REAL *taken(REAL **room, long count)
{
    REAL *start = *room;
    *room += rounded(count);
    return start;
}

