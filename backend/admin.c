/* admin.c - reading arguments, and the commands that change the registers; see admin.h. */
#include "backend/admin.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "backend/label.h"
#include "backend/office_certify.h"
#include "backend/office_http.h"
#include "backend/office_register.h"
#include "common/host/real.h"
#include "common/text.h"

#define HOSTS_MAX 14
#define PARAMETERS_MAX 24
#define CERTIFICATE_FILE_MAX 8192

/* ---- arguments ---- */

static struct admin_option *find_option(struct admin_args *args, const char *name)
{
    for (size_t i = 0; i < args->n_options; i++)
        if (strcmp(args->options[i].name, name) == 0)
            return &args->options[i];
    return NULL;
}

int admin_args(struct admin_args *args, struct gf_fail *why)
{
    const char *const *at = args->argv;

    args->n_words = 0;
    for (; *at != NULL; at++) {
        struct admin_option *option = find_option(args, *at);

        if (option == NULL && strncmp(*at, "--", 2) == 0)
            return gf_fail(why, GF_E_USAGE, "there is no option", *at);
        if (option == NULL && args->n_words == args->max)
            return gf_fail(why, GF_E_USAGE, "one argument too many", *at);
        if (option == NULL)
            args->words[args->n_words++] = *at;
        else if (option->has_value && at[1] == NULL)
            return gf_fail(why, GF_E_USAGE, "value missing behind", *at);
        else if (option->has_value && option->n == option->room)
            return gf_fail(why, GF_E_USAGE, "too often", *at);
        else if (option->has_value)
            option->values[option->n++] = *++at;
        else
            option->n++;
    }
    return args->n_words >= args->min ? 0 : gf_fail(why, GF_E_USAGE, "arguments are missing", "");
}

/* An option's number, or what it is without. */
static int number_of(const struct admin_option *option, int64_t without, int64_t *ret,
                     struct gf_fail *why)
{
    *ret = without;
    if (option->n == 0 || gf_parse_int(option->values[0], INT32_MIN, INT32_MAX, ret) == 0)
        return 0;
    return gf_fail(why, GF_E_USAGE, option->name + 2, "a number is wanted");
}

/* The office's failure is the command's. */
static int handed(const struct admin *a, int r, struct gf_fail *why)
{
    return r >= 0 ? 0 : gf_fail(why, r, a->office->fail.where, a->office->fail.detail);
}

/* ---- commands ---- */

int admin_init(struct admin *a, const char *const *argv, struct gf_fail *why)
{
    const char *hosts[HOSTS_MAX];
    struct admin_option options[] = { { "--host", true, hosts, HOSTS_MAX, 0 } };
    struct admin_args args = { .argv = argv, .options = options, .n_options = 1 };
    int r = admin_args(&args, why);

    if (r == 0)
        r = office_init(a->dir, hosts, options[0].n, a->ports, why);
    if (r == 0)
        (void)fprintf(a->out, "head office made in %s\n", a->dir);
    return r;
}

int admin_add_staff(struct admin *a, const char *const *argv, struct gf_fail *why)
{
    const char *words[3];
    struct admin_args args = { .argv = argv, .words = words, .min = 3, .max = 3 };
    int r = admin_args(&args, why);

    if (r == 0)
        r = handed(a, ho_add_staff(a->office, words[0], words[1], words[2]), why);
    if (r == 0)
        (void)fprintf(a->out, "%s %s, %s\n", words[0], words[1], words[2]);
    return r;
}

int admin_enrol(struct admin *a, const char *const *argv, struct gf_fail *why)
{
    const char *words[1];
    struct admin_args args = { .argv = argv, .words = words, .min = 1, .max = 1 };
    char code[HO_CODE_TEXT];
    int r = admin_args(&args, why);

    if (r == 0)
        r = handed(a, ho_enrol_code(a->office, words[0], code), why);
    if (r == 0)
        (void)fprintf(a->out, "%s\n", code);
    return r;
}

