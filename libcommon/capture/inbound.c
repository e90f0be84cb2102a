/* Inbound packets of a device, counted and put into words. */
#include "capture/inbound.h"

#include <netinet/in.h>
#include <pcap/pcap.h>
#include <stdio.h>

#include "capture/capture_priv.h"

#define BUFFER		(512 * 1024)	/* what comes between two looks and does not fit is not counted */
#define AT_ONCE		4096		/* frames of one look: a flood must not keep us */

void
witness_init(struct witness *w, const struct echo *e)
{
	*w = (struct witness){ .echo = e };
}

void
witness_close(struct witness *w)
{
	if (w->pcap != NULL)
		pcap_close(w->pcap);
	capture_close(w->frames);
	w->pcap = NULL;
	w->frames = NULL;
	w->ifindex = 0;
}

static const char *
proto_text(char out[16], uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return ("TCP");
	case IPPROTO_UDP:
		return ("UDP");
	case IPPROTO_ICMP:
		return ("ICMP");
	case IPPROTO_ICMPV6:
		return ("ICMPv6");
	case IPPROTO_SCTP:
		return ("SCTP");
	case IPPROTO_GRE:
		return ("GRE");
	case IPPROTO_ESP:
		return ("ESP");
	case IPPROTO_AH:
		return ("AH");
	default:
		(void)snprintf(out, 16, "protocol %u", proto);
		return (out);
	}
}

/* "TCP 10.2.0.5:443 > 10.1.0.7:51512, 60 bytes" */
static void
describe(char out[WITNESS_TEXT], const struct capture_ip *ip)
{
	bool first = !ip->fragment || ip->off == 0;
	bool ports = first && ip->payload.len >= 4 && (ip->proto == IPPROTO_TCP ||
	    ip->proto == IPPROTO_UDP || ip->proto == IPPROTO_SCTP);
	struct endpoint src = { .addr = ip->src }, dst = { .addr = ip->dst };
	char a[ENDPOINT_TEXT], b[ENDPOINT_TEXT], proto[16];

	if (ports) {
		src.port = get_be16(ip->payload.p);
		dst.port = get_be16(ip->payload.p + 2);
		(void)endpoint_text(a, &src);
		(void)endpoint_text(b, &dst);
	} else {
		(void)addr_text(a, &ip->src);
		(void)addr_text(b, &ip->dst);
	}
	(void)snprintf(out, WITNESS_TEXT, "%s %s > %s, %zu bytes%s", proto_text(proto, ip->proto), a, b,
	    ip->all.len + ip->lost, ip->fragment ? ", a fragment" : "");
}

void
witness_frame(struct witness *w, int link, struct span frame, size_t len)
{
	struct capture_packet p;
	struct capture_ip ip;
	const char *note;

	if (w->frames == NULL && (w->frames = capture_of_frames(link, NULL)) == NULL)
		return;
	capture_frame(w->frames, frame, len, 0, &p);
	if (p.ip.len == 0 || capture_ip_get(&ip, p.ip, p.ip.len + p.lost, &note) != 0)
		return;
	if ((ip.proto == IPPROTO_ICMP || ip.proto == IPPROTO_ICMPV6) && w->echo != NULL &&
	    echo_is_answer(w->echo, &ip.src, ip.payload))
		return;
	w->packets++;
	describe(w->text, &ip);
}

struct look { struct witness *w; int link; };

static void
on_frame(u_char *ctx, const struct pcap_pkthdr *h, const u_char *bytes)
{
	union { u_char *c; struct look *l; } at = { ctx };

	witness_frame(at.l->w, at.l->link, span_of(bytes, h->caplen), h->len);
}

static int
open_device(struct witness *w, struct fault *f)
{
	char err[PCAP_ERRBUF_SIZE] = "";
	int rc;

	if ((w->pcap = pcap_create(w->echo->dev, err)) == NULL)
		return (fault(f, FAULT_DEVICE, "cannot capture on %s: %s", w->echo->dev, err));
	(void)pcap_set_snaplen(w->pcap, WITNESS_SNAPLEN);
	(void)pcap_set_immediate_mode(w->pcap, 1);	/* each packet is there at the next look */
	(void)pcap_set_timeout(w->pcap, 1);
	(void)pcap_set_buffer_size(w->pcap, BUFFER);
	if ((rc = pcap_activate(w->pcap)) < 0) {
		(void)fault(f, rc == PCAP_ERROR_PERM_DENIED ? FAULT_PERMISSION : FAULT_DEVICE,
		    "cannot capture on %s: %s", w->echo->dev, pcap_geterr(w->pcap)[0] != '\0' ?
		    pcap_geterr(w->pcap) : pcap_statustostr(rc));
		witness_close(w);
		return (-1);
	}
	if (pcap_setnonblock(w->pcap, 1, err) != 0 || pcap_setdirection(w->pcap, PCAP_D_IN) != 0) {
		(void)fault(f, FAULT_DEVICE, "cannot capture what comes in on %s", w->echo->dev);
		witness_close(w);
		return (-1);
	}
	return (0);
}

int
witness_look(struct witness *w, struct fault *f)
{
	unsigned now = if_nametoindex(w->echo->dev);
	struct look look = { .w = w };
	union { struct look *l; u_char *c; } ctx = { &look };

	if (w->pcap != NULL && w->ifindex != now)
		witness_close(w);
	if (now == 0)
		return (fault(f, FAULT_DEVICE, "there is no device %s", w->echo->dev));
	if (w->pcap == NULL) {
		if (open_device(w, f) != 0)
			return (-1);
		w->ifindex = now;
	}
	look.link = pcap_datalink(w->pcap);
	if (pcap_dispatch(w->pcap, AT_ONCE, on_frame, ctx.c) >= 0)
		return (0);
	(void)fault(f, FAULT_DEVICE, "%s: %s", w->echo->dev, pcap_geterr(w->pcap));
	witness_close(w);
	return (-1);
}
