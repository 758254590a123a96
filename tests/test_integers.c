/* cc -I.. test_integers.c -lm -o t && ./t     prints one line a claim

   Products of integers (tango_nn.h), inputs of 16 bits with weights of 16 and of 8: the
   bound that keeps sums of a block inside of 32 bits, the same bytes from every kernel
   table, errors against sums in double, numbers that are none. */
#undef TANGO_NN_SMALL /* every tile, also where sanitizers are */
#define TANGO_NN_IMPLEMENTATION
#include "../tango_nn.h"
#include "check.h"
#include <stdlib.h>

/* ---- Tools ------------------------------------------------------------------------ */

#define GUARD 12345.0f
#define LIMIT 2147483647.0 /* 2^31 - 1 */
static const char *const level_names[] = { "reference", "avx2", "avx512", "vnni" };
static tango_nn_context contexts[4]; /* one for each level of this machine */
static size_t levels;
static uint32_t state = 1;
static tango_nn_type type = TANGO_NN_I16; /* of the weights */

static uint32_t next(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

/* About normal, the same sequence in each run. */
static float noise(void)
{
    double sum = -6.0;
    for (int i = 0; i < 12; i++) sum += (double)next() / 16777216.0;
    return (float)sum;
}

static size_t pick(size_t low, size_t high)
{
    return low + next() % (high - low + 1);
}

static void *take(size_t bytes)
{
    void *block = malloc(bytes + 64);
    if (!block) {
        printf("no memory\n");
        exit(1);
    }
    return block;
}

static float *noise_array(size_t count)
{
    float *x = (float *)take((count + 1) * sizeof(float));
    for (size_t i = 0; i < count; i++) x[i] = noise();
    return x;
}

static void start_levels(void)
{
    for (size_t i = 0; i < 4; i++) {
        tango_nn_context *c = &contexts[levels];
        c->kernels = tango_nn_kernels_named(level_names[i]);
        if (c->kernels == NULL) continue;
        c->threads = 1;
        c->work_size = tango_nn_work_size(3);
        c->work = take(c->work_size);
        levels++;
    }
}

/* A matrix of integers and the floats that it was made of, (outputs, channels, taps). */
typedef struct weights {
    tango_nn_matrix matrix;
    float *values;
    char *panels;
    size_t channels, taps;
} weights;

/* Bytes of a panel, and of a whole block. */
static size_t panel_bytes(size_t inputs)
{
    return tango_nn_panels_size(16, inputs, type);
}

/* The error of a product against floats, as a part of the largest number. */
static double tolerance(void)
{
    return type == TANGO_NN_I8 ? 1.2e-2 : 2e-4;
}

static weights make_weights(size_t outputs, size_t channels, size_t taps)
{
    weights w;
    const size_t inputs = channels * taps;
    const size_t bytes = panel_bytes(inputs);
    w.values = noise_array(outputs * inputs);
    w.panels = (char *)take((outputs + 15) / 16 * bytes + 4);
    w.channels = channels;
    w.taps = taps;
    w.matrix.panels = w.panels + 4; /* not aligned */
    w.matrix.outputs = outputs;
    w.matrix.inputs = inputs;
    w.matrix.type = type;
    for (size_t o = 0; o < outputs; o += 16) {
        tango_nn_pack_panel(w.panels + 4 + o / 16 * bytes, type,
                            w.values + o * inputs, outputs - o < 16 ? outputs - o : 16,
                            channels, taps);
    }
    return w;
}

static void drop_weights(weights *w)
{
    free(w->values);
    free(w->panels);
}

/* Weight (output, input) as the panels have it. */
static double stored(const weights *w, size_t output, size_t input)
{
    const char *block = (const char *)w->matrix.panels
                        + output / 16 * panel_bytes(w->matrix.inputs)
                        + input / 128 * panel_bytes(128);
    const size_t at = input % 128 / 2 * 32 + output % 16 * 2 + input % 2;
    float scale;
    int16_t q;
    memcpy(&scale, block + output % 16 * 4, 4);
    if (type == TANGO_NN_I8) q = (signed char)block[64 + at];
    else memcpy(&q, block + 64 + 2 * at, 2);
    return (double)scale * (double)q;
}

/* The integers of a row of x, block by block, times their scales. */
static void quantized(double *out, const float *x, size_t count)
{
    for (size_t k = 0; k < count; k += 128) {
        float block[128] = { 0 };
        int16_t q[128];
        const size_t n = count - k < 128 ? count - k : 128;
        memcpy(block, x + k, n * sizeof *block);
        const double scale = (double)tango_nn__quantize_block(q, block, 128);
        for (size_t i = 0; i < n; i++) out[k + i] = scale * (double)q[i];
    }
}

/* ---- The bound -------------------------------------------------------------------- */

/* Quantises n numbers; checks the bounds; returns the sum of squares of the integers. */
static double squares(const float *x, size_t n)
{
    float block[128] = { 0 };
    int16_t q[128];
    double sum = 0;
    memcpy(block, x, n * sizeof *x);
    const float scale = tango_nn__quantize_block(q, block, 128);
    for (size_t i = 0; i < 128; i++) {
        CHECK(q[i] >= -32767);
        CHECK_NEAR((double)q[i] * (double)scale, (double)block[i],
                   0.5001 * (double)scale + 3e-7 * fabs((double)block[i]));
        sum += (double)q[i] * (double)q[i];
    }
    CHECK(sum <= LIMIT);
    return sum;
}

static void blocks_of_noise_use_the_range_and_keep_the_bound(void)
{
    for (size_t i = 0; i < 2000; i++) {
        float x[128];
        const size_t n = pick(1, 128);
        const float size = (float)ldexp(1.0, (int)pick(0, 180) - 90);
        for (size_t k = 0; k < n; k++) x[k] = noise() * size;
        const double sum = squares(x, n);
        CHECK(n < 4 || sum > 0.4 * LIMIT); /* of few numbers the largest decides */
        CHECK(n < 64 || sum > 0.998 * LIMIT);
    }
}

/* Rounding adds most where all numbers lie just above a half: of n equal numbers the
   integers are looked for that come closest to the bound. */
static void the_worst_rounding_keeps_the_bound(void)
{
    double most = 0;
    for (size_t n = 2; n <= 128; n++) {
        for (size_t i = 0; i < 400; i++) {
            /* One number moves the scale so that the equal ones pass a half. */
            float x[128];
            const double large = 32767.0 * (double)i / 400.0;
            const double rest = 46334.0 * 46334.0 - large * large;
            const double each = floor(sqrt(rest / (double)(n - 1))) + 0.5001;
            for (size_t k = 0; k < n; k++) x[k] = (float)each;
            x[n - 1] = (float)large;
            const double sum = squares(x, n);
            if (sum > most) most = sum;
        }
    }
    CHECK(most <= LIMIT);
    CHECK(most > 46338.0 * 46338.0); /* the search does come near it */
}

static void a_product_at_the_bound_is_exact(void)
{
    /* The same numbers on both sides, all signs alike: the largest sum that there is. */
    for (size_t n = 1; n <= 128; n++) {
        float x[128];
        for (size_t k = 0; k < n; k++) x[k] = 1.0f + 1e-4f * (float)(k % 3);
        weights w = make_weights(1, n, 1);
        tango_nn_pack_panel(w.panels + 4, type, x, 1, n, 1);
        double want = 0, row[128];
        quantized(row, x, n);
        for (size_t k = 0; k < n; k++) want += row[k] * stored(&w, 0, k);
        for (size_t i = 0; i < levels; i++) {
            float out = 0;
            tango_nn_linear(&contexts[i], &out, x, 1, &w.matrix, NULL);
            CHECK_NEAR(out, want, 2e-7 * want);
        }
        drop_weights(&w);
    }
}

/* ---- Products --------------------------------------------------------------------- */

/* All levels give the bytes of the first; errors against the integers in double are those
   of float sums, those against the floats within the type's tolerance. */
static void check_linear(size_t rows, size_t outputs, size_t inputs)
{
    weights w = make_weights(outputs, inputs, 1);
    float *x = noise_array(rows * inputs), *first = noise_array(rows * outputs);
    float *out = noise_array(rows * outputs);
    double *q = (double *)take(inputs * sizeof *q), peak = 0, off = 0;
    for (size_t i = 0; i < levels; i++) {
        float *to = i ? out : first;
        memset(to, 0xff, rows * outputs * sizeof *to);
        to[rows * outputs] = GUARD;
        tango_nn_linear(&contexts[i], to, x, rows, &w.matrix, NULL);
        CHECK(to[rows * outputs] == GUARD);
        CHECK(memcmp(to, first, rows * outputs * sizeof *to) == 0);
    }
    for (size_t r = 0; r < rows; r++) {
        quantized(q, x + r * inputs, inputs);
        for (size_t o = 0; o < outputs; o++) {
            double exact = 0, want = 0, size = 0;
            const double got = (double)first[r * outputs + o];
            for (size_t k = 0; k < inputs; k++) {
                const double term = q[k] * stored(&w, o, k);
                exact += term;
                size += fabs(term);
                want += (double)x[r * inputs + k] * (double)w.values[o * inputs + k];
            }
            CHECK_NEAR(got, exact, 4e-7 * size + 1e-30);
            if (fabs(want) > peak) peak = fabs(want);
            if (fabs(want - got) > off) off = fabs(want - got);
        }
    }
    CHECK(off <= tolerance() * peak || rows * outputs < 1000);
    free(x);
    free(out);
    free(first);
    free(q);
    drop_weights(&w);
}

static void products_of_every_height_and_width_agree(void)
{
    for (size_t rows = 1; rows <= 40; rows++) {
        check_linear(rows, 1 + rows % 3 + 5 * (rows % 14), pick(1, 600));
    }
}

static void products_of_every_depth_agree(void)
{
    for (size_t inputs = 1; inputs <= 530; inputs++) {
        check_linear(pick(1, 5), pick(1, 20), inputs);
    }
}

static void products_of_several_blocks_agree(void)
{
    check_linear(431, 97, 20);
    check_linear(3, 1100, 259);
    check_linear(253, 530, 33);
    check_linear(61, 64, 2880);
}

static void products_without_inputs_or_rows_are_defined(void)
{
    const float bias[3] = { 1, 2, 3 };
    for (size_t i = 0; i < levels; i++) {
        weights w = make_weights(3, 0, 1);
        float out[6] = { 7, 7, 7, 7, 7, 7 };
        tango_nn_epilogue e = { 0 };
        e.bias = bias;
        tango_nn_linear(&contexts[i], out, out, 0, &w.matrix, &e);
        CHECK(out[0] == 7);
        tango_nn_linear(&contexts[i], out, out, 2, &w.matrix, &e);
        CHECK(out[0] == 1 && out[1] == 2 && out[2] == 3 && out[5] == 3);
        drop_weights(&w);
    }
}

static void panels_have_the_documented_size(void)
{
    CHECK(tango_nn_panels_size(16, 128, TANGO_NN_I16) == 4160);
    CHECK(tango_nn_panels_size(17, 129, TANGO_NN_I16) == 2 * (4160 + 128));
    CHECK(tango_nn_panels_size(1, 3, TANGO_NN_I16) == 64 + 128);
    CHECK(tango_nn_panels_size(0, 10, TANGO_NN_I16) == 0);
    CHECK(tango_nn_panels_size(SIZE_MAX, 128, TANGO_NN_I16) == 0);
    CHECK(tango_nn_panels_size(16, SIZE_MAX / 16, TANGO_NN_I16) == 0);
    CHECK(tango_nn_panels_size(16, 128, TANGO_NN_I8) == 64 + 2048);
    CHECK(tango_nn_panels_size(17, 129, TANGO_NN_I8) == 2 * (64 + 2048 + 64 + 32));
    CHECK(tango_nn_panels_size(16, SIZE_MAX / 16, TANGO_NN_I8) == 0);
}

/* Runs tasks last first, dealt to three workers. */
static void backwards(void *pool, size_t count, tango_nn_task *task, void *data)
{
    (void)pool;
    while (count-- > 0) task(data, count, count % 3);
}

static void convolutions_agree_on_all_levels_and_threads(void)
{
    const tango_nn_conv shapes[] = {
        { 2, 17, 6, 20, 17, 6, 3, 3, 0, 0, 1, 1, 0, 0, 0 },
        { 1, 40, 1, 33, 40, 1, 7, 1, 1, 3, 9, 0, 0, 0, 0.1f },
        { 1, 16, 8, 31, 8, 4, 3, 3, 2, 1, 1, 1, 0, 0, 0 },
        { 2, 12, 8, 24, 12, 8, 3, 3, 1, 1, 1, 1, 6, 4, 0 },
    };
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const tango_nn_conv *c = &shapes[s];
        const size_t rows = c->batch * c->out_height * c->out_width, outputs = 37;
        const size_t y = c->source_height ? c->source_height : c->height;
        const size_t x_width = c->source_width ? c->source_width : c->width;
        weights w = make_weights(outputs, c->channels,
                                 c->kernel_height * c->kernel_width);
        float *x = noise_array(c->batch * y * x_width * c->channels);
        float *first = noise_array(rows * outputs), *out = noise_array(rows * outputs);
        float *plain = noise_array(rows * outputs), peak = 0, off = 0;
        float *last = noise_array(rows * outputs);
        const size_t bytes = rows * outputs * sizeof *last;
        float *panels = (float *)take(tango_nn_panels_size(outputs, w.matrix.inputs,
                                                           TANGO_NN_F32));
        tango_nn_matrix floats = w.matrix;
        floats.panels = panels;
        floats.type = TANGO_NN_F32;
        for (size_t o = 0; o < outputs; o += 16) {
            tango_nn_pack_panel(panels + o * w.matrix.inputs, TANGO_NN_F32,
                                w.values + o * w.matrix.inputs,
                                outputs - o < 16 ? outputs - o : 16, c->channels, w.taps);
        }
        tango_nn_conv2d(&contexts[0], plain, x, c, &floats, NULL);
        tango_nn_conv2d(&contexts[0], first, x, c, &w.matrix, NULL);
        for (size_t i = 0; i < rows * outputs; i++) {
            peak = fmaxf(peak, fabsf(plain[i]));
            off = fmaxf(off, fabsf(plain[i] - first[i]));
        }
        CHECK((double)off <= tolerance() * (double)peak);
        for (size_t i = 0; i < 2 * levels; i++) {
            tango_nn_context context = contexts[i / 2];
            if (i % 2) {
                context.threads = 3;
                context.parallel_for = backwards;
            }
            tango_nn_conv2d(&context, out, x, c, &w.matrix, NULL);
            for (size_t k = 0; k < rows * outputs; k++) { /* Winograd's are of floats */
                CHECK_NEAR(out[k], first[k], 4e-6f * peak);
            }
            if (c->stride == 2) CHECK(memcmp(out, first, bytes) == 0);
            if (i % 2) CHECK(memcmp(out, last, bytes) == 0);
            memcpy(last, out, bytes);
        }
        free(last);
        free(x);
        free(first);
        free(out);
        free(plain);
        free(panels);
        drop_weights(&w);
    }
}

