/* convert_names.h: how the tensors of each layout are called. A layout is a table of
   names that one mechanism reads.                                                MIT-0 */
#ifndef TANGO_CONVERT_NAMES_H
#define TANGO_CONVERT_NAMES_H

#include "convert_store.h"

/* ---- The mechanism ---------------------------------------------------------------- */

/* The name that a tensor has in the blob goes through the rows of a table from first to
   last. A row whose `from` matches the whole name puts `to` in its place, and the rows
   after it go on with that.

       *      any text, also none, at most two in a name; in `to` the same text again
       {j}    a whole number, called j; in `to` a sum such as {1+Mb+j}, which multiplies
              what stands together. Capitals are the sizes of the network:
              N layers of a block, M = N + 1, L = levels - 1

   A row marked OR is tried first and, where no tensor has the name that it leads to,
   passed over. FACTOR is the same for a weight kept as two: `to` and `factor` are what
   weight normalisation multiplies. parts > 1: the tensor is rows part / parts to
   (part + 1) / parts of the other, which holds several one below the other. */
typedef enum rename_kind { ALWAYS, OR, FACTOR } rename_kind;
typedef struct rename_row {
    const char *from, *to;
    rename_kind kind;
    size_t part, parts;
    const char *factor;
} rename_row;

enum { SIGN_N = 'N', SIGN_M = 'M', SIGN_L = 'L' };

/* What the signs of a pattern stand for. */
typedef struct binding {
    long number[128]; /* by letter */
    const char *text[2];
    size_t size[2];
} binding;

static int matches_rest(const char *pattern, const char *name, binding *b, size_t stars)
{
    for (; *pattern; pattern++) {
        if (*pattern == '*') {
            for (size_t n = 0;; n++) {
                b->text[stars] = name;
                b->size[stars] = n;
                if (matches_rest(pattern + 1, name + n, b, stars + 1)) return 1;
                if (!name[n]) return 0;
            }
        }
        if (*pattern == '{') {
            char *end;
            if (*name < '0' || *name > '9') return 0;
            b->number[(unsigned char)pattern[1] & 127] = strtol(name, &end, 10);
            name = end;
            pattern += 2;
            continue;
        }
        if (*pattern != *name) return 0;
        name++;
    }
    return *name == '\0';
}

/* Fills in *b if the pattern matches all of the name. */
static int matches(const char *pattern, const char *name, binding *b)
{
    return matches_rest(pattern, name, b, 0);
}

/* "1+Mb+j}": a sum of products. *text then stands behind the brace. */
static long sum_at(const char **text, const binding *b)
{
    long sum = 0, product = 1, sign = 1;
    const char *p = *text;
    for (; *p != '}'; p++) {
        if (*p == '+' || *p == '-') {
            sum += sign * product;
            sign = *p == '+' ? 1 : -1;
            product = 1;
        } else if (*p >= '0' && *p <= '9') product *= *p - '0';
        else product *= b->number[(unsigned char)*p & 127];
    }
    *text = p + 1;
    return sum + sign * product;
}

/* Writes `to` with everything filled in; 0 if a number would be negative or the name
   too long. */
static int render(char out[NAME_ROOM], const char *to, const binding *b)
{
    size_t n = 0, stars = 0;
    while (*to) {
        if (n + 24 > NAME_ROOM) return 0;
        if (*to == '*') {
            if (b->size[stars] + 24 + n > NAME_ROOM) return 0;
            memcpy(out + n, b->text[stars], b->size[stars]);
            n += b->size[stars++];
            to++;
        } else if (*to == '{') {
            to++;
            long sum = sum_at(&to, b);
            if (sum < 0) return 0;
            n += (size_t)snprintf(out + n, 24, "%ld", sum);
        } else out[n++] = *to++;
    }
    out[n] = '\0';
    return 1;
}

/* Where the numbers of a tensor of the blob are. */
typedef struct spot {
    tensor *t, *factor;   /* NULL: no tensor has this name, there is no factor */
    size_t part, parts;   /* the part of the tensor's rows; 0 of 1 is all of it */
    char name[NAME_ROOM]; /* that the tensor has, or should have */
} spot;

/* How names are turned: by the rows, then `prefix` comes before them; `dotless` drops all
   dots that the rows gave. */
typedef struct naming {
    const rename_row *rows;
    const char *prefix;
    int dotless;
    binding sizes;
} naming;

static void full_name(char out[NAME_ROOM], const naming *n, const char *name)
{
    size_t at = strlen(n->prefix);
    memcpy(out, n->prefix, at);
    for (; *name && at + 1 < NAME_ROOM; name++)
        if (!n->dotless || *name != '.') out[at++] = *name;
    out[at] = '\0';
}

