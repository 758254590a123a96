/* tango_audio.h - spectra, mel scales, levels, rates, and a vocoder without weights

   Version 0.1.0                          SPDX-License-Identifier: MIT-0 (text at the end)

   QUICK EXAMPLE

       #define TANGO_AUDIO_IMPLEMENTATION
       #include "tango_audio.h"
       #include <math.h>
       #include <stdio.h>
       #include <stdlib.h>

       int main(void)                       // the log-mel of one second of A4
       {
           static float x[16000], mel[101 * 64];
           size_t size = tango_audio_front_size(NULL);
           void *memory = malloc(size), *work = malloc(tango_audio_frame_work_size(NULL));
           tango_audio_front front;
           tango_error error;
           if (!memory || !work) return 1;
           if (tango_audio_front_init(&front, NULL, memory, size, &error) != TANGO_OK) {
               fprintf(stderr, "%s\n", error.text);
               return 1;
           }
           for (size_t n = 0; n < 16000; n++) x[n] = 0.5f * sinf(0.1727876f * (float)n);
           tango_audio_log_mel(mel, x, 16000, 0, 101, &front, work);
           printf("%.1f at 464 Hz, %.1f at 2537 Hz\n", (double)mel[50 * 64 + 9],
                  (double)mel[50 * 64 + 40]);
           free(work);
           free(memory);
           return 0;
       }

   WHAT IT DOES

   Fourier transforms of power-of-two sizes, short-time spectra and their inverse, mel
   filterbanks in the two recipes that Tango's data sets use and in CLAP's, the level
   rules of the two published encoders, resampling between any two rates, A-weighted
   loudness and mixing, and a vocoder without weights: non-negative inversion of a mel
   spectrogram followed by fast Griffin-Lim.

   WHAT IT DOES NOT

   It reads and writes no files (tango_io.h), draws no random numbers (the caller brings
   the starting phases), and transforms power-of-two sizes only.

   GLOSSARY

   rate      samples per second
   frame     `fft` consecutive samples times a window; neighbours start `hop` apart
   bin       one frequency of a transform: bin k is k * rate / fft; there are fft/2 + 1
   spectrum  the complex bins of a frame, as two arrays: real parts, imaginary parts
   mel       a scale of equal perceived steps; a mel band is a triangle over bins
   log-mel   ln(max(band, 1e-5)), the picture that Tango paints
   reflect   to mirror at an end without repeating the end: x[2] x[1] | x[0] x[1] ...

   LAYOUT

   Row-major, last index fastest, time first: a spectrogram is (T, bins), a mel is
   (T, mels). Only the starting phases of Griffin-Lim are (bins, T), the order in which
   the generator of the reference draws them. T counts frames.

   MEMORY

   Nothing is allocated. A plan (tango_audio_fft, _front, _resampler) is built once in a
   block of ..._size bytes that must outlive it; a function that needs room takes `work`
   of ..._work_size bytes. A size is 0 where parameters are out of range or it does not
   fit size_t. Blocks need the alignment of float.

   ERRORS

   Functions that can fail return a tango_result, describe the failure in *error (which
   may be NULL), and leave their outputs untouched. The others have preconditions, checked
   by TANGO_ASSERT. NaN and infinity: a transform passes them on to the bins of every
   frame that holds them, and log-mel, resampling and mixing keep them, whereas
   tango_audio_normalise and tango_audio_vocode refuse them. Denormals are computed with,
   not flushed. Counts may be 0 unless stated.

   THREADS

   Plans are only read after they are built: any number of threads may share them, each
   with its own work. tango_audio_stft and its kin take a range of frames, so that a long
   sound can be split. Results depend neither on the split nor on the vector level.

   BUILD OPTIONS

   TANGO_AUDIO_IMPLEMENTATION  the functions (TANGO_IMPLEMENTATION: of all headers)
   TANGO_STATIC                make every function static; only beside the code
   TANGO_API                   what stands before each public function instead of extern:
                               visibility, dllexport; in C++ with extern "C"
   TANGO_ASSERT(condition)     checks preconditions; default assert, nothing with NDEBUG
   TANGO_AUDIO_NO_SIMD         leave out vector instructions and the choice between them
                               (always so in freestanding builds on x86)
   TANGO_NO_OPTIMIZE           GCC's options stay as they are: for stepping in a debugger
   TANGO_QUIET                 no message when Clang compiles without optimisation
   TANGO_EXP, TANGO_LOG, TANGO_SIN, TANGO_COS, TANGO_SQRT (double), TANGO_EXPF,
   TANGO_SINF, TANGO_COSF, TANGO_SQRTF (float): default to those of <math.h>

   CONTENTS

    1 >>parameters  Sizes of the front end, and their defaults
    2 >>fft         Real and complex Fourier transforms
    3 >>window      Window functions
    4 >>stft        Short-time spectra and their inverse
    5 >>mel         Mel filterbanks, mel and log-mel spectrograms
    6 >>level       Channels, peaks, and the level rules of the encoders
    7 >>resample    From one rate to another
    8 >>loudness    Decibels, A-weighting, the matched mix, LUFS
    9 >>vocoder     From a mel to sound without a network: inversion and Griffin-Lim
   10 >>base        (private) mathematics, messages, division of memory
   11 >>kernels     (private) inner loops and their choice by processor
*/
#ifndef TANGO_AUDIO_H
#define TANGO_AUDIO_H

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

/* ==== 1 >>parameters ==== Sizes of the front end, and their defaults ============== */

/* Which mel spectrogram is meant. */
typedef enum tango_audio_recipe {
    TANGO_AUDIO_TACOTRON = 0, /* Slaney scale, area norm, magnitudes: for Tango's VAE */
    TANGO_AUDIO_TORCHAUDIO,   /* HTK scale, no norm, powers: its MelSpectrogram */
    TANGO_AUDIO_LIBROSA       /* Slaney scale, area norm, powers: for CLAP */
} tango_audio_recipe;

/* All zero, or a NULL pointer, is Tango: 16000 Hz, transform and window 1024, hop 160, 64
   bands from 0 to 8000 Hz, recipe tacotron. A field that is 0 takes the value of its
   comment. */
typedef struct tango_audio_parameters {
    size_t rate;               /* 16000 */
    size_t fft;                /* 1024; a power of two from 8 to 1048576 */
    size_t hop;                /* 160 */
    size_t window;             /* fft; shorter windows are centred in the frame */
    size_t mels;               /* 64; at most 4096 */
    double fmin;               /* 0 Hz */
    double fmax;               /* rate / 2 Hz */
    tango_audio_recipe recipe; /* tacotron */
} tango_audio_parameters;

/* The parameters with every zero replaced by its default. */
TANGO_API tango_audio_parameters tango_audio_defaults(
    const tango_audio_parameters *parameters);

/* ==== 2 >>fft ==== Real and complex Fourier transforms ============================ */

struct tango_audio_kernels;

/* Twiddle factors of one size, and the inner loops chosen for this processor. */
typedef struct tango_audio_fft {
    size_t size;
    const float *table;
    const struct tango_audio_kernels *kernels;
} tango_audio_fft;

/* Bytes of a plan for transforms of n points, and of the work of one call. n is a power
   of two from 2 to 2^26, otherwise 0. */
TANGO_API size_t tango_audio_fft_size(size_t n);
TANGO_API size_t tango_audio_fft_work_size(size_t n);
TANGO_API tango_result tango_audio_fft_init(tango_audio_fft *fft, size_t n, void *memory,
                                            size_t memory_size, tango_error *error);

/* X[k] = sum_j x[j] e^(-2 pi i j k / n) for k = 0 .. n/2.                (numpy.fft.rfft)
   re, im (n/2 + 1)   x (n). Nothing overlaps. im[0] and im[n/2] are 0. */
TANGO_API void tango_audio_fft_real(float *re, float *im, const float *x,
                                    const tango_audio_fft *fft, void *work);

/* The inverse, divided by n; im[0] and im[n/2] are not read.
                                                                      (numpy.fft.irfft) */
TANGO_API void tango_audio_fft_real_inverse(float *x, const float *re, const float *im,
                                            const tango_audio_fft *fft, void *work);

/* X[k] = sum_j x[j] e^(-2 pi i j k / n) in place, k = 0 .. n-1; the inverse divides by n.
   re, im (n). */
TANGO_API void tango_audio_fft_complex(float *re, float *im, const tango_audio_fft *fft,
                                       void *work);
TANGO_API void tango_audio_fft_complex_inverse(float *re, float *im,
                                               const tango_audio_fft *fft, void *work);

/* ==== 3 >>window ==== Window functions ============================================ */

typedef enum tango_audio_window_kind {
    TANGO_AUDIO_HANN = 0, /* 0.5 - 0.5 cos a */
    TANGO_AUDIO_HAMMING,  /* 0.54 - 0.46 cos a */
    TANGO_AUDIO_BLACKMAN, /* 0.42 - 0.5 cos a + 0.08 cos 2a */
    TANGO_AUDIO_RECTANGLE /* 1 */
} tango_audio_window_kind;

/* out (count); a is 2 pi n / count when periodic (for spectra), 2 pi n / (count - 1) when
   symmetric (for filters). Computed in double.
                                         (torch.hann_window, scipy.signal.windows) */
TANGO_API void tango_audio_window(float *out, size_t count, tango_audio_window_kind kind,
                                  int periodic);

/* ==== 4 >>stft ==== Short-time spectra and their inverse ========================== */

/* One band of the filterbank: weights[at .. at+count) multiply bins first .. first+count.
   count is a multiple of 8; the weights past the triangle are 0. */
typedef struct tango_audio_band {
    uint32_t first, count, at;
} tango_audio_band;

/* Everything that depends on the parameters alone: plan, window, filterbank. */
typedef struct tango_audio_front {
    tango_audio_parameters parameters; /* no field is 0 by omission */
    size_t bins;                       /* fft/2 + 1 */
    tango_audio_fft fft;
    const float *window;               /* (fft) periodic Hann, zero outside the window */
    const tango_audio_band *bands;     /* (mels) */
    const float *weights;              /* of all bands, in order */
} tango_audio_front;

/* parameters may be NULL. TANGO_ERROR_ARGUMENT names the field out of range. */
TANGO_API size_t tango_audio_front_size(const tango_audio_parameters *parameters);
TANGO_API tango_result tango_audio_front_init(tango_audio_front *front,
                                              const tango_audio_parameters *parameters,
                                              void *memory, size_t memory_size,
                                              tango_error *error);

/* Frames of a sound: samples / hop + 1. */
TANGO_API size_t tango_audio_frame_count(size_t samples, const tango_audio_front *front);

/* Work of tango_audio_stft, _magnitude, _mel, _log_mel. parameters may be NULL. */
TANGO_API size_t tango_audio_frame_work_size(const tango_audio_parameters *parameters);

/* Spectra of frames first .. first+count-1 of the whole sound x.
   re, im (count, bins)   x (samples). Frame m is centred on sample m * hop. Both ends
   continue by reflection, again and again where the sound is shorter than half a frame
   (torch refuses that); no sample at all counts as silence.
                                         (torch.stft, center=True, pad_mode="reflect") */
TANGO_API void tango_audio_stft(float *re, float *im, const float *x, size_t samples,
                                size_t first, size_t count,
                                const tango_audio_front *front, void *work);

/* sqrt(re^2 + im^2) of the same frames. out (count, bins). */
TANGO_API void tango_audio_magnitude(float *out, const float *x, size_t samples,
                                     size_t first, size_t count,
                                     const tango_audio_front *front, void *work);

/* Sound from spectra: overlap-add of windowed inverse transforms, divided by the overlap-
   add of squared windows.
   out (hop * (frames - 1))   re, im (frames, bins). TANGO_ERROR_ARGUMENT where hop and
   window leave a sample uncovered: the divisor is below 1e-11.
                                               (torch.istft, center=True, length=None) */
TANGO_API size_t tango_audio_istft_work_size(size_t frames,
                                             const tango_audio_parameters *parameters);
TANGO_API tango_result tango_audio_istft(float *out, const float *re, const float *im,
                                         size_t frames, const tango_audio_front *front,
                                         void *work, size_t work_size,
                                         tango_error *error);

/* ==== 5 >>mel ==== Mel filterbanks, mel and log-mel spectrograms ================== */

/* The dense filterbank. out (mels, bins). Band i is the triangle over the points f_i,
   f_(i+1), f_(i+2) of mels + 2 at equal mel distances from fmin to fmax, computed in
   double; tacotron and librosa scale it by 2 / (f_(i+2) - f_i).
          (librosa.filters.mel; torchaudio.functional.melscale_fbanks, htk, norm None) */
TANGO_API tango_result tango_audio_mel_basis(float *out,
                                             const tango_audio_parameters *parameters,
                                             tango_error *error);

/* Mel spectrogram of frames first .. first+count-1: the bands of magnitudes (tacotron) or
   of powers (torchaudio, librosa). out (count, mels)   x (samples). */
TANGO_API void tango_audio_mel(float *out, const float *x, size_t samples, size_t first,
                               size_t count, const tango_audio_front *front, void *work);

/* ln(max(mel, 1e-5)).
                               (TacotronSTFT.mel_spectrogram, spectral_normalize_torch) */
TANGO_API void tango_audio_log_mel(float *out, const float *x, size_t samples,
                                   size_t first, size_t count,
                                   const tango_audio_front *front, void *work);

/* ==== 6 >>level ==== Channels, peaks, and the level rules of the encoders ========= */

typedef enum tango_audio_channels {
    TANGO_AUDIO_FIRST = 0, /* channel 0 alone, as the encoders take it */
    TANGO_AUDIO_MONO       /* the average of all */
} tango_audio_channels;

/* One channel of interleaved ones. out (frames)   x (frames, channels). out may be x. */
TANGO_API void tango_audio_downmix(float *out, const float *x, size_t frames,
                                   size_t channels, tango_audio_channels how);

/* The average, in double, and max |x|, NaN where x holds one. Both are 0 of nothing. */
TANGO_API double tango_audio_mean(const float *x, size_t count);
TANGO_API float tango_audio_peak(const float *x, size_t count);

/* x *= peak / max|x|; a silent x stays as it is. */
TANGO_API void tango_audio_set_peak(float *x, size_t count, float peak);

/* Whose wav_to_fbank. Both: x -= mean; x /= max|x| + 1e-8; x *= 0.5; fit to target;
   x /= max|x|; x *= 0.5; clip to -1 .. 1.
   Tango cuts longer clips before the second peak is taken, and silence stays 0.
   AudioLDM keeps longer clips whole (the mel is cropped later), computes in double where
   it padded, and refuses silence and clips of 100 samples or fewer. */
typedef enum tango_audio_levels {
    TANGO_AUDIO_TANGO = 0,
    TANGO_AUDIO_AUDIOLDM
} tango_audio_levels;

/* Samples tango_audio_normalise writes: target, or count where AudioLDM keeps more. */
TANGO_API size_t tango_audio_normalised_count(size_t count, size_t target,
                                              tango_audio_levels levels);

/* A clip, one channel at the front end's rate, as an encoder wants it; a padded tail is
   exactly 0. For T frames target is T * hop.
   out (tango_audio_normalised_count)   x (count). out may be x.
   TANGO_ERROR_NUMBER: NaN or infinity in x.
                         (read_wav_file of declare-lab/tango and of haoheliu/AudioLDM) */
TANGO_API tango_result tango_audio_normalise(float *out, const float *x, size_t count,
                                             size_t target, tango_audio_levels levels,
                                             tango_error *error);

/* ==== 7 >>resample ==== From one rate to another ================================== */

/* The taps of every phase between two rates. */
typedef struct tango_audio_resampler {
    size_t source, target;  /* divided by their greatest common divisor */
    size_t taps;            /* a multiple of 8; 0 when the rates are equal */
    const int32_t *first;   /* (target) first input sample of each phase in its block */
    const float *kernel;    /* (target, taps) */
    const struct tango_audio_kernels *kernels;
} tango_audio_resampler;

/* Rates from 1 to 1000000. The table of 44100 to 16000 takes 26 kB; two rates without a
   common divisor take up to 94 bytes times the larger one. */
TANGO_API size_t tango_audio_resampler_size(size_t source, size_t target);
TANGO_API tango_result tango_audio_resampler_init(tango_audio_resampler *r, size_t source,
                                                  size_t target, void *memory,
                                                  size_t memory_size, tango_error *error);

/* Samples after conversion: ceil(count * target / source); 0 when that overflows. */
TANGO_API size_t tango_audio_resampled_count(size_t count,
                                             const tango_audio_resampler *r);

/* Windowed-sinc interpolation: with o, n the reduced rates and b = 0.99 min(o, n),
   y[i] = sum_j x[j] h(b (j/o - i/n)) b/o,
   h(t) = sin(pi t)/(pi t) cos(pi t/12)^2 for |t| < 6, else 0; x is 0 outside.
   Equal rates copy. The taps are computed in float, as the reference does.
   out (tango_audio_resampled_count)   x (count). They must not overlap.
             (torchaudio.functional.resample, sinc_interp_hann, width 6, rolloff 0.99) */
TANGO_API void tango_audio_resample(float *out, const float *x, size_t count,
                                    const tango_audio_resampler *r);
TANGO_API void tango_audio_resample_double(double *out, const double *x, size_t count,
                                           const tango_audio_resampler *r);

/* The same for a stream. Output samples out_first .. out_first + out_count - 1 need the
   input samples that _span gives; x holds x_first .. x_first + x_count - 1, all others
   count as 0. */
TANGO_API void tango_audio_resample_span(size_t *x_first, size_t *x_count,
                                         size_t out_first, size_t out_count,
                                         const tango_audio_resampler *r);
TANGO_API void tango_audio_resample_part(float *out, size_t out_first, size_t out_count,
                                         const float *x, size_t x_first, size_t x_count,
                                         const tango_audio_resampler *r);
TANGO_API void tango_audio_resample_part_double(double *out, size_t out_first,
                                                size_t out_count, const double *x,
                                                size_t x_first, size_t x_count,
                                                const tango_audio_resampler *r);

/* ==== 8 >>loudness ==== Decibels, A-weighting, the matched mix, LUFS =========== */

/* 20 log10(max(x, floor)) of magnitudes, 10 log10(max(x, floor)) of powers. out may be
   x; floor > 0. */
TANGO_API void tango_audio_magnitude_to_db(float *out, const float *x, size_t count,
                                           float floor);
TANGO_API void tango_audio_power_to_db(float *out, const float *x, size_t count,
                                       float floor);

/* A-weighting in dB of `bins` frequencies from 0 to rate/2, at least -80; bin 0 counts as
   1 Hz. */
TANGO_API void tango_audio_a_weighting(double *out, size_t bins, size_t rate);

/* Loudness in dB: the maximum over frames of
   10 log10(max(sum_k |X_k|^2 10^(A_k/10), 1e-8)).
   Frames: 2048 samples, periodic Hann, 1024 apart, whole ones only; a shorter sound is
   one frame, zero-padded. */
