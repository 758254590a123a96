/* cd tests && cc -I.. test_tango_audio.c -lm -o t && ./t [GOLDEN_FOLDER]

   Claims about tango_audio.h, one line each. The golden vectors come from librosa and
   torch, see golden/README.md. */
#define TANGO_AUDIO_IMPLEMENTATION
#define TANGO_IO_IMPLEMENTATION
#include "../tango_audio.h"
#include "../tango_io.h"
#include "check.h"
#include <float.h>
#include <stdlib.h>
#include <string.h>

/* 1 where floats are computed in registers with more bits, as x87 does. */
#if defined FLT_EVAL_METHOD && FLT_EVAL_METHOD != 0
#define WIDER 1
#else
#define WIDER 0
#endif

#define PI 3.14159265358979323846
#define GUARD 12345.0f

static const char *golden = "golden";

/* ---- memory, numbers, files ------------------------------------------------------- */

static void *take(size_t size)
{
    void *block = malloc(size ? size : 1);
    if (!block) {
        printf("no memory\n");
        exit(1);
    }
    memset(block, 0xa5, size ? size : 1);
    return block;
}

static float *floats(size_t count)
{
    return (float *)take(count * sizeof(float));
}

/* The same numbers in every run, roughly even over -1 .. 1. */
static uint32_t noise_state = 1;

static float noise(void)
{
    noise_state = noise_state * 1664525u + 1013904223u;
    return (float)(noise_state >> 8) / 8388608.0f - 1.0f;
}

static float *noise_array(size_t count)
{
    float *x = floats(count);
    for (size_t n = 0; n < count; n++) x[n] = noise();
    return x;
}

static double largest(const float *x, size_t count)
{
    double top = 0.0;
    for (size_t n = 0; n < count; n++) top = fmax(top, fabs((double)x[n]));
    return top;
}

/* max |a - b|; NaN anywhere gives NaN. */
static double distance(const float *a, const float *b, size_t count)
{
    double top = 0.0;
    for (size_t n = 0; n < count; n++) {
        const double d = fabs((double)a[n] - (double)b[n]);
        if (!(d <= top)) top = d;
        if (d != d) break;
    }
    return top;
}

/* golden/PATH as float, row-major; its element count in *count. */
static float *load(const char *path, size_t *count)
{
    char name[512];
    tango_io_file file;
    tango_io_npy npy;
    tango_io_view view;
    tango_error error;
    float *x;
    memset(&file, 0, sizeof file);
    snprintf(name, sizeof name, "%s/%s", golden, path);
    if (tango_io_map(&file, name, &error) != TANGO_OK ||
        tango_io_npy_parse(&npy, file.data, file.size, &error) != TANGO_OK) {
        printf("    %s: %s\n", name, error.text);
        check_bad++;
        *count = 0;
        return floats(0);
    }
    tango_io_npy_view(&view, &npy);
    x = floats(npy.count);
    tango_io_view_read(x, &view, 0, npy.count);
    *count = npy.count;
    tango_io_unmap(&file);
    return x;
}

/* ---- plans ------------------------------------------------------------------------ */

typedef struct plan {
    tango_audio_fft fft;
    void *memory, *work;
} plan;

static plan plan_of(size_t n)
{
    plan p;
    p.memory = take(tango_audio_fft_size(n));
    p.work = take(tango_audio_fft_work_size(n));
    CHECK(tango_audio_fft_init(&p.fft, n, p.memory, tango_audio_fft_size(n), NULL) ==
          TANGO_OK);
    return p;
}

static void plan_free(plan *p)
{
    free(p->memory);
    free(p->work);
}

typedef struct bench {
    tango_audio_front front;
    void *memory, *work;
} bench;

static bench bench_of(const tango_audio_parameters *parameters)
{
    bench b;
    const size_t size = tango_audio_front_size(parameters);
    tango_error error;
    b.memory = take(size);
    b.work = take(tango_audio_frame_work_size(parameters));
    error.text[0] = 0;
    CHECK(tango_audio_front_init(&b.front, parameters, b.memory, size, &error) ==
          TANGO_OK);
    if (error.text[0]) printf("    %s\n", error.text);
    return b;
}

static void bench_free(bench *b)
{
    free(b->memory);
    free(b->work);
}

static tango_audio_parameters zero_parameters(void)
{
    tango_audio_parameters p;
    memset(&p, 0, sizeof p);
    return p;
}

/* ---- fft -------------------------------------------------------------------------- */

static void fft_of_an_impulse_is_flat(void)
{
    for (size_t n = 2; n <= 4096; n *= 2) {
        plan p = plan_of(n);
        float *x = floats(n), *re = floats(n / 2 + 1), *im = floats(n / 2 + 1);
        for (size_t j = 0; j < n; j++) x[j] = j == 0 ? 1.0f : 0.0f;
        tango_audio_fft_real(re, im, x, &p.fft, p.work);
        for (size_t k = 0; k <= n / 2; k++) {
            CHECK_NEAR(re[k], 1.0f, 1e-6f);
            CHECK_NEAR(im[k], 0.0f, 1e-6f);
        }
        free(x), free(re), free(im);
        plan_free(&p);
    }
}

/* The sum of the definition, in double. x_im may be NULL. */
static void slow_transform(double *re, double *im, const float *x_re, const float *x_im,
                           size_t n, size_t k)
{
    *re = *im = 0.0;
    for (size_t j = 0; j < n; j++) {
        const double a = -2.0 * PI * (double)(j * k % n) / (double)n;
        const double xr = (double)x_re[j], xi = x_im ? (double)x_im[j] : 0.0;
        *re += xr * cos(a) - xi * sin(a);
        *im += xr * sin(a) + xi * cos(a);
    }
}

static void real_fft_is_the_sum(void)
{
    for (size_t n = 2; n <= 2048; n *= 2) {
        plan p = plan_of(n);
        float *x = noise_array(n), *re = floats(n / 2 + 1), *im = floats(n / 2 + 1);
        const double tolerance = 4e-7 * sqrt((double)n);
        tango_audio_fft_real(re, im, x, &p.fft, p.work);
        for (size_t k = 0; k <= n / 2; k++) {
            double want_re, want_im;
            slow_transform(&want_re, &want_im, x, NULL, n, k);
            CHECK_NEAR(re[k], want_re, tolerance);
            CHECK_NEAR(im[k], want_im, tolerance);
        }
        CHECK(im[0] == 0.0f && im[n / 2] == 0.0f);
        free(x), free(re), free(im);
        plan_free(&p);
    }
}

static void complex_fft_is_the_sum(void)
{
    for (size_t n = 2; n <= 2048; n *= 2) {
        plan p = plan_of(n);
        float *x = noise_array(n), *y = noise_array(n), *re = floats(n), *im = floats(n);
        const double tolerance = 6e-7 * sqrt((double)n);
        memcpy(re, x, n * sizeof *x);
        memcpy(im, y, n * sizeof *y);
        tango_audio_fft_complex(re, im, &p.fft, p.work);
        for (size_t k = 0; k < n; k++) {
            double want_re, want_im;
            slow_transform(&want_re, &want_im, x, y, n, k);
            CHECK_NEAR(re[k], want_re, tolerance);
            CHECK_NEAR(im[k], want_im, tolerance);
        }
        free(x), free(y), free(re), free(im);
        plan_free(&p);
    }
}

static void inverse_returns_the_input(void)
{
    for (size_t n = 2; n <= 131072; n *= 2) {
        plan p = plan_of(n);
        float *x = noise_array(n), *y = floats(n), *re = floats(n), *im = floats(n);
        tango_audio_fft_real(re, im, x, &p.fft, p.work);
        tango_audio_fft_real_inverse(y, re, im, &p.fft, p.work);
        CHECK_NEAR(distance(x, y, n), 0.0, 2e-6);
        memcpy(re, x, n * sizeof *x);
        memcpy(im, y, n * sizeof *y);
        tango_audio_fft_complex(re, im, &p.fft, p.work);
        tango_audio_fft_complex_inverse(re, im, &p.fft, p.work);
        CHECK_NEAR(distance(re, x, n), 0.0, 2e-6);
        CHECK_NEAR(distance(im, y, n), 0.0, 2e-6);
        free(x), free(y), free(re), free(im);
        plan_free(&p);
    }
}

static void inverse_ignores_imaginary_ends(void)
{
    plan p = plan_of(64);
    float *x = noise_array(64), y[64], z[64], re[33], im[33];
    tango_audio_fft_real(re, im, x, &p.fft, p.work);
    tango_audio_fft_real_inverse(y, re, im, &p.fft, p.work);
    im[0] = 7.0f;
    im[32] = -9.0f;
    tango_audio_fft_real_inverse(z, re, im, &p.fft, p.work);
    CHECK(memcmp(y, z, sizeof y) == 0);
    free(x);
    plan_free(&p);
}

