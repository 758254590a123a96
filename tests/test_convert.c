/* test_convert.c: the formulas of tools/convert.c.

       cc tests/test_convert.c -lm -o t && ./t          prints one line a claim */
#define main convert_main
#include "../tools/convert.c"
#undef main
#include "check.h"

/* 16 kHz, 1024 points, 64 bands: the values of librosa 0.11.0. */
static void mel_matrix_is_librosas(void)
{
    static const double row0[5] = { 0.007255641, 0.014511282, 0.021331152, 0.014075512,
                                    0.00681987 };
    tango_audio_parameters a = { 16000, 1024, 160, 1024, 64, 0.0, 8000.0,
                                 TANGO_AUDIO_TACOTRON };
    double sum = 0.0, largest = 0.0;
    int count = 0;
    for (size_t band = 0; band < 64; band++) {
        for (size_t bin = 0; bin < 513; bin++) {
            double w = mel_weight(&a, band, bin);
            sum += w;
            count += w > 0.0;
            if (w > largest) largest = w;
        }
    }
    CHECK(count == 997);
    CHECK_NEAR(sum, 4.09588, 5e-6);
    CHECK_NEAR(largest, 0.021331152, 1e-9);
    for (size_t i = 0; i < 5; i++) CHECK_NEAR(mel_weight(&a, 0, i + 1), row0[i], 1e-8);
}

/* The sum over rows of inverse[row][m] forward[row][n] is hop / fft on the diagonal,
   times
   both windows, and zero elsewhere: that makes it the pseudo-inverse. */
static void inverse_basis_inverts_the_forward_basis(void)
{
    tango_audio_parameters a = { 16000, 16, 4, 12, 8, 0.0, 8000.0,
                                 TANGO_AUDIO_TACOTRON };
    for (size_t m = 0; m < 16; m++) {
        for (size_t n = 0; n < 16; n++) {
            double sum = 0.0;
            for (size_t row = 0; row < 18; row++)
                sum += inverse_weight(&a, row, m) * forward_weight(&a, row, n);
            double window = window_at(&a, m) * window_at(&a, n);
            CHECK_NEAR(sum, m == n ? 0.25 * window : 0.0, 1e-14);
        }
    }
    CHECK(window_at(&a, 1) == 0.0 && window_at(&a, 14) == 0.0);
    CHECK_NEAR(window_at(&a, 8), 1.0, 1e-15);
}

/* A transposed convolution computed by its definition, and by the columns that the blob
   gets: kernel 7, rate 3, 2 inputs, 2 outputs. */
static void transposed_columns_are_an_ordinary_convolution(void)
{
    enum {
        IN = 2,
        OUT = 2,
        SIZE = 7,
        RATE = 3,
        PAD = (SIZE - RATE) / 2,
        TAPS = 3,
        T = 5
    };
    float w[IN * OUT * SIZE], x[IN][T], column[IN * TAPS];
    for (size_t i = 0; i < IN * OUT * SIZE; i++) w[i] = (float)((i * 37 + 5) % 17) - 8.0f;
    for (size_t i = 0; i < IN * T; i++)
        x[i / T][i % T] = (float)((i * 11 + 3) % 7) - 3.0f;
    weight t;
    memset(&t, 0, sizeof t);
    t.kind = TRANSPOSED;
    t.rate = RATE;
    shape(&t, 3, IN, OUT, SIZE, 1);
    tango_io_view view = { (const unsigned char *)w, TANGO_IO_F32,   3, { IN, OUT, SIZE },
                           { OUT * SIZE, SIZE, 1 },  IN * OUT * SIZE };
    t.view = view;
    job j;
    memset(&j, 0, sizeof j);
    for (size_t o = 0; o < OUT; o++) {
        for (size_t s = 0; s < (T - 1) * RATE + SIZE - 2 * PAD; s++) {
            float direct = 0.0f, ordinary = 0.0f;
            for (size_t c = 0; c < IN; c++)
                for (size_t i = 0; i < T; i++) /* s = RATE*i + k - PAD */
                    if (s + PAD >= RATE * i && s + PAD - RATE * i < SIZE)
                        direct += x[c][i] * w[(c * OUT + o) * SIZE + s + PAD - RATE * i];
            size_t row = (s + PAD) / RATE, phase = (s + PAD) % RATE;
            CHECK(fetch_transposed_column(&j, &t, phase * OUT + o, column));
            for (size_t c = 0; c < IN; c++)
                for (size_t tap = 0; tap < TAPS; tap++)
                    if (row + tap >= TAPS - 1 && row + tap - (TAPS - 1) < T)
                        ordinary += x[c][row + tap - (TAPS - 1)] * column[c * TAPS + tap];
            CHECK(direct == ordinary);
        }
    }
}

int main(void)
{
    RUN(mel_matrix_is_librosas);
    RUN(inverse_basis_inverts_the_forward_basis);
    RUN(transposed_columns_are_an_ordinary_convolution);
    return CHECK_DONE();
}
