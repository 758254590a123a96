/* convert_json.h: reading configuration files.                                   MIT-0 */
#ifndef TANGO_CONVERT_JSON_H
#define TANGO_CONVERT_JSON_H

#include "convert_store.h"

#define NO_NODE ((size_t)-1) /* an object that is not there: it has no keys */

/* A configuration: an object of a JSON file. */
typedef struct config {
    const source *file; /* NULL: there is none */
    size_t node;
} config;

/* An object of a configuration file. */
typedef struct object {
    const tango_io_json *json;
    size_t node;
    char path[128]; /* begins the messages about it */
} object;

static void parse_json(source *s)
{
    size_t size = 0;
    tango_error error;
    const unsigned char *text = s->text;
    if (!text) return;
    tango_result r = tango_io_json_work_size(&size, text, s->size, &error);
    if (r == TANGO_OK) {
        s->work = resized(NULL, size, 1);
        r = tango_io_json_parse(&s->json, text, s->size, s->work, size, &error);
    }
    if (r != TANGO_OK) problem("%s: %s", s->label, error.text);
    else if (tango_io_json_type_of(&s->json, 0) != TANGO_IO_JSON_OBJECT)
        problem("%s: expected an object", s->label);
}

static size_t member(const object *o, const char *key)
{
    size_t node = o->node == NO_NODE ? 0 : tango_io_json_find(o->json, o->node, key);
    return node && tango_io_json_type_of(o->json, node) == TANGO_IO_JSON_NULL ? 0 : node;
}

/* For messages: what stands there, shortened. */
static const char *found(const object *o, size_t node, char out[64])
{
    const tango_io_json_node *n = &o->json->nodes[node];
    switch (tango_io_json_type_of(o->json, node)) {
    case TANGO_IO_JSON_ARRAY: return "a list";
    case TANGO_IO_JSON_OBJECT: return "an object";
    default:
        snprintf(out, 64, "%.*s", n->size < 60 ? (int)n->size : 60,
                 o->json->text + n->at);
        return out;
    }
}

/* An object within the configuration, or with "" its own. */
static object object_in(const config *c, const char *inside)
{
    object o = { NULL, NO_NODE, "" };
    if (!c->file) return o;
    o.json = &c->file->json;
    o.node = c->node;
    snprintf(o.path, sizeof o.path, "%.60s%s%s", c->file->label, *inside ? ": " : "",
             inside);
    if (!*inside) return o;
    o.node = member(&o, inside);
    if (!o.node || tango_io_json_type_of(o.json, o.node) != TANGO_IO_JSON_OBJECT)
        o.node = NO_NODE;
    return o;
}

/* 1 if the text under a key begins with this one. */
static int text_begins(const object *o, const char *key, const char *text)
{
    size_t node = member(o, key), n = strlen(text);
    return node && tango_io_json_type_of(o->json, node) == TANGO_IO_JSON_STRING
           && o->json->nodes[node].size >= n
           && memcmp(o->json->text + o->json->nodes[node].at, text, n) == 0;
}

/* The number at a node: true or false where 0 and 1 are meant. */
static double number_at(const object *o, const char *key, size_t node,
                        const tango_limit *limit)
{
    char text[64];
    double x = 0.0;
    uint64_t n = 0;
    int flag = 0, ok, is_flag = limit->low == 0.0 && limit->high <= 1.0;
    if (limit->type == TANGO_IO_F64) {
        ok = tango_io_json_number(o->json, node, &x);
    } else if (is_flag) {
        ok = tango_io_json_bool(o->json, node, &flag);
        x = flag;
    } else {
        ok = tango_io_json_u64(o->json, node, &n);
        x = (double)n;
    }
    if (ok && x >= limit->low && x <= limit->high) return x;
    if (limit->type == TANGO_IO_U64 && is_flag)
        problem("%s: %s: %s, found %s", o->path, key,
                limit->high > 0.0 ? "expected true or false" : "only false is supported",
                found(o, node, text));
    else if (limit->low == limit->high)
        problem("%s: %s: only %.15g is supported, found %s", o->path, key, limit->low,
                found(o, node, text));
    else
        problem("%s: %s: expected a %snumber from %.15g to %.15g, found %s", o->path, key,
                limit->type == TANGO_IO_U64 ? "whole " : "", limit->low, limit->high,
                found(o, node, text));
    return limit->low;
}

