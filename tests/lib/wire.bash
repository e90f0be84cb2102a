# shellcheck shell=bash
# Negotiations on the lab's wire, captured, and what tshark makes of captures: for bats files that have loaded
# lib/common and lib/lab and have set T to a directory of their own.

# record NAME: captures all of right's interface to $T/NAME.pcap, in the background.
record() {
	background "dump-$1" ip netns exec "$NS_RIGHT" tcpdump -Z root -i any -U --immediate-mode -B 8192 -s 4096 -w "$T/$1.pcap" \
		"udp port 500 or udp port 4500 or esp or udp port 9"
	eventually 10 grep -q listening "$T/dump-$1.err"
}

has_frames() { [ "$(tcpdump -r "$T/$1.pcap" 2>/dev/null | wc -l)" -ge "$2" ]; }

has_marker() { tcpdump -r "$T/$1.pcap" udp port 9 2>/dev/null | grep -q .; }

# recorded NAME N: the capture holds N frames at least, all that there were, and its writer has ended. More than N
# where a busy machine has sent some again: the end is a datagram to port 9, which is taken out.
recorded() {
	eventually 10 has_frames "$@"
	in_left bash -c "echo >/dev/udp/$RIGHT_IP/9"
	eventually 10 has_marker "$1"
	kill "${BG[dump-$1]}"
	ended "dump-$1" || :
	tcpdump -Z root -r "$T/$1.pcap" -w "$T/$1.cut" not udp port 9 2>/dev/null
	mv "$T/$1.cut" "$T/$1.pcap"
}

# ours OPTION...: ike-initiate in left, ike-respond in right, state in $T/l.sa and $T/r.sa; the options are for
# both, ${LEFT_OPTS[@]} and ${RIGHT_OPTS[@]} for one. What left says is in $T/l.err.
declare -a LEFT_OPTS=() RIGHT_OPTS=()
ours() {
	local n=2
	need ike-initiate ike-respond
	echo secret >"$T/psk"
	chmod 600 "$T/psk"
	# Not with --once: that ends after a while, and on a busy machine the deletes come later.
	background respond ip netns exec "$NS_RIGHT" ike-respond --psk-file "$T/psk" \
		--local-id right.example --remote-id left.example --local-ts 10.2.0.0/24 \
		--remote-ts 10.1.0.0/24 -o "$T/r.sa" "${RIGHT_OPTS[@]}" "$@"
	eventually 15 eval 'in_right ss -Hlun "sport = :500" | grep -q .'
	in_left ike-initiate --psk-file "$T/psk" --local-id left.example --remote-id right.example \
		--local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24 --linger 0.1 -o "$T/l.sa" "${LEFT_OPTS[@]}" "$@" \
		"$RIGHT_IP" 2>"$T/l.err" || { cat "$T/l.err"; return 1; }
	in_left ike-initiate --delete "$T/l.sa" >/dev/null
	# A bundle is two child SAs.
	if [[ " $* " == *" --esp "* && " $* " == *" --ah "* ]]; then n=3; fi
	eventually 10 all_deleted $n
	kill "${BG[respond]}"
	ended respond 10
}
# all_deleted N: right has written the deletes of the IKE SA and of its children.
all_deleted() { [[ $("$SAPIPE_TOP/tests/lib/cddl_check.py" "$T/r.sa" 2>/dev/null) == *", $1 sa-delete" ]]; }

# captured OPTION...: a negotiation of our two ends in $T/x.pcapng, by the initiator, with l.sa and r.sa. The
# initiator's random values come of $SEED, if there is one.
captured() {
	lab_topology
	LEFT_OPTS=(--pcap "$T/x.pcapng" ${SEED:+--seed "$SEED"})
	ours "$@"
}

