#!/bin/sh
# dist/deb.sh DIR: builds the Debian packages of this tree into DIR, and the source package beside them.
# The version is that of libcommon/cli/version.h, the date that of the last commit: the same commit gives the same bytes.
# DIR/work holds what was built, the .changes and the .buildinfo, which contain the time of the build.
set -eu
umask 022
cd "$(dirname "$0")/.."
[ $# -eq 1 ] || { echo 'usage: dist/deb.sh DIR' >&2; exit 2; }
case $1 in /*) out=$1 ;; *) out=$PWD/$1 ;; esac
for tool in dpkg-buildpackage dh fakeroot; do
	command -v "$tool" >/dev/null || { echo "deb.sh: $tool is not installed: make deps" >&2; exit 3; }
done

version=$(sed -n 's/^#define VERSION[[:space:]]*"\(.*\)"$/\1/p' libcommon/cli/version.h)
[ -n "$version" ] || { echo 'deb.sh: no version in libcommon/cli/version.h' >&2; exit 3; }
top=$(git rev-parse --show-toplevel 2>/dev/null) || top=''
if [ "$top" = "$(pwd -P)" ]; then
	# What git knows, as it is in the tree; files that were removed and not yet committed are left out.
	# shellcheck disable=SC2016 # the inner shell expands it
	files() { git ls-files -z | xargs -0 sh -c 'for f; do [ ! -e "$f" ] || printf "%s\0" "$f"; done' sh; }
	now=$(git log -1 --format=%ct)
else
	files() { find . \( -path ./build -o -path ./.git \) -prune -o ! -type d -print0; }
	now=$(stat -c %Y NEWS)
fi
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$now}
export SOURCE_DATE_EPOCH

rm -rf "$out"
src=$out/work/sapipe-$version
mkdir -p "$src"
files | tar -c --null --files-from=- --mtime="@$SOURCE_DATE_EPOCH" --mode=u=rwX,go=rX | tar -x -C "$src"
cp -r "$src/dist/debian" "$src/debian"
{
	printf 'sapipe (%s) unstable; urgency=medium\n\n' "$version"
	printf '  * See /usr/share/doc/sapipe/NEWS.gz for the changes of each version.\n\n'
	printf ' -- %s  %s\n' "$(sed -n 's/^Maintainer: //p' dist/debian/control)" \
		"$(LC_ALL=C date -uR -d "@$SOURCE_DATE_EPOCH")"
} >"$src/debian/changelog"
find "$src" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

# The flags and variables of the make that called this one are not the package's.
unset MAKEFLAGS MAKELEVEL MFLAGS CFLAGS CPPFLAGS LDFLAGS SAN TSAN FUZZ B CC
[ -z "${DEB_CC-}" ] || export CC="$DEB_CC"
cd "$src"
if ! dpkg-buildpackage -us -uc >../log 2>&1 </dev/null; then
	tail -n 30 ../log >&2
	echo "deb.sh: the build failed: $out/work/log" >&2
	exit 1
fi
cd "$out"
cp -p work/*.deb work/*.dsc work/*.tar.xz .
ls ./*.deb
