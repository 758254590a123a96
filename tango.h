/* tango.h - a sentence becomes sound: the Tango latent diffusion system          v0.1
   SPDX-License-Identifier: MIT-0 (full text at the end)

   QUICK EXAMPLE (compiles as it stands; cc example.c -lm)

    #define TANGO_IMPLEMENTATION
    #include "tango.h"
    #include <stdlib.h>

    int main(void)
    {
        tango_error error; tango_io_file file; tango_io_output out; tango_model model;
        tango_io_wav_spec spec = { 1, 16000, TANGO_IO_WAV_PCM16, 0, 0, NULL, 0 };
        tango_params params = { 0 }; // zero means: the model's own defaults
        tango_plan plan;
        params.prompt = "a dog barks";
        if (tango_io_map(&file, "demo/tiny.tango", &error) != TANGO_OK) return 1;
        if (tango_open(&model, file.data, file.size, &error) != TANGO_OK) return 1;
        if (tango_prepare(&plan, &model, &params, &error) != TANGO_OK) return 1;
        void *memory = malloc(plan.memory);
        float *wave = (float *)malloc(plan.samples * sizeof(float));
        if (memory == NULL || wave == NULL) return 1;
        if (tango_generate(wave, &model, &params, memory, plan.memory, &error)
            != TANGO_OK) return 1;
        if (tango_audio_peak(wave, plan.samples) > 1.0f)
            tango_audio_set_peak(wave, plan.samples, 1.0f);
        spec.frames = plan.samples;
        if (tango_io_create(&out, "out.wav", &error) != TANGO_OK) return 1;
        if (tango_io_wav_write(&out, wave, &spec, &error) != TANGO_OK) return 1;
        return tango_io_commit(&out, &error) != TANGO_OK;
    }

   WHAT IT DOES
     prompt -> tokens -> T5 v1.1, CLIP or CLAP encoder -> UNet under a sampler (DDPM,
     DDIM, DPM-Solver++ 2M and its SDE, Euler, Euler ancestral, Heun, UniPC, LCM) with
     classifier-free guidance, or distilled to one or few steps (ConsistencyTTA, SoundCTM)
     -> latent -> VAE decoder -> log-mel -> HiFi-GAN or Griffin-Lim -> samples.
     Configuration is data: one code path serves every model that tools/convert.c writes.
     Results follow the PyTorch packages (torch, diffusers, transformers) to rounding,
     from the same seed. Of several sounds CLAP chooses the one that fits its prompt best.
   WHAT IT DOES NOT
     Train, download, or resample its output. tango_io.h has the parsers of foreign
     bytes. Distilled models run as published: guidance goes into the UNet alone, and
     SoundCTM adds no noise between its steps.

   GLOSSARY
     latent   what the diffusion works on: (H*W, C), H = mel frames / 4, W = mel bins / 4
     log-mel  natural logarithm of a 64-bin mel spectrum, one row per 10 ms: (T, 64)
     context  the text encoder's states: one row per token, read by the cross-attentions
     step     one denoising step: the UNet runs once on [negative ; prompt], that of a
              distilled model on the prompt alone; Heun calls it twice
   TENSORS  Channels last: an image is (batch, H*W, C), rows = positions, time slowest.
     What `on_stage`, `noise` and `latent` point to is (batch, C, H, W), as in PyTorch.
   MEMORY   The library never allocates. tango_prepare walks through the computation, two
     rounds of every loop, without touching a number and so knows the exact peak;
     tango_generate divides the one block it is given: work that lives on grows from the
     top, scratch from the bottom.
   ERRORS   tango_result and one line in tango_error. Outputs are then unspecified, never
     partly right. NaN anywhere and a silent wave are TANGO_ERROR_NUMBER naming the stage.
   THREADS  The caller's: `parallel_for` in tango_params (tango_nn.h has a small pool
     under TANGO_PTHREADS). Results are bit-identical for every thread count. A
     tango_model is read-only after tango_open and may be shared.

   BUILD OPTIONS (define before including)
     TANGO_IMPLEMENTATION  emit the code of this and the three other headers
     TANGO_STATIC          all functions static; only beside the implementation
     TANGO_API             what stands before each public function instead of extern:
                           visibility, dllexport; in C++ with extern "C"
     TANGO_NO_OPTIMIZE     GCC's options stay as they are: for stepping in a debugger
     TANGO_ASSERT(c)       check of caller mistakes; assert, nothing if NDEBUG
     TANGO_NO_STDIO        no file access (tango_io.h)
     TANGO_PTHREADS        the thread pool of tango_nn.h
     TANGO_SQRT, TANGO_LOG, TANGO_LOG1P, TANGO_EXP, TANGO_EXPM1, TANGO_FLOOR, TANGO_SIN,
     TANGO_COS             (double), TANGO_SINF, TANGO_COSF, TANGO_EXPF (float): default
                           to those of <math.h>

   CONTENTS
     1 >>arena      one block of memory, two ends
     2 >>random     torch's CPU generator: randn and rand
     3 >>tokenizer  text to ids: SentencePiece, byte-level BPE
     4 >>model      the blob's configuration, opened and checked
     5 >>sampler    noise schedules and denoising steps
     6 >>network    private: layers by name
     7 >>text       private: T5, CLIP and CLAP text encoders
     8 >>unet       private: UNet2DConditionModel
     9 >>vae        private: AutoencoderKL, both ways
    10 >>vocoder    private: HiFi-GAN
    11 >>generate   parameters, plan, the pipeline (public)
    12 >>encode     from a log-mel to its latent (public)
    13 >>dataset    a prepared training set: order, batches (public)
    14 >>unicode    private: classes, small letters, composed letters
    15 >>rank       which of several sounds fits a text best (public) */

#include "tango_io.h" /* first: it sets the width of file offsets */
#include "tango_audio.h"
#include "tango_nn.h"

#ifndef TANGO_H
#define TANGO_H

/* ---- prelude begin (identical text in every tango header) ---------------- */
#ifndef TANGO_PRELUDE
#define TANGO_PRELUDE 1
#define TANGO_VERSION "0.1.0"
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
#define TANGO_RESTRICT
#define TANGO__EXTERN extern "C"
#else
#define TANGO_RESTRICT restrict
#define TANGO__EXTERN extern
#endif
#ifdef TANGO_API
#elif defined TANGO_STATIC && defined __GNUC__
#define TANGO_API static __attribute__((unused))
#elif defined TANGO_STATIC
#define TANGO_API static
#else
#define TANGO_API TANGO__EXTERN
#endif
#if defined __GNUC__ && !defined __clang__ && !defined __OPTIMIZE__
#define TANGO__PLAIN 1 /* without -O; pop_options leaves __OPTIMIZE__ defined */
#endif
#ifdef TANGO_ASSERT
#elif defined NDEBUG || (defined __STDC_HOSTED__ && __STDC_HOSTED__ == 0)
#define TANGO_ASSERT(condition) ((void)0)
#else
#include <assert.h>
#define TANGO_ASSERT(condition) assert(condition)
#endif

/* What a function that can fail returns. The message beside it says where and why. */
typedef enum tango_result {
    TANGO_OK = 0,
    TANGO_ERROR_ARGUMENT,    /* a parameter out of its documented range */
    TANGO_ERROR_MEMORY,      /* the caller's block is too small */
    TANGO_ERROR_DATA,        /* damaged or malformed bytes */
    TANGO_ERROR_UNSUPPORTED, /* well-formed, but of a kind this library does not read */
    TANGO_ERROR_FILE,        /* opening, reading or writing failed */
    TANGO_ERROR_NUMBER,      /* NaN, infinity or silence where sound was expected */
    TANGO_ERROR_CANCELLED    /* the caller's progress callback asked to stop */
} tango_result;
/* One line: the thing, the place, expected, found. NUL-terminated, printable ASCII. */
typedef struct tango_error { char text[160]; } tango_error;
/* *sum = a + b and *product = a * b; return 0 and leave the result alone on overflow. */
static inline int tango_add_ok(size_t a, size_t b, size_t *sum)
{
    if (b > SIZE_MAX - a) return 0;
    *sum = a + b;
    return 1;
}
static inline int tango_mul_ok(size_t a, size_t b, size_t *product)
{
    if (a != 0 && b > SIZE_MAX / a) return 0;
    *product = a * b;
    return 1;
}
#endif
/* ---- prelude end --------------------------------------------------------- */

/* ==== 1 >>arena ==== One block of memory, two ends ========================== */

/* Scratch grows up from the bottom (used), what lives on grows down from the top (kept).
   With base NULL it only measures: allocations return NULL and peak is the size needed.
 */
typedef struct tango_arena {
    unsigned char *base; /* 64-byte aligned, or NULL to measure */
    size_t size, used, kept, peak;
} tango_arena;

/* Returns 64-byte aligned room for count * size bytes, or NULL when measuring or full
   (then *ok becomes 0; it is left alone otherwise). */
TANGO_API void *tango_arena_take(tango_arena *arena, size_t count, size_t size, int *ok);
TANGO_API void *tango_arena_keep(tango_arena *arena, size_t count, size_t size, int *ok);
/* Gives back everything taken since arena->used was `mark`. */
TANGO_API void tango_arena_release(tango_arena *arena, size_t mark);

/* ==== 2 >>random ==== torch's CPU generator ================================= */

/* MT19937 (Matsumoto, Nishimura 1998) as torch.Generator holds it. */
typedef struct tango_random {
    uint32_t state[624];
    size_t index;
    double spare; /* second value of the last pair drawn for fewer than 16 numbers */
    int has_spare;
} tango_random;

/* torch.manual_seed(seed): the seed is taken modulo 2^32. */
TANGO_API void tango_random_seed(tango_random *random, uint64_t seed);
/* torch.randn(count), float32 on the CPU: `count` is the whole tensor's, since torch uses
   other formulas below 16 elements.  (ATen/native/cpu, normal_fill) */
TANGO_API void tango_randn(tango_random *random, float *out, size_t count);
/* torch.rand(count): uniform in [0, 1). */
TANGO_API void tango_rand(tango_random *random, float *out, size_t count);

/* ==== 3 >>tokenizer ==== Text to ids: SentencePiece, byte-level BPE ========= */

typedef struct tango_piece {
    const char *text;
    uint32_t length; /* bytes */
    int32_t type; /* as in the file: 1 normal, 2 unknown, 3 control, 4 user, 5 unused */
    float score;
} tango_piece;

typedef struct tango_tokenizer {
    int kind; /* 0 SentencePiece, or a tango_io_bpe_kind */
    size_t most; /* ids that a model of this kind takes: 512, CLIP 77 */
    int32_t end, pad; /* ids of </s> or <|endoftext|>, and of what fills a row up */
    tango_io_bpe bpe;
    const uint32_t *unicode; /* of bpe */
    tango_io_spiece file; /* as all that follows: of SentencePiece */
    tango_piece *pieces; /* (count) */
    uint32_t *places;    /* (count, 2): offset in the file, bytes; in order of text */
    uint32_t *ids;       /* (count): of those */
    size_t count, longest_user;
    float lowest, highest; /* scores of the normal pieces */
    int32_t unknown;       /* id of <unk> */
} tango_tokenizer;

enum {
    TANGO_TOKENS_MAX = 512
}; /* 511 pieces and </s>, as the reference's model_max_length */

/* Reads a spiece.model, or a BPE table of tango_io.h (the bytes must outlive the
   tokenizer). Memory comes from the scratch end of the arena. */
TANGO_API tango_result tango_tokenizer_open(tango_tokenizer *tokenizer, const void *bytes,
    size_t size, tango_arena *arena, tango_error *error);
/* ids (capacity) = those of the text and of the kind's ends; *count of them. Text is any
   bytes; what is not UTF-8 counts as U+FFFD byte by byte. What is too much is left out in
   front of the last id; *cut says whether there was any (may be NULL).
   SentencePiece  pieces, </s>. The strings of special tokens are text like any other.
                  As the sentencepiece package. T5Tokenizer of transformers 5 is another
                  program for the same: it makes special tokens of such strings, takes
                  U+0085 as a space, drops or keeps apart marks where a letter has
                  several, and decides ties in long runs otherwise.
   CLIP           <|startoftext|>, ids, <|endoftext|>. Normal form C, runs of white space
                  as one, small letters; special tokens in a text are themselves. As
                  CLIPTokenizer of transformers 5; its forerunner for transformers 4
                  without the ftfy package took accents off and split at every mark (as
                  with "wow...": there four ids, here two), with ftfy it repaired text
                  first. HTML entities (&amp;) stay in all of them.
   RoBERTa        <s>, ids, </s>. As RobertaTokenizer: words as GPT-2 splits them, special
                  tokens are themselves; the table says whether <mask> takes the space
                  before it, which depends on the files that transformers is given.
   Work takes time n log n in the text's length, whatever it holds.
                                              (Sennrich et al. 2016; tokenizers 0.23) */
TANGO_API tango_result tango_tokenize(const tango_tokenizer *tokenizer, int32_t *ids,
    size_t capacity, size_t *count, int *cut, const char *text, size_t length,
    tango_arena *arena, tango_error *error);

/* ==== 4 >>model ==== The blob's configuration, opened and checked =========== */

enum { TANGO_LEVELS_MAX = 8 };
typedef enum tango_sampler {
    TANGO_SAMPLER_DEFAULT, TANGO_DDPM, TANGO_DDIM, TANGO_DPM, TANGO_EULER, TANGO_UNIPC,
    TANGO_EULER_ANCESTRAL, TANGO_HEUN, TANGO_DPM_SDE, TANGO_LCM,
    TANGO_CONSISTENCY, TANGO_CTM /* of distilled models alone */
} tango_sampler;
typedef enum tango_vocoder {
    TANGO_VOCODER_DEFAULT, TANGO_HIFIGAN, TANGO_GRIFFIN_LIM
} tango_vocoder;
typedef enum tango_prediction {
    TANGO_PREDICTS_NOISE, TANGO_PREDICTS_V, TANGO_PREDICTS_SAMPLE
} tango_prediction;
typedef enum tango_spacing {
    TANGO_SPACING_DEFAULT, TANGO_LEADING, TANGO_LINSPACE, TANGO_TRAILING
} tango_spacing;
typedef enum tango_final { /* the noise level after the last step */
    TANGO_FINAL_DEFAULT, TANGO_FINAL_ZERO, TANGO_FINAL_SIGMA_MIN
} tango_final;
typedef enum tango_sigmas { /* where the noise levels of the steps lie */
    TANGO_SIGMAS_DEFAULT,
    TANGO_SIGMAS_KARRAS, /* evenly spaced sigma^(1/7): Karras et al. 2022, equation 5 */
    TANGO_SIGMAS_SPACED  /* those of evenly spaced timesteps */
} tango_sigmas;

/* What a blob may hold, any subset of it: bits of tango_model.parts. */
enum {
    TANGO_PART_TEXT = 1,    /* text encoder and tokenizer */
    TANGO_PART_UNET = 2,    /* and its noise schedule */
    TANGO_PART_VAE = 4,
    TANGO_PART_VOCODER = 8,
    TANGO_PART_RANK = 16    /* CLAP's audio tower, and a text tower of its own */
};

typedef enum tango_text_type {
    TANGO_TEXT_T5,   /* T5EncoderModel: one state a token */
    TANGO_TEXT_CLIP, /* CLIPTextModel: one state a token */
    TANGO_TEXT_CLAP  /* ClapTextModelWithProjection: one vector a text, of length 1 */
} tango_text_type;

typedef struct tango_text_config {
    tango_text_type type;
    size_t vocab, width, head_width, hidden, layers, heads;
    size_t buckets, max_distance; /* T5: relative positions */
    size_t positions, pad;        /* CLIP, CLAP: rows of the table, id of the padding */
    size_t projection;            /* CLAP: numbers of its vector */
    int quick_gelu;               /* CLIP: x sigmoid(1.702 x) in place of gelu */
    float eps;
} tango_text_config;

/* A number beside the time that a distilled UNet takes in. */
typedef enum tango_guidance_input {
    TANGO_GUIDANCE_NONE,
    TANGO_GUIDANCE_FOURIER, /* ConsistencyTTA: the guidance scale */
    TANGO_GUIDANCE_CTM      /* SoundCTM: the noise to arrive at, and the guidance scale */
} tango_guidance_input;

typedef struct tango_unet_config { /* UNet2DConditionModel */
    size_t in_channels, out_channels, layers, groups, levels;
    size_t cross_width; /* 0: the second attention, too, looks at the image itself */
    size_t class_width; /* not 0: a vector of so many numbers stands beside the time */
    tango_guidance_input guidance;
    size_t guidance_width; /* frequencies of TANGO_GUIDANCE_FOURIER */
    size_t channels[TANGO_LEVELS_MAX], heads[TANGO_LEVELS_MAX];
    int down_attention[TANGO_LEVELS_MAX], up_attention[TANGO_LEVELS_MAX];
    int cos_first, adapters;
    float eps, frequency_shift;
} tango_unet_config;

typedef struct tango_vae_config { /* AudioLDM's AutoencoderKL */
    size_t channels, levels, multiples[TANGO_LEVELS_MAX], res_blocks, groups;
    size_t latent_channels, embedding, in_channels, out_channels;
    float eps;    /* of every group norm: 1e-6, which no configuration file names */
    double scale; /* latent = scale * posterior */
    int clip_latent; /* a sampled latent beyond 100 is clipped to 10 (AudioLDM) */
} tango_vae_config;

typedef struct tango_vocoder_config { /* HiFi-GAN */
    size_t mels, channels, stages, rates[TANGO_LEVELS_MAX], kernels[TANGO_LEVELS_MAX];
    size_t branches, branch_kernels[TANGO_LEVELS_MAX], dilations[TANGO_LEVELS_MAX][3];
} tango_vocoder_config;

/* HTSAT, the audio tower of CLAP, with its own front end. */
typedef struct tango_rank_config {
    size_t levels, dims[TANGO_LEVELS_MAX], depths[TANGO_LEVELS_MAX],
        heads[TANGO_LEVELS_MAX];
    size_t window, patch, image, projection;
    size_t rate, fft, hop, mels, frames; /* Hz, samples, samples, bins, of one clip */
    double mel_low, mel_high;            /* Hz */
    tango_text_config text; /* its text tower */
    int shares_text;        /* it is the model's own text encoder, which is CLAP's too */
} tango_rank_config;

/* scheduler_config.json. -1 (or DEFAULT) means the file does not say: each sampler then
   has its own default, as the classes of diffusers do. */
typedef struct tango_schedule_config {
    size_t train_steps, offset;
    double beta_start, beta_end;
    int scaled_linear; /* 1: square roots of beta are evenly spaced; 0: beta itself */
    tango_prediction prediction;
    tango_spacing spacing;
    tango_final final_sigma;
    int clip, threshold, alpha_one, large_variance, lower_order_final;
    double clip_range, threshold_ratio, threshold_max;
    int karras;       /* 1: sigmas of Karras, unless a run asks for others */
    size_t lcm_steps; /* of the run that LCM was distilled from; 0: 50 */
} tango_schedule_config;

typedef struct tango_model {
    tango_io_blob blob;
    unsigned parts; /* TANGO_PART_: what is not there is zero below */
    tango_text_config text;
    tango_unet_config unet;
    tango_vae_config vae;
    tango_vocoder_config vocoder;
    tango_schedule_config schedule;
    tango_rank_config rank;
    size_t rate, hop, fft, window,
        mels; /* the log-mel's: Hz, samples, samples, samples, bins */
    double mel_low, mel_high;            /* Hz */
    const char *name, *licence, *attribution; /* "" where the blob has none */
    size_t parameters;                   /* number of weights */
    int centre_wave; /* the wave's highest and lowest sample become equally far from 0 */
    struct { /* the model's own defaults; 0 where it names none */
        size_t steps;
        double guidance, rescale, seconds, eta, crop;
        tango_sampler sampler;
        tango_vocoder vocoder;
    } defaults;
} tango_model;

/* What one value of a blob's metadata may be: the only list of these limits. tango_open
   checks what it reads by it, and whoever makes a blob what goes in. */
enum {
    TANGO_REQUIRED = -2, /* where its part is there */
    TANGO_REQUIRED_T5 = -3, /* by this kind of text encoder */
    TANGO_REQUIRED_CLIP = -4,
    TANGO_REQUIRED_CLAP = -5,
    TANGO_REQUIRED_POSITIONS = -6 /* by both of these */
};
typedef struct tango_limit {
    const char *key;
    int type;                 /* TANGO_IO_U64, _F64, _STRING or _BYTES */
    size_t most;              /* numbers in its list; 1 where it is one number */
    double low, high;         /* of each number */
    double absent;            /* what is meant where it is missing, or one of these */
    const char *const *words; /* a NULL-ended list of what a string may be, or NULL */
} tango_limit;
/* NULL for a key that no configuration has. "rank_text." is as "text.". */
TANGO_API const tango_limit *tango_limit_of(const char *key);
/* Position of a word in limit->words; that of the NULL if it is none of them. */
TANGO_API size_t tango_limit_word(const tango_limit *limit, const char *word);

/* "text" "unet" "vae" "vocoder" "rank" of one bit TANGO_PART_, else "". */
TANGO_API const char *tango_part_name(unsigned part);
/* The bit TANGO_PART_ of the part that a tensor of this name belongs to; 0: of none. */
TANGO_API unsigned tango_part_of(const char *tensor);
/* TANGO_ERROR_UNSUPPORTED, naming what is missing, unless all these parts are there. */
TANGO_API tango_result tango_check_parts(
    const tango_model *model, unsigned needed, tango_error *error);
/* Fills *model but for its weights from metadata that is still in memory, as
   tango_io_blob_write_begin takes it: every value is in its range, the parts fit each
   other and the model's own defaults can run. The message names each value in single
   quotes. Strings must end with NUL and outlive the model. */
TANGO_API tango_result tango_configure(tango_model *model, const tango_io_value *values,
    size_t count, tango_error *error);
/* Reads the configuration of a blob in memory (64-byte aligned, it must outlive the
   model) and checks that every tensor its parts imply is there with the right shape (the
   VAE encoder's: tango_encode_memory). Weights stay where they are, so a big-endian
   machine refuses (TANGO_ERROR_UNSUPPORTED). */
TANGO_API tango_result tango_open(tango_model *model, const void *data, size_t size,
    tango_error *error);

/* TANGO_VERSION of the code that was linked, for programs that load it at run time. */
TANGO_API const char *tango_version(void);

/* Names as on the command line: "ddpm" "ddim" "dpm" "euler" "unipc" "euler-a" "heun"
   "dpm-sde" "lcm" "consistency" "ctm", "hifigan" "griffin-lim". 0 for any other. */
TANGO_API tango_sampler tango_sampler_named(const char *name);
TANGO_API tango_vocoder tango_vocoder_named(const char *name);
TANGO_API const char *tango_sampler_name(tango_sampler sampler);
TANGO_API const char *tango_vocoder_name(tango_vocoder vocoder);

/* ==== 5 >>sampler ==== Noise schedules and denoising steps ================== */

/* What a denoising run is asked to be. Zero means default but for sampler, steps, images
   and count. */
typedef struct tango_sampling_params {
    tango_sampler sampler;
    size_t steps;
    double eta;              /* DDIM: 0 deterministic, 1 as noisy as DDPM */
    tango_final final_sigma; /* DPM, DPM-SDE, Euler, UniPC */
    tango_sigmas sigmas;     /* 0: config's; DPM, DPM-SDE, Euler, Heun, UniPC */
    double strength;         /* part of the run that takes place, its end: the last
                                int(steps * strength) steps (LCM: `steps` steps over that
                                part of its grid); 0: 1, all */
    size_t images, count;
} tango_sampling_params;

/* One denoising run over `images` arrays of `count` floats each. x, the model's output
   and the noise share one layout; which one does not matter. */
typedef struct tango_sampling {
    const tango_schedule_config *config;
    tango_sampling_params params;
    tango_sampler kind;
    tango_spacing spacing;
    tango_final final_sigma;
    size_t steps;
    size_t calls;  /* of the model in the whole schedule: steps, of Heun 2 steps - 1 */
    size_t first;  /* the call that a run of this strength starts with */
    size_t index;  /* the call that comes next */
    size_t images, count;
    double eta;
    double initial_scale; /* multiplies the first noise */
    float *alphas;        /* (train_steps): cumulative products of 1 - beta */
    float *timesteps;     /* (calls), descending; fractional for Euler, its kin and
                             consistency; CTM: (steps + 1), ln(sigma) / 4 */
    float *sigmas;        /* (calls + 1): noise over signal, sqrt((1 - alpha) / alpha) */
    float *x0;            /* (images*count): the clean sample as predicted now */
    float *before[2];     /* x0 of one and two steps ago; Heun: [0] the first slope */
    float *last;          /* UniPC, Heun: the sample from which the last step started */
    float *sorted;        /* (count): scratch of the threshold's quantile */
    int order;            /* UniPC: order of the last prediction */
} tango_sampling;

/* Prepares a run; arrays come from the kept end of the arena. */
TANGO_API tango_result tango_sampling_begin(tango_sampling *run,
    const tango_schedule_config *config, const tango_sampling_params *params,
    tango_arena *arena, tango_error *error);
/* What the model is to be given: out = x / sqrt(sigma^2 + d) with d = 1 for Euler, Euler
   ancestral, Heun and consistency, d = 1/16 for CTM; x otherwise. */
TANGO_API void tango_sampling_input(
    const tango_sampling *run, float *out, const float *x);
/* out = the clean sample as noisy as x is before the coming call, by this noise; behind
   the last one the clean sample. out may be either.              (diffusers add_noise) */
TANGO_API void tango_sampling_noise(
    const tango_sampling *run, float *out, const float *clean, const float *noise);
/* Whether the coming step adds fresh noise: then one randn of x's size is drawn for it.
 */
TANGO_API int tango_sampling_draws(const tango_sampling *run);
/* x = the sample one call later. noise may be NULL where the step draws none.
   (DDPM: Ho et al. 2020; DDIM: Song et al. 2021; DPM-Solver++ 2M and its SDE: Lu et al.
   2022; Euler, Euler ancestral, Heun: Karras et al. 2022, Crowson's k-diffusion; UniPC
   bh2 order 2: Zhao et al. 2023; LCM: Luo et al. 2023; as in diffusers 0.42.
   Of distilled models: consistency: Bai et al. 2024, ConsistencyTTA; CTM, deterministic:
   Saito et al. 2025, SoundCTM. Both go their own way whatever the configuration says of
   prediction, spacing, clipping and thresholds. From two steps on consistency ends with
   one at time 0, which its authors offer and never trained.) */
TANGO_API void tango_sampling_step(tango_sampling *run, float *x, const float *output,
    const float *noise);

/* ==== 11 >>generate ==== Parameters, plan, the pipeline ====================== */

/* A finished stage, in the reference's axis order; valid during the call only. Names:
   tokens mask text tokens_uncond mask_uncond text_uncond noise timesteps sigmas unet_000
   latent_000 ... latent latent_scaled mel wave. */
typedef struct tango_stage {
    const char *name;
    const float *values;   /* row-major, or NULL */
    const int32_t *ids;    /* tokens and masks instead of values */
    size_t rank, shape[5];
} tango_stage;

/* Kinds of layers that a profile tells apart. */
typedef enum tango_layer {
    TANGO_LAYER_CONV_2D,         /* 3x3 convolutions */
    TANGO_LAYER_CONV_1D,
    TANGO_LAYER_PRODUCT,         /* linear layers, 1x1 convolutions */
    TANGO_LAYER_SELF_ATTENTION,  /* softmax(q k^T) v alone: its q, k, v are products */
    TANGO_LAYER_CROSS_ATTENTION,
    TANGO_LAYER_NORM,
    TANGO_LAYER_ELEMENTS,        /* sums, activations, copies */
    TANGO_LAYER_TRANSFORM,       /* Griffin-Lim */
    TANGO_LAYER_OTHER,           /* between the layers: tokens, sampler, callbacks */
    TANGO_LAYERS
} tango_layer;

/* Where the time of a run goes. `seconds` is the caller's clock, read before and behind
   each layer on the thread that runs the pipeline. All zero but the clock is a start;
   runs add up. Every moment of a run counts to one part and kind, so that the sum of
   `spent` is the time of the whole. */
enum { TANGO_PROFILE_PARTS = 4 };
typedef struct tango_profile {
    double (*seconds)(void *user); /* of any start, never backwards */
    void *user;
    /* [i] is of the part whose bit is 1 << i: text, unet, vae, vocoder. */
    double spent[TANGO_PROFILE_PARTS][TANGO_LAYERS]; /* seconds */
    double operations[TANGO_PROFILE_PARTS][TANGO_LAYERS]; /* of products, convolutions
                               and attention, by their formulas: a multiplication and its
                               addition are 2, whatever algorithm computes them; and of
                               Griffin-Lim's transforms of n, 5/2 n log2 n each */
} tango_profile;
/* "3x3 convolution" "1-D convolution" "product" ...; "" beyond the last. */
TANGO_API const char *tango_layer_name(tango_layer layer);

/* All zero is a valid start: the model's defaults, one thread, no callbacks. */
typedef struct tango_params {
    const char *prompt; /* NUL-terminated, any bytes; required unless latent or mel is */
    const char *negative;   /* NULL: the empty prompt */
    double seconds;         /* 0: that of init, else the model's, else 10.24; at most
                               TANGO_SECONDS_MAX */
    size_t steps;           /* 0: the model's, else 100; distilled models: 1 or 2. Heun
                               calls the UNet twice in each but the last, LCM takes at
                               most schedule.lcm_steps, 50 */
    double guidance;        /* 0: the model's, else 3; 1 or less runs without guidance.
                               A number that distilled UNets take in: else 4, trained
                               from 0 to 6, or (CTM) 3.5, trained from 2 to 5 */
    double rescale;         /* of guidance, up to 1; 0: the model's, else none; below 0:
                               none */
    double guidance_from, guidance_until; /* guidance acts on the plan's calls from
                               int(guidance_from * calls) on, up to the one before
                               int(guidance_until * calls); others run on the prompt
                               alone, at half the work. 0 to 1, as start and stop of the
                               guiders of diffusers; until 0: 1; below 0: on no step */
    size_t cache;           /* only every so many calls is the deep part of the UNet
                               computed, in between its last result is used again
                               (DeepCache); also where guidance sets in. 0, 1: always */
    tango_sampler sampler;  /* 0: the model's, else DDPM, or the one that a distilled UNet
                               was made for: it has no other, and nothing else has it */
    tango_final final_sigma; /* 0: the model's, else zero; DPM, DPM-SDE, Euler, UniPC */
    tango_sigmas sigmas;    /* 0: the model's; DPM, DPM-SDE, Euler, Heun and UniPC,
                               spaced with all others */
    double eta;             /* DDIM, up to 1; 0: the model's, else none; below 0: none */
    double crop;            /* keep so many seconds of a sound at most, and no more than
                               were asked for; 0: the model's, else the whole; below 0:
                               the whole */
    uint64_t seed;          /* 0 to TANGO_SEED_MAX: torch's generator takes no more of
                               its seed, so that others would give the same sounds */
    const uint64_t *seeds;  /* (samples), or NULL: one generator draws for all sounds, as
                               one torch.randn of them all. Else sound i has its own, of
                               seeds[i], which alone draws the same for one sound */
    size_t samples;         /* sounds from one prompt; 0 means 1 */
    tango_vocoder vocoder;  /* 0: the model's, else HiFi-GAN */
    const float *noise;     /* (noise_draws, samples, C, H, W), or NULL: from the seed */
    size_t noise_draws;     /* 0, 1: the first draw; 1 + draws of the sampler: all */
    const float *latent;    /* (samples, C, latent_rows, W): skips text and diffusion */
    size_t latent_rows;
    const float *init;      /* (C, init_rows, W): a latent as tango_encode gives it, from
                               which all sounds start, noisy as the first of their steps;
                               NULL: noise alone.   (diffusers img2img, audio-to-audio) */
    size_t init_rows;       /* what the sound has not is left out, what misses filled */
    double strength;        /* of the run with init: its last int(strength * steps) steps
                               take place; 0: 0.8, where something is filled 1, at which
                               all of what is filled begins as noise */
    const double *fill;     /* (fills, 2), seconds from and to: what is made anew, in rows
                               of the latent. What is left stays that of init: after each
                               step it is as noisy as the rest.     (diffusers inpaint) */
    size_t fills;           /* 0, and no row of init misses: all is made anew */
    double window;          /* 0: UNet and VAE see the sound as a whole. Else windows of
                               this many seconds, 8 rows or more, that overlap by at least
                               a quarter; each step blends what the UNet says of them: so
                               a long sound has no seams and needs little more memory than
                               a window.      (Bar-Tal et al. 2023, MultiDiffusion) */
    int loop;               /* not 0: the end leads into the beginning without a seam.
                               Windows go round; without `window` there are two, each the
                               whole. 160 T samples, never cropped */
    const float *mel;       /* (samples, mel_frames, F), natural log: the vocoder alone */
    size_t mel_frames;
    int denormalize;        /* mel = mel * denormalize_std + denormalize_mean first */
    float denormalize_mean, denormalize_std;
    const tango_nn_kernels *kernels; /* NULL: the best this CPU has */
    void (*parallel_for)(void *pool, size_t count, tango_nn_task *task, void *data);
    void *pool;
    size_t threads;         /* workers of parallel_for; ignored without it */
    int *prompt_cut; /* not NULL: set to whether a text was cut to tango_tokens_most */
    int (*on_step)(void *user, size_t done, size_t calls); /* not 0 stops the run */
    int (*on_layer)(void *user, unsigned part, double operations); /* behind each layer of
                               a TANGO_PART_, and within Griffin-Lim, which have done so
                               many operations by now, as a profile counts them; not 0
                               stops the run. A long sound takes its VAE and vocoder
                               seconds: no step ends in them */
    int (*on_stage)(void *user, const tango_stage *stage); /* not 0 stops the run */
    int (*on_audio)(void *user, size_t sound, const float *samples, size_t first,
        size_t count); /* samples first .. first + count - 1 of a sound, in order, while
                          HiFi-GAN makes the rest (Griffin-Lim: all at once); as the
                          vocoder gives them, before what some models do to the whole
                          wave (ConsistencyTTA centres it). Not 0 stops the run */
    void (*on_done)(void *user, unsigned part); /* this run reads no more weights of this
                               TANGO_PART_: their pages may be given back */
    void *user;
    tango_profile *profile; /* NULL: no clock is read */
    void (*observe)(void *user, const tango_nn_context *c, const float *x,
        const tango_nn_conv *shape, const tango_nn_matrix *w); /* of the context, whose
                               observer is `user`. NULL: nobody looks at layers */
} tango_params;

#define TANGO_SEED_MAX ((uint64_t)0xffffffffu)
enum { TANGO_SECONDS_MAX = 600, TANGO_SAMPLES_MAX = 1024, TANGO_GUIDANCE_MAX = 1000 };

/* What a run will be: defaults filled in, sizes known. */
typedef struct tango_plan {
    tango_params params;    /* no field left at "default" */
    size_t frames;          /* mel frames T */
    size_t latent_rows, latent_width; /* H = T / 4, W = 16 */
    size_t calls;   /* of the UNet: the steps that take place; of Heun 2 n - 1 of n; 0
                       without diffusion */
    size_t windows, window_rows; /* 1 and latent_rows where there is one for all */
    size_t whole;   /* samples of one sound: 160 T + 32, Griffin-Lim and loops 160 T */
    size_t samples; /* of these, how many are kept: the crop's, else all */
    size_t memory;          /* bytes tango_generate needs */
} tango_plan;

/* Ids of one text that the model's encoder takes at most, those around it counted: 512 of
   T5 and CLAP, 77 of CLIP. What a text has more is left out. */
TANGO_API size_t tango_tokens_most(const tango_model *model);
/* Fills in defaults, checks every parameter, measures memory. */
TANGO_API tango_result tango_prepare(tango_plan *plan, const tango_model *model,
    const tango_params *params, tango_error *error);
/* wave (params.samples, plan.samples) = the sound, in [-1, 1] for HiFi-GAN; what
   Griffin-Lim makes may be louder than a WAV of whole numbers holds. memory is any
   block of at least plan.memory bytes; it holds nothing of value afterwards. */
TANGO_API tango_result tango_generate(float *wave, const tango_model *model,
    const tango_params *params, void *memory, size_t size, tango_error *error);
/* Bytes of the structures, for languages that hold or describe them on their own; a
   model's samples per second, for those that do not see into it. */
TANGO_API size_t tango_model_size(void);
TANGO_API size_t tango_params_size(void);
TANGO_API size_t tango_plan_size(void);
TANGO_API size_t tango_model_rate(const tango_model *model);

/* ==== 12 >>encode ==== From a log-mel to its latent ========================= */

/* What is encoded and how; all zero but batch and frames is a valid start. */
typedef struct tango_encoding {
    size_t batch, frames;   /* frames: a multiple of 2^(levels - 1), 4 for Tango */
    size_t window;          /* 0: each mel as a whole; else windows of so many frames, a
                               multiple of the same, overlapping by a quarter: the peak of
                               memory then does not grow with the length */
    int sample;             /* 0: the posterior's mean; 1: mean + deviation * noise */
    uint64_t seed;          /* of that noise, one randn of (batch, C, H, W) */
    const tango_nn_kernels *kernels; /* these as in tango_params */
    void (*parallel_for)(void *pool, size_t count, tango_nn_task *task, void *data);
    void *pool;
    size_t threads;
    tango_profile *profile; /* as in tango_params; all counts to the VAE */
    int (*on_layer)(void *user, unsigned part, double operations); /* so too */
    void *user;
} tango_encoding;

/* *size = bytes of memory that tango_encode needs. */
TANGO_API tango_result tango_encode_memory(size_t *size, const tango_model *model,
    const tango_encoding *encoding, tango_error *error);
/* latent (batch, C, frames/4, F/4) = scale factor * posterior of mel (batch, frames, F),
   natural log. mean and logvar, of the same shape, take the posterior itself, logvar
   clamped to [-30, 20]; either may be NULL, and so may latent. Nothing overlaps.
                                                          (ldm AutoencoderKL.encode) */
TANGO_API tango_result tango_encode(float *latent, float *mean, float *logvar,
    const float *mel, const tango_model *model, const tango_encoding *encoding,
    void *memory, size_t size, tango_error *error);

/* The same of a sound: samples (count) at model->rate become encoding->frames frames, cut
   or with zeros behind them, at the level that the VAE was trained at
   (tango_audio_normalise), and a log-mel. encoding->batch is 1. */
TANGO_API tango_result tango_encode_sound_memory(size_t *size, const tango_model *model,
    const tango_encoding *encoding, tango_error *error);
TANGO_API tango_result tango_encode_sound(float *latent, const float *samples,
    size_t count, const tango_model *model, const tango_encoding *encoding, void *memory,
    size_t size, tango_error *error);

/* ==== 13 >>dataset ==== A prepared training set: order, batches ============= */

#ifndef TANGO_NO_STDIO

/* What tools/prepare.c writes: a folder with dataset_info.json and the files it names.
   Files are opened below that folder only, through no link. The manifest is read item
   by item; one entry of 8 bytes a clip is all that memory grows by, and what becomes of
   the file later is an error of the items that it touches. Large manifests take a moment
   to open: every item is checked once. Items stand in order of their index, and those
   of a split are the ones that split_indices lists. Of the clips only one is looked at,
   the longest: no batch becomes as large as a manifest says and no file is.

       tango_dataset set; tango_batch batch;
       tango_dataset_memory(&size, "set", &error);
       tango_dataset_open(&set, "set", "train", memory, size, &error);
       tango_dataset_order(order, set.count, seed, epoch);
       tango_batch_memory(&batch_size, &set, 8, TANGO_BATCH_MEL, &error);
       tango_batch_read(&batch, &set, order, 8, TANGO_BATCH_MEL, room, batch_size,
           &error);
       tango_dataset_close(&set); */

enum { TANGO_DATASET_FRAMES_MAX = 1 << 17 };

typedef struct tango_dataset_item {
    size_t index;               /* the record's number in the metadata */
    const char *id, *split, *caption;
    size_t frames;              /* T of mel and latent */
    double seconds;             /* of the source */
    const char *mel, *mel_image, *latent, *audio; /* below the folder, NULL: none */
    const char *caption_file;   /* likewise; the caption itself stands in the manifest */
} tango_dataset_item;

typedef struct tango_dataset {
    size_t count;               /* clips of the chosen split, by index */
    size_t frames;              /* the largest T of them */
    int power;                  /* 1: mels are powers, 0: natural logarithms */
    double png_low, png_high;   /* what 0 and 65535 of mel images stand for */
    size_t item_work;           /* bytes of work of tango_dataset_read */
    const char *root;           /* the rest is private */
    tango_io_file file;         /* the manifest while it is opened */
    tango_io_input input;       /* and after that */
    const uint32_t *at;         /* (count, 2): begin and end of each item's text */
    size_t item_nodes, item_text; /* bytes of JSON nodes, of the longest item */
    int frequency_first;
} tango_dataset;

/* *size = bytes of memory for tango_dataset_open, whatever the split. */
TANGO_API tango_result tango_dataset_memory(
    size_t *size, const char *root, tango_error *error);
/* split is "train", "val", "test", or NULL for all. root and memory must outlive it.
   What is wrong with a manifest is TANGO_ERROR_DATA, another version or kind of mel
   TANGO_ERROR_UNSUPPORTED; the message has the offset. */
TANGO_API tango_result tango_dataset_open(tango_dataset *set, const char *root,
    const char *split, void *memory, size_t size, tango_error *error);
/* Twice is safe, and so is a structure of zeros. */
TANGO_API void tango_dataset_close(tango_dataset *set);
/* The clip at a position < count. Texts lie in work (set->item_work bytes). */
TANGO_API tango_result tango_dataset_read(tango_dataset_item *item,
    const tango_dataset *set, size_t position, void *work, size_t work_size,
    tango_error *error);
/* order (count) = a permutation of 0 .. count-1 that depends on count, seed and epoch
   alone.                                                   (Fisher-Yates, SplitMix64) */
TANGO_API void tango_dataset_order(
    uint32_t *order, size_t count, uint64_t seed, uint64_t epoch);

/* What a batch holds besides captions; to be added. IMAGE: mels from the pictures, also
   where there are .npy files. */
enum {
    TANGO_BATCH_MEL = 1,
    TANGO_BATCH_LATENT = 2,
    TANGO_BATCH_AUDIO = 4,
    TANGO_BATCH_IMAGE = 8
};

/* Clips side by side, padded with zeros to the longest. All points into the block. */
typedef struct tango_batch {
    size_t count, frames;       /* frames: the longest of lengths */
    const size_t *indices;      /* (count) */
    const size_t *lengths;      /* (count) frames of each */
    const char *const *captions;
    const float *mel;           /* (count, frames, 64), or NULL */
    const float *latent;        /* (count, 8, frames/4, 16), or NULL */
    const float *audio;         /* (count, samples), or NULL */
    size_t samples;
    const size_t *audio_lengths; /* (count), or NULL */
} tango_batch;

/* *size = bytes that suffice for every batch of `count` clips. */
TANGO_API tango_result tango_batch_memory(size_t *size, const tango_dataset *set,
    size_t count, unsigned what, tango_error *error);
/* The clips at these positions. Mels come from the .npy file where there is one, else
   from the picture, whose steps are (png_high - png_low)/65535; latents from .npy or .pt,
   in either order of axes; audio is 16 kHz, one channel, at most 160 samples a frame.
   NaN and infinity are TANGO_ERROR_NUMBER. On failure only memory has changed.
                                              (TangoDataset, TangoDataset.collate_fn) */
TANGO_API tango_result tango_batch_read(tango_batch *batch, const tango_dataset *set,
    const uint32_t *positions, size_t count, unsigned what, void *memory, size_t size,
    tango_error *error);

#endif

/* ==== 15 >>rank ==== Which of several sounds fits a text best =============== */

/* What is judged and how; all zero but prompt, count and samples is a valid start. */
typedef struct tango_ranking {
    const char *prompt;     /* NUL-terminated, any bytes */
    size_t count, samples;  /* sounds, and samples of each */
    size_t rate;            /* Hz; 0: the model's */
    float gain;             /* of the sounds before they are judged; 0: 1. CLAP has learnt
                               from sounds in [-1, 1]. Tango's inference script passes
                               whole numbers of 16 bits: 32768 judges as it does */
    int *prompt_cut;        /* these as in tango_params */
    const tango_nn_kernels *kernels;
    void (*parallel_for)(void *pool, size_t count, tango_nn_task *task, void *data);
    void *pool;
    size_t threads;
} tango_ranking;

/* *size = bytes of memory that tango_rank needs. */
TANGO_API tango_result tango_rank_memory(size_t *size, const tango_model *model,
    const tango_ranking *ranking, tango_error *error);
/* scores (count) = cosine of the angle between CLAP's vector of the prompt and that of
   each of waves (count, samples): the higher, the better it fits. A sound is resampled to
   the tower's rate, and the first 10 s of it count; a shorter one is repeated as a whole
   as often as it fits, then silence follows. (The packages judge a random window of a
   longer one; here the same sounds always get the same scores.) TANGO_ERROR_UNSUPPORTED:
   the model has no part for it.
            (transformers 5.24: ClapFeatureExtractor, rand_trunc, repeatpad; ClapModel) */
TANGO_API tango_result tango_rank(float *scores, const float *waves,
    const tango_model *model, const tango_ranking *ranking, void *memory, size_t size,
    tango_error *error);

#endif /* TANGO_H */

#if defined TANGO_IMPLEMENTATION && !defined TANGO_IMPLEMENTED
#define TANGO_IMPLEMENTED

#if defined __STDC_HOSTED__ && __STDC_HOSTED__ == 0
#ifdef __cplusplus
extern "C" {
#endif
void *memcpy(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);
void *memmove(void *to, const void *from, size_t count);
int memcmp(const void *a, const void *b, size_t count);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
#ifdef __cplusplus
}
#endif
#else
#include <string.h>
#endif
#if !defined TANGO_SQRT || !defined TANGO_LOG || !defined TANGO_LOG1P || !defined \
    TANGO_EXPM1 || !defined TANGO_FLOOR || !defined TANGO_SIN || !defined TANGO_COS || \
    !defined TANGO_SINF || !defined TANGO_COSF || !defined TANGO_EXP || \
    !defined TANGO_EXPF
#include <math.h>
#endif
#ifndef TANGO_SQRT
#define TANGO_SQRT(x) sqrt(x)
#endif
#ifndef TANGO_LOG
#define TANGO_LOG(x) log(x)
#endif
#ifndef TANGO_LOG1P
#define TANGO_LOG1P(x) log1p(x)
#endif
#ifndef TANGO_EXPM1
#define TANGO_EXPM1(x) expm1(x)
#endif
#ifndef TANGO_FLOOR
#define TANGO_FLOOR(x) floor(x)
#endif
#ifndef TANGO_SIN
#define TANGO_SIN(x) sin(x)
#endif
#ifndef TANGO_COS
#define TANGO_COS(x) cos(x)
#endif
#ifndef TANGO_SINF
#define TANGO_SINF(x) sinf(x)
#endif
#ifndef TANGO_COSF
#define TANGO_COSF(x) cosf(x)
#endif
#ifndef TANGO_EXP
#define TANGO_EXP(x) exp(x)
#endif
#ifndef TANGO_EXPF
#define TANGO_EXPF(x) expf(x)
#endif
#if defined __SANITIZE_ADDRESS__
#define TANGO__POISON 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define TANGO__POISON 1
#endif
#endif
#ifdef TANGO__POISON
#include <sanitizer/asan_interface.h>
#else
#define TANGO__POISON 0
#endif

/* A plain `cc` build runs at full speed: GCC optimises what is marked HOT fully, the rest
   as far as it costs no time, and leaves out what nobody calls; with -O all fully, but
   for -Os. */
#define TANGO__HOT
#if defined __GNUC__ && !defined __clang__
#pragma GCC push_options
#ifdef TANGO_NO_OPTIMIZE
#elif defined TANGO__PLAIN
#pragma GCC optimize("Og")
#pragma GCC optimize("toplevel-reorder") /* without it GCC writes what nobody calls */
#undef TANGO__HOT
#define TANGO__HOT __attribute__((optimize( \
    "O2", "tree-vectorize", "vect-cost-model=dynamic", "peel-loops", "fp-contract=off")))
#elif !defined __OPTIMIZE_SIZE__
#pragma GCC optimize("O3")
#endif
/* Products and sums round one by one, so that -march=native keeps every bit. */
#pragma GCC optimize("fp-contract=off")
#elif defined __clang__
#pragma STDC FP_CONTRACT OFF
#endif

/* ==== 1 >>arena ==== One block of memory, two ends ========================== */

enum { TANGO__ALIGN = 64, TANGO__GAP = TANGO__POISON ? 64 : 0 };

/* Rounds count * size up to the alignment and adds the guard gap. */
static int tango__room(size_t count, size_t size, size_t *room)
{
    return tango_mul_ok(count, size, room)
           && tango_add_ok(*room, TANGO__ALIGN - 1 + TANGO__GAP, room)
           && ((*room &= ~(size_t)(TANGO__ALIGN - 1)), 1);
}

/* Books `room` bytes at one end; 0 if both ends would meet. */
static int tango__book(tango_arena *arena, size_t room, size_t *end)
{
    size_t total;
    if (!tango_add_ok(arena->used, arena->kept, &total)
        || !tango_add_ok(total, room, &total))
        return 0;
    if (arena->base != NULL && total > arena->size) return 0;
    *end += room;
    if (total > arena->peak) arena->peak = total;
    return 1;
}

/* Under AddressSanitizer the gap behind every allocation is forbidden ground. */
static void *tango__open_room(unsigned char *at, size_t bytes, size_t room)
{
#if TANGO__POISON
    ASAN_UNPOISON_MEMORY_REGION(at, bytes);
    ASAN_POISON_MEMORY_REGION(at + bytes, room - bytes);
#else
    (void)bytes;
    (void)room;
#endif
    return at;
}

TANGO_API void *tango_arena_take(tango_arena *arena, size_t count, size_t size, int *ok)
{
    size_t room, at = arena->used;
    if (!tango__room(count, size, &room) || !tango__book(arena, room, &arena->used)) {
        *ok = 0;
        return NULL;
    }
    return arena->base == NULL ? NULL
                               : tango__open_room(arena->base + at, count * size, room);
}

TANGO_API void *tango_arena_keep(tango_arena *arena, size_t count, size_t size, int *ok)
{
    size_t room;
    if (!tango__room(count, size, &room) || !tango__book(arena, room, &arena->kept)) {
        *ok = 0;
        return NULL;
    }
    if (arena->base == NULL) return NULL;
    return tango__open_room(
        arena->base + (arena->size - arena->kept), count * size, room);
}

TANGO_API void tango_arena_release(tango_arena *arena, size_t mark)
{
#if TANGO__POISON
    if (arena->base != NULL)
        ASAN_UNPOISON_MEMORY_REGION(arena->base + mark, arena->used - mark);
#endif
    arena->used = mark;
}

/* Opens `arena` over a caller's block; the ends are moved to 64-byte boundaries. */
static void tango__arena_over(tango_arena *arena, void *memory, size_t size)
{
    size_t skip = (size_t)(-(uintptr_t)memory) & (TANGO__ALIGN - 1);
    memset(arena, 0, sizeof *arena);
    arena->base = (unsigned char *)memory + (skip < size ? skip : 0);
    arena->size = skip < size ? (size - skip) & ~(size_t)(TANGO__ALIGN - 1) : 0;
}

static void tango__arena_close(tango_arena *arena)
{
#if TANGO__POISON
    if (arena->base != NULL) ASAN_UNPOISON_MEMORY_REGION(arena->base, arena->size);
#endif
    arena->used = arena->kept = 0;
}

/* ==== 2 >>random ==== torch's CPU generator ================================= */

TANGO_API void tango_random_seed(tango_random *random, uint64_t seed)
{
    uint32_t *s = random->state, i;
    s[0] = (uint32_t)(seed & 0xffffffffu);
    for (i = 1; i < 624; i++) s[i] = 1812433253u * (s[i - 1] ^ (s[i - 1] >> 30)) + i;
    random->index = 624;
    random->has_spare = 0;
    random->spare = 0.0;
}

TANGO__HOT
static uint32_t tango__random_next(tango_random *random)
{
    uint32_t *s = random->state, y;
    size_t i;
    if (random->index == 624) {
        for (i = 0; i < 624; i++) {
            y = (s[i] & 0x80000000u) | (s[(i + 1) % 624] & 0x7fffffffu);
            s[i] = s[(i + 397) % 624] ^ (y >> 1) ^ ((y & 1u) ? 0x9908b0dfu : 0u);
        }
        random->index = 0;
    }
    y = s[random->index++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

TANGO_API void tango_rand(tango_random *random, float *out, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        out[i] = (float)(tango__random_next(random) & 0xffffffu) * (1.0f / 16777216.0f);
}

/* Box and Muller on 16 uniforms: u[j] gives the radius, u[j + 8] the angle. */
TANGO__HOT
static void tango__normal_block(float *u)
{
    size_t j;
    for (j = 0; j < 8; j++) {
        double radius = TANGO_SQRT(-2.0 * TANGO_LOG(1.0 - (double)u[j]));
        double angle = 6.283185307179586477 * (double)u[j + 8];
        u[j] = (float)(radius * TANGO_COS(angle));
        u[j + 8] = (float)(radius * TANGO_SIN(angle));
    }
}

TANGO__HOT
static double tango__uniform53(tango_random *random)
{
    uint64_t high = tango__random_next(random), low = tango__random_next(random);
    return (double)(((high << 32) | low) & 0x1fffffffffffffu)
           * (1.0 / 9007199254740992.0);
}

/* One normal in double precision; the second of each pair waits in `spare`. */
TANGO__HOT
static double tango__normal(tango_random *random)
{
    double u1, u2, radius;
    if (random->has_spare) {
        random->has_spare = 0;
        return random->spare;
    }
    u1 = tango__uniform53(random);
    u2 = tango__uniform53(random);
    radius = TANGO_SQRT(-2.0 * TANGO_LOG1P(-u2));
    random->spare = radius * TANGO_SIN(6.283185307179586477 * u1);
    random->has_spare = 1;
    return radius * TANGO_COS(6.283185307179586477 * u1);
}

TANGO_API void tango_randn(tango_random *random, float *out, size_t count)
{
    size_t i;
    if (count < 16) {
        for (i = 0; i < count; i++) out[i] = (float)tango__normal(random);
        return;
    }
    tango_rand(random, out, count);
    for (i = 0; i + 16 <= count; i += 16) tango__normal_block(out + i);
    if (count % 16 != 0) { /* the last 16 are drawn afresh, over what stood there */
        tango_rand(random, out + count - 16, 16);
        tango__normal_block(out + count - 16);
    }
}

/* ==== 14 >>unicode ==== Private: classes, small letters, composed letters ==== */

/* ---- tables begin (written by tests/oracle/unicode.py) ---- */
enum { /* rows of each table */
    TANGO__CLASS_ROWS = 1610,
    TANGO__LOWER_ROWS = 185,
    TANGO__MARK_ROWS = 333,
    TANGO__PAIR_ROWS = 2060,
    TANGO__ORDER_ROWS = 940
};

/* First code point of a run, class: 0 other, 1 letter, 2 number, 3 white space. */
static const char *const tango__class_text[] = {
    "]]ocgb'^c_b{aq`k_7^^i_7^^qc_b7^c_bo__^kaa`___^ca_^_^_ac`__1^^__B^^__7y^e_u^y_g^k__",
    "^___^%e_g^__a^a_e^___^i__^__c^___^__+^^__)b^__9e^m_/g^__/_^a__^i_5_^1a_9^^e_e^=__9",
    "_^-^aq`e_a^__)c^___^{_a^k_a_q^c^a__^#^__^__@^^=^_5b^s__^yaq^%_^o_a^e__^g_/^^e__^o_",
    "_^c__^1^_5^^k_s^g_3^^__i^%^_7_^7`_/`^c__^'^__^k_q^eaq`__#^^e_m^a_a^a_/^^__k^___^c_",
    "e^c__^#^__^w_a^__c^eaq^a^aai`a__^m_i^e_a^a_/^^__k^__a^__a^__a^B^_e^___^kaq`a_c^#^_",
    "o^__c^__/^^__k^__a^__g^c__^'^__^{_a^eaq`o__^s_m^a_a^a_/^^__k^__a^__g^c__^@^_a^__c^",
    "eaq`____i`s__^__i^c_c^__e^c_a^___^__a^c_a^c_c^c_u^/^__^-^aw`'^_m^__c^__1^^__#^^c__",
    "^7^_c^a__^a_a^eaq`mak`___^e_m^__c^__1^^__q^__g^c__^B^_a^__a^eaq`__a^%^_o^__c^__5_^",
    "a__^#^__^g_c^_ak^c^ea)^`__i^g_'^^c_3^^__o^___^a_k^B^aq`%^_#`^__a^u_k^oaq`1__a^___^",
    "__g^__3^^___^__q^__a^o__^a_g^___^oaq`a_e^#___^B^a+^`u_m^__+_^9^_g^)d_9_^+^___q`i_i",
    "^e_e^c__^c_a^k_c^e_w^u__^_aq`i_/_^___^g__^a_9_^__=q^__e^a_k^___^__e^a_5_^__e^a_%_^",
    "__e^a_k^___^__e^a_{^__5`^__e^a_)a^ya+^`c_#^^#^_/b^a_i^c_;)^^a_%^a_`7^^g_9a^cac^m^k",
    "_'^^w_)^^y_'^^y_w^__c^{_+`^)___^e__^caq`iaq`/^aq`i_5b^k_g^a_'_^___^g_/a^q_B^^1_aq^",
    "@^^a_g^s_;_^e_7^^ias`-__1^^o_-`^9_aq`iaq`w__^=b_B_^%^_m^caq`5__@^^w_a_q^;_^7^_+_^;",
    "^aq`c_c_q^+_^a_s^g_9_^a_c^5__e^__i^__a^c__^g_#i^#a_/n^a_i^a_/_^a_i^a_m^___^___^___",
    "^__B^^a_-`^__k^___^c_c^__k^c_e^a_i^e_w^g_c^__k^ccsb=^cabgc_bB_c_b#^a_^_^aai`g___q`",
    "i_w^-c__^e__^a_q^___^c_g^i__^___^___^__e^__s^a_e^g_g^e__^_a)`^a_g`/0^a;``@aa/^`/*^",
    "a@^`;)__-k^i_e^c_a^oa_`a_/_^___^g__^a_3`^k__^#^_1^^o_k^__k^__k^__k^__k^__k^__k^__k",
    "^#b__^#zc_be_a__`5^ao`k_g^aac^a^e_/b^i_c^__7b^__e^g_9_^__@b^cae`q_#_^#`_#^^#_aq`@^",
    "am`_a{`#_aq`1_a{`#q_#@i^#a_=+.^^)a_@_^a_=m^c_#^_q^a^+^_B_^#^_B^^a_/a_q`1__o^a_1c^a",
    "_)a^a_a^___^__m^-^_#^^__c^__e^__1^^wai`q_+`^y_'`^;^aq`3^_i^c__^__a^_aq^;^^q_1^^5^_",
    "=^^k_B_^;^___q`i_g^__q_q^g^__5_^1^_c^__m^eaq`i_1^^c__^c_'`^___^c_a^a_g^a__^___^3^_",
    "c^a_s^k_c^u_i^a_i^a_i^o_k^__k^__9_^__y^i_)d^waq`i_+=r^u_1^^e_%`^+3m_@s^a_7c^/__k^u",
    "_g^g__^__q^__w^__g^___^__a^__a^__;c^%__9s^'^_#a^a_/`^3__u^+d_g^__1e^)^aq`k_7^^i_7^",
    "^s_5b^c_i^a_i^a_i^a_c^)__u^__7^^__)^^__a^__{^a_y^'__9d^ua=_`ua5``%^aa`+l_=^^c_%`^#",
    "^a9^`e_#__e`o_+^__^m__`g_/_^q_@^^a_+_^e_m^_ag`7__@f^aaq`i_+_^e_+_^e_3_^m_+`^u_s^__",
    "{^__k^__a^__s^__{^__k^__a^c_+`^u_1p^o_/^^q_m^3^_i^__7_^__o^-a_i^a__^__;_^__a^c__^a",
    "_1^^aam^1^^aak^B^^mao`#`_)^^__a^gag^/^_i`e_7^^/a_3`^eaa^a_#^`aa@_^_^{_e^__c^__=^^q",
    "ao`1^_=^_a`__=^_c`#__m^__;^^iag`#^_/`^q_/^^aam^)^^gam^'^^1^ak`#b_5a^1`_)`^w_)`^kai",
    "^+_^uaq`iaq^;^^o_1^^7jaB^`__7_^i_a^#^_c^9`_=^_q^_^m_/^^sae`9^_'^^@__-^_k`+^_1^^u_-",
    "`^7^a@^`__a^a__^w_=_^#__5^^kaq`o_+_^{aq`e__^a__^m_)_^c__^u_#`^y_e^saq^_^___^ea+^`s",
    "_'^^__5^^)^_a^B`_k^___^__e^__{^__q^k_B_^%^aq`s_m^a_a^a_/^^__k^__a^__g^c__^'^__^u_g",
    "^@^_q^___^a__^__/_^___^5^__^___^;__-`^'^_e^gaq`g_c^@^_#`^+^_a^___^maq`/g_B_^5__e^+",
    "__#`^+^__^saq`/__9_^w__^kaq`ia+^`;^_9^^-^au`e_k^5h_;_^+d_#a_)^`u_m^a__^a_m^__a^__3",
    "^^{__^___^yaq`/a_m^a_1_^#^__^___^;^__^q_3_^k__^-^__^s_@_^)^__^'^_5a^1i_%_^{aq`i_o^",
    "__-_^%^__^{a=^`g_@^^#d_k^__a^__/_^-^__^oaq`i_i^__a^__#_^y__^kaq`/p_)^^{__^__w^__'_",
    "^;^aq`/b__^{a-^`9__7<^^/caBc`%^_+i^;'b_%c^{_#&_^%^_i^5^_9<d^g_1'^^5.j_@^^'^aq`//`_",
    "5&^^k_B^^_aq`i_Ba^_aq`i_@^^'^_#`^#^_e^uaq`_ak`__-^^g_)^^#x_=_^caq`/i_#a_1^`5c_9a^g",
    "__^'a_w^#a_a^___^;^_3Ch^m_/0_^5__q^11n_e^__k^__a^__)o^{__^=^_c^a__^y_e^m_;u^+3a_9c",
    "^g_w^c_o^k_q^/(eaq`/@_a+^`ua+^`;ca5^`1e_-b^__1a^__a^a__^a_a^a_e^__u^___^__k^__%a^_",
    "_e^a_m^__k^__;^^__e^__g^___^c_k^__+r^a_5^^__5^^__B^^__5^^__B^^__5^^__B^^__5^^__B^^",
    "__5^^__m^aa'``#3`_B^^i_i^-m_@`^'f_=_^q_k^aaq`e__^%q_@^^'^_;_^eaq`/z_;^^eaq`/j_@^^a",
    "___q`-{_k^__e^__a^__{^__-i^aao`#`_+a^k__^eaq`14^a9``_ac`_ae`;aa=_`_a{`'i_e^__9^^__",
    "a^___^a__^__q^__e^___^___^i__^e__^___^___^__c^__a^___^a__^___^___^___^___^__a^___^",
    "a_e^__k^__e^__e^___^__q^__%^^g_c^__g^__%^^+'^aw`)1baq`/#__#16_^#__7&e^i_@j^a_'+h^y",
    "_%6k^{_@)^^'=a_@$^^'B__97f^g_#)e^",
};

/* First and last capital letter of a run, step, distance to the small ones. */
static const char *const tango__lower_text[] = {
    "%a7b_#_Bd;d]]3^m]]3_#b_A^'`m]]k%^]]%^B_]]@_a^6d_g_7dme^%j_c_$jea^=i__]<iac];ia_]:i",
    "cc]@a__]9d__]___]6iaa];i__]aaa]e__]`__]Ciee]'j__]aaa]__g_,jia^5j__]4jaa]5jcc]4jaa]",
    "5j__]4jac]3jac_2jea^7j__]6jee]]mm]___]^aa]___]^aa]__%^_^)^)^]])^c^__c_^ea^&c__]5__",
    "1__5`3_a^(ea'^_)e3^m^7%r__]6%raa]*g__]9/rcc]0%raa]*i__]3m__]a_o_.a7o+o]]ie^]oo])dk",
    "k]>aae]^ea]9^ac]^c'^]A^'^q]];_+_]2^oB^_j;^i^<`cc]=`aa]l__]mcg](ec#^]'j#^#_]C_#b%b_",
    "A^7_@`]]/`a^y_w_x{%c]]%c3_^B_B9bB9b]#&k1_a]]ii]])0^'5^]#:A^#bi]2@._5,a+,a]jk%`]$@b",
    "=_g]])q-z_%@b@fq^C>ka#c_#@k3c%^^n#^y]]#^'^]]#^#^]]#^y]]%^'^_]{#^^]#_#_]]#^#^]]#^#^",
    "]]#^q]]aa]&aa_]%au{]<ae_]=auw]_aa]:byy];baa]2ca_]5cuw]4daa]aa_]-d7o7o]*8kee]&9^__]",
    "5dkk]')m@_=`]t)_+^]z)6^;7^]5^77`#9`]/^#c%`]A_aa]2Cq__]%4j__]$3jck_3Bqia^<$r__]B^__",
    "]&___]_aa]B$rcc]]oq]C&ra)c_#'r9cs]]kg^]@7@^7:@^_]#a@_]]'g+f]]#^#a]]1aw]]ea^,#(__o_",
    "-#(_wg^]aa]455_cg_555_i/^]]+^a^,75___]r__]e__]q__]baa]'`__]2^__]-^__]-.7__{_A<^#^a",
    "^$`__](45___]93j_c_5&(_ea^295__{_395_#^a^&'6_5^5^]''6_;5.^-7.^]B^B0_=1_]m#h;g]]#i1",
    "g]^u#^]]#^m]]mc]];1`=4`]5^#j)h]C^#8b78b]]#=-^#=-^]]#c5b]f#)A^5)A^]k",
};

/* First and last combining mark of a run, class by which marks are put in order. */
static const char *const tango__mark_text[] = {
    "#3^+4^/k-^_a_ete_u__|_gega&^ae'^ea&^as'^sg8jge9jekqmaq__p_cpccqcapceqcepe_q__a_ata",
    "_q__c_a_a_^_a_a_^_wb#o3n]@m7mp_eqe_p_cqc_l__`_iqiipiaqa_p_aqa_l__i__a__:j_________",
    "________________a_a________aa_aa____aa=i__paa6i5a#b+jm_2i______%`%`f______________",
    "________a+iaapagqg_p_aqa_p%^%^4h/c;c)ioi]e_p__qce]cap_aqa_p+_+_2hB^B^'i__p_aqa_p_a",
    "qacpc_q_apa_q__p_cqc_p__q__p__q__p__q__p_aq'g1g]k_p__q)_/_]gq]qe]ei]#`@_p9d/eq{ap_",
    "aqa_p_aqa_p_cqccpc_$i_______c5ic_p_aqaapagq%a=`Aj%^%^aee=j__p_aq5c3cAj%^%^aBcBc`%^",
    "%^aBcBc`%^%^aBcBc`%^%^a#e#e]#e#e]mm9a__k/c/c*b%^%^a#e#e]=d=d]@cBc@ba_>by%^'c#d@cs#",
    "^'^e#b@a'c=^;^]aa]aad3`3`0b___aaaio`ic]ac+ca_<jac=j#aB`p%d%d,jaca+b)b)j#0^'0^q1>^-",
    ">^<j#_#_]@f@f]ss=j;i;i`#f#fh__m__p;j;jq__p3a3a(j-^;^=jqcp%`-`qgipiaqa_p1d1d,j#^#^a",
    "1_1_=j__p_kq=`3`<j;`9``uwa-a+a`5f9fBjea,k_g9jgaqaepe_qam,ksg9jkkqeg]3i3i]a_p_kqk_p",
    "_aqa_e__*^__i__&^_-_;^7_i]__c__v__q__p%0^'0^qaa,kae-kec,kca-kig]eg,ka_-k__p__q_a,k",
    "ae9je_qBCb%#c]#f@e<j%c#e=j7'^9%^t__q__e__p_aa9c9c2j/A=^-A=^@jgy]7_'_]'b'b]/n-n<j@h",
    "@h];^=_=j9a;`p3_/_(j#c#c`wwa#l#l=jac]a_pceqkk]ca]-`-`<j1l1l]%6*^%6*^%^'3^33^;ikkpk",
    "aqB@^@@^p)k)k]/f7fq1,`),`paaq5_5_]__,k__9jgg(j/g/g=j__p#9_#9_(j5`5`]7`7`]__`/a3aBj",
    ")`'`<j#aB``=a=aaqq`9c9ca__`)h)h]__a'b'b`%^%^a5^B^=jqm]'j@i<jee`;d;da__`;l;la__`BdB",
    "da1d1d]__`+d+da+4_+4_]%.*^-.*^l#a'a-k@9+^39+^,k1/g3/g1jac0jie%k_gpw#^eqkqgap#_'_q3",
    "f1f]@>c'@c]m'^])^o]mc]ci]7-a;-ap+d)dqi_Aj",
};

/* Character, and the one or two (else 0) that it is made of. */
static const char *const tango__pair_text[] = {
    "#i%a#3^_]__]__]__]g_]aaa=^_a0__]__]__]i_el_]__]__]iagf__b_]__]__]__]gcil_]__]__]i_",
    "ejcm^_]__]__]__]g_]aaa=^_a0__]__]__]i_el_]__]__]iagf__b_]__]__]__]gcil_]__]__]i_ej",
    "a]k_2`d_#_]_C^a_#_]_C^'__#_]_>^0__#_]_C^__#_]_C^g_#_]_C^g_#_]_A^]_#_]cA^l_#_]_C^a_",
    "#_]_C^__#_]_C^%__#_]_C^:^_#_]_>^p_#_]_C^e_#_]_C^__#_]_C^#__#_]_A^,__#_]cA^__#_]_C^",
    "__#_]_C^a_#_]_C^'__#_]_C^$_e_f_#_]_A^-__#_]aA^.__#_]_C^/__#_]_C^8^_#_]g>^r_#_]_C^/",
    "__#_]_C^8^_#_]eA^l_#_]_C^a_#_]_C^g_#_]c<^p_#_]_C^/__#_]_C^8^_#_]_A^r_#_]_C^__#_]_C",
    "^-__#_]_C^8^_#_]_A^9^_#_]_C^8^_#_]cA^n_#_]_C^__#_]_C^a_#_]_C^e_#_]_C^__#_]_C^=^_#_",
    "]_>^.__#_]_>^]_#_]_C^i__j_#_]_C^i_#_]_C^g_#_]'_8_{_#_]y6^]_#_]=^*`z_#_]_2^]_#_]_6^",
    "]_#_]_6^]_#_]_1cl_#_]_C^b_#_]_C^s_#_]_C^t_#_]a2`e_#_]_'q]__]_$s]_#_]cAfm_#_]_:^]_#",
    "_]_:^;^_#_]_9t*___]_*`m_9j]_2%^]e(_r_#_]c4^^_#_]_1b__#_]_A^]_#_]_x]_#_]_0hy_#_]_C^",
    "a_#_]_:^`_#_]_C^a_#_]_:^`_#_]_C^a_#_]_6^`_#_]_C^a_#_]_<^`_#_]_C^a_#_]_<^`_#_]_C^a_",
    "#_]_&_-^_#_]_A^]_#_]c:_6^_#_]k0_f_#_]_:^#__#_]_%d(__#_]_$_]_#_]_.gc_#_]_Bxb__]_.z]",
    "_#_]=m1+^*3^__]a'^]_r%3^#`Aa$3^q>*^]k=c%3^_51^]_60^$3^_@0^%3^_a]_a]ai]ai]_e]_%_]7^",
    "$`k_u]_uj_e]_a]_a]_'^]7^&^k_u]_hj_i]_e]go]_]k;_)al_]ma`jevkg+^j_`^_sisr]#_#_]1^bh_",
    "]ma`je)_kg:^j_`^_si3^%`o__]7aAbn_#_]y._]_#_]_C^a_#_]c8^`_#_]c)ga__]_(i]_#_]_A^]_#_",
    "]cA^d_#_]_C^e_#_]_6^]_#_]c7g]__]_:h]_#_]_6_d_#_]_C^e_#_]_C^c_#_]_:^b_#_]c:^]_#_]5o",
    ";z97^_]__%_]_$___)_^7f9e]a*^]%^%^]/(^/(^31^mm]cc]+_>^]__]__]_g]_g]__]_o]_e];c3f'e_",
    "]5^#^._8^__]aw]+b)e#eci])_&_]__]_g]c{]7k;n7nc]2^_]5^#^._8^__]1`#d9f/`+`4^__]_^5^;d",
    "#eBd3d5dBdkk]_]_a]*^_e)^Bd;d5c__]_^5^@e)f)da]g_cf_b-^-s5s3zqq]gg]gg]gg]w8^`q%`(aa]",
    "a_%aua_]o&a]'^%_1`qq]gg]gg]gg]w8^`=c-f5d#1b#1b13baa]aa]aa]aa]ee]5_5_]aa]ca]__]ac]=",
    ".^$3jC#i_#_]_A^>^_#_]_C^;^_#_]_C^y_#_]_-cC__#_]_(gi_#_]_C^;^_#_]_C^y_#_]_C^p_#_]_C",
    "^i_#_]_@g<___]_^___]_>i;__#_]_C^c_#_]_)y6___]_({__#_]_A^b_#_]_A^c_#_]_C^;^_#_]_C^8",
    "^_#_]_C^B^_#_]_C^k_#_]_A^a_#_]_/cA__#_]_*g]_#_]_C^'__#_]_C^y_#_]_A^x_#_]_7@kA^__]_",
    "8Bk=__#_]_C^d_#_]_A^:__#_]_C^i_#_]_C^;^_#_]_A^:^_#_]_C^;^_#_]_C^y_#_]_C^d_#_]_1c:_",
    "_#_]_C^k_#_]_1bl__]_^___]_<l]_#_]_C^i_#_]_>^]_#_]_C^;^_#_]_3BkA^__]_4#l=__#_]_A^6_",
    "_#_]_C^;^_#_]_1k:^__]_g]__]_%3k]__]_A#l]_#_]_C^;^_#_]_C^y_#_]_C^d_#_]_A^n_#_]_C^u_",
    "#_]_C^b_#_]_)l:___]__k__]_,nf_#_]_C^#__#_]_A^(__#_]_C^__#_]_C^k_#_]_C^^_#_]_C^;^_#",
    "_]_A^:^_#_]_C^__#_]_A^^_#_]_A^f_#_]_C^%__#_]_C^y_#_]_&^]_u4__ca_a]a/mbg>p;^_#_]_C^",
    "6^_#_]_%cl_#_]_C^^_#_]_C^o_#_]_C^h_#_]_@>k^__]_A<k^__]_^^__]_^o__]_^h__]_=<kc__]_:",
    "(l=^_#_]_C^6^_#_]_C^h_#_]_-c`_#_]_C^^_#_]_C^o_#_]_C^h_#_]_@@k^__]_C)lk_#_]_C^7^_#_",
    "]_6^]_#_]_C^6^_#_]_-cl_#_]_C^^_#_]_C^o_#_]_C^h_#_]_3Ak^__]_<5k^__]_^^__]_^o__]_^h_",
    "_]_^#___]_:q]_#_]_C^6^_#_]_7pl__]_^^__]_^o__]_^h__]_^#___]_0r(__#_]_C^)__#_]_C^6^_",
    "#_]_C^h_#_]k36^#^_]__B7j*^__]_^___]_^%a__]_C9jA__]__1:j*^__]_^___]_^%a__]_*8jA__]_",
    "_98j*^__]_^___]c::j'^_]__);j*^__]_^___]c&9j'^_]__59j*^__]_^___]_^%a__]_6;jA__]__%<",
    "j*^__]_^___]_^%a__]_C9jA__]__1:j*^__]_^___]_^%a__]_2<jA__]__B<j*^__]_^___]_^%a__]_",
    "6:jA__]__%;j*^__]_^___]c&=j'^_]__5=j*^__]_^___]c*;j'^_]__9;j*^__]_^___]_^%a__]a:=j",
    ">_a+>j*^a]_a]%a_C;jA__]__1<j*^__]_^___]_^%a__]_2>jA__]__B>j*^__]_^___]_^%a__]_2>j&",
    "a_fC2^_o#3^_lC2^_q#3^_nC2^_s#3^_pC2^_#^#3^_wC2^_j#3^_mC2^_d#3^_gC2^c'6j-7^__]__]__",
    "]__]__]__]__]__]__]__]__]__]__]__]__]_%^]__]__]__]__]__]__]__]__]__]__]__]__]__]__",
    "]__]_%`]__]__]__]__]__]__]__]__]__]__]__]__]__]__]__]_>>jA`_]`_B>j%a_A>j]_f]agb_-#",
    "kc_,%kA`_]`_]d_rC2^_s-7^a3_,7^c$4^'7^_;/lc_<>j]_n]aob_B#kc_$&k,a_vC2^_{#3^_xC2^_y-",
    "7^_3%k,a_]__]%a_.#k:`_]`_%^d_6`C2^c5_'7^_%^]_$`:`_]`_]d_zC2^a+*k#3^_]__]%a_4&k:`_]",
    "`_id_8^C2^_%^)4^_]__e@__i]_._:`_]`_]d_0^C2^_)^+4^_42^*^_=0^C2^_,5^]c;4l-7^_(>j]_g]",
    "afb_=%kc_0(k,a_(^C2^_=^#3^_6^C2^_7^-7^_,2^,7^c@7l]__]-o6(k]e>8^]_7d]Bc9/m36^_a])^a",
    "]B^;`]_e]_`]-`%`]gg]cc]3^3^]aa]9^1^]ck]ca]ac]1^8#n]a+%n]s*^]_$$n]_a]_/%n]__]cw]__]",
    "cc]__]kc]__]ck]__]cc]__])_9^]_i]__]_a]%`A_]__]_+^]__]k#_]__]__]__];`)8c26^__]'>`:5",
    "_36^#:_@9_%9saa]aa]aa]aa]aa]aa]aa]aa]aa]aa]aa]cc]aa]aa]kk]_]_ac^_]_ac^_]_ac^_]_ac^",
    "_]_1^,`^q1b]yy]aa]aa]aa]aa]aa]aa]aa]aa]aa]aa]aa]cc]aa]aa]kk]_]_ac^_]_ac^_]_ac^_]_a",
    "c^_]_1^,`^c5a]__]__]__]es]'#'`970^4,u_*8o]_/Ap]_&#^]_0Ck]_A,m]_)>_]_1>(^]_]]_8'&^]",
    "_#+y]_6'{]_%@^]_@-a]_)*g]_;4a]_7.`]_9t]_@p]_1<`]_<+p]_54^]_@>^]_-3^]_B(e]_=5c]_1+a",
    "]_A9(^]_)2_]_B;h]_14`]_'$g]_%Ch]_>/#^]_9,f]_'Bg]_1<^]_8,p]_B3l]_1'`]_,8q]_='a]_)(`",
    "]_'<_]_'Ak]_27#^]_%&^]_1o]_/Be]_B#`]_=6`]_10_]_74a]_-#`]_/b]_)<`]_)7a]_=&_]_9+^]_>",
    "9o]_)l]_%%_]_5%`]_96d]_9:b]_4=f]_0Cu]_-%`]_;8k]_@$_]_:$d]_3)`]_3Cf]_-&b]_A$|]_7;^]",
    "_%>c]_1@^]_-p]_#%d]_3m]_+$i]_4:$^]_5>s]_A-t]_|]_#(q]_'=^]_)&`]_++f]_,2b]_$.q]_)6`]",
    "_;2m]_,/{]_@=c]_9%_]_-:f]_5{]_4(n]_+Bo]_:6q]_7Bd]_:<e]_B.l]_*8`]_7=h]_A8q]_9,_]_)-",
    "l]_37c]_%)`]_C1l]_/Cn]_25n]_6;a]_1Bl]_,7l]_-@e]_0.p]_9.^]_#c]_3.h]_/)g]_3;_]_))a]_",
    "=2`]_60|]_=q]_%6_]_5:_]_50`]_5&b]_;5a]_)+k]_=._]_=%_]_1`]_(&)^]_9%g]_%._]_9Bn]_>1u",
    "]_;4^]_#d]_7,^]_5+b]_/%^]_#7^]_%7_]_7%_]_9*^]_1.d]_2&b]_-6b]_15^]_(6#^]_;e]_7$^]_9",
    "#k]_7Ch]_3{]_$Br]_;o]_/;^]_)&a]_#,e]_4/a]_$,o]_-$a]_@1_]_)z]_')^]_/<f]_1h]_%6b]_;g",
    "]_@Be]_'/_]_'b]_#j]_<+'^]_)%r]_/#i]_+3_]_0Aw]_8(f]_+(^]_+4b]_%b]_78a]_5)_]_;@`]_+*",
    "_]_7.d]_#;b]_%4d]_,3y]_/=t]_,=$^]_'2g]_3d]_@7_]_9r]_=9_]_#r]_'4^]_--_]_@7j]_$2&^]_",
    "%/e]_7'w]_<'&^]_@1c]_%0e]_#7m]_A<t]_5x]_)0`]_#:b]_B2n]_<(%^]_/{]_/(a]_@=a]_9p]_7r]",
    "_=&_]_%5`]_;z]_1<a]_/8a]_'^]_91a]_/4_]_(=$^]_9:j]_<,j]_)>k]_3/^]_'9e]_5-e]_+>_]_3'",
    "^]_23x]_+&`]_=$g]_<4`]_-b]_'t]_&Aa]_0%^]_B.j]_2,{]_/*w]_:2u]_(`]_B,c]_=%_]_)#j]_$8",
    "m]_5<e]_6)`]_1+q]_A1`]_%#d]_&/c]_2.r]_(<c]_#+_]c7,^]a7$d]c.,g]_;7m]_#=^]_'*^]_'_]_",
    "k]_7_]_1@k]_2,j]_B2^]a-(`]a/1_]c#7_]_-i]e'C`]_w]_;_]_;+_]_.0c]_5A_]_43&^]_5p]_/c]_",
    ";t]_9^]_=c]_;'^]_5c]_'c]_3z]_3c]_;>^]_q]_/%_]_+j]_/_]_+c]_=8^]_)f]_Bg]_+|]_'2_]_)g",
    "]_3m]_;'^]_=h]_1|]_B)_]_=g]_s]_^]_m]_i]_k]_#`]__]_'h]_%a]_Bp]_+&^]_-^]_3`]_%p]_)f]",
    "_3{]_;e]_]]_@z]_5._]_/e]_9s]_3`]_7v]_-`]_@-^]_'e]_9-`]_;n]_;`]_.@x]_5*4d]_.0#d]c&C",
    "v]_B;^]_<a]_2{]_-y]_9`]_1q]_)`]_)-^]_2a]_+a]_5a]_3*^]_5b]_%f]_#^]_@m]_/i]_7=^]_k]_",
    "#f]_+a]_9o]_/d]_.a]_/e]_>_]_'f]_'a]_#v]_3b]_/`]_+m]_@n]_)g]_e]_9`]_)%_]_%a]_1u]_7v",
    "]_|]_1b]_;l]_#r]_5&`]_&:_]_7d]_9d]_1q]_-f]_-`]_'k]_a]_9g]_%^]_5^]_/b]_p]_;u]_-{]_B",
    "m]_9h]_#k]_5f]_7q]_1i]_=7^]_=f]_7;^]_3y]_-a]_#^]_5o]_5`]_<_]_/`]_b]_$^]_;a]_%b]_@t",
    "]_#&^]_7p]_1o]_=j]_/#_]_1c]_)d]_-e]_+_]_u]_#`]_10^]_7+_]_@-'c]_h]_%<b]_2&@d]_9*_]_",
    "%_]_#$,e]_1+b]_)#n]_C;2d]_9a]+a,>/_+>_a5^csnq_]__#9=`^_]__4:=`r_]__]e__]__]__]__]_",
    "_]__]aa]__]__]__]__]aa]aa]__]aa]__]aa]__]__]__]__]_,^b_di_q]_o];7g-.(a92(aaa]{q])e",
    ";e=c__];$^-$^1$^_]5^Bs't)s_]pa]w;lBl'l__])=A_@<A_/>A___]_ko_]__]__]__]_1b7bv__]__o",
    "__]_^___]#'6aA:$cA9+d_f]_o]_%1<c]_&@;c]_@a]_w]_1a]_3d]_B^]_@a]_2^]_$&k]_;<+d]_<1=c",
    "]_k]_#^]_)^]_-=<c]_()+d]_@-k]_/_]_@><c]_*><c]_w]_20^]_#1^]_o]_7%#f]_6BCe]_y]_*5k]_",
    ";8k]_s]_;_]_g]_&9k]_'>k]_a]_9^]_/^]_s]__]_%^]_'`]_m]_o]_5^]_q]_a]_]]_]]_=->c]_:>/c",
    "]_.-k]_-^]_+;>c]_2:>c]_i]_-^]_3f]_.c]_#^]_#_]_7`]_+b]_7^]_)a]_#^]_%_]_]]_-^]_'^]_m",
    "]_{]_+r]_Cm]_%n]_.i]_)_]_<)_]_11`]_Cn]_/_]_5^]_&e]_1g]_^]_9d]_3&Bc]_&CAc]_g]_{]_+^",
    "]_m]_#a]_/7Bc]_'a]_>2Bc]_B_]_u]_Aa]_@e]_2:n]_y]_;#o]_/`]_]]_7+Cc]_,#Cc]_-^]_{]_u]_",
    "-5Cc]_44Cc]_k]_=7^]_$6^]_$-o]_B0o]_y]_'b]_(`]_18#d]_$-#d]_)-#d]_2*#d]_b]_%^]_-c]__",
    "]_(>o]_@@o]_9_]_-^]_;_]_0#p]_%57d]_037d]_+&p]_c]_c]_+^]_3/%f]_*,%f]_)&%d]_]]_C53c]",
    "_A0n]_]]_8(p]_%C@d]_'5t]_2*$e]_o]_2+p]_1.p]_)`]_q]_'_]_3e]_07p]_>^]_3:p]_#'&d]_<#&",
    "d]_%e]_e]_a]_`]_@_]_+^]_+_]_x]_s]_B_]_+^]_e]_7^]_s]_'a]_+b]_)_]_;d]_;>&d]_A@&d]_$a",
    "]_;c]_9^]_%c]_=#'d]_A@&d]_<b]_:^]_8:q]_9&r]_-^]_B^]_._]_8#r]_)1r]_=^]_@,(d]_0%(d]_",
    "-n]_Ag]_C5r]_3:r]_4;r]_*_]_@-h]_c]_99g]_*c]_%$j]_*0{]_@6n]_e]_i]_=`]_r]_#*)d]_6*@d",
    "]_%.s]_,d]_=i]_)`]_3B(d]_AA(d]_Ac]_-l]_0:s]_-=s]_%c]_1a]_@h]_9C(d]_2@(d]_(/t]_53t]",
    "_/;)d]_(8)d]_.3t]_+5t]_=_]_9^]__]_'0*d]_&;k]_BBk]_:-*d]_@)+d]_<C*d]_y]_.c]_Bg]_3_]",
    "_5`]_.`]_3_]_{]_w]_5<*d]_6B*d]_9l]_B`]_86u]_3<u]_d]_7#+d]_20+d]_-t]_#C*d]_#`]_2@*d",
    "]_)d]_8^]_b]_,+v]_+.v]_)`]_h]_/`]_3*-c]_CA,c]_@4+d]_0/+d]_B#,d]_(;+d]_w]_9^]_3>,d]",
    "_2;,d]_-^]_#--d]_Bj]_6,-d]_%^]_A0w]_52w]_<1w]_]]_B;w]_-^]_-^]_+^]_-a]_A=w]_5#x]_'4",
    ".d]_22.d]_+8.d]_&5.d]_B%9c]_A;8c]_%</d]_1^]_;e]_2'+e]_u]_;1x]_BC/d]_^]_1_]_7^]_,$0",
    "d]__]_]]_9_]_$4x]_'8x]_,7x]_#b]_1;,e]_A@0d]_@`]_#a]_4Bx]_)7-e]_C/1d]_+71d]_9_]_.61",
    "d]_;b]_:.y]_%4y]_q]_g]_=52d]_9o]_]]_4>2d]_:1y]_5=/e]_,B2d]_c]_&=y]_5(0e]_>=2d]_&&z",
    "]_3'z]_f]_=^]_/+4d]_(%4d]_&)z]_//z]_9`]_)a]_$4z]_+22e]_B^]_>12e]_#;2e]_A84d]_+@4d]",
    "_4=4d]_-c]_s]_-05d]_5a]_(/5d]_375d]_265d]_B1<c]_6;:d]_=0{]_%b]_22{]_)6{]_4+p]_'2)e",
    "]_y]_&%w]_o]_8<;c]_c]_7<c]_(6(^]_/%|]_h]_'^]_6Bt]_@Ct]_a]_q]_5_]_/(7d]_0(7d]_3`]_/",
    "a]_7a]_6e]_7f]_7_]_#d]_*m]_1d]_a]_#^]_7(7d]_-p]_.f]_6=6e]_/@|]_a]_)_]_+.:d]_.):d]_",
    "3@7d]_A@7e]_e]_#(8e]_%o]_098e]_-1#^]_u]_s]_a]_#a]_$_]_/e]_:_]_1f]_$b]_)a]_9^]_A=#^",
    "]_7#$^]_#_]_2#$^]_1)$^]_c]_+#:d]_C;9d]_k]_4-$^]_-/$^]_A&-^]_)C$f]_3h]_2-<e]_o]_5A$",
    "^]_=a]_=f]_9i]_)(;d]_<C:d]_/^]_7b]_;b]_3>;d]_85>^]_4&Ab]_z]_+`]_@1Ab]_6#Ab]_+c]_7,",
    ">d]_9^]_48=d]_=b]_#_]_=$>d]_($>d]_=n]_Bf]__]_:b]_=t]_;^]_-B>d]_A)>d]_.C(^]_'%)^]_#",
    "@>d]_$<$f]_=0)^]_$4y]_%:y]_'%Ad]_-j]_:=&f]_m]_79)^]_7%Bd]_28'f]_+B'f]_8+Bd]_]]_@^]",
    "_=;Bd]_*0Bd]_A=)^]_/C)^]_@d]_9^]_;`]_C%*^]_'9*f]_>$#e]_@o]_=h]_A%+^]_B^]_7*+^]_19$",
    "e]_.A,f]_=#-f]_5m]_)e]_.A$e]_,9+^]_)=+^]_g]_k]_q]_k]_-_]_-/&e]",
};

/* Rows of those that are put together again, in order of (first, second). */
static const char *const tango__order_text[] = {
    "#<^be$<^___'`a1h6k3&^0&^#g9_a3s8f.s3saa6saaa8`)w.s3sead.w__='^$$^aaA`7'^0#^1ea;t&s",
    ",g;sae0l0d#t>sa3c.ca7se4j1jea>x__;aaae(b+(^8x%`a7u,#^;s4s=s&n+n<sBs<se9s<s)t`eaa4n",
    ":b<b+z(t-t0t9t`0z___Bba'e&k+(^&|)`)`a<`-y0w+pa<tBt8t+ca1nAt)uAtaBt8t=t4n.c1u$u)u$o",
    "*c5u`2|__)daa.d3)^C{a5^5`a(a9z<c<t%u`maaa8uBu`eaa%c(*^Bd7|2v)p(v/|`(|+v&va'va4$^__",
    "_5^a1h$jB$^>$^1e9_a3s8f.s3saa6saaa&_7u.s3sead<u__+&^$$^aa._%&^0#^1ea;t&s,g;sae0l0d",
    "#t>sa3c.ca7se4j1jea9cC#^__)`aa.`9&^8x%`a7u,#^;s4s'c9m&n+n<sBs<se9s<s)t`eaa4n:b*a9x",
    "(t-t0t9t`>x___/aa'e4i9&^&|)`)`a<`-y0w+pa<tBt8t+ca1nAt)uAtaBt8t=t4n.c1u;_<w)u$o*c5u",
    "`Az__7baa<bB'^C{a5^5`a(a9z<c<t%u`maaa8uBu`)^zaa%c6(^/c7|2v)p6|=(^4b1b(|+v&va'va1p4",
    ")^%'^(m`i`<u-^a(^@k)h`i`AeBf`i`(e0l5l8l*_8^d`e#v`i`<u-^a(^@k)h`i`AeBf`i`(e0l5l8l*_",
    "8^d`e3v`i`^`i`6fa^a5`a^a%^___%^___B^=``i`ef`i`ek`i`ef`i`e2y`_r_)m_*i_,`9*^:&^9&^^$",
    "g_+gm*'^-w_#g,'^'x_+fu&(^%(^^8'^;x_7g8)^@y_)f`A(^@(^^4(^1z%f8)^/{_/e<`u>a6{5%^^&g_",
    "/g`A`8{-v_1b:{#w_/f`0a<{%'^^>&^=w_+f,b8{9x_%f_$c:{5'^^6'^3y_1eCb<{%z_3e`:^2'^9'^q>",
    "'^)(^s2(^_e%^a*^`3^0^%^qa4^9^4^9^>^#_i*_/_aaap(^at`#^zoqa$^)^4^9^.^3^i:^@^aaap<^e_",
    "o_s_w_a^aa_`c__o_s^ac_a^a_c`_a_a^a_a^)^___________5`_)__s_@`qnq{_%^_)_aa;cAcaa;c__",
    "____Acaa;cAcaa;c______Aca^aca^acaa#c(caa#c______(caa#c(caa#c______(caabaacaabaaca^",
    "aca^acaabaaa__caa3`8`aa3`______8`aa3`8`aa3`______cu7_&`'^__l7_0^__%____a^a________",
    "c^e_______o_n___k_j___g___=^4^________________________a7^4^_______________________",
    "_a____B{______a^a__",
};
/* ---- tables end ---- */

/* The tables as numbers, one after the other in one array. */
enum {
    TANGO__LOWER_AT = 2 * TANGO__CLASS_ROWS,
    TANGO__MARK_AT = TANGO__LOWER_AT + 4 * TANGO__LOWER_ROWS,
    TANGO__PAIR_AT = TANGO__MARK_AT + 3 * TANGO__MARK_ROWS,
    TANGO__ORDER_AT = TANGO__PAIR_AT + 3 * TANGO__PAIR_ROWS,
    TANGO__UNICODE_SIZE = TANGO__ORDER_AT + TANGO__ORDER_ROWS
};

enum { TANGO__OTHER, TANGO__LETTER, TANGO__NUMBER, TANGO__SPACE }; /* classes */

/* out (rows, columns): each number is the one above it plus the next of the text, which
   is a signed number (0, -1, 1, -2, ...) in digits of five bits, low first. The last
   digit is ']' and up, those before it are '#' and up without '?' (two begin a
   trigraph). */
static void tango__table_read(
    uint32_t *out, const char *const *text, size_t rows, size_t columns)
{
    const char *p = *text;
    size_t i;
    for (i = 0; i < rows * columns; i++) {
        uint32_t value = 0, digit;
        int shift = 0, last = 0;
        for (; !last; shift += 5, p++) {
            if (*p == 0) p = *++text;
            last = *p >= ']';
            digit = (uint32_t)(*p - (last ? ']' : *p > '?' ? '$' : '#'));
            value |= digit << shift;
        }
        value = value & 1u ? 0u - (value + 1u) / 2u : value / 2u;
        out[i] = i < columns ? value : out[i - columns] + value;
    }
}

/* out (TANGO__UNICODE_SIZE) */
static void tango__unicode_read(uint32_t *out)
{
    tango__table_read(out, tango__class_text, TANGO__CLASS_ROWS, 2);
    tango__table_read(out + TANGO__LOWER_AT, tango__lower_text, TANGO__LOWER_ROWS, 4);
    tango__table_read(out + TANGO__MARK_AT, tango__mark_text, TANGO__MARK_ROWS, 3);
    tango__table_read(out + TANGO__PAIR_AT, tango__pair_text, TANGO__PAIR_ROWS, 3);
    tango__table_read(out + TANGO__ORDER_AT, tango__order_text, TANGO__ORDER_ROWS, 1);
}

/* The last row that does not begin above `code`, or NULL. */
static const uint32_t *tango__table_row(
    const uint32_t *table, size_t rows, size_t columns, uint32_t code)
{
    size_t low = 0, high = rows;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (table[middle * columns] <= code) low = middle + 1;
        else high = middle;
    }
    return low ? table + (low - 1) * columns : NULL;
}

TANGO__HOT
static uint32_t tango__unicode_class(const uint32_t *u, uint32_t code)
{
    return tango__table_row(u, TANGO__CLASS_ROWS, 2, code)[1]; /* the first row is 0 */
}

/* The small letter of a capital one. U+0130 is not here: it becomes two. */
static uint32_t tango__unicode_small(const uint32_t *u, uint32_t code)
{
    const uint32_t *row =
        tango__table_row(u + TANGO__LOWER_AT, TANGO__LOWER_ROWS, 4, code);
    if (row == NULL || code > row[1] || (code - row[0]) % row[2] != 0) return code;
    return code + row[3];
}

/* Canonical combining class: 0 for all but marks. */
static uint32_t tango__unicode_mark(const uint32_t *u, uint32_t code)
{
    const uint32_t *row = tango__table_row(u + TANGO__MARK_AT, TANGO__MARK_ROWS, 3, code);
    return row != NULL && code <= row[1] ? row[2] : 0u;
}

/* Syllables of Hangul: 11172 from U+AC00, made of 19 leading consonants, 21 vowels and 27
   trailing consonants or none.                             (Unicode, section 3.12) */
enum {
    TANGO__SYLLABLE = 0xac00,
    TANGO__LEADING = 0x1100,
    TANGO__VOWEL = 0x1161,
    TANGO__TRAILING = 0x11a7
};

/* Takes a character apart, as far as it goes: at most four parts. */
TANGO__HOT
static size_t tango__unicode_parts(const uint32_t *u, uint32_t *out, uint32_t code)
{
    const uint32_t *row = tango__table_row(u + TANGO__PAIR_AT, TANGO__PAIR_ROWS, 3, code);
    const uint32_t syllable = code - TANGO__SYLLABLE;
    size_t n = 1;
    out[0] = code;
    if (syllable < 11172u) {
        out[0] = TANGO__LEADING + syllable / 588u;
        out[1] = TANGO__VOWEL + syllable % 588u / 28u;
        out[2] = TANGO__TRAILING + syllable % 28u;
        return syllable % 28u ? 3u : 2u;
    }
    if (row == NULL || row[0] != code) return 1;
    n = tango__unicode_parts(u, out, row[1]);
    if (row[2] != 0) n += tango__unicode_parts(u, out + n, row[2]);
    return n;
}

/* The character that first and second make together, or 0. */
static uint32_t tango__unicode_together(
    const uint32_t *u, uint32_t first, uint32_t second)
{
    const uint32_t *pairs = u + TANGO__PAIR_AT, *order = u + TANGO__ORDER_AT;
    const uint32_t syllable = first - TANGO__SYLLABLE;
    size_t low = 0, high = TANGO__ORDER_ROWS;
    if (first - TANGO__LEADING < 19u && second - TANGO__VOWEL < 21u)
        return TANGO__SYLLABLE
               + ((first - TANGO__LEADING) * 21u + second - TANGO__VOWEL) * 28u;
    if (syllable < 11172u && syllable % 28u == 0 && second - TANGO__TRAILING - 1u < 27u)
        return first + (second - TANGO__TRAILING);
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const uint32_t *row = pairs + 3 * order[middle];
        if (row[1] == first && row[2] == second) return row[0];
        if (row[1] < first || (row[1] == first && row[2] < second)) low = middle + 1;
        else high = middle;
    }
    return 0;
}

/* Puts the marks codes[0..count) in order of their classes (in the top byte), those of
   one class as they are. spare (count). */
static void tango__unicode_order_marks(uint32_t *codes, size_t count, uint32_t *spare)
{
    size_t place[257], i;
    for (i = 1; i < count && codes[i - 1] >> 24 <= codes[i] >> 24; i++) {}
    if (i >= count) return;
    memset(place, 0, sizeof place);
    for (i = 0; i < count; i++) place[(codes[i] >> 24) + 1]++;
    for (i = 1; i < 257; i++) place[i] += place[i - 1];
    for (i = 0; i < count; i++) spare[place[codes[i] >> 24]++] = codes[i];
    memcpy(codes, spare, count * sizeof *codes);
}

/* Joins letters with the marks and letters behind them that make one character, and takes
   the classes out of the top bytes. Returns the count. */
TANGO__HOT
static size_t tango__unicode_compose(const uint32_t *u, uint32_t *codes, size_t count)
{
    size_t i, out = 0, letter = 0;
    int has_letter = 0;
    for (i = 0; i < count; i++) {
        const uint32_t class_here = codes[i] >> 24, code = codes[i] & 0xffffffu;
        /* A mark or letter of no lower class between them keeps the two apart. */
        if (has_letter && (out == letter + 1 || codes[out - 1] >> 24 < class_here)) {
            const uint32_t both = tango__unicode_together(u, codes[letter], code);
            if (both != 0) {
                codes[letter] = both;
                continue;
            }
        }
        if (class_here == 0) {
            letter = out;
            has_letter = 1;
        }
        codes[out++] = codes[i];
    }
    for (i = 0; i < out; i++) codes[i] &= 0xffffffu;
    return out;
}

/* Normal form C of codes[0..count), in place: taken apart (room for twice as many, in
   `spare`, of the same size), marks in order, put together again. Returns the count.
                                                            (Unicode, Annex 15) */
static size_t tango__normal_form_c(
    const uint32_t *u, uint32_t *codes, size_t count, uint32_t *spare)
{
    size_t i, n = 0, start;
    for (i = 0; i < count; i++) n += tango__unicode_parts(u, spare + n, codes[i]);
    memcpy(codes, spare, n * sizeof *codes);
    for (i = 0; i < n; i++) codes[i] |= tango__unicode_mark(u, codes[i]) << 24;
    for (i = 0; i < n; i++) {
        for (start = i; i < n && codes[i] >> 24 != 0; i++) {}
        if (i > start) tango__unicode_order_marks(codes + start, i - start, spare);
    }
    return tango__unicode_compose(u, codes, n);
}

/* ==== 3 >>tokenizer ==== Text to ids: SentencePiece, byte-level BPE ========= */

/* The pieces that begin with the same bytes: a run of the sorted ones. */
typedef struct tango__range {
    size_t low, high;
} tango__range;

/* In a run that shares `depth` bytes: the first piece whose next byte is not below
   `byte`. */
static size_t tango__run_bound(
    const tango_tokenizer *t, tango__range run, size_t depth, unsigned byte)
{
    while (run.low < run.high) {
        const size_t middle = run.low + (run.high - run.low) / 2;
        const uint32_t *place = t->places + 2 * middle;
        if (place[1] <= depth || t->file.data[place[0] + depth] < byte)
            run.low = middle + 1;
        else run.high = middle;
    }
    return run.low;
}

/* Narrows the run by one more byte. The id of the piece that ends with it, or -1.
   Whatever pieces a file holds, a byte costs two searches by halving, and the first byte
   that no piece goes on with ends the walk. */
static int32_t tango__run_next(
    const tango_tokenizer *t, tango__range *run, size_t depth, char next)
{
    const unsigned byte = (unsigned char)next;
    const uint32_t *place;
    run->low = tango__run_bound(t, *run, depth, byte);
    if (run->low == run->high) return -1;
    place = t->places + 2 * run->low;
    if (t->file.data[place[0] + depth] != byte) {
        run->high = run->low;
        return -1;
    }
    run->high = tango__run_bound(t, *run, depth, byte + 1);
    return place[1] == depth + 1 ? (int32_t)t->ids[run->low] : -1;
}

/* ids[i] = id of the piece at places[2*i]: texts stand in the file in order of id. */
static void tango__piece_ids(tango_tokenizer *t)
{
    size_t i;
    for (i = 0; i < t->count; i++) {
        const char *text = (const char *)t->file.data + t->places[2 * i];
        size_t low = 0, high = t->count - 1;
        while (low < high) {
            const size_t middle = low + (high - low) / 2;
            if (t->pieces[middle].text < text) low = middle + 1;
            else high = middle;
        }
        t->ids[i] = (uint32_t)low;
    }
}

/* Takes note of what the kind of piece i means for the search. */
static void tango__piece_note(tango_tokenizer *t, size_t i)
{
    const tango_piece *p = &t->pieces[i];
    if (p->type == TANGO_IO_PIECE_NORMAL) {
        if (p->score < t->lowest) t->lowest = p->score;
        if (p->score > t->highest) t->highest = p->score;
    }
    if (p->type == TANGO_IO_PIECE_UNKNOWN) t->unknown = (int32_t)i;
    if (p->type == TANGO_IO_PIECE_CONTROL && p->length == 4
        && memcmp(p->text, "</s>", 4) == 0)
        t->end = (int32_t)i;
}

static tango_result tango__spiece_open(tango_tokenizer *t, const void *bytes,
    size_t size, tango_arena *arena, tango_error *error)
{
    tango_io_piece piece;
    tango_result result;
    size_t cursor = 0, i;
    int ok = 1;
    result = tango_io_spiece_open(&t->file, bytes, size, error);
    if (result != TANGO_OK) return result;
    t->count = t->file.piece_count;
    for (i = 0; i < t->count;
        i++) /* known before anything is stored, for the bound on lengths */
        if (tango_io_spiece_next(&t->file, &cursor, &piece)
            && piece.type == TANGO_IO_PIECE_USER && piece.length > t->longest_user)
            t->longest_user = piece.length;
    cursor = 0;
    t->pieces = (tango_piece *)tango_arena_take(arena, t->count, sizeof *t->pieces, &ok);
    t->places = (uint32_t *)tango_arena_take(
        arena, t->count, 2 * sizeof *t->places, &ok);
    t->ids = (uint32_t *)tango_arena_take(arena, t->count, sizeof *t->ids, &ok);
    if (!ok)
        return tango_io_fail(
            error, TANGO_ERROR_MEMORY, "tokenizer: no room for %z pieces", t->count);
    if (arena->base == NULL) return TANGO_OK;
    result = tango_io_spiece_unique(&t->file, t->places, 2 * t->count, error);
    if (result != TANGO_OK) return result;
    t->lowest = 3.0e38f;
    t->highest = -3.0e38f;
    t->unknown = t->end = -1;
    for (i = 0; i < t->count; i++) {
        if (!tango_io_spiece_next(&t->file, &cursor, &piece))
            return tango_io_fail(
                error, TANGO_ERROR_DATA, "tokenizer: piece %z is missing", i);
        t->pieces[i].text = piece.text;
        t->pieces[i].length = (uint32_t)piece.length;
        t->pieces[i].type = (int32_t)piece.type;
        t->pieces[i].score = piece.score;
        tango__piece_note(t, i);
    }
    tango__piece_ids(t);
    if (t->unknown < 0 || t->end < 0 || t->lowest > t->highest)
        return tango_io_fail(
            error, TANGO_ERROR_DATA, "tokenizer: needs <unk>, </s> and a normal piece");
    return TANGO_OK;
}

/* Length of a well-formed UTF-8 character at text (shortest form, no surrogate), else 0.
 */
TANGO__HOT
static size_t tango__utf8(const char *text, size_t length)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = p[0] < 0x80   ? 1u
               : p[0] < 0xc2 ? 0u
               : p[0] < 0xe0 ? 2u
               : p[0] < 0xf0 ? 3u
               : p[0] < 0xf5 ? 4u
                             : 0u;
    size_t i;
    if (n == 0 || n > length) return 0;
    for (i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)) return 0;
    if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) return 0;
    return n;
}

TANGO__HOT
static uint32_t tango__trie_unit(const unsigned char *trie, size_t index)
{
    const unsigned char *p = trie + 4 * index;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16
           | (uint32_t)p[3] << 24;
}

TANGO__HOT
static size_t tango__trie_offset(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & 0x200u) >> 6);
}

/* The longest rule of the charsmap (a Darts double array) at text: its length, and where
   its replacement stands in *value. 0 if none. */
TANGO__HOT
static size_t tango__rule(
    const tango_io_spiece *file, const char *text, size_t length, size_t *value)
{
    size_t unit_count = file->trie_units, at, i, longest = 0;
    uint32_t unit;
    if (unit_count == 0) return 0;
    at = tango__trie_offset(tango__trie_unit(file->trie, 0));
    /* The bound is that of pieces: a trie may lead in circles. */
    for (i = 0; i < length && i < TANGO_IO_PIECE_MAX; i++) {
        unsigned char byte = (unsigned char)text[i];
        at ^= byte;
        if (byte == 0 || at >= unit_count) break;
        unit = tango__trie_unit(file->trie, at);
        if ((unit & 0x800000ffu) != byte) break;
        at ^= tango__trie_offset(unit);
        if (at >= unit_count) break;
        if (unit & 0x100u) {
            longest = i + 1;
            *value = tango__trie_unit(file->trie, at) & 0x7fffffffu;
        }
    }
    return longest;
}

/* Longest user-defined piece at text, 0 if none: those pass the normaliser untouched. */
static size_t tango__user_piece(const tango_tokenizer *t, const char *text, size_t length)
{
    tango__range run = { 0, 0 };
    size_t i, found = 0;
    run.high = t->count;
    for (i = 0; run.low < run.high && i < length && i < t->longest_user; i++) {
        const int32_t id = tango__run_next(t, &run, i, text[i]);
        if (id >= 0 && t->pieces[id].type == TANGO_IO_PIECE_USER) found = i + 1;
    }
    return found;
}

/* What the characters at text become: *out, *out_length; returns the bytes consumed. */
static size_t tango__normal_form(const tango_tokenizer *t, const char *text,
    size_t length, const char **out, size_t *out_length)
{
    size_t value = 0, used = t->longest_user ? tango__user_piece(t, text, length) : 0;
    if (used == 0) {
        used = tango__rule(&t->file, text, length, &value);
        if (used != 0) {
            *out = t->file.strings + value;
            *out_length = strlen(*out);
            return used;
        }
        used = tango__utf8(text, length);
    }
    *out = used ? text : "\xef\xbf\xbd"; /* U+FFFD stands for one malformed byte */
    *out_length = used ? used : 3;
    return used ? used : 1;
}

/* Appends bytes to out (NULL: only counts), spaces as U+2581. */
static size_t tango__append(
    char *out, size_t at, const char *bytes, size_t length, int escape)
{
    size_t i;
    for (i = 0; i < length; i++) {
        int space = escape && bytes[i] == ' ';
        if (out != NULL) {
            if (space) memcpy(out + at, "\xe2\x96\x81", 3);
            else out[at] = bytes[i];
        }
        at += space ? 3u : 1u;
    }
    return at;
}

/* Normalises text into out (NULL: only counts, before trailing spaces go); returns bytes.
                                                    (sentencepiece, normalizer.cc) */
TANGO__HOT
static size_t tango__normalise(
    const tango_tokenizer *t, char *out, const char *text, size_t length)
{
    const int squeeze = t->file.remove_extra_whitespaces,
              escape = t->file.escape_whitespaces;
    const char *form;
    size_t form_length, used, at = 0, in = 0;
    int after_space = squeeze;
    while (squeeze && in < length) {
        used = tango__normal_form(t, text + in, length - in, &form, &form_length);
        if (form_length != 1 || form[0] != ' ') break;
        in += used;
    }
    if (in >= length) return 0;
    if (t->file.add_dummy_prefix) at = tango__append(out, at, " ", 1, escape);
    while (in < length) {
        in += tango__normal_form(t, text + in, length - in, &form, &form_length);
        while (after_space && form_length > 0 && form[0] == ' ') form++, form_length--;
        if (form_length > 0) {
            at = tango__append(out, at, form, form_length, escape);
            after_space = squeeze && form[form_length - 1] == ' ';
        }
    }
    if (squeeze && out != NULL) {
        const char *space = escape ? "\xe2\x96\x81" : " ";
        size_t n = escape ? 3 : 1;
        while (at >= n && memcmp(out + at - n, space, n) == 0) at -= n;
    }
    return at;
}

typedef struct tango__best { /* the best segmentation that ends at one byte */
    float score;
    uint32_t start;
    int32_t id; /* -1: nothing ends here */
} tango__best;

/* Equal scores keep the earlier start: only a larger sum in float replaces one. */
TANGO__HOT
static void tango__offer(tango__best *best, float score, size_t start, int32_t id)
{
    if (best->id >= 0 && !(score > best->score)) return;
    best->score = score;
    best->start = (uint32_t)start;
    best->id = id;
}

/* Never less than the bytes of the normal form; needs no table, so that it can be
   measured. */
static size_t tango__normal_bound(
    const tango_tokenizer *t, const char *text, size_t length)
{
    tango_tokenizer plain = *t;
    plain.longest_user =
        0; /* user-defined pieces pass as they are: at most `length` bytes */
    return tango__normalise(&plain, NULL, text, length) + (t->longest_user ? length : 0);
}

/* Viterbi search, byte by byte.           (Kudo 2018; sentencepiece, unigram_model.cc) */
TANGO__HOT
static void tango__segment(
    const tango_tokenizer *t, tango__best *best, const char *text, size_t length)
{
    size_t start = 0, n, i;
    for (i = 0; i <= length; i++) best[i].id = -1;
    best[0].score = 0.0f;
    for (start = 0; start < length; start += n) {
        tango__range run = { 0, 0 };
        float here = best[start].score;
        int single = 0;
        unsigned char lead = (unsigned char)text[start];
        n = lead < 0xc0 ? 1u : lead < 0xe0 ? 2u : lead < 0xf0 ? 3u : 4u;
        if (n > length - start) n = length - start;
        run.high = t->count;
        for (i = 1; run.low < run.high && i <= length - start; i++) {
            const int32_t id = tango__run_next(t, &run, i - 1, text[start + i - 1]);
            const tango_piece *piece;
            if (id < 0) continue;
            piece = &t->pieces[id];
            if (piece->type == TANGO_IO_PIECE_USER)
                tango__offer(
                    &best[start + i], (float)i * t->highest - 0.1f + here, start, id);
            else if (piece->type == TANGO_IO_PIECE_NORMAL)
                tango__offer(&best[start + i], piece->score + here, start, id);
            else continue;
            if (i == n) single = 1;
        }
        if (!single)
            tango__offer(&best[start + n], t->lowest - 10.0f + here, start, t->unknown);
    }
}

/* Walks the best path from the end and writes its ids below `limit`, counted from the
   front; runs of <unk> are one id. With ids NULL it only counts. */
TANGO__HOT
static size_t tango__path(const tango_tokenizer *t, const tango__best *best,
    size_t length, int32_t *ids, size_t total, size_t limit)
{
    size_t at = length, count = 0;
    int32_t later = -1;
    for (; at > 0; at = best[at].start) {
        int32_t id = best[at].id;
        if (id != t->unknown || later != t->unknown) {
            count++;
            if (ids != NULL && total - count < limit) ids[total - count] = id;
        }
        later = id;
    }
    return count;
}

static tango_result tango__spiece_tokenise(const tango_tokenizer *t, int32_t *ids,
    size_t capacity, size_t *count, int *cut, const char *text, size_t length,
    tango_arena *arena, tango_error *error)
{
    size_t mark = arena->used, bytes = tango__normal_bound(t, text, length), total = 0;
    tango__best *best;
    char *normal;
    int ok = 1;
    if (capacity == 0 || bytes >= 0xffffffffu)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "tokenizer: text of %z bytes, room for %z ids", length, capacity);
    normal = (char *)tango_arena_take(arena, bytes + 1, 1, &ok);
    best = (tango__best *)tango_arena_take(arena, bytes + 1, sizeof *best, &ok);
    if (!ok)
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
            "tokenizer: no room for a text of %z bytes", length);
    if (arena->base != NULL) {
        bytes = tango__normalise(t, normal, text, length);
        tango__segment(t, best, normal, bytes);
        total = tango__path(t, best, bytes, NULL, 0, 0);
        tango__path(t, best, bytes, ids, total, capacity - 1);
        *count = total < capacity ? total + 1 : capacity;
        ids[*count - 1] = t->end;
        if (cut != NULL) *cut = total > capacity - 1;
    }
    tango_arena_release(arena, mark);
    return TANGO_OK;
}

/* Byte-level BPE. ------------------------------------------------------------ */

typedef struct tango__symbol {
    int32_t id;              /* -1: joined to the one before it */
    uint32_t previous, next; /* UINT32_MAX at the ends */
} tango__symbol;

typedef struct tango__candidate { /* two neighbours that a merge would join */
    uint32_t rank, at;            /* at: the left symbol */
    int32_t result;
} tango__candidate;

/* Spells one text. The arrays hold what a text of `length` bytes can become: 3 * length
   bytes, 2 * length code points, with a little to spare (tests/oracle/unicode.py looks
   at every character), and twice as many candidates as symbols. */
typedef struct tango__speller {
    const tango_tokenizer *t;
    uint32_t *codes, *spare;
    tango__symbol *symbols;
    tango__candidate *heap;
    size_t waiting; /* candidates in the heap */
    int32_t *ids;
    size_t capacity, count; /* count may become capacity + 1, and then it stays */
} tango__speller;

static int tango__before(const tango__candidate *a, const tango__candidate *b)
{
    return a->rank < b->rank || (a->rank == b->rank && a->at < b->at);
}

/* Adds the merge of symbol `at` and its neighbour, if there is one, to the heap. */
static void tango__propose(tango__speller *s, uint32_t at)
{
    const tango__symbol *left = &s->symbols[at];
    tango__candidate c;
    size_t i = s->waiting;
    c.at = at;
    if (left->next == UINT32_MAX
        || !tango_io_bpe_merge(
            &s->t->bpe, left->id, s->symbols[left->next].id, &c.rank, &c.result))
        return;
    s->waiting++;
    for (; i > 0 && tango__before(&c, &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = c;
}

/* Takes the candidate of lowest rank, of those the leftmost. */
static tango__candidate tango__propose_next(tango__speller *s)
{
    const tango__candidate first = s->heap[0], last = s->heap[--s->waiting];
    size_t i = 0, child;
    for (; (child = 2 * i + 1) < s->waiting; i = child) {
        if (child + 1 < s->waiting
            && tango__before(&s->heap[child + 1], &s->heap[child]))
            child++;
        if (!tango__before(&s->heap[child], &last)) break;
        s->heap[i] = s->heap[child];
    }
    s->heap[i] = last;
    return first;
}

/* Joins neighbours until no rule applies: the earliest rule first, leftmost first. A
   candidate whose symbols have changed meanwhile is passed over. At most 3 * count
   candidates come up: one for each pair, two for each merge. */
TANGO__HOT
static void tango__merge_word(tango__speller *s, size_t count)
{
    size_t i;
    s->waiting = 0;
    for (i = 0; i < count; i++) tango__propose(s, (uint32_t)i);
    while (s->waiting > 0) {
        const tango__candidate c = tango__propose_next(s);
        tango__symbol *left = &s->symbols[c.at], *right;
        uint32_t rank;
        int32_t result;
        if (left->id < 0 || left->next == UINT32_MAX) continue;
        right = &s->symbols[left->next];
        if (!tango_io_bpe_merge(&s->t->bpe, left->id, right->id, &rank, &result)
            || result != c.result)
            continue;
        left->id = result;
        right->id = -1;
        left->next = right->next;
        if (left->next != UINT32_MAX) s->symbols[left->next].previous = c.at;
        tango__propose(s, c.at);
        if (left->previous != UINT32_MAX) tango__propose(s, left->previous);
    }
}

static void tango__spell_id(tango__speller *s, int32_t id)
{
    if (s->count > s->capacity) return;
    if (s->count < s->capacity) s->ids[s->count] = id;
    s->count++;
}

static size_t tango__put_utf8(unsigned char out[4], uint32_t code)
{
    const size_t n = code < 0x80u ? 1u : code < 0x800u ? 2u : code < 0x10000u ? 3u : 4u;
    static const unsigned lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    size_t i;
    for (i = n - 1; i > 0; i--, code >>= 6)
        out[i] = (unsigned char)(0x80u | (code & 0x3fu));
    out[0] = (unsigned char)(lead[n] | code);
    return n;
}

/* Ids of one word: its bytes are symbols, the last of CLIP's with the end of word. Bytes
   that are no entry are the unknown token, or nothing. */
static void tango__spell_word(tango__speller *s, const uint32_t *codes, size_t count)
{
    const tango_io_bpe *bpe = &s->t->bpe;
    unsigned char bytes[4];
    size_t i, k, n = 0;
    if (s->count > s->capacity) return;
    for (i = 0; i < count; i++) {
        const size_t size = tango__put_utf8(bytes, codes[i]);
        for (k = 0; k < size; k++) {
            const int last = i + 1 == count && k + 1 == size;
            int32_t id = tango_io_bpe_byte(bpe, bytes[k], last);
            if (id < 0) id = bpe->unknown;
            if (id < 0) continue;
            s->symbols[n].id = id;
            s->symbols[n].previous = n ? (uint32_t)n - 1 : UINT32_MAX;
            s->symbols[n].next = (uint32_t)n + 1;
            n++;
        }
    }
    if (n == 0) return;
    s->symbols[n - 1].next = UINT32_MAX;
    tango__merge_word(s, n);
    for (i = 0; i < n; i = s->symbols[i].next < n ? s->symbols[i].next : n)
        tango__spell_id(s, s->symbols[i].id);
}

/* Characters of one class at codes. */
static size_t tango__run_of(
    const tango_tokenizer *t, const uint32_t *codes, size_t count, uint32_t class_wanted)
{
    size_t n = 0;
    while (n < count && tango__unicode_class(t->unicode, codes[n]) == class_wanted) n++;
    return n;
}

/* Length of the word at codes if they are ASCII text. */
static size_t tango__spelt(const uint32_t *codes, size_t count, const char *word)
{
    size_t n = 0;
    while (word[n] && n < count && codes[n] == (unsigned char)word[n]) n++;
    return word[n] ? 0 : n;
}

/* 's 't 're 've 'm 'll 'd */
static size_t tango__contraction(const uint32_t *codes, size_t count)
{
    static const char *const endings[] = { "'s", "'t", "'re", "'ve", "'m", "'ll", "'d" };
    size_t i, n = 0;
    for (i = 0; i < sizeof endings / sizeof *endings && n == 0; i++)
        n = tango__spelt(codes, count, endings[i]);
    return n;
}

/* A word of GPT-2's regular expression, which ends nowhere but at a character:
       's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+  */
static size_t tango__word_roberta(
    const tango_tokenizer *t, const uint32_t *codes, size_t count)
{
    const size_t space = codes[0] == ' ' && count > 1 ? 1 : 0;
    const uint32_t kind = tango__unicode_class(t->unicode, codes[space]);
    size_t n = tango__contraction(codes, count);
    if (n > 0) return n;
    if (kind != TANGO__SPACE)
        return space + tango__run_of(t, codes + space, count - space, kind);
    n = tango__run_of(t, codes, count, TANGO__SPACE);
    return n < count && n > 1 ? n - 1 : n; /* the last space belongs to what follows */
}

/* A word of CLIP's, where spaces are left out:
       's|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+  */
static size_t tango__word_clip(
    const tango_tokenizer *t, const uint32_t *codes, size_t count)
{
    const size_t n = tango__contraction(codes, count);
    const uint32_t kind = tango__unicode_class(t->unicode, codes[0]);
    if (n > 0) return n;
    return kind == TANGO__NUMBER ? 1 : tango__run_of(t, codes, count, kind);
}

/* Words of what lies between special tokens. Where CLIP's regular expression has those as
   words, GPT-2's splits them again, so that "<|", "endoftext" and "|>" are left; only
   what stands behind does not join in. */
static void tango__spell_words(tango__speller *s, const uint32_t *codes, size_t count)
{
    const int clip = s->t->bpe.kind == TANGO_IO_BPE_CLIP;
    const int words = clip && (s->t->bpe.flags & TANGO_IO_BPE_WORDS) != 0;
    size_t at, n;
    for (at = 0; at < count && s->count <= s->capacity; at += n) {
        const uint32_t *here = codes + at;
        n = words ? tango__spelt(here, count - at, "<|startoftext|>") : 0;
        if (words && n == 0) n = tango__spelt(here, count - at, "<|endoftext|>");
        if (n > 0) {
            tango__spell_word(s, here, 2);
            tango__spell_word(s, here + 2, n - 4);
            tango__spell_word(s, here + n - 2, 2);
            continue;
        }
        n = clip ? tango__word_clip(s->t, here, count - at)
                 : tango__word_roberta(s->t, here, count - at);
        if (!clip || tango__unicode_class(s->t->unicode, here[0]) != TANGO__SPACE)
            tango__spell_word(s, here, n);
    }
}

/* Code point at text, *used bytes; U+FFFD for a byte that is no UTF-8. */
static uint32_t tango__code(const char *text, size_t length, size_t *used)
{
    const unsigned char *p = (const unsigned char *)text;
    const size_t n = tango__utf8(text, length);
    uint32_t code = n == 1 ? p[0] : p[0] & (0x7fu >> n);
    size_t i;
    for (i = 1; i < n; i++) code = code << 6 | (p[i] & 0x3fu);
    *used = n ? n : 1;
    return n ? code : 0xfffdu;
}

/* The longest special token that codes begin with, of those whose flags say so. */
static int tango__special_in(const tango_tokenizer *t, const uint32_t *codes,
    size_t count, uint32_t normalised, tango_io_bpe_special *found, size_t *length)
{
    tango_io_bpe_special special;
    size_t cursor = 0, used, longest = 0;
    while (tango_io_bpe_special_next(&t->bpe, &cursor, &special)) {
        size_t at = 0, n = 0;
        if ((special.flags & TANGO_IO_BPE_NORMALISED) != normalised) continue;
        while (at < special.length && n < count
               && tango__code(special.text + at, special.length - at, &used)
                      == codes[n]) {
            at += used;
            n++;
        }
        if (at < special.length || special.length <= longest) continue;
        longest = special.length;
        *found = special;
        *length = n;
    }
    return longest != 0;
}

/* What is done to a text of CLIP: normal form C, runs of spaces to one, small letters. */
static size_t tango__spell_normal(tango__speller *s, size_t count)
{
    const uint32_t *u = s->t->unicode;
    uint32_t *codes = s->codes;
    size_t i, n = tango__normal_form_c(u, codes, count, s->spare), out = 0;
    int space = 0;
    for (i = 0; i < n; i++) {
        const int more = space;
        space = tango__unicode_class(u, codes[i]) == TANGO__SPACE;
        if (space && more) continue;
        s->spare[out++] = space                ? (uint32_t)' '
                          : codes[i] == 0x130u ? (uint32_t)'i'
                                               : tango__unicode_small(u, codes[i]);
        if (codes[i] == 0x130u) s->spare[out++] = 0x307u;
    }
    memcpy(codes, s->spare, out * sizeof *codes);
    return out;
}

static void tango__spell_part(
    tango__speller *s, uint32_t *codes, size_t count, uint32_t normalised);

/* A part between special tokens, which are looked for again behind the normaliser. */
static void tango__spell_between(
    tango__speller *s, uint32_t *codes, size_t count, uint32_t normalised)
{
    if (count == 0) return;
    if (normalised) {
        tango__spell_words(s, codes, count);
        return;
    }
    memmove(s->codes, codes, count * sizeof *codes);
    if (s->t->bpe.kind == TANGO_IO_BPE_CLIP) count = tango__spell_normal(s, count);
    tango__spell_part(s, s->codes, count, TANGO_IO_BPE_NORMALISED);
}

/* Ids of a text, split at its special tokens: the leftmost first, of those the longest.
   One that strips takes the spaces beside it. */
static void tango__spell_part(
    tango__speller *s, uint32_t *codes, size_t count, uint32_t normalised)
{
    const uint32_t *u = s->t->unicode;
    size_t at = 0, from = 0, start, length;
    tango_io_bpe_special special;
    while (at < count && s->count <= s->capacity) {
        if (!tango__special_in(
                s->t, codes + at, count - at, normalised, &special, &length)) {
            at++;
            continue;
        }
        start = at;
        while ((special.flags & TANGO_IO_BPE_LSTRIP) && start > from
               && tango__unicode_class(u, codes[start - 1]) == TANGO__SPACE)
            start--;
        at += length;
        while ((special.flags & TANGO_IO_BPE_RSTRIP) && at < count
               && tango__unicode_class(u, codes[at]) == TANGO__SPACE)
            at++;
        tango__spell_between(s, codes + from, start - from, normalised);
        tango__spell_id(s, special.id);
        from = at;
    }
    tango__spell_between(s, codes + from, count - from, normalised);
}

static tango_result tango__bpe_open(tango_tokenizer *t, const void *bytes, size_t size,
    tango_arena *arena, tango_error *error)
{
    uint32_t *tables;
    int ok = 1;
    tango_result result = tango_io_bpe_open(&t->bpe, bytes, size, error);
    if (result != TANGO_OK) return result;
    tables = (uint32_t *)tango_arena_take(
        arena, TANGO__UNICODE_SIZE, sizeof *tables, &ok);
    if (!ok)
        return tango_io_fail(
            error, TANGO_ERROR_MEMORY, "tokenizer: no room for its tables");
    if (tables != NULL) tango__unicode_read(tables);
    t->unicode = tables;
    t->kind = (int)t->bpe.kind;
    t->end = t->bpe.end;
    t->pad = t->bpe.pad;
    t->most = t->bpe.kind == TANGO_IO_BPE_CLIP ? 77 : TANGO_TOKENS_MAX;
    return TANGO_OK;
}

/* ids = first token, the text's, last token. */
static tango_result tango__bpe_tokenise(const tango_tokenizer *t, int32_t *ids,
    size_t capacity, size_t *count, int *cut, const char *text, size_t length,
    tango_arena *arena, tango_error *error)
{
    const size_t mark = arena->used;
    tango__speller s;
    uint32_t *text_codes;
    size_t n = 0, at, used;
    int ok = 1;
    memset(&s, 0, sizeof s);
    if (capacity < 2 || length >= 0x1fffffffu)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "tokenizer: text of %z bytes, room for %z ids", length, capacity);
    s.t = t;
    text_codes = (uint32_t *)tango_arena_take(arena, length + 1, sizeof *s.codes, &ok);
    s.codes = (uint32_t *)tango_arena_take(arena, 2 * length + 4, sizeof *s.codes, &ok);
    s.spare = (uint32_t *)tango_arena_take(arena, 2 * length + 4, sizeof *s.spare, &ok);
    s.symbols = (tango__symbol *)tango_arena_take(
        arena, 3 * length + 4, sizeof *s.symbols, &ok);
    s.heap = (tango__candidate *)tango_arena_take(
        arena, 6 * length + 8, sizeof *s.heap, &ok);
    if (!ok)
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
            "tokenizer: no room for a text of %z bytes", length);
    if (arena->base != NULL) {
        s.ids = ids + 1;
        s.capacity = capacity - 2;
        for (at = 0; at < length; at += used)
            text_codes[n++] = tango__code(text + at, length - at, &used);
        tango__spell_part(&s, text_codes, n, 0);
        ids[0] = t->bpe.begin;
        *count = (s.count < s.capacity ? s.count : s.capacity) + 2;
        ids[*count - 1] = t->end;
        if (cut != NULL) *cut = s.count > s.capacity;
    }
    tango_arena_release(arena, mark);
    return TANGO_OK;
}

/* Never less than the ids that tango_tokenize makes of a text without a limit; needs no
   table, so that it can be measured. */
static size_t tango__tokens_bound(
    const tango_tokenizer *t, const char *text, size_t length)
{
    if (t->kind != 0) return length < SIZE_MAX / 4 ? 3 * length + 2 : SIZE_MAX;
    return tango__normal_bound(t, text, length) + 1; /* a token is a byte or more */
}

TANGO_API tango_result tango_tokenizer_open(tango_tokenizer *t, const void *bytes,
    size_t size, tango_arena *arena, tango_error *error)
{
    memset(t, 0, sizeof *t);
    if (size >= 8 && memcmp(bytes, "TANGOBPE", 8) == 0)
        return tango__bpe_open(t, bytes, size, arena, error);
    t->most = TANGO_TOKENS_MAX;
    return tango__spiece_open(t, bytes, size, arena, error);
}

TANGO_API tango_result tango_tokenize(const tango_tokenizer *t, int32_t *ids,
    size_t capacity, size_t *count, int *cut, const char *text, size_t length,
    tango_arena *arena, tango_error *error)
{
    return (t->kind ? tango__bpe_tokenise : tango__spiece_tokenise)(
        t, ids, capacity, count, cut, text, length, arena, error);
}


/* ==== 4 >>model ==== The blob's configuration, opened and checked =========== */

enum { TANGO__ADAPTER_WIDTH = 512, TANGO__ADAPTER_CHANNELS = 8 };

static const char *const tango__part_names[] = { "text", "unet", "vae", "vocoder",
    "rank", NULL };
static const char *const tango__text_types[] = { "t5", "clip", "clap", NULL };
static const char *const tango__tokenizers[] = { "sentencepiece", "clip", "roberta",
    NULL };
static const char *const tango__activations[] = { "gelu", "quick_gelu", NULL };
static const char *const tango__guidances[] = { "", "fourier", "ctm", NULL };
static const char *const tango__beta_schedules[] = { "linear", "scaled_linear", NULL };
static const char *const tango__predictions[] = { "epsilon", "v_prediction", "sample",
    NULL };
static const char *const tango__spacings[] = { "", "leading", "linspace", "trailing",
    NULL };
static const char *const tango__finals[] = { "", "zero", "sigma_min", NULL };
static const char *const tango__variances[] = { "fixed_small", "fixed_large", NULL };
static const char *const tango__algorithms[] = { "dpmsolver++", "deis", NULL };
static const char *const tango__solvers[] = { "midpoint", "bh2", "logrho", NULL };
static const char *const tango__sampler_names[] = { "", "ddpm", "ddim", "dpm", "euler",
    "unipc", "euler-a", "heun", "dpm-sde", "lcm", "consistency", "ctm", NULL };
static const char *const tango__vocoder_names[] = { "", "hifigan", "griffin-lim", NULL };

/* Words stand in the order of the enum that they become; "" is that of DEFAULT. */
static const tango_limit tango__limits[] = {
    /* key, type, most, low, high, absent, words */
    { "text.type", TANGO_IO_STRING, 0, 0, 0, 0, tango__text_types },
    { "text.vocab", TANGO_IO_U64, 1, 2, 1 << 24, TANGO_REQUIRED, NULL },
    { "text.d_model", TANGO_IO_U64, 1, 1, 65536, TANGO_REQUIRED, NULL },
    { "text.d_kv", TANGO_IO_U64, 1, 1, 65536, TANGO_REQUIRED_T5, NULL },
    { "text.d_ff", TANGO_IO_U64, 1, 1, 1 << 20, TANGO_REQUIRED, NULL },
    { "text.layers", TANGO_IO_U64, 1, 1, 1024, TANGO_REQUIRED, NULL },
    { "text.heads", TANGO_IO_U64, 1, 1, 4096, TANGO_REQUIRED, NULL },
    { "text.buckets", TANGO_IO_U64, 1, 4, 65536, TANGO_REQUIRED_T5, NULL },
    { "text.max_distance", TANGO_IO_U64, 1, 2, 1 << 24, TANGO_REQUIRED_T5, NULL },
    { "text.positions", TANGO_IO_U64, 1, 4, 65536, TANGO_REQUIRED_POSITIONS, NULL },
    { "text.pad", TANGO_IO_U64, 1, 0, 1 << 24, TANGO_REQUIRED_POSITIONS, NULL },
    { "text.projection", TANGO_IO_U64, 1, 1, 65536, TANGO_REQUIRED_CLAP, NULL },
    { "text.activation", TANGO_IO_STRING, 0, 0, 0, TANGO_REQUIRED_CLIP,
        tango__activations },
    { "text.eps", TANGO_IO_F64, 1, 1e-12, 1, TANGO_REQUIRED, NULL },

    { "unet.in_channels", TANGO_IO_U64, 1, 1, 4096, TANGO_REQUIRED, NULL },
    { "unet.out_channels", TANGO_IO_U64, 1, 1, 4096, TANGO_REQUIRED, NULL },
    { "unet.channels", TANGO_IO_U64, TANGO_LEVELS_MAX, 2, 65536, TANGO_REQUIRED, NULL },
    { "unet.heads", TANGO_IO_U64, TANGO_LEVELS_MAX, 1, 4096, TANGO_REQUIRED, NULL },
    { "unet.down_attention", TANGO_IO_U64, TANGO_LEVELS_MAX, 0, 1, TANGO_REQUIRED, NULL },
    { "unet.up_attention", TANGO_IO_U64, TANGO_LEVELS_MAX, 0, 1, TANGO_REQUIRED, NULL },
    { "unet.layers_per_block", TANGO_IO_U64, 1, 1, 16, TANGO_REQUIRED, NULL },
    { "unet.norm_groups", TANGO_IO_U64, 1, 1, 4096, TANGO_REQUIRED, NULL },
    { "unet.cross_dim", TANGO_IO_U64, 1, 0, 65536, TANGO_REQUIRED, NULL },
    { "unet.class_dim", TANGO_IO_U64, 1, 0, 65536, 0, NULL },
    { "unet.guidance", TANGO_IO_STRING, 0, 0, 0, 0, tango__guidances },
    { "unet.guidance_dim", TANGO_IO_U64, 1, 0, 65536, 0, NULL },
    { "unet.norm_eps", TANGO_IO_F64, 1, 1e-12, 1, TANGO_REQUIRED, NULL },
    { "unet.freq_shift", TANGO_IO_F64, 1, -16, 16, TANGO_REQUIRED, NULL },
    { "unet.flip_sin_to_cos", TANGO_IO_U64, 1, 0, 1, TANGO_REQUIRED, NULL },
    { "unet.center_input", TANGO_IO_U64, 1, 0, 0, TANGO_REQUIRED, NULL },
    { "unet.mid_scale", TANGO_IO_F64, 1, 1, 1, TANGO_REQUIRED, NULL },
    { "unet.adapters", TANGO_IO_U64, 1, 0, 1, TANGO_REQUIRED, NULL },

    { "vae.channels", TANGO_IO_U64, 1, 1, 4096, TANGO_REQUIRED, NULL },
    { "vae.ch_mult", TANGO_IO_U64, TANGO_LEVELS_MAX, 1, 64, TANGO_REQUIRED, NULL },
    { "vae.res_blocks", TANGO_IO_U64, 1, 1, 16, TANGO_REQUIRED, NULL },
    { "vae.z_channels", TANGO_IO_U64, 1, 1, 4096, TANGO_REQUIRED, NULL },
    { "vae.embed_dim", TANGO_IO_U64, 1, 1, 4096, TANGO_REQUIRED, NULL },
    { "vae.groups", TANGO_IO_U64, 1, 1, 4096, TANGO_REQUIRED, NULL },
    { "vae.in_channels", TANGO_IO_U64, 1, 1, 1, TANGO_REQUIRED, NULL },
    { "vae.out_channels", TANGO_IO_U64, 1, 1, 1, TANGO_REQUIRED, NULL },
    { "vae.scale_factor", TANGO_IO_F64, 1, 1e-6, 1e6, TANGO_REQUIRED, NULL },
    { "vae.clip_latent", TANGO_IO_U64, 1, 0, 1, 0, NULL },

    { "vocoder.mels", TANGO_IO_U64, 1, 1, 4096, TANGO_REQUIRED, NULL },
    { "vocoder.channels", TANGO_IO_U64, 1, 1, 65536, TANGO_REQUIRED, NULL },
    { "vocoder.rates", TANGO_IO_U64, TANGO_LEVELS_MAX, 1, 64, TANGO_REQUIRED, NULL },
    { "vocoder.kernels", TANGO_IO_U64, TANGO_LEVELS_MAX, 1, 256, TANGO_REQUIRED, NULL },
    { "vocoder.res_kernels", TANGO_IO_U64, TANGO_LEVELS_MAX, 1, 255, TANGO_REQUIRED,
        NULL },
    { "vocoder.res_dilations", TANGO_IO_U64, 3 * TANGO_LEVELS_MAX, 1, 64, TANGO_REQUIRED,
        NULL },

    { "audio.rate", TANGO_IO_U64, 1, 1, 1000000, TANGO_REQUIRED, NULL },
    { "audio.fft", TANGO_IO_U64, 1, 16, 65536, TANGO_REQUIRED, NULL },
    { "audio.hop", TANGO_IO_U64, 1, 1, 65536, TANGO_REQUIRED, NULL },
    { "audio.window", TANGO_IO_U64, 1, 16, 65536, TANGO_REQUIRED, NULL },
    { "audio.mels", TANGO_IO_U64, 1, 1, 4096, TANGO_REQUIRED, NULL },
    { "audio.fmin", TANGO_IO_F64, 1, 0, 500000, TANGO_REQUIRED, NULL },
    { "audio.fmax", TANGO_IO_F64, 1, 0, 500000, TANGO_REQUIRED, NULL },

    /* From 1e-7 on, 1 - beta is not 1 in float. */
    { "schedule.class", TANGO_IO_STRING, 0, 0, 0, 0, NULL },
    { "schedule.train_steps", TANGO_IO_U64, 1, 2, 100000, TANGO_REQUIRED, NULL },
    { "schedule.beta_start", TANGO_IO_F64, 1, 1e-7, 0.5, TANGO_REQUIRED, NULL },
    { "schedule.beta_end", TANGO_IO_F64, 1, 1e-7, 0.999, TANGO_REQUIRED, NULL },
    { "schedule.beta_schedule", TANGO_IO_STRING, 0, 0, 0, 0, tango__beta_schedules },
    { "schedule.prediction", TANGO_IO_STRING, 0, 0, 0, 0, tango__predictions },
    { "schedule.spacing", TANGO_IO_STRING, 0, 0, 0, 0, tango__spacings },
    { "schedule.final_sigmas_type", TANGO_IO_STRING, 0, 0, 0, 0, tango__finals },
    { "schedule.variance_type", TANGO_IO_STRING, 0, 0, 0, 0, tango__variances },
    { "schedule.algorithm_type", TANGO_IO_STRING, 0, 0, 0, 0, tango__algorithms },
    { "schedule.solver_type", TANGO_IO_STRING, 0, 0, 0, 0, tango__solvers },
    { "schedule.solver_order", TANGO_IO_U64, 1, 2, 2, 2, NULL },
    { "schedule.steps_offset", TANGO_IO_U64, 1, 0, 1000, 0, NULL },
    { "schedule.clip_sample", TANGO_IO_U64, 1, 0, 1, -1, NULL },
    { "schedule.clip_sample_range", TANGO_IO_F64, 1, 1e-6, 1e6, 1, NULL },
    { "schedule.thresholding", TANGO_IO_U64, 1, 0, 1, 0, NULL },
    { "schedule.dynamic_thresholding_ratio", TANGO_IO_F64, 1, 0, 1, 0.995, NULL },
    { "schedule.sample_max_value", TANGO_IO_F64, 1, 1, 1e6, 1, NULL },
    { "schedule.set_alpha_to_one", TANGO_IO_U64, 1, 0, 1, -1, NULL },
    { "schedule.lower_order_final", TANGO_IO_U64, 1, 0, 1, 1, NULL },
    { "schedule.rescale_betas_zero_snr", TANGO_IO_U64, 1, 0, 0, 0, NULL },
    { "schedule.use_karras_sigmas", TANGO_IO_U64, 1, 0, 1, 0, NULL },
    { "schedule.original_inference_steps", TANGO_IO_U64, 1, 1, 100000, 50, NULL },

    { "rank.dims", TANGO_IO_U64, TANGO_LEVELS_MAX, 1, 65536, TANGO_REQUIRED, NULL },
    { "rank.depths", TANGO_IO_U64, TANGO_LEVELS_MAX, 1, 1024, TANGO_REQUIRED, NULL },
    { "rank.heads", TANGO_IO_U64, TANGO_LEVELS_MAX, 1, 4096, TANGO_REQUIRED, NULL },
    { "rank.window", TANGO_IO_U64, 1, 2, 64, TANGO_REQUIRED, NULL },
    { "rank.patch", TANGO_IO_U64, 1, 1, 64, TANGO_REQUIRED, NULL },
    { "rank.image", TANGO_IO_U64, 1, 8, 4096, TANGO_REQUIRED, NULL },
    { "rank.projection", TANGO_IO_U64, 1, 1, 65536, TANGO_REQUIRED, NULL },
    { "rank.rate", TANGO_IO_U64, 1, 1, 1000000, TANGO_REQUIRED, NULL },
    { "rank.fft", TANGO_IO_U64, 1, 16, 65536, TANGO_REQUIRED, NULL },
    { "rank.hop", TANGO_IO_U64, 1, 1, 65536, TANGO_REQUIRED, NULL },
    { "rank.mels", TANGO_IO_U64, 1, 1, 4096, TANGO_REQUIRED, NULL },
    { "rank.fmin", TANGO_IO_F64, 1, 0, 500000, TANGO_REQUIRED, NULL },
    { "rank.fmax", TANGO_IO_F64, 1, 0, 500000, TANGO_REQUIRED, NULL },
    { "rank.frames", TANGO_IO_U64, 1, 2, 65536, TANGO_REQUIRED, NULL },

    { "tokenizer.type", TANGO_IO_STRING, 0, 0, 0, 0, tango__tokenizers },
    { "tokenizer.spiece", TANGO_IO_BYTES, 0, 0, 0, 0, NULL },
    { "tokenizer.bpe", TANGO_IO_BYTES, 0, 0, 0, 0, NULL },
    { "rank_tokenizer.bpe", TANGO_IO_BYTES, 0, 0, 0, 0, NULL },
    { "tango.layout", TANGO_IO_STRING, 0, 0, 0, 0, NULL },
    { "wave.center", TANGO_IO_U64, 1, 0, 1, 0, NULL },
    { "tango.name", TANGO_IO_STRING, 0, 0, 0, 0, NULL },
    { "tango.description", TANGO_IO_STRING, 0, 0, 0, 0, NULL },
    { "tango.licence", TANGO_IO_STRING, 0, 0, 0, 0, NULL },
    { "tango.attribution", TANGO_IO_STRING, 0, 0, 0, 0, NULL },
    { "tango.kinds", TANGO_IO_STRING, 0, 0, 0, 0, NULL }, /* of sound: texts, commas */
    { "tango.words", TANGO_IO_STRING, 0, 0, 0, 0, NULL }, /* of its training, spaces */
    { "tango.parameters", TANGO_IO_U64, 1, 0, 9e15, 0, NULL },
    { "default.steps", TANGO_IO_U64, 1, 1, 100000, 0, NULL },
    { "default.guidance", TANGO_IO_F64, 1, 1, TANGO_GUIDANCE_MAX, 0, NULL },
    { "default.rescale", TANGO_IO_F64, 1, 0, 1, 0, NULL },
    { "default.eta", TANGO_IO_F64, 1, 0, 1, 0, NULL },
    { "default.crop", TANGO_IO_F64, 1, 0, TANGO_SECONDS_MAX, 0, NULL },
    { "default.seconds", TANGO_IO_F64, 1, 0.01, TANGO_SECONDS_MAX, 0, NULL },
    { "default.sampler", TANGO_IO_STRING, 0, 0, 0, 0, tango__sampler_names },
    { "default.vocoder", TANGO_IO_STRING, 0, 0, 0, 0, tango__vocoder_names }
};

static int tango__begins(const char *text, const char *start)
{
    while (*start != 0 && *text == *start) text++, start++;
    return *start == 0;
}

TANGO_API const tango_limit *tango_limit_of(const char *key)
{
    size_t i;
    if (tango__begins(key, "rank_text.")) key += 5;
    for (i = 0; i < sizeof tango__limits / sizeof tango__limits[0]; i++)
        if (strcmp(tango__limits[i].key, key) == 0) return &tango__limits[i];
    return NULL;
}

TANGO_API const char *tango_part_name(unsigned part)
{
    size_t i;
    for (i = 0; tango__part_names[i] != NULL; i++)
        if (part == 1u << i) return tango__part_names[i];
    return "";
}

TANGO_API unsigned tango_part_of(const char *tensor)
{
    static const struct { const char *prefix; unsigned part; } prefixes[] = {
        { "text_encoder.", TANGO_PART_TEXT }, { "unet.", TANGO_PART_UNET },
        { "encoder.", TANGO_PART_VAE }, { "decoder.", TANGO_PART_VAE },
        { "quant_conv.", TANGO_PART_VAE }, { "post_quant_conv.", TANGO_PART_VAE },
        { "vocoder.", TANGO_PART_VOCODER }, { "clap.", TANGO_PART_RANK } };
    size_t i;
    for (i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (tango__begins(tensor, prefixes[i].prefix)) return prefixes[i].part;
    return 0;
}

TANGO_API tango_result tango_check_parts(
    const tango_model *model, unsigned needed, tango_error *error)
{
    const unsigned missing = needed & ~model->parts;
    char list[64] = "";
    size_t i, n = 0;
    for (i = 0; tango__part_names[i] != NULL; i++)
        if (missing >> i & 1) {
            const char *word = tango__part_names[i];
            if (n != 0) memcpy(list + n, ", ", 2), n += 2;
            memcpy(list + n, word, strlen(word));
            n += strlen(word);
        }
    list[n] = 0;
    if (missing == 0) return TANGO_OK;
    return tango_io_fail(
        error, TANGO_ERROR_UNSUPPORTED, "model: it has no %s, which this needs", list);
}

TANGO_API size_t tango_limit_word(const tango_limit *limit, const char *word)
{
    size_t i;
    for (i = 0; limit->words[i] != NULL; i++)
        if (limit->words[i][0] != 0 && strcmp(limit->words[i], word) == 0) break;
    return i;
}

/* Values of a blob, or in a list. The first failure is kept and everything after it is
   skipped. */
typedef struct tango__reader {
    const tango_io_blob *blob; /* NULL: values (count) */
    const tango_io_value *values;
    size_t count;
    unsigned parts;
    tango_result result;
    tango_error *error;
} tango__reader;

static int tango__value(const tango__reader *r, const char *key, tango_io_value *value)
{
    size_t i;
    if (r->blob != NULL) return tango_io_blob_value(r->blob, key, value);
    for (i = 0; i < r->count; i++)
        if (strcmp(r->values[i].key, key) == 0) {
            *value = r->values[i];
            return 1;
        }
    return 0;
}

/* For messages: whole numbers as such, others as short as they can be. */
static const char *tango__digits(char out[32], double x)
{
    tango_io_json_writer w;
    tango_io_json_begin(&w, out, 32);
    if (x >= -1e15 && x <= 1e15 && x == TANGO_FLOOR(x))
        tango_io_json_put_i64(&w, (int64_t)x);
    else tango_io_json_put_number(&w, x);
    return tango_io_json_end(&w) != 0 ? out : "no number";
}

/* Number i of a value as a double: a list holds the machine's numbers, a blob its own. */
static double tango__number_at(const tango__reader *r, const tango_io_value *v, size_t i)
{
    double number;
    uint64_t integer;
    if (r->blob != NULL)
        return v->type == TANGO_IO_F64 ? tango_io_value_f64(v, i)
                                       : (double)tango_io_value_u64(v, i);
    memcpy(&number, (const char *)v->data + 8 * i, 8);
    memcpy(&integer, (const char *)v->data + 8 * i, 8);
    return v->type == TANGO_IO_F64 ? number : (double)integer;
}

static void tango__check_value(
    tango__reader *r, const tango_limit *limit, const tango_io_value *v)
{
    size_t i;
    char found[32], low[32], high[32];
    int numbers = v->type == TANGO_IO_U64 || v->type == TANGO_IO_F64;
    if (v->type != limit->type) {
        r->result = tango_io_fail(r->error, TANGO_ERROR_DATA,
            "model: '%s' has the wrong type", limit->key);
    } else if (numbers && (v->count == 0 || v->count > limit->most)) {
        r->result = tango_io_fail(r->error, TANGO_ERROR_DATA,
            "model: '%s' has %z numbers, expected 1 to %z", limit->key, v->count,
            limit->most);
    } else if (limit->words != NULL
               && limit->words[tango_limit_word(limit, (const char *)v->data)] == NULL) {
        r->result = tango_io_fail(r->error, TANGO_ERROR_UNSUPPORTED,
            "model: '%s' is '%s', which is not supported", limit->key,
            (const char *)v->data);
    }
    for (i = 0; numbers && i < v->count && r->result == TANGO_OK; i++) {
        double x = tango__number_at(r, v, i);
        if (x >= limit->low && x <= limit->high) continue;
        r->result = tango_io_fail(r->error, TANGO_ERROR_DATA,
            "model: '%s' is %s, expected %s to %s", limit->key, tango__digits(found, x),
            tango__digits(low, limit->low), tango__digits(high, limit->high));
    }
}

enum { TANGO__PART_RANK_TEXT = 32 }; /* a ranking part whose text tower is its own */

/* The parts of whose description a key is one. */
static unsigned tango__parts_of(const char *key)
{
    static const struct { const char *group; unsigned parts; } groups[] = {
        { "text.", TANGO_PART_TEXT }, { "unet.", TANGO_PART_UNET },
        { "schedule.", TANGO_PART_UNET }, { "vae.", TANGO_PART_VAE },
        { "vocoder.", TANGO_PART_VOCODER }, { "rank.", TANGO_PART_RANK },
        { "audio.", TANGO_PART_UNET | TANGO_PART_VAE | TANGO_PART_VOCODER },
        { "rank_text.", TANGO__PART_RANK_TEXT }
    };
    size_t i;
    for (i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (tango__begins(key, groups[i].group)) return groups[i].parts;
    return 0;
}

/* Which parts the metadata describes: those whose first key is there. */
static unsigned tango__described(const tango__reader *r)
{
    static const char *const first[] = { "text.type", "unet.channels", "vae.channels",
        "vocoder.mels", "rank.dims" };
    unsigned parts = 0, i;
    tango_io_value value, text;
    for (i = 0; i < 5; i++)
        if (tango__value(r, first[i], &value)) parts |= 1u << i;
    if ((parts & TANGO_PART_RANK)
        && (tango__value(r, "rank_text.vocab", &value)
            || !(tango__value(r, "text.type", &text) && text.type == TANGO_IO_STRING
                && strcmp((const char *)text.data, "clap") == 0)))
        parts |= TANGO__PART_RANK_TEXT;
    return parts;
}

/* Whether an absent key is missed by the text encoder of this kind. */
static int tango__missed(const tango_limit *limit, tango_text_type type)
{
    const int t5 = type == TANGO_TEXT_T5, clip = type == TANGO_TEXT_CLIP;
    if (limit->absent == (double)TANGO_REQUIRED_T5) return t5;
    if (limit->absent == (double)TANGO_REQUIRED_CLIP) return clip;
    if (limit->absent == (double)TANGO_REQUIRED_CLAP) return !t5 && !clip;
    if (limit->absent == (double)TANGO_REQUIRED_POSITIONS) return !t5;
    return limit->absent == (double)TANGO_REQUIRED;
}

/* One value: there if its part needs it, of its type, in its range. */
static void tango__check_key(
    tango__reader *r, const tango_limit *limit, const char *key, tango_text_type type)
{
    tango_io_value value;
    if (r->result != TANGO_OK) return;
    if (tango__value(r, key, &value)) tango__check_value(r, limit, &value);
    else if ((tango__parts_of(key) & r->parts) && tango__missed(limit, type))
        r->result = tango_io_fail(r->error, TANGO_ERROR_DATA,
            "model: no value '%s' in its metadata", key);
}

static int tango__choice(const tango__reader *r, const char *key);

/* Every value that the table names; text.type stands in its first row. */
static void tango__check_values(tango__reader *r)
{
    tango_text_type type = TANGO_TEXT_T5;
    char key[64] = "rank_";
    size_t i, n;
    for (i = 0; i < sizeof tango__limits / sizeof tango__limits[0]; i++) {
        const tango_limit *limit = &tango__limits[i];
        tango__check_key(r, limit, limit->key, type);
        n = strlen(limit->key) + 1;
        if (i == 0 && r->result == TANGO_OK)
            type = (tango_text_type)tango__choice(r, "text.type");
        else if (tango__parts_of(limit->key) == TANGO_PART_TEXT && n < sizeof key - 5) {
            memcpy(key + 5, limit->key, n);
            tango__check_key(r, limit, key, TANGO_TEXT_CLAP);
        }
    }
}

/* What follows reads values that have passed. */
static double tango__number(const tango__reader *r, const char *key)
{
    tango_io_value value;
    return tango__value(r, key, &value) ? tango__number_at(r, &value, 0)
                                        : tango_limit_of(key)->absent;
}

static size_t tango__integer(const tango__reader *r, const char *key)
{
    double x = tango__number(r, key);
    return x < (double)SIZE_MAX ? (size_t)x : SIZE_MAX;
}

static const char *tango__string(const tango__reader *r, const char *key)
{
    tango_io_value value;
    return tango__value(r, key, &value) ? (const char *)value.data : "";
}

static int tango__choice(const tango__reader *r, const char *key)
{
    tango_io_value value;
    return tango__value(r, key, &value)
               ? (int)tango_limit_word(tango_limit_of(key), (const char *)value.data)
               : 0;
}

/* All numbers of a list into out, which holds as many as the table allows. */
static size_t tango__list(const tango__reader *r, const char *key, size_t *out)
{
    tango_io_value value;
    size_t i;
    if (!tango__value(r, key, &value)) return 0;
    for (i = 0; i < value.count; i++) out[i] = (size_t)tango__number_at(r, &value, i);
    return value.count;
}

/* A list that must have `count` numbers, because that of `other` has. */
static void tango__same_list(
    tango__reader *r, const char *key, size_t *out, size_t count, const char *other)
{
    size_t n = tango__list(r, key, out);
    if (n != count && r->result == TANGO_OK)
        r->result = tango_io_fail(r->error, TANGO_ERROR_DATA,
            "model: '%s' has %z numbers, expected %z ('%s')", key, n, count, other);
}

/* group is "text." or "rank_text." */
static void tango__read_text(const tango__reader *r, tango_text_config *c,
    const char *group, tango_text_type type)
{
    static const char *const names[] = { "vocab", "d_model", "d_kv", "d_ff", "layers",
        "heads", "buckets", "max_distance", "positions", "pad", "projection" };
    size_t *fields[11], i, n = strlen(group);
    char key[64];
    fields[0] = &c->vocab, fields[1] = &c->width, fields[2] = &c->head_width;
    fields[3] = &c->hidden, fields[4] = &c->layers, fields[5] = &c->heads;
    fields[6] = &c->buckets, fields[7] = &c->max_distance, fields[8] = &c->positions;
    fields[9] = &c->pad, fields[10] = &c->projection;
    memcpy(key, group, n);
    for (i = 0; i < 11; i++) {
        tango_io_value value;
        memcpy(key + n, names[i], strlen(names[i]) + 1);
        *fields[i] = tango__value(r, key, &value) ? tango__integer(r, key) : 0;
    }
    memcpy(key + n, "eps", 4);
    c->type = type;
    c->eps = (float)tango__number(r, key);
    c->quick_gelu = tango__choice(r, "text.activation");
    if (type != TANGO_TEXT_T5) c->head_width = c->width / c->heads;
    if (type != TANGO_TEXT_CLAP) c->projection = 0; /* others make no such vector */
}

static void tango__read_flags(tango__reader *r, const char *key, int *out, size_t count)
{
    size_t values[TANGO_LEVELS_MAX] = { 0 }, i;
    tango__same_list(r, key, values, count, "unet.channels");
    for (i = 0; i < TANGO_LEVELS_MAX; i++) out[i] = (int)values[i];
}

static void tango__read_unet(tango__reader *r, tango_unet_config *c)
{
    c->in_channels = tango__integer(r, "unet.in_channels");
    c->out_channels = tango__integer(r, "unet.out_channels");
    c->layers = tango__integer(r, "unet.layers_per_block");
    c->groups = tango__integer(r, "unet.norm_groups");
    c->cross_width = tango__integer(r, "unet.cross_dim");
    c->class_width = tango__integer(r, "unet.class_dim");
    c->guidance = (tango_guidance_input)tango__choice(r, "unet.guidance");
    c->guidance_width = tango__integer(r, "unet.guidance_dim");
    c->levels = tango__list(r, "unet.channels", c->channels);
    tango__same_list(r, "unet.heads", c->heads, c->levels, "unet.channels");
    tango__read_flags(r, "unet.down_attention", c->down_attention, c->levels);
    tango__read_flags(r, "unet.up_attention", c->up_attention, c->levels);
    c->cos_first = (int)tango__integer(r, "unet.flip_sin_to_cos");
    c->adapters = (int)tango__integer(r, "unet.adapters");
    c->eps = (float)tango__number(r, "unet.norm_eps");
    c->frequency_shift = (float)tango__number(r, "unet.freq_shift");
}

static void tango__read_vae(const tango__reader *r, tango_vae_config *c)
{
    c->channels = tango__integer(r, "vae.channels");
    c->levels = tango__list(r, "vae.ch_mult", c->multiples);
    c->res_blocks = tango__integer(r, "vae.res_blocks");
    c->groups = tango__integer(r, "vae.groups");
    c->latent_channels = tango__integer(r, "vae.z_channels");
    c->embedding = tango__integer(r, "vae.embed_dim");
    c->in_channels = tango__integer(r, "vae.in_channels");
    c->out_channels = tango__integer(r, "vae.out_channels");
    c->eps = 1e-6f;
    c->scale = tango__number(r, "vae.scale_factor");
    c->clip_latent = (int)tango__integer(r, "vae.clip_latent");
}

static void tango__read_vocoder(tango__reader *r, tango_vocoder_config *c)
{
    size_t list[3 * TANGO_LEVELS_MAX] = { 0 }, i;
    c->mels = tango__integer(r, "vocoder.mels");
    c->channels = tango__integer(r, "vocoder.channels");
    c->stages = tango__list(r, "vocoder.rates", c->rates);
    tango__same_list(r, "vocoder.kernels", c->kernels, c->stages, "vocoder.rates");
    c->branches = tango__list(r, "vocoder.res_kernels", c->branch_kernels);
    tango__same_list(
        r, "vocoder.res_dilations", list, 3 * c->branches, "vocoder.res_kernels");
    for (i = 0; i < 3 * c->branches; i++) c->dilations[i / 3][i % 3] = list[i];
}

static void tango__read_schedule(const tango__reader *r, tango_schedule_config *c)
{
    c->train_steps = tango__integer(r, "schedule.train_steps");
    c->beta_start = tango__number(r, "schedule.beta_start");
    c->beta_end = tango__number(r, "schedule.beta_end");
    c->scaled_linear = tango__choice(r, "schedule.beta_schedule");
    c->prediction = (tango_prediction)tango__choice(r, "schedule.prediction");
    c->spacing = (tango_spacing)tango__choice(r, "schedule.spacing");
    c->final_sigma = (tango_final)tango__choice(r, "schedule.final_sigmas_type");
    c->large_variance = tango__choice(r, "schedule.variance_type");
    c->offset = tango__integer(r, "schedule.steps_offset");
    c->clip = (int)tango__number(r, "schedule.clip_sample");
    c->threshold = (int)tango__number(r, "schedule.thresholding");
    c->alpha_one = (int)tango__number(r, "schedule.set_alpha_to_one");
    c->lower_order_final = (int)tango__number(r, "schedule.lower_order_final");
    c->clip_range = tango__number(r, "schedule.clip_sample_range");
    c->threshold_ratio = tango__number(r, "schedule.dynamic_thresholding_ratio");
    c->threshold_max = tango__number(r, "schedule.sample_max_value");
    c->karras = (int)tango__number(r, "schedule.use_karras_sigmas");
    c->lcm_steps = tango__integer(r, "schedule.original_inference_steps");
}

static void tango__read_rank(tango__reader *r, tango_model *m)
{
    tango_rank_config *c = &m->rank;
    c->levels = tango__list(r, "rank.dims", c->dims);
    tango__same_list(r, "rank.depths", c->depths, c->levels, "rank.dims");
    tango__same_list(r, "rank.heads", c->heads, c->levels, "rank.dims");
    c->window = tango__integer(r, "rank.window");
    c->patch = tango__integer(r, "rank.patch");
    c->image = tango__integer(r, "rank.image");
    c->projection = tango__integer(r, "rank.projection");
    c->rate = tango__integer(r, "rank.rate");
    c->fft = tango__integer(r, "rank.fft");
    c->hop = tango__integer(r, "rank.hop");
    c->mels = tango__integer(r, "rank.mels");
    c->frames = tango__integer(r, "rank.frames");
    c->mel_low = tango__number(r, "rank.fmin");
    c->mel_high = tango__number(r, "rank.fmax");
    c->shares_text = (r->parts & TANGO__PART_RANK_TEXT) == 0;
    if (c->shares_text) c->text = m->text;
    else tango__read_text(r, &c->text, "rank_text.", TANGO_TEXT_CLAP);
}

static void tango__read_audio(const tango__reader *r, tango_model *m)
{
    m->rate = tango__integer(r, "audio.rate");
    m->fft = tango__integer(r, "audio.fft");
    m->hop = tango__integer(r, "audio.hop");
    m->window = tango__integer(r, "audio.window");
    m->mels = tango__integer(r, "audio.mels");
    m->mel_low = tango__number(r, "audio.fmin");
    m->mel_high = tango__number(r, "audio.fmax");
}

static void tango__read_rest(const tango__reader *r, tango_model *m)
{
    m->centre_wave = (int)tango__integer(r, "wave.center");
    m->defaults.eta = tango__number(r, "default.eta");
    m->defaults.crop = tango__number(r, "default.crop");
    m->name = tango__string(r, "tango.name");
    m->licence = tango__string(r, "tango.licence");
    m->attribution = tango__string(r, "tango.attribution");
    m->parameters = tango__integer(r, "tango.parameters");
    m->defaults.steps = tango__integer(r, "default.steps");
    m->defaults.guidance = tango__number(r, "default.guidance");
    m->defaults.rescale = tango__number(r, "default.rescale");
    m->defaults.seconds = tango__number(r, "default.seconds");
    m->defaults.sampler = (tango_sampler)tango__choice(r, "default.sampler");
    m->defaults.vocoder = (tango_vocoder)tango__choice(r, "default.vocoder");
}

/* Two values that must agree: "'key' is 4, expected at least 5 ('other')". */
static void tango__agree(tango__reader *r, int agrees, const char *key, double found,
    const char *expected, double number, const char *other)
{
    char is[32], should[32];
    if (agrees || r->result != TANGO_OK) return;
    r->result = tango_io_fail(r->error, TANGO_ERROR_DATA,
        "model: '%s' is %s, expected %s%s ('%s')", key, tango__digits(is, found),
        expected, tango__digits(should, number), other);
}

/* What reads the text agrees with what it is. */
static void tango__check_conditions(tango__reader *r, const tango_model *m)
{
    const tango_unet_config *c = &m->unet;
    const size_t states = m->text.type == TANGO_TEXT_CLAP ? 0 : m->text.width;
    if (!(m->parts & TANGO_PART_TEXT)) return;
    tango__agree(r, c->cross_width == states, "unet.cross_dim", (double)c->cross_width,
        "", (double)states, "text.d_model");
    tango__agree(r, c->class_width == m->text.projection, "unet.class_dim",
        (double)c->class_width, "", (double)m->text.projection, "text.projection");
}

static void tango__check_unet(tango__reader *r, const tango_model *m)
{
    const tango_unet_config *c = &m->unet;
    const double latent =
        (double)(c->adapters ? (size_t)TANGO__ADAPTER_CHANNELS : c->out_channels);
    const double half = (double)(c->channels[0] / 2);
    size_t i;
    tango__agree(r, c->out_channels == c->in_channels, "unet.out_channels",
        (double)c->out_channels, "", (double)c->in_channels, "unet.in_channels");
    tango__check_conditions(r, m);
    tango__agree(r,
        !(m->parts & TANGO_PART_VAE) || (double)m->vae.embedding == latent,
        "vae.embed_dim", (double)m->vae.embedding, "", latent,
        c->adapters ? "unet.adapters" : "unet.out_channels");
    tango__agree(r, (c->guidance == TANGO_GUIDANCE_FOURIER) == (c->guidance_width != 0),
        "unet.guidance_dim", (double)c->guidance_width,
        c->guidance == TANGO_GUIDANCE_FOURIER ? "more than " : "", 0.0, "unet.guidance");
    tango__agree(r, (double)c->frequency_shift < half, "unet.freq_shift",
        (double)c->frequency_shift, "less than half of ", 2.0 * half, "unet.channels");
    for (i = 0; i < c->levels; i++) {
        const double channels = (double)c->channels[i];
        tango__agree(r, c->channels[i] % c->groups == 0, "unet.norm_groups",
            (double)c->groups, "a divisor of ", channels, "unet.channels");
        tango__agree(r, c->heads[i] <= c->channels[i], "unet.heads", (double)c->heads[i],
            "at most ", channels, "unet.channels");
    }
}

static void tango__check_vae(tango__reader *r, const tango_model *m)
{
    const tango_vae_config *c = &m->vae;
    const double factor = (double)((size_t)1 << (c->levels - 1));
    size_t i;
    tango__agree(r, c->channels % c->groups == 0, "vae.groups", (double)c->groups,
        "a divisor of ", (double)c->channels, "vae.channels");
    for (i = 0; i < c->levels; i++)
        tango__agree(r, c->channels * c->multiples[i] % c->groups == 0, "vae.groups",
            (double)c->groups, "a divisor of ", (double)(c->channels * c->multiples[i]),
            "vae.ch_mult");
    tango__agree(r, m->mels % (size_t)factor == 0, "audio.mels", (double)m->mels,
        "a multiple of ", factor, "vae.ch_mult");
}

static void tango__check_vocoder(tango__reader *r, const tango_model *m)
{
    const tango_vocoder_config *c = &m->vocoder;
    double product = 1.0;
    size_t i;
    tango__agree(r, c->mels == m->mels, "vocoder.mels", (double)c->mels, "",
        (double)m->mels, "audio.mels");
    tango__agree(r, c->channels >> c->stages != 0, "vocoder.channels",
        (double)c->channels, "at least ", (double)((size_t)1 << c->stages),
        "vocoder.rates");
    for (i = 0; i < c->stages; i++) {
        product *= (double)c->rates[i];
        tango__agree(r, c->kernels[i] >= c->rates[i], "vocoder.kernels",
            (double)c->kernels[i], "at least ", (double)c->rates[i], "vocoder.rates");
    }
    for (i = 0; i < c->branches; i++)
        if (c->branch_kernels[i] % 2 == 0 && r->result == TANGO_OK)
            r->result = tango_io_fail(r->error, TANGO_ERROR_DATA,
                "model: 'vocoder.res_kernels' has %z, expected odd numbers",
                c->branch_kernels[i]);
    tango__agree(r, product == (double)m->hop, "audio.hop", (double)m->hop, "",
        product, "vocoder.rates");
}

/* Frames overlap by a quarter of the window or more: sound can be made of them. */
static void tango__check_audio(tango__reader *r, const tango_model *m)
{
    if ((m->fft & (m->fft - 1)) != 0 && r->result == TANGO_OK)
        r->result = tango_io_fail(r->error, TANGO_ERROR_DATA,
            "model: 'audio.fft' is %z, expected a power of two", m->fft);
    tango__agree(r, m->window <= m->fft, "audio.window", (double)m->window, "at most ",
        (double)m->fft, "audio.fft");
    tango__agree(r, m->hop <= m->window - m->window / 4, "audio.hop", (double)m->hop,
        "at most ", (double)(m->window - m->window / 4), "audio.window");
    tango__agree(r, m->mel_high <= 0.5 * (double)m->rate, "audio.fmax", m->mel_high,
        "at most half of ", (double)m->rate, "audio.rate");
    tango__agree(r, m->mel_high - m->mel_low >= 2.0 * (double)m->rate / (double)m->fft,
        "audio.fmax", m->mel_high, "two bins of the transform or more above ", m->mel_low,
        "audio.fmin");
}

/* What holds for a text encoder of either group of keys. RoBERTa counts positions from
   behind that of the padding; two tokens stand around every text. */
static void tango__check_tower(
    tango__reader *r, const tango_text_config *c, const char *group)
{
    const int own = tango__begins(group, "rank_");
    tango__agree(r, c->type == TANGO_TEXT_T5 || c->width % c->heads == 0,
        own ? "rank_text.heads" : "text.heads", (double)c->heads, "a divisor of ",
        (double)c->width, own ? "rank_text.d_model" : "text.d_model");
    tango__agree(r, c->pad < c->vocab, own ? "rank_text.pad" : "text.pad",
        (double)c->pad, "less than ", (double)c->vocab,
        own ? "rank_text.vocab" : "text.vocab");
    tango__agree(r, c->type != TANGO_TEXT_CLAP || c->positions >= c->pad + 3,
        own ? "rank_text.positions" : "text.positions", (double)c->positions,
        "at least 3 more than ", (double)c->pad, own ? "rank_text.pad" : "text.pad");
}

/* The BPE table of a text encoder: of the kind that `type` says, and no larger than its
   vocabulary. */
static void tango__check_bpe(tango__reader *r, size_t vocab, int kind,
    const char *key, const char *type, const char *vocab_key)
{
    tango_io_value table;
    tango_io_bpe bpe;
    if (r->result != TANGO_OK || !tango__value(r, key, &table)) return;
    r->result = tango_io_bpe_open(&bpe, table.data, table.count, r->error);
    if (r->result != TANGO_OK) return;
    tango__agree(r, kind == (int)bpe.kind, type, (double)kind, "that of the table, ",
        (double)bpe.kind, key);
    tango__agree(r, vocab >= bpe.entries, vocab_key, (double)vocab, "at least ",
        (double)bpe.entries, key);
}

/* The picture of a clip falls into patches, and these into windows at every level. */
static void tango__check_rank_levels(tango__reader *r, const tango_rank_config *c)
{
    size_t grid = c->image / c->patch, i;
    tango__agree(r, c->image % c->mels == 0, "rank.image", (double)c->image,
        "a multiple of ", (double)c->mels, "rank.mels");
    tango__agree(r, c->frames <= c->image * (c->image / c->mels), "rank.frames",
        (double)c->frames, "at most ", (double)(c->image * (c->image / c->mels)),
        "rank.image");
    tango__agree(r, c->image % c->patch == 0, "rank.image", (double)c->image,
        "a multiple of ", (double)c->patch, "rank.patch");
    for (i = 0; i < c->levels; i++, grid /= 2) {
        tango__agree(r, grid >= c->window && grid % c->window == 0, "rank.window",
            (double)c->window, "a divisor of ", (double)grid, "rank.image");
        tango__agree(r, i + 1 == c->levels || grid % 2 == 0, "rank.patch",
            (double)c->patch, "an even number of patches at every level of ",
            (double)c->image, "rank.image");
        tango__agree(r, c->dims[i] == c->dims[0] << i, "rank.dims", (double)c->dims[i],
            "", (double)(c->dims[0] << i), "rank.dims");
        tango__agree(r, c->dims[i] % c->heads[i] == 0, "rank.heads", (double)c->heads[i],
            "a divisor of ", (double)c->dims[i], "rank.dims");
    }
}

static void tango__check_rank(tango__reader *r, const tango_rank_config *c)
{
    const int own = (r->parts & TANGO__PART_RANK_TEXT) != 0;
    tango_io_value value;
    if ((c->fft & (c->fft - 1)) != 0 && r->result == TANGO_OK)
        r->result = tango_io_fail(r->error, TANGO_ERROR_DATA,
            "model: 'rank.fft' is %z, expected a power of two", c->fft);
    tango__agree(r, c->hop <= c->fft, "rank.hop", (double)c->hop, "at most ",
        (double)c->fft, "rank.fft");
    tango__agree(r, c->mel_high <= 0.5 * (double)c->rate, "rank.fmax", c->mel_high,
        "at most half of ", (double)c->rate, "rank.rate");
    tango__agree(r, c->mel_high > c->mel_low, "rank.fmax", c->mel_high, "more than ",
        c->mel_low, "rank.fmin");
    tango__check_rank_levels(r, c);
    tango__agree(r, c->text.projection == c->projection, "rank.projection",
        (double)c->projection, "", (double)c->text.projection,
        own ? "rank_text.projection" : "text.projection");
    if (!own && r->result == TANGO_OK
        && tango__choice(r, "tokenizer.type") != TANGO_IO_BPE_ROBERTA)
        r->result = tango_io_fail(r->error, TANGO_ERROR_DATA,
            "model: 'tokenizer.type' is another than 'roberta', which ranks");
    if (!own) return;
    tango__check_tower(r, &c->text, "rank_text.");
    if (r->result == TANGO_OK && !tango__value(r, "rank_tokenizer.bpe", &value))
        r->result = tango_io_fail(r->error, TANGO_ERROR_DATA,
            "model: no value 'rank_tokenizer.bpe' in its metadata");
    tango__check_bpe(r, c->text.vocab, TANGO_IO_BPE_ROBERTA, "rank_tokenizer.bpe",
        "rank_tokenizer.bpe", "rank_text.vocab");
}

static void tango__check_spiece(tango__reader *r, const tango_model *m)
{
    tango_io_value spiece;
    tango_io_spiece pieces;
    if (r->result != TANGO_OK || !tango__value(r, "tokenizer.spiece", &spiece)) return;
    r->result = tango_io_spiece_open(&pieces, spiece.data, spiece.count, r->error);
    if (r->result != TANGO_OK) return;
    tango__agree(r, m->text.vocab >= pieces.piece_count, "text.vocab",
        (double)m->text.vocab, "at least ", (double)pieces.piece_count,
        "tokenizer.spiece");
}

static void tango__check_text(tango__reader *r, const tango_model *m)
{
    const int kind = tango__choice(r, "tokenizer.type");
    const char *key = kind == 0 ? "tokenizer.spiece" : "tokenizer.bpe";
    tango_io_value value;
    if (m->text.type == TANGO_TEXT_T5)
        tango__agree(r, m->text.max_distance > m->text.buckets / 4, "text.max_distance",
            (double)m->text.max_distance, "more than ", (double)(m->text.buckets / 4),
            "text.buckets");
    tango__check_tower(r, &m->text, "text.");
    if (r->result == TANGO_OK && !tango__value(r, key, &value))
        r->result = tango_io_fail(
            r->error, TANGO_ERROR_DATA, "model: no value '%s' in its metadata", key);
    if (kind == 0) tango__check_spiece(r, m);
    else
        tango__check_bpe(r, m->text.vocab, kind, "tokenizer.bpe", "tokenizer.type",
            "text.vocab");
}

/* beta i of the schedule, in float as torch computes it. torch.linspace counts the upper
   half from its end. */
static float tango__beta(const tango_schedule_config *c, size_t i)
{
    const size_t n = c->train_steps;
    float first = (float)(c->scaled_linear ? TANGO_SQRT(c->beta_start) : c->beta_start);
    float last = (float)(c->scaled_linear ? TANGO_SQRT(c->beta_end) : c->beta_end);
    float step = (last - first) / (float)(n - 1);
    float beta = i < n / 2 ? first + step * (float)i : last - step * (float)(n - 1 - i);
    return c->scaled_linear ? beta * beta : beta;
}

/* The noise of the last timestep stays a number: with alpha below 1e-30 the clean sample,
   which is divided by its square root, would leave float. */
static void tango__check_schedule(tango__reader *r, const tango_model *m)
{
    const tango_schedule_config *c = &m->schedule;
    double alpha = 1.0;
    size_t i;
    tango__agree(r, c->offset < c->train_steps, "schedule.steps_offset",
        (double)c->offset, "less than ", (double)c->train_steps, "schedule.train_steps");
    for (i = 0; i < c->train_steps && alpha >= 1e-30; i++)
        alpha *= (double)(1.0f - tango__beta(c, i));
    tango__agree(r, alpha >= 1e-30, "schedule.beta_end", c->beta_end,
        "a product of 1 - beta over 1e-30 in ", (double)c->train_steps,
        "schedule.train_steps");
}

/* Parameters filled in, checked and turned into sizes (room 11). */
static tango_result tango__plan(tango_plan *plan, const tango_model *model,
    const tango_params *params, tango_error *error);

/* What the model does when nothing else is asked must work. */
static void tango__check_defaults(tango__reader *r, const tango_model *m)
{
    tango_params probe;
    tango_plan plan;
    tango_arena arena;
    tango_sampling run;
    tango_sampling_params request;
    const unsigned all = TANGO_PART_TEXT | TANGO_PART_UNET | TANGO_PART_VAE;
    if (r->result != TANGO_OK || (m->parts & all) != all) return;
    memset(&probe, 0, sizeof probe);
    memset(&arena, 0, sizeof arena);
    memset(&request, 0, sizeof request);
    probe.prompt = "";
    if (!(m->parts & TANGO_PART_VOCODER)) probe.vocoder = TANGO_GRIFFIN_LIM;
    probe.steps = m->defaults.steps != 0 ? m->defaults.steps : 1;
    r->result = tango__plan(&plan, m, &probe, r->error);
    request.sampler = plan.params.sampler;
    request.steps = probe.steps;
    request.images = request.count = 1;
    if (r->result == TANGO_OK)
        r->result =
            tango_sampling_begin(&run, &m->schedule, &request, &arena, r->error);
}

/* The configuration without the weights. */
static tango_result tango__configure(tango__reader *r, tango_model *m)
{
    r->parts = tango__described(r);
    m->parts = r->parts & ~(unsigned)TANGO__PART_RANK_TEXT;
    if (m->parts == 0)
        return tango_io_fail(r->error, TANGO_ERROR_DATA,
            "model: no text encoder, UNet, VAE, vocoder or ranking in its metadata");
    tango__check_values(r);
    if (r->result != TANGO_OK) return r->result;
    if (m->parts & TANGO_PART_TEXT)
        tango__read_text(r, &m->text, "text.",
            (tango_text_type)tango__choice(r, "text.type"));
    if (m->parts & TANGO_PART_UNET) tango__read_unet(r, &m->unet);
    if (m->parts & TANGO_PART_UNET) tango__read_schedule(r, &m->schedule);
    if (m->parts & TANGO_PART_VAE) tango__read_vae(r, &m->vae);
    if (m->parts & TANGO_PART_VOCODER) tango__read_vocoder(r, &m->vocoder);
    if (m->parts & TANGO_PART_RANK) tango__read_rank(r, m);
    if (tango__parts_of("audio.rate") & m->parts) tango__read_audio(r, m);
    tango__read_rest(r, m);
    if (r->result != TANGO_OK) return r->result;
    if (m->parts & TANGO_PART_TEXT) tango__check_text(r, m);
    if (m->parts & TANGO_PART_UNET) tango__check_unet(r, m);
    if (m->parts & TANGO_PART_VAE) tango__check_vae(r, m);
    if (tango__parts_of("audio.rate") & m->parts) tango__check_audio(r, m);
    if (m->parts & TANGO_PART_VOCODER) tango__check_vocoder(r, m);
    if (m->parts & TANGO_PART_UNET) tango__check_schedule(r, m);
    if (m->parts & TANGO_PART_RANK) tango__check_rank(r, &m->rank);
    tango__check_defaults(r, m);
    return r->result;
}

TANGO_API tango_result tango_configure(tango_model *model, const tango_io_value *values,
    size_t count, tango_error *error)
{
    tango__reader r;
    memset(model, 0, sizeof *model);
    memset(&r, 0, sizeof r);
    r.values = values;
    r.count = count;
    r.error = error;
    return tango__configure(&r, model);
}

/* Measured runs of all parts, which look up every tensor and compare its shape
   (room 11). */
static tango_result tango__probe(const tango_model *model, tango_error *error);

TANGO_API tango_result tango_open(
    tango_model *model, const void *data, size_t size, tango_error *error)
{
    tango__reader r;
    const uint16_t one = 1;
    memset(model, 0, sizeof *model);
    memset(&r, 0, sizeof r);
    r.result = tango_io_blob_open(&model->blob, data, size, error);
    r.blob = &model->blob;
    r.error = error;
    if (r.result != TANGO_OK) return r.result;
    /* Weights are used where they lie. */
    if (*(const unsigned char *)&one == 0)
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
            "model: its weights are little-endian, this machine is big-endian");
    tango__configure(&r, model);
    return r.result == TANGO_OK ? tango__probe(model, error) : r.result;
}

TANGO_API const char *tango_version(void) { return TANGO_VERSION; }

static int tango__named(const char *const *names, const char *name)
{
    int i;
    for (i = 1; names[i] != NULL; i++)
        if (strcmp(name, names[i]) == 0) return i;
    return 0;
}

TANGO_API tango_sampler tango_sampler_named(const char *name)
{
    return (tango_sampler)tango__named(tango__sampler_names, name);
}

TANGO_API tango_vocoder tango_vocoder_named(const char *name)
{
    return (tango_vocoder)tango__named(tango__vocoder_names, name);
}

TANGO_API const char *tango_sampler_name(tango_sampler sampler)
{
    return tango__sampler_names[sampler];
}

TANGO_API const char *tango_vocoder_name(tango_vocoder vocoder)
{
    return tango__vocoder_names[vocoder];
}

/* ==== 5 >>sampler ==== Noise schedules and denoising steps ================== */

/* Nearest integer, halves to even, as numpy's round. */
static double tango__round(double x)
{
    double low = TANGO_FLOOR(x), rest = x - low;
    if (rest > 0.5 || (rest == 0.5 && TANGO_FLOOR(low * 0.5) * 2.0 != low))
        return low + 1.0;
    return low;
}

/* alphas[t] = product over i <= t of (1 - beta_i). */
static void tango__alphas(const tango_schedule_config *c, float *alphas)
{
    double product = 1.0;
    size_t i;
    for (i = 0; i < c->train_steps; i++) {
        product *= (double)(1.0f - tango__beta(c, i));
        alphas[i] = (float)product;
    }
}

/* Timesteps are indices of the table of alphas, whose last one is the noisiest. */
static int tango__by_index(tango_sampler kind)
{
    return kind == TANGO_DDPM || kind == TANGO_DDIM || kind == TANGO_LCM;
}

/* The step uses predictions of steps before. */
static int tango__multistep(tango_sampler kind)
{
    return kind == TANGO_DPM || kind == TANGO_DPM_SDE || kind == TANGO_UNIPC;
}

/* Euler and its kin: x = x0 + sigma noise. */
static int tango__by_sigma(tango_sampler kind)
{
    return kind == TANGO_EULER || kind == TANGO_EULER_ANCESTRAL || kind == TANGO_HEUN;
}

/* The timesteps of so many steps were distilled into LCM's models; a run takes n of the
   last int(steps strength), as evenly as whole places allow.
                                                          (LCMScheduler.set_timesteps) */
static size_t tango__lcm_steps(const tango_sampling *run)
{
    return run->config->lcm_steps != 0 ? run->config->lcm_steps : 50;
}

static double tango__lcm_timestep(const tango_sampling *run, size_t i)
{
    const size_t steps = tango__lcm_steps(run);
    const double grid = TANGO_FLOOR((double)steps * run->params.strength),
                 place = TANGO_FLOOR((double)i * (grid / (double)run->steps));
    return (grid - place) * (double)(run->config->train_steps / steps) - 1.0;
}

/* The i-th of `steps` timesteps, i = 0 the noisiest.  (spec of each diffusers class) */
static double tango__timestep(const tango_sampling *run, size_t i)
{
    const double n = (double)run->config->train_steps, steps = (double)run->steps,
                 k = (double)i;
    const size_t points = tango__multistep(run->kind) ? run->steps + 1 : run->steps;
    if (run->kind == TANGO_LCM) return tango__lcm_timestep(run, i);
    if (run->kind == TANGO_CONSISTENCY && i == 0) return n - 1.0;
    if (run->spacing
        == TANGO_TRAILING) { /* numpy.arange(n, 0, -n/steps), its rounding included */
        double delta = (n - n / steps) - n;
        return tango__round(n + k * delta) - 1.0;
    }
    if (run->spacing == TANGO_LINSPACE) {
        double step = points > 1 ? (n - 1.0) / (double)(points - 1) : 0.0;
        double t = i == 0 && points > 1 ? n - 1.0 : (double)(points - 1 - i) * step;
        if (run->kind == TANGO_CONSISTENCY) return t;
        return tango__by_sigma(run->kind) ? (double)(float)t : tango__round(t);
    }
    return (double)((points - 1 - i) * (run->config->train_steps / points)
                    + run->config->offset);
}

/* sqrt((1 - alpha) / alpha) at a timestep, linear between the table's entries. */
static double tango__sigma_at(const tango_sampling *run, double t)
{
    const size_t last = run->config->train_steps - 1;
    size_t low = t >= (double)last ? last : (size_t)t;
    double a = (double)run->alphas[low], s = TANGO_SQRT((1.0 - a) / a), b;
    if (low == last || t == (double)low) return s;
    b = (double)run->alphas[low + 1];
    return s + (t - (double)low) * (TANGO_SQRT((1.0 - b) / b) - s);
}

/* ln sigma at an entry of the table, in float as numpy computes it there. */
static double tango__log_sigma(const tango_sampling *run, size_t t)
{
    const float sigma = (float)tango__sigma_at(run, (double)t);
    return (double)(float)TANGO_LOG((double)sigma);
}

/* The time at which the table has this noise level: ln sigma is taken as linear between
   two entries.                                                (diffusers _sigma_to_t) */
static double tango__time_at(const tango_sampling *run, double sigma)
{
    const double level = TANGO_LOG(sigma);
    size_t low = 0, high = run->config->train_steps - 1;
    double below, w;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (tango__log_sigma(run, middle) <= level) low = middle;
        else high = middle;
    }
    below = tango__log_sigma(run, low);
    w = (below - level) / (below - tango__log_sigma(run, high));
    w = w < 0.0 ? 0.0 : w > 1.0 ? 1.0 : w;
    return (1.0 - w) * (double)low + w * (double)high;
}

/* sigma where sigma^(1/7) is `part` of the way from the highest level to the lowest.
                                                     (Karras et al. 2022, equation 5) */
static double tango__karras(double highest, double lowest, double part)
{
    const double first = TANGO_EXP(TANGO_LOG(highest) / 7.0),
                 last = TANGO_EXP(TANGO_LOG(lowest) / 7.0);
    const double root = first + part * (last - first), square = root * root;
    return square * square * square * root;
}

/* The noise levels of SoundCTM, whose network reads ln(sigma) / 4 as its time. */
static void tango__fill_levels(tango_sampling *run)
{
    size_t i;
    for (i = 0; i <= run->steps; i++) {
        double sigma = tango__karras(80.0, 0.002, (double)i / (double)run->steps);
        run->sigmas[i] = (float)sigma;
        run->timesteps[i] = (float)(0.25 * TANGO_LOG(sigma));
    }
    run->initial_scale = 80.0;
}

/* Enters one step into the tables. Heun calls the model at the end of each step but the
   last, and there again as the next step begins. */
static void tango__enter_step(tango_sampling *run, size_t i, double t, double sigma)
{
    const size_t at = run->kind == TANGO_HEUN ? 2 * i : i;
    run->timesteps[at] = (float)t;
    run->sigmas[at] = (float)sigma;
    if (run->kind != TANGO_HEUN || i == 0) return;
    run->timesteps[at - 1] = (float)t;
    run->sigmas[at - 1] = (float)sigma;
}

/* Levels of Karras between the ends of the spaced ones for Euler and Heun, of the whole
   table for the multistep solvers, which take whole timesteps: some may be there twice.
                                                    (diffusers use_karras_sigmas) */
static void tango__fill_karras(tango_sampling *run)
{
    const int whole = tango__multistep(run->kind);
    const double last = (double)(run->config->train_steps - 1),
                 highest = tango__sigma_at(run, whole ? last : tango__timestep(run, 0)),
                 lowest = tango__sigma_at(
                     run, whole ? 0.0 : tango__timestep(run, run->steps - 1));
    size_t i;
    for (i = 0; i < run->steps; i++) {
        const double part = i > 0 ? (double)i / (double)(run->steps - 1) : 0.0,
                     sigma = tango__karras(highest, lowest, part),
                     t = tango__time_at(run, sigma);
        tango__enter_step(run, i, whole ? tango__round(t) : t, sigma);
    }
}

/* Timesteps that lie in the schedule and differ. Two of them beyond its end would be one
   noise level, and the multistep solvers divide by the way between two levels. */
static tango_result tango__check_timesteps(const tango_sampling *run, tango_error *error)
{
    const double last = (double)(run->config->train_steps - 1);
    const int by_index = tango__by_index(run->kind),
              divides = tango__multistep(run->kind);
    double t, before = 0.0;
    size_t i;
    for (i = 0; i < run->steps; i++, before = t) {
        t = tango__timestep(run, i);
        if (t < 0.0 || (by_index && t > last) || (divides && i > 0 && t >= last))
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                "steps: %z of %s reach timestep %i, the schedule ends at %z", run->steps,
                tango_sampler_name(run->kind),
                (int64_t)(divides && t >= last ? before : t),
                run->config->train_steps - 1);
        if (i > 0 && t >= before)
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                "steps: %z are too many, timesteps repeat", run->steps);
    }
    return TANGO_OK;
}

/* Fills the tables. */
static void tango__fill_schedule(tango_sampling *run)
{
    double t, sigma;
    size_t i;
    tango__alphas(run->config, run->alphas);
    for (i = 0; i < run->steps; i++) {
        t = tango__timestep(run, i);
        tango__enter_step(run, i, t, tango__sigma_at(run, t));
    }
    if (run->params.sigmas == TANGO_SIGMAS_KARRAS) tango__fill_karras(run);
    sigma = run->final_sigma == TANGO_FINAL_SIGMA_MIN ? tango__sigma_at(run, 0.0) : 0.0;
    if (sigma > 0.0 && run->kind == TANGO_UNIPC
        && run->params.sigmas == TANGO_SIGMAS_KARRAS)
        sigma = (double)run->sigmas[run->calls - 1]; /* as the class has it: no step */
    run->sigmas[run->calls] = (float)sigma;
    sigma = (double)run->sigmas[0];
    run->initial_scale = 1.0;
    if (tango__by_sigma(run->kind))
        run->initial_scale =
            run->spacing == TANGO_LEADING ? TANGO_SQRT(sigma * sigma + 1.0) : sigma;
    if (run->kind == TANGO_CONSISTENCY) run->initial_scale = sigma;
}

/* How many of n steps a run of this strength takes: int(n strength), in binary fractions
   as Python has them (100 x 0.29 is 28).         (diffusers img2img, get_timesteps) */
static size_t tango__steps_left(tango_sampler kind, size_t steps, double strength)
{
    const double left = (double)steps * strength;
    return kind == TANGO_LCM || left >= (double)steps ? steps : (size_t)left;
}

/* Calls of the model in so many steps. */
static size_t tango__calls(tango_sampler kind, size_t steps)
{
    return kind == TANGO_HEUN && steps > 0 ? 2 * steps - 1 : steps;
}

/* The noise levels of a run that asks for `asked`. */
static tango_sigmas tango__sigmas_of(
    const tango_schedule_config *c, tango_sampler kind, tango_sigmas asked)
{
    const int free = tango__multistep(kind) || kind == TANGO_EULER || kind == TANGO_HEUN;
    if (asked == TANGO_SIGMAS_DEFAULT && c->karras) asked = TANGO_SIGMAS_KARRAS;
    return free && asked == TANGO_SIGMAS_KARRAS ? asked : TANGO_SIGMAS_SPACED;
}

/* Fields that a class of diffusers fills by itself when the configuration is silent; the
   samplers of distilled models have no choice. */
static void tango__sampling_defaults(tango_sampling *run)
{
    tango_sampling_params *p = &run->params;
    if (run->kind == TANGO_CONSISTENCY) run->spacing = TANGO_LINSPACE;
    if (run->spacing == TANGO_SPACING_DEFAULT)
        run->spacing = tango__by_index(run->kind) ? TANGO_LEADING : TANGO_LINSPACE;
    if (run->final_sigma == TANGO_FINAL_DEFAULT
        || !(tango__multistep(run->kind) || run->kind == TANGO_EULER))
        run->final_sigma = TANGO_FINAL_ZERO;
    p->sigmas = tango__sigmas_of(run->config, run->kind, p->sigmas);
    if (p->strength == 0.0) p->strength = 1.0;
}

/* Checks what was asked for and finds the calls of the run. */
static tango_result tango__sampling_check(tango_sampling *run, tango_error *error)
{
    const double strength = run->params.strength;
    size_t left, most = run->config->train_steps;
    if (run->kind < TANGO_DDPM || run->kind > TANGO_CTM || run->steps == 0
        || run->steps > most)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "sampler: %z steps, expected 1 to %z", run->steps, most);
    if (!(strength > 0.0 && strength <= 1.0))
        return tango_io_fail(
            error, TANGO_ERROR_ARGUMENT, "strength: expected more than 0 and at most 1");
    if (run->kind == TANGO_LCM) {
        most = most < tango__lcm_steps(run)
                   ? 0
                   : (size_t)((double)tango__lcm_steps(run) * strength);
        if (run->steps > most)
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                "steps: %z of lcm, expected at most %z", run->steps, most);
    }
    left = tango__steps_left(run->kind, run->steps, strength);
    if (left == 0)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "strength: leaves none of %z steps", run->steps);
    run->calls = tango__calls(run->kind, run->steps);
    run->first = run->index = run->calls - tango__calls(run->kind, left);
    if (run->kind == TANGO_CTM || run->params.sigmas == TANGO_SIGMAS_KARRAS)
        return TANGO_OK;
    return tango__check_timesteps(run, error);
}

TANGO_API tango_result tango_sampling_begin(tango_sampling *run,
    const tango_schedule_config *config, const tango_sampling_params *params,
    tango_arena *arena, tango_error *error)
{
    const tango_sampler kind = params->sampler;
    const int multistep = tango__multistep(kind), heun = kind == TANGO_HEUN;
    size_t total = 0;
    int ok = tango_mul_ok(params->images, params->count, &total);
    tango_result result;
    memset(run, 0, sizeof *run);
    run->config = config;
    run->params = *params;
    run->kind = kind;
    run->spacing = config->spacing;
    run->final_sigma = params->final_sigma != TANGO_FINAL_DEFAULT ? params->final_sigma
                                                                  : config->final_sigma;
    run->steps = params->steps;
    run->images = params->images;
    run->count = params->count;
    run->eta = params->eta;
    tango__sampling_defaults(run);
    result = tango__sampling_check(run, error);
    if (result != TANGO_OK) return result;
    run->alphas =
        (float *)tango_arena_keep(arena, config->train_steps, sizeof(float), &ok);
    run->timesteps = (float *)tango_arena_keep(
        arena, run->calls + (kind == TANGO_CTM), sizeof(float), &ok);
    run->sigmas = (float *)tango_arena_keep(arena, run->calls + 1, sizeof(float), &ok);
    run->x0 = (float *)tango_arena_keep(arena, total, sizeof(float), &ok);
    if (multistep || heun)
        run->before[0] = (float *)tango_arena_keep(arena, total, sizeof(float), &ok);
    if (multistep)
        run->before[1] = (float *)tango_arena_keep(arena, total, sizeof(float), &ok);
    if (kind == TANGO_UNIPC || heun)
        run->last = (float *)tango_arena_keep(arena, total, sizeof(float), &ok);
    if (config->threshold)
        run->sorted = (float *)tango_arena_keep(arena, params->count, sizeof(float), &ok);
    if (!ok)
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
            "sampler: no room for %z steps of %z numbers", run->steps, total);
    if (run->timesteps == NULL) return TANGO_OK; /* only measured */
    if (kind == TANGO_CTM) tango__fill_levels(run);
    else tango__fill_schedule(run);
    return TANGO_OK;
}

/* Deviation of the latents that SoundCTM was trained on. */
#define TANGO__CTM_DATA 0.25

TANGO_API void tango_sampling_input(const tango_sampling *run, float *out, const float *x)
{
    size_t i, total = run->images * run->count;
    float scale = 1.0f;
    if (tango__by_sigma(run->kind) || run->kind == TANGO_CONSISTENCY
        || run->kind == TANGO_CTM) {
        double sigma = (double)run->sigmas[run->index],
               data = run->kind == TANGO_CTM ? TANGO__CTM_DATA : 1.0;
        scale = (float)(1.0 / TANGO_SQRT(sigma * sigma + data * data));
    }
    for (i = 0; i < total; i++) out[i] = x[i] * scale;
}

TANGO_API int tango_sampling_draws(const tango_sampling *run)
{
    if (run->kind == TANGO_DDPM) return run->timesteps[run->index] > 0.0f;
    if (run->kind == TANGO_CONSISTENCY || run->kind == TANGO_LCM)
        return run->index + 1 < run->calls;
    if (run->kind == TANGO_EULER_ANCESTRAL || run->kind == TANGO_DPM_SDE) return 1;
    return run->kind == TANGO_DDIM && run->eta > 0.0;
}

/* For how many steps tango_sampling_draws will say yes; needs no tables. */
static size_t tango__draw_count(const tango_sampling *run)
{
    const size_t left = run->calls - run->first;
    switch (run->kind) {
    case TANGO_DDPM:
        return left - (tango__timestep(run, run->steps - 1) > 0.0 ? 0 : 1);
    case TANGO_CONSISTENCY:
    case TANGO_LCM: return left - 1;
    case TANGO_EULER_ANCESTRAL:
    case TANGO_DPM_SDE: return left;
    default: return run->kind == TANGO_DDIM && run->eta > 0.0 ? left : 0;
    }
}

/* Ascending order, by Shell's method with Knuth's gaps. */
TANGO__HOT
static void tango__sort(float *v, size_t count)
{
    size_t gap = 1, i, j;
    while (gap < count / 3) gap = 3 * gap + 1;
    for (; gap > 0; gap /= 3)
        for (i = gap; i < count; i++) {
            float value = v[i];
            for (j = i; j >= gap && v[j - gap] > value; j -= gap) v[j] = v[j - gap];
            v[j] = value;
        }
}

static float tango__clamp(float x, float limit)
{
    return x > limit ? limit : x < -limit ? -limit : x;
}

/* Dynamic thresholding of one image (Saharia et al. 2022): x = clamp(x, -q, q) / q, where
   q is a quantile of |x|, at least 1 and at most threshold_max. */
static void tango__threshold(const tango_sampling *run, float *x)
{
    double at = run->config->threshold_ratio * (double)(run->count - 1);
    size_t low = (size_t)at, i;
    float q;
    for (i = 0; i < run->count; i++) run->sorted[i] = x[i] < 0.0f ? -x[i] : x[i];
    tango__sort(run->sorted, run->count);
    q = run->sorted[low];
    if (low + 1 < run->count) q += (float)(at - (double)low) * (run->sorted[low + 1] - q);
    if (q < 1.0f) q = 1.0f;
    if (q > (float)run->config->threshold_max) q = (float)run->config->threshold_max;
    for (i = 0; i < run->count; i++) x[i] = tango__clamp(x[i], q) / q;
}

/* Bounds the predicted clean sample as the configuration asks; thresholding goes first.
   DDPM and DDIM clip unless told otherwise, Heun and LCM where told to. */
static void tango__bound(const tango_sampling *run)
{
    const int by_sigma = tango__by_sigma(run->kind);
    const int clip = run->kind == TANGO_DDPM || run->kind == TANGO_DDIM
                         ? run->config->clip != 0
                         : (run->kind == TANGO_HEUN || run->kind == TANGO_LCM)
                               && run->config->clip > 0;
    size_t i, total = run->images * run->count;
    if (run->config->threshold && !by_sigma) {
        for (i = 0; i < run->images; i++) tango__threshold(run, run->x0 + i * run->count);
    } else if (clip) {
        for (i = 0; i < total; i++)
            run->x0[i] = tango__clamp(run->x0[i], (float)run->config->clip_range);
    }
}

/* out = a x + b y */
TANGO__HOT
static void tango__combine(
    float *out, double a, const float *x, double b, const float *y, size_t count)
{
    const float p = (float)a, q = (float)b;
    size_t i;
    for (i = 0; i < count; i++) out[i] = p * x[i] + q * y[i];
}

/* The clean sample from the model's output, where x = signal * x0 + noise * e. */
TANGO__HOT
static void tango__predict(const tango_sampling *run, const float *x, const float *output,
    double signal, double noise)
{
    const size_t total = run->images * run->count;
    switch (run->config->prediction) {
    case TANGO_PREDICTS_NOISE:
        tango__combine(run->x0, 1.0 / signal, x, -noise / signal, output, total);
        break;
    case TANGO_PREDICTS_V:
        tango__combine(run->x0, signal, x, -noise, output, total);
        break;
    case TANGO_PREDICTS_SAMPLE: memcpy(run->x0, output, total * sizeof(float)); break;
    }
}

/* DDPM (Ho et al. 2020, equation 7): x = mean of q(x_prev | x, x0) + sqrt(variance)
   noise. */
TANGO__HOT
static void tango__step_ddpm(
    tango_sampling *run, float *x, const float *output, const float *noise)
{
    const size_t total = run->images * run->count, i = run->index;
    double now = (double)run->alphas[(size_t)run->timesteps[i]];
    double before =
        i + 1 < run->steps ? (double)run->alphas[(size_t)run->timesteps[i + 1]] : 1.0;
    double alpha = now / before, beta = 1.0 - alpha,
           variance = (1.0 - before) / (1.0 - now) * beta;
    size_t k;
    tango__predict(run, x, output, TANGO_SQRT(now), TANGO_SQRT(1.0 - now));
    tango__bound(run);
    tango__combine(x, TANGO_SQRT(alpha) * (1.0 - before) / (1.0 - now), x,
        TANGO_SQRT(before) * beta / (1.0 - now), run->x0, total);
    if (!tango_sampling_draws(run)) return;
    if (variance < 1e-20) variance = 1e-20;
    if (run->config->large_variance) variance = beta;
    for (k = 0; k < total; k++) x[k] += (float)TANGO_SQRT(variance) * noise[k];
}

/* DDIM (Song et al. 2021, equation 12): x = a' x0 + sqrt(1 - a'^2 - sigma^2) e + sigma
   noise, where the e of the unbounded x0 is used. */
TANGO__HOT
static void tango__step_ddim(
    tango_sampling *run, float *x, const float *output, const float *noise)
{
    const size_t total = run->images * run->count;
    const size_t t = (size_t)run->timesteps[run->index],
                 stride = run->config->train_steps / run->steps;
    double now = (double)run->alphas[t], signal = TANGO_SQRT(now),
           level = TANGO_SQRT(1.0 - now);
    double before = t >= stride ? (double)run->alphas[t - stride]
                  : run->config->alpha_one != 0 ? 1.0 : (double)run->alphas[0];
    double variance = (1.0 - before) / (1.0 - now) * (1.0 - now / before);
    double sigma = run->eta * TANGO_SQRT(variance > 0.0 ? variance : 0.0);
    double rest = 1.0 - before - sigma * sigma,
           toward = TANGO_SQRT(rest > 0.0 ? rest : 0.0);
    size_t k;
    tango__predict(run, x, output, signal, level);
    switch (run->config->prediction) { /* x = toward * e */
    case TANGO_PREDICTS_NOISE: tango__combine(x, 0.0, x, toward, output, total); break;
    case TANGO_PREDICTS_V:
        tango__combine(x, toward * level, x, toward * signal, output, total);
        break;
    case TANGO_PREDICTS_SAMPLE:
        tango__combine(x, toward / level, x, -toward * signal / level, output, total);
        break;
    }
    tango__bound(run);
    tango__combine(x, 1.0, x, TANGO_SQRT(before), run->x0, total);
    if (tango_sampling_draws(run))
        for (k = 0; k < total; k++) x[k] += (float)sigma * noise[k];
}

/* out = the clean sample of Euler and its kin, where x = x0 + sigma e. */
TANGO__HOT
static void tango__predict_at(
    const tango_sampling *run, const float *x, const float *output, double sigma)
{
    const size_t total = run->images * run->count;
    const double square = sigma * sigma + 1.0;
    switch (run->config->prediction) {
    case TANGO_PREDICTS_NOISE:
        tango__combine(run->x0, 1.0, x, -sigma, output, total);
        break;
    case TANGO_PREDICTS_V:
        tango__combine(
            run->x0, 1.0 / square, x, -sigma / TANGO_SQRT(square), output, total);
        break;
    case TANGO_PREDICTS_SAMPLE: memcpy(run->x0, output, total * sizeof(float)); break;
    }
    tango__bound(run);
}

/* Euler (Karras et al. 2022, algorithm 2): along dx/dsigma = (x - x0) / sigma. Ancestral:
   further down, to next^2 / sigma, and up to the next level by noise. */
TANGO__HOT
static void tango__step_euler(
    tango_sampling *run, float *x, const float *output, const float *noise)
{
    const size_t total = run->images * run->count;
    const double sigma = (double)run->sigmas[run->index],
                 next = (double)run->sigmas[run->index + 1], ratio = next / sigma,
                 up = next * TANGO_SQRT(1.0 - ratio * ratio);
    const double down = run->kind == TANGO_EULER ? ratio : ratio * ratio;
    tango__predict_at(run, x, output, sigma);
    tango__combine(x, down, x, 1.0 - down, run->x0, total);
    if (tango_sampling_draws(run)) tango__combine(x, 1.0, x, up, noise, total);
}

/* Heun (Karras et al. 2022, algorithm 1): a step of Euler, and the same step again by the
   mean of the slopes at both its ends. The last one ends at level 0, where there is no
   slope. */
TANGO__HOT
static void tango__step_heun(tango_sampling *run, float *x, const float *output)
{
    const size_t total = run->images * run->count, at = run->index;
    const int again = at % 2 != 0;
    const double here = (double)run->sigmas[at];
    const double way = again ? here - (double)run->sigmas[at - 1]
                             : (double)run->sigmas[at + 1] - here;
    tango__predict_at(run, x, output, here);
    if (!again) {
        memcpy(run->last, x, total * sizeof(float));
        tango__combine(run->before[0], 1.0 / here, x, -1.0 / here, run->x0, total);
        tango__combine(x, 1.0, x, way, run->before[0], total);
        return;
    }
    tango__combine(x, 0.5 * way / here, x, -0.5 * way / here, run->x0, total);
    tango__combine(x, 1.0, x, 0.5 * way, run->before[0], total);
    tango__combine(x, 1.0, x, 1.0, run->last, total);
}

/* Signal and noise parts at a step: signal^2 + noise^2 = 1, noise / signal = sigma. */
static void tango__parts(
    const tango_sampling *run, size_t i, double *signal, double *noise)
{
    double sigma = (double)run->sigmas[i];
    *signal = 1.0 / TANGO_SQRT(sigma * sigma + 1.0);
    *noise = sigma * *signal;
}

/* lambda(b) - lambda(a) with lambda = ln(signal / noise) = -ln sigma. */
static double tango__lambda_gain(const tango_sampling *run, size_t a, size_t b)
{
    return TANGO_LOG((double)run->sigmas[a]) - TANGO_LOG((double)run->sigmas[b]);
}

/* exp(-h) - 1 over the step from a to b; -1 where b is free of noise (h infinite). */
static double tango__decay(const tango_sampling *run, size_t a, size_t b)
{
    return run->sigmas[b] == 0.0f ? -1.0 : TANGO_EXPM1(-tango__lambda_gain(run, a, b));
}

/* The newest prediction moves to the front of the history. */
static void tango__remember(tango_sampling *run)
{
    float *oldest = run->before[1];
    run->before[1] = run->before[0];
    run->before[0] = run->x0;
    run->x0 = oldest;
}

/* DPM-Solver++ 2M (Lu et al. 2022b, algorithm 2), midpoint; its SDE walks twice as far in
   h and makes up for it by noise. First order at both ends. */
TANGO__HOT
static void tango__step_dpm(
    tango_sampling *run, float *x, const float *output, const float *noise)
{
    const size_t total = run->images * run->count, i = run->index;
    const int last = i + 1 == run->calls, sde = run->kind == TANGO_DPM_SDE;
    const int first_order =
        i == run->first
        || (last
            && (run->sigmas[i + 1] == 0.0f
                || (run->config->lower_order_final && run->steps < 15)));
    double signal, level, next_signal, next_level, weight, decay, fresh;
    tango__parts(run, i, &signal, &level);
    tango__parts(run, i + 1, &next_signal, &next_level);
    tango__predict(run, x, output, signal, level);
    tango__bound(run);
    decay = tango__decay(run, i, i + 1);
    fresh = sde ? -decay * (2.0 + decay) : 0.0; /* 1 - exp(-2h) */
    weight = next_signal * (sde ? fresh : -decay);
    tango__combine(
        x, next_level / level * (sde ? 1.0 + decay : 1.0), x, weight, run->x0, total);
    if (!first_order) { /* D = x0 + (x0 - before) / (2 r) */
        double r = tango__lambda_gain(run, i - 1, i) / tango__lambda_gain(run, i, i + 1);
        tango__combine(x, 1.0, x, weight * 0.5 / r, run->x0, total);
        tango__combine(x, 1.0, x, -weight * 0.5 / r, run->before[0], total);
    }
    if (sde && fresh > 0.0)
        tango__combine(x, 1.0, x, next_level * TANGO_SQRT(fresh), noise, total);
    tango__remember(run);
}

/* UniC's two weights at order 2, variant bh2. With p = exp(h) - 1 (the paper's B),
   g1 = p / h - 1 and g2 = g1 / h - 1/2 they solve
       older + newer = g1 / p          r older + newer = 2 g2 / p
   where r < 0 is the step before as a share of this one.       (Zhao et al. 2023, bh2) */
static void tango__unic_weights(double *older, double *newer, double h, double r)
{
    const double p = TANGO_EXPM1(h), g1 = p / h - 1.0, g2 = g1 / h - 0.5;
    const double sum = g1 / p;
    *older = (sum - 2.0 * g2 / p) / (1.0 - r);
    *newer = sum - *older;
}

/* UniC: the step that led to x is taken once more, now that the prediction m at its end
   is known beside m0 at its start and m1 a step earlier. From last, the sample there:
       x = noise / last_noise last
           - signal p (m0 + older (m1 - m0) / r + newer (m - m0))
   At order 1 newer = 1/2, and there is no m1.                 (Zhao et al. 2023, UniC) */
TANGO__HOT
static void tango__correct(tango_sampling *run, float *x)
{
    const size_t total = run->images * run->count, i = run->index;
    const float *m = run->x0, *m0 = run->before[0], *m1 = run->before[1];
    const double h = -tango__lambda_gain(run, i - 1, i);
    double signal, noise, last_signal, last_noise, weight, older = 0.0, newer = 0.5;
    tango__parts(run, i, &signal, &noise);
    tango__parts(run, i - 1, &last_signal, &last_noise);
    weight = -signal * TANGO_EXPM1(h);
    if (run->order == 2) {
        const double r = tango__lambda_gain(run, i - 1, i - 2) / -h;
        tango__unic_weights(&older, &newer, h, r);
        older /= r;
    }
    tango__combine(
        x, noise / last_noise, run->last, weight * (1.0 - older - newer), m0, total);
    tango__combine(x, 1.0, x, weight * newer, m, total);
    if (run->order == 2) tango__combine(x, 1.0, x, weight * older, m1, total);
}

/* UniPC (Zhao et al. 2023): the corrector, then the UniP predictor; one model call a
   step. */
TANGO__HOT
static void tango__step_unipc(tango_sampling *run, float *x, const float *output)
{
    const size_t total = run->images * run->count, i = run->index;
    double signal, noise, next_signal, next_noise, weight, r;
    tango__parts(run, i, &signal, &noise);
    tango__parts(run, i + 1, &next_signal, &next_noise);
    tango__predict(run, x, output, signal, noise);
    tango__bound(run);
    if (i > run->first) tango__correct(run, x);
    memcpy(run->last, x, total * sizeof(float));
    run->order =
        i == run->first
                || (i + 1 == run->calls
                    && (run->config->lower_order_final || run->sigmas[i + 1] == 0.0f))
            ? 1
            : 2;
    weight = -next_signal * tango__decay(run, i, i + 1);
    tango__combine(x, next_noise / noise, x, weight, run->x0, total);
    if (run->order == 2) { /* 0.5 (before - x0) / r */
        r = tango__lambda_gain(run, i, i - 1) / tango__lambda_gain(run, i, i + 1);
        tango__combine(x, 1.0, x, weight * 0.5 / r, run->before[0], total);
        tango__combine(x, 1.0, x, -weight * 0.5 / r, run->x0, total);
    }
    tango__remember(run);
}

/* LCM (Luo et al. 2023, algorithm 2): the clean sample c_out x0 + c_skip x, and noise to
   the level of the next query. */
TANGO__HOT
static void tango__step_lcm(
    tango_sampling *run, float *x, const float *output, const float *noise)
{
    const size_t total = run->images * run->count;
    const double time = 10.0 * (double)run->timesteps[run->index],
                 square = time * time + 0.25;
    double signal, level;
    tango__parts(run, run->index, &signal, &level);
    tango__predict(run, x, output, signal, level);
    tango__bound(run);
    tango__combine(x, 0.25 / square, x, time / TANGO_SQRT(square), run->x0, total);
    if (!tango_sampling_draws(run)) return;
    tango__parts(run, run->index + 1, &signal, &level);
    tango__combine(x, signal, x, level, noise, total);
}

/* ConsistencyTTA: the output is the clean sample itself; x = x0 + sigma noise with the
   noise level of the next query.                          (Bai et al. 2024, section 3) */
TANGO__HOT
static void tango__step_consistency(
    tango_sampling *run, float *x, const float *output, const float *noise)
{
    const size_t total = run->images * run->count;
    memcpy(x, output, total * sizeof(float));
    if (tango_sampling_draws(run))
        tango__combine(x, 1.0, x, (double)run->sigmas[run->index + 1], noise, total);
}

/* SoundCTM, from noise level t to s: x = (s/t) x + (1 - s/t) g, where the clean sample
   g = c_skip x + c_out output is preconditioned as EDM is.
                      (Kim et al. 2024, equation 9; Karras et al. 2022, table 1) */
static void tango__step_ctm(tango_sampling *run, float *x, const float *output)
{
    const double t = (double)run->sigmas[run->index],
                 s = (double)run->sigmas[run->index + 1];
    const double square = t * t + TANGO__CTM_DATA * TANGO__CTM_DATA,
                 skip = TANGO__CTM_DATA * TANGO__CTM_DATA / square,
                 out = TANGO__CTM_DATA * t / TANGO_SQRT(square);
    tango__combine(x, s / t + (1.0 - s / t) * skip, x, (1.0 - s / t) * out, output,
        run->images * run->count);
}

TANGO_API void tango_sampling_noise(
    const tango_sampling *run, float *out, const float *clean, const float *noise)
{
    const size_t total = run->images * run->count;
    double signal = 1.0, level = 0.0;
    if (run->index < run->calls) {
        tango__parts(run, run->index, &signal, &level);
        if (tango__by_sigma(run->kind) || run->kind >= TANGO_CONSISTENCY) {
            signal = 1.0;
            level = (double)run->sigmas[run->index];
        }
    }
    tango__combine(out, signal, clean, level, noise, total);
}

TANGO_API void tango_sampling_step(
    tango_sampling *run, float *x, const float *output, const float *noise)
{
    TANGO_ASSERT(run->index < run->calls);
    TANGO_ASSERT(noise != NULL || !tango_sampling_draws(run));
    switch (run->kind) {
    case TANGO_DDPM: tango__step_ddpm(run, x, output, noise); break;
    case TANGO_DDIM: tango__step_ddim(run, x, output, noise); break;
    case TANGO_EULER:
    case TANGO_EULER_ANCESTRAL: tango__step_euler(run, x, output, noise); break;
    case TANGO_HEUN: tango__step_heun(run, x, output); break;
    case TANGO_DPM:
    case TANGO_DPM_SDE: tango__step_dpm(run, x, output, noise); break;
    case TANGO_LCM: tango__step_lcm(run, x, output, noise); break;
    case TANGO_CONSISTENCY: tango__step_consistency(run, x, output, noise); break;
    case TANGO_CTM: tango__step_ctm(run, x, output); break;
    default: tango__step_unipc(run, x, output); break;
    }
    run->index++;
}

/* ==== 6 >>network ==== Private: layers by name ============================== */

/* A network in the middle of its forward pass. Modules enter and leave a dotted name,
   layers look their tensors up under it. The first failure is kept; after it, and while
   memory is only measured, layers check and book but compute nothing. */
typedef struct tango__net {
    const tango_model *model;
    tango_nn_context nn;
    tango_arena *arena;
    tango_error *error;
    tango_result result;
    char name[192];
    size_t name_length;
    size_t passes; /* of a loop; two when measuring: later ones book as the second does */
    int first; /* the first pass of a loop: what it keeps, later passes find again */
    size_t kept_start, kept_at;
    tango_profile *profile; /* NULL where no time is taken */
    size_t part;            /* of the profile: the one at work */
    double lap;             /* when its clock was read last */
    int (*on_layer)(void *user, unsigned part, double operations);
    void *user;
    double operations; /* of this part so far */
} tango__net;

static int tango__idle(const tango__net *net)
{
    return net->result != TANGO_OK || net->arena->base == NULL;
}

/* Counts the time since the last lap, and what was computed in it, to a kind of layer.
   A layer has one lap of OTHER before it and one of its own behind it, where the caller
   may stop the run; nothing counts behind a failure. A net that works inside a task of
   parallel_for has neither profile nor on_layer: what surrounds it counts it as one. */
static void tango__lap(tango__net *net, tango_layer layer, double operations)
{
    tango_profile *p = net->profile;
    double now;
    if (tango__idle(net)) return;
    if (net->on_layer != NULL && layer != TANGO_LAYER_OTHER) {
        net->operations += operations;
        if (net->on_layer(net->user, 1u << net->part, net->operations))
            net->result = tango_io_fail(net->error, TANGO_ERROR_CANCELLED,
                "stopped behind a layer of %s", tango_part_name(1u << net->part));
    }
    if (p == NULL) return;
    now = p->seconds(p->user);
    p->spent[net->part][layer] += now - net->lap;
    p->operations[net->part][layer] += operations;
    net->lap = now;
}

/* From here on the time is that of another part, the one of this bit. */
static void tango__lap_part(tango__net *net, unsigned part)
{
    tango__lap(net, TANGO_LAYER_OTHER, 0.0);
    for (net->part = 0; part > 1; part >>= 1) net->part++;
    net->operations = 0.0;
}

TANGO_API const char *tango_layer_name(tango_layer layer)
{
    static const char *const names[TANGO_LAYERS + 1] = { "3x3 convolution",
        "1-D convolution", "product", "self-attention", "cross-attention", "norm",
        "elementwise", "transform", "other", "" };
    return names[layer < TANGO_LAYERS ? layer : TANGO_LAYERS];
}

/* Appends ".part" or ".part.index" to the name; returns the mark for tango__leave. */
static size_t tango__enter(tango__net *net, const char *part, size_t index)
{
    size_t mark = net->name_length, n = strlen(part), digits = 1, v;
    if (mark + n + 24 > sizeof net->name) {
        net->result = tango_io_fail(
            net->error, TANGO_ERROR_DATA, "model: module name too long at '%s'", part);
        return mark;
    }
    if (mark != 0) net->name[net->name_length++] = '.';
    memcpy(net->name + net->name_length, part, n);
    net->name_length += n;
    if (index != SIZE_MAX) {
        net->name[net->name_length++] = '.';
        for (v = index; v >= 10; v /= 10) digits++;
        for (v = index, n = digits; n > 0; v /= 10)
            net->name[net->name_length + --n] = (char)('0' + v % 10);
        net->name_length += digits;
    }
    net->name[net->name_length] = 0;
    return mark;
}

static size_t tango__enter_one(tango__net *net, const char *part)
{
    return tango__enter(net, part, SIZE_MAX);
}

static void tango__leave(tango__net *net, size_t mark)
{
    net->name_length = mark;
    net->name[mark] = 0;
}

/* Scratch of a*b*c floats. */
static float *tango__floats(tango__net *net, size_t a, size_t b, size_t c)
{
    size_t count = 0;
    int ok = tango_mul_ok(a, b, &count) && tango_mul_ok(count, c, &count);
    float *out = NULL;
    if (net->result != TANGO_OK) return NULL;
    if (ok) out = (float *)tango_arena_take(net->arena, count, sizeof(float), &ok);
    if (!ok)
        net->result = tango_io_fail(net->error, TANGO_ERROR_MEMORY,
            "memory: no room for %z x %z x %z numbers at '%s'", a, b, c, net->name);
    return out;
}

/* Floats of a later pass of a loop. Its calls of tango__keep have the order and the sizes
   of the first pass, so that adding up the same rooms leads to the same places. */
static float *tango__keep_again(tango__net *net, size_t count)
{
    unsigned char *const base = net->arena->base;
    size_t room = 0;
    tango__room(count, sizeof(float), &room); /* the first pass found that it fits */
    net->kept_at += room;
    TANGO_ASSERT(net->kept_at <= net->arena->kept);
    return base == NULL ? NULL
                        : (float *)(void *)(base + (net->arena->size - net->kept_at));
}

/* Floats that live through a loop, such as the keys of a text, which are the same in all
   steps. The first pass gets new ones from the far end of the arena, *fresh = 1, and
   fills them; every later pass finds them again. */
static float *tango__keep(tango__net *net, size_t rows, size_t columns, int *fresh)
{
    size_t count = 0;
    int ok = tango_mul_ok(rows, columns, &count);
    float *out = NULL;
    *fresh = net->first;
    if (net->result != TANGO_OK) return NULL;
    if (!net->first) return tango__keep_again(net, count);
    if (ok) out = (float *)tango_arena_keep(net->arena, count, sizeof(float), &ok);
    if (!ok)
        net->result = tango_io_fail(net->error, TANGO_ERROR_MEMORY,
            "memory: no room to keep %z x %z numbers at '%s'", rows, columns, net->name);
    return out;
}

/* Where the next array of tango__keep will lie, and a jump to such a place: a pass that
   leaves some layers out passes over what they keep. */
static size_t tango__keep_place(const tango__net *net)
{
    return net->first ? net->arena->kept : net->kept_at;
}

static void tango__keep_jump(tango__net *net, size_t place)
{
    TANGO_ASSERT(!net->first);
    net->kept_at = place;
}

/* Marks where a loop's kept memory begins, and rewinds to it before each pass. */
static void tango__loop_begin(tango__net *net)
{
    net->kept_start = net->kept_at = net->arena->kept;
    net->first = 1;
}

static void tango__loop_again(tango__net *net)
{
    net->kept_at = net->kept_start;
    net->first = 0;
}

static float *tango__at(float *base, size_t offset)
{
    return base == NULL ? NULL : base + offset;
}

/* The kernels' name of a tensor's type; 0 if they do not know it. */
static int tango__type_of(tango_nn_type *type, const tango_io_tensor *tensor)
{
    static const struct { tango_io_type from; tango_nn_type to; } types[] = {
        { TANGO_IO_F32, TANGO_NN_F32 }, { TANGO_IO_F16, TANGO_NN_F16 },
        { TANGO_IO_BF16, TANGO_NN_BF16 }, { TANGO_IO_I16, TANGO_NN_I16 },
        { TANGO_IO_I8, TANGO_NN_I8 }
    };
    size_t i;
    for (i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (tensor->type != types[i].from) continue;
        *type = types[i].to;
        return (tensor->layout == TANGO_IO_BLOCKS) == (*type >= TANGO_NN_I16);
    }
    return 0;
}

/* Looks up "<name>.<leaf>" and checks its layout and shape {a}, {a, b} or {a, b, c}.
   Matrices in panels may be there in blocks of integers. */
static const void *tango__tensor(tango__net *net, const char *leaf,
    tango_io_layout layout, size_t a, size_t b, size_t c, tango_nn_type *type)
{
    tango_io_tensor tensor;
    tango_nn_type kind = TANGO_NN_F32;
    size_t mark, want[3], rank = c ? 3u : b ? 2u : 1u, i, found;
    if (net->result != TANGO_OK) return NULL;
    want[0] = a, want[1] = b, want[2] = c;
    mark = tango__enter_one(net, leaf);
    found = (size_t)tango_io_blob_find(&net->model->blob, net->name, &tensor);
    if (net->result == TANGO_OK && !found)
        net->result = tango_io_fail(
            net->error, TANGO_ERROR_DATA, "model: no tensor '%s'", net->name);
    if (net->result == TANGO_OK) {
        const int blocks = layout == TANGO_IO_PANELS && tensor.layout == TANGO_IO_BLOCKS;
        int fits = tensor.rank == rank && (tensor.layout == layout || blocks);
        for (i = 0; fits && i < rank; i++) fits = tensor.shape[i] == want[i];
        if (!fits)
            net->result = tango_io_fail(net->error, TANGO_ERROR_DATA,
                "model: tensor '%s' is not the %z x %z x %z that its configuration "
                "implies",
                net->name, a, b ? b : 1, c ? c : 1);
        else if (!tango__type_of(&kind, &tensor)
                 || (type == NULL && kind != TANGO_NN_F32))
            net->result = tango_io_fail(net->error, TANGO_ERROR_UNSUPPORTED,
                "model: tensor '%s' is of type %s, expected %s", net->name,
                tango_io_type_name(tensor.type),
                type == NULL ? "f32" : blocks ? "i16 or i8" : "f32, f16 or bf16");
    }
    tango__leave(net, mark);
    if (net->result != TANGO_OK) return NULL;
    if (type != NULL) *type = kind;
    return tensor.data;
}

static const float *tango__vector(tango__net *net, const char *leaf, size_t count)
{
    return (const float *)tango__tensor(net, leaf, TANGO_IO_PLAIN, count, 0, 0, NULL);
}

static tango_nn_matrix tango__matrix(
    tango__net *net, size_t outputs, size_t taps, size_t channels)
{
    tango_nn_matrix w;
    memset(&w, 0, sizeof w);
    w.panels =
        tango__tensor(net, "weight", TANGO_IO_PANELS, outputs, taps, channels, &w.type);
    w.outputs = outputs;
    w.inputs = taps * channels;
    return w;
}

/* What happens to a layer's result on the way out; all zero: nothing. */
typedef tango_nn_epilogue tango__after;

static tango__after tango__plain(void)
{
    tango__after e;
    memset(&e, 0, sizeof e);
    return e;
}

static tango__after tango__plus(const float *add)
{
    tango__after e = tango__plain();
    e.add = add;
    return e;
}

static tango__after tango__then(tango_nn_activation activation)
{
    tango__after e = tango__plain();
    e.activation = activation;
    return e;
}

/* Operations of a product of (rows, inputs) with (inputs, outputs). */
static double tango__multiplied(size_t rows, size_t outputs, size_t inputs)
{
    return 2.0 * (double)rows * (double)outputs * (double)inputs;
}

/* out (rows, outputs) = x (rows, channels) w^T, no bias.  (torch.nn.Linear) */
static void tango__product(tango__net *net, float *out, const float *x, size_t rows,
    const char *name, size_t outputs, size_t channels, tango__after e)
{
    size_t mark = tango__enter_one(net, name);
    tango_nn_matrix w = tango__matrix(net, outputs, 1, channels);
    tango__lap(net, TANGO_LAYER_OTHER, 0.0);
    if (!tango__idle(net)) tango_nn_linear(&net->nn, out, x, rows, &w, &e);
    tango__lap(net, TANGO_LAYER_PRODUCT, tango__multiplied(rows, outputs, channels));
    tango__leave(net, mark);
}

/* The same with a bias; 1x1 convolutions are this too.  (torch.nn.Linear) */
static void tango__linear(tango__net *net, float *out, const float *x, size_t rows,
    const char *name, size_t outputs, size_t channels, tango__after e)
{
    size_t mark = tango__enter_one(net, name);
    e.bias = tango__vector(net, "bias", outputs);
    tango__leave(net, mark);
    tango__product(net, out, x, rows, name, outputs, channels, e);
}

/* out (B, out_h*out_w, outputs) = convolution of x by the tensors `name`.
                                                                        (torch.nn.Conv) */
static void tango__conv(tango__net *net, float *out, const float *x,
    const tango_nn_conv *shape, const char *name, size_t outputs, tango__after e)
{
    size_t mark = tango__enter_one(net, name);
    tango_nn_matrix w = tango__matrix(
        net, outputs, shape->kernel_height * shape->kernel_width, shape->channels);
    e.bias = tango__vector(net, "bias", outputs);
    tango__lap(net, TANGO_LAYER_OTHER, 0.0);
    if (!tango__idle(net)) tango_nn_conv2d(&net->nn, out, x, shape, &w, &e);
    tango__lap(net, shape->kernel_width == 1 ? TANGO_LAYER_CONV_1D : TANGO_LAYER_CONV_2D,
        tango__multiplied(
            shape->batch * shape->out_height * shape->out_width, outputs, w.inputs));
    tango__leave(net, mark);
}

/* out = softmax(q k^T) v of all heads.  (torch scaled_dot_product_attention) */
static void tango__attend(tango__net *net, float *out, const float *q, const float *k,
    const float *v, const tango_nn_attention *shape, tango_layer layer)
{
    size_t keys = shape->batch * shape->keys, b;
    if (tango__idle(net)) return;
    if (shape->key_count != NULL) {
        const size_t repeat = shape->context_repeat > 1 ? shape->context_repeat : 1;
        for (b = keys = 0; b < shape->batch; b++) keys += shape->key_count[b / repeat];
    }
    tango__lap(net, TANGO_LAYER_OTHER, 0.0);
    tango_nn_attend(&net->nn, out, q, k, v, shape);
    tango__lap(net, layer,
        2.0 * tango__multiplied(shape->queries, keys, shape->heads * shape->width));
}

/* out = (a + b) * scale, `count` values; out may be a or b. */
static void tango__add(tango__net *net, float *out, const float *a, const float *b,
    size_t count, float scale)
{
    if (tango__idle(net)) return;
    tango__lap(net, TANGO_LAYER_OTHER, 0.0);
    tango_nn_add(&net->nn, out, a, b, count, scale);
    tango__lap(net, TANGO_LAYER_ELEMENTS, 0.0);
}

/* A batch of images: rows = height * width positions, channels last. */
typedef struct tango__image { size_t batch, height, width; } tango__image;

static size_t tango__rows(tango__image s)
{
    return s.batch * s.height * s.width;
}

/* 3x3, stride 1, zeros around: the size stays. */
static tango_nn_conv tango__conv3x3(tango__image s, size_t channels)
{
    tango_nn_conv c;
    memset(&c, 0, sizeof c);
    c.batch = s.batch;
    c.height = c.out_height = s.height;
    c.width = c.out_width = s.width;
    c.channels = channels;
    c.kernel_height = c.kernel_width = 3;
    c.pad_top = c.pad_left = 1;
    return c;
}

static void tango__group_norm(tango__net *net, float *out, const float *x, tango__image s,
    size_t channels, size_t groups, float eps, const char *name,
    tango_nn_activation activation)
{
    size_t mark = tango__enter_one(net, name);
    const float *weight = tango__vector(net, "weight", channels),
                *bias = tango__vector(net, "bias", channels);
    if (net->result == TANGO_OK && channels % groups != 0)
        net->result = tango_io_fail(net->error, TANGO_ERROR_DATA,
            "model: '%s' has %z channels in %z groups", net->name, channels, groups);
    tango__lap(net, TANGO_LAYER_OTHER, 0.0);
    if (!tango__idle(net))
        tango_nn_group_norm(&net->nn, out, x, s.batch, s.height * s.width, channels,
            groups, eps, weight, bias, activation);
    tango__lap(net, TANGO_LAYER_NORM, 0.0);
    tango__leave(net, mark);
}

static void tango__layer_norm_with(tango__net *net, float *out, const float *x,
    size_t rows, size_t channels, float eps, const char *name)
{
    size_t mark = tango__enter_one(net, name);
    const float *weight = tango__vector(net, "weight", channels),
                *bias = tango__vector(net, "bias", channels);
    tango__lap(net, TANGO_LAYER_OTHER, 0.0);
    if (!tango__idle(net))
        tango_nn_layer_norm(&net->nn, out, x, rows, channels, eps, weight, bias);
    tango__lap(net, TANGO_LAYER_NORM, 0.0);
    tango__leave(net, mark);
}

/* With the epsilon that torch.nn.LayerNorm has if nothing else is said. */
static void tango__layer_norm(tango__net *net, float *out, const float *x, size_t rows,
    size_t channels, const char *name)
{
    tango__layer_norm_with(net, out, x, rows, channels, 1e-5f, name);
}

static void tango__rms_norm(tango__net *net, float *out, const float *x, size_t rows,
    size_t channels, const char *name)
{
    size_t mark = tango__enter_one(net, name);
    const float *weight = tango__vector(net, "weight", channels);
    tango__lap(net, TANGO_LAYER_OTHER, 0.0);
    if (!tango__idle(net))
        tango_nn_rms_norm(&net->nn, out, x, rows, channels, net->model->text.eps, weight);
    tango__lap(net, TANGO_LAYER_NORM, 0.0);
    tango__leave(net, mark);
}

/* NaN or infinity in a finished stage ends the run with the stage's name. */
TANGO__HOT
static void tango__finite(
    tango__net *net, const float *x, size_t count, const char *stage, size_t step)
{
    if (tango__idle(net) || tango_nn_all_finite(x, count)) return;
    net->result = step == SIZE_MAX
                      ? tango_io_fail(net->error, TANGO_ERROR_NUMBER,
                            "%s: NaN or infinity among its %z numbers", stage, count)
                      : tango_io_fail(net->error, TANGO_ERROR_NUMBER,
                            "%s: NaN or infinity after step %z", stage, step);
}

/* ==== 7 >>text ==== Private: T5, CLIP and CLAP text encoders ================ */

/* Ids of one text that an encoder takes at most, those around it counted. */
static size_t tango__tokens_most(const tango_text_config *c)
{
    size_t most = TANGO_TOKENS_MAX, unused;
    if (c->type == TANGO_TEXT_T5) return most;
    /* The rows up to that of the padding stand for no token of RoBERTa. */
    unused = c->type == TANGO_TEXT_CLAP ? c->pad + 1 : 0;
    if (c->positions < unused + most)
        most = c->positions > unused ? c->positions - unused : 0;
    return most;
}

/* out (rows, width) = the rows `ids` of the table "<name>.weight" (count, width), which
   stands in the blob row by row.                                  (torch.nn.Embedding) */
TANGO__HOT
static void tango__lookup(tango__net *net, float *out, const int32_t *ids, size_t rows,
    const char *name, size_t count, size_t width)
{
    const size_t mark = tango__enter_one(net, name);
    tango_nn_type type = TANGO_NN_F32;
    const void *table =
        tango__tensor(net, "weight", TANGO_IO_PLAIN, count, width, 0, &type);
    size_t i;
    for (i = 0; !tango__idle(net) && i < rows; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= count)
            net->result = tango_io_fail(net->error, TANGO_ERROR_DATA,
                "text: id %i, the encoder's '%s' has %z rows", (int64_t)ids[i], name,
                count);
    tango__lap(net, TANGO_LAYER_OTHER, 0.0);
    if (!tango__idle(net)) tango_nn_gather(out, table, type, ids, rows, width);
    tango__lap(net, TANGO_LAYER_ELEMENTS, 0.0);
    tango__leave(net, mark);
}

/* out (batch, tokens): the row of the position table of each token. CLIP counts from 0.
   RoBERTa counts the tokens that are not padding, from pad + 1 on; padding itself has
   the row `pad`.                                    (create_position_ids_from_input_ids)
 */
static void tango__text_positions(const tango_text_config *c, int32_t *out,
    const int32_t *ids, size_t batch, size_t tokens)
{
    size_t b, i;
    for (b = 0; b < batch; b++) {
        size_t real = 0;
        for (i = 0; i < tokens; i++, ids++, out++) {
            const int is_real = *ids < 0 || (size_t)*ids != c->pad;
            if (c->type == TANGO_TEXT_CLIP) *out = (int32_t)i;
            else *out = (int32_t)(c->pad + (is_real ? ++real : 0));
        }
    }
}

/* x (batch, tokens, D) = word + position, each a row of its table.
                                           (CLIPTextEmbeddings, and ClapTextEmbeddings) */
static void tango__embed_text(tango__net *net, const tango_text_config *c, float *x,
    const int32_t *ids, size_t batch, size_t tokens, const char *words,
    const char *positions)
{
    const size_t mark = net->arena->used, rows = batch * tokens;
    float *place = tango__floats(net, rows, c->width, 1);
    int ok = 1;
    int32_t *at = (int32_t *)tango_arena_take(net->arena, rows, sizeof(int32_t), &ok);
    if (net->result == TANGO_OK && !ok)
        net->result = tango_io_fail(
            net->error, TANGO_ERROR_MEMORY, "memory: no room for %z positions", rows);
    if (net->result == TANGO_OK && tokens > tango__tokens_most(c))
        net->result = tango_io_fail(net->error, TANGO_ERROR_DATA,
            "text: %z tokens, the encoder has positions for %z", tokens,
            tango__tokens_most(c));
    tango__lookup(net, x, ids, rows, words, c->vocab, c->width);
    if (!tango__idle(net)) tango__text_positions(c, at, ids, batch, tokens);
    tango__lookup(net, place, at, rows, positions, c->positions, c->width);
    tango__add(net, x, x, place, rows * c->width, 1.0f);
    tango_arena_release(net->arena, mark);
}

/* Who looks at whom in a batch of texts. */
typedef struct tango__texts {
    size_t batch, tokens;
    const size_t *counts; /* (batch): tokens that are not padding, or NULL for all */
    int causal;           /* no token sees a later one */
} tango__texts;

/* x += p_out(heads of softmax(q k^T / sqrt(width of a head)) v), where q, k, v are three
   projections of `from`, which may be x. names: q, k, v, out; all have a bias. */
static void tango__text_attention(tango__net *net, const tango_text_config *c, float *x,
    const float *from, const tango__texts *t, const char *const names[4])
{
    const size_t rows = t->batch * t->tokens, width = c->width, mark = net->arena->used;
    float *q = tango__floats(net, rows, width, 1),
          *k = tango__floats(net, rows, width, 1),
          *v = tango__floats(net, rows, width, 1);
    tango_nn_attention shape;
    memset(&shape, 0, sizeof shape);
    shape.batch = t->batch;
    shape.queries = shape.keys = t->tokens;
    shape.heads = c->heads;
    shape.width = c->head_width;
    shape.scale = (float)(1.0 / TANGO_SQRT((double)c->head_width));
    shape.key_count = t->counts;
    shape.causal = t->causal;
    tango__linear(net, q, from, rows, names[0], width, width, tango__plain());
    tango__linear(net, k, from, rows, names[1], width, width, tango__plain());
    tango__linear(net, v, from, rows, names[2], width, width, tango__plain());
    tango__attend(net, q, q, k, v, &shape, TANGO_LAYER_SELF_ATTENTION);
    tango__linear(net, x, q, rows, names[3], width, width, tango__plus(x));
    tango_arena_release(net->arena, mark);
}

/* x += p_out(activation(p_in(from))); from may be x. */
static void tango__text_mlp(tango__net *net, const tango_text_config *c, float *x,
    const float *from, size_t rows, const char *in, const char *out)
{
    const size_t mark = net->arena->used;
    float *hidden = tango__floats(net, rows, c->hidden, 1);
    tango__linear(net, hidden, from, rows, in, c->hidden, c->width,
        tango__then(c->type == TANGO_TEXT_CLIP && c->quick_gelu ? TANGO_NN_QUICK_GELU
                                                                 : TANGO_NN_GELU));
    tango__linear(net, x, hidden, rows, out, c->width, c->hidden, tango__plus(x));
    tango_arena_release(net->arena, mark);
}

/* Bucket of a key's position minus the query's.
                                                (T5Attention._relative_position_bucket) */
static size_t tango__t5_bucket(const tango_text_config *c, size_t query, size_t key)
{
    const size_t half = c->buckets / 2, exact = half / 2;
    size_t distance = key > query ? key - query : query - key, bucket = distance;
    if (distance >= exact) { /* logarithmic from `exact` to max_distance */
        float ratio = (float)TANGO_LOG((double)((float)distance / (float)exact));
        float span = (float)TANGO_LOG((double)c->max_distance / (double)exact);
        bucket = exact + (size_t)(ratio / span * (float)(half - exact));
        if (bucket > half - 1) bucket = half - 1;
    }
    return bucket + (key > query ? half : 0);
}

/* bias (heads, tokens, tokens): what every block's scores get added. */
static void tango__t5_bias(tango__net *net, float *bias, size_t tokens)
{
    const tango_text_config *c = &net->model->text;
    const float *table = (const float *)tango__tensor(net,
        "block.0.layer.0.SelfAttention.relative_attention_bias.weight", TANGO_IO_PLAIN,
        c->buckets, c->heads, 0, NULL);
    size_t h, i, j;
    if (tango__idle(net)) return;
    for (i = 0; i < tokens; i++)
        for (j = 0; j < tokens; j++) {
            const float *row =
                table + tango__t5_bucket(c, i, j) * c->heads; /* table[bucket, :] */
            for (h = 0; h < c->heads; h++) bias[(h * tokens + i) * tokens + j] = row[h];
        }
}

/* x += o(attention of RMSNorm(x)), no scale; x += wo(gelu(wi_0 n) * wi_1 n), n =
   RMSNorm(x) */
static void tango__t5_block(tango__net *net, float *x, size_t batch, size_t tokens,
    const size_t *counts, const float *bias)
{
    const tango_text_config *c = &net->model->text;
    const size_t rows = batch * tokens, inner = c->heads * c->head_width,
                 mark = net->arena->used;
    float *n = tango__floats(net, rows, c->width, 1);
    float *q = tango__floats(net, rows, inner, 1),
          *k = tango__floats(net, rows, inner, 1);
    float *v = tango__floats(net, rows, inner, 1),
          *o = tango__floats(net, rows, inner, 1);
    float *hidden = tango__floats(net, rows, c->hidden, 1);
    size_t name = tango__enter(net, "layer", 0);
    tango_nn_attention shape;
    tango__after gated = tango__plain();
    memset(&shape, 0, sizeof shape);
    shape.batch = batch;
    shape.queries = shape.keys = tokens;
    shape.heads = c->heads;
    shape.width = c->head_width;
    shape.scale = 1.0f;
    shape.key_count = counts;
    shape.bias = bias;
    tango__rms_norm(net, n, x, rows, c->width, "layer_norm");
    tango__product(net, q, n, rows, "SelfAttention.q", inner, c->width, tango__plain());
    tango__product(net, k, n, rows, "SelfAttention.k", inner, c->width, tango__plain());
    tango__product(net, v, n, rows, "SelfAttention.v", inner, c->width, tango__plain());
    tango__attend(net, o, q, k, v, &shape, TANGO_LAYER_SELF_ATTENTION);
    tango__product(net, x, o, rows, "SelfAttention.o", c->width, inner, tango__plus(x));
    tango__leave(net, name);
    name = tango__enter(net, "layer", 1);
    tango__rms_norm(net, n, x, rows, c->width, "layer_norm");
    tango__product(net, hidden, n, rows, "DenseReluDense.wi_0", c->hidden, c->width,
        tango__then(TANGO_NN_GELU_TANH));
    gated.multiply = hidden;
    tango__product(
        net, hidden, n, rows, "DenseReluDense.wi_1", c->hidden, c->width, gated);
    tango__product(
        net, x, hidden, rows, "DenseReluDense.wo", c->width, c->hidden, tango__plus(x));
    tango__leave(net, name);
    tango_arena_release(net->arena, mark);
}

/* out (batch, tokens, D) = states of T5EncoderModel.  (Raffel et al. 2020; v1.1) */
static void tango__encode_t5(tango__net *net, float *out, const int32_t *ids,
    size_t batch, size_t tokens, const size_t *counts)
{
    const tango_text_config *c = &net->model->text;
    const size_t mark = net->arena->used, rows = batch * tokens;
    float *x = tango__floats(net, rows, c->width, 1),
          *bias = tango__floats(net, c->heads, tokens, tokens);
    size_t name = tango__enter_one(net, "text_encoder"), inner, block, i;
    tango__lookup(net, x, ids, rows, "shared", c->vocab, c->width);
    inner = tango__enter_one(net, "encoder");
    tango__t5_bias(net, bias, tokens);
    for (i = 0; i < c->layers; i++) {
        block = tango__enter(net, "block", i);
        tango__t5_block(net, x, batch, tokens, counts, bias);
        tango__leave(net, block);
    }
    tango__rms_norm(net, out, x, rows, c->width, "final_layer_norm");
    tango__leave(net, inner);
    tango__leave(net, name);
    tango_arena_release(net->arena, mark);
}

/* x (batch, tokens, D) through one layer: x += attention(LN1 x); x += mlp(LN2 x).
                                                                     (CLIPEncoderLayer) */
static void tango__clip_layer(
    tango__net *net, const tango_text_config *c, float *x, const tango__texts *t)
{
    static const char *const names[4] = { "self_attn.q_proj", "self_attn.k_proj",
        "self_attn.v_proj", "self_attn.out_proj" };
    const size_t rows = t->batch * t->tokens, mark = net->arena->used;
    float *n = tango__floats(net, rows, c->width, 1);
    tango__layer_norm_with(net, n, x, rows, c->width, c->eps, "layer_norm1");
    tango__text_attention(net, c, x, n, t, names);
    tango__layer_norm_with(net, n, x, rows, c->width, c->eps, "layer_norm2");
    tango__text_mlp(net, c, x, n, rows, "mlp.fc1", "mlp.fc2");
    tango_arena_release(net->arena, mark);
}

/* out (batch, tokens, D) = the last states of CLIPTextModel, behind its last norm. No
   token sees a later one or padding.                          (Radford et al. 2021, 2.4)
 */
static void tango__encode_clip(tango__net *net, float *out, const int32_t *ids,
    size_t batch, size_t tokens, const size_t *counts)
{
    const tango_text_config *c = &net->model->text;
    const size_t mark = net->arena->used, rows = batch * tokens;
    const tango__texts texts = { batch, tokens, counts, 1 };
    float *x = tango__floats(net, rows, c->width, 1);
    const size_t name = tango__enter_one(net, "text_encoder.text_model");
    size_t layer, i;
    tango__embed_text(net, c, x, ids, batch, tokens, "embeddings.token_embedding",
        "embeddings.position_embedding");
    for (i = 0; i < c->layers; i++) {
        layer = tango__enter(net, "encoder.layers", i);
        tango__clip_layer(net, c, x, &texts);
        tango__leave(net, layer);
    }
    tango__layer_norm_with(net, out, x, rows, c->width, c->eps, "final_layer_norm");
    tango__leave(net, name);
    tango_arena_release(net->arena, mark);
}

/* x (batch, tokens, D) through one layer: x = LN(x + attention x); x = LN(x + mlp x).
                                                                        (ClapTextLayer) */
static void tango__roberta_layer(
    tango__net *net, const tango_text_config *c, float *x, const tango__texts *t)
{
    static const char *const names[4] = { "attention.self.query", "attention.self.key",
        "attention.self.value", "attention.output.dense" };
    const size_t rows = t->batch * t->tokens;
    tango__text_attention(net, c, x, x, t, names);
    tango__layer_norm_with(
        net, x, x, rows, c->width, c->eps, "attention.output.LayerNorm");
    tango__text_mlp(net, c, x, x, rows, "intermediate.dense", "output.dense");
    tango__layer_norm_with(net, x, x, rows, c->width, c->eps, "output.LayerNorm");
}

/* x (batch, tokens, D) = the last states of ClapTextModel. All words have type 0. */
static void tango__roberta(tango__net *net, const tango_text_config *c, float *x,
    const int32_t *ids, const tango__texts *t)
{
    const size_t rows = t->batch * t->tokens, used = net->arena->used;
    const int32_t first[1] = { 0 };
    float *type = tango__floats(net, c->width, 1, 1);
    size_t mark, i, j;
    tango__embed_text(net, c, x, ids, t->batch, t->tokens, "embeddings.word_embeddings",
        "embeddings.position_embeddings");
    tango__lookup(
        net, type, first, 1, "embeddings.token_type_embeddings", 1, c->width);
    for (i = 0; !tango__idle(net) && i < rows; i++)
        for (j = 0; j < c->width; j++) x[i * c->width + j] += type[j];
    tango_arena_release(net->arena, used);
    tango__layer_norm_with(net, x, x, rows, c->width, c->eps, "embeddings.LayerNorm");
    for (i = 0; i < c->layers; i++) {
        mark = tango__enter(net, "encoder.layer", i);
        tango__roberta_layer(net, c, x, t);
        tango__leave(net, mark);
    }
}

/* x /= max(|x|, 1e-12) for each row of `width` numbers.  (torch.nn.functional.normalize)
 */
static void tango__unit_length(float *x, size_t rows, size_t width)
{
    size_t r, i;
    for (r = 0; r < rows; r++, x += width) {
        double length = 0.0;
        for (i = 0; i < width; i++) length += (double)x[i] * (double)x[i];
        length = TANGO_SQRT(length);
        if (length < 1e-12) length = 1e-12;
        for (i = 0; i < width; i++) x[i] = (float)((double)x[i] / length);
    }
}

/* out (rows, projection) = linear2(relu(linear1(x))), of length 1; x (rows, width). The
   last step of both of CLAP's towers.                              (ClapProjectionLayer)
 */
static void tango__clap_project(tango__net *net, float *out, const float *x, size_t rows,
    const char *name, size_t projection, size_t width)
{
    const size_t mark = net->arena->used, inside = tango__enter_one(net, name);
    float *hidden = tango__floats(net, rows, projection, 1);
    tango__linear(
        net, hidden, x, rows, "linear1", projection, width, tango__then(TANGO_NN_RELU));
    tango__linear(
        net, out, hidden, rows, "linear2", projection, projection, tango__plain());
    if (!tango__idle(net)) tango__unit_length(out, rows, projection);
    tango__leave(net, inside);
    tango_arena_release(net->arena, mark);
}

/* out (batch, projection) = one vector of length 1 for each text: the state of its first
   token, through the pooler and the projection. `prefix` stands before "text_model" and
   "text_projection", c is their configuration.   (ClapTextModelWithProjection; Wu et al.
   2023. That class leaves the length as it is; whoever uses it divides by it.) */
static void tango__clap_text(tango__net *net, float *out, const char *prefix,
    const tango_text_config *c, const int32_t *ids, size_t batch, size_t tokens,
    const size_t *counts)
{
    const size_t mark = net->arena->used, width = c->width;
    const tango__texts texts = { batch, tokens, counts, 0 };
    float *first = tango__floats(net, batch, width, 1),
          *pooled = tango__floats(net, batch, width, 1),
          *x = tango__floats(net, batch, tokens, width);
    const size_t name = tango__enter_one(net, prefix),
                 inner = tango__enter_one(net, "text_model");
    size_t b;
    tango__roberta(net, c, x, ids, &texts);
    for (b = 0; !tango__idle(net) && b < batch; b++)
        memcpy(first + b * width, x + b * tokens * width, width * sizeof(float));
    tango__linear(net, pooled, first, batch, "pooler.dense", width, width,
        tango__then(TANGO_NN_TANH));
    tango__leave(net, inner);
    tango__clap_project(net, out, pooled, batch, "text_projection", c->projection, width);
    tango__leave(net, name);
    tango_arena_release(net->arena, mark);
}

/* What the model's text encoder makes of ids (batch, tokens), of which row b has
   counts[b] real ones: out (batch, tokens, D), or (batch, projection) of CLAP. */
static void tango__encode_text(tango__net *net, float *out, const int32_t *ids,
    size_t batch, size_t tokens, const size_t *counts)
{
    const tango_text_config *c = &net->model->text;
    size_t count = batch * tokens * c->width;
    switch (c->type) {
    case TANGO_TEXT_T5: tango__encode_t5(net, out, ids, batch, tokens, counts); break;
    case TANGO_TEXT_CLIP: tango__encode_clip(net, out, ids, batch, tokens, counts); break;
    case TANGO_TEXT_CLAP:
        tango__clap_text(net, out, "text_encoder", c, ids, batch, tokens, counts);
        count = batch * c->projection;
        break;
    }
    tango__finite(net, out, count, "text", SIZE_MAX);
}

/* ==== 8 >>unet ==== Private: UNet2DConditionModel =========================== */

/* What a pass does with the deep part of the UNet, all but its outermost layers. */
typedef enum tango__deep {
    TANGO__DEEP_RUN,
    TANGO__DEEP_KEEP, /* run it and keep what it gives to the outer part */
    TANGO__DEEP_REUSE /* leave it out: the outer part takes what was kept */
} tango__deep;

/* What every pass of the UNet shares: the text, and the steps' times. */
typedef struct tango__denoiser {
    const float *context;       /* (context_batch, tokens, D), where cross_width is D */
    const float *vectors;       /* (context_batch, D), where class_width is D */
    size_t context_batch, tokens, repeat; /* batch row b reads context b / repeat */
    size_t first_text; /* texts before it, and their images, sit this pass out */
    int equal; /* the images of the second of two texts are those of the first, so far */
    tango__deep deep;
    size_t outer_place; /* where the outer part's way up keeps its tables */
    const size_t *counts;       /* (context_batch) real tokens; NULL: all are */
    const float *timesteps;     /* (steps); of TANGO_GUIDANCE_CTM (steps + 1) */
    double guidance;            /* the number that a distilled UNet takes in */
    size_t steps, step;
    const float *emb; /* (steps, emb_rows, emb_width): made in the first pass */
    size_t emb_rows, emb_width; /* images of the batch share a row in equal parts */
    size_t groups;
    float eps;
} tango__denoiser;

/* out (dim) = [cos t f_i, sin t f_i], f_i = 10000^(-i / (dim/2 - shift)), in float as the
   reference computes them; an odd dim ends with 0.            (get_timestep_embedding) */
static void tango__sinusoids(const tango_unet_config *c, float *out, float t, size_t dim)
{
    const size_t half = dim / 2;
    size_t i;
    for (i = 0; i < half; i++) {
        float exponent =
            -9.210340371976184f * (float)i / ((float)half - c->frequency_shift);
        float angle = t * TANGO_EXPF(exponent);
        out[c->cos_first ? i : i + half] = TANGO_COSF(angle);
        out[c->cos_first ? i + half : i] = TANGO_SINF(angle);
    }
    if (dim % 2 != 0) out[dim - 1] = 0.0f;
}

/* out (rows, 4 channels[0]) = linear_2(silu(linear_1(x))) of the module `name`; x is
   (rows, dim).                                          (diffusers TimestepEmbedding) */
static void tango__embedding_mlp(tango__net *net, float *out, const float *x, size_t rows,
    size_t dim, const char *name, tango__after last)
{
    const size_t wide = 4 * net->model->unet.channels[0], mark = net->arena->used,
                 part = tango__enter_one(net, name);
    float *hidden = tango__floats(net, rows, wide, 1);
    tango__linear(
        net, hidden, x, rows, "linear_1", wide, dim, tango__then(TANGO_NN_SILU));
    tango__linear(net, out, hidden, rows, "linear_2", wide, wide, last);
    tango__leave(net, part);
    tango_arena_release(net->arena, mark);
}

/* The same of the sinusoids of `steps` times. */
static void tango__time_mlp(tango__net *net, float *out, const float *times, size_t steps,
    const char *name, tango__after last)
{
    const tango_unet_config *c = &net->model->unet;
    const size_t dim = c->channels[0], mark = net->arena->used;
    float *wave = tango__floats(net, steps, dim, 1);
    size_t i;
    for (i = 0; !tango__idle(net) && i < steps; i++)
        tango__sinusoids(c, wave + i * dim, times[i], dim);
    tango__embedding_mlp(net, out, wave, steps, dim, name, last);
    tango_arena_release(net->arena, mark);
}

/* out (4 channels[0]) = MLP of [cos x, sin x], x = 2 pi guidance f. The frequencies f are
   weights, the angles reach hundreds: double.              (ConsistencyTTA, UNet) */
static void tango__fourier_guidance(tango__net *net, float *out, double guidance)
{
    const size_t count = net->model->unet.guidance_width, mark = net->arena->used,
                 name = tango__enter_one(net, "guidance_proj");
    const float *f = tango__vector(net, "weight", count);
    float *wave = tango__floats(net, 2, count, 1);
    size_t i;
    tango__leave(net, name);
    for (i = 0; !tango__idle(net) && i < count; i++) {
        const double x = 6.283185307179586477 * guidance * (double)f[i];
        wave[i] = (float)TANGO_COS(x);
        wave[count + i] = (float)TANGO_SIN(x);
    }
    tango__embedding_mlp(
        net, out, wave, 1, 2 * count, "guidance_embedding", tango__plain());
    tango_arena_release(net->arena, mark);
}

/* out (dim) = [sin x, cos x], x_i = 1000 guidance 10000^(-i / (dim/2 - 1)).
                                                                  (SoundCTM, UNet) */
static void tango__ctm_guidance(float *out, double guidance, size_t dim)
{
    const size_t half = dim / 2;
    size_t i;
    for (i = 0; i < half; i++) {
        const double f =
            TANGO_EXP(-9.210340371976182736 * (double)i / (double)(half - 1));
        out[i] = (float)TANGO_SIN(1000.0 * guidance * f);
        out[half + i] = (float)TANGO_COS(1000.0 * guidance * f);
    }
}

/* out (steps, 4 channels[0]) = silu of the time embedding and of what a distilled UNet
   adds to it: a vector of the guidance, and that of the time at which a step ends. */
static void tango__time_embedding(
    tango__net *net, float *out, const tango__denoiser *d)
{
    const tango_unet_config *c = &net->model->unet;
    const size_t wide = 4 * c->channels[0], mark = net->arena->used;
    tango__after last = tango__then(TANGO_NN_SILU);
    float *guidance, *end;
    if (c->guidance != TANGO_GUIDANCE_NONE) {
        guidance = tango__floats(net, wide, 1, 1);
        last.image_bias = guidance; /* one for all steps */
        last.image_rows = d->steps;
        if (c->guidance == TANGO_GUIDANCE_FOURIER)
            tango__fourier_guidance(net, guidance, d->guidance);
        else if (!tango__idle(net)) tango__ctm_guidance(guidance, d->guidance, wide);
    }
    if (c->guidance == TANGO_GUIDANCE_CTM) {
        end = tango__floats(net, d->steps, wide, 1);
        last.activation = TANGO_NN_NONE;
        tango__time_mlp(net, end, tango__idle(net) ? NULL : d->timesteps + 1, d->steps,
            "s_time_embedding", last);
        last = tango__plus(end);
    }
    tango__time_mlp(net, out, d->timesteps, d->steps, "time_embedding", last);
    if (c->guidance == TANGO_GUIDANCE_CTM && !tango__idle(net))
        tango_nn_activate(&net->nn, out, out, d->steps * wide, TANGO_NN_SILU);
    tango_arena_release(net->arena, mark);
}

/* emb (steps, context_batch, 2 wide) = [time ; silu(class_embedding(vector))] for every
   step and text.     (diffusers class_embeddings_concat; Liu et al. 2023, AudioLDM) */
static void tango__join_classes(
    tango__net *net, float *emb, const float *time, const tango__denoiser *d)
{
    const size_t wide = 4 * net->model->unet.channels[0], mark = net->arena->used;
    float *texts = tango__floats(net, d->context_batch, wide, 1);
    size_t i, b;
    tango__linear(net, texts, d->vectors, d->context_batch, "class_embedding", wide,
        net->model->unet.class_width, tango__then(TANGO_NN_SILU));
    for (i = 0; !tango__idle(net) && i < d->steps; i++)
        for (b = 0; b < d->context_batch; b++, emb += 2 * wide) {
            memcpy(emb, time + i * wide, wide * sizeof(float));
            memcpy(emb + wide, texts + b * wide, wide * sizeof(float));
        }
    tango_arena_release(net->arena, mark);
}

/* d->emb for all steps at once; kept through the loop. */
static void tango__embed(tango__net *net, tango__denoiser *d)
{
    const tango_unet_config *c = &net->model->unet;
    const size_t wide = 4 * c->channels[0], mark = net->arena->used;
    const int joined = c->class_width != 0;
    float *emb, *time;
    int fresh;
    d->emb_rows = joined ? d->context_batch : 1;
    d->emb_width = joined ? 2 * wide : wide;
    d->emb = emb = tango__keep(net, d->steps * d->emb_rows, d->emb_width, &fresh);
    if (!fresh) return;
    time = joined ? tango__floats(net, d->steps, wide, 1) : emb;
    tango__time_embedding(net, time, d);
    if (joined) tango__join_classes(net, emb, time, d);
    tango_arena_release(net->arena, mark);
}

/* Rows of d->emb that this pass reads: one, or one of each text that takes part. */
static size_t tango__emb_parts(const tango__denoiser *d)
{
    return d->emb_rows == 1 ? 1 : d->emb_rows - d->first_text;
}

/* This step's rows of time_emb_proj (emb_parts, outputs), computed for all steps in the
   first pass. */
static const float *tango__time_projection(
    tango__net *net, const tango__denoiser *d, size_t outputs)
{
    const size_t rows = d->steps * d->emb_rows;
    int fresh;
    float *table = tango__keep(net, rows, outputs, &fresh);
    if (fresh)
        tango__linear(net, table, d->emb, rows, "time_emb_proj", outputs, d->emb_width,
            tango__plain());
    return tango__at(
        table, ((d->step + 1) * d->emb_rows - tango__emb_parts(d)) * outputs);
}

/* The images that a layer computes: while those of both texts are equal, one half. */
static tango__image tango__computed(tango__image s, const tango__denoiser *d)
{
    if (d->equal) s.batch /= 2;
    return s;
}

/* Then the other half of x (rows of s, channels) becomes a copy of the one computed. */
static void tango__repeat(tango__net *net, float *x, tango__image s, size_t channels,
    const tango__denoiser *d)
{
    const size_t half = tango__rows(tango__computed(s, d)) * channels;
    if (!d->equal || tango__idle(net)) return;
    tango__lap(net, TANGO_LAYER_OTHER, 0.0);
    memcpy(x + half, x, half * sizeof(float));
    tango__lap(net, TANGO_LAYER_ELEMENTS, 0.0);
}

/* out = shortcut(x) + conv2(silu(norm2(conv1(silu(norm1(x))) + time))); out is not x.
                                                           (diffusers ResnetBlock2D) */
static void tango__resnet(tango__net *net, float *out, const float *x, tango__image s,
    size_t channels, size_t outputs, const tango__denoiser *d)
{
    const size_t rows = tango__rows(s), mark = net->arena->used;
    float *n = tango__floats(net, rows, channels, 1),
          *h = tango__floats(net, rows, outputs, 1);
    tango_nn_conv first = tango__conv3x3(s, channels),
                  second = tango__conv3x3(s, outputs);
    tango__after e = tango__plain();
    e.image_bias = tango__time_projection(net, d, outputs);
    e.image_rows = rows / tango__emb_parts(d);
    tango__group_norm(net, n, x, s, channels, d->groups, d->eps, "norm1", TANGO_NN_SILU);
    tango__conv(net, h, n, &first, "conv1", outputs, e);
    tango__group_norm(net, h, h, s, outputs, d->groups, d->eps, "norm2", TANGO_NN_SILU);
    if (channels != outputs) {
        tango__linear(net, out, x, rows, "conv_shortcut", outputs, channels,
            tango__plain());
        x = out;
    }
    tango__conv(net, out, h, &second, "conv2", outputs, tango__plus(x));
    tango_arena_release(net->arena, mark);
}

/* Whether attn2 looks at the text. */
static int tango__reads_text(const tango__net *net)
{
    return net->model->unet.cross_width != 0;
}

/* The softmax of attn1, which looks at its own images, or of attn2 across to the text. */
static tango_nn_attention tango__attention_shape(
    tango__image s, size_t heads, size_t inner, const tango__denoiser *d, int cross)
{
    tango_nn_attention shape;
    memset(&shape, 0, sizeof shape);
    shape.batch = tango__computed(s, d).batch;
    shape.queries = shape.keys = s.height * s.width;
    shape.heads = heads;
    shape.width = inner / heads;
    shape.scale = (float)(1.0 / TANGO_SQRT((double)shape.width));
    if (!cross) return shape;
    shape.keys = d->tokens;
    shape.context_repeat = d->repeat;
    if (d->counts != NULL) shape.key_count = d->counts + d->first_text;
    return shape;
}

/* Keys and values (rows, inner): of n, or across of all texts, computed in the first pass
   and kept; then from the first text on that takes part. */
static void tango__keys_values(tango__net *net, float **k, float **v, const float *n,
    tango__image s, size_t inner, const tango__denoiser *d, int cross)
{
    const size_t rows = cross ? d->context_batch * d->tokens
                              : tango__rows(tango__computed(s, d));
    const size_t width = cross ? net->model->unet.cross_width : inner;
    const size_t passed = cross ? d->first_text * d->tokens * inner : 0;
    const float *source = cross ? d->context : n;
    int fresh = 1;
    *k = cross ? tango__keep(net, rows, inner, &fresh)
               : tango__floats(net, tango__rows(s), inner, 1);
    *v = cross ? tango__keep(net, rows, inner, &fresh)
               : tango__floats(net, tango__rows(s), inner, 1);
    if (fresh) {
        tango__product(net, *k, source, rows, "to_k", inner, width, tango__plain());
        tango__product(net, *v, source, rows, "to_v", inner, width, tango__plain());
    }
    *k = tango__at(*k, passed);
    *v = tango__at(*v, passed);
}

/* t += to_out(attention(n, context)) + beside; where the UNet takes no context, n attends
   to itself. While the images of both texts are equal, one half is computed, up to the
   heads' outputs; t may differ by `beside` from there on, which has a row for each half
   of the images, (2, inner), or is NULL.                      (diffusers Attention) */
static void tango__attention(tango__net *net, float *t, const float *n, tango__image s,
    size_t heads, size_t inner, const tango__denoiser *d, const char *name,
    const float *beside)
{
    const int cross = name[4] == '2' && tango__reads_text(net);
    const size_t rows = tango__rows(s), mark = net->arena->used,
                 part = tango__enter_one(net, name);
    const tango_nn_attention shape = tango__attention_shape(s, heads, inner, d, cross);
    float *q = tango__floats(net, rows, inner, 1),
          *o = tango__floats(net, rows, inner, 1), *k, *v;
    tango__after after = tango__plus(t);
    tango__product(net, q, n, tango__rows(tango__computed(s, d)), "to_q", inner, inner,
        tango__plain());
    tango__keys_values(net, &k, &v, n, s, inner, d, cross);
    tango__attend(net, o, q, k, v, &shape,
        cross ? TANGO_LAYER_CROSS_ATTENTION : TANGO_LAYER_SELF_ATTENTION);
    tango__repeat(net, o, s, inner, d);
    tango__repeat(net, t, s, inner, d);
    after.image_bias = beside;
    after.image_rows = rows / 2;
    tango__linear(net, t, o, rows, "to_out.0", inner, inner, after);
    tango__leave(net, part);
    tango_arena_release(net->arena, mark);
}

/* Guidance by the empty prompt of T5: the first of two texts has one token. */
static int tango__lone_token(const tango__denoiser *d)
{
    return d->context_batch == 2 && d->counts != NULL && d->counts[0] == 1;
}

/* (2, inner): what attn2 adds to all positions of the first text's images where that text
   has one token, and zeros. The softmax over a single key is 1, so it is
   to_out(to_v(state)), whatever the query. Made in the first pass; NULL where there is no
   second text. */
static const float *tango__lone_row(
    tango__net *net, size_t inner, const tango__denoiser *d)
{
    const size_t mark = net->arena->used;
    float *row, *v;
    size_t part;
    int fresh;
    if (d->context_batch != 2 || !tango__reads_text(net)) return NULL;
    row = tango__keep(net, 2, inner, &fresh);
    if (!fresh) return row;
    part = tango__enter_one(net, "attn2");
    v = tango__floats(net, 1, inner, 1);
    tango__product(net, v, d->context, 1, "to_v", inner, net->model->unet.cross_width,
        tango__plain());
    tango__linear(net, row, v, 1, "to_out.0", inner, inner, tango__plain());
    if (!tango__idle(net)) memset(row + inner, 0, inner * sizeof(float));
    tango__leave(net, part);
    tango_arena_release(net->arena, mark);
    return row;
}

/* t += net.2(value(n) * gelu(gate(n)))  (diffusers FeedForward, GEGLU) */
static void tango__feed_forward(
    tango__net *net, float *t, const float *n, size_t rows, size_t inner)
{
    const size_t wide = 4 * inner, mark = net->arena->used,
                 part = tango__enter_one(net, "ff");
    float *hidden = tango__floats(net, rows, wide, 1);
    tango__after gated = tango__plain();
    gated.multiply = hidden;
    tango__linear(
        net, hidden, n, rows, "net.0.gate", wide, inner, tango__then(TANGO_NN_GELU));
    tango__linear(net, hidden, n, rows, "net.0.value", wide, inner, gated);
    tango__linear(net, t, hidden, rows, "net.2", inner, wide, tango__plus(t));
    tango__leave(net, part);
    tango_arena_release(net->arena, mark);
}

/* t += attn1(norm1(t)); t += attn2(norm2(t)). Images of a text of one token take what
   attn2 adds to them along with attn1, whose queries do not see it.
                                                     (diffusers BasicTransformerBlock) */
static void tango__attentions(tango__net *net, float *t, float *n, tango__image s,
    size_t heads, size_t inner, const tango__denoiser *d)
{
    const float *row = tango__lone_row(net, inner, d);
    const int lone = row != NULL && d->first_text == 0 && tango__lone_token(d);
    tango__denoiser rest = *d;
    rest.equal = 0;
    tango__layer_norm(net, n, t, tango__rows(tango__computed(s, d)), inner, "norm1");
    tango__attention(net, t, n, s, heads, inner, d, "attn1", lone ? row : NULL);
    if (lone) {
        rest.first_text = 1;
        s.batch /= 2;
        t = tango__at(t, tango__rows(s) * inner);
    }
    tango__layer_norm(net, n, t, tango__rows(s), inner, "norm2");
    tango__attention(net, t, n, s, heads, inner, &rest, "attn2", NULL);
}

/* x += proj_out(block(proj_in(norm(x)))), in place; positions are tokens as they lie.
                                                (diffusers Transformer2DModel, depth 1) */
static void tango__transformer(tango__net *net, float *x, tango__image s, size_t channels,
    size_t heads, const tango__denoiser *d)
{
    const tango__image first = tango__computed(s, d);
    const size_t rows = tango__rows(s), inner = heads * (channels / heads),
                 mark = net->arena->used;
    float *n = tango__floats(net, rows, channels, 1),
          *t = tango__floats(net, rows, inner, 1);
    size_t block;
    tango__group_norm(
        net, n, x, first, channels, d->groups, 1e-6f, "norm", TANGO_NN_NONE);
    tango__linear(
        net, t, n, tango__rows(first), "proj_in", inner, channels, tango__plain());
    block = tango__enter(net, "transformer_blocks", 0);
    tango__attentions(net, t, n, s, heads, inner, d);
    tango__layer_norm(net, n, t, rows, inner, "norm3");
    tango__feed_forward(net, t, n, rows, inner);
    tango__leave(net, block);
    tango__linear(net, x, t, rows, "proj_out", channels, inner, tango__plus(x));
    tango_arena_release(net->arena, mark);
}

/* A resnet and, where the level has them, a transformer: out (rows, outputs). Images that
   enter equal leave a transformer that reads the text as different ones. */
static void tango__unet_layer(tango__net *net, float *out, const float *x, tango__image s,
    size_t channels, size_t outputs, size_t index, int attention, size_t heads,
    const tango__denoiser *d)
{
    size_t name = tango__enter(net, "resnets", index);
    tango__resnet(net, out, x, tango__computed(s, d), channels, outputs, d);
    tango__repeat(net, out, s, outputs, d);
    tango__leave(net, name);
    if (!attention) return;
    name = tango__enter(net, "attentions", index);
    tango__transformer(net, out, s, outputs, heads, d);
    tango__leave(net, name);
}

/* The way down leaves these for the way up. */
typedef struct tango__skip { float *x; size_t channels; tango__image size; } tango__skip;

enum { TANGO__SKIPS_MAX = TANGO_LEVELS_MAX * 17 + 1 };

typedef struct tango__skips {
    tango__skip list[TANGO__SKIPS_MAX];
    size_t count;
} tango__skips;

static tango__skip *tango__push(
    tango__net *net, tango__skips *skips, tango__image s, size_t channels)
{
    tango__skip *skip = &skips->list[skips->count++];
    skip->x = tango__floats(net, tango__rows(s), channels, 1);
    skip->channels = channels;
    skip->size = s;
    return skip;
}

/* conv_in and the down blocks, until there are `most` skips: each layer's output is one.
   With guidance both texts' images are equal up to where the first transformer reads the
   text: one half is computed. */
static void tango__unet_down(tango__net *net, tango__skips *skips, const float *x,
    tango__image s, size_t most, const tango__denoiser *denoiser)
{
    const tango_unet_config *c = &net->model->unet;
    tango__denoiser now = *denoiser, *d = &now;
    tango_nn_conv conv = tango__conv3x3(tango__computed(s, d), c->in_channels);
    tango__skip *from = tango__push(net, skips, s, c->channels[0]), *to;
    size_t b, j, block;
    tango__conv(net, from->x, x, &conv, "conv_in", c->channels[0], tango__plain());
    tango__repeat(net, from->x, s, c->channels[0], d);
    for (; skips->count < most; from = to) {
        b = (skips->count - 1) / (c->layers + 1);
        j = (skips->count - 1) % (c->layers + 1);
        block = tango__enter(net, "down_blocks", b);
        if (j < c->layers) {
            to = tango__push(net, skips, s, c->channels[b]);
            tango__unet_layer(net, to->x, from->x, s, from->channels, c->channels[b], j,
                c->down_attention[b], c->heads[b], d);
            if (c->down_attention[b]) d->equal = 0;
        } else { /* 3x3, stride 2, zeros around: rounds up */
            conv = tango__conv3x3(tango__computed(s, d), c->channels[b]);
            conv.stride = 2;
            s.height = conv.out_height = (s.height + 1) / 2;
            s.width = conv.out_width = (s.width + 1) / 2;
            to = tango__push(net, skips, s, c->channels[b]);
            tango__conv(net, to->x, from->x, &conv, "downsamplers.0.conv", c->channels[b],
                tango__plain());
            tango__repeat(net, to->x, s, c->channels[b], d);
        }
        tango__leave(net, block);
    }
}

/* out (rows, a + b) = each row of x (rows, a) followed by that of y (rows, b) */
TANGO__HOT
static void tango__concat(
    float *out, const float *x, size_t a, const float *y, size_t b, size_t rows)
{
    size_t i;
    for (i = 0; i < rows; i++) {
        memcpy(out + i * (a + b), x + i * a, a * sizeof(float));
        memcpy(out + i * (a + b) + a, y + i * b, b * sizeof(float));
    }
}

/* The way up between two of its layers: x[at] (rows of size, channels) is what has been
   made, and both arrays have room for what any layer makes. */
typedef struct tango__rise {
    float *x[2];
    size_t at, channels;
    tango__image size;
} tango__rise;

/* What has been made and a skip, side by side: (rows, r->channels + skip->channels). */
static float *tango__join_skip(
    tango__net *net, const tango__rise *r, const tango__skip *skip)
{
    const size_t rows = tango__rows(r->size);
    float *both = tango__floats(net, rows, r->channels + skip->channels, 1);
    tango__lap(net, TANGO_LAYER_OTHER, 0.0);
    if (!tango__idle(net))
        tango__concat(both, r->x[r->at], r->channels, skip->x, skip->channels, rows);
    tango__lap(net, TANGO_LAYER_ELEMENTS, 0.0);
    return both;
}

/* Ends a level of the way up: a convolution of what has been made, enlarged to `size`. */
static void tango__enlarge(tango__net *net, tango__rise *r, tango__image size)
{
    tango_nn_conv conv = tango__conv3x3(size, r->channels);
    conv.source_height = r->size.height;
    conv.source_width = r->size.width;
    r->size = size;
    tango__conv(net, r->x[r->at ^ 1], r->x[r->at], &conv, "upsamplers.0.conv",
        r->channels, tango__plain());
    r->at ^= 1;
}

/* The layers of the up blocks until `left` skips are left. Each takes the last skip there
   is, so layer j of a level meets what layer c->layers - j of the way down left. The last
   layer of a level is followed by the step to the size of the next skip. */
static void tango__unet_up(tango__net *net, tango__skips *skips, tango__rise *r,
    size_t left, const tango__denoiser *d)
{
    const tango_unet_config *c = &net->model->unet;
    while (skips->count > left) {
        const tango__skip *skip = &skips->list[--skips->count];
        const size_t level = skips->count / (c->layers + 1),
                     j = c->layers - skips->count % (c->layers + 1),
                     up = c->levels - 1 - level, mark = net->arena->used,
                     block = tango__enter(net, "up_blocks", up);
        const float *both = tango__join_skip(net, r, skip);
        tango__unet_layer(net, r->x[r->at ^ 1], both, r->size,
            r->channels + skip->channels, c->channels[level], j, c->up_attention[up],
            c->heads[level], d);
        tango_arena_release(net->arena, mark);
        r->at ^= 1;
        r->channels = c->channels[level];
        if (j == c->layers && level > 0)
            tango__enlarge(net, r, skips->list[skips->count - 1].size);
        tango__leave(net, block);
    }
}

/* Floats of the largest array between the middle and the end of the UNet. */
static size_t tango__unet_widest(const tango_unet_config *c, tango__image s)
{
    size_t widest = 0, level;
    for (level = 0; level < c->levels; level++) {
        size_t up =
            level + 1 < c->levels ? c->channels[level + 1] : 0; /* arrives upsampled */
        size_t channels = up > c->channels[level] ? up : c->channels[level];
        if (tango__rows(s) * channels > widest) widest = tango__rows(s) * channels;
        s.height = (s.height + 1) / 2;
        s.width = (s.width + 1) / 2;
    }
    return widest;
}

/* Skips that the outer part of the UNet leaves on its way down and takes on its way up,
   the rest being deep: conv_in, and the last layer of the last up block. A larger outer
   part (up to c->layers, then size and channels are still those of the first level) costs
   more than the steps that it would let one leave out. */
enum { TANGO__OUTER = 1 };

/* The middle, and the way up through the deep layers. */
static void tango__unet_deep(tango__net *net, tango__skips *skips, tango__rise *r,
    const tango__denoiser *d)
{
    const tango_unet_config *c = &net->model->unet;
    const tango__skip *deepest = &skips->list[skips->count - 1];
    const size_t last = c->levels - 1, middle = tango__enter_one(net, "mid_block");
    tango__unet_layer(net, r->x[1], deepest->x, deepest->size, c->channels[last],
        c->channels[last], 0, 1, c->heads[last], d);
    tango__unet_layer(net, r->x[0], r->x[1], deepest->size, c->channels[last],
        c->channels[last], 1, 0, 0, d);
    tango__leave(net, middle);
    r->channels = c->channels[last];
    r->size = deepest->size;
    tango__unet_up(net, skips, r, TANGO__OUTER, d);
}

/* Room for what all images of all texts bring from the deep part; returns the place of
   those that take part in this pass. */
static float *tango__kept_deep(
    tango__net *net, tango__image s, const tango__denoiser *d)
{
    const size_t size =
        d->repeat * s.height * s.width * net->model->unet.channels[0];
    int fresh;
    float *all = tango__keep(net, d->context_batch, size, &fresh);
    return tango__at(all, d->first_text * size);
}

/* From x to what enters conv_norm_out, the deep part run, kept or taken as it was kept.
                                                (Ma et al. 2024, DeepCache, section 4) */
static void tango__unet_body(tango__net *net, tango__rise *r, const float *x,
    tango__image s, tango__denoiser *d)
{
    const tango_unet_config *c = &net->model->unet;
    const size_t all = c->levels * (c->layers + 1), widest = tango__unet_widest(c, s);
    const int reuse = d->deep == TANGO__DEEP_REUSE;
    float *kept = d->deep == TANGO__DEEP_RUN ? NULL : tango__kept_deep(net, s, d);
    tango__skips skips;
    skips.count = 0;
    r->channels = c->channels[0];
    r->size = s;
    tango__unet_down(net, &skips, x, s, reuse ? (size_t)TANGO__OUTER : all, d);
    r->x[0] = tango__floats(net, widest, 1, 1);
    r->x[1] = tango__floats(net, widest, 1, 1);
    d->equal = 0;
    if (reuse) tango__keep_jump(net, d->outer_place);
    else tango__unet_deep(net, &skips, r, d);
    d->outer_place = tango__keep_place(net);
    tango__lap(net, TANGO_LAYER_OTHER, 0.0);
    if (!tango__idle(net) && kept != NULL) {
        float *now = r->x[r->at];
        memcpy(reuse ? now : kept, reuse ? kept : now,
            tango__rows(r->size) * r->channels * sizeof(float));
    }
    tango__lap(net, TANGO_LAYER_ELEMENTS, 0.0);
    tango__unet_up(net, &skips, r, 0, d);
}

/* out (B, H*W, C) = what the UNet makes of x (B, H*W, C) at step d->step, or nearly that
   where d->deep reuses. B counts the images of the texts from d->first_text on.
                                  (diffusers UNet2DConditionModel; Rombach et al. 2022) */
static void tango__unet(
    tango__net *net, float *out, const float *x, tango__image s, tango__denoiser *d)
{
    const tango_unet_config *c = &net->model->unet;
    const size_t mark = net->arena->used, name = tango__enter_one(net, "unet");
    tango_nn_conv conv = tango__conv3x3(s, c->channels[0]);
    tango__rise r;
    memset(&r, 0, sizeof r);
    d->groups = c->groups;
    d->eps = c->eps;
    tango__embed(net, d);
    tango__unet_body(net, &r, x, s, d);
    tango__group_norm(net, r.x[r.at], r.x[r.at], s, c->channels[0], c->groups, c->eps,
        "conv_norm_out", TANGO_NN_SILU);
    tango__conv(net, out, r.x[r.at], &conv, "conv_out", c->out_channels, tango__plain());
    tango__leave(net, name);
    tango_arena_release(net->arena, mark);
}

/* ==== 9 >>vae ==== Private: AutoencoderKL, both ways ======================== */

/* Positions of a strip: norms of large maps are applied to so many at a time, just before
   the layer that reads them, and summed just behind the one that made them. Less would
   leave the convolutions too little to share out. */
#define TANGO__STRIP ((size_t)16384)

/* A map on its way through the VAE, with the sums that its next norm needs, and what the
   layers between two maps work in. */
typedef struct tango__map {
    tango__image s; /* of one image */
    size_t channels;
    float *x, *h;
    double *sums, *inner; /* (groups, 2) of x and, within a resnet, of h */
} tango__map;

/* Floats that x and h hold, as they are taken; `now` is the one that is x. */
typedef struct tango__map_room {
    size_t most[2], now;
} tango__map_room;

static void tango__room_for(tango__map_room *room, size_t x, size_t h)
{
    if (x > room->most[room->now]) room->most[room->now] = x;
    if (h > room->most[room->now ^ 1]) room->most[room->now ^ 1] = h;
}

static void tango__map_take(tango__net *net, tango__map *m, const tango__map_room *room)
{
    const size_t groups = net->model->vae.groups;
    m->x = tango__floats(net, room->most[0], 1, 1);
    m->h = tango__floats(net, room->most[1], 1, 1);
    m->sums = (double *)(void *)tango__floats(net, groups, 4, 1); /* two doubles each */
    m->inner = (double *)(void *)tango__floats(net, groups, 4, 1);
}

/* h becomes the map. */
static void tango__map_swap(tango__map *m)
{
    float *x = m->x;
    m->x = m->h;
    m->h = x;
}

static void tango__map_sums(tango__net *net, tango__map *m)
{
    const size_t groups = net->model->vae.groups;
    if (tango__idle(net)) return;
    memset(m->sums, 0, 2 * groups * sizeof(double));
    tango_nn_group_sums(
        &net->nn, m->sums, m->x, tango__rows(m->s), m->channels, groups);
    tango__lap(net, TANGO_LAYER_NORM, 0.0);
}

/* out (H*W, outputs) = conv3x3(silu(norm(x))) + add, with the sums of x given and, where
   out_sums is not NULL, those of out made. add may be NULL or out. */
static void tango__norm_conv(tango__net *net, float *out, double *out_sums,
    const float *x, const double *sums, tango__image s, size_t channels, const char *norm,
    const char *conv, size_t outputs, const float *add)
{
    const tango_vae_config *c = &net->model->vae;
    const size_t mark = net->arena->used, rows = tango__rows(s);
    const size_t high = s.width < TANGO__STRIP ? (TANGO__STRIP / s.width + 3) / 4 * 4 : 4;
    size_t name = tango__enter_one(net, norm), from;
    const float *weight = tango__vector(net, "weight", channels),
                *bias = tango__vector(net, "bias", channels);
    float *n =
        tango__floats(net, high + 2 < s.height ? high + 2 : s.height, s.width, channels);
    tango__leave(net, name);
    if (!tango__idle(net) && out_sums != NULL)
        memset(out_sums, 0, 2 * c->groups * sizeof(double));
    for (from = 0; from < s.height; from += high) {
        const size_t to = s.height - from < high ? s.height : from + high,
                     first = from > 0 ? from - 1 : 0, at = from * s.width * outputs;
        tango__image strip = s;
        tango_nn_conv shape;
        strip.height = (to < s.height ? to + 1 : to) - first; /* and a row around */
        shape = tango__conv3x3(strip, channels);
        shape.out_height = to - from;
        shape.pad_top = from > 0 ? 0 : 1;
        if (!tango__idle(net))
            tango_nn_group_apply(&net->nn, n, x + first * s.width * channels,
                tango__rows(strip), channels, c->groups, sums,
                rows * (channels / c->groups), c->eps, weight, bias, TANGO_NN_SILU);
        tango__lap(net, TANGO_LAYER_NORM, 0.0);
        tango__conv(net, tango__at(out, at), n, &shape, conv, outputs,
            tango__plus(add == NULL ? NULL : add + at));
        if (tango__idle(net)) break; /* every strip has the same layers */
        if (out_sums != NULL)
            tango_nn_group_sums(&net->nn, out_sums, out + at, (to - from) * s.width,
                outputs, c->groups);
        tango__lap(net, TANGO_LAYER_NORM, 0.0);
    }
    tango_arena_release(net->arena, mark);
}

/* x = nin_shortcut(x), in place: strips go from the end where rows become longer, so that
   none is written over before it is read. */
static void tango__shortcut(tango__net *net, tango__map *m, size_t outputs)
{
    const size_t mark = net->arena->used, rows = tango__rows(m->s),
                 most = rows < TANGO__STRIP ? rows : TANGO__STRIP,
                 strips = rows == 0 ? 0 : (rows - 1) / most + 1;
    float *t = tango__floats(net, most, outputs, 1);
    size_t k;
    for (k = 0; k < strips; k++) {
        const size_t from = most * (outputs > m->channels ? strips - 1 - k : k),
                     count = rows - from < most ? rows - from : most;
        tango__linear(net, t, tango__at(m->x, from * m->channels), count, "nin_shortcut",
            outputs, m->channels, tango__plain());
        if (tango__idle(net)) break;
        memcpy(m->x + from * outputs, t, count * outputs * sizeof(float));
    }
    tango_arena_release(net->arena, mark);
}

/* x = shortcut(x) + conv2(silu(norm2(conv1(silu(norm1(x)))))), in place.
                                                                     (ldm ResnetBlock) */
static void tango__vae_resnet(
    tango__net *net, tango__map *m, const char *part, size_t index, size_t outputs)
{
    const size_t name = tango__enter(net, part, index);
    tango__norm_conv(net, m->h, m->inner, m->x, m->sums, m->s, m->channels, "norm1",
        "conv1", outputs, NULL);
    if (m->channels != outputs) tango__shortcut(net, m, outputs);
    m->channels = outputs;
    tango__norm_conv(net, m->x, m->sums, m->h, m->inner, m->s, outputs, "norm2", "conv2",
        outputs, m->x);
    tango__leave(net, name);
}

/* x += proj_out(attention of norm(x)), one head of the full width, in place. (ldm
   AttnBlock) */
static void tango__vae_attention(tango__net *net, tango__map *m)
{
    const size_t rows = tango__rows(m->s), channels = m->channels;
    size_t name = tango__enter_one(net, "attn_1");
    float *n = m->h, *q = tango__at(n, rows * channels),
          *k = tango__at(q, rows * channels), *v = tango__at(k, rows * channels);
    tango_nn_attention shape;
    memset(&shape, 0, sizeof shape);
    shape.batch = 1;
    shape.queries = shape.keys = rows;
    shape.heads = 1;
    shape.width = channels;
    shape.scale = (float)(1.0 / TANGO_SQRT((double)channels));
    tango__group_norm(net, n, m->x, m->s, channels, net->model->vae.groups,
        net->model->vae.eps, "norm", TANGO_NN_NONE);
    tango__linear(net, q, n, rows, "q", channels, channels, tango__plain());
    tango__linear(net, k, n, rows, "k", channels, channels, tango__plain());
    tango__linear(net, v, n, rows, "v", channels, channels, tango__plain());
    tango__attend(net, n, q, k, v, &shape, TANGO_LAYER_SELF_ATTENTION);
    tango__linear(net, m->x, n, rows, "proj_out", channels, channels, tango__plus(m->x));
    tango__leave(net, name);
}

/* Resnet, attention, resnet at the VAE's deepest level. */
static void tango__vae_middle(tango__net *net, tango__map *m)
{
    const size_t middle = tango__enter_one(net, "mid"), channels = m->channels;
    tango__map_sums(net, m);
    tango__vae_resnet(net, m, "block_1", SIZE_MAX, channels);
    tango__vae_attention(net, m);
    tango__map_sums(net, m);
    tango__vae_resnet(net, m, "block_2", SIZE_MAX, channels);
    tango__leave(net, middle);
}

/* The levels of the decoder, deepest first: res_blocks + 1 resnets, then twice the size.
 */
static void tango__vae_up(tango__net *net, tango__map *m)
{
    const tango_vae_config *c = &net->model->vae;
    size_t level, j, name;
    for (level = c->levels; level-- > 0;) {
        name = tango__enter(net, "up", level);
        for (j = 0; j <= c->res_blocks; j++)
            tango__vae_resnet(net, m, "block", j, c->channels * c->multiples[level]);
        if (level > 0) {
            const tango__image source = m->s;
            tango_nn_conv conv;
            m->s.height *= 2;
            m->s.width *= 2;
            conv = tango__conv3x3(m->s, m->channels);
            conv.source_height = source.height;
            conv.source_width = source.width;
            tango__conv(net, m->h, m->x, &conv, "upsample.conv", m->channels,
                tango__plain());
            tango__map_swap(m);
            tango__map_sums(net, m);
        }
        tango__leave(net, name);
    }
}

/* What the decoder's maps take, level by level as above. */
static tango__map_room tango__vae_room_up(const tango_vae_config *c, tango__image s)
{
    size_t level, channels = c->channels * c->multiples[c->levels - 1];
    tango__map_room room;
    memset(&room, 0, sizeof room);
    tango__room_for(&room, 0, 4 * tango__rows(s) * channels); /* of the attention */
    for (level = c->levels; level-- > 0;) {
        const size_t outputs = c->channels * c->multiples[level],
                     wide = channels > outputs ? channels : outputs;
        tango__room_for(&room, tango__rows(s) * wide, tango__rows(s) * outputs);
        channels = outputs;
        if (level == 0) break;
        s.height *= 2;
        s.width *= 2;
        tango__room_for(&room, 0, tango__rows(s) * channels);
        room.now ^= 1;
    }
    return room;
}

/* mel (T, F) = decoder of one latent (H*W, C), already divided by the scale factor.
                                                          (ldm AutoencoderKL, Decoder) */
static void tango__decode(
    tango__net *net, float *mel, const float *latent, tango__image s)
{
    const tango_vae_config *c = &net->model->vae;
    const size_t mark = net->arena->used;
    const tango__map_room room = tango__vae_room_up(c, s);
    const tango_nn_conv conv = tango__conv3x3(s, c->latent_channels);
    float *z = tango__floats(net, tango__rows(s), c->latent_channels, 1);
    tango__map m;
    size_t name;
    m.s = s;
    m.channels = c->channels * c->multiples[c->levels - 1];
    tango__map_take(net, &m, &room);
    tango__linear(net, z, latent, tango__rows(s), "post_quant_conv", c->latent_channels,
        c->embedding, tango__plain());
    name = tango__enter_one(net, "decoder");
    tango__conv(net, m.x, z, &conv, "conv_in", m.channels, tango__plain());
    tango__vae_middle(net, &m);
    tango__vae_up(net, &m);
    tango__norm_conv(net, mel, NULL, m.x, m.sums, m.s, m.channels, "norm_out", "conv_out",
        c->out_channels, NULL);
    tango__leave(net, name);
    tango_arena_release(net->arena, mark);
}

/* The levels of the encoder: res_blocks resnets, then 3x3 with stride 2, for which the
   reference pads the right and the bottom only. */
static void tango__vae_down(tango__net *net, tango__map *m)
{
    const tango_vae_config *c = &net->model->vae;
    size_t level, j, name;
    for (level = 0; level < c->levels; level++) {
        name = tango__enter(net, "down", level);
        for (j = 0; j < c->res_blocks; j++)
            tango__vae_resnet(net, m, "block", j, c->channels * c->multiples[level]);
        if (level + 1 < c->levels) {
            tango_nn_conv conv = tango__conv3x3(m->s, m->channels);
            conv.stride = 2;
            conv.pad_top = conv.pad_left = 0;
            m->s.height = conv.out_height = m->s.height / 2;
            m->s.width = conv.out_width = m->s.width / 2;
            tango__conv(net, m->h, m->x, &conv, "downsample.conv", m->channels,
                tango__plain());
            tango__map_swap(m);
            tango__map_sums(net, m);
        }
        tango__leave(net, name);
    }
}

/* What the encoder's maps take; level 0 receives ch channels from conv_in. */
static tango__map_room tango__vae_room_down(const tango_vae_config *c, tango__image s)
{
    size_t level, channels = c->channels;
    tango__map_room room;
    memset(&room, 0, sizeof room);
    for (level = 0; level < c->levels; level++) {
        const size_t outputs = c->channels * c->multiples[level],
                     wide = channels > outputs ? channels : outputs;
        tango__room_for(&room, tango__rows(s) * wide, tango__rows(s) * outputs);
        channels = outputs;
        if (level + 1 == c->levels) break;
        s.height /= 2;
        s.width /= 2;
        tango__room_for(&room, 0, tango__rows(s) * channels);
        room.now ^= 1;
    }
    tango__room_for(&room, 0, 4 * tango__rows(s) * channels); /* of the attention */
    return room;
}

/* moments (H*W, 2 C), mean then log-variance, of one mel (T, F); s is the mel's size.
                                                          (ldm AutoencoderKL, Encoder) */
static void tango__encode_mel(
    tango__net *net, float *moments, const float *mel, tango__image s)
{
    const tango_vae_config *c = &net->model->vae;
    const size_t mark = net->arena->used;
    const tango__map_room room = tango__vae_room_down(c, s);
    const tango_nn_conv conv = tango__conv3x3(s, c->in_channels);
    tango__image coarse = s;
    tango__map m;
    size_t name;
    float *z;
    coarse.height >>= c->levels - 1;
    coarse.width >>= c->levels - 1;
    m.s = s;
    m.channels = c->channels;
    tango__map_take(net, &m, &room);
    z = tango__floats(net, tango__rows(coarse), 2 * c->latent_channels, 1);
    name = tango__enter_one(net, "encoder");
    tango__conv(net, m.x, mel, &conv, "conv_in", c->channels, tango__plain());
    tango__map_sums(net, &m);
    tango__vae_down(net, &m);
    tango__vae_middle(net, &m);
    tango__norm_conv(net, z, NULL, m.x, m.sums, m.s, m.channels, "norm_out", "conv_out",
        2 * c->latent_channels, NULL);
    tango__leave(net, name);
    tango__linear(net, moments, z, tango__rows(coarse), "quant_conv", 2 * c->embedding,
        2 * c->latent_channels, tango__plain());
    tango_arena_release(net->arena, mark);
}

/* ==== 10 >>vocoder ==== Private: HiFi-GAN =================================== */

/* The generator works through a clip in tiles of frames, all of its stages for one tile
   before the next: its memory does not grow with the clip, and sound comes out while it
   works. A stage goes as far as what it reads is there, and keeps the rows that its next
   turn reads again. Inside a residual block the rows around a border are computed twice
   instead, 1 to 2 per cent of all. Tiles are for memory and for the listener: smaller
   ones, which the second-level cache holds, are no faster, since the blocks of each layer
   lie there already. Layers are cut at multiples of tango_nn_conv_grid, so
   the samples are those of the clip in one piece, bit for bit. */

enum {
    TANGO__TILE_FIRST = 128, /* frames: the sound begins early, */
    TANGO__TILE = 384        /* and later borders are rare */
};

typedef struct tango__span { size_t from, to; } tango__span; /* rows from .. to - 1 */

/* A stage of the generator in one of its turns. Its upsampling is a convolution: output
   row t reads the inputs t - taps + 1 .. t and holds `rate` samples, so the rows laid end
   to end are the signal with `crop` samples in front. As the last stage stands conv_post,
   which upsamples nothing. */
typedef struct tango__voice_stage {
    size_t channels, length, rate, taps, crop, made; /* inputs `length`, samples `made` */
    tango__span x, rows, u, s; /* inputs there, rows made now, samples there (upsampled),
                                  samples made now */
    float *x_tail, *u_tail;    /* what later turns read of x and u */
} tango__voice_stage;

typedef struct tango__voice {
    size_t frames, stages;
    tango__span now; /* frames of this turn */
    tango__voice_stage stage[TANGO_LEVELS_MAX + 1];
    float *x, *u, *t, *y; /* one stage's at a time; t and y inside a residual block */
} tango__voice;

/* Who hears the samples of a tile; see on_audio in tango_params. */
typedef struct tango__listener {
    const tango_params *params;
    size_t sound, kept; /* of the sound, so many samples are told */
} tango__listener;

/* 1-D, stride 1, the size stays; x passes a leaky ReLU on its way in. */
static tango_nn_conv tango__conv1d(
    size_t length, size_t channels, size_t kernel, size_t dilation, float slope)
{
    tango_nn_conv c;
    memset(&c, 0, sizeof c);
    c.batch = 1;
    c.height = c.out_height = length;
    c.width = c.out_width = 1;
    c.channels = channels;
    c.kernel_height = kernel;
    c.kernel_width = 1;
    c.dilation = dilation;
    c.pad_top = dilation * (kernel - 1) / 2;
    c.slope = slope;
    return c;
}

/* The rows `to` of a 1-D convolution whose input rows `in` lie at x. They are all that
   the layer reads, except before row 0 and behind the last of the signal: zeros there. */
static void tango__conv_part(tango__net *net, float *out, tango__span to, const float *x,
    tango__span in, tango_nn_conv shape, const char *name, size_t outputs, tango__after e)
{
    const size_t left = in.from + shape.pad_top;
    size_t skip = 0;
    if (to.from > left) skip = to.from - left;
    shape.pad_top = skip > 0 ? 0 : left - to.from;
    shape.height = in.to - in.from - skip;
    shape.out_height = to.to - to.from;
    if (x != NULL) x += skip * shape.channels;
    tango__conv(net, out, x, &shape, name, outputs, e);
}

/* Length after upsampling stage i: (L - 1) r - 2 p + k with p = (k - r) / 2.
                                                             (torch.nn.ConvTranspose1d) */
static size_t tango__upsampled(const tango_vocoder_config *c, size_t i, size_t length)
{
    return (length - 1) * c->rates[i] + c->kernels[i]
           - 2 * ((c->kernels[i] - c->rates[i]) / 2);
}

static size_t tango__wave_length(const tango_vocoder_config *c, size_t frames)
{
    size_t i;
    for (i = 0; i < c->stages; i++) frames = tango__upsampled(c, i, frames);
    return frames;
}

/* Layer j of a branch's six: three times a dilated convolution and a plain one. */
static tango_nn_conv tango__branch_layer(const tango_vocoder_config *c, size_t branch,
    size_t j, size_t length, size_t channels)
{
    return tango__conv1d(length, channels, c->branch_kernels[branch],
        j % 2 == 0 ? c->dilations[branch][j / 2] : 1, 0.1f);
}

static tango_nn_conv tango__conv_pre(size_t frames, const tango_vocoder_config *c)
{
    return tango__conv1d(frames, c->mels, 7, 1, 0.0f);
}

static tango_nn_conv tango__upsampling(const tango__voice_stage *g)
{
    tango_nn_conv conv = tango__conv1d(g->length, g->channels, g->taps, 1, 0.1f);
    conv.pad_top = g->taps - 1;
    return conv;
}

static tango_nn_conv tango__conv_post(const tango__voice_stage *g)
{
    return tango__conv1d(g->length, g->channels, 7, 1, 0.01f);
}

/* What a convolution reads for the rows s, with ends at multiples of `grid`. */
static tango__span tango__read_for(
    tango__span s, const tango_nn_conv *layer, size_t grid, size_t length)
{
    const size_t pad = layer->pad_top;
    tango__span r;
    r.from = s.from > pad ? s.from - pad : 0;
    r.from -= r.from % grid;
    r.to = s.to + pad + tango_nn_conv_ahead(layer);
    r.to += (grid - r.to % grid) % grid;
    if (r.to > length) r.to = length;
    return r;
}

/* Layer j of a branch reads r[j] and writes r[j + 1]; r[6] is what the branch gives. */
static void tango__branch_spans(const tango_vocoder_config *c, size_t branch,
    const tango__voice_stage *g, tango__span r[7])
{
    size_t j;
    for (j = 6; j-- > 0;) {
        const tango_nn_conv layer =
            tango__branch_layer(c, branch, j, g->made, g->channels / 2);
        size_t grid = 1; /* of the layer that writes r[j] */
        if (j > 0) {
            const tango_nn_conv before =
                tango__branch_layer(c, branch, j - 1, g->made, g->channels / 2);
            grid = tango_nn_conv_grid(&before);
        }
        r[j] = tango__read_for(r[j + 1], &layer, grid, g->made);
    }
}

/* The upsampled samples that all branches read for the samples s. */
static tango__span tango__stage_reads(
    const tango_vocoder_config *c, const tango__voice_stage *g, tango__span s)
{
    tango__span all = s, r[7];
    size_t b;
    for (b = 0; b < c->branches; b++) {
        r[6] = s;
        tango__branch_spans(c, b, g, r);
        if (r[0].from < all.from) all.from = r[0].from;
        if (r[0].to > all.to) all.to = r[0].to;
    }
    return all;
}

/* Where a stage can end while u ends at u.to: as far as all branches can read, at a
   multiple of the grid of their last layers, which share one dilation and so one grid. */
static size_t tango__stage_end(
    const tango_vocoder_config *c, const tango__voice_stage *g, tango__span s)
{
    const tango_nn_conv layer = tango__branch_layer(c, 0, 5, g->made, g->channels / 2);
    const size_t grid = tango_nn_conv_grid(&layer);
    for (s.to = g->u.to - g->u.to % grid; s.to > s.from;) {
        const size_t to = tango__stage_reads(c, g, s).to;
        size_t beyond = to > g->u.to ? to - g->u.to : 0;
        if (beyond == 0) return s.to;
        beyond += (grid - beyond % grid) % grid;
        s.to -= beyond < s.to - s.from ? beyond : s.to - s.from;
    }
    return s.from;
}

/* The first input that the stage's next turn reads. */
static size_t tango__x_kept(const tango__voice_stage *g)
{
    const size_t before = g->taps - 1;
    return g->rows.to > before ? g->rows.to - before : 0;
}

static size_t tango__u_kept(const tango_vocoder_config *c, const tango__voice_stage *g)
{
    tango__span next;
    next.from = next.to = g->s.to;
    return tango__stage_reads(c, g, next).from;
}

/* How far a stage comes when its inputs are there up to x_to. */
static void tango__stage_turn(
    const tango_vocoder_config *c, tango__voice_stage *g, size_t x_to, int last)
{
    const tango_nn_conv up = tango__upsampling(g);
    const size_t ahead = tango_nn_conv_ahead(&up),
                 there = x_to > ahead ? x_to - ahead : 0;
    g->x.from = tango__x_kept(g);
    g->x.to = x_to;
    g->rows.from = g->rows.to;
    g->rows.to = last ? g->length + g->taps - 1 : there - there % tango_nn_conv_grid(&up);
    g->u.from = tango__u_kept(c, g);
    g->u.to = g->rows.to * g->rate > g->crop ? g->rows.to * g->rate - g->crop : 0;
    if (last) g->u.to = g->made;
    g->s.from = g->s.to;
    g->s.to = g->made;
    if (!last) g->s.to = tango__stage_end(c, g, g->s);
}

/* The same of conv_post, which reads 3 samples on each side. */
static void tango__post_turn(tango__voice_stage *g, size_t x_to, int last)
{
    const tango_nn_conv post = tango__conv_post(g);
    const size_t grid = tango_nn_conv_grid(&post), pad = post.pad_top,
                 beyond = pad + tango_nn_conv_ahead(&post);
    g->x.from = tango__x_kept(g);
    g->x.to = x_to;
    g->s.from = g->s.to;
    if (x_to > g->s.to + beyond) g->s.to = (x_to - beyond) - (x_to - beyond) % grid;
    if (last) g->s.to = g->made;
    g->rows.to = g->s.to + pad; /* half of its taps lie behind an output */
}

/* The next turn of all stages; 0 if there is none. */
static int tango__voice_turn(
    tango__voice *v, const tango_vocoder_config *c, size_t first, size_t tile)
{
    const tango_nn_conv pre = tango__conv_pre(v->frames, c);
    const size_t grid = tango_nn_conv_grid(&pre), left = v->frames - v->now.to;
    size_t size = v->now.to == 0 ? first : tile, i, x_to;
    const int last = (size += (grid - size % grid) % grid) >= left;
    if (left == 0) return 0;
    v->now.from = v->now.to;
    v->now.to = x_to = last ? v->frames : v->now.from + size;
    for (i = 0; i < v->stages; i++) {
        tango__stage_turn(c, &v->stage[i], x_to, last);
        x_to = v->stage[i].s.to;
    }
    tango__post_turn(&v->stage[v->stages], x_to, last);
    return 1;
}

static void tango__voice_shape(
    tango__voice *v, const tango_vocoder_config *c, size_t frames)
{
    size_t i, length = frames, channels = c->channels;
    memset(v, 0, sizeof *v);
    v->frames = frames;
    v->stages = c->stages;
    for (i = 0; i <= c->stages; i++, channels /= 2) {
        tango__voice_stage *g = &v->stage[i];
        g->channels = channels;
        g->length = g->made = length;
        g->taps = 7; /* of conv_post */
        if (i == c->stages) break;
        g->rate = c->rates[i];
        g->taps = (c->kernels[i] + g->rate - 1) / g->rate;
        g->crop = (c->kernels[i] - g->rate) / 2;
        g->made = length = tango__upsampled(c, i, length);
    }
}

/* Rows of what the stages hold, at most; times the channels: floats. */
typedef struct tango__voice_room {
    size_t x, u, t, y; /* floats of the largest of all stages */
    size_t x_tail[TANGO_LEVELS_MAX + 1], u_tail[TANGO_LEVELS_MAX + 1]; /* rows */
} tango__voice_room;

static void tango__most(size_t *most, size_t value)
{
    if (value > *most) *most = value;
}

static void tango__stage_room(tango__voice_room *room, const tango_vocoder_config *c,
    const tango__voice_stage *g, size_t i)
{
    const size_t half = g->channels / 2, end = g->rows.to * g->rate;
    size_t b, j;
    tango__most(&room->x, (g->x.to - g->x.from) * g->channels);
    tango__most(&room->u, ((end > g->u.to + g->crop ? end : g->u.to + g->crop)
                              - g->u.from) * half);
    tango__most(&room->x, (g->s.to - g->s.from) * half);
    tango__most(&room->x_tail[i], g->x.to - tango__x_kept(g));
    tango__most(&room->u_tail[i], g->u.to - tango__u_kept(c, g));
    for (b = 0; b < c->branches; b++) {
        tango__span r[7];
        r[6] = g->s;
        tango__branch_spans(c, b, g, r);
        for (j = 1; j < 6; j += 2) tango__most(&room->t, (r[j].to - r[j].from) * half);
        tango__most(&room->y, (r[2].to - r[2].from) * half);
    }
}

/* Goes through all turns without computing, then takes what they need. */
static void tango__voice_begin(
    tango__net *net, tango__voice *v, size_t frames, size_t first, size_t tile)
{
    const tango_vocoder_config *c = &net->model->vocoder;
    tango__voice_room room;
    tango__voice_stage *post;
    size_t i;
    memset(&room, 0, sizeof room);
    tango__voice_shape(v, c, frames);
    post = &v->stage[v->stages];
    while (tango__voice_turn(v, c, first, tile)) {
        tango__most(&room.x, (v->now.to - v->stage[0].x.from) * c->channels);
        for (i = 0; i < v->stages; i++)
            tango__stage_room(&room, c, &v->stage[i], i);
        tango__most(&room.x, (post->x.to - post->x.from) * post->channels);
        if (post->x.to > tango__x_kept(post))
            tango__most(&room.x_tail[i], post->x.to - tango__x_kept(post));
    }
    tango__voice_shape(v, c, frames);
    v->x = tango__floats(net, room.x, 1, 1);
    v->u = tango__floats(net, room.u, 1, 1);
    v->t = tango__floats(net, room.t, 1, 1);
    v->y = tango__floats(net, room.y, 1, 1);
    for (i = 0; i <= v->stages; i++) {
        tango__voice_stage *g = &v->stage[i];
        g->x_tail = tango__floats(net, room.x_tail[i], g->channels, 1);
        g->u_tail = tango__floats(net, room.u_tail[i], g->channels / 2, 1);
    }
}

static void tango__rows_move(
    const tango__net *net, float *to, const float *from, size_t rows, size_t channels)
{
    if (!tango__idle(net) && rows > 0)
        memcpy(to, from, rows * channels * sizeof(float));
}

/* u = the upsampled samples that this turn of stage i reads, of x. */
static void tango__upsample(tango__net *net, tango__voice *v, size_t i)
{
    tango__voice_stage *g = &v->stage[i];
    const size_t half = g->channels / 2, kept = tango__x_kept(g);
    const size_t old = g->rows.from * g->rate > g->crop
                           ? g->rows.from * g->rate - g->crop - g->u.from
                           : 0; /* samples of earlier turns */
    char part[] = "ups.0";
    part[4] = (char)('0' + i); /* i < TANGO_LEVELS_MAX < 10 */
    tango__rows_move(net, tango__at(v->u, g->crop * half), g->u_tail, old, half);
    tango__conv_part(net, tango__at(v->u, (g->rows.from * g->rate - g->u.from) * half),
        g->rows, v->x, g->x, tango__upsampling(g), part, g->rate * half, tango__plain());
    tango__rows_move(net, g->x_tail, tango__at(v->x, (kept - g->x.from) * g->channels),
        g->x.to - kept, g->channels);
}

/* The samples s of one branch: y = u, then for each dilation
   y += conv2(lrelu(conv1_dilated(lrelu(y)))). They go to `out`, or stay in v->y if that
   is NULL; returns where they are.                          (hifi-gan ResBlock1) */
static float *tango__vocoder_branch(tango__net *net, const tango__voice *v, float *out,
    size_t i, size_t branch, tango__span s)
{
    const tango_vocoder_config *c = &net->model->vocoder;
    const tango__voice_stage *g = &v->stage[i];
    const size_t half = g->channels / 2;
    char part[] = "convs1.0";
    size_t name = tango__enter(net, "resblocks", i * c->branches + branch), j;
    const float *x = tango__at(v->u, g->crop * half), *add;
    float *at = NULL;
    tango__span r[7], in = g->u;
    r[6] = s;
    tango__branch_spans(c, branch, g, r);
    for (j = 0; j < 6; j += 2) {
        part[5] = '1';
        part[7] = (char)('0' + j / 2);
        in.to = r[j].to; /* of y, what lies behind is of an earlier layer */
        tango__conv_part(net, v->t, r[j + 1], x, in,
            tango__branch_layer(c, branch, j, g->made, half), part, half, tango__plain());
        add = x == NULL ? NULL : x + (r[j + 2].from - in.from) * half;
        at = j == 4 && out != NULL ? out
                                   : tango__at(v->y, (r[j + 2].from - r[2].from) * half);
        part[5] = '2';
        tango__conv_part(net, at, r[j + 2], v->t, r[j + 1],
            tango__branch_layer(c, branch, j + 1, g->made, half), part, half,
            tango__plus(add));
        x = v->y;
        in.from = r[2].from;
    }
    tango__leave(net, name);
    return at;
}

/* out = the samples s of stage i: the mean over its branches. */
static void tango__vocoder_blocks(
    tango__net *net, const tango__voice *v, float *out, size_t i, tango__span s)
{
    const size_t branches = net->model->vocoder.branches,
                 count = (s.to - s.from) * (v->stage[i].channels / 2);
    size_t b;
    for (b = 0; b < branches; b++) {
        const float scale = b + 1 == branches ? 1.0f / (float)branches : 1.0f;
        const float *y = tango__vocoder_branch(net, v, b == 0 ? out : NULL, i, b, s);
        if (b > 0) tango__add(net, out, out, y, count, scale);
    }
}

/* One turn of stage i: from x to x, which then is what the next stage reads. */
static void tango__vocoder_stage(tango__net *net, tango__voice *v, size_t i)
{
    const tango_vocoder_config *c = &net->model->vocoder;
    tango__voice_stage *g = &v->stage[i];
    const tango__voice_stage *next = g + 1;
    const size_t half = g->channels / 2, kept = tango__u_kept(c, g),
                 old = g->s.from - next->x.from;
    tango__upsample(net, v, i);
    tango__rows_move(net, v->x, next->x_tail, old, half);
    if (g->s.to > g->s.from || tango__idle(net))
        tango__vocoder_blocks(net, v, tango__at(v->x, old * half), i, g->s);
    tango__rows_move(net, g->u_tail,
        tango__at(v->u, (g->crop + kept - g->u.from) * half), g->u.to - kept, half);
}

/* wave[s] of this turn. */
static void tango__vocoder_end(tango__net *net, tango__voice *v, float *wave)
{
    tango__voice_stage *g = &v->stage[v->stages];
    const size_t kept = tango__x_kept(g);
    tango__conv_part(net, tango__at(wave, g->s.from), g->s, v->x, g->x,
        tango__conv_post(g), "conv_post", 1, tango__then(TANGO_NN_TANH));
    if (g->x.to > kept)
        tango__rows_move(net, g->x_tail,
            tango__at(v->x, (kept - g->x.from) * g->channels), g->x.to - kept,
            g->channels);
}

/* Tells the listener the samples s. */
static void tango__tell_audio(
    tango__net *net, const tango__listener *l, const float *wave, tango__span s)
{
    const tango_params *p = l->params;
    if (s.to > l->kept) s.to = l->kept;
    if (p->on_audio == NULL || s.from >= s.to || tango__idle(net)) return;
    tango__finite(net, wave + s.from, s.to - s.from, "wave", SIZE_MAX);
    if (net->result == TANGO_OK
        && p->on_audio(p->user, l->sound, wave + s.from, s.from, s.to - s.from))
        net->result = tango_io_fail(net->error, TANGO_ERROR_CANCELLED,
            "stopped at sample %z of the wave", s.to);
}

/* wave (160 T + 32) = HiFi-GAN of mel (T, F), in tiles of so many frames; listener may be
   NULL.  (Kong et al. 2020, generator V1) */
static void tango__hifigan(tango__net *net, float *wave, const float *mel, size_t frames,
    size_t first, size_t tile, const tango__listener *listener)
{
    const tango_vocoder_config *c = &net->model->vocoder;
    const size_t mark = net->arena->used, name = tango__enter_one(net, "vocoder");
    tango__span all;
    tango__voice v;
    size_t i, old;
    all.from = 0;
    all.to = frames;
    tango__voice_begin(net, &v, frames, first, tile);
    while (net->result == TANGO_OK && tango__voice_turn(&v, c, first, tile)) {
        old = v.now.from - v.stage[0].x.from;
        tango__rows_move(net, v.x, v.stage[0].x_tail, old, c->channels);
        tango__conv_part(net, tango__at(v.x, old * c->channels), v.now, mel, all,
            tango__conv_pre(frames, c), "conv_pre", c->channels, tango__plain());
        for (i = 0; i < v.stages; i++) tango__vocoder_stage(net, &v, i);
        tango__vocoder_end(net, &v, wave);
        if (listener != NULL)
            tango__tell_audio(net, listener, wave, v.stage[v.stages].s);
        if (tango__idle(net)) break; /* every turn has the same layers */
    }
    tango__leave(net, name);
    tango_arena_release(net->arena, mark);
}

/* ==== 11 >>generate ==== Parameters, plan, the pipeline ====================== */

enum { TANGO__ROUNDS = 60 }; /* of Griffin-Lim */

/* What a model runs with that names nothing, by what its UNet takes in. */
typedef struct tango__usual {
    size_t steps;
    double guidance;
    tango_sampler sampler;
} tango__usual;

static const tango__usual tango__usuals[] = { /* in the order of tango_guidance_input */
    { 100, 3.0, TANGO_DDPM }, { 1, 4.0, TANGO_CONSISTENCY }, { 2, 3.5, TANGO_CTM }
};

/* Every default of the model filled in. */
TANGO__HOT
static void tango__fill_in(tango_params *p, const tango_model *m)
{
    const tango__usual *usual = &tango__usuals[m->unet.guidance];
    if (p->seconds == 0.0 && p->init != NULL && m->vae.levels != 0)
        p->seconds = (double)p->init_rows * (double)(m->hop << (m->vae.levels - 1))
                     / (double)m->rate;
    if (p->seconds == 0.0)
        p->seconds = m->defaults.seconds != 0.0 ? m->defaults.seconds : 10.24;
    if (p->steps == 0)
        p->steps = m->defaults.steps != 0 ? m->defaults.steps : usual->steps;
    if (p->guidance == 0.0)
        p->guidance =
            m->defaults.guidance != 0.0 ? m->defaults.guidance : usual->guidance;
    if (p->rescale == 0.0)
        p->rescale = m->defaults.rescale != 0.0 ? m->defaults.rescale : -1.0;
    if (p->sampler == TANGO_SAMPLER_DEFAULT)
        p->sampler = m->defaults.sampler != TANGO_SAMPLER_DEFAULT ? m->defaults.sampler
                                                                  : usual->sampler;
    if ((unsigned)p->sigmas <= TANGO_SIGMAS_SPACED)
        p->sigmas = tango__sigmas_of(&m->schedule, p->sampler, p->sigmas);
    if (p->eta == 0.0) p->eta = m->defaults.eta != 0.0 ? m->defaults.eta : -1.0;
    if (p->crop == 0.0) p->crop = m->defaults.crop != 0.0 ? m->defaults.crop : -1.0;
    if (p->vocoder == TANGO_VOCODER_DEFAULT)
        p->vocoder = m->defaults.vocoder != TANGO_VOCODER_DEFAULT ? m->defaults.vocoder
                                                                  : TANGO_HIFIGAN;
    if (p->guidance_until == 0.0) p->guidance_until = 1.0;
    if (p->cache == 0) p->cache = 1;
    if (p->samples == 0) p->samples = 1;
    if (p->negative == NULL) p->negative = "";
    if (p->noise != NULL && p->noise_draws == 0) p->noise_draws = 1;
    if (p->parallel_for == NULL || p->threads == 0) p->threads = 1;
    if (p->kernels == NULL) p->kernels = tango_nn_detect();
}

/* The UNets of distilled models and the samplers made for them go together. Where no
   diffusion takes place, everything may. */
static tango_result tango__check_sampler(
    const tango_params *p, const tango_model *m, tango_error *error)
{
    const tango_sampler own = tango__usuals[m->unet.guidance].sampler;
    const int special = p->sampler >= TANGO_CONSISTENCY;
    if (p->latent != NULL || p->mel != NULL || !(m->parts & TANGO_PART_UNET))
        return TANGO_OK;
    if (own != TANGO_DDPM && p->sampler != own)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "sampler: '%s' cannot drive this model, which is distilled for '%s' alone",
            tango_sampler_name(p->sampler), tango_sampler_name(own));
    if (own == TANGO_DDPM && special)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "sampler: '%s' needs a UNet that was distilled for it, which this is not",
            tango_sampler_name(p->sampler));
    return TANGO_OK;
}

/* What a run starts from, and the generators of its noise. */
static tango_result tango__check_start(
    const tango_params *p, const tango_model *m, tango_error *error)
{
    size_t i;
    int ok = p->seed <= TANGO_SEED_MAX;
    for (i = 0; p->seeds != NULL && i < p->samples; i++)
        ok &= p->seeds[i] <= TANGO_SEED_MAX;
    if (!ok)
        return tango_io_fail(
            error, TANGO_ERROR_ARGUMENT, "seed: expected 0 to %u", TANGO_SEED_MAX);
    if (p->init == NULL) {
        if (p->strength != 0.0 || p->fills != 0)
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                "%s: given without init, a sound to start from",
                p->fills != 0 ? "fill" : "strength");
        return TANGO_OK;
    }
    if (p->latent != NULL || p->mel != NULL)
        return tango_io_fail(
            error, TANGO_ERROR_ARGUMENT, "init: given beside a latent or mel");
    if (p->init_rows == 0)
        return tango_io_fail(
            error, TANGO_ERROR_ARGUMENT, "init: 0 rows, expected 1 or more");
    if (!(p->strength >= 0.0 && p->strength <= 1.0))
        return tango_io_fail(
            error, TANGO_ERROR_ARGUMENT, "strength: expected more than 0 and at most 1");
    if (m->unet.adapters)
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
            "init: this model's UNet works on another latent than its VAE");
    return TANGO_OK;
}

/* What is chosen by name is one of its kind. (fill_in left no DEFAULT but that of
   final_sigma.) */
static tango_result tango__check_names(const tango_params *p, tango_error *error)
{
    if ((unsigned)p->vocoder > TANGO_GRIFFIN_LIM)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "vocoder: number %i is none",
            (int64_t)p->vocoder);
    if ((unsigned)p->final_sigma > TANGO_FINAL_SIGMA_MIN)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "final sigma: number %i is none", (int64_t)p->final_sigma);
    if ((unsigned)p->sampler > TANGO_CTM)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "sampler: number %i is none",
            (int64_t)p->sampler);
    if ((unsigned)p->sigmas > TANGO_SIGMAS_SPACED)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "sigmas: number %i is none",
            (int64_t)p->sigmas);
    return TANGO_OK;
}

/* Every value is in its range. */
static tango_result tango__check(
    const tango_params *p, const tango_model *m, tango_error *error)
{
    if (p->prompt == NULL && p->latent == NULL && p->mel == NULL)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "prompt: none given");
    if (!(p->seconds > 0.0 && p->seconds <= (double)TANGO_SECONDS_MAX))
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "seconds: expected more than 0 and at most %z", (size_t)TANGO_SECONDS_MAX);
    if (p->steps > m->schedule.train_steps && (m->parts & TANGO_PART_UNET))
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "steps: %z, expected 1 to %z",
            p->steps, m->schedule.train_steps);
    if (!(p->guidance >= -(double)TANGO_GUIDANCE_MAX
            && p->guidance <= (double)TANGO_GUIDANCE_MAX))
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "guidance: expected -%z to %z", (size_t)TANGO_GUIDANCE_MAX,
            (size_t)TANGO_GUIDANCE_MAX);
    if (!(p->rescale >= -1.0 && p->rescale <= 1.0))
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "rescale: expected 0 to 1, or -1 for none");
    if (!(p->guidance_from >= 0.0 && p->guidance_from <= 1.0)
        || !(p->guidance_until >= -1.0 && p->guidance_until <= 1.0))
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "guidance from, until: expected 0 to 1, parts of the run");
    if (!(p->eta >= -1.0 && p->eta <= 1.0))
        return tango_io_fail(
            error, TANGO_ERROR_ARGUMENT, "eta: expected 0 to 1, or -1 for none");
    if (!(p->crop >= -1.0 && p->crop <= (double)TANGO_SECONDS_MAX))
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "crop: expected up to %z seconds, or -1 for the whole",
            (size_t)TANGO_SECONDS_MAX);
    if (!(p->window >= 0.0 && p->window <= (double)TANGO_SECONDS_MAX))
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "window: expected up to %z seconds, or 0 for none",
            (size_t)TANGO_SECONDS_MAX);
    if (p->cache > 1 && (p->window != 0.0 || p->loop))
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "cache: keeps the deep part of one window, %s has several",
            p->loop ? "loop" : "window");
    if (p->latent != NULL && p->mel != NULL)
        return tango_io_fail(
            error, TANGO_ERROR_ARGUMENT, "mel: given beside a latent, expected one");
    if (p->denormalize
        && (!(p->denormalize_mean - p->denormalize_mean == 0.0f)
            || !(p->denormalize_std - p->denormalize_std == 0.0f)))
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "denormalize: expected finite numbers, found NaN or infinity");
    if (p->samples > TANGO_SAMPLES_MAX)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "samples: %z, expected 1 to %z",
            p->samples, (size_t)TANGO_SAMPLES_MAX);
    if (tango_nn_work_size(p->threads) == 0)
        return tango_io_fail(
            error, TANGO_ERROR_ARGUMENT, "threads: %z are too many", p->threads);
    if (tango__check_names(p, error) != TANGO_OK) return TANGO_ERROR_ARGUMENT;
    return tango__check_start(p, m, error);
}

/* Whether guidance, where there is any, acts on a call.
                                          (diffusers guiders, ClassifierFreeGuidance) */
static int tango__in_window(const tango_plan *plan, size_t call)
{
    const double calls = (double)plan->calls, at = (double)call;
    return at >= TANGO_FLOOR(plan->params.guidance_from * calls)
           && at < TANGO_FLOOR(plan->params.guidance_until * calls);
}

/* Whether the UNet runs on [negative ; prompt] at some call; a distilled one is told the
   number. */
static int tango__guided(const tango_plan *plan, const tango_model *m)
{
    const tango_params *p = &plan->params;
    const double first = TANGO_FLOOR(p->guidance_from * (double)plan->calls);
    return p->guidance > 1.0 && m->unet.guidance == TANGO_GUIDANCE_NONE
           && first < (double)plan->calls && tango__in_window(plan, (size_t)first);
}

static unsigned tango__needed(const tango_params *p)
{
    unsigned parts = p->vocoder == TANGO_HIFIGAN ? TANGO_PART_VOCODER : 0;
    if (p->mel == NULL) parts |= TANGO_PART_VAE;
    if (p->mel == NULL && p->latent == NULL) parts |= TANGO_PART_TEXT | TANGO_PART_UNET;
    return parts;
}

/* int(seconds * rate) samples, as the references cut; at least one. */
static void tango__crop(tango_plan *plan, const tango_model *m)
{
    const tango_params *p = &plan->params;
    const int asked = p->latent == NULL && p->mel == NULL && p->seconds < p->crop;
    const double samples = (asked ? p->seconds : p->crop) * (double)m->rate;
    if (samples < (double)plan->whole) plan->samples = (size_t)samples;
    if (plan->samples == 0) plan->samples = 1;
}

/* Latent rows per second. */
static double tango__row_rate(const tango_model *m)
{
    return (double)m->rate / (double)(m->hop << (m->vae.levels - 1));
}

/* Whether a row of the latent is made anew; without init all are. */
static int tango__fills(const tango_plan *plan, const tango_model *m, size_t row)
{
    const tango_params *p = &plan->params;
    const double rate = tango__row_rate(m), at = (double)row;
    size_t i;
    if (row >= p->init_rows) return 1;
    for (i = 0; i < p->fills; i++)
        if (at + 1.0 > p->fill[2 * i] * rate + 1e-6
            && at < p->fill[2 * i + 1] * rate - 1e-6)
            return 1;
    return 0;
}

/* Whether a part of init stays. */
static int tango__keeps(const tango_params *p, size_t rows)
{
    return p->init != NULL && (p->fills != 0 || p->init_rows < rows);
}

/* The ranges of fill lie in the sound; how much of the run takes place. */
static tango_result tango__start_sizes(
    tango_plan *plan, const tango_model *m, tango_error *error)
{
    tango_params *p = &plan->params;
    const double end = (double)plan->latent_rows / tango__row_rate(m);
    size_t i;
    if (p->init == NULL) p->strength = 1.0;
    if (p->strength == 0.0) p->strength = tango__keeps(p, plan->latent_rows) ? 1.0 : 0.8;
    for (i = 0; i < p->fills; i++)
        if (!(p->fill[2 * i] >= 0.0 && p->fill[2 * i] < p->fill[2 * i + 1]
                && p->fill[2 * i + 1] <= end + 1e-6))
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                "fill: range %z, expected 0 <= FROM < TO <= %z ms, the end of the sound",
                i + 1, (size_t)(1000.0 * end + 0.5));
    plan->calls = tango__calls(
        p->sampler, tango__steps_left(p->sampler, p->steps, p->strength));
    return TANGO_OK;
}

/* Windows of the latent: as few as overlap by a quarter. */
static tango_result tango__window_sizes(
    tango_plan *plan, const tango_model *m, tango_error *error)
{
    const tango_params *p = &plan->params;
    const size_t rows = plan->latent_rows;
    size_t size = rows, stride;
    if (p->window > 0.0) size = (size_t)tango__round(p->window * tango__row_rate(m));
    if (p->window > 0.0 && size < 8)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "window: %z rows of the latent, expected 8 or more", size);
    if (size > rows) size = rows;
    stride = size - size / 4;
    plan->window_rows = size;
    plan->windows = p->loop ? (rows + stride - 1) / stride
                            : 1 + (rows - size + stride - 1) / stride;
    if (p->loop && plan->windows < 2) plan->windows = 2;
    return TANGO_OK;
}

/* The row that window i begins with: they are spread evenly. */
static size_t tango__window_from(const tango_plan *plan, size_t i)
{
    const size_t rows = plan->latent_rows, size = plan->window_rows;
    if (plan->params.loop) return i * rows / plan->windows;
    return plan->windows < 2 ? 0 : i * (rows - size) / (plan->windows - 1);
}

/* T = 4 ceil(round(16000 seconds) / 640) with the model's own numbers, and what follows.
 */
static tango_result tango__sizes(
    tango_plan *plan, const tango_model *m, tango_error *error)
{
    const size_t levels = m->vae.levels; /* 0 without a VAE, which a mel needs none of */
    const size_t factor = (size_t)1 << (levels != 0 ? levels - 1 : 0),
                 block = m->hop * factor;
    const tango_params *p = &plan->params;
    size_t samples = (size_t)tango__round(p->seconds * (double)m->rate), bytes;
    if (p->latent != NULL
        && (p->latent_rows == 0
            || p->latent_rows > (size_t)TANGO_SECONDS_MAX * m->rate / block + 1))
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "latent: %z rows, expected 1 or more and at most %z seconds", p->latent_rows,
            (size_t)TANGO_SECONDS_MAX);
    plan->latent_rows =
        p->latent != NULL ? p->latent_rows : (samples + block - 1) / block;
    if (plan->latent_rows == 0) plan->latent_rows = 1;
    plan->latent_width = m->mels / factor;
    plan->frames = plan->latent_rows * factor;
    if (p->mel == NULL && p->latent == NULL
        && tango__start_sizes(plan, m, error) != TANGO_OK)
        return TANGO_ERROR_ARGUMENT;
    if (p->mel == NULL && tango__window_sizes(plan, m, error) != TANGO_OK)
        return TANGO_ERROR_ARGUMENT;
    if (p->mel != NULL) { /* no latent takes part */
        plan->latent_rows = 0;
        plan->frames = p->mel_frames;
        if (plan->frames == 0
            || plan->frames > (size_t)TANGO_SECONDS_MAX * m->rate / m->hop + 1)
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                "mel: %z frames, expected 1 or more and at most %z seconds", plan->frames,
                (size_t)TANGO_SECONDS_MAX);
    }
    plan->whole = p->vocoder == TANGO_HIFIGAN && !p->loop
                      ? tango__wave_length(&m->vocoder, plan->frames)
                      : plan->frames * m->hop;
    plan->samples = plan->whole;
    if (p->crop > 0.0 && !p->loop) tango__crop(plan, m);
    if (!tango_mul_ok(plan->samples, sizeof(float), &bytes)
        || !tango_mul_ok(bytes, p->samples, &bytes))
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
            "wave: no room for %z sounds of %z samples", p->samples, plan->samples);
    if (p->vocoder == TANGO_GRIFFIN_LIM && plan->whole <= m->fft / 2)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "seconds: %z frames are too short for griffin-lim, which needs more than %z "
            "samples",
            plan->frames, m->fft / 2);
    return TANGO_OK;
}

/* out (B, channels, rows) = x (B, rows, channels), and back. */
TANGO__HOT
static void tango__to_planes(
    float *out, const float *x, size_t batch, size_t rows, size_t channels)
{
    size_t b, r, c;
    for (b = 0; b < batch; b++, x += rows * channels, out += rows * channels)
        for (r = 0; r < rows; r++)
            for (c = 0; c < channels; c++) out[c * rows + r] = x[r * channels + c];
}

TANGO__HOT
static void tango__from_planes(
    float *out, const float *x, size_t batch, size_t rows, size_t channels)
{
    size_t b, r, c;
    for (b = 0; b < batch; b++, x += rows * channels, out += rows * channels)
        for (r = 0; r < rows; r++)
            for (c = 0; c < channels; c++) out[r * channels + c] = x[c * rows + r];
}

static tango_stage tango__stage_of(
    const char *name, size_t rank, size_t a, size_t b, size_t c, size_t d)
{
    tango_stage stage;
    memset(&stage, 0, sizeof stage);
    stage.name = name;
    stage.rank = rank;
    stage.shape[0] = a, stage.shape[1] = b, stage.shape[2] = c, stage.shape[3] = d;
    return stage;
}

static void tango__tell(tango__net *net, const tango_plan *plan, const tango_stage *stage)
{
    if (plan->params.on_stage == NULL || tango__idle(net)) return;
    if (plan->params.on_stage(plan->params.user, stage))
        net->result = tango_io_fail(
            net->error, TANGO_ERROR_CANCELLED, "stopped after stage %s", stage->name);
}

/* Hands out float values that already lie in the reference's order. */
static void tango__tell_values(
    tango__net *net, const tango_plan *plan, const float *values, tango_stage stage)
{
    stage.values = values;
    tango__tell(net, plan, &stage);
}

/* Hands out images x (batch, H*W, C) as (batch, C, H, W); `step` is appended as _000. */
static void tango__tell_images(tango__net *net, const tango_plan *plan, const char *name,
    size_t step, const float *x, size_t batch, size_t channels)
{
    const size_t mark = net->arena->used, rows = plan->latent_rows * plan->latent_width;
    char full[32];
    size_t n = strlen(name), digits = 3, i;
    float *planes;
    tango_stage stage;
    if (plan->params.on_stage == NULL) return;
    planes = tango__floats(net, batch, rows, channels);
    memcpy(full, name, n + 1);
    if (step != SIZE_MAX) {
        for (i = step; i > 999; i /= 10) digits++;
        full[n] = '_';
        for (i = digits; i > 0; i--, step /= 10) full[n + i] = (char)('0' + step % 10);
        full[n + digits + 1] = 0;
    }
    if (!tango__idle(net)) tango__to_planes(planes, x, batch, rows, channels);
    stage =
        tango__stage_of(full, 4, batch, channels, plan->latent_rows, plan->latent_width);
    tango__tell_values(net, plan, planes, stage);
    tango_arena_release(net->arena, mark);
}

/* A prompt and its negative as ids, padded to one length. */
typedef struct tango__tokens {
    int32_t *ids;     /* (2, length): negative, prompt */
    size_t length, counts[2];
} tango__tokens;

/* Tokenises one text into row `row` of a (2, TANGO_TOKENS_MAX) array. */
static void tango__tokenise_row(tango__net *net, tango__tokens *tokens,
    const tango_tokenizer *tokenizer, size_t row, const char *text, int *cut)
{
    const size_t length = strlen(text), most = tango__tokens_most(&net->model->text);
    int was_cut = 0;
    if (net->result != TANGO_OK) return;
    tokens->counts[row] = tango__tokens_bound(tokenizer, text, length);
    if (tokens->counts[row] > most) tokens->counts[row] = most;
    net->result = tango_tokenize(tokenizer,
        tokens->ids == NULL ? NULL : tokens->ids + row * TANGO_TOKENS_MAX, most,
        &tokens->counts[row], &was_cut, text, length, net->arena, net->error);
    if (cut != NULL && was_cut) *cut = 1;
}

/* The table that tokenizer.type names: a blob may hold another beside it. */
static int tango__tokenizer_table(const tango_model *m, tango_io_value *table)
{
    tango__reader r;
    memset(&r, 0, sizeof r);
    r.blob = &m->blob;
    return tango__value(&r,
               tango__choice(&r, "tokenizer.type") ? "tokenizer.bpe" : "tokenizer.spiece",
               table)
           && table->type == TANGO_IO_BYTES;
}

static void tango__open_tokenizer(tango__net *net, tango_tokenizer *tokenizer)
{
    tango_io_value table;
    if (net->result != TANGO_OK) return;
    net->result = tango__tokenizer_table(net->model, &table)
                      ? tango_tokenizer_open(
                          tokenizer, table.data, table.count, net->arena, net->error)
                      : tango_io_fail(net->error, TANGO_ERROR_DATA,
                          "model: no table of its tokenizer in its metadata");
}

/* From two rows TANGO_TOKENS_MAX apart to (2, length): the second moves up behind the
   first, and the shorter one is padded. */
static void tango__pad_rows(tango__tokens *tokens, int32_t pad)
{
    size_t row, i;
    for (row = 0; row < 2; row++) {
        int32_t *ids = tokens->ids + row * tokens->length;
        memmove(ids, tokens->ids + row * TANGO_TOKENS_MAX,
            tokens->counts[row] * sizeof(int32_t));
        for (i = tokens->counts[row]; i < tokens->length; i++) ids[i] = pad;
    }
}

/* The negative prompt, which is empty without guidance, and the prompt become ids. What
   the tokenizer needs is released, the ids stay in the arena. */
static void tango__read_prompt(
    tango__net *net, const tango_plan *plan, tango__tokens *tokens)
{
    const tango_params *p = &plan->params;
    const char *negative = tango__guided(plan, net->model) ? p->negative : "";
    tango_tokenizer tokenizer;
    size_t mark;
    int ok = 1;
    memset(tokens, 0, sizeof *tokens);
    if (net->result != TANGO_OK) return;
    tokens->ids = (int32_t *)tango_arena_take(
        net->arena, 2 * TANGO_TOKENS_MAX, sizeof(int32_t), &ok);
    if (!ok)
        net->result =
            tango_io_fail(net->error, TANGO_ERROR_MEMORY, "memory: no room for tokens");
    mark = net->arena->used;
    tango__open_tokenizer(net, &tokenizer);
    if (net->result != TANGO_OK) return;
    if (p->prompt_cut != NULL && net->arena->base != NULL) *p->prompt_cut = 0;
    tango__tokenise_row(net, tokens, &tokenizer, 0, negative, p->prompt_cut);
    tango__tokenise_row(net, tokens, &tokenizer, 1, p->prompt, p->prompt_cut);
    tango_arena_release(net->arena, mark);
    tokens->length = tokens->counts[tokens->counts[0] > tokens->counts[1] ? 0 : 1];
    if (!tango__idle(net)) tango__pad_rows(tokens, (int32_t)net->model->text.pad);
}

/* Hands out ids, mask and states of one row. */
static void tango__tell_text(tango__net *net, const tango_plan *plan,
    const tango__tokens *tokens, size_t row, const float *states)
{
    static const char *const names[2][3] = {
        { "tokens_uncond", "mask_uncond", "text_uncond" }, { "tokens", "mask", "text" }
    };
    const int one = net->model->text.type == TANGO_TEXT_CLAP;
    const size_t mark = net->arena->used;
    tango_stage stage = tango__stage_of(names[row][0], 2, 1, tokens->length, 0, 0);
    int32_t *mask;
    size_t i;
    int ok = 1;
    if (plan->params.on_stage == NULL || net->result != TANGO_OK) return;
    mask = (int32_t *)tango_arena_take(net->arena, tokens->length, sizeof(int32_t), &ok);
    if (!ok)
        net->result =
            tango_io_fail(net->error, TANGO_ERROR_MEMORY, "memory: no room for a mask");
    if (!tango__idle(net)) {
        for (i = 0; i < tokens->length; i++) mask[i] = i < tokens->counts[row];
        stage.ids = tokens->ids + row * tokens->length;
        tango__tell(net, plan, &stage);
        stage.name = names[row][1];
        stage.ids = mask;
        tango__tell(net, plan, &stage);
        tango__tell_values(net, plan, states,
            one ? tango__stage_of(names[row][2], 3, 1, 1, net->model->text.projection, 0)
                : tango__stage_of(
                    names[row][2], 3, 1, tokens->length, net->model->text.width, 0));
    }
    tango_arena_release(net->arena, mark);
}

/* The prompt's states (context_batch, tokens, D), negative first when guidance is on. */
static void tango__encode_prompt(
    tango__net *net, const tango_plan *plan, tango__denoiser *d, size_t counts[2])
{
    const int guided = tango__guided(plan, net->model),
              one = net->model->text.type == TANGO_TEXT_CLAP; /* one state a text */
    const size_t first = guided ? 0 : 1,
                 width = one ? net->model->text.projection : net->model->text.width;
    tango__tokens tokens;
    size_t count;
    float *states;
    tango__read_prompt(net, plan, &tokens);
    count = one ? 1 : tokens.length;
    d->context_batch = 2 - first;
    d->tokens = tokens.length;
    d->repeat = plan->params.samples;
    counts[0] = tokens.counts[first];
    counts[1] = tokens.counts[1];
    d->counts = counts;
    states = tango__floats(net, d->context_batch, count, width);
    if (one) d->vectors = states;
    else d->context = states;
    tango__encode_text(net, states,
        tokens.ids == NULL ? NULL : tokens.ids + first * tokens.length, d->context_batch,
        tokens.length, counts);
    tango__tell_text(
        net, plan, &tokens, 1, tango__at(states, (1 - first) * count * width));
    if (guided) tango__tell_text(net, plan, &tokens, 0, states);
}

/* The random draws in order: what the caller gave while it lasts, then the generator. */
typedef struct tango__draws {
    tango_random *random; /* one, or of params.seeds one for each image */
    size_t done, images, rows, channels;
    float *planes; /* (images, channels, rows) */
} tango__draws;

/* Books the generators and seeds them. */
static void tango__draws_begin(
    tango__net *net, tango__draws *draws, const tango_params *p)
{
    const size_t count = p->seeds != NULL ? p->samples : 1;
    size_t i;
    int ok = 1;
    draws->random =
        (tango_random *)tango_arena_keep(net->arena, count, sizeof(tango_random), &ok);
    if (!ok && net->result == TANGO_OK)
        net->result = tango_io_fail(net->error, TANGO_ERROR_MEMORY,
            "memory: no room for %z random generators", count);
    if (tango__idle(net)) return;
    for (i = 0; i < count; i++)
        tango_random_seed(&draws->random[i], p->seeds != NULL ? p->seeds[i] : p->seed);
}

static void tango__draw(tango__draws *draws, float *out, const tango_params *p)
{
    const size_t total = draws->images * draws->rows * draws->channels,
                 alone = p->seeds != NULL ? total / draws->images : total;
    size_t i;
    if (draws->done < p->noise_draws && p->noise != NULL)
        memcpy(draws->planes, p->noise + draws->done * total, total * sizeof(float));
    else
        for (i = 0; i * alone < total; i++)
            tango_randn(&draws->random[i], draws->planes + i * alone, alone);
    tango__from_planes(out, draws->planes, draws->images, draws->rows, draws->channels);
    draws->done++;
}

/* Arrays of the sampling loop: z the latents, all (images, rows, channels). */
typedef struct tango__loop {
    tango_sampling sampling;
    tango__draws draws;
    float *z, *noise, *input,
        *output; /* input, output: (context_batch * images, rows, channels) */
    float *clean, *fresh; /* with init: that for every image, and the first draw */
    float *part, *said, *weight; /* with windows: input and output of one, sum of ramps */
    size_t total;
} tango__loop;

/* Standard deviation with n - 1 in the denominator, as torch.std; 0 for one number. */
static double tango__deviation(const float *x, size_t count)
{
    double mean = 0.0, square = 0.0;
    size_t i;
    if (count < 2) return 0.0;
    for (i = 0; i < count; i++) mean += (double)x[i];
    mean /= (double)count;
    for (i = 0; i < count; i++) {
        double d = (double)x[i] - mean;
        square += d * d;
    }
    return TANGO_SQRT(square / (double)(count - 1));
}

/* Classifier-free guidance of one image: out = u + g (c - u), where out holds u. Then,
   with rescale r > 0, out *= r std(c) / std(out) + 1 - r: guidance beyond 1 makes the
   output larger than any the model was trained on, and r takes that back.
         (Ho, Salimans 2022; Lin et al. 2024, section 3.4; diffusers rescale_noise_cfg) */
TANGO__HOT
static void tango__guide(
    float *out, const float *c, size_t count, double guidance, double rescale)
{
    const float g = (float)guidance;
    double deviation;
    float factor;
    size_t i;
    for (i = 0; i < count; i++) out[i] += g * (c[i] - out[i]);
    if (!(rescale > 0.0)) return;
    deviation = tango__deviation(out, count);
    if (!(deviation > 0.0)) return; /* all numbers are equal: there is no scale to mend */
    factor = (float)(rescale * (tango__deviation(c, count) / deviation) + 1.0 - rescale);
    for (i = 0; i < count; i++) out[i] *= factor;
}

/* Whether this step runs on both texts, and what becomes of the UNet's deep part. That of
   both halves is computed where the first one sets in. The passes that measure are the
   largest. */
static void tango__plan_step(
    const tango__net *net, const tango_plan *plan, tango__denoiser *d, size_t step)
{
    const tango_params *p = &plan->params;
    const int measured = net->arena->base == NULL,
              inside = measured || tango__in_window(plan, step),
              sets_in = inside && step > 0 && !tango__in_window(plan, step - 1);
    d->step = step;
    d->first_text = d->context_batch == 2 && !inside ? 1 : 0;
    d->deep = p->cache < 2 ? TANGO__DEEP_RUN
              : measured || step % p->cache == 0 || sets_in ? TANGO__DEEP_KEEP
                                                            : TANGO__DEEP_REUSE;
}

/* Row r of a window of so many rows counts so much: less towards its ends, as far as it
   overlaps. */
static float tango__ramp(size_t r, size_t rows)
{
    const size_t edge = r + 1 < rows - r ? r + 1 : rows - r, overlap = rows / 4;
    return edge < overlap ? (float)edge / (float)overlap : 1.0f;
}

/* sum (rows, one) += ramp * part, the `size` rows from `from` on; they go round. weight
   (rows) gathers the ramps. */
TANGO__HOT
static void tango__ramp_in(float *sum, float *weight, const float *part, size_t from,
    size_t size, size_t rows, size_t one)
{
    size_t r, i;
    for (r = 0; r < size; r++) {
        const size_t at = (from + r) % rows;
        const float ramp = tango__ramp(r, size);
        if (weight != NULL) weight[at] += ramp;
        for (i = 0; i < one; i++) sum[at * one + i] += ramp * part[r * one + i];
    }
}

/* part (size, one) = the rows of x (rows, one) from `from` on, which go round. */
static void tango__window_out(
    float *part, const float *x, size_t from, size_t size, size_t rows, size_t one)
{
    size_t r;
    for (r = 0; r < size; r++)
        memcpy(part + r * one, x + (from + r) % rows * one, one * sizeof(float));
}

/* output = what the UNet says of input (size.batch images), window by window. */
static void tango__unet_windows(tango__net *net, const tango_plan *plan,
    tango__denoiser *d, tango__loop *loop, tango__image size)
{
    const size_t rows = plan->latent_rows, high = plan->window_rows,
                 one = plan->latent_width * net->model->unet.in_channels;
    size_t i, b, r;
    if (plan->windows < 2) {
        tango__unet(net, loop->output, loop->input, size, d);
        return;
    }
    size.height = high;
    if (!tango__idle(net)) {
        memset(loop->output, 0, size.batch * rows * one * sizeof(float));
        memset(loop->weight, 0, rows * sizeof(float));
    }
    for (i = 0; i < plan->windows && i < net->passes && net->result == TANGO_OK; i++) {
        const size_t from = tango__window_from(plan, i);
        for (b = 0; !tango__idle(net) && b < size.batch; b++)
            tango__window_out(loop->part + b * high * one, loop->input + b * rows * one,
                from, high, rows, one);
        tango__unet(net, loop->said, loop->part, size, d);
        tango__loop_again(net); /* the next window finds what this one keeps */
        for (b = 0; !tango__idle(net) && b < size.batch; b++)
            tango__ramp_in(loop->output + b * rows * one, b == 0 ? loop->weight : NULL,
                loop->said + b * high * one, from, high, rows, one);
    }
    for (r = 0; !tango__idle(net) && r < size.batch * rows; r++)
        for (i = 0; i < one; i++) loop->output[r * one + i] /= loop->weight[r % rows];
}

/* One step: the UNet on [negative ; prompt] or on the prompt, guidance, the sampler. */
static void tango__denoise(tango__net *net, const tango_plan *plan, tango__denoiser *d,
    tango__loop *loop, size_t step)
{
    const tango_params *p = &plan->params;
    const tango_unet_config *c = &net->model->unet;
    const size_t count = loop->sampling.count;
    tango__image size;
    size_t i, texts;
    tango__plan_step(net, plan, d, step);
    texts = d->context_batch - d->first_text;
    d->equal = texts == 2 && c->class_width == 0; /* classes are added to the time */
    size.batch = texts * p->samples;
    size.height = plan->latent_rows;
    size.width = plan->latent_width;
    if (!tango__idle(net)) {
        tango_sampling_input(&loop->sampling, loop->input, loop->z);
        if (texts == 2)
            memcpy(loop->input + loop->total, loop->input, loop->total * sizeof(float));
    }
    tango__unet_windows(net, plan, d, loop, size);
    tango__tell_images(net, plan, "unet", step, loop->output, size.batch, c->in_channels);
    if (tango__idle(net)) return;
    for (i = 0; texts == 2 && i < p->samples; i++)
        tango__guide(loop->output + i * count, loop->output + loop->total + i * count,
            count, p->guidance, p->rescale);
    if (tango_sampling_draws(&loop->sampling)) tango__draw(&loop->draws, loop->noise, p);
    tango_sampling_step(&loop->sampling, loop->z, loop->output, loop->noise);
}

/* Given noise is that of the start, or of every draw: no draw is passed over. */
static void tango__check_draws(
    tango__net *net, const tango_params *p, const tango_sampling *sampling)
{
    size_t all;
    if (net->result != TANGO_OK || p->noise == NULL || p->noise_draws == 1) return;
    all = 1 + tango__draw_count(sampling);
    if (p->noise_draws != all)
        net->result = tango_io_fail(net->error, TANGO_ERROR_ARGUMENT,
            "noise: %z draws, expected 1 or %z", p->noise_draws, all);
}

/* What the sampler is asked for; each sound has `count` numbers. */
static tango_sampling_params tango__request(const tango_plan *plan, size_t count)
{
    const tango_params *p = &plan->params;
    tango_sampling_params request;
    memset(&request, 0, sizeof request);
    request.sampler = p->sampler;
    request.steps = p->steps;
    request.eta = p->eta > 0.0 ? p->eta : 0.0;
    request.final_sigma = p->final_sigma;
    request.sigmas = p->sigmas;
    request.strength = p->strength;
    request.images = p->samples;
    request.count = count;
    return request;
}

/* z = the noise of the start, or init as noisy as the first step expects. */
static void tango__start_from(const tango_plan *plan, tango__loop *loop)
{
    const tango_params *p = &plan->params;
    const size_t width = plan->latent_width, channels = loop->draws.channels,
                 rows = p->init_rows, count = loop->sampling.count;
    size_t i, r, k;
    for (i = 0; p->init == NULL && i < loop->total; i++)
        loop->z[i] *= (float)loop->sampling.initial_scale;
    if (p->init == NULL) return;
    memset(loop->clean, 0, loop->total * sizeof(float));
    for (r = 0; r < rows && r < plan->latent_rows; r++)
        for (k = 0; k < width * channels; k++)
            loop->clean[r * width * channels + k] =
                p->init[(k % channels * rows + r) * width + k / channels];
    for (i = 1; i < p->samples; i++)
        memcpy(loop->clean + i * count, loop->clean, count * sizeof(float));
    memcpy(loop->fresh, loop->z, loop->total * sizeof(float));
    if (p->strength < 1.0 || !tango__keeps(p, plan->latent_rows))
        tango_sampling_noise(&loop->sampling, loop->z, loop->clean, loop->fresh);
    else
        for (i = 0; i < loop->total; i++)
            loop->z[i] *= (float)loop->sampling.initial_scale;
}

/* What is not filled becomes that of init again, as noisy as the next step expects. */
static void tango__keep_init(
    const tango__net *net, const tango_plan *plan, tango__loop *loop)
{
    const size_t one = plan->latent_width * loop->draws.channels;
    size_t i, r;
    if (tango__idle(net) || !tango__keeps(&plan->params, plan->latent_rows)) return;
    tango_sampling_noise(&loop->sampling, loop->input, loop->clean, loop->fresh);
    for (r = 0; r < plan->latent_rows; r++) {
        if (tango__fills(plan, net->model, r)) continue;
        for (i = 0; i < plan->params.samples; i++) {
            const size_t at = i * loop->sampling.count + r * one;
            memcpy(loop->z + at, loop->input + at, one * sizeof(float));
        }
    }
}

/* Books what windows need. */
static void tango__loop_windows(
    tango__net *net, const tango_plan *plan, const tango__denoiser *d, tango__loop *loop)
{
    const size_t images = d->context_batch * plan->params.samples,
                 one = plan->latent_width * net->model->unet.in_channels;
    if (plan->windows < 2) return;
    loop->part = tango__floats(net, images, plan->window_rows, one);
    loop->said = tango__floats(net, images, plan->window_rows, one);
    loop->weight = tango__floats(net, plan->latent_rows, 1, 1);
}

/* Books the loop's arrays and draws the first latent. */
static void tango__loop_start(
    tango__net *net, const tango_plan *plan, tango__denoiser *d, tango__loop *loop)
{
    const tango_params *p = &plan->params;
    const tango_unet_config *c = &net->model->unet;
    const size_t rows = plan->latent_rows * plan->latent_width;
    const tango_sampling_params request = tango__request(plan, rows * c->in_channels);
    loop->draws.images = p->samples;
    loop->draws.rows = rows;
    loop->draws.channels = c->in_channels;
    loop->total = p->samples * rows * c->in_channels;
    if (net->result == TANGO_OK)
        net->result = tango_sampling_begin(&loop->sampling, &net->model->schedule,
            &request, net->arena, net->error);
    tango__check_draws(net, p, &loop->sampling);
    loop->z = tango__floats(net, p->samples, rows, c->in_channels);
    loop->noise = tango__floats(net, p->samples, rows, c->in_channels);
    if (p->init != NULL)
        loop->clean = tango__floats(net, p->samples, rows, c->in_channels);
    if (p->init != NULL)
        loop->fresh = tango__floats(net, p->samples, rows, c->in_channels);
    loop->draws.planes = tango__floats(net, p->samples, rows, c->in_channels);
    loop->input = tango__floats(net, d->context_batch * p->samples, rows, c->in_channels);
    loop->output =
        tango__floats(net, d->context_batch * p->samples, rows, c->in_channels);
    d->timesteps = tango__at(loop->sampling.timesteps, loop->sampling.first);
    d->steps = plan->calls;
    d->guidance = p->guidance;
    tango__loop_windows(net, plan, d, loop);
    tango__draws_begin(net, &loop->draws, p);
    if (!tango__idle(net)) tango__draw(&loop->draws, loop->z, p);
    tango__tell_images(net, plan, "noise", SIZE_MAX, loop->z, p->samples, c->in_channels);
    tango__tell_values(net, plan, d->timesteps,
        tango__stage_of("timesteps", 1, plan->calls, 0, 0, 0));
    if (!tango__by_index(p->sampler))
        tango__tell_values(net, plan,
            tango__at(loop->sampling.sigmas, loop->sampling.first),
            tango__stage_of("sigmas", 1, plan->calls + 1, 0, 0, 0));
    if (!tango__idle(net)) tango__start_from(plan, loop);
}

/* out (samples, rows, 8) from the UNet's channels; SD-2.1 variants come back through
   group_out. */
static void tango__leave_unet(tango__net *net, float *out, const float *z, size_t rows)
{
    const tango_unet_config *c = &net->model->unet;
    const size_t mark = net->arena->used;
    size_t name;
    if (c->adapters) {
        const size_t width = TANGO__ADAPTER_WIDTH;
        float *hidden = tango__floats(net, rows, width, 1);
        name = tango__enter_one(net, "group_out");
        tango__linear(net, hidden, z, rows, "0", width, c->out_channels, tango__plain());
        tango__linear(net, out, hidden, rows, "1", TANGO__ADAPTER_CHANNELS, width,
            tango__plain());
        tango__leave(net, name);
    } else if (!tango__idle(net)) {
        memcpy(out, z, rows * c->out_channels * sizeof(float));
    }
    tango_arena_release(net->arena, mark);
}

/* A sample that left all bounds comes back to what the decoder knows.
                                                    (AudioLDM, LatentDiffusion.sample) */
static void tango__clip_latent(tango__net *net, float *latent, size_t count)
{
    size_t i;
    int beyond = 0;
    if (tango__idle(net) || !net->model->vae.clip_latent) return;
    for (i = 0; i < count; i++) beyond |= latent[i] > 100.0f || latent[i] < -100.0f;
    for (i = 0; beyond && i < count; i++) latent[i] = tango__clamp(latent[i], 10.0f);
}

/* Says that a part has done its work. */
static void tango__done(const tango__net *net, const tango_plan *plan, unsigned part)
{
    if (plan->params.on_done == NULL || tango__idle(net)) return;
    plan->params.on_done(plan->params.user, part);
}

/* latent (samples, rows, 8) = the whole diffusion from prompt and seed. */
static void tango__diffuse(tango__net *net, const tango_plan *plan, float *latent)
{
    const tango_params *p = &plan->params;
    const size_t mark = net->arena->used, kept = net->arena->kept,
                 rows = p->samples * plan->latent_rows * plan->latent_width;
    tango__denoiser d;
    tango__loop loop;
    size_t counts[2], step;
    memset(&d, 0, sizeof d);
    memset(&loop, 0, sizeof loop);
    tango__encode_prompt(net, plan, &d, counts);
    tango__done(net, plan, TANGO_PART_TEXT);
    tango__lap_part(net, TANGO_PART_UNET);
    tango__loop_start(net, plan, &d, &loop);
    tango__loop_begin(net);
    for (step = 0; step < plan->calls && step < net->passes && net->result == TANGO_OK;
        step++, tango__loop_again(net)) {
        if (!tango__idle(net) && p->on_step != NULL
            && p->on_step(p->user, step, plan->calls)) {
            net->result = tango_io_fail(net->error, TANGO_ERROR_CANCELLED,
                "stopped before step %z of %z", step + 1, plan->calls);
            break;
        }
        tango__denoise(net, plan, &d, &loop, step);
        tango__keep_init(net, plan, &loop);
        tango__finite(net, loop.z, loop.total, "latent", step);
        tango__tell_images(
            net, plan, "latent", step, loop.z, p->samples, net->model->unet.out_channels);
    }
    if (!tango__idle(net) && p->on_step != NULL
        && p->on_step(p->user, plan->calls, plan->calls))
        net->result = tango_io_fail(
            net->error, TANGO_ERROR_CANCELLED, "stopped after the last step");
    tango__leave_unet(net, latent, loop.z, rows);
    tango__done(net, plan, TANGO_PART_UNET);
    tango__clip_latent(net, latent, rows * net->model->vae.embedding);
    tango_arena_release(net->arena, mark);
    net->arena->kept = kept;
}

/* The front end that made the model's mels. */
static tango_audio_parameters tango__front_of(const tango_model *m)
{
    tango_audio_parameters front;
    memset(&front, 0, sizeof front);
    front.rate = m->rate;
    front.fft = m->fft;
    front.hop = m->hop;
    front.window = m->window;
    front.mels = m->mels;
    front.fmin = m->mel_low;
    front.fmax = m->mel_high;
    return front;
}

/* Griffin-Lim's share of its work becomes operations for on_layer. */
typedef struct tango__rounds {
    tango__net *net;
    double operations;
} tango__rounds;

static int tango__on_share(void *user, double share)
{
    const tango__rounds *r = (const tango__rounds *)user;
    const tango__net *net = r->net;
    return net->on_layer != NULL
           && net->on_layer(net->user, 1u << net->part,
               net->operations + share * r->operations);
}

/* By their formulas: in each round and frame a transform to and fro of 5/2 n log2 n. */
static double tango__griffin_operations(const tango_model *m, size_t frames)
{
    const size_t transforms = frames * (2 * TANGO__ROUNDS + 1);
    size_t bits = 0, i;
    for (i = m->fft; i > 1; i /= 2) bits++;
    return 2.5 * (double)transforms * (double)m->fft * (double)bits;
}

/* wave (160 T) = Griffin-Lim of mel (T, F), whose last frame stands twice: so the wave
   reaches to its end. Phases come from the seed, as the reference draws them: torch.rand
   of (bins, T); those of the last frame stand twice too. */
static void tango__griffin_lim(
    tango__net *net, float *wave, const float *mel, size_t T, uint64_t seed)
{
    const tango_model *m = net->model;
    const size_t mark = net->arena->used, bins = m->fft / 2 + 1;
    const tango_audio_parameters front = tango__front_of(m);
    float *uniform = tango__floats(net, bins, T + 1, 1),
          *longer = tango__floats(net, T + 1, m->mels, 1);
    tango_audio_progress progress;
    tango__rounds rounds;
    tango_random random;
    size_t size, k;
    void *work;
    int ok = 1;
    if (net->result != TANGO_OK) return;
    rounds.net = net;
    rounds.operations = tango__griffin_operations(m, T + 1);
    progress.on_share = tango__on_share;
    progress.user = &rounds;
    size = tango_audio_vocode_work_size(T + 1, &front);
    work = tango_arena_take(net->arena, size, 1, &ok);
    if (!ok || size == 0)
        net->result = tango_io_fail(net->error, TANGO_ERROR_MEMORY,
            "memory: no room for griffin-lim of %z frames", T);
    if (!tango__idle(net)) {
        tango_random_seed(&random, seed);
        tango_rand(&random, uniform, bins * T);
        for (k = bins; k-- > 0;) {
            memmove(uniform + k * (T + 1), uniform + k * T, T * sizeof(float));
            uniform[k * (T + 1) + T] = uniform[k * (T + 1) + T - 1];
        }
        memcpy(longer, mel, T * m->mels * sizeof(float));
        memcpy(longer + T * m->mels, mel + (T - 1) * m->mels, m->mels * sizeof(float));
        tango__lap(net, TANGO_LAYER_OTHER, 0.0);
        net->result = tango_audio_vocode(wave, longer, T + 1, &front, TANGO__ROUNDS,
            uniform, &progress, work, size, net->error);
        tango__lap(net, TANGO_LAYER_TRANSFORM, rounds.operations);
    }
    tango_arena_release(net->arena, mark);
}

/* Moves all sounds up or down together, so that the highest and the lowest of all their
   samples become equally far from 0; these were found before the crop.
                                                          (ConsistencyTTA, decode) */
static void tango__centre(float *wave, size_t count, float lowest, float highest)
{
    const float middle = 0.5f * (highest + lowest);
    size_t i;
    for (i = 0; i < count; i++) wave[i] -= middle;
}

/* A wave without sound means that something upstream is broken. */
static void tango__audible(tango__net *net, const float *wave, size_t samples)
{
    size_t i;
    if (tango__idle(net)) return;
    for (i = 0; i < samples; i++)
        if (wave[i] >= 1.0f / 32768.0f || wave[i] <= -1.0f / 32768.0f) return;
    net->result = tango_io_fail(net->error, TANGO_ERROR_NUMBER,
        "wave: silent, all %z samples are below 1/32768", samples);
}

/* mel (T, F) of one latent, in windows that blend. */
static void tango__decode_windows(
    tango__net *net, const tango_plan *plan, float *mel, const float *latent)
{
    const tango_model *m = net->model;
    const size_t mark = net->arena->used, factor = plan->frames / plan->latent_rows,
                 high = plan->window_rows, one = plan->latent_width * m->vae.embedding;
    tango__image size;
    float *part, *said, *weight;
    size_t i, t;
    size.batch = 1;
    size.height = high;
    size.width = plan->latent_width;
    if (plan->windows < 2) {
        tango__decode(net, mel, latent, size);
        return;
    }
    part = tango__floats(net, high, one, 1);
    said = tango__floats(net, high * factor, m->mels, 1);
    weight = tango__floats(net, plan->frames, 1, 1);
    if (!tango__idle(net)) {
        memset(mel, 0, plan->frames * m->mels * sizeof(float));
        memset(weight, 0, plan->frames * sizeof(float));
    }
    for (i = 0; i < plan->windows && i < net->passes && net->result == TANGO_OK; i++) {
        const size_t from = tango__window_from(plan, i);
        if (!tango__idle(net))
            tango__window_out(part, latent, from, high, plan->latent_rows, one);
        tango__decode(net, said, part, size);
        if (!tango__idle(net))
            tango__ramp_in(mel, weight, said, from * factor, high * factor, plan->frames,
                m->mels);
    }
    for (t = 0; !tango__idle(net) && t < plan->frames; t++)
        for (i = 0; i < m->mels; i++) mel[t * m->mels + i] /= weight[t];
    tango_arena_release(net->arena, mark);
}

/* mel (samples, T, F) of latents (samples, rows, C), all images one after the other. */
static void tango__decode_all(
    tango__net *net, const tango_plan *plan, float *mel, float *latent)
{
    const tango_model *m = net->model;
    const tango_params *p = &plan->params;
    const size_t count = plan->latent_rows * plan->latent_width * m->vae.embedding;
    const size_t mels = plan->frames * m->mels;
    size_t i;
    tango__finite(net, latent, p->samples * count, "latent", SIZE_MAX);
    tango__tell_images(
        net, plan, "latent", SIZE_MAX, latent, p->samples, m->vae.embedding);
    for (i = 0; !tango__idle(net) && i < p->samples * count; i++)
        latent[i] = (float)((double)latent[i] / m->vae.scale);
    tango__tell_images(
        net, plan, "latent_scaled", SIZE_MAX, latent, p->samples, m->vae.embedding);
    for (i = 0; i < p->samples && i < net->passes; i++)
        tango__decode_windows(
            net, plan, tango__at(mel, i * mels), tango__at(latent, i * count));
}

/* What stands between a mel (samples, T, F) and the vocoder. */
static void tango__finish_mel(tango__net *net, const tango_plan *plan, float *mel)
{
    const tango_params *p = &plan->params;
    const size_t count = p->samples * plan->frames * net->model->mels;
    size_t i;
    tango__finite(net, mel, count, "mel", SIZE_MAX);
    tango__tell_values(net, plan, mel,
        tango__stage_of("mel", 4, p->samples, 1, plan->frames, net->model->mels));
    for (i = 0; !tango__idle(net) && p->denormalize && i < count; i++)
        mel[i] = mel[i] * p->denormalize_std + p->denormalize_mean;
}

/* A loop's mel goes on at both ends by so many frames, more than HiFi-GAN sees. */
enum { TANGO__AROUND = 64 };

/* The end of a loop leads into its beginning: made (whole + 2 `around` samples) becomes
   its middle. What Griffin-Lim makes has other phases each time round: there what follows
   the end fades into the beginning, with constant power. */
static void tango__close_loop(float *made, size_t whole, size_t around, int fades)
{
    size_t n, count = around < whole ? around : whole;
    for (n = 0; fades && n < count; n++) {
        const double angle = 1.57079632679489662 * (double)n / (double)count;
        made[around + n] = (float)(TANGO_SIN(angle) * (double)made[around + n]
                                   + TANGO_COS(angle) * (double)made[around + whole + n]);
    }
    memmove(made, made + around, whole * sizeof(float));
}

/* Samples that the vocoder makes of one sound. */
static size_t tango__made_count(const tango_plan *plan, const tango_model *m)
{
    const size_t frames = plan->frames + 2 * TANGO__AROUND;
    if (!plan->params.loop) return plan->whole;
    return plan->params.vocoder == TANGO_HIFIGAN
               ? tango__wave_length(&m->vocoder, frames)
               : frames * m->hop;
}

/* wave (made_count, then plan->whole) of one mel (T, F). */
static void tango__sound_one(tango__net *net, const tango_plan *plan, float *wave,
    const float *mel, const tango__listener *listener)
{
    const tango_params *p = &plan->params;
    const size_t around = p->loop ? TANGO__AROUND : 0, mels = net->model->mels,
                 frames = plan->frames + 2 * around, mark = net->arena->used;
    float *longer = around > 0 ? tango__floats(net, frames, mels, 1) : NULL;
    if (longer != NULL) {
        const size_t ahead = plan->frames - around % plan->frames;
        tango__window_out(longer, mel, ahead, frames, plan->frames, mels);
        mel = longer;
    }
    if (p->vocoder == TANGO_HIFIGAN)
        tango__hifigan(net, wave, mel, frames, TANGO__TILE_FIRST, TANGO__TILE,
            around > 0 ? NULL : listener);
    else
        tango__griffin_lim(net, wave, mel, frames,
            p->seeds != NULL ? p->seeds[listener->sound] : p->seed);
    if (around > 0 && !tango__idle(net))
        tango__close_loop(wave, plan->whole, around * net->model->hop,
            p->vocoder == TANGO_GRIFFIN_LIM);
    tango_arena_release(net->arena, mark);
}

/* wave (samples, plan->samples) of mels (samples, T, F), one after the other. */
static void tango__sound_all(
    tango__net *net, const tango_plan *plan, float *wave, const float *mel)
{
    const tango_params *p = &plan->params;
    const size_t mark = net->arena->used, kept = plan->samples,
                 made_count = tango__made_count(plan, net->model);
    float *whole = kept < made_count ? tango__floats(net, made_count, 1, 1) : NULL,
          lowest = 0.0f, highest = 0.0f;
    tango__listener listener;
    tango__span all = { 0, 0 };
    size_t i, k;
    listener.params = p;
    listener.kept = kept;
    for (i = 0; i < p->samples && i < net->passes; i++) {
        float *to = tango__at(wave, i * kept), *made = whole != NULL ? whole : to;
        const float *from = mel;
        if (from != NULL) from += i * plan->frames * net->model->mels;
        listener.sound = i;
        tango__sound_one(net, plan, made, from, &listener);
        tango__finite(net, made, plan->whole, "wave", SIZE_MAX);
        all.to = plan->whole;
        if (p->vocoder == TANGO_GRIFFIN_LIM || p->loop)
            tango__tell_audio(net, &listener, made, all);
        tango__audible(net, made, kept);
        if (tango__idle(net)) continue;
        if (i == 0) lowest = highest = made[0];
        for (k = 0; k < plan->whole; k++) {
            lowest = made[k] < lowest ? made[k] : lowest;
            highest = made[k] > highest ? made[k] : highest;
        }
        if (made != to) memcpy(to, made, kept * sizeof(float));
    }
    if (!tango__idle(net) && net->model->centre_wave)
        tango__centre(wave, p->samples * kept, lowest, highest);
    tango_arena_release(net->arena, mark);
}

/* The whole of it; with an arena that only measures, wave is not touched. */
static void tango__pipeline(tango__net *net, const tango_plan *plan, float *wave)
{
    const tango_model *m = net->model;
    const tango_params *p = &plan->params;
    const size_t rows = plan->latent_rows * plan->latent_width;
    float *latent = tango__floats(net, p->samples, rows, m->vae.embedding);
    float *mel = tango__floats(net, p->samples, plan->frames, m->mels);
    if (p->latent == NULL && p->mel == NULL) tango__diffuse(net, plan, latent);
    else if (p->mel == NULL && !tango__idle(net))
        tango__from_planes(latent, p->latent, p->samples, rows, m->vae.embedding);
    tango__lap_part(net, TANGO_PART_VAE);
    if (p->mel == NULL) {
        tango__decode_all(net, plan, mel, latent);
        tango__done(net, plan, TANGO_PART_VAE);
    } else if (!tango__idle(net))
        memcpy(mel, p->mel, p->samples * plan->frames * m->mels * sizeof(float));
    tango__lap_part(net, TANGO_PART_VOCODER);
    tango__finish_mel(net, plan, mel);
    tango__sound_all(net, plan, wave, mel);
    tango__done(net, plan, TANGO_PART_VOCODER);
    tango__tell_values(
        net, plan, wave, tango__stage_of("wave", 2, p->samples, plan->samples, 0, 0));
    tango__lap(net, TANGO_LAYER_OTHER, 0.0);
}

/* Sets up a network over an arena, measured or real; p says who computes. */
static void tango__net_begin(tango__net *net, const tango_model *model,
    const tango_params *p, tango_arena *arena, tango_error *error)
{
    int ok = 1;
    memset(net, 0, sizeof *net);
    net->model = model;
    net->arena = arena;
    net->error = error;
    net->passes = arena->base == NULL ? 2 : SIZE_MAX;
    net->nn.kernels = p->kernels != NULL ? p->kernels : tango_nn_detect();
    net->nn.parallel_for = p->parallel_for;
    net->nn.pool = p->pool;
    net->nn.threads = p->parallel_for != NULL && p->threads > 1 ? p->threads : 1;
    net->nn.work_size = tango_nn_work_size(net->nn.threads);
    net->nn.work = tango_arena_keep(arena, net->nn.work_size, 1, &ok);
    net->profile = p->profile;
    net->nn.observe = p->observe;
    net->nn.observer = p->user;
    net->on_layer = p->on_layer;
    net->user = p->user;
    if (p->profile != NULL && arena->base != NULL)
        net->lap = p->profile->seconds(p->profile->user);
    if (!ok)
        net->result = tango_io_fail(error, TANGO_ERROR_MEMORY,
            "memory: no room for the work of %z threads", net->nn.threads);
}

/* Parameters that say who computes and nothing else. */
static tango_params tango__workers(const tango_nn_kernels *kernels,
    void (*parallel_for)(void *pool, size_t count, tango_nn_task *task, void *data),
    void *pool, size_t threads)
{
    tango_params p;
    memset(&p, 0, sizeof p);
    p.kernels = kernels;
    p.parallel_for = parallel_for;
    p.pool = pool;
    p.threads = threads;
    return p;
}

/* Runs the pipeline in an arena, measured or real. */
static tango_result tango__run(const tango_plan *plan, const tango_model *model,
    tango_arena *arena, float *wave, tango_error *error)
{
    tango__net net;
    tango__net_begin(&net, model, &plan->params, arena, error);
    tango__pipeline(&net, plan, wave);
    return net.result;
}

/* Both towers of the ranking part (room 15). */
static void tango__rank_probe(tango__net *net);

static tango_result tango__probe(const tango_model *model, tango_error *error)
{
    const size_t most = tango__tokens_most(&model->text);
    const size_t counts[1] = { most == 0 ? 1 : most < 8 ? most : 8 };
    const float times[2] = { 0.0f, 0.0f };
    tango_params p;
    tango_arena arena;
    tango__net net;
    tango__denoiser d;
    tango__image size = { 1, 16, 16 };
    memset(&p, 0, sizeof p);
    memset(&arena, 0, sizeof arena);
    memset(&d, 0, sizeof d);
    d.context_batch = d.repeat = d.steps = 1;
    d.tokens = counts[0];
    d.counts = counts;
    d.timesteps = times;
    tango__net_begin(&net, model, &p, &arena, error);
    if (model->parts & TANGO_PART_TEXT)
        tango__encode_text(&net, NULL, NULL, 1, d.tokens, counts);
    if (model->parts & TANGO_PART_UNET) {
        tango__loop_begin(&net);
        tango__unet(&net, NULL, NULL, size, &d);
        tango__leave_unet(&net, NULL, NULL, tango__rows(size));
    }
    if (model->parts & TANGO_PART_VAE) {
        size.width = model->mels >> (model->vae.levels - 1);
        tango__decode(&net, NULL, NULL, size);
    }
    if (model->parts & TANGO_PART_VOCODER)
        tango__hifigan(&net, NULL, NULL, 64, TANGO__TILE_FIRST, TANGO__TILE, NULL);
    if (model->parts & TANGO_PART_RANK) tango__rank_probe(&net);
    return net.result;
}

static tango_result tango__plan(tango_plan *plan, const tango_model *model,
    const tango_params *params, tango_error *error)
{
    tango_result result;
    memset(plan, 0, sizeof *plan);
    plan->params = *params;
    tango__fill_in(&plan->params, model);
    result = tango__check(&plan->params, model, error);
    if (result == TANGO_OK) result = tango__check_sampler(&plan->params, model, error);
    if (result == TANGO_OK)
        result = tango_check_parts(model, tango__needed(&plan->params), error);
    return result == TANGO_OK ? tango__sizes(plan, model, error) : result;
}

TANGO_API size_t tango_tokens_most(const tango_model *model)
{
    return tango__tokens_most(&model->text);
}

TANGO_API tango_result tango_prepare(tango_plan *plan, const tango_model *model,
    const tango_params *params, tango_error *error)
{
    tango_arena arena;
    tango_result result = tango__plan(plan, model, params, error);
    memset(&arena, 0, sizeof arena);
    if (result == TANGO_OK) result = tango__run(plan, model, &arena, NULL, error);
    plan->memory = arena.peak + TANGO__ALIGN;
    return result;
}

TANGO_API tango_result tango_generate(float *wave, const tango_model *model,
    const tango_params *params, void *memory, size_t size, tango_error *error)
{
    tango_plan plan;
    tango_arena arena;
    tango_result result = tango_prepare(&plan, model, params, error);
    if (result != TANGO_OK) return result;
    if (size < plan.memory || memory == NULL)
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
            "memory: %z bytes given, %z needed", size, plan.memory);
    tango__arena_over(&arena, memory, size);
    result = tango__run(&plan, model, &arena, wave, error);
    tango__arena_close(&arena);
    return result;
}

TANGO_API size_t tango_model_size(void) { return sizeof(tango_model); }

TANGO_API size_t tango_params_size(void) { return sizeof(tango_params); }

TANGO_API size_t tango_plan_size(void) { return sizeof(tango_plan); }

TANGO_API size_t tango_model_rate(const tango_model *model) { return model->rate; }

/* ==== 12 >>encode ==== From a log-mel to its latent ========================= */

/* moments (H*W, 2 C) of one mel in windows of `window` latent rows, three quarters of a
   window apart; the last one ends with the mel. */
static void tango__encode_windows(tango__net *net, float *out, const float *mel,
    size_t height, size_t window, size_t width, size_t row_size)
{
    const size_t factor = (size_t)1 << (net->model->vae.levels - 1),
                 mark = net->arena->used;
    const size_t overlap = window / 4, stride = window - overlap;
    float *part = tango__floats(net, window, row_size, 1);
    float *weight = tango__floats(net, height, 1, 1);
    tango__image size;
    size_t first = 0, i, last = 0, pass;
    size.batch = 1;
    size.height = window * factor;
    size.width = width * factor;
    if (!tango__idle(net)) {
        memset(out, 0, height * row_size * sizeof(float));
        memset(weight, 0, height * sizeof(float));
    }
    for (pass = 0; !last && pass < net->passes && net->result == TANGO_OK;
        pass++, first += stride) {
        last = first + window >= height;
        if (last) first = height - window;
        tango__encode_mel(net, part,
            net->arena->base == NULL ? NULL : mel + first * factor * size.width, size);
        if (!tango__idle(net))
            tango__ramp_in(out, weight, part, first, window, height, row_size);
    }
    for (i = 0; !tango__idle(net) && i < height * row_size; i++)
        out[i] /= weight[i / row_size];
    tango_arena_release(net->arena, mark);
}

/* Where the results go; any may be NULL. */
typedef struct tango__posterior { float *latent, *mean, *logvar; } tango__posterior;

/* One item's moments (H*W, 2 C) into (C, H, W) planes; latent holds the noise, if any. */
static void tango__split_moments(const tango__posterior *to, const float *moments,
    size_t rows, size_t channels, double scale, int sample)
{
    size_t r, c;
    for (r = 0; r < rows; r++)
        for (c = 0; c < channels; c++) {
            const float mean = moments[r * 2 * channels + c];
            float logvar = moments[r * 2 * channels + channels + c], value = mean;
            logvar = logvar < -30.0f ? -30.0f : logvar > 20.0f ? 20.0f : logvar;
            if (to->mean != NULL) to->mean[c * rows + r] = mean;
            if (to->logvar != NULL) to->logvar[c * rows + r] = logvar;
            if (to->latent == NULL) continue;
            if (sample) value += TANGO_EXPF(0.5f * logvar) * to->latent[c * rows + r];
            to->latent[c * rows + r] = (float)(scale * (double)value);
        }
}

static void tango__encode_all(tango__net *net, const tango__posterior *to,
    const float *mel, const tango_encoding *e)
{
    const tango_vae_config *c = &net->model->vae;
    const size_t factor = (size_t)1 << (c->levels - 1), width = net->model->mels / factor;
    const size_t height = e->frames / factor, rows = height * width,
                 count = rows * c->embedding;
    const size_t window =
        e->window == 0 || e->window >= e->frames ? height : e->window / factor;
    float *moments = tango__floats(net, rows, 2, c->embedding);
    size_t b;
    for (b = 0; b < e->batch && b < net->passes && net->result == TANGO_OK; b++) {
        tango__posterior item = *to;
        const float *from = mel == NULL ? NULL : mel + b * e->frames * net->model->mels;
        tango__encode_windows(
            net, moments, from, height, window, width, width * 2 * c->embedding);
        tango__finite(net, moments, rows * 2 * c->embedding, "encoder", SIZE_MAX);
        item.latent = tango__at(to->latent, b * count);
        item.mean = tango__at(to->mean, b * count);
        item.logvar = tango__at(to->logvar, b * count);
        if (!tango__idle(net))
            tango__split_moments(&item, moments, rows, c->embedding, c->scale, e->sample);
    }
}

/* Measures (arena without a base) or encodes. */
static tango_result tango__encode_run(const tango__posterior *to, const float *mel,
    const tango_model *model, const tango_encoding *e, tango_arena *arena,
    tango_error *error)
{
    const size_t factor =
        (size_t)1 << (model->vae.levels != 0 ? model->vae.levels - 1 : 0);
    size_t numbers;
    tango_params params;
    tango__net net;
    tango_result result = tango_check_parts(model, TANGO_PART_VAE, error);
    if (result != TANGO_OK) return result;
    if (e->batch == 0 || e->frames == 0 || e->frames % factor != 0
        || e->window % factor != 0 || (e->window != 0 && e->window < 8 * factor))
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "encode: %z frames, windows of %z; expected multiples of %z, windows of 0 or "
            "at least %z",
            e->frames, e->window, factor, 8 * factor);
    if (!tango_mul_ok(e->frames, e->batch, &numbers)
        || !tango_mul_ok(numbers, model->mels, &numbers)
        || !tango_mul_ok(numbers, sizeof(float), &numbers))
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
            "encode: no room for %z mels of %z frames", e->batch, e->frames);
    params = tango__workers(e->kernels, e->parallel_for, e->pool, e->threads);
    params.profile = e->profile;
    params.on_layer = e->on_layer;
    params.user = e->user;
    tango__net_begin(&net, model, &params, arena, error);
    tango__lap_part(&net, TANGO_PART_VAE);
    tango__encode_all(&net, to, mel, e);
    tango__lap(&net, TANGO_LAYER_OTHER, 0.0);
    return net.result;
}

TANGO_API tango_result tango_encode_memory(size_t *size, const tango_model *model,
    const tango_encoding *encoding, tango_error *error)
{
    tango__posterior nowhere = { NULL, NULL, NULL };
    tango_arena arena;
    tango_result result;
    memset(&arena, 0, sizeof arena);
    result = tango__encode_run(&nowhere, NULL, model, encoding, &arena, error);
    if (result == TANGO_OK) *size = arena.peak + TANGO__ALIGN;
    return result;
}

TANGO_API tango_result tango_encode(float *latent, float *mean, float *logvar,
    const float *mel, const tango_model *model, const tango_encoding *encoding,
    void *memory, size_t size, tango_error *error)
{
    tango__posterior to;
    tango_random random;
    tango_arena arena;
    size_t needed = 0;
    tango_result result = tango_encode_memory(&needed, model, encoding, error);
    if (result != TANGO_OK) return result;
    if (memory == NULL || size < needed)
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
            "memory: %z bytes given, %z needed", size, needed);
    to.latent = latent;
    to.mean = mean;
    to.logvar = logvar;
    if (encoding->sample && latent != NULL) { /* the noise waits where the latent goes */
        size_t factor = (size_t)1 << (model->vae.levels - 1);
        tango_random_seed(&random, encoding->seed);
        tango_randn(&random, latent, encoding->batch * (encoding->frames / factor)
            * (model->mels / factor) * model->vae.embedding);
    }
    tango__arena_over(&arena, memory, size);
    result = tango__encode_run(&to, mel, model, encoding, &arena, error);
    tango__arena_close(&arena);
    return result;
}

/* What stands in front of the encoder; NULL pointers where memory is only measured. */
typedef struct tango__sound_room {
    float *samples, *mel;
    void *front, *work, *encoder;
    size_t front_size, encoder_size;
} tango__sound_room;

static tango_result tango__sound_take(tango__sound_room *room, tango_arena *arena,
    const tango_model *m, const tango_encoding *e, tango_error *error)
{
    const tango_audio_parameters front = tango__front_of(m);
    size_t samples = 0, numbers = 0;
    int ok = tango_mul_ok(e->frames, m->hop, &samples)
             && tango_mul_ok(e->frames, m->mels, &numbers);
    tango_result result;
    memset(room, 0, sizeof *room);
    result = tango_encode_memory(&room->encoder_size, m, e, error);
    if (result != TANGO_OK) return result;
    if (e->batch != 1)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "encode: %z sounds, expected 1 at a time", e->batch);
    room->front_size = tango_audio_front_size(&front);
    room->samples = (float *)tango_arena_take(arena, samples, sizeof(float), &ok);
    room->mel = (float *)tango_arena_take(arena, numbers, sizeof(float), &ok);
    room->front = tango_arena_take(arena, room->front_size, 1, &ok);
    room->work =
        tango_arena_take(arena, tango_audio_frame_work_size(&front), 1, &ok);
    room->encoder = tango_arena_take(arena, room->encoder_size, 1, &ok);
    return ok ? TANGO_OK
              : tango_io_fail(error, TANGO_ERROR_MEMORY,
                  "memory: no room to encode %z frames", e->frames);
}

TANGO_API tango_result tango_encode_sound_memory(size_t *size, const tango_model *model,
    const tango_encoding *encoding, tango_error *error)
{
    tango__sound_room room;
    tango_arena arena;
    tango_result result;
    memset(&arena, 0, sizeof arena);
    result = tango__sound_take(&room, &arena, model, encoding, error);
    if (result == TANGO_OK) *size = arena.peak + TANGO__ALIGN;
    return result;
}

TANGO_API tango_result tango_encode_sound(float *latent, const float *samples,
    size_t count, const tango_model *model, const tango_encoding *encoding, void *memory,
    size_t size, tango_error *error)
{
    const tango_audio_parameters parameters = tango__front_of(model);
    const size_t target = encoding->frames * model->hop;
    tango__sound_room room;
    tango_audio_front front;
    tango_arena arena;
    tango_result result = TANGO_OK;
    if (memory == NULL || size < TANGO__ALIGN)
        return tango_io_fail(error, TANGO_ERROR_MEMORY, "memory: none given");
    tango__arena_over(&arena, memory, size);
    result = tango__sound_take(&room, &arena, model, encoding, error);
    if (result == TANGO_OK)
        result = tango_audio_normalise(
            room.samples, samples, count, target, TANGO_AUDIO_TANGO, error);
    if (result == TANGO_OK)
        result = tango_audio_front_init(
            &front, &parameters, room.front, room.front_size, error);
    if (result == TANGO_OK) {
        tango_audio_log_mel(
            room.mel, room.samples, target, 0, encoding->frames, &front, room.work);
        result = tango_encode(latent, NULL, NULL, room.mel, model, encoding, room.encoder,
            room.encoder_size, error);
    }
    tango__arena_close(&arena);
    return result;
}

/* ==== 13 >>dataset ==== A prepared training set: order, batches ============= */

#ifndef TANGO_NO_STDIO

enum {
    TANGO__DATASET_MELS = 64,
    TANGO__DATASET_CHANNELS = 8,
    TANGO__DATASET_WIDTH = 16,
    TANGO__DATASET_RATE = 16000,
    TANGO__DATASET_HOP = 160,
    TANGO__DATASET_SCALE = 380,         /* most, either way, of png_low and png_high */
    TANGO__DATASET_SPLITS = 3,
    TANGO__DATASET_HEAD = 8192,         /* bytes of the manifest besides its lists */
    TANGO__DATASET_VALUE = 1024,        /* bytes of one value of these */
    TANGO__DATASET_NODES = 1 << 20,     /* bytes of JSON nodes of an item, at most */
    TANGO__DATASET_SCRATCH = 1 << 20    /* for PNG and .pt readers */
};

#define TANGO__MANIFEST "dataset_info.json"

/* "path: why". Where both do not fit, the path gives way: the offset stands last. */
static tango_result tango__path_fail(
    tango_error *error, tango_result r, const char *path, const tango_error *why)
{
    const size_t most = sizeof why->text - 3;
    size_t n, m = strlen(why->text);
    if (error == NULL) return r;
    tango_io_fail(error, r, "%s", path);
    n = strlen(error->text);
    if (m > most) m = most;
    if (n > most - m) n = most - m;
    memcpy(error->text + n, ": ", 2);
    memcpy(error->text + n + 2, why->text, m);
    error->text[n + 2 + m] = 0;
    return r;
}

static tango_result tango__manifest_fail(
    tango_error *error, const char *what, size_t offset)
{
    return tango_io_fail(
        error, TANGO_ERROR_DATA, TANGO__MANIFEST ": %s (offset %z)", what, offset);
}

/* What one pass over the manifest finds, and the caller's memory, divided. */
typedef struct tango__manifest {
    size_t begin, end;                  /* of the list of items */
    size_t count, text, work;           /* items; longest text and most work of one */
    uint32_t *at;                       /* (count, 2) */
    unsigned char *room;                /* for the head, then for one item at a time */
    size_t room_size;
} tango__manifest;

/* Measures the items of a mapped manifest. */
static tango_result tango__manifest_measure(
    tango__manifest *m, const tango_io_file *file, tango_error *error)
{
    size_t begin, end, at, work;
    tango_error why;
    tango_result r = tango_io_json_work_size(&work, file->data, file->size, &why);
    memset(m, 0, sizeof *m);
    if (r != TANGO_OK) return tango__path_fail(error, r, TANGO__MANIFEST, &why);
    if (!tango_io_json_span(&m->begin, &m->end, file->data, file->size, "items")
        || file->data[m->begin] != '[')
        return tango__manifest_fail(error, "no list of items", m->begin);
    at = m->begin;
    while (tango_io_json_item(&begin, &end, &at, file->data, file->size)) {
        if (file->data[begin] != '{')
            return tango__manifest_fail(error, "item is no object", begin);
        r = tango_io_json_work_size(&work, file->data + begin, end - begin, &why);
        if (r != TANGO_OK || work > TANGO__DATASET_NODES)
            return tango__manifest_fail(error, "item of too many members", begin);
        if (work > m->work) m->work = work;
        if (end - begin > m->text) m->text = end - begin;
        m->count++;
    }
    return TANGO_OK;
}

/* Maps the manifest and measures it; the file is unmapped again on failure. */
static tango_result tango__manifest_open(
    tango__manifest *m, tango_io_file *file, const char *root, tango_error *error)
{
    tango_result r;
    memset(file, 0, sizeof *file);
    r = tango_io_map_below(file, root, TANGO__MANIFEST, error);
    if (r != TANGO_OK) return r;
    r = tango__manifest_measure(m, file, error);
    if (r != TANGO_OK) tango_io_unmap(file);
    return r;
}

/* Divides the memory of tango_dataset_open. An item's room: nodes, its texts, and where
   the manifest is no longer mapped its bytes. */
static int tango__manifest_divide(tango__manifest *m, tango_arena *arena)
{
    const size_t head = TANGO__DATASET_HEAD * 16;
    int ok = tango_add_ok(m->work, m->text, &m->room_size)
             && tango_add_ok(m->room_size, m->text, &m->room_size)
             && tango_add_ok(m->room_size, 64, &m->room_size);
    if (m->room_size < head) m->room_size = head;
    m->at = (uint32_t *)tango_arena_take(arena, m->count, 2 * sizeof *m->at, &ok);
    m->room = (unsigned char *)tango_arena_take(arena, m->room_size, 1, &ok);
    return ok;
}

static tango_result tango__manifest_memory(
    size_t *size, tango__manifest *m, tango_error *error)
{
    tango_arena arena;
    memset(&arena, 0, sizeof arena);
    if (!tango__manifest_divide(m, &arena)
        || !tango_add_ok(arena.peak, TANGO__ALIGN, size))
        return tango_io_fail(error, TANGO_ERROR_MEMORY, TANGO__MANIFEST ": too large");
    return TANGO_OK;
}

TANGO_API tango_result tango_dataset_memory(
    size_t *size, const char *root, tango_error *error)
{
    tango__manifest m;
    tango_io_file file;
    tango_result r = tango__manifest_open(&m, &file, root, error);
    if (r != TANGO_OK) return r;
    tango_io_unmap(&file);
    return tango__manifest_memory(size, &m, error);
}

static int tango__outline_put(char *out, size_t *n, const char *text, size_t size)
{
    if (size > TANGO__DATASET_HEAD - *n) return 0;
    memcpy(out + *n, text, size);
    *n += size;
    return 1;
}

/* Appends the object at `at` to out[0..n) with 0 for all its lists and long texts, so
   that it can be parsed as a whole: then equal keys are found too. 0 if it is too long.
   It calls itself at most 64 deep, as deep as accepted JSON is. */
static int tango__outline(char *out, size_t *n, const tango_io_file *file, size_t at)
{
    const char *p = (const char *)file->data;
    size_t begin, end;
    int value = 0, first = 1, ok = tango__outline_put(out, n, "{", 1);
    while (ok && tango_io_json_item(&begin, &end, &at, p, file->size)) {
        if (value || !first) ok = tango__outline_put(out, n, value ? ":" : ",", 1);
        if (ok && value && p[begin] == '{')
            ok = tango__outline(out, n, file, begin);
        else if (ok && value && (p[begin] == '[' || end - begin > TANGO__DATASET_VALUE))
            ok = tango__outline_put(out, n, "0", 1);
        else if (ok)
            ok = tango__outline_put(out, n, p + begin, end - begin);
        value = !value;
        first = 0;
    }
    return ok && tango__outline_put(out, n, "}", 1);
}

/* 1 if the member is one of two words; *second tells which. */
static int tango__json_choice(const tango_io_json *json, size_t object, const char *key,
    const char *a, const char *b, int *second)
{
    const size_t node = tango_io_json_find(json, object, key);
    *second = node != 0 && tango_io_json_equal(json, node, b);
    return *second || (node != 0 && tango_io_json_equal(json, node, a));
}

static int tango__json_is(
    const tango_io_json *json, size_t object, const char *key, uint64_t expected)
{
    uint64_t value;
    const size_t node = tango_io_json_find(json, object, key);
    return node != 0 && tango_io_json_u64(json, node, &value) && value == expected;
}

/* An end of the scale of pictures. The bound keeps all of them inside float. */
static int tango__json_scale(
    const tango_io_json *json, size_t object, const char *key, double *value)
{
    const double most = (double)TANGO__DATASET_SCALE;
    const size_t node = tango_io_json_find(json, object, key);
    return node != 0 && tango_io_json_number(json, node, value) && *value >= -most
           && *value <= most;
}

static tango_result tango__dataset_parameters(
    tango_dataset *set, const tango__manifest *m, tango_error *error)
{
    const tango_io_file *file = &set->file;
    char *text = (char *)m->room;
    tango_io_json json;
    tango_error why;
    size_t n = 0, top = 0, p, at = 0, end;
    int other;
    while (file->data[top] != '{') top++; /* it has members: m->begin was found */
    if (!tango__outline(text, &n, file, top))
        return tango__manifest_fail(error, "too much besides its items", top);
    if (tango_io_json_parse(&json, text, n, m->room + TANGO__DATASET_HEAD,
            m->room_size - TANGO__DATASET_HEAD, &why) != TANGO_OK)
        return tango__manifest_fail(error, "two members of one name", top);
    if (!tango__json_choice(&json, 0, "format", "tango-dataset", "tango-dataset", &other)
        || !tango__json_is(&json, 0, "version", 1))
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
            TANGO__MANIFEST ": no tango-dataset of version 1 (offset %z)", top);
    p = tango_io_json_find(&json, 0, "parameters");
    if (p == 0 || !tango_io_json_span(&at, &end, file->data, file->size, "parameters"))
        return tango__manifest_fail(error, "no parameters", top);
    if (!tango__json_is(&json, p, "sample_rate", TANGO__DATASET_RATE)
        || !tango__json_is(&json, p, "hop_length", TANGO__DATASET_HOP)
        || !tango__json_is(&json, p, "n_mels", TANGO__DATASET_MELS))
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
            TANGO__MANIFEST ": not 64 mels each 160 samples at 16 kHz (offset %z)", at);
    if (!tango__json_scale(&json, p, "png_low", &set->png_low)
        || !tango__json_scale(&json, p, "png_high", &set->png_high)
        || !(set->png_low < set->png_high)
        || !tango__json_choice(&json, p, "mel", "tacotron", "torchaudio", &set->power)
        || !tango__json_choice(
            &json, p, "latent_order", "8,T,16", "8,16,T", &set->frequency_first))
        return tango__manifest_fail(error, "parameters missing or out of range", at);
    return TANGO_OK;
}

/* Text of a member behind `*at`, which moves on; NULL if it is absent. *ok = 0 if it is
   no text, or one with a NUL in it. */
static const char *tango__item_text(
    const tango_io_json *json, const char *key, char **at, size_t *left, int *ok)
{
    size_t node = tango_io_json_find(json, 0, key), n;
    char *text = *at;
    if (node == 0) return NULL;
    if (!tango_io_json_string(json, node, text, *left)) {
        *ok = 0;
        return NULL;
    }
    n = strlen(text) + 1;
    *at += n;
    *left -= n;
    return text;
}

static tango_result tango__item_parse(tango_dataset_item *out, const tango_dataset *set,
    size_t begin, size_t end, unsigned char *work, size_t size, tango_error *error)
{
    const size_t nodes = set->item_nodes;
    const size_t text = set->item_text;
    size_t left = size - nodes - text;
    char *at = (char *)work + nodes;
    const unsigned char *bytes = set->file.data;
    tango_io_json json;
    tango_dataset_item item;
    tango_error why;
    uint64_t index = 0, frames = 0;
    int ok = 1;
    if (bytes != NULL) {
        bytes += begin;
    } else {
        unsigned char *copy = work + size - text;
        if (tango_io_input_read_at(&set->input, begin, copy, end - begin, &why)
            != TANGO_OK)
            return tango__path_fail(error, TANGO_ERROR_FILE, TANGO__MANIFEST, &why);
        bytes = copy;
    }
    if (tango_io_json_parse(&json, bytes, end - begin, work, nodes, &why) != TANGO_OK)
        return tango__manifest_fail(error, "two members of one name in an item", begin);
    memset(&item, 0, sizeof item);
    item.id = tango__item_text(&json, "id", &at, &left, &ok);
    item.split = tango__item_text(&json, "split", &at, &left, &ok);
    item.caption = tango__item_text(&json, "caption", &at, &left, &ok);
    item.mel = tango__item_text(&json, "mel", &at, &left, &ok);
    item.mel_image = tango__item_text(&json, "mel_image", &at, &left, &ok);
    item.latent = tango__item_text(&json, "latent", &at, &left, &ok);
    item.audio = tango__item_text(&json, "audio", &at, &left, &ok);
    item.caption_file = tango__item_text(&json, "caption_file", &at, &left, &ok);
    if (!ok || item.id == NULL || item.split == NULL || item.caption == NULL
        || (item.mel == NULL && item.mel_image == NULL)
        || !tango_io_json_u64(&json, tango_io_json_find(&json, 0, "index"), &index)
        || index >= SIZE_MAX
        || !tango_io_json_u64(&json, tango_io_json_find(&json, 0, "frames"), &frames)
        || frames == 0 || frames > TANGO_DATASET_FRAMES_MAX
        || !tango_io_json_number(
            &json, tango_io_json_find(&json, 0, "seconds"), &item.seconds))
        return tango__manifest_fail(error, "incomplete item", begin);
    item.index = (size_t)index;
    item.frames = (size_t)frames;
    *out = item;
    return TANGO_OK;
}

/* ---- Splits: the lists of split_indices are walked beside the items. */

static const char *const tango__splits[TANGO__DATASET_SPLITS] = { "train", "val",
                                                                  "test" };

/* TANGO__DATASET_SPLITS: there is no such split. */
static size_t tango__split_number(const char *name)
{
    size_t i = 0;
    while (i < TANGO__DATASET_SPLITS && strcmp(tango__splits[i], name) != 0) i++;
    return i;
}

/* lists[i] = where the list of split i begins, 0 if there is none. */
static void tango__splits_find(size_t *lists, const tango_io_file *file)
{
    size_t begin, end, first, last, i;
    for (i = 0; i < TANGO__DATASET_SPLITS; i++) {
        lists[i] = 0;
        if (tango_io_json_span(&begin, &end, file->data, file->size, "split_indices")
            && tango_io_json_span(
                &first, &last, file->data + begin, end - begin, tango__splits[i])
            && file->data[begin + first] == '[')
            lists[i] = begin + first;
    }
}

/* The next number of the list; SIZE_MAX: something else stands there. 0 at its end. */
static int tango__split_next(size_t *index, size_t *list, const tango_io_file *file)
{
    size_t begin, end, digit, value = 0;
    if (*list == 0 || !tango_io_json_item(&begin, &end, list, file->data, file->size))
        return 0;
    for (*index = SIZE_MAX; begin < end; begin++) {
        digit = (size_t)file->data[begin] - '0';
        if (digit > 9 || value > (SIZE_MAX - digit) / 10) return 1;
        value = value * 10 + digit;
    }
    *index = value;
    return 1;
}

/* Fills set->at with the items of the split; *longest becomes the position of a longest
   one, if there is any. */
static tango_result tango__dataset_index(tango_dataset *set, const tango__manifest *m,
    const char *split, size_t *longest, tango_error *error)
{
    const tango_io_file *file = &set->file;
    size_t lists[TANGO__DATASET_SPLITS], begin, end, at = m->begin, index, next = 0, i;
    tango_dataset_item item;
    tango__splits_find(lists, file);
    while (tango_io_json_item(&begin, &end, &at, file->data, file->size)) {
        tango_result r =
            tango__item_parse(&item, set, begin, end, m->room, m->room_size, error);
        if (r != TANGO_OK) return r;
        if (item.index < next)
            return tango__manifest_fail(error, "items out of order of index", begin);
        next = item.index + 1;
        i = tango__split_number(item.split);
        if (i == TANGO__DATASET_SPLITS || !tango__split_next(&index, &lists[i], file)
            || index != item.index)
            return tango__manifest_fail(error, "not as split_indices says", begin);
        if (split != NULL && strcmp(split, item.split) != 0) continue;
        if (set->count == m->count) break; /* the file changes under us */
        m->at[2 * set->count] = (uint32_t)begin;
        m->at[2 * set->count + 1] = (uint32_t)end;
        if (item.frames > set->frames) {
            set->frames = item.frames;
            *longest = set->count;
        }
        set->count++;
    }
    for (i = 0; i < TANGO__DATASET_SPLITS; i++)
        if (tango__split_next(&index, &lists[i], file))
            return tango__manifest_fail(error, "no item of this index", lists[i]);
    return TANGO_OK;
}

/* Everything of tango_dataset_open but the files: set->file is the manifest. */
static tango_result tango__dataset_parse(tango_dataset *set, tango__manifest *m,
    const char *split, void *memory, size_t size, size_t *longest, tango_error *error)
{
    tango_arena arena;
    size_t need = 0;
    tango_result r = tango__manifest_memory(&need, m, error);
    if (r != TANGO_OK) return r;
    if (memory == NULL || size < need)
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
            "memory: %z bytes given, %z needed for %z clips", size, need, m->count);
    if (split != NULL && tango__split_number(split) == TANGO__DATASET_SPLITS)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "%s: expected the split train, val or test", split);
    tango__arena_over(&arena, memory, size);
    tango__manifest_divide(m, &arena);
    set->at = m->at;
    set->item_nodes = (m->work + 7) & ~(size_t)7;
    set->item_text = m->text;
    set->item_work = m->room_size;
    r = tango__dataset_parameters(set, m, error);
    if (r == TANGO_OK) r = tango__dataset_index(set, m, split, longest, error);
    tango__arena_close(&arena);
    return r;
}

/* ---- One file of a clip, mapped while `fill` reads it. */

struct tango__batch_parts;

typedef struct tango__clip {
    const tango_dataset *set;
    const struct tango__batch_parts *parts;
    size_t index;
    size_t frames, stride;              /* of the clip; of the batch */
    const char *what;
    float *out;                         /* where this clip goes, all zero */
    size_t got;                         /* audio: samples */
    tango_error *error;
} tango__clip;

typedef tango_result tango__fill(tango__clip *clip, const tango_io_file *file);

static tango_result tango__clip_read(
    tango__clip *clip, const char *what, const char *path, tango__fill *fill)
{
    tango_io_file file = { NULL, 0, NULL };
    tango_error why, *error = clip->error;
    tango_result r;
    clip->what = what;
    if (path == NULL)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            TANGO__MANIFEST ": clip %z has no %s", clip->index, what);
    r = tango_io_map_below(&file, clip->set->root, path, error);
    if (r != TANGO_OK) return r;
    clip->error = &why;
    r = fill(clip, &file);
    clip->error = error;
    tango_io_unmap(&file);
    return r == TANGO_OK ? r : tango__path_fail(error, r, path, &why);
}

static tango_result tango__clip_shape(const tango__clip *clip)
{
    return tango_io_fail(clip->error, TANGO_ERROR_DATA,
        "not the shape of a %s of %z frames (offset 0)", clip->what, clip->frames);
}

/* A mel as an array (64, T), or (T, 64). */
static tango_result tango__clip_array(
    tango_io_view *view, const tango__clip *clip, const tango_io_file *file)
{
    const size_t bins = TANGO__DATASET_MELS;
    tango_io_npy npy;
    tango_result r = tango_io_npy_parse(&npy, file->data, file->size, clip->error);
    if (r != TANGO_OK) return r;
    tango_io_npy_view(view, &npy);
    if (view->rank != 2 || view->count != bins * clip->frames
        || (view->shape[0] != bins && view->shape[1] != bins))
        return tango__clip_shape(clip);
    return TANGO_OK;
}

/* A mel as a picture: grey, T wide, 64 high. */
static tango_result tango__clip_picture(
    tango_io_png *png, const tango__clip *clip, const tango_io_file *file)
{
    tango_result r = tango_io_png_open(png, file->data, file->size, clip->error);
    if (r == TANGO_OK && (png->spec.channels != 1 || png->spec.width != clip->frames
                          || png->spec.height != TANGO__DATASET_MELS))
        r = tango__clip_shape(clip);
    return r;
}

/* Only a look at the shape, as a tango__fill. */
static tango_result tango__look_array(tango__clip *clip, const tango_io_file *file)
{
    tango_io_view view;
    return tango__clip_array(&view, clip, file);
}

static tango_result tango__look_picture(tango__clip *clip, const tango_io_file *file)
{
    tango_io_png png;
    return tango__clip_picture(&png, clip, file);
}

/* A set is as long as its longest clip, and memory is planned by that: its mel must be
   there, in this length. */
static tango_result tango__dataset_look(const tango_dataset *set, size_t position,
    const tango__manifest *m, tango_error *error)
{
    tango_dataset_item item;
    tango__clip clip;
    tango_result r =
        tango_dataset_read(&item, set, position, m->room, m->room_size, error);
    if (r != TANGO_OK) return r;
    memset(&clip, 0, sizeof clip);
    clip.set = set;
    clip.index = item.index;
    clip.frames = item.frames;
    clip.error = error;
    return item.mel != NULL
               ? tango__clip_read(&clip, "mel", item.mel, tango__look_array)
               : tango__clip_read(&clip, "mel", item.mel_image, tango__look_picture);
}

TANGO_API tango_result tango_dataset_open(tango_dataset *set, const char *root,
    const char *split, void *memory, size_t size, tango_error *error)
{
    tango__manifest m;
    tango_dataset s;
    size_t longest = 0;
    tango_result r;
    memset(&s, 0, sizeof s);
    s.root = root;
    r = tango_io_input_open_below(&s.input, root, TANGO__MANIFEST, error);
    if (r == TANGO_OK) r = tango__manifest_open(&m, &s.file, root, error);
    if (r != TANGO_OK) {
        tango_io_input_close(&s.input);
        return r;
    }
    if (s.input.size != s.file.size)
        r = tango__manifest_fail(error, "changed while it was opened", 0);
    else
        r = tango__dataset_parse(&s, &m, split, memory, size, &longest, error);
    if (r == TANGO_OK && s.count > 0) r = tango__dataset_look(&s, longest, &m, error);
    tango_io_unmap(&s.file);
    if (r == TANGO_OK) *set = s;
    else tango_io_input_close(&s.input);
    return r;
}

TANGO_API void tango_dataset_close(tango_dataset *set)
{
    tango_io_unmap(&set->file);
    tango_io_input_close(&set->input);
    set->count = 0;
}

TANGO_API tango_result tango_dataset_read(tango_dataset_item *item,
    const tango_dataset *set, size_t position, void *work, size_t work_size,
    tango_error *error)
{
    if (position >= set->count)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "dataset: clip %z of %z does not exist", position, set->count);
    if (work == NULL || work_size < set->item_work)
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
            "dataset: %z bytes of work given, %z needed", work_size, set->item_work);
    return tango__item_parse(item, set, set->at[2 * position], set->at[2 * position + 1],
        (unsigned char *)work, work_size, error);
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
TANGO__HOT
static uint64_t tango__mix_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

TANGO_API void tango_dataset_order(
    uint32_t *order, size_t count, uint64_t seed, uint64_t epoch)
{
    uint64_t state = seed, draw;
    size_t i;
    state = tango__mix_next(&state) ^ epoch; /* the epochs of two seeds do not overlap */
    state = tango__mix_next(&state);
    for (i = 0; i < count; i++) order[i] = (uint32_t)i;
    for (i = count; i > 1; i--) {
        /* Draws from the last, incomplete run of i values are thrown away. */
        const uint64_t limit = UINT64_MAX - UINT64_MAX % i;
        uint32_t swap;
        do draw = tango__mix_next(&state);
        while (draw >= limit);
        swap = order[i - 1];
        order[i - 1] = order[draw % i];
        order[draw % i] = swap;
    }
}

/* The block of a batch, divided; the sizes are those of the longest clip. */
typedef struct tango__batch_parts {
    size_t *indices, *lengths, *audio_lengths;
    const char **captions;
    char *text;
    float *mel, *latent, *audio, *row;
    uint16_t *pixels;
    unsigned char *item, *scratch;
} tango__batch_parts;

static int tango__batch_divide(tango_arena *arena, tango__batch_parts *b,
    const tango_dataset *set, size_t count, unsigned what)
{
    const size_t frames = set->frames, mel = frames * TANGO__DATASET_MELS;
    const size_t latent =
        (frames + 3) / 4 * TANGO__DATASET_CHANNELS * TANGO__DATASET_WIDTH;
    int ok = count > 0 && what < 2 * TANGO_BATCH_IMAGE;
    memset(b, 0, sizeof *b);
    b->indices = (size_t *)tango_arena_take(arena, count, sizeof(size_t), &ok);
    b->lengths = (size_t *)tango_arena_take(arena, count, sizeof(size_t), &ok);
    b->captions = (const char **)tango_arena_take(arena, count, sizeof(char *), &ok);
    b->text = (char *)tango_arena_take(arena, count, set->item_text + 1, &ok);
    b->item = (unsigned char *)tango_arena_take(arena, set->item_work, 1, &ok);
    b->scratch = (unsigned char *)tango_arena_take(
        arena, TANGO__DATASET_SCRATCH + 16 * frames, 1, &ok);
    /* A band of a mel has T numbers, a channel of a latent T/4 rows of 16. */
    b->row = (float *)tango_arena_take(arena, 4 * frames, sizeof(float), &ok);
    b->pixels = (uint16_t *)tango_arena_take(arena, mel, sizeof(uint16_t), &ok);
    if (what & TANGO_BATCH_MEL)
        b->mel = (float *)tango_arena_take(arena, count, mel * sizeof(float), &ok);
    if (what & TANGO_BATCH_LATENT)
        b->latent = (float *)tango_arena_take(arena, count, latent * sizeof(float), &ok);
    if (what & TANGO_BATCH_AUDIO) {
        b->audio = (float *)tango_arena_take(
            arena, count, frames * TANGO__DATASET_HOP * sizeof(float), &ok);
        b->audio_lengths = (size_t *)tango_arena_take(arena, count, sizeof(size_t), &ok);
    }
    return ok;
}

TANGO_API tango_result tango_batch_memory(size_t *size, const tango_dataset *set,
    size_t count, unsigned what, tango_error *error)
{
    tango__batch_parts parts;
    tango_arena arena;
    memset(&arena, 0, sizeof arena);
    if (!tango__batch_divide(&arena, &parts, set, count, what)
        || !tango_add_ok(arena.peak, TANGO__ALIGN, size))
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "batch: %z clips are none or too many, or %z is no sum of TANGO_BATCH_...",
            count, (size_t)what);
    return TANGO_OK;
}

/* out = elements of a view into the file, checked. */
static tango_result tango__clip_view(tango__clip *clip, float *out,
    const tango_io_file *file, const tango_io_view *view, size_t first, size_t count)
{
    size_t i, axis;
    tango_io_view_read(out, view, first, count);
    for (i = 0; i < count; i++) {
        size_t at = 0, rest = first + i;
        if (out[i] - out[i] == 0.0f) continue;
        for (axis = view->rank; axis-- > 0; rest /= view->shape[axis])
            at += rest % view->shape[axis] * view->strides[axis];
        at = at * tango_io_type_size(view->type) + (size_t)(view->data - file->data);
        return tango_io_fail(
            clip->error, TANGO_ERROR_NUMBER, "NaN or infinity (offset %z)", at);
    }
    return TANGO_OK;
}

/* mel (T, 64) of either order of axes. */
TANGO__HOT
static tango_result tango__fill_array(tango__clip *clip, const tango_io_file *file)
{
    const size_t bins = TANGO__DATASET_MELS, frames = clip->frames;
    float *row = clip->parts->row;
    tango_io_view view;
    size_t b, t;
    tango_result r = tango__clip_array(&view, clip, file);
    if (r == TANGO_OK && view.shape[0] != bins)
        return tango__clip_view(clip, clip->out, file, &view, 0, view.count);
    for (b = 0; r == TANGO_OK && b < bins; b++) {
        r = tango__clip_view(clip, row, file, &view, b * frames, frames);
        for (t = 0; r == TANGO_OK && t < frames; t++) clip->out[t * bins + b] = row[t];
    }
    return r;
}

/* The inverse of the picture's scale; row 0 is the highest band. */
TANGO__HOT
static tango_result tango__fill_picture(tango__clip *clip, const tango_io_file *file)
{
    const size_t bins = TANGO__DATASET_MELS, frames = clip->frames;
    const tango_dataset *set = clip->set;
    const uint16_t *wide = clip->parts->pixels;
    const unsigned char *narrow = (const unsigned char *)wide;
    tango_io_png png;
    size_t b, t;
    tango_result r = tango__clip_picture(&png, clip, file);
    if (r != TANGO_OK) return r;
    r = tango_io_png_read(clip->parts->pixels, &png, clip->parts->scratch,
        TANGO__DATASET_SCRATCH + 16 * set->frames, clip->error);
    if (r != TANGO_OK) return r;
    for (b = 0; b < bins; b++)
        for (t = 0; t < frames; t++) {
            const size_t at = (bins - 1 - b) * frames + t;
            double v = png.spec.bits == 16 ? (double)wide[at] / 65535.0
                                           : (double)narrow[at] / 255.0;
            v = set->png_low + v * (set->png_high - set->png_low);
            if (set->power) v = TANGO_EXP(v * (2.302585092994045684018 / 10.0));
            clip->out[t * bins + b] = (float)v; /* finite: TANGO__DATASET_SCALE */
        }
    return TANGO_OK;
}

/* latent (8, T/4, 16), planes `stride` apart, of a file in either order of axes. */
static tango_result tango__latent_view(
    tango__clip *clip, const tango_io_file *file, const tango_io_view *from)
{
    const size_t channels = TANGO__DATASET_CHANNELS, width = TANGO__DATASET_WIDTH;
    const size_t rows = clip->frames / 4, plane = rows * width;
    const size_t *shape = from->shape + (from->rank == 4);
    const float *row = clip->parts->row;
    size_t c, i;
    int swap;
    if (from->rank < 3 || from->rank > 4 || (from->rank == 4 && from->shape[0] != 1)
        || shape[0] != channels || from->count != channels * plane
        || (shape[1] != width && shape[2] != width) || clip->frames % 4 != 0)
        return tango__clip_shape(clip);
    /* Where both axes are 16 only the manifest can tell. */
    swap = shape[2] != width || (shape[1] == width && clip->set->frequency_first);
    for (c = 0; c < channels; c++) {
        float *to = clip->out + c * (clip->stride / 4) * width;
        tango_result r =
            tango__clip_view(clip, clip->parts->row, file, from, c * plane, plane);
        if (r != TANGO_OK) return r;
        for (i = 0; i < plane; i++)
            to[i] = row[swap ? i % width * rows + i / width : i];
    }
    return TANGO_OK;
}

TANGO__HOT
static tango_result tango__fill_latent(tango__clip *clip, const tango_io_file *file)
{
    tango_io_torch torch;
    tango_io_torch_tensor tensor;
    tango_io_npy npy;
    tango_io_view view;
    tango_result r;
    if (file->size == 0 || file->data[0] != 'P') {
        r = tango_io_npy_parse(&npy, file->data, file->size, clip->error);
        if (r != TANGO_OK) return r;
        tango_io_npy_view(&view, &npy);
        return tango__latent_view(clip, file, &view);
    }
    r = tango_io_torch_open(&torch, file->data, file->size, clip->parts->scratch,
        TANGO__DATASET_SCRATCH, clip->error);
    if (r != TANGO_OK) return r;
    if (torch.count != 1) return tango__clip_shape(clip);
    tango_io_torch_tensor_at(&torch, 0, &tensor);
    return tango__latent_view(clip, file, &tensor.view);
}

TANGO__HOT
static tango_result tango__fill_audio(tango__clip *clip, const tango_io_file *file)
{
    const size_t most = clip->frames * TANGO__DATASET_HOP;
    tango_io_sound sound;
    float extra;
    size_t got = 0, more = 0, i;
    tango_result r =
        tango_io_sound_open_memory(&sound, file->data, file->size, 0, clip->error);
    if (r == TANGO_OK
        && (sound.info.channels != 1 || sound.info.rate != TANGO__DATASET_RATE))
        r = tango_io_fail(clip->error, TANGO_ERROR_DATA,
            "%z channels of %z Hz, expected 1 of 16000 (offset 0)", sound.info.channels,
            (size_t)sound.info.rate);
    if (r == TANGO_OK)
        r = tango_io_sound_start(
            &sound, clip->parts->scratch, TANGO__DATASET_SCRATCH, clip->error);
    if (r == TANGO_OK)
        r = tango_io_sound_read_float(&sound, clip->out, most, &got, clip->error);
    if (r == TANGO_OK && got == most)
        r = tango_io_sound_read_float(&sound, &extra, 1, &more, clip->error);
    if (r != TANGO_OK) return r;
    if (more) return tango__clip_shape(clip);
    for (i = 0; i < got; i++)
        if (!(clip->out[i] - clip->out[i] == 0.0f))
            return tango_io_fail(
                clip->error, TANGO_ERROR_NUMBER, "NaN or infinity at sample %z", i);
    clip->got = got;
    return TANGO_OK;
}

/* Everything of clip number i of the batch whose item is given. */
static tango_result tango__batch_clip(tango__batch_parts *b, const tango_dataset *set,
    const tango_dataset_item *item, size_t i, size_t frames, unsigned what,
    tango_error *error)
{
    const size_t latent = TANGO__DATASET_CHANNELS * TANGO__DATASET_WIDTH;
    tango__clip clip;
    tango_result r = TANGO_OK;
    memset(&clip, 0, sizeof clip);
    clip.set = set;
    clip.parts = b;
    clip.index = item->index;
    clip.frames = item->frames;
    clip.stride = frames;
    clip.error = error;
    if (b->mel != NULL) {
        clip.out = b->mel + i * frames * TANGO__DATASET_MELS;
        if (item->mel != NULL && !(what & TANGO_BATCH_IMAGE))
            r = tango__clip_read(&clip, "mel", item->mel, tango__fill_array);
        else
            r = tango__clip_read(&clip, "mel", item->mel_image, tango__fill_picture);
    }
    if (r == TANGO_OK && b->latent != NULL) {
        clip.out = b->latent + i * (frames / 4) * latent;
        r = tango__clip_read(&clip, "latent", item->latent, tango__fill_latent);
    }
    if (r == TANGO_OK && b->audio != NULL) {
        clip.out = b->audio + i * frames * TANGO__DATASET_HOP;
        r = tango__clip_read(&clip, "sound", item->audio, tango__fill_audio);
        b->audio_lengths[i] = clip.got;
    }
    return r;
}

/* Indices, lengths and captions of all clips; *frames = the longest. */
static tango_result tango__batch_items(tango__batch_parts *b, const tango_dataset *set,
    const uint32_t *positions, size_t count, size_t *frames, tango_error *error)
{
    tango_dataset_item item;
    char *text = b->text;
    size_t i, n;
    *frames = 0;
    for (i = 0; i < count; i++) {
        tango_result r = tango_dataset_read(
            &item, set, positions[i], b->item, set->item_work, error);
        if (r != TANGO_OK) return r;
        b->indices[i] = item.index;
        b->lengths[i] = item.frames;
        n = strlen(item.caption) + 1;
        memcpy(text, item.caption, n);
        b->captions[i] = text;
        text += n;
        if (item.frames > *frames) *frames = item.frames;
    }
    return TANGO_OK;
}

/* Padding is zero, so everything starts as zero. */
static void tango__batch_clear(tango__batch_parts *b, size_t count, size_t frames)
{
    const size_t latent = TANGO__DATASET_CHANNELS * TANGO__DATASET_WIDTH;
    if (b->mel != NULL)
        memset(b->mel, 0, count * frames * TANGO__DATASET_MELS * sizeof(float));
    if (b->latent != NULL)
        memset(b->latent, 0, count * (frames / 4) * latent * sizeof(float));
    if (b->audio != NULL)
        memset(b->audio, 0, count * frames * TANGO__DATASET_HOP * sizeof(float));
}

TANGO_API tango_result tango_batch_read(tango_batch *batch, const tango_dataset *set,
    const uint32_t *positions, size_t count, unsigned what, void *memory, size_t size,
    tango_error *error)
{
    tango__batch_parts b;
    tango_dataset_item item;
    tango_arena arena;
    size_t i, frames, need = 0;
    tango_result r = tango_batch_memory(&need, set, count, what, error);
    if (r != TANGO_OK) return r;
    if (memory == NULL || size < need)
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
            "batch: %z bytes given, %z needed for %z clips", size, need, count);
    tango__arena_over(&arena, memory, size);
    tango__batch_divide(&arena, &b, set, count, what);
    r = tango__batch_items(&b, set, positions, count, &frames, error);
    if (r == TANGO_OK) tango__batch_clear(&b, count, frames);
    for (i = 0; r == TANGO_OK && i < count; i++) {
        r = tango_dataset_read(&item, set, positions[i], b.item, set->item_work, error);
        if (r == TANGO_OK) r = tango__batch_clip(&b, set, &item, i, frames, what, error);
    }
    tango__arena_close(&arena);
    if (r != TANGO_OK) return r;
    batch->count = count;
    batch->frames = frames;
    batch->indices = b.indices;
    batch->lengths = b.lengths;
    batch->captions = b.captions;
    batch->mel = b.mel;
    batch->latent = b.latent;
    batch->audio = b.audio;
    batch->samples = b.audio != NULL ? frames * TANGO__DATASET_HOP : 0;
    batch->audio_lengths = b.audio_lengths;
    return TANGO_OK;
}

#endif /* TANGO_NO_STDIO */

/* ==== 15 >>rank ==== Which of several sounds fits a text best =============== */

/* HTSAT (Chen et al. 2022) looks at the log-mel of a clip as at a square picture: a Swin
   transformer (Liu et al. 2021), whose attention stays inside small windows. */

/* Room of any kind from the scratch end. */
static void *tango__bytes(tango__net *net, size_t count, size_t size)
{
    int ok = 1;
    void *out;
    if (net->result != TANGO_OK) return NULL;
    out = tango_arena_take(net->arena, count, size, &ok);
    if (!ok)
        net->result = tango_io_fail(net->error, TANGO_ERROR_MEMORY,
            "memory: no room for %z x %z bytes at '%s'", count, size, net->name);
    return out;
}

/* Samples that the frames of a clip cover: 480000 are 10 s. */
static size_t tango__clip_length(const tango_rank_config *c)
{
    return (c->frames - 1) * c->hop;
}

/* clip = the beginning of wave at the tower's rate, or as many whole copies of it as fit
   and zeros behind them.                          (ClapFeatureExtractor, repeatpad) */
static void tango__rank_clip(
    tango__net *net, float *clip, const float *wave, const tango_ranking *r)
{
    const tango_rank_config *c = &net->model->rank;
    const size_t length = tango__clip_length(c), mark = net->arena->used;
    const size_t rate = r->rate != 0 ? r->rate : net->model->rate;
    const size_t size = tango_audio_resampler_size(rate, c->rate);
    const float gain = r->gain != 0.0f ? r->gain : 1.0f;
    void *table = tango__bytes(net, size, 1);
    size_t samples = r->samples, first, span, count, i;
    tango_audio_resampler resampler;
    if (!tango__idle(net))
        net->result = tango_audio_resampler_init(
            &resampler, rate, c->rate, table, size, net->error);
    if (!tango__idle(net)) {
        tango_audio_resample_span(&first, &span, 0, length, &resampler);
        if (samples > first + span) samples = first + span;
        count = tango_audio_resampled_count(samples, &resampler);
        if (count > length) count = length;
        tango_audio_resample_part(clip, 0, count, wave, 0, samples, &resampler);
        for (i = 0; i < count; i++) clip[i] *= gain;
        for (i = count; i + count <= length; i += count)
            memcpy(clip + i, clip, count * sizeof(float));
        memset(clip + i, 0, (length - i) * sizeof(float));
    }
    tango_arena_release(net->arena, mark);
}

/* mel (frames, mels) = 10 log10(max(bands of powers, 1e-10)) of the clip.
                                            (ClapFeatureExtractor, mel_filters_slaney) */
static void tango__rank_mel(tango__net *net, float *mel, const float *clip)
{
    const tango_rank_config *c = &net->model->rank;
    const size_t mark = net->arena->used;
    tango_audio_parameters p;
    tango_audio_front front;
    size_t size;
    void *plan, *work;
    memset(&p, 0, sizeof p);
    p.rate = c->rate;
    p.fft = c->fft;
    p.hop = c->hop;
    p.mels = c->mels;
    p.fmin = c->mel_low;
    p.fmax = c->mel_high;
    p.recipe = TANGO_AUDIO_LIBROSA;
    size = tango_audio_front_size(&p);
    plan = tango__bytes(net, size, 1);
    work = tango__bytes(net, tango_audio_frame_work_size(&p), 1);
    if (!tango__idle(net))
        net->result = tango_audio_front_init(&front, &p, plan, size, net->error);
    if (!tango__idle(net)) {
        tango_audio_mel(mel, clip, tango__clip_length(c), 0, c->frames, &front, work);
        tango_audio_power_to_db(mel, mel, c->frames * c->mels, 1e-10f);
    }
    tango_arena_release(net->arena, mark);
}

/* mel = (mel - mean) / sqrt(variance + 1e-5) * weight + bias for each bin, with the
   averages of the training.                                   (torch.nn.BatchNorm2d) */
TANGO__HOT
static void tango__batch_norm(tango__net *net, float *mel, const char *name)
{
    const size_t bins = net->model->rank.mels, rows = net->model->rank.frames,
                 part = tango__enter_one(net, name);
    const float *weight = tango__vector(net, "weight", bins),
                *bias = tango__vector(net, "bias", bins),
                *mean = tango__vector(net, "running_mean", bins),
                *variance = tango__vector(net, "running_var", bins);
    size_t m, t;
    for (m = 0; !tango__idle(net) && m < bins; m++) {
        const double scale = (double)weight[m] / TANGO_SQRT((double)variance[m] + 1e-5);
        const double shift = (double)bias[m] - (double)mean[m] * scale;
        for (t = 0; t < rows; t++)
            mel[t * bins + m] = (float)((double)mel[t * bins + m] * scale + shift);
    }
    tango__leave(net, part);
}

/* Weights of the samples at -1, 0, 1, 2 for a cubic at t, 0 <= t < 1.
                                                          (torch, bicubic, a = -0.75) */
TANGO__HOT
static void tango__cubic(float w[4], float t)
{
    const float a = -0.75f, u = 1.0f - t, ahead = t + 1.0f, behind = u + 1.0f;
    w[0] = ((a * ahead - 5.0f * a) * ahead + 8.0f * a) * ahead - 4.0f * a;
    w[1] = ((a + 2.0f) * t - (a + 3.0f)) * t * t + 1.0f;
    w[2] = ((a + 2.0f) * u - (a + 3.0f)) * u * u + 1.0f;
    w[3] = ((a * behind - 5.0f * a) * behind + 8.0f * a) * behind - 4.0f * a;
}

/* image (S, S) = the mel, stretched in time to S * S / mels frames, of which each strip
   of S lies below the one before; time runs to the right, frequency downwards. Positions
   are computed in float, as the reference does.  (ClapAudioEncoder.reshape_mel2img) */
TANGO__HOT
static void tango__mel_image(
    const tango_rank_config *c, float *image, const float *mel)
{
    const size_t side = c->image, wide = side * (side / c->mels), last = c->frames - 1;
    const float step = (float)last / (float)(wide - 1);
    size_t t, m, i;
    for (t = 0; t < wide; t++) {
        const float at = step * (float)t;
        const size_t whole = (size_t)at < last ? (size_t)at : last;
        const float *rows[4];
        float w[4], *out = image + t / side * c->mels * side + t % side;
        tango__cubic(w, at - (float)whole);
        for (i = 0; i < 4; i++) { /* rows beyond an end repeat it */
            size_t row = whole + i < 1 ? 0 : whole + i - 1;
            rows[i] = mel + (row < last ? row : last) * c->mels;
        }
        for (m = 0; m < c->mels; m++)
            out[m * side] = w[0] * rows[0][m] + w[1] * rows[1][m] + w[2] * rows[2][m]
                            + w[3] * rows[3][m];
    }
}

/* Windows of a rolled picture. Where the roll brought two edges together, a window has a
   seam across its rows, its columns or both, over which its tokens do not see. */
enum { TANGO__SEAM_COLUMNS = 1, TANGO__SEAM_ROWS = 2, TANGO__SEAMS = 4 };

/* order[p] = the token at place p when windows of window^2 tokens lie one after another,
   counts[s] of them with seam s, in order of s. The picture is rolled by -shift. */
static void tango__window_order(
    int32_t *order, size_t counts[TANGO__SEAMS], size_t grid, size_t window, size_t shift)
{
    const size_t across = grid / window;
    size_t seam, wy, wx, i, at = 0;
    memset(counts, 0, TANGO__SEAMS * sizeof *counts);
    for (seam = 0; seam < TANGO__SEAMS; seam++)
        for (wy = 0; wy < across; wy++)
            for (wx = 0; wx < across; wx++) {
                size_t here = 0;
                if (shift != 0 && wx + 1 == across) here |= TANGO__SEAM_COLUMNS;
                if (shift != 0 && wy + 1 == across) here |= TANGO__SEAM_ROWS;
                if (here != seam) continue;
                counts[seam]++;
                for (i = 0; i < window * window; i++) {
                    size_t y = (wy * window + i / window + shift) % grid,
                           x = (wx * window + i % window + shift) % grid;
                    order[at++] = (int32_t)(y * grid + x); /* grid <= 4096 */
                }
            }
}

/* bias (heads, window^2, window^2) = table[offset of query and key] of each head, 100
   less where a seam lies between them. */
static void tango__window_bias(float *bias, const float *table, size_t window,
    size_t heads, size_t shift, size_t seam)
{
    const size_t places = window * window, edge = window - shift;
    size_t h, q, k;
    for (q = 0; q < places; q++)
        for (k = 0; k < places; k++) {
            const size_t qy = q / window, qx = q % window, ky = k / window,
                         kx = k % window;
            const float *row = table
                + ((qy + window - 1 - ky) * (2 * window - 1) + qx + window - 1 - kx)
                    * heads;
            const int apart = ((seam & TANGO__SEAM_ROWS) && (qy < edge) != (ky < edge))
                || ((seam & TANGO__SEAM_COLUMNS) && (qx < edge) != (kx < edge));
            for (h = 0; h < heads; h++)
                bias[(h * places + q) * places + k] = apart ? row[h] - 100.0f : row[h];
        }
}

/* x (grid^2, C) += dense(attention inside windows of LayerNorm(x)).
                                    (ClapAudioLayer; Liu et al. 2021, W-MSA, SW-MSA) */
TANGO__HOT
static void tango__window_attention(tango__net *net, float *x, size_t grid,
    size_t channels, size_t heads, size_t shift)
{
    const size_t window = net->model->rank.window, places = window * window,
                 offsets = (2 * window - 1) * (2 * window - 1), tokens = grid * grid,
                 mark = net->arena->used;
    int32_t *order = (int32_t *)tango__bytes(net, tokens, sizeof *order);
    float *n = tango__floats(net, tokens, channels, 1),
          *q = tango__floats(net, tokens, channels, 1),
          *k = tango__floats(net, tokens, channels, 1),
          *v = tango__floats(net, tokens, channels, 1),
          *bias = tango__floats(net, heads, places, places);
    const size_t name = tango__enter_one(net, "attention");
    const float *table = (const float *)tango__tensor(net,
        "self.relative_position_bias_table", TANGO_IO_PLAIN, offsets, heads, 0, NULL);
    size_t counts[TANGO__SEAMS], seam, at, i;
    tango_nn_attention shape;
    tango__leave(net, name);
    if (!tango__idle(net)) {
        tango__window_order(order, counts, grid, window, shift);
        tango_nn_gather(n, x, TANGO_NN_F32, order, tokens, channels);
    }
    tango__layer_norm(net, n, n, tokens, channels, "layernorm_before");
    tango__linear(net, q, n, tokens, "attention.self.query", channels, channels,
        tango__plain());
    tango__linear(net, k, n, tokens, "attention.self.key", channels, channels,
        tango__plain());
    tango__linear(net, v, n, tokens, "attention.self.value", channels, channels,
        tango__plain());
    memset(&shape, 0, sizeof shape);
    shape.queries = shape.keys = places;
    shape.heads = heads;
    shape.width = channels / heads;
    shape.scale = (float)(1.0 / TANGO_SQRT((double)shape.width));
    shape.bias = bias;
    for (seam = at = 0; !tango__idle(net) && seam < TANGO__SEAMS; seam++) {
        shape.batch = counts[seam];
        tango__window_bias(bias, table, window, heads, shift, seam);
        tango_nn_attend(&net->nn, q + at, q + at, k + at, v + at, &shape);
        at += counts[seam] * places * channels;
    }
    tango__linear(net, n, q, tokens, "attention.output.dense", channels, channels,
        tango__plain());
    for (i = 0; !tango__idle(net) && i < tokens; i++) {
        float *row = x + (size_t)order[i] * channels;
        tango_nn_add(&net->nn, row, row, n + i * channels, channels, 1.0f);
    }
    tango_arena_release(net->arena, mark);
}

/* x (tokens, C) += output(gelu(intermediate(LayerNorm(x)))) */
static void tango__window_mlp(tango__net *net, float *x, size_t tokens, size_t channels)
{
    const size_t wide = 4 * channels, mark = net->arena->used;
    float *n = tango__floats(net, tokens, channels, 1),
          *hidden = tango__floats(net, tokens, wide, 1);
    tango__layer_norm(net, n, x, tokens, channels, "layernorm_after");
    tango__linear(net, hidden, n, tokens, "intermediate.dense", wide, channels,
        tango__then(TANGO_NN_GELU));
    tango__linear(
        net, x, hidden, tokens, "output.dense", channels, wide, tango__plus(x));
    tango_arena_release(net->arena, mark);
}

/* out (grid^2 / 4, 2 C) = a product of the four neighbours' numbers side by side, those
   of one column together.                                     (ClapAudioPatchMerging) */
static void tango__merge_patches(
    tango__net *net, float *out, const float *x, size_t grid, size_t channels)
{
    const size_t half = grid / 2, tokens = half * half, mark = net->arena->used,
                 name = tango__enter_one(net, "downsample");
    float *four = tango__floats(net, tokens, 4, channels);
    size_t t, i;
    for (t = 0; !tango__idle(net) && t < tokens; t++)
        for (i = 0; i < 4; i++) {
            const size_t y = t / half * 2 + i % 2, column = t % half * 2 + i / 2;
            memcpy(four + (4 * t + i) * channels, x + (y * grid + column) * channels,
                channels * sizeof(float));
        }
    tango__layer_norm(net, four, four, tokens, 4 * channels, "norm");
    tango__product(net, out, four, tokens, "reduction", 2 * channels, 4 * channels,
        tango__plain());
    tango__leave(net, name);
    tango_arena_release(net->arena, mark);
}

/* Blocks of one level: x (grid^2, C) in place; every second one rolls its windows by
   half, unless one window holds all. */
static void tango__rank_level(tango__net *net, float *x, size_t level, size_t grid)
{
    const tango_rank_config *c = &net->model->rank;
    const size_t half = grid > c->window ? c->window / 2 : 0;
    size_t i;
    for (i = 0; i < c->depths[level]; i++) {
        const size_t block = tango__enter(net, "blocks", i);
        tango__window_attention(net, x, grid, c->dims[level], c->heads[level],
            i % 2 != 0 ? half : 0);
        tango__window_mlp(net, x, grid * grid, c->dims[level]);
        tango__leave(net, block);
    }
}

/* out (channels) = average of x (rows, channels) */
TANGO__HOT
static void tango__average(float *out, const float *x, size_t rows, size_t channels)
{
    size_t c, r;
    for (c = 0; c < channels; c++) {
        double sum = 0.0;
        for (r = 0; r < rows; r++) sum += (double)x[r * channels + c];
        out[c] = (float)(sum / (double)rows);
    }
}

/* pooled (C of the last level) = the tower's view of a mel (frames, mels), which it
   overwrites.                                                       (ClapAudioEncoder) */
static void tango__rank_encode(tango__net *net, float *pooled, float *mel)
{
    const tango_rank_config *c = &net->model->rank;
    const size_t mark = net->arena->used, last = c->levels - 1;
    size_t grid = c->image / c->patch, level, name, part;
    float *image = tango__floats(net, c->image, c->image, 1),
          *x = tango__floats(net, grid * grid, c->dims[0], 1),
          *y = tango__floats(net, grid * grid, c->dims[0], 1), *swap;
    tango_nn_conv conv;
    name = tango__enter_one(net, "audio_model.audio_encoder");
    tango__batch_norm(net, mel, "batch_norm");
    if (!tango__idle(net)) tango__mel_image(c, image, mel);
    memset(&conv, 0, sizeof conv);
    conv.batch = conv.channels = 1;
    conv.height = conv.width = c->image;
    conv.out_height = conv.out_width = grid;
    conv.kernel_height = conv.kernel_width = conv.stride = c->patch;
    part = tango__enter_one(net, "patch_embed");
    tango__conv(net, x, image, &conv, "proj", c->dims[0], tango__plain());
    tango__layer_norm(net, x, x, grid * grid, c->dims[0], "norm");
    tango__leave(net, part);
    for (level = 0; level <= last; level++) {
        part = tango__enter(net, "layers", level);
        tango__rank_level(net, x, level, grid);
        if (level != last) {
            tango__merge_patches(net, y, x, grid, c->dims[level]);
            swap = x, x = y, y = swap;
            grid /= 2;
        }
        tango__leave(net, part);
    }
    tango__layer_norm(net, x, x, grid * grid, c->dims[last], "norm");
    if (!tango__idle(net)) tango__average(pooled, x, grid * grid, c->dims[last]);
    tango__leave(net, name);
    tango_arena_release(net->arena, mark);
}

/* out (projection), of length 1 = CLAP's vector of a mel, which it overwrites.
                                                      (ClapModel.get_audio_features) */
static void tango__rank_vector(tango__net *net, float *out, float *mel)
{
    const tango_rank_config *c = &net->model->rank;
    const size_t mark = net->arena->used, name = tango__enter_one(net, "clap"),
                 wide = c->dims[c->levels - 1];
    float *pooled = tango__floats(net, wide, 1, 1);
    tango__rank_encode(net, pooled, mel);
    tango__clap_project(net, out, pooled, 1, "audio_projection", c->projection, wide);
    tango__leave(net, name);
    tango__finite(net, out, c->projection, "rank", SIZE_MAX);
    tango_arena_release(net->arena, mark);
}

/* mel (frames, mels) of a wave. */
static void tango__rank_features(
    tango__net *net, float *mel, const float *wave, const tango_ranking *r)
{
    const size_t mark = net->arena->used;
    float *clip = tango__floats(net, tango__clip_length(&net->model->rank), 1, 1);
    tango__rank_clip(net, clip, wave, r);
    tango__rank_mel(net, mel, clip);
    tango_arena_release(net->arena, mark);
}

/* out (projection), of length 1 = CLAP's vector of ids (tokens). */
static void tango__rank_tokens(
    tango__net *net, float *out, const int32_t *ids, size_t tokens)
{
    const tango_model *m = net->model;
    tango__clap_text(net, out, m->rank.shares_text ? "text_encoder" : "clap",
        &m->rank.text, ids, 1, tokens, &tokens);
    tango__finite(net, out, m->rank.projection, "rank", SIZE_MAX);
}

/* The same of the prompt. */
static void tango__rank_prompt(tango__net *net, float *out, const tango_ranking *r)
{
    const tango_model *m = net->model;
    const char *key =
        m->rank.shares_text ? "tokenizer.bpe" : "rank_tokenizer.bpe";
    const size_t most = tango__tokens_most(&m->rank.text), length = strlen(r->prompt),
                 mark = net->arena->used;
    int32_t *ids = (int32_t *)tango__bytes(net, most, sizeof *ids);
    const size_t ids_mark = net->arena->used;
    tango_tokenizer tokenizer;
    tango_io_value table;
    size_t count = 0;
    int cut = 0;
    if (net->result == TANGO_OK
        && (!tango_io_blob_value(&m->blob, key, &table) || table.type != TANGO_IO_BYTES))
        net->result = tango_io_fail(net->error, TANGO_ERROR_DATA,
            "model: no value '%s' in its metadata", key);
    if (net->result == TANGO_OK)
        net->result = tango_tokenizer_open(
            &tokenizer, table.data, table.count, net->arena, net->error);
    if (net->result == TANGO_OK) {
        count = tango__tokens_bound(&tokenizer, r->prompt, length);
        if (count > most) count = most;
        net->result = tango_tokenize(&tokenizer, ids, most, &count, &cut, r->prompt,
            length, net->arena, net->error);
    }
    tango_arena_release(net->arena, ids_mark);
    if (r->prompt_cut != NULL && !tango__idle(net)) *r->prompt_cut = cut;
    tango__rank_tokens(net, out, ids, count);
    tango_arena_release(net->arena, mark);
}

static void tango__rank_probe(tango__net *net)
{
    const tango_rank_config *c = &net->model->rank;
    const size_t mark = net->arena->used;
    tango__rank_vector(net, NULL, tango__floats(net, c->frames, c->mels, 1));
    tango__rank_tokens(net, NULL, NULL, 1);
    tango_arena_release(net->arena, mark);
}

static void tango__rank_all(
    tango__net *net, float *scores, const float *waves, const tango_ranking *r)
{
    const tango_rank_config *c = &net->model->rank;
    const size_t mark = net->arena->used;
    float *text = tango__floats(net, c->projection, 1, 1),
          *sound = tango__floats(net, c->projection, 1, 1),
          *mel = tango__floats(net, c->frames, c->mels, 1);
    size_t i, k;
    tango__rank_prompt(net, text, r);
    for (i = 0; i < r->count && i < net->passes && net->result == TANGO_OK; i++) {
        double cosine = 0.0;
        tango__rank_features(
            net, mel, waves == NULL ? NULL : waves + i * r->samples, r);
        tango__rank_vector(net, sound, mel);
        if (tango__idle(net)) continue;
        for (k = 0; k < c->projection; k++) cosine += (double)text[k] * (double)sound[k];
        scores[i] = (float)cosine;
    }
    tango_arena_release(net->arena, mark);
}

/* What is asked for makes sense. */
static tango_result tango__check_ranking(
    const tango_model *m, const tango_ranking *r, tango_error *error)
{
    size_t total;
    const size_t rate = r->rate != 0 ? r->rate : m->rate;
    tango_result result = tango_check_parts(m, TANGO_PART_RANK, error);
    if (result != TANGO_OK) return result;
    if (r->prompt == NULL)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "prompt: none given");
    if (r->count == 0 || r->samples == 0 || !tango_mul_ok(r->count, r->samples, &total))
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "rank: %z sounds of %z samples, expected one or more of each", r->count,
            r->samples);
    if (rate == 0 || rate > 1000000)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
            "rank: a rate of %z Hz, expected 1 to 1000000", rate);
    if (!(r->gain >= 0.0f && r->gain <= 1e6f))
        return tango_io_fail(
            error, TANGO_ERROR_ARGUMENT, "rank: gain, expected 0 to 1000000");
    if (r->parallel_for != NULL && tango_nn_work_size(r->threads) == 0)
        return tango_io_fail(
            error, TANGO_ERROR_ARGUMENT, "threads: %z are too many", r->threads);
    return TANGO_OK;
}

/* Measures (arena without a base) or judges. */
static tango_result tango__rank_run(float *scores, const float *waves,
    const tango_model *model, const tango_ranking *r, tango_arena *arena,
    tango_error *error)
{
    tango_params params;
    tango__net net;
    tango_result result = tango__check_ranking(model, r, error);
    if (result != TANGO_OK) return result;
    params = tango__workers(r->kernels, r->parallel_for, r->pool, r->threads);
    tango__net_begin(&net, model, &params, arena, error);
    tango__rank_all(&net, scores, waves, r);
    return net.result;
}

TANGO_API tango_result tango_rank_memory(size_t *size, const tango_model *model,
    const tango_ranking *ranking, tango_error *error)
{
    tango_arena arena;
    tango_result result;
    memset(&arena, 0, sizeof arena);
    result = tango__rank_run(NULL, NULL, model, ranking, &arena, error);
    if (result == TANGO_OK) *size = arena.peak + TANGO__ALIGN;
    return result;
}

TANGO_API tango_result tango_rank(float *scores, const float *waves,
    const tango_model *model, const tango_ranking *ranking, void *memory, size_t size,
    tango_error *error)
{
    tango_arena arena;
    size_t needed = 0;
    tango_result result = tango_rank_memory(&needed, model, ranking, error);
    if (result != TANGO_OK) return result;
    if (memory == NULL || size < needed)
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
            "memory: %z bytes given, %z needed", size, needed);
    tango__arena_over(&arena, memory, size);
    result = tango__rank_run(scores, waves, model, ranking, &arena, error);
    tango__arena_close(&arena);
    return result;
}

#if defined __GNUC__ && !defined __clang__
#pragma GCC pop_options
#elif defined __clang__
#pragma STDC FP_CONTRACT DEFAULT
#endif
#endif /* TANGO_IMPLEMENTATION */

/*
MIT No Attribution

Copyright 2026 the tango authors

Permission is hereby granted, free of charge, to any person obtaining a copy of
this software and associated documentation files (the "Software"), to deal in the
Software without restriction, including without limitation the rights to use,
copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the
Software, and to permit persons to whom the Software is furnished to do so.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED,
INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A
PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT
HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION
OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE
SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
*/
