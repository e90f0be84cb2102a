# esp-tun --pcap: the record of what went over the wire, against tcpdump, tshark, --decrypt and ike-trace.
# shards: 3

# shellcheck disable=SC2030,SC2031 # run sets lines
bats_require_minimum_version 1.5.0

load lib/common
load lib/tun

setup() {
	need sa-show ike-trace
	tun_setup
}
teardown() { tun_teardown; }

# pings FILE: the bytes of each frame that is an echo or its reply, one a line, sorted.
pings() {
	tcpdump -nn -t -x -r "$1" 'icmp or (icmp6 and (ip6[40] == 128 or ip6[40] == 129))' 2>/dev/null |
		awk '/^\t/ { sub(/.*: */, ""); printf "%s", $0; next } NR > 1 { print "" } END { print "" }' | sort
}

comments() { tshark -r "$1" -T fields -e frame.comment 2>/dev/null; }

# recorder left: the process that writes, the youngest child.
recorder() { pgrep -n -P "${BG[$1]}"; }

# session ENCAP OUTER INNER: ten pings through a tunnel whose left end records; both ends stopped.
session() {
	local to=10.2.0.1 port=()
	[ "$3" = 4 ] || to=2001:db8:2::1
	[ "$1" != udp-draft ] || port=(--local 203.0.113.1:500 --remote 203.0.113.2:500)
	make_pair aes256-sha256 "$1" "$2" "$3" --name berne "${port[@]}"
	tun_both --pcap "$T/wire.pcapng"
	background dump ip netns exec "$L" tcpdump -Z root -i vpn0 -U --immediate-mode -w "$T/tun.pcap"
	eventually 15 grep -q listening "$T/dump.err"
	ping_across "$to" 10
	eventually 10 eval '[ "$(pings "$T/tun.pcap" | wc -l)" -ge 20 ]'
	kill "${BG[left]}"
	ended left 10
	stop_background
}

@test "esp-tun --pcap: recorded packets decrypt to those of the device; raw and in UDP of both kinds, IPv4 and IPv6" {
	local kind
	local -a keys
	for kind in "none 4 4" "udp 4 4" "udp-draft 4 4" "none 6 6" "udp 6 4"; do
		echo "# $kind"
		# shellcheck disable=SC2086 # words are meant
		session $kind
		[ "$(stat -c %a "$T/wire.pcapng")" = 600 ]
		run -0 --separate-stderr esp-tun --decrypt "$T/wire.pcapng" "$T/left.sa" -o "$T/clear.pcapng"
		stderr_has ", 0 not; 0 other frames"
		diff <(pings "$T/tun.pcap") <(pings "$T/clear.pcapng")
		comments "$T/wire.pcapng" >"$T/comments"
		[ "$(grep -c '^sent ESP [0-9a-f]\{8\} number [0-9]* of berne$' "$T/comments")" -ge 10 ]
		[ "$(grep -c '^received ESP [0-9a-f]\{8\} number [0-9]* of berne$' "$T/comments")" -ge 10 ]
		run -0 --separate-stderr ike-trace "$T/wire.pcapng"
		output_has ESP
		[ "$kind" != "none 4 4" ] || {
			keys=(-o esp.enable_encryption_decode:TRUE)
			while read -r line; do keys+=(-o "$line"); done < <(sa-show --format wireshark "$T/left.sa")
			[ "$(tshark "${keys[@]}" -r "$T/wire.pcapng" -Y icmp 2>/dev/null | wc -l)" = 20 ]
			[ -z "$(tshark -o ip.check_checksum:TRUE -r "$T/wire.pcapng" -Y 'ip.checksum.status == 0' 2>/dev/null)" ]
		}
		rm -f "$T"/*.pcap*
	done
}

@test "esp-tun --pcap: a packet that is dropped is there, with the reason" {
	make_pair aes128-sha1 udp
	tun_start right --pcap "$T/wire.pcapng" "$T/right.sa"
	tun_start left "$T/left.sa"
	eventually 15 tun_is_up right
	eventually 15 tun_is_up left
	ping_across 10.2.0.1
	local spi
	spi=$(counters right | sed -n 's/^esp-tun: sa \([0-9a-f]*\) .*/\1/p')
	left /usr/bin/python3 - "$spi" <<-'PY'
		import socket, sys
		spi = bytes.fromhex(sys.argv[1])
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		for p in (spi + b"\0\0\0\1" + bytes(60), spi + b"\0\0\1\1" + bytes(60), b"\0\0\1\0\0\0\0\5" + bytes(60)):
		    s.sendto(p, ("203.0.113.2", 4500))
	PY
	eventually 15 eval '[ "$(counter right in unknown-spi)" = 1 ]'
	kill "${BG[right]}"
	ended right 10
	comments "$T/wire.pcapng" >"$T/comments"
	grep -qx "received ESP $spi number 1, dropped: replays" "$T/comments"
	grep -qx "received ESP $spi number 257, dropped: bad-icv" "$T/comments"
	grep -qx "received ESP 00000100 number 5, dropped: unknown-spi" "$T/comments"
	run -1 --separate-stderr esp-tun --decrypt "$T/wire.pcapng" "$T/right.sa" -o "$T/clear.pcapng"
	stderr_has "3 not: 1 unknown-spi, 1 replays, 1 bad-icv"
}

