/* golden_unets.h: a part of golden.c. The UNets of AudioLDM, ConsistencyTTA and SoundCTM
   beside diffusers: single calls and whole denoising loops of golden/unets, which
   oracle/unets.py wrote, at every kernel level. Weights follow a formula that both sides
   know, so models are made here, as blobs in a folder of this run. Then what the pipeline
   does for such models, with the other parts of v1.tango; mistakes must be noticed. */
#ifndef TANGO_GOLDEN_UNETS_H
#define TANGO_GOLDEN_UNETS_H

static const char *work_folder; /* for blobs */
static tango_io_json cases;     /* unets/cases.json */

/* ---- Weights by formula ----------------------------------------------------------- */

/* u(k, j) of oracle/unets.py */
static float formula(size_t k, size_t j, double scale)
{
    uint32_t x = ((uint32_t)j + 1u) * 2654435761u + ((uint32_t)k + 1u) * 40503u;
    x ^= x >> 16;
    x *= 2246822519u;
    x ^= x >> 13;
    return (float)(2.0 * (double)x / 4294967296.0 - 1.0) * (float)scale;
}

/* A tensor under the name that PyTorch knows it by. */
typedef struct weight {
    char name[112];
    size_t outputs, channels, taps; /* rank 1: channels and taps are 0; a table: taps */
    size_t order;                   /* k of the formula */
} weight;

typedef struct weights { weight *list; size_t count; } weights;

static void add(weights *w, const char *module, const char *leaf, size_t outputs,
    size_t channels, size_t taps)
{
    weight *one = &w->list[w->count++];
    if (w->count > 1024) stop("unets", "more than 1024 tensors");
    snprintf(one->name, sizeof one->name, "%s.%s", module, leaf);
    one->outputs = outputs;
    one->channels = channels;
    one->taps = taps;
    one->order = 0;
}

/* A linear layer or a convolution with its bias. */
static void add_layer(weights *w, const char *module, const char *part, size_t outputs,
    size_t channels, size_t taps)
{
    char name[96];
    snprintf(name, sizeof name, "%s%s", module, part);
    add(w, name, "weight", outputs, channels, taps);
    add(w, name, "bias", outputs, 0, 0);
}

static void add_norm(weights *w, const char *module, const char *part, size_t channels)
{
    char name[96];
    snprintf(name, sizeof name, "%s%s", module, part);
    add(w, name, "weight", channels, 0, 0);
    add(w, name, "bias", channels, 0, 0);
}

static void add_attention(weights *w, const char *block, const char *part, size_t inner,
    size_t keys)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", block, part);
    add(w, name, "to_q.weight", inner, inner, 1);
    add(w, name, "to_k.weight", inner, keys, 1);
    add(w, name, "to_v.weight", inner, keys, 1);
    add_layer(w, name, ".to_out.0", inner, inner, 1);
}

/* resnets.I and, where there is attention, attentions.I of a block. */
static void add_unit(weights *w, const tango_unet_config *c, const char *block, size_t i,
    size_t inputs, size_t outputs, size_t heads)
{
    const size_t emb = 4 * c->channels[0] * (c->class_width != 0 ? 2 : 1),
                 inner = heads != 0 ? outputs / heads * heads : 0;
    char name[64];
    snprintf(name, sizeof name, "%s.resnets.%zu", block, i);
    add_norm(w, name, ".norm1", inputs);
    add_layer(w, name, ".conv1", outputs, inputs, 9);
    add_layer(w, name, ".time_emb_proj", outputs, emb, 1);
    add_norm(w, name, ".norm2", outputs);
    add_layer(w, name, ".conv2", outputs, outputs, 9);
    if (inputs != outputs) add_layer(w, name, ".conv_shortcut", outputs, inputs, 1);
    if (heads == 0) return;
    snprintf(name, sizeof name, "%s.attentions.%zu", block, i);
    add_norm(w, name, ".norm", outputs);
    add_layer(w, name, ".proj_in", inner, outputs, 1);
    add_layer(w, name, ".proj_out", outputs, inner, 1);
    snprintf(name, sizeof name, "%s.attentions.%zu.transformer_blocks.0", block, i);
    add_norm(w, name, ".norm1", inner);
    add_norm(w, name, ".norm2", inner);
    add_norm(w, name, ".norm3", inner);
    add_attention(w, name, "attn1", inner, inner);
    add_attention(w, name, "attn2", inner, c->cross_width != 0 ? c->cross_width : inner);
    add_layer(w, name, ".ff.net.0.proj", 8 * inner, inner, 1);
    add_layer(w, name, ".ff.net.2", inner, 4 * inner, 1);
}

static void add_down(weights *w, const tango_unet_config *c)
{
    char block[32];
    for (size_t b = 0; b < c->levels; b++) {
        snprintf(block, sizeof block, "down_blocks.%zu", b);
        for (size_t i = 0; i < c->layers; i++)
            add_unit(w, c, block, i, c->channels[i == 0 && b > 0 ? b - 1 : b],
                c->channels[b], c->down_attention[b] ? c->heads[b] : 0);
        if (b + 1 < c->levels)
            add_layer(
                w, block, ".downsamplers.0.conv", c->channels[b], c->channels[b], 9);
    }
}

/* Each unit takes what the one before it gives and what the way down left. */
static void add_up(weights *w, const tango_unet_config *c)
{
    size_t skips[64], count = 0, channels = c->channels[c->levels - 1];
    char block[32];
    skips[count++] = c->channels[0];
    for (size_t b = 0; b < c->levels; b++)
        for (size_t i = 0; i < c->layers + (b + 1 < c->levels); i++)
            skips[count++] = c->channels[b];
    for (size_t b = 0; b < c->levels; b++) {
        const size_t level = c->levels - 1 - b;
        snprintf(block, sizeof block, "up_blocks.%zu", b);
        for (size_t i = 0; i <= c->layers; i++, channels = c->channels[level])
            add_unit(w, c, block, i, channels + skips[--count], c->channels[level],
                c->up_attention[b] ? c->heads[level] : 0);
        if (level > 0) add_layer(w, block, ".upsamplers.0.conv", channels, channels, 9);
    }
}

static void add_table(weights *w, const char *module, size_t rows, size_t columns)
{
    add(w, module, "weight", rows, columns, 0);
}

static void number_weights(weights *w);

/* Every tensor of transformers' ClapTextModelWithProjection. */
static weights weights_of_clap(const tango_text_config *c)
{
    weights w = { NULL, 0 };
    w.list = (weight *)take(1025 * sizeof *w.list);
    add_table(&w, "text_model.embeddings.word_embeddings", c->vocab, c->width);
    add_table(&w, "text_model.embeddings.position_embeddings", c->positions, c->width);
    add_table(&w, "text_model.embeddings.token_type_embeddings", 1, c->width);
    add_norm(&w, "text_model.embeddings", ".LayerNorm", c->width);
    for (size_t i = 0; i < c->layers; i++) {
        char name[64];
        snprintf(name, sizeof name, "text_model.encoder.layer.%zu", i);
        add_layer(&w, name, ".attention.self.query", c->width, c->width, 1);
        add_layer(&w, name, ".attention.self.key", c->width, c->width, 1);
        add_layer(&w, name, ".attention.self.value", c->width, c->width, 1);
        add_layer(&w, name, ".attention.output.dense", c->width, c->width, 1);
        add_norm(&w, name, ".attention.output.LayerNorm", c->width);
        add_layer(&w, name, ".intermediate.dense", c->hidden, c->width, 1);
        add_layer(&w, name, ".output.dense", c->width, c->hidden, 1);
        add_norm(&w, name, ".output.LayerNorm", c->width);
    }
    add_layer(&w, "text_model", ".pooler.dense", c->width, c->width, 1);
    add_layer(&w, "text_projection", ".linear1", c->projection, c->width, 1);
    add_layer(&w, "text_projection", ".linear2", c->projection, c->projection, 1);
    number_weights(&w);
    return w;
}

