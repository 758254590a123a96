/* generate: a sentence becomes a sound, in a WAV or a FLAC file.

       cc demo/generate.c -lm -o generate && ./generate "a dog barks"

       model   demo/tiny.tango  6.7 M parameters  CC BY 4.0
       run     2.56 s  25 steps ddim  guidance 3 rescaled 0.7  griffin-lim  seed 0
       memory  12.5 MB
       [##############################] 25/25  45.7 it/s  ETA 0:00
       wrote   out.wav  2.560 s  16000 Hz  lowered by 1.8 dB */
#include "cli.h"
#ifndef _WIN32
#define TANGO_PTHREADS
#endif
#define TANGO_IMPLEMENTATION
#include "../tango.h"
#include "clip.h"
#include "finish.h"
#include "peak.h"
#include "picture.h"
#include "profile.h"
#include "record.h"
#include "save.h"

/* A program's own sums are the same with -march=native, as those of the headers. */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

static const char *const examples[] = {
    "generate \"a dog barks\"",
    "generate \"heavy rain falls\" -s 10 --seed 7 -o rain.flac",
    "generate --init dog.wav --strength 0.6 \"a cat meows\" -o cat.wav",
    NULL,
};

static const cli_option options[] = {
    { 'm', "model", "FILE", "weights blob; demo/tiny.tango if not given" },
    { 'o', "output", "FILE",
        "WAV or FLAC to write, out.wav if not given; - is a WAV on standard output, "
        "while it is made" },
    { 'n', "negative", "TEXT", "what the sound shall not be" },
    { 's', "seconds", "S", "length, up to 600" },
    { 280, "crop", "S", "keep so many seconds of what is made; 0 keeps the whole" },
    { 256, "steps", "N", "denoising steps, 1 to 1000" },
    { 257, "guidance", "G",
        "classifier-free guidance, which 1 or less turns off; an input of distilled "
        "models" },
    { 271, "rescale", "R",
        "takes back what guidance makes too large, 0 (nothing) to 1" },
    { 290, "guidance-from", "P",
        "part of the run before which guidance is off, 0 (if not given) to 1" },
    { 291, "guidance-until", "P",
        "part of the run from which guidance is off again, 1 if not given" },
    { 292, "cache", "N",
        "computes the deep part of the UNet every N steps only: faster, not the same; 1 "
        "if not given" },
    { 258, "seed", "N",
        "of the noise, 0 to 4294967295 as torch's generator tells them apart; 0 if not "
        "given" },
    { 259, "sampler", "NAME",
        "ddpm, ddim, dpm, dpm-sde, euler, euler-a, heun, lcm, unipc; distilled models: "
        "consistency, ctm" },
    { 320, "sigmas", "NAME",
        "noise levels of dpm, dpm-sde, euler, heun, unipc: spaced or karras; the "
        "model's, else spaced" },
    { 260, "eta", "E", "noise of ddim, 0 to 1" },
    { 261, "final", "NAME",
        "last noise level of dpm, dpm-sde, euler, unipc: zero or sigma_min" },
    { 262, "samples", "N",
        "takes of one prompt, with seeds N, N + 1 ..., in FILE_00.wav, FILE_01.wav ...; "
        "1 if not given" },
    { 321, "init", "SOUND",
        "WAV or FLAC that the run starts from instead of noise alone; - is standard "
        "input" },
    { 322, "strength", "S",
        "part of the run that takes place then: 0.8; 1 with --fill or --continue" },
    { 323, "fill", "FROM:TO",
        "seconds of --init that are made anew, the rest stays; may be repeated" },
    { 324, "continue", "SOUND", "what follows this WAV or FLAC, up to --seconds in all" },
    { 325, "prompts", "FILE",
        "a prompt or a JSON object of options a line, - is standard input; FILE.wav "
        "becomes FILE_LINE.wav" },
    { 327, "window", "S",
        "works on overlapping windows of so many seconds: long sounds in little memory" },
    { 328, "loop", NULL, "the end leads into the beginning without a seam" },
    { 326, "shard", "I/N", "every N-th line of --prompts from the I-th on" },
    { 360, "serve", NULL,
        "answer requests: lines of JSON on standard input, and on standard output" },
    { 273, "best", "K",
        "judge all --samples by CLAP and keep the K that fit PROMPT best, best first" },
    { 263, "vocoder", "NAME", "hifigan or griffin-lim" },
    { 't', "threads", "N", "1 to 64; else TANGO_THREADS, else all processors" },
    { 264, "noise", "FILE",
        ".npy ([[draws,] samples,] C, H, W); with draws all of a run's" },
    { 265, "latent", "FILE", ".npy ([samples,] C, H, W): skips text and diffusion" },
    { 266, "denormalize", "MEAN,STD", "mel = mel * STD + MEAN before the vocoder" },
    { 267, "bits", "16|24|32|f32", "of the file, FLAC has 16 or 24; 16 if not given" },
    FINISH_OPTIONS,
    { 362, "picture", "FILE", "PNG of what is made: mel spectrogram, seconds, Hz, dB" },
    { 340, "no-metadata", NULL,
        "leave out what the file tells of itself: prompt, options, model" },
    { 341, "replay", "FILE", "make FILE again from what it tells, and compare" },
    { 361, "list", NULL, "the kinds of sound that the model was trained on" },
    { 268, "kernels", "NAME", "reference, avx2, avx512 or vnni; the best if not given" },
    { 269, "dump", "DIR", "write every stage as .npy" },
    { 281, "profile", NULL,
        "say which layers took the time, beside the machine's peak" },
    { 270, "json", NULL, "one line of JSON on standard output" },
    { 'q', "quiet", NULL, "no messages, no progress" },
    { 'h', "help", NULL, "this text" },
    { 0, NULL, NULL, NULL },
};

/* Options that do not say what the sound is: they are not recorded, and may stand beside
   --replay. Those of kernels and of the choice among several are recorded as their
   outcome. */
static const int not_recorded[] = { 'h', 'm', 'o', 'q', 't', 268, 269, 270, 273, 281, 325,
    326, 340, 341, 360, 361, 362, FINISH_PLAY_OPTION, 0 };

/* Which of several takes a file is, is recorded as the seed that alone gives it. */
static const int of_takes[] = { 258, 262, 0 };

/* One of the sounds, and how well it fits the prompt. */
typedef struct candidate { size_t sample; float score; } candidate;

enum { THREADS_MAX = 64, FILLS_MAX = 64, INPUTS = 7, TEXT_MAX = 65536 };

/* What stays from one run to the next of a process. */
typedef struct kept_room {
    void *memory;                /* of the plan, and of the ranking */
    size_t size;
    float *waves;
    size_t count;
    void *pool;                  /* of threads */
    size_t threads;              /* that it was asked for */
    tango_params running;        /* where it is, as the library takes it */
} kept_room;

