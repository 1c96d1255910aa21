#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# One agent takes over from another, by --handover: to the host, which is the test, it is
# one, of which nothing is missing.
use strict;
use warnings;
use Compress::Raw::Zlib qw(crc32);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(SOCK_DGRAM);
use Test::More;
use Time::HiRes qw(time sleep);

my $here = dirname(__FILE__);
my $build = $ENV{BUILD} // "$here/../build";
my $agent = "$build/vmexit-agent";
my $dir = tempdir('vmexit-takeover-XXXXXX', TMPDIR => 1, CLEANUP => 1);
-x $agent or BAIL_OUT("there is no $agent; run make -C guest-agent, or set BUILD");
my %running;
END { kill('KILL', keys %running) }

sub slurp { my $f = shift; open(my $h, '<', $f) or return ''; local $/; return scalar(<$h>) // '' }

sub wait_for {
	my ($what, $condition) = @_;
	for (my $end = time + 15; time < $end; sleep 0.02) {
		my $r = $condition->();
		return $r if $r;
	}
	diag("waited in vain for: $what");
	return;
}

sub start_agent {
	my (@options) = @_;
	my $pid = fork() // die "fork: $!";
	if ($pid == 0) {
		open(STDERR, '>>', "$dir/log");
		$ENV{NOTIFY_SOCKET} = "$dir/notify";
		exec($agent, '-i', '50', "--port=unix:$dir/port", "--socket=$dir/run/socket",
		     "--handover=$dir/run/handover", @options) or POSIX::_exit(127);
	}
	$running{$pid} = 1;
	return $pid;
}

sub end_of {
	my $pid = shift;
	my $ended = wait_for("the end of $pid", sub { waitpid($pid, POSIX::WNOHANG()) == $pid });
	return 'none' unless $ended;
	delete $running{$pid};
	return $?;
}

# ---- the service manager ----
my $manager = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => "$dir/notify") or die "$dir/notify: $!";
my @told;
sub told {
	my $what = shift;
	return wait_for("to be told $what", sub {
		while (select(my $r = do { my $v = ''; vec($v, fileno($manager), 1) = 1; $v }, undef, undef, 0)) {
			recv($manager, my $state, 2048, 0);
			push(@told, $state);
		}
		while (@told) { return 1 if shift(@told) =~ $what }
		return;
	});
}

# ---- the host ----
sub frame {
	my ($type, $payload) = @_;
	my $h = "VMx\xf1" . pack('CCvV', 2, $type, 0, length $payload);
	return $h . pack('V', crc32($h)) . $payload . pack('V', crc32($payload));
}

# The fields of a payload behind its fixed part.
sub fields {
	my ($payload, $at) = @_;
	my %field;
	while ($at + 4 <= length $payload) {
		my ($number, $len) = unpack("x${at}vv", $payload);
		$field{$number} = substr($payload, $at + 4, $len);
		$at += 4 + $len;
	}
	return \%field;
}

my ($peer, $buf, @hellos, %have, @labels) = (undef, '');
# What a store has: what it knows it takes once.
sub take_frame {
	my ($type, $payload, $committed) = @_;
	if ($type == 1) {
		push(@hellos, unpack('Q<', fields($payload, 44)->{5}));
		syswrite($peer, frame(2, pack('vQ<', 2, $committed)));
	} elsif ($type == 3) {
		my ($sequence) = unpack('Q<', $payload);
		$have{$sequence} //= { type => 3, taken => (unpack('Q<Q<', fields($payload, 24)->{23}))[1] };
	} elsif ($type == 6) {
		my ($sequence) = unpack('Q<', $payload);
		push(@labels, fields($payload, 40)->{8}) unless $have{$sequence};
		$have{$sequence} //= { type => 6 };
	} elsif ($type == 7) {
		my ($from, $to, $count, $cause) = unpack('Q<Q<x16VV', $payload);
		$have{$to} //= { type => 7, from => $from, count => $count, cause => $cause };
	}
}

sub read_port {
	my $committed = shift // 0;
	my $ready = '';
	vec($ready, fileno($peer), 1) = 1;
	while (select(my $r = $ready, undef, undef, 0)) {
		sysread($peer, $buf, 65536, length $buf) or last;
	}
	while (length $buf >= 20 && length $buf >= 20 + (my $len = unpack('x8V', $buf))) {
		take_frame(unpack('x5C', $buf), substr($buf, 16, $len), $committed);
		substr($buf, 0, 20 + $len) = '';
	}
}

sub connect_host {
	my $committed = shift;
	$buf = '';
	$peer = wait_for('the port', sub { IO::Socket::UNIX->new(Peer => "$dir/port") });
	my $hellos = @hellos;
	wait_for('hello', sub { read_port($committed); @hellos > $hellos });
}

sub samples { return grep { $have{$_}{type} == 3 } sort { $a <=> $b } keys %have }
sub gaps { return grep { $_->{type} == 7 } map { $have{$_} } sort { $a <=> $b } keys %have }
# How many samples come until there are @count more.
sub receive { my ($count, $committed) = @_;
	my $before = samples();
	return wait_for("$count samples", sub { read_port($committed); samples() >= $before + $count }) }
