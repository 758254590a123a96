/* spectrogram: sounds become a picture of their mel bands over time, low tones at the
   bottom.

       cc demo/spectrogram.c -lm -o spectrogram && ./spectrogram dog.wav -o dog.png
       ./spectrogram dog.wav            draws in the terminal
       ./spectrogram dog.wav made.wav -o both.png --axes --wave

       wrote   dog.png  1028 x 256  2.560 s of dog.wav */
#include "cli.h"
#define TANGO_IMPLEMENTATION
#include "../tango.h"
#include "clip.h"
#include "picture.h"

static const char *const examples[] = {
    "spectrogram dog.wav",
    "spectrogram dog.wav -o dog.png --axes --wave",
    "spectrogram dog.wav cat.flac -o both.png -c viridis -d 60",
    NULL,
};

static const cli_option options[] = {
    { 'm', "model", "FILE", "weights blob whose mel to show; Tango's if not given" },
    { 'o', "output", "FILE", "PNG to write; - is standard output" },
    { 'c', "colours", "NAME", "magma (if not given), viridis or greys" },
    { 's', "scale", "N", "pixels a value in the PNG, each way; 4 if not given" },
    { 'a', "axes", NULL, "seconds, Hz and a scale of decibels around the PNG" },
    { 'w', "wave", NULL, "the wave above each sound in the PNG" },
    { 'd', "decibels", "N", "below the loudest value that are shown; 80 if not given" },
    { 'p', "plain", NULL, "characters instead of colours in the terminal" },
    { 'q', "quiet", NULL, "no messages" },
    { 'h', "help", NULL, "this text" },
    { 0, NULL, NULL, NULL },
};

enum { SOUNDS_MAX = 16, LINES = 16, COLUMNS = 72 };

typedef struct job {
    const char *model, *output, *inputs[SOUNDS_MAX];
    size_t count;
    int plain, quiet;
    picture_style style;
    tango_error error;
} job;

static void read_options(job *j, int argc, char **argv)
{
    static const char *const names[] = { "magma", "viridis", "greys", NULL };
    static const int of_text[] = { 'p', 0 }, of_png[] = { 's', 'a', 'w', 0 },
                     of_colour[] = { 'c', 0 };
    cli c = cli_begin(argc, argv, options);
    int id;
    j->style.scale = 4;
    j->style.decibels = 80.0;
    while ((id = cli_next(&c)) != 0) switch (id) {
        case CLI_OPERAND:
            if (j->count == SOUNDS_MAX)
                cli_usage("%d sounds at most, found one more: \"%.60s\"", SOUNDS_MAX,
                    c.text);
            j->inputs[j->count++] = c.text;
            break;
        case 'm': j->model = c.text; break;
        case 'o': j->output = c.text; break;
        case 'c': j->style.colours = (tango_io_colours)cli_choice(&c, names); break;
        case 's': j->style.scale = (size_t)cli_integer(&c, 1, 64); break;
        case 'd': j->style.decibels = cli_number(&c, 1.0, 200.0); break;
        case 'a': j->style.axes = 1; break;
        case 'w': j->style.wave = 1; break;
        case 'p': j->plain = 1; break;
        case 'q': j->quiet = 1; break;
        case 'h':
            cli_help("spectrogram [options] SOUND...",
                "Shows WAV or FLAC files, or standard input, -, as mel spectrograms.",
                examples, options);
            exit(0);
        }
    if (j->count == 0) cli_usage("no sound file");
    j->plain = j->plain || !CLI_IS_TERMINAL(1);
    if (j->quiet) return;
    if (j->output != NULL) cli_idle(&c, of_text, "the picture is a file");
    else cli_idle(&c, of_png, "only a picture in a file has it; give -o FILE.png");
    if (j->output == NULL && j->plain)
        cli_idle(&c, of_colour, "characters have no colours");
}

/* ---- In the terminal -------------------------------------------------------------- */

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

