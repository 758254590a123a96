/* tango_io.h - bytes from outside: weights blobs, PyTorch, JSON, SentencePiece, NPY, WAV

   Version 0.1.0                                          SPDX-License-Identifier: MIT-0

   Quick example: the names and shapes of the tensors in a weights blob.

       #define TANGO_IO_IMPLEMENTATION
       #include "tango_io.h"
       #include <stdio.h>

       int main(int argc, char **argv)
       {
           tango_io_file file;
           tango_io_blob blob;
           tango_io_tensor tensor;
           tango_error error;
           size_t i, k;
           if (argc != 2) return 2;
           if (tango_io_map(&file, argv[1], &error) != TANGO_OK ||
               tango_io_blob_open(&blob, file.data, file.size, &error) != TANGO_OK) {
               fprintf(stderr, "%s: %s\n", argv[1], error.text);
               return 1;
           }
           for (i = 0; i < tango_io_blob_tensor_count(&blob); i++) {
               tango_io_blob_tensor(&blob, i, &tensor);
               printf("%s %s", tensor.name, tango_io_type_name(tensor.type));
               for (k = 0; k < tensor.rank; k++)
                   printf(" %lu", (unsigned long)tensor.shape[k]);
               printf("\n");
           }
           tango_io_unmap(&file);
           return 0;
       }

   WHAT IT DOES
   Every byte that comes from a file is read here, and every reader treats its input as
   hostile: it returns a complete, checked result, or one error that names the part of the
   file and the byte offset. Readers work on bytes in memory (a mapping, a buffer, flash)
   and return pointers into them; nothing is copied that can be used in place.
     blob     the weights file of tango models, read and written; format drawn in room 5
     torch    state dictionaries and tensors of torch.save (zip archives)
     json     RFC 8259, strict
     spiece   SentencePiece unigram models with their normalisation trie
     npy      NumPy arrays: versions 1.0 to 3.0 read, 1.0 written
     wav      written: 16, 24, 32 bits, float and double, RF64, also to a pipe
     file     read-only mapping, and output that appears whole or not at all

   WHAT IT DOES NOT
   It never executes what a pickle asks for: the few names a state dictionary needs are
   compared, all others fail the file. It does not decompress, follow links, or guess at
   damaged input. It knows nothing of networks or of sound.

   GLOSSARY
   blob     one file with all weights and settings of a model
   record   one stored file inside a zip archive
   storage  the raw numbers behind one or several torch tensors (one record)
   view     element type, shape and strides over bytes: how a tensor lies in its storage
   panel    16 columns of a weight matrix, interleaved for the matrix product
   trie     double array that maps byte strings to replacement texts (charsmap)

   LAYOUT
   Views count strides in elements; elements are little-endian. tango_io_view_read
   delivers any range of elements in row-major order (last index fastest) as float.

   MEMORY
   Nothing is allocated. Readers that need room (torch, json) have a twin ..._work_size
   that computes it from the bytes, with checked arithmetic; a block one byte too small is
   TANGO_ERROR_MEMORY. Results point into the input and into the block: keep both,
   unchanged, while results are in use. Structures hold no other resources, except
   tango_io_file and tango_io_output, which are released by tango_io_unmap and by commit
   or abandon.

   ERRORS
   Functions that can fail return tango_result and leave their outputs untouched on
   failure. The optional tango_error receives one line of printable ASCII; text from files
   is escaped.

   THREADS
   There is no global state. One structure belongs to one thread while it is written;
   opened readers are constant and may be shared.

   BUILD OPTIONS
   TANGO_IO_IMPLEMENTATION  in one .c file: also compile the functions (default: off)
   TANGO_IMPLEMENTATION     the same for all tango headers (default: off)
   TANGO_STATIC             all functions static (default: off)
   TANGO_ASSERT(c)          check of caller mistakes (default: assert, nothing if NDEBUG)
   TANGO_NO_STDIO           no files: leaves out room 4 and its users (default: off)
   TANGO_IO_NO_POSIX        room 4 by <stdio.h> alone, as on systems without POSIX: no
                            mapping, no synchronising to disk (default: off)
   For files over 2 GiB on 32-bit systems define _FILE_OFFSET_BITS=64 on the command line.

   CONTENTS
    1 >>error     Messages
    2 >>view      Element types and strided arrays
    3 >>checksum  Checksum of the blob, CRC-32
    4 >>file      Mapping, loading, output that appears whole
    5 >>blob      Weights blob
    6 >>torch     PyTorch archives
    7 >>json      JSON
    8 >>spiece    SentencePiece models
    9 >>npy       NumPy arrays
   10 >>wav       WAV
   private:
   11 >>bytes     Cursor, little-endian numbers, UTF-8, sorting
   12 >>zip       Stored zip archives
   13 >>pickle    The part of pickle that torch.save uses
*/
#ifndef TANGO_IO_H
#define TANGO_IO_H

/* ---- prelude begin (identical text in every tango header) ---------------- */
#ifndef TANGO_PRELUDE
#define TANGO_PRELUDE 1

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define TANGO_RESTRICT
#else
#define TANGO_RESTRICT restrict
#endif
#ifdef TANGO_STATIC
#define TANGO_API static
#elif defined __cplusplus
#define TANGO_API extern "C"
#else
#define TANGO_API extern
#endif
#ifndef TANGO_ASSERT
#if defined NDEBUG || (defined __STDC_HOSTED__ && __STDC_HOSTED__ == 0)
#define TANGO_ASSERT(condition) ((void)0)
#else
#include <assert.h>
#define TANGO_ASSERT(condition) assert(condition)
#endif
#endif

/* What a function that can fail returns. The message beside it says where and why. */
typedef enum tango_result {
    TANGO_OK = 0,
    TANGO_ERROR_ARGUMENT,    /* a parameter out of its documented range */
    TANGO_ERROR_MEMORY,      /* the caller's block is too small */
    TANGO_ERROR_DATA,        /* damaged or malformed bytes */
    TANGO_ERROR_UNSUPPORTED, /* well-formed, but of a kind this library does not read */
    TANGO_ERROR_FILE,        /* opening, reading or writing failed */
    TANGO_ERROR_NUMBER,      /* NaN, infinity or silence where sound was expected */
    TANGO_ERROR_CANCELLED    /* the caller's progress callback asked to stop */
} tango_result;

/* One line: the thing, the place, expected, found. NUL-terminated, printable ASCII. */
typedef struct tango_error { char text[160]; } tango_error;

/* *sum = a + b and *product = a * b; return 0 and leave the result alone on overflow. */
static inline int tango_add_ok(size_t a, size_t b, size_t *sum)
{
    if (b > SIZE_MAX - a) return 0;
    *sum = a + b;
    return 1;
}

static inline int tango_mul_ok(size_t a, size_t b, size_t *product)
{
    if (a != 0 && b > SIZE_MAX / a) return 0;
    *product = a * b;
    return 1;
}
#endif
/* ---- prelude end --------------------------------------------------------- */

/* ==== 1 >>error ==== Messages ======================================================= */

/* Writes one line into error->text (error may be NULL) and returns `result`, so that a
   failing function reads `return tango_io_fail(error, TANGO_ERROR_DATA, "...", ...);`.
   Conversions, independent of stdio and locale:
       %s  text up to its NUL          %q  text and its size_t length (may hold anything)
       %z  size_t                      %u  uint64_t
       %i  int64_t                     %%  a percent sign
   Texts are escaped to printable ASCII and shortened in the middle beyond 64
   characters. */
TANGO_API tango_result tango_io_fail(tango_error *error, tango_result result,
                                     const char *format, ...);

/* ==== 2 >>view ==== Element types and strided arrays ================================ */

#define TANGO_IO_RANK_MAX 8

/* The first two agree with tango_nn_type. The numbers are part of the blob format. */
typedef enum tango_io_type {
    TANGO_IO_F32 = 0,
    TANGO_IO_F16 = 1,
    TANGO_IO_BF16 = 2,
    TANGO_IO_I8 = 3,
    TANGO_IO_I16 = 4,
    TANGO_IO_I32 = 5,
    TANGO_IO_I64 = 6,
    TANGO_IO_U8 = 7,
    TANGO_IO_U16 = 8,
    TANGO_IO_U32 = 9,
    TANGO_IO_U64 = 10,
    TANGO_IO_F64 = 11,
    TANGO_IO_BOOL = 12,
    TANGO_IO_STRING = 13,   /* of blob values only: UTF-8 text */
    TANGO_IO_BYTES = 14     /* of blob values only */
} tango_io_type;

/* Bytes of one element: 1, 2, 4 or 8; 1 for STRING and BYTES; 0 for an unknown number. */
TANGO_API size_t tango_io_type_size(tango_io_type type);
/* "f32", "f16", "bf16", "i8", ..., "bool", "string", "bytes"; "?" for an unknown
   number. */
TANGO_API const char *tango_io_type_name(tango_io_type type);

/* Element (i0, i1, ...) lies at data + size * (i0*strides[0] + i1*strides[1] + ...).
   Rank 0 is one number. The readers that make views guarantee that all of it is
   inside. */
typedef struct tango_io_view {
    const unsigned char *data;
    tango_io_type type;
    size_t rank;
    size_t shape[TANGO_IO_RANK_MAX];
    size_t strides[TANGO_IO_RANK_MAX];
    size_t count;                       /* product of shape */
} tango_io_view;

/* out[j] = element number first + j in row-major order, j < count, converted to float:
   f16 and bf16 exactly, f64 and integers to the nearest (f64 beyond the range to
   infinity), bool to 0 or 1. first + count must not exceed view->count. */
TANGO_API void tango_io_view_read(float *out, const tango_io_view *view, size_t first,
                                  size_t count);

/* ==== 3 >>checksum ==== Checksum of the blob, CRC-32 ================================ */

/* The blob's 64-bit checksum. The bytes, padded with zeros to a multiple of 32, are
   little-endian words w[0], w[1], ... of 64 bits, dealt to four lanes:
       lane[i mod 4] = rotate_left(lane[i mod 4] xor w[i], 29) * M        (mod 2^64)
   with M = 0x9e3779b97f4a7c15 and lane[k] = k * M at the start. The result:
       h = size in bytes;   for k = 0..3:  h = rotate_left(h xor lane[k], 29) * M
       h = h xor (h >> 32);   h = h * M;   h = h xor (h >> 29)
   Every step is invertible, so a change inside one word always changes the result. It
   finds damage; it does not resist forgery. Bytes may be added in pieces of any size. */
typedef struct tango_io_checksum {
    uint64_t lane[4], size;
    unsigned char tail[32];
} tango_io_checksum;

TANGO_API void tango_io_checksum_begin(tango_io_checksum *sum);
TANGO_API void tango_io_checksum_add(tango_io_checksum *sum, const void *data,
                                     size_t size);