/* Every tensor of CLIPTextModel, under the names that a blob has. */
static weights weights_of_clip(const tango_text_config *c)
{
    weights w = { NULL, 0 };
    w.list = (weight *)take(1025 * sizeof *w.list);
    add_table(&w, "text_model.embeddings.token_embedding", c->vocab, c->width);
    add_table(&w, "text_model.embeddings.position_embedding", c->positions, c->width);
    for (size_t i = 0; i < c->layers; i++) {
        char name[64];
        snprintf(name, sizeof name, "text_model.encoder.layers.%zu", i);
        add_layer(&w, name, ".self_attn.q_proj", c->width, c->width, 1);
        add_layer(&w, name, ".self_attn.k_proj", c->width, c->width, 1);
        add_layer(&w, name, ".self_attn.v_proj", c->width, c->width, 1);
        add_layer(&w, name, ".self_attn.out_proj", c->width, c->width, 1);
        add_norm(&w, name, ".layer_norm1", c->width);
        add_norm(&w, name, ".layer_norm2", c->width);
        add_layer(&w, name, ".mlp.fc1", c->hidden, c->width, 1);
        add_layer(&w, name, ".mlp.fc2", c->width, c->hidden, 1);
    }
    add_norm(&w, "text_model", ".final_layer_norm", c->width);
    number_weights(&w);
    return w;
}

/* What stands behind a UNet of four channels. */
static weights weights_of_adapters(void)
{
    weights w = { NULL, 0 };
    w.list = (weight *)take(1025 * sizeof *w.list);
    add_layer(&w, "", "0", 512, 4, 1);
    add_layer(&w, "", "1", 8, 512, 1);
    number_weights(&w);
    return w;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const weight *)a)->name, ((const weight *)b)->name);
}

static void number_weights(weights *w)
{
    qsort(w->list, w->count, sizeof *w->list, by_name);
    for (size_t k = 0; k < w->count; k++) w->list[k].order = k;
}

/* Every tensor of diffusers' UNet2DConditionModel, in byte order of the names. */
static weights weights_of(const tango_unet_config *c)
{
    const size_t wide = 4 * c->channels[0], last = c->levels - 1;
    weights w = { NULL, 0 };
    w.list = (weight *)take(1025 * sizeof *w.list);
    add_layer(&w, "", "conv_in", c->channels[0], c->in_channels, 9);
    add_layer(&w, "time_embedding", ".linear_1", wide, c->channels[0], 1);
    add_layer(&w, "time_embedding", ".linear_2", wide, wide, 1);
    if (c->class_width != 0)
        add_layer(&w, "", "class_embedding", wide, c->class_width, 1);
    if (c->guidance == TANGO_GUIDANCE_FOURIER) {
        add(&w, "guidance_proj", "weight", c->guidance_width, 0, 0);
        add_layer(&w, "guidance_embedding", ".linear_1", wide, 2 * c->guidance_width, 1);
        add_layer(&w, "guidance_embedding", ".linear_2", wide, wide, 1);
    }
    if (c->guidance == TANGO_GUIDANCE_CTM) {
        add_layer(&w, "s_time_embedding", ".linear_1", wide, c->channels[0], 1);
        add_layer(&w, "s_time_embedding", ".linear_2", wide, wide, 1);
    }
    add_down(&w, c);
    add_unit(&w, c, "mid_block", 0, c->channels[last], c->channels[last], c->heads[last]);
    add_unit(&w, c, "mid_block", 1, c->channels[last], c->channels[last], 0);
    add_up(&w, c);
    add_norm(&w, "", "conv_norm_out", c->channels[0]);
    add_layer(&w, "", "conv_out", c->out_channels, c->channels[0], 9);
    number_weights(&w);
    return w;
}

static size_t inputs_of(const weight *w)
{
    return w->channels * (w->taps != 0 ? w->taps : 1);
}

/* Rows first .. first + rows - 1 of a weight, as torch has them. */
static void fill_rows(float *out, const weight *w, size_t first, size_t rows)
{
    const size_t inputs = inputs_of(w), row = inputs != 0 ? inputs : 1;
    const int norm = inputs == 0 && strstr(w->name, ".weight") != NULL;
    const double scale = strcmp(w->name, "guidance_proj.weight") == 0 ? 2.0
                       : inputs != 0 ? sqrt(3.0 / (double)inputs) : 0.1;
    for (size_t i = 0; i < rows * row; i++)
        out[i] = formula(w->order, first * row + i, scale)
                 + (norm && scale != 2.0 ? 1.0f : 0.0f);
}

/* ---- Blobs ------------------------------------------------------------------------ */

/* A blob in the making. Of a tensor `data` is its weight and `checksum` the first row of
   that; those of v1 have no weight. */
typedef struct maker {
    tango_io_value values[256];
    size_t value_count;
    tango_io_tensor tensors[4096];
    size_t count;
} maker;

static void put_numbers(maker *m, const char *key, int type, const void *data,
    size_t count)
{
    tango_io_value *v = NULL;
    for (size_t i = 0; i < m->value_count; i++)
        if (strcmp(m->values[i].key, key) == 0) v = &m->values[i];
    if (v == NULL) v = &m->values[m->value_count++];
    v->key = key;
    v->type = type;
    v->data = data;
    v->count = count;
}

static void put_sizes(maker *m, const char *key, const size_t *list, size_t count)
{
    uint64_t *numbers = (uint64_t *)take(count * sizeof *numbers);
    for (size_t i = 0; i < count; i++) numbers[i] = list[i];
    put_numbers(m, key, TANGO_IO_U64, numbers, count);
}

static void put_size(maker *m, const char *key, size_t number)
{
    put_sizes(m, key, &number, 1);
}

static void put_real(maker *m, const char *key, double number)
{
    double *copy = (double *)take(sizeof *copy);
    *copy = number;
    put_numbers(m, key, TANGO_IO_F64, copy, 1);
}

static void put_text(maker *m, const char *key, const char *text)
{
    put_numbers(m, key, TANGO_IO_STRING, text, strlen(text));
}

static void put_unet_values(maker *m, const tango_unet_config *c)
{
    static const char *const guidances[] = { "", "fourier", "ctm" };
    size_t flags[2][TANGO_LEVELS_MAX];
    for (size_t i = 0; i < c->levels; i++) {
        flags[0][i] = (size_t)c->down_attention[i];
        flags[1][i] = (size_t)c->up_attention[i];
    }
    put_sizes(m, "unet.channels", c->channels, c->levels);
    put_sizes(m, "unet.heads", c->heads, c->levels);
    put_sizes(m, "unet.down_attention", flags[0], c->levels);
    put_sizes(m, "unet.up_attention", flags[1], c->levels);
    put_size(m, "unet.in_channels", c->in_channels);
    put_size(m, "unet.out_channels", c->out_channels);
    put_size(m, "unet.layers_per_block", c->layers);
    put_size(m, "unet.norm_groups", c->groups);
    put_size(m, "unet.cross_dim", c->cross_width);
    put_size(m, "unet.class_dim", c->class_width);
    if (c->guidance != TANGO_GUIDANCE_NONE)
        put_text(m, "unet.guidance", guidances[c->guidance]);
    put_size(m, "unet.guidance_dim", c->guidance_width);
    put_real(m, "unet.norm_eps", 1e-5);
    put_real(m, "unet.freq_shift", 0);
    put_size(m, "unet.flip_sin_to_cos", 1);
    put_size(m, "unet.center_input", 0);
    put_real(m, "unet.mid_scale", 1);
    put_size(m, "unet.adapters", c->in_channels == 4);
}

/* The schedule of AudioLDM for models that read a vector, else that of SD-2.1. */
static void put_schedule(maker *m, const tango_unet_config *c)
{
    const int audioldm = c->class_width != 0;
    put_size(m, "schedule.train_steps", 1000);
    put_real(m, "schedule.beta_start", audioldm ? 0.0015 : 0.00085);
    put_real(m, "schedule.beta_end", audioldm ? 0.0195 : 0.012);
    put_text(m, "schedule.beta_schedule", "scaled_linear");
    put_text(m, "schedule.prediction", audioldm ? "epsilon" : "v_prediction");
    put_size(m, "schedule.steps_offset", 1);
    put_size(m, "schedule.clip_sample", 0);
    put_size(m, "schedule.set_alpha_to_one", 0);
}

