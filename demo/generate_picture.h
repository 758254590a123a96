/* generate_picture.h: --picture, the mel spectrogram of what was written. MIT-0. A part
   of generate.c. */
#ifndef TANGO_GENERATE_PICTURE_H
#define TANGO_GENERATE_PICTURE_H

enum { PANELS_MAX = 16 };

/* Before the work: the picture can be written, and takes the place of nothing. */
static void check_picture(job *j)
{
    char path[4096];
    size_t i;
    if (j->picture == NULL) return;
    if (strcmp(j->picture, "-") == 0) cli_usage("--picture: - is no file");
    if (j->files > PANELS_MAX)
        cli_usage("--picture: it has room for %d sounds, not for %zu", PANELS_MAX,
            j->files);
    check_output(j, j->picture);
    for (i = 0; i < j->files && !j->inside; i++) {
        const char *name = file_name(j, i, path, sizeof path);
        if (tango_io_output_check(j->picture, &name, 1, &j->error) != TANGO_OK)
            cli_fail_file(j->picture, j->error.text);
    }
}

/* One panel for each file as it was written, as `spectrogram --axes --wave` draws them;
   long sounds with fewer pixels a frame, as PNG's viewers take no more than 65535. */
static void draw_picture(job *j)
{
    const tango_model *m = j->opened;
    picture_sound sounds[PANELS_MAX];
    const char *names[PANELS_MAX];
    picture_style style;
    tango_io_png_spec spec;
    size_t i;
    if (j->picture == NULL) return;
    memset(&style, 0, sizeof style);
    style.decibels = 80.0;
    style.axes = style.wave = 1;
    for (i = 0; i < j->files; i++) {
        picture_sound *s = &sounds[i];
        finished *f = &j->sounds[i];
        names[i] = j->picture;
        s->count = f->count;
        if (f->rate != m->rate)
            f->x = f->memory = clip_resample(
                j->picture, f->memory, &s->count, f->rate, m->rate, &j->error);
        s->x = f->x;
        s->columns = s->count / m->hop + 1;
        s->mel = clip_log_mel(j->picture, m, s->x, s->count, s->columns, &j->error);
    }
    style.scale = sounds[0].columns > 30000 ? 1 : sounds[0].columns > 15000 ? 2 : 4;
    cli_catch_interrupts(); /* what is written is written whole */
    picture_write(j->picture, &spec, names, sounds, j->files, &style, m, &j->error);
    if (!j->quiet)
        fprintf(stderr, "wrote   %s  %u x %u\n", j->picture, (unsigned)spec.width,
            (unsigned)spec.height);
    for (i = 0; i < j->files; i++) {
        free(sounds[i].mel);
        free(j->sounds[i].memory);
    }
}

#endif
