/* prepare_keep.h: items of the set that the input no longer has.               MIT-0

   An input folder that is not mounted, a list that lost its end or a caption that cannot
   be read looks like fewer records. So a run without --prune keeps what is finished and
   whole: the item stays a record, at its old index, with the text of its journal line.
   The records that the input has take the other indices in order, so that nothing is
   written over such an item. Indices that are left over below it are VANISHED. */
#ifndef TANGO_PREPARE_KEEP_H
#define TANGO_PREPARE_KEEP_H

#include "prepare_clip.h"

/* A finished item that some journal knows and whose name the input does not have. */
typedef struct old_item {
    size_t index;
    uint64_t round, key;        /* of the generation; of the name */
    record line;                /* where its line is */
    int beaten;                 /* a later generation has another line of this index */
} old_item;

typedef struct keeper {
    const database *d;
    const settings *s;
    old_item *items;
    size_t count, room;
    hashes moved;               /* names of finished items that get another index */
} keeper;

/* Where the lines that count begin and end: the last generation, or the one before it if
   a run was killed while it carried lines over. */
static void live_lines(const journal *j, size_t *from, size_t *to)
{
    *from = j->carried ? j->generation : j->before;
    *to = j->carried ? j->size : j->generation;
    if (*from == SIZE_MAX) *from = *to = j->size;
}

static void for_live_lines(const set *x, line *l, line_reader *reader, void *user)
{
    for (size_t i = 0; i < x->journal_count; i++) {
        size_t from, to;
        live_lines(&x->journals[i], &from, &to);
        scan_journal(x, &x->journals[i], i, from, to, l, reader, user);
    }
}

static int is_finished(const line *l) { return l->index != SIZE_MAX && !l->reason; }

/* Pass 1: finished items that the input does not have. */
static void find_old(void *user, journal *j, size_t number, line *l, size_t at)
{
    keeper *k = (keeper *)user;
    if (!is_finished(l) || l->index >= j->total) return;
    const uint64_t key = key_of(k->s->layout, l->split, l->id);
    if (hashes_have(&k->d->here, key)) return;
    if (k->count == k->room) {
        k->room = k->room ? k->room * 2 : 256;
        k->items = (old_item *)need_memory(
            realloc(k->items, k->room * sizeof *k->items));
    }
    old_item *it = &k->items[k->count++];
    memset(it, 0, sizeof *it);
    it->index = l->index;
    it->round = j->round;
    it->key = key;
    it->line.hash = l->hash;
    it->line.split = (unsigned char)l->split;
    it->line.line = at + 1;
    it->line.line_size = l->size;
    it->line.journal = (uint32_t)number;
}

/* By index, then from the latest line to the first. */
static int order_old(const void *a, const void *b)
{
    const old_item *x = (const old_item *)a, *y = (const old_item *)b;
    if (x->index != y->index) return x->index < y->index ? -1 : 1;
    if (x->round != y->round) return x->round > y->round ? -1 : 1;
    return x->line.line > y->line.line ? -1 : x->line.line < y->line.line;
}

static old_item *old_of_index(const keeper *k, size_t index)
{
    size_t low = 0, high = k->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (k->items[middle].index < index) low = middle + 1;
        else high = middle;
    }
    return low < k->count && k->items[low].index == index ? &k->items[low] : NULL;
}

/* Pass 2: what a later generation put in the place of an item. */
static void find_beaten(void *user, journal *j, size_t number, line *l, size_t at)
{
    keeper *k = (keeper *)user;
    (void)number;
    (void)at;
    old_item *it = l->index == SIZE_MAX ? NULL : old_of_index(k, l->index);
    for (; it && it < k->items + k->count && it->index == l->index; it++)
        if (j->round > it->round) it->beaten = 1;
}

/* Whether the item is the set's and all of it is there. */
static int is_whole_item(const keeper *k, const set *x, const old_item *it, line *l)
{
    char stem[256];
    line_of(x, &it->line, l);
    name_outputs(stem, sizeof stem, k->s->layout, l->id, it->index);
    return name_ok(l->stem) && strcmp(stem, l->stem) == 0 && outputs_whole(k->s, l)
        && caption_is(k->s, l);
}

/* Leaves the items that are kept, one of an index and of a name. */
static void choose_old(keeper *k, const set *x, hashes *taken, line *l)
{
    size_t count = 0;
    for (size_t i = 0; i < k->count; i++) {
        old_item *it = &k->items[i];
        if (count > 0 && k->items[count - 1].index == it->index) continue;
        if (it->beaten || hashes_have(taken, it->key) || !is_whole_item(k, x, it, l))
            continue;
        hashes_add(taken, it->key);
        k->items[count++] = *it;
    }
    k->count = count;
}