static void put_audio(maker *m)
{
    put_size(m, "audio.rate", 16000);
    put_size(m, "audio.fft", 1024);
    put_size(m, "audio.hop", 160);
    put_size(m, "audio.window", 1024);
    put_size(m, "audio.mels", 64);
    put_real(m, "audio.fmin", 0);
    put_real(m, "audio.fmax", 8000);
}

/* One tensor of a blob: `rows` rows of a weight from `first` on. */
static void put_tensor(maker *m, const weight *w, const char *prefix, const char *name,
    size_t first, size_t rows)
{
    tango_io_tensor *t = &m->tensors[m->count++];
    char *full = (char *)take(128);
    snprintf(full, 128, "%s.%s", prefix, name);
    memset(t, 0, sizeof *t);
    t->name = full;
    t->type = TANGO_IO_F32;
    t->layout = w->taps != 0 ? TANGO_IO_PANELS : TANGO_IO_PLAIN;
    t->rank = w->taps != 0 ? 3 : w->channels != 0 ? 2 : 1;
    t->shape[0] = rows;
    t->shape[1] = w->taps != 0 ? w->taps : w->channels;
    t->shape[2] = w->channels;
    t->data = w;
    t->checksum = first;
}

/* The two halves of a GEGLU projection are two tensors of a blob. */
static void put_weights(maker *m, const char *prefix, const weights *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const weight *w = &list->list[i];
        const char *proj = strstr(w->name, "net.0.proj.");
        char name[128];
        if (proj == NULL) {
            put_tensor(m, w, prefix, w->name, 0, w->outputs);
            continue;
        }
        snprintf(name, sizeof name, "%.*snet.0.value.%s", (int)(proj - w->name), w->name,
            proj + 11);
        put_tensor(m, w, prefix, name, 0, w->outputs / 2);
        snprintf(name, sizeof name, "%.*snet.0.gate.%s", (int)(proj - w->name), w->name,
            proj + 11);
        put_tensor(m, w, prefix, name, w->outputs / 2, w->outputs / 2);
    }
}

static void write_tensor(tango_io_blob_writer *writer, const tango_io_tensor *t,
    const weight *w, size_t first)
{
    const size_t inputs = inputs_of(w);
    float *rows, *panel;
    tango_error error;
    block *keep = blocks;
    rows = floats(16 * (inputs + 1));
    panel = floats(16 * (inputs + 1));
    for (size_t o = 0; o < t->shape[0]; o += 16) {
        const size_t left = t->shape[0] - o < 16 ? t->shape[0] - o : 16;
        const void *data = rows;
        size_t size = left * (inputs != 0 ? inputs : 1) * sizeof(float);
        fill_rows(rows, w, first + o, left);
        if (w->taps != 0) {
            tango_nn_pack_panel(
                panel, TANGO_NN_F32, rows, left, w->channels, w->taps);
            data = panel;
            size = 16 * inputs * sizeof(float);
        }
        if (tango_io_blob_write_data(writer, data, size, &error) != TANGO_OK)
            stop(t->name, error.text);
    }
    release(keep);
}

static int by_tensor(const void *a, const void *b)
{
    return strcmp(
        ((const tango_io_tensor *)a)->name, ((const tango_io_tensor *)b)->name);
}

/* Tensors without a weight come from v1. */
static void write_data(tango_io_blob_writer *writer, const tango_io_tensor *t)
{
    tango_error error;
    tango_io_tensor old;
    if (t->data != NULL) {
        write_tensor(writer, t, (const weight *)t->data, (size_t)t->checksum);
        return;
    }
    if (!tango_io_blob_find(&v1.blob, t->name, &old)) stop(t->name, "not in v1");
    if (tango_io_blob_write_data(writer, old.data, old.size, &error) != TANGO_OK)
        stop(t->name, error.text);
}

static void write_blob(maker *m, const char *path)
{
    const size_t bytes = m->count * sizeof *m->tensors;
    tango_io_output out;
    tango_io_blob_writer writer;
    tango_error error;
    size_t size = 0;
    void *work;
    tango_io_tensor *sorted = (tango_io_tensor *)take(bytes);
    qsort(m->tensors, m->count, sizeof *m->tensors, by_tensor);
    memcpy(sorted, m->tensors, bytes);
    if (tango_io_blob_write_size(&size, m->values, m->value_count, m->tensors, m->count,
            &error) != TANGO_OK)
        stop(path, error.text);
    work = take(size);
    if (tango_io_create(&out, path, &error) != TANGO_OK
        || tango_io_blob_write_begin(&writer, &out, m->values, m->value_count, m->tensors,
               m->count, work, size, &error) != TANGO_OK)
        stop(path, error.text);
    for (size_t i = 0; i < m->count; i++) write_data(&writer, &sorted[i]);
    if (tango_io_blob_write_end(&writer, &error) != TANGO_OK
        || tango_io_commit(&out, &error) != TANGO_OK)
        stop(path, error.text);
}

/* Whether a value or tensor belongs to a part that is replaced. */
static int replaced(const char *name, unsigned parts)
{
    static const struct { const char *start; unsigned part; } starts[] = {
        { "unet.", TANGO_PART_UNET }, { "schedule.", TANGO_PART_UNET },
        { "default.", TANGO_PART_UNET }, /* its own sampler and guidance */
        { "text", TANGO_PART_TEXT }, { "tokenizer.", TANGO_PART_TEXT }
    };
    for (size_t i = 0; i < 5; i++)
        if ((parts & starts[i].part) && begins(name, starts[i].start)) return 1;
    return 0;
}

/* All of v1 but these parts. */
static void put_v1(maker *m, unsigned without)
{
    const tango_io_blob *b = &v1.blob;
    for (size_t i = 0; i < tango_io_blob_value_count(b); i++) {
        tango_io_value v;
        tango_io_blob_value_at(b, i, &v);
        if (!replaced(v.key, without)) m->values[m->value_count++] = v;
    }
    for (size_t i = 0; i < tango_io_blob_tensor_count(b); i++) {
        tango_io_tensor t;
        tango_io_blob_tensor(b, i, &t);
        t.data = NULL;
        if (!replaced(t.name, without)) m->tensors[m->count++] = t;
    }
}

/* A model that was made here; give it back with drop. */
typedef struct made {
    tango_model model;
    tango_io_file file;
    char path[512];
} made;

static void finish(made *out, maker *m, const char *name)
{
    tango_error error;
    snprintf(out->path, sizeof out->path, "%s/%s.tango", work_folder, name);
    write_blob(m, out->path);
    if (tango_io_map(&out->file, out->path, &error) != TANGO_OK
        || tango_open(&out->model, out->file.data, out->file.size, &error) != TANGO_OK)
        stop(name, error.text);
}

static void drop(made *m)
{
    tango_io_unmap(&m->file);
    remove(m->path);
}

static maker *new_maker(void)
{
    maker *m = (maker *)take(sizeof *m);
    memset(m, 0, sizeof *m);
    return m;
}

static size_t list_of(const tango_io_json *json, size_t object, const char *key,
    size_t *out)
{
    const size_t list = tango_io_json_find(json, object, key);
    size_t count = 0, node;
    for (node = list ? tango_io_json_first(json, list) : 0; node;
         node = tango_io_json_next(json, list, node)) {
        double x = 0;
        tango_io_json_number(json, node, &x);
        if (count < TANGO_LEVELS_MAX) out[count++] = (size_t)x;
    }
    return count;
}

