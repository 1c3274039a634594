/* address.c - groups of addresses; see address.h. */
#include "backend/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "common/text.h"

#define GROUP_LEN 8 /* bytes of an IPv6 address */

void address_group(const char *address, char ret[static ADDRESS_GROUP_MAX])
{
    char plain[INET6_ADDRSTRLEN];
    struct in6_addr at;

    (void)gf_copy(ret, ADDRESS_GROUP_MAX, address);
    (void)gf_copy(plain, sizeof plain, ret); /* what is cut off is a zone's name, or no address */
    plain[strcspn(plain, "%")] = '\0';
    if (inet_pton(AF_INET6, plain, &at) != 1)
        return;
    if (IN6_IS_ADDR_V4MAPPED(&at)) {
        (void)inet_ntop(AF_INET, at.s6_addr + 12, ret, ADDRESS_GROUP_MAX);
        return;
    }
    memset(at.s6_addr + GROUP_LEN, 0, sizeof at.s6_addr - GROUP_LEN);
    (void)inet_ntop(AF_INET6, &at, ret, INET6_ADDRSTRLEN);
    (void)strcat(ret, "/64");
}
