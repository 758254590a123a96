/* golden_tiles.h: the vocoder's tiles and on_audio; a part of golden.c, behind
   short_case. */
#ifndef TANGO_GOLDEN_TILES_H
#define TANGO_GOLDEN_TILES_H

#include "golden.h"

/* ---- What the turns of a generator read and write ---------------------------------- */

/* Any number from a to b, of a series that `state` goes through. */
static size_t any(uint32_t *state, size_t a, size_t b)
{
    *state = *state * 1664525u + 1013904223u;
    return a + (*state >> 8) % (b - a + 1);
}

static tango_vocoder_config any_vocoder(uint32_t *state)
{
    tango_vocoder_config c;
    memset(&c, 0, sizeof c);
    c.mels = 4;
    c.stages = any(state, 1, 4);
    c.channels = (size_t)2 << c.stages;
    c.branches = any(state, 1, 3);
    for (size_t i = 0; i < c.stages; i++) {
        c.rates[i] = any(state, 1, 6);
        c.kernels[i] = any(state, c.rates[i], c.rates[i] * 4 + 1);
    }
    for (size_t b = 0; b < c.branches; b++) {
        c.branch_kernels[b] = 2 * any(state, 0, 6) + 1;
        for (size_t j = 0; j < 3; j++)
            c.dilations[b][j] = any(state, 1, any(state, 1, 64));
    }
    return c;
}

/* Whether a layer finds what it reads, rows of a signal of `length`: in [in.from, in.to),
   or outside of the signal. */
static int finds(tango__span in, size_t from_reach, size_t to_reach, tango__span out,
    size_t length)
{
    const size_t from = out.from > from_reach ? out.from - from_reach : 0,
                 to = out.to + to_reach < length ? out.to + to_reach : length;
    return out.from >= out.to || (in.from <= from && in.to >= to && in.to <= length);
}

/* The same of all layers of a residual block, whose borders lie on their grids. */
static int block_is_right(const tango_vocoder_config *c, const tango__voice_stage *g)
{
    int ok = 1;
    for (size_t b = 0; b < c->branches; b++) {
        tango__span r[7];
        r[6] = g->s;
        tango__branch_spans(c, b, g, r);
        ok = ok && (r[6].from == r[6].to
                       || (g->u.from <= r[0].from && g->u.to >= r[0].to));
        for (size_t j = 0; j < 6; j++) {
            const tango_nn_conv layer =
                tango__branch_layer(c, b, j, g->made, g->channels / 2);
            const size_t grid = tango_nn_conv_grid(&layer);
            ok = ok && finds(r[j], layer.pad_top,
                        layer.pad_top + tango_nn_conv_ahead(&layer), r[j + 1], g->made)
                 && r[j + 1].from % grid == 0
                 && (r[j + 1].to % grid == 0 || r[j + 1].to == g->made);
        }
    }
    return ok;
}

static int turn_is_right(const tango_vocoder_config *c, const tango__voice *v,
    const tango__voice *before)
{
    size_t there = v->now.to;
    int ok = v->now.from == before->now.to;
    for (size_t i = 0; i <= v->stages; i++) {
        const tango__voice_stage *g = &v->stage[i], *old = &before->stage[i];
        const tango_nn_conv up = tango__upsampling(g);
        ok = ok && g->x.to == there && g->x.from <= old->x.to && g->s.from == old->s.to
             && g->s.from <= g->s.to;
        there = g->s.to;
        if (i == v->stages) return ok && finds(g->x, 3, 3, g->s, g->length);
        ok = ok && g->rows.from == old->rows.to
             && finds(g->x, g->taps - 1, tango_nn_conv_ahead(&up), g->rows, g->length)
             && g->u.from <= old->u.to && g->u.to <= g->made && block_is_right(c, g);
    }
    return ok;
}

/* Of 3000 generators, of all kinds: in every turn each layer finds what it reads, nothing
   is left out, and all comes to its end. */
static void every_turn_finds_what_it_reads(void)
{
    uint32_t state = 1;
    size_t wrong = 0, turns = 0, unfinished = 0;
    for (size_t run = 0; run < 3000; run++) {
        const tango_vocoder_config c = any_vocoder(&state);
        const size_t frames = any(&state, 1, 300), tile = any(&state, 1, 40);
        tango__voice v, before;
        tango__voice_shape(&v, &c, frames);
        for (before = v; tango__voice_turn(&v, &c, tile / 2 + 1, tile); before = v) {
            wrong += !turn_is_right(&c, &v, &before);
            turns++;
        }
        unfinished += v.stage[v.stages].s.to != tango__wave_length(&c, frames);
    }
    CHECK(turns > 20000 && wrong == 0 && unfinished == 0);
}

/* ---- The same samples in tiles of any size ----------------------------------------- */

/* The wave of a mel of `frames` frames, taken memory; *memory is what it needs. */
static float *voiced(const tango_model *m, const tango_params *p, size_t frames,
    size_t first, size_t tile, size_t *memory)
{
    const size_t mels = m->mels, samples = tango__wave_length(&m->vocoder, frames);
    float *mel = floats(frames * mels), *wave = floats(samples);
    tango_arena arena;
    tango_error error;
    tango__net net;
    memset(&arena, 0, sizeof arena);
    tango__net_begin(&net, m, p, &arena, &error);
    tango__hifigan(&net, NULL, NULL, frames, first, tile, NULL);
    *memory = arena.peak + TANGO__ALIGN;
    if (net.result != TANGO_OK) stop("vocoder", error.text);
    tango__arena_over(&arena, memset(take(*memory), 0xff, *memory), *memory);
    for (size_t i = 0; i < frames * mels; i++)
        mel[i] = (float)(4 * sin((double)i * 0.37) * cos((double)(i / mels) * 0.11) - 4);
    memset(wave, 0xff, samples * sizeof *wave);
    tango__net_begin(&net, m, p, &arena, &error);
    tango__hifigan(&net, wave, mel, frames, first, tile, NULL);
    if (net.result != TANGO_OK) stop("vocoder", error.text);
    tango__arena_close(&arena);
    return wave;
}

