/* The directory of the Unix sockets of shared ports. */
#ifndef SAPIPE_PORT_PORT_DIR_H
#define SAPIPE_PORT_PORT_DIR_H

#include <stddef.h>

#define PORT_DIR	80	/* bytes of its path */

/*
 * Opens the directory of this user and this network namespace, and makes it if it does not exist:
 * /run/sapipe/INODE for root, else $XDG_RUNTIME_DIR/sapipe/INODE. Only its owner may write there or look
 * into it, so no other user can take a name first. Returns a descriptor with a shared lock, which marks the
 * directory as used as long as it is open, and the path in ${path}; -1 with errno: this machine has none
 * (no /run that we may write, no $XDG_RUNTIME_DIR, no /proc), or others could write there (EPERM).
 * Removes directories of network namespaces that no process uses any more.
 */
int port_dir_open(char path[PORT_DIR]);

#endif
