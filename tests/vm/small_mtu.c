/* small_mtu.c - for bluetoothd, by LD_PRELOAD: sockets get a receive MTU of 48 where less is asked for. The kernel takes no
 * less before a socket is bound, so that bluetoothd has no adapter with ExchangeMTU below 48; what it exchanges is its own
 * number all the same. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#define SOL_L2CAP 6
#define L2CAP_OPTIONS 1
#define LEAST 48

int setsockopt(int fd, int level, int name, const void *value, socklen_t n)
{
    int (*next)(int, int, int, const void *, socklen_t);
    uint8_t options[64];
    uint16_t imtu;
    void *symbol = dlsym(RTLD_NEXT, "setsockopt");

    memcpy(&next, &symbol, sizeof next);
    if (level != SOL_L2CAP || name != L2CAP_OPTIONS || n > sizeof options || n < 2 * sizeof imtu)
        return next(fd, level, name, value, n);
    memcpy(options, value, n);
    memcpy(&imtu, options + sizeof imtu, sizeof imtu);      /* behind the MTU to send */
    if (imtu != 0 && imtu < LEAST) {
        imtu = LEAST;
        memcpy(options + sizeof imtu, &imtu, sizeof imtu);
    }
    return next(fd, level, name, options, n);
}
