/* keywrap.h - AES-256 key wrap (RFC 3394) of meter keys in files between manufacturer and head office. */
#ifndef GF_OPENSSL_KEYWRAP_H
#define GF_OPENSSL_KEYWRAP_H

#include <stdint.h>

#define MC_WRAPPED_LEN 40   /* a wrapped 32-byte key */

/* Wrap a key under a 32-byte key-encryption key. 0 or GF_E_CRYPTO. */
int mc_key_wrap(const uint8_t kek[static 32], const uint8_t key[static 32], uint8_t ret[static MC_WRAPPED_LEN]);

/* The other way; GF_E_CRYPTO also when the integrity check fails (another kek, altered bytes). */
int mc_key_unwrap(const uint8_t kek[static 32], const uint8_t wrapped[static MC_WRAPPED_LEN], uint8_t ret[static 32]);

#endif