TANGO_API uint64_t tango_io_checksum_end(const tango_io_checksum *sum);

/* CRC-32 of zip, gzip and PNG (polynomial 0xedb88320, reflected). The table is the
   caller's: no globals. crc = 0 at the start; later calls take the value of the one
   before. */
typedef struct tango_io_crc32 { uint32_t table[8][256]; } tango_io_crc32;

TANGO_API void tango_io_crc32_begin(tango_io_crc32 *table);
TANGO_API uint32_t tango_io_crc32_add(const tango_io_crc32 *table, uint32_t crc,
                                      const void *data, size_t size);

/* ==== 4 >>file ==== Mapping, loading, output that appears whole ===================== */

#ifndef TANGO_NO_STDIO

#define TANGO_IO_PATH_MAX 4096

/* A file in memory, read-only. data is never NULL and 64-byte aligned while mapped. */
typedef struct tango_io_file {
    const unsigned char *data;
    size_t size;
    void *mapping;                      /* private */
} tango_io_file;

/* Maps the regular file `path` for reading. Other kinds of file, files that do not fit
   the address space and systems without mappings are errors. Writing over a mapped file
   in place changes the bytes under the reader; replacing it by a rename, as
   tango_io_commit does, is safe. */
TANGO_API tango_result tango_io_map(tango_io_file *file, const char *path,
                                    tango_error *error);
/* Gives the mapping back. Twice is safe, and so is a structure of zeros. */
TANGO_API void tango_io_unmap(tango_io_file *file);

/* Reads the whole regular file `path` into `buffer`; *size receives its size. A file
   larger than `capacity` is TANGO_ERROR_MEMORY. Works on every system with <stdio.h>. */
TANGO_API tango_result tango_io_load(void *buffer, size_t capacity, size_t *size,
                                     const char *path, tango_error *error);

/* Output that appears under its name only when it is complete. The bytes go to a new file
   in the same folder (mode 0644); tango_io_commit synchronises it to the disk and renames
   it over `path`; any failure, and tango_io_abandon, removes it and leaves an old `path`
   as it was. The path "-" is standard output: bytes go straight through, and there is no
   seeking. A reader of a pipe that goes away raises SIGPIPE unless the program ignores
   that signal; ignored, it is an error here. The path must be new or a regular file; a
   link is replaced, not followed. */
typedef struct tango_io_output {
    uint64_t at;                        /* position of the next byte */
    int state, descriptor;              /* private, as all that follows */
    void *stream;
    char path[TANGO_IO_PATH_MAX + 1];
    char temporary[TANGO_IO_PATH_MAX + 1];
} tango_io_output;

TANGO_API tango_result tango_io_create(tango_io_output *output, const char *path,
                                       tango_error *error);
/* All bytes or an error; after an error only tango_io_abandon is left. */
TANGO_API tango_result tango_io_write(tango_io_output *output, const void *data,
                                      size_t size, tango_error *error);
/* Moves to an absolute position; on standard output only to where it is. */
TANGO_API tango_result tango_io_seek(tango_io_output *output, uint64_t position,
                                     tango_error *error);
/* Completes the file. On failure the temporary file is gone and `path` is as it was. */
TANGO_API tango_result tango_io_commit(tango_io_output *output, tango_error *error);
/* Drops the file. Safe at any time after tango_io_create, also twice and after a
   commit. */
TANGO_API void tango_io_abandon(tango_io_output *output);

#endif /* TANGO_NO_STDIO */

/* ==== 5 >>blob ==== Weights blob ==================================================== */

/* FORMAT, version 1. All numbers are little-endian and unsigned unless marked; sizes and
   offsets are in bytes, offsets count from the start of the file.

       offset size  head
            0    8  magic: 54 41 4e 47 4f 00 0d 0a  ("TANGO", NUL, CR, LF)
            8    4  version: 1
           12    4  zero
           16    8  header size: head, tables, pool; a multiple of 64
           24    8  total size of the file
           32    4  V, number of values
           36    4  N, number of tensors
           40    8  checksum of the header (room 3), taken with this field as zero
           48   16  zero

                    table of values, at 64: V records, keys in strictly rising byte order
            0    4  offset of the key              16    8  offset of the value
            4    4  length of the key              24    8  count
            8    4  type: U64, F64, STRING, BYTES
           12    4  zero

                    table of tensors, after it: N records, names in strictly rising order
            0    4  offset of the name             16   64  shape[8], zero beyond the rank
            4    4  length of the name             80    8  offset of the data
            8    2  type of the elements           88    8  size of the data
           10    2  layout: 0 plain, 1 panels      96    8  checksum of the data (room 3)
           12    4  rank, 0 to 8

                    pool, after it, without gaps and in this order:
                    for each value: key, NUL, zeros to a multiple of 8, then
                        U64, F64: count numbers of 8 bytes (F64: IEEE, finite)
                        STRING:   count bytes of UTF-8, NUL     (NUL not in count)
                        BYTES:    count bytes
                      and zeros to a multiple of 8;
                    for each tensor: name, NUL;
                    zeros to the header size

                    data, from the header size on, in the order of the table:
                    each tensor's bytes, then zeros to a multiple of 64

   Keys and names are valid UTF-8 of 1 to 4096 bytes without control characters. Nothing
   may overlap, and there is no gap and no tail: each offset is the only possible one.
   PLAIN data is row-major. PANELS holds a matrix of shape (outputs, taps, channels) in
   the order of the matrix product: panel p, inner index k = tap*channels + channel,
   column c:
       element (p, k, c) = w[output 16p + c, tap, channel],   zero where 16p + c >=
       outputs
   so its size is ceil(outputs/16) * 16 * taps * channels elements. */

typedef enum tango_io_layout { TANGO_IO_PLAIN = 0, TANGO_IO_PANELS = 1 } tango_io_layout;

#define TANGO_IO_NAME_MAX 4096          /* bytes of a key, tensor name or archive path */
#define TANGO_IO_PANEL 16               /* columns of a panel */

typedef struct tango_io_tensor {
    const char *name;                   /* NUL-terminated */
    tango_io_type type;
    tango_io_layout layout;
    size_t rank;
    size_t shape[TANGO_IO_RANK_MAX];
    const void *data;                   /* 64-byte aligned */
    size_t size;                        /* bytes */
    uint64_t checksum;
} tango_io_tensor;

typedef struct tango_io_value {
    const char *key;                    /* NUL-terminated */
    int type;                           /* TANGO_IO_U64, _F64, _STRING or _BYTES */
    size_t count;                       /* numbers; bytes, for STRING without the NUL */
    const void *data;                   /* numbers: read them by the functions below */
} tango_io_value;

typedef struct tango_io_blob {
    const unsigned char *data;
    size_t size, header_size, value_count, tensor_count;
} tango_io_blob;

/* Checks head, tables, pool and header checksum of the blob in data[0..size) and fills
   *blob. No tensor data is read, nothing is copied. `data` must be 64-byte aligned
   (mappings are) and stay unchanged while the blob is used. */
TANGO_API tango_result tango_io_blob_open(tango_io_blob *blob, const void *data,
                                          size_t size, tango_error *error);

TANGO_API size_t tango_io_blob_tensor_count(const tango_io_blob *blob);
/* Tensor number `index` < tensor_count, in order of name. */
TANGO_API void tango_io_blob_tensor(const tango_io_blob *blob, size_t index,
                                    tango_io_tensor *out);
/* 1 and *out if there is a tensor `name`, else 0. Binary search. */
TANGO_API int tango_io_blob_find(const tango_io_blob *blob, const char *name,
                                 tango_io_tensor *out);
/* Compares the data of tensor `index` with its checksum, and its padding with zero. */
TANGO_API tango_result tango_io_blob_check(const tango_io_blob *blob, size_t index,
                                           tango_error *error);

TANGO_API size_t tango_io_blob_value_count(const tango_io_blob *blob);
/* Value number `index` < value_count, in order of key. */
TANGO_API void tango_io_blob_value_at(const tango_io_blob *blob, size_t index,
                                      tango_io_value *out);
/* 1 and *out if there is a value `key`, else 0. Binary search. */
TANGO_API int tango_io_blob_value(const tango_io_blob *blob, const char *key,
                                  tango_io_value *out);
/* Number i < count of a U64 or an F64 value. */
TANGO_API uint64_t tango_io_value_u64(const tango_io_value *value, size_t i);
TANGO_API double tango_io_value_f64(const tango_io_value *value, size_t i);

#ifndef TANGO_NO_STDIO

/* Writing: size, begin, data in pieces, end, tango_io_commit. The data of tensors[0],
   [1], ... is streamed in the order that begin sorts them into; pieces may be of any size
   and may span tensors. Nothing larger than the header is ever held. */
typedef struct tango_io_blob_writer {
    tango_io_output *output;
    unsigned char *header;
    size_t header_size, value_count;
    size_t tensor_count, index;         /* tensors in all, and complete ones */
    uint64_t left;                      /* bytes still missing in tensors[index] */
    tango_io_checksum sum;
} tango_io_blob_writer;

/* *size = bytes of work (the header) that tango_io_blob_write_begin needs. Of each tensor
   name, type, layout, rank and shape are read. */
TANGO_API tango_result tango_io_blob_write_size(size_t *size,
                                                const tango_io_value *values,
                                                size_t value_count,
                                                const tango_io_tensor *tensors,
                                                size_t tensor_count, tango_error *error);
/* Sorts `values` by key and `tensors` by name, fills in each tensor's size, and starts
   the file. Numbers of U64 and F64 values are uint64_t and double in memory. `output`
   must be a file, freshly created. Bad names, duplicates and impossible shapes are
   TANGO_ERROR_ARGUMENT. */
TANGO_API tango_result tango_io_blob_write_begin(
    tango_io_blob_writer *writer, tango_io_output *output, tango_io_value *values,
    size_t value_count, tango_io_tensor *tensors, size_t tensor_count, void *work,
    size_t work_size, tango_error *error);
TANGO_API tango_result tango_io_blob_write_data(tango_io_blob_writer *writer,
                                                const void *data, size_t size,
                                                tango_error *error);
/* Writes the header with all checksums. All data must have come. */
TANGO_API tango_result tango_io_blob_write_end(tango_io_blob_writer *writer,
                                               tango_error *error);

#endif /* TANGO_NO_STDIO */

#endif /* TANGO_IO_H */

/* ==================================================================================== */
/* Implementation                                                                       */
/* ==================================================================================== */

#if (defined TANGO_IO_IMPLEMENTATION || defined TANGO_IMPLEMENTATION) && \
    !defined TANGO_IO_IMPLEMENTED
#define TANGO_IO_IMPLEMENTED 1

#include <stdarg.h>
#ifndef TANGO_NO_STDIO
#include <stdio.h>
#if (defined __unix__ || defined __APPLE__) && !defined TANGO_IO_NO_POSIX
#define TANGO_IO__POSIX 1
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#endif
#endif

