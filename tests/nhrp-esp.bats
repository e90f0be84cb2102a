#!/usr/bin/env bats
# NHRP over GRE inside ESP in transport mode: a hub and a spoke; tshark sees nothing of NHRP or GRE in clear.
# shards: 2
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154 # eval; each test is a subshell, lib/two.bash reads what it sets
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/two

setup() { need gre-tun nhrp-serve nhrp-register; }
teardown() {
	local pid
	for pid in "${PIPES[@]}"; do
		kill -- "-$pid" 2>/dev/null || :
	done
	two_teardown
	no_nodes
}
PIPES=()

# no_clear NAMESPACE: nothing of GRE leaves by eth0 itself.
no_clear() {
	ip netns exec "$1" nft -f - <<-'NFT'
		table inet clear {
			chain out {
				type filter hook output priority filter;
				oifname "eth0" meta l4proto 47 counter drop
			}
		}
	NFT
}

# end NAME NAMESPACE PIPELINE: a process group of its own.
end() {
	: >"$T/$1.err"
	setsid ip netns exec "$2" bash -c "$3" </dev/null >"$T/$1.out" 2>"$T/$1.err" 3>&- 4>&- &
	PIPES+=($!)
}

esp_seen() { [ "$(tshark -r wire.pcap -Y esp 2>/dev/null | wc -l)" -gt "$1" ]; }

@test "nhrp over esp: a registration and its refreshes, nothing of them in clear" {
	local ns
	two_setup
	FAST=(--ike aes128-sha256-modp1024 --esp aes128gcm16 --mode transport)
	for ns in "$L" "$R"; do no_clear "$ns"; done
	tun_whole
	background dump ip netns exec "$L" tcpdump -i eth0 -w wire.pcap -U ip
	eventually 5 grep -q listening dump.err
	end hub "$R" 'nhrp-serve -v --tun gre1 --address 10.9.0.254 |
		gre-tun --tun gre1 --local 203.0.113.2 --key 42 --route --address 10.9.0.254/32'
	end spoke "$L" 'nhrp-register -v --keep --holding-time 3 --tun gre1 --address 10.9.0.1 203.0.113.2 |
		gre-tun --tun gre1 --local 203.0.113.1 --key 42 --route --address 10.9.0.1/32'
	answer --local-ts '203.0.113.2[gre]' --remote-ts '203.0.113.1[gre]'
	begin --local-ts '203.0.113.1[gre]' --remote-ts '203.0.113.2[gre]'
	eventually 20 grep -q 'registered: 10.9.0.1 at 203.0.113.1' hub.err
	eventually 5 grep -q 'registered: 10.9.0.1 at 203.0.113.2' spoke.err
	eventually 5 one_ping 10.9.0.254
	left ping -q -c 30 -i 0.1 -W 1 10.9.0.254
	run ! grep -q 'expired: ' hub.err
	eventually 5 esp_seen 50
	kill "${BG[dump]}"
	ended dump || :
	[ "$(tshark -r wire.pcap -Y 'ip.proto == 47 || gre || nhrp' 2>/dev/null | wc -l)" -eq 0 ]
}

# --- a hub and two spokes at one switch ---

NODES=()

# nodes NAME...: namespaces $P$NAME at the switch ${P}net; the N-th has 203.0.113.(N-1), the first, the hub, .254.
nodes() {
	local node n=0 addr
	P=et$$x${BATS_TEST_NUMBER}
	ip netns add "${P}net"
	NODES=(net "$@")
	ip -n "${P}net" link add br0 type bridge
	ip -n "${P}net" link set br0 up
	for node; do
		addr=203.0.113.$((n ? n : 254)) n=$((n + 1))
		ip netns add "$P$node"
		ip -n "${P}net" link add "$node" type veth peer name eth0 netns "$P$node"
		ip -n "${P}net" link set "$node" master br0 up
		ip -n "$P$node" link set lo up
		ip -n "$P$node" addr add "$addr/24" dev eth0
		ip -n "$P$node" link set eth0 up
		ip -n "$P$node" addr add "10.$((n - 1)).0.1/32" dev lo
		no_clear "$P$node"
	done
}

no_nodes() {
	netns_gone "${NODES[@]/#/$P}"
}

at() { ip netns exec "$P$1" "${@:2}"; }

SUITE='--mode transport --ike aes128-sha256-modp2048 --esp aes128gcm16 --psk-file gw.psk'

