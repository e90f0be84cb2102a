#!/usr/bin/env bats
# esp-tun --pass and gre-tun --require-sa: a record reaches the next tool when the SA before it is in use, and GRE has an SA or is not sent.
# shellcheck disable=SC2016,SC2030,SC2031 # eval; each test is a subshell
bats_require_minimum_version 1.5.0
load lib/common
load lib/tun

setup() {
	need gre-tun
	tun_setup
	cd "$T" || return
	umask 077
	GRE=(--mode transport --local-ts '203.0.113.1/32,47' --remote-ts '203.0.113.2/32,47')
}
teardown() { tun_teardown; }

# tun NAME NAMESPACE SHELL-COMMAND: in the background; messages in NAME.err.
tun() { background "$1" ip netns exec "$2" bash -c "$3"; }
# shown TEXT: what was passed on has it. The last record may be written just now.
shown() { sa-show --format json out.rec 2>/dev/null | tr -d ' ' >shown || :; grep -qF -- "$1" shown; }
UP='"what":"up"' DOWN='"what":"down"' BOUND='"type":"nhrp-binding"'

@test "esp-tun --pass: a binding comes out when the SA before it is in use and its route is there; no key does" {
	sa_make child --esp aes128gcm16 --local 203.0.113.1 --remote 203.0.113.2 "${GRE[@]}" left.sa right.sa
	sa_make child --esp aes128gcm16 --local 203.0.113.1 --remote 203.0.113.9 --mode transport \
		--local-ts 203.0.113.1/32,17,1701 --remote-ts 203.0.113.9/32,17,1701 other.sa
	sa_make binding 10.9.0.2 --nbma 203.0.113.2 --kind shortcut bound.nhrp
	mkfifo in
	tun left "$L" 'exec esp-tun -v --pass --tun vpn0 --state-dir s.state in >out.rec'
	exec 7>in
	cat other.sa left.sa bound.nhrp >&7
	eventually 10 shown "$BOUND" || { cat left.err; return 1; }
	left ip route show table all | grep -q '^203\.0\.113\.2 dev vpn0' || { left ip route show table all; return 1; }
	left ip rule | grep -q 'ipproto gre'
	[ "$(grep -c '' shown)" -eq 2 ]
	sed -n 1p shown | grep -F "$UP" | grep -q '203\.0\.113\.2'
	sed -n 2p shown | grep -qF "$BOUND"
	run -0 /usr/bin/python3 "$SAPIPE_TOP/tests/lib/cddl_check.py" --schema "$SAPIPE_TOP/libcommon/sa/sa-state.cddl" --min 2 out.rec
	# The SA ends: it is said while the route is there. The binding's end comes out, too.
	sa_make binding 10.9.0.2 --nbma 203.0.113.2 --kind shortcut --holding 0 - >&7
	eventually 5 shown '"holding":0'
	sa_make delete --spi-in "$(sa-show --format json left.sa | jq -r 'select(.type == "child-sa") | "0x" + ."spi-in"')" --protocol esp - >&7
	eventually 5 shown "$DOWN" || { cat left.err shown; return 1; }
	exec 7>&-
}

@test "esp-tun --pass: a reader that closes the pipe stops no packet" {
	make_pair aes128gcm16
	sa_make binding 10.9.0.2 --nbma 203.0.113.2 bound.nhrp
	mkfifo in
	tun right "$R" 'exec esp-tun -v --tun vpn0 --state-dir right.state right.sa'
	tun left "$L" 'esp-tun -v --pass --tun vpn0 --state-dir left.state in | head -c 1 >/dev/null'
	exec 7>in
	cat left.sa bound.nhrp >&7
	eventually 10 left ping -q -c 1 -W 1 10.2.0.1
	eventually 5 eval '[ "$(grep -c "pass: the reader of the SA state has closed the pipe" left.err)" -eq 1 ]' || { cat left.err; return 1; }
	cat bound.nhrp >&7
	left ping -q -c 3 -i 0.1 -W 2 10.2.0.1
	exec 7>&-
}

@test "esp-tun --pass: a reader that reads nothing stops no packet, and finds the end when it reads again" {
	make_pair aes128gcm16
	sa_make binding 10.9.0.2 --nbma 203.0.113.2 bound.nhrp
	for ((i = 0; i < 100; i++)); do cat bound.nhrp; done >many.nhrp
	mkfifo in read.now
	tun right "$R" 'exec esp-tun -v --tun vpn0 --state-dir right.state right.sa'
	tun left "$L" 'esp-tun -v --pass --tun vpn0 --state-dir left.state in | { read -r _ <read.now; cat >out.rec; echo over >&2; }'
	exec 7>in 8<>read.now
	cat left.sa >&7
	eventually 10 left ping -q -c 1 -W 1 10.2.0.1
	for ((i = 0; i < 80; i++)); do cat many.nhrp; done >&7
	eventually 10 grep -q 'pass: .* records are queued and the reader reads none' left.err || { cat left.err; return 1; }
	left ping -q -c 3 -i 0.1 -W 2 10.2.0.1
	echo go >&8
	eventually 10 grep -q '^over' left.err
	[ -s out.rec ]
	left ping -q -c 3 -i 0.1 -W 2 10.2.0.1
	exec 7>&- 8>&-
}

