/* esp-tun --decrypt and --encrypt: captures in place of a device and a network. */
#include <stdio.h>

#include "esp/icv96.h"
#include "esp/offline.h"
#include "esp/pair.h"
#include "esp_tun.h"
#include "capture/capture.h"
#include "capture/pcapng.h"
#include "os/priv.h"
#include "os/sandbox.h"

#define PROTO_ESP	50
#define PROTO_AH	51
#define SAID_MAX	20	/* packets named in the report, without -v */

struct job {
	const struct tun_opts	*o;
	struct offline		*esp;
	struct capture		*in;
	struct pcapng		*out;
	bool			 seal;
	uint64_t		 done, failed, others;
	uint64_t		 icv96;		/* of the failed ones: right, except for an ICV of 96 bits */
	uint64_t		 why[ESP_VERDICT_COUNT];
};

/* --- decrypted packets --- */

/* Ports that SAs use beside the usual ones: there may be ESP on them. */
static int
add_ports(struct job *j, const struct sa_child *c, struct fault *f)
{
	if (c->encap == SA_ENCAP_NONE || c->encap == SA_ENCAP_TCP)
		return (0);
	return ((c->local.at.port != 0 && capture_add_port(j->in, c->local.at.port, f) != 0) ||
	    (c->remote.at.port != 0 && capture_add_port(j->in, c->remote.at.port, f) != 0) ? -1 : 0);
}

/* Every SA that the state has or had: the capture is of its time. */
static int
read_state(struct job *j, struct fault *f)
{
	struct sa_in *in = sa_in_open(j->o->files.n, j->o->files.v, f);
	struct fault one;
	struct sa_in_at at;
	struct sa_rec r;
	size_t taken = 0;
	unsigned i;
	int rc;

	if (in == NULL)
		return (-1);
	for (i = 0; i < sa_in_sources(in); i++)
		report_wide_mode(sa_in_name(in, i), sa_in_wide_mode(in, i));
	while ((rc = sa_in_next(in, true, &r, &at, f)) > 0) {
		if (r.type == SA_CHILD && offline_add(j->esp, &r.child, &one) == 0) {
			taken++;
			rc = add_ports(j, &r.child, f);
		} else if (r.type == SA_CHILD) {
			/* The others may do; if none does, this is why. */
			fault_where(&one, "%s", at.name);
			*f = one;
			report_note(&one);
		}
		sa_rec_wipe(&r);
		if (rc < 0)
			break;
	}
	sa_in_close(in);
	if (rc < 0)
		return (-1);
	return (taken > 0 ? 0 : fault(f, FAULT_NO_CHILD, "the SA state contains no usable child SA"));
}

static int
open_all(struct job *j, struct fault *f)
{
	const struct tun_opts *o = j->o;
	struct offline_conf c = {
		.sa = { .backends = tun_backends(o, f), .rand = rand_system,
		    .replay = o->replay == WINDOW_UNSET ? REPLAY_DEFAULT : o->replay,
		    .replay_force = o->replay != WINDOW_UNSET },
		.seal = j->seal,
	};

	if (c.sa.backends == NULL)
		return (-1);
	if (o->output == NULL)
		return (fault(f, FAULT_USAGE, "%s requires -o FILE", j->seal ? "--encrypt" : "--decrypt"));
	if ((j->esp = offline_new(&c, f)) == NULL || (j->in = capture_open(j->seal ? o->encrypt : o->decrypt, f)) == NULL ||
	    read_state(j, f) != 0 || (j->out = pcapng_open(o->output, prog_name(), f)) == NULL)
		return (-1);
	report_open_file(o->output, pcapng_wide_mode(j->out));
	pcapng_together(j->out);
	return (priv_drop(o->user, 0, f) < 0 || sandbox_enter(SANDBOX_FILTER, f) < 0 ? -1 : 0);
}

/* --- packet by packet --- */

static void
refuse(struct job *j, const struct capture_packet *p, enum esp_verdict v)
{
	char spi[64] = "";

	if (!j->seal)
		(void)snprintf(spi, sizeof(spi), "%s %08x number %u: ", p->what == CAPTURE_AH ? "AH" : "ESP", get_be32(p->spi), p->seq);
	j->why[v]++;
	if (j->failed++ < SAID_MAX || report_level() > 0)
		report_say(0, "frame %llu: %s%s", (unsigned long long)p->number, spi,
		    p->lost > 0 ? "truncated by the capture" : esp_verdict_text(v));
}