int admin_revoke(struct admin *a, const char *const *argv, struct gf_fail *why)
{
    const char *words[1];
    struct admin_args args = { .argv = argv, .words = words, .min = 1, .max = 1 };
    int n = 0, r = admin_args(&args, why);

    if (r == 0)
        r = handed(a, n = ho_revoke(a->office, words[0]), why);
    if (r == 0)
        (void)fprintf(a->out, "%d %s revoked\n", n, n == 1 ? "device" : "devices");
    return r;
}

/* Open a file, import it, say what was done. */
static int import_file(struct admin *a, const char *path, const uint8_t *transport_key,
                       struct gf_fail *why)
{
    struct ho_imported counts = { 0 };
    char detail[160];
    FILE *in = fopen(path, "rbe");

    if (in == NULL) {
        (void)snprintf(detail, sizeof detail, "%.100s: %s", path, strerror(errno));
        return gf_fail(why, GF_E_FILE, "file", detail);
    }
    int r = handed(a,
                   transport_key != NULL ? ho_import_meters(a->office, in, transport_key, &counts)
                                         : ho_import_customers(a->office, in, &counts),
                   why);
    (void)fclose(in); /* was only read */
    if (r == 0)
        (void)fprintf(a->out, "%u added, %u changed, %u the same\n", counts.added, counts.changed,
                      counts.same);
    return r;
}

/* A file of 64 hex digits, and white space behind them. */
static int read_transport_key(const char *path, uint8_t ret[static HO_KEY_LEN], struct gf_fail *why)
{
    char text[2 * HO_KEY_LEN + 8];
    int n = gf_file_read(path, (uint8_t *)text, sizeof text - 1, why);

    if (n < 0)
        return n;
    text[n] = '\0';
    text[strcspn(text, " \t\r\n")] = '\0';

    int r = gf_unhex(text, ret, HO_KEY_LEN);
    gf_wipe(text, sizeof text);
    return r == 0
               ? 0
               : gf_fail(why, GF_E_FORMAT, "transport key", "the file has to hold 64 hex digits");
}

int admin_import_meters(struct admin *a, const char *const *argv, struct gf_fail *why)
{
    const char *words[1], *key_file[1];
    struct admin_option options[] = { { "--transport-key", true, key_file, 1, 0 } };
    struct admin_args args = {
        .argv = argv, .options = options, .n_options = 1, .words = words, .min = 1, .max = 1
    };
    uint8_t key[HO_KEY_LEN];
    int r = admin_args(&args, why);

    if (r == 0 && options[0].n == 0)
        r = gf_fail(why, GF_E_USAGE, "import-meters", "--transport-key KEYFILE is needed");
    if (r == 0)
        r = read_transport_key(key_file[0], key, why);
    if (r == 0)
        r = import_file(a, words[0], key, why);
    gf_wipe(key, sizeof key);
    return r;
}

int admin_import_customers(struct admin *a, const char *const *argv, struct gf_fail *why)
{
    const char *words[1];
    struct admin_args args = { .argv = argv, .words = words, .min = 1, .max = 1 };
    int r = admin_args(&args, why);

    return r == 0 ? import_file(a, words[0], NULL, why) : r;
}

int admin_work_order(struct admin *a, const char *const *argv, struct gf_fail *why)
{
    const char *words[3], *due[1], *priority[1], *number[1], *litres[1], *seconds[1], *note[1],
        *parameters[PARAMETERS_MAX];
    struct admin_option options[] = {
        { "--due", true, due, 1, 0 },
        { "--priority", true, priority, 1, 0 },
        { "--number", true, number, 1, 0 },
        { "--purge-l", true, litres, 1, 0 },
        { "--purge-s", true, seconds, 1, 0 },
        { "--note", true, note, 1, 0 },
        { "--param", true, parameters, PARAMETERS_MAX, 0 },
    };
    struct admin_args args = { .argv = argv,
                               .options = options,
                               .n_options = sizeof options / sizeof options[0],
                               .words = words,
                               .min = 3,
                               .max = 3 };
    struct ho_new_order order = { 0 };
    char made[32];
    int r = admin_args(&args, why);

    if (r != 0 || (r = number_of(&options[1], 5, &order.priority, why)) != 0
        || (r = number_of(&options[3], 10, &order.purge_l, why)) != 0
        || (r = number_of(&options[4], 120, &order.purge_s, why)) != 0)
        return r;
    order.meter_id = words[0];
    order.supply_point = words[1];
    order.staff_no = words[2];
    order.due = options[0].n > 0 ? due[0] : NULL;
    order.number = options[2].n > 0 ? number[0] : NULL;
    order.note = options[5].n > 0 ? note[0] : NULL;
    order.parameters = parameters;
    order.n_parameters = options[6].n;
    r = handed(a, ho_order_new(a->office, &order, made), why);
    if (r == 0)
        (void)fprintf(a->out, "%s\n", made);
    return r;
}