TANGO_API size_t tango_audio_loudness_work_size(void);
TANGO_API double tango_audio_loudness(const float *x, size_t count, size_t rate,
                                      void *work);

/* Peak, true peak, rms and loudness of a sound that comes in parts, as ITU-R BS.1770-4
   and EBU R 128 measure them.

   Loudness in LUFS: the sound is weighted by two filters (a shelf of 4 dB above 1.7 kHz,
   a high-pass at 38 Hz; at other rates than 48 kHz from the same analogue ones), mean
   squares are taken over 400 ms every 100 ms, channels are added up (of six, channel 3 is
   the LFE and left out, 4 and 5 count 1.41; of five, 3 and 4 count 1.41), and averaged
   over the blocks above -70 and then above 10 LU under the average of these. A shorter
   sound than 400 ms is one block. A mono sine of 997 Hz at full scale has -3.01. */
typedef struct tango_audio_meter {
    size_t rate, channels;
    uint64_t frames;
    double peak;            /* max |x| */
    double square;          /* sum of x^2 over all samples of all channels */
    double *state;          /* private, as all that follows */
    float *tail;            /* (channels, 12) last samples */
    uint32_t *counts;       /* blocks by loudness, in steps of 0.01 LU */
    double *energies;       /* their sums of mean squares */
    double taps[3][12];     /* between two samples: at 1/4, 2/4, 3/4 */
    double shelf[5], pass[5], part[4];
    double between;         /* max |x| between samples */
    size_t hop, at, parts;
} tango_audio_meter;

/* Rates from 8 kHz to 10 MHz, 1 to 8 channels; size 0 of others. */
TANGO_API size_t tango_audio_meter_size(size_t channels);
TANGO_API tango_result tango_audio_meter_init(tango_audio_meter *meter, size_t rate,
                                              size_t channels, void *memory,
                                              size_t memory_size, tango_error *error);
/* The next frames. x (frames, channels), finite. */
TANGO_API void tango_audio_meter_feed(tango_audio_meter *meter, const float *x,
                                      size_t frames);
/* LUFS of all that came; -1000 of silence and of what lies under -70. */
TANGO_API double tango_audio_meter_loudness(const tango_audio_meter *meter);
/* max |x| at four times the rate, at least meter->peak. */
TANGO_API double tango_audio_meter_true_peak(const tango_audio_meter *meter);

/* Two sounds at equal loudness, g1 and g2 being theirs:
   t = 1 / (1 + 10^((g1 - g2)/20) (1 - r)/r),
   out = (a t + b (1 - t)) / sqrt(t^2 + (1 - t)^2).
   All (count); out may be a or b; 0 < r < 1; work as tango_audio_loudness.
                          (Tokozume, Ushiku, Harada 2018, "Learning from between-class
                           examples for deep sound recognition") */
TANGO_API void tango_audio_mix(float *out, const float *a, const float *b, size_t count,
                               double r, size_t rate, void *work);

/* ==== 9 >>vocoder ==== From a mel to sound without a network ====================== */

/* Magnitudes X >= 0 with W X near exp(mel), W the filterbank: `rounds` times
   X *= W^T exp(mel) / (W^T W X). The reference takes 60.
   out (frames, bins)   mel (frames, mels), natural log. Every frame is on its own.
   (Lee and Seung 2001, "Algorithms for non-negative matrix factorization", theorem 1) */
TANGO_API size_t tango_audio_invert_mel_work_size(
    const tango_audio_parameters *parameters);
TANGO_API void tango_audio_invert_mel(float *out, const float *mel, size_t frames,
                                      size_t rounds, const tango_audio_front *front,
                                      void *work);

/* What hears, about every 256 frames of a round, which share of the work is done, from
   above 0 to 1; what it returns, if not 0, stops the work. */
typedef struct tango_audio_progress {
    int (*on_share)(void *user, double share);
    void *user;
} tango_audio_progress;

/* A wave whose magnitudes are near the given ones. Each round transforms the wave of the
   last one into R, and gives the magnitudes the phases of R - R' momentum/(1 + momentum),
   R' being the R of the round before. 0 rounds leave the starting phases.
   out (hop * (frames - 1))   magnitude (frames, bins)   uniform (bins, frames) in [0, 1):
   the starting phases over 2 pi. frames >= 2. progress may be NULL; where it stops the
   work, TANGO_ERROR_CANCELLED.
           (Perraudin, Balazs, Soendergaard 2013, "A fast Griffin-Lim algorithm";
            momentum 0.99) */
TANGO_API size_t tango_audio_griffin_lim_work_size(
    size_t frames, const tango_audio_parameters *parameters);
TANGO_API tango_result tango_audio_griffin_lim(float *out, const float *magnitude,
                                               size_t frames, size_t rounds,
                                               float momentum, const float *uniform,
                                               const tango_audio_front *front,
                                               const tango_audio_progress *progress,
                                               void *work, size_t work_size,
                                               tango_error *error);

/* How far a wave is from magnitudes: || |STFT(x)| - S || / || S ||, Frobenius norms.
   x (hop * (frames - 1))   magnitude (frames, bins); work as tango_audio_magnitude. */
TANGO_API double tango_audio_convergence(const float *x, const float *magnitude,
                                         size_t frames, const tango_audio_front *front,
                                         void *work);

/* Both steps, 60 rounds of inversion and `rounds` of Griffin-Lim (the reference takes 60)
   with momentum 0.99: mel (frames, mels), the natural log of a tacotron mel, becomes
   out (hop * (frames - 1)). parameters may be NULL; frames, uniform, progress as above.
   TANGO_ERROR_NUMBER: NaN or infinity in mel, or a mel too loud to compute with. */
TANGO_API size_t tango_audio_vocode_work_size(size_t frames,
                                              const tango_audio_parameters *parameters);
TANGO_API tango_result tango_audio_vocode(float *out, const float *mel, size_t frames,
                                          const tango_audio_parameters *parameters,
                                          size_t rounds, const float *uniform,
                                          const tango_audio_progress *progress,
                                          void *work, size_t work_size,
                                          tango_error *error);

#endif /* TANGO_AUDIO_H */

#if (defined TANGO_AUDIO_IMPLEMENTATION || defined TANGO_IMPLEMENTATION) && \
    !defined TANGO_AUDIO_IMPLEMENTED
#define TANGO_AUDIO_IMPLEMENTED

#if defined __STDC_HOSTED__ && __STDC_HOSTED__ == 0
#ifdef __cplusplus
extern "C" {
#endif
void *memcpy(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);
#ifdef __cplusplus
}
#endif
#else
#include <string.h>
#endif
/* GCC's vector headers ask for <stdlib.h>, so a freestanding build does without. */
#if !defined TANGO_AUDIO_NO_SIMD && defined __SSE2__ && __STDC_HOSTED__ == 1
#define TANGO_AUDIO__SSE2 1
#if defined __GNUC__ /* clang calls itself GNUC too */
#define TANGO_AUDIO__X86 1
#include <immintrin.h>
#else
#include <emmintrin.h>
#endif
#elif !defined TANGO_AUDIO_NO_SIMD && defined __aarch64__
#include <arm_neon.h>
#define TANGO_AUDIO__NEON 1
#endif

/* ==== 10 >>base ==== Mathematics, messages, division of memory ==================== */

/* What is used of <math.h>; a build that defines all of it does not include that. */
#if !defined TANGO_SIN || !defined TANGO_COS || !defined TANGO_EXP ||                    \
    !defined TANGO_LOG || !defined TANGO_SQRT || !defined TANGO_SINF ||                  \
    !defined TANGO_COSF || !defined TANGO_EXPF || !defined TANGO_SQRTF
#include <math.h>
#endif
#ifndef TANGO_SIN
#define TANGO_SIN(x) sin(x)
#endif
#ifndef TANGO_COS
#define TANGO_COS(x) cos(x)
#endif
#ifndef TANGO_EXP
#define TANGO_EXP(x) exp(x)
#endif
#ifndef TANGO_LOG
#define TANGO_LOG(x) log(x)
#endif
#ifndef TANGO_SQRT
#define TANGO_SQRT(x) sqrt(x)
#endif
#ifndef TANGO_SINF
#define TANGO_SINF(x) sinf(x)
#endif
#ifndef TANGO_COSF
#define TANGO_COSF(x) cosf(x)
#endif
#ifndef TANGO_EXPF
#define TANGO_EXPF(x) expf(x)
#endif
#ifndef TANGO_SQRTF
#define TANGO_SQRTF(x) sqrtf(x)
#endif

/* No result depends on these lines except through speed: contraction of a*b + c is off,
   so all builds of a loop round alike. Without -O GCC optimises what is marked HOT fully,
   the rest as far as it costs no time, and leaves out what nobody calls; with -O all
   fully. -Os keeps the user's choice of size. */
#define TANGO_AUDIO__HOT
#if defined __GNUC__ && !defined __clang__
#pragma GCC push_options
#ifdef TANGO_NO_OPTIMIZE
#elif defined TANGO__PLAIN
#pragma GCC optimize("Og")
#pragma GCC optimize("toplevel-reorder") /* without it GCC writes what nobody calls */
#undef TANGO_AUDIO__HOT
#define TANGO_AUDIO__HOT __attribute__((optimize("O3", "fp-contract=off")))
#elif !defined __OPTIMIZE_SIZE__
#pragma GCC optimize("O3")
#endif
#pragma GCC optimize("fp-contract=off")
#elif defined __clang__
#pragma STDC FP_CONTRACT OFF
#if !defined __OPTIMIZE__ && !defined TANGO_QUIET
#pragma message("tango_audio.h: clang without -O2 makes slow code")
#endif
#endif

/* An inner loop is written once, in plain C, as an INLINE body for its builds to take. */
#if defined __GNUC__ || defined __clang__
#define TANGO_AUDIO__INLINE static inline __attribute__((always_inline))
#define TANGO_AUDIO__RESTRICT __restrict
#elif defined _MSC_VER
#define TANGO_AUDIO__INLINE static __forceinline
#define TANGO_AUDIO__RESTRICT __restrict
#else
#define TANGO_AUDIO__INLINE static inline
#define TANGO_AUDIO__RESTRICT
#endif
#ifdef TANGO_AUDIO__X86
#define TANGO_AUDIO__AVX2 TANGO_AUDIO__HOT __attribute__((target("avx2")))
#if defined __clang__ || __GNUC__ < 8
#define TANGO_AUDIO__AVX512                                                              \
    TANGO_AUDIO__HOT __attribute__((target("avx512f,avx512vl,avx512dq")))
#else
#define TANGO_AUDIO__AVX512                                                              \
    TANGO_AUDIO__HOT                                                                     \
    __attribute__((target("avx512f,avx512vl,avx512dq,prefer-vector-width=512")))
#endif
#endif

/* Before a loop whose turns touch different elements, which a compiler cannot see where
   the distance of two arrays is a variable. Where clang then finds no vectors, it warns:
   on other processors, and under its checks for undefined behaviour. */
#if defined __clang__
#if (defined __SSE2__ || defined __aarch64__) && \
    !__has_feature(undefined_behavior_sanitizer)
#define TANGO_AUDIO__INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#endif
#elif defined __GNUC__
#define TANGO_AUDIO__INDEPENDENT _Pragma("GCC ivdep")
#endif
#ifndef TANGO_AUDIO__INDEPENDENT
#define TANGO_AUDIO__INDEPENDENT
#endif

/* Before a short loop that is one vector or two: GCC would write it out first and then
   look for vectors in that, which takes it ten times as long. */
#if defined __GNUC__ && !defined __clang__ && __GNUC__ >= 8
#define TANGO_AUDIO__ROLLED _Pragma("GCC unroll 1")
#else
#define TANGO_AUDIO__ROLLED
#endif

#define TANGO_AUDIO__TAU 6.283185307179586476925
#define TANGO_AUDIO__LN10 2.302585092994045684018
#define TANGO_AUDIO__LANES 16 /* mel frames inverted side by side */

/* Writes `text` with each % replaced by the next number, and returns result. */
static tango_result tango_audio__fail(tango_error *error, tango_result result,
                                      const char *text, uint64_t a, uint64_t b)
{
    size_t at = 0, limit = sizeof error->text - 1;
    uint64_t value = a;
    if (!error) return result;
    for (; *text && at < limit; text++) {
        char digits[20];
        size_t count = 0;
        if (*text != '%') {
            error->text[at++] = *text;
            continue;
        }
        do digits[count++] = (char)('0' + value % 10); while ((value /= 10) != 0);
        while (count && at < limit) error->text[at++] = digits[--count];
        value = b;
    }
    error->text[at] = 0;
    return result;
}

/* Divides a block into arrays at 64-byte steps. With `begin` NULL it only measures, so
   one function describes a layout for both uses and the two cannot disagree. */
typedef struct tango_audio__room {
    unsigned char *begin;
    size_t used; /* SIZE_MAX once something did not fit size_t */
} tango_audio__room;

static tango_audio__room tango_audio__room_of(void *block)
{
    tango_audio__room room;
    /* The start is rounded up to 64 as well; measuring counts the worst case. */
    size_t lost = block ? (size_t)(0 - (uintptr_t)block) & 63 : 63;
    room.begin = (unsigned char *)block;
    room.used = lost;
    return room;
}

static void *tango_audio__take(tango_audio__room *room, size_t count, size_t size)
{
    size_t bytes, at = room->used, end;
    if (!tango_mul_ok(count, size, &bytes) || !tango_add_ok(bytes, 63, &bytes) ||
        !tango_add_ok(at, bytes & ~(size_t)63, &end)) {
        room->used = SIZE_MAX;
        return NULL;
    }
    room->used = end;
    return room->begin ? room->begin + at : NULL;
}

static float *tango_audio__take_floats(tango_audio__room *room, size_t count)
{
    return (float *)tango_audio__take(room, count, sizeof(float));
}

/* The measured size, 0 when it overflowed. */
static size_t tango_audio__room_size(const tango_audio__room *room)
{
    return room->used == SIZE_MAX ? 0 : room->used;
}

/* NaN and infinity are those whose difference with themselves is not 0. */
TANGO_AUDIO__HOT
static int tango_audio__all_finite(const float *x, size_t count, size_t *where)
{
    for (size_t begin = 0; begin < count; begin += 256) {
        const size_t end = count - begin < 256 ? count : begin + 256;
        int bad = 0; /* of the whole block: no way out keeps the loop from vectors */
        for (size_t n = begin; n < end; n++) bad |= x[n] - x[n] != 0.0f;
        for (size_t n = begin; bad && n < end; n++) {
            if (x[n] - x[n] == 0.0f) continue;
            *where = n;
            return 0;
        }
    }
    return 1;
}

/* ==== 11 >>kernels ==== Inner loops and their choice by processor ================= */

/* The passes are Stockham's: each reads one array and writes another, the results come
   out in order, and every inner loop walks contiguous memory. A pass of radix r over
   blocks of n = r m points at stride s computes, for q < s and p < m,
   y[q + s (r p + k)] = W_n^(kp) sum_j W_r^(jk) x[q + s (p + j m)].
   (Van Loan 1992, "Computational frameworks for the fast Fourier transform", 1.7) */

/* The transform of eight points in place: one of the even and one of the odd points, the
   latter turned by W_8^k, then their sums and differences. */
TANGO_AUDIO__INLINE void tango_audio__eight(float r[8], float i[8])
{
    const float h = 0.70710678118654752f; /* W_8 = (1 - i) h */
    const float ar = r[0] + r[4], ai = i[0] + i[4], br = r[0] - r[4], bi = i[0] - i[4];
    const float cr = r[2] + r[6], ci = i[2] + i[6], dr = r[2] - r[6], di = i[2] - i[6];
    const float er = r[1] + r[5], ei = i[1] + i[5], fr = r[1] - r[5], fi = i[1] - i[5];
    const float gr = r[3] + r[7], gi = i[3] + i[7], hr = r[3] - r[7], hi = i[3] - i[7];
    const float e0r = ar + cr, e0i = ai + ci, e1r = br + di, e1i = bi - dr;
    const float e2r = ar - cr, e2i = ai - ci, e3r = br - di, e3i = bi + dr;
    const float o0r = er + gr, o0i = ei + gi, u1r = fr + hi, u1i = fi - hr;
    const float o2r = ei - gi, o2i = gr - er, u3r = fr - hi, u3i = fi + hr;
    const float o1r = h * (u1r + u1i), o1i = h * (u1i - u1r);
    const float o3r = h * (u3i - u3r), o3i = -h * (u3r + u3i);
    r[0] = e0r + o0r, i[0] = e0i + o0i, r[4] = e0r - o0r, i[4] = e0i - o0i;
    r[1] = e1r + o1r, i[1] = e1i + o1i, r[5] = e1r - o1r, i[5] = e1i - o1i;
    r[2] = e2r + o2r, i[2] = e2i + o2i, r[6] = e2r - o2r, i[6] = e2i - o2i;
    r[3] = e3r + o3r, i[3] = e3i + o3i, r[7] = e3r - o3r, i[7] = e3i - o3i;
}

/* Radix 8 at stride 1, the first pass; vectors run along p. w: 14 tables of m entries. */
TANGO_AUDIO__INLINE void tango_audio__first8_body(
    float *TANGO_AUDIO__RESTRICT yr, float *TANGO_AUDIO__RESTRICT yi,
    const float *TANGO_AUDIO__RESTRICT xr, const float *TANGO_AUDIO__RESTRICT xi,
    const float *TANGO_AUDIO__RESTRICT w, size_t m)
{
    for (size_t p = 0; p < m; p++) {
        float r[8] = { xr[p],         xr[p + m],     xr[p + 2 * m], xr[p + 3 * m],
                       xr[p + 4 * m], xr[p + 5 * m], xr[p + 6 * m], xr[p + 7 * m] };
        float i[8] = { xi[p],         xi[p + m],     xi[p + 2 * m], xi[p + 3 * m],
                       xi[p + 4 * m], xi[p + 5 * m], xi[p + 6 * m], xi[p + 7 * m] };
        const float *v = w + p;
        float *sr = yr + 8 * p, *si = yi + 8 * p;
        tango_audio__eight(r, i);
        sr[0] = r[0];
        si[0] = i[0];
        sr[1] = r[1] * v[0] - i[1] * v[m];
        si[1] = r[1] * v[m] + i[1] * v[0];
        sr[2] = r[2] * v[2 * m] - i[2] * v[3 * m];
        si[2] = r[2] * v[3 * m] + i[2] * v[2 * m];
        sr[3] = r[3] * v[4 * m] - i[3] * v[5 * m];
        si[3] = r[3] * v[5 * m] + i[3] * v[4 * m];
        sr[4] = r[4] * v[6 * m] - i[4] * v[7 * m];
        si[4] = r[4] * v[7 * m] + i[4] * v[6 * m];
        sr[5] = r[5] * v[8 * m] - i[5] * v[9 * m];
        si[5] = r[5] * v[9 * m] + i[5] * v[8 * m];
        sr[6] = r[6] * v[10 * m] - i[6] * v[11 * m];
        si[6] = r[6] * v[11 * m] + i[6] * v[10 * m];
        sr[7] = r[7] * v[12 * m] - i[7] * v[13 * m];
        si[7] = r[7] * v[13 * m] + i[7] * v[12 * m];
    }
}

