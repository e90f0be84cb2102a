# The Debian package, and the way of a new user: README's install and first tunnel, on two bare machines.
# make check-deb runs it.
bats_require_minimum_version 1.5.0

load ../lib/common
load ../lib/readme
load root

setup_file() {
	packages
}

teardown() {
	machines_down
}

@test "make deb: another directory and another time zone give the same bytes" {
	local f
	# Not a git tree: as from an archive of the release.
	mkdir -p "$BATS_TEST_TMPDIR/a/copy"
	git -C "$SAPIPE_TOP" ls-files -z | (cd "$SAPIPE_TOP" && xargs -0 tar -c) | tar -x -C "$BATS_TEST_TMPDIR/a/copy"
	cd "$BATS_TEST_TMPDIR/a/copy"
	umask 077
	SOURCE_DATE_EPOCH=$(git -C "$SAPIPE_TOP" log -1 --format=%ct) TZ=Asia/Tokyo run -0 dist/deb.sh "$BATS_TEST_TMPDIR/b"
	cd "$DEBS"
	for f in *.deb *.dsc *.tar.xz; do cmp "$f" "$BATS_TEST_TMPDIR/b/$f"; done
	[ "$(find . -maxdepth 1 -type f | wc -l)" -eq "$(find "$BATS_TEST_TMPDIR/b" -maxdepth 1 -type f | wc -l)" ]
}

@test "lintian finds nothing in the package" {
	run -0 lintian --allow-root -EvIL +pedantic --fail-on error,warning,info,pedantic "$DEBS"/work/*.changes
	echo "$output"
	[ -z "$(grep -vE '^N: ' <<<"$output")" ]
}

@test "autopkgtest: README's first tunnel by the package, with the null runner" {
	local w=$BATS_TEST_TMPDIR/w
	[ "$(id -u)" = 0 ] || skip 'not root'
	command -v autopkgtest >/dev/null || skip 'no autopkgtest (make deps)'
	mkdir "$w"
	# The null runner installs the package on this machine: here, into a layer that goes with its mount namespace.
	# shellcheck disable=SC2016 # bash expands it
	run unshare -m --propagation private timeout 300 bash -ec '
		w=$1
		mount -t tmpfs layer "$w"
		mkdir "$w/upper" "$w/work" "$w/root"
		mount -t overlay layer -o "lowerdir=/,upperdir=$w/upper,workdir=$w/work" "$w/root" || exit 77
		for d in dev proc sys; do mount --rbind "/$d" "$w/root/$d"; done
		mount -t tmpfs run "$w/root/run"
		mount -t tmpfs -o mode=1777 tmp "$w/root/tmp"
		mkdir "$w/root/tmp/debs"
		cp "$2"/*.deb "$2"/*.dsc "$2"/*.tar.xz "$w/root/tmp/debs"
		export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
		unset STATE_DIRECTORY
		chroot "$w/root" sh -c "cd /tmp/debs && exec autopkgtest sapipe_*_*.deb sapipe_*.dsc -- null"' \
		bash "$w" "$DEBS" </dev/null
	echo "$output"
	[ "$status" -ne 77 ] || skip 'no overlay of / here'
	[ "$status" -eq 0 ]
	grep -qE '^first-tunnel +PASS' <<<"$output"
}

@test "a new user's way: README, typed on two bare machines, in less than two minutes" {
	local begun side
	bare_root
	no_root
	machine left
	machine right
	wire
	begun=$SECONDS
	for side in left right; do
		run -0 on "$side" bash -ec "cd; export DEBIAN_FRONTEND=noninteractive; apt() { command apt -y \"\$@\"; }
$(example install-deb)"
		echo "$side: installed after $((SECONDS - begun)) s"
	done
	run -0 on left bash -ec "$(example file-secret)"
	cp -p "$BATS_TEST_TMPDIR/left/etc/sapipe/gw.psk" "$BATS_TEST_TMPDIR/right/etc/sapipe/gw.psk"
	example file-left >"$BATS_TEST_TMPDIR/left/etc/sapipe/berne.conf"
	example file-right >"$BATS_TEST_TMPDIR/right/etc/sapipe/zurich.conf"
	run -0 on right bash -ec "$(example file-up)"
	output_has 'zurich is up'
	output_has 'zurich vpn0 203.0.113.1 listening'
	run -0 on left bash -ec "$(example file-up)"
	output_has 'berne.conf: no mistakes'
	output_has 'berne is up'
	output_has 'berne vpn0 203.0.113.2 UP '
	echo "status after $((SECONDS - begun)) s"
	[ $((SECONDS - begun)) -lt 120 ]
	# Through the tunnel, and not beside it: 10.2.0.1 has no other route.
	ip netns exec "${NS[left]}" ping -q -c 3 -i 0.2 -W 5 -I 10.1.0.1 10.2.0.1
	run -0 on left sapipe status --json
	[ "$(jq -r '.state' <<<"$output")" = up ]
	# What the package promises besides.
	[ "$(on left stat -c '%a %U %G' /etc/sapipe)" = '750 root sapipe' ]
	[ "$(awk '/^Uid:/ { print $2 }' "/proc/$(pid_in left esp-tun)/status")" = "$(on left id -u sapipe)" ]
	run -0 on left sapipe down
	run -0 on right sapipe down
	# Purge leaves no state; the secret and the file are the user's.
	run -0 on left apt-get -qq purge -y sapipe
	[ ! -e "$BATS_TEST_TMPDIR/left/var/lib/sapipe" ]
	[ -e "$BATS_TEST_TMPDIR/left/etc/sapipe/gw.psk" ]
}

# pid_in NAME TOOL: of that machine.
pid_in() {
	local pid
	for pid in $(ip netns pids "${NS[$1]}"); do
		[ "$(cat "/proc/$pid/comm")" != "$2" ] || { echo "$pid"; return; }
	done
	return 1
}
