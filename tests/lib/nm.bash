# shellcheck shell=bash
# shellcheck disable=SC2154 # lib/lab.bash sets NS_LEFT and the addresses
# NetworkManager in left of the lab, with a bus and directories of its own:
#
#   load lib/common
#   load lib/lab
#   load lib/nm
#
# It sees a tmpfs in place of /run, /etc/NetworkManager and /var/lib/NetworkManager, so nothing of the machine changes.

nm_require() {
	local tool why=''
	need nm-sapipe-service sapipe
	for tool in NetworkManager nmcli dbus-daemon; do
		PATH=$PATH:/usr/sbin command -v "$tool" >/dev/null || why="no $tool (make deps)"
	done
	[ -z "$why" ] || { [ "${SAPIPE_LAB:-}" != require ] || { echo "$why"; return 1; }; skip "$why"; }
}

# nm_start: the bus and NetworkManager, which manages eth0 of left; in the background as "nm".
nm_start() {
	nm_require || return
	NM_RUN=$BATS_TEST_TMPDIR/nm
	mkdir "$NM_RUN"
	cat >"$NM_RUN/bus.conf" <<-END
		<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
		 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
		<busconfig>
		<type>system</type>
		<listen>unix:path=/run/dbus/system_bus_socket</listen>
		<auth>EXTERNAL</auth>
		<policy context="default">
		<allow user="*"/>
		<deny own="*"/>
		<deny send_type="method_call"/>
		<allow send_type="signal"/>
		<allow send_requested_reply="true" send_type="method_return"/>
		<allow send_requested_reply="true" send_type="error"/>
		<allow receive_type="method_call"/>
		<allow receive_type="method_return"/>
		<allow receive_type="error"/>
		<allow receive_type="signal"/>
		<allow send_destination="org.freedesktop.DBus"/>
		</policy>
		<include>/usr/share/dbus-1/system.d/org.freedesktop.NetworkManager.conf</include>
		<include>$SAPIPE_TOP/dist/networkmanager/nm-sapipe-service.conf</include>
		</busconfig>
	END
	cat >"$NM_RUN/NetworkManager.conf" <<-'END'
		[main]
		plugins=keyfile
		dns=none
		auth-polkit=false
		no-auto-default=*
		[keyfile]
		unmanaged-devices=interface-name:lo
		[connectivity]
		enabled=false
	END
	sed "s|@NMDIR@|$SAPIPE_BUILD|" "$SAPIPE_TOP/dist/networkmanager/nm-sapipe-service.name" >"$NM_RUN/sapipe.name"
	cat >"$NM_RUN/wire.nmconnection" <<-END
		[connection]
		id=wire
		uuid=5f6d6a5e-0d9b-4c6c-9a55-0b8f2a0a7c01
		type=ethernet
		interface-name=eth0
		[ipv4]
		method=manual
		address1=$PEER_IP/24,$RIGHT_IP
		[ipv6]
		method=disabled
	END
	cat >"$NM_RUN/start" <<-'END'
		set -e
		mount --make-rprivate /
		mount -t tmpfs run /run
		mount -t tmpfs conf /etc/NetworkManager
		mkdir -p /var/lib/NetworkManager
		mount -t tmpfs state /var/lib/NetworkManager
		# A sapipe that is installed has its description there.
		[ ! -d /usr/lib/NetworkManager/VPN ] || mount -t tmpfs vpn /usr/lib/NetworkManager/VPN
		# Where it cannot write, NetworkManager does not wait for udev.
		mount -o remount,bind,ro /sys
		mkdir -p /run/dbus /run/NetworkManager /etc/NetworkManager/VPN /etc/NetworkManager/system-connections
		cp "$1/NetworkManager.conf" /etc/NetworkManager
		cp "$1/sapipe.name" /etc/NetworkManager/VPN/nm-sapipe-service.name
		install -m 600 "$1/wire.nmconnection" /etc/NetworkManager/system-connections
		export DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/dbus/system_bus_socket
		dbus-daemon --config-file="$1/bus.conf" --nofork --nopidfile --print-address=9 9>"$1/bus" &
		bus=$!
		trap 'kill "$nm" "$bus" 2>/dev/null; wait' EXIT
		trap exit TERM
		until [ -s "$1/bus" ]; do kill -0 "$bus"; sleep .05; done
		PATH=$PATH:/usr/sbin NetworkManager --debug --log-level=INFO &
		nm=$!
		echo "$nm" >"$1/pid"
		wait "$nm"
	END
	lab_start nm left "exec unshare -m bash $NM_RUN/start $NM_RUN"
	eventually 20 nm_answers || { echo 'NetworkManager does not start here'; return 1; }
	nm_cli connection up wire >/dev/null
}
nm_answers() { [ -s "$NM_RUN/pid" ] && [ "$(nm_cli -t -f STARTUP general 2>/dev/null)" = started ]; }

# In the mount namespace of NetworkManager.
nm_in() { nsenter -t "$(cat "$NM_RUN/pid")" -m -n env DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/dbus/system_bus_socket LC_ALL=C "$@"; }
nm_cli() { nm_in timeout 120 nmcli "$@"; }
# nm_has PROFILE: it is active.
nm_has() { [ -s "$NM_RUN/pid" ] && nm_cli -t -f NAME connection show --active 2>/dev/null | grep -qx "$1"; }
nm_log() { cat "$BATS_TEST_TMPDIR/nm.err"; }

# nm_profile NAME DATA SECRETS [PROPERTY VALUE]...
nm_profile() {
	local name=$1 data=$2 secrets=$3
	shift 3
	nm_cli connection add type vpn con-name "$name" vpn-type org.freedesktop.NetworkManager.sapipe autoconnect no \
		vpn.data "$data" ${secrets:+vpn.secrets "$secrets"} "$@"
}
