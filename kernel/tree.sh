# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced: make KVM's part of a kernel source one that builds outside of it.
# shellcheck shell=bash disable=SC2034

line_of() { # RELEASE: the kernel line, its first two numbers
	echo "$1" | sed 's/^\([0-9]*\.[0-9]*\).*/\1/'
}

touched_paths() { # SERIES: what it changes besides KVM itself, which is needed whole
	sed -n 's,^--- a/,,p' "$1"/*.patch | sed -e '/^arch\/x86\/kvm\//d' -e '/^virt\/kvm\//d' | sort -u
}

# Apply the series, and let virt/kvm and the patched headers be found before the
# headers package's. On failure BAD_PATCH is the patch that does not apply.
patch_tree() { # TREE SERIES OUT-OF-TREE.MK
	local t=$1 f
	mkdir -p "$t/include/trace"
	for f in "$2"/*.patch; do
		BAD_PATCH=$(basename "$f")
		patch -d "$t" -p1 -s -F0 --no-backup-if-mismatch <"$f" || return 1
	done
	# shellcheck disable=SC2016
	sed -i 's,include $(srctree)/virt/kvm/Makefile.kvm,include $(src)/../../../virt/kvm/Makefile.kvm,' \
		"$t/arch/x86/kvm/Makefile"
	cat "$3" "$t/arch/x86/kvm/Makefile" >"$t/arch/x86/kvm/Kbuild"
}
