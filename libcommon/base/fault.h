/*
 * What went wrong. Library code neither prints nor exits: it fills the
 * caller's fault and returns -1 (or NULL); cli/ turns the fault into one
 * line for the fact and one hint, and into an exit status.
 */
#ifndef SAPIPE_BASE_FAULT_H
#define SAPIPE_BASE_FAULT_H

#include <stddef.h>

/* Exit status, the same in every tool. Scripts live on these. */
enum exit_status {
	EXIT_UNDECIDED = -1,	/* not one yet; makes the type an int, as main() returns */
	EXIT_DONE = 0,		/* done */
	EXIT_NO = 1,		/* the answer is no: refused, no reply, down, mismatch */
	EXIT_MISUSE = 2,	/* usage or configuration */
	EXIT_MACHINE = 3,	/* this machine failed: permission, device, memory, reader gone */
	EXIT_DATA = 4,		/* bad input data: corrupt state, capture, vector */
};

/* FAULT(code, exit status): stable codes; cli/ has a hint for each. */
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

#define FAULT_AT_NONE	((size_t)-1)

struct fault {
	enum fault_code	code;
	int		sys;		/* errno, or 0 */
	size_t		at;		/* byte offset in the input, or FAULT_AT_NONE */
	char		where[160];	/* phase and message, file, or "" */
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

#ifdef __clang_analyzer__	/* sees no other file: tell it what these return */
#define fault(...)	(fault(__VA_ARGS__), -1)
#define fault_at(...)	(fault_at(__VA_ARGS__), -1)
#define fault_sys(...)	(fault_sys(__VA_ARGS__), -1)
#endif

/* Adds where it happened ("phase 1, message 5"), unless ${f} says so already. */
void fault_where(struct fault *f, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

enum exit_status fault_exit(enum fault_code code);
/* "NO_PROPOSAL" and the like: stable, for --json and tests. */
const char *fault_name(enum fault_code code);

#endif
