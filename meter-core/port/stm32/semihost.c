/* semihost.c - calls to the host of an emulator; see semihost.h. */
#include "meter-core/port/stm32/semihost.h"

#include <string.h>

/* Arm IHI 0077 section 6. */
enum semihost_call {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE0 = 0x04,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_SEEK = 0x0A,
    SYS_TIME = 0x11,
    SYS_GET_CMDLINE = 0x15,
    SYS_EXIT_EXTENDED = 0x20,
};
#define EXITED 0x20026u /* ADP_Stopped_ApplicationExit */

static int call(enum semihost_call what, const void *arg)
{
    register uint32_t r0 __asm("r0") = (uint32_t)what;
    register const void *r1 __asm("r1") = arg;

    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return (int)r0;
}

static uint32_t word(const void *p)
{
    return (uint32_t)(uintptr_t)p;
}

int semihost_open(const char *path, int mode)
{
    const uint32_t block[3] = {word(path), (uint32_t)mode, strlen(path)};

    return call(SYS_OPEN, block);
}

void semihost_close(int file)
{
    const uint32_t block[1] = {(uint32_t)file};

    (void)call(SYS_CLOSE, block);
}

static bool seek(int file, uint32_t at)
{
    const uint32_t block[2] = {(uint32_t)file, at};

    return call(SYS_SEEK, block) == 0;
}

/* Both return how many bytes were not moved. */
bool semihost_read_next(int file, void *ret, size_t n)
{
    const uint32_t block[3] = {(uint32_t)file, word(ret), n};

    return call(SYS_READ, block) == 0;
}

bool semihost_read(int file, uint32_t at, void *ret, size_t n)
{
    return seek(file, at) && semihost_read_next(file, ret, n);
}

bool semihost_write(int file, uint32_t at, const void *from, size_t n)
{
    const uint32_t block[3] = {(uint32_t)file, word(from), n};

    return seek(file, at) && call(SYS_WRITE, block) == 0;
}

bool semihost_cmdline(char *ret, size_t cap)
{
    uint32_t block[2] = {word(ret), cap};

    return call(SYS_GET_CMDLINE, block) == 0;
}

int64_t semihost_time_s(void)
{
    return (int64_t)(uint32_t)call(SYS_TIME, NULL);
}

_Noreturn void semihost_exit(int status)
{
    const uint32_t block[2] = {EXITED, (uint32_t)status};

    (void)call(SYS_EXIT_EXTENDED, block);
    for (;;)
        ;
}

void semihost_say(const char *text)
{
    (void)call(SYS_WRITE0, text);
}
