#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# 500 VMs: the list and its lines say of each what it did, to one client and to many at once.
use strict;
use warnings;
use FindBin;
use IO::Socket::INET;
use IO::Uncompress::Gunzip qw(gunzip);
use JSON::PP;
use List::Util qw(uniq);
use lib "$FindBin::Bin/lib";
use Daemon;
use Test::More;
use Time::HiRes qw(time);

use constant VMS => 500;
my $first = int(time / 10) * 10 - 600;
my $csv = "$dir/vms.csv";
open(my $file, '>', $csv) or die "$csv: $!";
print $file join(',', qw(time epoch_s vm boot source sequence exits handling_cycles tsc_khz vcpus away_cycles idle_cycles
			 t_ns boot_cause boot_opened_ns vm_name)), "\r\n";
# Each VM for 590 s, every 10 s: N exits a second, of which each is handled in 1000 cycles at
# 2 GHz on 2 vCPUs and away for 2000; every tenth one has samples of the host alone.
for my $n (1 .. VMS) {
	my $source = $n % 10 ? 'guest' : 'host';
	for my $i (0 .. 59) {
		my ($t, $exits) = ($first + 10 * $i, 10 * $n * $i);
		print $file join(',', '', $t, "id-$n", 1, $source, $i + 1, $exits, 1000 * $exits, 2000000, 2, 2000 * $exits, 0,
				 "${t}000000000", 'found', ($first - 10) . '000000000', "name-$n"), "\r\n";
	}
}
close $file;
is(system("$build/vmexitctl import --database $dir/v.db $csv >$dir/import.log 2>&1"), 0, VMS . ' VMs are imported') or diag(slurp("$dir/import.log"));
ok(daemon('--libvirt=off'), 'vmexitd serves them');

my @vms = @{ json('/api/v1/vms')->{vms} };
is(scalar @vms, VMS, 'all are in the list');
my %wrong;
sub near { my ($is, $should) = @_; return defined $is && abs($is - $should) < 1e-9 + $should * 1e-3 }
for my $vm (@vms) {
	my ($n) = $vm->{name} =~ /^name-(\d+)$/ or next;
	my ($has, $not) = $n % 10 ? qw(guest host) : qw(host guest);
	my $is = $vm->{$has} // {};
	$wrong{id} .= " $vm->{id}" if $vm->{id} ne "id-$n" || $vm->{boot} != 1;
	$wrong{source} .= " $n" if $vm->{$not};
	$wrong{exits} .= " $n" unless ($is->{exits} // 0) == 590 * $n && near($is->{exits_rate}, $n);
	$wrong{shares} .= " $n" unless near($is->{handling_share}, $n * 1000 / 4e9) && near($is->{lost_share}, $n * 2000 / 4e9);
	$wrong{gap} .= " $n" if $vm->{gap} || $vm->{quarantined};
}
is_deeply(\%wrong, {}, 'each with its own figures');

my $lines = wait_for('lines of all', 20, sub { my $l = json('/api/v1/sparklines'); keys %{ $l->{vms} // {} } == VMS && $l });
ok($lines, 'lines of all') or BAIL_OUT('no lines');
%wrong = ();
for my $n (1 .. VMS) {
	my $line = $lines->{vms}{"id-$n"} // {};
	my @known = grep { defined } @{ $line->{v} // [] };
	$wrong{source} .= " $n" unless ($line->{source} // '') eq ($n % 10 ? 'guest' : 'host');
	$wrong{count} .= " $n" unless @{ $line->{v} // [] } == 60 && @known >= 50 && @known <= 59;
	$wrong{rates} .= " $n" if grep { !near($_, $n) } @known;
}
is_deeply(\%wrong, {}, 'each as it was');

# Many at once: their requests are there before the first answer is read.
my @clients = map { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") or die "connect: $!" } 1 .. 100;
for my $path ('/api/v1/vms', '/api/v1/sparklines') {
	print $_ "GET $path HTTP/1.1\r\nHost: 127.0.0.1:$port\r\n\r\n" for @clients;
	my @answers = map {
		my ($head, $body, $length) = ('', '');
		$head .= <$_> until $head =~ /\r\n\r\n/;
		($length) = $head =~ /Content-Length: (\d+)/i;
		read($_, $body, $length);
		$head =~ /^HTTP\/1.1 200/ ? $body : $head;
	} @clients;
	my %whole = map { $_ => 1 } grep { (eval { decode_json($_) } // {})->{vms} } uniq(@answers);
	is(scalar(grep { $whole{$_} } @answers), 100, "$path: 100 clients at once have a whole answer");
	ok(uniq(@answers) <= 3, 'the same, but where time went on');
	my $r = $http->get("$url$path", { headers => { 'Accept-Encoding' => 'br, gzip' } });
	gunzip(\$r->{content} => \my $text);
	is(scalar(keys %{ (eval { decode_json($text) } // {})->{vms} }), VMS, 'and compressed') if $path =~ /sparklines/;
	is(scalar @{ (eval { decode_json($text) } // {})->{vms} // [] }, VMS, 'and compressed') if $path =~ /vms$/;
	is($r->{headers}{'content-encoding'}, 'gzip', 'which is said');
	ok(length $r->{content} < length($text) / 5, sprintf('in %d bytes for %d', length $r->{content}, length $text));
}
close $_ for @clients;
is(stop('daemon', 'TERM'), 0, 'the daemon ends');
unlike(slurp("$dir/daemon.log"), qr/Sanitizer|runtime error/, 'no sanitizer complained');
done_testing();
