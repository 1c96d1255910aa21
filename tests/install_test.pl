#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# make install, as for another distribution: what it places, what it leaves alone, and make uninstall.
use strict;
use warnings;
use File::Temp qw(tempdir);
use FindBin;
use Test::More;

my $top = "$FindBin::Bin/..";
my $root = tempdir('vmexit-install-XXXXXX', TMPDIR => 1, CLEANUP => 1);

# What make is told by who runs this is not for these.
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL DESTDIR PREFIX)};
sub make { my $said = qx(make -s -C $top @_ DESTDIR=$root PREFIX=/opt/x 2>&1); return ok($? == 0, "make @_") || diag($said) }
sub slurp { open(my $f, '<', "$root/$_[0]") or return ''; local $/; return <$f> // '' }
sub files { my @files = split /\n/, qx(cd $root && find . -type f -printf '%P\n'); return sort @files }

make('install');
my %is = map { $_ => 1 } files();
ok($is{$_}, "there is $_") for qw(opt/x/sbin/vmexitd opt/x/bin/vmexitctl opt/x/sbin/vmexit-agent opt/x/lib/vmexit/vmexit.so opt/x/lib/systemd/system/vmexitd.service
	opt/x/lib/sysusers.d/vmexit.conf opt/x/lib/udev/rules.d/70-vmexit-agent.rules opt/x/share/man/man8/vmexitd.8 etc/vmexit/vmexitd.conf
	etc/initramfs-tools/hooks/vmexit-agent etc/initramfs-tools/scripts/init-top/vmexit-agent);
like(slurp('opt/x/lib/systemd/system/vmexitd.service'), qr{^ExecStart=/opt/x/sbin/vmexitd$}m, 'units have the prefix');

# Who may not change groups: usermod's own status for that is the one that says that something is new.
mkdir "$root/commands";
for (['getent', 0], ['grep', 1], ['usermod', 10]) {
	open(my $command, '>', "$root/commands/$_->[0]") or die "commands: $!";
	print $command "#!/bin/sh\nexit $_->[1]\n";
	close $command;
	chmod(0755, "$root/commands/$_->[0]");
}
{ local $ENV{PATH} = "$root/commands:$ENV{PATH}"; is(system("$root/opt/x/lib/vmexit/vmexitd-join") >> 8, 1, 'a group that cannot be joined is a failure') }
unlink glob("$root/commands/*");

# An upgrade.
open(my $conf, '>>', "$root/etc/vmexit/vmexitd.conf") or die "vmexitd.conf: $!";
print $conf "keep_samples = 3d\n";
close $conf;
make('install');
like(slurp('etc/vmexit/vmexitd.conf'), qr/^keep_samples = 3d$/m, 'a configuration that is there stays');

make('uninstall');
is_deeply([files()], ['etc/vmexit/vmexitd.conf'], 'and is all that stays');
done_testing();