/* Everything the command line says, and what the callbacks need. */
typedef struct job {
    cli line;
    tango_params params;
    tango_error error;
    cli_progress progress;
    const char *model, *output, *dump, *noise, *latent;
    const char *init, *extend; /* sounds to start from: --init, --continue */
    const char *picture;
    const char *prompts;       /* --prompts, and its shard */
    size_t shard, shards;
    double fill[2 * FILLS_MAX];
    uint64_t *seeds; /* of several takes */
    size_t done;     /* takes that are made, where they are made one by one */
    int watched;     /* stderr is a terminal, and progress is shown */
    double shown;    /* when show_layer wrote a line that is still there, or 0 */
    const tango_model *opened;
    const tango_io_file *file; /* of its weights */
    tango_io_wav_format format;
    sound_finish finish;
    int json, quiet;
    int serve;                   /* --serve: standard output is for answers */
    int list;                    /* --list */
    int inside;                  /* an answer holds the sound; there is no file */
    kept_room *kept;
    size_t best;           /* --best, or 0 */
    size_t files;          /* to be written: of the first candidates */
    candidate *candidates; /* (samples), by number or, when judged, best first */
    finished *sounds;      /* (files), as they were written; only a picture still needs
                              their samples */
    sound_record record;
    int flac;              /* the files are FLAC */
    double compute; /* seconds of tango_generate */
    tango_io_output out;
    tango_io_wav wav; /* what standard output gets while it is made */
    size_t streamed;  /* its samples, 0 where nothing is written so early */
    tango_profile profile; /* of --profile: without it the clock is NULL */
    double peak;           /* operations per second, measured behind the run */
    const char *instruction;
} job;

/* The weights of a larger model are read again when they are needed: their pages would be
   most of what the system counts for this process. */
#define KEPT_SIZE ((size_t)1 << 26)

#include "generate_answer.h"
#include "generate_kinds.h"

/* ---- Stages as .npy files --------------------------------------------------------- */

/* The files that this run reads: no output takes their place. */
static void list_inputs(const job *j, const char **list)
{
    list[0] = j->model, list[1] = j->noise, list[2] = j->latent, list[3] = j->init;
    list[4] = j->extend, list[5] = j->record.replay, list[6] = j->prompts;
}

/* The names and axis orders are those of the PyTorch reference. */
static int dump_stage(void *user, const tango_stage *stage)
{
    job *j = (job *)user;
    const char *inputs[INPUTS];
    tango_io_output out;
    char path[4096];
    list_inputs(j, inputs);
    if (snprintf(path, sizeof path, "%s/%s.npy", j->dump, stage->name)
        >= (int)sizeof path)
        cli_fail("%s: path too long", j->dump);
    if (tango_io_output_check(path, inputs, INPUTS, &j->error) != TANGO_OK) {
        cli_progress_end(&j->progress);
        cli_fail_file(path, j->error.text);
    }
    if (tango_io_create(&out, path, &j->error) != TANGO_OK
        || tango_io_npy_write(&out, stage->ids ? TANGO_IO_I32 : TANGO_IO_F32,
               stage->ids ? (const void *)stage->ids : (const void *)stage->values,
               stage->shape, stage->rank, &j->error) != TANGO_OK
        || tango_io_commit(&out, &j->error) != TANGO_OK) {
        tango_io_abandon(&out);
        cli_progress_end(&j->progress);
        cli_fail("%s", j->error.text);
    }
    return cli_interrupted();
}

/* Takes are made one by one, so that each is to the bit what its seed alone gives, and
   none is lost if a later one fails. Stages and given noise belong to all at once. */
static int one_by_one(const job *j)
{
    return j->seeds != NULL && j->noise == NULL && j->latent == NULL && j->dump == NULL;
}

static int show_step(void *user, size_t done, size_t steps)
{
    job *j = (job *)user;
    if (j->serve) answer_step(j, done, steps);
    else cli_progress_step(&j->progress, done, steps);
    return cli_interrupted();
}

/* The encoder, the VAE and the vocoder take no steps: what they have done is shown until
   the next line, and Ctrl-C is heard between their layers. */
static int show_layer(void *user, unsigned part, double operations)
{
    job *j = (job *)user;
    const double now = part != TANGO_PART_UNET && j->watched ? cli_seconds() : 0.0;
    if (j->serve) answer_layer(j, part, operations);
    if (now - j->shown > 0.1) {
        fprintf(stderr, "\r%s  %.1f GFLOP\033[K", tango_part_name(part),
            operations / 1e9);
        j->shown = now;
    }
    return cli_interrupted();
}

static void clear_line(job *j)
{
    if (j->shown > 0.0) fputs("\r\033[K", stderr);
    j->shown = 0.0;
}

/* ---- Input files ------------------------------------------------------------------ */

/* The floats of a .npy file with 3 to `most` axes; shape[] is filled from the right, with
   ones in front. */
static float *load_npy(const char *path, size_t most, size_t shape[5], tango_error *error)
{
    tango_io_file file;
    tango_io_npy npy;
    tango_io_view view;
    float *values;
    size_t i;
    if (tango_io_map(&file, path, error) != TANGO_OK) cli_fail("%s", error->text);
    if (tango_io_npy_parse(&npy, file.data, file.size, error) != TANGO_OK)
        cli_fail("%s: %s", path, error->text);
    if (npy.rank < 3 || npy.rank > most)
        cli_fail("%s: %zu axes, expected 3 to %zu", path, npy.rank, most);
    shape[0] = shape[1] = 1;
    for (i = 0; i < npy.rank; i++) shape[5 - npy.rank + i] = npy.shape[i];
    values = (float *)malloc(npy.count * sizeof(float) + 1);
    if (values == NULL) cli_fail("%s: no memory for %zu numbers", path, npy.count);
    tango_io_npy_view(&view, &npy);
    tango_io_view_read(values, &view, 0, npy.count);
    if (!tango_nn_all_finite(values, npy.count))
        cli_fail("%s: holds NaN or infinity", path);
    tango_io_unmap(&file);
    return values;
}

/* --latent ([samples,] C, H, W) and --noise ([[draws,] samples,] C, H, W) */
static void load_arrays(job *j, const tango_model *m)
{
    const size_t factor = (size_t)1 << (m->vae.levels - 1), width = m->mels / factor;
    size_t s[5];
    if (j->latent != NULL) {
        j->params.latent = load_npy(j->latent, 4, s, &j->error);
        if (s[1] == 0 || s[2] != m->vae.embedding || s[3] == 0 || s[4] != width)
            cli_fail("%s: (%zu, %zu, %zu, %zu), expected (samples, %zu, rows, %zu)",
                j->latent, s[1], s[2], s[3], s[4], m->vae.embedding, width);
        j->params.samples = s[1];
        j->params.latent_rows = s[3];
    }
    if (j->noise != NULL) {
        tango_plan plan;
        j->params.noise = load_npy(j->noise, 5, s, &j->error);
        if (tango_prepare(&plan, m, &j->params, &j->error) != TANGO_OK)
            cli_fail("%s", j->error.text);
        if (s[0] == 0 || s[1] != plan.params.samples || s[2] != m->unet.in_channels
            || s[3] != plan.latent_rows || s[4] != width)
            cli_fail("%s: (%zu, %zu, %zu, %zu), expected (%zu, %zu, %zu, %zu)", j->noise,
                s[1], s[2], s[3], s[4], plan.params.samples, m->unet.in_channels,
                plan.latent_rows, width);
        j->params.noise_draws = s[0];
    }
}

