/* convert_config.h: the values of a blob, out of configuration files, of the shapes of
   tensors and of what was published.                                             MIT-0 */
#ifndef TANGO_CONVERT_CONFIG_H
#define TANGO_CONVERT_CONFIG_H

#include "convert_layout.h"

/* ---- What a blob is made of ------------------------------------------------------- */

typedef enum config_kind {
    UNET_CONFIG,
    T5_CONFIG,
    CLIP_CONFIG,
    CLAP_CONFIG,
    VAE_CONFIG,         /* AudioLDM's, as in vae_config.json */
    KL_CONFIG,          /* diffusers' AutoencoderKL */
    LDM_VOCODER_CONFIG, /* in vae_config.json */
    GAN_CONFIG,         /* of HiFi-GAN's code and of transformers' SpeechT5HifiGan */
    STFT_CONFIG,
    SCHEDULE_CONFIG,
    DEFAULTS,
    HTSAT_CONFIG,       /* the audio tower of transformers' ClapModel */
    RANK_TEXT_CONFIG,   /* and its text tower */
    CONFIGS
} config_kind;

/* Files of a tokenizer. */
typedef struct tokenizer {
    const source *spiece, *json, *vocab, *merges, *config;
} tokenizer;

typedef struct build {
    origin *from[PARTS]; /* where each part comes from; NULL: it is not wanted */
    config configs[CONFIGS];
    const source *attribution;
    tokenizer tokens, rank_tokens;
    values v;
    tango_model model;     /* without the weights */
    int linear_projection; /* 1, 0, or -1: as the tensors are */
} build;

/* The piece that makes a part; NULL if the part is not wanted. */
static const piece *piece_of(const build *b, part_id part)
{
    return b->from[part] ? &b->from[part]->pieces[part] : NULL;
}

/* ---- Classes of schedulers -------------------------------------------------------- */

/* The classes of diffusers whose models learn the noise of DDPM, so that any sampler may
   run them. Where a file names no betas, its class has its own. A key that a class does
   not know has no effect there; `knows` says which of those that would change the
   arithmetic it does:
       b trained_betas            k sigmas of Karras and others    z zero terminal SNR
       s solver_order, _type      a algorithm_type                 f flow matching
       m, u, e  others of DPM-Solver++, UniPC and Euler            l lambda_min_clipped
       n sigma_min, sigma_max     o what LCM was distilled from */
typedef struct scheduler {
    const char *name, *start, *end, *schedule, *knows;
} scheduler;

static const scheduler schedulers[] = {
    { "DDPMScheduler", "0.0001", "0.02", "linear", "bz" },
    { "DDPMParallelScheduler", "0.0001", "0.02", "linear", "bz" },
    { "DDIMScheduler", "0.0001", "0.02", "linear", "bz" },
    { "DDIMParallelScheduler", "0.0001", "0.02", "linear", "bz" },
    { "PNDMScheduler", "0.0001", "0.02", "linear", "b" },
    { "LMSDiscreteScheduler", "0.0001", "0.02", "linear", "bk" },
    { "EulerDiscreteScheduler", "0.0001", "0.02", "linear", "bkzen" },
    { "EulerAncestralDiscreteScheduler", "0.0001", "0.02", "linear", "bz" },
    { "HeunDiscreteScheduler", "0.00085", "0.012", "linear", "bk" },
    { "KDPM2DiscreteScheduler", "0.00085", "0.012", "linear", "bk" },
    { "KDPM2AncestralDiscreteScheduler", "0.00085", "0.012", "linear", "bk" },
    { "DPMSolverMultistepScheduler", "0.0001", "0.02", "linear", "bkzfmlsa" },
    { "DPMSolverSinglestepScheduler", "0.0001", "0.02", "linear", "bkflsa" },
    { "DPMSolverSDEScheduler", "0.00085", "0.012", "linear", "bk" },
    { "DEISMultistepScheduler", "0.0001", "0.02", "linear", "bkfsa" },
    { "UniPCMultistepScheduler", "0.0001", "0.02", "linear", "bkzfsun" },
    { "SASolverScheduler", "0.0001", "0.02", "linear", "bkfl" },
    { "LCMScheduler", "0.00085", "0.012", "scaled_linear", "bzo" },
    { "TCDScheduler", "0.00085", "0.012", "scaled_linear", "bzo" },
};

/* Without a class: the betas of DDPM, which Tango's code loads, and every key counts. */
static const scheduler unnamed = { NULL, "0.0001", "0.02", "linear", "bkzfmlsaueno" };

static const struct {
    char group;
    fixed only;
} scheduler_fixed[] = {
    { 'b', { "trained_betas", "null" } },
    { 'k', { "use_exponential_sigmas", "false" } },
    { 'k', { "use_beta_sigmas", "false" } },
    { 'f', { "use_flow_sigmas", "false" } },
    { 'm', { "use_lu_lambdas", "false" } },
    { 'm', { "euler_at_final", "false" } },
    { 'l', { "lambda_min_clipped", "-Infinity" } },
    { 'u', { "predict_x0", "true" } },
    { 'u', { "disable_corrector", "null" } },
    { 'u', { "solver_p", "null" } },
    { 'u', { "shift_terminal", "null" } },
    { 'e', { "interpolation_type", "linear" } },
    { 'e', { "timestep_type", "discrete" } },
    { 'n', { "sigma_min", "null" } },
    { 'n', { "sigma_max", "null" } },
    { 'o', { "timestep_scaling", "10" } },
};

static int knows(const scheduler *class_, char group)
{
    return strchr(class_->knows, group) != NULL;
}

static const scheduler *read_class(values *v, const object *o)
{
    const size_t count = sizeof schedulers / sizeof *schedulers;
    size_t i = 0;
    char *name = get_text(o, "_class_name");
    if (!name) return &unnamed;
    while (i < count && strcmp(schedulers[i].name, name) != 0) i++;
    if (i == count)
        problem("%s: _class_name: %.60s is not supported: its noise is not known to be "
                "that of DDPM",
                o->path, name);
    put_text(v, "schedule.class", name);
    free(name);
    return i == count ? &unnamed : &schedulers[i];
}

static const scheduler *read_scheduler(values *v, const config *c)
{
    object o = object_in(c, "");
    size_t before = problems;
    const scheduler *class_ = read_class(v, &o);
    if (problems > before) return class_; /* the keys of a foreign class mean nothing */
    for (size_t i = 0; i < sizeof scheduler_fixed / sizeof *scheduler_fixed; i++)
        if (knows(class_, scheduler_fixed[i].group))
            refuse_other(&o, &scheduler_fixed[i].only);
    return class_;
}
/* ---- Fields of configuration files ------------------------------------------------ */

