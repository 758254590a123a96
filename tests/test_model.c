/* cc -I.. test_model.c -lm -o t && ./t     prints one line a claim

   What a blob's metadata may say, on the made-up models of fuzz/model.c: these have all
   tensors that tango.h asks for. */
#define TANGO_STATIC /* what is not called is left out: builds in half of the time */
#include "fuzz/model.c"
#include "check.h"

static tango_model model;
static tango_error error;

static void set(const char *key, uint64_t x)
{
    drop(key);
    put_integer(key, x);
}

static int refused(const char *words)
{
    const tango_result r = opened(&model, &error);
    if (r == TANGO_ERROR_DATA && strstr(error.text, words) != NULL) return 1;
    printf("    %d: %s\n", (int)r, r == TANGO_OK ? "" : error.text);
    return 0;
}

/* Each part is used as far as the others let it; fuzz/model.c traps what goes wrong. */
static void any_parts_make_a_model(void)
{
    for (size_t kind = 0; kind < 3; kind++)
        for (unsigned without = 0; without < 32; without++) {
            build(kind, without);
            if (without == 31) CHECK(refused("no text encoder"));
            else CHECK(opened(&model, &error) == TANGO_OK);
            if (without == 31) continue;
            CHECK(model.parts == (31u ^ without));
            generate(&model, without % 8, SIZE_MAX);
            encode(&model);
            judge(&model, 100, 1500);
        }
}

/* A type that a blob may hold and no layer reads: named, with the tensor. */
static void types_that_no_layer_reads_are_named(void)
{
    for (int type = 0; type <= (int)TANGO_IO_BOOL; type++) {
        build(0, 0);
        world.type = (tango_io_type)type;
        if (type == TANGO_IO_F32) continue;
        CHECK(opened(&model, &error) == TANGO_ERROR_UNSUPPORTED);
        CHECK(strstr(error.text, "model: tensor '") != NULL);
        CHECK(strstr(error.text, tango_io_type_name(world.type)) != NULL);
        CHECK(strstr(error.text, ", expected f32") != NULL);
    }
    world.type = TANGO_IO_F32;
    CHECK(opened(&model, &error) == TANGO_OK);
}

/* The types of weights by layout: integers in blocks, and nothing else there. */
static void a_layer_reads_floats_in_order_and_integers_in_blocks(void)
{
    for (int type = 0; type <= (int)TANGO_IO_BOOL; type++) {
        tango_io_tensor t;
        tango_nn_type kind = TANGO_NN_F32;
        const int whole = type == TANGO_IO_I16 || type == TANGO_IO_I8;
        memset(&t, 0, sizeof t);
        t.type = (tango_io_type)type;
        t.layout = TANGO_IO_PANELS;
        CHECK(tango__type_of(&kind, &t) == (type <= (int)TANGO_IO_BF16));
        t.layout = TANGO_IO_BLOCKS;
        CHECK(tango__type_of(&kind, &t) == whole);
        if (whole) CHECK(kind == (type == TANGO_IO_I8 ? TANGO_NN_I8 : TANGO_NN_I16));
    }
}

/* T5 and CLIP make states, CLAP a vector: a UNet that wants the other has nothing. */
static void a_unet_gets_what_its_text_encoder_makes(void)
{
    for (size_t kind = 0; kind < 3; kind++) {
        build(kind, 0);
        if (kind == 2) set("unet.cross_dim", 8);
        else set("unet.class_dim", 8);
        CHECK(refused(kind == 2 ? "'unet.cross_dim' is 8, expected 0"
                                : "'unet.class_dim' is 8, expected 0"));
        build(kind, 0);
        if (kind == 2) set("unet.class_dim", 0);
        else set("unet.cross_dim", 0);
        CHECK(refused(kind == 2 ? "'unet.class_dim' is 0, expected 8"
                                : "'unet.cross_dim' is 0, expected 8"));
    }
}

static void a_text_has_room_for_both_its_ends(void)
{
    static const char *const keys[2][2] = { { "text.positions", "text.pad" },
        { "rank_text.positions", "rank_text.pad" } };
    for (size_t i = 0; i < 2; i++) {
        build(i == 0 ? 2 : 0, 0);
        set(keys[i][1], 37);
        CHECK(opened(&model, &error) == TANGO_OK);
        generate(&model, 0, SIZE_MAX);
        judge(&model, 100, 1500);
        set(keys[i][1], 38);
        CHECK(refused(keys[i][0]) && strstr(error.text, "3 more than 38") != NULL);
        set(keys[i][1], 299);
        CHECK(refused(keys[i][0]));
    }
}

