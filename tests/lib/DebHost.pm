# SPDX-License-Identifier: GPL-2.0-or-later
# An emulated Debian 12 KVM host for a test: started, asked, and always stopped.
package DebHost;
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use HTTP::Tiny;
use JSON::PP;
use Time::HiRes qw(time sleep);

my $top = abs_path(dirname(__FILE__) . '/../..');

# new(NAME, options of "debhost start"...)
sub new {
	my ($class, $name, @options) = @_;
	my $build = $ENV{BUILD} // "$top/build";
	my $self = bless { dir => "$build/$name", http => HTTP::Tiny->new(timeout => 30) }, $class;
	$self->stop;
	my $out = $self->debhost('start', @options);
	($self->{url}) = $out =~ m{(http://127\.0\.0\.1:\d+)};
	$self->{started} = $? == 0 && $self->{url};
	return $self;
}

sub debhost {
	my ($self, $command, @words) = @_;
	open(my $pipe, '-|', "$top/scripts/lab/debhost", $command, '--dir', $self->{dir}, @words) or return '';
	my $out = do { local $/; <$pipe> } // '';
	close $pipe;
	return $out;
}

# Output and errors of a shell command as root; $? is its status.
sub exec { my ($self, $command, $seconds) = @_; return $self->debhost('exec', '--timeout', $seconds // 60, '--', "exec 2>&1; $command") }
sub stop { my $self = shift; $self->debhost('stop') }
sub DESTROY { local ($?, $@); my $self = shift; $self->stop }

# From outside, through the forwarded port.
sub get { my ($self, $path) = @_; return $self->{http}->get("$self->{url}$path") }
sub json { my ($self, $path) = @_; return eval { decode_json($self->get($path)->{content}) } // {} }

sub vm {
	my ($self, $name) = @_;
	my ($vm) = grep { $_->{name} eq $name } @{ $self->json('/api/v1/vms')->{vms} // [] };
	# What it says of a VM that is not there yet.
	return { agent => '', state => '', error => '', %{ $vm // {} }, map { $_ => ($vm // {})->{$_} // { t => 0, exits => 0, via => '' } } 'guest', 'host' };
}

# The first true value of a condition, or nothing after the deadline.
sub wait_for {
	my ($self, $seconds, $condition) = @_;
	my $end = time + $seconds;
	while (time < $end) {
		my $r = $condition->();
		return $r if $r;
		sleep 0.3;
	}
	return;
}

1;
