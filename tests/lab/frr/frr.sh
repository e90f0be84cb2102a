#!/bin/bash
# A DMVPN in network namespaces, a hub and two spokes, each of them FRR's nhrpd
# or the program under test. README.md has the addresses.
#
#   frr.sh get                  download and unpack FRR, once
#   frr.sh up [--nat]           (re)make the namespaces; --nat: spoke2 behind one
#   frr.sh start NODE           run FRR in NODE: hub, spoke1 or spoke2
#   frr.sh gre NODE             only FRR's GRE device, addresses and routes
#   frr.sh stop NODE            stop either
#   frr.sh show NODE            neighbours, routes and NHRP tables
#   frr.sh vty NODE COMMAND...  commands for nhrpd, such as 'show dmvpn'
#   frr.sh log NODE             print nhrpd's log so far
#   frr.sh down                 stop all, remove namespaces and state
#
# LAB_HOLDTIME  holding time in seconds (default 60); a spoke registers anew
#               after a third of it.
# LAB_NHRP      more lines for interface gre1 in nhrpd's configuration.
# LAB_GRE       options for gre.py (default: --key 42).
# LAB_OURS      nodes whose GRE device is gre-tun's (from PATH, key 42).
# LAB_FRR       where FRR lies unpacked (default: a directory of its own under
#               the system's temporary directory, shared by all prefixes).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../env.sh
. "$here/../env.sh"

nodes='hub spoke1 spoke2'
state=$LAB_STATE/frr
frr=${LAB_FRR:-${TMPDIR:-/tmp}/ipsec-lab-$(id -u)-frr}
NS_NET=${LAB_PREFIX}net NS_ROUTER=${LAB_PREFIX}router
HUB_IP=203.0.113.254 HUB_OVERLAY=10.255.255.254
ROUTER_IP=203.0.113.1 ROUTER_PRIV_IP=192.0.2.1 SPOKE2_PRIV_IP=192.0.2.12

# node NAME: where it lives.
node() {
	case $1 in
	hub) underlay=$HUB_IP overlay=$HUB_OVERLAY inner=10.0.0.1 ;;
	spoke1) underlay=203.0.113.11 overlay=10.255.255.1 inner=10.1.0.1 ;;
	spoke2) underlay=203.0.113.12 overlay=10.255.255.2 inner=10.2.0.1 ;;
	*) die "no node $1; there are $nodes" ;;
	esac
	name=$1 ns=$LAB_PREFIX$1 dir=$state/$1
}

in_ns() { ip netns exec "$ns" "$@"; }

# Ours, not planted by somebody else in a directory open to all.
have_frr() { [ -O "$frr" ] && [ -x "$frr/usr/lib/frr/nhrpd" ]; }

get() {
	local tmp
	have_frr && return
	tmp=$(mktemp -d)
	{
		(cd "$tmp" && apt-get download frr && dpkg-deb -x frr_*.deb frr) &&
			mv -T "$tmp/frr" "$frr" # fails if another get was faster
	} >"$tmp/log" 2>&1 || have_frr || cat "$tmp/log" >&2
	rm -rf "$tmp"
	have_frr || die "no FRR in $frr"
}

# Without link-local addresses: when that of eth0 is ready, a second or two after
# the link, nhrpd forgets its peers ("NBMA change").
namespace() {
	ip netns add "$1"
	ip -n "$1" link set lo up
	ip netns exec "$1" sysctl -eqw net.ipv6.conf.default.addr_gen_mode=1
	for c in all default; do
		ip netns exec "$1" sysctl -qw "net.ipv4.conf.$c.rp_filter=0"
	done
}

# plug NS PORT ADDRESS [IF]: a link to the underlay, a bridge in NS_NET.
plug() {
	ip -n "$1" link add "${4:-eth0}" type veth peer name "$2" netns "$NS_NET"
	ip -n "$1" addr add "$3/24" dev "${4:-eth0}"
	ip -n "$1" link set "${4:-eth0}" up
	ip -n "$NS_NET" link set "$2" master br0 up
}

up() { # [--nat]
	local n
	down
	trap 'down' EXIT
	namespace "$NS_NET"
	ip -n "$NS_NET" link add br0 type bridge
	ip -n "$NS_NET" link set br0 up
	for n in $nodes; do
		node "$n"
		namespace "$ns"
		ip -n "$ns" addr add "$inner/24" dev lo
		in_ns sysctl -qw net.ipv4.ip_forward=1
		[ "$n$1" = spoke2--nat ] || plug "$ns" "$n" "$underlay"
	done
	[ -z "$1" ] || nat
	trap - EXIT
}

