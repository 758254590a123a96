/* golden_rank.h: CLAP's ranking beside transformers; a part of golden.c, behind
   golden_unets.h, whose work_folder takes a blob. What is in golden/rank, oracle/rank.py
   says. */
#ifndef TANGO_GOLDEN_RANK_H
#define TANGO_GOLDEN_RANK_H

#include "golden.h"

/* What golden/rank holds: two sounds at `rate`, one of them longer than a clip. */
typedef struct rank_bench {
    tango_io_file file;
    tango_model model;
    tango_io_json json;
    size_t stages;          /* node of the tolerances */
    array sounds[2], mel, vector;
    size_t frames, mels, projection;
} rank_bench;

static rank_bench rank_open(void)
{
    static const char *const names[] = { "long", "short" };
    rank_bench b;
    char path[1024];
    tango_error error;
    snprintf(path, sizeof path, "%s/rank/rank.tango", folder);
    if (tango_io_map(&b.file, path, &error) != TANGO_OK
        || tango_open(&b.model, b.file.data, b.file.size, &error) != TANGO_OK)
        stop(path, error.text);
    b.json = load_json("rank/rank.json");
    b.stages = tango_io_json_find(&b.json, 0, "stages");
    for (size_t i = 0; i < 2; i++) {
        b.sounds[i] = must_load("rank", names[i]);
        for (size_t k = 0; k < b.sounds[i].count; k++) b.sounds[i].values[k] /= 32768.0f;
    }
    b.mel = must_load("rank", "mel");
    b.vector = must_load("rank", "vector");
    b.frames = b.model.rank.frames;
    b.mels = b.model.rank.mels;
    b.projection = b.model.rank.projection;
    return b;
}

static void rank_close(rank_bench *b)
{
    tango_io_unmap(&b->file);
    release(NULL);
}

static tango_ranking rank_of(const rank_bench *b, size_t which)
{
    tango_ranking r;
    memset(&r, 0, sizeof r);
    r.prompt = "a dog barks while rain falls";
    r.count = 1;
    r.samples = b->sounds[which].count;
    r.rate = (size_t)number(&b->json, 0, "rate", 0);
    return r;
}

static double rank_tolerance(const rank_bench *b, const char *stage)
{
    return number(&b->json, tango_io_json_find(&b->json, b->stages, stage), "tolerance",
        0);
}

/* Fills mel from a wave, unless that is NULL, and vector from the mel. */
static tango_result rank_run(const rank_bench *b, const tango_nn_kernels *kernels,
    float *mel, float *vector, const float *wave, const tango_ranking *r)
{
    tango_params p;
    tango_error error;
    tango__net net;
    tango_arena arena = arena_of(4000000);
    float *copy = floats(b->frames * b->mels);
    memset(&p, 0, sizeof p);
    p.kernels = kernels;
    tango__net_begin(&net, &b->model, &p, &arena, &error);
    if (wave != NULL) tango__rank_features(&net, mel, wave, r);
    memcpy(copy, mel, b->frames * b->mels * sizeof *copy);
    tango__rank_vector(&net, vector, copy);
    tango__arena_close(&arena);
    return net.result;
}

static void rank_vectors_agree_with_transformers(void)
{
    rank_bench b = rank_open();
    const size_t count = b.frames * b.mels;
    float *mel = floats(count), *vector = floats(b.projection);
    table_head("rank");
    for (size_t level = 0; level < levels; level++)
        for (size_t i = 0; i < 2; i++) {
            const tango_ranking r = rank_of(&b, i);
            const float *want = b.vector.values + i * b.projection;
            const char *name = tango_nn_kernels_name(contexts[level].kernels);
            memcpy(mel, b.mel.values + i * count, count * sizeof *mel);
            CHECK(rank_run(&b, contexts[level].kernels, mel, vector, NULL, &r)
                  == TANGO_OK);
            CHECK(table_row(name, i ? "vector short" : "vector long",
                compare(vector, want, b.projection), rank_tolerance(&b, "vector")));
            CHECK(rank_run(&b, contexts[level].kernels, mel, vector, b.sounds[i].values,
                      &r) == TANGO_OK);
            CHECK(table_row(name, "its mel",
                compare(mel, b.mel.values + i * count, count),
                rank_tolerance(&b, "mel")));
            CHECK(table_row(name, "both", compare(vector, want, b.projection),
                rank_tolerance(&b, "whole")));
        }
    rank_close(&b);
}

