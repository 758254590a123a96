/* convert.c: makes one weights blob from a checkpoint folder of the Tango family.  MIT-0

       cc tools/convert.c -lm -o convert
       ./convert FOLDER -o model.tango              the type the checkpoint has
       ./convert FOLDER -o model.tango -t f16       matrices in half precision

   FOLDER holds the files of a published checkpoint
       main_config.json  vae_config.json  stft_config.json
       pytorch_model_main.bin  pytorch_model_vae.bin  (pytorch_model_stft.bin)
   or, in their place, what the training script saves
       pytorch_model.bin (VAE)  pytorch_model_1.bin (STFT)  pytorch_model_2.bin (main)
   and beside them four files that published checkpoints name but do not contain
       unet_config.json         configs/diffusion_model_config.json of the Tango code
       text_encoder_config.json config.json of google/flan-t5-large
       scheduler_config.json    scheduler/scheduler_config.json of stable-diffusion-2-1
       spiece.model             spiece.model of google/flan-t5-large
   Optional are defaults.json, what a program does when nothing else is asked, and
   ATTRIBUTION.md.

   How it works. The configuration alone says which tensors a model has and their shapes
   (room 5). They are compared with what the checkpoint holds (room 6); anything missing,
   left over or of another shape is named, and nothing is written. Then each tensor is
   streamed (room 9): 16 rows of a matrix are read, put in the order of the matrix product
   and written, so memory stays small however large the checkpoint is. The output appears
   under its name only when it is complete.

   Exit status: 0 done, 1 failed (each problem is one line on stderr), 2 wrong usage.

   CONTENTS
    1  Problems and memory
    2  What a configuration says
    3  The files of a folder
    4  Reading the configuration
    5  The tensors a configuration implies
    6  The checkpoint against the plan
    7  The short-time Fourier transform
    8  Values of the blob
    9  Writing the tensors
   10  The program */
#include "../demo/cli.h"
#include <float.h>
#include <math.h>
#include <sys/stat.h>
#define TANGO_IMPLEMENTATION
#include "../tango_io.h"
#include "../tango_nn.h"

/* A program's own sums are the same with -march=native, as those of the headers. */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

#define CONVERT_VERSION "0.1.0"
#define PROBLEMS_SHOWN 100
#define LEVELS_MAX 8 /* levels of a network, stages of the vocoder */
#define DILATIONS 3  /* of each residual kernel of the vocoder */
#define KERNEL_MAX 256
#define CHANNELS_MAX 65536
#define LAYERS_MAX 1000
#define LATENT_CHANNELS 8 /* that the adapters of a 4-channel UNet take and give */
#define ADAPTER_WIDTH 512
#define HALF_MAX 65504.0 /* largest finite f16 */
#define PI 3.14159265358979323846

#ifndef S_ISDIR
#define S_ISDIR(mode) (((mode)&S_IFMT) == S_IFDIR)
#endif

/* ==== 1. Problems and memory ======================================================= */

static size_t problems; /* how many were found so far */

/* One line on stderr, and the work goes on: all that is wrong is listed at once. */
static void problem(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (problems < PROBLEMS_SHOWN) cli_message("error: ", format, arguments);
    va_end(arguments);
    problems++;
}

static void *resized(void *memory, size_t count, size_t size)
{
    size_t bytes = 0;
    int fits = tango_mul_ok(count, size, &bytes);
    memory = fits ? realloc(memory, bytes ? bytes : 1) : NULL;
    if (!memory) cli_fail("out of memory (%zu times %zu bytes)", count, size);
    return memory;
}

static void *copied(const void *data, size_t size)
{
    char *memory = (char *)resized(NULL, size + 1, 1);
    if (size) memcpy(memory, data, size);
    memory[size] = '\0';
    return memory;
}

/* PLACE.name followed by ending, or name and ending if the place is empty. */
static char *joined(const char *place, const char *name, const char *ending)
{
    size_t size = strlen(place) + strlen(name) + strlen(ending) + 2;
    char *text = (char *)resized(NULL, size, 1);
    snprintf(text, size, "%s%s%s%s", place, *place ? "." : "", name, ending);
    return text;
}

/* ==== 2. What a configuration says ================================================= */

typedef struct unet_config {
    size_t in_channels, out_channels, levels, layers, groups, cross_dim;
    size_t channels[LEVELS_MAX], heads[LEVELS_MAX];
    size_t down_attention[LEVELS_MAX], up_attention[LEVELS_MAX]; /* 0 or 1 */
    int flip_sin_to_cos, center_input, linear_projection, adapters;
    double norm_eps, freq_shift, mid_scale;
} unet_config;

typedef struct text_config {
    size_t d_model, d_kv, d_ff, layers, heads, buckets, max_distance, vocab;
    double eps;
} text_config;

typedef struct vae_config {
    size_t ch, levels, ch_mult[LEVELS_MAX], res_blocks, z_channels, embed_dim, groups;
    size_t in_channels, out_channels;
    double scale_factor;
} vae_config;

typedef struct vocoder_config {
    size_t mels, channels, stages, rates[LEVELS_MAX], kernels[LEVELS_MAX];
    size_t branches, res_kernels[LEVELS_MAX], dilations[LEVELS_MAX * DILATIONS];
} vocoder_config;

typedef struct audio_config {
    size_t rate, fft, hop, window, mels;
    double fmin, fmax;
} audio_config;

typedef struct config {
    unet_config unet;
    text_config text;
    vae_config vae;
    vocoder_config vocoder;
    audio_config audio;
} config;

/* ==== 3. The files of a folder ===================================================== */

typedef enum file_id {
    MAIN_CONFIG,
    VAE_CONFIG,
    STFT_CONFIG,
    UNET_CONFIG,
    TEXT_CONFIG,
    SCHEDULE_CONFIG,
    DEFAULTS,
    ATTRIBUTION,
    SPIECE,
    MAIN,
    VAE,
    STFT,
    FILES
} file_id;

static const struct {
    const char *name, *other, *hint;
} known[FILES] = {
    { "main_config.json", NULL, "every published checkpoint has it" },
    { "vae_config.json", NULL, "every published checkpoint has it" },
    { "stft_config.json", NULL, "every published checkpoint has it" },
    { "unet_config.json", NULL,
      "copy configs/diffusion_model_config.json of the Tango code" },
    { "text_encoder_config.json", NULL, "copy config.json of google/flan-t5-large" },
    { "scheduler_config.json", NULL,
      "copy scheduler/scheduler_config.json of stabilityai/stable-diffusion-2-1" },
    { "defaults.json", NULL, NULL },
    { "ATTRIBUTION.md", NULL, NULL },
    { "spiece.model", NULL, "copy spiece.model of google/flan-t5-large" },
    { "pytorch_model_main.bin", "pytorch_model_2.bin", "UNet and text encoder" },
    { "pytorch_model_vae.bin", "pytorch_model.bin", "VAE and vocoder" },
    { "pytorch_model_stft.bin", "pytorch_model_1.bin", NULL }
};

typedef struct source {
    const char *name; /* NULL if the folder has none */
    tango_io_file file;
    void *work; /* of its parser */
    tango_io_json json;
    tango_io_torch torch;
} source;

static int is_there(const char *path, int folder)
{
    struct stat s;
    return stat(path, &s) == 0 && (!folder || S_ISDIR(s.st_mode));
}

/* Maps FOLDER/name; 0 if there is no such file. */
static int open_source(source *s, const char *folder, const char *name)
{
    char path[TANGO_IO_PATH_MAX + 1];
    tango_error error;
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= sizeof path) cli_fail("%s: the path is too long", folder);
    if (!is_there(path, 0)) return 0;
    s->name = name;
    if (tango_io_map(&s->file, path, &error) != TANGO_OK) problem("%s", error.text);
    return 1;
}

static void open_sources(source *s, const char *folder)
{
    if (!is_there(folder, 1)) cli_fail("%s: no such folder", folder);
    for (size_t i = 0; i < FILES; i++) {
        if (open_source(&s[i], folder, known[i].name)) continue;
        if (known[i].other && open_source(&s[i], folder, known[i].other)) continue;
        if (known[i].hint)
            problem("%s: %s is missing: %s", folder, known[i].name, known[i].hint);
    }
}

static void parse_json(source *s)
{
    size_t size = 0;
    tango_error error;
    const unsigned char *text = s->file.data;
    if (!text) return;
    tango_result r = tango_io_json_work_size(&size, text, s->file.size, &error);
    if (r == TANGO_OK) {
        s->work = resized(NULL, size, 1);
        r = tango_io_json_parse(&s->json, text, s->file.size, s->work, size, &error);
    }
    if (r != TANGO_OK) problem("%s: %s", s->name, error.text);
    else if (tango_io_json_type_of(&s->json, 0) != TANGO_IO_JSON_OBJECT)
        problem("%s: expected an object", s->name);
}

/* ==== 4. Reading the configuration ================================================= */

#define NEEDED ((size_t)-1)  /* in place of a fallback: the key must be there */
#define NO_REAL HUGE_VAL       /* the same for numbers */
#define NO_NODE ((size_t)-1) /* an object that is not there: it has no keys */

/* An object of a configuration file. */
typedef struct object {
    const tango_io_json *json;
    size_t node;
    const char *path; /* begins the messages about it */
} object;

static object whole(const source *s)
{
    object o = { &s->json, 0, s->name };
    return o;
}

/* The value of a key, 0 if there is none; null counts as none. */
static size_t member(const object *o, const char *key)
{
    size_t node = o->node == NO_NODE ? 0 : tango_io_json_find(o->json, o->node, key);
    return node && tango_io_json_type_of(o->json, node) == TANGO_IO_JSON_NULL ? 0 : node;
}

/* For messages: what stands there, shortened. */
static const char *found(const object *o, size_t node, char out[64])
{
    const tango_io_json_node *n = &o->json->nodes[node];
    switch (tango_io_json_type_of(o->json, node)) {
    case TANGO_IO_JSON_ARRAY: return "a list";
    case TANGO_IO_JSON_OBJECT: return "an object";
    default:
        snprintf(out, 64, "%.*s", n->size < 60 ? (int)n->size : 60,
                 o->json->text + n->at);
        return out;
    }
}

