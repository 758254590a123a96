/* record.h: what made a sound, as text in its file, and the way back from there. MIT-0.
   Include after cli.h and tango.h (with its implementation).

   The file's tags are ENCODER (tango and its version), COPYRIGHT (the model's licence),
   TITLE (the prompt) and COMMENT, one line of JSON:

       {"program": "tango 0.1.0", "model": "tiny.tango", "model_checksum": "...",
        "licence": "CC BY 4.0", "prompt": "a dog barks", "negative": "", "seed": 0,
        "sample": 0, "sampler": "ddim", "steps": 25, "guidance": 3.0, "rescale": 0.7,
        "vocoder": "griffin-lim", "kernels": "avx2", "options": ["--steps", "25"]}

   with the numbers that were in force, and the options of the command line that say what
   the sound is. The checksum is that of the blob's header (room 5 of tango_io.h), which
   covers all weights. */
#ifndef TANGO_RECORD_H
#define TANGO_RECORD_H

typedef struct sound_record {
    int off;                     /* 1: nothing is written */
    cli line, more;              /* the command line at its start, and a line of a list */
    const int *own;              /* ids of options that are not recorded; 0 ends */
    const int *of_takes;         /* nor are these where `alone`: the seed says it all */
    int alone;
    tango_io_tag tags[4];
    size_t count;                /* of the tags */
    char *comment;
    const char *replay;          /* the file to make again, or NULL; from it: */
    int flac;
    char program[64], model[256], checksum[17], kernels[32];
    size_t sample;
    char **argv, *texts;         /* the line made of it */
} sound_record;

static inline int record_owns(const int *own, int id)
{
    while (*own && *own != id) own++;
    return *own != 0;
}

static inline void *record_room(size_t size)
{
    void *p = malloc(size + 1);
    if (p == NULL) cli_fail("no memory for %zu bytes", size);
    return p;
}

/* ---- Writing ---------------------------------------------------------------------- */

static inline void record_checksum(char *out, const tango_model *m)
{
    size_t i;
    for (i = 0; i < 8; i++) /* little-endian at offset 40 */
        snprintf(out + 2 * i, 3, "%02x", (unsigned)m->blob.data[47 - i]);
}

static inline const char *record_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static inline void record_line_options(
    tango_io_json_writer *w, const sound_record *r, cli line)
{
    int id;
    while ((id = cli_next(&line)) != 0) {
        char name[64];
        if (id == CLI_OPERAND || record_owns(r->own, id)) continue;
        if (r->alone && record_owns(r->of_takes, id)) continue;
        snprintf(name, sizeof name, "--%s", line.option->name);
        tango_io_json_put_string(w, name);
        if (line.text != NULL) tango_io_json_put_string(w, line.text);
    }
}

static inline void record_options(
    tango_io_json_writer *w, const sound_record *r, uint64_t seed)
{
    char text[24];
    tango_io_json_put_key(w, "options");
    tango_io_json_open_array(w);
    record_line_options(w, r, r->line);
    record_line_options(w, r, r->more);
    if (r->alone) {
        snprintf(text, sizeof text, "%llu", (unsigned long long)seed);
        tango_io_json_put_string(w, "--seed");
        tango_io_json_put_string(w, text);
    }
    tango_io_json_close(w);
}