/* Radix 4 at stride s, a multiple of 8: vectors run along q. w: 6 tables of m entries. */
TANGO_AUDIO__INLINE void tango_audio__pass4_body(
    float *TANGO_AUDIO__RESTRICT yr, float *TANGO_AUDIO__RESTRICT yi,
    const float *TANGO_AUDIO__RESTRICT xr, const float *TANGO_AUDIO__RESTRICT xi,
    const float *TANGO_AUDIO__RESTRICT w, size_t m, size_t s)
{
    /* With the last bits of the end 0 by sight, no leftover loop is compiled. */
    const size_t apart = s * m, end = s & ~(size_t)7;
    for (size_t p = 0; p < m; p++) {
        const float w1r = w[p], w1i = w[m + p], w2r = w[2 * m + p], w2i = w[3 * m + p];
        const float w3r = w[4 * m + p], w3i = w[5 * m + p];
        const float *ur = xr + s * p, *ui = xi + s * p;
        float *vr = yr + 4 * s * p, *vi = yi + 4 * s * p;
        TANGO_AUDIO__INDEPENDENT
        for (size_t q = 0; q < end; q++) {
            const float ar = ur[q] + ur[q + 2 * apart], ai = ui[q] + ui[q + 2 * apart];
            const float br = ur[q] - ur[q + 2 * apart], bi = ui[q] - ui[q + 2 * apart];
            const float cr = ur[q + apart] + ur[q + 3 * apart];
            const float ci = ui[q + apart] + ui[q + 3 * apart];
            const float dr = ur[q + apart] - ur[q + 3 * apart];
            const float di = ui[q + apart] - ui[q + 3 * apart];
            const float z1r = br + di, z1i = bi - dr, z2r = ar - cr, z2i = ai - ci;
            const float z3r = br - di, z3i = bi + dr;
            vr[q] = ar + cr;
            vi[q] = ai + ci;
            vr[q + s] = z1r * w1r - z1i * w1i;
            vi[q + s] = z1r * w1i + z1i * w1r;
            vr[q + 2 * s] = z2r * w2r - z2i * w2i;
            vi[q + 2 * s] = z2r * w2i + z2i * w2r;
            vr[q + 3 * s] = z3r * w3r - z3i * w3i;
            vi[q + 3 * s] = z3r * w3i + z3i * w3r;
        }
    }
}

/* Radix 4 at stride 8, the second pass. */
TANGO_AUDIO__HOT
static void tango_audio__second4_ref(float *yr, float *yi, const float *xr,
                                     const float *xi, const float *w, size_t m)
{
    tango_audio__pass4_body(yr, yi, xr, xi, w, m, 8);
}

#ifdef TANGO_AUDIO__X86
TANGO_AUDIO__AVX2 static void tango_audio__second4_avx2(float *yr, float *yi,
                                                        const float *xr, const float *xi,
                                                        const float *w, size_t m)
{
    tango_audio__pass4_body(yr, yi, xr, xi, w, m, 8);
}

/* The twiddles of two neighbours, each in eight lanes. */
TANGO_AUDIO__AVX512 TANGO_AUDIO__INLINE __m512 tango_audio__pair_avx512(const float *w)
{
    return _mm512_mask_blend_ps(0xff00, _mm512_set1_ps(w[0]), _mm512_set1_ps(w[1]));
}

/* Stores the first rows of eight of z0 .. z3, then the second ones. Under full masks, as
   g++ 12 warns of the intrinsics without. */
TANGO_AUDIO__AVX512 TANGO_AUDIO__INLINE void
tango_audio__rows_avx512(float *y, __m512 z0, __m512 z1, __m512 z2, __m512 z3)
{
    const __mmask16 all = 0xffff;
    _mm512_storeu_ps(y, _mm512_maskz_shuffle_f32x4(all, z0, z1, 0x44));
    _mm512_storeu_ps(y + 16, _mm512_maskz_shuffle_f32x4(all, z2, z3, 0x44));
    _mm512_storeu_ps(y + 32, _mm512_maskz_shuffle_f32x4(all, z0, z1, 0xee));
    _mm512_storeu_ps(y + 48, _mm512_maskz_shuffle_f32x4(all, z2, z3, 0xee));
}

/* A row of this pass is half a vector, so that two rows are taken at once. */
TANGO_AUDIO__AVX512
static void tango_audio__second4_avx512(float *yr, float *yi, const float *xr,
                                        const float *xi, const float *w, size_t m)
{
    if (m % 2) { /* n = 32 */
        tango_audio__pass4_body(yr, yi, xr, xi, w, m, 8);
        return;
    }
    for (size_t p = 0; p < m; p += 2) {
        const float *ur = xr + 8 * p, *ui = xi + 8 * p, *v = w + p;
        const __m512 x0r = _mm512_loadu_ps(ur), x0i = _mm512_loadu_ps(ui);
        const __m512 x1r = _mm512_loadu_ps(ur + 8 * m), x1i = _mm512_loadu_ps(ui + 8 * m);
        const __m512 x2r = _mm512_loadu_ps(ur + 16 * m);
        const __m512 x2i = _mm512_loadu_ps(ui + 16 * m);
        const __m512 x3r = _mm512_loadu_ps(ur + 24 * m);
        const __m512 x3i = _mm512_loadu_ps(ui + 24 * m);
        const __m512 ar = x0r + x2r, ai = x0i + x2i, br = x0r - x2r, bi = x0i - x2i;
        const __m512 cr = x1r + x3r, ci = x1i + x3i, dr = x1r - x3r, di = x1i - x3i;
        const __m512 z1r = br + di, z1i = bi - dr, z2r = ar - cr, z2i = ai - ci;
        const __m512 z3r = br - di, z3i = bi + dr;
        const __m512 w1r = tango_audio__pair_avx512(v);
        const __m512 w1i = tango_audio__pair_avx512(v + m);
        const __m512 w2r = tango_audio__pair_avx512(v + 2 * m);
        const __m512 w2i = tango_audio__pair_avx512(v + 3 * m);
        const __m512 w3r = tango_audio__pair_avx512(v + 4 * m);
        const __m512 w3i = tango_audio__pair_avx512(v + 5 * m);
        tango_audio__rows_avx512(yr + 32 * p, ar + cr, z1r * w1r - z1i * w1i,
                                 z2r * w2r - z2i * w2i, z3r * w3r - z3i * w3i);
        tango_audio__rows_avx512(yi + 32 * p, ai + ci, z1r * w1i + z1i * w1r,
                                 z2r * w2i + z2i * w2r, z3r * w3i + z3i * w3r);
    }
}
#endif

/* Radix 8 at stride s = n/8 and radix 2 at s = n/2, last passes: no twiddles are left. */
TANGO_AUDIO__INLINE void tango_audio__last8_body(float *TANGO_AUDIO__RESTRICT yr,
                                                 float *TANGO_AUDIO__RESTRICT yi,
                                                 const float *TANGO_AUDIO__RESTRICT xr,
                                                 const float *TANGO_AUDIO__RESTRICT xi,
                                                 size_t s)
{
    const size_t end = s & ~(size_t)7;
    TANGO_AUDIO__INDEPENDENT
    for (size_t q = 0; q < end; q++) {
        float r[8] = { xr[q],         xr[q + s],     xr[q + 2 * s], xr[q + 3 * s],
                       xr[q + 4 * s], xr[q + 5 * s], xr[q + 6 * s], xr[q + 7 * s] };
        float i[8] = { xi[q],         xi[q + s],     xi[q + 2 * s], xi[q + 3 * s],
                       xi[q + 4 * s], xi[q + 5 * s], xi[q + 6 * s], xi[q + 7 * s] };
        tango_audio__eight(r, i);
        yr[q] = r[0], yr[q + s] = r[1], yr[q + 2 * s] = r[2], yr[q + 3 * s] = r[3];
        yi[q] = i[0], yi[q + s] = i[1], yi[q + 2 * s] = i[2], yi[q + 3 * s] = i[3];
        yr[q + 4 * s] = r[4], yr[q + 5 * s] = r[5], yr[q + 6 * s] = r[6];
        yi[q + 4 * s] = i[4], yi[q + 5 * s] = i[5], yi[q + 6 * s] = i[6];
        yr[q + 7 * s] = r[7];
        yi[q + 7 * s] = i[7];
    }
}

TANGO_AUDIO__INLINE void tango_audio__last2_body(float *TANGO_AUDIO__RESTRICT yr,
                                                 float *TANGO_AUDIO__RESTRICT yi,
                                                 const float *TANGO_AUDIO__RESTRICT xr,
                                                 const float *TANGO_AUDIO__RESTRICT xi,
                                                 size_t s)
{
    for (size_t q = 0; q < s; q++) {
        yr[q] = xr[q] + xr[q + s];
        yi[q] = xi[q] + xi[q + s];
        yr[q + s] = xr[q] - xr[q + s];
        yi[q + s] = xi[q] - xi[q + s];
    }
}

/* A real transform through a complex one Z of the even samples + i the odd ones, m = n/2:
   E = (Z[k] + conj Z[m-k])/2,  O = (Z[k] - conj Z[m-k])/2i,
   X[k] = E + W O,  X[m-k] = conj(E - W O)  for 0 < k < m/2.
   lo is X, hi is X + m/2: as separate arguments the compiler knows they do not meet. */
TANGO_AUDIO__INLINE void tango_audio__unmix_body(
    float *TANGO_AUDIO__RESTRICT lo_re, float *TANGO_AUDIO__RESTRICT lo_im,
    float *TANGO_AUDIO__RESTRICT hi_re, float *TANGO_AUDIO__RESTRICT hi_im,
    const float *TANGO_AUDIO__RESTRICT zr, const float *TANGO_AUDIO__RESTRICT zi,
    const float *TANGO_AUDIO__RESTRICT wr, const float *TANGO_AUDIO__RESTRICT wi,
    size_t m)
{
    for (size_t k = 1; k < m / 2; k++) {
        const float er = 0.5f * (zr[k] + zr[m - k]), ei = 0.5f * (zi[k] - zi[m - k]);
        const float qr = 0.5f * (zi[k] + zi[m - k]), qi = 0.5f * (zr[m - k] - zr[k]);
        const float tr = qr * wr[k] - qi * wi[k], ti = qr * wi[k] + qi * wr[k];
        lo_re[k] = er + tr;
        lo_im[k] = ei + ti;
        hi_re[m / 2 - k] = er - tr;
        hi_im[m / 2 - k] = ti - ei;
    }
}

/* The way back, scaled:
   E = X[k] + conj X[m-k],  O = conj(W) (X[k] - conj X[m-k]),
   Z[k] = E + i O,  Z[m-k] = conj E + i conj O  for 0 < k < m/2; lo is Z, hi Z + m/2. */
TANGO_AUDIO__INLINE void tango_audio__remix_body(
    float *TANGO_AUDIO__RESTRICT lo_re, float *TANGO_AUDIO__RESTRICT lo_im,
    float *TANGO_AUDIO__RESTRICT hi_re, float *TANGO_AUDIO__RESTRICT hi_im,
    const float *TANGO_AUDIO__RESTRICT xr, const float *TANGO_AUDIO__RESTRICT xi,
    const float *TANGO_AUDIO__RESTRICT wr, const float *TANGO_AUDIO__RESTRICT wi,
    size_t m, float scale)
{
    for (size_t k = 1; k < m / 2; k++) {
        const float er = xr[k] + xr[m - k], ei = xi[k] - xi[m - k];
        const float dr = xr[k] - xr[m - k], di = xi[k] + xi[m - k];
        const float qr = dr * wr[k] + di * wi[k], qi = di * wr[k] - dr * wi[k];
        lo_re[k] = scale * (er - qi);
        lo_im[k] = scale * (ei + qr);
        hi_re[m / 2 - k] = scale * (er + qi);
        hi_im[m / 2 - k] = scale * (qr - ei);
    }
}

/* even, odd (m) samples of x (2m) times window (2m), which may be NULL; and back. */
TANGO_AUDIO__INLINE void
tango_audio__split_body(float *TANGO_AUDIO__RESTRICT even,
                        float *TANGO_AUDIO__RESTRICT odd,
                        const float *TANGO_AUDIO__RESTRICT x,
                        const float *TANGO_AUDIO__RESTRICT window, size_t m)
{
    if (window) {
        for (size_t j = 0; j < m; j++) {
            even[j] = x[2 * j] * window[2 * j];
            odd[j] = x[2 * j + 1] * window[2 * j + 1];
        }
    } else {
        for (size_t j = 0; j < m; j++) {
            even[j] = x[2 * j];
            odd[j] = x[2 * j + 1];
        }
    }
}

TANGO_AUDIO__INLINE void tango_audio__join_body(float *TANGO_AUDIO__RESTRICT x,
                                                const float *TANGO_AUDIO__RESTRICT even,
                                                const float *TANGO_AUDIO__RESTRICT odd,
                                                size_t m)
{
    for (size_t j = 0; j < m; j++) {
        x[2 * j] = even[j];
        x[2 * j + 1] = odd[j];
    }
}

/* x = sqrt(x). Compilers keep a loop of sqrtf scalar for the sake of errno, so the vector
   instructions stand here; they round like sqrtf. */
TANGO_AUDIO__INLINE void tango_audio__roots_ref(float *x, size_t count)
{
    size_t n = 0;
#ifdef TANGO_AUDIO__SSE2
    for (; count - n >= 4; n += 4) _mm_storeu_ps(x + n, _mm_sqrt_ps(_mm_loadu_ps(x + n)));
#elif defined TANGO_AUDIO__NEON
    for (; count - n >= 4; n += 4) vst1q_f32(x + n, vsqrtq_f32(vld1q_f32(x + n)));
#endif
    for (; n < count; n++) x[n] = TANGO_SQRTF(x[n]);
}

#ifdef TANGO_AUDIO__X86
TANGO_AUDIO__AVX2 TANGO_AUDIO__INLINE void tango_audio__roots_avx2(float *x, size_t count)
{
    size_t n = 0;
    for (; count - n >= 8; n += 8) {
        _mm256_storeu_ps(x + n, _mm256_sqrt_ps(_mm256_loadu_ps(x + n)));
    }
    for (; n < count; n++) x[n] = TANGO_SQRTF(x[n]);
}

TANGO_AUDIO__AVX512 TANGO_AUDIO__INLINE void tango_audio__roots_avx512(float *x,
                                                                       size_t count)
{
    size_t n = 0;
    for (; count - n >= 16; n += 16) { /* under a full mask, as above */
        _mm512_storeu_ps(x + n, _mm512_maskz_sqrt_ps(0xffff, _mm512_loadu_ps(x + n)));
    }
    for (; n < count; n++) x[n] = TANGO_SQRTF(x[n]);
}
#endif

/* out = re^2 + im^2 */
TANGO_AUDIO__INLINE void tango_audio__power_body(float *TANGO_AUDIO__RESTRICT out,
                                                 const float *TANGO_AUDIO__RESTRICT re,
                                                 const float *TANGO_AUDIO__RESTRICT im,
                                                 size_t bins)
{
    for (size_t k = 0; k < bins; k++) out[k] = re[k] * re[k] + im[k] * im[k];
}

/* x = ln x for x >= 2^-126; infinity and NaN stay. With x = 2^e (1 + f) and 1 + f in
   sqrt(1/2) .. sqrt(2): e ln 2 + f - f^2/2 + f^3 P(f), within 1 ulp. ln 2 comes as a
   short number, whose product with e is exact, and the rest.
                                                      (logf of Cephes, S. L. Moshier) */
TANGO_AUDIO__INLINE void tango_audio__logarithm_body(float *x, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        const float v = x[n];
        uint32_t bits, shifted;
        float e, f, p, square, odd;
        memcpy(&bits, &v, sizeof bits);
        shifted = bits + (0x3f800000u - 0x3f3504f3u); /* carries at sqrt(1/2) 2^e */
        e = (float)((int32_t)(shifted >> 23) - 127);
        bits = (shifted & 0x007fffffu) + 0x3f3504f3u;
        memcpy(&f, &bits, sizeof f);
        f -= 1.0f;
        square = f * f;
        p = 7.0376836292e-2f;
        p = p * f - 1.1514610310e-1f;
        p = p * f + 1.1676998740e-1f;
        p = p * f - 1.2420140846e-1f;
        p = p * f + 1.4249322787e-1f;
        p = p * f - 1.6668057665e-1f;
        p = p * f + 2.0000714765e-1f;
        p = p * f - 2.4999993993e-1f;
        p = p * f + 3.3333331174e-1f;
        p = p * f * square + e * -2.12194440e-4f - 0.5f * square;
        /* odd: infinity or NaN as they come, otherwise 0; no branch keeps out vectors. */
        memcpy(&bits, &v, sizeof bits);
        bits &= 0u - (((bits & 0x7fffffffu) + 0x00800000u) >> 31);
        memcpy(&odd, &bits, sizeof odd);
        x[n] = f + p + e * 0.693359375f + odd;
    }
}

/* The sum of eight partial sums: a fixed order that vector units can follow. */
TANGO_AUDIO__INLINE float tango_audio__sum8(const float s[8])
{
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

TANGO_AUDIO__INLINE double tango_audio__sum8_double(const double s[8])
{
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

/* sum a b over a count that is a multiple of 8. */
TANGO_AUDIO__INLINE float tango_audio__dot(const float *TANGO_AUDIO__RESTRICT a,
                                           const float *TANGO_AUDIO__RESTRICT b,
                                           size_t count)
{
    float s[8] = { 0.0f };
    for (size_t n = 0; n < count; n += 8) {
        for (size_t l = 0; l < 8; l++) s[l] += a[n + l] * b[n + l];
    }
    return tango_audio__sum8(s);
}

TANGO_AUDIO__INLINE double tango_audio__dot_double(const float *TANGO_AUDIO__RESTRICT a,
                                                   const double *TANGO_AUDIO__RESTRICT b,
                                                   size_t count)
{
    double s[8] = { 0.0 };
    for (size_t n = 0; n < count; n += 8) {
        for (size_t l = 0; l < 8; l++) s[l] += (double)a[n + l] * b[n + l];
    }
    return tango_audio__sum8_double(s);
}

/* The bands of one frame. Bands read up to 7 bins past the last, which are finite and
   meet weight 0. */
TANGO_AUDIO__HOT
static void tango_audio__bands_ref(float *out, const float *bins,
                                   const tango_audio_band *bands, const float *weights,
                                   size_t mels)
{
    for (size_t i = 0; i < mels; i++) {
        out[i] = tango_audio__dot(weights + bands[i].at, bins + bands[i].first,
                                  bands[i].count);
    }
}

/* Outputs of a resampler from `phase` on; x[block] is the first sample of their block. A
   phase may begin before its block, but not before x. */
TANGO_AUDIO__HOT
static void tango_audio__resample_ref(float *out, size_t count, const float *x,
                                      size_t block, size_t phase,
                                      const tango_audio_resampler *r)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = tango_audio__dot(r->kernel + phase * r->taps,
                                  x + (block + (size_t)r->first[phase]), r->taps);
        if (++phase == r->target) {
            phase = 0;
            block += r->source;
        }
    }
}

