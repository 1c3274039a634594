#ifndef GF_TESTS_AID_CREDIT_AID_H
#define GF_TESTS_AID_CREDIT_AID_H
/*
 * Tokens for the meter of a meter_world, as its head office makes them, and requests that carry
 * them. Keys are those of aid_meter_root().
 */
#include "meter-core/events.h"
#include "meter-core/token.h"
#include "tests/aid/meter_world.h"

/* A token of account 1001: this sequence, so much sold ever, the other ceilings zero, no expiry, an
 * order id that says the sequence. */
gasm_Token aid_token(uint64_t sequence, uint64_t purchased_l);

/* Its six numbers: account, sequence, and the ceilings as token.h counts them. */
uint64_t *aid_token_number(gasm_Token *token, size_t i);

/* AID_METER_ID under its first account key, for calls of token.h. */
struct mc_token_for aid_token_for(void);

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

/* A new world whose meter is in service, 1 litre a pulse; no gas flows. */
struct aid_world *aid_credit_world(void);

/* Ask in a session of its own, under a ticket with every right that lasts a year and any number of
 * uses. The result; the answer in w->answer. */
gasm_Refusal aid_ask_alone(struct aid_world *w, const gasm_Request *request);

/* The same with a token: sealed, or typed; and typed on the meter's own keys. */
gasm_Refusal aid_give(struct aid_world *w, const gasm_Token *token);
gasm_Refusal aid_give_typed(struct aid_world *w, const gasm_Token *token);
gasm_Refusal aid_type(struct aid_world *w, const gasm_Token *token);

/* Litres left. */
int64_t aid_residual_l(const struct aid_world *w);

/* Read the events from number `from` on. How many have this code; the last of them in *ret. */
unsigned aid_events(struct aid_world *w, enum mc_event code, uint64_t from, gasm_Event *ret);

#endif