/* A tower that rolls, masks, merges or stretches in another way is far from this one. */
static void mistakes_of_the_tower_would_show(void)
{
    rank_bench b = rank_open();
    const tango_ranking r = rank_of(&b, 0);
    const size_t names = tango_io_json_find(&b.json, 0, "mutants");
    array wrong = must_load("rank", "mutants");
    float *vector = floats(b.projection);
    CHECK(rank_run(&b, NULL, b.mel.values, vector, NULL, &r) == TANGO_OK);
    CHECK(wrong.shape[0] == b.json.nodes[names].size && wrong.shape[0] == 7);
    for (size_t i = 0; i < wrong.shape[0]; i++) {
        difference d =
            compare(vector, wrong.values + i * b.projection, b.projection);
        printf("    mistake %zu: %.0f tolerances\n", i,
            d.relative / rank_tolerance(&b, "vector"));
        CHECK(d.relative > 100 * rank_tolerance(&b, "vector"));
    }
    rank_close(&b);
}

/* Scores of `count` sounds that lie one behind the other, in exactly the memory that is
   asked for, `less` bytes less. */
static tango_result rank_scores(const rank_bench *b, const tango_ranking *r,
    float *scores, const float *waves, size_t less, tango_error *error)
{
    size_t size = 0;
    unsigned char *memory;
    tango_result result = tango_rank_memory(&size, &b->model, r, error);
    if (result != TANGO_OK) return result;
    memory = (unsigned char *)take(size);
    memset(memory, 0xff, size);
    return tango_rank(scores, waves, &b->model, r, memory, size - less, error);
}

static void scores_agree_with_transformers(void)
{
    rank_bench b = rank_open();
    const size_t prompts = tango_io_json_find(&b.json, 0, "prompts");
    const array want = must_load("rank", "scores");
    float *got = floats(want.count);
    size_t node = prompts + 1, i, k;
    CHECK(b.json.nodes[prompts].size == want.shape[0] && want.shape[1] == 2);
    for (i = 0; i < want.shape[0]; i++, node++)
        for (k = 0; k < 2; k++) {
            tango_ranking r = rank_of(&b, k);
            tango_error error;
            char prompt[100];
            CHECK(tango_io_json_string(&b.json, node, prompt, sizeof prompt));
            r.prompt = prompt;
            CHECK(rank_scores(&b, &r, &got[2 * i + k], b.sounds[k].values, 0, &error)
                  == TANGO_OK);
        }
    CHECK(table_row("rank", "scores", compare(got, want.values, want.count),
        rank_tolerance(&b, "scores")));
    rank_close(&b);
}

/* Several at once are as each alone; a tail beyond the clip does not count; what was
   repeated by hand is as if it was repeated here. */
static void scores_depend_on_the_clip_alone(void)
{
    rank_bench b = rank_open();
    tango_ranking one = rank_of(&b, 0), r = one;
    const size_t clip = tango__clip_length(&b.model.rank);
    float *waves = floats(6 * clip), *x = b.sounds[0].values, alone, scores[3];
    tango_error error;
    CHECK(rank_scores(&b, &one, &alone, x, 0, &error) == TANGO_OK);
    CHECK(one.samples * 3 > clip + 100);
    r.count = 3;
    for (size_t k = 0; k < 3; k++) memcpy(waves + k * r.samples, x, r.samples * 4);
    for (size_t k = 0; k < r.samples; k++) waves[r.samples + k] *= 0.5f;
    for (size_t k = clip / 3 + 20; k < r.samples; k++) waves[2 * r.samples + k] = 1.0f;
    CHECK(rank_scores(&b, &r, scores, waves, 0, &error) == TANGO_OK);
    CHECK(scores[0] == alone && scores[2] == alone);
    CHECK(fabsf(scores[1] - alone) > 1e-4f);
    one.gain = 0.5f;
    CHECK(rank_scores(&b, &one, &alone, x, 0, &error) == TANGO_OK);
    CHECK_NEAR(alone, scores[1], 1e-6);
    r.count = 2, r.rate = b.model.rank.rate, r.samples = clip; /* the second: repeated */
    for (size_t k = 0; k < clip; k++) waves[k] = waves[clip + k] = x[k % (clip / 4)];
    CHECK(rank_scores(&b, &r, scores, waves, 0, &error) == TANGO_OK);
    r.count = 1, r.samples = clip / 4;
    CHECK(rank_scores(&b, &r, &alone, waves, 0, &error) == TANGO_OK);
    CHECK(scores[0] == alone && scores[1] == alone);
    rank_close(&b);
}

