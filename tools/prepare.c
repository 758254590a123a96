/* prepare.c: recordings and captions become a training set.                       MIT-0

       cc tools/prepare.c -lm -o prepare          (older systems: and -pthread)
       ./prepare wavcaps --audio_dir waves --json_dir json --output_dir set -m tango.tango
       ./prepare audiocaps --root_dir audiocaps --output_dir set --no-latents
       ./prepare folder --input_dir sounds --output_dir set -m demo/tiny.tango
       ./prepare folder --input_dir sounds --output_dir set --no-latents --shard 3/8
       ./prepare merge --output_dir set           after all shards
       ./prepare show --output_dir set --split train --batch 4 --seed 1 --epoch 0

   A run may be stopped or killed at any moment; the next one does what is missing, and
   the set has the same bytes as after one run. No output is removed because the input has
   less than before, unless --prune says so. Exit status: 0 all done, 3 finished but clips
   were skipped, 1 stopped, 2 wrong usage, 130 or 143 after a signal. The parts:
   prepare_index.h metadata, prepare_set.h output folder and journal, prepare_clip.h one
   clip, prepare_keep.h items that the input no longer has; tools/README.md shows shards
   under GNU parallel and Slurm. */
#include "prepare_keep.h"
#include <sys/mman.h>
#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

enum {
    AUDIO_DIR = 256, JSON_DIR, ROOT_DIR, INPUT_DIR, OUTPUT_DIR, NO_LATENTS, LATENT_ORDER,
    LATENT_FORMAT, MEL, CHANNELS, SECONDS, MIN_SECONDS, MAX_SECONDS, BLACKLIST, SHARD,
    PRUNE, THREADS, DRY_RUN, JSON, SPLIT, BATCH, SEED, EPOCH, AUDIO_FORMAT
};

static const char *const examples[] = {
    "prepare folder --input-dir sounds --output-dir set --no-latents",
    "prepare audiocaps --root-dir audiocaps --output-dir set -m big.tango --shard 0/8",
    "prepare show --output-dir set --split train --batch 4 --seed 1",
    NULL,
};

static const cli_option options[] = {
    { AUDIO_DIR, "audio-dir", "DIR", "wavcaps: the sounds, ID.flac or ID.wav" },
    { JSON_DIR, "json-dir", "DIR", "wavcaps: the metadata, *.json" },
    { ROOT_DIR, "root-dir", "DIR", "audiocaps: train.csv, train/ and so on" },
    { INPUT_DIR, "input-dir", "DIR", "folder: *.jsonl, and sounds with NAME.txt" },
    { OUTPUT_DIR, "output-dir", "DIR", "the set" },
    { 'm', "model", "FILE", "blob whose VAE encodes the latents" },
    { NO_LATENTS, "no-latents", NULL, "mels only" },
    { LATENT_ORDER, "latent-order", "O", "8,T,16 (default) or 8,16,T" },
    { LATENT_FORMAT, "latent-format", "F", "npy, pt or both (wavcaps pt, else npy)" },
    { MEL, "mel", "RECIPE", "tacotron or torchaudio (audiocaps; else tacotron)" },
    { CHANNELS, "channels", "C", "first (default) or mono, the average" },
    { AUDIO_FORMAT, "audio-format", "F",
      "audiocaps, folder: original-audio as wav (default), flac or flac24" },
    LEVEL_OPTIONS,
    { SECONDS, "seconds", "S", "length of every clip, 10.24 if not given" },
    { MIN_SECONDS, "min-seconds", "S", "shorter clips are excluded" },
    { MAX_SECONDS, "max-seconds", "S", "longer clips are excluded" },
    { BLACKLIST, "blacklist", "FILE", "ids that are excluded; may be repeated" },
    { SHARD, "shard", "I/N", "every N-th record from the I-th on; merge them later" },
    { PRUNE, "prune", NULL, "removes outputs that the input no longer has" },
    { THREADS, "threads", "N", "1 to 256; else TANGO_THREADS, else all processors" },
    { DRY_RUN, "dry-run", NULL, "reads and judges everything, writes nothing" },
    { JSON, "json", NULL, "the summary as JSON, for programs" },
    { SPLIT, "split", "S", "show: train, val or test" },
    { BATCH, "batch", "N", "show: clips a batch, 8 if not given" },
    { SEED, "seed", "K", "show: shuffled; without it by index" },
    { EPOCH, "epoch", "E", "show: which shuffle, 0 if not given" },
    { 'h', "help", NULL, "this text" },
    { 0, NULL, NULL, NULL }
};

static void on_stop(int number) { stop_signal = number; }

static void catch_signals(void)
{
    struct sigaction a;
    memset(&a, 0, sizeof a);
    a.sa_handler = on_stop;
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
}

/* ---- A run ------------------------------------------------------------------------ */

enum { BLOCK = 256 };

/* What became of one record of a block. */
typedef struct slot {
    int ready, kept, waiting;   /* waiting: its files are written but not in place */
    reason_kind reason;
    text line;                  /* to be appended to the journal; empty: it is there */
} slot;

typedef struct run {
    const settings *s;
    database d;
    set x;
    worker *workers;
    slot slots[BLOCK];
    size_t first, block;        /* of the shard's records; size of this block */
    size_t done;                /* records of this block, as they are finished */
    double block_start;
    tally_counts tally;
    cli_progress progress;
    pthread_mutex_t mutex;
    int failed;
    tango_error error;
} run;

static size_t shard_count(const run *r)
{
    const size_t n = r->d.count, i = r->s->shard;
    return i < n ? (n - i - 1) / r->s->shards + 1 : 0;
}

static void name_skipped(run *r, const line *l)
{
    int on = r->progress.on;
    if (on) fputs("\r\033[K", stderr);
    fprintf(stderr, "%s: index %zu", reason_names[l->reason], l->index);
    if (*l->id) fputs(", ", stderr);
    cli_print(stderr, l->id);
    fputs(": ", stderr);
    cli_print(stderr, l->message);
    fputc('\n', stderr);
}

/* A block in order: everything on the disk, files in place, then the journal. Records
   behind one that was not reached come again. *count: how many are done. */
