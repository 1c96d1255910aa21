#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# vmexitctl doctor as a whole: with a daemon and without, with wrong settings, a full disk,
# wrong rights, VMs that lack something, as root and as another user; words and JSON.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Daemon;
use Frames;
use IO::Socket::UNIX;
use JSON::PP;
use POSIX ();
use Socket ();
use Test::More;
use Time::HiRes qw(time);

my $ctl = "$build/vmexitctl";
my $conf = "$dir/vmexitd.conf";
chmod(0755, $dir);

sub spew { my ($file, $text) = @_; open(my $h, '>', $file) or die "$file: $!"; print $h $text; close $h }

# A program's output, status and complaints; {as}: in another user's place.
sub run { my ($how, @words) = @_;
	unshift @words, 'setpriv', '--reuid=65534', '--regid=65534', '--clear-groups' if $how->{as};
	my $pid = open(my $pipe, '-|') // die "fork: $!";
	if ($pid == 0) {
		open(STDIN, '<', '/dev/null');
		open(STDERR, '>', "$dir/run.err");
		exec(@words) or POSIX::_exit(127);
	}
	local $/;
	my $out = <$pipe> // '';
	close $pipe;
	return { out => $out, status => $? >> 8, err => scalar slurp("$dir/run.err") } }
sub doctor { my $how = ref $_[0] ? shift : {}; return run($how, $ctl, '-s', "$dir/api.sock", 'doctor', "--config=$conf", @_) }
# What it finds as JSON, by check; of a VM's by "vm/check".
my $last;
sub findings { my $how = ref $_[0] ? shift : {};
	$last = doctor($how, '--json', @_);
	my $document = eval { decode_json($last->{out}) } // {};
	return { map { (defined $_->{vm} ? "$_->{vm}/" : '') . $_->{check} => $_ } @{ $document->{findings} // [] } } }
# Whether a check has a grade and, somewhere in its words, that; without a remedy nothing is a fault.
sub finds { my ($found, $check, $grade, $words, $name) = @_;
	my $f = $found->{$check} // {};
	my $all = join ' ', map { $f->{$_} // '' } qw(what why fix);
	my $right = ($f->{grade} // '') eq $grade && $all =~ $words && ($grade !~ /note|problem/ || (length($f->{why} // '') && length($f->{fix} // '')));
	return ok($right, $name) || diag(JSON::PP->new->pretty->canonical->encode({ asked => $check, found => $f })) }

# ---- nothing there ----
spew($conf, "database = $dir/v.db\nlisten = 127.0.0.1:$port\napi_socket = $dir/api.sock\nlibvirt = test:///default\n");
my $found = findings();
is($last->{status}, 1, 'no daemon: status 1');
is($last->{err}, '', 'and nothing said beside');
finds($found, 'socket', 'problem', qr/does not run.*no \Q$dir\E\/api\.sock/, 'it does not run, and how to start it');
finds($found, 'settings', 'ok', qr/valid/, 'its settings are valid');
finds($found, 'database', 'ok', qr/no \Q$dir\E\/v\.db yet/, 'a database is not there yet');
finds($found, 'room', 'ok', qr/MB are free/, 'and has room') if -d $dir && (qx(df -Pm $dir) =~ /\n\S+ +\d+ +\d+ +(\d+)/)[0] > 12000;
finds($found, 'libvirt', 'ok', qr/at test:\/\/\/default has 1 domain(?!s)/, 'libvirt is asked all the same');
finds($found, 'test/channel', 'note', qr/vmexitctl attach test/, 'and its domain has no channel');
is_deeply([grep { !exists $found->{$_} } qw(cpu kvm signing clock)], [], 'kernel and clock are looked at');
my $text = doctor();
like($text->{out}, qr/^Kernel\n.*^Daemon\n.*^Database\n.*^libvirt\n.*^Clock\n.*^VMs\n.*^\d+ problems?, \d+ notes?\.\n\z/ms, 'in words: by subject, and the sum');
like($text->{out}, qr/^  PROBLEM  vmexitd does not run\n {11}why: .+\n {11}fix: .+\n/m, 'a line each of what, why and what to do');
unlike($text->{out}, qr/\e/, 'without colours for a pipe');
is($text->{status}, 1, 'with the same status');
my $quiet = doctor('-q')->{out};
ok($quiet =~ /PROBLEM/ && $quiet !~ /^  ok /m, '--quiet: only what is not well');
is(doctor('a', 'b')->{status}, 2, 'wrong usage: status 2');

# ---- settings that are wrong ----
spew($conf, "database = $dir/v.db\nkeep_samples = never\n");
$found = findings();
finds($found, 'settings', 'problem', qr/keep_samples = 'never' is not an age.*line 2/, 'wrong settings: what and where');
is($last->{err}, '', 'said once, not on stderr as well');
unlink $conf;
finds(findings(), 'settings', 'problem', qr/cannot read \Q$conf\E: No such file/, 'settings that are not there');
spew($conf, "database = $dir/v.db\nlisten = 127.0.0.1:$port\napi_socket = $dir/api.sock\nlibvirt = test:///default\n");

# ---- a daemon that is well, and VMs that are not ----
my $qemu = listen_at('silent');
my $liar = listen_at('web');
ok(daemon('--channel=silent=' . "$dir/silent.sock", "--channel=web=$dir/web.sock", "--channel=away=$dir/none.sock"), 'a daemon');
my $peer = accept_at($liar);
syswrite($peer, hello2(pack('A16', 'web'), 1e12, generation => 7));
syswrite($peer, sample2($_ * 1_000_000, generation => 7, exits => 1000 * $_, handling => $_ * 1e6, host => int((time - 10 + $_) * 1e9))) for 1 .. 5;
ok(wait_for('libvirt', 20, sub { json('/api/v1/daemon')->{libvirt}{connected} && (vm('web')->{guest}{exits} // 0) > 0 && (vm('away')->{agent} // '') eq 'unreachable' }), 'has seen all of it');
$found = findings();
finds($found, 'socket', 'ok', qr/vmexitd is at \Q$dir\E\/api\.sock/, 'it is found');
finds($found, 'version', 'ok', qr/process $running{daemon}, as user/, 'which it is');
finds($found, 'health', 'ok', qr/stored/, 'samples are stored');
finds($found, 'page', 'ok', qr/http:\/\/127\.0\.0\.1:$port\//, 'the page answers');
finds($found, 'database', 'ok', qr/\Q$dir\E\/v\.db/, 'its database is one');
finds($found, 'test/channel', 'note', qr/vmexitctl attach test/, 'a domain without a channel');
finds($found, 'test/host', 'note', qr/no counters/, 'nor counters');
finds($found, 'silent/agent', 'note', qr/no agent answers/, 'a channel without an agent');
finds($found, 'away/agent', 'problem', qr/cannot open its channel.*channel = NAME=SOCKET/, 'a channel that cannot be opened');
finds($found, 'web/agent', exists $found->{'web/agent'} && $found->{'web/agent'}{grade} eq 'note' ? 'note' : 'ok', qr/agent/, 'an agent');
finds($found, 'web/leaf', 'ok', qr/sees its own exits/, 'with the leaf');
$found = findings('web');
is_deeply([grep { m{^(?!web/).*/} } keys %$found], [], 'of one VM: no other');
ok($found->{'web/leaf'} && $found->{kvm}, 'with the host around it');
finds(findings('nobody'), 'known', 'problem', qr/no VM 'nobody'.*vmexitctl list/, 'no such VM');

# A guest that lies.
syswrite($peer, sample2(6_000_000, generation => 7, exits => 10, handling => 1, host => int((time - 3) * 1e9)));
ok(wait_for('the quarantine', 20, sub { vm('web')->{quarantined} }), 'a counter falls');
finds(findings('web'), 'web/quarantine', 'problem', qr/not believed \(fell\).*--source=host/, 'which is said');

# ---- another user ----
SKIP: {
	skip 'only root can be another user', 10 if $> != 0;
	$found = findings({ as => 1 });
	finds($found, 'socket', 'note', qr/may not open \Q$dir\E\/api\.sock/, 'another user may not open the socket');
	finds($found, 'health', 'ok', qr/stored/, 'and asks the page instead');
	finds($found, 'silent/agent', 'note', qr/no agent/, 'which knows the VMs');
	finds($found, 'database', 'unseen', qr/v\.db/, 'what cannot be looked at is said to be so');
	like(doctor({ as => 1 })->{out}, qr/not looked at \(root sees more: sudo vmexitctl doctor\)\.\n\z/, 'and who could');
	chmod(0600, $conf);
	finds(findings({ as => 1 }), 'settings', 'unseen', qr/may not read/, 'nor the settings');
	chmod(0644, $conf);
	like(run({ as => 1 }, $ctl, '-s', "$dir/api.sock", 'list')->{err}, qr/this user may not open \Q$dir\E\/api\.sock; use sudo, or 'usermod -aG vmexit USER'/, 'other commands say the same');
	for (['backup', "--database=$dir/v.db", "$dir/copy.db"], ['sql', "--database=$dir/v.db", 'SELECT 1']) {
		my $r = run({ as => 1 }, $ctl, @$_);
		ok($r->{status} == 1 && $r->{err} =~ /cannot read \Q$dir\E\/v\.db: Permission denied; root can, or --database names another/, "$_->[0], too") or diag($r->{err});
	}
	chmod(0644, "$dir/v.db");
	finds(findings(), 'mode', 'note', qr/chmod o= \Q$dir\E\/v\.db/, 'a database that everybody can open');
	chmod(0640, "$dir/v.db");
}
chmod(0666, "$dir/api.sock");
finds(findings(), 'socket-mode', 'note', qr/mode 0666/, 'a socket that is open to all');
chmod(0660, "$dir/api.sock");

# ---- a daemon that is not well ----
rename("$dir/v.db", "$dir/gone.db");
ok(wait_for('its illness', 20, sub { $http->get("$url/healthz")->{status} == 503 }), 'the database is moved away');
$found = findings();
finds($found, 'health', 'problem', qr/stores nothing.*removed or replaced/, 'which is said');
finds($found, 'database', 'problem', qr/is gone while vmexitd has it open.*put it back/, 'twice');
rename("$dir/gone.db", "$dir/v.db");
ok(wait_for('its health', 20, sub { $http->get("$url/healthz")->{status} == 200 }), 'and put back');
kill('STOP', $running{daemon});
finds(findings(), 'answers', 'problem', qr/takes too long.*systemctl restart vmexitd/, 'a daemon that hangs');
kill('CONT', $running{daemon});
stop('daemon', 'KILL');
finds(findings(), 'socket', 'problem', qr/nobody is behind.*did not end well/, 'one that was killed');

# ---- a name that a terminal would obey, and a shell ----
is(system('sqlite3', "$dir/v.db", q{UPDATE vm SET name = char(27) || '[2J; rm -rf ~' || char(7, 155) || '31m' || char(8238) WHERE name = 'web'}), 0, 'a hostile name');
start('daemon', "$build/vmexitd", "--config=$conf", '--listen=off', '--libvirt=off');
ok(wait_for('it', 20, sub { findings('web')->{socket}{grade} eq 'ok' && findings('web')->{health} }), 'a daemon without a page');
$text = doctor('web');
unlike($text->{out}, qr/[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae/, 'is harmless');
like($text->{out}, qr/\?\[2J; rm -rf ~/, 'and there');
unlike($text->{out}, qr/(vmexitctl|virsh).*rm -rf/, 'and not in a command');
finds(findings(), 'page', 'note', qr/switched off/, 'the page is switched off, says the daemon');
stop('daemon', 'TERM');

# ---- a daemon in other hands: root shall not run or open what its user says ----
spew($conf, "libvirt = off\nlisten = off\ndatabase = $dir/v.db\napi_socket = $dir/liar.sock\n");
spew("$dir/evil", "#!/bin/sh\ntouch $dir/ran\n");
chmod(0755, "$dir/evil");
my %lies = ('/healthz' => { status => 'ok', version => '0' },
	'/api/v1/daemon' => { database => '/dev/full', listen => undef, libvirt => { uri => "test+ext:///default?command=$dir/evil", connected => JSON::PP::true } });
my $liars = IO::Socket::UNIX->new(Local => "$dir/liar.sock", Listen => 8) or die "liar.sock: $!";
my $lying = fork // die "fork: $!";
if ($lying == 0) {
	alarm 60;
	while (my $client = $liars->accept) {
		while (my $line = <$client>) {
			my ($path) = $line =~ m{^GET (\S+)} or next;
			my $body = encode_json($lies{$path} // {});
			print $client "HTTP/1.1 200 OK\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
			$client->flush;
		}
	}
	POSIX::_exit(0);
}
$found = { map { $_->{check} => $_ } @{ decode_json(run({}, $ctl, '-s', "$dir/liar.sock", 'doctor', "--config=$conf", '--json')->{out})->{findings} } };
ok(!-e "$dir/ran", 'a program that a URI names is not run');
finds($found, 'libvirt', 'ok', qr/switched off/, 'libvirt is as the settings have it');
finds($found, 'database', 'problem', qr{/dev/full is no database}, 'what is no file is not opened');
kill('TERM', $lying);
waitpid($lying, 0);
close($liars);

# ---- a disk that is full ----
SKIP: {
	skip 'only root mounts', 3 if $> != 0;
	mkdir "$dir/small";
	skip 'mounting is not possible here', 3 if system("mount -t tmpfs -o size=8m none $dir/small 2>/dev/null") != 0;
	spew($conf, "database = $dir/small/v.db\nlibvirt = off\nlisten = off\n");
	$found = findings();
	finds($found, 'room', 'problem', qr/disk is full.*keep_samples/, 'a disk that is too small');
	finds($found, 'file-system', 'note', qr/tmpfs/, 'and forgets');
	finds($found, 'libvirt', 'ok', qr/switched off/, 'without libvirt');
	system("umount $dir/small");
}

# ---- a libvirt that is not there ----
spew($conf, "libvirt = qemu+unix:///system?socket=$dir/no-libvirt\ndatabase = $dir/v.db\n");
finds(findings(), 'libvirt', 'problem', qr/cannot be reached.*systemctl enable --now libvirtd/, 'no libvirt');

# ---- what the sources say of it ----
my ($lines) = slurp("$FindBin::Bin/../daemon/ctl/doctorkernel.c") =~ /^static const char \*const series\[\] = \{ (.*) \};/m;
is_deeply([sort $lines =~ /"([\d.]+)"/g], [sort map { m{([^/]+)$} } glob("$FindBin::Bin/../kernel/series/*")], 'it knows the kernels that there are patches for');

unlike(slurp("$dir/daemon.log"), qr/Sanitizer|runtime error/, 'and no sanitizer complained');
done_testing();