/* Writes the blob again with the text tower as the model's own text encoder; with `both`
   there are two towers, of which the ranking's is the one that was there. */
static void rank_write_shared(const rank_bench *b, const char *path, int both)
{
    const tango_io_blob *from = &b->model.blob;
    size_t values = tango_io_blob_value_count(from), all = values,
           tensors = tango_io_blob_tensor_count(from), held = tensors;
    tango_io_value *v = (tango_io_value *)take((2 * values + 2) * sizeof *v),
                   clap = { "text.type", TANGO_IO_STRING, 4, "clap" },
                   roberta = { "tokenizer.type", TANGO_IO_STRING, 7, "roberta" };
    tango_io_tensor *t = (tango_io_tensor *)take(2 * tensors * sizeof *t), first;
    tango_io_blob_writer writer;
    tango_io_output out;
    tango_error error;
    size_t size = 0, i;
    void *work;
    memset(&first, 0, sizeof first);
    for (i = 0; i < all; i++) {
        tango_io_blob_value_at(from, i, &v[i]);
        if (strncmp(v[i].key, "rank_", 5) != 0) continue;
        if (both) v[values++] = v[i];
        v[i].key += 5;
    }
    v[values++] = clap;
    v[values++] = roberta;
    for (i = 0; i < held; i++) {
        char *name;
        tango_io_blob_tensor(from, i, &t[i]);
        if (strncmp(t[i].name, "clap.text_", 10) != 0) continue;
        if (both) t[tensors++] = t[i];
        name = (char *)take(strlen(t[i].name) + 10);
        sprintf(name, "text_encoder%s", t[i].name + 4);
        t[i].name = name;
        if (strstr(name, "projection.linear1.bias")) first = t[i];
        if (both && strstr(name, "projection.linear2.bias")) t[i].data = first.data;
    }
    if (tango_io_blob_write_size(&size, v, values, t, tensors, &error) != TANGO_OK)
        stop(path, error.text);
    work = take(size);
    if (tango_io_create(&out, path, &error) != TANGO_OK
        || tango_io_blob_write_begin(
               &writer, &out, v, values, t, tensors, work, size, &error) != TANGO_OK)
        stop(path, error.text);
    for (i = 0; i < tensors; i++)
        if (tango_io_blob_write_data(&writer, t[i].data, t[i].size, &error) != TANGO_OK)
            stop(t[i].name, error.text);
    if (tango_io_blob_write_end(&writer, &error) != TANGO_OK
        || tango_io_commit(&out, &error) != TANGO_OK)
        stop(path, error.text);
}

/* AudioLDM's own CLAP reads the prompt and judges: one text tower serves both. Another
   CLAP judges by its own. */