/* A plain `cc` build runs the loops below at full speed; Clang takes -O2 from its
   user. */
#if defined __GNUC__ && !defined __clang__ && !defined __OPTIMIZE__
#define TANGO_IO__PUSHED 1
#pragma GCC push_options
#pragma GCC optimize("O3")
#endif
#if defined __clang__
#pragma STDC FP_CONTRACT OFF
#endif

/* ==== 11 >>bytes ==== Cursor, little-endian numbers, UTF-8, sorting ================= */

static void tango_io__copy(void *to, const void *from, size_t size)
{
    unsigned char *out = (unsigned char *)to;
    const unsigned char *in = (const unsigned char *)from;
    size_t i;
    for (i = 0; i < size; i++) out[i] = in[i];
}

static void tango_io__zero(void *to, size_t size)
{
    unsigned char *out = (unsigned char *)to;
    size_t i;
    for (i = 0; i < size; i++) out[i] = 0;
}

static size_t tango_io__length(const char *text)
{
    size_t n = 0;
    while (text[n]) n++;
    return n;
}

/* Byte order; a text that ends first is the smaller. Returns -1, 0 or 1. */
static int tango_io__compare(const void *a, size_t a_size, const void *b, size_t b_size)
{
    const unsigned char *x = (const unsigned char *)a, *y = (const unsigned char *)b;
    size_t i, n = a_size < b_size ? a_size : b_size;
    for (i = 0; i < n; i++) {
        if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
    }
    return a_size == b_size ? 0 : a_size < b_size ? -1 : 1;
}

/* 1 if the bytes are exactly `text`. */
static int tango_io__equal(const void *bytes, size_t size, const char *text)
{
    return tango_io__compare(bytes, size, text, tango_io__length(text)) == 0;
}

static uint32_t tango_io__u16(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t tango_io__u32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
           (uint32_t)p[3] << 24;
}

static uint64_t tango_io__u64(const unsigned char *p)
{
    return (uint64_t)tango_io__u32(p) | (uint64_t)tango_io__u32(p + 4) << 32;
}

static void tango_io__put16(unsigned char *p, uint32_t v)
{
    p[0] = (unsigned char)(v & 0xff);
    p[1] = (unsigned char)(v >> 8 & 0xff);
}

static void tango_io__put32(unsigned char *p, uint32_t v)
{
    tango_io__put16(p, v & 0xffff);
    tango_io__put16(p + 2, v >> 16);
}

static void tango_io__put64(unsigned char *p, uint64_t v)
{
    tango_io__put32(p, (uint32_t)(v & 0xffffffff));
    tango_io__put32(p + 4, (uint32_t)(v >> 32));
}

static float tango_io__float(uint32_t bits)
{
    float value;
    tango_io__copy(&value, &bits, sizeof value);
    return value;
}

static double tango_io__double(uint64_t bits)
{
    double value;
    tango_io__copy(&value, &bits, sizeof value);
    return value;
}

static uint64_t tango_io__double_bits(double value)
{
    uint64_t bits;
    tango_io__copy(&bits, &value, sizeof bits);
    return bits;
}

/* 1 unless the exponent is all ones, which means infinity or NaN. */
static int tango_io__finite(double value)
{
    return (tango_io__double_bits(value) >> 52 & 0x7ff) != 0x7ff;
}

/* The one reader that moves. begin stays at the start of the whole input, so that
   at - begin is the byte offset for messages; narrowing moves only `end`. */
typedef struct tango_io__cursor {
    const unsigned char *begin, *at, *end;
} tango_io__cursor;

static tango_io__cursor tango_io__cursor_over(const void *data, size_t size)
{
    tango_io__cursor c;
    c.begin = c.at = (const unsigned char *)data;
    c.end = c.begin + size;
    return c;
}

static size_t tango_io__left(const tango_io__cursor *c)
{
    return (size_t)(c->end - c->at);
}

static size_t tango_io__offset(const tango_io__cursor *c)
{
    return (size_t)(c->at - c->begin);
}

/* The next n bytes, or NULL (and no movement) if there are fewer. */
static const unsigned char *tango_io__take(tango_io__cursor *c, uint64_t n)
{
    const unsigned char *p = c->at;
    if (n > tango_io__left(c)) return NULL;
    c->at += (size_t)n;
    return p;
}

/* Bytes (1 to 4) of the UTF-8 character at p, 0 if it is malformed: overlong forms,
   surrogates and numbers above U+10FFFF are. */
static size_t tango_io__utf8(const unsigned char *p, size_t size)
{
    size_t n, i;
    if (size == 0) return 0;
    if (p[0] < 0x80) return 1;
    n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n > size) return 0;
    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
    }
    if (p[0] == 0xe0 && p[1] < 0xa0) return 0;      /* overlong */
    if (p[0] == 0xed && p[1] > 0x9f) return 0;      /* surrogates */
    if (p[0] == 0xf0 && p[1] < 0x90) return 0;      /* overlong */
    if (p[0] == 0xf4 && p[1] > 0x8f) return 0;      /* above U+10FFFF */
    return n;
}

/* Offset of the first byte that is not UTF-8; `size` if all is well. */
static size_t tango_io__utf8_bad(const unsigned char *p, size_t size)
{
    size_t at = 0;
    while (at < size) {
        size_t n = tango_io__utf8(p + at, size - at);
        if (n == 0) return at;
        at += n;
    }
    return size;
}

/* A key or name: 1 to TANGO_IO_NAME_MAX bytes of UTF-8 without control characters
   (U+0000 to U+001F, U+007F to U+009F). */
static int tango_io__name_ok(const unsigned char *p, size_t size)
{
    size_t i;
    if (size == 0 || size > TANGO_IO_NAME_MAX) return 0;
    if (tango_io__utf8_bad(p, size) != size) return 0;
    for (i = 0; i < size; i++) {
        if (p[i] < 0x20 || p[i] == 0x7f) return 0;
        if (p[i] == 0xc2 && p[i + 1] < 0xa0) return 0;  /* valid UTF-8: p[i + 1] exists */
    }
    return 1;
}

/* Multiplies dimensions; 0 if the product of those that are not 0 exceeds 2^63 - 1.
   *count receives the product of all. */
static int tango_io__count(uint64_t *count, const uint64_t *shape, size_t rank)
{
    uint64_t product = 1;
    size_t i;
    int empty = 0;
    for (i = 0; i < rank; i++) {
        if (shape[i] == 0) { empty = 1; continue; }
        if (product > (uint64_t)INT64_MAX / shape[i]) return 0;
        product *= shape[i];
    }
    *count = empty ? 0 : product;
    return 1;
}

typedef int tango_io__order(const void *context, const void *a, const void *b);

static void tango_io__swap(unsigned char *a, unsigned char *b, size_t size)
{
    size_t i;
    for (i = 0; i < size; i++) {
        unsigned char t = a[i];
        a[i] = b[i];
        b[i] = t;
    }
}

/* Heap sort: in place, n log n comparisons for any input, so a hostile order costs
   nothing. */
static void tango_io__sort(void *base, size_t count, size_t size, tango_io__order *order,
                           const void *context)
{
    unsigned char *v = (unsigned char *)base;
    size_t start = count / 2, end = count, root, child;
    while (end > 1) {
        if (start > 0) {
            start--;
        } else {
            end--;
            tango_io__swap(v, v + end * size, size);
        }
        for (root = start; root < end / 2; root = child) {  /* then 2*root + 1 < end */
            child = 2 * root + 1;
            if (child + 1 < end &&
                order(context, v + child * size, v + (child + 1) * size) < 0)
                child++;
            if (order(context, v + root * size, v + child * size) >= 0) break;
            tango_io__swap(v + root * size, v + child * size, size);
        }
    }
}

/* ==== 1 >>error ==== Messages ======================================================= */

static void tango_io__put_char(tango_error *error, size_t *at, char c)
{
    if (*at + 1 < sizeof error->text) error->text[(*at)++] = c;
}

static void tango_io__put_number(tango_error *error, size_t *at, uint64_t value)
{
    char digits[20];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + (int)(value % 10));
        value /= 10;
    } while (value != 0);
    while (n > 0) tango_io__put_char(error, at, digits[--n]);
}

/* Text of any origin: beyond 64 characters the first 40 and the last 21 remain. */
static void tango_io__put_text(tango_error *error, size_t *at, const char *text,
                               size_t size)
{
    static const char hex[] = "0123456789abcdef";
    size_t i;
    for (i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (size > 64 && i == 40) {
            tango_io__put_char(error, at, '.');
            tango_io__put_char(error, at, '.');
            tango_io__put_char(error, at, '.');
            i = size - 22;
            continue;
        }
        if (c >= 0x20 && c < 0x7f && c != '\\') {
            tango_io__put_char(error, at, (char)c);
        } else {
            tango_io__put_char(error, at, '\\');
            tango_io__put_char(error, at, 'x');
            tango_io__put_char(error, at, hex[c >> 4]);
            tango_io__put_char(error, at, hex[c & 15]);
        }
    }
}

TANGO_API tango_result tango_io_fail(tango_error *error, tango_result result,
                                     const char *format, ...)
{
    va_list args;
    size_t at = 0;
    const char *text;
    if (!error) return result;
    va_start(args, format);
    for (; *format; format++) {
        if (*format != '%' || format[1] == 0) {
            tango_io__put_char(error, &at, *format);
            continue;
        }
        format++;
        if (*format == 's') {
            text = va_arg(args, const char *);
            tango_io__put_text(error, &at, text, tango_io__length(text));
        } else if (*format == 'q') {
            text = va_arg(args, const char *);
            tango_io__put_text(error, &at, text, va_arg(args, size_t));
        } else if (*format == 'z') {
            tango_io__put_number(error, &at, (uint64_t)va_arg(args, size_t));
        } else if (*format == 'u') {
            tango_io__put_number(error, &at, va_arg(args, uint64_t));
        } else if (*format == 'i') {
            int64_t value = va_arg(args, int64_t);
            if (value < 0) tango_io__put_char(error, &at, '-');
            tango_io__put_number(error, &at, value < 0 ? 0 - (uint64_t)value
                                                       : (uint64_t)value);
        } else {
            tango_io__put_char(error, &at, *format);
        }
    }
    va_end(args);
    error->text[at] = 0;
    return result;
}

/* ==== 2 >>view ==== Element types and strided arrays ================================ */

TANGO_API size_t tango_io_type_size(tango_io_type type)
{
    static const unsigned char size[] = { 4, 2, 2, 1, 2, 4, 8, 1, 2, 4, 8, 8, 1, 1, 1 };
    return (size_t)type < sizeof size ? size[type] : 0;
}