/* Any inputs of a panel, from even and odd ones on, across blocks. */
static void weights_widen_alike_on_all_levels(void)
{
    for (size_t round = 0; round < 500; round++) {
        const size_t inputs = pick(1, 400), k = pick(0, inputs - 1);
        const size_t depth = pick(0, inputs - k);
        weights w = make_weights(16, inputs, 1);
        float *out = noise_array(depth * 16);
        for (size_t i = 0; i < levels; i++) {
            memset(out, 0xff, depth * 16 * sizeof *out);
            out[depth * 16] = GUARD;
            contexts[i].kernels->widen_blocks(out, w.matrix.panels, type, k, depth);
            CHECK(out[depth * 16] == GUARD);
            for (size_t n = 0; n < depth * 16; n++) {
                CHECK(out[n] == (float)stored(&w, n % 16, k + n / 16));
            }
        }
        free(out);
        drop_weights(&w);
    }
}

/* ---- Numbers that are none -------------------------------------------------------- */

static void rows_with_nan_or_infinity_become_nan_and_others_stay(void)
{
    const float odd[] = { NAN, INFINITY, -INFINITY };
    for (size_t o = 0; o < 3; o++) {
        for (size_t i = 0; i < levels; i++) {
            weights w = make_weights(20, 300, 1);
            float *x = noise_array(5 * 300), out[100], want[100];
            tango_nn_linear(&contexts[i], want, x, 5, &w.matrix, NULL);
            x[2 * 300 + 150] = odd[o];
            tango_nn_linear(&contexts[i], out, x, 5, &w.matrix, NULL);
            for (size_t k = 0; k < 100; k++) {
                if (k / 20 == 2) CHECK(isnan(out[k]));
                else CHECK(out[k] == want[k]);
            }
            free(x);
            drop_weights(&w);
        }
    }
}

