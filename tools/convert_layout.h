/* convert_layout.h: what a file or folder holds, told from its tensors alone.    MIT-0 */
#ifndef TANGO_CONVERT_LAYOUT_H
#define TANGO_CONVERT_LAYOUT_H

#include "convert_json.h"
#include "convert_names.h"

/* ---- Layouts ---------------------------------------------------------------------- */

typedef enum layout_id {
    LAYOUT_TANGO,        /* a folder of declare-lab, or what its training script saves */
    LAYOUT_AUDIOLDM,     /* one .ckpt of AudioLDM */
    LAYOUT_DIFFUSERS,    /* unet, vae, ... of diffusers */
    LAYOUT_TRANSFORMERS, /* T5, CLIP, CLAP, SpeechT5HifiGan */
    LAYOUT_CONSISTENCY,  /* the files of ConsistencyTTA */
    LAYOUT_CTM,          /* SoundCTM */
    LAYOUT_HIFIGAN,      /* a generator of HiFi-GAN's code */
    LAYOUT_LAION         /* CLAP as its authors publish it */
} layout_id;
static const char *const layout_names[] = { "tango", "audioldm", "diffusers",
    "transformers", "consistencytta", "soundctm", "hifigan", "laion" };

typedef enum text_kind { T5, CLIP, CLAP } text_kind;
static const char *const text_kinds[] = { "t5", "clip", "clap" };

enum {
    RAW = 1,     /* only with --raw */
    EMA = 2,     /* not with --raw: averaged weights, of which there are raw ones too */
    EXACT = 4,  /* where all parts of a file say so, nothing else may be in it */
    DOTLESS = 8  /* the names have lost their dots */
};

/* A tensor PREFIXkey means that the file has this part. The first row of a part counts,
   so rows stand in order of preference. `other` (one pattern) is what may be there beside
   the tensors of the part and is not read. */
typedef struct signature {
    part_id part;
    layout_id layout;
    const char *prefix, *key;
    const rename_row *rows;
    text_kind text;
    unsigned flags;
    const char *other[4];
} signature;

#define T5_KEY "encoder.block.0.layer.0.SelfAttention.q.weight"
#define CLIP_KEY "embeddings.token_embedding.weight"
#define CLAP_KEY "embeddings.word_embeddings.weight"
#define HTSAT_KEY "patch_embed.proj.weight"
#define UNET_KEY "conv_in.weight"
#define LDM_UNET_KEY "input_blocks.0.0.weight"
#define LDM_VAE_KEY "encoder.down.0.block.0.norm1.weight"
#define VAE_KEY "encoder.down_blocks.0.resnets.0.norm1.weight"
#define NOTHING { NULL, NULL, NULL, NULL }

