/* clang -g -O1 -fsanitize=fuzzer,address,undefined -I../.. model.c -lm -o fuzz_model
   ./fuzz_model -max_total_time=60 -max_len=4096

   The input changes the metadata of a small model of five parts. What tango.h then takes
   for a model has every tensor that it asks for, exactly as large as it says; it must
   plan, and run unless it is large, without another complaint than of its numbers. */
#define TANGO_IO_IMPLEMENTATION
#include "../../tango_io.h"
#include <stdlib.h>

/* Room 6 of tango.h asks for tensors here: it has what is wanted in these variables. */
#define tango_io_blob_find(blob, name, tensor) \
    ((void)(blob), weights(name, tensor, want, rank, layout))
#define tango_io_blob_value(blob, key, value) \
    ((void)(blob), metadata(key, value))

static int weights(const char *name, tango_io_tensor *t, const size_t *shape,
                   size_t rank, tango_io_layout layout);
static int metadata(const char *key, tango_io_value *value);

#define TANGO_IMPLEMENTATION
#include "../../tango.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

enum { KEYS_MAX = 160, LISTS_MAX = 200, NUMBERS_MAX = 24 };
enum { LARGEST = 1 << 14, TENSORS_MAX = 3000 };

static struct {
    tango_io_value values[KEYS_MAX];
    union { uint64_t u[NUMBERS_MAX]; double f[NUMBERS_MAX]; } numbers[LISTS_MAX];
    size_t count, lists;
    void *tensors[TENSORS_MAX];
    size_t tensor_count;
    int measured; /* nobody reads the weights */
    tango_io_type type; /* of all tensors; F32 unless a test says otherwise */
} world;

static int metadata(const char *key, tango_io_value *value)
{
    for (size_t i = 0; i < world.count; i++)
        if (strcmp(world.values[i].key, key) == 0) {
            *value = world.values[i];
            return 1;
        }
    return 0;
}

/* A tensor that ends where its block does; no more than LARGEST numbers. */
static int weights(const char *name, tango_io_tensor *t, const size_t *shape,
                   size_t rank, tango_io_layout layout)
{
    const float low = strstr(name, "running_var") != NULL ? 0.1f : -0.28f;
    size_t count = 1;
    memset(t, 0, sizeof *t);
    for (size_t i = 0; i < rank; i++)
        if (shape[i] == 0) return 0; /* no blob holds such a tensor */
    t->rank = rank;
    t->layout = layout;
    t->type = world.type;
    for (size_t i = 0; i < rank; i++) t->shape[i] = shape[i];
    if (world.measured) return 1;
    for (size_t i = 0; i < rank; i++) {
        const size_t n = layout == TANGO_IO_PANELS && i == 0 ? (shape[0] + 15) / 16 * 16
                                                             : shape[i];
        if (n > LARGEST || !tango_mul_ok(count, n, &count)) return 0;
    }
    if (count > LARGEST || world.tensor_count == TENSORS_MAX) return 0;
    void *room = NULL;
    if (posix_memalign(&room, 64, count * sizeof(float)) != 0) return 0;
    float *block = (float *)room;
    world.tensors[world.tensor_count++] = block;
    for (size_t i = 0; i < count; i++) block[i] = (float)(i * 37 % 29) / 50.0f + low;
    t->data = block;
    return 1;
}

static void forget_weights(void)
{
    while (world.tensor_count > 0) free(world.tensors[--world.tensor_count]);
}

static tango_io_value *put(const char *key, int type, const void *data, size_t count)
{
    tango_io_value *v = &world.values[world.count++];
    memset(v, 0, sizeof *v);
    v->key = key;
    v->type = type;
    v->data = data;
    v->count = count;
    return v;
}

/* One letter a number, from '0' on. */
static void put_list(const char *key, const char *digits)
{
    uint64_t *at = world.numbers[world.lists++].u;
    const size_t n = strlen(digits);
    for (size_t i = 0; i < n; i++) at[i] = (uint64_t)(digits[i] - '0');
    put(key, TANGO_IO_U64, at, n);
}

static void put_integer(const char *key, uint64_t x)
{
    uint64_t *at = world.numbers[world.lists++].u;
    at[0] = x;
    put(key, TANGO_IO_U64, at, 1);
}

static void put_real(const char *key, double x)
{
    double *at = world.numbers[world.lists++].f;
    at[0] = x;
    put(key, TANGO_IO_F64, at, 1);
}

static void put_word(const char *key, const char *word)
{
    put(key, TANGO_IO_STRING, word, strlen(word));
}