@test "esp-tun --pcap: a disk that hangs, or is full, costs the record and not the tunnel" {
	local writer
	make_pair aes128gcm16
	tun_both --pcap "$T/wire.pcapng"
	writer=$(recorder left)
	kill -STOP "$writer"
	tcp_across 10.2.0.1 8000000
	[ "$(counters left | sed -n 's/^esp-tun: capture: .*lost \([0-9]*\)$/\1/p')" -gt 0 ]
	kill -CONT "$writer"
	ping_across 10.2.0.1
	kill "${BG[left]}"
	ended left 10
	grep -q 'the capture lacks [0-9]* packets' "$T/left.err"
	# What is there is whole.
	run -0 --separate-stderr esp-tun --decrypt "$T/wire.pcapng" "$T/left.sa" -o "$T/clear.pcapng"
	# Full from the start.
	tun_start left --pcap /dev/full "$T/left.sa"
	eventually 15 tun_is_up left
	ping_across 10.2.0.1
	[ "$(grep -c 'No space left' "$T/left.err")" = 1 ]
	kill "${BG[left]}"
	ended left 10
	# Full later on: a limit on the size of files will do for a small disk.
	background left ip netns exec "$L" bash -c 'ulimit -f 4; exec esp-tun "$@"' - -v --tun vpn0 \
		--state-dir "$T/left.state" --pcap "$T/wire.pcapng" "$T/left.sa"
	eventually 15 tun_is_up left
	ping_across 10.2.0.1 40
	ping_across 10.2.0.1 5
	[ "$(grep -c 'the capture ends here' "$T/left.err")" = 1 ]
}

@test "esp-tun --pcap -: a reader that closes the pipe ends the recording, not the tunnel" {
	make_pair aes128gcm16
	tun_start right "$T/right.sa"
	mkfifo "$T/pipe"
	background left ip netns exec "$L" bash -c 'exec esp-tun "$@" >"$0"' "$T/pipe" -v --tun vpn0 \
		--state-dir "$T/left.state" --pcap - "$T/left.sa"
	background reader bash -c 'head -c 700 "$0" | tr -dc "[:print:]"' "$T/pipe"
	eventually 15 tun_is_up left
	eventually 15 tun_is_up right
	ping_across 10.2.0.1 10
	ended reader 10
	grep -q 'esp-tun.*sent ESP' "$T/reader.out"
	ping_across 10.2.0.1 10
	eventually 10 grep -q 'the capture ends here' "$T/left.err"
}

@test "esp-tun --pcap: misuse" {
	make_pair aes128gcm16
	run -2 --separate-stderr left esp-tun --pcap "$T/x" --decrypt "$T/y" "$T/left.sa" -o "$T/z"
	one_error
	stderr_has "exclude each other"
	run -2 --separate-stderr left esp-tun --pcap "$T/x" --encrypt "$T/y" "$T/left.sa" -o "$T/z"
	run -3 --separate-stderr left esp-tun --state-dir "$T/s" --pcap "$T/none/x" "$T/left.sa"
	one_error
	stderr_has "cannot create $T/none/x"
	run ! left ip link show vpn0
}
