/* prepare_clip.h: one clip: sound file -> samples -> mel -> latent -> files.   MIT-0 */
#ifndef TANGO_PREPARE_CLIP_H
#define TANGO_PREPARE_CLIP_H

#include "prepare_set.h"

enum { CHUNK = 8192, MELS = 64, RATE = 16000, HOP = 160 };

/* What one thread owns. */
typedef struct worker {
    const set *x;
    const settings *s;
    const tango_model *model;
    const tango_audio_front *tacotron, *torchaudio;
    const char *root;           /* the input folder, absolute */
    size_t slot;                /* names the files that wait for publication */
    entry e;
    line l;                     /* what became of the clip */
    char message[200];
    tango_error error;
    tango_io_input file;
    tango_io_sound sound;
    text sound_work, resampler_memory, interleaved, input;
    tango_audio_resampler resampler;
    uint32_t resampler_rate;    /* of the plan; 0: none yet */
    size_t input_first, input_count;    /* samples of the file that `input` holds */
    uint64_t source_frames;
    float *samples, *wave, *mel, *planes, *latent, *ordered;
    size_t room, kept, count;   /* of `samples`; kept in it; in the whole clip */
    double sums[8];
    float low, high;
    uint16_t *pixels;
    void *frame_work, *png_work, *encode_memory;
    size_t png_size, encode_size, latent_count, latent_width;
    tango_io_output output;
} worker;

static float *need_floats(size_t count)
{
    return (float *)need_memory(calloc(count ? count : 1, sizeof(float)));
}

/* The parts of a layer, one after another; after a signal none: the result is dropped. */
static void run_parts(void *pool, size_t count, tango_nn_task *task, void *data)
{
    (void)pool;
    for (size_t i = 0; i < count && !stop_signal; i++) task(data, i, 0);
}

static tango_encoding encoding_of(const settings *s)
{
    tango_encoding e;
    memset(&e, 0, sizeof e);
    e.batch = 1;
    e.frames = s->frames;
    e.parallel_for = run_parts;
    e.threads = 2;              /* one would not ask run_parts */
    return e;
}

static void worker_begin(worker *w)
{
    const settings *s = w->s;
    const tango_io_png_spec png = { (uint32_t)s->frames, MELS, 1, 16 };
    w->room = s->frames * HOP > s->cut ? s->frames * HOP : s->cut;
    w->samples = need_floats(w->room);
    w->wave = need_floats(s->frames * HOP);
    w->mel = need_floats(s->frames * MELS);
    w->planes = need_floats(s->frames * MELS);
    w->pixels = (uint16_t *)need_memory(calloc(s->frames * MELS, sizeof *w->pixels));
    w->frame_work = need_memory(malloc(tango_audio_frame_work_size(NULL)));
    if (tango_io_png_write_work_size(&w->png_size, &png, &w->error) != TANGO_OK)
        cli_fail("%s", w->error.text);
    w->png_work = need_memory(malloc(w->png_size));
    if (!w->model) return;
    tango_encoding e = encoding_of(s);
    size_t factor = (size_t)1 << (w->model->vae.levels - 1);
    w->latent_width = MELS / factor;
    w->latent_count = w->model->vae.embedding * (s->frames / factor) * w->latent_width;
    w->latent = need_floats(w->latent_count);
    w->ordered = need_floats(w->latent_count);
    if (tango_encode_memory(&w->encode_size, w->model, &e, &w->error) != TANGO_OK)
        cli_fail("%s", w->error.text);
    w->encode_memory = need_memory(malloc(w->encode_size));
}

static void worker_end(worker *w)
{
    text *const texts[] = { &w->sound_work, &w->resampler_memory, &w->interleaved,
                            &w->input };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) text_free(texts[i]);
    entry_free(&w->e);
    line_free(&w->l);
    free(w->samples); free(w->wave); free(w->mel); free(w->planes); free(w->latent);
    free(w->ordered); free(w->pixels); free(w->frame_work); free(w->png_work);
    free(w->encode_memory);
}

/* Fails the clip. */
static reason_kind skip(worker *w, reason_kind why, const char *message)
{
    snprintf(w->message, sizeof w->message, "%s", message);
    return why;
}

/* ---- Reading ---------------------------------------------------------------------- */