/* ---- labels and certificates ---- */

static int draw_label(struct admin *a, const char *text, const char *png_file, unsigned scale,
                      bool ascii, struct gf_fail *why)
{
    struct label_code code;
    struct buf png = { 0 };
    int r = label_code(text, &code);

    if (r == 0 && png_file != NULL) {
        r = label_png(&code, text, scale, &png);
        if (r == 0)
            r = gf_file_write(png_file, png.p, png.n, 0644, why);
    }
    if (r == 0 && png_file == NULL)
        label_print(&code, ascii, isatty(fileno(a->out)) == 1, a->out);
    if (r == 0)
        (void)fprintf(a->out, "%s\n", text);
    buf_free(&png);
    buf_free(&code.modules);
    return r == 0 ? 0 : gf_fail(why, r, "label", text);
}

int admin_label(struct admin *a, const char *const *argv, struct gf_fail *why)
{
    const char *words[1], *png[1], *scale_text[1];
    struct admin_option options[] = {
        { "--png", true, png, 1, 0 },
        { "--scale", true, scale_text, 1, 0 },
        { "--ascii", false, NULL, 0, 0 },
    };
    struct admin_args args = {
        .argv = argv, .options = options, .n_options = 3, .words = words, .min = 1, .max = 1
    };
    struct gf_label label = { 0 };
    struct ho_meter meter;
    char text[GF_LABEL_TEXT];
    int64_t scale;
    int r = admin_args(&args, why);

    if (r != 0 || (r = number_of(&options[1], 8, &scale, why)) != 0)
        return r;
    if (scale < 1 || scale > LABEL_SCALE_MAX)
        return gf_fail(why, GF_E_RANGE, "scale", "1 to 32 pixels a module");
    if ((r = gf_meter_id_check(words[0], why)) != 0)
        return r;
    if ((r = ho_find_meter(a->office, words[0], &meter)) < 0)
        return handed(a, r, why);
    if (r == 0)
        return gf_fail(why, GF_E_UNREGISTERED, "meter", words[0]);
    (void)gf_copy(label.meter_id, sizeof label.meter_id, meter.id);
    (void)gf_copy(label.address, sizeof label.address, meter.bt_address);
    if ((r = gf_label_format(&label, text)) != 0)
        return gf_fail(why, r, "label", meter.id);
    return draw_label(a, text, options[0].n > 0 ? png[0] : NULL, (unsigned)scale, options[2].n > 0,
                      why);
}

int admin_verify_certificate(struct admin *a, const char *const *argv, struct gf_fail *why)
{
    const char *words[1];
    struct admin_args args = { .argv = argv, .words = words, .min = 1, .max = 1 };
    char text[CERTIFICATE_FILE_MAX];
    int n = admin_args(&args, why);

    if (n == 0)
        n = gf_file_read(words[0], (uint8_t *)text, sizeof text - 1, why);
    if (n < 0)
        return n;
    text[n] = '\0';

    int r = ho_certificate_check(a->office, text, why);
    if (r == 0)
        (void)fprintf(a->out, "%.*s: signed by this head office, unchanged\n",
                      (int)strcspn(text, "\n"), text);
    return r;
}
