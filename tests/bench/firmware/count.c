/* count.c - instructions of the firmware in an emulator, split by what they are for.
 *
 * Linked into the image of the emulated board in front of the functions named below (the linker's
 * --wrap; firmware.mk lists them). Under `-icount shift=0` each instruction takes a nanosecond, and
 * TIM2 of QEMU counts nanoseconds. An instruction belongs to the innermost kind that was entered.
 * Interrupts are off while something is counted, so nothing else is counted with it.
 *
 * The start, and each message that was a hello or a request, leave a line at the console:
 *     count WHAT all crypto journal codec
 */
#include <bearssl.h>
#include <string.h>

#include "common/text.h"
#include "meter-core/commands.h"
#include "meter-core/pb.h"
#include "meter-core/port/bearssl/crypto.h"
#include "meter-core/port/stm32/board.h"
#include "meter-core/port/stm32/rm_core.h"
#include "meter-core/port/stm32/semihost.h"
#include "meter-core/port/uart/uart_link.h"
#include "meter-core/port/uart/uart_msg.h"

/* RM0090 18.4: control, auto-reload, count */
#define TIM2_CR1 RM_REG(0x40000000u)
#define TIM2_CNT RM_REG(0x40000024u)
#define TIM2_ARR RM_REG(0x4000002Cu)

enum kind { REST, CRYPTO, JOURNAL, CODEC, KINDS };

static struct {
    uint32_t spent[KINDS];
    uint32_t since;
    enum kind now;
    uint32_t irq;
    unsigned depth;
    int what;                           /* gasm_Command, HELLO, or nothing that is told */
} count;
#define NOTHING (-1)
#define TURNS_BEFORE 400
#define HELLO 0

static enum kind enter(enum kind kind)
{
    const uint32_t at = TIM2_CNT;
    const enum kind was = count.now;

    count.spent[was] += at - count.since;
    count.now = kind;
    count.since = TIM2_CNT;
    return was;
}

static void leave(enum kind was)
{
    (void)enter(was);
}

static void begin(void)
{
    if (count.depth++ > 0)
        return;
    count.irq = irq_off();
    memset(count.spent, 0, sizeof count.spent);
    count.what = NOTHING;
    count.now = REST;
    count.since = TIM2_CNT;
}

static void say_number(uint32_t v)
{
    char text[21];

    semihost_say(" ");
    semihost_say(gf_dec(v, text));
}

static void say(const char *what, int number)
{
    uint32_t all = 0;

    for (unsigned i = 0; i < KINDS; i++)
        all += count.spent[i];
    semihost_say("count ");
    semihost_say(what);
    if (number >= 0)
        say_number((uint32_t)number);
    say_number(all);
    for (unsigned i = CRYPTO; i < KINDS; i++)
        say_number(count.spent[i]);
    semihost_say("\n");
}

/* True at the end of the outermost. */
static bool end(void)
{
    if (--count.depth > 0)
        return false;
    (void)enter(REST);
    irq_restore(count.irq);
    return true;
}

/* NAME(parameters) of TYPE, called with (arguments): counted as PART. */
#define COUNTED(part, type, name, parameters, arguments)                                           \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        const enum kind was = enter(part);                                                         \
        const type r = __real_##name arguments;                                                    \
                                                                                                   \
        leave(was);                                                                                \
        return r;                                                                                  \
    }

COUNTED(CODEC, int, mc_pb_encode,
        (const pb_msgdesc_t *desc, const void *msg, uint8_t *ret, size_t cap),
        (desc, msg, ret, cap))
COUNTED(CODEC, int, mc_pb_decode, (const pb_msgdesc_t *desc, struct gf_span bytes, void *ret),
        (desc, bytes, ret))
COUNTED(CODEC, int, mc_pb_decode_zeroed,
        (const pb_msgdesc_t *desc, struct gf_span bytes, void *ret), (desc, bytes, ret))
