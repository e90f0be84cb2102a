# Part of sapipe: status.
# shellcheck shell=sh disable=SC2034,SC2154 # the other files set and read these

# In words: 4.1 MB, 890 kB.
amount() {
	n=$1
	for unit in B kB MB GB TB; do
		[ "$n" -ge 1000 ] && [ $unit != TB ] || break
		rest=$((n % 1000 / 100))
		n=$((n / 1000))
	done
	if [ $unit = B ] || [ "$n" -ge 100 ]; then echo "$n $unit"; else echo "$n.$rest $unit"; fi
}

# Seconds in words: 2h13m.
period() {
	if [ "$1" -ge 86400 ]; then
		echo "$(($1 / 86400))d$(($1 % 86400 / 3600))h"
	elif [ "$1" -ge 3600 ]; then
		echo "$(($1 / 3600))h$(($1 % 3600 / 60))m"
	elif [ "$1" -ge 60 ]; then
		echo "$(($1 / 60))m$(($1 % 60))s"
	else
		echo "$1s"
	fi
}

# Seconds in words, roughly: 12 min.
about() {
	if [ "$1" -ge 7200 ]; then
		echo "$(($1 / 3600)) h"
	elif [ "$1" -ge 120 ]; then
		echo "$(($1 / 60)) min"
	else
		echo "$1 s"
	fi
}

# sa_times SECTION: SINCE REKEY EXPIRES HEARD SAS of its child SAs, from the lines of sa-stat --ike; nothing: it has none.
sa_times() {
	awk -v section="$1" '
		function number(key) { return match($0, "\"" key "\":[0-9]+") ? substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3) + 0 : 0 }
		index($0, "\"type\":\"child-sa\"") && index($0, "\"name\":\"" section "\"") && !index($0, "\"state\":\"replaced\"") {
			n++
			at = number("since"); if (n == 1 || at < since) since = at
			at = number("rekey"); if (at && (!rekey || at < rekey)) rekey = at
			at = number("expires"); if (at && (!expires || at < expires)) expires = at
			at = number("heard"); if (at > heard) heard = at
		}
		END { if (n) printf "%.0f %.0f %.0f %.0f %d\n", since, rekey, expires, heard, n }'
}