static inline void record_put(tango_io_json_writer *w, const sound_record *r,
    const tango_model *m, const char *model, const tango_params *p, size_t sample)
{
    char checksum[17];
    record_checksum(checksum, m);
    tango_io_json_open_object(w);
    tango_io_json_put_key(w, "program");
    tango_io_json_put_string(w, "tango " TANGO_VERSION);
    tango_io_json_put_key(w, "model");
    tango_io_json_put_string(w, record_name(model));
    tango_io_json_put_key(w, "model_checksum");
    tango_io_json_put_string(w, checksum);
    tango_io_json_put_key(w, "licence");
    tango_io_json_put_string(w, m->licence);
    tango_io_json_put_key(w, "prompt");
    if (p->prompt != NULL) tango_io_json_put_string(w, p->prompt);
    else tango_io_json_put_null(w);
    tango_io_json_put_key(w, "negative");
    tango_io_json_put_string(w, p->negative != NULL ? p->negative : "");
    tango_io_json_put_key(w, "seed");
    tango_io_json_put_u64(w, p->seed);
    tango_io_json_put_key(w, "sample");
    tango_io_json_put_u64(w, sample);
    tango_io_json_put_key(w, "sampler");
    tango_io_json_put_string(w, tango_sampler_name(p->sampler));
    tango_io_json_put_key(w, "steps");
    tango_io_json_put_u64(w, p->steps);
    tango_io_json_put_key(w, "guidance");
    tango_io_json_put_number(w, p->guidance);
    tango_io_json_put_key(w, "rescale");
    tango_io_json_put_number(w, p->rescale > 0.0 ? p->rescale : 0.0);
    tango_io_json_put_key(w, "vocoder");
    tango_io_json_put_string(w, tango_vocoder_name(p->vocoder));
    tango_io_json_put_key(w, "kernels");
    tango_io_json_put_string(w, tango_nn_kernels_name(p->kernels));
    record_options(w, r, p->seed);
    tango_io_json_close(w);
}

static inline void record_tag(sound_record *r, const char *name, const char *text)
{
    tango_io_tag *tag = &r->tags[r->count++];
    tag->name = name;
    tag->name_size = strlen(name);
    tag->text = text;
    tag->text_size = strlen(text);
}

/* Makes the tags of one sound. p is as the plan has it, with the model's defaults. */
static inline void record_make(sound_record *r, const tango_model *m, const char *model,
    const tango_params *p, size_t sample)
{
    size_t size = 2048 + 6 * (strlen(model) + strlen(m->licence));
    tango_io_json_writer w;
    int i;
    r->count = 0;
    if (r->off) return;
    if (p->prompt != NULL) size += 6 * strlen(p->prompt);
    if (p->negative != NULL) size += 6 * strlen(p->negative);
    for (i = 0; i < r->line.argc; i++) size += 6 * strlen(r->line.argv[i]) + 64;
    for (i = 0; i < r->more.argc; i++) size += 6 * strlen(r->more.argv[i]) + 64;
    free(r->comment);
    r->comment = (char *)record_room(size);
    tango_io_json_begin(&w, r->comment, size);
    record_put(&w, r, m, model, p, sample);
    tango_io_json_end(&w);
    record_tag(r, "ENCODER", "tango " TANGO_VERSION);
    if (*m->licence) record_tag(r, "COPYRIGHT", m->licence);
    if (p->prompt != NULL && *p->prompt) record_tag(r, "TITLE", p->prompt);
    record_tag(r, "COMMENT", r->comment);
}

/* ---- The way back ----------------------------------------------------------------- */

/* The text of a member, "" if it is none or too long. */
static inline void record_text(
    char *out, size_t size, const tango_io_json *json, const char *key)
{
    const size_t node = tango_io_json_find(json, 0, key);
    if (!node || !tango_io_json_string(json, node, out, size)) *out = '\0';
}

/* The first comment of r->replay that a generate has written, parsed into *work. */
static inline tango_io_json record_find(
    sound_record *r, const tango_io_file *file, void **work, tango_error *error)
{
    tango_io_tags tags;
    tango_io_tag tag;
    tango_io_json json;
    size_t size;
    if (tango_io_tags_open(&tags, file->data, file->size, error) != TANGO_OK)
        cli_fail_file(r->replay, error->text);
    r->flac = tags.format == TANGO_IO_SOUND_FLAC;
    while (tango_io_tags_next(&tags, &tag)) {
        if (tag.name_size != 7 || tag.text_size == 0 || *tag.text != '{'
            || tango_io_json_work_size(&size, tag.text, tag.text_size, NULL) != TANGO_OK)
            continue;
        *work = record_room(size);
        if (tango_io_json_parse(&json, tag.text, tag.text_size, *work, size, NULL)
            == TANGO_OK) {
            record_text(r->program, sizeof r->program, &json, "program");
            if (strncmp(r->program, "tango ", 6) == 0) return json;
        }
        free(*work);
    }
    cli_fail_file(r->replay, "it does not say how it was made (no comment of generate)");
}

