/* Declarations shared by the files of gre-tun. */
#ifndef SAPIPE_GRE_TUN_H
#define SAPIPE_GRE_TUN_H

#include "cli/opt.h"
#include "gre/device.h"

#define KEY_NONE	(UINT64_C(1) << 32)

struct gre_opts {
	const char	*tun, *local, *remote, *user, *control;
	struct opt_list	 addresses;
	struct opt_args	 files;
	uint64_t	 key;		/* KEY_NONE: none */
	bool		 checksum, sequence, multicast, require_sa, route, stats, with_input;
	uint32_t	 mtu, metric, keepalive, retries;
	uint8_t		 ttl;
	uint8_t		 mss;		/* the word's index: clamp, off */
};
#define GRE_OPTS_DEFAULT { .key = KEY_NONE, .route = true, .mtu = GRE_MTU_DEFAULT, .ttl = 64, .retries = 3 }

extern const struct opt gre_optab[];

/* Converts the options of the tool to those of the device. 0, or -1 with FAULT_USAGE, FAULT_BAD_ADDRESS or as priv_user(). */
int gre_settle(const struct gre_opts *o, struct gre_opt *d, struct fault *f);

#endif
