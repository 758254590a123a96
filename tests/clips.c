/* clips.c: writes the small sounds that test_prepare.sh works on.                 MIT-0

       cc tests/clips.c -lm -o clips && ./clips FOLDER COUNT

   000.wav to COUNT-1.wav: tones with a little noise, of various rates, lengths and kinds;
   and silent.wav, short.wav, nan.wav, cut.wav, empty.wav. */
#include "../demo/cli.h"
#include <math.h>
#define TANGO_IO_IMPLEMENTATION
#include "../tango_io.h"

static void write_clip(const char *path, const float *x, size_t channels, size_t frames,
                       uint32_t rate, tango_io_wav_format format)
{
    tango_io_wav_spec spec;
    tango_io_output out;
    tango_error error;
    memset(&spec, 0, sizeof spec);
    spec.channels = channels;
    spec.rate = rate;
    spec.format = format;
    spec.round = 1;
    spec.frames = frames;
    if (tango_io_create(&out, path, &error) != TANGO_OK
        || tango_io_wav_write(&out, x, &spec, &error) != TANGO_OK
        || tango_io_commit(&out, &error) != TANGO_OK) cli_fail("%s", error.text);
}

/* The bytes of a file, as they are. */
static void write_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f) != 0)
        cli_fail("%s: cannot be written", path);
}

int main(int argc, char **argv)
{
    static const uint32_t rates[] = { 16000, 44100, 8000, 48000 };
    static float x[2 * 48000];
    unsigned char nan_file[44 + 4 * 400] =
        "RIFF\x64\x06\0\0WAVEfmt \x10\0\0\0\x03\0\x01\0"
        "\x80\x3e\0\0\0\xfa\0\0\x04\0\x20\0" "data\x40\x06\0\0";
    char path[1024];
    uint32_t noise = 1;
    int count = argc == 3 ? atoi(argv[2]) : 0;
    if (count < 1) cli_usage("expected FOLDER COUNT");
    for (int i = 0; i < count; i++) {
        size_t channels = 1 + (size_t)(i % 2), frames = 4000 + 1000 * (size_t)(i % 40);
        for (size_t n = 0; n < channels * frames; n++) {
            noise = noise * 1664525u + 1013904223u;
            x[n] = 0.4f * (float)sin((double)(n / channels) * (0.02 + 0.003 * (double)i))
                + 0.05f * ((float)(noise >> 8) / 8388608.0f - 1.0f);
        }
        snprintf(path, sizeof path, "%s/%03d.wav", argv[1], i);
        write_clip(path, x, channels, frames, rates[i % 4],
                   (tango_io_wav_format)(i % 4));
    }
    memset(x, 0, sizeof x);
    snprintf(path, sizeof path, "%s/silent.wav", argv[1]);
    write_clip(path, x, 1, 8000, 16000, TANGO_IO_WAV_PCM16);
    for (size_t n = 0; n < 400; n++) x[n] = n % 2 ? 0.5f : -0.5f;
    snprintf(path, sizeof path, "%s/short.wav", argv[1]);
    write_clip(path, x, 1, 100, 16000, TANGO_IO_WAV_PCM16);
    for (size_t n = 0; n < 400; n++) nan_file[44 + 4 * n + 2] = 0x80;
    for (size_t n = 0; n < 400; n++) nan_file[44 + 4 * n + 3] = n == 7 ? 0x7f : 0x3f;
    nan_file[44 + 4 * 7 + 2] = 0xc0;
    snprintf(path, sizeof path, "%s/nan.wav", argv[1]);
    write_bytes(path, nan_file, sizeof nan_file);
    snprintf(path, sizeof path, "%s/cut.wav", argv[1]);
    write_bytes(path, nan_file, 400);
    snprintf(path, sizeof path, "%s/empty.wav", argv[1]);
    write_bytes(path, nan_file, 0);
    return 0;
}
