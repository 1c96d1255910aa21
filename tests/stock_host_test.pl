#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The same programs against Debian's own KVM modules: clear words, and no exits
# invented for the guest; the host's view works all the same. Then the ways of README.md from
# there: the patched modules and back, and a VM of plain QEMU.
use strict;
use warnings;
use Cwd qw(abs_path);
use FindBin;
use lib "$FindBin::Bin/lib";
use Lab;
use Test::More;

my $top = abs_path("$FindBin::Bin/..");
my $build = $ENV{BUILD} // "$top/build";
my $lab = Lab->new('stock-host-test', '--modules', 'stock', '--file', "$top/kernel/swap-modules", '--file', "$build/vmexitctl", '--seconds', 2, '--agent-args', '--interval=200 --boot-seconds=0 --cpu-budget=0 --exit-budget=0',
		   '--daemon-args', '--host-interval=250 --commit-interval=200');
ok($lab->{started}, 'the host is up with its stock KVM') or do { diag($lab->lab('log')); done_testing(); exit 1 };
ok($lab->wait_for(120, sub { ($lab->vm('guest')->{guest} // {})->{t} }), 'the agent reports');
my $vm = $lab->vm('guest');
is($vm->{leaf}, 'no', 'that there is no leaf');
is($vm->{guest}{exits}, undef, 'so the guest has no exits');
is($vm->{guest}{handling_share}, undef, 'and no handling share');
ok($vm->{host}{exits} > 1000, 'the host source counts on a stock KVM');
ok($lab->wait_for(60, sub { my @r = $lab->csv('guest', 'source=guest'); @r > 20 }), 'the workload comes all the same');
my @rows = $lab->csv('guest', 'source=guest');
is(scalar(grep { $_->{exits} ne '' || $_->{handling_cycles} ne '' } @rows), 0, 'no row of the guest has exits or cycles');
ok($rows[-1]{context_switches} > 0, 'every row has the workload');
is_deeply([map { "$_->{source} $_->{kind}" } @{ $lab->json('/api/v1/vms/guest/series?boot=1')->{series} }], ['host count'], 'the only curve is the host\'s count');
my @said = $lab->log_of('guest') =~ /(vmexit-agent: warning: .*)/g;
is(scalar(grep { /host does not count exits.*lacks the vmexit series.*sending the workload without exits/ } @said), 1, 'the agent says so, once') or diag($lab->log_of('guest'));
my $out = qx($FindBin::Bin/browser/run boot --vm guest --shots $ENV{BUILD}/shots/stock $lab->{url}/ 2>&1);
is($?, 0, 'the page shows it as such') or diag($out);
like($lab->exec('/run/lab/host/vmexitctl report guest 2>&1'), qr/counted by the host.*\nfirmware .*Exits are not known by reason\. That needs the kernel series/s, 'the report is of what the host counted, and says what lacks');

# ---- the patched modules, and back ----
# What the distribution's kernel package would have in /lib/modules.
chomp(my ($image, $release, $patched) = map { scalar qx($top/kernel/build-modules $_) } '--what image', '--what release', '');
my $host = "$lab->{dir}/host";
my $modules = "lib/modules/$release";
system("mkdir -p $host/patched $host/stock/$modules/kernel && cp $patched/*.ko $host/patched/ && cd $image/$modules && " .
       "cp --parents kernel/arch/x86/kvm/kvm.ko kernel/arch/x86/kvm/kvm-amd.ko kernel/drivers/crypto/ccp/ccp.ko kernel/virt/lib/irqbypass.ko modules.order modules.builtin modules.builtin.modinfo $host/stock/$modules/ && " .
       "depmod -b $host/stock $release") == 0 or BAIL_OUT('no modules');
sub swap { my $out = $lab->exec("bash /run/lab/host/swap-modules $_[0] 2>&1"); return $out }
my $load = 'load --stock /run/lab/host/stock /run/lab/host/patched';
like(swap($load), qr/KVM is in use, nothing was changed. End these first:\n\s+process \d+, .*guest "guest"/, 'while a VM runs, its name is said and nothing is changed');
sub restart_guest { my $why = shift;
	my $boots = @{ $lab->json('/api/v1/vms/guest/boots')->{boots} };
	$lab->lab('guest', 'start');
	ok($lab->wait_for(120, sub { @{ $lab->json('/api/v1/vms/guest/boots')->{boots} } > $boots && ($lab->vm('guest')->{leaf} // '') ne 'unknown' && ($lab->vm('guest')->{guest} // {})->{t} }), $why) or diag($lab->log_of('guest')) }
$lab->lab('guest', 'stop');
like(swap($load), qr/the patched KVM is loaded; back: kernel\/swap-modules unload/, 'without one the patched KVM is loaded, and the way back is said');
restart_guest('a VM that is started then reports');
is($lab->vm('guest')->{leaf}, 'yes', 'and has the leaf');
ok($lab->wait_for(30, sub { ($lab->vm('guest')->{guest}{exits} // 0) > 1000 }), 'its own exits');
ok($lab->vm('guest')->{host}{handling_share} , 'and the host cycles');
my $report = $lab->exec('/run/lab/host/vmexitctl report guest 2>&1');
like($report, qr/firmware.*kernel/s, 'the report has phases') or diag($report);
like($report, qr/\b(NPF|IOIO|HLT|CPUID|MSR|INTR)\b/i, 'and exit reasons') or diag($report);
$lab->lab('guest', 'stop');
like(swap('unload --stock /run/lab/host/stock'), qr/the distribution's modules are loaded|distribution/, 'the distribution\'s modules are back');
restart_guest('a VM that is started then reports');
is($lab->vm('guest')->{leaf}, 'no', 'and has no leaf');
$lab->lab('guest', 'stop');

# ---- plain QEMU, as README.md has it ----
my ($arguments) = do { local (@ARGV, $/) = "$top/README.md"; <> =~ /^\t+(-device virtio-serial .*\\\n.*)$/m };
ok($arguments, 'README.md says how');
open(my $script, '>', "$host/plain") or die;
print $script "qemu-system-x86_64 -name plain -accel kvm -cpu host,-xsave -m 256 -nodefaults -display none -kernel /run/lab/guest/vmlinuz -initrd /run/lab/guest/initrd \\\n",
	" -append 'console=ttyS0 quiet lab.rounds=1 lab.seconds=2 lab.agent=--interval=200' -serial file:/run/lab/plain.log \\\n $arguments </dev/null >/run/lab/plain-qemu.log 2>&1 &\n",
	"kill \$(cat /run/vmexitd.pid); while kill -0 \$(cat /run/vmexitd.pid) 2>/dev/null; do sleep 0.1; done\n",
	". /run/lab/host/config\n/run/lab/host/vmexitd --listen 127.0.0.1:\$PORT --database /run/plain.db --libvirt=off --channel=plain=/run/vm.sock >/run/lab/plain-vmexitd.log 2>&1 &\n";
close $script;
$lab->exec('bash /run/lab/host/plain');
ok($lab->wait_for(120, sub { ($lab->vm('plain')->{guest} // {})->{t} }), 'the agent in a VM of plain QEMU reports') or diag(map { "$_\n" } qx(tail -n 20 $lab->{dir}/plain*.log));
ok($lab->wait_for(30, sub { ($lab->vm('plain')->{host}{exits} // 0) > 1000 }), 'and the host counts its exits');
$lab->stop;
done_testing();
