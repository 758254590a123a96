/* cc golden.c -lm -pthread -o golden && ./golden golden v1.tango ../demo/tiny.tango /tmp

   Layers, samplers, tokens and whole runs beside golden vectors of the PyTorch packages
   (golden/README.md says where they come from), stage by stage, as a table: case, stage,
   largest difference, the same relative to the largest value of the reference, and the
   tolerance for that. Then the other direction: a wrong epsilon, a forgotten mask, NaN
   and parameters out of range must be noticed.

   v1.tango is `convert golden/models/v1 -o v1.tango -t f32`; test_golden.sh does both.
   The last argument is a folder for models that are made here. With --calls in place of
   the models only the calls in golden/unets run (oracle/unets.py --wide). */
#define TANGO_PTHREADS
#define TANGO_IMPLEMENTATION
#include "../tango.h"
#include "golden.h"

static tango_model v1, tiny; /* the two models, opened in main */
static tango_io_file v1_file, tiny_file;

/* ---- Layers ----------------------------------------------------------------------- */

typedef struct layer {
    const char *name;
    const tango_io_json *json;
    size_t node;                  /* of its parameters */
    const tango_nn_context *c;
} layer;

static array input(const layer *l, const char *name)
{
    char where[128];
    snprintf(where, sizeof where, "layers/%s", l->name);
    return must_load(where, name);
}

static size_t size_of(const layer *l, const char *key, size_t absent)
{
    return (size_t)number(l->json, l->node, key, (double)absent);
}

/* Panels of w (outputs, channels, taps). */
static tango_nn_matrix packed(const float *w, size_t outputs, size_t channels,
    size_t taps)
{
    const size_t inputs = channels * taps;
    tango_nn_matrix m = { NULL, outputs, inputs, TANGO_NN_F32 };
    float *panels = (float *)take(tango_nn_panels_size(outputs, inputs, TANGO_NN_F32));
    for (size_t o = 0; o < outputs; o += 16)
        tango_nn_pack_panel(panels + o * inputs, TANGO_NN_F32, w + o * inputs,
            outputs - o < 16 ? outputs - o : 16, channels, taps);
    m.panels = panels;
    return m;
}

/* out (rows, outputs) = x w^T + bias, w as torch has it. */
static float *linear(const layer *l, const float *x, size_t rows, const array *w,
    const float *bias)
{
    const size_t outputs = w->shape[0], inputs = w->shape[1];
    float *out = floats(rows * outputs);
    tango_nn_matrix m = packed(w->values, outputs, inputs, 1);
    tango_nn_epilogue e;
    memset(&e, 0, sizeof e);
    e.bias = bias;
    tango_nn_linear(l->c, out, x, rows, &m, &e);
    return out;
}

/* Each of these computes one case and returns it in the order of y. */

static float *run_group_norm(const layer *l, const array *y)
{
    array x = input(l, "x"), w = input(l, "w"), b = input(l, "b");
    float *rows = channels_last(&x);
    tango_nn_group_norm(l->c, rows, rows, x.shape[0], x.shape[2] * x.shape[3],
        x.shape[1], size_of(l, "groups", 0), (float)number(l->json, l->node, "eps", 0),
        w.values, b.values, TANGO_NN_NONE);
    return channels_first(rows, y);
}

static float *run_row_norm(const layer *l, const array *y)
{
    const float eps = (float)number(l->json, l->node, "eps", 0);
    array x = input(l, "x"), w = input(l, "w");
    float *out = floats(y->count);
    if (strncmp(l->name, "rms", 3) == 0)
        tango_nn_rms_norm(l->c, out, x.values, x.shape[0], x.shape[1], eps, w.values);
    else
        tango_nn_layer_norm(l->c, out, x.values, x.shape[0], x.shape[1], eps, w.values,
            input(l, "b").values);
    return out;
}

static float *run_element(const layer *l, const array *y)
{
    const int gelu = strncmp(l->name, "gelu", 4) == 0 || l->name[0] == 'l';
    array x = input(l, gelu ? "x" : "input");
    float *out = floats(y->count);
    if (l->name[0] == 'l')
        tango_nn_leaky_relu(l->c, out, x.values, x.count,
            (float)number(l->json, l->node, "slope", 0));
    else
        tango_nn_activate(l->c, out, x.values, x.count,
            l->name[0] == 's'                           ? TANGO_NN_SILU
            : l->name[0] == 't'                         ? TANGO_NN_TANH
            : strncmp(l->name, "gelu_exact", 10) == 0   ? TANGO_NN_GELU
                                                        : TANGO_NN_GELU_TANH);
    return out;
}

static float *run_softmax(const layer *l, const array *y)
{
    array x = input(l, "x");
    float *out = floats(y->count);
    tango_nn_softmax(l->c, out, x.values, x.shape[0], x.shape[1]);
    return out;
}

/* conv2d_*, upsample_conv*, and conv1d_* with time as height. */
static float *run_conv(const layer *l, const array *y)
{
    array x = input(l, "x"), w = input(l, "w"), b = input(l, "b");
    const int flat = x.rank == 3;
    float *out = floats(y->count);
    tango_nn_matrix m;
    tango_nn_epilogue e;
    tango_nn_conv s;
    memset(&s, 0, sizeof s);
    memset(&e, 0, sizeof e);
    e.bias = b.values;
    s.batch = x.shape[0];
    s.channels = x.shape[1];
    s.height = x.shape[2];
    s.width = flat ? 1 : x.shape[3];
    s.out_height = y->shape[2];
    s.out_width = flat ? 1 : y->shape[3];
    s.kernel_height = w.shape[2];
    s.kernel_width = flat ? 1 : w.shape[3];
    s.stride = size_of(l, "stride", 1);
    s.dilation = size_of(l, "dilation", 1);
    s.pad_top = size_of(l, "padding", 0); /* a text: on the right and below only */
    s.pad_left = flat ? 0 : s.pad_top;
    if (l->name[0] == 'u') {
        s.source_height = s.height;
        s.source_width = s.width;
        s.height = s.out_height;
        s.width = s.out_width;
        s.pad_top = s.pad_left = 1;
    }
    m = packed(w.values, w.shape[0], s.channels, s.kernel_height * s.kernel_width);
    tango_nn_conv2d(l->c, out, channels_last(&x), &s, &m, &e);
    return channels_first(out, y);
}

/* The blob's form of a transposed convolution, weight (Cin, Cout, k), stride r, padding
   p: an ordinary one of ceil(k/r) taps whose output row t holds samples r t - p and the
   r - 1 after it. */
static float *run_conv_transpose(const layer *l, const array *y)
{
    array x = input(l, "x"), w = input(l, "w"), b = input(l, "b");
    const size_t inputs = w.shape[0], outputs = w.shape[1], k = w.shape[2],
                 r = size_of(l, "stride", 1), taps = (k + r - 1) / r;
    float *v = floats(r * outputs * inputs * taps), *bias = floats(r * outputs), *out;
    tango_nn_matrix m;
    tango_nn_epilogue e;
    tango_nn_conv s;
    memset(&s, 0, sizeof s);
    memset(&e, 0, sizeof e);
    for (size_t row = 0; row < r * outputs; row++) {
        const size_t phase = row / outputs, o = row % outputs;
        bias[row] = b.values[o];
        for (size_t c = 0; c < inputs; c++)
            for (size_t tap = 0; tap < taps; tap++) {
                const size_t index = phase + r * (taps - 1 - tap);
                v[(row * inputs + c) * taps + tap] =
                    index < k ? w.values[(c * outputs + o) * k + index] : 0.0f;
            }
    }
    e.bias = bias;
    s.batch = s.width = s.out_width = s.kernel_width = 1;
    s.channels = inputs;
    s.height = x.shape[2];
    s.out_height = s.height + taps - 1;
    s.kernel_height = taps;
    s.pad_top = taps - 1;
    m = packed(v, r * outputs, inputs, taps);
    out = floats(s.out_height * r * outputs);
    tango_nn_conv2d(l->c, out, channels_last(&x), &s, &m, &e);
    return channels_first(out + size_of(l, "padding", 0) * outputs, y);
}

/* Number of keys that a row of the mask lets through; a row of none masks nothing, since
   adding one value to every score changes no softmax. */
static const size_t *key_counts(const array *mask)
{
    size_t *counts = (size_t *)take(mask->shape[0] * sizeof *counts);
    for (size_t b = 0; b < mask->shape[0]; b++) {
        counts[b] = 0;
        for (size_t i = 0; i < mask->shape[1]; i++)
            counts[b] += mask->values[b * mask->shape[1] + i] != 0.0f;
        if (counts[b] == 0) counts[b] = mask->shape[1];
    }
    return counts;
}

static float *attend(const layer *l, const array *x, const array *context,
    const array *wo, const float *bo, tango_nn_attention s)
{
    array wq = input(l, "wq"), wk = input(l, "wk"), wv = input(l, "wv");
    float *q, *k, *v;
    s.batch = x->shape[0];
    s.queries = x->shape[1];
    s.keys = context->shape[1];
    s.heads = size_of(l, "heads", 1);
    s.width = wq.shape[0] / s.heads;
    q = linear(l, x->values, s.batch * s.queries, &wq, NULL);
    k = linear(l, context->values, s.batch * s.keys, &wk, NULL);
    v = linear(l, context->values, s.batch * s.keys, &wv, NULL);
    tango_nn_attend(l->c, q, q, k, v, &s);
    return linear(l, q, s.batch * s.queries, wo, bo);
}

static float *run_attention(const layer *l, const array *y)
{
    array x = input(l, "x"), context = input(l, "ctx"), wo = input(l, "wo");
    tango_nn_attention s;
    memset(&s, 0, sizeof s);
    (void)y;
    s.scale = (float)number(l->json, l->node, "scale", 1);
    if (tango_io_json_find(l->json, tango_io_json_find(l->json, l->node, "inputs"),
            "mask")) {
        array mask = input(l, "mask");
        s.key_count = key_counts(&mask);
    }
    return attend(l, &x, &context, &wo, input(l, "bo").values, s);
}

static tango_text_config t5_config(void)
{
    tango_text_config c;
    memset(&c, 0, sizeof c);
    c.buckets = 32;
    c.max_distance = 128;
    return c;
}

static float *run_t5_attention(const layer *l, const array *y)
{
    array x = input(l, "x"), wo = input(l, "wo"), table = input(l, "table"),
          mask = input(l, "mask");
    const tango_text_config c = t5_config();
    const size_t n = x.shape[1], heads = table.shape[1];
    float *bias = floats(heads * n * n);
    tango_nn_attention s;
    memset(&s, 0, sizeof s);
    (void)y;
    for (size_t h = 0; h < heads; h++)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                bias[(h * n + i) * n + j] =
                    table.values[tango__t5_bucket(&c, i, j) * heads + h];
    s.scale = 1.0f;
    s.bias = bias;
    s.key_count = key_counts(&mask);
    return attend(l, &x, &x, &wo, NULL, s);
}

static float *run_t5_bucket(const layer *l, const array *y)
{
    array relative = input(l, "relative");
    const tango_text_config c = t5_config();
    float *out = floats(y->count);
    for (size_t i = 0; i < y->count; i++)
        out[i] = (float)tango__t5_bucket(
            &c, 1000, (size_t)(1000.0f + relative.values[i]));
    return out;
}

/* The blob has the two halves of the projection apart: value, then gate. */
static float *run_geglu(const layer *l, const array *y)
{
    array x = input(l, "x"), w = input(l, "w"), b = input(l, "b"), w2 = input(l, "w2");
    const size_t rows = x.shape[0], wide = w.shape[0] / 2, inputs = w.shape[1];
    tango_nn_matrix value = packed(w.values, wide, inputs, 1),
                    gate = packed(w.values + wide * inputs, wide, inputs, 1);
    float *hidden = floats(rows * wide);
    tango_nn_epilogue e;
    memset(&e, 0, sizeof e);
    (void)y;
    e.bias = b.values + wide;
    e.activation = TANGO_NN_GELU;
    tango_nn_linear(l->c, hidden, x.values, rows, &gate, &e);
    e.bias = b.values;
    e.activation = TANGO_NN_NONE;
    e.multiply = hidden;
    tango_nn_linear(l->c, hidden, x.values, rows, &value, &e);
    return linear(l, hidden, rows, &w2, input(l, "b2").values);
}

static float *run_timestep(const layer *l, const array *y)
{
    array t = input(l, "t");
    float *out = floats(y->count);
    tango_unet_config c;
    memset(&c, 0, sizeof c);
    c.cos_first = number(l->json, l->node, "flip_sin_to_cos", 0) != 0;
    c.frequency_shift = (float)number(l->json, l->node, "freq_shift", 0);
    for (size_t i = 0; i < t.count; i++)
        tango__sinusoids(&c, out + i * y->shape[1], t.values[i], y->shape[1]);
    return out;
}