TANGO_API const char *tango_io_type_name(tango_io_type type)
{
    static const char name[][8] = { "f32", "f16", "bf16", "i8",     "i16",
                                    "i32", "i64", "u8",   "u16",    "u32",
                                    "u64", "f64", "bool", "string", "bytes" };
    return (size_t)type < sizeof name / sizeof name[0] ? name[type] : "?";
}

/* IEEE half: 1 sign, 5 exponent, 10 fraction bits. Every half is a float. */
static float tango_io__half(uint32_t h)
{
    uint32_t sign = (h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 0x3ff;
    if (exponent == 31) return tango_io__float(sign | 0x7f800000 | fraction << 13);
    if (exponent == 0) {                            /* zero, denormal: fraction * 2^-24 */
        float value = (float)fraction * (1.0f / 16777216.0f);
        return sign ? -value : value;
    }
    return tango_io__float(sign | (exponent + 112) << 23 | fraction << 13);
}

/* Nearest float. A double at or beyond 2^128 - 2^103 rounds to infinity; the conversion
   of such a value is undefined in C, so it is not left to a cast. */
static float tango_io__narrow(double value)
{
    const double limit = 340282356779733661637539395458142568448.0;
    if (value >= limit) return tango_io__float(0x7f800000);
    if (value <= -limit) return tango_io__float(0xff800000);
    return (float)value;
}

static float tango_io__element(const unsigned char *p, tango_io_type type)
{
    switch (type) {
    case TANGO_IO_F32: return tango_io__float(tango_io__u32(p));
    case TANGO_IO_F16: return tango_io__half(tango_io__u16(p));
    case TANGO_IO_BF16: return tango_io__float(tango_io__u16(p) << 16);
    case TANGO_IO_I8: return (float)(p[0] < 128 ? (int)p[0] : (int)p[0] - 256);
    case TANGO_IO_U8: return (float)p[0];
    case TANGO_IO_U16: return (float)tango_io__u16(p);
    case TANGO_IO_U32: return (float)tango_io__u32(p);
    case TANGO_IO_U64: return (float)tango_io__u64(p);
    case TANGO_IO_F64: return tango_io__narrow(tango_io__double(tango_io__u64(p)));
    case TANGO_IO_BOOL: return p[0] ? 1.0f : 0.0f;
    case TANGO_IO_I16: {
        int32_t v = (int32_t)tango_io__u16(p);
        return (float)(v < 32768 ? v : v - 65536);
    }
    case TANGO_IO_I32: {
        int64_t v = (int64_t)tango_io__u32(p);
        return (float)(v < INT64_C(2147483648) ? v : v - INT64_C(4294967296));
    }
    case TANGO_IO_I64: {
        uint64_t v = tango_io__u64(p);                  /* -v without signed overflow */
        return v >> 63 ? -(float)(0 - v) : (float)v;
    }
    case TANGO_IO_STRING: case TANGO_IO_BYTES: break;
    }
    return 0.0f;
}

/* One run along the last axis; step in bytes. The type that weights have gets its own
   loop. */
static void tango_io__row(float *out, const unsigned char *p, tango_io_type type,
                          size_t step, size_t count)
{
    size_t i;
    if (type == TANGO_IO_F32) {
        for (i = 0; i < count; i++) out[i] = tango_io__float(tango_io__u32(p + i * step));
    } else {
        for (i = 0; i < count; i++) out[i] = tango_io__element(p + i * step, type);
    }
}

TANGO_API void tango_io_view_read(float *out, const tango_io_view *view, size_t first,
                                  size_t count)
{
    size_t size = tango_io_type_size(view->type), axis, rest, at, run, last;
    TANGO_ASSERT(first <= view->count && count <= view->count - first);
    if (view->rank == 0) {
        if (count) out[0] = tango_io__element(view->data, view->type);
        return;
    }
    last = view->rank - 1;
    while (count > 0) {                                 /* here no dimension is 0 */
        size_t column = first % view->shape[last];
        rest = first / view->shape[last];
        at = column * view->strides[last];
        for (axis = last; axis-- > 0;) {
            at += rest % view->shape[axis] * view->strides[axis];
            rest /= view->shape[axis];
        }
        run = view->shape[last] - column;
        if (run > count) run = count;
        tango_io__row(out, view->data + at * size, view->type, view->strides[last] * size,
                      run);
        out += run;
        first += run;
        count -= run;
    }
}

/* ==== 3 >>checksum ==== Checksum of the blob, CRC-32 ================================ */

#define TANGO_IO__MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

static uint64_t tango_io__mix(uint64_t h, uint64_t word)
{
    h ^= word;
    return (h << 29 | h >> 35) * TANGO_IO__MULTIPLIER;
}

static void tango_io__checksum_blocks(uint64_t *lane, const unsigned char *p,
                                      size_t blocks)
{
    uint64_t a = lane[0], b = lane[1], c = lane[2], d = lane[3];
    for (; blocks > 0; blocks--, p += 32) {
        a = tango_io__mix(a, tango_io__u64(p));
        b = tango_io__mix(b, tango_io__u64(p + 8));
        c = tango_io__mix(c, tango_io__u64(p + 16));
        d = tango_io__mix(d, tango_io__u64(p + 24));
    }
    lane[0] = a;
    lane[1] = b;
    lane[2] = c;
    lane[3] = d;
}

TANGO_API void tango_io_checksum_begin(tango_io_checksum *sum)
{
    unsigned k;
    for (k = 0; k < 4; k++) sum->lane[k] = k * TANGO_IO__MULTIPLIER;
    sum->size = 0;
    tango_io__zero(sum->tail, sizeof sum->tail);
}

TANGO_API void tango_io_checksum_add(tango_io_checksum *sum, const void *data,
                                     size_t size)
{
    const unsigned char *p = (const unsigned char *)data;
    size_t held = (size_t)(sum->size % 32), take;
    sum->size += size;
    if (held > 0) {
        take = size < 32 - held ? size : 32 - held;
        tango_io__copy(sum->tail + held, p, take);
        p += take;
        size -= take;
        if (held + take < 32) return;
        tango_io__checksum_blocks(sum->lane, sum->tail, 1);
    }
    tango_io__checksum_blocks(sum->lane, p, size / 32);
    tango_io__copy(sum->tail, p + size / 32 * 32, size % 32);
}

TANGO_API uint64_t tango_io_checksum_end(const tango_io_checksum *sum)
{
    uint64_t lane[4], h = sum->size;
    unsigned char block[32];
    size_t held = (size_t)(sum->size % 32), k;
    for (k = 0; k < 4; k++) lane[k] = sum->lane[k];
    if (held > 0) {
        tango_io__zero(block, sizeof block);
        tango_io__copy(block, sum->tail, held);
        tango_io__checksum_blocks(lane, block, 1);
    }
    for (k = 0; k < 4; k++) h = tango_io__mix(h, lane[k]);
    h ^= h >> 32;
    h *= TANGO_IO__MULTIPLIER;
    return h ^ h >> 29;
}

/* table[0][b] is the CRC of byte b; table[k][b] that of b followed by k zero bytes. Eight
   look-ups then advance eight bytes at once, because the CRC is linear. */
TANGO_API void tango_io_crc32_begin(tango_io_crc32 *table)
{
    uint32_t b, c, k;
    for (b = 0; b < 256; b++) {
        c = b;
        for (k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
        table->table[0][b] = c;
    }
    for (k = 1; k < 8; k++) {
        for (b = 0; b < 256; b++) {
            c = table->table[k - 1][b];
            table->table[k][b] = c >> 8 ^ table->table[0][c & 255];
        }
    }
}

TANGO_API uint32_t tango_io_crc32_add(const tango_io_crc32 *table, uint32_t crc,
                                      const void *data, size_t size)
{
    const unsigned char *p = (const unsigned char *)data;
    uint32_t c = ~crc, a, b;
    for (; size >= 8; size -= 8, p += 8) {
        a = tango_io__u32(p) ^ c;
        b = tango_io__u32(p + 4);
        c = table->table[7][a & 255] ^ table->table[6][a >> 8 & 255] ^
            table->table[5][a >> 16 & 255] ^ table->table[4][a >> 24] ^
            table->table[3][b & 255] ^ table->table[2][b >> 8 & 255] ^
            table->table[1][b >> 16 & 255] ^ table->table[0][b >> 24];
    }
    for (; size > 0; size--, p++) c = c >> 8 ^ table->table[0][(c ^ *p) & 255];
    return ~c;
}

/* ==== 4 >>file ==== Mapping, loading, output that appears whole ===================== */

#ifndef TANGO_NO_STDIO

enum {
    TANGO_IO__CLOSED = 0,
    TANGO_IO__FILE = 1,
    TANGO_IO__STANDARD = 2,
    TANGO_IO__FAILED = 3
};

/* Length of the folder part of a path, with its slash; 0 if there is none. */
static size_t tango_io__folder(const char *path)
{
    size_t i, n = 0;
    for (i = 0; path[i]; i++) {
        if (path[i] == '/') n = i + 1;
    }
    return n;
}

static tango_result tango_io__path_ok(const char *path, tango_error *error)
{
    size_t n = tango_io__length(path);
    if (n == 0) return tango_io_fail(error, TANGO_ERROR_FILE, "empty file name");
    if (n > TANGO_IO_PATH_MAX)
        return tango_io_fail(error, TANGO_ERROR_FILE,
                             "%s: file name of %z bytes, at most %u allowed", path, n,
                             (uint64_t)TANGO_IO_PATH_MAX);
    return TANGO_OK;
}

/* folder of path + ".tango-<process>-<try>.tmp"; 0 if that is too long. */
static int tango_io__temporary(char *out, const char *path, uint64_t process,
                               uint64_t attempt)
{
    tango_error name;
    size_t folder = tango_io__folder(path), n;
    tango_io_fail(&name, TANGO_OK, ".tango-%u-%u.tmp", process, attempt);
    n = tango_io__length(name.text);
    if (folder + n > TANGO_IO_PATH_MAX) return 0;
    tango_io__copy(out, path, folder);
    tango_io__copy(out + folder, name.text, n + 1);
    return 1;
}

#ifdef TANGO_IO__POSIX

static int tango_io__open(const char *path, int flags, unsigned mode)
{
    int fd;
#ifdef O_CLOEXEC
    flags |= O_CLOEXEC;
#endif
    fd = open(path, flags, mode);
#ifndef O_CLOEXEC
    if (fd >= 0) fcntl(fd, F_SETFD, FD_CLOEXEC);        /* strict C99 hides O_CLOEXEC */
#endif
    return fd;
}

/* Opens a regular file for reading. O_NONBLOCK: opening a named pipe must not wait. */
static tango_result tango_io__open_regular(int *fd, size_t *size, const char *path,
                                           tango_error *error)
{
    struct stat info;
    tango_result r = tango_io__path_ok(path, error);
    if (r != TANGO_OK) return r;
    *fd = tango_io__open(path, O_RDONLY | O_NONBLOCK, 0);
    if (*fd < 0) {
        if (stat(path, &info) != 0)
            return tango_io_fail(error, TANGO_ERROR_FILE, "%s: no such file", path);
        return tango_io_fail(error, TANGO_ERROR_FILE, "%s: cannot be opened for reading",
                             path);
    }
    if (fstat(*fd, &info) != 0) {
        r = tango_io_fail(error, TANGO_ERROR_FILE, "%s: its size cannot be read", path);
    } else if (!S_ISREG(info.st_mode)) {
        r = tango_io_fail(error, TANGO_ERROR_FILE, "%s: not a regular file", path);
    } else if (info.st_size < 0 || (uint64_t)info.st_size > SIZE_MAX / 2) {
        r = tango_io_fail(error, TANGO_ERROR_FILE,
                          "%s: %i bytes are too many for this system", path,
                          (int64_t)info.st_size);
    } else {
        *size = (size_t)info.st_size;
        return TANGO_OK;
    }
    close(*fd);
    return r;
}

TANGO_API tango_result tango_io_map(tango_io_file *file, const char *path,
                                    tango_error *error)
{
    static const union {
        uint64_t align[8];
        unsigned char bytes[64];
    } nothing = { { 0 } };
    int fd;
    size_t size;
    void *mapping = NULL;
    tango_result r = tango_io__open_regular(&fd, &size, path, error);
    if (r != TANGO_OK) return r;
    if (size > 0) {
        mapping = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (mapping == MAP_FAILED) {
            close(fd);
            return tango_io_fail(error, TANGO_ERROR_FILE, "%s: %z bytes cannot be mapped",
                                 path, size);
        }
    }
    close(fd);                                          /* the mapping stays */
    file->data = mapping ? (const unsigned char *)mapping : nothing.bytes;
    file->size = size;
    file->mapping = mapping;
    return TANGO_OK;
}

TANGO_API void tango_io_unmap(tango_io_file *file)
{
    if (file->mapping) munmap(file->mapping, file->size);
    file->data = NULL;
    file->size = 0;
    file->mapping = NULL;
}

TANGO_API tango_result tango_io_load(void *buffer, size_t capacity, size_t *size,
                                     const char *path, tango_error *error)
{
    int fd;
    size_t need, done = 0;
    tango_result r = tango_io__open_regular(&fd, &need, path, error);
    if (r != TANGO_OK) return r;
    if (need > capacity) {
        close(fd);
        return tango_io_fail(error, TANGO_ERROR_MEMORY, "%s: %z bytes, room for %z", path,
                             need, capacity);
    }
    while (done < need) {
        size_t chunk = need - done < ((size_t)1 << 30) ? need - done : (size_t)1 << 30;
        ssize_t got = read(fd, (char *)buffer + done, chunk);
        if (got <= 0) break;
        done += (size_t)got;
    }
    close(fd);
    if (done < need)
        return tango_io_fail(error, TANGO_ERROR_FILE,
                             "%s: reading failed at offset %z of %z", path, done, need);
    *size = need;
    return TANGO_OK;
}

/* The five steps of an output, on a descriptor. Each returns 1 if all went well. */

static int tango_io__start(tango_io_output *output)
{
    uint64_t attempt;
    for (attempt = 0; attempt < 100; attempt++) {
        if (!tango_io__temporary(output->temporary, output->path, (uint64_t)getpid(),
                                 attempt))
            return 0;
        output->descriptor = tango_io__open(output->temporary,
                                            O_WRONLY | O_CREAT | O_EXCL, 0644);
        if (output->descriptor >= 0) return 1;
    }
    return 0;
}

static int tango_io__send(tango_io_output *output, const unsigned char *p, size_t size)
{
    while (size > 0) {
        size_t chunk = size < ((size_t)1 << 30) ? size : (size_t)1 << 30;
        ssize_t sent = write(output->descriptor, p, chunk);
        if (sent <= 0) return 0;
        p += sent;
        size -= (size_t)sent;
    }
    return 1;
}

static int tango_io__move(tango_io_output *output, uint64_t position)
{
    off_t to = (off_t)position;
    if (to < 0 || (uint64_t)to != position) return 0;
    return lseek(output->descriptor, to, SEEK_SET) == to;
}

/* Renaming is durable once the folder is synchronised; it is opened first, so that
   whatever can fail fails while the old file is still there. */
static int tango_io__finish(tango_io_output *output)
{
    size_t n = tango_io__folder(output->path);
    char folder[TANGO_IO_PATH_MAX + 1];
    int fd, ok;
    tango_io__copy(folder, n ? output->path : ".", n ? n : 1);
    folder[n ? n : 1] = 0;
    ok = fsync(output->descriptor) == 0;
    ok = close(output->descriptor) == 0 && ok;
    output->descriptor = -1;
    if (!ok) return 0;
    fd = tango_io__open(folder, O_RDONLY, 0);
    if (fd < 0) return 0;
    ok = rename(output->temporary, output->path) == 0;
    ok = ok && fsync(fd) == 0;
    close(fd);
    return ok;
}

static void tango_io__drop(tango_io_output *output)
{
    if (output->descriptor >= 0) close(output->descriptor);
    output->descriptor = -1;
    unlink(output->temporary);
}

static int tango_io__target_ok(const char *path)
{
    struct stat info;
    return stat(path, &info) != 0 || S_ISREG(info.st_mode);
}

#else /* plain stdio */

TANGO_API tango_result tango_io_map(tango_io_file *file, const char *path,
                                    tango_error *error)
{
    (void)file;
    return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED, "%s: no mappings on this system",
                         path);
}

TANGO_API void tango_io_unmap(tango_io_file *file)
{
    file->data = NULL;
    file->size = 0;
}

TANGO_API tango_result tango_io_load(void *buffer, size_t capacity, size_t *size,
                                     const char *path, tango_error *error)
{
    FILE *stream;
    size_t done;
    int more, failed;
    tango_result r = tango_io__path_ok(path, error);
    if (r != TANGO_OK) return r;
    stream = fopen(path, "rb");
    if (!stream)
        return tango_io_fail(error, TANGO_ERROR_FILE, "%s: cannot be opened", path);
    done = fread(buffer, 1, capacity, stream);
    more = done == capacity && fgetc(stream) != EOF;
    failed = ferror(stream);
    fclose(stream);
    if (failed)
        return tango_io_fail(error, TANGO_ERROR_FILE, "%s: reading failed at offset %z",
                             path, done);
    if (more)
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
                             "%s: larger than the room for %z bytes", path, capacity);
    *size = done;
    return TANGO_OK;
}

