# SPDX-License-Identifier: GPL-2.0-or-later
# What every component's Makefile shares. Include after setting TOP.
BUILD  ?= $(abspath $(TOP))/build
ifeq ($(origin CC),default)
CC     := gcc
endif
CFLAGS ?= -O2 -g
WERROR ?= -Werror
# CPPFLAGS, CFLAGS and LDFLAGS are a packager's, from the environment or make's arguments: 'override'
# adds to the latter, too.
override CFLAGS += $(CPPFLAGS) -std=gnu11 -D_GNU_SOURCE -I$(TOP) \
	-Wall -Wextra -Wformat=2 -Wvla -Wmissing-declarations -Wstrict-prototypes $(WERROR)

# SAN=1: everything under AddressSanitizer and UndefinedBehaviorSanitizer, in a tree of its own.
ifeq ($(SAN),1)
BUILD  := $(BUILD)/san
override CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
OBJ    := $(BUILD)/obj/$(COMPONENT)

$(OBJ)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<
