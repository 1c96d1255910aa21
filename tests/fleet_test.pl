#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Remote write into real receivers that are killed and come back, as vmexitd itself is and does:
# in the end they hold every sample that is stored, once, and nothing else.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Daemon;
use Receivers;
use Test::More;
use Time::HiRes qw(time sleep);

my $db = "$dir/v.db";
my $at = free_port();
my $write = "http://127.0.0.1:$at/api/v1/write";
my $hours = 4;
my @names = map { {} } 0 .. 2;	# of reasons, by namespace

sub fresh { my $with_history = shift;
	unlink glob("$db*");
	return unless $with_history;
	history("$dir/history.csv", $hours);
	is(system("$build/vmexitctl import --database $db $dir/history.csv >$dir/import.log 2>&1"), 0, "$hours hours of two VMs are stored") or diag(slurp("$dir/import.log")) }
my @options;
sub vmexitd { return daemon('--libvirt=off', "--channel=guest=$dir/guest.sock", '--host-source=debugfs', "--remote-write=$write", '--remote-write-host=h1', '--remote-write-interval=1',
	@options, @_) }
sub remote { return json('/api/v1/remote') }

# All is sent, and stays so for as long as samples take to settle.
sub settled { my ($seconds) = @_;
	my $sent = -1;
	my $since = time;
	return wait_for('all to be sent', 60, sub {
		my $r = remote();
		return 0 if ($r->{state} // '') ne 'sending';
		($sent, $since) = ($r->{sent_samples}, time) if $r->{sent_samples} != $sent;
		return time - $since > $seconds }) }
sub positions { my %p = map { ("$_->[0] $_->[1]" => "$_->[2] $_->[3]") } sql($db, 'SELECT vm, source, boot, sequence FROM sent WHERE boot > 0'); return \%p }
sub ends { my %p = map { ("$_->[0] $_->[1]" => "$_->[2] $_->[3]") } sql($db, 'SELECT m.id, s.source, max(b.number), max(s.sequence) FROM sample s JOIN main.boot b ON b.id = s.boot JOIN main.vm m ON m.id = b.vm'
	. ' WHERE b.number = (SELECT max(number) FROM boot x JOIN sample y ON y.boot = x.id AND y.source = s.source WHERE x.vm = b.vm) GROUP BY 1, 2'); return \%p }
sub want { return stored($db, 'h1', \@names, @_) }
sub increase { my ($rows) = @_;
	my ($sum, $before) = (0);
	for (sort { $a <=> $b } keys %$rows) {
		my $v = $rows->{$_}[0];
		$sum += !defined $before ? 0 : $v >= $before ? $v - $before : $v;
		$before = $v;
	}
	return $sum }

# ---- VictoriaMetrics ----
fresh(1);
@options = ('--remote-write-from=all', '--remote-write-settle=6', '--remote-write-resolution=0', '--remote-write-labels=dc=north,rack=7');
ok(vmexitd(), 'vmexitd serves, and nobody takes its samples');
for my $namespace (1, 2) {
	$names[$namespace]{ $_->{number} } = $_->{name} for @{ json('/api/v1/reasons')->{ ('vmx', 'svm')[$namespace - 1] } };
}
connect_guest('A' x 16);
guest_samples(30);
ok(wait_for('a failure', 20, sub { remote()->{state} eq 'waiting' }), 'it waits: ' . (remote()->{error} // ''));
cmp_ok(remote()->{lag_s}, '>', 3600, 'with hours to be sent');
ok(victoria('victoria', $at), 'VictoriaMetrics comes');
ok(wait_for('samples', 20, sub { remote()->{sent_samples} > 1000 }), 'and takes samples');
stop('victoria', 'KILL');
guest_samples(20);
guest_acked();
ok(victoria('victoria', $at), 'it is killed, and comes back');
ok(wait_for('samples', 30, sub { remote()->{state} eq 'sending' }), 'all is sent');
guest_samples(20);
stop('daemon', 'KILL');
ok(vmexitd(), 'vmexitd is killed, and comes back');
connect_guest();
guest_samples(20);
ok(wait_for('samples', 30, sub { remote()->{state} eq 'sending' }), 'and sends');
stop('victoria', 'KILL');
ok(victoria('victoria', $at), 'it is killed between two requests');
guest_samples(20);
connect_guest('B' x 16);
guest_samples(20);
guest_acked();
ok(settled(8), 'all is sent, and has settled');
compare(held_by_victoria($at), want(dc => 'north', rack => 7), 'VictoriaMetrics');
# What was sent last waits for what was sent before it: twice the time, and a commit.
my $ends = ends();
wait_for('it to settle', 30, sub { my $p = positions(); keys %$p == keys %$ends && !grep { ($p->{$_} // '') ne $ends->{$_} } keys %$ends });
is_deeply(positions(), $ends, 'the database knows that all of it is there');
my $r = remote();
is_deeply([@$r{qw(refused_samples lost_samples error)}], [0, 0, ''], 'nothing was refused, nothing lost');
cmp_ok($r->{sent_bytes} / $r->{sent_values}, '<', 14, sprintf('%.2f bytes a value on the wire', $r->{sent_bytes} / $r->{sent_values}));
my $log = slurp("$dir/daemon.log");
my @said = $log =~ /remote write: (no answer|goes on after)/g;
is($said[0] . '|' . $said[1], 'no answer|goes on after', 'the log says once that nobody answers, and once that it goes on');
unlike($log, qr/remote write: (no answer).*\n.*remote write: no answer/, 'not each time');

# The increase of a VM's exits is that of the last life, and of what was seen of the one before.
my $held = held_by_victoria($at);
for my $vm ('one', 'two') {
	my $id = "vmexit_exits_total{dc=north,host=h1,name=name of $vm,rack=7,source=host,vm=$vm}";
	my ($first, $last) = @{ (sql($db, "SELECT min(exits), max(exits) FROM sample s JOIN main.boot b ON b.id = s.boot JOIN main.vm m ON m.id = b.vm WHERE m.key = '$vm' AND source = 1 AND life = 'life/1'"))[0] };
	my ($all) = @{ (sql($db, "SELECT max(exits) FROM sample s JOIN main.boot b ON b.id = s.boot JOIN main.vm m ON m.id = b.vm WHERE m.key = '$vm' AND source = 1 AND life = 'life/2'"))[0] };
	is(increase($held->{$id} // {}), $last - $first + $all, "increases of '$vm' add up over boots");
}
stop('daemon', 'TERM');
stop('victoria', 'TERM');

# ---- Prometheus, which takes what is later than its last only ----
# What it took is on its disk, as far as a kill goes: nothing need be sent again.
fresh(1);
@options = ('--remote-write-from=all', '--remote-write-settle=0', '--remote-write-resolution=0');
ok(prometheus('prometheus', $at), 'Prometheus serves');
ok(vmexitd(), 'vmexitd sends to it');
connect_guest('C' x 16);
guest_samples(10);
ok(wait_for('samples', 20, sub { remote()->{sent_samples} > 500 }), 'it takes samples');
stop('prometheus', 'KILL');
guest_samples(20);
ok(prometheus('prometheus', $at), 'it is killed, and comes back');
ok(wait_for('samples', 40, sub { remote()->{state} eq 'sending' }), 'all is sent');
for (1 .. 2) {
	guest_samples(30);
	stop('daemon', 'KILL');
	vmexitd();
	connect_guest();
	guest_samples(10);
}
guest_acked();
ok(settled(3), 'vmexitd is killed twice; all is sent');
compare(held_by_prometheus($at, $hours + 1), want(), 'Prometheus without a window');
is(remote()->{lost_samples}, 0, 'nothing was lost');
stop('daemon', 'TERM');

# Another host has hours to tell, of which it takes none that is an hour older than its last.
fresh(1);
@options = ('--remote-write-from=all', '--remote-write-host=h2', '--remote-write-settle=0', '--remote-write-resolution=0');
ok(vmexitd(), 'another host comes late');
ok(wait_for('samples', 30, sub { remote()->{state} eq 'sending' }), 'what is too old for it ends, too');
my ($old, $recent) = (remote(), (time - 3300) * 1000);
cmp_ok($old->{refused_samples}, '>', 3000, "$old->{refused_samples} samples are refused");
cmp_ok($old->{requests}, '<', $old->{refused_samples} / 2, "by $old->{requests} requests");
my %part = (is => held_by_prometheus($at, $hours + 1), should => stored($db, 'h2', \@names));
for my $which (values %part) {
	delete @$which{grep { !/host=h2/ } keys %$which};
	delete @{ $which->{$_} }{grep { $_ < $recent } keys %{ $which->{$_} }} for keys %$which;
	delete @$which{grep { !%{ $which->{$_} } } keys %$which};
}
compare(@part{'is', 'should'}, 'of the last 55 minutes');
stop('daemon', 'TERM');
stop('prometheus', 'KILL');

# ---- and with a window: what is sent again is the same ----
fresh(0);
@options = ('--remote-write-from=all', '--remote-write-settle=2', '--remote-write-resolution=0');
ok(prometheus('window', $at, '12h'), 'Prometheus serves, with a window for what is late');
ok(vmexitd(), 'vmexitd sends to it');
connect_guest('D' x 16);
for (1 .. 2) {
	guest_samples(50);
	stop('window', 'KILL');
	guest_samples(10);
	prometheus('window', $at, '12h');
	guest_samples(20);
	stop('daemon', 'KILL');
	vmexitd();
	connect_guest();
}
guest_samples(10);
guest_acked();
ok(settled(5), 'both are killed twice; all is sent');
compare(held_by_prometheus($at, 1), want(), 'Prometheus with a window');
is_deeply([@{ remote() }{qw(refused_samples lost_samples)}], [0, 0], 'it refused nothing');
stop('daemon', 'TERM');
stop('window', 'TERM');

done_testing();
