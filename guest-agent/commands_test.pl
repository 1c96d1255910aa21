#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# vmexit-agent mark and run, with the real agent; the test is the host on its port.
use strict;
use warnings;
use Compress::Raw::Zlib qw(crc32);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Socket::UNIX;
use JSON::PP;
use POSIX ();
use Socket qw(SOCK_SEQPACKET);
use Test::More;
use Time::HiRes qw(time sleep);

my $here = dirname(__FILE__);
my $build = $ENV{BUILD} // "$here/../build";
my $agent = "$build/vmexit-agent";
my $dir = tempdir('vmexit-commands-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $socket = "$dir/agent/socket";
my ($pid, $peer);
-x $agent or BAIL_OUT("there is no $agent; run make -C guest-agent, or set BUILD");

sub slurp { my $f = shift; open(my $h, '<', $f) or return ''; local $/; return scalar(<$h>) // '' }

sub wait_for {
	my ($what, $condition) = @_;
	for (my $end = time + 10; time < $end; sleep 0.02) {
		my $r = $condition->();
		return $r if $r;
	}
	diag("waited in vain for: $what");
	return;
}

sub start_agent {
	$pid = fork() // die "fork: $!";
	if ($pid == 0) {
		open(STDERR, '>>', "$dir/log");
		exec($agent, '-i', '50', "--port=unix:$dir/port", "--socket=$socket", @_) or POSIX::_exit(127);
	}
	wait_for('the socket', sub { -S $socket && -S "$dir/port" });
}

sub stop_agent {
	my $signal = shift;
	kill($signal, $pid);
	waitpid($pid, 0);
	my $status = $?;
	undef $pid;
	return $status;
}
END { kill('KILL', $pid) if $pid }

# ---- the host ----
sub frame {
	my ($type, $payload) = @_;
	my $h = "VMx\xf1" . pack('CCvV', 2, $type, 0, length $payload);
	return $h . pack('V', crc32($h)) . $payload . pack('V', crc32($payload));
}

my (@frames, $buf);
sub read_port {
	my $ready = '';
	vec($ready, fileno($peer), 1) = 1;
	while (select(my $r = $ready, undef, undef, 0)) {
		sysread($peer, $buf, 65536, length $buf) or last;
	}
	while (length $buf >= 16 && length $buf >= 20 + (my $len = unpack('x8V', $buf))) {
		my ($type, $payload) = (unpack('x5C', $buf), substr($buf, 16, $len));
		substr($buf, 0, 20 + $len) = '';
		push(@frames, { type => $type, sequence => unpack('Q<', $payload), payload => $payload });
		syswrite($peer, frame(2, pack('vQ<', 2, 0))) if $type == 1;
	}
}

sub connect_host {
	(@frames, $buf) = ();
	$buf = '';
	$peer = wait_for('the port', sub { IO::Socket::UNIX->new(Peer => "$dir/port") });
}

sub decode {
	my ($t_boot_ns, $kind, $uid, $begin) = unpack('x8Q<x8VVQ<', $_[0]);
	my %mark = (t => $t_boot_ns / 1e9, kind => $kind, uid => $uid, begin => $begin);
	for (my $at = 40; $at < length $_[0];) {
		my ($number, $len) = unpack("x${at}vv", $_[0]);
		my $value = substr($_[0], $at + 4, $len);
		$mark{label} = $value if $number == 8;
		$mark{status} = unpack('V', $value) if $number == 9;
		$at += 4 + $len;
	}
	return \%mark;
}

# The mark of that kind and label; it says whether it stands behind a sample.
sub mark {
	my ($kind, $label) = @_;
	return wait_for("the mark '$label'", sub {
		read_port();
		for my $i (1 .. $#frames) {
			next unless $frames[$i]{type} == 6;
			my $mark = decode($frames[$i]{payload});
			next unless $mark->{label} eq $label && $mark->{kind} == $kind;
			return { %$mark, sequence => $frames[$i]{sequence},
				 sampled => $frames[$i - 1]{type} == 3 };
		}
		return;
	}) // {};
}
my ($INSTANT, $BEGIN, $END, $PHASE) = 1 .. 4;

# ---- the guest's users ----
# Run a command of the agent; its status, output and complaints.
sub command {
	my ($input, @arguments) = @_;
	my $child = fork() // die "fork: $!";
	if ($child == 0) {
		open(STDIN, '<', $input // '/dev/null');
		open(STDOUT, '>', "$dir/out");
		open(STDERR, '>', "$dir/err");
		exec($agent, @arguments) or POSIX::_exit(99);
	}
	waitpid($child, 0);
	return ($? & 127 ? "signal $?" : $? >> 8, slurp("$dir/out"), slurp("$dir/err"));
}

sub state_of { return slurp("/proc/$_[0]/stat") =~ /\) (\w)/ ? $1 : '' }

# A run in the background: its process, and the command's.
sub start_run {
	my ($ready, @command) = @_;
	my $child = fork() // die "fork: $!";
	if ($child == 0) {
		setpgrp;
		open(STDERR, '>', "$dir/err");
		exec($agent, 'run', "--socket=$socket", '--', @command) or POSIX::_exit(99);
	}
	wait_for('the command', sub { -e $ready });
	my ($inner) = slurp("/proc/$child/task/$child/children") =~ /(\d+)/;
	return ($child, $inner);
}

my $nothing = qr/nothing was measured: this VM's exits cannot be read/;
my $measured = qr/ s on \d+ vCPUs?, status \d+\n\d+ exits, /;

# ---- marks ----
start_agent();
connect_host();
is_deeply([command(undef, 'mark', "--socket=$socket", 'it is now')], [0, '', ''], 'a mark is silent');
my $mark = mark($INSTANT, 'it is now');
ok($mark->{uid} == $> && !defined $mark->{status} && $mark->{begin} == 0, 'and comes with its user');
is((command(undef, 'mark', "--socket=$socket", "two\nlines"))[0], 0, 'a mark has one line');
ok(mark($INSTANT, 'two')->{sequence} > $mark->{sequence}, 'which is its first');
is((command(undef, 'mark', "--socket=$socket", '--phase', 'ready'))[0], $> == 0 ? 0 : 1,
   'root marks a phase of the boot');
is(mark($PHASE, 'ready')->{label}, 'ready', 'which comes') if $> == 0;
my ($status, undef, $error) = command(undef, 'mark', "--socket=$dir/none", 'x');
ok($status == 1 && $error =~ /no vmexit-agent listens at \Q$dir\E\/none/, 'without an agent a mark fails');
is((command(undef, 'mark', "--socket=$socket", 'x' x 201))[0], 2, 'so does one that is too long');
is(sprintf('%o', (stat $socket)[2] & 07777), '666', 'by default everybody may mark');

# ---- run ----
($status, my $out, $error) = command("$here/Makefile", 'run', "--socket=$socket", 'cat');
is($status, 0, 'run passes the exit status');
is($out, slurp("$here/Makefile"), 'its input and output are the command\'s');
like($error, qr/^vmexit-agent: 'cat': (?:$nothing|.*$measured)/, 'the cost is on stderr, or why not');
my ($begin, $end) = (mark($BEGIN, 'cat'), mark($END, 'cat'));
ok($begin->{sampled} && $end->{sampled} && $end->{begin} == $begin->{sequence} &&
   $end->{status} == 0 && $end->{uid} == $>, 'begin and end come, each behind a sample');
for my $case ([7, 'exit 7'], [143, 'kill -TERM $$'], [137, 'kill -KILL $$'], [255, 'exit 255']) {
	my ($expected, $script) = @$case;
	is((command(undef, 'run', '-s', $socket, '-l', "c $expected", 'sh', '-c', $script))[0], $expected,
	   "'$script' is status $expected");
	is(mark($END, "c $expected")->{status}, $expected, 'which is in the end');
}
is((command(undef, 'run', '-s', $socket, "$dir/nothing"))[0], 127, 'no such command is status 127');
is((command(undef, 'run', '-s', $socket, $dir))[0], 126, 'one that cannot run is 126');
is(mark($END, 'nothing')->{status}, 127, 'which is in the end as well');
is((command(undef, 'run', '-s', $socket, 'sh', '-c', 'exit $#', '-', '--json', '-l', 'x'))[0], 3,
   'the command\'s options are its own');
# Its own /etc, with a file that is wrong behind the socket's path.
my $etc = "mount -t tmpfs none /etc && mkdir /etc/vmexit && printf 'socket = $socket\\ncolour = red\\n' >/etc/vmexit/agent.conf";
my @root = $> == 0 ? () : ('--user', '--map-root-user');
my $own = sub { my $words = join ' ', @_;
	my $said = qx(unshare @root --mount sh -c "$etc && exec $agent $words" 2>&1);
	return ($? >> 8, $said) };
($status, $error) = $own->('run', 'sh', '-c', "'exit 5'");
ok($status == 5 && $error =~ /agent.conf: line 2 is wrong.*leaving the rest/s && $error =~ m{$nothing|$measured}, "a wrong file of the agent's spoils no user's command")
	or diag($error);
mark($END, 'sh');
is(($own->('mark', 'so'))[0], 0, 'nor mark');
mark(1, 'so');
is(($own->())[0], 2, 'but the agent does not start with it');
is(($own->('run', '--config=/etc/vmexit/agent.conf', 'true'))[0], 2, 'nor does a command that asks for it run');
($status, undef, $error) = command(undef, 'run', '-s', $socket, '--json', '-l', 'quo"te', '--', 'true');
my $json = eval { decode_json($error) } // {};
ok($json->{label} eq 'quo"te' && $json->{status} == 0 && $json->{begin} && $json->{end} > $json->{begin} &&
   defined $json->{measured} && ($json->{measured} || $json->{why}), 'JSON says it to machines');
($status, $out, $error) = command(undef, 'run', "--socket=$dir/none", 'sh', '-c', 'echo out; exit 5');
ok($status == 5 && $out eq "out\n" && $error =~ /nothing was measured: no vmexit-agent/,
   'without an agent the command runs all the same');
system("$agent run -s $socket sh -c 'exit 4' 2>&-");
is($? >> 8, 4, 'without stderr as well');
system('bash', '-c', "$agent run -s $socket sh -c 'sleep 0.2; exit 6' 2>&1 | :; exit \${PIPESTATUS[0]}");
is($? >> 8, 6, 'and if nobody reads it');

# ---- signals ----
# A shell cannot trap what was ignored when it started, as nohup has it.
$SIG{HUP} = 'DEFAULT';
my $script = "trap 'touch $dir/hup' HUP; touch $dir/ready; while :; do sleep 0.05; done";
my ($run, $inner) = start_run("$dir/ready", 'sh', '-c', $script);
kill('HUP', $run);
ok(wait_for('the signal', sub { -e "$dir/hup" }), 'a signal for run goes to the command');
kill('TSTP', $run);
# Whoever goes on has stopped first, as a shell sees it.
ok(wait_for('the stop', sub { state_of($inner) eq 'T' && state_of($run) eq 'T' }), 'it can be stopped');
kill('CONT', $run);
ok(wait_for('the go', sub { state_of($inner) ne 'T' && state_of($run) ne 'T' }), 'and goes on');
kill('TERM', $run);
waitpid($run, 0);
is($? >> 8, 143, 'and ended');

# ---- the agent's end ----
unlink("$dir/ready");
($run, $inner) = start_run("$dir/ready", 'sh', '-c', "touch $dir/ready; while [ ! -e $dir/go ]; do sleep 0.05; done; exit 9");
stop_agent('KILL');
ok(-S $socket, 'an agent that was killed leaves its socket');
start_agent();
connect_host();
ok(wait_for('the new socket', sub { (command(undef, 'mark', '-s', $socket, 'new'))[0] == 0 }),
   'the next takes its place');
open(my $go, '>', "$dir/go");
waitpid($run, 0);
is($? >> 8, 9, 'a command that outlives an agent has its status');
$end = mark($END, 'sh');
ok($end->{status} == 9 && $end->{begin} > 0 && $end->{begin} < mark($INSTANT, 'new')->{sequence},
   'and its end, with a begin that the next agent does not know');
my ($before) = slurp("/proc/$pid/status") =~ /VmData:\s+(\d+)/;
my $refused;
for (my $n = 0; $n < 500 && !$refused; $n++) {
	$refused = (command(undef, 'mark', '-s', $socket, "n $n"))[2] =~ /too many marks/;
}
ok($refused, 'who marks too often is told so');
read_port();
is((slurp("/proc/$pid/status") =~ /VmData:\s+(\d+)/)[0], $before, 'the agent has not grown by it');
@frames = ();
is(stop_agent('TERM'), 0, 'SIGTERM ends the agent');
read_port();
ok((grep { $_->{type} == 3 } @frames), 'with a last sample');
ok(!-e $socket, 'and without its socket');

# ---- who may ----
start_agent('--socket-mode=0600');
is(sprintf('%o', (stat $socket)[2] & 07777), '600', 'the mode can be less');
# In a directory of mode 0700 nobody gets there anyway.
chmod(0755, $dir);
if ($> == 0) {
	my $child = fork() // die "fork: $!";
	if ($child == 0) {
		$> = 65534;
		my $s = IO::Socket::UNIX->new(Type => SOCK_SEQPACKET, Peer => $socket);
		POSIX::_exit($s ? 1 : 0);
	}
	waitpid($child, 0);
	is($?, 0, 'who has no permission gets no connection');
}
is(stop_agent('INT'), 0, 'SIGINT ends the agent');
start_agent('--socket-group=' . (split ' ', $))[0]);
is((stat $socket)[5], (split ' ', $))[0], 'the group can be given');
stop_agent('TERM');
is((command(undef, '--socket-mode=9'))[0], 2, 'a mode that is none is refused');
is((command(undef, '--socket=here'))[0], 1, 'so is a path that no socket can have');
my $log = join('', grep { !/sending the workload without exits|marks too often/ } split /^/m, slurp("$dir/log"));
is($log, '', 'the agents had nothing to complain about');
done_testing();
