# SPDX-License-Identifier: GPL-2.0-or-later
# Receivers of remote write: VictoriaMetrics and Prometheus as Debian packages them, on loopback
# and in the test's own directory; what they hold; and what they should hold by the database.
package Receivers;
use strict;
use warnings;
use Daemon;
use Frames;
use Exporter 'import';
use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use Test::More;
use Time::HiRes qw(time sleep);

our @EXPORT = qw(victoria prometheus receiver receiver_says received held_by_victoria held_by_prometheus stored compare
	history connect_guest guest_samples guest_acked);

my $json = JSON::PP->new->utf8;

# Each returns true when it is ready.
sub victoria { my ($name, $at) = @_;
	start($name, 'victoria-metrics', "-storageDataPath=$dir/$name", "-httpListenAddr=127.0.0.1:$at", '-dedup.minScrapeInterval=1ms',
	      '-retentionPeriod=100y', '-loggerLevel=ERROR', '-memory.allowedBytes=268435456', '-search.maxStalenessInterval=1s');
	return wait_for('VictoriaMetrics', 20, sub { $http->get("http://127.0.0.1:$at/health")->{status} == 200 }) }
sub prometheus { my ($name, $at, $window) = @_;
	open(my $file, '>', "$dir/$name.yml") or die "$dir: $!";
	print $file "scrape_configs: []\n", $window ? "storage: { tsdb: { out_of_order_time_window: $window } }\n" : '';
	close $file;
	start($name, 'prometheus', "--config.file=$dir/$name.yml", "--storage.tsdb.path=$dir/$name", "--web.listen-address=127.0.0.1:$at",
	      '--web.enable-remote-write-receiver', '--storage.tsdb.retention.time=100y', '--log.level=error');
	return wait_for('Prometheus', 20, sub { $http->get("http://127.0.0.1:$at/-/ready")->{status} == 200 }) }

# One of the test's own, which answers as it is told: a status, more of its head, a body; 'hang', 'half' or 'close'.
sub receiver_says { my (@words) = @_;
	open(my $file, '>', "$dir/says.new") or die "$dir: $!";
	print $file join "\n", @words;
	close $file;
	rename("$dir/says.new", "$dir/says") }
# The heads of the requests that came.
sub received { return split /\r\n\r\n/, slurp("$dir/received") }
sub serve { my ($peer) = @_;
	my $in = '';
	while (1) {
		my ($head, $length);
		until (($head) = $in =~ /^(.*?\r\n\r\n)/s and ($length) = $head =~ /^Content-Length: (\d+)/mi and length $in >= length($head) + $length) {
			sysread($peer, $in, 65536, length $in) or return;
		}
		$in = substr($in, length($head) + $length);
		open(my $file, '>>', "$dir/received") or die "$dir: $!";
		print $file $head;
		close $file;
		my ($status, $more, $body) = split /\n/, slurp("$dir/says");
		$_ //= '' for $more, $body;
		return if $status eq 'close';
		sleep 3600 if $status eq 'hang';
		syswrite($peer, "HTTP/1.1 $status\r\n" . ($more ? "$more\r\n" : '') . 'Content-Length: ' . length($body) . "\r\n\r\n$body") if $status ne 'half';
		syswrite($peer, "HTTP/1.1 200 OK\r\nContent-Le"), return if $status eq 'half';
	} }
sub receiver { my ($name, $at) = @_;
	my $listener = IO::Socket::INET->new(Listen => 8, LocalAddr => '127.0.0.1', LocalPort => $at, ReuseAddr => 1) or die "port $at: $!";
	my $pid = fork() // die "fork: $!";
	if ($pid == 0) {
		# Each connection in a process of its own, which ends with this one.
		$SIG{CHLD} = 'IGNORE';
		setpgrp(0, 0);
		while (my $peer = $listener->accept) {
			my $child = fork();
			next if $child;
			serve($peer);
			POSIX::_exit(0);
		}
		POSIX::_exit(0);
	}
	$running{$name} = $pid;
	return $pid }

sub id { my %l = @_; my $name = delete $l{__name__}; return $name . '{' . join(',', map { "$_=$l{$_}" } sort keys %l) . '}' }

