/* test_ledger_doc.c - docs/ledger.md and the audit's section of docs/office.md are what the tables
 * say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "backend/ledger.h"
#include "backend/office_audit.h"
#include "tests/aid/document.h"

static void print_accounts(FILE *f)
{
    (void)fputs("| code | what |\n|---|---|\n", f);
#define X(name, code, what) (void)fprintf(f, "| `%s` | %s |\n", code, what);
    LEDGER_CODE_TABLE(X)
#undef X
}

static void print_statements(FILE *f)
{
    for (unsigned i = 0; i < HO_STATEMENTS; i++)
        (void)fprintf(f, "%u. %s\n", i + 1, ho_statement_text((enum ho_statement)i));
}

static void the_ledgers_page(void **state)
{
    static const struct aid_section sections[] = { { "accounts", print_accounts } };

    (void)state;
    aid_document_settle("docs/ledger.md", sections, 1);
}

static void the_audits_section(void **state)
{
    static const struct aid_section sections[] = { { "statements", print_statements } };

    (void)state;
    aid_document_settle("docs/office.md", sections, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ledgers_page),
        cmocka_unit_test(the_audits_section),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