/* One more word of the line: the text of a node, or `word`. */
static inline void record_word(sound_record *r, int *argc, char **at,
    const tango_io_json *json, size_t node, const char *word)
{
    const size_t room = node ? (size_t)json->nodes[node].size + 1 : strlen(word) + 1;
    if (!node) memcpy(*at, word, room);
    else if (!tango_io_json_string(json, node, *at, room))
        cli_fail_file(r->replay, "a word of its comment is no text");
    r->argv[(*argc)++] = *at;
    *at += strlen(*at) + 1;
}

/* The recorded options, of which none says where anything is written. */
static inline void record_line(
    sound_record *r, int *argc, char **at, const tango_io_json *json)
{
    const size_t list = tango_io_json_find(json, 0, "options");
    size_t item;
    for (item = list ? tango_io_json_first(json, list) : 0; item;
        item = tango_io_json_next(json, list, item)) {
        const cli_option *o = r->line.options;
        const char *name = *at;
        record_word(r, argc, at, json, item, "");
        while (o->id && (strncmp(name, "--", 2) != 0 || strcmp(name + 2, o->name) != 0))
            o++;
        if (!o->id || record_owns(r->own, o->id))
            cli_fail("%s: its comment asks for \"%.60s\", which is no option of a sound",
                r->replay, name);
        if (!o->value) continue;
        item = tango_io_json_next(json, list, item);
        if (!item) cli_fail("%s: its comment has %s without a value", r->replay, name);
        record_word(r, argc, at, json, item, "");
    }
}

/* Which file --replay names. Beside it stand only options that are not recorded. */
static inline void record_scan(sound_record *r, int id_of_replay)
{
    const char *other = NULL;
    cli scan = r->line;
    int id, operand = 0;
    while ((id = cli_next(&scan)) != 0) {
        if (id == id_of_replay) r->replay = scan.text;
        if (id == CLI_OPERAND) operand = 1;
        else if (!record_owns(r->own, id)) other = scan.option->name;
    }
    if (r->replay == NULL) return;
    if (operand) cli_usage("--replay takes the prompt from its file");
    if (other != NULL) cli_usage("--replay takes --%s from its file", other);
}

/* r->argv: the recorded options, an output of the same kind and the same kernels, then
   what the user gives, and the prompt. Returns how many words that is. */
static inline int record_words(
    sound_record *r, const tango_io_json *json, const char *kernels, char *at)
{
    const size_t prompt = tango_io_json_find(json, 0, "prompt");
    int i, n = 1;
    r->argv[0] = r->line.argv[0];
    record_line(r, &n, &at, json);
    record_word(r, &n, &at, NULL, 0, "--output");
    record_word(r, &n, &at, NULL, 0, r->flac ? "out.flac" : "out.wav");
    if (tango_nn_kernels_named(r->kernels) != NULL) {
        record_word(r, &n, &at, NULL, 0, kernels);
        record_word(r, &n, &at, NULL, 0, r->kernels);
    }
    for (i = 1; i < r->line.argc; i++) r->argv[n++] = r->line.argv[i];
    if (tango_io_json_type_of(json, prompt) != TANGO_IO_JSON_STRING) return n;
    record_word(r, &n, &at, NULL, 0, "--");
    record_word(r, &n, &at, json, prompt, "");
    return n;
}

/* To be called first. A command line with --replay FILE becomes the one that made FILE.
   `kernels` is the option for them. */
static inline void record_begin(sound_record *r, int *argc, char ***argv,
    const cli_option *options, const int *own, int id_of_replay, const char *kernels,
    tango_error *error)
{
    tango_io_file file;
    tango_io_json json;
    void *work = NULL;
    uint64_t sample = 0;
    size_t i, size = 1024;
    r->line = cli_begin(*argc, *argv, options);
    r->own = own;
    record_scan(r, id_of_replay);
    if (r->replay == NULL) return;
    if (tango_io_map(&file, r->replay, error) != TANGO_OK)
        cli_fail_file(r->replay, error->text);
    json = record_find(r, &file, &work, error);
    record_text(r->model, sizeof r->model, &json, "model");
    record_text(r->checksum, sizeof r->checksum, &json, "model_checksum");
    record_text(r->kernels, sizeof r->kernels, &json, "kernels");
    if (tango_io_json_u64(&json, tango_io_json_find(&json, 0, "sample"), &sample))
        r->sample = (size_t)sample;
    for (i = 0; i < json.count; i++) size += (size_t)json.nodes[i].size + 1;
    r->texts = (char *)record_room(size);
    r->argv = (char **)record_room((json.count + (size_t)*argc + 16) * sizeof(char *));
    *argc = record_words(r, &json, kernels, r->texts);
    *argv = r->argv;
    r->line = cli_begin(*argc, r->argv, options);
    free(work);
    tango_io_unmap(&file);
}