static size_t count_at(const object *o, const char *key, size_t node, size_t low,
                       size_t high)
{
    char text[64];
    uint64_t n = 0;
    if (tango_io_json_u64(o->json, node, &n) && n >= low && n <= high) return (size_t)n;
    problem("%s: %s: expected a whole number from %zu to %zu, found %s", o->path, key,
            low, high, found(o, node, text));
    return low;
}

/* A whole number in low .. high. */
static size_t get_count(const object *o, const char *key, size_t fallback, size_t low,
                        size_t high)
{
    size_t node = member(o, key);
    if (node) return count_at(o, key, node, low, high);
    if (fallback != NEEDED) return fallback;
    problem("%s: %s is missing", o->path, key);
    return low;
}

/* Whole numbers of 1 to high into out, which holds `fallback` numbers for an absent key.
   Returns how many: at least 1. */
static size_t get_counts(const object *o, const char *key, size_t *out, size_t fallback,
                         size_t high)
{
    size_t node = member(o, key), n = 0;
    if (!node && fallback != NEEDED) return fallback;
    for (size_t i = tango_io_json_first(o->json, node); i && n < LEVELS_MAX; n++) {
        out[n] = count_at(o, key, i, 1, high);
        i = tango_io_json_next(o->json, node, i);
    }
    if (n > 0 && n == o->json->nodes[node].size) return n;
    problem("%s: %s: expected a list of 1 to %d numbers", o->path, key, LEVELS_MAX);
    out[0] = 1;
    return 1;
}

/* A number in low .. high; `fallback` where the key is absent. */
static double get_real(const object *o, const char *key, double fallback, double low,
                       double high)
{
    char text[64];
    size_t node = member(o, key);
    double x = fallback;
    if (node && (!tango_io_json_number(o->json, node, &x) || !(x >= low && x <= high)))
        problem("%s: %s: expected a number from %g to %g, found %s", o->path, key, low,
                high, found(o, node, text));
    if (!node && fallback >= NO_REAL) problem("%s: %s is missing", o->path, key);
    return x;
}

static int get_flag(const object *o, const char *key, int fallback)
{
    char text[64];
    size_t node = member(o, key);
    int flag = fallback;
    if (node && !tango_io_json_bool(o->json, node, &flag))
        problem("%s: %s: expected true or false, found %s", o->path, key,
                found(o, node, text));
    return flag;
}

/* A copy of the text; NULL if the key is absent. */
static char *get_text(const object *o, const char *key)
{
    size_t node = member(o, key);
    if (!node) return NULL;
    size_t size = (size_t)o->json->nodes[node].size + 1;
    char *text = (char *)resized(NULL, size, 1);
    if (tango_io_json_string(o->json, node, text, size)) return text;
    problem("%s: %s: expected text", o->path, key);
    free(text);
    return NULL;
}

/* A key whose other values change the arithmetic in ways that are not supported. */
typedef struct fixed {
    const char *key, *value;
} fixed;

static int is_value(const object *o, size_t node, const char *value)
{
    double x = 0.0;
    int flag = 0;
    switch (tango_io_json_type_of(o->json, node)) {
    case TANGO_IO_JSON_NULL: return 1;
    case TANGO_IO_JSON_BOOL:
        tango_io_json_bool(o->json, node, &flag);
        return strcmp(value, flag ? "true" : "false") == 0;
    case TANGO_IO_JSON_NUMBER:
        tango_io_json_number(o->json, node, &x);
        return *value >= '0' && *value <= '9' && x == strtod(value, NULL);
    case TANGO_IO_JSON_STRING: return tango_io_json_equal(o->json, node, value);
    default: return 0;
    }
}

static void refuse_others(const object *o, const fixed *list)
{
    char text[64];
    for (; list->key; list++) {
        size_t node = member(o, list->key);
        if (!node) continue;
        int same = 1;
        if (tango_io_json_type_of(o->json, node) == TANGO_IO_JSON_ARRAY) {
            size_t i = tango_io_json_first(o->json, node); /* one value a level */
            for (; i; i = tango_io_json_next(o->json, node, i))
                same &= is_value(o, i, list->value);
        } else same = is_value(o, node, list->value);
        if (!same)
            problem("%s: %s: only %s is supported, found %s", o->path, list->key,
                    list->value, found(o, node, text));
    }
}

/* One of the words of a list that NULL ends. */
static size_t word_at(const object *o, const char *key, size_t node,
                      const char *const *words)
{
    char text[64];
    for (size_t i = 0; words[i]; i++)
        if (tango_io_json_equal(o->json, node, words[i])) return i;
    problem("%s: %s: %s is not supported", o->path, key, found(o, node, text));
    return 0;
}

static const fixed unet_fixed[] = {
    { "act_fn", "silu" },
    { "mid_block_type", "UNetMidBlock2DCrossAttn" },
    { "center_input_sample", "false" },
    { "mid_block_scale_factor", "1" },
    { "downsample_padding", "1" },
    { "conv_in_kernel", "3" },
    { "conv_out_kernel", "3" },
    { "transformer_layers_per_block", "1" },
    { "reverse_transformer_layers_per_block", "null" },
    { "num_attention_heads", "null" },
    { "only_cross_attention", "false" },
    { "mid_block_only_cross_attention", "false" },
    { "dual_cross_attention", "false" },
    { "attention_type", "default" },
    { "cross_attention_norm", "null" },
    { "resnet_time_scale_shift", "default" },
    { "resnet_skip_time_act", "false" },
    { "resnet_out_scale_factor", "1" },
    { "time_embedding_type", "positional" },
    { "time_embedding_dim", "null" },
    { "time_embedding_act_fn", "null" },
    { "timestep_post_act", "null" },
    { "time_cond_proj_dim", "null" },
    { "encoder_hid_dim", "null" },
    { "encoder_hid_dim_type", "null" },
    { "class_embed_type", "null" },
    { "num_class_embeds", "null" },
    { "class_embeddings_concat", "false" },
    { "addition_embed_type", "null" },
    { NULL, NULL }
};

/* down_block_types or up_block_types: whether each block has attentions. Absent, the four
   blocks of diffusers' default, which `out` holds. */
static void get_attention(const object *o, const char *key, const char *const *words,
                          size_t *out, size_t levels)
{
    size_t node = member(o, key), n = 0;
    if (!node) n = 4;
    for (size_t i = tango_io_json_first(o->json, node); i && n < levels; n++) {
        out[n] = word_at(o, key, i, words);
        i = tango_io_json_next(o->json, node, i);
    }
    if (n != levels || (node && o->json->nodes[node].size != levels))
        problem("%s: %s: expected %zu blocks, as block_out_channels has", o->path, key,
                levels);
}

/* attention_head_dim is, in spite of its name, the number of heads: one for all levels or
   a list. */
static void get_heads(const object *o, unet_config *u)
{
    const char *key = "attention_head_dim";
    size_t node = member(o, key), n = u->levels;
    if (node && tango_io_json_type_of(o->json, node) == TANGO_IO_JSON_ARRAY) {
        n = get_counts(o, key, u->heads, NEEDED, CHANNELS_MAX);
    } else {
        size_t heads = get_count(o, key, 8, 1, CHANNELS_MAX);
        for (size_t i = 0; i < n; i++) u->heads[i] = heads;
    }
    if (n != u->levels)
        problem("%s: %s: %zu numbers for %zu levels", o->path, key, n, u->levels);
    for (size_t i = 0; i < u->levels; i++)
        if (u->heads[i] > u->channels[i])
            problem("%s: %s: %zu heads for %zu channels", o->path, key, u->heads[i],
                    u->channels[i]);
}

/* Where a key is absent, the default is that of diffusers' UNet2DConditionModel. */
static void read_unet(const object *o, unet_config *u)
{
    static const char *const down[] = { "DownBlock2D", "CrossAttnDownBlock2D", NULL };
    static const char *const up[] = { "UpBlock2D", "CrossAttnUpBlock2D", NULL };
    static const size_t channels[4] = { 320, 640, 1280, 1280 };
    refuse_others(o, unet_fixed);
    if (tango_io_json_find(o->json, 0, "mid_block_type") && !member(o, "mid_block_type"))
        problem("%s: mid_block_type: a network without a middle is not supported",
                o->path);
    if (tango_io_json_find(o->json, 0, "norm_num_groups") &&
        !member(o, "norm_num_groups"))
        problem("%s: norm_num_groups: a network without norms is not supported", o->path);
    u->in_channels = get_count(o, "in_channels", 4, 1, 4096);
    u->out_channels = get_count(o, "out_channels", 4, 1, 4096);
    memcpy(u->channels, channels, sizeof channels);
    u->levels = get_counts(o, "block_out_channels", u->channels, 4, CHANNELS_MAX);
    for (size_t i = 0; i < 4; i++) {
        u->down_attention[i] = i < 3;
        u->up_attention[i] = i > 0;
    }
    get_attention(o, "down_block_types", down, u->down_attention, u->levels);
    get_attention(o, "up_block_types", up, u->up_attention, u->levels);
    get_heads(o, u);
    u->layers = get_count(o, "layers_per_block", 2, 1, 16);
    u->groups = get_count(o, "norm_num_groups", 32, 1, 4096);
    u->cross_dim = get_count(o, "cross_attention_dim", 1280, 1, CHANNELS_MAX);
    u->norm_eps = get_real(o, "norm_eps", 1e-5, 0.0, 1.0);
    u->flip_sin_to_cos = get_flag(o, "flip_sin_to_cos", 1);
    u->freq_shift = get_real(o, "freq_shift", 0.0, -16.0, 16.0);
    u->center_input = get_flag(o, "center_input_sample", 0);
    u->mid_scale = get_real(o, "mid_block_scale_factor", 1.0, 0.0, 1e9);
    u->linear_projection = get_flag(o, "use_linear_projection", 0);
}

