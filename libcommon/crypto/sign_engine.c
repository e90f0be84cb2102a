/* Private keys on a token, by OpenSSL's engine for PKCS#11 (libp11). Engines are deprecated; Debian 12 has no provider. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/engine.h>
#include <openssl/err.h>
#include <string.h>

#include "crypto/sign.h"

#define PIN_MAX	256

static int
failed(struct fault *f, const char *what)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e != 0 ? ERR_reason_error_string(e) : NULL;

	(void)fault(f, FAULT_SECRET_FILE, "%s%s%s", what, reason != NULL ? ": " : "", reason != NULL ? reason : "");
	ERR_clear_error();
	return (-1);
}

int
sign_key_engine(struct sign_key **out, const char *uri, struct span pin, struct fault *f)
{
	ENGINE *e = ENGINE_by_id("pkcs11");
	char text[PIN_MAX] = "";
	EVP_PKEY *k = NULL;
	int rc = -1;

	if (e == NULL)
		return (failed(f, "OpenSSL has no engine pkcs11 (Debian: package libengine-pkcs11-openssl)"));
	if (pin.len >= sizeof(text))
		(void)fault(f, FAULT_SECRET_FILE, "the PIN is longer than %zu bytes", sizeof(text) - 1);
	else {
		if (pin.len > 0)
			memcpy(text, pin.p, pin.len);
		if (ENGINE_init(e) != 1)
			(void)failed(f, "the engine pkcs11 does not start");
		else {
			if (ENGINE_ctrl_cmd_string(e, "PIN", text, 0) != 1)
				(void)failed(f, "the engine pkcs11 takes no PIN");
			else if ((k = ENGINE_load_private_key(e, uri, NULL, NULL)) == NULL)
				(void)failed(f, "the token does not give the private key: another PIN, token or object");
			else
				rc = sign_key_take(out, k, f);
			(void)ENGINE_finish(e);	/* the key holds it too */
		}
		OPENSSL_cleanse(text, sizeof(text));
	}
	(void)ENGINE_free(e);
	return (rc);
}
