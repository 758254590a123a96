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

   A file may hold its state dictionary under state_dict, model or module, and every name
   may begin with module., model. or _orig_mod., as training frameworks write them.

   How it works. Every key of the configuration that changes the result is kept in the
   blob, within the limits of tango.h, or refused by name (rooms 5 and 6). The
   configuration alone says which tensors a model has and their shapes (room 7). They are
   compared with what the checkpoint holds (room 8); anything missing, left over or of
   another shape is named, and nothing is written. Then each tensor is streamed (room 10):
   16 rows of a matrix are read, put in the order of the matrix product and written, so
   memory stays small however large the checkpoint is. The output appears under its name
   only when it is complete.

   Exit status: 0 done, 1 failed (each problem is one line on stderr), 2 wrong usage.

   CONTENTS
    1  Problems and memory
    2  Values of the blob
    3  The files of a folder
    4  Reading JSON
    5  Classes of schedulers
    6  The configuration
    7  The tensors a configuration implies
    8  The checkpoint against the plan
    9  The short-time Fourier transform
   10  Writing the tensors
   11  The program */
#include "../demo/cli.h"
#include <float.h>
#include <math.h>
#include <sys/stat.h>
#define TANGO_IMPLEMENTATION
#include "../tango.h"

/* A program's own sums are the same with -march=native, as those of the headers. */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

#define CONVERT_VERSION "0.1.0"
#define PROBLEMS_SHOWN 100
#define DILATIONS 3  /* of each residual kernel of the vocoder */
#define LIST_MAX (DILATIONS * TANGO_LEVELS_MAX) /* numbers in one value */
#define KERNEL_MAX 256 /* of the vocoder */
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

/* ==== 2. Values of the blob ======================================================== */

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

/* Numbers as the blob has them under this key: whole or real. */
static void put_numbers(values *v, const char *key, const double *numbers, size_t count)
{
    uint64_t wide[LIST_MAX];
    if (tango_limit_of(key)->type == TANGO_IO_F64) {
        put(v, key, TANGO_IO_F64, numbers, count, sizeof *numbers);
        return;
    }
    for (size_t i = 0; i < count; i++) wide[i] = (uint64_t)numbers[i];
    put(v, key, TANGO_IO_U64, wide, count, sizeof *wide);
}

static void put_number(values *v, const char *key, double number)
{
    put_numbers(v, key, &number, 1);
}

static void put_text(values *v, const char *key, const char *text)
{
    put(v, key, TANGO_IO_STRING, text, strlen(text), 1);
}

/* How many numbers a value has that is there already, and the first of them. */
static size_t numbers_of(const values *v, const char *key, double *first)
{
    for (size_t i = 0; i < v->count; i++) {
        uint64_t whole = 0;
        if (strcmp(v->list[i].key, key) != 0) continue;
        memcpy(&whole, v->list[i].data, sizeof whole);
        if (first) *first = (double)whole;
        return v->list[i].count;
    }
    return 0;
}

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
    { "scheduler_config.json", "dpm_scheduler_config.json",
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
    char prefix[64]; /* what all names of its tensors begin with */
} source;

static int is_folder(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

/* A link that leads nowhere is there, and what cannot be asked may be. */
static int is_there(const char *path)
{
    struct stat s;
#ifdef _WIN32
    return stat(path, &s) == 0 || errno != ENOENT;
#else
    return lstat(path, &s) == 0 || errno != ENOENT;
#endif
}

/* Maps FOLDER/name; 0 if there is no such file. */
static int open_source(source *s, const char *folder, const char *name)
{
    char path[TANGO_IO_PATH_MAX + 1];
    tango_error error;
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= sizeof path) cli_fail("%s: the path is too long", folder);
    if (!is_there(path)) return 0;
    s->name = name;
    if (tango_io_map(&s->file, path, &error) != TANGO_OK) problem("%s", error.text);
    return 1;
}

static void open_sources(source *s, const char *folder)
{
    if (!is_folder(folder)) cli_fail("%s: no such folder", folder);
    for (size_t i = 0; i < FILES; i++) {
        if (open_source(&s[i], folder, known[i].name)) continue;
        if (known[i].other && open_source(&s[i], folder, known[i].other)) continue;
        if (known[i].hint)
            problem("%s: %s is missing: %s", folder, known[i].name, known[i].hint);
    }
}

static void check_output(const char *output, const char *path)
{
    tango_error error;
    if (tango_io_output_check(output, &path, 1, &error) != TANGO_OK)
        cli_fail_file(output, error.text);
}

