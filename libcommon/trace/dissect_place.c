/*
 * Which message of its exchange a captured message is, and which end sent it. The content decides where it can:
 * cookies, the E flag and the payloads. Addresses and the order in the capture decide the rest.
 */
#include "trace/dissect_priv.h"

/* Also if the capture has only the first bytes. */
static bool
has(const struct isakmp_msg *m, uint8_t type)
{
	return (isakmp_find(m, type, NULL) != NULL || (m->n == 0 && m->hdr.next == type));
}

/* What the content shows of a message of main mode: 1 and 2 exactly; 3 for 3 or 4, 5 for 5 or 6; 0: nothing. */
static unsigned
main_content(const struct isakmp_msg *m)
{
	if ((m->hdr.flags & ISAKMP_FLAG_ENCRYPTED) != 0)
		return (5);
	if (has(m, PAYLOAD_SA))
		return (dissect_zero(m->hdr.cky_r) ? 1 : 2);
	return (has(m, PAYLOAD_KE) || has(m, PAYLOAD_NONCE) ? 3 : 0);
}

/* Whether all datagrams of the IKE SA have come from one address: that of the first. */
static bool
one_source(struct trace_sa *sa, const struct v1_seen *in)
{
	bool ports = addr_cmp(&in->src.addr, &in->dst.addr) == 0;

	if (sa->first.addr.family == 0)
		sa->first = in->src;
	if (ports ? !endpoint_eq(&sa->first, &in->src) : addr_cmp(&sa->first.addr, &in->src.addr) != 0)
		sa->two_way = true;
	return (!sa->two_way);
}

/*
 * The number of a message of main mode whose content is ${first} or the number after it; 0: not known. Two messages of
 * a pair that are not equal are not from one end, whatever ${one_source} says.
 */
static unsigned
main_place(struct trace_sa *sa, const struct exchange *x, unsigned first, bool from_left, bool one_source)
{
	if (x->content == first && one_source) {
		sa->one_way = true;
		return (first + 1);
	}
	if (sa->sure && !sa->one_way)
		return (from_left ? first : first + 1);
	if (x->content == first)
		return (x->from_left != from_left ? first + 1 : x->place);
	if (x->place == first - 1 && x->place > 0)
		return (first);
	/* The capture began with the pair before: most likely with its second message. */
	return (x->place == 0 && x->content == first - 2 && x->from_left != from_left ? first : 0);
}

static unsigned
aggressive_place(const struct isakmp_msg *m)
{
	if ((m->hdr.flags & ISAKMP_FLAG_ENCRYPTED) != 0 || !has(m, PAYLOAD_SA))
		return (3);
	return (dissect_zero(m->hdr.cky_r) ? 1 : 2);
}

/*
 * Message 1 alone can be decrypted as the first one, and message 3 alone has no SA payload. One that is not decrypted
 * is counted, and the address of its sender tells odd numbers from even ones.
 */
static unsigned
quick_place(struct trace_sa *sa, const struct exchange *x, const struct v1_told *m, bool from_left, bool one_source)
{
	bool odd = from_left == x->by_initiator;

	if (x->messages == 0)
		return (m->open == V1_OPEN_BAD && !sa->whole ? 0 : 1);
	if (m->readable && has(&m->msg, PAYLOAD_SA)) {
		sa->one_way = sa->one_way || (x->place == 1 && odd && one_source);
		return (2);
	}
	if (m->readable)
		return (x->place < 3 ? 3 : x->place + 1);
	if (x->place == 0)
		return (0);
	return (x->place + 1 + (!sa->one_way && odd != (x->place % 2 == 0) ? 1 : 0));
}

/* A message whose content shows its sender: the addresses follow, or are found to show nothing. */
static void
sender_known(struct trace_sa *sa, struct v1_told *out, bool one_source)
{
	struct endpoint was = sa->left;
	bool initiator = out->message % 2 == 1;

	if (initiator != out->by_initiator && !sa->one_way) {
		if (sa->sure)
			sa->one_way = one_source;
		else {
			sa->left = sa->right;
			sa->right = was;
		}
	}
	sa->sure = true;
	out->sure = true;
	out->by_initiator = initiator;
}

void
dissect_place(struct trace_sa *sa, struct exchange *x, const struct v1_seen *in, struct v1_told *out)
{
	const bool from_left = out->by_initiator, one_way = sa->one_way, one = one_source(sa, in) && in->lost == 0;
	unsigned content = 0;

	switch (x->number) {
	case EXCHANGE_MAIN:
		content = main_content(&out->msg);
		out->message = content >= 3 ? main_place(sa, x, content, from_left, one) : content;
		break;
	case EXCHANGE_AGGRESSIVE:
		out->message = aggressive_place(&out->msg);
		break;
	case EXCHANGE_QUICK:
		out->message = quick_place(sa, x, out, from_left, one);
		break;
	default:
		out->message = x->messages + 1;
	}
	if (out->new_sa)
		sa->whole = x->number != EXCHANGE_QUICK && out->message == 1;
	out->begun_before = out->message == 0;
	if (x->number == EXCHANGE_MAIN || x->number == EXCHANGE_AGGRESSIVE) {
		if (out->message != 0)
			sender_known(sa, out, one);
	} else if (sa->one_way) {
		/* The two ends of an exchange alternate. Who began it is not known. */
		out->sure = false;
		if (x->messages > 0 && out->message > 0)
			out->by_initiator = (out->message % 2 == 1) == x->by_initiator;
	}
	if (x->messages++ == 0)
		x->by_initiator = out->message % 2 == 1 || out->message == 0 ? out->by_initiator : !out->by_initiator;
	x->place = out->message;
	x->content = content;
	x->from_left = from_left;
	out->begun_by_initiator = x->by_initiator;
	out->beside_exchange = &x->beside;
	out->one_way = sa->one_way;
	out->found_one_way = sa->one_way && !one_way;
	if (!sa->one_way)
		return;
	/* As the capture would be if it had both directions. */
	sa->left = in->src;
	sa->right = in->dst;
	if (!out->by_initiator) {
		out->words.src = &in->dst;
		out->words.dst = &in->src;
	}
}