/* Where a key is absent, the default is that of transformers' T5Config. */
static void read_text_encoder(const object *o, const object *main_config, text_config *t)
{
    static const fixed text_fixed[] = { { "model_type", "t5" },
                                        { "feed_forward_proj", "gated-gelu" },
                                        { "dense_act_fn", "gelu_new" },
                                        { "is_gated_act", "true" },
                                        { NULL, NULL } };
    refuse_others(o, text_fixed);
    char *name = get_text(main_config, "text_encoder_name");
    if (!member(o, "model_type") && !(name && strstr(name, "t5")))
        problem("%s: model_type is missing", o->path);
    free(name);
    if (!member(o, "feed_forward_proj"))
        problem("%s: feed_forward_proj is missing: only gated-gelu is supported",
                o->path);
    t->vocab = get_count(o, "vocab_size", 32128, 2, 1 << 24);
    t->d_model = get_count(o, "d_model", 512, 1, CHANNELS_MAX);
    t->d_kv = get_count(o, "d_kv", 64, 1, CHANNELS_MAX);
    t->d_ff = get_count(o, "d_ff", 2048, 1, CHANNELS_MAX);
    t->layers = get_count(o, "num_layers", 6, 1, LAYERS_MAX);
    t->heads = get_count(o, "num_heads", 8, 1, 4096);
    t->buckets = get_count(o, "relative_attention_num_buckets", 32, 4, CHANNELS_MAX);
    t->max_distance =
        get_count(o, "relative_attention_max_distance", 128, t->buckets / 4 + 1, 1 << 24);
    t->eps = get_real(o, "layer_norm_epsilon", 1e-6, 0.0, 1.0);
}

static void read_vae(const object *o, vae_config *v)
{
    static const fixed outer[] = { { "subband", "1" },
                                   { "time_shuffle", "1" },
                                   { NULL, NULL } };
    static const fixed inner[] = {
        { "double_z", "true" },         { "attn_resolutions", "null" },
        { "resamp_with_conv", "true" }, { "attn_type", "vanilla" },
        { "use_linear_attn", "false" }, { "tanh_out", "false" },
        { "give_pre_end", "false" },    { NULL, NULL }
    };
    object d = { o->json, member(o, "ddconfig"), "vae_config.json: ddconfig" };
    refuse_others(o, outer);
    v->embed_dim = get_count(o, "embed_dim", NEEDED, 1, 4096);
    v->scale_factor = get_real(o, "scale_factor", NO_REAL, 1e-6, 1e6);
    v->levels = 1;
    if (!d.node || tango_io_json_type_of(d.json, d.node) != TANGO_IO_JSON_OBJECT) {
        problem("%s: ddconfig is missing", o->path);
        return;
    }
    refuse_others(&d, inner);
    v->ch = get_count(&d, "ch", NEEDED, 1, 4096);
    v->levels = get_counts(&d, "ch_mult", v->ch_mult, NEEDED, 64);
    v->res_blocks = get_count(&d, "num_res_blocks", NEEDED, 1, 16);
    v->z_channels = get_count(&d, "z_channels", NEEDED, 1, 4096);
    v->in_channels = get_count(&d, "in_channels", NEEDED, 1, 1);
    v->out_channels = get_count(&d, "out_ch", NEEDED, 1, 1);
    v->groups = get_count(&d, "num_groups", 32, 1, 4096);
}

/* One list of three dilations a residual kernel. */
static void read_dilations(const object *o, vocoder_config *h)
{
    const char *key = "resblock_dilation_sizes";
    size_t node = member(o, key), n = 0;
    for (size_t i = 0; !node && i < LEVELS_MAX * DILATIONS; i++)
        h->dilations[i] = 1 + 2 * (i % DILATIONS); /* 1, 3, 5 */
    if (!node) return;
    size_t list = tango_io_json_first(o->json, node);
    for (; list; list = tango_io_json_next(o->json, node, list)) {
        size_t i = tango_io_json_first(o->json, list), k = 0;
        for (; i && n < LEVELS_MAX * DILATIONS;
             i = tango_io_json_next(o->json, list, i), k++)
            h->dilations[n++] = count_at(o, key, i, 1, 64);
        if (k != DILATIONS)
            problem("%s: %s: expected %d dilations a kernel", o->path, key, DILATIONS);
    }
    if (n != h->branches * DILATIONS)
        problem("%s: %s: expected one list for each of %zu residual kernels", o->path,
                key, h->branches);
}

/* Published files have no `vocoder` object: the sizes are constants of their code. */
static void read_vocoder(const object *o, vocoder_config *h)
{
    static const fixed other[] = { { "normalize_before", "false" },
                                   { "leaky_relu_slope", "0.1" },
                                   { "resblock", "1" },
                                   { NULL, NULL } };
    static const size_t rates[5] = { 5, 4, 2, 2, 2 }, kernels[5] = { 16, 16, 8, 4, 4 };
    static const size_t res_kernels[3] = { 3, 7, 11 };
    object v = { o->json, member(o, "vocoder"), "vae_config.json: vocoder" };
    if (!v.node) v.node = NO_NODE;
    refuse_others(&v, other);
    memcpy(h->rates, rates, sizeof rates);
    memcpy(h->kernels, kernels, sizeof kernels);
    memcpy(h->res_kernels, res_kernels, sizeof res_kernels);
    h->mels = get_count(&v, "num_mels", 64, 1, 4096);
    h->channels = get_count(&v, "upsample_initial_channel", 1024, 1, CHANNELS_MAX);
    h->stages = get_counts(&v, "upsample_rates", h->rates, 5, KERNEL_MAX);
    size_t n = get_counts(&v, "upsample_kernel_sizes", h->kernels, 5, KERNEL_MAX);
    h->branches = get_counts(&v, "resblock_kernel_sizes", h->res_kernels, 3, KERNEL_MAX);
    read_dilations(&v, h);
    if (n != h->stages)
        problem("%s: %zu upsample_rates and %zu upsample_kernel_sizes", v.path, h->stages,
                n);
    if (h->channels >> h->stages == 0)
        problem("%s: upsample_initial_channel: %zu cannot be halved %zu times", v.path,
                h->channels, h->stages);
    for (size_t i = 0; i < h->stages && i < n; i++)
        if (h->kernels[i] < h->rates[i])
            problem("%s: upsample_kernel_sizes: kernel %zu is smaller than its rate %zu",
                    v.path, h->kernels[i], h->rates[i]);
    for (size_t k = 0; k < h->branches; k++)
        if (h->res_kernels[k] % 2 == 0)
            problem("%s: resblock_kernel_sizes: %zu is even", v.path, h->res_kernels[k]);
}

static void read_audio(const object *o, audio_config *a)
{
    a->rate = get_count(o, "sampling_rate", NEEDED, 1, 1000000);
    a->fft = get_count(o, "filter_length", NEEDED, 16, 65536);
    a->hop = get_count(o, "hop_length", NEEDED, 1, 65536);
    a->window = get_count(o, "win_length", NEEDED, 16, a->fft);
    a->mels = get_count(o, "n_mel_channels", NEEDED, 1, 4096);
    a->fmin = get_real(o, "mel_fmin", NO_REAL, 0.0, (double)a->rate / 2.0);
    a->fmax = get_real(o, "mel_fmax", (double)a->rate / 2.0, 0.0, (double)a->rate / 2.0);
    if (a->fft % 2) problem("%s: filter_length: %zu is odd", o->path, a->fft);
    if (a->fmin >= a->fmax) problem("%s: mel_fmin is not below mel_fmax", o->path);
}

/* The parts must fit each other. */
static void compare_parts(const config *c)
{
    if (c->unet.in_channels != c->unet.out_channels)
        problem("unet_config.json: in_channels %zu and out_channels %zu differ",
                c->unet.in_channels, c->unet.out_channels);
    if (c->text.d_model != c->unet.cross_dim)
        problem(
            "unet_config.json: cross_attention_dim %zu is not the text encoder's d_model "
            "%zu",
            c->unet.cross_dim, c->text.d_model);
    size_t latent = c->unet.adapters ? LATENT_CHANNELS : c->unet.out_channels;
    if (latent != c->vae.embed_dim)
        problem(
            "vae_config.json: embed_dim %zu, but the UNet's latents have %zu channels",
            c->vae.embed_dim, latent);
    if (c->vocoder.mels != c->audio.mels)
        problem("vae_config.json: vocoder: num_mels %zu is not n_mel_channels %zu of "
                "stft_config.json",
                c->vocoder.mels, c->audio.mels);
    if (c->audio.mels % ((size_t)1 << (c->vae.levels - 1)) != 0)
        problem("stft_config.json: n_mel_channels %zu cannot be halved %zu times",
                c->audio.mels, c->vae.levels - 1);
}

/* The tokenizer is kept as it is; here it is only checked. */
static void check_spiece(const source *s, const text_config *t)
{
    tango_io_spiece spiece;
    tango_error error;
    tango_result r = tango_io_spiece_open(&spiece, s->file.data, s->file.size, &error);
    if (r == TANGO_OK) {
        size_t room = 2 * spiece.piece_count;
        uint32_t *work = (uint32_t *)resized(NULL, room, sizeof *work);
        r = tango_io_spiece_unique(&spiece, work, room, &error);
        free(work);
    }
    if (r != TANGO_OK) problem("%s: %s", s->name, error.text);
    else if (spiece.piece_count > t->vocab)
        problem("%s: %zu pieces, but vocab_size is %zu", s->name, spiece.piece_count,
                t->vocab);
}

static void read_configuration(const source *s, config *c)
{
    object main_config = whole(&s[MAIN_CONFIG]), unet = whole(&s[UNET_CONFIG]);
    object text = whole(&s[TEXT_CONFIG]), vae = whole(&s[VAE_CONFIG]);
    object audio = whole(&s[STFT_CONFIG]);
    read_unet(&unet, &c->unet);
    read_text_encoder(&text, &main_config, &c->text);
    read_vae(&vae, &c->vae);
    read_vocoder(&vae, &c->vocoder);
    read_audio(&audio, &c->audio);
    /* Pre-trained UNets have 4 channels; adapters translate to the VAE's 8 and back. */
    char *pretrained = get_text(&main_config, "unet_model_name");
    c->unet.adapters = pretrained != NULL && *pretrained != '\0';
    free(pretrained);
    compare_parts(c);
    check_spiece(&s[SPIECE], &c->text);
}

