/* LLRs of square Gray-labelled QAM in float32, one real dimension at a time, sixteen of them side by side.

   A dimension has L = 2^n levels, the odd numbers -(L-1) ... L-1 in units of half their spacing. In these units
   y is what was received and s = (half spacing)^2 / N0, so that a level A has the metric -(y - A)^2 * s.
   Bit j of a label is 1 where v_j > 0, with v_0 = -y and v_{j+1} = |v_j| - L/2^{j+1}: the Gray labels of
   3GPP TS 38.211, section 5.1.

   Let c be the level nearest to y and u = y - c. The weights exp(-(g*(g + 2*u))*s), g = c - A, are those of all
   levels relative to c; all bits share them. The levels with the bit value of c hold the weight 1 of c itself, so
   their sum is safe at every SNR. The sum of the others may underflow. Where the nearest of them is more than DEEP
   nats away, only the nearest one on either side of y counts: at distance |v| + 1, and, if the run of equal bits
   around y, `run` wide, is not an outermost one, at distance run - |v| + 1. */

#include <stdint.h>
#include <string.h>

#define WIDTH 16
#define PAIRS (WIDTH / 2)
#define MOST_LEVELS 32
#define DEEP 60.0f
#define LEAST_EXPONENT -115.0f
#define LOG2_E 1.44269504f
#define LARGEST 3e38f
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 32")

typedef float vf __attribute__((vector_size(4 * WIDTH)));
typedef int32_t vi __attribute__((vector_size(4 * WIDTH)));
typedef uint8_t vb __attribute__((vector_size(4 * WIDTH)));

INLINE vf all(float value) { return value - (vf){0}; }
INLINE vf choose(vi mask, vf yes, vf no) { return (vf)((mask & (vi)yes) | (~mask & (vi)no)); }
INLINE vf magnitude(vf x) { return (vf)((vi)x & 0x7fffffff); }
INLINE vf larger(vf x, vf y) { return choose(x > y, x, y); }
INLINE vf smaller(vf x, vf y) { return choose(x < y, x, y); }
INLINE vf load(const float *from) { vf x; memcpy(&x, from, sizeof x); return x; }
INLINE void store(float *to, vf x) { memcpy(to, &x, sizeof x); }

/* 2^x for x <= 0, at least 2^-115; relative error below 1e-5 at -115 and 3e-7 near 0, where it counts. Adding
   1.5 * 2^23 rounds to a whole number. */
INLINE vf power_of_two(vf x)
{
    const vf magic = all(12582912.0f);
    vf t = larger(x, all(LEAST_EXPONENT));
    vf shifted = t + magic;
    vf f = t - (shifted - magic);
    vf p = all(1.32647e-3f) * f + 9.67151e-3f;
    p = p * f + 5.550734e-2f;
    p = p * f + 2.4022242e-1f;
    p = p * f + 6.9314698e-1f;
    p = p * f + 1.0f;
    return (vf)((vi)p + ((vi)shifted << 23));
}

/* ln x for normal x > 0; the mantissa is taken from sqrt(1/2) to sqrt(2). */
INLINE vf logarithm(vf x)
{
    vi bits = (vi)x - 0x3f3504f3;
    vf exponent = __builtin_convertvector(bits >> 23, vf);
    vf z = (vf)((bits & 0x7fffff) + 0x3f3504f3) - 1.0f;
    vf p = all(0.11827352f) * z - 0.18901919f;
    p = p * z + 0.20604691f;
    p = p * z - 0.24881348f;
    p = p * z + 0.33303297f;
    p = p * z - 0.50001965f;
    p = p * z + 1.0000032f;
    return exponent * 0.69314718f + p * z;
}

/* Label bit j of a level, at compile time. */
INLINE int label_bit(int n, int j, int level)
{
    int v = -level;
    for (int k = 0; k < j; k++) v = (v < 0 ? -v : v) - (1 << (n - 1 - k));
    return v > 0;
}

/* What all bits of a dimension share. */
typedef struct {
    vf y, s, c, u, weight[MOST_LEVELS];
} Dimension;