/* What makes a value of the blob out of a key. */
typedef enum reading {
    AS_IT_IS,   /* a number, true or false, a list, a word, a text */
    PER_LEVEL,  /* one number for all levels, or a list */
    DOWN_TYPES, /* whether each block has attentions, by its name */
    UP_TYPES,
    TRIPLES,    /* a list of three numbers for each residual kernel */
    OF_CLASS,   /* where it is absent, what the scheduler's class has */
    HALF_RATE,  /* where it is absent, half of the sampling rate */
    CROSS,      /* not where a class embedding takes the place of the text */
    CLASS,      /* only there */
    IF_SOLVER = 's', /* a key that only counts where the scheduler's class knows it */
    IF_ALGORITHM = 'a',
    IF_KARRAS = 'k',
    IF_LCM = 'o',
    IF_ZERO_SNR = 'z'
} reading;

typedef struct field {
    config_kind file;
    const char *inside;    /* the object of the file that has the key, or "" */
    const char *key, *name; /* in the file, and in the blob */
    const char *absent;    /* the numbers of an absent key; NULL: see tango_limit_of;
                              "?": the tensors tell, or there is no such value */
    reading how;
} field;

/* Absent keys have the defaults of the code that reads the published files: diffusers'
   UNet2DConditionModel, transformers' T5Config, and for the vocoder, of which those files
   say nothing, the constants of AudioLDM. */
