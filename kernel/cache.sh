# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by the scripts that fill the cache. Set PROG before.
# shellcheck shell=bash disable=SC2034

# shellcheck source=tree.sh
. "$(dirname "${BASH_SOURCE[0]}")/tree.sh"

CACHE=${VMEXIT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vmexit}
CACHE_TMP=

die() {
	echo "$PROG: $*" >&2
	exit 1
}

# For what cannot be built for a kernel at all.
refuse() {
	die "$*; nothing was built, the distribution's modules stay active"
}

require_series() { # SERIES LINE
	[ -n "$(find "$1" -name '*.patch' 2>/dev/null)" ] ||
		refuse "there is no series for Linux $2: choose one of $(cd "$(dirname "${BASH_SOURCE[0]}")/series" && echo *)"
}

refuse_patch() { # after apply_series
	refuse "$BAD_PATCH does not apply to Linux $KVERSION: the series needs an update"
}

# What takes longer than two seconds is announced by this.
progress() {
	echo "$PROG: $*" >&2
}

need() { # COMMAND PACKAGE
	command -v "$1" >/dev/null || die "$1 is missing: apt-get install $2"
}

cache_cleanup() {
	[ -z "$CACHE_TMP" ] || rm -rf "$CACHE_TMP"
}

# cache_begin NAME: succeeds if $CACHE/NAME has to be made; make it in
# $CACHE_TMP, then call cache_commit. One process at a time gets that far.
cache_begin() {
	[ -e "$CACHE/$1" ] && return 1
	mkdir -p "$CACHE/.lock" "$(dirname "$CACHE/$1")" 2>/dev/null || die "cannot write to $CACHE: set VMEXIT_CACHE"
	exec {CACHE_LOCK}>"$CACHE/.lock/$(echo "$1" | tr / _)"
	flock -n "$CACHE_LOCK" || {
		progress "waiting for another process that makes $1"
		flock "$CACHE_LOCK"
	}
	if [ -e "$CACHE/$1" ]; then
		exec {CACHE_LOCK}>&-
		return 1
	fi
	trap cache_cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	CACHE_TMP=$(mktemp -d "$CACHE/.tmp.XXXXXX")
	chmod 755 "$CACHE_TMP"
}

# After cache_begin: set LOG to where a build says what it does. That of a build that
# succeeds goes with cache_commit, the others a week later.
cache_log() { # NAME
	LOG=$CACHE/$1.log
	find "$(dirname "$LOG")" -maxdepth 1 -name '*.log' -mtime +7 -delete
	: >"$LOG"
}

cache_commit() { # NAME
	mv -T "$CACHE_TMP" "$CACHE/$1"
	rm -f "$CACHE/$1.log"
	CACHE_TMP=
	exec {CACHE_LOCK}>&-
}

hash_of() { # first 16 digits of the hash of standard input
	sha256sum | cut -c1-16
}

# Debian's idea of the newest: sort -V agrees with it for kernel versions.
# Prints "RELEASE VERSION" of each release whose image, headers and source
# agree, newest first.
kernel_releases() { # LINE
	local line=$1 names
	names=$(apt-cache pkgnames "linux-image-$line." | sed -n 's/^linux-image-//p' |
		grep -v -e '-dbg$' -e '-unsigned$') || true
	# shellcheck disable=SC2046
	apt-cache madison "linux-source-$line" $(for r in $names; do
		echo "linux-image-$r linux-headers-$r"
	done) 2>/dev/null | awk -F ' *[|] *' -v line="$line" '
		{ sub(/^ */, "", $1) }
		$1 == "linux-source-" line { source[$2] = 1 }
		sub(/^linux-image-/, "", $1) { image[$1 " " $2] = 1; next }
		sub(/^linux-headers-/, "", $1) { headers[$1 " " $2] = 1 }
		END {
			for (i in image) {
				split(i, f, " ")
				if (i in headers && f[2] in source)
					print f[2], f[1]
			}
		}' | sort -Vr | awk '{ print $2, $1 }'
}