@test "esp-tun --pass: what a script prints is no record, and --pcap - is refused" {
	make_pair aes128gcm16
	tun left "$L" 'exec esp-tun -v --pass --script "echo in the way" --tun vpn0 --state-dir left.state left.sa >out.rec'
	eventually 10 grep -q '^in the way' left.err
	[ ! -s out.rec ] || run -0 sa-show out.rec
	run -2 --separate-stderr esp-tun --pass --pcap - left.sa
	one_error
	run -2 --separate-stderr esp-tun --pass --decrypt x.pcap -o y.pcap left.sa
	one_error
}

goes() { left ping -q -c 1 -W 1 10.9.0.2 >/dev/null; }

@test "gre-tun --require-sa: nothing leaves for a peer without an SA, or when nobody reports it any more" {
	mkfifo in
	background right ip netns exec "$R" gre-tun -v --tun gre1 --remote 203.0.113.1 --address 10.9.0.2/24
	eventually 5 grep -q 'gre1 is up' right.err
	background dump ip netns exec "$L" tcpdump -i eth0 -w wire.pcap -U proto 47
	eventually 5 grep -q listening dump.err
	tun left "$L" 'exec gre-tun -v --require-sa --tun gre1 --remote 203.0.113.2 --address 10.9.0.1/24 in'
	exec 7>in
	eventually 5 grep -q 'gre1 is up' left.err || { cat left.err; return 1; }
	run ! goes
	sa_make event --what up --remote 203.0.113.9:0 - >&7
	run ! goes
	eventually 5 eval 'left true; kill -USR1 "${BG[left]}"; grep -q "dropped out, no SA with the peer is in use: " left.err'
	[ "$(tcpdump -nr wire.pcap 2>/dev/null | wc -l)" -eq 0 ]
	sa_make event --what up --remote 203.0.113.2:0 - >&7
	eventually 5 grep -q 'an SA with 203.0.113.2 is in use' left.err
	eventually 5 goes
	sa_make event --what down --remote 203.0.113.2:0 - >&7
	eventually 5 grep -q 'no SA with 203.0.113.2 is in use any more' left.err
	run ! goes
	sa_make event --what up --remote 203.0.113.2:0 - >&7
	eventually 5 goes
	sa_make binding 10.9.0.2 --nbma 203.0.113.2 - >&7
	exec 7>&-
	eventually 5 grep -q 'the input has ended: gre1 goes on' left.err
	run ! goes
	run -2 --separate-stderr gre-tun --require-sa --remote 203.0.113.2
	one_error
}

# gre_sa FILE N [OPTION...]: an SA for GRE with the peer.
gre_sa() {
	sa_make child --seed "$2" --local 203.0.113.1 --remote 203.0.113.2 "${GRE[@]}" --spi-in "0x0a00000$2" --spi-out "0x0b00000$2" "${@:3}" "$1"
}
# bound NET NBMA [OPTION...]: a record on standard output.
bound() { sa_make binding "$1" --nbma "$2" "${@:3}" -; }
# passed FILE: what was passed on, in words, is FILE.
passed() {
	sa-show --format json out.rec 2>/dev/null | jq -r 'if .type == "nhrp-binding" then "binding \(.proto)/\(.prefix) \(.holding)"
		else "\(.what) \(.remote.address)" end' | diff - "$1"
}

@test "esp-tun --pass: a binding whose SA is refused waits for another SA, and goes on then" {
	mkfifo in
	tun left "$L" 'exec esp-tun -v --pass --tun vpn0 --state-dir s.state in >out.rec'
	exec 7>in
	gre_sa old.sa 1 --set 'lifetime={"seconds": 5, "expires": 1}'
	{ cat old.sa; bound 10.255.255.2 203.0.113.2; bound 10.2.0.0/24 203.0.113.2 --via 10.255.255.2; } >&7
	eventually 20 grep -q 'pass: the binding of 10.2.0.0/24 waits: no SA with 203.0.113.2 can be used' left.err || { cat left.err; return 1; }
	# Those of other peers go on, and so does a withdrawal.
	{ bound 10.3.0.0/24 203.0.113.3; bound 10.2.0.0/24 203.0.113.2 --holding 0; } >&7
	printf '%s\n' 'binding 10.3.0.0/24 600' 'binding 10.2.0.0/24 0' >want
	eventually 20 passed want
	gre_sa good.sa 2
	cat good.sa >&7
	printf '%s\n' 'up 203.0.113.2' 'binding 10.255.255.2/32 600' >>want
	eventually 20 passed want || { cat left.err; return 1; }
	# There is an SA now: another that is refused holds nothing back.
	{ cat old.sa; bound 10.4.0.0/24 203.0.113.2; } >&7
	echo 'binding 10.4.0.0/24 600' >>want
	eventually 20 passed want
	exec 7>&-
}

@test "esp-tun --pass: an SA that another esp-tun has claimed holds its binding, too" {
	mkfifo in
	gre_sa good.sa 2
	tun first "$L" 'exec esp-tun -v --tun vpn1 --state-dir s.state good.sa'
	eventually 20 grep -q 'SA 0a000002 is in use' first.err
	tun left "$L" 'exec esp-tun -v --pass --tun vpn0 --state-dir s.state in >out.rec'
	exec 7>in
	{ cat good.sa; bound 10.2.0.0/24 203.0.113.2; } >&7
	eventually 20 grep -q 'pass: the binding of 10.2.0.0/24 waits' left.err || { cat left.err; return 1; }
	bound 10.3.0.0/24 203.0.113.3 >&7
	echo 'binding 10.3.0.0/24 600' >want
	eventually 20 passed want
	exec 7>&-
}