static int tango_io__start(tango_io_output *output)
{
    if (!tango_io__temporary(output->temporary, output->path, 0, 0)) return 0;
    output->stream = fopen(output->temporary, "wb");
    return output->stream != NULL;
}

static int tango_io__send(tango_io_output *output, const unsigned char *p, size_t size)
{
    FILE *stream = output->stream ? (FILE *)output->stream : stdout;
    return size == 0 || (fwrite(p, 1, size, stream) == size &&
                         (output->stream || fflush(stream) == 0));
}

static int tango_io__move(tango_io_output *output, uint64_t position)
{
    if (position > INT32_MAX) return 0;
    return fseek((FILE *)output->stream, (long)position, SEEK_SET) == 0;
}

/* rename does not replace an existing file everywhere. */
static int tango_io__finish(tango_io_output *output)
{
    int ok = fclose((FILE *)output->stream) == 0;
    output->stream = NULL;
    if (!ok) return 0;
    if (rename(output->temporary, output->path) == 0) return 1;
    remove(output->path);
    return rename(output->temporary, output->path) == 0;
}

static void tango_io__drop(tango_io_output *output)
{
    if (output->stream) fclose((FILE *)output->stream);
    output->stream = NULL;
    remove(output->temporary);
}

static int tango_io__target_ok(const char *path)
{
    (void)path;
    return 1;
}

#endif /* TANGO_IO__POSIX */

TANGO_API tango_result tango_io_create(tango_io_output *output, const char *path,
                                       tango_error *error)
{
    size_t folder = tango_io__folder(path);
    tango_result r = tango_io__path_ok(path, error);
    output->at = 0;
    output->state = TANGO_IO__CLOSED;
    output->descriptor = -1;
    output->stream = NULL;
    output->temporary[0] = 0;
    if (r != TANGO_OK) return r;
    tango_io__copy(output->path, path, tango_io__length(path) + 1);
    if (tango_io__equal(path, tango_io__length(path), "-")) {
        output->state = TANGO_IO__STANDARD;
        output->descriptor = 1;
        return TANGO_OK;
    }
    if (path[folder] == 0 || !tango_io__target_ok(path))
        return tango_io_fail(error, TANGO_ERROR_FILE, "%s: not a regular file", path);
    if (!tango_io__start(output))
        return tango_io_fail(error, TANGO_ERROR_FILE,
                             "%s: cannot create a file in the folder %q", path,
                             folder ? path : ".", folder ? folder : (size_t)1);
    output->state = TANGO_IO__FILE;
    return TANGO_OK;
}

/* Removes the temporary file and leaves an output that refuses all further work. */
static tango_result tango_io__output_failed(tango_io_output *output, tango_error *error,
                                            const char *what)
{
    if (output->state == TANGO_IO__FILE) tango_io__drop(output);
    output->state = TANGO_IO__FAILED;
    return tango_io_fail(error, TANGO_ERROR_FILE, "%s: %s at offset %u", output->path,
                         what, output->at);
}

TANGO_API tango_result tango_io_write(tango_io_output *output, const void *data,
                                      size_t size, tango_error *error)
{
    if (output->state != TANGO_IO__FILE && output->state != TANGO_IO__STANDARD)
        return tango_io_fail(error, TANGO_ERROR_FILE,
                             "writing to an output that is not open");
    if (!tango_io__send(output, (const unsigned char *)data, size))
        return tango_io__output_failed(output, error,
                                       output->state == TANGO_IO__FILE
                                           ? "writing failed (disk full?)"
                                           : "writing failed (reader gone?)");
    output->at += size;
    return TANGO_OK;
}

TANGO_API tango_result tango_io_seek(tango_io_output *output, uint64_t position,
                                     tango_error *error)
{
    if (output->state != TANGO_IO__FILE && output->state != TANGO_IO__STANDARD)
        return tango_io_fail(error, TANGO_ERROR_FILE,
                             "seeking in an output that is not open");
    if (position == output->at) return TANGO_OK;
    if (output->state == TANGO_IO__STANDARD)
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "standard output cannot go from offset %u to %u", output->at,
                             position);
    if (!tango_io__move(output, position))
        return tango_io__output_failed(output, error, "seeking failed");
    output->at = position;
    return TANGO_OK;
}

