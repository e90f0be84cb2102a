# shellcheck shell=bash
# The interop lab (tests/lab) for bats files: namespaces left and right (and a NAT router
# between them with --nat), strongSwan as the gateway in right, our tools in left.
#
#   load lib/common
#   load lib/lab
#   setup_file() { lab_setup_file; }
#   teardown() { lab_teardown; }
#
# Each test makes its own lab under a prefix of its own, so files run in parallel;
# lab_teardown ends and removes all of it, whatever happened.
#
# Where the lab cannot run, tests skip aloud; with SAPIPE_LAB=require (.ci/run, and make
# check as root) that is a failure instead.

LAB=$SAPIPE_TOP/tests/lab
LAB_BYTES=10000000	# of each transfer

# What the lab lacks on this machine, one line; nothing when it can run.
lab_missing() {
	local tool ns=spprobe$$
	[ ! -e "$BATS_RUN_TMPDIR/lab-works" ] || return 0
	[ "$(id -u)" = 0 ] || { echo "not root (and not in a user namespace)"; return; }
	for tool in ip nft ping socat charon-systemd swanctl sysctl openssl; do
		command -v "$tool" >/dev/null || { echo "no $tool (make deps)"; return; }
	done
	[ -w /dev/net/tun ] || { echo "/dev/net/tun is not writable"; return; }
	ip netns add "$ns" 2>/dev/null || { echo "no permission to make network namespaces"; return; }
	ip netns del "$ns"
	: >"$BATS_RUN_TMPDIR/lab-works"
}

lab_require() {
	local why
	why=$(lab_missing)
	[ -z "$why" ] && return
	[ "${SAPIPE_LAB:-}" != require ] || {
		echo "the lab cannot run here: $why" >&2
		return 1
	}
	skip "the lab cannot run here: $why"
}

# The certificates take seconds to make and serve every test of a build.
lab_setup_file() {
	export LAB_DATA=$BATS_FILE_TMPDIR/data
	[ -z "$(lab_missing)" ] || return 0
	mkdir -p "$SAPIPE_BUILD"
	(
		flock 9
		"$LAB/pki.sh" "$SAPIPE_BUILD/lab-pki"
	) 9>"$SAPIPE_BUILD/.lab-pki.lock"
	head -c $LAB_BYTES /dev/urandom >"$LAB_DATA"
}

# lab_names: this test's prefix, state directory and the variables of env.sh.
lab_names() {
	export LAB_PREFIX=sp$$x$RANDOM-
	export LAB_STATE=$BATS_TEST_TMPDIR/lab
	# shellcheck source=SCRIPTDIR/../lab/env.sh
	. "$LAB/env.sh"
	mkdir -m 700 "$LAB_STATE"
	ln -s "$SAPIPE_BUILD/lab-pki" "$LAB_STATE/pki"
	printf 'lab-psk\n' >"$LAB_STATE/gw.psk"
	chmod 600 "$LAB_STATE/gw.psk"
	PSK=$LAB_STATE/gw.psk
	export PSK
}

# lab_topology [--nat]: the namespaces alone.
lab_topology() {
	lab_require || return
	lab_names
	"$LAB/topology.sh" up "$@"
}

# lab_up [--nat] CONFIG: namespaces, and the gateway with that configuration.
lab_up() {
	local nat=()
	if [ "$1" = --nat ]; then
		nat=(--nat)
		shift
	fi
	lab_topology "${nat[@]}"
	[ "$1" != ikev1-host ] || { LEFT_INNER=$PEER_IP RIGHT_INNER=$RIGHT_IP; }
	"$LAB/strongswan.sh" start "$1" 3>&- 4>&-
}

lab_ctl() { "$LAB/strongswan.sh" ctl "$@"; }
lab_log() { "$LAB/strongswan.sh" log; }

in_left() { ip netns exec "$NS_LEFT" "$@"; }
in_right() { ip netns exec "$NS_RIGHT" "$@"; }

# lab_start NAME left|right SCRIPT: runs a shell script (say, a pipeline) there in the
# background as a process group of its own; output in $BATS_TEST_TMPDIR/NAME.{out,err}.
declare -gA LAB_GROUP
lab_start() {
	local ns=$NS_LEFT
	[ "$2" = left ] || ns=$NS_RIGHT
	: >"$BATS_TEST_TMPDIR/$1.out"
	: >"$BATS_TEST_TMPDIR/$1.err"
	ip netns exec "$ns" setsid bash -c "$3" </dev/null \
		>"$BATS_TEST_TMPDIR/$1.out" 2>"$BATS_TEST_TMPDIR/$1.err" 3>&- 4>&- &
	LAB_GROUP[$1]=$!
}

