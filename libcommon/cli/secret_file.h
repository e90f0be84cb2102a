/* Secrets from files, descriptors, the environment or the terminal; never from argv. */
#ifndef SAPIPE_CLI_SECRET_FILE_H
#define SAPIPE_CLI_SECRET_FILE_H

#include "base/bytes.h"
#include "base/fault.h"
#include "base/secret.h"

#define SECRET_FILE_MAX	8192	/* bytes of text; a longer file is rejected */

enum secret_format {
	SECRET_AUTO,		/* 0x...: hex; 0s...: base64, as in ipsec.secrets; else raw */
	SECRET_RAW,
	SECRET_HEX,
	SECRET_BASE64,
};
#define SECRET_FORMATS	"auto|raw|hex|base64"	/* in the order of the enum, for OPT_CHOICE */

/*
 * Reads the secret named by ${from}: a path; "-" for standard input; "fd:N"; "env:NAME", which is
 * wiped and removed from the environment; "tty" for a prompt without echo. NULL prompts if
 * there is a terminal. A relative path is relative to the directory of the file ${beside}, if not NULL.
 * One newline (\n or \r\n) at the end is not part of the secret. ${what} ("pre-shared key") names it in
 * messages, which never show the value. Warns on standard error of file modes that let other users read it, and
 * of text that looks like a mistake. The text is read into locked memory with read(2).
 *
 * 0, or -1 with FAULT_SECRET_FILE (absent, unreadable, a directory, empty, too long, not of that
 * format) or FAULT_MEMORY; ${out} is then empty.
 */
int secret_file_read(struct secret *out, const char *from, enum secret_format format,
    const char *what, const char *beside, struct fault *f);

/*
 * True: secret_file_read() and secret_file_bytes() keep what they read from "-", "fd:N", "env:NAME" and "tty" in locked memory,
 * and return it at the next call for the same source, which can be read only once. For tools that read their files again.
 * They keep at most SECRET_ONCE_MAX secrets. False: they forget all of them, and keep none.
 */
#define SECRET_ONCE_MAX	64
void secret_file_keep(bool keep);

/*
 * Asks for ${what} on the terminal; with ${echo} what is typed is shown: it is no secret. 0, or -1 with FAULT_SECRET_FILE (no
 * terminal, an empty line, end of file) or FAULT_MEMORY.
 */
int secret_ask(struct secret *out, const char *what, bool echo, struct fault *f);

/*
 * Reads all bytes of ${from}, as above, at most SECRET_MAX, without a change: a private key. 0, or -1 as above.
 */
int secret_file_bytes(struct secret *out, const char *from, const char *beside, struct fault *f);

/*
 * Reads all bytes of ${from}, at most ${max}, which are no secret of their own: certificates. The bytes are on the
 * ordinary heap; file_bytes_free() wipes them, as a key may be beside a certificate. 0, or -1 as above.
 */
int file_bytes_read(struct bytes *out, const char *from, size_t max, const char *beside, struct fault *f);
void file_bytes_free(struct bytes *b);

/* Decodes ${text} (with no newline left) as ${format}; 0 or -1 as above. For the function above and tests. */
int secret_decode(struct secret *out, struct span text, enum secret_format format,
    const char *what, struct fault *f);

#endif
