# SPDX-License-Identifier: GPL-2.0-or-later
# An emulated KVM host for a test: started, asked, and always stopped.
package Lab;
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use HTTP::Tiny;
use JSON::PP;
use Time::HiRes qw(time sleep);

my $top = abs_path(dirname(__FILE__) . '/../..');

# The program in scripts/lab, and what "start" always gets.
sub script { return 'lab' }
sub start_options { my ($self, $build) = @_; return ('--quiet', '--file', "$build/vmexit.so") }

# new(NAME, options of "start"...)
sub new {
	my ($class, $name, @options) = @_;
	my $build = $ENV{BUILD} // "$top/build";
	my $self = bless { dir => "$build/$name", http => HTTP::Tiny->new(timeout => 30) }, $class;
	$self->stop;
	my $out = $self->lab('start', $self->start_options($build), @options);
	($self->{url}) = $out =~ m{(http://127\.0\.0\.1:\d+)};
	$self->{started} = $? == 0 && $self->{url};
	return $self;
}

sub lab {
	my ($self, $command, @words) = @_;
	open(my $pipe, '-|', "$top/scripts/lab/" . $self->script, $command, '--dir', $self->{dir}, @words) or return '';
	my $out = do { local $/; <$pipe> } // '';
	close $pipe;
	return $out;
}

sub exec { my ($self, $command) = @_; return $self->lab('exec', '--timeout', 60, $command) }
# What a query of the daemon's database prints, columns with '|' between.
sub sql {
	my ($self, $query) = @_;
	$query =~ s/'/'\\''/g;
	my $out = $self->exec("sqlite3 -readonly -cmd '.load /run/lab/host/vmexit' /var/lib/vmexit/vmexit.db '$query'");
	chomp $out;
	return $out;
}

# In the Debian guest, as soon as it has booted.
sub guest_exec { my ($self, $seconds, $command) = @_; return $self->lab('guest', 'exec', '--timeout', $seconds, $command) }
sub stop { my $self = shift; $self->lab('stop') }
sub DESTROY { local ($?, $@); my $self = shift; $self->stop }

sub get { my ($self, $path) = @_; return $self->{http}->get("$self->{url}$path") }
sub json { my ($self, $path) = @_; return eval { decode_json($self->get($path)->{content}) } // {} }

sub vm {
	my ($self, $name) = @_;
	my ($vm) = grep { $_->{name} eq $name } @{ $self->json('/api/v1/vms')->{vms} // [] };
	return $vm // {};
}

# Rows of samples.csv as hashes.
sub csv {
	my ($self, $vm, $query) = @_;
	my ($head, @lines) = split /\r\n/, $self->get("/api/v1/vms/$vm/samples.csv?$query")->{content};
	my @names = split /,/, $head, -1;
	return map { my %row; @row{@names} = split /,/, $_, -1; \%row } @lines;
}

# The first true value of a condition, or nothing after the deadline.
sub wait_for {
	my ($self, $seconds, $condition) = @_;
	my $end = time + $seconds;
	while (time < $end) {
		my $r = $condition->();
		return $r if $r;
		sleep 0.2;
	}
	return;
}

sub log_of { my ($self, $which) = @_; return $self->lab('log', $which) }

1;