static int is_there(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file != NULL) fclose(file);
    return file != NULL;
}

/* The parts that this run needs are there: said before any weight is read. */
static void check_parts(job *j, const tango_model *m)
{
    tango_vocoder vocoder = j->params.vocoder;
    unsigned needed = TANGO_PART_VAE;
    if (vocoder == TANGO_VOCODER_DEFAULT) vocoder = m->defaults.vocoder;
    if (vocoder != TANGO_GRIFFIN_LIM) needed |= TANGO_PART_VOCODER;
    if (j->latent == NULL) needed |= TANGO_PART_TEXT | TANGO_PART_UNET;
    if (tango_check_parts(m, needed, &j->error) != TANGO_OK)
        cli_fail_file(j->model, j->error.text);
}

/* Gives back the pages of all weights of a part, in ranges as long as they are. */
static void forget_part(void *user, unsigned part)
{
    const job *j = (const job *)user;
    const tango_io_blob *blob = &j->opened->blob;
    const size_t count = tango_io_blob_tensor_count(blob);
    const unsigned char *from = NULL, *to = NULL;
    tango_io_tensor t;
    size_t i;
    for (i = 0; i <= count; i++) {
        if (i < count) tango_io_blob_tensor(blob, i, &t);
        if (i < count && tango_part_of(t.name) == part) {
            if (from == NULL) from = (const unsigned char *)t.data;
            to = (const unsigned char *)t.data + t.size;
        } else if (from != NULL) {
            tango_io_forget(j->file, from, (size_t)(to - from));
            from = NULL;
        }
    }
}

/* Maps and opens the model; without -m it is looked for here and beside the program. */
static void open_model(job *j, tango_io_file *file, tango_model *m, const char *program)
{
    static char beside[4096]; /* j->model may point there */
    const char *slash = strrchr(program, '/');
    tango_io_tensor t;
    size_t i;
    snprintf(beside, sizeof beside, "%.*sdemo/tiny.tango",
        slash ? (int)(slash - program + 1) : 0, program);
    if (j->model == NULL)
        j->model = !is_there("demo/tiny.tango") && is_there(beside) ? beside
                                                                     : "demo/tiny.tango";
    if (tango_io_map(file, j->model, &j->error) != TANGO_OK)
        cli_fail("%s", j->error.text);
    if (tango_open(m, file->data, file->size, &j->error) != TANGO_OK)
        cli_fail("%s: %s", j->model, j->error.text);
    if (j->list) list_kinds(j, m);
    check_parts(j, m);
    record_check_model(&j->record, m, j->model);
    j->opened = m, j->file = file;
    if (!j->serve) j->params.on_done = forget_part;
    for (i = 0; i < tango_io_blob_tensor_count(&m->blob); i++) {
        tango_io_blob_tensor(&m->blob, i, &t);
        if (tango_io_blob_check(&m->blob, i, &j->error) != TANGO_OK)
            cli_fail("%s: %s", j->model, j->error.text);
        if (file->size > KEPT_SIZE) tango_io_forget(file, t.data, t.size);
    }
    if (!j->quiet)
        fprintf(stderr, "model   %s  %.1f M parameters  %s\n", j->model,
            (double)m->parameters / 1e6, m->licence);
}

#include "generate_start.h"

/* ---- Output ----------------------------------------------------------------------- */

/* The name of file i: out.wav, or out_00.wav, out_01.wav ... where there are several. */
static const char *file_name(const job *j, size_t i, char *path, size_t size)
{
    const char *dot = strrchr(j->output, '.');
    size_t stem = dot != NULL && strchr(dot, '/') == NULL ? (size_t)(dot - j->output)
                                                          : strlen(j->output);
    const int digits = j->files > 1000 ? 4 : j->files > 100 ? 3 : 2;
    if (j->files == 1) return j->output;
    if (snprintf(path, size, "%.*s_%0*zu%s", (int)stem, j->output, digits, i,
            j->output + stem)
        >= (int)size)
        cli_fail("%s: path too long", j->output);
    return path;
}

/* Nothing is written over a file that this run reads, nor over a stage of --dump, whose
   names all end in .npy. */
static void check_output(job *j, const char *name)
{
    const char *others[INPUTS], *slash = strrchr(name, '/');
    const char *last = slash ? slash + 1 : name;
    const size_t n = strlen(last);
    char stage[4096];
    list_inputs(j, others);
    if (tango_io_output_check(name, others, INPUTS, &j->error) != TANGO_OK)
        cli_fail_file(name, j->error.text);
    if (j->dump == NULL || n < 4 || strcmp(last + n - 4, ".npy") != 0) return;
    if (snprintf(stage, sizeof stage, "%s/%s", j->dump, last) >= (int)sizeof stage)
        cli_fail("%s: path too long", j->dump);
    if (tango_io_output_check(stage, &name, 1, &j->error) != TANGO_OK)
        cli_fail("%s: in the folder of --dump, whose files it could replace", name);
}

static void check_outputs(job *j)
{
    char path[4096];
    size_t i;
    j->files = j->record.replay != NULL ? 1 : j->best != 0 ? j->best : j->params.samples;
    if (j->files == 0) j->files = 1;
    if (j->files > 1 && strcmp(j->output, "-") == 0)
        cli_usage("-o - is for one sound, not for %zu; give -o FILE.wav", j->files);
    for (i = 0; i < j->files && !j->inside; i++)
        check_output(j, file_name(j, i, path, sizeof path));
    j->flac = save_check(j->output, &j->finish);
    if (j->flac && j->format > TANGO_IO_WAV_PCM24)
        cli_usage("--bits: FLAC has 16 or 24");
}

/* "  seed 7" of one of several takes, "  score 0.4123 (sample 3)" where it was judged. */
static void score_text(const job *j, size_t i, char *out, size_t size)
{
    const candidate *c = &j->candidates[i];
    int n = 0;
    *out = 0;
    if (j->seeds != NULL)
        n = snprintf(out, size, "  seed %llu", (unsigned long long)j->seeds[c->sample]);
    if (j->best != 0)
        snprintf(out + n, size - (size_t)n, "  score %.4f (sample %zu)",
            (double)c->score, c->sample);
}

static tango_io_wav_spec spec_of(const job *j, size_t samples, size_t rate)
{
    tango_io_wav_spec spec;
    memset(&spec, 0, sizeof spec);
    spec.channels = 1;
    spec.rate = (uint32_t)rate;
    spec.format = j->format;
    spec.frames = samples;
    spec.tags = j->record.tags;
    spec.tag_count = j->record.count;
    return spec;
}

