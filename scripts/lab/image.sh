# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by the scripts that make a Debian 12 system for the lab, after kernel/cache.sh.
# Set KIND (names it in the cache), WHAT (in words) and PACKAGES before, and TMP, a directory.
# shellcheck shell=bash disable=SC2154

# Debian's own among this machine's sources.
image_sources() {
	local key=/usr/share/keyrings/debian-archive-keyring.gpg
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(CODENAME) $(REPO_URI) $(COMPONENT) $(FILENAME)' \
		'Created-By: Packages' 'Origin: Debian' | grep '^bookworm' >"$TMP/targets" ||
		die "apt has no sources of Debian 12: is this another release, or was apt-get update never run?"
	awk -v key=$key '{ print "deb [signed-by=" key "] " $2, $1, $3 }' "$TMP/targets" >"$TMP/sources.list"
}

# What an installation on an empty disk would take.
image_apt() { # OPTION...
	apt-get -qq -y -o Dir::State::status=/dev/null -o Dir::Etc::sourcelist="$TMP/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null -o APT::Install-Recommends=false -o Debug::NoLocking=true \
		-o APT::Sandbox::User="$(id -un)" "$@" install '?essential' '?priority(required)' apt "${PACKAGES[@]}"
}

# Sets ANSWER to a file with the packages that it is of; kept until apt's lists change.
image_resolve() {
	local lists
	lists=$(stat -c '%n %s %Y' /var/lib/apt/lists/*Packages* 2>/dev/null | (cat - && echo "${PACKAGES[@]}") | hash_of)
	ANSWER=$CACHE/releases/$KIND-$lists
	[ ! -s "$ANSWER" ] || return 0
	mkdir -p "$CACHE/releases" "$TMP/empty/partial" 2>/dev/null || die "cannot write to $CACHE: set VMEXIT_CACHE"
	rm -f "$CACHE/releases/$KIND-"*
	image_sources
	image_apt -o Dir::Cache::archives="$TMP/empty" --print-uris >"$TMP/uris" ||
		die "apt cannot resolve the packages of $WHAT: run apt-get update"
	sort "$TMP/uris" >"$ANSWER.$$"
	mv "$ANSWER.$$" "$ANSWER"
}

# Into $TMP/debs. Packages stay, so a new version of one costs its own download only.
image_download() {
	local debs=$CACHE/deb/$KIND missing lock
	mkdir -p "$debs/partial" "$TMP/debs"
	exec {lock}>"$debs/lock"
	flock "$lock"
	image_apt -o Dir::Cache::archives="$debs" --print-uris >"$TMP/missing"
	missing=$(awk '{ n++; bytes += $3 } END { if (n) printf "%d packages, %d MB", n, bytes / 1e6 }' "$TMP/missing")
	if [ -n "$missing" ]; then
		progress "downloading for $WHAT: $missing"
		image_apt -o Dir::Cache::archives="$debs" --download-only >&2 ||
			die "apt could not download the packages of $WHAT: run apt-get update, check the network"
	fi
	# Only those that this image is of.
	awk '{ print $2 }' "$ANSWER" >"$TMP/wanted"
	find "$debs" -maxdepth 1 -name '*.deb' -printf '%f\n' | grep -vxFf "$TMP/wanted" |
		sed "s|^|$debs/|" | xargs -r -d '\n' rm -f || :
	cp "$debs"/*.deb "$TMP/debs/"
	exec {lock}>&-
}

# After cache_begin and image_resolve: make $CACHE_TMP/tree and disk.img of it, with
# $TMP/customize run on the tree.
image_build() { # SIZE
	image_sources
	image_download
	cat >"$TMP/setup" <<-END
	#!/bin/sh
	set -e
	mkdir -p "\$1/var/lib/apt/lists/partial" "\$1/var/cache/apt/archives/partial"
	cp $(cut -d' ' -f4- "$TMP/targets" | tr '\n' ' ') /var/lib/apt/lists/*_InRelease "\$1/var/lib/apt/lists/"
	mv "$TMP"/debs/*.deb "\$1/var/cache/apt/archives/"
	END
	chmod +x "$TMP/setup" "$TMP/customize"
	INITRD=No mmdebstrap --variant=minbase --mode=root --format=directory --skip=update,check/signed-by \
		--include="$(IFS=,; echo "${PACKAGES[*]}")" --aptopt='APT::Install-Recommends "false"' \
		--dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		--setup-hook="$TMP/setup" --customize-hook="$TMP/customize" \
		'' "$CACHE_TMP/tree" - <"$TMP/sources.list" >>"$LOG" 2>&1 || die "mmdebstrap failed, see $LOG"
	# Before, mmdebstrap empties it.
	echo 76d865786974400080000000000000d2 >"$CACHE_TMP/tree/etc/machine-id"
	# Without the lazy parts, which the kernel would do in the background.
	mke2fs -q -t ext4 -d "$CACHE_TMP/tree" -E lazy_itable_init=0,lazy_journal_init=0 \
		"$CACHE_TMP/disk.img" "$1" >>"$LOG" 2>&1 || die "mke2fs failed, see $LOG"
}

# Each has over a gigabyte: keep this one and the one used before.
image_prune() {
	find "$CACHE/$KIND" -mindepth 1 -maxdepth 1 -type d -printf '%T@ %p\n' | sort -rn | tail -n +3 |
		cut -d' ' -f2- | xargs -r -d '\n' rm -rf --
}