COUNTED(CODEC, int, mc_pb_decode_strict,
        (const pb_msgdesc_t *desc, struct gf_span bytes, void *ret), (desc, bytes, ret))
COUNTED(JOURNAL, int, mc_store_change, (struct mc_meter *m, struct mc_tx *tx), (m, tx))
COUNTED(JOURNAL, int, mc_store_operation,
        (struct mc_meter *m, struct mc_tx *tx, const struct mc_op *op, struct gf_span *ret),
        (m, tx, op, ret))
COUNTED(JOURNAL, int, mc_store_find,
        (struct mc_meter *m, const uint8_t *op_id, struct mc_kept *ret), (m, op_id, ret))
COUNTED(JOURNAL, int, mc_store_sealed, (struct mc_meter *m, uint64_t seq, uint8_t *ret),
        (m, seq, ret))
COUNTED(JOURNAL, int, mc_store_recover, (struct mc_meter *m), (m))
COUNTED(JOURNAL, int, mc_journal_replay,
        (const struct mc_journal *j, mc_journal_visit *visit, void *ctx), (j, visit, ctx))
COUNTED(JOURNAL, int, mc_store_room, (struct mc_meter *m, uint32_t n), (m, n))

/* ---- crypto: the port, and the generator of random numbers ---- */

void __real_br_hmac_drbg_generate(br_hmac_drbg_context *d, void *ret, size_t n);
void __wrap_br_hmac_drbg_generate(br_hmac_drbg_context *d, void *ret, size_t n);
void __wrap_br_hmac_drbg_generate(br_hmac_drbg_context *d, void *ret, size_t n)
{
    const enum kind was = enter(CRYPTO);

    __real_br_hmac_drbg_generate(d, ret, n);
    leave(was);
}

static const struct mc_crypto *real;

static int sha256(void *ctx, const struct gf_span *parts, size_t n, uint8_t *ret)
{
    const enum kind was = enter(CRYPTO);
    const int r = real->sha256(ctx, parts, n, ret);

    leave(was);
    return r;
}

static int hmac(void *ctx, const uint8_t *key, size_t key_len, const struct gf_span *parts,
                size_t n, uint8_t *ret)
{
    const enum kind was = enter(CRYPTO);
    const int r = real->hmac(ctx, key, key_len, parts, n, ret);

    leave(was);
    return r;
}

static int hkdf(void *ctx, const uint8_t *key, size_t key_len, const struct gf_span *info, size_t n,
                uint8_t *ret, size_t ret_len)
{
    const enum kind was = enter(CRYPTO);
    const int r = real->hkdf(ctx, key, key_len, info, n, ret, ret_len);

    leave(was);
    return r;
}

static int seal(void *ctx, const uint8_t *key, const uint8_t *nonce, struct gf_span ad,
                struct gf_span plain, uint8_t *ret)
{
    const enum kind was = enter(CRYPTO);
    const int r = real->seal(ctx, key, nonce, ad, plain, ret);

    leave(was);
    return r;
}

static int open_sealed(void *ctx, const uint8_t *key, const uint8_t *nonce, struct gf_span ad,
                       struct gf_span sealed, uint8_t *ret)
{
    const enum kind was = enter(CRYPTO);
    const int r = real->open(ctx, key, nonce, ad, sealed, ret);

    leave(was);
    return r;
}

const struct mc_crypto *__real_mc_crypto_bearssl(void);
const struct mc_crypto *__wrap_mc_crypto_bearssl(void);
const struct mc_crypto *__wrap_mc_crypto_bearssl(void)
{
    static struct mc_crypto port;

    real = __real_mc_crypto_bearssl();
    port = *real;
    port.sha256 = sha256;
    port.hmac = hmac;
    port.hkdf = hkdf;
    port.seal = seal;
    port.open = open_sealed;
    return &port;
}

/* ---- what is told ---- */