static void energy_is_kept(void) /* Parseval */
{
    for (size_t n = 4; n <= 8192; n *= 4) {
        plan p = plan_of(n);
        float *x = noise_array(n), *re = floats(n / 2 + 1), *im = floats(n / 2 + 1);
        double time = 0.0, bins = 0.0;
        tango_audio_fft_real(re, im, x, &p.fft, p.work);
        for (size_t j = 0; j < n; j++) time += (double)x[j] * (double)x[j];
        for (size_t k = 0; k <= n / 2; k++) {
            const double r = (double)re[k], i = (double)im[k];
            bins += (k == 0 || k == n / 2 ? 1.0 : 2.0) * (r * r + i * i);
        }
        CHECK_NEAR(bins / (double)n / time, 1.0, 1e-6);
        free(x), free(re), free(im);
        plan_free(&p);
    }
}

static void a_tone_fills_one_bin(void)
{
    plan p = plan_of(1024);
    float x[1024], re[513], im[513];
    for (size_t j = 0; j < 1024; j++)
        x[j] = (float)cos(2.0 * PI * 37.0 * (double)j / 1024.0);
    tango_audio_fft_real(re, im, x, &p.fft, p.work);
    for (size_t k = 0; k <= 512; k++) {
        CHECK_NEAR(re[k], k == 37 ? 512.0f : 0.0f, 2e-4f);
        CHECK_NEAR(im[k], 0.0f, 2e-4f);
    }
    plan_free(&p);
}

static void fft_refuses_other_sizes_and_short_memory(void)
{
    tango_audio_fft fft;
    tango_error error;
    float block[64];
    CHECK(tango_audio_fft_size(0) == 0 && tango_audio_fft_size(1) == 0);
    CHECK(tango_audio_fft_size(48) == 0 && tango_audio_fft_work_size(48) == 0);
    CHECK(tango_audio_fft_size(SIZE_MAX) == 0);
    CHECK(tango_audio_fft_init(&fft, 48, block, sizeof block, &error) ==
          TANGO_ERROR_ARGUMENT);
    CHECK(strstr(error.text, "48") != NULL);
    CHECK(tango_audio_fft_init(&fft, 8, block, tango_audio_fft_size(8) - 1, &error) ==
          TANGO_ERROR_MEMORY);
    CHECK(tango_audio_fft_init(&fft, 8, block, tango_audio_fft_size(8), NULL) ==
          TANGO_OK);
}

/* ---- windows ---------------------------------------------------------------------- */

static void windows_have_their_sums(void)
{
    float w[1024];
    double sum = 0.0, squares = 0.0;
    tango_audio_window(w, 1024, TANGO_AUDIO_HANN, 1);
    for (size_t n = 0; n < 1024; n++) {
        sum += (double)w[n];
        squares += (double)w[n] * (double)w[n];
    }
    CHECK_NEAR(sum, 512.0, 1e-5);
    CHECK_NEAR(squares, 384.0, 1e-5);
    CHECK(w[0] == 0.0f && w[512] == 1.0f);
    for (size_t n = 1; n < 512; n++) CHECK_NEAR(w[n], w[1024 - n], 1e-7);
    for (size_t n = 0; n < 512; n++) CHECK_NEAR(w[n] + w[n + 512], 1.0f, 1e-6);
    tango_audio_window(w, 9, TANGO_AUDIO_HANN, 0);
    CHECK_NEAR(w[8], 0.0f, 1e-7);
    CHECK_NEAR(w[2], 0.5f, 1e-7);
    tango_audio_window(w, 8, TANGO_AUDIO_HAMMING, 1);
    CHECK_NEAR(w[0], 0.08f, 1e-7);
    CHECK_NEAR(w[2], 0.54f, 1e-7);
    tango_audio_window(w, 8, TANGO_AUDIO_BLACKMAN, 1);
    CHECK_NEAR(w[0], 0.0f, 1e-7);
    CHECK_NEAR(w[2], 0.34f, 1e-7);
    tango_audio_window(w, 3, TANGO_AUDIO_RECTANGLE, 1);
    CHECK(w[0] == 1.0f && w[1] == 1.0f && w[2] == 1.0f);
    for (int periodic = 0; periodic < 2; periodic++) {
        tango_audio_window(w, 1, TANGO_AUDIO_HANN, periodic);
        CHECK(w[0] == 1.0f);
    }
    w[0] = GUARD;
    tango_audio_window(w, 0, TANGO_AUDIO_HANN, 0);
    CHECK(w[0] == GUARD);
}

/* ---- stft ------------------------------------------------------------------------- */

static void frame_counts_are_known(void)
{
    bench b = bench_of(NULL);
    CHECK(tango_audio_frame_count(163840, &b.front) == 1025);
    CHECK(tango_audio_frame_count(160000, &b.front) == 1001);
    CHECK(tango_audio_frame_count(163680, &b.front) == 1024);
    CHECK(tango_audio_frame_count(0, &b.front) == 1);
    bench_free(&b);
}

/* Position `at` of a sound of `count` samples that is mirrored at both ends for ever. */
static size_t mirrored(long at, long count)
{
    while (count > 1 && (at < 0 || at >= count)) {
        if (at < 0) at = -at;
        if (at >= count) at = 2 * (count - 1) - at;
    }
    return count > 1 ? (size_t)at : 0;
}

static void both_ends_are_reflected(void)
{
    static const long counts[] = { 1, 2, 3, 5, 31, 32, 33, 63, 64, 65, 100, 333 };
    tango_audio_parameters parameters = zero_parameters();
    bench b;
    plan p = plan_of(64);
    parameters.fft = 64;
    parameters.hop = 10;
    parameters.mels = 8;
    b = bench_of(&parameters);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        const size_t count = (size_t)counts[c], frames = count / 10 + 1;
        float *x = noise_array(count), *re = floats(frames * 33),
              *im = floats(frames * 33);
        tango_audio_stft(re, im, x, count, 0, frames, &b.front, b.work);
        for (size_t m = 0; m < frames; m++) {
            float frame[64], want_re[33], want_im[33];
            for (long n = 0; n < 64; n++) {
                frame[n] =
                    x[mirrored((long)m * 10 - 32 + n, counts[c])] * b.front.window[n];
            }
            tango_audio_fft_real(want_re, want_im, frame, &p.fft, p.work);
            CHECK(distance(re + m * 33, want_re, 33) == 0.0);
            CHECK(distance(im + m * 33, want_im, 33) == 0.0);
        }
        free(x), free(re), free(im);
    }
    bench_free(&b);
    plan_free(&p);
}

static void no_samples_are_silence(void)
{
    bench b = bench_of(NULL);
    float mel[64];
    tango_audio_log_mel(mel, NULL, 0, 0, 1, &b.front, b.work);
    for (size_t i = 0; i < 64; i++) CHECK_NEAR(mel[i], -11.512925f, 1e-6);
    bench_free(&b);
}

static void parts_equal_the_whole(void)
{
    const size_t count = 7001, frames = 44;
    bench b = bench_of(NULL);
    float *x = noise_array(count), *whole = floats(frames * 64),
          *part = floats(frames * 64);
    tango_audio_log_mel(whole, x, count, 0, frames, &b.front, b.work);
    for (size_t m = 0; m < frames; m += 5) {
        const size_t n = frames - m < 5 ? frames - m : 5;
        tango_audio_log_mel(part + m * 64, x, count, m, n, &b.front, b.work);
    }
    CHECK(memcmp(whole, part, frames * 64 * sizeof *whole) == 0);
    tango_audio_log_mel(NULL, x, count, 3, 0, &b.front, b.work);
    free(x), free(whole), free(part);
    bench_free(&b);
}

static void inverse_stft_returns_the_sound(void)
{
    static const size_t sizes[][3] = { /* fft, window, hop */
        { 1024, 0, 0 }, { 1024, 800, 200 }, { 64, 0, 16 }, { 64, 33, 7 }, { 8, 0, 3 }
    };
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        tango_audio_parameters parameters = zero_parameters();
        bench b;
        size_t count, size;
        float *x, *y, *re, *im;
        void *work;
        const size_t frames = 23;
        parameters.fft = sizes[s][0];
        parameters.window = sizes[s][1];
        parameters.hop = sizes[s][2];
        parameters.mels = 2;
        b = bench_of(&parameters);
        count = (frames - 1) * b.front.parameters.hop;
        x = noise_array(count);
        y = floats(count + 1);
        y[count] = GUARD;
        re = floats(frames * b.front.bins);
        im = floats(frames * b.front.bins);
        size = tango_audio_istft_work_size(frames, &parameters);
        work = take(size);
        tango_audio_stft(re, im, x, count, 0, frames, &b.front, b.work);
        CHECK(tango_audio_istft(y, re, im, frames, &b.front, work, size, NULL) ==
              TANGO_OK);
        CHECK_NEAR(distance(x, y, count), 0.0, 3e-6);
        CHECK(y[count] == GUARD);
        CHECK(tango_audio_istft(y, re, im, frames, &b.front, work, size - 1, NULL) ==
              TANGO_ERROR_MEMORY);
        free(x), free(y), free(re), free(im), free(work);
        bench_free(&b);
    }
}