static int publish_block(run *r, size_t *count)
{
    const int writing = !r->s->dry_run;
    size_t n = 0, waiting = 0;
    text lines = { NULL, 0, 0 };
    line l;
    int ok = 1;
    memset(&l, 0, sizeof l);
    for (; n < r->block && r->slots[n].ready; n++) waiting += (size_t)r->slots[n].waiting;
    *count = n;
    if (waiting && writing) ok = sync_waiting(&r->x);
    for (size_t i = 0; i < n && ok; i++) {
        const slot *it = &r->slots[i];
        const record *rec = &r->d.records[(r->first + i) * r->s->shards + r->s->shard];
        tango_io_json json;
        tango_error error;
        if (!it->line.size && (it->reason || it->waiting)) line_of(&r->x, rec, &l);
        else if (it->line.size && json_read(&json, &l.work, it->line.data, it->line.size,
                                            &error) == TANGO_OK)
            read_line(&l, &json, it->line.size);
        if (it->waiting && writing) ok = publish_clip(&r->x, i, &l);
        text_add(&lines, it->line.data, it->line.size);
        r->tally.reasons[it->reason]++;
        if (!it->reason) r->tally.kept += (size_t)it->kept;
        if (!it->reason) r->tally.written += (size_t)!it->kept;
        if (it->reason) name_skipped(r, &l);
    }
    if (waiting && writing) ok = ok && sync_folders(&r->x);
    if (writing && lines.size) ok = ok && append_journal(&r->x, lines.data, lines.size)
                                 && fsync(r->x.out) == 0;
    text_free(&lines);
    line_free(&l);
    return ok;
}

/* The line that the journals have for a record; 0 if there is none or it is outdated. */
static int old_line(const run *r, const record *rec, line *l)
{
    if (rec->line == 0) return 0;
    line_of(&r->x, rec, l);
    return l->hash == rec->hash;
}

static void settle_record(void *data, size_t index, size_t number)
{
    run *r = (run *)data;
    worker *w = &r->workers[number];
    slot *it = &r->slots[index];
    const size_t i = (r->first + index) * r->s->shards + r->s->shard;
    line old;
    int ok = 1;
    /* A block is what a kill can cost: about five seconds of work. */
    if (stop_signal || r->failed
        || (index > 0 && cli_seconds() - r->block_start > 5.0)) return;
    memset(&old, 0, sizeof old);
    const int known = old_line(r, &r->d.records[i], &old);
    it->line.size = 0;
    it->waiting = 0;
    w->slot = index;
    it->kept = known && !old.reason && outputs_whole(r->s, &old);
    it->reason = NO_REASON;
    if (!it->kept) {
        ok = process_record(w, &r->d, i);
        it->reason = w->l.reason;
        it->waiting = ok && !it->reason;
        if (ok) write_line(&it->line, &w->l);
        if (ok && known && is_old_line(&r->x, &r->d.records[i], &it->line))
            text_clear(&it->line);
    }
    pthread_mutex_lock(&r->mutex);
    if (!ok && !r->failed && !stop_signal) {
        r->failed = 1;
        r->error = w->error;
    }
    it->ready = ok;
    cli_progress_step(&r->progress, r->first + ++r->done, shard_count(r));
    pthread_mutex_unlock(&r->mutex);
    line_free(&old);
}

/* ---- Before and after ------------------------------------------------------------- */

/* Whether the last generation is of the metadata of now. */
static int is_current(const run *r, const journal *j)
{
    return j->generation != SIZE_MAX && j->total == r->d.count
        && j->fingerprint == r->d.fingerprint;
}

/* Lines of the last generation count; equal hashes only. What other metadata
   put in its place since may have been cut off. */
static void match_line(void *user, journal *j, size_t number, line *l, size_t at)
{
    run *r = (run *)user;
    if (l->index >= r->d.count || r->d.records[l->index].hash != l->hash) return;
    if (is_current(r, j) || l->reason || (name_ok(l->stem) && caption_is(r->s, l)))
        take_line(&r->x, &r->d.records[l->index], number, l, at);
}

/* Opens the journals and finds the line of each record; the first time also the items
   that the input no longer has. */
static void match_journals(run *r, int keep)
{
    line l;
    memset(&l, 0, sizeof l);
    open_journals(&r->x, &l);
    if (keep) keep_items(&r->d, &r->x);
    for_live_lines(&r->x, &l, match_line, r);
    line_free(&l);
}

static void must_append(run *r, text *lines)
{
    if (!append_journal(&r->x, lines->data, lines->size))
        cli_fail("%s/.prepare/%s: cannot be written (disk full?)", r->s->output,
                 r->x.own);
    text_clear(lines);
}

/* stems: the names of outputs that the records of now may have. Whatever a killed run
   leaves, some journal names it until it is made again or removed: names to come, and
   those in old lines of the own journal, get a line of their own, once. Without `lines`
   nothing is noted: the generation stays. */
typedef struct dropper {
    run *r;
    hashes stems, begun;
    text *lines;
} dropper;

static void begin_name(dropper *d, const char *stem)
{
    if (!d->lines || !hashes_add(&d->begun, hash_of(stem, strlen(stem)))) return;
    text_format(d->lines, "{\"begin\": \"%s\"}\n", stem);
    if (d->lines->size > 65536) must_append(d->r, d->lines);
}

static void collect_stems(dropper *d, line *l)
{
    const database *from = &d->r->d;
    const settings *s = d->r->s;
    entry e;
    memset(&e, 0, sizeof e);
    for (size_t i = 0; i < from->count; i++) {
        const record *rec = &from->records[i];
        if (rec->reason) continue;
        read_record(from, i, &e);
        hashes_add(&d->stems, hash_of(e.stem, strlen(e.stem)));
        if (i % s->shards != s->shard) continue;
        if (rec->line) line_of(&d->r->x, rec, l);
        if (!rec->line || l->reason) begin_name(d, e.stem);
    }
    entry_free(&e);
}

/* Outputs whose name no record has any more are removed, or remembered until --prune says
   so. Those of a record that moved to another shard are that shard's: it replaces or
   removes them. */
static void drop_line(void *user, journal *j, size_t number, line *l, size_t at)
{
    dropper *d = (dropper *)user;
    (void)number;
    (void)at;
    if (l->reason || !name_ok(l->stem)) return;
    const uint64_t hash = hash_of(l->stem, strlen(l->stem));
    if (d->r->s->prune && !hashes_have(&d->stems, hash))
        remove_outputs(d->r->s, l->stem);
    else if (strcmp(j->name, d->r->x.own) == 0) begin_name(d, l->stem);
}

/* Goes through the journals of other metadata, of this shard and of all others; without
   `lines` through all, for names that earlier runs left. */
static void drop_old_outputs(run *r, line *l, text *lines)
{
    dropper d;
    memset(&d, 0, sizeof d);
    d.r = r;
    d.lines = lines;
    collect_stems(&d, l);
    for (size_t i = 0; i < r->x.journal_count; i++) {
        journal *j = &r->x.journals[i];
        size_t from, to;
        if (lines && j->carried && is_current(r, j)) continue;
        live_lines(j, &from, &to);
        scan_journal(&r->x, j, i, from, to, l, drop_line, &d);
    }
    hashes_free(&d.stems);
    hashes_free(&d.begun);
}

/* The round of the newest generations, or the next one if some of them are of other
   metadata: *others says so. */
