/* generate_start.h: the sound that a run starts from, --init and --continue; the seeds of
   its takes. MIT-0. A part of generate.c. */
#ifndef TANGO_GENERATE_START_H
#define TANGO_GENERATE_START_H

/* Seconds of a latent row, and rows of so many seconds, as the library counts them. */
static double row_seconds(const tango_model *m)
{
    return (double)(m->hop << (m->vae.levels - 1)) / (double)m->rate;
}

/* The latent of the first `rows` rows of samples x, behind which zeros stand. */
static float *encode_start(job *j, const tango_model *m, const char *path, const float *x,
    size_t count, size_t rows)
{
    const size_t width = m->mels >> (m->vae.levels - 1);
    tango_encoding e;
    size_t size = 0;
    float *latent;
    void *memory;
    memset(&e, 0, sizeof e);
    e.batch = 1;
    e.frames = rows << (m->vae.levels - 1);
    if (j->params.window >= 8.0 * row_seconds(m))
        e.window = (size_t)(j->params.window / row_seconds(m)) << (m->vae.levels - 1);
    e.kernels = j->params.kernels;
    e.parallel_for = j->params.parallel_for;
    e.pool = j->params.pool;
    e.threads = j->params.threads;
    if (tango_encode_sound_memory(&size, m, &e, &j->error) != TANGO_OK)
        cli_fail_file(path, j->error.text);
    memory = clip_room(size, 1, path);
    latent = (float *)clip_room(rows * width * m->vae.embedding, sizeof(float), path);
    if (tango_encode_sound(latent, x, count, m, &e, memory, size, &j->error) != TANGO_OK)
        cli_fail_file(path, j->error.text);
    free(memory);
    return latent;
}

/* Reads the sound of --init or --continue. Without --seconds a run is as long as that of
   --init, at most TANGO_SECONDS_MAX; --continue keeps whole rows of its sound. */
static void load_start(job *j, const tango_model *m)
{
    tango_params *p = &j->params;
    const char *path = j->init != NULL ? j->init : j->extend;
    const double row = row_seconds(m), longest = TANGO_SECONDS_MAX,
                 usual = m->defaults.seconds > 0.0 ? m->defaults.seconds : 10.24;
    double seconds = p->seconds;
    size_t count, rows;
    float *x;
    if (path == NULL) return;
    if (seconds == 0.0) seconds = j->extend != NULL ? usual : longest;
    x = clip_load_part(path, m->rate, seconds + 1.0, &count, &j->error);
    if (j->extend != NULL) {
        rows = (size_t)floor((double)count / (double)m->rate / row + 1e-6);
        if (rows == 0)
            cli_fail("%s: %zu samples, less than the %g s of a row", path, count, row);
        if ((double)rows * row >= seconds)
            cli_usage("--continue: %.60s lasts %g s or more already; give --seconds",
                path, seconds);
        p->seconds = seconds;
    } else {
        if (p->seconds == 0.0 && (double)count > longest * (double)m->rate)
            cli_fail("%s: longer than %d s; give --seconds", path, TANGO_SECONDS_MAX);
        rows = (size_t)ceil(
            (p->seconds > 0.0 ? p->seconds : (double)count / (double)m->rate) / row
            - 1e-6);
    }
    p->init = encode_start(j, m, path, x, count, rows);
    p->init_rows = rows;
    free(x);
}

/* Each of several takes has its own seed, so that it can be made again alone. Stages are
   dumped as the reference has them, all takes from one generator; so is what tells of
   --samples made again. */
static void set_seeds(job *j)
{
    tango_params *p = &j->params;
    const int given = j->noise != NULL || j->latent != NULL;
    size_t i;
    if (p->samples < 2) return;
    if (!given && (j->dump != NULL || j->record.replay != NULL)) return;
    if (p->seed > TANGO_SEED_MAX - (p->samples - 1))
        cli_usage("--seed: expected at most %llu for %zu samples, found %llu",
            (unsigned long long)(TANGO_SEED_MAX - (p->samples - 1)), p->samples,
            (unsigned long long)p->seed);
    j->seeds = (uint64_t *)clip_room(p->samples, sizeof *j->seeds, "seeds");
    for (i = 0; i < p->samples; i++) j->seeds[i] = p->seed + i;
    p->seeds = j->seeds;
}

#endif