static tensor *find_full(const naming *n, const store *s, const char *name)
{
    char full[NAME_ROOM];
    full_name(full, n, name);
    return find(s, full);
}

/* Follows the rows from `row` on. 1 if a tensor was found; else out->name is where the
   rows lead that are no alternatives. */
static int follow(const naming *n, const store *s, const char *name,
                  const rename_row *row, spot *out)
{
    char next[2][NAME_ROOM], factor[NAME_ROOM];
    size_t turn = 0;
    for (; row->from; row++) {
        binding b = n->sizes;
        if (!matches(row->from, name, &b) || !render(next[turn], row->to, &b)) continue;
        if (row->kind == OR && !follow(n, s, next[turn], row + 1, out)) continue;
        if (row->kind == OR) return 1;
        if (row->kind == FACTOR) {
            if (!render(factor, row->factor, &b)) continue;
            out->t = find_full(n, s, next[turn]);
            out->factor = find_full(n, s, factor);
            full_name(out->name, n, next[turn]);
            if (out->t && out->factor) return 1;
            out->factor = NULL;
            continue;
        }
        if (row->parts > 1) {
            out->part = row->part;
            out->parts = row->parts;
        }
        name = next[turn];
        turn = 1 - turn;
    }
    full_name(out->name, n, name);
    out->t = find(s, out->name);
    return out->t != NULL;
}

/* Where the tensor is that the blob calls PREFIX.name, without that prefix. */
static spot spot_of(const naming *n, const store *s, const char *name)
{
    spot p;
    memset(&p, 0, sizeof p);
    p.parts = 1;
    follow(n, s, name, n->rows, &p);
    return p;
}

/* ---- The tables ------------------------------------------------------------------- */

/* A GEGLU layer computes value * gelu(gate) from one matrix. It is two tensors in the
   blob, so that the product with the gate can be the epilogue of that with the value. */
#define GEGLU_ROWS                                                                       \
    { "*.ff.net.0.value.*", "*.ff.net.0.proj.*", ALWAYS, 0, 2, NULL },                   \
    { "*.ff.net.0.gate.*", "*.ff.net.0.proj.*", ALWAYS, 1, 2, NULL }
#define ROW(from, to) { from, to, ALWAYS, 0, 1, NULL }
#define OR_ROW(from, to) { from, to, OR, 0, 1, NULL }
#define END_ROW { NULL, NULL, ALWAYS, 0, 1, NULL }

/* diffusers' UNet2DConditionModel. */
static const rename_row names_unet[] = { GEGLU_ROWS, END_ROW };

/* UNetModel of openaimodel.py, as AudioLDM has it: one list of blocks down, one up. */
static const rename_row names_unet_ldm[] = {
    GEGLU_ROWS,
    ROW("time_embedding.linear_1.*", "time_embed.0.*"),
    ROW("time_embedding.linear_2.*", "time_embed.2.*"),
    ROW("class_embedding.*", "film_emb.*"),
    ROW("conv_in.*", "input_blocks.0.0.*"),
    ROW("conv_norm_out.*", "out.0.*"),
    ROW("conv_out.*", "out.2.*"),
    ROW("*resnets.{j}.norm1.*", "*resnets.{j}.in_layers.0.*"),
    ROW("*resnets.{j}.conv1.*", "*resnets.{j}.in_layers.2.*"),
    ROW("*resnets.{j}.time_emb_proj.*", "*resnets.{j}.emb_layers.1.*"),
    ROW("*resnets.{j}.norm2.*", "*resnets.{j}.out_layers.0.*"),
    ROW("*resnets.{j}.conv2.*", "*resnets.{j}.out_layers.3.*"),
    ROW("*resnets.{j}.conv_shortcut.*", "*resnets.{j}.skip_connection.*"),
    ROW("down_blocks.{b}.resnets.{j}.*", "input_blocks.{1+Mb+j}.0.*"),
    ROW("down_blocks.{b}.attentions.{j}.*", "input_blocks.{1+Mb+j}.1.*"),
    ROW("down_blocks.{b}.downsamplers.0.conv.*", "input_blocks.{M+Mb}.0.op.*"),
    ROW("mid_block.resnets.0.*", "middle_block.0.*"),
    ROW("mid_block.attentions.0.*", "middle_block.1.*"),
    ROW("mid_block.resnets.1.*", "middle_block.2.*"),
    ROW("up_blocks.{b}.resnets.{j}.*", "output_blocks.{Mb+j}.0.*"),
    ROW("up_blocks.{b}.attentions.{j}.*", "output_blocks.{Mb+j}.1.*"),
    OR_ROW("up_blocks.{b}.upsamplers.0.conv.*", "output_blocks.{Mb+N}.2.conv.*"),
    ROW("up_blocks.{b}.upsamplers.0.conv.*", "output_blocks.{Mb+N}.1.conv.*"),
    END_ROW
};