/* One call, or the calls that "calls" lists, on one generator. */
static float *run_randn(const layer *l, const array *y)
{
    const size_t calls = tango_io_json_find(l->json, l->node, "calls");
    float *out = floats(y->count);
    size_t at = 0, item;
    tango_random random;
    tango_random_seed(&random, (uint64_t)number(l->json, l->node, "seed", 0));
    if (!calls) tango_randn(&random, out, y->count);
    for (item = tango_io_json_first(l->json, calls); calls && item;
         item = tango_io_json_next(l->json, calls, item)) {
        double n = 0;
        tango_io_json_number(l->json, item, &n);
        tango_randn(&random, out + at, (size_t)n);
        at += (size_t)n;
    }
    return out;
}

/* Sounds are the business of test_tango_audio.c. */
static const char *const audio_layers[] = { "mel_basis", "log_mel", "stft", "resample" };

static const struct {
    const char *prefix;
    float *(*run)(const layer *l, const array *y);
} layer_kinds[] = {
    { "group_norm", run_group_norm }, { "layer_norm", run_row_norm },
    { "rms_norm", run_row_norm }, { "silu", run_element }, { "gelu", run_element },
    { "leaky_relu", run_element }, { "tanh", run_element }, { "softmax", run_softmax },
    { "conv2d", run_conv }, { "conv1d", run_conv }, { "upsample_conv", run_conv },
    { "conv_transpose1d", run_conv_transpose }, { "attention", run_attention },
    { "t5_attention", run_t5_attention }, { "t5_bucket", run_t5_bucket },
    { "geglu", run_geglu }, { "timestep", run_timestep }, { "randn", run_randn },
};

/* The worst of all kernel levels; returns whether the case is one of this file. */
static int check_layer(layer *l)
{
    const double tolerance = number(l->json, l->node, "tolerance", 0);
    size_t kind = 0, worst = 0, level, i;
    difference most = { -1, -1 }, d;
    array y;
    for (i = 0; i < sizeof audio_layers / sizeof *audio_layers; i++)
        if (begins(l->name, audio_layers[i])) return 0;
    while (kind < sizeof layer_kinds / sizeof *layer_kinds
           && !begins(l->name, layer_kinds[kind].prefix))
        kind++;
    if (kind == sizeof layer_kinds / sizeof *layer_kinds) stop(l->name, "no test for it");
    y = input(l, "y");
    for (level = 0; level < levels; level++) {
        float *got;
        l->c = &contexts[level];
        got = layer_kinds[kind].run(l, &y);
        d = compare(got, y.values, y.count);
        if (strstr(l->name, "_far") != NULL) /* 1e-6 (1 + |y|) for each element */
            for (i = 0, d.relative = 0; i < y.count; i++) {
                double share = fabs((double)got[i] - (double)y.values[i])
                               / (1.0 + fabs((double)y.values[i]));
                if (!(share <= d.relative)) d.relative = share;
            }
        if (!(d.relative <= most.relative)) most = d, worst = level;
    }
    CHECK(table_row(l->name, tango_nn_kernels_name(contexts[worst].kernels), most,
        tolerance));
    return 1;
}

static void layers_agree_with_torch_at_every_level(void)
{
    tango_io_json json = load_json("layers/layers.json");
    size_t cases = tango_io_json_find(&json, 0, "layers"), key, done = 0;
    block *keep = blocks;
    table_head("layer");
    for (key = tango_io_json_first(&json, cases); key;
         key = tango_io_json_next(&json, cases, key)) {
        char name[64];
        layer l;
        memset(&l, 0, sizeof l);
        if (!tango_io_json_string(&json, key, name, sizeof name)) stop("layers", "name");
        l.name = name;
        l.json = &json;
        l.node = key + 1;
        done += (size_t)check_layer(&l);
        release(keep);
    }
    printf("%zu layers, %zu kernel levels\n", done, levels);
    CHECK(done == 78); /* none was forgotten */
    release(NULL);
}

/* ---- Samplers --------------------------------------------------------------------- */

/* The schedule of a run: `base` overridden by what the run itself names. */
static tango_schedule_config schedule_of(const tango_io_json *json, size_t base,
    size_t run)
{
    const char *prediction = text_of(json, run, "prediction_type"),
               *spacing = text_of(json, run, "timestep_spacing");
    tango_schedule_config c;
    memset(&c, 0, sizeof c);
    c.train_steps = (size_t)number(json, base, "num_train_timesteps", 0);
    c.beta_start = number(json, base, "beta_start", 0);
    c.beta_end = number(json, base, "beta_end", 0);
    c.scaled_linear = strcmp(text_of(json, base, "beta_schedule"), "scaled_linear") == 0;
    c.prediction = strcmp(prediction, "epsilon") == 0        ? TANGO_PREDICTS_NOISE
                   : strcmp(prediction, "v_prediction") == 0 ? TANGO_PREDICTS_V
                                                             : TANGO_PREDICTS_SAMPLE;
    c.spacing = strcmp(spacing, "leading") == 0    ? TANGO_LEADING
                : strcmp(spacing, "linspace") == 0 ? TANGO_LINSPACE
                                                   : TANGO_TRAILING;
    c.offset = (size_t)number(json, run, "steps_offset", 0);
    c.final_sigma = strcmp(text_of(json, run, "final_sigmas_type"), "sigma_min") == 0
                        ? TANGO_FINAL_SIGMA_MIN
                        : TANGO_FINAL_ZERO;
    c.clip = (int)number(json, run, "clip_sample", number(json, base, "clip_sample", -1));
    c.clip_range = number(json, run, "clip_sample_range", 1.0);
    c.threshold = (int)number(json, run, "thresholding", 0);
    c.threshold_ratio = number(json, run, "dynamic_thresholding_ratio", 0.995);
    c.threshold_max = number(json, run, "sample_max_value", 1.0);
    c.alpha_one = (int)number(
        json, run, "set_alpha_to_one", number(json, base, "set_alpha_to_one", -1));
    c.large_variance = strcmp(text_of(json, run, "variance_type"), "fixed_large") == 0;
    c.lower_order_final = 1;
    return c;
}

/* The columns of one sampler's table; a row is 16 values. */
typedef struct sampler_table {
    array x, y, timestep, sigma, model_input, noise;
} sampler_table;

/* The x that a run starts with: the first draw, or that draw with the second as its noise
   where the run is only a part. */
static void first_sample(const tango_sampling *run, float *x)
{
    float noise[16];
    tango_random random;
    tango_random_seed(&random, 3); /* of runs.json */
    tango_randn(&random, x, 16);
    if (run->params.strength < 1.0) {
        tango_randn(&random, noise, 16);
        tango_sampling_noise(run, x, x, noise);
    } else
        for (size_t i = 0; i < 16; i++) x[i] *= (float)run->initial_scale;
}

/* One run as a chain from its first x; returns the largest error over its tolerance. The
   model is output = 0.8 tanh(0.7 input) - 0.1. */
static double chain(tango_sampling *run, const sampler_table *t, size_t number_of_run,
    size_t first, size_t rows, double tolerance)
{
    const double about = run->params.sigmas == TANGO_SIGMAS_KARRAS ? 1e-3 : 0.0;
    float x[16], in[16], output[16], *got = floats(rows * 16);
    double worst, top = 0;
    first_sample(run, x);
    worst = compare(x, t->x.values + 16 * number_of_run, 16).relative / 2e-6;
    memcpy(x, t->x.values + 16 * number_of_run, sizeof x);
    CHECK(rows == run->calls - run->index);
    for (size_t row = first; row < first + rows; row++) {
        const float *noise = t->noise.values ? t->noise.values + 16 * row : NULL;
        const int drawn = noise != NULL && noise[0] != 0.0f;
        const size_t at = run->index;
        CHECK_NEAR(run->timesteps[at], t->timestep.values[row], about);
        CHECK(tango_sampling_draws(run) == drawn);
        if (t->sigma.values != NULL && t->sigma.values[row] > 0.0f)
            CHECK_NEAR(run->sigmas[at], t->sigma.values[row],
                1e-6 * (double)t->sigma.values[row]);
        tango_sampling_input(run, in, x);
        for (size_t i = 0; i < 16; i++)
            output[i] = 0.8f * tanhf(0.7f * in[i]) - 0.1f;
        if (t->model_input.values != NULL) {
            difference d = compare(in, t->model_input.values + 16 * row, 16);
            if (!(d.relative / tolerance <= worst)) worst = d.relative / tolerance;
        }
        tango_sampling_step(run, x, output, drawn ? noise : NULL);
        memcpy(got + 16 * (row - first), x, sizeof x);
    }
    for (size_t i = 0; i < 16 * rows; i++)
        if (fabs((double)t->y.values[16 * first + i]) > top)
            top = fabs((double)t->y.values[16 * first + i]);
    {
        difference d = compare(got, t->y.values + 16 * first, 16 * rows);
        double ratio = d.most / top / tolerance;
        return ratio <= worst ? worst : ratio;
    }
}

static void check_sampler(const char *name)
{
    char where[64];
    sampler_table t;
    tango_io_json json;
    size_t base, runs, run, count = 0, rows = 0;
    double worst = 0;
    snprintf(where, sizeof where, "samplers/%s/runs.json", name);
    json = load_json(where);
    snprintf(where, sizeof where, "samplers/%s", name);
    t.x = must_load(where, "x");
    t.y = must_load(where, "y");
    t.timestep = must_load(where, "timestep");
    t.sigma = load(where, "sigma");
    t.model_input = load(where, "model_input");
    t.noise = load(where, "noise");
    base = tango_io_json_find(&json, 0, "config");
    runs = tango_io_json_find(&json, 0, "runs");
    for (run = tango_io_json_first(&json, runs); run;
         run = tango_io_json_next(&json, runs, run), count++) {
        tango_schedule_config config = schedule_of(&json, base, run);
        const size_t steps = (size_t)number(&json, run, "steps", 0);
        tango_sampling sampling;
        tango_sampling_params p;
        tango_arena arena = arena_of(65536);
        tango_error error;
        double ratio;
        memset(&p, 0, sizeof p);
        p.sampler = tango_sampler_named(text_of(&json, run, "sampler"));
        if (p.sampler == TANGO_SAMPLER_DEFAULT) p.sampler = tango_sampler_named(name);
        p.steps = steps;
        p.eta = number(&json, run, "eta", 0);
        p.sigmas = (tango_sigmas)number(&json, run, "use_karras_sigmas", 0);
        p.strength = number(&json, run, "strength", 0);
        p.images = 1;
        p.count = 16;
        if (tango_sampling_begin(&sampling, &config, &p, &arena, &error) != TANGO_OK)
            stop(name, error.text);
        ratio = chain(&sampling, &t, count, (size_t)number(&json, run, "first_row", 0),
            (size_t)number(&json, run, "rows", 0),
            number(&json, run, "tolerance", 0));
        CHECK(sampling.index == sampling.calls);
        tango__arena_close(&arena);
        if (!(ratio <= 1.0)) printf("    %s: run %zu is off\n", name, count);
        if (!(ratio <= worst)) worst = ratio;
        rows += sampling.calls;
    }
    printf("%-8s %3zu runs %5zu steps   largest error over tolerance %.2f%s\n", name,
        count, rows, worst, worst <= 1.0 ? "" : "  FAIL");
    CHECK(worst <= 1.0 && count > 14);
    release(NULL);
}

static void schedules_agree_with_diffusers(void)
{
    array want = must_load("samplers", "alphas_cumprod");
    tango_schedule_config c;
    float *alphas = floats(want.count);
    memset(&c, 0, sizeof c);
    c.train_steps = want.count;
    c.beta_start = 0.00085;
    c.beta_end = 0.012;
    c.scaled_linear = 1;
    tango__alphas(&c, alphas);
    CHECK(compare(alphas, want.values, want.count).relative <= 1e-6);
    release(NULL);
}

static void samplers_agree_with_diffusers(void)
{
    printf("\n");
    check_sampler("ddpm");
    check_sampler("ddim");
    check_sampler("dpm");
    check_sampler("euler");
    check_sampler("unipc");
    check_sampler("euler-a");
    check_sampler("heun");
    check_sampler("dpm-sde");
    check_sampler("lcm");
    check_sampler("karras");
    check_sampler("parts");
}

static int run_begins(tango_sampler kind, size_t steps, double strength, size_t offset,
    tango_sigmas sigmas)
{
    static tango_schedule_config c;
    tango_sampling_params p;
    tango_sampling run;
    tango_arena arena = arena_of(65536);
    tango_error error;
    tango_result result;
    memset(&c, 0, sizeof c);
    c.train_steps = 1000;
    c.beta_start = 0.00085;
    c.beta_end = 0.012;
    c.scaled_linear = 1;
    c.spacing = TANGO_LEADING;
    c.offset = offset;
    memset(&p, 0, sizeof p);
    p.sampler = kind;
    p.steps = steps;
    p.strength = strength;
    p.sigmas = sigmas;
    p.images = p.count = 1;
    result = tango_sampling_begin(&run, &c, &p, &arena, &error);
    tango__arena_close(&arena);
    return result == TANGO_OK;
}

/* Two steps at one noise level, which multistep solvers would divide by; parts of a run
   without a step; LCM beyond its grid. */
