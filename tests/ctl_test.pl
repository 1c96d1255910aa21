#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# vmexitctl as a whole, in a shell and in a terminal: each command's JSON and statuses, the
# live view's keys, its size and its way out, completion, and that the manual page has all of it.
use strict;
use warnings;
use Encode qw(decode_utf8);
use FindBin;
use IO::Uncompress::Gunzip qw(gunzip);
use lib "$FindBin::Bin/lib";
use Daemon;
use Frames;
use IO::Select;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);
use utf8;

binmode(Test::More->builder->$_, ":utf8") for qw(output failure_output);
my $ctl = "$build/vmexitctl";

# A program's output, status and complaints.
sub run { my (@words) = @_;
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
sub ctl { return run($ctl, '-s', "$dir/api.sock", @_) }
# The one document of --json, or undef.
sub document { my $r = shift; return $r->{out} =~ /^[^\n]+\n\z/ ? eval { JSON::PP->new->utf8->allow_nonref->decode($r->{out}) } : undef }

gunzip("$FindBin::Bin/data/debian-svm/vmexit.db.gz" => "$dir/v.db") or BAIL_OUT('no recording');
ok(daemon(), 'vmexitd serves a recording and a domain of libvirt') or BAIL_OUT('no daemon');
ok(wait_for('the domain', 20, sub { vm('test')->{id} }), 'and has found that');

# ---- JSON ----
subtest '--json' => sub {
	for (['list'], ['detach', 'test'], ['backup', "--database=$dir/v.db", "$dir/copy.db"], ['export', '-o', "$dir/long.csv", '--format=long', 'guest'],
	     ['import', "--database=$dir/new.db", "$dir/long.csv"], ['sql', "--database=$dir/v.db", 'SELECT count(*) AS n FROM boots'],
	     ['marks', 'guest'], ['compare', 'guest:1', 'guest:1'], ['report', 'guest'], ['graph', 'guest', '-o', "$dir/x.svg"]) {
		my $r = ctl('--json', @$_);
		ok($r->{status} == 0 && $r->{err} eq '', "$_->[0]: status 0") or diag($r->{err});
		ok(document($r), 'and one document') or diag($r->{out});
	}
	is(document(ctl('-j', 'export', '-o', "$dir/long.csv", 'guest'))->{bytes}, -s "$dir/long.csv", 'export: what was written');
	is(document(ctl('list', '--json'))->{vms}[0]{name}, 'guest', 'behind the command, too');
	is_deeply(document(ctl('-j', 'sql', "--database=$dir/v.db", 'SELECT 5 AS n')), [{ n => 5 }], 'sql: rows');
	ok(document(ctl('-j', '--version'))->{version}, 'the version') };

subtest '--json, refused' => sub {
	for ([1, 'rate', 'nobody', '5'], [1, 'attach', 'nobody'], [1, 'attach', "\xff"], [1, 'export', '-o', "$dir/x", 'nobody'], [1, 'backup', "--database=$dir/none.db", "$dir/x"],
	     [1, 'import', "--database=$dir/x.db", "$dir/none.csv"], [1, 'sql', "--database=$dir/none.db"], [1, 'marks', 'nobody'], [1, 'compare', 'guest:1', 'nobody:1'], [1, 'report', 'nobody'], [1, 'graph', '-o', "$dir/x.svg", 'nobody'], [1, 'top', 'nobody'], [2, 'rate', 'guest', 'often'],
	     [2, 'rate', 'guest'], [2, 'list', '--bad'], [2, 'list', 'word'], [2, 'lst'], [2], [2, 'export', 'guest'], [2, 'list', "--\x1b\xff"]) {
		my ($status, @words) = @$_;
		my $r = ctl('--json', @words);
		is($r->{status}, $status, join ' ', @words, ": status $status");
		my $document = document($r) // {};
		ok(length $document->{error} && keys %$document >= 1, 'the error as a document') or diag("'$r->{out}' '$r->{err}'");
		like($r->{err}, qr/^vmexitctl: error: ./, 'and in words');
	}
	my $r = run($ctl, '-j', "--socket=$dir/none.sock", 'list');
	like(document($r)->{error}, qr/nobody answers at/, 'no daemon: the same');
	is(ctl('list', '--bad', '-j')->{out} =~ /^\{"error"/, 1, 'also where --json stands behind what is wrong');
	is(ctl('list', '--bad')->{out}, '', 'without it, nothing is printed');
	$r = run('sh', '-c', "$ctl -s $dir/api.sock list >/dev/full");
	ok($r->{status} == 1 && $r->{err} =~ /cannot write: No space/, 'output that fails is a failure') };

# ---- options and help ----
subtest 'options' => sub {
	my @commands = ctl('--help')->{out} =~ /^  ([a-z]+) /mg;
	for my $command (@commands) {
		my $r = ctl($command, '--help');
		like($r->{out}, qr/^Usage: vmexitctl $command\b.*\n[A-Z].*\.\n/, "$command --help");
		is(ctl('--help', $command)->{out}, ctl('--help')->{out}, 'in front of it, all of it');
		next if $command eq 'sql';
		$r = ctl($command, '--nothing');
		ok($r->{status} == 2 && $r->{err} =~ /--nothing is not known.*\nTry 'vmexitctl $command --help'\.\n\z/, 'an option that is not there: where to look') or diag($r->{err});
	} };

# ---- the manual page ----
subtest 'vmexitctl(1)' => sub {
	my $page = slurp("$FindBin::Bin/../daemon/ctl/vmexitctl.1");
	my @commands = ctl('--help')->{out} =~ /^  ([a-z]+) /mg;
	cmp_ok(scalar @commands, '>=', 13, 'commands');
	for my $command (@commands) {
		my $help = ctl($command, '--help')->{out};
		my ($synopsis) = $page =~ /^(\.Cm (?:[a-z]+ [|,] )*$command\b(?:(?!^\.Nm$).)*)/ms;
		ok($page =~ /^\.It Cm $command\b/m && $synopsis, "$command is in the page");
		my %letter = reverse $help =~ /^  -(\w), --([a-z-]+)/mg;
		my @options = $help =~ /^  (?:-\w, )?--([a-z-]+)/mg;
		is_deeply([grep { my $l = $letter{$_}; $page !~ ($l ? qr/^\.It Fl $l , -$_\b/m : qr/^\.It (?:-[a-z-]+ , |Fl (?:-[a-z-]+ , )?)*-$_\b/m) } @options], [], 'with all options and their letters');
		is_deeply([grep { my $l = $letter{$_} // 'none'; !/^(json|socket|help|version)$/ && $synopsis !~ /-$_\b|^\.Op Fl $l\b/m } @options], [], 'its own ones in its synopsis');
	}
	my ($keys) = $page =~ /^Keys:\n(.*?)^\.El/ms;
	ok($keys, 'the live view has keys') or return;
	my %documented = map { s/^\\&//r => 1 } map { split / , / } $keys =~ /^\.It (.*)/mg;
	my $top = slurp("$FindBin::Bin/../daemon/ctl/top.c");
	my %known = map { $_ => 1 } $top =~ /^\tcase '(.)':/mg;
	delete $known{' '};
	cmp_ok(scalar keys(%known), '>=', 13, 'which are letters');
	is_deeply([grep { !$documented{$_} } sort keys(%known)], [], 'all of which the page has') };

# ---- completion ----

my $completion = "$FindBin::Bin/../daemon/ctl/completion/vmexitctl";
# What bash would offer at the end of a line, with its own idea of words.
sub offers { my ($words, @given) = @_;
	my @words = @$words;
	open(my $script, '>', "$dir/offers.sh");
	print $script "source $completion\nCOMP_WORDS=(" . join(' ', map { s/'/'\\''/gr =~ s/.*/'$&'/sr } @words) . ")\n",
		"COMP_CWORD=$#words COMP_LINE='" . ($given[0] =~ s/'/'\\''/gr) . "'; COMP_POINT=\${#COMP_LINE}\nCOMP_WORDBREAKS=\$' \\t\\n\"\\'><=;|&(:'\n",
		"_vmexitctl $ctl\nprintf '%s\\n' \"\${COMPREPLY[@]}\"\n";
	close $script;
	return [split /\n/, run('bash', '--norc', "$dir/offers.sh")->{out}] }

subtest 'completion in bash' => sub {
	my @commands = ctl('--help')->{out} =~ /^  ([a-z]+) /mg;
	is_deeply(offers(['vmexitctl', ''], 'vmexitctl '), \@commands, 'all commands');
	for my $command (@commands) {
		my %offered = map { s/=$//r => 1 } @{ offers(['vmexitctl', $command, '--'], "vmexitctl $command --") };
		my @options = ctl($command, '--help')->{out} =~ /^  (?:-\w, )?(--[a-z-]+)/mg;
		@options = grep { $_ eq '--database' } @options if $command eq 'sql';
		is_deeply([sort keys %offered], [sort @options], "$command: all options of its help");
	}
	my @s = ('vmexitctl', '-s', "$dir/api.sock");
	is_deeply(offers([@s, 'top', 'g'], "@s top g"), ['guest'], 'VMs that the daemon has');
	is_deeply(offers([@s, 'export', 'guest', '--boot', '=', ''], "@s export guest --boot="), ['latest', '1'], 'boots of the one, behind what bash takes for a word');
	is_deeply(offers([@s, 'compare', 'guest', ':'], "@s compare guest:"), ['1'], 'and behind a VM');
	is_deeply(offers([@s, 'graph', 'guest', '--reason', '=', 'cp'], "@s graph guest --reason=cp"), ['cpuid'], 'exit reasons that it had');
	ok(@{ offers([@s, 'export', 'guest', '--mark', ''], "@s export guest --mark ") } > 2, 'marks');
	is_deeply(offers([@s, 'top', 'nobody'], "@s top nobody"), [], 'nothing of what is not there');
	is_deeply(offers(['vmexitctl', '-s', '/none', 'top', ''], 'vmexitctl -s /none top '), [], 'nor without a daemon') };

# ---- guests that never tire, and a terminal ----

stop('daemon', 'TERM');
my @guests = ('web-1', 'web-2');
my %listener = map { $_ => listen_at($_) } @guests;
my $boots = time;

# Each sends 5 samples a second from a child process, web-2 twice as many exits; whenever the
# daemon comes anew, it is greeted anew.
sub play {
	my $pid = fork() // die "fork: $!";
	if ($pid) { $running{guests} = $pid; return }
	my %peer;
	for my $i (1 .. 5 * 600) {
		for my $k (1 .. @guests) {
			my ($name, $at) = ($guests[$k - 1], IO::Select->new($listener{$guests[$k - 1]}));
			if ($at->can_read(0)) {
				$peer{$name} = $listener{$name}->accept;
				syswrite($peer{$name}, hello2(pack('A16', $name), 1e12, generation => $k));
			}
			next unless $peer{$name};
			# An agent that reads nothing is not read either, after a while.
			recv($peer{$name}, my $answers, 65536, Socket::MSG_DONTWAIT());
			my @n = map { $_ * $k * $i } 80, 20, 10;
			syswrite($peer{$name}, sample2($i * 200_000, generation => $k, exits => $n[0] + $n[1] + $n[2], handling => $i * 8e6, away => [$i * 4e7, 0],
						       host => int($boots) * 1_000_000_000 + ($i - 1) * 200_000_000, lists => reasons([120, $n[0], $i * 4e6, $i * 2e7], [123, $n[1], $i * 4e6, $i * 2e7], [9999, $n[2], 0, 0])));
		}
		my $wait = $boots + $i * 0.2 - time;
		sleep $wait if $wait > 0;
	}
	POSIX::_exit(0) }

# Rates as they are shown.
my $near = { map { my $n = $_; $n => '(?:' . join('|', int($n * 0.99) .. int($n * 1.01)) . ')\\.\\d' } 50, 100, 400, 550, 800, 1100, 1650 };

sub serve { return daemon('--libvirt=off', map { "--channel=$_=$dir/$_.sock" } @guests) }

# A name that a terminal would obey: an agent's host may call a VM so.
is(system('sqlite3', "$dir/v.db", q{UPDATE vm SET name = char(27) || '[2J' || char(27) || ']2;owned' || char(7, 155) || '31m' || char(8238) || 'evil' WHERE name = 'guest'}), 0, 'a hostile name');
ok(serve(), 'vmexitd serves it, and two guests');
play();
ok(wait_for('samples', 20, sub { (vm('web-2')->{guest}{exits} // 0) > 500 }), 'which send');

# A terminal of its own, with a shell in it.
sub tmux { return run('tmux', '-S', "$dir/tmux.sock", '-f', '/dev/null', @_) }
sub screen { return decode_utf8(tmux('capture-pane', '-p', @_)->{out}) }
sub press { tmux('send-keys', @_) }
sub type { tmux('send-keys', '-l', $_[0]); tmux('send-keys', 'Enter') }
sub state { return tmux('display-message', '-p', "#{$_[0]}")->{out} =~ s/\n//r }
sub shows { my ($what, $pattern, $seconds) = @_;
	my $r = ok(wait_for($what, $seconds // 15, sub { screen() =~ $pattern }), $what) or diag("the screen:\n" . screen());
	return $r }
# What a command line prints, between two marks; its status.
my $mark = 0;
sub in_shell { my $line = shift;
	my $n = ++$mark;
	type("clear; $line; echo done$n=\$?");
	my ($status) = wait_for($line, 20, sub { screen() =~ /^done$n=(\d+)/m ? [$1] : undef }) // [-1];
	return { out => screen() =~ s/^done.*//msr, status => $status->[0] } }
my $owner = $$;
END { local $?; tmux('kill-server') if $$ == $owner && -S "$dir/tmux.sock" }

{
	local %ENV = (%ENV, LC_ALL => 'C.UTF-8', PS1 => '$ ', HISTFILE => '');
	delete @ENV{qw(NO_COLOR TMUX)};
	is(tmux(qw(new-session -d -x 80 -y 24 bash --norc --noprofile))->{status}, 0, 'a terminal');
}
in_shell('stty -g >' . "$dir/stty");
my $stty = slurp("$dir/stty");
like($stty, qr/^[0-9a-f:]+$/, 'has its settings');
sub top { type("$ctl -s $dir/api.sock top @_") }
# The program that runs in the terminal.
sub program { my ($shell) = state('pane_pid'); return run('ps', '-o', 'pid=', '--ppid', $shell)->{out} =~ /(\d+)/ ? $1 : undef }
# The terminal is as it was.
sub is_restored { my $what = shift;
	is(state('alternate_on') . state('cursor_flag') . state('keypad_flag'), '010', "$what: the screen, the cursor, the keypad are back");
	in_shell("stty -g >$dir/stty.now");
	is(slurp("$dir/stty.now"), $stty, 'and the settings') }

subtest 'top: keys' => sub {
	top();
	shows('all VMs, the highest rate first', qr/^vmexitctl top  [\d:]+  vmexitd \S+: ok  every 1 s\n.*\n\n NAME +STATE .*EXITS\/S↓.*\n>web-2 +running +connected +guest +$near->{1100} .*\n web-1 +running +connected +guest +$near->{550} /m);
	like(screen(), qr/^4 VMs, 2 running, $near->{1650} exits\/s in all; numbers: best$/m, 'and their sum');
	like(screen(), qr/^ web-1 .* 1\.00 +5\.00 /m, 'handled 4e7, away 2e8 cycles a second, of 2 vCPUs at 2 GHz');
	like(screen(), qr/^ \?\[2J\?\]2;owned… unknown/m, 'a hostile name is shown, and not obeyed');
	isnt(state('pane_title'), 'owned', 'in no way');
	press('Down', 'Enter');
	shows('the exits of the selected one', qr/^web-1: running, boot 1 by guest, $near->{550} exits\/s.*\n\n REASON .*\n>hlt +$near->{400} +72\.73 +0\.50 +2\.50 .*\n io +$near->{100} +18\.18 +0\.50 +2\.50 .*\n 9999 +$near->{50} +9\.09 /m);
	my ($total) = screen() =~ /^>hlt .* (\d+)$/m;
	ok(wait_for('another refresh', 10, sub { screen() =~ /^>hlt .* (\d+)$/m && $1 > $total && $1 % 80 == 0 }), 'and their sums');
	press('>');
	shows('sorted by the next column', qr/%EXITS↓/);
	press('r');
	shows('the other way round', qr/%EXITS↑.*\n>9999 .*\n io .*\n hlt/);
	press('BSpace');
	shows('back, at the same VM', qr/EXITS\/S↓.*\n web-2 .*\n>web-1/);
	press('<', '<', '<', '<');
	shows('sorted by name', qr/NAME↑.*\n \?.*\n test .*\n>web-1.*\n web-2/);
	press('f', 'W', 'E', 'B', '-', '2');
	shows('names with that', qr/filter 'WEB-2'\n\n.*\n>web-2 .*\n\n(.*\n)*Names with: WEB-2/);
	press('BSpace', 'x', 'Enter');
	shows('no name', qr/filter 'WEB-x'\n\n.*\n nothing is called like that\n(.*\n)*\? help/);
	press('Escape');
	shows('all again', qr/^.web-1 .*\n.web-2/m);
	press('g', 'g');
	shows('the host\'s numbers, of which there are none', qr/numbers: host\n\n.*\n.*\n.*\n.web-1 +running +connected +- +- +-/);
	press('g', 'd', '0', '.', '3', 'Enter');
	shows('another interval', qr/every 0\.3 s\n.*numbers: best/);
	press('d', '0', 'Enter');
	shows('which is none', qr/every 0\.3 s/);
	press('p');
	shows('a stop', qr/PAUSED/);
	my $still = screen();
	press('Down');
	shows('where keys work', qr/^>web-2/m);
	is(screen() =~ s/^[> ]//gmr, $still =~ s/^[> ]//gmr, 'and nothing else moves');
	press('p', '?');
	shows('help', qr/keys and columns\n(.*\n)*any key goes back/);
	press('q');
	shows('and back', qr/every 0\.3 s\n(.*\n)*\? help/);
	press('q');
	shows('the shell', qr/^\$ ?$/m);
	is_restored('q') };

subtest 'completion with keys' => sub {
	in_shell("source $completion; PATH=$build:\$PATH");
	tmux('send-keys', '-l', "vmexitctl -s $dir/api.sock top we");
	press('Tab');
	shows('what they have in common', qr/top web-$/m);
	press('1', 'Tab');
	shows('a VM, and it is over', qr/top web-1 ?$/m);
	press('C-u');
	tmux('send-keys', '-l', "vmexitctl -s $dir/api.sock comp");
	press('Tab');
	shows('a command', qr/sock compare ?$/m);
	tmux('send-keys', '-l', 'web-1');
	press('Tab');
	shows('goes on with the boot', qr/compare web-1:$/m);
	press('Tab');
	shows('which is there', qr/compare web-1:1 ?$/m);
	press('C-u');
	tmux('send-keys', '-l', "vmexitctl -s $dir/api.sock top 76d8");
	press('Tab');
	shows('a name that cannot be typed: the id', qr/top 76d86578-6974-4000-8000-00\n?0000000002/);
	press('C-u');
	tmux('send-keys', '-l', "vmexitctl backup $dir/v.d");
	press('Tab');
	shows('files', qr{/v\.db ?$}m);
	press('C-u');
	in_shell('true');
	type('clear; zsh -f');
	type("PS1='zsh ' fpath=($FindBin::Bin/../daemon/ctl/completion \$fpath); autoload -Uz compinit && compinit -u -D && clear && echo ready");
	shows('zsh', qr/^ready\nzsh ?$/m);
	for (["top we\t1\t", qr/top web-1 ?$/m], ["export web-1 --boot=la\t", qr/--boot=latest ?$/m], ["compare web-1\t\t", qr/compare web-1:1 ?$/m], ["export -o $dir/v.d\t", qr{/v\.db ?$}m]) {
		my ($typed, $pattern) = @$_;
		tmux('send-keys', '-l', $_) for "vmexitctl -s $dir/api.sock ", $typed =~ /[^\t]+|\t/g;
		shows('there, too: ' . $typed =~ s/\t/ Tab /gr, $pattern);
		press('C-u');
	}
	type('exit');
	in_shell('true') };

subtest 'top: sizes' => sub {
	top('web-2');
	shows('one VM at once', qr/^web-2: running/m);
	tmux('resize-window', '-x', 40, '-y', 10);
	shows('narrow', qr/\A.{1,40}\n.{1,40}\n\n? REASON +EXITS\/S↓[^\n]{0,20}\n>hlt +$near->{800}/);
	unlike(screen(), qr/TOTAL/, 'without what there is no room for');
	tmux('resize-window', '-x', 150, '-y', 40);
	shows('wide', qr/REASON +EXITS\/S↓ +%EXITS +HANDL% +AWAY% HISTORY +TOTAL\n>hlt +$near->{800} .{60,} \d+\n(.*\n)+/);
	press('Escape');
	shows('all VMs, all columns', qr/NAME .* EXITS NOTE/);
	tmux('resize-window', '-x', 3, '-y', 2);
	ok(wait_for('tiny', 10, sub { screen() =~ /\A.{0,3}\n.{0,3}\n\z/ }) && program(), 'as small as can be, it lives');
	tmux('resize-window', '-x', 80, '-y', 24);
	shows('and comes back', qr/NAME .*\n>web-2/);
	press('q');
	shows('the shell', qr/^\$ ?$/m) };

subtest 'top: the daemon goes away and comes back' => sub {
	top();
	shows('at first it is there', qr/^>web-2 .* $near->{1100}/m);
	stop('daemon', 'KILL');
	shows('gone: since when, and what was known', qr/^vmexitd does not answer since \d\d:\d\d:\d\d \(.*\); trying again\n NAME.*\n>web-2 .* $near->{1100}/m);
	press('?');
	shows('keys work', qr/keys and columns/);
	press('?');
	ok(serve(), 'it comes back');
	shows('and all goes on', qr/numbers: best\n\n NAME.*\n>web-2 .* $near->{1100}/, 30);
	kill('STOP', $running{daemon});
	press('?');
	shows('it hangs: keys work', qr/keys and columns/);
	press('?');
	shows('what was measured is not shown for ever', qr{^.web-2 +running +connected +guest +- +- +- }m, 60);
	kill('CONT', $running{daemon});
	shows('and all goes on', qr/numbers: best\n\n NAME.*\n>web-2 .* $near->{1100}/, 30);
	press('C-z');
	shows('stopped', qr/Stopped/);
	is_restored('Ctrl-Z');
	type('fg');
	shows('and in front again', qr/^>web-2 .* $near->{1100}/m);
	kill('STOP', program());
	shows('stopped by another', qr/Stopped/);
	type('fg');
	ok(wait_for('it to go on', 10, sub { run('ps', '-o', 'stat=', '-p', program())->{out} =~ /^[SR]\S*\+/ }), 'in front again');
	press('?');
	shows('its keys work', qr/\A.*keys and columns\n/);
	press('x');
	shows('on a screen of its own', qr/\Avmexitctl top .*\n.*\n\n NAME.*\n>web-2 .* $near->{1100}.*\n(.*\n)*\? help.*\n\z/);
	press('C-c');
	shows('Ctrl-C', qr/^\$ ?$/m);
	is_restored('Ctrl-C') };

subtest 'top: the terminal after signals' => sub {
	for (['TERM', 143], ['HUP', 129], ['INT', 0], ['QUIT', 131], ['SEGV', 139], ['ABRT', 134]) {
		my ($signal, $status) = @$_;
		type("clear; ulimit -c 0; $ctl -s $dir/api.sock top; echo status=\$?");
		shows("$signal comes to what runs", qr/^>web-2/m);
		kill($signal, program());
		shows("it ends by it", qr/^status=$status$/m);
		is_restored($signal);
	} };

subtest 'top: terminals' => sub {
	for (['TERM=dumb', qr/'dumb' cannot place its cursor/], ['TERM=nothing-like-it', qr/'nothing-like-it' is not known/], ['TERM=', qr/terminal '' is not known/]) {
		my ($how, $words) = @$_;
		my $r = in_shell("$how $ctl -s $dir/api.sock top");
		is($r->{status}, 1, "$how: status 1");
		like($r->{out} =~ s/\n//gr, $words, 'and why');
	}
	is_restored('a terminal that is none');
	my $r = ctl('top');
	ok($r->{status} == 1 && $r->{err} =~ /no terminal; --batch prints/, 'a pipe: what to do');
	for (['', qr/\e\[[0-9;]*3[36]m/], ['NO_COLOR=1', qr/\e\[[0-9;]*7m/]) {
		my ($how, $has) = @$_;
		type("clear; $how $ctl -s $dir/api.sock top");
		shows("colours, $how", qr/^>web-2/m);
		my $screen = screen('-e');
		like($screen, $has, 'what stands out');
		($how ? \&unlike : \&like)->($screen, qr/\e\[[0-9;]*3[0-7]m/, $how ? 'without colours' : 'with colours');
		press('q');
		shows('the shell', qr/^\$ ?$/m);
	}
	type("clear; LC_ALL=C $ctl -s $dir/api.sock top");
	shows('a locale without UTF-8', qr/EXITS\/Sv .*\n>web-2/);
	press('q');
	shows('the shell', qr/^\$ ?$/m);
	top();
	shows('a terminal that is closed', qr/^>web-2/m);
	my $pid = program();
	tmux('respawn-pane', '-k', 'bash --norc --noprofile');
	ok(wait_for('it to end', 10, sub { !kill(0, $pid) }), 'ends what runs in it');
	# In a session of its own, whose terminal this is not.
	type("setsid $ctl -s $dir/api.sock top");
	shows('one that nobody tells', qr/^>web-2/m);
	($pid) = run('ps', '-eo', 'pid=,args=')->{out} =~ m{^ *(\d+) \Q$ctl -s $dir/api.sock top\E *$}m;
	ok($pid, 'runs');
	tmux('kill-server');
	ok(wait_for('it to end', 10, sub { !kill(0, $pid) }), 'does, too') };

subtest 'top for a pipe' => sub {
	my $r = ctl('top', '-b', '-n', 2, '-d', '0.5');
	is($r->{status}, 0, '--batch');
	my @tables = split /\n\n/, $r->{out};
	is(scalar @tables, 2, 'as many tables as wanted');
	like($tables[1], qr/^\d{4}-\d\d-\d\d [\d:]+  vmexitd \S+: ok\nNAME .*NOTE\nweb-2 .* $near->{1100} .*\nweb-1 .* $near->{550}/, 'of all columns');
	unlike($r->{out}, qr/[\x00-\x09\x0b-\x1f\x7f]/, 'nothing in it commands a terminal');
	$r = ctl('-j', 'top', '-n', 3, '-d', '0.4');
	my @lines = map { decode_json($_) } split /\n/, $r->{out};
	is(scalar @lines, 3, '--json: a line a refresh');
	my ($vm) = grep { $_->{name} eq 'web-2' } @{ $lines[2]{vms} };
	is_deeply([@$vm{qw(id state agent source note)}], ['web-2', 'running', 'connected', 'guest', ''], 'of a VM');
	ok(abs($vm->{rate} / 1100 - 1) < 0.001 && abs($vm->{handling_share} / 0.01 - 1) < 0.001 && $vm->{exits} % 220 == 0, 'with its numbers') or diag(explain($vm));
	ok(abs($lines[2]{t} - time) < 60 && !$lines[2]{error}, 'at a time');
	$r = ctl('--json', 'top', 'web-1', '--count=2', '--interval=0.5', '--sort=total', '--reverse');
	@lines = map { decode_json($_) } split /\n/, $r->{out};
	is_deeply([map { $_->{number} } @{ $lines[1]{reasons} }], [9999, 123, 120], 'of one VM: sorted as asked');
	my %by = map { $_->{reason} => $_ } @{ $lines[1]{reasons} };
	ok(abs($by{hlt}{rate} / 400 - 1) < 0.001 && abs($by{hlt}{count_share} - 400 / 550) < 1e-6 && abs($by{hlt}{away_share} / 0.025 - 1) < 0.001, 'its reasons, in rates') or diag(explain($lines[1]));
	is($by{9999}{number}, 9999, 'also without a name');
	is_deeply([map { $_->{name} } @{ decode_json(ctl(qw(-j top -n 1 -f EB-1))->{out})->{vms} }], ['web-1'], 'filtered');
	is(decode_json(ctl(qw(-j top -n 1 -f web --source host))->{out})->{vms}[0]{rate}, undef, 'of one source');
	is(run('sh', '-c', "$ctl -s $dir/api.sock top -b -d 0.1 | head -n 3")->{out} =~ tr/\n//, 3, 'a reader that goes away ends it');
	for (['-n', '0'], ['-n', '-1'], ['-n', 'x'], ['-d', '0'], ['-d', '1x'], ['-d', 'nan'], ['-o', 'nothing'], ['-o', 'history'], ['--source', 'both'], ['a', 'b']) {
		is(ctl('top', '-b', @$_)->{status}, 2, "@$_: status 2");
	}
	$r = ctl('top', '-b', 'nobody');
	ok($r->{status} == 1 && $r->{err} =~ /no VM 'nobody'/, 'no such VM');
	like(ctl('top', '-o', 'x')->{err}, qr/no column 'x' to sort by, but name, state, /, 'which columns there are');
	$r = run($ctl, '-s', "$dir/none.sock", 'top', '-b');
	ok($r->{status} == 1 && $r->{err} =~ /nobody answers/, 'no daemon: it does not begin');
	# And one that goes away while it runs.
	start('top', $ctl, '-j', '-s', "$dir/api.sock", 'top', '-d', '0.2');
	ok(wait_for('lines', 10, sub { slurp("$dir/top.out") =~ /\n/ }), 'it runs');
	stop('daemon', 'KILL');
	ok(wait_for('an error', 20, sub { slurp("$dir/top.out") =~ /"error":"vmexitd does not answer since / }), 'when the daemon goes, each line says so');
	ok(serve(), 'until it is back');
	ok(wait_for('no error', 20, sub { slurp("$dir/top.out") =~ /"error":"[^\n]*\n(?:.*\n)*.*"error":null\}\n\z/ }), 'and then no more');
	rename("$dir/v.db", "$dir/gone.db");
	ok(wait_for('its illness', 20, sub { slurp("$dir/top.out") =~ /"error":"vmexitd stores no samples: [^"]+"\}\n\z/ }), 'and that it stores nothing, if so');
	rename("$dir/gone.db", "$dir/v.db");
	is(stop('top', 'TERM') & 127, POSIX::SIGTERM(), 'it ends when told to');
	unlike(slurp("$dir/top.log"), qr/./, 'without a complaint') };

is(stop('daemon', 'TERM'), 0, 'vmexitd ends');
unlike(slurp("$dir/daemon.log"), qr/Sanitizer|runtime error/, 'and no sanitizer complained');
done_testing();
