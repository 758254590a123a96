/* convert_plan.h: the tensors that a configuration implies, by their names in the blob,
   and where the checkpoint has each.                                             MIT-0 */
#ifndef TANGO_CONVERT_PLAN_H
#define TANGO_CONVERT_PLAN_H

#include "convert_build.h"

#define KERNEL_MAX 256 /* of the vocoder */
#define ADAPTER_WIDTH 512

/* ---- The tensors a configuration implies ------------------------------------------ */

/* How a tensor of the checkpoint is laid out in the blob. */
typedef enum weight_kind {
    VECTOR,     /* (n)                        as it is, f32 */
    MATRIX,     /* (outputs, inputs, kernel)  panels */
    TRANSPOSED, /* (inputs, outputs, kernel)  panels of the equal ordinary convolution */
    REPEATED,   /* (n)                        rate times over, f32: the bias of that */
    EMBEDDING,  /* (vocabulary, width)        row after row */
    TABLE       /* (buckets, heads)           row after row, f32 */
} weight_kind;

typedef struct weight {
    char *name; /* in the blob */
    part_id part;
    weight_kind kind;
    size_t rank, shape[4]; /* that it has, as the checkpoint lays it out */
    int loose;             /* axes of length 1 at the end may be more or fewer */
    size_t rate;           /* stride of a transposed convolution, else 1 */
    spot at;               /* where the checkpoint has it, once matched */
    tango_io_view view;    /* all of that tensor, of which this may be a part */
    size_t first;          /* row of that tensor with which this one begins */
    double *factors;       /* of each index of the first axis: weight normalisation */
} weight;

typedef struct plan {
    weight *list;
    size_t count, capacity;
    part_id part;    /* that the names being added belong to */
    char place[128]; /* what the names being added begin with */
    int linear_projection;
} plan;

/* Every name added from here on begins with this. */
static void at(plan *p, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(p->place, sizeof p->place, format, arguments);
    va_end(arguments);
}

/* Adds PLACE.name with the given ending. */
static weight *add(plan *p, weight_kind kind, const char *name, const char *ending)
{
    if (p->count == p->capacity) {
        p->capacity = p->capacity ? 2 * p->capacity : 1024;
        p->list = (weight *)resized(p->list, p->capacity, sizeof *p->list);
    }
    weight *w = &p->list[p->count++];
    memset(w, 0, sizeof *w);
    w->name = joined(p->place, name, ending);
    w->part = p->part;
    w->kind = kind;
    w->rate = 1;
    return w;
}

static void shape(weight *w, size_t rank, size_t a, size_t b, size_t c, size_t d)
{
    w->rank = rank;
    w->shape[0] = a;
    w->shape[1] = b;
    w->shape[2] = c;
    w->shape[3] = d;
}

static void vector(plan *p, const char *name, const char *ending, size_t n)
{
    shape(add(p, VECTOR, name, ending), 1, n, 1, 1, 1);
}

/* Layer norms and group norms. */
static void norm(plan *p, const char *name, size_t channels)
{
    vector(p, name, ".weight", channels);
    vector(p, name, ".bias", channels);
}

static void linear_no_bias(plan *p, const char *name, size_t outputs, size_t inputs)
{
    shape(add(p, MATRIX, name, ".weight"), 2, outputs, inputs, 1, 1);
}

static void linear(plan *p, const char *name, size_t outputs, size_t inputs)
{
    linear_no_bias(p, name, outputs, inputs);
    vector(p, name, ".bias", outputs);
}

/* (outputs, inputs, size, size) */
static void conv2d(plan *p, const char *name, size_t outputs, size_t inputs, size_t size)
{
    shape(add(p, MATRIX, name, ".weight"), 4, outputs, inputs, size, size);
    vector(p, name, ".bias", outputs);
}

/* (outputs, inputs, size) */
static void conv1d(plan *p, const char *name, size_t outputs, size_t inputs, size_t size)
{
    shape(add(p, MATRIX, name, ".weight"), 3, outputs, inputs, size, 1);
    vector(p, name, ".bias", outputs);
}

