# shellcheck shell=bash
# shellcheck disable=SC2034 # for the tests
# Two gateways that share an address, between a branch and a host:
#
#   left 203.0.113.1 --- br-out --- a 203.0.113.3, b 203.0.113.4 --- br-in --- host 10.2.0.10
#   inside 10.1.0.1              203.0.113.2 and 10.2.0.254 of the active one
#
# load lib/common, lib/tun and lib/two before. Keepalived of Debian elects the active one.

shared_setup() {
	local x
	for x in keepalived tcpdump socat; do command -v "$x" >/dev/null || skip "no $x (make deps)"; done
	two_setup
	ip -n "$L" link del eth0
	ip netns del "$R"
	W=et$$x${BATS_TEST_NUMBER}w A=et$$x${BATS_TEST_NUMBER}a B=et$$x${BATS_TEST_NUMBER}b R=et$$x${BATS_TEST_NUMBER}h
	for x in "$W" "$A" "$B" "$R"; do ip netns add "$x" && ip -n "$x" link set lo up; done
	ip -n "$W" link add br-out type bridge mcast_snooping 0
	ip -n "$W" link add br-in type bridge mcast_snooping 0
	plug "$L" eth0 br-out 203.0.113.1/24
	ip -n "$L" addr add 10.1.0.1/32 dev lo 2>/dev/null || :
	plug "$R" eth0 br-in 10.2.0.10/24
	ip -n "$R" route add default via 10.2.0.254
	# A neighbour that was learnt less than a second ago ignores gratuitous ARP: the gap of that is not the gateways'.
	for x in "$L" "$R"; do ip netns exec "$x" sysctl -qw net.ipv4.neigh.eth0.locktime=0; done
	for x in "$A" "$B"; do
		plug "$x" out br-out "203.0.113.$([ "$x" = "$A" ] && echo 3 || echo 4)/24"
		plug "$x" in br-in "10.2.0.$([ "$x" = "$A" ] && echo 3 || echo 4)/24"
		ip netns exec "$x" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
	done
	ip -n "$W" link set br-out up
	ip -n "$W" link set br-in up
}

# plug NAMESPACE DEVICE BRIDGE ADDRESS: a cable from the device to the bridge, whose port there is NAMESPACE's letter and BRIDGE.
plug() {
	local port=${1: -1}$3
	ip -n "$1" link add "$2" type veth peer name "$port" netns "$W"
	ip -n "$W" link set "$port" master "$3" up
	ip -n "$1" addr add "$4" dev "$2"
	ip -n "$1" link set "$2" up
}

shared_teardown() {
	local x
	stop_background
	for x in a b; do [ ! -x "${T-}/sapipe_$x" ] || "$T/sapipe_$x" down gw >/dev/null 2>&1 || :; done
	netns_gone "${A-}" "${B-}" "${W-}"
	two_teardown
}

# gateways: files of both for sapipe, the wrappers sapipe_a and sapipe_b, and keepalived.conf of both. Records go through
# "tail" of a file, as they would through ssh.
shared_gateways() {
	local x ns other
	for x in a b; do
		ns=$A other=b
		[ "$x" = a ] || { ns=$B; other=a; }
		mkdir "$x.d"
		cp gw.psk "$x.d"
		cat >"$x.d/gw.conf" <<-END
			[branch]
			role = responder
			local-id = right.example
			remote-id = left.example
			psk-file = gw.psk
			local-ts = 10.2.0.0/24
			remote-ts = 10.1.0.0/24
			ike = ${FAST[1]}
			esp = ${FAST[3]}
			tun = vpn0
		END
		# For keepalived, which is in the namespace.
		cat >"notify_$x" <<-END
			#!/bin/sh
			export PATH=$PATH SAPIPE_RUN_DIR=$T/run SAPIPE_CONF_DIR=$T/$x.d STATE_DIRECTORY=$T/$x.state LC_ALL=C
			echo "\$(date +%s.%N) \$*" >>$T/$x.calls
			exec sapipe "\$@" gw 3>&- 4>&-
		END
		cat >"sapipe_$x" <<-END
			#!/bin/sh
			export PATH=$PATH SAPIPE_RUN_DIR=$T/run SAPIPE_CONF_DIR=$T/$x.d STATE_DIRECTORY=$T/$x.state LC_ALL=C
			echo "\$(date +%s.%N) \$*" >>$T/$x.calls
			exec ip netns exec $ns sapipe "\$@" 3>&- 4>&-
		END
		# What keepalived asks every second has a file of its own: when, how long, what.
		cat >"check_$x" <<-END
			#!/bin/sh
			export PATH=$PATH SAPIPE_RUN_DIR=$T/run SAPIPE_CONF_DIR=$T/$x.d STATE_DIRECTORY=$T/$x.state LC_ALL=C
			at=\$(date +%s.%N)
			text=\$(sapipe fit gw 2>&1)
			rc=\$?
			echo "\$at \$(date +%s.%N) \$rc \$text" | head -n 1 >>$T/$x.fits
			exit \$rc
		END
		printf '#!/bin/sh\nexec %s/sapipe_%s records gw\n' "$T" "$other" >"$x.d/gw.follow"
		chmod 755 "sapipe_$x" "check_$x" "notify_$x" "$x.d/gw.follow"
		mkdir "$x.state"
		cat >"$x.keepalived" <<-END
			global_defs {
				router_id $x
				vrrp_version 3
				vrrp_priority -19
				script_user root
				enable_script_security
			}
			vrrp_script tunnel {
				script "$T/check_$x"
				interval 1
				timeout 20
				fall 2
				rise 1
			}
			vrrp_sync_group gw {
				group {
					out
					in
				}
				track_script {
					tunnel
				}
				notify_master "$T/notify_$x takeover"
				notify_backup "$T/notify_$x standby"
				notify_fault "$T/notify_$x standby"
			}
			vrrp_instance out {
				state BACKUP
				interface out
				virtual_router_id 51
				priority $([ "$x" = a ] && echo 110 || echo 100)
				advert_int 0.2
				nopreempt
				virtual_ipaddress {
					203.0.113.2/32
				}
			}
			vrrp_instance in {
				state BACKUP
				interface in
				virtual_router_id 52
				priority $([ "$x" = a ] && echo 110 || echo 100)
				advert_int 0.2
				nopreempt
				virtual_ipaddress {
					10.2.0.254/32
				}
			}
		END
	done
}

# elect a|b: starts keepalived there.
elect() {
	local ns=$A
	[ "$1" = a ] || ns=$B
	background "vrrp_$1" ip netns exec "$ns" keepalived -n -l -D -P -f "$T/$1.keepalived" -p "$T/$1.pid" -r "$T/$1.vrrp.pid"
}

calls() { grep -q " $2" "$1.calls" 2>/dev/null; }