static const signature signatures[] = {
    { TEXT, LAYOUT_TANGO, "text_encoder.", T5_KEY, names_t5, T5, EXACT, NOTHING },
    { TEXT, LAYOUT_TANGO, "text_encoder.", "text_model." CLIP_KEY, names_clip, CLIP,
      EXACT, NOTHING },
    { TEXT, LAYOUT_TANGO, "text_encoder.", CLIP_KEY, names_clip, CLIP, EXACT, NOTHING },
    { TEXT, LAYOUT_AUDIOLDM, "cond_stage_model.model.", "text_branch." CLAP_KEY,
      names_clap_laion, CLAP, 0, { "*_transform.*", "logit_scale*", "audio_*", NULL } },
    { TEXT, LAYOUT_LAION, "", "text_branch." CLAP_KEY, names_clap_laion, CLAP, 0,
      { "*_transform.*", "logit_scale*", "audio_*", NULL } },
    { TEXT, LAYOUT_TRANSFORMERS, "", T5_KEY, names_t5, T5, 0,
      { "decoder.*", "lm_head.weight", NULL, NULL } },
    { TEXT, LAYOUT_TRANSFORMERS, "", "text_model." CLIP_KEY, names_clip, CLIP, 0,
      { "vision_model.*", "visual_projection.*", "logit_scale", "text_projection.*" } },
    { TEXT, LAYOUT_TRANSFORMERS, "", CLIP_KEY, names_clip, CLIP, 0, NOTHING },
    { TEXT, LAYOUT_TRANSFORMERS, "", "text_model." CLAP_KEY, names_same, CLAP, 0,
      { "audio_*", "logit_scale*", NULL, NULL } },

    { UNET, LAYOUT_TANGO, "unet.", UNET_KEY, names_unet, T5, EXACT, NOTHING },
    { UNET, LAYOUT_AUDIOLDM, "model_ema.diffusion_model", "input_blocks00weight",
      names_unet_ldm, T5, EMA | DOTLESS, NOTHING },
    { UNET, LAYOUT_AUDIOLDM, "model.diffusion_model.", LDM_UNET_KEY, names_unet_ldm, T5,
      0, NOTHING },
    { UNET, LAYOUT_AUDIOLDM, "diffusion_model.", LDM_UNET_KEY, names_unet_ldm, T5, 0,
      NOTHING },
    { UNET, LAYOUT_CONSISTENCY, "student_unet.", UNET_KEY, names_unet, T5, RAW, NOTHING },
    { UNET, LAYOUT_CONSISTENCY, "consistency_unet.", UNET_KEY, names_unet, T5, RAW,
      NOTHING },
    { UNET, LAYOUT_CONSISTENCY, "student_ema_unet.", UNET_KEY, names_unet, T5, 0,
      NOTHING },
    { UNET, LAYOUT_CONSISTENCY, "consistency_slow_ema_unet.", UNET_KEY, names_unet, T5, 0,
      NOTHING },
    { UNET, LAYOUT_CONSISTENCY, "student_target_unet.", UNET_KEY, names_unet, T5, 0,
      NOTHING },
    { UNET, LAYOUT_CONSISTENCY, "consistency_ema_unet.", UNET_KEY, names_unet, T5, 0,
      NOTHING },
    { UNET, LAYOUT_CTM, "ctm_unet.", UNET_KEY, names_unet, T5, 0, NOTHING },
    { UNET, LAYOUT_CONSISTENCY, "", "guidance_proj.weight", names_unet, T5, 0, NOTHING },
    { UNET, LAYOUT_CTM, "", "s_time_embedding.linear_1.weight", names_unet, T5, 0,
      NOTHING },
    { UNET, LAYOUT_DIFFUSERS, "", UNET_KEY, names_unet, T5, 0, NOTHING },

    { VAE, LAYOUT_AUDIOLDM, "first_stage_model.", LDM_VAE_KEY, names_same, T5, 0,
      { "loss.*", NULL, NULL, NULL } },
    { VAE, LAYOUT_CONSISTENCY, "vae.", LDM_VAE_KEY, names_same, T5, 0, NOTHING },
    { VAE, LAYOUT_TANGO, "", LDM_VAE_KEY, names_same, T5, EXACT, NOTHING },
    { VAE, LAYOUT_DIFFUSERS, "", VAE_KEY, names_vae_diffusers, T5, 0, NOTHING },

    { VOCODER, LAYOUT_AUDIOLDM, "first_stage_model.vocoder.", "ups.0.bias", names_vocoder,
      T5, 0, NOTHING },
    { VOCODER, LAYOUT_CONSISTENCY, "vae.vocoder.", "ups.0.bias", names_vocoder, T5, 0,
      NOTHING },
    { VOCODER, LAYOUT_TANGO, "vocoder.", "ups.0.bias", names_vocoder, T5, EXACT,
      NOTHING },
    { VOCODER, LAYOUT_TRANSFORMERS, "", "upsampler.0.bias", names_vocoder_transformers,
      T5, 0, { "mean", "scale", NULL, NULL } },
    { VOCODER, LAYOUT_HIFIGAN, "", "ups.0.bias", names_vocoder, T5, 0, NOTHING },

    { RANK, LAYOUT_AUDIOLDM, "cond_stage_model.model.", "audio_branch." HTSAT_KEY,
      names_clap_laion, CLAP, 0, { "*_transform.*", "logit_scale*", "text_*", NULL } },
    { RANK, LAYOUT_LAION, "", "audio_branch." HTSAT_KEY, names_clap_laion, CLAP, 0,
      { "*_transform.*", "logit_scale*", "text_*", NULL } },
    { RANK, LAYOUT_TRANSFORMERS, "", "audio_model.audio_encoder." HTSAT_KEY, names_same,
      CLAP, 0, { "logit_scale*", "text_*", NULL, NULL } },
};