/* The configuration of one of the models in cases.json. */
static tango_unet_config config_of(const char *name)
{
    const size_t models = tango_io_json_find(&cases, 0, "models"),
                 node = tango_io_json_find(&cases, models, name);
    const char *guidance = text_of(&cases, node, "guidance");
    size_t down[TANGO_LEVELS_MAX], up[TANGO_LEVELS_MAX];
    tango_unet_config c;
    if (!node) stop(name, "not among the models");
    memset(&c, 0, sizeof c);
    c.in_channels = c.out_channels = (size_t)number(&cases, node, "io", 8);
    c.levels = list_of(&cases, node, "channels", c.channels);
    list_of(&cases, node, "heads", c.heads);
    list_of(&cases, node, "down", down);
    list_of(&cases, node, "up", up);
    for (size_t i = 0; i < c.levels; i++) {
        c.down_attention[i] = (int)down[i];
        c.up_attention[i] = (int)up[i];
    }
    c.layers = (size_t)number(&cases, node, "layers", 1);
    c.groups = (size_t)number(&cases, node, "groups", 0);
    c.cross_width = (size_t)number(&cases, node, "cross", 0);
    c.class_width = (size_t)number(&cases, node, "vector", 0);
    c.guidance_width = (size_t)number(&cases, node, "frequencies", 0);
    c.guidance = guidance[0] == 'f' ? TANGO_GUIDANCE_FOURIER
               : guidance[0] == 'c' ? TANGO_GUIDANCE_CTM : TANGO_GUIDANCE_NONE;
    return c;
}

/* The UNet by itself: a blob of one part. */
static void make_unet(made *out, const char *name, const tango_unet_config *c)
{
    maker *m = new_maker();
    weights w = weights_of(c);
    put_unet_values(m, c);
    put_schedule(m, c);
    put_audio(m);
    put_weights(m, "unet", &w);
    finish(out, m, name);
    CHECK(out->model.parts == TANGO_PART_UNET);
}

/* v1 with another UNet, and what else `more` puts in; name NULL: with its own. */
static void make_whole(made *out, const char *name, void (*more)(maker *m))
{
    maker *m = new_maker();
    put_v1(m, name != NULL ? TANGO_PART_UNET : 0);
    if (name != NULL) {
        const tango_unet_config c = config_of(name);
        weights w = weights_of(&c);
        put_unet_values(m, &c);
        put_schedule(m, &c);
        put_weights(m, "unet", &w);
    }
    if (more != NULL) more(m);
    finish(out, m, "whole");
}

/* ---- One call of a UNet ----------------------------------------------------------- */

/* What a case gives a UNet to read, and where. */
typedef struct scene {
    tango__denoiser d;
    tango__image size;
    size_t counts[TANGO_LEVELS_MAX];
    int masked;                  /* whether counts hold */
    float times[2];
    float *x;                    /* (batch, rows, C) */
    array like;                  /* its shape in torch's order */
} scene;

static float *formula_array(size_t k, size_t count, double scale)
{
    float *out = floats(count);
    for (size_t j = 0; j < count; j++) out[j] = formula(k, j, scale);
    return out;
}

static scene open_call(size_t node, const tango_unet_config *c)
{
    scene s;
    memset(&s, 0, sizeof s);
    s.size.batch = (size_t)number(&cases, node, "batch", 1);
    s.size.height = (size_t)number(&cases, node, "height", 0);
    s.size.width = (size_t)number(&cases, node, "width", 0);
    s.like.rank = 4;
    s.like.shape[0] = s.size.batch;
    s.like.shape[1] = c->in_channels;
    s.like.shape[2] = s.size.height;
    s.like.shape[3] = s.size.width;
    s.like.count = tango__rows(s.size) * c->in_channels;
    s.like.values = formula_array(1000, s.like.count, sqrt(3.0));
    s.x = channels_last(&s.like);
    s.d.context_batch = s.size.batch;
    s.d.repeat = s.d.steps = 1;
    s.d.tokens = (size_t)number(&cases, node, "tokens", 0);
    s.masked = list_of(&cases, node, "counts", s.counts) != 0;
    if (c->cross_width != 0)
        s.d.context = formula_array(1001, s.size.batch * s.d.tokens * c->cross_width, 1);
    if (c->class_width != 0)
        s.d.vectors = formula_array(1002, s.size.batch * c->class_width, 1);
    s.times[0] = (float)number(&cases, node, "t", 0);
    s.times[1] = (float)number(&cases, node, "s", 0);
    s.d.guidance = number(&cases, node, "w", 0);
    return s;
}

/* The UNet's output in torch's order, in an arena of exactly the measured size. */
static float *run_call(const tango_model *m, scene *s, const tango_nn_context *nn)
{
    float *out = floats(s->like.count);
    tango_arena arena;
    tango_error error;
    tango__net net;
    size_t peak = 0;
    for (int real = 0; real < 2; real++) {
        memset(&net, 0, sizeof net);
        memset(&arena, 0, sizeof arena);
        if (real) arena = arena_of(peak + TANGO__ALIGN);
        net.model = m;
        net.arena = &arena;
        net.error = &error;
        net.nn = *nn;
        s->d.timesteps = real ? s->times : NULL;
        s->d.counts = s->masked ? s->counts : NULL;
        tango__loop_begin(&net);
        tango__unet(&net, out, s->x, s->size, &s->d);
        if (net.result != TANGO_OK) stop("call", error.text);
        if (real) CHECK(arena.peak == peak);
        peak = arena.peak;
    }
    tango__arena_close(&arena);
    return channels_first(out, &s->like);
}

static size_t case_named(const char *kind, const char *name)
{
    const size_t list = tango_io_json_find(&cases, 0, kind);
    for (size_t node = tango_io_json_first(&cases, list); node;
         node = tango_io_json_next(&cases, list, node))
        if (strcmp(text_of(&cases, node, "name"), name) == 0) return node;
    stop(name, "not among the cases");
    return 0;
}

static void calls_agree(size_t first_level)
{
    const size_t list = tango_io_json_find(&cases, 0, "calls");
    table_head("call");
    for (size_t node = tango_io_json_first(&cases, list); node;
         node = tango_io_json_next(&cases, list, node)) {
        const char *name = text_of(&cases, node, "name");
        const tango_unet_config c = config_of(text_of(&cases, node, "model"));
        array want = must_load("unets", name);
        scene s = open_call(node, &c);
        made m;
        make_unet(&m, "call", &c);
        for (size_t i = first_level; i < levels; i++) {
            const float *got = run_call(&m.model, &s, &contexts[i]);
            CHECK(want.count == s.like.count);
            CHECK(table_row(name, tango_nn_kernels_name(contexts[i].kernels),
                compare(got, want.values, want.count),
                number(&cases, node, "tolerance", 0)));
        }
        drop(&m);
    }
    release(NULL);
}

static void calls_agree_with_diffusers(void)
{
    calls_agree(0);
}

/* With the first text left out, the second one's image is what it was beside it, but for
   rounding: half the rows may be convolved in another way. */
static void each_text_minds_its_own_image(void)
{
    static const char *const names[] = { "film_call", "film_heads_call" };
    for (size_t i = 0; i < 2; i++) {
        const size_t node = case_named("calls", names[i]);
        const tango_unet_config c = config_of(text_of(&cases, node, "model"));
        scene s = open_call(node, &c);
        const size_t half = s.like.count / 2;
        const float *both, *alone;
        made m;
        make_unet(&m, "alone", &c);
        both = run_call(&m.model, &s, &contexts[levels - 1]);
        CHECK(s.size.batch == 2);
        s.size.batch = s.like.shape[0] = 1;
        s.like.count = half;
        s.x += half;
        s.d.first_text = 1;
        alone = run_call(&m.model, &s, &contexts[levels - 1]);
        CHECK(compare(alone, both + half, half).relative <= 2e-5);
        CHECK(compare(alone, both, half).relative > 1e-2);
        drop(&m);
    }
    release(NULL);
}

static void calls_agree_at_the_fastest_level(void)
{
    calls_agree(levels - 1);
}

/* Error over tolerance of a call after `change` to the model or to what it reads. */
static double call_ratio(const char *name, void (*change)(tango_unet_config *c, scene *s))
{
    const size_t node = case_named("calls", name);
    tango_unet_config c = config_of(text_of(&cases, node, "model"));
    array want = must_load("unets", name);
    scene s = open_call(node, &c);
    difference d;
    made m;
    make_unet(&m, "mistake", &c);
    if (change != NULL) change(&m.model.unet, &s);
    d = compare(run_call(&m.model, &s, &contexts[levels - 1]), want.values, want.count);
    drop(&m);
    return d.relative / number(&cases, node, "tolerance", 0);
}