static uint64_t current_round(const run *r, int *others)
{
    uint64_t newest = 1;
    *others = 0;
    for (size_t i = 0; i < r->x.journal_count; i++) {
        const journal *j = &r->x.journals[i];
        if (j->generation == SIZE_MAX || j->round < newest) continue;
        if (j->round > newest) *others = 0;
        newest = j->round;
        *others |= !is_current(r, j);
    }
    return newest + (uint64_t)*others;
}

/* Starts a generation in the own journal if the metadata changed, and carries over the
   lines that still hold: its own, and those of this shard in journals that are out of
   date. */
static void begin_generation(run *r)
{
    int others;
    const uint64_t round = current_round(r, &others);
    size_t carried = 0;
    text lines = { NULL, 0, 0 }, part = { NULL, 0, 0 };
    line l;
    journal *own = NULL;
    memset(&l, 0, sizeof l);
    for (size_t i = 0; i < r->x.journal_count; i++)
        if (strcmp(r->x.journals[i].name, r->x.own) == 0) own = &r->x.journals[i];
    const int same = own && is_current(r, own) && !others;
    if (same && own->carried) {
        if (r->s->prune) drop_old_outputs(r, &l, NULL);
        line_free(&l);
        return;
    }
    if (!same)
        text_format(&lines, "{\"total\": %zu, \"metadata\": \"%016llx\", "
                    "\"round\": %llu}\n", r->d.count,
                    (unsigned long long)r->d.fingerprint, (unsigned long long)round);
    drop_old_outputs(r, &l, &lines);
    for (size_t i = 0; i < r->d.count; i++) {
        const record *rec = &r->d.records[i];
        if (!rec->line) continue;
        const journal *j = &r->x.journals[rec->journal];
        if (j != own && (is_current(r, j) || i % r->s->shards != r->s->shard)) continue;
        line_bytes(&r->x, rec, &part);
        text_add(&lines, part.data, part.size);
        text_put(&lines, "\n");
        carried++;
        if (lines.size > 65536) must_append(r, &lines);
    }
    text_format(&lines, "{\"carried\": %zu}\n", carried);
    must_append(r, &lines);
    text_free(&lines);
    text_free(&part);
    line_free(&l);
}

/* The folders, set.json, the lock of this shard. */
static void open_set(run *r)
{
    const settings *s = r->s;
    make_folders(s->output);
    text path = path_of(s, ".prepare", "");
    make_folder(path.data, 0);
    text_free(&path);
    open_lock(&r->x);
    if (!lock_byte(r->x.lock, 0, 1)) cli_fail("%s: is locked", s->output);
    if (!lock_byte(r->x.lock, shard_byte(s->shard, s->shards), 0))
        cli_fail("%s: another process works on shard %zu/%zu", s->output, s->shard,
                 s->shards);
    const int described = compare_description(&r->x);
    path = path_of(s, ".prepare", r->x.temporary);
    make_folder(path.data, 0);
    text_free(&path);
    empty_temporary(&r->x);
    if (!described) write_whole(&r->x, ".prepare/set.json", &r->x.description);
    unlock_byte(r->x.lock, 0);
    for (int i = 0; i < OUTPUTS; i++) {
        if (!is_written(s, i)) continue;
        path = path_of(s, output_folder(s->layout, i), "");
        make_folder(path.data, 0);
        text_free(&path);
    }
}

/* Lines written in this run, for the manifest. */
static void reload_journals(run *r)
{
    close_journals(&r->x);
    for (size_t i = 0; i < r->d.count; i++) r->d.records[i].line = 0;
    match_journals(r, 0);
}

/* record.reason as the lines say it: split_indices lists what is in the set. */
static void settle_reasons(const set *x, record *records, size_t total, tally_counts *t)
{
    line l;
    memset(&l, 0, sizeof l);
    memset(t->reasons, 0, sizeof t->reasons);
    for (size_t i = 0; i < total; i++) {
        if (!records[i].line)
            cli_fail("%s: the line of index %zu is gone: another run works on this set "
                     "with other metadata; run again when it is done", x->s->output, i);
        line_of(x, &records[i], &l);
        records[i].reason = (unsigned char)l.reason;
        records[i].split = (unsigned char)l.split;
        t->reasons[l.reason]++;
    }
    line_free(&l);
}

/* ---- Summary ---------------------------------------------------------------------- */

static int report(const settings *s, const tally_counts *t, double seconds)
{
    if (seconds < 0.0) seconds = 0.0;       /* the clock went backwards */
    const size_t done = t->written + t->kept, skipped = tally_skipped(t);
    const double rate = seconds > 0.0 ? (double)t->written / seconds : 0.0;
    text out = { NULL, 0, 0 };
    tango_io_json_writer w;
    if (s->json) {
        json_start(&w, &out, 4096);
        tango_io_json_open_object(&w);
        json_count(&w, "total", t->total);
        json_count(&w, "done", done);
        json_count(&w, "written", t->written);
        json_count(&w, "kept", t->kept);
        json_count(&w, "skipped", skipped);
        json_count(&w, "duplicates", t->reasons[DUPLICATE]);
        json_count(&w, "excluded", tally_excluded(t));
        tango_io_json_put_key(&w, "reasons");
        tango_io_json_open_object(&w);
        for (int i = 1; i < REASONS; i++)
            if (t->reasons[i]) json_count(&w, reason_names[i], t->reasons[i]);
        tango_io_json_close(&w);
        json_number(&w, "seconds", floor(seconds * 1e3 + 0.5) / 1e3);
        json_number(&w, "clips_per_second", floor(rate * 1e3 + 0.5) / 1e3);
        json_count(&w, "without_input", t->without_input);
        tango_io_json_close(&w);
        json_finish(&w, &out);
        text_put(&out, "\n");
    } else {
        text_format(&out, "%zu records: %zu done (%zu written, %zu kept), %zu skipped, "
                    "%zu duplicates, %zu excluded\n", t->total, done, t->written, t->kept,
                    skipped, t->reasons[DUPLICATE], tally_excluded(t));
        for (int i = 1; i < REASONS; i++)
            if (t->reasons[i])
                text_format(&out, "  %-12s %zu\n", reason_names[i], t->reasons[i]);
        if (t->without_input)
            text_format(&out, "  %zu of the kept are no longer in the input\n",
                        t->without_input);
        text_format(&out, "%.1f s, %.4g clips/s%s\n", seconds, rate,
                    s->dry_run ? ", nothing was written" : "");
    }
    if (fwrite(out.data, 1, out.size, stdout) != out.size || fflush(stdout) != 0)
        cli_fail("standard output cannot be written");
    text_free(&out);
    return skipped ? 3 : 0;
}

/* ---- wavcaps, audiocaps, folder --------------------------------------------------- */

