/* evaluate: how far sounds are from other sounds, and two folders from each other.  MIT-0

       cc tools/evaluate.c -lm -o evaluate && ./evaluate a.wav b.wav

       a.wav  b.wav: 2.550 s, snr 2.49 dB, spectra 15.31 dB apart, mels 0.732 apart

       evaluate SOUND                           levels, silence, clipping
       evaluate REFERENCE SOUND                 and the distances between the two
       evaluate REFERENCE_FOLDER FOLDER         sounds of one name are compared, then the
                                                folders as wholes, by their mel statistics

   Sounds are WAV or FLAC files, of which channel 0 counts. Distances are taken at 16 kHz,
   over as many samples as the shorter sound has, from spectra of 1024 points every 160:

   snr       10 log10(sum a^2 / sum (a - b)^2)
   spectra   mean over frames of the root of the mean over bins of d^2, where
             d = 10 log10(max(|A|^2, 1e-10) / max(|B|^2, 1e-10))  (log-spectral distance)
   mels      mean |a - b| of the log-mels (natural log, 64 bands, at least 1e-5)
   frechet   |m - n|^2 + trace(C + D - 2 (C D)^(1/2)) of means m, n and covariances C, D
             of all log-mel frames of each folder    (Dowson and Landau 1982, Heusel 2017)
   silence   share of stretches of 10 ms, whole or the last, whose rms is below 0.001
   clipped   share of samples at or beyond 32767/32768

   The last two, peak and rms, are taken at the file's own rate. Exit status: 0 done, 1
   failed (a sound that cannot be read), 2 wrong usage. */
#include "../demo/cli.h"
#define TANGO_IMPLEMENTATION
#include "../tango.h"
#include "../demo/clip.h"
#include <dirent.h>
#include <math.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

enum { RATE = 16000, MELS = 64, CHUNK = 64 };

static const char *const examples[] = {
    "evaluate dog.wav",
    "evaluate dog.wav made.wav",
    "evaluate recordings made --json",
    NULL,
};

static const cli_option options[] = {
    { 'j', "json", NULL, "one line of JSON for each sound, pair and folder" },
    { 'h', "help", NULL, "this text" },
    { 0, NULL, NULL, NULL },
};

/* Spectra at 16 kHz, and what they need. */
typedef struct analysis {
    tango_audio_front front;
    void *memory, *work;
    float *a, *b;                /* (CHUNK, bins) each */
    int json;
} analysis;

typedef struct levels {
    double peak, rms, silence, clipped, seconds;
} levels;

typedef struct distances {
    double snr, spectra, mels, seconds;
    int defined;                 /* whether snr is a number: neither part of it is 0 */
} distances;

/* Sums over the log-mel frames of a folder, for mean and covariance. */
typedef struct statistics {
    double sum[MELS], product[MELS][MELS];
    size_t frames, sounds;
    levels total;                /* sums of each over the sounds */
} statistics;

typedef struct names {
    char **name;
    size_t count, room;
} names;

static void analysis_begin(analysis *z, int json)
{
    tango_error error;
    size_t size = tango_audio_front_size(NULL);
    z->json = json;
    z->memory = clip_room(size, 1, "spectra");
    z->work = clip_room(tango_audio_frame_work_size(NULL), 1, "spectra");
    if (tango_audio_front_init(&z->front, NULL, z->memory, size, &error) != TANGO_OK)
        cli_fail("%s", error.text);
    z->a = (float *)clip_room((size_t)CHUNK * z->front.bins, sizeof(float), "spectra");
    z->b = (float *)clip_room((size_t)CHUNK * z->front.bins, sizeof(float), "spectra");
}

static void analysis_end(analysis *z)
{
    free(z->b);
    free(z->a);
    free(z->work);
    free(z->memory);
}

/* ---- One sound -------------------------------------------------------------------- */