# crypt_spoke N: with BESIDE, gre-tun reads the records beside esp-tun and not behind it. With its route to the others by the hub.
IDLE='' BESIDE=''
crypt_spoke() {
	local gre="--tun gre1 --local 203.0.113.$1 --key 42 --mtu 1300 --address 10.255.255.$1/32" rest
	rest="tee spoke$1.rec | esp-tun -v --pass --tun vpn0 --state-dir spoke$1.state | gre-tun --require-sa $gre"
	[ -z "$BESIDE" ] || rest="tee >(gre-tun $gre) spoke$1.rec | esp-tun -v --tun vpn0 --state-dir spoke$1.state"
	end "spoke$1" "${P}spoke$1" "nhrp-register -v --keep --shortcut --prefix 10.$1.0.0/24 --holding-time ${HOLD:-10} ${IDLE:+--idle $IDLE} --tun gre1 \
			--address 10.255.255.$1 203.0.113.254 |
		ike-initiate -v --keep --bindings - $SUITE 203.0.113.254 | $rest"
	eventually 20 grep -q 'registered: ' "spoke$1.err" || { cat "spoke$1.err"; return 1; }
	eventually 5 at "spoke$1" ip route add 10.0.0.0/8 via 10.255.255.254 dev gre1 onlink
}

direct() { at "spoke$1" ip route | grep -q "10.$2.0.0/24 via 10.255.255.$2 "; }
not_direct() { ! direct "$@"; }

# dmvpn: the hub and both spokes, each registered over its SA with the hub; wire.pcap has all that passes the switch.
dmvpn() {
	P=
	cd "$BATS_TEST_TMPDIR" && T=$PWD
	umask 077
	printf 'lilies-and-roses\n' >gw.psk
	nodes hub spoke1 spoke2
	background dump ip netns exec "${P}net" tcpdump -i br0 -w wire.pcap -U ip
	eventually 5 grep -q listening dump.err
	end hub "${P}hub" "ike-respond -v $SUITE |
		esp-tun -v --pass --tun vpn0 --state-dir hub.state |
		gre-tun --require-sa --tun gre1 --local 203.0.113.254 --key 42 --mtu 1300 --address 10.255.255.254/32 \
			- <(nhrp-serve -v --redirect --holding-time 10 --tun gre1 --address 10.255.255.254)"
	eventually 10 grep -q 'serving on' hub.err
	crypt_spoke 1
	crypt_spoke 2
	at hub sysctl -qw net.ipv4.ip_forward=1
	at hub ip route add 10.1.0.0/24 via 10.255.255.1 dev gre1 onlink
	at hub ip route add 10.2.0.0/24 via 10.255.255.2 dev gre1 onlink
}

# pinged FROM TO: 100 pings in two seconds, all answered; again, at most ten times, until half of them took the direct
# way: how soon that is, is the machine's. Prints the milliseconds from the first request until one that took it.
pinged() {
	local i
	: >ping.all
	for ((i = 0; i < 10; i++)); do
		at "spoke$1" ping -D -c 100 -i 0.02 -W 2 -I "10.$1.0.1" "10.$2.0.1" >ping.out || :
		cat ping.out >>ping.all
		grep -q ' 0% packet loss' ping.out || { cat ping.out spoke*.err; return 1; }
		[ "$(grep -c 'ttl=64 ' ping.out)" -lt 50 ] || break
	done
	grep -q 'ttl=64 ' ping.out || { cat ping.out spoke*.err; return 1; }
	grep -m 1 'icmp_seq=1 ' ping.all | grep 'ttl=63 '
	sed -n 's/^\[\([0-9.]*\)\].* ttl=\([0-9]*\) time=\([0-9.]*\) ms/\1 \2 \3/p' ping.all |
		awk 'NR == 1 { first = $1 - $3 / 1000 } $2 == 64 { printf "%d\n", ($1 - $3 / 1000 - first) * 1000; exit }'
}

# round FROM TO: five more pings, and whether there is a direct way now.
round() {
	at "spoke$1" ping -q -c 5 -i 0.02 -W 2 -I "10.$1.0.1" "10.$2.0.1" | grep transmitted >>round.out
	direct "$1" "$2"
}

# up_with N M: how often spoke N established a child SA with spoke M.
up_with() { grep -c "203.0.113.$2:500: child SA .* established: " "spoke$1.err"; }
let_go() { grep -q "no binding names 203.0.113.$2 any more" "spoke$1.err"; }
sa_gone() { grep -q "203.0.113.$2: child SA .* ends: " "spoke$1.err"; }

