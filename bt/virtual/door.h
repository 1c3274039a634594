#ifndef GF_BT_VIRTUAL_DOOR_H
#define GF_BT_VIRTUAL_DOOR_H
/*
 * A second way to the bus: a socket whose connections are handed on to it byte by byte, so that
 * they can be cut while the bus and everybody else stay. No file descriptors pass.
 */
struct vb;

/* Listen at a path of the file system. 0 or -errno. */
int vb_door_open(struct vb *vb, const char *path);

/* Cut all connections through it; new ones are taken. */
void vb_door_slam(struct vb *vb);

void vb_door_done(struct vb *vb);

#endif