static levels measure(const float *x, size_t count, size_t rate)
{
    const size_t stretch = rate >= 100 ? rate / 100 : 1;
    levels l = { 0.0, 0.0, 0.0, 0.0, 0.0 };
    double part = 0.0;
    size_t i, first = 0, silent = 0, clipped = 0;
    for (i = 0; i < count; i++) {
        const double v = fabs((double)x[i]);
        if (v > l.peak) l.peak = v;
        clipped += v >= 32767.0 / 32768.0;
        part += v * v;
        if (i + 1 - first < stretch && i + 1 < count) continue;
        silent += sqrt(part / (double)(i + 1 - first)) < 0.001;
        l.rms += part;
        part = 0.0;
        first = i + 1;
    }
    l.rms = sqrt(l.rms / (double)count);
    l.silence = (double)silent / (double)((count + stretch - 1) / stretch);
    l.clipped = (double)clipped / (double)count;
    l.seconds = (double)count / (double)rate;
    return l;
}

/* The sound at 16 kHz, to be freed, and its levels at its own rate. */
static float *load(const char *path, size_t *count, levels *l)
{
    tango_error error;
    size_t rate = 0;
    float *x = clip_load_plain(path, &rate, 1e30, count, &error);
    *l = measure(x, *count, rate);
    return clip_resample(path, x, count, rate, RATE, &error);
}

static void add_statistics(analysis *z, statistics *s, const levels *l, const float *x,
    size_t count)
{
    const size_t frames = tango_audio_frame_count(count, &z->front);
    float mel[MELS];
    size_t t, i, k;
    for (t = 0; t < frames; t++) {
        tango_audio_log_mel(mel, x, count, t, 1, &z->front, z->work);
        for (i = 0; i < MELS; i++) {
            s->sum[i] += (double)mel[i];
            for (k = 0; k <= i; k++) s->product[i][k] += (double)mel[i] * (double)mel[k];
        }
    }
    s->frames += frames;
    s->sounds++;
    s->total.silence += l->silence;
    s->total.clipped += l->clipped;
    s->total.seconds += l->seconds;
}

/* ---- Two sounds ------------------------------------------------------------------- */

static void set_snr(distances *d, const float *a, const float *b, size_t count)
{
    double signal = 0.0, noise = 0.0;
    size_t i;
    for (i = 0; i < count; i++) {
        const double x = (double)a[i], y = x - (double)b[i];
        signal += x * x;
        noise += y * y;
    }
    d->defined = signal > 0.0 && noise > 0.0;
    d->snr = d->defined ? 10.0 * log10(signal / noise) : 0.0;
}

/* Sums of |difference| of two frames' log-mels. */
static double mel_difference(analysis *z, const float *a, const float *b, size_t count,
    size_t frame)
{
    float first[MELS], second[MELS];
    double sum = 0.0;
    size_t i;
    tango_audio_log_mel(first, a, count, frame, 1, &z->front, z->work);
    tango_audio_log_mel(second, b, count, frame, 1, &z->front, z->work);
    for (i = 0; i < MELS; i++) sum += fabs((double)first[i] - (double)second[i]);
    return sum;
}

static double spectral_difference(const float *a, const float *b, size_t bins)
{
    double sum = 0.0;
    size_t k;
    for (k = 0; k < bins; k++) {
        const double p = (double)a[k] * (double)a[k], q = (double)b[k] * (double)b[k];
        const double d = 10.0 * log10((p > 1e-10 ? p : 1e-10) / (q > 1e-10 ? q : 1e-10));
        sum += d * d;
    }
    return sqrt(sum / (double)bins);
}

static distances compare(analysis *z, const float *a, const float *b, size_t count)
{
    const size_t frames = tango_audio_frame_count(count, &z->front), bins = z->front.bins;
    distances d = { 0.0, 0.0, 0.0, 0.0, 0 };
    size_t from, t;
    set_snr(&d, a, b, count);
    for (from = 0; from < frames; from += CHUNK) {
        const size_t n = frames - from < CHUNK ? frames - from : (size_t)CHUNK;
        tango_audio_magnitude(z->a, a, count, from, n, &z->front, z->work);
        tango_audio_magnitude(z->b, b, count, from, n, &z->front, z->work);
        for (t = 0; t < n; t++) {
            d.spectra += spectral_difference(z->a + t * bins, z->b + t * bins, bins);
            d.mels += mel_difference(z, a, b, count, from + t);
        }
    }
    d.spectra /= (double)frames;
    d.mels /= (double)(frames * MELS);
    d.seconds = (double)count / (double)RATE;
    return d;
}

