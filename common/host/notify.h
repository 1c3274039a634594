/* notify.h - tell the service manager that a program is ready (systemd's sd_notify(3) protocol). */
#ifndef GF_HOST_NOTIFY_H
#define GF_HOST_NOTIFY_H

/* Send a state like "READY=1" to the socket that $NOTIFY_SOCKET names: a path, or "@" and an abstract
 * name. Without that variable, and when nobody listens, nothing happens: whoever started the program
 * does not wait for it, or stops waiting by itself. */
void gf_notify(const char *state);

#endif