/* Part of a file at its place in the block. */
static void read_part(const settings *s, int fd, unsigned char *block, size_t at,
                      size_t size)
{
    while (size > 0) {
        ssize_t n = pread(fd, block + at, size < 1 << 26 ? size : 1 << 26, (off_t)at);
        stop_here();
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) cli_fail("%s: reading failed at offset %zu", s->model, at);
        at += (size_t)n;
        size -= (size_t)n;
    }
}

static uint64_t header_size(const unsigned char *blob)
{
    uint64_t size = 0;
    for (int i = 7; i >= 0; i--) size = size << 8 | blob[16 + i];
    return size;
}

/* Weights that encoding needs, checked. */
static void load_encoder(const settings *s, int fd, unsigned char *block,
                         const tango_io_blob *blob)
{
    static const char *const needed[] = { "encoder.", "quant_conv." };
    tango_io_tensor tensor;
    tango_error error;
    for (size_t i = 0; i < tango_io_blob_tensor_count(blob); i++) {
        tango_io_blob_tensor(blob, i, &tensor);
        if (strncmp(tensor.name, needed[0], strlen(needed[0])) != 0
            && strncmp(tensor.name, needed[1], strlen(needed[1])) != 0) continue;
        read_part(s, fd, block,
                  (size_t)((const unsigned char *)tensor.data - block), tensor.size);
        if (tango_io_blob_check(blob, i, &error) != TANGO_OK)
            cli_fail("%s: %s", s->model, error.text);
    }
}

/* Opens the model in memory of its own, so that nobody can change it in the hours to
   come: a block of the file's size, of which only the header and the encoder are filled.
   Pages that nobody touches cost nothing. */
static uint64_t open_model(const settings *s, tango_io_file *file, tango_model *model)
{
    tango_error error;
    struct stat info;
    const int fd = open(s->model, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) != 0)
        cli_fail("%s: %s", s->model, strerror(errno));
    if (!S_ISREG(info.st_mode)) cli_fail("%s: not a regular file", s->model);
    if (info.st_size < 64 || (uint64_t)info.st_size > SIZE_MAX / 2)
        cli_fail("%s: %lld bytes are no blob", s->model, (long long)info.st_size);
    file->size = (size_t)info.st_size;
    file->mapping = mmap(NULL, file->size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANON | MAP_NORESERVE, -1, 0);
    if (file->mapping == MAP_FAILED)
        cli_fail("%s: no memory for %zu bytes", s->model, file->size);
    unsigned char *block = (unsigned char *)file->mapping;
    file->data = block;
    read_part(s, fd, block, 0, 64);
    const uint64_t header = header_size(block);
    const size_t head = header > 64 && header < file->size ? (size_t)header : file->size;
    read_part(s, fd, block, 64, head - 64);
    if (tango_open(model, file->data, file->size, &error) != TANGO_OK
        || tango_check_parts(model, TANGO_PART_VAE, &error) != TANGO_OK)
        cli_fail("%s: %s", s->model, error.text);
    if (model->rate != RATE || model->hop != HOP || model->mels != MELS
        || model->fft != 1024 || model->vae.levels != 3)
        cli_fail("%s: expected 16000 Hz, hop 160, 64 mels and 3 levels", s->model);
    load_encoder(s, fd, block, &model->blob);
    close(fd);
    /* The header has the checksum of every tensor, so it stands for the whole file. */
    return hash_of(file->data, head);
}

static void open_front(tango_audio_front *front, tango_audio_recipe recipe, void **memory)
{
    tango_audio_parameters p;
    tango_error error;
    memset(&p, 0, sizeof p);
    p.recipe = recipe;
    size_t size = tango_audio_front_size(&p);
    *memory = need_memory(malloc(size));
    if (tango_audio_front_init(front, &p, *memory, size, &error) != TANGO_OK)
        cli_fail("%s", error.text);
}

/* All records of the shard, block by block. */
static void run_blocks(run *r, tango_nn_pool *pool)
{
    const size_t count = shard_count(r);
    size_t done = 0;
    for (r->first = 0; r->first < count && !stop_signal && !r->failed; r->first += done) {
        r->block = count - r->first < BLOCK ? count - r->first : (size_t)BLOCK;
        r->block_start = cli_seconds();
        r->done = 0;
        for (size_t i = 0; i < r->block; i++) r->slots[i].ready = 0;
        /* Records behind one that was not reached have left their files. */
        if (!r->s->dry_run) empty_temporary(&r->x);
        if (pool) tango_nn_pool_for(pool, r->block, settle_record, r);
        for (size_t i = 0; !pool && i < r->block; i++) settle_record(r, i, 0);
        if (!publish_block(r, &done) && !r->failed && !stop_signal) {
            r->failed = 1;
            snprintf(r->error.text, sizeof r->error.text, "cannot be written: %s",
                     strerror(errno));
        }
    }
}

/* The manifest needs every record: those of other runs' journals count too. */
static void finish_set(run *r)
{
    tally_counts all = r->tally;
    close(r->x.out);
    if (!r->s->sharded) {
        reload_journals(r);
        settle_reasons(&r->x, r->d.records, r->d.count, &all);
        write_manifest(&r->x, r->d.records, r->d.count, &all);
    }
    remove_temporary(&r->x);
}

static void run_workers(run *r, const char *root, const tango_model *model)
{
    const settings *s = r->s;
    tango_audio_front fronts[2];
    void *memory[2], *pool_memory = NULL;
    tango_nn_pool *pool = NULL;
    open_front(&fronts[0], TANGO_AUDIO_TACOTRON, &memory[0]);
    open_front(&fronts[1], TANGO_AUDIO_TORCHAUDIO, &memory[1]);
    r->workers = (worker *)need_memory(calloc(s->threads, sizeof *r->workers));
    for (size_t i = 0; i < s->threads; i++) {
        worker *w = &r->workers[i];
        w->x = &r->x;
        w->s = s;
        w->model = model;
        w->tacotron = &fronts[0];
        w->torchaudio = &fronts[1];
        w->root = root;
        worker_begin(w);
    }
    if (s->threads > 1) {
        pool_memory = need_memory(malloc(tango_nn_pool_size(s->threads)));
        pool = tango_nn_pool_start(pool_memory, s->threads);
    }
    run_blocks(r, pool);
    tango_nn_pool_stop(pool);
    free(pool_memory);
    for (size_t i = 0; i < s->threads; i++) worker_end(&r->workers[i]);
    for (size_t i = 0; i < BLOCK; i++) text_free(&r->slots[i].line);
    free(r->workers);
    free(memory[0]);
    free(memory[1]);
}

/* Files and folders that a run writes: the outputs' folders, and what is beside them. */
typedef struct written {
    dev_t device[OUTPUTS + 4];
    ino_t inode[OUTPUTS + 4];
    size_t count;
} written;