/* ==== 5. The tensors a configuration implies ======================================= */

/* How a tensor of the checkpoint is laid out in the blob. */
typedef enum weight_kind {
    VECTOR,     /* (n)                        as it is, f32 */
    MATRIX,     /* (outputs, inputs, kernel)  panels */
    TRANSPOSED, /* (inputs, outputs, kernel)  panels of the equal ordinary convolution */
    REPEATED,   /* (n)                        rate times over, f32: the bias of that */
    EMBEDDING,  /* (vocabulary, width)        row after row */
    TABLE       /* (buckets, heads)           row after row, f32 */
} weight_kind;

typedef struct weight {
    char *name;   /* in the blob */
    char *key;    /* in the checkpoint */
    file_id file; /* MAIN or VAE */
    weight_kind kind;
    size_t rank, shape[4]; /* what the checkpoint must hold */
    size_t first, rows;    /* the part of its first axis that this tensor takes */
    size_t rate;           /* stride of a transposed convolution, else 1 */
    tango_io_view view;    /* where it lies, once matched */
} weight;

typedef struct plan {
    weight *list;
    size_t count, capacity;
    file_id file;    /* where the names being added lie */
    char place[128]; /* what the names being added begin with */
    size_t groups;   /* of the group norms being added */
} plan;

/* Every name added from here on begins with this. */
static void at(plan *p, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(p->place, sizeof p->place, format, arguments);
    va_end(arguments);
}

/* Adds PLACE.key, kept as PLACE.name, both with the given ending. */
static weight *add(plan *p, weight_kind kind, const char *name, const char *key,
                   const char *ending)
{
    if (p->count == p->capacity) {
        p->capacity = p->capacity ? 2 * p->capacity : 1024;
        p->list = (weight *)resized(p->list, p->capacity, sizeof *p->list);
    }
    weight *w = &p->list[p->count++];
    memset(w, 0, sizeof *w);
    w->name = joined(p->place, name, ending);
    w->key = joined(p->place, key, ending);
    w->file = p->file;
    w->kind = kind;
    w->rate = 1;
    return w;
}

static void shape(weight *w, size_t rank, size_t a, size_t b, size_t c, size_t d)
{
    w->rank = rank;
    w->shape[0] = a;
    w->shape[1] = b;
    w->shape[2] = c;
    w->shape[3] = d;
    w->rows = a;
}

static void vector(plan *p, const char *name, const char *ending, size_t n)
{
    shape(add(p, VECTOR, name, name, ending), 1, n, 1, 1, 1);
}

static void layer_norm(plan *p, const char *name, size_t channels)
{
    vector(p, name, ".weight", channels);
    vector(p, name, ".bias", channels);
}

static void group_norm(plan *p, const char *name, size_t channels)
{
    if (channels % p->groups != 0)
        problem("%s.%s: %zu channels cannot be divided into %zu norm groups", p->place,
                name, channels, p->groups);
    layer_norm(p, name, channels);
}

static void linear_no_bias(plan *p, const char *name, size_t outputs, size_t inputs)
{
    shape(add(p, MATRIX, name, name, ".weight"), 2, outputs, inputs, 1, 1);
}

static void linear(plan *p, const char *name, size_t outputs, size_t inputs)
{
    linear_no_bias(p, name, outputs, inputs);
    vector(p, name, ".bias", outputs);
}

/* (outputs, inputs, size, size) */
static void conv2d(plan *p, const char *name, size_t outputs, size_t inputs, size_t size)
{
    shape(add(p, MATRIX, name, name, ".weight"), 4, outputs, inputs, size, size);
    vector(p, name, ".bias", outputs);
}

/* (outputs, inputs, size) */
static void conv1d(plan *p, const char *name, size_t outputs, size_t inputs, size_t size)
{
    shape(add(p, MATRIX, name, name, ".weight"), 3, outputs, inputs, size, 1);
    vector(p, name, ".bias", outputs);
}

/* A GEGLU layer computes value * gelu(gate) from one matrix of 2n rows: two tensors here,
   so that the product with the gate can be the epilogue of the product with the value. */
static void geglu(plan *p, size_t outputs, size_t inputs)
{
    static const char *const half[2] = { "ff.net.0.value", "ff.net.0.gate" };
    for (size_t i = 0; i < 2; i++) {
        weight *w = add(p, MATRIX, half[i], "ff.net.0.proj", ".weight");
        shape(w, 2, 2 * outputs, inputs, 1, 1);
        w->first = i * outputs;
        w->rows = outputs;
        w = add(p, VECTOR, half[i], "ff.net.0.proj", ".bias");
        shape(w, 1, 2 * outputs, 1, 1, 1);
        w->first = i * outputs;
        w->rows = outputs;
    }
}

/* ResnetBlock2D of diffusers, and (time = 0, another name for the shortcut) the VAE's. */
static void residual_block(plan *p, size_t inputs, size_t outputs, size_t time,
                           const char *shortcut)
{
    group_norm(p, "norm1", inputs);
    conv2d(p, "conv1", outputs, inputs, 3);
    if (time) linear(p, "time_emb_proj", outputs, time);
    group_norm(p, "norm2", outputs);
    conv2d(p, "conv2", outputs, outputs, 3);
    if (inputs != outputs) conv2d(p, shortcut, outputs, inputs, 1);
}

/* One attention of BasicTransformerBlock; context: channels behind keys and values. */
static void attention(plan *p, const char *name, size_t width, size_t context)
{
    char part[64];
    static const char *const projection[3] = { "to_q", "to_k", "to_v" };
    for (size_t i = 0; i < 3; i++) {
        snprintf(part, sizeof part, "%s.%s", name, projection[i]);
        linear_no_bias(p, part, width, i == 0 ? width : context);
    }
    snprintf(part, sizeof part, "%s.to_out.0", name);
    linear(p, part, width, width);
}

/* Transformer2DModel with one block. Heads of channels / heads, so the inner width may be
   smaller than channels. The two projections are linear layers or 1x1 convolutions. */
static void transformer(plan *p, const unet_config *u, const char *place, size_t index,
                        size_t channels, size_t heads)
{
    size_t inner = channels / heads * heads;
    at(p, "%s.attentions.%zu", place, index);
    group_norm(p, "norm", channels);
    if (u->linear_projection) linear(p, "proj_in", inner, channels);
    else conv2d(p, "proj_in", inner, channels, 1);
    if (u->linear_projection) linear(p, "proj_out", channels, inner);
    else conv2d(p, "proj_out", channels, inner, 1);
    at(p, "%s.attentions.%zu.transformer_blocks.0", place, index);
    layer_norm(p, "norm1", inner);
    attention(p, "attn1", inner, inner);
    layer_norm(p, "norm2", inner);
    attention(p, "attn2", inner, u->cross_dim);
    layer_norm(p, "norm3", inner);
    geglu(p, 4 * inner, inner);
    linear(p, "ff.net.2", inner, 4 * inner);
}

static void plan_down_blocks(plan *p, const unet_config *u, size_t time)
{
    size_t inputs = u->channels[0];
    char place[64];
    for (size_t i = 0; i < u->levels; i++) {
        size_t channels = u->channels[i];
        snprintf(place, sizeof place, "unet.down_blocks.%zu", i);
        for (size_t j = 0; j < u->layers; j++) {
            at(p, "%s.resnets.%zu", place, j);
            residual_block(p, j == 0 ? inputs : channels, channels, time,
                           "conv_shortcut");
            if (u->down_attention[i]) transformer(p, u, place, j, channels, u->heads[i]);
        }
        at(p, "%s.downsamplers.0", place);
        if (i + 1 < u->levels) conv2d(p, "conv", channels, channels, 3);
        inputs = channels;
    }
}

/* Each layer of an up block reads what came before beside one kept output of the way
   down: the last one of a block takes that of the next finer level, which may have
   another width. */
static void plan_up_blocks(plan *p, const unet_config *u, size_t time)
{
    size_t levels = u->levels, before = u->channels[levels - 1];
    char place[64];
    for (size_t i = 0; i < levels; i++) {
        size_t level = levels - 1 - i, channels = u->channels[level];
        size_t finer = u->channels[level > 0 ? level - 1 : 0];
        snprintf(place, sizeof place, "unet.up_blocks.%zu", i);
        for (size_t j = 0; j <= u->layers; j++) {
            size_t kept = j == u->layers ? finer : channels;
            at(p, "%s.resnets.%zu", place, j);
            residual_block(p, (j == 0 ? before : channels) + kept, channels, time,
                           "conv_shortcut");
            if (u->up_attention[i])
                transformer(p, u, place, j, channels, u->heads[level]);
        }
        at(p, "%s.upsamplers.0", place);
        if (level > 0) conv2d(p, "conv", channels, channels, 3);
        before = channels;
    }
}

/* UNet2DConditionModel, then the adapters of the variant with pre-trained weights. */
static void plan_unet(plan *p, const unet_config *u)
{
    size_t first = u->channels[0], last = u->channels[u->levels - 1], time = 4 * first;
    p->file = MAIN;
    p->groups = u->groups;
    at(p, "unet");
    conv2d(p, "conv_in", first, u->in_channels, 3);
    linear(p, "time_embedding.linear_1", time, first);
    linear(p, "time_embedding.linear_2", time, time);
    group_norm(p, "conv_norm_out", first);
    conv2d(p, "conv_out", u->out_channels, first, 3);
    plan_down_blocks(p, u, time);
    transformer(p, u, "unet.mid_block", 0, last, u->heads[u->levels - 1]);
    for (size_t j = 0; j < 2; j++) {
        at(p, "unet.mid_block.resnets.%zu", j);
        residual_block(p, last, last, time, "conv_shortcut");
    }
    plan_up_blocks(p, u, time);
    if (!u->adapters) return;
    at(p, "group_in");
    linear(p, "0", ADAPTER_WIDTH, LATENT_CHANNELS);
    linear(p, "1", u->in_channels, ADAPTER_WIDTH);
    at(p, "group_out");
    linear(p, "0", ADAPTER_WIDTH, u->out_channels);
    linear(p, "1", LATENT_CHANNELS, ADAPTER_WIDTH);
}

