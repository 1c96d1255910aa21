#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Graphs by gnuplot, over HTTP and with vmexitctl: each option does what it says, labels of a guest
# are drawn as they are and never obeyed, and a gnuplot that is broken is nobody else's trouble.
use strict;
use warnings;
use FindBin;
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use lib "$FindBin::Bin/lib";
use Daemon;
use Frames;
use HTTP::Tiny;
use POSIX ();
use Test::More;

gunzip("$FindBin::Bin/data/debian-svm/vmexit.db.gz" => "$dir/v.db") or die $GunzipError;
my $listener = listen_at('hostile');
ok(daemon('--libvirt=off', "--channel=hostile=$dir/hostile.sock"), 'vmexitd serves a recording');
my $vm = "$url/api/v1/vms/guest";
sub graph { my ($format, $query) = @_; my $r = $http->get("$vm/graph.$format" . ($query ? "?$query" : '')); return $r }
sub svg { my $query = shift; my $r = graph('svg', $query); is($r->{status}, 200, "svg of '$query'") or diag($r->{content}); return $r->{content} }
sub texts { my $svg = shift; return map { s/<[^>]*>//gr } $svg =~ /<text[^>]*>(.*?)<\/text>/gs }
sub has { my ($svg, $what) = @_; return scalar grep { /$what/ } texts($svg) }
sub program { my ($name, $text) = @_; open(my $f, '>', "$dir/$name") or die; print $f $text; close $f; chmod 0755, "$dir/$name"; return "$dir/$name" }

# ---- formats ----
my %magic = (svg => [qr/^<\?xml.*<\/svg>\s*$/s, 'image/svg+xml'], png => [qr/^\x89PNG\r\n\x1a\n.*IEND.{4}$/s, 'image/png'],
	     pdf => [qr/^%PDF-1\.\d.*%%EOF\s*$/s, 'application/pdf']);
for my $format (sort keys %magic) {
	my $r = graph($format);
	is($r->{status}, 200, "$format is drawn");
	is($r->{headers}{'content-type'}, $magic{$format}[1], 'of that type');
	like($r->{content}, $magic{$format}[0], 'whole');
}
{ open(my $f, '>', "$dir/a.pdf") or die; print $f graph('pdf', 'width=960&height=480')->{content} }
like(`pdfinfo $dir/a.pdf`, qr/Pages: +1\nE.*Page size: +720 x 360 pts/s, 'a PDF is one page of the size that was asked for');
like(`pdftotext $dir/a.pdf -`, qr/seconds since the boot began/, 'with text in it');
my ($w, $h) = unpack('x16NN', graph('png', 'width=1234&height=321')->{content});
is("$w $h", '1234 321', 'a PNG has the size that was asked for');

# ---- options ----
my %series = map { $_->{reason_name} => $_ } @{ json('/api/v1/vms/guest/series?reason=all&kind=count&source=guest&boot=1')->{series} };
my @by_size = sort { area($series{$b}) <=> area($series{$a}) } keys %series;
sub area { my $s = shift; my $sum = 0; $sum += $s->{v}[$_] * $s->{dt}[$_] for 0 .. $#{ $s->{v} }; return $sum }
my $stacked = svg('stacked=yes&reason=all&source=guest');
is_deeply([grep { $series{$_} } texts($stacked)], [@by_size[0 .. 7]], 'stacked: the largest eight have areas of their own, the largest lowest');
is(has($stacked, '^' . (@by_size - 8) . ' others$'), 1, 'and the others one together');
ok(has($stacked, 'by exit reason, guest source, boot 1'), 'the heading says of what');
my $lines = svg("reason=$by_size[0],$by_size[1]");
is_deeply([sort grep { /^\Q$by_size[0]\E|^\Q$by_size[1]\E/ } texts($lines)], [sort map { ("$_, guest", "$_, host") } @by_size[0, 1]], 'several reasons of both sources');
ok(has(svg('log=yes'), '^\s*10\.0'), 'log: powers of ten');
ok(has(svg('kind=pages_swapped_in&log=yes&boot=1'), 'boot 1'), 'what never happened is drawn, too');
is(svg('log=no'), svg(''), 'log=no is as without');
like(svg('theme=dark'), qr/rgb\( ?20, ?23, ?28\)|#14171c/i, 'is dark');
ok(has(svg('kind=handling'), 'handling exits, %'), 'shares of time in per cent');
ok(has(svg('mode=cumulative'), '^exits$|^exits,'), 'sums');
my $boot = json('/api/v1/vms/guest/boots')->{boots}[0];
ok(has(svg("from=$boot->{opened}"), '^UTC$'), 'by the clock');
is_deeply([grep { $series{$_} } texts(svg("from=$boot->{opened}&stacked=yes&reason=all&source=guest"))], [@by_size[0 .. 7]], 'areas as well');
is(has(svg('from=1000&to=2000'), 'no samples in this range'), 1, 'an empty range says so');
for (['stacked=yes&log=yes', qr/not both/], ['stacked=perhaps', qr/neither 'yes' nor 'no'/], ['marks=yes&from=5', qr/one boot/], ['width=9', qr/width/], ['kind=count,handling', qr/at most 1/], ['title=x', qr/title/]) {
	my $r = graph('svg', $_->[0]);
	is($r->{status}, 400, "$_->[0] is refused");
	like($r->{content}, $_->[1], 'with why');
}

my ($kernel) = map { $_->{to} } grep { $_->{name} eq 'firmware' } @{ json('/api/v1/vms/guest/phases?boot=1')->{phases} };
my @phases = grep { /^(firmware|kernel|initramfs|userspace|running)$/ } texts(svg('boot=1&to=' . ($kernel + 30)));
cmp_ok(scalar @phases, '>=', 3, "a boot is drawn with its phases (@phases)");
is(scalar(grep { /^(kernel|userspace|running)$/ } texts(svg("from=$boot->{opened}"))), 0, 'a range over boots without');

# ---- labels ----
my $peer = accept_at($listener);
my $id = 'q' x 16;
my @labels = ("`touch $dir/pwned`", "'; system('touch $dir/pwned'); '", "\"; !touch $dir/pwned", '@pwned \\', '{/Symbol abc}', '<script>alert(1)</script>', '%s %n', '$2');
syswrite($peer, hello2($id, 1e9) . sample2(1000, exits => 100));
my $n = 2000;
for my $label (@labels) {
	syswrite($peer, mark($n, label => $label) . sample2($n + 500, exits => $n));
	$n += 1000;
}
ok(acked($peer, $n - 500), 'a guest marks what a shell or gnuplot might obey');
my $r = $http->get("$url/api/v1/vms/hostile/graph.svg?marks=yes");
is($r->{status}, 200, 'its graph is drawn') or diag($r->{content});
my %unescaped = map { s/&lt;/</gr =~ s/&gt;/>/gr =~ s/&quot;/"/gr =~ s/&apos;|&#39;/'/gr =~ s/&amp;/&/gr => 1 } map { s/^\s+|\s+$//gr } texts($r->{content});
for (@labels) {
	my $drawn = tr/"\\/'\//r;
	$drawn =~ s/^\s+|\s+$//g;
	ok($unescaped{$drawn}, "'$_' is drawn as it is") or diag(join "\n", sort keys %unescaped);
}
unlike($r->{content}, qr/<script>/, 'and is no script');
ok(!-e "$dir/pwned", 'nothing was obeyed');

# ---- vmexitctl ----
sub ctl { my @words = @_; my $out = `$build/vmexitctl -s $dir/api.sock graph @words 2>&1`; return ($? >> 8, $out) }
for my $format (sort keys %magic) {
	is((ctl("--stacked -o $dir/x.$format guest"))[0], 0, "vmexitctl graph -o x.$format");
	like(slurp("$dir/x.$format"), $magic{$format}[0], 'writes that');
}
is((ctl('--format=png guest >/dev/null'))[0], 0, 'to a pipe');
is((ctl("-o $dir/./boot guest"))[0], 0, 'a name without an end, in a folder with a dot');
like(slurp("$dir/boot"), $magic{svg}[0], 'is SVG');
is_deeply([ctl("-o $dir/x.gif guest")], [2, "vmexitctl: error: 'gif' is none of svg, png and pdf; --format names one\nTry 'vmexitctl graph --help'.\n"], 'a format that there is not');
ok(!-e "$dir/x.gif", 'leaves no file');
my ($status, $said) = ctl("--stacked --log -o $dir/y.svg guest");
is($status, 1, 'what the daemon refuses');
like($said, qr/not both/, 'is said');
ok(!-e "$dir/y.svg", 'and leaves no file');
is(stop('daemon', 'TERM'), 0, 'vmexitd ends');

# ---- a gnuplot that is not what it should be ----
my %broken = (missing => "$dir/none", fails => program('fails', "#!/bin/sh\nexit 3\n"), cut => program('cut', "#!/bin/sh\necho '<svg>'\n"),
	      greedy => program('greedy', "#!/bin/sh\nexec yes\n"), dies => program('dies', "#!/bin/sh\nkill -9 \$\$\n"));
for my $name (sort keys %broken) {
	ok(daemon('--libvirt=off', "--gnuplot=$broken{$name}"), "a gnuplot that is '$name'");
	is(graph('svg')->{status}, 500, 'is said');
	is($http->get("$url/api/v1/vms")->{status}, 200, 'others are answered');
	is(stop('daemon', 'TERM'), 0, 'vmexitd ends');
}
# No program of that kind may write a file.
program('hangs', "#!/bin/sh\ncat /proc/self/fd/3 >/dev/null\n(echo a >>$dir/written)\nmkdir $dir/hanging.\$\$\nexec sleep 600\n");
ok(daemon('--libvirt=off', "--gnuplot=$dir/hangs"), 'one that hangs');
my @waiting;
for (1 .. 3) {
	my $child = fork() // die;
	if ($child == 0) {
		my $r = HTTP::Tiny->new(timeout => 60)->get("$vm/graph.svg");
		POSIX::_exit($r->{status} == 503 ? 0 : 1);
	}
	push @waiting, $child;
}
ok(wait_for('two at a time', 10, sub { 2 == (() = glob "$dir/hanging.*") }), 'is started for two at a time');
is($http->get("$url/api/v1/vms")->{status}, 200, 'while they hang others are answered');
is($http->get("$vm/series")->{status}, 200, 'with data as well');
for (@waiting) {
	waitpid($_, 0);
	is($?, 0, 'who waits for a graph is told to try again');
}
my @hanging = map { /(\d+)$/ } glob "$dir/hanging.*";
ok(!-s "$dir/written", 'none writes a file');
ok(wait_for('their end', 5, sub { !grep { -e "/proc/$_" } @hanging }), 'and what hung is ended');
is(stop('daemon', 'TERM'), 0, 'vmexitd ends');

done_testing();
