/* convert_bytes.h: a blob of floats becomes one of integers, with 8 bits for the layers
   that stand them.                                                               MIT-0

   The model makes sounds of a few prompts. Each of its products and convolutions is done
   twice on the inputs that it gets there, with its weights as they are and in 8 bits; a
   layer's error is the root mean square of the difference over that of the result.
   Layers up to BYTES_LIMIT are written as I8, others as I16, and so are those that making
   a sound does not pass (the VAE's encoder, CLAP). The first and last layers of each
   network, vectors and the embedding stay as they are. The blob says all errors under
   tango.calibration. */
#ifndef TANGO_CONVERT_BYTES_H
#define TANGO_CONVERT_BYTES_H

#include "convert_write.h"

#define BYTES_LIMIT 0.01 /* of the result */
enum {
    BYTES_STEPS = 4, /* of the diffusion, for each prompt */
    BYTES_CALLS = 12 /* of a layer that count: HiFi-GAN has many short ones */
};
#define BYTES_SECONDS 2.56

/* A matrix of the blob, in the order of the tensors, and so of their data. */
typedef struct layer {
    tango_io_tensor tensor;
    double error, signal; /* sums of squares */
    size_t calls;
} layer;

typedef struct calibration {
    layer *list; /* all tensors */
    size_t count;
    float *rows, *exact, *rounded; /* 16 rows of a matrix; two results */
    char *panels;
    size_t room, results;   /* bytes of panels, numbers of each result */
} calibration;

static double error_of(const layer *l)
{
    return l->signal > 0.0 ? sqrt(l->error / l->signal) : HUGE_VAL;
}

static int compare_data(const void *data, const void *element)
{
    const char *a = (const char *)data;
    const char *b = (const char *)((const layer *)element)->tensor.data;
    return (a > b) - (a < b);
}

/* rows (16, inputs) = panel p of a matrix of floats. */
static void read_panel(float *rows, const tango_io_tensor *t, size_t p)
{
    const size_t inputs = t->shape[1] * t->shape[2], first = p * inputs * TANGO_IO_PANEL;
    for (size_t i = 0; i < inputs * TANGO_IO_PANEL; i++) {
        float *to = rows + i % TANGO_IO_PANEL * inputs + i / TANGO_IO_PANEL;
        if (t->type == TANGO_IO_F32) {
            *to = ((const float *)t->data)[first + i];
        } else {
            const uint16_t bits = ((const uint16_t *)t->data)[first + i];
            *to = t->type == TANGO_IO_F16 ? tango_nn_half_to_float(bits)
                                          : tango_nn_bf16_to_float(bits);
        }
    }
}

static size_t panels_of(const tango_io_tensor *t)
{
    return (t->shape[0] + TANGO_IO_PANEL - 1) / TANGO_IO_PANEL;
}

/* `to` = panel p in integers. Panels have no taps: their inputs are in order already. */
static void pack_panel_of(char *to, const calibration *k, const tango_io_tensor *t,
                          size_t p, tango_nn_type type)
{
    read_panel(k->rows, t, p);
    tango_nn_pack_panel(to, type, k->rows, TANGO_IO_PANEL, t->shape[1] * t->shape[2], 1);
}