static const field fields[] = {
    { UNET_CONFIG, "", "in_channels", "unet.in_channels", "4", AS_IT_IS },
    { UNET_CONFIG, "", "out_channels", "unet.out_channels", "4", AS_IT_IS },
    { UNET_CONFIG, "", "block_out_channels", "unet.channels", "320 640 1280 1280",
      AS_IT_IS },
    { UNET_CONFIG, "", "attention_head_dim", "unet.heads", "8", PER_LEVEL },
    { UNET_CONFIG, "", "down_block_types", "unet.down_attention", "1 1 1 0", DOWN_TYPES },
    { UNET_CONFIG, "", "up_block_types", "unet.up_attention", "0 1 1 1", UP_TYPES },
    { UNET_CONFIG, "", "layers_per_block", "unet.layers_per_block", "2", AS_IT_IS },
    { UNET_CONFIG, "", "norm_num_groups", "unet.norm_groups", "32", AS_IT_IS },
    { UNET_CONFIG, "", "cross_attention_dim", "unet.cross_dim", "1280", CROSS },
    { UNET_CONFIG, "", "projection_class_embeddings_input_dim", "unet.class_dim", "?",
      CLASS },
    { UNET_CONFIG, "", "norm_eps", "unet.norm_eps", "1e-5", AS_IT_IS },
    { UNET_CONFIG, "", "freq_shift", "unet.freq_shift", "0", AS_IT_IS },
    { UNET_CONFIG, "", "flip_sin_to_cos", "unet.flip_sin_to_cos", "1", AS_IT_IS },
    { UNET_CONFIG, "", "center_input_sample", "unet.center_input", "0", AS_IT_IS },
    { UNET_CONFIG, "", "mid_block_scale_factor", "unet.mid_scale", "1", AS_IT_IS },

    { T5_CONFIG, "", "vocab_size", "text.vocab", "32128", AS_IT_IS },
    { T5_CONFIG, "", "d_model", "text.d_model", "512", AS_IT_IS },
    { T5_CONFIG, "", "d_kv", "text.d_kv", "64", AS_IT_IS },
    { T5_CONFIG, "", "d_ff", "text.d_ff", "2048", AS_IT_IS },
    { T5_CONFIG, "", "num_layers", "text.layers", "6", AS_IT_IS },
    { T5_CONFIG, "", "num_heads", "text.heads", "8", AS_IT_IS },
    { T5_CONFIG, "", "relative_attention_num_buckets", "text.buckets", "32", AS_IT_IS },
    { T5_CONFIG, "", "relative_attention_max_distance", "text.max_distance", "128",
      AS_IT_IS },
    { T5_CONFIG, "", "layer_norm_epsilon", "text.eps", "1e-6", AS_IT_IS },

    { CLIP_CONFIG, "", "vocab_size", "text.vocab", "49408", AS_IT_IS },
    { CLIP_CONFIG, "", "hidden_size", "text.d_model", "512", AS_IT_IS },
    { CLIP_CONFIG, "", "intermediate_size", "text.d_ff", "2048", AS_IT_IS },
    { CLIP_CONFIG, "", "num_hidden_layers", "text.layers", "12", AS_IT_IS },
    { CLIP_CONFIG, "", "num_attention_heads", "text.heads", "8", AS_IT_IS },
    { CLIP_CONFIG, "", "max_position_embeddings", "text.positions", "77", AS_IT_IS },
    { CLIP_CONFIG, "", "hidden_act", "text.activation", "quick_gelu", AS_IT_IS },
    { CLIP_CONFIG, "", "layer_norm_eps", "text.eps", "1e-5", AS_IT_IS },

    { CLAP_CONFIG, "", "vocab_size", "text.vocab", "50265", AS_IT_IS },
    { CLAP_CONFIG, "", "hidden_size", "text.d_model", "768", AS_IT_IS },
    { CLAP_CONFIG, "", "intermediate_size", "text.d_ff", "3072", AS_IT_IS },
    { CLAP_CONFIG, "", "num_hidden_layers", "text.layers", "12", AS_IT_IS },
    { CLAP_CONFIG, "", "num_attention_heads", "text.heads", "12", AS_IT_IS },
    { CLAP_CONFIG, "", "max_position_embeddings", "text.positions", "514", AS_IT_IS },
    { CLAP_CONFIG, "", "projection_dim", "text.projection", "512", AS_IT_IS },
    { CLAP_CONFIG, "", "pad_token_id", "text.pad", "1", AS_IT_IS },
    { CLAP_CONFIG, "", "layer_norm_eps", "text.eps", "1e-12", AS_IT_IS },

    { RANK_TEXT_CONFIG, "", "vocab_size", "rank_text.vocab", "50265", AS_IT_IS },
    { RANK_TEXT_CONFIG, "", "hidden_size", "rank_text.d_model", "768", AS_IT_IS },
    { RANK_TEXT_CONFIG, "", "intermediate_size", "rank_text.d_ff", "3072", AS_IT_IS },
    { RANK_TEXT_CONFIG, "", "num_hidden_layers", "rank_text.layers", "12", AS_IT_IS },
    { RANK_TEXT_CONFIG, "", "num_attention_heads", "rank_text.heads", "12", AS_IT_IS },
    { RANK_TEXT_CONFIG, "", "max_position_embeddings", "rank_text.positions", "514",
      AS_IT_IS },
    { RANK_TEXT_CONFIG, "", "projection_dim", "rank_text.projection", "512", AS_IT_IS },
    { RANK_TEXT_CONFIG, "", "pad_token_id", "rank_text.pad", "1", AS_IT_IS },
    { RANK_TEXT_CONFIG, "", "layer_norm_eps", "rank_text.eps", "1e-12", AS_IT_IS },

    { KL_CONFIG, "", "norm_num_groups", "vae.groups", "32", AS_IT_IS },
    { KL_CONFIG, "", "scaling_factor", "vae.scale_factor", "0.18215", AS_IT_IS },

    { GAN_CONFIG, "", "num_mels", "vocoder.mels", "?", AS_IT_IS },
    { GAN_CONFIG, "", "model_in_dim", "vocoder.mels", "?", AS_IT_IS },
    { GAN_CONFIG, "", "upsample_initial_channel", "vocoder.channels", "?", AS_IT_IS },
    { GAN_CONFIG, "", "upsample_rates", "vocoder.rates", "?", AS_IT_IS },
    { GAN_CONFIG, "", "upsample_kernel_sizes", "vocoder.kernels", "?", AS_IT_IS },
    { GAN_CONFIG, "", "resblock_kernel_sizes", "vocoder.res_kernels", "?", AS_IT_IS },
    { GAN_CONFIG, "", "resblock_dilation_sizes", "vocoder.res_dilations", "?", TRIPLES },
    { GAN_CONFIG, "", "sampling_rate", "audio.rate", "?", AS_IT_IS },
    { GAN_CONFIG, "", "n_fft", "audio.fft", "?", AS_IT_IS },
    { GAN_CONFIG, "", "hop_size", "audio.hop", "?", AS_IT_IS },
    { GAN_CONFIG, "", "win_size", "audio.window", "?", AS_IT_IS },
    { GAN_CONFIG, "", "num_mels", "audio.mels", "?", AS_IT_IS },
    { GAN_CONFIG, "", "model_in_dim", "audio.mels", "?", AS_IT_IS },
    { GAN_CONFIG, "", "fmin", "audio.fmin", "?", AS_IT_IS },
    { GAN_CONFIG, "", "fmax", "audio.fmax", "?", AS_IT_IS },

    { VAE_CONFIG, "", "embed_dim", "vae.embed_dim", NULL, AS_IT_IS },
    { VAE_CONFIG, "", "scale_factor", "vae.scale_factor", NULL, AS_IT_IS },
    { VAE_CONFIG, "ddconfig", "ch", "vae.channels", NULL, AS_IT_IS },
    { VAE_CONFIG, "ddconfig", "ch_mult", "vae.ch_mult", NULL, AS_IT_IS },
    { VAE_CONFIG, "ddconfig", "num_res_blocks", "vae.res_blocks", NULL, AS_IT_IS },
    { VAE_CONFIG, "ddconfig", "z_channels", "vae.z_channels", NULL, AS_IT_IS },
    { VAE_CONFIG, "ddconfig", "in_channels", "vae.in_channels", NULL, AS_IT_IS },
    { VAE_CONFIG, "ddconfig", "out_ch", "vae.out_channels", NULL, AS_IT_IS },
    { VAE_CONFIG, "ddconfig", "num_groups", "vae.groups", "32", AS_IT_IS },

    { LDM_VOCODER_CONFIG, "vocoder", "num_mels", "vocoder.mels", "64", AS_IT_IS },
    { LDM_VOCODER_CONFIG, "vocoder", "upsample_initial_channel", "vocoder.channels",
      "1024", AS_IT_IS },
    { LDM_VOCODER_CONFIG, "vocoder", "upsample_rates", "vocoder.rates", "5 4 2 2 2",
      AS_IT_IS },
    { LDM_VOCODER_CONFIG, "vocoder", "upsample_kernel_sizes", "vocoder.kernels",
      "16 16 8 4 4", AS_IT_IS },
    { LDM_VOCODER_CONFIG, "vocoder", "resblock_kernel_sizes", "vocoder.res_kernels",
      "3 7 11", AS_IT_IS },
    { LDM_VOCODER_CONFIG, "vocoder", "resblock_dilation_sizes", "vocoder.res_dilations",
      "1 3 5", TRIPLES },

    { STFT_CONFIG, "", "sampling_rate", "audio.rate", NULL, AS_IT_IS },
    { STFT_CONFIG, "", "filter_length", "audio.fft", NULL, AS_IT_IS },
    { STFT_CONFIG, "", "hop_length", "audio.hop", NULL, AS_IT_IS },
    { STFT_CONFIG, "", "win_length", "audio.window", NULL, AS_IT_IS },
    { STFT_CONFIG, "", "n_mel_channels", "audio.mels", NULL, AS_IT_IS },
    { STFT_CONFIG, "", "mel_fmin", "audio.fmin", NULL, AS_IT_IS },
    { STFT_CONFIG, "", "mel_fmax", "audio.fmax", NULL, HALF_RATE },

    { SCHEDULE_CONFIG, "", "num_train_timesteps", "schedule.train_steps", "1000",
      AS_IT_IS },
    { SCHEDULE_CONFIG, "", "beta_start", "schedule.beta_start", NULL, OF_CLASS },
    { SCHEDULE_CONFIG, "", "beta_end", "schedule.beta_end", NULL, OF_CLASS },
    { SCHEDULE_CONFIG, "", "beta_schedule", "schedule.beta_schedule", NULL, OF_CLASS },
    { SCHEDULE_CONFIG, "", "prediction_type", "schedule.prediction", NULL, AS_IT_IS },
    { SCHEDULE_CONFIG, "", "timestep_spacing", "schedule.spacing", NULL, AS_IT_IS },
    { SCHEDULE_CONFIG, "", "steps_offset", "schedule.steps_offset", NULL, AS_IT_IS },
    { SCHEDULE_CONFIG, "", "clip_sample", "schedule.clip_sample", NULL, AS_IT_IS },
    { SCHEDULE_CONFIG, "", "clip_sample_range", "schedule.clip_sample_range", NULL,
      AS_IT_IS },
    { SCHEDULE_CONFIG, "", "thresholding", "schedule.thresholding", NULL, AS_IT_IS },
    { SCHEDULE_CONFIG, "", "dynamic_thresholding_ratio",
      "schedule.dynamic_thresholding_ratio", NULL, AS_IT_IS },
    { SCHEDULE_CONFIG, "", "sample_max_value", "schedule.sample_max_value", NULL,
      AS_IT_IS },
    { SCHEDULE_CONFIG, "", "set_alpha_to_one", "schedule.set_alpha_to_one", NULL,
      AS_IT_IS },
    { SCHEDULE_CONFIG, "", "variance_type", "schedule.variance_type", NULL, AS_IT_IS },
    { SCHEDULE_CONFIG, "", "final_sigmas_type", "schedule.final_sigmas_type", NULL,
      AS_IT_IS },
    { SCHEDULE_CONFIG, "", "lower_order_final", "schedule.lower_order_final", NULL,
      AS_IT_IS },
    { SCHEDULE_CONFIG, "", "solver_order", "schedule.solver_order", NULL, IF_SOLVER },
    { SCHEDULE_CONFIG, "", "solver_type", "schedule.solver_type", NULL, IF_SOLVER },
    { SCHEDULE_CONFIG, "", "algorithm_type", "schedule.algorithm_type", NULL,
      IF_ALGORITHM },
    { SCHEDULE_CONFIG, "", "rescale_betas_zero_snr", "schedule.rescale_betas_zero_snr",
      NULL, IF_ZERO_SNR },
    { SCHEDULE_CONFIG, "", "use_karras_sigmas", "schedule.use_karras_sigmas", NULL,
      IF_KARRAS },
    { SCHEDULE_CONFIG, "", "original_inference_steps",
      "schedule.original_inference_steps", NULL, IF_LCM },

    { DEFAULTS, "", "name", "tango.name", NULL, AS_IT_IS },
    { DEFAULTS, "", "description", "tango.description", NULL, AS_IT_IS },
    { DEFAULTS, "", "licence", "tango.licence", NULL, AS_IT_IS },
    { DEFAULTS, "", "attribution", "tango.attribution", NULL, AS_IT_IS },
    { DEFAULTS, "", "kinds", "tango.kinds", NULL, AS_IT_IS },
    { DEFAULTS, "", "words", "tango.words", NULL, AS_IT_IS },
    { DEFAULTS, "", "steps", "default.steps", NULL, AS_IT_IS },
    { DEFAULTS, "", "guidance", "default.guidance", NULL, AS_IT_IS },
    { DEFAULTS, "", "eta", "default.eta", NULL, AS_IT_IS },
    { DEFAULTS, "", "crop", "default.crop", NULL, AS_IT_IS },
    { DEFAULTS, "", "rescale", "default.rescale", NULL, AS_IT_IS },
    { DEFAULTS, "", "seconds", "default.seconds", NULL, AS_IT_IS },
    { DEFAULTS, "", "sampler", "default.sampler", NULL, AS_IT_IS },
    { DEFAULTS, "", "vocoder", "default.vocoder", NULL, AS_IT_IS },
};

