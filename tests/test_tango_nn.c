/* cc -I.. test_tango_nn.c -lm -pthread -o t && ./t     prints one line a claim

   Every kernel table of this machine is compared with plain loops in double, on ragged
   sizes and on pointers that are aligned to a float only. Behind each output lies a
   guard value that must survive. -DTEST_NO_THREADS leaves out the thread pool. */
#ifndef TEST_NO_THREADS
#define TANGO_PTHREADS
#endif
#undef TANGO_NN_SMALL /* every tile, also where sanitizers are */
#define TANGO_NN_IMPLEMENTATION
#include "../tango_nn.h"
#include "check.h"
#include <stdlib.h>

/* ---- Tools ------------------------------------------------------------------------ */

#define GUARD 12345.0f
static const char *const level_names[] = { "reference", "avx2", "avx512", "vnni" };
static tango_nn_context contexts[4]; /* one for each level of this machine */
static size_t levels;
static uint32_t state = 1;

/* A float in (-1, 1), the same sequence in each run. */
static float noise(void)
{
    state = state * 1664525u + 1013904223u;
    return ((float)(state >> 8) - 8388607.5f) / 8388608.0f;
}

/* A whole number in low .. high. */
static size_t pick(size_t low, size_t high)
{
    state = state * 1664525u + 1013904223u;
    return low + (size_t)(state >> 8) % (high - low + 1);
}

static void *take(size_t bytes)
{
    void *block = malloc(bytes ? bytes : 1);
    if (!block) {
        printf("no memory\n");
        exit(1);
    }
    return block;
}

/* Arrays begin one float behind what malloc returns: 4-byte alignment and no more. */
static float *array(size_t count)
{
    float *block = (float *)take((count + 2) * sizeof(float));
    block[count + 1] = GUARD;
    return block + 1;
}

static float *noise_array(size_t count)
{
    float *x = array(count);
    for (size_t i = 0; i < count; i++) x[i] = noise();
    return x;
}

static float *copy_array(const float *x, size_t count)
{
    float *y = array(count);
    if (count) memcpy(y, x, count * sizeof *y);
    return y;
}

/* Checks the guard, then frees. */
static void drop(float *x, size_t count)
{
    CHECK(x[count] == GUARD);
    free(x - 1);
}

/* Largest |got - want| over tolerance; NaN counts as failure. */
static double worst(const float *got, const double *want, const double *tolerance,
                    size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        const double share = fabs((double)got[i] - want[i]) / tolerance[i];
        if (!(share <= most)) most = share;
        if (share != share) return 1e30;
    }
    return most;
}

static void start_levels(void)
{
    for (size_t i = 0; i < 4; i++) {
        const tango_nn_kernels *kernels = tango_nn_kernels_named(level_names[i]);
        tango_nn_context *c = &contexts[levels];
        if (kernels == NULL) continue;
        c->kernels = kernels;
        c->threads = 1;
        c->work_size = tango_nn_work_size(8); /* enough for every test */
        c->work = take(c->work_size);
        levels++;
    }
}

/* A packed matrix of noise and the values that the panels stand for, (outputs, channels,
   taps). */
typedef struct weights {
    tango_nn_matrix matrix;
    float *values;
    void *panels;
    size_t channels, taps;
} weights;

static weights make_weights(size_t outputs, size_t channels, size_t taps,
                            tango_nn_type type)
{
    weights w;
    const size_t inputs = channels * taps;
    w.values = noise_array(outputs * inputs);
    w.panels = take(tango_nn_panels_size(outputs, inputs, type) + 4);
    w.channels = channels;
    w.taps = taps;
    w.matrix.panels = (char *)w.panels + 4; /* not aligned */
    w.matrix.outputs = outputs;
    w.matrix.inputs = inputs;
    w.matrix.type = type;
    for (size_t o = 0; o < outputs; o += 16) {
        const size_t bytes = tango_nn_panels_size(16, inputs, type);
        tango_nn_pack_panel((char *)w.panels + 4 + o / 16 * bytes, type,
                            w.values + o * inputs, outputs - o < 16 ? outputs - o : 16,
                            channels, taps);
    }
    for (size_t i = 0; i < outputs * inputs; i++) {
        float *v = &w.values[i];
        if (type == TANGO_NN_F16) *v = tango_nn_half_to_float(tango_nn_float_to_half(*v));
        if (type == TANGO_NN_BF16)
            *v = tango_nn_bf16_to_float(tango_nn_float_to_bf16(*v));
    }
    return w;
}

static void drop_weights(weights *w)
{
    drop(w->values, w->matrix.outputs * w->matrix.inputs);
    free(w->panels);
}

static double activate(double x, tango_nn_activation activation)
{
    switch (activation) {
    case TANGO_NN_NONE: return x;
    case TANGO_NN_SILU: return x / (1 + exp(-x));
    case TANGO_NN_GELU: return 0.5 * x * (1 + erf(x * sqrt(0.5)));
    case TANGO_NN_GELU_TANH:
        return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
    case TANGO_NN_TANH: return tanh(x);
    case TANGO_NN_QUICK_GELU: return x / (1 + exp(-1.702 * x));
    case TANGO_NN_RELU: return x > 0 ? x : 0;
    }
    return x;
}

/* ---- Weights ---------------------------------------------------------------------- */

static double half_value(unsigned half)
{
    const int exponent = (int)(half >> 10 & 31u), fraction = (int)(half & 1023u);
    const double size = exponent ? ldexp(1024 + fraction, exponent - 25)
                                 : ldexp(fraction, -24);
    return half & 0x8000u ? -size : size;
}

static void every_half_is_exact_in_float_and_comes_back(void)
{
    unsigned bad = 0;
    for (unsigned h = 0; h < 65536; h++) {
        const float f = tango_nn_half_to_float((uint16_t)h);
        const unsigned back = tango_nn_float_to_half(f);
        if ((h & 0x7c00u) != 0x7c00u) {
            bad += (double)f != half_value(h) || back != h;
        } else if (h & 1023u) { /* NaN: stays one, becomes quiet, keeps its sign */
            bad += f == f || back != (h | 0x200u);
        } else {
            bad += !(f * 0.5f == f) || back != h || (f < 0) != (h >> 15 & 1u);
        }
    }
    CHECK(bad == 0);
}

static void floats_round_to_the_nearest_half(void)
{
    unsigned bad = 0;
    for (unsigned h = 0; h < 0x7bffu; h++) { /* between h and its successor */
        const float low = (float)half_value(h), high = (float)half_value(h + 1);
        const float middle = low + (high - low) / 2;
        bad += tango_nn_float_to_half(middle) != (h & 1u ? h + 1 : h);
        bad += tango_nn_float_to_half(nextafterf(middle, low)) != h;
        bad += tango_nn_float_to_half(nextafterf(middle, high)) != h + 1;
        bad += tango_nn_float_to_half(-nextafterf(middle, high)) != (h + 1) + 0x8000u;
    }
    CHECK(bad == 0);
    CHECK(tango_nn_float_to_half(65519.99f) == 0x7bffu);
    CHECK(tango_nn_float_to_half(65520.0f) == 0x7c00u);
    CHECK(tango_nn_float_to_half(-1e30f) == 0xfc00u);
    CHECK(tango_nn_float_to_half(1e-30f) == 0);
}

static void floats_round_to_the_nearest_bf16(void)
{
    size_t bad = 0;
    for (uint32_t h = 0; h < 0x7f80u; h++) { /* all finite ones, and half way behind */
        const float low = tango_nn_bf16_to_float((uint16_t)h);
        const float middle = tango_nn__from_bits(h << 16 | 0x8000u);
        const uint16_t up = (uint16_t)(h + 1);
        bad += tango_nn_float_to_bf16(low) != h;
        bad += tango_nn_float_to_bf16(middle) != (h & 1u ? up : h);
        bad += tango_nn_float_to_bf16(tango_nn__from_bits(h << 16 | 0x7fffu)) != h;
        bad += tango_nn_float_to_bf16(tango_nn__from_bits(h << 16 | 0x8001u)) != up;
        bad += tango_nn_float_to_bf16(-low) != (h | 0x8000u);
    }
    CHECK(bad == 0);
    CHECK(tango_nn_bf16_to_float(0x3fc0u) == 1.5f);
    CHECK(tango_nn_float_to_bf16(HUGE_VALF) == 0x7f80u);
    CHECK(tango_nn_float_to_bf16(3.4e38f) == 0x7f80u);
    CHECK(isnan(tango_nn_bf16_to_float(
        tango_nn_float_to_bf16(tango_nn__from_bits(0x7f800001u)))));
}

static void panel_sizes_are_checked(void)
{
    CHECK(tango_nn_panels_size(16, 10, TANGO_NN_F32) == 640);
    CHECK(tango_nn_panels_size(17, 10, TANGO_NN_F16) == 640);
    CHECK(tango_nn_panels_size(17, 10, TANGO_NN_BF16) == 640);
    CHECK(tango_nn_panels_size(0, 10, TANGO_NN_F32) == 0);
    CHECK(tango_nn_panels_size(SIZE_MAX, 2, TANGO_NN_F32) == 0);
    CHECK(tango_nn_panels_size(16, SIZE_MAX / 63, TANGO_NN_F32) == 0);
    CHECK(tango_nn_work_size(SIZE_MAX / 8) == 0);
    CHECK(tango_nn_work_size(2) > tango_nn_work_size(1));
}

static void a_panel_holds_inputs_tap_by_tap(void)
{
    float panel[3 * 2 * 16], w[2 * 3 * 2]; /* 2 outputs, 3 channels, 2 taps */
    for (size_t i = 0; i < 12; i++) w[i] = (float)i;
    tango_nn_pack_panel(panel, TANGO_NN_F32, w, 2, 3, 2);
    for (size_t tap = 0; tap < 2; tap++) {
        for (size_t channel = 0; channel < 3; channel++) {
            const float *row = panel + (tap * 3 + channel) * 16;
            CHECK(row[0] == w[channel * 2 + tap]);
            CHECK(row[1] == w[6 + channel * 2 + tap]);
            for (size_t o = 2; o < 16; o++) CHECK(row[o] == 0);
        }
    }
}

/* All kernels turn a matrix into the same panel, also where the pieces end raggedly and
   where there are more taps than a piece has rows. */