static void inverse_stft_refuses_gaps(void)
{
    tango_audio_parameters parameters = zero_parameters();
    bench b;
    float re[4 * 33] = { 0 }, im[4 * 33] = { 0 }, y[192];
    tango_error error;
    size_t size;
    void *work;
    parameters.fft = 64;
    parameters.hop = 64; /* a Hann window is 0 where two neighbours meet */
    parameters.mels = 4;
    b = bench_of(&parameters);
    size = tango_audio_istft_work_size(4, &parameters);
    work = take(size);
    y[0] = GUARD;
    CHECK(tango_audio_istft(y, re, im, 4, &b.front, work, size, &error) ==
          TANGO_ERROR_ARGUMENT);
    CHECK(strstr(error.text, "uncovered") != NULL);
    CHECK(y[0] == GUARD);
    free(work);
    bench_free(&b);
}

static void parameters_out_of_range_are_named(void)
{
    static const char *names[] = { "fft", "window", "hop", "mels", "fmin", "rate" };
    tango_audio_front front;
    float block[16];
    tango_error error;
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        tango_audio_parameters p = zero_parameters();
        if (n == 0) p.fft = 1000;
        if (n == 1) p.window = 1025;
        if (n == 2) p.hop = 1025;
        if (n == 3) p.mels = 5000;
        if (n == 4) p.fmin = nan("");
        if (n == 5) p.rate = SIZE_MAX;
        CHECK(tango_audio_front_size(&p) == 0);
        CHECK(tango_audio_frame_work_size(&p) == 0);
        CHECK(tango_audio_vocode_work_size(10, &p) == 0);
        CHECK(tango_audio_front_init(&front, &p, block, sizeof block, &error) ==
              TANGO_ERROR_ARGUMENT);
        CHECK(strstr(error.text, names[n]) != NULL);
    }
    CHECK(tango_audio_front_init(&front, NULL, block, sizeof block, &error) ==
          TANGO_ERROR_MEMORY);
    CHECK(tango_audio_griffin_lim_work_size(SIZE_MAX / 100, NULL) == 0);
    CHECK(tango_audio_vocode_work_size(SIZE_MAX / 2, NULL) == 0);
    CHECK(tango_audio_istft_work_size(SIZE_MAX, NULL) == 0);
}

static void chirp_matches_torch(void)
{
    bench b = bench_of(NULL);
    size_t count;
    float *want = load("layers/stft_chirp/y.npy", &count), *x = floats(8000);
    float *got = floats(32 * 513);
    for (size_t n = 0; n < 8000; n++) {
        const double t = (double)n / 16000.0;
        x[n] = (float)(0.6 * sin(2.0 * PI * (50.0 * t + 0.5 * 7000.0 / 0.5 * t * t)));
    }
    tango_audio_magnitude(got, x, 8000, 0, 32, &b.front, b.work);
    CHECK(count == 32 * 513);
    if (count == 32 * 513) {
        CHECK_NEAR(distance(got, want, count) / largest(want, count), 0.0, 5e-6);
    }
    free(want), free(x), free(got);
    bench_free(&b);
}

/* ---- mel -------------------------------------------------------------------------- */

static void slaney_basis_has_its_sums(void)
{
    float *w = floats(64 * 513);
    static const float row[5] = { 0.007255641f, 0.014511282f, 0.021331152f, 0.014075512f,
                                  0.00681987f };
    double sum = 0.0;
    size_t used = 0;
    CHECK(tango_audio_mel_basis(w, NULL, NULL) == TANGO_OK);
    for (size_t n = 0; n < 64 * 513; n++) {
        sum += (double)w[n];
        used += w[n] > 1e-12f;
    }
    CHECK(used == 997);
    CHECK_NEAR(sum, 4.09588, 1e-5);
    CHECK_NEAR(largest(w, 64 * 513), 0.021331152, 1e-8);
    for (size_t k = 0; k < 5; k++) CHECK_NEAR(w[1 + k], row[k], 2e-9);
    CHECK(w[0] == 0.0f && w[6] == 0.0f);
    /* The last corner is exp(log(8000)), which may be a bit of a double above bin 512. */
    for (size_t i = 0; i < 64; i++) {
        CHECK(w[i * 513] == 0.0f && w[i * 513 + 512] < 1e-12f);
    }
    free(w);
}

static void slaney_basis_matches_librosa(void)
{
    size_t count;
    float *want = load("layers/mel_basis/y.npy", &count), *got = floats(64 * 513);
    tango_audio_mel_basis(got, NULL, NULL);
    CHECK(count == 64 * 513);
    if (count == 64 * 513) CHECK_NEAR(distance(got, want, count), 0.0, 1e-8);
    free(want), free(got);
}

/* Sums and single weights of the formula in torch, float64. */
static void htk_basis_has_its_values(void)
{
    tango_audio_parameters p = zero_parameters();
    float *w = floats(64 * 513);
    double sum = 0.0;
    size_t used = 0;
    p.recipe = TANGO_AUDIO_TORCHAUDIO;
    CHECK(tango_audio_mel_basis(w, &p, NULL) == TANGO_OK);
    for (size_t n = 0; n < 64 * 513; n++) {
        sum += (double)w[n];
        used += w[n] > 1e-12f;
    }
    CHECK(used == 1000); /* bin 512, on the last corner, may hold a rounding beyond */
    CHECK_NEAR(sum, 500.4745, 1e-4);
    CHECK_NEAR(largest(w, 64 * 513), 0.9996, 5e-5);
    CHECK_NEAR(w[1], 0.5647f, 5e-5);
    CHECK_NEAR(w[2], 0.8756f, 5e-5);
    CHECK_NEAR(w[3], 0.3324f, 5e-5);
    CHECK_NEAR(w[29 * 513 + 100], 0.7440f, 5e-5);
    CHECK_NEAR(w[59 * 513 + 400], 0.2040f, 5e-5);
    free(w);
}

/* CLAP's: 48 kHz, 50 to 14000 Hz. Values of librosa's formula. */
static void librosa_basis_has_its_values(void)
{
    tango_audio_parameters p = zero_parameters();
    float *w = floats(64 * 513);
    double sum = 0.0;
    size_t used = 0;
    p.rate = 48000, p.hop = 480, p.fmin = 50, p.fmax = 14000;
    p.recipe = TANGO_AUDIO_LIBROSA;
    CHECK(tango_audio_mel_basis(w, &p, NULL) == TANGO_OK);
    for (size_t n = 0; n < 64 * 513; n++) {
        sum += (double)w[n];
        used += w[n] > 0;
    }
    CHECK(used == 577);
    CHECK_NEAR(sum, 1.3644328, 1e-7);
    CHECK_NEAR(largest(w, 64 * 513), 0.018149516, 1e-9);
    CHECK_NEAR(w[2], 0.0150118f, 1e-7);
    CHECK_NEAR(w[3], 0.00595149f, 1e-8);
    CHECK_NEAR(w[63 * 513 + 268], 7.1281e-05f, 1e-9);
    free(w);
}

static void sparse_bands_are_the_dense_basis(void)
{
    static const size_t sizes[][3] = { /* fft, mels, recipe */
        { 1024, 64, 0 }, { 1024, 64, 1 }, { 2048, 80, 0 }, { 64, 40, 0 }, { 8, 3, 1 },
        { 512, 32, 2 }
    };
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        tango_audio_parameters p = zero_parameters();
        bench b;
        float *dense;
        p.fft = sizes[s][0];
        p.hop = sizes[s][0] / 4;
        p.mels = sizes[s][1];
        p.recipe = (tango_audio_recipe)sizes[s][2];
        p.fmin = 20.0;
        p.fmax = 7600.0;
        b = bench_of(&p);
        dense = floats(p.mels * b.front.bins);
        tango_audio_mel_basis(dense, &p, NULL);
        for (size_t i = 0; i < p.mels; i++) {
            const tango_audio_band band = b.front.bands[i];
            size_t used = 0, found = 0;
            for (size_t k = 0; k < b.front.bins; k++)
                used += dense[i * b.front.bins + k] != 0.0f;
            for (size_t k = 0; k < band.count; k++) {
                const float w = b.front.weights[band.at + k];
                const size_t bin = band.first + k;
                found += w != 0.0f;
                CHECK(bin < b.front.bins ? w == dense[i * b.front.bins + bin]
                                         : w == 0.0f);
            }
            CHECK(used == found);
        }
        free(dense);
        bench_free(&b);
    }
}

