/* bench_shapes.h: the layers that carry the work of the models. MIT-0. */
#ifndef TANGO_BENCH_SHAPES_H
#define TANGO_BENCH_SHAPES_H

enum { LINEAR, CONV, ATTEND };

/* LINEAR: height rows, channels inputs, outputs. CONV: the usual; a tail of taps - 1 rows
   more than the input where `full` is set (a transposed convolution as tango.h runs it).
   ATTEND: height queries, width keys, channels wide heads, outputs heads. */
typedef struct shape {
    const char *set;
    int kind;
    size_t height, width, channels, outputs, kernel_height, kernel_width, dilation;
    int full;
    float slope;
    size_t stride; /* 0 means 1 */
} shape;

#define BENCH_LINEAR(set, rows, inputs, outputs) \
    { set, LINEAR, rows, 1, inputs, outputs, 1, 1, 1, 0, 0, 0 }
#define BENCH_CONV(set, height, width, inputs, outputs) \
    { set, CONV, height, width, inputs, outputs, 3, 3, 1, 0, 0, 0 }
#define BENCH_SMALLER(set, height, width, channels) /* every second row and column */ \
    { set, CONV, height, width, channels, channels, 3, 3, 1, 0, 0, 2 }
#define BENCH_ATTEND(set, queries, keys, width, heads) \
    { set, ATTEND, queries, keys, width, heads, 1, 1, 1, 0, 0, 0 }
#define BENCH_WAVE(set, length, channels, kernel, dilation) \
    { set, CONV, length, 1, channels, channels, kernel, 1, dilation, 0, 0.1f, 0 }
#define BENCH_UP(set, length, inputs, outputs, taps) \
    { set, CONV, length, 1, inputs, outputs, taps, 1, 1, 1, 0.1f, 0 }