INLINE Dimension dimension(const int n, const int app, vf y, vf s)
{
    const int levels = 1 << n;
    Dimension d = {.y = y, .s = s};
    /* Rounded to the nearest odd number within the constellation. */
    const vf magic = all(12582912.0f);
    vf bits = s * -LOG2_E;
    vf within = larger(smaller(y, all(levels - 1)), all(1 - levels));
    vf half = (within - 1.0f) * 0.5f;
    d.c = ((half + magic) - magic) * 2.0f + 1.0f;
    d.u = y - d.c;
    if (app) {
        UNROLL for (int i = 0; i < levels; i++) {
            vf g = d.c - (float)(2 * i - levels + 1);
            d.weight[i] = power_of_two((g * (g + (d.u + d.u))) * bits);
        }
    }
    return d;
}

/* A bit: which side of it y is on, and how far the nearest level of the other side is. */
typedef struct {
    vf v, distance, other_distance, near, other_weight;
    vi one, deep, inner;
} Bit;

INLINE Bit bit_of(const int n, const int app, const int j, const Dimension *d, vf v)
{
    const int levels = 1 << n;
    const float run = 2.0f * levels / (1 << j);
    Bit b = {.v = v, .one = v > 0};
    vf a = magnitude(v), u = magnitude(d->u);
    b.distance = a + 1.0f;
    b.near = ((b.distance - u) * (b.distance + u)) * d->s;
    b.deep = b.near > DEEP;
    b.other_distance = run - a + 1.0f;
    b.other_weight = all(0);
    b.inner = b.deep & (magnitude(d->y) < (float)(levels - levels / (1 << j)));
    if (app && j) {
        vf difference = (run + 2.0f) * (run - (a + a)) * d->s;
        b.other_weight = choose(b.inner, power_of_two(difference * -LOG2_E), all(0));
    }
    return b;
}

/* Sums over the levels on the side of y and on the other one, of weight * g^power-like moments. */
typedef struct {
    vf own, other;
} Sums;

INLINE Sums sums_of(const int n, const int j, vi one, const vf *terms)
{
    vf zero_sum = all(0), one_sum = all(0);
    UNROLL for (int i = 0; i < (1 << n); i++) {
        if (label_bit(n, j, 2 * i - (1 << n) + 1)) one_sum += terms[i];
        else zero_sum += terms[i];
    }
    return (Sums){choose(one, one_sum, zero_sum), choose(one, zero_sum, one_sum)};
}

INLINE vf fold(const int n, const int j, vf v) { return magnitude(v) - (float)(1 << (n - 1 - j)); }

/* LLRs ln P(b=1)/P(b=0) of the n bits of a dimension. */
INLINE void dimension_llr(const int n, const int app, vf y, vf s, vf *llr)
{
    Dimension d = dimension(n, app, y, s);
    vf v = -y;
    UNROLL for (int j = 0; j < n; j++) {
        Bit b = bit_of(n, app, j, &d, v);
        vf size = b.near;
        if (app) {
            Sums sums = sums_of(n, j, b.one, d.weight);
            vf other = choose(b.deep, b.other_weight + 1.0f, sums.other);
            size = choose(b.deep, b.near, all(0)) + (logarithm(sums.own) - logarithm(other));
        }
        /* 0 * y hands on what is not a number. */
        size = smaller(size, all(LARGEST)) + y * 0.0f;
        llr[j] = choose(b.one, size, -size);
        v = fold(n, j, v);
    }
}

/* Derivatives of sum_j grad[j] * llr[j] by y and by s. */
INLINE void dimension_gradient(const int n, const int app, vf y, vf s, const vf *grad, vf *by_y, vf *by_s)
{
    Dimension d = dimension(n, app, y, s);
    vf first[MOST_LEVELS], second[MOST_LEVELS];
    if (app) {
        UNROLL for (int i = 0; i < (1 << n); i++) {
            vf g = d.c - (float)(2 * i - (1 << n) + 1);
            first[i] = d.weight[i] * g;
            second[i] = first[i] * (g + (d.u + d.u));
        }
    }
    vf v = -y, slope = all(-1.0f); /* slope: of v by y */
    *by_y = *by_s = all(0);
    UNROLL for (int j = 0; j < n; j++) {
        Bit b = bit_of(n, app, j, &d, v);
        vf sign = choose(b.one, all(1.0f), all(-1.0f));
        /* Means of y - A - u, and of (y - A)^2 - u^2, over the levels A of either side. */
        vf u2 = d.u * d.u, toward = slope * sign, total = b.other_weight + 1.0f;
        vf other_first = (toward * (b.distance - b.other_weight * b.other_distance)) / total - d.u;
        vf other_second =
            (b.distance * b.distance + b.other_weight * (b.other_distance * b.other_distance)) / total - u2;
        vf own_first = all(0), own_second = all(0);
        if (app) {
            Sums weight = sums_of(n, j, b.one, d.weight);
            Sums sum_first = sums_of(n, j, b.one, first), sum_second = sums_of(n, j, b.one, second);
            own_first = sum_first.own / weight.own;
            own_second = sum_second.own / weight.own;
            other_first = choose(b.deep, other_first, sum_first.other / weight.other);
            other_second = choose(b.deep, other_second, sum_second.other / weight.other);
        }
        vf upstream = grad[j] * sign;
        *by_y += upstream * (2.0f * s) * (other_first - own_first);
        *by_s += upstream * (other_second - own_second);
        slope = slope * sign;
        v = fold(n, j, v);
    }
}