# A router in front of spoke2. What it did not ask for it must drop, not only
# refuse: otherwise connection tracking remembers it, and what spoke2 sends
# later to the same peer collides with that.
nat() {
	namespace "$NS_ROUTER"
	plug "$NS_ROUTER" router "$ROUTER_IP" outside
	ip -n "$NS_ROUTER" link add inside type veth peer name eth0 netns "$ns"
	ip -n "$NS_ROUTER" addr add "$ROUTER_PRIV_IP/24" dev inside
	ip -n "$NS_ROUTER" link set inside up
	ip -n "$ns" addr add "$SPOKE2_PRIV_IP/24" dev eth0
	ip -n "$ns" link set eth0 up
	ip -n "$ns" route add default via "$ROUTER_PRIV_IP"
	ip netns exec "$NS_ROUTER" sysctl -qw net.ipv4.ip_forward=1
	ip netns exec "$NS_ROUTER" nft -f - <<-NFT
		table ip lab {
			chain input {
				type filter hook input priority filter;
				iifname "outside" ct state new drop
			}
			chain forward {
				type filter hook forward priority filter;
				iifname "outside" ct state new drop
			}
			chain postrouting {
				type nat hook postrouting priority srcnat;
				oifname "outside" udp sport 1-65535 \
					masquerade to :20000-29999
				oifname "outside" masquerade
			}
		}
	NFT
}

down() {
	local n
	for n in $nodes; do
		node "$n"
		stop
	done
	for n in $nodes net router; do
		[ ! -e "/run/netns/$LAB_PREFIX$n" ] || ip netns del "$LAB_PREFIX$n"
	done
	rm -rf "$state"
	rmdir "$LAB_STATE" 2>/dev/null || true
}

# run NAME COMMAND...: in the node's namespace and in the background.
run() {
	local what=$1
	shift
	(
		exec </dev/null >"$dir/$what.out" 2>&1 3>&-
		ulimit -c 0 # nhrpd 8.4.4 aborts when it ends
		trap '' XFSZ # a flood must not fill the disk with lines of log
		ulimit -f 65536
		LAB_NODE=$dir exec setsid ip netns exec "$ns" "$@"
	) &
	echo $! >"$dir/$what.pid"
}

# Prints the pid of what "run NAME" started, if it still runs. The pid file
# alone proves nothing (pids are reused), so the process must bear our mark.
pid_of() {
	local pid
	pid=$(cat "$dir/$1.pid" 2>/dev/null) || return 1
	# Not from a pipe: with pipefail a reader that has found it and ends makes this fail.
	grep -qzxF "LAB_NODE=$dir" "/proc/$pid/environ" 2>/dev/null || return 1
	echo "$pid"
}

# await NAME COMMAND...: until COMMAND succeeds, for what "run NAME" started.
await() {
	local tries=0 what=$1
	shift
	until "$@" >/dev/null 2>&1; do
		[ $((tries += 1)) -lt 600 ] || die "$what in $ns does not get ready"
		[ $tries -lt 100 ] || pid_of "$what" >/dev/null || {
			cat "$dir/$what.out" >&2
			die "$what in $ns did not start"
		}
		sleep 0.05
	done
}

gre() {
	stop
	ip netns exec "$ns" true || die "no namespace $ns: run frr.sh up"
	make_state
	mkdir -p "$dir"
	if [[ " ${LAB_OURS:-} " == *" $name "* ]]; then
		# It reads bindings from a pipe that stays open and is empty:
		# the neighbours are nhrpd's.
		mkfifo "$dir/bindings"
		# shellcheck disable=SC2016 # the inner shell expands it
		run gre bash -c 'exec 3<>"$0"; exec "$@"' "$dir/bindings" \
			gre-tun -v --tun gre1 --key 42 "$dir/bindings"
		await gre grep -q 'gre1 is up' "$dir/gre.out"
	else
		# shellcheck disable=SC2086 # several options
		run gre python3 "$here/gre.py" ${LAB_GRE:-}
		await gre grep -q 'is there' "$dir/gre.out"
	fi
	in_ns sysctl -eqw net.ipv6.conf.gre1.disable_ipv6=1 \
		net.ipv4.conf.gre1.send_redirects=0
	ip -n "$ns" addr add "$overlay/32" dev gre1
	ip -n "$ns" link set gre1 mtu 1400 up
	if [ "$name" = hub ]; then
		ip -n "$ns" route add 10.1.0.0/24 via 10.255.255.1 dev gre1 onlink
		ip -n "$ns" route add 10.2.0.0/24 via 10.255.255.2 dev gre1 onlink
	else
		ip -n "$ns" route add 10.0.0.0/8 via "$HUB_OVERLAY" dev gre1 onlink
	fi
}