# By series and milliseconds: values, as lists where there is more than one. vmexitd's own series are left out.
sub held_by_victoria { my $at = shift;
	$http->get("http://127.0.0.1:$at/internal/force_flush");
	my $r = $http->post_form("http://127.0.0.1:$at/api/v1/export", { 'match[]' => '{vm!=""}', start => 0 });
	my %held;
	for (split /\n/, $r->{content}) {
		my $s = $json->decode($_);
		my $id = id(%{ $s->{metric} });
		push @{ $held{$id}{ $s->{timestamps}[$_] } }, $s->{values}[$_] for 0 .. $#{ $s->{values} };
	}
	return \%held }
sub held_by_prometheus { my ($at, $hours) = @_;
	my $r = $http->post_form("http://127.0.0.1:$at/api/v1/query", { query => '{vm!=""}[' . $hours . 'h]' });
	my %held;
	my $answer = eval { $json->decode($r->{content}) } // {};
	for my $s (@{ $answer->{data}{result} // [] }) {
		push @{ $held{ id(%{ $s->{metric} }) }{ sprintf '%.0f', $_->[0] * 1000 } }, $_->[1] for @{ $s->{values} };
	}
	return \%held }

# ---- what should be there ----

# A double has no room for nanoseconds.
sub ms { use integer; return $_[0] / 1000000 }

# What metric a kind of number is: name, label, its value, divisor, and whose counter it is.
my %metric = (exits => ['vmexit_exits_total', '', 1, 'vm'], handling_cycles => ['vmexit_handling_seconds_total', '', 'hz', 'vm'],
	away_cycles => ['vmexit_away_seconds_total', '', 'hz', 'vm'], idle_cycles => ['vmexit_idle_seconds_total', '', 'hz', 'vm'],
	reason_exits => ['vmexit_reason_exits_total', 'reason', 1, 'vm'], reason_handling_cycles => ['vmexit_reason_handling_seconds_total', 'reason', 'hz', 'vm'],
	reason_away_cycles => ['vmexit_reason_away_seconds_total', 'reason', 'hz', 'vm'], agent_exits => ['vmexit_agent_exits_total', '', 1, 'guest'],
	taken => ['vmexit_agent_samples_total', '', 1, 'guest'], cpu_user_ms => ['vmexit_guest_cpu_seconds_total', 'mode=user', 1e3, 'guest'],
	forks => ['vmexit_guest_forks_total', '', 1, 'guest'], memory_available_bytes => ['vmexit_guest_memory_bytes', 'part=available', 1, ''],
	interval_us => ['vmexit_sample_interval_seconds', '', 1e6, ''], clock_error_ns => ['vmexit_clock_error_seconds', '', 1e9, '']);

# By the tables alone: every value of every sample with its timestamp; and zeros where a counter is
# known to have begun at zero. @$names: of reasons, by namespace and number; samples are a millisecond apart at least.
sub stored { my ($db, $host, $names, %more) = @_;
	my (%want, %boot, %rows);
	for (sql($db, 'SELECT b.id, m.key, m.name, b.number, b.cause, b.opened_ns, b.tsc_khz, b.life, b.reason_namespace, b.vcpus FROM boot b JOIN main.vm m ON m.id = b.vm')) {
		my %b; @b{qw(id key name number cause opened khz life namespace vcpus)} = @$_;
		$boot{ $b{id} } = \%b;
	}
	push @{ $rows{ $boot{ $_->[0] }{key} }{ $_->[1] }{ $boot{ $_->[0] }{number} }{ $_->[2] } }, [@$_]
		for sql($db, 'SELECT boot, source, sequence, t_ns, kind, id, value FROM sample_value');
	for my $key (keys %rows) { for my $source (keys %{ $rows{$key} }) {
		my ($last, $life, $list, %seen) = (0, undef, undef);
		my $boots = $rows{$key}{$source};
		for my $number (sort { $a <=> $b } keys %$boots) {
			my ($first, $base) = (1, undef);
			for my $sequence (sort { $a <=> $b } keys %{ $boots->{$number} }) {
				my @values = @{ $boots->{$number}{$sequence} };
				my $b = $boot{ $values[0][0] };
				my $created = $b->{cause} == 1;
				my $t = ms($values[0][3]);
				my $zero = ms($b->{opened});
				if ($first) {
					$zero = $last + 1 if $zero <= $last;
					$zero = $t - 1 if $zero >= $t;
					undef $list if !defined $life || $life ne $b->{life};
					%seen = () if !$list;
					$life = $b->{life};
				}
				my %sums;
				for (@values) {
					my ($kind, $id, $value) = @$_[4, 5, 6];
					my $m = $metric{$kind} or next;
					my $label = $m->[1] eq 'reason' ? 'reason=' . ($names->[ $b->{namespace} || 0 ]{$id} // 'other') : $m->[1];
					$sums{$kind}{$label} += $value;
				}
				my $put = sub { my ($name, $label, $at, $value) = @_;
					my %l = (__name__ => $name, vm => $key, name => $b->{name}, source => $source ? 'host' : 'guest', host => $host, %more);
					$l{$1} = $2 if $label =~ /(\w+)=(.*)/;
					push @{ $want{ id(%l) }{$at} }, $value };
				for my $kind (keys %sums) { for my $label (keys %{ $sums{$kind} }) {
					my ($name, undef, $divisor, $of) = @{ $metric{$kind} };
					# Seconds of cycles are rounded to microseconds.
					my $value = $divisor eq 'hz' ? sprintf('%.0f', $sums{$kind}{$label} / ($b->{khz} * 1e-3)) / 1e6 : $sums{$kind}{$label} / $divisor;
					if ($first && ($of eq 'vm' ? $created : $of eq 'guest' && $b->{cause} =~ /^[123]$/)) {
						$put->($name, $label, $zero, 0);
					} elsif ($label =~ /^reason=/ && $list && !$seen{"$kind $label"}) {
						$put->($name, $label, $list, 0);
					}
					$seen{"$kind $label"} = 1 if $label =~ /^reason=/;
					$put->($name, $label, $t, $value);
				} }
				if ($sums{exits}) {
					$base //= $created ? 0 : $sums{exits}{''};
					$put->('vmexit_boot_exits', '', $t, $sums{exits}{''} - $base);
				}
				$put->('vmexit_vm_vcpus', '', $t, $b->{vcpus}) if $b->{vcpus};
				$put->('vmexit_sample_timestamp_seconds', '', $t, $values[0][3] / 1e9);
				$list = $t if $sums{reason_exits};
				($last, $first) = ($t, 0);
			}
		}
	} }
	return \%want }

# VictoriaMetrics keeps twelve digits of what is no whole number.
sub same { my ($x, $y) = @_; return $x == $y || (($x != int $x || $y != int $y) && abs($x - $y) <= 2e-11 * abs($y)) }

# Two of the above: true if each has what the other has; else says what is different.
sub compare { my ($held, $want, $what) = @_;
	my ($values, @wrong) = (0);
	for my $id (keys %{ { %$held, %$want } }) {
		my ($h, $w) = ($held->{$id} // {}, $want->{$id} // {});
		for my $t (keys %{ { %$h, %$w } }) {
			my ($x, $y) = ($h->{$t} // [], $w->{$t} // []);
			$values++ if @$y;
			push @wrong, "$id $t: is " . (join(' ', @$x) || 'missing') . ', should be ' . (join(' ', @$y) || 'missing')
				unless @$x == 1 && @$y == 1 && same($x->[0], $y->[0]);
		}
	}
	my $series = keys %$want;
	ok(!@wrong && $values > 0, "$what: $values values of $series series, each once and no others") or diag(@wrong . " wrong, such as\n", map { "$_\n" } (sort @wrong)[0 .. ($#wrong < 9 ? $#wrong : 9)]);
	return !@wrong }

# ---- hours of history, of VMs that boot now and then ----
sub line { my ($ns, @rest) = @_;
	return join(',', '', sprintf('%d.%09d', int($ns / 1e9), $ns % 1000000000), @rest) . "\r\n" }
# A boot: a sample each 10 s, with reasons that come one after the other. The counters go on from @$c.
sub boot { my ($vm, $number, $cause, $life, $from_s, $to_s, $c, $file) = @_;
	my $opened = int($from_s * 1000) * 1000000;
	my @boot = ([boot_cause => '', '', $cause, ''], [vm_name => '', "name of $vm", '', ''], [boot_life => '', $life, '', ''], ['vcpus', '', '', 2, '1'], ['tsc_khz', '', '', 2100000, 'kHz'], ['reason_namespace', '', 'vmx', 1, '']);
	print $file line($opened, $vm, $number, '', '', @$_) for @boot;
	my ($user, $forks) = (0, 0);
	for my $source ('guest', 'host') {
		my %c = %$c;
		my $sequence = 0;
		for (my $t = $from_s + 3; $t < $to_s; $t += 10) {
			my $ns = int($t * 1000 + rand 900) * 1000000 + int(rand 1000000);
			my $n = int(rand 5000);
			$sequence++;
			$c{exits} += $n; $c{handling} += $n * 2111; $c{away} += $n * 3000; $c{idle} += $n;
			my @reasons = $sequence < 5 ? (12) : $sequence < 30 ? (12, 48) : (1, 12, 48, 4000, 4001);
			print $file line($ns, $vm, $number, $source, $sequence, @$_) for [exits => '', '', $c{exits}, '1'], [handling_cycles => '', '', $c{handling}, 'cycles'],
				[away_cycles => '', '', $c{away}, 'cycles'], [idle_cycles => '', '', $c{idle}, 'cycles'], $source eq 'host' ? () : (
				[agent_exits => '', '', 10 * $sequence, '1'], [cpu_user_ms => '', '', $user += int(rand 300), 'ms'], [forks => '', '', $forks += 2, '1'], [memory_available_bytes => '', '', int(rand 1e9), 'B'],
				[lists => '', '', 1, ''], map { $c{"r$_"} += int(rand 1000); [reason_exits => $_, '', $c{"r$_"}, '1'], [reason_handling_cycles => $_, '', $c{"r$_"} * 7, 'cycles'], [reason_away_cycles => $_, '', $c{"r$_"} * 9, 'cycles'] } @reasons);
		}
		$c = \%c if $source eq 'host';
	}
	return $c }
sub history { my ($file_name, $hours) = @_;
	srand(20);
	open(my $file, '>', $file_name) or die "$dir: $!";
	my $now = int(time);
	print $file "time,epoch,vm,boot,source,sequence,kind,id,name,value,unit\r\n";
	for my $vm ('one', 'two') {
		my %zero = (exits => 0, handling => 0, away => 0, idle => 0);
		my $c = boot($vm, 1, 0, 'life/1', $now - $hours * 3600, $now - ($hours - 1.5) * 3600, { %zero, exits => 1e12 }, $file);
		# A reboot goes on; another creation begins anew, in the same second as the one before ends.
		$c = boot($vm, 2, 2, 'life/1', $now - ($hours - 1.5) * 3600, $now - ($hours - 3) * 3600, $c, $file);
		boot($vm, 3, 1, 'life/2', $now - ($hours - 3) * 3600, $now - 600, { %zero }, $file);
	}
	close $file }


# ---- a guest ----

# Its second reason comes late in each boot.
my ($listener, $peer, $sequence, $exits, $late) = (undef, undef, 0, 0, 0);
# The guest, which goes on while others come and go: what is not acknowledged is sent again.
my (@kept, $boot_id);
sub connect_guest { my $new = shift;
	($boot_id, $sequence, @kept) = ($new, 0) if $new;
	close $peer if $peer;
	$listener //= listen_at('guest');
	$peer = accept_at($listener) or return;
	syswrite($peer, hello2($boot_id, 1e12 + $sequence * 1000, generation => 5, started => 1));
	my (undef, $committed) = welcomed($peer);
	@kept = grep { $_->[0] > $committed } @kept;
	syswrite($peer, $_->[1]) for @kept }
sub guest_samples { my $count = shift;
	for (1 .. $count) {
		my $more = int(rand 1000);
		$exits += $more;
		$late += $more if $sequence > 10000;
		my $ns = int(time * 1e6) * 1000;
		$sequence += 1000;
		my $frame = sample2($sequence, generation => 5, exits => $exits, host => $ns, handling => 100 * $exits, away => [200 * $exits, $exits],
			agent => $sequence / 100, taken => $sequence / 1000, pace => [100000, 0], lists => reasons([0x78, $exits - $late, $exits, $exits], $late ? [0x400, $late, 6 * $late, 7 * $late] : ()));
		push @kept, [$sequence, $frame];
		syswrite($peer, $frame);
		sleep 0.02;
	} }
sub guest_acked { return ok(acked($peer, $sequence), 'what the guest sent is stored') }


1;
