/* clip.h: one channel of a sound file at a given rate, for programs that look at whole
   clips. MIT-0. Include after cli.h and tango.h (with its implementation). */
#ifndef TANGO_CLIP_H
#define TANGO_CLIP_H

/* A program's own sums are the same with -march=native, as those of the headers. */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

/* Room for count things of `size` bytes, or the end of the program. */
static inline void *clip_room(size_t count, size_t size, const char *what)
{
    size_t bytes = 0;
    void *room = tango_mul_ok(count, size, &bytes) ? malloc(bytes + 1) : NULL;
    if (room == NULL) cli_fail("%s: no memory for %zu x %zu bytes", what, count, size);
    return room;
}

/* All bytes of an input: a file is mapped; "-" is standard input, read to its end into
   memory of their own. */
typedef struct clip_bytes {
    tango_io_file file;
    void *memory;                /* of standard input, or NULL */
} clip_bytes;

static inline void clip_read_bytes(clip_bytes *b, tango_io_input *in, tango_error *error)
{
    unsigned char *all = NULL;
    size_t room = 0, size = 0, got = 1;
    while (got > 0) {
        if (room - size < 64) { /* so much is left for the move below */
            room = 2 * room + 65536;
            all = (unsigned char *)realloc(all, room);
            if (all == NULL) cli_fail("standard input: no memory for %zu bytes", room);
        }
        if (tango_io_input_read(in, all + size, room - size - 63, &got, error)
            != TANGO_OK)
            cli_fail_file("-", error->text);
        size += got;
    }
    b->memory = all;
    b->file.data = all + (size_t)(0 - (uintptr_t)all) % 64; /* as mappings are aligned */
    memmove(all + (b->file.data - all), all, size);
    b->file.size = size;
}

/* Ends the program if they cannot be read. */
static inline void clip_open_bytes(clip_bytes *b, const char *path, tango_error *error)
{
    tango_io_input in;
    memset(b, 0, sizeof *b);
    if (strcmp(path, "-") != 0) {
        if (tango_io_map(&b->file, path, error) != TANGO_OK)
            cli_fail_file(path, error->text);
        return;
    }
    if (tango_io_input_open(&in, path, error) != TANGO_OK)
        cli_fail_file(path, error->text);
    clip_read_bytes(b, &in, error);
    tango_io_input_close(&in);
}

static inline void clip_close_bytes(clip_bytes *b)
{
    if (b->memory == NULL) tango_io_unmap(&b->file);
    free(b->memory);
    b->memory = NULL;
}

/* Whether a sound file that is damaged has samples that can be kept. */
static inline int clip_can_keep(const char *path)
{
    tango_io_file file;
    tango_io_sound sound;
    uint64_t frames = 0;
    void *work;
    size_t size;
    if (tango_io_map(&file, path, NULL) != TANGO_OK) return 0;
    if (tango_io_sound_open_memory(&sound, file.data, file.size, 1, NULL) == TANGO_OK) {
        size = tango_io_sound_work_size(&sound);
        work = clip_room(size, 1, path);
        if (tango_io_sound_start(&sound, work, size, NULL) == TANGO_OK)
            tango_io_sound_skip(&sound, UINT64_MAX, &frames, NULL);
        free(work);
    }
    tango_io_unmap(&file);
    return frames > 0 && sound.cut; /* one that is whole holds NaN */
}

/* One line about a sound that cannot be read, with the way to what is left of it. */
static inline void clip_sound_message(const char *path, const char *text, const char *way)
{
    char line[sizeof(tango_error) + 64];
    snprintf(line, sizeof line, "%s; %s keeps what is whole", text, way);
    cli_file_message("error: ", path, clip_can_keep(path) ? line : text);
}

CLI_ENDS static inline void clip_fail_sound(const char *path, const char *text)
{
    clip_sound_message(path, text, "\"sound convert --lenient\"");
    exit(1);
}

/* Channel 0 of the frames of an open sound, as the encoders take it: of about the first
   `most`. The array grows with what is read, never by what the file declares. */
static inline float *clip_read(const char *path, tango_io_sound *sound, size_t most,
    size_t *count, tango_error *error)
{
    const size_t channels = sound->info.channels, chunk = 4096;
    float *frames = (float *)clip_room(chunk, channels * sizeof(float), path),
          *all = NULL, *larger;
    size_t room = 0, got = chunk;
    for (*count = 0; got == chunk && *count <= most; *count += got) {
        if (tango_io_sound_read_float(sound, frames, chunk, &got, error) != TANGO_OK)
            clip_fail_sound(path, error->text);
        if (got == 0) break;
        if (*count + got > room) {
            room = 2 * room + chunk;
            larger = (float *)realloc(all, room * sizeof(float));
            if (larger == NULL) cli_fail("%s: no memory for %zu samples", path, room);
            all = larger;
        }
        tango_audio_downmix(all + *count, frames, got, channels, TANGO_AUDIO_FIRST);
    }
    free(frames);
    return all;
}

