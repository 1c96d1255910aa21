#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The host's side of VMs in an emulated host: KVM's debugfs, libvirt and its events,
# a QEMU that does not answer, and changes over the Unix socket.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Lab;
use Test::More;
use Time::HiRes qw(time sleep);

my $build = $ENV{BUILD} // "$FindBin::Bin/../build";
my $lab = Lab->new('hostside-test', '--no-guest', '--seconds', 600, '--memory', 160, '--file', "$build/vmexitctl",
		   '--agent-args', '--interval=200',
		   '--daemon-args', '-v --host-interval=500 --commit-interval=100 --channel=plain=/run/plain.sock');
ok($lab->{started}, 'the host is up') or do { diag($lab->lab('log')); done_testing(); exit 1 };

my $ctl = '/run/lab/host/vmexitctl';
sub run { my $out = $lab->exec($_[0]); return ($? >> 8, $out) }
# vmexitctl's answer as JSON, and its exit status.
sub ctl { my ($status, $out) = run("$ctl -j $_[0] 2>/dev/null"); return ($status, eval { decode_json($out) } // {}) }
sub number { my ($exits) = $lab->exec($_[0]) =~ /(\d+)/; return $exits }
sub host { return $lab->vm($_[0])->{host} // {} }

# The lab's domain under another name, without the channel; more devices in its place.
sub define { my ($name, $n, $devices) = @_;
	my $uuid = sprintf('76d86578-6974-4000-8000-%012d', $n);
	my ($status, $out) = run("sed -e 's#<name>.*</name>#<name>$name</name>#; s#<uuid>.*</uuid>#<uuid>$uuid</uuid>#; s#scratch.img#$n.img#; s#guest-console#$n-console#' " .
		"-e '/<channel/,/<.channel>/d' -e 's#<memballoon.*#&$devices#' /run/lab/guest.xml >/tmp/$n.xml && truncate -s 1M /var/lib/libvirt/$n.img && virsh -q define /tmp/$n.xml");
	is($status, 0, "domain '$name' is defined") or diag($out);
	return $uuid }

# ---- domains that do not run ----
my $odd = 'old & <odd>';
$lab->exec("sed -e 's#<name>.*</name>#<name>old \\&amp; \\&lt;odd\\&gt;</name>#; s#000000000001#000000000009#' -e '/<channel/,/<.channel>/d' /run/lab/guest.xml >/tmp/9.xml; virsh -q define /tmp/9.xml");
my $vm = $lab->wait_for(20, sub { my $v = $lab->vm($odd); $v->{id} && $v });
is($vm && $vm->{state}, 'stopped', 'a domain is there from its definition on');
$lab->exec("virsh -q domrename '$odd' 'new & <odd>'");
ok($lab->wait_for(20, sub { $lab->vm('new & <odd>')->{id} }), 'under its new name as soon as it is renamed');
is($lab->vm($odd)->{id}, undef, 'and not under the old');
$odd = 'new & <odd>';

# ---- a boot, read in debugfs ----
define('one', 11, '<controller type="virtio-serial" index="0"/>');
$lab->exec('virsh -q start one');
ok($lab->wait_for(60, sub { host('one')->{exits} }), 'a domain without a channel has host counters');
is($lab->vm('one')->{agent}, 'no-channel', 'and no agent');
is(host('one')->{via}, 'debugfs-reasons', 'they are read in debugfs, with reasons');
is(host('one')->{poll_exits}, 0, 'which causes no exits');
# A sample lies between two tables read by hand.
sub table { my ($n, $cycles, $idle) = (0, 0, 0);
	my ($text, $now) = split /^NOW /m, $lab->exec('cat /sys/kernel/debug/kvm/$(cat /run/libvirt/qemu/one.pid)-*/exit_reasons; date +"NOW %s.%N"');
	while ($text =~ /^0x[0-9a-f]+ \S+ (\d+) (\d+) (\d+)$/mg) { $n += $1; $cycles += $2 }
	return ($n, $cycles, $now) }
my $between = 0;
for my $round (1 .. 2) {
	my ($n, $cycles, $now) = table();
	my $row = $lab->wait_for(20, sub { my ($r) = $lab->csv('one', "source=host&from=" . ($now + 0.05)); $r }) // {};
	my ($n2, $cycles2) = table();
	my $good = $row->{exits} && $n <= $row->{exits} && $row->{exits} <= $n2 && $cycles <= $row->{handling_cycles} && $row->{handling_cycles} <= $cycles2;
	diag("$n <= $row->{exits} <= $n2, $cycles <= $row->{handling_cycles} <= $cycles2") unless $good;
	$between += !!$good;
}
is($between, 2, 'exits and cycles lie between two tables read by hand');
my @rows = $lab->csv('one', 'source=host');
my @steps = sort { $a <=> $b } map { $rows[$_]{epoch_s} - $rows[$_ - 1]{epoch_s} } 1 .. $#rows;
cmp_ok($steps[@steps / 2], '<', 0.3, sprintf('while it boots every 0.2 s (median of %d: %.3f s)', scalar @steps, $steps[@steps / 2]));
cmp_ok($rows[-1]{away_cycles}, '>=', $rows[-1]{handling_cycles}, 'cycles away hold those of handling');
like($rows[-1]{idle_cycles}, qr/^\d+$/, 'idle ones are known, too');
my $reasons = $lab->json('/api/v1/vms/one/reasons?source=host');
my ($all, %count) = (0, map { $_->{name} => $_->{count} } @{ $reasons->{reasons} // [] });
$all += $_ for values %count;
cmp_ok(scalar keys %count, '>=', 5, "exits by reason without an agent: @{[sort keys %count]}") or diag(explain($reasons));
ok(abs($all - host('one')->{exits}) < 0.2 * $all, "which make its total ($all of " . host('one')->{exits} . ')');
ok($rows[-1]{tsc_khz} > 100_000, "cycles can be divided into time: the host's TSC is known");
ok(defined host('one')->{handling_share}, 'so there is a handling share without an agent');

# ---- attach and detach ----
my ($status, $answer) = ctl('attach one');
is_deeply([$status, $answer->{live}, $answer->{config}], [0, 'added', 'added'], 'attach: live and in the definition') or diag(explain($answer));
ok($lab->wait_for(60, sub { $lab->vm('one')->{agent} eq 'connected' }), 'the agent finds the channel while it runs');
ok($lab->wait_for(30, sub { ($lab->vm('one')->{guest} // {})->{exits} }), 'and its samples arrive');
is(scalar(@{ $lab->json('/api/v1/vms/one/boots')->{boots} }), 1, 'in the boot that there was');
is($lab->vm('one')->{quarantined}, undef, 'and the host believes them');
ok($lab->wait_for(30, sub { ($lab->csv('one', 'source=host'))[-1]{idle_cycles} > 0 }), 'the guest is idle at times, the host says so');
like($lab->exec("$ctl attach one"), qr/^running machine: it has the channel already\ndefinition: it has/, 'attach again: it says so');
like($lab->exec('virsh dumpxml --inactive one'), qr/org\.vmexit\.agent\.0/, "libvirt's definition has it");
($status, $answer) = ctl('detach one');
is_deeply([$status, $answer->{live}, $answer->{config}], [0, 'removed', 'removed'], 'detach') or diag(explain($answer));
ok($lab->wait_for(20, sub { $lab->vm('one')->{agent} eq 'no-channel' }), 'the channel is gone');
unlike($lab->exec('virsh dumpxml --inactive one; virsh dumpxml one'), qr/org\.vmexit/, 'from both');
is_deeply([(ctl('detach one'))[1]->@{'live', 'config'}], ['absent', 'absent'], 'detach again: it says so');
($status, $answer) = ctl('attach one');
is($answer->{live}, 'added', 'attached once more');
ok($lab->wait_for(60, sub { $lab->vm('one')->{agent} eq 'connected' }), 'the agent finds it again');

define('bare', 12, '');
$lab->exec('virsh -q start bare');
($status, $answer) = ctl('attach bare');
is_deeply([$status, $answer->{live}, $answer->{config}], [1, 'failed', 'added'], 'a machine without a virtio-serial controller cannot have it while it runs, its definition can');
like($answer->{error}, qr/'bare' cannot be attached: it has no virtio-serial controller.*stopped and started again/, $answer->{error});
($status, $answer) = ctl(qq{attach '$odd'});
is_deeply([$status, $answer->{live}, $answer->{config}], [0, undef, 'added'], 'nor one that does not run');
($status, $answer) = ctl('attach plain');
like($answer->{error}, qr/no libvirt domain.*virtserialport/, 'nor one without libvirt') or diag(explain($answer));
is((run("$ctl attach nobody 2>&1"))[0], 1, 'nor one that is not there');
$lab->exec("chmod 666 /run/vmexit/api.sock");
like($lab->exec("setpriv --reuid=65534 --regid=65534 --clear-groups curl -s --unix-socket /run/vmexit/api.sock -d '{}' http://x/api/v1/vms/one/detach"), qr/"error":"only root/, 'nor by anybody, even where the socket is open to all');
$lab->exec("chmod 660 /run/vmexit/api.sock");

# ---- a QEMU that does not answer ----
# Host samples of a VM since then: how many, and the longest time without.
sub since { my ($name, $from) = @_;
	my @t = map { $_->{epoch_s} } $lab->csv($name, "source=host&from=$from");
	my ($longest) = sort { $b <=> $a } map { $t[$_] - $t[$_ - 1] } 1 .. $#t;
	return (scalar @t, $longest // 99) }
my $threads = 'ls /proc/$(cat /run/vmexitd.pid)/task | wc -l';
sub stick { my ($via) = @_;
	my $before = number($threads);
	my ($stopped) = $lab->exec('kill -STOP $(cat /run/libvirt/qemu/one.pid); date +%s.%N') =~ /([\d.]+)/;
	my $since = $lab->wait_for(30, sub { $lab->vm('one')->{stuck} });
	ok($since, "$via: a QEMU that is stopped is stuck");
	ok($since && $since > $stopped - 1 && $since < $stopped + 7, sprintf('since it was asked (%.1f s after it stopped)', ($since // 0) - $stopped));
	like($lab->exec("$ctl list"), qr/^one +running .* QEMU stuck since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:  .*)?$/m, 'vmexitctl list says so');
	is($lab->vm('bare')->{stuck}, undef, 'another is not');
	sleep 3;
	my ($n, $longest) = since('bare', $stopped);
	cmp_ok($longest, '<', 4, "whose counters go on ($n samples, at most $longest s apart)");
	cmp_ok(number($threads) - $before, '<=', 2, 'a thread or two wait for the one, not more');
	$lab->exec('kill -CONT $(cat /run/libvirt/qemu/one.pid)');
	ok($lab->wait_for(30, sub { !defined $lab->vm('one')->{stuck} }), 'it answers again');
	my ($now) = $lab->exec('date +%s.%N') =~ /([\d.]+)/;
	ok($lab->wait_for(20, sub { (since('one', $now))[0] >= 2 }), 'and its counters go on, too') }
stick('debugfs');

# ---- libvirtd ends and comes back ----
my $boot = $lab->json('/api/v1/vms/one/boots')->{boots}[0];
my ($gone) = $lab->exec('p=$(pidof libvirtd); kill $p; for i in $(seq 100); do [ -e /proc/$p ] || break; sleep 0.1; done; date +%s.%N') =~ /([\d.]+)/;
ok($lab->wait_for(20, sub { $lab->vm('one')->{state} eq 'unknown' }), 'without libvirtd the state is unknown');
sleep 2;
my ($n, $longest) = since('one', $gone);
ok($n >= 4 && $longest < 2, "counters in debugfs go on ($n samples)");
is($lab->vm('one')->{agent}, 'connected', 'and so does the agent');
$lab->exec('libvirtd -d');
ok($lab->wait_for(40, sub { $lab->vm('one')->{state} eq 'running' }), 'libvirtd is back, and the domain');
my $after = $lab->json('/api/v1/vms/one/boots')->{boots}[0];
is_deeply([@$after{'boot', 'opened', 'closed', 'cause'}], [@$boot{'boot', 'opened', 'closed', 'cause'}], 'in the same boot');

# ---- through libvirt ----
$lab->lab('daemon', 'stop');
$lab->exec(q{sed -i 's/^DAEMON_ARGS=.*/DAEMON_ARGS="-v --host-source=libvirt --host-interval=1000 --host-boot-seconds=0 --commit-interval=100"/' /run/lab/host/config});
$lab->lab('daemon', 'start');
ok($lab->wait_for(30, sub { (host('one')->{via} // '') eq 'libvirt' }), 'forced: counters come through libvirt');
my ($by_hand, $exits) = (number('cat /sys/kernel/debug/kvm/$(cat /run/libvirt/qemu/one.pid)-*/exits'), 0);
ok($lab->wait_for(20, sub { ($exits = host('one')->{exits}) && (since('one', $boot->{opened}))[0] && ($lab->csv('one', 'source=host'))[-1]{exits} >= $by_hand }), 'the same as in debugfs');
ok(($lab->csv('one', 'source=host'))[-1]{handling_cycles} > 0, "with libvirt's cycles of a patched host");
my $cost = $lab->wait_for(40, sub { my $c = host('one')->{poll_exits}; defined $c && [$c] });
ok($cost && $cost->[0] >= 0 && $cost->[0] < 100, 'what a reading costs is measured: ' . ($cost ? $cost->[0] : 'not') . ' exits');
is($lab->json('/api/v1/vms/one/boots')->{boots}[0]{boot}, $boot->{boot}, 'another source is no other boot');
stick('libvirt');

# ---- domains that end ----
$lab->exec('virsh -q destroy bare; virsh -q undefine bare');
ok($lab->wait_for(20, sub { $lab->vm('bare')->{state} eq 'stopped' }), 'a domain that is undefined is shown as stopped');
ok(scalar($lab->csv('bare', 'source=host')) > 10, 'with its samples');
$lab->exec('kill -9 $(cat /run/libvirt/qemu/one.pid)');
ok($lab->wait_for(20, sub { $lab->vm('one')->{state} eq 'stopped' }), 'kill -9 of a QEMU');
is($lab->vm('one')->{reason}, 'failed', 'is said to have failed');
$lab->lab('daemon', 'kill');
$lab->exec('virsh -q undefine one');
$lab->lab('daemon', 'start');
ok($lab->wait_for(20, sub { $lab->vm('one')->{state} eq 'stopped' }), 'one that was undefined while vmexitd was away is not left unknown');

# ---- plain QEMU ----
$lab->lab('daemon', 'stop');
$lab->exec(q{sed -i 's/^DAEMON_ARGS=.*/DAEMON_ARGS="-v --libvirt=off --host-interval=200 --commit-interval=100 --channel=plain=\/run\/plain.sock"/' /run/lab/host/config});
$lab->lab('daemon', 'start');
$lab->exec('setsid qemu-system-x86_64 -accel kvm -cpu host,-xsave -m 160 -display none -nodefaults -no-user-config -kernel /run/lab/guest/vmlinuz -initrd /run/lab/guest/initrd ' .
	   '-append "console=ttyS0 quiet lab.seconds=600 lab.agent=--interval=200" -serial file:/run/lab/plain.log -device virtio-serial ' .
	   '-chardev socket,id=vmexit,path=/run/plain.sock,server=on,wait=off -device virtserialport,chardev=vmexit,name=org.vmexit.agent.0 -pidfile /run/plain.pid -daemonize');
ok($lab->wait_for(30, sub { (host('plain')->{via} // '') eq 'debugfs-reasons' }), 'a QEMU without libvirt has host counters, by its socket');
my ($plain) = @{ $lab->json('/api/v1/vms/plain/boots')->{boots} };
is($plain->{cause}, 'created', 'from its creation on');
my ($began) = $lab->exec('echo $(($(date +%s) - $(ps -o etimes= -p $(cat /run/plain.pid))))') =~ /(\d+)/;
cmp_ok(abs($plain->{opened} - $began), '<', 2, 'which was when its process began');
if ($ENV{VMEXIT_LONG}) {
	ok($lab->wait_for(60, sub { ($lab->vm('plain')->{guest} // {})->{exits} }), 'and its agent');
	my @boots = @{ $lab->json('/api/v1/vms/plain/boots')->{boots} };
	ok(@boots == 1 && $boots[0]{sources}{host} && $boots[0]{sources}{guest}, 'both in one boot') or diag(explain(\@boots));
}
$lab->exec('kill -STOP $(cat /run/plain.pid)');
ok($lab->wait_for(20, sub { $lab->vm('plain')->{stuck} }), 'stopped, it is stuck');
$lab->exec('kill -CONT $(cat /run/plain.pid)');
ok($lab->wait_for(20, sub { !defined $lab->vm('plain')->{stuck} }), 'until it goes on');
$lab->exec('kill $(cat /run/plain.pid)');
ok($lab->wait_for(20, sub { $lab->vm('plain')->{agent} eq 'unreachable' }), 'it ends');

unlike($lab->log_of('daemon'), qr/error:(?!.*libvirt)|Sanitizer/, 'vmexitd had nothing else to complain of') or diag($lab->log_of('daemon'));
$lab->stop;
done_testing();