/* Whether standard output can have the samples while the vocoder works: the file of the
   whole wave would hold the same. Not where something follows that needs the whole: a
   choice among sounds, centring, lowering (HiFi-GAN is never too loud), levels, ends. */
static int streams(const job *j, const tango_plan *plan)
{
    return strcmp(j->output, "-") == 0 && j->best == 0 && !j->opened->centre_wave
           && !finish_waits(&j->finish, j->opened->rate)
           && plan->params.vocoder == TANGO_HIFIGAN;
}

/* on_audio: the header goes before the first samples. */
static int stream_audio(
    void *user, size_t sound, const float *samples, size_t first, size_t count)
{
    job *j = (job *)user;
    const tango_io_wav_spec spec = spec_of(j, j->streamed, j->opened->rate);
    (void)sound;
    if (first == 0) {
        cli_progress_end(&j->progress);
        clear_line(j);
        cli_catch_interrupts();
    }
    if ((first == 0
            && (tango_io_create(&j->out, j->output, &j->error) != TANGO_OK
                || tango_io_wav_begin(&j->wav, &j->out, &spec, &j->error) != TANGO_OK))
        || tango_io_wav_frames(&j->wav, samples, count, &j->error) != TANGO_OK)
        cli_fail("%s", j->error.text);
    fflush(stdout); /* an error stays until the end */
    return cli_interrupted();
}

/* The file of one sound; 0 with a message in j->error if that failed. */
static int write_sound(job *j, const char *name, const finished *sound)
{
    const tango_io_wav_spec spec = spec_of(j, sound->count, sound->rate);
    tango_io_output *out = &j->out;
    tango_result result;
    if (j->streamed != 0) {
        result = tango_io_wav_end(&j->wav, &j->error);
    } else {
        if (tango_io_create(out, name, &j->error) != TANGO_OK) return 0;
        result = save_whole(out, j->flac, sound->x, &spec, &j->error);
    }
    if (result == TANGO_OK && !cli_interrupted()
        && tango_io_commit(out, &j->error) == TANGO_OK)
        return 1;
    tango_io_abandon(out);
    return 0;
}

/* What the file of a take will tell of itself. Given noise or latents belong to all takes
   at once: such a one is told as one of them. */
static void record_take(job *j, const tango_plan *plan, size_t sample)
{
    tango_params p = plan->params;
    j->record.alone = j->seeds != NULL && j->noise == NULL && j->latent == NULL;
    if (j->record.alone) p.seed = j->seeds[sample];
    record_make(&j->record, j->opened, j->model, &p, j->record.alone ? 0 : sample);
}

/* The seed that file i has, or of which it is one take. */
static uint64_t seed_of(const job *j, const tango_plan *plan, size_t i)
{
    return j->seeds != NULL ? j->seeds[j->candidates[i].sample] : plan->params.seed;
}

/* The files from `first` on, up to the one before `last`. */
static void save(job *j, const tango_plan *plan, float *waves, size_t first, size_t last)
{
    const int whole = j->format != TANGO_IO_WAV_FLOAT32;
    size_t i;
    cli_catch_interrupts(); /* from here on files are written */
    for (i = first; i < last; i++) {
        char path[4096], level[LEVEL_TEXT], score[96];
        const char *name = file_name(j, i, path, sizeof path);
        float *wave = waves + j->candidates[i].sample * plan->samples;
        finished *sound = &j->sounds[i];
        *sound = finish_sound(
            &j->finish, name, wave, plan->samples, j->opened->rate, whole, &j->error);
        level_text(&sound->level, level, sizeof level);
        score_text(j, i, score, sizeof score);
        record_take(j, plan, j->candidates[i].sample);
        if (!j->inside && !write_sound(j, name, sound)) {
            if (cli_interrupted()) exit(130);
            cli_fail("%s", j->error.text);
        }
        if (j->serve) {
            const tango_io_wav_spec spec = spec_of(j, sound->count, sound->rate);
            answer_sound(j->inside ? NULL : name, &spec, sound->x, level,
                j->candidates[i].sample, seed_of(j, plan, i));
        }
        if (j->picture == NULL) free(sound->memory);
        if (!j->quiet)
            fprintf(stderr, "wrote   %s  %.3f s  %zu Hz%s%s%s\n", name,
                (double)sound->count / (double)sound->rate, sound->rate, score,
                *level ? "  " : "", level);
    }
}

/* --play: all files, one after the other; 1 if a player failed. */
static int play(const job *j)
{
    char path[4096];
    size_t i;
    int failed = 0;
    for (i = 0; j->finish.plays && i < j->files; i++)
        failed |= play_file(file_name(j, i, path, sizeof path), j->flac);
    return failed;
}

/* All candidates, best first. */
static void report_ranking(const job *j, size_t samples)
{
    char path[4096];
    size_t i;
    printf("\"ranking\": [");
    for (i = 0; i < samples; i++) {
        printf("%s{\"sample\": %zu, \"score\": %.6f, \"file\": ", i > 0 ? ", " : "",
            j->candidates[i].sample, (double)j->candidates[i].score);
        if (i < j->files && !j->inside) print_string(file_name(j, i, path, sizeof path));
        else printf("null");
        printf("}");
    }
    printf("], ");
}

/* What became of the sounds; lists are in the order of the files. */
static void report_sounds(const job *j)
{
    const finished *s = j->sounds;
    size_t i;
    printf(", \"level\": \"%s\", ", level_names[j->finish.level.kind]);
    if (level_measures(&j->finish.level))
        printf("\"level_target\": %g, \"limit\": %g, ", j->finish.level.target,
            j->finish.level.limit);
    printf("\"lowered_db\": [");
    for (i = 0; i < j->files; i++)
        printf("%s%.3f", i > 0 ? ", " : "", 0.0 - level_gain(&s[i].level));
    printf("], \"held_back\": [");
    for (i = 0; i < j->files; i++)
        printf("%s%s", i > 0 ? ", " : "", s[i].level.held ? "true" : "false");
    printf("], \"clipped\": [");
    for (i = 0; i < j->files; i++)
        printf("%s%llu", i > 0 ? ", " : "",
            s[i].level.rule.kind == LEVEL_NONE ? s[i].level.over : 0);
    printf("], \"lengths\": [");
    for (i = 0; i < j->files; i++) printf("%s%zu", i > 0 ? ", " : "", s[i].count);
    printf("], \"frames\": %zu, \"rate\": %zu, \"duration\": %.6f, ", s->count,
        s->rate, (double)s->count / (double)s->rate);
}