static void panels_are_the_same_by_all_kernels(void)
{
    static const char *const names[] = { "reference", "avx2", "avx512" };
    static const size_t taps[] = { 1, 2, 3, 9, 11, 256, 300 };
    static const size_t channels[] = { 1, 7, 8, 29, 85 };
    for (size_t i = 0; i < 7 * 5 * 2; i++) {
        const size_t t = taps[i % 7], c = channels[i / 7 % 5];
        const tango_nn_type type =
            i < 35 ? TANGO_NN_F32 : i % 2 ? TANGO_NN_F16 : TANGO_NN_BF16;
        const size_t bytes = tango_nn_panels_size(16, c * t, type);
        float *w = noise_array(16 * c * t);
        char *one = (char *)take(bytes), *other = (char *)take(bytes + 4) + 4;
        int bad = 0;
        for (size_t o = 1; o <= 16; o += o == 1 ? 4 : 11) {
            tango_nn_pack_panel(one, type, w, o, c, t);
            for (size_t k = 0; k < 3; k++) {
                const tango_nn_kernels *kernels = tango_nn_kernels_named(names[k]);
                if (!kernels) continue;
                memset(other, 1, bytes);
                tango_nn_pack_panel_by(kernels, other, type, w, o, c, t);
                bad += memcmp(one, other, bytes) != 0;
            }
        }
        CHECK(bad == 0);
        free(other - 4);
        free(one);
        drop(w, 16 * c * t);
    }
}

static void kernels_have_names(void)
{
    CHECK(tango_nn_kernels_named("reference") == tango_nn_reference());
    CHECK(tango_nn_kernels_named("mmx") == NULL);
    CHECK(tango_nn_kernels_named("avx") == NULL);
    CHECK(tango_nn_kernels_named(NULL) == NULL);
    CHECK(tango_nn_kernels_named(tango_nn_kernels_name(tango_nn_detect()))
          == tango_nn_detect());
    CHECK(contexts[levels - 1].kernels == tango_nn_detect());
}

/* ---- Product ---------------------------------------------------------------------- */

/* want (rows, outputs) = x w^T in double; tolerance grows with the sum of |x w|. */
static void product(double *want, double *tolerance, const float *x, size_t rows,
                    const weights *w)
{
    const size_t inputs = w->matrix.inputs, outputs = w->matrix.outputs;
    for (size_t r = 0; r < rows; r++) {
        for (size_t o = 0; o < outputs; o++) {
            double sum = 0, size = 0;
            for (size_t k = 0; k < inputs; k++) {
                const double v = (double)x[r * inputs + k]
                                 * (double)w->values[o * inputs + k];
                sum += v;
                size += fabs(v);
            }
            want[r * outputs + o] = sum;
            tolerance[r * outputs + o] = 4e-7 * size + 1e-30;
        }
    }
}

/* Largest error over tolerance of a plain product, over all levels. */
static double linear_error(size_t rows, size_t outputs, size_t inputs, tango_nn_type type)
{
    weights w = make_weights(outputs, inputs, 1, type);
    float *x = noise_array(rows * inputs), *out = array(rows * outputs);
    double *want = (double *)take(rows * outputs * sizeof *want), most = 0;
    double *tolerance = (double *)take(rows * outputs * sizeof *want);
    product(want, tolerance, x, rows, &w);
    for (size_t i = 0; i < levels; i++) {
        double error;
        memset(out, 0xff, rows * outputs * sizeof *out); /* NaN */
        tango_nn_linear(&contexts[i], out, x, rows, &w.matrix, NULL);
        error = worst(out, want, tolerance, rows * outputs);
        if (error > most) most = error;
    }
    free(want);
    free(tolerance);
    drop(x, rows * inputs);
    drop(out, rows * outputs);
    drop_weights(&w);
    return most;
}

static void products_of_every_height_and_width_are_right(void)
{
    for (size_t rows = 1; rows <= 40; rows++) {
        for (size_t outputs = 1 + rows % 3; outputs <= 70; outputs += 3) {
            CHECK(linear_error(rows, outputs, pick(1, 600), TANGO_NN_F32) <= 1);
        }
    }
}

static void products_of_every_depth_are_right(void)
{
    for (size_t inputs = 1; inputs <= 600; inputs++) {
        CHECK(linear_error(pick(1, 5), pick(1, 20), inputs, TANGO_NN_F32) <= 1);
    }
}

static void products_of_half_weights_are_right(void)
{
    for (size_t i = 1; i <= 40; i++) {
        CHECK(linear_error(i, pick(1, 70), pick(1, 600), TANGO_NN_F16) <= 1);
    }
}

static void products_of_several_blocks_are_right(void)
{
    CHECK(linear_error(431, 97, 20, TANGO_NN_F32) <= 1);
    CHECK(linear_error(3, 1100, 259, TANGO_NN_F32) <= 1);
    CHECK(linear_error(253, 530, 33, TANGO_NN_F16) <= 1);
}

static void products_without_inputs_or_rows_are_defined(void)
{
    const float bias[3] = { 1, 2, 3 };
    for (size_t i = 0; i < levels; i++) {
        weights w = make_weights(3, 0, 1, TANGO_NN_F32);
        float *out = noise_array(6);
        tango_nn_epilogue e = { 0 };
        e.bias = bias;
        tango_nn_linear(&contexts[i], out, out, 2, &w.matrix, &e);
        CHECK(out[0] == 1 && out[1] == 2 && out[2] == 3 && out[5] == 3);
        out[0] = 7;
        tango_nn_linear(&contexts[i], out, out, 0, &w.matrix, &e);
        w.matrix.outputs = 0;
        tango_nn_linear(&contexts[i], out, out, 2, &w.matrix, NULL);
        CHECK(out[0] == 7);
        w.matrix.outputs = 3;
        drop(out, 6);
        drop_weights(&w);
    }
}

/* One epilogue with every part that the bits of `parts` name. */
static double epilogue_error(const tango_nn_context *c, unsigned parts,
                             tango_nn_activation activation, size_t rows, size_t outputs,
                             size_t inputs, size_t image_rows)
{
    weights w = make_weights(outputs, inputs, 1, TANGO_NN_F32);
    const size_t count = rows * outputs, images = (rows + image_rows - 1) / image_rows;
    float *x = noise_array(rows * inputs), *bias = noise_array(outputs);
    float *image_bias = noise_array(images * outputs);
    float *multiply = noise_array(count), *add = noise_array(count), *out = array(count);
    double *want = (double *)take(count * sizeof *want), error;
    double *tolerance = (double *)take(count * sizeof *want);
    tango_nn_epilogue e = { 0 };
    product(want, tolerance, x, rows, &w);
    for (size_t i = 0; i < count; i++) {
        const size_t column = i % outputs, image = i / outputs / image_rows;
        double v = want[i];
        if (parts & 1) v += (double)bias[column];
        if (parts & 2) v += (double)image_bias[image * outputs + column];
        tolerance[i] += 4e-7 * (1 + fabs(v));
        v = activate(v, activation);
        if (parts & 4) v *= (double)multiply[i];
        if (parts & 8) v += (double)add[i];
        want[i] = v;
        tolerance[i] = 1.2 * tolerance[i] + 2e-7 * fabs(v);
    }
    if (parts & 1) e.bias = bias;
    if (parts & 2) e.image_bias = image_bias;
    e.image_rows = image_rows;
    e.activation = activation;
    if (parts & 4) e.multiply = multiply;
    if (parts & 8) e.add = add;
    if (parts & 16) { /* in place */
        if (parts & 8) memcpy(out, add, count * sizeof *out);
        else memcpy(out, multiply, count * sizeof *out);
        if (parts & 8) e.add = out;
        else e.multiply = parts & 4 ? out : NULL;
    }
    tango_nn_linear(c, out, x, rows, &w.matrix, &e);
    error = worst(out, want, tolerance, count);
    free(want);
    free(tolerance);
    drop(x, rows * inputs);
    drop(bias, outputs);
    drop(image_bias, images * outputs);
    drop(multiply, count);
    drop(add, count);
    drop(out, count);
    drop_weights(&w);
    return error;
}

static void epilogues_are_right_in_every_combination(void)
{
    for (size_t i = 0; i < levels; i++) {
        for (unsigned parts = 0; parts < 32; parts++) {
            const tango_nn_activation activation = (tango_nn_activation)(parts % 7);
            CHECK(epilogue_error(&contexts[i], parts, activation, pick(1, 40),
                                 pick(1, 70), pick(1, 40), pick(1, 9)) <= 1);
            CHECK(epilogue_error(&contexts[i], parts, activation, pick(15, 40),
                                 pick(33, 70), pick(257, 520), pick(1, 50)) <= 1);
        }
        for (unsigned a = 0; a < 7; a++) {
            CHECK(epilogue_error(&contexts[i], 31, (tango_nn_activation)a, 29, 43, 11, 4)
                  <= 1);
        }
    }
}

/* ---- Convolution ------------------------------------------------------------------ */

/* Input (b, iy, ix, channel) as the convolution sees it: enlarged, rectified, zero
   outside. */
static double pixel(const tango_nn_conv *s, const float *x, size_t b, long iy, long ix,
                    size_t channel)
{
    const size_t source_height = s->source_height ? s->source_height : s->height;
    const size_t source_width = s->source_width ? s->source_width : s->width;
    size_t y, sx;
    double v;
    if (iy < 0 || ix < 0 || (size_t)iy >= s->height || (size_t)ix >= s->width) return 0;
    y = (size_t)iy * source_height / s->height;
    sx = (size_t)ix * source_width / s->width;
    v = (double)x[((b * source_height + y) * source_width + sx) * s->channels + channel];
    return v < 0 && s->slope != 0.0f ? v * (double)s->slope : v;
}

static void convolve(double *want, double *tolerance, const float *x,
                     const tango_nn_conv *s, const weights *w)
{
    const size_t outputs = w->matrix.outputs, positions = s->out_height * s->out_width;
    const long stride = (long)(s->stride ? s->stride : 1);
    const long dilation = (long)(s->dilation ? s->dilation : 1);
    for (size_t i = 0; i < s->batch * positions * outputs; i++) {
        const size_t o = i % outputs, at = i / outputs % positions;
        const long oy = (long)(at / s->out_width), ox = (long)(at % s->out_width);
        double sum = 0, size = 0;
        for (size_t tap = 0; tap < w->taps; tap++) {
            const long ky = (long)(tap / s->kernel_width);
            const long kx = (long)(tap % s->kernel_width);
            const long iy = oy * stride + ky * dilation - (long)s->pad_top;
            const long ix = ox * stride + kx * dilation - (long)s->pad_left;
            for (size_t c = 0; c < s->channels; c++) {
                const double v = pixel(s, x, i / outputs / positions, iy, ix, c)
                    * (double)w->values[(o * s->channels + c) * w->taps + tap];
                sum += v;
                size += fabs(v);
            }
        }
        want[i] = sum;
        tolerance[i] = 4e-7 * size + 1e-7;
    }
}

/* Whether the rule of room 12 takes a shape. */
static int winograd_pays(const tango_nn_conv *s, const tango_nn_matrix *w)
{
    tango_nn__product p;
    tango_nn__winograd g;
    tango_nn__fill(&p, &contexts[0], NULL, NULL, s, w, NULL);
    g.p = &p;
    if (!tango_nn__winograd_fits(&g)) return 0;
    tango_nn__winograd_cut(&g);
    return tango_nn__winograd_pays(&g);
}

/* Of the direct form each sum has its own tolerance; Winograd's convolutions are held to
   5e-6 of the largest output. */
