/* spectrogram: a sound becomes a picture of its mel bands over time, low tones at the
   bottom.

       cc demo/spectrogram.c -lm -o spectrogram && ./spectrogram dog.wav -o dog.png
       ./spectrogram dog.wav            draws in the terminal

       wrote   dog.png  1028 x 256  2.560 s of dog.wav */
#include "cli.h"
#define TANGO_IMPLEMENTATION
#include "../tango.h"
#include "clip.h"

static const cli_option options[] = {
    { 'm', "model", "FILE", "weights blob whose mel to show; Tango's if not given" },
    { 'o', "output", "FILE", "PNG to write; - is standard output" },
    { 'c', "colours", "NAME", "magma (if not given), viridis or greys" },
    { 's', "scale", "N", "pixels a value in the PNG, each way; 4 if not given" },
    { 'a', "axes", NULL, "seconds and mel bands on the margins of the PNG" },
    { 'p', "plain", NULL, "characters instead of colours in the terminal" },
    { 'q', "quiet", NULL, "no messages" },
    { 'h', "help", NULL, "this text" },
    { 0, NULL, NULL, NULL },
};

enum { SECONDS_MAX = 1024, TICKS = 9 };

typedef struct job {
    const char *model, *input, *output;
    int axes, plain, quiet;
    tango_io_plot plot;
    tango_error error;
} job;

static void read_options(job *j, int argc, char **argv)
{
    static const char *const names[] = { "magma", "viridis", "greys", NULL };
    static const int of_text[] = { 'p', 0 }, of_png[] = { 's', 'a', 0 },
                     of_colour[] = { 'c', 0 };
    cli c = cli_begin(argc, argv, options);
    int id;
    j->plot.scale = 4;
    while ((id = cli_next(&c)) != 0) switch (id) {
        case CLI_OPERAND:
            if (j->input != NULL)
                cli_usage("one sound file, found a second: \"%.60s\"", c.text);
            j->input = c.text;
            break;
        case 'm': j->model = c.text; break;
        case 'o': j->output = c.text; break;
        case 'c': j->plot.colours = (tango_io_colours)cli_choice(&c, names); break;
        case 's': j->plot.scale = (size_t)cli_integer(&c, 1, 64); break;
        case 'a': j->axes = 1; break;
        case 'p': j->plain = 1; break;
        case 'q': j->quiet = 1; break;
        case 'h':
            cli_help("spectrogram [options] SOUND",
                "Shows a WAV or FLAC file as a mel spectrogram.", options);
            exit(0);
        }
    if (j->input == NULL) cli_usage("no sound file");
    j->plain = j->plain || !CLI_IS_TERMINAL(1);
    if (j->quiet) return;
    if (j->output != NULL) cli_idle(&c, of_text, "the picture is a file");
    else cli_idle(&c, of_png, "only a picture in a file has it; give -o FILE.png");
    if (j->output == NULL && j->plain)
        cli_idle(&c, of_colour, "characters have no colours");
}

/* Colours from 80 dB under the loudest value up to it, but not below the silence of a
   mel: ln(1e-5). 80 dB are 9.21 in natural logarithms of magnitudes. */
static void set_range(tango_io_plot *p)
{
    size_t i;
    p->high = (double)p->values[0];
    for (i = 1; i < p->columns * p->rows; i++)
        if ((double)p->values[i] > p->high) p->high = (double)p->values[i];
    p->low = p->high - 9.21 > -11.5129 ? p->high - 9.21 : -11.5129;
    if (p->high - p->low < 1e-3) p->high = p->low + 1e-3; /* silence */
}

/* Whole seconds below (1, 2, 5, 10 ... apart, so that numbers do not touch), every 16th
   mel band on the left. */
static void set_ticks(tango_io_plot *p, double columns_a_second)
{
    static tango_io_tick x[SECONDS_MAX], y[TICKS];
    static char text[SECONDS_MAX + TICKS][12];
    static const size_t factor[] = { 2, 5, 10 };
    size_t step = 1, decade = 1, k = 0, i;
    double seconds = (double)p->columns / columns_a_second;
    while ((double)step * columns_a_second * (double)p->scale < 48.0
        || seconds / (double)step >= (double)SECONDS_MAX) {
        step = decade * factor[k % 3];
        if (++k % 3 == 0) decade *= 10;
    }
    for (i = 0; (double)(i * step) <= seconds && i < SECONDS_MAX; i++) {
        x[i].at = (double)(i * step) * columns_a_second;
        snprintf(text[i], sizeof text[i], "%zus", i * step);
        x[i].text = text[i];
    }
    p->x_ticks = x;
    p->x_count = i;
    for (i = 0; i < TICKS && 16 * i <= p->rows; i++) {
        y[i].at = 16.0 * (double)i;
        snprintf(text[SECONDS_MAX + i], sizeof text[0], "%zu", 16 * i);
        y[i].text = text[SECONDS_MAX + i];
    }
    p->y_ticks = y;
    p->y_count = i;
}

