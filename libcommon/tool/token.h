/*
 * A private key on a token (PKCS#11). A helper process holds the token and signs: the module may open files, sockets and
 * devices, which the sandbox closes to the tool. It is forked before privileges are dropped, and ends with the key.
 */
#ifndef SAPIPE_TOOL_TOKEN_H
#define SAPIPE_TOOL_TOKEN_H

#include "crypto/sign.h"

#define TOKEN_SCHEME	"pkcs11:"
#define TOKEN_OPEN_S	30	/* for the token to give its public key */
#define TOKEN_SIGN_S	10	/* for a signature; the tool waits so long, and nothing else happens */

/*
 * The key that ${uri} names (RFC 7512), opened with ${pin}. 0, or -1 with FAULT_SECRET_FILE, FAULT_CONFIG (the URI has a
 * PIN), FAULT_SYSTEM or FAULT_MEMORY.
 */
int token_open(struct sign_key **out, const char *uri, struct span pin, struct fault *f);

#endif
