#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The way of a user with a Debian KVM host: an emulated one with its own systemd, libvirt as
# it comes and the patched modules where DKMS puts them; vmexitd from the packages that
# these sources make. Who may what, what is seen with which rights, and that what ends in
# between comes back without a loss.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use DebHost;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time sleep);

my $top = "$FindBin::Bin/..";
chomp(my $packages = qx($top/scripts/deb));
my @debs = map { glob("$packages/${_}_*.deb") } 'vmexitd', 'vmexit-sqlite3';
is(scalar @debs, 2, 'the packages of daemon and extension are there') or do { done_testing(); exit 1 };
my $host = DebHost->new('debhost-test', map { ('--file', $_) } @debs);
ok($host->{started}, 'the host takes commands') or do { diag($host->lab('log')); done_testing(); exit 1 };
sub run { my $out = $host->exec(@_); chomp $out; return $out }
sub run_ok { my ($what, @command) = @_; my $out = run(@command); ok($? == 0, $what) or diag($out); return $out }
# Text of a unit's property.
sub property { my ($name, $unit) = @_; return run('systemctl show -P ' . $name . ' ' . ($unit // 'vmexitd.service')) }
sub journal { return run("journalctl -q --no-pager -o cat -u vmexitd $_[0]") }

ok($host->wait_for(120, sub { run('systemctl is-system-running') eq 'running' }), 'all its services run')
	or diag(run('systemctl --failed --no-pager; systemctl list-jobs --no-pager'));

# ---- installation, as README says ----
my $begin = time;
run_ok('apt installs them', 'cd /run/lab/host && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install ./vmexit*.deb', 180);
if ($?) { done_testing(); exit 1 }
diag(sprintf 'installed in %.0f s', time - $begin);
is(property('ActiveState'), 'active', 'vmexitd runs at once');
is(run('systemctl is-enabled vmexitd.service vmexitd.socket | sort -u'), 'enabled', 'and will after the next boot');
like(property('StatusText'), qr{^serving http://127\.0\.0\.1:20479/ from /var/lib/vmexit/vmexit\.db$}, 'systemctl status says where');
is(run('ps -o user= -p $(pidof vmexitd)'), 'vmexit', 'as user vmexit');
is(run('id -Gn vmexit'), 'vmexit libvirt libvirt-qemu', 'in the groups of libvirt');
is(run('grep -h ^Cap /proc/$(pidof vmexitd)/status | tr -d "\t0" | cut -d: -f2 | sort -u'), '', 'without a capability');
is(run('stat -c "%A %U %G" /run/vmexit/api.sock /var/lib/vmexit /var/lib/vmexit/vmexit.db /etc/vmexit/vmexitd.conf'),
   "srw-rw---- vmexit vmexit\ndrwxr-x--- vmexit vmexit\n-rw-r----- vmexit vmexit\n-rw-r--r-- root root", 'modes of socket, database and configuration');
my ($exposure) = run('systemd-analyze --no-pager security vmexitd') =~ /exposure level for vmexitd\.service: ([\d.]+)/;
ok(defined $exposure && $exposure <= 2, 'systemd-analyze security: ' . ($exposure // 'nothing'));

# ---- who may ask ----
run_ok('two users', 'useradd -m -G vmexit ann && useradd -m bob');
like(run('vmexitctl list'), qr/^NAME +STATE/, 'vmexitctl list, as root');
like(run('runuser -u ann vmexitctl list'), qr/^NAME +STATE/, 'as a member of group vmexit');
my $refused = run('runuser -u bob vmexitctl list');
ok($? != 0 && $refused =~ /usermod -aG vmexit USER/, 'others are told what they lack') or diag($refused);
is(run('runuser -u bob -- curl -s -o /dev/null -w "%{http_code}" http://127.0.0.1:20479/'), '200', 'but may look at the page');

# ---- from outside, as through ssh -L, and under another name ----
sub named { return qx(curl -s -m 20 -H 'Host: vmexit.example' $host->{url}/) }
run_ok('the port is forwarded', 'systemd-run -q --unit=forward systemd-socket-activate -l 10.0.2.15:20479 /lib/systemd/systemd-socket-proxyd 127.0.0.1:20479');
ok($host->wait_for(20, sub { $host->get('/')->{content} =~ /<title>/ }), 'the page is there');
like(named(), qr/allowed_hosts of vmexitd\.conf/, 'another name is refused, and the setting is named');
run_ok('which is set', "sed -i 's/^#allowed_hosts =.*/allowed_hosts = vmexit.example/' /etc/vmexit/vmexitd.conf && systemctl restart vmexitd");
like(named(), qr/<title>/, 'then the page is there, too');

# ---- a guest with an agent ----
run_ok('a domain is defined and started', <<'END', 120);
set -e
install -D -m 644 -t /var/lib/libvirt/boot /run/lab/host/guest/vmlinuz /run/lab/host/guest/initrd
truncate -s 64M /var/lib/libvirt/images/scratch.img
virsh -q define /run/lab/host/guest/guest.xml
virsh -q start guest
END
ok($host->wait_for(60, sub { $host->vm('guest')->{host}{exits} }), 'its exits are counted from the firmware on');
is($host->vm('guest')->{host}{via}, 'libvirt', 'through libvirt');
like(journal(''), qr{/sys/kernel/debug/kvm cannot be read: Permission denied; .* without exit reasons; PRIVILEGES in vmexitd\(8\)}, 'and why there are no reasons is said');
ok($host->wait_for(90, sub { $host->vm('guest')->{guest}{exits} }), 'its agent comes through the socket of libvirt-qemu');
is($host->vm('guest')->{leaf}, 'yes', 'and reads the leaf');

# ---- ends in between ----
sub samples { my ($query) = @_;
	my ($head, @lines) = split /\r\n/, $host->get("/api/v1/vms/guest/samples.csv?boot=1&source=guest$query")->{content};
	my @names = split /,/, $head // '', -1;
	return map { my %row; @row{@names} = split /,/, $_, -1; \%row } @lines }
run_ok('vmexitd is stopped for a while', 'systemctl stop vmexitd.service; sleep 6');
like(run('vmexitctl list'), qr/^guest +running/m, 'vmexitctl starts it again, by its socket');
my $uptime = run('cut -d. -f1 /proc/uptime');
ok($host->wait_for(60, sub { my $vm = $host->vm('guest'); $vm->{agent} eq 'connected' && $vm->{guest}{t} > time - 3 }), 'and the agent goes on');
my @uptimes = sort { $a <=> $b } map { $_->{uptime_s} } samples('');
my ($hole) = sort { $b <=> $a } map { $uptimes[$_] - $uptimes[$_ - 1] } 1 .. $#uptimes;
ok(@uptimes > 20 && $hole < 4, sprintf('without a sample lost (%d samples, longest interval %.1f s)', scalar @uptimes, $hole));
run_ok('libvirtd is restarted', 'systemctl restart libvirtd', 90);
ok($host->wait_for(60, sub { $host->vm('guest')->{state} eq 'running' && journal('') =~ /is gone, will reconnect/ }), 'the guest is known to run again');
is($host->vm('guest')->{boot}, 1, 'in the same boot');

# ---- the rights that each group gives ----
like(run_ok('a member may change something', 'runuser -u ann vmexitctl detach guest && runuser -u ann vmexitctl attach guest', 90), qr/running machine: channel removed.*running machine: channel added/s, 'the channel is removed and added while it runs');
ok($host->wait_for(60, sub { my $vm = $host->vm('guest'); $vm->{agent} eq 'connected' && $vm->{guest}{t} > time - 3 }), 'and the agent finds it');
run_ok('vmexit is no member of libvirt any more', 'gpasswd -d vmexit libvirt && gpasswd -d vmexit libvirt-qemu && systemctl restart vmexitd');
sub triggered { return 'dpkg-trigger --by-package=libvirt-daemon-system --no-await /etc/libvirt/libvirtd.conf && dpkg --configure -a' }
run_ok('nor is that overruled by an upgrade of libvirt', triggered() . ' && ! id -Gn vmexit | grep -q libvirt');
like(run('vmexitctl detach guest'), qr/cannot connect to libvirt for a change \(PRIVILEGES in vmexitd\(8\)/, 'then a change is refused, with the remedy');
ok($host->wait_for(30, sub { $host->vm('guest')->{agent} eq 'unreachable' }), 'its channel cannot be reached');
like($host->vm('guest')->{error}, qr/Permission denied; see PRIVILEGES in vmexitd\(8\)/, 'and why');
like(journal(''), qr/'guest': cannot connect to .*Permission denied; see PRIVILEGES/, 'in the journal, too');
my $count = $host->vm('guest')->{host}{exits};
ok($host->wait_for(30, sub { $host->vm('guest')->{host}{exits} > $count }), 'while the host goes on counting');
run_ok('as when libvirt is installed later', 'rm /var/lib/misc/vmexitd.groups && ' . triggered());
is(run('id -Gn vmexit'), 'vmexit libvirt libvirt-qemu', 'it is a member again');
ok($host->wait_for(60, sub { $host->vm('guest')->{agent} eq 'connected' }), 'and the agent is back');

# ---- exit reasons of the host ----
run_ok('the drop-in for debugfs', <<'END');
set -e
mkdir -p /etc/systemd/system/vmexitd.service.d
cp /usr/share/doc/vmexitd/examples/debugfs.conf /etc/systemd/system/vmexitd.service.d/
systemctl daemon-reload
systemctl restart vmexitd
END
ok($host->wait_for(30, sub { ($host->vm('guest')->{host}{via} // '') eq 'debugfs-reasons' }), 'exit reasons come from debugfs');
# The way of a reading is told before it is committed.
my $reasons = $host->wait_for(30, sub { my $list = $host->json('/api/v1/vms/guest/reasons?source=host')->{reasons} // []; @$list > 3 && $list });
ok(@{ $reasons // [] } > 3, 'of the host: ' . join(', ', map { $_->{name} // $_->{number} // '?' } @{ $reasons // [] }[0 .. 2]));
is(run('grep -h ^Cap /proc/$(pidof vmexitd)/status | tr -d "\t0" | cut -d: -f2 | sort -u'), '', 'still without a capability');
is(run('nsenter -t $(pidof vmexitd) -m ls /sys/kernel/debug'), 'kvm', 'and nothing else of debugfs');

# ---- what vmexitctl doctor says of all this ----
my $doctor = $host->wait_for(30, sub { my $found = eval { decode_json(run('vmexitctl doctor --json 2>/dev/null')) }; $found && !$found->{problems} && $found }) // {};
diag(run('vmexitctl doctor'));
is_deeply([map { "$_->{check}: $_->{what}" } grep { $_->{grade} eq 'problem' } @{ $doctor->{findings} // [{ grade => 'problem', check => 'doctor', what => 'nothing' }] }], [], 'vmexitctl doctor finds no problem');
my %check = map { $_->{check} => $_ } @{ $doctor->{findings} // [] };
is_deeply([map { "$_ " . ($check{$_}{grade} // '-') } qw(cpu kvm telemetry debugfs socket libvirt database)], [map { "$_ ok" } qw(cpu kvm telemetry debugfs socket libvirt database)], 'and each part well');
like(run('runuser -u bob vmexitctl doctor'), qr/usermod -aG vmexit/, 'who may not use the socket is told how to');

# ---- what else has to work in the sandbox ----
like($host->get('/api/v1/vms/guest/graph.svg')->{content}, qr{^<\?xml.*</svg>\s*$}s, 'graphs are drawn');
like(run_ok('vmexitctl sql, by vmexit-sqlite3', 'vmexitctl sql "SELECT count(*) > 20 FROM sample"'), qr/^1$/m, 'has samples');
run_ok('vmexitctl backup', 'vmexitctl backup /root/copy.db && [ -s /root/copy.db ]');
is(run('journalctl -q --no-pager -o cat -u vmexitd -p err'), '', 'the journal has no error of vmexitd');
is(run('journalctl -q --no-pager -k | grep -iE "(denied|audit.*sig=31).*vmexit"'), '', 'nor a denial of the kernel');
is(run('systemctl --failed --no-legend'), '', 'no service failed');
diag('its warnings: ', run('journalctl -q --no-pager -o cat -u vmexitd -p warning'));
done_testing();
