/* generate: a sentence becomes a sound, in a WAV or a FLAC file.

       cc demo/generate.c -lm -o generate && ./generate "a dog barks"

       model   demo/tiny.tango  6.7 M parameters  CC BY 4.0
       run     2.55 s  25 steps ddim  guidance 3 rescaled 0.7  griffin-lim  seed 0
       memory  13.5 MB
       [##############################] 25/25  45.7 it/s  ETA 0:00
       wrote   out.wav  2.550 s  16000 Hz  lowered by 1.8 dB */
#include "cli.h"
#ifndef _WIN32
#define TANGO_PTHREADS
#endif
#define TANGO_IMPLEMENTATION
#include "../tango.h"
#include "peak.h"
#include "profile.h"
#include "record.h"
#include "save.h"

/* A program's own sums are the same with -march=native, as those of the headers. */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

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
    { 290, "guidance-from", "P", "part of the run before which guidance is off, 0 to 1" },
    { 291, "guidance-until", "P",
        "part of the run from which guidance is off again, 1 if not given" },
    { 292, "cache", "N",
        "computes the deep part of the UNet every N steps only: faster, not the same" },
    { 258, "seed", "N", "of the noise; 0 if not given, as torch.manual_seed" },
    { 259, "sampler", "NAME",
        "ddpm, ddim, dpm, euler or unipc; consistency or ctm of distilled models" },
    { 260, "eta", "E", "noise of ddim, 0 to 1" },
    { 261, "final", "NAME", "last noise level of dpm, euler, unipc: zero or sigma_min" },
    { 262, "samples", "N",
        "sounds from one prompt; FILE becomes FILE_0.wav, FILE_1.wav ..." },
    { 273, "best", "K",
        "judge all --samples by CLAP and keep the K that fit PROMPT best, best first" },
    { 263, "vocoder", "NAME", "hifigan or griffin-lim" },
    { 't', "threads", "N", "1 to 64; else TANGO_THREADS, else all processors" },
    { 264, "noise", "FILE",
        ".npy (samples, C, H, W), or (draws, samples, C, H, W) for all draws" },
    { 265, "latent", "FILE", ".npy (samples, C, H, W): skips text and diffusion" },
    { 266, "denormalize", "MEAN,STD", "mel = mel * STD + MEAN before the vocoder" },
    { 267, "bits", "16|24|32|f32", "of the file, FLAC has 16 or 24; 16 if not given" },
    { 272, "clip", NULL, "cut off what is too loud instead of lowering all" },
    { 340, "no-metadata", NULL,
        "leave out what the file tells of itself: prompt, options, model" },
    { 341, "replay", "FILE", "make FILE again from what it tells, and compare" },
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
static const int not_recorded[] = { 'h', 'm', 'o', 'q', 't', 268, 269, 270, 273, 281, 340,
    341, 0 };

/* One of the sounds, and how well it fits the prompt. */
typedef struct candidate { size_t sample; float score; } candidate;