enum { FIELDS = sizeof fields / sizeof *fields };

/* The numbers of "1 2 3". */
static size_t numbers_in(const char *text, double *out)
{
    size_t n = 0;
    while (*text && n < LIST_MAX) {
        char *end;
        out[n++] = strtod(text, &end);
        text = end;
    }
    return n;
}

/* Repeats n numbers until there are as many as the levels or kernels that need them. */
static size_t repeated(const values *v, const field *f, double *out, size_t n)
{
    size_t want = n;
    double other[LIST_MAX];
    if (f->how == PER_LEVEL) want = list_of(v, "unet.channels", other);
    if (f->how == TRIPLES) want = DILATIONS * list_of(v, "vocoder.res_kernels", other);
    for (size_t i = n; i < want; i++) out[i] = out[i % n];
    return want;
}

static const char *absent_text(const field *f, const scheduler *class_)
{
    if (f->how != OF_CLASS) return f->absent;
    if (strcmp(f->key, "beta_start") == 0) return class_->start;
    return strcmp(f->key, "beta_end") == 0 ? class_->end : class_->schedule;
}

static size_t absent_numbers(const values *v, const object *o, const field *f,
                             const char *text, double *out)
{
    if (f->how == HALF_RATE) {
        out[0] = number_of(v, "audio.rate") / 2.0;
        return 1;
    }
    if (text && *text == '?') return 0;
    if (text) return repeated(v, f, out, numbers_in(text, out));
    if (tango_limit_of(f->name)->absent == (double)TANGO_REQUIRED)
        problem("%s: %s is missing", o->path, f->key);
    return 0;
}

/* Whether each block of a list has attentions. */
static size_t types_at(const object *o, const field *f, size_t node, double *out)
{
    static const char *const words[2][3] = {
        { "DownBlock2D", "CrossAttnDownBlock2D", NULL },
        { "UpBlock2D", "CrossAttnUpBlock2D", NULL }
    };
    size_t n = 0, i = tango_io_json_first(o->json, node);
    for (; i && n < TANGO_LEVELS_MAX; i = tango_io_json_next(o->json, node, i))
        out[n++] = (double)word_at(o, f->key, i, words[f->how == UP_TYPES]);
    if (n == 0 || i)
        problem("%s: %s: expected a list of 1 to %d blocks", o->path, f->key,
                TANGO_LEVELS_MAX);
    return n;
}

static size_t triples_at(const object *o, const field *f, size_t node, double *out)
{
    tango_limit limit = *tango_limit_of(f->name);
    size_t n = 0, list = tango_io_json_first(o->json, node);
    limit.most = DILATIONS;
    for (; list && n < LIST_MAX; list = tango_io_json_next(o->json, node, list))
        if (numbers_at(o, f->key, list, &limit, out + n) == DILATIONS) n += DILATIONS;
        else break;
    if (n == 0 || list)
        problem("%s: %s: expected a list of %d numbers for each residual kernel", o->path,
                f->key, DILATIONS);
    return n;
}

static size_t present_numbers(const values *v, const object *o, const field *f,
                              size_t node, double *out)
{
    size_t n;
    if (f->how == DOWN_TYPES || f->how == UP_TYPES) return types_at(o, f, node, out);
    if (f->how == TRIPLES) return triples_at(o, f, node, out);
    n = numbers_at(o, f->key, node, tango_limit_of(f->name), out);
    if (tango_io_json_type_of(o->json, node) == TANGO_IO_JSON_ARRAY) return n;
    return repeated(v, f, out, n);
}

/* "a|b|c" */
static const char *listed(char out[128], const char *const *words)
{
    size_t n = 0;
    out[0] = '\0';
    for (; *words && n < 100; words++)
        if (**words)
            n += (size_t)snprintf(out + n, 128 - n, "%s%.24s", n ? "|" : "", *words);
    return out;
}

static void read_text(values *v, const object *o, const field *f, const char *absent)
{
    const tango_limit *limit = tango_limit_of(f->name);
    char *text = get_text(o, f->key), words[128];
    if (!text && absent && !member(o, f->key)) put_text(v, f->name, absent);
    if (!text) return;
    if (limit->words && !limit->words[tango_limit_word(limit, text)])
        problem("%s: %s: expected one of %s, found %.40s", o->path, f->key,
                listed(words, limit->words), text);
    put_text(v, f->name, text);
    free(text);
}

/* Whether a UNet's configuration asks for a class embedding in place of the text. */
static int has_class_embedding(const object *o)
{
    return text_begins(o, "class_embed_type", "simple_projection");
}

/* AudioLDM's second attention sees what the first does, whatever width is written. */
static int is_other_kind(const object *o, const field *f)
{
    if (f->how == CROSS) return has_class_embedding(o);
    return f->how == CLASS && !has_class_embedding(o);
}

static void read_field(build *b, const field *f, const scheduler *class_)
{
    double numbers[LIST_MAX];
    object o = object_in(&b->configs[f->file], f->inside);
    const char *absent = absent_text(f, class_);
    size_t node = member(&o, f->key), n;
    if (!b->configs[f->file].file || has(&b->v, f->name) || is_other_kind(&o, f)) return;
    if (f->how >= IF_ALGORITHM && !knows(class_, (char)f->how)) return;
    if (tango_limit_of(f->name)->type == TANGO_IO_STRING) {
        read_text(&b->v, &o, f, absent);
        return;
    }
    n = node ? present_numbers(&b->v, &o, f, node, numbers)
             : absent_numbers(&b->v, &o, f, absent, numbers);
    if (n) put_numbers(&b->v, f->name, numbers, n);
}