/* `count` symbols, [count, 2] parts in units of half the spacing; scale has one s for each `per` symbols. */
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

/* The first `count` numbers of a vector, zeros behind them. */
INLINE vf load_some(const float *from, int64_t count)
{
    float values[WIDTH] = {0};
    if (count >= WIDTH) return load(from);
    for (int64_t k = 0; k < count; k++) values[k] = from[k];
    return load(values);
}

/* Every other number twice, from number `first` on; exchanged neighbours. */
INLINE vf twice(vf x, const int first)
{
    vi from = {0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10, 12, 12, 14, 14};
    return __builtin_shuffle(x, from + first);
}

INLINE vf exchanged(vf x)
{
    return __builtin_shuffle(x, (vi){1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14});
}

/* Eight complex numbers of parts that lie apart: real and imaginary parts take turns. */
INLINE vf interleaved(const float *real, const float *imaginary, int64_t count)
{
    vf x = {0}, y = {0};
    if (count >= PAIRS) {
        memcpy(&x, real, sizeof x / 2);
        memcpy(&y, imaginary, sizeof y / 2);
    } else {
        for (int64_t k = 0; k < count; k++) {
            x[k] = real[k];
            y[k] = imaginary[k];
        }
    }
    return __builtin_shuffle(x, y, (vi){0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23});
}

/* A complex product: real and imaginary parts take turns. */
INLINE vf product(vf x, vf w)
{
    const vf sign = {-1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1};
    return x * twice(w, 0) + exchanged(x) * (twice(w, 1) * sign);
}

/* How eight symbols are read from packed bits: which bytes a lane needs, and by how much each of its label bits is
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

/* The chain from bits to errors for one frame of `symbols` symbols, eight at a time.

   Packed bits become levels, noise is weighted with a complex number for each frame or symbol, and the LLRs are
   compared with the bits. Up to 64 bytes beyond the bits are read, and ignored. */
INLINE int32_t frame_errors(const int n, const int app, const int every_symbol, int64_t symbols, const uint8_t *bits,
                            const float *real, const float *imaginary, const float *weight, const float *scale,
                            const Unpacking *how)
{
    const vi lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    vf w = {0}, s = {0};
    vi wrong = {0};
    if (!every_symbol) {
        for (int k = 0; k < WIDTH; k++) w[k] = weight[k % 2];
        s = all(scale[0]);
    }
    for (int64_t at = 0; at < 2 * symbols; at += WIDTH) {
        int64_t rest = 2 * symbols - at;
        vb packed;
        vi bit[5];
        vf llr[5];
        memcpy(&packed, bits + at / WIDTH * 2 * n, sizeof packed);
        vi window = (vi)__builtin_shuffle(packed, how->take);
        UNROLL for (int j = 0; j < n; j++) bit[j] = (window >> how->shift[j]) & 1;
        vi level = 1 - 2 * bit[n - 1];
        UNROLL for (int j = 1; j < n; j++) level = (1 - 2 * bit[n - 1 - j]) * ((1 << j) - level);
        if (every_symbol) {
            vf half = load_some(scale + at / 2, rest / 2 < PAIRS ? rest / 2 : PAIRS);
            w = load_some(weight + at, rest);
            s = __builtin_shuffle(half, (vi){0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7});
        }
        vf y = __builtin_convertvector(level, vf) + product(interleaved(real + at / 2, imaginary + at / 2, rest / 2), w);
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
        int64_t entry = every_symbol ? f * symbols : f;
        errors[f] = every_symbol
            ? frame_errors(n, app, 1, symbols, own, re, im, weight + 2 * entry, scale + entry, &how)
            : frame_errors(n, app, 0, symbols, own, re, im, weight + 2 * entry, scale + entry, &how);
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