/* ResnetBlock2D of diffusers, and (time = 0, another name for the shortcut) the VAE's. */
static void residual_block(plan *p, size_t inputs, size_t outputs, size_t time,
                           const char *shortcut)
{
    norm(p, "norm1", inputs);
    conv2d(p, "conv1", outputs, inputs, 3);
    if (time) linear(p, "time_emb_proj", outputs, time);
    norm(p, "norm2", outputs);
    conv2d(p, "conv2", outputs, outputs, 3);
    if (inputs != outputs) conv2d(p, shortcut, outputs, inputs, 1);
}

/* One attention of BasicTransformerBlock; context: channels behind keys and values. */
static void attention(plan *p, const char *name, size_t width, size_t context)
{
    char part[64];
    static const char *const projection[3] = { "to_q", "to_k", "to_v" };
    for (size_t i = 0; i < 3; i++) {
        snprintf(part, sizeof part, "%s.%s", name, projection[i]);
        linear_no_bias(p, part, width, i == 0 ? width : context);
    }
    snprintf(part, sizeof part, "%s.to_out.0", name);
    linear(p, part, width, width);
}

/* A matrix that is kept as a linear layer or as a 1x1 convolution. */
static void projection(plan *p, const char *name, size_t outputs, size_t inputs)
{
    if (p->linear_projection == 1) linear(p, name, outputs, inputs);
    else conv2d(p, name, outputs, inputs, 1);
    if (p->linear_projection < 0) p->list[p->count - 2].loose = 1;
}

/* Transformer2DModel with one block. Heads of channels / heads, so the inner width may be
   smaller than channels. The two projections are linear layers or 1x1 convolutions. */
static void transformer(plan *p, const tango_unet_config *u, const char *place,
                        size_t index, size_t channels, size_t heads)
{
    size_t inner = channels / heads * heads;
    at(p, "%s.attentions.%zu", place, index);
    norm(p, "norm", channels);
    projection(p, "proj_in", inner, channels);
    projection(p, "proj_out", channels, inner);
    at(p, "%s.attentions.%zu.transformer_blocks.0", place, index);
    norm(p, "norm1", inner);
    attention(p, "attn1", inner, inner);
    norm(p, "norm2", inner);
    attention(p, "attn2", inner, u->cross_width ? u->cross_width : inner);
    norm(p, "norm3", inner);
    linear(p, "ff.net.0.value", 4 * inner, inner); /* of one GEGLU layer */
    linear(p, "ff.net.0.gate", 4 * inner, inner);
    linear(p, "ff.net.2", inner, 4 * inner);
}

static void plan_down_blocks(plan *p, const tango_unet_config *u, size_t time)
{
    size_t inputs = u->channels[0];
    char place[64];
    for (size_t i = 0; i < u->levels; i++) {
        size_t channels = u->channels[i];
        snprintf(place, sizeof place, "unet.down_blocks.%zu", i);
        for (size_t j = 0; j < u->layers; j++) {
            at(p, "%s.resnets.%zu", place, j);
            residual_block(p, j == 0 ? inputs : channels, channels, time,
                           "conv_shortcut");
            if (u->down_attention[i]) transformer(p, u, place, j, channels, u->heads[i]);
        }
        at(p, "%s.downsamplers.0", place);
        if (i + 1 < u->levels) conv2d(p, "conv", channels, channels, 3);
        inputs = channels;
    }
}

/* Each layer of an up block reads what came before beside one kept output of the way
   down: the last one of a block takes that of the next finer level, which may have
   another width. */
static void plan_up_blocks(plan *p, const tango_unet_config *u, size_t time)
{
    size_t levels = u->levels, before = u->channels[levels - 1];
    char place[64];
    for (size_t i = 0; i < levels; i++) {
        size_t level = levels - 1 - i, channels = u->channels[level];
        size_t finer = u->channels[level > 0 ? level - 1 : 0];
        snprintf(place, sizeof place, "unet.up_blocks.%zu", i);
        for (size_t j = 0; j <= u->layers; j++) {
            size_t kept = j == u->layers ? finer : channels;
            at(p, "%s.resnets.%zu", place, j);
            residual_block(p, (j == 0 ? before : channels) + kept, channels, time,
                           "conv_shortcut");
            if (u->up_attention[i])
                transformer(p, u, place, j, channels, u->heads[level]);
        }
        at(p, "%s.upsamplers.0", place);
        if (level > 0) conv2d(p, "conv", channels, channels, 3);
        before = channels;
    }
}

