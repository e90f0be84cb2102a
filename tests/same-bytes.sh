#!/bin/bash
# same-bytes.sh OLD_BUILD NEW_BUILD: whether two builds negotiate alike, byte for byte.
#
# Under --seed and --clock a run repeats exactly, so a change that is meant to keep behaviour
# leaves records and captures as they were. For each case ike-initiate and ike-respond of one
# build negotiate with each other in two network namespaces, with or without a NAT router between
# them; then the SA files and captures of both builds are compared. Needs root. Exit status: 0 all
# equal, 1 a difference, 3 this machine cannot run it.
set -euo pipefail

[ $# -eq 2 ] || { echo "usage: same-bytes.sh OLD_BUILD NEW_BUILD" >&2; exit 2; }
declare -A build=([old]=$(realpath "$1") [new]=$(realpath "$2"))
[ "$(id -u)" = 0 ] || { echo "same-bytes: not root" >&2; exit 3; }
for tool in ip nft timeout setsid; do
	command -v "$tool" >/dev/null || { echo "same-bytes: no $tool (make deps)" >&2; exit 3; }
done
L=sb$$l R=sb$$r N=sb$$n work=$(mktemp -d) differ=0 responder=''

# shellcheck disable=SC2317 # the trap calls it
cleanup() {
	[ -z "$responder" ] || kill -- "-$responder" 2>/dev/null || :
	for ns in "$L" "$R" "$N"; do ip netns del "$ns" 2>/dev/null || :; done
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# Two ends, 10.9.1.2 and 10.9.2.2, and a router that forwards or, in a case with NAT, maps
# 10.9.1.2:PORT to 10.9.2.1:20000+PORT.
network() {
	local ns
	for ns in "$L" "$R" "$N"; do ip netns add "$ns"; ip -n "$ns" link set lo up; done
	ip -n "$L" link add eth0 type veth peer name left netns "$N"
	ip -n "$R" link add eth0 type veth peer name right netns "$N"
	ip -n "$L" addr add 10.9.1.2/24 dev eth0
	ip -n "$R" addr add 10.9.2.2/24 dev eth0
	ip -n "$N" addr add 10.9.1.1/24 dev left
	ip -n "$N" addr add 10.9.2.1/24 dev right
	for ns in "$L" "$R"; do ip -n "$ns" link set eth0 up; done
	ip -n "$N" link set left up
	ip -n "$N" link set right up
	ip -n "$L" route add default via 10.9.1.1
	ip -n "$R" route add default via 10.9.2.1
	ip netns exec "$N" sysctl -qw net.ipv4.ip_forward=1
}

nat_on() {
	ip netns exec "$N" nft -f - <<-'NFT'
		table ip same {
			chain post {
				type nat hook postrouting priority srcnat;
				oifname "right" udp sport 500 snat to 10.9.2.1:20500
				oifname "right" udp sport 4500 snat to 10.9.2.1:24500
			}
		}
	NFT
}

listens() { ip netns exec "$R" ss -Hlun 'sport = :500' | grep -q .; }

# negotiate BUILD DIR INITIATOR-OPTIONS -- RESPONDER-OPTIONS
negotiate() {
	local bin=$1 dir=$2 limit=30 _
	local -a i=()
	shift 2
	while [ "$1" != -- ]; do i+=("$1"); shift; done
	shift
	# The clock does not advance, so an initiator whose child SA was refused waits forever.
	[[ $dir != */refused* ]] || limit=6
	mkdir -p "$dir"
	ip netns exec "$R" setsid timeout 60 "$bin/ike-respond" -v --linger 0.5 --user root --psk-file "$work/psk" \
		--local-id r.example --remote-id l.example --seed right --clock @1767323045 \
		--pcap "$dir/right.pcapng" -o "$dir/right.sa" "$@" </dev/null 2>"$dir/right.log" &
	responder=$!
	for _ in $(seq 100); do ! listens || break; sleep 0.1; done
	ip netns exec "$L" timeout "$limit" "$bin/ike-initiate" -v --linger 0.3 --user root --psk-file "$work/psk" \
		--local-id l.example --remote-id r.example --seed left --clock @1767323045 \
		--pcap "$dir/left.pcapng" -o "$dir/left.sa" "${i[@]}" 10.9.2.2 </dev/null 2>"$dir/left.log" ||
		echo "initiator: $?" >"$dir/status"
	sleep 0.3
	kill -TERM -- "-$responder" 2>/dev/null || :
	wait "$responder" 2>/dev/null || :
	responder=''
}

# compare NAME INITIATOR-OPTIONS -- RESPONDER-OPTIONS: one negotiation of each build.
compare() {
	local name=$1 which file bad=''
	shift
	for which in old new; do negotiate "${build[$which]}" "$work/$name/$which" "$@"; done
	# A refused negotiation leaves a capture and an exit status in both, but no SA.
	for file in left.sa right.sa left.pcapng right.pcapng status; do
		[ -e "$work/$name/old/$file" ] || [ -e "$work/$name/new/$file" ] || continue
		cmp -s "$work/$name/old/$file" "$work/$name/new/$file" || bad+=" $file"
	done
	[ -s "$work/$name/old/right.pcapng" ] || bad+=" nothing-captured"
	[[ $name = refused* ]] || [ ! -e "$work/$name/old/status" ] || bad+=" old-failed"
	if [ -z "$bad" ]; then
		printf 'same    %s\n' "$name"
	else
		printf 'DIFFERS %s:%s\n' "$name" "$bad"
		tail -n 3 "$work/$name"/*/*.log
		differ=1
	fi
}

(umask 077 && echo same-bytes >"$work/psk")
network
one=(--ike aes128-sha1-modp1024 --esp aes128-sha1)
pfs=(--ike 'aes256-sha256-modp1536,aes128-sha1-modp1024' --esp 'aes128gcm16-modp1024,aes256-sha256')
nets=(--local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24 --remote-ts 10.3.0.0/24)
stem=(--local-ts 10.2.0.0/24 --local-ts 10.3.0.0/24 --remote-ts 10.1.0.0/24)
for nat in no yes; do
	[ $nat = no ] || nat_on
	for mode in main aggressive; do
		compare "$mode-nat-$nat" --exchange $mode "${one[@]}" "${nets[@]}" -- \
			--exchange $mode "${one[@]}" "${stem[@]}"
		compare "$mode-nat-$nat-pfs" --exchange $mode "${pfs[@]}" "${nets[@]}" -- \
			--exchange $mode "${pfs[@]}" "${stem[@]}"
		[ $nat = no ] || continue
		compare "$mode-forced" --exchange $mode --natt force "${one[@]}" -- --exchange $mode "${one[@]}"
		compare "$mode-off" --exchange $mode --natt off "${one[@]}" -- --exchange $mode --natt off "${one[@]}"
	done
	compare "heartbeat-nat-$nat" --heartbeat 5 "${one[@]}" "${nets[@]}" -- --heartbeat 5 "${one[@]}" "${stem[@]}"
	compare "refused-nat-$nat" "${one[@]}" --local-ts 10.9.9.0/24 "${nets[@]}" -- "${one[@]}" "${stem[@]}"
done
exit $differ