# A daemon of FRR, unpacked as it is. It wants a group frrvty and writes below
# /var/tmp: both are mounts that nobody else sees.
daemon() { # NAME [VARIABLE=VALUE...]
	local what=$1
	shift
	# shellcheck disable=SC2016 # the inner shell expands it
	run "$what" sh -c 'mount --bind "$0/group" /etc/group &&
		mount -t tmpfs lab /var/tmp && exec env "$@"' "$dir" \
		LD_LIBRARY_PATH="$frr/usr/lib/x86_64-linux-gnu/frr" "$@" \
		"$frr/usr/lib/frr/$what" -u root -g root -f "$dir/$what.conf" \
		-i "$dir/$what.lock" -z "$dir/zserv" --vty_socket "$dir" -P 0 \
		--log "file:$dir/$what.log"
	await "$what" talk "$what" 'show version'
}

start() {
	have_frr || die "no FRR: run frr.sh get"
	gre
	{
		cat /etc/group
		echo frrvty:x:65533:root
	} >"$dir/group"
	gcc -O2 -Wall -shared -fPIC -o "$dir/halen.so" "$here/halen.c"
	echo "hostname $name" >"$dir/zebra.conf"
	configure >"$dir/nhrpd.conf"
	[ "$name" != hub ] || sample
	daemon zebra
	daemon nhrpd LD_PRELOAD="$dir/halen.so"
}

configure() {
	cat <<-CONF
		hostname $name
		debug nhrp common
		nhrp nflog-group 1
		interface gre1
		 tunnel source eth0
		 ip nhrp network-id 1
		 ip nhrp holdtime ${LAB_HOLDTIME:-60}
		 ip nhrp registration no-unique
		 ip nhrp shortcut
	CONF
	case $name in
	hub) echo ' ip nhrp redirect' ;;
	*) echo " ip nhrp nhs dynamic nbma $HUB_IP" ;;
	esac
	[ -z "${LAB_NHRP:-}" ] || echo "$LAB_NHRP"
}

# What the hub forwards from spoke to spoke, one packet a second for each pair:
# nhrpd answers with a traffic indication.
sample() {
	in_ns nft -f - <<-NFT
		table ip nhrp {
			set pairs {
				type ipv4_addr . ipv4_addr
				flags dynamic
				size 4096
				timeout 60s
			}
			chain forward {
				type filter hook forward priority filter;
				iifname "gre1" oifname "gre1" \
					add @pairs { ip saddr . ip daddr limit rate 1/second burst 1 packets } \
					log group 1 snaplen 128 queue-threshold 1
			}
		}
	NFT
}

stop() {
	local what pid tries=0
	for what in nhrpd zebra gre; do
		pid=$(pid_of $what) || continue
		kill "$pid" 2>/dev/null || true
		while pid_of $what >/dev/null; do
			[ $((tries += 1)) -lt 60 ] || kill -9 "$pid" 2>/dev/null || true
			sleep 0.05
		done
	done
	[ ! -d "$dir" ] || in_ns nft delete table ip nhrp 2>/dev/null || true
	rm -rf "$dir"
}

# talk DAEMON COMMAND...: what vtysh does, without its need of PAM. Commands
# end with a zero byte, answers with three and one for success.
talk() {
	local what=$1
	shift
	[ -S "$dir/$what.vty" ] || return 1
	printf '%s\0' enable "$@" |
		timeout 10 socat -t 2 - "UNIX-CONNECT:$dir/$what.vty" | tr -d '\0-\10'
}

show() {
	echo "# $name: neighbours"
	ip -n "$ns" neigh show dev gre1 2>/dev/null || echo '(no gre1)'
	echo "# $name: routes"
	ip -n "$ns" route
	echo "# $name: NHRP"
	pid_of nhrpd >/dev/null || {
		echo '(no nhrpd)'
		return
	}
	talk nhrpd 'show ip nhrp nhs' 'show ip nhrp cache' 'show ip nhrp shortcut'
}

usage() {
	sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" >&2
	exit 2
}

[ $# -ge 1 ] || usage
cmd=$1
shift
case $cmd$# in
get0 | down0) "$cmd" ;;
up0) up '' ;;
up1)
	[ "$1" = --nat ] || usage
	up "$1"
	;;
start1 | gre1 | stop1 | show1)
	node "$1"
	"$cmd"
	;;
log1)
	node "$1"
	cat "$dir/nhrpd.log"
	;;
vty[2-9])
	node "$1"
	shift
	pid_of nhrpd >/dev/null || die "nhrpd does not run in $ns"
	talk nhrpd "$@"
	;;
*) usage ;;
esac
