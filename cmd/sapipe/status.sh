# Part of sapipe: status.
# shellcheck shell=sh disable=SC2034,SC2154 # the other files set and read these

# In words: 4.1 MB.
amount() {
	if [ "$1" -lt 1000 ]; then
		echo "$1 B"
	elif [ "$1" -lt 1000000 ]; then
		echo "$(($1 / 1000)).$(($1 % 1000 / 100)) kB"
	elif [ "$1" -lt 1000000000 ]; then
		echo "$(($1 / 1000000)).$(($1 % 1000000 / 100000)) MB"
	else
		echo "$(($1 / 1000000000)).$(($1 % 1000000000 / 100000000)) GB"
	fi
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

# look ID ROLE SECTION: sets state to up, listening, connecting or down, report to that of sa-stat, and since.
look() {
	report='' state=down
	! is_up "$1" || report=$(sa-stat --json "$at/$1.ctl" 2>/dev/null)
	[ -n "$report" ] || return
	since=$(stat -c %Y "$at/$1.up" 2>/dev/null) || since=$(date +%s)
	if printf '%s\n' "$report" | grep -q "\"name\": *\"$3\""; then
		state=up
	elif [ "$2" = responder ]; then
		state=listening
	else
		state=connecting
	fi
}

# traffic ID: bytes in and out of the device.
traffic() {
	sa-stat "$at/$1.ctl" 2>/dev/null |
		sed -n 's/^in [0-9]* packets, \([0-9]*\) bytes; out [0-9]* packets, \([0-9]*\) bytes$/\1 \2/p'
}

# A section as a line, and as a JSON object.
as_text() {
	case $state in
	up)
		# shellcheck disable=SC2046 # two numbers
		set -- "$1" $(traffic "$1")
		say "$section $tun $address UP $(period $(($(date +%s) - since))), in $(amount "${2:-0}") out $(amount "${3:-0}")"
		;;
	connecting) say "$section $tun $address down, connecting" ;;
	*) say "$section $tun $address $state" ;;
	esac
}

as_json() {
	[ "$address" = - ] && address=null || address="\"$(printf '%s' "$address" | sed 's/[\\"]/\\&/g')\""
	[ "$tun" = - ] && tun=null || tun="\"$(printf '%s' "$tun" | sed 's/[\\"]/\\&/g')\""
	put "{\"tunnel\": \"$name\", \"section\": \"$section\", \"role\": \"$role\", \"address\": $address, \"tun\": $tun, \"state\": \"$state\"${report:+, \"since\": $since}, \"stat\": ${report:-null}}"
}

status() {
	wants_conf
	if ! sections=$(ike-respond --check --peers "$conf" 2>/dev/null); then
		complain "$conf has mistakes" "sapipe check $name"
		return 2
	fi
	down=0
	while IFS=$tab read -r section role address tun _; do
		id=$section
		[ "$role" = initiator ] || id=@responder
		look "$id" "$role" "$section"
		case $state in down | connecting) down=1 ;; esac
		if [ -n "$json" ]; then as_json; else as_text "$id"; fi
	done <<-END
		$sections
	END
	return $down
}
