/* json_out.h - JSON written straight into bytes that grow: rows of answers, lines of the log.
 *
 *     buf_text(b, "{"); json_name(b, "n"); json_int(b, 7); json_name(b, "m"); ... buf_text(b, "}");
 *
 * Only writes; what comes is read by jansson. Want of memory shows in the buf.
 */
#ifndef GF_JSON_OUT_H
#define GF_JSON_OUT_H

#include <stddef.h>
#include <stdint.h>

#include "backend/buf.h"

/* The comma before an element, unless it is the first since the "[" or "{" that stands there. */
void json_comma(struct buf *b);
/* The name of an object's next member, with its comma: a literal without anything to escape. */
void json_name(struct buf *b, const char *name);
/* n bytes of UTF-8 as a text (RFC 8259, 7): quotes, backslashes and controls are escaped. */
void json_text(struct buf *b, const char *text, size_t n);
void json_int(struct buf *b, int64_t v);

/* The same to where there is room (buf_room()) for all that may be written: one question for many.
 * Each returns the place behind what it wrote; a name comes without a comma. */
#define JSON_NAME_MAX(n) ((n) + 3)
#define JSON_TEXT_MAX(n) (6 * (n) + 2)
#define JSON_INT_MAX 20
uint8_t *json_put_name(uint8_t *at, const char *name);
uint8_t *json_put_text(uint8_t *at, const char *text, size_t n);
uint8_t *json_put_int(uint8_t *at, int64_t v);

#endif
