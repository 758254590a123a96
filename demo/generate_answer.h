/* generate_answer.h: what a run of --serve says while it works, lines of JSON on standard
   output without the id of its request, which the server puts in front. MIT-0. A part of
   generate.c. */
#ifndef TANGO_GENERATE_ANSWER_H
#define TANGO_GENERATE_ANSWER_H

/* Text as a JSON string, to be freed; what is not UTF-8 in it becomes U+FFFD. */
static char *quoted(const char *text)
{
    const size_t size = 6 * strlen(text) + 3; /* 6 bytes of a byte, two quotes, NUL */
    char *out = (char *)clip_room(size, 1, "a text");
    tango_io_json_writer w;
    tango_io_json_begin(&w, out, size);
    tango_io_json_put_string(&w, text);
    tango_io_json_end(&w);
    return out;
}

static void print_string(const char *text)
{
    char *string = quoted(text);
    fputs(string, stdout);
    free(string);
}

/* The end of a line, which is sent. A server that is gone needs no more. */
static void answer_end(void)
{
    fputs("}\n", stdout);
    if (fflush(stdout) != 0) cli_fail("standard output: writing failed");
}

/* Steps of the UNet, at most ten lines a second and one for the last. */
static void answer_step(job *j, size_t done, size_t steps)
{
    const double now = cli_seconds(), spent = now - j->progress.start;
    if (done < steps && now - j->progress.drawn < 0.1) return;
    j->progress.drawn = now;
    printf("{\"event\": \"progress\", \"part\": \"unet\", \"take\": %zu, \"step\": %zu, "
           "\"steps\": %zu, \"seconds_left\": %.3f",
        j->done, done, steps,
        done > 0 ? spent / (double)done * (double)(steps - done) : 0.0);
    answer_end();
}

/* The other parts take no steps. */
static void answer_layer(job *j, unsigned part, double operations)
{
    const double now = cli_seconds();
    const double last = j->progress.drawn > 0.0 ? j->progress.drawn : j->progress.start;
    if (part == TANGO_PART_UNET || now - last < 0.1) return;
    j->progress.drawn = now;
    printf("{\"event\": \"progress\", \"part\": \"%s\", \"take\": %zu, \"gflop\": %.3f",
        tango_part_name(part), j->done, operations / 1e9);
    answer_end();
}

/* Bytes as base64 (RFC 4648) on standard output. */
static void print_base64(const unsigned char *x, size_t size)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t i;
    for (i = 0; i < size; i += 3) {
        const size_t n = size - i < 3 ? size - i : 3;
        const unsigned long all = (unsigned long)x[i] << 16
            | (n > 1 ? (unsigned long)x[i + 1] << 8 : 0)
            | (n > 2 ? (unsigned long)x[i + 2] : 0);
        putchar(digits[all >> 18]);
        putchar(digits[all >> 12 & 63]);
        putchar(n > 1 ? digits[all >> 6 & 63] : '=');
        putchar(n > 2 ? digits[all & 63] : '=');
    }
}

/* The samples as the bytes of a WAV file behind its header. */
static void print_audio(const tango_io_wav_spec *spec, const float *wave)
{
    unsigned char bytes[4 * 3 * 1024]; /* no sample has more than 4 */
    const size_t chunk = 3 * 1024, frames = (size_t)spec->frames;
    size_t i;
    for (i = 0; i < frames; i += chunk) {
        const size_t n = frames - i < chunk ? frames - i : chunk;
        tango_io_wav_encode(bytes, wave + i, n, spec);
        print_base64(bytes, n * tango_io_wav_sample_size(spec->format));
    }
}

/* One take that is made: its file, or all its samples. */
static void answer_sound(const char *name, const tango_io_wav_spec *spec,
    const float *wave, const char *level, size_t take, uint64_t seed)
{
    static const char *const bits[] = { "16", "24", "32", "f32" };
    if (name == NULL && !tango_nn_all_finite(wave, (size_t)spec->frames))
        cli_fail("take %zu holds NaN or infinity", take);
    printf("{\"event\": \"sound\", \"take\": %zu, \"seed\": %llu, \"frames\": %llu, "
           "\"rate\": %u, \"seconds\": %.6f, \"bits\": \"%s\", \"level\": ",
        take, (unsigned long long)seed, (unsigned long long)spec->frames,
        (unsigned)spec->rate, (double)spec->frames / (double)spec->rate,
        bits[spec->format]);
    print_string(level);
    printf(", \"file\": ");
    if (name != NULL) print_string(name);
    else {
        printf("null, \"audio\": \"");
        print_audio(spec, wave);
        putchar('"');
    }
    answer_end();
}

#endif