/* The blob is none of the files that make a checkpoint, read or not. */
static void check_not_of_checkpoint(const char *output, const char *folder)
{
    for (size_t i = 0; i < 2 * FILES; i++) {
        char path[TANGO_IO_PATH_MAX + 1];
        const char *name = i < FILES ? known[i].name : known[i - FILES].other;
        if (!name) continue;
        snprintf(path, sizeof path, "%s/%s", folder, name);
        check_output(output, path);
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

/* ==== 4. Reading JSON ============================================================== */

#define NO_NODE ((size_t)-1) /* an object that is not there: it has no keys */

/* An object of a configuration file. */
typedef struct object {
    const tango_io_json *json;
    size_t node;
    char path[64]; /* begins the messages about it */
} object;


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

/* An object within the file, or with "" the file's own. */
static object object_in(const source *s, const char *inside)
{
    object o = { &s->json, 0, "" };
    snprintf(o.path, sizeof o.path, "%s%s%s", s->name, *inside ? ": " : "", inside);
    if (!*inside) return o;
    o.node = member(&o, inside);
    if (!o.node || tango_io_json_type_of(o.json, o.node) != TANGO_IO_JSON_OBJECT)
        o.node = NO_NODE;
    return o;
}

/* The number at a node: true or false where 0 and 1 are meant. */
static double number_at(const object *o, const char *key, size_t node,
                        const tango_limit *limit)
{
    char text[64];
    double x = 0.0;
    uint64_t n = 0;
    int flag = 0, ok, is_flag = limit->low == 0.0 && limit->high <= 1.0;
    if (limit->type == TANGO_IO_F64) {
        ok = tango_io_json_number(o->json, node, &x);
    } else if (is_flag) {
        ok = tango_io_json_bool(o->json, node, &flag);
        x = flag;
    } else {
        ok = tango_io_json_u64(o->json, node, &n);
        x = (double)n;
    }
    if (ok && x >= limit->low && x <= limit->high) return x;
    if (limit->type == TANGO_IO_U64 && is_flag)
        problem("%s: %s: %s, found %s", o->path, key,
                limit->high > 0.0 ? "expected true or false" : "only false is supported",
                found(o, node, text));
    else if (limit->low == limit->high)
        problem("%s: %s: only %.15g is supported, found %s", o->path, key, limit->low,
                found(o, node, text));
    else
        problem("%s: %s: expected a %snumber from %.15g to %.15g, found %s", o->path, key,
                limit->type == TANGO_IO_U64 ? "whole " : "", limit->low, limit->high,
                found(o, node, text));
    return limit->low;
}

/* The numbers of a list, which may hold lists, or one number; at most limit->most. */
static size_t numbers_at(const object *o, const char *key, size_t node,
                         const tango_limit *limit, double *out)
{
    size_t n = 0;
    if (limit->most == 1 || tango_io_json_type_of(o->json, node) != TANGO_IO_JSON_ARRAY) {
        out[0] = number_at(o, key, node, limit);
        return 1;
    }
    for (size_t i = tango_io_json_first(o->json, node); i && n < limit->most;
         i = tango_io_json_next(o->json, node, i))
        out[n++] = number_at(o, key, i, limit);
    if (n > 0 && n == o->json->nodes[node].size) return n;
    problem("%s: %s: expected a list of 1 to %zu numbers", o->path, key, limit->most);
    return 0;
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
    char text[64];
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
    case TANGO_IO_JSON_NONFINITE: return strcmp(found(o, node, text), value) == 0;
    default: return 0;
    }
}

static void refuse_other(const object *o, const fixed *only)
{
    char text[64];
    size_t node = member(o, only->key);
    int same = 1;
    if (!node) return;
    if (tango_io_json_type_of(o->json, node) == TANGO_IO_JSON_ARRAY) {
        size_t i = tango_io_json_first(o->json, node); /* one value a level */
        for (; i; i = tango_io_json_next(o->json, node, i))
            same &= is_value(o, i, only->value);
    } else same = is_value(o, node, only->value);
    if (!same)
        problem("%s: %s: only %s is supported, found %s", o->path, only->key, only->value,
                found(o, node, text));
}

static void refuse_others(const object *o, const fixed *list)
{
    for (; list->key; list++) refuse_other(o, list);
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

/* ==== 5. Classes of schedulers ===================================================== */

/* The classes of diffusers whose models learn the noise of DDPM, so that any sampler may
   run them. Where a file names no betas, its class has its own. A key that a class does
   not know has no effect there; `knows` says which of those that would change the
   arithmetic it does:
       b trained_betas            k sigmas of Karras and others    z zero terminal SNR
       s solver_order, _type      a algorithm_type                 f flow matching
       m, u, e  others of DPM-Solver++, UniPC and Euler            l lambda_min_clipped */
typedef struct scheduler {
    const char *name, *start, *end, *schedule, *knows;
} scheduler;

static const scheduler schedulers[] = {
    { "DDPMScheduler", "0.0001", "0.02", "linear", "bz" },
    { "DDPMParallelScheduler", "0.0001", "0.02", "linear", "bz" },
    { "DDIMScheduler", "0.0001", "0.02", "linear", "bz" },
    { "DDIMParallelScheduler", "0.0001", "0.02", "linear", "bz" },
    { "PNDMScheduler", "0.0001", "0.02", "linear", "b" },
    { "LMSDiscreteScheduler", "0.0001", "0.02", "linear", "bk" },
    { "EulerDiscreteScheduler", "0.0001", "0.02", "linear", "bkze" },
    { "EulerAncestralDiscreteScheduler", "0.0001", "0.02", "linear", "bz" },
    { "HeunDiscreteScheduler", "0.00085", "0.012", "linear", "bk" },
    { "KDPM2DiscreteScheduler", "0.00085", "0.012", "linear", "bk" },
    { "KDPM2AncestralDiscreteScheduler", "0.00085", "0.012", "linear", "bk" },
    { "DPMSolverMultistepScheduler", "0.0001", "0.02", "linear", "bkzfmlsa" },
    { "DPMSolverSinglestepScheduler", "0.0001", "0.02", "linear", "bkflsa" },
    { "DPMSolverSDEScheduler", "0.00085", "0.012", "linear", "bk" },
    { "DEISMultistepScheduler", "0.0001", "0.02", "linear", "bkfsa" },
    { "UniPCMultistepScheduler", "0.0001", "0.02", "linear", "bkzfsu" },
    { "SASolverScheduler", "0.0001", "0.02", "linear", "bkfl" },
    { "LCMScheduler", "0.00085", "0.012", "scaled_linear", "bz" },
    { "TCDScheduler", "0.00085", "0.012", "scaled_linear", "bz" },
};

/* Without a class: the betas of DDPM, which Tango's code loads, and every key counts. */
static const scheduler unnamed = { NULL, "0.0001", "0.02", "linear", "bkzfmlsaue" };

static const struct {
    char group;
    fixed only;
} scheduler_fixed[] = {
    { 'b', { "trained_betas", "null" } },
    { 'k', { "use_karras_sigmas", "false" } },
    { 'k', { "use_exponential_sigmas", "false" } },
    { 'k', { "use_beta_sigmas", "false" } },
    { 'f', { "use_flow_sigmas", "false" } },
    { 'm', { "use_lu_lambdas", "false" } },
    { 'm', { "euler_at_final", "false" } },
    { 'l', { "lambda_min_clipped", "-Infinity" } },
    { 'u', { "predict_x0", "true" } },
    { 'u', { "disable_corrector", "null" } },
    { 'u', { "solver_p", "null" } },
    { 'e', { "interpolation_type", "linear" } },
    { 'e', { "timestep_type", "discrete" } },
};

static int knows(const scheduler *class_, char group)
{
    return strchr(class_->knows, group) != NULL;
}

static const scheduler *read_class(values *v, const object *o)
{
    const size_t count = sizeof schedulers / sizeof *schedulers;
    size_t i = 0;
    char *name = get_text(o, "_class_name");
    if (!name) return &unnamed;
    while (i < count && strcmp(schedulers[i].name, name) != 0) i++;
    if (i == count)
        problem("%s: _class_name: %.60s is not supported: its noise is not known to be "
                "that of DDPM",
                o->path, name);
    put_text(v, "schedule.class", name);
    free(name);
    return i == count ? &unnamed : &schedulers[i];
}

static const scheduler *read_scheduler(values *v, const source *s)
{
    object o = object_in(s, "");
    size_t before = problems;
    const scheduler *class_ = read_class(v, &o);
    if (problems > before) return class_; /* the keys of a foreign class mean nothing */
    for (size_t i = 0; i < sizeof scheduler_fixed / sizeof *scheduler_fixed; i++)
        if (knows(class_, scheduler_fixed[i].group))
            refuse_other(&o, &scheduler_fixed[i].only);
    return class_;
}

/* ==== 6. The configuration ========================================================= */

typedef struct config {
    tango_model model;     /* without the weights */
    int linear_projection; /* both kinds are the same matrix in the blob */
} config;

/* What makes a value of the blob out of a key. */
typedef enum reading {
    AS_IT_IS,   /* a number, true or false, a list, a word, a text */
    PER_LEVEL,  /* one number for all levels, or a list */
    DOWN_TYPES, /* whether each block has attentions, by its name */
    UP_TYPES,
    TRIPLES,    /* a list of three numbers for each residual kernel */
    OF_CLASS,   /* where it is absent, what the scheduler's class has */
    HALF_RATE,  /* where it is absent, half of the sampling rate */
    IF_SOLVER = 's', /* a key that only counts where the scheduler's class knows it */
    IF_ALGORITHM = 'a',
    IF_ZERO_SNR = 'z'
} reading;

typedef struct field {
    file_id file;
    const char *inside;    /* the object of the file that has the key, or "" */
    const char *key, *name; /* in the file, and in the blob */
    const char *absent;    /* the numbers of an absent key; NULL: see tango_limit_of */
    reading how;
} field;

/* Absent keys have the defaults of the code that reads the published files: diffusers'
   UNet2DConditionModel, transformers' T5Config, and for the vocoder, of which those files
   say nothing, the constants of AudioLDM. */
static const field fields[] = {
    { UNET_CONFIG, "", "in_channels", "unet.in_channels", "4", AS_IT_IS },
    { UNET_CONFIG, "", "out_channels", "unet.out_channels", "4", AS_IT_IS },
    { UNET_CONFIG, "", "block_out_channels", "unet.channels", "320 640 1280 1280",
      AS_IT_IS },
    { UNET_CONFIG, "", "attention_head_dim", "unet.heads", "8", PER_LEVEL },
    { UNET_CONFIG, "", "down_block_types", "unet.down_attention", "1 1 1 0", DOWN_TYPES },
    { UNET_CONFIG, "", "up_block_types", "unet.up_attention", "0 1 1 1", UP_TYPES },
    { UNET_CONFIG, "", "layers_per_block", "unet.layers_per_block", "2", AS_IT_IS },
    { UNET_CONFIG, "", "norm_num_groups", "unet.norm_groups", "32", AS_IT_IS },
    { UNET_CONFIG, "", "cross_attention_dim", "unet.cross_dim", "1280", AS_IT_IS },
    { UNET_CONFIG, "", "norm_eps", "unet.norm_eps", "1e-5", AS_IT_IS },
    { UNET_CONFIG, "", "freq_shift", "unet.freq_shift", "0", AS_IT_IS },
    { UNET_CONFIG, "", "flip_sin_to_cos", "unet.flip_sin_to_cos", "1", AS_IT_IS },
    { UNET_CONFIG, "", "center_input_sample", "unet.center_input", "0", AS_IT_IS },
    { UNET_CONFIG, "", "mid_block_scale_factor", "unet.mid_scale", "1", AS_IT_IS },

    { TEXT_CONFIG, "", "vocab_size", "text.vocab", "32128", AS_IT_IS },
    { TEXT_CONFIG, "", "d_model", "text.d_model", "512", AS_IT_IS },
    { TEXT_CONFIG, "", "d_kv", "text.d_kv", "64", AS_IT_IS },
    { TEXT_CONFIG, "", "d_ff", "text.d_ff", "2048", AS_IT_IS },
    { TEXT_CONFIG, "", "num_layers", "text.layers", "6", AS_IT_IS },
    { TEXT_CONFIG, "", "num_heads", "text.heads", "8", AS_IT_IS },
    { TEXT_CONFIG, "", "relative_attention_num_buckets", "text.buckets", "32", AS_IT_IS },
    { TEXT_CONFIG, "", "relative_attention_max_distance", "text.max_distance", "128",
      AS_IT_IS },
    { TEXT_CONFIG, "", "layer_norm_epsilon", "text.eps", "1e-6", AS_IT_IS },

    { VAE_CONFIG, "", "embed_dim", "vae.embed_dim", NULL, AS_IT_IS },
    { VAE_CONFIG, "", "scale_factor", "vae.scale_factor", NULL, AS_IT_IS },
    { VAE_CONFIG, "ddconfig", "ch", "vae.channels", NULL, AS_IT_IS },
    { VAE_CONFIG, "ddconfig", "ch_mult", "vae.ch_mult", NULL, AS_IT_IS },
    { VAE_CONFIG, "ddconfig", "num_res_blocks", "vae.res_blocks", NULL, AS_IT_IS },
    { VAE_CONFIG, "ddconfig", "z_channels", "vae.z_channels", NULL, AS_IT_IS },
    { VAE_CONFIG, "ddconfig", "in_channels", "vae.in_channels", NULL, AS_IT_IS },
    { VAE_CONFIG, "ddconfig", "out_ch", "vae.out_channels", NULL, AS_IT_IS },
    { VAE_CONFIG, "ddconfig", "num_groups", "vae.groups", "32", AS_IT_IS },

    { VAE_CONFIG, "vocoder", "num_mels", "vocoder.mels", "64", AS_IT_IS },
    { VAE_CONFIG, "vocoder", "upsample_initial_channel", "vocoder.channels", "1024",
      AS_IT_IS },
    { VAE_CONFIG, "vocoder", "upsample_rates", "vocoder.rates", "5 4 2 2 2", AS_IT_IS },
    { VAE_CONFIG, "vocoder", "upsample_kernel_sizes", "vocoder.kernels", "16 16 8 4 4",
      AS_IT_IS },
    { VAE_CONFIG, "vocoder", "resblock_kernel_sizes", "vocoder.res_kernels", "3 7 11",
      AS_IT_IS },
    { VAE_CONFIG, "vocoder", "resblock_dilation_sizes", "vocoder.res_dilations", "1 3 5",
      TRIPLES },

    { STFT_CONFIG, "", "sampling_rate", "audio.rate", NULL, AS_IT_IS },
    { STFT_CONFIG, "", "filter_length", "audio.fft", NULL, AS_IT_IS },
    { STFT_CONFIG, "", "hop_length", "audio.hop", NULL, AS_IT_IS },
    { STFT_CONFIG, "", "win_length", "audio.window", NULL, AS_IT_IS },
    { STFT_CONFIG, "", "n_mel_channels", "audio.mels", NULL, AS_IT_IS },
    { STFT_CONFIG, "", "mel_fmin", "audio.fmin", NULL, AS_IT_IS },
    { STFT_CONFIG, "", "mel_fmax", "audio.fmax", NULL, HALF_RATE },

    { SCHEDULE_CONFIG, "", "num_train_timesteps", "schedule.train_steps", "1000",
      AS_IT_IS },
    { SCHEDULE_CONFIG, "", "beta_start", "schedule.beta_start", NULL, OF_CLASS },
    { SCHEDULE_CONFIG, "", "beta_end", "schedule.beta_end", NULL, OF_CLASS },
    { SCHEDULE_CONFIG, "", "beta_schedule", "schedule.beta_schedule", NULL, OF_CLASS },
    { SCHEDULE_CONFIG, "", "prediction_type", "schedule.prediction", NULL, AS_IT_IS },
    { SCHEDULE_CONFIG, "", "timestep_spacing", "schedule.spacing", NULL, AS_IT_IS },
    { SCHEDULE_CONFIG, "", "steps_offset", "schedule.steps_offset", NULL, AS_IT_IS },
    { SCHEDULE_CONFIG, "", "clip_sample", "schedule.clip_sample", NULL, AS_IT_IS },
    { SCHEDULE_CONFIG, "", "clip_sample_range", "schedule.clip_sample_range", NULL,
      AS_IT_IS },
    { SCHEDULE_CONFIG, "", "thresholding", "schedule.thresholding", NULL, AS_IT_IS },
    { SCHEDULE_CONFIG, "", "dynamic_thresholding_ratio",
      "schedule.dynamic_thresholding_ratio", NULL, AS_IT_IS },
    { SCHEDULE_CONFIG, "", "sample_max_value", "schedule.sample_max_value", NULL,
      AS_IT_IS },
    { SCHEDULE_CONFIG, "", "set_alpha_to_one", "schedule.set_alpha_to_one", NULL,
      AS_IT_IS },
    { SCHEDULE_CONFIG, "", "variance_type", "schedule.variance_type", NULL, AS_IT_IS },
    { SCHEDULE_CONFIG, "", "final_sigmas_type", "schedule.final_sigmas_type", NULL,
      AS_IT_IS },
    { SCHEDULE_CONFIG, "", "lower_order_final", "schedule.lower_order_final", NULL,
      AS_IT_IS },
    { SCHEDULE_CONFIG, "", "solver_order", "schedule.solver_order", NULL, IF_SOLVER },
    { SCHEDULE_CONFIG, "", "solver_type", "schedule.solver_type", NULL, IF_SOLVER },
    { SCHEDULE_CONFIG, "", "algorithm_type", "schedule.algorithm_type", NULL,
      IF_ALGORITHM },
    { SCHEDULE_CONFIG, "", "rescale_betas_zero_snr", "schedule.rescale_betas_zero_snr",
      NULL, IF_ZERO_SNR },

    { DEFAULTS, "", "name", "tango.name", NULL, AS_IT_IS },
    { DEFAULTS, "", "description", "tango.description", NULL, AS_IT_IS },
    { DEFAULTS, "", "licence", "tango.licence", NULL, AS_IT_IS },
    { DEFAULTS, "", "attribution", "tango.attribution", NULL, AS_IT_IS },
    { DEFAULTS, "", "steps", "default.steps", NULL, AS_IT_IS },
    { DEFAULTS, "", "guidance", "default.guidance", NULL, AS_IT_IS },
    { DEFAULTS, "", "rescale", "default.rescale", NULL, AS_IT_IS },
    { DEFAULTS, "", "seconds", "default.seconds", NULL, AS_IT_IS },
    { DEFAULTS, "", "sampler", "default.sampler", NULL, AS_IT_IS },
    { DEFAULTS, "", "vocoder", "default.vocoder", NULL, AS_IT_IS },
};

enum { FIELDS = sizeof fields / sizeof *fields };

/* The numbers of "1 2 3". */
static size_t numbers_in(const char *text, double *out)
{
    size_t n = 0;
    while (*text && n < LIST_MAX) {
        char *end;
        out[n++] = strtod(text, &end);
        text = end;
    }
    return n;
}

/* Repeats n numbers until there are as many as the levels or kernels that need them. */
static size_t repeated(const values *v, const field *f, double *out, size_t n)
{
    size_t want = n;
    if (f->how == PER_LEVEL) want = numbers_of(v, "unet.channels", NULL);
    if (f->how == TRIPLES) want = DILATIONS * numbers_of(v, "vocoder.res_kernels", NULL);
    for (size_t i = n; i < want; i++) out[i] = out[i % n];
    return want;
}

static const char *absent_text(const field *f, const scheduler *class_)
{
    if (f->how != OF_CLASS) return f->absent;
    if (strcmp(f->key, "beta_start") == 0) return class_->start;
    return strcmp(f->key, "beta_end") == 0 ? class_->end : class_->schedule;
}

static size_t absent_numbers(const values *v, const object *o, const field *f,
                             const char *text, double *out)
{
    if (f->how == HALF_RATE) {
        double rate = 0.0;
        numbers_of(v, "audio.rate", &rate);
        out[0] = rate / 2.0;
        return 1;
    }
    if (text) return repeated(v, f, out, numbers_in(text, out));
    if (tango_limit_of(f->name)->absent == (double)TANGO_REQUIRED)
        problem("%s: %s is missing", o->path, f->key);
    return 0;
}

/* Whether each block of a list has attentions. */
static size_t types_at(const object *o, const field *f, size_t node, double *out)
{
    static const char *const words[2][3] = {
        { "DownBlock2D", "CrossAttnDownBlock2D", NULL },
        { "UpBlock2D", "CrossAttnUpBlock2D", NULL }
    };
    size_t n = 0, i = tango_io_json_first(o->json, node);
    for (; i && n < TANGO_LEVELS_MAX; i = tango_io_json_next(o->json, node, i))
        out[n++] = (double)word_at(o, f->key, i, words[f->how == UP_TYPES]);
    if (n == 0 || i)
        problem("%s: %s: expected a list of 1 to %d blocks", o->path, f->key,
                TANGO_LEVELS_MAX);
    return n;
}

static size_t triples_at(const object *o, const field *f, size_t node, double *out)
{
    tango_limit limit = *tango_limit_of(f->name);
    size_t n = 0, list = tango_io_json_first(o->json, node);
    limit.most = DILATIONS;
    for (; list && n < LIST_MAX; list = tango_io_json_next(o->json, node, list))
        if (numbers_at(o, f->key, list, &limit, out + n) == DILATIONS) n += DILATIONS;
        else break;
    if (n == 0 || list)
        problem("%s: %s: expected a list of %d numbers for each residual kernel", o->path,
                f->key, DILATIONS);
    return n;
}

static size_t present_numbers(const values *v, const object *o, const field *f,
                              size_t node, double *out)
{
    size_t n;
    if (f->how == DOWN_TYPES || f->how == UP_TYPES) return types_at(o, f, node, out);
    if (f->how == TRIPLES) return triples_at(o, f, node, out);
    n = numbers_at(o, f->key, node, tango_limit_of(f->name), out);
    if (tango_io_json_type_of(o->json, node) == TANGO_IO_JSON_ARRAY) return n;
    return repeated(v, f, out, n);
}

/* "a|b|c" */
static const char *listed(char out[128], const char *const *words)
{
    size_t n = 0;
    out[0] = '\0';
    for (; *words && n < 100; words++)
        if (**words)
            n += (size_t)snprintf(out + n, 128 - n, "%s%.24s", n ? "|" : "", *words);
    return out;
}

static void read_text(values *v, const object *o, const field *f, const char *absent)
{
    const tango_limit *limit = tango_limit_of(f->name);
    char *text = get_text(o, f->key), words[128];
    if (!text && absent && !member(o, f->key)) put_text(v, f->name, absent);
    if (!text) return;
    if (limit->words && !limit->words[tango_limit_word(limit, text)])
        problem("%s: %s: expected one of %s, found %.40s", o->path, f->key,
                listed(words, limit->words), text);
    put_text(v, f->name, text);
    free(text);
}

static void read_field(values *v, const source *s, const field *f,
                       const scheduler *class_)
{
    double numbers[LIST_MAX];
    object o = object_in(&s[f->file], f->inside);
    const char *absent = absent_text(f, class_);
    size_t node = member(&o, f->key), n;
    if (f->how >= IF_ALGORITHM && !knows(class_, (char)f->how)) return;
    if (tango_limit_of(f->name)->type == TANGO_IO_STRING) {
        read_text(v, &o, f, absent);
        return;
    }
    n = node ? present_numbers(v, &o, f, node, numbers)
             : absent_numbers(v, &o, f, absent, numbers);
    if (n) put_numbers(v, f->name, numbers, n);
}

/* Objects within a file; an absent vocoder is a published one. */
static void check_objects(const source *s)
{
    object o = object_in(s, "");
    size_t vae = member(&o, "ddconfig"), vocoder = member(&o, "vocoder");
    if (!vae || tango_io_json_type_of(o.json, vae) != TANGO_IO_JSON_OBJECT)
        problem("%s: ddconfig: expected an object", o.path);
    if (vocoder && tango_io_json_type_of(o.json, vocoder) != TANGO_IO_JSON_OBJECT)
        problem("%s: vocoder: expected an object", o.path);
}

/* Keys that are not in the blob: other values than these change the arithmetic. */
static const fixed unet_fixed[] = {
    { "_class_name", "UNet2DConditionModel" },
    { "act_fn", "silu" },
    { "mid_block_type", "UNetMidBlock2DCrossAttn" },
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

static void check_unet(const source *s)
{
    static const char *const needed[2] = { "mid_block_type", "norm_num_groups" };
    object o = object_in(s, "");
    refuse_others(&o, unet_fixed);
    for (size_t i = 0; i < 2; i++) /* null has a meaning of its own there */
        if (tango_io_json_find(o.json, 0, needed[i]) && !member(&o, needed[i]))
            problem("%s: %s: a network without it is not supported", o.path, needed[i]);
}

static void check_text_encoder(const source *s, const object *main_config)
{
    static const fixed text_fixed[] = { { "model_type", "t5" },
                                        { "feed_forward_proj", "gated-gelu" },
                                        { "dense_act_fn", "gelu_new" },
                                        { "is_gated_act", "true" },
                                        { NULL, NULL } };
    object o = object_in(s, "");
    char *name = get_text(main_config, "text_encoder_name");
    refuse_others(&o, text_fixed);
    if (!member(&o, "model_type") && !(name && strstr(name, "t5")))
        problem("%s: model_type is missing", o.path);
    free(name);
    if (!member(&o, "feed_forward_proj"))
        problem("%s: feed_forward_proj is missing: only gated-gelu is supported", o.path);
}

static void check_vae(const source *s)
{
    static const fixed outer[] = { { "subband", "1" },
                                   { "time_shuffle", "1" },
                                   { NULL, NULL } };
    static const fixed inner[] = {
        { "double_z", "true" },         { "attn_resolutions", "null" },
        { "resamp_with_conv", "true" }, { "attn_type", "vanilla" },
        { "use_linear_attn", "false" }, { "tanh_out", "false" },
        { "give_pre_end", "false" },    { "downsample_time_stride4_levels", "null" },
        { NULL, NULL }
    };
    static const fixed vocoder[] = { { "normalize_before", "false" },
                                     { "leaky_relu_slope", "0.1" },
                                     { "resblock", "1" },
                                     { NULL, NULL } };
    object o = object_in(s, ""), d = object_in(s, "ddconfig"),
           h = object_in(s, "vocoder");
    check_objects(s);
    refuse_others(&o, outer);
    refuse_others(&d, inner);
    refuse_others(&h, vocoder);
}

/* The tokenizer is kept as it is; here it is only checked. */
static void check_spiece(const source *s)
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
}

static void read_files(values *v, const source *s)
{
    put_text(v, "text.type", "t5");
    put_text(v, "tokenizer.type", "sentencepiece");
    put(v, "tokenizer.spiece", TANGO_IO_BYTES, s[SPIECE].file.data, s[SPIECE].file.size,
        1);
    if (s[ATTRIBUTION].name)
        put(v, "tango.attribution_text", TANGO_IO_STRING, s[ATTRIBUTION].file.data,
            s[ATTRIBUTION].file.size, 1);
}

/* What a message calls '...', as it stands in a file. */
static const field *field_named(const char *name, size_t length)
{
    for (size_t i = 0; i < FIELDS; i++)
        if (strncmp(fields[i].name, name, length) == 0 && !fields[i].name[length])
            return &fields[i];
    return NULL;
}

/* A problem that the library found among the values of the blob, told in the words of
   the files. */
static void problem_of_values(const char *message)
{
    char line[2048];
    size_t n = 0;
    int of_model = strncmp(message, "model: ", 7) == 0;
    if (of_model) message += 7;
    while (*message && n < sizeof line - 256) {
        const char *end = *message == '\'' ? strchr(message + 1, '\'') : NULL;
        const field *f =
            end ? field_named(message + 1, (size_t)(end - message) - 1) : NULL;
        if (f) n += (size_t)snprintf(line + n, 256, "%s: %s%s%s", known[f->file].name,
                                     f->inside, *f->inside ? ": " : "", f->key);
        else line[n++] = *message;
        message = f ? end + 1 : message + 1;
    }
    line[n] = '\0';
    problem("%s%s", of_model ? "" : "defaults.json: ", line);
}

static void read_configuration(values *v, const source *s, config *c)
{
    object main_config = object_in(&s[MAIN_CONFIG], ""),
           unet = object_in(&s[UNET_CONFIG], "");
    tango_error error;
    const scheduler *class_ = read_scheduler(v, &s[SCHEDULE_CONFIG]);
    check_unet(&s[UNET_CONFIG]);
    check_text_encoder(&s[TEXT_CONFIG], &main_config);
    check_vae(&s[VAE_CONFIG]);
    check_spiece(&s[SPIECE]);
    read_files(v, s);
    for (size_t i = 0; i < FIELDS; i++)
        if (s[fields[i].file].name) read_field(v, s, &fields[i], class_);
    /* Pre-trained UNets have 4 channels; adapters translate to the VAE's 8 and back. */
    char *pretrained = get_text(&main_config, "unet_model_name");
    put_number(v, "unet.adapters", pretrained && *pretrained ? 1.0 : 0.0);
    free(pretrained);
    c->linear_projection = get_flag(&unet, "use_linear_projection", 0);
    if (problems > 0) return;
    if (tango_configure(&c->model, v->list, v->count, &error) != TANGO_OK)
        problem_of_values(error.text);
}

/* ==== 7. The tensors a configuration implies ======================================= */

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
    int linear_projection;
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

/* Layer norms and group norms. */
static void norm(plan *p, const char *name, size_t channels)
{
    vector(p, name, ".weight", channels);
    vector(p, name, ".bias", channels);
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
    norm(p, "norm1", inputs);
    conv2d(p, "conv1", outputs, inputs, 3);
    if (time) linear(p, "time_emb_proj", outputs, time);
    norm(p, "norm2", outputs);
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
static void transformer(plan *p, const tango_unet_config *u, const char *place,
                        size_t index, size_t channels, size_t heads)
{
    size_t inner = channels / heads * heads;
    at(p, "%s.attentions.%zu", place, index);
    norm(p, "norm", channels);
    if (p->linear_projection) linear(p, "proj_in", inner, channels);
    else conv2d(p, "proj_in", inner, channels, 1);
    if (p->linear_projection) linear(p, "proj_out", channels, inner);
    else conv2d(p, "proj_out", channels, inner, 1);
    at(p, "%s.attentions.%zu.transformer_blocks.0", place, index);
    norm(p, "norm1", inner);
    attention(p, "attn1", inner, inner);
    norm(p, "norm2", inner);
    attention(p, "attn2", inner, u->cross_width);
    norm(p, "norm3", inner);
    geglu(p, 4 * inner, inner);
    linear(p, "ff.net.2", inner, 4 * inner);
}

static void plan_down_blocks(plan *p, const tango_unet_config *u, size_t time)
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
static void plan_up_blocks(plan *p, const tango_unet_config *u, size_t time)
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

/* UNet2DConditionModel, then the adapters that the variant with pre-trained weights has
   between its channels and those of the latent. */
static void plan_unet(plan *p, const tango_unet_config *u, size_t latent)
{
    size_t first = u->channels[0], last = u->channels[u->levels - 1], time = 4 * first;
    p->file = MAIN;
    at(p, "unet");
    conv2d(p, "conv_in", first, u->in_channels, 3);
    linear(p, "time_embedding.linear_1", time, first);
    linear(p, "time_embedding.linear_2", time, time);
    norm(p, "conv_norm_out", first);
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
    linear(p, "0", ADAPTER_WIDTH, latent);
    linear(p, "1", u->in_channels, ADAPTER_WIDTH);
    at(p, "group_out");
    linear(p, "0", ADAPTER_WIDTH, u->out_channels);
    linear(p, "1", latent, ADAPTER_WIDTH);
}

/* T5EncoderModel, version 1.1: gated feed-forward layers, no biases. */
static void plan_text_encoder(plan *p, const tango_text_config *t)
{
    size_t width = t->heads * t->head_width;
    static const char *const projection[3] = { "q", "k", "v" };
    p->file = MAIN;
    at(p, "text_encoder");
    shape(add(p, EMBEDDING, "shared", "shared", ".weight"), 2, t->vocab, t->width, 1,
          1);
    vector(p, "encoder.final_layer_norm", ".weight", t->width);
    for (size_t i = 0; i < t->layers; i++) {
        at(p, "text_encoder.encoder.block.%zu.layer.0", i);
        vector(p, "layer_norm", ".weight", t->width);
        at(p, "text_encoder.encoder.block.%zu.layer.0.SelfAttention", i);
        for (size_t k = 0; k < 3; k++)
            linear_no_bias(p, projection[k], width, t->width);
        linear_no_bias(p, "o", t->width, width);
        if (i == 0) /* the table of the first block serves them all */
            shape(add(p, TABLE, "relative_attention_bias", "relative_attention_bias",
                      ".weight"),
                  2, t->buckets, t->heads, 1, 1);
        at(p, "text_encoder.encoder.block.%zu.layer.1", i);
        vector(p, "layer_norm", ".weight", t->width);
        linear_no_bias(p, "DenseReluDense.wi_0", t->hidden, t->width);
        linear_no_bias(p, "DenseReluDense.wi_1", t->hidden, t->width);
        linear_no_bias(p, "DenseReluDense.wo", t->width, t->hidden);
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
    norm(p, "norm", channels);
    for (size_t k = 0; k < 4; k++) conv2d(p, part[k], channels, channels, 1);
}

static void plan_vae_encoder(plan *p, const tango_vae_config *v)
{
    size_t channels = v->channels;
    at(p, "encoder");
    conv2d(p, "conv_in", v->channels, v->in_channels, 3);
    for (size_t i = 0; i < v->levels; i++) {
        for (size_t j = 0; j < v->res_blocks; j++) {
            at(p, "encoder.down.%zu.block.%zu", i, j);
            residual_block(p, channels, v->channels * v->multiples[i], 0, "nin_shortcut");
            channels = v->channels * v->multiples[i];
        }
        at(p, "encoder.down.%zu", i);
        if (i + 1 < v->levels) conv2d(p, "downsample.conv", channels, channels, 3);
    }
    plan_vae_middle(p, "encoder", channels);
    at(p, "encoder");
    norm(p, "norm_out", channels);
    conv2d(p, "conv_out", 2 * v->latent_channels, channels, 3); /* mean, log-variance */
}

/* The decoder's levels are numbered as the encoder's: up.0 is the finest and the last. */
static void plan_vae_decoder(plan *p, const tango_vae_config *v)
{
    size_t channels = v->channels * v->multiples[v->levels - 1];
    at(p, "decoder");
    conv2d(p, "conv_in", channels, v->latent_channels, 3);
    plan_vae_middle(p, "decoder", channels);
    for (size_t i = v->levels; i-- > 0;) {
        for (size_t j = 0; j <= v->res_blocks; j++) {
            at(p, "decoder.up.%zu.block.%zu", i, j);
            residual_block(p, channels, v->channels * v->multiples[i], 0, "nin_shortcut");
            channels = v->channels * v->multiples[i];
        }
        at(p, "decoder.up.%zu", i);
        if (i > 0) conv2d(p, "upsample.conv", channels, channels, 3);
    }
    at(p, "decoder");
    norm(p, "norm_out", channels);
    conv2d(p, "conv_out", v->out_channels, channels, 3);
}

/* HiFi-GAN: channels halve at each stage; residual branches, one a kernel, follow. */
static void plan_vocoder(plan *p, const tango_vocoder_config *h)
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
                conv1d(p, part, outputs, outputs, h->branch_kernels[k]);
            }
        }
    }
    at(p, "vocoder");
    conv1d(p, "conv_post", 1, h->channels >> h->stages, 7);
}

