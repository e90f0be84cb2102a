#!/usr/bin/env bats
# The IKE SAs and child SAs of tunnels that bindings make are replaced under load: in a DMVPN and in an AutoConnect VPN, between spokes
# and with the hub, also where both spokes are behind a NAT.
# shards: 2
# shellcheck disable=SC2016,SC2030,SC2031,SC2034 # eval; each test is a subshell; lib/acvpn.bash reads variables
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun
load lib/pki
load lib/acvpn

setup() { acvpn_setup; }
teardown() { acvpn_teardown; }

# ike_sas N ADDRESS: IKE SAs of spoke N with ADDRESS, one after another; child_sas: child SAs.
ike_sas() { grep -c "phase 1 with $2:[0-9]* established" "s$1.err"; }
child_sas() { grep -c ": $2:[0-9]*: child SA .* established: " "s$1.err"; }
replaced() { [ "$(ike_sas "$1" "$2")" -ge "$3" ] && [ "$(child_sas "$1" "$2")" -ge "$3" ]; }

# lasts: both spokes talk until the IKE SAs of all tunnels have been replaced three times. No answer is missing, and once the direct
# tunnel is there, none comes by the hub.
lasts() {
	local n
	talk
	for n in 1 2; do eventually 20 answers "$n" 64 100 || { tail -n 40 s1.err s2.err hub.err; return 1; }; done
	for n in 1 2; do
		eventually 60 replaced "$n" 203.0.113.254 4 || { tail -n 60 "s$n.err"; return 1; }
		eventually 60 replaced "$n" "203.0.113.$((3 - n))" 4 || { tail -n 60 "s$n.err"; return 1; }
	done
	silence
	for n in 1 2; do
		sed -n 's/.*ttl=\([0-9]*\) .*/\1/p' "ping$n.out" | uniq -c >hops
		[ "$(grep -c ' 63$' hops)" -le 1 ] || { cat hops; tail -n 60 s1.err s2.err; return 1; }
		run ! grep -E 'is dead|no answer|the connection is lost' "s$n.err"
	done
	# Nothing is left of the SAs before.
	for n in 1 2; do eventually 15 few_sas "$n" || { sa-stat "$T/s$n.ctl"; return 1; }; done
}
few_sas() { [ "$(sa-stat --json "$T/s$1.ctl" | jq '.sas | length')" -le 8 ]; }

SHORT='--ike-lifetime 9 --esp-lifetime 7'

@test "nhrp rekey: dmvpn: IKE SAs and child SAs are replaced under load, and no packet is lost" {
	IKE_OPTIONS=$SHORT
	dmvpn
	lasts
}

@test "nhrp rekey: dmvpn: ... both spokes behind a NAT" {
	IKE_OPTIONS=$SHORT
	behind_nat 1
	behind_nat 2
	dmvpn
	lasts
}

@test "nhrp rekey: acvpn: IKE SAs and child SAs are replaced under load, and no packet is lost" {
	IKE_OPTIONS=$SHORT
	connect
	lasts
}

@test "nhrp rekey: acvpn: ... both spokes behind a NAT" {
	IKE_OPTIONS=$SHORT
	behind_nat 1
	behind_nat 2
	connect
	lasts
}