/* The names of the blob itself: AudioLDM's autoencoder, transformers' T5, CLAP's. */
static const rename_row names_same[] = { END_ROW };

/* diffusers' AutoencoderKL; its decoder counts levels from the coarsest. The attention of
   the middle has two spellings. */
static const rename_row names_vae_diffusers[] = {
    ROW("*.mid.block_{k}.*", "*.mid_block.resnets.{k-1}.*"),
    OR_ROW("*.mid.attn_1.q.*", "*.mid_block.attentions.0.query.*"),
    OR_ROW("*.mid.attn_1.k.*", "*.mid_block.attentions.0.key.*"),
    OR_ROW("*.mid.attn_1.v.*", "*.mid_block.attentions.0.value.*"),
    OR_ROW("*.mid.attn_1.proj_out.*", "*.mid_block.attentions.0.proj_attn.*"),
    ROW("*.mid.attn_1.norm.*", "*.mid_block.attentions.0.group_norm.*"),
    ROW("*.mid.attn_1.q.*", "*.mid_block.attentions.0.to_q.*"),
    ROW("*.mid.attn_1.k.*", "*.mid_block.attentions.0.to_k.*"),
    ROW("*.mid.attn_1.v.*", "*.mid_block.attentions.0.to_v.*"),
    ROW("*.mid.attn_1.proj_out.*", "*.mid_block.attentions.0.to_out.0.*"),
    ROW("encoder.down.{i}.block.{j}.*", "encoder.down_blocks.{i}.resnets.{j}.*"),
    ROW("encoder.down.{i}.downsample.*", "encoder.down_blocks.{i}.downsamplers.0.*"),
    ROW("decoder.up.{i}.block.{j}.*", "decoder.up_blocks.{L-i}.resnets.{j}.*"),
    ROW("decoder.up.{i}.upsample.*", "decoder.up_blocks.{L-i}.upsamplers.0.*"),
    ROW("*.nin_shortcut.*", "*.conv_shortcut.*"),
    ROW("*.norm_out.*", "*.conv_norm_out.*"),
    END_ROW
};

/* HiFi-GAN. Its weights are kept folded or, both ways that torch has, as the factors of
   weight normalisation. */
#define FACTOR_ROWS                                                                      \
    { "*.weight", "*.weight_v", FACTOR, 0, 1, "*.weight_g" },                            \
    { "*.weight", "*.parametrizations.weight.original1", FACTOR, 0, 1,                   \
      "*.parametrizations.weight.original0" }
static const rename_row names_vocoder[] = { FACTOR_ROWS, END_ROW };

/* transformers' SpeechT5HifiGan. */
static const rename_row names_vocoder_transformers[] = {
    ROW("ups.{i}.*", "upsampler.{i}.*"), FACTOR_ROWS, END_ROW
};

/* T5 keeps its embedding under either of two names, or both. */
static const rename_row names_t5[] = {
    OR_ROW("shared.weight", "encoder.embed_tokens.weight"), END_ROW
};

/* transformers' CLIPTextModel, saved with or without the model around it. */
static const rename_row names_clip[] = { OR_ROW("text_model.*", "*"), END_ROW };

/* CLAP as LAION trains it and as AudioLDM keeps it. */
static const rename_row names_clap_laion[] = {
#define TOWER "audio_model.audio_encoder."
    { TOWER "*.attention.self.query.*", TOWER "*.attn.qkv.*", ALWAYS, 0, 3, NULL },
    { TOWER "*.attention.self.key.*", TOWER "*.attn.qkv.*", ALWAYS, 1, 3, NULL },
    { TOWER "*.attention.self.value.*", TOWER "*.attn.qkv.*", ALWAYS, 2, 3, NULL },
    ROW(TOWER "*.attention.self.*", TOWER "*.attn.*"),
    ROW(TOWER "*.attention.output.dense.*", TOWER "*.attn.proj.*"),
    ROW(TOWER "*.layernorm_before.*", TOWER "*.norm1.*"),
    ROW(TOWER "*.layernorm_after.*", TOWER "*.norm2.*"),
    ROW(TOWER "*.intermediate.dense.*", TOWER "*.mlp.fc1.*"),
    ROW(TOWER "*.output.dense.*", TOWER "*.mlp.fc2.*"),
    ROW(TOWER "batch_norm.*", TOWER "bn0.*"),
    ROW(TOWER "*", "audio_branch.*"),
#undef TOWER
    ROW("text_model.*", "text_branch.*"),
    ROW("*_projection.linear1.*", "*_projection.0.*"),
    ROW("*_projection.linear2.*", "*_projection.2.*"),
    END_ROW
};

#endif
