/* bench_stages.h: the stages of a model, each run and timed alone, on threads that the
   caller starts. MIT-0. Include after cli.h and tango.h (with its implementation).

   Only what is public is used, so that tests/peers can build the same source against the
   headers of another version. A stage runs on the sound of a seed; what its numbers are
   does not matter to the time. The UNet runs with guidance, two images a step, and its
   time is that of a later step: the first also prepares what all share. */
#ifndef TANGO_BENCH_STAGES_H
#define TANGO_BENCH_STAGES_H

enum {
    STAGE_TEXT,
    STAGE_UNET,
    STAGE_DECODE,
    STAGE_ENCODE,
    STAGE_HIFIGAN,
    STAGE_SOUND, /* decoder and HiFi-GAN: all behind the diffusion */
    STAGE_GRIFFIN_LIM,
    STAGE_STFT,
    STAGES
};
static const char *const stage_names[STAGES + 1] = { "text", "unet step", "vae decode",
    "vae encode", "hifi-gan", "vae decode + hifi-gan", "griffin-lim", "stft", NULL };
typedef struct stages {
    const tango_model *model;
    tango_params params;    /* threads and kernels are the caller's; the rest is ours */
    tango_plan plan;        /* of a whole run */
    float *wave, *mel, *latent, *out; /* out: a mel or a latent */
    void *memory;           /* of what runs */
    size_t size;
    tango_audio_front front;
    void *front_work;
    int stage;
    double mark, spent;     /* when the stage began, and what it took */
    /* Behind every step of the UNet, or NULL; 0 done: before the first. Not 0 ends it. */
    int (*behind_step)(struct stages *s, size_t done);
    void *user;             /* of behind_step */
    tango_error error;
} stages;

static void *stages_take(size_t count, size_t size)
{
    size_t bytes = 0;
    void *room = tango_mul_ok(count, size, &bytes) ? calloc(bytes + 64, 1) : NULL;
    if (!room) cli_fail("no memory for %zu x %zu bytes", count, size);
    return room;
}

/* Numbers of both signs, the same each time. */
static void stages_fill(float *values, size_t count)
{
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (float)(state >> 8) / 8388608.0f - 1.0f;
    }
}

static void stages_front(stages *s)
{
    tango_audio_parameters p;
    memset(&p, 0, sizeof p);
    p.rate = s->model->rate;
    p.fft = s->model->fft;
    p.hop = s->model->hop;
    p.window = s->model->window;
    p.mels = s->model->mels;
    p.fmin = s->model->mel_low;
    p.fmax = s->model->mel_high;
    s->front_work = stages_take(1, tango_audio_frame_work_size(&p));
    const size_t size = tango_audio_front_size(&p);
    if (tango_audio_front_init(&s->front, &p, stages_take(1, size), size, &s->error)
        != TANGO_OK)
        cli_fail("%s", s->error.text);
}

/* Sizes of a run of so many seconds and of its arrays; params has threads and kernels.
   The model may lack parts: its stages are then left out (stages_has). */
static void stages_begin(stages *s, const tango_model *model, double seconds)
{
    const size_t factor = (size_t)1 << (model->vae.levels ? model->vae.levels - 1 : 0);
    size_t frames, rows;
    if (model->vae.levels == 0) cli_fail("the model has no VAE");
    s->model = model;
    frames = (size_t)(seconds * (double)model->rate / (double)model->hop + 0.5);
    frames = (frames + factor - 1) / factor * factor;
    rows = frames / factor * (model->mels / factor);
    s->params.seconds = seconds;
    s->params.prompt = "a dog barks while rain falls on a tin roof";
    s->params.guidance = 3.0;
    s->params.mel_frames = frames;
    s->params.latent_rows = frames / factor;
    s->mel = (float *)stages_take(frames * model->mels, sizeof(float));
    s->out = (float *)stages_take(frames * model->mels, sizeof(float));
    s->latent = (float *)stages_take(rows * model->vae.embedding, sizeof(float));
    s->wave = (float *)stages_take(2 * frames, model->hop * sizeof(float));
    stages_fill(s->mel, frames * model->mels);
    stages_fill(s->latent, rows * model->vae.embedding);
    stages_fill(s->wave, frames * model->hop);
    stages_front(s);
}