# sa_before_binding N M: the readers of spoke N got the SA with spoke M, and then the shortcut to it.
sa_before_binding() {
	sa-show --format json "spoke$1.rec" >"rec$1.json"
	awk -v nbma="203.0.113.$2" '
		/"type": ?"child-sa"/ && index($0, nbma) { sa = 1 }
		/"type": ?"nhrp-binding"/ && /"kind": ?"shortcut"/ && index($0, "\"" nbma "\"") && !/"holding": ?0[,}]/ { bound = 1; if (!sa) early = 1 }
		END { exit !(bound && !early) }' "rec$1.json" || { cut -c1-200 "rec$1.json"; return 1; }
}

# ike_before_esp N M: at the switch, IKE between these two came first, and then ESP.
ike_before_esp() {
	local pair="((ip.src == 203.0.113.$1 && ip.dst == 203.0.113.$2) || (ip.src == 203.0.113.$2 && ip.dst == 203.0.113.$1))"
	tshark -r wire.pcap -Y "$pair && (isakmp || esp)" -T fields -e frame.protocols 2>/dev/null >pair
	[[ $(head -n 1 pair) == *isakmp* ]]
	grep -q ':esp' pair
}

# none_in_clear: no machine even tried to send GRE in clear.
none_in_clear() {
	local node
	for node in "${NODES[@]:1}"; do
		at "$node" nft list table inet clear >"$node.nft"
		grep -q 'counter packets 0 ' "$node.nft" || { cat "$node.nft"; return 1; }
	done
}

# in_esp: whatever passed the switch was ESP, IKE or of no interest; none of it was GRE. A killed end's host says by ICMP
# that nobody hears ESP or IKE any more. Nor did any node try to send GRE in clear, unless SAs "ended" while a tool of NHRP
# still had something to send: gre-tun may read a moment later that they have, and the packet filter is there for that.
in_esp() {
	kill "${BG[dump]}"
	ended dump || :
	[ "$(tshark -r wire.pcap -Y "esp && ip.src == 203.0.113.1 && ip.dst == 203.0.113.2" 2>/dev/null | wc -l)" -gt "$1" ]
	tshark -r wire.pcap -Y 'ip.proto == 47 || gre || nhrp || (icmp && icmp.type != 3)' 2>/dev/null >clear
	[ ! -s clear ] || { head clear; return 1; }
	[ "${2-}" = ended ] || none_in_clear
}

@test "nhrp over esp: a shortcut gets its SA before packets take it, loses none, and the SA goes with the binding" {
	dmvpn
	run -0 pinged 1 2
	echo "# the shortcut was in use after ${lines[-1]} ms" >&3
	# It is not withdrawn when its SA comes up.
	run ! grep -q '"holding":0[,}]' <(sa-show --format json spoke1.rec | tr -d ' ' | grep '"kind":"shortcut"' | head -n 2)
	# Time is the machine's, the order is ours: what is bound has an SA first, and packets take it then.
	sa_before_binding 1 2
	ike_before_esp 1 2
	# The spoke whose binding came second found the SA of the first, or both began at once: one set of SAs or two.
	[ "$(up_with 1 2)" -le 2 ]
	[ "$(up_with 2 1)" -le 2 ]
	# Nobody sends: both bindings reach the end of their holding time.
	eventually 15 eval 'let_go 1 2 && let_go 2 1' || { tail -n 30 spoke*.err; return 1; }
	eventually 5 eval 'sa_gone 1 2 && sa_gone 2 1'
	eventually 5 not_direct 1 2
	run ! grep -q 'no binding names 203.0.113.254' spoke1.err
	# Again, the other way round, when the hub sends the next indication.
	eventually 20 round 2 1
	run ! grep -v ' 0% packet loss' round.out
	in_esp 50
}

# hold N M: IKE between these two does not arrive. let_in: it does again.
hold() {
	at "spoke$1" nft "add table inet held; add chain inet held in { type filter hook input priority 0; }; add rule inet held in ip saddr 203.0.113.$2 udp dport 500 drop"
}
let_in() { at "spoke$1" nft delete table inet held; }
# of TOOL N: the tool's process of spoke N.
of() { pgrep -g "${PIPES[-$((3 - $2))]}" -x "$1" | head -n 1; }
bound() {
	sa-show --format json "spoke$1.rec" 2>/dev/null | grep '"nhrp-binding"' | grep '"shortcut"' | grep -q "\"203.0.113.$2\""
}

