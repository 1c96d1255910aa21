#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The release and the Debian packages made of it: installed, used, upgraded, removed and purged in
# a clean Debian 12, in namespaces of its own and without a network. VMEXIT_LONG=1 has DKMS build
# the modules there, and makes release and packages a second time.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use FindBin;
use POSIX ();
use Test::More;
use Time::HiRes qw(time sleep);

my $top = abs_path("$FindBin::Bin/..");
my $tmp = tempdir('vmexit-packages-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $root = "$tmp/root";
my $long = $ENV{VMEXIT_LONG};
my ($holder, $inside);
my $owner = $$;
END { if ($$ == $owner && $holder) { my $status = $?; kill('KILL', $inside // (), $holder); waitpid($holder, 0); $? = $status } }

sub slurp { my $f = shift; open(my $h, '<', $f) or return ''; local $/; return <$h> }
sub spew { my ($f, $text) = @_; open(my $h, '>', $f) or die "$f: $!"; print $h $text; close($h) or die "$f: $!" }
# A command of this machine: its output, and whether it succeeded in $?.
sub run { my @command = @_;
	my $pid = open(my $pipe, '-|') // die "fork: $!";
	exec_to_out(@command) if $pid == 0;
	local $/;
	my $out = <$pipe> // '';
	close($pipe);
	return $out }
sub exec_to_out { open(STDERR, '>&', \*STDOUT); open(STDIN, '<', '/dev/null'); exec(@_) or POSIX::_exit(127) }

# ---- the clean Debian ----
# A layer over it, in memory, in namespaces that end with this test.
sub start_root { my $tree = shift;
	mkdir $root;
	pipe(my $from, my $to);
	$holder = fork() // die "fork: $!";
	if ($holder == 0) {
		open(STDOUT, '>&', $to);
		exec(qw(unshare --mount --pid --net --uts --ipc --fork --kill-child --propagation private sh -ec), '
			read -r pid rest </proc/self/stat
			mount -t tmpfs layer "$1" && mkdir "$1/up" "$1/work" "$1/m"
			mount -t overlay -o "lowerdir=$2,upperdir=$1/up,workdir=$1/work" overlay "$1/m"
			mount -t proc proc "$1/m/proc"
			mount -t tmpfs run "$1/m/run"
			mount --bind "$3" "$1/m/mnt"
			ip link set lo up
			hostname clean
			echo $pid
			exec sleep 3600 >/dev/null', 'sh', $root, $tree, "$tmp/share") or POSIX::_exit(127);
	}
	close($to);
	$inside = <$from>;
	chomp $inside if defined $inside;
	return $inside }

sub namespaces { return ('nsenter', '-t', $inside, qw(-m -p -n -u -i)) }
# A shell command in it, as root.
sub in_root { my $command = shift;
	return run(namespaces(), 'chroot', "$root/m", qw(env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
		HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive sh -c), $command) }
sub ok_in_root { my ($command, $what) = @_;
	my $out = in_root($command);
	my $good = $? == 0;
	ok($good, $what) or diag($out);
	return $good ? $out : '' }
sub apt { my ($words, $what) = @_;
	my $out = ok_in_root("apt-get -y -q -o Dpkg::Use-Pty=0 -o DPkg::Path= $words </dev/null", $what);
	my @complaints = grep { /\b(error|warning|failed|cannot|not found|no such)\b/i && !/^W: Download is performed unsandboxed|^update-initramfs|debconf: / } split /\n/, $out;
	is_deeply(\@complaints, [], '... and nothing complains');
	return $out }
sub files { my %is = map { $_ => 1 } split /\n/, in_root(q{find / -xdev \( -path /proc -o -path /run -o -path /mnt -o -path /tmp \) -prune -o -print}); return \%is }

# ---- the packages ----
sub package_file { my ($debs, $name) = @_; my ($file) = glob("$debs/${name}_*.deb"); return $file }

# The same package as of another version, with what a sub does to its files.
sub reversioned { my ($deb, $version, $change) = @_;
	my $dir = "$tmp/again";
	system('rm', '-rf', $dir);
	system('dpkg-deb', '-R', $deb, $dir) == 0 or die "dpkg-deb -R $deb: $?";
	spew("$dir/DEBIAN/control", slurp("$dir/DEBIAN/control") =~ s/^Version: .*/Version: $version/mr);
	$change->($dir) if $change;
	my ($name) = $deb =~ m{([^/_]+)_[^/]*$};
	my $file = "$tmp/share/${name}_$version.deb";
	run('dpkg-deb', '--root-owner-group', '-b', $dir, $file);
	return '/mnt/' . ($file =~ s{.*/}{}r) }

my @names = qw(vmexitd vmexit-agent vmexit-sqlite3 vmexit-kvm-dkms);
my ($version) = slurp("$top/daemon/version.h") =~ /VMEXIT_VERSION "(.*)"/;
my $configuration = '/etc/vmexit/vmexitd.conf';
my $database = '/var/lib/vmexit/vmexit.db';

# What systemd is told, by scripts that believe that it runs.
sub with_systemd {
	spew("$tmp/share/systemctl", qq(#!/bin/sh\necho "\$*" >>/tmp/systemctl.log\n[ "\$1" != is-enabled ] || echo enabled\n));
	in_root('install -m 755 /mnt/systemctl /usr/local/bin/systemctl; mkdir -p /run/systemd/system; : >/tmp/systemctl.log') }
sub without_systemd { in_root('rm -rf /usr/local/bin/systemctl /run/systemd'); }
sub told { return in_root('cat /tmp/systemctl.log') }

# ---- a release ----
sub check_release {
	my @made = map { chomp(my $file = run("$top/scripts/dist", "$tmp/$_")); $file } 'first', 'second';
	like($made[0], qr{/vmexit-\Q$version\E\.tar\.xz$}, 'make dist makes a tarball of this version');
	is(system('cmp', '-s', @made), 0, 'equal sources give an equal one');
	my %in = map { $_ => 1 } split /\n/, run('tar', '-tJf', $made[0]);
	my @lacks = grep { !$in{"vmexit-$version/$_"} } 'debian/control', 'COPYING', map { "web/vendor/uplot/$_" } qw(dist/uPlot.esm.js dist/uPlot.min.css LICENSE package.json);
	is_deeply(\@lacks, [], 'uPlot and its licence are in it');
	run('tar', '-C', $tmp, '-xJf', $made[0]);
	like(run("$tmp/vmexit-$version/scripts/dist"), qr/no git checkout/, 'an unpacked one cannot make another, and says why');
	isnt($?, 0, '... with a status');
	check_release_builds("$tmp/vmexit-$version") if $long }

# Offline and without npm; its programs run.
sub check_release_builds { my $dir = shift;
	my $out = run('unshare', '-n', 'env', '-u', 'BUILD', '-u', 'MAKEFLAGS', '-u', 'MAKELEVEL', 'VMEXIT_CACHE=/nonexistent', 'make', '-C', $dir, '-j2', 'install', "DESTDIR=$tmp/dest", 'PREFIX=/opt/v');
	is($?, 0, 'it builds and installs without a network') or diag($out);
	like(run("$tmp/dest/opt/v/bin/vmexitctl", '--version'), qr/\Q$version\E/, 'its programs run');
	like(slurp("$tmp/dest/opt/v/lib/systemd/system/vmexitd.service"), qr{^ExecStart=/opt/v/sbin/vmexitd}m, 'the unit names the program where it is');
	like(run("$tmp/dest/opt/v/bin/vmexitctl", 'sql', '--database', $tmp . '/none.db', 'SELECT 1'), qr/none\.db/, 'vmexitctl sql has its extension');
	run('make', '-C', $dir, 'uninstall', "DESTDIR=$tmp/dest", 'PREFIX=/opt/v');
	is(run('find', "$tmp/dest", '-type', 'f'), "$tmp/dest$configuration\n", 'uninstall leaves the configuration only') }

sub check_reproducible { my $debs = shift;
	mkdir "$tmp/cache";
	symlink(($ENV{VMEXIT_CACHE} // ($ENV{XDG_CACHE_HOME} // "$ENV{HOME}/.cache") . '/vmexit') . '/npm', "$tmp/cache/npm");
	local $ENV{VMEXIT_CACHE} = "$tmp/cache";
	my ($again) = grep { -d } split /\n/, run("$top/scripts/deb");
	my @differ = grep { system('cmp', '-s', package_file($debs, $_), package_file($again, $_)) != 0 } @names;
	is_deeply(\@differ, [], 'packages made again are equal') }

# ---- what is installed ----
sub check_files {
	is(in_root("dpkg -V @names"), '', 'all files are as the packages have them');
	my @strange = grep { !/^[-dl]\S+ root root / || /^-....(w|...w)/ } split /\n/, in_root("dpkg -L @names | sort -u | grep -e vmexit | xargs -d '\\n' stat -c '%A %U %G %n'");
	is_deeply(\@strange, [], 'they are root\'s, and only root may write them');
	my %mode = ('/usr/sbin/vmexitd' => 755, '/usr/bin/vmexitctl' => 755, '/usr/sbin/vmexit-agent' => 755, '/usr/lib/vmexit/vmexit.so' => 644, $configuration => 644,
		(map { ("/lib/systemd/system/$_" => 644) } qw(vmexitd.service vmexitd.socket vmexit-agent.service)), '/lib/udev/rules.d/70-vmexit-agent.rules' => 644,
		'/usr/share/initramfs-tools/hooks/vmexit-agent' => 755, '/usr/share/initramfs-tools/scripts/init-top/vmexit-agent' => 755, '/usr/lib/sysusers.d/vmexit.conf' => 644,
		'/usr/share/bash-completion/completions/vmexitctl' => 644, '/usr/share/zsh/vendor-completions/_vmexitctl' => 644, (map { m{([^/]+)$} ? ("/usr/share/doc/vmexitd/examples/$1" => 644) : () } grep { !/_test\.yml$/ } glob("$top/daemon/systemd/*.conf $top/daemon/metrics/*.json $top/daemon/metrics/*.yml")),
		map { my ($page) = m{([^/]+)$}; my ($section) = /(\d)$/; ("/usr/share/man/man$section/$page.gz" => 644) } glob("$top/daemon/*.[578] $top/daemon/*/*.[17] $top/guest-agent/*.[58] $top/guest-agent/shared/*.7"));
	my %got = map { reverse split / /, $_, 2 } split /\n/, in_root("stat -c '%a %n' @{[sort keys %mode]}");
	is_deeply(\%got, \%mode, 'programs, units, man pages, completions and examples have their places');
	like(in_root('zcat /usr/share/man/man7/vmexit-sql.7.gz'), qr{\.load /usr/lib/vmexit/vmexit'}, 'a man page names vmexit.so where it is') }

sub check_programs {
	like(in_root("$_ --version"), qr/\Q$version\E/, "$_ runs") for qw(vmexitd vmexitctl);
	like(in_root("$_ --help"), qr/^usage/i, "$_ --help") for qw(vmexitd vmexitctl vmexit-agent);
	isnt(in_root('vmexit-agent read'), '', 'vmexit-agent says what it reads, or why not') }

sub check_user {
	my @entry = split /:/, in_root('getent passwd vmexit');
	is_deeply([@entry[5, 6]], ['/var/lib/vmexit', "/usr/sbin/nologin\n"], 'there is a user vmexit, who cannot log in');
	is(in_root('id -nG vmexit'), "vmexit\n", 'of one group, where there is no libvirt');
	my $libvirt = "$tmp/libvirt";
	system('mkdir', '-p', "$libvirt/DEBIAN", "$libvirt/etc/libvirt");
	spew("$libvirt/etc/libvirt/libvirtd.conf", '');
	spew("$libvirt/DEBIAN/control", "Package: libvirt-daemon-system\nVersion: 900\nArchitecture: all\nMaintainer: test <test\@localhost>\nDescription: test\n");
	spew("$libvirt/DEBIAN/postinst", "#!/bin/sh\nset -e\ngroupadd -r libvirt\ngroupadd -r libvirt-qemu\n");
	chmod(0755, "$libvirt/DEBIAN/postinst");
	run('dpkg-deb', '--root-owner-group', '-b', $libvirt, "$tmp/share/libvirt.deb");
	apt('install --no-install-recommends /mnt/libvirt.deb', 'libvirt is installed later');
	is(join(' ', sort split ' ', in_root('id -nG vmexit')), 'libvirt libvirt-qemu vmexit', 'then it has libvirt\'s groups') }

sub check_units {
	is(in_root('systemctl is-enabled vmexitd.service vmexitd.socket vmexit-agent.service'), "enabled\n" x 3, 'the units are enabled');
	is(in_root('systemd-analyze verify --man=no vmexitd.service vmexitd.socket vmexit-agent.service 2>&1'), '', 'systemd has nothing to say against them') }

sub check_initramfs { my $there = shift;
	my $list = in_root('lsinitramfs /boot/initrd.img-*');
	is(scalar(() = $list =~ m{^(?:usr/)?(?:sbin|scripts/init-top)/vmexit-agent$}mg), $there ? 2 : 0, $there ? 'the initramfs has the agent, and starts it' : 'the initramfs has no agent') }

sub check_dkms { my $deb = shift;
	my $made = run("$top/kernel/make-dkms-source", "$tmp/dkms");
	system('dpkg-deb', '-x', $deb, "$tmp/dkmsdeb");
	is(run('diff', '-r', '-x', 'COPYING', "$tmp/dkms/vmexit-kvm-dkms-$version", "$tmp/dkmsdeb/usr/src/vmexit-kvm-$version"), '', 'the package of modules has what make dkms-source makes');
	my $kernel = in_root('ls /lib/modules') =~ s/\n//r;
	if (!$long) {
		is(in_root('dkms status'), "vmexit-kvm/$version: added\n", 'DKMS knows the modules');
		return;
	}
	my $out = in_root("dkms install vmexit-kvm/$version -k $kernel");
	like(in_root('dkms status'), qr{^vmexit-kvm/\Q$version\E, \Q$kernel\E, x86_64: installed}m, 'DKMS built the modules') or diag($out, in_root('cat /var/lib/dkms/vmexit-kvm/*/build/make.log'));
	like(in_root("modinfo -k $kernel -p kvm"), qr/^exit_telemetry:/m, 'they have the series') }

# ---- vmexitd, as the unit would start it ----
my $daemon;
sub curl { my $path = shift; return run(namespaces(), qw(curl -sS --max-time 10), "http://127.0.0.1:20479$path") }
sub start_daemon {
	$daemon = fork() // die "fork: $!";
	if ($daemon == 0) {
		open(STDERR, '>', "$tmp/daemon.log");
		exec(namespaces(), 'chroot', "$root/m", qw(setpriv --reuid=vmexit --regid=vmexit --init-groups --inh-caps=-all --bounding-set=-all --no-new-privs sh -c), 'umask 027; echo $$ >/run/vmexit/pid; exec vmexitd') or POSIX::_exit(127);
	}
	my $end = time + 20;
	while (time < $end) {
		return 1 if curl('/healthz') ne '' && $? == 0;
		sleep 0.1;
	}
	return 0 }
sub stop_daemon { in_root('kill $(cat /run/vmexit/pid)'); waitpid($daemon, 0); return $? }
sub samples { return in_root("vmexitctl sql 'SELECT count(*), sum(exits) FROM samples'") }

sub prepare_data {
	system("gzip -dc $top/tests/data/trace-1hz/vmexit.db.gz >$tmp/share/v.db") == 0 or die "gzip: $?";
	in_root("install -d -o vmexit -g vmexit -m 750 /var/lib/vmexit /run/vmexit; install -o vmexit -g vmexit -m 640 /mnt/v.db $database");
	# A recording is as old as it is, and would expire.
	in_root("printf 'keep_%s = forever\\n' samples 10s 1min 10min 1h >>$configuration") }

sub check_daemon {
	ok(start_daemon(), 'vmexitd serves, as user vmexit with the installed configuration') or diag(slurp("$tmp/daemon.log"));
	like(curl('/'), qr/<title>vmexit/, 'the page is there');
	like(curl('/page.js'), qr/uPlot.*MIT/s, 'with uPlot and its licence');
	like(in_root('vmexitctl list'), qr/^guest\b/m, 'vmexitctl asks it');
	is(in_root("stat -c '%U %G %a' /run/vmexit/api.sock"), "vmexit vmexit 660\n", 'over a socket of the group\'s');
	my $count = samples();
	like($count, qr/^[1-9]\d*\|[1-9]\d*$/, 'vmexitctl sql has the samples as a table');
	is(stop_daemon(), 0, 'vmexitd ends as it should');
	return $count }

# ---- upgrades ----
# An administrator's change stays, nothing is asked, and data is as before.
sub check_upgrade { my ($deb, $count) = @_;
	in_root("echo '# of the administrator' >>$configuration");
	with_systemd();
	apt('install ' . reversioned($deb, '900'), 'an upgrade');
	my $told = told();
	without_systemd();
	like($told, qr/restart.* vmexitd\.service/, '... restarts vmexitd');
	unlike($told, qr/^(disable|mask)/m, '... and disables nothing');
	like(in_root("tail -1 $configuration"), qr/administrator/, 'it leaves a changed configuration');
	apt('-o Dpkg::Options::=--force-confold install ' . reversioned($deb, '901', sub { spew("$_[0]$configuration", slurp("$_[0]$configuration") . "# new\n") }), 'an upgrade to another configuration');
	like(in_root("tail -1 $configuration; tail -1 $configuration.dpkg-dist"), qr/administrator\n# new\n/, '... lays the new one beside it');
	ok(start_daemon(), 'vmexitd starts again') or diag(slurp("$tmp/daemon.log"));
	is(samples(), $count, 'with every sample');
	stop_daemon() }

sub check_old { my ($deb) = @_;
	my $old = reversioned($deb, '0.0.1', sub { spew("$_[0]$configuration", "# old\n") });
	apt("install --no-install-recommends $old", 'an older vmexitd is installed');
	is(in_root("cat $configuration"), "# old\n", 'with its configuration') }

sub check_remove { my $before = shift;
	with_systemd();
	apt("remove @names", 'removal');
	my $told = told();
	without_systemd();
	like($told, qr/stop.* \Q$_\E/, "... stops $_") for qw(vmexitd.service vmexitd.socket vmexit-agent.service);
	like(in_root("ls $database $configuration"), qr/^\Q$configuration\E\n\Q$database\E$/m, 'data and configuration stay');
	check_initramfs(0);
	is(in_root('dkms status'), '', 'DKMS does not know the modules any more');
	apt("purge @names libvirt-daemon-system", 'purge');
	my $after = files();
	# /lib is /usr/lib; readline's makes a file of its own.
	my %of_packages = map { $_ => 1, "/usr$_" => 1 } '/etc/inputrc', split /\n/, in_root('cat /var/lib/dpkg/info/*.list');
	my @left = grep { !$before->{$_} && !$of_packages{$_} && !m{^/var/(lib/dpkg/info|cache/(apt|ldconfig|debconf|fontconfig)|lib/apt|log)/} } sort keys %$after;
	is_deeply(\@left, [], 'nothing is left') or diag("@left");
	my @lost = grep { !$after->{$_} && !m{^/var/cache/apt/} } sort keys %$before;
	is_deeply(\@lost, [], 'and nothing else lost') }

check_release();
my $said = run("$top/scripts/deb");
my ($debs) = grep { -d } split /\n/, $said;
ok(defined $debs, 'make deb makes packages, and lintian has nothing to say against them') or BAIL_OUT($said);
my %deb = map { $_ => package_file($debs, $_) } @names;
is_deeply([grep { !defined $deb{$_} } @names], [], 'all four');
check_reproducible($debs) if $long;
mkdir "$tmp/share";
system('cp', (values %deb), "$tmp/share") == 0 or die "cp: $?";
$said = run("$top/scripts/lab/mkcleanroot", ($long ? '--kernel-source' : ()), values %deb);
my ($clean) = grep { -d } split /\n/, $said;
ok(defined $clean && start_root("$clean/tree"), 'a clean Debian to install them in') or BAIL_OUT($said);
my $before = files();
ok(keys %$before > 5000, '... whose files are known');
check_old($deb{vmexitd});
apt('install --no-install-recommends ' . join(' ', map { s{.*/}{/mnt/}r } values %deb), 'all are installed with what they depend on');
like(in_root("cat $configuration"), qr/^#database/m, 'the configuration is the new one');
check_files();
check_programs();
check_user();
check_units();
check_initramfs(1);
check_dkms($deb{'vmexit-kvm-dkms'});
prepare_data();
my $count = check_daemon();
check_upgrade($deb{vmexitd}, $count);
check_remove($before);
done_testing();
