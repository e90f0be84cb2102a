/* esp-tun: the data path. SA state in, packets through a TUN device. */
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/opt.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "net/datapath.h"
#include "sa/codec.h"

struct tun_opts {
	const char	*tun, *state_dir;
	struct opt_args	 files;
	bool		 route, stats;
	uint16_t	 mtu;
	uint32_t	 replay;
};

static const struct opt tun_optab[] = {
	OPT_TOOL("carry packets between a TUN device and ESP, as SA state says"),
	OPT_STR(struct tun_opts, tun, 0, "tun", "NAME", "name of the device"),
	OPT_STR(struct tun_opts, state_dir, 0, "state-dir", "DIR", "where claims are kept"),
	OPT_NUM(struct tun_opts, mtu, 0, "mtu", "N", 576, 65535, "MTU of the device"),
	OPT_PAIR(struct tun_opts, route, 0, "route", "make routes to the remote selectors"),
	OPT_FLAG(struct tun_opts, stats, 0, "stats", "print counters at the end"),
	OPT_ARGS(struct tun_opts, files, "SA", 0, 0, "SA state, '-' for standard input"),
	OPT_END
};

struct tool { struct datapath *dp; };

static void
on_note(void *ctx, int level, const char *text)
{
	(void)ctx;
	report_say(level, "%s", text);
}

static void
on_trouble(void *ctx, const struct fault *f)
{
	(void)ctx;
	report_note(f);
}

static void
on_broken(void *ctx, const struct fault *f)
{
	(void)ctx;
	report_note(f);
	ev_break(EV_DEFAULT, EVBREAK_ALL);
}

static void
on_line(void *ctx, const char *text)
{
	(void)ctx;
	report_say(-1, "%s", text);
}

static void
on_signal(struct ev_loop *loop, ev_signal *w, int revents)
{
	struct tool *t = w->data;

	(void)revents;
	if (w->signum == SIGUSR1)
		datapath_stats(t->dp, on_line, NULL);
	else
		ev_break(loop, EVBREAK_ALL);
}

int
main(int argc, char *argv[])
{
	struct tun_opts o = { .route = true, .replay = REPLAY_DEFAULT };
	struct datapath_opt d = { .uid = (uid_t)-1, .sadb = { .backend = &esp_backend_ossl,
	    .mss_mode = SADB_MSS_CLAMP } };
	struct datapath_calls calls = { .note = on_note, .trouble = on_trouble, .broken = on_broken };
	struct tool t;
	struct fault f;
	static uint8_t buf[1 << 20];
	size_t len = 0;
	ev_signal s[3];

	prog_init(argv[0]);
	opt_parse(tun_optab, &o, argc, argv);
	d.tun = o.tun; d.mtu = o.mtu; d.route = o.route; d.state_dir = o.state_dir;
	d.sadb.rand = rand_system; d.sadb.replay = o.replay;
	if ((t.dp = datapath_new(EV_DEFAULT, &d, &calls, &t, &f)) == NULL)
		return (report_fault(&f));
	for (size_t i = 0; i < o.files.n; i++) {
		int fd = open(o.files.v[i], O_RDONLY);
		ssize_t n = read(fd, buf, sizeof(buf));
		len = n > 0 ? (size_t)n : 0;
		for (size_t at = 0; at < len; ) {
			static struct sa_rec r;
			long got = sa_decode(&r, span_of(buf + at, len - at), &f);
			if (got <= 0) { report_fault(&f); break; }
			at += (size_t)got;
			if (datapath_record(t.dp, &r, 1, &f) != 0) report_fault(&f);
			sa_rec_wipe(&r);
		}
	}
	int sigs[] = { SIGTERM, SIGINT, SIGUSR1 };
	for (int i = 0; i < 3; i++) { ev_signal_init(&s[i], on_signal, sigs[i]); s[i].data = &t; ev_signal_start(EV_DEFAULT, &s[i]); }
	ev_run(EV_DEFAULT, 0);
	if (o.stats)
		datapath_stats(t.dp, on_line, NULL);
	datapath_free(t.dp);
	return (0);
}