@test "nhrp over esp: no packet takes a shortcut whose SA esp-tun has not put to use yet" {
	local esp
	HOLD=60
	dmvpn
	esp=$(of esp-tun 1)
	hold 1 2
	hold 2 1
	at spoke1 ping -c 400 -i 0.02 -W 5 -I 10.1.0.1 10.2.0.1 >ping.out 2>&1 3>&- &
	BG[pings]=$!
	eventually 10 grep -qF 'negotiating phase 1 with 203.0.113.2:500' spoke1.err
	# IKE and its records come while esp-tun stands still.
	kill -STOP "$esp"
	let_in 2
	let_in 1
	eventually 15 bound 1 2 || { tail -n 30 spoke*.err; kill -CONT "$esp"; return 1; }
	not_direct 1 2
	nap 0.3
	not_direct 1 2
	kill -CONT "$esp"
	eventually 5 direct 1 2
	wait "${BG[pings]}" || { cat ping.out; return 1; }
	unset 'BG[pings]'
	grep -q ' 0% packet loss' ping.out || { tail -n 3 ping.out spoke*.err; return 1; }
	grep -q 'ttl=64 ' ping.out
	run ! grep -q 'cannot send GRE' spoke1.err spoke2.err
	in_esp 50
}

@test "nhrp over esp: gre-tun may read the records beside esp-tun" {
	BESIDE=yes HOLD=60
	dmvpn
	eventually 20 round 1 2 || { tail -n 30 spoke*.err; return 1; }
	eventually 20 round 2 1 || { tail -n 30 spoke*.err; return 1; }
	eventually 5 at spoke1 ping -q -c 1 -W 1 -I 10.1.0.1 10.2.0.1
	sa_before_binding 1 2
}

@test "nhrp over esp: an idle shortcut ends long before its holding time, and its SAs and routes with it" {
	HOLD=600 IDLE=4
	dmvpn
	run -0 pinged 1 2
	direct 1 2
	eventually 15 eval 'let_go 1 2 && let_go 2 1' || { tail -n 30 spoke*.err; return 1; }
	eventually 5 eval 'sa_gone 1 2 && sa_gone 2 1'
	not_direct 1 2
	not_direct 2 1
	grep -q 'idle: 10.2.0.0 at 203.0.113.2' spoke1.err
	# It comes back, and packets keep it: longer than the idle time, with pauses shorter than it.
	eventually 20 round 1 2
	at spoke1 ping -q -c 5 -i 2 -W 2 -I 10.1.0.1 10.2.0.1 >long || { cat long; return 1; }
	direct 1 2
	in_esp 50
}