/* Finds the file and opens it. */
static reason_kind open_clip(worker *w, const char **place)
{
    for (size_t i = 0; i < w->e.place_count; i++) {
        tango_error error;
        tango_result r = tango_io_input_open_below(&w->file, w->root, w->e.places[i],
                                                   &error);
        if (i == 0 || r != TANGO_ERROR_FILE) w->error = error;
        *place = w->e.places[i];
        if (r == TANGO_OK) return NO_REASON;
        if (w->s->prune) check_no_file(w->s, *place);   /* its outputs would go */
        if (r == TANGO_ERROR_FILE) continue;
        return skip(w, r == TANGO_ERROR_ARGUMENT ? BAD_PATH : UNREADABLE, w->error.text);
    }
    return skip(w, MISSING, w->error.text);
}

/* Plans the way from the file's rate to 16 kHz, unless it is the last clip's. */
static int plan_resampler(worker *w, uint32_t rate)
{
    size_t size = tango_audio_resampler_size(rate, RATE);
    if (rate == w->resampler_rate) return 1;
    w->resampler_rate = 0;
    w->resampler_memory.size = 0;
    text_reserve(&w->resampler_memory, size);
    if (size == 0 || tango_audio_resampler_init(&w->resampler, rate, RATE,
            w->resampler_memory.data, w->resampler_memory.room, &w->error) != TANGO_OK)
        return 0;
    w->resampler_rate = rate;
    return 1;
}

/* Samples before the first NaN or infinity. */
static size_t finite_count(const float *x, size_t count)
{
    int all = 1;
    size_t n = 0;
    for (size_t i = 0; i < count; i++) all &= x[i] - x[i] == 0.0f;
    while (!all && x[n] - x[n] == 0.0f) n++;
    return all ? count : n;
}

/* One channel of the next frames behind what `input` holds. 0 at the end, -1: failed */
static int read_chunk(worker *w)
{
    const size_t channels = w->sound.info.channels;
    size_t got;
    w->interleaved.size = w->input.size = 0;
    text_reserve(&w->interleaved, CHUNK * channels * sizeof(float));
    w->input.size = w->input_count * sizeof(float);
    text_reserve(&w->input, CHUNK * sizeof(float));
    float *from = (float *)(void *)w->interleaved.data;
    float *to = (float *)(void *)w->input.data + w->input_count;
    if (tango_io_sound_read_float(&w->sound, from, CHUNK, &got, &w->error) != TANGO_OK)
        return -1;
    const size_t finite = finite_count(from, got * channels);
    if (finite < got * channels) {
        snprintf(w->error.text, sizeof w->error.text,
                 "NaN or infinity in frame %llu",
                 (unsigned long long)(w->source_frames + finite / channels));
        return -1;
    }
    tango_audio_downmix(to, from, got, channels, w->s->channels);
    w->input_count += got;
    w->source_frames += got;
    return got == CHUNK;
}

/* Drops samples before `first`. */
static void forget_input(worker *w, size_t first)
{
    float *p = (float *)(void *)w->input.data;
    size_t drop = first > w->input_first ? first - w->input_first : 0;
    if (drop > w->input_count) drop = w->input_count;
    if (drop == 0) return;
    memmove(p, p + drop, (w->input_count - drop) * sizeof *p);
    w->input_first += drop;
    w->input_count -= drop;
}

/* Takes in samples at 16 kHz: sums for the level, the first `room` of them. Blocks before
   the last have a multiple of 8 samples, so sum k is that of samples k, k + 8, ... */