/* ---- Two folders ------------------------------------------------------------------ */

/* Turns the pairs (x[i step], y[i step]) by the angle with this cosine and sine. */
static void rotate(double *x, double *y, size_t step, double c, double s)
{
    size_t i;
    for (i = 0; i < MELS * step; i += step) {
        const double a = x[i], b = y[i];
        x[i] = c * a - s * b, y[i] = s * a + c * b;
    }
}

/* Eigenvalues of the symmetric matrix m on its diagonal and, unless v is NULL, its
   eigenvectors as the columns of v, by Jacobi's rotations (Golub and Van Loan, 8.5). */
static void eigen(double m[MELS][MELS], double v[MELS][MELS])
{
    int sweep;
    size_t p, q;
    for (p = 0; v != NULL && p < MELS; p++)
        for (q = 0; q < MELS; q++) v[p][q] = p == q;
    for (sweep = 0; sweep < 60; sweep++) {
        double off = 0.0, all = 0.0;
        for (p = 0; p < MELS; p++)
            for (q = 0; q < MELS; q++) {
                all += m[p][q] * m[p][q];
                off += p == q ? 0.0 : m[p][q] * m[p][q];
            }
        if (off <= 1e-30 * all) return;
        for (p = 0; p < MELS; p++)
            for (q = p + 1; q < MELS; q++) {
                const double angle = 0.5 * atan2(2.0 * m[p][q], m[q][q] - m[p][p]);
                const double c = cos(angle), s = sin(angle);
                rotate(&m[0][p], &m[0][q], MELS, c, s);
                rotate(m[p], m[q], 1, c, s);
                if (v != NULL) rotate(&v[0][p], &v[0][q], MELS, c, s);
            }
    }
}

static double root(double x) { return x > 0.0 ? sqrt(x) : 0.0; }

/* out = a b, all square. */
static void multiply(double out[MELS][MELS], double a[MELS][MELS], double b[MELS][MELS])
{
    size_t i, j, k;
    for (i = 0; i < MELS; i++)
        for (j = 0; j < MELS; j++) {
            double sum = 0.0;
            for (k = 0; k < MELS; k++) sum += a[i][k] * b[k][j];
            out[i][j] = sum;
        }
}

/* The covariance (divisor n - 1); returns its trace. */
static double covariance(double out[MELS][MELS], const statistics *s)
{
    const double n = (double)s->frames;
    double trace = 0.0;
    size_t i, k;
    for (i = 0; i < MELS; i++)
        for (k = 0; k <= i; k++)
            out[i][k] = out[k][i] =
                (s->product[i][k] - s->sum[i] * s->sum[k] / n) / (n - 1.0);
    for (i = 0; i < MELS; i++) trace += out[i][i];
    return trace;
}

/* The trace of (C D)^(1/2) is that of (C^(1/2) D C^(1/2))^(1/2), which is symmetric. */
static double frechet(const statistics *a, const statistics *b)
{
    static double c[MELS][MELS], d[MELS][MELS], v[MELS][MELS], w[MELS][MELS];
    double distance = covariance(c, a) + covariance(d, b);
    size_t i, j;
    for (i = 0; i < MELS; i++) {
        const double mean = a->sum[i] / (double)a->frames;
        const double other = b->sum[i] / (double)b->frames;
        distance += (mean - other) * (mean - other);
    }
    eigen(c, v);
    for (i = 0; i < MELS; i++)   /* w = C^(1/2) = v diag(root) v^T */
        for (j = 0; j < MELS; j++) {
            size_t k;
            w[i][j] = 0.0;
            for (k = 0; k < MELS; k++) w[i][j] += v[i][k] * root(c[k][k]) * v[j][k];
        }
    multiply(v, w, d);
    multiply(c, v, w);
    for (i = 0; i < MELS; i++)
        for (j = 0; j < i; j++) c[i][j] = c[j][i] = 0.5 * (c[i][j] + c[j][i]);
    eigen(c, NULL);
    for (i = 0; i < MELS; i++) distance -= 2.0 * root(c[i][i]);
    return distance < 0.0 ? 0.0 : distance;
}

