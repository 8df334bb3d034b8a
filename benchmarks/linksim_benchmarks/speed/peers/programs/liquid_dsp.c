/* The uncoded chain by liquid-dsp: random symbols, QAM, noise, soft bits, decisions, errors.
 *
 *   liquid_dsp BITS_PER_SYMBOL DEMAPPER NOISE_VARIANCE SEED
 *
 * Writes "ready VERSION", then answers each line "BITS BATCHES" with the errors among so many bits. It has one
 * way of soft demodulation, which takes no noise variance, so DEMAPPER changes nothing.
 */
#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <liquid/liquid.h>

static modulation_scheme scheme_of(int width)
{
    switch (width) {
    case 2: return LIQUID_MODEM_QAM4;
    case 4: return LIQUID_MODEM_QAM16;
    case 6: return LIQUID_MODEM_QAM64;
    case 8: return LIQUID_MODEM_QAM256;
    default: return LIQUID_MODEM_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    if (argc != 5) return EXIT_FAILURE;
    const int width = atoi(argv[1]);
    const float deviation = sqrtf((float)atof(argv[3]) / 2);
    srand((unsigned)atol(argv[4]));
    if (scheme_of(width) == LIQUID_MODEM_UNKNOWN) return EXIT_FAILURE;
    modemcf sender = modemcf_create(scheme_of(width)), receiver = modemcf_create(scheme_of(width));
    printf("ready %s\n", liquid_libversion());
    fflush(stdout);

    long bits, batches;
    while (scanf("%ld %ld", &bits, &batches) == 2) {
        long errors = 0;
        for (long left = bits / width * batches; left > 0; left--) {
            const unsigned sent = modemcf_gen_rand_sym(sender);
            unsigned decided;
            unsigned char soft[8];
            float complex symbol, noise;
            modemcf_modulate(sender, sent, &symbol);
            crandnf(&noise); /* variance 1 in each dimension */
            modemcf_demodulate_soft(receiver, symbol + deviation * noise, &decided, soft);
            for (int k = 0; k < width; k++)
                errors += (soft[k] > LIQUID_SOFTBIT_ERASURE) != ((sent >> (width - 1 - k)) & 1);
        }
        printf("%ld\n", errors);
        fflush(stdout);
    }
    modemcf_destroy(sender);
    modemcf_destroy(receiver);
    return EXIT_SUCCESS;
}
