# Our own two ends, composed as in the design: two pipelines and a phase 2 of its own on the same
# ports. Versions of NAT-T, IPv6, rekeys and restarts are in two-ends*.bats, deaths of those that
# share a port in port-sharing.bats.

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

# machines: the namespaces, and counters of what reaches right: ESP, and UDP by port.
machines() {
	need ike-initiate ike-respond esp-tun
	lab_topology
	in_right nft -f - <<-'NFT'
		table inet count {
			counter raw { }
			counter natt { }
			chain in {
				type filter hook input priority -300;
				meta l4proto esp counter name raw
				udp dport 4500 counter name natt
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

# right_listens [N]: N (1) negotiators do.
right_listens() { [ "$(in_right ss -Hlun 'sport = :500' | wc -l)" -ge "${1:-1}" ]; }

initiate() {
	lab_start initiate left "ike-initiate --keep --psk-file $PSK $IDS_LEFT $* | esp-tun --tun vpn0 $(claims left)"
}

V4_LEFT="--local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24"
V4_RIGHT="--local-ts 10.2.0.0/24 --remote-ts 10.1.0.0/24"

# v4: pings and 10 MB each way.
v4() {
	eventually 10 lab_answers left 10.2.0.1
	lab_ping left 10.2.0.1
	lab_ping right 10.1.0.1
	lab_transfer left right 10.2.0.1
	lab_transfer right left 10.1.0.1
}

@test "own ends: --natt off at one end is raw ESP too" {
	machines
	respond "$V4_RIGHT"
	initiate --natt off "$V4_LEFT" 203.0.113.2
	v4
	[ "$(reached natt)" -eq 0 ]
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
	eventually 5 right_listens 2
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