/* A convolution by transforms: the tile of a number that is none has such numbers, all
   others stay, to the bit; 1e30 gives finite ones. */
static void convolutions_carry_what_is_no_number(void)
{
    const tango_nn_conv c = { 1, 16, 16, 32, 16, 16, 3, 3, 1, 1, 1, 1, 0, 0, 0 };
    const float odd[] = { NAN, INFINITY, -INFINITY, 1e30f, -3e35f };
    const size_t place = 5 * 16 + 5; /* of the tiles of rows and columns 4 to 7 only */
    float *x = noise_array(256 * 32), *want = noise_array(256 * 16);
    float *out = noise_array(256 * 16);
    weights w = make_weights(16, 32, 9);
    for (size_t o = 0; o < 5 * levels; o++) {
        const tango_nn_context *context = &contexts[o / 5];
        x[place * 32 + 3] = 0;
        tango_nn_conv2d(context, want, x, &c, &w.matrix, NULL);
        x[place * 32 + 3] = odd[o % 5];
        tango_nn_conv2d(context, out, x, &c, &w.matrix, NULL);
        for (size_t k = 0; k < 256 * 16; k++) {
            const size_t y = k / 256, at = k / 16 % 16;
            if (y > 7 || at > 7) CHECK(out[k] == want[k]);
            if (o % 5 > 2) CHECK(tango_nn_all_finite(out + k, 1));
            else if (k / 16 == place) CHECK(!tango_nn_all_finite(out + k, 1));
        }
    }
    free(x);
    free(want);
    free(out);
    drop_weights(&w);
}