static void runs_without_a_way_are_refused(void)
{
    static const tango_sampler divide[] = { TANGO_DPM, TANGO_DPM_SDE, TANGO_UNIPC };
    for (size_t i = 0; i < 3; i++) {
        CHECK(!run_begins(divide[i], 999, 1, 1, TANGO_SIGMAS_SPACED));
        CHECK(run_begins(divide[i], 998, 1, 1, TANGO_SIGMAS_SPACED));
        CHECK(run_begins(divide[i], 999, 1, 0, TANGO_SIGMAS_SPACED));
        CHECK(run_begins(divide[i], 999, 1, 1, TANGO_SIGMAS_KARRAS));
    }
    CHECK(run_begins(TANGO_EULER, 1000, 1, 1, TANGO_SIGMAS_SPACED));
    CHECK(run_begins(TANGO_DDIM, 4, 0.25, 1, TANGO_SIGMAS_SPACED));
    CHECK(!run_begins(TANGO_DDIM, 4, 0.24, 1, TANGO_SIGMAS_SPACED));
    CHECK(!run_begins(TANGO_DDIM, 4, -1, 1, TANGO_SIGMAS_SPACED));
    CHECK(!run_begins(TANGO_DDIM, 4, 1.01, 1, TANGO_SIGMAS_SPACED));
    CHECK(!run_begins(TANGO_DDIM, 4, (double)NAN, 1, TANGO_SIGMAS_SPACED));
    CHECK(!run_begins(TANGO_LCM, 51, 1, 1, TANGO_SIGMAS_SPACED));
    CHECK(run_begins(TANGO_LCM, 25, 0.5, 1, TANGO_SIGMAS_SPACED));
    CHECK(!run_begins(TANGO_LCM, 26, 0.5, 1, TANGO_SIGMAS_SPACED));
    release(NULL);
}

/* Whether a run of a schedule that names Karras' sigmas and 40 steps of LCM has these
   values, which LCMScheduler and DPMSolverMultistepScheduler of diffusers 0.42.1 have. */
static int schedule_gives(tango_sampler kind, tango_sigmas sigmas, double strength,
    const float *want, size_t count)
{
    tango_schedule_config c;
    tango_sampling_params p;
    tango_sampling run;
    tango_arena arena = arena_of(65536);
    tango_error error;
    int same = 1;
    memset(&c, 0, sizeof c);
    c.train_steps = 1000;
    c.beta_start = 0.00085;
    c.beta_end = 0.012;
    c.scaled_linear = 1;
    c.karras = 1;
    c.lcm_steps = 40;
    memset(&p, 0, sizeof p);
    p.sampler = kind;
    p.steps = count;
    p.sigmas = sigmas;
    p.strength = strength;
    p.images = p.count = 1;
    if (tango_sampling_begin(&run, &c, &p, &arena, &error) != TANGO_OK) same = 0;
    for (size_t i = 0; i < count && same; i++)
        same = kind == TANGO_LCM ? run.timesteps[i] == want[i]
                                 : fabsf(run.sigmas[i] - want[i]) <= 1e-4f * want[i];
    tango__arena_close(&arena);
    return same;
}

static void a_schedule_names_its_sigmas_and_grid(void)
{
    static const float whole[] = { 999, 674, 349 }, half[] = { 499, 349, 174 };
    static const float karras[] = { 14.614646911621094f, 6.08215856552124f,
        2.232161521911621f, 0.6925739645957947f, 0.16975796222686768f,
        0.02916753478348255f };
    CHECK(schedule_gives(TANGO_LCM, TANGO_SIGMAS_DEFAULT, 1.0, whole, 3));
    CHECK(schedule_gives(TANGO_LCM, TANGO_SIGMAS_DEFAULT, 0.5, half, 3));
    CHECK(!schedule_gives(TANGO_LCM, TANGO_SIGMAS_DEFAULT, 1.0, whole, 41));
    CHECK(schedule_gives(TANGO_DPM, TANGO_SIGMAS_DEFAULT, 1.0, karras, 6));
    CHECK(schedule_gives(TANGO_DPM, TANGO_SIGMAS_KARRAS, 1.0, karras, 6));
    CHECK(!schedule_gives(TANGO_DPM, TANGO_SIGMAS_SPACED, 1.0, karras, 6));
    release(NULL);
}

/* ---- Tokens ----------------------------------------------------------------------- */

/* ids of a line of text: decimal numbers up to the newline; moves *at behind it. */
static size_t read_ids(const char *text, size_t size, size_t *at, int32_t *ids)
{
    size_t count = 0;
    while (*at < size && text[*at] != '\n') {
        int32_t id = 0;
        while (*at < size && text[*at] >= '0' && text[*at] <= '9')
            id = 10 * id + (text[(*at)++] - '0');
        if (count < TANGO_TOKENS_MAX) ids[count] = id;
        count++;
        if (*at < size && text[*at] == ' ') (*at)++;
    }
    (*at)++;
    return count;
}

static tango_io_file golden_file(const char *path)
{
    char full[1024];
    tango_io_file file;
    tango_error error;
    snprintf(full, sizeof full, "%s/%s", folder, path);
    if (tango_io_map(&file, full, &error) != TANGO_OK) stop("golden", error.text);
    return file;
}

/* Whether the ids of all lines are those expected; *cuts of them were too long. */
static int lines_equal(const void *table, size_t table_size, const char *lines_path,
    const char *wanted_path, size_t line_count, size_t *cuts)
{
    tango_io_file lines = golden_file(lines_path), wanted = golden_file(wanted_path);
    tango_arena arena = arena_of(16 << 20);
    tango_tokenizer t;
    tango_error error;
    size_t at = 0, text_at = 0, line = 0, equal = 0;
    if (tango_tokenizer_open(&t, table, table_size, &arena, &error) != TANGO_OK)
        stop(wanted_path, error.text);
    for (*cuts = 0; at + 4 <= lines.size; line++) {
        const unsigned char *p = lines.data + at;
        const size_t length = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16;
        int32_t ids[TANGO_TOKENS_MAX], want[TANGO_TOKENS_MAX];
        size_t count = 0, expected;
        int cut = 0;
        expected = read_ids((const char *)wanted.data, wanted.size, &text_at, want);
        if (tango_tokenize(&t, ids, t.most, &count, &cut, (const char *)p + 4, length,
                &arena, &error) != TANGO_OK)
            stop("tokenize", error.text);
        if (count == expected && memcmp(ids, want, count * sizeof *ids) == 0) equal++;
        else printf("    line %zu: %zu ids, expected %zu\n", line, count, expected);
        *cuts += cut != 0;
        at += 4 + length;
    }
    printf("tokens   %zu of %zu lines equal (%s)\n", equal, line, wanted_path);
    tango__arena_close(&arena);
    tango_io_unmap(&lines);
    tango_io_unmap(&wanted);
    release(NULL);
    return equal == line && line == line_count;
}

static void ids_equal_those_of_sentencepiece(void)
{
    tango_io_file spiece = golden_file("models/v1/spiece.model");
    size_t cuts;
    CHECK(lines_equal(
        spiece.data, spiece.size, "tokens/lines.bin", "tokens/tiny.txt", 42, &cuts));
    CHECK(cuts == 1); /* 600 words: told that it was cut to 511 pieces */
    tango_io_unmap(&spiece);
}

/* A table of files in the folder tokens; the names that are NULL are not there. */
static unsigned char *table_of(size_t *size, const char *json, const char *vocab,
    const char *merges, const char *config)
{
    const char *const names[] = { json, vocab, merges, config };
    tango_io_file maps[4];
    tango_io_bpe_files f;
    tango_error error;
    size_t room, work_size, i;
    unsigned char *table;
    void *work;
    memset(maps, 0, sizeof maps);
    for (i = 0; i < 4; i++)
        if (names[i]) maps[i] = golden_file(names[i]);
    f.json = maps[0].data, f.json_size = maps[0].size;
    f.vocab = maps[1].data, f.vocab_size = maps[1].size;
    f.merges = maps[2].data, f.merges_size = maps[2].size;
    f.config = maps[3].data, f.config_size = maps[3].size;
    if (tango_io_bpe_from_files_size(&room, &work_size, &f, &error) != TANGO_OK)
        stop("vocabulary", error.text);
    table = (unsigned char *)malloc(room);
    work = malloc(work_size);
    if (!table || !work) stop("memory", "none left");
    if (tango_io_bpe_from_files(table, room, size, &f, work, work_size, &error)
        != TANGO_OK)
        stop("vocabulary", error.text);
    free(work);
    for (i = 0; i < 4; i++)
        if (names[i]) tango_io_unmap(&maps[i]);
    return table;
}

static void ids_equal_those_of_clip(void)
{
    size_t size, other_size, cuts;
    unsigned char *table =
        table_of(&size, "tokens/clip/tokenizer.json", NULL, NULL, NULL);
    unsigned char *other = table_of(&other_size, NULL, "tokens/clip/vocab.json",
        "tokens/clip/merges.txt", NULL);
    CHECK(size == other_size && memcmp(table, other, size) == 0);
    CHECK(lines_equal(table, size, "tokens/hard.bin", "tokens/clip.txt", 62, &cuts));
    CHECK(cuts == 5);
    free(table);
    free(other);
}

/* The order of special tokens is the files' own. */
static void ids_equal_those_of_roberta(void)
{
    size_t size, cuts;
    unsigned char *table =
        table_of(&size, "tokens/roberta/tokenizer.json", NULL, NULL, NULL);
    CHECK(lines_equal(table, size, "tokens/hard.bin", "tokens/roberta.txt", 62, &cuts));
    CHECK(cuts == 0);
    free(table);
    table = table_of(&size, NULL, "tokens/roberta/vocab.json",
        "tokens/roberta/merges.txt", "tokens/roberta/tokenizer_config.json");
    CHECK(lines_equal(table, size, "tokens/hard.bin", "tokens/roberta.txt", 62, &cuts));
    free(table);
}

static void ids_of_a_unigram_tokenizer_json_equal_those_of_its_spiece_model(void)
{
    tango_io_file json = golden_file("tokens/t5/tokenizer.json"),
                  spiece = golden_file("tokens/t5/spiece.model");
    tango_error error;
    size_t room, work_size, size, cuts;
    void *model, *work;
    if (tango_io_spiece_from_json_size(&room, &work_size, json.data, json.size, &error)
        != TANGO_OK)
        stop("tokenizer.json", error.text);
    model = malloc(room);
    work = malloc(work_size);
    if (!model || !work) stop("memory", "none left");
    if (tango_io_spiece_from_json(
            model, room, &size, json.data, json.size, work, work_size, &error)
        != TANGO_OK)
        stop("tokenizer.json", error.text);
    CHECK(lines_equal(model, size, "tokens/hard.bin", "tokens/t5.txt", 62, &cuts));
    CHECK(lines_equal(
        spiece.data, spiece.size, "tokens/hard.bin", "tokens/t5.txt", 62, &cuts));
    free(model);
    free(work);
    tango_io_unmap(&json);
    tango_io_unmap(&spiece);
}

/* ---- Whole runs ------------------------------------------------------------------- */

/* What a run's stages gave beside the golden ones. */
typedef struct watch {
    const char *name;            /* cases/NAME */
    tango_io_json json;
    size_t stages;               /* node of case.json */
    struct { char name[24]; difference d; double tolerance; int fits; } rows[64];
    size_t count;
    size_t steps_done, stop_at_step;   /* 0: never */
    const char *stop_at_stage;
} watch;

static int on_stage(void *user, const tango_stage *stage)
{
    watch *w = (watch *)user;
    size_t node = tango_io_json_find(&w->json, w->stages, stage->name), count = 1, i;
    char where[64];
    array want;
    float *got;
    if (w->stop_at_stage != NULL && strcmp(stage->name, w->stop_at_stage) == 0) return 1;
    snprintf(where, sizeof where, "cases/%s", w->name);
    if (!node || w->count == 64) return 0;
    want = must_load(where, stage->name);
    for (i = 0; i < stage->rank; i++) count *= stage->shape[i];
    got = floats(count);
    for (i = 0; i < count; i++)
        got[i] = stage->ids != NULL ? (float)stage->ids[i] : stage->values[i];
    snprintf(w->rows[w->count].name, sizeof w->rows[0].name, "%s", stage->name);
    w->rows[w->count].fits =
        stage->rank == want.rank && count == want.count
        && memcmp(stage->shape, want.shape, stage->rank * sizeof(size_t)) == 0;
    if (w->rows[w->count].fits)
        w->rows[w->count].d = compare(got, want.values, count);
    w->rows[w->count++].tolerance = number(&w->json, node, "tolerance", 0);
    return 0;
}

static int on_step(void *user, size_t done, size_t steps)
{
    watch *w = (watch *)user;
    (void)steps;
    w->steps_done = done;
    return w->stop_at_step != 0 && done == w->stop_at_step;
}