TANGO_AUDIO__HOT
static void tango_audio__resample_double_ref(double *out, size_t count,
                                             const double *x, size_t block, size_t phase,
                                             const tango_audio_resampler *r)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = tango_audio__dot_double(r->kernel + phase * r->taps,
                                         x + (block + (size_t)r->first[phase]), r->taps);
        if (++phase == r->target) {
            phase = 0;
            block += r->source;
        }
    }
}

#ifdef TANGO_AUDIO__X86
/* The eight partial sums of a dot product. */
TANGO_AUDIO__AVX2 TANGO_AUDIO__INLINE __m256
tango_audio__dot_avx2(const float *a, const float *b, size_t count)
{
    __m256 sum = _mm256_setzero_ps();
    for (size_t n = 0; n < count; n += 8) {
        sum += _mm256_loadu_ps(a + n) * _mm256_loadu_ps(b + n);
    }
    return sum;
}

/* Half of the way of sum8 for four products: s0+s4+s2+s6, s1+s5+s3+s7 of a and b in the
   low halves, of c and d in the high ones. */
TANGO_AUDIO__AVX2 TANGO_AUDIO__INLINE __m256
tango_audio__fold_avx2(__m256 a, __m256 b, __m256 c, __m256 d)
{
    const __m256 ac =
        _mm256_permute2f128_ps(a, c, 0x20) + _mm256_permute2f128_ps(a, c, 0x31);
    const __m256 bd =
        _mm256_permute2f128_ps(b, d, 0x20) + _mm256_permute2f128_ps(b, d, 0x31);
    return _mm256_shuffle_ps(ac, bd, 0x44) + _mm256_shuffle_ps(ac, bd, 0xee);
}

/* out[i] = sum8 of s[i] for i < count, at most 8. */
TANGO_AUDIO__AVX2 TANGO_AUDIO__INLINE void
tango_audio__sum8_avx2(float *out, const __m256 s[8], size_t count)
{
    const __m256 a = tango_audio__fold_avx2(s[0], s[1], s[4], s[5]);
    const __m256 b = tango_audio__fold_avx2(s[2], s[3], s[6], s[7]);
    const __m256 sums = _mm256_shuffle_ps(a, b, 0x88) + _mm256_shuffle_ps(a, b, 0xdd);
    float room[8];
    if (count >= 8) {
        _mm256_storeu_ps(out, sums);
        return;
    }
    _mm256_storeu_ps(room, sums);
    for (size_t i = 0; i < count; i++) out[i] = room[i];
}

TANGO_AUDIO__AVX2 static void tango_audio__bands_avx2(float *out, const float *bins,
                                                      const tango_audio_band *bands,
                                                      const float *weights, size_t mels)
{
    __m256 s[8];
    for (size_t l = 0; l < 8; l++) s[l] = _mm256_setzero_ps();
    for (size_t i = 0; i < mels; i += 8) {
        for (size_t l = 0; l < 8 && i + l < mels; l++) {
            const tango_audio_band band = bands[i + l];
            s[l] = tango_audio__dot_avx2(weights + band.at, bins + band.first,
                                         band.count);
        }
        tango_audio__sum8_avx2(out + i, s, mels - i);
    }
}

TANGO_AUDIO__AVX2 static void tango_audio__resample_avx2(float *out, size_t count,
                                                         const float *x, size_t block,
                                                         size_t phase,
                                                         const tango_audio_resampler *r)
{
    __m256 s[8];
    for (size_t l = 0; l < 8; l++) s[l] = _mm256_setzero_ps();
    for (size_t i = 0; i < count; i += 8) {
        for (size_t l = 0; l < 8 && i + l < count; l++) {
            s[l] = tango_audio__dot_avx2(r->kernel + phase * r->taps,
                                         x + (block + (size_t)r->first[phase]), r->taps);
            if (++phase == r->target) {
                phase = 0;
                block += r->source;
            }
        }
        tango_audio__sum8_avx2(out + i, s, count - i);
    }
}

TANGO_AUDIO__AVX2 TANGO_AUDIO__INLINE double
tango_audio__dot_double_avx2(const float *a, const double *b, size_t count)
{
    __m256d low = _mm256_setzero_pd(), high = _mm256_setzero_pd(), sum;
    __m128d pair;
    for (size_t n = 0; n < count; n += 8) {
        const __m256d a_low = _mm256_cvtps_pd(_mm_loadu_ps(a + n));
        const __m256d a_high = _mm256_cvtps_pd(_mm_loadu_ps(a + n + 4));
        low += a_low * _mm256_loadu_pd(b + n);
        high += a_high * _mm256_loadu_pd(b + n + 4);
    }
    sum = low + high;
    pair = _mm256_castpd256_pd128(sum) + _mm256_extractf128_pd(sum, 1);
    return _mm_cvtsd_f64(pair + _mm_unpackhi_pd(pair, pair));
}

TANGO_AUDIO__AVX2
static void tango_audio__resample_double_avx2(double *out, size_t count, const double *x,
                                              size_t block, size_t phase,
                                              const tango_audio_resampler *r)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = tango_audio__dot_double_avx2(
            r->kernel + phase * r->taps, x + (block + (size_t)r->first[phase]), r->taps);
        if (++phase == r->target) {
            phase = 0;
            block += r->source;
        }
    }
}
#endif

/* One step of Griffin-Lim on the spectrum R of a frame: A = R - keep * last, last = R,
   R = magnitude * A / (|A| + 1e-9), in two halves around the root of size = |A|^2. */
TANGO_AUDIO__INLINE void tango_audio__step_body(
    float *TANGO_AUDIO__RESTRICT re, float *TANGO_AUDIO__RESTRICT im,
    float *TANGO_AUDIO__RESTRICT last_re, float *TANGO_AUDIO__RESTRICT last_im,
    float *TANGO_AUDIO__RESTRICT size, size_t bins, float keep)
{
    for (size_t k = 0; k < bins; k++) {
        const float ar = re[k] - keep * last_re[k], ai = im[k] - keep * last_im[k];
        last_re[k] = re[k];
        last_im[k] = im[k];
        re[k] = ar;
        im[k] = ai;
        size[k] = ar * ar + ai * ai;
    }
}

TANGO_AUDIO__INLINE void
tango_audio__resize_body(float *TANGO_AUDIO__RESTRICT re, float *TANGO_AUDIO__RESTRICT im,
                         const float *TANGO_AUDIO__RESTRICT size,
                         const float *TANGO_AUDIO__RESTRICT magnitude, size_t bins)
{
    for (size_t k = 0; k < bins; k++) {
        const float scale = magnitude[k] / (size[k] + 1e-9f);
        re[k] *= scale;
        im[k] *= scale;
    }
}

/* sum += x * window */
TANGO_AUDIO__INLINE void
tango_audio__overlap_body(float *TANGO_AUDIO__RESTRICT sum,
                          const float *TANGO_AUDIO__RESTRICT x,
                          const float *TANGO_AUDIO__RESTRICT window, size_t count)
{
    for (size_t n = 0; n < count; n++) sum[n] += x[n] * window[n];
}

/* y = W x for LANES frames side by side. y (mels, LANES)   x (bins + 7, LANES) */
TANGO_AUDIO__INLINE void
tango_audio__lanes_down_body(float *TANGO_AUDIO__RESTRICT y,
                             const float *TANGO_AUDIO__RESTRICT x,
                             const tango_audio_front *front)
{
    const size_t L = TANGO_AUDIO__LANES;
    for (size_t i = 0; i < front->parameters.mels; i++) {
        const tango_audio_band band = front->bands[i];
        const float *w = front->weights + band.at, *x_first = x + band.first * L;
        float s[TANGO_AUDIO__LANES] = { 0.0f };
        for (size_t k = 0; k < band.count; k++) {
            TANGO_AUDIO__ROLLED
            for (size_t l = 0; l < L; l++) s[l] += w[k] * x_first[L * k + l];
        }
        TANGO_AUDIO__ROLLED
        for (size_t l = 0; l < L; l++) y[L * i + l] = s[l];
    }
}

/* x = W^T y. x (bins + 7, LANES)   y (mels, LANES) */
TANGO_AUDIO__INLINE void tango_audio__lanes_up_body(float *TANGO_AUDIO__RESTRICT x,
                                                    const float *TANGO_AUDIO__RESTRICT y,
                                                    const tango_audio_front *front)
{
    const size_t L = TANGO_AUDIO__LANES;
    for (size_t k = 0; k < L * (front->bins + 7); k++) x[k] = 0.0f;
    for (size_t i = 0; i < front->parameters.mels; i++) {
        const tango_audio_band band = front->bands[i];
        const float *w = front->weights + band.at, *y_i = y + L * i;
        float *x_first = x + band.first * L;
        for (size_t k = 0; k < band.count; k++) {
            TANGO_AUDIO__ROLLED
            for (size_t l = 0; l < L; l++) x_first[L * k + l] += w[k] * y_i[l];
        }
    }
}

/* One multiplicative update: x = max(x (numerator / (W^T W x + 1e-9)), 1e-8). The floor
   keeps denormals away. scratch (bins + 7, LANES), y (mels, LANES). */
TANGO_AUDIO__INLINE void
tango_audio__update_body(float *TANGO_AUDIO__RESTRICT x,
                         const float *TANGO_AUDIO__RESTRICT numerator,
                         float *TANGO_AUDIO__RESTRICT scratch,
                         float *TANGO_AUDIO__RESTRICT y, const tango_audio_front *front)
{
    tango_audio__lanes_down_body(y, x, front);
    tango_audio__lanes_up_body(scratch, y, front);
    for (size_t k = 0; k < TANGO_AUDIO__LANES * front->bins; k++) {
        const float v = x[k] * (numerator[k] / (scratch[k] + 1e-9f));
        x[k] = v < 1e-8f ? 1e-8f : v;
    }
}

/* The table of inner loops a plan carries. All builds give the same bits: they differ in
   how many elements one instruction takes, never in the order of a sum. */
typedef struct tango_audio_kernels {
    void (*first8)(float *yr, float *yi, const float *xr, const float *xi,
                   const float *w, size_t m);
    void (*second4)(float *yr, float *yi, const float *xr, const float *xi,
                    const float *w, size_t m);
    void (*pass4)(float *yr, float *yi, const float *xr, const float *xi,
                  const float *w, size_t m, size_t s);
    void (*last8)(float *yr, float *yi, const float *xr, const float *xi, size_t s);
    void (*last2)(float *yr, float *yi, const float *xr, const float *xi, size_t s);
    void (*unmix)(float *lo_re, float *lo_im, float *hi_re, float *hi_im,
                  const float *zr, const float *zi, const float *wr, const float *wi,
                  size_t m);
    void (*remix)(float *lo_re, float *lo_im, float *hi_re, float *hi_im,
                  const float *xr, const float *xi, const float *wr, const float *wi,
                  size_t m, float scale);
    void (*split)(float *even, float *odd, const float *x, const float *window, size_t m);
    void (*join)(float *x, const float *even, const float *odd, size_t m);
    void (*magnitude)(float *out, const float *re, const float *im, size_t bins,
                      int power);
    void (*bands)(float *out, const float *bins, const tango_audio_band *bands,
                  const float *weights, size_t mels);
    void (*logarithm)(float *x, size_t count);
    void (*resample)(float *out, size_t count, const float *x, size_t block,
                     size_t phase, const tango_audio_resampler *r);
    void (*resample_double)(double *out, size_t count, const double *x, size_t block,
                            size_t phase, const tango_audio_resampler *r);
    void (*phase)(float *re, float *im, float *last_re, float *last_im, float *size,
                  const float *magnitude, size_t bins, float keep);
    void (*overlap)(float *sum, const float *x, const float *window, size_t count);
    void (*update)(float *x, const float *numerator, float *scratch, float *y,
                   const tango_audio_front *front);
} tango_audio_kernels;

/* All loops and their table for one set of instructions: target is the attributes that
   admit them, dots the set whose dot products are taken. */
#define TANGO_AUDIO__BUILD(level, target, dots)                                         \
    target static void tango_audio__first8_##level(float *yr, float *yi,                \
        const float *xr, const float *xi, const float *w, size_t m)                     \
    {                                                                                   \
        tango_audio__first8_body(yr, yi, xr, xi, w, m);                                 \
    }                                                                                   \
    target static void tango_audio__pass4_##level(float *yr, float *yi,                 \
        const float *xr, const float *xi, const float *w, size_t m, size_t s)           \
    {                                                                                   \
        tango_audio__pass4_body(yr, yi, xr, xi, w, m, s);                               \
    }                                                                                   \
    target static void tango_audio__last8_##level(float *yr, float *yi,                 \
        const float *xr, const float *xi, size_t s)                                     \
    {                                                                                   \
        tango_audio__last8_body(yr, yi, xr, xi, s);                                     \
    }                                                                                   \
    target static void tango_audio__last2_##level(float *yr, float *yi,                 \
        const float *xr, const float *xi, size_t s)                                     \
    {                                                                                   \
        tango_audio__last2_body(yr, yi, xr, xi, s);                                     \
    }                                                                                   \
    target static void tango_audio__unmix_##level(float *lo_re, float *lo_im,           \
        float *hi_re, float *hi_im, const float *zr, const float *zi, const float *wr,  \
        const float *wi, size_t m)                                                      \
    {                                                                                   \
        tango_audio__unmix_body(lo_re, lo_im, hi_re, hi_im, zr, zi, wr, wi, m);         \
    }                                                                                   \
    target static void tango_audio__remix_##level(float *lo_re, float *lo_im,           \
        float *hi_re, float *hi_im, const float *xr, const float *xi, const float *wr,  \
        const float *wi, size_t m, float scale)                                         \
    {                                                                                   \
        tango_audio__remix_body(lo_re, lo_im, hi_re, hi_im, xr, xi, wr, wi, m, scale);  \
    }                                                                                   \
    target static void tango_audio__split_##level(float *even, float *odd,              \
        const float *x, const float *window, size_t m)                                  \
    {                                                                                   \
        tango_audio__split_body(even, odd, x, window, m);                               \
    }                                                                                   \
    target static void tango_audio__join_##level(float *x, const float *even,           \
        const float *odd, size_t m)                                                     \
    {                                                                                   \
        tango_audio__join_body(x, even, odd, m);                                        \
    }                                                                                   \
    target static void tango_audio__magnitude_##level(float *out, const float *re,      \
        const float *im, size_t bins, int power)                                        \
    {                                                                                   \
        tango_audio__power_body(out, re, im, bins);                                     \
        if (!power) tango_audio__roots_##level(out, bins);                              \
    }                                                                                   \
    target static void tango_audio__logarithm_##level(float *x, size_t count)           \
    {                                                                                   \
        tango_audio__logarithm_body(x, count);                                          \
    }                                                                                   \
    target static void tango_audio__phase_##level(float *re, float *im,                 \
        float *last_re, float *last_im, float *size, const float *magnitude,            \
        size_t bins, float keep)                                                        \
    {                                                                                   \
        tango_audio__step_body(re, im, last_re, last_im, size, bins, keep);             \
        tango_audio__roots_##level(size, bins);                                         \
        tango_audio__resize_body(re, im, size, magnitude, bins);                        \
    }                                                                                   \
    target static void tango_audio__overlap_##level(float *sum, const float *x,         \
        const float *window, size_t count)                                              \
    {                                                                                   \
        tango_audio__overlap_body(sum, x, window, count);                               \
    }                                                                                   \
    target static void tango_audio__update_##level(float *x, const float *numerator,    \
        float *scratch, float *y, const tango_audio_front *front)                       \
    {                                                                                   \
        tango_audio__update_body(x, numerator, scratch, y, front);                      \
    }                                                                                   \
    static const tango_audio_kernels tango_audio__kernels_##level = {                   \
        tango_audio__first8_##level, tango_audio__second4_##level,                      \
        tango_audio__pass4_##level,                                                     \
        tango_audio__last8_##level, tango_audio__last2_##level,                         \
        tango_audio__unmix_##level, tango_audio__remix_##level,                         \
        tango_audio__split_##level, tango_audio__join_##level,                          \
        tango_audio__magnitude_##level, tango_audio__bands_##dots,                     \
        tango_audio__logarithm_##level, tango_audio__resample_##dots,                   \
        tango_audio__resample_double_##dots, tango_audio__phase_##level,                \
        tango_audio__overlap_##level, tango_audio__update_##level                       \
    }

TANGO_AUDIO__BUILD(ref, TANGO_AUDIO__HOT, ref);
#ifdef TANGO_AUDIO__X86
TANGO_AUDIO__BUILD(avx2, TANGO_AUDIO__AVX2, avx2);
TANGO_AUDIO__BUILD(avx512, TANGO_AUDIO__AVX512, avx2);
#endif

static const tango_audio_kernels *tango_audio__kernels(void)
{
#ifdef TANGO_AUDIO__X86
    if (__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
        return &tango_audio__kernels_avx512;
    }
    if (__builtin_cpu_supports("avx2")) return &tango_audio__kernels_avx2;
#endif
    return &tango_audio__kernels_ref;
}

/* ==== 1 >>parameters ==== Sizes of the front end, and their defaults ============== */

TANGO_API tango_audio_parameters tango_audio_defaults(
    const tango_audio_parameters *parameters)
{
    tango_audio_parameters p;
    if (parameters) p = *parameters;
    else memset(&p, 0, sizeof p);
    if (!p.rate) p.rate = 16000;
    if (!p.fft) p.fft = 1024;
    if (!p.hop) p.hop = 160;
    if (!p.window) p.window = p.fft;
    if (!p.mels) p.mels = 64;
    if (p.fmax == 0.0) p.fmax = 0.5 * (double)p.rate;
    return p;
}