# traffic SECTION ALL: bytes in and out, from the text of sa-stat --prometheus: with ALL those of the device, else those of the
# SAs that the section has now.
traffic() {
	awk -v section="$1" -v all="$2" '
		all ? /^esp_tun_bytes_total\{/ : /^esp_tun_sa_bytes_total\{/ && index($0, "name=\"" section "\"") {
			if (index($0, "direction=\"in\"")) i += $NF; else o += $NF
		}
		END { printf "%.0f %.0f\n", i, o }'
}

# look ID ROLE SECTION ALONE: sets state to up, listening, connecting or down, and what is known of it; ALONE: the device is of
# this section only.
look() {
	report='' state=down since=0 rekey=0 expires=0 heard=0 sas=0 in=0 out=0
	is_up "$1" || return
	report=$(sa-stat --json "$at/$1.ctl" 2>/dev/null)
	[ -n "$report" ] || return
	state=connecting
	[ "$2" = initiator ] || state=listening
	# shellcheck disable=SC2046 # numbers
	set -- "$1" "$3" "$4" $(sa-stat --ike "$at/$1.ike.ctl" 2>/dev/null | sa_times "$3")
	if [ $# -eq 8 ]; then
		state=up since=$4 rekey=$5 expires=$6 heard=$7 sas=$8
	fi
	# shellcheck disable=SC2046 # two numbers
	set -- $(sa-stat --prometheus "$at/$1.ctl" 2>/dev/null | traffic "$2" "$3")
	in=${1:-0} out=${2:-0}
}

# rows: a line for each section of the tunnel: TUNNEL SECTION ROLE ADDRESS TUN STATE SINCE REKEY EXPIRES HEARD SAS ALONE IN OUT REPORT
rows() {
	wants_conf
	[ ! -d "$runs" ] || [ -x "$runs" ] || fail 3 "cannot read $runs: permission denied" 'the tunnels are of another user: run sapipe as root'
	[ -n "${SAPIPE_RUN_DIR:-}" ] || [ "$base" = /run/sapipe ] || [ ! -d "/run/sapipe/${runs##*/}" ] ||
		complain 'warning: root has tunnels, which are not shown' 'run sapipe as root to see them'
	if ! sections=$(ike-respond --check --peers "$conf" 2>/dev/null); then
		complain "$conf has mistakes" "sapipe check $name"
		return 2
	fi
	responders=$(printf '%s\n' "$sections" | cut -f 2 | grep -cx responder)
	printf '%s\n' "$sections" | while IFS=$tab read -r section role address tun _ nhrp _; do
		id=$section alone=1
		if [ "$role" != initiator ]; then
			id=@responder
			[ "$responders" -eq 1 ] || alone=''
		fi
		look "$id" "$role" "$section" "$alone"
		[ "$nhrp" != hub ] || is_up "$section.hub" || state=down
		printf "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n" "$name" "$section" "$role" "$address" "$tun" "$state" \
			"$since" "$rekey" "$expires" "$heard" "$sas" "${alone:-0}" "$in" "$out" "$report"
	done
	for group in $(groups); do look_group "$group"; done
}

# look_group GROUP: the row of a failover group, from the metrics of vpnmon. TUN is the device that carries the routes, REPORT the
# state of each member.
look_group() {
	if ! is_up "@monitor.$1" || ! members=$(awk -v q='"' '
		function label(name) { return match($0, name "=" q "[^" q "]*" q) ? substr($0, RSTART + length(name) + 2, RLENGTH - length(name) - 3) : "" }
		/^vpnmon_carrier\{/ && $NF == 1 { carrier = label("tun") }
		/^vpnmon_state\{/ && $NF == 1 { list = list (list == "" ? "" : ", ") label("tun") " " label("state"); if (label("state") == "up") up = 1 }
		END { printf "%s\t%s\t%s\n", (carrier == "" ? "-" : carrier), (up ? "up" : "down"), list }' "$at/@monitor.$1.prom" 2>/dev/null); then
		members="-${tab}down${tab}"
	fi
	IFS=$tab read -r carrier state list <<-END
		$members
	END
	printf '%s\t%s\tgroup\t-\t%s\t%s\t0\t0\t0\t0\t0\t0\t0\t0\t%s\n' "$name" "$1" "$carrier" "$state" "$list"
}

# The formats, of rows on standard input.

as_text() {
	now=$(date +%s)
	while IFS=$tab read -r tunnel section role address tun state since rekey _ heard _ _ in out report; do
		if [ "$role" = group ]; then
			[ "$tun" = - ] && tun='no device'
			say "$section group $state, $tun carries${report:+ ($report)}"
			continue
		fi
		case $state in
		up)
			line="UP $(period $((now - since))), in $(amount "$in") out $(amount "$out")"
			[ "$rekey" -le "$now" ] || line="$line, rekey in $(about $((rekey - now)))"
			[ "$heard" = 0 ] || line="$line, DPD $(about $((now - heard))) ago"
			;;
		connecting) line='down, connecting' ;;
		*) line=$state ;;
		esac
		case $(standing "$tunnel") in
		active) line="$line, active" ;;
		ready | inactive) [ "$state" = down ] || line="$(standing "$tunnel"), standing by" ;;
		esac
		say "$section $tun $address $line"
	done
}

# In JSON: a text, or null for '-'; a number, or null for 0.
text() { [ "$1" = - ] && echo null || printf '"%s"\n' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"; }
number() { [ "$1" = 0 ] && echo null || echo "$1"; }

as_json() {
	while IFS=$tab read -r tunnel section role address tun state since rekey expires heard sas _ in out report; do
		if [ "$role" = group ]; then
			put "{\"tunnel\": \"$tunnel\", \"section\": \"$section\", \"role\": \"group\", \"state\": \"$state\", \
\"carrier\": $(text "$tun"), \"members\": {$(printf '%s' "$report" | sed 's/\([^ ,][^ ,]*\) \([a-z][a-z]*\)/"\1": "\2"/g')}}"
			continue
		fi
		put "{\"tunnel\": \"$tunnel\", \"section\": \"$section\", \"role\": \"$role\", \"address\": $(text "$address"), \
\"tun\": $(text "$tun"), \"state\": \"$state\", \"standby\": $(text "$(word=$(standing "$tunnel"); echo "${word:--}")"), \"since\": $(number "$since"), \"rekey\": $(number "$rekey"), \
\"expires\": $(number "$expires"), \"heard\": $(number "$heard"), \"child-sas\": $sas, \"bytes-in\": $in, \
\"bytes-out\": $out, \"stat\": ${report:-null}}"
	done
}

# All samples of a name follow one another. Arguments: files with the metrics of vpnmon, after which the rows come.
as_prometheus() {
	awk -F '\t' '
		function metric(name, type, help) { order[++n] = name; head[name] = "# HELP sapipe_" name " " help "\n# TYPE sapipe_" name " " type "\n" }
		function sample(name, value) { body[name] = body[name] "sapipe_" name "{" labels "} " value "\n" }
		BEGIN {
			metric("tunnel_up", "gauge", "Whether the section has a child SA.")
			metric("tunnel_child_sas", "gauge", "Child SAs of the section.")
			metric("tunnel_receive_bytes_total", "counter", "Bytes of inner packets received through the device of the section.")
			metric("tunnel_transmit_bytes_total", "counter", "Bytes of inner packets sent through the device of the section.")
			metric("tunnel_since_timestamp_seconds", "gauge", "From when the section has had a child SA without a gap.")
			metric("tunnel_rekey_timestamp_seconds", "gauge", "When the next child SA is rekeyed.")
			metric("tunnel_expires_timestamp_seconds", "gauge", "When the next child SA expires unless it is rekeyed.")
			metric("tunnel_heard_timestamp_seconds", "gauge", "When the peer sent the last authentic message or traffic.")
		}
		/^# HELP vpnmon_/ { split($0, part, " "); at = part[3]; if (!(at in other)) { names[++m] = at; other[at] = $0 "\n" } else doubled = 1; next }
		/^# TYPE vpnmon_/ { if (!doubled) other[at] = other[at] $0 "\n"; doubled = 0; next }
		/^vpnmon_/ { other[at] = other[at] $0 "\n"; next }
		$3 == "group" { next }
		{
			labels = "tunnel=\"" $1 "\",section=\"" $2 "\",role=\"" $3 "\",tun=\"" ($5 == "-" ? "" : $5) "\""
			sample("tunnel_up", $6 == "up" ? 1 : 0)
			sample("tunnel_child_sas", $11)
			if ($7) sample("tunnel_since_timestamp_seconds", $7)
			if ($8) sample("tunnel_rekey_timestamp_seconds", $8)
			if ($9) sample("tunnel_expires_timestamp_seconds", $9)
			if ($10) sample("tunnel_heard_timestamp_seconds", $10)
			# One device of several sections counts for all of them.
			if (!$12) {
				if (shared[$1]++) next
				labels = "tunnel=\"" $1 "\",section=\"\",role=\"" $3 "\",tun=\"" ($5 == "-" ? "" : $5) "\""
			}
			if ($15 != "") { sample("tunnel_receive_bytes_total", $13); sample("tunnel_transmit_bytes_total", $14) }
		}
		END { for (i = 1; i <= n; i++) if (body[order[i]] != "") printf "%s%s", head[order[i]], body[order[i]]
			for (i = 1; i <= m; i++) printf "%s", other[names[i]] }' "$@" -
}

# status NAME...: one report of all of them. Sets worst.
status() {
	worst=0
	lines=''
	for one; do
		more=$(use "$one" && rows)
		rc=$?
		if [ $rc != 0 ]; then
			[ $rc -le $worst ] || worst=$rc
			continue
		fi
		lines="$lines${lines:+
}$more"
	done
	[ -n "$lines" ] || return $worst
	[ $worst != 0 ] || ! printf '%s\n' "$lines" | cut -f 6 | grep -qx 'down\|connecting' || worst=1
	if [ -n "$prometheus" ]; then format=as_prometheus; elif [ -n "$json" ]; then format=as_json; else format=as_text; fi
	set --
	for one in ${prometheus:+"$runs"/*/*.prom}; do [ ! -f "$one" ] || set -- "$@" "$one"; done
	text=$(printf '%s\n' "$lines" | $format "$@") || exit 3
	[ -z "$text" ] || put "$text"
	return $worst
}

# watch NAME...: a report each interval; on a terminal each takes the place of the one before, and q ends it.
watch() {
	saved=''
	if [ -t 0 ] && [ -t 1 ]; then
		saved=$(stty -g)
		# A read waits for a key as long as that, in tenths of a second.
		tenths=$((interval * 10))
		[ "$tenths" -le 250 ] || tenths=250
		stty -icanon -echo min 0 time "$tenths"
	fi
	trap 'unwatch; exit 0' INT TERM HUP QUIT
	first=1
	while :; do
		if [ -n "$saved" ]; then
			printf '\033[H\033[2J' && put "$(date '+%Y-%m-%d %H:%M:%S')  every $interval s, q ends"
		elif [ -z "$first" ] && [ -z "$json" ]; then
			put ''
		fi
		first=''
		status "$@" || [ $worst -lt 2 ] || break
		left=$((interval * 10))
		while [ -n "$saved" ] && [ "$left" -gt 0 ]; do
			case $(dd bs=1 count=1 2>/dev/null) in
			q | Q) unwatch; exit 0 ;;
			esac
			left=$((left - tenths))
		done
		if [ -z "$saved" ]; then
			# In the background, so that a signal does not wait for its end.
			sleep "$interval" &
			wait $!
		fi
	done
	unwatch
	return $worst
}

unwatch() { [ -z "$saved" ] || stty "$saved"; }