static void report(const job *j, const tango_plan *plan, const tango_model *m)
{
    const tango_params *p = &plan->params;
    char path[4096], checksum[17];
    size_t i;
    printf("{%s\"files\": [", j->serve ? "\"event\": \"result\", " : "");
    for (i = 0; i < j->files && !j->inside; i++) {
        if (i > 0) printf(", ");
        print_string(file_name(j, i, path, sizeof path));
    }
    record_checksum(checksum, m);
    printf("], \"model\": ");
    print_string(j->model);
    printf(", \"model_checksum\": \"%s\", \"prompt\": ", checksum);
    if (p->prompt != NULL) print_string(p->prompt);
    else printf("null");
    printf(", \"negative\": ");
    print_string(p->negative != NULL ? p->negative : "");
    report_sounds(j);
    printf("\"seed\": %llu, ", (unsigned long long)p->seed);
    printf("\"seeds\": [");
    for (i = 0; i < j->files; i++)
        printf("%s%llu", i > 0 ? ", " : "", (unsigned long long)seed_of(j, plan, i));
    printf("], ");
    if (p->init != NULL) printf("\"strength\": %g, ", p->strength);
    printf("\"steps\": %zu, \"sampler\": \"%s\", \"sigmas\": \"%s\", ", p->steps,
        tango_sampler_name(p->sampler),
        p->sigmas == TANGO_SIGMAS_KARRAS ? "karras" : "spaced");
    printf("\"guidance\": %g, \"rescale\": %g, ", p->guidance,
        p->rescale > 0.0 ? p->rescale : 0.0);
    printf("\"guidance_from\": %g, \"guidance_until\": %g, \"cache\": %zu, ",
        p->guidance_from, p->guidance_until > 0.0 ? p->guidance_until : 0.0, p->cache);
    printf("\"eta\": %g, ", p->eta > 0.0 ? p->eta : 0.0);
    if (j->best != 0) report_ranking(j, p->samples);
    report_unknown(j);
    if (j->picture != NULL) {
        printf("\"picture\": ");
        print_string(j->picture);
        printf(", ");
    }
    printf(
        "\"vocoder\": \"%s\", \"kernels\": \"%s\", \"threads\": %zu, \"memory\": %zu, ",
        tango_vocoder_name(p->vocoder), tango_nn_kernels_name(p->kernels), p->threads,
        plan->memory);
    if (j->profile.seconds != NULL) {
        profile_json(&j->profile, j->instruction, j->peak);
        printf(", ");
    }
    printf("\"compute_seconds\": %.3f}\n", j->compute);
    cli_flush();
}

#include "generate_picture.h"

/* ---- Command line ----------------------------------------------------------------- */

/* I/N: the I-th of N shards takes lines I, I + N ... */
static void read_shard(const cli *c, size_t *shard, size_t *shards)
{
    const char *slash = strchr(c->text, '/');
    char *end = NULL;
    unsigned long i = strtoul(c->text, &end, 10), n = 0;
    if (slash != NULL && end == slash && *c->text >= '0' && *c->text <= '9'
        && slash[1] >= '0' && slash[1] <= '9') {
        n = strtoul(slash + 1, &end, 10);
        if (*end != '\0') n = 0;
    }
    if (i < 1 || i > n || n > 1000000)
        cli_usage("--shard: expected I/N with 1 <= I <= N, found \"%.60s\"", c->text);
    *shard = (size_t)i - 1;
    *shards = (size_t)n;
}

/* A number from 0 to `high`, of which 0 is told as `none`: the library takes its own 0
   for the model's default. */
static double number_or_none(const cli *c, double high, double none)
{
    const double value = cli_number(c, 0, high);
    return value == 0.0 ? none : value;
}

/* The four below take the option `id` if it is one of theirs, else they return 0.
   How long and by which steps. */
static int read_run(job *j, int id)
{
    static const char *const samplers[] = { "ddpm", "ddim", "dpm", "dpm-sde", "euler",
        "euler-a", "heun", "lcm", "unipc", "consistency", "ctm", NULL };
    static const char *const sigmas[] = { "spaced", "karras", NULL };
    static const char *const finals[] = { "zero", "sigma_min", NULL };
    const cli *c = &j->line;
    tango_params *p = &j->params;
    switch (id) {
    case 'n': p->negative = c->text; break;
    case 's': p->seconds = cli_number(c, 1e-3, TANGO_SECONDS_MAX); break;
    case 280: p->crop = number_or_none(c, TANGO_SECONDS_MAX, -1.0); break;
    case 256: p->steps = (size_t)cli_integer(c, 1, 1000); break;
    case 257: p->guidance = number_or_none(c, 1000, 1.0); break;
    case 271: p->rescale = number_or_none(c, 1, -1.0); break;
    case 290: p->guidance_from = cli_number(c, 0, 1); break;
    case 291: p->guidance_until = number_or_none(c, 1, -1.0); break;
    case 292: p->cache = (size_t)cli_integer(c, 1, 1000); break;
    case 259: p->sampler = tango_sampler_named(samplers[cli_choice(c, samplers)]); break;
    case 320:
        p->sigmas = cli_choice(c, sigmas) ? TANGO_SIGMAS_KARRAS : TANGO_SIGMAS_SPACED;
        break;
    case 260: p->eta = number_or_none(c, 1, -1.0); break;
    case 261:
        p->final_sigma = cli_choice(c, finals) ? TANGO_FINAL_SIGMA_MIN : TANGO_FINAL_ZERO;
        break;
    case 327: p->window = cli_number(c, 1e-3, TANGO_SECONDS_MAX); break;
    case 328: p->loop = 1; break;
    default: return 0;
    }
    return 1;
}

/* What the run starts from, and how often. */
static int read_start(job *j, int id)
{
    const cli *c = &j->line;
    tango_params *p = &j->params;
    switch (id) {
    case 258: p->seed = (uint64_t)cli_integer(c, 0, (long long)TANGO_SEED_MAX); break;
    case 262: p->samples = (size_t)cli_integer(c, 1, TANGO_SAMPLES_MAX); break;
    case 273: j->best = (size_t)cli_integer(c, 1, TANGO_SAMPLES_MAX); break;
    case 264: j->noise = c->text; break;
    case 265: j->latent = c->text; break;
    case 321: j->init = c->text; break;
    case 322: p->strength = cli_number(c, 1e-9, 1); break;
    case 323:
        if (p->fills == FILLS_MAX) cli_usage("--fill: more than %d", FILLS_MAX);
        cli_two_numbers(c, &j->fill[2 * p->fills], &j->fill[2 * p->fills + 1], 0,
            TANGO_SECONDS_MAX);
        p->fills++;
        break;
    case 324: j->extend = c->text; break;
    default: return 0;
    }
    return 1;
}