static void a_text_tower_may_be_shared(void)
{
    rank_bench own = rank_open(), shared = own;
    const tango_ranking r = rank_of(&own, 0);
    float *x = own.sounds[0].values, score, same = 9;
    tango_error error;
    char path[1024];
    snprintf(path, sizeof path, "%s/shared.tango", work_folder);
    CHECK(rank_scores(&own, &r, &score, x, 0, &error) == TANGO_OK);
    for (int both = 0; both < 2; both++) {
        rank_write_shared(&own, path, both);
        if (tango_io_map(&shared.file, path, &error) != TANGO_OK
            || tango_open(&shared.model, shared.file.data, shared.file.size, &error)
                   != TANGO_OK)
            stop(path, error.text);
        CHECK(shared.model.parts == (TANGO_PART_TEXT | TANGO_PART_RANK));
        CHECK(shared.model.rank.shares_text == !both);
        CHECK(rank_scores(&shared, &r, &same, x, 0, &error) == TANGO_OK);
        CHECK(score == same);
        tango_io_unmap(&shared.file);
        remove(path);
    }
    rank_close(&own);
}

static void ranking_takes_exactly_its_memory(void)
{
    rank_bench b = rank_open();
    float score, again;
    size_t size = 0;
    tango_arena arena;
    tango_error error;
    for (size_t i = 0; i < 2; i++) {
        const tango_ranking r = rank_of(&b, i);
        const float *x = b.sounds[i].values;
        CHECK(rank_scores(&b, &r, &score, x, 0, &error) == TANGO_OK);
        CHECK(rank_scores(&b, &r, &again, x, 0, &error) == TANGO_OK && score == again);
        CHECK(rank_scores(&b, &r, &score, x, 1, &error) == TANGO_ERROR_MEMORY);
        CHECK(strncmp(error.text, "memory: ", 8) == 0);
        CHECK(tango_rank_memory(&size, &b.model, &r, &error) == TANGO_OK);
        tango__arena_over(&arena, take(size), size);
        CHECK(tango__rank_run(&again, x, &b.model, &r, &arena, &error) == TANGO_OK);
        CHECK(arena.peak + TANGO__ALIGN == size && arena.used == 0);
        tango__arena_close(&arena);
    }
    rank_close(&b);
}

static void threads_change_no_score(void)
{
    rank_bench b = rank_open();
    tango_ranking r = rank_of(&b, 0);
    float one, many;
    tango_error error;
    for (size_t level = 0; level < levels; level++) {
        r.kernels = contexts[level].kernels;
        r.parallel_for = NULL;
        CHECK(rank_scores(&b, &r, &one, b.sounds[0].values, 0, &error) == TANGO_OK);
        for (r.threads = 2; r.threads < 5; r.threads++) {
            tango_nn_pool *pool =
                tango_nn_pool_start(take(tango_nn_pool_size(r.threads)), r.threads);
            if (pool == NULL) stop("pool", "no thread could be made");
            r.parallel_for = tango_nn_pool_for;
            r.pool = pool;
            CHECK(rank_scores(&b, &r, &many, b.sounds[0].values, 0, &error) == TANGO_OK);
            tango_nn_pool_stop(pool);
            CHECK(one == many);
        }
    }
    rank_close(&b);
}

static void nothing_bad_is_judged(void)
{
    rank_bench b = rank_open();
    const tango_ranking good = rank_of(&b, 1);
    tango_ranking r = good;
    float *x = b.sounds[1].values, score = 9;
    tango_error error;
    x[17] = (float)NAN;
    CHECK(rank_scores(&b, &r, &score, x, 0, &error) == TANGO_ERROR_NUMBER);
    CHECK(strncmp(error.text, "rank: NaN", 9) == 0);
    memset(x, 0, b.sounds[1].count * sizeof *x);
    CHECK(rank_scores(&b, &r, &score, x, 0, &error) == TANGO_OK && fabsf(score) <= 1);
    r.prompt = NULL;
    CHECK(rank_scores(&b, &r, &score, x, 0, &error) == TANGO_ERROR_ARGUMENT);
    r = good, r.count = 0;
    CHECK(rank_scores(&b, &r, &score, x, 0, &error) == TANGO_ERROR_ARGUMENT);
    r = good, r.samples = 0;
    CHECK(rank_scores(&b, &r, &score, x, 0, &error) == TANGO_ERROR_ARGUMENT);
    r = good, r.samples = SIZE_MAX / 2, r.count = 3;
    CHECK(rank_scores(&b, &r, &score, x, 0, &error) == TANGO_ERROR_ARGUMENT);
    r = good, r.rate = 0; /* a blob with this part alone has no rate of its own */
    CHECK(rank_scores(&b, &r, &score, x, 0, &error) == TANGO_ERROR_ARGUMENT);
    r = good, r.rate = 1000001;
    CHECK(rank_scores(&b, &r, &score, x, 0, &error) == TANGO_ERROR_ARGUMENT);
    r = good, r.gain = (float)NAN;
    CHECK(rank_scores(&b, &r, &score, x, 0, &error) == TANGO_ERROR_ARGUMENT);
    r = good, r.parallel_for = tango_nn_pool_for, r.threads = SIZE_MAX;
    CHECK(rank_scores(&b, &r, &score, x, 0, &error) == TANGO_ERROR_ARGUMENT);
    b.model.parts = TANGO_PART_TEXT;
    CHECK(rank_scores(&b, &good, &score, x, 0, &error) == TANGO_ERROR_UNSUPPORTED);
    CHECK(strstr(error.text, "no rank") != NULL);
    rank_close(&b);
}

