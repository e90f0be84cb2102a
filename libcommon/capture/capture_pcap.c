/*
 * Where frames come from: libpcap. It is loaded when the first capture is opened, and not with the program: it
 * brings D-Bus, systemd and what those want, half of the start-up time of tools that mostly read no capture.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/capture_priv.h"

#define FILE_BUFFER	(256 * 1024)		/* bytes of one read */
#define LIVE_BUFFER	(8 * 1024 * 1024)	/* bytes that the kernel keeps for us */
#define LIVE_WAIT_MS	200

/* --- the library --- */

/* What is called of it, without the prefix. */
#define PCAP_CALLS(C)							\
	C(fopen_offline) C(create) C(activate) C(close)			\
	C(set_snaplen) C(set_immediate_mode) C(set_timeout)		\
	C(set_buffer_size) C(compile) C(setfilter) C(freecode)		\
	C(datalink) C(datalink_val_to_name) C(next_ex) C(breakloop)	\
	C(geterr) C(statustostr)

static struct {
#define PCAP_MEMBER(name)	__typeof__(&pcap_##name) name;
	PCAP_CALLS(PCAP_MEMBER)
#undef PCAP_MEMBER
} pcap;

int
capture_ready(struct fault *f)
{
	/* Debian's name, and that of the others. Same functions: the header is the one of the build. */
	static const char *const names[] = { "libpcap.so.0.8", "libpcap.so.1" };
	static void *lib;
	size_t i;

	if (lib != NULL)
		return (0);
	for (i = 0; lib == NULL && i < sizeof(names) / sizeof(names[0]); i++)
		lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	if (lib == NULL)
		return (fault(f, FAULT_SYSTEM, "libpcap cannot be loaded: %s", dlerror()));
	/* POSIX has dlsym() give functions as void pointers. */
#define PCAP_FIND(name)							\
	if ((*(void **)&pcap.name = dlsym(lib, "pcap_" #name)) == NULL)	\
		goto lacking;
	PCAP_CALLS(PCAP_FIND)
#undef PCAP_FIND
	return (0);
lacking:
	(void)fault(f, FAULT_SYSTEM, "libpcap is too old: %s", dlerror());
	(void)dlclose(lib);
	lib = NULL;
	return (-1);
}

/* --- captures --- */

/* Whether ${fd} is one; errno is EISDIR then. */
static bool
is_directory(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISDIR(st.st_mode))
		return (false);
	errno = EISDIR;
	return (true);
}

static FILE *
open_file(const char *path, struct fault *f)
{
	bool own = strcmp(path, "-") != 0;
	int fd = own ? open(path, O_RDONLY | O_CLOEXEC) : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	/* fdopen(3) accepts a directory. */
	FILE *in = fd < 0 || is_directory(fd) ? NULL : fdopen(fd, "r");

	if (in == NULL) {
		(void)fault_sys(f, fault_of_file(errno), "cannot open %s", own ? path : "standard input");
		if (fd >= 0)
			(void)close(fd);
	}
	return (in);
}

/* Whether ${in} begins like pcapng. */
static bool
is_ng(FILE *in)
{
	int c = getc(in);

	return (c != EOF && ungetc(c, in) == 0x0a);
}

/* Frames of the file ${in}: the source, or nothing of it, is open after that. */
static int
open_frames(struct capture *c, const char *path, FILE *in, struct fault *f)
{
	char err[PCAP_ERRBUF_SIZE] = "";
	struct fault why = {0};

	if (is_ng(in)) {
		if ((c->ng = capture_ng_new(in, &why)) == NULL)
			(void)fault(f, FAULT_MALFORMED, "%s is no capture: %s", path, why.what);
	} else if ((c->source = pcap.fopen_offline(in, err)) == NULL)
		(void)fault(f, FAULT_MALFORMED, "%s is no capture: %s", path, err);
	if (c->ng != NULL || c->source != NULL)
		return (0);
	(void)fclose(in);
	return (-1);
}

struct capture *
capture_open(const char *path, struct fault *f)
{
	struct capture *c;
	const char *name;
	FILE *in;

	/* Opened here: a path that cannot be read is another mistake than a file that is none. */
	if (capture_ready(f) != 0 || (in = open_file(path, f)) == NULL)
		return (NULL);
	if ((c = capture_new(f)) == NULL) {
		(void)fclose(in);
		return (NULL);
	}
	c->close = pcap.close;
	/* Without memory for it, stdio reads as it sees fit. */
	if ((c->buffer = malloc(FILE_BUFFER)) != NULL)
		(void)setvbuf(in, c->buffer, _IOFBF, FILE_BUFFER);
	if (open_frames(c, path, in, f) != 0) {
		capture_close(c);
		return (NULL);
	}
	/* In pcapng each interface has a link type. */
	if (c->ng != NULL)
		return (c);
	c->link = pcap.datalink(c->source);
	if (!capture_link_known(c->link)) {
		name = pcap.datalink_val_to_name(c->link);
		(void)fault(f, FAULT_MALFORMED, "%s has frames of link type %d (%s)", path, c->link,
		    name != NULL ? name : "unknown");
		capture_close(c);
		return (NULL);
	}
	return (c);
}

#define FILTER_MAX	(256 + CAPTURE_PORTS_MAX * 24)

/*
 * The filter: what may be of IPsec, and fragments, whose ports only the first one shows; with ${tags}
 * behind one VLAN tag or two as well. The kernel takes the first tag off what comes in, no others, and none of
 * what goes out.
 */
static void
make_filter(char *out, size_t cap, const uint16_t *ports, size_t n, bool tags)
{
	char what[FILTER_MAX];
	int len = snprintf(what, sizeof(what), "udp port 500 or udp port 4500 or tcp port %d or proto 50 or "
	    "proto 51 or proto 47 or proto 54 or (ip[6:2] & 0x3fff != 0) or (ip6[6] == 44)", CAPTURE_TCP_PORT);
	size_t i;

	for (i = 0; i < n; i++)
		len += snprintf(what + len, sizeof(what) - (size_t)len, " or udp port %u", ports[i]);
	(void)snprintf(out, cap, tags ? "%s or (vlan and (%s or (vlan and (%s))))" : "%s", what, what, what);
}

static int
set_filter(pcap_t *p, const char *text)
{
	struct bpf_program prog;
	int rc;

	if (pcap.compile(p, &prog, text, 1, PCAP_NETMASK_UNKNOWN) != 0)
		return (-1);
	rc = pcap.setfilter(p, &prog);
	pcap.freecode(&prog);
	return (rc);
}

struct capture *
capture_live(const char *iface, const uint16_t *ports, size_t n, struct fault *f)
{
	char err[PCAP_ERRBUF_SIZE] = "", filter[3 * FILTER_MAX + 32];
	struct capture *c;
	size_t i;
	int rc;

	if (capture_ready(f) != 0 || (c = capture_new(f)) == NULL)
		return (NULL);
	c->live = true;
	c->close = pcap.close;
	for (i = 0; i < n; i++)
		if (capture_add_port(c, ports[i], f) != 0)
			goto fail;
	if ((c->source = pcap.create(iface, err)) == NULL) {
		(void)fault(f, FAULT_DEVICE, "cannot capture on %s: %s", iface, err);
		goto fail;
	}
	(void)pcap.set_snaplen(c->source, CAPTURE_FRAME_MAX);
	(void)pcap.set_immediate_mode(c->source, 1);
	(void)pcap.set_timeout(c->source, LIVE_WAIT_MS);
	(void)pcap.set_buffer_size(c->source, LIVE_BUFFER);
	if ((rc = pcap.activate(c->source)) < 0) {
		(void)fault(f, rc == PCAP_ERROR_PERM_DENIED ? FAULT_PERMISSION :
		    FAULT_DEVICE, "cannot capture on %s: %s", iface, pcap.geterr(c->source)[0] != '\0' ?
		    pcap.geterr(c->source) : pcap.statustostr(rc));
		goto fail;
	}
	c->link = pcap.datalink(c->source);
	if (!capture_link_known(c->link)) {
		(void)fault(f, FAULT_DEVICE, "%s has frames of link type %d", iface, c->link);
		goto fail;
	}
	make_filter(filter, sizeof(filter), ports, n, true);
	if (set_filter(c->source, filter) == 0)
		return (c);
	/* A link without VLANs. */
	make_filter(filter, sizeof(filter), ports, n, false);
	if (set_filter(c->source, filter) != 0) {
		(void)fault(f, FAULT_DEVICE, "cannot filter on %s: %s", iface,
		    pcap.geterr(c->source));
		goto fail;
	}
	return (c);
fail:
	capture_close(c);
	return (NULL);
}

/* The next frame of a pcapng file. The file may have frames that are not known; all of them are an error. */
static int
next_ng(struct capture *c, struct capture_packet *p, struct fault *f)
{
	struct capture_ng_packet n;
	struct fault why = {0};
	const char *name;
	int rc = capture_ng_next(c->ng, &n, &why);

	if (rc < 0)
		return (fault(f, why.code, why.code == FAULT_TRUNCATED ? "the capture breaks off after frame %llu: %s" :
		    "the capture is malformed after frame %llu: %s", (unsigned long long)c->stats.frames, why.what));
	if (rc > 0) {
		c->link = n.link;
		c->iface = n.iface;
		capture_frame(c, n.frame, n.len, n.time_us, p);
		return (1);
	}
	if (c->unknown == 0 || c->unknown < c->stats.frames)
		return (0);
	name = pcap.datalink_val_to_name(c->unknown_link);
	return (fault(f, FAULT_MALFORMED, "the capture has only frames of link type %d (%s)", c->unknown_link,
	    name != NULL ? name : "unknown"));
}

int
capture_next(struct capture *c, struct capture_packet *p, struct fault *f)
{
	struct pcap_pkthdr *h;
	const u_char *bytes;
	uint64_t sec, us;
	int rc;

	if (c->ng != NULL)
		return (next_ng(c, p, f));
	/* 0, of an interface alone: only frames came that the filter rejects, for one those before it was set. */
	while ((rc = pcap.next_ex(c->source, &h, &bytes)) == 0)
		;
	switch (rc) {
	case 1:
		break;
	case PCAP_ERROR_BREAK:
		return (0);
	default:
		if (c->live)
			return (fault(f, FAULT_DEVICE, "%s", pcap.geterr(c->source)));
		return (fault(f, FAULT_TRUNCATED, "the capture breaks off after frame %llu: %s",
		    (unsigned long long)c->stats.frames, pcap.geterr(c->source)));
	}
	/* A file's times are anything: what is before 1970 counts as that. */
	sec = h->ts.tv_sec < 0 || (uint64_t)h->ts.tv_sec > UINT32_MAX ? 0 : (uint64_t)h->ts.tv_sec;
	us = h->ts.tv_usec < 0 || h->ts.tv_usec > 999999 ? 0 : (uint64_t)h->ts.tv_usec;
	capture_frame(c, span_of(bytes, h->caplen), h->len, sec * 1000000 + us, p);
	return (1);
}

void
capture_stop(struct capture *c)
{
	pcap.breakloop(c->source);
}