static tango_result tango_audio__check(const tango_audio_parameters *p,
                                       tango_error *error)
{
    const tango_result bad = TANGO_ERROR_ARGUMENT;
    const char *range =
        "audio fft size: expected a power of two from 8 to 1048576, found %";
    if (p->rate > 1000000) {
        return tango_audio__fail(error, bad, "audio rate: expected 1 to 1000000, found %",
                                 p->rate, 0);
    }
    if (p->fft < 8 || p->fft > 1048576 || (p->fft & (p->fft - 1)) != 0) {
        return tango_audio__fail(error, bad, range, p->fft, 0);
    }
    if (p->window > p->fft) {
        return tango_audio__fail(error, bad, "audio window: expected at most %, found %",
                                 p->fft, p->window);
    }
    if (p->hop > p->window) {
        return tango_audio__fail(error, bad,
                                 "audio hop: expected at most the window, %, found %",
                                 p->window, p->hop);
    }
    if (p->mels > 4096) {
        return tango_audio__fail(error, bad, "audio mels: expected 1 to 4096, found %",
                                 p->mels, 0);
    }
    /* Written so that NaN fails. */
    if (!(p->fmin >= 0.0 && p->fmin < p->fmax && p->fmax <= 0.5 * (double)p->rate)) {
        return tango_audio__fail(
            error, bad, "audio fmin, fmax: expected 0 <= fmin < fmax <= half of rate %",
            p->rate, 0);
    }
    if (p->recipe != TANGO_AUDIO_TACOTRON && p->recipe != TANGO_AUDIO_TORCHAUDIO &&
        p->recipe != TANGO_AUDIO_LIBROSA) {
        return tango_audio__fail(error, bad, "audio recipe: expected 0 to 2, found %",
                                 (uint64_t)p->recipe, 0);
    }
    return TANGO_OK;
}

/* ==== 2 >>fft ==== Real and complex Fourier transforms ============================ */

/* The table of one plan of n points, in floats:
     first pass of n:       7 (re, im) of n/8 twiddles W_n^(kp), k = 1..7, p < n/8
     first pass of n/2:     7 (re, im) of n/16
     pass L = n/8, n/16 ..: 3 (re, im) of L/4, W_L^(kp), k = 1..3; down to L = 4
     real transform:        (re, im) of n/4 + 1, W_n^k
   A complex transform of n needs the first and every other later pass; a real one of n is
   a complex one of n/2, which needs the second and the passes in between. */
static const float *tango_audio__fft_first_at(const tango_audio_fft *fft, size_t n)
{
    return fft->table + (n == fft->size ? 0 : 14 * (fft->size / 8));
}

static size_t tango_audio__fft_pass_at(size_t size, size_t n)
{
    return 14 * (size / 8) + 14 * (size / 16) + 3 * (size / 8 - n);
}

static size_t tango_audio__fft_real_at(size_t size)
{
    size_t passes = size / 8 >= 4 ? 3 * (size / 8) - 6 : 0;
    return 14 * (size / 8) + 14 * (size / 16) + passes;
}

/* Two arrays, real and imaginary parts. */
typedef struct tango_audio__points {
    float *re, *im;
} tango_audio__points;

/* Four points, from x to y: the one size too small for the passes above. */
static void tango_audio__fft_four(float *yr, float *yi, const float *xr, const float *xi)
{
    const float ar = xr[0] + xr[2], ai = xi[0] + xi[2], br = xr[0] - xr[2],
                bi = xi[0] - xi[2];
    const float cr = xr[1] + xr[3], ci = xi[1] + xi[3], dr = xr[1] - xr[3],
                di = xi[1] - xi[3];
    yr[0] = ar + cr;
    yi[0] = ai + ci;
    yr[1] = br + di;
    yi[1] = bi - dr;
    yr[2] = ar - cr;
    yi[2] = ai - ci;
    yr[3] = br - di;
    yi[3] = bi + dr;
}

/* A complex transform of n = size or size/2 points, in passes that each read one pair of
   arrays and write the other; returns the pair that holds the result. A pass of radix R
   makes of s transforms of `left` points R s of left/R: s * left = n all the way. The
   first pass has radix 8, then come 4s, and at the end 8 or 2 if that is what is left. */
static tango_audio__points tango_audio__fft_passes(tango_audio__points x,
                                                   tango_audio__points y,
                                                   const tango_audio_fft *fft, size_t n)
{
    const tango_audio_kernels *k = fft->kernels;
    size_t left = n, s = 1;
    if (n == 4) {
        tango_audio__fft_four(y.re, y.im, x.re, x.im);
        return y;
    }
    while (left > 1) {
        const tango_audio__points read = x;
        unsigned radix_bits = 2;
        if (s == 1 && n >= 8) {
            k->first8(y.re, y.im, x.re, x.im, tango_audio__fft_first_at(fft, n), n / 8);
            radix_bits = 3;
        } else if (left == 8) {
            k->last8(y.re, y.im, x.re, x.im, s);
            radix_bits = 3;
        } else if (left == 2) {
            k->last2(y.re, y.im, x.re, x.im, s);
            radix_bits = 1;
        } else {
            const float *w = fft->table + tango_audio__fft_pass_at(fft->size, left);
            if (s == 8) k->second4(y.re, y.im, x.re, x.im, w, left / 4);
            else k->pass4(y.re, y.im, x.re, x.im, w, left / 4, s);
        }
        left >>= radix_bits;
        s <<= radix_bits;
        x = y;
        y = read;
    }
    return x;
}

/* m points one behind the other, real parts first. */
static tango_audio__points tango_audio__pair(float *work, size_t m)
{
    tango_audio__points pair;
    pair.re = work;
    pair.im = work + m;
    return pair;
}

/* re, im (n/2 + 1) of x (n) times window (n), NULL for none. work (2n). */
static void tango_audio__forward(float *re, float *im, const float *x,
                                 const float *window, const tango_audio_fft *fft,
                                 float *work)
{
    const size_t n = fft->size, m = n / 2;
    const float *wr = fft->table + tango_audio__fft_real_at(n), *wi = wr + n / 4 + 1;
    tango_audio__points z = tango_audio__pair(work, m);
    fft->kernels->split(z.re, z.im, x, window, m);
    z = tango_audio__fft_passes(z, tango_audio__pair(work + n, m), fft, m);
    fft->kernels->unmix(re, im, re + m / 2, im + m / 2, z.re, z.im, wr, wi, m);
    if (m >= 2) { /* k = m/2 is its own mirror: W = -i */
        re[m / 2] = z.re[m / 2];
        im[m / 2] = -z.im[m / 2];
    }
    re[0] = z.re[0] + z.im[0];
    re[m] = z.re[0] - z.im[0];
    im[0] = 0.0f;
    im[m] = 0.0f;
}

static tango_audio__points tango_audio__exchanged(tango_audio__points z)
{
    tango_audio__points other;
    other.re = z.im;
    other.im = z.re;
    return other;
}

/* x (n) of re, im (n/2 + 1), divided by n. A backward transform is a forward one with re
   and im exchanged, before and after. work (2n). */
static void tango_audio__backward(float *x, const float *re, const float *im,
                                  const tango_audio_fft *fft, float *work)
{
    const size_t n = fft->size, m = n / 2;
    const float *wr = fft->table + tango_audio__fft_real_at(n), *wi = wr + n / 4 + 1;
    const float scale = 0.5f / (float)m;
    tango_audio__points z = tango_audio__pair(work, m);
    fft->kernels->remix(z.re, z.im, z.re + m / 2, z.im + m / 2, re, im, wr, wi, m, scale);
    if (m >= 2) {
        z.re[m / 2] = 2.0f * scale * re[m / 2];
        z.im[m / 2] = -2.0f * scale * im[m / 2];
    }
    z.re[0] = scale * (re[0] + re[m]);
    z.im[0] = scale * (re[0] - re[m]);
    z = tango_audio__fft_passes(tango_audio__exchanged(z),
                                tango_audio__exchanged(tango_audio__pair(work + n, m)),
                                fft, m);
    fft->kernels->join(x, z.im, z.re, m);
}

TANGO_API size_t tango_audio_fft_size(size_t n)
{
    if (n < 2 || n > (size_t)1 << 26 || (n & (n - 1)) != 0) return 0;
    return (tango_audio__fft_real_at(n) + 2 * (n / 4 + 1)) * sizeof(float);
}

TANGO_API size_t tango_audio_fft_work_size(size_t n)
{
    return tango_audio_fft_size(n) ? 2 * n * sizeof(float) : 0;
}

/* Tables of W_n^(kp), k = 1 .. powers - 1, p < count: each real parts, then imaginary. */
static void tango_audio__fft_twiddles(float *w, size_t n, size_t powers, size_t count)
{
    for (size_t k = 1; k < powers; k++) {
        for (size_t p = 0; p < count; p++) {
            const double angle = TANGO_AUDIO__TAU * (double)(k * p) / (double)n;
            w[(2 * k - 2) * count + p] = (float)TANGO_COS(angle);
            w[(2 * k - 1) * count + p] = (float)-TANGO_SIN(angle);
        }
    }
}

TANGO_API tango_result tango_audio_fft_init(tango_audio_fft *fft, size_t n, void *memory,
                                            size_t memory_size, tango_error *error)
{
    const size_t needed = tango_audio_fft_size(n);
    float *table = (float *)memory;
    if (!needed) {
        return tango_audio__fail(
            error, TANGO_ERROR_ARGUMENT,
            "fft: expected a power of two from 2 to 67108864 points, found %", n, 0);
    }
    if (memory_size < needed) {
        return tango_audio__fail(error, TANGO_ERROR_MEMORY,
                                 "fft memory: expected % bytes, found %", needed,
                                 memory_size);
    }
    tango_audio__fft_twiddles(table, n, 8, n / 8);
    tango_audio__fft_twiddles(table + 14 * (n / 8), n / 2, 8, n / 16);
    for (size_t pass = n / 8; pass >= 4; pass /= 2) {
        tango_audio__fft_twiddles(table + tango_audio__fft_pass_at(n, pass), pass, 4,
                                  pass / 4);
    }
    tango_audio__fft_twiddles(table + tango_audio__fft_real_at(n), n, 2, n / 4 + 1);
    fft->size = n;
    fft->table = table;
    fft->kernels = tango_audio__kernels();
    return TANGO_OK;
}

TANGO_API void tango_audio_fft_real(float *re, float *im, const float *x,
                                    const tango_audio_fft *fft, void *work)
{
    tango_audio__forward(re, im, x, NULL, fft, (float *)work);
}

TANGO_API void tango_audio_fft_real_inverse(float *x, const float *re, const float *im,
                                            const tango_audio_fft *fft, void *work)
{
    tango_audio__backward(x, re, im, fft, (float *)work);
}

TANGO_API void tango_audio_fft_complex(float *re, float *im, const tango_audio_fft *fft,
                                       void *work)
{
    const size_t n = fft->size;
    const tango_audio__points spare = tango_audio__pair((float *)work, n);
    tango_audio__points z;
    z.re = re;
    z.im = im;
    z = tango_audio__fft_passes(z, spare, fft, n);
    if (z.re != re) {
        memcpy(re, z.re, n * sizeof *re);
        memcpy(im, z.im, n * sizeof *im);
    }
}

TANGO_API void tango_audio_fft_complex_inverse(float *re, float *im,
                                               const tango_audio_fft *fft, void *work)
{
    const float scale = 1.0f / (float)fft->size; /* exact: a power of two */
    tango_audio_fft_complex(im, re, fft, work);
    for (size_t k = 0; k < fft->size; k++) re[k] *= scale;
    for (size_t k = 0; k < fft->size; k++) im[k] *= scale;
}

/* ==== 3 >>window ==== Window functions ============================================ */

TANGO_API void tango_audio_window(float *out, size_t count, tango_audio_window_kind kind,
                                  int periodic)
{
    const double period = (double)count - (periodic ? 0.0 : 1.0);
    for (size_t n = 0; n < count; n++) {
        /* A window of one point is 1, the middle of the curve. */
        const double a = TANGO_AUDIO__TAU * (count > 1 ? (double)n / period : 0.5);
        double w = 1.0;
        if (kind == TANGO_AUDIO_HANN) w = 0.5 - 0.5 * TANGO_COS(a);
        if (kind == TANGO_AUDIO_HAMMING) w = 0.54 - 0.46 * TANGO_COS(a);
        if (kind == TANGO_AUDIO_BLACKMAN) {
            w = 0.42 - 0.5 * TANGO_COS(a) + 0.08 * TANGO_COS(2.0 * a);
        }
        out[n] = (float)w;
    }
}

/* ==== 4 >>stft ==== Short-time spectra and their inverse ========================== */

static void tango_audio__bands_fill(tango_audio_band *bands, float *weights,
                                    const tango_audio_parameters *p);

typedef struct tango_audio__front_arrays {
    float *table, *window, *weights;
    tango_audio_band *bands;
} tango_audio__front_arrays;

/* A bin lies strictly inside two triangles at most; each band is padded by 7 at most. */
static size_t tango_audio__weight_count(const tango_audio_parameters *p)
{
    return 2 * (p->fft / 2 + 1) + 8 * p->mels;
}

static void tango_audio__front_layout(tango_audio__front_arrays *a,
                                      tango_audio__room *room,
                                      const tango_audio_parameters *p)
{
    a->table = (float *)tango_audio__take(room, tango_audio_fft_size(p->fft), 1);
    a->window = tango_audio__take_floats(room, p->fft);
    a->weights = tango_audio__take_floats(room, tango_audio__weight_count(p));
    a->bands = (tango_audio_band *)tango_audio__take(room, p->mels, sizeof *a->bands);
}

TANGO_API size_t tango_audio_front_size(const tango_audio_parameters *parameters)
{
    const tango_audio_parameters p = tango_audio_defaults(parameters);
    tango_audio__room room = tango_audio__room_of(NULL);
    tango_audio__front_arrays a;
    if (tango_audio__check(&p, NULL) != TANGO_OK) return 0;
    tango_audio__front_layout(&a, &room, &p);
    return tango_audio__room_size(&room);
}

TANGO_API tango_result tango_audio_front_init(tango_audio_front *front,
                                              const tango_audio_parameters *parameters,
                                              void *memory, size_t memory_size,
                                              tango_error *error)
{
    const tango_audio_parameters p = tango_audio_defaults(parameters);
    const tango_result checked = tango_audio__check(&p, error);
    const size_t needed = tango_audio_front_size(parameters);
    tango_audio__room room = tango_audio__room_of(memory);
    tango_audio__front_arrays a;
    size_t left;
    if (checked != TANGO_OK) return checked;
    if (memory_size < needed) {
        return tango_audio__fail(error, TANGO_ERROR_MEMORY,
                                 "front end memory: expected % bytes, found %", needed,
                                 memory_size);
    }
    tango_audio__front_layout(&a, &room, &p);
    front->parameters = p;
    front->bins = p.fft / 2 + 1;
    front->window = a.window;
    front->bands = a.bands;
    front->weights = a.weights;
    /* torch.stft puts a short window in the middle of the frame. */
    left = (p.fft - p.window) / 2;
    for (size_t n = 0; n < p.fft; n++) a.window[n] = 0.0f;
    tango_audio_window(a.window + left, p.window, TANGO_AUDIO_HANN, 1);
    tango_audio__bands_fill(a.bands, a.weights, &p);
    return tango_audio_fft_init(&front->fft, p.fft, a.table, tango_audio_fft_size(p.fft),
                                error);
}

TANGO_API size_t tango_audio_frame_count(size_t samples, const tango_audio_front *front)
{
    return samples / front->parameters.hop + 1;
}

/* What one frame needs on its way. `bins` has 8 more that stay 0, for bands_body. */
typedef struct tango_audio__frame {
    float *samples, *scratch, *re, *im, *bins;
} tango_audio__frame;

static void tango_audio__frame_layout(tango_audio__frame *f, tango_audio__room *room,
                                      const tango_audio_parameters *p)
{
    f->samples = tango_audio__take_floats(room, p->fft);
    f->scratch = tango_audio__take_floats(room, 2 * p->fft);
    f->re = tango_audio__take_floats(room, p->fft / 2 + 1);
    f->im = tango_audio__take_floats(room, p->fft / 2 + 1);
    f->bins = tango_audio__take_floats(room, p->fft / 2 + 9);
}

static tango_audio__frame tango_audio__frame_of(const tango_audio_front *front,
                                                void *work)
{
    tango_audio__room room = tango_audio__room_of(work);
    tango_audio__frame f;
    tango_audio__frame_layout(&f, &room, &front->parameters);
    for (size_t k = front->bins; k < front->bins + 8; k++) f.bins[k] = 0.0f;
    return f;
}

TANGO_API size_t tango_audio_frame_work_size(const tango_audio_parameters *parameters)
{
    const tango_audio_parameters p = tango_audio_defaults(parameters);
    tango_audio__room room = tango_audio__room_of(NULL);
    tango_audio__frame f;
    if (tango_audio__check(&p, NULL) != TANGO_OK) return 0;
    tango_audio__frame_layout(&f, &room, &p);
    return tango_audio__room_size(&room);
}

/* The sample that reflection puts at position `at` from the start, or `at` before it. */
static float tango_audio__reflected(const float *x, size_t samples, size_t at)
{
    if (at < samples) return x[at];
    if (samples < 2) return samples ? x[0] : 0.0f;
    at %= 2 * (samples - 1);
    return x[at < samples ? at : 2 * (samples - 1) - at];
}

/* The samples of frame m: in place inside the sound, gathered into `room` at its ends. */
static const float *tango_audio__frame_samples(float *room, const float *x,
                                               size_t samples, size_t m,
                                               const tango_audio_front *front)
{
    const size_t n = front->parameters.fft, half = n / 2,
                 centre = m * front->parameters.hop;
    if (centre >= half && centre <= samples && samples - centre >= half) {
        return x + (centre - half);
    }
    for (size_t i = 0; i < n; i++) {
        const size_t at = centre + i >= half ? centre + i - half : half - centre - i;
        room[i] = tango_audio__reflected(x, samples, at);
    }
    return room;
}

static void tango_audio__spectrum(float *re, float *im, const float *x, size_t samples,
                                  size_t m, const tango_audio_front *front,
                                  const tango_audio__frame *f)
{
    const float *frame = tango_audio__frame_samples(f->samples, x, samples, m, front);
    tango_audio__forward(re, im, frame, front->window, &front->fft, f->scratch);
}

TANGO_API void tango_audio_stft(float *re, float *im, const float *x, size_t samples,
                                size_t first, size_t count,
                                const tango_audio_front *front, void *work)
{
    const tango_audio__frame f = tango_audio__frame_of(front, work);
    TANGO_ASSERT(count <= tango_audio_frame_count(samples, front) &&
                 first <= tango_audio_frame_count(samples, front) - count);
    for (size_t m = 0; m < count; m++) {
        tango_audio__spectrum(re + m * front->bins, im + m * front->bins, x, samples,
                              first + m, front, &f);
    }
}

TANGO_API void tango_audio_magnitude(float *out, const float *x, size_t samples,
                                     size_t first, size_t count,
                                     const tango_audio_front *front, void *work)
{
    const tango_audio__frame f = tango_audio__frame_of(front, work);
    TANGO_ASSERT(count <= tango_audio_frame_count(samples, front) &&
                 first <= tango_audio_frame_count(samples, front) - count);
    for (size_t m = 0; m < count; m++) {
        tango_audio__spectrum(f.re, f.im, x, samples, first + m, front, &f);
        front->fft.kernels->magnitude(out + m * front->bins, f.re, f.im, front->bins, 0);
    }
}

/* Samples of an inverse: hop * (frames - 1), 0 when that overflows or frames is 0. */
static size_t tango_audio__wave_count(size_t frames, const tango_audio_parameters *p)
{
    size_t count;
    return frames && tango_mul_ok(frames - 1, p->hop, &count) ? count : 0;
}