TANGO_API tango_result tango_io_commit(tango_io_output *output, tango_error *error)
{
    if (output->state == TANGO_IO__STANDARD) {
        output->state = TANGO_IO__CLOSED;
        return TANGO_OK;
    }
    if (output->state != TANGO_IO__FILE)
        return tango_io_fail(error, TANGO_ERROR_FILE,
                             "completing an output that is not open");
    if (!tango_io__finish(output))
        return tango_io__output_failed(output, error, "completing the file failed");
    output->state = TANGO_IO__CLOSED;
    return TANGO_OK;
}

TANGO_API void tango_io_abandon(tango_io_output *output)
{
    if (output->state == TANGO_IO__FILE) tango_io__drop(output);
    output->state = TANGO_IO__CLOSED;
}

#endif /* TANGO_NO_STDIO */

/* ==== 5 >>blob ==== Weights blob ==================================================== */

enum {
    TANGO_IO__BLOB_HEAD = 64,
    TANGO_IO__BLOB_VALUE = 32,
    TANGO_IO__BLOB_TENSOR = 104,
    TANGO_IO__BLOB_ALIGN = 64,
    TANGO_IO__BLOB_VERSION = 1
};

static const unsigned char tango_io__blob_magic[8] = { 0x54, 0x41, 0x4e, 0x47,
                                                       0x4f, 0,    13,   10 };

/* Round up to a multiple of the power of two `to`; 0 on overflow of 64 bits. */
static int tango_io__round_up(uint64_t *out, uint64_t n, uint64_t to)
{
    if (n > UINT64_MAX - (to - 1)) return 0;
    *out = (n + to - 1) / to * to;
    return 1;
}

/* Bytes of a tensor's data; 0 if the shape is impossible: layout and rank do not agree, a
   product over 2^63 - 1, or a size that this machine cannot address. */
static int tango_io__blob_data_size(uint64_t *size, tango_io_type type, uint32_t layout,
                                    const uint64_t *shape, size_t rank)
{
    uint64_t whole[TANGO_IO_RANK_MAX], count;
    size_t i, element = tango_io_type_size(type);
    for (i = 0; i < rank; i++) {
        whole[i] = shape[i];
        if (shape[i] > (uint64_t)INT64_MAX || shape[i] > SIZE_MAX) return 0;
    }
    if (layout == TANGO_IO_PANELS) {
        if (rank != 3 || !tango_io__round_up(&whole[0], whole[0], TANGO_IO_PANEL))
            return 0;
    } else if (layout != TANGO_IO_PLAIN) {
        return 0;
    }
    if (!tango_io__count(&count, whole, rank)) return 0;
    if (count > (uint64_t)INT64_MAX / element || count > SIZE_MAX / element) return 0;
    *size = count * element;
    return 1;
}

/* Checksum of a header whose field at 40..47 counts as zero. */
static uint64_t tango_io__blob_header_sum(const unsigned char *header, size_t size)
{
    static const unsigned char zero[8] = { 0 };
    tango_io_checksum sum;
    tango_io_checksum_begin(&sum);
    tango_io_checksum_add(&sum, header, 40);
    tango_io_checksum_add(&sum, zero, 8);
    tango_io_checksum_add(&sum, header + 48, size - 48);
    return tango_io_checksum_end(&sum);
}

/* Takes zeros up to the next multiple of `to`. */
static tango_result tango_io__blob_pad(tango_io__cursor *c, size_t to, tango_error *error)
{
    while (tango_io__offset(c) % to != 0) {
        const unsigned char *p = tango_io__take(c, 1);
        if (!p)
            return tango_io_fail(error, TANGO_ERROR_DATA,
                                 "blob pool ends early at offset %z",
                                 tango_io__offset(c));
        if (*p)
            return tango_io_fail(error, TANGO_ERROR_DATA,
                                 "blob padding is not zero at offset %z",
                                 tango_io__offset(c) - 1);
    }
    return TANGO_OK;
}

/* The key or name that the record at `record` refers to: it must come next in the pool,
   be well-formed, end with NUL and be greater than the one before. */
static tango_result tango_io__blob_name(tango_io__cursor *c, size_t record,
                                        const char *what, const unsigned char **last,
                                        size_t *last_size, tango_error *error)
{
    size_t at = tango_io__offset(c);
    uint32_t offset = tango_io__u32(c->begin + record);
    size_t size = tango_io__u32(c->begin + record + 4);
    const unsigned char *p;
    if (offset != at)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob %s: offset %u, expected %z (offset %z)", what,
                             (uint64_t)offset, at, record);
    p = size < SIZE_MAX ? tango_io__take(c, (uint64_t)size + 1) : NULL;
    if (!p || p[size] != 0)
        return tango_io_fail(
            error, TANGO_ERROR_DATA,
            "blob %s: %z bytes do not end with NUL in the pool (offset %z)", what, size,
            record + 4);
    if (!tango_io__name_ok(p, size))
        return tango_io_fail(
            error, TANGO_ERROR_DATA,
            "blob %s %q: empty, too long, or not clean UTF-8 (offset %z)", what, p, size,
            at);
    if (*last && tango_io__compare(*last, *last_size, p, size) >= 0)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob %s %q: duplicate or not in order (offset %z)", what, p,
                             size, at);
    *last = p;
    *last_size = size;
    return TANGO_OK;
}

static tango_result tango_io__blob_open_value(tango_io__cursor *c, size_t record,
                                              tango_error *error)
{
    const unsigned char *r = c->begin + record, *p;
    uint32_t type = tango_io__u32(r + 8);
    uint64_t offset = tango_io__u64(r + 16), count = tango_io__u64(r + 24), size = count,
             i;
    size_t at, bad;
    tango_result result = tango_io__blob_pad(c, 8, error);
    if (result != TANGO_OK) return result;
    at = tango_io__offset(c);
    if (type != TANGO_IO_U64 && type != TANGO_IO_F64 && type != TANGO_IO_STRING &&
        type != TANGO_IO_BYTES)
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "blob value: unknown type %u (offset %z)", (uint64_t)type,
                             record + 8);
    if (tango_io__u32(r + 12) != 0 || offset != at)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob value: offset %u, expected %z (offset %z)", offset, at,
                             record + 12);
    if (count > tango_io__left(c))
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob value: count %u passes the header (offset %z)", count,
                             record + 24);
    if (type == TANGO_IO_U64 || type == TANGO_IO_F64) size = count * 8;
    if (type == TANGO_IO_STRING) size = count + 1;
    p = tango_io__take(c, size);
    if (!p)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob value: count %u passes the header (offset %z)", count,
                             record + 24);
    for (i = 0; type == TANGO_IO_F64 && i < count; i++) {
        if (!tango_io__finite(tango_io__double(tango_io__u64(p + i * 8))))
            return tango_io_fail(error, TANGO_ERROR_DATA,
                                 "blob value: number %u is not finite (offset %u)", i,
                                 (uint64_t)at + i * 8);
    }
    if (type == TANGO_IO_STRING) {
        bad = tango_io__utf8_bad(p, (size_t)count);
        for (i = 0; i < bad && p[i] != 0; i++) {}
        if (i < count || p[count] != 0)
            return tango_io_fail(
                error, TANGO_ERROR_DATA,
                "blob value: text is not UTF-8 ending with NUL (offset %u)",
                (uint64_t)at + i);
    }
    return tango_io__blob_pad(c, 8, error);
}

/* Checks the record of a tensor; *end is the end of the data before, and moves. */
static tango_result tango_io__blob_open_tensor(const unsigned char *begin, size_t record,
                                               uint64_t total, uint64_t *end,
                                               tango_error *error)
{
    const unsigned char *r = begin + record;
    tango_io_type type = (tango_io_type)tango_io__u16(r + 8);
    uint32_t layout = tango_io__u16(r + 10), rank = tango_io__u32(r + 12), i;
    uint64_t shape[TANGO_IO_RANK_MAX], offset = tango_io__u64(r + 80), size;
    if (type > TANGO_IO_BOOL || layout > TANGO_IO_PANELS)
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "blob tensor: unknown type %u or layout %u (offset %z)",
                             (uint64_t)type, (uint64_t)layout, record + 8);
    if (rank > TANGO_IO_RANK_MAX)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob tensor: rank %u, at most 8 allowed (offset %z)",
                             (uint64_t)rank, record + 12);
    for (i = 0; i < TANGO_IO_RANK_MAX; i++) {
        shape[i] = tango_io__u64(r + 16 + 8 * i);
        if (i >= rank && shape[i] != 0)
            return tango_io_fail(error, TANGO_ERROR_DATA,
                                 "blob tensor: dimension beyond the rank (offset %z)",
                                 record + 16 + 8 * i);
    }
    if (!tango_io__blob_data_size(&size, type, layout, shape, rank))
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob tensor: impossible shape (offset %z)", record + 16);
    if (size != tango_io__u64(r + 88))
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob tensor: size %u, expected %u by its shape (offset %z)",
                             tango_io__u64(r + 88), size, record + 88);
    if (offset != *end)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob tensor: data at %u, expected at %u (offset %z)",
                             offset, *end, record + 80);
    if (size > total - offset ||
        !tango_io__round_up(end, offset + size, TANGO_IO__BLOB_ALIGN) || *end > total)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob tensor: %u bytes of data pass the end (offset %z)",
                             size, record + 88);
    return TANGO_OK;
}

/* Fixed part of the header: everything that can be said before the tables are read. */
static tango_result tango_io__blob_open_head(tango_io_blob *blob, const unsigned char *p,
                                             size_t size, tango_error *error)
{
    uint64_t header, total, values, tensors;
    uint32_t version;
    if (size < TANGO_IO__BLOB_HEAD)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob: %z bytes, a header has at least 64 (offset 0)", size);
    if (tango_io__compare(p, 8, tango_io__blob_magic, 8) != 0)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob: not a tango blob (offset 0)");
    version = tango_io__u32(p + 8);
    if (version != TANGO_IO__BLOB_VERSION)
        return tango_io_fail(error, TANGO_ERROR_UNSUPPORTED,
                             "blob: version %u, expected 1 (offset 8)",
                             (uint64_t)version);
    header = tango_io__u64(p + 16);
    total = tango_io__u64(p + 24);
    values = tango_io__u32(p + 32);
    tensors = tango_io__u32(p + 36);
    if (total != size)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob: its size is %u, the file has %z bytes (offset 24)",
                             total, size);
    if (header % TANGO_IO__BLOB_ALIGN != 0 || header < TANGO_IO__BLOB_HEAD ||
        header > size || header > INT32_MAX)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob: impossible header size %u (offset 16)", header);
    if (TANGO_IO__BLOB_HEAD + values * TANGO_IO__BLOB_VALUE +
        tensors * TANGO_IO__BLOB_TENSOR > header)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob: %u values and %u tensors pass the header (offset 32)",
                             values, tensors);
    if (tango_io__u32(p + 12) || tango_io__u64(p + 48) || tango_io__u64(p + 56))
        return tango_io_fail(error, TANGO_ERROR_DATA, "blob: unknown fields (offset 12)");
    if (tango_io__blob_header_sum(p, (size_t)header) != tango_io__u64(p + 40))
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob: the header does not match its checksum (offset 40)");
    blob->data = p;
    blob->size = size;
    blob->header_size = (size_t)header;
    blob->value_count = (size_t)values;
    blob->tensor_count = (size_t)tensors;
    return TANGO_OK;
}