/* ---- What changes the arithmetic and is not kept ---------------------------------- */

/* Keys that are not in the blob: other values than these change the arithmetic. */
static const fixed unet_fixed[] = {
    { "_class_name", "UNet2DConditionModel" },
    { "act_fn", "silu" },
    { "mid_block_type", "UNetMidBlock2DCrossAttn" },
    { "downsample_padding", "1" },
    { "conv_in_kernel", "3" },
    { "conv_out_kernel", "3" },
    { "transformer_layers_per_block", "1" },
    { "reverse_transformer_layers_per_block", "null" },
    { "num_attention_heads", "null" },
    { "only_cross_attention", "false" },
    { "mid_block_only_cross_attention", "false" },
    { "dual_cross_attention", "false" },
    { "attention_type", "default" },
    { "cross_attention_norm", "null" },
    { "resnet_time_scale_shift", "default" },
    { "resnet_skip_time_act", "false" },
    { "resnet_out_scale_factor", "1" },
    { "time_embedding_type", "positional" },
    { "time_embedding_dim", "null" },
    { "time_embedding_act_fn", "null" },
    { "timestep_post_act", "null" },
    { "time_cond_proj_dim", "null" },
    { "encoder_hid_dim", "null" },
    { "encoder_hid_dim_type", "null" },
    { "class_embed_type", "null" },
    { "num_class_embeds", "null" },
    { "class_embeddings_concat", "false" },
    { "addition_embed_type", "null" },
    { NULL, NULL }
};

static void check_unet(const config *c)
{
    static const char *const needed[2] = { "mid_block_type", "norm_num_groups" };
    static const fixed class_fixed = { "class_embeddings_concat", "true" };
    object o = object_in(c, "");
    if (!c->file) return;
    for (const fixed *f = unet_fixed; f->key; f++)
        if (strncmp(f->key, "class_emb", 9) != 0 || !has_class_embedding(&o))
            refuse_other(&o, f);
    if (has_class_embedding(&o) && !member(&o, class_fixed.key))
        problem("%s: %s is missing: only true is supported", o.path, class_fixed.key);
    if (has_class_embedding(&o)) refuse_other(&o, &class_fixed);
    for (size_t i = 0; i < 2; i++) /* null has a meaning of its own there */
        if (tango_io_json_find(o.json, o.node, needed[i]) && !member(&o, needed[i]))
            problem("%s: %s: a network without it is not supported", o.path, needed[i]);
}

static void check_t5(const config *c)
{
    static const fixed text_fixed[] = { { "model_type", "t5" },
                                        { "feed_forward_proj", "gated-gelu" },
                                        { "dense_act_fn", "gelu_new" },
                                        { "is_gated_act", "true" },
                                        { NULL, NULL } };
    object o = object_in(c, "");
    if (!c->file) return;
    refuse_others(&o, text_fixed);
    if (!member(&o, "feed_forward_proj"))
        problem("%s: feed_forward_proj is missing: only gated-gelu is supported", o.path);
}

/* CLIP's and CLAP's text towers. */
static void check_towers(const build *b)
{
    static const fixed clip[] = { { "attention_dropout", "0" }, { NULL, NULL } };
    static const fixed clap[] = { { "hidden_act", "gelu" },
                                  { "position_embedding_type", "absolute" },
                                  { "projection_hidden_act", "relu" },
                                  { "type_vocab_size", "1" },
                                  { NULL, NULL } };
    static const fixed htsat[] = { { "enable_fusion", "false" },
                                   { "hidden_act", "gelu" },
                                   { "mlp_ratio", "4" },
                                   { "qkv_bias", "true" },
                                   { "flatten_patch_embeds", "true" },
                                   { "enable_patch_layer_norm", "true" },
                                   { "patch_embed_input_channels", "1" },
                                   { "projection_hidden_act", "relu" },
                                   { "layer_norm_eps", "1e-5" },
                                   { NULL, NULL } };
    object a = object_in(&b->configs[CLIP_CONFIG], ""),
           t = object_in(&b->configs[CLAP_CONFIG], ""),
           h = object_in(&b->configs[HTSAT_CONFIG], ""),
           r = object_in(&b->configs[RANK_TEXT_CONFIG], "");
    refuse_others(&a, clip);
    refuse_others(&t, clap);
    refuse_others(&h, htsat);
    refuse_others(&r, clap);
}

/* Objects within a file; an absent vocoder is a published one. */
static void check_objects(const config *c)
{
    object o = object_in(c, "");
    size_t vae = member(&o, "ddconfig"), vocoder = member(&o, "vocoder");
    if (!vae || tango_io_json_type_of(o.json, vae) != TANGO_IO_JSON_OBJECT)
        problem("%s: ddconfig: expected an object", o.path);
    if (vocoder && tango_io_json_type_of(o.json, vocoder) != TANGO_IO_JSON_OBJECT)
        problem("%s: vocoder: expected an object", o.path);
}

static void check_vae(const config *c)
{
    static const fixed outer[] = { { "subband", "1" },
                                   { "time_shuffle", "1" },
                                   { NULL, NULL } };
    static const fixed inner[] = {
        { "double_z", "true" },         { "attn_resolutions", "null" },
        { "resamp_with_conv", "true" }, { "attn_type", "vanilla" },
        { "use_linear_attn", "false" }, { "tanh_out", "false" },
        { "give_pre_end", "false" },    { "downsample_time_stride4_levels", "null" },
        { NULL, NULL }
    };
    object o = object_in(c, ""), d = object_in(c, "ddconfig");
    if (!c->file) return;
    check_objects(c);
    refuse_others(&o, outer);
    refuse_others(&d, inner);
}

static void check_kl(const config *c)
{
    static const fixed kl[] = { { "_class_name", "AutoencoderKL" },
                                { "act_fn", "silu" },
                                { "down_block_types", "DownEncoderBlock2D" },
                                { "up_block_types", "UpDecoderBlock2D" },
                                { "mid_block_add_attention", "true" },
                                { "use_quant_conv", "true" },
                                { "use_post_quant_conv", "true" },
                                { "latents_mean", "null" },
                                { "latents_std", "null" },
                                { "shift_factor", "null" },
                                { NULL, NULL } };
    object o = object_in(c, "");
    refuse_others(&o, kl);
}

static void check_vocoder(const config *c, const char *inside)
{
    static const fixed vocoder[] = { { "normalize_before", "false" },
                                     { "leaky_relu_slope", "0.1" },
                                     { "resblock", "1" },
                                     { NULL, NULL } };
    object h = object_in(c, inside);
    refuse_others(&h, vocoder);
}

/* ---- What the tensors tell -------------------------------------------------------- */

