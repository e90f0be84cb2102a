/* nhrp-resolve: asks who has an address of a GRE network, and prints the answer with its path. */
#include <jansson.h>
#include <stdio.h>

#include "cli/js.h"
#include "cli/peer_addr.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "nhrp/resolve.h"
#include "os/clock.h"
#include "tool/nhrp/nhrp_tool.h"

struct opts {
	struct nhrp_opts nhrp;
	const char	*nhs, *dst, *output;
	bool		 json;
};

#define T struct opts
static const struct opt optab[] = {
	OPT_TOOL("ask who has an address behind a GRE device (NHRP)"),
	OPT_USE("[OPTION]... --tun NAME --address ADDR --nhs SERVER DEST"),
	OPT_INCLUDE(T, nhrp, nhrp_optab),
	OPT_STR(T, nhs, 0, "nhs", "SERVER", "NBMA address of the server to ask", .flags = OPT_REQUIRED),
	OPT_OUTPUT(T, output, "also write the answer as an nhrp-binding record to FILE"),
	OPT_JSON(T, json),
	OPT_ARG(T, dst, "DEST", "the address in question"),
	OPT_END
};
#undef T

struct run {
	struct nhrp_tool	 tool;
	struct nhrp_resolve	 ask;
	const struct opts	*o;
};

static void
on_receive(void *ctx, const struct nhrp_in *in, struct now now)
{
	struct run *r = ctx;

	if (nhrp_resolve_receive(&r->ask, in, now))
		nhrp_tool_end(&r->tool);
}

static uint64_t
deadline(void *ctx)
{
	return (nhrp_resolve_deadline_ms(&((struct run *)ctx)->ask));
}

static void
on_timeout(void *ctx, struct now now)
{
	struct run *r = ctx;

	nhrp_resolve_timeout(&r->ask, now);
	if (r->ask.answer.kind == NHRP_ANSWER_SILENCE)
		nhrp_tool_end(&r->tool);
}

static const struct nhrp_tool_calls calls = { .receive = on_receive, .deadline_ms = deadline, .timeout = on_timeout };

/* --- the report --- */

static const char *
text_of(char out[ADDR_TEXT], const struct addr *a)
{
	return (a->family == 0 ? "?" : addr_text(out, a));
}

static void
print_path(const char *what, const struct nhrp_hop *hop, size_t n)
{
	char p[ADDR_TEXT], b[ADDR_TEXT];
	size_t i;

	for (i = 0; i < n; i++)
		(void)printf("%s %zu  %s at %s\n", what, i + 1, text_of(p, &hop[i].proto), text_of(b, &hop[i].nbma));
}

static void
print_text(const struct nhrp_resolve *q)
{
	const struct nhrp_answer *a = &q->answer;
	char d[ADDR_TEXT], p[ADDR_TEXT], b[ADDR_TEXT], n[ADDR_TEXT], num[NHRP_NUM_TEXT], t[ADDR_TEXT];
	struct addr net = nhrp_network(&q->dst, a->prefix);

	(void)addr_text(d, &q->dst);
	if (a->kind == NHRP_ANSWER_FOUND)
		(void)printf("%s is behind %s at %s%s%s\n"
		    "network  %s/%u for %u s\n", d, text_of(p, &a->proto), text_of(b, &a->nbma),
		    a->nat.family != 0 ? ", which a NAT makes " : "", a->nat.family != 0 ? addr_text(n, &a->nat) : "",
		    addr_text(t, &net), a->prefix, a->holding);
	else
		(void)printf("%s: %s\n", d, a->kind == NHRP_ANSWER_ERROR ? nhrp_error_words(a->code, num) :
		    nhrp_code_words(a->code, num));
	print_path("request", a->forward, a->n_forward);
	if (a->responder.proto.family != 0)
		print_path("answer", &a->responder, 1);
	print_path("reply", a->reverse, a->n_reverse);
	(void)printf("from %s after %llu.%03llu ms\n", text_of(b, &a->from), (unsigned long long)(a->rtt_us / 1000),
	    (unsigned long long)(a->rtt_us % 1000));
}

static void
set_addr(json_t *o, const char *key, const struct addr *a)
{
	char text[ADDR_TEXT];

	if (a->family != 0)
		(void)json_object_set_new(o, key, json_string(addr_text(text, a)));
}