/* The record of an item: what its line says, and no place where a sound could be. */
static record kept_record(database *d, const set *x, const old_item *it, line *l)
{
    record r = it->line;
    entry e;
    memset(&e, 0, sizeof e);
    line_of(x, &it->line, l);
    e.id = l->id;
    r.at = d->pool.size;
    r.line = 0;
    r.kept = 1;
    store_text(d, &e, l->caption);
    return r;
}

static record vacant_record(database *d)
{
    record r;
    entry e;
    memset(&r, 0, sizeof r);
    memset(&e, 0, sizeof e);
    e.id = "";
    r.at = d->pool.size;
    r.reason = VANISHED;
    store_text(d, &e, NULL);
    return r;
}

/* A record that has only lost its caption is the kept item itself. */
static int is_replaced(const database *d, size_t i, const hashes *taken)
{
    return d->records[i].reason == NO_CAPTION && hashes_have(taken, record_key(d, i));
}

/* All records in their new order. */
static void merge_old(database *d, const keeper *k, const set *x, const hashes *taken,
                      line *l)
{
    size_t total = k->count, next = 0, item = 0;
    for (size_t i = 0; i < d->count; i++) total += !is_replaced(d, i, taken);
    if (k->items[k->count - 1].index >= total) total = k->items[k->count - 1].index + 1;
    if (total >= UINT32_MAX) cli_fail("%s: too many records", d->s->input);
    record *all = (record *)need_memory(calloc(total, sizeof *all));
    for (size_t i = 0; i < total; i++) {
        while (next < d->count && is_replaced(d, next, taken)) next++;
        if (item < k->count && k->items[item].index == i)
            all[i] = kept_record(d, x, &k->items[item++], l);
        else
            all[i] = next < d->count ? d->records[next++] : vacant_record(d);
    }
    free(d->records);
    d->records = all;
    d->count = d->room = total;
    d->kept = k->count;
    set_fingerprint(d);
}

/* Names of finished items that get another index, and so other names of files. */
static void find_moved(void *user, journal *j, size_t number, line *l, size_t at)
{
    keeper *k = (keeper *)user;
    (void)j;
    (void)number;
    (void)at;
    if (!is_finished(l)) return;
    const uint64_t key = key_of(k->s->layout, l->split, l->id);
    if (!hashes_have(&k->d->here, key)
        || (l->index < k->d->count && record_key(k->d, l->index) == key)) return;
    if (name_ok(l->stem) && outputs_whole(k->s, l)) hashes_add(&k->moved, key);
}

static int has_sound(const settings *s, const entry *e)
{
    tango_io_input in;
    for (size_t i = 0; i < e->place_count; i++) {
        if (tango_io_input_open_below(&in, s->input, e->places[i], NULL) != TANGO_OK)
            continue;
        tango_io_input_close(&in);
        return 1;
    }
    return 0;
}

/* Where outputs are named by index, an item that moves is made again from its sound, and
   another takes its files: without the sound it would be lost. */
static void check_moved(keeper *k, const set *x, line *l)
{
    size_t missing = 0, first = 0;
    entry e;
    if (k->s->layout == WAVCAPS) return;
    for_live_lines(x, l, find_moved, k);
    for (size_t i = 0; k->moved.count > 0 && i < k->d->count; i++) {
        if (k->d->records[i].reason || k->d->records[i].kept
            || !hashes_have(&k->moved, record_key(k->d, i))) continue;
        read_record(k->d, i, &e);
        if (!has_sound(k->s, &e) && missing++ == 0) first = i;
    }
    if (missing == 0) return;
    if (!k->s->dry_run) remove_temporary(x);
    cli_fail("%s: %zu finished items get another number, but their sounds are not there, "
             "the first %.100s; --prune gives them up; nothing was changed", k->s->output,
             missing, text_of(k->d, first));
}

/* Adds to the records the items that the input no longer has. The journals are open. */
static void keep_items(database *d, const set *x)
{
    keeper k;
    line l;
    hashes taken = { NULL, 0, 0 };
    if (d->s->prune) return;
    memset(&k, 0, sizeof k);
    memset(&l, 0, sizeof l);
    k.d = d;
    k.s = d->s;
    for_live_lines(x, &l, find_old, &k);
    if (k.count > 0) {
        qsort(k.items, k.count, sizeof *k.items, order_old);
        for_live_lines(x, &l, find_beaten, &k);
        choose_old(&k, x, &taken, &l);
    }
    if (k.count > 0) {
        merge_old(d, &k, x, &taken, &l);
        fprintf(stderr, "%zu items are kept that the input no longer has, the first ",
                k.count);
        cli_print(stderr, text_of(d, k.items[0].index));
        fputs("; --prune removes them\n", stderr);
    }
    check_moved(&k, x, &l);
    free(k.items);
    hashes_free(&taken);
    hashes_free(&k.moved);
    line_free(&l);
}
#endif