/* T5EncoderModel, version 1.1: gated feed-forward layers, no biases. */
static void plan_text_encoder(plan *p, const text_config *t)
{
    size_t width = t->heads * t->d_kv;
    static const char *const projection[3] = { "q", "k", "v" };
    p->file = MAIN;
    at(p, "text_encoder");
    shape(add(p, EMBEDDING, "shared", "shared", ".weight"), 2, t->vocab, t->d_model, 1,
          1);
    vector(p, "encoder.final_layer_norm", ".weight", t->d_model);
    for (size_t i = 0; i < t->layers; i++) {
        at(p, "text_encoder.encoder.block.%zu.layer.0", i);
        vector(p, "layer_norm", ".weight", t->d_model);
        at(p, "text_encoder.encoder.block.%zu.layer.0.SelfAttention", i);
        for (size_t k = 0; k < 3; k++)
            linear_no_bias(p, projection[k], width, t->d_model);
        linear_no_bias(p, "o", t->d_model, width);
        if (i == 0) /* the table of the first block serves them all */
            shape(add(p, TABLE, "relative_attention_bias", "relative_attention_bias",
                      ".weight"),
                  2, t->buckets, t->heads, 1, 1);
        at(p, "text_encoder.encoder.block.%zu.layer.1", i);
        vector(p, "layer_norm", ".weight", t->d_model);
        linear_no_bias(p, "DenseReluDense.wi_0", t->d_ff, t->d_model);
        linear_no_bias(p, "DenseReluDense.wi_1", t->d_ff, t->d_model);
        linear_no_bias(p, "DenseReluDense.wo", t->d_model, t->d_ff);
    }
}

static void plan_vae_middle(plan *p, const char *side, size_t channels)
{
    static const char *const part[4] = { "q", "k", "v", "proj_out" };
    for (size_t j = 1; j <= 2; j++) {
        at(p, "%s.mid.block_%zu", side, j);
        residual_block(p, channels, channels, 0, "nin_shortcut");
    }
    at(p, "%s.mid.attn_1", side);
    group_norm(p, "norm", channels);
    for (size_t k = 0; k < 4; k++) conv2d(p, part[k], channels, channels, 1);
}

static void plan_vae_encoder(plan *p, const vae_config *v)
{
    size_t channels = v->ch;
    at(p, "encoder");
    conv2d(p, "conv_in", v->ch, v->in_channels, 3);
    for (size_t i = 0; i < v->levels; i++) {
        for (size_t j = 0; j < v->res_blocks; j++) {
            at(p, "encoder.down.%zu.block.%zu", i, j);
            residual_block(p, channels, v->ch * v->ch_mult[i], 0, "nin_shortcut");
            channels = v->ch * v->ch_mult[i];
        }
        at(p, "encoder.down.%zu", i);
        if (i + 1 < v->levels) conv2d(p, "downsample.conv", channels, channels, 3);
    }
    plan_vae_middle(p, "encoder", channels);
    at(p, "encoder");
    group_norm(p, "norm_out", channels);
    conv2d(p, "conv_out", 2 * v->z_channels, channels, 3); /* mean and log-variance */
}

/* The decoder's levels are numbered as the encoder's: up.0 is the finest and the last. */
static void plan_vae_decoder(plan *p, const vae_config *v)
{
    size_t channels = v->ch * v->ch_mult[v->levels - 1];
    at(p, "decoder");
    conv2d(p, "conv_in", channels, v->z_channels, 3);
    plan_vae_middle(p, "decoder", channels);
    for (size_t i = v->levels; i-- > 0;) {
        for (size_t j = 0; j <= v->res_blocks; j++) {
            at(p, "decoder.up.%zu.block.%zu", i, j);
            residual_block(p, channels, v->ch * v->ch_mult[i], 0, "nin_shortcut");
            channels = v->ch * v->ch_mult[i];
        }
        at(p, "decoder.up.%zu", i);
        if (i > 0) conv2d(p, "upsample.conv", channels, channels, 3);
    }
    at(p, "decoder");
    group_norm(p, "norm_out", channels);
    conv2d(p, "conv_out", v->out_channels, channels, 3);
}

/* HiFi-GAN: channels halve at each stage; residual branches, one a kernel, follow. */
static void plan_vocoder(plan *p, const vocoder_config *h)
{
    char part[32];
    at(p, "vocoder");
    conv1d(p, "conv_pre", h->channels, h->mels, 7);
    for (size_t i = 0; i < h->stages; i++) {
        size_t inputs = h->channels >> i, outputs = h->channels >> (i + 1);
        at(p, "vocoder.ups");
        snprintf(part, sizeof part, "%zu", i);
        weight *w = add(p, TRANSPOSED, part, part, ".weight");
        shape(w, 3, inputs, outputs, h->kernels[i], 1);
        w->rate = h->rates[i];
        w = add(p, REPEATED, part, part, ".bias");
        shape(w, 1, outputs, 1, 1, 1);
        w->rate = h->rates[i];
        for (size_t k = 0; k < h->branches; k++) {
            at(p, "vocoder.resblocks.%zu", i * h->branches + k);
            for (size_t j = 0; j < 2 * DILATIONS; j++) {
                snprintf(part, sizeof part, "convs%zu.%zu", 1 + j / DILATIONS,
                         j % DILATIONS);
                conv1d(p, part, outputs, outputs, h->res_kernels[k]);
            }
        }
    }
    at(p, "vocoder");
    conv1d(p, "conv_post", 1, h->channels >> h->stages, 7);
}

static void plan_vae(plan *p, const vae_config *v)
{
    p->file = VAE;
    p->groups = v->groups;
    plan_vae_encoder(p, v);
    plan_vae_decoder(p, v);
    p->place[0] = '\0';
    conv2d(p, "quant_conv", 2 * v->embed_dim, 2 * v->z_channels, 1);
    conv2d(p, "post_quant_conv", v->z_channels, v->embed_dim, 1);
}

/* ==== 6. The checkpoint against the plan =========================================== */

#define TIED_KEY "text_encoder.encoder.embed_tokens.weight"

static void open_checkpoint(source *s)
{
    size_t size = 0;
    tango_error error;
    tango_result r = tango_io_torch_work_size(&size, s->file.data, s->file.size, &error);
    if (r == TANGO_OK) {
        s->work = resized(NULL, size, 1);
        r = tango_io_torch_open(&s->torch, s->file.data, s->file.size, s->work, size,
                                &error);
    }
    if (r != TANGO_OK) problem("%s: %s", s->name, error.text);
}

/* "[320, 8, 3, 3]" */
static const char *shape_text(char out[128], const size_t *shape, size_t rank)
{
    size_t n = 1;
    memcpy(out, "[", 2);
    for (size_t i = 0; i < rank && n < 100; i++)
        n += (size_t)snprintf(out + n, 128 - n, i ? ", %zu" : "%zu", shape[i]);
    memcpy(out + n, "]", 2);
    return out;
}

/* 1 if the checkpoint has this tensor, of this shape, in floating point. */
static int find_tensor(const source *s, const char *key, const size_t *shape, size_t rank,
                       tango_io_view *view)
{
    char expected[128], there[128];
    tango_io_torch_tensor t;
    shape_text(expected, shape, rank);
    if (!tango_io_torch_find(&s->torch, key, &t)) {
        problem("%s: %s is missing, expected %s", s->name, key, expected);
        return 0;
    }
    int same = t.view.rank == rank;
    for (size_t i = 0; same && i < rank; i++) same = t.view.shape[i] == shape[i];
    if (!same) {
        problem("%s: %s: expected shape %s, found %s", s->name, key, expected,
                shape_text(there, t.view.shape, t.view.rank));
        return 0;
    }
    *view = t.view;
    if (view->type == TANGO_IO_F32 || view->type == TANGO_IO_F16 ||
        view->type == TANGO_IO_BF16 || view->type == TANGO_IO_F64)
        return 1;
    problem("%s: %s: expected floating point, found %s", s->name, key,
            tango_io_type_name(view->type));
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names what the checkpoint holds and no configuration asks for. keys is sorted. */
static void refuse_superfluous(const source *s, const char **keys, size_t count)
{
    char text[128];
    tango_io_torch_tensor t;
    for (size_t i = 0; i < s->torch.count; i++) {
        tango_io_torch_tensor_at(&s->torch, i, &t);
        if (bsearch(&t.name, keys, count, sizeof *keys, compare_names)) continue;
        problem("%s: %s %s is superfluous: the configuration has no such tensor", s->name,
                t.name, shape_text(text, t.view.shape, t.view.rank));
    }
}

/* The token embedding is stored under two names, most often in one storage. */
static void check_tied_embedding(const source *s, const text_config *t)
{
    float a[1024], b[1024];
    size_t shape[2] = { t->vocab, t->d_model };
    tango_io_torch_tensor shared;
    tango_io_view tied;
    if (!tango_io_torch_find(&s->torch, TIED_KEY, &shared)) return;
    if (!find_tensor(s, TIED_KEY, shape, 2, &tied)) return;
    if (!tango_io_torch_find(&s->torch, "text_encoder.shared.weight", &shared)) return;
    if (shared.view.count != tied.count || shared.view.data == tied.data) return;
    for (size_t at = 0; at < tied.count; at += 1024) {
        size_t n = tied.count - at < 1024 ? tied.count - at : 1024;
        tango_io_view_read(a, &shared.view, at, n);
        tango_io_view_read(b, &tied, at, n);
        if (memcmp(a, b, n * sizeof *a) == 0) continue;
        problem("%s: %s differs from text_encoder.shared.weight", s->name, TIED_KEY);
        return;
    }
}

static void match(source *s, plan *p, const text_config *t)
{
    size_t n = 0;
    const char **keys = (const char **)resized(NULL, p->count + 1, sizeof *keys);
    for (size_t i = 0; i < p->count; i++) {
        weight *w = &p->list[i];
        keys[n++] = w->key;
        if (w->first == 0) find_tensor(&s[w->file], w->key, w->shape, w->rank, &w->view);
        else w->view = w[-2].view; /* the gate of a GEGLU: same tensor as its value */
    }
    keys[n++] = TIED_KEY;
    qsort(keys, n, sizeof *keys, compare_names);
    refuse_superfluous(&s[MAIN], keys, n);
    refuse_superfluous(&s[VAE], keys, n);
    check_tied_embedding(&s[MAIN], t);
    free(keys);
}

/* f16 only if every matrix of the checkpoint is. */
static tango_io_type type_of_checkpoint(const plan *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->list[i].kind != VECTOR && p->list[i].view.type != TANGO_IO_F16)
            return TANGO_IO_F32;
    return TANGO_IO_F16;
}