/* Buffers and heads that follow from the rest or that nothing here uses. */
static const char *const never_read[] = { "*position_ids", "*token_type_ids",
    "*num_batches_tracked", "*relative_position_index", "*.attn_mask", "*spectrogram_*",
    "*logmel_extractor.*", "*tscam_conv.*", "*audio_branch.head.*", "*.rotary_emb.*",
    NULL };

/* What the tensors of a part are called in the blob. */
static const char *const blob_prefixes[] = { "text_encoder.", "unet.", "", "vocoder.",
                                             "clap." };

/* What is easily taken for a model of this family, by a tensor. */
static const struct {
    const char *pattern, *what;
} foreign[] = {
    { "cond_stage_model.transformer.text_model.*", "a model of Stable Diffusion" },
    { "cond_stage_model.model.transformer.*", "a model of Stable Diffusion" },
    { "conditioner.embedders.*", "a model of Stable Diffusion XL" },
    { "cond_stage_models.*", "a model of AudioLDM 2" },
    { "beat_embedding_layer.*", "a model of Mustango" },
    { "chord_embedding_layer.*", "a model of Mustango" },
    { "*single_transformer_blocks.*", "a model of TangoFlux" },
    { "*time_embedding.cond_proj.weight", "a latent consistency model" },
    { "*lora_A.*", "a LoRA, which changes a model: convert that model" },
    { "*lora.down.*", "a LoRA, which changes a model: convert that model" },
    { "*lora_down.*", "a LoRA, which changes a model: convert that model" },
};
/* And by the class that model_index.json names. */
static const struct {
    const char *begins, *what;
} foreign_classes[] = {
    { "StableDiffusion", "a model of Stable Diffusion" },
    { "AudioLDM2", "a model of AudioLDM 2" },
    { "MusicLDM", "a model of MusicLDM" },
    { "StableAudio", "a model of Stable Audio" },
    { "TangoFlux", "a model of TangoFlux" },
    { "Flux", "a model of Flux" },
};

/* ---- One file or folder ----------------------------------------------------------- */

/* Files of a folder, or of a folder within it. */
typedef struct shelf {
    char folder[TANGO_IO_PATH_MAX + 1];
    char label[128]; /* what comes before the names of its files in messages */
    source *config;  /* config.json */
    store *stores;
} shelf;

enum { ROOT, UNET_SHELF, VAE_SHELF, VOCODER_SHELF, TEXT_SHELF, TOKENIZER_SHELF,
       SCHEDULER_SHELF, SHELVES };
static const char *const shelf_names[] = { "", "unet", "vae", "vocoder", "text_encoder",
                                           "tokenizer", "scheduler" };

typedef struct piece {
    const signature *sign; /* NULL: there is no such part */
    store *tensors;
    const shelf *on;
    naming names;
} piece;

/* Files of the root that have names of their own. */
typedef enum root_file {
    MAIN_JSON, VAE_JSON, STFT_JSON, UNET_JSON, TEXT_JSON, SCHEDULER_JSON, DEFAULTS_JSON,
    INDEX_JSON, ATTRIBUTION, ROOT_FILES
} root_file;
static const char *const root_names[ROOT_FILES][2] = {
    { "main_config.json", NULL },
    { "vae_config.json", NULL },
    { "stft_config.json", NULL },
    { "unet_config.json", NULL },
    { "text_encoder_config.json", NULL },
    { "scheduler_config.json", "dpm_scheduler_config.json" },
    { "defaults.json", NULL },
    { "model_index.json", NULL },
    { "ATTRIBUTION.md", NULL }
};