/* Whatever stands beside the table that the type names is nobody's. */
static void the_type_names_the_table(void)
{
    build(1, 0);
    put("tokenizer.spiece", TANGO_IO_BYTES, "none", 4);
    CHECK(opened(&model, &error) == TANGO_OK);
    generate(&model, 0, SIZE_MAX);
    build(0, 0);
    put("tokenizer.bpe", TANGO_IO_BYTES, "none", 4);
    CHECK(opened(&model, &error) == TANGO_OK);
    generate(&model, 0, SIZE_MAX);
    build(2, 0); /* one table for the prompt and the ranking, which wants its kind */
    set_word("tokenizer.type", "sentencepiece");
    put("tokenizer.spiece", TANGO_IO_BYTES, "none", 4);
    CHECK(opened(&model, &error) != TANGO_OK);
    build(2, 16);
    set_word("tokenizer.type", "clip");
    CHECK(opened(&model, &error) != TANGO_OK);
}

static void a_unet_with_adapters_needs_no_vae(void)
{
    build(0, TANGO_PART_VAE);
    set("unet.adapters", 1);
    CHECK(opened(&model, &error) == TANGO_OK);
    build(0, 0);
    set("unet.adapters", 1);
    CHECK(refused("'vae.embed_dim' is 4, expected 8"));
}

/* Whoever asks for room for the wave multiplies what the plan says. */
static void a_wave_fits_in_memory(void)
{
    tango_params p;
    tango_plan plan;
    memset(&p, 0, sizeof p);
    p.prompt = "";
    p.vocoder = TANGO_GRIFFIN_LIM; /* a mel of 8 numbers for every 8192 samples */
    p.seconds = 600;
    p.samples = 1024;
    p.crop = -1.0;
    build(0, TANGO_PART_VOCODER);
    set("audio.rate", 16000);
    set("audio.fft", 16384);
    set("audio.window", 16384);
    set("audio.hop", 8192);
    drop("default.seconds");
    CHECK(opened(&model, &error) == TANGO_OK);
    if (SIZE_MAX / 4 / 1024 > 9600000) {
        CHECK(tango_prepare(&plan, &model, &p, &error) == TANGO_OK);
        CHECK(plan.samples > 9500000);
    } else {
        CHECK(tango_prepare(&plan, &model, &p, &error) == TANGO_ERROR_MEMORY);
        CHECK(strncmp(error.text, "wave: no room", 13) == 0);
    }
}

/* Sizes that wrap to small ones are no plan. */
static void a_mel_to_encode_fits_in_memory(void)
{
    tango_encoding e;
    size_t size = 17;
    memset(&e, 0, sizeof e);
    build(0, TANGO_PART_VOCODER);
    set("audio.mels", 32);
    CHECK(opened(&model, &error) == TANGO_OK);
    for (size_t i = 0; i < 4; i++) {
        e.batch = i < 2 ? 1 : SIZE_MAX / 64;
        e.frames = i < 2 ? SIZE_MAX / 8 + 1 : 16;
        e.window = i % 2 * 16;
        CHECK(tango_encode_memory(&size, &model, &e, &error) == TANGO_ERROR_MEMORY);
        CHECK(strncmp(error.text, "encode: no room", 15) == 0 && size == 17);
    }
}

/* Three workers, the last part first. */
static void backwards(void *pool, size_t count, tango_nn_task *task, void *data)
{
    (void)pool;
    while (count-- > 0) task(data, count, count % 3);
}

static int note_name(void *user, const tango_stage *stage)
{
    strcpy((char *)user, stage->name);
    return 0;
}

/* A schedule may have 100000 steps. */
static void no_two_steps_have_one_name(void)
{
    static const struct { size_t step; const char *name; } steps[] = {
        { 0, "unet_000" }, { 999, "unet_999" }, { 1000, "unet_1000" },
        { 10000, "unet_10000" }, { 99999, "unet_99999" }, { SIZE_MAX, "unet" }
    };
    static float block[256], x[1];
    char name[32] = "";
    tango__net net;
    tango_plan plan;
    tango_arena arena;
    memset(&net, 0, sizeof net);
    memset(&plan, 0, sizeof plan);
    tango__arena_over(&arena, block, sizeof block);
    net.arena = &arena;
    net.error = &error;
    plan.params.on_stage = note_name;
    plan.params.user = name;
    plan.latent_rows = plan.latent_width = 1;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        tango__tell_images(&net, &plan, "unet", steps[i].step, x, 1, 1);
        CHECK(strcmp(name, steps[i].name) == 0);
    }
    tango__arena_close(&arena);
}

/* The first numbers of each stage of a run, the scores of its sounds behind them. */
enum { STAGES_MAX = 32, FIRST = 24 };

typedef struct trace {
    size_t count;
    float first[STAGES_MAX][FIRST];
} trace;