static void very_large_and_very_small_numbers_are_right(void)
{
    const float sizes[] = { 1e30f, 3e36f, 1e-25f, 1e-29f };
    for (size_t s = 0; s < 4; s++) {
        weights w = make_weights(16, 256, 1);
        float *x = noise_array(256), *y = noise_array(256), want[16], out[16];
        for (size_t k = 0; k < 256; k++) y[k] = x[k] * sizes[s];
        tango_nn_linear(&contexts[0], want, x, 1, &w.matrix, NULL);
        for (size_t i = 0; i < levels; i++) {
            tango_nn_linear(&contexts[i], out, y, 1, &w.matrix, NULL);
            for (size_t k = 0; k < 16; k++) {
                const double scaled = (double)want[k] * (double)sizes[s];
                CHECK_NEAR(out[k], scaled, 1e-2 * fabs((double)sizes[s]));
            }
        }
        for (size_t k = 0; k < 256; k++) y[k] = k ? 0.0f : 1e-38f; /* counts as zero */
        tango_nn_linear(&contexts[levels - 1], out, y, 1, &w.matrix, NULL);
        for (size_t k = 0; k < 16; k++) CHECK(out[k] == 0);
        free(x);
        free(y);
        drop_weights(&w);
    }
}

/* Whatever stands in a file: integers beyond the bound wrap alike on all levels, scales
   that are no numbers give what float gives. */