/* Heads of one width for a folder that has one number of them, and the other way. */
static void other_heads(tango_unet_config *c, scene *s)
{
    static const size_t widths[] = { 2, 3, 5 };
    (void)s;
    memcpy(c->heads, widths, sizeof widths);
}

static void swapped_texts(tango_unet_config *c, scene *s)
{
    float *v = floats(2 * c->class_width);
    memcpy(v, s->d.vectors + c->class_width, c->class_width * sizeof *v);
    memcpy(v + c->class_width, s->d.vectors, c->class_width * sizeof *v);
    s->d.vectors = v;
}

static void swapped_times(tango_unet_config *c, scene *s)
{
    const float t = s->times[0];
    (void)c;
    s->times[0] = s->times[1];
    s->times[1] = t;
}

static void more_guidance(tango_unet_config *c, scene *s)
{
    (void)c;
    s->d.guidance += 1e-3;
}

static void no_mask(tango_unet_config *c, scene *s)
{
    (void)c;
    s->masked = 0;
}

static void one_mistake(const char *what, const char *name,
    void (*change)(tango_unet_config *c, scene *s))
{
    const double ratio = call_ratio(name, change);
    printf("%-36s %10.1f tolerances off\n", what, ratio);
    CHECK(ratio > 1);
}

static void mistakes_in_a_call_are_noticed(void)
{
    printf("\n");
    CHECK(call_ratio("film_heads_call", NULL) <= 1);
    one_mistake("heads of one width", "film_heads_call", other_heads);
    one_mistake("negative for prompt", "film_call", swapped_texts);
    one_mistake("guidance 4.001 for 4", "light_call", more_guidance);
    one_mistake("padding attended to", "light_call", no_mask);
    one_mistake("guidance 3.501 for 3.5", "ctm_call", more_guidance);
    one_mistake("both times exchanged", "ctm_call", swapped_times);
    release(NULL);
}

/* Numbers that the published module of ConsistencyTTA gave for the model `light`: mean,
   deviation, and elements 0, 1, 127, 128, 511, 1023 of the output. */
static void the_published_module_gave_these_numbers(void)
{
    static const struct { double w, t; size_t count; double want[8]; } rows[] = {
        { 4, 999, 3, { -0.0503176, 0.5342362, -0.372144, -0.052867, -0.102105, -0.157362,
            -0.366881, -0.145010 } },
        { 0, 999, 3, { -0.0508938, 0.5345968, -0.342887, 0.048524, -0.035657, -0.156664,
            -0.367692, -0.193483 } },
        { 4, 499.5, 3, { -0.0519504, 0.5334249, -0.335292, 0.090129, -0.177499, -0.064345,
            -0.374967, -0.122982 } },
        { 4, 999, 5, { -0.0501109, 0.5381925, -0.590737, -0.113966, -0.197242, -0.168902,
            -0.384850, -0.191226 } }
    };
    static const size_t at[] = { 0, 1, 127, 128, 511, 1023 };
    const tango_unet_config c = config_of("light");
    weights list = weights_of(&c);
    size_t values = 0;
    made m;
    CHECK(list.count == 689);
    for (size_t i = 0; i < list.count; i++) {
        const size_t inputs = inputs_of(&list.list[i]);
        values += list.list[i].outputs * (inputs != 0 ? inputs : 1);
        if (strcmp(list.list[i].name, "guidance_proj.weight") == 0) CHECK(i == 254);
    }
    CHECK(values == 3112100);
    make_unet(&m, "light", &c);
    for (size_t i = 0; i < 4; i++) {
        scene s = open_call(case_named("calls", "light_call"), &c);
        double mean = 0, square = 0;
        const float *got;
        s.d.guidance = rows[i].w;
        s.times[0] = (float)rows[i].t;
        s.counts[0] = rows[i].count;
        got = run_call(&m.model, &s, &contexts[levels - 1]);
        for (size_t k = 0; k < s.like.count; k++) {
            mean += (double)got[k] / (double)s.like.count;
            square += (double)got[k] * (double)got[k] / (double)s.like.count;
        }
        CHECK_NEAR(mean, rows[i].want[0], 2e-6);
        CHECK_NEAR(sqrt(square - mean * mean), rows[i].want[1], 2e-6);
        for (size_t k = 0; k < 6; k++)
            CHECK_NEAR(got[at[k]], rows[i].want[2 + k], 2e-5);
    }
    drop(&m);
    release(NULL);
}

/* ---- Loops ------------------------------------------------------------------------ */

/* A denoising loop without the text in front of it: latents after each step, (steps,
   samples, C, H, W). The arena has exactly the measured size. */
static float *run_loop(const tango_model *m, size_t node, const tango_nn_context *nn,
    size_t *count)
{
    const tango_unet_config *c = &m->unet;
    tango_plan plan;
    tango_params *p = &plan.params;
    tango_arena arena;
    tango_error error;
    size_t peak = 0, one = 0;
    float *out = NULL;
    memset(&plan, 0, sizeof plan);
    p->sampler = tango_sampler_named(text_of(&cases, node, "sampler"));
    p->steps = (size_t)number(&cases, node, "steps", 0);
    plan.calls = p->steps;
    p->guidance = number(&cases, node, "guidance", 0);
    p->guidance_until = 1;
    p->eta = number(&cases, node, "eta", 0);
    p->seed = (uint64_t)number(&cases, node, "seed", 0);
    p->samples = (size_t)number(&cases, node, "samples", 1);
    plan.latent_rows = (size_t)number(&cases, node, "height", 0);
    plan.latent_width = (size_t)number(&cases, node, "width", 0);
    for (int real = 0; real < 2; real++) {
        tango__net net;
        tango__loop loop;
        scene s = open_call(node, c);
        memset(&arena, 0, sizeof arena);
        memset(&loop, 0, sizeof loop);
        memset(&net, 0, sizeof net);
        if (real) arena = arena_of(peak + TANGO__ALIGN);
        net.model = m;
        net.arena = &arena;
        net.error = &error;
        net.nn = *nn;
        net.passes = real ? SIZE_MAX : 2;
        s.d.context_batch = tango__guided(&plan, m) ? 2 : 1;
        if (c->class_width != 0) s.d.vectors = formula_array(1002, 2 * c->class_width, 1);
        s.d.repeat = p->samples;
        s.d.counts = s.counts;
        tango__loop_start(&net, &plan, &s.d, &loop);
        one = loop.total;
        if (real) out = floats(p->steps * one);
        tango__loop_begin(&net);
        for (size_t i = 0; i < p->steps && i < net.passes; i++, tango__loop_again(&net)) {
            tango__denoise(&net, &plan, &s.d, &loop, i);
            if (real)
                tango__to_planes(out + i * one, loop.z, p->samples,
                    plan.latent_rows * plan.latent_width, c->in_channels);
        }
        if (net.result != TANGO_OK) stop("loop", error.text);
        if (real) CHECK(arena.peak == peak);
        peak = arena.peak;
    }
    tango__arena_close(&arena);
    *count = one;
    return out;
}

/* Each step beside its own largest value: the noise goes down by orders. */
static void runs_agree_with_diffusers(void)
{
    const size_t list = tango_io_json_find(&cases, 0, "runs");
    table_head("run, worst step");
    for (size_t node = tango_io_json_first(&cases, list); node;
         node = tango_io_json_next(&cases, list, node)) {
        const char *name = text_of(&cases, node, "name");
        const tango_unet_config c = config_of(text_of(&cases, node, "model"));
        const size_t steps = (size_t)number(&cases, node, "steps", 0);
        array want = must_load("unets", name);
        made m;
        make_unet(&m, "loop", &c);
        for (size_t i = 0; i < levels; i++) {
            size_t one = 0;
            const float *got = run_loop(&m.model, node, &contexts[i], &one);
            difference worst = { 0, 0 };
            CHECK(want.count == steps * one);
            for (size_t k = 0; k < steps; k++) {
                difference d = compare(got + k * one, want.values + k * one, one);
                if (!(d.relative <= worst.relative)) worst = d;
            }
            CHECK(table_row(name, tango_nn_kernels_name(contexts[i].kernels), worst,
                number(&cases, node, "tolerance", 0)));
        }
        drop(&m);
    }
    release(NULL);
}

