/*
 * What went wrong. Library code neither prints nor exits: it fills the
 * caller's fault and returns -1 (or NULL); cli/ turns the fault into one
 * line for the fact and one hint, and into an exit status. Code decides by
 * ${code}, ${cause}, ${phase}, ${message}, ${evidence} and ${sys}, never by a text.
 */
#ifndef SAPIPE_BASE_FAULT_H
#define SAPIPE_BASE_FAULT_H

#include <stddef.h>
#include <stdint.h>

/* Exit status, the same in every tool. Scripts live on these. */
enum exit_status {
	EXIT_UNDECIDED = -1,	/* not one yet; makes the type an int, as main() returns */
	EXIT_DONE = 0,		/* done */
	EXIT_NO = 1,		/* the answer is no: refused, no reply, down, mismatch */
	EXIT_MISUSE = 2,	/* usage or configuration */
	EXIT_MACHINE = 3,	/* this machine failed: permission, device, memory, reader gone */
	EXIT_DATA = 4,		/* bad input data: corrupt state, capture, vector */
};

/* FAULT(code, exit status): stable codes. */
#define FAULT_TABLE(FAULT)						\
	FAULT(NONE,			EXIT_DONE)			\
	/* usage and configuration */					\
	FAULT(USAGE,			EXIT_MISUSE)			\
	FAULT(CONFIG,			EXIT_MISUSE)			\
	FAULT(SECRET_FILE,		EXIT_MISUSE)			\
	FAULT(BAD_PROPOSAL,		EXIT_MISUSE)			\
	FAULT(BAD_ADDRESS,		EXIT_MISUSE)			\
	FAULT(BAD_ID,			EXIT_MISUSE)			\
	FAULT(NO_LEGACY_PROVIDER,	EXIT_MISUSE)			\
	FAULT(STALE_SA,			EXIT_MISUSE)			\
	/* this machine */						\
	FAULT(SYSTEM,			EXIT_MACHINE)			\
	FAULT(MEMORY,			EXIT_MACHINE)			\
	FAULT(PERMISSION,		EXIT_MACHINE)			\
	FAULT(CRYPTO,			EXIT_MACHINE)			\
	FAULT(PORT_TAKEN,		EXIT_MACHINE)			\
	FAULT(DEVICE,			EXIT_MACHINE)			\
	FAULT(CLAIMED,			EXIT_MACHINE)			\
	FAULT(READER_GONE,		EXIT_MACHINE)			\
	/* data: files, captures, records, datagrams */			\
	FAULT(MALFORMED,		EXIT_DATA)			\
	FAULT(TRUNCATED,		EXIT_DATA)			\
	FAULT(TOO_LARGE,		EXIT_DATA)			\
	FAULT(BAD_RECORD,		EXIT_DATA)			\
	FAULT(WRONG_VERSION,		EXIT_DATA)			\
	/* the peer says no, or nothing */				\
	FAULT(NO_REPLY,			EXIT_NO)			\
	FAULT(UNREACHABLE,		EXIT_NO)			\
	FAULT(NO_PROPOSAL,		EXIT_NO)			\
	FAULT(WRONG_PSK,		EXIT_NO)			\
	FAULT(AUTH_FAILED,		EXIT_NO)			\
	FAULT(ID_MISMATCH,		EXIT_NO)			\
	FAULT(TS_MISMATCH,		EXIT_NO)			\
	FAULT(PFS_MISMATCH,		EXIT_NO)			\
	FAULT(NATT_MISMATCH,		EXIT_NO)			\
	FAULT(PEER_NOTIFY,		EXIT_NO)			\
	FAULT(UNKNOWN_PEER,		EXIT_NO)			\
	FAULT(NO_CHILD,			EXIT_NO)			\
	FAULT(NO_IKE_SA,		EXIT_NO)			\
	FAULT(PROTOCOL,			EXIT_NO)

enum fault_code {
#define FAULT_ENUM(code, exit) FAULT_##code,
	FAULT_TABLE(FAULT_ENUM)
#undef FAULT_ENUM
	FAULT_CODES
};

/*
 * CAUSE(cause): why, where a code has several reasons that differ in what to do about them.
 * cli/hints.c has a hint for each.
 */
