/* office_words.h - the words for numbers of the meter's protocol, as head office prints them. */
#ifndef GF_OFFICE_WORDS_H
#define GF_OFFICE_WORDS_H

#include <stdint.h>

/* Static strings, never NULL; "?" for a number that has no word. */
const char *ho_life_word(int64_t life_state); /* gasm.LifeState: "in-service" */
const char *ho_command_word(int64_t command); /* gasm.Command: "install-key" */

#endif
