/* picture.h: sounds as one PNG: mel bands over time, from the top, with seconds, Hz and
   decibels on the margins. MIT-0. Include after cli.h, tango.h and clip.h. */
#ifndef TANGO_PICTURE_H
#define TANGO_PICTURE_H

enum { PICTURE_SECONDS_MAX = 1024, PICTURE_DECIBELS = 5,
    PICTURE_WAVE_ROWS = 24 };

typedef struct picture_style {
    tango_io_colours colours;
    size_t scale;                /* pixels a value, each way */
    double decibels;             /* from the loudest value down to the first colour */
    int axes, wave;              /* numbers on the margins; the wave over each sound */
} picture_style;

/* One sound: its samples, and its log-mel (columns, m->mels). */
typedef struct picture_sound {
    float *x;
    size_t count;
    float *mel;
    size_t columns;
} picture_sound;

typedef struct picture_marks {
    tango_io_tick tick[PICTURE_SECONDS_MAX];
    char text[PICTURE_SECONDS_MAX][12];
    size_t count;
} picture_marks;

static inline void picture_mark(picture_marks *marks, double at, const char *format,
    double value)
{
    char *text = marks->text[marks->count];
    if (marks->count >= PICTURE_SECONDS_MAX) return;
    snprintf(text, sizeof marks->text[0], format, value);
    marks->tick[marks->count].at = at;
    marks->tick[marks->count++].text = text;
}

/* Whole seconds, so far apart that their numbers do not touch: 1, 2, 5, 10 ... */
static inline void picture_seconds(
    picture_marks *marks, size_t columns, double columns_a_second, size_t scale)
{
    static const size_t factor[] = { 2, 5, 10 };
    const double seconds = (double)columns / columns_a_second;
    size_t step = 1, decade = 1, k = 0, i;
    marks->count = 0;
    while ((double)step * columns_a_second * (double)scale < 48.0
        || seconds / (double)step >= (double)PICTURE_SECONDS_MAX) {
        step = decade * factor[k % 3];
        if (++k % 3 == 0) decade *= 10;
    }
    for (i = 0; (double)(i * step) <= seconds; i++)
        picture_mark(
            marks, (double)(i * step) * columns_a_second, "%.0fs", (double)(i * step));
}

/* Where a frequency lies on an axis of mel bands, in bands from the lowest one's edge. The
   scale is Slaney's: linear to 1 kHz, logarithmic above. */
static inline double picture_mel(double hertz)
{
    return hertz < 1000.0 ? hertz * 0.015
                          : 15.0 + 27.0 * log(hertz / 1000.0) / 1.8562979903656263;
}
static inline double picture_band(const tango_model *m, double hertz)
{
    const double low = picture_mel(m->mel_low), high = picture_mel(m->mel_high);
    return (picture_mel(hertz) - low) / (high - low) * ((double)m->mels + 1.0) - 0.5;
}

/* Octaves from 125 Hz up, with a unit on the uppermost. */
static inline void picture_hertz(picture_marks *marks, const tango_model *m)
{
    double hertz = 125.0;
    marks->count = 0;
    for (; hertz < m->mel_high; hertz *= 2.0) {
        const double at = picture_band(m, hertz);
        const int last = 2.0 * hertz >= m->mel_high;
        if (hertz < 1000.0) picture_mark(marks, at, last ? "%4.0fHz" : " %4.0f", hertz);
        else picture_mark(marks, at, last ? "%.0fkHz" : "%4.0fk", hertz / 1000.0);
    }
}

/* The values of the first and the last colour. */
static inline void picture_range(tango_io_plot *p, const picture_style *style,
    const picture_sound *sounds, size_t count, size_t mels)
{
    const double floor_of_mel = -11.512925464970229; /* ln(1e-5) */
    size_t i, k;
    p->high = floor_of_mel;
    for (k = 0; k < count; k++)
        for (i = 0; i < sounds[k].columns * mels; i++)
            if ((double)sounds[k].mel[i] > p->high) p->high = (double)sounds[k].mel[i];
    p->low = p->high - style->decibels / 8.685889638065035; /* 20 / ln 10 */
    if (p->low < floor_of_mel) p->low = floor_of_mel;
    if (p->high - p->low < 1e-3) p->high = p->low + 1e-3; /* silence */
}

/* A picture that other pictures are put into. */
typedef struct picture_canvas {
    unsigned char *pixels;
    size_t width, height;
} picture_canvas;

/* Draws p with its upper left corner at (x, y); with pixels NULL it only makes room.
   Returns its height, and adds its width to x. */
static inline size_t picture_put(
    picture_canvas *c, const char *name, const tango_io_plot *p, size_t *x, size_t y)
{
    tango_io_png_spec spec;
    unsigned char *part;
    size_t row;
    if (!tango_io_plot_size(&spec, p))
        cli_fail("%s: %zu columns at scale %zu are too wide for a picture", name,
            p->columns, p->scale);
    if (c->pixels == NULL) {
        if (*x + spec.width > c->width) c->width = *x + spec.width;
        if (y + spec.height > c->height) c->height = y + spec.height;
    } else {
        part = (unsigned char *)clip_room(spec.height, 3 * (size_t)spec.width, name);
        tango_io_plot_draw(part, p);
        for (row = 0; row < spec.height; row++)
            memcpy(c->pixels + 3 * ((y + row) * c->width + *x),
                part + 3 * row * spec.width, 3 * (size_t)spec.width);
        free(part);
    }
    *x += spec.width;
    return spec.height;
}