static void plan_vae(plan *p, const tango_vae_config *v)
{
    p->file = VAE;
    plan_vae_encoder(p, v);
    plan_vae_decoder(p, v);
    p->place[0] = '\0';
    conv2d(p, "quant_conv", 2 * v->embedding, 2 * v->latent_channels, 1);
    conv2d(p, "post_quant_conv", v->latent_channels, v->embedding, 1);
}

static void make_plan(plan *p, const config *c)
{
    p->linear_projection = c->linear_projection;
    plan_unet(p, &c->model.unet, c->model.vae.embedding);
    plan_text_encoder(p, &c->model.text);
    plan_vae(p, &c->model.vae);
    plan_vocoder(p, &c->model.vocoder);
}

/* ==== 8. The checkpoint against the plan =========================================== */

#define TIED_KEY "text_encoder.encoder.embed_tokens.weight"

/* Enters the one dictionary that holds the tensors, where the top object has none. */
static void enter_dictionary(source *s)
{
    static const char *const keys[] = { "state_dict", "model", "module" };
    for (size_t depth = 0; s->torch.count == 0 && depth < 3; depth++) {
        tango_io_torch inner = s->torch;
        const char *first = NULL;
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
            tango_io_torch t = s->torch;
            if (!tango_io_torch_enter(&t, keys[i])) continue;
            if (first)
                problem("%s: holds %s and %s: which of them is meant is not known",
                        s->name, first, keys[i]);
            first = keys[i];
            inner = t;
        }
        if (!first) break;
        s->torch = inner;
    }
    if (s->torch.count == 0)
        problem("%s: no tensors: expected a state dictionary, or one under state_dict, "
                "model or module",
                s->name);
}

