/* The IKE messages of a capture, one after another. */
#include "capture/capture.h"
#include "opts.h"

int
calc_messages(const char *path, const struct sa_set *keys, calc_each *each, void *arg,
    struct fault *f)
{
	struct capture *c = capture_open(path, f);
	struct v1_trace *t = v1_trace_new(keys);
	static struct v1_told m;
	struct capture_packet p;
	int rc = -1;

	if (c != NULL && t == NULL)
		(void)fault(f, FAULT_MEMORY, "no memory for a trace");
	while (c != NULL && t != NULL && (rc = capture_next(c, &p, f)) > 0) {
		struct v1_seen in = {
			.number = p.number, .src = p.src, .dst = p.dst, .data = p.data, .lost = p.lost,
		};

		if (p.what != CAPTURE_IKE || v1_trace_take(t, &in, &m, NULL) != 0)
			continue;
		if ((rc = each(arg, &p, &m, f)) == -1)
			break;
	}
	v1_trace_free(t);
	capture_close(c);
	return (rc);
}