/* What stands beside the time: AudioLDM's embedding of the text, and the guidance or
   second time of distilled models. */
static void plan_conditions(plan *p, const tango_unet_config *u, size_t time)
{
    size_t features = u->guidance_width;
    if (u->class_width) linear(p, "class_embedding", time, u->class_width);
    if (u->guidance == TANGO_GUIDANCE_FOURIER) {
        vector(p, "guidance_proj", ".weight", features);
        linear(p, "guidance_embedding.linear_1", time, 2 * features);
        linear(p, "guidance_embedding.linear_2", time, time);
    }
    if (u->guidance == TANGO_GUIDANCE_CTM) {
        linear(p, "s_time_embedding.linear_1", time, u->channels[0]);
        linear(p, "s_time_embedding.linear_2", time, time);
    }
}

/* UNet2DConditionModel, then the adapters that the variant with pre-trained weights has
   between its channels and those of the latent. */
static void plan_unet(plan *p, const tango_unet_config *u, size_t latent)
{
    size_t first = u->channels[0], last = u->channels[u->levels - 1], time = 4 * first;
    size_t all = u->class_width ? 2 * time : time; /* one behind the other */
    p->part = UNET;
    at(p, "unet");
    conv2d(p, "conv_in", first, u->in_channels, 3);
    linear(p, "time_embedding.linear_1", time, first);
    linear(p, "time_embedding.linear_2", time, time);
    plan_conditions(p, u, time);
    norm(p, "conv_norm_out", first);
    conv2d(p, "conv_out", u->out_channels, first, 3);
    plan_down_blocks(p, u, all);
    transformer(p, u, "unet.mid_block", 0, last, u->heads[u->levels - 1]);
    for (size_t j = 0; j < 2; j++) {
        at(p, "unet.mid_block.resnets.%zu", j);
        residual_block(p, last, last, all, "conv_shortcut");
    }
    plan_up_blocks(p, u, all);
    if (!u->adapters) return;
    at(p, "group_in");
    linear(p, "0", ADAPTER_WIDTH, latent);
    linear(p, "1", u->in_channels, ADAPTER_WIDTH);
    at(p, "group_out");
    linear(p, "0", ADAPTER_WIDTH, u->out_channels);
    linear(p, "1", latent, ADAPTER_WIDTH);
}

static void table(plan *p, weight_kind kind, const char *name, size_t rows,
                  size_t width)
{
    shape(add(p, kind, name, ".weight"), 2, rows, width, 1, 1);
}

/* T5EncoderModel, version 1.1: gated feed-forward layers, no biases. */
static void plan_t5(plan *p, const tango_text_config *t)
{
    size_t width = t->heads * t->head_width;
    static const char *const projections[3] = { "q", "k", "v" };
    at(p, "text_encoder");
    table(p, EMBEDDING, "shared", t->vocab, t->width);
    vector(p, "encoder.final_layer_norm", ".weight", t->width);
    for (size_t i = 0; i < t->layers; i++) {
        at(p, "text_encoder.encoder.block.%zu.layer.0", i);
        vector(p, "layer_norm", ".weight", t->width);
        at(p, "text_encoder.encoder.block.%zu.layer.0.SelfAttention", i);
        for (size_t k = 0; k < 3; k++)
            linear_no_bias(p, projections[k], width, t->width);
        linear_no_bias(p, "o", t->width, width);
        if (i == 0) /* the table of the first block serves them all */
            table(p, TABLE, "relative_attention_bias", t->buckets, t->heads);
        at(p, "text_encoder.encoder.block.%zu.layer.1", i);
        vector(p, "layer_norm", ".weight", t->width);
        linear_no_bias(p, "DenseReluDense.wi_0", t->hidden, t->width);
        linear_no_bias(p, "DenseReluDense.wi_1", t->hidden, t->width);
        linear_no_bias(p, "DenseReluDense.wo", t->width, t->hidden);
    }
}