/* Metadata that names no tower: one number of the good ones is changed. */
static void towers_that_cannot_be_are_refused(void)
{
    static const struct { const char *key; size_t at; uint64_t value; } changes[] = {
        { "rank.dims", 1, 24 }, { "rank.dims", 0, 7 }, { "rank.heads", 2, 5 },
        { "rank.depths", 0, 0 }, { "rank.window", 0, 5 }, { "rank.window", 0, 8 },
        { "rank.patch", 0, 3 }, { "rank.patch", 0, 8 }, { "rank.image", 0, 72 },
        { "rank.mels", 0, 64 }, { "rank.mels", 0, 24 }, { "rank.frames", 0, 257 },
        { "rank.fft", 0, 255 }, { "rank.hop", 0, 300 }, { "rank.rate", 0, 9000 },
        { "rank.projection", 0, 17 }, { "rank_text.heads", 0, 3 },
        { "rank_text.projection", 0, 8 }, { "rank_text.pad", 0, 300 },
        { "rank_text.vocab", 0, 262 }
    };
    rank_bench b = rank_open();
    const size_t count = tango_io_blob_value_count(&b.model.blob);
    for (size_t c = 0; c <= sizeof changes / sizeof *changes; c++) {
        tango_io_value *values = (tango_io_value *)take(count * sizeof *values);
        tango_model model;
        tango_error error;
        uint64_t numbers[64][4], *number_of = numbers[0];
        for (size_t i = 0; i < count && i < 64; i++, number_of += 4) {
            tango_io_blob_value_at(&b.model.blob, i, &values[i]);
            if (values[i].type != TANGO_IO_U64) continue;
            for (size_t k = 0; k < values[i].count && k < 4; k++)
                number_of[k] = tango_io_value_u64(&values[i], k);
            values[i].data = number_of;
            if (c < sizeof changes / sizeof *changes
                && strcmp(values[i].key, changes[c].key) == 0)
                number_of[changes[c].at] = changes[c].value;
        }
        if (c == sizeof changes / sizeof *changes) {
            CHECK(tango_configure(&model, values, count, &error) == TANGO_OK);
        } else {
            tango_result result = tango_configure(&model, values, count, &error);
            if (result != TANGO_ERROR_DATA) printf("    %s\n", changes[c].key);
            CHECK(result == TANGO_ERROR_DATA && strstr(error.text, "'rank") != NULL);
        }
    }
    rank_close(&b);
}

static void run_rank(void)
{
    RUN(rank_vectors_agree_with_transformers);
    RUN(mistakes_of_the_tower_would_show);
    RUN(scores_agree_with_transformers);
    RUN(scores_depend_on_the_clip_alone);
    RUN(a_text_tower_may_be_shared);
    RUN(ranking_takes_exactly_its_memory);
    RUN(threads_change_no_score);
    RUN(nothing_bad_is_judged);
    RUN(towers_that_cannot_be_are_refused);
}

#endif