static float *fixture(void)
{
    float *x = floats(16000);
    for (size_t n = 0; n < 16000; n++) {
        const double t = (double)n / 16000.0;
        x[n] =
            (float)(0.5 * sin(2.0 * PI * 440.0 * t) + 0.1 * cos(2.0 * PI * 3000.0 * t));
    }
    return x;
}

/* Values of librosa's filters over torch.stft in float64. */
static void fixture_has_its_values(void)
{
    static const size_t bins_50[] = { 0, 1, 5, 10, 11, 20 },
                        bins_0[] = { 0, 1, 5, 10, 63 };
    static const float frame_50[] = { -10.18283f, -9.37413f, -6.693745f, -3.501702f,
                                      -5.602086f, -10.309127f };
    static const float frame_0[] = { -0.982099f, -0.947004f, -0.466700f, 0.223483f,
                                     -5.882163f };
    bench b = bench_of(NULL);
    float *x = fixture(), *mel = floats(101 * 64), *magnitude = floats(513);
    double mean = 0.0, energy = 0.0, top = -1e9;
    tango_audio_log_mel(mel, x, 16000, 0, 101, &b.front, b.work);
    for (size_t n = 0; n < 101 * 64; n++) {
        mean += (double)mel[n] / (101.0 * 64.0);
        top = fmax(top, (double)mel[n]);
    }
    CHECK_NEAR(mean, -9.253601, 1e-4);
    CHECK_NEAR(top, 1.319654, 1e-5);
    /* Near the floor rounding shows: 2.5e-3 is what float costs there. */
    for (size_t n = 0; n < 6; n++) {
        CHECK_NEAR(mel[50 * 64 + bins_50[n]], frame_50[n],
                   frame_50[n] > -8.0f ? 1e-4 : 2.5e-3);
    }
    for (size_t n = 0; n < 5; n++) CHECK_NEAR(mel[bins_0[n]], frame_0[n], 1e-4);
    tango_audio_magnitude(magnitude, x, 16000, 50, 1, &b.front, b.work);
    for (size_t k = 0; k < 513; k++)
        energy += (double)magnitude[k] * (double)magnitude[k];
    CHECK_NEAR(sqrt(energy), 159.87195, 1e-3);
    free(x), free(mel), free(magnitude);
    bench_free(&b);
}

static void fixture_matches_librosa(void)
{
    bench b = bench_of(NULL);
    size_t count;
    float *want = load("layers/log_mel_fixture/y.npy", &count), *x = fixture();
    float *got = floats(101 * 64);
    tango_audio_log_mel(got, x, 16000, 0, 101, &b.front, b.work);
    CHECK(count == 101 * 64);
    /* Near the floor the package's own rounding shows, which wider registers do not
       repeat: 3.18e-4 with x87. */
    if (count == 101 * 64) {
        CHECK_NEAR(distance(got, want, count) / largest(want, count), 0.0,
                   WIDER ? 4e-4 : 3e-4);
    }
    free(want), free(x), free(got);
    bench_free(&b);
}

/* Values of the formula in torch, float64. */
static void torchaudio_recipe_is_power_without_logarithm(void)
{
    tango_audio_parameters p = zero_parameters();
    bench b;
    float *x = fixture(), *mel = floats(101 * 64);
    double sum = 0.0;
    p.recipe = TANGO_AUDIO_TORCHAUDIO;
    b = bench_of(&p);
    tango_audio_mel(mel, x, 16000, 0, 101, &b.front, b.work);
    for (size_t n = 0; n < 101 * 64; n++) sum += (double)mel[n];
    CHECK_NEAR(sum / 2581571.9241, 1.0, 1e-6);
    CHECK_NEAR(mel[50 * 64 + 10] / 1.5867f, 1.0f, 1e-4);
    free(x), free(mel);
    bench_free(&b);
}

/* Twice the amplitude is four times the power. */
static void librosa_recipe_is_power(void)
{
    tango_audio_parameters p = zero_parameters();
    bench b;
    float *x = fixture(), *mel = floats(101 * 64), *twice = floats(101 * 64);
    p.recipe = TANGO_AUDIO_LIBROSA;
    b = bench_of(&p);
    tango_audio_mel(mel, x, 16000, 0, 101, &b.front, b.work);
    for (size_t n = 0; n < 16000; n++) x[n] *= 2.0f;
    tango_audio_mel(twice, x, 16000, 0, 101, &b.front, b.work);
    for (size_t n = 0; n < 101 * 64; n++) CHECK(twice[n] == 4.0f * mel[n]);
    free(x), free(mel), free(twice);
    bench_free(&b);
}

/* Of all floats every thousandth, from the smallest normal one on. */
static void logarithm_is_near_the_exact_one(void)
{
    float x[1000];
    double worst = 0.0;
    for (uint32_t bits = 0x00800000u; bits < 0x7f800000u - 1000 * 997;) {
        float y[1000];
        for (size_t n = 0; n < 1000; n++, bits += 997) memcpy(&x[n], &bits, sizeof bits);
        memcpy(y, x, sizeof y);
        tango_audio__kernels_ref.logarithm(y, 1000);
        for (size_t n = 0; n < 1000; n++) {
            const double want = log((double)x[n]);
            int exponent;
            (void)frexp(want, &exponent);
            worst = fmax(worst, fabs((double)y[n] - want) / ldexp(1.0, exponent - 24));
        }
    }
    CHECK(worst < 0.9); /* units in the last place; 0.5 would be perfect */
    x[0] = 1.0f;
    x[1] = (float)INFINITY;
    x[2] = (float)nan("");
    tango_audio__kernels_ref.logarithm(x, 3);
    CHECK(x[0] == 0.0f && x[1] == (float)INFINITY && x[2] != x[2]);
}

static void nan_stays_in_its_frames(void)
{
    bench b = bench_of(NULL);
    float *x = noise_array(4000), *mel = floats(26 * 64);
    x[2000] = (float)nan("");
    tango_audio_log_mel(mel, x, 4000, 0, 26, &b.front, b.work);
    for (size_t m = 0; m < 26; m++) {
        const int holds = m * 160 + 512 > 2000 && m * 160 < 2000 + 512 + 1;
        for (size_t i = 0; i < 64; i++) {
            CHECK(holds ? mel[m * 64 + i] != mel[m * 64 + i] : mel[m * 64 + i] > -12.0f);
        }
    }
    free(x), free(mel);
    bench_free(&b);
}

/* ---- levels ----------------------------------------------------------------------- */

static void downmix_takes_first_or_average(void)
{
    float x[6] = { 1.0f, 2.0f, 6.0f, 4.0f, 5.0f, -3.0f }, y[2];
    tango_audio_downmix(y, x, 2, 3, TANGO_AUDIO_FIRST);
    CHECK(y[0] == 1.0f && y[1] == 4.0f);
    tango_audio_downmix(y, x, 2, 3, TANGO_AUDIO_MONO);
    CHECK(y[0] == 3.0f && y[1] == 2.0f);
    tango_audio_downmix(x, x, 2, 3, TANGO_AUDIO_MONO); /* in place */
    CHECK(x[0] == 3.0f && x[1] == 2.0f);
    tango_audio_downmix(NULL, NULL, 0, 1, TANGO_AUDIO_FIRST);
}

static void peaks_and_means(void)
{
    float x[4] = { 0.25f, -2.0f, 1.0f, 0.75f };
    CHECK(tango_audio_mean(x, 4) == 0.0 && tango_audio_peak(x, 4) == 2.0f);
    CHECK(tango_audio_mean(x, 0) == 0.0 && tango_audio_peak(x, 0) == 0.0f);
    tango_audio_set_peak(x, 4, 0.5f);
    CHECK(x[1] == -0.5f && x[2] == 0.25f);
    x[0] = x[1] = x[2] = x[3] = 0.0f;
    tango_audio_set_peak(x, 4, 0.5f);
    CHECK(x[0] == 0.0f && x[3] == 0.0f);
    x[1] = -(float)INFINITY;
    CHECK(tango_audio_peak(x, 4) == (float)INFINITY);
    x[2] = -(float)nan("");
    CHECK(tango_audio_peak(x, 4) != tango_audio_peak(x, 4));
    CHECK(tango_audio_peak(x, 2) == (float)INFINITY);
}