/* CLIPTextModel. */
static void plan_clip(plan *p, const tango_text_config *t)
{
    static const char *const projections[4] = {
        "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj"
    };
    at(p, "text_encoder.text_model");
    table(p, EMBEDDING, "embeddings.token_embedding", t->vocab, t->width);
    table(p, EMBEDDING, "embeddings.position_embedding", t->positions, t->width);
    norm(p, "final_layer_norm", t->width);
    for (size_t i = 0; i < t->layers; i++) {
        at(p, "text_encoder.text_model.encoder.layers.%zu", i);
        norm(p, "layer_norm1", t->width);
        norm(p, "layer_norm2", t->width);
        for (size_t k = 0; k < 4; k++) linear(p, projections[k], t->width, t->width);
        linear(p, "mlp.fc1", t->hidden, t->width);
        linear(p, "mlp.fc2", t->width, t->hidden);
    }
}

/* ClapTextModelWithProjection: RoBERTa, its pooler, two layers. `root` is
   "text_encoder", or "clap" for the tower of a ranking model. */
static void plan_clap(plan *p, const tango_text_config *t, const char *root)
{
    static const char *const layers[4] = {
        "attention.self.query", "attention.self.key", "attention.self.value",
        "attention.output.dense"
    };
    at(p, "%s.text_model", root);
    table(p, EMBEDDING, "embeddings.word_embeddings", t->vocab, t->width);
    table(p, EMBEDDING, "embeddings.position_embeddings", t->positions, t->width);
    table(p, EMBEDDING, "embeddings.token_type_embeddings", 1, t->width);
    norm(p, "embeddings.LayerNorm", t->width);
    linear(p, "pooler.dense", t->width, t->width);
    for (size_t i = 0; i < t->layers; i++) {
        at(p, "%s.text_model.encoder.layer.%zu", root, i);
        for (size_t k = 0; k < 4; k++) linear(p, layers[k], t->width, t->width);
        norm(p, "attention.output.LayerNorm", t->width);
        linear(p, "intermediate.dense", t->hidden, t->width);
        linear(p, "output.dense", t->width, t->hidden);
        norm(p, "output.LayerNorm", t->width);
    }
    at(p, "%s.text_projection", root);
    linear(p, "linear1", t->projection, t->width);
    linear(p, "linear2", t->projection, t->projection);
}

static void plan_text_encoder(plan *p, const tango_text_config *t)
{
    p->part = TEXT;
    if (t->type == TANGO_TEXT_T5) plan_t5(p, t);
    else if (t->type == TANGO_TEXT_CLIP) plan_clip(p, t);
    else plan_clap(p, t, "text_encoder");
}

/* One block of HTSAT, a Swin transformer. */
static void plan_window_block(plan *p, const tango_rank_config *r, size_t level,
                              size_t block)
{
    static const char *const layers[4] = {
        "attention.self.query", "attention.self.key", "attention.self.value",
        "attention.output.dense"
    };
    size_t width = r->dims[level], side = 2 * r->window - 1;
    at(p, "clap.audio_model.audio_encoder.layers.%zu.blocks.%zu", level, block);
    norm(p, "layernorm_before", width);
    norm(p, "layernorm_after", width);
    for (size_t k = 0; k < 4; k++) linear(p, layers[k], width, width);
    shape(add(p, TABLE, "attention.self.relative_position_bias_table", ""), 2,
          side * side, r->heads[level], 1, 1);
    linear(p, "intermediate.dense", 4 * width, width);
    linear(p, "output.dense", width, 4 * width);
}