static double conv_error(const tango_nn_conv *s, size_t outputs, tango_nn_type type)
{
    weights w = make_weights(outputs, s->channels, s->kernel_height * s->kernel_width,
                             type);
    const size_t source_height = s->source_height ? s->source_height : s->height;
    const size_t source_width = s->source_width ? s->source_width : s->width;
    const size_t in = s->batch * source_height * source_width * s->channels;
    const size_t count = s->batch * s->out_height * s->out_width * outputs;
    float *x = noise_array(in), *out = array(count);
    double *want = (double *)take(count * sizeof *want), most = 0, peak = 0;
    double *tolerance = (double *)take(count * sizeof *want);
    convolve(want, tolerance, x, s, &w);
    for (size_t i = 0; i < count; i++) {
        if (fabs(want[i]) > peak) peak = fabs(want[i]);
    }
    for (size_t i = 0; i < count && winograd_pays(s, &w.matrix); i++) {
        tolerance[i] = 5e-6 * peak;
    }
    for (size_t i = 0; i < levels; i++) {
        double error;
        memset(out, 0xff, count * sizeof *out);
        tango_nn_conv2d(&contexts[i], out, x, s, &w.matrix, NULL);
        error = worst(out, want, tolerance, count);
        if (error > most) most = error;
    }
    free(want);
    free(tolerance);
    drop(x, in);
    drop(out, count);
    drop_weights(&w);
    return most;
}

/* A random shape; with_more adds strides, dilations, enlarging and the leaky ReLU. */
static tango_nn_conv random_conv(int two_axes, int with_more)
{
    tango_nn_conv s;
    size_t reach;
    memset(&s, 0, sizeof s);
    s.batch = pick(1, 3);
    s.height = pick(1, 14);
    s.width = two_axes ? pick(1, 9) : 1;
    s.channels = pick(1, 40);
    s.kernel_height = pick(1, two_axes ? 4 : 11);
    s.kernel_width = two_axes ? pick(1, 4) : 1;
    s.stride = with_more ? pick(0, 3) : 1;
    s.dilation = with_more ? pick(0, 3) : 1;
    s.pad_top = pick(0, 4);
    s.pad_left = two_axes ? pick(0, 4) : 0;
    if (with_more && pick(0, 1)) s.slope = 0.1f;
    if (with_more && pick(0, 1)) {
        s.source_height = pick(1, s.height);
        s.source_width = two_axes ? pick(1, s.width) : 1;
    }
    /* Any output size is allowed; this one reaches a little beyond the far edge. */
    reach = (s.height + s.pad_top + 3) / (s.stride ? s.stride : 1);
    s.out_height = reach > 4 ? reach - pick(0, 3) : reach;
    s.out_width = two_axes ? (s.width + s.pad_left) / (s.stride ? s.stride : 1) + 1 : 1;
    return s;
}

static void plain_convolutions_are_right(void)
{
    for (size_t i = 0; i < 60; i++) {
        const tango_nn_conv s = random_conv(i % 3 > 0, 0);
        CHECK(conv_error(&s, pick(1, 40), TANGO_NN_F32) <= 1);
    }
}

static void strides_dilations_enlarging_and_slopes_are_right(void)
{
    for (size_t i = 0; i < 120; i++) {
        const tango_nn_conv s = random_conv(i % 3 > 0, 1);
        CHECK(conv_error(&s, pick(1, 40), i % 4 ? TANGO_NN_F32 : TANGO_NN_F16) <= 1);
    }
}

static void the_models_convolutions_are_right(void)
{
    tango_nn_conv same = { 2, 9, 16, 35, 9, 16, 3, 3, 1, 1, 1, 1, 0, 0, 0 };
    tango_nn_conv half = { 2, 9, 7, 33, 5, 4, 3, 3, 2, 1, 1, 1, 0, 0, 0 };
    tango_nn_conv uneven = { 1, 9, 7, 12, 4, 3, 3, 3, 2, 1, 0, 0, 0, 0, 0 };
    tango_nn_conv twice = { 1, 14, 6, 20, 14, 6, 3, 3, 1, 1, 1, 1, 7, 3, 0 };
    tango_nn_conv odd = { 1, 13, 5, 20, 13, 5, 3, 3, 1, 1, 1, 1, 7, 3, 0 };
    tango_nn_conv wave = { 1, 230, 1, 29, 230, 1, 11, 1, 1, 5, 25, 0, 0, 0, 0.1f };
    tango_nn_conv upward = { 1, 57, 1, 70, 60, 1, 4, 1, 1, 1, 3, 0, 0, 0, 0.1f };
    CHECK(conv_error(&same, 37, TANGO_NN_F32) <= 1);
    CHECK(conv_error(&half, 37, TANGO_NN_F32) <= 1);
    CHECK(conv_error(&uneven, 16, TANGO_NN_F32) <= 1);
    CHECK(conv_error(&twice, 16, TANGO_NN_F32) <= 1);
    CHECK(conv_error(&odd, 16, TANGO_NN_F32) <= 1);
    CHECK(conv_error(&wave, 16, TANGO_NN_F32) <= 1);
    CHECK(conv_error(&upward, 60, TANGO_NN_F16) <= 1);
}

/* ---- Winograd's convolutions ------------------------------------------------------ */

/* How far the matrices are from computing `outputs` outputs of `taps` taps exactly: sum
   over p of A[o][p] G[p][r] B[p][i] must be 1 for i = o + r, else 0. */
static double identity_error(const float *b, const float *g, const float *a,
                             size_t outputs, size_t taps)
{
    const size_t points = outputs + taps - 1;
    double most = 0;
    for (size_t i = 0; i < outputs * taps * points; i++) {
        const size_t o = i / points / taps, r = i / points % taps, n = i % points;
        double sum = 0;
        for (size_t p = 0; p < points; p++) {
            sum += (double)a[o * points + p] * (double)g[p * taps + r]
                   * (double)b[p * points + n];
        }
        sum = fabs(sum - (n == o + r));
        if (!(sum <= most)) most = sum;
    }
    return most;
}

/* The smallest error of the identity after one entry of a matrix has changed by 1/64. */
static double least_harm(const float *b, const float *g, const float *a, size_t outputs,
                         size_t taps)
{
    const size_t points = outputs + taps - 1;
    const size_t counts[3] = { points * points, points * taps, outputs * points };
    const float *from[3];
    double least = 1;
    from[0] = b;
    from[1] = g;
    from[2] = a;
    for (size_t m = 0; m < 3; m++) {
        for (size_t i = 0; i < counts[m]; i++) {
            float *copy = copy_array(from[m], counts[m]);
            double error;
            copy[i] += 1 / 64.0f;
            error = identity_error(m == 0 ? copy : b, m == 1 ? copy : g,
                                   m == 2 ? copy : a, outputs, taps);
            if (error < least) least = error;
            drop(copy, counts[m]);
        }
    }
    return least;
}

static void the_matrices_compute_a_convolution(void)
{
    CHECK(identity_error(tango_nn__input_2_3, tango_nn__weight_2_3, tango_nn__output_2_3,
                         2, 3) < 1e-7);
    CHECK(identity_error(tango_nn__input_4_3, tango_nn__weight_4_3, tango_nn__output_4_3,
                         4, 3) < 1e-6);
    CHECK(identity_error(tango_nn__input_4_4, tango_nn__weight_4_4, tango_nn__output_4_4,
                         4, 4) < 1e-6);
    CHECK(least_harm(tango_nn__input_2_3, tango_nn__weight_2_3, tango_nn__output_2_3, 2,
                     3) > 1e-3);
    CHECK(least_harm(tango_nn__input_4_3, tango_nn__weight_4_3, tango_nn__output_4_3, 4,
                     3) > 1e-4);
    CHECK(least_harm(tango_nn__input_4_4, tango_nn__weight_4_4, tango_nn__output_4_4, 4,
                     4) > 1e-4);
}

static void transforms_of_every_width_agree_with_the_reference(void)
{
    float *x = noise_array(6 * 400), *got = array(7 * 50), *want = array(7 * 50);
    const tango_nn_kernels *reference = tango_nn_reference();
    const float coef[6] = { 1, -0.5f, 0, 2, -0.25f, 0.125f };
    for (size_t l = 0; l < levels; l++) {
        for (int kind = 0; kind < (int)TANGO_NN__TRANSFORMS; kind++) {
            for (size_t count = 0; count <= 50; count++) {
                for (size_t i = 0; i < 7 * 50; i++) got[i] = want[i] = GUARD;
                contexts[l].kernels->transform((tango_nn__transform)kind, got, 50, x,
                                               TANGO_NN_F32, 400, 51, coef, count);
                reference->transform((tango_nn__transform)kind, want, 50, x, TANGO_NN_F32,
                                     400, 51, coef, count);
                for (size_t i = 0; i < 7 * 50; i++) CHECK_NEAR(got[i], want[i], 4e-5);
            }
        }
    }
    drop(x, 6 * 400);
    drop(got, 7 * 50);
    drop(want, 7 * 50);
}

/* Those of weights read halves as they lie: the same numbers as from floats. */
static void transforms_of_halves_are_those_of_floats(void)
{
    enum { ROW = 4 * 64, COUNT = 64 };
    float *x = noise_array(3 * ROW), *got = array(7 * COUNT), *want = array(7 * COUNT);
    uint16_t half[3 * ROW];
    const float coef[3] = { 1, -0.5f, 0.25f };
    for (size_t i = 0; i < 3 * ROW; i++) {
        half[i] = tango_nn_float_to_half(x[i]);
        x[i] = tango_nn_half_to_float(half[i]);
    }
    for (size_t l = 0; l < levels; l++) {
        for (int kind = (int)TANGO_NN__WEIGHT_2_3; kind <= (int)TANGO_NN__WEIGHT_4_3_TALL;
             kind++) {
            for (size_t count = 0; count <= COUNT; count += 16) {
                const tango_nn_kernels *kernels = contexts[l].kernels;
                for (size_t i = 0; i < 7 * COUNT; i++) got[i] = want[i] = GUARD;
                kernels->transform((tango_nn__transform)kind, got, COUNT, half,
                                   TANGO_NN_F16, ROW, 64, coef, count);
                kernels->transform((tango_nn__transform)kind, want, COUNT, x,
                                   TANGO_NN_F32, ROW, 64, coef, count);
                CHECK(memcmp(got, want, 7 * COUNT * sizeof *got) == 0);
            }
        }
    }
    drop(x, 3 * ROW);
    drop(got, 7 * COUNT);
    drop(want, 7 * COUNT);
}

