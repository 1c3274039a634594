/* firmware.c - the digest of this program; see firmware.h. */
#include "meter-core/port/host/firmware.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SELF "/proc/self/exe"

static int digest(const struct mc_crypto *crypto, int fd, uint8_t ret[static MC_HASH_LEN])
{
    struct stat st;
    void *p;
    int r;

    if (fstat(fd, &st) != 0)
        return GF_E_FILE;
    p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return GF_E_FILE;
    r = crypto->sha256(crypto->ctx, &(struct gf_span){p, (size_t)st.st_size}, 1, ret);
    (void)munmap(p, (size_t)st.st_size);
    return r;
}

int gm_firmware_digest(const struct mc_crypto *crypto, uint8_t ret[static MC_HASH_LEN],
                       struct gf_fail *why)
{
    int fd = open(SELF, O_RDONLY | O_CLOEXEC);
    int r = fd < 0 ? GF_E_FILE : digest(crypto, fd, ret);

    if (r != 0)
        (void)gf_fail(why, r, "firmware", r == GF_E_FILE ? strerror(errno) : SELF);
    if (fd >= 0)
        (void)close(fd);
    return r;
}
