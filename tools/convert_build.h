/* convert_build.h: which origin makes which part, its tokenizer, and all values of the
   blob.                                                                          MIT-0 */
#ifndef TANGO_CONVERT_BUILD_H
#define TANGO_CONVERT_BUILD_H

#include "convert_config.h"

/* ---- Configurations of the parts -------------------------------------------------- */

/* The configuration of a piece: one that is named for it in the root, or the config.json
   that stands beside its weights. AudioLDM's own file needs none. */
static const source *config_beside(const origin *o, const piece *p, root_file named)
{
    int at_root = p->on == &o->shelves[ROOT];
    if (p->sign->layout == LAYOUT_AUDIOLDM) return NULL;
    if (at_root && named < ROOT_FILES && o->root[named]) return o->root[named];
    return o->is_tango ? NULL : p->on->config;
}

/* An object of a configuration, where models of two towers keep those of one. */
static config tower_of(const source *s, const char *inside)
{
    config c = { s, 0 };
    object o = object_in(&c, "");
    size_t node = s ? member(&o, inside) : 0;
    if (node && tango_io_json_type_of(o.json, node) == TANGO_IO_JSON_OBJECT)
        c.node = node;
    return c;
}

static void choose_text_config(build *b)
{
    const origin *o = b->from[TEXT];
    const piece *p = piece_of(b, TEXT);
    const source *s = p ? config_beside(o, p, TEXT_JSON) : NULL;
    static const config_kind kinds[] = { T5_CONFIG, CLIP_CONFIG, CLAP_CONFIG };
    if (s) b->configs[kinds[p->sign->text]] = tower_of(s, "text_config");
}

/* The vocoder of vae_config.json is our own extension of that file. */
static void choose_vocoder_config(build *b)
{
    const origin *o = b->from[VOCODER];
    const piece *p = piece_of(b, VOCODER);
    config none = { NULL, 0 };
    if (!p) return;
    if (p->sign->layout == LAYOUT_TANGO || p->sign->layout == LAYOUT_CONSISTENCY) {
        config c = { config_beside(o, p, VAE_JSON), 0 };
        object at = object_in(&c, "");
        b->configs[LDM_VOCODER_CONFIG] = c.file && member(&at, "vocoder") ? c : none;
    } else b->configs[GAN_CONFIG].file = config_beside(o, p, ROOT_FILES);
}

/* What ranks sounds brings its text tower along, unless the text encoder is that one:
   CLAP's, from the same place. */
static int ranks_by_own_text(const build *b)
{
    const piece *text = piece_of(b, TEXT);
    return b->from[RANK]
           && !(text && text->sign->text == CLAP && b->from[TEXT] == b->from[RANK]);
}

static void choose_configs(build *b)
{
    const piece *p = piece_of(b, UNET);
    if (p) b->configs[UNET_CONFIG].file = config_beside(b->from[UNET], p, UNET_JSON);
    choose_text_config(b);
    p = piece_of(b, VAE);
    if (p) {
        int diffusers = p->sign->rows == names_vae_diffusers;
        b->configs[diffusers ? KL_CONFIG : VAE_CONFIG].file =
            config_beside(b->from[VAE], p, VAE_JSON);
    }
    choose_vocoder_config(b);
    for (size_t i = UNET; i <= VOCODER; i++)
        if (!b->configs[STFT_CONFIG].file && b->from[i])
            b->configs[STFT_CONFIG].file = b->from[i]->root[STFT_JSON];
    p = piece_of(b, RANK);
    if (!p) return;
    const source *s = config_beside(b->from[RANK], p, ROOT_FILES);
    b->configs[HTSAT_CONFIG] = tower_of(s, "audio_config");
    if (ranks_by_own_text(b))
        b->configs[RANK_TEXT_CONFIG] = tower_of(s, "text_config");
}