static void plan_rank(plan *p, const tango_rank_config *r)
{
    static const char *const tower = "clap.audio_model.audio_encoder";
    static const char *const statistics[4] = { ".weight", ".bias", ".running_mean",
                                               ".running_var" };
    p->part = RANK;
    at(p, "%s", tower);
    for (size_t k = 0; k < 4; k++) vector(p, "batch_norm", statistics[k], r->mels);
    conv2d(p, "patch_embed.proj", r->dims[0], 1, r->patch);
    norm(p, "patch_embed.norm", r->dims[0]);
    norm(p, "norm", r->dims[r->levels - 1]);
    for (size_t i = 0; i < r->levels; i++) {
        for (size_t k = 0; k < r->depths[i]; k++) plan_window_block(p, r, i, k);
        at(p, "%s.layers.%zu.downsample", tower, i);
        if (i + 1 == r->levels) continue;
        norm(p, "norm", 4 * r->dims[i]);
        linear_no_bias(p, "reduction", r->dims[i + 1], 4 * r->dims[i]);
    }
    at(p, "clap.audio_projection");
    linear(p, "linear1", r->projection, r->dims[r->levels - 1]);
    linear(p, "linear2", r->projection, r->projection);
    if (!r->shares_text) plan_clap(p, &r->text, "clap");
}

static void plan_vae_middle(plan *p, const char *side, size_t channels)
{
    static const char *const part[4] = { "q", "k", "v", "proj_out" };
    for (size_t j = 1; j <= 2; j++) {
        at(p, "%s.mid.block_%zu", side, j);
        residual_block(p, channels, channels, 0, "nin_shortcut");
    }
    at(p, "%s.mid.attn_1", side);
    norm(p, "norm", channels);
    for (size_t k = 0; k < 4; k++) { /* of diffusers these are linear layers */
        conv2d(p, part[k], channels, channels, 1);
        p->list[p->count - 2].loose = 1;
    }
}

static void plan_vae_encoder(plan *p, const tango_vae_config *v)
{
    size_t channels = v->channels;
    at(p, "encoder");
    conv2d(p, "conv_in", v->channels, v->in_channels, 3);
    for (size_t i = 0; i < v->levels; i++) {
        for (size_t j = 0; j < v->res_blocks; j++) {
            at(p, "encoder.down.%zu.block.%zu", i, j);
            residual_block(p, channels, v->channels * v->multiples[i], 0, "nin_shortcut");
            channels = v->channels * v->multiples[i];
        }
        at(p, "encoder.down.%zu", i);
        if (i + 1 < v->levels) conv2d(p, "downsample.conv", channels, channels, 3);
    }
    plan_vae_middle(p, "encoder", channels);
    at(p, "encoder");
    norm(p, "norm_out", channels);
    conv2d(p, "conv_out", 2 * v->latent_channels, channels, 3); /* mean, log-variance */
}

/* The decoder's levels are numbered as the encoder's: up.0 is the finest and the last. */
static void plan_vae_decoder(plan *p, const tango_vae_config *v)
{
    size_t channels = v->channels * v->multiples[v->levels - 1];
    at(p, "decoder");
    conv2d(p, "conv_in", channels, v->latent_channels, 3);
    plan_vae_middle(p, "decoder", channels);
    for (size_t i = v->levels; i-- > 0;) {
        for (size_t j = 0; j <= v->res_blocks; j++) {
            at(p, "decoder.up.%zu.block.%zu", i, j);
            residual_block(p, channels, v->channels * v->multiples[i], 0, "nin_shortcut");
            channels = v->channels * v->multiples[i];
        }
        at(p, "decoder.up.%zu", i);
        if (i > 0) conv2d(p, "upsample.conv", channels, channels, 3);
    }
    at(p, "decoder");
    norm(p, "norm_out", channels);
    conv2d(p, "conv_out", v->out_channels, channels, 3);
}