/* x (count) at `from` Hz -> at `to` Hz; frees x. */
static inline float *clip_resample(
    const char *path, float *x, size_t *count, size_t from, size_t to, tango_error *error)
{
    tango_audio_resampler r;
    size_t size = tango_audio_resampler_size(from, to), n;
    void *memory = clip_room(size, 1, path);
    float *y;
    if (tango_audio_resampler_init(&r, from, to, memory, size, error) != TANGO_OK)
        cli_fail_file(path, error->text);
    n = tango_audio_resampled_count(*count, &r);
    if (!cli_growth_ok(*count, n, to))
        cli_fail("%s: %zu samples at %zu Hz are too long for %zu Hz", path, *count, from,
            to);
    y = (float *)clip_room(n, sizeof(float), path);
    tango_audio_resample(y, x, *count, &r);
    free(memory);
    free(x);
    *count = n;
    return y;
}

/* Channel 0 of a WAV or FLAC file, or of standard input, at its own rate: *count samples,
   at least 1, all finite; to be freed. What is longer than `seconds` is read a little
   further than that. */
static inline float *clip_load_plain(const char *path, size_t *rate, double seconds,
    size_t *count, tango_error *error)
{
    clip_bytes bytes;
    tango_io_sound sound;
    size_t work_size;
    void *work;
    float *x;
    clip_open_bytes(&bytes, path, error);
    if (tango_io_sound_open_memory(&sound, bytes.file.data, bytes.file.size, 0, error)
        != TANGO_OK)
        clip_fail_sound(path, error->text);
    work_size = tango_io_sound_work_size(&sound);
    work = clip_room(work_size, 1, path);
    if (tango_io_sound_start(&sound, work, work_size, error) != TANGO_OK)
        cli_fail_file(path, error->text);
    x = clip_read(path, &sound,
        seconds * sound.info.rate < 1e15 ? (size_t)(seconds * sound.info.rate) : SIZE_MAX,
        count, error);
    free(work);
    clip_close_bytes(&bytes);
    if (*count == 0) cli_fail("%s: no samples", path);
    if (!tango_nn_all_finite(x, *count)) cli_fail("%s: holds NaN or infinity", path);
    *rate = sound.info.rate;
    return x;
}

/* The same at `rate` Hz. */
static inline float *clip_load_part(const char *path, size_t rate, double seconds,
    size_t *count, tango_error *error)
{
    size_t own = 0;
    float *x = clip_load_plain(path, &own, seconds, count, error);
    return clip_resample(path, x, count, own, rate, error);
}

static inline float *clip_load(
    const char *path, size_t rate, size_t *count, tango_error *error)
{
    return clip_load_part(path, rate, 1e30, count, error);
}

/* mel (frames, mels) of samples x: natural log, the recipe of the VAE; to be freed. The
   path is for messages. */
static inline float *clip_log_mel(const char *path, const tango_model *m, const float *x,
    size_t count, size_t frames, tango_error *error)
{
    tango_audio_parameters p;
    tango_audio_front front;
    void *memory, *work;
    float *mel = (float *)clip_room(frames, m->mels * sizeof(float), path);
    memset(&p, 0, sizeof p);
    p.rate = m->rate;
    p.fft = m->fft;
    p.hop = m->hop;
    p.window = m->window;
    p.mels = m->mels;
    p.fmin = m->mel_low;
    p.fmax = m->mel_high;
    memory = clip_room(tango_audio_front_size(&p), 1, path);
    work = clip_room(tango_audio_frame_work_size(&p), 1, path);
    if (tango_audio_front_init(&front, &p, memory, tango_audio_front_size(&p), error)
        != TANGO_OK)
        cli_fail_file(path, error->text);
    tango_audio_log_mel(mel, x, count, 0, frames, &front, work);
    free(work);
    free(memory);
    if (!tango_nn_all_finite(mel, frames * m->mels))
        cli_fail_file(path, "too loud for a mel spectrogram");
    return mel;
}

#define CLIP_MODEL "demo/tiny.tango" /* if no other is asked for */

/* Ends the program if `path` cannot become an output or is one of two other files of the
   run, which may be NULL. */
static inline void clip_check_output(
    const char *path, const char *a, const char *b, tango_error *error)
{
    const char *others[2];
    others[0] = a, others[1] = b;
    if (tango_io_output_check(path, others, 2, error) != TANGO_OK)
        cli_fail_file(path, error->text);
}

/* Behind all writing, whose result is `written`: the output is there, or the program ends
   and an old one stays, with 130 after Ctrl-C (cli_catch_interrupts). */
static inline void clip_commit(
    tango_io_output *out, tango_result written, const char *path, tango_error *error)
{
    if (written == TANGO_OK && !cli_interrupted()
        && tango_io_commit(out, error) == TANGO_OK)
        return;
    tango_io_abandon(out);
    if (cli_interrupted()) exit(130);
    cli_fail_file(path, error->text);
}

/* Maps and opens a weights blob that must hold these TANGO_PART_, and say what its sounds
   are. */
static inline void clip_open_model(tango_model *m, tango_io_file *file, const char *path,
    unsigned needed, tango_error *error)
{
    if (tango_io_map(file, path, error) != TANGO_OK) cli_fail_file(path, error->text);
    if (tango_open(m, file->data, file->size, error) != TANGO_OK
        || tango_check_parts(m, needed, error) != TANGO_OK)
        cli_fail_file(path, error->text);
    if (m->rate == 0)
        cli_fail_file(path, "model: it has no vae or vocoder, which say what a mel is");
}

#endif
