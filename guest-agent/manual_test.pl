#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# What the program says and what its man page says are the same options.
use strict;
use warnings;
use File::Basename qw(dirname);
use Test::More;

my $here = dirname(__FILE__);
my $build = $ENV{BUILD} // "$here/../build";
my $agent = "$build/vmexit-agent";

sub read_file {
	my ($path) = @_;
	open(my $fh, '<', $path) or BAIL_OUT("cannot read $path: $!");
	local $/;
	return scalar <$fh>;
}

# The settings, then what is none, each by its option's name.
sub options_of_help {
	my ($text) = @_;
	my @parts = split(/^These are not:$/m, $text);
	my @options;
	for my $i (0, 1) {
		$options[$i]{$2} = { letter => $1 // '', argument => $3 // '', help => $4 }
			while $parts[$i] =~ /^ +(?:-(\w), )?--([\w-]+)(?:\[?=([\w|]+)\]?)?  +(.*)$/mg;
	}
	return @options;
}

sub settings_of_manual {
	my ($text) = @_;
	my ($section) = $text =~ /^\.Sh DESCRIPTION\n(.*?)^\.Sh /ms;
	my %settings;
	$settings{$1} = $2 while $section =~ /^\.It Cm (\w+)\n(.*?)(?=^\.It |^\.El)/msg;
	return \%settings;
}

sub others_of_manual {
	my ($text) = @_;
	my ($section) = $text =~ /^\.Sh OPTIONS\n(.*?)^\.Sh /ms;
	my %options;
	$options{$2} = { letter => $1, argument => $3 // '' }
		while $section =~ /^\.It Fl (\w) , -([\w-]+)(?: Ns = Ns Ar (\w+))?$/mg;
	return (\%options, $section);
}

-x $agent or BAIL_OUT("there is no $agent; run make -C guest-agent, or set BUILD");
my $help_text = `$agent --help`;
is($?, 0, '--help succeeds');
my $page = read_file("$here/vmexit-agent.8");
my $conf = read_file("$here/vmexit-agent.conf.5");
my ($settings, $others) = options_of_help($help_text);
my $explained = settings_of_manual($conf);
my ($listed, $section) = others_of_manual($page);

cmp_ok(scalar keys %$settings, '>=', 15, 'settings in --help');
is(scalar(() = $help_text =~ /^ +-/mg), keys(%$settings) + keys(%$others), 'each of its lines was understood');
is_deeply([sort keys %$explained], [sort map { tr/-/_/r } keys %$settings], 'the same settings in vmexit-agent.conf(5)');
for my $option (sort keys %$settings) {
	my ($s, $text) = ($settings->{$option}, $explained->{$option =~ tr/-/_/r} // '');
	like($text, qr/\Q($1)\E/, "$option: default") if $s->{help} =~ /\[(\w+)\]/;
	like($text, qr/\b$1\b/, "$option: range") if $s->{help} =~ /(\d+ to \d+)/;
	like($text, qr/^\.Ql yes$/m, "$option: yes or no") if $s->{argument} eq 'yes|no';
	like($section, qr/^\.Fl $s->{letter}\nfor\n\.Fl -$option\b/m, "$option: letter") if $s->{letter};
}
is_deeply($listed, { map { $_ => { letter => $others->{$_}{letter}, argument => $others->{$_}{argument} } } keys %$others },
	  'what is no setting is in vmexit-agent(8)');

# Where the test would not see a difference it would be none.
my $other = $conf =~ s/^\.It Cm verbose$/.It Cm loud/mr;
isnt(join(',', sort keys %{settings_of_manual($other)}), join(',', sort keys %$explained),
     'a setting of another name is noticed');

my %all = (%$settings, %$others);
my $mentioned = join('', $page =~ /^\.Sh SYNOPSIS\n(.*?)^\.Sh /ms);
while ($mentioned =~ /Fl -?(\w[\w-]*)/g) {
	my $option = $1;
	next if $option eq 'SETTING';
	ok((grep { $_ eq $option || $all{$_}{letter} eq $option } keys %all), "synopsis: $option is an option");
}
my ($kept) = $page =~ /(\d+) MiB\s+at most/;
my ($maximum) = read_file("$here/link/ring.h") =~ /RING_SIZE_MAX \((\d+)U << 20\)/;
is($kept, $maximum, 'memory for samples at most');
my ($path) = read_file("$here/control/control.h") =~ /CONTROL_PATH "(.*)"/;
like($explained->{socket}, qr/^\.Pq Pa \Q$path\E \.$/m, 'socket: default');
my %limits = ('of up to (\d+) vCPUs' => ['leaf/counters.h', 'COUNTERS_VCPUS_MAX'],
	      'More than (\d+) processes' => ['workload/processes.h', 'PROCESSES_KNOWN'],
	      'More than (\d+) units' => ['workload/units.h', 'UNITS_KNOWN']);
for my $sentence (sort keys %limits) {
	my ($file, $name) = @{ $limits{$sentence} };
	my ($limit) = read_file("$here/$file") =~ /^#define $name (\d+)/m;
	is(($conf =~ /$sentence/)[0], $limit, $name);
}

for my $case (['--interval=9'], ['--interval=10001'], ['--buffer=0'], ['--interval=1x'], ['--interval=-1'],
	      ['--reasons=maybe'], ['--units=33'], ['--socket-mode=888'], ['--socket-mode=1000'], ['mark'], ['mark', 'a', 'b'], ['run'], ['--config=/nowhere/agent.conf'], ['--interval'],
	      ['--nonsense'], ['write'], ['read', 'twice']) {
	system("$agent @$case >/dev/null 2>&1");
	is($? >> 8, 2, "'@$case' is refused with status 2");
}

# The order of the values is the meaning of the bits.
my @map = read_file("$here/shared/workload.h") =~
	/^\tX\((\w+), WORKLOAD_(COUNTER|GAUGE), "(\w+)"\)/mg;
my ($table) = read_file("$here/shared/vmexit-protocol.7") =~ /^\.Sh WORKLOAD\n(.*?)^\.Sh /ms;
my @listed = $table =~ /^ *(\d+) +(\w+) +(counter|gauge) +(\w+)$/mg;
my @expected;
for (my $bit = 0; @map; $bit++) {
	my ($value, $kind, $unit) = splice(@map, 0, 3);
	push(@expected, $bit, $value, lc($kind), $unit);
}
cmp_ok(scalar @expected, '>=', 4 * 24, 'values in workload.h');
is_deeply(\@listed, \@expected, 'the same bits, values and units in vmexit-protocol(7)');

SKIP: {
	my $lint = `mandoc -Tlint $here/vmexit-agent.8 $here/vmexit-agent.conf.5 $here/shared/vmexit-protocol.7 2>&1`;
	skip('mandoc is not installed', 1) if $? == -1 || $? >> 8 == 127;
	my @findings = grep { !/referenced manual not found/ } split(/\n/, $lint);
	is(join("\n", @findings), '', 'mandoc finds nothing');
}
done_testing();