static void threads_change_no_bit_of_a_run(void)
{
    static const char *const names[] = { "film_ddim", "guided_2", "ctm_2" };
    for (size_t i = 0; i < 3; i++) {
        const size_t node = case_named("runs", names[i]),
                     steps = (size_t)number(&cases, node, "steps", 0);
        const tango_unet_config c = config_of(text_of(&cases, node, "model"));
        tango_nn_context nn = contexts[levels - 1];
        size_t one = 0;
        const float *alone;
        made m;
        make_unet(&m, "threads", &c);
        alone = run_loop(&m.model, node, &nn, &one);
        for (size_t threads = 2; threads < 6; threads += 3) {
            tango_nn_pool *pool =
                tango_nn_pool_start(take(tango_nn_pool_size(threads)), threads);
            const float *many;
            if (pool == NULL) stop("pool", "no thread could be made");
            nn.parallel_for = tango_nn_pool_for;
            nn.pool = pool;
            nn.threads = threads;
            nn.work_size = tango_nn_work_size(threads);
            nn.work = take(nn.work_size);
            many = run_loop(&m.model, node, &nn, &one);
            tango_nn_pool_stop(pool);
            CHECK(memcmp(alone, many, steps * one * sizeof(float)) == 0);
        }
        drop(&m);
        release(NULL);
    }
}

/* ---- Samplers --------------------------------------------------------------------- */

static tango_sampling sampling_of(tango_sampler kind, size_t steps)
{
    static tango_schedule_config c;
    tango_sampling run;
    tango_sampling_params p;
    tango_arena arena = arena_of(65536);
    tango_error error;
    memset(&c, 0, sizeof c);
    c.train_steps = 1000;
    c.beta_start = 0.00085;
    c.beta_end = 0.012;
    c.scaled_linear = 1;
    c.prediction = TANGO_PREDICTS_V;
    c.spacing = TANGO_LEADING; /* of the teacher: without effect */
    c.final_sigma = TANGO_FINAL_SIGMA_MIN;
    memset(&p, 0, sizeof p);
    p.sampler = kind;
    p.steps = steps;
    p.images = 1;
    p.count = 16;
    if (tango_sampling_begin(&run, &c, &p, &arena, &error) != TANGO_OK)
        stop("sampling", error.text);
    return run;
}

/* The times and levels of ConsistencyTTA and SoundCTM as they were published. */
static void levels_are_the_published_ones(void)
{
    static const double times[] = { 999, 749.25, 499.5, 249.75, 0 },
        sigmas[] = { 14.6146450, 4.08609, 1.615583, 0.695151, 0.02916753, 0 },
        factors[] = { 0.0682649, 0.2377174, 0.5263078, 0.8210981, 0.9995748 },
        ctm[] = { 80, 17.5278, 2.51522, 0.169753, 0.002 },
        wave[] = { 0.262666, 0.430658, 0.973805, -0.189986, 0.342898, 0.964887, 0.902515,
            0.939373 };
    static const size_t at[] = { 0, 1, 2, 320, 639, 640, 641, 1279 };
    float x[16] = { 1 }, in[16] = { 0 }, e[1280];
    tango_sampling run = sampling_of(TANGO_CONSISTENCY, 5);
    CHECK_NEAR(run.initial_scale, 14.6146450, 5e-6);
    for (size_t i = 0; i < 5; i++) {
        CHECK(run.timesteps[i] == (float)times[i]);
        CHECK_NEAR(run.sigmas[i], sigmas[i], 1e-6 * sigmas[i] + 5e-8);
        run.index = i;
        tango_sampling_input(&run, in, x);
        CHECK_NEAR(in[0], factors[i], 2e-7);
        CHECK(tango_sampling_draws(&run) == (i < 4));
    }
    CHECK(run.sigmas[5] == 0 && tango__draw_count(&run) == 4);
    run = sampling_of(TANGO_CONSISTENCY, 1);
    CHECK(run.timesteps[0] == 999.0f && !tango_sampling_draws(&run));
    CHECK_NEAR(run.initial_scale * factors[0], 0.99766719, 1e-6);
    run = sampling_of(TANGO_CTM, 4);
    CHECK(run.initial_scale == 80 && tango__draw_count(&run) == 0);
    for (size_t i = 0; i < 5; i++) {
        CHECK_NEAR(run.sigmas[i], ctm[i], 4e-6 * ctm[i]);
        CHECK_NEAR(run.timesteps[i], log(ctm[i]) / 4, 2e-6);
    }
    tango__ctm_guidance(e, 3.5, 1280);
    for (size_t i = 0; i < 8; i++) CHECK_NEAR(e[at[i]], wave[i], 1e-6);
    release(NULL);
}

/* ---- The pipeline of such models -------------------------------------------------- */

static tango_params short_run(void)
{
    tango_params p;
    memset(&p, 0, sizeof p);
    p.prompt = "a dog barks";
    p.seconds = 0.32;
    p.vocoder = TANGO_HIFIGAN;
    p.seed = 5;
    return p;
}

static void must_refuse(const tango_model *m, tango_sampler sampler, const char *text)
{
    tango_params p = short_run();
    tango_plan plan;
    tango_error error;
    static const float latent[8 * 16] = { 0 };
    p.sampler = sampler;
    p.steps = 2;
    CHECK(tango_prepare(&plan, m, &p, &error) == TANGO_ERROR_ARGUMENT);
    if (strcmp(error.text, text) != 0) printf("    %s\n", error.text);
    CHECK(strcmp(error.text, text) == 0);
    p.latent = latent; /* no sampler takes part */
    p.latent_rows = 1;
    CHECK(tango_prepare(&plan, m, &p, &error) == TANGO_OK);
}

static void samplers_of_other_models_are_refused(void)
{
    made guided, ctm;
    make_whole(&guided, "guided", NULL);
    must_refuse(&guided.model, TANGO_DDPM,
        "sampler: 'ddpm' cannot drive this model, which is distilled for 'consistency' "
        "alone");
    must_refuse(&guided.model, TANGO_CTM,
        "sampler: 'ctm' cannot drive this model, which is distilled for 'consistency' "
        "alone");
    drop(&guided);
    make_whole(&ctm, "ctm", NULL);
    must_refuse(&ctm.model, TANGO_EULER,
        "sampler: 'euler' cannot drive this model, which is distilled for 'ctm' alone");
    drop(&ctm);
    must_refuse(&v1, TANGO_CONSISTENCY,
        "sampler: 'consistency' needs a UNet that was distilled for it, which this is "
        "not");
    must_refuse(&v1, TANGO_CTM,
        "sampler: 'ctm' needs a UNet that was distilled for it, which this is not");
    release(NULL);
}

static void distilled_models_have_their_own_defaults(void)
{
    tango_params p = short_run();
    tango_error error;
    tango_plan plan;
    sound plain, other;
    float noise = 0;
    made m;
    make_whole(&m, "guided", NULL);
    CHECK(tango_prepare(&plan, &m.model, &p, &error) == TANGO_OK);
    CHECK(plan.params.steps == 1 && plan.params.guidance == 4);
    CHECK(plan.params.sampler == TANGO_CONSISTENCY);
    plain = generate(&m.model, &p);
    p.negative = "heavy rain"; /* not read: the UNet runs once a step */
    CHECK(same_sound(plain, generate(&m.model, &p)));
    p.guidance = 4.5;
    other = generate(&m.model, &p);
    CHECK(other.result == TANGO_OK && !same_sound(plain, other));
    p.steps = 3;
    p.noise = &noise;
    p.noise_draws = 2;
    CHECK(tango_prepare(&plan, &m.model, &p, &error) == TANGO_ERROR_ARGUMENT);
    CHECK(strcmp(error.text, "noise: 2 draws, expected 1 or 3") == 0);
    drop(&m);
    p = short_run();
    make_whole(&m, "ctm", NULL);
    CHECK(tango_prepare(&plan, &m.model, &p, &error) == TANGO_OK);
    CHECK(plan.params.steps == 2 && plan.params.guidance == 3.5);
    CHECK(plan.params.sampler == TANGO_CTM);
    CHECK(generate(&m.model, &p).result == TANGO_OK);
    drop(&m);
    release(NULL);
}