static void add_written(written *w, const settings *s, const char *name)
{
    struct stat info;
    text path = path_of(s, name, "");
    if (stat(path.data, &info) == 0) {
        w->device[w->count] = info.st_dev;
        w->inode[w->count++] = info.st_ino;
    }
    text_free(&path);
}

static void fail_if_written(const written *w, const char *path, const char *name)
{
    struct stat info;
    if (stat(path, &info) != 0) return;
    for (size_t i = 0; i < w->count; i++)
        if (w->device[i] == info.st_dev && w->inode[i] == info.st_ino)
            cli_fail("%s: is both read and written to", name);
}

/* A file that is read: neither it nor its folder may be written to. */
static void check_file_apart(const written *w, const char *path)
{
    char *real = realpath(path, NULL);
    char *slash = real ? strrchr(real, '/') : NULL;
    fail_if_written(w, path, path);
    if (slash) slash[slash == real] = '\0';
    if (slash) fail_if_written(w, real, path);
    free(real);
}

/* The folders in which sounds may lie, each once. */
static void check_sounds_apart(const written *w, const database *d)
{
    hashes seen = { NULL, 0, 0 };
    entry e;
    for (size_t i = 0; i < d->count; i++) {
        read_record(d, i, &e);
        for (size_t k = 0; k < e.place_count; k++) {
            const char *slash = strrchr(e.places[k], '/');
            const size_t n = slash ? (size_t)(slash - e.places[k]) : 0;
            if (n == 0 || !hashes_add(&seen, hash_of(e.places[k], n))) continue;
            text path = path_in(d->s->input, e.places[k]);
            path.data[strlen(d->s->input) + 1 + n] = '\0';
            fail_if_written(w, path.data, path.data);
            text_free(&path);
        }
    }
    hashes_free(&seen);
}

/* What is read must not lie where files are written, by whatever name. */
static void check_apart(const settings *s, const database *d)
{
    written w;
    memset(&w, 0, sizeof w);
    for (int i = 0; i < OUTPUTS; i++) add_written(&w, s, output_folder(s->layout, i));
    add_written(&w, s, ".prepare");
    add_written(&w, s, "dataset_info.json");
    add_written(&w, s, "skipped.jsonl");
    if (!d) {
        fail_if_written(&w, s->input, s->input);
        if (s->layout == WAVCAPS) fail_if_written(&w, s->json_dir, s->json_dir);
        if (s->latents) check_file_apart(&w, s->model);
        add_written(&w, s, "");
        if (s->layout == FOLDER) fail_if_written(&w, s->input, s->input);
        if (s->layout == WAVCAPS) fail_if_written(&w, s->json_dir, s->json_dir);
        return;
    }
    for (size_t i = 0; i < d->files.count; i++)
        check_file_apart(&w, name_at(&d->files, i));
    check_sounds_apart(&w, d);
}

static int command_run(const settings *s)
{
    run *r = (run *)need_memory(calloc(1, sizeof *r));
    tango_io_file blob;
    tango_model model;
    uint64_t identity = 0;
    struct stat info;
    char *root = realpath(s->input, NULL);
    if (!root || stat(root, &info) != 0 || !S_ISDIR(info.st_mode))
        cli_fail("%s: no such folder", s->input);
    if (s->layout == WAVCAPS && !utf8_valid(root, strlen(root)))
        cli_fail("%s: its path is not UTF-8", s->input);
    check_apart(s, NULL);
    memset(&blob, 0, sizeof blob);
    memset(&model, 0, sizeof model);
    r->s = r->x.s = s;
    pthread_mutex_init(&r->mutex, NULL);
    catch_signals();
    if (s->latents) identity = open_model(s, &blob, &model);
    describe_parameters(&r->x.parameters, s, model.vae.scale);
    describe_set(&r->x, identity);
    snprintf(r->x.own, sizeof r->x.own, "journal-%zu-of-%zu.jsonl", s->shard, s->shards);
    snprintf(r->x.temporary, sizeof r->x.temporary, "tmp-%zu-of-%zu", s->shard,
             s->shards);
    build_database(&r->d, s);
    check_apart(s, &r->d);
    if (!s->dry_run) open_set(r);
    if (!s->dry_run || compare_description(&r->x)) match_journals(r, 1);
    if (!s->dry_run) open_own_journal(&r->x);
    if (!s->dry_run) begin_generation(r);
    if (!s->dry_run) reload_journals(r);
    r->tally.total = shard_count(r);
    r->tally.without_input = r->d.kept;
    r->progress = cli_progress_begin(s->json);
    const double start = cli_seconds();
    run_workers(r, root, s->latents ? &model : NULL);
    cli_progress_end(&r->progress);
    if (r->failed || stop_signal) {
        if (!s->dry_run) remove_temporary(&r->x);
        if (r->failed) cli_fail("%s: %s", s->output, r->error.text);
        fprintf(stderr, "stopped; the same command goes on from here\n");
        return 128 + stop_signal;
    }
    if (!s->dry_run) finish_set(r);
    close_journals(&r->x);
    free_database(&r->d);
    if (blob.mapping) munmap(blob.mapping, blob.size);
    text_free(&r->x.parameters);
    text_free(&r->x.description);
    const tally_counts t = r->tally;
    free(root);
    free(r);
    return report(s, &t, cli_seconds() - start);
}

/* ---- merge ------------------------------------------------------------------------ */

/* Layout and parameters of an existing set; the texts live as long as the program. */
static void read_description(set *x, settings *s)
{
    text path = path_of(s, ".prepare", "set.json"), work = { NULL, 0, 0 };
    text file = { NULL, 0, 0 };
    tango_io_json j;
    tango_error error;
    size_t begin, end;
    uint64_t frames, flac = 0;
    char word[16];
    if (load_file(&file, path.data, &error) != TANGO_OK) cli_fail("%s", error.text);
    if (json_read(&j, &work, file.data, file.size, &error) != TANGO_OK)
        cli_fail("%s: %s", path.data, error.text);
    const size_t p = tango_io_json_find(&j, 0, "parameters");
    const size_t more = tango_io_json_find(&j, 0, "more");
    int ok = tango_io_json_string(&j, tango_io_json_find(&j, more, "layout"), word, 16);
    size_t layout_index = word_index(ok ? word : NULL, layout_names, 3);
    ok = tango_io_json_string(&j, tango_io_json_find(&j, p, "latents"), word, 16);
    if (layout_index == 3 || !ok || !tango_io_json_u64(&j,
            tango_io_json_find(&j, p, "frames"), &frames)
        || !tango_io_json_span(&begin, &end, file.data, file.size, "parameters"))
        cli_fail("%s: damaged at offset 0", path.data);
    s->layout = (layout_kind)layout_index;
    s->frames = (size_t)frames;
    if (tango_io_json_u64(&j, tango_io_json_find(&j, p, "flac"), &flac))
        s->flac = (int)flac;
    s->latents = strcmp(word, "npy") == 0 ? LATENT_NPY : strcmp(word, "pt") == 0
        ? LATENT_PT : strcmp(word, "both") == 0 ? LATENT_NPY | LATENT_PT : 0;
    text_add(&x->parameters, file.data + begin, end - begin);
    text_free(&file);
    text_free(&work);
    text_free(&path);
}

