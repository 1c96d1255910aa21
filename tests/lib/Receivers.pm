# SPDX-License-Identifier: GPL-2.0-or-later
# Receivers of remote write: VictoriaMetrics and Prometheus as Debian packages them, on loopback
# and in the test's own directory; what they hold; and what they should hold by the database.
package Receivers;
use strict;
use warnings;
use Daemon;
use Exporter 'import';
use JSON::PP;
use Test::More;

our @EXPORT = qw(victoria prometheus held_by_victoria held_by_prometheus stored compare);

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
	for (sql($db, 'SELECT b.id, m.key, m.name, b.number, b.cause, b.opened_ns, b.tsc_khz, b.life, b.reason_namespace FROM boot b JOIN main.vm m ON m.id = b.vm')) {
		my %b; @b{qw(id key name number cause opened khz life namespace)} = @$_;
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
					my $value = $sums{$kind}{$label} / ($divisor eq 'hz' ? $b->{khz} * 1e3 : $divisor);
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

1;
