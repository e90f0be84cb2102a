/* Reads the IKE datagrams of a capture. */
#include "capture/capture.h"
#include "opts.h"

int
calc_messages(const char *path, calc_each *each, void *arg, struct fault *f)
{
	struct capture *c = capture_open(path, f);
	struct capture_packet p;
	int rc = -1;

	while (c != NULL && (rc = capture_next(c, &p, f)) > 0) {
		const struct v1_seen in = {
			.number = p.number, .src = p.src, .dst = p.dst, .data = p.data, .lost = p.lost,
			.epoch = p.time_us / 1000000,
		};

		if (p.what == CAPTURE_IKE && (rc = each(arg, &in, f)) == -1)
			break;
	}
	capture_close(c);
	return (rc);
}