/* Both results of a layer, compared. */
static void measure_layer(void *user, const tango_nn_context *c, const float *x,
                          const tango_nn_conv *shape, const tango_nn_matrix *w)
{
    calibration *k = (calibration *)user;
    layer *l = (layer *)bsearch(w->panels, k->list, k->count, sizeof *k->list,
                                compare_data);
    const size_t rows = shape->batch * shape->out_height * shape->out_width;
    tango_nn_context alone = *c;
    tango_nn_matrix bytes = *w;
    if (!l || l->calls == BYTES_CALLS) return;
    l->calls++;
    alone.observe = NULL;
    if (rows * w->outputs > k->results) {
        k->results = rows * w->outputs;
        k->exact = (float *)resized(k->exact, k->results, sizeof *k->exact);
        k->rounded = (float *)resized(k->rounded, k->results, sizeof *k->rounded);
    }
    const size_t size = tango_nn_panels_size(TANGO_IO_PANEL, w->inputs, TANGO_NN_I8);
    for (size_t p = 0; p < panels_of(&l->tensor); p++)
        pack_panel_of(k->panels + p * size, k, &l->tensor, p, TANGO_NN_I8);
    bytes.panels = k->panels;
    bytes.type = TANGO_NN_I8;
    tango_nn_conv2d(&alone, k->exact, x, shape, w, NULL);
    tango_nn_conv2d(&alone, k->rounded, x, shape, &bytes, NULL);
    for (size_t i = 0; i < rows * w->outputs; i++) {
        const double y = (double)k->exact[i], d = (double)k->rounded[i] - y;
        l->error += d * d;
        l->signal += y * y;
    }
}

/* Room for the largest matrix; the tensors in their order. */
static void begin_calibration(calibration *k, const tango_io_blob *blob)
{
    size_t longest = 1;
    k->count = tango_io_blob_tensor_count(blob);
    k->list = (layer *)resized(NULL, k->count, sizeof *k->list);
    memset(k->list, 0, k->count * sizeof *k->list);
    for (size_t i = 0; i < k->count; i++) {
        tango_io_tensor *t = &k->list[i].tensor;
        tango_io_blob_tensor(blob, i, t);
        if (t->layout != TANGO_IO_PANELS) continue;
        const size_t inputs = t->shape[1] * t->shape[2];
        const size_t size = tango_nn_panels_size(t->shape[0], inputs, TANGO_NN_I16);
        if (inputs > longest) longest = inputs;
        if (size > k->room) k->room = size;
    }
    k->rows = (float *)resized(NULL, TANGO_IO_PANEL * longest, sizeof(float));
    k->panels = (char *)resized(NULL, k->room, 1);
}

static void end_calibration(calibration *k)
{
    free(k->list);
    free(k->rows);
    free(k->panels);
    free(k->exact);
    free(k->rounded);
}

static const char *const calibration_prompts[] = { "a dog barks while rain falls",
                                                   "a violin plays a low note" };
enum { BYTES_PROMPTS = sizeof calibration_prompts / sizeof calibration_prompts[0] };

/* One sound, thrown away; every layer that makes it is measured. 0: *error says why. */
static int make_sound(calibration *k, const tango_model *m, size_t index,
                      tango_error *error)
{
    tango_params params;
    tango_plan run;
    tango_result result;
    memset(&params, 0, sizeof params);
    params.prompt = calibration_prompts[index];
    params.seed = index;
    params.seconds = BYTES_SECONDS;
    params.vocoder = m->vocoder.stages ? TANGO_HIFIGAN : TANGO_GRIFFIN_LIM;
    if (m->defaults.steps == 0 || m->defaults.steps > BYTES_STEPS)
        params.steps = BYTES_STEPS;
    params.observe = measure_layer;
    params.user = k;
    result = tango_prepare(&run, m, &params, error);
    if (result != TANGO_OK) return 0;
    void *memory = resized(NULL, run.memory, 1);
    float *wave = (float *)resized(NULL, run.samples, sizeof *wave);
    result = tango_generate(wave, m, &params, memory, run.memory, error);
    free(wave);
    free(memory);
    return result == TANGO_OK;
}

/* How tensor i is written. */
static tango_io_tensor as_integers(const layer *l)
{
    tango_io_tensor t = l->tensor;
    if (t.layout != TANGO_IO_PANELS || is_at_the_border(t.name)) return t;
    t.layout = TANGO_IO_BLOCKS;
    t.type = error_of(l) <= BYTES_LIMIT ? TANGO_IO_I8 : TANGO_IO_I16;
    return t;
}

