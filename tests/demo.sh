#!/bin/bash
# make demo: two gateways, a tunnel between them, and every command on the way, so that
# reading it teaches how the tools are put together.
#
# The gateways are network namespaces inside a user namespace of their own: no root needed,
# and the host's network is neither read nor touched. Where the machine allows no user
# namespaces, root will do; where neither works, exit status 3 says what is missing.
# Exit status 1: the tunnel did not come up, or did not carry what it should.
set -uo pipefail

top=$(cd "$(dirname "$0")/.." && pwd) || exit 3
case ${SAPIPE_BUILD:=build} in
/*) ;;
*) SAPIPE_BUILD=$top/$SAPIPE_BUILD ;;
esac
export SAPIPE_BUILD PATH=$SAPIPE_BUILD:$PATH

lacks() {
	printf 'demo: this machine lacks %s\n' "$1" >&2
	[ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
	exit 3
}

if [ "${1:-}" != inside ]; then
	for tool in ike-initiate ike-respond esp-tun sa-show; do
		[ -x "$SAPIPE_BUILD/$tool" ] || lacks "$SAPIPE_BUILD/$tool" "run make"
	done
	for tool in ip ping socat unshare; do
		command -v "$tool" >/dev/null || lacks "the command $tool" "run make deps"
	done
	[ -w /dev/net/tun ] || lacks "a writable /dev/net/tun" \
		"in a container: --device /dev/net/tun; else: modprobe tun, chmod 666 /dev/net/tun"
	if unshare -Urnm mount -t tmpfs tmpfs /run 2>/dev/null; then
		exec unshare -Urnm "$0" inside
	fi
	[ "$(id -u)" = 0 ] || lacks "user namespaces for users (unshare -Urnm fails)" \
		"run it as root, or: sysctl kernel.unprivileged_userns_clone=1"
	unshare -nm mount -t tmpfs tmpfs /run 2>/dev/null ||
		lacks "the permission to make namespaces (unshare -nm fails, even as root)" \
			"in a container: --cap-add SYS_ADMIN --cap-add NET_ADMIN"
	exec unshare -nm "$0" inside
fi

# ---- from here on, in namespaces of our own. Mounts hide what belongs to the host: names of
# namespaces, and the directory in which esp-tun claims keys.
work=$(mktemp -d) || exit 3
mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib || exit 3
cd "$work" || exit 3
umask 077

if [ -t 1 ]; then
	bold=$(printf '\033[1m') plain=$(printf '\033[0m')
else
	bold='' plain=''
fi
groups=()

# shellcheck disable=SC2317 # the trap calls it
cleanup() {
	local g
	for g in "${groups[@]}"; do kill -KILL -- "-$g" 2>/dev/null; done
	cd / && rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say() { printf '\n%s\n' "$*"; }

# host COMMAND, on NS COMMAND: prints it as typed at that machine's prompt and runs it.
host() {
	printf '%s# %s%s\n' "$bold" "$1" "$plain"
	bash -c "$1" || fail "that failed"
}

on() {
	printf '%s%s# %s%s\n' "$bold" "$1" "$2" "$plain"
	ip netns exec "$1" bash -c "$2" 2>&1 || fail "that failed"
}

# resident NS COMMAND: the same in the background; its pid is $!, that of its process group.
# What it says goes to NS.log.
resident() {
	printf '%s%s# %s &%s\n' "$bold" "$1" "$2" "$plain"
	ip netns exec "$1" setsid bash -c "$2" </dev/null >"$1.log" 2>&1 &
	groups+=($!)
	disown
}

fail() {
	local f
	printf '\ndemo: %s\n' "$1" >&2
	for f in left.log right.log; do
		[ ! -s "$f" ] || { echo "--- $f:" >&2 && tail -n 20 "$f" >&2; }
	done
	exit 1
}

# gone GROUP: whether all of its processes ended.
gone() { ! kill -0 -- "-$1" 2>/dev/null; }

within() { # SECONDS COMMAND...
	local i n=$(($1 * 20))
	shift
	for ((i = 0; i < n; i++)); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.05
	done
	return 1
}

say "Two machines with a cable between them, and a network behind each that the other cannot reach."
host "ip netns add left; ip netns add right"
host "ip -n left link add eth0 type veth peer name eth0 netns right"
on left "ip addr add 203.0.113.1/24 dev eth0; ip link set eth0 up; ip link set lo up"
on left "ip addr add 10.1.0.1/24 dev lo"
on right "ip addr add 203.0.113.2/24 dev eth0; ip link set eth0 up; ip link set lo up"
on right "ip addr add 10.2.0.1/24 dev lo"

say "A secret that both know."
host "head -c 24 /dev/urandom | base64 >gw.psk"

say "Right answers: the negotiator writes SA state, the data path reads it."
resident right "ike-respond --psk-file gw.psk --local-id right.lab.example --remote-id left.lab.example \\
    --local-ts 10.2.0.0/24 --remote-ts 10.1.0.0/24 | esp-tun --tun vpn0"
right=${groups[-1]}
within 20 ip netns exec right bash -c 'ss -Hlun "sport = :500" | grep -q .' ||
	fail "ike-respond does not listen"

say "Left begins, and keeps the tunnel up. tee keeps a copy of the state, to look at."
resident left "ike-initiate --keep --psk-file gw.psk --local-id left.lab.example --remote-id right.lab.example \\
    --local-ts 10.1.0.0/24 --remote-ts 10.2.0.0/24 203.0.113.2 | tee left.sa | esp-tun --tun vpn0"
left=${groups[-1]}
within 5 ip netns exec left ping -c 1 -W 1 10.2.0.1 || fail "no tunnel within 5 s"

say "What was agreed (keys stay hidden unless asked for)."
on left "sa-show left.sa"

say "The route that esp-tun made, and a ping through the tunnel."
on left "ip route get 10.2.0.1"
on left "ping -c 3 -i 0.2 10.2.0.1"

say "Ten megabytes of TCP, compared at the other end."
host "head -c 10000000 /dev/urandom >sent"
resident right "socat -u TCP-LISTEN:5001,reuseaddr OPEN:received,creat,trunc"
server=${groups[-1]}
on left "time socat -u OPEN:sent TCP:10.2.0.1:5001,retry=200,interval=0.05"
within 10 gone "$server" || fail "the transfer did not end"
host "cmp sent received && echo the same"
on left "ip -s link show vpn0"

say "The end: the negotiators tell each other, the data path takes its routes away."
printf '%sleft# kill -- -%s%s\n' "$bold" "$left" "$plain"
kill -TERM -- "-$left"
within 20 gone "$left" || fail "left does not end"
printf '%sright# kill -- -%s%s\n' "$bold" "$right" "$plain"
kill -TERM -- "-$right"
within 20 gone "$right" || fail "right does not end"
on left "! ip link show vpn0"
say "demo: done in $SECONDS s"