static void blends_and_wide_weights_agree_with_the_reference(void)
{
    enum { ROWS = 3, ALL = ROWS * TANGO_NN__STRIDE };
    float *x = noise_array((5 + ROWS) * 60), *got = array(ALL), *want = array(ALL);
    const tango_nn_kernels *reference = tango_nn_reference();
    const float coef[6] = { 1, -0.5f, 3, 2, -0.25f, 0.125f };
    const float *rows[6];
    for (size_t i = 0; i < 6; i++) rows[i] = x + 60 * i;
    for (size_t l = 0; l < levels; l++) {
        const tango_nn_kernels *kernels = contexts[l].kernels;
        for (size_t count = 0; count <= 60; count++) {
            for (size_t terms = 0; terms <= 6; terms++) {
                const size_t height = (count + terms) % (ROWS + 1);
                for (size_t i = 0; i < ALL; i++) got[i] = want[i] = GUARD;
                kernels->blend(got, rows, coef, terms, height, 60, count);
                reference->blend(want, rows, coef, terms, height, 60, count);
                for (size_t i = 0; i < ALL; i++) CHECK_NEAR(got[i], want[i], 2e-6);
            }
            for (int type = 0; type <= (int)TANGO_NN_BF16; type++) {
                for (size_t i = 0; i < 60; i++) got[i] = want[i] = GUARD;
                kernels->widen(got, x, 3, (tango_nn_type)type, count);
                reference->widen(want, x, 3, (tango_nn_type)type, count);
                CHECK(memcmp(got, want, 60 * sizeof *got) == 0);
            }
        }
    }
    drop(x, (5 + ROWS) * 60);
    drop(got, ALL);
    drop(want, ALL);
}

/* The largest error of a convolution over the largest output, all levels. The plan is
   made here, so that also shapes are computed for which it would not pay. `epilogue` not
   0: every part of one, in place. */
static double winograd_error(const tango_nn_conv *s, size_t outputs, tango_nn_type type,
                             int epilogue)
{
    weights w = make_weights(outputs, s->channels, s->kernel_height * s->kernel_width,
                             type);
    const size_t source_height = s->source_height ? s->source_height : s->height;
    const size_t source_width = s->source_width ? s->source_width : s->width;
    const size_t in = s->batch * source_height * source_width * s->channels;
    const size_t rows = s->batch * s->out_height * s->out_width, count = rows * outputs;
    float *x = noise_array(in), *add = noise_array(count), *bias = noise_array(outputs);
    float *image_bias = noise_array(s->batch * outputs);
    double *want = (double *)take(count * sizeof *want), most = 0, peak = 0;
    double *tolerance = (double *)take(count * sizeof *want);
    convolve(want, tolerance, x, s, &w);
    for (size_t i = 0; i < count; i++) {
        const double b = (double)bias[i % outputs]
            + (double)image_bias[i / (s->out_height * s->out_width * outputs) * outputs
                                 + i % outputs];
        if (fabs(want[i]) > peak) peak = fabs(want[i]);
        if (epilogue) want[i] = activate(want[i] + b, TANGO_NN_SILU) + (double)add[i];
    }
    for (size_t l = 0; l < levels; l++) {
        float *out = copy_array(add, count);
        tango_nn_epilogue e = { 0 };
        tango_nn__product p;
        tango_nn__winograd g;
        e.bias = bias;
        e.image_bias = image_bias;
        e.image_rows = s->out_height * s->out_width;
        e.activation = TANGO_NN_SILU;
        e.add = out;
        if (!epilogue) memset(&e, 0, sizeof e);
        tango_nn__fill(&p, &contexts[l], out, x, s, &w.matrix, &e);
        g.p = &p;
        CHECK(tango_nn__winograd_fits(&g));
        tango_nn__winograd_cut(&g);
        tango_nn__run(p.c, g.tile_blocks * g.column_blocks, tango_nn__winograd_task, &g);
        for (size_t i = 0; i < count; i++) {
            const double error = fabs((double)out[i] - want[i]);
            if (!(error <= most)) most = error;
        }
        drop(out, count);
    }
    free(want);
    free(tolerance);
    drop(x, in);
    drop(add, count);
    drop(bias, outputs);
    drop(image_bias, s->batch * outputs);
    drop_weights(&w);
    return most / peak;
}

/* The mark: 5e-6 of the largest output of a layer. */
static void winograd_is_right_for_ragged_shapes(void)
{
    for (size_t i = 0; i < 24; i++) {
        tango_nn_conv s = random_conv(i % 2 > 0, 1);
        s.height += 8;
        s.channels += 15;
        s.kernel_height = i % 2 ? 3 : pick(3, 16);
        if (s.kernel_width > 1 || i % 2) s.kernel_width = 3;
        s.stride = 1;
        if (i % 2) s.dilation = 1, s.slope = 0;
        s.out_height = s.height + s.pad_top - pick(0, 3);
        s.out_width = s.width == 1 && i % 2 == 0 ? 1 : s.width + s.pad_left;
        CHECK(winograd_error(&s, pick(16, 70), i % 3 ? TANGO_NN_F32 : TANGO_NN_F16,
                             i % 4 > 1) <= 5e-6);
    }
}

static void winograd_of_several_blocks_is_right(void)
{
    tango_nn_conv square = { 2, 37, 21, 150, 37, 21, 3, 3, 1, 1, 1, 1, 0, 0, 0 };
    tango_nn_conv twice = { 1, 44, 26, 256, 44, 26, 3, 3, 1, 1, 1, 1, 22, 13, 0 };
    tango_nn_conv narrow = { 2, 70, 2, 260, 70, 2, 3, 3, 1, 1, 1, 1, 0, 0, 0 };
    tango_nn_conv single = { 2, 30, 1, 40, 30, 1, 3, 3, 1, 1, 1, 1, 0, 0, 0 };
    tango_nn_conv wave = { 1, 1030, 1, 64, 1030, 1, 11, 1, 1, 3, 15, 0, 0, 0, 0.1f };
    tango_nn_conv short_wave = { 2, 900, 1, 300, 900, 1, 7, 1, 1, 1, 3, 0, 0, 0, 0.1f };
    tango_nn_conv three = { 2, 300, 1, 280, 300, 1, 3, 1, 1, 5, 5, 0, 0, 0, 0.1f };
    tango_nn_conv upward = { 1, 80, 1, 64, 83, 1, 4, 1, 1, 1, 3, 0, 0, 0, 0.1f };
    CHECK(winograd_error(&square, 200, TANGO_NN_F32, 1) <= 5e-6);
    CHECK(winograd_error(&twice, 40, TANGO_NN_F32, 0) <= 5e-6);
    CHECK(winograd_error(&narrow, 150, TANGO_NN_F16, 1) <= 5e-6);
    CHECK(winograd_error(&single, 40, TANGO_NN_F32, 0) <= 5e-6);
    CHECK(winograd_error(&wave, 64, TANGO_NN_F32, 1) <= 5e-6);
    CHECK(winograd_error(&short_wave, 100, TANGO_NN_F16, 0) <= 5e-6);
    CHECK(winograd_error(&three, 90, TANGO_NN_F32, 1) <= 5e-6);
    CHECK(winograd_error(&upward, 300, TANGO_NN_F32, 0) <= 5e-6);
}

/* The rule: every wide layer of the models, no small one along two axes, no layer that it
   cannot do. Along one axis the length does not count. */
/* How many parts of a 1-D convolution differ from the same rows of the whole, each with
   `less` inputs fewer behind it than it may read. */
static size_t parts_that_differ(const tango_nn_context *c, const tango_nn_conv *whole,
                                const weights *w, const float *x, size_t less)
{
    const size_t grid = tango_nn_conv_grid(whole), outputs = w->matrix.outputs;
    const size_t pad = whole->pad_top, beyond = pad + tango_nn_conv_ahead(whole) - less;
    float *all = array(whole->out_height * outputs);
    float *out = array(whole->height * outputs);
    size_t differ = 0, to;
    tango_nn_conv2d(c, all, x, whole, &w->matrix, NULL);
    for (size_t from = 0; from < whole->out_height; from = to) {
        const size_t first = from > pad ? from - pad : 0;
        tango_nn_conv part = *whole;
        float *read;
        size_t end;
        to = from + grid * pick(1, 12);
        if (to > whole->out_height) to = whole->out_height;
        end = to + beyond < whole->height ? to + beyond : whole->height;
        part.height = end - first;
        part.pad_top = from > pad ? 0 : pad - from;
        part.out_height = to - from;
        read = copy_array(x + first * whole->channels, part.height * whole->channels);
        tango_nn_conv2d(c, out, read, &part, &w->matrix, NULL);
        differ += memcmp(out, all + from * outputs,
                         (to - from) * outputs * sizeof *out) != 0;
        drop(read, part.height * whole->channels);
    }
    drop(all, whole->out_height * outputs);
    drop(out, whole->height * outputs);
    return differ;
}

static void parts_of_a_long_convolution_are_the_whole(void)
{
    static const size_t kernels[] = { 1, 3, 5, 7, 9, 11, 13, 17 };
    size_t differ = 0, cut_short = 0;
    for (size_t run = 0; run < 8 * 4; run++) {
        const size_t kernel = kernels[run % 8], dilation = run / 8 * 2 + 1 - run / 24;
        const size_t length = pick(150, 500), channels = 8 * pick(2, 10);
        tango_nn_conv s = { 1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0.1f };
        weights w = make_weights(16 * pick(1, 8), channels, kernel, TANGO_NN_F32);
        float *x = noise_array(length * channels);
        s.height = s.out_height = length;
        s.channels = channels;
        s.kernel_height = kernel;
        s.dilation = dilation;
        s.pad_top = dilation * (kernel - 1) / 2;
        for (size_t l = 0; l < levels; l++) {
            differ += parts_that_differ(&contexts[l], &s, &w, x, 0);
            if (tango_nn_conv_ahead(&s) > 0) {
                cut_short += parts_that_differ(&contexts[l], &s, &w, x, dilation);
            }
        }
        drop_weights(&w);
        drop(x, length * channels);
    }
    CHECK(differ == 0);
    CHECK(cut_short > 0);
}

static void winograd_is_chosen_where_it_pays(void)
{
    static const size_t shapes[][10] = { /* batch, height, width, channels, outputs,
                                           kernel height, width, stride, dilation; pays */
        { 2, 256, 16, 320, 320, 3, 3, 1, 1, 1 }, { 2, 128, 8, 1920, 640, 3, 3, 1, 1, 1 },
        { 2, 64, 4, 1280, 1280, 3, 3, 1, 1, 1 }, { 2, 32, 2, 1280, 1280, 3, 3, 1, 1, 1 },
        { 1, 1024, 64, 128, 128, 3, 3, 1, 1, 1 }, { 1, 512, 1, 512, 512, 11, 1, 1, 5, 1 },
        { 1, 163872, 1, 32, 32, 7, 1, 1, 1, 1 }, { 2, 64, 16, 48, 48, 3, 3, 1, 1, 1 },
        { 1, 2, 1, 512, 512, 3, 1, 1, 1, 1 }, { 1, 3, 3, 320, 320, 3, 3, 1, 1, 0 },
        { 2, 256, 16, 320, 320, 3, 3, 2, 1, 0 }, { 2, 256, 16, 320, 320, 3, 3, 1, 2, 0 },
        { 2, 256, 16, 320, 320, 1, 1, 1, 1, 0 }, { 2, 256, 16, 8, 320, 3, 3, 1, 1, 0 },
        { 1, 1024, 64, 128, 1, 3, 3, 1, 1, 1 }, { 2, 64, 16, 32, 8, 3, 3, 1, 1, 1 },
        { 1, 5121, 1, 512, 1, 7, 1, 1, 1, 0 }, { 1, 512, 1, 512, 512, 17, 1, 1, 1, 0 }
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const size_t *d = shapes[i];
        tango_nn_conv s = { d[0], d[1], d[2], d[3], d[1] / d[7], d[2], d[5], d[6], d[7],
                            d[8], d[5] / 2 * d[8], d[6] / 2 * d[8], 0, 0, 0 };
        tango_nn_matrix w = { NULL, d[4], d[5] * d[6] * d[3], TANGO_NN_F32 };
        CHECK(winograd_pays(&s, &w) == (int)d[9]);
    }
}