static const shape shapes[] = {
    /* Tango's UNet: four levels, 10.24 s, one image. */
    BENCH_LINEAR("unet", 4096, 320, 320),
    BENCH_LINEAR("unet", 4096, 320, 2560),
    BENCH_LINEAR("unet", 4096, 1280, 320),
    BENCH_LINEAR("unet", 1024, 640, 640),
    BENCH_LINEAR("unet", 1024, 640, 5120),
    BENCH_LINEAR("unet", 1024, 2560, 640),
    BENCH_LINEAR("unet", 256, 1280, 1280),
    BENCH_LINEAR("unet", 256, 1280, 10240),
    BENCH_LINEAR("unet", 256, 5120, 1280),
    BENCH_LINEAR("unet", 4096, 960, 320),
    BENCH_LINEAR("unet", 2, 1280, 1280),
    BENCH_CONV("unet", 256, 16, 320, 320),
    BENCH_CONV("unet", 256, 16, 640, 320),
    BENCH_CONV("unet", 256, 16, 640, 640),
    BENCH_CONV("unet", 256, 16, 960, 320),
    BENCH_CONV("unet", 128, 8, 320, 640),
    BENCH_CONV("unet", 128, 8, 640, 640),
    BENCH_CONV("unet", 128, 8, 960, 640),
    BENCH_CONV("unet", 128, 8, 1280, 640),
    BENCH_CONV("unet", 128, 8, 1280, 1280),
    BENCH_CONV("unet", 128, 8, 1920, 640),
    BENCH_CONV("unet", 64, 4, 640, 1280),
    BENCH_CONV("unet", 64, 4, 1280, 1280),
    BENCH_CONV("unet", 64, 4, 1920, 1280),
    BENCH_CONV("unet", 64, 4, 2560, 1280),
    BENCH_CONV("unet", 32, 2, 1280, 1280),
    BENCH_CONV("unet", 32, 2, 2560, 1280),
    BENCH_SMALLER("unet", 256, 16, 320),
    BENCH_ATTEND("unet", 4096, 4096, 64, 5),
    BENCH_ATTEND("unet", 1024, 1024, 64, 10),
    BENCH_ATTEND("unet", 256, 256, 64, 20),
    BENCH_ATTEND("unet", 4096, 64, 64, 5),
    BENCH_ATTEND("unet", 1024, 64, 64, 10),
    /* The VAE, both ways. */
    BENCH_CONV("vae", 256, 16, 512, 512),
    BENCH_CONV("vae", 256, 16, 256, 512),
    BENCH_CONV("vae", 512, 32, 128, 256),
    BENCH_CONV("vae", 512, 32, 256, 256),
    BENCH_CONV("vae", 512, 32, 512, 512),
    BENCH_CONV("vae", 512, 32, 512, 256),
    BENCH_CONV("vae", 1024, 64, 128, 128),
    BENCH_CONV("vae", 1024, 64, 256, 128),
    BENCH_CONV("vae", 1024, 64, 256, 256),
    BENCH_SMALLER("vae", 1024, 64, 128),
    BENCH_SMALLER("vae", 512, 32, 256),
    BENCH_LINEAR("vae", 4096, 512, 512),
    BENCH_ATTEND("vae", 4096, 4096, 512, 1),
    /* HiFi-GAN: residual blocks of five widths, enlarging layers. */
    BENCH_WAVE("hifigan", 5121, 512, 11, 1),
    BENCH_WAVE("hifigan", 5121, 512, 11, 3),
    BENCH_WAVE("hifigan", 5121, 512, 11, 5),
    BENCH_WAVE("hifigan", 5121, 512, 7, 1),
    BENCH_WAVE("hifigan", 5121, 512, 7, 3),
    BENCH_WAVE("hifigan", 5121, 512, 7, 5),
    BENCH_WAVE("hifigan", 5121, 512, 3, 1),
    BENCH_WAVE("hifigan", 5121, 512, 3, 3),
    BENCH_WAVE("hifigan", 5121, 512, 3, 5),
    BENCH_WAVE("hifigan", 20484, 256, 11, 1),
    BENCH_WAVE("hifigan", 20484, 256, 11, 5),
    BENCH_WAVE("hifigan", 20484, 256, 7, 1),
    BENCH_WAVE("hifigan", 20484, 256, 7, 5),
    BENCH_WAVE("hifigan", 20484, 256, 3, 1),
    BENCH_WAVE("hifigan", 20484, 256, 3, 5),
    BENCH_WAVE("hifigan", 40968, 128, 11, 1),
    BENCH_WAVE("hifigan", 40968, 128, 11, 5),
    BENCH_WAVE("hifigan", 40968, 128, 7, 1),
    BENCH_WAVE("hifigan", 40968, 128, 7, 5),
    BENCH_WAVE("hifigan", 40968, 128, 3, 1),
    BENCH_WAVE("hifigan", 40968, 128, 3, 5),
    BENCH_WAVE("hifigan", 81936, 64, 11, 1),
    BENCH_WAVE("hifigan", 81936, 64, 11, 3),
    BENCH_WAVE("hifigan", 81936, 64, 11, 5),
    BENCH_WAVE("hifigan", 81936, 64, 7, 1),
    BENCH_WAVE("hifigan", 81936, 64, 7, 3),
    BENCH_WAVE("hifigan", 81936, 64, 7, 5),
    BENCH_WAVE("hifigan", 81936, 64, 3, 1),
    BENCH_WAVE("hifigan", 81936, 64, 3, 3),
    BENCH_WAVE("hifigan", 81936, 64, 3, 5),
    BENCH_WAVE("hifigan", 163872, 32, 11, 1),
    BENCH_WAVE("hifigan", 163872, 32, 11, 5),
    BENCH_WAVE("hifigan", 163872, 32, 7, 1),
    BENCH_WAVE("hifigan", 163872, 32, 7, 5),
    BENCH_WAVE("hifigan", 163872, 32, 3, 1),
    BENCH_WAVE("hifigan", 163872, 32, 3, 5),
    BENCH_UP("hifigan", 1024, 1024, 2560, 4),
    BENCH_UP("hifigan", 5121, 512, 1024, 4),
    BENCH_UP("hifigan", 20484, 256, 256, 4),
    BENCH_UP("hifigan", 40968, 128, 128, 2),
    BENCH_UP("hifigan", 81936, 64, 64, 2),
    /* Text: T5-large, CLIP. */
    BENCH_LINEAR("t5", 64, 1024, 2816),
    BENCH_LINEAR("t5", 64, 1024, 1024),
    BENCH_LINEAR("t5", 64, 2816, 1024),
    BENCH_ATTEND("t5", 64, 64, 64, 16),
    BENCH_LINEAR("clip", 77, 1024, 1024),
    BENCH_LINEAR("clip", 77, 1024, 4096),
    BENCH_LINEAR("clip", 77, 4096, 1024),
    /* AudioLDM's small UNet. */
    BENCH_CONV("audioldm", 256, 16, 128, 128),
    BENCH_CONV("audioldm", 256, 16, 256, 128),
    BENCH_CONV("audioldm", 256, 16, 256, 256),
    BENCH_CONV("audioldm", 256, 16, 384, 128),
    BENCH_CONV("audioldm", 128, 8, 256, 256),
    BENCH_CONV("audioldm", 128, 8, 384, 384),
    BENCH_CONV("audioldm", 128, 8, 640, 256),
    BENCH_CONV("audioldm", 64, 4, 384, 384),
    BENCH_CONV("audioldm", 64, 4, 1024, 384),
    BENCH_CONV("audioldm", 32, 2, 640, 640),
    BENCH_CONV("audioldm", 32, 2, 1280, 640),
    BENCH_LINEAR("audioldm", 1024, 256, 256),
    BENCH_LINEAR("audioldm", 1024, 256, 2048),
    BENCH_LINEAR("audioldm", 1024, 1024, 256),
    BENCH_LINEAR("audioldm", 256, 384, 384),
    BENCH_LINEAR("audioldm", 256, 384, 3072),
    BENCH_LINEAR("audioldm", 256, 1536, 384),
    BENCH_LINEAR("audioldm", 64, 640, 640),
    BENCH_LINEAR("audioldm", 64, 640, 5120),
    BENCH_ATTEND("audioldm", 1024, 1024, 32, 8),
    /* A small model: few channels, so that copying and calls weigh more. */
    BENCH_CONV("small", 64, 16, 32, 32),
    BENCH_CONV("small", 32, 8, 64, 64),
    BENCH_CONV("small", 16, 4, 96, 96),
    BENCH_LINEAR("small", 256, 64, 256),
    BENCH_ATTEND("small", 256, 256, 32, 2),
    BENCH_CONV("small", 256, 64, 24, 24),
    BENCH_CONV("small", 128, 32, 48, 48),
    BENCH_WAVE("small", 1281, 64, 11, 1),
    BENCH_WAVE("small", 5124, 32, 7, 3),
    BENCH_WAVE("small", 20496, 8, 11, 1),
    BENCH_WAVE("small", 40992, 4, 11, 5),
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void describe(const shape *s, char *text, size_t size)
{
    if (s->kind == LINEAR) {
        snprintf(text, size, "%s linear %zu x %zu->%zu", s->set, s->height, s->channels,
                 s->outputs);
    } else if (s->kind == ATTEND) {
        snprintf(text, size, "%s attention %zu x %zu keys, %zu heads of %zu", s->set,
                 s->height, s->width, s->outputs, s->channels);
    } else if (s->width == 1) {
        snprintf(text, size, "%s conv k%zu d%zu %zu x %zu->%zu%s", s->set,
                 s->kernel_height, s->dilation, s->height, s->channels, s->outputs,
                 s->full ? " (transposed)" : "");
    } else {
        snprintf(text, size, "%s conv %zux%zu %zux%zu x %zu->%zu%s", s->set,
                 s->kernel_height, s->kernel_width, s->height, s->width, s->channels,
                 s->outputs, s->stride > 1 ? ", stride 2" : "");
    }
}

static size_t input_rows(const shape *s)
{
    /* q, k and v of an attention lie behind one another. */
    return s->kind == ATTEND ? s->height + 2 * s->width : s->height * s->width;
}

static size_t output_rows(const shape *s)
{
    if (s->kind == ATTEND) return s->height;
    if (s->stride > 1) return (s->height / 2) * (s->width / 2);
    return (s->height + (s->full ? s->kernel_height - 1 : 0)) * s->width;
}

static size_t inputs(const shape *s)
{
    return s->kernel_height * s->kernel_width * s->channels;
}

static double operations(const shape *s)
{
    if (s->kind == ATTEND) {
        return 4.0 * (double)(s->height * s->width) * (double)(s->channels * s->outputs);
    }
    return 2.0 * (double)output_rows(s) * (double)inputs(s) * (double)s->outputs;
}

#endif
