/* err.h - every failure of the system: number, name, exit status, what happened, what to do.
 *
 * Functions return int: 0 or a positive count, or a negative GF_E_* from this table. Numbers are never reused:
 * technicians read them out on the telephone. The table's products: enum gf_err, gf_err_row(), docs/errors.md.
 * Freestanding.
 */
#ifndef GF_ERR_H
#define GF_ERR_H

#include <stddef.h>

/* X(name, number, exit status, what happened, what to do). Exit statuses: 1 internal, 2 usage, 3 wrong input or
 * wrong meter, 4 refused by meter or head office, 5 link, 6 head office away, 7 storage, 8 busy or cancelled. */
#define GF_ERR_TABLE(X)                                                                                          \
    X(BUG, 1, 1, "this program made a mistake", "what was done is saved; report the code and the detail")        \
    X(MEMORY, 2, 1, "out of memory", "close other programs and start again; what was done is saved")             \
    X(RANGE, 3, 3, "value outside the permitted range", "enter a value inside the range shown")                  \
    X(FORMAT, 4, 3, "not in the expected form", "check the input at the place shown")                            \
    X(SPACE, 5, 1, "too long for its place", "shorten the value")                                                \
    X(USAGE, 6, 2, "the command line is not understood", "see --help")                                           \
    X(FILE, 7, 3, "a file cannot be used", "check the path and the permissions")                                 \
    X(RANDOM, 8, 1, "the random source failed", "restart the machine; nothing was sent")                         \
    X(CRYPTO, 9, 1, "a cryptographic operation failed", "report the code and the detail")                        \
    X(LABEL_FOREIGN, 20, 3, "this code is not a gas meter's label", "scan the square code on the meter's front") \
    X(LABEL_CHECK, 21, 3, "the label's check does not match", "clean the label and scan again, or type the id")  \
    X(LABEL_NONE, 22, 3, "no code found in the image", "take a sharper picture, or type the id")                 \
    X(IMAGE, 23, 3, "the image cannot be read", "use an undamaged PNG file, or type the id")                     \
    X(METER_ID, 24, 3, "the meter id's check digits do not match", "read the id again from the meter's front")   \
    X(TYPED_TWICE, 25, 3, "the two typed ids differ", "type the id again, twice")                                \
    X(ID_MISMATCH, 26, 3, "the scanned meter is not the meter of this job",                                      \
      "go to the right meter, or call head office when this is the one at the address")                                         \
    X(UNREGISTERED, 27, 3, "this meter is not registered", "call head office; do not open the account")          \
    X(CAMERA, 28, 3, "the camera cannot be used", "check the cable, or use an image file, or type the id")       \
    X(ANSWER, 29, 3, "an answer is missing or not accepted", "give the answer named")                            \
    X(NO_JOB, 30, 3, "there is no such job on this laptop", "synchronise, then look at the worklist")            \
    X(JOB_STATE, 31, 3, "the job is not open for this", "look at the job's state in the worklist")               \
    X(LABEL_TWO, 32, 3, "labels of different meters in one picture", "show only the meter's own label")           \
    X(NOT_ENROLLED, 33, 3, "this laptop is not enrolled", "ask head office for a code, then: gasfitter enrol URL CODE") \
    X(CAMERA_NONE, 34, 3, "no camera is connected", "plug one in, or use an image file, or type the id")          \
    X(CAMERA_BUSY, 35, 8, "another program uses the camera", "close that program, then try again")               \
    X(CAMERA_DENIED, 36, 3, "this user may not use the camera", "ask for membership in the group video, then log in again") \
    X(CAMERA_GONE, 37, 3, "the camera was unplugged", "plug it in and switch it on again, or type the id")         \
    X(CAMERA_FORM, 38, 3, "the camera gives no pictures that can be read", "use another camera, or an image file, or type the id") \
    X(REFUSED, 40, 4, "the meter refused", "do as the reason says")                                              \
    X(TICKET, 41, 4, "the meter refused the ticket", "synchronise to fetch a new ticket, then try again")        \
    X(PROOF, 42, 4, "the meter's proof is wrong: this is not the registered meter",                              \
      "do not go on; report the meter to head office")                                                           \
    X(SESSION, 43, 5, "the secure session ended", "it is made again by itself; stay near the meter")             \
    X(OFFICE_REFUSED, 44, 4, "head office refused", "correct the field named, or call head office")              \
    X(REVOKED, 45, 4, "this laptop is revoked", "call head office; records on it are kept")                      \
    X(ACK_BAD, 46, 4, "head office's acknowledgement does not verify", "call head office; the record is kept")   \
    X(PASSPHRASE, 47, 4, "the passphrase is wrong", "type it again")                                             \
    X(MISMATCH, 48, 4, "the same operation id came with other content", "report the code and the detail")        \
    X(NO_TICKET, 49, 4, "this laptop has no ticket for this meter", "synchronise, then try again")               \
    X(CLOCK, 50, 3, "this laptop's clock cannot be right", "set the clock, then try again")                      \
    X(AUDIT, 51, 4, "the audit found records that do not hold", "restore the rows named from a backup")          \
    X(SIGNATURE, 52, 4, "the signature does not hold", "do not rely on the text; ask head office for it again")  \
    X(RIGHT, 53, 4, "no ticket on this laptop gives the right to this",                                           \
      "ask head office for an order whose ticket does, then synchronise")                                        \
    X(LINK_AWAY, 60, 5, "the meter is not heard by radio", "go nearer, check that the meter is on")              \
    X(LINK_LOST, 61, 5, "the radio link was lost", "stay near the meter; the work goes on when it is back")      \
    X(LINK_TIMEOUT, 62, 5, "the meter did not answer in time", "go nearer and try again")                        \
    X(BLUEZ_AWAY, 63, 5, "the Bluetooth service is not running", "wait for its restart, or start bluetooth.service") \
    X(ADAPTER, 64, 5, "no usable Bluetooth adapter", "switch Bluetooth on, or plug the adapter in")              \
    X(BLUEZ_DENIED, 65, 5, "this user may not use Bluetooth", "ask for membership in the group bluetooth")       \
    X(GATT, 66, 5, "the device does not offer the meter's service", "go on: the list of services is read again") \
    X(FRAMING, 67, 5, "fragments from the meter do not fit together", "the connection is made again by itself")  \
    X(OFFICE_AWAY, 80, 6, "head office cannot be reached", "go on working; records are sent when it is back")    \
    X(OFFICE_TLS, 81, 6, "head office's certificate does not verify", "do not go on; call head office")          \
    X(OFFICE_ANSWER, 82, 6, "head office's answer is not understood", "try later; records are kept")             \
    X(DISK_FULL, 90, 7, "the disk is full", "free some space, then start again; nothing is half-done")           \
    X(STORE, 91, 7, "the database cannot be used", "do not delete it; call support with the detail")             \
    X(STORE_BUSY, 92, 8, "another gasfitter uses this database", "close the other one first")                    \
    X(STORE_NEWER, 93, 7, "the database was made by a newer version", "install the newer version")               \
    X(STORE_DAMAGED, 94, 7, "the database is damaged", "do not delete it; call support: unsent records are in it") \
    X(NVM_BUSY, 95, 8, "another gasmeter uses this meter's memory", "stop the other one first")                   \
    X(NVM_FOREIGN, 96, 7, "this file is not a meter's memory", "name the file that gasmeter manufacture made")    \
    X(AGAIN, 97, 8, "the database wants the transaction again", "try again; nothing is half-done")              \
    X(STORE_AWAY, 98, 7, "the database server cannot be reached", "see that it runs; nothing is half-done")      \
    X(STORE_UNSURE, 99, 7, "the connection was lost while a change was being stored",                            \
      "look whether it is there, then do it again when it is not")                                              \
    X(CANCELLED, 100, 8, "cancelled", "start it again to go on where it stopped")                                \
    X(NOT_NOW, 101, 8, "not possible now", "do as the reason says")

enum gf_err {
    GF_OK = 0,
#define X(name, number, status, what, todo) GF_E_##name = -(number),
    GF_ERR_TABLE(X)
#undef X
};

/* One row of the table. Texts are sentences without the final stop, in plain words. */
struct gf_err_row {
    int code;           /* GF_E_*, negative */
    int exit_status;    /* what a program ends with */
    const char *name;   /* "LINK_LOST" */
    const char *what;   /* what happened */
    const char *todo;   /* what to do */
};

/* What went wrong, filled once where it is found and carried up untouched. */
struct gf_fail {
    int code;           /* GF_E_*, or 0 for none */
    char where[32];     /* place: a field, step or module; "line 4294967295, column 4096" */
    char detail[160];   /* what exactly: values, their words */
};

/* The row of `code`; the row of GF_E_BUG for a number that is in no row. Never NULL. */
const struct gf_err_row *gf_err_row(int code);

/* All rows in table order; *ret_n is their number. */
const struct gf_err_row *gf_err_rows(size_t *ret_n);

/* Fill *why (may be NULL) unless it holds a failure already, and return `code`. Strings are copied and cut to fit;
 * NULL counts as empty. */
int gf_fail(struct gf_fail *why, int code, const char *where, const char *detail);

#endif