/* What becomes of the latent: sound, file. */
static int read_output(job *j, int id)
{
    static const char *const vocoders[] = { "hifigan", "griffin-lim", NULL };
    static const char *const bits[] = { "16", "24", "32", "f32", NULL };
    static const tango_io_wav_format formats[] = { TANGO_IO_WAV_PCM16, TANGO_IO_WAV_PCM24,
        TANGO_IO_WAV_PCM32, TANGO_IO_WAV_FLOAT32 };
    const cli *c = &j->line;
    tango_params *p = &j->params;
    double mean, deviation;
    switch (id) {
    case 'o': j->output = c->text; break;
    case 263: p->vocoder = tango_vocoder_named(vocoders[cli_choice(c, vocoders)]); break;
    case 266:
        cli_two_numbers(c, &mean, &deviation, -100, 100);
        p->denormalize = 1;
        p->denormalize_mean = (float)mean;
        p->denormalize_std = (float)deviation;
        break;
    case 267: j->format = formats[cli_choice(c, bits)]; break;
    case 340: j->record.off = 1; break;
    case 341: break; /* record_begin has read it */
    default: return finish_read(&j->finish, c, id);
    }
    return 1;
}

/* Where it runs, and what is said about it. */
static int read_rest(job *j, int id)
{
    const cli *c = &j->line;
    tango_params *p = &j->params;
    switch (id) {
    case 'm': j->model = c->text; break;
    case 't': p->threads = (size_t)cli_integer(c, 1, THREADS_MAX); break;
    case 268:
        p->kernels = tango_nn_kernels_named(c->text);
        if (p->kernels == NULL)
            cli_usage("--kernels: this machine has no \"%.60s\"", c->text);
        break;
    case 325: j->prompts = c->text; break;
    case 326: read_shard(c, &j->shard, &j->shards); break;
    case 269: j->dump = c->text; break;
    case 281: j->profile.seconds = profile_seconds; break;
    case 270: j->json = 1; break;
    case 360: j->serve = 1; break;
    case 361: j->list = 1; break;
    case 362: j->picture = c->text; break;
    case 'q': j->quiet = 1; break;
    default: return 0;
    }
    return 1;
}

static void read_options(job *j)
{
    cli *c = &j->line;
    int id;
    while ((id = cli_next(c)) != 0) {
        if (id == CLI_OPERAND && j->params.prompt != NULL)
            cli_usage("one prompt, found a second: \"%.60s\"; quote it", c->text);
        if (id == CLI_OPERAND) j->params.prompt = c->text;
        else if (id != 'h')
            (void)(read_run(j, id) || read_start(j, id) || read_output(j, id)
                   || read_rest(j, id));
        else {
            cli_help("generate [options] PROMPT | --prompts FILE | --serve",
                "Makes the sound that PROMPT describes. Defaults come from the model.",
                examples, options);
            exit(0);
        }
    }
}

/* No model reads more than a few thousand bytes of a text. */
static void check_text(const char *what, const char *text)
{
    if (text != NULL && strlen(text) > TEXT_MAX)
        cli_usage("%s of %zu bytes, expected at most %d", what, strlen(text), TEXT_MAX);
}

/* What the options together cannot mean; those of one line of --prompts, or of a run. */
static void check_options(job *j)
{
    static const int of_diffusion[] = { 'n', 's', 256, 257, 259, 260, 261, 262, 264, 271,
        290, 291, 292, 320, 321, 322, 323, 324, 0 };
    static const int of_start[] = { 322, 323, 0 }, of_init[] = { 321, 323, 0 },
                     of_length[] = { 280, 0 }, of_cache[] = { 292, 0 },
                     of_lines[] = { 326, 0 };
    const cli *c = &j->line;
    tango_params *p = &j->params;
    if (p->threads == 0)
        p->threads = cli_threads(THREADS_MAX, cli_processors(THREADS_MAX));
    if (j->latent != NULL) {
        cli_refuse(c, of_diffusion, "--latent, which skips text and diffusion");
        if (p->prompt != NULL && j->best == 0)
            cli_usage("a prompt contradicts --latent, which skips text and diffusion");
    }
    if (j->extend != NULL) cli_refuse(c, of_init, "--continue");
    else if (j->init == NULL) cli_refuse(c, of_start, "a run without --init");
    if (j->prompts == NULL) cli_refuse(c, of_lines, "a run without --prompts");
    if (p->loop) cli_refuse(c, of_length, "--loop");
    if (p->loop || p->window > 0.0)
        cli_refuse(c, of_cache, p->loop ? "--loop" : "--window");
    j->finish.loop = p->loop;
    finish_check(&j->finish, c, j->output);
    p->fill = j->fill;
    check_text("a prompt", p->prompt);
    check_text("a negative text", p->negative);
    if (p->prompt == NULL && j->latent == NULL)
        cli_usage("no prompt; try: generate \"a dog barks\"");
    if (j->record.replay != NULL && (j->best != 0 || strcmp(j->output, "-") == 0))
        cli_usage("--replay makes one file: not with --best or -o -");
    if (p->prompt == NULL && j->best != 0)
        cli_usage("--best judges by a prompt; none given");
    if (strcmp(j->output, "-") == 0 && (j->json || (p->samples > 1 && j->best != 1)))
        cli_usage("-o - is for one sound and nothing else: not with --json or --samples");
}

static void stop_threads(kept_room *k)
{
#ifdef TANGO_PTHREADS
    tango_nn_pool_stop((tango_nn_pool *)k->running.pool);
#endif
    free(k->pool);
    k->pool = NULL;
    memset(&k->running, 0, sizeof k->running);
}

/* All processors share the work, in a pool that stays for the next run of as many; alone
   without threads. */
static void start_threads(tango_params *p, kept_room *k)
{
    if (k->threads != p->threads) stop_threads(k);
#ifdef TANGO_PTHREADS
    if (k->pool == NULL && p->threads > 1) {
        k->pool = malloc(tango_nn_pool_size(p->threads));
        if (k->pool != NULL)
            k->running.pool = tango_nn_pool_start(k->pool, p->threads);
        if (k->running.pool != NULL) k->running.parallel_for = tango_nn_pool_for;
    }
#endif
    k->threads = p->threads;
    p->pool = k->running.pool;
    p->parallel_for = k->running.parallel_for;
}

/* Room of `size` bytes until the next call: what was there is kept, or given back for
   more. */
static void *kept_memory(kept_room *k, size_t size)
{
    if (k->memory != NULL && k->size >= size) return k->memory;
    free(k->memory);
    k->memory = malloc(size);
    k->size = size;
    if (k->memory == NULL)
        cli_fail("no memory: %.1f MB are needed", (double)size / 1e6);
    return k->memory;
}

static float *kept_waves(kept_room *k, size_t sounds, size_t samples)
{
    if (k->waves != NULL && k->count / samples >= sounds) return k->waves;
    free(k->waves);
    k->waves = (float *)clip_room(sounds, samples * sizeof(float), "sounds");
    k->count = sounds * samples;
    return k->waves;
}

static void end_kept(kept_room *k)
{
    stop_threads(k);
    free(k->memory);
    free(k->waves);
}

static void prepare_dump(job *j)
{
    j->params.on_stage = dump_stage;
    cli_catch_interrupts(); /* files are written while it runs */
}

