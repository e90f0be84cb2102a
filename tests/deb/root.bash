# shellcheck shell=bash
# A bare Debian 12, with what apt wants to install the package offline, and machines that run in copies of it:
#
#   load ../lib/common
#   load root
#   setup_file() { packages; }
#   teardown() { machines_down; }

# packages: $DEBS, a directory with the packages of this tree. SAPIPE_DEBS names one where they are built already.
packages() {
	export DEBS=${SAPIPE_DEBS:-$SAPIPE_TOP/build/deb}
	[ -z "${SAPIPE_DEBS-}" ] || return 0
	run -0 make --no-print-directory -C "$SAPIPE_TOP" deb
}

# Where this machine's apt gets Debian 12 from, as lines of sources.list.
apt_sources() {
	# shellcheck disable=SC2016 # apt-get expands it
	apt-get indextargets --format '$(ORIGIN) deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		sed -n 's|^Debian deb \([^ ]* bookworm[^ ]* \)|deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \1|p'
}

# What this machine's apt has to do to get there: proxies, clocks that are wrong.
apt_options() { apt-config dump --no-empty Acquire | grep -iE '^Acquire::(https?|ftp|Retries|Check-|ForceIP|Proxy)'; }

# bare_root: $ROOT, if there is a source of Debian 12; else $NO_ROOT says why not.
bare_root() {
	export ROOT='' NO_ROOT='' root=$BATS_FILE_TMPDIR/root
	if [ "$(id -u)" != 0 ]; then
		NO_ROOT='not root'
	elif ! command -v mmdebstrap >/dev/null; then
		NO_ROOT='no mmdebstrap (make deps)'
	elif ! apt_sources | grep . >"$BATS_FILE_TMPDIR/sources.list"; then
		NO_ROOT='apt of this machine has no source of Debian 12'
	fi
	[ -z "$NO_ROOT" ] || return 0
	apt_options >"$BATS_FILE_TMPDIR/apt.conf" || :
	# shellcheck disable=SC2016 # mmdebstrap's shell expands it
	if timeout 500 mmdebstrap --quiet --variant=minbase --skip=cleanup/apt --aptopt="$BATS_FILE_TMPDIR/apt.conf" \
		--customize-hook="copy-in $DEBS/$(basename "$DEBS"/sapipe_*.deb) /root" \
		--customize-hook='chroot "$1" sh -c "apt-get -qq update && apt-get -qq install -y --install-recommends --download-only /root/sapipe_*.deb"' \
		bookworm "$root" "$BATS_FILE_TMPDIR/sources.list" >"$BATS_FILE_TMPDIR/mmdebstrap.log" 2>&1 </dev/null; then
		ROOT=$root
	else
		tail -n 20 "$BATS_FILE_TMPDIR/mmdebstrap.log"
		NO_ROOT="mmdebstrap fails: $(grep -E '^E: ' "$BATS_FILE_TMPDIR/mmdebstrap.log" | head -n 1)"
	fi
}

# no_root: skips, or fails where everything has to run.
no_root() {
	[ -n "$ROOT" ] && return
	[ "${SAPIPE_LAB-}" != require ] || { echo "$NO_ROOT"; return 1; }
	skip "$NO_ROOT"
}

declare -gA HOLDER

# machine NAME: a copy of the root with a network namespace and /dev, /proc and /run. No network yet.
machine() {
	local dir=$BATS_TEST_TMPDIR/$1 ns=db$$x$1
	ip netns add "$ns"
	cp -a "$ROOT" "$dir"
	# Its mounts are its own: they go when the last process of the machine has ended.
	# shellcheck disable=SC2016 # sh expands it
	background "machine.$1" ip netns exec "$ns" unshare -m --propagation private sh -c '
		mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && mount -t tmpfs run "$1/run" && echo there &&
		exec sleep 1800' sh "$dir"
	eventually 10 grep -q there "$BATS_TEST_TMPDIR/machine.$1.out"
	HOLDER[$1]=${BG[machine.$1]}
	NS[$1]=$ns
}
declare -gA NS

# on NAME COMMAND...: runs it in that machine, as root who has just logged in.
on() {
	local pid=${HOLDER[$1]} dir=$BATS_TEST_TMPDIR/$1
	shift
	nsenter -t "$pid" -m -n chroot "$dir" env -i HOME=/root TERM=dumb LC_ALL=C.UTF-8 \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" </dev/null
}

# wire: left 203.0.113.1 and right 203.0.113.2, with 10.1.0.1 and 10.2.0.1 behind them.
wire() {
	local n=0 name
	ip -n "${NS[left]}" link add eth0 type veth peer name eth0 netns "${NS[right]}"
	for name in left right; do
		n=$((n + 1))
		ip -n "${NS[$name]}" -batch - <<-IP
			link set lo up
			addr add 203.0.113.$n/24 dev eth0
			link set eth0 up
			addr add 10.$n.0.1/32 dev lo
		IP
	done
}

# Whatever runs in the network namespaces is ours.
machines_down() {
	local name pid
	for name in "${!NS[@]}"; do
		for pid in $(ip netns pids "${NS[$name]}" 2>/dev/null); do kill -KILL "$pid" 2>/dev/null || :; done
	done
	stop_background
	for name in "${!NS[@]}"; do ip netns del "${NS[$name]}" 2>/dev/null || :; done
}