static int keep_stage(void *user, const tango_stage *stage)
{
    trace *t = (trace *)user;
    size_t n = 1;
    for (size_t i = 0; i < stage->rank; i++) n *= stage->shape[i];
    if (stage->values == NULL || t->count + 1 == STAGES_MAX) return 0;
    memcpy(t->first[t->count++], stage->values, (n < FIRST ? n : FIRST) * sizeof(float));
    return 0;
}

/* Runs and ranks what the model in `world` makes. */
static void run(trace *t, const tango_nn_kernels *kernels, int many)
{
    tango_params p;
    tango_plan plan;
    tango_ranking r;
    size_t size = 0;
    memset(t, 0, sizeof *t);
    memset(&p, 0, sizeof p);
    memset(&r, 0, sizeof r);
    p.prompt = r.prompt = "a dog barks";
    p.kernels = r.kernels = kernels;
    p.samples = r.count = 2;
    p.seed = 3;
    p.on_stage = keep_stage;
    p.user = t;
    if (many) p.parallel_for = r.parallel_for = backwards, p.threads = r.threads = 3;
    CHECK(opened(&model, &error) == TANGO_OK);
    CHECK(tango_prepare(&plan, &model, &p, &error) == TANGO_OK);
    r.samples = plan.samples;
    CHECK(tango_rank_memory(&size, &model, &r, &error) == TANGO_OK);
    void *memory = malloc(plan.memory), *room = malloc(size);
    float *wave = (float *)malloc(2 * plan.samples * sizeof *wave);
    world.measured = 0;
    CHECK(tango_generate(wave, &model, &p, memory, plan.memory, &error) == TANGO_OK);
    CHECK(tango_rank(t->first[t->count++], wave, &model, &r, room, size, &error)
          == TANGO_OK);
    world.measured = 1;
    free(memory);
    free(room);
    free(wave);
    forget_weights();
}

/* 1 if each stage of two runs differs by rounding alone. */
static int alike(const trace *a, const trace *b)
{
    if (a->count != b->count || a->count < 10) return 0;
    for (size_t s = 0; s < a->count; s++) {
        float far = 0.0f, loud = 0.0f;
        for (size_t i = 0; i < FIRST; i++) {
            const float x = a->first[s][i], d = fabsf(x - b->first[s][i]);
            far = d > far ? d : far;
            loud = fabsf(x) > loud ? fabsf(x) : loud;
        }
        if (!(far <= 2e-5f * loud)) return 0;
    }
    return 1;
}

/* What a distilled model has beside: fourier, ctm. */
static void distil(int how)
{
    static const char *const names[] = { "", "consistency", "ctm" };
    if (how == 0) return;
    set_word("unet.guidance", how == 1 ? "fourier" : "ctm");
    set_word("default.sampler", names[how]);
    if (how == 1) set("unet.guidance_dim", 5);
}

static void one_seed_is_one_sound(void)
{
    static const char *const names[] = { "reference", "avx2", "avx512", "vnni" };
    static trace first, one, many;
    for (size_t kind = 0; kind < 3; kind++)
        for (int how = 0; how < 3; how++) {
            build(kind, 0);
            distil(how);
            run(&first, tango_nn_reference(), 0);
            for (size_t i = 0; i < 4; i++) {
                const tango_nn_kernels *k = tango_nn_kernels_named(names[i]);
                if (k == NULL) continue;
                run(&one, k, 0);
                run(&many, k, 1);
                CHECK(memcmp(&one, &many, sizeof one) == 0);
                CHECK(alike(&first, &one));
            }
        }
}

/* Three numbers; what a program was compiled with is what it is linked with. */
static void the_version_can_be_asked(void)
{
    unsigned major_part, minor_part, patch;
    char rest;
    CHECK(strcmp(tango_version(), TANGO_VERSION) == 0);
    CHECK(sscanf(tango_version(), "%u.%u.%u%c", &major_part, &minor_part, &patch, &rest)
          == 3);
}

int main(void)
{
    RUN(the_version_can_be_asked);
    RUN(any_parts_make_a_model);
    RUN(types_that_no_layer_reads_are_named);
    RUN(a_layer_reads_floats_in_order_and_integers_in_blocks);
    RUN(a_unet_gets_what_its_text_encoder_makes);
    RUN(a_text_has_room_for_both_its_ends);
    RUN(the_type_names_the_table);
    RUN(a_unet_with_adapters_needs_no_vae);
    RUN(a_wave_fits_in_memory);
    RUN(a_mel_to_encode_fits_in_memory);
    RUN(no_two_steps_have_one_name);
    RUN(one_seed_is_one_sound);
    return CHECK_DONE();
}