/* ==== 7. The short-time Fourier transform ========================================== */

/* Slaney's mel scale: linear below 1000 Hz, logarithmic above (librosa's default). */
static double mel_to_hertz(double mel)
{
    return mel < 15.0 ? mel * 200.0 / 3.0 : 1000.0 * exp((mel - 15.0) * log(6.4) / 27.0);
}

static double hertz_to_mel(double hertz)
{
    return hertz < 1000.0 ? hertz * 3.0 / 200.0
                          : 15.0 + 27.0 * log(hertz / 1000.0) / log(6.4);
}

/* Element (band, bin) of the mel matrix: a triangle over three neighbouring corners,
   scaled to area 1 (librosa.filters.mel with htk=False, norm="slaney"). */
static double mel_weight(const audio_config *a, size_t band, size_t bin)
{
    double low = hertz_to_mel(a->fmin), step = hertz_to_mel(a->fmax) - low, corner[3];
    for (size_t i = 0; i < 3; i++)
        corner[i] = mel_to_hertz(low + step * (double)(band + i) / (double)(a->mels + 1));
    double f = (double)bin * (double)a->rate / (double)a->fft;
    double up = (f - corner[0]) / (corner[1] - corner[0]);
    double down = (corner[2] - f) / (corner[2] - corner[1]);
    double height = up < down ? up : down;
    return height > 0.0 ? height * 2.0 / (corner[2] - corner[0]) : 0.0;
}

/* The periodic Hann window, centred in the transform when it is shorter. */
static double window_at(const audio_config *a, size_t n)
{
    size_t left = (a->fft - a->window) / 2;
    if (n < left || n >= left + a->window) return 0.0;
    return 0.5 - 0.5 * cos(2.0 * PI * (double)(n - left) / (double)a->window);
}

/* Row k < bins is the windowed cosine of frequency k, row bins + k the negative sine. */
static double forward_weight(const audio_config *a, size_t row, size_t n)
{
    size_t bins = a->fft / 2 + 1, k = row < bins ? row : row - bins;
    double angle = 2.0 * PI * (double)(k * n % a->fft) / (double)a->fft;
    if (row >= bins && (k == 0 || k == bins - 1)) return 0.0; /* sin of multiples of pi */
    return (row < bins ? cos(angle) : -sin(angle)) * window_at(a, n);
}

/* The pseudo-inverse of those rows (without window, times fft / hop) is the inverse
   Fourier transform: each row divided by fft, twice over except at both ends of the
   spectrum. */
static double inverse_weight(const audio_config *a, size_t row, size_t n)
{
    size_t bins = a->fft / 2 + 1, k = row % bins;
    double twice = k == 0 || k == bins - 1 ? 1.0 : 2.0;
    return forward_weight(a, row, n) * twice / (double)a->fft * (double)a->hop /
           (double)a->fft;
}

typedef double stft_weight(const audio_config *a, size_t row, size_t column);

/* Compares a matrix with its formula, within rounding of its largest element. */
static void check_stft_tensor(const source *s, const audio_config *a, const char *key,
                              const size_t *shape, size_t rank, stft_weight *expected)
{
    tango_io_view view;
    double worst = 0.0, largest = 0.0;
    size_t columns = shape[rank - 1];
    if (!find_tensor(s, key, shape, rank, &view)) return;
    float *row = (float *)resized(NULL, columns, sizeof *row);
    for (size_t r = 0; r < shape[0]; r++) {
        tango_io_view_read(row, &view, r * columns, columns);
        for (size_t i = 0; i < columns; i++) {
            double want = expected(a, r, i), off = fabs((double)row[i] - want);
            if (!(off <= worst)) worst = off <= 1e30 ? off : 1e30; /* NaN is far off */
            if (fabs(want) > largest) largest = fabs(want);
        }
    }
    free(row);
    if (worst > 2e-6 * largest)
        problem(
            "%s: %s does not follow from stft_config.json: off by %g where the largest "
            "number is %g",
            s->name, key, worst, largest);
}

/* All of pytorch_model_stft.bin follows from stft_config.json; none of it is stored. */
static void check_stft(const source *s, const audio_config *a)
{
    static const char *keys[3] = { "mel_basis", "stft_fn.forward_basis",
                                   "stft_fn.inverse_basis" };
    size_t bins = a->fft / 2 + 1, basis[3] = { 2 * bins, 1, a->fft }, mel[2];
    mel[0] = a->mels;
    mel[1] = bins;
    check_stft_tensor(s, a, keys[0], mel, 2, mel_weight);
    check_stft_tensor(s, a, keys[1], basis, 3, forward_weight);
    check_stft_tensor(s, a, keys[2], basis, 3, inverse_weight);
    refuse_superfluous(s, keys, 3);
}

/* ==== 8. Values of the blob ======================================================== */

typedef struct values {
    tango_io_value *list;
    size_t count, capacity;
} values;

/* Keeps a copy of the data, so that callers may pass what lies on their stack. */
static void put(values *v, const char *key, int type, const void *data, size_t count,
                size_t size)
{
    if (v->count == v->capacity) {
        v->capacity = v->capacity ? 2 * v->capacity : 64;
        v->list = (tango_io_value *)resized(v->list, v->capacity, sizeof *v->list);
    }
    tango_io_value *value = &v->list[v->count++];
    value->key = key;
    value->type = type;
    value->count = count;
    value->data = copied(data, count * size);
}

static void put_counts(values *v, const char *key, const size_t *numbers, size_t count)
{
    uint64_t wide[LEVELS_MAX * DILATIONS];
    for (size_t i = 0; i < count; i++) wide[i] = numbers[i];
    put(v, key, TANGO_IO_U64, wide, count, sizeof wide[0]);
}

static void put_count(values *v, const char *key, size_t number)
{
    put_counts(v, key, &number, 1);
}

static void put_real(values *v, const char *key, double number)
{
    put(v, key, TANGO_IO_F64, &number, 1, sizeof number);
}

static void put_text(values *v, const char *key, const char *text)
{
    put(v, key, TANGO_IO_STRING, text, strlen(text), 1);
}

static void put_unet(values *v, const unet_config *u)
{
    put_count(v, "unet.in_channels", u->in_channels);
    put_count(v, "unet.out_channels", u->out_channels);
    put_count(v, "unet.layers_per_block", u->layers);
    put_count(v, "unet.norm_groups", u->groups);
    put_count(v, "unet.cross_dim", u->cross_dim);
    put_real(v, "unet.norm_eps", u->norm_eps);
    put_count(v, "unet.flip_sin_to_cos", (size_t)u->flip_sin_to_cos);
    put_real(v, "unet.freq_shift", u->freq_shift);
    put_count(v, "unet.center_input", (size_t)u->center_input);
    put_real(v, "unet.mid_scale", u->mid_scale);
    put_counts(v, "unet.channels", u->channels, u->levels);
    put_counts(v, "unet.heads", u->heads, u->levels);
    put_counts(v, "unet.down_attention", u->down_attention, u->levels);
    put_counts(v, "unet.up_attention", u->up_attention, u->levels);
    put_count(v, "unet.adapters", (size_t)u->adapters);
}

static void put_text_encoder(values *v, const text_config *t)
{
    put_text(v, "text.type", "t5");
    put_count(v, "text.d_model", t->d_model);
    put_count(v, "text.d_kv", t->d_kv);
    put_count(v, "text.d_ff", t->d_ff);
    put_count(v, "text.layers", t->layers);
    put_count(v, "text.heads", t->heads);
    put_count(v, "text.buckets", t->buckets);
    put_count(v, "text.max_distance", t->max_distance);
    put_count(v, "text.vocab", t->vocab);
    put_real(v, "text.eps", t->eps);
}

static void put_vae(values *v, const vae_config *a)
{
    put_count(v, "vae.channels", a->ch);
    put_counts(v, "vae.ch_mult", a->ch_mult, a->levels);
    put_count(v, "vae.res_blocks", a->res_blocks);
    put_count(v, "vae.z_channels", a->z_channels);
    put_count(v, "vae.embed_dim", a->embed_dim);
    put_count(v, "vae.groups", a->groups);
    put_count(v, "vae.in_channels", a->in_channels);
    put_count(v, "vae.out_channels", a->out_channels);
    put_real(v, "vae.scale_factor", a->scale_factor);
}

static void put_sound(values *v, const vocoder_config *h, const audio_config *a)
{
    put_count(v, "vocoder.mels", h->mels);
    put_count(v, "vocoder.channels", h->channels);
    put_counts(v, "vocoder.rates", h->rates, h->stages);
    put_counts(v, "vocoder.kernels", h->kernels, h->stages);
    put_counts(v, "vocoder.res_kernels", h->res_kernels, h->branches);
    put_counts(v, "vocoder.res_dilations", h->dilations, h->branches * DILATIONS);
    put_count(v, "audio.rate", a->rate);
    put_count(v, "audio.fft", a->fft);
    put_count(v, "audio.hop", a->hop);
    put_count(v, "audio.window", a->window);
    put_count(v, "audio.mels", a->mels);
    put_real(v, "audio.fmin", a->fmin);
    put_real(v, "audio.fmax", a->fmax);
}

/* What is in scheduler_config.json and concerns some sampler, under the blob's names.
   w: one of the words (| between them), c: count up to high, f: flag, r: number. */
