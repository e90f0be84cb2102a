/* Names of messages, and their purpose. */
#include "trace/dissect.h"
#include "ike/v1base/sa_payload.h"

const char *
v1_mode_name(uint8_t exchange, char buf[NUM_TEXT])
{
	switch (exchange) {
	case EXCHANGE_MAIN:
		return ("main mode");
	case EXCHANGE_AGGRESSIVE:
		return ("aggressive mode");
	case EXCHANGE_QUICK:
		return ("quick mode");
	case EXCHANGE_INFO:
		return ("informational");
	case EXCHANGE_TRANSACTION:
		return ("transaction");
	case EXCHANGE_NEW_GROUP:
		return ("new group mode");
	case EXCHANGE_ACK_INFO:
		return ("acknowledged informational");
	default:
		return (isakmp_exchange_name(exchange, buf));
	}
}

char *
v1_told_words(char *out, size_t cap, const struct v1_told *m, size_t i, bool reveal)
{
	struct v1_words_of of = m->words;
	size_t j;

	of.reveal = reveal;
	of.nth = 0;
	for (j = 0; j < i; j++)
		of.nth += m->msg.pl[j].type == m->msg.pl[i].type;
	return (v1_payload_words(out, cap, &m->msg.pl[i], &of));
}

bool
v1_told_wrong(const struct v1_told *m, size_t i)
{
	switch (m->msg.pl[i].type) {
	case PAYLOAD_HASH:
		return (m->proof == V1_PROOF_BAD);
	case PAYLOAD_SIG:
		return (m->signature.proof == V1_PROOF_BAD || m->signature.signer == V1_SIGNER_REFUSED);
	default:
		return (false);
	}
}

char *
v1_told_verdict(char *out, size_t cap, const struct v1_told *m, size_t i, bool reveal)
{
	static const char *const words[] = { "", ", right", ", WRONG", "" };
	const uint8_t type = m->msg.pl[i].type;
	struct sa_text t = { out, cap, 0 };

	(void)v1_told_words(out, cap, m, i, reveal);
	if (type != PAYLOAD_HASH && type != PAYLOAD_SIG)
		return (out);
	t.n = strcspn(out, "\n");
	sa_text_add(&t, "%s\n", words[type == PAYLOAD_HASH ? m->proof : m->signature.proof]);
	if (type == PAYLOAD_SIG && m->signature.proof != V1_PROOF_NONE)
		sa_text_add(&t, "(%s)\n", m->signature.text);
	return (out);
}

/* "SA, KE, NONCE, VID x5" */
static void
summary(struct sa_text *t, const struct isakmp_msg *m)
{
	char name[NUM_TEXT];
	size_t i, n;

	for (i = 0; i < m->n; i += n) {
		for (n = 1; i + n < m->n && m->pl[i + n].type == m->pl[i].type; n++)
			;
		sa_text_add(t, "%s%s", i > 0 ? ", " : "", isakmp_payload_name(
		    v1_payload_meant(m->pl[i].type, m->hdr.exchange), name));
		if (n > 1)
			sa_text_add(t, " x%zu", n);
	}
}

char *
v1_told_label(char *out, size_t cap, const struct v1_told *m)
{
	struct sa_text t = { out, cap, 0 };
	char name[NUM_TEXT];

	if (cap > 0)
		out[0] = '\0';
	sa_text_add(&t, "%s", v1_mode_name(m->msg.hdr.exchange, name));
	if (m->again_of == 0 && m->begun_before)
		sa_text_add(&t, ", begun before the capture");
	else if (m->again_of == 0 && m->message == 0)
		sa_text_add(&t, " fragment");
	else if (m->again_of == 0)
		sa_text_add(&t, " %u", m->message);
	if ((m->msg.hdr.flags & ISAKMP_FLAG_ENCRYPTED) != 0 && m->again_of == 0)
		sa_text_add(&t, "*");
	if (m->msg.hdr.mid != 0)
		sa_text_add(&t, " [%08x]", m->msg.hdr.mid);
	if (m->again_of != 0) {
		sa_text_add(&t, " again");
		return (out);
	}
	sa_text_add(&t, ": ");
	if (m->readable)
		summary(&t, &m->msg);
	else
		sa_text_add(&t, "%u bytes", m->msg.hdr.length);
	return (out);
}

/* The purpose of each message of an exchange. */
static const struct { uint8_t exchange; unsigned message; const char *story; } stories[] = {
	{ EXCHANGE_MAIN, 1, "the initiator proposes ciphers, hashes and groups, and announces extensions" },
	{ EXCHANGE_MAIN, 2, "the responder chooses one proposal" },
	{ EXCHANGE_MAIN, 3, "the initiator's half of the key exchange" },
	{ EXCHANGE_MAIN, 4, "the responder sends its key: both compute SKEYID; later messages are encrypted" },
	{ EXCHANGE_MAIN, 5, "the initiator names itself and proves that it has the key" },
	{ EXCHANGE_MAIN, 6, "the responder does the same: the IKE SA is established" },
	{ EXCHANGE_AGGRESSIVE, 1, "the initiator proposes, sends its half of the key exchange and its name, in clear" },
	{ EXCHANGE_AGGRESSIVE, 2, "the responder chooses, sends its half and its name, and proves itself" },
	{ EXCHANGE_AGGRESSIVE, 3, "the initiator proves its identity: the IKE SA is established" },
	{ EXCHANGE_QUICK, 1, "a child SA is proposed, for the traffic of the two IDs" },
	{ EXCHANGE_QUICK, 2, "the other end chooses a proposal and names its SPI" },
	{ EXCHANGE_QUICK, 3, "the initiator proves that it received message 2: the child SA is established" },
	{ EXCHANGE_QUICK, 4, "commit bit: the responder confirms that it received message 3" },
	{ EXCHANGE_INFO, 1, "a notify or a delete; it is not acknowledged" },
	{ EXCHANGE_TRANSACTION, 1, "mode config or XAuth: a request, or values set" },
	{ EXCHANGE_TRANSACTION, 2, "the answer to it" },
};

const char *
v1_told_story(const struct v1_told *m)
{
	size_t i;

	for (i = 0; m->again_of == 0 && i < sizeof(stories) / sizeof(stories[0]); i++)
		if (stories[i].exchange == m->msg.hdr.exchange && stories[i].message == m->message)
			return (stories[i].story);
	return (NULL);
}