/* HiFi-GAN: channels halve at each stage; residual branches, one a kernel, follow. */
static void plan_vocoder(plan *p, const tango_vocoder_config *h)
{
    char part[32];
    p->part = VOCODER;
    at(p, "vocoder");
    conv1d(p, "conv_pre", h->channels, h->mels, 7);
    for (size_t i = 0; i < h->stages; i++) {
        size_t inputs = h->channels >> i, outputs = h->channels >> (i + 1);
        at(p, "vocoder.ups");
        snprintf(part, sizeof part, "%zu", i);
        weight *w = add(p, TRANSPOSED, part, ".weight");
        shape(w, 3, inputs, outputs, h->kernels[i], 1);
        w->rate = h->rates[i];
        w = add(p, REPEATED, part, ".bias");
        shape(w, 1, outputs, 1, 1, 1);
        w->rate = h->rates[i];
        for (size_t k = 0; k < h->branches; k++) {
            at(p, "vocoder.resblocks.%zu", i * h->branches + k);
            for (size_t j = 0; j < 2 * DILATIONS; j++) {
                snprintf(part, sizeof part, "convs%zu.%zu", 1 + j / DILATIONS,
                         j % DILATIONS);
                conv1d(p, part, outputs, outputs, h->branch_kernels[k]);
            }
        }
    }
    at(p, "vocoder");
    conv1d(p, "conv_post", 1, h->channels >> h->stages, 7);
}

static void plan_vae(plan *p, const tango_vae_config *v)
{
    p->part = VAE;
    plan_vae_encoder(p, v);
    plan_vae_decoder(p, v);
    p->place[0] = '\0';
    conv2d(p, "quant_conv", 2 * v->embedding, 2 * v->latent_channels, 1);
    conv2d(p, "post_quant_conv", v->latent_channels, v->embedding, 1);
}

/* Channels of the latent: those of the VAE, or of a UNet without one. */
static size_t latent_channels(const tango_model *m)
{
    if (m->parts & TANGO_PART_VAE) return m->vae.embedding;
    return m->unet.adapters ? 8 : m->unet.out_channels;
}

static void make_plan(plan *p, const build *b)
{
    const tango_model *m = &b->model;
    p->linear_projection = b->linear_projection;
    if (m->parts & TANGO_PART_UNET) plan_unet(p, &m->unet, latent_channels(m));
    if (m->parts & TANGO_PART_TEXT) plan_text_encoder(p, &m->text);
    if (m->parts & TANGO_PART_VAE) plan_vae(p, &m->vae);
    if (m->parts & TANGO_PART_VOCODER) plan_vocoder(p, &m->vocoder);
    if (m->parts & TANGO_PART_RANK)
        plan_rank(p, &m->rank);
}

/* ---- The checkpoint against the plan ---------------------------------------------- */

/* Numbers from the first to the last of a view in its storage: fewer than it shows where
   it shows some of them again (expanded tensors have strides of 0). */
static size_t extent(const tango_io_view *v)
{
    size_t last = 0;
    for (size_t i = 0; i < v->rank; i++) last += (v->shape[i] - 1) * v->strides[i];
    return last + 1;
}

/* A matrix is one whether its axes of length 1 are told or not. */
static size_t last_axis(const size_t *shape, size_t rank, int loose)
{
    while (loose && rank > 1 && shape[rank - 1] == 1) rank--;
    return rank;
}

/* 1 if a tensor has this shape, is in floating point and has as many numbers of its own
   as the shape says: a small file makes no large one. */
static int fits(const tensor *t, const char *name, const size_t *shape, size_t rank,
                int loose)
{
    char expected[128], there[128];
    const tango_io_view *v = &t->view;
    size_t n = last_axis(shape, rank, loose);
    int same = last_axis(v->shape, v->rank, loose) == n;
    for (size_t i = 0; same && i < n; i++) same = v->shape[i] == shape[i];
    if (!same)
        problem("%s: %s: expected shape %s, found %s", t->file->label, name,
                shape_text(expected, shape, rank), shape_text(there, v->shape, v->rank));
    else if (v->count > extent(v))
        problem("%s: %s: %zu numbers are shown in the room of %zu; save it after "
                ".contiguous()",
                t->file->label, name, v->count, extent(v));
    else if (v->type != TANGO_IO_F32 && v->type != TANGO_IO_F16
             && v->type != TANGO_IO_BF16 && v->type != TANGO_IO_F64)
        problem("%s: %s: expected floating point, found %s", t->file->label, name,
                tango_io_type_name(v->type));
    else return 1;
    return 0;
}