@test "nhrp over esp: a killed spoke: its SAs and routes end with its holding time" {
	local i
	HOLD=8
	dmvpn
	run -0 pinged 1 2
	for i in "${!PIPES[@]}"; do [ "$i" -ne $((${#PIPES[@]} - 1)) ] || kill -9 -- "-${PIPES[i]}"; done
	eventually 15 not_direct 1 2 || { tail -n 30 spoke*.err; return 1; }
	eventually 10 let_go 1 2
	eventually 10 grep -q 'expired: 10.255.255.2' hub.err
	in_esp 50 ended
}

@test "nhrp over esp: a spoke that stops takes its SAs with it, and packets go by the hub again" {
	local i
	dmvpn
	run -0 pinged 1 2
	for i in "${!PIPES[@]}"; do [ "$i" -ne $((${#PIPES[@]} - 1)) ] || kill -- "-${PIPES[i]}"; done
	eventually 5 sa_gone 1 2 || { tail -n 30 spoke*.err; return 1; }
	eventually 5 not_direct 1 2
	in_esp 50 ended
}

@test "nhrp over esp: a dead peer stops no other, and its binding reaches no reader" {
	two_setup
	FAST=(--ike aes128-sha256-modp1024 --esp aes128gcm16 --mode transport)
	answer
	sa_make binding 10.9.0.9 --nbma 203.0.113.99 --kind shortcut dead.nhrp
	sa_make binding 10.9.0.2 --nbma 203.0.113.2 --kind shortcut live.nhrp
	sa_make binding 10.9.0.1 --nbma 203.0.113.1 --kind local own.nhrp
	sa_make binding 10.9.0.2 --nbma 203.0.113.2 --kind shortcut --holding 0 gone.nhrp
	mkfifo in
	end left "$L" "exec ike-initiate -v --keep --bindings in --psk-file gw.psk --local-id left.example --remote-id any $(words "${FAST[@]}") >left.sa"
	exec 7>in
	cat dead.nhrp live.nhrp own.nhrp >&7
	eventually 10 grep -q 'child SA .* established: 203.0.113.1/32 proto 47 === 203.0.113.2/32 proto 47' left.err || { cat left.err right.ike; return 1; }
	eventually 5 eval '[ "$(records left.sa nhrp-binding)" = 2 ]'
	run -0 sa-show left.sa
	[[ $output == *10.9.0.2* && $output == *10.9.0.1* && $output != *10.9.0.9* ]]
	[ "$(grep -c '203.0.113.2:500: child SA .* established' left.err)" = 1 ]
	cat gone.nhrp >&7
	eventually 5 grep -q 'no binding names 203.0.113.2 any more: its SAs end' left.err
	eventually 5 grep -q 'child SA .* ends: deleted by the peer' right.ike
	cat live.nhrp >&7
	eventually 10 eval '[ "$(grep -c "203.0.113.2:500: child SA .* established" left.err)" = 2 ]'
	# The end of the input ends nothing while there is a binding.
	exec 7>&-
	kill "${PIPES[-1]}"
	eventually 5 eval '[ "$(grep -c "child SA .* ends: deleted by the peer" right.ike)" = 2 ]'
}

@test "nhrp over esp: both ends begin at once, and what a peer began is not begun again" {
	local side had begun
	two_setup
	FAST=(--ike aes128-sha256-modp1024 --esp aes128gcm16 --mode transport)
	sa_make binding 10.9.0.2 --nbma 203.0.113.2 --kind shortcut left.nhrp
	sa_make binding 10.9.0.1 --nbma 203.0.113.1 --kind shortcut right.nhrp
	mkfifo left.in right.in
	for side in left right; do
		if [ "$side" = left ]; then N2=$L; else N2=$R; fi
		end "$side" "$N2" "ike-initiate -v --keep --bindings $side.in --psk-file gw.psk $(words "${FAST[@]}") | tee $side.sa |
			esp-tun -v --tun vpn0 --state-dir $side.state"
	done
	exec 7>left.in 8>right.in
	cat left.nhrp >&7
	cat right.nhrp >&8
	for side in left right; do
		eventually 10 grep -q 'child SA .* established: ' "$side.err" || { cat left.err right.err; return 1; }
		[ "$(records "$side.sa" nhrp-binding)" = 1 ] || eventually 3 eval "[ \"\$(records $side.sa nhrp-binding)\" = 1 ]"
	done
	[ "$(grep -c 'child SA .* established: ' left.err)" -le 2 ]
	had=$(grep -c 'child SA .* established' right.err)
	# One end lets go: the other, which still wants the peer, begins again, and has it.
	sa_make binding 10.9.0.2 --nbma 203.0.113.2 --kind shortcut --holding 0 gone.nhrp
	cat gone.nhrp >&7
	eventually 5 grep -q 'no binding names 203.0.113.2' left.err
	eventually 10 grep -q 'negotiating phase 1 \(again \)\?with 203.0.113.1:500\|reconnecting with 203.0.113.1:500' right.err || { cat right.err; return 1; }
	# Nothing is begun where the peer's SA is there already.
	eventually 10 eval '[ "$(grep -c "child SA .* established" right.err)" -gt '"$had"' ]' || { cat left.err right.err; return 1; }
	begun=$(grep -c 'negotiating phase 1' left.err)
	cat left.nhrp >&7
	eventually 5 eval '[ "$(records left.sa nhrp-binding)" = 3 ]'
	[ "$(grep -c 'negotiating phase 1' left.err)" = "$begun" ]
	exec 7>&- 8>&-
}

@test "nhrp over esp: what --bindings does not go with" {
	local wrong
	cd "$BATS_TEST_TMPDIR"
	printf 'lilies-and-roses\n' >gw.psk
	chmod 600 gw.psk
	for wrong in '' '--keep --mode tunnel' '--keep --mode transport --local-ts 10.1.0.0/24' '--keep --mode transport --phase1' \
		'--keep --mode transport --mode-config'; do
		# shellcheck disable=SC2086 # words
		run -2 ike-initiate --bindings /dev/null --psk-file gw.psk $wrong
		[[ $output == *--bindings* ]]
	done
}