static void normalise_centres_pads_and_halves(void)
{
    float *x = noise_array(1000), *y = floats(1601);
    for (size_t n = 0; n < 1000; n++) x[n] = 0.3f * x[n] + 0.2f;
    y[1600] = GUARD;
    CHECK(tango_audio_normalise(y, x, 1000, 1600, TANGO_AUDIO_TANGO, NULL) == TANGO_OK);
    CHECK_NEAR(tango_audio_peak(y, 1600), 0.5f, 1e-7);
    CHECK_NEAR(tango_audio_mean(y, 1000), 0.0, 1e-7);
    for (size_t n = 1000; n < 1600; n++) CHECK(y[n] == 0.0f);
    CHECK(y[1600] == GUARD);
    free(x), free(y);
}

static void normalise_cuts_as_its_rule_says(void)
{
    float x[300], y[300];
    for (size_t n = 0; n < 300; n++)
        x[n] = (n % 2 ? 0.1f : -0.1f) * (n < 200 ? 1.0f : 4.0f);
    CHECK(tango_audio_normalised_count(300, 200, TANGO_AUDIO_TANGO) == 200);
    CHECK(tango_audio_normalised_count(300, 200, TANGO_AUDIO_AUDIOLDM) == 300);
    CHECK(tango_audio_normalised_count(150, 200, TANGO_AUDIO_AUDIOLDM) == 200);
    CHECK(tango_audio_normalise(y, x, 300, 200, TANGO_AUDIO_TANGO, NULL) == TANGO_OK);
    CHECK_NEAR(y[1], 0.5f, 1e-6); /* the peak of what is kept */
    CHECK(tango_audio_normalise(y, x, 300, 200, TANGO_AUDIO_AUDIOLDM, NULL) == TANGO_OK);
    CHECK_NEAR(y[1], 0.125f, 1e-6); /* the peak of the whole clip */
    CHECK_NEAR(y[299], 0.5f, 1e-6);
}

static void normalise_knows_silence_and_bad_numbers(void)
{
    float x[200], y[200];
    tango_error error;
    for (size_t n = 0; n < 200; n++) x[n] = 0.25f;
    CHECK(tango_audio_normalise(y, x, 200, 200, TANGO_AUDIO_TANGO, NULL) == TANGO_OK);
    for (size_t n = 0; n < 200; n++) CHECK(y[n] == 0.0f);
    y[0] = GUARD;
    CHECK(tango_audio_normalise(y, x, 200, 200, TANGO_AUDIO_AUDIOLDM, &error) ==
          TANGO_ERROR_NUMBER);
    CHECK(tango_audio_normalise(y, x, 100, 200, TANGO_AUDIO_AUDIOLDM, &error) ==
          TANGO_ERROR_ARGUMENT);
    CHECK(tango_audio_normalise(y, x, 0, 200, TANGO_AUDIO_TANGO, &error) ==
          TANGO_ERROR_ARGUMENT);
    x[123] = (float)nan("");
    CHECK(tango_audio_normalise(y, x, 200, 200, TANGO_AUDIO_TANGO, &error) ==
          TANGO_ERROR_NUMBER);
    CHECK(strstr(error.text, "123") != NULL);
    x[123] = (float)INFINITY;
    CHECK(tango_audio_normalise(y, x, 200, 200, TANGO_AUDIO_TANGO, NULL) ==
          TANGO_ERROR_NUMBER);
    CHECK(y[0] == GUARD);
}

/* ---- resampling ------------------------------------------------------------------- */

typedef struct converter {
    tango_audio_resampler r;
    void *memory;
} converter;

static converter converter_of(size_t source, size_t target)
{
    converter c;
    const size_t size = tango_audio_resampler_size(source, target);
    c.memory = take(size);
    CHECK(tango_audio_resampler_init(&c.r, source, target, c.memory, size, NULL) ==
          TANGO_OK);
    return c;
}

static void resampling_matches_torch(void)
{
    static const size_t rates[][2] = { { 44100, 16000 }, { 48000, 16000 },
                                       { 8000, 16000 },  { 22050, 16000 },
                                       { 11025, 16000 }, { 16000, 44100 },
                                       { 32000, 16000 } };
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        char name[80];
        converter c = converter_of(rates[i][0], rates[i][1]);
        size_t count, want_count, got_count;
        float *x, *want, *got;
        snprintf(name, sizeof name, "layers/resample_%u_%u/x.npy", (unsigned)rates[i][0],
                 (unsigned)rates[i][1]);
        x = load(name, &count);
        name[strlen(name) - 5] = 'y';
        want = load(name, &want_count);
        got_count = tango_audio_resampled_count(count, &c.r);
        got = floats(got_count);
        tango_audio_resample(got, x, count, &c.r);
        CHECK(count == 700 && got_count == want_count);
        if (got_count == want_count && count) {
            CHECK_NEAR(distance(got, want, got_count) / largest(want, got_count), 0.0,
                       5e-6);
        }
        free(x), free(want), free(got), free(c.memory);
    }
}

static void a_sine_stays_a_sine(void)
{
    static const size_t rates[][2] = { { 48000, 16000 },
                                       { 44100, 16000 },
                                       { 16000, 44100 },
                                       { 11127, 16000 },
                                       { 96000, 44100 } };
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        converter c = converter_of(rates[i][0], rates[i][1]);
        const size_t count = rates[i][0] / 5;
        const size_t total = tango_audio_resampled_count(count, &c.r);
        float *x = floats(count), *y = floats(total);
        for (size_t n = 0; n < count; n++) {
            x[n] = (float)sin(2.0 * PI * 1000.0 * (double)n / (double)rates[i][0]);
        }
        tango_audio_resample(y, x, count, &c.r);
        CHECK(total == (count * rates[i][1] + rates[i][0] - 1) / rates[i][0]);
        for (size_t n = 200; n + 200 < total; n++) {
            const double want = sin(2.0 * PI * 1000.0 * (double)n / (double)rates[i][1]);
            CHECK_NEAR(y[n], want, 2e-3); /* the ripple of six lobes */
        }
        free(x), free(y), free(c.memory);
    }
}

static void equal_rates_copy(void)
{
    converter c = converter_of(12345, 12345);
    float *x = noise_array(100), y[100];
    CHECK(tango_audio_resampled_count(100, &c.r) == 100);
    tango_audio_resample(y, x, 100, &c.r);
    CHECK(memcmp(x, y, sizeof y) == 0);
    CHECK(tango_audio_resampled_count(0, &c.r) == 0);
    tango_audio_resample(NULL, NULL, 0, &c.r);
    free(x), free(c.memory);
}

static void resampling_in_parts_equals_the_whole(void)
{
    static const size_t rates[][2] = { { 44100, 16000 }, { 16000, 44100 },
                                       { 7, 5 },         { 1, 3 },
                                       { 1000, 1 },      { 16000, 16000 } };
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        converter c = converter_of(rates[i][0], rates[i][1]);
        const size_t count = 1501, total = tango_audio_resampled_count(count, &c.r);
        float *x = noise_array(count), *whole = floats(total), *part = floats(total);
        double *xd = (double *)take(count * sizeof(double));
        double *yd = (double *)take(total * sizeof(double));
        double *pd = (double *)take(total * sizeof(double));
        size_t step = total / 7 + 1;
        for (size_t n = 0; n < count; n++) xd[n] = (double)x[n];
        tango_audio_resample(whole, x, count, &c.r);
        tango_audio_resample_double(yd, xd, count, &c.r);
        for (size_t at = 0; at < total; at += step) {
            const size_t n = total - at < step ? total - at : step;
            size_t first, needed;
            float *window;
            tango_audio_resample_span(&first, &needed, at, n, &c.r);
            if (first > count) first = count;
            if (needed > count - first) needed = count - first;
            window = floats(needed); /* no room beyond it: sanitizers see an overrun */
            memcpy(window, x + first, needed * sizeof *window);
            tango_audio_resample_part(part + at, at, n, window, first, needed, &c.r);
            tango_audio_resample_part_double(pd + at, at, n, xd + first, first, needed,
                                             &c.r);
            free(window);
        }
        CHECK(memcmp(whole, part, total * sizeof *whole) == 0);
        for (size_t n = 0; n < total; n++) {
            CHECK(yd[n] == pd[n]);
            CHECK_NEAR(yd[n], whole[n], 1e-6);
        }
        free(x), free(whole), free(part), free(xd), free(yd), free(pd), free(c.memory);
    }
}

static void resampler_refuses_odd_requests(void)
{
    tango_audio_resampler r;
    tango_error error;
    float block[64];
    CHECK(tango_audio_resampler_size(0, 16000) == 0);
    CHECK(tango_audio_resampler_size(16000, 1000001) == 0);
    CHECK(tango_audio_resampler_init(&r, 16000, 0, block, sizeof block, &error) ==
          TANGO_ERROR_ARGUMENT);
    CHECK(tango_audio_resampler_init(&r, 44100, 16000, block, sizeof block, &error) ==
          TANGO_ERROR_MEMORY);
    CHECK(tango_audio_resampler_size(999999, 1000000) < (size_t)70 << 20);
    {
        converter c = converter_of(1, 1000000);
        CHECK(tango_audio_resampled_count(SIZE_MAX / 2, &c.r) == 0);
        free(c.memory);
    }
}

