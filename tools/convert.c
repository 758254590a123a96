/* convert.c: makes one weights blob of any checkpoint of the Tango family.         MIT-0

       cc tools/convert.c -lm -o convert
       ./convert FOLDER -o model.tango              the type the checkpoint has
       ./convert FOLDER -o model.tango -t f16       matrices in half precision
       ./convert model.tango -o small.tango -t i8   of a blob, where layers stand it
       ./convert audioldm-s-full.ckpt --only vae,vocoder -o audioldm.tango
       ./convert unet_state_dict.pt --vae vae_state_dict.pt --text flan-t5-large/ \
                 -o fast.tango

   A checkpoint is a file or a folder in one of these layouts, which are told apart by the
   names of their tensors:
       tango           main_config.json, vae_config.json, stft_config.json,
                       pytorch_model_main.bin, _vae.bin (and _stft.bin) as declare-lab
                       publishes them, or pytorch_model.bin (VAE), _1.bin (STFT), _2.bin
                       (UNet, text encoder) as its training script saves them
       audioldm        one .ckpt of AudioLDM: all parts; the moving average of the UNet's
                       weights, or with --raw the weights themselves
       diffusers       folders unet, vae, vocoder, text_encoder, tokenizer, scheduler, or
                       one of them
       transformers    T5, CLIP, CLAP, SpeechT5HifiGan
       consistencytta  unet_state_dict.pt, vae_state_dict.pt; pytorch_model_2.bin of its
                       training
       soundctm        pytorch_model.bin, ema_0.999_030000.pt
       hifigan         a generator of HiFi-GAN's code
       laion           CLAP as its authors publish it
   A folder of several files has these as safetensors, whole or in parts with an index, or
   as PyTorch saves them. --vae FROM and its like take one part from elsewhere, --only
   leaves the others out. What is not in the files has the published values: the
   configurations of the networks (their sizes are those of the tensors), the schedule of
   noise, the log-mel. A configuration that is there counts: unet_config.json,
   text_encoder_config.json, scheduler_config.json and config.json beside the weights.
   Optional are defaults.json, what a program does when nothing else is asked, and
   ATTRIBUTION.md.

   A file may hold its state dictionary under state_dict, model, module or generator, and
   every name may begin with module., model. or _orig_mod., as training frameworks write
   them.

   How it works. Every key of the configuration that changes the result is kept in the
   blob, within the limits of tango.h, or refused by name (convert_config.h). The values
   say which tensors a model has and their shapes (convert_plan.h), by their names in the
   blob; a table for each layout turns these into the names that the checkpoint has
   (convert_names.h). Anything missing, left over or of another shape is named, and
   nothing is written. Then each tensor is streamed (convert_write.h): 16 rows of a matrix
   are put in the order of the matrix product while a second thread writes those before
   (convert_belt.h), so memory stays small however large the checkpoint is. The numbers of
   an archive are summed as they pass: a wrong CRC-32 takes the output back, which appears
   under its name only when it is complete.

   Exit status: 0 done, 1 failed (each problem is one line on stderr), 2 wrong usage.

   CONTENTS  convert_base.h    problems, memory, values of the blob
             convert_store.h   files, tensors by name
             convert_json.h    reading JSON
             convert_names.h   the names of tensors in each layout
             convert_layout.h  what a file or folder holds
             convert_config.h  values: from configurations, shapes, what was published
             convert_build.h   which place makes which part
             convert_plan.h    the tensors that these imply, found in the checkpoint
             convert_belt.h    blocks of the blob on their way to the disk
             convert_write.h   what goes into them
             convert_bytes.h   a blob in integers, after a look at what its layers stand
             convert_list.h    saying what is there
             convert.c         the program */
#include "convert_bytes.h"
#include "convert_list.h"

/* ---- Parts and where they come from ----------------------------------------------- */

typedef struct request {
    const char *path, *output;
    const char *from[PARTS], *tokenizer, *scheduler; /* of the user; NULL: the same */
    unsigned only;                                   /* bits of parts; 0: all */
    int type, quiet, raw, list;
} request;

/* A checkpoint of declare-lab has all its parts; what is missing is a problem. */
static void check_whole(const origin *o, const request *r)
{
    static const struct {
        part_id part;
        const char *file, *what;
    } needed[] = { { UNET, "pytorch_model_main.bin", "UNet and text encoder" },
                   { TEXT, "pytorch_model_main.bin", "UNet and text encoder" },
                   { VAE, "pytorch_model_vae.bin", "VAE and vocoder" } };
    const char *last = "";
    for (size_t i = 0; o->is_tango && i < 3; i++) {
        part_id part = needed[i].part;
        int wanted = !r->only || (r->only >> part & 1);
        if (!wanted || o->pieces[part].sign || r->from[part]) continue;
        if (strcmp(last, needed[i].file) != 0)
            problem("%s: %s is missing or has none: %s", o->path, needed[i].file,
                    needed[i].what);
        last = needed[i].file;
    }
}

