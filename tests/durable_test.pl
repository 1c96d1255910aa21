#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# What vmexitd promises about its database, seen from outside: one connection writes, an
# acknowledgement is a commit that is on the disk, and neither a full disk nor one that fails
# nor a database that disappears loses what was acknowledged. The agent is this test.
use strict;
use warnings;
use Errno qw(EAGAIN);
use FindBin;
use lib "$FindBin::Bin/lib";
use Daemon;
use Frames;
use IO::Select;
use Test::More;
use Time::HiRes qw(time sleep);

my $listener = listen_at('guest');
my $db = "$dir/v.db";
my @options = ('--libvirt=off', "--channel=guest=$dir/guest.sock", '--host-source=debugfs');

# ---- an agent, which keeps what is not acknowledged ----
my ($peer, $in, $welcomed, $boot) = (undef, '', 0, 'D' x 16);
my ($taken, $acked, $next) = (0, 0, 0);		# sequences: the last one taken, acknowledged, sent
my (%sent, %waited);				# by sequence: when, and until its acknowledgement
my $pid = 0;

sub another_boot { ($boot, $taken, $acked, $next, %sent, %waited) = ($_[0] x 16, 0, 0, 0) }
sub received { my ($type, $payload) = @_;
	if ($type == CALL) {
		syswrite($peer, hello($boot, 1000 + $taken / 100));
	} elsif ($type == WELCOME) {
		my ($version, $committed) = unpack('vQ<', $payload);
		($acked, $welcomed) = ($committed > $acked ? $committed : $acked, 1);
		$next = $acked;
	} elsif ($type == ACK && $welcomed) {
		my $sequence = unpack('Q<', $payload);
		$waited{$_} = time - delete $sent{$_} for grep { $_ <= $sequence } keys %sent;
		$acked = $sequence if $sequence > $acked;
	} }
# Talk with the daemon that runs for some time, or until something is so.
sub talk { my ($seconds, $until) = @_;
	my $end = time + $seconds;
	while (time < $end && !($until && $until->())) {
		if (!$peer || $pid != ($running{daemon} // 0)) {
			close $peer if $peer;
			($peer, $in, $welcomed, $pid) = (accept_at($listener), '', 0, $running{daemon});
			$peer->blocking(0) if $peer;
			next;
		}
		if (IO::Select->new($peer)->can_read(0.005)) {
			my $n = sysread($peer, $in, 65536, length $in);
			if (defined $n ? $n == 0 : $! != EAGAIN) { close $peer; undef $peer; next }
			received(@$_[0, 1]) for parse_frames(\$in);
		}
		while ($welcomed && $next < $taken && $next < $acked + 2000) {
			my $sequence = $next + 1;
			defined(syswrite($peer, sample($sequence, 1000 + $sequence / 100, 10 * $sequence))) or last;
			$sent{$sequence} = time;
			$next = $sequence;
		}
	}
	return $until ? $until->() : 1 }
sub take { $taken += $_[0] }
sub all_acked { my $seconds = shift; return talk($seconds, sub { $acked == $taken }) }
sub status { return $http->get("$url/healthz")->{status} }
# What it says follows what it does.
sub is_well { return talk(10, sub { status() == 200 }) }
sub message { my $r = $http->get("$url/healthz"); return $r->{content} =~ /"message":"([^"]*)"/ ? $1 : $r->{content} }
sub times_said { my $what = shift; return scalar(() = slurp("$dir/daemon.log") =~ /$what/g) }
# Everything that was acknowledged is there, once and in order, and nothing else but what was sent.
sub holds { my ($file, $what) = @_;
	my @exits = map { $_->[0] } sql($file, 'SELECT exits FROM sample WHERE source = 0 AND boot = (SELECT max(id) FROM boot) ORDER BY sequence');
	my $wrong = grep { $exits[$_] != 10 * ($_ + 1) } 0 .. $#exits;
	ok(!$wrong && @exits >= $acked && @exits <= $taken, "$what: " . @exits . " samples are there, $acked acknowledged, $wrong wrong")
		or diag("of $taken");
	is((sql($file, 'PRAGMA integrity_check'))[0][0], 'ok', 'and the database is sound') }

