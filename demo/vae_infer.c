/* vae_infer: a latent becomes a WAV, through the VAE decoder and the vocoder.

       cc demo/vae_infer.c -lm -o vae_infer && ./vae_infer dog.npy -o dog.wav

       wrote   dog.wav  2.562 s  16000 Hz */
#include "cli.h"
#define TANGO_IMPLEMENTATION
#include "../tango.h"
#include "clip.h"
#include "finish.h"
#include "save.h"

static const char *const examples[] = {
    "vae_infer dog.npy -o dog.wav",
    "vae_infer dog.npy -o dog.flac --vocoder griffin-lim",
    "vae_infer dog.npy -o - -m audioldm.tango | aplay",
    NULL,
};

static const cli_option options[] = {
    { 'm', "model", "FILE", "weights blob; demo/tiny.tango if not given" },
    { 'o', "output", "FILE", "WAV or FLAC to write; - is standard output, a WAV" },
    { 256, "denormalize", "MEAN,STD",
        "mel = mel * STD + MEAN before the vocoder; published weights want none" },
    { 257, "vocoder", "NAME", "hifigan (if not given) or griffin-lim" },
    { 258, "seed", "N", "of Griffin-Lim's phases; 0 if not given" },
    FINISH_OPTIONS,
    { 'q', "quiet", NULL, "no messages" },
    { 'h', "help", NULL, "this text" },
    { 0, NULL, NULL, NULL },
};

typedef struct job {
    const char *model, *input, *output;
    int quiet;
    sound_finish finish;
    tango_params params;
    tango_error error;
} job;

static void read_options(job *j, int argc, char **argv)
{
    static const char *const vocoders[] = { "hifigan", "griffin-lim", NULL };
    static const int of_phases[] = { 258, 0 };
    cli c = cli_begin(argc, argv, options);
    double mean, deviation;
    int id;
    j->params.vocoder = TANGO_HIFIGAN;
    while ((id = cli_next(&c)) != 0) switch (id) {
        case CLI_OPERAND:
            if (j->input != NULL)
                cli_usage("one latent, found a second: \"%.60s\"", c.text);
            j->input = c.text;
            break;
        case 'm': j->model = c.text; break;
        case 'o': j->output = c.text; break;
        case 256:
            j->params.denormalize = 1;
            cli_two_numbers(&c, &mean, &deviation, -100, 100);
            j->params.denormalize_mean = (float)mean;
            j->params.denormalize_std = (float)deviation;
            break;
        case 257:
            j->params.vocoder = tango_vocoder_named(vocoders[cli_choice(&c, vocoders)]);
            break;
        case 258:
            j->params.seed = (uint64_t)cli_integer(&c, 0, (long long)TANGO_SEED_MAX);
            break;
        case 'q': j->quiet = 1; break;
        case 'h':
            cli_help("vae_infer [options] LATENT -o SOUND",
                "Decodes a latent of a .npy or .pt file, or of standard input, -:\n"
                "(8, T/4, 16) or (8, 16, T/4), scaled.",
                examples, options);
            exit(0);
        default: finish_read(&j->finish, &c, id);
        }
    if (j->input == NULL) cli_usage("no latent");
    if (j->output == NULL) cli_usage("no output; give -o FILE.wav");
    finish_check(&j->finish, &c, j->output);
    if (!j->quiet && j->params.vocoder == TANGO_HIFIGAN)
        cli_idle(&c, of_phases, "only griffin-lim begins with random phases");
}

/* The one array of a .npy or .pt file, whichever it is by its first byte. */
static tango_io_view open_array(job *j, const tango_io_file *file)
{
    tango_io_view view;
    if (file->size > 0 && file->data[0] == 'P') {
        tango_io_torch torch;
        tango_io_torch_tensor tensor;
        size_t size;
        void *work;
        if (tango_io_torch_work_size(&size, file->data, file->size, &j->error)
            != TANGO_OK)
            cli_fail_file(j->input, j->error.text);
        work = clip_room(size, 1, j->input);
        if (tango_io_torch_open(&torch, file->data, file->size, work, size, &j->error)
            != TANGO_OK)
            cli_fail_file(j->input, j->error.text);
        if (torch.count != 1)
            cli_fail("%s: %zu tensors, expected one", j->input, torch.count);
        tango_io_torch_tensor_at(&torch, 0, &tensor);
        view = tensor.view; /* it points into the file, not into work */
        free(work);
    } else {
        tango_io_npy npy;
        if (tango_io_npy_parse(&npy, file->data, file->size, &j->error) != TANGO_OK)
            cli_fail_file(j->input, j->error.text);
        tango_io_npy_view(&view, &npy);
    }
    return view;
}

