/* model_receipts.c - what the receipts of a played life say together; see model_player.h. */
#include <string.h>

#include "meter-core/store.h"
#include "tests/aid/model_player.h"

/* The receipt of this sequence, opened; its hash for the next one. False when there is none. */
static bool open_receipt(struct aid_player *p, uint64_t seq, gasm_Receipt *ret,
                         uint8_t ret_hash[static MC_HASH_LEN])
{
    const struct mc_crypto *crypto = p->w->ports.crypto;
    struct gf_span bytes;
    struct mc_kept kept;
    uint8_t root[MC_KEY_LEN];

    if (mc_store_kept(p->w->meter, seq, &kept) != 1)
        return false;
    bytes = mc_store_receipt(kept.answer);
    if (bytes.p == NULL || mc_receipt_peek(bytes, ret) != 0)
        return false;
    aid_world_root(ret->key_epoch, root);
    return mc_receipt_open(crypto, root, bytes, ret) == 0 && ret->seq == seq &&
           mc_receipt_hash(crypto, bytes, ret_hash) == 0;
}

/* Nothing but gas changes anything between two receipts. The end of a grant reckons from the
 * grant's beginning, so what it says to have been before may lie before receipts in between. */
static bool follows(const gasm_Receipt *was, const gasm_Receipt *is)
{
    const bool ends = is->command == gasm_Command_PURGE_STOP;
    const uint64_t flowed_l = is->after.index_l - is->before.index_l;
    gasm_Totals between = was->after;

    between.index_l = is->before.index_l;
    between.purged_l = is->before.purged_l;
    between.after_closing_l = is->before.after_closing_l;
    return is->after.purged_l - is->before.purged_l == flowed_l && (flowed_l == 0 || ends) &&
           is->after.index_l >= was->after.index_l && is->after.purged_l >= was->after.purged_l &&
           (ends || is->before.index_l - was->after.index_l >=
                        is->before.purged_l - was->after.purged_l) &&
           is->before.after_closing_l >= was->after.after_closing_l &&
           memcmp(&between, &is->before, sizeof between) == 0;
}

void aid_player_receipts(struct aid_player *p)
{
    const uint64_t last = p->w->meter->core.receipt_seq;
    const uint64_t first = mc_store_oldest(&p->w->meter->core);
    uint64_t purged_l = p->m.grant ? p->m.t.purged_l - p->m.from_l : 0;
    gasm_Receipt r[2] = {gasm_Receipt_init_zero, gasm_Receipt_init_zero};
    uint8_t hash[2][MC_HASH_LEN];

    for (uint64_t seq = first; seq <= last && !p->failed; seq++) {
        const size_t is = seq % 2, was = 1 - is;

        if (!open_receipt(p, seq, &r[is], hash[is]))
            aid_player_wrong(p, "a receipt does not open: number %llu", (unsigned long long)seq);
        else if (seq > first &&
                 memcmp(r[is].prev_hash, hash[was], MC_HASH_LEN) != 0)
            aid_player_wrong(p, "the chain of receipts breaks at %llu", (unsigned long long)seq);
        else if (seq > first && !follows(&r[was], &r[is]))
            aid_player_wrong(p, "a receipt leaves litres out: number %llu",
                             (unsigned long long)seq);
        purged_l += r[is].after.purged_l - r[is].before.purged_l;
    }
    if (first == 1 && purged_l != p->m.t.purged_l)
        aid_player_wrong(p, "receipts tell of %llu l purged, it was %llu l",
                         (unsigned long long)purged_l, (unsigned long long)p->m.t.purged_l);
}
