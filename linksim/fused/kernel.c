/* Loops over symbols and frames around the LLRs of one dimension, and what Python calls. */

#include "dimension.h"

/* Eight (or four) symbols from number `first` on: parts in units of half the spacing, and s, the same for all if
   `stride` is 0. Behind the last one, of `rest`, it is repeated. */
INLINE void gather(const float *parts, float unit, const float *scale, int64_t stride, int64_t first, int64_t rest,
                   float *y, float *s)
{
    for (int64_t k = 0; k < PAIRS; k++) {
        int64_t symbol = first + (k < rest ? k : rest - 1);
        y[2 * k] = parts[2 * symbol] * unit;
        y[2 * k + 1] = parts[2 * symbol + 1] * unit;
        s[2 * k] = s[2 * k + 1] = scale[symbol * stride];
    }
}

INLINE void demodulate(const int n, const int app, int64_t count, const float *parts, float unit, const float *scale,
                       int64_t stride, float *llr)
{
    for (int64_t first = 0; first < count; first += PAIRS) {
        int64_t rest = count - first;
        float y[WIDTH], s[WIDTH], columns[5][WIDTH];
        vf out[5];
        gather(parts, unit, scale, stride, first, rest, y, s);
        dimension_llr(n, app, load(y), load(s), out);
        UNROLL for (int j = 0; j < n; j++) store(columns[j], out[j]);
        for (int64_t k = 0; k < PAIRS && k < rest; k++)
            UNROLL for (int j = 0; j < n; j++) memcpy(llr + 2 * (n * (first + k) + j), columns[j] + 2 * k, 8);
    }
}

INLINE void differentiate(const int n, const int app, int64_t count, const float *parts, float unit,
                          const float *scale, int64_t stride, const float *grad, float *by_parts, float *by_scale)
{
    for (int64_t first = 0; first < count; first += PAIRS) {
        int64_t rest = count - first;
        float y[WIDTH], s[WIDTH], columns[5][WIDTH] = {{0}}, first_by[WIDTH], second_by[WIDTH];
        vf in[5], by_y, by_s;
        gather(parts, unit, scale, stride, first, rest, y, s);
        for (int64_t k = 0; k < PAIRS && k < rest; k++)
            UNROLL for (int j = 0; j < n; j++) memcpy(columns[j] + 2 * k, grad + 2 * (n * (first + k) + j), 8);
        UNROLL for (int j = 0; j < n; j++) in[j] = load(columns[j]);
        dimension_gradient(n, app, load(y), load(s), in, &by_y, &by_s);
        store(first_by, by_y * unit);
        store(second_by, by_s);
        for (int64_t k = 0; k < PAIRS && k < rest; k++) {
            memcpy(by_parts + 2 * (first + k), first_by + 2 * k, 8);
            by_scale[first + k] = second_by[2 * k] + second_by[2 * k + 1];
        }
    }
}

/* A vector of which only `count` numbers are there, zeros behind them. */
INLINE vf load_some(const float *from, int64_t count)
{
    float values[WIDTH] = {0};
    if (count >= WIDTH) return load(from);
    for (int64_t k = 0; k < count; k++) values[k] = from[k];
    return load(values);
}

#define LANE(k) (k)
#define SYMBOL(k) ((k) / 2)
#define FIRST_OF_PAIR(k) ((k) & ~1)
#define SECOND_OF_PAIR(k) ((k) | 1)
#define OTHER_OF_PAIR(k) ((k) ^ 1)
#define OF_TWO(k) ((k) / 2 + (k) % 2 * WIDTH)
#define SIGN(k) ((k) % 2 ? 1 : -1)

/* Complex numbers of parts that lie apart: real and imaginary parts take turns. */
INLINE vf interleaved(vf real, vf imaginary) { return __builtin_shuffle(real, imaginary, (vi)EACH(OF_TWO)); }

/* A complex product: real and imaginary parts take turns. */
INLINE vf product(vf x, vf w)
{
    vf real = __builtin_shuffle(w, (vi)EACH(FIRST_OF_PAIR)), imaginary = __builtin_shuffle(w, (vi)EACH(SECOND_OF_PAIR));
    return x * real + __builtin_shuffle(x, (vi)EACH(OTHER_OF_PAIR)) * (imaginary * (vf)EACH(SIGN));
}

/* How PAIRS symbols are read from packed bits: which bytes a lane needs, and by how much each of its label bits is
   shifted. The bits of a label take turns between the two dimensions. */
typedef struct {
    vb take;
    vi shift[5];
} Unpacking;

INLINE Unpacking unpacking(const int n)
{
    Unpacking made = {{0}, {{0}}};
    for (int lane = 0; lane < WIDTH; lane++) {
        int first = lane / 2 * 2 * n;
        for (int byte = 0; byte < 3; byte++) made.take[4 * lane + byte] = first / 8 + 2 - byte;
        for (int j = 0; j < n; j++) made.shift[j][lane] = 23 - first % 8 - (2 * j + lane % 2);
    }
    return made;
}