/* Sizes that the names of tensors depend on (convert_names.h): N, M and L. */
static void measure(piece *p)
{
    size_t layers = 0, levels = 0;
    long *number = p->names.sizes.number;
    if (!p->sign) return;
    if (p->sign->part == UNET) {
        while (layers < 64
               && axis_of(p, 0, "down_blocks.0.resnets.%zu.conv1.weight", layers))
            layers++;
        number[SIGN_N] = (long)layers;
        number[SIGN_M] = (long)layers + 1;
    }
    if (p->sign->part != VAE) return;
    while (levels < 64 && axis_of(p, 0, "encoder.down.%zu.block.0.conv1.weight", levels))
        levels++;
    number[SIGN_L] = (long)levels - 1;
}

/* Heads of each level. A Tango has heads 64 wide, its light form 51; AudioLDM's are 32
   wide and in the large model, of 256 channels, 64. */
static void infer_heads(values *v, const piece *p, const size_t *inner)
{
    double channels[LIST_MAX], heads[LIST_MAX];
    size_t levels = list_of(v, "unet.channels", channels), width = 64;
    if (has(v, "unet.heads")) return;
    if (p->sign->layout == LAYOUT_AUDIOLDM && channels[0] < 256.0) width = 32;
    for (size_t i = 0; i < levels; i++) {
        size_t c = (size_t)channels[i], n = inner[i] != 0 ? inner[i] : c;
        if (n != c) width = 51;
        heads[i] = (double)(n / width > 0 ? n / width : 1);
        if (inner[i] != 0 && (n % width != 0 || c / (n / width) != width))
            problem("%s: the heads of level %zu, %zu of %zu channels, cannot be told "
                    "from its tensors: put unet_config.json beside it",
                    p->tensors->label, i, n, c);
    }
    put_absent_list(v, "unet.heads", heads, levels);
}

static void infer_levels(values *v, const piece *p, size_t *inner)
{
    double channels[LIST_MAX], down[LIST_MAX], up[LIST_MAX];
    size_t n = 0;
    for (; n < TANGO_LEVELS_MAX; n++) {
        size_t c = axis_of(p, 0, "down_blocks.%zu.resnets.0.conv1.weight", n);
        if (c == 0) break;
        channels[n] = (double)c;
        inner[n] = axis_of(p, 0, "down_blocks.%zu.attentions.0.proj_in.weight", n);
        down[n] = inner[n] != 0 ? 1.0 : 0.0;
    }
    for (size_t i = 0; i < n; i++)
        up[i] = axis_of(p, 0, "up_blocks.%zu.attentions.0.proj_in.weight", i) ? 1.0 : 0.0;
    put_absent_list(v, "unet.channels", channels, n);
    put_absent_list(v, "unet.down_attention", down, n);
    put_absent_list(v, "unet.up_attention", up, n);
    if (n > 0 && inner[n - 1] == 0) /* the middle has the heads of the last level */
        inner[n - 1] = axis_of(p, 0, "mid_block.attentions.0.proj_in.weight");
}

/* Second inputs of distilled models, which no configuration names. */
static void infer_guidance(values *v, const piece *p)
{
    size_t features = axis_of(p, 0, "guidance_proj.weight");
    int ctm = axis_of(p, 0, "s_time_embedding.linear_1.weight") != 0;
    if (features) put_absent_text(v, "unet.guidance", "fourier");
    if (features) put_absent(v, "unet.guidance_dim", (double)features);
    if (ctm) put_absent_text(v, "unet.guidance", "ctm");
}

static void infer_unet(values *v, const piece *p)
{
    size_t inner[TANGO_LEVELS_MAX] = { 0, 0, 0, 0, 0, 0, 0, 0 };
    size_t class_dim = axis_of(p, 1, "class_embedding.weight");
    size_t cross = axis_of(
        p, 1, "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight");
    infer_levels(v, p, inner);
    if (!has(v, "unet.channels")) {
        problem("%s: no levels: expected a UNet of the Tango family", p->tensors->label);
        return;
    }
    put_absent(v, "unet.in_channels", (double)axis_of(p, 1, "conv_in.weight"));
    put_absent(v, "unet.out_channels", (double)axis_of(p, 0, "conv_out.weight"));
    put_absent(v, "unet.layers_per_block", (double)p->names.sizes.number[SIGN_N]);
    if (class_dim) put_absent(v, "unet.class_dim", (double)class_dim);
    put_absent(v, "unet.cross_dim", class_dim ? 0.0 : (double)cross);
    infer_heads(v, p, inner);
    put_absent(v, "unet.norm_groups", 32.0);
    put_absent(v, "unet.norm_eps", 1e-5);
    put_absent(v, "unet.freq_shift", 0.0);
    put_absent(v, "unet.flip_sin_to_cos", 1.0);
    put_absent(v, "unet.center_input", 0.0);
    put_absent(v, "unet.mid_scale", 1.0);
}

/* The number scale_factor of a checkpoint: a tensor among the others, or a number beside
   them; 0 if it has none. */
static double scale_of(const piece *p)
{
    float x = 0.0f;
    tensor *t = find(p->tensors, "scale_factor");
    if (t && t->view.count == 1) {
        t->used = 1;
        if (check_numbers(t->file, t->view.data)) tango_io_view_read(&x, &t->view, 0, 1);
        return (double)x;
    }
    return p->tensors->scale;
}

#define PUBLISHED_SCALE 0.9227914214134216 /* of AudioLDM, which all of these use */

static void infer_vae(values *v, const piece *p)
{
    double multiples[LIST_MAX], scale = scale_of(p);
    size_t channels = axis_of(p, 0, "encoder.conv_in.weight"), blocks = 0, n = 0;
    for (; n < TANGO_LEVELS_MAX; n++) {
        size_t c = axis_of(p, 0, "encoder.down.%zu.block.0.conv1.weight", n);
        if (c == 0 || channels == 0) break;
        multiples[n] = (double)(c / channels);
    }
    while (axis_of(p, 0, "encoder.down.0.block.%zu.conv1.weight", blocks)) blocks++;
    put_absent(v, "vae.channels", (double)channels);
    if (n > 0) put_absent_list(v, "vae.ch_mult", multiples, n);
    put_absent(v, "vae.res_blocks", (double)blocks);
    put_absent(v, "vae.z_channels", (double)axis_of(p, 0, "post_quant_conv.weight"));
    put_absent(v, "vae.embed_dim", (double)axis_of(p, 1, "post_quant_conv.weight"));
    put_absent(v, "vae.in_channels", (double)axis_of(p, 1, "encoder.conv_in.weight"));
    put_absent(v, "vae.out_channels", (double)axis_of(p, 0, "decoder.conv_out.weight"));
    put_absent(v, "vae.groups", 32.0);
    put_absent(v, "vae.scale_factor", scale != 0.0 ? scale : PUBLISHED_SCALE);
    if (p->sign->layout == LAYOUT_AUDIOLDM) put_absent(v, "vae.clip_latent", 1.0);
}