# Why there is nothing for a release that is not among those that agree.
refuse_release() { # LINE RELEASE FILE [INSTALLED-VERSION]
	local version=${4:-} others
	[ -n "$version" ] || version=$(apt-cache madison "linux-image-$2" 2>/dev/null |
		awk -F ' *[|] *' '{ print $2; exit }')
	others=$(awk 'NR <= 6 { printf " %s", $1 }' "$3")
	[ -n "$version" ] || refuse "apt knows no image of $2; those that agree with their source:$others"
	refuse "apt has no linux-source-$1 and headers of version $version, which the image of $2 has; those that agree:$others"
}

# Sets KREL and KVERSION: of release $2, or of the newest of line $1 in the
# plain flavour. Asking apt takes a second, so the answer is kept until apt's
# lists change.
kernel_resolve() { # LINE [RELEASE]
	local lists answer version
	need apt-cache apt
	[ "$(dpkg --print-architecture)" = amd64 ] || die "only amd64 machines are supported"
	lists=$(stat -c '%n %s %Y' /var/lib/apt/lists/*Packages* 2>/dev/null | hash_of)
	answer=$CACHE/releases/$1-$lists
	if [ ! -s "$answer" ]; then
		mkdir -p "$CACHE/releases" 2>/dev/null || die "cannot write to $CACHE: set VMEXIT_CACHE"
		rm -f "$CACHE/releases/$1-"*
		kernel_releases "$1" >"$answer.$$"
		[ -s "$answer.$$" ] || {
			rm -f "$answer.$$"
			die "apt knows no Linux $1 with matching image, headers and source: on Debian 12, run apt-get update"
		}
		mv "$answer.$$" "$answer"
	fi
	if [ -n "${2:-}" ]; then
		# An installed image decides the version: another one's source may differ.
		version=$(image_version "$2")
		read -r KREL KVERSION < <(awk -v r="$2" -v v="$version" \
			'$1 == r && (v == "" || $2 == v) { print; exit }' "$answer") ||
			refuse_release "$1" "$2" "$answer" "$version"
	else
		# An ABI number begins with a digit, a flavour (rt, cloud) with a letter.
		read -r KREL KVERSION < <(awk -v p="^${1//./[.]}[.][^-]+(-[0-9][^-]*)?-amd64\$" \
			'$1 ~ p { print; exit }' "$answer") ||
			die "apt has no plain amd64 kernel of Linux $1"
	fi
}

# fetch_deb NAME VERSION: downloads a package into $CACHE_TMP; sets DEB.
fetch_deb() {
	(cd "$CACHE_TMP" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download "$1=$2") >&2 ||
		die "apt could not download $1 $2: run apt-get update, check the network"
	DEB=$(echo "$CACHE_TMP/$1"_*.deb)
}

# Ensure that the kernel image of KREL is unpacked. Nothing is installed.
fetch_image() {
	local name
	name=image/${KREL}_$KVERSION-$(declare -f fetch_image | hash_of)
	IMAGE=$CACHE/$name
	cache_begin "$name" || return 0
	progress "fetching and unpacking linux-image-$KREL $KVERSION (about 70 MB)"
	fetch_deb "linux-image-$KREL" "$KVERSION"
	dpkg-deb --fsys-tarfile "$DEB" | tar -x -C "$CACHE_TMP" \
		--exclude='./lib/modules/*/kernel/drivers/gpu' \
		--exclude='./lib/modules/*/kernel/drivers/media' \
		--exclude='./lib/modules/*/kernel/drivers/net/ethernet' \
		--exclude='./lib/modules/*/kernel/drivers/net/wireless' \
		--exclude='./lib/modules/*/kernel/drivers/staging' \
		--exclude='./lib/modules/*/kernel/sound' ./boot ./lib
	rm "$DEB"
	/sbin/depmod -b "$CACHE_TMP" "$KREL" 2>/dev/null || die "depmod failed: apt-get install kmod"
	cache_commit "$name"
}

# Ensure that the headers of KREL are unpacked, with their absolute path
# rewritten to where they are now.
fetch_headers() {
	local common line name
	name=headers/${KREL}_$KVERSION-$(declare -f fetch_headers | hash_of)
	HEADERS=$CACHE/$name
	cache_begin "$name" || return 0
	progress "fetching and unpacking linux-headers-$KREL $KVERSION (about 14 MB)"
	fetch_deb "linux-headers-$KREL" "$KVERSION"
	dpkg-deb -x "$DEB" "$CACHE_TMP"
	common=$(sed -n 's,^include /usr/src/\(.*\)/Makefile$,\1,p' "$CACHE_TMP/usr/src/linux-headers-$KREL/Makefile")
	[ -n "$common" ] || die "linux-headers-$KREL has an unknown Makefile"
	line=$(readlink "$CACHE_TMP/usr/src/linux-headers-$KREL/scripts" | sed 's,.*/linux-kbuild-\([^/]*\)/.*,\1,')
	rm "$DEB"
	fetch_deb "$common" "$KVERSION"
	dpkg-deb -x "$DEB" "$CACHE_TMP"
	rm "$DEB"
	fetch_deb "linux-kbuild-$line" "$KVERSION"
	dpkg-deb -x "$DEB" "$CACHE_TMP"
	rm "$DEB"
	echo "include $HEADERS/usr/src/$common/Makefile" >"$CACHE_TMP/usr/src/linux-headers-$KREL/Makefile"
	echo "$HEADERS/usr/src/linux-headers-$KREL" >"$CACHE_TMP/build-path"
	cache_commit "$name"
}

# Ensure that the package of the kernel source is there: it stays, because several
# entries are made of it, each of which calls this before its own cache_begin.
fetch_source_deb() { # LINE
	local name=deb/linux-source-$1_$KVERSION
	SOURCE_DEB=$CACHE/$name/linux-source.deb
	cache_begin "$name" || return 0
	progress "fetching linux-source-$1 $KVERSION (about 150 MB)"
	fetch_deb "linux-source-$1" "$KVERSION"
	mv "$DEB" "$CACHE_TMP/linux-source.deb"
	cache_commit "$name"
	find "$CACHE/deb" -mindepth 1 -maxdepth 1 -name "linux-source-$1_*" ! -path "$CACHE/$name" -exec rm -rf {} +
}

# After fetch_source_deb: unpack all of it, or these parts, which must exist.
unpack_source() { # LINE DIRECTORY [PATH...]
	local top=linux-source-$1 directory=$2 parts
	shift 2
	parts=("${@/#/$top/}")
	[ $# -gt 0 ] || parts=("$top")
	progress "unpacking $([ $# -eq 0 ] || echo "a part of ")$top $KVERSION"
	dpkg-deb --fsys-tarfile "$SOURCE_DEB" | tar -xO "./usr/src/$top.tar.xz" | xz -dc -T0 |
		tar -x -C "$directory" --strip-components=1 --no-wildcards "${parts[@]}"
}

# Ensure that those parts of the kernel source that the series in directory $1
# touches, and KVM whole, are unpacked.
fetch_source() { # SERIES LINE
	local line=$2 paths name
	paths=$(printf '%s\n' arch/x86/kvm virt/kvm scripts/checkpatch.pl \
		scripts/const_structs.checkpatch scripts/spelling.txt
		touched_paths "$1")
	name=source/${KVERSION}-$(echo "$paths" | hash_of)
	SOURCE=$CACHE/$name
	[ ! -e "$SOURCE" ] || return 0
	fetch_source_deb "$line"
	cache_begin "$name" || return 0
	# shellcheck disable=SC2086
	unpack_source "$line" "$CACHE_TMP" $paths
	cache_commit "$name"
}

# Ensure that what KVM's selftests need is unpacked: their source, and whatever
# "make headers" reads.
fetch_selftests() { # LINE
	local line=$1 name
	name=selftests-source/${KVERSION}-$(declare -f fetch_selftests | hash_of)
	SELFTESTS=$CACHE/$name
	[ ! -e "$SELFTESTS" ] || return 0
	fetch_source_deb "$line"
	cache_begin "$name" || return 0
	unpack_source "$line" "$CACHE_TMP" Makefile arch/x86/Makefile arch/x86/Makefile_32.cpu \
		arch/x86/entry/syscalls arch/x86/include arch/x86/tools include/asm-generic include/uapi \
		scripts usr/include tools/arch/x86/include tools/build tools/include tools/lib/rbtree.c tools/scripts \
		tools/testing/selftests/kselftest.h tools/testing/selftests/kselftest_harness.h \
		tools/testing/selftests/lib.mk tools/testing/selftests/kvm tools/testing/selftests/rseq
	cache_commit "$name"
}