/* A table without merges: entry of each byte 4 and up. */
static size_t bpe_table(unsigned char *out, uint32_t kind)
{
    const uint32_t head[10] = { 1, kind, 260, 0, 0, 0, 2, 1, 3, 0 };
    memcpy(out, "TANGOBPE", 8);
    for (size_t i = 0; i < 10 + 512; i++) {
        const uint32_t x = i < 10 ? head[i] : (uint32_t)((i - 10) % 256 + 4);
        for (size_t k = 0; k < 4; k++) out[8 + 4 * i + k] = (unsigned char)(x >> 8 * k);
    }
    return 2096;
}

/* kind: of the text encoder, in the order of tango_text_type. */
static void put_text(size_t kind)
{
    static const char spiece[] = "\x0a\x0e\x0a\x05<pad>\x15\0\0\0\0\x18\x03"
        "\x0a\x0d\x0a\x04</s>\x15\0\0\0\0\x18\x03"
        "\x0a\x0e\x0a\x05<unk>\x15\0\0\0\0\x18\x02"
        "\x0a\x0a\x0a\x01" "a\x15\0\0\x80\xbf\x18\x01";
    static const char *const types[] = { "t5", "clip", "clap" },
                            *const tokenizers[] = { "sentencepiece", "clip", "roberta" };
    static unsigned char table[2096], other[2096];
    put_word("text.type", types[kind]);
    put_word("tokenizer.type", tokenizers[kind]);
    if (kind == 0) put("tokenizer.spiece", TANGO_IO_BYTES, spiece, sizeof spiece - 1);
    else put("tokenizer.bpe", TANGO_IO_BYTES, table, bpe_table(table, (uint32_t)kind));
    put("rank_tokenizer.bpe", TANGO_IO_BYTES, other, bpe_table(other, 2));
    for (size_t i = 0; i < 2; i++) {
        static const char *const keys[2][12] = { { "text.vocab", "text.d_model",
            "text.d_kv", "text.d_ff", "text.layers", "text.heads", "text.buckets",
            "text.max_distance", "text.positions", "text.pad", "text.projection",
            "text.eps" }, { "rank_text.vocab", "rank_text.d_model", "rank_text.d_kv",
            "rank_text.d_ff", "rank_text.layers", "rank_text.heads", "rank_text.buckets",
            "rank_text.max_distance", "rank_text.positions", "rank_text.pad",
            "rank_text.projection", "rank_text.eps" } };
        static const uint64_t usual[11] = { 300, 8, 4, 16, 2, 2, 8, 16, 40, 1, 8 };
        for (size_t k = 0; k < 11; k++) put_integer(keys[i][k], usual[k]);
        put_real(keys[i][11], 1e-5);
    }
    put_word("text.activation", "quick_gelu");
}

static void put_sound(size_t kind)
{
    put_integer("unet.in_channels", 4);
    put_integer("unet.out_channels", 4);
    put_list("unet.channels", "48");
    put_list("unet.heads", "12");
    put_list("unet.down_attention", "10");
    put_list("unet.up_attention", "01");
    put_integer("unet.layers_per_block", 1);
    put_integer("unet.norm_groups", 2);
    put_integer("unet.cross_dim", kind == 2 ? 0 : 8);
    put_integer("unet.class_dim", kind == 2 ? 8 : 0);
    put_integer("unet.guidance_dim", 0);
    put_real("unet.norm_eps", 1e-5);
    put_real("unet.freq_shift", 0.0);
    put_list("unet.flip_sin_to_cos", "1");
    put_list("unet.center_input", "0");
    put_real("unet.mid_scale", 1.0);
    put_list("unet.adapters", "0");
    put_integer("vae.channels", 4);
    put_list("vae.ch_mult", "12");
    put_integer("vae.res_blocks", 1);
    put_integer("vae.z_channels", 4);
    put_integer("vae.embed_dim", 4);
    put_integer("vae.groups", 2);
    put_list("vae.in_channels", "1");
    put_list("vae.out_channels", "1");
    put_real("vae.scale_factor", 1.0);
    put_list("vae.clip_latent", "1");
    put_integer("vocoder.mels", 8);
    put_integer("vocoder.channels", 8);
    put_list("vocoder.rates", "24");
    put_list("vocoder.kernels", "48");
    put_list("vocoder.res_kernels", "35");
    put_list("vocoder.res_dilations", "135135");
    put_integer("audio.rate", 1000);
    put_integer("audio.fft", 32);
    put_integer("audio.hop", 8);
    put_integer("audio.window", 32);
    put_integer("audio.mels", 8);
    put_real("audio.fmin", 0.0);
    put_real("audio.fmax", 500.0);
    put_list("wave.center", "1");
}