static void ddim_with_noise(maker *m)
{
    put_text(m, "default.sampler", "ddim");
    put_size(m, "default.steps", 3);
    put_real(m, "default.eta", 1);
}

static void eta_is_the_models_or_the_callers(void)
{
    tango_params p = short_run();
    tango_plan plan;
    tango_error error;
    sound of_model, of_caller, none, zero;
    made m;
    make_whole(&m, NULL, ddim_with_noise);
    of_model = generate(&m.model, &p);
    p.eta = -1;
    none = generate(&m.model, &p);
    CHECK(tango_prepare(&plan, &m.model, &p, &error) == TANGO_OK && plan.params.eta < 0);
    p.sampler = TANGO_DDIM;
    p.steps = 3;
    p.eta = 0;
    zero = generate(&v1, &p);
    CHECK(tango_prepare(&plan, &v1, &p, &error) == TANGO_OK && plan.params.eta == -1);
    p.eta = 1;
    of_caller = generate(&v1, &p);
    CHECK(same_sound(of_model, of_caller) && same_sound(none, zero));
    CHECK(!same_sound(of_model, none));
    drop(&m);
    release(NULL);
}

static void one_step_and_crop(maker *m)
{
    put_text(m, "default.sampler", "ddim");
    put_size(m, "default.steps", 1);
    put_real(m, "default.crop", 0.2);
}

static void one_step_and_centre(maker *m)
{
    one_step_and_crop(m);
    put_size(m, "wave.center", 1);
}

/* Whether `part` holds the first samples of each of two sounds. */
static int begins_alike(sound part, size_t kept, sound all, size_t whole)
{
    return part.bytes == 2 * kept * sizeof(float)
           && memcmp(part.wave, all.wave, kept * sizeof(float)) == 0
           && memcmp(part.wave + kept, all.wave + whole, kept * sizeof(float)) == 0;
}

static void a_crop_keeps_the_beginning(void)
{
    const size_t whole = 160 * 32 + 32;
    tango_params p = short_run();
    tango_plan plan;
    tango_error error;
    sound all, part;
    made m;
    p.samples = 2;
    make_whole(&m, NULL, one_step_and_crop);
    p.crop = -1;
    CHECK(tango_prepare(&plan, &m.model, &p, &error) == TANGO_OK);
    CHECK(plan.whole == whole && plan.samples == whole);
    all = generate(&m.model, &p);
    p.crop = 0; /* the model's */
    CHECK(tango_prepare(&plan, &m.model, &p, &error) == TANGO_OK);
    CHECK(plan.whole == whole && plan.samples == 3200 && plan.params.crop == 0.2);
    part = generate_in(&m.model, &p, 5, 0xff, 0);
    CHECK(begins_alike(part, 3200, all, whole));
    CHECK(generate_in(&m.model, &p, 0, 0, 1).result == TANGO_ERROR_MEMORY);
    p.crop = 600; /* as long as asked for */
    part = generate(&m.model, &p);
    CHECK(begins_alike(part, 5120, all, whole));
    p.crop = 1e-9;
    part = generate(&m.model, &p);
    CHECK(part.result == TANGO_OK || begins(part.error.text, "wave: silent"));
    CHECK(part.bytes == 2 * sizeof(float));
    drop(&m);
    release(NULL);
}

/* The middle of both sounds together is that of the whole ones, and goes to 0. */
static void a_centred_wave_is_centred_before_the_crop(void)
{
    const size_t whole = 160 * 32 + 32;
    tango_params p = short_run();
    sound all, centred, cropped;
    float low = 1, high = -1, middle;
    made plain, m;
    p.samples = 2;
    p.crop = -1;
    make_whole(&plain, NULL, one_step_and_crop);
    all = generate(&plain.model, &p);
    drop(&plain);
    make_whole(&m, NULL, one_step_and_centre);
    centred = generate(&m.model, &p);
    p.crop = 0.1;
    cropped = generate(&m.model, &p);
    for (size_t i = 0; i < 2 * whole; i++) {
        low = all.wave[i] < low ? all.wave[i] : low;
        high = all.wave[i] > high ? all.wave[i] : high;
    }
    middle = 0.5f * (high + low);
    CHECK(fabsf(middle) > 1e-4f);
    for (size_t i = 0; i < 2 * whole; i++)
        CHECK(centred.wave[i] == all.wave[i] - middle);
    CHECK(begins_alike(cropped, 1600, centred, whole));
    drop(&m);
    release(NULL);
}

static void clipped_latents(maker *m)
{
    one_step_and_crop(m);
    put_size(m, "vae.clip_latent", 1);
}

/* A latent given by the caller is left alone, a sampled one is not. */
static void a_latent_beyond_all_bounds_is_clipped(void)
{
    const float near[4] = { 100.0f, -100.0f, 50.0f, 0.0f };
    float far[4] = { 100.5f, -100.0f, 9.0f, -0.5f }, same[4];
    tango_arena arena = arena_of(64);
    tango__net net;
    made m;
    make_whole(&m, NULL, clipped_latents);
    memset(&net, 0, sizeof net);
    net.model = &m.model;
    net.arena = &arena;
    CHECK(m.model.vae.clip_latent == 1 && v1.vae.clip_latent == 0);
    memcpy(same, near, sizeof same);
    tango__clip_latent(&net, same, 4);
    CHECK(memcmp(same, near, sizeof same) == 0);
    net.model = &v1;
    memcpy(same, far, sizeof same);
    tango__clip_latent(&net, same, 4);
    CHECK(memcmp(same, far, sizeof same) == 0);
    net.model = &m.model;
    tango__clip_latent(&net, far, 4);
    CHECK(far[0] == 10 && far[1] == -10 && far[2] == 9 && far[3] == -0.5f);
    tango__arena_close(&arena);
    drop(&m);
    release(NULL);
}

/* ---- From a sentence to samples --------------------------------------------------- */

/* The table of a vocabulary in golden/tokens. */
static void put_bpe(maker *m, const char *kind)
{
    static const char *const names[] = { "vocab.json", "merges.txt",
        "tokenizer_config.json" };
    tango_io_file file[3];
    tango_io_bpe_files files;
    tango_error error;
    size_t room = 0, work = 0, size = 0;
    void *table;
    memset(&files, 0, sizeof files);
    memset(file, 0, sizeof file);
    for (size_t i = 0; i < 3; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/tokens/%s/%s", folder, kind, names[i]);
        if (tango_io_map(&file[i], path, &error) != TANGO_OK && i < 2)
            stop("bpe", error.text);
    }
    files.vocab = file[0].data, files.vocab_size = file[0].size;
    files.merges = file[1].data, files.merges_size = file[1].size;
    files.config = file[2].data, files.config_size = file[2].size;
    if (tango_io_bpe_from_files_size(&room, &work, &files, &error) != TANGO_OK)
        stop("bpe", error.text);
    table = take(room);
    if (tango_io_bpe_from_files(table, room, &size, &files, take(work), work, &error)
        != TANGO_OK)
        stop("bpe", error.text);
    for (size_t i = 0; i < 3; i++) tango_io_unmap(&file[i]);
    put_text(m, "tokenizer.type", kind);
    put_numbers(m, "tokenizer.bpe", TANGO_IO_BYTES, table, size);
}