typedef struct gathering {
    const set *x;
    record *records;
    size_t total;
    uint64_t fingerprint;
} gathering;

/* A journal of the highest round; all of them must have the same metadata. */
static const journal *newest_journal(const set *x)
{
    const journal *first = NULL, *other = NULL;
    for (size_t i = 0; i < x->journal_count; i++) {
        const journal *j = &x->journals[i];
        if (j->generation == SIZE_MAX || (first && j->round < first->round)) continue;
        if (!first || j->round > first->round) { first = j; other = NULL; }
        if (j->total != first->total || j->fingerprint != first->fingerprint) other = j;
    }
    if (other) cli_fail("%s: %s and %s saw different metadata; run both again",
                        x->s->output, first->name, other->name);
    return first;
}

static int is_gathered(const gathering *g, const journal *j)
{
    return j->generation != SIZE_MAX && j->total == g->total
        && j->fingerprint == g->fingerprint;
}

static void gather_line(void *user, journal *j, size_t number, line *l, size_t at)
{
    gathering *g = (gathering *)user;
    (void)j;
    if (l->index < g->total) take_line(g->x, &g->records[l->index], number, l, at);
}

/* Names every shard of which records are missing. */
static void fail_missing(const set *x, const gathering *g)
{
    size_t shards = 1, count = 0;
    text list = { NULL, 0, 0 };
    for (size_t i = 0; i < x->journal_count; i++)
        if (x->journals[i].shards > shards && (x->journals[i].generation == SIZE_MAX
                                               || is_gathered(g, &x->journals[i])))
            shards = x->journals[i].shards;
    for (size_t k = 0; k < shards; k++) {
        size_t i = k;
        while (i < g->total && g->records[i].line) i += shards;
        if (i < g->total && count++ < 40) text_format(&list, " %zu/%zu", k, shards);
    }
    if (count > 40) text_format(&list, " and %zu more", count - 40);
    if (count) cli_fail("%s: missing or unfinished shards:%s", x->s->output, list.data);
    text_free(&list);
}

static void check_outputs(const set *x, const gathering *g)
{
    line l;
    size_t bad = 0, first = 0;
    memset(&l, 0, sizeof l);
    for (size_t i = 0; i < g->total && !stop_signal; i++) {
        line_of(x, &g->records[i], &l);
        if (!l.reason && !name_ok(l.stem)) fail_journal(x, &x->journals[0], 0);
        if (!l.reason && !outputs_whole(x->s, &l) && bad++ == 0) first = i;
    }
    line_free(&l);
    if (bad) cli_fail("%s: files of %zu clips are lost or cut, the first of index %zu; "
                      "run their shards again", x->s->output, bad, first);
}

static int command_merge(settings *s)
{
    set x;
    gathering g = { &x, NULL, 0, 0 };
    tally_counts t;
    line l;
    const double start = cli_seconds();
    memset(&x, 0, sizeof x);
    memset(&t, 0, sizeof t);
    memset(&l, 0, sizeof l);
    x.s = s;
    catch_signals();
    read_description(&x, s);
    open_lock(&x);
    if (!lock_byte(x.lock, 0, 1)) cli_fail("%s: is locked", s->output);
    if (is_busy(x.lock)) cli_fail("%s: shards are still at work", s->output);
    open_journals(&x, &l);
    const journal *first = newest_journal(&x);
    if (!first) cli_fail("%s: no shard has run", s->output);
    if (first->total > SIZE_MAX / sizeof *g.records - 1) fail_journal(&x, first, 0);
    g.total = first->total;
    g.fingerprint = first->fingerprint;
    g.records = (record *)need_memory(calloc(g.total + 1, sizeof *g.records));
    for (size_t i = 0; i < x.journal_count; i++) {
        journal *j = &x.journals[i];
        if (!is_gathered(&g, j) || !j->carried) continue;
        scan_journal(&x, j, i, j->generation, j->size, &l, gather_line, &g);
    }
    fail_missing(&x, &g);
    check_outputs(&x, &g);
    if (stop_signal) return 128 + stop_signal;
    settle_reasons(&x, g.records, g.total, &t);
    strcpy(x.temporary, "tmp-merge");
    text path = path_of(s, ".prepare", x.temporary);
    make_folder(path.data, 0);
    text_free(&path);
    empty_temporary(&x);
    write_manifest(&x, g.records, g.total, &t);
    remove_temporary(&x);
    t.total = g.total;
    t.kept = t.reasons[NO_REASON];
    free(g.records);
    close_journals(&x);
    line_free(&l);
    text_free(&x.parameters);
    return report(s, &t, cli_seconds() - start);
}

/* ---- show -------------------------------------------------------------------------- */

/* What show asks for. */
typedef struct showing {
    const char *split;
    size_t batch;
    uint64_t seed, epoch;
    int seeded;
} showing;

/* {"indices": [...], "frames": [...], "mel_shape": [B, 64, T], ...} */
static void show_json(text *out, const tango_batch *b, const double *sums)
{
    tango_io_json_writer w;
    size_t most = 256 + 128 * b->count;
    for (size_t i = 0; i < b->count; i++) most += 6 * strlen(b->captions[i]);
    json_start(&w, out, most);
    tango_io_json_open_object(&w);
    tango_io_json_put_key(&w, "indices");
    tango_io_json_open_array(&w);
    for (size_t i = 0; i < b->count; i++) tango_io_json_put_u64(&w, b->indices[i]);
    tango_io_json_close(&w);
    tango_io_json_put_key(&w, "frames");
    tango_io_json_open_array(&w);
    for (size_t i = 0; i < b->count; i++) tango_io_json_put_u64(&w, b->lengths[i]);
    tango_io_json_close(&w);
    tango_io_json_put_key(&w, "mel_shape");
    tango_io_json_open_array(&w);
    tango_io_json_put_u64(&w, b->count);
    tango_io_json_put_u64(&w, MELS);
    tango_io_json_put_u64(&w, b->frames);
    tango_io_json_close(&w);
    tango_io_json_put_key(&w, "mel_sums");
    tango_io_json_open_array(&w);
    for (size_t i = 0; i < b->count; i++) tango_io_json_put_number(&w, sums[i]);
    tango_io_json_close(&w);
    tango_io_json_put_key(&w, "captions");
    tango_io_json_open_array(&w);
    for (size_t i = 0; i < b->count; i++) tango_io_json_put_string(&w, b->captions[i]);
    tango_io_json_close(&w);
    tango_io_json_close(&w);
    json_finish(&w, out);
    text_put(out, "\n");
}