/* "0.62 % i8 unet.conv_in.weight" a line, of all that became integers. */
static void put_calibration(values *v, const calibration *k)
{
    const size_t room = k->count * (TANGO_IO_NAME_MAX + 32) + 128;
    char *text = (char *)resized(NULL, room, 1);
    size_t n = (size_t)snprintf(text, 128, "Errors of layers in 8 bits; %d prompts of %d "
                                "steps; i8 up to %g %%\n", (int)BYTES_PROMPTS,
                                (int)BYTES_STEPS, 100.0 * BYTES_LIMIT);
    for (size_t i = 0; i < k->count; i++) {
        const tango_io_tensor t = as_integers(&k->list[i]);
        if (t.layout != TANGO_IO_BLOCKS) continue;
        if (k->list[i].calls > 0)
            n += (size_t)snprintf(text + n, 32, "%.3g %% ",
                                  100.0 * error_of(&k->list[i]));
        else n += (size_t)snprintf(text + n, 32, "not measured ");
        n += (size_t)snprintf(text + n, room - n, "%s %s\n", tango_io_type_name(t.type),
                              t.name);
    }
    put_text(v, "tango.calibration", text);
    free(text);
}

/* What the blob was made of, and that this program came after. */
static void put_history(values *v, const tango_io_value *value)
{
    char *text = (char *)resized(NULL, value->count + 128, 1);
    snprintf(text, value->count + 128, "%sthen convert %s -t i8\n",
             (const char *)value->data, CONVERT_VERSION);
    put_text(v, value->key, text);
    free(text);
}

/* The values of the blob, with numbers as they are in memory. */
static void copy_values(values *v, const tango_io_blob *blob)
{
    for (size_t i = 0; i < tango_io_blob_value_count(blob); i++) {
        tango_io_value value;
        tango_io_blob_value_at(blob, i, &value);
        if (strcmp(value.key, "tango.provenance") == 0 && value.type == TANGO_IO_STRING) {
            put_history(v, &value);
            continue;
        }
        const int wide = value.type == TANGO_IO_U64 || value.type == TANGO_IO_F64;
        uint64_t *numbers = (uint64_t *)resized(NULL, wide ? value.count : 1,
                                                sizeof *numbers);
        for (size_t j = 0; wide && j < value.count; j++) {
            const double real = value.type == TANGO_IO_F64 ? tango_io_value_f64(&value, j)
                                                           : 0.0;
            if (value.type == TANGO_IO_F64) memcpy(&numbers[j], &real, sizeof real);
            else numbers[j] = tango_io_value_u64(&value, j);
        }
        put(v, value.key, value.type, wide ? (const void *)numbers : value.data,
            value.count, wide ? sizeof *numbers : 1);
        free(numbers);
    }
}

/* The data of one tensor: in integers panel by panel, else as it is. */
static tango_result write_tensor(tango_io_blob_writer *w, const calibration *k,
                                 const layer *l, tango_error *error)
{
    const tango_io_tensor t = as_integers(l), *from = &l->tensor;
    const tango_nn_type type = t.type == TANGO_IO_I8 ? TANGO_NN_I8 : TANGO_NN_I16;
    tango_result r = TANGO_OK;
    if (t.layout != TANGO_IO_BLOCKS)
        return tango_io_blob_write_data(w, from->data, from->size, error);
    const size_t size = tango_nn_panels_size(TANGO_IO_PANEL, t.shape[1] * t.shape[2],
                                             type);
    for (size_t p = 0; r == TANGO_OK && p < panels_of(from); p++) {
        pack_panel_of(k->panels, k, from, p, type);
        r = tango_io_blob_write_data(w, k->panels, size, error);
    }
    return r;
}