/* The noise schedule: the user's, what lies beside the UNet, or what was published. */
static void choose_schedule(build *b, file_list *files, const source *wanted)
{
    const origin *o = b->from[UNET];
    const char *sd = "stabilityai/stable-diffusion-2-1";
    config *c = &b->configs[SCHEDULE_CONFIG];
    if (!o) return;
    const piece *p = &o->pieces[UNET];
    object main_config, unet = object_in(&b->configs[UNET_CONFIG], "");
    config main_json = { o->root[MAIN_JSON], 0 };
    main_config = object_in(&main_json, "");
    c->file = wanted ? wanted : o->root[SCHEDULER_JSON];
    if (!c->file) c->file = o->shelves[SCHEDULER_SHELF].config;
    if (c->file) return;
    if (p->sign->layout == LAYOUT_AUDIOLDM || has_class_embedding(&unet)
        || axis_of(p, 0, "class_embedding.weight"))
        c->file = built_in(files, "schedule of AudioLDM (built in)",
                           schedule_of_audioldm);
    else if (p->sign->layout != LAYOUT_DIFFUSERS
             && (!main_json.file || text_begins(&main_config, "scheduler_name", sd)))
        c->file = built_in(files, "schedule of Stable Diffusion 2.1 (built in)",
                           schedule_of_sd21);
}

/* ---- Tokenizers ------------------------------------------------------------------- */

/* The files of a tokenizer in a folder; those that are found already stay. */
static void find_tokenizer(tokenizer *t, origin *o, const char *folder, const char *label)
{
    static const char *const names[] = { "spiece.model", "tokenizer.json", "vocab.json",
                                         "merges.txt", "tokenizer_config.json",
                                         "special_tokens_map.json" };
    const source **slots[] = { &t->spiece, &t->json, &t->vocab, &t->merges, &t->config,
                               &t->config };
    if (t->spiece || t->json || t->vocab) return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char full[256];
        if (*slots[i] || !is_in(o->files, folder, names[i])) continue;
        snprintf(full, sizeof full, "%.120s%s", label, names[i]);
        *slots[i] = open_source(o->files, folder, names[i], full);
    }
}

/* A tokenizer stands in a folder of its own, beside everything, or beside the weights. */
static void find_tokenizer_of(tokenizer *t, origin *o)
{
    static const size_t order[] = { TOKENIZER_SHELF, ROOT, TEXT_SHELF };
    for (size_t i = 0; i < 3; i++) {
        const shelf *s = &o->shelves[order[i]];
        if (order[i] == ROOT || is_folder(s->folder))
            find_tokenizer(t, o, s->folder, s->label);
    }
}

/* A tokenizer that was made for another text encoder gives ids that mean other words.
   Encoders have a few rows more than their tokenizer has entries, never twice as many. */
static void check_vocabulary(const values *v, const char *label, size_t entries,
                             const char *key)
{
    size_t vocab = (size_t)number_of(v, key);
    if (vocab >= entries && vocab <= 2 * (entries + 128)) return;
    problem("%s: %zu entries: this tokenizer is of another text encoder, whose "
            "vocabulary has not %zu", label, entries, vocab);
}

/* The tokenizer is kept as it is; here it is only checked. */
static void put_spiece(values *v, const char *label, const void *data, size_t size)
{
    tango_io_spiece spiece;
    tango_error error;
    tango_result r = tango_io_spiece_open(&spiece, data, size, &error);
    if (r == TANGO_OK) {
        size_t room = 2 * spiece.piece_count;
        uint32_t *work = (uint32_t *)resized(NULL, room, sizeof *work);
        r = tango_io_spiece_unique(&spiece, work, room, &error);
        free(work);
    }
    if (r != TANGO_OK) {
        problem("%s: %s", label, error.text);
        return;
    }
    check_vocabulary(v, label, spiece.piece_count, "text.vocab");
    put_text(v, "tokenizer.type", "sentencepiece");
    put(v, "tokenizer.spiece", TANGO_IO_BYTES, data, size, 1);
}

/* A tokenizer.json becomes the spiece.model that it was made of. */
static void put_unigram(values *v, const source *json)
{
    size_t capacity = 0, work_size = 0, size = 0;
    tango_error error;
    void *model = NULL, *work = NULL;
    tango_result r = tango_io_spiece_from_json_size(&capacity, &work_size, json->text,
                                                    json->size, &error);
    if (r == TANGO_OK) {
        model = resized(NULL, capacity, 1);
        work = resized(NULL, work_size, 1);
        r = tango_io_spiece_from_json(model, capacity, &size, json->text, json->size,
                                      work, work_size, &error);
    }
    if (r == TANGO_OK) put_spiece(v, json->label, model, size);
    else problem("%s: %s", json->label, error.text);
    free(model);
    free(work);
}