/* A diffusers folder says the sizes twice. */
static void check_kl_sizes(const build *b)
{
    double channels[LIST_MAX], multiples[LIST_MAX];
    tango_limit limit = *tango_limit_of("vae.channels");
    object o = object_in(&b->configs[KL_CONFIG], "");
    size_t node = member(&o, "block_out_channels"), n, m;
    if (!node) return;
    limit.most = TANGO_LEVELS_MAX;
    limit.high = 65536;
    n = numbers_at(&o, "block_out_channels", node, &limit, channels);
    m = list_of(&b->v, "vae.ch_mult", multiples);
    for (size_t i = 0; i < n || i < m; i++) {
        double c = i < m ? multiples[i] * number_of(&b->v, "vae.channels") : 0.0;
        if (i < n && c == channels[i]) continue;
        problem("%s: block_out_channels: level %zu has %.0f channels, its tensors have "
                "%.0f", o.path, i, i < n ? channels[i] : 0.0, c);
        return;
    }
}

/* How far each stage stretches is in no shape: known are published sets of kernels. */
static const struct {
    size_t count;
    double kernels[5], rates[5];
} vocoders[] = {
    { 5, { 16, 16, 8, 4, 4 }, { 5, 4, 2, 2, 2 } }, /* AudioLDM, 16 kHz */
    { 4, { 16, 16, 4, 4, 0 }, { 8, 8, 2, 2, 0 } }, /* HiFi-GAN, 22.05 kHz */
};

static void infer_rates(values *v, const piece *p, const double *kernels, size_t stages)
{
    if (has(v, "vocoder.rates")) return;
    for (size_t i = 0; i < sizeof vocoders / sizeof *vocoders; i++) {
        size_t k = 0;
        while (k < stages && k < 5 && kernels[k] == vocoders[i].kernels[k]) k++;
        if (stages != vocoders[i].count || k < stages) continue;
        put_numbers(v, "vocoder.rates", vocoders[i].rates, stages);
        return;
    }
    problem("%s: the rates of its stages cannot be told from its tensors: put the "
            "generator's config.json beside it", p->tensors->label);
}

static void infer_vocoder(values *v, const piece *p)
{
    double kernels[LIST_MAX], branches[LIST_MAX], dilations[LIST_MAX];
    size_t stages = 0, blocks = 0, n = 0, size;
    while (stages < TANGO_LEVELS_MAX && (size = axis_of(p, 2, "ups.%zu.weight", stages)))
        kernels[stages++] = (double)size;
    while (blocks < TANGO_LEVELS_MAX * TANGO_LEVELS_MAX
           && axis_of(p, 2, "resblocks.%zu.convs1.0.weight", blocks))
        blocks++;
    for (; stages > 0 && n < blocks / stages && n < TANGO_LEVELS_MAX; n++)
        branches[n] = (double)axis_of(p, 2, "resblocks.%zu.convs1.0.weight", n);
    put_absent(v, "vocoder.mels", (double)axis_of(p, 1, "conv_pre.weight"));
    put_absent(v, "vocoder.channels", (double)axis_of(p, 0, "conv_pre.weight"));
    put_absent_list(v, "vocoder.kernels", kernels, stages);
    infer_rates(v, p, kernels, stages);
    put_absent_list(v, "vocoder.res_kernels", branches, n);
    n = list_of(v, "vocoder.res_kernels", branches);
    for (size_t i = 0; i < DILATIONS * n; i++) dilations[i] = 1.0 + 2.0 * (double)(i % 3);
    put_absent_list(v, "vocoder.res_dilations", dilations, DILATIONS * n);
}


static void infer_t5(values *v, const piece *p)
{
    size_t layers = 0, heads, width;
    const char *block = "encoder.block.0.layer";
    while (axis_of(p, 0, "encoder.block.%zu.layer.0.layer_norm.weight", layers)) layers++;
    heads = axis_of(p, 1, "%s.0.SelfAttention.relative_attention_bias.weight", block);
    width = axis_of(p, 0, "%s.0.SelfAttention.q.weight", block);
    put_absent(v, "text.vocab", (double)axis_of(p, 0, "shared.weight"));
    put_absent(v, "text.d_model", (double)axis_of(p, 1, "shared.weight"));
    put_absent(v, "text.d_kv", (double)(heads ? width / heads : 0));
    put_absent(v, "text.d_ff",
               (double)axis_of(p, 0, "%s.1.DenseReluDense.wi_0.weight", block));
    put_absent(v, "text.layers", (double)layers);
    put_absent(v, "text.heads", (double)heads);
    put_absent(v, "text.buckets",
               (double)axis_of(p, 0, "%s.0.SelfAttention.relative_attention_bias.weight",
                               block));
    put_absent(v, "text.max_distance", 128.0);
    put_absent(v, "text.eps", 1e-6);
}

/* Published CLIP and CLAP encoders have heads 64 wide. */
static void infer_text_heads(values *v, const piece *p, const char *key, size_t width)
{
    if (!has(v, key) && (width == 0 || width % 64 != 0))
        problem("%s: the heads of a text encoder %zu wide cannot be told from its "
                "tensors: name a folder with its config.json by --%s",
                p->tensors->label, width, p->sign->part == RANK ? "rank" : "text");
    put_absent(v, key, (double)(width / 64));
}

/* Heads are 64 wide in every published CLIP. The one of Stable Diffusion 2 is OpenCLIP's,
   with exact gelu; OpenAI's ViT-L has quick gelu. */
static void infer_clip(values *v, const piece *p)
{
    const char *token = "text_model.embeddings.token_embedding.weight";
    size_t layers = 0, width = axis_of(p, 1, "%s", token);
    while (axis_of(p, 0, "text_model.encoder.layers.%zu.mlp.fc1.weight", layers))
        layers++;
    put_absent(v, "text.vocab", (double)axis_of(p, 0, "%s", token));
    put_absent(v, "text.d_model", (double)width);
    put_absent(v, "text.d_ff",
               (double)axis_of(p, 0, "text_model.encoder.layers.0.mlp.fc1.weight"));
    put_absent(v, "text.layers", (double)layers);
    infer_text_heads(v, p, "text.heads", width);
    put_absent(v, "text.positions",
               (double)axis_of(p, 0, "text_model.embeddings.position_embedding.weight"));
    put_absent_text(v, "text.activation", width == 768 ? "quick_gelu" : "gelu");
    put_absent(v, "text.eps", 1e-5);
}

