/* nvm_file.c - a meter's NVM in a file; see nvm_file.h. */
#include "meter-core/port/host/nvm_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES ((off_t)NVM_FILE_SECTOR * NVM_FILE_SECTORS)
#define CHUNK 4096u

static int write_all(int fd, const uint8_t *from, size_t n, off_t at)
{
    while (n > 0) {
        ssize_t w = pwrite(fd, from, n, at);

        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return -1;
        from += w;
        n -= (size_t)w;
        at += w;
    }
    return 0;
}

static int read_all(int fd, uint8_t *to, size_t n, off_t at)
{
    while (n > 0) {
        ssize_t r = pread(fd, to, n, at);

        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return -1;
        to += r;
        n -= (size_t)r;
        at += r;
    }
    return 0;
}

static int file_read(void *ctx, uint32_t addr, void *ret, size_t n)
{
    struct nvm_file *f = ctx;

    return read_all(f->fd, ret, n, (off_t)addr) == 0 ? 0 : GF_E_STORE;
}

/* As flash does: a byte that is not erased cannot be programmed. */
static int is_erased(struct nvm_file *f, uint32_t addr, size_t n)
{
    uint8_t chunk[CHUNK];

    while (n > 0) {
        size_t step = n < sizeof chunk ? n : sizeof chunk;

        if (read_all(f->fd, chunk, step, (off_t)addr) != 0)
            return 0;
        for (size_t i = 0; i < step; i++)
            if (chunk[i] != 0xFF)
                return 0;
        addr += (uint32_t)step;
        n -= step;
    }
    return 1;
}

static int file_program(void *ctx, uint32_t addr, const void *from, size_t n)
{
    struct nvm_file *f = ctx;

    if (addr % NVM_FILE_UNIT != 0 || n % NVM_FILE_UNIT != 0 ||
        (off_t)addr + (off_t)n > FILE_BYTES || !is_erased(f, addr, n))
        return GF_E_STORE;
    return write_all(f->fd, from, n, (off_t)addr) == 0 && fdatasync(f->fd) == 0 ? 0 : GF_E_STORE;
}

static int file_erase(void *ctx, uint32_t sector)
{
    struct nvm_file *f = ctx;
    uint8_t chunk[CHUNK];

    if (sector >= NVM_FILE_SECTORS)
        return GF_E_STORE;
    memset(chunk, 0xFF, sizeof chunk);
    for (uint32_t at = 0; at < NVM_FILE_SECTOR; at += CHUNK)
        if (write_all(f->fd, chunk, sizeof chunk, (off_t)sector * NVM_FILE_SECTOR + (off_t)at) != 0)
            return GF_E_STORE;
    return fdatasync(f->fd) == 0 ? 0 : GF_E_STORE;
}

/* True for what a fill() that was cut short leaves behind. */
static int is_half_made(struct nvm_file *f, off_t size)
{
    return size < FILE_BYTES && is_erased(f, 0, (size_t)size);
}

static int fill(struct nvm_file *f)
{
    for (uint32_t i = 0; i < NVM_FILE_SECTORS; i++)
        if (file_erase(f, i) != 0)
            return errno == ENOSPC || errno == EDQUOT ? GF_E_DISK_FULL : GF_E_FILE;
    f->is_new = true;
    return 0;
}

static int prepare(struct nvm_file *f)
{
    struct stat st;

    if (flock(f->fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? GF_E_NVM_BUSY : GF_E_FILE;
    if (fstat(f->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return GF_E_FILE;
    if (st.st_size == FILE_BYTES)
        return 0;
    return is_half_made(f, st.st_size) ? fill(f) : GF_E_NVM_FOREIGN;
}

/* The end of a long path tells more than its beginning. */
static int path_fail(struct gf_fail *why, int code, const char *path)
{
    char detail[sizeof why->detail];
    size_t n = strlen(path), skip = n > 100 ? n - 100 : 0;

    (void)snprintf(detail, sizeof detail, "%s%s%s", path + skip, code == GF_E_FILE ? ": " : "",
                   code == GF_E_FILE ? strerror(errno) : "");
    return gf_fail(why, code, "memory", detail);
}

int nvm_file_open(struct nvm_file *f, const char *path, struct gf_fail *why)
{
    int rc;

    *f = (struct nvm_file){.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    if (f->fd < 0)
        return path_fail(why, GF_E_FILE, path);
    rc = prepare(f);
    if (rc != 0) {
        rc = path_fail(why, rc, path);
        close(f->fd);
        *f = (struct nvm_file){.fd = -1};
        return rc;
    }
    f->nvm = (struct mc_nvm){.ctx = f,
                             .sector_size = NVM_FILE_SECTOR,
                             .sectors = NVM_FILE_SECTORS,
                             .unit = NVM_FILE_UNIT,
                             .read = file_read,
                             .program = file_program,
                             .erase = file_erase};
    return 0;
}

void nvm_file_close(struct nvm_file *f)
{
    if (f->nvm.ctx != NULL)
        close(f->fd);
    *f = (struct nvm_file){.fd = -1};
}