/* The outline of a sound: in each column all from its lowest to its highest sample. */
static inline size_t picture_put_wave(picture_canvas *c, const char *name,
    const picture_sound *s, tango_io_plot p, size_t y)
{
    const size_t rows = PICTURE_WAVE_ROWS;
    tango_io_tick ends[3] = { { 0.0, "   -1" }, { 0.0, "    0" }, { 0.0, "    1" } };
    float *dark = (float *)clip_room(s->columns, rows * sizeof(float), name);
    size_t t, i, x = 0;
    for (t = 0; t < s->columns; t++) {
        const size_t from = t * s->count / s->columns;
        const size_t to = (t + 1) * s->count / s->columns;
        double low = 1.0, high = -1.0;
        for (i = from; i < to; i++) {
            low = (double)s->x[i] < low ? (double)s->x[i] : low;
            high = (double)s->x[i] > high ? (double)s->x[i] : high;
        }
        low = (low + 1.0) * 0.5 * (double)rows - 0.5;
        high = (high + 1.0) * 0.5 * (double)rows + 0.5;
        for (i = 0; i < rows; i++)
            dark[t * rows + i] = (double)i + 0.5 >= low && (double)i + 0.5 <= high;
    }
    ends[1].at = 0.5 * (double)rows;
    ends[2].at = (double)rows;
    p.values = dark;
    p.rows = rows;
    p.colours = TANGO_IO_GREYS;
    p.low = 1.0, p.high = 0.0; /* black on white */
    p.x_count = 0;
    p.y_ticks = p.y_count ? ends : NULL;
    p.y_count = p.y_count ? 3 : 0;
    y = picture_put(c, name, &p, &x, y);
    free(dark);
    return y;
}

/* A column of all colours beside the picture, the loudest value as 0 dB. */
static inline void picture_put_scale(
    picture_canvas *c, const char *name, const tango_io_plot *p, size_t x, size_t y)
{
    tango_io_plot bar = *p;
    tango_io_tick tick[PICTURE_DECIBELS];
    char text[PICTURE_DECIBELS][12];
    const double all = 8.685889638065035 * (p->high - p->low);
    float *values = (float *)clip_room(4 * p->rows, sizeof(float), name);
    size_t i;
    for (i = 0; i < 4 * p->rows; i++)
        values[i] = (float)((double)(i % p->rows) + 0.5) / (float)p->rows;
    for (i = 0; i < PICTURE_DECIBELS; i++) {
        tick[i].at = (double)(i * p->rows) / (double)(PICTURE_DECIBELS - 1);
        snprintf(text[i], sizeof text[i], "%.0fdB",
            all * ((double)i / (double)(PICTURE_DECIBELS - 1) - 1.0) - 1e-9);
        tick[i].text = i + 1 < PICTURE_DECIBELS ? text[i] : "0dB";
    }
    bar.values = values;
    bar.columns = 4;
    bar.low = 0.0, bar.high = 1.0;
    bar.x_count = 0;
    bar.y_ticks = tick;
    bar.y_count = PICTURE_DECIBELS;
    picture_put(c, name, &bar, &x, y);
    free(values);
}

/* All panels, one under the other. */
static inline void picture_draw(picture_canvas *c, const char *const *names,
    const picture_sound *sounds, size_t count, const picture_style *style,
    const tango_model *m)
{
    static picture_marks seconds, hertz;
    tango_io_plot p;
    size_t i, y = 0, x, bar = 0, top = 0;
    memset(&p, 0, sizeof p);
    p.scale = style->scale;
    p.colours = style->colours;
    picture_range(&p, style, sounds, count, m->mels);
    for (i = 0; i < count; i++) {
        p.columns = sounds[i].columns;
        if (style->axes) {
            picture_seconds(
                &seconds, p.columns, (double)m->rate / (double)m->hop, style->scale);
            picture_hertz(&hertz, m);
            p.x_ticks = seconds.tick, p.x_count = seconds.count;
            p.y_ticks = hertz.tick, p.y_count = hertz.count;
        }
        if (style->wave) y += picture_put_wave(c, names[i], &sounds[i], p, y);
        if (i == 0) top = y;
        p.values = sounds[i].mel;
        p.rows = m->mels;
        x = 0;
        y += picture_put(c, names[i], &p, &x, y);
        if (x > bar) bar = x;
    }
    if (style->axes) picture_put_scale(c, names[0], &p, bar, top);
}

/* Writes the PNG; spec receives its size. */
static inline void picture_write(const char *path, tango_io_png_spec *spec,
    const char *const *names, const picture_sound *sounds, size_t count,
    const picture_style *style, const tango_model *m, tango_error *error)
{
    picture_canvas c = { NULL, 0, 0 };
    tango_io_output out;
    size_t size = 0;
    void *work;
    picture_draw(&c, names, sounds, count, style, m);
    if (c.width > 65535 || c.height > 65535)
        cli_fail("%s: a picture of %zu x %zu is too large", path, c.width, c.height);
    c.pixels = (unsigned char *)clip_room(c.height, 3 * c.width, path);
    memset(c.pixels, 255, 3 * c.width * c.height);
    picture_draw(&c, names, sounds, count, style, m);
    spec->width = (uint32_t)c.width;
    spec->height = (uint32_t)c.height;
    spec->channels = 3;
    spec->bits = 8;
    if (tango_io_png_write_work_size(&size, spec, error) != TANGO_OK)
        cli_fail_file(path, error->text);
    work = clip_room(size, 1, path);
    if (tango_io_create(&out, path, error) != TANGO_OK) cli_fail_file(path, error->text);
    clip_commit(&out, tango_io_png_write(&out, c.pixels, spec, work, size, error), path,
        error);
    free(work);
    free(c.pixels);
}

#endif