# lab_pid NAME TOOL: the pid of that tool within what lab_start started.
lab_pid() { pgrep -g "${LAB_GROUP[$1]}" -x "$2" | head -n 1; }

# Zombies count as exited.
lab_running() { pgrep -r D,R,S,T -g "${LAB_GROUP[$1]}" >/dev/null; }
lab_ended() { ! lab_running "$1"; }

# lab_stop NAME [SECONDS]: TERM to the whole group; fails, and kills, if it outlives SECONDS.
lab_stop() {
	local group=${LAB_GROUP[$1]} rc=0
	kill -TERM -- "-$group" 2>/dev/null || :
	if ! eventually "${2:-5}" lab_ended "$1"; then
		echo "$1 outlived SIGTERM by ${2:-5} s:"
		pgrep -g "$group" -a
		kill -KILL -- "-$group" 2>/dev/null || :
		rc=1
	fi
	wait "$group" 2>/dev/null || :
	unset "LAB_GROUP[$1]"
	return $rc
}

# Shows what our side and the gateway said: for a test that failed.
lab_explain() {
	local f
	for f in "$BATS_TEST_TMPDIR"/*.err; do
		[ -s "$f" ] || continue
		echo "--- ${f##*/}"
		tail -n 25 "$f"
	done
	if [ -s "$LAB_STATE/${LAB_SIDE:-right}/log" ]; then
		echo "--- end of strongSwan's log"
		grep -v '\[JOB\]' "$LAB_STATE/${LAB_SIDE:-right}/log" | tail -n 40
	fi
	in_left ip addr 2>/dev/null | grep inet || :
	in_left ip route show table all 2>/dev/null | grep -v 'table local' || :
}

lab_teardown() {
	local name
	[ -n "${LAB_STATE:-}" ] || return 0
	[ -n "${BATS_TEST_COMPLETED:-}" ] || lab_explain
	for name in "${!LAB_GROUP[@]}"; do lab_stop "$name" || :; done
	stop_background
	"$LAB/strongswan.sh" stop
	"$LAB/topology.sh" down
	rm -rf "$LAB_STATE"
}

# lab_replies SIDE: echo replies of either family that its kernel has had so far.
lab_replies() {
	local in=in_left
	[ "$1" = left ] || in=in_right
	$in awk '$1 == "Icmp:" && !n { for (i = 2; i <= NF; i++) if ($i == "InEchoReps") n = i; next }
		$1 == "Icmp:" { sum += $n }
		$1 == "Icmp6InEchoReplies" { sum += $2 }
		END { print sum + 0 }' /proc/net/snmp /proc/net/snmp6
}

lab_replied() { [ "$(lab_replies "$1")" -ge "$2" ]; }

# lab_ping SIDE ADDRESS [COUNT]: every one must be answered. The kernel counts: ping itself
# leaves a tenth of a second after its last request, be the answers on their way or not.
lab_ping() {
	local in=in_left n=${3:-5} had said
	[ "$1" = left ] || in=in_right
	had=$(lab_replies "$1")
	said=$($in ping -q -i 0.1 -c "$n" -W 2 "$2") || :
	eventually 10 lab_replied "$1" $((had + n)) || {
		echo "ping from $1 to $2: $said"
		return 1
	}
}

# lab_answers SIDE ADDRESS: one ping, for eventually.
lab_answers() {
	local in=in_left
	[ "$1" = left ] || in=in_right
	$in ping -q -c 1 -W 1 "$2" >/dev/null 2>&1
}

# lab_transfer FROM TO ADDRESS: LAB_BYTES over TCP to ADDRESS in TO, compared at the end.
lab_transfer() {
	local from=$NS_LEFT to=$NS_RIGHT got=$LAB_STATE/got v=4
	[ "$1" = left ] || { from=$NS_RIGHT to=$NS_LEFT; }
	[[ $3 != *:* ]] || v=6
	rm -f "$got"
	background receive ip netns exec "$to" timeout 180 socat -u \
		"TCP$v-LISTEN:5001,reuseaddr,accept-timeout=60" "CREATE:$got"
	timeout 180 ip netns exec "$from" socat -u "OPEN:$LAB_DATA" \
		"TCP$v:$3:5001,retry=300,interval=0.1,connect-timeout=10" 3>&- || {
		echo "no transfer from $1 to $3"
		return 1
	}
	ended receive 60
	cmp "$LAB_DATA" "$got"
}