/* Everything the command line says, and what the callbacks need. */
typedef struct job {
    cli line;
    tango_params params;
    tango_error error;
    cli_progress progress;
    const char *model, *output, *dump, *noise, *latent;
    const tango_model *opened;
    const tango_io_file *file; /* of its weights */
    tango_io_wav_format format;
    int json, quiet, clip;
    size_t best;           /* --best, or 0 */
    size_t files;          /* to be written: of the first candidates */
    candidate *candidates; /* (samples), by number or, when judged, best first */
    cli_level *levels;     /* (files), as they were before they fitted the file */
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

enum { THREADS_MAX = 64 };

/* ---- Stages as .npy files --------------------------------------------------------- */

/* The names and axis orders are those of the PyTorch reference. */
static int dump_stage(void *user, const tango_stage *stage)
{
    job *j = (job *)user;
    const char *const inputs[] = { j->model, j->noise, j->latent };
    tango_io_output out;
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s.npy", j->dump, stage->name)
        >= (int)sizeof path)
        cli_fail("%s: path too long", j->dump);
    if (tango_io_output_check(path, inputs, 3, &j->error) != TANGO_OK) {
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

static int show_step(void *user, size_t done, size_t steps)
{
    job *j = (job *)user;
    cli_progress_step(&j->progress, done, steps);
    return cli_interrupted();
}

/* ---- Input files ------------------------------------------------------------------ */

/* The floats of a .npy file with `axes` axes or one more; shape[] is filled from the
   right, so that shape[0] is the extra one (1 where the file has none). */
static float *load_npy(const char *path, size_t axes, size_t shape[5], tango_error *error)
{
    tango_io_file file;
    tango_io_npy npy;
    tango_io_view view;
    float *values;
    size_t i;
    if (tango_io_map(&file, path, error) != TANGO_OK) cli_fail("%s", error->text);
    if (tango_io_npy_parse(&npy, file.data, file.size, error) != TANGO_OK)
        cli_fail("%s: %s", path, error->text);
    if (npy.rank != axes && npy.rank != axes + 1)
        cli_fail("%s: %zu axes, expected %zu or %zu", path, npy.rank, axes, axes + 1);
    shape[0] = 1;
    for (i = 0; i < npy.rank; i++) shape[axes + 1 - npy.rank + i] = npy.shape[i];
    values = (float *)malloc(npy.count * sizeof(float) + 1);
    if (values == NULL) cli_fail("%s: no memory for %zu numbers", path, npy.count);
    tango_io_npy_view(&view, &npy);
    tango_io_view_read(values, &view, 0, npy.count);
    if (!tango_nn_all_finite(values, npy.count))
        cli_fail("%s: holds NaN or infinity", path);
    tango_io_unmap(&file);
    return values;
}

/* --latent (samples, C, H, W) and --noise ([draws,] samples, C, H, W) */
static void load_arrays(job *j, const tango_model *m)
{
    const size_t factor = (size_t)1 << (m->vae.levels - 1), width = m->mels / factor;
    size_t s[5];
    if (j->latent != NULL) {
        j->params.latent = load_npy(j->latent, 3, s, &j->error);
        if (s[0] == 0 || s[1] != m->vae.embedding || s[2] == 0 || s[3] != width)
            cli_fail("%s: (%zu, %zu, %zu, %zu), expected (samples, %zu, rows, %zu)",
                j->latent, s[0], s[1], s[2], s[3], m->vae.embedding, width);
        j->params.samples = s[0];
        j->params.latent_rows = s[2];
    }
    if (j->noise != NULL) {
        tango_plan plan;
        j->params.noise = load_npy(j->noise, 4, s, &j->error);
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
    check_parts(j, m);
    record_check_model(&j->record, m, j->model);
    j->opened = m, j->file = file;
    j->params.on_done = forget_part;
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

/* ---- Output ----------------------------------------------------------------------- */

/* The name of file i: out.wav, or out_0.wav, out_1.wav ... where there are several. */
static const char *file_name(const job *j, size_t i, char *path, size_t size)
{
    const char *dot = strrchr(j->output, '.');
    size_t stem = dot != NULL && strchr(dot, '/') == NULL ? (size_t)(dot - j->output)
                                                          : strlen(j->output);
    if (j->files == 1) return j->output;
    if (snprintf(path, size, "%.*s_%zu%s", (int)stem, j->output, i, j->output + stem)
        >= (int)size)
        cli_fail("%s: path too long", j->output);
    return path;
}

/* No sound is written over a file that this run reads, nor over a stage of --dump, whose
   names all end in .npy. */
static void check_outputs(job *j)
{
    const char *others[3], *const replayed[] = { j->record.replay };
    char path[4096], stage[4096];
    size_t i;
    others[0] = j->model, others[1] = j->noise, others[2] = j->latent;
    if (j->files > 1 && strcmp(j->output, "-") == 0)
        cli_usage("-o - is for one sound, not for %zu; give -o FILE.wav", j->files);
    for (i = 0; i < j->files; i++) {
        const char *name = file_name(j, i, path, sizeof path),
                   *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name;
        size_t n = strlen(last);
        if (tango_io_output_check(name, others, 3, &j->error) != TANGO_OK
            || tango_io_output_check(name, replayed, 1, &j->error) != TANGO_OK)
            cli_fail_file(name, j->error.text);
        if (j->dump == NULL || n < 4 || strcmp(last + n - 4, ".npy") != 0) continue;
        if (snprintf(stage, sizeof stage, "%s/%s", j->dump, last) >= (int)sizeof stage)
            cli_fail("%s: path too long", j->dump);
        if (tango_io_output_check(stage, &name, 1, &j->error) != TANGO_OK)
            cli_fail("%s: in the folder of --dump, whose files it could replace", name);
    }
    j->flac = save_is_flac(j->output);
    if (j->flac && j->format > TANGO_IO_WAV_PCM24)
        cli_usage("--bits: FLAC has 16 or 24");
}

/* "  score 0.4123 (sample 3)", or nothing where none was judged. */
static void score_text(const job *j, size_t i, char *out, size_t size)
{
    const candidate *c = &j->candidates[i];
    *out = 0;
    if (j->best != 0)
        snprintf(out, size, "  score %.4f (sample %zu)", (double)c->score, c->sample);
}

static tango_io_wav_spec spec_of(const job *j, size_t samples)
{
    tango_io_wav_spec spec;
    memset(&spec, 0, sizeof spec);
    spec.channels = 1;
    spec.rate = (uint32_t)j->opened->rate;
    spec.format = j->format;
    spec.frames = samples;
    spec.tags = j->record.tags;
    spec.tag_count = j->record.count;
    return spec;
}

/* Whether standard output can have the samples while the vocoder works: the file of the
   whole wave would hold the same. Not where something follows that needs the whole: a
   choice among sounds, centring, lowering (HiFi-GAN is never too loud). */
static int streams(const job *j, const tango_plan *plan)
{
    return strcmp(j->output, "-") == 0 && j->best == 0 && !j->opened->centre_wave
           && plan->params.vocoder == TANGO_HIFIGAN;
}

/* on_audio: the header goes before the first samples. */
static int stream_audio(
    void *user, size_t sound, const float *samples, size_t first, size_t count)
{
    job *j = (job *)user;
    const tango_io_wav_spec spec = spec_of(j, j->streamed);
    (void)sound;
    if (first == 0) {
        cli_progress_end(&j->progress);
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
static int write_sound(job *j, const char *name, const float *wave, size_t samples)
{
    const tango_io_wav_spec spec = spec_of(j, samples);
    tango_io_output *out = &j->out;
    tango_result result;
    if (j->streamed != 0) {
        result = tango_io_wav_end(&j->wav, &j->error);
    } else {
        if (tango_io_create(out, name, &j->error) != TANGO_OK) return 0;
        result = save_whole(out, j->flac, wave, &spec, &j->error);
    }
    if (result == TANGO_OK && !cli_interrupted()
        && tango_io_commit(out, &j->error) == TANGO_OK)
        return 1;
    tango_io_abandon(out);
    return 0;
}

static void save(job *j, const tango_plan *plan, float *waves, size_t rate)
{
    size_t i;
    for (i = 0; i < j->files; i++) {
        char path[4096], level[64], score[64];
        const char *name = file_name(j, i, path, sizeof path);
        float *wave = waves + j->candidates[i].sample * plan->samples;
        memset(&j->levels[i], 0, sizeof *j->levels);
        if (j->format != TANGO_IO_WAV_FLOAT32)
            j->levels[i] = cli_level_fit(wave, plan->samples, j->clip);
        cli_level_text(&j->levels[i], level, sizeof level);
        score_text(j, i, score, sizeof score);
        record_make(&j->record, j->opened, j->model, &plan->params,
            j->candidates[i].sample);
        if (!write_sound(j, name, wave, plan->samples)) {
            if (cli_interrupted()) exit(130);
            cli_fail("%s", j->error.text);
        }
        if (!j->quiet)
            fprintf(stderr, "wrote   %s  %.3f s  %zu Hz%s%s%s\n", name,
                (double)plan->samples / (double)rate, rate, score, *level ? "  " : "",
                level);
    }
}

/* As a JSON string; what is not UTF-8 in it becomes U+FFFD. */
static void print_string(const char *text)
{
    const size_t size = 6 * strlen(text) + 3; /* 6 bytes of a byte, two quotes, NUL */
    char *quoted = (char *)malloc(size);
    tango_io_json_writer w;
    if (quoted == NULL) cli_fail("no memory for %zu bytes", size);
    tango_io_json_begin(&w, quoted, size);
    tango_io_json_put_string(&w, text);
    tango_io_json_end(&w);
    fputs(quoted, stdout);
    free(quoted);
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
        if (i < j->files) print_string(file_name(j, i, path, sizeof path));
        else printf("null");
        printf("}");
    }
    printf("], ");
}

static void report(const job *j, const tango_plan *plan, const tango_model *m)
{
    const tango_params *p = &plan->params;
    char path[4096], checksum[17];
    size_t i;
    printf("{\"files\": [");
    for (i = 0; i < j->files; i++) {
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
    printf(", \"lowered_db\": [");
    for (i = 0; i < j->files; i++)
        printf("%s%.3f", i > 0 ? ", " : "",
            0.0 - 20.0 * log10(cli_level_factor(&j->levels[i])));
    printf("], \"clipped\": [");
    for (i = 0; i < j->files; i++)
        printf("%s%llu", i > 0 ? ", " : "", j->clip ? j->levels[i].over : 0);
    printf("], \"frames\": %zu, \"rate\": %zu, \"duration\": %.6f, \"seed\": %llu, ",
        plan->samples, m->rate, (double)plan->samples / (double)m->rate,
        (unsigned long long)p->seed);
    printf("\"steps\": %zu, \"sampler\": \"%s\", \"guidance\": %g, \"rescale\": %g, ",
        p->steps, tango_sampler_name(p->sampler), p->guidance,
        p->rescale > 0.0 ? p->rescale : 0.0);
    printf("\"guidance_from\": %g, \"guidance_until\": %g, \"cache\": %zu, ",
        p->guidance_from, p->guidance_until > 0.0 ? p->guidance_until : 0.0, p->cache);
    printf("\"eta\": %g, ", p->eta > 0.0 ? p->eta : 0.0);
    if (j->best != 0) report_ranking(j, p->samples);
    printf(
        "\"vocoder\": \"%s\", \"kernels\": \"%s\", \"threads\": %zu, \"memory\": %zu, ",
        tango_vocoder_name(p->vocoder), tango_nn_kernels_name(p->kernels), p->threads,
        plan->memory);
    if (j->profile.seconds != NULL) {
        profile_json(&j->profile, j->instruction, j->peak);
        printf(", ");
    }
    printf("\"compute_seconds\": %.3f}\n", j->compute);
    if (fflush(stdout) != 0) cli_fail("standard output: writing failed");
}

/* ---- Command line ----------------------------------------------------------------- */

static void read_options(job *j)
{
    static const char *const samplers[] = { "ddpm", "ddim", "dpm", "euler", "unipc",
        "consistency", "ctm", NULL };
    static const char *const vocoders[] = { "hifigan", "griffin-lim", NULL };
    static const char *const finals[] = { "zero", "sigma_min", NULL };
    static const char *const bits[] = { "16", "24", "32", "f32", NULL };
    static const tango_io_wav_format formats[] = { TANGO_IO_WAV_PCM16, TANGO_IO_WAV_PCM24,
        TANGO_IO_WAV_PCM32, TANGO_IO_WAV_FLOAT32 };
    cli *c = &j->line;
    tango_params *p = &j->params;
    int id;
    while ((id = cli_next(c)) != 0) switch (id) {
        case CLI_OPERAND:
            if (p->prompt != NULL)
                cli_usage("one prompt, found a second: \"%.60s\"; quote it", c->text);
            p->prompt = c->text;
            break;
        case 'm': j->model = c->text; break;
        case 'o': j->output = c->text; break;
        case 'n': p->negative = c->text; break;
        case 's': p->seconds = cli_number(c, 1e-3, TANGO_SECONDS_MAX); break;
        case 280:
            p->crop = cli_number(c, 0, TANGO_SECONDS_MAX);
            if (p->crop == 0.0) p->crop = -1.0;
            break;
        case 256: p->steps = (size_t)cli_integer(c, 1, 1000); break;
        case 257:
            p->guidance = cli_number(c, 0, 1000);
            if (p->guidance == 0.0) p->guidance = 1.0;
            break;
        case 271:
            p->rescale = cli_number(c, 0, 1);
            if (p->rescale == 0.0) p->rescale = -1.0;
            break;
        case 290: p->guidance_from = cli_number(c, 0, 1); break;
        case 291:
            p->guidance_until = cli_number(c, 0, 1);
            if (p->guidance_until == 0.0) p->guidance_until = -1.0;
            break;
        case 292: p->cache = (size_t)cli_integer(c, 1, 1000); break;
        case 258:
            p->seed =
                (uint64_t)cli_integer(c, -9223372036854775807LL, 9223372036854775807LL);
            break;
        case 259:
            p->sampler = tango_sampler_named(samplers[cli_choice(c, samplers)]);
            break;
        case 260:
            p->eta = cli_number(c, 0, 1);
            if (p->eta == 0.0) p->eta = -1.0;
            break;
        case 261:
            p->final_sigma =
                cli_choice(c, finals) ? TANGO_FINAL_SIGMA_MIN : TANGO_FINAL_ZERO;
            break;
        case 262: p->samples = (size_t)cli_integer(c, 1, TANGO_SAMPLES_MAX); break;
        case 273: j->best = (size_t)cli_integer(c, 1, TANGO_SAMPLES_MAX); break;
        case 263:
            p->vocoder = tango_vocoder_named(vocoders[cli_choice(c, vocoders)]);
            break;
        case 't': p->threads = (size_t)cli_integer(c, 1, THREADS_MAX); break;
        case 264: j->noise = c->text; break;
        case 265: j->latent = c->text; break;
        case 266:
            p->denormalize = 1;
            cli_two_numbers(c, &p->denormalize_mean, &p->denormalize_std, -100, 100);
            break;
        case 267: j->format = formats[cli_choice(c, bits)]; break;
        case 272: j->clip = 1; break;
        case 340: j->record.off = 1; break;
        case 341: break; /* record_begin has read it */
        case 268:
            p->kernels = tango_nn_kernels_named(c->text);
            if (p->kernels == NULL)
                cli_usage("--kernels: this machine has no \"%.60s\"", c->text);
            break;
        case 269: j->dump = c->text; break;
        case 281: j->profile.seconds = profile_seconds; break;
        case 270: j->json = 1; break;
        case 'q': j->quiet = 1; break;
        case 'h':
            cli_help("generate [options] PROMPT",
                "Makes the sound that PROMPT describes. Defaults come from the model.",
                options);
            exit(0);
    }
    if (p->threads == 0)
        p->threads = cli_threads(THREADS_MAX, cli_processors(THREADS_MAX));
    if (p->prompt == NULL && j->latent == NULL)
        cli_usage("no prompt; try: generate \"a dog barks\"");
    if (j->record.replay != NULL && (j->best != 0 || strcmp(j->output, "-") == 0))
        cli_usage("--replay makes one file: not with --best or -o -");
    if (p->prompt == NULL && j->best != 0)
        cli_usage("--best judges by a prompt; none given");
    if (strcmp(j->output, "-") == 0 && (j->json || (p->samples > 1 && j->best != 1)))
        cli_usage("-o - is for one sound and nothing else: not with --json or --samples");
}

/* All processors share the work, in a pool that main stops; alone without threads. */
static void *start_threads(tango_params *p)
{
    void *memory = NULL;
    (void)p;
#ifdef TANGO_PTHREADS
    if (p->threads < 2) return NULL;
    memory = malloc(tango_nn_pool_size(p->threads));
    if (memory != NULL) p->pool = tango_nn_pool_start(memory, p->threads);
    if (p->pool != NULL) p->parallel_for = tango_nn_pool_for;
#endif
    return memory;
}

static void stop_threads(tango_params *p, void *memory)
{
    (void)p;
#ifdef TANGO_PTHREADS
    tango_nn_pool_stop((tango_nn_pool *)p->pool);
#endif
    free(memory);
}

static void prepare_dump(job *j)
{
    cli_make_folder(j->dump);
    j->params.on_stage = dump_stage;
    cli_catch_interrupts(); /* files are written while it runs */
}

/* The reason is in the plan, which knows the model's defaults. */
static void note_idle_options(const job *j, const tango_plan *plan)
{
    static const int of_diffusion[] = { 'n', 's', 256, 257, 259, 260, 261, 262, 264, 271,
        290, 291, 292, 0 };
    static const int of_guidance[] = { 'n', 271, 290, 291, 0 },
                     of_integers[] = { 272, 0 }, of_ddim[] = { 260, 0 },
                     of_steps[] = { 292, 0 },
                     of_sigmas[] = { 261, 0 }, of_random[] = { 258, 0 };
    const tango_params *p = &plan->params;
    const double steps = (double)p->steps;
    const int distilled = j->opened->unet.guidance != TANGO_GUIDANCE_NONE,
              sigmas = p->sampler == TANGO_DPM || p->sampler == TANGO_EULER
                  || p->sampler == TANGO_UNIPC,
              draws = p->sampler == TANGO_DDPM
                  || (p->sampler == TANGO_DDIM && p->eta > 0.0);
    if (j->quiet) return;
    if (j->latent != NULL) {
        if (p->prompt != NULL && j->best == 0)
            cli_note("the prompt has no effect: --latent replaces it");
        cli_idle(&j->line, of_diffusion, "--latent skips text and diffusion");
    } else {
        if (distilled)
            cli_idle(&j->line, of_guidance, "guidance is a number that this model takes");
        else if (p->guidance <= 1.0)
            cli_idle(&j->line, of_guidance, "guidance is off");
        else if (floor(p->guidance_from * steps) >= floor(p->guidance_until * steps))
            cli_note("guidance is off: no step lies from %g to %g of %zu",
                p->guidance_from, p->guidance_until > 0.0 ? p->guidance_until : 0.0,
                p->steps);
        if (p->cache > 1 && p->steps < 2)
            cli_idle(&j->line, of_steps, "one step has nothing to use again");
        if (p->sampler != TANGO_DDIM) cli_idle(&j->line, of_ddim, "only ddim has it");
        if (!sigmas) cli_idle(&j->line, of_sigmas, "only dpm, euler and unipc have it");
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
    j->files = j->record.replay != NULL ? 1 : j->best != 0 ? j->best : samples;
    j->levels = (cli_level *)calloc(j->files, sizeof *j->levels);
    j->candidates = (candidate *)calloc(samples, sizeof *j->candidates);
    if (j->levels == NULL || j->candidates == NULL)
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
    void *memory;
    size_t size = 0, i, at;
    if (j->best == 0) return;
    if (tango_rank_memory(&size, model, &r, &j->error) != TANGO_OK)
        cli_fail("--best: %s", j->error.text);
    memory = malloc(size);
    scores = (float *)malloc(r.count * sizeof *scores);
    if (memory == NULL || scores == NULL)
        cli_fail("no memory: %.1f MB are needed", (double)size / 1e6);
    if (tango_rank(scores, waves, model, &r, memory, size, &j->error) != TANGO_OK)
        cli_fail("--best: %s", j->error.text);
    *r.prompt_cut |= cut;
    for (i = 0; i < r.count; i++) {
        for (at = i; at > 0 && j->candidates[at - 1].score < scores[i]; at--)
            j->candidates[at] = j->candidates[at - 1];
        j->candidates[at].sample = i;
        j->candidates[at].score = scores[i];
    }
    free(memory);
    free(scores);
}

/* Sizes, memory, work: the waves of all samples, to be freed. */
static float *run(job *j, const tango_model *model, tango_plan *plan)
{
    tango_result result;
    void *memory;
    float *wave;
    char rescale[32] = "";
    result = tango_prepare(plan, model, &j->params, &j->error);
    if (result == TANGO_ERROR_ARGUMENT) cli_usage("%s", j->error.text);
    if (result != TANGO_OK) cli_fail("%s", j->error.text);
    plan_files(j, model, plan);
    check_outputs(j);
    note_idle_options(j, plan);
    memory = malloc(plan->memory);
    wave = (float *)malloc(plan->params.samples * plan->samples * sizeof(float));
    if (memory == NULL || wave == NULL)
        cli_fail("no memory: %.1f MB are needed", (double)plan->memory / 1e6);
    if (plan->params.guidance > 1.0 && plan->params.rescale > 0.0)
        snprintf(rescale, sizeof rescale, " rescaled %g", plan->params.rescale);
    if (!j->quiet)
        fprintf(stderr,
            "run     %.2f s  %zu steps %s  guidance %g%s  %s  seed %llu\n"
            "memory  %.1f MB\n",
            (double)plan->samples / (double)model->rate, plan->params.steps,
            tango_sampler_name(plan->params.sampler), plan->params.guidance, rescale,
            tango_vocoder_name(plan->params.vocoder),
            (unsigned long long)plan->params.seed, (double)plan->memory / 1e6);
    j->progress = cli_progress_begin(j->quiet);
    if (streams(j, plan)) {
        record_make(&j->record, model, j->model, &plan->params, 0);
        j->params.on_audio = stream_audio;
        j->streamed = plan->samples;
    }
    result = tango_generate(wave, model, &j->params, memory, plan->memory, &j->error);
    j->compute = cli_seconds() - j->progress.start;
    cli_progress_end(&j->progress);
    if (result == TANGO_ERROR_CANCELLED) exit(130);
    if (result != TANGO_OK) cli_fail("%s", j->error.text);
    free(memory);
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
        whole += t.type == TANGO_IO_I16;
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

int main(int argc, char **argv)
{
    job j;
    tango_io_file file;
    tango_model model;
    tango_plan plan;
    int cut = 0, same = 1;
    void *threads;
    float *wave;
    memset(&j, 0, sizeof j);
    j.output = "out.wav";
    j.format = TANGO_IO_WAV_PCM16;
    record_begin(&j.record, &argc, &argv, options, not_recorded, 341, "--kernels",
        &j.error);
    j.line = cli_begin(argc, argv, options);
    read_options(&j);
    j.params.prompt_cut = &cut;
    j.params.user = &j;
    j.params.on_step = show_step;
    open_model(&j, &file, &model, argv[0]);
    load_arrays(&j, &model);
    if (j.dump != NULL) prepare_dump(&j);
    threads = start_threads(&j.params);
    if (j.profile.seconds != NULL) j.params.profile = &j.profile;
    wave = run(&j, &model, &plan);
    show_profile(&j, &plan);
    judge(&j, &model, &plan, wave);
    if (cut && !j.quiet)
        fprintf(stderr, "warning: a text was cut to the model's %zu tokens\n",
            tango_tokens_most(&model));
    cli_catch_interrupts(); /* from here on files are written */
    save(&j, &plan, wave, model.rate);
    if (j.json) report(&j, &plan, &model);
    stop_threads(&j.params, threads);
    free(wave);
    free(j.levels);
    free(j.candidates);
    free((void *)(uintptr_t)j.params.noise);
    free((void *)(uintptr_t)j.params.latent);
    tango_io_unmap(&file);
    if (j.record.replay != NULL)
        same = record_compare(&j.record, j.output,
            tango_nn_kernels_name(plan.params.kernels), j.quiet, &j.error);
    record_end(&j.record);
    return !same;
}