/* The reason is in the plan, which knows the model's defaults. */
static void note_idle_options(const job *j, const tango_plan *plan)
{
    static const int of_guidance[] = { 'n', 271, 290, 291, 0 },
                     of_integers[] = { LEVEL_CLIP_OPTION, 0 }, of_ddim[] = { 260, 0 },
                     of_steps[] = { 292, 0 },
                     of_final[] = { 261, 0 }, of_sigmas[] = { 320, 0 },
                     of_random[] = { 258, 0 };
    const tango_params *p = &plan->params;
    const double calls = (double)plan->calls;
    const int distilled = j->opened->unet.guidance != TANGO_GUIDANCE_NONE,
              final = p->sampler == TANGO_DPM || p->sampler == TANGO_DPM_SDE
                  || p->sampler == TANGO_EULER || p->sampler == TANGO_UNIPC,
              draws = p->sampler == TANGO_DDPM || p->sampler == TANGO_EULER_ANCESTRAL
                  || p->sampler == TANGO_DPM_SDE || p->sampler == TANGO_LCM
                  || (p->sampler == TANGO_DDIM && p->eta > 0.0);
    if (j->quiet && !j->serve) return;
    if (j->latent == NULL) {
        if (distilled)
            cli_idle(&j->line, of_guidance, "guidance is a number that this model takes");
        else if (p->guidance <= 1.0)
            cli_idle(&j->line, of_guidance, "guidance is off");
        else if (floor(p->guidance_from * calls) >= floor(p->guidance_until * calls))
            cli_note("guidance is off: no step lies from %g to %g of %zu",
                p->guidance_from, p->guidance_until > 0.0 ? p->guidance_until : 0.0,
                plan->calls);
        if (p->cache > 1 && plan->calls < 2)
            cli_idle(&j->line, of_steps, "one step has nothing to use again");
        if (p->sampler != TANGO_DDIM) cli_idle(&j->line, of_ddim, "only ddim has it");
        if (!final)
            cli_idle(&j->line, of_final, "only dpm, dpm-sde, euler and unipc have it");
        if (!final && p->sampler != TANGO_HEUN)
            cli_idle(&j->line, of_sigmas,
                "only dpm, dpm-sde, euler, heun and unipc have them");
    }
    if (j->format == TANGO_IO_WAV_FLOAT32)
        cli_idle(&j->line, of_integers, "floats hold what is too loud");
    if (p->vocoder == TANGO_HIFIGAN
        && (j->latent != NULL || (j->noise != NULL && (p->noise_draws > 1 || !draws))))
        cli_idle(&j->line, of_random, "nothing in this run is random");
}

/* ---- The best of several ---------------------------------------------------------- */

static tango_ranking ranking_of(const job *j, const tango_plan *plan)
{
    const tango_params *p = &plan->params;
    tango_ranking r;
    memset(&r, 0, sizeof r);
    r.prompt = p->prompt;
    r.count = p->samples;
    r.samples = plan->samples;
    r.prompt_cut = j->params.prompt_cut;
    r.kernels = p->kernels;
    r.parallel_for = p->parallel_for;
    r.pool = p->pool;
    r.threads = p->threads;
    return r;
}

/* How many files there will be, and whether the model can choose them: said before the
   work begins. */
static void plan_files(job *j, const tango_model *model, const tango_plan *plan)
{
    const tango_ranking r = ranking_of(j, plan);
    const size_t samples = plan->params.samples;
    size_t i, size;
    if (j->best > samples)
        cli_usage("--best %zu of %zu sounds; give --samples", j->best, samples);
    if (j->best != 0 && !(model->parts & TANGO_PART_RANK))
        cli_fail("--best: %s has no part for ranking (CLAP); convert --rank adds one",
            j->model);
    if (j->best != 0 && tango_rank_memory(&size, model, &r, &j->error) != TANGO_OK)
        cli_fail("--best: %s", j->error.text);
    if (j->record.sample >= samples)
        cli_fail("%s: its comment tells of sample %zu of %zu", j->record.replay,
            j->record.sample, samples);
    j->sounds = (finished *)calloc(j->files, sizeof *j->sounds);
    j->candidates = (candidate *)calloc(samples, sizeof *j->candidates);
    if (j->sounds == NULL || j->candidates == NULL)
        cli_fail("no memory for %zu sounds", samples);
    for (i = 0; i < samples; i++) j->candidates[i].sample = i;
    if (j->record.replay != NULL) j->candidates[0].sample = j->record.sample;
}

/* Puts the candidates in order of their scores; of equal ones the first stays first. */
static void judge(
    job *j, const tango_model *model, const tango_plan *plan, const float *waves)
{
    const tango_ranking r = ranking_of(j, plan);
    const int cut = *r.prompt_cut;
    float *scores;
    size_t size = 0, i, at;
    if (j->best == 0) return;
    if (tango_rank_memory(&size, model, &r, &j->error) != TANGO_OK)
        cli_fail("--best: %s", j->error.text);
    scores = (float *)clip_room(r.count, sizeof *scores, "scores");
    if (tango_rank(scores, waves, model, &r, kept_memory(j->kept, size), size, &j->error)
        != TANGO_OK)
        cli_fail("--best: %s", j->error.text);
    *r.prompt_cut |= cut;
    for (i = 0; i < r.count; i++) {
        for (at = i; at > 0 && j->candidates[at - 1].score < scores[i]; at--)
            j->candidates[at] = j->candidates[at - 1];
        j->candidates[at].sample = i;
        j->candidates[at].score = scores[i];
    }
    free(scores);
}

/* One take after the other; each is written at once unless the best are to be chosen. */
static tango_result run_takes(
    job *j, const tango_model *m, tango_plan *plan, float *waves, void *memory)
{
    tango_params p = j->params;
    tango_result result = TANGO_OK;
    p.samples = 1;
    p.seeds = NULL;
    for (; result == TANGO_OK && j->done < plan->params.samples; j->done++) {
        p.seed = j->seeds[j->done];
        j->progress = cli_progress_begin(j->quiet);
        result = tango_generate(waves + j->done * plan->samples, m, &p, memory,
            plan->memory, &j->error);
        j->compute += cli_seconds() - j->progress.start;
        cli_progress_end(&j->progress);
        clear_line(j);
        if (result == TANGO_OK && j->best == 0)
            save(j, plan, waves, j->done, j->done + 1);
    }
    return result;
}

/* What one of several takes needs. */
static void plan_take(job *j, const tango_model *m, tango_plan *plan)
{
    tango_params p = j->params;
    tango_plan one;
    p.samples = 1;
    p.seeds = NULL;
    if (tango_prepare(&one, m, &p, &j->error) != TANGO_OK) cli_fail("%s", j->error.text);
    plan->memory = one.memory;
}