/* What the user named: the checkpoint itself or where one part of it comes from. */
typedef struct origin {
    const char *path;
    file_list *files;
    int is_file, raw, is_tango; /* a folder in the layout of declare-lab */
    shelf shelves[SHELVES];
    source *root[ROOT_FILES];
    store *stft;
    piece pieces[PARTS];
    const char *foreign; /* what else this is, NULL if nothing says so */
} origin;

/* ---- Which weights a folder has --------------------------------------------------- */

/* In each row the first file that is there is taken: what declare-lab publishes, what
   its training script saves with PyTorch and with safetensors. */
static const char *const tango_weights[3][4] = {
    { "pytorch_model_main.bin", "pytorch_model_2.bin", "model_2.safetensors", NULL },
    { "pytorch_model_vae.bin", "pytorch_model.bin", "model.safetensors", NULL },
    { "pytorch_model_stft.bin", "pytorch_model_1.bin", "model_1.safetensors", NULL }
};
static const char *const loose_weights[] = { "unet_state_dict.pt", "vae_state_dict.pt",
                                             NULL };
/* What transformers and diffusers save; {} stands for a variant such as .fp16. */
static const char *const hub_weights[] = { "model", "diffusion_pytorch_model",
                                           "pytorch_model", NULL };

static void label_of(char out[256], const shelf *on, const char *name)
{
    snprintf(out, 256, "%s%.100s", on->label, name);
}

static void add_store(origin *o, shelf *on, const char *name)
{
    char label[256];
    label_of(label, on, name);
    store *s = open_store(o->files, on->folder, name, label);
    s->next = on->stores;
    on->stores = s;
}

static int add_first(origin *o, shelf *on, const char *const *names)
{
    const char *taken = NULL;
    for (; *names; names++)
        if (is_in(o->files, on->folder, *names) && !taken) taken = *names;
    if (taken) add_store(o, on, taken);
    return taken != NULL;
}

static const char *const weight_forms[] = {
    "%s.safetensors", "%s.safetensors.index.json", "%s.fp16.safetensors",
    "%s.safetensors.index.fp16.json", "%s.bin", "%s.bin.index.json", "%s.fp16.bin",
    "%s.bin.index.fp16.json", NULL
};

/* The weights of a folder of transformers or diffusers: safetensors before PyTorch's
   files, full precision before half. A file beside the index of another save is not
   known to be the newer one. */
static int add_hub_weights(origin *o, shelf *on)
{
    for (size_t i = 0; hub_weights[i]; i++) {
        char names[2][64];
        for (size_t k = 0; weight_forms[k]; k += 2) {
            int there[2];
            for (size_t m = 0; m < 2; m++) {
                snprintf(names[m], sizeof names[m], weight_forms[k + m], hub_weights[i]);
                there[m] = is_in(o->files, on->folder, names[m]);
            }
            if (there[0] && there[1])
                problem("%s%s and %s are both there: which of them is meant is not known",
                        on->label, names[0], names[1]);
            if (!there[0] && !there[1]) continue;
            add_store(o, on, names[there[0] ? 0 : 1]);
            return 1;
        }
    }
    return 0;
}

/* ---- Opening ---------------------------------------------------------------------- */

static source *open_json(origin *o, const shelf *on, const char *name)
{
    char label[256];
    if (!is_in(o->files, on->folder, name)) return NULL;
    label_of(label, on, name);
    source *s = open_source(o->files, on->folder, name, label);
    parse_json(s);
    return s;
}