static size_t tango_io__blob_value_record(const tango_io_blob *blob, size_t index)
{
    (void)blob;
    return TANGO_IO__BLOB_HEAD + index * TANGO_IO__BLOB_VALUE;
}

static size_t tango_io__blob_tensor_record(const tango_io_blob *blob, size_t index)
{
    return tango_io__blob_value_record(blob, blob->value_count) +
           index * TANGO_IO__BLOB_TENSOR;
}

TANGO_API tango_result tango_io_blob_open(tango_io_blob *blob, const void *data,
                                          size_t size, tango_error *error)
{
    tango_io_blob b;
    tango_io__cursor c;
    const unsigned char *last = NULL;
    size_t i, last_size = 0;
    uint64_t end;
    tango_result r;
    if (!data || (uintptr_t)data % TANGO_IO__BLOB_ALIGN != 0)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                             "blob: the bytes are not at a multiple of 64");
    r = tango_io__blob_open_head(&b, (const unsigned char *)data, size, error);
    if (r != TANGO_OK) return r;
    c = tango_io__cursor_over(data, b.header_size);
    tango_io__take(&c, tango_io__blob_tensor_record(&b, b.tensor_count));
    for (i = 0; i < b.value_count && r == TANGO_OK; i++) {
        size_t record = tango_io__blob_value_record(&b, i);
        r = tango_io__blob_name(&c, record, "key", &last, &last_size, error);
        if (r == TANGO_OK) r = tango_io__blob_open_value(&c, record, error);
    }
    last = NULL;
    end = b.header_size;
    for (i = 0; i < b.tensor_count && r == TANGO_OK; i++) {
        size_t record = tango_io__blob_tensor_record(&b, i);
        r = tango_io__blob_name(&c, record, "tensor", &last, &last_size, error);
        if (r == TANGO_OK)
            r = tango_io__blob_open_tensor(c.begin, record, size, &end, error);
    }
    if (r == TANGO_OK) r = tango_io__blob_pad(&c, TANGO_IO__BLOB_ALIGN, error);
    if (r != TANGO_OK) return r;
    if (tango_io__left(&c) > 0)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob: bytes left in the header (offset %z)",
                             tango_io__offset(&c));
    if (end != size)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob: bytes left after the data (offset %u)", end);
    *blob = b;
    return TANGO_OK;
}

/* Bytes [offset, offset + size) of the file, or NULL. tango_io_blob_open has checked
   every record; checking again means that a file changed under its mapping gives an empty
   result, never an access outside. */
static const unsigned char *tango_io__blob_range(const tango_io_blob *blob,
                                                 uint64_t offset, uint64_t size)
{
    if (offset > blob->size || size > blob->size - offset) return NULL;
    return blob->data + (size_t)offset;
}

/* The NUL-terminated key or name of a record, "" if the file has changed. */
static const char *tango_io__blob_text(const tango_io_blob *blob,
                                       const unsigned char *record, size_t *size)
{
    uint32_t n = tango_io__u32(record + 4);
    const unsigned char *p = tango_io__blob_range(blob, tango_io__u32(record),
                                                  (uint64_t)n + 1);
    *size = 0;
    if (!p || p[n] != 0) return "";
    *size = n;
    return (const char *)p;
}

/* Index of the record with this name in a table, or count. */
static size_t tango_io__blob_search(const tango_io_blob *blob, size_t first, size_t step,
                                    size_t count, const char *name)
{
    size_t low = 0, high = count, size = tango_io__length(name), n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *text = tango_io__blob_text(blob, blob->data + first + middle * step,
                                               &n);
        int order = tango_io__compare(text, n, name, size);
        if (order == 0) return middle;
        if (order < 0) low = middle + 1; else high = middle;
    }
    return count;
}

TANGO_API size_t tango_io_blob_tensor_count(const tango_io_blob *blob)
{
    return blob->tensor_count;
}

TANGO_API void tango_io_blob_tensor(const tango_io_blob *blob, size_t index,
                                    tango_io_tensor *out)
{
    const unsigned char *r = blob->data + tango_io__blob_tensor_record(blob, index);
    uint64_t size = tango_io__u64(r + 88);
    size_t i, n;
    TANGO_ASSERT(index < blob->tensor_count);
    out->name = tango_io__blob_text(blob, r, &n);
    out->type = (tango_io_type)tango_io__u16(r + 8);
    out->layout = (tango_io_layout)tango_io__u16(r + 10);
    out->rank = tango_io__u32(r + 12);
    if (out->rank > TANGO_IO_RANK_MAX) out->rank = TANGO_IO_RANK_MAX;
    for (i = 0; i < TANGO_IO_RANK_MAX; i++)
        out->shape[i] = (size_t)tango_io__u64(r + 16 + 8 * i);
    out->data = tango_io__blob_range(blob, tango_io__u64(r + 80), size);
    out->size = out->data ? (size_t)size : 0;
    out->checksum = tango_io__u64(r + 96);
}

TANGO_API int tango_io_blob_find(const tango_io_blob *blob, const char *name,
                                 tango_io_tensor *out)
{
    size_t i = tango_io__blob_search(blob, tango_io__blob_tensor_record(blob, 0),
                                     TANGO_IO__BLOB_TENSOR, blob->tensor_count, name);
    if (i == blob->tensor_count) return 0;
    tango_io_blob_tensor(blob, i, out);
    return 1;
}

TANGO_API tango_result tango_io_blob_check(const tango_io_blob *blob, size_t index,
                                           tango_error *error)
{
    tango_io_tensor tensor;
    tango_io_checksum sum;
    const unsigned char *p;
    size_t end;
    if (index >= blob->tensor_count)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "blob: no tensor number %z",
                             index);
    tango_io_blob_tensor(blob, index, &tensor);
    p = (const unsigned char *)tensor.data;
    if (!p)
        return tango_io_fail(error, TANGO_ERROR_DATA,
                             "blob tensor %s: changed while in use", tensor.name);
    tango_io_checksum_begin(&sum);
    tango_io_checksum_add(&sum, p, tensor.size);
    if (tango_io_checksum_end(&sum) != tensor.checksum)
        return tango_io_fail(
            error, TANGO_ERROR_DATA,
            "blob tensor %s: data does not match its checksum (offset %z)", tensor.name,
            (size_t)(p - blob->data));
    end = (size_t)(p - blob->data) + tensor.size;
    for (; end % TANGO_IO__BLOB_ALIGN != 0 && end < blob->size; end++) {
        if (blob->data[end] != 0)
            return tango_io_fail(error, TANGO_ERROR_DATA,
                                 "blob tensor %s: padding is not zero (offset %z)",
                                 tensor.name, end);
    }
    return TANGO_OK;
}

TANGO_API size_t tango_io_blob_value_count(const tango_io_blob *blob)
{
    return blob->value_count;
}

TANGO_API void tango_io_blob_value_at(const tango_io_blob *blob, size_t index,
                                      tango_io_value *out)
{
    const unsigned char *r = blob->data + tango_io__blob_value_record(blob, index);
    uint64_t count = tango_io__u64(r + 24), size = count;
    size_t n;
    TANGO_ASSERT(index < blob->value_count);
    out->key = tango_io__blob_text(blob, r, &n);
    out->type = (int)tango_io__u32(r + 8);
    if (count > blob->size) count = size = blob->size;
    if (out->type == TANGO_IO_U64 || out->type == TANGO_IO_F64) size = count * 8;
    if (out->type == TANGO_IO_STRING) size = count + 1;
    out->data = tango_io__blob_range(blob, tango_io__u64(r + 16), size);
    out->count = out->data ? (size_t)count : 0;
}

TANGO_API int tango_io_blob_value(const tango_io_blob *blob, const char *key,
                                  tango_io_value *out)
{
    size_t i = tango_io__blob_search(blob, tango_io__blob_value_record(blob, 0),
                                     TANGO_IO__BLOB_VALUE, blob->value_count, key);
    if (i == blob->value_count) return 0;
    tango_io_blob_value_at(blob, i, out);
    return 1;
}

TANGO_API uint64_t tango_io_value_u64(const tango_io_value *value, size_t i)
{
    TANGO_ASSERT(value->type == TANGO_IO_U64 && i < value->count);
    return tango_io__u64((const unsigned char *)value->data + i * 8);
}

TANGO_API double tango_io_value_f64(const tango_io_value *value, size_t i)
{
    TANGO_ASSERT(value->type == TANGO_IO_F64 && i < value->count);
    return tango_io__double(tango_io__u64((const unsigned char *)value->data + i * 8));
}

#ifndef TANGO_NO_STDIO

/* Bytes of a value to be written, without the NUL of a STRING; 0 if it cannot be
   written. */
static int tango_io__blob_value_size(size_t *size, const tango_io_value *value)
{
    size_t i;
    const unsigned char *p = (const unsigned char *)value->data;
    if (!p && value->count > 0) return 0;
    if (value->type == TANGO_IO_U64 || value->type == TANGO_IO_F64) {
        if (!tango_mul_ok(value->count, 8, size)) return 0;
        for (i = 0; value->type == TANGO_IO_F64 && i < value->count; i++) {
            double number;
            tango_io__copy(&number, p + i * 8, 8);
            if (!tango_io__finite(number)) return 0;
        }
        return 1;
    }
    *size = value->count;
    if (value->type != TANGO_IO_STRING) return value->type == TANGO_IO_BYTES;
    for (i = 0; i < value->count && p[i] != 0; i++) {}
    return i == value->count && (i == 0 || tango_io__utf8_bad(p, i) == i);
}

/* Adds `more` bytes and padding to *size; keeps it below 2^31, the limit of header
   offsets. */
static int tango_io__blob_grow(size_t *size, size_t more, size_t to)
{
    if (more > INT32_MAX || *size + more > INT32_MAX - to) return 0;
    *size = (*size + more + to - 1) / to * to;
    return 1;
}