/* Another model makes another sound: said before the work. */
static inline void record_check_model(
    const sound_record *r, const tango_model *m, const char *path)
{
    char checksum[17];
    if (r->replay == NULL) return;
    record_checksum(checksum, m);
    if (strcmp(checksum, r->checksum) != 0)
        cli_fail("%s: made with %s, checksum %s; %s has %s (-m gives another)", r->replay,
            *r->model ? r->model : "a model", *r->checksum ? r->checksum : "not known",
            path, checksum);
}

/* ---- The comparison --------------------------------------------------------------- */

/* Frames in which two sounds differ, SIZE_MAX if they cannot be compared. */
static inline size_t record_differences(const tango_io_file *a, const tango_io_file *b)
{
    static tango_io_sound sound[2];
    static double x[2][1024];
    const tango_io_file *files[2];
    size_t i, k, got[2] = { 1024, 1024 }, size, different = 0;
    void *work[2] = { NULL, NULL };
    int ok = 1;
    files[0] = a, files[1] = b;
    for (i = 0; i < 2 && ok; i++) {
        ok = tango_io_sound_open_memory(&sound[i], files[i]->data, files[i]->size, 0,
                 NULL) == TANGO_OK && sound[i].info.channels == 1;
        size = ok ? tango_io_sound_work_size(&sound[i]) : 0;
        work[i] = record_room(size);
        ok = ok && tango_io_sound_start(&sound[i], work[i], size, NULL) == TANGO_OK;
    }
    ok = ok && sound[0].info.rate == sound[1].info.rate;
    while (ok && got[0] == 1024) {
        for (i = 0; i < 2 && ok; i++)
            ok = tango_io_sound_read_double(&sound[i], x[i], 1024, &got[i], NULL)
                == TANGO_OK;
        ok = ok && got[0] == got[1];
        for (k = 0; ok && k < got[0]; k++) different += x[0][k] != x[1][k];
    }
    for (i = 0; i < 2; i++) free(work[i]);
    return ok ? different : SIZE_MAX;
}

/* Compares the file `path` with the one that it repeats, and says what came of it. 1 if
   the samples are the same. */
static inline int record_compare(const sound_record *r, const char *path,
    const char *kernels, int quiet, tango_error *error)
{
    tango_io_file then, now;
    size_t different;
    int same;
    if (tango_io_map(&then, r->replay, error) != TANGO_OK)
        cli_fail_file(r->replay, error->text);
    if (tango_io_map(&now, path, error) != TANGO_OK) cli_fail_file(path, error->text);
    same = then.size == now.size && memcmp(then.data, now.data, now.size) == 0;
    different = same ? 0 : record_differences(&then, &now);
    if (!quiet && same) fprintf(stderr, "replay  the same bytes as %s\n", r->replay);
    if (!quiet && !same && different == 0)
        fprintf(stderr, "replay  the same samples as %s, in another file: its kind, its "
                "text or its order differ\n", r->replay);
    if (different == SIZE_MAX)
        cli_file_message("error: ", r->replay, "another length or rate than before");
    else if (different > 0)
        fprintf(stderr, "error: %s: %zu samples differ; made with %s and kernels %s, now "
                "with tango %s and %s\n", r->replay, different, r->program, r->kernels,
            TANGO_VERSION, kernels);
    tango_io_unmap(&then);
    tango_io_unmap(&now);
    return different == 0;
}

static inline void record_end(sound_record *r)
{
    free(r->comment);
    free(r->argv);
    free(r->texts);
}

#endif
