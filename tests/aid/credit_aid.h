#ifndef GF_TESTS_AID_CREDIT_AID_H
#define GF_TESTS_AID_CREDIT_AID_H
/*
 * Tokens for the meter of a meter_world, as its head office makes them, and requests that carry
 * them. Keys are those of aid_meter_root().
 */
#include "meter-core/token.h"
#include "tests/aid/meter_world.h"

/* A token of account 1001: this sequence, so much sold ever, the other ceilings zero, no expiry, an
 * order id that says the sequence. */
gasm_Token aid_token(uint64_t sequence, uint64_t purchased_l);

/* Sealed for this meter under its account key of `epoch`; its length. */
size_t aid_token_sealed(const char *meter_id, uint32_t epoch, const gasm_Token *token,
                        uint8_t ret[static MC_TOKEN_MAX]);

/* ... for the world's meter under the epoch that is active in it. */
size_t aid_world_token(const struct aid_world *w, const gasm_Token *token,
                       uint8_t ret[static MC_TOKEN_MAX]);

/* The 25 digits of it, under the epoch that is active there. */
void aid_world_digits(const struct aid_world *w, const gasm_Token *token,
                      char ret[static MC_TYPED_TEXT]);

/* A recharge by radio: the token sealed, or typed. With its operation id, which may be left out. */
gasm_Request aid_recharge(const struct aid_world *w, const gasm_Token *token);
gasm_Request aid_recharge_typed(const struct aid_world *w, const gasm_Token *token);

#endif
