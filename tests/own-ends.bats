# Our own two ends against each other, as users compose them: raw ESP and ESP in UDP, IPv4 and
# IPv6 inside and outside, the versions of NAT-T, and several tools on the same ports.

bats_require_minimum_version 1.5.0

load lib/common
load lib/lab

setup_file() {
	lab_setup_file
}

teardown() {
	lab_teardown
}

IDS_LEFT="--local-id left.lab.example --remote-id right.lab.example"
IDS_RIGHT="--local-id right.lab.example --remote-id left.lab.example"

# machines [--nat]: the namespaces, with IPv6 beside the addresses of the lab, and counters of
# what reaches right: ESP, and UDP by port.
machines() {
	need ike-initiate ike-respond esp-tun
	lab_topology "$@"
	in_left ip addr add 2001:db8:1::1/64 dev lo nodad
	in_right ip addr add 2001:db8:2::1/64 dev lo nodad
	if [ $# -eq 0 ]; then
		in_left ip addr add 2001:db8::1/64 dev eth0 nodad
		in_right ip addr add 2001:db8::2/64 dev eth0 nodad
	fi
	in_right nft -f - <<-'NFT'
		table inet count {
			counter raw { }
			counter natt { }
			counter isakmp { }
			chain in {
				type filter hook input priority -300;
				meta l4proto esp counter name raw
				udp dport 4500 counter name natt
				udp dport 500 counter name isakmp
			}
		}
	NFT
}

# reached NAME: packets that the counter of that name saw.
reached() { in_right nft -j list counter inet count "$1" | jq '.nftables[] | select(.counter).counter.packets'; }

# claims SIDE: the two machines share this one's disk, their claims must not.
claims() { echo "--state-dir $LAB_STATE/claims-$1"; }

# respond [OPTION...], initiate [OPTION...] PEER: the two pipelines.
respond() {
	lab_start respond right "ike-respond --psk-file $PSK $IDS_RIGHT $* | esp-tun --tun vpn0 $(claims right)"
	eventually 5 right_listens
}

right_listens() { in_right ss -Hlun 'sport = :500' | grep -q .; }

initiate() {
	lab_start initiate left "ike-initiate --keep --psk-file $PSK $IDS_LEFT $* | esp-tun --tun vpn0 $(claims left)"
}

V4_LEFT="--local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24"
V4_RIGHT="--local-ts 10.2.0.0/24 --remote-ts 10.1.0.0/24"
V6_LEFT="--local-ts 2001:db8:1::/64 --remote-ts 2001:db8:2::/64"
V6_RIGHT="--local-ts 2001:db8:2::/64 --remote-ts 2001:db8:1::/64"

# carries ADDRESS_RIGHT ADDRESS_LEFT: pings and 10 MB each way.
carries() {
	eventually 10 lab_answers left "$1"
	lab_ping left "$1"
	lab_ping right "$2"
	transfer left right "$1"
	transfer right left "$2"
}

transfer() {
	local to=$3
	[[ $to != *:* ]] || to="[$to]"
	lab_transfer "$1" "$2" "$to"
}

v4() { carries 10.2.0.1 10.1.0.1; }
v6() { carries 2001:db8:2::1 2001:db8:1::1; }

@test "own ends: raw ESP, and no other packet of the tunnel" {
	machines
	respond "$V4_RIGHT"
	initiate "$V4_LEFT" 203.0.113.2
	v4
	[ "$(reached raw)" -gt 7000 ]
	[ "$(reached natt)" -eq 0 ]
}

@test "own ends: --natt off at one end is raw ESP too" {
	machines
	respond "$V4_RIGHT"
	initiate --natt off "$V4_LEFT" 203.0.113.2
	v4
	[ "$(reached natt)" -eq 0 ]
}

@test "own ends: --natt force is ESP in UDP without any NAT" {
	machines
	respond "$V4_RIGHT"
	initiate --natt force "$V4_LEFT" 203.0.113.2
	v4
	[ "$(reached natt)" -gt 7000 ]
	[ "$(reached raw)" -eq 0 ]
}

@test "own ends: through a NAT router, RFC 3947" {
	machines --nat
	respond "$V4_RIGHT"
	initiate --natt-versions rfc3947 "$V4_LEFT" 203.0.113.2
	v4
	[ "$(reached natt)" -gt 7000 ]
}

@test "own ends: through a NAT router, draft 03" {
	machines --nat
	respond "$V4_RIGHT"
	initiate --natt-versions draft-03 "$V4_LEFT" 203.0.113.2
	v4
	[ "$(reached natt)" -gt 7000 ]
}

@test "own ends: through a NAT router, draft 02" {
	machines --nat
	respond "$V4_RIGHT"
	initiate --natt-versions draft-02 "$V4_LEFT" 203.0.113.2
	v4
	[ "$(reached natt)" -gt 7000 ]
}

@test "own ends: through a NAT router, draft 00: all of it on port 500" {
	machines --nat
	respond "$V4_RIGHT"
	initiate --natt-versions draft-00 "$V4_LEFT" 203.0.113.2
	v4
	[ "$(reached isakmp)" -gt 7000 ]
	[ "$(reached natt)" -eq 0 ]
}

@test "own ends: IPv6 in IPv4" {
	machines
	respond "$V6_RIGHT"
	initiate "$V6_LEFT" 203.0.113.2
	v6
}

@test "own ends: IPv4 in IPv6" {
	machines
	respond "$V4_RIGHT"
	initiate "$V4_LEFT" 2001:db8::2
	v4
	[ "$(reached raw)" -gt 7000 ]
}

@test "own ends: IPv6 in IPv6, and in UDP" {
	machines
	respond "$V6_RIGHT"
	initiate --natt force "$V6_LEFT" 2001:db8::2
	v6
	[ "$(reached natt)" -gt 7000 ]
}

@test "own ends: several selectors are several child SAs" {
	machines
	in_right ip addr add 10.22.0.1/24 dev lo
	respond --local-ts 10.2.0.0/24 --local-ts 10.22.0.0/24 --remote-ts 10.1.0.0/24
	initiate --local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24 --remote-ts 10.22.0.0/24 203.0.113.2
	v4
	eventually 5 lab_answers left 10.22.0.1
}

# ---- life

# rekeys OPTION...: pings for 26 s, while ESP is rekeyed every few seconds and IKE once.
rekeys() {
	local life="--esp-lifetime 8 --ike-lifetime 20" lost
	lab_start respond right "ike-respond --psk-file $PSK $IDS_RIGHT $life $V4_RIGHT | tee $LAB_STATE/right.sa |
		esp-tun --tun vpn0 $(claims right)"
	eventually 5 right_listens
	lab_start initiate left "ike-initiate --keep --psk-file $PSK $IDS_LEFT $life $V4_LEFT $* 203.0.113.2 |
		tee $LAB_STATE/left.sa | esp-tun --tun vpn0 $(claims left)"
	eventually 10 lab_answers left 10.2.0.1
	lost=$(in_left ping -q -i 0.1 -c 260 -W 1 10.2.0.1 | sed -n 's/.* \([0-9.]*\)% packet loss.*/\1/p')
	sa-show --json "$LAB_STATE/left.sa" >"$LAB_STATE/left.json"
	echo "lost $lost%"
	[ "$lost" = 0 ]
	[ "$(jq -r 'select(.type == "child-sa") | ."spi-in"' "$LAB_STATE/left.json" | sort -u | wc -l)" -ge 4 ]
	[ "$(jq -r 'select(.type == "ike-sa") | ."spi-i"' "$LAB_STATE/left.json" | sort -u | wc -l)" -ge 2 ]
}

@test "own ends: 26 s of rekeying, no ping lost" {
	machines
	rekeys
}

@test "own ends: 26 s of rekeying through a NAT router, no ping lost" {
	machines --nat
	rekeys
}

@test "own ends: the tunnel outlives its negotiator, and a data path started anew goes on" {
	machines
	respond "$V4_RIGHT"
	lab_start initiate left "ike-initiate --psk-file $PSK $IDS_LEFT $V4_LEFT -o $LAB_STATE/left.sa 203.0.113.2"
	eventually 10 lab_ended initiate
	lab_start first left "esp-tun --tun vpn0 $(claims left) $LAB_STATE/left.sa"
	v4
	lab_stop first
	lab_start second left "esp-tun --tun vpn0 $(claims left) $LAB_STATE/left.sa"
	v4
	# A second sender on the same keys is refused.
	run -3 --separate-stderr in_left timeout 10 esp-tun --tun vpn1 --state-dir "$LAB_STATE/claims-left" "$LAB_STATE/left.sa"
	lab_ping left 10.2.0.1
}

@test "own ends: a negotiator whose data path dies says so, and tells the peer" {
	machines
	lab_start respond right "ike-respond --psk-file $PSK $IDS_RIGHT $V4_RIGHT | tee $LAB_STATE/right.sa |
		esp-tun --tun vpn0 $(claims right)"
	eventually 5 right_listens
	initiate "$V4_LEFT" 203.0.113.2
	eventually 10 lab_answers left 10.2.0.1
	kill -9 "$(lab_pid initiate esp-tun)"
	eventually 5 lab_ended initiate
	sa-show --json "$LAB_STATE/right.sa" | jq -e -s 'any(.[]; .type == "sa-delete")'
}

# ---- several tools on the same ports

# shares OPTION...: while a pipeline runs, a second one to another gateway, and a phase 2 of its
# own from the state of the first.
shares() {
	machines
	in_right ip addr add 203.0.113.3/24 dev eth0
	in_right ip addr add 10.22.0.1/24 dev lo
	in_right ip addr add 10.23.0.1/24 dev lo
	in_left ip addr add 10.11.0.1/24 dev lo
	# Two gateways on one machine, each on an address of its own.
	lab_start respond right "ike-respond --psk-file $PSK $IDS_RIGHT --listen 203.0.113.2 --local-ts 10.2.0.0/24 \
		--local-ts 10.23.0.0/24 --remote-ts 10.1.0.0/24 | esp-tun --tun vpn0 $(claims right)"
	lab_start other right "ike-respond --psk-file $PSK $IDS_RIGHT --listen 203.0.113.3 --local-ts 10.22.0.0/24 \
		--remote-ts 10.11.0.0/24 | esp-tun --tun vpn1 $(claims right)"
	eventually 5 right_listens
	lab_start initiate left "ike-initiate --keep --psk-file $PSK $IDS_LEFT $V4_LEFT $* 203.0.113.2 |
		tee $LAB_STATE/left.sa | esp-tun --tun vpn0 $(claims left)"
	eventually 10 lab_answers left 10.2.0.1
	lab_start second left "ike-initiate --keep --psk-file $PSK $IDS_LEFT --local-ts 10.11.0.0/24 \
		--remote-ts 10.22.0.0/24 $* 203.0.113.3 | esp-tun --tun vpn1 $(claims left)"
	eventually 10 lab_answers left 10.22.0.1
	lab_start third left "ike-initiate --phase2 $LAB_STATE/left.sa --local-ts 10.1.0.0/24 \
		--remote-ts 10.23.0.0/24 | esp-tun --tun vpn2 $(claims left)"
	eventually 10 lab_answers left 10.23.0.1
	v4
	# Whoever goes, the others go on.
	lab_stop second
	lab_ping left 10.2.0.1
	lab_ping left 10.23.0.1
	lab_stop initiate
	lab_running third
}

@test "own ends: two pipelines and a phase 2 of its own share the ports, raw ESP" {
	shares
}

@test "own ends: two pipelines and a phase 2 of its own share the ports, ESP in UDP" {
	shares --natt force
}
