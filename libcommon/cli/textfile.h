/*
 * A small text file that a helper process replaces atomically again and again. The helper
 * keeps the rights to the directory after the tool has dropped its privileges.
 */
#ifndef SAPIPE_CLI_TEXTFILE_H
#define SAPIPE_CLI_TEXTFILE_H

#include "base/span.h"
#include "cli/helper.h"

#define TEXTFILE_MAX	(128 * 1024)	/* bytes of it; a message of the socket pair */

struct textfile { struct helper helper; };	/* helper.fd -1: none */

/*
 * For ${path}, which all may read (0644). Forks; call it before privileges are dropped and secrets
 * are read. 0, or -1 with FAULT_CONFIG: it exists and is no regular file, or a fault of fault_of_output(): the directory cannot
 * be written to.
 */
int textfile_open(struct textfile *t, const char *path, struct fault *f);

/* Passes ${text} to the helper; does not wait. -1: too long, or the helper is busy or has exited; the file is then unchanged. */
int textfile_put(const struct textfile *t, struct span text);

/* Waits until the text is written. The file stays. Does nothing with fd -1. */
void textfile_close(struct textfile *t);

#endif