/* ---- loudness --------------------------------------------------------------------- */

static void decibels(void)
{
    const float x[3] = { 10.0f, 0.0f, 1e-3f };
    float y[3];
    tango_audio_magnitude_to_db(y, x, 3, 1e-5f);
    CHECK_NEAR(y[0], 20.0f, 1e-5);
    CHECK_NEAR(y[1], -100.0f, 1e-5);
    CHECK_NEAR(y[2], -60.0f, 1e-5);
    tango_audio_power_to_db(y, x, 3, 1e-10f);
    CHECK_NEAR(y[0], 10.0f, 1e-5);
    CHECK_NEAR(y[1], -100.0f, 1e-5);
}

static void a_weighting_is_the_standard_curve(void)
{
    double a[1025];
    tango_audio_a_weighting(a, 1025, 16000);
    CHECK(a[0] == -80.0);
    CHECK_NEAR(a[1], -78.3262535, 1e-6);
    CHECK_NEAR(a[13], -18.9301684, 1e-6); /* 101.6 Hz; 100 Hz is -19.1 */
    CHECK_NEAR(a[128], 0.000141527695, 1e-9); /* 1 kHz is 0 dB by definition */
    CHECK_NEAR(a[1024], -1.14687934, 1e-7);
}

/* Two sounds and their values by a numpy program of the formula. */
static void mix_matches_loudness(void)
{
    static const size_t at[4] = { 0, 1, 1000, 5999 };
    static const double want[4] = { 0.019972480130714416, 0.0076708502684078046,
                                    -0.05772323569184069, -0.023408672180526096 };
    float a[6000], b[6000], y[6000];
    void *work = take(tango_audio_loudness_work_size());
    for (size_t n = 0; n < 6000; n++) {
        const double t = (double)n;
        a[n] = (float)(0.5 * sin(t * 0.3));
        b[n] = (float)(0.05 * sin(t * 0.05) + 0.02 * cos(t * 1.7));
    }
    CHECK_NEAR(tango_audio_loudness(a, 6000, 16000, work), 48.9375458314, 2e-5);
    CHECK_NEAR(tango_audio_loudness(b, 6000, 16000, work), 23.3429099001, 2e-5);
    tango_audio_mix(y, a, b, 6000, 0.5, 16000, work);
    for (size_t n = 0; n < 4; n++) CHECK_NEAR(y[at[n]], want[n], 1e-7);
    for (size_t n = 0; n < 6000; n++) b[n] = a[n];
    tango_audio_mix(b, a, b, 6000, 0.5, 16000, work); /* in place; t = 1/2 */
    CHECK_NEAR(b[1], a[1] * 1.41421356f, 1e-6);
    free(work);
}

/* LUFS, peak and true peak of a sine, fed in parts of `part` samples. */
static double metered(double *true_peak, size_t rate, double hertz, double phase,
                      size_t count, size_t part)
{
    tango_audio_meter m;
    const size_t size = tango_audio_meter_size(1);
    void *memory = take(size);
    float x[1000];
    double lufs;
    size_t n, i;
    CHECK(tango_audio_meter_init(&m, rate, 1, memory, size, NULL) == TANGO_OK);
    for (n = 0; n < count; n += part) {
        const size_t k = count - n < part ? count - n : part;
        for (i = 0; i < k; i++)
            x[i] = (float)sin(2.0 * PI * hertz * (double)(n + i) / (double)rate + phase);
        tango_audio_meter_feed(&m, x, k);
    }
    CHECK(m.frames == count);
    lufs = tango_audio_meter_loudness(&m);
    *true_peak = tango_audio_meter_true_peak(&m);
    free(memory);
    return lufs;
}

static void meter_has_the_standards_numbers(void)
{
    double peak, lufs = metered(&peak, 48000, 997.0, 0.0, 96000, 1000);
    CHECK_NEAR(lufs, -3.01, 0.005); /* BS.1770-4, note 2 */
    CHECK_NEAR(peak, 1.0, 0.001);
    CHECK(metered(&peak, 48000, 997.0, 0.0, 96000, 7) == lufs);
    CHECK_NEAR(metered(&peak, 16000, 997.0, 0.0, 32000, 1000), -2.97, 0.005);
    CHECK_NEAR(metered(&peak, 48000, 40.0, 0.0, 96000, 1000), -9.27, 0.01);
    CHECK_NEAR(metered(&peak, 48000, 10000.0, 0.0, 96000, 1000), 0.34, 0.01);
    /* A quarter of the rate, at 45 degrees: no sample is over 0.7072. */
    metered(&peak, 16000, 4000.0, 0.25 * PI, 16000, 1000);
    CHECK(peak > 0.99 && peak < 1.02);
    CHECK_NEAR(metered(&peak, 48000, 997.0, 0.0, 9600, 100), -3.01, 0.03); /* 0.2 s */
}

static void meter_gates_and_adds_channels(void)
{
    tango_audio_meter m;
    const size_t size = tango_audio_meter_size(2);
    void *memory = take(size);
    static float x[2 * 48000];
    double loud;
    size_t i;
    for (i = 0; i < 48000; i++)
        x[2 * i] = x[2 * i + 1] =
            (float)(0.1 * sin(2.0 * PI * 997.0 / 48000.0 * (double)i));
    CHECK(tango_audio_meter_init(&m, 48000, 2, memory, size, NULL) == TANGO_OK);
    CHECK_NEAR(tango_audio_meter_loudness(&m), -1000.0, 0.0);
    for (i = 0; i < 4; i++) tango_audio_meter_feed(&m, x, 48000);
    loud = tango_audio_meter_loudness(&m);
    CHECK_NEAR(loud, -20.0, 0.01); /* two channels: 3.01 above one */
    CHECK_NEAR(sqrt(m.square / (2.0 * (double)m.frames)), 0.1 / sqrt(2.0), 1e-5);
    for (i = 0; i < 2 * 48000; i++) x[i] *= 0.01f; /* 40 dB down: gated */
    for (i = 0; i < 4; i++) tango_audio_meter_feed(&m, x, 48000);
    CHECK_NEAR(tango_audio_meter_loudness(&m), loud, 0.25); /* blocks across the edge */
    CHECK(tango_audio_meter_init(&m, 48000, 2, memory, size, NULL) == TANGO_OK);
    for (i = 0; i < 2 * 48000; i++) x[i] *= 0.01f;
    tango_audio_meter_feed(&m, x, 48000);
    CHECK_NEAR(tango_audio_meter_loudness(&m), -1000.0, 0.0); /* -100 */
    free(memory);
}

static void meter_refuses_odd_requests(void)
{
    tango_audio_meter m;
    tango_error error;
    const tango_result bad = TANGO_ERROR_ARGUMENT, small = TANGO_ERROR_MEMORY;
    char memory[64];
    CHECK(tango_audio_meter_size(0) == 0 && tango_audio_meter_size(9) == 0);
    CHECK(tango_audio_meter_init(&m, 7999, 1, memory, 64, &error) == bad);
    CHECK(strstr(error.text, "found 1 of 7999 Hz"));
    CHECK(tango_audio_meter_init(&m, 16000, 9, memory, 64, NULL) == bad);
    CHECK(tango_audio_meter_init(&m, 16000, 1, memory, 64, NULL) == small);
    CHECK(tango_audio_meter_init(&m, 16000, 1, NULL, 1 << 20, NULL) == small);
}

static void silence_and_short_sounds_have_a_loudness(void)
{
    float x[100] = { 0.0f };
    void *work = take(tango_audio_loudness_work_size());
    CHECK_NEAR(tango_audio_loudness(x, 0, 16000, work), -80.0, 1e-9);
    CHECK_NEAR(tango_audio_loudness(x, 100, 16000, work), -80.0, 1e-9);
    x[50] = 0.5f;
    CHECK(tango_audio_loudness(x, 100, 16000, work) > -60.0);
    x[50] = (float)nan("");
    CHECK(tango_audio_loudness(x, 100, 16000, work) != 0.0);
    CHECK(isnan(tango_audio_loudness(x, 100, 16000, work)));
    free(work);
}

/* ---- vocoder ---------------------------------------------------------------------- */

/* The golden mel (64, 64), or a made-up one where the file is missing. */
typedef struct griffin {
    bench b;
    float *mel, *uniform, *magnitude;
} griffin;