/* Adds frame m of a wave, x (fft) times y (fft), where it falls into sum (count): the
   wave starts in the middle of frame 0. */
TANGO_AUDIO__HOT
static void tango_audio__overlap_add(float *sum, size_t count, const float *x,
                                     const float *y, size_t m,
                                     const tango_audio_front *front)
{
    const size_t n = front->parameters.fft, half = n / 2,
                 centre = m * front->parameters.hop;
    const size_t skip = centre < half ? half - centre : 0;
    const size_t begin = centre + skip - half;
    size_t length = n - skip;
    if (begin >= count) return;
    if (length > count - begin) length = count - begin;
    front->fft.kernels->overlap(sum + begin, x + skip, y + skip, length);
}

/* cover[i] = 1 / sum of the squared windows over sample i. Returns 0 when a sum is below
   1e-11. */
static int tango_audio__cover(float *cover, size_t frames, size_t count,
                              const tango_audio_front *front)
{
    memset(cover, 0, count * sizeof *cover);
    for (size_t m = 0; m < frames; m++) {
        tango_audio__overlap_add(cover, count, front->window, front->window, m, front);
    }
    for (size_t i = 0; i < count; i++) {
        if (!(cover[i] >= 1e-11f)) return 0;
        cover[i] = 1.0f / cover[i];
    }
    return 1;
}

static tango_result tango_audio__uncovered(const tango_audio_front *front,
                                           tango_error *error)
{
    return tango_audio__fail(error, TANGO_ERROR_ARGUMENT,
                             "inverse stft: hop % of window % leaves samples uncovered",
                             front->parameters.hop, front->parameters.window);
}

TANGO_API size_t tango_audio_istft_work_size(size_t frames,
                                             const tango_audio_parameters *parameters)
{
    const tango_audio_parameters p = tango_audio_defaults(parameters);
    tango_audio__room room = tango_audio__room_of(NULL);
    tango_audio__frame f;
    if (tango_audio__check(&p, NULL) != TANGO_OK) return 0;
    if (frames > 1 && !tango_audio__wave_count(frames, &p)) return 0;
    tango_audio__frame_layout(&f, &room, &p);
    (void)tango_audio__take_floats(&room, tango_audio__wave_count(frames, &p));
    return tango_audio__room_size(&room);
}

TANGO_API tango_result tango_audio_istft(float *out, const float *re, const float *im,
                                         size_t frames, const tango_audio_front *front,
                                         void *work, size_t work_size, tango_error *error)
{
    const size_t count = tango_audio__wave_count(frames, &front->parameters);
    const size_t needed = tango_audio_istft_work_size(frames, &front->parameters);
    tango_audio__room room = tango_audio__room_of(work);
    tango_audio__frame f;
    float *cover;
    if (!needed || work_size < needed) {
        return tango_audio__fail(error, TANGO_ERROR_MEMORY,
                                 "inverse stft work: expected % bytes, found %", needed,
                                 work_size);
    }
    if (!count) return TANGO_OK;
    tango_audio__frame_layout(&f, &room, &front->parameters);
    cover = tango_audio__take_floats(&room, count);
    if (!tango_audio__cover(cover, frames, count, front)) {
        return tango_audio__uncovered(front, error);
    }
    memset(out, 0, count * sizeof *out);
    for (size_t m = 0; m < frames; m++) {
        tango_audio__backward(f.samples, re + m * front->bins, im + m * front->bins,
                                     &front->fft, f.scratch);
        tango_audio__overlap_add(out, count, f.samples, front->window, m, front);
    }
    for (size_t i = 0; i < count; i++) out[i] *= cover[i];
    return TANGO_OK;
}

/* ==== 5 >>mel ==== Mel filterbanks, mel and log-mel spectrograms ================== */

/* Slaney: linear to 1000 Hz (15 mel), then 27 mel to a factor of 6.4.
   HTK: 2595 log10(1 + f/700). */
static double tango_audio__hz_to_mel(double hz, tango_audio_recipe recipe)
{
    if (recipe == TANGO_AUDIO_TORCHAUDIO) {
        return 2595.0 / TANGO_AUDIO__LN10 * TANGO_LOG(1.0 + hz / 700.0);
    }
    return hz < 1000.0 ? 3.0 * hz / 200.0
                       : 15.0 + 27.0 * TANGO_LOG(hz / 1000.0) / TANGO_LOG(6.4);
}

static double tango_audio__mel_to_hz(double mel, tango_audio_recipe recipe)
{
    if (recipe == TANGO_AUDIO_TORCHAUDIO) {
        return 700.0 * (TANGO_EXP(mel * (TANGO_AUDIO__LN10 / 2595.0)) - 1.0);
    }
    return mel < 15.0 ? mel * 200.0 / 3.0
                      : 1000.0 * TANGO_EXP((mel - 15.0) * TANGO_LOG(6.4) / 27.0);
}

/* The three corners in Hz of band i. */
static void tango_audio__corners(double f[3], size_t i, const tango_audio_parameters *p)
{
    const double low = tango_audio__hz_to_mel(p->fmin, p->recipe);
    const double high = tango_audio__hz_to_mel(p->fmax, p->recipe);
    for (size_t j = 0; j < 3; j++) {
        const double part = (double)(i + j) / (double)(p->mels + 1);
        f[j] = tango_audio__mel_to_hz(low + (high - low) * part, p->recipe);
    }
}

/* Weight of a frequency in a band; rounded to float before the norm, as librosa does. */
static float tango_audio__weight(double hz, const double f[3], tango_audio_recipe recipe)
{
    const double up = (hz - f[0]) / (f[1] - f[0]), down = (f[2] - hz) / (f[2] - f[1]);
    const double triangle = up < down ? up : down;
    const float w = triangle > 0.0 ? (float)triangle : 0.0f;
    return recipe == TANGO_AUDIO_TORCHAUDIO
               ? w
               : (float)((double)w * (2.0 / (f[2] - f[0])));
}

/* The first bin above the lower corner; returns how many follow below the upper one. */
static size_t tango_audio__band_range(size_t *first, const double f[3],
                                      const tango_audio_parameters *p)
{
    const size_t bins = p->fft / 2 + 1;
    const double step = (double)p->rate / (double)p->fft;
    size_t begin = (size_t)(f[0] / step), end;
    while (begin < bins && (double)begin * step <= f[0]) begin++;
    for (end = begin; end < bins && (double)end * step < f[2]; end++) continue;
    *first = begin;
    return end - begin;
}

static void tango_audio__bands_fill(tango_audio_band *bands, float *weights,
                                    const tango_audio_parameters *p)
{
    const double step = (double)p->rate / (double)p->fft;
    size_t at = 0;
    for (size_t i = 0; i < p->mels; i++) {
        double f[3];
        size_t first, count, padded;
        tango_audio__corners(f, i, p);
        count = tango_audio__band_range(&first, f, p);
        padded = (count + 7) & ~(size_t)7;
        for (size_t k = 0; k < padded; k++) {
            const double hz = (double)(first + k) * step;
            weights[at + k] = k < count ? tango_audio__weight(hz, f, p->recipe) : 0.0f;
        }
        /* All below 2^22: fft is at most 2^20, mels 2^12. */
        bands[i].first = (uint32_t)(count ? first : 0);
        bands[i].count = (uint32_t)padded;
        bands[i].at = (uint32_t)at;
        at += padded;
    }
}

TANGO_API tango_result tango_audio_mel_basis(float *out,
                                             const tango_audio_parameters *parameters,
                                             tango_error *error)
{
    const tango_audio_parameters p = tango_audio_defaults(parameters);
    const tango_result checked = tango_audio__check(&p, error);
    const double step = (double)p.rate / (double)p.fft;
    const size_t bins = p.fft / 2 + 1;
    if (checked != TANGO_OK) return checked;
    for (size_t i = 0; i < p.mels; i++) {
        double f[3];
        tango_audio__corners(f, i, &p);
        for (size_t k = 0; k < bins; k++) {
            out[i * bins + k] = tango_audio__weight((double)k * step, f, p.recipe);
        }
    }
    return TANGO_OK;
}

TANGO_API void tango_audio_mel(float *out, const float *x, size_t samples, size_t first,
                               size_t count, const tango_audio_front *front, void *work)
{
    const tango_audio_kernels *kernels = front->fft.kernels;
    const tango_audio__frame f = tango_audio__frame_of(front, work);
    const size_t mels = front->parameters.mels;
    const int power = front->parameters.recipe != TANGO_AUDIO_TACOTRON;
    TANGO_ASSERT(count <= tango_audio_frame_count(samples, front) &&
                 first <= tango_audio_frame_count(samples, front) - count);
    for (size_t m = 0; m < count; m++) {
        tango_audio__spectrum(f.re, f.im, x, samples, first + m, front, &f);
        kernels->magnitude(f.bins, f.re, f.im, front->bins, power);
        kernels->bands(out + m * mels, f.bins, front->bands, front->weights, mels);
    }
}

TANGO_API void tango_audio_log_mel(float *out, const float *x, size_t samples,
                                   size_t first, size_t count,
                                   const tango_audio_front *front, void *work)
{
    const size_t values = count * front->parameters.mels;
    tango_audio_mel(out, x, samples, first, count, front, work);
    /* NaN is not below the floor, so it stays. */
    for (size_t n = 0; n < values; n++) out[n] = out[n] < 1e-5f ? 1e-5f : out[n];
    front->fft.kernels->logarithm(out, values);
}

/* ==== 6 >>level ==== Channels, peaks, and the level rules of the encoders ========= */

TANGO_API void tango_audio_downmix(float *out, const float *x, size_t frames,
                                   size_t channels, tango_audio_channels how)
{
    TANGO_ASSERT(channels > 0);
    if (how == TANGO_AUDIO_FIRST || channels == 1) {
        for (size_t t = 0; t < frames; t++) out[t] = x[t * channels];
        return;
    }
    for (size_t t = 0; t < frames; t++) {
        double sum = 0.0;
        for (size_t c = 0; c < channels; c++) sum += (double)x[t * channels + c];
        out[t] = (float)(sum / (double)channels);
    }
}

TANGO_API double tango_audio_mean(const float *x, size_t count)
{
    /* Four sums: one alone would wait for each addition. */
    double a = 0.0, b = 0.0, c = 0.0, d = 0.0;
    const size_t whole = count & ~(size_t)3;
    for (size_t n = 0; n < whole; n += 4) {
        a += (double)x[n];
        b += (double)x[n + 1];
        c += (double)x[n + 2];
        d += (double)x[n + 3];
    }
    for (size_t n = whole; n < count; n++) a += (double)x[n];
    return count ? ((a + b) + (c + d)) / (double)count : 0.0;
}

/* max |x - mean|, NaN where there is one: without their sign, the bits of floats are
   ordered as the floats are, and NaN comes last. */
TANGO_AUDIO__HOT
static float tango_audio__peak_from(const float *x, size_t count, float mean)
{
    int32_t top = 0;
    float peak;
    for (size_t n = 0; n < count; n++) {
        const float v = x[n] - mean;
        int32_t bits;
        memcpy(&bits, &v, sizeof bits);
        bits &= 0x7fffffff;
        top = bits > top ? bits : top;
    }
    memcpy(&peak, &top, sizeof peak);
    return peak;
}

TANGO_API float tango_audio_peak(const float *x, size_t count)
{
    return tango_audio__peak_from(x, count, 0.0f);
}

TANGO_API void tango_audio_set_peak(float *x, size_t count, float peak)
{
    const float found = tango_audio_peak(x, count);
    if (!(found > 0.0f)) return;
    for (size_t n = 0; n < count; n++) x[n] = x[n] / found * peak;
}

TANGO_API size_t tango_audio_normalised_count(size_t count, size_t target,
                                              tango_audio_levels levels)
{
    return levels == TANGO_AUDIO_AUDIOLDM && count > target ? count : target;
}

/* The second peak rule. In double where AudioLDM has padded: its padding array is a
   double one. Nothing is left to clip: |x| <= peak. */
static void tango_audio__halve_peak(float *x, size_t count, float peak, int in_double)
{
    if (in_double) {
        for (size_t n = 0; n < count; n++) {
            x[n] = (float)((double)x[n] / (double)peak * 0.5);
        }
    } else {
        for (size_t n = 0; n < count; n++) x[n] = x[n] / peak * 0.5f;
    }
}

TANGO_API tango_result tango_audio_normalise(float *out, const float *x, size_t count,
                                             size_t target, tango_audio_levels levels,
                                             tango_error *error)
{
    const size_t total = tango_audio_normalised_count(count, target, levels);
    const size_t kept = count < total ? count : total;
    const float mean = (float)tango_audio_mean(x, count);
    const float peak = tango_audio__peak_from(x, count, mean);
    float second;
    size_t where = 0;
    if (!tango_audio__all_finite(x, count, &where)) {
        return tango_audio__fail(
            error, TANGO_ERROR_NUMBER,
            "clip: expected numbers, found NaN or infinity at sample %", where, 0);
    }
    if (count == 0 || (levels == TANGO_AUDIO_AUDIOLDM && count <= 100)) {
        return tango_audio__fail(error, TANGO_ERROR_ARGUMENT,
                                 "clip: expected more than % samples, found %",
                                 levels == TANGO_AUDIO_AUDIOLDM ? 100 : 0, count);
    }
    if (peak - peak != 0.0f || (levels == TANGO_AUDIO_AUDIOLDM && peak == 0.0f)) {
        return tango_audio__fail(error, TANGO_ERROR_NUMBER,
                                 peak == 0.0f
                                     ? "clip: expected sound, found silence"
                                     : "clip: samples too large to remove their mean",
                                 0, 0);
    }
    for (size_t n = 0; n < kept; n++) out[n] = (x[n] - mean) / (peak + 1e-8f) * 0.5f;
    for (size_t n = kept; n < total; n++) out[n] = 0.0f;
    second = tango_audio_peak(out, kept);
    /* What is left of a clip after the cut may be silent; the reference turns its NaN
       into 0. */
    if (second > 0.0f) {
        tango_audio__halve_peak(out, kept, second,
                                levels == TANGO_AUDIO_AUDIOLDM && kept < total);
    }
    return TANGO_OK;
}

/* ==== 7 >>resample ==== From one rate to another ================================== */

/* Taps that can be non-zero, for reduced rates o and n: |j/o - p/n| < 6/b, so 12 o/b, and
   one more at each end for rounding. */
static size_t tango_audio__tap_count(size_t o, size_t n)
{
    const double b = 0.99 * (double)(o < n ? o : n);
    const size_t taps = (size_t)(12.0 * (double)o / b) + 4;
    return (taps + 7) & ~(size_t)7;
}