/* Opens a case: its parameters, with a watch on all stages. */
static tango_params open_case(watch *w, const char *name)
{
    char path[64];
    size_t args;
    tango_params p;
    memset(w, 0, sizeof *w);
    memset(&p, 0, sizeof p);
    w->name = name;
    snprintf(path, sizeof path, "cases/%s/case.json", name);
    w->json = load_json(path);
    w->stages = tango_io_json_find(&w->json, 0, "stages");
    args = tango_io_json_find(&w->json, 0, "args");
    p.prompt = text_of(&w->json, args, "prompt");
    p.negative = text_of(&w->json, args, "negative");
    p.seconds = number(&w->json, args, "seconds", 0);
    p.steps = (size_t)number(&w->json, args, "steps", 0);
    p.guidance = number(&w->json, args, "guidance", 0);
    p.rescale = number(&w->json, args, "rescale", -1); /* or none, whatever the model's */
    p.eta = number(&w->json, args, "eta", -1);
    p.guidance_from = number(&w->json, args, "guidance_from", 0);
    p.guidance_until = number(&w->json, args, "guidance_until", 0);
    p.cache = (size_t)number(&w->json, args, "cache", 0);
    p.sampler = tango_sampler_named(text_of(&w->json, args, "sampler"));
    p.seed = (uint64_t)number(&w->json, args, "seed", 0);
    p.samples = (size_t)number(&w->json, args, "samples", 1);
    p.vocoder = TANGO_HIFIGAN;
    p.on_stage = on_stage;
    p.on_step = on_step;
    p.user = w;
    return p;
}

/* Error over tolerance of row i. Ids have tolerance 0: all or nothing. */
static double share(const watch *w, size_t i)
{
    const double error = w->rows[i].d.relative;
    return error > 0 ? error / w->rows[i].tolerance : 0;
}

/* The same of a stage; 0 if the run never came to it. */
static double ratio_of(const watch *w, const char *stage)
{
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->rows[i].name, stage) == 0) return share(w, i);
    return 0;
}

/* Every stage that case.json lists was seen, has the golden shape and lies within its
   tolerance. With `print` all of them make a table, else only the worst. */
static void judge(const watch *w, const char *label, int print)
{
    size_t key, i, worst = 0;
    for (key = tango_io_json_first(&w->json, w->stages); key;
         key = tango_io_json_next(&w->json, w->stages, key)) {
        char name[24];
        int seen;
        if (!tango_io_json_string(&w->json, key, name, sizeof name)) continue;
        seen = strcmp(name, "noise_all") == 0;
        for (i = 0; i < w->count; i++) seen |= strcmp(w->rows[i].name, name) == 0;
        if (!seen) printf("%-22s %-14s never came  FAIL\n", label, name);
        CHECK(seen);
    }
    for (i = 0; i < w->count; i++) {
        CHECK(w->rows[i].fits);
        if (share(w, i) > share(w, worst)) worst = i;
        if (print)
            CHECK(table_row(
                label, w->rows[i].name, w->rows[i].d, w->rows[i].tolerance));
    }
    if (!print && w->count > 0)
        CHECK(table_row(label, w->rows[worst].name, w->rows[worst].d,
            w->rows[worst].tolerance));
}

static void check_case(const tango_model *m, const char *name)
{
    watch w;
    tango_params p = open_case(&w, name);
    sound s = generate(m, &p);
    if (s.result != TANGO_OK) printf("    %s: %s\n", name, s.error.text);
    CHECK(s.result == TANGO_OK);
    CHECK(w.steps_done == p.steps);
    judge(&w, name, 1);
    release(NULL);
}

static const char *const v1_cases[] = { "v1_ddpm", "v1_samples", "v1_unipc", "v1_cache",
    "v1_window" };
static const char *const tiny_cases[] = { "tiny_ddpm", "tiny_ddim", "tiny_plain",
    "tiny_odd", "tiny_rescale" };

static void a_random_model_agrees_with_pytorch(void)
{
    table_head("v1, f32");
    for (size_t i = 0; i < 5; i++) check_case(&v1, v1_cases[i]);
}

static void the_shipped_model_agrees_with_pytorch(void)
{
    table_head("demo/tiny.tango, f16");
    for (size_t i = 0; i < 5; i++) check_case(&tiny, tiny_cases[i]);
}

/* The plain C kernels take their time: they do the shortest case of the large model. */
static void every_kernel_level_agrees_with_pytorch(void)
{
    table_head("worst stage by level");
    for (size_t level = 0; level < levels; level++)
        for (size_t i = 0; i < 10; i++) {
            const char *name = i < 5 ? v1_cases[i] : tiny_cases[i - 5];
            char label[64];
            watch w;
            tango_params p;
            if (level == 0 && i >= 5 && strcmp(name, "tiny_plain") != 0) continue;
            p = open_case(&w, name);
            p.kernels = contexts[level].kernels;
            CHECK(generate(i < 5 ? &v1 : &tiny, &p).result == TANGO_OK);
            snprintf(label, sizeof label, "%s %s", w.name,
                tango_nn_kernels_name(p.kernels));
            judge(&w, label, 0);
            release(NULL);
        }
}

/* The noise of every step from a file: the seed does not matter. */
static void noise_may_come_from_outside(void)
{
    array noise = must_load("cases/v1_ddpm", "noise_all");
    watch w;
    tango_params p = open_case(&w, "v1_ddpm");
    p.noise = noise.values;
    p.noise_draws = noise.shape[0];
    p.seed = 31337;
    CHECK(generate(&v1, &p).result == TANGO_OK);
    judge(&w, "v1_ddpm, noise given", 0);
    release(NULL);
}

/* One draw given: the generator begins with the noise of the first step. */
static void noise_of_the_first_draw_leaves_the_generator_alone(void)
{
    array all = must_load("cases/v1_ddpm", "noise_all");
    const size_t one = all.count / all.shape[0];
    tango_random random;
    watch w;
    tango_params p = open_case(&w, "v1_ddpm");
    sound first, full;
    p.seed = 5;
    p.noise = all.values;
    p.noise_draws = 0; /* counts as 1 */
    first = generate(&v1, &p);
    tango_random_seed(&random, 5);
    for (size_t i = 1; i < all.shape[0]; i++)
        tango_randn(&random, all.values + i * one, one);
    p.noise_draws = all.shape[0];
    full = generate(&v1, &p);
    CHECK(same_sound(first, full));
    release(NULL);
}

static void a_latent_may_come_from_outside(void)
{
    array latent = must_load("cases/v1_ddpm", "latent");
    watch w;
    tango_params p = open_case(&w, "v1_ddpm");
    p.latent = latent.values;
    p.latent_rows = latent.shape[2];
    p.prompt = NULL;
    CHECK(generate(&v1, &p).result == TANGO_OK);
    CHECK(w.count == 4 && ratio_of(&w, "wave") > 0); /* latent, scaled, mel, wave */
    for (size_t i = 0; i < w.count; i++)
        CHECK(table_row("v1_ddpm, latent given", w.rows[i].name, w.rows[i].d,
            w.rows[i].tolerance));
    release(NULL);
}

/* Griffin-Lim's 60 rounds drift with rounding; how well the wave fits the magnitudes does
   not. */
static void griffin_lim_converges_as_the_reference_does(void)
{
    array mel = must_load("cases/tiny_ddim", "mel"),
          want = must_load("cases/tiny_ddim", "griffin_wave");
    const size_t frames = mel.shape[2], bins = 513,
                 size = tango_audio_front_size(NULL);
    float *magnitude = floats(frames * bins);
    void *work = take(tango_audio_invert_mel_work_size(NULL)
                      + tango_audio_frame_work_size(NULL) + 64);
    tango_audio_front front;
    tango_error error;
    watch w;
    tango_params p = open_case(&w, "tiny_ddim");
    sound s;
    size_t node = tango_io_json_find(&w.json, 0, "griffin_lim");
    double expected = number(&w.json, node, "convergence", 0), got;
    p.vocoder = TANGO_GRIFFIN_LIM;
    p.on_stage = NULL;
    s = generate(&tiny, &p);
    CHECK(s.result == TANGO_OK && s.bytes == (want.count + 160) * sizeof(float));
    if (tango_audio_front_init(&front, NULL, take(size), size, &error) != TANGO_OK)
        stop("front", error.text);
    tango_audio_invert_mel(magnitude, mel.values, frames, 60, &front, work);
    got = tango_audio_convergence(s.wave, magnitude, frames, &front, work);
    printf("\ngriffin-lim  convergence %.6f, expected %.6f within 0.001; wave %.1e of "
           "its peak off\n",
        got, expected, compare(s.wave, want.values, want.count).relative);
    CHECK_NEAR(got, expected, number(&w.json, node, "tolerance", 0));
    CHECK(compare(s.wave, want.values, want.count).relative <= 0.02);
    release(NULL);
}

/* ---- The other direction: mistakes are noticed ------------------------------------ */

/* The error that a changed model makes in a stage of v1_ddpm, in tolerances. */
static double ratio_with(const tango_model *m, const char *stage)
{
    watch w;
    tango_params p = open_case(&w, "v1_ddpm");
    CHECK(generate(m, &p).result == TANGO_OK);
    return ratio_of(&w, stage);
}

static void mistake(const char *what, const char *stage, double ratio)
{
    printf("%-36s %-12s %8.1f tolerances off%s\n", what, stage, ratio,
        ratio > 1 ? "" : "  UNNOTICED");
    CHECK(ratio > 1);
    release(NULL);
}

static void a_wrong_epsilon_fails(void)
{
    tango_model m = v1;
    printf("\n");
    m.unet.eps = 1e-6f;
    mistake("UNet epsilon 1e-6 for 1e-5", "unet_000", ratio_with(&m, "unet_000"));
    m = v1;
    m.text.eps = 1e-5f;
    mistake("T5 epsilon 1e-5 for 1e-6", "text", ratio_with(&m, "text"));
    m = v1;
    m.vae.eps = 1e-5f;
    mistake("VAE epsilon 1e-5 for 1e-6", "mel", ratio_with(&m, "mel"));
}

static void wrong_settings_fail(void)
{
    tango_model m = v1;
    m.unet.cos_first = 0;
    mistake("sine before cosine", "unet_000", ratio_with(&m, "unet_000"));
    m = v1;
    m.unet.frequency_shift = 1;
    mistake("frequency shift 1 for 0", "unet_000", ratio_with(&m, "unet_000"));
    m = v1;
    m.schedule.prediction = TANGO_PREDICTS_NOISE;
    mistake("epsilon for v prediction", "latent_000", ratio_with(&m, "latent_000"));
    m = v1;
    m.schedule.offset = 0;
    mistake("steps offset 0 for 1", "timesteps", ratio_with(&m, "timesteps"));
}

static void tanh_gelu_for_exact_gelu_fails(void)
{
    array x = must_load("layers/gelu_exact", "x"),
          y = must_load("layers/gelu_exact", "y");
    float *got = floats(y.count);
    tango_nn_activate(&contexts[0], got, x.values, x.count, TANGO_NN_GELU_TANH);
    mistake("tanh gelu for exact gelu", "gelu_exact",
        compare(got, y.values, y.count).relative / 5e-6);
}

static void guidance_halves_swapped_fail(void)
{
    watch w;
    tango_params p = open_case(&w, "v1_ddpm");
    const char *prompt = p.prompt;
    p.prompt = p.negative;
    p.negative = prompt;
    CHECK(generate(&v1, &p).result == TANGO_OK);
    mistake("guidance halves swapped", "latent_000", ratio_of(&w, "latent_000"));
}

/* What the next two need: networks alone, without the pipeline around them. Rows are
   negative, prompt; the negative has one token and three of padding. */
typedef struct bench {
    tango_arena arena;
    tango_error error;
    tango__net net;
} bench;

static void bench_start(bench *b)
{
    memset(b, 0, sizeof *b);
    b->arena = arena_of(64 << 20);
    b->net.model = &v1;
    b->net.arena = &b->arena;
    b->net.error = &b->error;
    b->net.nn = contexts[levels - 1];
}

/* Errors of the text encoder over tolerance, on the padded row. */
static double text_ratio(const size_t *counts)
{
    array ids[2], want = must_load("cases/v1_ddpm", "text_uncond");
    const size_t tokens = want.shape[1], width = want.shape[2];
    int32_t rows[2 * 16];
    float *out = floats(2 * tokens * width);
    bench b;
    ids[0] = must_load("cases/v1_ddpm", "tokens_uncond");
    ids[1] = must_load("cases/v1_ddpm", "tokens");
    for (size_t i = 0; i < 2 * tokens; i++)
        rows[i] = (int32_t)ids[i / tokens].values[i % tokens];
    bench_start(&b);
    tango__encode_text(&b.net, out, rows, 2, tokens, counts);
    CHECK(b.net.result == TANGO_OK);
    tango__arena_close(&b.arena);
    return compare(out, want.values, want.count).relative / 1e-5;
}

/* Errors of the UNet's first output over tolerance. equal: the second image is not there,
   it is that of the first. */
