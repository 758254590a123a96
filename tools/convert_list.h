/* convert_list.h: what a file or folder holds, printed.                          MIT-0 */
#ifndef TANGO_CONVERT_LIST_H
#define TANGO_CONVERT_LIST_H

#include "convert_plan.h"

/* Where a part that is missing is published: beside a UNet of Tango, ConsistencyTTA or
   SoundCTM, and beside one of AudioLDM. */
static const char *const published[PARTS][2] = {
    { "google/flan-t5-large (--text)",
      "audioldm-s-full.ckpt of Zenodo 7600541 (--text)" },
    { "declare-lab/tango (--unet)", "declare-lab/tango (--unet)" },
    { "audioldm-s-full.ckpt of Zenodo 7600541 (--vae)",
      "audioldm-s-full.ckpt of Zenodo 7600541 (--vae)" },
    { "audioldm-s-full.ckpt of Zenodo 7600541 (--vocoder)",
      "audioldm-s-full.ckpt of Zenodo 7600541 (--vocoder)" },
    { "laion/clap-htsat-unfused (--rank); only to rank sounds",
      "laion/clap-htsat-unfused (--rank); only to rank sounds" }
};

/* What the tensors of a part are, in all. */
typedef struct census {
    size_t tensors, numbers, types[TANGO_IO_BOOL + 1];
} census;

/* Tensors that no blob holds are not counted, nor is the second name of an embedding. */
static int counts(const piece *p, const tensor *t)
{
    char shared[NAME_ROOM];
    size_t skip = strlen(p->names.prefix);
    snprintf(shared, sizeof shared, "%sshared.weight", p->names.prefix);
    if (ends_with(t->name, "embed_tokens.weight") && find(p->tensors, shared)) return 0;
    return !is_one_of(t->name, never_read, 100)
           && !is_one_of(t->name + skip, p->sign->other, 4);
}

static census count_part(const origin *o, part_id part)
{
    census c;
    const piece *p = &o->pieces[part];
    memset(&c, 0, sizeof c);
    for (size_t i = 0; i < p->tensors->count; i++) {
        const tensor *t = &p->tensors->list[i];
        if (owner_of(o, p->tensors, t->name) != (int)part || !counts(p, t)) continue;
        c.tensors++;
        c.numbers += t->view.count;
        c.types[t->view.type] += t->view.count;
    }
    return c;
}

/* "f32", or "f16 f32" of mixed precisions. */
static const char *types_text(char out[64], const census *c)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i <= TANGO_IO_BOOL && n < 50; i++)
        if (c->types[i] > 0)
            n += (size_t)snprintf(out + n, 64 - n, "%s%s", n ? " " : "",
                                  tango_io_type_name((tango_io_type)i));
    return out;
}

static void list_part(const origin *o, part_id part, int film)
{
    char types[64];
    const piece *p = &o->pieces[part];
    if (!p->sign) {
        printf("  %-9s  missing; published: %s\n", part_names[part],
               published[part][film]);
        return;
    }
    census c = count_part(o, part);
    printf("  %-9s  %s%s%s  %zu parameters  %s  %zu tensors of %s\n", part_names[part],
           layout_names[p->sign->layout], part == TEXT ? ", " : "",
           part == TEXT ? text_kinds[p->sign->text] : "", c.numbers,
           types_text(types, &c), c.tensors, p->tensors->label);
    if (part == UNET && (p->sign->flags & EMA))
        printf("             moving average of the weights; --raw for the others\n");
}

static void list_tokenizer(const origin *o, const tokenizer *t)
{
    const piece *p = &o->pieces[TEXT];
    text_kind kind = p->sign ? p->sign->text : T5;
    const source *s = t->json && !(kind == T5 && t->spiece) ? t->json
                      : kind == T5                          ? t->spiece
                                                            : t->vocab;
    if (is_tokenizer(t, kind)) printf("  %-9s  %s\n", "tokenizer", s->label);
    else printf("  %-9s  %s\n", "tokenizer", tokenizer_hints[kind]);
}

static void list_schedule(const build *b)
{
    const source *s = b->configs[SCHEDULE_CONFIG].file;
    if (b->from[UNET])
        printf("  %-9s  %s\n", "scheduler", s ? s->label : "missing (--scheduler)");
}

/* The layout, the parts, and what is missing for a whole model. */
static void list_origin(const build *b, const origin *o)
{
    const piece *u = &o->pieces[UNET];
    int film = u->sign && axis_of(u, 0, "class_embedding.weight") != 0;
    printf("%s\n", o->path);
    for (size_t i = 0; i < PARTS; i++) list_part(o, (part_id)i, film);
    list_tokenizer(o, &b->tokens);
    list_schedule(b);
}

#endif