# The gateway's SAs, one "key=value" a line.
lab_sas() { lab_ctl --list-sas --raw 2>/dev/null | tr ' {}' '\n'; }

# lab_counted: strongSwan's ESP SAs carried LAB_BYTES each way, so nothing went past them.
lab_counted() {
	lab_sas | awk -F= -v least=$LAB_BYTES '
		$1 == "bytes-in" { in_ += $2 }
		$1 == "bytes-out" { out += $2 }
		END {
			printf "ESP bytes at strongSwan: %d in, %d out\n", in_, out
			exit !(in_ >= least && out >= least)
		}'
}

# lab_has_sa / lab_no_sa: whether the gateway has an IKE SA that stands.
lab_has_sa() { lab_sas | grep -q '^state=ESTABLISHED'; }
lab_no_sa() { ! lab_has_sa; }

# lab_probed N: N times at least the gateway asked by DPD and had an answer.
lab_probed() { [ "$(lab_log | grep -c 'parsed INFORMATIONAL_V1 .*N(DPD_ACK)')" -ge "$1" ]; }

# lab_tunnel_works: pings and LAB_BYTES of TCP each way through the tunnel, nothing past it.
lab_tunnel_works() {
	lab_ping left "$RIGHT_INNER"
	lab_ping right "$LEFT_INNER"
	lab_transfer left right "$RIGHT_INNER"
	lab_transfer right left "$LEFT_INNER"
	lab_counted
}

# ---- our tools in left against that gateway

# lab_login_flags left|right: XAuth and mode config of the user or of the gateway.
lab_login_flags() {
	if [ "$1" = left ]; then
		(umask 077 && printf 'labpass\n' >"$LAB_STATE/labuser")
		echo "--xauth-user labuser --xauth-password-file $LAB_STATE/labuser --mode-config"
		return
	fi
	cat >"$LAB_STATE/check" <<-'SH'
		#!/bin/bash
		IFS= read -r -d '' user <&3
		IFS= read -r -d '' password <&3
		[ "$user:$password" = labuser:labpass ]
	SH
	chmod 755 "$LAB_STATE/check"
	echo "--xauth-exec $LAB_STATE/check --pool 10.3.0.0/24"
}

# lab_policy CONFIG [right]: the policy flags that meet a configuration of strongSwan in right; or, for our tools in
# right, of strongSwan in left.
lab_policy() {
	local me=${2:-left} peer ike=aes128-sha1-modp2048 esp=aes128-sha1 exchange='' ids auth ts login='' pki=$LAB_STATE/pki
	local proof ca="--ca $LAB_STATE/pki/rsa-ca.crt"
	[ "$me" = left ] && peer=right || peer=left
	auth="--psk-file $PSK"
	proof="--cert $pki/rsa-$me.crt --key $pki/rsa-$me.key"
	ids="--local-id $me.lab.example --remote-id $peer.lab.example"
	ts="--local-ts $LEFT_NET --remote-ts $RIGHT_NET"
	[ "$me" = left ] || ts="--local-ts $RIGHT_NET --remote-ts $LEFT_NET"
	case $1 in
	ikev1-xauth-* | ikev1-hybrid*)
		login=$(lab_login_flags "$me")
		ts=
		[ "$me" = left ] || ts="--local-ts $RIGHT_NET"
		;;
	ikev1-host) ts= ;;
	esac
	case $1 in *-aggressive) exchange="--exchange aggressive" ;; esac
	case $1 in
	ikev1-psk-address) ids= ;;
	ikev1-3des-md5) ike=3des-md5-modp1024 esp=3des-md5 ;;
	ikev1-aes128-sha1) ike=aes128-sha1-modp1536 ;;
	ikev1-aes256-sha256) ike=aes256-sha256-modp2048 esp=aes256-sha256 ;;
	ikev1-gcm-ecp256) ike=aes128-sha256-ecp256 esp=aes128gcm16 ;;
	ikev1-pfs) esp=aes128-sha1-modp2048 ;;
	ikev1-rsa*) auth="--auth rsa $proof $ca" ;;
	ikev1-ecdsa)
		auth="--auth ecdsa ${proof//rsa-/ec-} ${ca//rsa-/ec-}"
		ids="--local-id $me-ec.lab.example --remote-id $peer-ec.lab.example"
		ike=aes128-sha256-ecp256 esp=aes128-sha256 ;;
	ikev1-xauth-psk) auth+=" --auth xauth-psk" ;;
	ikev1-xauth-psk-aggressive)
		auth+=" --auth xauth-psk"
		ids=${ids/left.lab.example/keyid:6c616267726f7570} ;;
	ikev1-xauth-rsa) auth="--auth xauth-rsa $proof $ca" ;;
	ikev1-hybrid*)
		auth="--auth hybrid $ca"
		[ "$me" = left ] || auth="--auth hybrid $proof" ;;
	esac
	echo "$auth $ids $exchange $login --ike $ike --esp $esp $ts"
}