/* Where a part comes from; a path that is named twice is opened once. */
static origin *origin_of(origin *origins, const request *r, size_t part)
{
    if (!r->from[part] || strcmp(r->from[part], r->path) == 0) return &origins[0];
    for (size_t i = 0; i < part; i++)
        if (r->from[i] && strcmp(r->from[i], r->from[part]) == 0) return &origins[1 + i];
    return &origins[1 + part];
}

static void choose_parts(build *b, origin *origins, const request *r)
{
    check_whole(&origins[0], r);
    for (store *s = origins[0].shelves[ROOT].stores; s; s = s->next)
        if (origins[0].is_tango
            && other_prefix(s, "unet.conv_in.weight") + other_prefix(s, LDM_VAE_KEY) > 0)
            return;
    for (size_t i = 0; i < PARTS; i++) {
        origin *o = origin_of(origins, r, i);
        if (r->only && !(r->only >> i & 1)) continue;
        if (o->pieces[i].sign) b->from[i] = o;
        else if (r->from[i] || r->only)
            problem("%s: holds no part of the kind %s", o->path, part_names[i]);
    }
}

/* Files that look like this family's and are not. */
static void refuse_foreign(const build *b, const origin *o)
{
    int nothing = 1;
    for (size_t i = 0; i < PARTS; i++) nothing &= b->from[i] == NULL;
    if (o->foreign && (nothing || b->from[UNET] == o))
        problem("%s: this is %s", o->path, o->foreign);
    else if (nothing)
        problem("%s: no part of a Tango model: neither text encoder, UNet, VAE, vocoder "
                "nor CLAP", o->path);
}

static void split_path(char folder[TANGO_IO_PATH_MAX + 1], const char *path)
{
    size_t n = (size_t)(last_part(path) - path);
    path_of(folder, "", path);
    folder[n > 1 ? n - 1 : n] = '\0';
    if (n == 0) memcpy(folder, ".", 2);
}

/* --scheduler: a file, or a folder that has one. */
static const source *open_scheduler(origin *o, const char *path)
{
    static const char *const names[] = { "scheduler_config.json",
        "scheduler/scheduler_config.json", "dpm_scheduler_config.json" };
    char folder[TANGO_IO_PATH_MAX + 1], label[256];
    const char *name = last_part(path);
    snprintf(folder, sizeof folder, "%s", path);
    if (is_folder(path)) {
        size_t i = 0;
        while (i < 2 && !is_in(o->files, path, names[i])) i++;
        name = names[i];
    } else split_path(folder, path);
    snprintf(label, sizeof label, "%.120s", path);
    source *s = open_source(o->files, folder, name, label);
    is_in(o->files, folder, name);
    parse_json(s);
    return s;
}

/* --tokenizer: a folder, or one of its files. */
static void open_tokenizer(tokenizer *t, origin *o, const char *path)
{
    char folder[TANGO_IO_PATH_MAX + 1], label[256];
    const char *name = last_part(path), *dot = strrchr(name, '.');
    snprintf(label, sizeof label, "%.120s/", path);
    if (is_folder(path)) {
        find_tokenizer(t, o, path, label);
        snprintf(folder, sizeof folder, "%.4000s/tokenizer", path);
        if (is_folder(folder)) find_tokenizer(t, o, folder, label);
        if (!t->spiece && !t->json && !t->vocab)
            problem("%s: neither spiece.model, tokenizer.json nor vocab.json is there",
                    path);
        return;
    }
    split_path(folder, path);
    if (strcmp(name, "vocab.json") == 0 || strcmp(name, "merges.txt") == 0) {
        find_tokenizer(t, o, folder, "");
        return;
    }
    is_in(o->files, folder, name);
    source *s = open_source(o->files, folder, name, path);
    if (dot && strcmp(dot, ".json") == 0) t->json = s;
    else t->spiece = s;
}

/* What the user named, each place opened once. */
static void open_origins(origin *origins, file_list *files, const request *r)
{
    char label[TANGO_IO_PATH_MAX + 2];
    open_origin(&origins[0], r->path, files, r->raw, "");
    for (size_t i = 0; i < PARTS; i++) {
        if (origin_of(origins, r, i) != &origins[1 + i]) continue;
        snprintf(label, sizeof label, "%s/", r->from[i]);
        open_origin(&origins[1 + i], r->from[i], files, r->raw,
                    is_folder(r->from[i]) ? label : "");
    }
}

/* With problems so far: the summary, and the end. */
static void stop_at_problems(const char *path)
{
    if (problems == 0) return;
    if (problems == 1) exit(1);
    cli_fail("%s: %zu problems%s, nothing was written", path, problems,
             problems > PROBLEMS_SHOWN ? " (the first 100 are shown)" : "");
}

