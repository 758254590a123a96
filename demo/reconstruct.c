/* reconstruct: a sound goes through its mel spectrogram and back, to hear what a vocoder
   keeps of it.

       cc demo/reconstruct.c -lm -o reconstruct && ./reconstruct dog.wav -o back.wav

       SNR: -0.17 dB
       mel distance: 0.729
       wrote   back.wav  3.002 s  16000 Hz

   SNR compares wave forms, sample by sample, with the input at the level the model knows;
   a vocoder that finds its own phases has a low one and may still sound right. The mel
   distance is the mean difference of the natural logarithms. */
#include "cli.h"
#define TANGO_IMPLEMENTATION
#include "../tango.h"
#include "clip.h"
#include "finish.h"
#include "save.h"

static const char *const examples[] = {
    "reconstruct dog.wav -o back.wav",
    "reconstruct dog.wav -o back.flac --vocoder griffin-lim --seed 7",
    "reconstruct dog.wav -o back.wav -m audioldm.tango",
    NULL,
};

static const cli_option options[] = {
    { 'm', "model", "FILE", "weights blob; demo/tiny.tango if not given" },
    { 'o', "output", "FILE", "WAV or FLAC to write; - is standard output, a WAV" },
    { 258, "vocoder", "NAME", "hifigan (if not given) or griffin-lim" },
    { 256, "seed", "N", "of Griffin-Lim's phases; 0 if not given" },
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
    static const int of_phases[] = { 256, 0 };
    cli c = cli_begin(argc, argv, options);
    int id;
    j->params.vocoder = TANGO_HIFIGAN;
    while ((id = cli_next(&c)) != 0) switch (id) {
        case CLI_OPERAND:
            if (j->input != NULL)
                cli_usage("one sound file, found a second: \"%.60s\"", c.text);
            j->input = c.text;
            break;
        case 'm': j->model = c.text; break;
        case 'o': j->output = c.text; break;
        case 258:
            j->params.vocoder = tango_vocoder_named(vocoders[cli_choice(&c, vocoders)]);
            break;
        case 256:
            j->params.seed = (uint64_t)cli_integer(&c, 0, (long long)TANGO_SEED_MAX);
            break;
        case 'q': j->quiet = 1; break;
        case 'h':
            cli_help("reconstruct [options] SOUND -o SOUND",
                "Turns a WAV or FLAC file, or standard input, -, into a mel spectrogram "
                "and\nback into sound.",
                examples, options);
            exit(0);
        default: finish_read(&j->finish, &c, id);
        }
    if (j->input == NULL) cli_usage("no sound file");
    if (j->output == NULL) cli_usage("no output; give -o FILE.wav");
    finish_check(&j->finish, &c, j->output);
    if (!j->quiet && j->params.vocoder == TANGO_HIFIGAN)
        cli_idle(&c, of_phases, "only griffin-lim begins with random phases");
}

/* 10 log10(signal / error) over the samples that both have. */
static double signal_to_noise(const float *x, const float *y, size_t count)
{
    double signal = 0.0, noise = 1e-300;
    size_t i;
    for (i = 0; i < count; i++) {
        double d = (double)x[i] - (double)y[i];
        signal += (double)x[i] * (double)x[i];
        noise += d * d;
    }
    return 10.0 * log10(signal / noise);
}

static double distance(const float *a, const float *b, size_t count)
{
    double sum = 0.0;
    size_t i;
    for (i = 0; i < count; i++) sum += fabs((double)a[i] - (double)b[i]);
    return sum / (double)count;
}

int main(int argc, char **argv)
{
    job j;
    tango_io_file file;
    tango_model m;
    tango_plan plan;
    size_t count, frames, both, i;
    float *x, *samples, *mel, *wave, *again;
    double peak = 0.0, snr;
    void *memory;
    FILE *report;
    memset(&j, 0, sizeof j);
    j.model = CLIP_MODEL;
    read_options(&j, argc, argv);
    report = strcmp(j.output, "-") == 0 ? stderr : stdout;
    clip_check_output(j.output, j.input, j.model, &j.error);
    save_check(j.output, &j.finish);
    clip_open_model(&m, &file, j.model,
        j.params.vocoder == TANGO_HIFIGAN ? TANGO_PART_VOCODER : 0, &j.error);
    x = clip_load(j.input, m.rate, &count, &j.error);
    frames = 4 * ((count + 4 * m.hop - 1) / (4 * m.hop));
    samples = (float *)clip_room(frames * m.hop, sizeof(float), j.input);
    if (tango_audio_normalise(samples, x, count, frames * m.hop, TANGO_AUDIO_TANGO,
            &j.error)
        != TANGO_OK)
        cli_fail_file(j.input, j.error.text);
    for (i = 0; i < count; i++) peak = fmax(peak, fabs((double)samples[i]));
    if (peak < 1e-4) cli_fail("%s: silent, there is nothing to reconstruct", j.input);
    mel = clip_log_mel(j.input, &m, samples, frames * m.hop, frames, &j.error);
    j.params.mel = mel;
    j.params.mel_frames = frames;
    if (tango_prepare(&plan, &m, &j.params, &j.error) != TANGO_OK)
        cli_fail_file(j.input, j.error.text);
    memory = clip_room(plan.memory, 1, j.input);
    wave = (float *)clip_room(plan.samples, sizeof(float), j.input);
    if (tango_generate(wave, &m, &j.params, memory, plan.memory, &j.error) != TANGO_OK)
        cli_fail_file(j.input, j.error.text);
    both = plan.samples < frames * m.hop ? plan.samples : frames * m.hop;
    again = clip_log_mel(j.input, &m, wave, both, frames, &j.error);
    snr = signal_to_noise(samples, wave, both);
    save_clip(j.output, wave, plan.samples, m.rate, &j.finish, j.quiet, &j.error);
    fprintf(report, "SNR: %.2f dB\n", snr);
    fprintf(report, "mel distance: %.3f\n", distance(mel, again, frames * m.mels));
    free(again);
    free(memory);
    free(wave);
    free(mel);
    free(samples);
    free(x);
    tango_io_unmap(&file);
    cli_flush();
    return 0;
}
