/* address.h - whom an address of the network belongs to, as far as limits go. */
#ifndef GF_ADDRESS_H
#define GF_ADDRESS_H

#define ADDRESS_GROUP_MAX 64 /* with the NUL */

/* The group that an address (its text: "192.0.2.7", "2001:db8::1", "fe80::1%eth0") is counted
 * with: of IPv4 the address alone, also when it is written as IPv6 (::ffff:192.0.2.7); of IPv6 its
 * first 64 bits, what a household gets: "2001:db8::/64". Texts that are no address stand for
 * themselves, cut. */
void address_group(const char *address, char ret[static ADDRESS_GROUP_MAX]);

#endif