static void draw_line(const job *j, const tango_io_plot *p, size_t y, size_t width)
{
    static const char grey[] = " .:-=+*#%@";
    unsigned char a[3], b[3];
    size_t x;
    for (x = 0; x < width; x++) {
        if (j->plain) {
            double v = cell(p, x, y, width, LINES) * 10.0;
            putchar(grey[v <= 0.0 ? 0 : v >= 9.0 ? 9 : (int)v]);
            continue;
        }
        tango_io_colour(a, p->colours, cell(p, x, 2 * y + 1, width, 2 * LINES));
        tango_io_colour(b, p->colours, cell(p, x, 2 * y, width, 2 * LINES));
        printf("\033[48;2;%d;%d;%dm\033[38;2;%d;%d;%dm\xe2\x96\x84", a[0], a[1], a[2],
            b[0], b[1], b[2]);
    }
    if (!j->plain) fputs("\033[0m", stdout);
    putchar('\n');
}

/* 72 columns and 16 lines of characters; in colour each line is two cells high: the lower
   half block in the lower cell's colour over the upper one's. */
static void draw(const job *j, const picture_sound *s, const tango_model *m)
{
    static picture_marks hertz;
    const size_t width = s->columns < COLUMNS ? s->columns : (size_t)COLUMNS;
    tango_io_plot p;
    size_t y, i;
    memset(&p, 0, sizeof p);
    p.values = s->mel;
    p.columns = s->columns;
    p.rows = m->mels;
    p.colours = j->style.colours;
    picture_range(&p, &j->style, s, 1, m->mels);
    picture_hertz(&hertz, m);
    for (y = LINES; y-- > 0;) {
        const char *label = "";
        for (i = 0; i < hertz.count; i++)
            if ((size_t)(hertz.tick[i].at / (double)m->mels * (double)LINES) == y)
                label = hertz.text[i];
        printf("%6s|", label);
        draw_line(j, &p, y, width);
    }
    printf("       0 s%*.2f s\n", width > 6 ? (int)width - 5 : 1,
        (double)s->count / (double)m->rate);
}

/* ---- The program ------------------------------------------------------------------ */

static picture_sound load(job *j, const char *path, const tango_model *m)
{
    picture_sound s;
    s.x = clip_load(path, m->rate, &s.count, &j->error);
    s.columns = s.count / m->hop + 1;
    s.mel = clip_log_mel(path, m, s.x, s.count, s.columns, &j->error);
    return s;
}

static void write_png(job *j, const picture_sound *sounds, const tango_model *m)
{
    tango_io_png_spec spec;
    size_t i;
    cli_catch_interrupts();
    picture_write(j->output, &spec, j->inputs, sounds, j->count, &j->style, m, &j->error);
    if (j->quiet) return;
    fputs("wrote   ", stderr);
    cli_print(stderr, j->output);
    fprintf(stderr, "  %u x %u", (unsigned)spec.width, (unsigned)spec.height);
    for (i = 0; i < j->count; i++) {
        fprintf(stderr, "%s%.3f s of ", i ? ", " : "  ",
            (double)sounds[i].count / (double)m->rate);
        cli_print(stderr, j->inputs[i]);
    }
    fputc('\n', stderr);
}

int main(int argc, char **argv)
{
    job j;
    tango_io_file file;
    tango_model m;
    picture_sound sounds[SOUNDS_MAX];
    size_t i;
    memset(&j, 0, sizeof j);
    memset(&m, 0, sizeof m);
    memset(&file, 0, sizeof file);
    read_options(&j, argc, argv);
    for (i = 0; i < j.count && j.output != NULL; i++)
        clip_check_output(j.output, j.inputs[i], j.model, &j.error);
    if (j.model != NULL) {
        clip_open_model(&m, &file, j.model, 0, &j.error);
    } else {
        m.rate = 16000, m.fft = m.window = 1024, m.hop = 160, m.mels = 64;
        m.mel_high = 8000.0;
    }
    for (i = 0; i < j.count; i++) sounds[i] = load(&j, j.inputs[i], &m);
    if (j.output != NULL) write_png(&j, sounds, &m);
    for (i = 0; i < j.count && j.output == NULL; i++) draw(&j, &sounds[i], &m);
    for (i = 0; i < j.count; i++) {
        free(sounds[i].x);
        free(sounds[i].mel);
    }
    tango_io_unmap(&file);
    cli_flush();
    return 0;
}