static void show_table(const tango_batch *b, const double *sums)
{
    printf("batch of %zu, mel %zu x %d x %zu\n", b->count, b->count, MELS, b->frames);
    for (size_t i = 0; i < b->count; i++) {
        printf("  %6zu  %5zu frames  sum %14.6g  ", b->indices[i], b->lengths[i],
               sums[i]);
        cli_print(stdout, b->captions[i]);
        putchar('\n');
    }
}

static void show_batches(const settings *s, const showing *show,
                         const tango_dataset *data, const uint32_t *order)
{
    tango_batch b;
    tango_error error;
    size_t size, most = show->batch < data->count ? show->batch : data->count;
    if (most == 0) return;
    double *sums = (double *)need_memory(calloc(most, sizeof *sums));
    text out = { NULL, 0, 0 };
    if (tango_batch_memory(&size, data, most, TANGO_BATCH_MEL, &error) != TANGO_OK)
        cli_fail("%s: %s", s->output, error.text);
    void *room = need_memory(malloc(size));
    for (size_t at = 0; at < data->count && !stop_signal; at += show->batch) {
        size_t n = data->count - at < show->batch ? data->count - at : show->batch;
        if (tango_batch_read(&b, data, order + at, n, TANGO_BATCH_MEL, room, size, &error)
            != TANGO_OK) cli_fail("%s: %s", s->output, error.text);
        for (size_t i = 0; i < n; i++) {
            const float *mel = b.mel + i * b.frames * MELS;
            sums[i] = 0.0;
            for (size_t k = 0; k < b.lengths[i] * MELS; k++) sums[i] += (double)mel[k];
        }
        text_clear(&out);
        if (s->json) show_json(&out, &b, sums);
        else show_table(&b, sums);
        fwrite(out.data, 1, out.size, stdout);
        if (fflush(stdout) != 0 || ferror(stdout))
            cli_fail("standard output cannot be written");
    }
    free(room);
    free(sums);
    text_free(&out);
}

/* A path of the manifest stays below the set, through no link. That a file is not there
   is for its reader to say. The sounds of wavcaps are links themselves. */
static void check_path(const settings *s, const tango_dataset_item *item,
                       const char *path, int may_be_link)
{
    tango_io_input in;
    tango_error error;
    if (!path) return;
    const tango_result r = tango_io_input_open_below(&in, s->output, path, &error);
    if (r == TANGO_OK) tango_io_input_close(&in);
    if (r == TANGO_OK || r == TANGO_ERROR_FILE) return;
    if (may_be_link && r == TANGO_ERROR_UNSUPPORTED) return;
    cli_fail("%s: index %zu: %s", s->output, item->index, error.text);
}

/* Every path of every item, whatever is shown of them. */
static void check_paths(const settings *s, void *memory, size_t size)
{
    tango_dataset all;
    tango_dataset_item item;
    tango_error error;
    if (tango_dataset_open(&all, s->output, NULL, memory, size, &error) != TANGO_OK)
        cli_fail("%s: %s", s->output, error.text);
    void *work = need_memory(malloc(all.item_work));
    for (size_t i = 0; i < all.count && !stop_signal; i++) {
        if (tango_dataset_read(&item, &all, i, work, all.item_work, &error) != TANGO_OK)
            cli_fail("%s: %s", s->output, error.text);
        check_path(s, &item, item.caption_file, 0);
        check_path(s, &item, item.mel, 0);
        check_path(s, &item, item.mel_image, 0);
        check_path(s, &item, item.latent, 0);
        check_path(s, &item, item.audio, item.mel == NULL);
    }
    free(work);
    tango_dataset_close(&all);
}

static int command_show(const settings *s, const showing *show)
{
    tango_dataset data;
    tango_error error;
    size_t size;
    catch_signals();
    if (tango_dataset_memory(&size, s->output, &error) != TANGO_OK)
        cli_fail("%s: %s", s->output, error.text);
    void *memory = need_memory(malloc(size));
    check_paths(s, memory, size);
    if (tango_dataset_open(&data, s->output, show->split, memory, size, &error)
        != TANGO_OK) cli_fail("%s: %s", s->output, error.text);
    uint32_t *order = (uint32_t *)need_memory(calloc(data.count + 1, sizeof *order));
    if (show->seeded) tango_dataset_order(order, data.count, show->seed, show->epoch);
    else for (size_t i = 0; i < data.count; i++) order[i] = (uint32_t)i;
    show_batches(s, show, &data, order);
    free(order);
    tango_dataset_close(&data);
    free(memory);
    return stop_signal ? 128 + stop_signal : 0;
}

/* ---- Options ---------------------------------------------------------------------- */

/* I/N, plain decimals, I < N. */
static void read_shard(const cli *c, settings *s)
{
    char *end = NULL;
    const char *slash = strchr(c->text, '/');
    size_t digits = strspn(c->text, "0123456789");
    s->shards = 0;
    if (slash && digits && c->text + digits == slash && digits < 8
        && digits_ok(slash + 1) && strlen(slash + 1) < 8) {
        s->shard = (size_t)strtoul(c->text, &end, 10);
        s->shards = (size_t)strtoul(slash + 1, &end, 10);
    }
    if (s->shards == 0 || s->shards > 1000000 || s->shard >= s->shards)
        cli_usage("--shard: expected I/N with 0 <= I < N, found \"%.60s\"", c->text);
    s->sharded = 1;
}

typedef struct arguments {
    settings s;
    showing show;
    const char *command, *audio_dir, *root_dir, *input_dir;
    int no_latents, format, mel;
} arguments;

/* Options that this command, or another option, leaves without effect are said. */
static void note_idle_options(const cli *c, const arguments *a)
{
    static const int of_layout[][3] = { { AUDIO_DIR, JSON_DIR, 0 }, { ROOT_DIR, 0, 0 },
                                        { INPUT_DIR, 0, 0 } };
    static const int of_runs[] = { 'm', NO_LATENTS, LATENT_ORDER, LATENT_FORMAT, MEL,
                                   CHANNELS, SECONDS, MIN_SECONDS, MAX_SECONDS, BLACKLIST,
                                   SHARD, PRUNE, THREADS, DRY_RUN, AUDIO_FORMAT,
                                   LEVEL_OPTION, LEVEL_LIMIT_OPTION, LEVEL_CLIP_OPTION,
                                   0 };
    static const int of_copies[] = { AUDIO_FORMAT, 0 };
    static const int of_latents[] = { 'm', LATENT_ORDER, LATENT_FORMAT, 0 };
    static const int of_show[] = { SPLIT, BATCH, SEED, EPOCH, 0 };
    static const int of_seed[] = { EPOCH, 0 };
    const size_t layout = word_index(a->command, layout_names, 3);
    const int shows = strcmp(a->command, "show") == 0;
    if (layout == 3 && !shows && strcmp(a->command, "merge") != 0) return;
    for (size_t i = 0; i < 3; i++)
        if (i != layout) cli_idle(c, of_layout[i], "this command does not read it");
    if (layout == 3) cli_idle(c, of_runs, "the set is made already");
    else if (a->no_latents) cli_idle(c, of_latents, "there are no latents");
    if (layout == WAVCAPS) cli_idle(c, of_copies, "the set has links to the sounds");
    if (!shows) cli_idle(c, of_show, "only show has it");
    else if (!a->show.seeded)
        cli_idle(c, of_seed, "without --seed the order is by index");
}