/* The chain from bits to errors for one frame of `symbols` symbols, PAIRS at a time.

   Packed bits become levels, noise is weighted with a complex number for each frame or symbol, and the LLRs are
   compared with the bits. Up to 64 bytes beyond the bits are read, and ignored; so are numbers of later frames, of
   which `there` symbols, this frame's included, are in memory. */
INLINE int32_t frame_errors(const int n, const int app, const int every_symbol, int64_t symbols, int64_t there,
                            const uint8_t *bits, const float *real, const float *imaginary, const float *weight,
                            const float *scale, const Unpacking *how)
{
    const vi lane = EACH(LANE);
    vf w = {0}, s = {0};
    vi wrong = {0};
    if (!every_symbol) {
        for (int k = 0; k < WIDTH; k++) w[k] = weight[k % 2];
        s = all(scale[0]);
    }
    for (int64_t at = 0; at < 2 * symbols; at += WIDTH) {
        int64_t rest = 2 * symbols - at, left = there - at / 2;
        vb packed;
        vi bit[5];
        vf llr[5];
        memcpy(&packed, bits + at * n / 8, sizeof packed);
        vi window = (vi)__builtin_shuffle(packed, how->take);
        UNROLL for (int j = 0; j < n; j++) bit[j] = (window >> how->shift[j]) & 1;
        vi level = 1 - 2 * bit[n - 1];
        UNROLL for (int j = 1; j < n; j++) level = (1 - 2 * bit[n - 1 - j]) * ((1 << j) - level);
        if (every_symbol) {
            vf half = load_some(scale + at / 2, left);
            w = load_some(weight + at, 2 * left);
            s = __builtin_shuffle(half, (vi)EACH(SYMBOL));
        }
        vf noise = interleaved(load_some(real + at / 2, left), load_some(imaginary + at / 2, left));
        vf y = __builtin_convertvector(level, vf) + product(noise, w);
        dimension_llr(n, app, y, s, llr);
        vi found = {0};
        UNROLL for (int j = 0; j < n; j++) found += ((llr[j] > 0) + bit[j]) & 1;
        wrong += found & (lane < (int32_t)rest);
    }
    int32_t total = 0;
    for (int k = 0; k < WIDTH; k++) total += wrong[k];
    return total;
}

INLINE void count_frames(const int n, const int app, int64_t frames, int64_t symbols, const uint8_t *bits,
                         int64_t bytes, const float *real, const float *imaginary, const float *weight,
                         const float *scale, int64_t every_symbol, int32_t *errors)
{
    const Unpacking how = unpacking(n);
    for (int64_t f = 0; f < frames; f++) {
        const uint8_t *own = bits + f * bytes;
        const float *re = real + f * symbols, *im = imaginary + f * symbols;
        int64_t entry = every_symbol ? f * symbols : f, there = (frames - f) * symbols;
        errors[f] = every_symbol
            ? frame_errors(n, app, 1, symbols, there, own, re, im, weight + 2 * entry, scale + entry, &how)
            : frame_errors(n, app, 0, symbols, there, own, re, im, weight + 2 * entry, scale + entry, &how);
    }
}

/* One copy of each function for each n and demapper, so that the compiler knows both. */
#define FOR_EACH(CALL)                                                                                               \
    switch (2 * n + (app != 0)) {                                                                                    \
    case 2: CALL(1, 0); break;                                                                                       \
    case 3: CALL(1, 1); break;                                                                                       \
    case 4: CALL(2, 0); break;                                                                                       \
    case 5: CALL(2, 1); break;                                                                                       \
    case 6: CALL(3, 0); break;                                                                                       \
    case 7: CALL(3, 1); break;                                                                                       \
    case 8: CALL(4, 0); break;                                                                                       \
    case 9: CALL(4, 1); break;                                                                                       \
    case 10: CALL(5, 0); break;                                                                                      \
    case 11: CALL(5, 1); break;                                                                                      \
    }

void linksim_demodulate(int n, int app, int64_t count, const float *parts, float unit, const float *scale,
                        int64_t stride, float *llr)
{
#define CALL(N, APP) demodulate(N, APP, count, parts, unit, scale, stride, llr)
    FOR_EACH(CALL)
#undef CALL
}

void linksim_differentiate(int n, int app, int64_t count, const float *parts, float unit, const float *scale,
                           int64_t stride, const float *grad, float *by_parts, float *by_scale)
{
#define CALL(N, APP) differentiate(N, APP, count, parts, unit, scale, stride, grad, by_parts, by_scale)
    FOR_EACH(CALL)
#undef CALL
}

void linksim_count(int n, int app, int64_t frames, int64_t symbols, const uint8_t *bits, int64_t bytes,
                   const float *real, const float *imaginary, const float *weight, const float *scale,
                   int64_t every_symbol, int32_t *errors)
{
#define CALL(N, APP)                                                                                                 \
    count_frames(N, APP, frames, symbols, bits, bytes, real, imaginary, weight, scale, every_symbol, errors)
    FOR_EACH(CALL)
#undef CALL
}
