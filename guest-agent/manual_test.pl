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

# "i interval MS" of each option; an option without an argument has none.
sub options_of_help {
	my ($text) = @_;
	my %options;
	$options{$2} = { letter => $1, argument => $3 // '', help => $4 }
		while $text =~ /^ +-(\w), --([\w-]+)(?:=(\w+))?  +(.*)$/mg;
	return \%options;
}

sub options_of_manual {
	my ($text) = @_;
	my ($section) = $text =~ /^\.Sh OPTIONS\n(.*?)^\.Sh /ms;
	my %options;
	$options{$2} = { letter => $1, argument => $3 // '', text => $4 }
		while $section =~ /^\.It Fl (\w) , -([\w-]+)(?: Ns = Ns Ar (\w+))?\n(.*?)(?=^\.It |^\.El)/msg;
	return \%options;
}

-x $agent or BAIL_OUT("there is no $agent; run make -C guest-agent, or set BUILD");
my $help_text = `$agent --help`;
is($?, 0, '--help succeeds');
my $page = read_file("$here/vmexit-agent.8");
my $help = options_of_help($help_text);
my $manual = options_of_manual($page);

cmp_ok(scalar keys %$help, '>=', 7, 'options in --help');
is(scalar(() = $help_text =~ /^ +-/mg), scalar keys %$help, 'each of its lines was understood');
is_deeply([sort keys %$manual], [sort keys %$help], 'the same options in the man page');
for my $name (sort keys %$help) {
	my ($h, $m) = ($help->{$name}, $manual->{$name} // { letter => '', argument => '', text => '' });
	is("-$m->{letter} $m->{argument}", "-$h->{letter} $h->{argument}",
	   "--$name: letter and argument");
	if ($h->{help} =~ /\[(\d+)\]/) {
		like($m->{text}, qr/default is $1\b/, "--$name: default");
	}
	if ($h->{help} =~ /(\d+ to \d+)/) {
		like($m->{text}, qr/\b$1\b/, "--$name: range");
	}
}

# Where the test would not see a difference it would be none.
my $other = $page =~ s/^\.It Fl v , -verbose$/.It Fl v , -loud/mr;
isnt(join(',', sort keys %{options_of_manual($other)}), join(',', sort keys %$help),
     'an option of another name is noticed');

my $mentioned = join('', $page =~ /^\.Sh SYNOPSIS\n(.*?)^\.Sh /ms);
while ($mentioned =~ /Fl -?(\w+)/g) {
	my $option = $1;
	ok((grep { $_ eq $option || $help->{$_}{letter} eq $option } keys %$help),
	   "synopsis: $option is an option");
}
my ($kept) = $page =~ /(\d+) MiB at most/;
my ($maximum) = read_file("$here/ring.h") =~ /RING_SIZE_MAX \((\d+)U << 20\)/;
is($kept, $maximum, 'memory for samples at most');

for my $case (['--interval=9'], ['--interval=10001'], ['--buffer=0'], ['--interval=1x'],
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
	my $lint = `mandoc -Tlint $here/vmexit-agent.8 $here/shared/vmexit-protocol.7 2>&1`;
	skip('mandoc is not installed', 1) if $? == -1 || $? >> 8 == 127;
	my @findings = grep { !/referenced manual not found/ } split(/\n/, $lint);
	is(join("\n", @findings), '', 'mandoc finds nothing');
}
done_testing();