static void open_root_files(origin *o, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        for (size_t k = 0; k < 2 && !o->root[i] && root_names[i][k]; k++) {
            const char *name = root_names[i][k];
            if (i != ATTRIBUTION) o->root[i] = open_json(o, &o->shelves[ROOT], name);
            else if (is_in(o->files, o->shelves[ROOT].folder, name))
                o->root[i] = open_source(o->files, o->shelves[ROOT].folder, name, name);
        }
}

/* A folder is declare-lab's if its main configuration or its main weights are there. */
static int looks_like_tango(origin *o)
{
    const char *folder = o->shelves[ROOT].folder;
    return o->root[MAIN_JSON] || is_in(o->files, folder, tango_weights[0][0])
           || is_in(o->files, folder, tango_weights[1][0]);
}

static void open_tango(origin *o)
{
    shelf *root = &o->shelves[ROOT];
    store *before;
    add_first(o, root, tango_weights[0]);
    add_first(o, root, tango_weights[1]);
    before = root->stores;
    if (!add_first(o, root, tango_weights[2])) return;
    o->stft = root->stores; /* no part of the model: only checked */
    o->stft->next = NULL;
    root->stores = before;
}

static void open_folder(origin *o)
{
    shelf *root = &o->shelves[ROOT];
    open_root_files(o, 0, ROOT_FILES);
    o->is_tango = looks_like_tango(o);
    if (o->is_tango) open_tango(o);
    else {
        root->config = open_json(o, root, "config.json");
        add_hub_weights(o, root);
        for (size_t i = 0; loose_weights[i]; i++)
            if (is_in(o->files, root->folder, loose_weights[i]))
                add_store(o, root, loose_weights[i]);
        if (!root->stores) add_first(o, root, tango_weights[0]);
    }
    for (size_t i = ROOT + 1; i < SHELVES; i++) {
        shelf *s = &o->shelves[i];
        path_of(s->folder, o->path, shelf_names[i]);
        snprintf(s->label, sizeof s->label, "%.100s%.24s/", root->label, shelf_names[i]);
        if (!is_folder(s->folder)) continue;
        s->config = open_json(o, s, i == SCHEDULER_SHELF ? "scheduler_config.json"
                                                         : "config.json");
        if (i < TOKENIZER_SHELF) add_hub_weights(o, s);
    }
}

/* A single file. */
static void open_single(origin *o)
{
    shelf *root = &o->shelves[ROOT];
    const char *name = last_part(o->path);
    size_t size = (size_t)(name - o->path);
    memcpy(root->folder, o->path, size > 0 ? size - 1 : 0);
    root->folder[size > 0 ? size - 1 : 0] = '\0';
    if (size == 1) memcpy(root->folder, "/", 2);
    if (size == 0) memcpy(root->folder, ".", 2);
    if (strstr(name, "-of-0") && !ends_with(name, ".json"))
        problem("%s: one of several parts of a model: name their folder, or the index",
                o->path);
    is_in(o->files, root->folder, name);
    add_store(o, root, name);
}

/* ---- Which parts these are -------------------------------------------------------- */

static int has_key(const store *s, const signature *sign)
{
    char name[NAME_ROOM];
    snprintf(name, sizeof name, "%s%s", sign->prefix, sign->key);
    return find(s, name) != NULL;
}

static void find_parts_in(origin *o, const shelf *on, store *tensors)
{
    const size_t count = sizeof signatures / sizeof *signatures;
    const signature *found[PARTS] = { NULL, NULL, NULL, NULL, NULL };
    for (size_t i = 0; i < count; i++) {
        const signature *sign = &signatures[i];
        if (found[sign->part] || !has_key(tensors, sign)) continue;
        if ((sign->flags & RAW) && !o->raw) continue;
        if ((sign->flags & EMA) && o->raw) continue;
        found[sign->part] = sign;
    }
    for (size_t i = 0; i < PARTS; i++) {
        piece *p = &o->pieces[i];
        if (!found[i]) continue;
        if (p->sign) {
            problem("%s: %s and %s both hold a part of the kind %s", o->path,
                    p->tensors->label, tensors->label, part_names[i]);
            continue;
        }
        p->sign = found[i];
        p->tensors = tensors;
        p->on = on;
        p->names.rows = found[i]->rows;
        p->names.prefix = found[i]->prefix;
        p->names.dotless = (found[i]->flags & DOTLESS) != 0;
    }
}