/* Finds a weight of the plan and checks what it finds. */
static void match_weight(weight *w, const piece *p)
{
    char expected[128];
    size_t shape[4] = { w->shape[0], w->shape[1], w->shape[2], w->shape[3] };
    size_t along[4] = { w->shape[0], 1, 1, 1 };
    w->at = part_spot(p, w->name);
    shape[0] *= w->at.parts;
    if (!w->at.t) {
        problem("%s: %s is missing, expected %s", p->tensors->label, w->at.name,
                shape_text(expected, shape, w->rank));
        return;
    }
    w->at.t->used = 1;
    w->view = w->at.t->view;
    w->first = w->at.part * w->shape[0];
    if (w->at.factor) w->at.factor->used = 1;
    if (w->at.factor) fits(w->at.factor, w->at.factor->name, along, w->rank, 0);
    if (w->at.part == 0) fits(w->at.t, w->at.name, shape, w->rank, w->loose);
}

/* Whether the names go on with the part's key behind some other beginning, which is then
   told. */
static int other_prefix(const store *s, const char *key)
{
    for (size_t i = 0; i < s->count; i++) {
        const char *name = s->list[i].name;
        size_t n = strlen(name), tail = strlen(key);
        if (n <= tail || name[n - tail - 1] != '.') continue;
        if (strcmp(name + n - tail, key) != 0) continue;
        problem("%s: %s: names begin with %.*s; expected none, or module., model., "
                "_orig_mod.", s->label, name, (int)(n - tail), name);
        return 1;
    }
    return 0;
}

static int is_one_of(const char *name, const char *const *patterns, size_t most)
{
    binding b;
    for (size_t i = 0; i < most && patterns[i]; i++)
        if (matches(patterns[i], name, &b)) return 1;
    return 0;
}

/* The part of an origin that a tensor belongs to by its name, -1: to none. Of two parts
   with one prefix it is the one that does not pass it over. */
static int owner_of(const origin *o, const store *s, const char *name)
{
    int owner = -1;
    size_t best = 0;
    for (int i = 0; i < PARTS; i++) {
        const piece *p = &o->pieces[i];
        size_t n = p->sign ? strlen(p->names.prefix) : 0;
        if (!p->sign || p->tensors != s || strncmp(name, p->names.prefix, n) != 0)
            continue;
        size_t rank = 2 * n + !is_one_of(name + n, p->sign->other, 4);
        if (owner >= 0 && rank <= best) continue;
        owner = i;
        best = rank;
    }
    return owner;
}

/* Whether a tensor that no part asked for is an error. Parts that are not wanted keep
   theirs; a tensor of no part is one where all parts stand in files of their own. */
static int is_superfluous(const build *b, const origin *o, const store *s,
                          const tensor *t)
{
    int owner = owner_of(o, s, t->name), strict = 1;
    if (t->used || is_one_of(t->name, never_read, 100)) return 0;
    for (int i = 0; i < PARTS; i++)
        if (o->pieces[i].sign && o->pieces[i].tensors == s)
            strict &= (o->pieces[i].sign->flags & EXACT) != 0;
    if (owner < 0) return strict;
    const piece *p = &o->pieces[owner];
    return b->from[owner] == o
           && !is_one_of(t->name + strlen(p->names.prefix), p->sign->other, 4);
}

/* Names what a store holds and no configuration asks for. */
static void refuse_superfluous(const build *b, const origin *o, const store *s)
{
    char text[128];
    for (size_t i = 0; i < s->count; i++) {
        const tensor *t = &s->list[i];
        if (is_superfluous(b, o, s, t))
            problem("%s: %s %s is superfluous: the configuration has no such tensor",
                    t->file->label, t->name,
                    shape_text(text, t->view.shape, t->view.rank));
    }
}

