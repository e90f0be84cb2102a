/* Reads of several packets of a device at once: the same packets, in the same order, as one by one. The device is a datagram socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "esp/seal.h"
#include "net/tun.h"

#define SLOT	(ESP_HEADROOM + PKT_MAX + 1)

struct device {
	struct tun	 t;
	int		 kernel;	/* the end that packets come from */
	struct pkt	 k[TUN_RING];
	uint8_t		*slots;
	uint64_t	 cut;
	struct fault	 f;
};

static void
device_open(struct device *d, bool ring)
{
	int fd[2], room = 4 << 20;

	memset(d, 0, sizeof(*d));
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	assert_int_equal(setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
	d->t.fd = fd[0];
	d->kernel = fd[1];
	d->slots = malloc(TUN_RING * SLOT);
	assert_non_null(d->slots);
	if (ring && (d->t.ring = tun_ring_new(fd[0])) == NULL) {
		(void)close(fd[0]);
		(void)close(fd[1]);
		free(d->slots);
		skip();		/* no io_uring here */
	}
}

static void
device_close(struct device *d)
{
	tun_ring_free(d->t.ring);
	(void)close(d->t.fd);
	(void)close(d->kernel);
	free(d->slots);
}

/* A packet of ${len} bytes, each of them ${value}; ${gso}: what its header says. */
static void
comes(const struct device *d, uint8_t value, size_t len, uint8_t gso)
{
	static uint8_t b[TUN_HEADROOM + PKT_MAX + 1];
	struct virtio_net_hdr h = { .gso_type = gso, .gso_size = gso != 0 ? 1000 : 0 };

	memcpy(b, &h, sizeof(h));
	memset(b + TUN_HEADROOM, value, len);
	assert_int_equal(send(d->kernel, b, TUN_HEADROOM + len, 0), TUN_HEADROOM + len);
}

static int
some(struct device *d, size_t n, size_t *got)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t *b = d->slots + i * SLOT;

		d->k[i] = (struct pkt){ .p = b + ESP_HEADROOM, .buf = b, .cap = SLOT };
	}
	return (tun_read_some(&d->t, 0, d->k, n, got, &d->cut, &d->f));
}

static void
is(const struct pkt *k, uint8_t value, size_t len)
{
	assert_int_equal(k->len, len);
	assert_int_equal(k->p[0], value);
	assert_int_equal(k->p[len - 1], value);
}

static void
test_order(void **state)
{
	struct device d;
	size_t got;

	(void)state;
	device_open(&d, true);
	for (uint8_t i = 0; i < 10; i++)
		comes(&d, (uint8_t)(i + 1), 20U + i, 0);
	assert_int_equal(some(&d, 4, &got), 1);
	assert_int_equal(got, 4);
	for (uint8_t i = 0; i < 4; i++)
		is(&d.k[i], (uint8_t)(i + 1), 20U + i);
	assert_int_equal(some(&d, TUN_RING, &got), 0);
	assert_int_equal(got, 6);
	for (uint8_t i = 0; i < 6; i++)
		is(&d.k[i], (uint8_t)(i + 5), 24U + i);
	assert_int_equal(some(&d, TUN_RING, &got), 0);
	assert_int_equal(got, 0);
	device_close(&d);
}

/* How many to ask for grows with short packets, and falls to one after a long one. */
static void
test_expect(void **state)
{
	size_t got, asked[8], n;
	struct device d;

	(void)state;
	device_open(&d, true);
	for (n = 0; n < 8; n++) {
		asked[n] = tun_expect(&d.t, 0);
		for (size_t i = 0; i < asked[n]; i++)
			comes(&d, 1, 100, 0);
		assert_int_equal(some(&d, asked[n], &got), 1);
		assert_int_equal(got, asked[n]);
	}
	assert_int_equal(asked[0], 1);
	for (n = 1; n < 8; n++)
		assert_true(asked[n] > asked[n - 1] || asked[n] == TUN_RING);
	assert_int_equal(asked[7], TUN_RING);
	comes(&d, 1, 100, 0);
	comes(&d, 2, 60000, VIRTIO_NET_HDR_GSO_TCPV4);
	assert_int_equal(some(&d, TUN_RING, &got), 0);
	assert_int_equal(got, 2);
	is(&d.k[1], 2, 60000);
	assert_int_equal(d.k[1].gso, PKT_GSO_TCP4);
	assert_int_equal(tun_expect(&d.t, 0), 1);
	assert_int_equal(some(&d, 1, &got), 0);
	assert_int_equal(tun_expect(&d.t, 0), 1);
	device_close(&d);
}

/* What is no packet, between packets: of a kind that nobody asked for, without a byte, longer than the buffer. */
static void
bad(bool ring)
{
	struct device d;
	size_t got = 0, n = 0;
	int rc;

	device_open(&d, ring);
	comes(&d, 1, 99, 77);
	comes(&d, 2, 40, 0);
	comes(&d, 3, 0, 0);
	comes(&d, 4, PKT_MAX + 1, 0);
	comes(&d, 5, 50, 0);
	comes(&d, 6, PKT_MAX, 0);
	do {
		rc = some(&d, 8, &got);
		for (size_t i = 0; i < got; i++, n++)
			is(&d.k[i], n == 0 ? 2 : n == 1 ? 5 : 6, n == 0 ? 40 : n == 1 ? 50 : PKT_MAX);
	} while (rc == 1);
	assert_int_equal(rc, 0);
	assert_int_equal(n, 3);
	assert_int_equal(d.cut, 3);
	device_close(&d);
}

static void
test_bad(void **state)
{
	(void)state;
	bad(false);
	bad(true);
}

/* Without a ring, a long packet is the last of its read. */
static void
test_one_by_one(void **state)
{
	struct device d;
	size_t got;

	(void)state;
	device_open(&d, false);
	comes(&d, 1, 40, 0);
	comes(&d, 2, 30000, 0);
	comes(&d, 3, 40, 0);
	assert_int_equal(some(&d, 8, &got), 1);
	assert_int_equal(got, 2);
	is(&d.k[1], 2, 30000);
	assert_int_equal(some(&d, 8, &got), 0);
	assert_int_equal(got, 1);
	is(&d.k[0], 3, 40);
	device_close(&d);
}

/* A device that is gone, after its last packets. */
static void
gone(bool ring)
{
	struct device d;
	size_t got;
	int rc;

	device_open(&d, ring);
	comes(&d, 1, 40, 0);
	assert_int_equal(send(d.kernel, "", 0, 0), 0);	/* read() returns 0 */
	rc = some(&d, 4, &got);
	assert_int_equal(got, 1);
	is(&d.k[0], 1, 40);
	assert_int_equal(rc, -1);
	assert_int_equal(d.f.code, FAULT_DEVICE);
	device_close(&d);
}

static void
test_gone(void **state)
{
	(void)state;
	gone(false);
	gone(true);
}

/* A ring of a descriptor that is no device, or that has something to read already, is none. */
static void
test_no_ring(void **state)
{
	struct device d;

	(void)state;
	device_open(&d, false);
	comes(&d, 1, 40, 0);
	assert_null(tun_ring_new(d.t.fd));
	assert_null(tun_ring_new(-1));
	tun_ring_free(NULL);
	device_close(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_expect),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_one_by_one),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_no_ring),
	};

	return (cmocka_run_group_tests_name("tun_read", tests, NULL, NULL));
}