/* Tensors keep their order, which is that of their names. */
static tango_result write_integers(const char *path, const calibration *k, values *v,
                                   tango_error *error)
{
    tango_io_output *out = (tango_io_output *)resized(NULL, 1, sizeof *out);
    tango_io_tensor *t = (tango_io_tensor *)resized(NULL, k->count, sizeof *t);
    tango_io_blob_writer writer;
    size_t size = 0;
    for (size_t i = 0; i < k->count; i++) t[i] = as_integers(&k->list[i]);
    tango_result r = tango_io_blob_write_size(&size, v->list, v->count, t, k->count,
                                              error);
    void *header = resized(NULL, size, 1);
    if (r == TANGO_OK) r = tango_io_create(out, path, error);
    if (r == TANGO_OK) {
        r = tango_io_blob_write_begin(&writer, out, v->list, v->count, t, k->count,
                                      header, size, error);
        for (size_t i = 0; r == TANGO_OK && i < k->count; i++)
            r = cli_interrupted() ? TANGO_ERROR_CANCELLED
                                  : write_tensor(&writer, k, &k->list[i], error);
        if (r == TANGO_ERROR_CANCELLED) snprintf(error->text, sizeof error->text,
                                                 "interrupted");
        if (r == TANGO_OK) r = tango_io_blob_write_end(&writer, error);
        if (r == TANGO_OK) r = tango_io_commit(out, error);
        tango_io_abandon(out);
    }
    free(header);
    free(t);
    free(out);
    return r;
}

/* A blob that can make sounds, of floats; its numbers are whole. */
static void open_floats(tango_model *m, tango_io_file *file, const char *path)
{
    tango_error error;
    if (tango_io_map(file, path, &error) != TANGO_OK
        || tango_open(m, file->data, file->size, &error) != TANGO_OK)
        cli_fail_file(path, error.text);
    for (size_t i = 0; i < tango_io_blob_tensor_count(&m->blob); i++) {
        tango_io_tensor t;
        tango_io_blob_tensor(&m->blob, i, &t);
        if (t.layout == TANGO_IO_BLOCKS)
            cli_fail("%s: tensor %s is of integers already, expected floats", path,
                     t.name);
        if (tango_io_blob_check(&m->blob, i, &error) != TANGO_OK)
            cli_fail_file(path, error.text);
    }
}

static void show_summary(const char *path, const calibration *k)
{
    size_t matrices = 0, bytes = 0, numbers = 0, all = 0;
    for (size_t i = 0; i < k->count; i++) {
        const tango_io_tensor t = as_integers(&k->list[i]);
        if (k->list[i].tensor.layout != TANGO_IO_PANELS) continue;
        const size_t n = t.shape[0] * t.shape[1] * t.shape[2];
        matrices++;
        all += n;
        bytes += t.type == TANGO_IO_I8;
        numbers += t.type == TANGO_IO_I8 ? n : 0;
    }
    printf("wrote  %s  8 bits for %zu of %zu matrices, %.1f %% of their numbers\n", path,
           bytes, matrices, all ? 100.0 * (double)numbers / (double)all : 0.0);
}

/* convert BLOB -o FILE -t i8 */
static void convert_to_bytes(const char *path, const char *output, int quiet)
{
    tango_io_file file;
    tango_model m;
    tango_error error;
    calibration k;
    values v;
    memset(&k, 0, sizeof k);
    memset(&v, 0, sizeof v);
    if (tango_io_output_check(output, &path, 1, &error) != TANGO_OK)
        cli_fail_file(output, error.text);
    open_floats(&m, &file, path);
    begin_calibration(&k, &m.blob);
    cli_progress progress = cli_progress_begin(quiet);
    for (size_t i = 0; i < BYTES_PROMPTS; i++) {
        if (cli_interrupted()) cli_fail("interrupted");
        if (!make_sound(&k, &m, i, &error)) cli_fail_file(path, error.text);
        cli_progress_step(&progress, i + 1, BYTES_PROMPTS);
    }
    cli_progress_end(&progress);
    copy_values(&v, &m.blob);
    put_calibration(&v, &k);
    if (write_integers(output, &k, &v, &error) != TANGO_OK)
        cli_fail_file(output, error.text);
    if (!quiet) show_summary(output, &k);
    for (size_t i = 0; i < v.count; i++) free((void *)v.list[i].data);
    free(v.list);
    end_calibration(&k);
    tango_io_unmap(&file);
}

#endif
