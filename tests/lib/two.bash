# shellcheck shell=bash
# shellcheck disable=SC2034 # for the tests
# Our own two ends of a tunnel, each a pipeline in a network namespace of its own:
#
#   load lib/common
#   load lib/tun
#   load lib/two
#   setup() { two_setup; }            # or two_setup nat: a NAT router in between
#   teardown() { two_teardown; }
#
#   plain:  left 203.0.113.1 ------------------------------- 203.0.113.2 right
#   nat:    left 192.0.2.10 --- 192.0.2.1 nat 203.0.113.1 --- 203.0.113.2 right
#
# Inside 10.1.0.1 and 10.2.0.1, 2001:db8:1::1 and 2001:db8:2::1 as in lib/tun.bash.

declare -gA GROUP

two_setup() {
	local tool
	need ike-initiate ike-respond
	for tool in nft tcpdump setsid; do command -v "$tool" >/dev/null || skip "no $tool (make deps)"; done
	tun_setup
	[ "${1-}" != nat ] || nat_between
	cd "$T" || return
	umask 077
	printf 'lilies-and-roses\n' >gw.psk
	FAST=(--ike aes128-sha256-modp1024 --esp aes128-sha256)
	PEER=203.0.113.2
}

two_teardown() {
	local g
	for g in "${GROUP[@]}"; do kill -TERM -- "-$g" 2>/dev/null || :; done
	for g in "${GROUP[@]}"; do
		eventually 3 group_gone "$g" || kill -KILL -- "-$g" 2>/dev/null || :
	done
	netns_gone "${N-}"
	tun_teardown
}

# Zombies count as exited.
group_gone() { ! pgrep -r D,R,S,T -g "$1" >/dev/null; }

# The wire of tun_setup becomes one with a router in it.
nat_between() {
	local c
	N=et$$x${BATS_TEST_NUMBER}n
	ip netns add "$N"
	ip -n "$L" link del eth0
	ip -n "$L" link add eth0 type veth peer name inside netns "$N"
	ip -n "$N" link add outside type veth peer name eth0 netns "$R"
	ip -n "$N" link set lo up
	ip -n "$L" addr add 192.0.2.10/24 dev eth0
	ip -n "$N" addr add 192.0.2.1/24 dev inside
	ip -n "$N" addr add 203.0.113.1/24 dev outside
	ip -n "$R" addr add 203.0.113.2/24 dev eth0
	ip -n "$L" link set eth0 up
	ip -n "$N" link set inside up
	ip -n "$N" link set outside up
	ip -n "$R" link set eth0 up
	ip -n "$L" route add default via 192.0.2.1
	for c in all default; do ip netns exec "$N" sysctl -qw "net.ipv4.conf.$c.rp_filter=0"; done
	ip netns exec "$N" sysctl -qw net.ipv4.ip_forward=1
	ip netns exec "$N" nft -f - <<-'NFT'
		table ip two {
			chain postrouting {
				type nat hook postrouting priority srcnat;
				oifname "outside" udp sport 1-65535 masquerade to :20000-29999
				oifname "outside" masquerade
			}
		}
	NFT
}

# two_start NAME left|right SCRIPT: in the background, a process group of its own.
two_start() {
	local ns=$L
	[ "$2" = left ] || ns=$R
	ip netns exec "$ns" setsid bash -c "$3" </dev/null >"$T/$1.out" 2>"$T/$1.log" 3>&- 4>&- &
	GROUP[$1]=$!
}

# two_stop NAME [SECONDS]: TERM to its tools; fails if it outlives that.
two_stop() {
	kill -TERM -- "-${GROUP[$1]}" 2>/dev/null || :
	eventually "${2:-5}" group_gone "${GROUP[$1]}" || {
		echo "$1 outlived SIGTERM"
		kill -KILL -- "-${GROUP[$1]}"
		return 1
	}
	unset "GROUP[$1]"
}

# pid_of NAME TOOL
pid_of() { pgrep -g "${GROUP[$1]}" -x "$2" | head -n 1; }

words() { printf ' %q' "$@"; }

# answer [OPTION]...: ike-respond | esp-tun in right, ready to answer; its records also in right.sa.
answer() {
	two_start right right "ike-respond -v --psk-file gw.psk --local-id right.example --remote-id left.example \
		$(words "${FAST[@]}" "$@") 2>right.ike | tee right.sa | esp-tun -v --tun vpn0 --state-dir right.state"
	eventually 10 listens || { cat right.ike right.log; return 1; }
}
listens() { [ -n "$(right ss -Hlun 'sport = :500')" ]; }

# begin [OPTION]...: ike-initiate --keep | esp-tun in left, towards $PEER; records in left.sa.
begin() {
	two_start left left "ike-initiate -v --keep --psk-file gw.psk --local-id left.example \
		--remote-id right.example $(words "${FAST[@]}" "$@") $PEER 2>left.ike | ${TEE-tee left.sa |}
		esp-tun -v --tun vpn0 --state-dir left.state"
}

one_ping() { left ping -q -c 1 -W 1 "${1:-10.2.0.1}" >/dev/null 2>&1; }
back_ping() { right ping -q -c 1 -W 1 "${1:-10.1.0.1}" >/dev/null 2>&1; }
# the_ping [ADDRESS]: a single one is answered, however late on a busy machine.
the_ping() { left ping -q -c 1 -W 20 "${1:-10.2.0.1}" >/dev/null 2>&1; }

logs() { tail -n 30 "$T"/left.ike "$T"/left.log "$T"/right.ike "$T"/right.log; }

# crosses [ADDRESS [BACK]]: within 10 s both ends reach each other through the tunnel.
crosses() {
	if ! eventually "${WITHIN:-10}" one_ping "${1:-10.2.0.1}" || ! eventually 5 back_ping "${2:-10.1.0.1}"; then
		logs
		return 1
	fi
}

NETS4=(--local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24)
STEN4=(--local-ts 10.2.0.0/24 --remote-ts 10.1.0.0/24)
NETS6=(--local-ts 2001:db8:1::/64 --remote-ts 2001:db8:2::/64)
STEN6=(--local-ts 2001:db8:2::/64 --remote-ts 2001:db8:1::/64)

# on_wire FILTER: a packet of that kind passes left's wire while we ping.
on_wire() {
	local ok=0
	background dump ip netns exec "$L" tcpdump --immediate-mode -s 200 -lni eth0 -c 1 "$1"
	eventually 5 grep -q listening "$T/dump.err" || return 1
	left ping -q -c 3 -i 0.1 -W 1 "${2:-10.2.0.1}" >/dev/null || :
	ended dump 1 || ok=1
	return $ok
}

# lossless SECONDS [ADDRESS]: pings meanwhile, 20 a second, all answered. ping leaves soon after its last request: the
# kernel counts what comes later.
lossless() {
	local had n=$(($1 * 20))
	had=$(replies)
	left ping -q -i 0.05 -c $n -W 1 "${2:-10.2.0.1}" >"$T/ping.out" || :
	grep -q ' 0% packet loss' "$T/ping.out" || eventually 5 replied $((had + n)) || {
		cat "$T/ping.out"
		logs
		return 1
	}
}

# records FILE TYPE: how many there are.
records() {
	/usr/bin/python3 "$SAPIPE_TOP/tests/lib/cddl_check.py" "$1" | tr ',' '\n' | sed -n "s/^ *\([0-9]*\) $2\$/\1/p"
}