/* Sizes, memory, work: the waves of all samples. */
static float *run(job *j, const tango_model *model, tango_plan *plan)
{
    tango_result result;
    void *memory;
    float *wave;
    char rescale[32] = "", seeds[32] = "", part[32] = "";
    result = tango_prepare(plan, model, &j->params, &j->error);
    if (result == TANGO_ERROR_ARGUMENT) cli_usage("%s", j->error.text);
    if (result != TANGO_OK) cli_fail("%s", j->error.text);
    if (one_by_one(j)) plan_take(j, model, plan);
    plan_files(j, model, plan);
    note_idle_options(j, plan);
    memory = kept_memory(j->kept, plan->memory);
    wave = kept_waves(j->kept, plan->params.samples, plan->samples);
    if (plan->params.guidance > 1.0 && plan->params.rescale > 0.0)
        snprintf(rescale, sizeof rescale, " rescaled %g", plan->params.rescale);
    if (plan->params.strength < 1.0 && plan->params.sampler != TANGO_LCM)
        snprintf(part, sizeof part, "%zu of ",
            (size_t)((double)plan->params.steps * plan->params.strength));
    if (j->seeds != NULL)
        snprintf(seeds, sizeof seeds, " to %llu",
            (unsigned long long)j->seeds[plan->params.samples - 1]);
    if (!j->quiet)
        fprintf(stderr,
            "run     %.2f s  %s%zu steps %s  guidance %g%s  %s  seed %llu%s\n"
            "memory  %.1f MB\n",
            (double)plan->samples / (double)model->rate, part, plan->params.steps,
            tango_sampler_name(plan->params.sampler), plan->params.guidance, rescale,
            tango_vocoder_name(plan->params.vocoder),
            (unsigned long long)plan->params.seed, seeds, (double)plan->memory / 1e6);
    j->progress = cli_progress_begin(j->quiet);
    j->watched = j->progress.on;
    if (streams(j, plan)) {
        record_take(j, plan, 0);
        j->params.on_audio = stream_audio;
        j->streamed = plan->samples;
    }
    result = one_by_one(j) ? run_takes(j, model, plan, wave, memory)
                           : tango_generate(wave, model, &j->params, memory, plan->memory,
                               &j->error);
    if (!one_by_one(j)) j->compute = cli_seconds() - j->progress.start;
    cli_progress_end(&j->progress);
    clear_line(j);
    if (result == TANGO_ERROR_CANCELLED) exit(130);
    if (result != TANGO_OK) cli_fail("%s", j->error.text);
    return wave;
}

/* Bits of the factors that most of the model's numbers are computed with. */
static int bits_of(const tango_model *m)
{
    tango_io_tensor t;
    size_t i, whole = 0, all = 0;
    for (i = 0; i < tango_io_blob_tensor_count(&m->blob); i++) {
        tango_io_blob_tensor(&m->blob, i, &t);
        if (t.layout == TANGO_IO_PLAIN) continue;
        all++;
        whole += t.layout == TANGO_IO_BLOCKS;
    }
    return 2 * whole > all ? 16 : 32;
}

/* Measures the peak of the instructions that this run has used, and shows the profile. */
static void show_profile(job *j, const tango_plan *plan)
{
    const tango_params *p = &plan->params;
    const peak *what = peak_of(tango_nn_kernels_name(p->kernels), bits_of(j->opened));
    tango_nn_context c;
    if (j->profile.seconds == NULL) return;
    memset(&c, 0, sizeof c);
    c.parallel_for = p->parallel_for;
    c.pool = p->pool;
    c.threads = p->parallel_for != NULL ? p->threads : 1;
    j->peak = peak_best(&c, what, 20);
    j->instruction = what != NULL ? what->instruction : "";
    if (!j->json) profile_print(&j->profile, j->instruction, c.threads, j->peak);
}

/* All of one run behind its options; the exit status. */
static int run_job(job *j)
{
    const tango_model *m = j->opened;
    tango_plan plan;
    int cut = 0, same = 1;
    float *wave;
    j->params.prompt_cut = &cut;
    j->params.user = j;
    j->params.on_step = show_step;
    j->params.on_layer = show_layer;
    note_unknown(j);
    load_arrays(j, m);
    set_seeds(j);
    if (j->dump != NULL) cli_make_folder(j->dump);
    check_outputs(j);
    check_picture(j); /* before a sound is encoded, which may take minutes */
    start_threads(&j->params, j->kept);
    load_start(j, m);
    if (j->dump != NULL) prepare_dump(j);
    if (j->profile.seconds != NULL) j->params.profile = &j->profile;
    wave = run(j, m, &plan);
    show_profile(j, &plan);
    judge(j, m, &plan, wave);
    if (cut && (!j->quiet || j->serve))
        fprintf(stderr, "warning: a text was cut to the model's %zu tokens\n",
            tango_tokens_most(m));
    if (!one_by_one(j) || j->best != 0) save(j, &plan, wave, 0, j->files);
    draw_picture(j);
    if (j->serve && play(j) != 0) exit(1); /* what the player said is the answer */
    if (j->json) report(j, &plan, m);
    if (j->record.replay != NULL)
        same = record_compare(&j->record, j->output,
            tango_nn_kernels_name(plan.params.kernels), j->quiet, &j->error);
    if (!j->serve && play(j) != 0) same = 0;
    free(j->sounds);
    free(j->candidates);
    free(j->seeds);
    free((void *)(uintptr_t)j->params.noise);
    free((void *)(uintptr_t)j->params.latent);
    free((void *)(uintptr_t)j->params.init);
    return !same;
}

#include "generate_prompts.h"
#include "generate_serve.h"

/* What stands beside --prompts and --serve, whose lines hold the runs. */
static void check_lists(const job *j)
{
    static const int of_serve[] = { 'o', 269, 270, 325, 326, 362, 0 };
    if (j->record.replay != NULL)
        cli_usage("--replay contradicts --%s", j->serve ? "serve" : "prompts");
    if (j->serve) cli_refuse(&j->line, of_serve, "--serve");
    if (j->params.prompt != NULL)
        cli_usage("a prompt contradicts %s",
            j->serve ? "--serve, which gets them in requests"
                     : "--prompts, whose lines are the prompts");
    if (strcmp(j->output, "-") == 0) cli_usage("-o - contradicts --prompts");
}

int main(int argc, char **argv)
{
    job j;
    tango_io_file file;
    tango_model model;
    kept_room stays;
    int status;
    memset(&j, 0, sizeof j);
    memset(&stays, 0, sizeof stays);
    j.kept = &stays;
    j.output = "out.wav";
    j.format = TANGO_IO_WAV_PCM16;
    j.shards = 1;
    record_begin(&j.record, &argc, &argv, options, not_recorded, 341, "--kernels",
        &j.error);
    j.record.of_takes = of_takes;
    j.line = cli_begin(argc, argv, options);
    read_options(&j);
    if (j.prompts != NULL || j.serve) check_lists(&j);
    else if (!j.list) check_options(&j);
    open_model(&j, &file, &model, argv[0]);
    status = j.serve ? run_server(&j) : j.prompts != NULL ? run_lines(&j) : run_job(&j);
    end_kept(&stays);
    tango_io_unmap(&file);
    record_end(&j.record);
    return status;
}