static const struct {
    const char *key, *name, *words;
    char kind;
    double low, high;
} schedule_keys[] = {
    { "prediction_type", "schedule.prediction", "epsilon|v_prediction|sample", 'w', 0,
      0 },
    { "timestep_spacing", "schedule.spacing", "leading|linspace|trailing", 'w', 0, 0 },
    { "steps_offset", "schedule.steps_offset", NULL, 'c', 0, 1000 },
    { "clip_sample", "schedule.clip_sample", NULL, 'f', 0, 0 },
    { "clip_sample_range", "schedule.clip_sample_range", NULL, 'r', 1e-6, 1e6 },
    { "thresholding", "schedule.thresholding", NULL, 'f', 0, 0 },
    { "dynamic_thresholding_ratio", "schedule.dynamic_thresholding_ratio", NULL, 'r', 0,
      1 },
    { "sample_max_value", "schedule.sample_max_value", NULL, 'r', 1, 1e6 },
    { "set_alpha_to_one", "schedule.set_alpha_to_one", NULL, 'f', 0, 0 },
    { "variance_type", "schedule.variance_type", "fixed_small|fixed_large", 'w', 0, 0 },
    { "final_sigmas_type", "schedule.final_sigmas_type", "zero|sigma_min", 'w', 0, 0 },
    { "solver_order", "schedule.solver_order", NULL, 'c', 2, 2 },
    { "lower_order_final", "schedule.lower_order_final", NULL, 'f', 0, 0 },
    { "solver_type", "schedule.solver_type", "midpoint|bh2|logrho", 'w', 0, 0 },
    { "algorithm_type", "schedule.algorithm_type", "dpmsolver++", 'w', 0, 0 },
    { "rescale_betas_zero_snr", "schedule.rescale_betas_zero_snr", NULL, 'f', 0, 0 },
};

/* Whether `word` is one of the words between the bars. */
static int is_listed(const char *words, const char *word)
{
    size_t n = strlen(word);
    if (strchr(word, '|')) return 0;
    for (const char *p = words; p; p = strchr(p, '|'), p = p ? p + 1 : NULL)
        if (strncmp(p, word, n) == 0 && (p[n] == '|' || p[n] == '\0')) return 1;
    return 0;
}

/* Copies a word of a configuration, if it is there. */
static void put_word(values *v, const object *o, const char *key, const char *name,
                     const char *words)
{
    char *word = get_text(o, key);
    if (word && !is_listed(words, word))
        problem("%s: %s: expected one of %s, found %.40s", o->path, key, words, word);
    if (word) put_text(v, name, word);
    free(word);
}

static void put_schedule(values *v, const object *o)
{
    static const fixed others[] = {
        { "trained_betas", "null" },      { "rescale_betas_zero_snr", "false" },
        { "use_karras_sigmas", "false" }, { "use_exponential_sigmas", "false" },
        { "use_beta_sigmas", "false" },   { "use_lu_lambdas", "false" },
        { "use_flow_sigmas", "false" },   { "euler_at_final", "false" },
        { "predict_x0", "true" },         { "disable_corrector", "null" },
        { "solver_p", "null" },           { "interpolation_type", "linear" },
        { "timestep_type", "discrete" },  { NULL, NULL }
    };
    refuse_others(o, others);
    put_count(v, "schedule.train_steps",
              get_count(o, "num_train_timesteps", 1000, 2, 100000));
    put_real(v, "schedule.beta_start", get_real(o, "beta_start", 0.0001, 1e-9, 0.5));
    put_real(v, "schedule.beta_end", get_real(o, "beta_end", 0.02, 1e-9, 0.999));
    if (!member(o, "beta_schedule")) put_text(v, "schedule.beta_schedule", "linear");
    put_word(v, o, "beta_schedule", "schedule.beta_schedule", "linear|scaled_linear");
    for (size_t i = 0; i < sizeof schedule_keys / sizeof *schedule_keys; i++) {
        const char *key = schedule_keys[i].key, *name = schedule_keys[i].name;
        double low = schedule_keys[i].low, high = schedule_keys[i].high;
        if (!member(o, key)) continue;
        switch (schedule_keys[i].kind) {
        case 'w': put_word(v, o, key, name, schedule_keys[i].words); break;
        case 'f': put_count(v, name, (size_t)get_flag(o, key, 0)); break;
        case 'r': put_real(v, name, get_real(o, key, low, low, high)); break;
        default: put_count(v, name, get_count(o, key, 0, (size_t)low, (size_t)high));
        }
    }
}

/* defaults.json: how the model wants to be used, and whose it is. */
static void put_defaults(values *v, const source *s)
{
    static const char *const texts[4][2] = { { "name", "tango.name" },
                                             { "description", "tango.description" },
                                             { "licence", "tango.licence" },
                                             { "attribution", "tango.attribution" } };
    if (!s[DEFAULTS].name) return;
    object o = whole(&s[DEFAULTS]);
    for (size_t i = 0; i < 4; i++) {
        char *text = get_text(&o, texts[i][0]);
        if (text) put_text(v, texts[i][1], text);
        free(text);
    }
    if (member(&o, "steps"))
        put_count(v, "default.steps", get_count(&o, "steps", 1, 1, 100000));
    if (member(&o, "guidance"))
        put_real(v, "default.guidance", get_real(&o, "guidance", 1.0, 0.0, 1000.0));
    if (member(&o, "seconds"))
        put_real(v, "default.seconds", get_real(&o, "seconds", 1.0, 0.01, 600.0));
    put_word(v, &o, "sampler", "default.sampler", "ddpm|ddim|dpm|euler|unipc");
    put_word(v, &o, "vocoder", "default.vocoder", "hifigan|griffin-lim");
}

/* Which bytes this blob was made of: a line for each file. */
static void put_provenance(values *v, const source *s, tango_io_type type)
{
    char text[FILES * 100 + 100];
    tango_io_crc32 *table = (tango_io_crc32 *)resized(NULL, 1, sizeof *table);
    size_t n = (size_t)snprintf(text, sizeof text, "convert %s, matrices in %s\n",
                                CONVERT_VERSION, tango_io_type_name(type));
    tango_io_crc32_begin(table);
    for (size_t i = 0; i < FILES; i++) {
        if (!s[i].name) continue;
        uint32_t crc = tango_io_crc32_add(table, 0, s[i].file.data, s[i].file.size);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s, %zu bytes, CRC-32 %08lx\n",
                              s[i].name, s[i].file.size, (unsigned long)crc);
    }
    free(table);
    put_text(v, "tango.provenance", text);
}

static void put_files(values *v, const source *s)
{
    put_text(v, "tokenizer.type", "sentencepiece");
    put(v, "tokenizer.spiece", TANGO_IO_BYTES, s[SPIECE].file.data, s[SPIECE].file.size,
        1);
    if (s[ATTRIBUTION].name)
        put(v, "tango.attribution_text", TANGO_IO_STRING, s[ATTRIBUTION].file.data,
            s[ATTRIBUTION].file.size, 1);
}

static void put_configuration(values *v, const source *s, const config *c)
{
    object schedule = whole(&s[SCHEDULE_CONFIG]);
    put_unet(v, &c->unet);
    put_text_encoder(v, &c->text);
    put_vae(v, &c->vae);
    put_sound(v, &c->vocoder, &c->audio);
    put_schedule(v, &schedule);
    put_defaults(v, s);
    put_files(v, s);
}

/* Weights of the model, each counted once. */
static size_t parameter_count(const plan *p)
{
    size_t sum = 0;
    for (size_t i = 0; i < p->count; i++) {
        const weight *w = &p->list[i];
        sum += w->rows * w->shape[1] * w->shape[2] * w->shape[3];
    }
    return sum;
}

/* ==== 9. Writing the tensors ======================================================= */

#define PIECE 16384 /* numbers read at a time from tensors that keep their order */

typedef struct job {
    const source *sources; /* by weight.file */
    tango_io_type type;    /* of matrices and the embedding */
    tango_io_blob_writer writer;
    float *numbers; /* PIECE, or 16 rows of the widest matrix */
    void *packed;   /* the same as it is written */
} job;

/* (outputs, taps, channels) of a matrix: how the blob describes it. */
static void matrix_shape(const weight *w, size_t out[3])
{
    int transposed = w->kind == TRANSPOSED;
    out[0] = transposed ? w->rate * w->shape[1] : w->rows;
    out[1] =
        transposed ? (w->shape[2] + w->rate - 1) / w->rate : w->shape[2] * w->shape[3];
    out[2] = transposed ? w->shape[0] : w->shape[1];
}

static int is_matrix(const weight *w)
{
    return w->kind == MATRIX || w->kind == TRANSPOSED;
}

static tango_io_type type_of(const weight *w, tango_io_type type)
{
    return is_matrix(w) || w->kind == EMBEDDING ? type : TANGO_IO_F32;
}

/* How tensor w appears in the blob. */
static void describe(const weight *w, tango_io_type type, tango_io_tensor *t)
{
    memset(t, 0, sizeof *t);
    t->name = w->name;
    t->type = type_of(w, type);
    t->layout = is_matrix(w) ? TANGO_IO_PANELS : TANGO_IO_PLAIN;
    t->rank = is_matrix(w) ? 3 : w->rank;
    if (is_matrix(w)) {
        matrix_shape(w, t->shape);
    } else {
        for (size_t i = 0; i < w->rank; i++) t->shape[i] = w->shape[i];
        t->shape[0] = w->rows * w->rate;
    }
}

/* out = numbers first .. first + count of the checkpoint's tensor. 0, and a problem, if
   one of them cannot be kept. */
static int fetch(const job *j, const weight *w, float *out, size_t first, size_t count)
{
    double most = type_of(w, j->type) == TANGO_IO_F16 ? HALF_MAX : (double)FLT_MAX;
    if (cli_interrupted()) {
        problem("interrupted");
        return 0;
    }
    tango_io_view_read(out, &w->view, first, count);
    for (size_t i = 0; i < count; i++) {
        double x = (double)out[i];
        if (fabs(x) <= most) continue;
        if (fabs(x) <= (double)FLT_MAX)
            problem("%s: %s: element %zu is %g, too large for f16; use -t f32",
                    j->sources[w->file].name, w->key, first + i, x);
        else
            problem("%s: %s: element %zu is not a finite number",
                    j->sources[w->file].name, w->key, first + i);
        return 0;
    }
    return 1;
}