static size_t tango_audio__common_divisor(size_t a, size_t b)
{
    while (b) {
        const size_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static int tango_audio__reduce_rates(tango_audio_resampler *r, size_t source,
                                     size_t target)
{
    size_t divisor;
    if (source < 1 || source > 1000000 || target < 1 || target > 1000000) return 0;
    divisor = tango_audio__common_divisor(source, target);
    r->source = source / divisor;
    r->target = target / divisor;
    r->taps = r->source == r->target ? 0 : tango_audio__tap_count(r->source, r->target);
    return 1;
}

static void tango_audio__resampler_layout(int32_t **first, float **kernel,
                                          tango_audio__room *room,
                                          const tango_audio_resampler *r)
{
    size_t taps = 0;
    if (!tango_mul_ok(r->target, r->taps, &taps)) room->used = SIZE_MAX;
    *first = (int32_t *)tango_audio__take(room, r->target, sizeof(int32_t));
    *kernel = tango_audio__take_floats(room, taps);
}

TANGO_API size_t tango_audio_resampler_size(size_t source, size_t target)
{
    tango_audio__room room = tango_audio__room_of(NULL);
    tango_audio_resampler r;
    int32_t *first;
    float *kernel;
    if (!tango_audio__reduce_rates(&r, source, target)) return 0;
    tango_audio__resampler_layout(&first, &kernel, &room, &r);
    return tango_audio__room_size(&room);
}

/* x as memory holds it: x87 registers and FLT_EVAL_METHOD 2 keep more bits. */
static float tango_audio__rounded(float x)
{
    const volatile float stored = x;
    return stored;
}

/* Tap j of phase p. The order of roundings is the reference's: its times carry errors
   near 1e-5, which a more exact kernel would not reproduce. */
static float tango_audio__tap(long j, size_t p, size_t o, size_t n, double b)
{
    const float pi = 3.14159265358979f;
    const float phase = tango_audio__rounded(-(float)p / (float)n);
    const float sample = tango_audio__rounded((float)j / (float)o);
    float t = tango_audio__rounded(tango_audio__rounded(phase + sample) * (float)b), w;
    if (t >= 6.0f || t <= -6.0f) return 0.0f;
    w = TANGO_COSF(t * pi / 6.0f / 2.0f);
    t *= pi;
    return (t == 0.0f ? 1.0f : TANGO_SINF(t) / t) * (w * w) * (float)(b / (double)o);
}

TANGO_API tango_result tango_audio_resampler_init(tango_audio_resampler *r, size_t source,
                                                  size_t target, void *memory,
                                                  size_t memory_size, tango_error *error)
{
    const size_t needed = tango_audio_resampler_size(source, target);
    tango_audio__room room = tango_audio__room_of(memory);
    int32_t *first;
    float *kernel;
    double b;
    if (!tango_audio__reduce_rates(r, source, target)) {
        return tango_audio__fail(error, TANGO_ERROR_ARGUMENT,
                                 "resample rates: expected 1 to 1000000, found % and %",
                                 source, target);
    }
    if (!needed || memory_size < needed) {
        return tango_audio__fail(error, TANGO_ERROR_MEMORY,
                                 "resample memory: expected % bytes, found %", needed,
                                 memory_size);
    }
    tango_audio__resampler_layout(&first, &kernel, &room, r);
    b = 0.99 * (double)(r->source < r->target ? r->source : r->target);
    for (size_t p = 0; p < r->target && r->taps; p++) {
        const double centre = (double)p * (double)r->source / (double)r->target;
        const double begin = centre - 6.0 * (double)r->source / b;
        /* Rounded down; at most about 6.1 million on either side, as rates end at a
           million. */
        first[p] = (int32_t)begin - (begin < 0.0) - 1;
        for (size_t j = 0; j < r->taps; j++) {
            kernel[p * r->taps + j] =
                tango_audio__tap(first[p] + (long)j, p, r->source, r->target, b);
        }
    }
    r->first = first;
    r->kernel = kernel;
    r->kernels = tango_audio__kernels();
    return TANGO_OK;
}

TANGO_API size_t tango_audio_resampled_count(size_t count, const tango_audio_resampler *r)
{
    /* ceil(count n / o) in parts that fit: count = blocks o + rest. */
    const size_t blocks = count / r->source;
    const uint64_t rest = (uint64_t)(count % r->source) * r->target;
    const size_t last = (size_t)((rest + r->source - 1) / r->source);
    size_t total;
    if (!tango_mul_ok(blocks, r->target, &total) || !tango_add_ok(total, last, &total))
        return 0;
    return total;
}

/* Where the taps of an output sample begin in the input: `before` samples before 0, or at
   `at`. */
static size_t tango_audio__taps_at(size_t *before, size_t out,
                                   const tango_audio_resampler *r)
{
    const size_t block = out / r->target * r->source;
    const int32_t first = r->first[out % r->target];
    *before = 0;
    if (first >= 0) return block + (size_t)first;
    if (block >= (size_t)-first) return block - (size_t)-first;
    *before = (size_t)-first - block;
    return 0;
}

TANGO_API void tango_audio_resample_span(size_t *x_first, size_t *x_count,
                                         size_t out_first, size_t out_count,
                                         const tango_audio_resampler *r)
{
    size_t before, last;
    *x_first = out_first;
    *x_count = out_count;
    if (r->taps == 0 || out_count == 0) return;
    *x_first = tango_audio__taps_at(&before, out_first, r);
    last = tango_audio__taps_at(&before, out_first + out_count - 1, r);
    *x_count = before < r->taps ? last + (r->taps - before) - *x_first : 0;
}

/* Output `out` where its taps reach beyond x: what is not there counts as 0. The order of
   the sum is that of the inner loops. */
static float tango_audio__resample_edge(size_t out, const float *x, size_t x_first,
                                        size_t x_count, const tango_audio_resampler *r)
{
    const float *h = r->kernel + out % r->target * r->taps;
    size_t before;
    const size_t at = tango_audio__taps_at(&before, out, r);
    float s[8] = { 0.0f };
    for (size_t j = before; j < r->taps; j++) {
        const size_t k = at + (j - before) - x_first; /* wraps beyond x_count */
        if (k < x_count) s[j % 8] += h[j] * x[k];
    }
    return tango_audio__sum8(s);
}

static double tango_audio__resample_edge_double(size_t out, const double *x,
                                                size_t x_first, size_t x_count,
                                                const tango_audio_resampler *r)
{
    const float *h = r->kernel + out % r->target * r->taps;
    size_t before;
    const size_t at = tango_audio__taps_at(&before, out, r);
    double s[8] = { 0.0 };
    for (size_t j = before; j < r->taps; j++) {
        const size_t k = at + (j - before) - x_first;
        if (k < x_count) s[j % 8] += (double)h[j] * x[k];
    }
    return tango_audio__sum8_double(s);
}

/* Whether all taps of output `out` lie in x. */
static int tango_audio__resample_inside(size_t out, size_t x_first, size_t x_count,
                                        const tango_audio_resampler *r)
{
    size_t before;
    const size_t at = tango_audio__taps_at(&before, out, r);
    return before == 0 && at >= x_first && at - x_first <= x_count &&
           x_count - (at - x_first) >= r->taps;
}

/* The outputs from *begin to before *end, narrowed to those inside. First taps rise with
   the output, so all between two inside are inside. */
static void tango_audio__resample_middle(size_t *begin, size_t *end, size_t x_first,
                                         size_t x_count, const tango_audio_resampler *r)
{
    while (*begin < *end && !tango_audio__resample_inside(*begin, x_first, x_count, r))
        ++*begin;
    while (*begin < *end && !tango_audio__resample_inside(*end - 1, x_first, x_count, r))
        --*end;
}

TANGO_API void tango_audio_resample_part(float *out, size_t out_first, size_t out_count,
                                         const float *x, size_t x_first, size_t x_count,
                                         const tango_audio_resampler *r)
{
    const size_t last = out_first + out_count;
    size_t begin = out_first, end = last;
    if (r->taps == 0) {
        for (size_t i = 0; i < out_count; i++) {
            const size_t at = out_first + i - x_first; /* wraps beyond x_count */
            out[i] = at < x_count ? x[at] : 0.0f;
        }
        return;
    }
    tango_audio__resample_middle(&begin, &end, x_first, x_count, r);
    for (size_t i = out_first; i < begin; i++) {
        out[i - out_first] = tango_audio__resample_edge(i, x, x_first, x_count, r);
    }
    r->kernels->resample(out + (begin - out_first), end - begin, x,
                         begin / r->target * r->source - x_first, begin % r->target, r);
    for (size_t i = end; i < last; i++) {
        out[i - out_first] = tango_audio__resample_edge(i, x, x_first, x_count, r);
    }
}

TANGO_API void tango_audio_resample_part_double(double *out, size_t out_first,
                                                size_t out_count, const double *x,
                                                size_t x_first, size_t x_count,
                                                const tango_audio_resampler *r)
{
    const size_t last = out_first + out_count;
    size_t begin = out_first, end = last;
    if (r->taps == 0) {
        for (size_t i = 0; i < out_count; i++) {
            const size_t at = out_first + i - x_first;
            out[i] = at < x_count ? x[at] : 0.0;
        }
        return;
    }
    tango_audio__resample_middle(&begin, &end, x_first, x_count, r);
    for (size_t i = out_first; i < begin; i++) {
        out[i - out_first] = tango_audio__resample_edge_double(i, x, x_first, x_count, r);
    }
    r->kernels->resample_double(out + (begin - out_first), end - begin, x,
                                begin / r->target * r->source - x_first,
                                begin % r->target, r);
    for (size_t i = end; i < last; i++) {
        out[i - out_first] = tango_audio__resample_edge_double(i, x, x_first, x_count, r);
    }
}

TANGO_API void tango_audio_resample(float *out, const float *x, size_t count,
                                    const tango_audio_resampler *r)
{
    tango_audio_resample_part(out, 0, tango_audio_resampled_count(count, r), x, 0, count,
                              r);
}

TANGO_API void tango_audio_resample_double(double *out, const double *x, size_t count,
                                           const tango_audio_resampler *r)
{
    tango_audio_resample_part_double(out, 0, tango_audio_resampled_count(count, r), x, 0,
                                     count, r);
}

/* ==== 8 >>loudness ==== Decibels, A-weighting, the matched mix, LUFS =========== */

static double tango_audio__log10(double x)
{
    return TANGO_LOG(x) / TANGO_AUDIO__LN10;
}

TANGO_API void tango_audio_magnitude_to_db(float *out, const float *x, size_t count,
                                           float floor)
{
    for (size_t n = 0; n < count; n++) {
        out[n] =
            (float)(20.0 * tango_audio__log10((double)(x[n] < floor ? floor : x[n])));
    }
}

TANGO_API void tango_audio_power_to_db(float *out, const float *x, size_t count,
                                       float floor)
{
    for (size_t n = 0; n < count; n++) {
        out[n] =
            (float)(10.0 * tango_audio__log10((double)(x[n] < floor ? floor : x[n])));
    }
}

TANGO_API void tango_audio_a_weighting(double *out, size_t bins, size_t rate)
{
    for (size_t k = 0; k < bins; k++) {
        const double f = k ? 0.5 * (double)rate * (double)k / (double)(bins - 1) : 1.0;
        const double s = f * f;
        const double a = 2.0 + 20.0 * (2.0 * tango_audio__log10(12194.0) +
                                       2.0 * tango_audio__log10(s) -
                                       tango_audio__log10(s + 12194.0 * 12194.0) -
                                       tango_audio__log10(s + 20.6 * 20.6) -
                                       0.5 * tango_audio__log10(s + 107.7 * 107.7) -
                                       0.5 * tango_audio__log10(s + 737.9 * 737.9));
        out[k] = a < -80.0 ? -80.0 : a;
    }
}

enum { TANGO_AUDIO__LOUD = 2048 }; /* frame of the loudness measure */

typedef struct tango_audio__loud {
    float *table, *window, *frame, *re, *im, *scratch;
    double *weights;
} tango_audio__loud;

static void tango_audio__loud_layout(tango_audio__loud *a, tango_audio__room *room)
{
    a->table =
        (float *)tango_audio__take(room, tango_audio_fft_size(TANGO_AUDIO__LOUD), 1);
    a->window = tango_audio__take_floats(room, TANGO_AUDIO__LOUD);
    a->frame = tango_audio__take_floats(room, TANGO_AUDIO__LOUD);
    a->scratch = tango_audio__take_floats(room, 2 * TANGO_AUDIO__LOUD);
    a->re = tango_audio__take_floats(room, TANGO_AUDIO__LOUD / 2 + 1);
    a->im = tango_audio__take_floats(room, TANGO_AUDIO__LOUD / 2 + 1);
    a->weights =
        (double *)tango_audio__take(room, TANGO_AUDIO__LOUD / 2 + 1, sizeof(double));
}

TANGO_API size_t tango_audio_loudness_work_size(void)
{
    tango_audio__room room = tango_audio__room_of(NULL);
    tango_audio__loud a;
    tango_audio__loud_layout(&a, &room);
    return tango_audio__room_size(&room);
}

TANGO_API double tango_audio_loudness(const float *x, size_t count, size_t rate,
                                      void *work)
{
    const size_t n = TANGO_AUDIO__LOUD, bins = n / 2 + 1;
    tango_audio__room room = tango_audio__room_of(work);
    tango_audio__loud a;
    tango_audio_fft fft;
    double loudest = 1e-8;
    tango_audio__loud_layout(&a, &room);
    (void)tango_audio_fft_init(&fft, n, a.table, tango_audio_fft_size(n), NULL);
    tango_audio_window(a.window, n, TANGO_AUDIO_HANN, 1);
    tango_audio_a_weighting(a.weights, bins, rate);
    for (size_t k = 0; k < bins; k++) {
        a.weights[k] = TANGO_EXP(TANGO_AUDIO__LN10 / 10.0 * a.weights[k]);
    }
    for (size_t begin = 0; begin == 0 || (count >= n && begin <= count - n);
         begin += n / 2) {
        double sum = 0.0;
        for (size_t i = 0; i < n; i++)
            a.frame[i] = begin + i < count ? x[begin + i] : 0.0f;
        tango_audio__forward(a.re, a.im, a.frame, a.window, &fft, a.scratch);
        for (size_t k = 0; k < bins; k++) {
            const double re = (double)a.re[k], im = (double)a.im[k];
            sum += (re * re + im * im) * a.weights[k];
        }
        if (!(sum <= loudest)) loudest = sum; /* NaN wins */
        if (sum != sum) break;
    }
    return 10.0 * tango_audio__log10(loudest);
}

TANGO_API void tango_audio_mix(float *out, const float *a, const float *b, size_t count,
                               double r, size_t rate, void *work)
{
    const double difference = tango_audio_loudness(a, count, rate, work) -
                              tango_audio_loudness(b, count, rate, work);
    const double gain = TANGO_EXP(TANGO_AUDIO__LN10 / 20.0 * difference);
    const double t = 1.0 / (1.0 + gain * (1.0 - r) / r);
    const double norm = TANGO_SQRT(t * t + (1.0 - t) * (1.0 - t));
    for (size_t n = 0; n < count; n++) {
        out[n] = (float)(((double)a[n] * t + (double)b[n] * (1.0 - t)) / norm);
    }
}

/* ---- The meter of BS.1770 ---- */

enum {
    TANGO_AUDIO__STEPS = 10000, /* of 0.01 LU, from -70 LUFS up */
    TANGO_AUDIO__TAPS = 12
};

static void tango_audio__meter_layout(tango_audio_meter *m, tango_audio__room *room,
                                      size_t channels)
{
    m->state = (double *)tango_audio__take(room, 4 * channels, sizeof(double));
    m->energies = (double *)tango_audio__take(room, TANGO_AUDIO__STEPS, sizeof(double));
    m->counts = (uint32_t *)tango_audio__take(room, TANGO_AUDIO__STEPS, sizeof(uint32_t));
    m->tail = tango_audio__take_floats(room, TANGO_AUDIO__TAPS * channels);
}

TANGO_API size_t tango_audio_meter_size(size_t channels)
{
    tango_audio_meter m;
    tango_audio__room room = tango_audio__room_of(NULL);
    if (channels < 1 || channels > 8) return 0;
    tango_audio__meter_layout(&m, &room, channels);
    return tango_audio__room_size(&room);
}

/* The shelf and the high-pass by the bilinear transform: b0 b1 b2 a1 a2. */
static void tango_audio__meter_filters(tango_audio_meter *m)
{
    const double pi = 0.5 * TANGO_AUDIO__TAU;
    const double high = 1.5848647011308556;   /* 3.999844 dB above the shelf */
    const double middle = 1.2587209302325620; /* high to the power of 0.499667 */
    double a = pi * 1681.974450955533 / (double)m->rate, q = 0.7071752369554196, k, d;
    k = TANGO_SIN(a) / TANGO_COS(a);
    d = 1.0 + k / q + k * k;
    m->shelf[0] = (high + middle * k / q + k * k) / d;
    m->shelf[1] = 2.0 * (k * k - high) / d;
    m->shelf[2] = (high - middle * k / q + k * k) / d;
    m->shelf[3] = 2.0 * (k * k - 1.0) / d;
    m->shelf[4] = (1.0 - k / q + k * k) / d;
    a = pi * 38.13547087602444 / (double)m->rate, q = 0.5003270373238773;
    k = TANGO_SIN(a) / TANGO_COS(a);
    d = 1.0 + k / q + k * k;
    m->pass[0] = m->pass[2] = 1.0;
    m->pass[1] = -2.0;
    m->pass[3] = 2.0 * (k * k - 1.0) / d;
    m->pass[4] = (1.0 - k / q + k * k) / d;
}

/* Windowed sinc, of gain 1 for what stands still. */
static void tango_audio__meter_taps(tango_audio_meter *m)
{
    const double pi = 0.5 * TANGO_AUDIO__TAU;
    size_t p, j;
    for (p = 0; p < 3; p++) {
        double sum = 0.0;
        for (j = 0; j < TANGO_AUDIO__TAPS; j++) {
            const double t = (double)j - 5.0 - 0.25 * (double)(p + 1);
            const double window = TANGO_COS(pi * t / 12.0);
            m->taps[p][j] = TANGO_SIN(pi * t) / (pi * t) * window * window;
            sum += m->taps[p][j];
        }
        for (j = 0; j < TANGO_AUDIO__TAPS; j++) m->taps[p][j] /= sum;
    }
}

TANGO_API tango_result tango_audio_meter_init(tango_audio_meter *meter, size_t rate,
                                              size_t channels, void *memory,
                                              size_t memory_size, tango_error *error)
{
    tango_audio__room room = tango_audio__room_of(memory);
    const size_t size = tango_audio_meter_size(channels);
    size_t i;
    if (!size || rate < 8000 || rate > 10000000)
        return tango_audio__fail(error, TANGO_ERROR_ARGUMENT,
                                 "meter: expected 1 to 8 channels of 8000 Hz or more, "
                                 "found % of % Hz", channels, rate);
    if (!memory || memory_size < size)
        return tango_audio__fail(error, TANGO_ERROR_MEMORY,
                                 "meter: % bytes of memory, % needed", memory_size, size);
    memset(meter, 0, sizeof *meter);
    tango_audio__meter_layout(meter, &room, channels);
    meter->rate = rate;
    meter->channels = channels;
    meter->hop = (rate + 5) / 10;
    for (i = 0; i < 4 * channels; i++) meter->state[i] = 0.0;
    for (i = 0; i < TANGO_AUDIO__TAPS * channels; i++) meter->tail[i] = 0.0f;
    for (i = 0; i < TANGO_AUDIO__STEPS; i++) meter->energies[i] = 0.0;
    for (i = 0; i < TANGO_AUDIO__STEPS; i++) meter->counts[i] = 0;
    tango_audio__meter_filters(meter);
    tango_audio__meter_taps(meter);
    return TANGO_OK;
}

/* One sample through a filter in transposed direct form II; z are its two states. */
static inline double tango_audio__biquad(const double f[5], double *z, double x)
{
    const double y = f[0] * x + z[0];
    z[0] = f[1] * x - f[3] * y + z[1];
    z[1] = f[2] * x - f[4] * y;
    return y;
}

static double tango_audio__channel_weight(size_t channels, size_t channel)
{
    if (channels == 6 && channel == 3) return 0.0;
    return (channels == 5 && channel > 2) || (channels == 6 && channel > 3) ? 1.41 : 1.0;
}

/* What a mean square of the weighted sound is in LUFS. */
static double tango_audio__lufs(double square)
{
    return square > 0.0 ? 10.0 * tango_audio__log10(square) - 0.691 : -1000.0;
}

/* A stretch of 100 ms has ended, and with it from the fourth on a block of 400 ms. */
static void tango_audio__meter_block(tango_audio_meter *m)
{
    const double *p = m->part;
    const double square = (p[0] + p[1] + p[2] + p[3]) / (4.0 * (double)m->hop);
    const double step = (tango_audio__lufs(square) + 70.0) * 100.0;
    m->parts++;
    m->at = 0;
    if (m->parts >= 4 && step > 0.0) {
        const size_t i = step < (double)(TANGO_AUDIO__STEPS - 1) ? (size_t)step
                                                         : TANGO_AUDIO__STEPS - 1;
        m->counts[i]++;
        m->energies[i] += square;
    }
    m->part[m->parts % 4] = 0.0;
}

/* Largest |value| between the sixth and the seventh of the twelve samples in `tail`. */
TANGO_AUDIO__HOT
static double tango_audio__between(const tango_audio_meter *m, const float *tail)
{
    double most = 0.0;
    size_t p, j;
    for (p = 0; p < 3; p++) {
        double sum = 0.0;
        for (j = 0; j < TANGO_AUDIO__TAPS; j++) sum += m->taps[p][j] * (double)tail[j];
        if (sum < 0.0) sum = -sum;
        if (sum > most) most = sum;
    }
    return most;
}

TANGO_API TANGO_AUDIO__HOT void tango_audio_meter_feed(tango_audio_meter *meter,
                                                       const float *x, size_t frames)
{
    const size_t channels = meter->channels;
    size_t n, c, j;
    for (n = 0; n < frames; n++) {
        double sum = 0.0;
        for (c = 0; c < channels; c++) {
            double v = (double)x[n * channels + c], y;
            float *tail = meter->tail + c * TANGO_AUDIO__TAPS;
            y = tango_audio__biquad(meter->shelf, meter->state + 4 * c, v);
            y = tango_audio__biquad(meter->pass, meter->state + 4 * c + 2, y);
            sum += tango_audio__channel_weight(channels, c) * y * y;
            meter->square += v * v;
            for (j = 0; j + 1 < TANGO_AUDIO__TAPS; j++) tail[j] = tail[j + 1];
            tail[TANGO_AUDIO__TAPS - 1] = x[n * channels + c];
            if (v < 0.0) v = -v;
            if (v > meter->peak) meter->peak = v;
            v = tango_audio__between(meter, tail);
            if (v > meter->between) meter->between = v;
        }
        meter->part[meter->parts % 4] += sum;
        meter->frames++;
        if (++meter->at == meter->hop) tango_audio__meter_block(meter);
    }
}

/* The mean square over the blocks louder than `gate` LUFS, to 0.01 LU; 0 of none. */
static double tango_audio__gated(const tango_audio_meter *m, double gate)
{
    const double step = (gate + 70.0) * 100.0;
    size_t i = step > 0.0 ? (size_t)step : 0;
    double sum = 0.0, count = 0.0;
    for (; i < TANGO_AUDIO__STEPS; i++) {
        sum += m->energies[i];
        count += (double)m->counts[i];
    }
    return count > 0.0 ? sum / count : 0.0;
}

TANGO_API double tango_audio_meter_loudness(const tango_audio_meter *meter)
{
    const double *p = meter->part;
    if (meter->frames == 0) return -1000.0;
    if (meter->parts < 4)
        return tango_audio__lufs((p[0] + p[1] + p[2] + p[3]) / (double)meter->frames);
    return tango_audio__lufs(
        tango_audio__gated(meter, tango_audio__lufs(tango_audio__gated(meter, -70.0)) -
                                      10.0));
}

TANGO_API double tango_audio_meter_true_peak(const tango_audio_meter *meter)
{
    double most = meter->between > meter->peak ? meter->between : meter->peak;
    size_t c, n, j;
    for (c = 0; c < meter->channels; c++) {
        float tail[2 * TANGO_AUDIO__TAPS];
        for (j = 0; j < 2 * TANGO_AUDIO__TAPS; j++)
            tail[j] = j < TANGO_AUDIO__TAPS ? meter->tail[c * TANGO_AUDIO__TAPS + j]
                                            : 0.0f;
        for (n = 1; n < TANGO_AUDIO__TAPS; n++) { /* silence follows the end */
            const double v = tango_audio__between(meter, tail + n);
            if (v > most) most = v;
        }
    }
    return most;
}

/* ==== 9 >>vocoder ==== From a mel to sound without a network ====================== */

/* Arrays of LANES frames side by side. Rows of bins have 7 more, which bands read at
   weight 0. */
typedef struct tango_audio__lanes {
    float *x, *numerator, *scratch; /* (bins + 7, LANES) */
    float *target, *y;              /* (mels, LANES) */
    float *column;                  /* (bins + 7) sums of the columns of W */
} tango_audio__lanes;

static void tango_audio__lanes_layout(tango_audio__lanes *a, tango_audio__room *room,
                                      const tango_audio_parameters *p)
{
    const size_t row =
        p->fft / 2 + 8; /* at most 2^19 + 8, so that no product below overflows */
    a->x = tango_audio__take_floats(room, row * TANGO_AUDIO__LANES);
    a->numerator = tango_audio__take_floats(room, row * TANGO_AUDIO__LANES);
    a->scratch = tango_audio__take_floats(room, row * TANGO_AUDIO__LANES);
    a->target = tango_audio__take_floats(room, p->mels * TANGO_AUDIO__LANES);
    a->y = tango_audio__take_floats(room, p->mels * TANGO_AUDIO__LANES);
    a->column = tango_audio__take_floats(room, row);
}

TANGO_API size_t
tango_audio_invert_mel_work_size(const tango_audio_parameters *parameters)
{
    const tango_audio_parameters p = tango_audio_defaults(parameters);
    tango_audio__room room = tango_audio__room_of(NULL);
    tango_audio__lanes a;
    if (tango_audio__check(&p, NULL) != TANGO_OK) return 0;
    tango_audio__lanes_layout(&a, &room, &p);
    return tango_audio__room_size(&room);
}

/* The start of one block: x = W^T (M / row sums) / (column sums + 1e-6), at least 1e-6. A
   band without bins (too many mels for the transform) has row sum 0 and takes no part. */
static void tango_audio__lanes_start(tango_audio__lanes *a,
                                     const tango_audio_front *front)
{
    const size_t L = TANGO_AUDIO__LANES;
    tango_audio__lanes_up_body(a->numerator, a->target, front);
    for (size_t i = 0; i < front->parameters.mels; i++) {
        float sum = 0.0f;
        for (size_t k = 0; k < front->bands[i].count; k++) {
            sum += front->weights[front->bands[i].at + k];
        }
        for (size_t l = 0; l < L; l++) {
            a->y[i * L + l] = sum > 0.0f ? a->target[i * L + l] / sum : 0.0f;
        }
    }
    tango_audio__lanes_up_body(a->x, a->y, front);
    for (size_t k = 0; k < front->bins; k++) {
        for (size_t l = 0; l < L; l++) {
            const float v = a->x[k * L + l] / (a->column[k] + 1e-6f);
            a->x[k * L + l] = v < 1e-6f ? 1e-6f : v;
        }
    }
}

TANGO_API void tango_audio_invert_mel(float *out, const float *mel, size_t frames,
                                      size_t rounds, const tango_audio_front *front,
                                      void *work)
{
    const size_t L = TANGO_AUDIO__LANES, mels = front->parameters.mels;
    tango_audio__room room = tango_audio__room_of(work);
    tango_audio__lanes a;
    tango_audio__lanes_layout(&a, &room, &front->parameters);
    memset(a.column, 0, (front->bins + 7) * sizeof *a.column);
    for (size_t i = 0; i < mels; i++) {
        const tango_audio_band band = front->bands[i];
        for (size_t k = 0; k < band.count; k++) {
            a.column[band.first + k] += front->weights[band.at + k];
        }
    }
    for (size_t t = 0; t < frames; t += L) {
        /* Lanes past the last frame repeat it; their results are dropped. */
        for (size_t l = 0; l < L; l++) {
            const float *mel_t = mel + (t + l < frames ? t + l : frames - 1) * mels;
            for (size_t i = 0; i < mels; i++) a.target[i * L + l] = TANGO_EXPF(mel_t[i]);
        }
        tango_audio__lanes_start(&a, front);
        for (size_t round = 0; round < rounds; round++) {
            front->fft.kernels->update(a.x, a.numerator, a.scratch, a.y, front);
        }
        for (size_t l = 0; l < L && t + l < frames; l++) {
            float *out_t = out + (t + l) * front->bins;
            for (size_t k = 0; k < front->bins; k++) out_t[k] = a.x[k * L + l];
        }
    }
}

enum { TANGO_AUDIO__SHARE = 256 }; /* frames from one word to the caller to the next */

/* Griffin-Lim holds the last spectra and two waves: one is read while the next is summed
   up. */
typedef struct tango_audio__griffin {
    tango_audio__frame frame;
    float *last_re, *last_im;  /* (frames, bins) */
    float *wave, *next, *cover; /* (hop * (frames - 1)) */
} tango_audio__griffin;

static void tango_audio__griffin_layout(tango_audio__griffin *g, tango_audio__room *room,
                                        size_t frames, const tango_audio_parameters *p)
{
    size_t values = 0, count = 0;
    if (frames < 2 || !tango_mul_ok(frames, p->fft / 2 + 1, &values) ||
        !tango_mul_ok(frames - 1, p->hop, &count)) {
        room->used = SIZE_MAX;
        return;
    }
    tango_audio__frame_layout(&g->frame, room, p);
    g->last_re = tango_audio__take_floats(room, values);
    g->last_im = tango_audio__take_floats(room, values);
    g->wave = tango_audio__take_floats(room, count);
    g->next = tango_audio__take_floats(room, count);
    g->cover = tango_audio__take_floats(room, count);
}

TANGO_API size_t
tango_audio_griffin_lim_work_size(size_t frames, const tango_audio_parameters *parameters)
{
    const tango_audio_parameters p = tango_audio_defaults(parameters);
    tango_audio__room room = tango_audio__room_of(NULL);
    tango_audio__griffin g;
    if (tango_audio__check(&p, NULL) != TANGO_OK) return 0;
    tango_audio__griffin_layout(&g, &room, frames, &p);
    return tango_audio__room_size(&room);
}

/* The spectrum of frame t at the start: magnitude times e^(2 pi i u). */
static void tango_audio__griffin_start(float *re, float *im, const float *magnitude,
                                       const float *uniform, size_t t, size_t frames,
                                       size_t bins)
{
    for (size_t k = 0; k < bins; k++) {
        const float angle = 6.283185307179586f * uniform[k * frames + t];
        re[k] = magnitude[t * bins + k] * TANGO_COSF(angle);
        im[k] = magnitude[t * bins + k] * TANGO_SINF(angle);
    }
}

/* Work of several parts in frames: `done` lie behind, `all` are to be done. */
typedef struct tango_audio__share {
    const tango_audio_progress *progress; /* or NULL */
    double done, all;
} tango_audio__share;

/* Counts `frames` more; 1 if the caller wants to stop. */
static int tango_audio__stopped(tango_audio__share *share, size_t frames)
{
    share->done += (double)frames;
    return share->progress != NULL &&
           share->progress->on_share(share->progress->user, share->done / share->all);
}

/* One round: the next wave from the last one, from the starting phases in round 0; 0 if
   it was stopped. */
static int tango_audio__griffin_round(tango_audio__griffin *g, size_t round,
                                      const float *magnitude, const float *uniform,
                                      size_t frames, float keep,
                                      const tango_audio_front *front,
                                      tango_audio__share *share)
{
    const size_t bins = front->bins;
    const size_t count = tango_audio__wave_count(frames, &front->parameters);
    float *re = g->frame.re, *im = g->frame.im, *swap = g->wave;
    memset(g->next, 0, count * sizeof(float));
    for (size_t t = 0; t < frames; t++) {
        if (round == 0) {
            tango_audio__griffin_start(re, im, magnitude, uniform, t, frames, bins);
        } else {
            tango_audio__spectrum(re, im, g->wave, count, t, front, &g->frame);
            front->fft.kernels->phase(re, im, g->last_re + t * bins,
                                      g->last_im + t * bins, g->frame.bins,
                                      magnitude + t * bins, bins, keep);
        }
        tango_audio__backward(g->frame.samples, re, im, &front->fft, g->frame.scratch);
        tango_audio__overlap_add(g->next, count, g->frame.samples, front->window, t,
                                 front);
        if ((t + 1) % TANGO_AUDIO__SHARE == 0 &&
            tango_audio__stopped(share, TANGO_AUDIO__SHARE)) {
            return 0;
        }
    }
    for (size_t i = 0; i < count; i++) g->next[i] *= g->cover[i];
    g->wave = g->next;
    g->next = swap;
    return !tango_audio__stopped(share, frames % TANGO_AUDIO__SHARE);
}

static tango_result tango_audio__griffin_lim(float *out, const float *magnitude,
                                             size_t frames, size_t rounds, float momentum,
                                             const float *uniform,
                                             const tango_audio_front *front,
                                             tango_audio__share *share, void *work,
                                             size_t work_size, tango_error *error)
{
    const size_t bins = front->bins;
    const size_t needed = tango_audio_griffin_lim_work_size(frames, &front->parameters);
    const size_t count = tango_audio__wave_count(frames, &front->parameters);
    const float keep = momentum / (1.0f + momentum);
    tango_audio__room room = tango_audio__room_of(work);
    tango_audio__griffin g;
    if (frames < 2) {
        return tango_audio__fail(error, TANGO_ERROR_ARGUMENT,
                                 "griffin-lim: expected 2 frames or more, found %",
                                 frames, 0);
    }
    if (!needed || work_size < needed) {
        return tango_audio__fail(error, TANGO_ERROR_MEMORY,
                                 "griffin-lim work: expected % bytes, found %", needed,
                                 work_size);
    }
    tango_audio__griffin_layout(&g, &room, frames, &front->parameters);
    if (!tango_audio__cover(g.cover, frames, count, front)) {
        return tango_audio__uncovered(front, error);
    }
    memset(g.last_re, 0, frames * bins * sizeof(float));
    memset(g.last_im, 0, frames * bins * sizeof(float));
    for (size_t round = 0; round <= rounds; round++) {
        if (!tango_audio__griffin_round(&g, round, magnitude, uniform, frames, keep,
                                        front, share)) {
            return tango_audio__fail(error, TANGO_ERROR_CANCELLED,
                                     "griffin-lim: stopped in round % of %", round,
                                     rounds);
        }
    }
    memcpy(out, g.wave, count * sizeof(float));
    return TANGO_OK;
}

TANGO_API tango_result tango_audio_griffin_lim(float *out, const float *magnitude,
                                               size_t frames, size_t rounds,
                                               float momentum, const float *uniform,
                                               const tango_audio_front *front,
                                               const tango_audio_progress *progress,
                                               void *work, size_t work_size,
                                               tango_error *error)
{
    tango_audio__share share;
    share.progress = progress;
    share.done = 0.0;
    share.all = (double)frames * ((double)rounds + 1.0);
    return tango_audio__griffin_lim(out, magnitude, frames, rounds, momentum, uniform,
                                    front, &share, work, work_size, error);
}

TANGO_API double tango_audio_convergence(const float *x, const float *magnitude,
                                         size_t frames, const tango_audio_front *front,
                                         void *work)
{
    const tango_audio__frame f = tango_audio__frame_of(front, work);
    const size_t count = tango_audio__wave_count(frames, &front->parameters);
    double apart = 0.0, all = 0.0;
    for (size_t t = 0; t < frames; t++) {
        const float *s = magnitude + t * front->bins;
        tango_audio__spectrum(f.re, f.im, x, count, t, front, &f);
        front->fft.kernels->magnitude(f.bins, f.re, f.im, front->bins, 0);
        for (size_t k = 0; k < front->bins; k++) {
            const double difference = (double)f.bins[k] - (double)s[k];
            apart += difference * difference;
            all += (double)s[k] * (double)s[k];
        }
    }
    return TANGO_SQRT(apart / all);
}

typedef struct tango_audio__vocode {
    float *magnitude, *wave;
    void *front, *rest;
    size_t front_size, rest_size;
} tango_audio__vocode;

/* Inversion and Griffin-Lim follow each other, so they share `rest`. */
static void tango_audio__vocode_layout(tango_audio__vocode *v, tango_audio__room *room,
                                       size_t frames, const tango_audio_parameters *p)
{
    const size_t invert = tango_audio_invert_mel_work_size(p);
    const size_t griffin = tango_audio_griffin_lim_work_size(frames, p);
    size_t values = 0;
    v->front_size = tango_audio_front_size(p);
    v->rest_size = invert > griffin ? invert : griffin;
    if (!v->front_size || !invert || !griffin ||
        !tango_mul_ok(frames, p->fft / 2 + 1, &values)) {
        room->used = SIZE_MAX;
        return;
    }
    v->front = tango_audio__take(room, v->front_size, 1);
    v->rest = tango_audio__take(room, v->rest_size, 1);
    v->magnitude = tango_audio__take_floats(room, values);
    v->wave = tango_audio__take_floats(room, tango_audio__wave_count(frames, p));
}

TANGO_API size_t tango_audio_vocode_work_size(size_t frames,
                                              const tango_audio_parameters *parameters)
{
    const tango_audio_parameters p = tango_audio_defaults(parameters);
    tango_audio__room room = tango_audio__room_of(NULL);
    tango_audio__vocode v;
    if (tango_audio__check(&p, NULL) != TANGO_OK) return 0;
    tango_audio__vocode_layout(&v, &room, frames, &p);
    return tango_audio__room_size(&room);
}

/* Both steps, into v->wave. Frames are inverted each on its own, so that a part of them
   at a time gives the same. */
static tango_result tango_audio__vocode_wave(const tango_audio__vocode *v,
                                             const float *mel, size_t frames,
                                             const tango_audio_parameters *p,
                                             size_t rounds, const float *uniform,
                                             const tango_audio_progress *progress,
                                             tango_error *error)
{
    const size_t inversion = 60, most = TANGO_AUDIO__SHARE;
    size_t t, part;
    tango_audio__share share;
    tango_audio_front front;
    tango_result result =
        tango_audio_front_init(&front, p, v->front, v->front_size, error);
    if (result != TANGO_OK) return result;
    share.progress = progress;
    share.done = 0.0;
    share.all = (double)frames * ((double)inversion + (double)rounds + 1.0);
    for (t = 0; t < frames; t += part) {
        part = frames - t < most ? frames - t : most;
        tango_audio_invert_mel(v->magnitude + t * front.bins, mel + t * p->mels, part,
                               inversion, &front, v->rest);
        if (tango_audio__stopped(&share, part * inversion)) {
            return tango_audio__fail(error, TANGO_ERROR_CANCELLED,
                                     "vocoder: stopped behind frame % of %", t + part,
                                     frames);
        }
    }
    return tango_audio__griffin_lim(v->wave, v->magnitude, frames, rounds, 0.99f, uniform,
                                    &front, &share, v->rest, v->rest_size, error);
}

TANGO_API tango_result tango_audio_vocode(float *out, const float *mel, size_t frames,
                                          const tango_audio_parameters *parameters,
                                          size_t rounds, const float *uniform,
                                          const tango_audio_progress *progress,
                                          void *work, size_t work_size,
                                          tango_error *error)
{
    const tango_audio_parameters p = tango_audio_defaults(parameters);
    const size_t count = tango_audio__wave_count(frames, &p);
    const size_t needed = tango_audio_vocode_work_size(frames, &p);
    tango_audio__room room = tango_audio__room_of(work);
    tango_audio__vocode v;
    size_t where = 0;
    tango_result result = tango_audio__check(&p, error);
    if (result != TANGO_OK) return result;
    if (frames < 2) {
        return tango_audio__fail(error, TANGO_ERROR_ARGUMENT,
                                 "vocoder: expected 2 frames or more, found %", frames,
                                 0);
    }
    if (p.recipe != TANGO_AUDIO_TACOTRON) {
        return tango_audio__fail(error, TANGO_ERROR_UNSUPPORTED,
                                 "vocoder: expected a tacotron mel, found recipe %",
                                 (uint64_t)p.recipe, 0);
    }
    if (!needed || work_size < needed) {
        return tango_audio__fail(error, TANGO_ERROR_MEMORY,
                                 "vocoder work: expected % bytes, found %", needed,
                                 work_size);
    }
    if (!tango_audio__all_finite(mel, frames * p.mels, &where)) {
        return tango_audio__fail(
            error, TANGO_ERROR_NUMBER,
            "vocoder mel: expected numbers, found NaN or infinity in frame %",
            where / p.mels, 0);
    }
    tango_audio__vocode_layout(&v, &room, frames, &p);
    result = tango_audio__vocode_wave(&v, mel, frames, &p, rounds, uniform, progress,
                                      error);
    if (result != TANGO_OK) return result;
    if (!tango_audio__all_finite(v.wave, count, &where)) {
        return tango_audio__fail(
            error, TANGO_ERROR_NUMBER,
            "vocoder: the mel is too loud, NaN or infinity at sample %", where, 0);
    }
    memcpy(out, v.wave, count * sizeof *out);
    return TANGO_OK;
}

#if defined __GNUC__ && !defined __clang__
#pragma GCC pop_options
#elif defined __clang__
#pragma STDC FP_CONTRACT DEFAULT
#endif
#endif /* TANGO_AUDIO_IMPLEMENTED */

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
