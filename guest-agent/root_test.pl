#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The agent starts in an initramfs and the system goes over to its root, in namespaces
# of their own: its paths lead into the new root then, and it says when that was.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Socket::UNIX;
use Test::More;
use Time::HiRes qw(time sleep);

my $here = dirname(__FILE__);
my $build = $ENV{BUILD} // "$here/../build";
my $agent = "$build/vmexit-agent";
-x $agent or BAIL_OUT("there is no $agent; run make -C guest-agent, or set BUILD");

# Two roots in memory with this machine's programs; the first looks like an initramfs.
my $outer = <<'END';
set -e
root() {
	mkdir -p "$1"
	mount -t tmpfs tmpfs "$1"
	cd "$1"
	mkdir proc sys dev run usr etc shared
	cp -dR /bin /sbin /lib /lib64 .
	mount --rbind /usr usr
	mount --rbind /dev dev
	mount --bind "$dir/shared" shared
	cp "$agent" agent
}
root "$dir/old"
touch etc/initrd-release
mount -t tmpfs tmpfs run
mkdir put
printf '%s' "$inner" > init
pivot_root . put
exec chroot . /bin/sh /init
END
my $inner = <<'END';
set -e
mount -t proc proc /proc
umount -l /put
mkdir /new
dir= agent=/agent
root /new
printf '%s' "$after" > /new/init
cd /
/agent --interval=100 --port=unix:/shared/port --socket=/run/vmexit-agent/socket 2>/shared/log &
echo $! > /shared/pid
for i in $(seq 100); do [ -S /run/vmexit-agent/socket ] && break; sleep 0.1; done
echo "first $(head -c 1 /proc/$!/cmdline)"
/agent mark before
[ "$run" = moved ] || umount -l /run
exec switch_root /new /bin/sh /init
END
my $after = <<'END';
pid=$(cat /shared/pid)
[ "$run" = moved ] || mount -t tmpfs tmpfs /run
where() { stat -Lc '%d %i' "$1"; }
for i in $(seq 100); do [ "$(where /proc/$pid/root)" = "$(where /)" ] && break; sleep 0.1; done
echo "root $([ "$(where /proc/$pid/root)" = "$(where /)" ] && echo same || echo other)"
echo "cwd $([ "$(where /proc/$pid/cwd)" = "$(where /)" ] && echo same || echo other)"
echo "later $(head -c 1 /proc/$pid/cmdline)"
for i in $(seq 100); do /agent mark after 2>/dev/null && break; sleep 0.1; done
for i in $(seq 200); do [ -e /shared/stop ] && break; sleep 0.1; done
kill $pid
wait
for i in $(seq 50); do [ -d /proc/$pid ] || break; sleep 0.1; done
echo "gone $([ -e /run/vmexit-agent/socket ] && echo no || echo yes)"
END
my ($root) = $outer =~ /^(root\(\).*?^\}\n)/ms;
$inner = $root . $inner;

# Labels of the marks that come over the port until @wanted are there, with their times.
sub marks {
	my ($path, @wanted) = @_;
	my ($peer, $buf, $end, %label) = (undef, '', time + 25);
	until ($peer = IO::Socket::UNIX->new(Peer => $path)) {
		return {} if time > $end;
		sleep 0.1;
	}
	require Compress::Raw::Zlib;
	my $payload = pack('vQ<', 2, 0);
	my $head = "VMx\xf1" . pack('CCvV', 2, 2, 0, length $payload);
	my $welcome = $head . pack('V', Compress::Raw::Zlib::crc32($head)) . $payload .
		pack('V', Compress::Raw::Zlib::crc32($payload));
	syswrite($peer, $welcome);
	while (time < $end && grep { !exists $label{$_} } @wanted) {
		my $ready = '';
		vec($ready, fileno($peer), 1) = 1;
		next unless select($ready, undef, undef, 0.1);
		sysread($peer, $buf, 65536, length $buf) or last;
		while (length $buf >= 16 && length $buf >= 20 + (my $len = unpack('x8V', $buf))) {
			my ($type, $frame) = (unpack('x5C', $buf), substr($buf, 16, $len));
			substr($buf, 0, 20 + $len) = '';
			# The agent's hello may be later than that welcome, which is void then.
			syswrite($peer, $welcome) if $type == 1;
			next unless $type == 6;
			my ($t_boot_ns, $field, $n) = unpack('x8Q<x24vv', $frame);
			$label{substr($frame, 44, $n)} = $t_boot_ns / 1e9 if $field == 8;
		}
	}
	return \%label;
}

for my $run ('moved', 'new') {
	my $dir = tempdir('vmexit-root-XXXXXX', TMPDIR => 1, CLEANUP => 1);
	mkdir("$dir/shared");
	my @user = $> == 0 ? () : ('--user', '--map-root-user');
	my $pid = open(my $out, '-|') // die "fork: $!";
	if ($pid == 0) {
		@ENV{qw(dir agent inner after run)} = ($dir, $agent, $inner, $after, $run);
		$ENV{ASAN_OPTIONS} = 'detect_leaks=0';
		exec('timeout', '60', 'unshare', @user, '--mount', '--pid', '--fork', '--kill-child',
		     'sh', '-c', $outer) or exit 127;
	}
	my @wanted = ('kernel', 'initramfs', 'before', 'after');
	# For ten seconds the new init may turn out to be systemd; once is enough to wait for,
	# though a slow machine may take as long for the rest.
	push(@wanted, 'userspace') if $run eq 'moved';
	my $marks = marks("$dir/shared/port", @wanted);
	open(my $stop, '>', "$dir/shared/stop");
	my %said = map { /^(\w+) (.*)$/ ? ($1 => $2) : () } <$out>;
	close($out);
	is($said{first}, '@', "/run $run: in the initramfs systemd is asked to spare the agent");
	is($said{root}, 'same', 'it follows to the new root');
	is($said{cwd}, 'same', 'and stays nowhere else');
	is($said{later}, '/', 'where it may be ended as any process');
	delete $marks->{userspace} if $run eq 'new';
	is_deeply([sort keys %$marks], [sort @wanted], 'marks come from both roots, and the phases');
	# Cut to hundredths, and the end follows the last mark at once.
	my $uptime = 0.01 + (split / /, do { open(my $h, '<', '/proc/uptime'); <$h> })[0];
	ok($marks->{kernel} == 0 && $marks->{initramfs} > $uptime - 60 &&
	   $marks->{before} > $marks->{initramfs} && $marks->{after} > $marks->{before} &&
	   $marks->{after} < $uptime, 'in their order, when they were')
		or diag("at $uptime: ", join(', ', map { "$_ $marks->{$_}" } sort keys %$marks));
	ok($marks->{userspace} > $marks->{before} && $marks->{userspace} < $marks->{after} + 0.2,
	   'the switch is where userspace begins') if $run eq 'moved';
	is($said{gone}, 'yes', 'its end leaves no socket in the new root');
	is(do { open(my $h, '<', "$dir/shared/log"); join('', grep { !/sending the workload without exits/ } <$h>) }, '',
	   'and it had nothing to complain about');
}
done_testing();
