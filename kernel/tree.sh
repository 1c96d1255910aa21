# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced: a kernel's source and the series, for every build, DKMS's too. KVM's part
# of a source is made one that builds outside of it.
# shellcheck shell=bash disable=SC2034

line_of() { # RELEASE: the kernel line, its first two numbers
	echo "$1" | sed 's/^\([0-9]*\.[0-9]*\).*/\1/'
}

package_version() { # PACKAGE: as installed; nothing if it is not
	dpkg-query -W -f '${db:Status-Abbrev} ${Version}\n' "$1" 2>/dev/null | sed -n 's/^.i. *//p' || :
}

image_version() { # RELEASE: of its image, likewise
	package_version "linux-image-$1" | grep . || package_version "linux-image-$1-unsigned"
}

# A make of its own: the one that may run this has other flags and jobs.
clean_make() { # ARGUMENT...
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make "$@"
}

touched_paths() { # SERIES: what it changes besides KVM itself, which is needed whole
	sed -n 's,^--- a/,,p' "$1"/*.patch | sed -e '/^arch\/x86\/kvm\//d' -e '/^virt\/kvm\//d' | sort -u
}

apply_series() { # TREE SERIES: on failure BAD_PATCH is the one that does not apply
	local f
	for f in "$2"/*.patch; do
		BAD_PATCH=$(basename "$f")
		patch -d "$1" -p1 -s -F0 --no-backup-if-mismatch <"$f" || return 1
	done
}

# Apply the series, and let virt/kvm and the patched headers be found before the
# headers package's. It fails as apply_series does.
patch_tree() { # TREE SERIES OUT-OF-TREE.MK
	local t=$1
	mkdir -p "$t/include/trace"
	apply_series "$t" "$2" || return 1
	# shellcheck disable=SC2016
	sed -i 's,include $(srctree)/virt/kvm/Makefile.kvm,include $(src)/../../../virt/kvm/Makefile.kvm,' \
		"$t/arch/x86/kvm/Makefile"
	cat "$3" "$t/arch/x86/kvm/Makefile" >"$t/arch/x86/kvm/Kbuild"
}
