# SPDX-License-Identifier: GPL-2.0-or-later
# Stands before arch/x86/kvm/Makefile when KVM is built outside of its tree.
tree := $(src)/../../..

ifneq ($(KVM_EXIT_TELEMETRY),n)
CONFIG_KVM_EXIT_TELEMETRY := y
ccflags-y += -DCONFIG_KVM_EXIT_TELEMETRY=1
endif

# Patched headers first; trace headers include themselves as
# ../../arch/x86/kvm/trace.h; sources include their neighbours.
NOSTDINC_FLAGS += -I$(tree)/arch/x86/include -I$(tree)/arch/x86/include/uapi -I$(tree)/include -I$(tree)/include/uapi
ccflags-y += -I$(tree)/include/trace -I$(src)