static const char *const audio_formats[] = { "wav", "flac", "flac24", NULL };
static const int audio_bits[] = { 0, 16, 24 };

static void read_arguments(arguments *a, int argc, char **argv)
{
    static const char *const orders[] = { "8,T,16", "8,16,T", NULL };
    static const char *const formats[] = { "npy", "pt", "both", NULL };
    static const char *const recipes[] = { "tacotron", "torchaudio", NULL };
    static const char *const channels[] = { "first", "mono", NULL };
    static const char *const usage = "prepare wavcaps|audiocaps|folder|merge|show "
                                     "--output_dir DIR [options]";
    settings *s = &a->s;
    cli c = cli_begin(argc, argv, options);
    int id;
    while ((id = cli_next(&c)) != 0) switch (id) {
        case AUDIO_DIR: a->audio_dir = c.text; break;
        case JSON_DIR: s->json_dir = c.text; break;
        case ROOT_DIR: a->root_dir = c.text; break;
        case INPUT_DIR: a->input_dir = c.text; break;
        case OUTPUT_DIR: s->output = c.text; break;
        case 'm': s->model = c.text; break;
        case NO_LATENTS: a->no_latents = 1; break;
        case LATENT_ORDER: s->frequency_first = (int)cli_choice(&c, orders); break;
        case LATENT_FORMAT: a->format = 1 + (int)cli_choice(&c, formats); break;
        case MEL: a->mel = 1 + (int)cli_choice(&c, recipes); break;
        case CHANNELS:
            s->channels = (tango_audio_channels)cli_choice(&c, channels);
            break;
        case AUDIO_FORMAT: s->flac = audio_bits[cli_choice(&c, audio_formats)]; break;
        case SECONDS: s->seconds = cli_number(&c, 0.01, 600.0); break;
        case MIN_SECONDS: s->min_seconds = cli_number(&c, 0.0, 1e9); break;
        case MAX_SECONDS: s->max_seconds = cli_number(&c, 0.0, 1e9); break;
        case BLACKLIST: s->blacklists[s->blacklist_count++] = c.text; break;
        case SHARD: read_shard(&c, s); break;
        case PRUNE: s->prune = 1; break;
        case THREADS: s->threads = (size_t)cli_integer(&c, 1, 256); break;
        case DRY_RUN: s->dry_run = 1; break;
        case JSON: s->json = 1; break;
        case SPLIT:
            cli_choice(&c, split_names);
            a->show.split = c.text;
            break;
        case BATCH: a->show.batch = (size_t)cli_integer(&c, 1, 4096); break;
        case SEED:
            a->show.seed = (uint64_t)cli_integer(&c, 0, INT64_MAX);
            a->show.seeded = 1;
            break;
        case EPOCH: a->show.epoch = (uint64_t)cli_integer(&c, 0, INT64_MAX); break;
        case 'h':
            cli_help(usage, "Recordings and captions become a training set.",
                     examples, options);
            exit(0);
        case CLI_OPERAND:
            if (a->command) cli_usage("more than one command: \"%.60s\"", c.text);
            a->command = c.text;
            break;
        default: level_read(&s->level, &c, id);
    }
    if (!a->command) cli_usage("no command: wavcaps, audiocaps, folder, merge or show");
    if (!s->output || !*s->output) cli_usage("--output_dir is needed");
    note_idle_options(&c, a);
}

static const char *need_folder(const char *value, const char *option)
{
    if (!value || !*value) cli_usage("--%s is needed", option);
    return value;
}

/* What the command needs, and the defaults that depend on it. */
static void complete(arguments *a)
{
    settings *s = &a->s;
    const size_t l = word_index(a->command, layout_names, 3);
    if (l == 3) cli_usage("unknown command \"%.60s\"", a->command);
    s->layout = (layout_kind)l;
    s->input = l == WAVCAPS ? need_folder(a->audio_dir, "audio_dir")
        : l == AUDIOCAPS ? need_folder(a->root_dir, "root_dir")
        : need_folder(a->input_dir, "input_dir");
    if (l == WAVCAPS) need_folder(s->json_dir, "json_dir");
    if (!s->model && !a->no_latents) cli_usage("--model FILE or --no-latents is needed");
    if (!a->no_latents)
        s->latents = a->format == 3 ? LATENT_NPY | LATENT_PT : a->format == 2
            || (a->format == 0 && l == WAVCAPS) ? LATENT_PT : LATENT_NPY;
    s->mel = a->mel == 2 || (a->mel == 0 && l == AUDIOCAPS) ? TANGO_AUDIO_TORCHAUDIO
                                                            : TANGO_AUDIO_TACOTRON;
    if (s->max_seconds > 0.0 && s->max_seconds < s->min_seconds)
        cli_usage("--max-seconds is below --min-seconds");
    if (l == WAVCAPS) s->flac = 0;
    level_check(&s->level);
    if (s->threads == 0) s->threads = cli_threads(256, cli_processors(256));
    /* T = 4 ceil(round(16000 seconds) / 640) */
    s->cut = (size_t)floor(16000.0 * s->seconds + 0.5);
    s->frames = 4 * ((s->cut + 639) / 640);
}

int main(int argc, char **argv)
{
    arguments a;
    int status;
    setvbuf(stderr, NULL, _IOLBF, 4096);    /* a line of a skipped clip is one write */
    umask(022);                             /* files have mode 0644, whoever runs it */
    memset(&a, 0, sizeof a);
    a.s.seconds = 10.24;
    a.s.shards = 1;
    a.show.batch = 8;
    a.s.blacklists = (const char **)need_memory(calloc((size_t)argc + 1,
                                                       sizeof *a.s.blacklists));
    read_arguments(&a, argc, argv);
    if (strcmp(a.command, "merge") == 0) {
        status = command_merge(&a.s);
    } else if (strcmp(a.command, "show") == 0) {
        status = command_show(&a.s, &a.show);
    } else {
        complete(&a);
        status = command_run(&a.s);
    }
    free(a.s.blacklists);
    return status;
}