int __real_mc_command_run(struct mc_meter *m, int decoded, struct gf_span *ret_answer);
int __wrap_mc_command_run(struct mc_meter *m, int decoded, struct gf_span *ret_answer);
int __wrap_mc_command_run(struct mc_meter *m, int decoded, struct gf_span *ret_answer)
{
    count.what = (int)m->request.command;
    return __real_mc_command_run(m, decoded, ret_answer);
}

int __real_mc_ticket_decode(struct gf_span bytes, gasm_Ticket *ret);
int __wrap_mc_ticket_decode(struct gf_span bytes, gasm_Ticket *ret);
int __wrap_mc_ticket_decode(struct gf_span bytes, gasm_Ticket *ret)
{
    count.what = HELLO;
    return __real_mc_ticket_decode(bytes, ret);
}

void __real_mc_meter_rx(struct mc_meter *m, const uint8_t *frag, size_t n);
void __wrap_mc_meter_rx(struct mc_meter *m, const uint8_t *frag, size_t n);
void __wrap_mc_meter_rx(struct mc_meter *m, const uint8_t *frag, size_t n)
{
    begin();
    __real_mc_meter_rx(m, frag, n);
    if (end() && count.what != NOTHING)
        say(count.what == HELLO ? "hello" : "command", count.what == HELLO ? -1 : count.what);
}

int __real_mc_meter_tick(struct mc_meter *m);
int __wrap_mc_meter_tick(struct mc_meter *m);
int __wrap_mc_meter_tick(struct mc_meter *m)
{
    const bool waits = m->later.waiting || m->purge.answering;
    int r;

    begin();
    r = __real_mc_meter_tick(m);
    if (!end())
        return r;
    if (waits && !m->later.waiting && !m->purge.answering)
        say("later", (int)m->request.command);
    return r;
}

/* From here to the first turn of the loop; what the emulated board itself starts is not counted. */
uint32_t __real_board_start(void);
uint32_t __wrap_board_start(void);
uint32_t __wrap_board_start(void)
{
    const uint32_t faults = __real_board_start();

    TIM2_ARR = UINT32_MAX;
    TIM2_CR1 = 1;
    begin();
    return faults;
}

/* What the start took, and the turns of the loop until the module has all that it advertises with:
 * the hello and CTL. What the line takes in between is no instruction. */
static struct {
    uint32_t spent[KINDS];
    bool has_ctl, told;
} boot;

bool __real_ul_send(struct ul_link *l, uint8_t message, struct gf_span body);
bool __wrap_ul_send(struct ul_link *l, uint8_t message, struct gf_span body);
bool __wrap_ul_send(struct ul_link *l, uint8_t message, struct gf_span body)
{
    const bool sent = __real_ul_send(l, message, body);

    boot.has_ctl = boot.has_ctl || (sent && message == UM_CTL);
    return sent;
}

static void count_start(uint32_t took)
{
    if (boot.told)
        return;
    boot.spent[REST] += took;
    if (!boot.has_ctl)
        return;
    memcpy(count.spent, boot.spent, sizeof boot.spent);
    say("advertising", -1);
    boot.told = true;
}

static uint32_t turn_began, turn_took;

void __real_board_kick(void);
void __wrap_board_kick(void);
void __wrap_board_kick(void)
{
    static bool told;

    if (!told && end()) {
        say("boot", -1);
        memcpy(boot.spent, count.spent, sizeof boot.spent);
    }
    count_start(turn_took);
    told = true;
    turn_began = TIM2_CNT;
    __real_board_kick();
}

/* The cheapest turn of the loop: it woke, and found nothing to do. */
void __real_board_idle(uint32_t max_ms);
void __wrap_board_idle(uint32_t max_ms);
void __wrap_board_idle(uint32_t max_ms)
{
    static uint32_t least = UINT32_MAX, turns;
    const uint32_t took = TIM2_CNT - turn_began;

    turn_took = took;
    least = took < least ? took : least;
    if (++turns == TURNS_BEFORE) {
        memset(count.spent, 0, sizeof count.spent);
        count.spent[REST] = least;
        say("turn", -1);
    }
    __real_board_idle(max_ms);
}
