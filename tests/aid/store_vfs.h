/* store_vfs.h - an SQLite VFS for tests: it stands before the real one, and can fail, kill the
 * process, or write down everything that reaches the disk, so that a power cut can be replayed at
 * every place.
 *
 * Operations are counted from 1: write, truncate, sync and delete, of any file. One plan for the
 * process. A sync is counted and written down but not done: no test can cut the machine's power,
 * and waiting for the disk takes minutes.
 */
#ifndef GF_TESTS_STORE_VFS_H
#define GF_TESTS_STORE_VFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Stand before the default VFS, or no more. */
void store_vfs_install(void);
void store_vfs_remove(void);

#define STORE_VFS_KILL (-1)

/* Operation `at` (counted from this call; 0: none) ends with SQLite's result `code`, a write after
 * its first half; or the process is killed before it, when code is STORE_VFS_KILL. Sticky: all
 * later ones fail too. */
void store_vfs_fail(long at, int code, bool sticky);

/* Operations since the last store_vfs_fail(). */
long store_vfs_count(void);

/* Write down all operations from here on, or forget them. */
void store_vfs_record(bool on);

/* A note of the test between operations: "n is promised to last". */
void store_vfs_note(long n);

/* How many operations were written down. */
size_t store_vfs_recorded(void);

/*
 * What the disk may hold when the power goes before operation `cut` (0 .. recorded): each file with
 * all that was synced before; of what was not synced, each write whole, not at all, or some of its
 * 512-byte sectors, by `seed`. Written to `folder` (files of other runs there are removed first).
 * Returns the last note before the cut, 0 for none.
 */
long store_vfs_replay(size_t cut, uint64_t seed, const char *folder);

#endif
