/* model_office.c - tokens and swaps for played sequences; see model_office.h. */
#include "tests/aid/model_office.h"

#include <string.h>

#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/credit_aid.h"

void aid_office_open(struct aid_office *o, const struct aid_model *m)
{
    o->present = (gasm_Token){.account_no = m->account_no,
                              .sequence = m->token_seq,
                              .purchased_l = m->t.purchased_l,
                              .imported_l = m->t.imported_l,
                              .forgiven_l = m->t.forgiven_l,
                              .debited_l = m->t.debited_l};
}

/* What is wrong with the token that goes out, and stays out of the books. */
static void spoil(gasm_Token *t, const struct aid_model *m, const struct aid_do *d)
{
    switch (d->how) {
    case 4:
        t->purchased_l = t->purchased_l > d->n ? t->purchased_l - d->n : 0;
        break;
    case 5:
        t->sequence -= t->sequence > 1;
        t->purchased_l += 1;
        break;
    case 6:
        t->forgiven_l = (UINT64_C(1) << 48) + 1;
        break;
    case 7:
        t->not_after_s = m->clock_s - 1 - d->n % 1000;
        break;
    case 8:
        t->account_no++;
        break;
    default:
        break;
    }
}

void aid_office_issue(struct aid_office *o, const struct aid_model *m, const struct aid_do *d)
{
    gasm_Token *t = &o->present;
    gasm_Token *out = &o->issued[o->n++ % AID_OFFICE_TOKENS];

    if (t->account_no != m->account_no)
        aid_office_open(o, m);
    /* What a certificate brought is in the books by now. */
    if (m->t.imported_l > t->imported_l)
        t->imported_l = m->t.imported_l;
    if (m->t.debited_l > t->debited_l)
        t->debited_l = m->t.debited_l;
    t->sequence += d->how == 9 ? 1 + d->n % 9000 : 1;
    t->purchased_l += d->how == 0 || d->how == 9 ? d->n : 0;
    t->forgiven_l += d->how == 1 ? d->n : 0;
    t->imported_l += d->how == 2 ? d->n : 0;
    t->debited_l += d->how == 3 ? d->n : 0;
    *out = *t;
    spoil(out, m, d);
}

static void seal(const struct aid_world *w, const struct aid_do *d, struct aid_parcel *parcel)
{
    gasm_Recharge *r = &parcel->request.body.recharge;
    const uint32_t epoch = w->meter->core.active_epoch + (d->how == 3);
    const char *meter_id = d->how == 4 ? AID_OTHER_ID : AID_METER_ID;
    uint8_t root[MC_KEY_LEN];
    const struct mc_token_for to = {meter_id, epoch, root};
    int n;

    aid_meter_root(meter_id, epoch, root);
    n = mc_token_seal(mc_crypto_openssl(), &to, &parcel->token, r->token.bytes,
                      sizeof r->token.bytes);
    r->token.size = (pb_size_t)(n > 0 ? n : 0);
    parcel->other_epoch = d->how == 3;
    parcel->other_meter = d->how == 4;
    parcel->broken = d->how == 5;
    if (parcel->broken)
        r->token.bytes[r->token.size - 1] ^= 0x10;
}

static void type(const struct aid_world *w, const struct aid_do *d, struct aid_parcel *parcel)
{
    char *digits = parcel->request.body.recharge.digits;
    const uint32_t epoch = w->meter->core.active_epoch + (d->how == 6);
    uint8_t root[MC_KEY_LEN];
    const struct mc_token_for to = {AID_METER_ID, epoch, root};

    aid_meter_root(AID_METER_ID, epoch, root);
    parcel->typed = mc_typed_make(mc_crypto_openssl(), &to, &parcel->token, digits) == 0;
    parcel->at_keys = d->how == 2;
    parcel->other_key = d->how == 6;
    parcel->malformed = d->how == 7;
    if (parcel->malformed)
        digits[4] = digits[4] == '9' ? '0' : (char)(digits[4] + 1);
}

bool aid_office_parcel(struct aid_office *o, const struct aid_world *w, const struct aid_do *d,
                       struct aid_parcel *ret)
{
    const size_t kept = o->n < AID_OFFICE_TOKENS ? o->n : AID_OFFICE_TOKENS;
    const bool typed = d->how == 1 || d->how == 2 || d->how == 6 || d->how == 7;

    if (kept == 0)
        return false;
    memset(ret, 0, sizeof *ret);
    ret->token = o->issued[(o->n - 1 - d->pick % kept) % AID_OFFICE_TOKENS];
    ret->request = aid_request(w, gasm_Command_RECHARGE, 0);
    ret->request.which_body = gasm_Request_recharge_tag;
    if (typed)
        type(w, d, ret);
    if (typed && !ret->typed)
        return false;               /* too much for 25 digits */
    if (!typed)
        seal(w, d, ret);
    ret->other_op = d->how == 9;
    if (d->how == 8 || d->how == 9) {
        ret->request.op_id.size = GF_UUID_LEN;
        (void)mc_op_id_recharge(mc_crypto_openssl(), AID_METER_ID, ret->token.account_no,
                                ret->token.sequence + ret->other_op, ret->request.op_id.bytes);
    }
    return true;
}

void aid_office_swap(struct aid_office *o, gasm_Ticket *t, bool is_old, uint32_t epoch,
                     uint64_t cap_l, int64_t not_after_s)
{
    struct aid_swap *s = &o->swap;

    o->case_no++;
    *s = is_old ? aid_swap_of(AID_METER_ID, AID_OTHER_ID, (uint32_t)o->case_no, cap_l)
                : aid_swap_of(AID_OTHER_ID, AID_METER_ID, (uint32_t)o->case_no, cap_l);
    s->terms.not_after_s = not_after_s;
    if (is_old)
        s->old_epoch = epoch;
    else
        s->new_epoch = epoch;
    aid_swap_settle(s);
    t->swap.size = (pb_size_t)s->n;
    memcpy(t->swap.bytes, s->bytes, s->n);
}
