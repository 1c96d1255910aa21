# SPDX-License-Identifier: GPL-2.0-or-later
# An emulated Debian 12 KVM host for a test: as Lab, with its own systemd.
package DebHost;
use strict;
use warnings;
use parent 'Lab';

sub script { return 'debhost' }
sub start_options { return () }

# Output and errors of a shell command as root; $? is its status.
sub exec { my ($self, $command, $seconds) = @_; return $self->lab('exec', '--timeout', $seconds // 60, '--', "exec 2>&1; $command") }

sub vm {
	my ($self, $name) = @_;
	my $vm = $self->SUPER::vm($name);
	# What it says of a VM that is not there yet.
	return { agent => '', state => '', error => '', %$vm, map { $_ => $vm->{$_} // { t => 0, exits => 0, via => '' } } 'guest', 'host' };
}

1;