static size_t names_with(const tango_io_torch *torch, const char *prefix)
{
    size_t count = 0;
    for (size_t i = 0; i < torch->count; i++) {
        tango_io_torch_tensor t;
        tango_io_torch_tensor_at(torch, i, &t);
        count += strncmp(t.name, prefix, strlen(prefix)) == 0;
    }
    return count;
}

/* What wrappers of a model put before every name: of DistributedDataParallel, of
   torch.compile, of a training class. */
static void find_prefix(source *s)
{
    static const char *const words[] = { "module.", "_orig_mod.", "model." };
    const size_t kinds = sizeof words / sizeof *words;
    for (size_t i = 0; i < kinds && strlen(s->prefix) + 16 < sizeof s->prefix; i++) {
        char longer[sizeof s->prefix + 16];
        snprintf(longer, sizeof longer, "%s%s", s->prefix, words[i]);
        size_t count = names_with(&s->torch, longer);
        if (count > 0 && count < s->torch.count)
            problem("%s: %zu of %zu names begin with %s; expected all or none", s->name,
                    count, s->torch.count, longer);
        if (count == 0 || count < s->torch.count) continue;
        memcpy(s->prefix, longer, sizeof s->prefix);
        i = (size_t)-1; /* one wrapper within another: from the first word again */
    }
}

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
    if (r != TANGO_OK) {
        problem("%s: %s", s->name, error.text);
        return;
    }
    enter_dictionary(s);
    find_prefix(s);
}