static double unet_ratio(const size_t *counts, int equal)
{
    array noise = must_load("cases/v1_ddpm", "noise"),
          want = must_load("cases/v1_ddpm", "unet_000"),
          timesteps = must_load("cases/v1_ddpm", "timesteps"),
          text[2];
    const size_t half = noise.count;
    float *x = floats(2 * half), *out = floats(2 * half), *context;
    tango__denoiser d;
    tango__image size;
    bench b;
    text[0] = must_load("cases/v1_ddpm", "text_uncond");
    text[1] = must_load("cases/v1_ddpm", "text");
    context = floats(2 * text[0].count);
    memcpy(context, text[0].values, text[0].count * sizeof(float));
    memcpy(context + text[0].count, text[1].values, text[0].count * sizeof(float));
    memcpy(x, channels_last(&noise), half * sizeof(float));
    memcpy(x + half, x, half * sizeof(float));
    for (size_t i = half; equal && i < 2 * half; i++) x[i] = HUGE_VALF;
    memset(&d, 0, sizeof d);
    d.equal = equal;
    d.context = context;
    d.context_batch = 2;
    d.tokens = text[0].shape[1];
    d.repeat = 1;
    d.counts = counts;
    d.timesteps = timesteps.values;
    d.steps = timesteps.count;
    size.batch = 2;
    size.height = noise.shape[2];
    size.width = noise.shape[3];
    bench_start(&b);
    tango__loop_begin(&b.net);
    tango__unet(&b.net, out, x, size, &d);
    CHECK(b.net.result == TANGO_OK);
    tango__arena_close(&b.arena);
    return compare(channels_first(out, &want), want.values, want.count).relative / 5e-5;
}

static void a_forgotten_mask_fails(void)
{
    const size_t counts[2] = { 1, 4 };
    CHECK(text_ratio(counts) <= 1);
    CHECK(unet_ratio(counts, 0) <= 1);
    mistake("no mask in the text encoder", "text_uncond", text_ratio(NULL));
    mistake("no mask in the UNet", "unet_000", unet_ratio(NULL, 0));
}

static void equal_images_are_computed_once(void)
{
    const size_t counts[2] = { 1, 4 };
    CHECK(unet_ratio(counts, 1) <= 1);
}

/* ---- CLIP and CLAP text encoders -------------------------------------------------- */

/* One case of golden/text: a small random encoder, padded ids, its states. */
typedef struct text_case {
    tango_model model;
    tango_io_file file;
    size_t batch, tokens, counts[4];
    int32_t *ids;
    array want;
    double tolerance;
} text_case;

static void open_text(text_case *t, const char *name)
{
    tango_io_json json = load_json("text/text.json");
    const size_t cases = tango_io_json_find(&json, 0, "cases"),
                 one = tango_io_json_find(&json, cases, name);
    char path[1024], where[64];
    array ids, counts;
    tango_error error;
    memset(t, 0, sizeof *t);
    snprintf(where, sizeof where, "text/%s", name);
    snprintf(path, sizeof path, "%s/text/%s", folder, text_of(&json, one, "blob"));
    if (tango_io_map(&t->file, path, &error) != TANGO_OK
        || tango_open(&t->model, t->file.data, t->file.size, &error) != TANGO_OK)
        stop(path, error.text);
    t->model.text.quick_gelu = (int)number(&json, one, "quick_gelu", 0);
    t->tolerance = number(&json, one, "tolerance", 0);
    ids = must_load(where, "ids");
    counts = must_load(where, "counts");
    t->want = must_load(where, "y");
    t->batch = ids.shape[0];
    t->tokens = ids.shape[1];
    t->ids = (int32_t *)take(ids.count * sizeof *t->ids);
    for (size_t i = 0; i < ids.count; i++) t->ids[i] = (int32_t)ids.values[i];
    for (size_t i = 0; i < t->batch; i++) t->counts[i] = (size_t)counts.values[i];
}

/* States of the case's ids at a kernel level: measured, then computed in just the memory
   that was measured. */
static tango_result encode_case(const text_case *t, float *out, const size_t *counts,
    size_t level, tango_error *error)
{
    tango_params p;
    tango_arena arena;
    tango__net net;
    size_t measured = 0;
    memset(&p, 0, sizeof p);
    memset(&arena, 0, sizeof arena);
    p.kernels = contexts[level].kernels;
    for (int real = 0; real < 2; real++) {
        if (real) {
            measured = arena.peak;
            arena = arena_of(measured + TANGO__ALIGN);
        }
        tango__net_begin(&net, &t->model, &p, &arena, error);
        tango__encode_text(&net, real ? out : NULL, real ? t->ids : NULL, t->batch,
            t->tokens, counts);
        CHECK(net.name_length == 0 && arena.used == 0);
        if (net.result != TANGO_OK && !real) return net.result;
    }
    if (net.result == TANGO_OK) CHECK(arena.peak == measured);
    tango__arena_close(&arena);
    return net.result;
}

static difference text_difference(const text_case *t, const size_t *counts, size_t level)
{
    tango_error error;
    float *out = floats(t->want.count);
    CHECK(encode_case(t, out, counts, level, &error) == TANGO_OK);
    return compare(out, t->want.values, t->want.count);
}

static double text_case_ratio(const text_case *t, const size_t *counts)
{
    return text_difference(t, counts, levels - 1).relative / t->tolerance;
}

static const char *const text_cases[] = { "clip", "clip_quick", "clap" };

static void text_encoders_agree_with_transformers(void)
{
    table_head("text encoder");
    for (size_t i = 0; i < 3; i++)
        for (size_t l = 0; l < levels; l++) {
            text_case t;
            open_text(&t, text_cases[i]);
            CHECK(table_row(text_cases[i], tango_nn_kernels_name(contexts[l].kernels),
                text_difference(&t, t.counts, l), t.tolerance));
            tango_io_unmap(&t.file);
            release(NULL);
        }
}

/* Opens a case, changes one thing of its model, closes it. */
static void text_mistake(const char *what, const char *name, int which)
{
    text_case t;
    tango_text_config *c = &t.model.text;
    open_text(&t, name);
    CHECK(text_case_ratio(&t, t.counts) <= 1);
    if (which == 1) c->eps *= 0.1f;
    if (which == 2) c->quick_gelu = !c->quick_gelu;
    if (which == 3) c->pad++;
    if (which == 4) c->heads = 5, c->head_width = 3;
    if (which == 5) t.ids[4]++;
    mistake(what, name, text_case_ratio(&t, which == 0 ? NULL : t.counts));
    tango_io_unmap(&t.file);
}

static void mistakes_in_text_encoders_are_noticed(void)
{
    printf("\n");
    text_mistake("no mask in CLIP", "clip", 0);
    text_mistake("no mask in CLAP", "clap", 0);
    text_mistake("CLIP epsilon 1e-6 for 1e-5", "clip", 1);
    text_mistake("CLAP epsilon 1e-6 for 1e-5", "clap", 1);
    text_mistake("quick gelu for gelu", "clip", 2);
    text_mistake("gelu for quick gelu", "clip_quick", 2);
    text_mistake("CLAP positions one further", "clap", 3);
    text_mistake("5 heads for 3", "clip", 4);
    text_mistake("another token", "clap", 5);
}

/* A vector of CLAP has length 1. What CLIP says of a token does not depend on what comes
   later, nor on how the batch is padded. */
static void text_states_have_their_properties(void)
{
    text_case t;
    tango_error error;
    float *a, *b;
    open_text(&t, "clap");
    a = floats(t.want.count);
    CHECK(encode_case(&t, a, t.counts, levels - 1, &error) == TANGO_OK);
    for (size_t r = 0; r < t.batch; r++) {
        double length = 0;
        for (size_t i = 0; i < t.want.shape[1]; i++) {
            const double v = (double)a[r * t.want.shape[1] + i];
            length += v * v;
        }
        CHECK_NEAR(length, 1, 1e-6);
    }
    tango_io_unmap(&t.file);
    open_text(&t, "clip_quick");
    a = floats(t.want.count);
    b = floats(t.want.count);
    CHECK(encode_case(&t, a, t.counts, levels - 1, &error) == TANGO_OK);
    for (size_t i = 6; i < t.tokens; i++) t.ids[i] = t.ids[t.tokens + i] = 7;
    CHECK(encode_case(&t, b, t.counts, levels - 1, &error) == TANGO_OK);
    CHECK(memcmp(a, b, 6 * t.want.shape[2] * sizeof *a) == 0);
    CHECK(memcmp(a, b, t.want.count * sizeof *a) != 0);
    CHECK(memcmp(a + t.tokens * t.want.shape[2], b + t.tokens * t.want.shape[2],
              5 * t.want.shape[2] * sizeof *a)
          == 0);
    tango_io_unmap(&t.file);
    release(NULL);
}

static void texts_that_do_not_fit_are_refused(void)
{
    text_case t;
    tango_error error;
    open_text(&t, "clip");
    CHECK(tango__tokens_most(&t.model.text) == 77);
    t.tokens = 78;
    t.ids = (int32_t *)take(3 * 78 * sizeof *t.ids);
    memset(t.ids, 0, 3 * 78 * sizeof *t.ids);
    CHECK(encode_case(&t, floats(3 * 78 * 15), t.counts, 0, &error)
              == TANGO_ERROR_DATA
          && strstr(error.text, "78 tokens, the encoder has positions for 77") != NULL);
    t.tokens = 5;
    t.counts[0] = t.counts[1] = 5;
    t.ids[7] = 30;
    CHECK(encode_case(&t, floats(3 * 78 * 15), t.counts, 0, &error)
              == TANGO_ERROR_DATA
          && strstr(error.text, "text: id 30, the encoder's") != NULL
          && strstr(error.text, "has 30 rows") != NULL);
    t.ids[7] = -1;
    CHECK(encode_case(&t, floats(3 * 78 * 15), t.counts, 0, &error)
          == TANGO_ERROR_DATA);
    tango_io_unmap(&t.file);
    open_text(&t, "clap"); /* 24 positions; 0 and 1 stand for no token */
    CHECK(tango__tokens_most(&t.model.text) == 22);
    t.model.text.positions = 514;
    CHECK(tango__tokens_most(&t.model.text) == 512);
    t.model.text.positions = 2;
    CHECK(tango__tokens_most(&t.model.text) == 0);
    CHECK(tango__probe(&t.model, &error) == TANGO_ERROR_DATA
          && strstr(error.text, "1 tokens, the encoder has positions for 0") != NULL);
    t.model.text.positions = 25;
    CHECK(tango__probe(&t.model, &error) == TANGO_ERROR_DATA
          && strstr(error.text, "embeddings.weight' is not the 25 x 15") != NULL);
    t.model.text.positions = 24;
    t.model.text.projection = 19;
    CHECK(tango__probe(&t.model, &error) == TANGO_ERROR_DATA
          && strstr(error.text, "text_projection.linear1.bias' is not the 19") != NULL);
    t.model.text.projection = 18;
    CHECK(tango__probe(&t.model, &error) == TANGO_OK);
    tango_io_unmap(&t.file);
    CHECK(tango_tokens_most(&v1) == TANGO_TOKENS_MAX);
    release(NULL);
}

/* A model over a copy of the blob, so that weights can be changed. */
static tango_model copy_of(const tango_model *m)
{
    tango_model copy;
    tango_error error;
    unsigned char *bytes = writable(m->blob.data, m->blob.size);
    if (tango_open(&copy, bytes, m->blob.size, &error) != TANGO_OK)
        stop("copy", error.text);
    return copy;
}

static void set_weights(const tango_model *m, const char *name, float value)
{
    tango_io_tensor tensor;
    float *w;
    if (!tango_io_blob_find(&m->blob, name, &tensor)) stop(name, "no such tensor");
    w = (float *)(uintptr_t)tensor.data; /* into the writable copy */
    for (size_t i = 0; i < tensor.size / sizeof(float); i++) w[i] = value;
}

/* The run must fail with TANGO_ERROR_NUMBER, and with a message that begins so. */
static void must_name(sound s, const char *stage)
{
    if (s.result != TANGO_ERROR_NUMBER || !begins(s.error.text, stage))
        printf("    expected %s: result %d, \"%s\"\n", stage, (int)s.result,
            s.error.text);
    CHECK(s.result == TANGO_ERROR_NUMBER);
    CHECK(begins(s.error.text, stage) && s.error.text[strlen(stage)] == ':');
}