/* ---- Output ----------------------------------------------------------------------- */

static void put_number(tango_io_json_writer *w, const char *key, double value)
{
    tango_io_json_put_key(w, key);
    tango_io_json_put_number(w, value);
}

static void put_levels(tango_io_json_writer *w, const levels *l)
{
    put_number(w, "seconds", l->seconds);
    put_number(w, "peak", l->peak);
    put_number(w, "rms", l->rms);
    put_number(w, "silence", l->silence);
    put_number(w, "clipped", l->clipped);
}

static void print_json(tango_io_json_writer *w, char *text, size_t size)
{
    tango_io_json_close(w);
    if (tango_io_json_end(w) < size) puts(text);
    free(text);
}

static void print_levels(const analysis *z, const char *path, const levels *l)
{
    size_t size = 6 * strlen(path) + 512;
    if (z->json) {
        char *text = (char *)clip_room(size, 1, path);
        tango_io_json_writer w;
        tango_io_json_begin(&w, text, size);
        tango_io_json_open_object(&w);
        tango_io_json_put_key(&w, "sound");
        tango_io_json_put_string(&w, path);
        put_levels(&w, l);
        print_json(&w, text, size);
        return;
    }
    cli_print(stdout, path);
    printf(": %.3f s, peak %.3g, rms %.3g, silence %.1f %%, clipped %.2f %%\n",
        l->seconds, l->peak, l->rms, 100.0 * l->silence, 100.0 * l->clipped);
}

/* "spectra 15.22 dB apart, mels 0.729 apart"; "none" where 32 bits overflow. */
static void print_apart(double spectra, double mels)
{
    if (isfinite(spectra)) printf("spectra %.2f dB apart, ", spectra);
    else fputs("spectra none, ", stdout);
    if (isfinite(mels)) printf("mels %.3g apart", mels);
    else fputs("mels none", stdout);
}

static void print_pair(const analysis *z, const char *a, const char *b,
    const distances *d)
{
    size_t size = 6 * (strlen(a) + strlen(b)) + 512;
    if (z->json) {
        char *text = (char *)clip_room(size, 1, a);
        tango_io_json_writer w;
        tango_io_json_begin(&w, text, size);
        tango_io_json_open_object(&w);
        tango_io_json_put_key(&w, "reference");
        tango_io_json_put_string(&w, a);
        tango_io_json_put_key(&w, "sound");
        tango_io_json_put_string(&w, b);
        put_number(&w, "seconds", d->seconds);
        tango_io_json_put_key(&w, "snr_db");
        if (d->defined) tango_io_json_put_number(&w, d->snr);
        else tango_io_json_put_null(&w);
        put_number(&w, "log_spectral_distance_db", d->spectra);
        put_number(&w, "mel_distance", d->mels);
        print_json(&w, text, size);
        return;
    }
    cli_print(stdout, a);
    fputs("  ", stdout);
    cli_print(stdout, b);
    printf(": %.3f s, ", d->seconds);
    if (d->defined) printf("snr %.2f dB", d->snr);
    else fputs("snr none", stdout);
    fputs(", ", stdout);
    print_apart(d->spectra, d->mels);
    putchar('\n');
}