/* ---- Norms ------------------------------------------------------------------------ */

typedef struct group { double mean, scale; } group;

/* Mean and 1/sqrt(variance + eps) of (rows, columns) values, rows `stride` apart. For an
   RMS norm the mean is 0. */
static group moments_of(const float *x, size_t rows, size_t stride, size_t columns,
                        double eps, int rms)
{
    group g = { 0, 0 };
    double square = 0;
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < columns; i++) g.mean += (double)x[r * stride + i];
    }
    g.mean = rms ? 0 : g.mean / (double)(rows * columns);
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < columns; i++) {
            const double d = (double)x[r * stride + i] - g.mean;
            square += d * d;
        }
    }
    g.scale = 1 / sqrt(square / (double)(rows * columns) + eps);
    return g;
}

/* Largest error of a group norm of x = mean + deviation*noise, over all levels. The
   layers get `eps`, the comparison `true_eps`. */
static double group_norm_error(size_t batch, size_t rows, size_t channels, size_t groups,
                               double mean, double deviation, float eps, double true_eps,
                               tango_nn_activation activation)
{
    const size_t count = batch * rows * channels, per_group = channels / groups;
    float *x = noise_array(count), *w = noise_array(channels), *b = noise_array(channels);
    double *want = (double *)take(count * sizeof *want), most = 0;
    for (size_t i = 0; i < count; i++) {
        x[i] = (float)(mean + deviation * (double)x[i]);
    }
    for (size_t i = 0; i < batch * groups; i++) {
        const size_t first = i % groups * per_group;
        const float *of_image = x + i / groups * rows * channels;
        const group g = moments_of(of_image + first, rows, channels, per_group, true_eps,
                                   0);
        for (size_t j = 0; j < rows * per_group; j++) {
            const size_t channel = first + j % per_group;
            const size_t at = j / per_group * channels + channel;
            want[i / groups * rows * channels + at] =
                activate(((double)of_image[at] - g.mean) * g.scale * (double)w[channel]
                             + (double)b[channel], activation);
        }
    }
    for (size_t l = 0; l < levels; l++) {
        float *out = copy_array(x, count); /* in place */
        tango_nn_group_norm(&contexts[l], out, out, batch, rows, channels, groups, eps, w,
                            b, activation);
        for (size_t i = 0; i < count; i++) {
            const double error = fabs((double)out[i] - want[i]);
            if (!(error <= most)) most = error;
        }
        drop(out, count);
    }
    free(want);
    drop(x, count);
    drop(w, channels);
    drop(b, channels);
    return most;
}

static void group_norms_are_right(void)
{
    const tango_nn_activation none = TANGO_NN_NONE, silu = TANGO_NN_SILU;
    CHECK(group_norm_error(2, 35, 15, 5, 0, 1, 1e-5f, 1e-5, none) < 2e-6);
    CHECK(group_norm_error(3, 1, 32, 32, 0, 1, 1e-6f, 1e-6, silu) < 2e-6);
    CHECK(group_norm_error(1, 300, 24, 1, 0, 1, 1e-6f, 1e-6, silu) < 2e-6);
    CHECK(group_norm_error(2, 7, 4099, 1, 0, 1, 1e-6f, 1e-6, none) < 2e-6);
    for (size_t i = 0; i < 20; i++) {
        const size_t groups = pick(1, 9), channels = groups * pick(1, 9);
        CHECK(group_norm_error(pick(1, 3), pick(1, 70), channels, groups, 0, 1, 1e-5f,
                               1e-5, i % 2 ? silu : none) < 3e-6);
    }
}

/* Sums strip by strip, then applied strip by strip, here with a row of the one before. */
static void a_group_norm_in_strips_is_the_same(void)
{
    enum { ROWS = 203, CHANNELS = 24, GROUPS = 6, STRIP = 37 };
    float *x = noise_array(ROWS * CHANNELS), *w = noise_array(CHANNELS);
    float *b = noise_array(CHANNELS), *whole = noise_array(ROWS * CHANNELS);
    for (size_t l = 0; l < levels; l++) {
        const tango_nn_context *c = &contexts[l];
        double sums[2 * GROUPS] = { 0 }, most = 0;
        tango_nn_group_norm(c, whole, x, 1, ROWS, CHANNELS, GROUPS, 1e-6f, w, b,
                            TANGO_NN_SILU);
        for (size_t r = 0; r < ROWS; r += STRIP) {
            const size_t rows = ROWS - r < STRIP ? ROWS - r : STRIP;
            tango_nn_group_sums(c, sums, x + r * CHANNELS, rows, CHANNELS, GROUPS);
        }
        for (size_t r = 0; r < ROWS; r += STRIP) {
            const size_t first = r > 0 ? r - 1 : 0;
            const size_t rows = ROWS - r < STRIP ? ROWS - first : r + STRIP - first;
            float *out = copy_array(x + first * CHANNELS, rows * CHANNELS);
            tango_nn_group_apply(c, out, out, rows, CHANNELS, GROUPS, sums,
                                 ROWS * CHANNELS / GROUPS, 1e-6f, w, b, TANGO_NN_SILU);
            for (size_t i = 0; i < rows * CHANNELS; i++) {
                const double d = fabs((double)out[i]
                                      - (double)whole[first * CHANNELS + i]);
                if (!(d <= most)) most = d;
            }
            drop(out, rows * CHANNELS);
        }
        CHECK(most < 1e-6);
    }
    drop(x, ROWS * CHANNELS);
    drop(w, CHANNELS);
    drop(b, CHANNELS);
    drop(whole, ROWS * CHANNELS);
}

static void group_norm_survives_large_means_and_small_variances(void)
{
    CHECK(group_norm_error(1, 520, 16, 4, 50, 1.7, 1e-5f, 1e-5, TANGO_NN_NONE) < 3e-6);
    CHECK(group_norm_error(1, 520, 16, 4, 0, 1.7e-3, 1e-6f, 1e-6, TANGO_NN_NONE) < 3e-6);
    CHECK(group_norm_error(1, 64, 16, 4, 1000, 1.7, 1e-5f, 1e-5, TANGO_NN_NONE) < 1e-5);
    /* A constant group: variance 0, the result is the bias. */
    CHECK(group_norm_error(1, 64, 16, 4, 3, 0, 1e-5f, 1e-5, TANGO_NN_NONE) < 1e-6);
}

static void a_wrong_epsilon_is_detected(void)
{
    CHECK(group_norm_error(1, 99, 24, 8, 0, 0.05, 1e-6f, 1e-6, TANGO_NN_NONE) < 5e-6);
    CHECK(group_norm_error(1, 99, 24, 8, 0, 0.05, 1e-5f, 1e-6, TANGO_NN_NONE) > 1e-3);
    CHECK(group_norm_error(1, 99, 24, 8, 0, 0.05, 1e-6f, 1e-5, TANGO_NN_NONE) > 1e-3);
}

static double row_norm_error(size_t rows, size_t channels, float eps, int rms, int plain)
{
    const size_t count = rows * channels;
    float *x = noise_array(count), *w = noise_array(channels), *b = noise_array(channels);
    double most = 0;
    for (size_t l = 0; l < levels; l++) {
        float *out = copy_array(x, count);
        if (rms) {
            tango_nn_rms_norm(&contexts[l], out, out, rows, channels, eps,
                              plain ? NULL : w);
        } else {
            tango_nn_layer_norm(&contexts[l], out, out, rows, channels, eps,
                                plain ? NULL : w, plain ? NULL : b);
        }
        for (size_t r = 0; r < rows; r++) {
            const group g = moments_of(x + r * channels, 1, 0, channels, (double)eps,
                                       rms);
            for (size_t i = 0; i < channels; i++) {
                double want = ((double)x[r * channels + i] - g.mean) * g.scale, error;
                if (!plain) want = want * (double)w[i] + (rms ? 0 : (double)b[i]);
                error = fabs((double)out[r * channels + i] - want);
                if (!(error <= most)) most = error;
            }
        }
        drop(out, count);
    }
    drop(x, count);
    drop(w, channels);
    drop(b, channels);
    return most;
}

static void layer_and_rms_norms_are_right(void)
{
    for (size_t channels = 1; channels <= 70; channels++) {
        CHECK(row_norm_error(pick(1, 9), channels, 1e-5f, 0, channels % 4 == 0) < 2e-6);
        CHECK(row_norm_error(pick(1, 9), channels, 1e-6f, 1, channels % 4 == 0) < 2e-6);
    }
    CHECK(row_norm_error(120, 320, 1e-5f, 0, 0) < 2e-6);
    CHECK(row_norm_error(3, 20000, 1e-6f, 1, 0) < 2e-6);
}

/* ---- Attention -------------------------------------------------------------------- */

/* One query of one head in double; out has `width` values. */
static void attend_one(double *out, const float *q, const float *k, const float *v,
                       const float *bias, size_t keys, size_t stride, size_t width,
                       double scale)
{
    double *score = (double *)take(keys * sizeof *score), largest = -1e300, total = 0;
    for (size_t j = 0; j < keys; j++) {
        score[j] = bias ? (double)bias[j] : 0;
        for (size_t d = 0; d < width; d++) {
            score[j] += scale * (double)q[d] * (double)k[j * stride + d];
        }
        if (score[j] > largest) largest = score[j];
    }
    for (size_t d = 0; d < width; d++) out[d] = 0;
    for (size_t j = 0; j < keys; j++) {
        const double weight = exp(score[j] - largest);
        total += weight;
        for (size_t d = 0; d < width; d++) {
            out[d] += weight * (double)v[j * stride + d];
        }
    }
    for (size_t d = 0; d < width; d++) out[d] /= total;
    free(score);
}

/* Every `step`th query is compared. `sharp` enlarges the queries, so that the running
   maximum moves; with_bias and with_count turn on those parts. */