static void release(build *b, plan *p)
{
    for (size_t i = 0; i < p->count; i++) free(p->list[i].name);
    for (size_t i = 0; i < b->v.count; i++) free((void *)b->v.list[i].data);
    free(p->list);
    free(b->v.list);
}

/* Everything up to the values of the blob. */
static void prepare_build(build *b, origin *origins, file_list *files, const request *r)
{
    const source *schedule = NULL;
    choose_parts(b, origins, r);
    refuse_foreign(b, &origins[0]);
    stop_at_problems(r->path);
    if (r->scheduler) schedule = open_scheduler(&origins[0], r->scheduler);
    if (r->tokenizer) open_tokenizer(&b->tokens, &origins[0], r->tokenizer);
    else if (b->from[TEXT]) find_tokenizer_of(&b->tokens, b->from[TEXT]);
    if (b->from[RANK]) find_tokenizer_of(&b->rank_tokens, b->from[RANK]);
    for (size_t i = 0; i < PARTS; i++)
        if (b->from[i]) measure(&b->from[i]->pieces[i]);
    b->attribution = origins[0].root[ATTRIBUTION];
    b->configs[DEFAULTS].file = origins[0].root[DEFAULTS_JSON];
    choose_configs(b);
    choose_schedule(b, files, schedule);
    if (b->from[UNET] && !b->configs[SCHEDULE_CONFIG].file)
        problem("%s: scheduler_config.json is missing: put it beside the UNet, or name "
                "it with --scheduler", b->from[UNET]->path);
    check_output(r->output, files);
    stop_at_problems(r->path);
    read_configuration(b);
    stop_at_problems(r->path);
}

static void list(build *b, origin *origins, file_list *files)
{
    origin *o = &origins[0];
    for (size_t i = 0; i < PARTS; i++)
        if (o->pieces[i].sign) b->from[i] = o;
    for (size_t i = 0; i < PARTS; i++) measure(&o->pieces[i]);
    for (const source *s = files->first; s; s = s->next) check_file(s);
    refuse_foreign(b, o);
    stop_at_problems(o->path);
    find_tokenizer_of(&b->tokens, o);
    choose_configs(b);
    choose_schedule(b, files, NULL);
    list_origin(b, o);
}

static void make_blob(build *b, plan *p, origin *origins, file_list *files,
                      const request *r)
{
    job j;
    memset(&j, 0, sizeof j);
    prepare_build(b, origins, files, r);
    make_plan(p, b);
    match(b, p, files);
    if (origins[0].stft && b->from[VAE]) check_stft(origins[0].stft, &b->model);
    stop_at_problems(r->path);

    j.type = r->type >= 0 ? (tango_io_type)r->type : type_of_checkpoint(p);
    if (!r->quiet) note_precisions(p, j.type);
    put_provenance(&b->v, files, j.type);
    put_number(&b->v, "tango.parameters", (double)parameter_count(p));
    write_blob(r->output, &j, p, &b->v, files, r->quiet);
    stop_at_problems(r->path);
    if (!r->quiet)
        printf("wrote  %s  %zu tensors, %zu parameters, %s\n", r->output, p->count,
               parameter_count(p), tango_io_type_name(j.type));
}

static void convert(const request *r)
{
    static origin origins[1 + PARTS];
    file_list files;
    build b;
    plan p;
    memset(&files, 0, sizeof files);
    memset(&b, 0, sizeof b);
    memset(&p, 0, sizeof p);
    open_origins(origins, &files, r);
    stop_at_problems(r->path);
    if (r->list) list(&b, origins, &files);
    else make_blob(&b, &p, origins, &files, r);
    release(&b, &p);
    for (size_t i = 0; i <= PARTS; i++) close_origin(&origins[i]);
    close_sources(&files);
}

/* ---- The program ------------------------------------------------------------------ */

enum { OPTION_TEXT = 256, OPTION_UNET, OPTION_VAE, OPTION_VOCODER, OPTION_RANK,
       OPTION_TOKENIZER, OPTION_SCHEDULER, OPTION_ONLY, OPTION_RAW,
       OPTION_LIST };

static const char *const examples[] = {
    "convert audioldm-s-full.ckpt -o audioldm.tango",
    "convert tango.tango -o small.tango -t i8",
    "convert tango --list",
    NULL,
};