# ---- one writer ----
sub files { my $pattern = shift;
	my @found;
	for my $fd (glob("/proc/$running{daemon}/fd/*")) {
		my ($number) = $fd =~ /(\d+)$/;
		my ($flags) = slurp("/proc/$running{daemon}/fdinfo/$number") =~ /^flags:\s*(\d+)/m;
		push @found, oct($flags // 0) & 3 if (readlink($fd) // '') =~ $pattern;
	}
	return @found }
ok(daemon(@options, '--commit-interval=20'), 'vmexitd serves');
my (@modes, $mapped);
for my $round (1 .. 20) {
	take(20);
	talk(0.05);
	$http->get("$url/api/v1/vms/guest/$_") for 'boots', 'series?kind=count', 'samples.csv';
	push @modes, [files(qr{/v\.db$})];
	$mapped = slurp("/proc/$running{daemon}/maps");
	last if $mapped =~ m{/v\.db(-wal)?$}m;
}
ok(all_acked(10), 'while it stores and answers');
is_deeply([map { my $modes = $_; scalar grep { $_ != 0 } @$modes } @modes], [(1) x 20], 'one descriptor of the database may write');
cmp_ok(scalar(grep { @$_ > 1 } @modes), '>', 0, 'and there are others, which may not');
unlike($mapped, qr{/v\.db(-wal)?$}m, 'nothing of it is mapped but the index of its WAL');
like($mapped, qr{/v\.db-shm$}m, 'which is');

my (%opens, @checkpoints, @maps);
for my $file (grep { !m{(_test\.c|/test\w+\.[ch])$} } glob("$FindBin::Bin/../daemon/*.c $FindBin::Bin/../daemon/*/*.[ch]")) {
	my $text = slurp($file) =~ s{/\*.*?\*/}{}gsr;
	my ($name) = $file =~ m{/(daemon/.*)};
	$opens{$name} .= join ' ', map { s/\s+/ /gr } $text =~ /\b(sqlite3_open\w*\(.*?\))/gs;
	push @checkpoints, $name if $text =~ /sqlite3_wal|wal_(auto)?checkpoint/i && $name !~ m{store/db\.c$};
	push @maps, "$name: $_" for $text =~ /mmap_size\s*=?\s*([1-9]\w*|%)/g;
}
delete @opens{grep { $opens{$_} eq '' } keys %opens};
is_deeply([keys %opens], ['daemon/store/db.c'], 'in the source only db.c opens databases');
my @how = $opens{'daemon/store/db.c'} =~ /SQLITE_OPEN_READ(\w+)/g;
is_deeply([sort @how], ['ONLY', 'WRITE'], 'once to write, once to read');
is_deeply(\@checkpoints, [], 'nothing else checkpoints');
is_deeply(\@maps, [], 'nor maps');
is(stop('daemon', 'TERM'), 0, 'it ends');

# ---- an acknowledgement is a commit on the disk ----
# A tracer that does something to each sync; the daemon keeps its process id.
sub traced { my ($inject, @more) = @_;
	local $ENV{ASAN_OPTIONS} = ($ENV{ASAN_OPTIONS} // '') . ':detect_leaks=0';
	start('daemon', 'strace', '-D', '-f', '-qq', '-o', "$dir/trace", '-e', 'trace=fsync,fdatasync', '-e', "inject=fsync,fdatasync:$inject",
	      "$build/vmexitd", "--database=$db", "--listen=127.0.0.1:$port", "--api-socket=$dir/api.sock", @options, @more);
	return wait_for('vmexitd', 30, sub { status() == 200 }) }
my $delay = 0.3;
ok(traced('delay_enter=' . $delay * 1e6, '--commit-interval=20'), "with syncs that take $delay s");
talk(5, sub { $welcomed });
%waited = ();
for (1 .. 6) { take(1); all_acked(10); sleep 0.05 * rand }
my @waited = sort { $a <=> $b } values %waited;
is(scalar @waited, 6, 'samples are acknowledged');
cmp_ok($waited[0], '>=', $delay, sprintf('none before the sync is done (%.3f to %.3f s)', @waited[0, -1]));
holds($db, 'then');
stop('daemon', 'KILL');

# The first ones succeed, then come failures, then no more.
ok(traced('error=EIO:when=10..70', '--commit-interval=50'), 'with syncs that fail for a while');
my $failing = talk(20, sub { take(5) if time % 2; status() == 503 });
ok($failing, 'it says that samples are not committed: ' . message());
like(message(), qr/Input\/output error/, 'and why');
talk(0.2);
my $before = $acked;
take(10);
talk(0.3);
is($acked, $before, 'meanwhile nothing is acknowledged');
holds($db, 'and what is stored is readable');
ok(all_acked(30), 'when syncs succeed again everything is acknowledged');
ok(is_well(), 'and that is said');
holds($db, 'then');
is(times_said(qr/samples cannot be committed \(Input\/output error\)/), 1, 'the log has one line of it');
cmp_ok(times_said(qr/disk I\/O error/), '<=', 2, 'and not one for each try');
is(stop('daemon', 'TERM'), 0, 'it ends cleanly');
my $synced = () = slurp("$dir/trace") =~ /\(INJECTED\)/g;
cmp_ok($synced, '>', 10, "$synced syncs had failed");

# ---- commits are made together, and none waits longer than it may ----
ok(daemon(@options, '--commit-interval=1000'), 'with the longest commit_interval');
talk(5, sub { $welcomed });
%waited = ();
my ($acks, $begun) = (0, time);
for my $i (1 .. 60) {
	my $was = $acked;
	take(1);
	talk(0.05);
	$acks++ if $acked > $was;
}
ok(all_acked(5), 'samples that come one by one');
@waited = sort { $a <=> $b } values %waited;
cmp_ok($waited[-1], '<', 2, sprintf('wait a second at most, and for their commit (%.2f s)', $waited[-1]));
cmp_ok($acks, '<=', time - $begun + 1, "and are acknowledged together: $acks times for 60");
stop('daemon', 'TERM');

# ---- a database that disappears ----
my $seen = times_said(qr/removed or replaced/);
ok(daemon(@options), 'vmexitd serves');
take(100);
ok(all_acked(10), 'and stores');
rename("$db$_", "$dir/aside.db$_") for '', '-wal', '-shm';
take(10);
ok(talk(10, sub { status() == 503 }), 'its database is moved away: ' . message());
like(message(), qr/its file was removed or replaced while in use; put it back, or restart vmexitd/, 'and that is said');
is($acked, $taken - 10, 'nothing is acknowledged into nowhere');
rename("$dir/aside.db$_", "$db$_") for '', '-wal', '-shm';
ok(all_acked(10), 'put back, it goes on by itself');
ok(is_well(), 'and says so');
is(times_said(qr/removed or replaced/), $seen + 1, 'in one line of the log');
holds($db, 'then');
unlink map { "$db$_" } '', '-wal', '-shm';
take(10);
ok(talk(10, sub { status() == 503 }), 'deleted');
is(stop('daemon', 'TERM'), 0, 'it ends cleanly');
ok(!-e $db, 'and leaves nothing behind that looks like a database');

# ---- disks of this test's own ----
SKIP: {
skip('mounting needs root', 1) if $> != 0;
mkdir "$dir/small";
is(system("mount -t tmpfs -o size=900k,mode=700 tmpfs $dir/small"), 0, 'a small disk');
END { system("umount -l $dir/small 2>/dev/null") if $dir && -d "$dir/small" }
$db = "$dir/small/v.db";
another_boot('E');
ok(daemon(@options, "--database=$db"), 'vmexitd serves from it');
sub until_full { return talk(60, sub { take(100) if $taken < $acked + 1500; status() == 503 }) }
ok(until_full(), 'it becomes full');
like(message(), qr/the disk is full; make room/, '/healthz is 503 and says why');
take(500);
talk(0.3);
$before = $acked;
talk(1.5);
is($acked, $before, 'nothing is acknowledged');
is(times_said(qr/samples cannot be committed \(the disk is full\)/), 1, 'it is logged once');
is(times_said(qr/database or disk is full/), 0, 'and nothing more');
my @rows = csv('guest');
cmp_ok(scalar @rows, '>=', $acked, 'what is stored (' . @rows . ' samples) is served');
holds($db, 'while it is full');
stop('daemon', 'KILL');
holds($db, 'after kill -9');
ok(daemon(@options, "--database=$db"), 'on the full disk it starts again');
@rows = csv('guest');
cmp_ok(scalar @rows, '>=', $acked, 'and serves what is stored');
ok(until_full(), 'it is full again as soon as there is more');
is(system("mount -o remount,size=64m $dir/small"), 0, 'there is room again');
ok(all_acked(60), "by itself it goes on, and everything ($taken) is acknowledged");
ok(is_well(), 'and says so');
holds($db, 'then');

# Filled by others, and emptied.
sub fill { open(my $f, '>', "$dir/small/others") or return; 1 while syswrite($f, 'x' x 65536); 1 while syswrite($f, 'x' x 512); close $f }
system("mount -o remount,size=16m $dir/small");
for my $round (1 .. 3) {
	fill();
	ok(until_full(), "full again ($round)");
	talk(0.5);
	unlink "$dir/small/others";
	ok(all_acked(60), 'and again it goes on');
	holds($db, 'with all that was sent');
}
is(system("$build/vmexitctl -s $dir/api.sock export -o $dir/all.csv --format=long guest"), 0, 'all of it is exported');
is(stop('daemon', 'TERM'), 0, 'it ends cleanly');

# ---- where it cannot even begin ----
sub refused { my ($pattern, $what, $file) = @_;
	unlink "$dir/refused.log";
	my $child = start('refused', "$build/vmexitd", "--database=$file", '--listen=127.0.0.1:' . free_port(), '--libvirt=off', '--api-socket=off');
	waitpid($child, 0);
	delete $running{refused};
	my $log = slurp("$dir/refused.log");
	ok($? >> 8 == 1 && $log =~ $pattern && $log !~ /Sanitizer|runtime error/, "$what: " . (split /\n/, $log)[-1]) }
mkdir "$dir/small/none";
system("truncate -s 0 $dir/small/none/v.db.lock");
fill();
refused(qr/the disk is full; make room, or name another file/, 'a new database on a full disk', "$dir/small/none/v.db");
system("truncate -s -450K $dir/small/others");
isnt(system("$build/vmexitctl import --database=$dir/small/new.db $dir/all.csv 2>$dir/import.err"), 0, 'an import ends where there is room for a beginning only');
like(slurp("$dir/import.err"), qr/there is no room for the database; --database names another file/, 'with words for it');
is_deeply([glob("$dir/small/new*")], [], 'and leaves nothing behind');
unlink "$dir/small/others";
is(system("mount -o remount,ro $dir/small"), 0, 'the disk is read-only');
refused(qr{cannot open \S*/v\.db\.lock: Read-only file system; name another}, 'on a read-only file system', $db);
}

unlike(slurp("$dir/daemon.log"), qr/Sanitizer|runtime error/, 'no sanitizer complained');
done_testing();
