/* Requests to the kernel's routing netlink, one after the other: of this machine's loopback device, which nothing changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "net/netlink.h"

static int
count(const struct nlmsghdr *h, void *ctx)
{
	unsigned *n = ctx;

	*n += h->nlmsg_type == RTM_NEWLINK;
	return (MNL_CB_OK);
}

static int
break_off(const struct nlmsghdr *h, void *ctx)
{
	(void)h, (void)ctx;
	errno = EINTR;
	return (MNL_CB_ERROR);
}

static int
ask(struct netlink *n, uint16_t flags, int (*each)(const struct nlmsghdr *h, void *ctx), unsigned *seen)
{
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(n, &m, RTM_GETLINK, flags);
	struct ifinfomsg *i = mnl_nlmsg_put_extra_header(h, sizeof(*i));

	i->ifi_index = flags == 0 ? (int)if_nametoindex("lo") : 0;
	*seen = 0;
	return (netlink_talk(n, h, each, seen));
}

/* A dump that is broken off, as the kernel does when it changes meanwhile, leaves nothing to the next. */
static void
an_answer_broken_off_is_over(void **state)
{
	struct netlink n;
	unsigned seen, i;

	(void)state;
	assert_int_equal(netlink_open(&n, NULL), 0);
	for (i = 0; i < 4; i++) {
		assert_int_equal(ask(&n, i % 2 == 0 ? 0 : NLM_F_DUMP, break_off, &seen), -1);
		assert_int_equal(errno, EINTR);
		assert_int_equal(ask(&n, 0, count, &seen), 0);
		assert_int_equal(seen, 1);
	}
	netlink_close(&n);
}

/* Of a device that there is not; the next request is answered. */
static void
an_error_is_the_answer(void **state)
{
	struct netlink n;
	struct netlink_msg m;
	struct nlmsghdr *h;
	struct ifinfomsg *i;
	unsigned seen;

	(void)state;
	assert_int_equal(netlink_open(&n, NULL), 0);
	h = netlink_begin(&n, &m, RTM_GETLINK, 0);
	i = mnl_nlmsg_put_extra_header(h, sizeof(*i));
	i->ifi_index = 0x7ffffff0;
	assert_int_equal(netlink_talk(&n, h, NULL, NULL), -1);
	assert_int_equal(errno, ENODEV);
	assert_int_equal(ask(&n, 0, count, &seen), 0);
	assert_int_equal(seen, 1);
	netlink_close(&n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_broken_off_is_over),
		cmocka_unit_test(an_error_is_the_answer),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