#define FAULT_CAUSE_TABLE(CAUSE)					\
	CAUSE(NONE)							\
	/* USAGE, CONFIG */						\
	CAUSE(STATE_TERMINAL)	/* SA state from or to a terminal */	\
	CAUSE(EVENTS_TERMINAL)	/* event records to a terminal */	\
	CAUSE(INI_LINE)		/* neither a section nor a key */	\
	CAUSE(NO_CA)		/* whom to trust is not configured, or is no CA */ \
	CAUSE(PEER_AS_FILE)	/* the name of a file looks like a host's */ \
	/* CONFIG, CLAIMED, UNREACHABLE, NO_REPLY */			\
	CAUSE(CONTROL)		/* the control socket of a tool */	\
	/* SYSTEM */							\
	CAUSE(RUN_DIR)		/* there is no directory of running tools */ \
	/* BAD_PROPOSAL: which list it is in */				\
	CAUSE(IKE_PROPOSAL)						\
	CAUSE(ESP_PROPOSAL)						\
	CAUSE(AH_PROPOSAL)						\
	/* BAD_ADDRESS */						\
	CAUSE(UNKNOWN_HOST)	/* the resolver has no address for it */ \
	CAUSE(NOT_NUMERIC)	/* names are not resolved here */	\
	CAUSE(TUNNEL_ADDRESS)	/* --address of a TUN device */		\
	CAUSE(HOST_BITS)	/* set behind the prefix */		\
	CAUSE(BAD_PORT)							\
	CAUSE(OWN_ADDRESS)	/* the peer's address is this end's */	\
	CAUSE(NO_PEER)		/* broadcast, multicast */		\
	CAUSE(SCOPE)		/* link-local without an interface */	\
	CAUSE(OWN_DEST)		/* to be probed, and this machine's */	\
	/* SECRET_FILE */						\
	CAUSE(NO_TERMINAL)	/* to prompt on */			\
	CAUSE(PASSPHRASE)	/* of a private key; none is given */	\
	CAUSE(CERT_FILE)	/* ours does not exist */		\
	CAUSE(KEY_FILE)		/* likewise: our private key's */	\
	CAUSE(TRUST_FILE)	/* likewise: CAs, CRLs, certificates of the peer */ \
	CAUSE(PASSPHRASE_FILE)	/* likewise */				\
	CAUSE(PASSWORD_FILE)	/* likewise: of the XAuth password */	\
	CAUSE(NOT_HEX)							\
	CAUSE(NOT_BASE64)						\
	/* STALE_SA */							\
	CAUSE(EXPIRED)							\
	/* PERMISSION: what for */					\
	CAUSE(TUN)							\
	CAUSE(UDP_PORT)							\
	CAUSE(MARK)		/* of packets, SO_MARK */		\
	CAUSE(RAW_SOCKET)						\
	CAUSE(RAW_ESP)							\
	CAUSE(ICMP_SOCKET)	/* for echo requests */			\
	CAUSE(ROUTES)							\
	CAUSE(STATE_DIR)						\
	/* DEVICE */							\
	CAUSE(NAME_IN_USE)						\
	/* SYSTEM */							\
	CAUSE(RESOLVER)		/* it does not answer */		\
	/* UNREACHABLE, NO_REPLY */					\
	CAUSE(NATT_PORT)	/* the peer answered on another port */	\
	CAUSE(FILTERED)		/* a firewall says so by ICMP */	\
	CAUSE(TCP_REFUSED)	/* the peer resets a connection of TCP encapsulation */ \
	CAUSE(TCP_SILENT)	/* ... or does not answer in it, or not at all */ \
	CAUSE(NOT_SHARED)	/* no process shares the UDP port */	\
	CAUSE(GRE_OWNER)	/* no gre-tun has the device */		\
	/* READER_GONE */							\
	CAUSE(REPORT)		/* it read a report, and has read enough: `| head` */ \
	/* BAD_RECORD */							\
	CAUSE(OTHER_KEYS)	/* than the record of the same identity has */ \
	/* TRUNCATED, TOO_LARGE */					\
	CAUSE(NOT_CAPTURED)	/* nothing of it is in the capture */	\
	CAUSE(NOT_ALL_CAPTURED)						\
	CAUSE(CLAIM)		/* MALFORMED: what was sent with an SA is not known */ \
	CAUSE(RECORD_SIZE)						\
	/* NO_PROPOSAL */						\
	CAUSE(ENCAP_MODE)	/* tunnel and transport, and nothing else differs */ \
	CAUSE(AH_NAT)		/* AH through a NAT */			\
	/* TS_MISMATCH */						\
	CAUSE(ROUTE_BASED)	/* one end has 0.0.0.0/0, the other networks */ \
	/* PROTOCOL */							\
	CAUSE(NO_HEARTBEATS)	/* not announced by the peer */		\
	CAUSE(VALUES_DIFFER)	/* calculated and captured ones */	\
	CAUSE(BAD_OFFER)	/* a protocol is twice in one proposal */ \
	/* UNKNOWN_PEER, ID_MISMATCH: of a peer that begins */		\
	CAUSE(STRANGE_ADDRESS)	/* no policy is for it */		\
	CAUSE(STRANGE_EXCHANGE)	/* the policies for it want the other one */ \
	CAUSE(STRANGE_ID)	/* no policy expects it */		\
	/* AUTH_FAILED, ID_MISMATCH: the peer's notify */		\
	CAUSE(SECRET_RIGHT)	/* under keys that only the right secret gives */ \
	CAUSE(NOTHING_PROVEN)	/* before this end sent its proof */	\
	CAUSE(OUR_ID)		/* the peer rejects it */		\
	/* AUTH_FAILED: XAuth */					\
	CAUSE(LOGIN)		/* the gateway rejects our user or password */ \
	CAUSE(REDIRECT)		/* it sends this client to another gateway */	\
	CAUSE(NO_LOGIN)		/* it asks for one, and we have none */	\
	CAUSE(USER)		/* this gateway rejects the user */	\
	CAUSE(GROUP)		/* or its group, which is not configured */ \
	/* PROTOCOL: mode config */					\
	CAUSE(POOL)		/* all addresses of it are in use */	\
	CAUSE(NO_ADDRESS)	/* the gateway assigns none */		\
	CAUSE(OUR_CERT)		/* AUTH_FAILED: the peer rejects it */	\
	/* AUTH_FAILED: the peer's certificate */			\
	CAUSE(CERT_NONE)	/* it sent none */			\
	CAUSE(CERT_ISSUER)	/* of another CA, or the chain is incomplete */ \
	CAUSE(CERT_CHAIN)	/* the chain is not valid for another reason */ \
	CAUSE(CERT_DATES)	/* not yet valid, or expired */		\
	CAUSE(CERT_REVOKED)						\
	CAUSE(CERT_CRL)		/* there is no valid CRL */		\
	CAUSE(CERT_NAME)	/* not of the ID, or not allowed by a CA */ \
	CAUSE(CERT_USAGE)	/* keyUsage without signatures */	\
	CAUSE(CERT_KEY)		/* another kind than the method's */	\
	CAUSE(CERT_PINNED)	/* another one than the configured */	\
	CAUSE(SIGNATURE)	/* not by the key of the certificate */	\
	/* NO_REPLY */							\
	CAUSE(ELSEWHERE)	/* answers came from another address */	\
	CAUSE(INVALID_ANSWER)	/* something came that makes no sense */ \
	CAUSE(TWO_NATS)		/* both ends are behind one */		\
	CAUSE(ALIVE)		/* the peer answers R-U-THERE */	\
	CAUSE(SA_SILENT)	/* nothing is answered under the IKE SA */ \
	/* PEER_NOTIFY */						\
	CAUSE(NOTIFY_EXCHANGE)	/* it does not do main, or aggressive, mode */ \
	CAUSE(NOTIFY_COOKIE)						\
	CAUSE(NO_IKEV1)		/* the peer speaks another version */	\
	CAUSE(NOTIFY_PAYLOAD)	/* it could not parse our message */