# gateway_session [--nat] CONFIG: a tunnel to the gateway and its end: $T/gw.pcap, gw.sa, log. The initiator's random
# values come of a seed.
gateway_session() {
	local nat=()
	if [ "$1" = --nat ]; then
		nat=(--nat)
		shift
	fi
	need esp-tun
	LAB_LOGLEVEL=4 lab_up "${nat[@]}" "$1"
	record gw
	lab_start tunnel left \
		"ike-initiate --seed walk --keep $(lab_policy "$1") $RIGHT_IP | tee $T/gw.sa | $(ESP_TUN)"
	eventually 20 lab_answers left "$RIGHT_INNER"
	lab_stop tunnel
	eventually 5 lab_no_sa
	recorded gw 8
	chmod 600 "$T/gw.sa"
	lab_log >"$T/log"
}

# seeded SEED BYTES: the values of that length that --seed SEED may give, a line each: one from each of the first
# 64 blocks on.
seeded() {
	/usr/bin/python3 - "$@" <<-'PY'
		import hashlib, sys
		s, n = hashlib.sha256(sys.argv[1].encode()).digest(), int(sys.argv[2])
		b = [hashlib.sha256(s + i.to_bytes(8, "big")).digest() for i in range(66)]
		for i in range(64):
		    print(b"".join(b[i:])[:n].hex())
	PY
}

# tables STATE: the options that make tshark open what it has the keys of, in TABLES.
tables() {
	local line
	TABLES=()
	while IFS= read -r line; do TABLES+=(-o "$line"); done < <(sa-show --format wireshark "$1")
}

# inner FILE 4|6 [OPTION]...: the packets within, a line each, as tshark reads them.
inner() {
	local file=$1 v=ip none=28 fields=(src dst proto id len ttl)
	[ "$2" = 4 ] || v=ipv6 none=8 fields=(src dst nxt flow plen hlim)
	tshark -n -r "$file" "${@:3}" -T fields -E occurrence=l -e frame.number "${fields[@]/#/-e$v.}" \
		-e tcp.payload -e udp.payload -e data.data -e tcp.seq_raw 2>/dev/null |
		# an outer UDP has a payload too: only what the protocol within has counts
		awk -F'\t' -v OFS='\t' -v none=$none '{ if ($4 != 6) { $8 = ""; $11 = "" }
			if ($4 != 17 || $6 == none) $9 = ""; if ($4 == 6 || $4 == 17) $10 = ""; print }'
}

# like_tshark FILE [STATE]: tshark sees the same exchanges, IDs, lengths and payloads in their order; with STATE
# also those of encrypted messages. Proposals and transforms, inside of SA payloads, are types 2 and 3. The last of
# several fragments of IKE is followed there by the message that they make, which is what counts. What was sent again
# is looked at once.
like_tshark() {
	TABLES=()
	[ $# -eq 1 ] || tables "$2"
	ike-trace --json ${2:+--sa "$2"} "$1" | jq -r 'select(.type == "message") | if ."again-of" then "\(.frame);again" else
		[.frame, ."exchange-number", ."message-id", .length, (.payloads | map(.number) | join(","))] |
		map(tostring) | join(";") end' >"$T/ours"
	tshark "${TABLES[@]}" -r "$1" -Y isakmp -T fields -E separator=';' -e frame.number -e isakmp.exchangetype \
		-e isakmp.messageid -e isakmp.length -e isakmp.typepayload 2>/dev/null |
		awk -F';' -v OFS=';' 'NR == FNR { if ($2 == "again") again[$1] = 1; next } $1 in again { print $1, "again"; next }
			{ for (i = 2; i <= 4; i++) n = sub(/.*,/, "", $i); if (n) sub(/^132,?/, "", $5); print }' "$T/ours" - |
		sed -e 's/0x//' -e :a -e 's/\([;,]\)[23]\(,\|$\)/\1/; ta' -e 's/,$//' >"$T/tshark"
	[ -s "$T/ours" ]
	diff "$T/tshark" "$T/ours"
}