static void write_png(job *j, double seconds)
{
    tango_io_png_spec spec;
    tango_io_output out;
    unsigned char *pixels;
    size_t size = 0;
    void *work;
    if (!tango_io_plot_size(&spec, &j->plot))
        cli_fail("%s: %zu columns at scale %zu are too wide for a picture", j->input,
            j->plot.columns, j->plot.scale);
    pixels = (unsigned char *)clip_room(spec.height, 3 * (size_t)spec.width, j->input);
    tango_io_plot_draw(pixels, &j->plot);
    if (tango_io_png_write_work_size(&size, &spec, &j->error) != TANGO_OK)
        cli_fail_file(j->input, j->error.text);
    work = clip_room(size, 1, j->input);
    cli_catch_interrupts(); /* what is written is written whole */
    if (tango_io_create(&out, j->output, &j->error) != TANGO_OK)
        cli_fail_file(j->output, j->error.text);
    if (tango_io_png_write(&out, pixels, &spec, work, size, &j->error) != TANGO_OK
        || tango_io_commit(&out, &j->error) != TANGO_OK) {
        tango_io_abandon(&out);
        cli_fail_file(j->output, j->error.text);
    }
    if (!j->quiet)
        fprintf(stderr, "wrote   %s  %u x %u  %.3f s of %s\n", j->output,
            (unsigned)spec.width, (unsigned)spec.height, seconds, j->input);
    free(work);
    free(pixels);
}

/* Loudest value, 0 to 1, of character cell (x, y) of `width` x `height`, y from the
   bottom. */
static double cell(
    const tango_io_plot *p, size_t x, size_t y, size_t width, size_t height)
{
    size_t from = x * p->columns / width, to = (x + 1) * p->columns / width;
    size_t low = y * p->rows / height, high = (y + 1) * p->rows / height, t, f;
    float most = -1e30f;
    for (t = from; t < to || t == from; t++)
        for (f = low; f < high || f == low; f++)
            if (p->values[t * p->rows + f] > most) most = p->values[t * p->rows + f];
    return ((double)most - p->low) / (p->high - p->low);
}

/* 72 columns and 16 lines of characters; in colour each line is two cells high: the lower
   half block in the lower cell's colour over the upper one's. */
static void draw(const job *j, double seconds)
{
    static const char grey[] = " .:-=+*#%@";
    const size_t width = j->plot.columns < 72 ? j->plot.columns : 72, lines = 16;
    unsigned char a[3], b[3];
    size_t x, y;
    for (y = lines; y-- > 0; putchar('\n')) {
        fputs(y == lines - 1 ? "high |" : y == 0 ? " low |" : "     |", stdout);
        for (x = 0; x < width; x++) {
            if (j->plain) {
                double v = cell(&j->plot, x, y, width, lines) * 10.0;
                putchar(grey[v <= 0.0 ? 0 : v >= 9.0 ? 9 : (int)v]);
                continue;
            }
            tango_io_colour(a, j->plot.colours,
                cell(&j->plot, x, 2 * y + 1, width, 2 * lines));
            tango_io_colour(b, j->plot.colours,
                cell(&j->plot, x, 2 * y, width, 2 * lines));
            printf("\033[48;2;%d;%d;%dm\033[38;2;%d;%d;%dm\xe2\x96\x84", a[0], a[1], a[2],
                b[0], b[1], b[2]);
        }
        if (!j->plain) fputs("\033[0m", stdout);
    }
    printf("      0 s%*.2f s\n", width > 6 ? (int)width - 5 : 1, seconds);
}

int main(int argc, char **argv)
{
    job j;
    tango_io_file file;
    tango_model m;
    size_t count;
    float *x, *mel;
    double seconds;
    memset(&j, 0, sizeof j);
    memset(&m, 0, sizeof m);
    memset(&file, 0, sizeof file);
    read_options(&j, argc, argv);
    if (j.output != NULL) clip_check_output(j.output, j.input, j.model, &j.error);
    if (j.model != NULL) {
        clip_open_model(&m, &file, j.model, 0, &j.error);
    } else {
        m.rate = 16000, m.fft = m.window = 1024, m.hop = 160, m.mels = 64;
        m.mel_high = 8000.0;
    }
    x = clip_load(j.input, m.rate, &count, &j.error);
    seconds = (double)count / (double)m.rate;
    j.plot.columns = count / m.hop + 1;
    j.plot.rows = m.mels;
    mel = clip_log_mel(j.input, &m, x, count, j.plot.columns, &j.error);
    free(x);
    j.plot.values = mel;
    set_range(&j.plot);
    if (j.axes) set_ticks(&j.plot, (double)m.rate / (double)m.hop);
    if (j.output != NULL) write_png(&j, seconds);
    else draw(&j, seconds);
    free(mel);
    tango_io_unmap(&file);
    if (fflush(stdout) != 0 || ferror(stdout))
        cli_fail("standard output: writing failed");
    return 0;
}
