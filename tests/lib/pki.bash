# shellcheck shell=bash
# Certificates for bats files, made with openssl.

# issue [-k ALGORITHM:OPTION] NAME ISSUER [EXTENSION]...: NAME.key (default: ECDSA P-256; "params:FILE": with the
# parameters of FILE) and NAME.crt (ISSUER self: a root), extensions as openssl writes them.
issue() {
	local name issuer kind=EC:ec_paramgen_curve:P-256
	[ "$1" != -k ] || { kind=$2 && shift 2; }
	name=$1 issuer=$2
	shift 2
	case $kind in
	params:*) openssl genpkey -paramfile "${kind#*:}" -out "$name.key" 2>/dev/null ;;
	*) openssl genpkey -algorithm "${kind%%:*}" -pkeyopt "${kind#*:}" -out "$name.key" 2>/dev/null ;;
	esac
	openssl req -new -key "$name.key" -subj "/O=Test/CN=$name" -out "$name.csr"
	printf '%s\n' "$@" >"$name.ext"
	if [ "$issuer" = self ]; then
		openssl x509 -req -days 3650 -in "$name.csr" -signkey "$name.key" -extfile "$name.ext" -out "$name.crt"
	else
		openssl x509 -req -days 3650 -in "$name.csr" -CA "$issuer.crt" -CAkey "$issuer.key" \
			-set_serial "0x$(openssl rand -hex 8)" -extfile "$name.ext" -out "$name.crt"
	fi 2>/dev/null
}