enum fault_cause {
#define FAULT_CAUSE_ENUM(cause) CAUSE_##cause,
	FAULT_CAUSE_TABLE(FAULT_CAUSE_ENUM)
#undef FAULT_CAUSE_ENUM
	FAULT_CAUSES
};

/* The exchange that failed. */
enum fault_phase {
	PHASE_NONE,		/* not one of an exchange */
	PHASE_MAIN,		/* phase 1, main mode */
	PHASE_AGGRESSIVE,	/* phase 1, aggressive mode */
	PHASE_XAUTH,
	PHASE_CONFIG,		/* mode config */
	PHASE_QUICK,		/* phase 2 */
	PHASE_INFO,
	FAULT_PHASES
};

/* How well a fault of an exchange is known; a higher one is better. */
enum fault_evidence {
	EVIDENCE_NONE,		/* no message of the peer: silence, or a fault of this end */
	EVIDENCE_CLEAR,		/* a message that anyone can send */
	EVIDENCE_AUTHENTIC,	/* a message under the keys of an IKE SA, perhaps about something else */
	EVIDENCE_PROVEN,	/* the peer's message of this exchange, its HASH verified */
};

#define FAULT_AT_NONE	((size_t)-1)
#define FAULT_OPTION	32	/* bytes of an option's name, with NUL */