static const cli_option options[] = {
    { 'o', "output", "FILE", "the blob to write" },
    { 't', "type", "f32|f16|bf16|i16|i8",
      "element type of matrices (default: what the checkpoint has); i8: 8 bits for the "
      "layers of a blob of floats that stand it" },
    { OPTION_ONLY, "only", "PARTS", "of text,unet,vae,vocoder,rank (default: all)" },
    { OPTION_TEXT, "text", "FROM", "file or folder that the text encoder comes from" },
    { OPTION_UNET, "unet", "FROM", "the same for the UNet" },
    { OPTION_VAE, "vae", "FROM", "the same for the VAE" },
    { OPTION_VOCODER, "vocoder", "FROM", "the same for the vocoder" },
    { OPTION_RANK, "rank", "FROM", "the same for CLAP, which ranks several sounds" },
    { OPTION_TOKENIZER, "tokenizer", "FROM", "the same for the tokenizer" },
    { OPTION_SCHEDULER, "scheduler", "FROM", "the same for scheduler_config.json" },
    { OPTION_RAW, "raw", NULL, "the weights themselves, not their moving average" },
    { OPTION_LIST, "list", NULL, "say what is in the checkpoint, and write nothing" },
    { 'q', "quiet", NULL, "say nothing unless something is wrong" },
    { 'h', "help", NULL, "this text" },
    { 0, NULL, NULL, NULL }
};

/* Whether the file begins as blobs do. */
static int is_blob(const char *path)
{
    char start[8] = "";
    FILE *f = is_folder(path) ? NULL : fopen(path, "rb");
    if (!f) return 0;
    const size_t n = fread(start, 1, sizeof start, f);
    fclose(f);
    return n == sizeof start && memcmp(start, "TANGO\0\r\n", sizeof start) == 0;
}

/* Options for checkpoints alone, whose parts are still to be found. */
static void refuse_with_bytes(const cli *c)
{
    static const int ids[] = { OPTION_TEXT, OPTION_UNET, OPTION_VAE, OPTION_VOCODER,
                               OPTION_RANK, OPTION_TOKENIZER, OPTION_SCHEDULER,
                               OPTION_ONLY, OPTION_RAW, OPTION_LIST, 0 };
    cli_refuse(c, ids, "-t i8, which takes a blob as a whole");
}

/* "vae,vocoder" */
static unsigned parts_in(const char *text)
{
    unsigned parts = 0;
    while (*text) {
        size_t n = strcspn(text, ","), i = 0;
        while (i < PARTS && !(strlen(part_names[i]) == n
                              && memcmp(part_names[i], text, n) == 0))
            i++;
        if (i == PARTS)
            cli_usage("--only: %.*s is none of text, unet, vae, vocoder, rank",
                      n < 40 ? (int)n : 40, text);
        parts |= 1u << i;
        text += n + (text[n] == ',');
    }
    if (!parts) cli_usage("--only: no part is named");
    return parts;
}

static void take_option(request *r, int id, const cli *c)
{
    static const char *const types[] = { "f32", "f16", "bf16", "i16", "i8", NULL };
    static const int numbers[] = { TANGO_IO_F32, TANGO_IO_F16, TANGO_IO_BF16,
                                   TANGO_IO_I16, TANGO_IO_I8 };
    switch (id) {
    case 'o': r->output = c->text; break;
    case 't': r->type = numbers[cli_choice(c, types)]; break;
    case 'q': r->quiet = 1; break;
    case OPTION_ONLY: r->only = parts_in(c->text); break;
    case OPTION_TOKENIZER: r->tokenizer = c->text; break;
    case OPTION_SCHEDULER: r->scheduler = c->text; break;
    case OPTION_RAW: r->raw = 1; break;
    case OPTION_LIST: r->list = 1; break;
    case CLI_OPERAND:
        if (r->path) cli_usage("one checkpoint at a time; found \"%.60s\" too", c->text);
        r->path = c->text;
        break;
    default: r->from[id - OPTION_TEXT] = c->text;
    }
}

int main(int argc, char **argv)
{
    request r;
    memset(&r, 0, sizeof r);
    r.type = -1;
    cli c = cli_begin(argc, argv, options);
    for (int id = cli_next(&c); id; id = cli_next(&c)) {
        if (id == 'h') {
            cli_help("convert FILE|FOLDER -o FILE.tango [options]\n"
                     "       convert FILE|FOLDER --list",
                     "Makes one weights blob from a checkpoint of the Tango family.",
                     examples, options);
            return 0;
        }
        take_option(&r, id, &c);
    }
    if (!r.path) cli_usage("no folder or file given; -h lists the options");
    if (!r.output && !r.list)
        cli_usage("no output given (-o FILE.tango); -h lists the options");
    if (r.output && strcmp(r.output, "-") == 0)
        cli_usage("a blob needs a file: its header is written last, out of order");
    cli_catch_interrupts();
    if (r.type == TANGO_IO_I8) {
        if (!is_blob(r.path))
            cli_usage("-t i8 takes a blob: make one with -t f32, then convert that");
        refuse_with_bytes(&c);
        convert_to_bytes(r.path, r.output, r.quiet);
    } else convert(&r);
    cli_flush();
    return 0;
}