TANGO_API tango_result tango_io_blob_write_size(size_t *size,
                                                const tango_io_value *values,
                                                size_t value_count,
                                                const tango_io_tensor *tensors,
                                                size_t tensor_count, tango_error *error)
{
    size_t i, n, bytes, total = TANGO_IO__BLOB_HEAD;
    int ok = value_count <= INT32_MAX / TANGO_IO__BLOB_VALUE &&
             tensor_count <= INT32_MAX / TANGO_IO__BLOB_TENSOR &&
             tango_io__blob_grow(&total, value_count * TANGO_IO__BLOB_VALUE, 1) &&
             tango_io__blob_grow(&total, tensor_count * TANGO_IO__BLOB_TENSOR, 1);
    for (i = 0; i < value_count && ok; i++) {
        n = tango_io__length(values[i].key);
        if (!tango_io__name_ok((const unsigned char *)values[i].key, n) ||
            !tango_io__blob_value_size(&bytes, &values[i]))
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                                 "blob: value %s cannot be written", values[i].key);
        ok = tango_io__blob_grow(&total, n + 1, 8) &&
             tango_io__blob_grow(&total, bytes, 1) &&
             tango_io__blob_grow(&total, values[i].type == TANGO_IO_STRING, 8);
    }
    for (i = 0; i < tensor_count && ok; i++) {
        n = tango_io__length(tensors[i].name);
        if (!tango_io__name_ok((const unsigned char *)tensors[i].name, n))
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "blob: bad tensor name %s",
                                 tensors[i].name);
        ok = tango_io__blob_grow(&total, n + 1, 1);
    }
    ok = ok && tango_io__blob_grow(&total, 0, TANGO_IO__BLOB_ALIGN);
    if (!ok)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "blob: a header over 2 GiB");
    *size = total;
    return TANGO_OK;
}

static int tango_io__value_order(const void *context, const void *a, const void *b)
{
    const char *x = ((const tango_io_value *)a)->key,
               *y = ((const tango_io_value *)b)->key;
    (void)context;
    return tango_io__compare(x, tango_io__length(x), y, tango_io__length(y));
}

static int tango_io__tensor_order(const void *context, const void *a, const void *b)
{
    const char *x = ((const tango_io_tensor *)a)->name,
               *y = ((const tango_io_tensor *)b)->name;
    (void)context;
    return tango_io__compare(x, tango_io__length(x), y, tango_io__length(y));
}

/* Puts a value's record and its place in the pool; *at moves to the end of it. */
static void tango_io__blob_put_value(unsigned char *header, size_t record, size_t *at,
                                     const tango_io_value *value)
{
    size_t n = tango_io__length(value->key), i;
    unsigned char *r = header + record;
    const unsigned char *from = (const unsigned char *)value->data;
    tango_io__put32(r, (uint32_t)*at);
    tango_io__put32(r + 4, (uint32_t)n);
    tango_io__put32(r + 8, (uint32_t)value->type);
    tango_io__copy(header + *at, value->key, n);
    *at = (*at + n + 8) / 8 * 8;                        /* NUL and padding are there */
    tango_io__put64(r + 16, *at);
    tango_io__put64(r + 24, value->count);
    if (value->type == TANGO_IO_U64 || value->type == TANGO_IO_F64) {
        for (i = 0; i < value->count; i++) { /* from the machine's byte order */
            uint64_t bits;
            tango_io__copy(&bits, from + i * 8, 8);
            tango_io__put64(header + *at + i * 8, bits);
        }
        *at += value->count * 8;
    } else {
        tango_io__copy(header + *at, from, value->count);
        *at = (*at + value->count + (value->type == TANGO_IO_STRING) + 7) / 8 * 8;
    }
}

/* Puts a tensor's record except for the checksum; fills in tensor->size. *end is the end
   of the data so far. 0 if the shape is impossible. */
static int tango_io__blob_put_tensor(unsigned char *header, size_t record, size_t *at,
                                     uint64_t *end, tango_io_tensor *tensor)
{
    size_t n = tango_io__length(tensor->name), i;
    unsigned char *r = header + record;
    uint64_t shape[TANGO_IO_RANK_MAX], size;
    if (tensor->rank > TANGO_IO_RANK_MAX || tensor->type > TANGO_IO_BOOL) return 0;
    for (i = 0; i < tensor->rank; i++) {
        shape[i] = tensor->shape[i];
        tango_io__put64(r + 16 + 8 * i, shape[i]);
    }
    if (!tango_io__blob_data_size(&size, tensor->type, (uint32_t)tensor->layout, shape,
                                  tensor->rank))
        return 0;
    tensor->size = (size_t)size;
    tango_io__put32(r, (uint32_t)*at);
    tango_io__put32(r + 4, (uint32_t)n);
    tango_io__put16(r + 8, (uint32_t)tensor->type);
    tango_io__put16(r + 10, (uint32_t)tensor->layout);
    tango_io__put32(r + 12, (uint32_t)tensor->rank);
    tango_io__put64(r + 80, *end);
    tango_io__put64(r + 88, size);
    tango_io__copy(header + *at, tensor->name, n);
    *at += n + 1;
    if (size > UINT64_MAX - *end) return 0;
    return tango_io__round_up(end, *end + size, TANGO_IO__BLOB_ALIGN);
}

/* Moves on to the next tensor that has data, storing the checksums of those that end
   here. */
static tango_result tango_io__blob_next(tango_io_blob_writer *w, tango_error *error)
{
    static const unsigned char zero[TANGO_IO__BLOB_ALIGN] = { 0 };
    while (w->left == 0 && w->index < w->tensor_count) {
        size_t record = TANGO_IO__BLOB_HEAD + w->value_count * TANGO_IO__BLOB_VALUE +
                        w->index * TANGO_IO__BLOB_TENSOR;
        size_t padding = (size_t)((0 - w->output->at) % TANGO_IO__BLOB_ALIGN);
        tango_result r = tango_io_write(w->output, zero, padding, error);
        if (r != TANGO_OK) return r;
        tango_io__put64(w->header + record + 96, tango_io_checksum_end(&w->sum));
        tango_io_checksum_begin(&w->sum);
        w->index++;
        if (w->index < w->tensor_count)
            w->left = tango_io__u64(w->header + record + TANGO_IO__BLOB_TENSOR + 88);
    }
    return TANGO_OK;
}

TANGO_API tango_result tango_io_blob_write_begin(
    tango_io_blob_writer *writer, tango_io_output *output, tango_io_value *values,
    size_t value_count, tango_io_tensor *tensors, size_t tensor_count, void *work,
    size_t work_size, tango_error *error)
{
    unsigned char *header = (unsigned char *)work;
    size_t size, i, record, at;
    uint64_t end;
    tango_result r = tango_io_blob_write_size(&size, values, value_count, tensors,
                                              tensor_count, error);
    if (r != TANGO_OK) return r;
    if (work_size < size)
        return tango_io_fail(error, TANGO_ERROR_MEMORY,
                             "blob: the header takes %z bytes, not %z", size, work_size);
    tango_io__sort(values, value_count, sizeof *values, tango_io__value_order, NULL);
    tango_io__sort(tensors, tensor_count, sizeof *tensors, tango_io__tensor_order, NULL);
    for (i = 1; i < value_count; i++) {
        if (tango_io__value_order(NULL, &values[i - 1], &values[i]) == 0)
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "blob: two values %s",
                                 values[i].key);
    }
    for (i = 1; i < tensor_count; i++) {
        if (tango_io__tensor_order(NULL, &tensors[i - 1], &tensors[i]) == 0)
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT, "blob: two tensors %s",
                                 tensors[i].name);
    }
    tango_io__zero(header, size);
    tango_io__copy(header, tango_io__blob_magic, 8);
    tango_io__put32(header + 8, TANGO_IO__BLOB_VERSION);
    tango_io__put64(header + 16, size);
    tango_io__put32(header + 32, (uint32_t)value_count);
    tango_io__put32(header + 36, (uint32_t)tensor_count);
    record = TANGO_IO__BLOB_HEAD;
    at = record + value_count * TANGO_IO__BLOB_VALUE +
         tensor_count * TANGO_IO__BLOB_TENSOR;
    for (i = 0; i < value_count; i++, record += TANGO_IO__BLOB_VALUE)
        tango_io__blob_put_value(header, record, &at, &values[i]);
    end = size;
    for (i = 0; i < tensor_count; i++, record += TANGO_IO__BLOB_TENSOR) {
        if (!tango_io__blob_put_tensor(header, record, &at, &end, &tensors[i]))
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                                 "blob: tensor %s has an impossible shape or type",
                                 tensors[i].name);
    }
    tango_io__put64(header + 24, end);
    writer->output = output;
    writer->header = header;
    writer->header_size = size;
    writer->value_count = value_count;
    writer->tensor_count = tensor_count;
    writer->index = 0;
    writer->left = tensor_count ? tensors[0].size : 0;
    tango_io_checksum_begin(&writer->sum);
    /* The header is written twice: now to hold its place, at the end with the
       checksums. */
    r = tango_io_write(output, header, size, error);
    return r == TANGO_OK ? tango_io__blob_next(writer, error) : r;
}

TANGO_API tango_result tango_io_blob_write_data(tango_io_blob_writer *writer,
                                                const void *data, size_t size,
                                                tango_error *error)
{
    const unsigned char *p = (const unsigned char *)data;
    tango_result r = TANGO_OK;
    while (size > 0 && r == TANGO_OK) {
        size_t part = size < writer->left ? size : (size_t)writer->left;
        if (writer->left == 0)
            return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                                 "blob: %z bytes more than all tensors take", size);
        r = tango_io_write(writer->output, p, part, error);
        if (r != TANGO_OK) return r;
        tango_io_checksum_add(&writer->sum, p, part);
        p += part;
        size -= part;
        writer->left -= part;
        r = tango_io__blob_next(writer, error);
    }
    return r;
}

TANGO_API tango_result tango_io_blob_write_end(tango_io_blob_writer *writer,
                                               tango_error *error)
{
    tango_result r;
    if (writer->index < writer->tensor_count)
        return tango_io_fail(error, TANGO_ERROR_ARGUMENT,
                             "blob: data of tensor %z of %z is missing", writer->index,
                             writer->tensor_count);
    tango_io__put64(writer->header + 40,
                    tango_io__blob_header_sum(writer->header, writer->header_size));
    r = tango_io_seek(writer->output, 0, error);
    if (r != TANGO_OK) return r;
    return tango_io_write(writer->output, writer->header, writer->header_size, error);
}

#endif /* TANGO_NO_STDIO */

#ifdef TANGO_IO__PUSHED
#pragma GCC pop_options
#endif

#endif /* TANGO_IO_IMPLEMENTATION */

/*
   MIT No Attribution

   Copyright 2026 the tango authors

   Permission is hereby granted, free of charge, to any person obtaining a copy of
   this software and associated documentation files (the "Software"), to deal in the
   Software without restriction, including without limitation the rights to use,
   copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the
   Software, and to permit persons to whom the Software is furnished to do so.

   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED,
   INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A
   PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT
   HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION
   OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE
   SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
*/