static void set_file(const void **data, size_t *size, const source *s)
{
    *data = s ? s->text : NULL;
    *size = s ? s->size : 0;
}

/* CLIP's and RoBERTa's tokenizers: one table, kept under `key`. */
static void put_table(values *v, const tokenizer *t, text_kind kind, const char *key,
                      const char *vocab)
{
    tango_io_bpe_files files;
    tango_io_bpe bpe;
    tango_error error;
    size_t capacity = 0, work_size = 0, size = 0;
    void *table = NULL, *work = NULL;
    const source *first = t->json ? t->json : t->vocab;
    memset(&files, 0, sizeof files);
    set_file(&files.json, &files.json_size, t->json);
    set_file(&files.vocab, &files.vocab_size, t->json ? NULL : t->vocab);
    set_file(&files.merges, &files.merges_size, t->json ? NULL : t->merges);
    set_file(&files.config, &files.config_size, t->config);
    tango_result r = tango_io_bpe_from_files_size(&capacity, &work_size, &files, &error);
    if (r == TANGO_OK) {
        table = resized(NULL, capacity, 1);
        work = resized(NULL, work_size, 1);
        r = tango_io_bpe_from_files(table, capacity, &size, &files, work, work_size,
                                    &error);
    }
    if (r == TANGO_OK) r = tango_io_bpe_open(&bpe, table, size, &error);
    if (r != TANGO_OK) problem("%s: %s", first->label, error.text);
    else if ((kind == CLIP) != (bpe.kind == TANGO_IO_BPE_CLIP))
        problem("%s: a tokenizer of %s, expected one of %s", first->label,
                kind == CLIP ? "RoBERTa" : "CLIP", kind == CLIP ? "CLIP" : "RoBERTa");
    else {
        check_vocabulary(v, first->label, bpe.entries, vocab);
        put(v, key, TANGO_IO_BYTES, table, size, 1);
        if (kind == CLIP) put_absent(v, "text.pad", (double)bpe.pad);
    }
    free(table);
    free(work);
}

static int is_tokenizer(const tokenizer *t, text_kind kind)
{
    return t->json || (kind == T5 ? t->spiece != NULL : t->vocab && t->merges);
}

static const char *const tokenizer_hints[] = {
    "spiece.model is missing: copy spiece.model of google/flan-t5-large, or name it with "
    "--tokenizer",
    "vocab.json and merges.txt are missing: copy the folder tokenizer of "
    "stabilityai/stable-diffusion-2-1, or name it with --tokenizer",
    "vocab.json and merges.txt are missing: copy those of roberta-base, or name their "
    "folder with --tokenizer"
};

static void read_tokenizers(build *b)
{
    const piece *p = piece_of(b, TEXT);
    values *v = &b->v;
    if (p && !is_tokenizer(&b->tokens, p->sign->text))
        problem("%s: %s", b->from[TEXT]->path, tokenizer_hints[p->sign->text]);
    else if (p && p->sign->text == T5) {
        const source *s = b->tokens.spiece;
        if (s) put_spiece(v, s->label, s->text, s->size);
        else put_unigram(v, b->tokens.json);
    } else if (p) {
        put_text(v, "tokenizer.type", p->sign->text == CLIP ? "clip" : "roberta");
        put_table(v, &b->tokens, p->sign->text, "tokenizer.bpe", "text.vocab");
    }
    if (!ranks_by_own_text(b)) return;
    const tokenizer *t = &b->rank_tokens; /* or the same, of the text encoder */
    if (!is_tokenizer(t, CLAP) && p && p->sign->text == CLAP) t = &b->tokens;
    if (!is_tokenizer(t, CLAP))
        problem("%s: vocab.json and merges.txt of roberta-base are missing beside it",
                b->from[RANK]->path);
    else put_table(v, t, CLAP, "rank_tokenizer.bpe", "rank_text.vocab");
}

/* ---- All values ------------------------------------------------------------------- */

/* What a message calls '...', as it stands in a file. */
static const field *field_named(const build *b, const char *name, size_t length)
{
    for (size_t i = 0; i < FIELDS; i++)
        if (strncmp(fields[i].name, name, length) == 0 && !fields[i].name[length]
            && b->configs[fields[i].file].file)
            return &fields[i];
    return NULL;
}

/* A problem that the library found among the values of the blob, told in the words of
   the files. */