static void a_bad_weight_names_its_stage(void)
{
    static const char *const bad[][2] = {
        { "text_encoder.shared.weight", "text" },
        { "text_encoder.encoder.final_layer_norm.weight", "text" },
        { "unet.time_embedding.linear_1.bias", "latent" },
        { "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight",
            "latent" },
        { "unet.conv_out.bias", "latent" },
        { "post_quant_conv.weight", "mel" },
        { "decoder.conv_out.bias", "mel" },
        { "vocoder.conv_pre.bias", "wave" },
        { "vocoder.conv_post.weight", "wave" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (int infinite = 0; infinite < 2; infinite++) {
            watch w;
            tango_params p = open_case(&w, "v1_ddpm");
            tango_model m = copy_of(&v1);
            p.on_stage = NULL;
            /* tanh turns an infinite last sum into a finite sample */
            if (infinite && begins(bad[i][0], "vocoder")) continue;
            if (infinite && begins(bad[i][0], "unet.mid")) continue;
            set_weights(&m, bad[i][0], infinite ? (float)HUGE_VAL : (float)NAN);
            must_name(generate(&m, &p), bad[i][1]);
            release(NULL);
        }
}

static void bad_noise_and_silence_are_errors(void)
{
    array noise = must_load("cases/v1_ddpm", "noise_all"),
          latent = must_load("cases/v1_ddpm", "latent");
    watch w;
    tango_params p = open_case(&w, "v1_ddpm");
    tango_model m = copy_of(&v1);
    p.on_stage = NULL;
    set_weights(&m, "vocoder.conv_post.weight", 0.0f);
    set_weights(&m, "vocoder.conv_post.bias", 0.0f);
    must_name(generate(&m, &p), "wave");
    p.noise = noise.values;
    p.noise_draws = 1;
    noise.values[77] = (float)NAN;
    must_name(generate(&v1, &p), "latent");
    p.noise_draws = noise.shape[0]; /* bad in a later draw */
    noise.values[77] = 0.0f;
    noise.values[noise.count / noise.shape[0] * 3 + 5] = (float)HUGE_VAL;
    must_name(generate(&v1, &p), "latent");
    p.noise = NULL;
    p.latent = latent.values;
    p.latent_rows = latent.shape[2];
    latent.values[latent.count - 1] = (float)NAN;
    must_name(generate(&v1, &p), "latent");
    release(NULL);
}

/* ---- Guidance --------------------------------------------------------------------- */

static void guidance_agrees_with_diffusers(void)
{
    const char *where = "guidance";
    array u = must_load(where, "uncond"), c = must_load(where, "cond"),
          y = must_load(where, "y");
    tango_io_json json = load_json("guidance/runs.json");
    size_t runs = tango_io_json_find(&json, 0, "runs"), run, done = 0, i;
    const size_t images = u.shape[0], count = u.count / images;
    float *x = floats(u.count);
    for (run = tango_io_json_first(&json, runs); run;
         run = tango_io_json_next(&json, runs, run), done++) {
        memcpy(x, u.values, u.count * sizeof(float));
        for (i = 0; i < images; i++) {
            const float *want = y.values + done * u.count + i * count;
            tango__guide(x + i * count, c.values + i * count, count,
                number(&json, run, "guidance", 0), number(&json, run, "rescale", 0));
            CHECK(compare(x + i * count, want, count).relative <= 1e-6);
        }
    }
    CHECK(done == y.shape[0] && done == 7);
    release(NULL);
}

/* Equal numbers have no deviation to rescale by; they stay, and stay finite. */
static void rescale_of_a_flat_image_changes_nothing(void)
{
    float x[8], c[8], one = 1.0f; /* x = 0.25 + 3 (0.5 - 0.25) */
    for (size_t i = 0; i < 8; i++) x[i] = 0.25f, c[i] = 0.5f;
    tango__guide(x, c, 8, 3.0, 1.0);
    for (size_t i = 0; i < 8; i++) CHECK(x[i] == 1.0f);
    tango__guide(&one, c, 1, 3.0, 1.0);
    CHECK(one == -0.5f); /* 1 + 3 (0.5 - 1) */
}

/* 0 is the model's, below 0 none, and what the plan says is never 0. */
static void rescale_follows_the_model_or_the_caller(void)
{
    static const double asked[] = { 0.0, -1.0, -0.25, 0.7 };
    static const double found[2][4] = { { -1.0, -1.0, -0.25, 0.7 },
        { 0.5, -1.0, -0.25, 0.7 } };
    watch w;
    tango_params p = open_case(&w, "v1_ddpm");
    for (size_t with = 0; with < 2; with++)
        for (size_t i = 0; i < 4; i++) {
            tango_model m = v1;
            tango_plan plan;
            tango_error error;
            m.defaults.rescale = with ? 0.5 : 0.0;
            p.rescale = asked[i];
            CHECK(tango_prepare(&plan, &m, &p, &error) == TANGO_OK);
            CHECK(plan.params.rescale == found[with][i]);
        }
    release(NULL);
}

/* Every sound of a run is rescaled by its own deviation: alone it is the same. */
static void rescale_is_one_sound_at_a_time(void)
{
    array noise = must_load("cases/tiny_rescale", "noise");
    watch w;
    tango_params p = open_case(&w, "tiny_rescale");
    sound both, alone;
    p.on_stage = NULL;
    p.noise = noise.values;
    both = generate(&tiny, &p);
    p.samples = 1;
    p.noise = noise.values + noise.count / 2;
    alone = generate(&tiny, &p);
    CHECK(both.result == TANGO_OK && alone.result == TANGO_OK);
    CHECK(compare(both.wave + both.bytes / 8, alone.wave, alone.bytes / 4).relative
          <= 1e-4);
    release(NULL);
}

/* ---- Memory, threads, callbacks, parameters --------------------------------------- */

/* Two steps of a case: enough to come by every buffer, also those kept for later ones. */
static tango_params short_case(watch *w, const char *name)
{
    tango_params p = open_case(w, name);
    p.on_stage = NULL;
    p.steps = 2;
    return p;
}

static void memory_is_exactly_what_the_plan_says(void)
{
    for (size_t i = 0; i < 10; i++) {
        const tango_model *m = i < 5 ? &v1 : &tiny;
        watch w;
        tango_params p = short_case(&w, i < 5 ? v1_cases[i] : tiny_cases[i - 5]);
        sound clean = generate(m, &p), less = generate_in(m, &p, 0, 0, 1),
              dirty = generate_in(m, &p, 0, 0xff, 0),
              shifted = generate_in(m, &p, 1 + 4 * i, 0xff, 0);
        CHECK(clean.result == TANGO_OK);
        CHECK(less.result == TANGO_ERROR_MEMORY && begins(less.error.text, "memory: "));
        CHECK(same_sound(clean, dirty));
        CHECK(same_sound(clean, shifted));
        release(NULL);
    }
}

/* Stops a run after three steps: the third books nothing that the second did not. */
static int three_steps(void *user, size_t done, size_t steps)
{
    (void)user;
    (void)steps;
    return done == 3;
}

static int no_stage(void *user, const tango_stage *stage)
{
    (void)user;
    (void)stage;
    return 0;
}

/* Real runs in exactly the planned memory. What the first step keeps for all others, a
   row for each of many steps, may be more than the work on a short sound. */
static void a_plan_is_enough_for_many_steps(void)
{
    static const size_t steps[] = { 1, 2, 4, 25, 100, 200, 320, 500, 640, 800, 998, 999 };
    static const double seconds[] = { 0.01, 0.16, 0.32, 0.64 };
    watch w;
    const tango_params start = open_case(&w, "v1_ddpm");
    const block *keep = blocks;
    size_t runs = 0;
    for (size_t i = 0; i < 12; i++)
        for (size_t k = 0; k < 4; k++)
            for (int which = 0; which < 2; which++, runs++) {
                tango_params p = start;
                sound s;
                p.steps = steps[i];
                p.seconds = seconds[k];
                p.sampler = (tango_sampler)(TANGO_DDPM + runs % 5);
                p.guidance = runs % 3 ? 3.0 : 1.0;
                p.samples = 1 + (i + k) % 2;
                p.eta = 0.5 * (double)(runs % 2);
                p.cache = runs % 5;
                p.guidance_from = 0.1 * (double)(runs % 7);
                p.guidance_until = runs % 2 ? 0.0 : 0.8;
                p.on_stage = runs % 4 ? NULL : no_stage;
                p.on_step = three_steps;
                s = generate(which ? &tiny : &v1, &p);
                if (s.result != TANGO_OK && s.result != TANGO_ERROR_CANCELLED)
                    printf("    %zu steps, %g s: %s\n", p.steps, p.seconds,
                        s.error.text);
                CHECK(s.result == (p.steps < 3 ? TANGO_OK : TANGO_ERROR_CANCELLED));
                release(keep);
            }
    release(NULL);
}

/* The arena's peak over a walk of at most `passes` rounds of each loop. */
static size_t walked(const tango_model *m, const tango_plan *plan, size_t passes)
{
    tango_arena arena;
    tango__net net;
    tango_error error;
    memset(&arena, 0, sizeof arena);
    tango__net_begin(&net, m, &plan->params, &arena, &error);
    net.passes = passes;
    tango__pipeline(&net, plan, NULL);
    CHECK(net.result == TANGO_OK);
    return arena.peak + TANGO__ALIGN;
}

/* The same without arithmetic over all that is legal: a walk through every step, or
   through six where there are many, needs no more than the plan. */
static void a_plan_is_enough_for_every_legal_run(void)
{
    static const size_t samples[] = { 1, 2, 3, 7, 64, 1024 };
    watch w;
    const tango_params start = open_case(&w, "v1_ddpm");
    size_t run = 0, wrong = 0;
    for (double seconds = 0.001; seconds <= TANGO_SECONDS_MAX; seconds *= 1.4)
        for (size_t steps = 1; steps <= 999; steps += 1 + steps / 4, run++) {
            const tango_model *m = run % 2 ? &v1 : &tiny;
            tango_params p = start;
            tango_plan plan;
            tango_error error;
            p.seconds = seconds * 1.4 > TANGO_SECONDS_MAX ? TANGO_SECONDS_MAX : seconds;
            p.steps = steps * 5 / 4 > 999 ? 999 : steps;
            p.samples = samples[run % 6];
            p.sampler = (tango_sampler)(TANGO_DDPM + run / 2 % 8);
            p.loop = run % 13 == 2;
            p.window = run % 11 == 3 ? 0.6 : 0;
            p.sigmas = (tango_sigmas)(run % 2);
            p.guidance = run % 3 ? 3.0 : 1.0;
            p.rescale = run % 2 ? 0.7 : -1.0;
            p.eta = 0.5 * (double)(run % 2);
            p.on_stage = run % 5 ? NULL : no_stage;
            p.vocoder = run % 7 && seconds > 0.1 ? TANGO_GRIFFIN_LIM : TANGO_HIFIGAN;
            if (tango_prepare(&plan, m, &p, &error) != TANGO_OK) stop("plan", error.text);
            wrong += walked(m, &plan, run % 101 ? 6 : SIZE_MAX) != plan.memory;
        }
    CHECK(run > 800 && wrong == 0);
    release(NULL);
}

/* The same of the other two entrances, and of the encoder's windows and batches. */
static void a_plan_is_enough_for_latents_mels_and_encoding(void)
{
    static const float none = 0;
    watch w;
    const tango_params start = open_case(&w, "v1_ddpm");
    for (size_t rows = 1; rows <= 15000; rows += 1 + rows / 3) {
        tango_params p = start;
        tango_plan plan;
        tango_error error;
        tango_encoding e;
        tango__posterior nowhere = { NULL, NULL, NULL };
        p.samples = 1 + rows % 3;
        p.latent = &none;
        p.latent_rows = rows;
        CHECK(tango_prepare(&plan, &v1, &p, &error) == TANGO_OK);
        CHECK(walked(&v1, &plan, SIZE_MAX) == plan.memory);
        p.latent = NULL;
        p.mel = &none;
        p.mel_frames = 4 * rows - rows % 4;
        CHECK(tango_prepare(&plan, &v1, &p, &error) == TANGO_OK);
        CHECK(walked(&v1, &plan, SIZE_MAX) == plan.memory);
        memset(&e, 0, sizeof e);
        e.batch = p.samples;
        e.frames = 4 * rows;
        for (e.window = 0; e.window <= 64; e.window += 32) {
            tango_arena arena;
            tango__net net;
            tango_params alone;
            size_t size = 0;
            memset(&alone, 0, sizeof alone);
            memset(&arena, 0, sizeof arena);
            CHECK(tango_encode_memory(&size, &v1, &e, &error) == TANGO_OK);
            tango__net_begin(&net, &v1, &alone, &arena, &error);
            net.passes = SIZE_MAX;
            tango__encode_all(&net, &nowhere, NULL, &e);
            CHECK(net.result == TANGO_OK && arena.peak + TANGO__ALIGN == size);
        }
    }
    release(NULL);
}

static void watching_stages_changes_nothing(void)
{
    watch w;
    tango_params p = open_case(&w, "v1_ddpm");
    sound watched = generate_in(&v1, &p, 3, 0xff, 0), alone;
    p.on_stage = NULL;
    alone = generate(&v1, &p);
    CHECK(same_sound(watched, alone));
    release(NULL);
}

/* Two takes by one call are, to rounding, those of their seeds alone. */
static void takes_have_their_own_seeds(void)
{
    static const uint64_t seeds[] = { 5, TANGO_SEED_MAX };
    watch w;
    tango_params p = short_case(&w, "v1_samples");
    sound all, one;
    size_t count;
    p.samples = 2;
    p.seeds = seeds;
    all = generate(&v1, &p);
    p.samples = 1;
    p.seeds = NULL;
    for (size_t i = 0; i < 2; i++) {
        p.seed = seeds[i];
        one = generate(&v1, &p);
        count = one.bytes / sizeof(float);
        CHECK(one.bytes * 2 == all.bytes
              && compare(all.wave + i * count, one.wave, count).relative <= 1e-4);
    }
    release(NULL);
}

static int keep_latent(void *user, const tango_stage *stage)
{
    size_t count = 1;
    for (size_t i = 0; i < stage->rank; i++) count *= stage->shape[i];
    if (strcmp(stage->name, "latent") == 0)
        memcpy(user, stage->values, count * sizeof(float));
    return 0;
}

/* The latent behind the last step of one sound. */
static float *latent_of(const tango_model *m, tango_params p)
{
    tango_plan plan;
    tango_error error;
    float *latent, *wave;
    if (tango_prepare(&plan, m, &p, &error) != TANGO_OK) stop("latent", error.text);
    latent = floats(plan.latent_rows * plan.latent_width * m->vae.embedding);
    p.on_stage = keep_latent;
    p.user = latent;
    wave = floats(plan.samples);
    if (tango_generate(wave, m, &p, take(plan.memory), plan.memory, &error) != TANGO_OK)
        stop("latent", error.text);
    return latent;
}

/* What is not filled ends as init; all filled is a run without init; a part of a run ends
   nearer to init than the whole. */
static void a_run_may_start_from_a_sound(void)
{
    static const tango_sampler kinds[] = { TANGO_DDPM, TANGO_EULER, TANGO_HEUN, TANGO_DPM,
        TANGO_LCM };
    enum { ROWS = 16, WIDTH = 16, CHANNELS = 8 };
    static const double most[] = { 0.08, 0.2, 0.6, 0.64 }, all[] = { 0, 0.64 };
    float *init = floats(ROWS * WIDTH * CHANNELS);
    tango_random random;
    tango_random_seed(&random, 1);
    tango_randn(&random, init, ROWS * WIDTH * CHANNELS);
    for (size_t k = 0; k < 5; k++) {
        watch w;
        tango_params p = open_case(&w, "v1_unipc"); /* 0.64 s */
        float *plain, *whole, *kept;
        p.sampler = kinds[k];
        p.steps = 3;
        plain = latent_of(&v1, p);
        p.init = init;
        p.init_rows = ROWS;
        p.fill = all;
        p.fills = 1;
        whole = latent_of(&v1, p);
        CHECK(memcmp(plain, whole, ROWS * WIDTH * CHANNELS * sizeof(float)) == 0);
        p.fill = most;
        p.fills = 2;
        kept = latent_of(&v1, p);
        for (size_t c = 0; c < CHANNELS; c++)
            for (size_t r = 0; r < ROWS; r++) {
                const size_t at = (c * ROWS + r) * WIDTH;
                const int same =
                    memcmp(kept + at, init + at, WIDTH * sizeof(float)) == 0;
                CHECK(same == (r < 2 || (r >= 5 && r < 15)));
            }
    }
    release(NULL);
}

/* The second half of the rows of x (planes, rows, width) in front of the first. */
static float *turned(const float *x, size_t planes, size_t rows, size_t width)
{
    const size_t half = rows / 2 * width, all = rows * width;
    float *out = floats(planes * all);
    for (size_t i = 0; i < planes; i++) {
        memcpy(out + i * all, x + i * all + half, (all - half) * sizeof(float));
        memcpy(out + i * all + all - half, x + i * all, half * sizeof(float));
    }
    return out;
}

/* A loop has no first moment: noise that begins half a sound later makes the sound that
   begins half a sound later. Without a loop the ends are ends. */
static void a_loop_begins_anywhere(void)
{
    enum { ROWS = 16, WIDTH = 16, CHANNELS = 8 };
    for (size_t k = 0; k < 3; k++) {
        watch w;
        tango_params p = short_case(&w, "v1_unipc"); /* 0.64 s */
        float *noise = floats(ROWS * WIDTH * CHANNELS), *want;
        tango_random random;
        sound a, b;
        size_t count;
        tango_random_seed(&random, 2);
        tango_randn(&random, noise, ROWS * WIDTH * CHANNELS);
        p.noise = noise;
        p.loop = k < 2;
        p.window = k == 1 ? 0.4 : 0; /* 10 rows: two windows fit too */
        p.vocoder = TANGO_HIFIGAN;
        a = generate(&v1, &p);
        p.noise = turned(noise, CHANNELS, ROWS, WIDTH);
        b = generate(&v1, &p);
        if (a.result != TANGO_OK || b.result != TANGO_OK) stop("loop", a.error.text);
        count = a.bytes / sizeof(float);
        CHECK(count == (k < 2 ? 64 * 160 : 64 * 160 + 32));
        want = turned(a.wave, 1, count, 1);
        CHECK((compare(b.wave, want, count).relative <= 1e-3) == (k < 2));
        release(NULL);
    }
}

/* A run stops behind any layer of any part and within Griffin-Lim, and says where. */
typedef struct stopper { unsigned part; size_t seen, stop; double last; } stopper;

static int count_layer(void *user, unsigned part, double operations)
{
    stopper *s = (stopper *)user;
    if (part != s->part) return 0;
    CHECK(s->seen == 0 || operations >= s->last);
    s->last = operations;
    return ++s->seen == s->stop;
}

static void a_run_stops_behind_any_layer(void)
{
    static const unsigned parts[] = { TANGO_PART_TEXT, TANGO_PART_UNET, TANGO_PART_VAE,
        TANGO_PART_VOCODER, TANGO_PART_VOCODER };
    for (size_t i = 0; i < 5; i++) {
        watch w;
        tango_params p = short_case(&w, "v1_ddpm");
        stopper s = { parts[i], 0, 0, 0 };
        tango_plan plan;
        tango_error error;
        void *memory;
        float *wave;
        p.on_stage = NULL;
        p.on_step = NULL;
        p.on_layer = count_layer;
        p.user = &s;
        p.vocoder = i == 4 ? TANGO_GRIFFIN_LIM : TANGO_HIFIGAN;
        CHECK(tango_prepare(&plan, &v1, &p, &error) == TANGO_OK && s.seen == 0);
        memory = take(plan.memory);
        wave = floats(plan.samples * plan.params.samples);
        CHECK(tango_generate(wave, &v1, &p, memory, plan.memory, &error) == TANGO_OK);
        CHECK(s.seen > 10 && s.last > 0);
        s.stop = s.seen / 2;
        s.seen = 0;
        CHECK(tango_generate(wave, &v1, &p, memory, plan.memory, &error)
              == TANGO_ERROR_CANCELLED);
        CHECK(s.seen == s.stop
              && strstr(error.text, i == 4 ? "griffin-lim: stopped in round"
                                           : tango_part_name(parts[i])) != NULL);
        release(NULL);
    }
}

static void threads_change_no_bit(void)
{
    static const size_t threads[] = { 2, 3, 8 };
    for (size_t i = 0; i < 5 + levels; i++) {
        const tango_model *m = i < 2 ? &tiny : &v1;
        watch w;
        tango_params p = short_case(&w, i == 0   ? "tiny_ddpm"
                                        : i == 1 ? "tiny_odd"
                                        : i == 2 ? "v1_samples"
                                        : i == 3 ? "v1_window"
                                                 : "v1_unipc");
        sound one;
        if (i == 3) p.steps = 6; /* guidance on steps 1 to 3, a kept part on 2 to 5 */
        if (i >= 5) p.kernels = contexts[i - 5].kernels;
        one = generate(m, &p);
        for (size_t k = 0; k < 3; k++) {
            tango_nn_pool *pool = tango_nn_pool_start(
                take(tango_nn_pool_size(threads[k])), threads[k]);
            sound many;
            if (pool == NULL) stop("pool", "no thread could be made");
            p.parallel_for = tango_nn_pool_for;
            p.pool = pool;
            p.threads = threads[k];
            many = generate_in(m, &p, 0, 0xff, 0);
            tango_nn_pool_stop(pool);
            CHECK(same_sound(one, many));
        }
        release(NULL);
    }
}

/* Every step, the whole run, no step at all: what was there without these numbers. */
static void windows_and_caches_end_where_they_should(void)
{
    watch w;
    const tango_params start = short_case(&w, "v1_samples");
    tango_params p = start;
    const sound whole = generate(&v1, &start);
    sound off;
    p.cache = 1;
    p.guidance_until = 1;
    CHECK(same_sound(generate(&v1, &p), whole));
    p.guidance = 1;
    off = generate(&v1, &p);
    CHECK(off.result == TANGO_OK && !same_sound(off, whole));
    p = start;
    p.guidance_until = -1;
    CHECK(same_sound(generate(&v1, &p), off));
    p.guidance_until = 0.49; /* int(0.98) */
    CHECK(same_sound(generate(&v1, &p), off));
    p.guidance_until = 0.5;
    CHECK(!same_sound(generate(&v1, &p), off));
    p.guidance_until = 0;
    p.guidance_from = 1;
    CHECK(same_sound(generate(&v1, &p), off));
    p.guidance_from = 0.49;
    CHECK(same_sound(generate(&v1, &p), whole));
    release(NULL);
}

/* A text of one token beside a longer one goes the short way, alone the long one. */
static void a_lone_token_is_what_attention_makes_of_it(void)
{
    tango_nn_context *c = &contexts[levels - 1];
    const size_t positions = 6;
    tango_params p;
    tango_error error;
    float *x = floats(positions * 15 * 2), *states = floats(2 * 3 * 24), *out[2];
    memset(&p, 0, sizeof p);
    p.kernels = c->kernels;
    for (size_t i = 0; i < positions * 15; i++)
        x[i] = x[positions * 15 + i] = (float)sin(0.7 * (double)i);
    for (size_t i = 0; i < 2 * 3 * 24; i++) states[i] = (float)cos(0.3 * (double)i);
    for (size_t texts = 1; texts <= 2; texts++) {
        static const size_t counts[2] = { 1, 3 };
        static const float time = 500;
        const size_t size = (size_t)1 << 23;
        tango_arena arena;
        tango__net net;
        tango__denoiser d;
        tango__image s = { texts, 3, 2 };
        memset(&d, 0, sizeof d);
        d.context = states;
        d.context_batch = texts;
        d.tokens = 3;
        d.repeat = d.steps = 1;
        d.counts = counts;
        d.timesteps = &time;
        d.groups = v1.unet.groups;
        out[texts - 1] = floats(2 * positions * 15);
        memcpy(out[texts - 1], x, 2 * positions * 15 * sizeof(float));
        tango__arena_over(&arena, take(size), size);
        tango__net_begin(&net, &v1, &p, &arena, &error);
        tango__loop_begin(&net);
        tango__enter_one(&net, "unet");
        tango__enter(&net, "down_blocks", 0);
        tango__enter(&net, "attentions", 0);
        tango__transformer(&net, out[texts - 1], s, 15, v1.unet.heads[0], &d);
        CHECK(net.result == TANGO_OK);
    }
    CHECK(compare(out[1], out[0], positions * 15).relative <= 1e-6);
    CHECK(compare(out[1] + positions * 15, out[0], positions * 15).relative > 1e-3);
    release(NULL);
}

static void callbacks_stop_a_run(void)
{
    static const char *const stages[] = { "tokens", "text_uncond", "noise", "timesteps",
        "unet_001", "latent_002", "latent", "mel", "wave" };
    watch w;
    tango_params p = open_case(&w, "v1_ddpm");
    sound s;
    for (size_t step = 1; step <= p.steps; step++) {
        w.stop_at_step = step;
        w.count = 0;
        s = generate(&v1, &p);
        CHECK(s.result == TANGO_ERROR_CANCELLED && begins(s.error.text, "stopped "));
        CHECK(w.steps_done == step);
    }
    w.stop_at_step = 0;
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        char text[64];
        w.stop_at_stage = stages[i];
        w.count = 0;
        snprintf(text, sizeof text, "stopped after stage %s", stages[i]);
        s = generate(&v1, &p);
        CHECK(s.result == TANGO_ERROR_CANCELLED && strcmp(s.error.text, text) == 0);
    }
    release(NULL);
}

/* A model whose parts become NaN as soon as they are said to be done. */
typedef struct spent { tango_model model; unsigned parts[8]; size_t count; } spent;

static void spend(void *user, unsigned part)
{
    spent *s = (spent *)user;
    tango_io_tensor t;
    if (s->count < 8) s->parts[s->count++] = part;
    for (size_t i = 0; i < tango_io_blob_tensor_count(&s->model.blob); i++) {
        tango_io_blob_tensor(&s->model.blob, i, &t);
        if (tango_part_of(t.name) == part)
            memset((void *)(uintptr_t)t.data, 0xff, t.size);
    }
}

static void a_part_that_is_done_is_read_no_more(void)
{
    watch w;
    spent s;
    tango_error error;
    tango_params p = short_case(&w, "v1_ddpm");
    unsigned char *copy = (unsigned char *)take(v1_file.size + 64);
    sound whole = generate(&v1, &p), other;
    memset(&s, 0, sizeof s);
    copy += 64 - (uintptr_t)copy % 64;
    memcpy(copy, v1_file.data, v1_file.size);
    CHECK(tango_open(&s.model, copy, v1_file.size, &error) == TANGO_OK);
    p.user = &s;
    p.on_stage = NULL;
    p.on_step = NULL;
    p.on_done = spend;
    other = generate(&s.model, &p);
    CHECK(same_sound(whole, other));
    CHECK(s.count == 4 && s.parts[0] == TANGO_PART_TEXT && s.parts[1] == TANGO_PART_UNET
          && s.parts[2] == TANGO_PART_VAE && s.parts[3] == TANGO_PART_VOCODER);
    CHECK(generate(&s.model, &p).result == TANGO_ERROR_NUMBER); /* it was their weights */
    release(NULL);
}

/* The parameters must be refused, by prepare with a message that begins so. */
static void refused(const tango_params *p, const char *subject)
{
    tango_plan plan;
    float wave;
    char memory;
    tango_error error;
    tango_result result;
    memset(&error, 0, sizeof error);
    result = tango_prepare(&plan, &v1, p, &error);
    if (result != TANGO_ERROR_ARGUMENT || !begins(error.text, subject))
        printf("    expected %s: result %d, \"%s\"\n", subject, (int)result, error.text);
    CHECK(result == TANGO_ERROR_ARGUMENT && begins(error.text, subject));
    CHECK(tango_generate(&wave, &v1, p, &memory, 1, NULL) == TANGO_ERROR_ARGUMENT);
}

static void numbers_out_of_range_are_refused(void)
{
    static const double seconds[] = { -1, -1e-300, 600.001, 1e9, HUGE_VAL, -HUGE_VAL,
        (double)NAN };
    static const double etas[] = { -1.001, 1.001, (double)NAN, HUGE_VAL };
    static const double crops[] = { -1.001, 600.001, (double)NAN, HUGE_VAL };
    static const double guidances[] = { 1001, -1001, HUGE_VAL, -HUGE_VAL,
        (double)NAN };
    static const double rescales[] = { 1.001, -1.001, HUGE_VAL, -HUGE_VAL,
        (double)NAN };
    static const double parts[] = { 1.001, -1.001, HUGE_VAL, (double)NAN };
    watch w;
    const tango_params good = open_case(&w, "v1_ddpm");
    tango_params p = good;
    for (size_t i = 0; i < 7; i++) p.seconds = seconds[i], refused(&p, "seconds: ");
    for (p = good; p.steps < SIZE_MAX / 2; p.steps *= 1000)
        if (p.steps > 1000) refused(&p, "steps: ");
    p.steps = SIZE_MAX;
    refused(&p, "steps: ");
    p = good;
    for (size_t i = 0; i < 4; i++) p.eta = etas[i], refused(&p, "eta: ");
    p = good;
    for (size_t i = 0; i < 4; i++) p.crop = crops[i], refused(&p, "crop: ");
    p = good;
    for (size_t i = 0; i < 5; i++) p.guidance = guidances[i], refused(&p, "guidance: ");
    p = good;
    for (size_t i = 0; i < 5; i++) p.rescale = rescales[i], refused(&p, "rescale: ");
    p = good;
    for (size_t i = 0; i < 4; i++) p.guidance_from = parts[i], refused(&p, "guidance ");
    p = good;
    for (size_t i = 0; i < 4; i++) p.guidance_until = parts[i], refused(&p, "guidance ");
    p = good;
    p.denormalize = 1;
    p.denormalize_std = (float)NAN, refused(&p, "denormalize: ");
    p.denormalize_std = 1;
    p.denormalize_mean = (float)-HUGE_VAL, refused(&p, "denormalize: ");
    p = good;
    p.samples = TANGO_SAMPLES_MAX + 1, refused(&p, "samples: ");
    p.samples = SIZE_MAX, refused(&p, "samples: ");
    p = good;
    p.parallel_for = tango_nn_pool_for;
    p.threads = SIZE_MAX, refused(&p, "threads: ");
    release(NULL);
}

static void nonsense_is_refused(void)
{
    const float latent = 0;
    watch w;
    const tango_params good = open_case(&w, "v1_ddpm");
    tango_params p = good;
    p.prompt = NULL, refused(&p, "prompt: ");
    p = good;
    p.sampler = (tango_sampler)99, refused(&p, "sampler: ");
    p = good;
    p.vocoder = (tango_vocoder)99, refused(&p, "vocoder: ");
    p = good;
    p.final_sigma = (tango_final)99, refused(&p, "final sigma: ");
    p = good;
    p.vocoder = TANGO_GRIFFIN_LIM;
    p.mel = &latent;
    p.mel_frames = 3, refused(&p, "seconds: ");
    p = good;
    p.seed = TANGO_SEED_MAX + 1, refused(&p, "seed: ");
    p = good;
    p.seeds = &p.seed, p.seed = UINT64_MAX, refused(&p, "seed: ");
    p = good;
    p.sigmas = (tango_sigmas)9, refused(&p, "sigmas: ");
    p = good;
    p.strength = 0.5, refused(&p, "strength: given without init");
    p = good;
    p.fills = 1, refused(&p, "fill: given without init");
    p = good;
    p.window = 0.1, refused(&p, "window: ");
    p.window = (double)NAN, refused(&p, "window: ");
    p.window = 1, p.cache = 2, refused(&p, "cache: ");
    p = good;
    p.loop = 1, p.cache = 2, refused(&p, "cache: ");
    p = good;
    p.init = &latent, refused(&p, "init: 0 rows");
    p.init_rows = 1;
    p.strength = (double)NAN, refused(&p, "strength: ");
    p.strength = 1.5, refused(&p, "strength: ");
    p.strength = 0.01, refused(&p, "strength: leaves none");
    p.strength = 0;
    p.fills = 1;
    for (size_t i = 0; i < 5; i++) {
        static const double fills[][2] = { { 0.1, 0.1 }, { 0.2, 0.1 }, { -0.1, 0.1 },
            { 0, 1e9 }, { 0, (double)NAN } };
        p.fill = fills[i], refused(&p, "fill: range 1");
    }
    p = good;
    p.init = p.latent = &latent;
    p.init_rows = p.latent_rows = 1, refused(&p, "init: given beside a latent");
    p = good;
    p.latent = &latent;
    p.latent_rows = 0, refused(&p, "latent: ");
    p.latent_rows = SIZE_MAX, refused(&p, "latent: ");
    p.latent_rows = SIZE_MAX / 4 + 2, refused(&p, "latent: ");
    p.latent_rows = 1000000, refused(&p, "latent: ");
    p.latent_rows = 1;
    p.mel = &latent;
    p.mel_frames = 4, refused(&p, "mel: given beside a latent");
    p = good;
    p.noise = &latent; /* DDPM draws for each step, DDIM with eta 0 for none */
    p.noise_draws = p.steps, refused(&p, "noise: ");
    p.noise_draws = p.steps + 2, refused(&p, "noise: ");
    p.noise_draws = SIZE_MAX, refused(&p, "noise: ");
    p.sampler = TANGO_DDIM;
    p.noise_draws = 2, refused(&p, "noise: 2 draws, expected 1 or 1");
    release(NULL);
}

/* The longest and widest run that is allowed is measured, not overflowed. */
static void the_largest_run_is_only_refused_for_memory(void)
{
    watch w;
    tango_params p = open_case(&w, "v1_ddpm");
    tango_plan plan;
    tango_error error;
    float wave;
    char memory;
    p.seconds = TANGO_SECONDS_MAX;
    p.samples = TANGO_SAMPLES_MAX;
    p.steps = 999;
    CHECK(tango_prepare(&plan, &v1, &p, &error) == TANGO_OK);
    CHECK(plan.frames == 60000 && plan.samples == 160 * 60000 + 32);
    CHECK(plan.memory / 1000000 > 1000);
    CHECK(tango_generate(&wave, &v1, &p, &memory, 1, &error) == TANGO_ERROR_MEMORY);
    CHECK(begins(error.text, "memory: 1 bytes given, "));
    release(NULL);
}

/* Keeps the ids of the negative, which is the shorter text. */
static int keep_ids(void *user, const tango_stage *stage)
{
    int32_t *ids = (int32_t *)user;
    if (strcmp(stage->name, "tokens_uncond") == 0 && stage->shape[1] < 64)
        memcpy(ids, stage->ids, stage->shape[1] * sizeof *ids);
    return 0;
}

/* The shorter text is filled up with the model's own id, which nothing looks at. */
static void texts_are_padded_with_the_models_id(void)
{
    int32_t zero[64], nine[64];
    watch w;
    tango_params p = short_case(&w, "v1_ddpm");
    tango_model m = v1;
    sound a, b;
    p.prompt = "a dog barks while heavy rain falls on a roof";
    p.negative = "";
    p.on_step = NULL;
    p.on_stage = keep_ids;
    p.user = zero;
    memset(zero, -1, sizeof zero);
    memset(nine, -1, sizeof nine);
    a = generate(&m, &p);
    m.text.pad = 9;
    p.user = nine;
    b = generate(&m, &p);
    CHECK(a.result == TANGO_OK && same_sound(a, b));
    for (size_t i = 0; i < 10; i++) {
        CHECK(zero[i] == (i == 0 ? 1 : 0));
        CHECK(nine[i] == (i == 0 ? 1 : 9));
    }
    release(NULL);
}

static void long_prompts_are_cut_and_said_so(void)
{
    char *prompt = (char *)take(6000);
    int cut = 0;
    watch w;
    tango_params p = short_case(&w, "v1_ddpm");
    for (size_t i = 0; i < 5999; i++) prompt[i] = "rain "[i % 5];
    prompt[5999] = 0;
    p.prompt_cut = &cut;
    CHECK(generate(&v1, &p).result == TANGO_OK && cut == 0);
    p.prompt = prompt;
    CHECK(generate(&v1, &p).result == TANGO_OK && cut == 1);
    p.prompt = "\xff\xfe broken \xe2\x82";
    CHECK(generate(&v1, &p).result == TANGO_OK && cut == 0);
    p.prompt = "";
    CHECK(generate(&v1, &p).result == TANGO_OK && cut == 0);
    release(NULL);
}

#include "golden_unets.h"
#include "golden_rank.h"
#include "golden_tiles.h"

/* ----------------------------------------------------------------------------------- */

static void open_model(tango_model *m, tango_io_file *file, const char *path)
{
    tango_error error;
    if (tango_io_map(file, path, &error) != TANGO_OK) stop("golden", error.text);
    if (tango_open(m, file->data, file->size, &error) != TANGO_OK) stop(path, error.text);
}

int main(int argc, char **argv)
{
    if (argc != 5 && !(argc == 4 && strcmp(argv[2], "--calls") == 0)) {
        printf("usage: golden GOLDEN_FOLDER V1.tango TINY.tango WORK_FOLDER\n");
        return 2;
    }
    folder = argv[1];
    work_folder = argv[argc - 1];
    if (argc == 4) {
        start_levels();
        cases = load_json("unets/cases.json");
        RUN(calls_agree_at_the_fastest_level);
        return CHECK_DONE();
    }
    open_model(&v1, &v1_file, argv[2]);
    open_model(&tiny, &tiny_file, argv[3]);
    start_levels();
    RUN(layers_agree_with_torch_at_every_level);
    RUN(schedules_agree_with_diffusers);
    RUN(samplers_agree_with_diffusers);
    RUN(a_schedule_names_its_sigmas_and_grid);
    RUN(runs_without_a_way_are_refused);
    RUN(ids_equal_those_of_sentencepiece);
    RUN(ids_equal_those_of_clip);
    RUN(ids_equal_those_of_roberta);
    RUN(ids_of_a_unigram_tokenizer_json_equal_those_of_its_spiece_model);
    RUN(a_random_model_agrees_with_pytorch);
    RUN(the_shipped_model_agrees_with_pytorch);
    RUN(every_kernel_level_agrees_with_pytorch);
    RUN(noise_may_come_from_outside);
    RUN(noise_of_the_first_draw_leaves_the_generator_alone);
    RUN(a_latent_may_come_from_outside);
    RUN(griffin_lim_converges_as_the_reference_does);
    RUN(a_wrong_epsilon_fails);
    RUN(wrong_settings_fail);
    RUN(tanh_gelu_for_exact_gelu_fails);
    RUN(guidance_halves_swapped_fail);
    RUN(a_forgotten_mask_fails);
    RUN(equal_images_are_computed_once);
    RUN(text_encoders_agree_with_transformers);
    RUN(mistakes_in_text_encoders_are_noticed);
    RUN(text_states_have_their_properties);
    RUN(texts_that_do_not_fit_are_refused);
    RUN(a_bad_weight_names_its_stage);
    RUN(bad_noise_and_silence_are_errors);
    RUN(guidance_agrees_with_diffusers);
    RUN(rescale_of_a_flat_image_changes_nothing);
    RUN(rescale_follows_the_model_or_the_caller);
    RUN(rescale_is_one_sound_at_a_time);
    RUN(memory_is_exactly_what_the_plan_says);
    RUN(a_plan_is_enough_for_many_steps);
    RUN(a_plan_is_enough_for_every_legal_run);
    RUN(a_plan_is_enough_for_latents_mels_and_encoding);
    RUN(watching_stages_changes_nothing);
    RUN(takes_have_their_own_seeds);
    RUN(a_run_may_start_from_a_sound);
    RUN(a_loop_begins_anywhere);
    RUN(a_run_stops_behind_any_layer);
    RUN(threads_change_no_bit);
    RUN(windows_and_caches_end_where_they_should);
    RUN(a_lone_token_is_what_attention_makes_of_it);
    RUN(callbacks_stop_a_run);
    RUN(a_part_that_is_done_is_read_no_more);
    RUN(numbers_out_of_range_are_refused);
    RUN(nonsense_is_refused);
    RUN(the_largest_run_is_only_refused_for_memory);
    RUN(texts_are_padded_with_the_models_id);
    RUN(long_prompts_are_cut_and_said_so);
    run_tiles();
    run_rank();
    run_unets();
    for (size_t i = 0; i < levels; i++) free(contexts[i].work);
    tango_io_unmap(&v1_file);
    tango_io_unmap(&tiny_file);
    return CHECK_DONE();
}
