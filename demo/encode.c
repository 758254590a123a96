/* encode: a sound becomes a latent, as Tango's training sees it.

       cc demo/encode.c -lm -o encode && ./encode dog.wav -o dog.npy

       wrote   dog.npy  (8, 64, 16)  2.560 s of dog.wav */
#include "cli.h"
#define TANGO_IMPLEMENTATION
#include "../tango.h"
#include "clip.h"

static const char *const examples[] = {
    "encode dog.wav -o dog.npy",
    "encode dog.flac -o dog.pt -s 10",
    "encode dog.wav -o dog.npy -m audioldm.tango --sample 7",
    NULL,
};

static const cli_option options[] = {
    { 'm', "model", "FILE", "weights blob; demo/tiny.tango if not given" },
    { 'o', "output", "FILE",
        ".npy or .pt: latent (8, T/4, 16), scale factor * posterior mean; - is standard "
        "output, a .npy" },
    { 's', "seconds", "S",
        "cut or pad with zeros; the clip, rounded up to 4 frames, if not given" },
    { 256, "sample", "SEED", "a sample of the posterior, of this seed, not its mean" },
    { 257, "window", "FRAMES",
        "encode in overlapping windows of so many frames; else the whole at once" },
    { 258, "dump", "DIR", "also samples, mel, mean, logvar, latent as .npy" },
    { 'q', "quiet", NULL, "no messages" },
    { 'h', "help", NULL, "this text" },
    { 0, NULL, NULL, NULL },
};

typedef struct job {
    const char *model, *input, *output, *dump;
    double seconds;
    int quiet;
    tango_encoding encoding;
    tango_error error;
} job;

static int ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text), k = strlen(tail);
    return n > k && strcmp(text + n - k, tail) == 0;
}

static void read_options(job *j, int argc, char **argv)
{
    cli c = cli_begin(argc, argv, options);
    int id;
    while ((id = cli_next(&c)) != 0) switch (id) {
        case CLI_OPERAND:
            if (j->input != NULL)
                cli_usage("one sound file, found a second: \"%.60s\"", c.text);
            j->input = c.text;
            break;
        case 'm': j->model = c.text; break;
        case 'o': j->output = c.text; break;
        case 's': j->seconds = cli_number(&c, 1e-3, TANGO_SECONDS_MAX); break;
        case 256:
            j->encoding.sample = 1;
            j->encoding.seed = (uint64_t)cli_integer(&c, 0, (long long)TANGO_SEED_MAX);
            break;
        case 257: j->encoding.window = (size_t)cli_integer(&c, 32, 1000000); break;
        case 258: j->dump = c.text; break;
        case 'q': j->quiet = 1; break;
        case 'h':
            cli_help("encode [options] SOUND -o LATENT",
                "Encodes a WAV or FLAC file, or standard input, -, with the model's VAE.",
                examples, options);
            exit(0);
        }
    if (j->input == NULL) cli_usage("no sound file");
    if (j->output == NULL && j->dump == NULL)
        cli_usage("no output; give -o FILE.npy, -o FILE.pt or --dump DIR");
    if (j->output != NULL && strcmp(j->output, "-") != 0
        && !ends_with(j->output, ".npy") && !ends_with(j->output, ".pt"))
        cli_usage("--output: expected a name that ends with .npy or .pt, found \"%.60s\"",
            j->output);
}

static const char *const dumps[] = { "mean", "logvar", "latent", "mel", "samples" };

static void dump_path(const job *j, const char *name, char *path, size_t size)
{
    if (snprintf(path, size, "%s/%s.npy", j->dump, name) >= (int)size)
        cli_fail("%s: path too long", j->dump);
}

/* Nothing that this run reads or writes is written over. */
static void check_outputs(job *j)
{
    char path[4096];
    size_t i;
    if (j->dump != NULL) cli_make_folder(j->dump);
    if (j->output != NULL) clip_check_output(j->output, j->input, j->model, &j->error);
    if (j->dump == NULL) return;
    for (i = 0; i < sizeof dumps / sizeof dumps[0]; i++) {
        dump_path(j, dumps[i], path, sizeof path);
        clip_check_output(path, j->input, j->model, &j->error);
        clip_check_output(path, j->output, NULL, &j->error);
    }
}