static double attention_error(const tango_nn_attention *shape, float sharp, int with_bias,
                              int with_count, size_t step)
{
    tango_nn_attention s = *shape;
    const size_t repeat = s.context_repeat ? s.context_repeat : 1;
    const size_t contexts_count = (s.batch + repeat - 1) / repeat;
    const size_t row = s.heads * s.width;
    const size_t q_count = s.batch * s.queries * row;
    const size_t k_count = contexts_count * s.keys * row;
    const size_t bias_count = s.heads * s.queries * s.keys;
    float *q = noise_array(q_count), *k = noise_array(k_count), *v = noise_array(k_count);
    float *bias = noise_array(bias_count);
    double want[1024], most = 0;
    size_t counts[8];
    for (size_t i = 0; i < q_count; i++) q[i] *= sharp;
    for (size_t i = 0; i < 8; i++) counts[i] = pick(1, s.keys);
    if (with_bias) s.bias = bias;
    if (with_count) s.key_count = counts;
    for (size_t l = 0; l < levels; l++) {
        float *out = copy_array(q, q_count); /* in place of q */
        tango_nn_attend(&contexts[l], out, out, k, v, &s);
        for (size_t i = 0; i < s.batch * s.queries * s.heads; i += step) {
            const size_t head = i % s.heads, query = i / s.heads % s.queries;
            const size_t b = i / s.heads / s.queries, context = b / repeat;
            const size_t at = (b * s.queries + query) * row + head * s.width;
            const size_t from = context * s.keys * row + head * s.width;
            const size_t seen = with_count ? counts[context] : s.keys;
            attend_one(want, q + at, k + from, v + from,
                       with_bias ? bias + (head * s.queries + query) * s.keys : NULL,
                       s.causal && query < seen ? query + 1 : seen, row, s.width,
                       (double)s.scale);
            for (size_t d = 0; d < s.width; d++) {
                const double error = fabs((double)out[at + d] - want[d]);
                if (!(error <= most)) most = error;
            }
        }
        drop(out, q_count);
    }
    drop(q, q_count);
    drop(k, k_count);
    drop(v, k_count);
    drop(bias, bias_count);
    return most;
}

static void attention_is_right_for_ragged_shapes(void)
{
    for (size_t i = 0; i < 60; i++) {
        tango_nn_attention s = { 0 };
        s.batch = pick(1, 4);
        s.queries = pick(1, 40);
        s.keys = pick(1, 70);
        s.heads = pick(1, 4);
        s.width = pick(1, 40);
        s.scale = 0.3f;
        s.context_repeat = pick(0, 3);
        s.causal = i % 5 < 2;
        CHECK(attention_error(&s, 2, i % 2 != 0, i % 3 == 0, 1) < 3e-6);
    }
}

static void attention_carries_its_sums_over_blocks(void)
{
    const tango_nn_attention keys = { 1, 23, 1100, 2, 21, 1, 1, NULL, NULL, 0 };
    const tango_nn_attention queries = { 1, 450, 300, 1, 16, 0.25f, 1, NULL, NULL, 0 };
    const tango_nn_attention wide = { 1, 140, 300, 1, 512, 0.044f, 1, NULL, NULL, 0 };
    const tango_nn_attention wider = { 1, 40, 30, 1, 777, 0.04f, 1, NULL, NULL, 0 };
    CHECK(attention_error(&keys, 1, 0, 0, 1) < 2e-6);
    CHECK(attention_error(&keys, 20, 1, 1, 1) < 1e-5);
    CHECK(attention_error(&queries, 4, 0, 0, 7) < 3e-6);
    CHECK(attention_error(&wide, 4, 0, 0, 17) < 3e-6);
    CHECK(attention_error(&wider, 4, 0, 0, 7) < 3e-6);
}

/* More blocks of queries than one and more blocks of keys: those behind a query's own
   position, of which a block may have some or nothing else, have no part. */
static void no_query_looks_ahead(void)
{
    const tango_nn_attention square = { 2, 577, 577, 2, 13, 0.25f, 1, NULL, NULL, 1 };
    const tango_nn_attention wide = { 1, 290, 520, 1, 300, 0.05f, 1, NULL, NULL, 1 };
    const tango_nn_attention low = { 1, 600, 70, 1, 9, 0.3f, 1, NULL, NULL, 1 };
    CHECK(attention_error(&square, 4, 0, 0, 3) < 3e-6);
    CHECK(attention_error(&square, 20, 1, 1, 5) < 1e-5);
    CHECK(attention_error(&wide, 4, 0, 0, 7) < 3e-6);
    CHECK(attention_error(&low, 4, 1, 1, 3) < 3e-6);
}

/* What lies behind a query has no part in it, whatever it is worth: the first query's
   values are those of the first key, to the bit of one that has no other. */
static void later_keys_change_no_bit(void)
{
    enum { TOKENS = 300, WIDTH = 8 };
    const tango_nn_attention all = { 1, TOKENS, TOKENS, 1, WIDTH, 1, 1, NULL, NULL, 1 };
    for (size_t l = 0; l < levels; l++) {
        float *x = noise_array(TOKENS * WIDTH), *y = copy_array(x, TOKENS * WIDTH);
        float *a = array(TOKENS * WIDTH), *b = array(TOKENS * WIDTH);
        for (size_t i = 280 * WIDTH; i < TOKENS * WIDTH; i++) y[i] *= 1000;
        tango_nn_attend(&contexts[l], a, x, x, x, &all);
        tango_nn_attend(&contexts[l], b, y, y, y, &all);
        for (size_t i = 0; i < 280 * WIDTH; i++) CHECK(a[i] == b[i]);
        for (size_t i = 0; i < WIDTH; i++) CHECK(a[i] == x[i]);
        drop(x, TOKENS * WIDTH);
        drop(y, TOKENS * WIDTH);
        drop(a, TOKENS * WIDTH);
        drop(b, TOKENS * WIDTH);
    }
}

/* ---- Elements --------------------------------------------------------------------- */

/* Largest |error| / (small + |value|) on a grid of [-range, range]. */
static double activation_error(tango_nn_activation activation, double range)
{
    enum { COUNT = 40001 };
    float *x = array(COUNT), *out = array(COUNT);
    double most = 0;
    for (size_t i = 0; i < COUNT; i++) {
        x[i] = (float)(range * ((double)i / (COUNT / 2) - 1));
    }
    for (size_t l = 0; l < levels; l++) {
        tango_nn_activate(&contexts[l], out, x, COUNT, activation);
        for (size_t i = 0; i < COUNT; i++) {
            const double want = activate((double)x[i], activation);
            const double error = fabs((double)out[i] - want) / (1 + fabs(want));
            if (!(error <= most)) most = error;
        }
    }
    drop(x, COUNT);
    drop(out, COUNT);
    return most;
}

static void activations_are_right(void)
{
    for (int a = 0; a < 7; a++) {
        CHECK(activation_error((tango_nn_activation)a, 0.01) < 2e-9);
        CHECK(activation_error((tango_nn_activation)a, 1) < 2e-7);
        CHECK(activation_error((tango_nn_activation)a, 6) < 3e-7);
        CHECK(activation_error((tango_nn_activation)a, 120) < 3e-7);
    }
}

static void activations_of_every_count_stay_inside(void)
{
    for (size_t count = 0; count <= 50; count++) {
        for (size_t l = 0; l < levels; l++) {
            float *x = noise_array(count), *out = copy_array(x, count);
            tango_nn_activate(&contexts[l], out, out, count, TANGO_NN_GELU);
            for (size_t i = 0; i < count; i++) {
                CHECK_NEAR(out[i], activate((double)x[i], TANGO_NN_GELU), 2e-7);
            }
            tango_nn_leaky_relu(&contexts[l], out, x, count, 0.25f);
            for (size_t i = 0; i < count; i++) {
                CHECK(out[i] == (x[i] < 0 ? x[i] * 0.25f : x[i]));
            }
            tango_nn_add(&contexts[l], out, out, x, count, 0.5f);
            for (size_t i = 0; i < count; i++) {
                /* Stored, as x87 keeps more bits than the array has. */
                volatile float want = (x[i] < 0 ? x[i] * 0.25f : x[i]) + x[i];
                want *= 0.5f;
                CHECK(out[i] == want);
            }
            drop(x, count);
            drop(out, count);
        }
    }
}

static void far_inputs_give_no_nan(void)
{
    const float x[10] = { -1e30f, -1e10f, -200, -100, -89, 89, 100, 200, 1e10f, 1e30f };
    const float inf = HUGE_VALF;
    float y[10], ends[3];
    for (size_t l = 0; l < levels; l++) {
        for (int a = 1; a <= 3; a++) {
            tango_nn_activate(&contexts[l], y, x, 10, (tango_nn_activation)a);
            for (size_t i = 0; i < 5; i++) CHECK_NEAR(y[i], 0, 1e-30);
            for (size_t i = 5; i < 10; i++) CHECK(y[i] == x[i]);
        }
        tango_nn_activate(&contexts[l], y, x, 10, TANGO_NN_QUICK_GELU);
        for (size_t i = 0; i < 5; i++) CHECK_NEAR(y[i], 0, 1e-30);
        for (size_t i = 5; i < 10; i++) CHECK(y[i] == x[i]);
        tango_nn_activate(&contexts[l], y, x, 10, TANGO_NN_RELU);
        for (size_t i = 0; i < 10; i++) CHECK(y[i] == (i < 5 ? 0 : x[i]));
        tango_nn_activate(&contexts[l], y, x, 10, TANGO_NN_TANH);
        for (size_t i = 0; i < 10; i++) CHECK(y[i] == (i < 5 ? -1.0f : 1.0f));
        ends[0] = -inf;
        ends[1] = inf;
        ends[2] = inf - inf;
        tango_nn_activate(&contexts[l], y, ends, 3, TANGO_NN_TANH);
        CHECK(y[0] == -1 && y[1] == 1 && y[2] != y[2]);
        tango_nn_activate(&contexts[l], y, ends, 3, TANGO_NN_SILU);
        CHECK(y[0] != y[0] && y[1] == inf && y[2] != y[2]);
        tango_nn_activate(&contexts[l], y, ends, 3, TANGO_NN_GELU);
        CHECK(y[0] != y[0] && y[1] == inf && y[2] != y[2]);
        tango_nn_activate(&contexts[l], y, ends, 3, TANGO_NN_QUICK_GELU);
        CHECK(y[0] != y[0] && y[1] == inf && y[2] != y[2]);
        tango_nn_activate(&contexts[l], y, ends, 3, TANGO_NN_RELU);
        CHECK(y[0] == 0 && y[1] == inf && y[2] != y[2]);
        tango_nn_leaky_relu(&contexts[l], y, ends, 3, 0.1f);
        CHECK(y[0] == -inf && y[1] == inf && y[2] != y[2]);
    }
}