static void problem_of_values(const build *b, const char *told)
{
    char line[2048];
    size_t n = 0;
    int of_model = strncmp(told, "model: ", 7) == 0;
    if (of_model) told += 7;
    while (*told && n < sizeof line - 512) {
        const char *end = *told == '\'' ? strchr(told + 1, '\'') : NULL;
        const field *f =
            end ? field_named(b, told + 1, (size_t)(end - told) - 1) : NULL;
        if (f) n += (size_t)snprintf(line + n, 512, "%s: %s%s%s",
                                     b->configs[f->file].file->label, f->inside,
                                     *f->inside ? ": " : "", f->key);
        else line[n++] = *told;
        told = f ? end + 1 : told + 1;
    }
    line[n] = '\0';
    problem("%s%s", of_model ? "" : "defaults.json: ", line);
}

static void check_configs(const build *b)
{
    const config *c = b->configs;
    check_unet(&c[UNET_CONFIG]);
    check_t5(&c[T5_CONFIG]);
    check_towers(b);
    check_vae(&c[VAE_CONFIG]);
    check_kl(&c[KL_CONFIG]);
    check_vocoder(&c[LDM_VOCODER_CONFIG], "vocoder");
    check_vocoder(&c[GAN_CONFIG], "");
}

/* What no configuration said. */
static void infer(build *b)
{
    values *v = &b->v;
    const piece *p = piece_of(b, TEXT);
    if (p) put_text(v, "text.type", text_kinds[p->sign->text]);
    if (p && p->sign->text == T5) infer_t5(v, p);
    if (p && p->sign->text == CLIP) infer_clip(v, p);
    if (p && p->sign->text == CLAP) infer_clap(v, p, text_key);
    p = piece_of(b, RANK);
    if (p) infer_rank(v, p);
    if (ranks_by_own_text(b)) infer_clap(v, p, rank_text_key);
    p = piece_of(b, VOCODER);
    if (p) infer_vocoder(v, p);
    p = piece_of(b, VAE);
    if (p) infer_vae(v, p);
    p = piece_of(b, UNET);
    if (p) infer_guidance(v, p);
    if (p) infer_unet(v, p);
    if (b->from[UNET] || b->from[VAE] || b->from[VOCODER]) publish_audio(v);
    if (p) publish_defaults(v, p->sign->layout);
}

/* Pre-trained UNets have 4 channels; adapters translate to the VAE's 8 and back. */
static void read_adapters(build *b)
{
    const piece *p = piece_of(b, UNET);
    if (!p) return;
    config c = { b->from[UNET]->root[MAIN_JSON], 0 };
    object o = object_in(&c, "");
    char *pretrained = get_text(&o, "unet_model_name");
    int told = pretrained && *pretrained;
    put_number(&b->v, "unet.adapters",
               told || (!c.file && find(p->tensors, "group_in.0.weight")) ? 1.0 : 0.0);
    free(pretrained);
}

/* The layout that the first of these parts came in. */
static void put_layout(build *b)
{
    static const part_id order[] = { UNET, VAE, VOCODER, TEXT, RANK };
    size_t i = 0;
    while (i < PARTS && !piece_of(b, order[i])) i++;
    if (i == PARTS) return;
    put_text(&b->v, "tango.layout", layout_names[piece_of(b, order[i])->sign->layout]);
}

static void read_configuration(build *b)
{
    tango_error error;
    object unet = object_in(&b->configs[UNET_CONFIG], "");
    const scheduler *class_ = b->configs[SCHEDULE_CONFIG].file
                                  ? read_scheduler(&b->v, &b->configs[SCHEDULE_CONFIG])
                                  : &unnamed;
    check_configs(b);
    if (b->attribution)
        put(&b->v, "tango.attribution_text", TANGO_IO_STRING, b->attribution->text,
            b->attribution->size, 1);
    for (size_t i = 0; i < FIELDS; i++) read_field(b, &fields[i], class_);
    read_adapters(b);
    put_layout(b);
    b->linear_projection =
        unet.json ? get_flag(&unet, "use_linear_projection", 0) : -1;
    if (problems > 0) return;
    infer(b);
    read_tokenizers(b);
    check_kl_sizes(b);
    if (problems > 0) return;
    if (tango_configure(&b->model, b->v.list, b->v.count, &error) != TANGO_OK)
        problem_of_values(b, error.text);
}

#endif