static int
open_packet(struct job *j, const struct capture_packet *p, struct fault *f)
{
	const struct esp_sa *sa, *around;
	enum esp_verdict v = ESP_SHORT;
	struct span inner;
	char comment[160];
	int n;

	if (p->what == CAPTURE_COPY)
		return (0);
	if (p->what != CAPTURE_ESP && p->what != CAPTURE_AH) {
		j->others += p->what != CAPTURE_FRAGMENT;
		return (0);
	}
	if (p->lost == 0)
		v = offline_open(j->esp, p->what == CAPTURE_AH ? PROTO_AH : PROTO_ESP, p->ip, &p->dst.addr,
		    p->data, &inner, &sa);
	if (v != ESP_OK) {
		j->icv96 += p->what == CAPTURE_ESP && p->lost == 0 && offline_icv96(j->esp, &p->dst.addr, p->data);
		refuse(j, p, v);
		return (0);
	}
	j->done++;
	n = snprintf(comment, sizeof(comment), "frame %llu: %s %08x number %llu", (unsigned long long)p->number,
	    sa->protocol == SA_AH ? "AH" : "ESP", get_be32(sa->spi), (unsigned long long)sa->seq);
	if (sa->pair->other != NULL) {
		around = &sa->pair->other->in;
		(void)snprintf(comment + n, sizeof(comment) - (size_t)n, " in AH %08x number %llu", get_be32(around->spi),
		    (unsigned long long)around->seq);
	}
	return (pcapng_put(j->out, p->time_us, PCAPNG_UNKNOWN, inner, comment, f));
}

static int
seal_packet(struct job *j, const struct capture_packet *p, struct fault *f)
{
	static const uint8_t marker[8];
	const struct esp_sa *sa;
	enum esp_verdict v = ESP_SHORT;
	struct span esp;
	char comment[64];
	bool whole;

	if (p->ip.len == 0 || p->what == CAPTURE_FRAGMENT || p->what == CAPTURE_COPY) {
		j->others += p->ip.len == 0;
		return (0);
	}
	if (p->lost == 0)
		v = offline_seal(j->esp, p->ip, &esp, &whole, &sa);
	if (v == ESP_OK && sa->encap == SA_ENCAP_TCP)
		v = ESP_FAILED;		/* there is no connection to put it in */
	if (v != ESP_OK) {
		refuse(j, p, v);
		return (0);
	}
	j->done++;
	(void)snprintf(comment, sizeof(comment), "of frame %llu, number %llu",
	    (unsigned long long)p->number, (unsigned long long)sa->seq);
	if (whole)
		return (pcapng_put(j->out, p->time_us, PCAPNG_UNKNOWN, esp, comment, f));
	if (sa->encap == SA_ENCAP_NONE)
		return (pcapng_put_payload(j->out, p->time_us, PCAPNG_UNKNOWN, &esp_sa_src(sa)->addr,
		    &sa->dst.addr, 50, esp, comment, f));
	return (pcapng_put_udp(j->out, p->time_us, PCAPNG_UNKNOWN, esp_sa_src(sa), &sa->dst,
	    span_of(marker, sa->encap == SA_ENCAP_UDP_DRAFT ? 8 : 0), esp, comment, f));
}

/* "120 packets decrypted, 3 not: 2 bad-icv, 1 replays" */
static void
tell(const struct job *j)
{
	char text[512] = "";
	size_t n = 0, v;

	for (v = 0; v < ESP_VERDICT_COUNT; v++)
		if (j->why[v] > 0)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%llu %s", n > 0 ? ", " : ": ",
			    (unsigned long long)j->why[v], esp_verdict_text((enum esp_verdict)v));
	report_say(0, "%llu packets %s, %llu not%s; %llu other frames", (unsigned long long)j->done,
	    j->seal ? "encrypted" : "decrypted", (unsigned long long)j->failed, text,
	    (unsigned long long)j->others);
	if (j->icv96 > 0)
		report_warn("%llu of them have a valid ICV of 96 bits, not 128: " ICV96_HINT, (unsigned long long)j->icv96);
	if (capture_stats(j->in)->copies > 0)
		report_say(0, "%llu packets were captured twice, on another interface or in the other direction",
		    (unsigned long long)capture_stats(j->in)->copies);
	if (j->seal && j->done > 0)
		report_warn("sequence numbers and IVs start again in each run: these packets are for tests, do not send them");
}

int
tun_offline(const struct tun_opts *o)
{
	struct job j = { .o = o, .seal = o->encrypt != NULL };
	enum exit_status status;
	struct capture_packet p;
	struct fault f;
	int rc;

	if (open_all(&j, &f) != 0)
		status = report_fault(&f);
	else {
		while ((rc = capture_next(j.in, &p, &f)) > 0)
			if ((rc = j.seal ? seal_packet(&j, &p, &f) : open_packet(&j, &p, &f)) != 0)
				break;
		if (rc >= 0)
			rc = pcapng_flush(j.out, &f);
		tell(&j);
		status = rc < 0 ? report_fault(&f) : j.failed > 0 || j.done == 0 ? EXIT_NO : EXIT_DONE;
	}
	pcapng_close(j.out);
	capture_close(j.in);
	offline_free(j.esp);
	return ((int)status);
}
