/* start.c - a unit test as an image of its own for an emulated MCU: vectors, C library, cmocka. The
 * library's system calls are newlib's, by semihosting: what the test prints is what QEMU prints. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

extern uint32_t stack_top, bss_start, bss_end;

void initialise_monitor_handles(void);
void __libc_init_array(void);
int main(void);
void start(void);

/* What the library calls besides the arrays; here they have nothing to do. */
void _init(void);
void _fini(void);
void _init(void)
{
}

void _fini(void)
{
}

void start(void)
{
    for (volatile uint32_t *p = &bss_start; p < &bss_end; p++)
        *p = 0;
    initialise_monitor_handles();
    __libc_init_array();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    exit(main());
}

static void fault(void)
{
    _Exit(70);
}

static const void *const vectors[16] __attribute__((section(".vectors"), used)) = {
    &stack_top, start, fault, fault, fault, fault, fault,
    NULL, NULL, NULL, NULL, fault, fault, NULL, fault, fault,
};