static griffin griffin_of(void)
{
    griffin g;
    size_t mel_count, uniform_count;
    void *work;
    g.b = bench_of(NULL);
    g.mel = load("griffin/mel.npy", &mel_count);
    g.uniform = load("griffin/uniform.npy", &uniform_count);
    CHECK(mel_count == 64 * 64 && uniform_count == 513 * 64);
    if (mel_count != 64 * 64 || uniform_count != 513 * 64) {
        printf("no golden vectors in %s\n", golden);
        exit(1);
    }
    g.magnitude = floats(64 * 513);
    work = take(tango_audio_invert_mel_work_size(NULL));
    tango_audio_invert_mel(g.magnitude, g.mel, 64, 60, &g.b.front, work);
    free(work);
    return g;
}

static void griffin_free(griffin *g)
{
    bench_free(&g->b);
    free(g->mel), free(g->uniform), free(g->magnitude);
}

static void inversion_matches_the_reference(void)
{
    griffin g = griffin_of();
    size_t count;
    float *want = load("griffin/magnitude.npy", &count); /* (513, 64) */
    double far = 0.0;
    CHECK(count == 64 * 513);
    for (size_t k = 0; k < 513 && count == 64 * 513; k++) {
        for (size_t t = 0; t < 64; t++) {
            far = fmax(far,
                       fabs((double)g.magnitude[t * 513 + k] - (double)want[k * 64 + t]));
        }
    }
    CHECK_NEAR(far / largest(want, count), 0.0, 5e-5);
    free(want);
    griffin_free(&g);
}

static void inversion_explains_the_mel(void)
{
    griffin g = griffin_of();
    float *w = floats(64 * 513);
    double far = 0.0, all = 0.0;
    tango_audio_mel_basis(w, NULL, NULL);
    for (size_t t = 0; t < 64; t++) {
        for (size_t i = 0; i < 64; i++) {
            double sum = -exp((double)g.mel[t * 64 + i]);
            all += sum * sum;
            for (size_t k = 0; k < 513; k++) {
                sum += (double)w[i * 513 + k] * (double)g.magnitude[t * 513 + k];
            }
            far += sum * sum;
        }
    }
    CHECK(sqrt(far / all) < 0.02);
    for (size_t n = 0; n < 64 * 513; n++) CHECK(g.magnitude[n] > 0.0f);
    free(w);
    griffin_free(&g);
}

/* Bit for bit; what two loops keep in wider registers differs, so there to rounding. */
static int same_frames(const float *a, const float *b, size_t count)
{
    if (WIDER) return distance(a, b, count) <= 1e-6 * largest(b, count);
    return memcmp(a, b, count * sizeof *a) == 0;
}

static void inversion_takes_frames_one_by_one(void)
{
    griffin g = griffin_of();
    float *one = floats(513 + 1), *some = floats(17 * 513);
    void *work = take(tango_audio_invert_mel_work_size(NULL));
    one[513] = GUARD;
    for (size_t t = 0; t < 64; t += 9) {
        tango_audio_invert_mel(one, g.mel + t * 64, 1, 60, &g.b.front, work);
        CHECK(same_frames(one, g.magnitude + t * 513, 513));
    }
    CHECK(one[513] == GUARD);
    tango_audio_invert_mel(some, g.mel, 17, 60, &g.b.front, work);
    CHECK(same_frames(some, g.magnitude, 17 * 513));
    tango_audio_invert_mel(some, g.mel, 0, 60, &g.b.front, work);
    free(one), free(some), free(work);
    griffin_free(&g);
}

static void griffin_lim_matches_the_reference(void)
{
    static const size_t rounds[] = { 0, 1, 3 };
    griffin g = griffin_of();
    const size_t size = tango_audio_vocode_work_size(64, NULL), samples = 63 * 160;
    void *work = take(size);
    float *wave = floats(samples);
    for (size_t i = 0; i < 3; i++) {
        char name[64];
        size_t count;
        float *want;
        snprintf(name, sizeof name, "griffin/wave_%02u.npy", (unsigned)rounds[i]);
        want = load(name, &count);
        CHECK(tango_audio_vocode(wave, g.mel, 64, NULL, rounds[i], g.uniform, NULL, work,
                                 size, NULL) == TANGO_OK);
        CHECK(count == samples);
        if (count == samples) {
            CHECK_NEAR(distance(wave, want, samples) / largest(want, samples), 0.0, 5e-5);
        }
        free(want);
    }
    free(work), free(wave);
    griffin_free(&g);
}

static void griffin_lim_converges(void)
{
    static const size_t rounds[] = { 0, 1, 3, 10, 30, 60 };
    griffin g = griffin_of();
    const size_t size = tango_audio_griffin_lim_work_size(64, NULL), samples = 63 * 160;
    void *work = take(size);
    size_t count;
    float *wave = floats(samples), *want = load("griffin/convergence_60.npy", &count);
    double last = 2.0;
    CHECK(count == 1);
    for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++) {
        double now;
        CHECK(tango_audio_griffin_lim(wave, g.magnitude, 64, rounds[i], 0.99f, g.uniform,
                                      &g.b.front, NULL, work, size, NULL) == TANGO_OK);
        now = tango_audio_convergence(wave, g.magnitude, 64, &g.b.front, g.b.work);
        CHECK(now < last);
        last = now;
    }
    if (count == 1) CHECK_NEAR(last / (double)want[0], 1.0, 1e-3);
    free(work), free(wave), free(want);
    griffin_free(&g);
}

static void vocoder_refuses_bad_input(void)
{
    griffin g = griffin_of();
    const size_t size = tango_audio_vocode_work_size(64, NULL);
    void *work = take(size);
    float *wave = floats(63 * 160);
    tango_audio_parameters p = zero_parameters();
    tango_error error;
    wave[0] = GUARD;
    CHECK(tango_audio_vocode(wave, g.mel, 64, NULL, 1, g.uniform, NULL, work, size - 1,
                             &error) == TANGO_ERROR_MEMORY);
    CHECK(tango_audio_vocode(wave, g.mel, 1, NULL, 1, g.uniform, NULL, work, size,
                             &error) == TANGO_ERROR_ARGUMENT);
    CHECK(tango_audio_vocode(wave, g.mel, 0, NULL, 1, g.uniform, NULL, work, size,
                             &error) == TANGO_ERROR_ARGUMENT);
    p.recipe = TANGO_AUDIO_TORCHAUDIO;
    CHECK(tango_audio_vocode(wave, g.mel, 64, &p, 1, g.uniform, NULL, work, size,
                             &error) == TANGO_ERROR_UNSUPPORTED);
    g.mel[7 * 64 + 3] = 200.0f; /* e^200 is no float */
    CHECK(tango_audio_vocode(wave, g.mel, 64, NULL, 1, g.uniform, NULL, work, size,
                             &error) == TANGO_ERROR_NUMBER);
    g.mel[7 * 64 + 3] = (float)nan("");
    CHECK(tango_audio_vocode(wave, g.mel, 64, NULL, 1, g.uniform, NULL, work, size,
                             &error) == TANGO_ERROR_NUMBER);
    CHECK(strstr(error.text, "frame 7") != NULL);
    CHECK(wave[0] == GUARD);
    free(work), free(wave);
    griffin_free(&g);
}

/* Hears shares of the work, and stops it at one of them. */
typedef struct listener { size_t heard, stop; double last; } listener;

static int hear(void *user, double share)
{
    listener *l = (listener *)user;
    CHECK(share > 0 && share >= l->last && share <= 1 + 1e-9);
    l->last = share;
    return ++l->heard == l->stop;
}

static void a_vocoder_says_how_far_it_is_and_stops(void)
{
    enum { FRAMES = 600, ROUNDS = 4, MEL = 3, ALL = MEL + (ROUNDS + 1) * 3 };
    griffin g = griffin_of();
    const size_t size = tango_audio_vocode_work_size(FRAMES, NULL),
                 samples = (FRAMES - 1) * 160;
    void *work = take(size);
    float *mel = floats(FRAMES * 64), *uniform = floats(FRAMES * 513),
          *quiet = floats(samples), *wave = floats(samples);
    listener l = { 0, 0, 0 };
    tango_audio_progress progress;
    tango_error error;
    progress.on_share = hear;
    progress.user = &l;
    for (size_t i = 0; i < FRAMES * 64; i++) mel[i] = g.mel[i % (64 * 64)];
    for (size_t i = 0; i < FRAMES * 513; i++) uniform[i] = g.uniform[i % (64 * 513)];
    CHECK(tango_audio_vocode(quiet, mel, FRAMES, NULL, ROUNDS, uniform, NULL, work, size,
                             NULL) == TANGO_OK);
    CHECK(tango_audio_vocode(wave, mel, FRAMES, NULL, ROUNDS, uniform, &progress, work,
                             size, NULL) == TANGO_OK);
    CHECK(memcmp(wave, quiet, samples * sizeof *wave) == 0);
    CHECK(l.heard == ALL && fabs(l.last - 1.0) < 1e-9);
    for (size_t stop = 1; stop <= ALL; stop += 4) {
        l.heard = 0, l.last = 0, l.stop = stop;
        wave[0] = GUARD;
        CHECK(tango_audio_vocode(wave, mel, FRAMES, NULL, ROUNDS, uniform, &progress,
                                 work, size, &error) == TANGO_ERROR_CANCELLED);
        CHECK(l.heard == stop && wave[0] == GUARD);
        CHECK(strstr(error.text, stop <= MEL ? "vocoder: stopped behind frame 256 of 600"
                                             : "griffin-lim: stopped in round") != NULL);
    }
    free(work), free(mel), free(uniform), free(quiet), free(wave);
    griffin_free(&g);
}

