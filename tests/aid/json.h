#ifndef GF_TESTS_AID_JSON_H
#define GF_TESTS_AID_JSON_H
/*
 * JSON text for test vectors: one document at a time, members in the order of the calls, bytes as
 * lower-case hex. Names and texts are written as they are, but for '"' and '\'.
 */
#include <stddef.h>
#include <stdint.h>

/* Begin a document: an object whose first member is "about". */
void aid_json_begin(const char *about);

/* An object ('{') or array ('['); name is NULL inside an array. */
void aid_json_open(const char *name, char bracket);
void aid_json_close(char bracket);

void aid_json_text(const char *name, const char *text);
void aid_json_number(const char *name, int64_t v);
void aid_json_hex(const char *name, const void *p, size_t n);

/* End it: the whole text, which is kept until the next begin. */
const char *aid_json_end(void);

#endif