static void panels_of_any_bytes_are_defined(void)
{
    const float scales[] = { NAN, INFINITY, -1.0f, 0.0f, 3e38f };
    weights w = make_weights(16, 200, 1);
    float *x = noise_array(9 * 200), first[144], out[144];
    for (size_t round = 0; round < 40; round++) {
        const size_t bytes = panel_bytes(200);
        for (size_t i = 0; i < bytes; i += 2) {
            int16_t q = (int16_t)(round % 2 ? -32768 : (int)pick(0, 65535) - 32768);
            memcpy(w.panels + 4 + i, &q, 2);
        }
        for (size_t i = 0; i < 32; i++) {
            float scale = i < 5 ? scales[i] : 1e-4f;
            memcpy(w.panels + 4 + i / 16 * panel_bytes(128) + i % 16 * 4, &scale, 4);
        }
        for (size_t i = 0; i < 9 * 200; i++) {
            if (round == 3) x[i] = i % 2 ? -1.0f : 1.0f;
        }
        for (size_t i = 0; i < levels; i++) {
            float *to = i ? out : first;
            tango_nn_linear(&contexts[i], to, x, 9, &w.matrix, NULL);
            for (size_t k = 0; k < 144; k++) {
                if (isnan(first[k])) CHECK(isnan(to[k]));
                else CHECK(to[k] == first[k]);
            }
            CHECK(isnan(first[0]) && first[3] == first[3]);
        }
    }
    free(x);
    drop_weights(&w);
}