/* The numbers of a list, which may hold lists, or one number; at most limit->most. */
static size_t numbers_at(const object *o, const char *key, size_t node,
                         const tango_limit *limit, double *out)
{
    size_t n = 0;
    if (limit->most == 1 || tango_io_json_type_of(o->json, node) != TANGO_IO_JSON_ARRAY) {
        out[0] = number_at(o, key, node, limit);
        return 1;
    }
    for (size_t i = tango_io_json_first(o->json, node); i && n < limit->most;
         i = tango_io_json_next(o->json, node, i))
        out[n++] = number_at(o, key, i, limit);
    if (n > 0 && n == o->json->nodes[node].size) return n;
    problem("%s: %s: expected a list of 1 to %zu numbers", o->path, key, limit->most);
    return 0;
}

static int get_flag(const object *o, const char *key, int fallback)
{
    char text[64];
    size_t node = member(o, key);
    int flag = fallback;
    if (node && !tango_io_json_bool(o->json, node, &flag))
        problem("%s: %s: expected true or false, found %s", o->path, key,
                found(o, node, text));
    return flag;
}

/* A copy of the text; NULL if the key is absent. */
static char *get_text(const object *o, const char *key)
{
    size_t node = member(o, key);
    if (!node) return NULL;
    size_t size = (size_t)o->json->nodes[node].size + 1;
    char *text = (char *)resized(NULL, size, 1);
    if (tango_io_json_string(o->json, node, text, size)) return text;
    problem("%s: %s: expected text", o->path, key);
    free(text);
    return NULL;
}

/* A key whose other values change the arithmetic in ways that are not supported. */
typedef struct fixed {
    const char *key, *value;
} fixed;

static int is_value(const object *o, size_t node, const char *value)
{
    char text[64];
    double x = 0.0;
    int flag = 0;
    switch (tango_io_json_type_of(o->json, node)) {
    case TANGO_IO_JSON_NULL: return 1;
    case TANGO_IO_JSON_BOOL:
        tango_io_json_bool(o->json, node, &flag);
        return strcmp(value, flag ? "true" : "false") == 0;
    case TANGO_IO_JSON_NUMBER:
        tango_io_json_number(o->json, node, &x);
        return *value >= '0' && *value <= '9' && x == strtod(value, NULL);
    case TANGO_IO_JSON_STRING: return tango_io_json_equal(o->json, node, value);
    case TANGO_IO_JSON_NONFINITE: return strcmp(found(o, node, text), value) == 0;
    default: return 0;
    }
}

static void refuse_other(const object *o, const fixed *only)
{
    char text[64];
    size_t node = member(o, only->key);
    int same = 1;
    if (!node) return;
    if (tango_io_json_type_of(o->json, node) == TANGO_IO_JSON_ARRAY) {
        size_t i = tango_io_json_first(o->json, node); /* one value a level */
        for (; i; i = tango_io_json_next(o->json, node, i))
            same &= is_value(o, i, only->value);
    } else same = is_value(o, node, only->value);
    if (!same)
        problem("%s: %s: only %s is supported, found %s", o->path, only->key, only->value,
                found(o, node, text));
}

static void refuse_others(const object *o, const fixed *list)
{
    for (; list->key; list++) refuse_other(o, list);
}

/* One of the words of a list that NULL ends. */
static size_t word_at(const object *o, const char *key, size_t node,
                      const char *const *words)
{
    char text[64];
    for (size_t i = 0; words[i]; i++)
        if (tango_io_json_equal(o->json, node, words[i])) return i;
    problem("%s: %s: %s is not supported", o->path, key, found(o, node, text));
    return 0;
}


#endif