static void softmax_is_right(void)
{
    for (size_t columns = 1; columns <= 70; columns++) {
        const size_t rows = 3;
        float *x = noise_array(rows * columns);
        for (size_t i = 0; i < rows * columns; i++) x[i] = x[i] * 30 + 1e4f;
        for (size_t l = 0; l < levels; l++) {
            float *out = copy_array(x, rows * columns);
            tango_nn_softmax(&contexts[l], out, out, rows, columns);
            for (size_t r = 0; r < rows; r++) {
                double total = 0;
                for (size_t i = 0; i < columns; i++) {
                    total += exp((double)x[r * columns + i] - 1e4);
                }
                for (size_t i = 0; i < columns; i++) {
                    CHECK_NEAR(out[r * columns + i],
                               exp((double)x[r * columns + i] - 1e4) / total, 1e-6);
                }
            }
            drop(out, rows * columns);
        }
        drop(x, rows * columns);
    }
}

/* What an observer saw. */
typedef struct seen { size_t calls, rows, outputs; const void *x; float sum; } seen;

static void observe(void *observer, const tango_nn_context *c, const float *x,
                    const tango_nn_conv *shape, const tango_nn_matrix *w)
{
    seen *s = (seen *)observer;
    tango_nn_context alone = *c;
    float out[64];
    alone.observe = NULL;
    s->calls++;
    s->rows = shape->batch * shape->out_height * shape->out_width;
    s->outputs = w->outputs;
    s->x = x;
    if (s->rows * s->outputs > 64) return;
    tango_nn_conv2d(&alone, out, x, shape, w, NULL); /* with the same scratch memory */
    s->sum = out[0];
}

static void an_observer_sees_each_product_and_changes_none(void)
{
    const tango_nn_conv wave = { 1, 90, 1, 33, 90, 1, 7, 1, 1, 3, 9, 0, 0, 0, 0.1f };
    weights w = make_weights(20, 30, 1, TANGO_NN_F32);
    weights taps = make_weights(20, 33, 7, TANGO_NN_F32);
    float *x = noise_array(90 * 33), out[60], want[60];
    float *long_out = noise_array(90 * 20);
    for (size_t i = 0; i < levels; i++) {
        tango_nn_context c = contexts[i];
        seen s = { 0, 0, 0, NULL, 0 };
        tango_nn_linear(&c, want, x, 3, &w.matrix, NULL);
        c.observe = observe;
        c.observer = &s;
        tango_nn_linear(&c, out, x, 3, &w.matrix, NULL);
        CHECK(memcmp(out, want, sizeof out) == 0);
        CHECK(s.calls == 1 && s.rows == 3 && s.outputs == 20 && s.x == x);
        CHECK(s.sum == want[0]);
        tango_nn_conv2d(&c, long_out, x, &wave, &taps.matrix, NULL);
        CHECK(s.calls == 2 && s.rows == 90);
        tango_nn_linear(&c, out, x, 0, &w.matrix, NULL); /* nothing is computed */
        CHECK(s.calls == 2);
    }
    drop(x, 90 * 33);
    drop(long_out, 90 * 20);
    drop_weights(&w);
    drop_weights(&taps);
}

/* bf16 through the product, a convolution in parts, and transforms. */
static void products_of_bf16_weights_are_right(void)
{
    const tango_nn_conv strided = { 1, 31, 3, 32, 16, 2, 3, 3, 2, 1, 1, 1, 0, 0, 0 };
    const tango_nn_conv narrow = { 2, 33, 4, 70, 33, 4, 3, 3, 1, 1, 1, 1, 0, 0, 0 };
    const tango_nn_conv wave = { 1, 90, 1, 33, 90, 1, 7, 1, 1, 3, 9, 0, 0, 0, 0.1f };
    for (size_t i = 1; i <= 20; i++) {
        CHECK(linear_error(i, pick(1, 70), pick(1, 600), TANGO_NN_BF16) <= 1);
    }
    CHECK(linear_error(253, 530, 33, TANGO_NN_BF16) <= 1);
    CHECK(conv_error(&strided, 60, TANGO_NN_BF16) <= 1);
    CHECK(winograd_error(&narrow, 150, TANGO_NN_BF16, 1) <= 5e-6);
    CHECK(winograd_error(&wave, 100, TANGO_NN_BF16, 0) <= 5e-6);
}

static void tables_are_read_in_every_type(void)
{
    const float table[6] = { 1, 2, 3, 4, 5, 6 };
    const int32_t ids[3] = { 2, 0, 2 };
    uint16_t half[6];
    float out[6];
    for (size_t i = 0; i < 6; i++) half[i] = tango_nn_float_to_half(table[i]);
    tango_nn_gather(out, table, TANGO_NN_F32, ids, 3, 2);
    CHECK(out[0] == 5 && out[1] == 6 && out[2] == 1 && out[3] == 2 && out[5] == 6);
    memset(out, 0, sizeof out);
    tango_nn_gather(out, half, TANGO_NN_F16, ids, 3, 2);
    CHECK(out[0] == 5 && out[1] == 6 && out[2] == 1 && out[3] == 2 && out[5] == 6);
    for (size_t i = 0; i < 6; i++) half[i] = tango_nn_float_to_bf16(table[i]);
    memset(out, 0, sizeof out);
    tango_nn_gather(out, half, TANGO_NN_BF16, ids, 3, 2);
    CHECK(out[0] == 5 && out[1] == 6 && out[2] == 1 && out[3] == 2 && out[5] == 6);
}

static void all_finite_finds_each_bad_value(void)
{
    const float bad[4] = { HUGE_VALF, -HUGE_VALF, HUGE_VALF - HUGE_VALF, 0 };
    float *x = noise_array(37);
    CHECK(tango_nn_all_finite(x, 37) && tango_nn_all_finite(x, 0));
    x[3] = 3.4e38f;
    x[4] = 1e-44f;
    CHECK(tango_nn_all_finite(x, 37));
    for (size_t i = 0; i < 37; i++) {
        const float kept = x[i];
        for (size_t j = 0; j < 3; j++) {
            x[i] = bad[j];
            CHECK(!tango_nn_all_finite(x, 37));
        }
        x[i] = kept;
    }
    drop(x, 37);
}

/* ---- NaN and denormals ------------------------------------------------------------ */

static void a_nan_stays_in_its_row(void)
{
    for (size_t l = 0; l < levels; l++) {
        weights w = make_weights(19, 23, 1, TANGO_NN_F32);
        float *x = noise_array(9 * 23), *out = array(9 * 19), *y = array(9 * 23);
        x[4 * 23 + 7] = HUGE_VALF - HUGE_VALF;
        tango_nn_linear(&contexts[l], out, x, 9, &w.matrix, NULL);
        for (size_t i = 0; i < 9 * 19; i++) CHECK((out[i] != out[i]) == (i / 19 == 4));
        tango_nn_layer_norm(&contexts[l], y, x, 9, 23, 1e-5f, NULL, NULL);
        for (size_t i = 0; i < 9 * 23; i++) CHECK((y[i] != y[i]) == (i / 23 == 4));
        tango_nn_rms_norm(&contexts[l], y, x, 9, 23, 1e-5f, NULL);
        for (size_t i = 0; i < 9 * 23; i++) CHECK((y[i] != y[i]) == (i / 23 == 4));
        tango_nn_softmax(&contexts[l], y, x, 9, 23);
        for (size_t i = 0; i < 9 * 23; i++) CHECK((y[i] != y[i]) == (i / 23 == 4));
        tango_nn_group_norm(&contexts[l], y, x, 9, 1, 23, 1, 1e-5f, NULL, NULL,
                            TANGO_NN_SILU);
        for (size_t i = 0; i < 9 * 23; i++) CHECK((y[i] != y[i]) == (i / 23 == 4));
        drop(x, 9 * 23);
        drop(y, 9 * 23);
        drop(out, 9 * 19);
        drop_weights(&w);
    }
}

static void a_nan_in_a_query_stays_in_its_row(void)
{
    const tango_nn_attention s = { 1, 9, 300, 1, 8, 1, 1, NULL, NULL, 0 };
    for (size_t l = 0; l < levels; l++) {
        float *q = noise_array(72), *k = noise_array(2400), *out = array(72);
        q[4 * 8 + 3] = HUGE_VALF - HUGE_VALF;
        tango_nn_attend(&contexts[l], out, q, k, k, &s);
        for (size_t i = 0; i < 72; i++) CHECK((out[i] != out[i]) == (i / 8 == 4));
        drop(q, 72);
        drop(k, 2400);
        drop(out, 72);
    }
}

/* Queries 0 to 6 lose that many tenths of the keys from the front; 7 the odd ones; 8 all.
   A block of keys that are all taken out must not make NaN, wherever it stands. */
static void masked_keys_take_no_part(void)
{
    enum { KEYS = 1100, QUERIES = 9, WIDTH = 8 };
    tango_nn_attention s = { 1, QUERIES, KEYS, 1, WIDTH, 0.5f, 1, NULL, NULL, 0 };
    for (size_t l = 0; l < levels; l++) {
        float *q = noise_array(QUERIES * WIDTH), *k = noise_array(KEYS * WIDTH);
        float *bias = noise_array(QUERIES * KEYS), *out = array(QUERIES * WIDTH);
        double want[WIDTH];
        for (size_t i = 0; i < QUERIES * KEYS; i++) {
            const size_t query = i / KEYS, key = i % KEYS;
            if (query == 8 || (query == 7 ? key % 2 : key < query * KEYS / 10))
                bias[i] = -HUGE_VALF;
        }
        s.bias = bias;
        tango_nn_attend(&contexts[l], out, q, k, k, &s);
        for (size_t i = 0; i < QUERIES * WIDTH; i++) {
            attend_one(want, q + i / WIDTH * WIDTH, k, k, bias + i / WIDTH * KEYS, KEYS,
                       WIDTH, WIDTH, 0.5);
            if (i / WIDTH == 8) CHECK(out[i] == 0); /* as torch has it */
            else CHECK_NEAR(out[i], want[i % WIDTH], 2e-6);
        }
        for (size_t i = 0; i < KEYS; i++) bias[KEYS - 1 - i] = i < 600 ? -HUGE_VALF : 0;
        tango_nn_softmax(&contexts[l], bias, bias, 1, KEYS);
        CHECK_NEAR(bias[0], 1.0 / (KEYS - 600), 1e-8);
        CHECK(bias[KEYS - 1] == 0);
        drop(q, QUERIES * WIDTH);
        drop(k, KEYS * WIDTH);
        drop(bias, QUERIES * KEYS);
        drop(out, QUERIES * WIDTH);
    }
}

static void denormals_are_zero_inside_and_the_caller_keeps_his_mode(void)
{
#ifdef TANGO_NN__X86
    const unsigned before = _mm_getcsr();
    const unsigned modes[2] = { 0x1f80u, 0xff80u }; /* default, flush and toward zero */
    for (size_t m = 0; m < 2; m++) {
        for (size_t l = 0; l < levels; l++) {
            float x[20], y[20];
            const uint32_t denormal = 0x00400000u;
            for (size_t i = 0; i < 20; i++) memcpy(x + i, &denormal, 4);
            _mm_setcsr(modes[m]);
            tango_nn_add(&contexts[l], y, x, x, 20, 1.0f);
            CHECK((_mm_getcsr() & 0xffc0u) == (modes[m] & 0xffc0u));
            _mm_setcsr(before);
            for (size_t i = 0; i < 20; i++) CHECK(memcmp(y + i, "\0\0\0", 4) == 0);
        }
    }
#endif
}

