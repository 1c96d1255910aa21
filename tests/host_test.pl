#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The whole chain in an emulated host with the patched KVM: a guest boots under
# libvirt with the agent in its initramfs, and every end of the chain is held
# against KVM's own counters.
use strict;
use warnings;
use Compress::Zlib qw(uncompress);
use FindBin;
use lib "$FindBin::Bin/lib";
use Lab;
use Test::More;
use Time::HiRes qw(time sleep);

my $build = $ENV{BUILD} // "$FindBin::Bin/../build";
my $long = $ENV{VMEXIT_LONG};
my $lab = Lab->new('host-test', '--no-guest', '--seconds', $long ? 8 : 3, '--rounds', 0, '--file', "$build/vmexitctl",
		   '--agent-args', '--interval=200 --boot-seconds=0 --cpu-budget=0 --exit-budget=0', '--daemon-args', '--host-interval=250 --commit-interval=200');
ok($lab->{started}, 'the host is up, with libvirtd and vmexitd') or do { diag($lab->lab('log')); done_testing(); exit 1 };

sub browser { my ($test, @args) = @_;
	my $out = qx($FindBin::Bin/browser/run $test --shots $build/shots/$test @args $lab->{url}/ 2>&1);
	my $ok = $? == 0;
	diag($out) unless $ok;
	my $n = () = $out =~ /^ok /mg;
	return ($ok, $n) }

my ($ok, $n) = browser('page', '--expect-empty');
ok($ok, "the page without a VM says what to do ($n checks)");

