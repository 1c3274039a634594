/* admin_proofs.c - the commands that prove: audit, certificates; see admin.h. */
#include <string.h>

#include "backend/admin.h"
#include "backend/office_certify.h"
#include "backend/report.h"
#include "common/host/real.h"

#define CERTIFICATE_FILE_MAX 8192

static void print_texts(const struct buf *texts, const char *mark, FILE *out)
{
    for (size_t at = 0; at < texts->n; at += strlen((const char *)texts->p + at) + 1)
        (void)fprintf(out, "  %s %s\n", mark, (const char *)texts->p + at);
}

static void print_audit(const struct ho_audit *audit, uint64_t broken, FILE *out)
{
    for (size_t i = 0; i < HO_STATEMENTS; i++) {
        const struct ho_finding *f = &audit->of[i];

        (void)fprintf(out, "%-6s %6llu  %s\n", f->n_broken == 0 ? "holds" : "BROKEN",
                      (unsigned long long)f->checked, ho_statement_text((enum ho_statement)i));
        print_texts(&f->broken, "broken:", out);
        print_texts(&f->notes, "note:", out);
    }
    if (broken == 0)
        (void)fputs("audit: clean\n", out);
    else
        (void)fprintf(out, "audit: %llu broken\n", (unsigned long long)broken);
}

static int run_audit(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct ho_audit audit;
    uint64_t broken = 0;
    char detail[40];
    int r = ho_audit_run(a->office, &audit);

    (void)args; /* has none */
    for (size_t i = 0; i < HO_STATEMENTS; i++)
        broken += audit.of[i].n_broken;
    if (r != 0)
        (void)gf_fail(why, r, a->office->fail.where, a->office->fail.detail);
    else if (!a->json)
        print_audit(&audit, broken, a->out);
    else
        r = admin_json(a, report_audit(&audit), why);
    ho_audit_free(&audit);
    if (r != 0 || broken == 0)
        return r;
    (void)snprintf(detail, sizeof detail, "%llu broken", (unsigned long long)broken);
    return gf_fail(why, GF_E_AUDIT, "audit", detail);
}

/* ---- certificates ---- */

static int run_verify_certificate(struct admin *a, const struct admin_args *args,
                                  struct gf_fail *why)
{
    char text[CERTIFICATE_FILE_MAX];
    int n = gf_file_read(args->words[0], (uint8_t *)text, sizeof text - 1, why);

    if (n < 0)
        return n;
    text[n] = '\0';

    int r = ho_certificate_check(a->office, text, why);
    if (r == 0 && a->json)
        return admin_json(a, json_pack("{s:b}", "valid", true), why);
    if (r == 0)
        (void)fprintf(a->out, "%.*s: signed by this head office, unchanged\n",
                      (int)strcspn(text, "\n"), text);
    return r;
}

static const struct admin_command commands[] = {
    { .name = "audit",
      .words = "",
      .what = "prove what the records can prove",
      .more = "Every row that breaks a statement is named; then the exit status is 4.",
      .run = run_audit },
    { .name = "verify-certificate",
      .words = "FILE",
      .what = "check a certificate as gasfitter printed it",
      .run = run_verify_certificate },
};

const struct admin_group admin_group_proofs = ADMIN_GROUP("Proving", commands);