/* Whether the model has what a stage needs. */
static int stages_has(const stages *s, int stage)
{
    const tango_model *m = s->model;
    if (stage == STAGE_TEXT || stage == STAGE_UNET)
        return m->unet.levels != 0 && m->text.layers != 0;
    if (stage == STAGE_HIFIGAN || stage == STAGE_SOUND) return m->vocoder.stages != 0;
    return 1;
}

static void stages_mark(stages *s) { s->mark = cli_seconds(); }
static void stages_stop(stages *s) { s->spent = cli_seconds() - s->mark; }

static int stages_on_step(void *user, size_t done, size_t steps)
{
    stages *s = (stages *)user;
    int end;
    if ((done == 0) == (s->stage == STAGE_TEXT)) stages_stop(s);
    end = s->behind_step ? s->behind_step(s, done)
                         : done == (s->stage == STAGE_TEXT ? 0 : 2);
    stages_mark(s);
    return end || done == steps;
}

static int stages_on_stage(void *user, const tango_stage *stage)
{
    stages *s = (stages *)user;
    const int decodes = s->stage == STAGE_DECODE || s->stage == STAGE_SOUND;
    const int sounds = s->stage != STAGE_DECODE;
    if (strcmp(stage->name, decodes ? "latent_scaled" : "mel") == 0) stages_mark(s);
    if (strcmp(stage->name, sounds ? "wave" : "mel") != 0) return 0;
    stages_stop(s);
    return 1;
}

/* One tango_generate that a callback ends. */
static void stages_generate(stages *s)
{
    tango_params p = s->params;
    tango_result result;
    const int diffuses = s->stage == STAGE_TEXT || s->stage == STAGE_UNET;
    p.user = s;
    p.steps = 32;
    p.sampler = TANGO_DDIM;
    p.vocoder = s->stage == STAGE_GRIFFIN_LIM || s->model->vocoder.stages == 0
                    ? TANGO_GRIFFIN_LIM
                    : TANGO_HIFIGAN;
    if (diffuses) p.on_step = stages_on_step;
    else p.on_stage = stages_on_stage;
    if (!diffuses && (s->stage == STAGE_DECODE || s->stage == STAGE_SOUND))
        p.latent = s->latent;
    else if (!diffuses) p.mel = s->mel;
    result = tango_prepare(&s->plan, s->model, &p, &s->error);
    if (result == TANGO_OK && s->plan.memory > s->size) {
        free(s->memory);
        s->size = s->plan.memory;
        s->memory = stages_take(1, s->size);
    }
    stages_mark(s);
    if (result == TANGO_OK)
        result = tango_generate(s->wave, s->model, &p, s->memory, s->size, &s->error);
    if (result != TANGO_ERROR_CANCELLED) cli_fail("%s", s->error.text);
}

static void stages_encode(stages *s, tango_encoding *e)
{
    size_t size = 0;
    e->batch = 1;
    e->frames = s->params.mel_frames;
    e->kernels = s->params.kernels;
    e->parallel_for = s->params.parallel_for;
    e->pool = s->params.pool;
    e->threads = s->params.threads;
    if (tango_encode_memory(&size, s->model, e, &s->error) != TANGO_OK)
        cli_fail("%s", s->error.text);
    if (size > s->size) {
        free(s->memory);
        s->size = size;
        s->memory = stages_take(1, size);
    }
    stages_mark(s);
    if (tango_encode(s->out, NULL, NULL, s->mel, s->model, e, s->memory, s->size,
            &s->error) != TANGO_OK)
        cli_fail("%s", s->error.text);
    stages_stop(s);
}

/* Seconds of one run of a stage. e has what the caller wants beside, all zero else. */
static double stages_time(stages *s, int stage, tango_encoding *e)
{
    s->stage = stage;
    if (stage == STAGE_ENCODE) {
        stages_encode(s, e);
    } else if (stage == STAGE_STFT) {
        const size_t frames = s->params.mel_frames;
        stages_mark(s);
        tango_audio_log_mel(s->out, s->wave, frames * s->model->hop, 0, frames,
            &s->front, s->front_work);
        stages_stop(s);
    } else {
        stages_generate(s);
    }
    return s->spent;
}

#endif
