/*
 * The actions that a machine requests, in order: datagrams to send, SA records to write, notes for people,
 * verdicts for the tool. The host keeps the order: it writes a record before it sends the
 * datagram that follows it ("record before wire").
 */
#ifndef SAPIPE_IKE_OUTBOX_H
#define SAPIPE_IKE_OUTBOX_H

#include "base/fault.h"
#include "sa/record.h"

enum ike_out_kind {
	IKE_OUT_DATAGRAM, IKE_OUT_KEEPALIVE, IKE_OUT_RECORD, IKE_OUT_NOTE, IKE_OUT_VERDICT,
	/* With ike_conf.show_keys: an IKE SA that has keys and is not established, and one that never will be. */
	IKE_OUT_KEYS, IKE_OUT_FAILED_SA,
};

enum ike_note_level {
	NOTE_WARN,
	NOTE_INFO,
	NOTE_PROGRESS,		/* for somebody who waits at a terminal */
	NOTE_DEBUG,
};

enum ike_verdict {
	IKE_UP,			/* an IKE SA is established; ${id} are its SPIs */
	IKE_CHILD_UP,		/* a child SA can be used in both directions */
	IKE_FAILED,		/* a negotiation that this end began has failed: see ${why} */
	IKE_REFUSED,		/* one that the peer began has failed */
	IKE_TURNED_AWAY,	/* a stranger began one that no policy allows; ${id} is zero */
	IKE_GONE,		/* an IKE SA ended: deleted, expired or dead */
	IKE_ASKS,		/* a step waits for ike_engine_answer(); the question: why.what */
};

/*
 * One action. The fields of its kind are in the same allocation or behind a pointer that the item
 * owns, so that an item uses no more memory than its kind needs.
 */
struct ike_out {
	struct ike_out		*next;
	enum ike_out_kind	 kind;
	union {
		struct {
			struct endpoint	local, remote;
			size_t		len;
			uint8_t		*data;	/* IKE without a non-ESP marker: the port adds it */
		} dgram;		/* of a keepalive (RFC 3948 section 2.3) only the ends */
		struct sa_rec	*rec;		/* of the kinds RECORD, KEYS and FAILED_SA */
		struct {
			enum ike_note_level	level;
			const char		*text;
			size_t			peer_len;	/* the first bytes of ${text} that name the peer; 0: they do not */
			const char		*kind;	/* the same for all notes of a kind, to ration them by */
		} note;
		struct {
			enum ike_verdict	what;
			uint8_t			id[16];
			uint32_t		mid;	/* of the exchange; 0: phase 1 */
			const struct fault	*why;	/* code FAULT_NONE: no reason */
		} verdict;
	};
};

struct ike_outbox {		/* all zero is empty */
	struct ike_out	*first, **last;
	bool		 short_of_memory;	/* something could not be put in */
};

/* Each puts a copy at the end. With ${o} NULL nothing happens. */
void outbox_datagram(struct ike_outbox *o, const struct endpoint *local,
    const struct endpoint *remote, struct span data);
void outbox_keepalive(struct ike_outbox *o, const struct endpoint *local,
    const struct endpoint *remote);
/*
 * An empty record of ${type}, of sa_rec_size() bytes, for the caller to fill; the outbox owns it. It is at the end, except that an
 * SA comes before all datagrams, since with one of them the peer may establish it. NULL where ${o} is NULL or memory is short.
 */
struct sa_rec *outbox_record(struct ike_outbox *o, enum sa_type type);
/* The same as an item of ${kind}, another one that has a record. */
struct sa_rec *outbox_record_as(struct ike_outbox *o, enum ike_out_kind kind, enum sa_type type);
/* Copies a secret into such a record. */
void outbox_record_secret(struct ike_outbox *o, struct secret *to, const struct secret *from);
/* The same about a peer: the text begins with ${peer}, of which a ": " at its end is no part. */
void outbox_note_peer(struct ike_outbox *o, enum ike_note_level level, const char *peer, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void outbox_note(struct ike_outbox *o, enum ike_note_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void outbox_verdict(struct ike_outbox *o, enum ike_verdict what, const uint8_t id[16],
    uint32_t mid, const struct fault *why);

/* Moves all of ${from} to the end of ${o}; with ${sent_only} drops what is no datagram. */
void outbox_move(struct ike_outbox *o, struct ike_outbox *from, bool sent_only);
/* Removes and returns the first item; release it with ike_out_free(). NULL: empty. */
struct ike_out *outbox_take(struct ike_outbox *o);
void ike_out_free(struct ike_out *item);	/* wipes; NULL is fine */
/* Releases what is left; a host takes every item, so that only tests and fuzz drivers call this. */
void outbox_free(struct ike_outbox *o);

/* Whether an event with message ID ${mid} is about phase 1, which has none. */
static inline bool
ike_event_is_phase1(uint32_t mid)
{
	return (mid == 0);
}

#endif