static void find_foreign(origin *o, const store *s)
{
    binding b;
    for (size_t i = 0; !o->foreign && i < sizeof foreign / sizeof *foreign; i++)
        for (size_t k = 0; !o->foreign && k < s->count; k++)
            if (matches(foreign[i].pattern, s->list[k].name, &b))
                o->foreign = foreign[i].what;
}

static void find_foreign_class(origin *o)
{
    config c = { o->root[INDEX_JSON], 0 };
    object index = object_in(&c, "");
    for (size_t i = 0; i < sizeof foreign_classes / sizeof *foreign_classes; i++)
        if (text_begins(&index, "_class_name", foreign_classes[i].begins))
            o->foreign = foreign_classes[i].what;
}

/* The configurations of networks that stand beside a single file count as in a folder;
   AudioLDM's file needs none. */
static void open_beside(origin *o)
{
    shelf *root = &o->shelves[ROOT];
    for (size_t i = 0; i < PARTS; i++) {
        const signature *sign = o->pieces[i].sign;
        if (!sign || sign->layout == LAYOUT_AUDIOLDM) continue;
        open_root_files(o, VAE_JSON, SCHEDULER_JSON + 1);
        root->config = open_json(o, root, "config.json");
        return;
    }
}

/* Opens what is at o->path, a file or a folder. Messages begin the names of its files
   with `label`: nothing for the checkpoint itself. */
static void open_origin(origin *o, const char *path, file_list *files, int raw,
                        const char *label)
{
    memset(o, 0, sizeof *o);
    o->path = path;
    o->files = files;
    o->raw = raw;
    o->is_file = !is_folder(path);
    path_of(o->shelves[ROOT].folder, path, "");
    o->shelves[ROOT].folder[strlen(path)] = '\0';
    snprintf(o->shelves[ROOT].label, sizeof o->shelves[ROOT].label, "%.100s", label);
    if (o->is_file) open_single(o);
    else open_folder(o);
    for (size_t i = 0; i < SHELVES; i++)
        for (store *s = o->shelves[i].stores; s; s = s->next) {
            find_parts_in(o, &o->shelves[i], s);
            find_foreign(o, s);
        }
    find_foreign_class(o);
    if (o->is_file) open_beside(o);
}

static void close_origin(origin *o)
{
    for (size_t i = 0; i < SHELVES; i++) close_stores(o->shelves[i].stores);
    close_stores(o->stft);
}

/* ---- Tensors of a part ------------------------------------------------------------ */

/* Where the tensor is that the blob calls `name`. */
static spot part_spot(const piece *p, const char *name)
{
    const char *prefix = blob_prefixes[p->sign->part];
    size_t n = strlen(prefix);
    naming outer = p->names;
    if (strncmp(name, prefix, n) == 0) return spot_of(&p->names, p->tensors, name + n);
    outer.prefix = ""; /* adapters, which stand beside the UNet */
    outer.rows = names_same;
    return spot_of(&outer, p->tensors, name);
}

/* Size of an axis of a tensor of the blob, as the checkpoint has it; 0 if it has none.
   The name is made as by printf, without the prefix that the part has in the blob. */
static size_t axis_of(const piece *p, size_t axis, const char *format, ...)
{
    char name[NAME_ROOM];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    spot at = spot_of(&p->names, p->tensors, name);
    if (!at.t || at.t->view.rank <= axis) return 0;
    return axis == 0 ? at.t->view.shape[0] / at.parts : at.t->view.shape[axis];
}

#endif