/* The file's latent as (C, H, W) floats, to be freed; the axis of W frequencies decides
   the order. */
static float *load_latent(job *j, size_t channels, size_t width)
{
    clip_bytes bytes;
    const tango_io_file *file = &bytes.file;
    tango_io_view v;
    float *x, *turned;
    size_t c, h, w, *shape;
    clip_open_bytes(&bytes, j->input, &j->error);
    v = open_array(j, file);
    shape = v.shape;
    if (v.rank == 4 && shape[0] == 1) shape++;
    else if (v.rank != 3)
        cli_fail(
            "%s: %zu axes, expected 3, or 4 with a first axis of 1", j->input, v.rank);
    if (shape[0] != channels || (shape[1] != width && shape[2] != width) || v.count == 0)
        cli_fail("%s: shape (%zu, %zu, %zu), expected (%zu, T, %zu) or (%zu, %zu, T)",
            j->input, shape[0], shape[1], shape[2], channels, width, channels, width);
    if (v.type != TANGO_IO_F16 && v.type != TANGO_IO_BF16 && v.type != TANGO_IO_F32
        && v.type != TANGO_IO_F64)
        cli_fail("%s: expected floats, found %s", j->input, tango_io_type_name(v.type));
    if (v.count > file->size)
        cli_fail("%s: %zu numbers in a file of %zu bytes; save it after .contiguous()",
            j->input, v.count, file->size);
    x = (float *)clip_room(v.count, sizeof(float), j->input);
    tango_io_view_read(x, &v, 0, v.count);
    j->params.latent_rows = shape[2] == width ? shape[1] : shape[2];
    if (shape[2] != width) {
        turned = (float *)clip_room(v.count, sizeof(float), j->input);
        for (c = 0; c < channels; c++)
            for (h = 0; h < j->params.latent_rows; h++)
                for (w = 0; w < width; w++)
                    turned[(c * j->params.latent_rows + h) * width + w] =
                        x[(c * width + w) * j->params.latent_rows + h];
        free(x);
        x = turned;
    }
    if (!tango_nn_all_finite(x, v.count)) cli_fail("%s: holds NaN or infinity", j->input);
    clip_close_bytes(&bytes);
    return x;
}

int main(int argc, char **argv)
{
    job j;
    tango_io_file file;
    tango_model m;
    tango_plan plan;
    unsigned needed = TANGO_PART_VAE;
    float *latent, *wave;
    void *memory;
    memset(&j, 0, sizeof j);
    j.model = CLIP_MODEL;
    read_options(&j, argc, argv);
    if (j.params.vocoder == TANGO_HIFIGAN) needed |= TANGO_PART_VOCODER;
    clip_check_output(j.output, j.input, j.model, &j.error);
    save_check(j.output, &j.finish);
    clip_open_model(&m, &file, j.model, needed, &j.error);
    latent = load_latent(&j, m.vae.embedding, m.mels >> (m.vae.levels - 1));
    j.params.latent = latent;
    if (tango_prepare(&plan, &m, &j.params, &j.error) != TANGO_OK)
        cli_fail_file(j.input, j.error.text);
    memory = clip_room(plan.memory, 1, j.input);
    wave = (float *)clip_room(plan.samples, sizeof(float), j.input);
    if (tango_generate(wave, &m, &j.params, memory, plan.memory, &j.error) != TANGO_OK)
        cli_fail_file(j.input, j.error.text);
    save_clip(j.output, wave, plan.samples, m.rate, &j.finish, j.quiet, &j.error);
    free(memory);
    free(wave);
    free(latent);
    tango_io_unmap(&file);
    return 0;
}
