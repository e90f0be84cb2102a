#!/usr/bin/env bats
# The threads of esp-tun; with --threads 2 packets from the device have one of their own. esp-soak compares bytes with two threads, too.
# ROUNDS: how often SAs are replaced, default 12.
# shards: 4
# shellcheck disable=SC2154 # BG has names for keys
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun

setup() { tun_setup; }
teardown() { tun_teardown; }

TRAFFIC=$SAPIPE_BUILD/tests/traffic

threads() { find "/proc/$1/task" -mindepth 1 -maxdepth 1 | wc -l; }
has_threads() { [ "$(threads "$1")" -ge "$2" ]; }

# echo_starts: the end that sends back.
echo_starts() {
	ping_across 10.2.0.1	# neighbours are known from here on: until then the kernel keeps few packets for each
	ip -n "$L" link set vpn0 txqueuelen 10000
	ip -n "$R" link set vpn0 txqueuelen 10000
	background echo ip netns exec "$R" "$TRAFFIC" echo 10.2.0.1 7000
	eventually 10 grep -q listening "$T/echo.out"
}

@test "esp-threads: each thread has the user, the capabilities and the sandbox of the first" {
	local one two
	make_pair aes128gcm16 udp
	tun_start left "$T/left.sa"
	tun_start right --threads 2 "$T/right.sa"
	eventually 15 tun_is_up left && eventually 15 tun_is_up right
	one=$(threads "${BG[left]}")
	# The thread sanitizer has one of its own.
	[ "$(cat /proc/"${BG[left]}"/task/*/comm | grep -vx esp-tun)" = packets ]
	[ $one = 2 ] || [[ $SAPIPE_BUILD == *tsan* ]]
	eventually 10 has_threads "${BG[right]}" $((one + 1))
	ping_across 10.2.0.1
	two=$(grep -hE '^(Uid|Gid|Groups|CapEff|CapPrm|CapBnd|Seccomp|NoNewPrivs)' /proc/"${BG[right]}"/task/*/status | sort | uniq -c)
	echo "$two"
	# Each line as often as there are threads.
	[ "$(awk '{ print $1 }' <<<"$two" | sort -u | wc -l)" = 1 ]
	# It ends with its device, and tidily.
	ip -n "$R" link del vpn0
	ended right 10 || [ $? -eq 3 ] 
	grep -q 'vpn0 was removed' "$T/right.err"
	kill "${BG[left]}"
	ended left 10
	run -2 --separate-stderr esp-tun --threads 2 --hub "$T/left.sa"
	[[ $stderr == *"--threads 2 and --hub"* ]]
	run -2 esp-tun --threads 3 "$T/left.sa"
}

@test "esp-threads: numbers leave in their order: a peer with a window of 32 refuses nothing" {
	make_pair aes128gcm16 udp
	tun_start left --threads 2 "$T/left.sa"
	tun_start right --threads 2 --replay-window 32 "$T/right.sa"
	eventually 15 tun_is_up left && eventually 15 tun_is_up right
	echo_starts
	background udp ip netns exec "$L" "$TRAFFIC" udp 10.1.0.1 10.2.0.1 7000 4 1
	background tcp ip netns exec "$L" "$TRAFFIC" tcp 10.1.0.1 10.2.0.1 7000 4 2
	ended udp 90 && ended tcp 90 || { cat "$T/udp.out" "$T/tcp.out"; return 1; }
	counters right
	[ "$(counter right in packets)" -gt 1000 ]
	[ "$(counter right in replays)" = 0 ]
}

# records N: records of N SAs for both ends, each in a file, and those that delete them.
records() {
	PYTHONPATH=$SAPIPE_TOP/tests/lib /usr/bin/python3 -B - "$1" "$T" <<-'PY'
		import os, sys, sa_make
		os.umask(0o077)
		for i in range(int(sys.argv[1])):
		    o = sa_make.defaults("--esp", "aes128-sha256", "--encap", "udp", "--seed", f"threads {i}",
		        "--local", "203.0.113.1:4500", "--remote", "203.0.113.2:4500", "--local-ts", "10.1.0.0/24", "--remote-ts", "10.2.0.0/24")
		    left = sa_make.make_child(o)
		    for end, r in ("left", left), ("right", sa_make.mirror(left)):
		        open(f"{sys.argv[2]}/{end}{i}.sa", "wb").write(sa_make.encode(r))
		        open(f"{sys.argv[2]}/{end}{i}.in", "wb").write(sa_make.encode(r | {"use": "in"}))
		        d = {"type": "sa-delete", "format": 1, "spi-in": r["spi-in"], "protocol": "esp"}
		        open(f"{sys.argv[2]}/{end}{i}.del", "wb").write(sa_make.encode(d))
	PY
}

replaced_in() { [ "$(grep -c 'is replaced' "$T/$1.err")" -ge "$2" ]; }
uses() { [ "$(grep -c 'is in use' "$T/$1.err")" -ge "$2" ]; }

@test "esp-threads: SAs come and go at full traffic, and no packet is lost" {
	local rounds=${ROUNDS:-12} i
	records $((rounds + 1))
	mkfifo "$T/lf" "$T/rf"
	tun_start left --threads 2 "$T/lf"
	tun_start right --threads 2 "$T/rf"
	exec 6>"$T/lf" 7>"$T/rf"
	cat "$T/left0.sa" >&6
	cat "$T/right0.sa" >&7
	eventually 15 tun_is_up left && eventually 15 tun_is_up right
	echo_starts
	background udp ip netns exec "$L" "$TRAFFIC" udp 10.1.0.1 10.2.0.1 7000 600 1
	background tcp ip netns exec "$L" "$TRAFFIC" tcp 10.1.0.1 10.2.0.1 7000 600 2
	for ((i = 1; i <= rounds; i++)); do
		# The right end receives with it first, since the left one sends with it at once.
		cat "$T/right$i.in" >&7
		eventually 20 uses right $((i + 1)) || { cat "$T/right.err"; return 1; }
		cat "$T/left$i.sa" >&6
		eventually 20 uses left $((i + 1)) || { cat "$T/left.err"; return 1; }
		cat "$T/right$i.sa" >&7
		eventually 20 replaced_in right "$i" || { cat "$T/right.err"; return 1; }
		cat "$T/left$((i - 1)).del" >&6
		cat "$T/right$((i - 1)).del" >&7
		# The counters are read in the middle of it.
		kill -USR1 "${BG[left]}" "${BG[right]}"
	done
	eventually 20 eval '[ "$(grep -c "has ended" "$T/right.err")" = '"$rounds"' ]' || { cat "$T/right.err"; return 1; }
	kill "${BG[udp]}" "${BG[tcp]}"
	ended udp 90 && ended tcp 90 || { cat "$T/udp.out" "$T/tcp.out"; counters left; counters right; return 1; }
	kill "${BG[left]}"
	ended left 10
	kill "${BG[right]}"
	ended right 10
	exec 6>&- 7>&-
	run ! grep -E 'Sanitizer|replays [1-9]|bad-icv [1-9]' "$T/left.err" "$T/right.err"
}

ended_sas() { [ "$(grep -c 'has ended' "$T/left.err")" -ge "$1" ]; }

@test "esp-threads: an SA can be deleted in the middle of the packets that it seals" {
	local rounds=${ROUNDS:-12} i
	records "$rounds"
	mkfifo "$T/lf"
	tun_start left --threads 2 "$T/lf"
	exec 6>"$T/lf"
	cat "$T/left0.sa" >&6
	eventually 15 tun_is_up left
	background blast ip netns exec "$L" "$SAPIPE_BUILD/tests/blast" 10.1.0.1 10.2.0.1 9 200000 300
	for ((i = 0; i < rounds; i++)); do
		[ $i = 0 ] || cat "$T/left$i.sa" >&6
		eventually 20 uses left $((i + 1)) || { cat "$T/left.err"; return 1; }
		nap 0.05
		cat "$T/left$i.del" >&6
		eventually 20 ended_sas $((i + 1)) || { cat "$T/left.err"; return 1; }
	done
	kill "${BG[blast]}"
	exec 6>&-
	# Without input and SAs it has done its work.
	ended left 10
	run ! grep -q Sanitizer "$T/left.err"
}