static void vocoder_takes_short_mels_and_other_sizes(void)
{
    griffin g = griffin_of();
    for (size_t frames = 2; frames < 8; frames++) {
        const size_t size = tango_audio_vocode_work_size(frames, NULL);
        void *work = take(size);
        float *wave = floats((frames - 1) * 160);
        CHECK(tango_audio_vocode(wave, g.mel, frames, NULL, 3, g.uniform, NULL, work,
                                 size, NULL) == TANGO_OK);
        CHECK(largest(wave, (frames - 1) * 160) > 1e-4);
        free(work), free(wave);
    }
    {
        tango_audio_parameters p = zero_parameters();
        float wave[31 * 10];
        size_t size;
        void *work;
        p.fft = 32;
        p.hop = 10;
        p.mels = 128; /* more bands than bins: some are empty */
        size = tango_audio_vocode_work_size(32, &p);
        work = take(size);
        CHECK(tango_audio_vocode(wave, g.mel, 32, &p, 3, g.uniform, NULL, work, size,
                                 NULL) == TANGO_OK);
        CHECK(isfinite(largest(wave, 310)));
        free(work);
    }
    griffin_free(&g);
}

/* ---- builds of the inner loops ---------------------------------------------------- */

/* All results that depend on the kernels, one after the other; returns their count. */
static size_t everything(float *out, const griffin *g, const tango_audio_kernels *kernels)
{
    bench b = bench_of(NULL);
    converter c = converter_of(44100, 16000);
    const size_t size = tango_audio_griffin_lim_work_size(64, NULL);
    void *work = take(size), *invert = take(tango_audio_invert_mel_work_size(NULL));
    float *start = out, *x = floats(5000);
    double *wide = (double *)take(10000 * sizeof *wide);
    noise_state = 5;
    for (size_t n = 0; n < 5000; n++) x[n] = noise();
    b.front.fft.kernels = kernels;
    c.r.kernels = kernels;
    tango_audio_stft(out, out + 32 * 513, x, 5000, 0, 32, &b.front, b.work);
    out += 2 * 32 * 513;
    tango_audio_log_mel(out, x, 5000, 0, 32, &b.front, b.work);
    out += 32 * 64;
    tango_audio_resample(out, x, 5000, &c.r);
    out += tango_audio_resampled_count(5000, &c.r);
    for (size_t n = 0; n < 5000; n++) wide[n] = (double)x[n];
    tango_audio_resample_double(wide + 5000, wide, 5000, &c.r);
    memcpy(out, wide + 5000, tango_audio_resampled_count(5000, &c.r) * sizeof *wide);
    out += 2 * tango_audio_resampled_count(5000, &c.r);
    tango_audio_invert_mel(out, g->mel, 64, 60, &b.front, invert);
    out += 64 * 513;
    tango_audio_griffin_lim(out, g->magnitude, 64, 20, 0.99f, g->uniform, &b.front, NULL,
                            work, size, NULL);
    out += 63 * 160;
    for (size_t n = 2; n <= 2048; n *= 2) {
        plan p = plan_of(n);
        p.fft.kernels = kernels;
        memcpy(out, x, 2 * n * sizeof *x);
        tango_audio_fft_complex(out, out + n, &p.fft, p.work);
        out += 2 * n;
        plan_free(&p);
    }
    free(work), free(invert), free(x), free(wide), free(c.memory);
    bench_free(&b);
    return (size_t)(out - start);
}

static void all_builds_give_the_same_bits(void)
{
    griffin g = griffin_of();
    float *a = floats(100000), *b = floats(100000);
    const size_t count = everything(a, &g, &tango_audio__kernels_ref);
    CHECK(count < 100000);
    CHECK(count == everything(b, &g, tango_audio__kernels()));
    CHECK(memcmp(a, b, count * sizeof *a) == 0);
#ifdef TANGO_AUDIO__X86
    if (__builtin_cpu_supports("avx2")) { /* one that wider ones may have hidden */
        CHECK(count == everything(b, &g, &tango_audio__kernels_avx2));
        CHECK(memcmp(a, b, count * sizeof *a) == 0);
    }
#endif
    free(a), free(b);
    griffin_free(&g);
}

static void memory_may_lie_anywhere(void)
{
    const size_t size = tango_audio_front_size(NULL);
    const size_t work_size = tango_audio_frame_work_size(NULL);
    bench b = bench_of(NULL);
    float *x = noise_array(3001), *want = floats(19 * 64), *got = floats(19 * 64);
    tango_audio_log_mel(want, x + 1, 3000, 0, 19, &b.front, b.work);
    for (size_t shift = 4; shift < 64; shift += 12) {
        unsigned char *memory = (unsigned char *)take(size + shift);
        unsigned char *work = (unsigned char *)take(work_size + shift);
        tango_audio_front front;
        CHECK(tango_audio_front_init(&front, NULL, memory + shift, size, NULL) ==
              TANGO_OK);
        tango_audio_log_mel(got, x + 1, 3000, 0, 19, &front, work + shift);
        CHECK(memcmp(want, got, 19 * 64 * sizeof *got) == 0);
        free(memory), free(work);
    }
    free(x), free(want), free(got);
    bench_free(&b);
}

int main(int argc, char **argv)
{
    if (argc > 1) golden = argv[1];
    RUN(fft_of_an_impulse_is_flat);
    RUN(real_fft_is_the_sum);
    RUN(complex_fft_is_the_sum);
    RUN(inverse_returns_the_input);
    RUN(inverse_ignores_imaginary_ends);
    RUN(energy_is_kept);
    RUN(a_tone_fills_one_bin);
    RUN(fft_refuses_other_sizes_and_short_memory);
    RUN(windows_have_their_sums);
    RUN(frame_counts_are_known);
    RUN(both_ends_are_reflected);
    RUN(no_samples_are_silence);
    RUN(parts_equal_the_whole);
    RUN(inverse_stft_returns_the_sound);
    RUN(inverse_stft_refuses_gaps);
    RUN(parameters_out_of_range_are_named);
    RUN(chirp_matches_torch);
    RUN(slaney_basis_has_its_sums);
    RUN(slaney_basis_matches_librosa);
    RUN(htk_basis_has_its_values);
    RUN(librosa_basis_has_its_values);
    RUN(sparse_bands_are_the_dense_basis);
    RUN(fixture_has_its_values);
    RUN(fixture_matches_librosa);
    RUN(torchaudio_recipe_is_power_without_logarithm);
    RUN(librosa_recipe_is_power);
    RUN(logarithm_is_near_the_exact_one);
    RUN(nan_stays_in_its_frames);
    RUN(downmix_takes_first_or_average);
    RUN(peaks_and_means);
    RUN(normalise_centres_pads_and_halves);
    RUN(normalise_cuts_as_its_rule_says);
    RUN(normalise_knows_silence_and_bad_numbers);
    RUN(resampling_matches_torch);
    RUN(a_sine_stays_a_sine);
    RUN(equal_rates_copy);
    RUN(resampling_in_parts_equals_the_whole);
    RUN(resampler_refuses_odd_requests);
    RUN(decibels);
    RUN(a_weighting_is_the_standard_curve);
    RUN(mix_matches_loudness);
    RUN(silence_and_short_sounds_have_a_loudness);
    RUN(meter_has_the_standards_numbers);
    RUN(meter_gates_and_adds_channels);
    RUN(meter_refuses_odd_requests);
    RUN(inversion_matches_the_reference);
    RUN(inversion_explains_the_mel);
    RUN(inversion_takes_frames_one_by_one);
    RUN(griffin_lim_matches_the_reference);
    RUN(griffin_lim_converges);
    RUN(vocoder_refuses_bad_input);
    RUN(a_vocoder_says_how_far_it_is_and_stops);
    RUN(vocoder_takes_short_mels_and_other_sizes);
    RUN(all_builds_give_the_same_bits);
    RUN(memory_may_lie_anywhere);
    return CHECK_DONE();
}