static void put_rest(void)
{
    put_integer("schedule.train_steps", 50);
    put_real("schedule.beta_start", 0.0015);
    put_real("schedule.beta_end", 0.0195);
    put_word("schedule.beta_schedule", "scaled_linear");
    put_list("schedule.steps_offset", "1");
    put_list("schedule.clip_sample", "0");
    put_real("schedule.clip_sample_range", 1.0);
    put_list("schedule.thresholding", "0");
    put_real("schedule.dynamic_thresholding_ratio", 0.9);
    put_real("schedule.sample_max_value", 2.0);
    put_list("schedule.set_alpha_to_one", "0");
    put_list("rank.dims", "48");
    put_list("rank.depths", "21");
    put_list("rank.heads", "12");
    put_integer("rank.window", 2);
    put_integer("rank.patch", 2);
    put_integer("rank.image", 16);
    put_integer("rank.projection", 8);
    put_integer("rank.rate", 2000);
    put_integer("rank.fft", 32);
    put_integer("rank.hop", 8);
    put_integer("rank.mels", 4);
    put_real("rank.fmin", 50.0);
    put_real("rank.fmax", 1000.0);
    put_integer("rank.frames", 40);
    put_integer("default.steps", 2);
    put_real("default.guidance", 2.0);
    put_real("default.rescale", 0.5);
    put_real("default.eta", 1.0);
    put_real("default.crop", 0.06);
    put_real("default.seconds", 0.1);
}

/* Words of each kind, put where the input wants one. */
static const struct { const char *key, *word; } extra[] = {
    { "unet.guidance", "fourier" }, { "unet.guidance", "ctm" },
    { "default.sampler", "ddim" }, { "default.sampler", "euler" },
    { "default.sampler", "unipc" }, { "default.sampler", "dpm" },
    { "default.sampler", "consistency" }, { "default.sampler", "ctm" },
    { "default.vocoder", "griffin-lim" }, { "schedule.prediction", "v_prediction" },
    { "schedule.prediction", "sample" }, { "schedule.spacing", "trailing" },
    { "schedule.spacing", "linspace" }, { "schedule.final_sigmas_type", "sigma_min" },
    { "schedule.variance_type", "fixed_large" }, { "text.activation", "gelu" },
    { "text.type", "clap" }, { "text.type", "clip" }, { "text.type", "t5" },
    { "tokenizer.type", "clip" }, { "tokenizer.type", "roberta" },
    { "tokenizer.type", "sentencepiece" }
};

static void set_word(const char *key, const char *word)
{
    for (size_t i = 0; i < world.count; i++)
        if (strcmp(world.values[i].key, key) == 0) {
            world.values[i].data = word;
            world.values[i].count = strlen(word);
            return;
        }
    if (world.count < KEYS_MAX) put_word(key, word);
}

static void drop(const char *key)
{
    for (size_t i = 0; i < world.count; i++)
        if (strcmp(world.values[i].key, key) == 0) {
            world.values[i] = world.values[--world.count];
            return;
        }
}

/* One change in six bytes: which value, what becomes of it, which number, the number. */
static void change(const unsigned char c[6])
{
    const size_t which = c[0] % world.count, place = c[2] % NUMBERS_MAX;
    tango_io_value *v = &world.values[which];
    const uint64_t x = (uint64_t)c[3] << (c[4] % 64);
    static const double reals[] = { 0, 1, -1, 0.5, 1e-12, 1e-7, 1e6, 1e300, 0.01, 600 };
    const int numbers = v->type == TANGO_IO_U64 || v->type == TANGO_IO_F64;
    switch (c[1] % 8) {
    case 0: *v = world.values[--world.count]; return;
    case 1: if (numbers && c[2] <= NUMBERS_MAX) v->count = c[2]; return;
    case 2: case 3: {
        const size_t i = c[3] % (sizeof extra / sizeof extra[0]);
        set_word(extra[i].key, extra[i].word);
        return;
    }
    default: break;
    }
    if (!numbers) return;
    uint64_t *at = (uint64_t *)(uintptr_t)v->data + (place < v->count ? place : 0);
    const double real = c[5] & 1 ? (double)c[3] / 16.0
                                 : reals[c[3] % (sizeof reals / sizeof reals[0])];
    if (v->type == TANGO_IO_F64) memcpy(at, &real, 8);
    else *at = x + (c[5] & 1);
}

static int on_step(void *user, size_t done, size_t steps)
{
    size_t *left = (size_t *)user;
    (void)done, (void)steps;
    return *left == 0 || --*left == 0;
}

static int on_stage(void *user, const tango_stage *stage)
{
    size_t count = 1;
    for (size_t i = 0; i < stage->rank; i++) count *= stage->shape[i];
    if (count > 0 && stage->values != NULL && stage->values[count - 1] == 12345.0f)
        return 1;
    return on_step(user, 0, 0);
}

static int small(tango_result result, size_t memory)
{
    return result == TANGO_OK && memory < 3 << 20;
}

/* What a model that was opened may end with: nothing about its data. */
static void expect(tango_result result, int also)
{
    if (result == TANGO_OK || result == TANGO_ERROR_NUMBER || (int)result == also) return;
    if (world.tensor_count == TENSORS_MAX) return;
    __builtin_trap();
}