/* One array under `path`, as .pt or .npy by its name. */
static void save(
    job *j, const char *path, const float *values, const size_t *shape, size_t rank)
{
    tango_io_output out;
    tango_result result = tango_io_create(&out, path, &j->error);
    if (result == TANGO_OK)
        result =
            ends_with(path, ".pt")
                ? tango_io_torch_write(&out, TANGO_IO_F32, values, shape, rank, &j->error)
                : tango_io_npy_write(&out, TANGO_IO_F32, values, shape, rank, &j->error);
    clip_commit(&out, result, path, &j->error);
}

static void dump(
    job *j, const char *name, const float *values, const size_t *shape, size_t rank)
{
    char path[4096];
    if (j->dump == NULL) return;
    dump_path(j, name, path, sizeof path);
    save(j, path, values, shape, rank);
}

/* samples (count) of any length -> `target` of them, at the level the VAE knows. */
static float *level(job *j, float *x, size_t count, size_t target)
{
    float *samples = (float *)clip_room(target, sizeof(float), j->input);
    if (tango_audio_normalise(samples, x, count, target, TANGO_AUDIO_TANGO, &j->error)
        != TANGO_OK)
        cli_fail_file(j->input, j->error.text);
    free(x);
    return samples;
}

int main(int argc, char **argv)
{
    job j;
    tango_io_file file;
    tango_model m;
    size_t count, factor, frames, target, memory_size, shape[4];
    float *samples, *mel, *latent, *mean, *logvar;
    void *memory;
    memset(&j, 0, sizeof j);
    j.model = CLIP_MODEL;
    read_options(&j, argc, argv);
    if (j.dump == NULL) check_outputs(&j); /* a new folder waits for a sound */
    clip_open_model(&m, &file, j.model, TANGO_PART_VAE, &j.error);
    samples = clip_load(j.input, m.rate, &count, &j.error);
    if (j.dump != NULL) check_outputs(&j);
    factor = (size_t)1 << (m.vae.levels - 1);
    target = j.seconds > 0.0 ? (size_t)(j.seconds * (double)m.rate + 0.5) : count;
    if (j.encoding.window == 0 && target > (size_t)TANGO_SECONDS_MAX * m.rate)
        cli_fail("%s: longer than %d s; give --seconds or --window", j.input,
            TANGO_SECONDS_MAX);
    frames = factor * ((target + m.hop * factor - 1) / (m.hop * factor));
    samples = level(&j, samples, count, frames * m.hop);
    mel = clip_log_mel(j.input, &m, samples, frames * m.hop, frames, &j.error);
    j.encoding.batch = 1;
    j.encoding.frames = frames;
    if (tango_encode_memory(&memory_size, &m, &j.encoding, &j.error) != TANGO_OK)
        cli_fail_file(j.input, j.error.text);
    memory = clip_room(memory_size, 1, j.input);
    count = m.vae.embedding * (frames / factor) * (m.mels / factor);
    latent = (float *)clip_room(3 * count, sizeof(float), j.input);
    mean = latent + count;
    logvar = mean + count;
    if (tango_encode(
            latent, mean, logvar, mel, &m, &j.encoding, memory, memory_size, &j.error)
        != TANGO_OK)
        cli_fail_file(j.input, j.error.text);
    cli_catch_interrupts();
    shape[0] = 1, shape[1] = m.vae.embedding, shape[2] = frames / factor,
    shape[3] = m.mels / factor;
    dump(&j, dumps[0], mean, shape, 4);
    dump(&j, dumps[1], logvar, shape, 4);
    dump(&j, dumps[2], latent, shape, 4);
    shape[0] = shape[1] = 1, shape[2] = frames, shape[3] = m.mels;
    dump(&j, dumps[3], mel, shape, 4);
    shape[0] = frames * m.hop;
    dump(&j, dumps[4], samples, shape, 1);
    shape[0] = m.vae.embedding, shape[1] = frames / factor, shape[2] = m.mels / factor;
    if (j.output != NULL) save(&j, j.output, latent, shape, 3);
    if (!j.quiet && j.output != NULL)
        fprintf(stderr, "wrote   %s  (%zu, %zu, %zu)  %.3f s of %s\n", j.output,
            m.vae.embedding, frames / factor, m.mels / factor,
            (double)(frames * m.hop) / (double)m.rate, j.input);
    free(memory);
    free(latent);
    free(mel);
    free(samples);
    tango_io_unmap(&file);
    return 0;
}