static void tiles_change_no_sample(void)
{
    static const size_t lengths[] = { 1, 5, 24, 61, 130 };
    static const size_t tiles[][2] = { { 4, 4 }, { 8, 20 }, { 16, 64 } };
    for (size_t run = 0; run < 5 * levels; run++) {
        const tango_model *m = run % 2 ? &v1 : &tiny;
        const size_t frames = lengths[run % 5];
        size_t memory, loud = 0;
        const float *whole;
        tango_params p;
        memset(&p, 0, sizeof p);
        p.kernels = contexts[run / 5].kernels;
        whole = voiced(m, &p, frames, frames, frames, &memory);
        for (size_t i = 0; i < 160 * frames; i++) loud += fabs((double)whole[i]) > 1e-3;
        CHECK(loud > 16 * frames); /* there is something to compare */
        for (size_t k = 0; k < 3; k++)
            CHECK(memcmp(whole, voiced(m, &p, frames, tiles[k][0], tiles[k][1], &memory),
                      tango__wave_length(&m->vocoder, frames) * sizeof *whole) == 0);
        release(NULL);
    }
}

static size_t room_of(const tango_model *m, size_t frames)
{
    tango_params p;
    tango_arena arena;
    tango_error error;
    tango__net net;
    memset(&p, 0, sizeof p);
    memset(&arena, 0, sizeof arena);
    tango__net_begin(&net, m, &p, &arena, &error);
    tango__hifigan(&net, NULL, NULL, frames, TANGO__TILE_FIRST, TANGO__TILE, NULL);
    CHECK(net.result == TANGO_OK);
    return arena.peak;
}

static void a_longer_clip_needs_no_more_memory(void)
{
    const size_t some = room_of(&tiny, 3000);
    CHECK(room_of(&tiny, 6000) == some && room_of(&tiny, 60000) == some);
    CHECK(room_of(&tiny, 100) < some && room_of(&tiny, 256) < some);
}

/* ---- on_audio ---------------------------------------------------------------------- */

typedef struct heard {
    float *wave; /* (sounds, samples) */
    size_t samples, sound, next, pieces, stop;
    int orderly;
} heard;

static int hear(
    void *user, size_t sound, const float *samples, size_t first, size_t count)
{
    heard *h = (heard *)user;
    if (sound != h->sound) h->orderly &= h->next == h->samples && sound == h->sound + 1;
    if (sound != h->sound) h->sound = sound, h->next = 0;
    h->orderly &= first == h->next && count > 0 && first + count <= h->samples;
    if (!h->orderly) return 1;
    memcpy(h->wave + sound * h->samples + first, samples, count * sizeof *samples);
    h->next += count;
    h->pieces++;
    return h->stop != 0 && h->pieces == h->stop;
}

/* The latent of a case, repeated until it is long, so that the wave comes in pieces. */
static sound hearing(heard *h, const tango_model *m, tango_params *p, size_t sounds)
{
    const size_t rows = 95, width = m->mels >> (m->vae.levels - 1);
    const size_t count = sounds * m->vae.embedding * rows * width;
    float *latent = floats(count);
    tango_plan plan;
    tango_error error;
    const size_t stop_at = h->stop;
    for (size_t i = 0; i < count; i++) latent[i] = (float)sin((double)i * 0.7 + 0.2);
    p->samples = sounds;
    p->latent = latent;
    p->latent_rows = rows;
    p->on_audio = hear;
    p->user = h;
    if (tango_prepare(&plan, m, p, &error) != TANGO_OK) stop("plan", error.text);
    memset(h, 0, sizeof *h);
    h->samples = plan.samples;
    h->wave = floats(sounds * plan.samples);
    h->orderly = 1;
    h->stop = stop_at;
    return generate(m, p);
}

static void audio_is_told_as_it_is_made(void)
{
    for (size_t run = 0; run < 4; run++) {
        tango_params p;
        heard h;
        sound s;
        memset(&p, 0, sizeof p);
        memset(&h, 0, sizeof h);
        p.vocoder = run == 3 ? TANGO_GRIFFIN_LIM : TANGO_HIFIGAN;
        if (run == 2) p.crop = 2; /* its end lies in the second piece */
        s = hearing(&h, &v1, &p, run == 1 ? 2 : 1);
        CHECK(s.result == TANGO_OK && h.orderly && h.next == h.samples);
        CHECK(memcmp(h.wave, s.wave, s.bytes) == 0);
        CHECK(h.pieces == (run == 1 ? 4 : run == 3 ? 1 : 2));
        release(NULL);
    }
}

static void a_listener_stops_a_run(void)
{
    tango_params p;
    heard h;
    sound s;
    memset(&p, 0, sizeof p);
    memset(&h, 0, sizeof h);
    p.vocoder = TANGO_HIFIGAN;
    h.stop = 1;
    s = hearing(&h, &v1, &p, 2);
    CHECK(s.result == TANGO_ERROR_CANCELLED && begins(s.error.text, "stopped "));
    CHECK(h.pieces == 1 && h.next < h.samples);
    release(NULL);
}

static void run_tiles(void)
{
    RUN(every_turn_finds_what_it_reads);
    RUN(tiles_change_no_sample);
    RUN(a_longer_clip_needs_no_more_memory);
    RUN(audio_is_told_as_it_is_made);
    RUN(a_listener_stops_a_run);
}

#endif