static void take_samples(worker *w, const float *x, size_t n)
{
    float low = w->count ? w->low : INFINITY, high = w->count ? w->high : -INFINITY;
    for (size_t i = 0; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    w->low = low;
    w->high = high;
    for (size_t i = 0; i < n; i += 8)
        for (size_t k = 0; k < 8 && k < n - i; k++) w->sums[k] += (double)x[i + k];
    size_t more = w->room - w->kept < n ? w->room - w->kept : n;
    memcpy(w->samples + w->kept, x, more * sizeof *x);
    w->kept += more;
    w->count += n;
}

/* Whether what was made of the sound so far is no more than may be. */
static int check_growth(worker *w)
{
    if (cli_growth_ok(w->source_frames, w->count, RATE)) return 1;
    snprintf(w->error.text, sizeof w->error.text, "over 10 minutes at %u Hz are too long "
             "for %d Hz", (unsigned)w->sound.info.rate, RATE);
    return 0;
}

/* Reads the whole sound in blocks of 16 kHz samples; memory does not grow with it. */
static int stream_clip(worker *w)
{
    float block[4096];
    int state = 1;
    w->input_first = w->input_count = w->kept = w->count = 0;
    w->source_frames = 0;
    memset(w->sums, 0, sizeof w->sums);
    for (;;) {
        size_t n = sizeof block / sizeof block[0], first, need;
        if (stop_signal || !check_growth(w)) return 0;
        tango_audio_resample_span(&first, &need, w->count, n, &w->resampler);
        forget_input(w, first);
        while (state == 1 && first + need > w->input_first + w->input_count)
            if (stop_signal || (state = read_chunk(w)) < 0) return 0;
        if (state == 0) {
            size_t total = tango_audio_resampled_count((size_t)w->source_frames,
                                                       &w->resampler);
            if (n > total - w->count) n = total - w->count;
            if (n == 0) return 1;
        }
        tango_audio_resample_part(block, w->count, n, (float *)(void *)w->input.data,
                                  w->input_first, w->input_count, &w->resampler);
        take_samples(w, block, n);
    }
}

static reason_kind read_clip(worker *w)
{
    const settings *s = w->s;
    tango_result r = tango_io_sound_open(&w->sound, tango_io_input_read, &w->file,
                                         w->file.size, 0, &w->error);
    if (r != TANGO_OK) return skip(w, UNREADABLE, w->error.text);
    const double rate = w->sound.info.rate;
    if (s->max_seconds > 0.0 && w->sound.info.frames != TANGO_IO_SOUND_UNKNOWN
        && (double)w->sound.info.frames > s->max_seconds * rate)
        return skip(w, EXCLUDED, "longer than --max-seconds");
    size_t work = tango_io_sound_work_size(&w->sound);
    w->sound_work.size = 0;
    text_reserve(&w->sound_work, work);
    r = tango_io_sound_start(&w->sound, w->sound_work.data, w->sound_work.room,
                             &w->error);
    if (r != TANGO_OK || !plan_resampler(w, w->sound.info.rate) || !stream_clip(w))
        return skip(w, UNREADABLE, w->error.text);
    if (w->count <= 100) {
        snprintf(w->error.text, sizeof w->error.text, "%zu samples at 16 kHz", w->count);
        return skip(w, TOO_SHORT, w->error.text);
    }
    const double seconds = (double)w->source_frames / rate;
    if (s->max_seconds > 0.0 && seconds > s->max_seconds)
        return skip(w, EXCLUDED, "longer than --max-seconds");
    if (s->min_seconds > 0.0 && seconds < s->min_seconds)
        return skip(w, EXCLUDED, "shorter than --min-seconds");
    w->l.seconds = seconds;
    return NO_REASON;
}

/* The level rules of the training script, as tango_audio_normalise has them for a clip
   that lies in memory as a whole:
   x -= mean; x /= max|x| + 1e-8; x *= 0.5; cut or pad; x /= max|x|; x *= 0.5 */
static void level_as_trained(worker *w, float mean, float peak, size_t kept)
{
    for (size_t i = 0; i < kept; i++)
        w->wave[i] = (w->samples[i] - mean) / (peak + 1e-8f) * 0.5f;
    const float second = tango_audio_peak(w->wave, kept);
    for (size_t i = 0; i < kept && second > 0.0f; i++)
        w->wave[i] = w->wave[i] / second * 0.5f;
}

/* --level: x -= mean; cut or pad; the level of what is left. */
static void level_as_asked(worker *w, float mean, size_t kept)
{
    sound_level level;
    for (size_t i = 0; i < kept; i++) w->wave[i] = w->samples[i] - mean;
    level_fit(&level, &w->s->level, w->e.stem, w->wave, kept, RATE, 1);
}

static reason_kind level_clip(worker *w)
{
    const size_t target = w->s->frames * HOP, kept = w->kept < target ? w->kept : target;
    double sum = 0.0;
    for (size_t k = 0; k < 8; k++) sum += w->sums[k];
    const float mean = (float)(sum / (double)w->count);
    const float up = w->high - mean, down = mean - w->low, peak = up > down ? up : down;
    if (!(peak - peak == 0.0f))
        return skip(w, UNREADABLE, "samples too large to remove their mean");
    if (peak < 1e-4f) return skip(w, SILENT, "peak under 1e-4 after removal of the mean");
    for (size_t i = kept; i < target; i++) w->wave[i] = 0.0f;
    if (w->s->level.kind == LEVEL_FIT) level_as_trained(w, mean, peak, kept);
    else level_as_asked(w, mean, kept);
    for (size_t i = 0; i < kept; i++) {
        const float v = w->wave[i];
        w->wave[i] = v > 1.0f ? 1.0f : v < -1.0f ? -1.0f : v;
    }
    return NO_REASON;
}

/* ---- Writing ---------------------------------------------------------------------- */

static int begin_output(worker *w, int output, text *path)
{
    text name = { NULL, 0, 0 };
    output_name(&name, w->s, w->e.stem, output, w->l.link);
    *path = path_of(w->s, name.data, "");
    text_free(&name);
    text temporary = waiting_name(w->x, w->slot, output);
    int ok = tango_io_create_by(&w->output, path->data, temporary.data, &w->error)
        == TANGO_OK;
    text_free(&temporary);
    return ok;
}

static int write_caption(worker *w)
{
    return tango_io_write(&w->output, w->e.caption, strlen(w->e.caption), &w->error)
        == TANGO_OK;
}

static int write_npy(worker *w, const float *data, const size_t *shape, size_t rank)
{
    return tango_io_npy_write(&w->output, TANGO_IO_F32, data, shape, rank, &w->error)
        == TANGO_OK;
}

/* Row 0 is the highest band; 0 to 65535 stand for low to high. */
static int write_image(worker *w)
{
    const size_t frames = w->s->frames;
    const int power = w->s->mel == TANGO_AUDIO_TORCHAUDIO;
    const double low = power ? -100.0 : log(1e-5), high = power ? 70.0 : 4.0;
    const tango_io_png_spec png = { (uint32_t)frames, MELS, 1, 16 };
    for (size_t b = 0; b < MELS; b++)
        for (size_t t = 0; t < frames; t++) {
            double v = (double)w->planes[b * frames + t];
            if (power) v = 10.0 * log10(v > 1e-10 ? v : 1e-10);
            v = (v - low) / (high - low) * 65535.0 + 0.5;
            v = v > 0.0 ? v : 0.0;
            w->pixels[(MELS - 1 - b) * frames + t] =
                (uint16_t)(int32_t)(v < 65535.0 ? v : 65535.0);
        }
    return tango_io_png_write(&w->output, w->pixels, &png, w->png_work, w->png_size,
                              &w->error) == TANGO_OK;
}

static int write_audio(worker *w)
{
    tango_io_wav_spec spec;
    memset(&spec, 0, sizeof spec);
    spec.channels = 1;
    spec.rate = RATE;
    spec.format = w->s->flac == 24 ? TANGO_IO_WAV_PCM24 : TANGO_IO_WAV_PCM16;
    spec.round = 1;
    spec.frames = w->kept < w->s->cut ? w->kept : w->s->cut;
    return save_whole(&w->output, w->s->flac != 0, w->samples, &spec, &w->error)
        == TANGO_OK;
}

/* latent (8, T, 16) as it comes, or (8, 16, T). */
static int write_latent(worker *w, int output)
{
    const size_t c = w->model->vae.embedding, f = w->latent_width;
    const size_t t = w->latent_count / c / f;
    const int swap = w->s->frequency_first;
    const size_t shape[3] = { c, swap ? f : t, swap ? t : f };
    const float *data = swap ? w->ordered : w->latent;
    for (size_t i = 0; swap && i < w->latent_count; i++)
        w->ordered[(i / (t * f) * f + i % f) * t + i / f % t] = w->latent[i];
    if (output == OUT_LATENT) return write_npy(w, data, shape, 3);
    return tango_io_torch_write(&w->output, TANGO_IO_F32, data, shape, 3, &w->error)
        == TANGO_OK;
}

static int write_one(worker *w, int output)
{
    const size_t mel[2] = { MELS, w->s->frames };
    text path;
    int ok = begin_output(w, output, &path);
    if (ok) switch (output) {
        case OUT_CAPTION: ok = write_caption(w); break;
        case OUT_MEL: ok = write_npy(w, w->planes, mel, 2); break;
        case OUT_IMAGE: ok = write_image(w); break;
        case OUT_AUDIO: ok = write_audio(w); break;
        default: ok = write_latent(w, output);
    }
    w->l.sizes[output] = w->output.at;
    ok = ok && tango_io_leave(&w->output, &w->error) == TANGO_OK;
    if (!ok) tango_io_abandon(&w->output);
    text_free(&path);
    return ok;
}

/* original_wavs/STEM.SUFFIX -> the sound itself. */
static int write_link(worker *w)
{
    text temporary = waiting_name(w->x, w->slot, OUT_AUDIO);
    int ok = symlink(w->l.link, temporary.data) == 0;
    if (!ok) snprintf(w->error.text, sizeof w->error.text, "%.60s: no link: %.60s",
                      w->e.stem, strerror(errno));
    text_free(&temporary);
    return ok;
}

/* The frames that padding fills are all alike: the first of them is copied. A frame is
   padding if all of its 1024 samples, and those that it mirrors, lie behind the sound. */
static void fill_mel(worker *w, int logarithm)
{
    const size_t frames = w->s->frames, samples = frames * HOP;
    const size_t sound = w->kept < samples ? w->kept : samples;
    size_t quiet = (sound + 512 + HOP - 1) / HOP + 1;       /* first frame of padding */
    const int mirrors = samples < sound + 1024; /* the end mirrors what lies before it */
    if (mirrors || quiet >= frames) quiet = frames;
    const size_t count = quiet < frames ? quiet + 1 : frames;
    if (logarithm) tango_audio_log_mel(w->mel, w->wave, samples, 0, count, w->tacotron,
                                       w->frame_work);
    else tango_audio_mel(w->mel, w->wave, samples, 0, count, w->torchaudio,
                         w->frame_work);
    for (size_t t = count; t < frames; t++)
        memcpy(w->mel + t * MELS, w->mel + quiet * MELS, MELS * sizeof *w->mel);
}

/* planes (64, T) of mel (T, 64), 16 frames at a time: a row of planes then takes whole
   cache lines. */
static void transpose_mel(worker *w)
{
    const size_t frames = w->s->frames;
    for (size_t first = 0; first < frames; first += 16) {
        const size_t n = frames - first < 16 ? frames - first : 16;
        for (size_t b = 0; b < MELS; b++)
            for (size_t t = first; t < first + n; t++)
                w->planes[b * frames + t] = w->mel[t * MELS + b];
    }
}

static int write_clip(worker *w)
{
    const int torchaudio = w->s->mel == TANGO_AUDIO_TORCHAUDIO;
    if (torchaudio) {
        fill_mel(w, 0);
        transpose_mel(w);
    }
    if (!torchaudio || w->model) fill_mel(w, 1);
    if (!torchaudio) transpose_mel(w);
    if (w->model) {
        tango_encoding e = encoding_of(w->s);
        if (tango_encode(w->latent, NULL, NULL, w->mel, w->model, &e, w->encode_memory,
                         w->encode_size, &w->error) != TANGO_OK) return 0;
    }
    for (int i = 0; i < OUTPUTS; i++) {
        w->l.sizes[i] = 0;
        if (!is_written(w->s, i)) continue;
        if (stop_signal) return 0;
        const int link = w->s->layout == WAVCAPS && i == OUT_AUDIO;
        if (!(link ? write_link(w) : write_one(w, i))) return 0;
    }
    return 1;
}

/* ---- One record ------------------------------------------------------------------- */

static const char *static_message(reason_kind r)
{
    switch (r) {
    case BAD_ID: return "the id cannot be the name of a file";
    case NO_CAPTION: return "no caption";
    case DUPLICATE: return "an earlier record has this name";
    case BLACKLISTED: return "on a blacklist";
    case VANISHED: return "the input no longer has a record of this index";
    default: return "";
    }
}

/* Finds, reads and judges the sound. */
static reason_kind look_at_sound(worker *w, const char **place)
{
    reason_kind reason = open_clip(w, place);
    if (reason) return reason;
    reason = read_clip(w);
    tango_io_input_close(&w->file);
    return reason ? reason : level_clip(w);
}

/* Does all there is to do for record i and describes it in w->l. 0: the disk or the model
   failed, w->error says how; or a signal came. */
static int process_record(worker *w, const database *d, size_t i)
{
    const record *r = &d->records[i];
    const char *place = "";
    text link = { NULL, 0, 0 };
    int ok = 1;
    read_record(d, i, &w->e);
    w->l.index = i;
    w->l.hash = r->hash;
    w->l.id = w->e.id;
    w->l.stem = w->e.stem;
    w->l.caption = w->e.caption;
    w->l.split = w->e.split;
    w->l.link = "";
    w->l.reason = (reason_kind)r->reason;
    w->l.message = w->l.reason == BAD_RECORD ? w->e.message
                                             : static_message(w->l.reason);
    if (w->l.reason) return 1;
    w->l.message = w->message;
    w->l.reason = r->kept ? skip(w, MISSING, "the input no longer has it")
                          : look_at_sound(w, &place);
    if (w->l.reason && stop_signal) return 0;   /* it was not read to its end */
    if (w->l.reason == NO_REASON && w->s->layout == WAVCAPS) {
        text_put(&link, w->root);
        text_put(&link, strcmp(w->root, "/") == 0 ? "" : "/");
        text_put(&link, place);
        w->l.link = link.data;
    }
    if (!w->s->dry_run && w->l.reason == NO_REASON) ok = write_clip(w);
    else if (!w->s->dry_run && w->s->prune) remove_outputs(w->s, w->e.stem);
    w->l.room.size = 0;                     /* the link lives on in the line's room */
    text_add(&w->l.room, link.data ? link.data : "", link.size);
    w->l.link = w->l.room.data;
    text_free(&link);
    return ok;
}
#endif
