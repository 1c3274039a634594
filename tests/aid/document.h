#ifndef GF_TESTS_AID_DOCUMENT_H
#define GF_TESTS_AID_DOCUMENT_H
/*
 * Documents that people write and code prints into: a section of a Markdown file between the lines
 *     <!-- printed: NAME -->
 *     <!-- end -->
 * or of a man page (which begins with a dot) between the lines
 *     .\" printed: NAME
 *     .\" end
 * must be what its function prints. With GENERATE=1 the file is rewritten first.
 */
#include <stdint.h>
#include <stdio.h>

struct aid_section {
    const char *name;
    void (*print)(FILE *f);
};

/* Compare every section of the file, each of which must stand in it once and in this order; a
 * marker for none of them fails too. */
void aid_document_settle(const char *path, const struct aid_section *sections, size_t n);

/* The n bytes at p + from as lines of 16 in hex, each with its offset in front. */
void aid_document_dump(FILE *f, const uint8_t *p, size_t from, size_t n);

#endif