static int write_packed(job *j, size_t size)
{
    tango_error error;
    if (tango_io_blob_write_data(&j->writer, j->packed, size, &error) == TANGO_OK)
        return 1;
    problem("%s", error.text);
    return 0;
}

/* Vectors, tables, the embedding: number after number; `rate` times over. */
static int write_plain(job *j, const weight *w)
{
    size_t row = w->rank == 2 ? w->shape[1] : 1, end = (w->first + w->rows) * row;
    int half = type_of(w, j->type) == TANGO_IO_F16;
    for (size_t turn = 0; turn < w->rate; turn++) {
        for (size_t at = w->first * row; at < end; at += PIECE) {
            size_t n = end - at < PIECE ? end - at : PIECE;
            if (!fetch(j, w, j->numbers, at, n)) return 0;
            if (!half) memcpy(j->packed, j->numbers, n * sizeof(float));
            for (size_t i = 0; half && i < n; i++)
                ((uint16_t *)j->packed)[i] = tango_nn_float_to_half(j->numbers[i]);
            if (!write_packed(j, n * (half ? sizeof(uint16_t) : sizeof(float)))) return 0;
        }
    }
    return 1;
}

/* One output column of the convolution that equals a transposed one of stride `rate`.
   Output sample s = rate*t + phase - padding of a transposed convolution is the sum over
   inputs t - i of w[c, o, phase + rate*i]: row t of an ordinary convolution over the last
   `taps` inputs, whose columns are the `rate` samples of all output channels. Column
   phase*outputs + o, tap (the oldest input first) and channel c take w[c, o, index] with
   index = phase + rate*(taps - 1 - tap), zero beyond the kernel.      out (Cin, taps) */
static int fetch_transposed_column(const job *j, const weight *w, size_t column,
                                   float *out)
{
    size_t inputs = w->shape[0], outputs = w->shape[1], size = w->shape[2];
    size_t taps = (size + w->rate - 1) / w->rate;
    size_t phase = column / outputs, o = column % outputs;
    float kernel[KERNEL_MAX];
    for (size_t c = 0; c < inputs; c++) {
        if (!fetch(j, w, kernel, (c * outputs + o) * size, size)) return 0;
        for (size_t tap = 0; tap < taps; tap++) {
            size_t index = phase + w->rate * (taps - 1 - tap);
            out[c * taps + tap] = index < size ? kernel[index] : 0.0f;
        }
    }
    return 1;
}

/* Matrices: 16 outputs at a time. */
static int write_panels(job *j, const weight *w)
{
    size_t dims[3];
    matrix_shape(w, dims);
    size_t inputs = dims[1] * dims[2];
    size_t bytes = tango_nn_panels_size(TANGO_IO_PANEL, inputs, (tango_nn_type)j->type);
    for (size_t first = 0; first < dims[0]; first += TANGO_IO_PANEL) {
        size_t n = dims[0] - first < TANGO_IO_PANEL ? dims[0] - first : TANGO_IO_PANEL;
        if (w->kind == MATRIX) {
            if (!fetch(j, w, j->numbers, (w->first + first) * inputs, n * inputs))
                return 0;
        } else {
            for (size_t i = 0; i < n; i++)
                if (!fetch_transposed_column(j, w, first + i, j->numbers + i * inputs))
                    return 0;
        }
        tango_nn_pack_panel(j->packed, (tango_nn_type)j->type, j->numbers, n, dims[2],
                            dims[1]);
        if (!write_packed(j, bytes)) return 0;
    }
    return 1;
}

/* Every tensor in the order of the blob's index. t is what describe made, then sorted. */
static int write_all(job *j, const plan *p, const tango_io_tensor *t, int quiet)
{
    cli_progress progress = cli_progress_begin(quiet);
    int ok = 1;
    for (size_t i = 0; ok && i < p->count; i++) {
        const weight *w = p->list;
        while (w->name != t[i].name) w++; /* the very pointer that describe was given */
        ok = is_matrix(w) ? write_panels(j, w) : write_plain(j, w);
        if (ok) cli_progress_step(&progress, i + 1, p->count);
    }
    cli_progress_end(&progress);
    return ok;
}

/* Room for PIECE numbers, or 16 rows of the widest matrix. */
static void make_room(job *j, const plan *p)
{
    size_t most = PIECE, dims[3];
    for (size_t i = 0; i < p->count; i++) {
        if (!is_matrix(&p->list[i])) continue;
        matrix_shape(&p->list[i], dims);
        size_t numbers = TANGO_IO_PANEL * dims[1] * dims[2];
        if (numbers > most) most = numbers;
    }
    j->numbers = (float *)resized(NULL, most, sizeof(float));
    j->packed = resized(NULL, most, sizeof(float));
}

/* All memory is asked for before the output exists, so that running out of it leaves
   nothing behind. */
static void write_blob(const char *path, job *j, const plan *p, values *v, int quiet)
{
    tango_error error;
    tango_io_output *out = (tango_io_output *)resized(NULL, 1, sizeof *out);
    tango_io_tensor *t = (tango_io_tensor *)resized(NULL, p->count, sizeof *t);
    void *header = NULL;
    size_t size = 0;
    for (size_t i = 0; i < p->count; i++) describe(&p->list[i], j->type, &t[i]);
    make_room(j, p);
    tango_result r =
        tango_io_blob_write_size(&size, v->list, v->count, t, p->count, &error);
    if (r == TANGO_OK) header = resized(NULL, size, 1);
    if (r == TANGO_OK) r = tango_io_create(out, path, &error);
    if (r == TANGO_OK) {
        r = tango_io_blob_write_begin(&j->writer, out, v->list, v->count, t, p->count,
                                      header, size, &error);
        int ok = r == TANGO_OK && write_all(j, p, t, quiet);
        if (ok) r = tango_io_blob_write_end(&j->writer, &error);
        if (ok && r == TANGO_OK) r = tango_io_commit(out, &error);
        tango_io_abandon(out);
    }
    if (r != TANGO_OK) problem("%s", error.text);
    free(j->numbers);
    free(j->packed);
    free(header);
    free(t);
    free(out);
}

/* ==== 10. The program ============================================================== */

static const cli_option options[] = {
    { 'o', "output", "FILE", "the blob to write" },
    { 't', "type", "f32|f16",
      "element type of matrices (default: what the checkpoint has)" },
    { 'q', "quiet", NULL, "say nothing unless something is wrong" },
    { 'h', "help", NULL, "this text" },
    { 0, NULL, NULL, NULL }
};

/* With problems so far: the summary, and the end. */
static void stop_at_problems(const char *folder)
{
    if (problems == 0) return;
    if (problems == 1) exit(1);
    cli_fail("%s: %zu problems%s, nothing was written", folder, problems,
             problems > PROBLEMS_SHOWN ? " (the first 100 are shown)" : "");
}

static void release(source *s, plan *p, values *v)
{
    for (size_t i = 0; i < FILES; i++) {
        tango_io_unmap(&s[i].file);
        free(s[i].work);
    }
    for (size_t i = 0; i < p->count; i++) {
        free(p->list[i].name);
        free(p->list[i].key);
    }
    for (size_t i = 0; i < v->count; i++) free((void *)v->list[i].data);
    free(p->list);
    free(v->list);
}

static void convert(const char *folder, const char *output, int type, int quiet)
{
    source s[FILES];
    config c;
    plan p;
    values v;
    job j;
    memset(s, 0, sizeof s);
    memset(&c, 0, sizeof c);
    memset(&p, 0, sizeof p);
    memset(&v, 0, sizeof v);
    memset(&j, 0, sizeof j);

    open_sources(s, folder);
    stop_at_problems(folder);
    for (size_t i = MAIN_CONFIG; i <= DEFAULTS; i++)
        if (s[i].name) parse_json(&s[i]);
    stop_at_problems(folder);
    read_configuration(s, &c);
    put_configuration(&v, s, &c);
    stop_at_problems(folder);
    plan_unet(&p, &c.unet);
    plan_text_encoder(&p, &c.text);
    plan_vae(&p, &c.vae);
    plan_vocoder(&p, &c.vocoder);
    stop_at_problems(folder);

    for (size_t i = MAIN; i < FILES; i++)
        if (s[i].name) open_checkpoint(&s[i]);
    stop_at_problems(folder);
    match(s, &p, &c.text);
    if (s[STFT].name) check_stft(&s[STFT], &c.audio);
    stop_at_problems(folder);

    j.sources = s;
    j.type = type >= 0 ? (tango_io_type)type : type_of_checkpoint(&p);
    put_provenance(&v, s, j.type);
    put_count(&v, "tango.parameters", parameter_count(&p));
    write_blob(output, &j, &p, &v, quiet);
    stop_at_problems(folder);
    if (!quiet)
        printf("wrote  %s  %zu tensors, %zu parameters, %s\n", output, p.count,
               parameter_count(&p), tango_io_type_name(j.type));
    release(s, &p, &v);
}

int main(int argc, char **argv)
{
    static const char *const types[] = { "f32", "f16", NULL };
    const char *folder = NULL, *output = NULL;
    int type = -1, quiet = 0;
    cli c = cli_begin(argc, argv, options);
    for (int id = cli_next(&c); id; id = cli_next(&c)) {
        switch (id) {
        case 'o': output = c.text; break;
        case 't': type = (int)cli_choice(&c, types); break;
        case 'q': quiet = 1; break;
        case 'h':
            cli_help(
                "convert FOLDER -o FILE.tango [options]",
                "Makes one weights blob from a checkpoint folder of the Tango family.",
                options);
            return 0;
        default:
            if (folder) cli_usage("one folder at a time; found \"%.60s\" too", c.text);
            folder = c.text;
        }
    }
    if (!folder) cli_usage("no folder given; -h lists the options");
    if (!output) cli_usage("no output given (-o FILE.tango); -h lists the options");
    if (strcmp(output, "-") == 0)
        cli_usage("a blob needs a file: its header is written last, out of order");
    cli_catch_interrupts();
    convert(folder, output, type, quiet);
    if (fflush(stdout) != 0) cli_fail("standard output: writing failed");
    return 0;
}