static void print_folder(const analysis *z, const char *path, const statistics *s)
{
    levels mean = s->total;
    size_t size = 6 * strlen(path) + 512;
    mean.silence /= (double)s->sounds;
    mean.clipped /= (double)s->sounds;
    if (z->json) {
        char *text = (char *)clip_room(size, 1, path);
        tango_io_json_writer w;
        tango_io_json_begin(&w, text, size);
        tango_io_json_open_object(&w);
        tango_io_json_put_key(&w, "folder");
        tango_io_json_put_string(&w, path);
        tango_io_json_put_key(&w, "sounds");
        tango_io_json_put_u64(&w, s->sounds);
        put_number(&w, "seconds", mean.seconds);
        put_number(&w, "silence", mean.silence);
        put_number(&w, "clipped", mean.clipped);
        print_json(&w, text, size);
        return;
    }
    cli_print(stdout, path);
    printf(": %zu sound%s, %.3f s, silence %.1f %%, clipped %.2f %%\n", s->sounds,
        s->sounds == 1 ? "" : "s", mean.seconds, 100.0 * mean.silence,
        100.0 * mean.clipped);
}

/* pairs: sums over `count` pairs, of which `defined` have an snr. */
static void print_whole(const analysis *z, const distances *pairs, size_t count,
    size_t defined, double distance)
{
    const double n = (double)count;
    if (z->json) {
        char *text = (char *)clip_room(512, 1, "result");
        tango_io_json_writer w;
        tango_io_json_begin(&w, text, 512);
        tango_io_json_open_object(&w);
        put_number(&w, "frechet_mel_distance", distance);
        tango_io_json_put_key(&w, "pairs");
        tango_io_json_put_u64(&w, count);
        if (count > 0) {
            put_number(&w, "log_spectral_distance_db", pairs->spectra / n);
            put_number(&w, "mel_distance", pairs->mels / n);
        }
        if (defined > 0) put_number(&w, "snr_db", pairs->snr / (double)defined);
        print_json(&w, text, 512);
        return;
    }
    if (isfinite(distance)) printf("frechet distance of the mels %.4g", distance);
    else fputs("frechet distance of the mels none", stdout);
    if (count > 0) {
        printf("; mean of %zu pair%s: ", count, count == 1 ? "" : "s");
        print_apart(pairs->spectra / n, pairs->mels / n);
    }
    if (defined > 0) printf(", snr %.2f dB", pairs->snr / (double)defined);
    putchar('\n');
}

/* ---- Files and folders ------------------------------------------------------------ */

