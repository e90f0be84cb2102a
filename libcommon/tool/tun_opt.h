/*
 * The options of esp-tun that a section of a tunnel's file may have too, and the struct that they fill.
 */
#ifndef SAPIPE_TOOL_TUN_OPT_H
#define SAPIPE_TOOL_TUN_OPT_H

#include "cli/opt.h"
#include "net/route.h"

#define MSS_CLAMP	0x10000u	/* more than the largest MSS */
#define MSS_OFF		0x10001u
#define DSCP_COPY	64u
#define WINDOW_UNSET	UINT32_MAX

struct tun_opts {
	const char	*tun, *state_dir, *script, *user, *pcap, *control, *dscp_map, *mtu_probe, *nhrp;
	const char	*decrypt, *encrypt, *output;	/* captures: no device then */
	struct opt_list	 addresses, nhtb;
	struct opt_args	 files;
	bool		 route, local_lan, hub, block, stats, with_input, standby, pass;
	uint32_t	 mtu, metric, replay, mss, dscp;
	uint32_t	 ready_fd;	/* 0: none */
	uint32_t	 threads;
	uint8_t		 df;		/* enum of sadb_config */
	uint8_t		 backend;	/* the word's index */
};

#define TUN_OPTS_DEFAULT { .threads = 1, .route = true, .local_lan = true, .replay = WINDOW_UNSET, .mss = MSS_CLAMP, .dscp = DSCP_COPY }

/* Rows for OPT_INCLUDE: --tun, and what the device does; the handling of packets, with --backend. */
extern const struct opt tun_dev_optab[], tun_packet_optab[];

/* --address of a device, "10.3.0.7/24" or a bare address: host bits are wanted here. 0, or -1 with FAULT_BAD_ADDRESS or FAULT_USAGE. */
int tun_address_parse(struct route *r, const char *text, struct fault *f);

/* A binding of --nhtb, "10.255.0.2=berne": ${*name} lies in ${text}. ${where} is for messages. 0, or -1 with FAULT_USAGE or FAULT_BAD_ADDRESS. */
int tun_hop_parse(struct addr *hop, const char **name, const char *text, const char *where, struct fault *f);

#endif