static void weights_that_are_no_numbers_pack_to_nan(void)
{
    float w[40] = { 0 }, x[40], out[2];
    char panel[64 + 64 * 20];
    tango_nn_matrix m = { panel, 2, 20, type };
    for (size_t i = 0; i < 40; i++) x[i] = noise();
    w[3] = NAN;
    w[25] = 2.0f;
    tango_nn_pack_panel(panel, type, w, 2, 20, 1);
    for (size_t i = 0; i < levels; i++) {
        tango_nn_linear(&contexts[i], out, x, 1, &m, NULL);
        CHECK(isnan(out[0]));
        CHECK_NEAR(out[1], 2.0f * x[5], 3e-4);
    }
}

/* Weights of 8 bits: the whole range is used, and half a scale is the largest error. */
static void bytes_use_the_range(void)
{
    for (size_t round = 0; round < 500; round++) {
        const size_t inputs = pick(1, 128);
        const double size = ldexp(1.0, (int)pick(0, 180) - 90);
        float x[128], scale;
        char panel[64 + 2048];
        double most = 0;
        long largest = 0;
        for (size_t k = 0; k < inputs; k++) x[k] = (float)((double)noise() * size);
        tango_nn_pack_panel(panel, TANGO_NN_I8, x, 1, inputs, 1);
        memcpy(&scale, panel, 4);
        for (size_t k = 0; k < inputs; k++) {
            const long q = (signed char)panel[64 + k / 2 * 32 + k % 2];
            most = fmax(most, fabs((double)q * (double)scale - (double)x[k]));
            if (labs(q) > largest) largest = labs(q);
        }
        CHECK(largest == 127);
        CHECK(most <= 0.5001 * (double)scale);
    }
}

/* The worst sums that a file can ask for: bytes of -128 beside inputs at their bound. */
static void no_bytes_can_break_the_bound(void)
{
    float x[128], out;
    double want = 0, row[128];
    weights w = make_weights(1, 128, 1);
    const float one = 1.0f;
    for (size_t k = 0; k < 128; k++) x[k] = 1.0f + 1e-4f * (float)(k % 3);
    memset(w.panels + 4 + 64, 0x80, 2048);
    memcpy(w.panels + 4, &one, 4);
    quantized(row, x, 128);
    for (size_t k = 0; k < 128; k++) want += row[k] * stored(&w, 0, k);
    CHECK(stored(&w, 0, 127) == -128);
    for (size_t i = 0; i < levels; i++) {
        tango_nn_linear(&contexts[i], &out, x, 1, &w.matrix, NULL);
        CHECK_NEAR(out, want, 2e-7 * fabs(want));
    }
    drop_weights(&w);
}

/* All that both types of weights share. */
static void run_products(void)
{
    RUN(a_product_at_the_bound_is_exact);
    RUN(products_of_every_height_and_width_agree);
    RUN(products_of_every_depth_agree);
    RUN(products_of_several_blocks_agree);
    RUN(products_without_inputs_or_rows_are_defined);
    RUN(convolutions_agree_on_all_levels_and_threads);
    RUN(weights_widen_alike_on_all_levels);
    RUN(rows_with_nan_or_infinity_become_nan_and_others_stay);
    RUN(convolutions_carry_what_is_no_number);
    RUN(very_large_and_very_small_numbers_are_right);
    RUN(panels_of_any_bytes_are_defined);
    RUN(weights_that_are_no_numbers_pack_to_nan);
}

int main(void)
{
    start_levels();
    RUN(blocks_of_noise_use_the_range_and_keep_the_bound);
    RUN(the_worst_rounding_keeps_the_bound);
    RUN(panels_have_the_documented_size);
    run_products();
    printf("8 bits:\n");
    type = TANGO_NN_I8;
    RUN(bytes_use_the_range);
    RUN(no_bytes_can_break_the_bound);
    run_products();
    for (size_t i = 0; i < levels; i++) free(contexts[i].work);
    return CHECK_DONE();
}
