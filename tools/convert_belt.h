/* convert_belt.h: blocks of the blob on their way to the disk. One thread fills them while
   another sums and writes those before; without a second thread each is written when it
   is full. The blob is the same.                                                 MIT-0 */
#ifndef TANGO_CONVERT_BELT_H
#define TANGO_CONVERT_BELT_H

#include "convert_base.h"
#ifdef TANGO_PTHREADS
#include <pthread.h>
#endif

#define BLOCKS 4
#define BLOCK ((size_t)1 << 20) /* bytes at least: a few lie in a third-level cache */

typedef struct belt {
    tango_io_blob_writer *writer;
    unsigned char *memory; /* BLOCKS of `size` bytes */
    size_t size, fill;     /* fill: bytes in the block that is being made */
    size_t filled[BLOCKS];
    size_t made, written; /* blocks so far; those between wait for their turn */
    tango_result result;  /* of writing; after a failure nothing more is written */
    tango_error error;
#ifdef TANGO_PTHREADS
    int has_thread, at_end;
    pthread_t thread;
    pthread_mutex_t mutex; /* of made, written, result, at_end */
    pthread_cond_t changed;
#endif
} belt;

static tango_result write_block(belt *b, size_t index)
{
    const unsigned char *data = b->memory + index % BLOCKS * b->size;
    if (b->result != TANGO_OK) return b->result;
    return tango_io_blob_write_data(b->writer, data, b->filled[index % BLOCKS],
                                    &b->error);
}

#ifdef TANGO_PTHREADS

static void *write_blocks(void *user)
{
    belt *b = (belt *)user;
    pthread_mutex_lock(&b->mutex);
    for (;;) {
        while (b->written == b->made && !b->at_end)
            pthread_cond_wait(&b->changed, &b->mutex);
        if (b->written == b->made) break;
        pthread_mutex_unlock(&b->mutex);
        tango_result r = write_block(b, b->written); /* only this thread changes both */
        pthread_mutex_lock(&b->mutex);
        b->result = r;
        b->written++;
        pthread_cond_broadcast(&b->changed);
    }
    pthread_mutex_unlock(&b->mutex);
    return NULL;
}

/* Hands a block over and waits until the next one is free. 0 if writing has failed. */
static int hand_over(belt *b)
{
    int ok;
    pthread_mutex_lock(&b->mutex);
    b->made++;
    pthread_cond_broadcast(&b->changed);
    while (b->made - b->written == BLOCKS) pthread_cond_wait(&b->changed, &b->mutex);
    ok = b->result == TANGO_OK;
    pthread_mutex_unlock(&b->mutex);
    return ok;
}

static void start_thread(belt *b)
{
    pthread_mutex_init(&b->mutex, NULL);
    pthread_cond_init(&b->changed, NULL);
    b->has_thread = pthread_create(&b->thread, NULL, write_blocks, b) == 0;
}

static void end_thread(belt *b)
{
    if (b->has_thread) {
        pthread_mutex_lock(&b->mutex);
        b->at_end = 1;
        pthread_cond_broadcast(&b->changed);
        pthread_mutex_unlock(&b->mutex);
        pthread_join(b->thread, NULL);
    }
    b->has_thread = 0;
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->mutex);
}

#endif

/* Sends the block that is being made. 0 if writing has failed. */
static int belt_send(belt *b)
{
    if (b->fill == 0) return 1;
    b->filled[b->made % BLOCKS] = b->fill;
    b->fill = 0;
#ifdef TANGO_PTHREADS
    if (b->has_thread) return hand_over(b);
#endif
    b->result = write_block(b, b->made++);
    b->written++;
    return b->result == TANGO_OK;
}

/* Room for `size` <= b->size bytes, which belt_add then takes; NULL if writing has
   failed. Aligned for numbers whose size divides all that was added since belt_send. */
static void *belt_room(belt *b, size_t size)
{
    if (b->size - b->fill < size && !belt_send(b)) return NULL;
    return b->memory + b->made % BLOCKS * b->size + b->fill;
}

static void belt_add(belt *b, size_t size) { b->fill += size; }

/* Blocks have room for `most` bytes in one piece. */
static void belt_begin(belt *b, tango_io_blob_writer *writer, size_t most)
{
    memset(b, 0, sizeof *b);
    b->writer = writer;
    b->size = most < BLOCK ? BLOCK : (most + 63) / 64 * 64;
    b->memory = (unsigned char *)resized(NULL, BLOCKS, b->size);
#ifdef TANGO_PTHREADS
    start_thread(b);
#endif
}

/* Writes what is left; *error is the first failure's. */
static tango_result belt_end(belt *b, tango_error *error)
{
    belt_send(b);
#ifdef TANGO_PTHREADS
    end_thread(b);
#endif
    free(b->memory);
    b->memory = NULL;
    if (b->result != TANGO_OK) *error = b->error;
    return b->result;
}

#endif