ESP_TUN() { echo "esp-tun --tun vpn0 --state-dir $LAB_STATE/claims"; }

# lab_initiate CONFIG [OPTION...]: the tunnel as its users type it, in the background as "tunnel".
lab_initiate() {
	local config=$1
	shift
	lab_start tunnel left "ike-initiate --keep $(lab_policy "$config") $* $RIGHT_IP | $(ESP_TUN)"
}

# lab_respond CONFIG [OPTION...]: the other end of it.
lab_respond() {
	local config=$1
	shift
	lab_start tunnel left "ike-respond $(lab_policy "$config") $* | $(ESP_TUN)"
	eventually 15 lab_listens 500
}

# lab_device_up: our esp-tun forwards. Where the gateways are the hosts, a ping before that is answered past the tunnel.
lab_device_up() { grep -q 'vpn0 is up' "$BATS_TEST_TMPDIR/tunnel.err"; }

# lab_listens PORT [right]: whether somebody does, on UDP.
lab_listens() { "in_${2:-left}" ss -Hlun "sport = :$1" | grep -q .; }
lab_tun_gone() { ! in_left ip link show vpn0 2>/dev/null; }

# lab_interop [--nat] CONFIG [OPTION...]: initiates, and proves the tunnel.
lab_interop() {
	local nat=()
	if [ "$1" = --nat ]; then
		nat=(--nat)
		shift
	fi
	need ike-initiate esp-tun
	lab_up "${nat[@]}" "$1"
	lab_initiate "$@"
	eventually 30 lab_device_up
	eventually 30 lab_answers left "$RIGHT_INNER"
	lab_tunnel_works
}

# The identifiers that rekeying changes, one "key=value" a line.
lab_spis() { lab_sas | grep -E '^(initiator-spi|spi-in)='; }

# lab_rekeys: in 26 s of pings the gateway changed the SPIs of ESP and of IKE, none was lost.
lab_rekeys() {
	local before after key had said
	before=$(lab_spis)
	had=$(lab_replies left)
	said=$(in_left ping -q -i 0.1 -c 260 -W 1 "$RIGHT_INNER") || :
	after=$(lab_spis)
	echo "$said; before: $before; after: $after"
	for key in initiator-spi spi-in; do
		[ "$(grep "^$key=" <<<"$before")" != "$(grep "^$key=" <<<"$after")" ]
	done
	eventually 10 lab_replied left $((had + 260))
}

# ---- our tools as the gateway in right, strongSwan in left as the client; LAB_SIDE=left makes it the strongSwan of
# lab_ctl, lab_log and lab_sas

# lab_gateway CONFIG [OPTION...]: ours as its users type it, in the background as "tunnel".
lab_gateway() {
	local config=$1
	shift
	lab_start tunnel right "ike-respond $(lab_policy "$config" right) $* | $(ESP_TUN)"
	eventually 15 lab_listens 500 right
}

# lab_swap [--nat] CONFIG [OPTION...]: strongSwan connects to our gateway; LEFT_INNER is then its inner address, which
# our gateway has assigned where the configuration has mode config.
lab_swap() {
	local nat=()
	if [ "$1" = --nat ]; then
		nat=(--nat)
		shift
	fi
	need ike-respond esp-tun
	export LAB_SIDE=left
	lab_up "${nat[@]}" "$1"
	lab_gateway "$@"
	lab_ctl --initiate --child net
	case $1 in
	ikev1-xauth-* | ikev1-hybrid*)
		LEFT_INNER=$(in_left ip -o -4 addr | sed -n 's/.* inet \(10\.3\.0\.[0-9]*\)\/.*/\1/p')
		[ -n "$LEFT_INNER" ] || { echo "strongSwan got no inner address"; return 1; }
		;;
	esac
	eventually 30 lab_device_up
	eventually 30 lab_answers left "$RIGHT_INNER"
}

# lab_swapped [--nat] CONFIG [OPTION...]: the same, and proof of the tunnel.
lab_swapped() {
	lab_swap "$@"
	lab_tunnel_works
}