static int too_large(const tango_error *error)
{
    return strstr(error->text, "no tensor") != NULL;
}

static void generate(const tango_model *m, unsigned how, size_t calls)
{
    tango_params p;
    tango_plan plan;
    tango_error error;
    memset(&p, 0, sizeof p);
    p.prompt = how & 4 ? "" : "a dog <pad> \xff barks aaaa";
    p.negative = how & 8 ? "low" : NULL;
    p.samples = how & 1 ? 2 : 0;
    p.on_step = on_step;
    if (how & 2) p.on_stage = on_stage;
    if (how & 16) p.vocoder = TANGO_GRIFFIN_LIM;
    p.user = &calls;
    const tango_result result = tango_prepare(&plan, m, &p, &error);
    if (!small(result, plan.memory) || plan.params.steps > 3 ||
        plan.frames * m->mels > 4096)
        return;
    void *memory = malloc(plan.memory);
    float *wave = (float *)malloc(plan.params.samples * plan.samples * sizeof *wave);
    if (tango_generate(wave, m, &p, memory, plan.memory - 1, &error) !=
        TANGO_ERROR_MEMORY)
        __builtin_trap();
    world.measured = 0;
    const tango_result end = tango_generate(wave, m, &p, memory, plan.memory, &error);
    if (end == TANGO_OK || !too_large(&error)) expect(end, TANGO_ERROR_CANCELLED);
    world.measured = 1;
    free(memory);
    free(wave);
    forget_weights();
}

static void encode(const tango_model *m)
{
    tango_encoding e;
    tango_error error;
    size_t memory = 0;
    memset(&e, 0, sizeof e);
    e.batch = 1;
    e.sample = 1;
    e.frames = (size_t)1 << (m->vae.levels > 0 ? m->vae.levels - 1 : 0);
    if (!small(tango_encode_memory(&memory, m, &e, &error), memory)) return;
    void *room = malloc(memory);
    const size_t rows = m->mels / e.frames * m->vae.embedding;
    float *latent = (float *)malloc(rows * sizeof *latent);
    float *mel = (float *)calloc(e.frames * m->mels, sizeof *mel);
    world.measured = 0;
    const tango_result end =
        tango_encode(latent, NULL, NULL, mel, m, &e, room, memory, &error);
    if (end == TANGO_OK || !too_large(&error)) expect(end, 0);
    world.measured = 1;
    free(room);
    free(latent);
    free(mel);
    forget_weights();
}

static void judge(const tango_model *m, size_t samples, size_t rate)
{
    tango_ranking r;
    tango_error error;
    size_t memory = 0;
    float score, *wave;
    memset(&r, 0, sizeof r);
    r.prompt = "a dog";
    r.count = 1;
    r.samples = samples;
    r.rate = rate;
    if (!small(tango_rank_memory(&memory, m, &r, &error), memory)) return;
    void *room = malloc(memory);
    wave = (float *)malloc(samples * sizeof *wave);
    for (size_t i = 0; i < samples; i++) wave[i] = (float)(i % 17) / 20.0f - 0.4f;
    if (tango_rank(&score, wave, m, &r, room, memory - 1, &error) != TANGO_ERROR_MEMORY)
        __builtin_trap();
    world.measured = 0;
    const tango_result end = tango_rank(&score, wave, m, &r, room, memory, &error);
    if (end == TANGO_OK || !too_large(&error)) expect(end, 0);
    world.measured = 1;
    free(room);
    free(wave);
    forget_weights();
}

/* As tango_open does. */
static tango_result opened(tango_model *model, tango_error *error)
{
    const tango_result r = tango_configure(model, world.values, world.count, error);
    return r == TANGO_OK ? tango__probe(model, error) : r;
}

/* kind: of the text encoder; the parts of `without` are left out. */
static void build(size_t kind, unsigned without)
{
    static const char *const first[] = { "text.type", "unet.channels", "vae.channels",
        "vocoder.mels", "rank.dims" };
    world.count = world.lists = 0;
    world.measured = 1;
    put_text(kind);
    put_sound(kind);
    put_rest();
    for (size_t i = 0; i < 5; i++)
        if (without >> i & 1) drop(first[i]);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static tango_model model;
    tango_error error;
    if (size < 5) return 0;
    build(data[0] % 3, data[4]);
    for (size_t at = 5; at + 6 <= size && at < 65 && world.count > 1; at += 6)
        change(data + at);
    if (opened(&model, &error) != TANGO_OK) return 0;
    generate(&model, data[1], data[2]);
    encode(&model);
    judge(&model, (size_t)data[3] + 1, data[0] & 64 ? 1 : data[0] & 128 ? 999983 : 1500);
    return 0;
}
