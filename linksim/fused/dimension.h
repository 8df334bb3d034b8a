/* LLRs of square Gray-labelled QAM in float32, one real dimension at a time, WIDTH of them side by side.

   A dimension has L = 2^n levels, the odd numbers -(L-1) ... L-1 in units of half their spacing. In these units
   y is what was received and s = (half spacing)^2 / N0, so that a level A has the metric -(y - A)^2 * s.
   Bit j of a label is 1 where v_j > 0, with v_0 = -y and v_{j+1} = |v_j| - L/2^{j+1}: the Gray labels of
   3GPP TS 38.211, section 5.1.

   Let c be the level nearest to y and u = y - c. The weights exp(-(g*(g + 2*u))*s), g = c - A, are those of all
   levels relative to c; all bits share them. The levels with the bit value of c hold the weight 1 of c itself, so
   their sum is safe at every SNR. The sum of the others may underflow, though late, since all weights are scaled by
   2^SCALE_BITS. Where the nearest of them is more than DEEP nats away, only the nearest one on either side of y
   counts: at distance |v| + 1, and, if the run of equal bits around y, `run` wide, is not an outermost one, at
   distance run - |v| + 1. */

#include <stdint.h>
#include <string.h>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

#ifdef __AVX512F__
#define WIDTH 16
#define EACH(F) {F(0), F(1), F(2), F(3), F(4), F(5), F(6), F(7), F(8), F(9), F(10), F(11), F(12), F(13), F(14), F(15)}
#else
#define WIDTH 8
#define EACH(F) {F(0), F(1), F(2), F(3), F(4), F(5), F(6), F(7)}
#endif
#define PAIRS (WIDTH / 2)
#define MOST_LEVELS 32
#define DEEP 120.0f
#define SCALE_BITS 100
#define SCALE 0x1p100f
#define LEAST_EXPONENT -115.0f
#define LOG2_E 1.44269504f
#define LARGEST 3e38f
#define ROUNDING 12582912.0f /* 1.5 * 2^23 */
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 32")

typedef float vf __attribute__((vector_size(4 * WIDTH)));
typedef int32_t vi __attribute__((vector_size(4 * WIDTH)));
typedef uint8_t vb __attribute__((vector_size(4 * WIDTH)));

INLINE vf all(float value) { return value - (vf){0}; }
INLINE vf choose(vi mask, vf yes, vf no) { return (vf)((mask & (vi)yes) | (~mask & (vi)no)); }
INLINE vf magnitude(vf x) { return (vf)((vi)x & 0x7fffffff); }
#ifdef __AVX512F__ /* one instruction, which compilers do not find by themselves */
INLINE vf larger(vf x, vf y) { return (vf)_mm512_max_ps((__m512)x, (__m512)y); }
INLINE vf smaller(vf x, vf y) { return (vf)_mm512_min_ps((__m512)x, (__m512)y); }
#else
INLINE vf larger(vf x, vf y) { return choose(x > y, x, y); }
INLINE vf smaller(vf x, vf y) { return choose(x < y, x, y); }
#endif
INLINE vf load(const float *from) { vf x; memcpy(&x, from, sizeof x); return x; }
INLINE void store(float *to, vf x) { memcpy(to, &x, sizeof x); }

/* 2^(x + scale) for x <= 0, at least 2^-115; relative error below 1e-5 at the least and 3e-7 near x = 0, where it
   counts. Adding 1.5 * 2^23 rounds to a whole number; `scale` goes to the exponent, lest it be rounded with x. */
INLINE vf power_of_two(vf x, const int scale)
{
    const vf magic = all(ROUNDING + scale);
    vf t = larger(x, all(LEAST_EXPONENT - scale));
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
    const vf magic = all(ROUNDING);
    vf bits = s * -LOG2_E;
    vf within = larger(smaller(y, all(levels - 1)), all(1 - levels));
    vf half = (within - 1.0f) * 0.5f;
    d.c = ((half + magic) - magic) * 2.0f + 1.0f;
    d.u = y - d.c;
    if (app) {
        UNROLL for (int i = 0; i < levels; i++) {
            vf g = d.c - (float)(2 * i - levels + 1);
            d.weight[i] = power_of_two((g * (g + (d.u + d.u))) * bits, SCALE_BITS);
        }
    }
    return d;
}

/* A bit: which side of it y is on, and how far the nearest level of the other side is. */
typedef struct {
    vf distance, other_distance, near, other_weight;
    vi one, deep, inner;
} Bit;

INLINE Bit bit_of(const int n, const int app, const int j, const Dimension *d, vf v)
{
    const int levels = 1 << n;
    const float run = 2.0f * levels / (1 << j);
    Bit b = {.one = v > 0};
    vf a = magnitude(v), u = magnitude(d->u);
    b.distance = a + 1.0f;
    b.near = ((b.distance - u) * (b.distance + u)) * d->s;
    b.deep = b.near > DEEP;
    b.other_distance = run - a + 1.0f;
    b.other_weight = all(0);
    b.inner = b.deep & (magnitude(d->y) < (float)(levels - levels / (1 << j)));
    if (app && j) {
        vf difference = (run + 2.0f) * (run - (a + a)) * d->s;
        b.other_weight = choose(b.inner, power_of_two(difference * -LOG2_E, 0), all(0));
    }
    return b;
}

/* Sums of terms over the levels with the bit value of c, and over the others. */
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
            vf other = choose(b.deep, (b.other_weight + 1.0f) * SCALE, sums.other);
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