struct fault {
	enum fault_code	code;
	enum fault_cause cause;
	enum fault_phase phase;
	unsigned	message;	/* of the exchange, counted from 1; 0: none */
	enum fault_evidence evidence;
	int		sys;		/* errno, or 0 */
	size_t		at;		/* byte offset in the input, or FAULT_AT_NONE */
	char		option[FAULT_OPTION];	/* the option or key with a bad value, no dashes; or "" */
	char		where[160];	/* phase and message, file, or "" */
	uint8_t		peer_len;	/* the first bytes of ${where} that name the peer; 0: they do not */
	char		what[512];	/* the fact, no full stop; untrusted bytes are
					   escaped when it is printed, not here */
};

/*
 * Fills ${f} (which may be NULL) and returns -1, so that a function can
 * `return (fault(f, ...))`. ${fmt} is cut to the room in fault.what.
 */
int fault(struct fault *f, enum fault_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with the byte offset of what is wrong. */
int fault_at(struct fault *f, enum fault_code code, size_t at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The same with the system's reason: errno at the call. */
int fault_sys(struct fault *f, enum fault_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Adds the cause to a fault, unless ${rc} is 0 (no fault) or ${f} has a cause already. Returns ${rc}:
 * return (fault_because(f, CAUSE_HOST_BITS, fault(f, FAULT_BAD_ADDRESS, ...))).
 */
int fault_because(struct fault *f, enum fault_cause cause, int rc);

#ifdef __clang_analyzer__	/* sees no other file: tell it what these return */
#define fault_because(f, cause, rc)	((void)fault_because(f, cause, 0), (rc))
#define fault(...)	(fault(__VA_ARGS__), -1)
#define fault_at(...)	(fault_at(__VA_ARGS__), -1)
#define fault_sys(...)	(fault_sys(__VA_ARGS__), -1)
#endif

/* Each adds where it happened, unless ${f} has that already: in words ("phase 1, message 5"), */
void fault_where(struct fault *f, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* the exchange and its message, counted from 1 (0: none), */
void fault_message(struct fault *f, enum fault_phase phase, size_t message);
/* the option (or key of a file) that has a bad value, without dashes. */
void fault_option(struct fault *f, const char *name);

/*
 * The code for errno ${sys} of a file that is opened or made: USAGE for a name that is wrong (no such file or directory, a
 * directory), PERMISSION, otherwise SYSTEM.
 */
enum fault_code fault_of_file(int sys);
/* The code of a file that cannot be made: PERMISSION, otherwise SYSTEM. */
enum fault_code fault_of_output(int sys);

/* In words, why a peer is unreachable: errno ${sys}, in which EACCES is a firewall's ICMP error. */
const char *fault_unreachable_text(int sys);

enum exit_status fault_exit(enum fault_code code);
/* "NO_PROPOSAL", "HOST_BITS" and the like. Only tests and debuggers call these: the names stay beside their enums. */
const char *fault_name(enum fault_code code);
const char *fault_cause_name(enum fault_cause cause);

#endif