/* The token embedding is stored under two names, most often in one storage. */
static void check_tied_embedding(const piece *p)
{
    float a[1024], b[1024];
    char names[2][NAME_ROOM];
    tensor *t[2];
    snprintf(names[0], NAME_ROOM, "%sshared.weight", p->names.prefix);
    snprintf(names[1], NAME_ROOM, "%sencoder.embed_tokens.weight", p->names.prefix);
    for (size_t i = 0; i < 2; i++) {
        t[i] = find(p->tensors, names[i]);
        if (t[i]) t[i]->used = 1;
    }
    if (!t[0] || !t[1]) return;
    const tango_io_view *v = &t[0]->view, *w = &t[1]->view;
    int same = v->count == w->count;
    if (same && v->data == w->data && v->type == w->type) return;
    if (!check_numbers(t[0]->file, v->data) || !check_numbers(t[1]->file, w->data)) return;
    for (size_t at = 0; same && at < v->count; at += 1024) {
        size_t n = v->count - at < 1024 ? v->count - at : 1024;
        tango_io_view_read(a, v, at, n);
        tango_io_view_read(b, w, at, n);
        same = memcmp(a, b, n * sizeof *a) == 0;
    }
    if (!same) problem("%s: %s differs from %s", t[1]->file->label, names[1], names[0]);
}

/* All that is taken out of a file is in it: tensors of one storage do not make the output
   larger than the checkpoint. */
static void check_sum(const source *s, const plan *p)
{
    size_t sum = 0;
    for (size_t i = 0; i < p->count; i++) {
        const weight *w = &p->list[i];
        if (w->at.t && w->at.t->file == s && w->at.part == 0)
            sum += w->view.count * tango_io_type_size(w->view.type);
    }
    if (sum > s->size)
        problem("%s: its tensors share storages: %zu bytes in a file of %zu", s->label,
                sum, s->size);
}

static void match(const build *b, plan *p, const file_list *files)
{
    const piece *text = piece_of(b, TEXT);
    for (size_t i = 0; i < p->count; i++)
        match_weight(&p->list[i], piece_of(b, p->list[i].part));
    if (text && text->sign->text == T5) check_tied_embedding(text);
    for (size_t i = 0; i < PARTS; i++) {
        size_t k = 0;
        if (!b->from[i]) continue;
        const piece *q = piece_of(b, (part_id)i);
        while (k < i && !(b->from[k] && piece_of(b, (part_id)k)->tensors == q->tensors))
            k++;
        if (k == i) refuse_superfluous(b, b->from[i], q->tensors); /* each store once */
    }
    if (problems > 0) return;
    for (const source *s = files->first; s; s = s->next) check_sum(s, p);
}

/* Says so where matrices of several precisions become one. */
static void note_precisions(const plan *p, tango_io_type type)
{
    size_t counts[TANGO_IO_BOOL + 1] = { 0 }, kinds = 0, n = 0;
    char text[128] = "";
    for (size_t i = 0; i < p->count; i++)
        if (p->list[i].kind != VECTOR) counts[p->list[i].view.type]++;
    for (size_t i = 0; i <= TANGO_IO_BOOL; i++) kinds += counts[i] > 0;
    if (kinds < 2) return;
    for (size_t i = 0; i <= TANGO_IO_BOOL && n < 100; i++)
        if (counts[i] > 0)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%zu in %s", n ? ", " : "",
                                  counts[i], tango_io_type_name((tango_io_type)i));
    cli_note("matrices of mixed precisions (%s): all are written in %s", text,
             tango_io_type_name(type));
}

/* f16 or bf16 only if every matrix of the checkpoint is. */
static tango_io_type type_of_checkpoint(const plan *p)
{
    tango_io_type type = TANGO_IO_BOOL; /* not known yet */
    for (size_t i = 0; i < p->count; i++) {
        if (p->list[i].kind == VECTOR) continue;
        if (type == TANGO_IO_BOOL) type = p->list[i].view.type;
        if (type != p->list[i].view.type) return TANGO_IO_F32;
    }
    return type == TANGO_IO_F16 || type == TANGO_IO_BF16 ? type : TANGO_IO_F32;
}

#endif