# ---- a boot ----
$lab->lab('guest', 'start');
is($?, 0, 'the guest starts');
ok($lab->wait_for(60, sub { ($lab->vm('guest')->{host} // {})->{exits} }), 'the host source counts from the firmware on');
ok($lab->wait_for(120, sub { ($lab->vm('guest')->{guest} // {})->{exits} }), 'the agent reports from its initramfs');
my $vm = $lab->vm('guest');
is($vm->{leaf}, 'yes', 'the leaf is there');
my ($boot) = @{ $lab->json('/api/v1/vms/guest/boots')->{boots} };
ok($boot->{complete} && $boot->{cause} eq 'created', 'the boot is known from its first exit');
ok($boot->{sources}{host}{from} < $boot->{sources}{guest}{from}, 'host samples begin before the agent can run');
ok($boot->{sources}{host}{from} - $boot->{opened} < 3, 'within seconds of the creation');

# An emulated processor crashes the nested guest now and then, mostly on a loaded
# machine; it boots again by itself, which is a boot of its own and no failure here.
sub boots { return @{ $lab->json('/api/v1/vms/guest/boots')->{boots} // [] } }
sub current { my ($b) = boots(); return $b // {} }

# ---- exits: the agent's against KVM's own, between two readings of it ----
sub debugfs { my ($exits, $now) = split ' ', $lab->exec('cat /sys/kernel/debug/kvm/*-*/exits; date +%s.%N'); return ($exits, $now) }
my ($worst, $checked) = (0, 0);
for my $round (1 .. ($long ? 30 : 5)) {
	my ($before, $t) = debugfs();
	# A sample surely taken after that reading: its time is known to some milliseconds.
	my $row = $lab->wait_for(20, sub { my ($r) = $lab->csv('guest', 'source=guest&from=' . ($t + 0.3)); $r });
	my ($after) = debugfs();
	next unless $row;
	$checked++ if $before <= $row->{exits} && $row->{exits} <= $after;
	diag("round $round: $before <= $row->{exits} <= $after") unless $before <= $row->{exits} && $row->{exits} <= $after;
	$worst = $after - $before if $after - $before > $worst;
}
is($checked, $long ? 30 : 5, "the agent's exits lie between KVM's own before and after (at most $worst apart)");

# ---- a round of workloads, then everything that was stored ----
ok($lab->wait_for(120, sub { $lab->log_of('guest') =~ /workload timers/ }), 'the guest goes through its workloads');
my $now = $lab->exec('date +%s');
chomp $now;
sleep 1;
my @rows = $lab->csv('guest', "to=$now");
# Counters belong to the VM: they go on over boots.
for my $source ('guest', 'host') {
	my @exits = map { $_->{exits} } grep { $_->{source} eq $source } @rows;
	ok(@exits > 20 && !(grep { $exits[$_] < $exits[$_ - 1] } 1 .. $#exits), "the $source\'s exits never go backwards (" . @exits . ' samples)');
}
my @cycles = map { $_->{handling_cycles} } grep { $_->{source} eq 'guest' } @rows;
ok($cycles[0] > 0 && !(grep { $cycles[$_] < $cycles[$_ - 1] } 1 .. $#cycles), 'nor do handling cycles');
my $columns = 'b.number, s.source, s.sequence, s.exits, s.handling_cycles, s.context_switches';
my $dump = $lab->sql("select $columns from sample s join boot b on b.id = s.boot where s.t_ns <= $now * 1000000000 order by b.number, s.source, s.t_ns") =~ tr/|/,/r . "\n";
my $from_csv = join '', map { join(',', $_->{boot}, $_->{source} eq 'host' ? 1 : 0, @$_{qw(sequence exits handling_cycles context_switches)}) . "\n" } @rows;
is($from_csv, $dump, 'the CSV holds exactly the stored samples');
my ($n_boot) = (sort { $b->{sources}{guest}{samples} <=> $a->{sources}{guest}{samples} } grep { $_->{sources}{guest} } boots())[0]->{boot};
diag('the guest crashed and booted again: ' . scalar(boots()) . ' boots') if boots() > 1;
my $series = $lab->json("/api/v1/vms/guest/series?kind=handling&boot=$n_boot&to=$now")->{series}[0];
ok(!(grep { $_ < 0 || $_ > 1 } @{ $series->{v} }), 'the handling share lies between 0 and 1');
my %work = (%{ $rows[0] }, map { $_->{source} eq 'guest' ? %$_ : () } @rows);
ok($work{disk_written_bytes} > 0 && $work{net_sent_bytes} > 0 && $work{context_switches} > 0, 'the workload stands beside the exits');

# ---- pictures of them ----
my $range = "boot=$n_boot&kind=count&source=guest&to=$now";
my $curve = $lab->json("/api/v1/vms/guest/series?$range")->{series}[0];
my $svg = $lab->get("/api/v1/vms/guest/graph.svg?$range")->{content};
# All lines in the guest's colour, without the key's sample that begins them.
my $path = join ' ', map { s/^M[\d.,]+ L[\d.,]+ (?=M)//r } $svg =~ /<path stroke='rgb\( 11,  98, 196\)'\s+d='([^']*)'/g;
my @y;
while ($path =~ /[ML]?\s*(-?[\d.]+),(-?[\d.]+)/g) { push @y, $2 }
# Two points for each interval; gnuplot leaves out what lies on a straight line.
my @v = @{ $curve->{v} };
my ($top_v) = sort { $b <=> $a } @v;
my ($low_v) = sort { $a <=> $b } @v;
my ($top_y, $low_y) = ((sort { $a <=> $b } @y)[0], (sort { $b <=> $a } @y)[0]);
my %drawn = map { sprintf('%.0f', $_) => 1 } @y;
my $absent = grep { my $y = $low_y + ($_ - $low_v) / ($top_v - $low_v) * ($top_y - $low_y);
	!grep { $drawn{ sprintf('%.0f', $y + $_) } } -1, 0, 1 } @v;
ok(@y >= 20 && $absent == 0, 'graph.svg draws every interval of the series at its height (' . @v . ' intervals)');

sub png_pixels { my $png = shift;
	my ($w, $h, $depth, $type) = unpack('x16NNCC', $png);
	my ($data, $at) = ('', 8);
	while ($at < length $png) {
		my ($len, $name) = unpack("x${at}NA4", $png);
		$data .= substr($png, $at + 8, $len) if $name eq 'IDAT';
		$at += 12 + $len;
	}
	$data = uncompress($data);
	my $bpp = $type == 6 ? 4 : 3;
	my ($stride, @before) = ($w * $bpp, (0) x ($w * $bpp));
	my %count;
	for my $row (0 .. $h - 1) {
		my ($filter, @line) = unpack("x" . $row * ($stride + 1) . "C" . ($stride + 1), $data);
		for my $i (0 .. $stride - 1) {
			my ($a, $b, $c) = ($i >= $bpp ? $line[$i - $bpp] : 0, $before[$i], $i >= $bpp ? $before[$i - $bpp] : 0);
			my $p = $a + $b - $c;
			my ($pa, $pb, $pc) = (abs($p - $a), abs($p - $b), abs($p - $c));
			my $add = (0, $a, $b, ($a + $b) >> 1, $pa <= $pb && $pa <= $pc ? $a : $pb <= $pc ? $b : $c)[$filter];
			$line[$i] = ($line[$i] + $add) & 255;
		}
		$count{ sprintf '%02x%02x%02x', @line[$_ * $bpp .. $_ * $bpp + 2] }++ for 0 .. $w - 1;
		@before = @line;
	}
	return ($w, $h, \%count) }
my ($w, $h, $colours) = png_pixels($lab->get("/api/v1/vms/guest/graph.png?boot=$n_boot&width=640&height=320")->{content});
is("$w x $h", '640 x 320', 'graph.png has the size asked for');
# Lines are antialiased; a colour counts when it is near.
sub near { my ($r, $g, $b) = map { hex } $_[0] =~ /../g; my $n = 0;
	for my $c (keys %$colours) { my @c = map { hex } $c =~ /../g; $n += $colours->{$c} if abs($c[0] - $r) + abs($c[1] - $g) + abs($c[2] - $b) < 90 }
	return $n }
ok(near('0b62c4') > 50 && near('c2540a') > 50, 'and both curves in it');

# ---- the page ----
my $daemon = "$FindBin::Bin/../scripts/lab/lab daemon --dir $lab->{dir}";
($ok, $n) = browser('page', '--vm', 'guest', '--live', '--stop', "'$daemon stop'", '--start', "'$daemon start'");
ok($ok, "the page outlives vmexitd's end, and does all else it should ($n checks)");
for my $view ('overview', 'boot') {
	($ok, $n) = browser($view, $view eq 'overview' ? () : ('--vm', 'guest', '--live', '--reasons'));
	ok($ok, "its view $view of a VM that runs ($n checks)");
}
($ok, $n) = browser('explore', '--vm', 'guest', '--live');
ok($ok, "its view explore ($n checks)");
# It may have a word on the gap of vmexitd's absence.
ok($lab->wait_for(60, sub { $lab->exec('/run/lab/host/vmexitctl list') =~ /^guest +running +connected +\d+ .* guest(  .*)?$/m }), 'vmexitctl in the host');
my $top = $lab->exec('/run/lab/host/vmexitctl top --batch -n 2 -d 1 guest');
ok(2 == (() = $top =~ /^(?:hlt|HLT) +[\d.,]+/mg), 'vmexitctl top, of its exit reasons') or diag($top);
my $report = $lab->exec('/run/lab/host/vmexitctl report guest');
ok($report =~ /^VM exits of guest, boot \d+\n/ && $report =~ /^Exits by reason\n/m && $report =~ /^hlt +[\d,]+ /m, 'vmexitctl report') or diag($report);

# ---- kill -9 of the daemon and of the guest ----
my $before = current();
$lab->lab('daemon', 'kill');
sleep 2;
$lab->lab('daemon', 'start');
ok($lab->wait_for(60, sub { my ($b) = grep { $_->{boot} == $before->{boot} } boots(); $b && $b->{sources}{guest}{samples} > $before->{sources}{guest}{samples} + 15 }), 'after kill -9 vmexitd goes on in the same boot');
my @guest = grep { $_->{source} eq 'guest' } $lab->csv('guest', "boot=$before->{boot}");
my ($hole) = sort { $b <=> $a } map { $guest[$_]{uptime_s} - $guest[$_ - 1]{uptime_s} } 1 .. $#guest;
ok($hole < 2, "with the samples taken meanwhile (longest interval $hole s)");
$lab->lab('guest', 'kill');
ok($lab->wait_for(20, sub { $lab->vm('guest')->{state} eq 'stopped' }), 'kill -9 of the guest: it is shown as stopped');
my @kept = $lab->csv('guest', "boot=$before->{boot}");
ok(@kept >= @guest, 'and what it sent is kept');
my $last = current();
ok($last->{closed}, 'its boot is closed');
$lab->lab('guest', 'start');
ok($lab->wait_for(120, sub { my ($b) = grep { $_->{boot} == $last->{boot} + 1 } boots(); $b && $b->{complete} && ($b->{sources}{guest} // {})->{samples} }), 'the next start is a boot of its own, from zero');
my $count = boots();
$lab->lab('guest', 'reset');
ok($lab->wait_for(120, sub { my $b = current(); $b->{cause} eq 'reboot' && ($b->{sources}{guest} // {})->{samples} }), 'so is a reset, by its event');
($ok, $n) = browser('compare', '--ended', '--boots', join ',', map { "guest:$_->{boot}" } (grep { $_->{closed} && $_->{sources}{guest} } boots())[1, 0]);
ok($ok, "its boots beside each other ($n checks)");
($ok, $n) = browser('correlate', '--short', '--vm', 'guest', '--boot', $before->{boot});
ok($ok, "what goes along with its exits ($n checks)");
is(scalar(boots()), $count + 1, 'one for the reset and the firmware\'s own, which the agent\'s hello joins');
is($lab->sql('pragma integrity_check'), 'ok', 'the database is sound');
unlike($lab->log_of('daemon'), qr/error:/, 'vmexitd had nothing to complain of') or diag($lab->log_of('daemon'));

$lab->stop;
$lab->lab('status');
isnt($?, 0, 'lab stop leaves nothing running');
done_testing();