static json_t *
hops(const struct nhrp_hop *hop, size_t n)
{
	json_t *list = json_array(), *o;
	size_t i;

	for (i = 0; i < n; i++) {
		o = json_object();
		set_addr(o, "proto", &hop[i].proto);
		set_addr(o, "nbma", &hop[i].nbma);
		(void)json_array_append_new(list, o);
	}
	return (list);
}

static void
print_json(const struct nhrp_resolve *q)
{
	const struct nhrp_answer *a = &q->answer;
	json_t *o = json_object();
	char num[NHRP_NUM_TEXT];

	set_addr(o, "asked", &q->dst);
	(void)json_object_set_new(o, "found", json_boolean(a->kind == NHRP_ANSWER_FOUND));
	if (a->kind == NHRP_ANSWER_FOUND) {
		set_addr(o, "proto", &a->proto);
		set_addr(o, "nbma", &a->nbma);
		set_addr(o, "nat-nbma", &a->nat);
		(void)json_object_set_new(o, "prefix", json_integer(a->prefix));
		(void)json_object_set_new(o, "holding", json_integer(a->holding));
	} else if (a->kind != NHRP_ANSWER_SILENCE) {
		(void)json_object_set_new(o, "code", json_integer(a->code));
		(void)json_object_set_new(o, "reason", json_string(a->kind == NHRP_ANSWER_ERROR ?
		    nhrp_error_words(a->code, num) : nhrp_code_words(a->code, num)));
	}
	(void)json_object_set_new(o, "request-path", hops(a->forward, a->n_forward));
	(void)json_object_set_new(o, "responder", hops(&a->responder, a->responder.proto.family != 0));
	(void)json_object_set_new(o, "reply-path", hops(a->reverse, a->n_reverse));
	set_addr(o, "from", &a->from);
	(void)json_object_set_new(o, "rtt-ms", json_real((double)a->rtt_us / 1000));
	js_print(o, false, stdout);
}

/* --- life --- */

static int
open_all(struct run *r, struct fault *f)
{
	const struct opts *o = r->o;

	if (o->dst == NULL)
		return (fault(f, FAULT_USAGE, "no DEST given"));
	if (numeric_parse(&r->ask.dst, o->dst, "DEST", f) != 0 ||
	    numeric_parse(&r->ask.nhs_nbma, o->nhs, "--nhs", f) != 0 ||
	    (o->output != NULL && nhrp_tool_output(&r->tool, o->output, f) != 0) ||
	    nhrp_tool_open(&r->tool, &o->nhrp, 0, &r->ask.nhs_nbma, &calls, r, f) != 0)
		return (-1);
	r->ask.node = &r->tool.node;
	return (nhrp_tool_confine(o->nhrp.user, false, f));
}

static enum exit_status
verdict(struct run *r)
{
	struct sa_nhrp_binding b;
	enum exit_status status;
	char a[ADDR_TEXT];

	if (r->ask.answer.kind != NHRP_ANSWER_NONE && r->ask.answer.kind != NHRP_ANSWER_SILENCE) {
		b = nhrp_resolve_binding(&r->ask, clock_now(NULL));
		r->tool.node.sink.binding(r->tool.node.sink.ctx, &b);
	}
	status = nhrp_tool_status(&r->tool);
	if (status != EXIT_DONE)
		return (status);
	if (r->o->json)
		print_json(&r->ask);
	else if (r->ask.answer.kind == NHRP_ANSWER_NONE || r->ask.answer.kind == NHRP_ANSWER_SILENCE)
		report_say(-1, "no answer from %s", addr_text(a, &r->ask.nhs_nbma));
	else
		print_text(&r->ask);
	return (r->ask.answer.kind == NHRP_ANSWER_FOUND ? EXIT_DONE : EXIT_NO);
}

int
main(int argc, char *argv[])
{
	static struct run r;
	struct opts o = { .nhrp = NHRP_OPTS_DEFAULT };
	struct fault f = {0};
	enum exit_status status;

	prog_init(argv[0]);
	opt_parse(optab, &o, argc, argv);
	r.o = &o;
	if (open_all(&r, &f) == 0) {
		nhrp_resolve_start(&r.ask, clock_now(NULL));
		nhrp_tool_run(&r.tool);
		status = verdict(&r);
	} else
		status = report_fault(&f);
	nhrp_tool_close(&r.tool);
	return ((int)status);
}