static int is_sound_name(const char *name)
{
    static const char *const endings[] = { ".wav", ".flac" };
    size_t n = strlen(name), i, k;
    for (i = 0; i < 2; i++) {
        const size_t m = strlen(endings[i]);
        for (k = 0; n > m && k < m; k++) {
            const char c = name[n - m + k];
            if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != endings[i][k]) break;
        }
        if (n > m && k == m) return 1;
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The sounds of a folder in the order of their names; ends the program without any. */
static names list_folder(const char *path, DIR *d)
{
    names list = { NULL, 0, 0 };
    const struct dirent *e;
    for (errno = 0; (e = readdir(d)) != NULL; errno = 0) {
        const size_t n = strlen(e->d_name) + 1;
        if (!is_sound_name(e->d_name)) continue;
        if (list.count == list.room) {
            char **larger = (char **)realloc((void *)list.name,
                (list.room = 2 * list.room + 64) * sizeof(char *));
            if (larger == NULL) cli_fail("%s: no memory for its names", path);
            list.name = larger;
        }
        list.name[list.count] = (char *)clip_room(n, 1, path);
        memcpy(list.name[list.count++], e->d_name, n);
    }
    if (errno != 0) cli_fail("%s: cannot list this folder: %s", path, strerror(errno));
    closedir(d);
    if (list.count == 0) cli_fail("%s: no WAV or FLAC files in this folder", path);
    qsort((void *)list.name, list.count, sizeof(char *), by_name);
    return list;
}

static void free_names(names *list)
{
    while (list->count > 0) free(list->name[--list->count]);
    free((void *)list->name);
}

static char *join(const char *folder, const char *name)
{
    const size_t size = strlen(folder) + strlen(name) + 2;
    char *path = (char *)clip_room(size, 1, folder);
    snprintf(path, size, "%s/%s", folder, name);
    return path;
}

static void add_pair(distances *sum, const distances *d)
{
    sum->spectra += d->spectra;
    sum->mels += d->mels;
    sum->snr += d->snr;
    sum->defined += d->defined;
}

/* Loads one of the sounds of a folder into its statistics. */
static float *load_into(analysis *z, statistics *s, const char *path, size_t *count)
{
    levels l;
    float *x = load(path, count, &l);
    add_statistics(z, s, &l, x, *count);
    return x;
}

/* Walks both lists in the order of names. */
static void compare_folders(analysis *z, const char *const *path, const names *list)
{
    static statistics s[2];
    distances sum = { 0.0, 0.0, 0.0, 0.0, 0 };
    size_t at[2] = { 0, 0 }, pairs = 0, side, count[2];
    while (at[0] < list[0].count || at[1] < list[1].count) {
        const char *a = at[0] < list[0].count ? list[0].name[at[0]] : NULL;
        const char *b = at[1] < list[1].count ? list[1].name[at[1]] : NULL;
        const int order = a == NULL ? 1 : b == NULL ? -1 : strcmp(a, b);
        float *x[2] = { NULL, NULL };
        char *file[2] = { NULL, NULL };
        for (side = 0; side < 2; side++) {
            if ((side == 0 ? order : -order) > 0) continue;
            file[side] = join(path[side], list[side].name[at[side]++]);
            x[side] = load_into(z, &s[side], file[side], &count[side]);
        }
        if (order == 0) {
            const distances d =
                compare(z, x[0], x[1], count[0] < count[1] ? count[0] : count[1]);
            print_pair(z, file[0], file[1], &d);
            add_pair(&sum, &d);
            pairs++;
        }
        for (side = 0; side < 2; side++) free(x[side]), free(file[side]);
    }
    for (side = 0; side < 2; side++) {
        print_folder(z, path[side], &s[side]);
        if (s[side].frames < 2)
            cli_fail("%s: a single frame has no variance", path[side]);
    }
    print_whole(z, &sum, pairs, (size_t)sum.defined, frechet(&s[0], &s[1]));
}

static void compare_files(analysis *z, const char *const *path, size_t count)
{
    float *x[2] = { NULL, NULL };
    size_t n[2] = { 0, 0 }, i;
    for (i = 0; i < count; i++) {
        levels l;
        x[i] = load(path[i], &n[i], &l);
        print_levels(z, path[i], &l);
    }
    if (count == 2) {
        const distances d = compare(z, x[0], x[1], n[0] < n[1] ? n[0] : n[1]);
        print_pair(z, path[0], path[1], &d);
    }
    free(x[0]);
    free(x[1]);
}

int main(int argc, char **argv)
{
    const char *path[2] = { NULL, NULL };
    names list[2] = { { NULL, 0, 0 }, { NULL, 0, 0 } };
    DIR *folder[2] = { NULL, NULL };
    size_t count = 0, i;
    analysis z;
    cli c = cli_begin(argc, argv, options);
    int id, json = 0;
    while ((id = cli_next(&c)) != 0) switch (id) {
        case 'j': json = 1; break;
        case 'h':
            cli_help("evaluate [options] [REFERENCE] SOUND",
                "Distances between two sounds, or two folders of sounds.",
                examples, options);
            return 0;
        default:
            if (count == 2) cli_usage("two sounds or folders, found \"%.60s\"", c.text);
            path[count++] = c.text;
        }
    if (count == 0) cli_usage("no sound");
    for (i = 0; i < count; i++) folder[i] = opendir(path[i]);
    if ((count == 2 && !folder[0] != !folder[1]) || (count == 1 && folder[0]))
        cli_usage("two sounds or two folders are compared, or one sound is looked at");
    analysis_begin(&z, json);
    for (i = 0; i < count && folder[i]; i++) list[i] = list_folder(path[i], folder[i]);
    if (folder[0]) compare_folders(&z, path, list);
    else compare_files(&z, path, count);
    for (i = 0; i < 2; i++) free_names(&list[i]);
    analysis_end(&z);
    cli_flush();
    return 0;
}