/* Text encoder and tokenizer of a whole case: CLAP and RoBERTa's, or CLIP and CLIP's. */
static void put_text_part(maker *m, size_t node, int clap)
{
    const size_t text = tango_io_json_find(&cases, node, "text");
    const tango_io_value *table;
    tango_io_bpe bpe;
    tango_error error;
    tango_text_config c;
    weights w;
    memset(&c, 0, sizeof c);
    put_bpe(m, clap ? "roberta" : "clip");
    table = &m->values[m->value_count - 1];
    if (tango_io_bpe_open(&bpe, table->data, table->count, &error) != TANGO_OK)
        stop("bpe", error.text);
    c.vocab = bpe.entries;
    c.width = (size_t)number(&cases, text, "width", 0);
    c.hidden = (size_t)number(&cases, text, "hidden", 0);
    c.layers = (size_t)number(&cases, text, "layers", 0);
    c.heads = (size_t)number(&cases, text, "heads", 0);
    c.positions = (size_t)number(&cases, text, "positions", 0);
    c.projection = (size_t)number(&cases, text, "projection", 0);
    put_text(m, "text.type", clap ? "clap" : "clip");
    put_size(m, "text.vocab", c.vocab);
    put_size(m, "text.d_model", c.width);
    put_size(m, "text.d_ff", c.hidden);
    put_size(m, "text.layers", c.layers);
    put_size(m, "text.heads", c.heads);
    put_size(m, "text.positions", c.positions);
    put_size(m, "text.pad", (size_t)bpe.pad);
    put_real(m, "text.eps", 1e-5);
    if (clap) put_size(m, "text.projection", c.projection);
    else put_text(m, "text.activation", "gelu");
    w = clap ? weights_of_clap(&c) : weights_of_clip(&c);
    put_weights(m, "text_encoder", &w);
}

/* The parts that a whole case describes, VAE and vocoder of v1, and as defaults all that
   the case asks for. */
static void make_case(made *out, size_t node)
{
    const tango_unet_config c = config_of(text_of(&cases, node, "model"));
    const char *sampler = text_of(&cases, node, "sampler");
    const double eta = number(&cases, node, "eta", 0);
    maker *m = new_maker();
    weights w = weights_of(&c), adapters = weights_of_adapters();
    put_v1(m, TANGO_PART_UNET | TANGO_PART_TEXT);
    put_unet_values(m, &c);
    put_schedule(m, &c);
    put_weights(m, "unet", &w);
    if (c.in_channels == 4) put_weights(m, "group_out", &adapters);
    put_text_part(m, node, c.class_width != 0);
    put_text(m, "default.sampler", sampler[0] != 0 ? sampler : "ddim");
    if (eta > 0) put_real(m, "default.eta", eta);
    put_real(m, "default.guidance", number(&cases, node, "guidance", 0));
    put_size(m, "default.steps", (size_t)number(&cases, node, "steps", 0));
    if (c.class_width != 0)
        put_real(m, "default.crop", TANGO_SECONDS_MAX); /* as long as asked for */
    finish(out, m, "whole");
}

static tango_params case_run(size_t node)
{
    tango_params p;
    memset(&p, 0, sizeof p);
    p.prompt = text_of(&cases, node, "prompt");
    p.negative = text_of(&cases, node, "negative");
    p.seed = (uint64_t)number(&cases, node, "seed", 0);
    p.samples = (size_t)number(&cases, node, "samples", 1);
    p.seconds = number(&cases, node, "seconds", 0);
    p.vocoder = TANGO_HIFIGAN;
    return p;
}

/* Nothing but the model's defaults on our side, a pipeline of packages on the other. */
static void whole_runs_agree_with_the_packages(void)
{
    const size_t list = tango_io_json_find(&cases, 0, "whole");
    size_t count = 0;
    table_head("from text to wave");
    for (size_t node = tango_io_json_first(&cases, list); node;
         node = tango_io_json_next(&cases, list, node), count++) {
        const char *name = text_of(&cases, node, "name");
        array want = must_load("unets", name);
        tango_params p = case_run(node);
        made m;
        make_case(&m, node);
        for (size_t i = 0; i < levels; i++) {
            sound s;
            p.kernels = contexts[i].kernels;
            s = generate_in(&m.model, &p, 3, 0xff, 0);
            if (s.result != TANGO_OK) stop(name, s.error.text);
            CHECK(s.bytes == want.count * sizeof(float));
            CHECK(table_row(name, tango_nn_kernels_name(p.kernels),
                compare(s.wave, want.values, want.count),
                number(&cases, node, "tolerance", 0)));
        }
        drop(&m);
    }
    CHECK(count == 2);
    release(NULL);
}

/* The plan holds with and without guidance; the negative text counts only with it. */
static void plans_of_audioldm_are_exact(void)
{
    static const size_t steps[] = { 1, 2, 3, 200, 999 };
    const size_t node = case_named("whole", "audioldm");
    made m;
    make_case(&m, node);
    for (size_t k = 0; k < 20; k++) {
        tango_params p = case_run(node);
        tango_plan plan;
        tango_error error;
        sound one, other;
        p.steps = steps[k % 5];
        p.samples = 1 + k % 3;
        p.guidance = k % 2 ? 1 : 2.5;
        p.crop = k % 4 ? 0 : -1;
        p.seconds = k == 7 ? 3.3 : 0.04;
        if (tango_prepare(&plan, &m.model, &p, &error) != TANGO_OK)
            stop("plan", error.text);
        CHECK(plan.params.eta == 1 && plan.params.sampler == TANGO_DDIM);
        CHECK(walked(&m.model, &plan, SIZE_MAX) == plan.memory);
        if (p.steps > 3) continue;
        one = generate_in(&m.model, &p, 1, 0xff, 0);
        CHECK(one.result == TANGO_OK);
        CHECK(generate_in(&m.model, &p, 0, 0, 1).result == TANGO_ERROR_MEMORY);
        p.negative = "birds";
        other = generate(&m.model, &p);
        CHECK(same_sound(one, other) == (p.guidance == 1));
    }
    drop(&m);
    release(NULL);
}

/* A walk through every step needs no more and no less than the plan. */
static void plans_of_distilled_models_are_exact(void)
{
    static const char *const names[] = { "guided", "ctm" };
    static const size_t steps[] = { 1, 2, 3, 10, 100, 999 };
    for (size_t i = 0; i < 2; i++) {
        made m;
        make_whole(&m, names[i], NULL);
        for (size_t k = 0; k < 24; k++) {
            tango_params p = short_run();
            tango_plan plan;
            tango_error error;
            sound s;
            p.steps = steps[k % 6];
            p.samples = 1 + k / 12;
            p.seconds = k % 5 ? 0.04 : 1.3;
            p.crop = k % 3 == 0 ? 0.03 : -1;
            p.guidance = k % 2 ? 1 : 5;
            if (tango_prepare(&plan, &m.model, &p, &error) != TANGO_OK)
                stop("plan", error.text);
            CHECK(walked(&m.model, &plan, SIZE_MAX) == plan.memory);
            if (p.steps > 3) continue;
            s = generate_in(&m.model, &p, 3, 0xff, 0);
            CHECK(s.result == TANGO_OK);
            CHECK(generate_in(&m.model, &p, 0, 0, 1).result == TANGO_ERROR_MEMORY);
        }
        drop(&m);
        release(NULL);
    }
}

/* ---- All of it -------------------------------------------------------------------- */

static void run_unets(void)
{
    cases = load_json("unets/cases.json");
    blocks = NULL; /* the cases stay */
    RUN(calls_agree_with_diffusers);
    RUN(each_text_minds_its_own_image);
    RUN(runs_agree_with_diffusers);
    RUN(the_published_module_gave_these_numbers);
    RUN(levels_are_the_published_ones);
    RUN(mistakes_in_a_call_are_noticed);
    RUN(threads_change_no_bit_of_a_run);
    RUN(samplers_of_other_models_are_refused);
    RUN(distilled_models_have_their_own_defaults);
    RUN(eta_is_the_models_or_the_callers);
    RUN(a_crop_keeps_the_beginning);
    RUN(a_centred_wave_is_centred_before_the_crop);
    RUN(a_latent_beyond_all_bounds_is_clipped);
    RUN(plans_of_distilled_models_are_exact);
    RUN(whole_runs_agree_with_the_packages);
    RUN(plans_of_audioldm_are_exact);
}

#endif
