# sapipe-tutorial(7): a student's shell types the examples one after the other, and each prints what the page says.

bats_require_minimum_version 1.5.0

load lib/common
load lib/readme

@test "sapipe-tutorial(7): each example prints what the page says" {
	local name names out=$BATS_TEST_TMPDIR/out page=$SAPIPE_TOP/man/sapipe-tutorial.7
	need ike-initiate ike-respond ike-trace sa-show skeyid-calc
	command -v jq xxd openssl unshare >/dev/null || skip "no jq, xxd, openssl or unshare"
	unshare --net --map-root-user true 2>/dev/null || skip "no user namespaces here"
	names=$(sed -n 's/^\.\\" example: //p' "$page")
	[ "$(wc -w <<<"$names")" -gt 12 ]
	# Every output belongs to an example, and every literal block is one of them.
	[ "$(grep -c '^\.Bd' "$page")" -eq "$(grep -cE '^\.\\" (example|output): ' "$page")" ]
	mkdir -m 700 "$out"
	{
		echo "cd '$out' || exit"
		for name in $names; do
			printf 'exec >%q 2>%q\n%s\n' "$out/$name.said" "$out/$name.err" "$(example "$name")"
		done
	} >"$BATS_TEST_TMPDIR/student"
	timeout 500 bash "$BATS_TEST_TMPDIR/student" </dev/null
	for name in $names; do
		if [ -n "$(block output "$name")" ]; then
			shows "$name" "$(cat "$out/$name.said")" || { cat "$out/$name.err"; return 1; }
		fi
		# What a page shows has no errors.
		[ ! -s "$out/$name.err" ] || { echo "$name:"; cat "$out/$name.err"; return 1; }
	done
}
