/* office_verdict.c - what is said of items, proved by one signature; see office_sync.h and
 * sync.proto. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/metrics.h"
#include "backend/office_pki.h"
#include "backend/office_sync.h"
#include "common/proof.h"
#include "common/text.h"

_Static_assert(sizeof((sync_Verdict *)0)->field == sizeof((struct ho_verdict *)0)->field,
               "a field's name fits");
_Static_assert(sizeof((sync_Verdict *)0)->reason == sizeof((struct ho_verdict *)0)->reason,
               "a reason fits");
_Static_assert(sizeof((sync_Verdict *)0)->signature.bytes >= PKI_SIGNATURE_MAX, "a signature fits");
_Static_assert(sizeof((sync_Verdict *)0)->path.bytes == GF_PROOF_PATH_MAX, "a path fits");
_Static_assert(HO_ITEMS_MAX <= GF_PROOF_LEAVES_MAX, "the verdicts of an answer are one tree");

void ho_judge(struct ho_verdict *v, sync_VerdictKind kind, const char *field, const char *reason,
              ...)
{
    char text[4 * sizeof v->reason];
    va_list args;

    va_start(args, reason);
    (void)vsnprintf(text, sizeof text, reason, args);
    va_end(args);
    *v = (struct ho_verdict){ .kind = kind };
    (void)gf_copy(v->field, sizeof v->field, field);
    gf_visible(v->reason, sizeof v->reason, text, strlen(text));
}

/* A verdict that waits for its signature. */
struct said {
    uint8_t id[GF_UUID_LEN], item_hash[32];
    int64_t office_ms;
    struct ho_verdict verdict;
};

void ho_say(struct office *o, struct ho_sync *s, const struct ho_item *item,
            const struct ho_verdict *v)
{
    struct said said = { .office_ms = ho_now_ms(o), .verdict = *v };

    memcpy(said.id, item->msg.id, sizeof said.id);
    memcpy(said.item_hash, item->hash, sizeof said.item_hash);
    buf_add(&s->said, &said, sizeof said);
}

void ho_count_verdicts(const struct office *o, const struct ho_sync *s)
{
    struct said said;

    for (size_t at = 0; at + sizeof said <= s->said.n; at += sizeof said) {
        memcpy(&said, s->said.p + at, sizeof said);
        metrics_verdict(o->watch.metrics, said.verdict.kind);
    }
}

uint32_t ho_verdicts(const struct ho_sync *s)
{
    return (uint32_t)(s->said.n / sizeof(struct said));
}

/* The tree over the verdicts; its root is signed for this laptop. 0 or a failure. */
static int sign_tree(struct office *o, const struct ho_sync *s, struct gf_digest *nodes,
                     sync_Verdict *ret)
{
    const struct said *said = (const void *)s->said.p;
    const struct gf_hash_port h = { o->ports.crypto->ctx, o->ports.crypto->sha256 };
    uint8_t message[GF_ACK_MESSAGE];
    int n = 0;

    for (uint32_t i = 0; i < ret->leaves && n == 0; i++)
        n = gf_ack_leaf(&h,
                        &(struct gf_ack){ said[i].id, said[i].item_hash,
                                          (uint8_t)said[i].verdict.kind, said[i].office_ms },
                        &nodes[i]);
    if (n == 0)
        n = gf_proof_build(&h, nodes, ret->leaves);
    if (n < 0)
        return ho_fail(o, n, "answer", "the verdicts cannot be hashed");
    gf_ack_message(s->device.id, ret->leaves, &nodes[n - 1], message);
    n = pki_sign(o->sign_key, (struct gf_span){ message, sizeof message }, ret->signature.bytes);
    if (n < 0)
        return ho_fail(o, n, "sign.key", "the verdicts cannot be signed");
    ret->signature.size = (pb_size_t)n;
    return 0;
}

static int add_verdict(struct office *o, struct ho_sync *s, const struct said *said,
                       const struct gf_digest *nodes, sync_Down *down)
{
    sync_Verdict *v = &down->body.verdict;

    v->kind = said->verdict.kind;
    v->office_ms = said->office_ms;
    memcpy(v->id, said->id, sizeof v->id);
    memcpy(v->item_hash, said->item_hash, sizeof v->item_hash);
    memcpy(v->field, said->verdict.field, sizeof v->field);
    memcpy(v->reason, said->verdict.reason, sizeof v->reason);
    v->path.size = (pb_size_t)gf_proof_path(nodes, v->leaves, v->leaf, v->path.bytes);
    return ho_down(o, s, down);
}

int ho_sign_verdicts(struct office *o, struct ho_sync *s)
{
    const struct said *said = (const void *)s->said.p;
    sync_Down down = { .which_body = sync_Down_verdict_tag };
    sync_Verdict *v = &down.body.verdict;
    struct gf_digest *nodes;
    int code;

    v->leaves = ho_verdicts(s);
    if (v->leaves == 0 && !s->said.bad)
        return 0;
    nodes = s->said.bad ? NULL : calloc(GF_PROOF_NODES((size_t)v->leaves), sizeof *nodes);
    if (nodes == NULL)
        return ho_fail(o, GF_E_MEMORY, "answer", "");
    code = sign_tree(o, s, nodes, v);
    for (; code == 0 && v->leaf < v->leaves; v->leaf++)
        code = add_verdict(o, s, &said[v->leaf], nodes, &down);
    free(nodes);
    return code;
}