static void nothing_is_written_for_sizes_of_zero(void)
{
    for (size_t l = 0; l < levels; l++) {
        const tango_nn_context *c = &contexts[l];
        tango_nn_attention a = { 0 };
        float out[1] = { 7 };
        tango_nn_group_norm(c, out, out, 0, 1, 1, 1, 1, NULL, NULL, TANGO_NN_NONE);
        tango_nn_group_norm(c, out, out, 1, 0, 1, 1, 1, NULL, NULL, TANGO_NN_NONE);
        tango_nn_layer_norm(c, out, out, 0, 1, 1, NULL, NULL);
        tango_nn_layer_norm(c, out, out, 1, 0, 1, NULL, NULL);
        tango_nn_rms_norm(c, out, out, 0, 1, 1, NULL);
        tango_nn_attend(c, out, out, out, out, &a);
        tango_nn_activate(c, out, out, 0, TANGO_NN_SILU);
        tango_nn_leaky_relu(c, out, out, 0, 1);
        tango_nn_add(c, out, out, out, 0, 1);
        tango_nn_softmax(c, out, out, 0, 1);
        tango_nn_softmax(c, out, out, 1, 0);
        tango_nn_gather(out, out, TANGO_NN_F32, NULL, 0, 1);
        CHECK(out[0] == 7);
    }
}

/* ---- Threads ---------------------------------------------------------------------- */

/* Runs the tasks backwards on one thread, but as if the workers took turns. */
static void backwards(void *pool, size_t count, tango_nn_task *task, void *data)
{
    const size_t threads = *(const size_t *)pool;
    for (size_t i = count; i-- > 0;) task(data, i, i % threads);
}

enum { LAYER_ROWS = 700, LAYER_WIDTH = 96, LAYER_OUT = LAYER_ROWS * LAYER_WIDTH };
enum { LAYERS = 9 };

/* Every layer once, convolutions of each kind; out (LAYERS, LAYER_OUT). */
static void all_layers(const tango_nn_context *c, float *out, const float *x,
                       const weights *square, const weights *taps, const weights *line)
{
    const tango_nn_conv conv = { 2, 70, 5, 32, 70, 5, 3, 3, 1, 1, 1, 1, 0, 0, 0 };
    const tango_nn_conv wide = { 2, 70, 5, 32, 70, 5, 3, 3, 1, 2, 2, 2, 0, 0, 0.1f };
    const tango_nn_conv wave = { 1, 700, 1, 32, 700, 1, 7, 1, 1, 3, 9, 0, 0, 0, 0.1f };
    const tango_nn_attention a = { 2, 350, 350, 3, 32, 0.2f, 1, NULL, NULL, 0 };
    tango_nn_epilogue e = { 0 };
    e.activation = TANGO_NN_GELU;
    tango_nn_linear(c, out, x, LAYER_ROWS, &square->matrix, &e);
    out += LAYER_OUT;
    CHECK(winograd_pays(&conv, &taps->matrix) && !winograd_pays(&wide, &taps->matrix)
          && winograd_pays(&wave, &line->matrix));
    tango_nn_conv2d(c, out, x, &conv, &taps->matrix, NULL);
    out += LAYER_OUT;
    tango_nn_conv2d(c, out, x, &wide, &taps->matrix, NULL);
    out += LAYER_OUT;
    tango_nn_conv2d(c, out, x, &wave, &line->matrix, NULL);
    out += LAYER_OUT;
    tango_nn_attend(c, out, x, x, x, &a);
    out += LAYER_OUT;
    tango_nn_group_norm(c, out, x, 2, LAYER_ROWS / 2, LAYER_WIDTH, 8, 1e-5f, NULL, NULL,
                        TANGO_NN_SILU);
    out += LAYER_OUT;
    tango_nn_layer_norm(c, out, x, LAYER_ROWS, LAYER_WIDTH, 1e-5f, NULL, NULL);
    out += LAYER_OUT;
    tango_nn_softmax(c, out, x, LAYER_ROWS, LAYER_WIDTH);
    out += LAYER_OUT;
    tango_nn_activate(c, out, x, LAYER_OUT, TANGO_NN_TANH);
}

/* Runs all layers on one thread, then through parallel_for with more. */
static void check_same_bits(void (*parallel_for)(void *, size_t, tango_nn_task *, void *),
                            void *pool, size_t threads)
{
    weights square = make_weights(LAYER_WIDTH, LAYER_WIDTH, 1, TANGO_NN_F32);
    weights taps = make_weights(LAYER_WIDTH, 32, 9, TANGO_NN_F16);
    weights line = make_weights(LAYER_WIDTH, 32, 7, TANGO_NN_F32);
    float *x = noise_array(LAYER_OUT);
    float *one = array(LAYERS * LAYER_OUT), *many = array(LAYERS * LAYER_OUT);
    for (size_t l = 0; l < levels; l++) {
        tango_nn_context c = contexts[l];
        memset(one, 0, LAYERS * LAYER_OUT * sizeof *one);
        memset(many, 0xff, LAYERS * LAYER_OUT * sizeof *one);
        all_layers(&c, one, x, &square, &taps, &line);
        c.parallel_for = parallel_for;
        c.pool = pool;
        c.threads = threads;
        all_layers(&c, many, x, &square, &taps, &line);
        CHECK(memcmp(one, many, LAYERS * LAYER_OUT * sizeof *one) == 0);
    }
    drop(x, LAYER_OUT);
    drop(one, LAYERS * LAYER_OUT);
    drop(many, LAYERS * LAYER_OUT);
    drop_weights(&square);
    drop_weights(&taps);
    drop_weights(&line);
}

static void any_order_of_tasks_gives_the_same_bits(void)
{
    size_t threads[3] = { 2, 3, 8 };
    for (size_t i = 0; i < 3; i++) check_same_bits(backwards, &threads[i], threads[i]);
}

#ifdef TANGO_PTHREADS
static void a_pool_of_1_2_3_or_8_threads_gives_the_same_bits(void)
{
    const size_t threads[4] = { 1, 2, 3, 8 };
    for (size_t i = 0; i < 4; i++) {
        void *memory = take(tango_nn_pool_size(threads[i]));
        tango_nn_pool *pool = tango_nn_pool_start(memory, threads[i]);
        CHECK(pool != NULL);
        if (pool) check_same_bits(tango_nn_pool_for, pool, threads[i]);
        tango_nn_pool_stop(pool);
        free(memory);
    }
}

typedef struct counted { size_t runs[1000]; size_t bad; } counted;

static void count_task(void *data, size_t index, size_t worker)
{
    counted *c = (counted *)data;
    c->runs[index]++; /* each index belongs to one task, so there is no race */
    if (worker >= 3) c->bad = 1;
}

static void a_pool_runs_every_task_once(void)
{
    static counted c;
    void *memory = take(tango_nn_pool_size(3));
    tango_nn_pool *pool = tango_nn_pool_start(memory, 3);
    size_t wrong = 0;
    CHECK(pool != NULL);
    for (size_t round = 0; pool && round < 300; round++) {
        const size_t count = round % 7 ? round % 40 : 1000;
        memset(&c, 0, sizeof c);
        tango_nn_pool_for(pool, count, count_task, &c);
        for (size_t i = 0; i < 1000; i++) wrong += c.runs[i] != (i < count);
        wrong += c.bad;
    }
    CHECK(wrong == 0);
    tango_nn_pool_stop(pool);
    tango_nn_pool_stop(NULL);
    CHECK(tango_nn_pool_start(NULL, 2) == NULL && tango_nn_pool_start(memory, 0) == NULL);
    CHECK(tango_nn_pool_size(SIZE_MAX / 2) == 0);
    free(memory);
}
#endif

int main(void)
{
    start_levels();
    printf("kernels:");
    for (size_t i = 0; i < levels; i++) {
        printf(" %s", tango_nn_kernels_name(contexts[i].kernels));
    }
    printf("\n");
    RUN(every_half_is_exact_in_float_and_comes_back);
    RUN(floats_round_to_the_nearest_half);
    RUN(floats_round_to_the_nearest_bf16);
    RUN(panel_sizes_are_checked);
    RUN(a_panel_holds_inputs_tap_by_tap);
    RUN(panels_are_the_same_by_all_kernels);
    RUN(kernels_have_names);
    RUN(products_of_every_height_and_width_are_right);
    RUN(products_of_every_depth_are_right);
    RUN(products_of_half_weights_are_right);
    RUN(products_of_several_blocks_are_right);
    RUN(products_without_inputs_or_rows_are_defined);
    RUN(epilogues_are_right_in_every_combination);
    RUN(plain_convolutions_are_right);
    RUN(strides_dilations_enlarging_and_slopes_are_right);
    RUN(the_models_convolutions_are_right);
    RUN(the_matrices_compute_a_convolution);
    RUN(transforms_of_every_width_agree_with_the_reference);
    RUN(blends_and_wide_weights_agree_with_the_reference);
    RUN(winograd_is_right_for_ragged_shapes);
    RUN(winograd_of_several_blocks_is_right);
    RUN(parts_of_a_long_convolution_are_the_whole);
    RUN(winograd_is_chosen_where_it_pays);
    RUN(group_norms_are_right);
    RUN(a_group_norm_in_strips_is_the_same);
    RUN(group_norm_survives_large_means_and_small_variances);
    RUN(a_wrong_epsilon_is_detected);
    RUN(layer_and_rms_norms_are_right);
    RUN(attention_is_right_for_ragged_shapes);
    RUN(attention_carries_its_sums_over_blocks);
    RUN(no_query_looks_ahead);
    RUN(later_keys_change_no_bit);
    RUN(activations_are_right);
    RUN(activations_of_every_count_stay_inside);
    RUN(far_inputs_give_no_nan);
    RUN(softmax_is_right);
    RUN(tables_are_read_in_every_type);
    RUN(all_finite_finds_each_bad_value);
    RUN(a_nan_stays_in_its_row);
    RUN(a_nan_in_a_query_stays_in_its_row);
    RUN(masked_keys_take_no_part);
    RUN(denormals_are_zero_inside_and_the_caller_keeps_his_mode);
    RUN(nothing_is_written_for_sizes_of_zero);
    RUN(any_order_of_tasks_gives_the_same_bits);
#ifdef TANGO_PTHREADS
    RUN(a_pool_of_1_2_3_or_8_threads_gives_the_same_bits);
    RUN(a_pool_runs_every_task_once);
#endif
    RUN(transforms_of_halves_are_those_of_floats);
    RUN(products_of_bf16_weights_are_right);
    RUN(an_observer_sees_each_product_and_changes_none);
    for (size_t i = 0; i < levels; i++) free(contexts[i].work);
    return CHECK_DONE();
}