/* 1 and *out if there is a tensor of this name, the prefix before it. */
static int named_tensor(const source *s, const char *key, tango_io_torch_tensor *out)
{
    char name[sizeof s->prefix + 256];
    int n = snprintf(name, sizeof name, "%s%s", s->prefix, key);
    return n > 0 && (size_t)n < sizeof name && tango_io_torch_find(&s->torch, name, out);
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

/* Numbers from the first to the last of a view in its storage: fewer than it shows where
   it shows some of them again (expanded tensors have strides of 0). */
static size_t extent(const tango_io_view *v)
{
    size_t last = 0;
    for (size_t i = 0; i < v->rank; i++) last += (v->shape[i] - 1) * v->strides[i];
    return last + 1;
}

/* 1 if the checkpoint has this tensor, of this shape, in floating point, with as many
   numbers of its own as the shape has: a small file makes no large one. */
static int find_tensor(const source *s, const char *key, const size_t *shape, size_t rank,
                       tango_io_view *view)
{
    char expected[128], there[128];
    tango_io_torch_tensor t;
    shape_text(expected, shape, rank);
    if (!named_tensor(s, key, &t)) {
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
    if (t.view.count > extent(&t.view)) {
        problem("%s: %s: %zu numbers are shown in the room of %zu; save it after "
                ".contiguous()",
                s->name, key, t.view.count, extent(&t.view));
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

/* Whether the names go on with `key` behind some other beginning, which is then told. */
static int other_prefix(const source *s, const char *key)
{
    tango_io_torch_tensor t;
    if (named_tensor(s, key, &t)) return 0;
    for (size_t i = 0; i < s->torch.count; i++) {
        tango_io_torch_tensor_at(&s->torch, i, &t);
        size_t n = strlen(t.name), tail = strlen(key);
        if (n <= tail || t.name[n - tail - 1] != '.') continue;
        if (strcmp(t.name + n - tail, key) != 0) continue;
        problem("%s: %s: names begin with %.*s; expected none, or module., model., "
                "_orig_mod.", s->name, t.name, (int)(n - tail), t.name);
        return 1;
    }
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
        t.name += strlen(s->prefix);
        if (bsearch(&t.name, keys, count, sizeof *keys, compare_names)) continue;
        problem("%s: %s %s is superfluous: the configuration has no such tensor", s->name,
                t.name, shape_text(text, t.view.shape, t.view.rank));
    }
}

/* The token embedding is stored under two names, most often in one storage. */
static void check_tied_embedding(const source *s, const tango_text_config *t)
{
    float a[1024], b[1024];
    size_t shape[2] = { t->vocab, t->width };
    tango_io_torch_tensor shared;
    tango_io_view tied;
    if (!named_tensor(s, TIED_KEY, &shared)) return;
    if (!find_tensor(s, TIED_KEY, shape, 2, &tied)) return;
    if (!named_tensor(s, "text_encoder.shared.weight", &shared)) return;
    if (shared.view.count != tied.count) return;
    for (size_t at = 0; at < tied.count; at += 1024) {
        size_t n = tied.count - at < 1024 ? tied.count - at : 1024;
        tango_io_view_read(a, &shared.view, at, n);
        tango_io_view_read(b, &tied, at, n);
        if (memcmp(a, b, n * sizeof *a) == 0) continue;
        problem("%s: %s differs from text_encoder.shared.weight", s->name, TIED_KEY);
        return;
    }
}

/* All that is taken out of a file is in it: tensors of one storage do not make the output
   larger than the checkpoint. */
static void check_sum(const source *s, const plan *p, file_id file)
{
    size_t sum = 0;
    for (size_t i = 0; i < p->count; i++) {
        const weight *w = &p->list[i];
        if (w->file == file && w->first == 0)
            sum += w->view.count * tango_io_type_size(w->view.type);
    }
    if (sum > s[file].file.size)
        problem("%s: its tensors share storages: %zu bytes in a file of %zu",
                s[file].name, sum, s[file].file.size);
}

static void match(source *s, plan *p, const tango_text_config *t)
{
    size_t n = 0;
    if (other_prefix(&s[MAIN], "unet.conv_in.weight")
        + other_prefix(&s[VAE], "encoder.conv_in.weight"))
        return;
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
    if (problems == 0) {
        check_sum(s, p, MAIN);
        check_sum(s, p, VAE);
    }
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

/* ==== 9. The short-time Fourier transform ========================================== */

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
static double mel_weight(const tango_audio_parameters *a, size_t band, size_t bin)
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
static double window_at(const tango_audio_parameters *a, size_t n)
{
    size_t left = (a->fft - a->window) / 2;
    if (n < left || n >= left + a->window) return 0.0;
    return 0.5 - 0.5 * cos(2.0 * PI * (double)(n - left) / (double)a->window);
}

/* Row k < bins is the windowed cosine of frequency k, row bins + k the negative sine. */
static double forward_weight(const tango_audio_parameters *a, size_t row, size_t n)
{
    size_t bins = a->fft / 2 + 1, k = row < bins ? row : row - bins;
    double angle = 2.0 * PI * (double)(k * n % a->fft) / (double)a->fft;
    if (row >= bins && (k == 0 || k == bins - 1)) return 0.0; /* sin of multiples of pi */
    return (row < bins ? cos(angle) : -sin(angle)) * window_at(a, n);
}

/* The pseudo-inverse of those rows (without window, times fft / hop) is the inverse
   Fourier transform: each row divided by fft, twice over except at both ends of the
   spectrum. */
static double inverse_weight(const tango_audio_parameters *a, size_t row, size_t n)
{
    size_t bins = a->fft / 2 + 1, k = row % bins;
    double twice = k == 0 || k == bins - 1 ? 1.0 : 2.0;
    return forward_weight(a, row, n) * twice / (double)a->fft * (double)a->hop /
           (double)a->fft;
}

typedef double stft_weight(const tango_audio_parameters *a, size_t row, size_t column);

/* Compares a matrix with its formula, within rounding of its largest element. */
static void check_stft_tensor(const source *s, const tango_audio_parameters *a,
                              const char *key, const size_t *shape, size_t rank,
                              stft_weight *expected)
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
static void check_stft(const source *s, const tango_model *m)
{
    const tango_audio_parameters parameters = {
        m->rate, m->fft, m->hop, m->window, m->mels, m->mel_low, m->mel_high,
        TANGO_AUDIO_TACOTRON
    };
    const tango_audio_parameters *a = &parameters;
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

/* ==== 10. Writing the tensors ====================================================== */

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

static int compare_weights(const void *a, const void *b)
{
    return strcmp(((const weight *)a)->name, ((const weight *)b)->name);
}

static int compare_name(const void *name, const void *w)
{
    return strcmp((const char *)name, ((const weight *)w)->name);
}

/* Every tensor in the order of the blob's index. t is what describe made, then sorted, as
   the plan is. */
static int write_all(job *j, const plan *p, const tango_io_tensor *t, int quiet)
{
    cli_progress progress = cli_progress_begin(quiet);
    int ok = 1;
    for (size_t i = 0; ok && i < p->count; i++) {
        const weight *w = (const weight *)bsearch(t[i].name, p->list, p->count,
                                                  sizeof *p->list, compare_name);
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
    qsort(p->list, p->count, sizeof *p->list, compare_weights);
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

/* ==== 11. The program ============================================================== */

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
    check_not_of_checkpoint(output, folder);
    for (size_t i = MAIN_CONFIG; i <= DEFAULTS; i++)
        if (s[i].name) parse_json(&s[i]);
    stop_at_problems(folder);
    read_configuration(&v, s, &c);
    stop_at_problems(folder);
    make_plan(&p, &c);

    for (size_t i = MAIN; i < FILES; i++)
        if (s[i].name) open_checkpoint(&s[i]);
    stop_at_problems(folder);
    match(s, &p, &c.model.text);
    if (s[STFT].name) check_stft(&s[STFT], &c.model);
    stop_at_problems(folder);

    j.sources = s;
    j.type = type >= 0 ? (tango_io_type)type : type_of_checkpoint(&p);
    put_provenance(&v, s, j.type);
    put_number(&v, "tango.parameters", (double)parameter_count(&p));
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