sub whole {
	my @taken = map { $have{$_}{taken} } samples();
	return join(',', @taken) eq join(',', 1 .. @taken) }

# ---- while it runs ----
my $first = start_agent();
ok(told(qr/^READY=1$/) && told(qr/^STATUS=nobody on the host has the port open|^STATUS=there is no port/),
   'the service manager is told that it runs, and what lacks');
connect_host(0);
receive(5);
my $exits = slurp("$dir/log") =~ /sending the workload without exits/ ? 'without' : 'with';
ok(told($exits eq 'with' ? qr/^STATUS=the host stores what is sent$/ : qr/^STATUS=the host stores what is sent; without exits, as this/),
   "or that all is well, $exits exits");
is(system("$agent mark --socket=$dir/run/socket one"), 0, 'a mark');
my $second = start_agent();
is(end_of($first), 0, 'the second agent ends the first');
ok(told(qr/^STOPPING=1$/) && told(qr/^READY=1$/), 'and is ready then');
connect_host(0);
receive(10);
is(scalar(@hellos), 2, 'it introduces itself');
is($hellos[1], $hellos[0], 'as the agent that began when the first did');
ok(whole(), 'each sample that either took is there: ' . samples());
is_deeply([map { $_->{cause} } grep { $_->{cause} != 2 } gaps()], [], 'no gap tells of anything else than ticks that nobody took');
is(scalar(grep { $_ eq 'kernel' } @labels), 1, 'what the first said of the boot is not said again');
is(scalar(grep { $_ eq 'one' } @labels), 1, 'its marks are there');
ok(wait_for('the socket', sub { system("$agent mark --socket=$dir/run/socket two 2>/dev/null") == 0 }), 'and the socket is the second\'s');

# ---- a stop, and a start later, with nobody on the host ----
close($peer);
sleep 0.3;
is(do { kill('TERM', $second); end_of($second) }, 0, 'it stops');
cmp_ok(-s "$dir/run/handover", '>', 1000, 'leaving what nobody has stored');
sleep 0.5;
my $third = start_agent();
told(qr/^READY=1$/);
is(-s "$dir/run/handover", 0, 'which the next takes');
my ($committed) = (samples())[-4];
connect_host($committed);
receive(10, $committed);
ok(whole(), 'nothing is missing: ' . samples());
is($hellos[-1], $hellos[0], 'it is still one agent');
my @missed = grep { $_->{cause} == 2 && $_->{count} >= 5 } gaps();
is(scalar(@missed), 1, 'the time without an agent is a gap of samples that nobody took')
	or diag(explain([gaps()]));

# ---- one that was killed ----
kill('KILL', $third);
is(end_of($third), 9, 'an agent is killed');
my $fourth = start_agent();
told(qr/^READY=1$/);
connect_host((samples())[-1]);
cmp_ok($hellos[-1], '>', $hellos[0], 'the next is another agent');

# ---- one that hangs ----
kill('STOP', $fourth);
my $fifth = start_agent();
wait_for('it to begin', sub { 2 == (() = slurp("$dir/log") =~ /taking over from it/g) });
kill('TERM', $fifth);
is(end_of($fourth), 9, 'one that hangs is killed');
is(end_of($fifth), 0, 'and who is to end while it waits for that ends in order');
told(qr/^STOPPING=1$/);
$fifth = start_agent();
told(qr/^READY=1$/);

# ---- who has no such file ----
my $sixth = fork() // die "fork: $!";
if ($sixth == 0) {
	open(STDERR, '>>', "$dir/log2");
	exec($agent, "--port=$dir/none", "--socket=$dir/run/socket") or POSIX::_exit(127);
}
$running{$sixth} = 1;
ok(wait_for('a word', sub { slurp("$dir/log2") =~ /does another vmexit-agent run/ }), 'without it an agent ends nobody');
kill('TERM', $fifth, $sixth);
is(end_of($fifth) + end_of($sixth), 0, 'both end by signals');
is(start_agent("--handover=$dir/none/at/all") && 1, 1, 'where there can be no file');
ok(told(qr/^READY=1$/), 'it runs all the same');
my $log = join('', grep { !/sending the workload without exits/ } split /^/m, slurp("$dir/log"));
is_deeply([map { s/\d+/N/gr } split /\n/, $log],
	  ['vmexit-agent: process N is the agent so far, taking over from it',
	   'vmexit-agent: going on where the agent before ended, with N samples and marks for the host',
	   'vmexit-agent: going on where the agent before ended, with N samples and marks for the host',
	   'vmexit-agent: process N is the agent so far, taking over from it',
	   'vmexit-agent: warning: it does not end, killing it; what the host has not stored of it is lost',
	   'vmexit-agent: going on where the agent before ended, with N samples and marks for the host',
	   "vmexit-agent: warning: cannot have $dir/none/at/all to itself: No such file or directory; no agent is taken over from, nor will one be" =~ s/\d+/N/gr],
	  'each says what happens');
done_testing();