/* RoBERTa and the projection behind it; values begin with "text." or "rank_text.". */
static void infer_clap(values *v, const piece *p, const char *(*key)(const char *))
{
    const char *token = "text_model.embeddings.word_embeddings.weight";
    const char *fc = "text_model.encoder.layer.%zu.intermediate.dense.weight";
    size_t layers = 0, width = axis_of(p, 1, "%s", token);
    while (axis_of(p, 0, fc, layers)) layers++;
    put_absent(v, key("vocab"), (double)axis_of(p, 0, "%s", token));
    put_absent(v, key("d_model"), (double)width);
    put_absent(v, key("d_ff"), (double)axis_of(p, 0, fc, (size_t)0));
    put_absent(v, key("layers"), (double)layers);
    infer_text_heads(v, p, key("heads"), width);
    put_absent(v, key("positions"),
               (double)axis_of(p, 0, "text_model.embeddings.position_embeddings.weight"));
    put_absent(v, key("projection"),
               (double)axis_of(p, 0, "text_projection.linear2.weight"));
    put_absent(v, key("pad"), 1.0);
    put_absent(v, key("eps"), 1e-5);
}

/* The names of values that two text towers may have. */
static const char *const tower_keys[][2] = {
    { "text.vocab", "rank_text.vocab" },       { "text.d_model", "rank_text.d_model" },
    { "text.d_ff", "rank_text.d_ff" },         { "text.layers", "rank_text.layers" },
    { "text.heads", "rank_text.heads" },
    { "text.positions", "rank_text.positions" },
    { "text.projection", "rank_text.projection" }, { "text.pad", "rank_text.pad" },
    { "text.eps", "rank_text.eps" },
};

static const char *tower_key(const char *name, size_t which)
{
    size_t i = 0;
    while (strcmp(tower_keys[i][0] + strlen("text."), name) != 0) i++;
    return tower_keys[i][which];
}

static const char *text_key(const char *name)
{
    return tower_key(name, 0);
}

static const char *rank_text_key(const char *name)
{
    return tower_key(name, 1);
}

/* HTSAT; its front end is the same in every published CLAP. */
static void infer_rank(values *v, const piece *p)
{
    static const char *const layer = "audio_model.audio_encoder.layers.%zu.blocks.%zu.%s";
    static const char *const table = "attention.self.relative_position_bias_table";
    double dims[LIST_MAX], depths[LIST_MAX], heads[LIST_MAX];
    size_t n = 0, window = 1, cells = axis_of(p, 0, layer, n, n, table);
    for (; n < TANGO_LEVELS_MAX; n++) {
        size_t depth = 0;
        while (depth < 1024 && axis_of(p, 0, layer, n, depth, "layernorm_before.weight"))
            depth++;
        if (depth == 0) break;
        depths[n] = (double)depth;
        dims[n] = (double)axis_of(p, 0, layer, n, (size_t)0, "layernorm_before.weight");
        heads[n] = (double)axis_of(p, 1, layer, n, (size_t)0, table);
    }
    while (window < 64 && (2 * window - 1) * (2 * window - 1) < cells) window++;
    put_absent_list(v, "rank.dims", dims, n);
    put_absent_list(v, "rank.depths", depths, n);
    put_absent_list(v, "rank.heads", heads, n);
    put_absent(v, "rank.window", (double)window);
    put_absent(v, "rank.patch", (double)axis_of(
        p, 2, "audio_model.audio_encoder.patch_embed.proj.weight"));
    put_absent(v, "rank.image", 256.0);
    put_absent(v, "rank.projection",
               (double)axis_of(p, 0, "audio_projection.linear2.weight"));
    put_absent(v, "rank.mels", (double)axis_of(
        p, 0, "audio_model.audio_encoder.batch_norm.weight"));
    put_absent(v, "rank.rate", 48000.0);
    put_absent(v, "rank.fft", 1024.0);
    put_absent(v, "rank.hop", 480.0);
    put_absent(v, "rank.fmin", 50.0);
    put_absent(v, "rank.fmax", 14000.0);
    put_absent(v, "rank.frames", 1001.0);
}

/* ---- What was published ----------------------------------------------------------- */

/* The log-mel of AudioLDM, which its relatives share. */
static void publish_audio(values *v)
{
    if (has(v, "vocoder.mels")) put_absent(v, "audio.mels", number_of(v, "vocoder.mels"));
    put_absent(v, "audio.rate", 16000.0);
    put_absent(v, "audio.fft", 1024.0);
    put_absent(v, "audio.hop", 160.0);
    put_absent(v, "audio.window", 1024.0);
    put_absent(v, "audio.mels", 64.0);
    put_absent(v, "audio.fmin", 0.0);
    put_absent(v, "audio.fmax", 8000.0);
}

static const char schedule_of_sd21[] =
    "{\"_class_name\": \"DDIMScheduler\", \"num_train_timesteps\": 1000, "
    "\"beta_start\": 0.00085, \"beta_end\": 0.012, \"beta_schedule\": \"scaled_linear\", "
    "\"prediction_type\": \"v_prediction\", \"clip_sample\": false, "
    "\"set_alpha_to_one\": false, \"steps_offset\": 1}";
static const char schedule_of_audioldm[] =
    "{\"_class_name\": \"DDIMScheduler\", \"num_train_timesteps\": 1000, "
    "\"beta_start\": 0.0015, \"beta_end\": 0.0195, \"beta_schedule\": \"scaled_linear\", "
    "\"prediction_type\": \"epsilon\", \"clip_sample\": false, "
    "\"set_alpha_to_one\": false, \"steps_offset\": 1}";

/* A configuration that is built in: read as if it were a file. */
static const source *built_in(file_list *files, const char *label, const char *text)
{
    source *s = new_source(files, "", label);
    s->text = (const unsigned char *)text;
    s->size = strlen(text);
    parse_json(s);
    return s;
}

/* What the authors of each family do when nothing else is asked. */
static const struct family {
    const char *sampler;
    double steps, guidance, eta, crop;
    int centre;
} families[] = {
    { "ddpm", 0.0, 3.0, 0.0, 0.0, 0 },        /* Tango */
    { "ddim", 200.0, 2.5, 1.0, 0.0, 0 },      /* AudioLDM */
    { "ddim", 200.0, 2.5, 1.0, TANGO_SECONDS_MAX, 0 }, /* of diffusers: not a sample more
                                                          than was asked for */
    { "consistency", 1.0, 4.0, 0.0, 9.5, 1 }, /* ConsistencyTTA */
    { "ctm", 2.0, 3.5, 0.0, 0.0, 0 }          /* SoundCTM */
};

static void publish_defaults(values *v, layout_id layout)
{
    const struct family *f = &families[0];
    if (number_of(v, "unet.class_dim") > 0.0)
        f = &families[layout == LAYOUT_DIFFUSERS ? 2 : 1];
    if (text_is(v, "unet.guidance", "fourier")) f = &families[3];
    if (text_is(v, "unet.guidance", "ctm")) f = &families[4];
    if (!text_is(v, "default.sampler", "")) return; /* the user's own set of defaults */
    put_text(v, "default.sampler", f->sampler);
    if (f->steps > 0.0) put_absent(v, "default.steps", f->steps);
    put_absent(v, "default.guidance", f->guidance);
    if (f->eta > 0.0) put_absent(v, "default.eta", f->eta);
    if (f->crop > 0.0) put_absent(v, "default.crop", f->crop);
    if (f->centre) put_absent(v, "wave.center", 1.0);
}

#endif
