/*
 * Detects which authentication methods a gateway accepts in main and aggressive mode, and what it shows of its
 * certificates: the CAs that it asks for in message 4 of main mode or 2 of aggressive mode, and in the latter its own
 * certificate. It needs no credentials: no message of ours proves anything. A machine without I/O (ike/machine.h).
 */
#ifndef SAPIPE_PROBE_METHODS_H
#define SAPIPE_PROBE_METHODS_H

#include "base/bytes.h"
#include "crypto/cert.h"
#include "ike/machine.h"
#include "probe/probe.h"

#define METHODS_MAX		16
#define METHODS_CERTS_MAX	8	/* certificates kept */
#define METHODS_CAS_MAX		PROBE_CERT_REQS_MAX	/* names of CAs kept, each of PROBE_CA_MAX bytes at most */

struct ike_methods_conf {
	struct rand		rand;
	struct endpoint		local, remote;	/* a port that is answered */
	struct ike_proposal	proposal;	/* that the peer accepts with some method */
	uint32_t		natt;		/* versions that the peer announces: bits 1 << enum vid_kind */
	struct id		id;		/* our ID in aggressive mode */
	uint32_t		timeout_ms;	/* for an answer, retransmissions included */
	uint32_t		gap_ms;		/* between first messages */
};

enum method_end { METHOD_UNKNOWN, METHOD_ACCEPTED, METHOD_REJECTED, METHOD_SILENT };

struct ike_methods_result {
	size_t		n;		/* rows of ${of} */
	struct {
		uint16_t	auth;		/* enum ike_auth */
		/* [0] main mode, [1] aggressive mode; the notify that rejected it, or 0. */
		struct { enum method_end end; uint16_t notify; } mode[2];
		bool		message_4;	/* main mode led to it: a gateway may choose a method that it cannot go on with */
	} of[METHODS_MAX];
	size_t		asked, to_ask;		/* for progress */
	uint32_t	sent;			/* messages */
	struct certs	certs;			/* of the gateway, from aggressive mode */
	uint16_t	certs_auth;		/* the method under which it sent them */
	bool		any_ca;			/* a CERTREQ of any CA */
	size_t		n_cas;
	struct bytes	cas[METHODS_CAS_MAX];	/* DER of the names in CERTREQs, each once */
};

struct ike_methods;

/* NULL with FAULT_MEMORY. */
struct ike_methods *ike_methods_new(const struct ike_methods_conf *conf, struct fault *f);
void ike_methods_free(struct ike_methods *m);	/* NULL is fine */
struct ike_machine ike_methods_machine(struct ike_methods *m);
/* The result so far; it lives as long as ${m}. */
const struct ike_methods_result *ike_methods_result(const struct ike_methods *m);

#endif
