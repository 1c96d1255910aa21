# SPDX-License-Identifier: GPL-2.0-or-later
# Frames, written from vmexit-protocol(7) and not from the code under test.
package Frames;
use strict;
use warnings;
use Compress::Raw::Zlib qw(crc32);
use Exporter 'import';
use IO::Select;
use Time::HiRes qw(time);

our @EXPORT = qw(frame field hello sample hello2 sample2 mark gap varint reasons vcpus
	frames_from parse_frames acked welcomed HELLO WELCOME SAMPLE ACK CALL MARK GAP PACE DELAYED);

use constant { HELLO => 1, WELCOME => 2, SAMPLE => 3, ACK => 4, CALL => 5, MARK => 6, GAP => 7, PACE => 8, DELAYED => 1 };

sub frame {
	my ($type, $payload, $flags, $version) = @_;
	my $h = "VMx\xf1" . pack('CCvV', $version // 1, $type, $flags // 0, length $payload);
	return $h . pack('V', crc32($h)) . $payload . pack('V', crc32($payload));
}
sub field { my ($n, $v) = @_; return pack('vv', $n, length $v) . $v }
sub varint { my $v = shift; my $s = ''; while ($v >= 128) { $s .= chr($v % 128 + 128); $v = int($v / 128) } return $s . chr($v) }

# ---- version 1 ----
sub hello {
	my ($boot_id, $uptime) = @_;
	return frame(HELLO, pack('vva16Q<Q<VV', 1, 1, $boot_id, $uptime * 1e9, time * 1e9, 100000, 2)
		     . field(1, pack('V4', 0x10000, 0xb, 2, 2000000))
		     . field(3, '0.1') . field(4, '6.1.0-test'));
}
sub sample {
	my ($sequence, $uptime, $exits, $flags) = @_;
	return frame(SAMPLE, pack('Q<Q<Q<', $sequence, $uptime * 1e9, time * 1e9)
		     . field(16, pack('Q<', $exits)) . field(17, pack('Q<', $exits * 100)), $flags);
}

# ---- version 2: times in ns, sequences in us, as an agent has them ----
sub hello2 {
	my ($boot_id, $now_ns, %h) = @_;
	my $payload = pack('vva16Q<Q<VV', 1, 2, $boot_id, $now_ns, $h{wall} // 0, 100000, $h{vcpus} // 2);
	$payload .= field(1, pack('V4', 0x10000, 0xff, 2, $h{khz} // 2000000)) unless $h{no_leaf};
	$payload .= field(2, pack('Q<', $h{generation})) if defined $h{generation};
	$payload .= field(3, '0.2') . field(4, '6.1.0-test');
	$payload .= field(5, pack('Q<V', $h{started}, 10000)) if defined $h{started};
	return frame(HELLO, $payload, 0, 2);
}

# Lists of [number, count, handling, away] and [index, exits, handling].
sub reasons { return field(32, join '', map { join '', map { varint($_) } @$_[0 .. 3] } @_) }
sub vcpus { return field(33, join '', map { join '', map { varint($_) } @$_[0 .. 2] } @_) }

sub sample2 {
	my ($sequence, %s) = @_;
	my $payload = pack('Q<Q<Q<', $sequence, $s{uptime} // $sequence * 1000, $s{wall} // 0);
	$payload .= field(2, pack('Q<', $s{generation})) if defined $s{generation};
	$payload .= field(16, pack('Q<', $s{exits})) if defined $s{exits};
	$payload .= field(17, pack('Q<', $s{handling})) if defined $s{handling};
	$payload .= field(19, $s{workload}) if defined $s{workload};
	$payload .= field(20, pack('Q<Q<', @{ $s{away} })) if $s{away};
	$payload .= field(21, pack('Q<Q<V', $s{host}, 1, $s{error} // 1000)) if defined $s{host};
	$payload .= field(22, pack('VC', @{ $s{pace} })) if $s{pace};
	$payload .= field(23, pack('Q<Q<', $s{agent}, $s{taken} // 0)) if defined $s{agent};
	return frame(SAMPLE, $payload . ($s{lists} // ''), $s{flags}, 2);
}
sub mark {
	my ($sequence, %m) = @_;
	my $payload = pack('Q<Q<Q<VVQ<', $sequence, $m{uptime} // $sequence * 1000, 0, $m{kind} // 1, $m{uid} // 0, $m{begin} // 0);
	$payload .= field(8, $m{label} // '');
	$payload .= field(9, pack('V', $m{status})) if defined $m{status};
	return frame(MARK, $payload, 0, 2);
}
sub gap {
	my ($from, $to, $count, $cause, $taken) = @_;
	my $payload = pack('Q<Q<Q<Q<VV', $from, $to, $from * 1000, $to * 1000, $count, $cause);
	$payload .= field(10, pack('Q<', $taken)) if defined $taken;
	return frame(GAP, $payload, 0, 2);
}

# ---- what came ----

# Whole frames at the beginning of a buffer, which keeps the rest: a list of [type, payload, version].
sub parse_frames {
	my $buf = shift;
	my @frames;
	while (length $$buf >= 16 && length $$buf >= 20 + (my $len = unpack('x8V', $$buf))) {
		push @frames, [unpack('x5C', $$buf), substr($$buf, 16, $len), unpack('x4C', $$buf)];
		substr($$buf, 0, 20 + $len) = '';
	}
	return @frames;
}

# What the daemon sends until one frame of it is as wanted, or time is up.
sub frames_from {
	my ($peer, $seconds, $until) = @_;
	my ($end, $buf, @frames) = (time + $seconds, '');
	my $select = IO::Select->new($peer);
	while (time < $end) {
		next unless $select->can_read(0.1);
		sysread($peer, $buf, 65536, length $buf) or last;
		push @frames, parse_frames(\$buf);
		last if grep { $until->(@$_) } @frames;
	}
	return @frames;
}
sub acked { my ($peer, $sequence, $seconds) = @_;
	return scalar grep { $_->[0] == ACK && unpack('Q<', $_->[1]) == $sequence }
		frames_from($peer, $seconds // 10, sub { $_[0] == ACK && unpack('Q<', $_[1]) >= $sequence }) }
# Version and last committed sequence.
sub welcomed { my $peer = shift;
	my ($w) = grep { $_->[0] == WELCOME } frames_from($peer, 10, sub { $_[0] == WELCOME });
	return $w ? unpack('vQ<', $w->[1]) : () }

1;
